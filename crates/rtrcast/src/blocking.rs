//! Work that blocks, away from the threads that serve routers.

use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Held shared by each thread that may be in a call to a file system. A program is replaced only while none is: a call
/// that hangs would keep the system from it, and all routers would wait.
static FILE_CALLS: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// Keeps calls to file systems from beginning.
pub(crate) type NoFileCalls = OwnedRwLockWriteGuard<()>;

/// Runs work that blocks on a thread for that. A panic there is resumed here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program is ending.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs work that reads or writes files on a thread for that.
pub(crate) async fn file_call<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let calls = Arc::clone(&FILE_CALLS).read_owned().await;
    blocking(move || {
        // Held to the end, even if nobody waits for it any more.
        let _calls = calls;
        work()
    })
    .await
}

/// Waits until no thread is in a file call, and keeps further ones from beginning; none if one takes longer.
pub(crate) async fn no_file_calls(time: Duration) -> Option<NoFileCalls> {
    timeout(time, Arc::clone(&FILE_CALLS).write_owned()).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn file_calls_are_waited_for_even_if_their_tasks_are_gone() {
        let (finish, finished) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(file_call(move || {
            begin.send(()).unwrap();
            finished.recv()
        }));
        begun.await.unwrap();
        task.abort();
        assert!(no_file_calls(Duration::from_millis(20)).await.is_none());
        finish.send(()).unwrap();
        let none = no_file_calls(Duration::from_secs(60)).await.unwrap();
        let next = tokio::spawn(file_call(|| 7));
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(none);
        assert_eq!(next.await.unwrap(), 7);
    }
}
