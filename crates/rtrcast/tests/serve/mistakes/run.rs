//! What goes wrong at the start and while a cache runs, and with `dump` and `ctl`.

use super::{GOOD, Serving, age, complaint, said};
use crate::cache::Folder;
use crate::web::Web;
use expect_test::expect;
use std::net::TcpListener;

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.put("rpki.json", GOOD.as_bytes());
    folder
}

/// A port at which nobody listens.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    expect![[r#"
        rtrcast: --listen 127.0.0.1:PORT: the address is in use; another program (perhaps another rtrcast) listens there
        exit code 4
    "#]]
    .assert_eq(&said(&with_data(), &["serve", "rpki.json", "--listen", &address, "--http", "off"]));
}

#[test]
fn an_address_of_another_machine() {
    expect![[r#"
        rtrcast: --listen 192.0.2.1:8282: the address is not one of this machine's; `ip address` lists those
        exit code 4
    "#]]
    .assert_eq(&said(&with_data(), &["serve", "rpki.json", "--listen", "192.0.2.1:8282", "--http", "off"]));
}

#[test]
fn an_http_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    expect![[r#"
        rtrcast: --http 127.0.0.1:PORT: the address is in use; another program (perhaps another rtrcast) listens there
        exit code 4
    "#]]
    .assert_eq(&said(&with_data(), &["serve", "rpki.json", "--listen", "127.0.0.1:0", "--http", &address]));
}

#[test]
fn a_control_socket_where_something_else_is() {
    let folder = with_data();
    folder.put("control", b"data");
    let arguments = ["serve", "rpki.json", "--listen", "127.0.0.1:0", "--http", "off", "--control", "control"];
    expect![[r#"
        rtrcast: --control control: there is a file that is no socket, which is left alone; name another path
        exit code 4
    "#]]
    .assert_eq(&said(&folder, &arguments));
}

#[test]
fn a_source_that_is_not_there() {
    expect!["WARN rpki.json: there is no such file or directory; waiting for it; a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2)"].assert_eq(&complaint(&Folder::new(), &["rpki.json"]));
}

#[test]
fn a_server_that_does_not_listen() {
    expect!["WARN http://127.0.0.1:PORT/rpki.json: can't connect: Connection refused; waiting for it; a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2)"].assert_eq(&complaint(&Folder::new(), &[&format!("http://{}/rpki.json", closed_port())]));
}

#[test]
fn a_url_that_is_wrong() {
    let web = Web::new();
    web.always(crate::web::Reply::Answer { head: "HTTP/1.1 404 Not Found\r\n".to_owned(), body: Vec::new() });
    expect!["WARN http://127.0.0.1:PORT/rpki.json: the server answered with status 404 (Not Found); check the path of the URL; waiting for it; a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2)"].assert_eq(&complaint(&Folder::new(), &[&web.url()]));
}

#[test]
fn a_cache_that_does_not_listen() {
    expect!["WARN tcp://127.0.0.1:PORT: can't connect: connection refused; waiting for it; a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2)"].assert_eq(&complaint(&Folder::new(), &[&format!("tcp://{}", closed_port())]));
}

#[test]
fn a_file_that_is_too_old() {
    let folder = with_data();
    age(&folder, "rpki.json");
    expect!["WARN rpki.json: nothing of it is in effect: it was made TIME (3 days ago), and --max-age is 1 day; a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2). What helps: a newer file, or a larger --max-age, or --too-old keep to serve it all the same"].assert_eq(&complaint(&folder, &["rpki.json"]));
}

#[test]
fn a_file_that_becomes_broken() {
    let folder = with_data();
    let serving = Serving::start(&folder, &["rpki.json"]);
    serving.line(&["serial "]);
    folder.put("rpki.json", &GOOD.as_bytes()[..GOOD.len() - 20]);
    let line = serving.complaint();
    // The first serial is random.
    let line: Vec<&str> =
        line.split(' ').map(|word| if word.parse::<u32>().is_ok_and(|n| n > 1_000) { "N" } else { word }).collect();
    expect![[r#"WARN rpki.json: truncated: the file ends at byte 126 (line 3) before it is complete, perhaps since it is still being written; serial N stays served"#]]
    .assert_eq(&line.join(" "));
}

#[test]
fn a_sudden_loss() {
    let folder = Folder::new();
    let vrps: Vec<String> =
        (0..300).map(|n| format!(r#"{{"asn":1,"prefix":"10.{}.{}.0/24","ta":"ripe"}}"#, n / 256, n % 256)).collect();
    folder.put("rpki.json", format!(r#"{{"roas":[{}]}}"#, vrps.join(",")).as_bytes());
    let serving = Serving::start(&folder, &["rpki.json", "--control", "control"]);
    serving.line(&["serial "]);
    folder.put("rpki.json", format!(r#"{{"roas":[{}]}}"#, vrps[..30].join(",")).as_bytes());
    let line = serving.complaint();
    let line: Vec<&str> =
        line.split(' ').map(|word| if word.parse::<u32>().is_ok_and(|n| n > 1_000) { "N" } else { word }).collect();
    expect!["ERROR rpki.json: held back for 1 h: 270 of 300 VRPs, 270 of 300 VRPs of trust anchor ripe are gone; serial N stays served. If that is right, release it: `rtrcast ctl release --control FOLDER/control rpki.json`"].assert_eq(&line.join(" ").replace(folder.path("").to_str().unwrap(), "FOLDER/"));
}

#[test]
fn a_source_that_release_does_not_know() {
    let folder = with_data();
    let serving = Serving::start(&folder, &["rpki.json", "--control", "control"]);
    serving.line(&["serial "]);
    expect![[r#"
        rtrcast: there is no source "rpki.jsn"; there are: rpki.json
        exit code 2
    "#]]
    .assert_eq(&said(&folder, &["ctl", "release", "rpki.jsn", "--control", "control"]));
}

#[test]
fn ctl_without_a_socket() {
    expect![[r#"
        rtrcast: which cache? name its socket: --control PATH (its own --control), or RTRCAST_CONTROL
        exit code 2
    "#]]
    .assert_eq(&said(&Folder::new(), &["ctl", "status"]));
    expect![[r#"
        rtrcast: control: there is no such socket; was the cache started with --control?
        exit code 10
    "#]]
    .assert_eq(&said(&Folder::new(), &["ctl", "status", "--control", "control"]));
}

#[test]
fn dump_of_a_cache_that_does_not_listen() {
    expect![[r#"
        rtrcast: tcp://127.0.0.1:PORT: can't connect: connection refused; does a cache listen there?
        exit code 10
    "#]]
    .assert_eq(&said(&Folder::new(), &["dump", &closed_port()]));
}

#[test]
fn dump_of_a_cache_whose_name_is_wrong() {
    let told = said(&Folder::new(), &["dump", "rtr.invalid"]);
    // How the system says that there is no such name is its own affair.
    let (told, _) = told.split_once("failed to lookup address information").unwrap();
    expect!["rtrcast: tcp://rtr.invalid:323: can't connect: "].assert_eq(told);
}

#[test]
fn dump_of_a_url_that_is_no_cache() {
    expect![[r#"
        error: invalid value 'https://validator.example.net/json' for '<URL>': https:// is no transport to a cache; there are tcp://host:port, tls://host:port, ssh://user@host:port and unix:///path

        For more information, try '--help'.
        exit code 2
    "#]].assert_eq(&said(&Folder::new(), &["dump", "https://validator.example.net/json"]));
}

#[test]
fn dump_into_a_folder_that_is_not_there() {
    let folder = with_data();
    let cache = crate::cache::Cache::small(&[]);
    let told = said(&folder, &["dump", &cache.rtr.to_string(), "-o", "out/rpki.json"]);
    expect![[r#"
        rtrcast: out/rpki.json: can't be written: there is no such file or directory; does its directory exist?
        exit code 5
    "#]]
    .assert_eq(&told);
}

#[test]
fn dump_of_a_serial_without_its_session() {
    expect![[r#"
        error: the following required arguments were not provided:
          --session <NUMBER>

        Usage: rtrcast dump --serial <NUMBER> --session <NUMBER> <URL>

        For more information, try '--help'.
        exit code 2
    "#]]
    .assert_eq(&said(&Folder::new(), &["dump", "127.0.0.1:323", "--serial", "7"]));
}

#[test]
fn dump_of_what_is_no_cache() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    expect![[r#"
        rtrcast: tcp://127.0.0.1:PORT: the cache broke the protocol: length 841887789 is above 65535; is it a cache? --pdus shows what it sends
        exit code 12
    "#]].assert_eq(&said(&Folder::new(), &["dump", &address]));
}

#[test]
fn dump_of_a_cache_without_data() {
    let folder = Folder::new();
    let cache = crate::cache::Cache::start(folder.path("rpki.json"), &["--peer", "127.0.0.1,hold=0"]);
    expect![[r#"
        rtrcast: tcp://127.0.0.1:PORT: the cache has no data yet (code 2); try again in a minute
        exit code 11
    "#]]
    .assert_eq(&said(&folder, &["dump", &cache.rtr.to_string()]));
}
