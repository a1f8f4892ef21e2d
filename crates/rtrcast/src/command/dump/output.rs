//! Where a dump goes: standard output, or a file that is replaced once a document is complete.

use crate::exit::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Documents, each of which counts only as a whole.
    Documents,
    /// Lines as they come.
    Stream,
}

const STANDARD: &str = "standard output";

pub(super) enum Output {
    /// Written as it comes.
    Stream { place: String, file: File },
    /// Replaced by each document.
    Replace {
        path: PathBuf,
        /// What the next document is written to, made beforehand so that what can't be written fails at the start.
        next: Option<Partial>,
    },
}

/// A file that is not complete. It goes with the value, unless it was put in its place.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    is_placed: bool,
}

impl Output {
    pub(super) fn new(path: Option<&Path>, shape: Shape) -> Result<Output, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let place = STANDARD.to_owned();
            return match io::stdout().as_fd().try_clone_to_owned() {
                Ok(file) => Ok(Output::Stream { place, file: file.into() }),
                Err(error) => Err(Failure::Output { place, error }),
            };
        };
        let place = path.display().to_string();
        // A device or a pipe can't be replaced, and a link stays one.
        let is_special = path.metadata().is_ok_and(|is| !is.is_file() && !is.is_dir());
        let made = if is_special || shape == Shape::Stream {
            File::create(path).map(|file| Output::Stream { place: place.clone(), file })
        } else {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            Partial::beside(&path).map(|next| Output::Replace { path, next: Some(next) })
        };
        made.map_err(|error| Failure::Output { place, error })
    }

    /// Its name, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Output::Stream { place, .. } => place.clone(),
            Output::Replace { path, .. } => path.display().to_string(),
        }
    }

    /// Whether each document replaces the one before it.
    pub(super) fn replaces(&self) -> bool {
        matches!(self, Output::Replace { .. })
    }

    /// Whether it is standard output.
    pub(super) fn is_standard(&self) -> bool {
        matches!(self, Output::Stream { place, .. } if place == STANDARD)
    }

    /// Writes a document.
    pub(super) fn document(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        match self {
            Output::Stream { file, .. } => write(file),
            Output::Replace { path, next } => {
                let mut partial = next.take().map_or_else(|| Partial::beside(path), Ok)?;
                write(&mut partial.file)?;
                partial.place(path)
            }
        }
    }

    /// Where lines go as they come; none if only documents do.
    pub(super) fn stream(&mut self) -> io::Result<&mut File> {
        match self {
            Output::Stream { file, .. } => Ok(file),
            Output::Replace { .. } => Err(io::Error::other("it is replaced as a whole")),
        }
    }
}

/// Whether nobody reads standard output any more. While nothing is written, nothing else says so.
pub(super) fn has_no_reader() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let polls = poll(&mut polled, Some(&Timespec::default()));
    polls.is_ok() && polled.iter().any(|polled| polled.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

impl Partial {
    fn beside(path: &Path) -> io::Result<Partial> {
        let name = path.file_name().filter(|_| !path.is_dir());
        let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"))?;
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}", std::process::id()));
        let partial = path.with_file_name(partial);
        let make = || OpenOptions::new().write(true).create_new(true).open(&partial);
        let file = make().or_else(|error| match error.kind() {
            // Of an earlier run that had the same number and was killed.
            io::ErrorKind::AlreadyExists => std::fs::remove_file(&partial).and_then(|()| make()),
            _ => Err(error),
        })?;
        Ok(Partial { path: partial, file, is_placed: false })
    }

    fn place(mut self, path: &Path) -> io::Result<()> {
        if let Ok(old) = path.metadata() {
            let permissions: Permissions = old.permissions();
            // Whoever could read the old one can read the new one.
            self.file.set_permissions(permissions)?;
        }
        std::fs::rename(&self.path, path)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
