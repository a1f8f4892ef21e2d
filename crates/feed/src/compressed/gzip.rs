//! The frame of gzip (RFC 1952): members one behind the other, each with a header, a deflated body, and a checksum and
//! a length at its end.
//!
//! The frame is read here, rather than by the crate that inflates, because a file that ends within a member differs
//! from a damaged one, wherever it was cut.

use super::DecodeStep;
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The first octets of a member: the two of gzip, and the only compression method there is.
const MAGIC: [u8; 3] = [0x1F, 0x8B, 8];
/// Octets of a header that are always there.
const HEAD_OCTETS: usize = 10;
/// Index of the flags among them.
const FLAGS_AT: usize = 3;
/// Flags of the optional parts of a header.
const HEADER_SUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Position of the reader in a member.
#[derive(Clone, Copy, Debug)]
enum GzipPart {
    /// In the octets that are always there: so many came.
    Head(usize),
    /// In the length of the extra field: its lower octet, if that came.
    ExtraLength(Option<u8>),
    /// In the extra field: so many octets are left.
    Extra(u16),
    /// In the name of the file, which a zero ends.
    Name,
    /// In the comment, which a zero ends.
    Comment,
    /// In the checksum of the header, which is not compared: the body has its own.
    HeaderSum(Option<u8>),
    /// In the body.
    Deflated,
    /// In the checksum and length: so many octets came.
    Trailer(usize),
    /// Behind a member: the end of the file, or another member.
    Between,
}

/// The members of a file, one behind the other.
pub(super) struct GzipMembers {
    part: GzipPart,
    /// Parts of the header that are still to come.
    flags: u8,
    inflate: Decompress,
    /// The checksum and length of what the body held.
    sum: Crc,
    trailer: [u8; 8],
}

impl GzipMembers {
    pub(super) fn new() -> GzipMembers {
        GzipMembers {
            part: GzipPart::Head(0),
            flags: 0,
            inflate: Decompress::new(false),
            sum: Crc::new(),
            trailer: [0; 8],
        }
    }

    /// Returns whether the file may end here.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.part, GzipPart::Between)
    }

    /// Takes some of the octets; of the body it writes what fits the piece.
    pub(super) fn step(&mut self, octets: &[u8], piece: &mut [u8]) -> Result<DecodeStep, String> {
        let mut taken = 0;
        for octet in octets {
            if let GzipPart::Deflated = self.part {
                break;
            }
            match self.framing(*octet) {
                Ok(part) => self.part = part,
                // The octets before are a step of their own, so that the next one has the position of the error.
                Err(_) if taken > 0 => break,
                Err(what) => return Err(what),
            }
            taken += 1;
        }
        match self.part {
            GzipPart::Deflated if taken == 0 => self.body(octets, piece),
            _ => Ok(DecodeStep { taken, made: 0 }),
        }
    }

    fn body(&mut self, octets: &[u8], piece: &mut [u8]) -> Result<DecodeStep, String> {
        let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
        let status =
            self.inflate.decompress(octets, piece, FlushDecompress::None).map_err(|error| error.to_string())?;
        let counted = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(usize::MAX);
        let taken = counted(self.inflate.total_in(), in_before);
        let made = counted(self.inflate.total_out(), out_before);
        self.sum.update(piece.get(..made).unwrap_or_default());
        if status == Status::StreamEnd {
            self.part = GzipPart::Trailer(0);
        }
        Ok(DecodeStep { taken, made })
    }

    /// Takes an octet that is not of the body, and returns the next position.
    fn framing(&mut self, octet: u8) -> Result<GzipPart, String> {
        Ok(match self.part {
            GzipPart::Between => {
                self.inflate.reset(false);
                self.sum.reset();
                self.head(0, octet).map_err(|_| "the data behind a member are not another one".to_owned())?
            }
            GzipPart::Head(came) => self.head(came, octet)?,
            GzipPart::ExtraLength(None) => GzipPart::ExtraLength(Some(octet)),
            GzipPart::ExtraLength(Some(low)) => match u16::from_le_bytes([low, octet]) {
                0 => self.next_part(),
                left => GzipPart::Extra(left),
            },
            GzipPart::Extra(left @ 2..) => GzipPart::Extra(left - 1),
            GzipPart::Name if octet != 0 => GzipPart::Name,
            GzipPart::Comment if octet != 0 => GzipPart::Comment,
            GzipPart::HeaderSum(None) => GzipPart::HeaderSum(Some(octet)),
            GzipPart::Extra(_) | GzipPart::Name | GzipPart::Comment | GzipPart::HeaderSum(Some(_)) => self.next_part(),
            GzipPart::Trailer(came) => self.trailer(came, octet)?,
            GzipPart::Deflated => GzipPart::Deflated,
        })
    }

    fn head(&mut self, came: usize, octet: u8) -> Result<GzipPart, String> {
        if MAGIC.get(came).is_some_and(|magic| *magic != octet) {
            return Err("the header is not gzip's".to_owned());
        }
        if came == FLAGS_AT {
            self.flags = octet;
            if octet & RESERVED != 0 {
                return Err(format!("the header has the unknown flags {octet:#04x}"));
            }
        }
        Ok(if came + 1 == HEAD_OCTETS { self.next_part() } else { GzipPart::Head(came + 1) })
    }

    /// The next part of the header that is there, or the body.
    fn next_part(&mut self) -> GzipPart {
        let parts = [
            (EXTRA, GzipPart::ExtraLength(None)),
            (NAME, GzipPart::Name),
            (COMMENT, GzipPart::Comment),
            (HEADER_SUM, GzipPart::HeaderSum(None)),
        ];
        match parts.into_iter().find(|(flag, _)| self.flags & flag != 0) {
            Some((flag, part)) => {
                self.flags &= !flag;
                part
            }
            None => GzipPart::Deflated,
        }
    }

    fn trailer(&mut self, came: usize, octet: u8) -> Result<GzipPart, String> {
        if let Some(slot) = self.trailer.get_mut(came) {
            *slot = octet;
        }
        if came + 1 < self.trailer.len() {
            return Ok(GzipPart::Trailer(came + 1));
        }
        let [s0, s1, s2, s3, l0, l1, l2, l3] = self.trailer;
        if u32::from_le_bytes([s0, s1, s2, s3]) != self.sum.sum() {
            return Err("the checksum does not match".to_owned());
        }
        if u32::from_le_bytes([l0, l1, l2, l3]) != self.sum.amount() {
            return Err("the length does not match".to_owned());
        }
        Ok(GzipPart::Between)
    }
}
