//! Expiry and trust anchor of each record of a set that is served: they are kept with it, and its parts are not.

use super::merge::{Recipe, RecipePart};
use crate::table::{NEVER, Row, SideColumns, SideData, Table, Timestamps};
use rtrcast_proto::{Image, Section};
use std::cmp::Ordering;
use std::iter::Peekable;

impl Recipe {
    /// Returns the set as a table: a record of several sources has the latest expiry among them, and the trust anchor of
    /// the first. `image` is what this recipe makes, or made before some of it ended. `made` and `valid_until` are those of
    /// its latest part.
    pub fn table(&self, image: &Image) -> Table {
        let mut names = vec![String::new()];
        let anchors: Vec<Vec<u8>> = self.parts.iter().map(|part| indices(part, &mut names)).collect();
        let mut columns = SideColumns::with_capacity(image.layout().records());
        for section in Section::ALL {
            let mut rows: Vec<_> = self.parts.iter().map(|part| part.table.rows(section).peekable()).collect();
            for record in image.records(section) {
                let mut side: Option<SideData> = None;
                for (rows, anchors) in rows.iter_mut().zip(&anchors) {
                    let Some(row) = row_of(section, rows, record) else { continue };
                    let anchor = anchors.get(usize::from(row.anchor)).copied().unwrap_or(0);
                    let known = side.unwrap_or(SideData { expires: row.expires, anchor });
                    side = Some(SideData { expires: known.expires.max(row.expires), ..known });
                }
                // SLURM adds records without an expiry.
                columns.push(side.unwrap_or(SideData { expires: NEVER, anchor: 0 }));
            }
        }
        Table::new(image.clone(), columns, names, self.timestamps())
    }

    /// Returns when the latest part was made, and until when one is valid.
    pub(crate) fn timestamps(&self) -> Timestamps {
        let made = self.parts.iter().map(|part| part.made).max();
        // One part that is valid without an end is enough.
        let ends: Option<Vec<u32>> = self.parts.iter().map(|part| part.valid_until).collect();
        Timestamps { made, valid_until: ends.and_then(|ends| ends.into_iter().max()) }
    }
}

/// Returns for each trust anchor of a part its place in the names of all.
fn indices(part: &RecipePart, names: &mut Vec<String>) -> Vec<u8> {
    let place = |name: &String| {
        let known = names.iter().position(|known| known == name);
        let place = known.or_else(|| {
            // More than an octet counts have no name.
            let is_room = names.len() <= usize::from(u8::MAX);
            is_room.then(|| names.push(name.clone()))?;
            Some(names.len() - 1)
        });
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
    };
    part.table.trust_anchors().iter().map(place).collect()
}

/// Returns the row of a record, if the rows, which are in order, have it. Of a customer any list of providers counts.
fn row_of<'a>(section: Section, rows: &mut Peekable<impl Iterator<Item = Row<'a>>>, record: &[u8]) -> Option<Row<'a>> {
    let order = |row: &Row<'_>| match section {
        Section::Aspa => row.record.get(8..12).cmp(&record.get(8..12)),
        Section::Ipv4Prefix | Section::Ipv6Prefix | Section::RouterKey => {
            section.announcement_order(row.record, record)
        }
    };
    while rows.next_if(|row| order(row) == Ordering::Less).is_some() {}
    rows.next_if(|row| order(row) == Ordering::Equal)
}
