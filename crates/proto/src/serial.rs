//! Serial numbers with the arithmetic of RFC 1982, and session identifiers.
//!
//! `Serial` has no `Ord` on purpose: RFC 1982 leaves some pairs undefined, and its order is not transitive.

use crate::limits::{SERIAL_JUMP_MAX, SERIAL_JUMP_MIN};
use core::cmp::Ordering;
use core::fmt;

/// The number of a data set (section 4 of RFC 8210): advanced by the cache at each change, wrapping at 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Serial(pub u32);

impl Serial {
    /// The serial after this one. Zero is skipped, since routers use serial 0 for holding nothing. [C-SER-01]
    pub const fn next(self) -> Serial {
        match self.0.wrapping_add(1) {
            0 => Serial(1),
            next => Serial(next),
        }
    }

    /// A serial that lies ahead of this one by a distance from [`SERIAL_JUMP_MIN`] to [`SERIAL_JUMP_MAX`], which a random
    /// number chooses. Whoever takes up a line of data sets jumps: a serial that was told and then lost, or that a copy
    /// of the line told meanwhile, is not used again for another set. Zero is skipped.
    pub const fn jumped(self, random: u32) -> Serial {
        let distance = SERIAL_JUMP_MIN + random % (SERIAL_JUMP_MAX - SERIAL_JUMP_MIN);
        match self.0.wrapping_add(distance) {
            0 => Serial(1),
            later => Serial(later),
        }
    }

    /// The order of two serials by RFC 1982 section 3.2; none where it is undefined (a distance of 2^31).
    pub fn compare(self, other: Serial) -> Option<Ordering> {
        const HALF: u32 = 1 << 31;
        match other.0.wrapping_sub(self.0) {
            0 => Some(Ordering::Equal),
            HALF => None,
            ahead if ahead < HALF => Some(Ordering::Less),
            _ => Some(Ordering::Greater),
        }
    }

    /// Returns whether this serial comes before the other by RFC 1982.
    pub fn is_before(self, other: Serial) -> bool {
        self.compare(other) == Some(Ordering::Less)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Identifier of the sequence of data sets that a serial belongs to (section 5.1 of RFC 8210).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u16);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn c_ser_01_order_survives_the_wrap() {
        assert!(Serial(0xFFFF_FFFE).is_before(Serial(1)));
        assert!(!Serial(1).is_before(Serial(0xFFFF_FFFE)));
        assert_eq!(Serial(7).compare(Serial(7)), Some(Ordering::Equal));
        assert_eq!(Serial(7).compare(Serial(7 + (1 << 31))), None);
        assert!(Serial(7).is_before(Serial(6 + (1 << 31))));
        assert!(Serial(8 + (1 << 31)).is_before(Serial(7)));
    }

    #[test]
    fn c_ser_01_zero_is_skipped() {
        let mut serial = Serial(0xFFFF_FFFE);
        let mut seen = Vec::new();
        for _ in 0..3 {
            serial = serial.next();
            seen.push(serial.0);
        }
        assert_eq!(seen, [0xFFFF_FFFF, 1, 2]);
    }

    proptest! {
        #[test]
        fn c_ser_01_comparison_is_antisymmetric(a: u32, b: u32) {
            let reversed = Serial(b).compare(Serial(a)).map(Ordering::reverse);
            prop_assert_eq!(Serial(a).compare(Serial(b)), reversed);
        }

        #[test]
        fn c_ser_01_adding_less_than_half_moves_forward(a: u32, step in 1..(1_u32 << 31)) {
            prop_assert!(Serial(a).is_before(Serial(a.wrapping_add(step))));
        }

        #[test]
        fn c_ser_01_seven_jumps_lie_ahead_and_none_is_zero(a: u32, randoms: [u32; 7]) {
            let last = randoms.into_iter().fold(Serial(a), |serial, random| {
                let next = serial.jumped(random);
                assert_ne!(next.0, 0);
                assert!(next.0.wrapping_sub(serial.0) >= 1 << 20);
                next
            });
            prop_assert!(Serial(a).is_before(last));
        }

        #[test]
        fn c_ser_01_next_is_never_zero_and_always_later(a: u32) {
            let next = Serial(a).next();
            prop_assert_ne!(next.0, 0);
            prop_assert!(Serial(a).is_before(next));
        }
    }
}
