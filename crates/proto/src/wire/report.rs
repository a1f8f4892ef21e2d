//! An Error Report for people: the code by its name, the PDU that it copies in text form, and its text.
//!
//! All of it comes from a peer, so nothing is longer than a log line may be, and nothing is left unescaped.

use super::Header;
use super::decode::{ErrorReport, Pdu};
use super::encode::TEXT_OCTETS_MAX;
use super::text::hex;
use crate::version::Version;
use crate::violation::ErrorCode;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use core::fmt;

/// The most characters that are shown of a PDU: an ASPA may have thousands of providers.
const PDU_CHARS_MAX: usize = 256;

/// The most octets that are shown of what is no PDU.
const COPY_OCTETS_SHOWN_MAX: usize = 64;

/// A peer's Error Report, fit to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReport {
    /// Its code; none if the report was malformed.
    pub code: Option<u16>,
    /// Its text with everything that is not printable ASCII escaped.
    pub text: String,
    /// The PDU that it is about, in text form, or its octets if they are no PDU; empty if it copies none.
    pub about: String,
}

impl PeerReport {
    /// Reads an Error Report of whatever version.
    pub(crate) fn read(octets: &[u8]) -> PeerReport {
        let malformed = || PeerReport { code: None, text: String::new(), about: String::new() };
        // All versions have the same format, so one of an unknown version can be read as well.
        let mut octets = octets.to_vec();
        match octets.first_mut() {
            Some(version) => *version = Version::V2.octet(),
            None => return malformed(),
        }
        let Ok(Pdu::ErrorReport(ErrorReport { code, copy, text })) = Pdu::decode(&octets) else { return malformed() };
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        let text = text.get(..TEXT_OCTETS_MAX).unwrap_or(text);
        PeerReport { code: Some(code), text: text.escape_ascii().to_string(), about: shown(copy) }
    }

    /// A report of which nothing but the code came.
    pub(crate) fn cut_short(code: u16) -> PeerReport {
        PeerReport { code: Some(code), text: String::new(), about: String::new() }
    }
}

/// Continues a sentence about the sender: `reports error 9 (ASPA Provider List Error) about "v2 aspa + AS64496
/// AS64497"`.
impl fmt::Display for PeerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.code else { return f.write_str("sent a malformed Error Report") };
        match ErrorCode::from_number(number) {
            Some(code) => write!(f, "reports error {code}")?,
            None => write!(f, "reports error {number}, which no text defines")?,
        }
        if !self.about.is_empty() {
            write!(f, " about \"{}\"", self.about)?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, ": \"{}\"", self.text) }
    }
}

/// A copied PDU.
fn shown(copy: &[u8]) -> String {
    let version = Header::parse(copy).and_then(|header| Version::from_octet(header.version));
    match (version, Pdu::decode(copy)) {
        _ if copy.is_empty() => String::new(),
        (Some(version), Ok(pdu)) => cut(&pdu.line(version)),
        (_, decoded) => {
            let octets = copy.get(..COPY_OCTETS_SHOWN_MAX).unwrap_or(copy);
            let more = if copy.len() > octets.len() { "..." } else { "" };
            let why = decoded.err().map(|violation| format!(" ({violation})")).unwrap_or_default();
            format!("octets {}{more}{why}", hex(octets))
        }
    }
}

/// The text form is ASCII.
fn cut(line: &str) -> String {
    match line.get(..PDU_CHARS_MAX) {
        Some(start) if start.len() < line.len() => format!("{start}..."),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse_line;
    use alloc::vec::Vec;

    fn report(code: u16, copy: &[u8], text: &[u8]) -> String {
        let mut octets = Vec::new();
        Pdu::ErrorReport(ErrorReport { code, copy, text }).encode(Version::V1, &mut octets);
        PeerReport::read(&octets).to_string()
    }

    fn pdu(line: &str) -> Vec<u8> {
        parse_line(line).unwrap()
    }

    #[test]
    fn a_report_names_its_error_and_the_record_that_it_copies() {
        let aspa = pdu("v2 aspa + AS64496 AS64497,AS64498");
        let wanted = "reports error 9 (ASPA Provider List Error) about \"v2 aspa + AS64496 AS64497,AS64498\"";
        assert_eq!(report(9, &aspa, b""), wanted);
        let wanted =
            "reports error 7 (Duplicate Announcement Received) about \"v0 ipv4 + 192.0.2.0/24-24 AS64496\": \"twice\"";
        assert_eq!(report(7, &pdu("v0 ipv4 + 192.0.2.0/24-24 AS64496"), b"twice\0"), wanted);
        assert_eq!(report(2, b"", b""), "reports error 2 (No Data Available)");
        assert_eq!(report(999, b"", b"what?"), "reports error 999, which no text defines: \"what?\"");
        assert_eq!(PeerReport::read(b"").to_string(), "sent a malformed Error Report");
        assert_eq!(PeerReport::cut_short(4).to_string(), "reports error 4 (Unsupported Protocol Version)");
    }

    #[test]
    fn a_copy_that_is_no_pdu_is_shown_by_its_octets() {
        let cut = pdu("v2 aspa + AS64496 AS64497,AS64498");
        let wanted = "reports error 9 (ASPA Provider List Error) about \"octets 020b0100000000140000fbf0 \
                      (length 20 is wrong for ASPA)\"";
        assert_eq!(report(9, &cut[..12], b""), wanted);
        // What is wrong with it may be why it was reported.
        let mut unsorted = cut.clone();
        unsorted[12..].rotate_left(4);
        let wanted = "reports error 9 (ASPA Provider List Error) about \"octets \
                      020b0100000000140000fbf00000fbf20000fbf1 (ASPA providers do not ascend)\"";
        assert_eq!(report(9, &unsorted, b""), wanted);
        assert_eq!(
            report(0, b"GET /", b""),
            "reports error 0 (Corrupt Data) about \"octets 474554202f (length 5 is shorter than a header)\""
        );
        let of_another_version = [7, 2, 0, 0, 0, 0, 0, 8];
        let wanted =
            "reports error 4 (Unsupported Protocol Version) about \"octets 0702000000000008 (supported versions 0-2)\"";
        assert_eq!(report(4, &of_another_version, b""), wanted);
    }

    #[test]
    fn nothing_that_a_peer_wrote_is_long_or_unescaped() {
        let providers: Vec<[u8; 4]> = (1..10_000_u32).map(u32::to_be_bytes).collect();
        let mut long = Vec::new();
        Pdu::Aspa { action: crate::Action::Announce, customer: crate::Asn(64_496), providers: &providers }
            .encode(Version::V2, &mut long);
        let text = report(9, &long, b"");
        assert!(text.ends_with("AS49,AS...\"") && text.len() < 400, "{text}");
        let text = report(0, &[0xff; 60_000], b"");
        assert!(text.contains("ffff...") && text.len() < 300, "{text}");
        let within = pdu("v1 error 3 \"a\\n2026 ERROR made up\" copy=");
        let text = report(3, &within, b"\x1b[31m\"\n");
        let wanted = "reports error 3 (Invalid Request) about \"v1 error 3 \"a\\n2026 ERROR made up\" copy=\": \
                      \"\\x1b[31m\\\"\\n\"";
        assert_eq!(text, wanted);
        let text = report(3, &pdu(&format!("v1 error 3 \"{}\" copy=", "\\xff".repeat(9_000))), &[0xff; 3_000]);
        assert!(text.len() < 1_400 && text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text}");
    }
}
