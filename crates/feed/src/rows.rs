//! Accepted entries in the order of the file, and how they become a sorted [`Table`].
//!
//! A VRP is packed into 16 octets (IPv4) or 32 (IPv6) whose numeric order is the order of an image reversed, so that
//! sorting a million of them compares integers.

use crate::table::{SideColumns, SideData, Table, Timestamps};
use rtrcast_proto::{Asn, Aspa, Image, ImageSink, ImageWriter, Prefix, Providers, RouteOrigin, RouterKey, Version};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Refused entries that are kept with their position and reason; more are only counted.
const REFUSED_KEPT_MAX: usize = 10;

/// Names of trust anchors that are kept; further ones all get the last name, `other`.
const TRUST_ANCHORS_MAX: usize = 255;

/// An entry of a file that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// The list that it is in, or `line`.
    pub member: &'static str,
    /// Its index there, counted from 0; of a line its number, counted from 1.
    pub index: usize,
    /// The error.
    pub reason: String,
}

impl std::fmt::Display for RefusedEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]: {}", self.member, self.index, self.reason)
    }
}

/// A list of entries, by its name for messages. A list of VRPs of which nothing is accepted must not withdraw all VRPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListName {
    /// A list of VRPs, or the lines of a CSV.
    Vrps(&'static str),
    /// A list of other payloads, or of several types.
    Other(&'static str),
}

impl ListName {
    fn text(self) -> &'static str {
        match self {
            ListName::Vrps(name) | ListName::Other(name) => name,
        }
    }
}

/// Number of values of half of an IPv4 address.
const HALVES: usize = 1 << 16;

/// Numbers of entries in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries of all kinds.
    pub entries: usize,
    /// Entries that were refused.
    pub refused: usize,
    /// The first few of them.
    pub refused_first: Vec<RefusedEntry>,
    /// The first VRP among them.
    pub refused_vrp: Option<RefusedEntry>,
    /// VRPs that had bits beyond the prefix length, which are zero now.
    pub masked: usize,
}

/// The entries of one source, in no order.
#[derive(Default)]
pub struct Rows {
    ipv4: Vec<u128>,
    ipv6: Vec<[u128; 2]>,
    router_keys: Vec<RouterKeyRow>,
    aspas: BTreeMap<u32, AspaRow>,
    trust_anchors: Vec<String>,
    timestamps: Timestamps,
    tally: Tally,
}

struct RouterKeyRow {
    ski: [u8; 20],
    asn: Asn,
    spki: Vec<u8>,
    side: SideData,
}

struct AspaRow {
    providers: Providers,
    expires: u32,
    /// Position of the customer's first entry, for the message should all its ASPAs be refused.
    position: (&'static str, usize),
    /// True if one of the customer's entries was invalid: the others would be a part of its providers.
    partial: bool,
}

impl Rows {
    /// Returns the numbers of entries.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns how many entries were accepted; equal ones count each.
    pub fn accepted(&self) -> usize {
        self.tally.entries - self.tally.refused
    }

    pub(crate) fn refuse(&mut self, list: ListName, index: usize, reason: String) {
        self.tally.refused += 1;
        let member = list.text();
        if self.tally.refused_vrp.is_none() && matches!(list, ListName::Vrps(_)) {
            self.tally.refused_vrp = Some(RefusedEntry { member, index, reason: reason.clone() });
        }
        if self.tally.refused_first.len() < REFUSED_KEPT_MAX {
            self.tally.refused_first.push(RefusedEntry { member, index, reason });
        }
    }

    pub(crate) fn count_entry(&mut self) {
        self.tally.entries += 1;
    }

    /// Counts an entry, and records the reason if it was refused.
    pub(crate) fn finish_entry(&mut self, list: ListName, index: usize, outcome: Result<(), String>) {
        self.count_entry();
        if let Err(reason) = outcome {
            self.refuse(list, index, reason);
        }
    }

    /// Returns whether it has more trust anchors than can be numbered: then their order matters.
    pub(crate) fn has_other_anchors(&self) -> bool {
        self.trust_anchors.len() > TRUST_ANCHORS_MAX
    }

    /// Adds VRPs that were read speculatively. Their indices start behind `entries_before` entries.
    pub(crate) fn append(&mut self, vrps: Rows, entries_before: usize) {
        let Rows { ipv4, ipv6, router_keys, aspas, trust_anchors, timestamps: _, tally } = vrps;
        debug_assert!(router_keys.is_empty() && aspas.is_empty(), "only VRPs are read apart");
        let anchors: Vec<u8> = trust_anchors.iter().map(|name| self.anchor(name)).collect();
        let is_same = anchors.iter().enumerate().all(|(index, anchor)| usize::from(*anchor) == index);
        let renumbered = |rest: u128| match anchors.get(usize::from(rest.to_be_bytes()[15])) {
            Some(anchor) => rest & !0xFF | u128::from(*anchor),
            None => rest,
        };
        if is_same {
            self.ipv4.extend_from_slice(&ipv4);
            self.ipv6.extend_from_slice(&ipv6);
        } else {
            self.ipv4.extend(ipv4.into_iter().map(renumbered));
            self.ipv6.extend(ipv6.into_iter().map(|[addr, rest]| [addr, renumbered(rest)]));
        }
        self.tally.entries += tally.entries;
        self.tally.masked += tally.masked;
        self.tally.refused += tally.refused;
        let behind = |refused: RefusedEntry| RefusedEntry { index: entries_before + refused.index, ..refused };
        self.tally.refused_vrp = self.tally.refused_vrp.take().or(tally.refused_vrp.map(behind));
        let room = REFUSED_KEPT_MAX.saturating_sub(self.tally.refused_first.len());
        let refused = tally.refused_first.into_iter().take(room);
        self.tally.refused_first.extend(refused.map(behind));
    }

    /// Returns whether not a single VRP was accepted.
    pub(crate) fn has_no_vrps(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }

    /// Sets the times in the file.
    pub(crate) fn set_timestamps(&mut self, timestamps: Timestamps) {
        self.timestamps = timestamps;
    }

    pub(crate) fn count_masked(&mut self) {
        self.tally.masked += 1;
    }

    /// Returns the number of a trust anchor's name. There are five in the world, so a list is searched.
    pub(crate) fn anchor(&mut self, name: &str) -> u8 {
        let index = match self.trust_anchors.iter().position(|known| known == name) {
            Some(index) => index,
            None if self.trust_anchors.len() < TRUST_ANCHORS_MAX => {
                self.trust_anchors.push(name.to_owned());
                self.trust_anchors.len() - 1
            }
            None => {
                self.trust_anchors.truncate(TRUST_ANCHORS_MAX);
                self.trust_anchors.push("other".to_owned());
                TRUST_ANCHORS_MAX
            }
        };
        u8::try_from(index).unwrap_or(u8::MAX)
    }

    pub(crate) fn origin(&mut self, origin: &RouteOrigin, expires: u32, anchor: u8) {
        let (prefix, max_len) = (origin.prefix(), u128::from(origin.max_len()));
        let rest = max_len << 80
            | u128::from(prefix.len()) << 72
            | u128::from(origin.asn().0) << 40
            | u128::from(expires) << 8
            | u128::from(anchor);
        match prefix.addr() {
            IpAddr::V4(addr) => self.ipv4.push(u128::from(addr.to_bits()) << 88 | rest),
            IpAddr::V6(addr) => self.ipv6.push([addr.to_bits(), rest]),
        }
    }

    pub(crate) fn router_key(&mut self, ski: [u8; 20], asn: Asn, spki: Vec<u8>, expires: u32, anchor: u8) {
        self.router_keys.push(RouterKeyRow { ski, asn, spki, side: SideData { expires, anchor } });
    }

    /// Adds a customer's providers; a customer that comes again gets the union. [C-ASP-01]
    pub(crate) fn aspa(&mut self, customer: Asn, providers: &[[u8; 4]], expires: u32, position: (&'static str, usize)) {
        let row = self.aspas.entry(customer.0).or_insert_with(|| AspaRow {
            providers: Providers::new(),
            expires,
            position,
            partial: false,
        });
        row.providers.extend(providers);
        row.expires = row.expires.max(expires);
    }

    /// Records that an entry of a customer was refused: none of its ASPAs is served then. [C-ASP-06]
    pub(crate) fn refuse_customer(&mut self, customer: Asn, position: (&'static str, usize)) {
        self.aspa(customer, &[], 0, position);
        if let Some(row) = self.aspas.get_mut(&customer.0) {
            row.partial = true;
        }
    }

    /// Leaves out customers whose providers are too many, or known only in part: a partial list would make good routes
    /// invalid. [C-ASP-06]
    pub(crate) fn refuse_partial_aspas(&mut self) {
        let mut refused = Vec::new();
        self.aspas.retain(|customer, row| {
            let count = row.providers.union().len();
            // A customer without other entries has been refused by its entry.
            let reason = match count {
                0 => None,
                _ if row.partial => Some("another of its entries was refused".to_owned()),
                _ => Aspa::new(Asn(*customer), row.providers.union()).err().map(|error| error.to_string()),
            };
            let keep = reason.is_none() && count > 0;
            refused.extend(reason.map(|reason| (row.position, format!("customer AS{customer}: {reason}"))));
            keep
        });
        for ((member, index), reason) in refused {
            self.refuse(ListName::Other(member), index, reason);
        }
    }

    /// Sorts everything, drops duplicates (the one that expires last stays), and writes the image.
    pub fn into_table<S: ImageSink>(mut self, version: Version, sink: S) -> Result<Table, S::Error> {
        let mut writer = ImageWriter::new(version, sink);
        let mut side =
            SideColumns::with_capacity(self.ipv4.len() + self.ipv6.len() + self.router_keys.len() + self.aspas.len());
        self.write_ipv4(&mut writer, &mut side)?;
        self.write_ipv6(&mut writer, &mut side)?;
        self.write_router_keys(&mut writer, &mut side)?;
        self.write_aspas(&mut writer, &mut side)?;
        let image: Image = writer.finish()?;
        Ok(Table::new(image, side, self.trust_anchors, self.timestamps))
    }

    fn write_ipv4<S: ImageSink>(
        &mut self,
        writer: &mut ImageWriter<S>,
        side: &mut SideColumns,
    ) -> Result<(), S::Error> {
        let mut rows = std::mem::take(&mut self.ipv4);
        sort_ipv4(&mut rows);
        rows.dedup_by_key(|row| *row >> 40);
        for row in rows {
            let addr = u32::try_from(row >> 88 & u128::from(u32::MAX)).expect("32 bits");
            write_origin(writer, side, IpAddr::V4(addr.into()), row)?;
        }
        Ok(())
    }

    fn write_ipv6<S: ImageSink>(
        &mut self,
        writer: &mut ImageWriter<S>,
        side: &mut SideColumns,
    ) -> Result<(), S::Error> {
        let mut rows = std::mem::take(&mut self.ipv6);
        sort_descending(&mut rows, |[addr, _]| *addr);
        rows.dedup_by_key(|[addr, rest]| (*addr, *rest >> 40));
        for [addr, rest] in rows {
            write_origin(writer, side, IpAddr::V6(addr.into()), rest)?;
        }
        Ok(())
    }

    /// Keys that differ in anything are different keys. [C-DEL-08]
    fn write_router_keys<S: ImageSink>(
        &mut self,
        writer: &mut ImageWriter<S>,
        side: &mut SideColumns,
    ) -> Result<(), S::Error> {
        let key = |row: &RouterKeyRow| (row.ski, row.spki.len(), row.spki.clone(), row.asn);
        let mut rows = std::mem::take(&mut self.router_keys);
        rows.sort_by_cached_key(|row| (key(row), std::cmp::Reverse(row.side.expires)));
        rows.dedup_by_key(|row| key(row));
        for row in rows {
            writer.router_key(&RouterKey::new(row.ski, row.asn, &row.spki).expect("checked when it was accepted"))?;
            side.push(row.side);
        }
        Ok(())
    }

    fn write_aspas<S: ImageSink>(
        &mut self,
        writer: &mut ImageWriter<S>,
        side: &mut SideColumns,
    ) -> Result<(), S::Error> {
        let rows = std::mem::take(&mut self.aspas);
        let no_anchor = if rows.is_empty() { 0 } else { self.anchor("") };
        for (customer, mut row) in rows {
            writer.aspa(&Aspa::new(Asn(customer), row.providers.union()).expect("settled when the reading ended"))?;
            side.push(SideData { expires: row.expires, anchor: no_anchor });
        }
        Ok(())
    }
}

/// Sorts IPv4 rows from the largest to the smallest. Many that are in no order, as those of a CCR, are first
/// distributed by the first half of their addresses: then only a few have to be compared with each other.
fn sort_ipv4(rows: &mut Vec<u128>) {
    let is_by_address = rows.is_sorted_by_key(|row| *row >> 88) || rows.is_sorted_by_key(|row| !(*row >> 88));
    if rows.len() < HALVES || is_by_address {
        return sort_descending(rows, |row| *row >> 88);
    }
    let half = |row: u128| HALVES - 1 - usize::try_from(row >> 104 & 0xFFFF).unwrap_or_default();
    let mut next = vec![0; HALVES];
    for row in rows.iter() {
        next.get_mut(half(*row)).into_iter().for_each(|count| *count += 1);
    }
    let mut start = 0;
    for slot in &mut next {
        (*slot, start) = (start, start + *slot);
    }
    let mut laid_out = vec![0; rows.len()];
    for row in rows.iter() {
        if let Some(slot) = next.get_mut(half(*row)) {
            laid_out.get_mut(*slot).into_iter().for_each(|at| *at = *row);
            *slot += 1;
        }
    }
    let neighbours = laid_out.chunk_by_mut(|a, b| half(*a) == half(*b));
    neighbours.for_each(|rows| rows.sort_unstable_by(|a, b| b.cmp(a)));
    *rows = laid_out;
}

/// Sorts rows from the largest to the smallest. Validators sort by address as well, if in another order for the rest:
/// then only the rows of each address have to be sorted.
fn sort_descending<Row: Ord>(rows: &mut [Row], addr: impl Fn(&Row) -> u128) {
    if rows.is_sorted_by(|a, b| addr(a) <= addr(b)) {
        rows.reverse();
    }
    if rows.is_sorted_by(|a, b| addr(a) >= addr(b)) {
        rows.chunk_by_mut(|a, b| addr(a) == addr(b)).for_each(|same| same.sort_unstable_by(|a, b| b.cmp(a)));
    } else {
        rows.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Writes the VRP whose address is given, and whose lengths, AS and facts a row has in its lower 88 bits.
fn write_origin<S: ImageSink>(
    writer: &mut ImageWriter<S>,
    side: &mut SideColumns,
    addr: IpAddr,
    row: u128,
) -> Result<(), S::Error> {
    let [.., max_len, len, s0, s1, s2, s3, e0, e1, e2, e3, anchor] = row.to_be_bytes();
    let prefix = Prefix::new(addr, len).expect("checked when it was accepted");
    let asn = Asn(u32::from_be_bytes([s0, s1, s2, s3]));
    writer.origin(&RouteOrigin::new(prefix, max_len, asn).expect("checked when it was accepted"))?;
    side.push(SideData { expires: u32::from_be_bytes([e0, e1, e2, e3]), anchor });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ipv4_rows_in_no_order_are_sorted_as_a_few_are() {
        // A multiplication that scatters, and addresses of which many share their halves.
        let scattered = |row: u128| row.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) >> 8;
        let rows: Vec<u128> = (0..150_000).map(|row| scattered(row % 140_000) & !(0xF0FF << 104)).collect();
        let (mut many, mut expected) = (rows.clone(), rows);
        sort_ipv4(&mut many);
        expected.sort_unstable();
        expected.reverse();
        assert!(many == expected);
        assert!(many.first() > many.last());
    }
}
