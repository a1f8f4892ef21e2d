//! Log lines, metrics and the status that an operator sees: of sources (`sources/`), of connections and their sessions
//! (`sessions.rs`, with the table of routers in `routers/`). `describe.rs` has their common phrases, `log/` has every log
//! event and writes lines, `metrics/` has every metric, and `status/` the status value.

pub(crate) mod describe;
pub(crate) mod listeners;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod routers;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod status;
