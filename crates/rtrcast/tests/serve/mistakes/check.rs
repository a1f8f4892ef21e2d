//! Mistakes in validators' output, as `check` tells them.

use super::{age, checked, said};
use crate::cache::Folder;
use expect_test::expect;
use std::io::Write;

#[test]
fn a_file_that_is_not_there() {
    expect![[r#"
        rpki.json: there is no such file or directory
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&said(&Folder::new(), &["check", "rpki.json"]));
}

#[test]
fn an_empty_file() {
    expect![[r#"
        rpki.json: the file is empty
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", ""));
}

#[test]
fn a_file_that_was_cut_short() {
    expect![[r#"
        rpki.json: truncated: the file ends at byte 59 (line 3) before it is complete, perhaps since it is still being written
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", "{\"roas\":[\n{\"asn\":64496,\"prefix\":\"192.0.2.0/24\"},\n{\"asn\":644"));
}

#[test]
fn a_comma_that_is_missing() {
    expect![[r#"
        rpki.json: not JSON at byte 42 (line 3): expected , or the end of the list after an entry
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked(
        "rpki.json",
        "{\"roas\":[\n{\"asn\":1,\"prefix\":\"10.0.0.0/8\"}\n{\"asn\":2,\"prefix\":\"10.0.0.0/8\"}]}",
    ));
}

#[test]
fn a_web_page() {
    expect![[r#"
        rpki.json: this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON, CSV or CCR
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", "<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n"));
}

#[test]
fn a_gzip_that_was_cut_short() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(super::GOOD.as_bytes()).unwrap();
    let octets = gzip.finish().unwrap();
    expect![[r#"
        rpki.json.gz: truncated: the file ends at byte 103 before it is complete, perhaps since it is still being written
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json.gz", &octets[..octets.len() - 10]));
}

#[test]
fn a_bzip2() {
    expect![[r#"
        rpki.json.bz2: this is a file compressed by bzip2; unpack it, or compress it by gzip, zstd or xz
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json.bz2", b"BZh91AY&SY\x00\x00\x00\x00"));
}

#[test]
fn a_certificate() {
    expect![[r#"
        rpki.json: this is a certificate or key in PEM; give what a validator writes: JSON, CSV or CCR
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"));
}

#[test]
fn what_is_not_utf_8() {
    expect![[r#"
        rpki.json: not UTF-8 at byte 47 (line 1)
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", b"{\"roas\":[{\"asn\":1,\"prefix\":\"10.0.0.0/8\",\"ta\":\"r\xe9seau\"}]}"));
}

#[test]
fn json_of_something_else() {
    expect![[r#"
        rpki.json: JSON without VRPs ("roas"), router keys or ASPAs: not the output of a validator, and no SLURM ("slurmVersion")
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", r#"{"hello":"world"}"#));
}

#[test]
fn prefixes_that_are_wrong() {
    let document = r#"{"roas":[
{"asn":64496,"prefix":"192.0.2.0/24","maxLength":24},
{"asn":64497,"prefix":"198.51.100.0/24","maxLength":16},
{"asn":64498,"prefix":"2001:db8::/32","maxLength":129},
{"asn":64499,"prefix":"203.0.113.0/33"}
]}"#;
    expect![[r#"
        rpki.json: 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago
        rpki.json: 3 of 4 entries left out: roas[1]: maximum length 16 of 198.51.100.0/24 is not from 24 to 32; roas[2]: maximum length 129 of 2001:db8::/32 is not from 32 to 128; roas[3]: prefix is invalid: "203.0.113.0/33"
        rpki.json: its only record would be served now, until TIME (in SPAN)
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("rpki.json", document));
}

#[test]
fn host_bits_in_a_prefix() {
    expect![[r#"
        rpki.json: 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago
        rpki.json: 1 VRP had bits beyond the prefix length, which were set to zero
        rpki.json: its only record would be served now, until TIME (in SPAN)
        exit code 0
    "#]]
    .assert_eq(&checked("rpki.json", r#"{"roas":[{"asn":1,"prefix":"192.0.2.1/24"}]}"#));
}

#[test]
fn an_as_number_that_is_too_large() {
    expect![[r#"
        rpki.json: all of its 1 entries, or all VRPs, are invalid; the first is roas[0]: asn is invalid: 4294967296
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rpki.json", "{\"roas\":[\n{\"asn\":4294967296,\"prefix\":\"10.0.0.0/8\"}]}"));
}

#[test]
fn a_customer_that_is_its_own_provider() {
    let document = "{\"roas\":[],\n\"aspas\":[\n{\"customer\":64496,\"providers\":[64496,64497]}]}";
    expect![[r#"
        rpki.json: all of its 1 entries, or all VRPs, are invalid; the first is aspas[0]: the customer AS64496 is among its own providers
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("rpki.json", document));
}

#[test]
fn a_csv_with_another_header() {
    expect![[r#"
        vrps.csv: neither a validator's JSON nor its CSV nor a CCR: it begins with "Prefix;Origin"
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("vrps.csv", "Prefix;Origin\n10.0.0.0/8;1\n"));
}

#[test]
fn a_csv_that_was_cut_short() {
    expect![[r#"
        vrps.csv: truncated: the file ends at byte 69 (line 3) before it is complete, perhaps since it is still being written
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("vrps.csv", "ASN,IP Prefix,Max Length,Trust Anchor\nAS1,10.0.0.0/8,8,arin\nAS2,10.1."));
}

#[test]
fn a_file_that_is_three_days_old() {
    let folder = Folder::new();
    folder.put("lab-static.json", super::GOOD.as_bytes());
    age(&folder, "lab-static.json");
    expect![[r#"
        lab-static.json: 2 VRPs (2 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 3 days ago
        lab-static.json: warning: nothing of it would be served now: it was made TIME (3 days ago), and --max-age is 1 day. What helps: a newer file, or a larger --max-age, or --too-old keep to serve it all the same
        exit code 0
    "#]].assert_eq(&said(&folder, &["check", "lab-static.json"]));
}

#[test]
fn a_file_that_is_not_valid_any_more() {
    let document = r#"{"metadata":{"counts":1,"generated":1600000000,"valid":1600604800},"roas":[
{"prefix":"172.20.0.0/24","maxLength":29,"asn":"AS4242420000"}]}"#;
    let told = checked("dn42-stale.json", document);
    // How many days ago that was changes.
    let told: String = told
        .split(' ')
        .map(|word| if word.len() == 4 && word.parse::<u32>().is_ok() { "N" } else { word })
        .collect::<Vec<_>>()
        .join(" ");
    assert!(told.contains("warning: nothing of it would be served now: its metadata.valid was TIME ("), "{told}");
    assert!(
        told.contains("What helps: a newer file, or --too-old keep to serve it all the same\nexit code 0\n"),
        "{told}"
    );
}

#[test]
fn a_folder() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).unwrap();
    expect![[r#"
        data: note: there is no file in it whose name ends in .slurm or .json, so nothing of it would be in effect
        exit code 0
    "#]]
    .assert_eq(&said(&folder, &["check", "data"]));
}
