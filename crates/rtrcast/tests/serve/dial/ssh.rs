//! SSH: whose host key is known, who may log in, and what is said where that fails.

use super::{LINE, VRP, dump, has_data, refused};
use crate::cache::{Cache, Folder, document, run};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const WAY_OUT: &str = "--ssh-key and --password-file are the credentials";

/// A key: its file, its public half as a line, and its fingerprint.
pub(super) struct Key {
    pub(super) file: String,
    pub(super) line: String,
    pub(super) fingerprint: String,
}

pub(super) fn key(folder: &Folder, name: &str) -> Key {
    let file = folder.path(name).to_str().unwrap().to_owned();
    let (code, said, _) = run(&["ssh", "host-key", &file]);
    assert_eq!(code, 0);
    let fingerprint = said.lines().find_map(|line| line.strip_prefix("fingerprint")).unwrap().trim().to_owned();
    let line = std::fs::read_to_string(format!("{file}.pub")).unwrap().trim_end().to_owned();
    Key { file, line, fingerprint }
}

pub(super) struct Scene {
    pub(super) folder: Folder,
    pub(super) cache: Cache,
    pub(super) host: Key,
    pub(super) router: Key,
}

impl Scene {
    pub(super) fn new(arguments: &[&str]) -> Scene {
        let folder = Folder::new();
        let (host, router) = (key(&folder, "host"), key(&folder, "router"));
        let routers = folder.put("authorized_keys", format!("{}\n", router.line).as_bytes());
        let listen = ["--listen", "127.0.0.1:0", "--listen", "ssh://127.0.0.1:0", "--ssh-host-key", &host.file];
        let routers = ["--ssh-authorized-keys", routers.to_str().unwrap()];
        let cache = Cache::of(&document(&[VRP]), &[&listen[..], &routers, arguments].concat());
        Scene { folder, cache, host, router }
    }

    pub(super) fn url(&self, user: &str) -> String {
        self.cache.url("ssh").replace("ssh://", &format!("ssh://{user}@"))
    }

    /// What the cache is called in known_hosts.
    fn name(&self) -> String {
        let url = self.cache.url("ssh");
        format!("[127.0.0.1]:{}", url.rsplit(':').next().unwrap())
    }

    /// A file of known hosts with this key for the cache.
    pub(super) fn known(&self, key: &str) -> String {
        self.folder
            .put("known_hosts", format!("# hosts\n{} {key}\n", self.name()).as_bytes())
            .to_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn t_ssh_01_who_knows_the_host_key_and_has_a_key_gets_the_data() {
    let scene = Scene::new(&[]);
    let known = scene.known(&scene.host.line);
    has_data(&scene.url("rpki"), &["--ssh-key", &scene.router.file, "--known-hosts", &known]);
    has_data(&scene.cache.url("ssh"), &["--ssh-key", &scene.router.file, "--known-hosts", &known]);
    // Without an option the user's own file counts.
    std::fs::create_dir(scene.folder.path(".ssh")).unwrap();
    std::fs::rename(&known, scene.folder.path(".ssh/known_hosts")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rtrcast"))
        .env("HOME", scene.folder.path(""))
        .args(["dump", "-q", "--format", "text", &scene.url("rpki"), "--ssh-key", &scene.router.file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().ends_with(LINE));
}

#[test]
fn t_ssh_03_a_host_key_that_is_not_known_or_another_one_is_exit_code_14() {
    let scene = Scene::new(&[]);
    let other = key(&scene.folder, "other");
    let (name, shown) = (scene.name(), &scene.host.fingerprint);
    let nothing = scene.folder.put("nothing", b"");
    let line = format!(
        "CACHE: the host key of {name} is not known; it presents {shown}. If that is the cache's fingerprint, add this line \
         to the known hosts: {name} {}",
        scene.host.line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    );
    let options = ["--ssh-key", &scene.router.file, "--known-hosts"];
    refused(&scene.url("rpki"), &[&options[..], &[nothing.to_str().unwrap()]].concat(), 14, &line);
    let line = format!(
        "CACHE: the host key of {name} is not the one in line 2 of the known hosts: it presents {shown}. Either the cache has \
         a new key, and the line must be replaced, or somebody is in between"
    );
    refused(&scene.url("rpki"), &[&options[..], &[&scene.known(&other.line)]].concat(), 14, &line);
}

#[test]
fn t_ssh_02_a_refused_login_names_the_accepted_methods() {
    let scene = Scene::new(&["--ssh-user", "rpki"]);
    let known = scene.known(&scene.host.line);
    let other = key(&scene.folder, "other");
    let tried = &other.fingerprint;
    let line =
        format!("CACHE: the cache refuses the login of rpki; tried publickey {tried}, it accepts publickey; {WAY_OUT}");
    refused(&scene.url("rpki"), &["--ssh-key", &other.file, "--known-hosts", &known], 14, &line);
    let line = format!("CACHE: the cache refuses the login of rpki; tried none, it accepts publickey; {WAY_OUT}");
    refused(&scene.url("rpki"), &["--known-hosts", &known], 14, &line);
    let (code, _, said) = dump(&scene.url("mallory"), &["--ssh-key", &scene.router.file, "--known-hosts", &known]);
    assert_eq!(code, 14);
    assert!(said.starts_with("rtrcast: CACHE: the cache refuses the login of mallory; tried publickey "), "{said}");
}

#[test]
fn a_password_stands_in_a_file() {
    let folder = Folder::new();
    let mut hash = Command::new(env!("CARGO_BIN_EXE_rtrcast"))
        .args(["ssh", "hash-password", "rpki"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    hash.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let passwords = folder.put("passwords", &hash.wait_with_output().unwrap().stdout);
    let scene = Scene::new(&["--ssh-passwords", passwords.to_str().unwrap()]);
    let known = scene.known(&scene.host.line);
    let (right, wrong, empty) =
        (folder.put("right", b"correct horse\n"), folder.put("wrong", b"battery"), folder.put("empty", b"\n"));
    let check = |file: &Path| {
        let options = ["--password-file", file.to_str().unwrap(), "--known-hosts", &known];
        dump(&scene.url("rpki"), &options)
    };
    assert_eq!(check(&right), (0, LINE.to_owned(), String::new()));
    let (code, _, said) = check(&wrong);
    assert_eq!(code, 14, "{said}");
    assert!(
        said.starts_with("rtrcast: CACHE: the cache refuses the login of rpki; tried password, it accepts "),
        "{said}"
    );
    let (code, _, said) = check(&empty);
    assert_eq!((code, said), (2, format!("rtrcast: {}: no password in the first line\n", empty.display())));
}

#[test]
fn invalid_files_are_reported() {
    let folder = Folder::new();
    let hosts = folder.put("hosts", b"# hosts\ncache.example\n");
    let junk = folder.put("junk", b"junk\n");
    let [hosts, junk] = [&hosts, &junk].map(|path| path.to_str().unwrap());
    let url = "ssh://127.0.0.1:1";
    refused(url, &["--known-hosts", hosts], 2, &format!("{hosts}: line 2: a line is names, type of key, key"));
    let (code, _, said) = dump(url, &["--ssh-key", junk]);
    assert_eq!(code, 2);
    assert!(said.starts_with(&format!("rtrcast: {junk}: ")), "{said}");
    refused(url, &["--ca", junk], 2, "--ca: only caches at tls:// have such an option");
}
