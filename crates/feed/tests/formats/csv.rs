//! CSV: the columns of each validator.

use crate::{check, read, table};
use expect_test::expect;
use proptest::prelude::*;
use rtrcast_feed::Reader;

#[test]
fn rpki_client_s_csv() {
    check(
        "ASN,IP Prefix,Max Length,Trust Anchor,Expires\nAS13335,1.0.0.0/24,24,apnic,1753400000\nAS0,2001:db8::/32,48,ripe,1753400001\n",
        expect![[r#"
            ipv4 + 1.0.0.0/24-24 AS13335 apnic 1753400000
            ipv6 + 2001:db8::/32-48 AS0 ripe 1753400001
        "#]],
    );
}

#[test]
fn routinator_s_three_kinds_of_csv() {
    check(
        "ASN,IP Prefix,Max Length,Trust Anchor\r\nAS196615,93.175.147.0/24,24,ripe\r\n",
        expect![[r#"
        ipv4 + 93.175.147.0/24-24 AS196615 ripe never
    "#]],
    );
    check(
        "\"ASN\",\"IP Prefix\",\"Max Length\",\"Trust Anchor\"\n\"AS196615\",\"93.175.147.0/24\",\"24\",\"ripe\"\n",
        expect![[r#"
            ipv4 + 93.175.147.0/24-24 AS196615 ripe never
        "#]],
    );
    check(
        "URI,ASN,IP Prefix,Max Length,Not Before,Not After\nrsync://x/y.roa,AS196615,93.175.147.0/24,24,2023-01-01 00:00:00,2024-01-01 00:00:00\n",
        expect![[r#"
            ipv4 + 93.175.147.0/24-24 AS196615 - 1704067200
        "#]],
    );
}

/// RIPE's export of ROAs, and Routinator's `csvext`: the expiry is in UTC. When a ROA begins to be valid does not
/// matter: the validator has found it valid.
#[test]
fn the_validity_of_a_roa_ends_with_its_not_after() {
    check(
        "URI,ASN,IP Prefix,Max Length,Not Before,Not After\n\
         \"rsync://repository.example/a.roa\",AS64496,192.0.2.0/24,24,2017-05-12 04:00:00,2020-05-12 04:00:00\n\
         \"rsync://repository.example/b.roa\",AS64497,198.51.100.0/24,,2026-05-12 04:00:00,2028-05-12 04:00:00\n\
         \"rsync://repository.example/c.roa\",AS64498,2001:db8::/32,48,2199-01-01 00:00:00,2199-12-31 23:59:59\n\
         \"rsync://repository.example/d.roa\",AS64499,2001:db8::/32,48,,\n\
         \"rsync://repository.example/e.roa\",AS64500,2001:db8::/32,48,2026-05-12 04:00:00,2026-13-12 04:00:00\n",
        expect![[r#"
            ipv4 + 198.51.100.0/24-24 AS64497 - 1841716800
            ipv4 + 192.0.2.0/24-24 AS64496 - 1589256000
            ipv6 + 2001:db8::/32-48 AS64499 - never
            ipv6 + 2001:db8::/32-48 AS64498 - never
            refused line[6]: expiry is invalid: "2026-13-12 04:00:00"
        "#]],
    );
}

#[test]
fn fort_s_csv() {
    check(
        "ASN,Prefix,Max prefix length\nAS64496,192.0.2.0/24,24\n",
        expect![[r#"
        ipv4 + 192.0.2.0/24-24 AS64496 - never
    "#]],
    );
}

#[test]
fn only_a_header_is_an_empty_set() {
    check("ASN,IP Prefix,Max Length,Trust Anchor\n", expect![[""]]);
}

#[test]
fn a_bad_line_is_refused_by_name_and_the_rest_is_accepted() {
    check(
        "ASN,IP Prefix,Max Length,Trust Anchor,Expires\n\nAS-1,10.0.0.0/8,8,a,1\nAS1,10.0.0.0,8,a,1\nAS1,10.0.0.0/8,7,a,1\nAS1,10.0.0.0/8,x,a,1\nAS1,10.0.0.0/8,8,a,soon\nAS1\nAS2,10.1.2.3/8,,,\n",
        expect![[r#"
            ipv4 + 10.0.0.0/8-8 AS2 - never
            refused line[3]: ASN is invalid: "AS-1"
            refused line[4]: prefix is invalid: "10.0.0.0"
            refused line[5]: maximum length 7 of 10.0.0.0/8 is not from 8 to 32
            refused line[6]: maximum length is invalid: "x"
            refused line[7]: expiry is invalid: "soon"
            refused line[8]: no prefix
            masked 1
        "#]],
    );
}

#[test]
fn what_is_no_csv_of_a_validator_is_an_error() {
    check(
        "name,value\n1,2\n",
        expect![[r#"
        error: neither a validator's JSON nor its CSV nor a CCR: it begins with "name,value"
    "#]],
    );
    check(
        "ASN,IP Prefix\nAS1,10.0.0.0\n",
        expect![[r#"
            error: all of its 1 entries, or all VRPs, are invalid; the first is line[2]: prefix is invalid: "10.0.0.0"
        "#]],
    );
    check(
        "ASN,IP Prefix\nAS1,10.0.0.0/8\nAS2,11.0.0.0/8",
        expect![[r#"
        error: truncated: the file ends at byte 43 (line 3) before it is complete
    "#]],
    );
    let error = |document: &[u8]| read(document).err().unwrap().to_string();
    assert_eq!(error(b"ASN,IP Prefix\nAS1,10.0.0.0/8\nAS\xFF,11.0.0.0/8\n"), "not UTF-8 at byte 31 (line 3)");
    assert!(error(&[b"ASN,IP Prefix\n", [b'1'; 70_000].as_slice()].concat()).contains("is larger than"));
    assert!(error(&[b'a'; 70_000]).starts_with("neither"));
}

#[test]
fn a_csv_that_ends_in_the_middle_of_a_line_is_an_error() {
    let document = "ASN,IP Prefix,Max Length\nAS1,10.0.0.0/8,24\nAS2,11.0.0.0/8,24\n";
    for end in 1..document.len() {
        let complete = document[..end].ends_with('\n');
        assert_eq!(read(&document.as_bytes()[..end]).is_ok(), complete, "{end}");
    }
}

/// A document of which any pieces have to give the same as the whole.
fn pieces_give_the_same_as_the_whole(cuts: &[usize]) {
    let document = "\u{FEFF}ASN,IP Prefix,Max Length,Trust Anchor\nAS1,10.0.0.0/8,24,\u{fc}\n\nAS2,wrong,24,a\nAS3,2001:db8::/32,48,b\n".as_bytes();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(document.len())).collect();
    cuts.sort_unstable();
    let mut reader = Reader::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([document.len()]) {
        reader.push(&document[start..cut]).unwrap();
        start = cut;
    }
    let (pieces, tally) = table(reader.finish().unwrap());
    let (whole, whole_tally) = table(read(document).unwrap());
    assert_eq!(pieces.image(), whole.image());
    assert_eq!(tally, whole_tally);
}

#[test]
fn a_cut_at_any_place_changes_nothing() {
    pieces_give_the_same_as_the_whole(&[]);
    (0..120).for_each(|cut| pieces_give_the_same_as_the_whole(&[cut]));
}

proptest! {
    #[test]
    fn any_pieces_of_a_csv_give_the_same_as_the_whole(cuts in proptest::collection::vec(0..120_usize, 0..8)) {
        pieces_give_the_same_as_the_whole(&cuts);
    }
}
