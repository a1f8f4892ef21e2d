//! What holds at each moment, and what holds once all is well.

use super::connection::SimConnection;
use super::{World, of_downstream};
use crate::action::{ROUTERS, RouterPdu, SOURCES};
use crate::model::seen_in;
use crate::pipe::PipeMode;
use rtrcast_proto::{Octets, Profile, Version};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Older sets that routers may be reading at a time; beyond it the readers of the oldest are cut off.
const PINNED_MAX: usize = 3;

impl World {
    pub(super) fn check(&mut self) -> Result<(), String> {
        if !self.is_away {
            self.cache.check_time(self.now)?;
            self.check_notifies()?;
        }
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        self.check_clients()?;
        self.downstream.check(self.now).map_err(of_downstream)?;
        self.check_pinned()?;
        let counts = self.ledger.counts();
        let connections = self.connections.len();
        if counts.connections as usize != connections || counts.memory_octets as usize != connections {
            return Err(format!("{connections} connections, and the ledger has {counts:?}"));
        }
        Ok(())
    }

    /// Checks how many older sets are in memory only since routers are reading them.
    fn check_pinned(&self) -> Result<(), String> {
        let current = self.cache.publisher.history().generation();
        let generation = |address: *const ()| {
            let is_it = |octets: &Arc<dyn Octets>| std::ptr::addr_eq(Arc::as_ptr(octets), address);
            self.generations.iter().find_map(|(octets, generation)| {
                let octets = octets.upgrade().filter(is_it)?;
                (*generation != current && !self.cache.keeps(&octets)).then_some(*generation)
            })
        };
        let read: BTreeSet<u64> =
            self.connections.values().filter_map(|connection| connection.reads().and_then(generation)).collect();
        if read.len() > PINNED_MAX {
            return Err(format!("routers read {} sets that are not served any more", read.len()));
        }
        Ok(())
    }

    fn check_notifies(&self) -> Result<(), String> {
        let view = self.cache.publisher.view();
        let Some(serial) = view.serial() else { return Ok(()) };
        for (id, connection) in &self.connections {
            if connection.is_closed || !connection.is_quiet() {
                continue;
            }
            let Some(version) = connection.model.version().and_then(Version::from_octet) else { continue };
            let session = view.session(Profile::full(version)).0;
            let outcome = connection.model.check_notify(self.now, (session, serial.0), self.changed, &self.line);
            outcome.map_err(|error| format!("{:?} #{id}: {error}", connection.peer))?;
        }
        Ok(())
    }

    /// Makes all well: sources are read, nothing is held, the network is sound; and checks that each router gets what
    /// is served then.
    pub(crate) fn restore(&mut self) -> Result<(), String> {
        let now = self.now;
        for client in &mut self.clients {
            client.mode = PipeMode::SOUND;
        }
        for connection in self.connections.values_mut() {
            connection.up.set_mode(PipeMode::SOUND);
            connection.down.set_mode(PipeMode::SOUND);
            (connection.up.is_stalled, connection.down.is_stalled) = (false, false);
            connection.model.note_progress(now);
        }
        self.set_limits(super::limits(1_000, None));
        self.cache.state.disk.mode = super::DiskMode::Sound;
        for source in 0..SOURCES {
            self.cache.write_again(now, source)?;
            self.settle()?;
        }
        self.cache.confirm(now, None)?;
        self.settle()?;
        // A change of sources waits for 300 s, a client that failed for a minute, and notifies for one more.
        self.pass(Duration::from_secs(500))?;
        for source in 0..SOURCES {
            self.cache.write_again(self.now, source)?;
            self.settle()?;
        }
        self.cache.confirm(self.now, None)?;
        self.settle()?;
        self.pass(Duration::from_secs(70))?;
        self.check_settled()
    }

    fn check_settled(&mut self) -> Result<(), String> {
        let Some(served) = self.cache.served.clone() else { return self.check_nothing_served() };
        if !self.cache.is_settled(self.now, &served) {
            return Err("what is served once all is well is not what the sources have".to_owned());
        }
        // Scripted routers ask once more; those whose session is over connect again.
        for router in 0..ROUTERS {
            let is_of_use = |connection: &mut SimConnection| connection.is_quiet() && connection.model.has_asked();
            if !self.of_router(router).is_some_and(is_of_use) || self.routers[router].has_rest() {
                if let Some(id) = self.routers[router].connection {
                    self.remove(id);
                }
                self.connect_router(router, 2, router as u8, PipeMode::SOUND);
            }
            self.send(router, RouterPdu::Reset, 2, 0);
        }
        self.pass(Duration::from_secs(90))?;
        // Meanwhile records may have expired.
        let served = self.cache.served.clone().unwrap_or_default();
        self.cache.check_preferred(self.now, &served)?;
        self.downstream.check_preferred().map_err(of_downstream)?;
        for router in 0..ROUTERS {
            let Some(id) = self.routers[router].connection else {
                return Err(format!("router {router} has no connection"));
            };
            let connection = self.connections.get(&id).ok_or("a router has a connection that is gone")?;
            let timing = self.cache.timing;
            let intervals = [timing.refresh(), timing.retry(), timing.expire()];
            if connection.model.intervals().is_some_and(|sent| sent != intervals) {
                return Err(format!("router {router} #{id} has other intervals than {intervals:?}"));
            }
            let Some((held, _)) = connection.model.holds() else {
                return Err(format!("router {router} #{id} asked, and has nothing"));
            };
            let view = self.cache.publisher.view();
            let Some(serial) = view.serial() else { continue };
            if !connection.model.knows(held.session, serial.0, &self.line) && !self.has_just_changed() {
                return Err(format!("router {router} #{id} has serial {}, and {serial} is served", held.serial));
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            let Some(data) = client.session.data() else {
                return Err(format!("client {number} has no data"));
            };
            let version = data.image.version();
            let current = self.cache.publisher.view().serial().map(|serial| serial.0);
            let named = self.line.get(data.session.0, data.serial.0).cloned().unwrap_or_default();
            if named != seen_in(&served, version.octet()) && !self.has_just_changed() {
                return Err(format!("client {number} has serial {}, and {current:?} is served", data.serial));
            }
        }
        if self.union_of_caches()?
            != self.clients[0]
                .session
                .data()
                .map_or(Ok(Default::default()), |data| crate::model::decoded(&data.image))?
        {
            return Err("the union of the caches is not the set of the preferred one".to_owned());
        }
        self.check_images()?;
        if !self.cache.is_kept() {
            // It was changed just now.
            self.pass(Duration::from_secs(1))?;
        }
        self.cache.check_kept(&self.line)
    }

    /// Returns whether the set changed so lately that a notify of it may be owed still.
    fn has_just_changed(&self) -> bool {
        self.now.0 - self.changed.0 < 70_000
    }

    /// No router reads an older set any more, so none is in memory.
    fn check_images(&mut self) -> Result<(), String> {
        let clients = self.clients.len();
        let (images, most) = (self.images.count(), self.cache.images_max() + 2 * clients);
        if images > most {
            return Err(format!("{images} images are in memory, where {most} are needed"));
        }
        self.downstream.check_images().map_err(of_downstream)
    }

    fn check_nothing_served(&self) -> Result<(), String> {
        if self.cache.has_tables() {
            return Err("sources have been read, and nothing is served".to_owned());
        }
        Ok(())
    }
}
