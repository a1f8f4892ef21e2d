//! Where peers' programs are: on this machine, or in a folder that has the packages of another release of Debian.
//!
//! Those in a folder are started by `chroot`, and take it for the whole file system. What they share with the matrix
//! (configuration, keys, sockets) lies in the folder's own /tmp, so it has two names: ours, and `inside` theirs.

use crate::Outcome;
use crate::process::{Folder, find, output, package_version};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders in which programs are, if they are not named by their paths.
const PROGRAMS: [&str; 3] = ["/usr/sbin", "/usr/bin", "/usr/lib/frr"];

/// Whose packages a peer is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Machine,
    Debian13,
}

/// The folders of other releases, as far as they are there.
#[derive(Default)]
pub(crate) struct Roots {
    pub(crate) debian_13: Option<PathBuf>,
}

impl Roots {
    /// None where the release is missing, or only root could run its programs.
    pub(crate) fn of(&self, release: Release) -> Option<Root> {
        match release {
            Release::Machine => Some(Root::Machine),
            Release::Debian13 => {
                let folder = self.debian_13.clone().filter(|_| rustix::process::geteuid().is_root());
                folder.map(Root::Folder)
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Root {
    Machine,
    Folder(PathBuf),
}

impl Root {
    /// Starts a program of this release.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Root::Machine => Command::new(program),
            Root::Folder(root) => {
                let mut command = Command::new("chroot");
                command.arg(root).arg(program);
                command
            }
        }
    }

    /// A new folder that the programs see as well.
    pub(crate) fn folder(&self) -> Outcome<Folder> {
        match self {
            Root::Machine => Folder::new(),
            Root::Folder(root) => Folder::new_in(&root.join("tmp")),
        }
    }

    /// The name that the programs have for a path of ours.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        match self {
            Root::Machine => path.to_owned(),
            Root::Folder(root) => {
                path.strip_prefix(root).map_or_else(|_| path.to_owned(), |rest| Path::new("/").join(rest))
            }
        }
    }

    /// The name that we have for a path of theirs.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        match self {
            Root::Machine => PathBuf::from(path),
            Root::Folder(root) => root.join(path.trim_start_matches('/')),
        }
    }

    /// Lets the programs read a file of ours, and says how they name it: as it is, or a copy in a folder that they see.
    pub(crate) fn lend(&self, file: &Path, folder: &Path) -> Outcome<PathBuf> {
        let Root::Folder(_) = self else { return Ok(file.to_owned()) };
        let copy = folder.join(file.file_name().ok_or("a folder can't be lent")?);
        if copy != file {
            std::fs::copy(file, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        }
        Ok(self.inside(&copy))
    }

    /// The version of Debian's package, if the program is there.
    pub(crate) fn package_version(&self, package: &str, program: &str) -> Option<String> {
        let Root::Folder(root) = self else { return package_version(package, program) };
        self.find(program)?;
        let mut query = Command::new("dpkg-query");
        query.arg("--root").arg(root).args(["--show", "--showformat", "${Version}", package]);
        output(&mut query).ok()
    }

    /// The version of a package that is only unpacked, into /opt/PACKAGE.
    pub(crate) fn unpacked_version(&self, package: &str) -> Option<String> {
        let version = std::fs::read_to_string(self.outside(&format!("/opt/{package}/VERSION"))).ok()?;
        Some(version.trim().to_owned())
    }

    /// Whether there is such a program, and how it is named there.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        let Root::Folder(_) = self else { return find(program) };
        let path = PROGRAMS.map(|folder| format!("{folder}/{program}")).into_iter();
        path.map(|path| (self.outside(&path), path)).find(|(outside, _)| outside.is_file()).map(|(_, path)| path.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_folder_has_two_names() {
        let root = Root::Folder(PathBuf::from("/cache/debian"));
        let ours = root.outside("/tmp/work/ctl");
        assert_eq!(ours, Path::new("/cache/debian/tmp/work/ctl"));
        assert_eq!(root.inside(&ours), Path::new("/tmp/work/ctl"));
        assert_eq!(Root::Machine.inside(&ours), ours);
    }

    #[test]
    fn a_lent_file_is_read_where_it_is_or_as_a_copy_that_the_programs_see() {
        let (ours, other) = (Folder::new().expect("a folder"), Folder::new().expect("another"));
        let key = ours.put("key", b"secret").expect("a file");
        assert_eq!(Root::Machine.lend(&key, other.path()), Ok(key.clone()));
        let root = Root::Folder(other.path().to_owned());
        assert_eq!(root.lend(&key, other.path()), Ok(PathBuf::from("/key")));
        assert_eq!(std::fs::read(other.path().join("key")).ok().as_deref(), Some(&b"secret"[..]));
    }

    #[test]
    fn a_release_that_is_not_there_has_no_programs() {
        assert!(Roots::default().of(Release::Debian13).is_none());
        assert!(Roots::default().of(Release::Machine).is_some());
    }
}
