//! Bare servers.

pub(crate) mod ssh;
pub(crate) mod tls;
