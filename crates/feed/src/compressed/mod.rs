//! Files that are compressed, by gzip, zstd or xz.
//!
//! Decompressed octets go to the reader of the format at once, so that memory is bounded however much a file grows by
//! decompression; its whole size has a limit too. A compressed file within a compressed one is not recognised.

mod gzip;
mod xz;

use crate::document::DocumentReader;
use crate::error::{OffsetBase, ReadError, Reason};
use crate::rows::Rows;
use crate::start::Compression;
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

/// The most octets that may come of decompressing a file: twenty times the JSON of the whole world.
pub(crate) const DECOMPRESSED_OCTETS_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Octets that are decompressed at a time.
const PIECE_OCTETS: usize = 64 * 1024;

/// zstd looks back over at most two to the power of this many octets, which have to be held: 128 MiB. A file that wants
/// more is refused; no level of its program does unless asked to.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Result of one step of decompressing.
#[derive(Clone, Copy, Debug)]
struct DecodeStep {
    /// Octets that it took.
    taken: usize,
    /// Octets that it made.
    made: usize,
}

/// Reads one compressed file.
pub(crate) struct CompressedReader {
    decoder: Decoder,
    /// Buffer that the decoder writes to.
    piece: Box<[u8]>,
    /// Octets of the file that were taken.
    taken: u64,
    /// Octets that were made of them, and the most that may be.
    made: u64,
    made_max: u64,
    content: DocumentReader,
}

enum Decoder {
    Gzip(Box<gzip::GzipMembers>),
    Zstd(Zstd),
    Xz(Box<xz::Streams>),
}

impl CompressedReader {
    /// A reader at the start of a file.
    pub(crate) fn new(compression: Compression) -> Result<CompressedReader, ReadError> {
        let decoder = match compression {
            Compression::Gzip => Decoder::Gzip(Box::new(gzip::GzipMembers::new())),
            Compression::Zstd => Decoder::Zstd(Zstd::new().map_err(|what| ReadError::in_binary(0, zstd_error(&what)))?),
            Compression::Xz => Decoder::Xz(Box::new(xz::Streams::new())),
        };
        let piece = vec![0; PIECE_OCTETS].into_boxed_slice();
        Ok(CompressedReader {
            decoder,
            piece,
            taken: 0,
            made: 0,
            made_max: DECOMPRESSED_OCTETS_MAX,
            content: DocumentReader::new(),
        })
    }

    /// The next octets of the file. After an error the reader is of no further use.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        let mut rest = octets;
        loop {
            let DecodeStep { taken, made } = self.step(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            self.taken += taken as u64;
            self.made += made as u64;
            let piece = self.piece.get(..made).unwrap_or_default();
            if self.made > self.made_max {
                let reason = Reason::TooLarge(self.made_max);
                return Err(ReadError { base: OffsetBase::Decompressed, ..ReadError::in_binary(self.made, reason) });
            }
            self.content.push(piece).map_err(decompressed)?;
            // If the piece is full, the decoder may hold more.
            if rest.is_empty() && made < self.piece.len() {
                return Ok(());
            }
        }
    }

    /// The file is complete: returns the accepted entries.
    pub(crate) fn finish(mut self) -> Result<Rows, ReadError> {
        let complete = match &mut self.decoder {
            Decoder::Gzip(members) => members.is_complete(),
            Decoder::Zstd(frames) => frames.is_complete(),
            Decoder::Xz(streams) => streams.is_complete(),
        };
        if !complete {
            return Err(ReadError::in_binary(self.taken, Reason::Truncated));
        }
        self.content.finish().map_err(decompressed)
    }

    fn step(&mut self, octets: &[u8]) -> Result<DecodeStep, ReadError> {
        let step = match &mut self.decoder {
            Decoder::Gzip(members) => members.step(octets, &mut self.piece).map_err(|what| gzip_error(&what)),
            Decoder::Zstd(frames) => frames.step(octets, &mut self.piece).map_err(|what| zstd_error(&what)),
            Decoder::Xz(streams) => streams.step(octets, &mut self.piece),
        };
        let step = match step {
            Ok(DecodeStep { taken: 0, made: 0 }) if !octets.is_empty() => {
                Err(Reason::Compression("the decoder makes no progress".to_owned()))
            }
            step => step,
        };
        step.map_err(|reason| ReadError::in_binary(self.position(), reason))
    }

    /// Returns the number of octets before an error.
    fn position(&self) -> u64 {
        match &self.decoder {
            Decoder::Gzip(_) | Decoder::Zstd(_) => self.taken,
            Decoder::Xz(streams) => streams.taken(),
        }
    }
}

fn gzip_error(what: &str) -> Reason {
    Reason::Compression(format!("gzip: {what}"))
}

fn zstd_error(what: &str) -> Reason {
    Reason::Compression(format!("zstd: {what}"))
}

/// An error of the reader behind the decoder.
fn decompressed(error: ReadError) -> ReadError {
    ReadError { base: OffsetBase::Decompressed, ..error }
}

/// The frames of a zstd file, one behind the other.
struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// True if it is between frames.
    is_between: bool,
}

impl Zstd {
    fn new() -> Result<Zstd, String> {
        let mut decoder = zstd::stream::raw::Decoder::new().map_err(|error| error.to_string())?;
        let window = DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX);
        decoder.set_parameter(window).map_err(|error| error.to_string())?;
        Ok(Zstd { decoder, is_between: true })
    }

    fn is_complete(&self) -> bool {
        self.is_between
    }

    fn step(&mut self, octets: &[u8], piece: &mut [u8]) -> Result<DecodeStep, String> {
        if octets.is_empty() && self.is_between {
            // An empty input would begin a frame.
            return Ok(DecodeStep { taken: 0, made: 0 });
        }
        let (mut input, mut output) = (InBuffer::around(octets), OutBuffer::around(piece));
        let hint = self.decoder.run(&mut input, &mut output).map_err(|error| error.to_string())?;
        self.is_between = hint == 0;
        Ok(DecodeStep { taken: input.pos(), made: output.pos() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_grows_beyond_the_limit_is_refused() {
        let document = [br#"{"roas": []"#.as_slice(), &[b' '; 200_000], b"}"].concat();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        xz.write_all(&document).unwrap();
        let by_zstd = zstd::encode_all(document.as_slice(), 1).unwrap();
        for (compression, compressed) in [(Compression::Zstd, by_zstd), (Compression::Xz, xz.finish().unwrap())] {
            let read = |made_max| {
                let mut reader = CompressedReader { made_max, ..CompressedReader::new(compression).unwrap() };
                reader.push(&compressed).map(|()| reader.finish().map(|rows| rows.accepted()))
            };
            assert_eq!(read(document.len() as u64), Ok(Ok(0)));
            let error = read(document.len() as u64 - 1).unwrap_err();
            assert_eq!(error.to_string(), "after decompression: larger than 200011 bytes");
        }
    }
}
