//! Keys of TCP itself, on loopback addresses.

#![cfg(target_os = "linux")]

use super::{VRP, dump, has_data, refused};
use crate::cache::{Cache, Folder, document};
use crate::router::Router;

/// As long as the standards demand that keys may be (8210bis section 9.3).
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn t_md5_01_who_has_the_key_is_served_and_a_wrong_one_meets_silence() {
    let folder = Folder::new();
    let key = folder.put("key", format!("127.0.0.0/8 {KEY}\n").as_bytes());
    // The longest prefix counts, and no other.
    let longest = folder.put("longest", format!("0.0.0.0/0 wrong\n127.0.0.1 {KEY}\n").as_bytes());
    let wrong = folder.put("wrong", b"127.0.0.1 wrong\n");
    let [key, longest, wrong] = [&key, &longest, &wrong].map(|path| path.to_str().unwrap());
    let mut cache = Cache::of(&document(&[VRP]), &["--listen", "127.0.0.1:0", "--tcp-md5", key]);
    let url = format!("tcp://{}", cache.rtr);
    has_data(&url, &["--tcp-md5", key]);
    has_data(&url, &["--tcp-md5", longest]);
    let line = "CACHE: can't connect: no answer within 1 s; is the key the cache's?";
    refused(&url, &["--timeout", "1", "--tcp-md5", wrong], 13, line);
    let line = "CACHE: can't connect: no answer within 1 s; is a firewall between?";
    refused(&url, &["--timeout", "1"], 13, line);

    let mut other = Cache::start(&url, &["--cache-tcp-md5", key]);
    other.wait_for(" serial ");
    assert_eq!(Router::connect(other.rtr).reset_query(2).payload.len(), 1);
    assert!(!cache.log().iter().any(|line| line.contains("ERROR")));
}

#[test]
fn keys_that_cannot_be_read_are_reported_with_their_line() {
    let folder = Folder::new();
    let broken = folder.put("keys", b"# none\n192.0.2.1\n");
    let broken = broken.to_str().unwrap();
    let (code, _, said) = dump("tcp://127.0.0.1:1", &["--tcp-md5", broken]);
    assert_eq!(code, 2, "{said}");
    assert!(said.starts_with(&format!("rtrcast: {broken}: line 2: ")), "{said}");
}
