//! Merging: the records of all sources, without those that have expired or that SLURM filters, with those that SLURM
//! adds, as one image.
//!
//! All images have the same order, so this is a linear merge. The same record from many sources is one; the providers
//! of a customer that several sources have are their union. [C-ASP-01]

use super::SourceId;
use super::freshness::Horizon;
use crate::slurm::{Filters, Slurm};
use crate::table::Table;
use rtrcast_proto::{Asn, Image, ImageSink, ImageWriter, Section, Version};
use std::sync::Arc;

/// Data to be served: tables to be merged, each with its horizon, and SLURM. It shares the tables, so that the image
/// can be made on another thread.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub(crate) parts: Vec<RecipePart>,
    pub(crate) slurm: Arc<Slurm>,
}

/// One source's part.
#[derive(Clone, Debug)]
pub(crate) struct RecipePart {
    pub(crate) source: SourceId,
    /// When its set was made, and the end of its validity, in seconds since 1970.
    pub(super) made: u32,
    pub(super) valid_until: Option<u32>,
    pub(crate) table: Arc<Table>,
    pub(crate) horizon: Horizon,
}

/// Result of a [`Recipe`].
#[derive(Clone, Debug)]
pub struct Composed {
    /// The image to be served.
    pub image: Image,
    /// Customers that are left out because they have too many providers in all sources and SLURM together. [C-ASP-06]
    pub left_out: Vec<Asn>,
}

impl Recipe {
    /// Makes the image. If there is one source and everything of it is in effect, it is that source's image; the sink
    /// is not used then.
    pub fn compose<S: ImageSink>(&self, version: Version, sink: S) -> Result<Composed, S::Error> {
        if let [part] = self.parts.as_slice()
            && self.slurm.files().is_empty()
            && part.horizon.all_in_effect(&part.table)
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

    /// Returns the records of a section of each source, and those that SLURM adds.
    fn runs(&self, section: Section) -> impl Iterator<Item = Run<'_>> {
        let from_sources = self.parts.iter().map(move |part| part.run(section, self.slurm.filters()));
        // Assertions are not filtered. [SL-03]
        let added: Run<'_> = Box::new(self.slurm.assertions().records(section));
        from_sources.chain([added])
    }
}

/// Records in the order of an image.
type Run<'a> = Box<dyn Iterator<Item = &'a [u8]> + 'a>;

impl RecipePart {
    /// Returns the records that are in effect and not filtered.
    fn run<'a>(&'a self, section: Section, filters: &'a Filters) -> Run<'a> {
        let rows = self.table.rows(section).filter(|row| self.horizon.is_in_effect(row.expires));
        Box::new(rows.map(|row| row.record).filter(move |record| !filters.removes(section, record)))
    }
}
