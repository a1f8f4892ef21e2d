//! The lists of a Canonical Cache Representation with the origin of its payload: manifests and trust anchors. They are
//! checked, and nothing of them is kept.

use super::check_hash;
use super::der::{DerCursor, DerError, OBJECT_IDENTIFIER, SEQUENCE, is_of_context};

/// A manifest is never smaller.
const MANIFEST_OCTETS_MIN: u64 = 1_000;

/// The octets of the largest manifest number (RFC 9286 section 4.2.1).
const MANIFEST_NUMBER_OCTETS_MAX: usize = 20;

/// Reads a ManifestState.
pub(super) fn read_manifests(mut state: DerCursor<'_>, produced_at: u64) -> Result<(), DerError> {
    let list = state.take(SEQUENCE, "mis")?;
    let update_at = state;
    let most_recent_update = state.time("mostRecentUpdate")?;
    check_hash(&mut state, &list, "mfts")?;
    if most_recent_update > produced_at {
        return Err(update_at.error("mostRecentUpdate is later than producedAt")); // [CC-09]
    }
    let mut manifests = list.content;
    while !manifests.is_empty() {
        read_manifest(manifests.sequence("a ManifestInstance")?)?;
    }
    Ok(())
}

/// Checks the bounds of a manifest's values. [CC-05]
fn read_manifest(mut manifest: DerCursor<'_>) -> Result<(), DerError> {
    let _: [u8; 32] = manifest.octets("the hash of a manifest")?;
    let size_at = manifest;
    let size = manifest.unsigned("size")?;
    let size = size.iter().fold(0_u64, |value, octet| value.saturating_mul(256).saturating_add(u64::from(*octet)));
    if size < MANIFEST_OCTETS_MIN {
        return Err(size_at.error(format!("size {size} of a manifest is below {MANIFEST_OCTETS_MIN}")));
    }
    let _: [u8; 20] = manifest.octets("aki")?;
    let number_at = manifest;
    if manifest.unsigned("manifestNumber")?.len() > MANIFEST_NUMBER_OCTETS_MAX {
        return Err(number_at.error(format!("a manifestNumber has more than {MANIFEST_NUMBER_OCTETS_MAX} octets")));
    }
    manifest.time("thisUpdate")?;
    let mut locations = manifest.filled_sequence("locations")?;
    while !locations.is_empty() {
        read_location(locations.sequence("an AccessDescription")?)?;
    }
    if !manifest.is_empty() {
        read_key_identifiers(manifest.filled_sequence("subordinates")?)?;
    }
    manifest.end("a ManifestInstance")
}

/// An AccessDescription (RFC 5280 section 4.2.2.1): how something is found, and where.
fn read_location(mut location: DerCursor<'_>) -> Result<(), DerError> {
    location.take(OBJECT_IDENTIFIER, "accessMethod")?;
    let name = location.element("accessLocation")?;
    if !is_of_context(name.tag) {
        return Err(name.error("accessLocation is no GeneralName"));
    }
    location.end("an AccessDescription")
}

/// Reads a TrustAnchorState.
pub(super) fn read_trust_anchors(mut state: DerCursor<'_>) -> Result<(), DerError> {
    let list = state.take(SEQUENCE, "skis")?;
    check_hash(&mut state, &list, "tas")?;
    if list.content.is_empty() {
        return Err(list.error("skis is empty"));
    }
    read_key_identifiers(list.content)
}

fn read_key_identifiers(mut list: DerCursor<'_>) -> Result<(), DerError> {
    while !list.is_empty() {
        let _: [u8; 20] = list.octets("a key identifier")?;
    }
    Ok(())
}
