//! What peers share that are libraries in Rust and run within this program: a runtime, and where their version stands.

use crate::Outcome;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// Runs something on a thread of its own until the value is dropped.
pub(crate) fn background(future: impl Future<Output = ()> + Send + 'static) -> Outcome<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| format!("no tokio runtime: {error}"))?;
    runtime.spawn(future);
    Ok(runtime)
}

/// The version of a crate that this program is built with.
pub(crate) fn version(name: &str) -> Option<String> {
    const LOCK: &str = include_str!("../../../../Cargo.lock");
    let (_, rest) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split('"').next()?.to_owned())
}
