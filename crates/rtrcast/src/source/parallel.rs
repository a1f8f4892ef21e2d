//! Reading a file on several processors: while one piece is read in its turn, those behind it are read ahead.

use super::content::{Reading, SOURCE_OCTETS_MAX, SourceError};
use rtrcast_feed::{Prefetch, Speculated};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, available_parallelism, scope};

/// Size of a piece.
const PIECE_OCTETS: usize = 256 * 1024;

/// Pieces that are held for each thread, so that none waits for another.
const PIECES_PER_THREAD: usize = 2;

/// Limit of threads that read ahead: with more, sorting and writing on one thread take most of the time.
const READ_AHEAD_THREADS_MAX: usize = 3;

/// The smallest file that is read ahead.
const OCTETS_MIN: u64 = 8 * PIECE_OCTETS as u64;

/// Reads the file to its end.
pub(super) fn read(file: File, reading: &mut Reading) -> Result<(), SourceError> {
    let octets = file.metadata().map_err(SourceError::File)?.len();
    let mut pieces = PieceReader { file, spare: Vec::new(), total: 0 };
    // The format is recognised by the first piece.
    let Some(first) = pieces.next()? else { return Ok(()) };
    reading.push(&first)?;
    pieces.spare.push(first);
    match reading.prefetch() {
        Some(prefetch) if octets >= OCTETS_MIN => scope(|threads| {
            let helpers =
                available_parallelism().map_or(0, |processors| (processors.get() - 1).min(READ_AHEAD_THREADS_MAX));
            let helpers: Vec<ReadAheadThread> =
                (0..helpers).map_while(|_| ReadAheadThread::start(threads, &prefetch).ok()).collect();
            read_rest(pieces, reading, &helpers)
        }),
        _ => read_rest(pieces, reading, &[]),
    }
}

/// A piece that was read from the file.
enum QueuedPiece {
    /// It waits for its turn.
    Whole(Vec<u8>),
    /// The thread of this index reads it ahead.
    ReadAhead(usize),
    /// It could not be read. The error is returned in its turn, since earlier mistakes go first.
    Failed(SourceError),
}

fn read_rest(mut pieces: PieceReader, reading: &mut Reading, helpers: &[ReadAheadThread]) -> Result<(), SourceError> {
    let threads = helpers.len() + 1;
    let mut taken = VecDeque::new();
    let (mut turn, mut is_at_end) = (0, false);
    loop {
        while !is_at_end && taken.len() < threads * PIECES_PER_THREAD {
            let piece = pieces.next();
            is_at_end = !matches!(piece, Ok(Some(_)));
            taken.extend(match (piece, helpers.get(turn)) {
                (Ok(None), _) => None,
                (Err(failure), _) => Some(QueuedPiece::Failed(failure)),
                (Ok(Some(piece)), None) => Some(QueuedPiece::Whole(piece)),
                (Ok(Some(piece)), Some(helper)) => {
                    helper.give(piece);
                    Some(QueuedPiece::ReadAhead(turn))
                }
            });
            turn = (turn + 1) % threads;
        }
        let piece = match taken.pop_front() {
            None => return Ok(()),
            Some(QueuedPiece::Failed(failure)) => return Err(failure),
            Some(QueuedPiece::Whole(piece)) => {
                reading.push(&piece)?;
                piece
            }
            Some(QueuedPiece::ReadAhead(helper)) => {
                // If the thread has panicked, the panic is resumed when all threads have ended.
                let Some((piece, speculated)) = helpers.get(helper).and_then(ReadAheadThread::take) else {
                    return Ok(());
                };
                reading.push_speculated(&piece, speculated)?;
                piece
            }
        };
        pieces.spare.push(piece);
    }
}

/// The pieces of a file.
struct PieceReader {
    file: File,
    /// Buffers of pieces that have been read.
    spare: Vec<Vec<u8>>,
    total: u64,
}

impl PieceReader {
    /// Reads the next piece; none at the end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        let mut piece = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PIECE_OCTETS));
        piece.clear();
        (&self.file).take(PIECE_OCTETS as u64).read_to_end(&mut piece).map_err(SourceError::File)?;
        self.total += piece.len() as u64;
        if self.total > SOURCE_OCTETS_MAX {
            return Err(SourceError::TooLarge(SOURCE_OCTETS_MAX));
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// A thread that reads ahead. It ends when its channel closes.
struct ReadAheadThread {
    give: SyncSender<Vec<u8>>,
    take: Receiver<(Vec<u8>, Option<Speculated>)>,
}

impl ReadAheadThread {
    fn start<'scope>(threads: &'scope Scope<'scope, '_>, prefetch: &Prefetch) -> io::Result<ReadAheadThread> {
        let (give, pieces) = sync_channel::<Vec<u8>>(PIECES_PER_THREAD);
        let (done, take) = sync_channel(PIECES_PER_THREAD);
        let prefetch = prefetch.clone();
        Builder::new().name("read-ahead".to_owned()).spawn_scoped(threads, move || {
            for piece in pieces {
                let speculated = prefetch.read(&piece);
                if done.send((piece, speculated)).is_err() {
                    return;
                }
            }
        })?;
        Ok(ReadAheadThread { give, take })
    }

    fn give(&self, piece: Vec<u8>) {
        // A thread that has panicked is found when the turn of its piece comes.
        let _ = self.give.send(piece);
    }

    fn take(&self) -> Option<(Vec<u8>, Option<Speculated>)> {
        self.take.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::content::SourceContent;
    use rtrcast_feed::Reader;
    use rtrcast_proto::Version;
    use std::fmt::Write as _;
    use std::path::PathBuf;

    /// A file with this content, which is gone when it is dropped.
    struct TemporaryFile(PathBuf);

    impl TemporaryFile {
        fn new(name: &str, content: &str) -> TemporaryFile {
            let path = std::env::temp_dir().join(format!("rtrcast-ahead-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            TemporaryFile(path)
        }
    }

    impl Drop for TemporaryFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    /// Reads a file with this many threads that read ahead.
    fn read_with(path: &std::path::Path, helpers: usize) -> Result<SourceContent, SourceError> {
        let mut reading = Reading::Table(Reader::new(), Version::V1);
        let mut pieces = PieceReader { file: File::open(path).unwrap(), spare: Vec::new(), total: 0 };
        let first = pieces.next()?.expect("it is not empty");
        reading.push(&first)?;
        let prefetch = reading.prefetch().expect("it is recognised");
        scope(|threads| {
            let helpers: Vec<ReadAheadThread> =
                (0..helpers).map(|_| ReadAheadThread::start(threads, &prefetch).unwrap()).collect();
            read_rest(pieces, &mut reading, &helpers)
        })?;
        reading.finish()
    }

    fn document(vrps: u32) -> String {
        let mut document = "{\"roas\": [\n".to_owned();
        for vrp in 0..vrps {
            let [_, a, b, c] = (vrp << 4).to_be_bytes();
            let anchor = ["ripe", "apnic"][vrp as usize / 7 % 2];
            // Each hundredth is invalid.
            let len = if vrp % 100 == 99 { 33 } else { 28 };
            writeln!(document, "{{\"asn\": {vrp}, \"prefix\": \"{a}.{b}.{c}.0/{len}\", \"ta\": \"{anchor}\"}},")
                .unwrap();
        }
        document.push_str("{\"asn\": 1, \"prefix\": \"2001:db8::/32\"}\n]}");
        document
    }

    #[test]
    fn any_number_of_helpers_reads_the_same() {
        let file = TemporaryFile::new("sound.json", &document(60_000));
        let read = |helpers| match read_with(&file.0, helpers).unwrap() {
            SourceContent::Table(table, tally) => (table, tally),
            SourceContent::Slurm(_) | SourceContent::SlurmDirectory(_) => unreachable!("it was read as a table"),
        };
        let (alone, tally) = read(0);
        assert_eq!((tally.entries, tally.refused), (60_001, 600));
        assert_eq!(tally.refused_first[9].index, 999);
        for helpers in 1..=READ_AHEAD_THREADS_MAX {
            let (table, with_helpers) = read(helpers);
            assert_eq!(table.image(), alone.image());
            assert_eq!(with_helpers, tally);
        }
    }

    #[test]
    fn what_is_wrong_has_its_place_however_it_is_read() {
        let document = document(60_000);
        let cut = TemporaryFile::new("cut.json", &document[..document.len() - 40]);
        let broken = TemporaryFile::new("broken.json", &document.replacen("{\"asn\": 50000,", "{\"asn\": 50000;", 1));
        for file in [cut, broken] {
            let read = |helpers| read_with(&file.0, helpers).err().expect("it is refused").to_string();
            let alone = read(0);
            assert!(alone.contains("(line "), "{alone}");
            assert_eq!(read(1), alone);
            assert_eq!(read(READ_AHEAD_THREADS_MAX), alone);
        }
    }
}
