//! Every final Error Report of thousands arrives, whatever else was in flight (S-01 to S-09).

use crate::cache::{Cache, document};
use crate::router::Router;
use crate::site::Below;
use crate::stories;

#[test]
fn s_01_ten_thousand_unsupported_queries_get_ten_thousand_reports() {
    stories::unsupported_queries(Below::Tcp);
}

#[test]
fn s_01_ten_thousand_wrong_session_ids_get_ten_thousand_reports() {
    stories::wrong_session_ids(Below::Tcp);
}

#[test]
fn s_02_ten_thousand_unknown_pdus_with_junk_behind_get_ten_thousand_reports_and_clean_ends() {
    stories::unknown_pdus_with_junk(Below::Tcp);
}

#[test]
fn s_02_a_report_survives_64_kib_of_junk_behind_the_query() {
    stories::report_before_64_kib_of_junk(Below::Tcp);
}

#[test]
fn s_03_a_refused_router_is_answered_on_the_same_connection() {
    stories::refused_and_answered(Below::Tcp);
}

#[cfg(target_os = "linux")]
#[test]
fn s_04_a_router_that_never_closes_is_disconnected() {
    stories::never_closes(Below::Tcp);
}

#[cfg(target_os = "linux")]
#[test]
fn s_04_a_router_that_never_reads_is_disconnected() {
    stories::never_reads(Below::Tcp);
}

#[test]
fn s_05_a_router_that_half_closes_gets_all_of_its_response() {
    stories::half_closes(Below::Tcp);
}

#[test]
fn s_07_an_error_in_the_middle_of_a_response_is_the_last_pdu() {
    stories::error_in_the_middle(Below::Tcp);
}

#[test]
fn s_08_at_a_stop_every_version_2_router_reads_code_12_before_the_end() {
    stories::stop(Below::Tcp);
}

#[test]
fn s_08_a_router_that_pauses_before_the_stop_still_reads_code_12() {
    stories::pause_before_stop(Below::Tcp);
}

#[test]
fn s_09_another_version_within_a_session_is_reported_with_its_octets() {
    stories::another_version(Below::Tcp);
}

#[test]
fn c_err_03_codes_that_nobody_knows_share_a_counter() {
    let cache = Cache::small(&[]);
    for code in ["0000", "1234", "FFFF", "000E"] {
        let mut router = Router::connect(cache.rtr);
        router.send(&format!("01 0A {code} 00000010 00000000 00000000"));
        router.end();
    }
    assert_eq!(cache.metric("rtrcast_error_reports_received_total{code=\"0\"}"), Some(1));
    assert_eq!(cache.metric("rtrcast_error_reports_received_total{code=\"other\"}"), Some(3));
}

#[test]
fn c_err_03_a_report_that_is_followed_by_a_reset_is_still_counted() {
    let mut cache = Cache::of(&document(&[(1, "10.0.0.0/8", 8)]), &[]);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    router.send("01 0A 0007 00000013 00000000 00000003 647570");
    router.reset();
    let line = cache.wait_for("reports error 7");
    assert!(line.contains("\"dup\""), "{line}");
}
