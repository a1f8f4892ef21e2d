//! The records of a response: their order, and the set that they make of another.

use super::record::{ModelRecord, ModelSet};
use std::net::IpAddr;

/// A response that is being sent.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) session: u16,
    pub(super) records: Vec<(bool, ModelRecord)>,
}

/// Applies a response as a strict router does.
pub(super) fn apply(mut set: ModelSet, records: Vec<(bool, ModelRecord)>) -> Result<ModelSet, String> {
    for (is_announced, record) in records {
        // A customer's ASPA replaces the one before (8210bis section 5.12).
        let before = match &record {
            ModelRecord::Aspa { customer, .. } => {
                let first = |customer: u32| ModelRecord::Aspa { customer, providers: Vec::new() };
                set.range(first(*customer)..first(customer.saturating_add(1))).next().cloned()
            }
            other => set.get(other).cloned(),
        };
        match (is_announced, before) {
            (true, Some(before)) if before == record => return Err(format!("{record:?} is announced twice")),
            (true, before) => {
                before.iter().for_each(|before| _ = set.remove(before));
                set.insert(record);
            }
            (false, Some(before)) => drop(set.remove(&before)),
            (false, None) => return Err(format!("{record:?} is withdrawn and unknown")),
        }
    }
    Ok(set)
}

/// Types ascend, in each announcements come first, and prefixes are in the order of 8210bis section 11.2.
pub(super) fn check_order(records: &[(bool, ModelRecord)]) -> Result<(), String> {
    let group = |(is_announced, record): &(bool, ModelRecord)| (record.pdu_type(), !is_announced);
    if !records.is_sorted_by_key(group) {
        return Err("types or announcements and withdrawals in a wrong order".to_owned());
    }
    for (a, b) in records.iter().zip(records.iter().skip(1)).filter(|(a, b)| group(a) == group(b)) {
        let key = |record: &ModelRecord| match record {
            ModelRecord::Vrp { address, length, max_length, asn } => {
                let bits = match address {
                    IpAddr::V4(address) => u128::from(address.to_bits()),
                    IpAddr::V6(address) => address.to_bits(),
                };
                Some((bits, *max_length, *length, *asn))
            }
            ModelRecord::RouterKey { .. } | ModelRecord::Aspa { .. } => None,
        };
        let (Some(first), Some(second)) = (key(&a.1), key(&b.1)) else { continue };
        let is_right = if a.0 { first > second } else { first < second };
        if !is_right {
            return Err(format!("{:?} before {:?}", a.1, b.1));
        }
    }
    Ok(())
}
