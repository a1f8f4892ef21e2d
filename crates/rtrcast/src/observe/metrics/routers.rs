//! Metrics that the table of routers has the numbers of, read whenever metrics are asked for.

use crate::observe::routers::Routers;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use rtrcast_proto::Version;
use std::fmt;
use std::sync::Arc;

/// Routers by listener and by version.
pub(super) struct RouterCollector(pub(super) Arc<Routers>);

impl fmt::Debug for RouterCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouterCollector")
    }
}

#[derive(EncodeLabelSet)]
struct BindLabel {
    bind: String,
}

#[derive(EncodeLabelSet)]
struct VersionLabel {
    version: u8,
}

impl Collector for RouterCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let clients = self.0.by_listener().into_iter().map(|(bind, count)| (BindLabel { bind }, count));
        show(&mut encoder, "rtr_clients", "Routers connected, by our address.", clients)?;
        let sessions = Version::ALL
            .into_iter()
            .map(|version| (VersionLabel { version: version.octet() }, self.0.sessions(version)));
        show(&mut encoder, "rtrcast_sessions", "Sessions that have negotiated a version.", sessions)
    }
}

fn show<Label: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Label, usize)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (label, count) in series {
        ConstGauge::new(super::gauge(count)).encode(metric.encode_family(&label)?)?;
    }
    Ok(())
}
