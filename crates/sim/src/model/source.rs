//! Tables of sources and SLURM as sets, and as the documents that the program reads.

use super::record::{ModelRecord, ModelSet};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a validator writes: records, with when they expire, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceTable {
    pub(crate) records: BTreeMap<ModelRecord, Option<u32>>,
}

/// A local exception file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlurmModel {
    /// VRPs of this AS are removed.
    pub(crate) filtered_asn: Option<u32>,
    /// The ASPA of this customer is removed.
    pub(crate) filtered_customer: Option<u32>,
    /// VRPs that are added, whatever the filters say.
    pub(crate) added: BTreeSet<ModelRecord>,
}

impl SourceTable {
    /// Returns the records that are in effect at this second.
    pub(crate) fn in_effect(&self, unix: u32) -> ModelSet {
        let is_in_effect = |expires: &Option<u32>| expires.is_none_or(|expires| expires > unix);
        self.records.iter().filter(|(_, expires)| is_in_effect(expires)).map(|(record, _)| record.clone()).collect()
    }

    /// Returns rpki-client's JSON.
    pub(crate) fn document(&self) -> String {
        let (mut roas, mut keys, mut aspas) = (String::new(), String::new(), String::new());
        for (record, expires) in &self.records {
            let expires = expires.map_or(String::new(), |expires| format!(",\"expires\":{expires}"));
            let (list, entry) = match record {
                ModelRecord::Vrp { address, length, max_length, asn } => (
                    &mut roas,
                    format!(
                        "{{\"asn\":{asn},\"prefix\":\"{address}/{length}\",\"maxLength\":{max_length},\"ta\":\"sim\"{expires}}}"
                    ),
                ),
                ModelRecord::RouterKey { ski, asn, spki } => (
                    &mut keys,
                    format!("{{\"asn\":{asn},\"ski\":\"{}\",\"pubkey\":\"{}\"{expires}}}", hex(ski), base64(spki)),
                ),
                ModelRecord::Aspa { customer, providers } => {
                    (&mut aspas, format!("{{\"customer_asid\":{customer},\"providers\":{providers:?}{expires}}}"))
                }
            };
            let separator = if list.is_empty() { "" } else { "," };
            let _ = write!(list, "{separator}{entry}");
        }
        format!("{{\"roas\":[{roas}],\"bgpsec_keys\":[{keys}],\"aspas\":[{aspas}]}}")
    }
}

impl SlurmModel {
    /// Returns the file, of version 2 (draft-ietf-sidrops-aspa-slurm).
    pub(crate) fn document(&self) -> String {
        let asn = self.filtered_asn.map_or(String::new(), |asn| format!("{{\"asn\":{asn}}}"));
        let customer = self.filtered_customer.map_or(String::new(), |asn| format!("{{\"customerAsn\":{asn}}}"));
        let added = self.added.iter().filter_map(|record| match record {
            ModelRecord::Vrp { address, length, max_length, asn } => {
                Some(format!("{{\"asn\":{asn},\"prefix\":\"{address}/{length}\",\"maxPrefixLength\":{max_length}}}"))
            }
            ModelRecord::RouterKey { .. } | ModelRecord::Aspa { .. } => None,
        });
        let added = added.collect::<Vec<_>>().join(",");
        format!(
            "{{\"slurmVersion\":2,\"validationOutputFilters\":{{\"prefixFilters\":[{asn}],\"bgpsecFilters\":[],\
             \"aspaFilters\":[{customer}]}},\"locallyAddedAssertions\":{{\"prefixAssertions\":[{added}],\
             \"bgpsecAssertions\":[],\"aspaAssertions\":[]}}}}"
        )
    }

    /// Returns whether a record of a source is removed.
    pub(crate) fn removes(&self, record: &ModelRecord) -> bool {
        match record {
            ModelRecord::Vrp { asn, .. } => self.filtered_asn == Some(*asn),
            ModelRecord::Aspa { customer, .. } => self.filtered_customer == Some(*customer),
            ModelRecord::RouterKey { .. } => false,
        }
    }

    /// Returns the set of these sources' sets: their union, with one ASPA a customer, as changed by the file.
    pub(crate) fn union(&self, sets: &[ModelSet]) -> ModelSet {
        let mut union = self.added.clone();
        let mut providers: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for record in sets.iter().flatten().filter(|record| !self.removes(record)) {
            match record {
                ModelRecord::Aspa { customer, providers: list } => {
                    providers.entry(*customer).or_default().extend(list);
                }
                other => drop(union.insert(other.clone())),
            }
        }
        let aspas = providers
            .into_iter()
            .map(|(customer, providers)| ModelRecord::Aspa { customer, providers: providers.into_iter().collect() });
        union.extend(aspas);
        union
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let number = (0..3).fold(0_u32, |number, at| number << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let is_padding = digit > three.len();
            let index = (number >> (18 - 6 * digit) & 63) as usize;
            text.push(if is_padding { '=' } else { char::from(DIGITS[index]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (octets, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(octets.as_bytes()), text);
        }
    }
}
