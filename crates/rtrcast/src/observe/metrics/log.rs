//! Metrics of the log, read whenever metrics are asked for.

use crate::observe::log::lines_lost;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;

/// The metrics of the log.
#[derive(Debug)]
pub(super) struct LogCollector;

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let lost = ConstCounter::new(lines_lost());
        // The encoder adds `_total`.
        let (name, help) =
            ("rtrcast_log_lines_lost", "Log lines that were lost, because nothing read standard error fast enough.");
        lost.encode(encoder.encode_descriptor(name, help, None, lost.metric_type())?)
    }
}
