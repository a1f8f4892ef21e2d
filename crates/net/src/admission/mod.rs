//! Admission of connections: the access lists of the operator, and the limiter. No sockets here.
//!
//! Without capacity nothing is accepted, since a router that is accepted and closed waits ten minutes. [T-TCP-06]
//! `access_lists.rs` has the lists, and `limiter.rs` lets tasks wait for what the
//! [ledger](rtrcast_proto::AdmissionLedger) decides.

mod access_lists;
mod limiter;

pub use access_lists::AccessLists;
pub use limiter::{Capacity, ConnectionLimiter, Permit};
