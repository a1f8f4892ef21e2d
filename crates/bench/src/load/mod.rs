//! Load clients.

pub(crate) mod ssh;
mod tail;
pub(crate) mod tls;
