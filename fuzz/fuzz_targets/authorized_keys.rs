#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtrcast_net::fuzzing::authorized_keys(octets));
