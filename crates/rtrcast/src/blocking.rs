//! Work that blocks, away from the threads that serve routers.

use tokio::task::spawn_blocking;

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
