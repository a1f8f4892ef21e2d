//! What a SLURM file may have, and where: members of objects in any order, each of the right kind, and none besides.

use super::error::{SlurmError, SlurmReason};
use super::walk::{Found, Name, Walk};
use super::{
    AspaAssertion, Assertion, BgpsecAssertion, BgpsecFilter, Entry, Filter, PrefixFilter, SlurmDialect, SlurmFile,
    SlurmList, SlurmVersion,
};
use crate::scalar;
use rtrcast_proto::{Asn, Aspa, AspaError, Prefix, ProviderAsn, RouteOrigin, RouterKey};

impl SlurmFile {
    /// Reads a whole file, which is accepted as it stands or not at all. How large a file may be is the caller's to say.
    pub fn parse(octets: &[u8], dialect: SlurmDialect) -> Result<SlurmFile, SlurmError> {
        let mut walk = Walk::new(octets, dialect)?;
        let mut document = Document::default();
        let start = walk.object(&DOCUMENT, |walk, member| document.read(walk, member))?;
        let file = document.finish(&mut walk, start)?;
        walk.end()?;
        Ok(file)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Member {
    Version,
    Filters,
    Assertions,
}

const VERSION: &str = "slurmVersion";
const FILTERS: &str = "validationOutputFilters";
const ASSERTIONS: &str = "locallyAddedAssertions";

const DOCUMENT: [Name<Member>; 3] = [
    Name::strict(Member::Version, VERSION),
    Name::strict(Member::Filters, FILTERS),
    Name::strict(Member::Assertions, ASSERTIONS),
];

const FILTER_LISTS: [Name<SlurmList>; 3] = [
    Name::strict(SlurmList::PrefixFilters, "prefixFilters"),
    Name::strict(SlurmList::BgpsecFilters, "bgpsecFilters"),
    Name::strict(SlurmList::AspaFilters, "aspaFilters"),
];

const ASSERTION_LISTS: [Name<SlurmList>; 3] = [
    Name::strict(SlurmList::PrefixAssertions, "prefixAssertions"),
    Name::strict(SlurmList::BgpsecAssertions, "bgpsecAssertions"),
    Name::strict(SlurmList::AspaAssertions, "aspaAssertions"),
];

/// What has been read of a document.
#[derive(Default)]
struct Document {
    version: Option<SlurmVersion>,
    filters: Vec<Entry<Filter>>,
    assertions: Vec<Entry<Assertion>>,
    /// Where the two objects begin.
    objects: [Option<usize>; 2],
    /// Where the lists of version 2 begin, as far as they are there. The version may stand behind them.
    aspas: [Option<usize>; 2],
}

impl Document {
    fn read(&mut self, walk: &mut Walk<'_>, member: Member) -> Result<(), SlurmError> {
        match member {
            Member::Version => {
                let Found { value, at } = walk.whole::<u64>(SlurmReason::Version)?;
                self.version = Some(match value {
                    1 => SlurmVersion::V1,
                    2 => SlurmVersion::V2,
                    other => return Err(walk.wrong(at, SlurmReason::Version(other.to_string()))),
                });
            }
            Member::Filters => {
                let Lists { at, aspas } = self.read_lists(walk, &FILTER_LISTS)?;
                (self.objects[0], self.aspas[0]) = (Some(at), aspas);
            }
            Member::Assertions => {
                let Lists { at, aspas } = self.read_lists(walk, &ASSERTION_LISTS)?;
                (self.objects[1], self.aspas[1]) = (Some(at), aspas);
            }
        }
        Ok(())
    }

    /// Reads the lists of one of the two objects. Those of version 1 have to be there.
    fn read_lists(&mut self, walk: &mut Walk<'_>, names: &[Name<SlurmList>; 3]) -> Result<Lists, SlurmError> {
        let mut seen: Vec<(SlurmList, usize)> = Vec::new();
        let at = walk.object(names, |walk, list| {
            seen.push((list, walk.at()?));
            walk.list(|walk, index, line| self.read_entry(walk, Entry { list, index, line, value: () }))
        })?;
        let begins = |list: SlurmList| seen.iter().find(|(seen, _)| *seen == list).map(|(_, at)| *at);
        let [prefixes, keys, aspas] = names;
        for name in [prefixes, keys] {
            if begins(name.member).is_none() {
                return Err(walk.wrong(at, SlurmReason::Missing(name.name)));
            }
        }
        Ok(Lists { at, aspas: begins(aspas.member) })
    }

    fn read_entry(&mut self, walk: &mut Walk<'_>, entry: Entry<()>) -> Result<(), SlurmError> {
        let Entry { list, index, line, value: () } = entry;
        let filter = |value| Entry { list, index, line, value };
        let assertion = |value| Entry { list, index, line, value };
        match list {
            SlurmList::PrefixFilters => self.filters.push(filter(Filter::Prefix(prefix_filter(walk)?))),
            SlurmList::BgpsecFilters => self.filters.push(filter(Filter::Bgpsec(bgpsec_filter(walk)?))),
            SlurmList::AspaFilters => self.filters.push(filter(Filter::Aspa(aspa_filter(walk)?))),
            SlurmList::PrefixAssertions => {
                self.assertions.push(assertion(Assertion::Prefix(prefix_assertion(walk)?)));
            }
            SlurmList::BgpsecAssertions => {
                self.assertions.push(assertion(Assertion::Bgpsec(bgpsec_assertion(walk)?)));
            }
            SlurmList::AspaAssertions => self.assertions.push(assertion(Assertion::Aspa(aspa_assertion(walk)?))),
        }
        Ok(())
    }

    /// Checks what only the whole document shows.
    fn finish(self, walk: &mut Walk<'_>, start: usize) -> Result<SlurmFile, SlurmError> {
        let missing = |name| SlurmReason::Missing(name);
        let Some(version) = self.version else { return Err(walk.wrong(start, missing(VERSION))) };
        let places = self.objects.into_iter().zip(self.aspas);
        for ((object, aspas), (name, list)) in places.zip([(FILTERS, "aspaFilters"), (ASSERTIONS, "aspaAssertions")]) {
            let Some(object) = object else { return Err(walk.wrong(start, missing(name))) };
            match (version, aspas) {
                (SlurmVersion::V1, None) | (SlurmVersion::V2, Some(_)) => {}
                (SlurmVersion::V1, Some(at)) => return Err(walk.wrong_member(name, at, SlurmReason::OfVersion2(list))),
                (SlurmVersion::V2, None) => return Err(walk.wrong_member(name, object, missing(list))),
            }
        }
        Ok(SlurmFile { version, filters: self.filters, assertions: self.assertions })
    }
}

/// Where one of the two objects begins, and its list of version 2.
struct Lists {
    at: usize,
    aspas: Option<usize>,
}

/// The members of entries of all lists.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Prefix,
    Asn,
    MaxPrefixLength,
    Ski,
    RouterPublicKey,
    CustomerAsn,
    ProviderAsns,
    Comment,
}

const PREFIX: Name<Field> = Name::strict(Field::Prefix, "prefix");
const ASN: Name<Field> = Name::strict(Field::Asn, "asn");
const MAX_PREFIX_LENGTH: Name<Field> = Name::strict(Field::MaxPrefixLength, "maxPrefixLength");
const SKI: Name<Field> = Name::strict(Field::Ski, "SKI");
const ROUTER_PUBLIC_KEY: Name<Field> = Name::strict(Field::RouterPublicKey, "routerPublicKey");
const CUSTOMER: Name<Field> = Name::strict(Field::CustomerAsn, "customerAsn");
const CUSTOMER_OF_OTHERS: Name<Field> = Name::lenient(Field::CustomerAsn, "customerAsid");
const PROVIDERS: Name<Field> = Name::strict(Field::ProviderAsns, "providerAsns");
const PROVIDERS_OF_OTHERS: Name<Field> = Name::lenient(Field::ProviderAsns, "providers");
const COMMENT: Name<Field> = Name::strict(Field::Comment, "comment");

/// What the members of one entry said.
#[derive(Default)]
struct Fields {
    /// Where the entry begins.
    at: usize,
    prefix: Option<Found<Prefix>>,
    asn: Option<Found<Asn>>,
    max_len: Option<Found<u8>>,
    ski: Option<Found<[u8; 20]>>,
    key: Option<Found<Vec<u8>>>,
    customer: Option<Found<Asn>>,
    providers: Option<Found<Vec<ProviderAsn>>>,
}

impl Fields {
    fn read(walk: &mut Walk<'_>, names: &[Name<Field>]) -> Result<Fields, SlurmError> {
        let mut fields = Fields::default();
        fields.at = walk.object(names, |walk, field| {
            match field {
                Field::Prefix => fields.prefix = Some(prefix(walk)?),
                Field::Asn => fields.asn = Some(walk.asn()?),
                Field::MaxPrefixLength => fields.max_len = Some(walk.whole(SlurmReason::NotLength)?),
                Field::Ski => fields.ski = Some(ski(walk)?),
                Field::RouterPublicKey => fields.key = Some(base64(walk)?),
                Field::CustomerAsn => fields.customer = Some(walk.asn()?),
                Field::ProviderAsns => fields.providers = Some(providers(walk)?),
                Field::Comment => {
                    walk.text()?;
                }
            }
            Ok(())
        })?;
        Ok(fields)
    }
}

/// A member that has to be there.
fn required<T>(
    walk: &Walk<'_>,
    at: usize,
    name: &Name<Field>,
    found: Option<Found<T>>,
) -> Result<Found<T>, SlurmError> {
    found.ok_or_else(|| walk.wrong(at, SlurmReason::Missing(name.name)))
}

fn prefix_filter(walk: &mut Walk<'_>) -> Result<PrefixFilter, SlurmError> {
    let fields = Fields::read(walk, &[PREFIX, ASN, COMMENT])?;
    match (fields.prefix, fields.asn) {
        (Some(prefix), Some(asn)) => Ok(PrefixFilter::Both(prefix.value, asn.value)),
        (Some(prefix), None) => Ok(PrefixFilter::Prefix(prefix.value)),
        (None, Some(asn)) => Ok(PrefixFilter::Asn(asn.value)),
        (None, None) => Err(walk.wrong(fields.at, SlurmReason::NamesNothing("\"prefix\" and \"asn\""))), // [SL-05]
    }
}

fn bgpsec_filter(walk: &mut Walk<'_>) -> Result<BgpsecFilter, SlurmError> {
    let fields = Fields::read(walk, &[ASN, SKI, COMMENT])?;
    match (fields.asn, fields.ski) {
        (Some(asn), Some(ski)) => Ok(BgpsecFilter::Both(asn.value, ski.value)),
        (Some(asn), None) => Ok(BgpsecFilter::Asn(asn.value)),
        (None, Some(ski)) => Ok(BgpsecFilter::Ski(ski.value)),
        (None, None) => Err(walk.wrong(fields.at, SlurmReason::NamesNothing("\"asn\" and \"SKI\""))), // [SL-05]
    }
}

fn aspa_filter(walk: &mut Walk<'_>) -> Result<Asn, SlurmError> {
    let fields = Fields::read(walk, &[CUSTOMER, CUSTOMER_OF_OTHERS, COMMENT])?;
    let customer = required(walk, fields.at, &CUSTOMER, fields.customer)?;
    if customer.value == Asn(0) {
        return Err(walk.wrong_member(CUSTOMER.name, customer.at, SlurmReason::Aspa(AspaError::CustomerZero)));
    }
    Ok(customer.value)
}

fn prefix_assertion(walk: &mut Walk<'_>) -> Result<RouteOrigin, SlurmError> {
    let fields = Fields::read(walk, &[PREFIX, ASN, MAX_PREFIX_LENGTH, COMMENT])?;
    let prefix = required(walk, fields.at, &PREFIX, fields.prefix)?;
    let asn = required(walk, fields.at, &ASN, fields.asn)?;
    let max_len = fields.max_len.unwrap_or(Found { value: prefix.value.len(), at: prefix.at });
    RouteOrigin::new(prefix.value, max_len.value, asn.value)
        .map_err(|error| walk.wrong_member(MAX_PREFIX_LENGTH.name, max_len.at, SlurmReason::MaxLength(error)))
}

fn bgpsec_assertion(walk: &mut Walk<'_>) -> Result<BgpsecAssertion, SlurmError> {
    let fields = Fields::read(walk, &[ASN, SKI, ROUTER_PUBLIC_KEY, COMMENT])?;
    let asn = required(walk, fields.at, &ASN, fields.asn)?.value;
    let ski = required(walk, fields.at, &SKI, fields.ski)?.value;
    let key = required(walk, fields.at, &ROUTER_PUBLIC_KEY, fields.key)?;
    match RouterKey::new(ski, asn, &key.value) {
        Ok(_) => Ok(BgpsecAssertion { ski, asn, spki: key.value }),
        Err(error) => Err(walk.wrong_member(ROUTER_PUBLIC_KEY.name, key.at, SlurmReason::Key(error))),
    }
}

fn aspa_assertion(walk: &mut Walk<'_>) -> Result<AspaAssertion, SlurmError> {
    let names = [CUSTOMER, CUSTOMER_OF_OTHERS, PROVIDERS, PROVIDERS_OF_OTHERS, COMMENT];
    let fields = Fields::read(walk, &names)?;
    let customer = required(walk, fields.at, &CUSTOMER, fields.customer)?;
    let providers = required(walk, fields.at, &PROVIDERS, fields.providers)?;
    let (name, at, error) = match Aspa::new(customer.value, &providers.value) {
        Ok(_) => return Ok(AspaAssertion { customer: customer.value, providers: providers.value }),
        Err(error @ AspaError::CustomerZero) => (CUSTOMER.name, customer.at, error),
        Err(error) => (PROVIDERS.name, providers.at, error),
    };
    Err(walk.wrong_member(name, at, SlurmReason::Aspa(error)))
}

fn prefix(walk: &mut Walk<'_>) -> Result<Found<Prefix>, SlurmError> {
    let Found { value: text, at } = walk.text()?;
    match scalar::prefix(&text.octets()) {
        Some(masked) if !masked.had_host_bits => Ok(Found { value: masked.prefix, at }),
        Some(masked) => Err(walk.wrong(at, SlurmReason::HostBits(text.shown(), masked.prefix))),
        None => Err(walk.wrong(at, SlurmReason::NotPrefix(text.shown()))),
    }
}

/// Either alphabet, with or without padding: the texts' own examples have both, and the octets say what was meant.
fn base64(walk: &mut Walk<'_>) -> Result<Found<Vec<u8>>, SlurmError> {
    let Found { value: text, at } = walk.text()?;
    match scalar::base64(&text.octets()) {
        Some(value) => Ok(Found { value, at }),
        None => Err(walk.wrong(at, SlurmReason::NotBase64)),
    }
}

fn ski(walk: &mut Walk<'_>) -> Result<Found<[u8; 20]>, SlurmError> {
    let Found { value, at } = base64(walk)?;
    match <[u8; 20]>::try_from(value.as_slice()) {
        Ok(value) => Ok(Found { value, at }),
        Err(_) => Err(walk.wrong(at, SlurmReason::SkiOctets(value.len()))),
    }
}

/// Providers in order. A list in no order is put into one if the dialect allows that.
fn providers(walk: &mut Walk<'_>) -> Result<Found<Vec<ProviderAsn>>, SlurmError> {
    let at = walk.at()?;
    let mut last = None;
    let mut asns = Vec::new();
    walk.list(|walk, _, _| {
        let Found { value: provider, at } = walk.asn()?;
        match (last, walk.dialect()) {
            (Some(before), SlurmDialect::Strict) if before >= provider => {
                return Err(walk.wrong(at, SlurmReason::NotAscending(before, provider)));
            }
            (_, SlurmDialect::Strict | SlurmDialect::Lenient) => {}
        }
        last = Some(provider);
        asns.push(provider.0.to_be_bytes());
        Ok(())
    })?;
    if walk.dialect() == SlurmDialect::Lenient {
        asns.sort_unstable();
        asns.dedup();
    }
    Ok(Found { value: asns, at })
}
