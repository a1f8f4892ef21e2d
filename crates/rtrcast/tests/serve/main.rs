//! The program as a black box: started as an operator would, spoken to over loopback by a router that shares no code
//! with it.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod authority;
mod cache;
mod fake;
mod router;
mod web;

mod admission;
mod check;
mod control;
mod data;
mod dump;
mod dump_follow;
mod fetch;
mod files;
mod last_words;
mod reload;
mod slurm;
mod sources;
mod startup;
mod upstream;
mod urls;
