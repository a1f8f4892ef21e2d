//! Structure of a SLURM file: its members in any order, the lists in them, and no others. `entries.rs` reads the
//! entries.

use super::entries;
use super::error::{SlurmErrors, SlurmReason};
use super::walk::{Found, Name, ObjectMembers, Unreadable, Walk};
use super::{Absence, Assertion, Filter, ReadAsEmpty, SlurmDialect, SlurmEntry, SlurmFile, SlurmList, SlurmVersion};

impl SlurmFile {
    /// Reads a whole file, which is accepted as a whole or refused with all its errors. The caller limits its size.
    pub fn parse(octets: &[u8], dialect: SlurmDialect) -> Result<SlurmFile, SlurmErrors> {
        let mut walk = Walk::new(octets, dialect);
        let file = read(&mut walk);
        match (file, walk.errors()) {
            (_, Some(errors)) => Err(errors),
            (Ok(file), None) => Ok(file),
            (Err(_), None) => unreachable!("what is refused is noted"),
        }
    }
}

fn read(walk: &mut Walk<'_>) -> Result<SlurmFile, Unreadable> {
    walk.begin()?;
    let mut document = Document::default();
    let members = walk.object(&DOCUMENT, |walk, member| document.read(walk, member))?;
    let file = document.finish(walk, &members);
    walk.end()?;
    file
}

#[derive(Clone, Copy, PartialEq)]
enum DocumentMember {
    Version,
    Filters,
    Assertions,
}

const DOCUMENT: [Name<DocumentMember>; 3] = [
    Name::strict(DocumentMember::Version, "slurmVersion"),
    Name::strict(DocumentMember::Filters, FILTERS.name),
    Name::strict(DocumentMember::Assertions, ASSERTIONS.name),
];

/// An object of lists.
struct Group {
    member: DocumentMember,
    name: &'static str,
    /// The lists; the last one is of version 2.
    lists: [Name<SlurmList>; 3],
    /// Its text without an entry in version 1, and in version 2.
    empty: [&'static str; 2],
}

const FILTERS: Group = Group {
    member: DocumentMember::Filters,
    name: "validationOutputFilters",
    lists: [
        Name::strict(SlurmList::PrefixFilters, "prefixFilters"),
        Name::strict(SlurmList::BgpsecFilters, "bgpsecFilters"),
        Name::strict(SlurmList::AspaFilters, "aspaFilters"),
    ],
    empty: [
        r#"{"prefixFilters": [], "bgpsecFilters": []}"#,
        r#"{"prefixFilters": [], "bgpsecFilters": [], "aspaFilters": []}"#,
    ],
};

const ASSERTIONS: Group = Group {
    member: DocumentMember::Assertions,
    name: "locallyAddedAssertions",
    lists: [
        Name::strict(SlurmList::PrefixAssertions, "prefixAssertions"),
        Name::strict(SlurmList::BgpsecAssertions, "bgpsecAssertions"),
        Name::strict(SlurmList::AspaAssertions, "aspaAssertions"),
    ],
    empty: [
        r#"{"prefixAssertions": [], "bgpsecAssertions": []}"#,
        r#"{"prefixAssertions": [], "bgpsecAssertions": [], "aspaAssertions": []}"#,
    ],
};

impl Group {
    const fn of_version_2(&self) -> SlurmList {
        let [_, _, Name { member, .. }] = &self.lists;
        *member
    }
}

/// Text of a list without an entry.
const EMPTY_LIST: &str = "[]";

/// Content of a document that has been read.
#[derive(Default)]
struct Document {
    version: Option<SlurmVersion>,
    filters: Vec<SlurmEntry<Filter>>,
    assertions: Vec<SlurmEntry<Assertion>>,
    read_as_empty: Vec<ReadAsEmpty>,
    /// The two objects. The version may come after them.
    filter_lists: Option<GroupLists>,
    assertion_lists: Option<GroupLists>,
}

/// An object of lists as it is in the file.
enum GroupLists {
    /// Null, at this offset.
    Null(usize),
    There {
        members: ObjectMembers<SlurmList>,
        /// Those that are null, and their offsets.
        nulls: Vec<(SlurmList, usize)>,
        /// Offset of the list of version 2, if it is there.
        of_version_2: Option<usize>,
    },
}

impl Document {
    fn read(&mut self, walk: &mut Walk<'_>, member: DocumentMember) -> Result<(), Unreadable> {
        match member {
            DocumentMember::Version => {
                let Found { value, at } = walk.whole::<u64>(SlurmReason::Version)?;
                self.version = Some(match value {
                    1 => SlurmVersion::V1,
                    2 => SlurmVersion::V2,
                    other => return Err(walk.report(at, SlurmReason::Version(other.to_string()))),
                });
            }
            DocumentMember::Filters => self.filter_lists = Some(self.read_lists(walk, &FILTERS)?),
            DocumentMember::Assertions => self.assertion_lists = Some(self.read_lists(walk, &ASSERTIONS)?),
        }
        Ok(())
    }

    fn read_lists(&mut self, walk: &mut Walk<'_>, group: &Group) -> Result<GroupLists, Unreadable> {
        let at = walk.at()?;
        if walk.null()? {
            return Ok(GroupLists::Null(at));
        }
        let (mut nulls, mut of_version_2) = (Vec::new(), None);
        let members = walk.object(&group.lists, |walk, list| {
            let at = walk.at()?;
            if list == group.of_version_2() {
                of_version_2 = Some(at);
            }
            if walk.null()? {
                nulls.push((list, at));
                return Ok(());
            }
            walk.list(|walk, index, line| self.read_entry(walk, SlurmEntry { list, index, line, value: () }))
        })?;
        Ok(GroupLists::There { members, nulls, of_version_2 })
    }

    fn read_entry(&mut self, walk: &mut Walk<'_>, entry: SlurmEntry<()>) -> Result<(), Unreadable> {
        let SlurmEntry { list, index, line, value: () } = entry;
        match list {
            SlurmList::PrefixFilters | SlurmList::BgpsecFilters | SlurmList::AspaFilters => {
                let value = entries::filter(walk, list)?;
                self.filters.push(SlurmEntry { list, index, line, value });
            }
            SlurmList::PrefixAssertions | SlurmList::BgpsecAssertions | SlurmList::AspaAssertions => {
                let value = entries::assertion(walk, list)?;
                self.assertions.push(SlurmEntry { list, index, line, value });
            }
        }
        Ok(())
    }

    /// Checks what depends on the whole document.
    fn finish(mut self, walk: &mut Walk<'_>, members: &ObjectMembers<DocumentMember>) -> Result<SlurmFile, Unreadable> {
        if !members.has(&DocumentMember::Version) {
            walk.report(members.at, SlurmReason::MissingVersion);
        }
        let (filters, assertions) = (self.filter_lists.take(), self.assertion_lists.take());
        self.check_lists(walk, members, &FILTERS, filters);
        self.check_lists(walk, members, &ASSERTIONS, assertions);
        let Document { version, filters, assertions, read_as_empty, .. } = self;
        Ok(SlurmFile { version: version.ok_or(Unreadable::Value)?, filters, assertions, read_as_empty })
    }

    /// Checks that an object of lists is there, with its lists of the file's version.
    fn check_lists(
        &mut self,
        walk: &mut Walk<'_>,
        document: &ObjectMembers<DocumentMember>,
        group: &Group,
        lists: Option<GroupLists>,
    ) {
        let [empty_1, empty_2] = group.empty;
        let empty = if self.version == Some(SlurmVersion::V2) { empty_2 } else { empty_1 };
        let whole = |found| Gap { within: None, name: group.name, empty, found };
        let (members, nulls, of_version_2) = match lists {
            Some(GroupLists::There { members, nulls, of_version_2 }) => (members, nulls, of_version_2),
            Some(GroupLists::Null(at)) => return self.lacks(walk, at, whole(Absence::Null)),
            None if document.has(&group.member) => return,
            None => return self.lacks(walk, document.at, whole(Absence::Missing)),
        };
        for Name { member: list, name, .. } in &group.lists {
            let gap = |found| Gap { within: Some(group.name), name, empty: EMPTY_LIST, found };
            let null = nulls.iter().find(|(null, _)| null == list);
            match (self.version, null) {
                (Some(SlurmVersion::V1), _) if *list == group.of_version_2() => {
                    if let Some(at) = of_version_2 {
                        walk.report_in(&[group.name], at, SlurmReason::OfVersion2(name));
                    }
                }
                (_, Some((_, at))) => self.lacks(walk, *at, gap(Absence::Null)),
                (None, None) if *list == group.of_version_2() => {}
                (_, None) if members.has(list) => {}
                (_, None) => self.lacks(walk, members.at, gap(Absence::Missing)),
            }
        }
    }

    /// Handles a missing list, or object of lists: as an empty one if the dialect allows that.
    fn lacks(&mut self, walk: &mut Walk<'_>, at: usize, gap: Gap) {
        let Gap { within, name, empty, found } = gap;
        match (walk.dialect(), found) {
            (SlurmDialect::Lenient, _) => {
                self.read_as_empty.push(ReadAsEmpty { line: walk.line_of(at), within, name, empty, found });
            }
            (SlurmDialect::Strict, Absence::Missing) => {
                let path: Vec<&str> = within.into_iter().collect();
                walk.report_in(&path, at, SlurmReason::MissingList { name, empty });
            }
            (SlurmDialect::Strict, Absence::Null) => {
                let path: Vec<&str> = within.into_iter().chain([name]).collect();
                let wanted = if within.is_some() { "a list" } else { "an object" };
                walk.report_in(&path, at, SlurmReason::NullList { wanted, empty });
            }
        }
    }
}

/// A list, or an object of lists, that is not there.
struct Gap {
    within: Option<&'static str>,
    name: &'static str,
    empty: &'static str,
    found: Absence,
}
