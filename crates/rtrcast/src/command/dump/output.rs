//! The destination of a dump: standard output, or a file that is replaced by each complete document.

use crate::exit::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// The way in which a dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteMode {
    /// Documents, each valid only as a whole.
    Documents,
    /// Lines as they come.
    Stream,
}

const STANDARD: &str = "standard output";

pub(super) enum Output {
    /// Written as it comes.
    Stream { name: String, file: File },
    /// Replaced by each document.
    Replace {
        path: PathBuf,
        /// The file for the next document, created beforehand so that an error is reported at the start.
        next: Option<PartialFile>,
    },
}

/// An incomplete file. Dropping it removes the file, unless it was renamed to its place.
pub(super) struct PartialFile {
    path: PathBuf,
    file: File,
    is_placed: bool,
}

impl Output {
    pub(super) fn new(path: Option<&Path>, mode: WriteMode) -> Result<Output, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let name = STANDARD.to_owned();
            return match io::stdout().as_fd().try_clone_to_owned() {
                Ok(file) => Ok(Output::Stream { name, file: file.into() }),
                Err(error) => Err(Failure::Output { name, error }),
            };
        };
        let name = path.display().to_string();
        // A device or a pipe can't be replaced, and a link stays one.
        let is_special = path.metadata().is_ok_and(|is| !is.is_file() && !is.is_dir());
        let made = if is_special || mode == WriteMode::Stream {
            File::create(path).map(|file| Output::Stream { name: name.clone(), file })
        } else {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            PartialFile::create_next_to(&path).map(|next| Output::Replace { path, next: Some(next) })
        };
        made.map_err(|error| Failure::Output { name, error })
    }

    /// Returns its name, for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Output::Stream { name, .. } => name.clone(),
            Output::Replace { path, .. } => path.display().to_string(),
        }
    }

    /// Returns true if each document replaces the one before it.
    pub(super) fn replaces(&self) -> bool {
        matches!(self, Output::Replace { .. })
    }

    /// Returns true for standard output.
    pub(super) fn is_standard(&self) -> bool {
        matches!(self, Output::Stream { name, .. } if name == STANDARD)
    }

    /// Writes a document.
    pub(super) fn document(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        match self {
            Output::Stream { file, .. } => write(file),
            Output::Replace { path, next } => {
                let mut partial = next.take().map_or_else(|| PartialFile::create_next_to(path), Ok)?;
                write(&mut partial.file)?;
                partial.rename_to(path)
            }
        }
    }

    /// Returns the file for lines as they come; an error if only whole documents are written.
    pub(super) fn stream(&mut self) -> io::Result<&mut File> {
        match self {
            Output::Stream { file, .. } => Ok(file),
            Output::Replace { .. } => Err(io::Error::other("it is replaced as a whole")),
        }
    }
}

/// Returns true if the reader of standard output is gone. While nothing is written, no write reports that.
pub(super) fn has_no_reader() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let polls = poll(&mut polled, Some(&Timespec::default()));
    polls.is_ok() && polled.iter().any(|polled| polled.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

impl PartialFile {
    fn create_next_to(path: &Path) -> io::Result<PartialFile> {
        let name = path.file_name().filter(|_| !path.is_dir());
        let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"))?;
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}", std::process::id()));
        let partial = path.with_file_name(partial);
        let make = || OpenOptions::new().write(true).create_new(true).open(&partial);
        let file = make().or_else(|error| match error.kind() {
            // Left by an earlier run with the same process id that was killed.
            io::ErrorKind::AlreadyExists => std::fs::remove_file(&partial).and_then(|()| make()),
            _ => Err(error),
        })?;
        Ok(PartialFile { path: partial, file, is_placed: false })
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        if let Ok(old) = path.metadata() {
            let permissions: Permissions = old.permissions();
            // Readers of the old file can read the new one.
            self.file.set_permissions(permissions)?;
        }
        std::fs::rename(&self.path, path)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
