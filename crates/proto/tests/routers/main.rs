//! Client sessions as stories: what a cache does, and all that the router does about it.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod story;

mod data;
mod errors;
mod forgotten;
mod loss;
mod negotiation;
mod octets;
mod pipes;
mod sync;
mod timers;
mod unusable;
