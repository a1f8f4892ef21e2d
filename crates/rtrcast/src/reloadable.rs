//! Values that are made from files (certificates, keys, lists of users or hosts): rechecked at each handshake, replaced
//! when their files have changed, and kept where the new content is invalid.

use crate::blocking::file_call;
use crate::clock::unix_now;
use crate::observe::listeners::CredentialsState;
use crate::observe::log::Log;
use crate::observe::log::event::listeners::ListenerEvent;
use rtrcast_net::Reloadable;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Limit of a handshake's wait for a recheck; after it the value is used as it is. File systems may hang.
const RECHECK_MAX: Duration = Duration::from_secs(1);

/// Interval of rechecks while nobody connects, so that invalid files are logged before somebody does.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Outcome of reading the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReloadEvent<'a> {
    /// The value was made from the files for the first time.
    Loaded,
    /// The files changed, and the value was replaced.
    Reloaded,
    /// The files changed and are invalid, for this reason: the value stays as it was.
    Rejected(&'a str),
}

/// Receiver of such outcomes.
pub(crate) type ReloadObserver = Box<dyn Fn(ReloadEvent<'_>) + Send + Sync>;

/// Logs the outcomes of a listener's files, and shows them in metrics and status.
pub(crate) fn observe_listener(credentials: Arc<CredentialsState>) -> ReloadObserver {
    let log = log_reloads(credentials.listener.clone());
    Box::new(move |event| {
        log(event);
        credentials.set(match event {
            ReloadEvent::Rejected(reason) => Some(reason),
            ReloadEvent::Loaded | ReloadEvent::Reloaded => None,
        });
    })
}

/// Logs outcomes.
pub(crate) fn log_reloads(name: String) -> ReloadObserver {
    Box::new(move |event| match event {
        ReloadEvent::Reloaded => ListenerEvent::CredentialsRenewed { owner: &name }.log(),
        ReloadEvent::Rejected(reason) => ListenerEvent::CredentialsRefused { owner: &name, reason }.log(),
        ReloadEvent::Loaded => {}
    })
}

/// A value that is made from files.
pub(crate) struct FileBacked<T> {
    inner: Arc<Inner<T>>,
    /// The last check; one runs at a time.
    last: Arc<tokio::sync::Mutex<LastCheck>>,
}

struct Inner<T> {
    observer: ReloadObserver,
    files: FileSet<T>,
    current: Mutex<Arc<T>>,
}

/// Files, and the function that makes a value of them.
struct FileSet<T> {
    paths: Vec<PathBuf>,
    load: Loader<T>,
}

/// Makes a value, given the one that is in effect until then, if there is one.
type Loader<T> = Box<dyn Fn(Option<&T>) -> Result<T, LoadError> + Send + Sync>;

/// A reason to keep the value that is in effect.
pub(crate) struct LoadError {
    pub(crate) reason: String,
    /// Time at which the same files may be valid, in seconds since 1970.
    pub(crate) retry_at: Option<i64>,
}

impl From<String> for LoadError {
    fn from(reason: String) -> LoadError {
        LoadError { reason, retry_at: None }
    }
}

/// The state of the files at the last check.
struct LastCheck {
    stamps: Vec<FileStamp>,
    /// Time at which they are read again even if they are the same.
    retry_at: Option<i64>,
}

/// The metadata that change when a file is replaced or written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamp(Option<(u64, u64, u64, i64, i64)>);

impl FileStamp {
    fn of(path: &Path) -> FileStamp {
        let stamp =
            fs::metadata(path).map(|file| (file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()));
        FileStamp(stamp.ok())
    }
}

impl<T> FileSet<T> {
    fn stamps(&self) -> Vec<FileStamp> {
        self.paths.iter().map(|path| FileStamp::of(path)).collect()
    }
}

impl<T: Send + Sync + 'static> FileBacked<T> {
    /// Makes the value from the files as they are now.
    pub(crate) fn load(
        observer: ReloadObserver,
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<FileBacked<T>, String> {
        FileBacked::load_unless(observer, paths, move |_| load().map_err(LoadError::from))
    }

    /// Makes the value likewise; a later one may be refused for one that is worse than the one in effect.
    pub(crate) fn load_unless(
        observer: ReloadObserver,
        paths: Vec<PathBuf>,
        load: impl Fn(Option<&T>) -> Result<T, LoadError> + Send + Sync + 'static,
    ) -> Result<FileBacked<T>, String> {
        let files = FileSet { paths, load: Box::new(load) };
        // Taken before reading, so that a change meanwhile is found.
        let last = LastCheck { stamps: files.stamps(), retry_at: None };
        let current = Mutex::new(Arc::new((files.load)(None).map_err(|error| error.reason)?));
        observer(ReloadEvent::Loaded);
        Ok(FileBacked {
            inner: Arc::new(Inner { observer, files, current }),
            last: Arc::new(tokio::sync::Mutex::new(last)),
        })
    }

    /// Returns the value that is in effect.
    pub(crate) fn current(&self) -> Arc<T> {
        self.inner.current()
    }

    /// Replaces the value if the files have changed.
    async fn recheck(&self) {
        // The lock goes with the thread and not with who waits: a file system that hangs blocks one thread only.
        let mut last = Arc::clone(&self.last).lock_owned().await;
        let inner = Arc::clone(&self.inner);
        // If it panics, the value stays.
        let _ = tokio::spawn(file_call(move || inner.recheck(&mut last))).await;
    }
}

impl<T> Inner<T> {
    fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn recheck(&self, last: &mut LastCheck) {
        let stamps = self.files.stamps();
        let is_due = last.retry_at.is_some_and(|retry_at| retry_at <= unix_now().into());
        if stamps == last.stamps && !is_due {
            return;
        }
        let loaded = (self.files.load)(Some(&self.current()));
        let retry_at = loaded.as_ref().err().and_then(|error| error.retry_at);
        *last = LastCheck { stamps, retry_at };
        match loaded {
            Ok(loaded) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                (self.observer)(ReloadEvent::Reloaded);
            }
            Err(error) => (self.observer)(ReloadEvent::Rejected(&error.reason)),
        }
    }
}

/// A value whose files are rechecked.
pub(crate) trait Recheck: Send + Sync {
    /// Replaces the value if its files have changed.
    fn recheck(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<T: Send + Sync + 'static> Recheck for FileBacked<T> {
    fn recheck(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(FileBacked::recheck(self))
    }
}

impl<T: Send + Sync + 'static> Reloadable<T> for FileBacked<T> {
    fn reloaded(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>> {
        Box::pin(async {
            let _ = timeout(RECHECK_MAX, self.recheck()).await;
            self.current()
        })
    }
}

/// Rechecks all of them periodically.
pub(crate) async fn recheck_periodically(values: watch::Receiver<Vec<Arc<dyn Recheck>>>) {
    let mut ticks = interval(RECHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let current = values.borrow().clone();
        for value in current {
            value.recheck().await;
        }
    }
}

/// Rechecks all of them now, without waiting for it.
pub(crate) fn recheck_now(values: &watch::Receiver<Vec<Arc<dyn Recheck>>>) {
    let current = values.borrow().clone();
    tokio::spawn(async move {
        for value in current {
            value.recheck().await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_file_system_that_hangs_holds_one_thread_and_no_handshake() {
        let path = std::env::temp_dir().join(format!("rtrcast-hanging-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let (answer, answers) = mpsc::channel();
        let answers = Mutex::new(answers);
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        answer.send(1).unwrap();
        let value = FileBacked::load(log_reloads("tls://somewhere".to_owned()), vec![path.clone()], move || {
            counted.fetch_add(1, Ordering::Relaxed);
            answers.lock().unwrap().recv().map_err(|_| "nothing".to_owned())
        });
        let value = Arc::new(value.unwrap());
        fs::write(&path, "22").unwrap();
        // The reading hangs now.
        let mut handshakes = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let value = Arc::clone(&value);
            handshakes.spawn(async move { *value.as_ref().reloaded().await });
        }
        assert_eq!(handshakes.join_all().await, [1; 10]);
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        answer.send(2).unwrap();
        value.recheck().await;
        assert_eq!(*value.as_ref().reloaded().await, 2);
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn what_is_good_later_is_taken_over_then_though_the_files_stay() {
        let path = std::env::temp_dir().join(format!("rtrcast-later-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let reads = AtomicU32::new(0);
        let load = move |_: Option<&u32>| match reads.fetch_add(1, Ordering::Relaxed) {
            // Until now, and for ever.
            1 => Err(LoadError { reason: "too early".to_owned(), retry_at: Some(0) }),
            3 => Err(LoadError { reason: "too early".to_owned(), retry_at: Some(i64::MAX) }),
            reads => Ok(reads),
        };
        let value =
            FileBacked::load_unless(log_reloads("tls://somewhere".to_owned()), vec![path.clone()], load).unwrap();
        let mut last = Vec::new();
        for content in ["22", "22", "333", "333"] {
            if fs::read_to_string(&path).unwrap() != content {
                fs::write(&path, content).unwrap();
            }
            value.recheck().await;
            last.push(*value.current());
        }
        assert_eq!(last, [0, 2, 2, 2]);
        fs::remove_file(path).unwrap();
    }
}
