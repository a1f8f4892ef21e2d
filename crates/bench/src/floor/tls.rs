//! A bare server with TLS: a thread a connection, blocking, and rustls over the socket.

use crate::credentials;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// How much is encrypted before it is written: two records, as much as the cache under test has.
const SEND_OCTETS: usize = 32 * 1024;

/// A Reset Query.
const QUERY_OCTETS: usize = 8;

/// Answers each query with the response, for ever.
pub(crate) fn serve(listener: TcpListener, response: Arc<[u8]>, credentials: &Path) -> Result<(), String> {
    let config = config(credentials)?;
    for socket in listener.incoming() {
        let socket = socket.map_err(|error| format!("accepting: {error}"))?;
        let (config, response) = (Arc::clone(&config), Arc::clone(&response));
        thread::spawn(move || {
            if let Err(error) = answer(socket, config, &response) {
                eprintln!("TLS floor: {error}");
            }
        });
    }
    Ok(())
}

fn config(credentials: &Path) -> Result<Arc<ServerConfig>, String> {
    let text = |error: &dyn std::fmt::Display| format!("{}: {error}", credentials.display());
    let certificate =
        CertificateDer::from_pem_file(credentials.join(credentials::CERT)).map_err(|error| text(&error))?;
    let key = PrivateKeyDer::from_pem_file(credentials.join(credentials::KEY)).map_err(|error| text(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| text(&error))?.with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).map_err(|error| text(&error))?;
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn answer(mut socket: TcpStream, config: Arc<ServerConfig>, response: &[u8]) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.set_buffer_limit(Some(SEND_OCTETS));
    while query(&mut tls, &mut socket)? {
        let mut rest = response;
        while !rest.is_empty() {
            let taken = tls.writer().write(rest)?;
            rest = &rest[taken..];
            flush(&mut tls, &mut socket)?;
        }
    }
    tls.send_close_notify();
    match flush(&mut tls, &mut socket).and_then(|()| socket.shutdown(Shutdown::Write)) {
        // It has gone already.
        Err(error)
            if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected) =>
        {
            Ok(())
        }
        ended => ended,
    }
}

/// Waits for a query; false at the end.
fn query(tls: &mut ServerConnection, socket: &mut TcpStream) -> io::Result<bool> {
    let (mut octets, mut query) = (0, [0; QUERY_OCTETS]);
    while octets < QUERY_OCTETS {
        match tls.reader().read(&mut query[octets..]) {
            Ok(0) => return Ok(false),
            Ok(read) => octets += read,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                flush(tls, socket)?;
                tls.read_tls(socket)?;
                tls.process_new_packets().map_err(io::Error::other)?;
                flush(tls, socket)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn flush(tls: &mut ServerConnection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}
