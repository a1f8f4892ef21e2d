//! The real client: `ClientSession` and `Caches` over simulated connections.

use super::connection::{Peer, SimConnection};
use super::{World, of_downstream};
use crate::model::{ModelSet, ReceivedSet, decoded};
use crate::pipe::PipeMode;
use rtrcast_proto::{
    Chunk, ClientData, ClientEvent, ClientOutput, ClientPolicy, ClientSession, FlushReason, Moment, Reconnect, Version,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most outputs without time passing.
const OUTPUTS_MAX: usize = 10_000;

/// The intervals of version 0, whose End of Data has none (RFC 6810).
const INTERVALS_V0: [u32; 3] = [3_600, 600, 7_200];

/// What a router has of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataState {
    None,
    Synchronised,
    Reserve,
}

/// A router that is the real client.
pub(crate) struct RealRouter {
    pub(crate) session: ClientSession,
    pub(crate) connection: Option<u64>,
    pub(crate) mode: PipeMode,
    writing: Option<(Chunk, usize)>,
    has_input_ended: bool,
    /// The sets that it was sent to their End of Data, as far as they were on their way, and the intervals with each.
    sent: BTreeMap<ReceivedSet, Option<[u32; 3]>>,
}

impl RealRouter {
    pub(crate) fn new(now: Moment, number: usize) -> RealRouter {
        RealRouter {
            session: ClientSession::new(now, ClientPolicy::default(), number as u64),
            connection: None,
            mode: PipeMode::SOUND,
            writing: None,
            has_input_ended: false,
            sent: BTreeMap::new(),
        }
    }

    /// The connection was cut.
    pub(crate) fn lose(&mut self, now: Moment) {
        (self.connection, self.writing) = (None, None);
        if !std::mem::replace(&mut self.has_input_ended, true) {
            self.session.input_ended(now);
        }
    }

    pub(crate) fn next_event(&self, now: Moment, connections: &BTreeMap<u64, SimConnection>) -> Option<Moment> {
        let connection = self.connection.and_then(|id| connections.get(&id));
        let arrival = connection.filter(|_| self.session.wants_input()).and_then(|there| there.down.next_arrival());
        [arrival, self.session.deadline()].into_iter().flatten().filter(|at| *at > now).min()
    }
}

impl World {
    pub(super) fn cut_client(&mut self, client: usize) {
        if let Some(id) = self.clients[client].connection {
            self.remove(id);
        }
    }

    pub(super) fn run_clients(&mut self) -> Result<bool, String> {
        let mut has_done = false;
        for client in 0..self.clients.len() {
            has_done |= self.run_client(client).map_err(|error| format!("client {client}: {error}"))?;
        }
        Ok(has_done)
    }

    fn run_client(&mut self, client: usize) -> Result<bool, String> {
        let mut has_done = false;
        for _ in 0..OUTPUTS_MAX {
            self.note_sent(client);
            let mut progress = self.client_outputs(client)?;
            progress |= self.client_writes(client);
            progress |= self.client_reads(client);
            let now = self.now;
            let router = &mut self.clients[client];
            if router.session.deadline().is_some_and(|deadline| deadline <= now) {
                router.session.tick(now);
            }
            if !progress {
                return Ok(has_done);
            }
            has_done = true;
        }
        Err("the client does things without end".to_owned())
    }

    /// Notes which sets are on their way: the client may hold each of them.
    fn note_sent(&mut self, client: usize) {
        let Some(id) = self.clients[client].connection else { return };
        let Some(connection) = self.connections.get(&id) else { return };
        if let Some((held, _)) = connection.model.holds() {
            self.clients[client].sent.insert(*held, connection.model.intervals());
        }
    }

    fn client_outputs(&mut self, client: usize) -> Result<bool, String> {
        let now = self.now;
        let mut progress = false;
        while self.clients[client].writing.is_none() {
            match self.clients[client].session.next(now) {
                ClientOutput::Connect => {
                    let mode = self.clients[client].mode;
                    let id = self.accept(Peer::Client(client), 100 + client as u8, self.client_max, mode);
                    let router = &mut self.clients[client];
                    (router.connection, router.has_input_ended) = (id, false);
                    match id {
                        Some(_) => router.session.connected(now),
                        None => router.session.not_connected(now),
                    }
                }
                ClientOutput::Write(chunk) => {
                    self.check_query(client, chunk.octets())?;
                    self.clients[client].writing = Some((chunk, 0));
                }
                ClientOutput::Close => {
                    let router = &mut self.clients[client];
                    router.has_input_ended = true;
                    if let Some(id) = router.connection.take() {
                        // It reads no more: its end of the connection is over.
                        self.remove(id);
                    }
                }
                ClientOutput::Apply(changes) => {
                    let Ok(applied) = changes.apply(self.images.sink());
                    self.clients[client].session.applied(now, applied);
                }
                ClientOutput::Event(event) => self.client_event(client, &event)?,
                ClientOutput::Wait(_) => break,
            }
            progress = true;
        }
        Ok(progress)
    }

    /// A Serial Query has to name what the client was sent in this version. [R-SID-02]
    fn check_query(&mut self, client: usize, octets: &[u8]) -> Result<(), String> {
        let [version, 1, s0, s1, _, _, _, _, n0, n1, n2, n3] = *octets else { return Ok(()) };
        let asked = ReceivedSet {
            version,
            session: u16::from_be_bytes([s0, s1]),
            serial: u32::from_be_bytes([n0, n1, n2, n3]),
        };
        if self.clients[client].sent.contains_key(&asked) {
            return Ok(());
        }
        Err(format!("it asks from {asked:?}, which it was never sent"))
    }

    /// Data expire as their End of Data says. [R-SYN-08]
    fn check_expiry(&self, client: usize, data: &ClientData) -> Result<(), String> {
        let version = data.image.version().octet();
        let set = ReceivedSet { version, session: data.session.0, serial: data.serial.0 };
        let intervals = self.clients[client].sent.get(&set).ok_or("it has a set that it was not sent")?;
        let [_, _, expire] = intervals.unwrap_or(INTERVALS_V0);
        if data.expires() != self.now.after(Duration::from_secs(expire.into())) {
            return Err(format!("its data expire at {} ms, and Expire is {expire} s", data.expires().0));
        }
        Ok(())
    }

    fn client_event(&mut self, client: usize, event: &ClientEvent) -> Result<(), String> {
        let id = self.cache_ids[client];
        match event {
            ClientEvent::Updated(_) => {
                if let Some(data) = self.clients[client].session.data() {
                    let set = decoded(&data.image)?;
                    let named = self.line.get(data.session.0, data.serial.0);
                    if named != Some(&set) {
                        return Err(format!("its set is not that of serial {}", data.serial));
                    }
                    self.check_expiry(client, data)?;
                    let image = data.image.clone();
                    self.caches.synchronised(id, image);
                    self.note_data(client, DataState::Synchronised);
                    if let Some(data) = self.clients[client].session.data() {
                        self.downstream.updated(self.now, client, data).map_err(of_downstream)?;
                    }
                }
            }
            ClientEvent::Ended { reconnect, .. } => {
                self.caches.lost(id);
                self.note_data(client, DataState::Reserve);
                if *reconnect != Reconnect::AtOnce {
                    self.downstream.failed(self.now, client).map_err(of_downstream)?;
                }
            }
            ClientEvent::Flushed(reason) => {
                if self.clients[client].session.data().is_some() {
                    return Err("it has data behind a flush".to_owned());
                }
                self.caches.flushed(id);
                self.note_data(client, DataState::None);
                if *reason == FlushReason::ShutDown {
                    self.downstream.withdrawn(self.now, client).map_err(of_downstream)?;
                }
            }
            ClientEvent::Reported { code, violation } => {
                return Err(format!("it reports an error of the cache: {code}, {violation:?}"));
            }
            _ => {}
        }
        self.trace_line(|| match event {
            ClientEvent::Updated(update) => format!("client {client}: has serial {}", update.serial),
            event => format!("client {client}: {event:?}"),
        });
        Ok(())
    }

    fn client_writes(&mut self, client: usize) -> bool {
        let now = self.now;
        let Some(id) = self.clients[client].connection else {
            self.clients[client].writing = None;
            return false;
        };
        let (Some((chunk, at)), Some(connection)) = (&mut self.clients[client].writing, self.connections.get_mut(&id))
        else {
            return false;
        };
        let written = connection.up.write(now, chunk.octets().get(*at..).unwrap_or_default());
        *at += written;
        if *at == chunk.octets().len() {
            self.clients[client].writing = None;
        }
        written > 0
    }

    fn client_reads(&mut self, client: usize) -> bool {
        let now = self.now;
        let router = &mut self.clients[client];
        let Some(connection) = router.connection.and_then(|id| self.connections.get_mut(&id)) else { return false };
        if !router.session.wants_input() {
            return false;
        }
        if let Some(octets) = connection.down.read(now) {
            router.session.receive(now, &octets);
            return true;
        }
        if connection.down.has_ended(now) && !router.has_input_ended {
            router.has_input_ended = true;
            router.session.input_ended(now);
            return true;
        }
        false
    }

    /// Checks that the caches' union is that of the sets in effect, and that expired data are gone.
    pub(super) fn check_clients(&self) -> Result<(), String> {
        for (number, client) in self.clients.iter().enumerate() {
            if let Some(data) = client.session.data()
                && data.expires() < self.now
            {
                return Err(format!("client {number} has data that have expired"));
            }
        }
        let effective: Vec<_> = self.caches.effective().collect();
        let expected: Vec<_> = self.effective.iter().map(|number| self.cache_ids[*number]).collect();
        if effective != expected {
            return Err(format!("caches {effective:?} are in effect instead of {expected:?}"));
        }
        Ok(())
    }

    /// Notes what a client has, and decides whose data are in effect: each cache has a preference of its own. [R-MUL-01]
    /// [R-MUL-04]
    fn note_data(&mut self, client: usize, now: DataState) {
        self.states[client] = match (now, self.states[client]) {
            (DataState::Reserve, DataState::None) => DataState::None,
            (now, _) => now,
        };
        let first = |is: &dyn Fn(DataState) -> bool| self.states.iter().position(|state| is(*state));
        let before = self.effective.filter(|number| self.states[*number] != DataState::None);
        self.effective =
            first(&|state| state == DataState::Synchronised).or(before).or(first(&|state| state != DataState::None));
    }

    /// The set that the routers of all caches use.
    pub(super) fn union_of_caches(&self) -> Result<ModelSet, String> {
        let Ok(union) = self.caches.union(Version::V2, self.images.sink());
        decoded(&union.image)
    }
}
