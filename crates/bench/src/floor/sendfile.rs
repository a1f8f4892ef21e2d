//! `sendfile` from a sealed memory file, in a loop, a thread for each connection.

use super::thread_each;
use crate::{Outcome, context};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create, sendfile};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

pub(super) fn serve(listener: &TcpListener, response: &[u8]) -> Outcome {
    let file =
        memfd_create("floor", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).map_err(context("a memory file"))?;
    let mut file = File::from(file);
    file.write_all(response).map_err(context("a memory file"))?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK).map_err(context("sealing"))?;
    let (file, length) = (Arc::new(file), response.len());
    thread_each(
        listener,
        move |mut socket| {
            while socket.read_exact(&mut [0; 8]).is_ok() && send(&socket, &file, length) {}
        },
    )
}

fn send(socket: &TcpStream, file: &File, length: usize) -> bool {
    let mut offset = 0;
    while let Some(rest) = usize::try_from(offset).ok().and_then(|offset| length.checked_sub(offset))
        && rest > 0
    {
        if sendfile(socket, file, Some(&mut offset), rest).is_err() {
            return false;
        }
    }
    true
}
