//! JSON's grammar (RFC 8259) over a window of octets.
//!
//! A [`JsonCursor`] reads values that are whole in the window and returns `Incomplete` where it ends. [`Skip`] skips
//! values of any size and can stop and resume anywhere.

use std::borrow::Cow;

/// The deepest nesting that is skipped: no validator comes near it.
const DEPTH_MAX: u32 = 64;

/// Reason why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// The window ends here.
    Incomplete,
    /// This is not JSON.
    Syntax(&'static str),
    /// A member that may be there once is there again.
    Twice(&'static str),
    /// A member that should be a list is something else.
    NotAList(&'static str),
}

/// A string as it is in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Returns whether the string is this one.
    pub(crate) fn is(&self, other: &str) -> bool {
        if self.escaped { &*self.octets() == other.as_bytes() } else { self.raw == other.as_bytes() }
    }

    /// Returns whether there are escapes in it.
    pub(crate) fn is_escaped(&self) -> bool {
        self.escaped
    }

    /// The string with escapes undone. An invalid escape equals no known name.
    pub(crate) fn octets(&self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// Returns whether each backslash begins an escape that JSON has. Readers that skip unknown members need not check.
    pub(crate) fn is_well_escaped(&self) -> bool {
        let mut rest = self.raw;
        while let Some(backslash) = rest.iter().position(|octet| *octet == b'\\') {
            rest = match rest.get(backslash + 1..).unwrap_or_default() {
                [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after @ ..] => after,
                [b'u', a, b, c, d, after @ ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => after,
                _ => return false,
            };
        }
        true
    }

    /// The string for a message.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(self.raw).chars().take(60).collect()
    }
}

fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet != b'\\' {
            out.push(*octet);
            continue;
        }
        let Some((escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let unit = rest.get(..4).and_then(|hex| std::str::from_utf8(hex).ok());
                let unit = unit.and_then(|hex| u32::from_str_radix(hex, 16).ok());
                // Half a surrogate pair is in no value that matters here.
                let character = unit.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(4..).unwrap_or_default();
            }
            other => out.push(*other),
        }
    }
    out
}

/// A value that is whole in the window.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    Number(&'a [u8]),
    True,
    False,
    Null,
    Array,
    Object,
}

impl Value<'_> {
    /// Returns whether it is a string with escapes in it.
    pub(crate) fn is_escaped(&self) -> bool {
        matches!(self, Value::Text(text) if text.is_escaped())
    }

    /// The value for a message.
    pub(crate) fn shown(&self) -> String {
        match self {
            Value::Text(text) => format!("\"{}\"", text.shown()),
            Value::Number(digits) => String::from_utf8_lossy(digits).chars().take(60).collect(),
            Value::True => "true".to_owned(),
            Value::False => "false".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Array => "a list".to_owned(),
            Value::Object => "an object".to_owned(),
        }
    }
}

/// A position in the window.
#[derive(Clone)]
pub(crate) struct JsonCursor<'a> {
    window: &'a [u8],
    at: usize,
}

impl<'a> JsonCursor<'a> {
    pub(crate) fn new(window: &'a [u8], at: usize) -> JsonCursor<'a> {
        JsonCursor { window, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns the octets from a position to the cursor.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.window.get(start..self.at).unwrap_or_default()
    }

    /// Returns the octets behind the cursor.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.window.get(self.at..).unwrap_or_default()
    }

    /// Advances by so many octets, which are there.
    pub(crate) fn pass(&mut self, octets: usize) {
        self.at += octets;
    }

    pub(crate) fn go_to_end(&mut self) {
        self.at = self.window.len();
    }

    /// The next octet that is no white space, which stays.
    pub(crate) fn peek(&mut self) -> Result<u8, ScanError> {
        loop {
            match self.window.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(octet) => return Ok(*octet),
                None => return Err(ScanError::Incomplete),
            }
        }
    }

    /// The next octet that is no white space.
    pub(crate) fn mark(&mut self) -> Result<u8, ScanError> {
        let octet = self.peek()?;
        self.at += 1;
        Ok(octet)
    }

    /// Skips a byte order mark, which some editors write.
    pub(crate) fn skip_mark(&mut self) -> Result<(), ScanError> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let rest = self.rest();
        if rest.starts_with(MARK) {
            self.at += MARK.len();
        } else if !rest.is_empty() && MARK.starts_with(rest) {
            return Err(ScanError::Incomplete);
        }
        Ok(())
    }

    /// Makes a syntax error at the character that was just taken.
    pub(crate) fn refuse_last(&mut self, what: &'static str) -> ScanError {
        self.at -= 1;
        ScanError::Syntax(what)
    }

    /// A member's name and the colon behind it.
    pub(crate) fn name(&mut self) -> Result<Text<'a>, ScanError> {
        if self.peek()? != b'"' {
            return Err(ScanError::Syntax("expected a member's name in quotes"));
        }
        let name = self.string()?;
        match self.mark()? {
            b':' => Ok(name),
            _ => Err(self.refuse_last("expected : after a member's name")),
        }
    }

    /// A string, from its opening quote on.
    fn string(&mut self) -> Result<Text<'a>, ScanError> {
        let start = self.at + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            end += plain_octets(self.window.get(end..).unwrap_or_default());
            match self.window.get(end) {
                None => return Err(ScanError::Incomplete),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(_) => {
                    self.at = end;
                    return Err(ScanError::Syntax("control character in a string"));
                }
            }
        }
        self.at = end + 1;
        Ok(Text { raw: self.window.get(start..end).unwrap_or_default(), escaped })
    }

    /// Reads any value. Lists and objects are skipped.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, ScanError> {
        match self.peek()? {
            b'"' => self.string().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Value::True),
            b'f' => self.word(b"false", Value::False),
            b'n' => self.word(b"null", Value::Null),
            b'[' => self.skip_whole().map(|()| Value::Array),
            b'{' => self.skip_whole().map(|()| Value::Object),
            _ => Err(ScanError::Syntax("expected a value")),
        }
    }

    fn word(&mut self, word: &'static [u8], value: Value<'a>) -> Result<Value<'a>, ScanError> {
        let rest = self.rest();
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else if word.starts_with(rest) {
            Err(ScanError::Incomplete)
        } else {
            Err(ScanError::Syntax("expected a value"))
        }
    }

    fn number(&mut self) -> Result<Value<'a>, ScanError> {
        let rest = self.rest();
        let octets = rest
            .iter()
            .position(|octet| !matches!(octet, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .ok_or(ScanError::Incomplete)?;
        let number = rest.get(..octets).unwrap_or_default();
        if !is_number(number) {
            return Err(ScanError::Syntax("malformed number"));
        }
        self.at += octets;
        Ok(Value::Number(number))
    }

    fn skip_whole(&mut self) -> Result<(), ScanError> {
        let mut skip = Skip::default();
        let start = self.at;
        if self.skip(&mut skip)? {
            Ok(())
        } else {
            self.at = start;
            Err(ScanError::Incomplete)
        }
    }

    /// Skips a list or an object, or as much of it as the window has; true at its end.
    pub(crate) fn skip(&mut self, skip: &mut Skip) -> Result<bool, ScanError> {
        while let Some(octet) = self.window.get(self.at) {
            let ended = skip.take(*octet)?;
            self.at += 1;
            if ended {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads an object member by member; `each` has to take the value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&Text<'a>, &mut JsonCursor<'a>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        if self.mark()? != b'{' {
            return Err(self.refuse_last("expected {"));
        }
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.name()?;
            each(&name, self)?;
            match self.mark()? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(self.refuse_last("expected , or } after a member")),
            }
        }
    }

    /// Reads a list value by value.
    pub(crate) fn list(&mut self, mut each: impl FnMut(Value<'a>)) -> Result<(), ScanError> {
        self.list_of(|cursor| {
            each(cursor.value()?);
            Ok(())
        })
    }

    /// Reads a list; `each` has to take one value.
    pub(crate) fn list_of(
        &mut self,
        mut each: impl FnMut(&mut JsonCursor<'a>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        if self.mark()? != b'[' {
            return Err(self.refuse_last("expected ["));
        }
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            match self.mark()? {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(self.refuse_last("expected , or ] in a list")),
            }
        }
    }
}

/// Returns how many octets there are before a quote, a backslash or a control character.
pub(crate) fn plain_octets(octets: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, _) = octets.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Eight octets at once: the high bit of each one that is zero after the subtraction of what is looked for.
        let quote = word ^ (LOW * u64::from(b'"'));
        let backslash = word ^ (LOW * u64::from(b'\\'));
        let found = (quote.wrapping_sub(LOW) & !quote)
            | (backslash.wrapping_sub(LOW) & !backslash)
            | (word.wrapping_sub(LOW * 0x20) & !word);
        let found = found & HIGH;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let done = words.len() * 8;
    let rest = octets.get(done..).unwrap_or_default();
    done + rest.iter().position(|octet| matches!(octet, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = exponent.get(count..).unwrap_or_default();
    }
    rest.is_empty()
}

/// Skipping of a list or an object. It checks that brackets match and that there is no character that JSON never has;
/// skipped values are not checked further.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skip {
    /// One bit for each open bracket, the innermost lowest: set for an object.
    open: u64,
    depth: u32,
    in_string: bool,
    escape: bool,
}

impl Skip {
    /// Takes one octet; true if it closes the value.
    fn take(&mut self, octet: u8) -> Result<bool, ScanError> {
        if self.in_string {
            match octet {
                _ if self.escape => self.escape = false,
                b'\\' => self.escape = true,
                b'"' => self.in_string = false,
                0..0x20 => return Err(ScanError::Syntax("control character in a string")),
                _ => {}
            }
            return Ok(false);
        }
        match octet {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                if self.depth == DEPTH_MAX {
                    return Err(ScanError::Syntax("nested too deeply"));
                }
                self.depth += 1;
                self.open = self.open << 1 | u64::from(octet == b'{');
            }
            b'}' | b']' => {
                if self.open & 1 != u64::from(octet == b'}') {
                    return Err(ScanError::Syntax("brackets do not match"));
                }
                self.depth -= 1;
                self.open >>= 1;
                return Ok(self.depth == 0);
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'E' | b'a'..=b'z' => {}
            _ => return Err(ScanError::Syntax("unexpected character")),
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_those_of_json() {
        for good in ["0", "-0", "10", "1.5", "1e3", "1E+3", "-1.25e-7"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "--1", "1-2", "+1"] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(br#"a\"\\\/\u0041\n\u00e9"#), "a\"\\/A\n\u{e9}".as_bytes());
        assert!(Text { raw: br"\u0072oas", escaped: true }.is("roas"));
    }

    #[test]
    fn escapes_are_those_of_json() {
        let good = |raw: &[u8]| Text { raw, escaped: true }.is_well_escaped();
        assert!(good(br#"a\\\"\/\b\f\n\r\t\u00e9\ud83d\ude00z"#));
        assert!([&br"\p"[..], br"\u12", br"\u12g4", br"\\\", br"\U0041"].into_iter().all(|raw| !good(raw)));
    }

    proptest! {
        #[test]
        fn eight_octets_at_once_find_what_one_at_a_time_finds(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let slow = octets.iter().position(|octet| matches!(octet, b'"' | b'\\' | 0..0x20)).unwrap_or(octets.len());
            prop_assert_eq!(plain_octets(&octets), slow);
        }
    }
}
