//! The same final Error Reports over TLS 1.2 and 1.3 with certificates on both sides, and over SSH with keys (S-06). An end
//! without close_notify, or without the channel's EOF, exit status and CLOSE, fails these tests.

use crate::site::Below;
use crate::stories;

#[test]
fn s_06_over_tls_1_2_s_01_ten_thousand_unsupported_queries_get_ten_thousand_reports() {
    stories::unsupported_queries(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_01_ten_thousand_wrong_session_ids_get_ten_thousand_reports() {
    stories::wrong_session_ids(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_02_ten_thousand_unknown_pdus_with_junk_behind_get_ten_thousand_reports_and_clean_ends() {
    stories::unknown_pdus_with_junk(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_02_a_report_survives_64_kib_of_junk_behind_the_query() {
    stories::report_before_64_kib_of_junk(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_03_a_refused_router_is_answered_on_the_same_connection() {
    stories::refused_and_answered(Below::Tls12);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_tls_1_2_s_04_a_router_that_never_closes_is_disconnected() {
    stories::never_closes(Below::Tls12);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_tls_1_2_s_04_a_router_that_never_reads_is_disconnected() {
    stories::never_reads(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_05_a_router_that_half_closes_gets_all_of_its_response() {
    stories::half_closes(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_07_an_error_in_the_middle_of_a_response_is_the_last_pdu() {
    stories::error_in_the_middle(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_08_at_a_stop_every_version_2_router_reads_code_12_before_the_end() {
    stories::stop(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_08_a_router_that_pauses_before_the_stop_still_reads_code_12() {
    stories::pause_before_stop(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_2_s_09_another_version_within_a_session_is_reported_with_its_octets() {
    stories::another_version(Below::Tls12);
}

#[test]
fn s_06_over_tls_1_3_s_01_ten_thousand_unsupported_queries_get_ten_thousand_reports() {
    stories::unsupported_queries(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_01_ten_thousand_wrong_session_ids_get_ten_thousand_reports() {
    stories::wrong_session_ids(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_02_ten_thousand_unknown_pdus_with_junk_behind_get_ten_thousand_reports_and_clean_ends() {
    stories::unknown_pdus_with_junk(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_02_a_report_survives_64_kib_of_junk_behind_the_query() {
    stories::report_before_64_kib_of_junk(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_03_a_refused_router_is_answered_on_the_same_connection() {
    stories::refused_and_answered(Below::Tls13);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_tls_1_3_s_04_a_router_that_never_closes_is_disconnected() {
    stories::never_closes(Below::Tls13);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_tls_1_3_s_04_a_router_that_never_reads_is_disconnected() {
    stories::never_reads(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_05_a_router_that_half_closes_gets_all_of_its_response() {
    stories::half_closes(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_07_an_error_in_the_middle_of_a_response_is_the_last_pdu() {
    stories::error_in_the_middle(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_08_at_a_stop_every_version_2_router_reads_code_12_before_the_end() {
    stories::stop(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_08_a_router_that_pauses_before_the_stop_still_reads_code_12() {
    stories::pause_before_stop(Below::Tls13);
}

#[test]
fn s_06_over_tls_1_3_s_09_another_version_within_a_session_is_reported_with_its_octets() {
    stories::another_version(Below::Tls13);
}

#[test]
fn s_06_over_ssh_s_01_ten_thousand_unsupported_queries_get_ten_thousand_reports() {
    stories::unsupported_queries(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_01_ten_thousand_wrong_session_ids_get_ten_thousand_reports() {
    stories::wrong_session_ids(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_02_ten_thousand_unknown_pdus_with_junk_behind_get_ten_thousand_reports_and_clean_ends() {
    stories::unknown_pdus_with_junk(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_02_a_report_survives_64_kib_of_junk_behind_the_query() {
    stories::report_before_64_kib_of_junk(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_03_a_refused_router_is_answered_on_the_same_connection() {
    stories::refused_and_answered(Below::Ssh);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_ssh_s_04_a_router_that_never_closes_is_disconnected() {
    stories::never_closes(Below::Ssh);
}

#[cfg(target_os = "linux")]
#[test]
fn s_06_over_ssh_s_04_a_router_that_never_reads_is_disconnected() {
    stories::never_reads(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_05_a_router_that_half_closes_gets_all_of_its_response() {
    stories::half_closes(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_07_an_error_in_the_middle_of_a_response_is_the_last_pdu() {
    stories::error_in_the_middle(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_08_at_a_stop_every_version_2_router_reads_code_12_before_the_end() {
    stories::stop(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_08_a_router_that_pauses_before_the_stop_still_reads_code_12() {
    stories::pause_before_stop(Below::Ssh);
}

#[test]
fn s_06_over_ssh_s_09_another_version_within_a_session_is_reported_with_its_octets() {
    stories::another_version(Below::Ssh);
}
