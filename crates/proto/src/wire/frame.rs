//! The header of eight octets that all PDUs begin with (section 5.1 of each specification).

use crate::version::HEADER_OCTETS;

/// A header as received: nothing in it has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Protocol Version.
    pub version: u8,
    /// PDU Type.
    pub pdu_type: u8,
    /// Session ID, Error Code, Flags or zero, by type.
    pub field: u16,
    /// The length of the whole PDU in octets, header included.
    pub length: u32,
}

impl Header {
    /// The header at the start of the octets; none if there are fewer than eight.
    pub fn parse(octets: &[u8]) -> Option<Header> {
        let [version, pdu_type, f0, f1, l0, l1, l2, l3] = *octets.first_chunk::<HEADER_OCTETS>()?;
        Some(Header {
            version,
            pdu_type,
            field: u16::from_be_bytes([f0, f1]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        })
    }

    /// The header as octets.
    pub fn octets(self) -> [u8; HEADER_OCTETS] {
        let [f0, f1] = self.field.to_be_bytes();
        let [l0, l1, l2, l3] = self.length.to_be_bytes();
        [self.version, self.pdu_type, f0, f1, l0, l1, l2, l3]
    }
}
