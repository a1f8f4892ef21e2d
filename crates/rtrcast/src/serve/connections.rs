//! Connections that the program before this one has handed over.

use crate::handover::{TakenHandover, WayBack};
use rtrcast_net::{Service, SuspendedConnection, WaitingConnection};
use rtrcast_proto::FieldDecoder;
use std::mem;

/// Takes the connections. Nothing is read from them, or written, before they are resumed. If that fails, the program
/// before this one goes on; should that not be possible, the reason is returned.
pub(super) fn take_connections(
    taken: &mut TakenHandover,
    service: &Service,
) -> Result<(Vec<SuspendedConnection>, Vec<WaitingConnection>), String> {
    let (connections, octets) = (mem::take(&mut taken.connections), mem::take(&mut taken.octets));
    let mut decoder = FieldDecoder::new(&connections);
    // One whose socket can't be used, as if it were lost, keeps no other from going on.
    let mut suspended = Vec::new();
    let mut take = || {
        for _ in 0..decoder.u32()? {
            suspended.extend(SuspendedConnection::decode(&mut decoder, service, &octets, &mut taken.descriptors)?.ok());
        }
        let waiting = decoder.list(|decoder| WaitingConnection::decode(decoder, &mut taken.descriptors))?;
        decoder.is_empty().then_some(waiting)
    };
    let Some(waiting) = take() else {
        let reason = "the connections that are handed over are damaged";
        // Before any of them is closed.
        WayBack::go(reason);
        return Err(reason.to_owned());
    };
    Ok((suspended, waiting))
}
