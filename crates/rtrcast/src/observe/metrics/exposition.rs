//! The two formats in which metrics are shown.
//!
//! The library writes OpenMetrics 1.0. The classic text format of Prometheus (version 0.0.4) differs from it in the
//! names that comments carry, in four types, and in the comments `UNIT` and `EOF`; samples are the same.

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// Prometheus' text format, version 0.0.4, which every reader of metrics understands.
    Classic,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl MetricsFormat {
    /// The value of Content-Type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            MetricsFormat::Classic => "text/plain; version=0.0.4; charset=utf-8",
            MetricsFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Rewrites metrics in OpenMetrics as classic ones.
pub(super) fn classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.split_terminator('\n') {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            // A classic name is the one that stands before the samples.
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "stateset" => ("", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            text += &format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_metrics_have_no_type_and_no_comment_that_only_openmetrics_has() {
        let openmetrics = "\
# HELP a_requests Requests, by path.
# TYPE a_requests counter
a_requests_total{path=\"# HELP x\"} 7
# HELP b_build This program.
# TYPE b_build info
b_build_info{version=\"1\"} 1
# HELP c PDUs.
# TYPE c unknown
c{type=\"a\\nb\"} 2
# HELP d_seconds Time.
# TYPE d_seconds gauge
# UNIT d_seconds seconds
d_seconds 0.5
# HELP e States.
# TYPE e stateset
e{e=\"on\"} 1
# EOF
";
        let expected = "\
# HELP a_requests_total Requests, by path.
# TYPE a_requests_total counter
a_requests_total{path=\"# HELP x\"} 7
# HELP b_build_info This program.
# TYPE b_build_info gauge
b_build_info{version=\"1\"} 1
# HELP c PDUs.
# TYPE c untyped
c{type=\"a\\nb\"} 2
# HELP d_seconds Time.
# TYPE d_seconds gauge
d_seconds 0.5
# HELP e States.
# TYPE e gauge
e{e=\"on\"} 1
";
        assert_eq!(classic(openmetrics), expected);
    }
}
