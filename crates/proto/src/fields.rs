//! Fields in files and in what is handed to another program: numbers with the lowest octet first, and lengths before what
//! varies.

use alloc::vec::Vec;

/// Appends values.
#[derive(Debug, Default)]
pub struct FieldEncoder(pub Vec<u8>);

impl FieldEncoder {
    /// One octet.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// A number of 16 bits.
    pub fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A number of 32 bits.
    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A number of 64 bits.
    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A number of 128 bits.
    pub fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Octets of which the reader knows how many there are.
    pub fn raw(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// Octets with their length, of 32 bits.
    pub fn octets(&mut self, octets: &[u8]) {
        self.u32(u32::try_from(octets.len()).expect("what is kept has less than 4 GiB"));
        self.raw(octets);
    }

    /// A text with its length.
    pub fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
    }

    /// A value, or none.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut FieldEncoder, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Values with their number, of 32 bits.
    pub fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut FieldEncoder, &T)) {
        self.u32(u32::try_from(values.len()).expect("a list is bounded"));
        for value in values {
            write(self, value);
        }
    }
}

/// Reads values; none where too few octets are left, or they are no such value.
#[derive(Clone, Debug)]
pub struct FieldDecoder<'a> {
    rest: &'a [u8],
}

impl<'a> FieldDecoder<'a> {
    /// A decoder at the start of these octets.
    pub fn new(octets: &'a [u8]) -> FieldDecoder<'a> {
        FieldDecoder { rest: octets }
    }

    /// Returns whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// So many octets.
    pub fn raw(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(read)
    }

    /// Octets of a known number.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.first_chunk().copied()
    }

    /// One octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    /// A truth value: 0 or 1.
    pub fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A number of 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of 128 bits.
    pub fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    /// A number of 32 bits, as a length.
    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    /// Octets with their length, of 32 bits.
    pub fn octets(&mut self) -> Option<&'a [u8]> {
        let octets = self.size()?;
        self.raw(octets)
    }

    /// A text with its length.
    pub fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.octets()?).ok()
    }

    /// A value, or none.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut FieldDecoder<'a>) -> Option<T>) -> Option<Option<T>> {
        match self.bool()? {
            true => read(self).map(Some),
            false => Some(None),
        }
    }

    /// Values with their number, of 32 bits.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut FieldDecoder<'a>) -> Option<T>) -> Option<Vec<T>> {
        let values = self.size()?;
        // Each value has an octet at least, so that a damaged number takes no memory.
        let mut list = Vec::with_capacity(values.min(self.rest.len()));
        for _ in 0..values {
            list.push(read(self)?);
        }
        Some(list)
    }
}
