#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtrcast_net::fuzzing::proxy_header(octets));
