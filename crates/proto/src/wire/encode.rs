//! From PDUs to octets. Fields that the specifications call zero are zero here. [C-FRM-06]

use super::{Header, Pdu};
use crate::payload::{Action, Aspa, RouteOrigin, RouterKey};
use crate::serial::{Serial, SessionId};
use crate::time::Timing;
use crate::version::{HEADER_OCTETS, PduType, Version};
use crate::violation::ErrorCode;
use alloc::vec::Vec;
use core::net::IpAddr;

/// The most octets of an erroneous PDU that an Error Report of ours repeats. rtrlib 0.8 drops the connection at any
/// PDU above 3,248 octets, so a report stays far below it.
pub const COPY_OCTETS_MAX: usize = 256;

/// The most octets of text in an Error Report of ours.
pub const TEXT_OCTETS_MAX: usize = 200;

impl Pdu<'_> {
    /// Appends the PDU in the format of a version. The version has to know the type: a Router Key has no octets in
    /// version 0, nor an ASPA below 2.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match *self {
            Pdu::SerialNotify { session, serial } => out.extend_from_slice(&serial_notify(version, session, serial)),
            Pdu::SerialQuery { session, serial } => {
                out.extend_from_slice(&twelve(version, PduType::SerialQuery, session, serial));
            }
            Pdu::ResetQuery => out.extend_from_slice(&eight(version, PduType::ResetQuery, 0)),
            Pdu::CacheResponse { session } => out.extend_from_slice(&cache_response(version, session)),
            Pdu::Prefix { action, origin } => record::origin(version, action, &origin, out),
            Pdu::EndOfData { session, serial, timers } => {
                let timers = timers.filter(|_| version != Version::V0);
                let length = if timers.is_some() { 24 } else { 12 };
                let header = Header { version: version.octet(), pdu_type: 7, field: session.0, length };
                out.extend_from_slice(&header.octets());
                out.extend_from_slice(&serial.0.to_be_bytes());
                for timer in timers.into_iter().flatten() {
                    out.extend_from_slice(&timer.to_be_bytes());
                }
            }
            Pdu::CacheReset => out.extend_from_slice(&cache_reset(version)),
            Pdu::RouterKey { action, key } => record::router_key(version, action, &key, out),
            Pdu::ErrorReport(report) => raw_error_report(version, report.code, report.copy, report.text, out),
            Pdu::Aspa { action, customer, providers } => record::aspa_parts(version, action, customer, providers, out),
        }
    }
}

fn eight(version: Version, pdu_type: PduType, field: u16) -> [u8; 8] {
    Header { version: version.octet(), pdu_type: pdu_type.octet(), field, length: 8 }.octets()
}

fn twelve(version: Version, pdu_type: PduType, session: SessionId, serial: Serial) -> [u8; 12] {
    let mut pdu = [0; 12];
    let header = Header { version: version.octet(), pdu_type: pdu_type.octet(), field: session.0, length: 12 };
    pdu[..HEADER_OCTETS].copy_from_slice(&header.octets());
    pdu[HEADER_OCTETS..].copy_from_slice(&serial.0.to_be_bytes());
    pdu
}

/// A Serial Notify.
pub(crate) fn serial_notify(version: Version, session: SessionId, serial: Serial) -> [u8; 12] {
    twelve(version, PduType::SerialNotify, session, serial)
}

/// A Cache Response.
pub(crate) fn cache_response(version: Version, session: SessionId) -> [u8; 8] {
    eight(version, PduType::CacheResponse, session.0)
}

/// A Cache Reset.
pub(crate) fn cache_reset(version: Version) -> [u8; 8] {
    eight(version, PduType::CacheReset, 0)
}

/// Appends an End of Data: 12 octets in version 0, 24 with the timers from version 1.
pub(crate) fn end_of_data(version: Version, session: SessionId, serial: Serial, timing: Timing, out: &mut Vec<u8>) {
    let timers = Some([timing.refresh(), timing.retry(), timing.expire()]);
    Pdu::EndOfData { session, serial, timers }.encode(version, out);
}

/// An Error Report of ours: the copy cut at [`COPY_OCTETS_MAX`] octets and the text at [`TEXT_OCTETS_MAX`].
///
/// The copy's own Length field stays as received, and may be larger than the copy (8210bis section 5.8). [C-ERR-07]
pub fn error_report(version: Version, code: ErrorCode, copy: &[u8], text: &str) -> Vec<u8> {
    let copy = copy.get(..COPY_OCTETS_MAX).unwrap_or(copy);
    let end = (0..=TEXT_OCTETS_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let text = &text[..end.unwrap_or_default()];
    let mut out = Vec::with_capacity(16 + copy.len() + text.len());
    raw_error_report(version, code.number(), copy, text.as_bytes(), &mut out);
    out
}

fn raw_error_report(version: Version, code: u16, copy: &[u8], text: &[u8], out: &mut Vec<u8>) {
    let octets = |part: &[u8]| u32::try_from(part.len()).expect("copy and text of a PDU are far below 4 GiB");
    let length = 16 + octets(copy) + octets(text);
    let header = Header { version: version.octet(), pdu_type: PduType::ErrorReport.octet(), field: code, length };
    out.extend_from_slice(&header.octets());
    out.extend_from_slice(&octets(copy).to_be_bytes());
    out.extend_from_slice(copy);
    out.extend_from_slice(&octets(text).to_be_bytes());
    out.extend_from_slice(text);
}

/// The payload PDUs, which are also the records of an [`Image`](crate::Image).
pub(crate) mod record {
    use super::*;
    use crate::payload::{Asn, ProviderAsn};

    /// Appends an IPv4 Prefix of 20 octets or an IPv6 Prefix of 32.
    pub(crate) fn origin(version: Version, action: Action, origin: &RouteOrigin, out: &mut Vec<u8>) {
        let prefix = origin.prefix();
        let lengths = [action.flags(), prefix.len(), origin.max_len(), 0];
        let header = |pdu_type: PduType, length| {
            Header { version: version.octet(), pdu_type: pdu_type.octet(), field: 0, length }.octets()
        };
        match prefix.addr() {
            IpAddr::V4(addr) => {
                out.extend_from_slice(&header(PduType::Ipv4Prefix, 20));
                out.extend_from_slice(&lengths);
                out.extend_from_slice(&addr.octets());
            }
            IpAddr::V6(addr) => {
                out.extend_from_slice(&header(PduType::Ipv6Prefix, 32));
                out.extend_from_slice(&lengths);
                out.extend_from_slice(&addr.octets());
            }
        }
        out.extend_from_slice(&origin.asn().0.to_be_bytes());
    }

    /// Appends a Router Key.
    pub(crate) fn router_key(version: Version, action: Action, key: &RouterKey<'_>, out: &mut Vec<u8>) {
        let length = u32::try_from(32 + key.spki().len()).expect("a RouterKey fits a PDU");
        let field = u16::from_be_bytes([action.flags(), 0]);
        let header = Header { version: version.octet(), pdu_type: PduType::RouterKey.octet(), field, length };
        out.extend_from_slice(&header.octets());
        out.extend_from_slice(&key.ski());
        out.extend_from_slice(&key.asn().0.to_be_bytes());
        out.extend_from_slice(key.spki());
    }

    /// Appends an ASPA announcement.
    pub(crate) fn aspa(version: Version, aspa: &Aspa<'_>, out: &mut Vec<u8>) {
        aspa_parts(version, Action::Announce, aspa.customer(), aspa.providers(), out);
    }

    /// Appends an ASPA withdrawal, which names the customer and no provider. [C-ASP-05]
    pub(crate) fn aspa_withdrawal(version: Version, customer: Asn, out: &mut Vec<u8>) {
        aspa_parts(version, Action::Withdraw, customer, &[], out);
    }

    pub(crate) fn aspa_parts(
        version: Version,
        action: Action,
        customer: Asn,
        providers: &[ProviderAsn],
        out: &mut Vec<u8>,
    ) {
        let length = u32::try_from(12 + providers.as_flattened().len()).expect("a provider list fits a PDU");
        let field = u16::from_be_bytes([action.flags(), 0]);
        let header = Header { version: version.octet(), pdu_type: PduType::Aspa.octet(), field, length };
        out.extend_from_slice(&header.octets());
        out.extend_from_slice(&customer.0.to_be_bytes());
        out.extend_from_slice(providers.as_flattened());
    }
}
