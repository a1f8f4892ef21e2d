//! Kinds of files by the octets that they begin with: for a file that is no validator's output its kind is a better
//! message than a syntax error.
//!
//! Octets that no text has are recognised as soon as they are there. Of text the beginning is read as a whole, in
//! whatever pieces it came.

use std::fmt;

/// Octets of a file that are read to recognise it.
pub(crate) const START_OCTETS_MAX: usize = 4 * 1024;

/// The octets that an xz file begins with.
const XZ_MAGIC: [u8; 6] = [0xFD, b'7', b'z', b'X', b'Z', 0x00];

/// Compression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format, version 1.2.
    Xz,
}

/// Compression as far as the first octets of a file show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// There are too few octets.
    TooShort,
    /// There is none.
    Plain,
    /// This one.
    Compressed(Compression),
}

impl Compression {
    /// Returns the name of its program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
        }
    }

    /// Recognises the octets that a compressed file begins with.
    pub(crate) fn of(start: &[u8]) -> Start {
        match start {
            [0x1F, 0x8B, ..] => Start::Compressed(Compression::Gzip),
            // A frame, or one to be skipped (RFC 8878 sections 3.1.1 and 3.1.2).
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Start::Compressed(Compression::Zstd),
            _ if start.starts_with(&XZ_MAGIC) => Start::Compressed(Compression::Xz),
            _ if XZ_MAGIC.starts_with(start) => Start::TooShort,
            [0x1F] | [0x28] | [0x28, 0xB5] | [0x28, 0xB5, 0x2F] => Start::TooShort,
            [0x50..=0x5F] | [0x50..=0x5F, 0x2A] | [0x50..=0x5F, 0x2A, 0x4D] => Start::TooShort,
            _ => Start::Plain,
        }
    }
}

/// A kind of file that is recognised, and not read as a source or as SLURM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherKind {
    /// Compressed by this program, whose files are not read.
    Compressed(&'static str),
    /// Compressed by this program, in a file that is compressed.
    CompressedTwice(&'static str),
    /// An archive of files: of this kind.
    Archive(&'static str),
    /// HTML.
    Html,
    /// XML of the RPKI Repository Delta Protocol (RFC 8182).
    Rrdp,
    /// Other XML.
    Xml,
    /// RFC 7468.
    Pem,
    /// A trust anchor locator (RFC 8630).
    Tal,
    /// A signed object of the RPKI (RFC 6488).
    SignedObject,
    /// An X.509 certificate or revocation list.
    Certificate,
    /// Configuration for BIRD or OpenBGPD, as rpki-client writes it.
    RouterConfiguration,
    /// SLURM (RFC 8416).
    Slurm,
    /// The text form in which this project writes sets.
    Text,
    /// PDUs of RTR.
    Pdus,
    /// Messages or routes of BGP (RFC 6396).
    Mrt,
    /// Packets, as tcpdump and Wireshark write them.
    Capture,
    /// A database.
    Sqlite,
    /// Text in UTF-16.
    Utf16,
}

/// Octets within which each of these is. Nothing is decided before they have come: else a file would be something else
/// in other pieces.
pub(crate) const MAGIC_OCTETS_MAX: usize = 262;

/// An offset, the octets there, and the kind of file that they show.
type Magic = (usize, &'static [u8], OtherKind);

/// Octets that a text never begins with, or that are too many to be there by chance.
const MAGIC: [Magic; 24] = [
    (0, b"BZh", OtherKind::Compressed("bzip2")),
    (0, &[0x5D, 0x00, 0x00], OtherKind::Compressed("lzma")),
    (0, b"LZIP\x01", OtherKind::Compressed("lzip")),
    (0, &[0x04, 0x22, 0x4D, 0x18], OtherKind::Compressed("lz4")),
    (0, &[0x1F, 0x9D], OtherKind::Compressed("compress")),
    (0, b"PK\x03\x04", OtherKind::Archive("zip")),
    (0, b"PK\x05\x06", OtherKind::Archive("zip")),
    (0, &[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], OtherKind::Archive("7z")),
    (0, b"Rar!\x1A\x07", OtherKind::Archive("rar")),
    (257, b"ustar", OtherKind::Archive("tar")),
    (0, &[0xD4, 0xC3, 0xB2, 0xA1], OtherKind::Capture),
    (0, &[0xA1, 0xB2, 0xC3, 0xD4], OtherKind::Capture),
    (0, &[0x4D, 0x3C, 0xB2, 0xA1], OtherKind::Capture),
    (0, &[0x0A, 0x0D, 0x0D, 0x0A], OtherKind::Capture),
    (0, b"SQLite format 3\0", OtherKind::Sqlite),
    (0, &[0xFF, 0xFE], OtherKind::Utf16),
    (0, &[0xFE, 0xFF], OtherKind::Utf16),
    // Types of MRT and their first subtypes, behind the time: TABLE_DUMP, TABLE_DUMP_V2, BGP4MP and BGP4MP_ET.
    (4, &[0, 12, 0, 1], OtherKind::Mrt),
    (4, &[0, 13, 0, 1], OtherKind::Mrt),
    (4, &[0, 16, 0, 1], OtherKind::Mrt),
    (4, &[0, 16, 0, 4], OtherKind::Mrt),
    (4, &[0, 17, 0, 1], OtherKind::Mrt),
    (4, &[0, 17, 0, 4], OtherKind::Mrt),
    // Cache Response: behind version, type and session its length.
    (4, &[0, 0, 0, 8], OtherKind::Pdus),
];

/// The OBJECT IDENTIFIER of CMS signed-data (RFC 5652), with its tag and length.
const SIGNED_DATA: [u8; 11] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];

/// The XML namespace of the RPKI Repository Delta Protocol.
const RRDP_NAMESPACE: &[u8] = b"http://www.ripe.net/rpki/rrdp";

const _: () = {
    let mut at = 0;
    while at < MAGIC.len() {
        assert!(MAGIC[at].0 + MAGIC[at].1.len() <= MAGIC_OCTETS_MAX);
        at += 1;
    }
};

impl OtherKind {
    /// Recognises octets that no text has.
    pub(crate) fn of_binary(start: &[u8]) -> Option<OtherKind> {
        let is_there = |(at, magic, _): &&Magic| start.get(*at..).is_some_and(|rest| rest.starts_with(magic));
        let (_, _, kind) = MAGIC.iter().find(is_there)?;
        match (kind, start) {
            // A Cache Response of a version that there is.
            (OtherKind::Pdus, [0..=2, 3, ..]) => Some(*kind),
            // Text in Latin letters.
            (OtherKind::Utf16, [0xFF, 0xFE, _, 0, ..] | [0xFE, 0xFF, 0, _, ..]) => Some(*kind),
            (OtherKind::Pdus | OtherKind::Utf16, _) => None,
            (OtherKind::Compressed("bzip2"), _) => start.get(3).filter(|level| level.is_ascii_digit()).map(|_| *kind),
            _ => Some(*kind),
        }
    }

    /// Recognises DER that is no Canonical Cache Representation. What is signed is longer than 127 octets, so that its
    /// length is of the long form, or with CMS also of the indefinite one; no text has such an octet there.
    pub(crate) fn of_der(start: &[u8]) -> Option<OtherKind> {
        let content = match start {
            [0x30, 0x81, _, content @ ..] | [0x30, 0x82, _, _, content @ ..] => content,
            [0x30, 0x83, _, _, _, content @ ..] | [0x30, 0x84, _, _, _, _, content @ ..] => content,
            [0x30, 0x80, content @ ..] => content,
            _ => return None,
        };
        if content.starts_with(&SIGNED_DATA) {
            return Some(OtherKind::SignedObject);
        }
        // The first element of each is the part that is signed.
        content.starts_with(&[0x30]).then_some(OtherKind::Certificate)
    }

    /// Returns whether a text begins as no CSV does, so that more of it has to be read.
    pub(crate) fn is_likely(start: &[u8]) -> bool {
        let text = without_mark(start);
        [&b"<"[..], b"#", b"-----", b"rsync://", b"https://"].iter().any(|begin| text.starts_with(begin))
    }

    /// Recognises a text by its beginning, or all of it.
    pub(crate) fn of_text(start: &[u8]) -> Option<OtherKind> {
        let start = start.get(..START_OCTETS_MAX).unwrap_or(start);
        let text = without_mark(start).to_ascii_lowercase();
        let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
        if text.starts_with(b"<") {
            return Some(match () {
                () if has(RRDP_NAMESPACE) => OtherKind::Rrdp,
                () if has(b"<html") || has(b"<!doctype html") || has(b"<body") || has(b"<head") => OtherKind::Html,
                () => OtherKind::Xml,
            });
        }
        if text.starts_with(b"-----begin ") {
            return Some(OtherKind::Pem);
        }
        let mut lines = text.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#")).unwrap_or_default();
        let begins = |words: &[&[u8]]| words.iter().any(|words| first.starts_with(words));
        if begins(&[b"rsync://", b"https://"]) && first.ends_with(b".cer") {
            return Some(OtherKind::Tal);
        }
        if text.starts_with(b"# generated on host") || begins(&[b"roa-set", b"roa ", b"roa4 ", b"define force_roa"]) {
            return Some(OtherKind::RouterConfiguration);
        }
        if begins(&[b"ipv4 + ", b"ipv6 + ", b"router-key + ", b"aspa + ", b"= session "])
            || (text.starts_with(b"# ") && has(b" session=") && has(b" serial="))
        {
            return Some(OtherKind::Text);
        }
        None
    }

    /// Recognises any kind.
    pub(crate) fn of(start: &[u8]) -> Option<OtherKind> {
        OtherKind::of_binary(start).or_else(|| OtherKind::of_der(start)).or_else(|| OtherKind::of_text(start))
    }

    /// Returns the remedy for an operator who gave such a file as a source.
    pub(crate) fn way_out(self) -> &'static str {
        match self {
            OtherKind::Compressed(_) => "unpack it, or compress it by gzip, zstd or xz",
            OtherKind::CompressedTwice(_) => "unpack it once",
            OtherKind::Archive(_) => "unpack it, and give the file that was in it",
            OtherKind::Html => "give the URL or the file of a validator's JSON, CSV or CCR",
            OtherKind::Rrdp
            | OtherKind::Tal
            | OtherKind::SignedObject
            | OtherKind::Xml
            | OtherKind::Pem
            | OtherKind::Certificate
            | OtherKind::Mrt
            | OtherKind::Sqlite => "give what a validator writes: JSON, CSV or CCR",
            OtherKind::RouterConfiguration => "give the JSON, CSV or CCR that the validator writes as well",
            OtherKind::Slurm => "give it with --slurm, unpacked if it is compressed",
            OtherKind::Text => "have `rtrcast dump` write JSON or CSV",
            OtherKind::Pdus | OtherKind::Capture => "to follow a cache over RTR give its address: tcp://HOST:PORT",
            OtherKind::Utf16 => "save it as UTF-8",
        }
    }
}

/// The kind, for messages.
impl fmt::Display for OtherKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OtherKind::Compressed(by) => write!(f, "a file compressed by {by}"),
            OtherKind::CompressedTwice(by) => write!(f, "compressed once more, by {by}"),
            OtherKind::Archive(kind) => write!(f, "a {kind} archive"),
            OtherKind::Html => f.write_str("an HTML page, perhaps an error page or a login page"),
            OtherKind::Rrdp => f.write_str("a file of an RPKI repository (RRDP), which validators read"),
            OtherKind::Xml => f.write_str("XML"),
            OtherKind::Pem => f.write_str("a certificate or key in PEM"),
            OtherKind::Tal => f.write_str("a trust anchor locator (TAL), which validators read"),
            OtherKind::SignedObject => {
                f.write_str("a signed object of the RPKI, such as a ROA or a manifest, which validators read")
            }
            OtherKind::Certificate => f.write_str("a certificate or a revocation list"),
            OtherKind::RouterConfiguration => f.write_str("configuration for BIRD or OpenBGPD"),
            OtherKind::Slurm => f.write_str("a SLURM file"),
            OtherKind::Text => f.write_str("the text form of a data set"),
            OtherKind::Pdus => f.write_str("RTR, PDU by PDU as a cache sends it"),
            OtherKind::Mrt => f.write_str("an MRT file of BGP messages or routes"),
            OtherKind::Capture => f.write_str("a capture of packets"),
            OtherKind::Sqlite => f.write_str("an SQLite database"),
            OtherKind::Utf16 => f.write_str("text in UTF-16"),
        }
    }
}

/// Returns a text from its first character on that is no white space. A byte order mark is one only at the very start.
pub(crate) fn without_mark(start: &[u8]) -> &[u8] {
    start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start()
}
