//! The union of sorted runs of records.
//!
//! A cache joins its sources by it, and a router its caches ([`Caches`](crate::Caches)). Images have one order, so it
//! is a linear merge; a customer's ASPAs become one, with the providers of all.

use crate::image::{Image, ImageSink, ImageWriter, Section};
use crate::payload::{Asn, Aspa, Providers};
use crate::record::customer_of;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::iter::Peekable;

/// Union of several data sets.
#[derive(Clone, Debug)]
pub struct Union {
    /// All records, each once.
    pub image: Image,
    /// Customers that are left out because their ASPAs together have more than
    /// [`ASPA_PROVIDERS_MAX`](crate::ASPA_PROVIDERS_MAX) providers. [C-ASP-06]
    pub left_out: Vec<Asn>,
}

impl<S: ImageSink> ImageWriter<S> {
    /// Appends the union of several runs; each run has records of this section in the order of an image, of any
    /// version. The same record of several runs is written once.
    ///
    /// The ASPAs of a customer become one: the union of the providers, without AS 0 if there is any other (8210bis
    /// sections 5.12 and 10). Returned are the customers that have too many providers then, and so are left out:
    /// a partial list would reject good routes.
    pub fn union<'a, R>(&mut self, section: Section, runs: impl IntoIterator<Item = R>) -> Result<Vec<Asn>, S::Error>
    where
        R: Iterator<Item = &'a [u8]>,
    {
        let mut runs: Vec<Peekable<R>> = runs.into_iter().map(Iterator::peekable).collect();
        match section {
            Section::Ipv4Prefix | Section::Ipv6Prefix | Section::RouterKey => {
                self.each_once(section, &mut runs)?;
                Ok(Vec::new())
            }
            Section::Aspa => self.one_a_customer(&mut runs),
        }
    }

    fn each_once<'a, R>(&mut self, section: Section, runs: &mut [Peekable<R>]) -> Result<(), S::Error>
    where
        R: Iterator<Item = &'a [u8]>,
    {
        let order = |a: &&[u8], b: &&[u8]| section.announcement_order(a, b);
        while let Some(first) = runs.iter_mut().filter_map(|run| run.peek().copied()).min_by(order) {
            self.push(section, first)?;
            for run in &mut *runs {
                run.next_if(|record| order(record, &first) == Ordering::Equal);
            }
        }
        Ok(())
    }

    fn one_a_customer<'a, R>(&mut self, runs: &mut [Peekable<R>]) -> Result<Vec<Asn>, S::Error>
    where
        R: Iterator<Item = &'a [u8]>,
    {
        let mut left_out = Vec::new();
        let (mut found, mut providers): (Vec<&[u8]>, Providers) = Default::default();
        while let Some(customer) = runs.iter_mut().filter_map(|run| run.peek().map(|record| customer_of(record))).min()
        {
            found.clear();
            found.extend(runs.iter_mut().filter_map(|run| run.next_if(|record| customer_of(record) == customer)));
            // Most often all are equal.
            if let [first, others @ ..] = found.as_slice()
                && others.iter().all(|other| other.get(1..) == first.get(1..))
            {
                self.push(Section::Aspa, first)?;
                continue;
            }
            providers.clear();
            for record in &found {
                providers.extend(record.get(12..).unwrap_or_default().as_chunks().0);
            }
            // Each list is an ASPA by itself, so that together they can only be too many.
            match Aspa::new(customer, providers.union()) {
                Ok(aspa) => self.aspa(&aspa)?,
                Err(_) => left_out.push(customer),
            }
        }
        Ok(left_out)
    }
}
