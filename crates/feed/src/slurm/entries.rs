//! The entries of the six lists, with their optional and mandatory members.

use super::error::SlurmReason;
use super::walk::{Found, Name, ObjectMembers, Unreadable, Walk};
use super::{AspaAssertion, Assertion, BgpsecAssertion, BgpsecFilter, Filter, PrefixFilter, SlurmDialect, SlurmList};
use crate::scalar;
use rtrcast_proto::{Asn, Aspa, AspaError, Prefix, ProviderAsn, RouteOrigin, RouterKey};

/// Reads an entry of a list of filters.
pub(super) fn filter(walk: &mut Walk<'_>, list: SlurmList) -> Result<Filter, Unreadable> {
    match list {
        SlurmList::PrefixFilters | SlurmList::PrefixAssertions => prefix_filter(walk).map(Filter::Prefix),
        SlurmList::BgpsecFilters | SlurmList::BgpsecAssertions => bgpsec_filter(walk).map(Filter::Bgpsec),
        SlurmList::AspaFilters | SlurmList::AspaAssertions => aspa_filter(walk).map(Filter::Aspa),
    }
}

/// Reads an entry of a list of assertions.
pub(super) fn assertion(walk: &mut Walk<'_>, list: SlurmList) -> Result<Assertion, Unreadable> {
    match list {
        SlurmList::PrefixFilters | SlurmList::PrefixAssertions => prefix_assertion(walk).map(Assertion::Prefix),
        SlurmList::BgpsecFilters | SlurmList::BgpsecAssertions => bgpsec_assertion(walk).map(Assertion::Bgpsec),
        SlurmList::AspaFilters | SlurmList::AspaAssertions => aspa_assertion(walk).map(Assertion::Aspa),
    }
}

/// The members of entries of all lists.
#[derive(Clone, Copy, PartialEq)]
enum SlurmField {
    Prefix,
    Asn,
    MaxPrefixLength,
    Ski,
    RouterPublicKey,
    CustomerAsn,
    ProviderAsns,
    Comment,
}

const PREFIX: Name<SlurmField> = Name::strict(SlurmField::Prefix, "prefix");
const ASN: Name<SlurmField> = Name::strict(SlurmField::Asn, "asn");
const MAX_PREFIX_LENGTH: Name<SlurmField> = Name::strict(SlurmField::MaxPrefixLength, "maxPrefixLength");
const SKI: Name<SlurmField> = Name::strict(SlurmField::Ski, "SKI");
const ROUTER_PUBLIC_KEY: Name<SlurmField> = Name::strict(SlurmField::RouterPublicKey, "routerPublicKey");
const CUSTOMER: Name<SlurmField> = Name::strict(SlurmField::CustomerAsn, "customerAsn");
const CUSTOMER_OF_OTHERS: Name<SlurmField> = Name::lenient(SlurmField::CustomerAsn, "customerAsid");
const PROVIDERS: Name<SlurmField> = Name::strict(SlurmField::ProviderAsns, "providerAsns");
const PROVIDERS_OF_OTHERS: Name<SlurmField> = Name::lenient(SlurmField::ProviderAsns, "providers");
const COMMENT: Name<SlurmField> = Name::strict(SlurmField::Comment, "comment");

/// Values of the members of one entry. Invalid ones are missing, and have been reported.
struct Fields {
    members: ObjectMembers<SlurmField>,
    values: Values,
}

#[derive(Default)]
struct Values {
    prefix: Option<Found<Prefix>>,
    asn: Option<Found<Asn>>,
    max_len: Option<Found<u8>>,
    ski: Option<Found<[u8; 20]>>,
    key: Option<Found<Vec<u8>>>,
    customer: Option<Found<Asn>>,
    providers: Option<Found<Vec<ProviderAsn>>>,
}

impl Fields {
    fn read(walk: &mut Walk<'_>, names: &[Name<SlurmField>]) -> Result<Fields, Unreadable> {
        let mut values = Values::default();
        let members = walk.object(names, |walk, field| {
            match field {
                SlurmField::Prefix => values.prefix = Some(prefix(walk)?),
                SlurmField::Asn => values.asn = Some(walk.asn()?),
                SlurmField::MaxPrefixLength => values.max_len = Some(walk.whole(SlurmReason::NotLength)?),
                SlurmField::Ski => values.ski = Some(ski(walk)?),
                SlurmField::RouterPublicKey => values.key = Some(base64(walk)?),
                SlurmField::CustomerAsn => values.customer = Some(walk.asn()?),
                SlurmField::ProviderAsns => values.providers = Some(providers(walk)?),
                SlurmField::Comment => {
                    walk.text()?;
                }
            }
            Ok(())
        })?;
        Ok(Fields { members, values })
    }

    /// Reports mandatory members that are missing.
    fn require(&self, walk: &mut Walk<'_>, names: &[Name<SlurmField>]) {
        for Name { member, name, .. } in names {
            if !self.members.has(member) {
                walk.report(self.members.at, SlurmReason::Missing(name));
            }
        }
    }

    /// Returns the filter; an error if it names nothing. [SL-05]
    fn names_something<T>(
        &self,
        walk: &mut Walk<'_>,
        filter: Option<T>,
        names: [Name<SlurmField>; 2],
        members: &'static str,
    ) -> Result<T, Unreadable> {
        if !names.iter().any(|name| self.members.has(&name.member)) {
            walk.report(self.members.at, SlurmReason::NamesNothing(members));
        }
        filter.ok_or(Unreadable::Value)
    }
}

fn prefix_filter(walk: &mut Walk<'_>) -> Result<PrefixFilter, Unreadable> {
    let fields = Fields::read(walk, &[PREFIX, ASN, COMMENT])?;
    let filter = match (fields.values.prefix, fields.values.asn) {
        (Some(prefix), Some(asn)) => Some(PrefixFilter::Both(prefix.value, asn.value)),
        (Some(prefix), None) => Some(PrefixFilter::Prefix(prefix.value)),
        (None, Some(asn)) => Some(PrefixFilter::Asn(asn.value)),
        (None, None) => None,
    };
    fields.names_something(walk, filter, [PREFIX, ASN], "\"prefix\" and \"asn\"")
}

fn bgpsec_filter(walk: &mut Walk<'_>) -> Result<BgpsecFilter, Unreadable> {
    let fields = Fields::read(walk, &[ASN, SKI, COMMENT])?;
    let filter = match (fields.values.asn, fields.values.ski) {
        (Some(asn), Some(ski)) => Some(BgpsecFilter::Both(asn.value, ski.value)),
        (Some(asn), None) => Some(BgpsecFilter::Asn(asn.value)),
        (None, Some(ski)) => Some(BgpsecFilter::Ski(ski.value)),
        (None, None) => None,
    };
    fields.names_something(walk, filter, [ASN, SKI], "\"asn\" and \"SKI\"")
}

fn aspa_filter(walk: &mut Walk<'_>) -> Result<Asn, Unreadable> {
    let fields = Fields::read(walk, &[CUSTOMER, CUSTOMER_OF_OTHERS, COMMENT])?;
    fields.require(walk, &[CUSTOMER]);
    let customer = fields.values.customer.ok_or(Unreadable::Value)?;
    not_zero(walk, customer)?;
    Ok(customer.value)
}

/// Reports AS 0 as a customer.
fn not_zero(walk: &mut Walk<'_>, customer: Found<Asn>) -> Result<(), Unreadable> {
    match customer.value {
        Asn(0) => Err(walk.report_in(&[CUSTOMER.name], customer.at, SlurmReason::Aspa(AspaError::CustomerZero))),
        _ => Ok(()),
    }
}

fn prefix_assertion(walk: &mut Walk<'_>) -> Result<RouteOrigin, Unreadable> {
    let fields = Fields::read(walk, &[PREFIX, ASN, MAX_PREFIX_LENGTH, COMMENT])?;
    fields.require(walk, &[PREFIX, ASN]);
    let Values { prefix, asn, max_len, .. } = fields.values;
    let prefix = prefix.ok_or(Unreadable::Value)?;
    let max_len = max_len.unwrap_or(Found { value: prefix.value.len(), at: prefix.at });
    // An error in prefix and length is reported even if the AS is invalid.
    let origin = RouteOrigin::new(prefix.value, max_len.value, asn.map_or(Asn(0), |asn| asn.value));
    let origin =
        origin.map_err(|error| walk.report_in(&[MAX_PREFIX_LENGTH.name], max_len.at, SlurmReason::MaxLength(error)))?;
    asn.map(|_| origin).ok_or(Unreadable::Value)
}

fn bgpsec_assertion(walk: &mut Walk<'_>) -> Result<BgpsecAssertion, Unreadable> {
    let fields = Fields::read(walk, &[ASN, SKI, ROUTER_PUBLIC_KEY, COMMENT])?;
    fields.require(walk, &[ASN, SKI, ROUTER_PUBLIC_KEY]);
    let Values { asn, ski, key, .. } = fields.values;
    let key = key.ok_or(Unreadable::Value)?;
    if let Err(error) = RouterKey::new([0; 20], Asn(0), &key.value) {
        return Err(walk.report_in(&[ROUTER_PUBLIC_KEY.name], key.at, SlurmReason::Key(error)));
    }
    let (ski, asn) = ski.zip(asn).ok_or(Unreadable::Value)?;
    Ok(BgpsecAssertion { ski: ski.value, asn: asn.value, spki: key.value })
}

fn aspa_assertion(walk: &mut Walk<'_>) -> Result<AspaAssertion, Unreadable> {
    let names = [CUSTOMER, CUSTOMER_OF_OTHERS, PROVIDERS, PROVIDERS_OF_OTHERS, COMMENT];
    let fields = Fields::read(walk, &names)?;
    fields.require(walk, &[CUSTOMER, PROVIDERS]);
    let Values { customer, providers, .. } = fields.values;
    // An error in one of them is reported even if the other is invalid.
    let judged = customer.map_or(Ok(()), |customer| not_zero(walk, customer));
    let (customer, providers) = customer.zip(providers).ok_or(Unreadable::Value)?;
    judged?;
    match Aspa::new(customer.value, &providers.value) {
        Ok(_) => Ok(AspaAssertion { customer: customer.value, providers: providers.value }),
        Err(error) => Err(walk.report_in(&[PROVIDERS.name], providers.at, SlurmReason::Aspa(error))),
    }
}

fn prefix(walk: &mut Walk<'_>) -> Result<Found<Prefix>, Unreadable> {
    let Found { value: text, at } = walk.text()?;
    match scalar::prefix(&text.octets()) {
        Some(masked) if !masked.had_host_bits => Ok(Found { value: masked.prefix, at }),
        Some(masked) => Err(walk.report(at, SlurmReason::HostBits(text.shown(), masked.prefix))),
        None => Err(walk.report(at, SlurmReason::NotPrefix(text.shown()))),
    }
}

/// Reads base64 of either alphabet, with or without padding: the specifications' own examples have both, and the octets
/// are unambiguous.
fn base64(walk: &mut Walk<'_>) -> Result<Found<Vec<u8>>, Unreadable> {
    let Found { value: text, at } = walk.text()?;
    match scalar::base64(&text.octets()) {
        Some(value) => Ok(Found { value, at }),
        None => Err(walk.report(at, SlurmReason::NotBase64)),
    }
}

fn ski(walk: &mut Walk<'_>) -> Result<Found<[u8; 20]>, Unreadable> {
    let Found { value, at } = base64(walk)?;
    match <[u8; 20]>::try_from(value.as_slice()) {
        Ok(value) => Ok(Found { value, at }),
        Err(_) => Err(walk.report(at, SlurmReason::SkiOctets(value.len()))),
    }
}

/// Reads providers in order. An unordered list is sorted if the dialect allows that.
fn providers(walk: &mut Walk<'_>) -> Result<Found<Vec<ProviderAsn>>, Unreadable> {
    let (at, errors) = (walk.at()?, walk.error_count());
    let mut last = None;
    let mut asns = Vec::new();
    walk.list(|walk, _, _| {
        let Found { value: provider, at } = walk.asn()?;
        let before = last.replace(provider);
        asns.push(provider.0.to_be_bytes());
        match (before, walk.dialect()) {
            (Some(before), SlurmDialect::Strict) if before >= provider => {
                Err(walk.report(at, SlurmReason::NotAscending(before, provider)))
            }
            (_, SlurmDialect::Strict | SlurmDialect::Lenient) => Ok(()),
        }
    })?;
    if walk.error_count() > errors {
        return Err(Unreadable::Value);
    }
    if walk.dialect() == SlurmDialect::Lenient {
        asns.sort_unstable();
        asns.dedup();
    }
    Ok(Found { value: asns, at })
}
