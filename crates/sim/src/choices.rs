//! Choices from octets: of a seed, or of a fuzzer.

/// A reader of choices. After the last octet each choice is the first one.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    octets: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Reads choices from these octets.
    pub fn new(octets: &'a [u8]) -> Choices<'a> {
        Choices { octets }
    }

    /// Returns whether no octet is left.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Returns the next octet.
    pub fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.octets.split_first() else { return 0 };
        self.octets = rest;
        *first
    }

    /// Returns the next two octets as a number.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// Returns a number below this bound, which is at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet()) % bound.max(1)
    }

    /// Returns one of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Returns true once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// Returns the octets that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.octets)
    }
}

/// A generator of numbers from a seed: splitmix64, for which each seed is good.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below this bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % bound.max(1)
    }
}

/// Returns so many octets of a seed.
pub fn octets_of_seed(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut octets = Vec::with_capacity(length + 8);
    while octets.len() < length {
        octets.extend_from_slice(&random.next().to_be_bytes());
    }
    octets.truncate(length);
    octets
}
