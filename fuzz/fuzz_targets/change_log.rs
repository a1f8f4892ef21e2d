#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtrcast_sim::targets::named("change_log")(octets));
