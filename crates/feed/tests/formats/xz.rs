//! xz: what its program writes, each cut, each octet that flips, and what a file may ask for.

use crate::compressed::{CSV, JSON, error, xz};
use crate::{ccr, read, read_in_pieces, shown, table};
use expect_test::expect;

/// The same lines as RIPE's export has them, as xz 5.4 writes them: with CRC-64 in one block; with SHA-256 in many; with
/// CRC-32, a filter before the compression and unusual parameters.
const BY_XZ: [&[u8]; 3] = [
    include_bytes!("xz/roas.csv.xz"),
    include_bytes!("xz/blocks-sha256.csv.xz"),
    include_bytes!("xz/delta-crc32.csv.xz"),
];

/// The beginning of a file of xz 5.4 that asks for a dictionary of 192 MiB.
const LARGE_DICTIONARY: [u8; 24] = [
    0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0x00, 0x04, 0xE6, 0xD6, 0xB4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x1F, 0x00, 0x00,
    0x00, 0xFE, 0x60, 0xED, 0xDE,
];

#[test]
fn files_of_the_program_xz() {
    for file in BY_XZ {
        expect![[r#"
            ipv4 + 192.0.2.0/24-24 AS64496 - 1898553600
            ipv6 + 2001:db8::/32-32 AS64497 - 1898553600
        "#]]
        .assert_eq(&shown(file));
    }
}

#[test]
fn streams_and_padding_in_any_order() {
    let plain = shown(JSON);
    let (first, second) = JSON.split_at(50);
    let (first, second, nothing) = (xz(first), xz(second), xz(b""));
    let padding = [0; 8];
    assert_eq!(shown(&[first.as_slice(), &second].concat()), plain);
    assert_eq!(shown(&[first.as_slice(), &padding, &nothing, &second, &padding].concat()), plain);
    // Padding comes in fours, and nothing else may follow.
    let padded = [xz(JSON), vec![0; 5]].concat();
    assert_eq!(error(&padded), format!("truncated: the file ends at byte {} before it is complete", padded.len()));
    let followed = error(&[xz(JSON), b"something".to_vec()].concat());
    assert!(followed.contains("xz: the data are damaged (invalid inter-stream padding)"), "{followed}");
}

#[test]
fn a_file_that_is_cut_is_truncated_wherever_it_was_cut() {
    let (first, second) = CSV.split_at(14);
    let two_streams = [xz(first), xz(second)].concat();
    for whole in [xz(JSON), xz(&ccr::small()), two_streams.clone()].iter().map(Vec::as_slice).chain(BY_XZ) {
        for end in 6..whole.len() {
            // Where a stream ends, so may the file.
            if whole == two_streams && end == xz(first).len() {
                assert!(read(&whole[..end]).is_ok());
                continue;
            }
            let expected = format!("truncated: the file ends at byte {end} before it is complete");
            assert_eq!(error(&whole[..end]), expected);
        }
    }
}

/// Neither a panic, nor another set than the right one.
#[test]
fn no_octet_that_flips_makes_another_set() {
    let whole = xz(JSON);
    for file in [whole.as_slice()].into_iter().chain(BY_XZ) {
        let right = shown(file);
        for at in 0..file.len() {
            for bits in [0x01, 0x80, 0xFF] {
                let mut broken = file.to_vec();
                broken[at] ^= bits;
                for cuts in [&[][..], &[at, at + 1]] {
                    if let Ok(rows) = read_in_pieces(&broken, cuts) {
                        let (table, tally) = table(rows);
                        assert_eq!(tally.entries, 2, "octet {at} by {bits:#04x}");
                        assert_eq!(table.image(), self::table(read(file).unwrap()).0.image(), "octet {at}: {right}");
                    }
                }
            }
        }
    }
}

/// The same where the checksums of the headers are right: then all that they ask for is tried.
#[test]
fn no_header_makes_another_set() {
    let file = BY_XZ[0];
    let right = read(file).map(|rows| table(rows).0).unwrap();
    let sum = |octets: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(octets);
        crc.sum().to_le_bytes()
    };
    // The header of the stream has its flags from octet 6 on and its checksum at 8; the header of the block begins at 12
    // and has its checksum at 20.
    for at in (6..8).chain(12..20) {
        for value in 0..=u8::MAX {
            let mut changed = file.to_vec();
            changed[at] = value;
            let (stream, block) = (sum(&changed[6..8]), sum(&changed[12..20]));
            changed[8..12].copy_from_slice(&stream);
            changed[20..24].copy_from_slice(&block);
            if let Ok(rows) = read(&changed) {
                assert_eq!(table(rows).0.image(), right.image(), "octet {at} is {value}");
            }
        }
    }
}

#[test]
fn errors_are_reported_with_their_positions() {
    let broken = |at: usize| {
        let mut octets = BY_XZ[0].to_vec();
        octets[at] ^= 1;
        error(&octets)
    };
    expect!["the compression is broken behind byte 12: xz: the data are damaged (XZ stream header CRC32 mismatch)"]
        .assert_eq(&broken(8));
    expect!["the compression is broken behind byte 24: xz: the data are damaged (block header CRC32 mismatch)"]
        .assert_eq(&broken(16));
    // The footer and the index before it have 12 octets each, and the checksum of the data is before both.
    let end = BY_XZ[0].len();
    expect!["the compression is broken behind byte 192: xz: the data are damaged (block checksum mismatch)"]
        .assert_eq(&broken(end - 25));
    expect!["the compression is broken behind byte 204: xz: the data are damaged (index CRC32 mismatch)"]
        .assert_eq(&broken(end - 13));
    expect!["the compression is broken behind byte 216: xz: the data are damaged (invalid XZ footer magic)"]
        .assert_eq(&broken(end - 1));
}

#[test]
fn a_dictionary_has_a_limit() {
    expect!["to decompress it takes a dictionary of 192 MiB, more than the 128 MiB that are allowed; compress it with a smaller one, as xz -9 does"]
        .assert_eq(&error(&LARGE_DICTIONARY));
}
