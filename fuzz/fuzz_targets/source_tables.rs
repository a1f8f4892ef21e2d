#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtrcast_sim::targets::named("source_tables")(octets));
