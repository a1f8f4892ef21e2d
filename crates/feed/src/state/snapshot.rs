//! The snapshot: the set that is served, with what its line is.

use super::error::StateError;
use super::file::FileKind;
use super::set_hash::SetHash;
use super::tables::{self, ReadStateError, TablesReader};
use crate::curator::{Choice, Curation, SourceId};
use crate::slurm::Slurm;
use crate::table::Table;
use rtrcast_proto::{Epoch, ImageSink, Lineage, Profile, Serial, SessionId, SessionIds, Version};
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use xxhash_rust::xxh3::xxh3_128;

/// Identifier of a machine, from /etc/machine-id: a state that was copied to another one is not taken up there, or both
/// would use its serials. None where a system has none, as containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineId(pub [u8; 16]);

/// A set of a line: its serial, its place and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetName {
    /// The serial.
    pub serial: Serial,
    /// How many sets the line had before it. It orders sets where serials jump and wrap.
    pub position: u64,
    /// The hash.
    pub hash: SetHash,
}

/// What a snapshot says of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The line.
    pub lineage: Lineage,
    /// The machine.
    pub machine: Option<MachineId>,
    /// The set.
    pub set: SetName,
    /// When it was written, by the clock that expiries are compared with, in seconds since 1970.
    pub written: u32,
    /// Digest of the SLURM files and the sources that it was made by: with others it is made anew.
    pub made_by: [u8; 32],
    /// The number of the first log whose changes may come after it.
    pub log: u64,
    /// The position of the last set that other tables of sources led to.
    pub tables: u64,
}

/// Returns the digest of what a set is made by. `address` identifies a source by more than its id, which is another one at
/// each start. Without SLURM it is one that no other is equal to.
pub fn digest_of(curation: &Curation, address: impl Fn(SourceId) -> u64, slurm: Option<&Slurm>) -> [u8; 32] {
    let mut encoder = FieldEncoder::default();
    encoder.u8(match curation.choice {
        Choice::Union => 0,
        Choice::First => 1,
    });
    curation.sources.iter().for_each(|source| encoder.u64(address(*source)));
    let sources = xxh3_128(&encoder.0).to_be_bytes();
    let slurm = slurm.map_or([0; 16], Slurm::digest);
    let mut digest = [0; 32];
    digest.iter_mut().zip(sources.iter().chain(&slurm)).for_each(|(octet, value)| *octet = *value);
    digest
}

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What it says of the set.
    pub header: SnapshotHeader,
    /// The set, with the latest expiry of each record among the sources, and a trust anchor.
    pub table: Table,
}

impl SnapshotHeader {
    /// Writes a snapshot of this table. `emit` gets the octets of the file in their order.
    pub fn write<E>(&self, table: &Table, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut encoder = FieldEncoder::default();
        write_lineage(&mut encoder, &self.lineage);
        encoder.option(self.machine, |encoder, machine| encoder.raw(&machine.0));
        write_set(&mut encoder, &self.set);
        encoder.u32(self.written);
        encoder.raw(&self.made_by);
        encoder.u64(self.log);
        encoder.u64(self.tables);
        tables::write(FileKind::Snapshot, &encoder.0, &[table], emit)
    }

    fn read(header: &[u8]) -> Option<SnapshotHeader> {
        let mut decoder = FieldDecoder::new(header);
        let header = SnapshotHeader {
            lineage: read_lineage(&mut decoder)?,
            machine: decoder.option(|decoder| decoder.array().map(MachineId))?,
            set: read_set(&mut decoder)?,
            written: decoder.u32()?,
            made_by: decoder.array()?,
            log: decoder.u64()?,
            tables: decoder.u64()?,
        };
        decoder.is_empty().then_some(header)
    }
}

/// Reads a snapshot, which comes in pieces of any size.
pub struct SnapshotReader<S, F>(TablesReader<S, F>);

impl<S: ImageSink, F: FnMut() -> S> SnapshotReader<S, F> {
    /// A reader at the start of a file. `make_sink` makes the storage of the image.
    pub fn new(make_sink: F) -> SnapshotReader<S, F> {
        SnapshotReader(TablesReader::new(FileKind::Snapshot, make_sink))
    }

    /// The next octets.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ReadStateError<S::Error>> {
        self.0.push(octets)
    }

    /// The file is complete.
    pub fn finish(self) -> Result<Snapshot, ReadStateError<S::Error>> {
        let file = self.0.finish()?;
        let header = SnapshotHeader::read(&file.header).ok_or(StateError::Invalid("header"))?;
        let [table] = <[Table; 1]>::try_from(file.tables).map_err(|_| StateError::Invalid("number of tables"))?;
        Ok(Snapshot { header, table })
    }
}

pub(super) fn write_lineage(encoder: &mut FieldEncoder, lineage: &Lineage) {
    encoder.raw(&lineage.epoch.0);
    // By what each profile is, so that a program with other profiles reads the ids of those that it knows.
    encoder.list(&Profile::ALL, |encoder, profile| {
        encoder.u8(profile.version().octet());
        encoder.u8(payload_bits(*profile));
        encoder.u16(lineage.sessions.of(*profile).0);
    });
}

pub(super) fn read_lineage(decoder: &mut FieldDecoder<'_>) -> Option<Lineage> {
    let epoch = Epoch(decoder.array()?);
    let ids = decoder.list(|decoder| Some((decoder.u8()?, decoder.u8()?, decoder.u16()?)))?;
    let sessions = SessionIds::of_each(|profile| {
        let is_it = |(version, bits, _): &&(u8, u8, u16)| {
            Version::from_octet(*version) == Some(profile.version()) && *bits == payload_bits(profile)
        };
        ids.iter().find(is_it).map(|(_, _, id)| SessionId(*id))
    })?;
    Some(Lineage { epoch, sessions })
}

fn payload_bits(profile: Profile) -> u8 {
    use rtrcast_proto::Section;
    u8::from(profile.has(Section::RouterKey)) | u8::from(profile.has(Section::Aspa)) << 1
}

pub(super) fn write_set(encoder: &mut FieldEncoder, set: &SetName) {
    encoder.u32(set.serial.0);
    encoder.u64(set.position);
    encoder.u128(set.hash.0);
}

pub(super) fn read_set(decoder: &mut FieldDecoder<'_>) -> Option<SetName> {
    let (serial, position, hash) = (decoder.u32()?, decoder.u64()?, decoder.u128()?);
    (serial != 0).then_some(SetName { serial: Serial(serial), position, hash: SetHash(hash) })
}
