//! rpki-client's JSON.

use super::{Arguments, Vrp, aspa, made, router_key};
use std::fmt::Write as _;
use std::io::Write;

pub(super) fn write(arguments: &Arguments, vrps: &[Vrp], out: &mut impl Write) -> std::io::Result<()> {
    let (expires, (hour, minute)) = (arguments.expires, made(arguments));
    writeln!(out, "{{\n\t\"metadata\": {{\n\t\t\"buildmachine\": \"generated.example\",")?;
    writeln!(out, "\t\t\"buildtime\": \"2026-09-16T{hour:02}:{minute:02}:00Z\",")?;
    writeln!(
        out,
        "\t\t\"elapsedtime\": 300,\n\t\t\"vrps\": {},\n\t\t\"uniquevrps\": {}\n\t}},\n",
        vrps.len(),
        vrps.len()
    )?;
    writeln!(out, "\t\"roas\": [")?;
    for (place, vrp) in vrps.iter().enumerate() {
        let (prefix, ta) = (vrp.prefix(), vrp.anchor());
        let comma = if place + 1 < vrps.len() { "," } else { "" };
        let Vrp { asn, max_len, .. } = vrp;
        writeln!(
            out,
            "\t\t{{ \"asn\": {asn}, \"prefix\": \"{prefix}\", \"maxLength\": {max_len}, \"ta\": \"{ta}\", \"expires\": {expires} }}{comma}"
        )?;
    }
    writeln!(out, "\t],\n\n\t\"bgpsec_keys\": [")?;
    for key in 0..arguments.router_keys {
        write_router_key(arguments, key, out)?;
    }
    writeln!(out, "\t],\n\n\t\"aspas\": [")?;
    for place in 0..arguments.aspas {
        write_aspa(arguments, place, out)?;
    }
    writeln!(out, "\t]\n}}")
}

fn write_router_key(arguments: &Arguments, place: u64, out: &mut impl Write) -> std::io::Result<()> {
    let key = router_key(arguments, place);
    let ski = key.ski.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02X}").expect("writing to a String does not fail");
        text
    });
    let comma = if place + 1 < arguments.router_keys { "," } else { "" };
    writeln!(
        out,
        "\t\t{{ \"asn\": {}, \"ski\": \"{ski}\", \"pubkey\": \"{}\", \"ta\": \"ripe\", \"expires\": {} }}{comma}",
        key.asn,
        base64(&key.spki),
        arguments.expires
    )
}

fn write_aspa(arguments: &Arguments, place: u64, out: &mut impl Write) -> std::io::Result<()> {
    let aspa = aspa(arguments, place);
    let providers: Vec<String> = aspa.providers.iter().map(u64::to_string).collect();
    let comma = if place + 1 < arguments.aspas { "," } else { "" };
    writeln!(
        out,
        "\t\t{{ \"customer_asid\": {}, \"expires\": {}, \"providers\": [{}] }}{comma}",
        aspa.customer,
        arguments.expires,
        providers.join(", ")
    )
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    octets.chunks(3).fold(String::new(), |mut text, chunk| {
        let bits = chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
        text
    })
}
