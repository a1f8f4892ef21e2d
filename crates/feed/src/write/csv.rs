//! CSV with rpki-client's columns, as far as they are known: it has VRPs only.

use super::{ChangedRecords, Out, RecordItem, number};
use rtrcast_proto::{Image, Section};
use std::io;

/// Writes the VRPs of a set.
pub fn write_csv(to: &mut impl io::Write, image: &Image) -> io::Result<()> {
    let mut out = Out::new(to);
    out.text("ASN,IP Prefix,Max Length\n");
    for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
        ChangedRecords::Image(image).visit(section, |item| {
            if let RecordItem::Origin(origin) = item {
                out.text("AS");
                number::decimal(origin.asn().0, &mut out.buffer);
                out.text(",");
                number::prefix(origin.prefix(), &mut out.buffer);
                out.text(",");
                number::decimal(origin.max_len().into(), &mut out.buffer);
                out.text("\n");
            }
            out.next()
        })?;
    }
    out.finish()
}
