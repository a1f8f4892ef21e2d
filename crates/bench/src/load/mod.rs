//! Routers that cost so little that the cache is what is measured.

pub(crate) mod flock;
pub(crate) mod pdu;
pub(crate) mod plain;
pub(crate) mod router;
pub(crate) mod ssh;
mod tail;
pub(crate) mod tls;
