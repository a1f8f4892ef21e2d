//! The text form of PDUs without the version: a line for each record, and one before them with their cache and serial.

use super::{ChangedRecords, Out, Provenance, RecordItem, SetChange, number};
use rtrcast_proto::{Action, Image, Section};
use std::io;

/// Writes a set: `# tcp://cache:323 session=4661 serial=7`, and a line such as `ipv4 + 10.0.0.0/8-24 AS64496` for each
/// record.
pub fn write_text(to: &mut impl io::Write, origin: &Provenance<'_>, image: &Image) -> io::Result<()> {
    let mut out = Out::new(to);
    let Provenance { source, version, session, serial, .. } = origin;
    out.add(format_args!("# {source} version={version} session={session} serial={serial}\n"));
    records(&mut out, ChangedRecords::Image(image), Action::Announce)?;
    out.finish()
}

/// Writes what changed: `= session 4661 serial 8: 1 announced, 1 withdrawn`, and a line for each record, those that are
/// announced first. A customer that is announced has these providers instead of those before.
pub fn write_text_changes(to: &mut impl io::Write, origin: &Provenance<'_>, change: SetChange<'_>) -> io::Result<()> {
    let mut out = Out::new(to);
    let Provenance { session, serial, .. } = origin;
    let (announced, withdrawn) = (change.announced(), change.withdrawn());
    out.add(format_args!("= session {session} serial {serial}: {announced} announced, {withdrawn} withdrawn\n"));
    for action in [Action::Announce, Action::Withdraw] {
        records(&mut out, change.side(action), action)?;
    }
    out.finish()
}

fn records<W: io::Write>(out: &mut Out<'_, W>, side: ChangedRecords<'_>, action: Action) -> io::Result<()> {
    let sign = match action {
        Action::Announce => " + ",
        Action::Withdraw => " - ",
    };
    for section in Section::ALL {
        let name = match section {
            Section::Ipv4Prefix => "ipv4",
            Section::Ipv6Prefix => "ipv6",
            Section::RouterKey => "router-key",
            Section::Aspa => "aspa",
        };
        side.visit(section, |item| {
            out.text(name);
            out.text(sign);
            match item {
                RecordItem::Origin(origin) => {
                    number::prefix(origin.prefix(), &mut out.buffer);
                    out.text("-");
                    number::decimal(origin.max_len().into(), &mut out.buffer);
                    out.text(" AS");
                    number::decimal(origin.asn().0, &mut out.buffer);
                }
                RecordItem::RouterKey(key) => {
                    number::hexadecimal(&key.ski(), number::LOWER, &mut out.buffer);
                    out.add(format_args!(" {} ", key.asn()));
                    number::hexadecimal(key.spki(), number::LOWER, &mut out.buffer);
                }
                RecordItem::Aspa(aspa) => {
                    out.add(format_args!("{}", aspa.customer()));
                    for (index, provider) in aspa.providers().iter().enumerate() {
                        out.text(if index == 0 { " AS" } else { ",AS" });
                        number::decimal(u32::from_be_bytes(*provider), &mut out.buffer);
                    }
                }
                RecordItem::NoAspa(customer) => out.add(format_args!("{customer}")),
            }
            out.text("\n");
            out.next()
        })?;
    }
    Ok(())
}
