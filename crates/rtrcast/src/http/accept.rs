//! Content negotiation (RFC 9110 section 12.5.1), as far as the two formats of metrics need it.

use crate::observe::metrics::MetricsFormat;
use axum::http::{HeaderMap, header};

/// Returns the format for a request: OpenMetrics if the client prefers it, or names it with an equal weight. A client
/// that accepts neither of the two gets the classic format, which all parsers read.
pub(super) fn format(headers: &HeaderMap) -> MetricsFormat {
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<MediaRange<'_>> =
        values.iter().flat_map(|value| split(value, ',')).filter_map(MediaRange::parse).collect();
    let openmetrics = MediaPreference::of(&ranges, "application", "openmetrics-text", "1.0.0");
    let classic = MediaPreference::of(&ranges, "text", "plain", "0.0.4");
    let prefers = openmetrics.quality > classic.quality;
    let names = openmetrics.quality == classic.quality && openmetrics.is_named;
    if openmetrics.quality > 0 && (prefers || names) { MetricsFormat::OpenMetrics } else { MetricsFormat::Classic }
}

/// The client's preference for a format.
#[derive(Clone, Copy, Debug, Default)]
struct MediaPreference {
    /// In thousandths.
    quality: u16,
    /// True if the format itself was named, and not a range that includes it.
    is_named: bool,
}

impl MediaPreference {
    /// Returns the weight of the most specific range that includes a format, the highest one of several.
    fn of(ranges: &[MediaRange<'_>], kind: &str, subtype: &str, version: &str) -> MediaPreference {
        let matching =
            ranges.iter().filter_map(|range| Some((range.specificity(kind, subtype, version)?, range.quality)));
        matching.max().map_or(MediaPreference::default(), |(specificity, quality)| MediaPreference {
            quality,
            is_named: specificity >= 2,
        })
    }
}

/// A media range and its weight.
struct MediaRange<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    quality: u16,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Option<MediaRange<'a>> {
        let mut parts = split(text, ';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = MediaRange { kind, subtype, version: None, quality: 1_000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("q") {
                range.quality = quality(value)?;
            } else if name.eq_ignore_ascii_case("version") {
                range.version = Some(value);
            }
        }
        Some(range)
    }

    /// Returns how specific the range is for a format: by version 3, by name 2, by type 1, as any type 0; none if it
    /// does not include the format.
    fn specificity(&self, kind: &str, subtype: &str, version: &str) -> Option<u8> {
        let is = |ours: &str, theirs: &str| theirs == "*" || ours.eq_ignore_ascii_case(theirs);
        if !is(kind, self.kind) || !is(subtype, self.subtype) || self.version.is_some_and(|theirs| theirs != version) {
            return None;
        }
        match (self.kind, self.subtype, self.version) {
            ("*", ..) => Some(0),
            (_, "*", _) => Some(1),
            (_, _, None) => Some(2),
            (_, _, Some(_)) => Some(3),
        }
    }
}

/// Parses a weight in thousandths: 0 to 1, with up to three decimals.
fn quality(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    // In this range, so it fits.
    (0.0..=1.0).contains(&value).then_some((value * 1_000.0).round() as u16)
}

/// Splits a header's value at separators outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[track_caller]
    fn check(accept: &[&str], expected: MetricsFormat) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(format(&headers), expected, "{accept:?}");
    }

    #[test]
    fn prometheus_gets_openmetrics() {
        for accept in [
            // 2.5 to 2.33 ask for an older version of it, and for the classic format next.
            "application/openmetrics-text; version=1.0.0,application/openmetrics-text; version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8; Q=0.001",
            "text/plain, application/openmetrics-text",
            "application/openmetrics-text, */*",
            "text/plain;q=0.3, application/*",
        ] {
            check(&[accept], MetricsFormat::OpenMetrics);
        }
        check(&["text/plain;q=0.5", "application/openmetrics-text;version=1.0.0"], MetricsFormat::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_the_classic_format() {
        check(&[], MetricsFormat::Classic);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;q=0, */*",
            "application/openmetrics-text;version=1.0.0;q=0.2, text/plain;q=0.8",
            "application/openmetrics-text;q=0.000, text/plain;q=0",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=NaN",
            "application/json",
            "text/plain;x=\"a, application/openmetrics-text\"",
            "garbage, ;;, /, =",
        ] {
            check(&[accept], MetricsFormat::Classic);
        }
    }
}
