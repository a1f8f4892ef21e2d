//! Connections of the HTTP side, bounded so that they can't use up what routers need, and such that who asks is answered
//! whoever else is connected.
//!
//! There are few places. A newcomer that finds all of them taken gets the place of a connection that does not ask, or
//! reads its answer too slowly ([`room`](super::room)); and each has a time for the head of its request and for its
//! answer. A connection carries one request: one that waits for another would only hold a place.

use super::api::ProgramRequest;
use super::room::{Stage, Verdict, make_room};
use crate::observe::log::Log;
use crate::observe::log::event::control::ControlEvent;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 32;

/// The most octets of a request's head; a longer one is answered by status 431.
const HEAD_OCTETS_MAX: usize = 16 * 1024;

/// Between two attempts to accept while that fails.
const RETRY: Duration = Duration::from_secs(1);

/// Sockets that connections are accepted from.
pub(crate) trait Accept {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Answers until the program ends. What a response asks of the whole program is sent on when the response has been sent,
/// or nobody takes it.
pub(crate) async fn serve(listener: impl Accept, router: Router, requests: Option<mpsc::Sender<ProgramRequest>>) {
    let mut connections = Connections::default();
    loop {
        match listener.next().await {
            Ok(stream) => {
                connections.make_room().await;
                connections.start(stream, router.clone(), requests.clone());
            }
            Err(error) => {
                ControlEvent::AcceptFailed { error: &error }.log();
                sleep(RETRY).await;
            }
        }
    }
}

/// Those that are open, a task each.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: Vec<Open>,
}

struct Open {
    task: AbortHandle,
    progress: Arc<Progress>,
}

impl Connections {
    /// Returns once there is a place, which may cost somebody theirs.
    async fn make_room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.open.retain(|open| !open.task.is_finished());
            if self.tasks.len() < CONNECTIONS_MAX {
                return;
            }
            let stages: Vec<Stage> = self.open.iter().map(|open| open.progress.stage()).collect();
            match make_room(&stages, Instant::now()) {
                Verdict::End(number) => {
                    self.open.swap_remove(number).task.abort();
                    // Its descriptor is free once its task is over.
                    self.tasks.join_next().await;
                }
                Verdict::Wait(until) => {
                    tokio::select! {
                        _ = self.tasks.join_next() => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn start(
        &mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        router: Router,
        requests: Option<mpsc::Sender<ProgramRequest>>,
    ) {
        let progress = Arc::new(Progress(Mutex::new(Stage::Asking(Instant::now()))));
        let task = self.tasks.spawn(answer(
            stream,
            router,
            Arc::clone(&progress),
            After { request: Mutex::new(None), requests },
        ));
        self.open.push(Open { task, progress });
    }
}

/// How far a connection is.
struct Progress(Mutex<Stage>);

impl Progress {
    fn stage(&self) -> Stage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of the request is complete.
    fn asked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Answering(Instant::now());
    }
}

/// What is asked of the whole program, once the connection is over.
struct After {
    request: Mutex<Option<ProgramRequest>>,
    requests: Option<mpsc::Sender<ProgramRequest>>,
}

impl After {
    fn set(&self, request: Option<ProgramRequest>) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
    }
}

impl Drop for After {
    fn drop(&mut self) {
        let request = self.request.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((request, requests)) = request.zip(self.requests.as_ref()) {
            // There is room for more requests than connections.
            let _ = requests.try_send(request);
        }
    }
}

/// Answers one request within its times.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, progress: Arc<Progress>, after: After) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        progress.asked();
        let response = router.call(request);
        async {
            let mut response = response.await?;
            after.set(response.extensions_mut().remove());
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    // Who has said that it asks no more still waits for the answer.
    http.keep_alive(false).half_close(true).max_buf_size(HEAD_OCTETS_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        let deadline = progress.stage().deadline();
        tokio::select! {
            // What went wrong is the client's to know.
            _ = connection.as_mut() => return,
            // The time for the answer begins when the head is complete.
            () = sleep_until(deadline) => if progress.stage().deadline() <= Instant::now() { return },
        }
    }
}
