//! Compression of a transfer, which its headers tell, and of a file, which its content tells.

use super::{one, served};
use crate::cache::Cache;
use crate::web::{Web, ok};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn zstd(octets: &[u8]) -> Vec<u8> {
    zstd::encode_all(octets, 1).unwrap()
}

#[test]
fn both_ways_of_compression_are_understood() {
    let web = Web::new();
    web.reply(ok("", &one(1)));
    let mut cache = Cache::start(web.url(), &[]);
    cache.wait_for("serial ");
    let request = web.request();
    let accepted = request.lines().find(|line| line.starts_with("accept-encoding: ")).unwrap();
    assert!(accepted.contains("gzip") && accepted.contains("zstd"), "{accepted}");

    for (asn, headers, body) in [
        (2, "Content-Encoding: gzip\r\n", gzip(&one(2))),
        (3, "Content-Encoding: zstd\r\n", zstd(&one(3))),
        (4, "Content-Type: application/gzip\r\n", gzip(&one(4))),
        (5, "Content-Type: application/zstd\r\n", zstd(&one(5))),
        // In two members, which are one file.
        (6, "Content-Encoding: gzip\r\n", [gzip(&one(6)[..20]), gzip(&one(6)[20..])].concat()),
    ] {
        web.reply(ok(headers, &body));
        cache.signal("HUP");
        cache.wait_for("+1 -1 VRPs");
        assert_eq!(served(&cache), asn, "{headers}");
    }
}

#[test]
fn a_compressed_transfer_that_is_cut_is_refused() {
    // As lines are whole, only the compression can tell.
    let lines: String = (0..2_000).map(|n| format!("AS{n},10.{}.{}.0/24,24,test\n", n / 256, n % 256)).collect();
    let csv = format!("ASN,IP Prefix,Max Length,Trust Anchor\n{lines}");
    let web = Web::new();
    web.reply(ok("", &one(1)));
    let mut cache = Cache::start(web.url(), &[]);
    cache.wait_for("serial ");
    for (headers, body) in [
        ("Content-Encoding: gzip\r\n", gzip(csv.as_bytes())),
        ("Content-Encoding: zstd\r\n", zstd(csv.as_bytes())),
        ("", gzip(csv.as_bytes())),
        ("", zstd(csv.as_bytes())),
    ] {
        for rest in [1, body.len() / 2] {
            web.reply(ok(headers, &body[..body.len() - rest]));
            cache.signal("HUP");
            let line = cache.wait_for("WARN");
            assert!(line.contains("stays served"), "{line}");
        }
        assert_eq!(served(&cache), 1);
    }
    web.reply(ok("Content-Encoding: zstd\r\n", &zstd(csv.as_bytes())));
    cache.signal("HUP");
    cache.wait_for("+2000 -1 VRPs");
}
