//! From payload in any order to an image: sorted, and each record once.

use crate::image::{Image, ImageSink, ImageWriter, Records, Section};
use crate::payload::{Action, Asn, Aspa, AspaError, Providers, RouteOrigin, RouterKey};
use crate::version::Version;
use crate::wire::record;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Records of one section in the order in which they came, each as an announcement PDU.
#[derive(Debug, Default)]
pub(crate) struct Unsorted {
    octets: Vec<u8>,
    /// Start of the last record.
    last: usize,
    /// True if some record does not follow the one before it in the order of an image.
    disordered: bool,
}

impl Unsorted {
    /// Appends one record, which `write` writes, and returns its octets.
    pub(crate) fn push(&mut self, section: Section, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.octets.len();
        write(&mut self.octets);
        if start > 0 && !self.disordered {
            let (before, record) = self.octets.split_at(start);
            let last = before.get(self.last..).unwrap_or_default();
            // Equal ones are found when they are next to each other.
            self.disordered = section.announcement_order(last, record).is_gt();
        }
        self.last = start;
        self.octets.len() - start
    }

    /// All of them, one behind the other.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The records in the order of an image. They are sorted where they lie if they all have one size.
    pub(crate) fn sorted(&mut self, section: Section) -> Vec<&[u8]> {
        if self.disordered {
            let order = |a: &[u8], b: &[u8]| section.announcement_order(a, b);
            match section {
                Section::Ipv4Prefix => self.octets.as_chunks_mut::<20>().0.sort_unstable_by(|a, b| order(a, b)),
                Section::Ipv6Prefix => self.octets.as_chunks_mut::<32>().0.sort_unstable_by(|a, b| order(a, b)),
                Section::RouterKey | Section::Aspa => {
                    let mut records: Vec<&[u8]> = Records::new(section, &self.octets).collect();
                    records.sort_unstable_by(|a, b| order(a, b));
                    return records;
                }
            }
        }
        Records::new(section, &self.octets).collect()
    }
}

/// Builds an [`Image`] from payload in any order, with duplicates.
///
/// ```
/// use rtrcast_proto::*;
///
/// let mut builder = ImageBuilder::new();
/// let prefix = Prefix::new("192.0.2.0".parse().unwrap(), 24).unwrap();
/// builder.origin(&RouteOrigin::new(prefix, 24, Asn(64496)).unwrap());
/// builder.aspa(Asn(64496), [Asn(64498), Asn(64497)]).unwrap();
/// let image = builder.finish(Version::V2, Vec::new()).unwrap();
/// assert_eq!(image.layout().records(), 2);
/// ```
#[derive(Debug, Default)]
pub struct ImageBuilder {
    sections: [Unsorted; 4],
    aspas: BTreeMap<Asn, Providers>,
}

impl ImageBuilder {
    /// Nothing yet.
    pub fn new() -> ImageBuilder {
        ImageBuilder::default()
    }

    /// Adds a VRP.
    pub fn origin(&mut self, origin: &RouteOrigin) {
        let section = if origin.prefix().addr().is_ipv4() { Section::Ipv4Prefix } else { Section::Ipv6Prefix };
        self.sections[section.index()].push(section, |out| record::origin(Version::V2, Action::Announce, origin, out));
    }

    /// Adds a router key.
    pub fn router_key(&mut self, key: &RouterKey<'_>) {
        let section = Section::RouterKey;
        self.sections[section.index()].push(section, |out| record::router_key(Version::V2, Action::Announce, key, out));
    }

    /// Adds providers of a customer, in any order; a customer that comes again gets the union. [C-ASP-01] An error if
    /// these can't be an ASPA; then the customer stays as it was.
    pub fn aspa(&mut self, customer: Asn, providers: impl IntoIterator<Item = Asn>) -> Result<(), AspaError> {
        let mut all = self.aspas.get(&customer).cloned().unwrap_or_default();
        providers.into_iter().for_each(|provider| all.add(provider));
        Aspa::new(customer, all.union())?;
        self.aspas.insert(customer, all);
        Ok(())
    }

    /// The image: sorted, and each record once.
    pub fn finish<S: ImageSink>(mut self, version: Version, sink: S) -> Result<Image, S::Error> {
        let mut writer = ImageWriter::new(version, sink);
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix, Section::RouterKey] {
            let mut records = self.sections[section.index()].sorted(section);
            records.dedup();
            for record in records {
                writer.push(section, record)?;
            }
        }
        for (customer, mut providers) in self.aspas {
            if let Ok(aspa) = Aspa::new(customer, providers.union()) {
                writer.aspa(&aspa)?;
            }
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Prefix;
    use crate::wire::Pdu;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn payload_in_any_order_becomes_an_image() {
        let origin = |addr: &str, len, asn| {
            RouteOrigin::new(Prefix::new(addr.parse().unwrap(), len).unwrap(), len, Asn(asn)).unwrap()
        };
        let mut builder = ImageBuilder::new();
        for (addr, len, asn) in
            [("10.0.0.0", 8, 1), ("2001:db8::", 32, 1), ("10.0.0.0", 8, 2), ("192.0.2.0", 24, 1), ("10.0.0.0", 8, 1)]
        {
            builder.origin(&origin(addr, len, asn));
        }
        for ski in [[2; 20], [1; 20], [2; 20]] {
            builder.router_key(&RouterKey::new(ski, Asn(1), &[0x30, 0]).unwrap());
        }
        builder.aspa(Asn(7), [Asn(5)]).unwrap();
        builder.aspa(Asn(6), [Asn(0)]).unwrap();
        builder.aspa(Asn(7), [Asn(4), Asn(5)]).unwrap();
        assert_eq!(builder.aspa(Asn(7), [Asn(7)]), Err(AspaError::CustomerAmongProviders(Asn(7))));
        let image = builder.finish(Version::V2, Vec::new()).unwrap();
        let lines: Vec<String> = Section::ALL
            .into_iter()
            .flat_map(|section| image.records(section))
            .map(|record| Pdu::decode(record).unwrap().line(Version::V2))
            .collect();
        let key = |ski: &str| format!("v2 router-key + {} AS1 3000", ski.repeat(20));
        let expected = [
            "v2 ipv4 + 192.0.2.0/24-24 AS1",
            "v2 ipv4 + 10.0.0.0/8-8 AS2",
            "v2 ipv4 + 10.0.0.0/8-8 AS1",
            "v2 ipv6 + 2001:db8::/32-32 AS1",
            &key("01"),
            &key("02"),
            "v2 aspa + AS6 AS0",
            "v2 aspa + AS7 AS4,AS5",
        ];
        assert_eq!(lines, expected);
    }
}
