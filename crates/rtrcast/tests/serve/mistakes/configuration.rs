//! Mistakes in the configuration, as `check` and `serve` tell them.

use super::{GOOD, said};
use crate::authority::Authority;
use crate::cache::Folder;
use expect_test::expect;
use std::os::unix::fs::PermissionsExt;

/// What `check` says of a configuration with a source that is there.
fn checked(lines: &str) -> String {
    let folder = Folder::new();
    folder.put("rpki.json", GOOD.as_bytes());
    folder.put("rtrcast.toml", format!("source = \"rpki.json\"\n{lines}").as_bytes());
    said(&folder, &["check", "rtrcast.toml"])
}

/// What `serve` says of arguments that it can't start with.
fn refused(arguments: &[&str]) -> String {
    let folder = Folder::new();
    folder.put("rpki.json", GOOD.as_bytes());
    said(&folder, &[&["serve"], arguments].concat())
}

#[test]
fn a_key_that_is_misspelt() {
    expect![[r#"
        rtrcast.toml:2: unknown key "lisen"; did you mean "listen"?
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("lisen = \"127.0.0.1:8282\"\n"));
}

#[test]
fn a_value_out_of_its_range() {
    expect![[r#"
        rtrcast.toml:2: invalid value '0' for '--refresh <SECONDS>': 0 is not from 1 to 86400
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("refresh = 0\n"));
}

#[test]
fn a_text_without_quotes() {
    expect![[r#"
        rtrcast.toml:2: not TOML: invalid float, expected nothing; a text is written in quotes, as in listen = "127.0.0.1:PORT"
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("listen = 127.0.0.1:8282\n"));
}

#[test]
fn no_source() {
    let folder = Folder::new();
    folder.put("rtrcast.toml", b"listen = \"127.0.0.1:8282\"\n");
    expect![[r#"
        rtrcast.toml: there is no source; source = "FILE-OR-URL" names one
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&said(&folder, &["check", "rtrcast.toml"]));
}

#[test]
fn a_port_without_an_address() {
    expect![[r#"
        rtrcast.toml:2: invalid value ':323' for '--listen <[TRANSPORT://]ADDRESS:PORT[,OPTION=VALUE]>': not an address and port such as 127.0.0.1:PORT or [::1]:8282
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("listen = \":323\"\n"));
}

#[test]
fn tls_without_a_certificate() {
    expect![[r#"
        rtrcast.toml:2: listen: tls://127.0.0.1:PORT: TLS needs --tls-cert, the cache's certificate
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("listen = \"tls://127.0.0.1:3324\"\n"));
}

#[test]
fn a_certificate_that_is_not_there() {
    let options = "tls-clients=off,tls-cert=cache.pem,tls-key=cache.key";
    expect![[r#"
        rtrcast.toml: --listen tls://127.0.0.1:PORT: cache.pem: there is no such file or directory
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked(&format!("listen = \"tls://127.0.0.1:3324,{options}\"\n")));
}

#[test]
fn a_key_of_another_certificate() {
    let folder = Folder::new();
    let authority = Authority::new();
    folder.put("rpki.json", GOOD.as_bytes());
    folder.put("cache.pem", authority.cache().certificate.as_bytes());
    let key = folder.put("cache.key", authority.cache().key.as_bytes());
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let listen = "tls://127.0.0.1:0,tls-clients=off,tls-cert=cache.pem,tls-key=cache.key";
    expect![[r#"
        rtrcast: --listen tls://127.0.0.1:0: cache.key: the key does not belong to the certificate (the first one in the chain has to be our own)
        exit code 3
    "#]].assert_eq(&said(&folder, &["serve", "rpki.json", "--listen", listen, "--http", "off"]));
}

#[test]
fn a_slurm_file_that_is_not_there() {
    expect![[r#"
        local.slurm: there is no such file or directory
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("slurm = \"local.slurm\"\n"));
}

#[test]
fn versions_the_wrong_way_round() {
    expect![[r#"
        rtrcast.toml:2: min-version, max-version: 2 is above 1, so that no version is left
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("min-version = 2\nmax-version = 1\n"));
}

#[test]
fn timers_that_break_the_rules() {
    expect![[r#"
        rtrcast.toml:2: rtr-refresh, rtr-retry, rtr-expire: expire (3600 s) must be larger than refresh (7200 s)
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("rtr-refresh = 7200\nrtr-expire = 3600\n"));
}

#[test]
fn a_peer_without_options() {
    expect![[r#"
        rtrcast.toml:2: invalid value '192.0.2.0/24' for '--peer <PREFIX,OPTION[=VALUE]>': 192.0.2.0/24 has no option behind a comma; for instance max-version=1, hold=60, answer-lower, no-router-keys, send-cache-restart
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("peer = \"192.0.2.0/24\"\n"));
}

#[test]
fn a_name_of_two_routers() {
    expect![[r#"
        rtrcast.toml:2: peer: name=edge1 is given twice
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("peer = [\"192.0.2.1,name=edge1\", \"192.0.2.2,name=edge1\"]\n"));
}

#[test]
fn a_name_of_a_prefix() {
    expect![[r#"
        rtrcast.toml:2: invalid value '192.0.2.0/24,name=edge1' for '--peer <PREFIX,OPTION[=VALUE]>': name=edge1 is for one router, and 192.0.2.0/24 may have many; give it with an address
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("peer = { at = \"192.0.2.0/24\", name = \"edge1\" }\n"));
}

#[test]
fn a_folder_for_the_control_socket_that_is_not_there() {
    expect![[r#"
        rpki.json: 2 VRPs (2 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago
        rpki.json: all 2 records would be served now, until TIME (in SPAN)
        rtrcast.toml: control: there is no directory run/rtrcast; make it, or name another path
        rtrcast.toml: a configuration with 1 source and 0 SLURM files
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("control = \"run/rtrcast/control\"\n"));
}

#[test]
fn a_configuration_that_is_not_there() {
    expect![[r#"
        rtrcast: rtrcast.toml: there is no such file or directory
        exit code 3
    "#]]
    .assert_eq(&refused(&["--config", "rtrcast.toml"]));
}

#[test]
fn a_source_that_is_not_there_yet() {
    let folder = Folder::new();
    folder.put("rtrcast.toml", b"source = \"rpki.json\"\n");
    expect![[r#"
        rtrcast.toml: note: rpki.json is not there yet
        rtrcast.toml: a configuration with 1 source and 0 SLURM files, all well
        exit code 0
    "#]]
    .assert_eq(&said(&folder, &["check", "rtrcast.toml"]));
}

#[test]
fn a_flag_that_is_misspelt() {
    expect![[r#"
        error: unexpected argument '--lisen' found

          tip: a similar argument exists: '--listen'

        Usage: rtrcast serve --listen <[TRANSPORT://]ADDRESS:PORT[,OPTION=VALUE]> <FILE-OR-URL>...

        For more information, try '--help'.
        exit code 2
    "#]]
    .assert_eq(&refused(&["rpki.json", "--lisen", "127.0.0.1:0"]));
}

#[test]
fn no_source_at_all() {
    expect![[r#"
        rtrcast: there is no source: name a file or a URL, or a --config with one; `rtrcast serve --help` shows how
        exit code 2
    "#]]
    .assert_eq(&refused(&[]));
}

#[test]
fn a_source_of_another_kind() {
    expect![[r#"
        error: invalid value 'rsync://rpki.example.net/repository' for '[FILE-OR-URL]...': rsync:// is not a source of this version; it reads files, http://, https://, and follows caches at tcp://, tls://, ssh:// and unix://

        For more information, try '--help'.
        exit code 2
    "#]].assert_eq(&refused(&["rsync://rpki.example.net/repository"]));
}

#[test]
fn an_address_and_a_port_as_source() {
    expect![[r#"
        error: invalid value '192.0.2.1:323' for '[FILE-OR-URL]...': there is no such file; another cache is named tcp://192.0.2.1:323

        For more information, try '--help'.
        exit code 2
    "#]].assert_eq(&refused(&["192.0.2.1:323"]));
}

#[test]
fn a_listener_twice() {
    expect![[r#"
        rtrcast: --listen: tcp://127.0.0.1:323 is given twice
        exit code 2
    "#]]
    .assert_eq(&refused(&["rpki.json", "--listen", "127.0.0.1:323", "--listen", "127.0.0.1:323"]));
}
