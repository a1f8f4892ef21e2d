//! PDUs as they come, however the octets are cut, and what a response of them adds up to.
//!
//! Written for this crate alone: what is measured is not checked by the code that made it.

use crate::Outcome;

/// Octets that every PDU begins with.
const HEADER: usize = 8;
/// Octets of a PDU that are looked at.
const HEAD: usize = 24;
/// A longer PDU than this is a mistake.
const LENGTH_MAX: usize = 1 << 20;
/// Octets of an End of Data PDU of version 1 and 2.
pub(crate) const END_OF_DATA: usize = 24;
/// The same of version 0, which has no timers.
const END_OF_DATA_V0: usize = 12;
/// Octets of a Serial Query.
pub(crate) const SERIAL_QUERY: usize = 12;

const SERIAL_NOTIFY: u8 = 0;
const CACHE_RESPONSE: u8 = 3;
const IPV4_PREFIX: u8 = 4;
const IPV6_PREFIX: u8 = 6;
const END_OF_DATA_TYPE: u8 = 7;
const CACHE_RESET: u8 = 8;
const ROUTER_KEY: u8 = 9;
const ERROR_REPORT: u8 = 10;
const ASPA: u8 = 11;

/// A session and a serial in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) session: u16,
    pub(crate) serial: u32,
}

/// A Reset Query.
pub(crate) fn reset_query(version: u8) -> [u8; HEADER] {
    [version, 2, 0, 0, 0, 0, 0, 8]
}

/// A Serial Query.
pub(crate) fn serial_query(version: u8, state: State) -> [u8; SERIAL_QUERY] {
    let ([s0, s1], [n0, n1, n2, n3]) = (state.session.to_be_bytes(), state.serial.to_be_bytes());
    [version, 1, s0, s1, 0, 0, 0, 12, n0, n1, n2, n3]
}

/// Checks the last octets of a response: an End of Data PDU. Returns what it says.
pub(crate) fn end_of_data(octets: &[u8]) -> Outcome<State> {
    match *octets {
        [1 | 2, END_OF_DATA_TYPE, s0, s1, 0, 0, 0, 24, n0, n1, n2, n3, ..] if octets.len() == END_OF_DATA => {
            Ok(State { session: u16::from_be_bytes([s0, s1]), serial: u32::from_be_bytes([n0, n1, n2, n3]) })
        }
        _ => Err(format!("a response ends with {octets:02x?} and not with End of Data")),
    }
}

/// One PDU: its first octets, and how many it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pdu<'a> {
    head: &'a [u8],
    length: usize,
}

impl Pdu<'_> {
    fn octet(&self, place: usize) -> u8 {
        self.head.get(place).copied().unwrap_or_default()
    }

    fn state(&self) -> State {
        State {
            session: u16::from_be_bytes([self.octet(2), self.octet(3)]),
            serial: u32::from_be_bytes([8, 9, 10, 11].map(|place| self.octet(place))),
        }
    }

    /// The serial of a Serial Notify.
    pub(crate) fn notify(&self) -> Option<State> {
        (self.octet(1) == SERIAL_NOTIFY).then(|| self.state())
    }
}

/// Cuts octets into PDUs.
#[derive(Default)]
pub(crate) struct Parser {
    /// The beginning of a PDU that is not all there, and how many octets of it are.
    head: [u8; HEAD],
    have: usize,
}

impl Parser {
    /// Takes octets, and gives each PDU that is complete by them.
    pub(crate) fn push(&mut self, mut octets: &[u8], mut each: impl FnMut(Pdu) -> Outcome) -> Outcome {
        while !octets.is_empty() {
            if self.have == 0
                && let Some(length) = length(octets)?
                && let Some((pdu, rest)) = octets.split_at_checked(length)
            {
                each(Pdu { head: pdu, length })?;
                octets = rest;
                continue;
            }
            octets = self.push_part(octets, &mut each)?;
        }
        Ok(())
    }

    fn push_part<'a>(&mut self, octets: &'a [u8], each: &mut impl FnMut(Pdu) -> Outcome) -> Outcome<&'a [u8]> {
        let known = self.head.get(..self.have.min(HEAD)).unwrap_or_default();
        let length = length(known)?;
        let wanted = length.unwrap_or(HEADER) - self.have;
        let (part, rest) = octets.split_at(wanted.min(octets.len()));
        for (place, octet) in self.head.iter_mut().skip(self.have).zip(part) {
            *place = *octet;
        }
        self.have += part.len();
        if let Some(length) = length.filter(|length| *length == self.have).or(self.header_only()?) {
            self.have = 0;
            each(Pdu { head: &self.head[..length.min(HEAD)], length })?;
        }
        Ok(rest)
    }

    /// The length of a PDU that is but its header, once that is there.
    fn header_only(&self) -> Outcome<Option<usize>> {
        if self.have != HEADER {
            return Ok(None);
        }
        Ok(length(&self.head)?.filter(|length| *length == HEADER))
    }
}

/// The length of the PDU at the beginning of some octets, if its header is there.
fn length(octets: &[u8]) -> Outcome<Option<usize>> {
    let Some((&[b0, b1, b2, b3], _)) = octets.get(4..).and_then(|octets| octets.split_first_chunk::<4>()) else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([b0, b1, b2, b3]) as usize;
    if (HEADER..=LENGTH_MAX).contains(&length) { Ok(Some(length)) } else { Err(format!("a PDU of {length} octets")) }
}

/// What a response adds up to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    begun: bool,
    pub(crate) octets: u64,
    pub(crate) announced: u64,
    pub(crate) withdrawn: u64,
    pub(crate) vrps: u64,
    pub(crate) aspas: u64,
}

impl Tally {
    /// Adds one PDU of a response, and says at its End of Data of what state it was.
    pub(crate) fn add(&mut self, pdu: Pdu) -> Outcome<Option<State>> {
        self.octets += pdu.length as u64;
        let (kind, flags) = match pdu.octet(1) {
            kind @ (IPV4_PREFIX | IPV6_PREFIX) => (kind, pdu.octet(8)),
            kind => (kind, pdu.octet(2)),
        };
        match (kind, self.begun) {
            (CACHE_RESPONSE, false) => self.begun = true,
            (IPV4_PREFIX | IPV6_PREFIX | ROUTER_KEY | ASPA, true) => {
                self.vrps += u64::from(matches!(kind, IPV4_PREFIX | IPV6_PREFIX));
                self.aspas += u64::from(kind == ASPA);
                *if flags & 1 == 1 { &mut self.announced } else { &mut self.withdrawn } += 1;
            }
            (END_OF_DATA_TYPE, true) if pdu.length == if pdu.octet(0) == 0 { END_OF_DATA_V0 } else { END_OF_DATA } => {
                self.begun = false;
                return Ok(Some(pdu.state()));
            }
            (ERROR_REPORT, _) => return Err(format!("Error Report with code {}", pdu.octet(3))),
            (CACHE_RESET, _) => return Err("Cache Reset".to_owned()),
            _ => return Err(format!("a PDU of type {kind} where there can't be one")),
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: [&[u8]; 4] = [
        &[1, 3, 0, 7, 0, 0, 0, 8],
        &[1, 4, 0, 0, 0, 0, 0, 20, 1, 24, 24, 0, 192, 0, 2, 0, 0, 0, 0xFC, 0],
        &[1, 4, 0, 0, 0, 0, 0, 20, 0, 24, 24, 0, 198, 51, 100, 0, 0, 0, 0xFC, 0],
        &[1, 7, 0, 7, 0, 0, 0, 24, 0, 0, 0, 9, 0, 0, 14, 16, 0, 0, 2, 88, 0, 0, 28, 32],
    ];

    fn tally(pieces: &[&[u8]]) -> Outcome<(Tally, Option<State>)> {
        let (mut parser, mut tally, mut end) = (Parser::default(), Tally::default(), None);
        for piece in pieces {
            parser.push(piece, |pdu| {
                end = tally.add(pdu)?;
                Ok(())
            })?;
        }
        Ok((tally, end))
    }

    #[test]
    fn a_response_adds_up_however_it_is_cut() {
        let octets = RESPONSE.concat();
        for size in 1..=octets.len() {
            let pieces: Vec<&[u8]> = octets.chunks(size).collect();
            let (tally, end) = tally(&pieces).unwrap();
            assert_eq!((tally.announced, tally.withdrawn, tally.vrps), (1, 1, 2), "cut every {size}");
            assert_eq!(tally.octets, octets.len() as u64);
            assert_eq!(end, Some(State { session: 7, serial: 9 }));
        }
    }

    #[test]
    fn what_is_no_response_is_an_error() {
        assert!(tally(&RESPONSE[1..]).unwrap_err().contains("type 4"));
        let error: &[u8] = &[1, 10, 0, 2, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(tally(&[error]).unwrap_err(), "Error Report with code 2");
        assert_eq!(tally(&[&[1, 3, 0, 7, 0, 0, 0, 7]]).unwrap_err(), "a PDU of 7 octets");
    }

    #[test]
    fn the_end_has_to_be_an_end_of_data() {
        assert_eq!(end_of_data(RESPONSE[3]), Ok(State { session: 7, serial: 9 }));
        assert!(end_of_data(&RESPONSE[2].repeat(2)[..24]).is_err());
        assert!(end_of_data(&RESPONSE[3][1..]).is_err());
    }
}
