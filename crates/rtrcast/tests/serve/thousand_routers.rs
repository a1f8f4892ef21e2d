//! A thousand routers in all states over an upgrade and over a restart by the service manager: each octet is compared with
//! what a router receives without one.

use crate::cache::{Cache, Folder, PATIENCE, program};
use crate::router::hex;
use crate::service_restart::Manager;
use crate::upgrade::install;
use crate::wire::narrow_socket;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

/// More than the system buffers for a connection.
const VRPS: u32 = 300_000;

/// A document with so many VRPs, the first of them of this AS.
fn vrps(first_asn: u32) -> Vec<u8> {
    let mut text = String::from("{ \"roas\": [\n");
    for n in 0..VRPS {
        let [_, a, b, c] = n.to_be_bytes();
        let asn = if n == 0 { first_asn } else { 64_496 };
        let comma = if n + 1 < VRPS { "," } else { "" };
        writeln!(
            text,
            "{{ \"asn\": {asn}, \"prefix\": \"1{a}.{b}.{c}.0/24\", \"maxLength\": 24, \"ta\": \"t\" }}{comma}"
        )
        .unwrap();
    }
    text.push_str("] }");
    text.into_bytes()
}

/// A router that reads so many octets, and compares them.
struct RawRouter {
    version: u8,
    stream: TcpStream,
}

impl RawRouter {
    fn connect(address: SocketAddr, version: u8) -> RawRouter {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        RawRouter { version, stream }
    }

    fn narrow(address: SocketAddr, version: u8) -> RawRouter {
        let stream = TcpStream::from(narrow_socket(address));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        RawRouter { version, stream }
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap();
    }

    fn read(&mut self, octets: usize) -> Vec<u8> {
        let mut read = vec![0; octets];
        self.stream.read_exact(&mut read).unwrap_or_else(|error| panic!("version {}: {error}", self.version));
        read
    }

    fn expect(&mut self, expected: &[u8], what: &str) {
        let read = self.read(expected.len());
        let at = read.iter().zip(expected).position(|(a, b)| a != b);
        assert!(at.is_none(), "{what}, version {}: another octet at {at:?} of {}", self.version, expected.len());
    }

    /// Ends its side, and finds the end of the other.
    fn finish(mut self, what: &str) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(rest.is_empty(), "{what}: {} octets more", rest.len());
    }
}

/// What the cache sends in one version.
struct Expected {
    session: u16,
    serial: u32,
    /// The whole set, from Cache Response to End of Data.
    full: Vec<u8>,
    /// The response to a Serial Query of the current serial.
    nothing: Vec<u8>,
}

impl Expected {
    fn of(address: SocketAddr, version: u8) -> Expected {
        let mut router = RawRouter::connect(address, version);
        router.send(&hex(&format!("{version:02x} 02 0000 00000008")));
        let mut full = router.read(8 + 20 * VRPS as usize);
        let end_octets = if version == 0 { 12 } else { 24 };
        let end = router.read(end_octets);
        let session = u16::from_be_bytes([full[2], full[3]]);
        let serial = u32::from_be_bytes(end[8..12].try_into().unwrap());
        let nothing = [&full[..8], &end].concat();
        full.extend(end);
        router.finish("the first");
        Expected { session, serial, full, nothing }
    }

    fn query(&self, version: u8) -> Vec<u8> {
        hex(&format!("{version:02x} 01 {:04x} 0000000c {:08x}", self.session, self.serial))
    }

    fn notify(&self, version: u8) -> Vec<u8> {
        hex(&format!("{version:02x} 00 {:04x} 0000000c {:08x}", self.session, self.serial + 1))
    }

    /// The response to the query after the change of one VRP.
    fn delta(&self, version: u8, asns: [u32; 2]) -> Vec<u8> {
        let [announced, withdrawn] = asns;
        let prefix = |flags: u8, asn: u32| {
            hex(&format!("{version:02x} 04 0000 00000014 {flags:02x} 18 18 00 0a000000 {asn:08x}"))
        };
        let mut end = self.nothing[8..].to_vec();
        end[8..12].copy_from_slice(&(self.serial + 1).to_be_bytes());
        [self.nothing[..8].to_vec(), prefix(1, announced), prefix(0, withdrawn), end].concat()
    }
}

/// Routers in all states.
fn scenario(address: SocketAddr, hand_over: impl FnOnce(), change: impl FnOnce()) {
    let expected = [0, 1, 2].map(|version| Expected::of(address, version));
    let of = |version: u8| &expected[usize::from(version)];
    let many = |count: u8| (0..count).map(|number| number % 3);
    let reset = |version: u8| hex(&format!("{version:02x} 02 0000 00000008"));
    let synchronised = |version| {
        let mut router = RawRouter::connect(address, version);
        router.send(&of(version).query(version));
        router.expect(&of(version).nothing, "first query");
        router
    };
    // They have read a Cache Response, and no more.
    let reading = |version| {
        let mut router = RawRouter::narrow(address, version);
        router.send(&reset(version));
        router.expect(&of(version).full[..8], "Cache Response");
        router
    };
    let mut idle: Vec<_> = (0..5).flat_map(|_| many(142).map(synchronised)).collect();
    let mut half: Vec<_> = many(100).map(synchronised).collect();
    half.iter_mut().for_each(|router| router.send(&of(router.version).query(router.version)[..7]));
    let mut reading: Vec<_> = many(100).map(reading).collect();
    let mut pipelined: Vec<_> = many(50)
        .map(|version| {
            let mut router = RawRouter::narrow(address, version);
            let query = of(version).query(version);
            router.send(&[reset(version), query.clone(), query[..9].to_vec()].concat());
            router
        })
        .collect();
    let mut stalled: Vec<_> = many(20)
        .map(|version| {
            let mut router = RawRouter::narrow(address, version);
            router.send(&reset(version));
            router
        })
        .collect();
    let mut closing: Vec<_> = many(20)
        .map(|version| {
            let mut router = RawRouter::connect(address, version);
            router.send(&hex(&format!("{version:02x} 63 0000 00000008")));
            let head = router.read(8);
            assert_eq!(head[1], 10);
            let length = u32::from_be_bytes(head[4..].try_into().unwrap());
            router.read(length as usize - 8);
            router
        })
        .collect();
    let count =
        [&idle, &half, &reading, &pipelined, &stalled, &closing].iter().map(|routers| routers.len()).sum::<usize>();
    assert_eq!(count, 1_000);

    hand_over();

    // What was under way is completed as it would have been.
    for router in &mut reading {
        router.expect(&of(router.version).full[8..], "the rest of a response");
    }
    for router in &mut stalled {
        router.expect(&of(router.version).full, "a response that nothing was read of");
    }
    for router in &mut pipelined {
        router.expect(&of(router.version).full, "the first of three responses");
        router.expect(&of(router.version).nothing, "the second of three responses");
    }
    change();
    let asns = [64_999, 64_496];
    for router in idle.iter_mut().chain(&mut half).chain(&mut reading).chain(&mut pipelined).chain(&mut stalled) {
        router.expect(&of(router.version).notify(router.version), "the notify of a change");
    }
    for router in idle.iter_mut().chain(&mut reading).chain(&mut stalled) {
        router.send(&of(router.version).query(router.version));
    }
    half.iter_mut().for_each(|router| router.send(&of(router.version).query(router.version)[7..]));
    pipelined.iter_mut().for_each(|router| router.send(&of(router.version).query(router.version)[9..]));
    for router in idle.iter_mut().chain(&mut half).chain(&mut reading).chain(&mut pipelined).chain(&mut stalled) {
        router.expect(&of(router.version).delta(router.version, asns), "a delta");
    }
    closing.drain(..).for_each(|router| router.finish("in its ordered close"));
    for router in idle.into_iter().chain(half).chain(reading).chain(pipelined).chain(stalled) {
        router.finish("after a delta");
    }
}

#[test]
fn over_upgrades() {
    let folder = Folder::new();
    folder.put("rpki.json", &vrps(64_496));
    let control = folder.path("control").display().to_string();
    let command = Command::new(install(&folder));
    let arguments = ["--control", &control, "--connections-max", "1500", "--connections-per-address", "1500"];
    let mut cache = Cache::run(command, folder.path("rpki.json"), &arguments);
    cache.wait_for("serial ");
    let upgrade = || {
        // Those in their ordered close end after 5 s.
        for expected in [": 1000 connections,", " connections,"] {
            let output = program().args(["ctl", "upgrade", "--control", &control]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("has taken over from") && said.contains(expected), "{output:?}");
            println!("{said}");
        }
    };
    scenario(cache.rtr, upgrade, || _ = folder.put("rpki.json", &vrps(64_999)));
}

#[test]
fn over_a_restart_by_the_service_manager() {
    let mut manager = Manager::new();
    let source = manager.site.0.put("rpki.json", &vrps(64_496));
    let arguments = ["--connections-max", "1500", "--connections-per-address", "1500"];
    let mut process = manager.start(&[], &arguments);
    manager.wait_for("READY=1");
    process.wait_for("serial ");
    let address = process.rtr;
    let restart = || {
        process.signal("USR1");
        manager.wait_for("BARRIER=1");
        assert_eq!(process.exit_code(), Some(0));
        process = manager.start(&[], &arguments);
        manager.wait_for("READY=1");
        process.wait_for(": 1000 connections,");
    };
    let folder = source.parent().unwrap();
    scenario(address, restart, || {
        std::fs::write(folder.join("partial"), vrps(64_999)).unwrap();
        std::fs::rename(folder.join("partial"), &source).unwrap();
    });
}
