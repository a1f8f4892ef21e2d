//! Connections that go on in another program: sessions, and the octets that are being written, as they are handed over.

use super::World;
use super::connection::SimConnection;
use rtrcast_proto::{Chunk, FieldDecoder, FieldEncoder, Moment, Octets, ServerSession, View};
use std::sync::Arc;

/// Octets that sessions share, by their numbers.
#[derive(Default)]
struct SharedOctets(Vec<Arc<dyn Octets>>);

impl SharedOctets {
    fn number_of(&mut self, octets: &Arc<dyn Octets>) -> u32 {
        let known = self.0.iter().position(|other| Arc::ptr_eq(other, octets));
        let number = known.unwrap_or_else(|| {
            self.0.push(Arc::clone(octets));
            self.0.len() - 1
        });
        number as u32
    }

    fn get(&self, number: u32) -> Option<Arc<dyn Octets>> {
        self.0.get(number as usize).cloned()
    }
}

impl World {
    /// The program becomes another one: its connections stay.
    pub(super) fn hand_over(&mut self) -> Result<(), String> {
        if self.is_away {
            return Ok(());
        }
        let view = Arc::clone(self.cache.publisher.view());
        for connection in self.connections.values_mut().filter(|connection| !connection.is_over()) {
            connection.hand_over(self.now, &view)?;
        }
        Ok(())
    }
}

impl SimConnection {
    fn hand_over(&mut self, now: Moment, view: &Arc<View>) -> Result<(), String> {
        self.session.suspend(now);
        while let Some(event) = self.session.event() {
            self.event(now, &event)?;
        }
        let (mut shared, mut encoder) = (SharedOctets::default(), FieldEncoder::default());
        self.session.encode(&mut encoder, |octets| shared.number_of(octets));
        if let Some(writing) = &self.writing {
            writing.chunk.encode(&mut encoder, |octets| shared.number_of(octets));
        }
        let mut decoder = FieldDecoder::new(&encoder.0);
        let session = ServerSession::decode(&mut decoder, now, Arc::clone(view), |number| shared.get(number));
        self.session = session.ok_or("a session that was handed over can't be read")?;
        if let Some(writing) = &mut self.writing {
            let chunk = Chunk::decode(&mut decoder, |number| shared.get(number));
            writing.chunk = chunk.ok_or("a chunk that was handed over can't be read")?;
        }
        if decoder.is_empty() { Ok(()) } else { Err("octets follow a session that was handed over".to_owned()) }
    }
}
