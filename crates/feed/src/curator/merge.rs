//! Merging: what the sources have, without what has expired and what SLURM filters, with what SLURM adds, as one image.
//!
//! All images have the same order, so this is a linear merge. The same record from many sources is one; the providers
//! of a customer that several sources have are their union. [C-ASP-01]

use super::fresh::Horizon;
use crate::slurm::{Filters, Slurm};
use crate::table::Table;
use rtrcast_proto::{Asn, Image, ImageSink, ImageWriter, Section, Version};
use std::sync::Arc;

/// What is to be served: tables to be merged, each with what of it still counts, and SLURM. It shares the tables, so
/// that making the image can take its time somewhere else.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub(super) parts: Vec<RecipePart>,
    pub(super) slurm: Arc<Slurm>,
}

/// One source's part.
#[derive(Clone, Debug)]
pub(super) struct RecipePart {
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
        let mut left_out = Vec::new();
        for section in Section::ALL {
            left_out.extend(writer.union(section, self.runs(section))?);
        }
        Ok(Composed { image: writer.finish()?, left_out })
    }

    /// What each source has of a section, and what SLURM adds.
    fn runs(&self, section: Section) -> impl Iterator<Item = Run<'_>> {
        let from_sources = self.parts.iter().map(move |part| part.run(section, self.slurm.filters()));
        // What is added locally is not filtered. [SL-03]
        let added: Run<'_> = Box::new(self.slurm.assertions().records(section));
        from_sources.chain([added])
    }
}

/// Records in the order of an image.
type Run<'a> = Box<dyn Iterator<Item = &'a [u8]> + 'a>;

impl RecipePart {
    /// The records that still count and that are not filtered.
    fn run<'a>(&'a self, section: Section, filters: &'a Filters) -> Run<'a> {
        let rows = self.table.rows(section).filter(|row| self.horizon.counts(row.expires));
        Box::new(rows.map(|row| row.record).filter(move |record| !filters.removes(section, record)))
    }
}
