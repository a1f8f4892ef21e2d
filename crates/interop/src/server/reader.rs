//! A reader of a whole set: connects, asks for everything once, and ends. It checks what our program makes of a cache
//! that it follows, with nothing of rtrcast's.

use super::payload::{announce, nothing};
use crate::Outcome;
use crate::router::Held;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The answer comes within milliseconds, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
/// No PDU of ours is longer.
const PDU_OCTETS_MAX: usize = 65_536;

const CACHE_RESPONSE: u8 = 3;
const END_OF_DATA: u8 = 7;
const ERROR_REPORT: u8 = 10;
const SERIAL_NOTIFY: u8 = 0;

/// Everything that a cache serves now in a version.
pub(crate) fn read_all(cache: SocketAddr, version: u8) -> Outcome<Held> {
    let broken = |error: std::io::Error| format!("reading from {cache}: {error}");
    let mut stream = TcpStream::connect_timeout(&cache, PATIENCE).map_err(broken)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    stream.write_all(&[version, 2, 0, 0, 0, 0, 0, 8]).map_err(broken)?;
    let mut stream = BufReader::new(stream);
    let mut held = nothing();
    let mut has_begun = false;
    loop {
        let mut pdu = vec![0; 8];
        stream.read_exact(&mut pdu).map_err(broken)?;
        let length = u32::from_be_bytes([pdu[4], pdu[5], pdu[6], pdu[7]]) as usize;
        if !(8..=PDU_OCTETS_MAX).contains(&length) || pdu[0] != version {
            return Err(format!("{cache} sends a PDU that is none: {pdu:02x?}"));
        }
        pdu.resize(length, 0);
        stream.read_exact(&mut pdu[8..]).map_err(broken)?;
        match pdu[1] {
            CACHE_RESPONSE if !has_begun => has_begun = true,
            END_OF_DATA if has_begun => return Ok(held),
            ERROR_REPORT => return Err(format!("{cache} reports error {}", u16::from_be_bytes([pdu[2], pdu[3]]))),
            SERIAL_NOTIFY if !has_begun => {}
            _ if has_begun => announce(&mut held, &pdu)?,
            _ => return Err(format!("{cache} sends out of place: {pdu:02x?}")),
        }
    }
}
