//! Connections of a library's client that something carries: a TLS stack, or a program such as `ssh` by its standard
//! input and output. What carries is read to its end, whatever the client does, so that its end is seen.

use crate::Outcome;
use crate::transport::{TlsFiles, TlsVersion};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};

const BUFFER: usize = 64 << 10;

/// A way to a cache.
pub(super) enum Connector {
    Tcp,
    Tls(TlsConnector),
    Program(Program),
}

/// A program whose standard input and output are a connection to a cache.
pub(super) struct Program {
    pub(super) command: Box<dyn Fn() -> Command + Send + Sync>,
    /// Waits for its end, and says from that how the connection ended.
    pub(super) judge: Arc<dyn Fn(&mut Child) -> Outcome + Send + Sync>,
}

/// A connection, and how it ends.
pub(super) struct Carried {
    pub(super) stream: DuplexStream,
    pub(super) end: JoinHandle<Outcome>,
}

impl Connector {
    pub(super) async fn connect(&self, cache: SocketAddr) -> io::Result<Carried> {
        let (stream, far) = duplex(BUFFER);
        let end = match self {
            Connector::Tcp => {
                let carrier = TcpStream::connect(cache).await?;
                tokio::spawn(carry(far, carrier))
            }
            Connector::Tls(connector) => {
                let carrier = TcpStream::connect(cache).await?;
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                tokio::spawn(carry(far, connector.connect(name, carrier).await?))
            }
            Connector::Program(program) => {
                let (near, its) = StdUnixStream::pair()?;
                near.set_nonblocking(true)?;
                let mut command = (program.command)();
                command.stdin(OwnedFd::from(its.try_clone()?)).stdout(OwnedFd::from(its)).stderr(Stdio::null());
                let mut child = command.spawn()?;
                // It has what belongs to the program, whose end would not be seen otherwise.
                drop(command);
                let (carrier, judge) = (UnixStream::from_std(near)?, Arc::clone(&program.judge));
                tokio::spawn(async move {
                    // That the program has gone is an end too; how it went says the rest.
                    let _ = carry(far, carrier).await;
                    let judged = spawn_blocking(move || judge(&mut child)).await;
                    judged.unwrap_or_else(|error| Err(error.to_string()))
                })
            }
        };
        Ok(Carried { stream, end })
    }
}

/// Carries octets between a client and its connection, until that has ended.
async fn carry(near: DuplexStream, carrier: impl AsyncRead + AsyncWrite) -> Outcome {
    let ((mut near_read, mut near_write), (mut read, mut write)) = (split(near), split(carrier));
    let there = async {
        // Who has gone misses nothing.
        let _ = copy(&mut near_read, &mut write).await;
        let _ = write.shutdown().await;
    };
    let back = async {
        let mut octets = vec![0; BUFFER];
        let end = loop {
            match read.read(&mut octets).await {
                Ok(0) => break Ok(()),
                Ok(count) => drop(near_write.write_all(&octets[..count]).await),
                Err(error) => break Err(format!("the connection ended by an error: {error}")),
            }
        };
        let _ = near_write.shutdown().await;
        end
    };
    tokio::join!(there, back).1
}

/// With a router's certificate, and no other version of TLS. A connection that ends without close_notify is an error.
pub(super) fn tls_connector(files: &TlsFiles, version: TlsVersion) -> Outcome<TlsConnector> {
    let (roots, chain) = (files.authorities()?, files.certificates("router.pem")?);
    let key = PrivateKeyDer::from_pem_slice(&files.read("router.key")?);
    let key = key.map_err(|error| format!("router.key: {error}"))?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version.of_rustls()])
        .map(|builder| builder.with_root_certificates(roots))
        .and_then(|builder| builder.with_client_auth_cert(chain, key));
    config.map(|config| TlsConnector::from(Arc::new(config))).map_err(|error| format!("TLS: {error}"))
}
