//! Values of an entry's members: AS numbers, texts, numbers and times.

use super::scan::Value;
use crate::scalar;
use crate::table::NEVER;
use rtrcast_proto::Asn;

/// Value of one member of an entry: missing, valid, or invalid.
pub(super) enum EntryField<T> {
    Missing,
    Good(T),
    Bad(String),
}

impl<T> EntryField<T> {
    pub(super) fn of(name: &str, value: &Value<'_>, read: Option<T>) -> EntryField<T> {
        match read {
            Some(good) => EntryField::Good(good),
            None => EntryField::Bad(format!("{name} is invalid: {}", value.shown())),
        }
    }

    pub(super) fn required(self, name: &str) -> Result<T, String> {
        match self {
            EntryField::Good(good) => Ok(good),
            EntryField::Missing => Err(format!("no {name}")),
            EntryField::Bad(reason) => Err(reason),
        }
    }

    pub(super) fn optional(self) -> Result<Option<T>, String> {
        match self {
            EntryField::Good(good) => Ok(Some(good)),
            EntryField::Missing => Ok(None),
            EntryField::Bad(reason) => Err(reason),
        }
    }
}

pub(super) fn asn_of(value: &Value<'_>) -> Option<Asn> {
    match value {
        Value::Number(digits) => scalar::asn(digits),
        Value::Text(text) => scalar::asn(&text.octets()),
        Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

pub(super) fn text_of<T>(value: &Value<'_>, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    match value {
        Value::Text(text) => read(&text.octets()),
        Value::Number(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

pub(super) fn number_of(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Number(digits) => scalar::unsigned(digits),
        Value::Text(_) | Value::True | Value::False | Value::Null | Value::Array | Value::Object => None,
    }
}

/// Seconds since 1970; a time beyond 2106 is never.
pub(super) fn time_of(value: &Value<'_>) -> Option<u32> {
    number_of(value).map(|seconds| u32::try_from(seconds).unwrap_or(NEVER))
}
