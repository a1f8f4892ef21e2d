//! How a load client reads: it counts octets, and keeps only the last ones of a response.

/// A Reset Query of version 1.
pub(super) const RESET_QUERY: [u8; 8] = [1, 2, 0, 0, 0, 0, 0, 8];

/// The length of an End of Data PDU of version 1.
const END_OF_DATA_OCTETS: usize = 24;

/// The first octets of its header: version and type.
const END_OF_DATA: [u8; 2] = [1, 7];

/// A response as it comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    octets: u64,
    last: [u8; END_OF_DATA_OCTETS],
}

impl Tail {
    pub(super) fn take(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        match octets.last_chunk() {
            Some(last) => self.last = *last,
            None => {
                self.last.rotate_left(octets.len());
                self.last[END_OF_DATA_OCTETS - octets.len()..].copy_from_slice(octets);
            }
        }
    }

    /// Whether a response of so many octets is complete. An error if it is longer, or ends with something else than an
    /// End of Data PDU.
    pub(super) fn is_complete(&self, octets: u64) -> Result<bool, String> {
        let length = [0, 0, 0, END_OF_DATA_OCTETS as u8];
        match self.octets {
            less if less < octets => Ok(false),
            more if more > octets => Err(format!("{more} octets came, and {octets} were to come")),
            _ if self.last.starts_with(&END_OF_DATA) && self.last[4..8] == length => Ok(true),
            _ => Err(format!("the response ends with {:02x?}, which is no End of Data", self.last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: [u8; 24] = [1, 7, 0x12, 0x34, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];

    fn read(pieces: &[&[u8]]) -> Tail {
        pieces.iter().fold(Tail::default(), |mut tail, piece| {
            tail.take(piece);
            tail
        })
    }

    #[test]
    fn end_of_data_is_known_however_it_is_cut() {
        for cut in 0..LAST.len() {
            let tail = read(&[&[9; 100], &LAST[..cut], &LAST[cut..]]);
            assert_eq!(tail.is_complete(124), Ok(true), "cut at {cut}");
        }
    }

    #[test]
    fn another_end_or_length_is_an_error() {
        assert_eq!(read(&[&LAST]).is_complete(25), Ok(false));
        assert!(read(&[&LAST]).is_complete(23).is_err());
        assert!(read(&[&LAST, &[0; 8]]).is_complete(32).is_err());
    }
}
