//! Server sessions as stories: what a router does, and all that the cache does about it.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod story;

mod answering_lower;
mod dismissal;
mod ending;
mod errors;
mod framing;
mod negotiation;
mod notify;
mod order;
mod serials;
mod session_ids;

/// A set whose response takes three chunks: 30,000 VRPs, too many to be written down.
fn large_set() -> String {
    let vrps: Vec<String> = (0..30_000).map(|n| format!("ipv4 10.{}.{}.0/24-24 AS1", n / 256, n % 256)).collect();
    format!("set {}", vrps.join("; "))
}
