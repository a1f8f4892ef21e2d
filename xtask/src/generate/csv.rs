//! rpki-client's CSV.

use super::{Arguments, Vrp};
use std::io::Write;

pub(super) fn write(arguments: &Arguments, vrps: &[Vrp], out: &mut impl Write) -> std::io::Result<()> {
    let expires = arguments.expires;
    writeln!(out, "ASN,IP Prefix,Max Length,Trust Anchor,Expires")?;
    for vrp in vrps {
        let Vrp { asn, max_len, .. } = vrp;
        writeln!(out, "AS{asn},{},{max_len},{},{expires}", vrp.prefix(), vrp.anchor())?;
    }
    Ok(())
}
