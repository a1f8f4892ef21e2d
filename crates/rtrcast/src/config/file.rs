//! The command line, joined with a TOML file whose keys are the flags' long names.
//!
//! A key goes through the same parser as its flag, so that each exists once and has one meaning. A flag on the command
//! line overrides the file's key, and a list there replaces the file's list. A mistake in a file is reported with its
//! line.

use super::access::AccessOptions;
use super::text::{ConfigError, first_line};
use super::toml_file::{FromFile, Origins, OwnOptions};
use crate::cli::options::needing_restart;
use crate::cli::{Arguments, ServeArguments};
use crate::config::address::Source;
use crate::exit::Failure;
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The command line, which is joined with a file each time that the file is read.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    words: Vec<OsString>,
    /// Ids of arguments that it has.
    given: Vec<String>,
    file: Option<PathBuf>,
}

/// The command line and the file, joined.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) arguments: ServeArguments,
    /// The options that take effect only at a start, with a text of each value.
    pub(super) needing_restart: Vec<(&'static str, String)>,
    own: OwnOptions,
    origins: Origins,
}

impl CommandLine {
    /// Returns the command line of `rtrcast serve`, from its words and their parsed form.
    pub(crate) fn new(words: Vec<OsString>, matches: &ArgMatches, arguments: &ServeArguments) -> CommandLine {
        let is_given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let given = matches.ids().filter(is_given).map(|id| id.as_str().to_owned()).collect();
        CommandLine { words, given, file: arguments.config.clone() }
    }

    /// Its arguments, with the name of the program.
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.words
    }

    /// Returns a command line that only names a file.
    pub(crate) fn of_file(file: &Path) -> CommandLine {
        let words = ["rtrcast".into(), "serve".into(), "--config".into(), file.into()];
        CommandLine { words: words.to_vec(), given: vec!["config".to_owned()], file: Some(file.to_owned()) }
    }

    /// Reads the file again, and joins both.
    pub(crate) fn resolve(&self) -> Result<Settings, Failure> {
        let mut from_file = FromFile::default();
        if let Some(path) = &self.file {
            from_file = FromFile::read(path, &self.given).map_err(|error| Failure::Config(error.to_string()))?;
        }
        let (program, own) = self.words.split_at(2.min(self.words.len()));
        let words = [program, &from_file.words, own].concat();
        let (arguments, given) = Arguments::try_parse(&words).map_err(|error| Failure::Usage(first_line(&error)))?;
        let needing_restart = needing_restart(&given);
        let settings = Settings { arguments, needing_restart, own: from_file.own, origins: from_file.origins };
        if settings.arguments.source.is_empty() {
            return Err(match &self.file {
                Some(path) => Failure::Config(format!(
                    "{}: there is no source; source = \"FILE-OR-URL\" names one",
                    path.display()
                )),
                None => Failure::Usage("there is no source: name a file or a URL, or a --config with one; `rtrcast serve --help` shows how".to_owned()),
            });
        }
        Ok(settings)
    }
}

/// Reads the text of a configuration file, as far as no other file is touched; the message, if it is invalid.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_text_of_file(text: &str) -> Result<(), String> {
    let read = FromFile::parse(Path::new("rtrcast.toml"), text, &[]).map_err(|error| error.to_string())?;
    let words = [&["rtrcast".into(), "serve".into()], read.words.as_slice()].concat();
    Arguments::try_parse(&words).map(|_| ()).map_err(|error| first_line(&error))
}

impl Settings {
    /// Returns an error about the values of some flags, with the line of one of them.
    pub(crate) fn config_error(&self, flags: &[&str], reason: &str) -> Failure {
        let place = flags.iter().find_map(|flag| self.origins.lines.get(*flag));
        match place {
            Some(line) => {
                let error = ConfigError {
                    file: self.origins.file.clone(),
                    line: Some(*line),
                    reason: format!("{}: {reason}", flags.join(", ")),
                };
                Failure::Config(error.to_string())
            }
            None if flags == ["source"] => Failure::Usage(reason.to_owned()),
            None => Failure::Usage(format!("--{}: {reason}", flags.join(", --"))),
        }
    }

    /// Returns the options by which a source is fetched or connected to: its own, or those of all.
    ///
    /// `list` is the key that the source is in: data and SLURM at one URL have options of their own.
    pub(super) fn access_to(&self, list: &str, source: &Source) -> AccessOptions {
        let of_all = || AccessOptions::of_all_for(source, &self.arguments);
        self.own.get(&(list.to_owned(), source.clone())).cloned().unwrap_or_else(of_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::{OPTIONS, OptionRow, Scope};
    use crate::config::plan::Plan;
    use clap::CommandFactory;
    use expect_test::{Expect, expect};
    use std::fs;

    fn resolve(name: &str, text: &str, words: &[&str]) -> Result<Settings, String> {
        let path = std::env::temp_dir().join(format!("rtrcast-config-{}-{name}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        let words: Vec<OsString> =
            ["rtrcast", "serve", "--config", path.to_str().unwrap()].iter().chain(words).map(OsString::from).collect();
        let matches = Arguments::command().get_matches_from(&words);
        let (_, serve) = matches.subcommand().unwrap();
        let (arguments, _) = Arguments::try_parse(&words).unwrap();
        let outcome = CommandLine::new(words, serve, &arguments).resolve();
        fs::remove_file(&path).unwrap();
        outcome.map_err(|failure| failure.to_string().replace(path.to_str().unwrap(), "rtrcast.toml"))
    }

    fn check_error(name: &str, text: &str, expect: Expect) {
        expect.assert_eq(&resolve(name, text, &[]).unwrap_err());
    }

    #[test]
    fn keys_are_flags_and_flags_override_keys() {
        let text = r#"
source = ["a.json", { at = "https://validator.example/json", token-file = "token", ca = "ca.pem" }]
listen = ["127.0.0.1:1", "127.0.0.1:2"]
refresh = 60
no-aspas = true
no-router-keys = false
slurm = "local.slurm"
"#;
        let settings = resolve("keys", text, &[]).unwrap();
        assert_eq!(settings.arguments.source.len(), 2);
        assert_eq!(settings.arguments.listen.len(), 2);
        assert_eq!(settings.arguments.refresh, 60);
        assert!(settings.arguments.no_aspas && !settings.arguments.no_router_keys);
        let token_file = |at: usize| {
            let source = &settings.arguments.source[at];
            settings.access_to("source", source).validate_for(source).unwrap().0.token_file
        };
        assert_eq!((token_file(0), token_file(1)), (None, Some("token".into())));

        let first = text;
        // The same URL in two lists has the options of each; and those of a list that the command line replaces are gone.
        let text = r#"
source = { at = "https://validator.example/json", token-file = "token" }
slurm = { at = "https://validator.example/json", proxy = "none" }
"#;
        let url = ["https://validator.example/json"];
        let token_files = |words: &[&str]| {
            let settings = resolve("lists", text, words).unwrap();
            let source = settings.arguments.source[0].clone();
            ["source", "slurm"]
                .map(|list| settings.access_to(list, &source).validate_for(&source).unwrap().0.token_file)
        };
        assert_eq!(token_files(&[]), [Some("token".into()), None]);
        assert_eq!(token_files(&url), [None, None]);

        let settings = resolve("flags", first, &["--refresh", "30", "--listen", "127.0.0.1:3", "b.json"]).unwrap();
        assert_eq!(settings.arguments.refresh, 30);
        assert_eq!(settings.arguments.listen, ["tcp://127.0.0.1:3".parse().unwrap()]);
        assert_eq!(settings.arguments.source, [Source::File("b.json".into())]);
        assert!(settings.arguments.no_aspas);
    }

    #[test]
    fn listeners_and_peers_may_be_tables() {
        let text = r#"
source = "a.json"
listen = ["127.0.0.1:1", { at = "tls://127.0.0.1:2", tls-cert = "a.pem", tls-crl = ["x", "y"], ssh-allow-anyone = false }]
peer = [{ at = "192.0.2.0/24", max-version = 1, answer-lower = true }]
tls-key = "b.key"
"#;
        let arguments = resolve("tables", text, &[]).unwrap().arguments;
        let wanted = ["tcp://127.0.0.1:1", "tls://127.0.0.1:2,tls-cert=a.pem,tls-crl=x,tls-crl=y"];
        assert_eq!(arguments.listen, wanted.map(|text| text.parse().unwrap()));
        assert_eq!(arguments.peer, ["192.0.2.0/24,max-version=1,answer-lower".parse().unwrap()]);
        assert_eq!(arguments.listeners.typed().tls_key, Some("b.key".into()));
    }

    #[test]
    fn routers_have_names() {
        let text = r#"
source = "a.json"
peer = ["192.0.2.1,name=edge1.fra", { at = "2001:db8::1", name = "edge2" }, { at = "198.51.100.0/24", no-aspas = true }]
"#;
        let plan = Plan::new(&resolve("names", text, &[]).unwrap()).unwrap();
        let named = |address: &str, name: &str| (address.parse().unwrap(), name.into());
        assert_eq!(plan.peer_names, [named("192.0.2.1", "edge1.fra"), named("2001:db8::1", "edge2")]);
        // A name alone is no policy: that of the prefix around it holds.
        assert_eq!(plan.policy.peers.iter().count(), 1);
    }

    #[test]
    fn every_option_is_a_key() {
        for option in OPTIONS.iter().filter(|option| option.scope != Scope::CommandLine) {
            // A date is a value of no option: the error is about the value, not about an unknown key.
            let error = resolve("key", &format!("{} = 2020-01-01", option.name), &[]).unwrap_err();
            assert!(error.starts_with(&format!("rtrcast.toml:1: {} is ", option.name)), "{error}");
        }
    }

    #[test]
    fn every_option_of_listeners_and_sources_stands_in_their_tables() {
        let tables = |option: &OptionRow| match option.scope {
            Scope::Listener(_) => vec![("listen", "tls://[::1]:1")],
            Scope::Source { .. } => vec![("source", "tls://x"), ("source", "https://x"), ("slurm", "https://x")],
            Scope::CommandLine | Scope::Cache | Scope::Holder(_) => Vec::new(),
        };
        for option in OPTIONS {
            for (key, at) in tables(option) {
                let text = format!("source = \"x\"\n{key} = {{ at = \"{at}\", {} = \"x\" }}", option.own_name());
                let text = if key == "source" { text.split_once('\n').unwrap().1.to_owned() } else { text };
                let outcome = resolve("own", &text, &[]).map(|_| ());
                assert!(!outcome.as_ref().is_err_and(|error| error.contains("unknown")), "{text}: {outcome:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        check_error(
            "unknown",
            "source = \"a\"\n\nlissten = \"127.0.0.1:1\"\n",
            expect![[r#"rtrcast.toml:3: unknown key "lissten"; did you mean "listen"?"#]],
        );
        check_error("alien", "frobnicate = 1\n", expect![[r#"rtrcast.toml:1: unknown key "frobnicate""#]]);
        check_error(
            "value",
            "source = \"a\"\nrefresh = 0\n",
            expect!["rtrcast.toml:2: invalid value '0' for '--refresh <SECONDS>': 0 is not from 1 to 86400"],
        );
        check_error(
            "word",
            "merge = \"newest\"\n",
            expect!["rtrcast.toml:1: invalid value 'newest' for '--merge <MODE>' [possible values: union, first]"],
        );
        check_error(
            "kind",
            "no-aspas = \"yes\"\n",
            expect!["rtrcast.toml:1: no-aspas is true or false, and this is of type string"],
        );
        check_error(
            "list",
            "refresh = [1, 2]\n",
            expect!["rtrcast.toml:1: refresh is one value, and this is of type array"],
        );
        check_error(
            "toml",
            "source = \"a\"\nrefresh =\n",
            expect!["rtrcast.toml:2: not TOML: string values must be quoted, expected literal string"],
        );
        check_error(
            "twice",
            "refresh = 1\nrefresh = 2\n",
            expect!["rtrcast.toml:2: not TOML: duplicate key \"refresh\", as in line 1"],
        );
        check_error(
            "none",
            "refresh = 1\n",
            expect![[r#"rtrcast.toml: there is no source; source = "FILE-OR-URL" names one"#]],
        );
        check_error(
            "at",
            "source = [{ ca = \"x\" }]\n",
            expect![[r#"rtrcast.toml:1: no "at", the file or URL that the options are for"#]],
        );
        check_error(
            "option",
            "source = [\n  { at = \"https://x\", tokenfile = \"x\" },\n]\n",
            expect![[
                r#"rtrcast.toml:2: unknown key "tokenfile"; there are at, ca, client-cert, client-key, token-file, proxy, tls-name, ssh-key, known-hosts, password-file, tcp-md5, tcp-ao"#
            ]],
        );
        check_error(
            "pair",
            "source = [{ at = \"https://x/y\", client-cert = \"x\" }]\n",
            expect!["rtrcast.toml:1: a client certificate needs its key"],
        );
        check_error(
            "scheme",
            "source = [\"rsync://x/y\"]\n",
            expect![
                "rtrcast.toml:1: invalid value 'rsync://x/y' for '[FILE-OR-URL]...': rsync:// is not a source of this version; it reads files, http://, https://, and follows caches at tcp://, tls://, ssh:// and unix://"
            ],
        );
        check_error(
            "empty",
            "source = \"a\"\nlisten = []\n",
            expect![
                "rtrcast.toml:2: listen is a list of addresses, and an empty one can't be served from, and this is of type array"
            ],
        );
        check_error(
            "place",
            "listen = { tls-cert = \"x\" }\n",
            expect![[r#"rtrcast.toml:1: no "at", the address or prefix that the options are for"#]],
        );
        check_error(
            "comma",
            "peer = { at = \"192.0.2.1\", max-version = \"1,2\" }\n",
            expect!["rtrcast.toml:1: max-version: there is a comma in it, which separates options"],
        );
        check_error(
            "behind",
            "\nlisten = { at = \"tls://[::1]:1\", cert = \"x\" }\n",
            expect![[
                r#"rtrcast.toml:2: invalid value 'tls://[::1]:1,cert=x' for '--listen <[TRANSPORT://]ADDRESS:PORT[,OPTION=VALUE]>': unknown option "cert"; there are tls-cert, tls-key, tls-client-ca, tls-clients, tls-client-address, tls-crl, tls-min-version, ssh-host-key, ssh-authorized-keys, ssh-passwords, ssh-user, ssh-allow-anyone, tcp-md5, tcp-ao, unix-mode, proxy-from"#
            ]],
        );
        check_error(
            "number",
            "source = 3\n",
            expect![[
                r#"rtrcast.toml:1: source is a file or URL, or a list of those, or of tables with "at" and options, and this is of type integer"#
            ]],
        );
        check_error(
            "switch",
            "listen = { at = \"tls://[::1]:1\", tls-clients = false }\n",
            expect!["rtrcast.toml:1: tls-clients: a text or a number is wanted, and this is of type boolean"],
        );
        let error = resolve("holder", "listen = { at = \"[::1]:1\", answer-lower = false }\n", &[]).unwrap_err();
        assert!(error.contains("unknown option \"answer-lower\"; there are tls-cert, "), "{error}");
        check_error(
            "float",
            "listen = { at = \"tls://[::1]:1\", tls-min-version = 1.3 }\n",
            expect!["rtrcast.toml:1: tls-min-version: such a number is written as text, in quotes"],
        );
        check_error("table", "[freshness]\nmax-age = 1\n", expect![[r#"rtrcast.toml:1: unknown key "freshness""#]]);
    }

    #[test]
    fn a_file_that_is_not_there_is_said() {
        let failure = CommandLine::of_file(Path::new("/nowhere/rtrcast.toml")).resolve().unwrap_err();
        assert_eq!(failure.to_string(), "/nowhere/rtrcast.toml: there is no such file or directory");
    }
}
