//! The entries of validators' JSON, in all its dialects: VRPs, router keys, ASPAs.
//!
//! An entry either counts or is refused with a reason. ASNs may be numbers or strings with or without `AS`, a missing
//! `maxLength` is the prefix's length, key identifiers are hexadecimal or base64, and members go by several names.

use super::field::{Field, asn_of, number_of, text_of, time_of};
use super::scan::{Cursor, Stop, Text, Value};
use super::shape::Learned;
use crate::rows::Rows;
use crate::scalar;
use crate::table::{NEVER, Stamp};
use rtrcast_proto::{Asn, AspaError, ProviderAsn, RouteOrigin, RouterKey};

/// A member whose entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// Everybody's VRPs.
    Roas,
    /// rpki-client's router keys.
    BgpsecKeys,
    /// Routinator's router keys.
    RouterKeys,
    /// FORT's router keys.
    RouterKeysOfFort,
    /// Everybody's ASPAs but FORT's.
    Aspas,
    /// FORT's ASPAs: an object whose members are customers.
    AspaMap,
    /// The ASPAs of rpki-client 8.0 to 8.4, which had a list for each address family.
    AuthorizationsIpv4,
    /// The other list.
    AuthorizationsIpv6,
    /// The document itself: rpki-prover writes a list of one kind.
    Document,
}

/// Whose members a reader is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// The document's.
    Document,
    /// Those of `provider_authorizations`.
    Authorizations,
}

/// The object that held the ASPAs of rpki-client 8.0 to 8.4.
pub(super) const AUTHORIZATIONS: &str = "provider_authorizations";

/// The object that says when the document was made.
pub(super) const METADATA: &str = "metadata";

/// What entries share, so that a million of them allocate nothing.
#[derive(Default)]
pub(super) struct Scratch {
    /// How the VRPs before were written.
    learned: Learned,
    asns: Vec<Asn>,
    providers: Vec<ProviderAsn>,
    /// The last trust anchor's name and its number: most entries have their neighbour's.
    anchor: Option<(String, u8)>,
}

/// Whether an entry counts, and if not, why.
type Outcome = Result<(), String>;

impl Member {
    pub(super) const ALL: [Member; 9] = [
        Member::Roas,
        Member::BgpsecKeys,
        Member::RouterKeys,
        Member::RouterKeysOfFort,
        Member::Aspas,
        Member::AspaMap,
        Member::AuthorizationsIpv4,
        Member::AuthorizationsIpv6,
        Member::Document,
    ];

    /// The member of a name.
    pub(super) fn named(among: Among, name: &Text<'_>) -> Option<Member> {
        let (members, prefix) = match among {
            Among::Document => (&Member::ALL[..6], ""),
            Among::Authorizations => (&Member::ALL[6..8], "provider_authorizations."),
        };
        members.iter().copied().find(|member| member.name().strip_prefix(prefix).is_some_and(|own| name.is(own)))
    }

    /// The name, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Member::Roas => "roas",
            Member::BgpsecKeys => "bgpsec_keys",
            Member::RouterKeys => "routerKeys",
            Member::RouterKeysOfFort => "router-keys",
            Member::Aspas => "aspas",
            Member::AspaMap => "aspa",
            Member::AuthorizationsIpv4 => "provider_authorizations.ipv4",
            Member::AuthorizationsIpv6 => "provider_authorizations.ipv6",
            Member::Document => "list",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The marks around the entries.
    pub(super) const fn brackets(self) -> (u8, u8) {
        match self {
            Member::AspaMap => (b'{', b'}'),
            _ => (b'[', b']'),
        }
    }

    /// Reads the entry that the cursor stands before, and puts it into the rows.
    pub(super) fn read(
        self,
        cursor: &mut Cursor<'_>,
        place: usize,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<Outcome, Stop> {
        if self == Member::AspaMap {
            return read_aspa_pair(cursor, place, rows, scratch);
        }
        if cursor.peek()? != b'{' {
            let value = cursor.value()?;
            return Ok(Err(format!("{} instead of an object", value.shown())));
        }
        match self {
            Member::Roas => read_roa(cursor, rows, scratch),
            Member::BgpsecKeys | Member::RouterKeys | Member::RouterKeysOfFort => {
                read_router_key(cursor, rows, scratch)
            }
            Member::Aspas | Member::AspaMap | Member::AuthorizationsIpv4 | Member::AuthorizationsIpv6 => {
                read_aspa(self.name(), cursor, place, rows, scratch)
            }
            Member::Document => match kind_of(cursor)? {
                Some(Member::Aspas) => read_aspa(self.name(), cursor, place, rows, scratch),
                Some(Member::RouterKeys) => read_router_key(cursor, rows, scratch),
                _ => read_roa(cursor, rows, scratch),
            },
        }
    }
}

/// What kind of entry an object is, by a member that only that kind has.
fn kind_of(cursor: &Cursor<'_>) -> Result<Option<Member>, Stop> {
    let mut kind = None;
    cursor.clone().object(|name, cursor| {
        for (sign, member) in [("customer", Member::Aspas), ("ski", Member::RouterKeys), ("prefix", Member::Roas)] {
            if name.is(sign) {
                kind = Some(member);
            }
        }
        cursor.value().map(|_| ())
    })?;
    Ok(kind)
}

/// Reads what the document says of its age. What makes no sense there counts as not said: the file's own time serves
/// instead.
pub(super) fn read_metadata(cursor: &mut Cursor<'_>) -> Result<Stamp, Stop> {
    let (mut buildtime, mut generated, mut generated_time, mut valid_until) = (None, None, None, None);
    cursor.object(|name, cursor| {
        let value = cursor.value()?;
        // Zero is how Go writes that a time is not known.
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
    Ok(Stamp { made: buildtime.or(generated).or(generated_time), valid_until })
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

/// What entries of several kinds have in common.
struct Common {
    asn: Field<Asn>,
    anchor: Field<u8>,
    expires: Field<u32>,
}

impl Common {
    fn new() -> Common {
        Common { asn: Field::Missing, anchor: Field::Missing, expires: Field::Missing }
    }

    /// Takes a member if it is one of these.
    fn take<'a>(
        &mut self,
        name: &[u8],
        cursor: &mut Cursor<'a>,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<bool, Stop> {
        match name {
            b"asn" => {
                let value = cursor.value()?;
                self.asn = Field::of("asn", &value, asn_of(&value));
            }
            b"ta" => {
                let value = cursor.value()?;
                self.anchor = Field::of("ta", &value, anchor_of(&value, rows, scratch));
            }
            b"expires" => {
                let value = cursor.value()?;
                self.expires = Field::of("expires", &value, time_of(&value));
            }
            b"source" if cursor.peek()? == b'[' => self.take_sources(cursor, rows, scratch)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Routinator's `jsonext` names the objects that say so. It holds as long as one of their chains does, and goes by the
    /// first one's trust anchor.
    fn take_sources(&mut self, cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<(), Stop> {
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
                if name.is("tal") && matches!((&self.anchor, &value), (Field::Missing, Value::Text(_))) {
                    self.anchor = Field::of("tal", &value, anchor_of(&value, rows, scratch));
                }
                Ok(())
            })?;
            if let Some(expires) = expires {
                let expires = u32::try_from(expires).unwrap_or(NEVER);
                self.expires = match self.expires {
                    Field::Good(other) => Field::Good(other.max(expires)),
                    Field::Missing | Field::Bad(_) => Field::Good(expires),
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

fn read_roa(cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
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

fn read_any_roa(cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
    let (mut common, mut prefix, mut max_len) = (Common::new(), Field::Missing, Field::Missing);
    cursor.object(|name, cursor| {
        // A million of these are read: names are matched, not tried one by one.
        match &*name.octets() {
            b"prefix" => {
                let value = cursor.value()?;
                prefix = Field::of("prefix", &value, text_of(&value, scalar::prefix));
            }
            b"maxLength" => {
                let value = cursor.value()?;
                max_len = Field::of("maxLength", &value, number_of(&value).and_then(|len| u8::try_from(len).ok()));
            }
            other if common.take(other, cursor, rows, scratch)? => {}
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    })?;
    let asn = std::mem::replace(&mut common.asn, Field::Missing);
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

fn read_router_key(cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
    let (mut common, mut ski, mut spki) = (Common::new(), Field::Missing, Field::Missing);
    let mut asns = std::mem::take(&mut scratch.asns);
    asns.clear();
    let read = cursor.object(|name, cursor| {
        if common.take(&name.octets(), cursor, rows, scratch)? {
            return Ok(());
        }
        if name.is("asns") && cursor.peek()? == b'[' {
            return cursor.list(|value| match asn_of(&value) {
                Some(asn) => asns.push(asn),
                None => common.asn = Field::Bad(format!("asn is invalid: {}", value.shown())),
            });
        }
        let value = cursor.value()?;
        if name.is("ski") || name.is("SKI") {
            ski = Field::of("ski", &value, text_of(&value, scalar::ski));
        } else if ["pubkey", "routerPublicKey", "spki", "subjectPublicKeyInfo"].iter().any(|own| name.is(own)) {
            spki = Field::of("key", &value, text_of(&value, scalar::base64));
        }
        Ok(())
    });
    let asn = std::mem::replace(&mut common.asn, Field::Missing);
    let accept = || {
        match asn {
            // rpki-prover lists the routers' ASes.
            Field::Missing if !asns.is_empty() => {}
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
    cursor: &mut Cursor<'_>,
    place: usize,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<Outcome, Stop> {
    let (mut common, mut customer, mut providers) = (Common::new(), Field::Missing, Field::Missing);
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
            providers = Field::Bad(format!("providers is invalid: {}", value.shown()));
        } else if name.is("customer_asid") || name.is("customer") {
            customer = Field::of("customer", &value, asn_of(&value));
        }
        Ok(())
    });
    let outcome = read.map(|()| match customer.required("customer") {
        Ok(customer) => accept_aspa(member, customer, providers, &list, common.expires, place, rows),
        Err(reason) => Err(reason),
    });
    scratch.providers = list;
    outcome
}

/// FORT's `"64496": [ 64500, 64501 ]`.
fn read_aspa_pair(
    cursor: &mut Cursor<'_>,
    place: usize,
    rows: &mut Rows,
    scratch: &mut Scratch,
) -> Result<Outcome, Stop> {
    let name = cursor.name()?;
    let mut list = std::mem::take(&mut scratch.providers);
    let providers = match cursor.peek()? {
        b'[' => read_providers(cursor, &mut list),
        _ => cursor.value().map(|value| Field::Bad(format!("providers is invalid: {}", value.shown()))),
    };
    let outcome = providers.map(|providers| match scalar::asn(&name.octets()) {
        Some(customer) => accept_aspa(Member::AspaMap.name(), customer, providers, &list, Field::Missing, place, rows),
        None => Err(format!("customer is \"{}\"", name.shown())),
    });
    scratch.providers = list;
    outcome
}

fn read_providers(cursor: &mut Cursor<'_>, list: &mut Vec<ProviderAsn>) -> Result<Field<()>, Stop> {
    list.clear();
    let mut providers = Field::Good(());
    cursor.list(|value| match asn_of(&value) {
        Some(asn) => list.push(asn.0.to_be_bytes()),
        None => providers = Field::Bad(format!("provider is invalid: {}", value.shown())),
    })?;
    Ok(providers)
}

fn accept_aspa(
    member: &'static str,
    customer: Asn,
    providers: Field<()>,
    list: &[ProviderAsn],
    expires: Field<u32>,
    place: usize,
    rows: &mut Rows,
) -> Outcome {
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
            rows.aspa(customer, list, expires, (member, place));
            Ok(())
        }
        Err(reason) => {
            rows.spoil_aspa(customer, (member, place));
            Err(reason)
        }
    }
}
