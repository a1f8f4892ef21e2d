//! Merging: what the sources have, without what has expired and what SLURM filters, with what SLURM adds, as one image.
//!
//! All images have the same order, so this is a linear merge. The same record from many sources is one; the providers
//! of a customer that several sources have are their union. [C-ASP-01]

use super::fresh::Horizon;
use crate::slurm::{Filters, Slurm};
use crate::table::Table;
use rtrcast_proto::{Asn, Aspa, AspaError, Image, ImageSink, ImageWriter, ProviderAsn, Providers, Section, Version};
use std::cmp::Ordering;
use std::sync::Arc;

/// What is to be served: tables to be merged, each with what of it still counts, and SLURM. It shares the tables, so
/// that making the image can take its time somewhere else.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub(super) parts: Vec<Part>,
    pub(super) slurm: Arc<Slurm>,
}

/// One source's part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) table: Arc<Table>,
    pub(super) horizon: Horizon,
}

/// What a [`Recipe`] makes.
#[derive(Clone, Debug)]
pub struct Composed {
    /// What is to be served.
    pub image: Image,
    /// Customers that are left out because all sources and SLURM together give them too many providers. [C-ASP-06]
    pub left_out: Vec<Asn>,
}

impl Recipe {
    /// Makes the image. One source of which everything counts is that source's image; the sink is not used then.
    pub fn compose<S: ImageSink>(&self, version: Version, sink: S) -> Result<Composed, S::Error> {
        if let [part] = self.parts.as_slice()
            && self.slurm.files().is_empty()
            && part.horizon.all_count(&part.table)
        {
            return Ok(Composed { image: part.table.image().clone(), left_out: Vec::new() });
        }
        let mut writer = ImageWriter::new(version, sink);
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix, Section::RouterKey] {
            let mut heads = self.heads(section);
            while let Some(record) = first(section, &mut heads) {
                writer.push(section, record)?;
                for head in &mut heads {
                    head.pass(section, record);
                }
            }
        }
        let left_out = merge_aspas(&mut self.heads(Section::Aspa), &mut writer)?;
        Ok(Composed { image: writer.finish()?, left_out })
    }

    /// Who has records of a section.
    fn heads(&self, section: Section) -> Vec<Head<'_>> {
        let filters = self.slurm.filters();
        let from_sources = self.parts.iter().map(|part| Head::of_part(part, filters, section));
        // What is added locally is not filtered. [SL-03]
        let added = Head::new(self.slurm.assertions().records(section));
        from_sources.chain([added]).collect()
    }
}

/// The next record that a source has.
struct Head<'a> {
    next: Option<&'a [u8]>,
    rest: Box<dyn Iterator<Item = &'a [u8]> + 'a>,
}

impl<'a> Head<'a> {
    fn new(records: impl Iterator<Item = &'a [u8]> + 'a) -> Head<'a> {
        let mut rest = Box::new(records);
        Head { next: rest.next(), rest }
    }

    fn of_part(part: &'a Part, filters: &'a Filters, section: Section) -> Head<'a> {
        let Part { table, horizon } = part;
        Head::new(
            table
                .rows(section)
                .filter(|row| horizon.counts(row.expires))
                .map(|row| row.record)
                .filter(move |record| !filters.removes(section, record)),
        )
    }

    /// Goes on if it stands at this record.
    fn pass(&mut self, section: Section, record: &[u8]) {
        if self.next.is_some_and(|next| section.announcement_order(next, record) == Ordering::Equal) {
            self.next = self.rest.next();
        }
    }
}

fn first<'a>(section: Section, heads: &mut [Head<'a>]) -> Option<&'a [u8]> {
    heads.iter().filter_map(|head| head.next).min_by(|a, b| section.announcement_order(a, b))
}

/// Writes each customer with the providers that all have for it; those with too many are returned.
fn merge_aspas<S: ImageSink>(heads: &mut [Head<'_>], writer: &mut ImageWriter<S>) -> Result<Vec<Asn>, S::Error> {
    let mut left_out = Vec::new();
    let mut providers = Providers::new();
    while let Some(lowest) = heads.iter().filter_map(|head| head.next.map(customer)).min() {
        providers.clear();
        for head in heads.iter_mut() {
            if let Some(record) = head.next.filter(|record| customer(record) == lowest) {
                providers.extend(providers_of(record));
                head.next = head.rest.next();
            }
        }
        let customer = Asn(u32::from_be_bytes(*lowest));
        match Aspa::new(customer, providers.union()) {
            Ok(aspa) => writer.aspa(&aspa)?,
            Err(AspaError::TooManyProviders(_)) => left_out.push(customer),
            Err(error) => unreachable!("each list was an ASPA by itself: {error}"),
        }
    }
    Ok(left_out)
}

/// The customer of an ASPA's record, as it lies on the wire.
pub(super) fn customer(record: &[u8]) -> &[u8; 4] {
    record.get(8..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 4])
}

fn providers_of(record: &[u8]) -> &[ProviderAsn] {
    record.get(12..).unwrap_or_default().as_chunks().0
}
