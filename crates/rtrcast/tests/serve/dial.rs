//! `rtrcast dump` over what lies below RTR: TLS, SSH, TCP with keys, and Unix sockets; and who does not get in.

mod follow;
mod keys;
mod ssh;
mod tls;
mod unix;

use crate::cache::run;

/// A document with one VRP.
const VRP: (u32, &str, u8) = (64_496, "192.0.2.0/24", 24);

/// The same as text.
const LINE: &str = "ipv4 + 192.0.2.0/24-24 AS64496\n";

/// Runs `rtrcast dump` for text, which begins with a line of metadata that is left out; the URL is called `CACHE` in
/// what it says.
fn dump(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let (code, out, error) = run(&[&["dump", "-q", "--format", "text", url], arguments].concat());
    let records = out.split_once('\n').map_or("", |(_, records)| records);
    (code, records.to_owned(), error.replace(url, "CACHE"))
}

/// Asserts that it has the one VRP.
fn has_data(url: &str, arguments: &[&str]) {
    assert_eq!(dump(url, arguments), (0, LINE.to_owned(), String::new()));
}

/// Asserts what `rtrcast dump` says, with no data.
fn refused(url: &str, arguments: &[&str], code: i32, line: &str) {
    assert_eq!(dump(url, arguments), (code, String::new(), format!("rtrcast: {line}\n")));
}
