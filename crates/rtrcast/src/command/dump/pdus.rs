//! Takes a direction of a conversation apart, and prints it.

use rtrcast_net::Direction;
use rtrcast_proto::{HEADER_OCTETS, Header, PDU_OCTETS_MAX, Pdu, Version, wire};
use std::fmt::Write as _;

/// Cuts octets where PDUs end.
#[derive(Default)]
pub(super) struct Cutter {
    waiting: Vec<u8>,
    /// What came made no sense: nobody knows where another PDU begins.
    is_lost: bool,
}

/// A part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As long as its header says.
    Pdu(Header, &'a [u8]),
    /// Octets that are no PDU.
    Octets(&'a [u8]),
}

impl Cutter {
    pub(super) fn push(&mut self, octets: &[u8], mut visit: impl FnMut(Piece<'_>)) {
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
            visit(Piece::Pdu(header, pdu));
            rest = after;
        }
        if self.is_lost && !rest.is_empty() {
            visit(Piece::Octets(rest));
            rest = &[];
        }
        let done = self.waiting.len() - rest.len();
        self.waiting.drain(..done);
    }

    /// There is no more: what has begun is no PDU.
    pub(super) fn end(self, mut visit: impl FnMut(Piece<'_>)) {
        if !self.waiting.is_empty() {
            visit(Piece::Octets(&self.waiting));
        }
    }
}

/// Appends a line: `< v1 cache-response session=4660`, or `< octets 0203..` with what is wrong behind it.
pub(super) fn print(text: &mut String, direction: Direction, piece: Piece<'_>) {
    let sign = match direction {
        Direction::Sent => '>',
        Direction::Received => '<',
    };
    // Writing to a String does not fail.
    let _ = match piece {
        Piece::Pdu(header, octets) => match (Version::from_octet(header.version), Pdu::decode(octets)) {
            (Some(version), Ok(pdu)) => writeln!(text, "{sign} {}", pdu.line(version)),
            (Some(_), Err(violation)) => writeln!(text, "{sign} octets {} ({violation})", wire::hex(octets)),
            (None, _) => writeln!(text, "{sign} octets {} (version {})", wire::hex(octets), header.version),
        },
        Piece::Octets(octets) => writeln!(text, "{sign} octets {}", wire::hex(octets)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> String {
        let (mut cutter, mut text) = (Cutter::default(), String::new());
        for piece in pieces {
            cutter.push(&wire::parse_hex(piece).unwrap(), |piece| print(&mut text, Direction::Received, piece));
        }
        cutter.end(|piece| print(&mut text, Direction::Received, piece));
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
