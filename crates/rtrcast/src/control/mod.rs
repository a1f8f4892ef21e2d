//! The control socket: an operator on this machine asks how things stand, releases what is held back, refreshes, stops.
//!
//! One line in, then `ok` or `error` on a line and any text behind it, then the end. One asker at a time, each for a
//! bounded time.

use crate::cli::Order;
use crate::exit::Failure;
use crate::hub::message::Input;
use rtrcast_net::{SocketName, UnixSocket};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

/// The longest order: a word and the name of a source.
const ORDER_OCTETS_MAX: u64 = 8 * 1024;

/// How long an asker may take, all in all.
const ASKER_MAX: Duration = Duration::from_secs(10);

/// How long an asker may take to say what it wants.
const ORDER_MAX: Duration = Duration::from_secs(2);

/// Askers that wait for their turn.
const BACKLOG: i32 = 16;

/// What only the whole program can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Refresh,
    Stop,
    StopAndFlush,
}

/// The socket.
pub(crate) struct Control {
    listener: UnixListener,
}

impl Control {
    /// Makes the socket, for its owner only. One that a cache left that is gone is replaced.
    pub(crate) fn bind(path: &Path) -> Result<(Control, SocketName), Failure> {
        let socket = UnixSocket::bind(path, 0o600, BACKLOG).map_err(|error| Failure::Socket {
            flag: "--control",
            path: path.to_owned(),
            error,
        })?;
        let (listener, name) = socket.into_parts();
        Ok((Control { listener }, name))
    }

    /// Answers until the program ends.
    pub(crate) async fn serve(self, hub: mpsc::Sender<Input>, commands: mpsc::Sender<Command>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match timeout(ASKER_MAX, answer(stream, &hub, &commands)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => debug!("control: {error}"),
                    Err(_) => debug!("control: somebody asked too slowly"),
                },
                Err(error) => {
                    warn!("control: can't accept: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn answer(mut stream: UnixStream, hub: &mpsc::Sender<Input>, commands: &mpsc::Sender<Command>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut order = BufReader::new(reader.take(ORDER_OCTETS_MAX));
    timeout(ORDER_MAX, order.read_line(&mut line)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let (outcome, command) = match parse(&line) {
        Some(order) => {
            info!("control: {:?}", line.trim_end());
            match order {
                Order::Status => (status(hub).await, None),
                Order::Release { source } => (release(source, hub).await, None),
                Order::Refresh => (Ok("reading all sources again".to_owned()), Some(Command::Refresh)),
                Order::Stop { flush: false } => (Ok("stopping".to_owned()), Some(Command::Stop)),
                Order::Stop { flush: true } => {
                    (Ok("stopping; routers of version 2 forget the data".to_owned()), Some(Command::StopAndFlush))
                }
            }
        }
        None => (Err("not an order".to_owned()), None),
    };
    let text = match outcome {
        Ok(text) => format!("ok\n{text}\n"),
        Err(text) => format!("error\n{text}\n"),
    };
    let answered = match writer.write_all(text.as_bytes()).await {
        Ok(()) => writer.shutdown().await,
        failed => failed,
    };
    // Only now: a program that stops may be gone before its answer. And it is done even if nobody waits for the answer.
    if let Some(command) = command {
        let _ = commands.send(command).await;
    }
    answered
}

const ENDING: &str = "the cache is ending";

async fn status(hub: &mpsc::Sender<Input>) -> Result<String, String> {
    let (reply, answer) = oneshot::channel();
    hub.send(Input::Status(reply)).await.map_err(|_| ENDING.to_owned())?;
    answer.await.map_err(|_| ENDING.to_owned())
}

async fn release(source: Option<String>, hub: &mpsc::Sender<Input>) -> Result<String, String> {
    let (reply, answer) = oneshot::channel();
    hub.send(Input::Release(source, reply)).await.map_err(|_| ENDING.to_owned())?;
    answer.await.map_err(|_| ENDING.to_owned())?
}

/// An order as it travels.
pub(crate) fn spell(order: &Order) -> String {
    match order {
        Order::Status => "status\n".to_owned(),
        Order::Release { source: None } => "release\n".to_owned(),
        Order::Release { source: Some(source) } => format!("release {source}\n"),
        Order::Refresh => "refresh\n".to_owned(),
        Order::Stop { flush: false } => "stop\n".to_owned(),
        Order::Stop { flush: true } => "stop flush\n".to_owned(),
    }
}

fn parse(line: &str) -> Option<Order> {
    match line.strip_suffix('\n')? {
        "status" => Some(Order::Status),
        "release" => Some(Order::Release { source: None }),
        "refresh" => Some(Order::Refresh),
        "stop" => Some(Order::Stop { flush: false }),
        "stop flush" => Some(Order::Stop { flush: true }),
        other => other.strip_prefix("release ").map(|source| Order::Release { source: Some(source.to_owned()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_travel() {
        for order in [
            Order::Status,
            Order::Release { source: None },
            Order::Release { source: Some("/a b".to_owned()) },
            Order::Refresh,
            Order::Stop { flush: false },
            Order::Stop { flush: true },
        ] {
            assert_eq!(parse(&spell(&order)), Some(order));
        }
        assert_eq!(parse("stop"), None, "cut short");
        assert_eq!(parse("stopp\n"), None);
    }
}
