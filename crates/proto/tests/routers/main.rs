//! Client sessions as stories: what a cache does, and all that the router does about it.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod story;

mod data;
mod errors;
mod forgotten;
mod loss;
mod lower;
mod negotiation;
mod no_data;
mod octets;
mod pipes;
mod probe;
mod refusal;
mod resume;
mod sync;
mod timers;
mod unanswered;
mod unusable;
