//! A running response: Cache Response, payload, End of Data, given out in chunks that end where a PDU ends.

use crate::fields::{FieldDecoder, FieldEncoder};
use crate::image::{Image, Octets, Section, WholeRecords};
use crate::limits::{CHUNK_OCTETS_MAX, SMALL_RESPONSE_OCTETS_MAX};
use crate::profile::Profile;
use crate::serial::{Serial, SessionId};
use crate::time::Timing;
use crate::wire;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::ops::Range;

/// Octets to be written as they are. A chunk of an image is a range of shared octets, never a copy.
#[derive(Clone)]
pub struct Chunk {
    source: ChunkSource,
    /// PDUs in it, all of them whole.
    pdus: u32,
    more: bool,
}

#[derive(Clone)]
enum ChunkSource {
    Shared(Arc<dyn Octets>, Range<usize>),
    Short(Short),
}

/// So few octets that they need no memory of their own: an empty delta, a Serial Notify, a Cache Reset.
#[derive(Clone)]
struct Short {
    octets: [u8; SHORT_OCTETS_MAX],
    len: u8,
}

/// A Cache Response and an End of Data with timers. A range of shared octets takes as much room.
const SHORT_OCTETS_MAX: usize = 32;

impl Short {
    fn new(octets: &[u8]) -> Option<Short> {
        let len = u8::try_from(octets.len()).ok()?;
        let mut short = Short { octets: [0; SHORT_OCTETS_MAX], len };
        short.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(short)
    }
}

impl AsRef<[u8]> for Short {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Octets for Short {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Chunk {
    /// Octets of this many PDUs.
    pub(crate) fn own(octets: Vec<u8>, pdus: usize) -> Chunk {
        let source = match Short::new(&octets) {
            Some(short) => ChunkSource::Short(short),
            None => {
                let range = 0..octets.len();
                ChunkSource::Shared(Arc::new(octets), range)
            }
        };
        Chunk { source, pdus: count(pdus), more: false }
    }

    /// Writes it, if it is being written to a router that is handed over. `number_of` returns the number of shared octets.
    pub fn encode(&self, encoder: &mut FieldEncoder, number_of: impl FnOnce(&Arc<dyn Octets>) -> u32) {
        match &self.source {
            ChunkSource::Shared(octets, range) => {
                encoder.u8(0);
                encoder.u32(number_of(octets));
                encoder.u64(range.start as u64);
                encoder.u64(range.end as u64);
            }
            ChunkSource::Short(short) => {
                encoder.u8(1);
                encoder.octets(short.as_ref());
            }
        }
        encoder.u32(self.pdus);
        encoder.u8(u8::from(self.more));
    }

    /// Reads it; none if the octets are not one. `shared` returns shared octets by their number.
    pub fn decode(
        decoder: &mut FieldDecoder<'_>,
        shared: impl FnOnce(u32) -> Option<Arc<dyn Octets>>,
    ) -> Option<Chunk> {
        let source = match decoder.u8()? {
            0 => {
                let octets = shared(decoder.u32()?)?;
                let range = decode_range(decoder, (*octets).as_ref().len())?;
                ChunkSource::Shared(octets, range)
            }
            1 => ChunkSource::Short(Short::new(decoder.octets()?)?),
            _ => return None,
        };
        Some(Chunk { source, pdus: decoder.u32()?, more: decoder.bool()? })
    }

    fn followed(self) -> Chunk {
        Chunk { more: true, ..self }
    }

    /// Returns the octets to be written.
    pub fn octets(&self) -> &[u8] {
        match &self.source {
            ChunkSource::Shared(octets, range) => (**octets).as_ref().get(range.clone()).unwrap_or_default(),
            ChunkSource::Short(short) => short.as_ref(),
        }
    }

    /// Returns the shared octets that these are a part of, and the range of that part.
    pub fn source(&self) -> (&dyn Octets, Range<usize>) {
        match &self.source {
            ChunkSource::Shared(octets, range) => (&**octets, range.clone()),
            ChunkSource::Short(short) => (short, 0..usize::from(short.len)),
        }
    }

    /// Returns the number of PDUs: a chunk begins and ends where a PDU does.
    pub fn pdus(&self) -> u32 {
        self.pdus
    }

    /// Returns whether the next chunk follows at once, so that a transport may wait for it before it sends a packet.
    pub fn more(&self) -> bool {
        self.more
    }
}

/// Reads a range of shared octets, of which there are so many.
fn decode_range(decoder: &mut FieldDecoder<'_>, length: usize) -> Option<Range<usize>> {
    let (start, end) = (usize::try_from(decoder.u64()?).ok()?, usize::try_from(decoder.u64()?).ok()?);
    (start <= end && end <= length).then_some(start..end)
}

/// A chunk's octets are at most as many as fit into a `u32`, and a PDU has at least eight of them.
fn count(pdus: usize) -> u32 {
    u32::try_from(pdus).unwrap_or(u32::MAX)
}

/// Counts whole records of a part of the payload. PDUs of any kind have their length in the header, as router keys do.
fn records(section: Option<Section>, octets: &[u8], octets_max: usize) -> WholeRecords {
    if octets.is_empty() {
        return WholeRecords { octets: 0, count: 0 };
    }
    section.unwrap_or(Section::RouterKey).whole_records(octets, octets_max)
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} octets)", self.source().1.len())
    }
}

/// An End of Data with timers.
const END_OF_DATA_OCTETS_MAX: usize = 24;

/// A part of the payload: records of one section, or PDUs of any kind.
#[derive(Debug)]
struct PayloadPart {
    section: Option<Section>,
    range: Range<usize>,
}

/// Fields of Cache Response and End of Data that identify a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseLabels {
    pub(crate) profile: Profile,
    pub(crate) session: SessionId,
    pub(crate) serial: Serial,
    pub(crate) timing: Timing,
}

/// The cursor of one response. A slow reader costs this, and the image that it pins.
pub(crate) struct Response {
    labels: ResponseLabels,
    /// The generation of the image that is read, if it is one.
    generation: Option<u64>,
    /// The payload, if there is any.
    octets: Option<Arc<dyn Octets>>,
    /// Parts that are still to be sent, last part first.
    parts: Vec<PayloadPart>,
    begun: bool,
    ended: bool,
}

impl Response {
    /// All of an image that the profile has.
    pub(crate) fn full(labels: ResponseLabels, generation: u64, image: &Image) -> Response {
        let mut parts: Vec<PayloadPart> = labels
            .profile
            .sections()
            .map(|section| PayloadPart { section: Some(section), range: image.layout().range(section) })
            .filter(|part| !part.range.is_empty())
            .collect();
        parts.reverse();
        let octets = Some(Arc::clone(image.shared()));
        Response { labels, generation: Some(generation), octets, parts, begun: false, ended: false }
    }

    /// The payload PDUs of a delta.
    pub(crate) fn delta(labels: ResponseLabels, octets: Arc<dyn Octets>) -> Response {
        let range = 0..(*octets).as_ref().len();
        let parts = if range.is_empty() { Vec::new() } else { vec![PayloadPart { section: None, range }] };
        Response { labels, generation: None, octets: Some(octets), parts, begun: false, ended: false }
    }

    /// A delta with nothing in it.
    pub(crate) fn empty(labels: ResponseLabels) -> Response {
        Response { labels, generation: None, octets: None, parts: Vec::new(), begun: false, ended: false }
    }

    pub(crate) fn labels(&self) -> ResponseLabels {
        self.labels
    }

    /// Writes what is left of it. `number_of` returns the number of shared octets.
    pub(crate) fn encode(&self, encoder: &mut FieldEncoder, mut number_of: impl FnMut(&Arc<dyn Octets>) -> u32) {
        let ResponseLabels { profile, session, serial, timing } = self.labels;
        profile.encode(encoder);
        encoder.u16(session.0);
        encoder.u32(serial.0);
        [timing.refresh(), timing.retry(), timing.expire()].into_iter().for_each(|seconds| encoder.u32(seconds));
        encoder.option(self.generation, FieldEncoder::u64);
        encoder.option(self.octets.as_ref(), |encoder, octets| encoder.u32(number_of(octets)));
        encoder.list(&self.parts, |encoder, PayloadPart { section, range }| {
            encoder.option(*section, |encoder, section| encoder.u8(section.pdu_type().octet()));
            encoder.u64(range.start as u64);
            encoder.u64(range.end as u64);
        });
        encoder.u8(u8::from(self.begun));
        encoder.u8(u8::from(self.ended));
    }

    /// Reads what is left of a response; none if the octets are not one. `shared` returns shared octets by their number.
    pub(crate) fn decode(
        decoder: &mut FieldDecoder<'_>,
        shared: impl Fn(u32) -> Option<Arc<dyn Octets>>,
    ) -> Option<Response> {
        let profile = Profile::decode(decoder)?;
        let (session, serial) = (SessionId(decoder.u16()?), Serial(decoder.u32()?));
        let timing = Timing::new(decoder.u32()?, decoder.u32()?, decoder.u32()?).ok()?;
        let labels = ResponseLabels { profile, session, serial, timing };
        let generation = decoder.option(FieldDecoder::u64)?;
        let octets = decoder.option(|decoder| shared(decoder.u32()?))?;
        let length = octets.as_ref().map_or(0, |octets| (**octets).as_ref().len());
        let parts = decoder.list(|decoder| {
            let section = decoder.option(|decoder| {
                let octet = decoder.u8()?;
                Section::ALL.into_iter().find(|section| section.pdu_type().octet() == octet)
            })?;
            let range = decode_range(decoder, length)?;
            Some(PayloadPart { section, range })
        })?;
        let (begun, ended) = (decoder.bool()?, decoder.bool()?);
        Some(Response { labels, generation, octets, parts, begun, ended })
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// The next chunk; none when End of Data has been given out.
    pub(crate) fn next_chunk(&mut self) -> Option<Chunk> {
        if self.ended {
            return None;
        }
        let ResponseLabels { profile, session, .. } = self.labels;
        if !self.begun {
            self.begun = true;
            let head = wire::cache_response(profile.version(), session);
            let payload: usize = self.parts.iter().map(|part| part.range.len()).sum();
            if payload > SMALL_RESPONSE_OCTETS_MAX {
                return Some(Chunk::own(head.to_vec(), 1).followed());
            }
            let mut octets = Vec::with_capacity(head.len() + payload + END_OF_DATA_OCTETS_MAX);
            octets.extend_from_slice(&head);
            let mut pdus = 1;
            if let Some(shared) = &self.octets {
                for PayloadPart { section, range } in self.parts.drain(..).rev() {
                    let payload = (**shared).as_ref().get(range).unwrap_or_default();
                    pdus += records(section, payload, usize::MAX).count;
                    octets.extend_from_slice(payload);
                }
            }
            return Some(self.end(octets, pdus));
        }
        match self.parts.last_mut().zip(self.octets.as_ref()) {
            Some((part, shared)) => {
                let rest = (**shared).as_ref().get(part.range.clone()).unwrap_or_default();
                let WholeRecords { octets, count: pdus } = records(part.section, rest, CHUNK_OCTETS_MAX);
                debug_assert!(octets > 0, "a part holds whole records");
                let range = part.range.start..part.range.start + octets;
                part.range.start = range.end;
                let source = ChunkSource::Shared(Arc::clone(shared), range);
                if part.range.is_empty() || octets == 0 {
                    self.parts.pop();
                }
                Some(Chunk { source, pdus: count(pdus), more: true })
            }
            None => Some(self.end(Vec::with_capacity(END_OF_DATA_OCTETS_MAX), 0)),
        }
    }

    /// The last chunk: these octets of so many PDUs, and End of Data.
    fn end(&mut self, mut octets: Vec<u8>, pdus: usize) -> Chunk {
        self.ended = true;
        let ResponseLabels { profile, session, serial, timing } = self.labels;
        wire::end_of_data(profile.version(), session, serial, timing, &mut octets);
        Chunk::own(octets, pdus + 1)
    }
}
