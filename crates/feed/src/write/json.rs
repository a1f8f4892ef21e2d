//! JSON in rpki-client's format. Trust anchors and expiry are not known, and absent.

use super::{ChangedRecords, Out, Provenance, RecordItem, SetChange, number, sections};
use rtrcast_proto::{Action, Image, Section, Serial};
use std::io;

/// Layout of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonLayout {
    /// A line for each record.
    RecordPerLine,
    /// The whole document is one line, as in a stream of documents.
    SingleLine,
}

impl JsonLayout {
    /// Returns the white space between parts at a depth.
    fn space(self, depth: usize) -> &'static str {
        match (self, depth) {
            (JsonLayout::SingleLine, _) => " ",
            (JsonLayout::RecordPerLine, 0) => "\n",
            (JsonLayout::RecordPerLine, 1) => "\n  ",
            (JsonLayout::RecordPerLine, 2) => "\n    ",
            (JsonLayout::RecordPerLine, _) => "\n      ",
        }
    }
}

/// Writes a set, which [`Reader`](crate::Reader) reads as the same set again.
pub fn write_json(to: &mut impl io::Write, origin: &Provenance<'_>, image: &Image) -> io::Result<()> {
    let mut out = Out::new(to);
    let side = ChangedRecords::Image(image);
    out.text("{ \"metadata\": {");
    metadata(&mut out, origin);
    out.add(format_args!(", \"vrps\": {}", side.vrps()));
    let sections = sections(origin.version);
    for section in &sections {
        let name = match section {
            Section::Ipv4Prefix | Section::Ipv6Prefix => continue,
            Section::RouterKey => "bgpsec_pubkeys",
            Section::Aspa => "vaps",
        };
        out.add(format_args!(", \"{name}\": {}", side.count(*section)));
    }
    out.text(" },");
    members(&mut out, &sections, side, JsonLayout::RecordPerLine, 1)?;
    out.text("\n}\n");
    out.finish()
}

/// Writes what changed since a serial; from none, it is the whole set that is announced. A customer that is announced
/// has these providers instead of those before, and one that is withdrawn has an empty list.
pub fn write_json_changes(
    to: &mut impl io::Write,
    origin: &Provenance<'_>,
    since: Option<Serial>,
    change: SetChange<'_>,
    lines: JsonLayout,
) -> io::Result<()> {
    let mut out = Out::new(to);
    out.text("{ \"metadata\": {");
    metadata(&mut out, origin);
    if let Some(since) = since {
        out.add(format_args!(", \"from_serial\": {since}"));
    }
    out.text(" }");
    for (name, action) in [("announced", Action::Announce), ("withdrawn", Action::Withdraw)] {
        out.add(format_args!(",{}\"{name}\": {{", lines.space(1)));
        members(&mut out, &Section::ALL, change.side(action), lines, 2)?;
        out.add(format_args!("{}}}", lines.space(1)));
    }
    out.add(format_args!("{}}}\n", lines.space(0)));
    out.finish()
}

fn metadata<W: io::Write>(out: &mut Out<'_, W>, origin: &Provenance<'_>) {
    let Provenance { source, version, session, serial, timing, received } = origin;
    out.text(" \"source\": \"");
    for c in source.chars() {
        match c {
            '"' | '\\' => out.add(format_args!("\\{c}")),
            c if u32::from(c) < 0x20 => out.add(format_args!("\\u{:04x}", u32::from(c))),
            c => out.add(format_args!("{c}")),
        }
    }
    out.add(format_args!("\", \"version\": {version}, \"session\": {session}, \"serial\": {serial}"));
    if let Some(timing) = timing {
        let (refresh, retry, expire) = (timing.refresh(), timing.retry(), timing.expire());
        out.add(format_args!(", \"refresh\": {refresh}, \"retry\": {retry}, \"expire\": {expire}"));
    }
    out.add(format_args!(", \"generated\": {received}, \"generatedTime\": \""));
    number::timestamp(*received, &mut out.buffer);
    out.text("\"");
}

/// Writes the lists of these sections.
fn members<W: io::Write>(
    out: &mut Out<'_, W>,
    sections: &[Section],
    side: ChangedRecords<'_>,
    lines: JsonLayout,
    depth: usize,
) -> io::Result<()> {
    let lists: [(&str, &[Section]); 3] = [
        ("roas", &[Section::Ipv4Prefix, Section::Ipv6Prefix]),
        ("bgpsec_keys", &[Section::RouterKey]),
        ("aspas", &[Section::Aspa]),
    ];
    let lists = lists.iter().filter(|(_, of)| of.iter().all(|section| sections.contains(section)));
    let (before_list, before_record) = (lines.space(depth), lines.space(depth + 1));
    for (index, (name, list)) in lists.enumerate() {
        out.add(format_args!("{}{before_list}\"{name}\": [", if index > 0 { "," } else { "" }));
        let mut is_first = true;
        for section in *list {
            side.visit(*section, |item| {
                out.text(if is_first { "" } else { "," });
                out.text(before_record);
                is_first = false;
                record(out, item);
                out.next()
            })?;
        }
        out.text(if is_first { "" } else { before_list });
        out.text("]");
    }
    Ok(())
}

fn record<W: io::Write>(out: &mut Out<'_, W>, item: RecordItem<'_>) {
    match item {
        RecordItem::Origin(origin) => {
            out.text("{ \"asn\": ");
            number::decimal(origin.asn().0, &mut out.buffer);
            out.text(", \"prefix\": \"");
            number::prefix(origin.prefix(), &mut out.buffer);
            out.text("\", \"maxLength\": ");
            number::decimal(origin.max_len().into(), &mut out.buffer);
            out.text(" }");
        }
        RecordItem::RouterKey(key) => {
            out.add(format_args!("{{ \"asn\": {}, \"ski\": \"", key.asn().0));
            number::hexadecimal(&key.ski(), number::UPPER, &mut out.buffer);
            out.text("\", \"pubkey\": \"");
            number::base64(key.spki(), &mut out.buffer);
            out.text("\" }");
        }
        RecordItem::Aspa(aspa) => {
            out.add(format_args!("{{ \"customer_asid\": {}, \"providers\": [", aspa.customer().0));
            for (index, provider) in aspa.providers().iter().enumerate() {
                out.text(if index == 0 { "" } else { ", " });
                number::decimal(u32::from_be_bytes(*provider), &mut out.buffer);
            }
            out.text("] }");
        }
        RecordItem::NoAspa(customer) => {
            out.add(format_args!("{{ \"customer_asid\": {}, \"providers\": [] }}", customer.0));
        }
    }
}
