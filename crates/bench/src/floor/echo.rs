//! One small answer for each query, on one thread that blocks: what a router and a cache can exchange at most.

use crate::load::pdu::SERIAL_QUERY;
use crate::{Outcome, context};
use std::io::{Read, Write};
use std::net::TcpListener;

pub(super) fn serve(listener: &TcpListener, response: &[u8]) -> Outcome {
    loop {
        let (mut socket, _) = listener.accept().map_err(context("accepting"))?;
        socket.set_nodelay(true).map_err(context("a socket"))?;
        while socket.read_exact(&mut [0; SERIAL_QUERY]).is_ok() && socket.write_all(response).is_ok() {}
    }
}
