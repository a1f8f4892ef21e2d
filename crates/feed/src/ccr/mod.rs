//! The Canonical Cache Representation (draft-ietf-sidrops-rpki-ccr-11): the state of a validator, in DER.
//!
//! Each list in it has a hash and one order only, and a file that breaks any rule is refused as a whole: of a damaged
//! file no part can be trusted. Lists that hold no payload are checked like the others.
//!
//! It names no trust anchors and no expiry of single VRPs; when it was made is all that is known of its age. [CC-08]
//!
//! `der.rs` reads DER, `payload.rs` the lists that become payload, `provenance.rs` the others, and this file the
//! structure around them.

mod der;
mod payload;
mod provenance;

use crate::error::{ReadError, Reason};
use crate::rows::Rows;
use crate::start::OtherKind;
use crate::table::Timestamps;
use der::{DerCursor, DerError, Element, explicit};
use sha2::{Digest, Sha256};

/// The most octets of a file, which is held as a whole: ten times the representation of the whole world.
pub(crate) const CCR_OCTETS_MAX: usize = 256 * 1024 * 1024;

/// The OBJECT IDENTIFIER 1.2.840.113549.1.9.16.1.54.
const CONTENT_TYPE: [u8; 11] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x36];

/// The OBJECT IDENTIFIER 2.16.840.1.101.3.4.2.1.
const SHA_256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// The number of the last element that is known here.
const LAST_STATE: u8 = 5;

/// Reads one file.
pub(crate) struct CcrReader {
    file: Vec<u8>,
}

impl CcrReader {
    /// A reader at the start of a file.
    pub(crate) fn new() -> CcrReader {
        CcrReader { file: Vec::new() }
    }

    /// The next octets of the file, any number of them. After an error the reader is of no further use.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        if octets.len() > CCR_OCTETS_MAX - self.file.len() {
            let reason = Reason::TooLarge(CCR_OCTETS_MAX as u64);
            return Err(ReadError::in_binary(CCR_OCTETS_MAX as u64, reason));
        }
        self.file.extend_from_slice(octets);
        Ok(())
    }

    /// The file is complete: returns its entries.
    pub(crate) fn finish(self) -> Result<Rows, ReadError> {
        if der::is_cut(&self.file) {
            return Err(ReadError::in_binary(self.file.len() as u64, Reason::Truncated));
        }
        let mut rows = Rows::default();
        match read(&self.file, &mut rows) {
            Ok(Vrps::Represented) => Ok(rows),
            Ok(Vrps::NotRepresented) => Err(ReadError::in_binary(0, Reason::CcrWithoutVrps)),
            Err(DerError { at, what }) => Err(match OtherKind::of_der(&self.file) {
                Some(kind) => ReadError::in_binary(0, Reason::OtherKind(kind)),
                None => ReadError::in_binary(at as u64, Reason::Ccr(what)),
            }),
        }
    }
}

/// Presence of the VRPs element. [CC-10]
enum Vrps {
    /// It is there, and may be empty.
    Represented,
    /// It is not there, so that the VRPs are unknown.
    NotRepresented,
}

fn read(file: &[u8], rows: &mut Rows) -> Result<Vrps, DerError> {
    let mut ccr = representation(file)?;
    if let Some(explicit_version) = ccr.tag().filter(|tag| *tag == explicit(0)) {
        let mut version = ccr.take(explicit_version, "version")?.content;
        return Err(match version.unsigned_32("version")? {
            0 => version.error("version 0, which DER omits, is present"),
            number => version.error(format!("unknown version {number}")),
        });
    }
    let mut algorithm = ccr.sequence("hashAlg")?;
    algorithm.identifier(&SHA_256, "hashAlg", "SHA-256")?;
    algorithm.end("hashAlg, which has no parameters,")?;
    let produced_at = ccr.time("producedAt")?;
    rows.set_timestamps(Timestamps { made: u32::try_from(produced_at).ok(), valid_until: None });

    let states_at = ccr.at();
    let manifests = state(&mut ccr, 1, "mfts")?;
    let vrps = state(&mut ccr, 2, "vrps")?;
    let aspas = state(&mut ccr, 3, "vaps")?;
    let trust_anchors = state(&mut ccr, 4, "tas")?;
    let router_keys = state(&mut ccr, LAST_STATE, "rks")?;
    read_extensions(ccr)?;
    if [&manifests, &vrps, &aspas, &trust_anchors, &router_keys].into_iter().all(Option::is_none) {
        return Err(DerError { at: states_at, what: "there is no state".to_owned() });
    }

    manifests.map_or(Ok(()), |state| provenance::read_manifests(state, produced_at))?;
    trust_anchors.map_or(Ok(()), provenance::read_trust_anchors)?;
    aspas.map_or(Ok(()), |state| payload::read_aspas(state, rows))?;
    router_keys.map_or(Ok(()), |state| payload::read_router_keys(state, rows))?;
    match vrps {
        Some(state) => payload::read_vrps(state, rows).map(|()| Vrps::Represented),
        None => Ok(Vrps::NotRepresented),
    }
}

/// Unpacks what the file holds, and nothing else. [CC-06]
fn representation(file: &[u8]) -> Result<DerCursor<'_>, DerError> {
    let mut file = DerCursor::new(file);
    let mut info = file.sequence("the ContentInfo")?;
    file.end("the ContentInfo")?;
    info.identifier(&CONTENT_TYPE, "the contentType", "that of a CCR")?;
    let mut content = info.take(explicit(0), "the content")?.content;
    info.end("the content")?;
    let ccr = content.sequence("the RpkiCanonicalCacheRepresentation")?;
    content.end("the RpkiCanonicalCacheRepresentation")?;
    Ok(ccr)
}

/// Takes the state with a number, if it is next.
fn state<'a>(ccr: &mut DerCursor<'a>, number: u8, name: &str) -> Result<Option<DerCursor<'a>>, DerError> {
    if ccr.tag() != Some(explicit(number)) {
        return Ok(None);
    }
    let mut tagged = ccr.take(explicit(number), name)?.content;
    let state = tagged.sequence(name)?;
    tagged.end(name)?;
    Ok(Some(state))
}

/// Skips elements that later versions of the structure may add. [CC-07]
fn read_extensions(mut ccr: DerCursor<'_>) -> Result<(), DerError> {
    while let Some(tag) = ccr.tag() {
        let element = ccr.element("an extension")?;
        if !der::is_of_context(tag) {
            return Err(element.error(format!("an extension has tag {tag:#04x}")));
        }
        if der::number(tag) <= LAST_STATE {
            return Err(
                element.error(format!("element [{}] is duplicate, out of order or malformed", der::number(tag)))
            );
        }
    }
    Ok(())
}

/// Takes the hash of a list, which covers tag, length and content, and compares it. [CC-01]
fn check_hash(state: &mut DerCursor<'_>, list: &Element<'_>, name: &str) -> Result<(), DerError> {
    let hash_at = *state;
    let hash: [u8; 32] = state.octets("the hash")?;
    state.end(name)?;
    if Sha256::digest(list.whole).as_slice() == hash {
        Ok(())
    } else {
        Err(hash_at.error(format!("the hash of {name} does not match its content")))
    }
}

/// Returns whether a value is larger than the last one, which it then replaces.
fn ascends<T: PartialOrd + Copy>(last: &mut Option<T>, value: T) -> bool {
    last.replace(value).is_none_or(|last| last < value)
}
