//! Exceptions from a URL: nothing is served before they are known, and none is lost later.

use super::{assert_nothing_is_served, healthy, served};
use crate::cache::{Cache, document};
use crate::router::Router;
use crate::web::{Reply, Web, not_modified, ok};

/// Filters that drop these origins.
fn filters(origins: &[u32]) -> Vec<u8> {
    let filters: Vec<String> = origins.iter().map(|asn| format!("{{ \"asn\": {asn} }}")).collect();
    format!(
        "{{ \"slurmVersion\": 1,
            \"validationOutputFilters\": {{ \"prefixFilters\": [{}], \"bgpsecFilters\": [] }},
            \"locallyAddedAssertions\": {{ \"prefixAssertions\": [], \"bgpsecAssertions\": [] }} }}",
        filters.join(", ")
    )
    .into_bytes()
}

#[test]
fn exceptions_from_a_url_are_waited_for_and_the_last_good_ones_stay() {
    let (web, slurm) = (Web::new(), Web::new());
    web.always(ok("", &document(&[(1, "10.0.0.0/8", 8), (2, "10.0.0.0/8", 8), (3, "10.0.0.0/8", 8)])));
    slurm.always(Reply::Answer { head: "HTTP/1.1 503 Service Unavailable\r\n".to_owned(), body: Vec::new() });
    let url = format!("http://{}/local.slurm", slurm.address());
    let mut cache = Cache::start(web.url(), &["--slurm", &url, "--refresh", "1"]);
    let line = cache.wait_for("WARN");
    assert!(
        line.contains(&format!("{url}: the server answered with status 503 (Service Unavailable); nothing is served")),
        "{line}"
    );
    cache.wait_for_metric(&healthy(&web.url()), 1);
    assert_nothing_is_served(&cache);
    assert_eq!(cache.get("/readyz").0, 503);

    slurm.always(ok("ETag: \"one\"\r\n", &filters(&[1, 2])));
    cache.wait_for("SLURM with 2 filters and 0 assertions");
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 3);
    let mut router = Router::connect(cache.rtr);
    let first = router.reset_query(1);

    slurm.more_requests();
    slurm.reply(not_modified());
    cache.wait_for_metric(&format!("refresh_requests_total{{path=\"{url}\",code=\"304\"}}"), 1);
    assert!(slurm.request().contains("if-none-match: \"one\""));
    assert!(!cache.log().iter().any(|line| line.contains("(304)")), "{:#?}", cache.seen);

    // Broken, more than once: said once, and nothing changes.
    slurm.always(ok("ETag: \"two\"\r\n", b"{ \"slurmVersion\": 1, "));
    let line = cache.wait_for("WARN");
    assert!(line.contains(&url) && line.contains("its last good content stays in effect"), "{line}");
    cache.wait_for(&format!("still: {url}"));
    let complaints = cache.log().iter().filter(|line| line.contains("WARN") && line.contains("stays in effect"));
    assert_eq!(complaints.count(), 1);
    assert_eq!(served(&cache), 3);
    assert_eq!(cache.metric(&healthy(&url)), Some(0));

    slurm.always(ok("ETag: \"three\"\r\n", &filters(&[1, 3])));
    assert_eq!(router.notify(), (first.session, first.serial.wrapping_add(1)));
    assert_eq!(served(&cache), 2);
    let conditions: Vec<String> = slurm.more_requests();
    assert!(!conditions.iter().any(|request| request.contains("\"two\"")), "{conditions:?}");
}
