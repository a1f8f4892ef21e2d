//! The entries of validators' JSON, in all its dialects: VRPs, router keys, ASPAs.
//!
//! An entry is either accepted or refused with a reason. ASNs may be numbers or strings with or without `AS`, a missing
//! `maxLength` is the prefix's length, key identifiers are hexadecimal or base64, and members have several names.

use super::field::{EntryField, asn_of, number_of, text_of, time_of};
use super::list::EntryList;
use super::scan::{JsonCursor, ScanError, Value};
use super::shape::Learned;
use crate::rows::Rows;
use crate::scalar;
use crate::table::{NEVER, Timestamps};
use rtrcast_proto::{Asn, AspaError, ProviderAsn, RouteOrigin, RouterKey};

/// Buffers that entries share, so that a million of them allocate nothing.
#[derive(Default)]
pub(super) struct Scratch {
    /// The shape of the VRPs before.
    learned: Learned,
    asns: Vec<Asn>,
    providers: Vec<ProviderAsn>,
    /// The last trust anchor's name and its number: most entries have that of the one before.
    anchor: Option<(String, u8)>,
}

/// Result of reading an entry: accepted, or refused with a reason.
type EntryOutcome = Result<(), String>;

impl EntryList {
    /// Reads the next entry, and adds it to the rows.
    pub(super) fn read(
        self,
        cursor: &mut JsonCursor<'_>,
        index: usize,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<EntryOutcome, ScanError> {
        if self == EntryList::AspaMap {
            return read_aspa_pair(cursor, index, rows, scratch);
        }
        if cursor.peek()? != b'{' {
            let value = cursor.value()?;
            return Ok(Err(format!("{} instead of an object", value.shown())));
        }
        match self {
            EntryList::Roas => read_roa(cursor, rows, scratch),
            EntryList::BgpsecKeys | EntryList::RouterKeys | EntryList::RouterKeysOfFort => {
                read_router_key(cursor, rows, scratch)
            }
            EntryList::Aspas | EntryList::AspaMap | EntryList::AuthorizationsIpv4 | EntryList::AuthorizationsIpv6 => {
                read_aspa(self.name(), cursor, index, rows, scratch)
            }
            EntryList::Document => match kind_of(cursor)? {
                Some(EntryList::Aspas) => read_aspa(self.name(), cursor, index, rows, scratch),
                Some(EntryList::RouterKeys) => read_router_key(cursor, rows, scratch),
                _ => read_roa(cursor, rows, scratch),
            },
        }
    }
}

/// Returns the kind of an entry, by a member that only that kind has.
fn kind_of(cursor: &JsonCursor<'_>) -> Result<Option<EntryList>, ScanError> {
    let mut kind = None;
    cursor.clone().object(|name, cursor| {
        for (sign, member) in
            [("customer", EntryList::Aspas), ("ski", EntryList::RouterKeys), ("prefix", EntryList::Roas)]
        {
            if name.is(sign) {
                kind = Some(member);
            }
        }
        cursor.value().map(|_| ())
    })?;
    Ok(kind)
}

/// Reads the times in the document. Invalid ones are ignored: the file's modification time is used instead.
pub(super) fn read_metadata(cursor: &mut JsonCursor<'_>) -> Result<Timestamps, ScanError> {
    let (mut buildtime, mut generated, mut generated_time, mut valid_until) = (None, None, None, None);
    cursor.object(|name, cursor| {
        let value = cursor.value()?;
        // Go writes zero for an unknown time.
        let seconds = || time_of(&value).filter(|seconds| (1..NEVER).contains(seconds));
        let date = || text_of(&value, scalar::timestamp).and_then(|seconds| u32::try_from(seconds).ok());
        if name.is("buildtime") {
            buildtime = date().or_else(seconds);
        } else if name.is("generated") {
            generated = seconds().or_else(date);
        } else if name.is("generatedTime") {
            generated_time = date();
        } else if name.is("valid") {
            valid_until = seconds();
        }
        Ok(())
    })?;
    Ok(Timestamps { made: buildtime.or(generated).or(generated_time), valid_until })
}

fn anchor_of(value: &Value<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Option<u8> {
    text_of(value, |name| {
        if let Some((last, number)) = &scratch.anchor
            && last.as_bytes() == name
        {
            return Some(*number);
        }
        let name = std::str::from_utf8(name).ok()?;
        let number = rows.anchor(name);
        scratch.anchor = Some((name.to_owned(), number));
        Some(number)
    })
}

/// Members that entries of several kinds have.
struct Common {
    asn: EntryField<Asn>,
    anchor: EntryField<u8>,
    expires: EntryField<u32>,
}

impl Common {
    fn new() -> Common {
        Common { asn: EntryField::Missing, anchor: EntryField::Missing, expires: EntryField::Missing }
    }

    /// Takes a member if it is one of these.
    fn take<'a>(
        &mut self,
        name: &[u8],
        cursor: &mut JsonCursor<'a>,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<bool, ScanError> {
        match name {
            b"asn" => {
                let value = cursor.value()?;
                self.asn = EntryField::of("asn", &value, asn_of(&value));
            }
            b"ta" => {
                let value = cursor.value()?;
                self.anchor = EntryField::of("ta", &value, anchor_of(&value, rows, scratch));
            }
            b"expires" => {
                let value = cursor.value()?;
                self.expires = EntryField::of("expires", &value, time_of(&value));
            }
            b"source" if cursor.peek()? == b'[' => self.take_sources(cursor, rows, scratch)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the objects that Routinator's `jsonext` lists for an entry. It is valid as long as one of their chains is,
    /// and has the first one's trust anchor.
    fn take_sources(
        &mut self,
        cursor: &mut JsonCursor<'_>,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<(), ScanError> {
        cursor.list_of(|cursor| {
            if cursor.peek()? != b'{' {
                return cursor.value().map(|_| ());
            }
            let mut expires = None;
            cursor.object(|name, cursor| {
                if name.is("chainValidity") && cursor.peek()? == b'{' {
                    return cursor.object(|name, cursor| {
                        let value = cursor.value()?;
                        if name.is("notAfter") {
                            expires = text_of(&value, scalar::timestamp);
                        }
                        Ok(())
                    });
                }
                let value = cursor.value()?;
                if name.is("tal") && matches!((&self.anchor, &value), (EntryField::Missing, Value::Text(_))) {
                    self.anchor = EntryField::of("tal", &value, anchor_of(&value, rows, scratch));
                }
                Ok(())
            })?;
            if let Some(expires) = expires {
                let expires = u32::try_from(expires).unwrap_or(NEVER);
                self.expires = match self.expires {
                    EntryField::Good(other) => EntryField::Good(other.max(expires)),
                    EntryField::Missing | EntryField::Bad(_) => EntryField::Good(expires),
                };
            }
            Ok(())
        })
    }

    /// The expiry and the trust anchor.
    fn facts(self, rows: &mut Rows) -> Result<(u32, u8), String> {
        let anchor = match self.anchor.optional()? {
            Some(anchor) => anchor,
            None => rows.anchor(""),
        };
        Ok((self.expires.optional()?.unwrap_or(NEVER), anchor))
    }
}

fn read_roa(cursor: &mut JsonCursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<EntryOutcome, ScanError> {
    if scratch.learned.read(cursor, rows) {
        return Ok(Ok(()));
    }
    let start = cursor.at();
    let outcome = read_any_roa(cursor, rows, scratch)?;
    if outcome.is_ok() {
        scratch.learned.learn(cursor.since(start));
    }
    Ok(outcome)
}

fn read_any_roa(
    cursor: &mut JsonCursor<'_>,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<EntryOutcome, ScanError> {
    let (mut common, mut prefix, mut max_len) = (Common::new(), EntryField::Missing, EntryField::Missing);
    cursor.object(|name, cursor| {
        // A million of these are read: names are matched, not compared one by one.
        match &*name.octets() {
            b"prefix" => {
                let value = cursor.value()?;
                prefix = EntryField::of("prefix", &value, text_of(&value, scalar::prefix));
            }
            b"maxLength" => {
                let value = cursor.value()?;
                max_len = EntryField::of("maxLength", &value, number_of(&value).and_then(|len| u8::try_from(len).ok()));
            }
            other if common.take(other, cursor, rows, scratch)? => {}
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    })?;
    let asn = std::mem::replace(&mut common.asn, EntryField::Missing);
    let accept = || {
        let asn = asn.required("asn")?;
        let masked = prefix.required("prefix")?;
        let max_len = max_len.optional()?.unwrap_or(masked.prefix.len());
        let origin = RouteOrigin::new(masked.prefix, max_len, asn).map_err(|error| error.to_string())?;
        let (expires, anchor) = common.facts(rows)?;
        rows.origin(&origin, expires, anchor);
        if masked.had_host_bits {
            rows.count_masked();
        }
        Ok(())
    };
    Ok(accept())
}

fn read_router_key(
    cursor: &mut JsonCursor<'_>,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<EntryOutcome, ScanError> {
    let (mut common, mut ski, mut spki) = (Common::new(), EntryField::Missing, EntryField::Missing);
    let mut asns = std::mem::take(&mut scratch.asns);
    asns.clear();
    let read = cursor.object(|name, cursor| {
        if common.take(&name.octets(), cursor, rows, scratch)? {
            return Ok(());
        }
        if name.is("asns") && cursor.peek()? == b'[' {
            return cursor.list(|value| match asn_of(&value) {
                Some(asn) => asns.push(asn),
                None => common.asn = EntryField::Bad(format!("asn is invalid: {}", value.shown())),
            });
        }
        let value = cursor.value()?;
        if name.is("ski") || name.is("SKI") {
            ski = EntryField::of("ski", &value, text_of(&value, scalar::ski));
        } else if ["pubkey", "routerPublicKey", "spki", "subjectPublicKeyInfo"].iter().any(|own| name.is(own)) {
            spki = EntryField::of("key", &value, text_of(&value, scalar::base64));
        }
        Ok(())
    });
    let asn = std::mem::replace(&mut common.asn, EntryField::Missing);
    let accept = || {
        match asn {
            // rpki-prover lists the routers' ASes.
            EntryField::Missing if !asns.is_empty() => {}
            asn => asns.push(asn.required("asn")?),
        }
        let (ski, spki) = (ski.required("ski")?, spki.required("key")?);
        let (expires, anchor) = common.facts(rows)?;
        for asn in &asns {
            RouterKey::new(ski, *asn, &spki).map_err(|error| error.to_string())?;
            rows.router_key(ski, *asn, spki.clone(), expires, anchor);
        }
        Ok(())
    };
    let outcome = read.map(|()| accept());
    scratch.asns = asns;
    outcome
}

fn read_aspa(
    member: &'static str,
    cursor: &mut JsonCursor<'_>,
    index: usize,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<EntryOutcome, ScanError> {
    let (mut common, mut customer, mut providers) = (Common::new(), EntryField::Missing, EntryField::Missing);
    let mut list = std::mem::take(&mut scratch.providers);
    let read = cursor.object(|name, cursor| {
        if common.take(&name.octets(), cursor, rows, scratch)? {
            return Ok(());
        }
        if name.is("providers") && cursor.peek()? == b'[' {
            providers = read_providers(cursor, &mut list)?;
            return Ok(());
        }
        let value = cursor.value()?;
        if name.is("providers") {
            providers = EntryField::Bad(format!("providers is invalid: {}", value.shown()));
        } else if name.is("customer_asid") || name.is("customer") {
            customer = EntryField::of("customer", &value, asn_of(&value));
        }
        Ok(())
    });
    let outcome = read.map(|()| match customer.required("customer") {
        Ok(customer) => accept_aspa(member, customer, providers, &list, common.expires, index, rows),
        Err(reason) => Err(reason),
    });
    scratch.providers = list;
    outcome
}

/// FORT's `"64496": [ 64500, 64501 ]`.
fn read_aspa_pair(
    cursor: &mut JsonCursor<'_>,
    index: usize,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<EntryOutcome, ScanError> {
    let name = cursor.name()?;
    let mut list = std::mem::take(&mut scratch.providers);
    let providers = match cursor.peek()? {
        b'[' => read_providers(cursor, &mut list),
        _ => cursor.value().map(|value| EntryField::Bad(format!("providers is invalid: {}", value.shown()))),
    };
    let outcome = providers.map(|providers| match scalar::asn(&name.octets()) {
        Some(customer) => {
            accept_aspa(EntryList::AspaMap.name(), customer, providers, &list, EntryField::Missing, index, rows)
        }
        None => Err(format!("customer is \"{}\"", name.shown())),
    });
    scratch.providers = list;
    outcome
}

fn read_providers(cursor: &mut JsonCursor<'_>, list: &mut Vec<ProviderAsn>) -> Result<EntryField<()>, ScanError> {
    list.clear();
    let mut providers = EntryField::Good(());
    cursor.list(|value| match asn_of(&value) {
        Some(asn) => list.push(asn.0.to_be_bytes()),
        None => providers = EntryField::Bad(format!("provider is invalid: {}", value.shown())),
    })?;
    Ok(providers)
}

fn accept_aspa(
    member: &'static str,
    customer: Asn,
    providers: EntryField<()>,
    list: &[ProviderAsn],
    expires: EntryField<u32>,
    index: usize,
    rows: &mut Rows,
) -> EntryOutcome {
    if customer == Asn(0) {
        return Err(AspaError::CustomerZero.to_string());
    }
    let check = || {
        providers.required("providers")?;
        let expires = expires.optional()?.unwrap_or(NEVER);
        if list.is_empty() {
            return Err(AspaError::NoProviders.to_string());
        }
        if list.contains(&customer.0.to_be_bytes()) {
            return Err(AspaError::CustomerAmongProviders(customer).to_string()); // [C-ASP-07]
        }
        Ok(expires)
    };
    match check() {
        Ok(expires) => {
            rows.aspa(customer, list, expires, (member, index));
            Ok(())
        }
        Err(reason) => {
            rows.refuse_customer(customer, (member, index));
            Err(reason)
        }
    }
}
