//! The state directory: its files by name, its lock, and writes after which a crash leaves the old file or the new one.
//!
//! Files that are not the program's are left alone. One that can't be used is renamed, and one such file of each name
//! stays, so that a start that fails again and again does not fill the disk.

use crate::observe::describe::plain;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Time for which another program that has the directory is waited for: one that stops takes as long.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What the files say is no secret, but who may write them decides what routers accept.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// The file that is locked.
const LOCK: &str = "lock";

/// The ending of a file that is being written, and of one that can't be used.
const NEW: &str = "new";
const UNUSABLE: &str = "unusable";

/// A file of the state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileName {
    /// The set that is served.
    Snapshot,
    /// Changes.
    Log(u64),
    /// The tables of a source, by the hash of its place: a place may have secrets in it.
    Source(SourceHash),
}

/// Hash of the place of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceHash(pub(crate) u64);

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Snapshot => f.write_str("snapshot"),
            FileName::Log(number) => write!(f, "log-{number:010}"),
            FileName::Source(SourceHash(hash)) => write!(f, "source-{hash:016x}"),
        }
    }
}

impl FileName {
    /// Returns the number of a log.
    pub(super) fn log_number(&self) -> Option<u64> {
        match self {
            FileName::Log(number) => Some(*number),
            FileName::Snapshot | FileName::Source(_) => None,
        }
    }

    /// Returns the hash of a source.
    pub(super) fn source_hash(&self) -> Option<SourceHash> {
        match self {
            FileName::Source(hash) => Some(*hash),
            FileName::Snapshot | FileName::Log(_) => None,
        }
    }

    /// Reads a name; none if it is not that of a file of the state.
    fn parse(name: &str) -> Option<FileName> {
        let parsed = match name.split_once('-') {
            None if name == "snapshot" => FileName::Snapshot,
            Some(("log", number)) => FileName::Log(number.parse().ok()?),
            Some(("source", hash)) => FileName::Source(SourceHash(u64::from_str_radix(hash, 16).ok()?)),
            None | Some(_) => return None,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

/// Why a directory can't be used.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// Another program has it, and does not end.
    InUse,
    /// The system does not allow what is needed.
    Io { doing: &'static str, error: io::Error },
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectoryError::InUse => {
                write!(
                    f,
                    "another rtrcast still uses it after {} s of waiting; each needs a directory of its own",
                    LOCK_WAIT.as_secs()
                )
            }
            DirectoryError::Io { doing, error } => write!(f, "can't {doing}: {}", plain(error)),
        }
    }
}

/// What a directory takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectoryUsage {
    /// Octets of all files.
    pub(crate) octets: u64,
    /// Number of logs.
    pub(crate) logs: usize,
}

/// A directory that this program alone uses.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    /// Held until the program ends.
    lock: File,
    /// True if the file system knows no locks.
    pub(crate) is_unlocked: bool,
}

impl StateDirectory {
    /// Opens a directory, which is made if it is missing. It waits for another program that has it.
    pub(crate) fn open(path: &Path) -> Result<StateDirectory, DirectoryError> {
        let io = |doing: &'static str| move |error: io::Error| DirectoryError::Io { doing, error };
        fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(io("make it"))?;
        let lock = options().append(true).open(path.join(LOCK)).map_err(io("write the file \"lock\" in it"))?;
        let (lock, is_unlocked) = match lock.try_lock() {
            Ok(()) => (lock, false),
            Err(TryLockError::WouldBlock) => (wait_for(lock)?, false),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => (lock, true),
            Err(TryLockError::Error(error)) => return Err(DirectoryError::Io { doing: "lock it", error }),
        };
        let directory = StateDirectory { path: path.to_owned(), lock, is_unlocked };
        directory.remove_unfinished().map_err(io("remove files in it"))?;
        Ok(directory)
    }

    /// Goes on with a directory whose lock the program before this one has handed over.
    pub(crate) fn handed_over(path: &Path, lock: OwnedFd) -> StateDirectory {
        StateDirectory { path: path.to_owned(), lock: lock.into(), is_unlocked: false }
    }

    /// Returns another descriptor of the lock, which keeps it as well.
    pub(crate) fn lock_descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    /// Removes files that were being written when a program crashed.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_unfinished = |name: &str| is_ours(name) && name.ends_with(NEW);
            if entry.file_name().to_str().is_some_and(is_unfinished) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes the lock anew if somebody removed its file, or the whole directory: another program could take it.
    pub(super) fn check_lock(&mut self) -> io::Result<()> {
        if self.lock.metadata()?.nlink() > 0 {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&self.path)?;
        let lock = options().append(true).open(self.path.join(LOCK))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another rtrcast uses the directory")),
            Err(TryLockError::Error(error)) if !has_no_locks(&error) => return Err(error),
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        self.lock = lock;
        Ok(())
    }

    /// Returns the path of a file.
    pub(crate) fn path(&self, name: &FileName) -> PathBuf {
        self.path.join(name.to_string())
    }

    /// Returns the files of the state, in order.
    pub(crate) fn files(&self) -> io::Result<Vec<FileName>> {
        files(&self.path)
    }

    /// Returns what the files take.
    pub(super) fn usage(&self) -> io::Result<DirectoryUsage> {
        let mut usage = DirectoryUsage::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            // One that an operator has just removed takes nothing.
            usage.octets += entry.metadata().map_or(0, |metadata| metadata.len());
            usage.logs += usize::from(FileName::parse(name).is_some_and(|name| name.log_number().is_some()));
        }
        Ok(usage)
    }

    /// Replaces a file as a whole: what `write` writes is on the disk before it has the name.
    pub(crate) fn replace(
        &self,
        name: &FileName,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let (path, new) = (self.path(name), self.path.join(format!("{name}.{NEW}")));
        let outcome = (|| {
            let file = options().write(true).truncate(true).open(&new)?;
            let mut buffered = io::BufWriter::with_capacity(256 * 1024, file);
            write(&mut buffered)?;
            let file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            self.sync()
        })();
        if outcome.is_err() {
            // It would take room on a disk that may be full.
            let _ = fs::remove_file(&new);
        }
        outcome
    }

    /// Begins a log with its header, which is on the disk then.
    pub(crate) fn begin_log(&self, number: u64, header: &[u8]) -> io::Result<File> {
        let mut file = options().append(true).create_new(true).open(self.path(&FileName::Log(number)))?;
        file.write_all(header)?;
        file.sync_all()?;
        self.sync()?;
        Ok(file)
    }

    /// Renames a file that can't be used; one that was renamed before goes. Returns the new name.
    pub(crate) fn set_aside(&self, name: &FileName) -> io::Result<PathBuf> {
        // All logs share one name, or each start would leave another one.
        let aside = match name {
            FileName::Log(_) => self.path.join(format!("log.{UNUSABLE}")),
            FileName::Snapshot | FileName::Source(_) => self.path.join(format!("{name}.{UNUSABLE}")),
        };
        fs::rename(self.path(name), &aside)?;
        Ok(aside)
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &FileName) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    /// Has the names of the directory on the disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Returns the files of the state in a directory, in order: also while another program uses it.
pub(crate) fn files(path: &Path) -> io::Result<Vec<FileName>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // A directory or a pipe with such a name is not ours.
        if entry.file_type()?.is_file() {
            files.extend(entry.file_name().to_str().and_then(FileName::parse));
        }
    }
    files.sort();
    Ok(files)
}

/// Returns whether a name is that of a file of the state, of one that is being written, or of one that can't be used.
fn is_ours(name: &str) -> bool {
    let plain = [NEW, UNUSABLE].iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'));
    plain == Some("log") || FileName::parse(plain.unwrap_or(name)).is_some()
}

/// Returns whether a file system has no locks: NFS without its daemon says so by another error.
fn has_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errors = [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP];
    errors.iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(FILE_MODE);
    options
}

/// Waits for a lock, for [`LOCK_WAIT`].
fn wait_for(lock: File) -> Result<File, DirectoryError> {
    let (taken, waiting) = mpsc::sync_channel(1);
    // A thread that waits in vain ends with the program.
    thread::spawn(move || {
        let outcome = lock.lock().map(|()| lock);
        let _ = taken.send(outcome);
    });
    match waiting.recv_timeout(LOCK_WAIT) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(error)) => Err(DirectoryError::Io { doing: "lock it", error }),
        Err(_) => Err(DirectoryError::InUse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("rtrcast-state-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_others_are_left_alone() {
        for name in [FileName::Snapshot, FileName::Log(0), FileName::Log(u64::MAX), FileName::Source(SourceHash(77))] {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }
        for other in ["lock", "snapshot.new", "snapshot.unusable", "log-1", "log-", "log-+000000001", "source-4d", "a"]
        {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_directory_is_made_and_its_files_are_listed_in_order() {
        let scratch = Scratch::new("files");
        let directory = StateDirectory::open(&scratch.0.join("a/b")).unwrap();
        for name in [FileName::Log(12), FileName::Source(SourceHash(1)), FileName::Log(3), FileName::Snapshot] {
            directory.replace(&name, |out| out.write_all(b"x")).unwrap();
        }
        fs::write(scratch.0.join("a/b/notes.txt"), "").unwrap();
        let names = directory.files().unwrap();
        assert_eq!(names, [FileName::Snapshot, FileName::Log(3), FileName::Log(12), FileName::Source(SourceHash(1))]);
    }

    #[test]
    fn a_failed_replacement_leaves_the_file_and_nothing_else() {
        let scratch = Scratch::new("replace");
        let directory = StateDirectory::open(&scratch.0).unwrap();
        directory.replace(&FileName::Snapshot, |out| out.write_all(b"first")).unwrap();
        assert_eq!(directory.usage().unwrap(), DirectoryUsage { octets: 5, logs: 0 });
        let failed = directory.replace(&FileName::Snapshot, |out| {
            out.write_all(b"half of the second")?;
            Err(io::Error::other("no room"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no room");
        assert_eq!(fs::read(directory.path(&FileName::Snapshot)).unwrap(), b"first");
        let mut names: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["lock", "snapshot"]);
    }

    #[test]
    fn a_log_is_begun_once() {
        let scratch = Scratch::new("log");
        let directory = StateDirectory::open(&scratch.0).unwrap();
        directory.begin_log(4, b"header").unwrap().write_all(b"change").unwrap();
        assert_eq!(fs::read(directory.path(&FileName::Log(4))).unwrap(), b"headerchange");
        assert_eq!(directory.begin_log(4, b"header").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn of_what_is_set_aside_one_copy_stays() {
        let scratch = Scratch::new("aside");
        let directory = StateDirectory::open(&scratch.0).unwrap();
        for text in ["first", "second"] {
            directory.replace(&FileName::Snapshot, |out| out.write_all(text.as_bytes())).unwrap();
            let aside = directory.set_aside(&FileName::Snapshot).unwrap();
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
        }
        for number in [1, 2] {
            directory.begin_log(number, b"").unwrap();
            directory.set_aside(&FileName::Log(number)).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["lock", "log.unusable", "snapshot.unusable"]);
    }

    #[test]
    fn a_directory_that_is_released_within_the_wait_is_taken() {
        let scratch = Scratch::new("lock");
        let first = StateDirectory::open(&scratch.0).unwrap();
        let path = scratch.0.clone();
        let second = thread::spawn(move || StateDirectory::open(&path).map(drop));
        drop(first);
        second.join().unwrap().unwrap();
    }
}
