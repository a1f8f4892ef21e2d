//! The thread that writes log lines. Whoever logs never waits and never fails: a pipe that nobody reads, a full disk or a
//! reader that has gone costs lines, which are counted, and nothing else.

use super::event::LogEvent;
use super::event::log::LogLossEvent;
use super::format::LogFormat;
use super::render::{self, LogRecord};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

/// Lines that wait to be written; further ones are lost.
const LINES_WAITING_MAX: usize = 4_096;

/// Time for which the end of the program waits for them.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// The lines that wait for the thread.
pub(super) struct LogQueue {
    to_writer: SyncSender<WriterMessage>,
    lost: Arc<LostLines>,
}

/// A message to the thread.
enum WriterMessage {
    Write(Vec<u8>),
    /// All before it has been written: say so.
    Acknowledge(SyncSender<()>),
}

/// Counts of lines that were lost.
#[derive(Default)]
struct LostLines {
    /// Those of which no line says so yet.
    unreported: AtomicU64,
    total: AtomicU64,
}

impl LostLines {
    fn add_one(&self) {
        self.unreported.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }
}

impl LogQueue {
    /// Starts the thread.
    pub(super) fn start(format: LogFormat) -> LogQueue {
        let (to_writer, queue) = sync_channel(LINES_WAITING_MAX);
        let lost = Arc::new(LostLines::default());
        let counts = Arc::clone(&lost);
        // Without the thread all lines are lost, and the program still serves.
        let _ = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&queue, &counts, format, &mut io::stderr()));
        LogQueue { to_writer, lost }
    }

    pub(super) fn write(&self, line: Vec<u8>) {
        if self.to_writer.try_send(WriterMessage::Write(line)).is_err() {
            self.lost.add_one();
        }
    }

    /// Waits until the lines so far are written, at most for a second.
    pub(super) fn finish(&self) {
        let (done, is_done) = sync_channel(1);
        if self.to_writer.try_send(WriterMessage::Acknowledge(done)).is_ok() {
            let _ = is_done.recv_timeout(FINISH_MAX);
        }
    }

    /// Lines that were lost since the start.
    pub(super) fn lost_total(&self) -> u64 {
        self.lost.total.load(Ordering::Relaxed)
    }
}

fn write_lines(queue: &Receiver<WriterMessage>, lost: &LostLines, format: LogFormat, to: &mut impl Write) {
    for message in queue {
        report_lost(lost, format, to);
        match message {
            WriterMessage::Write(line) => {
                if to.write_all(&line).is_err() {
                    lost.add_one();
                }
            }
            WriterMessage::Acknowledge(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Writes how many lines before this one were lost, if any were.
fn report_lost(lost: &LostLines, format: LogFormat, to: &mut impl Write) {
    let lines = lost.unreported.swap(0, Ordering::Relaxed);
    if lines == 0 {
        return;
    }
    let event = LogLossEvent::LinesLost { lines };
    let record = LogRecord { event: &event, level: event.level(), is_repeated: false, left_out: 0 };
    if to.write_all(&render::line(&record, format, SystemTime::now())).is_err() {
        lost.unreported.fetch_add(lines, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn lost_lines_are_an_event_of_their_own_and_counted_once() {
        let (to_writer, queue) = sync_channel(1);
        let log = LogQueue { to_writer, lost: Arc::new(LostLines::default()) };
        log.write(b"{\"first\":1}\n".to_vec());
        log.write(b"lost\n".to_vec());
        log.write(b"lost\n".to_vec());
        assert_eq!(log.lost_total(), 2);
        let mut written = Vec::new();
        let LogQueue { to_writer, lost: counts } = log;
        drop(to_writer);
        write_lines(&queue, &counts, LogFormat::Json, &mut written);
        let lines: Vec<Value> =
            String::from_utf8(written).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [event, first] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&event["event"], &event["level"]), (&"log_lines_lost".into(), &"warn".into()));
        assert_eq!((&event["lines"], &event["message"]), (&2.into(), &"2 log lines were lost".into()));
        assert!(event["time"].is_string());
        assert_eq!(first["first"], 1);
        assert_eq!(counts.total.load(Ordering::Relaxed), 2);
        assert_eq!(counts.unreported.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn lost_lines_are_reported_once_there_is_a_reader_again() {
        /// Takes so many writes after it has refused some.
        struct Pipe {
            refuses: u32,
            text: Vec<u8>,
        }
        impl Write for Pipe {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                match self.refuses.checked_sub(1) {
                    Some(left) => {
                        self.refuses = left;
                        Err(io::ErrorKind::BrokenPipe.into())
                    }
                    None => {
                        self.text.extend_from_slice(octets);
                        Ok(octets.len())
                    }
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (to_writer, queue) = sync_channel(3);
        let log = LogQueue { to_writer, lost: Arc::new(LostLines::default()) };
        ["a\n", "b\n", "c\n"].into_iter().for_each(|line| log.write(line.into()));
        let LogQueue { to_writer, lost } = log;
        drop(to_writer);
        let mut pipe = Pipe { refuses: 3, text: Vec::new() };
        // Refused are "a", the report of it, and "b".
        write_lines(&queue, &lost, LogFormat::Journal, &mut pipe);
        assert_eq!(String::from_utf8(pipe.text).unwrap(), "<4>2 log lines were lost\nc\n");
        assert_eq!(lost.total.load(Ordering::Relaxed), 2);
    }
}
