//! The entries of rpki-client's JSON: `roas`, `bgpsec_keys` and `aspas`.
//!
//! An entry either counts or is refused with a reason. ASNs may be numbers or strings with or without `AS`, and a
//! missing `maxLength` is the prefix's length: other validators write it so.

use super::scan::{Cursor, Stop, Value};
use crate::rows::Rows;
use crate::scalar;
use crate::table::NEVER;
use rtrcast_proto::{Asn, AspaError, ProviderAsn, RouteOrigin, RouterKey};

/// A list whose entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Roas,
    BgpsecKeys,
    Aspas,
}

/// Memory that entries share, so that a million of them allocate nothing.
#[derive(Default)]
pub(super) struct Scratch {
    providers: Vec<ProviderAsn>,
    /// The last trust anchor's name and its number: most entries have their neighbour's.
    anchor: Option<(String, u8)>,
}

/// Whether an entry counts, and if not, why.
type Outcome = Result<(), String>;

impl Member {
    pub(super) const ALL: [Member; 3] = [Member::Roas, Member::BgpsecKeys, Member::Aspas];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Member::Roas => "roas",
            Member::BgpsecKeys => "bgpsec_keys",
            Member::Aspas => "aspas",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Reads the entry that the cursor stands before, and puts it into the rows.
    pub(super) fn read(
        self,
        cursor: &mut Cursor<'_>,
        place: usize,
        rows: &mut Rows,
        scratch: &mut Scratch,
    ) -> Result<Outcome, Stop> {
        if cursor.peek()? != b'{' {
            let value = cursor.value()?;
            return Ok(Err(format!("{} instead of an object", value.shown())));
        }
        match self {
            Member::Roas => read_roa(cursor, rows, scratch),
            Member::BgpsecKeys => read_router_key(cursor, rows, scratch),
            Member::Aspas => read_aspa(cursor, place, rows, scratch),
        }
    }
}

/// What one member of an entry said: nothing, something of use, or something that makes no sense.
enum Field<T> {
    Missing,
    Good(T),
    Bad(String),
}

impl<T> Field<T> {
    fn of(name: &str, value: &Value<'_>, read: Option<T>) -> Field<T> {
        match read {
            Some(good) => Field::Good(good),
            None => Field::Bad(format!("{name} is {}", value.shown())),
        }
    }

    fn required(self, name: &str) -> Result<T, String> {
        match self {
            Field::Good(good) => Ok(good),
            Field::Missing => Err(format!("no {name}")),
            Field::Bad(reason) => Err(reason),
        }
    }

    fn optional(self) -> Result<Option<T>, String> {
        match self {
            Field::Good(good) => Ok(Some(good)),
            Field::Missing => Ok(None),
            Field::Bad(reason) => Err(reason),
        }
    }
}

fn asn_of(value: &Value<'_>) -> Option<Asn> {
    match value {
        Value::Number(digits) => scalar::asn(digits),
        Value::Text(text) => scalar::asn(&text.octets()),
        Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

fn text_of<T>(value: &Value<'_>, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    match value {
        Value::Text(text) => read(&text.octets()),
        Value::Number(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

fn number_of(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Number(digits) => scalar::unsigned(digits),
        Value::Text(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

/// Seconds since 1970; a time beyond 2106 is as good as never.
fn time_of(value: &Value<'_>) -> Option<u32> {
    number_of(value).map(|seconds| u32::try_from(seconds).unwrap_or(NEVER))
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

fn read_roa(cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
    let (mut asn, mut prefix, mut max_len) = (Field::Missing, Field::Missing, Field::Missing);
    let (mut anchor, mut expires) = (Field::Missing, Field::Missing);
    cursor.object(|name, cursor| {
        let value = cursor.value()?;
        if name.is("asn") {
            asn = Field::of("asn", &value, asn_of(&value));
        } else if name.is("prefix") {
            prefix = Field::of("prefix", &value, text_of(&value, scalar::prefix));
        } else if name.is("maxLength") {
            max_len = Field::of("maxLength", &value, number_of(&value).and_then(|len| u8::try_from(len).ok()));
        } else if name.is("ta") {
            anchor = Field::of("ta", &value, anchor_of(&value, rows, scratch));
        } else if name.is("expires") {
            expires = Field::of("expires", &value, time_of(&value));
        }
        Ok(())
    })?;
    let accept = || {
        let asn = asn.required("asn")?;
        let masked = prefix.required("prefix")?;
        let max_len = max_len.optional()?.unwrap_or(masked.prefix.len());
        let origin = RouteOrigin::new(masked.prefix, max_len, asn).map_err(|error| error.to_string())?;
        let anchor = match anchor.optional()? {
            Some(anchor) => anchor,
            None => rows.anchor(""),
        };
        rows.origin(&origin, expires.optional()?.unwrap_or(NEVER), anchor);
        if masked.had_host_bits {
            rows.count_masked();
        }
        Ok(())
    };
    Ok(accept())
}

fn read_router_key(cursor: &mut Cursor<'_>, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
    let (mut asn, mut ski, mut spki) = (Field::Missing, Field::Missing, Field::Missing);
    let (mut anchor, mut expires) = (Field::Missing, Field::Missing);
    cursor.object(|name, cursor| {
        let value = cursor.value()?;
        if name.is("asn") {
            asn = Field::of("asn", &value, asn_of(&value));
        } else if name.is("ski") {
            ski = Field::of("ski", &value, text_of(&value, scalar::ski));
        } else if name.is("pubkey") {
            spki = Field::of("pubkey", &value, text_of(&value, scalar::base64));
        } else if name.is("ta") {
            anchor = Field::of("ta", &value, anchor_of(&value, rows, scratch));
        } else if name.is("expires") {
            expires = Field::of("expires", &value, time_of(&value));
        }
        Ok(())
    })?;
    let accept = || {
        let (asn, ski, spki) = (asn.required("asn")?, ski.required("ski")?, spki.required("pubkey")?);
        RouterKey::new(ski, asn, &spki).map_err(|error| error.to_string())?;
        let anchor = match anchor.optional()? {
            Some(anchor) => anchor,
            None => rows.anchor(""),
        };
        rows.router_key(ski, asn, spki, expires.optional()?.unwrap_or(NEVER), anchor);
        Ok(())
    };
    Ok(accept())
}

fn read_aspa(cursor: &mut Cursor<'_>, place: usize, rows: &mut Rows, scratch: &mut Scratch) -> Result<Outcome, Stop> {
    let (mut customer, mut providers, mut expires) = (Field::Missing, Field::Missing, Field::Missing);
    let list = &mut scratch.providers;
    cursor.object(|name, cursor| {
        if name.is("providers") && cursor.peek()? == b'[' {
            list.clear();
            providers = Field::Good(());
            cursor.list(|value| match asn_of(&value) {
                Some(asn) => list.push(asn.0.to_be_bytes()),
                None => providers = Field::Bad(format!("provider is {}", value.shown())),
            })?;
            return Ok(());
        }
        let value = cursor.value()?;
        if name.is("providers") {
            providers = Field::Bad(format!("providers is {}", value.shown()));
        } else if name.is("customer_asid") {
            customer = Field::of("customer_asid", &value, asn_of(&value));
        } else if name.is("expires") {
            expires = Field::of("expires", &value, time_of(&value));
        }
        Ok(())
    })?;
    let customer: Asn = match customer.required("customer_asid") {
        Ok(Asn(0)) => return Ok(Err(AspaError::CustomerZero.to_string())),
        Ok(customer) => customer,
        Err(reason) => return Ok(Err(reason)),
    };
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
    Ok(match check() {
        Ok(expires) => {
            rows.aspa(customer, list, expires, place);
            Ok(())
        }
        Err(reason) => {
            rows.spoil_aspa(customer, place);
            Err(reason)
        }
    })
}
