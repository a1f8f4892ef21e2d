//! Unix sockets.

use super::{VRP, has_data, refused};
use crate::cache::{Cache, Folder, document};
use crate::router::Router;

#[test]
fn a_cache_at_a_unix_socket_is_dumped_and_followed() {
    let folder = Folder::new();
    let url = format!("unix://{}", folder.path("rtr").display());
    let line = "CACHE: can't connect: there is no such file or directory";
    refused(&url, &[], 10, line);
    let cache = Cache::of(&document(&[VRP]), &["--listen", "127.0.0.1:0", "--listen", &url]);
    assert_eq!(cache.url("unix"), url);
    has_data(&url, &[]);

    let mut other = Cache::start(&url, &[]);
    other.wait_for(" serial ");
    assert_eq!(Router::connect(other.rtr).reset_query(2).payload, Router::connect(cache.rtr).reset_query(2).payload);
    refused(&url, &["--ca", "x"], 2, "--ca: only caches at tls:// have such an option");
    refused(&url, &["--tcp-md5", "x"], 2, "--tcp-md5: only caches at tcp://, tls:// and ssh:// have such an option");
}
