//! Certificates, keys and lists of users or hosts that lie in files: looked at for each handshake, taken over when they
//! have changed, and kept as they were when what is there now is invalid.

use crate::clock::unix_now;
use crate::observe::describe::plain;
use crate::observe::listeners::CredentialsState;
use crate::observe::log::Log;
use crate::observe::log::event::listeners::ListenerEvent;
use rtrcast_net::{Fresh, TcpKeys};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The largest file that is read: bundles of all the world's authorities have 250 KB.
const FILE_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// How long a handshake waits for the files; then it goes by what they said last. File systems may hang.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// How often files are looked at though nobody connects, so that what is wrong with them is said before.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// How what was made of some files stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// It is that of the files.
    InForce,
    /// The files were replaced, and it is that of the new ones.
    Renewed,
    /// What the files were replaced by is invalid, for this reason: it is still that of the old ones.
    Kept(&'a str),
}

/// Whoever wants to know that.
pub(crate) type Tell = Box<dyn Fn(Standing<'_>) + Send + Sync>;

/// Tells log and metrics of a listener's files.
pub(crate) fn of_listener(in_force: Arc<CredentialsState>) -> Tell {
    let log = in_log(in_force.listener.clone());
    Box::new(move |standing| {
        log(standing);
        in_force.set(!matches!(standing, Standing::Kept(_)));
    })
}

/// Tells the log.
pub(crate) fn in_log(name: String) -> Tell {
    Box::new(move |standing| match standing {
        Standing::Renewed => ListenerEvent::CredentialsRenewed { owner: &name }.log(),
        Standing::Kept(reason) => ListenerEvent::CredentialsRefused { owner: &name, reason }.log(),
        Standing::InForce => {}
    })
}

/// What was made of some files.
pub(crate) struct Kept<T> {
    made: Arc<Made<T>>,
    /// The files as they were last looked at. One looks at a time.
    seen: Arc<Turn<Seen>>,
}

struct Made<T> {
    tell: Tell,
    files: Files<T>,
    current: Mutex<Arc<T>>,
}

/// Files, and what to make of them.
struct Files<T> {
    paths: Vec<PathBuf>,
    load: Load<T>,
}

/// Makes it, given what is in force until then, if anything is.
type Load<T> = Box<dyn Fn(Option<&T>) -> Result<T, Refusal> + Send + Sync>;

/// Why what lies in files is not to be taken over.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    /// When it may be, though the files stay the same, in seconds since 1970.
    pub(crate) again: Option<i64>,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal { reason, again: None }
    }
}

/// Files as they were last looked at.
struct Seen {
    stamps: Vec<Stamp>,
    /// When they are to be read again even if they are the same.
    again: Option<i64>,
}

/// What tells whether a file is another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp(Option<(u64, u64, u64, i64, i64)>);

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let stamp =
            fs::metadata(path).map(|file| (file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()));
        Stamp(stamp.ok())
    }
}

impl<T> Files<T> {
    fn stamps(&self) -> Vec<Stamp> {
        self.paths.iter().map(|path| Stamp::of(path)).collect()
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Loads what is there now.
    pub(crate) fn load(
        tell: Tell,
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Kept<T>, String> {
        Kept::load_unless_worse(tell, paths, move |_| load().map_err(Refusal::from))
    }

    /// Likewise, where what is in force has a say in whether it is replaced.
    pub(crate) fn load_unless_worse(
        tell: Tell,
        paths: Vec<PathBuf>,
        load: impl Fn(Option<&T>) -> Result<T, Refusal> + Send + Sync + 'static,
    ) -> Result<Kept<T>, String> {
        let files = Files { paths, load: Box::new(load) };
        // Looked at before: what changes meanwhile is found to have changed.
        let seen = Seen { stamps: files.stamps(), again: None };
        let current = Mutex::new(Arc::new((files.load)(None).map_err(|refusal| refusal.reason)?));
        tell(Standing::InForce);
        Ok(Kept { made: Arc::new(Made { tell, files, current }), seen: Arc::new(Turn::new(seen)) })
    }

    /// What counts now.
    pub(crate) fn current(&self) -> Arc<T> {
        self.made.current()
    }

    /// Looks whether the files have changed, and takes them over if so.
    async fn look(&self) {
        // The turn goes with the thread and not with who waits: of a file system that hangs, only one thread does.
        let mut seen = Arc::clone(&self.seen).lock_owned().await;
        let made = Arc::clone(&self.made);
        // Should it panic, what is there stays.
        let _ = spawn_blocking(move || made.look(&mut seen)).await;
    }
}

impl<T> Made<T> {
    fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, seen: &mut Seen) {
        let stamps = self.files.stamps();
        let is_due = seen.again.is_some_and(|again| again <= unix_now().into());
        if stamps == seen.stamps && !is_due {
            return;
        }
        let loaded = (self.files.load)(Some(&self.current()));
        let again = loaded.as_ref().err().and_then(|refusal| refusal.again);
        *seen = Seen { stamps, again };
        match loaded {
            Ok(loaded) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                (self.tell)(Standing::Renewed);
            }
            Err(refusal) => (self.tell)(Standing::Kept(&refusal.reason)),
        }
    }
}

/// Files that are looked at from time to time.
pub(crate) trait Look: Send + Sync {
    /// Takes over what has changed.
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<T: Send + Sync + 'static> Look for Kept<T> {
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Kept::look(self))
    }
}

impl<T: Send + Sync + 'static> Fresh<T> for Kept<T> {
    fn fresh(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>> {
        Box::pin(async {
            let _ = timeout(LOOK_MAX, self.look()).await;
            self.current()
        })
    }
}

/// Looks at all of them from time to time.
pub(crate) async fn look_for_ever(looks: watch::Receiver<Vec<Arc<dyn Look>>>) {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let current = looks.borrow().clone();
        for look in current {
            look.look().await;
        }
    }
}

/// Looks at all of them now, without waiting for it.
pub(crate) fn look_soon(looks: &watch::Receiver<Vec<Arc<dyn Look>>>) {
    let current = looks.borrow().clone();
    tokio::spawn(async move {
        for look in current {
            look.look().await;
        }
    });
}

/// Reads a small file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let name = path.display();
    let read = || {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if metadata.len() > FILE_OCTETS_MAX {
            return Err(io::Error::other(format!("larger than {FILE_OCTETS_MAX} bytes")));
        }
        fs::read(path)
    };
    read().map_err(|error| format!("{name}: {}", plain(&error)))
}

/// The same of text.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path)?).map_err(|_| format!("{}: not text", path.display()))
}

/// What is wrong with a file; a line's number stands behind its name.
pub(crate) fn in_file(path: &Path, error: &impl fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Reads the keys of TCP itself.
pub(crate) fn tcp_keys(md5: Option<&Path>, ao: Option<&Path>) -> Result<TcpKeys, String> {
    let mut keys = TcpKeys::default();
    if let Some(path) = md5 {
        keys = keys.with_md5(&read_keys(path)?).map_err(|error| in_file(path, &error))?;
    }
    if let Some(path) = ao {
        keys = keys.with_ao(&read_keys(path)?).map_err(|error| in_file(path, &error))?;
    }
    Ok(keys)
}

/// Reads a file of keys for TCP. One without any would have everybody connect without: it was cut, or is another file.
fn read_keys(path: &Path) -> Result<String, String> {
    let text = read_text(path)?;
    if has_entries(&text) {
        return Ok(text);
    }
    Err(format!("{}: there is no key in it; who wants none leaves the option out", path.display()))
}

/// Reads a list of users. An empty one was cut; who means that nobody gets in has a comment there.
pub(crate) fn read_users(path: &Path) -> Result<String, String> {
    let text = read_text(path)?;
    if text.trim().is_empty() {
        let name = path.display();
        return Err(format!("{name}: it is empty; a file that lets nobody in has a comment at least (# nobody)"));
    }
    Ok(text)
}

fn has_entries(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    #[test]
    fn a_list_that_was_cut_is_no_list() {
        let path = std::env::temp_dir().join(format!("rtrcast-cut-{}", std::process::id()));
        let name = path.display();
        let with = |text: &str| fs::write(&path, text).unwrap();
        with("");
        let users = read_users(&path).unwrap_err();
        assert_eq!(users, format!("{name}: it is empty; a file that lets nobody in has a comment at least (# nobody)"));
        with("# nobody\n");
        assert_eq!(read_users(&path).as_deref(), Ok("# nobody\n"));
        let keys = tcp_keys(Some(&path), None).map(|_| ()).unwrap_err();
        assert_eq!(keys, format!("{name}: there is no key in it; who wants none leaves the option out"));
        with("192.0.2.1 key\n");
        assert!(!tcp_keys(Some(&path), None).unwrap().is_empty());
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_file_system_that_hangs_holds_one_thread_and_no_handshake() {
        let path = std::env::temp_dir().join(format!("rtrcast-hanging-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let (answer, answers) = mpsc::channel();
        let answers = Mutex::new(answers);
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        answer.send(1).unwrap();
        let kept = Kept::load(in_log("tls://somewhere".to_owned()), vec![path.clone()], move || {
            counted.fetch_add(1, Ordering::Relaxed);
            answers.lock().unwrap().recv().map_err(|_| "nothing".to_owned())
        });
        let kept = Arc::new(kept.unwrap());
        fs::write(&path, "22").unwrap();
        // The reading hangs now.
        let mut handshakes = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let kept = Arc::clone(&kept);
            handshakes.spawn(async move { *kept.as_ref().fresh().await });
        }
        assert_eq!(handshakes.join_all().await, [1; 10]);
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        answer.send(2).unwrap();
        kept.look().await;
        assert_eq!(*kept.as_ref().fresh().await, 2);
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn what_is_good_later_is_taken_over_then_though_the_files_stay() {
        let path = std::env::temp_dir().join(format!("rtrcast-later-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let reads = AtomicU32::new(0);
        let load = move |_: Option<&u32>| match reads.fetch_add(1, Ordering::Relaxed) {
            // Until now, and for ever.
            1 => Err(Refusal { reason: "too early".to_owned(), again: Some(0) }),
            3 => Err(Refusal { reason: "too early".to_owned(), again: Some(i64::MAX) }),
            reads => Ok(reads),
        };
        let kept = Kept::load_unless_worse(in_log("tls://somewhere".to_owned()), vec![path.clone()], load).unwrap();
        let mut seen = Vec::new();
        for content in ["22", "22", "333", "333"] {
            if fs::read_to_string(&path).unwrap() != content {
                fs::write(&path, content).unwrap();
            }
            kept.look().await;
            seen.push(*kept.current());
        }
        assert_eq!(seen, [0, 2, 2, 2]);
        fs::remove_file(path).unwrap();
    }
}
