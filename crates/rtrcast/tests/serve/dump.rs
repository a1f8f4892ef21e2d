//! `rtrcast dump`: what it prints, and what it says of caches that do not do as they should.

use crate::cache::{Cache, Folder, document, run, without_spans};
use crate::fake::{Fake, Peer, Script, script};
use crate::router::{Response, Router};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

/// A DER SubjectPublicKeyInfo as far as anybody here looks.
const KEY: &str = "MAMBAgM=";

const RESET_V2: &str = "0202000000000008";
const RESET_V1: &str = "0102000000000008";
const RESET_V0: &str = "0002000000000008";
const RESPONSE_V2: &str = "0203000700000008";
const VRP_V2: &str = "0204000000000014 01 18 18 00 c0000200 0000fbf0";
const END_V2: &str = "0207000700000018 00000009 00000e10 00000258 00001c20";
const RESPONSE_V1: &str = "0103000700000008";
const END_V1: &str = "0107000700000018 00000009 00000e10 00000258 00001c20";

/// Payload of every kind.
fn everything() -> String {
    format!(
        r#"{{ "metadata": {{}},
  "roas": [
    {{ "asn": 0, "prefix": "0.0.0.0/0", "maxLength": 0 }},
    {{ "asn": 64496, "prefix": "10.0.0.0/8", "maxLength": 24 }},
    {{ "asn": 4294967295, "prefix": "255.255.255.255/32", "maxLength": 32 }},
    {{ "asn": 1, "prefix": "::/0", "maxLength": 128 }},
    {{ "asn": 64497, "prefix": "2001:db8::/32", "maxLength": 48 }}
  ],
  "bgpsec_keys": [
    {{ "asn": 64498, "ski": "5D4250E2D81D4448D8A29EFCE91D29FF075EC9E2", "pubkey": "{KEY}" }}
  ],
  "aspas": [
    {{ "customer_asid": 64499, "providers": [0] }},
    {{ "customer_asid": 64500, "providers": [64501, 64502] }}
  ]
}}
"#
    )
}

/// Runs `rtrcast dump` against an address, which is called `CACHE` in what it says.
fn dump(address: SocketAddr, arguments: &[&str]) -> (i32, String, String) {
    let url = format!("tcp://{address}");
    let (code, out, error) = run(&[&["dump", &url], arguments].concat());
    (code, out.replace(&url, "CACHE"), error.replace(&url, "CACHE"))
}

/// Asserts what `rtrcast dump` says of a cache that sends it no data: nothing but this line, and this exit code.
fn refused(scripts: Vec<Script>, arguments: &[&str], code: i32, line: &str) {
    let fake = Fake::new(scripts);
    let outcome = dump(fake.address, arguments);
    assert_eq!(outcome, (code, String::new(), format!("rtrcast: CACHE: {line}\n")));
    fake.finish();
}

/// What a router gets.
fn asked(address: SocketAddr) -> Response {
    let mut router = Router::connect(address);
    router.send(RESET_V2);
    router.response()
}

/// What stands behind the first line, which has the metadata.
fn records(document: &str) -> &str {
    document.split_once('\n').unwrap().1
}

#[test]
fn payload_of_every_kind_is_printed_as_the_source_has_it() {
    let cache = Cache::of(everything().as_bytes(), &[]);
    let (code, text, error) = dump(cache.rtr, &[]);
    assert_eq!(code, 0);
    assert_eq!(records(&text), records(&everything()));
    let response = asked(cache.rtr);
    let (session, serial) = (response.session, response.serial);
    let start = format!(
        "{{ \"metadata\": {{ \"source\": \"CACHE\", \"version\": 2, \"session\": {session}, \"serial\": {serial}, \
         \"refresh\": 3600, \"retry\": 600, \"expire\": 7200, \"generated\": "
    );
    assert!(text.starts_with(&start), "{text}");
    let end = ", \"vrps\": 5, \"bgpsec_pubkeys\": 1, \"vaps\": 2 },\n";
    assert!(text.contains(end), "{text}");
    let line = format!("CACHE: version 2, session {session}, serial {serial}: 5 VRPs, 1 router key, 2 ASPAs in ");
    assert!(error.starts_with(&line) && error.lines().count() == 1, "{error}");

    // What another cache serves of that is the same.
    let other = Cache::of(text.as_bytes(), &[]);
    assert_eq!(asked(other.rtr).payload, response.payload);
}

#[test]
fn csv_has_vrps_only_and_says_so() {
    let cache = Cache::of(everything().as_bytes(), &[]);
    let (code, text, error) = dump(cache.rtr, &["--format", "csv"]);
    let lines = "ASN,IP Prefix,Max Length\nAS0,0.0.0.0/0,0\nAS64496,10.0.0.0/8,24\nAS4294967295,255.255.255.255/32,32\n\
                 AS1,::/0,128\nAS64497,2001:db8::/32,48\n";
    assert_eq!((code, text.as_str()), (0, lines));
    assert!(error.contains("5 VRPs, 1 router key, 2 ASPAs (CSV has the VRPs only) in "), "{error}");

    let other = Cache::of(text.as_bytes(), &[]);
    let prefixes = |cache: &Cache| asked(cache.rtr).prefixes();
    assert_eq!(prefixes(&other), prefixes(&cache));
}

#[test]
fn text_is_a_line_for_each_record() {
    let cache = Cache::of(everything().as_bytes(), &[]);
    let (code, text, error) = dump(cache.rtr, &["--format", "text", "--quiet"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(text.starts_with("# CACHE version=2 session="), "{text}");
    assert_eq!(
        records(&text),
        "ipv4 + 0.0.0.0/0-0 AS0\n\
         ipv4 + 10.0.0.0/8-24 AS64496\n\
         ipv4 + 255.255.255.255/32-32 AS4294967295\n\
         ipv6 + ::/0-128 AS1\n\
         ipv6 + 2001:db8::/32-48 AS64497\n\
         router-key + 5d4250e2d81d4448d8a29efce91d29ff075ec9e2 AS64498 3003010203\n\
         aspa + AS64499 AS0\n\
         aspa + AS64500 AS64501,AS64502\n"
    );
}

#[test]
fn lists_that_a_version_can_t_carry_are_absent() {
    let cache = Cache::of(everything().as_bytes(), &[]);
    let (code, text, error) = dump(cache.rtr, &["--version", "0"]);
    assert_eq!(code, 0);
    assert!(text.contains("\"vrps\": 5 },\n") && !text.contains("bgpsec") && !text.contains("aspas"), "{text}");
    assert!(!text.contains("refresh"), "version 0 has no timers: {text}");
    assert!(error.contains(": 5 VRPs in "), "{error}");
    let (code, text, error) = dump(cache.rtr, &["--max-version", "1"]);
    assert_eq!(code, 0);
    assert!(text.contains("\"bgpsec_pubkeys\": 1 },\n") && !text.contains("aspas"), "{text}");
    assert!(error.contains("version 1, "), "{error}");
    assert!(error.contains(": 5 VRPs, 1 router key in "), "{error}");
}

#[test]
fn an_empty_set_is_data() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V2);
        router.send(RESPONSE_V2);
        router.send(END_V2);
        router.wait();
    })]);
    let (code, text, error) = dump(fake.address, &[]);
    assert_eq!((code, records(&text)), (0, "  \"roas\": [],\n  \"bgpsec_keys\": [],\n  \"aspas\": []\n}\n"));
    assert!(error.starts_with("CACHE: version 2, session 7, serial 9: 0 VRPs, 0 router keys, 0 ASPAs in "), "{error}");
    fake.finish();
}

#[test]
fn aspas_that_are_none_are_left_out_and_named() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V2);
        // Of AS 0, of its own provider, and a good one.
        let aspas = "02 0B 0100 00000010 00000000 00000005 02 0B 0100 00000010 0000FBF0 0000FBF0";
        router.send(&format!("{RESPONSE_V2} {aspas} 02 0B 0100 00000010 0000FBF1 00000005 {END_V2}"));
        router.wait();
    })]);
    let (code, text, error) = dump(fake.address, &["--format", "text"]);
    assert_eq!((code, text.lines().last().unwrap()), (0, "aspa + AS64497 AS5"));
    assert!(error.starts_with("CACHE: left out, no ASPAs that a router could use: AS0, AS64496\n"), "{error}");
    fake.finish();
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let line = "rtrcast: CACHE: can't connect: connection refused; does a cache listen there?\n";
    assert_eq!(dump(address, &[]), (10, String::new(), line.to_owned()));
    let (code, _, error) = run(&["dump", "rtr.invalid"]);
    assert_eq!(code, 10);
    assert!(error.starts_with("rtrcast: tcp://rtr.invalid:323: can't connect: "), "{error}");
}

#[test]
fn a_cache_without_data() {
    let no_data = |version: &'static str, query: &'static str| {
        script(move |mut router: Peer| {
            router.expect(query);
            router.send(&format!("{version}0a000200000010 0000000000000000"));
            router.wait();
        })
    };
    let line = "the cache has no data yet (code 2); try again in a minute";
    refused(vec![no_data("02", RESET_V2)], &[], 11, line);
    refused(vec![no_data("01", RESET_V1)], &["--version", "1"], 11, line);

    let folder = Folder::new();
    let cache = Cache::start(folder.path("not there yet"), &["--peer", "127.0.0.1,hold=0"]);
    assert_eq!(dump(cache.rtr, &[]), (11, String::new(), format!("rtrcast: CACHE: {line}\n")));
}

#[test]
fn a_cache_that_closes_without_a_word_is_asked_in_each_version() {
    let closing = |query: &'static str| {
        script(move |mut router: Peer| {
            router.expect(query);
            router.close();
        })
    };
    let line = "the cache closed the connection without an answer, asked in versions 2 to 0; does it admit this address, and RTR without TLS?";
    refused(vec![closing(RESET_V2), closing(RESET_V1), closing(RESET_V0)], &[], 10, line);
    let line = "the cache closed the connection without an answer, asked in version 1; does it admit this address, and RTR without TLS?";
    refused(vec![closing(RESET_V1)], &["--version", "1"], 10, line);
    let resetting = script(move |mut router| {
        router.expect(RESET_V1);
        router.reset();
    });
    refused(vec![resetting], &["--version", "1"], 10, line);
}

#[test]
fn an_end_in_the_middle_leaves_nothing() {
    let middle = |end: fn(Peer)| {
        script(move |mut router: Peer| {
            router.expect(RESET_V2);
            router.send(RESPONSE_V2);
            router.send(VRP_V2);
            router.send("0204");
            end(router);
        })
    };
    let line = "the connection ended in the middle of a response, after 1 record; try again";
    refused(vec![middle(Peer::close)], &[], 12, line);
    refused(vec![middle(Peer::end)], &[], 12, line);
}

#[test]
fn a_cache_that_stalls_is_given_up_in_time() {
    let line = "connected, but no answer within 1 s; --version 1 or 0 may get one";
    refused(vec![script(|mut router| router.wait())], &["--timeout", "1"], 13, line);
    let middle = |mut router: Peer| {
        router.expect(RESET_V2);
        router.send(RESPONSE_V2);
        router.send(VRP_V2);
        router
    };
    let line = "the data are not complete after 1 s (1 record came); --timeout gives them longer";
    refused(vec![script(move |router| middle(router).wait())], &["--timeout", "1"], 13, line);
}

#[test]
fn a_cache_that_trickles_is_given_up_in_time() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V0);
        router.send("0003000700000008");
        // The same announcement again and again: whoever waits for the end of it waits for ever.
        router.trickle("0004000000000014 01 18 18 00 c0000200 0000fbf0");
    })]);
    let (code, text, error) = dump(fake.address, &["--version", "0", "--timeout", "3"]);
    assert_eq!((code, text.as_str()), (13, ""));
    // What takes long says how far it is.
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[0].starts_with("CACHE: received ") && lines[0].ends_with(", 0.0 MB"), "{error}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("rtrcast: CACHE: the data are not complete after 3 s ("), "{error}");
    fake.finish();
}

#[test]
fn a_connection_that_is_not_accepted_is_given_up_in_time() {
    // A listener whose queue is full lets connections wait.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let fill = || {
        let filler = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address.into());
        filler
    };
    let _fillers: Vec<_> = (0..4).map(|_| fill()).collect();
    let line = "rtrcast: CACHE: can't connect: no answer within 1 s; is a firewall between?\n";
    assert_eq!(dump(address, &["--timeout", "1"]), (13, String::new(), line.to_owned()));
}

#[test]
fn an_answer_that_is_not_rtr_is_reported() {
    let http = |mut router: Peer| {
        router.expect(RESET_V2);
        // "HTTP/1.1 400 Bad Request"
        router.send("485454502f312e31 20343030204261642052657175657374 0d0a0d0a");
        router.wait();
    };
    let line =
        "the cache broke the protocol: length 791752241 is above 65535; is it a cache? --pdus shows what it sends";
    refused(vec![script(http)], &[], 12, line);
}

#[test]
fn an_error_report_is_read_though_the_connection_breaks() {
    // Code 1, "later", and then a close with unread input, which is a reset.
    let report = |mut router: Peer| {
        router.send("020a000100000015 00000000 00000005 6c61746572");
        router.close();
    };
    let line = "the cache reported error 1 (Internal Error), saying \"later\"; --pdus shows what led to it";
    refused(vec![script(report)], &["--version", "2"], 12, line);
    let restarting = |mut router: Peer| {
        router.expect(RESET_V2);
        router.send("020a000c00000010 0000000000000000");
        router.end();
    };
    refused(vec![script(restarting)], &[], 12, "the cache restarts; try again later");
}

#[test]
fn another_session_at_the_end_is_a_breach() {
    let mismatch = |mut router: Peer| {
        router.expect(RESET_V2);
        router.send(RESPONSE_V2);
        router.send("0207000800000018 00000009 00000e10 00000258 00001c20");
        router.wait();
    };
    let line = "the cache broke the protocol: not the session id of this connection; --pdus shows what it sends";
    refused(vec![script(mismatch)], &[], 12, line);
}

#[test]
fn versions_are_stepped_down_on_the_same_connection_and_on_another() {
    let same = |mut router: Peer| {
        router.expect(RESET_V2);
        router.send("010a000400000010 0000000000000000");
        router.expect(RESET_V1);
        router.send(RESPONSE_V1);
        router.send(END_V1);
        router.wait();
    };
    let other = vec![
        script(|mut router| {
            router.expect(RESET_V2);
            router.close();
        }),
        script(|mut router| {
            router.expect(RESET_V1);
            router.send(RESPONSE_V1);
            router.send(END_V1);
            router.wait();
        }),
    ];
    let implicit = |mut router: Peer| {
        router.expect(RESET_V2);
        router.send(RESPONSE_V1);
        router.send(END_V1);
        router.wait();
    };
    for scripts in [vec![script(same)], other, vec![script(implicit)]] {
        let fake = Fake::new(scripts);
        let (code, text, error) = dump(fake.address, &[]);
        assert_eq!(code, 0, "{error}");
        assert!(
            text.starts_with("{ \"metadata\": { \"source\": \"CACHE\", \"version\": 1, \"session\": 7, "),
            "{text}"
        );
        assert!(error.starts_with("CACHE: version 1, session 7, serial 9: 0 VRPs, 0 router keys in "), "{error}");
        fake.finish();
    }
}

#[test]
fn no_version_in_common() {
    let cache = Cache::small(&["--max-version", "1"]);
    let line = "rtrcast: CACHE: the cache does not speak version 2, saying \"supported versions 0-1\"; without --version and \
                --max-version it may\n";
    assert_eq!(dump(cache.rtr, &["--version", "2"]), (12, String::new(), line.to_owned()));
    let cache = Cache::small(&["--min-version", "2"]);
    let (code, _, error) = dump(cache.rtr, &["--max-version", "1"]);
    assert_eq!(code, 12, "{error}");
}

#[test]
fn what_changed_since_a_serial() {
    let folder = Folder::new();
    let before = r#"{ "roas": [ { "asn": 1, "prefix": "10.0.0.0/8" }, { "asn": 2, "prefix": "10.1.0.0/16" } ],
        "aspas": [ { "customer_asid": 5, "providers": [6] }, { "customer_asid": 7, "providers": [8] } ] }"#;
    let after = r#"{ "roas": [ { "asn": 2, "prefix": "10.1.0.0/16" }, { "asn": 3, "prefix": "2001:db8::/32" } ],
        "aspas": [ { "customer_asid": 5, "providers": [9] } ] }"#;
    let mut cache = Cache::start(folder.put("rpki.json", before.as_bytes()), &[]);
    cache.wait_for("serial ");
    let first = asked(cache.rtr);
    folder.put("rpki.json", after.as_bytes());
    // What a router is sent has a serial in its line, too.
    cache.wait_for("ASPAs, read in");
    let (session, serial) = (first.session.to_string(), first.serial.to_string());
    let since = ["--session", session.as_str(), "--serial", serial.as_str()];

    let (code, text, error) = dump(cache.rtr, &since);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains(&format!(", \"from_serial\": {serial} }},\n")), "{text}");
    assert_eq!(
        records(&text),
        r#"  "announced": {
    "roas": [
      { "asn": 3, "prefix": "2001:db8::/32", "maxLength": 32 }
    ],
    "bgpsec_keys": [],
    "aspas": [
      { "customer_asid": 5, "providers": [9] }
    ]
  },
  "withdrawn": {
    "roas": [
      { "asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8 }
    ],
    "bgpsec_keys": [],
    "aspas": [
      { "customer_asid": 7, "providers": [] }
    ]
  }
}
"#
    );
    assert!(error.contains(&format!(": 2 announced, 2 withdrawn since serial {serial} in ")), "{error}");

    let (code, text, _) = dump(cache.rtr, &[&since[..], &["--format", "text", "-q"]].concat());
    assert_eq!(code, 0);
    let now = asked(cache.rtr).serial;
    assert_eq!(
        text,
        format!(
            "= session {session} serial {now}: 2 announced, 2 withdrawn\n\
             ipv6 + 2001:db8::/32-32 AS3\n\
             aspa + AS5 AS9\n\
             ipv4 - 10.0.0.0/8-8 AS1\n\
             aspa - AS7\n"
        )
    );

    let (code, text, error) = dump(cache.rtr, &["--session", &session, "--serial", "1"]);
    let line = format!(
        "rtrcast: CACHE: the cache does not have the changes since serial 1 of session {session} (Cache Reset); without \
         --serial and --session it sends everything\n"
    );
    assert_eq!((code, text, error), (11, String::new(), line));
}

#[test]
fn what_changed_is_asked_in_the_version_that_the_cache_speaks() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect("020100070000000c 00000008");
        router.send("010a000400000010 0000000000000000");
        router.expect("010100070000000c 00000008");
        router.send(RESPONSE_V1);
        router.send("0104000000000014 00 18 18 00 c0000200 0000fbf0");
        router.send(END_V1);
        router.wait();
    })]);
    let (code, text, error) = dump(fake.address, &["--session", "7", "--serial", "8", "--format", "text"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(text, "= session 7 serial 9: 0 announced, 1 withdrawn\nipv4 - 192.0.2.0/24-24 AS64496\n");
    fake.finish();
}

#[test]
fn a_cache_that_can_t_tell_what_changed_is_asked_nothing_else() {
    let reset = |mut router: Peer| {
        router.expect("020100070000000c 00000008");
        router.send("0208000000000008");
        router.expect_end();
    };
    let line = "the cache does not have the changes since serial 8 of session 7 (Cache Reset); without --serial and --session \
                it sends everything";
    refused(vec![script(reset)], &["--session", "7", "--serial", "8"], 11, line);
}

#[test]
fn a_file_is_replaced_once_all_is_there() {
    let folder = Folder::new();
    let path = folder.put("dump.json", b"old");
    let path = path.to_str().unwrap();
    let names = || {
        let names = std::fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<Vec<_>>()
    };
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V2);
        router.send(RESPONSE_V2);
        router.send(VRP_V2);
        router.close();
    })]);
    let (code, _, _) = dump(fake.address, &["-o", path]);
    assert_eq!((code, std::fs::read(path).unwrap().as_slice()), (12, b"old".as_slice()));
    assert_eq!(names(), ["dump.json"]);
    fake.finish();
    let fake = Fake::new(vec![script(|mut router| router.wait())]);
    let (code, _, _) = dump(fake.address, &["-o", path, "--timeout", "1"]);
    assert_eq!((code, std::fs::read(path).unwrap().as_slice()), (13, b"old".as_slice()));
    assert_eq!(names(), ["dump.json"]);
    fake.finish();

    let cache = Cache::of(&document(&[(64_496, "192.0.2.0/24", 24)]), &[]);
    let (code, text, _) = dump(cache.rtr, &["--output", path]);
    assert_eq!((code, text.as_str()), (0, ""));
    let written = std::fs::read_to_string(path).unwrap();
    assert!(
        written.contains("\n    { \"asn\": 64496, \"prefix\": \"192.0.2.0/24\", \"maxLength\": 24 }\n"),
        "{written}"
    );
    assert_eq!(names(), ["dump.json"]);
    let (code, text, error) = run(&["check", path]);
    assert_eq!((code, error.as_str()), (0, ""));
    let shown = without_spans(&text);
    assert!(shown.contains(": 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago"), "{text}");

    let (code, _, error) = dump(cache.rtr, &["-o", "/nowhere/dump.json"]);
    let line = "rtrcast: /nowhere/dump.json: can't be written: there is no such file or directory; does its directory exist?\n";
    assert_eq!((code, error.as_str()), (5, line));
    let (code, text, _) = dump(cache.rtr, &["-o", "/dev/stdout", "--format", "csv"]);
    assert_eq!((code, text.as_str()), (0, "ASN,IP Prefix,Max Length\nAS64496,192.0.2.0/24,24\n"));
}

#[test]
fn a_conversation_is_printed_as_it_passes() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V2);
        router.send("010a000400000013 00000000 00000003 6e6f21");
        router.expect(RESET_V1);
        router.send("0103000700000008 0104");
        router.send("000000000014 01 18 18 00 c0000200 0000fbf0");
        router.send(END_V1);
        router.wait();
    })]);
    let (code, text, error) = dump(fake.address, &["--pdus"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        text,
        "> v2 reset-query\n\
         < v1 error 4 \"no!\" copy=\n\
         > v1 reset-query\n\
         < v1 cache-response session=7\n\
         < v1 ipv4 + 192.0.2.0/24-24 AS64496\n\
         < v1 end-of-data session=7 serial=9 refresh=3600 retry=600 expire=7200\n"
    );
    fake.finish();

    // Octets that are no PDU, and what is said to them, which the cache gets.
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V1);
        router.send("485454502f312e31");
        router.expect("010a0000");
        router.wait();
    })]);
    let (code, text, _) = dump(fake.address, &["--pdus", "--version", "1"]);
    assert_eq!(code, 12);
    assert_eq!(
        text,
        "> v1 reset-query\n\
         < octets 485454502f312e31\n\
         = the cache broke the protocol: length 791752241 is above 65535\n\
         > v1 error 0 \"length 791752241 is above 65535\" copy=485454502f312e31\n"
    );
    fake.finish();
}

#[test]
fn a_conversation_that_fails_is_in_its_file_all_the_same() {
    let folder = Folder::new();
    let path = folder.path("pdus.txt");
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V0);
        router.close();
    })]);
    let (code, text, _) = dump(fake.address, &["--pdus", "--version", "0", "-o", path.to_str().unwrap()]);
    assert_eq!((code, text.as_str()), (10, ""));
    let lines = "> v0 reset-query\n= the cache closed the connection without an answer\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), lines);
    fake.finish();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let cache = Cache::of(&crate::cache::large_document(20_000, 1), &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_rtrcast"))
        .args(["dump", &cache.rtr.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn timers_that_break_the_rules_are_named() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V1);
        router.send(RESPONSE_V1);
        router.send("0107000700000018 00000009 00000e10 00000258 00000001");
        router.wait();
    })]);
    let (code, text, error) = dump(fake.address, &["--version", "1"]);
    assert_eq!(code, 0);
    assert!(text.contains("\"refresh\": 599, \"retry\": 599, \"expire\": 600"), "{text}");
    let line =
        "CACHE: the cache's timers break the rules: refresh 3600, retry 600 and expire 1 s count as 599, 599 and 600\n";
    assert!(error.starts_with(line), "{error}");
    fake.finish();
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    for (arguments, line) in [
        (
            &["--format", "csv", "--serial", "1", "--session", "1"][..],
            "rtrcast: CSV has no form for withdrawn records: --serial needs --format json or text\n",
        ),
        (
            &["--format", "csv", "--follow"],
            "rtrcast: CSV has no form for withdrawn records: --follow needs --format json or text, or a file (-o)\n",
        ),
        (
            &["--follow", "-o", "x", "--serial", "1", "--session", "1"],
            "rtrcast: --follow keeps the whole set in the file of --output: that is not known with --serial\n",
        ),
    ] {
        let (code, _, error) = run(&[&["dump", "localhost:1"], arguments].concat());
        assert_eq!((code, error.as_str()), (2, line));
    }
    for arguments in [
        &["dump", "quic://localhost:1"][..],
        &["dump"],
        &["dump", "localhost:1", "--serial", "1"],
        &["dump", "localhost:1", "--version", "3"],
        &["dump", "localhost:1", "--version", "1", "--max-version", "1"],
        &["dump", "localhost:1", "--pdus", "--format", "json"],
    ] {
        let (code, out, error) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {error}");
    }
}
