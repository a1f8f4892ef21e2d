//! Records and sets.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModelRecord {
    /// A VRP.
    Vrp { address: IpAddr, length: u8, max_length: u8, asn: u32 },
    /// A router key.
    RouterKey { ski: [u8; 20], asn: u32, spki: Vec<u8> },
    /// An ASPA: one a customer. In a withdrawal there are no providers.
    Aspa { customer: u32, providers: Vec<u32> },
}

/// A data set.
pub(crate) type ModelSet = BTreeSet<ModelRecord>;

impl ModelRecord {
    /// The lowest version that has such records.
    pub(crate) fn since(&self) -> u8 {
        match self {
            ModelRecord::Vrp { .. } => 0,
            ModelRecord::RouterKey { .. } => 1,
            ModelRecord::Aspa { .. } => 2,
        }
    }

    /// The PDU type.
    pub(crate) fn pdu_type(&self) -> u8 {
        match self {
            ModelRecord::Vrp { address: IpAddr::V4(_), .. } => 4,
            ModelRecord::Vrp { address: IpAddr::V6(_), .. } => 6,
            ModelRecord::RouterKey { .. } => 9,
            ModelRecord::Aspa { .. } => 11,
        }
    }
}

/// The part of a set that a router of a version is sent.
pub(crate) fn seen_in(set: &ModelSet, version: u8) -> ModelSet {
    set.iter().filter(|record| record.since() <= version).cloned().collect()
}

/// How many records a minimal change between two sets has: a customer whose providers changed is one.
pub(crate) fn sum_of_both_sides(before: &ModelSet, after: &ModelSet) -> usize {
    let key = |record: &ModelRecord| match record {
        ModelRecord::Aspa { customer, .. } => ModelRecord::Aspa { customer: *customer, providers: Vec::new() },
        other => other.clone(),
    };
    before.symmetric_difference(after).map(key).collect::<BTreeSet<_>>().len()
}

/// All records of the simulated world. Of each customer there are some ASPAs, of which a table has one at most.
pub(crate) fn universe() -> Vec<ModelRecord> {
    let mut records = Vec::new();
    for n in 0..160_u32 {
        let (address, length) = (std::net::Ipv4Addr::from(0x0A00_0000 + (n / 4) * 0x1_0000), 16);
        let (max_length, asn) = (16 + (n % 4 / 2 * 8) as u8, 64_496 + n % 2);
        records.push(ModelRecord::Vrp { address: address.into(), length, max_length, asn });
    }
    for n in 0..80_u128 {
        let (address, length) = (std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | (n / 2) << 80), 48);
        let (max_length, asn) = (48 + (n % 2 * 8) as u8, 64_499);
        records.push(ModelRecord::Vrp { address: address.into(), length, max_length, asn });
    }
    for n in 0..12_u8 {
        let spki = [0x30, n % 3].into_iter().chain(std::iter::repeat_n(7, usize::from(n % 3))).collect();
        records.push(ModelRecord::RouterKey { ski: [n / 2; 20], asn: 64_496 + u32::from(n % 2), spki });
    }
    for customer in 1..16_u32 {
        for providers in [vec![100], vec![100, 200], vec![200, 300, 400]] {
            records.push(ModelRecord::Aspa { customer, providers });
        }
    }
    records
}

/// Returns the set of an image, read by the layouts of its PDUs.
pub(crate) fn decoded(image: &rtrcast_proto::Image) -> Result<ModelSet, String> {
    let mut set = ModelSet::new();
    for section in rtrcast_proto::Section::ALL {
        for octets in image.records(section) {
            // An image of any version holds records of all types.
            let mut octets = octets.to_vec();
            octets[0] = 2;
            match super::pdu::read(&octets)? {
                (_, super::pdu::ModelPdu::Record { is_announced: true, record }) if set.insert(record.clone()) => {}
                (_, other) => return Err(format!("an image with {other:?}")),
            }
        }
    }
    Ok(set)
}
