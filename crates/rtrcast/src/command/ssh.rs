//! `rtrcast ssh`: makes host keys and password hashes for an SSH listener.

use crate::cli::{HostKeyType, SshArguments, SshCommand};
use crate::exit::Failure;
use rtrcast_net::{SshKey, SshKeyKind, hash_password};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::fs::OpenOptions;
use std::io::{self, BufRead, Write, stderr, stdin, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest password; a longer one is refused, not truncated.
const PASSWORD_OCTETS_MAX: usize = 1_024;

pub(crate) fn ssh(arguments: &SshArguments) -> Result<(), Failure> {
    match &arguments.command {
        SshCommand::HostKey { file, key_type } => make_host_key(file, *key_type),
        SshCommand::HashPassword { user } => print_password_line(user),
    }
}

/// Writes a new key for its owner only, and the public key beside it. No file is ever replaced: routers know the key.
fn make_host_key(file: &Path, key_type: HostKeyType) -> Result<(), Failure> {
    let kind = match key_type {
        HostKeyType::Ed25519 => SshKeyKind::Ed25519,
        HostKeyType::Ecdsa => SshKeyKind::EcdsaP256,
        HostKeyType::Rsa => SshKeyKind::Rsa,
    };
    let key = SshKey::generate(kind).map_err(|error| Failure::Internal(error.to_string()))?;
    let private = key.to_openssh().map_err(|error| Failure::Internal(error.to_string()))?;
    let mut public_file = file.as_os_str().to_owned();
    public_file.push(".pub");
    let public_file = PathBuf::from(public_file);
    write_new(file, 0o600, private.as_bytes())?;
    // A private key alone would make the next attempt fail.
    write_new(&public_file, 0o644, format!("{}\n", key.public_line()).as_bytes()).inspect_err(|_| remove(file))?;
    let text = format!(
        "host key     {} (for --ssh-host-key)\npublic key   {}\nfingerprint  {}\nknown hosts  routers and clients take \
         this line, with the cache's name for CACHE; for another port than 22 it is [CACHE]:PORT\n\nCACHE {}\n",
        file.display(),
        public_file.display(),
        key.fingerprint(),
        key.public_line(),
    );
    // Both files are written, even if standard output is closed.
    let _ = stdout().write_all(text.as_bytes());
    Ok(())
}

/// Writes a new file, whole or not at all.
fn write_new(path: &Path, mode: u32, octets: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(octets).and_then(|()| file.sync_all()).inspect_err(|_| remove(path))
    };
    write().map_err(|error| Failure::Output { name: path.display().to_string(), error })
}

fn remove(path: &Path) {
    // The first error is the one that is reported.
    let _ = std::fs::remove_file(path);
}

/// Prints a line for --ssh-passwords, of a password from the terminal or the first line of standard input.
fn print_password_line(user: &str) -> Result<(), Failure> {
    if user.is_empty() || user.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
        return Err(Failure::Usage(format!("\"{user}\" can be no user: a name has no colon and no space")));
    }
    let failure = |error: io::Error| Failure::Usage(format!("the password can't be read: {error}"));
    let password = if isatty(stdin()) {
        let password = ask("Password: ").map_err(failure)?;
        if ask("Once more: ").map_err(failure)? != password {
            return Err(Failure::Usage("the two passwords differ".to_owned()));
        }
        password
    } else {
        first_line().map_err(failure)?
    };
    if password.is_empty() {
        return Err(Failure::Usage("the password is empty".to_owned()));
    }
    let hash = hash_password(&password).map_err(|error| Failure::Internal(error.to_string()))?;
    let line = format!("{user}:{hash}\n");
    let name = || "standard output".to_owned();
    stdout().write_all(line.as_bytes()).map_err(|error| Failure::Output { name: name(), error })
}

fn first_line() -> io::Result<String> {
    read_password(stdin().lock())
}

fn read_password(input: impl BufRead) -> io::Result<String> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    // A carriage return, a line feed, and the one octet that is too many.
    let octets_max = PASSWORD_OCTETS_MAX as u64 + 3;
    let mut line = Vec::new();
    input.take(octets_max).read_until(b'\n', &mut line)?;
    let end = line.iter().rposition(|octet| !matches!(octet, b'\n' | b'\r')).map_or(0, |last| last + 1);
    line.truncate(end);
    if line.len() > PASSWORD_OCTETS_MAX {
        return Err(wrong(format!("it has more than {PASSWORD_OCTETS_MAX} octets")));
    }
    String::from_utf8(line).map_err(|_| wrong("it is not UTF-8".to_owned()))
}

/// Asks on the terminal, without echo.
fn ask(question: &str) -> io::Result<String> {
    let shown = tcgetattr(stdin())?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin(), OptionalActions::Now, &hidden)?;
    let _shown_again = TerminalRestore(shown);
    stderr().write_all(question.as_bytes())?;
    let answer = first_line();
    stderr().write_all(b"\n")?;
    answer
}

/// Restores the terminal's settings when it is dropped.
struct TerminalRestore(Termios);

impl Drop for TerminalRestore {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_whole_or_not_at_all() {
        let read = |text: &[u8]| read_password(text).map_err(|error| error.to_string());
        let longest = "x".repeat(PASSWORD_OCTETS_MAX);
        for end in ["", "\n", "\r\n", "\nmore"] {
            assert_eq!(read(format!("{longest}{end}").as_bytes()), Ok(longest.clone()));
            let error = Err("it has more than 1024 octets".to_owned());
            assert_eq!(read(format!("{longest}x{end}").as_bytes()), error);
            assert_eq!(read(format!("{longest}{longest}{end}").as_bytes()), error);
        }
        assert_eq!(read("päss wörd\n".as_bytes()), Ok("päss wörd".to_owned()));
        assert_eq!(read(b"\xff\n"), Err("it is not UTF-8".to_owned()));
    }

    #[test]
    fn a_pair_of_which_one_half_is_there_is_left_as_it_is() {
        let directory = std::env::temp_dir().join(format!("rtrcast-host-key-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (file, public_file) = (directory.join("key"), directory.join("key.pub"));
        std::fs::write(&public_file, "another's").unwrap();
        let failure = make_host_key(&file, HostKeyType::Ed25519).unwrap_err();
        assert_eq!(failure.to_string(), format!("{}: can't be written: it exists already", public_file.display()));
        assert!(!file.exists());
        assert_eq!(std::fs::read(&public_file).unwrap(), b"another's");
        std::fs::remove_file(&public_file).unwrap();
        make_host_key(&file, HostKeyType::Ed25519).unwrap();
        assert!(file.exists() && public_file.exists());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
