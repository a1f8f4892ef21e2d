//! `write` from a shared buffer, a thread for each connection.

use super::thread_each;
use crate::Outcome;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

pub(super) fn serve(listener: &TcpListener, response: Vec<u8>) -> Outcome {
    let response = Arc::new(response);
    thread_each(
        listener,
        move |mut socket| {
            while socket.read_exact(&mut [0; 8]).is_ok() && socket.write_all(&response).is_ok() {}
        },
    )
}
