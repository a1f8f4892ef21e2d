//! Autonomous System Provider Authorizations (8210bis section 5.12).

use super::Asn;
use alloc::vec::Vec;
use core::fmt;

/// The most providers that a customer may have (aspa-profile section 5.5 asks for a bound from 4,000 to 10,000).
/// A customer above it has no ASPA at all: a partial list would reject good routes. [C-ASP-06]
pub const ASPA_PROVIDERS_MAX: usize = 10_000;

/// A provider's AS number as it lies on the wire. Its octets sort as the number does.
pub type ProviderAsn = [u8; 4];

/// The payload of an ASPA announcement. The providers are borrowed, as they lie in a PDU or in a [`Providers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aspa<'a> {
    customer: Asn,
    providers: &'a [ProviderAsn],
}

impl<'a> Aspa<'a> {
    /// An ASPA; an error if the list is one that 8210bis section 5.12 or the ASPA profile forbids.
    pub fn new(customer: Asn, providers: &'a [ProviderAsn]) -> Result<Aspa<'a>, AspaError> {
        if customer == Asn(0) {
            return Err(AspaError::CustomerZero);
        }
        if providers.is_empty() {
            return Err(AspaError::NoProviders); // [C-ASP-03]
        }
        if providers.len() > ASPA_PROVIDERS_MAX {
            return Err(AspaError::TooManyProviders(providers.len()));
        }
        if !providers.is_sorted_by(|a, b| a < b) {
            return Err(AspaError::Unsorted); // [C-ASP-02]
        }
        if providers.len() > 1 && providers.first() == Some(&[0; 4]) {
            return Err(AspaError::ZeroBesideOthers); // [C-ASP-04]
        }
        if providers.binary_search(&customer.0.to_be_bytes()).is_ok() {
            return Err(AspaError::CustomerAmongProviders(customer)); // [C-ASP-07]
        }
        Ok(Aspa { customer, providers })
    }

    /// The AS whose providers these are.
    pub fn customer(&self) -> Asn {
        self.customer
    }

    /// The providers, ascending; `[AS 0]` alone means that the customer has none.
    pub fn providers(&self) -> &'a [ProviderAsn] {
        self.providers
    }
}

/// Collects the providers of one customer from any number of unordered lists: their union. [C-ASP-01]
#[derive(Clone, Debug, Default)]
pub struct Providers {
    asns: Vec<ProviderAsn>,
}

impl Providers {
    /// No providers yet.
    pub fn new() -> Providers {
        Providers::default()
    }

    /// Adds one, in any order, as often as it comes.
    pub fn add(&mut self, provider: Asn) {
        self.asns.push(provider.0.to_be_bytes());
    }

    /// Adds all of another list.
    pub fn extend(&mut self, providers: &[ProviderAsn]) {
        self.asns.extend_from_slice(providers);
    }

    /// Removes all, keeping the memory.
    pub fn clear(&mut self) {
        self.asns.clear();
    }

    /// The union: ascending, each once, and AS 0 dropped if there is any other. [C-ASP-02] [C-ASP-04]
    pub fn union(&mut self) -> &[ProviderAsn] {
        self.asns.sort_unstable();
        self.asns.dedup();
        match self.asns.as_slice() {
            [[0, 0, 0, 0], others @ ..] if !others.is_empty() => others,
            all => all,
        }
    }
}

impl FromIterator<Asn> for Providers {
    fn from_iter<I: IntoIterator<Item = Asn>>(providers: I) -> Providers {
        Providers { asns: providers.into_iter().map(|provider| provider.0.to_be_bytes()).collect() }
    }
}

/// Error of a customer and a list that are no [`Aspa`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AspaError {
    /// The customer is AS 0.
    CustomerZero,
    /// The list is empty.
    NoProviders,
    /// The list has more than [`ASPA_PROVIDERS_MAX`] entries: this many.
    TooManyProviders(usize),
    /// The list does not strictly ascend.
    Unsorted,
    /// AS 0 is beside other providers.
    ZeroBesideOthers,
    /// The customer is among its own providers.
    CustomerAmongProviders(Asn),
}

impl fmt::Display for AspaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AspaError::CustomerZero => f.write_str("the customer of an ASPA can't be AS 0"),
            AspaError::NoProviders => f.write_str("the ASPA has no providers"),
            AspaError::TooManyProviders(count) => {
                write!(f, "the ASPA has {count} providers, more than {ASPA_PROVIDERS_MAX}")
            }
            AspaError::Unsorted => f.write_str("the ASPA's providers do not ascend"),
            AspaError::ZeroBesideOthers => f.write_str("the ASPA has AS 0 beside other providers"),
            AspaError::CustomerAmongProviders(asn) => write!(f, "the customer {asn} is among its own providers"),
        }
    }
}

impl core::error::Error for AspaError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(asns: &[u32]) -> Vec<ProviderAsn> {
        asns.iter().map(|asn| asn.to_be_bytes()).collect()
    }

    fn union(asns: &[u32]) -> Vec<ProviderAsn> {
        let mut providers = Providers::new();
        for asn in asns {
            providers.add(Asn(*asn));
        }
        providers.union().to_vec()
    }

    #[test]
    fn c_asp_02_a_union_ascends_and_has_each_once() {
        assert_eq!(union(&[300, 2, 70_000, 2, 300]), list(&[2, 300, 70_000]));
    }

    #[test]
    fn c_asp_04_as_0_yields_to_any_other_provider() {
        assert_eq!(union(&[0, 5]), list(&[5]));
        assert_eq!(union(&[0, 0]), list(&[0]));
        assert_eq!(Aspa::new(Asn(1), &list(&[0, 5])), Err(AspaError::ZeroBesideOthers));
        assert!(Aspa::new(Asn(1), &list(&[0])).is_ok());
    }

    #[test]
    fn c_asp_03_an_announcement_has_a_provider() {
        assert_eq!(Aspa::new(Asn(1), &[]), Err(AspaError::NoProviders));
    }

    #[test]
    fn c_asp_06_too_many_providers_are_no_aspa() {
        let many: Vec<u32> = (2..10_003).collect();
        assert_eq!(Aspa::new(Asn(1), &list(&many)), Err(AspaError::TooManyProviders(10_001)));
        assert!(Aspa::new(Asn(1), &list(&many[..10_000])).is_ok());
    }

    #[test]
    fn c_asp_07_a_customer_is_neither_as_0_nor_its_own_provider() {
        assert_eq!(Aspa::new(Asn(0), &list(&[5])), Err(AspaError::CustomerZero));
        assert_eq!(Aspa::new(Asn(5), &list(&[4, 5])), Err(AspaError::CustomerAmongProviders(Asn(5))));
    }

    #[test]
    fn an_unsorted_list_is_refused() {
        assert_eq!(Aspa::new(Asn(1), &list(&[5, 4])), Err(AspaError::Unsorted));
        assert_eq!(Aspa::new(Asn(1), &list(&[5, 5])), Err(AspaError::Unsorted));
    }
}
