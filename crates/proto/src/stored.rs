//! Images from octets that once were one: nothing in them is believed.

use crate::image::{Image, Layout, Octets, Section};
use crate::payload::Action;
use crate::record::Record;
use crate::version::Version;
use crate::wire::Header;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;

impl Image {
    /// Makes an image of octets that once were one, such as those of a file, with so many records in each section. Each
    /// record is checked, and their order.
    pub fn from_octets(version: Version, counts: [usize; 4], octets: Arc<dyn Octets>) -> Result<Image, InvalidRecord> {
        let mut layout = Layout::default();
        let mut rest = (*octets).as_ref();
        for section in Section::ALL {
            let mut last: Option<&[u8]> = None;
            for record in 0..counts[section.index()] {
                let invalid = InvalidRecord { section, record };
                let (octets, behind) = rest.split_at_checked(section.record_octets(rest)).ok_or(invalid)?;
                let is_behind = |last| section.announcement_order(last, octets) == Ordering::Less;
                if !is_announcement(version, section, octets) || !last.is_none_or(is_behind) {
                    return Err(invalid);
                }
                layout.add(section, octets.len());
                (last, rest) = (Some(octets), behind);
            }
        }
        match rest {
            [] => Ok(Image::of_checked(version, layout, octets)),
            _ => Err(InvalidRecord { section: Section::Aspa, record: counts[Section::Aspa.index()] }),
        }
    }
}

/// A record that no image has there: it is not a valid announcement of its section and version, or not behind the record
/// before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    /// Its section.
    pub section: Section,
    /// Its index in the section, from 0.
    pub record: usize,
}

impl fmt::Display for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidRecord { section, record } = self;
        write!(f, "record {record} of PDU type {} is not valid there", section.pdu_type().octet())
    }
}

impl core::error::Error for InvalidRecord {}

/// Returns whether octets are one announcement as an image has it.
pub(crate) fn is_announcement(version: Version, section: Section, octets: &[u8]) -> bool {
    let announce = Action::Announce.flags();
    let is_framed = Header::parse(octets).is_some_and(|header| {
        header.version == version.octet()
            && header.pdu_type == section.pdu_type().octet()
            && usize::try_from(header.length) == Ok(octets.len())
    });
    let has_fields = match (section, octets) {
        (Section::Ipv4Prefix, [_, _, 0, 0, _, _, _, 20, flags, _, _, 0, ..])
        | (Section::Ipv6Prefix, [_, _, 0, 0, _, _, _, 32, flags, _, _, 0, ..])
        | (Section::RouterKey | Section::Aspa, [_, _, flags, 0, ..]) => *flags == announce,
        _ => false,
    };
    is_framed && has_fields && Record::read(section, octets).is_some()
}
