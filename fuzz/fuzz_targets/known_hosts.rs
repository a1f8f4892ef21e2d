#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtrcast_net::fuzzing::known_hosts(octets));
