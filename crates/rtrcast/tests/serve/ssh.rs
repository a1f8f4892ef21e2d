//! SSH as an operator sets it up, and what is replaced while sessions are open.

use crate::cache::Cache;
use crate::router::Router;
use crate::site::Site;
use crate::ssh_wire::{Proof, SshRouter};
use crate::wire::{Way, socket};
use std::io::Write;
use std::process::{Command, Stdio};

const SESSIONS: usize = 100;

/// A line for `--ssh-passwords`, as an operator makes it.
fn password_line(user: &str, password: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtrcast"));
    command.args(["ssh", "hash-password", user]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn router_of(cache: &Cache, router: &SshRouter) -> Router {
    Router::on(Way::Ssh(router.clone()).connect(cache.rtr))
}

fn is_refused(cache: &Cache, router: &SshRouter) -> bool {
    router.over(socket(cache.rtr)).is_err()
}

const IN_FORCE: &str = "rtrcast_credentials_in_force{listener=\"ssh://127.0.0.1:0\"}";

#[test]
fn t_ssh_02_keys_and_passwords_are_accepted_and_nothing_else_is() {
    let site = Site::new();
    let (known, stranger) = (site.ssh_router(), site.ssh_router());
    site.authorize(&[&known]);
    site.folder.put("passwords", password_line("xr", "an old router's").as_bytes());
    let listen = format!("{},ssh-passwords={}", site.ssh(), site.name("passwords"));
    let mut cache = site.start(&["--listen", &listen]);
    let with =
        |user: &str, password: &str| SshRouter { user: user.to_owned(), proof: Proof::Password(password.to_owned()) };
    assert_eq!(router_of(&cache, &known).reset_query(1).payload.len(), 1);
    cache.wait_for("(router) speaks");
    assert_eq!(router_of(&cache, &with("xr", "an old router's")).reset_query(1).payload.len(), 1);
    cache.wait_for("(xr) speaks");
    for router in [&stranger, &with("xr", "guessed"), &with("nobody", "an old router's")] {
        assert!(is_refused(&cache, router));
        let line = cache.wait_for("is refused");
        assert!(line.contains("WARN") && line.contains("to ssh://127.0.0.1:"), "{line}");
    }
    assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"handshake\"}"), Some(3));
}

#[test]
fn keys_passwords_and_host_keys_are_replaced_under_a_hundred_sessions() {
    let site = Site::new();
    let (before, after) = (site.ssh_router(), site.ssh_router());
    site.authorize(&[&before]);
    site.folder.put("passwords", password_line("xr", "before").as_bytes());
    let listen = format!("{},ssh-passwords={}", site.ssh(), site.name("passwords"));
    let mut cache = site.start(&["--listen", &listen]);
    let mut sessions: Vec<Router> = (0..SESSIONS).map(|_| router_of(&cache, &before)).collect();
    for session in &mut sessions {
        session.reset_query(1);
    }
    let with = |password: &str| SshRouter { user: "xr".to_owned(), proof: Proof::Password(password.to_owned()) };

    site.authorize(&[&after]);
    assert_eq!(router_of(&cache, &after).reset_query(1).payload.len(), 1);
    assert!(is_refused(&cache, &before));
    site.folder.put("passwords", password_line("xr", "after").as_bytes());
    assert_eq!(router_of(&cache, &with("after")).reset_query(1).payload.len(), 1);
    assert!(is_refused(&cache, &with("before")));
    let host_key = site.new_key("host");
    let shown = |cache: &Cache| String::from_utf8(router_of(cache, &after).shown()).unwrap();
    assert!(host_key.starts_with(&shown(&cache)), "{host_key}");

    for name in ["host", "authorized_keys", "passwords"] {
        let good = std::fs::read(site.folder.path(name)).unwrap();
        for bad in [&b"garbage\n"[..], &good[..good.len() / 2]] {
            site.folder.put(name, bad);
            assert!(host_key.starts_with(&shown(&cache)), "{name}");
            let line = cache.wait_for("its files changed, and what they were stays in effect");
            assert!(line.contains("ERROR") && line.contains(&site.name(name)), "{line}");
            assert_eq!(cache.metric(IN_FORCE), Some(0));
            assert_eq!(router_of(&cache, &with("after")).reset_query(1).payload.len(), 1);
        }
        site.folder.put(name, &good);
        shown(&cache);
        assert_eq!(cache.metric(IN_FORCE), Some(1));
    }
    let errors = cache.log().iter().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, 6, "each is said once");
    for session in &mut sessions {
        assert_eq!(session.reset_query(1).payload.len(), 1);
    }
}

#[test]
fn t_ssh_01_no_shell_and_no_command_is_to_be_had() {
    let site = Site::new();
    let router = site.ssh_router();
    site.authorize(&[&router]);
    let cache = site.start(&["--listen", &site.ssh()]);
    for asked in ["shell", "exec", "sftp"] {
        assert!(router.is_denied(socket(cache.rtr), asked), "{asked}");
    }
}
