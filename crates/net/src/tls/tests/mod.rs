//! TLS against rustls itself on the other side, and against octets written by hand.

mod anchors;
mod authority;
mod client;
mod crl;
mod describe;
mod identity;
mod server;
mod stream;

use super::{ClientCertificates, TlsMinimum, TlsServer, accept};
use crate::stream::{Socket, TlsStream};
use authority::Authority;
use rustls::{AlertDescription, ClientConfig};
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name and the address that servers here have.
const NAME: &str = "cache.example";

async fn in_time<Output>(work: impl Future<Output = Output>) -> Output {
    tokio::time::timeout(PATIENCE, work).await.expect("the test hangs")
}

fn pair() -> (Socket, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Socket::Unix(ours), theirs)
}

/// A cache that requests no certificate of routers.
fn open_server(authority: &Authority) -> TlsServer {
    TlsServer::new(authority.server(), ClientCertificates::Off, TlsMinimum::V1_2).unwrap()
}

async fn write(tls: &mut TlsStream, octets: &[u8]) -> io::Result<()> {
    let mut done = 0;
    loop {
        let rest = octets.get(done..).unwrap();
        match poll_fn(|context| tls.poll_write(context, rest)).await? {
            0 => return Ok(()),
            written => done += written,
        }
    }
}

async fn read(tls: &mut TlsStream) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 16 * 1024];
    let octets = poll_fn(|context| tls.poll_read(context, &mut buffer)).await?;
    buffer.truncate(octets);
    Ok(buffer)
}

/// The TLS error of rustls on the other side.
fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match rustls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

/// The router's result with a cache, and the cache's with it.
#[derive(Debug, PartialEq)]
struct Met {
    /// The alert that ended it for the router.
    alert: Option<AlertDescription>,
    /// The name that the cache has for it, or the reason of its refusal.
    who: Result<Option<String>, String>,
}

/// Lets a router with this configuration come to a cache from an address.
async fn meet(router: Arc<ClientConfig>, cache: &TlsServer, from: Option<IpAddr>) -> Met {
    use tokio::io::AsyncReadExt;
    let (ours, theirs) = pair();
    let cache = async {
        match accept(ours, cache, from).await {
            Ok((mut tls, who)) => {
                write(&mut tls, b"data").await.unwrap();
                tls.end().await.unwrap();
                Ok(who)
            }
            Err(failure) => Err(failure.to_string()),
        }
    };
    let router = async {
        let mut stream = TlsConnector::from(router).connect(NAME.try_into().unwrap(), theirs).await?;
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await?;
        assert_eq!(read, b"data");
        io::Result::Ok(())
    };
    let (who, seen) = in_time(async { tokio::join!(cache, router) }).await;
    let alert = seen.err().map(|error| alert(&error).unwrap_or_else(|| panic!("{error:?} instead of an alert")));
    Met { alert, who }
}
