//! The peers of another release of Debian, for the interop matrix: its packages in a folder that their programs take for
//! the whole file system. mmdebstrap makes it once, from the mirror that apt of this machine is configured for.

use crate::peers::{self, Missing, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Debian 13.
const SUITE: &str = "trixie";
/// What is installed there.
const PACKAGES: &str = "bird2,frr-rpki-rtrlib,openbgpd,stayrtr";
/// It conflicts with bird2, and needs the same libraries. So it is only unpacked, into /opt, with a file that names its
/// version.
const UNPACKED: &str = "bird3";
/// Bears what was made, so that a folder that was made otherwise is made anew.
const STAMP: &str = "etc/rtrcast-peers";

/// The folder, made if it is not there; none if that can't be, which is said.
pub(crate) fn provide(missing: Missing) -> Result<Option<PathBuf>, String> {
    let folder = folder()?;
    if !peers::is_root() {
        println!("Debian 13's peers are left out: only root can run them, by chroot");
        return Ok(None);
    }
    if fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == wanted()) {
        return Ok(Some(folder));
    }
    if missing == Missing::Install {
        peers::provide("mmdebstrap", "--version", &["mmdebstrap"])?;
    } else if output(Command::new("mmdebstrap").arg("--version")).is_err() {
        println!("Debian 13's peers are left out: they take mmdebstrap, which Debian has in mmdebstrap");
        return Ok(None);
    }
    match make(&folder) {
        Ok(()) => Ok(Some(folder)),
        Err(error) if missing == Missing::LeaveOut => {
            println!("Debian 13's peers are left out: {error}");
            Ok(None)
        }
        Err(error) => Err(format!("Debian 13's peers: {error}")),
    }
}

/// In the folder of what is built, which nobody commits.
fn folder() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("where this program lies is not known: {error}"))?;
    let target = this.ancestors().nth(2).ok_or("this program lies in no folder")?;
    Ok(target.join("peers").join(SUITE))
}

/// What the stamp says.
fn wanted() -> String {
    format!("{SUITE}: {PACKAGES}; {UNPACKED} in /opt\n")
}

/// Makes it beside its place, and puts it there when it is complete.
fn make(folder: &Path) -> Result<(), String> {
    let started = Instant::now();
    let partial = folder.with_extension("partial");
    for former in [&partial, folder] {
        if former.exists() {
            remove(former)?;
        }
    }
    let parent = folder.parent().ok_or("the folder lies in no folder")?;
    fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=essential", "--include", PACKAGES]);
    for option in apt_options()? {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(format!("--customize-hook={}", unpack_hook())).arg(SUITE).arg(&partial).arg(mirror()?);
    println!("$ mmdebstrap {SUITE} {} with {PACKAGES} and {UNPACKED}", partial.display());
    let status = command.stdout(Stdio::null()).status().map_err(|error| format!("mmdebstrap: {error}"))?;
    if !status.success() {
        return Err(format!("mmdebstrap ended with {status}"));
    }
    fs::write(partial.join(STAMP), wanted())
        .and_then(|()| fs::rename(&partial, folder))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("Debian 13's peers are in {} after {:.0} s", folder.display(), started.elapsed().as_secs_f32());
    Ok(())
}

/// It has devices in it, but no other file system is mounted there.
fn remove(folder: &Path) -> Result<(), String> {
    output(Command::new("rm").args(["-r", "--one-file-system", "--"]).arg(folder)).map(drop)
}

/// Run by mmdebstrap with the folder as argument. apt of this machine, with the folder's lists, gets the package.
fn unpack_hook() -> String {
    format!(
        "set -e; cd \"$1/opt\"; \
         APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get -qq -o APT::Sandbox::User=root download {UNPACKED}; \
         dpkg-deb -x {UNPACKED}_*.deb {UNPACKED}; \
         dpkg-deb -f {UNPACKED}_*.deb Version > {UNPACKED}/VERSION; rm {UNPACKED}_*.deb"
    )
}

/// The mirror that this machine has its own Debian from.
fn mirror() -> Result<String, String> {
    let release = fs::read_to_string("/etc/os-release").map_err(|error| format!("/etc/os-release: {error}"))?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename =
        codename.ok_or("/etc/os-release has no VERSION_CODENAME, so it is not known which mirror is Debian's")?;
    let mut targets = index_targets()?;
    if site(&targets, codename).is_none() {
        // Nothing is known of a mirror before its lists were fetched once.
        // Another mirror may not answer.
        let _ = peers::apt_get(&["update", "--quiet"]);
        targets = index_targets()?;
    }
    site(&targets, codename)
        .ok_or_else(|| format!("apt has no Debian mirror for {codename}, the release of this machine"))
}

fn index_targets() -> Result<String, String> {
    let format = "$(SITE) $(RELEASE) $(ORIGIN)";
    output(Command::new("apt-get").args(["indextargets", "--format", format, "Created-By: Packages"]))
}

/// The site in the line of Debian's own release of that name.
fn site(targets: &str, codename: &str) -> Option<String> {
    targets.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [site, release, "Debian"] if release == codename => Some(site.to_owned()),
        _ => None,
    })
}

/// How apt of this machine gets through to mirrors (proxies, authorities), which mmdebstrap does not take over.
fn apt_options() -> Result<Vec<String>, String> {
    Ok(transfer_options(&output(Command::new("apt-config").arg("dump"))?))
}

fn transfer_options(dump: &str) -> Vec<String> {
    let of_transfers = |line: &&str| line.starts_with("Acquire::http::") || line.starts_with("Acquire::https::");
    dump.lines().filter(of_transfers).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_machine_s_own_release() {
        let targets = "http://mirror.example/debian-security bookworm-security Debian\n\
            http://other.example/packages bookworm Others\n\
            http://mirror.example/debian bookworm Debian\n";
        assert_eq!(site(targets, "bookworm").as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(site(targets, "trixie"), None);
        assert_eq!(site("", "bookworm"), None);
    }

    #[test]
    fn proxies_are_taken_over_and_nothing_else_is() {
        let dump = "APT::Architecture \"amd64\";\nAcquire::http::Proxy \"http://192.0.2.1:3142\";\nAcquire::Languages \"none\";\n";
        assert_eq!(transfer_options(dump), ["Acquire::http::Proxy \"http://192.0.2.1:3142\";"]);
    }
}
