//! The Distinguished Encoding Rules (X.690 section 10), read strictly: one value has one encoding.
//!
//! Nothing is copied: a [`DerCursor`] has the remaining octets and their offset in the file.

use crate::scalar;

/// An INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// A BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// An OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// An OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// A GeneralizedTime.
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// A SEQUENCE, or a SEQUENCE OF.
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag `[number] EXPLICIT`, for numbers up to 30.
pub(super) const fn explicit(number: u8) -> u8 {
    0xA0 | number
}

/// Returns whether a tag is one of a context, and not of ASN.1 itself.
pub(super) fn is_of_context(tag: u8) -> bool {
    tag & 0xC0 == 0x80
}

/// The number of a context's tag; 31 where it is in further octets.
pub(super) fn number(tag: u8) -> u8 {
    tag & 0x1F
}

/// The most octets of a tag whose number is above 30.
const LONG_TAG_OCTETS_MAX: usize = 4;

/// A rule that the file breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DerError {
    /// The octet in the file, counted from 0.
    pub(super) at: usize,
    /// The error, so that "at byte 5" may follow.
    pub(super) what: String,
}

/// Returns whether the file ends before its outermost value does, as one that is still being written.
pub(super) fn is_cut(file: &[u8]) -> bool {
    let mut cursor = DerCursor::new(file);
    match cursor.octet("").and_then(|_| cursor.length("")) {
        Ok(length) => length > cursor.rest.len(),
        Err(wrong) => wrong.at == file.len(),
    }
}

/// A position among the values of one constructed value.
#[derive(Clone, Copy, Debug)]
pub(super) struct DerCursor<'a> {
    rest: &'a [u8],
    at: usize,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// Its tag; of a long one the first octet.
    pub(super) tag: u8,
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
    /// The values within, if it is a constructed value.
    pub(super) content: DerCursor<'a>,
    /// Its offset.
    pub(super) at: usize,
}

impl Element<'_> {
    /// Makes an error at this value.
    pub(super) fn error(&self, what: impl Into<String>) -> DerError {
        DerError { at: self.at, what: what.into() }
    }
}

impl<'a> DerCursor<'a> {
    /// Before the first octet of a file.
    pub(super) fn new(file: &'a [u8]) -> DerCursor<'a> {
        DerCursor { rest: file, at: 0 }
    }

    /// Returns where the next value begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns whether there are no more values.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next value.
    pub(super) fn tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Makes an error at the next value.
    pub(super) fn error(&self, what: impl Into<String>) -> DerError {
        DerError { at: self.at, what: what.into() }
    }

    /// Checks that there are no more values.
    pub(super) fn end(&self, frame: &str) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(format!("something follows the end of {frame}"))) }
    }

    /// The next value, whatever its tag.
    #[inline]
    pub(super) fn element(&mut self, name: &str) -> Result<Element<'a>, DerError> {
        // Nearly all values are short: their header is two octets.
        if let [tag, length @ 0..=0x7F, rest @ ..] = self.rest
            && tag & 0x1F != 0x1F
            && let Some((content, rest)) = rest.split_at_checked(usize::from(*length))
        {
            let (at, whole) = (self.at, self.rest.get(..2 + content.len()).unwrap_or_default());
            *self = DerCursor { rest, at: at + whole.len() };
            return Ok(Element { tag: *tag, whole, content: DerCursor { rest: content, at: at + 2 }, at });
        }
        self.long_element(name)
    }

    /// The next value, however long its header is.
    fn long_element(&mut self, name: &str) -> Result<Element<'a>, DerError> {
        let start = *self;
        let tag = self.octet(name)?;
        if tag & 0x1F == 0x1F {
            self.rest_of_tag(name)?;
        }
        let length = self.length(name)?;
        let Some((content, rest)) = self.rest.split_at_checked(length) else {
            return Err(start.error(format!("{name} is longer than the value that contains it")));
        };
        let content = DerCursor { rest: content, at: self.at };
        *self = DerCursor { rest, at: self.at + length };
        let whole = start.rest.get(..self.at - start.at).unwrap_or_default();
        Ok(Element { tag, whole, content, at: start.at })
    }

    /// The next value, which has to have this tag.
    pub(super) fn take(&mut self, tag: u8, name: &str) -> Result<Element<'a>, DerError> {
        match self.tag() {
            Some(found) if found != tag => {
                Err(self.error(format!("{name} should have tag {tag:#04x}, not {found:#04x},")))
            }
            _ => self.element(name),
        }
    }

    /// The values within the next one, which is a SEQUENCE.
    pub(super) fn sequence(&mut self, name: &str) -> Result<DerCursor<'a>, DerError> {
        self.take(SEQUENCE, name).map(|element| element.content)
    }

    /// The next value, which has to be one or more others within a SEQUENCE.
    pub(super) fn filled_sequence(&mut self, name: &str) -> Result<DerCursor<'a>, DerError> {
        let element = self.take(SEQUENCE, name)?;
        if element.content.is_empty() { Err(element.error(format!("{name} is empty"))) } else { Ok(element.content) }
    }

    /// An OBJECT IDENTIFIER, which has to be this one and then means that.
    pub(super) fn identifier(&mut self, content: &[u8], name: &str, meaning: &str) -> Result<(), DerError> {
        let element = self.take(OBJECT_IDENTIFIER, name)?;
        if element.content.rest == content { Ok(()) } else { Err(element.error(format!("{name} is not {meaning}"))) }
    }

    /// A whole number from 0, as octets without leading zeros; none for 0.
    pub(super) fn unsigned(&mut self, name: &str) -> Result<&'a [u8], DerError> {
        let element = self.take(INTEGER, name)?;
        match element.content.rest {
            [] => Err(element.error(format!("{name} has no octets"))),
            [0x80..=0xFF, ..] => Err(element.error(format!("{name} is negative"))),
            [0, 0..=0x7F, ..] => Err(element.error(format!("{name} has needless octets"))),
            [0, magnitude @ ..] | magnitude => Ok(magnitude),
        }
    }

    /// A whole number from 0 to 4,294,967,295.
    pub(super) fn unsigned_32(&mut self, name: &str) -> Result<u32, DerError> {
        let start = *self;
        let octets = self.unsigned(name)?;
        if octets.len() > 4 {
            return Err(start.error(format!("{name} is above 4294967295")));
        }
        Ok(octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
    }

    /// An OCTET STRING of a known size.
    pub(super) fn octets<const SIZE: usize>(&mut self, name: &str) -> Result<[u8; SIZE], DerError> {
        let element = self.take(OCTET_STRING, name)?;
        element.content.rest.try_into().map_err(|_| element.error(format!("{name} is not of {SIZE} octets")))
    }

    /// A GeneralizedTime in the form that DER and RFC 5280 leave, in seconds since 1970.
    pub(super) fn time(&mut self, name: &str) -> Result<u64, DerError> {
        let element = self.take(GENERALIZED_TIME, name)?;
        scalar::generalized_time(element.content.rest)
            .ok_or_else(|| element.error(format!("{name} is no time as YYYYMMDDHHMMSSZ")))
    }

    /// A BIT STRING of at most 128 bits: the bits from the left, zeros behind them, and how many they are.
    pub(super) fn bits_128(&mut self, name: &str) -> Result<(u128, u8), DerError> {
        let element = self.take(BIT_STRING, name)?;
        let Some((unused @ 0..=7, octets)) = element.content.rest.split_first() else {
            return Err(element.error(format!("{name} has no valid count of unused bits")));
        };
        let mut padded = [0; 16];
        let Some(slot) = padded.get_mut(..octets.len()) else {
            return Err(element.error(format!("{name} has more than 128 bits")));
        };
        slot.copy_from_slice(octets);
        let last = octets.last().copied().unwrap_or(0);
        if (octets.is_empty() && *unused > 0) || u16::from(last) & ((1 << unused) - 1) != 0 {
            return Err(element.error(format!("{name} has unused bits that are not zero")));
        }
        let bits = u8::try_from(octets.len() * 8).unwrap_or(u8::MAX).saturating_sub(*unused);
        Ok((u128::from_be_bytes(padded), bits))
    }

    fn octet(&mut self, name: &str) -> Result<u8, DerError> {
        let Some((octet, rest)) = self.rest.split_first() else {
            return Err(self.error(format!("{name} is missing or cut short")));
        };
        *self = DerCursor { rest, at: self.at + 1 };
        Ok(*octet)
    }

    /// The octets of a tag whose number is above 30: seven bits each, all but the last with the highest bit set.
    fn rest_of_tag(&mut self, name: &str) -> Result<(), DerError> {
        let start = *self;
        let mut number = 0_u32;
        for _ in 0..LONG_TAG_OCTETS_MAX {
            let octet = self.octet(name)?;
            number = number << 7 | u32::from(octet & 0x7F);
            if number == 0 {
                break;
            }
            if octet & 0x80 == 0 {
                return if number > 30 {
                    Ok(())
                } else {
                    Err(start.error(format!("{name} has a needlessly long tag")))
                };
            }
        }
        Err(start.error(format!("{name} has no tag of DER")))
    }

    /// A length in its shortest form; the indefinite one is not of DER.
    fn length(&mut self, name: &str) -> Result<usize, DerError> {
        let start = *self;
        let first = self.octet(name)?;
        let (octets, least) = match first {
            0..=0x7F => return Ok(usize::from(first)),
            0x80 => return Err(start.error(format!("{name} has an indefinite length"))),
            0x81 => (1, 0x80),
            0x82 => (2, 0x100),
            0x83 => (3, 0x1_0000),
            0x84 => (4, 0x100_0000),
            _ => return Err(start.error(format!("{name} has a length above all bounds"))),
        };
        let mut length = 0_u32;
        for _ in 0..octets {
            length = length << 8 | u32::from(self.octet(name)?);
        }
        if length < least {
            return Err(start.error(format!("{name} has a length in more octets than it needs")));
        }
        usize::try_from(length).map_err(|_| start.error(format!("{name} has a length above all bounds")))
    }
}
