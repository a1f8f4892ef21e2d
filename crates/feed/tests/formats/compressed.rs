//! Compressed files: each format, each way to be broken, and any pieces.

use crate::{ccr, read, read_in_pieces, shown, table};
use expect_test::expect;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use lzma_rust2::{XzOptions, XzWriter};
use proptest::prelude::*;
use std::io::Write as _;

pub(crate) const JSON: &[u8] =
    br#"{"roas": [{"asn": 64496, "prefix": "192.0.2.0/24"}, {"asn": 64497, "prefix": "2001:db8::/32"}]}"#;
pub(crate) const CSV: &[u8] = b"ASN,IP Prefix\nAS64496,192.0.2.0/24\nAS64497,2001:db8::/32\n";

pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(octets: &[u8]) -> Vec<u8> {
    zstd::encode_all(octets, 3).unwrap()
}

pub(crate) fn xz(octets: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A member whose header has all that a header can have.
fn gzip_with_names(octets: &[u8]) -> Vec<u8> {
    let header = GzBuilder::new().filename("rpki.json").comment("made up").extra(b"ab\x01\0x".as_slice());
    let mut encoder = header.write(Vec::new(), Compression::best());
    encoder.write_all(octets).unwrap();
    let mut member = encoder.finish().unwrap();
    // With a checksum of the header, which is at its end.
    member[3] |= 2;
    let end = 10 + 2 + 5 + b"rpki.json\0".len() + b"made up\0".len();
    member.splice(end..end, [0, 0]);
    member
}

fn skippable(octets: &[u8]) -> Vec<u8> {
    [&[0x53, 0x2A, 0x4D, 0x18], u32::try_from(octets.len()).unwrap().to_le_bytes().as_slice(), octets].concat()
}

pub(crate) fn error(octets: &[u8]) -> String {
    read(octets).err().unwrap().to_string()
}

#[test]
fn each_format_in_each_compression() {
    let ccr = ccr::small();
    for document in [JSON, CSV, &ccr] {
        let plain = shown(document);
        assert_eq!(plain.lines().count(), 2, "{plain}");
        for compressed in [gzip(document), gzip_with_names(document), zstd(document), xz(document)] {
            assert_eq!(shown(&compressed), plain);
        }
    }
}

#[test]
fn a_file_may_be_compressed_in_parts() {
    let (first, second) = JSON.split_at(50);
    let plain = shown(JSON);
    assert_eq!(shown(&[gzip(first), gzip(b""), gzip_with_names(second)].concat()), plain);
    let frames = [skippable(b"anything"), zstd(first), skippable(b""), zstd(second), skippable(b"more")].concat();
    assert_eq!(shown(&frames), plain);
}

#[test]
fn an_error_behind_the_decompression_is_marked() {
    expect!["error: after decompression: not JSON at byte 10 (line 1): expected a value\n"]
        .assert_eq(&shown(&gzip(br#"{"roas": [}"#)));
    expect!["error: after decompression: the file is empty\n"].assert_eq(&shown(&gzip(b"")));
    expect!["error: after decompression: the file is empty\n"].assert_eq(&shown(&zstd(b"")));
    expect!["error: after decompression: truncated: the file ends at byte 9 (line 1) before it is complete\n"]
        .assert_eq(&shown(&zstd(br#"{"roas":["#)));
    expect![[r#"
        error: after decompression: the file is empty
    "#]]
    .assert_eq(&shown(&xz(b"")));
    expect![[r#"
        error: after decompression: not JSON at byte 10 (line 1): expected a value
    "#]]
    .assert_eq(&shown(&xz(br#"{"roas": [}"#)));
}

#[test]
fn a_compressed_file_that_ends_too_early_is_truncated_wherever_it_was_cut() {
    for (whole, least) in [(gzip(JSON), 2), (gzip_with_names(JSON), 2), (zstd(JSON), 4)] {
        for end in least..whole.len() {
            let expected = format!("truncated: the file ends at byte {end} before it is complete");
            assert_eq!(error(&whole[..end]), expected);
        }
    }
    // Where a frame ends, so may the file.
    let (first, second) = (zstd(b"ASN,IP Prefix\n"), zstd(b"AS64496,192.0.2.0/24\n"));
    let both = [first.clone(), second].concat();
    assert!(error(&both[..both.len() - 1]).starts_with("truncated"));
    assert!(read(&both[..first.len()]).is_ok());
}

#[test]
fn broken_compression_is_refused_with_what_is_wrong() {
    let broken = |change: fn(&mut Vec<u8>)| {
        let mut octets = gzip(JSON);
        change(&mut octets);
        error(&octets)
    };
    let sum = broken(|octets| {
        let at = octets.len() - 8;
        octets[at] ^= 1;
    });
    assert!(sum.ends_with("gzip: the checksum does not match"), "{sum}");
    let length = broken(|octets| {
        let at = octets.len() - 1;
        octets[at] ^= 1;
    });
    assert!(length.ends_with("gzip: the length does not match"), "{length}");
    assert!(broken(|octets| octets[2] = 9).ends_with("gzip: the header is not gzip's"));
    assert!(broken(|octets| octets[3] = 0x20).ends_with("gzip: the header has the unknown flags 0x20"));
    assert!(broken(|octets| octets[10] = 0xFF).starts_with("the compression is broken behind byte 10: gzip: "));
    let expected = "gzip: the data behind a member are not another one";
    assert!(broken(|octets| octets.push(0)).ends_with(expected));
    assert!(broken(|octets| octets.extend(b"\x1F\x8C")).ends_with("gzip: the header is not gzip's"));

    let mut frame = zstd(JSON);
    frame.extend(b"something");
    assert!(error(&frame).contains("the compression is broken behind byte"), "{}", error(&frame));
    assert!(error(&frame).contains("zstd: "));
    // A frame that needs a window of 2^31 octets.
    let large_window = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    assert!(error(&large_window).contains("zstd: "), "{}", error(&large_window));
}

proptest! {
    #[test]
    fn any_pieces_of_a_compressed_file_give_the_same_as_the_whole(
        cuts in proptest::collection::vec(0..400_usize, 0..40),
        json in proptest::bool::ANY,
    ) {
        let document = if json { JSON } else { CSV };
        let (first, second) = document.split_at(20);
        let (whole, _) = table(read(document).unwrap());
        let files = [
            [gzip(first), gzip_with_names(second)].concat(),
            [zstd(first), skippable(b"x"), zstd(second)].concat(),
            [xz(first), xz(second), vec![0; 4]].concat(),
        ];
        for file in files {
            let (pieces, _) = table(read_in_pieces(&file, &cuts).unwrap());
            prop_assert_eq!(pieces.image(), whole.image());
        }
    }

    #[test]
    fn no_octets_make_a_decompression_panic(
        at in 0..200_usize,
        octet in proptest::num::u8::ANY,
        cuts in proptest::collection::vec(0..200_usize, 0..4),
    ) {
        for mut file in [gzip(JSON), zstd(JSON), xz(JSON)] {
            let at = at % file.len();
            file[at] = octet;
            // Octets of no meaning may have been hit, or the checksum of zstd, which this frame does not have.
            let _ = read_in_pieces(&file, &cuts);
        }
    }
}

#[test]
fn one_octet_at_a_time() {
    for document in [JSON, CSV, &ccr::small()] {
        for file in [document.to_vec(), gzip(document), zstd(document), xz(document)] {
            let cuts: Vec<usize> = (0..file.len()).collect();
            let (pieces, tally) = table(read_in_pieces(&file, &cuts).unwrap());
            assert_eq!(tally.entries, 2);
            assert_eq!(pieces.image(), table(read(document).unwrap()).0.image());
        }
    }
}
