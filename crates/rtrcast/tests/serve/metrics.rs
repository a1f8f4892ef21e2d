//! `/metrics`: both formats, what is in them, and who gets which.

use crate::cache::{Cache, Folder, PATIENCE, document};
use crate::exposition::{Format, read};
use crate::router::Router;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What a Prometheus of 2026 sends.
const PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n";

/// A cache that has something to show in most families, with a source whose name has to be escaped.
fn busy() -> (Cache, Folder) {
    let folder = Folder::new();
    let path = folder.put("a \"b\" \\ c.json", &document(&[(64_496, "192.0.2.0/24", 24)]));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    router.send("01 0A 0007 00000010 00000000 00000000");
    assert_eq!(router.pdu(), None);
    cache.wait_for("reports error 7");
    (cache, folder)
}

#[test]
fn metrics_are_classic_unless_openmetrics_is_accepted() {
    let (cache, _folder) = busy();
    let (status, head, classic) = cache.get_with("/metrics", "");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains("vary: accept"), "{head}");
    let (status, head, openmetrics) = cache.get_with("/metrics", PROMETHEUS);
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");

    let (classic, openmetrics) = (read(Format::Classic, &classic), read(Format::OpenMetrics, &openmetrics));
    let names = |exposition: &crate::exposition::Exposition| -> BTreeSet<String> {
        exposition.samples.keys().cloned().collect()
    };
    // Samples are named alike, so a dashboard does not see which format was read.
    assert_eq!(names(&classic), names(&openmetrics));
    for accept in ["*/*", "text/html, */*;q=0.8", "application/openmetrics-text;q=0.1, text/plain"] {
        let (_, head, _) = cache.get_with("/metrics", &format!("Accept: {accept}\r\n"));
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{accept}: {head}");
    }
}

#[test]
fn names_are_those_of_stayrtr_and_of_prometheus_clients_in_both_formats() {
    let (cache, folder) = busy();
    let path = folder.path("a \"b\" \\ c.json").display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    for (format, headers) in [(Format::Classic, ""), (Format::OpenMetrics, PROMETHEUS)] {
        let (_, _, text) = cache.get_with("/metrics", headers);
        let shown = read(format, &text);
        let (plain, counter) = match format {
            Format::Classic => ("untyped", "process_cpu_seconds_total"),
            Format::OpenMetrics => ("unknown", "process_cpu_seconds"),
        };
        assert_eq!((shown.types["rtr_pdus"].as_str(), shown.types[counter].as_str()), (plain, "counter"));
        assert_eq!(shown.value("rtr_pdus{type=\"reset_query\"}"), 1.0);
        assert_eq!(shown.value("rtr_pdus{type=\"error_report\"}"), 1.0);
        assert_eq!(shown.value(&format!("refresh_requests_total{{path=\"{path}\",code=\"ok\"}}")), 1.0);
        assert_eq!(
            shown.value(&format!("rpki_vrps{{ip_version=\"ipv4\",filtered=\"filtered\",path=\"{path}\"}}")),
            1.0
        );
        assert_eq!(shown.value("rtrcast_error_reports_received_total{code=\"7\"}"), 1.0);
        let build = format!("rtrcast_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(shown.value(&build), 1.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = shown.value("process_start_time_seconds");
        assert!((now - 600.0..=now).contains(&started), "{started} is not just before {now}");
        assert!(shown.value("process_cpu_seconds_total") > 0.0);
        if cfg!(target_os = "linux") {
            let (open, most) = (shown.value("process_open_fds"), shown.value("process_max_fds"));
            assert!(open > 5.0 && open <= most, "{open} of {most}");
            let resident = shown.value("process_resident_memory_bytes");
            let total = shown.value("process_virtual_memory_bytes");
            assert!(resident > 1_000_000.0 && resident < total, "{resident} of {total}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn open_descriptors_are_as_many_as_the_kernel_lists() {
    let cache = Cache::small(&[]);
    let _routers: Vec<Router> = (0..10).map(|_| Router::connect(cache.rtr)).collect();
    cache.wait_for_metric(&format!("rtr_clients{{bind=\"{}\"}}", cache.rtr), 10);
    // A connection of before may be there for a moment longer than its answer.
    let idle = (0..200).map(|_| cache.descriptors()).min().unwrap() as f64;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, text) = cache.get("/metrics");
        assert_eq!(status, 200);
        let shown = read(Format::Classic, &text).value("process_open_fds");
        // With the connection that asks, and without the listing's own.
        if shown == idle + 1.0 {
            return;
        }
        assert!(Instant::now() < deadline, "{shown} are shown, {idle} are open beside the connection that asks");
    }
}

#[test]
fn promtool_finds_nothing_to_improve() {
    let promtool = |arguments: &[&str]| {
        let mut command = Command::new("promtool");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn()
    };
    if promtool(&["--version"]).and_then(|child| child.wait_with_output()).is_err() {
        println!("LEFT OUT: promtool is not installed (Debian's package prometheus has it)");
        return;
    }
    let (cache, _folder) = busy();
    let (_, text) = cache.get("/metrics");
    let mut child = promtool(&["check", "metrics"]).unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
