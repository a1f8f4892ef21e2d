//! A strict reader of metrics in both formats: it takes nothing that their specifications do not allow, and nothing that
//! this program does not use.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text format, version 0.0.4.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Metrics that were read.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// The type of each family.
    pub(crate) types: BTreeMap<String, String>,
    /// Values by name and labels, as they were printed.
    pub(crate) samples: BTreeMap<String, f64>,
}

impl Exposition {
    pub(crate) fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} among {:#?}", self.samples.keys()))
    }
}

/// Reads a whole exposition, and fails at the first thing that is not right.
pub(crate) fn read(format: Format, text: &str) -> Exposition {
    let text = match format {
        Format::Classic => text.strip_suffix('\n').expect("a line feed at the end"),
        Format::OpenMetrics => text.strip_suffix("\n# EOF\n").expect("an end"),
    };
    let (mut read, mut family, mut names) = (Exposition::default(), None, BTreeSet::new());
    for line in text.split('\n') {
        if let Some(described) = line.strip_prefix("# HELP ") {
            let (name, help) = described.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(!help.is_empty() && !help.contains(['\\', '"']), "{line}");
            assert!(is_name(name), "{line}");
            family = Some(Family { name, kind: None });
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            let family = family.as_mut().unwrap_or_else(|| panic!("a type without help: {line}"));
            assert_eq!((family.name, family.kind), (name, None), "one type behind the help: {line}");
            family.kind = Some(kind);
            assert_eq!(read.types.insert(name.to_owned(), kind.to_owned()), None, "a family twice: {line}");
            assert!(names.insert(family.sample(format)), "a name twice: {line}");
        } else {
            assert!(!line.starts_with('#') && !line.is_empty(), "no such line: {line:?}");
            let family = family.as_ref().unwrap_or_else(|| panic!("a sample without a family: {line}"));
            take_sample(format, line, family, &mut read);
        }
    }
    read
}

struct Family<'a> {
    name: &'a str,
    kind: Option<&'a str>,
}

impl Family<'_> {
    /// The name of its samples.
    fn sample(&self, format: Format) -> String {
        let kind = self.kind.expect("a type before the samples");
        let suffix = match (format, kind) {
            (Format::OpenMetrics, "counter") => "_total",
            (Format::OpenMetrics, "info") => "_info",
            (Format::OpenMetrics, "gauge" | "unknown") | (Format::Classic, "counter" | "gauge" | "untyped") => "",
            _ => panic!("no type {kind} in {format:?}"),
        };
        // A family's name has no suffix in OpenMetrics, and a counter's has one in the classic format.
        let is_counter = kind == "counter";
        assert_eq!(self.name.ends_with("_total"), is_counter && format == Format::Classic, "{}", self.name);
        format!("{}{suffix}", self.name)
    }
}

fn take_sample(format: Format, line: &str, family: &Family<'_>, read: &mut Exposition) {
    let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (name, labels) = sample.split_once('{').map_or((sample, None), |(name, labels)| (name, Some(labels)));
    assert_eq!(name, family.sample(format), "{line}");
    if let Some(labels) = labels {
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels without an end: {line}"));
        check_labels(labels, line);
    }
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(value.is_finite() && (value >= 0.0 || family.kind != Some("counter")), "{line}");
    assert!(value == 1.0 || family.kind != Some("info"), "{line}");
    assert_eq!(read.samples.insert(sample.to_owned(), value), None, "a sample twice: {line}");
}

/// `name="value",name="value"`: names once each, in values only the escapes that there are.
fn check_labels(labels: &str, line: &str) {
    let (mut rest, mut names) = (labels, BTreeSet::new());
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(name) && !name.contains(':') && names.insert(name), "{line}");
        let mut characters = behind.char_indices();
        let end = loop {
            match characters.next() {
                Some((place, '"')) => break place,
                Some((_, '\\')) => {
                    let escaped = characters.next().map(|(_, escaped)| escaped);
                    assert!(matches!(escaped, Some('\\' | '"' | 'n')), "{line}");
                }
                Some(_) => {}
                None => panic!("a label without an end: {line}"),
            }
        };
        rest = &behind[end + 1..];
        if rest.is_empty() {
            return;
        }
        rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("no comma between labels: {line}"));
    }
}

fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit())
}
