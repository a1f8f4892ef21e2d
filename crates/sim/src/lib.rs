//! A simulated world: sources, a cache, routers and the network between them, with a clock of their own.
//!
//! The cache is the real one without its sockets: [`Curator`](rtrcast_feed::curator::Curator),
//! [`ViewPublisher`](rtrcast_proto::ViewPublisher), [`ServerSession`](rtrcast_proto::ServerSession),
//! [`AdmissionLedger`](rtrcast_proto::AdmissionLedger), and on the other side
//! [`ClientSession`](rtrcast_proto::ClientSession) and [`Caches`](rtrcast_proto::Caches). A naive model of the protocol
//! and of the data, which shares no code with them, follows each connection, and after each step the world is checked
//! against it.
//!
//! A run is a function of octets: `choices.rs` reads choices from them, and `action.rs` makes actions of these. So one
//! decoder serves the sweep over seeds, the fuzzers and a replay; and what is found is shrunk by leaving out octets.
//!
//! * `choices.rs`, `action.rs`: octets to actions; `run.rs`: a run, its failure, and how it is shrunk;
//! * `pipe.rs`: octets on their way, which a network splits, delays, stalls, cuts and resets; `storage.rs`: images that
//!   are counted;
//! * `model/`: what the specification says: records, PDUs, connections, and the line of data sets;
//! * `world/`: the parts, the clock, and the checks after each step;
//! * `targets/`: what the fuzzers do with octets.

mod action;
mod choices;
mod model;
mod pipe;
mod run;
mod storage;
pub mod targets;
mod world;

pub use choices::{Choices, octets_of_seed};
pub use run::{ACTION_OCTETS, Failure, Outcome, RUN_ACTIONS, run, shrink, trace};
