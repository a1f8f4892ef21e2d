//! What happens, as log lines, metrics and the status that an operator sees: of sources (`sources/`), of routers
//! (`routers.rs`, with `clients.rs` by listener). `describe.rs` has their common phrases, `log.rs` writes lines, and
//! `metrics/` has every metric.

pub(crate) mod clients;
pub(crate) mod describe;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod routers;
pub(crate) mod sources;
