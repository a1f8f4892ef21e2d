//! CSV as validators write it: rpki-client, Routinator (`csv`, `csvcompat`, `csvext`), FORT, OctoRPKI, rpki-prover.
//!
//! The first line names the columns, in any order. It has VRPs only, and a complete file ends with a line end.

use crate::error::{ReadError, Reason, unrecognised};
use crate::rows::{ListName, Rows};
use crate::scalar;
use crate::table::NEVER;
use rtrcast_proto::{Asn, RouteOrigin};

/// The longest line: no validator's has 1,000 octets, but for the URI in `csvext`.
const LINE_OCTETS_MAX: usize = 64 * 1024;

/// Lines before the first VRP; there are more if empty ones are before the header.
const HEADER_LINES: usize = 1;

/// The most columns that are read.
const COLUMNS_MAX: usize = 16;

/// Content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Asn,
    Prefix,
    MaxLen,
    Anchor,
    Expires,
    Other,
}

/// Indices of the columns.
#[derive(Clone, Debug)]
pub(crate) struct CsvColumns {
    /// All of them in order; none if one is of a kind that the fast reader does not support.
    plain: Option<Vec<Column>>,
    asn: usize,
    prefix: usize,
    max_len: Option<usize>,
    anchor: Option<usize>,
    /// In seconds since 1970.
    expires: Option<usize>,
    /// As a date and time.
    not_after: Option<usize>,
}

impl CsvColumns {
    fn of(header: &[&[u8]]) -> Option<CsvColumns> {
        let at = |names: &[&str]| {
            header.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name.as_bytes())))
        };
        let (asn, prefix) = (at(&["ASN"])?, at(&["IP Prefix", "Prefix"])?);
        let max_len = at(&["Max Length", "Max prefix length"]);
        let (anchor, expires, not_after) = (at(&["Trust Anchor"]), at(&["Expires"]), at(&["Not After"]));
        let plain = (0..header.len()).map(|index| match Some(index) {
            at if at == Some(asn) => Column::Asn,
            at if at == Some(prefix) => Column::Prefix,
            at if at == max_len => Column::MaxLen,
            at if at == anchor => Column::Anchor,
            at if at == expires => Column::Expires,
            _ => Column::Other,
        });
        let plain = not_after.is_none().then(|| plain.collect());
        Some(CsvColumns { plain, asn, prefix, max_len, anchor, expires, not_after })
    }
}

/// Reads one document.
pub(crate) struct CsvReader {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    columns: Option<CsvColumns>,
    /// Lines that were read.
    lines: u64,
    /// The octets of those lines.
    offset: u64,
    rows: Rows,
}

impl CsvReader {
    pub(crate) fn new() -> CsvReader {
        CsvReader { line: Vec::new(), columns: None, lines: 0, offset: 0, rows: Rows::default() }
    }

    /// The next octets. After an error the reader is of no further use.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        let mut rest = octets;
        while let Some(end) = scalar::find(rest, b'\n') {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if self.line.is_empty() {
                self.read(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.read(&whole)?;
            }
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > LINE_OCTETS_MAX {
            return Err(match self.columns {
                Some(_) => self.error(0, Reason::ValueTooLarge),
                None => unrecognised(&self.line),
            });
        }
        Ok(())
    }

    /// Returns the columns, once the first line has come.
    pub(crate) fn columns(&self) -> Option<&CsvColumns> {
        self.columns.as_ref()
    }

    /// The next octets, of which these lines were read speculatively.
    pub(crate) fn push_speculated(&mut self, piece: &[u8], speculated: SpeculatedLines) -> Result<(), ReadError> {
        let SpeculatedLines { start, end, lines, rows } = speculated;
        // It ends a line, so the next one begins with the speculated lines.
        self.push(piece.get(..start).unwrap_or_default())?;
        let before = usize::try_from(self.lines).unwrap_or(usize::MAX);
        self.rows.append(rows, before - HEADER_LINES);
        self.lines += lines;
        self.offset += (end - start) as u64;
        self.push(piece.get(end..).unwrap_or_default())
    }

    /// The document is complete.
    pub(crate) fn finish(self) -> Result<Rows, ReadError> {
        if !self.line.trim_ascii().is_empty() {
            return Err(self.error(self.line.len(), Reason::Truncated));
        }
        Ok(self.rows)
    }

    fn error(&self, at: usize, reason: Reason) -> ReadError {
        ReadError::new(1 + self.lines, self.offset + at as u64, reason)
    }

    /// Takes one line with its end.
    fn read(&mut self, line: &[u8]) -> Result<(), ReadError> {
        if !line.is_ascii()
            && let Err(error) = std::str::from_utf8(line)
        {
            return Err(self.error(error.valid_up_to(), Reason::NotUtf8));
        }
        let text = line.strip_prefix(b"\xEF\xBB\xBF").filter(|_| self.lines == 0).unwrap_or(line).trim_ascii();
        match self.columns.take() {
            columns if text.is_empty() => self.columns = columns,
            None => self.columns = Some(CsvColumns::of(&fields(text)).ok_or_else(|| unrecognised(line))?),
            Some(columns) if self.read_plain(&columns, text) => self.columns = Some(columns),
            Some(columns) => {
                let outcome = self.read_vrp(&columns, &fields(text));
                let line = usize::try_from(self.lines + 1).unwrap_or(usize::MAX);
                self.rows.finish_entry(ListName::Vrps("line"), line, outcome);
                self.columns = Some(columns);
            }
        }
        self.lines += 1;
        self.offset += line.len() as u64;
        Ok(())
    }

    /// Reads a line whose values have no quotes or white space around them; false, and no change, if it is another one
    /// or invalid.
    fn read_plain(&mut self, columns: &CsvColumns, line: &[u8]) -> bool {
        let Some(plain) = columns.plain.as_ref().and_then(|columns| PlainLine::of(columns, line)) else { return false };
        let PlainLine { asn, masked, max_len, anchor, expires } = plain;
        let max_len = max_len.unwrap_or(masked.prefix.len());
        let Ok(origin) = RouteOrigin::new(masked.prefix, max_len, asn) else { return false };
        let anchor = self.rows.anchor(anchor);
        self.rows.origin(&origin, expires, anchor);
        if masked.had_host_bits {
            self.rows.count_masked();
        }
        self.rows.count_entry();
        true
    }

    fn read_vrp(&mut self, columns: &CsvColumns, fields: &[&[u8]]) -> Result<(), String> {
        let field =
            |column: Option<usize>| column.and_then(|column| fields.get(column)).filter(|field| !field.is_empty());
        let wrong = |name: &str, field: &[u8]| format!("{name} is invalid: \"{}\"", String::from_utf8_lossy(field));
        let required = |name: &str, column: usize| field(Some(column)).ok_or_else(|| format!("no {name}"));
        let asn = required("ASN", columns.asn)?;
        let asn = scalar::asn(asn).ok_or_else(|| wrong("ASN", asn))?;
        let prefix = required("prefix", columns.prefix)?;
        let masked = scalar::prefix(prefix).ok_or_else(|| wrong("prefix", prefix))?;
        let max_len = match field(columns.max_len) {
            Some(text) => {
                let len = scalar::unsigned(text).and_then(|len| u8::try_from(len).ok());
                len.ok_or_else(|| wrong("maximum length", text))?
            }
            None => masked.prefix.len(),
        };
        let expires = match (field(columns.expires), field(columns.not_after)) {
            (Some(text), _) => scalar::unsigned(text).ok_or_else(|| wrong("expiry", text))?,
            (None, Some(text)) => scalar::timestamp(text).ok_or_else(|| wrong("expiry", text))?,
            (None, None) => u64::MAX,
        };
        let origin = RouteOrigin::new(masked.prefix, max_len, asn).map_err(|error| error.to_string())?;
        let anchor = std::str::from_utf8(field(columns.anchor).copied().unwrap_or_default());
        let anchor = self.rows.anchor(anchor.expect("the line is UTF-8, and was cut at commas"));
        self.rows.origin(&origin, u32::try_from(expires).unwrap_or(NEVER), anchor);
        if masked.had_host_bits {
            self.rows.count_masked();
        }
        Ok(())
    }
}

/// Values of a line.
struct PlainLine<'a> {
    asn: Asn,
    masked: scalar::MaskedPrefix,
    max_len: Option<u8>,
    anchor: &'a str,
    expires: u32,
}

impl<'a> PlainLine<'a> {
    fn of(columns: &[Column], line: &'a [u8]) -> Option<PlainLine<'a>> {
        let (mut asn, mut masked, mut max_len, mut anchor, mut expires) = (None, None, None, "", NEVER);
        let mut rest = line;
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(b",")?;
            }
            let value;
            (value, rest) = rest.split_at_checked(scalar::find(rest, b',').unwrap_or(rest.len()))?;
            match column {
                Column::Asn => asn = Some(scalar::asn(value)?),
                Column::Prefix => masked = Some(scalar::prefix(value)?),
                Column::MaxLen => max_len = Some(u8::try_from(scalar::unsigned(value)?).ok()?),
                Column::Expires => expires = u32::try_from(scalar::unsigned(value)?).unwrap_or(NEVER),
                Column::Anchor if value.iter().all(|octet| octet.is_ascii_alphanumeric()) => {
                    anchor = std::str::from_utf8(value).ok()?;
                }
                Column::Anchor => return None,
                Column::Other => {}
            }
        }
        // Further fields are ignored, like unknown ones.
        Some(PlainLine { asn: asn?, masked: masked?, max_len, anchor, expires })
    }
}

/// Returns the fields of a line, up to the limit.
fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(|octet| *octet == b',').take(COLUMNS_MAX).map(unquoted).collect()
}

/// Whole lines in the middle of a piece, read before the octets in front of them.
pub(crate) struct SpeculatedLines {
    /// Start of the first one in the piece.
    start: usize,
    /// End of the last one.
    end: usize,
    lines: u64,
    rows: Rows,
}

impl SpeculatedLines {
    /// Reads the lines of a piece; none if there are none, or if one is invalid, so that the reader reports its error.
    pub(crate) fn read(piece: &[u8], columns: &CsvColumns) -> Option<SpeculatedLines> {
        let start = piece.iter().position(|octet| *octet == b'\n')? + 1;
        let end = piece.iter().rposition(|octet| *octet == b'\n')? + 1;
        let columns = Some(columns.clone());
        // As if right behind the header: only the header may have a byte order mark.
        let mut reader = CsvReader { columns, lines: HEADER_LINES as u64, ..CsvReader::new() };
        reader.push(piece.get(start..end)?).ok().filter(|()| !reader.rows.has_other_anchors())?;
        Some(SpeculatedLines { start, end, lines: reader.lines - HEADER_LINES as u64, rows: reader.rows })
    }
}

/// A field without white space and quotes around it. No validator writes a comma inside quotes.
fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field)
}
