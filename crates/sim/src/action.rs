//! Actions: what happens in the simulated world.

use crate::choices::Choices;
use crate::pipe::PipeMode;
use crate::world::DiskMode;
use std::time::Duration;

/// Octets of an action. All have the same number, so that one can be left out without a change of the others.
pub(crate) const OCTETS: usize = 8;

/// Sources of the cache.
pub(crate) const SOURCES: usize = 2;

/// Routers that follow no script but the actions.
pub(crate) const ROUTERS: usize = 5;

/// Routers that are the real client.
pub(crate) const CLIENTS: usize = 2;

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Time passes.
    Wait(Duration),
    /// A source has a table that differs from its last one: `changes` of its records are others, by the seed. It was
    /// made `age` seconds ago.
    Load { source: usize, changes: usize, seed: u16, age: u32 },
    /// A source has a table without most of its records.
    Lose { source: usize, seed: u16 },
    /// A source has the same table.
    Unchanged { source: usize },
    /// A source can't be read.
    Fail { source: usize },
    /// The operator accepts what is held, of one source or of all.
    Confirm { source: Option<usize> },
    /// The SLURM file is another one, by the seed.
    Slurm { seed: u16 },
    /// The configuration is read again, perhaps with another guard, and another Expire interval in seconds.
    Reload { has_guard: bool, expire: u32 },
    /// The wall clock of the cache is set.
    SetClock { seconds: i64 },
    /// A router connects.
    Connect { router: usize, max: u8, address: u8, mode: PipeMode },
    /// A router sends a PDU, of which the first octets may come alone.
    Send { router: usize, pdu: RouterPdu, version: u8, cut: usize },
    /// A router sends the rest of a PDU that was cut.
    SendRest { router: usize },
    /// A router stops reading, or reads on.
    Stall { router: usize, is_stalled: bool },
    /// A router connects if it has no connection, asks for everything, and reads nothing of it.
    SlowReader { router: usize, version: u8 },
    /// All routers do so, each of another set: the source has a new table between them.
    SlowReaders { source: usize, seed: u16 },
    /// A router ends its side.
    EndSide { router: usize },
    /// A connection is cut without an end.
    Reset { router: usize },
    /// The operator has a router's connection closed, or its address is denied.
    Dismiss { router: usize, is_denied: bool },
    /// The network between a real client and the cache changes.
    ClientNetwork { client: usize, mode: PipeMode, is_stalled: bool },
    /// The connection of a real client is cut.
    ClientReset { client: usize },
    /// A real client asks now.
    ClientRefresh { client: usize },
    /// The cache stops, and starts anew after this time; real clients are served no version above `max` then.
    Restart { end: ProgramEnd, away: Duration, max: u8 },
    /// The disk of the cache fills up, fails, or is well again.
    Disk(DiskMode),
    /// A copy of the cache's files is made.
    CopyDisk,
    /// The program becomes another one, which goes on with its connections.
    HandOver,
    /// Limits of connections change.
    Limit { connections_max: u32, per_address_max: Option<u32> },
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramEnd {
    /// In order, to start again.
    Stop,
    /// In order, for good.
    Shutdown,
    /// Without a last octet: all connections are reset, and what was written last may be lost.
    Crash,
    /// As by a crash, and then an older copy of its files is put back.
    PutBack,
}

/// A PDU of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouterPdu {
    Reset,
    /// With the session and serial that the router holds of any connection, or else of nothing.
    Serial,
    /// With a serial that is older by this number.
    OlderSerial(u8),
    /// With another session.
    OtherSession,
    /// Of a type that no version has.
    UnknownType,
    /// Of a type that only a cache sends.
    WrongDirection,
    /// A query with a length that it can't have.
    WrongLength,
    /// An Error Report.
    ErrorReport,
}

impl Action {
    /// Reads an action.
    pub(crate) fn read(octets: &[u8]) -> Action {
        let mut choices = Choices::new(octets);
        let kind = choices.octet();
        let router = |choices: &mut Choices<'_>| choices.below(ROUTERS);
        let source = |choices: &mut Choices<'_>| choices.below(SOURCES);
        let client = |choices: &mut Choices<'_>| choices.below(CLIENTS);
        match kind % 64 {
            12 if choices.once_in(3) => Action::HandOver,
            0..13 => {
                let scale = choices.one_of(&[1, 20, 200, 1_000, 1_000, 10_000, 10_000, 60_000]);
                let longer = if choices.once_in(24) { 60 } else { 1 };
                let times = 1 + choices.below(8) as u64;
                Action::Wait(Duration::from_millis(scale * longer * times))
            }
            16..23 => Action::Load {
                source: source(&mut choices),
                changes: choices.one_of(&[0, 1, 1, 2, 5, 20]),
                seed: choices.u16(),
                age: choices.one_of(&[0, 0, 0, 20, 600, 3_000]),
            },
            23 => Action::Lose { source: source(&mut choices), seed: choices.u16() },
            24 => Action::Unchanged { source: source(&mut choices) },
            25 => Action::Fail { source: source(&mut choices) },
            26 => {
                let source = source(&mut choices);
                Action::Confirm { source: choices.once_in(2).then_some(source) }
            }
            27 => Action::Slurm { seed: choices.u16() },
            28 => Action::Reload { has_guard: !choices.once_in(6), expire: choices.one_of(&[7_200, 7_200, 1_200]) },
            29 if choices.once_in(8) => {
                Action::SetClock { seconds: choices.one_of(&[-7_200, -30, 30, 7_200, 200_000]) }
            }
            29..36 => Action::Connect {
                router: router(&mut choices),
                max: choices.one_of(&[2, 2, 2, 1, 0]),
                address: choices.octet() % 3,
                mode: mode(&mut choices),
            },
            36..49 => {
                let router = router(&mut choices);
                let pdu = match choices.below(24) {
                    0..8 => RouterPdu::Reset,
                    8..16 => RouterPdu::Serial,
                    16 | 17 => RouterPdu::OlderSerial(choices.octet() % 6),
                    18 => RouterPdu::OtherSession,
                    19 => RouterPdu::UnknownType,
                    20 => RouterPdu::WrongDirection,
                    21 => RouterPdu::WrongLength,
                    22 => RouterPdu::ErrorReport,
                    _ => RouterPdu::Reset,
                };
                let version = choices.one_of(&[2, 2, 1, 1, 0, 3]);
                let cut = if choices.once_in(3) { 1 + choices.below(11) } else { 0 };
                Action::Send { router, pdu, version, cut }
            }
            49..52 => Action::SendRest { router: router(&mut choices) },
            13 | 14 | 52..55 => Action::Stall { router: router(&mut choices), is_stalled: choices.once_in(2) },
            55 => Action::EndSide { router: router(&mut choices) },
            56 => Action::Reset { router: router(&mut choices) },
            15 | 57 => Action::Dismiss { router: router(&mut choices), is_denied: choices.once_in(3) },
            58 | 59 => Action::ClientNetwork {
                client: client(&mut choices),
                mode: mode(&mut choices),
                is_stalled: choices.once_in(4),
            },
            60 => Action::ClientReset { client: client(&mut choices) },
            61 => Action::ClientRefresh { client: client(&mut choices) },
            62 if choices.once_in(2) => Action::Restart {
                end: choices.one_of(&[
                    ProgramEnd::Stop,
                    ProgramEnd::Crash,
                    ProgramEnd::Crash,
                    ProgramEnd::PutBack,
                    ProgramEnd::Shutdown,
                ]),
                away: Duration::from_millis(choices.one_of(&[0, 500, 10_000, 700_000])),
                max: choices.one_of(&[2, 2, 1, 0]),
            },
            63 if choices.once_in(8) => Action::SlowReaders { source: source(&mut choices), seed: choices.u16() },
            63 => Action::SlowReader { router: router(&mut choices), version: choices.one_of(&[2, 1, 0]) },
            62 if choices.once_in(3) => Action::CopyDisk,
            62 if choices.once_in(2) => {
                Action::Disk(choices.one_of(&[DiskMode::Sound, DiskMode::Full, DiskMode::Failing, DiskMode::Sound]))
            }
            62 => Action::Limit {
                connections_max: choices.one_of(&[3, 5, 10, 10]),
                per_address_max: choices.once_in(3).then_some(2),
            },
            _ => unreachable!("a number below 64"),
        }
    }
}

fn mode(choices: &mut Choices<'_>) -> PipeMode {
    PipeMode {
        piece_max: choices.one_of(&[65_536, 1, 3, 100, 4_096]),
        delay_max: Duration::from_millis(choices.one_of(&[0, 0, 20, 500])),
        capacity: choices.one_of(&[1 << 20, 64, 700, 3_000]),
    }
}
