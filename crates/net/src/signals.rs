//! Signals that are read like octets of a file.
//!
//! They are blocked, and so wait in the system until they are read: none is lost, not even while this program is replaced
//! by another one, which reads what has come meanwhile.

#[cfg(target_os = "linux")]
mod blocked {
    use crate::sys;
    use std::io;
    use std::os::fd::OwnedFd;
    use tokio::io::unix::AsyncFd;

    /// Octets of a signalfd_siginfo, which begins with the signal's number.
    const INFO_OCTETS: usize = 128;

    /// Signals that are blocked.
    #[derive(Debug)]
    pub struct SignalQueue(AsyncFd<OwnedFd>);

    impl SignalQueue {
        /// Blocks signals, by their numbers, for this thread and those that it starts from now on: it has to be called
        /// before there are others.
        pub fn block(signals: &[i32]) -> io::Result<()> {
            sys::block_signals(signals, true)
        }

        /// Does not block them any more in this thread, and those that it starts from now on.
        pub fn unblock(signals: &[i32]) -> io::Result<()> {
            sys::block_signals(signals, false)
        }

        /// Opens a queue of blocked signals, within a runtime.
        pub fn open(signals: &[i32]) -> io::Result<SignalQueue> {
            Ok(SignalQueue(sys::watch(sys::signal_descriptor(signals)?)?))
        }

        /// Returns the number of the next signal. May be cancelled.
        pub async fn next(&mut self) -> i32 {
            loop {
                let Ok(mut ready) = self.0.readable().await else { return std::future::pending().await };
                let mut info = [0; INFO_OCTETS];
                let read = ready.try_io(|descriptor| Ok(rustix::io::read(descriptor, &mut info)?));
                if let (Ok(Ok(INFO_OCTETS)), Some(number)) = (read, info.first_chunk()) {
                    return i32::from_ne_bytes(*number);
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod blocked {
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Signals that are received by handlers.
    #[derive(Debug)]
    pub struct SignalQueue(Vec<(i32, Signal)>);

    impl SignalQueue {
        /// Does nothing: this system has no descriptor for blocked signals.
        pub fn block(_: &[i32]) -> io::Result<()> {
            Ok(())
        }

        /// Does nothing as well.
        pub fn unblock(_: &[i32]) -> io::Result<()> {
            Ok(())
        }

        /// Opens a queue of signals, within a runtime.
        pub fn open(signals: &[i32]) -> io::Result<SignalQueue> {
            let open = |number: &i32| Ok((*number, signal(SignalKind::from_raw(*number))?));
            Ok(SignalQueue(signals.iter().map(open).collect::<io::Result<_>>()?))
        }

        /// Returns the number of the next signal. May be cancelled.
        pub async fn next(&mut self) -> i32 {
            poll_fn(|context| {
                for (number, signal) in &mut self.0 {
                    if signal.poll_recv(context).is_ready() {
                        return Poll::Ready(*number);
                    }
                }
                Poll::Pending
            })
            .await
        }
    }
}

pub use blocked::SignalQueue;
