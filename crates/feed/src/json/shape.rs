//! The shape of an entry: which members it has, in which order, and the octets between their values.
//!
//! A program writes all its VRPs alike. So the octets between the values of one are kept, and the next one is read by
//! comparing them and taking the values. Where an entry differs in anything, or a value is invalid, it is read by the
//! grammar instead: the shape makes reading fast, and does not change its result.

use super::scan::{JsonCursor, ScanError, Value, plain_octets};
use crate::rows::Rows;
use crate::scalar;
use crate::table::NEVER;
use rtrcast_proto::{Asn, RouteOrigin};

/// Entries that have to be read by shape for each further shape that is learned: learning takes about as long as
/// reading an entry.
const READS_PER_SHAPE: usize = 4;

/// Shapes that are learned however few entries have them.
const SHAPES_LEARNED_MIN: usize = 8;

/// The shape that was learned last, and how often it was of use.
#[derive(Debug, Default)]
pub(super) struct Learned {
    shape: Option<EntryShape>,
    read: usize,
    lessons: usize,
}

impl Learned {
    /// Reads the next entry if it has the shape; returns whether it has.
    pub(super) fn read(&mut self, cursor: &mut JsonCursor<'_>, rows: &mut Rows) -> bool {
        let octets = self.shape.as_ref().and_then(|shape| shape.read(cursor.rest(), rows));
        cursor.pass(octets.unwrap_or(0));
        self.read += usize::from(octets.is_some());
        octets.is_some()
    }

    /// Learns the shape of an entry that had another one, if that saves time.
    pub(super) fn learn(&mut self, entry: &[u8]) {
        if self.lessons < SHAPES_LEARNED_MIN + self.read / READS_PER_SHAPE {
            self.lessons += 1;
            self.shape = EntryShape::of(entry).or(self.shape.take());
        }
    }
}

/// Meaning of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An ASN as a number.
    Asn,
    /// An ASN in quotes.
    AsnText,
    Prefix,
    MaxLength,
    Anchor,
    Expires,
}

impl Meaning {
    /// Returns the meaning of a member's value, if it is known.
    fn of(name: &[u8], value: &Value<'_>) -> Option<Meaning> {
        match (name, value) {
            (b"asn", Value::Number(_)) => Some(Meaning::Asn),
            (b"asn", Value::Text(_)) => Some(Meaning::AsnText),
            (b"prefix", Value::Text(_)) => Some(Meaning::Prefix),
            (b"maxLength", Value::Number(_)) => Some(Meaning::MaxLength),
            (b"ta", Value::Text(_)) => Some(Meaning::Anchor),
            (b"expires", Value::Number(_)) => Some(Meaning::Expires),
            _ => None,
        }
    }
}

/// The shape of a VRP's entry.
#[derive(Debug)]
struct EntryShape {
    /// A value, and the octets from the one before it, or from the opening brace. Quotes belong to these octets.
    values: Vec<(Vec<u8>, Meaning)>,
    /// The octets behind the last value.
    end: Vec<u8>,
}

impl EntryShape {
    /// The shape of an entry from its opening to its closing brace; none if it has members that are not known here, or
    /// one twice, or escapes.
    fn of(entry: &[u8]) -> Option<EntryShape> {
        let mut values: Vec<(Vec<u8>, Meaning)> = Vec::new();
        let (mut cursor, mut before) = (JsonCursor::new(entry, 0), 0);
        let read = cursor.object(|name, cursor| {
            cursor.peek()?;
            let start = cursor.at();
            let value = cursor.value()?;
            let quote = usize::from(matches!(value, Value::Text(_)));
            let meaning = Meaning::of(&name.octets(), &value).filter(|_| !name.is_escaped() && !value.is_escaped());
            let meaning = meaning.filter(|meaning| values.iter().all(|(_, other)| other != meaning));
            // Any error will do: there is no shape then.
            let meaning = meaning.ok_or(ScanError::Incomplete)?;
            values.push((entry.get(before..start + quote).unwrap_or_default().to_vec(), meaning));
            before = cursor.at() - quote;
            Ok(())
        });
        read.is_ok().then(|| EntryShape { values, end: entry.get(before..).unwrap_or_default().to_vec() })
    }

    /// Reads an entry of this shape at the start of the octets, and how many it has. None, and no change, if it is not
    /// one, or is invalid.
    fn read(&self, octets: &[u8], rows: &mut Rows) -> Option<usize> {
        let (mut asn, mut masked, mut max_len, mut expires, mut anchor) = (None, None, None, NEVER, None);
        let mut rest = octets;
        for (gap, meaning) in &self.values {
            rest = rest.strip_prefix(gap.as_slice())?;
            match meaning {
                Meaning::Asn => asn = Some(Asn(u32::try_from(take_number(&mut rest)?).ok()?)),
                Meaning::AsnText => asn = Some(scalar::asn(take_text(&mut rest)?)?),
                Meaning::Prefix => masked = Some(scalar::prefix(take_text(&mut rest)?)?),
                Meaning::MaxLength => max_len = Some(u8::try_from(take_number(&mut rest)?).ok()?),
                Meaning::Expires => expires = u32::try_from(take_number(&mut rest)?).unwrap_or(NEVER),
                Meaning::Anchor => anchor = Some(take_text(&mut rest)?),
            }
        }
        rest = rest.strip_prefix(self.end.as_slice())?;
        let (asn, masked): (Asn, scalar::MaskedPrefix) = (asn?, masked?);
        let origin = RouteOrigin::new(masked.prefix, max_len.unwrap_or(masked.prefix.len()), asn).ok()?;
        let anchor = rows.anchor(std::str::from_utf8(anchor.unwrap_or_default()).ok()?);
        rows.origin(&origin, expires, anchor);
        if masked.had_host_bits {
            rows.count_masked();
        }
        Some(octets.len() - rest.len())
    }
}

/// Takes a whole number. The octets behind it are compared, so that it can't be a part of a longer one.
fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let number;
    (number, *rest) = scalar::leading_unsigned(rest)?;
    Some(number)
}

/// Takes the octets before the next quote, if there is no escape.
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text;
    (text, *rest) = rest.split_at_checked(plain_octets(rest))?;
    (rest.first() == Some(&b'"')).then_some(text)
}
