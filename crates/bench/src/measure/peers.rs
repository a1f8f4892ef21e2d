//! The caches of others, where they are installed.

use crate::Outcome;
use crate::subject::Subject;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    StayRtr,
    Rtrtr,
}

/// How often it looks at its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    EachSecond,
    /// Not while something else is measured.
    Seldom,
}

impl Refresh {
    fn seconds(self) -> u32 {
        match self {
            Refresh::EachSecond => 1,
            Refresh::Seldom => 86_400,
        }
    }
}

impl Peer {
    pub(crate) const ALL: [Peer; 2] = [Peer::StayRtr, Peer::Rtrtr];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::StayRtr => "StayRTR",
            Peer::Rtrtr => "RTRTR",
        }
    }

    fn program(self) -> Option<PathBuf> {
        let name = match self {
            Peer::StayRtr => "stayrtr",
            Peer::Rtrtr => "rtrtr",
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    pub(crate) fn is_here(self) -> bool {
        self.program().is_some()
    }

    /// Its version, of the package or as it says itself.
    pub(crate) fn version(self) -> Option<String> {
        let program = self.program()?;
        let mut command = match self {
            Peer::StayRtr => {
                let mut query = Command::new("dpkg-query");
                query.args(["--show", "--showformat", "${Version}", "stayrtr"]);
                query
            }
            Peer::Rtrtr => {
                let mut version = Command::new(program);
                version.arg("--version");
                version
            }
        };
        let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success());
        let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let last = said.as_deref().and_then(|said| said.split_whitespace().last());
        Some(last.unwrap_or("of unknown version").to_owned())
    }

    /// Starts it on a file.
    pub(crate) fn start(self, source: &Path, folder: &Path, refresh: Refresh) -> Outcome<Subject> {
        let program = self.program().ok_or_else(|| format!("{} is not installed", self.name()))?;
        match self {
            // It is told when to look.
            Peer::StayRtr => Subject::stayrtr(&program, source, &folder.join("stayrtr.log")),
            Peer::Rtrtr => Subject::rtrtr(&program, source, refresh.seconds(), folder),
        }
    }
}
