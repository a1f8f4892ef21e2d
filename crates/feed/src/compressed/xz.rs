//! The streams of an xz file, one behind the other, with padding between and behind them.
//!
//! Checksums, the index and the padding are compared by the crate that decompresses. This file limits the memory that a
//! file may need, and recognises one that was cut.

use super::DecodeStep;
use crate::error::Reason;
use lzma_rust2::{Action, Status, XzStream};
use std::io::ErrorKind;

/// The largest dictionary that a file may need, in KiB: 128 MiB, as much as for zstd. `xz -9` takes 64 MiB.
const DICTIONARY_KIB_MAX: u32 = 128 * 1024;

/// Memory that the decoder needs beside the dictionary, in KiB.
const DECODER_KIB: u32 = 40;

/// The most octets that a file may have: more than the JSON of the whole world has before it is compressed. The decoder
/// remembers each block until it has read the index, and a block may be as small as 16 octets.
const OCTETS_MAX: u64 = 128 * 1024 * 1024;

pub(super) struct Streams {
    decoder: XzStream,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams { decoder: XzStream::new_mem_limit(true, DICTIONARY_KIB_MAX + DECODER_KIB) }
    }

    /// Takes some of the octets, and writes what fits the piece.
    pub(super) fn step(&mut self, octets: &[u8], piece: &mut [u8]) -> Result<DecodeStep, Reason> {
        if self.decoder.total_in() > OCTETS_MAX {
            return Err(Reason::TooLarge(OCTETS_MAX));
        }
        match self.decoder.process(octets, piece, Action::Run) {
            Ok(done) => Ok(DecodeStep { taken: done.bytes_consumed, made: done.bytes_produced }),
            Err(error) => Err(self.reason(&error)),
        }
    }

    /// Octets that were taken, those of a step that failed among them.
    pub(super) fn taken(&self) -> u64 {
        self.decoder.total_in()
    }

    /// Returns whether the file may end here. If not it was cut: a damaged one fails in a step.
    pub(super) fn is_complete(&mut self) -> bool {
        let end = self.decoder.process(&[], &mut [], Action::Finish);
        end.is_ok_and(|end| end.status == Status::StreamEnd)
    }

    fn reason(&self, error: &std::io::Error) -> Reason {
        let dictionary = self.decoder.memory_usage().map_or(0, |kib| kib.saturating_sub(DECODER_KIB));
        if error.kind() == ErrorKind::OutOfMemory && dictionary > DICTIONARY_KIB_MAX {
            return Reason::Dictionary { mib: dictionary / 1024, mib_max: DICTIONARY_KIB_MAX / 1024 };
        }
        match error.kind() {
            ErrorKind::Unsupported => Reason::Compression(format!("xz: not supported ({error})")),
            // The library's message is about its decoder's state.
            _ => Reason::Compression(format!("xz: the data are damaged ({error})")),
        }
    }
}
