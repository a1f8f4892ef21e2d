//! PDUs as octets and as text.

use rtrcast_proto::{HEADER_OCTETS, Header, Pdu, Version, wire};

/// Octets that are PDUs are the same after decoding and encoding, and in their text form.
pub fn codec(octets: &[u8]) {
    let mut rest = octets;
    while let Some(header) = Header::parse(rest) {
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        let Some((pdu, more)) = rest.split_at_checked(length).filter(|_| length >= HEADER_OCTETS) else { break };
        check(pdu);
        rest = more;
    }
    check(octets);
}

fn check(octets: &[u8]) {
    let Ok(pdu) = Pdu::decode(octets) else { return };
    let version = Version::from_octet(octets[0]).expect("it was decoded in a version");
    let mut encoded = Vec::new();
    pdu.encode(version, &mut encoded);
    // Octets that have to be zero are.
    assert_eq!(encoded.len(), octets.len());
    let again = Pdu::decode(&encoded).expect("what is encoded can be decoded");
    assert_eq!(again, pdu);
    let line = pdu.line(version);
    let parsed = wire::parse_line(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(parsed, encoded, "{line}");
}

/// A line that is read as a PDU has one text form.
pub fn text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    for line in text.lines() {
        let Ok(octets) = wire::parse_line(line) else { continue };
        let Ok(pdu) = Pdu::decode(&octets) else { continue };
        let Some(version) = octets.first().and_then(|octet| Version::from_octet(*octet)) else { continue };
        let again = wire::parse_line(&pdu.line(version)).expect("a line of ours");
        let again = Pdu::decode(&again).expect("a PDU of ours");
        assert_eq!(again, pdu, "{line}");
    }
}
