//! kill -9 at random moments under constant updates, with a state directory: clients check every answer against what each
//! session and serial meant, ever.
//!
//! `RTRCAST_CRASH_ROUNDS` says how many rounds there are; `cargo xtask crashes` runs very many.

use crate::cache::{Cache, Folder, document};
use crate::router::hex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Rounds of a test run.
const ROUNDS: usize = 12;

/// A set as a client has it: records without version and flags.
type Set = BTreeSet<Vec<u8>>;

/// What each session and serial meant, by version.
type Meanings = BTreeMap<(u8, u16, u32), Set>;

/// Numbers that look random, and are the same for each seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// What happened at connecting again.
#[derive(Debug, Default)]
struct Outcomes {
    deltas: usize,
    nothing_new: usize,
    resets: usize,
    answers: usize,
}

/// A client that keeps its set over connections.
struct Client {
    version: u8,
    /// The session and serial of its set.
    known: Option<(u16, u32)>,
    set: Set,
}

impl Client {
    /// Sends a query, reads the response, and checks it. Returns false if the connection broke, with the set as it was.
    fn query(
        &mut self,
        wire: &mut TcpStream,
        meanings: &mut Meanings,
        outcomes: Option<&mut Outcomes>,
    ) -> io::Result<()> {
        let version = self.version;
        let query = match self.known {
            Some((session, serial)) => format!("{version:02x} 01 {session:04x} 0000000c {serial:08x}"),
            None => format!("{version:02x} 02 0000 00000008"),
        };
        wire.write_all(&hex(&query))?;
        let mut set = if self.known.is_some() { self.set.clone() } else { Set::new() };
        let mut changes = 0;
        loop {
            let pdu = read_pdu(wire)?;
            match pdu[1] {
                // A notify may come in between, and a Cache Response begins.
                0 | 3 => {}
                4 | 6 => {
                    let record = pdu[9..].to_vec();
                    let record = [&pdu[1..2], &record].concat();
                    let fits = if pdu[8] & 1 == 1 { set.insert(record) } else { set.remove(&record) };
                    assert!(fits, "a change that does not fit what {:?} meant", self.known);
                    changes += 1;
                }
                7 => {
                    let session = u16::from_be_bytes([pdu[2], pdu[3]]);
                    let serial = u32::from_be_bytes([pdu[8], pdu[9], pdu[10], pdu[11]]);
                    if let Some(outcomes) = outcomes {
                        match (self.known, changes) {
                            (None, _) => {}
                            (Some(_), 0) => outcomes.nothing_new += 1,
                            (Some(_), _) => outcomes.deltas += 1,
                        }
                    }
                    let meaning = meanings.entry((version, session, serial)).or_insert_with(|| set.clone());
                    assert_eq!(*meaning, set, "session {session} serial {serial} of version {version} means two sets");
                    (self.known, self.set) = (Some((session, serial)), set);
                    return Ok(());
                }
                // Cache Reset.
                8 => {
                    if let Some(outcomes) = outcomes {
                        outcomes.resets += 1;
                    }
                    self.known = None;
                    return self.query(wire, meanings, None);
                }
                other => panic!("PDU type {other}"),
            }
        }
    }
}

fn read_pdu(wire: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 8];
    wire.read_exact(&mut header)?;
    let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let mut pdu = header.to_vec();
    pdu.resize(length, 0);
    wire.read_exact(&mut pdu[8..])?;
    Ok(pdu)
}

/// The VRPs of a generation: some stay for long, some for one.
fn generation(number: u32) -> Vec<u8> {
    let long = (0..20).map(|n| (number / 7 + n, format!("10.{n}.0.0/16"), 16));
    let short = (0..5).map(|n| (number, format!("2001:db8:{n:x}::/48"), 48));
    let vrps: Vec<(u32, String, u8)> = long.chain(short).collect();
    document(&vrps.iter().map(|(asn, prefix, length)| (*asn, prefix.as_str(), *length)).collect::<Vec<_>>())
}

/// Queries again and again until the connection breaks.
fn follow(client: &mut Client, address: SocketAddr, meanings: &mut Meanings, outcomes: &mut Outcomes) {
    let Ok(mut wire) = TcpStream::connect(address) else { return };
    wire.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut first = true;
    loop {
        let answer = client.query(&mut wire, meanings, std::mem::take(&mut first).then_some(&mut *outcomes));
        match answer {
            Ok(()) => outcomes.answers += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no answer: {error}"),
            Err(_) => return,
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // A file that is being written may be gone.
        let _ = fs::copy(entry.path(), to.join(entry.file_name()));
    }
}

/// Runs rounds; `between` is called after each with the folder, the round and a random number.
fn run(seed: u64, start: impl Fn(&Path, &[&str]) -> Cache, between: impl Fn(&Folder, u64)) -> Outcomes {
    let rounds = std::env::var("RTRCAST_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let folder = Folder::new();
    let directory = folder.path("state").display().to_string();
    let (mut random, mut number) = (Random(seed), 1);
    let source = folder.put("rpki.json", &generation(number));
    let (mut meanings, mut outcomes) =
        ([const { Meanings::new() }; 3], [const { None }; 3].map(|_: Option<()>| Outcomes::default()));
    let mut clients = [0, 1, 2].map(|version| Client { version, known: None, set: Set::new() });
    for _ in 0..rounds {
        let mut cache = start(&source, &["--state", &directory, "--log-level", "warn"]);
        let end = Instant::now() + Duration::from_millis(20 + random.below(300));
        let address = cache.rtr;
        thread::scope(|scope| {
            for ((client, meanings), outcomes) in clients.iter_mut().zip(&mut meanings).zip(&mut outcomes) {
                scope.spawn(move || follow(client, address, meanings, outcomes));
            }
            while Instant::now() < end {
                number += 1;
                folder.put("rpki.json", &generation(number));
                // The moments are the point, and not a wait for something.
                thread::sleep(Duration::from_millis(random.below(25)));
            }
            cache.signal("KILL");
            cache.wait_for_end();
        });
        between(&folder, random.below(100));
    }
    let sum = |of: fn(&Outcomes) -> usize| outcomes.iter().map(of).sum();
    let all = Outcomes {
        deltas: sum(|outcomes| outcomes.deltas),
        nothing_new: sum(|outcomes| outcomes.nothing_new),
        resets: sum(|outcomes| outcomes.resets),
        answers: sum(|outcomes| outcomes.answers),
    };
    println!("{rounds} rounds, {number} generations: {all:?}");
    assert!(all.answers > rounds, "{all:?}");
    all
}

#[test]
fn no_serial_means_two_sets_across_crashes() {
    let all = run(1, |source, arguments| Cache::start(source, arguments), |_, _| ());
    // Version 0 has a new session each time.
    assert!(all.deltas + all.nothing_new > all.resets, "{all:?}");
}

#[test]
fn no_serial_means_two_sets_with_directories_that_are_put_back() {
    let between = |folder: &Folder, random: u64| {
        let (state, copied) = (folder.path("state"), folder.path("copied"));
        match random {
            0..30 => copy(&state, &copied),
            30..60 if copied.exists() => copy(&copied, &state),
            60..65 => fs::remove_dir_all(&state).unwrap(),
            _ => {}
        }
    };
    let all = run(2, |source, arguments| Cache::start(source, arguments), between);
    assert!(all.resets > 0, "{all:?}");
}

#[test]
fn no_serial_means_two_sets_with_a_disk_that_takes_no_more() {
    // Files larger than 4 KiB can't be written: logs end in the middle of a change.
    let start = |source: &Path, arguments: &[&str]| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rtrcast")]);
        Cache::run(shell, source, arguments)
    };
    // What a client knows may be newer than all that is written.
    run(3, start, |_, _| ());
}
