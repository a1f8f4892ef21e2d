//! Listeners that another program opened and passed on.

#![cfg(target_os = "linux")]

use rtrcast_net::{Activated, ActivatedListener};
use rustix::io::{FdFlags, fcntl_getfd};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

/// Makes its second and first descriptor the fourth and third, and becomes the program below.
const MANAGER: &str = r#"
exec 3<&0 4<&2 </dev/null 2>&1
export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=rtr:local
exec "$0" --exact the_program_that_is_passed_listeners --ignored --nocapture
"#;

#[test]
fn a_program_takes_what_it_was_passed() {
    let directory = std::env::temp_dir().join(format!("rtrcast-activation-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(directory.join("rtr")).unwrap();
    let address = tcp.local_addr().unwrap();
    let mut manager = Command::new("sh");
    manager.args(["-c", MANAGER]).arg(std::env::current_exe().unwrap());
    manager.stdin(Stdio::from(OwnedFd::from(tcp))).stderr(Stdio::from(OwnedFd::from(unix)));
    let output = manager.output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains(&format!("rtr is tcp {address}\n")), "{told}");
    assert!(told.contains(&format!("local is unix {}\n", directory.join("rtr").display())), "{told}");
}

#[test]
#[ignore = "the test above runs it"]
fn the_program_that_is_passed_listeners() {
    let activated = Activated::take().unwrap();
    assert_eq!(activated.names().collect::<Vec<_>>(), ["rtr", "local"]);
    for name in ["rtr", "local"] {
        for listener in activated.named(name) {
            assert!(fcntl_getfd(listener).unwrap().contains(FdFlags::CLOEXEC));
            match listener {
                ActivatedListener::Tcp(listener) => println!("{name} is tcp {}", listener.local_addr().unwrap()),
                ActivatedListener::Unix(listener) => {
                    println!("{name} is unix {}", listener.local_addr().unwrap().as_pathname().unwrap().display());
                }
            }
        }
    }
    assert!(Activated::take().unwrap().is_empty());
}

#[test]
fn a_program_that_was_passed_nothing_takes_nothing() {
    // The variables of whoever runs the tests, if it has them, name another process.
    assert!(Activated::take().unwrap().is_empty());
}
