//! Data sets as files: JSON in rpki-client's format, CSV, and the text form of PDUs.
//!
//! Only the payload of PDUs is known, so trust anchors and expiry are absent. Prefixes ascend, as in validators' files,
//! and a record is a line, so that files can be compared line by line. The formats are written record by record into
//! one buffer: a million of them take a tenth of a second. `json.rs`, `csv.rs` and `text.rs` have a format each,
//! `number.rs` the values in them.

mod csv;
mod json;
mod number;
mod text;

pub use csv::write_csv;
pub use json::{JsonLayout, write_json, write_json_changes};
pub use text::{write_text, write_text_changes};

/// A time in seconds since 1970 as `2026-09-16T00:00:00Z`.
pub fn utc(seconds: u32) -> String {
    let mut text = Vec::new();
    number::timestamp(seconds, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Seconds since 1970 of a time as [`utc`] writes it.
pub fn from_utc(text: &str) -> Option<u32> {
    u32::try_from(crate::scalar::timestamp(text.as_bytes())?).ok()
}

use rtrcast_proto::{Action, Asn, Delta, Image, Profile, Record, RouteOrigin, RouterKey, Section, Serial, SessionId};
use rtrcast_proto::{Aspa, Timing, Version};
use std::io;

/// Octets that are collected before they are written.
const WRITE_OCTETS: usize = 128 * 1024;

/// Origin of a data set.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// The cache's URL.
    pub source: &'a str,
    /// The version of the session. Payload types that it does not have are absent from the file, rather than empty.
    pub version: Version,
    /// The cache's session.
    pub session: SessionId,
    /// The serial of the set.
    pub serial: Serial,
    /// The cache's timers, if it sent any.
    pub timing: Option<Timing>,
    /// When it was received, in seconds since 1970: its age is counted from here.
    pub received: u32,
}

/// Change of a set.
#[derive(Clone, Copy, Debug)]
pub enum SetChange<'a> {
    /// There was none, and then this one.
    Whole(&'a Image),
    /// Changes since the one before.
    Delta(&'a Delta),
}

impl<'a> SetChange<'a> {
    /// Returns how many records are announced; an ASPA with new providers is one.
    pub fn announced(self) -> usize {
        self.side(Action::Announce).len()
    }

    /// Returns how many records are withdrawn.
    pub fn withdrawn(self) -> usize {
        self.side(Action::Withdraw).len()
    }

    fn side(self, action: Action) -> ChangedRecords<'a> {
        match (self, action) {
            (SetChange::Whole(image), Action::Announce) => ChangedRecords::Image(image),
            (SetChange::Whole(_), Action::Withdraw) => ChangedRecords::Nothing,
            (SetChange::Delta(delta), Action::Announce) => ChangedRecords::Added(delta),
            (SetChange::Delta(delta), Action::Withdraw) => ChangedRecords::Removed(delta),
        }
    }
}

/// Records that are announced or withdrawn.
#[derive(Clone, Copy)]
enum ChangedRecords<'a> {
    Image(&'a Image),
    Added(&'a Delta),
    Removed(&'a Delta),
    Nothing,
}

/// A record to be written.
#[derive(Clone, Copy)]
enum RecordItem<'a> {
    Origin(RouteOrigin),
    RouterKey(RouterKey<'a>),
    Aspa(Aspa<'a>),
    /// A customer without an ASPA any more: its former providers are unknown.
    NoAspa(Asn),
}

impl<'a> ChangedRecords<'a> {
    fn count(self, section: Section) -> usize {
        match self {
            ChangedRecords::Image(image) => image.layout().count(section),
            ChangedRecords::Added(delta) => delta.announced(section),
            ChangedRecords::Removed(delta) => delta.withdrawn(section),
            ChangedRecords::Nothing => 0,
        }
    }

    fn len(self) -> usize {
        Section::ALL.into_iter().map(|section| self.count(section)).sum()
    }

    fn vrps(self) -> usize {
        self.count(Section::Ipv4Prefix) + self.count(Section::Ipv6Prefix)
    }

    /// Visits the records of a section, prefixes from the lowest to the highest.
    fn visit(self, section: Section, mut visit: impl FnMut(RecordItem<'a>) -> io::Result<()>) -> io::Result<()> {
        let records = match self {
            ChangedRecords::Image(image) => image.records(section),
            ChangedRecords::Added(delta) => delta.added(section),
            ChangedRecords::Removed(delta) if section == Section::Aspa => {
                return delta.withdrawn_customers().try_for_each(|customer| visit(RecordItem::NoAspa(customer)));
            }
            ChangedRecords::Removed(delta) => delta.removed(section),
            ChangedRecords::Nothing => return Ok(()),
        };
        let mut visit = |octets| match Record::read(section, octets) {
            Some(Record::Origin(origin)) => visit(RecordItem::Origin(origin)),
            Some(Record::RouterKey(key)) => visit(RecordItem::RouterKey(key)),
            Some(Record::Aspa(aspa)) => visit(RecordItem::Aspa(aspa)),
            None => unreachable!("an image has records only"),
        };
        match section {
            // In an image they descend.
            Section::Ipv4Prefix | Section::Ipv6Prefix => records.rev().try_for_each(visit),
            Section::RouterKey | Section::Aspa => records.into_iter().try_for_each(&mut visit),
        }
    }
}

/// The sections that a version has.
fn sections(version: Version) -> Vec<Section> {
    Profile::full(version).sections().collect()
}

/// Buffer of the output.
struct Out<'a, W> {
    to: &'a mut W,
    buffer: Vec<u8>,
}

impl<'a, W: io::Write> Out<'a, W> {
    fn new(to: &'a mut W) -> Out<'a, W> {
        Out { to, buffer: Vec::with_capacity(WRITE_OCTETS + 64 * 1024) }
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Adds formatted text.
    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        use io::Write;
        self.buffer.write_fmt(text).expect("writing to a Vec does not fail");
    }

    /// Ends a record: writes the buffer if it is full.
    fn next(&mut self) -> io::Result<()> {
        if self.buffer.len() >= WRITE_OCTETS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.write()?;
        self.to.flush()
    }
}
