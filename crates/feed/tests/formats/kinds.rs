//! Files that are no validator's output, and begin like another known kind: each is named, however it comes in pieces,
//! and with what to do.

use crate::compressed::{JSON, error, gzip, xz, zstd};
use crate::{ccr, read_in_pieces};
use expect_test::expect;
use rtrcast_feed::{OtherKind, Reason};

/// A file of each kind.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let tar = [b"roas.csv".as_slice(), &[0; 249], b"ustar\x0000", &[0; 248], b"ASN,IP Prefix\n"].concat();
    let der = |content: &[u8]| [&[0x30, 0x82, 0x01, 0x00], content, &[0; 256]].concat();
    let signed_data = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    vec![
        ("bzip2", b"BZh91AY&SY\x00\x0A\x00".to_vec()),
        ("lzma", b"\x5D\x00\x00\x80\x00\xFF\xFF\x0A".to_vec()),
        ("lzip", b"LZIP\x01\x0C\n".to_vec()),
        ("lz4", b"\x04\x22\x4D\x18\x64\x40\n".to_vec()),
        ("compress", b"\x1F\x9D\x90\n".to_vec()),
        ("gzip in gzip", gzip(&gzip(JSON))),
        ("xz in zstd", zstd(&xz(JSON))),
        ("zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00\n".to_vec()),
        ("7z", b"7z\xBC\xAF\x27\x1C\x00\x04\n".to_vec()),
        ("rar", b"Rar!\x1A\x07\x01\x00\n".to_vec()),
        ("tar in xz", xz(&tar)),
        ("tar", tar),
        ("HTML", b"\xEF\xBB\xBF\r\n<!DOCTYPE HTML>\n<title>502 Bad Gateway</title>\n".to_vec()),
        ("XHTML", b"<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>".to_vec()),
        ("long HTML", format!("<html>\n<body>{}</body>", "Please log in. ".repeat(1000)).into_bytes()),
        (
            "RRDP",
            b"<?xml version=\"1.0\"?>\n<notification xmlns=\"http://www.ripe.net/rpki/rrdp\" version=\"1\"/>".to_vec(),
        ),
        ("XML", b"<?xml version=\"1.0\"?>\n<roas/>\n".to_vec()),
        ("PEM", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_vec()),
        ("TAL", b"# A comment\nhttps://rpki.example/ta.cer\nrsync://rpki.example/ta.cer\n\nMIIBIjAN\n".to_vec()),
        ("ROA", der(&signed_data)),
        ("certificate", der(&[0x30, 0x82, 0x00, 0xF0])),
        (
            "OpenBGPD",
            b"# Generated on host a.example at Sun Mar 1 00:00:00 2026\nroa-set {\n\t10.0.0.0/8 source-as 1\n}\n"
                .to_vec(),
        ),
        ("BIRD", b"roa 10.0.0.0/8 max 8 as 1;\n".to_vec()),
        ("SLURM", br#"{"slurmVersion": 1, "validationOutputFilters": {}, "locallyAddedAssertions": {}}"#.to_vec()),
        ("text", b"# tcp://cache:323 version=2 session=4661 serial=7\nipv4 + 10.0.0.0/8-24 AS64496\n".to_vec()),
        ("PDUs", b"\x02\x03\x12\x35\x00\x00\x00\x08\x02\x04\x00\x00\x00\x00\x00\x14".to_vec()),
        ("MRT", b"\x69\xA4\x7D\x80\x00\x0D\x00\x01\x00\x00\x00\x0A".to_vec()),
        ("capture", b"\xD4\xC3\xB2\xA1\x02\x00\x04\x00\n".to_vec()),
        ("SQLite", b"SQLite format 3\0\n".to_vec()),
        ("UTF-16", b"\xFF\xFE{\0\"\0r\0".to_vec()),
    ]
}

#[test]
fn each_kind_is_named_with_what_to_do() {
    let shown: String = files().iter().map(|(name, file)| format!("{name}: {}\n", error(file))).collect();
    expect![[r#"
        bzip2: this is a file compressed by bzip2; unpack it, or compress it by gzip, zstd or xz
        lzma: this is a file compressed by lzma; unpack it, or compress it by gzip, zstd or xz
        lzip: this is a file compressed by lzip; unpack it, or compress it by gzip, zstd or xz
        lz4: this is a file compressed by lz4; unpack it, or compress it by gzip, zstd or xz
        compress: this is a file compressed by compress; unpack it, or compress it by gzip, zstd or xz
        gzip in gzip: after decompression: this is compressed once more, by gzip; unpack it once
        xz in zstd: after decompression: this is compressed once more, by xz; unpack it once
        zip: this is a zip archive; unpack it, and give the file that was in it
        7z: this is a 7z archive; unpack it, and give the file that was in it
        rar: this is a rar archive; unpack it, and give the file that was in it
        tar in xz: after decompression: this is a tar archive; unpack it, and give the file that was in it
        tar: this is a tar archive; unpack it, and give the file that was in it
        HTML: this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON, CSV or CCR
        XHTML: this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON, CSV or CCR
        long HTML: this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON, CSV or CCR
        RRDP: this is a file of an RPKI repository (RRDP), which validators read; give what a validator writes: JSON, CSV or CCR
        XML: this is XML; give what a validator writes: JSON, CSV or CCR
        PEM: this is a certificate or key in PEM; give what a validator writes: JSON, CSV or CCR
        TAL: this is a trust anchor locator (TAL), which validators read; give what a validator writes: JSON, CSV or CCR
        ROA: this is a signed object of the RPKI, such as a ROA or a manifest, which validators read; give what a validator writes: JSON, CSV or CCR
        certificate: this is a certificate or a revocation list; give what a validator writes: JSON, CSV or CCR
        OpenBGPD: this is configuration for BIRD or OpenBGPD; give the JSON, CSV or CCR that the validator writes as well
        BIRD: this is configuration for BIRD or OpenBGPD; give the JSON, CSV or CCR that the validator writes as well
        SLURM: this is a SLURM file; give it with --slurm, unpacked if it is compressed
        text: this is the text form of a data set; have `rtrcast dump` write JSON or CSV
        PDUs: this is RTR, PDU by PDU as a cache sends it; to follow a cache over RTR give its address: tcp://HOST:PORT
        MRT: this is an MRT file of BGP messages or routes; give what a validator writes: JSON, CSV or CCR
        capture: this is a capture of packets; to follow a cache over RTR give its address: tcp://HOST:PORT
        SQLite: this is an SQLite database; give what a validator writes: JSON, CSV or CCR
        UTF-16: this is text in UTF-16; save it as UTF-8
    "#]].assert_eq(&shown);
}

#[test]
fn each_kind_is_named_however_it_comes_in_pieces() {
    for (name, file) in files() {
        let whole = error(&file);
        for cuts in [(0..file.len()).collect::<Vec<_>>(), vec![1], vec![5], vec![300]] {
            let pieces = read_in_pieces(&file, &cuts).err().unwrap().to_string();
            assert_eq!(pieces, whole, "{name}");
        }
    }
}

#[test]
fn what_only_looks_like_another_kind_is_read() {
    // No number of a version follows, no level, no length of the long form.
    for (start, words) in [
        (&b"BZhan,IP Prefix\n"[..], "begins with \"BZhan,IP Prefix\""),
        (b"010203,IP Prefix\n", "begins with \"010203,IP Prefix\""),
        (b"# ASN\nAS1\n", "begins with \"# ASN\""),
        (b"https://validator.example/\n", "begins with \"https://validator.example/\""),
    ] {
        let error = error(start);
        assert!(error.contains(words), "{error}");
    }
    assert!(!matches!(
        read_in_pieces(&ccr::small(), &[]).map_err(|error| error.reason),
        Err(Reason::OtherKind(OtherKind::Certificate | OtherKind::SignedObject))
    ));
    // A member of SLURM beside VRPs is an unknown one.
    let document = br#"{"slurmVersion": 1, "roas": [{"asn": 64496, "prefix": "192.0.2.0/24"}]}"#;
    assert_eq!(read_in_pieces(document, &[]).unwrap().accepted(), 1);
}

#[test]
fn a_byte_order_mark_behind_white_space_is_none_however_the_file_comes_in_pieces() {
    let file = [&[b'\n'; 270][..], b"\xEF\xBB\xBF\n# ASN\n\xC3\n"].concat();
    let pieces = read_in_pieces(&file, &(0..file.len()).collect::<Vec<_>>()).err().unwrap().to_string();
    assert_eq!(pieces, error(&file));
    assert!(pieces.contains("begins with \"\\u{feff}\""), "{pieces}");
}
