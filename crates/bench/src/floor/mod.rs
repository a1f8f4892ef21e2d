//! Bare programs: each does one thing and nothing else, so that what it takes is what the kernel takes.
//!
//! They run as processes of their own, `rtrcast-bench floor KIND --response FILE`, and say where they listen in their
//! first line.

mod echo;
mod sendfile;
mod ssh;
mod tls;
mod write;

use crate::{Outcome, context};
use clap::ValueEnum;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// `sendfile` from a sealed memory file
    Sendfile,
    /// `write` from a shared buffer
    Write,
    /// A small answer for each query, one after the other
    Echo,
    /// A shared buffer over TLS
    Tls,
    /// A shared buffer over SSH
    Ssh,
}

impl Kind {
    /// What it is called in the report, and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Sendfile => "sendfile",
            Kind::Write => "write",
            Kind::Echo => "echo",
            Kind::Tls => "tls",
            Kind::Ssh => "ssh",
        }
    }
}

/// What a floor answers with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    kind: Kind,
    /// What every query is answered with
    #[arg(long, value_name = "FILE")]
    response: PathBuf,
    /// What TLS and SSH show and demand
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    credentials: PathBuf,
}

/// Serves until it is ended.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let response = read(&arguments.response)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(context("a listener"))?;
    let addr = listener.local_addr().map_err(context("a listener"))?;
    println!("{addr}");
    std::io::stdout().flush().map_err(context("standard output"))?;
    match arguments.kind {
        Kind::Sendfile => sendfile::serve(&listener, &response),
        Kind::Write => write::serve(&listener, response),
        Kind::Echo => echo::serve(&listener, &response),
        Kind::Tls => tls::serve(listener, response.into(), &arguments.credentials),
        Kind::Ssh => ssh::serve(listener, response.into(), &arguments.credentials),
    }
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Accepts connections, and gives each a thread.
fn thread_each(listener: &TcpListener, work: impl Fn(TcpStream) + Clone + Send + 'static) -> Outcome {
    loop {
        let (socket, _) = listener.accept().map_err(context("accepting"))?;
        socket.set_nodelay(true).map_err(context("a socket"))?;
        let work = work.clone();
        std::thread::spawn(move || work(socket));
    }
}
