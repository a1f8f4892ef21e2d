//! The simulated world: its parts, its clock, and its checks.
//!
//! `cache.rs` has the data and `served.rs` what they have to be, `connection.rs` the cache's side of a connection,
//! `routers.rs` routers that do what the actions say, `clients.rs` the real client, and `downstream.rs` a cache whose
//! sources these clients are; `checks.rs` is what holds at each moment, and once all is well.

mod cache;
mod checks;
mod clients;
mod clock;
mod connection;
mod disk;
mod downstream;
mod handover;
mod routers;
mod served;
mod state;

use crate::action::{Action, CLIENTS, ProgramEnd, ROUTERS, SOURCES};
use crate::choices::Random;
use crate::model::ServedSets;
use crate::pipe::PipeMode;
use crate::storage::ImageCounter;
use cache::{BEGIN, CacheEngine, Changes};
use clients::{DataState, RealRouter};
use connection::{Peer, SimConnection, address_of};
pub(crate) use disk::DiskMode;
use disk::SimDisk;
use downstream::DownstreamCache;
use routers::ScriptedRouter;
use rtrcast_proto::{
    AdmissionLedger, CacheId, Caches, CapacityCheck, ConnectionLimits, Dismissal, InUse, Moment, Octets, Preference,
    Profile, Stop, View, Want,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

/// The most rounds without time passing.
const ROUNDS_MAX: usize = 10_000;

/// Time for which a program that stops waits for its connections.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// Memory that a connection is counted with.
const COST: u64 = 1;

/// The world.
pub(crate) struct World {
    now: Moment,
    random: Random,
    cache: CacheEngine,
    /// True while the program does not run.
    is_away: bool,
    runs: u32,
    options: u8,
    line: ServedSets,
    ledger: AdmissionLedger<Moment>,
    limits: ConnectionLimits,
    connections: BTreeMap<u64, SimConnection>,
    next_connection: u64,
    routers: Vec<ScriptedRouter>,
    clients: Vec<RealRouter>,
    /// The highest version that they are served.
    client_max: u8,
    caches: Caches,
    cache_ids: Vec<CacheId>,
    /// What the model says of them: what each has, and the one that is in effect.
    states: [DataState; CLIENTS],
    effective: Option<usize>,
    downstream: DownstreamCache,
    /// Requests of sessions, and when they are fulfilled.
    wants: VecDeque<(Moment, u64, Want)>,
    /// When the set that is served changed last.
    changed: Moment,
    images: ImageCounter,
    /// Images that were served, and the generation of each.
    generations: Vec<(Weak<dyn Octets>, u64)>,
    /// What happened, if it is traced.
    trace: Option<Vec<String>>,
    /// A limit that was exceeded, or that refused a connection wrongly.
    broken: Option<String>,
}

impl World {
    pub(crate) fn new(options: u8, is_traced: bool) -> World {
        let images = ImageCounter::default();
        let mut caches = Caches::new();
        let cache_ids = (0..CLIENTS).map(|n| caches.add(Preference(n as u8))).collect();
        World {
            now: BEGIN,
            random: Random::new(u64::from(options)),
            cache: CacheEngine::new(0, options, images.clone(), SimDisk::new(u64::from(options))),
            is_away: false,
            runs: 0,
            options,
            line: ServedSets::default(),
            ledger: AdmissionLedger::new(limits(10, None)),
            limits: limits(10, None),
            connections: BTreeMap::new(),
            next_connection: 0,
            routers: (0..ROUTERS).map(|_| ScriptedRouter::default()).collect(),
            clients: (0..CLIENTS).map(|n| RealRouter::new(BEGIN, n)).collect(),
            client_max: 2,
            caches,
            cache_ids,
            states: [DataState::None; CLIENTS],
            effective: None,
            downstream: DownstreamCache::new(CLIENTS, options),
            wants: VecDeque::new(),
            changed: BEGIN,
            images,
            generations: Vec::new(),
            broken: None,
            trace: is_traced.then(Vec::new),
        }
    }

    /// The program has started: its files are read.
    pub(crate) fn start(&mut self) -> Result<(), String> {
        self.cache.read_slurm(self.now, None)?;
        self.settle()
    }

    pub(crate) fn trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    fn trace_line(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10} ms  {}", self.now.0 - BEGIN.0, line()));
        }
    }

    /// Takes an action, and does what follows from it.
    pub(crate) fn apply(&mut self, action: Action) -> Result<(), String> {
        self.trace_line(|| format!("{action:?}"));
        let now = self.now;
        match action {
            Action::Wait(time) => return self.pass(time),
            Action::Load { source, changes, seed, age } => self.cache.change_table(now, source, changes, seed, age)?,
            Action::Lose { source, seed } => self.cache.lose(now, source, seed)?,
            Action::Unchanged { source } => self.cache.unchanged(now, source),
            Action::Fail { source } => self.cache.fail(now, source),
            Action::Confirm { source } => self.cache.confirm(now, source)?,
            Action::Slurm { seed } => self.cache.read_slurm(now, Some(seed))?,
            Action::Reload { has_guard, expire } => self.cache.reload(now, has_guard, expire)?,
            Action::SetClock { seconds } => self.cache.set_clock(seconds),
            Action::Connect { router, max, address, mode } => self.connect_router(router, max, address, mode),
            Action::Send { router, pdu, version, cut } => self.send(router, pdu, version, cut),
            Action::SendRest { router } => self.send_rest(router),
            Action::Stall { router, is_stalled } => {
                if let Some(connection) = self.of_router(router) {
                    connection.down.is_stalled = is_stalled;
                    connection.model.note_progress(now);
                }
            }
            Action::SlowReader { router, version } => self.read_slowly(router, version),
            Action::SlowReaders { source, seed } => {
                for router in 0..ROUTERS {
                    self.read_slowly(router, 2);
                    self.settle()?;
                    self.cache.change_table(now, source, 2, seed.wrapping_add(router as u16), 0)?;
                    self.settle()?;
                }
            }
            Action::EndSide { router } => {
                if let Some(connection) = self.of_router(router) {
                    connection.up.end(now);
                }
            }
            Action::Reset { router } => {
                if let Some(id) = self.routers[router].connection {
                    self.remove(id);
                }
            }
            Action::Dismiss { router, is_denied } => {
                if let Some(connection) = self.of_router(router) {
                    if is_denied {
                        connection.model.has_to_end(now, "the operator denies it", false);
                        connection.session.dismiss(now, Dismissal::NotAdmitted);
                    } else {
                        connection.model.has_to_end(now, "the operator closes it", true);
                        connection.session.dismiss(now, Dismissal::Requested);
                    }
                }
            }
            Action::ClientNetwork { client, mode, is_stalled } => {
                self.clients[client].mode = mode;
                if let Some(connection) = self.of_client(client) {
                    connection.up.set_mode(mode);
                    connection.down.set_mode(mode);
                    connection.down.is_stalled = is_stalled;
                    connection.model.note_progress(now);
                }
            }
            Action::ClientReset { client } => self.cut_client(client),
            Action::ClientRefresh { client } => self.clients[client].session.refresh(now),
            Action::Restart { end, away, max } => {
                self.client_max = max;
                return self.restart(end, away);
            }
            Action::Disk(mode) => self.cache.state.disk.mode = mode,
            Action::CopyDisk => self.cache.state.disk.copy(),
            Action::HandOver => self.hand_over()?,
            Action::Limit { connections_max, per_address_max } => {
                self.set_limits(limits(connections_max, per_address_max));
            }
        }
        self.settle()
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now.after(time);
        loop {
            self.settle()?;
            match self.next_event().filter(|at| *at <= end) {
                Some(at) => self.now = at.max(Moment(self.now.0 + 1)).min(end),
                None => {
                    self.now = end;
                    return self.settle();
                }
            }
        }
    }

    fn next_event(&self) -> Option<Moment> {
        let cache = [self.cache.wait, self.cache.state.next_event()].into_iter().flatten().filter(|_| !self.is_away);
        let connections = self.connections.values().filter_map(|connection| connection.next_event(self.now));
        let clients = self.clients.iter().filter_map(|client| client.next_event(self.now, &self.connections));
        let wants = self.wants.front().map(|(at, ..)| *at);
        connections
            .chain(clients)
            .chain(cache)
            .chain(wants)
            .chain(self.downstream.wait)
            .filter(|at| *at > self.now)
            .min()
    }

    /// Does all that can be done now, and checks what has to hold.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            let mut progress = self.run_cache()?;
            progress |= self.run_wants();
            progress |= self.run_connections()?;
            progress |= self.run_clients()?;
            self.downstream.tick(self.now).map_err(of_downstream)?;
            if !progress {
                return self.check();
            }
        }
        Err("things happen without end".to_owned())
    }

    fn in_use(&self) -> InUse {
        let is_of = |profile: Profile| {
            self.connections.values().filter(|connection| connection.profile == Some(profile)).count()
        };
        InUse::count(is_of)
    }

    fn run_cache(&mut self) -> Result<bool, String> {
        if self.is_away {
            return Ok(false);
        }
        if self.cache.wait.is_some_and(|wait| wait <= self.now) {
            self.cache.tick(self.now);
        }
        let Changes { view, is_withheld, lines } = self.cache.run(self.now, &self.in_use(), &mut self.line)?;
        for line in lines {
            self.trace_line(|| line);
        }
        let has_written = self.cache.write_state(self.now)?;
        let Some(view) = view else { return Ok(has_written) };
        self.note_images(&view);
        self.changed = self.now;
        for connection in self.connections.values_mut() {
            connection.data_changed(self.now, &view, is_withheld);
        }
        Ok(true)
    }

    /// Notes the images of a view, and forgets those that are gone.
    fn note_images(&mut self, view: &View) {
        self.generations.retain(|(octets, _)| octets.strong_count() > 0);
        let generation = self.cache.publisher.history().generation();
        for image in view.images() {
            let octets = Arc::downgrade(image.shared());
            if !self.generations.iter().any(|(known, _)| Weak::ptr_eq(known, &octets)) {
                self.generations.push((octets, generation));
            }
        }
    }

    fn run_wants(&mut self) -> bool {
        if self.wants.front().is_none_or(|(at, ..)| *at > self.now) {
            return false;
        }
        let Some((_, id, want)) = self.wants.pop_front() else { return false };
        let in_use = self.in_use();
        let view = self.cache.fulfil(want, &in_use);
        self.note_images(&view);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.session.data_changed(self.now, view);
        }
        true
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(self.cache.publisher.view())
    }

    fn run_connections(&mut self) -> Result<bool, String> {
        let (view, now) = (self.view(), self.now);
        let mut has_done = false;
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        for id in ids {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let had_asked = connection.profile.is_some();
            let outcome = connection.run(now, &self.line, &view);
            let lines = std::mem::take(&mut connection.lines);
            let (peer, want) = (connection.peer, connection.want.take());
            let asks_first = !had_asked && connection.profile.is_some();
            let permit = connection.permit;
            let is_over = connection.is_aborted || (connection.is_closed && matches!(peer, Peer::Router(_)));
            if self.trace.is_some() {
                for line in lines {
                    self.trace_line(|| format!("{peer:?} #{id}: {line}"));
                }
            }
            has_done |= outcome.map_err(|error| format!("{peer:?} #{id}: {error}"))?;
            if asks_first {
                drop(self.ledger.mark_queried(permit));
            }
            if let Some(want) = want {
                let delay = Duration::from_millis(self.random.below(3) as u64 * 40);
                self.wants.push_back((now.after(delay), id, want));
            }
            if is_over {
                self.remove(id);
                if let Peer::Client(client) = peer {
                    self.clients[client].lose(now);
                }
            } else if let Peer::Router(_) = peer
                && let Some(connection) = self.connections.get_mut(&id)
            {
                // The router reads what has come; the model has checked it.
                while connection.down.read(now).is_some() {
                    has_done = true;
                }
            }
        }
        Ok(has_done)
    }

    fn of_router(&mut self, router: usize) -> Option<&mut SimConnection> {
        let id = self.routers[router].connection?;
        self.connections.get_mut(&id)
    }

    fn of_client(&mut self, client: usize) -> Option<&mut SimConnection> {
        let id = self.clients[client].connection?;
        self.connections.get_mut(&id)
    }

    /// Accepts a connection, if the limits allow one more; if newcomers have to give way, they do.
    fn accept(&mut self, peer: Peer, address: u8, max: u8, mode: PipeMode) -> Option<u64> {
        if self.is_away {
            return None;
        }
        loop {
            match self.ledger.check_capacity(self.now, COST) {
                CapacityCheck::Available => break,
                CapacityCheck::Full(_) => {
                    if self.connections.len() < self.limits.connections_max as usize {
                        let connections = self.connections.len();
                        self.broken.get_or_insert(format!("with {connections} connections there is room for no more"));
                    }
                    return None;
                }
                CapacityCheck::Displace(_) => self.displace(),
            }
        }
        let permit = self.ledger.admit(self.now, Some(address_of(address)), COST).ok();
        let has_address = |connection: &&SimConnection| connection.address == address_of(address);
        let of_address = self.connections.values().filter(has_address).count();
        let is_free = self.limits.per_address_max.is_none_or(|max| of_address < max as usize);
        if permit.is_some() != is_free || self.connections.len() >= self.limits.connections_max as usize {
            self.broken.get_or_insert(format!(
                "with {} connections, {of_address} of them of the address, one more is {}",
                self.connections.len(),
                if permit.is_some() { "accepted" } else { "refused" }
            ));
        }
        let permit = permit?;
        let id = self.next_connection;
        self.next_connection += 1;
        let mut connection = SimConnection::new(self.now, peer, permit, address, max, mode, self.view());
        connection.model.is_noted = self.trace.is_some();
        self.connections.insert(id, connection);
        self.trace_line(|| format!("{peer:?} #{id}: connected"));
        Some(id)
    }

    fn set_limits(&mut self, limits: ConnectionLimits) {
        self.limits = limits;
        self.ledger.set_limits(limits);
    }

    /// Tells connections that they have to give way; each finds out when it is its turn, and may have asked by then.
    fn displace(&mut self) {
        for connection in self.connections.values_mut() {
            if self.ledger.poll_displaced(connection.permit, Waker::noop()).0 {
                let delay = Duration::from_millis(self.random.below(3) as u64 * 700);
                connection.displaced.get_or_insert(self.now.after(delay));
            }
        }
    }

    /// Removes a connection; both sides have ended it, or it was cut.
    fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else { return };
        drop(self.ledger.leave(connection.permit, Some(connection.address), COST));
        match connection.peer {
            Peer::Router(router) if self.routers[router].connection == Some(id) => {
                self.routers[router].disconnected(connection.model.holds().map(|(held, _)| *held));
            }
            Peer::Client(client) if self.clients[client].connection == Some(id) => self.clients[client].lose(self.now),
            Peer::Router(_) | Peer::Client(_) => {}
        }
    }

    /// The program ends, and starts again.
    fn restart(&mut self, end: ProgramEnd, away: Duration) -> Result<(), String> {
        let stop = match end {
            ProgramEnd::Stop => Some(Stop::Restart),
            ProgramEnd::Shutdown => Some(Stop::Shutdown),
            ProgramEnd::Crash | ProgramEnd::PutBack => None,
        };
        self.is_away = true;
        if let Some(stop) = stop {
            for connection in self.connections.values_mut() {
                connection.stop(self.now, stop);
            }
            // The program waits for 10 s at most.
            self.pass(STOP_TIME_MAX)?;
            let is_idle = |connection: &&SimConnection| !connection.is_over() && connection.is_quiet();
            if let Some(connection) = self.connections.values().find(is_idle) {
                return Err(format!("{:?} has nothing to wait for, and stays open at a stop", connection.peer));
            }
        }
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        for id in ids {
            self.remove(id);
        }
        self.wants.clear();
        match end {
            ProgramEnd::Stop | ProgramEnd::Shutdown => self.cache.finish_state(self.now)?,
            ProgramEnd::Crash => self.cache.state.disk.crash(),
            ProgramEnd::PutBack => self.cache.state.disk.put_back(),
        }
        self.pass(away)?;
        self.runs += 1;
        self.cache = CacheEngine::started(self.runs, self.options, &mut self.cache, self.now, &mut self.line)?;
        self.is_away = false;
        self.cache.read_slurm(self.now, None)?;
        self.settle()?;
        for source in 0..SOURCES {
            self.cache.read_again(self.now, source)?;
            self.settle()?;
        }
        self.settle()
    }
}

fn of_downstream(error: String) -> String {
    format!("the cache behind: {error}")
}

fn limits(connections_max: u32, per_address_max: Option<u32>) -> ConnectionLimits {
    ConnectionLimits { connections_max, per_address_max, handshakes_max: 100, memory_octets_max: 1_000 }
}
