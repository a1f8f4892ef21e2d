//! Routers that do what the actions say, right or wrong.

use super::World;
use super::connection::Peer;
use crate::action::RouterPdu;
use crate::model::ReceivedSet;
use crate::pipe::PipeMode;

/// A router.
#[derive(Debug, Default)]
pub(crate) struct ScriptedRouter {
    pub(crate) connection: Option<u64>,
    /// What it was sent last, on an earlier connection.
    held: Option<ReceivedSet>,
    /// The rest of a PDU that was cut.
    rest: Vec<u8>,
}

impl ScriptedRouter {
    /// Returns whether it has sent a part of a PDU only.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn disconnected(&mut self, held: Option<ReceivedSet>) {
        (self.connection, self.held) = (None, held.or(self.held));
        self.rest.clear();
    }
}

impl World {
    pub(super) fn connect_router(&mut self, router: usize, max: u8, address: u8, mode: PipeMode) {
        if self.routers[router].connection.is_none() {
            self.routers[router].connection = self.accept(Peer::Router(router), address, max, mode);
        }
    }

    /// A router without a connection, or else this one, asks for everything, and reads nothing of it.
    pub(super) fn read_slowly(&mut self, router: usize, version: u8) {
        // One without a connection, so that several of them are slow.
        let free = self.routers.iter().position(|router| router.connection.is_none());
        let router = free.unwrap_or(router);
        let mode = PipeMode { capacity: 64, ..PipeMode::SOUND };
        self.connect_router(router, 2, router as u8, mode);
        if let Some(connection) = self.of_router(router) {
            connection.down.is_stalled = true;
        }
        self.send(router, RouterPdu::Reset, version, 0);
    }

    /// Sends a PDU; if it is cut, its first octets.
    pub(super) fn send(&mut self, router: usize, pdu: RouterPdu, version: u8, cut: usize) {
        let before = self.routers[router].held;
        let Some(connection) = self.of_router(router) else { return };
        let held = connection.model.holds().map(|(held, _)| *held).or(before);
        // A session goes on in its version, mostly.
        let version = connection.model.version().filter(|_| version != 3).unwrap_or(version);
        let octets = octets_of(pdu, version, held);
        let now = self.now;
        let mut octets = [std::mem::take(&mut self.routers[router].rest), octets].concat();
        if cut > 0 && cut < octets.len() {
            self.routers[router].rest = octets.split_off(cut);
        }
        if let Some(connection) = self.of_router(router) {
            let written = connection.up.write(now, &octets);
            self.routers[router].rest.splice(0..0, octets.drain(written..));
        }
    }

    pub(super) fn send_rest(&mut self, router: usize) {
        let now = self.now;
        let mut rest = std::mem::take(&mut self.routers[router].rest);
        if let Some(connection) = self.of_router(router) {
            let written = connection.up.write(now, &rest);
            self.routers[router].rest = rest.split_off(written);
        }
    }
}

fn octets_of(pdu: RouterPdu, version: u8, held: Option<ReceivedSet>) -> Vec<u8> {
    let header = |pdu_type: u8, field: u16, length: u32| {
        [&[version, pdu_type][..], &field.to_be_bytes(), &length.to_be_bytes()].concat()
    };
    let serial = |session: u16, serial: u32| [header(1, session, 12), serial.to_be_bytes().to_vec()].concat();
    let (session, number) = held.map_or((0, 0), |held| (held.session, held.serial));
    match pdu {
        RouterPdu::Reset => header(2, 0, 8),
        RouterPdu::Serial => serial(session, number),
        RouterPdu::OlderSerial(by) => serial(session, number.wrapping_sub(by.into())),
        // Only before the cache has named its own session this is no error.
        RouterPdu::OtherSession => serial(session.wrapping_add(1), number),
        RouterPdu::UnknownType => header(99, 0, 8),
        RouterPdu::WrongDirection => header(3, 1, 8),
        RouterPdu::WrongLength => header(2, 0, 9),
        RouterPdu::ErrorReport => [header(10, 0, 16), vec![0; 8]].concat(),
    }
}
