//! A running response: Cache Response, payload, End of Data, given out in chunks that end where a PDU ends.

use crate::image::{Image, Octets, Section};
use crate::limits::{CHUNK_OCTETS_MAX, SMALL_RESPONSE_OCTETS_MAX};
use crate::profile::Profile;
use crate::serial::{Serial, SessionId};
use crate::time::Timing;
use crate::wire;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Octets to be written as they are. A chunk of an image is a range of shared octets, never a copy.
#[derive(Clone)]
pub struct Chunk {
    octets: Arc<dyn Octets>,
    range: Range<usize>,
    more: bool,
}

impl Chunk {
    pub(crate) fn own(octets: Vec<u8>) -> Chunk {
        let range = 0..octets.len();
        Chunk { octets: Arc::new(octets), range, more: false }
    }

    fn followed(self) -> Chunk {
        Chunk { more: true, ..self }
    }

    /// What is to be written.
    pub fn octets(&self) -> &[u8] {
        (*self.octets).as_ref().get(self.range.clone()).unwrap_or_default()
    }

    /// Where the octets lie: the whole they are a part of, and which part.
    pub fn source(&self) -> (&dyn Octets, Range<usize>) {
        (&*self.octets, self.range.clone())
    }

    /// Whether the next chunk follows at once, so that a transport may wait for it before it sends a packet.
    pub fn more(&self) -> bool {
        self.more
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} octets)", self.range.len())
    }
}

/// A part of the payload: records of one section, or PDUs of any kind.
#[derive(Debug)]
struct Part {
    section: Option<Section>,
    range: Range<usize>,
}

/// What identifies a response: it ends up in End of Data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    pub(crate) profile: Profile,
    pub(crate) session: SessionId,
    pub(crate) serial: Serial,
    pub(crate) timing: Timing,
}

/// The cursor of one response. A slow reader costs this, and the image that it pins.
pub(crate) struct Response {
    labels: Labels,
    /// The generation of the image that is read, if it is one.
    generation: Option<u64>,
    octets: Arc<dyn Octets>,
    /// What is still to be sent, last part first.
    parts: Vec<Part>,
    begun: bool,
    ended: bool,
}

impl Response {
    /// All of an image that the profile has.
    pub(crate) fn full(labels: Labels, generation: u64, image: &Image) -> Response {
        let mut parts: Vec<Part> = labels
            .profile
            .sections()
            .map(|section| Part { section: Some(section), range: image.layout().range(section) })
            .filter(|part| !part.range.is_empty())
            .collect();
        parts.reverse();
        let octets = Arc::clone(image.shared());
        Response { labels, generation: Some(generation), octets, parts, begun: false, ended: false }
    }

    /// The payload PDUs of a delta.
    pub(crate) fn delta(labels: Labels, octets: Arc<dyn Octets>) -> Response {
        let range = 0..(*octets).as_ref().len();
        let parts = if range.is_empty() { Vec::new() } else { vec![Part { section: None, range }] };
        Response { labels, generation: None, octets, parts, begun: false, ended: false }
    }

    /// A delta with nothing in it.
    pub(crate) fn empty(labels: Labels) -> Response {
        Response::delta(labels, Arc::new(Vec::new()))
    }

    pub(crate) fn labels(&self) -> Labels {
        self.labels
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// The next chunk; none when End of Data has been given out.
    pub(crate) fn next_chunk(&mut self) -> Option<Chunk> {
        if self.ended {
            return None;
        }
        let Labels { profile, session, .. } = self.labels;
        if !self.begun {
            self.begun = true;
            let mut head = wire::cache_response(profile.version(), session).to_vec();
            if self.parts.iter().map(|part| part.range.len()).sum::<usize>() > SMALL_RESPONSE_OCTETS_MAX {
                return Some(Chunk::own(head).followed());
            }
            for part in self.parts.drain(..).rev() {
                head.extend_from_slice((*self.octets).as_ref().get(part.range).unwrap_or_default());
            }
            return Some(self.end(head));
        }
        match self.parts.last_mut() {
            Some(part) => {
                let rest = (*self.octets).as_ref().get(part.range.clone()).unwrap_or_default();
                let octets = match part.section {
                    Some(section) => section.whole_records(rest, CHUNK_OCTETS_MAX),
                    // PDUs of any kind tell their own length, as router keys do.
                    None => Section::RouterKey.whole_records(rest, CHUNK_OCTETS_MAX),
                };
                debug_assert!(octets > 0, "a part holds whole records");
                let range = part.range.start..part.range.start + octets;
                part.range.start = range.end;
                if part.range.is_empty() || octets == 0 {
                    self.parts.pop();
                }
                Some(Chunk { octets: Arc::clone(&self.octets), range, more: false }.followed())
            }
            None => Some(self.end(Vec::with_capacity(24))),
        }
    }

    fn end(&mut self, mut octets: Vec<u8>) -> Chunk {
        self.ended = true;
        let Labels { profile, session, serial, timing } = self.labels;
        wire::end_of_data(profile.version(), session, serial, timing, &mut octets);
        Chunk::own(octets)
    }
}
