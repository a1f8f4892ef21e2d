//! A walk through a SLURM file that knows where it is: objects whose members are all known, lists, and single values.
//!
//! It goes on from one value to the next and never back, so that the lines of entries are counted once.

use super::error::{SlurmError, SlurmReason};
use super::{SlurmDialect, spelling};
use crate::json::scan::{Cursor, Stop, Text, Value};
use crate::scalar;
use rtrcast_proto::Asn;

/// A member that an object may have, and its name in a dialect; it may have several.
pub(super) struct Name<M> {
    pub(super) member: M,
    pub(super) name: &'static str,
    pub(super) dialect: SlurmDialect,
}

impl<M> Name<M> {
    /// A name of the texts.
    pub(super) const fn strict(member: M, name: &'static str) -> Name<M> {
        Name { member, name, dialect: SlurmDialect::Strict }
    }

    /// A name that others use.
    pub(super) const fn lenient(member: M, name: &'static str) -> Name<M> {
        Name { member, name, dialect: SlurmDialect::Lenient }
    }
}

/// A value, and the octet of the file where it begins.
#[derive(Clone, Copy)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

enum Step {
    Member(&'static str),
    Entry(usize),
}

/// A place in a file, and the way there from the document.
pub(super) struct Walk<'a> {
    octets: &'a [u8],
    cursor: Cursor<'a>,
    path: Vec<Step>,
    dialect: SlurmDialect,
    /// Up to where lines were counted, and the line there.
    counted: (usize, u64),
}

impl<'a> Walk<'a> {
    /// A walk that stands before the document; an error if there is none.
    pub(super) fn new(octets: &'a [u8], dialect: SlurmDialect) -> Result<Walk<'a>, SlurmError> {
        let mut walk = Walk { octets, cursor: Cursor::new(octets, 0), path: Vec::new(), dialect, counted: (0, 1) };
        if let Err(error) = std::str::from_utf8(octets) {
            return Err(walk.wrong(error.valid_up_to(), SlurmReason::NotUtf8));
        }
        if octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets).trim_ascii().is_empty() {
            return Err(walk.wrong(0, SlurmReason::Empty));
        }
        let mark = walk.cursor.skip_mark();
        walk.ok(mark)?;
        Ok(walk)
    }

    pub(super) fn dialect(&self) -> SlurmDialect {
        self.dialect
    }

    /// Refuses what is not white space.
    pub(super) fn end(mut self) -> Result<(), SlurmError> {
        match self.cursor.peek() {
            Err(Stop::Incomplete) => Ok(()),
            _ => Err(self.wrong(self.cursor.at(), SlurmReason::NotJson("something follows the end"))),
        }
    }

    /// An error at an octet of the file, in the value where the walk is.
    pub(super) fn wrong(&self, at: usize, reason: SlurmReason) -> SlurmError {
        let before = self.octets.get(..at).unwrap_or(self.octets);
        let line_start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        let column = (before.len() - line_start) as u64 + 1;
        SlurmError { line: 1 + line_ends(before), column, place: self.place(), reason }
    }

    /// An error in a member of the value where the walk is.
    pub(super) fn wrong_member(&mut self, name: &'static str, at: usize, reason: SlurmReason) -> SlurmError {
        self.path.push(Step::Member(name));
        let error = self.wrong(at, reason);
        self.path.pop();
        error
    }

    fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Step::Member(name) if place.is_empty() => place.push_str(name),
                Step::Member(name) => place.extend([".", name]),
                Step::Entry(index) => place.push_str(&format!("[{index}]")),
            }
        }
        place
    }

    /// What the scanner says, with its place.
    fn ok<T>(&self, scanned: Result<T, Stop>) -> Result<T, SlurmError> {
        scanned.map_err(|stop| match stop {
            Stop::Incomplete => self.wrong(self.octets.len(), SlurmReason::Truncated),
            Stop::Syntax(what) => self.wrong(self.cursor.at(), SlurmReason::NotJson(what)),
            // Readers of documents say these, and the scanner by itself never does.
            Stop::Twice(name) | Stop::NotAList(name) => self.wrong(self.cursor.at(), SlurmReason::NotJson(name)),
        })
    }

    fn peek(&mut self) -> Result<u8, SlurmError> {
        let peeked = self.cursor.peek();
        self.ok(peeked)
    }

    /// The mark behind a member or an entry: true for a comma, false for the end.
    fn goes_on(&mut self, end: u8, what: &'static str) -> Result<bool, SlurmError> {
        let mark = self.peek()?;
        if mark != b',' && mark != end {
            return Err(self.wrong(self.cursor.at(), SlurmReason::NotJson(what)));
        }
        let taken = self.cursor.mark();
        self.ok(taken).map(|mark| mark == b',')
    }

    /// Reads an object whose members are all among the names, each at most once; `each` has to take the value. It gives
    /// where the object begins.
    pub(super) fn object<M: Copy + PartialEq>(
        &mut self,
        names: &[Name<M>],
        mut each: impl FnMut(&mut Walk<'a>, M) -> Result<(), SlurmError>,
    ) -> Result<usize, SlurmError> {
        let start = self.open(b'{', "an object")?;
        if self.peek()? == b'}' {
            return self.goes_on(b'}', "expected }").map(|_| start);
        }
        let mut seen = Vec::with_capacity(names.len());
        loop {
            let at = self.at()?;
            let text = self.cursor.name();
            let text = self.ok(text)?;
            let name = self.known(names, &seen, &text, at)?;
            if seen.contains(&name.member) {
                return Err(self.wrong(at, SlurmReason::MemberTwice(name.name)));
            }
            seen.push(name.member);
            self.path.push(Step::Member(name.name));
            each(self, name.member)?;
            self.path.pop();
            if !self.goes_on(b'}', "expected , or } after a member")? {
                return Ok(start);
            }
        }
    }

    /// The member that a name stands for. One that is there already is not what an unknown name was meant to be.
    fn known<'n, M: PartialEq>(
        &self,
        names: &'n [Name<M>],
        seen: &[M],
        text: &Text<'a>,
        at: usize,
    ) -> Result<&'n Name<M>, SlurmError> {
        if !text.is_well_escaped() {
            return Err(self.wrong(at, SlurmReason::NotJson("malformed escape in a string")));
        }
        let allowed =
            || names.iter().filter(|name| name.dialect == SlurmDialect::Strict || name.dialect == self.dialect);
        allowed().find(|name| text.is(name.name)).ok_or_else(|| {
            let unseen = allowed().filter(|name| !seen.contains(&name.member)).map(|name| name.name);
            let meant = spelling::meant(&text.octets(), unseen);
            self.wrong(at, SlurmReason::UnknownMember { name: text.shown(), meant })
        })
    }

    /// Reads a list; `each` has to take one value, and is told its place and its line.
    pub(super) fn list(
        &mut self,
        mut each: impl FnMut(&mut Walk<'a>, usize, u64) -> Result<(), SlurmError>,
    ) -> Result<(), SlurmError> {
        self.open(b'[', "a list")?;
        if self.peek()? == b']' {
            return self.goes_on(b']', "expected ]").map(|_| ());
        }
        let mut index = 0;
        loop {
            self.peek()?;
            let line = self.line();
            self.path.push(Step::Entry(index));
            each(self, index, line)?;
            self.path.pop();
            index += 1;
            if !self.goes_on(b']', "expected , or ] in a list")? {
                return Ok(());
            }
        }
    }

    /// Where the next value begins.
    pub(super) fn at(&mut self) -> Result<usize, SlurmError> {
        self.peek()?;
        Ok(self.cursor.at())
    }

    /// Takes an opening bracket, and gives its place.
    fn open(&mut self, bracket: u8, wanted: &'static str) -> Result<usize, SlurmError> {
        if self.peek()? != bracket {
            let other = self.value()?;
            return Err(self.wrong_kind(&other, wanted));
        }
        let at = self.cursor.at();
        let taken = self.cursor.mark();
        self.ok(taken).map(|_| at)
    }

    /// The line where the walk is.
    fn line(&mut self) -> u64 {
        let (counted, line) = self.counted;
        let since = self.octets.get(counted..self.cursor.at()).unwrap_or_default();
        self.counted = (self.cursor.at(), line + line_ends(since));
        self.counted.1
    }

    fn value(&mut self) -> Result<Found<Value<'a>>, SlurmError> {
        let at = self.at()?;
        let value = self.cursor.value();
        Ok(Found { value: self.ok(value)?, at })
    }

    fn wrong_kind(&self, found: &Found<Value<'a>>, wanted: &'static str) -> SlurmError {
        self.wrong(found.at, SlurmReason::WrongKind { wanted, found: found.value.shown() })
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Result<Found<Text<'a>>, SlurmError> {
        let found = self.value()?;
        match found.value {
            Value::Text(text) if text.is_well_escaped() => Ok(Found { value: text, at: found.at }),
            Value::Text(_) => Err(self.wrong(found.at, SlurmReason::NotJson("malformed escape in a string"))),
            Value::Number(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => {
                Err(self.wrong_kind(&found, "a string"))
            }
        }
    }

    /// Reads a number that is whole and not negative, as far as it fits; others are left to `wrong`.
    pub(super) fn whole<T: TryFrom<u64>>(
        &mut self,
        wrong: impl FnOnce(String) -> SlurmReason,
    ) -> Result<Found<T>, SlurmError> {
        let found = self.value()?;
        match found.value {
            Value::Number(digits) => {
                let value = scalar::unsigned(digits).and_then(|value| T::try_from(value).ok());
                let value = value.ok_or_else(|| self.wrong(found.at, wrong(found.value.shown())))?;
                Ok(Found { value, at: found.at })
            }
            Value::Text(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => {
                Err(self.wrong_kind(&found, "a number"))
            }
        }
    }

    /// Reads an AS number, which is a number and nothing else.
    pub(super) fn asn(&mut self) -> Result<Found<Asn>, SlurmError> {
        let Found { value, at } = self.whole(SlurmReason::NotAsn)?;
        Ok(Found { value: Asn(value), at })
    }
}

fn line_ends(octets: &[u8]) -> u64 {
    octets.iter().filter(|octet| **octet == b'\n').count() as u64
}
