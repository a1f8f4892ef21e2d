//! Splits each direction of a connection into PDUs, and prints them.

use rtrcast_net::Direction;
use rtrcast_proto::{HEADER_OCTETS, Header, PDU_OCTETS_MAX, Pdu, Version, wire};
use std::fmt::Write as _;

/// Splits octets where PDUs end.
#[derive(Default)]
pub(super) struct PduFramer {
    waiting: Vec<u8>,
    /// True after an invalid header: the start of the next PDU is unknown.
    is_lost: bool,
}

/// A part of a direction: a PDU, or octets that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A PDU with the length of its header.
    Pdu(Header, &'a [u8]),
    /// Octets that are no PDU.
    Octets(&'a [u8]),
}

impl PduFramer {
    pub(super) fn push(&mut self, octets: &[u8], mut visit: impl FnMut(Frame<'_>)) {
        self.waiting.extend_from_slice(octets);
        let mut rest = self.waiting.as_slice();
        while !self.is_lost
            && let Some(header) = Header::parse(rest)
        {
            let length = usize::try_from(header.length).unwrap_or(usize::MAX);
            if length < HEADER_OCTETS || header.length > PDU_OCTETS_MAX {
                self.is_lost = true;
                break;
            }
            let Some((pdu, after)) = rest.split_at_checked(length) else { break };
            visit(Frame::Pdu(header, pdu));
            rest = after;
        }
        if self.is_lost && !rest.is_empty() {
            visit(Frame::Octets(rest));
            rest = &[];
        }
        let done = self.waiting.len() - rest.len();
        self.waiting.drain(..done);
    }

    /// Ends the direction: an incomplete PDU is shown as octets.
    pub(super) fn end(self, mut visit: impl FnMut(Frame<'_>)) {
        if !self.waiting.is_empty() {
            visit(Frame::Octets(&self.waiting));
        }
    }
}

/// Appends a line: `< v1 cache-response session=4660`, or `< octets 0203..` followed by the error.
pub(super) fn print(text: &mut String, direction: Direction, frame: Frame<'_>) {
    let sign = match direction {
        Direction::Sent => '>',
        Direction::Received => '<',
    };
    // Writing to a String does not fail.
    let _ = match frame {
        Frame::Pdu(header, octets) => match (Version::from_octet(header.version), Pdu::decode(octets)) {
            (Some(version), Ok(pdu)) => writeln!(text, "{sign} {}", pdu.line(version)),
            (Some(_), Err(violation)) => writeln!(text, "{sign} octets {} ({violation})", wire::hex(octets)),
            (None, _) => writeln!(text, "{sign} octets {} (version {})", wire::hex(octets), header.version),
        },
        Frame::Octets(octets) => writeln!(text, "{sign} octets {}", wire::hex(octets)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> String {
        let (mut framer, mut text) = (PduFramer::default(), String::new());
        for frame in pieces {
            framer.push(&wire::parse_hex(frame).unwrap(), |frame| print(&mut text, Direction::Received, frame));
        }
        framer.end(|frame| print(&mut text, Direction::Received, frame));
        text
    }

    #[test]
    fn pdus_are_found_however_they_were_cut() {
        let pdus = "< v1 cache-reset\n< v1 cache-response session=7\n";
        assert_eq!(cut(&["0108000000000008 0103000700000008"]), pdus);
        assert_eq!(cut(&["01080000", "00000008 01", "03000700000008"]), pdus);
    }

    #[test]
    fn octets_that_are_no_pdu_are_shown_as_they_are() {
        assert_eq!(cut(&["48545450", "2f312e31", "0d0a"]), "< octets 485454502f312e31\n< octets 0d0a\n");
        assert_eq!(cut(&["01080000"]), "< octets 01080000\n");
        assert_eq!(cut(&["0155000000000008"]), "< octets 0155000000000008 (version 1 has no PDU type 85)\n");
        assert_eq!(cut(&["0955000000000008"]), "< octets 0955000000000008 (version 9)\n");
    }
}
