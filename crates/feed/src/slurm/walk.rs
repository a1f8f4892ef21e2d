//! A walk through a SLURM file that keeps its position: objects whose members are all known, lists, and single values.
//!
//! Errors are recorded as they are found (`error_list.rs`). A member or an entry with one is skipped, and the walk
//! continues behind it; where the file breaks JSON's grammar the walk ends. The lines of entries are counted once.

use super::error::{SlurmError, SlurmErrors, SlurmReason};
use super::error_list::ErrorList;
use super::{SlurmDialect, spelling};
use crate::json::scan::{JsonCursor, ScanError, Text, Value};
use crate::scalar;
use crate::start::{Compression, OtherKind, Start};
use rtrcast_proto::Asn;

/// A member that an object may have, and its name in a dialect; it may have several.
pub(super) struct Name<M> {
    pub(super) member: M,
    pub(super) name: &'static str,
    pub(super) dialect: SlurmDialect,
}

impl<M> Name<M> {
    /// A name in the specifications.
    pub(super) const fn strict(member: M, name: &'static str) -> Name<M> {
        Name { member, name, dialect: SlurmDialect::Strict }
    }

    /// A name that other programs use.
    pub(super) const fn lenient(member: M, name: &'static str) -> Name<M> {
        Name { member, name, dialect: SlurmDialect::Lenient }
    }
}

/// A value, and its offset in the file.
#[derive(Clone, Copy)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// The members that an object has.
pub(super) struct ObjectMembers<M> {
    /// Its offset.
    pub(super) at: usize,
    seen: Vec<M>,
    /// Those that unknown names are closest to.
    likely: Vec<M>,
}

impl<M: PartialEq> ObjectMembers<M> {
    /// Returns whether a member is there, valid or not, or a misspelt name for it: then it is not reported as missing.
    pub(super) fn has(&self, member: &M) -> bool {
        self.seen.contains(member) || self.likely.contains(member)
    }
}

/// A value could not be read; its error has been recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The value is invalid; the rest can be read.
    Value,
    /// The file breaks JSON's grammar, so that the rest can't be read.
    Document,
}

enum PathStep {
    Member(&'static str),
    Entry(usize),
}

/// A position in a file, and the path to it from the document.
pub(super) struct Walk<'a> {
    octets: &'a [u8],
    cursor: JsonCursor<'a>,
    path: Vec<PathStep>,
    dialect: SlurmDialect,
    /// Offset up to which lines were counted, and the line there.
    counted: (usize, u64),
    errors: ErrorList,
}

impl<'a> Walk<'a> {
    /// A walk through a file.
    pub(super) fn new(octets: &'a [u8], dialect: SlurmDialect) -> Walk<'a> {
        let (path, errors) = (Vec::new(), ErrorList::default());
        Walk { octets, cursor: JsonCursor::new(octets, 0), path, dialect, counted: (0, 1), errors }
    }

    /// Goes to the document.
    pub(super) fn begin(&mut self) -> Result<(), Unreadable> {
        if let Some(kind) = other_kind(self.octets) {
            return Err(self.report_fatal(0, SlurmReason::OtherKind(kind)));
        }
        if let Err(error) = std::str::from_utf8(self.octets) {
            return Err(self.report_fatal(error.valid_up_to(), SlurmReason::NotUtf8));
        }
        if self.octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.octets).trim_ascii().is_empty() {
            return Err(self.report_fatal(0, SlurmReason::Empty));
        }
        let mark = self.cursor.skip_mark();
        self.ok(mark)
    }

    pub(super) fn dialect(&self) -> SlurmDialect {
        self.dialect
    }

    /// Refuses anything but white space behind the document.
    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        match self.cursor.peek() {
            Err(ScanError::Incomplete) => Ok(()),
            _ => Err(self.report_fatal(self.cursor.at(), SlurmReason::NotJson("something follows the end"))),
        }
    }

    /// Returns the errors; none if there are none.
    pub(super) fn errors(self) -> Option<SlurmErrors> {
        self.errors.into_errors()
    }

    /// Returns the number of errors so far.
    pub(super) fn error_count(&self) -> usize {
        self.errors.count()
    }

    /// Records an error at an octet of the file, in the current value.
    pub(super) fn report(&mut self, at: usize, reason: SlurmReason) -> Unreadable {
        self.note(at, reason);
        Unreadable::Value
    }

    /// Records an error in a member of the current value, or in a member of that one.
    pub(super) fn report_in(&mut self, members: &[&'static str], at: usize, reason: SlurmReason) -> Unreadable {
        let depth = self.path.len();
        self.path.extend(members.iter().map(|name| PathStep::Member(name)));
        self.note(at, reason);
        self.path.truncate(depth);
        Unreadable::Value
    }

    /// Records an error after which the file can't be read.
    fn report_fatal(&mut self, at: usize, reason: SlurmReason) -> Unreadable {
        self.note(at, reason);
        Unreadable::Document
    }

    fn note(&mut self, at: usize, reason: SlurmReason) {
        let Walk { octets, path, errors, .. } = self;
        errors.note(at, reason, |reason| {
            let before = octets.get(..at).unwrap_or(octets);
            let line_start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
            let column = (before.len() - line_start) as u64 + 1;
            SlurmError { line: 1 + line_ends(before), column, path: dotted(path), reason }
        });
    }

    /// The line of an octet of the file.
    pub(super) fn line_of(&self, at: usize) -> u64 {
        1 + line_ends(self.octets.get(..at).unwrap_or(self.octets))
    }

    /// Records an error of the scanner with its position.
    fn ok<T>(&mut self, scanned: Result<T, ScanError>) -> Result<T, Unreadable> {
        scanned.map_err(|stop| match stop {
            ScanError::Incomplete => self.report_fatal(self.octets.len(), SlurmReason::Truncated),
            ScanError::Syntax(what) => self.report_fatal(self.cursor.at(), SlurmReason::NotJson(what)),
            // Only readers of documents return these, and the scanner never does.
            ScanError::Twice(name) | ScanError::NotAList(name) => {
                self.report_fatal(self.cursor.at(), SlurmReason::NotJson(name))
            }
        })
    }

    fn peek(&mut self) -> Result<u8, Unreadable> {
        let peeked = self.cursor.peek();
        self.ok(peeked)
    }

    /// Takes the character behind a member or an entry: true for a comma, false for the end.
    fn continues(&mut self, end: u8, what: &'static str) -> Result<bool, Unreadable> {
        let mark = self.peek()?;
        if mark != b',' && mark != end {
            return Err(self.report_fatal(self.cursor.at(), SlurmReason::NotJson(what)));
        }
        let taken = self.cursor.mark();
        self.ok(taken).map(|mark| mark == b',')
    }

    /// Reads an object whose members are all among the names, each at most once; `each` has to take the value. Invalid
    /// members are recorded and skipped.
    pub(super) fn object<M: Copy + PartialEq>(
        &mut self,
        names: &[Name<M>],
        mut each: impl FnMut(&mut Walk<'a>, M) -> Result<(), Unreadable>,
    ) -> Result<ObjectMembers<M>, Unreadable> {
        let mut members = ObjectMembers {
            at: self.open(b'{', "an object")?,
            seen: Vec::with_capacity(names.len()),
            likely: Vec::new(),
        };
        if self.peek()? == b'}' {
            return self.continues(b'}', "expected }").map(|_| members);
        }
        loop {
            let known = self.member(names, &mut members)?;
            let start = self.at()?;
            match known {
                Some(name) => self.step(PathStep::Member(name.name), start, |walk| each(walk, name.member))?,
                None => self.skip(start)?,
            }
            if !self.continues(b'}', "expected , or } after a member")? {
                return Ok(members);
            }
        }
    }

    /// Reads one value of an object or list. If it is invalid, it is skipped.
    fn step(
        &mut self,
        step: PathStep,
        start: usize,
        read: impl FnOnce(&mut Walk<'a>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let depth = self.path.len();
        self.path.push(step);
        let outcome = read(self);
        self.path.truncate(depth);
        match outcome {
            Err(Unreadable::Value) => self.skip(start),
            outcome => outcome,
        }
    }

    /// Skips the value at an offset.
    fn skip(&mut self, start: usize) -> Result<(), Unreadable> {
        self.cursor = JsonCursor::new(self.octets, start);
        let passed = self.cursor.value();
        self.ok(passed).map(|_| ())
    }

    /// Reads the name of a member; none if its value is to be skipped.
    fn member<'n, M: Copy + PartialEq>(
        &mut self,
        names: &'n [Name<M>],
        members: &mut ObjectMembers<M>,
    ) -> Result<Option<&'n Name<M>>, Unreadable> {
        let at = self.at()?;
        let text = self.cursor.name();
        let text = self.ok(text)?;
        if !text.is_well_escaped() {
            return Err(self.report_fatal(at, SlurmReason::NotJson("malformed escape in a string")));
        }
        let dialect = self.dialect;
        let allowed = || names.iter().filter(|name| name.dialect == SlurmDialect::Strict || name.dialect == dialect);
        if let Some(name) = allowed().find(|name| text.is(name.name)) {
            if members.seen.contains(&name.member) {
                self.report(at, SlurmReason::MemberTwice(name.name));
                return Ok(None);
            }
            members.seen.push(name.member);
            return Ok(Some(name));
        }
        // Names of members that are there already are no suggestions.
        let unseen = || allowed().filter(|name| !members.seen.contains(&name.member));
        let closest = spelling::closest_name(&text.octets(), unseen().map(|name| name.name));
        let member = unseen().find(|name| Some(name.name) == closest).map(|name| name.member);
        members.likely.extend(member.filter(|member| !members.likely.contains(member)));
        self.report(at, SlurmReason::UnknownMember { name: text.shown(), closest });
        Ok(None)
    }

    /// Reads a list; `each` has to take one value, and gets its index and its line. Invalid entries are recorded and
    /// skipped.
    pub(super) fn list(
        &mut self,
        mut each: impl FnMut(&mut Walk<'a>, usize, u64) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.open(b'[', "a list")?;
        if self.peek()? == b']' {
            return self.continues(b']', "expected ]").map(|_| ());
        }
        let mut index = 0;
        loop {
            let start = self.at()?;
            let line = self.line();
            self.step(PathStep::Entry(index), start, |walk| each(walk, index, line))?;
            index += 1;
            if !self.continues(b']', "expected , or ] in a list")? {
                return Ok(());
            }
        }
    }

    /// Takes `null`, if that is the next value.
    pub(super) fn null(&mut self) -> Result<bool, Unreadable> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.value().map(|_| true)
    }

    /// Returns where the next value begins.
    pub(super) fn at(&mut self) -> Result<usize, Unreadable> {
        self.peek()?;
        Ok(self.cursor.at())
    }

    /// Takes an opening bracket, and returns its offset.
    fn open(&mut self, bracket: u8, wanted: &'static str) -> Result<usize, Unreadable> {
        if self.peek()? != bracket {
            let other = self.value()?;
            return Err(self.report_kind(&other, wanted));
        }
        let at = self.cursor.at();
        let taken = self.cursor.mark();
        self.ok(taken).map(|_| at)
    }

    /// Returns the current line.
    fn line(&mut self) -> u64 {
        let (counted, line) = self.counted;
        let since = self.octets.get(counted..self.cursor.at()).unwrap_or_default();
        self.counted = (self.cursor.at(), line + line_ends(since));
        self.counted.1
    }

    fn value(&mut self) -> Result<Found<Value<'a>>, Unreadable> {
        let at = self.at()?;
        let value = self.cursor.value();
        Ok(Found { value: self.ok(value)?, at })
    }

    fn report_kind(&mut self, found: &Found<Value<'a>>, wanted: &'static str) -> Unreadable {
        self.report(found.at, SlurmReason::WrongKind { wanted, found: found.value.shown(), suggestion: None })
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Result<Found<Text<'a>>, Unreadable> {
        let found = self.value()?;
        match found.value {
            Value::Text(text) if text.is_well_escaped() => Ok(Found { value: text, at: found.at }),
            Value::Text(_) => Err(self.report_fatal(found.at, SlurmReason::NotJson("malformed escape in a string"))),
            Value::Number(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => {
                Err(self.report_kind(&found, "a string"))
            }
        }
    }

    /// Reads a number that is whole and not negative, as far as it fits; `wrong` makes the error of others.
    pub(super) fn whole<T: TryFrom<u64>>(
        &mut self,
        wrong: impl FnOnce(String) -> SlurmReason,
    ) -> Result<Found<T>, Unreadable> {
        let found = self.value()?;
        match found.value {
            Value::Number(digits) => {
                let value = scalar::unsigned(digits).and_then(|value| T::try_from(value).ok());
                let value = value.ok_or_else(|| self.report(found.at, wrong(found.value.shown())))?;
                Ok(Found { value, at: found.at })
            }
            Value::Text(text) => {
                let suggestion = scalar::asn(&text.octets()).map(|number| number.0.to_string());
                let (wanted, found_text) = ("a number", found.value.shown());
                Err(self.report(found.at, SlurmReason::WrongKind { wanted, found: found_text, suggestion }))
            }
            Value::True | Value::False | Value::Null | Value::Array | Value::Object => {
                Err(self.report_kind(&found, "a number"))
            }
        }
    }

    /// Reads an AS number, which is a number and nothing else.
    pub(super) fn asn(&mut self) -> Result<Found<Asn>, Unreadable> {
        let Found { value, at } = self.whole(SlurmReason::NotAsn)?;
        Ok(Found { value: Asn(value), at })
    }
}

/// Returns the kind of a file that is recognised and is no SLURM.
fn other_kind(octets: &[u8]) -> Option<OtherKind> {
    match Compression::of(octets) {
        Start::Compressed(compression) => Some(OtherKind::Compressed(compression.name())),
        Start::TooShort | Start::Plain => OtherKind::of(octets),
    }
}

/// Writes a path for messages.
fn dotted(path: &[PathStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            PathStep::Member(name) if text.is_empty() => text.push_str(name),
            PathStep::Member(name) => text.extend([".", name]),
            PathStep::Entry(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn line_ends(octets: &[u8]) -> u64 {
    octets.iter().filter(|octet| **octet == b'\n').count() as u64
}
