//! The interop matrix of `crates/interop`, and the packages that its peers are in.

use crate::chroot;
use crate::run::{Outcome, cargo, command};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether peers have to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// They are installed where that may be done, and one that is missing then is a failure.
    Install,
    /// They are left out, and named.
    LeaveOut,
}

/// Runs the matrix; with all peers, it writes INTEROP.md.
pub(crate) fn run(missing: Missing) -> Outcome {
    const RUN: [&str; 5] = ["run", "--quiet", "--package", "rtrcast-interop", "--"];
    cargo(&["build", "--package", "rtrcast", "--package", "rtrcast-interop"])?;
    let debian_13 = chroot::provide(missing)?.map(|folder| folder.display().to_string());
    let others: Vec<&str> = debian_13.iter().flat_map(|folder| ["--debian-13", folder]).collect();
    if missing == Missing::LeaveOut {
        return cargo(&[&RUN, others.as_slice()].concat());
    }
    let wanted = output(command(&RUN).arg("--missing"))?;
    let packages: Vec<&str> = wanted.split_whitespace().collect();
    if !packages.is_empty() {
        install(&packages)?;
    }
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("INTEROP.md");
    let document = document.to_str().ok_or("the path of this repository is not UTF-8")?;
    cargo(&[&RUN, others.as_slice(), &["--peers", "--write", document]].concat())
}

/// Sees to it that a program is there, which answers to this argument and comes with these packages.
pub(crate) fn provide(program: &str, argument: &str, packages: &[&str]) -> Outcome {
    let find = || output(Command::new(program).arg(argument));
    if find().is_err() {
        install(packages)?;
        find()?;
    }
    Ok(())
}

/// Installs packages of Debian, without starting the daemons in them.
fn install(packages: &[&str]) -> Outcome {
    let list = packages.join(" ");
    if !is_root() || output(Command::new("apt-get").arg("--version")).is_err() {
        println!("packages are missing, and to install them takes root and apt-get: {list}");
        return Ok(());
    }
    let _policy = NoDaemons::new()?;
    // Lists that are old may do; what can't be installed fails below.
    let _ = apt_get(&["update", "--quiet"]);
    apt_get(&[&["install", "--quiet", "--yes", "--no-install-recommends"], packages].concat())
}

pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

pub(crate) fn apt_get(arguments: &[&str]) -> Outcome {
    println!("$ apt-get {}", arguments.join(" "));
    let mut command = Command::new("apt-get");
    // Another installation may be running.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    let status = command.status().map_err(|error| format!("apt-get: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("apt-get {} failed", arguments.join(" "))) }
}

/// Debian asks this file whether an installed daemon may start. One that is there already is left to whoever made it.
struct NoDaemons(Option<PathBuf>);

impl NoDaemons {
    fn new() -> Result<NoDaemons, String> {
        let path = PathBuf::from("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(NoDaemons(None));
        }
        std::fs::write(&path, "#!/bin/sh\nexit 101\n")
            .and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(0o755)))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(NoDaemons(Some(path)))
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} ended with {}", output.status))
    }
}
