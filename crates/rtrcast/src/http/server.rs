//! Connections of the HTTP server, bounded so that they can't use up the descriptors of routers, and so that each
//! request is answered whatever else is connected.
//!
//! The number of slots is small. A new connection that finds all of them taken evicts one that sends no request, or
//! reads its response too slowly ([`eviction`](super::eviction)); and each has a limit of time for the head of its
//! request and for its response. A connection carries one request: waiting for another would only occupy a slot.

use super::api::{ProgramRequest, ProgramRequests};
use super::eviction::{Eviction, RequestPhase, choose_eviction};
use crate::observe::describe::plain;
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
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 32;

/// The most octets of a request's head; a longer one is answered by status 431.
const HEAD_OCTETS_MAX: usize = 16 * 1024;

/// Pause between two attempts to accept while that fails.
const RETRY: Duration = Duration::from_secs(1);

/// Sockets that connections are accepted from.
pub(crate) trait Acceptor {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Acceptor for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Acceptor for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Serves until the program ends. `requests` are there for the control socket: requests to the whole program are sent on when their response has been sent, or the
/// client is gone.
pub(crate) async fn serve(listener: impl Acceptor, router: Router, requests: Option<Arc<ProgramRequests>>) {
    let mut connections = Connections::default();
    loop {
        match listener.next().await {
            Ok(stream) => {
                connections.wait_for_slot().await;
                connections.start(stream, router.clone(), requests.clone());
            }
            Err(error) => {
                let error = &plain(&error);
                match requests {
                    Some(_) => ControlEvent::AcceptFailed { error }.log(),
                    None => ControlEvent::HttpAcceptFailed { error }.log(),
                }
                sleep(RETRY).await;
            }
        }
    }
}

/// Open connections, a task each.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: Vec<OpenConnection>,
}

struct OpenConnection {
    task: AbortHandle,
    phase: Arc<SharedPhase>,
}

impl Connections {
    /// Returns once a slot is free, which may evict a connection.
    async fn wait_for_slot(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.open.retain(|open| !open.task.is_finished());
            if self.tasks.len() < CONNECTIONS_MAX {
                return;
            }
            let phases: Vec<RequestPhase> = self.open.iter().map(|open| open.phase.phase()).collect();
            match choose_eviction(&phases, Instant::now()) {
                Eviction::Close(number) => {
                    self.open.swap_remove(number).task.abort();
                    // Its descriptor is free once its task is over.
                    self.tasks.join_next().await;
                }
                Eviction::Wait(until) => {
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
        requests: Option<Arc<ProgramRequests>>,
    ) {
        let phase = Arc::new(SharedPhase(Mutex::new(RequestPhase::Asking(Instant::now()))));
        let task = self.tasks.spawn(answer(
            stream,
            router,
            Arc::clone(&phase),
            DeferredRequest { request: Mutex::new(None), requests },
        ));
        self.open.push(OpenConnection { task, phase });
    }
}

/// The phase of a connection, shared with its task.
struct SharedPhase(Mutex<RequestPhase>);

impl SharedPhase {
    fn phase(&self) -> RequestPhase {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the head of the request is complete.
    fn asked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = RequestPhase::Answering(Instant::now());
    }
}

/// A request to the whole program, sent when the connection is over.
struct DeferredRequest {
    request: Mutex<Option<ProgramRequest>>,
    requests: Option<Arc<ProgramRequests>>,
}

impl DeferredRequest {
    fn set(&self, request: Option<ProgramRequest>) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
    }
}

impl Drop for DeferredRequest {
    fn drop(&mut self) {
        let request = self.request.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((request, requests)) = request.zip(self.requests.as_ref()) {
            requests.add(request);
        }
    }
}

/// Answers one request within its limits of time.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    phase: Arc<SharedPhase>,
    after: DeferredRequest,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        phase.asked();
        let response = router.call(request);
        async {
            let mut response = response.await?;
            after.set(response.extensions_mut().remove());
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    // A client that has closed its side still gets the response.
    http.keep_alive(false).half_close(true).max_buf_size(HEAD_OCTETS_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        let deadline = phase.phase().deadline();
        tokio::select! {
            // Errors are the client's to handle.
            _ = connection.as_mut() => return,
            // The limit for the response starts when the head is complete.
            () = sleep_until(deadline) => if phase.phase().deadline() <= Instant::now() { return },
        }
    }
}
