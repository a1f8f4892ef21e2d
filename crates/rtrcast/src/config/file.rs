//! The configuration: the command line, and a TOML file whose keys are the flags' long names.
//!
//! A key goes through the same parser as its flag, so that each exists once and means one thing. A flag on the command
//! line overrides the file's key, and a list there replaces the file's list. What is wrong with a file is said with its
//! line.

use crate::cli::{Arguments, Command, DialOptions, ServeArguments};
use crate::config::address::Source;
use crate::config::options::{FetchOptions, Senseless};
use crate::exit::Failure;
use crate::observe::describe::{plain, with_plain_ranges};
use crate::source::dialer;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use rtrcast_feed::meant;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest file that is read: configurations have a few hundred lines.
const CONFIG_OCTETS_MAX: u64 = 1024 * 1024;

/// Keys whose values may be tables with options of a fetch.
const PLACES: [&str; 2] = ["source", "slurm"];

/// Keys whose values may be tables that say the same as a value with options behind commas.
const LISTED: [&str; 2] = ["listen", "peer"];

/// Options in those tables that are set or not, and have no value.
const SWITCHES: [&str; 5] = ["ssh-allow-anyone", "answer-lower", "no-router-keys", "no-aspas", "send-cache-restart"];

/// What the command line said, to be joined with a file as often as that changes.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    words: Vec<OsString>,
    /// Ids of arguments that it has.
    given: Vec<String>,
    file: Option<PathBuf>,
}

/// Everything that was said, joined.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) arguments: ServeArguments,
    /// The options of those places that have their own.
    own: BTreeMap<Source, PlaceOptions>,
    origins: Origins,
}

/// The options of a place: URLs have those of a fetch, caches those of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaceOptions {
    pub(crate) fetch: FetchOptions,
    pub(crate) dial: DialOptions,
}

/// Where keys stand in the file.
#[derive(Debug, Default)]
struct Origins {
    file: PathBuf,
    lines: BTreeMap<String, usize>,
}

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.reason),
            None => write!(f, "{}: {}", self.file.display(), self.reason),
        }
    }
}

impl CommandLine {
    /// The words that `rtrcast serve` was started with, and what they were understood as.
    pub(crate) fn new(words: Vec<OsString>, matches: &ArgMatches, arguments: &ServeArguments) -> CommandLine {
        let is_given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let given = matches.ids().filter(is_given).map(|id| id.as_str().to_owned()).collect();
        CommandLine { words, given, file: arguments.config.clone() }
    }

    /// A command line that only names a file.
    pub(crate) fn of_file(file: &Path) -> CommandLine {
        let words = ["rtrcast".into(), "serve".into(), "--config".into(), file.into()];
        CommandLine { words: words.to_vec(), given: vec!["config".to_owned()], file: Some(file.to_owned()) }
    }

    /// Reads the file again, and joins both.
    pub(crate) fn settle(&self) -> Result<Settings, Failure> {
        let mut from_file = FromFile::default();
        if let Some(path) = &self.file {
            from_file = FromFile::read(path, &self.given).map_err(|error| Failure::Config(error.to_string()))?;
        }
        let (program, own) = self.words.split_at(2.min(self.words.len()));
        let words = [program, &from_file.words, own].concat();
        let arguments = Arguments::try_parse(&words).map_err(|error| Failure::Usage(first_line(&error)))?;
        let settings = Settings { arguments, own: from_file.own, origins: from_file.origins };
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

impl Arguments {
    fn try_parse(words: &[OsString]) -> Result<ServeArguments, clap::Error> {
        let matches = Arguments::command().try_get_matches_from(words)?;
        match Arguments::from_arg_matches(&matches)?.command {
            Command::Serve(arguments) => Ok(*arguments),
            Command::Check(_) | Command::Ctl(_) | Command::Dump(_) | Command::Ssh(_) => {
                Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand))
            }
        }
    }
}

impl Settings {
    /// A complaint about what some flags say together, with the place where one of them stands.
    pub(crate) fn complaint(&self, flags: &[&str], reason: &str) -> Failure {
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

    /// How a place is fetched from or connected to: by its own options, or by those of all.
    pub(crate) fn options_of(&self, place: &Source) -> PlaceOptions {
        if let Some(own) = self.own.get(place) {
            return own.clone();
        }
        let arguments = &self.arguments;
        let of_all = FetchOptions {
            ca: arguments.fetch_ca.clone(),
            client_cert: arguments.fetch_client_cert.clone(),
            client_key: arguments.fetch_client_key.clone(),
            token_file: arguments.fetch_token_file.clone(),
            proxy: arguments.fetch_proxy.clone(),
        };
        let dial = match place {
            Source::Rtr(target) => arguments.caches.for_one().only_for(target),
            Source::File(_) | Source::Directory(_) | Source::Http(_) => DialOptions::default(),
        };
        PlaceOptions { fetch: of_all.of_all_for(place), dial }
    }
}

/// What a file says: words as on a command line, and what these can't say.
#[derive(Default)]
struct FromFile {
    words: Vec<OsString>,
    own: BTreeMap<Source, PlaceOptions>,
    origins: Origins,
}

/// A file while it is read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn error(&self, at: Option<usize>, reason: String) -> ConfigError {
        let line = at.map(|at| 1 + self.text.get(..at).unwrap_or(self.text).matches('\n').count());
        ConfigError { file: self.path.to_owned(), line, reason }
    }
}

impl FromFile {
    /// Reads a file but for what is given otherwise; that is checked as well.
    fn read(path: &Path, given: &[String]) -> Result<FromFile, ConfigError> {
        let error = |reason: String| ConfigError { file: path.to_owned(), line: None, reason };
        let text = read_text(path).map_err(|cause| error(plain(&cause)))?;
        let file = File { path, text: &text };
        let document = DeTable::parse(&text).map_err(|cause| {
            let at = cause.span().map(|span| span.start);
            file.error(at, format!("not TOML: {}{}", cause.message(), at.map_or("", |at| hint_of_quotes(&text, at))))
        })?;
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").expect("there is such a command");
        let flags: Vec<&Arg> =
            serve.get_arguments().filter(|arg| !["config", "help", "version"].contains(&key_of(arg))).collect();
        let mut read =
            FromFile { origins: Origins { file: path.to_owned(), lines: BTreeMap::new() }, ..FromFile::default() };
        // In the order of the file: the first mistake is told first.
        let mut pairs: Vec<_> = document.get_ref().iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in pairs {
            let name: &str = key.get_ref();
            let Some(flag) = flags.iter().find(|flag| key_of(flag) == name) else {
                let like = meant(name.as_bytes(), flags.iter().map(|flag| key_of(flag)));
                let hint = like.map_or(String::new(), |like| format!("; did you mean \"{like}\"?"));
                return Err(file.error(Some(key.span().start), format!("unknown key \"{name}\"{hint}")));
            };
            let words = read.words_of(&file, flag, value)?;
            check(&words).map_err(|reason| file.error(Some(value.span().start), reason))?;
            let line = 1 + text.get(..key.span().start).unwrap_or_default().matches('\n').count();
            if !given.iter().any(|given| *given == flag.get_id().as_str()) {
                read.origins.lines.insert(name.to_owned(), line);
                read.words.extend(words);
            }
        }
        Ok(read)
    }

    /// A key's value as words of a command line.
    fn words_of(
        &mut self,
        file: &File<'_>,
        flag: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<OsString>, ConfigError> {
        let key = key_of(flag);
        let error = |value: &Spanned<DeValue<'_>>, wanted: &str| {
            let found = value.get_ref().type_str();
            file.error(Some(value.span().start), format!("{key} is {wanted}, and this is of type {found}"))
        };
        if !flag.get_action().takes_values() {
            return match value.get_ref() {
                DeValue::Boolean(true) => Ok(vec![format!("--{key}").into()]),
                DeValue::Boolean(false) => Ok(Vec::new()),
                _ => Err(error(value, "true or false")),
            };
        }
        let values = match (value.get_ref(), flag.get_action()) {
            (DeValue::Array(values), ArgAction::Append) if values.is_empty() && key == "listen" => {
                return Err(error(value, "a list of addresses, and an empty one can't be served from"));
            }
            (DeValue::Array(values), ArgAction::Append) => values.iter().collect(),
            (DeValue::Array(_), _) => return Err(error(value, "one value")),
            _ => vec![value],
        };
        let mut words = Vec::new();
        for value in values {
            let word = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 && !PLACES.contains(&key) => {
                    number.as_str().to_owned()
                }
                DeValue::Table(table) if PLACES.contains(&key) => self.place(file, value, table)?,
                DeValue::Table(table) if LISTED.contains(&key) => with_options(file, value, table)?,
                _ if PLACES.contains(&key) => {
                    return Err(error(
                        value,
                        "a file or URL, or a list of those, or of tables with \"at\" and options",
                    ));
                }
                _ => return Err(error(value, "a text or a number")),
            };
            words.push(if flag.is_positional() { word.into() } else { format!("--{key}={word}").into() });
        }
        Ok(words)
    }

    /// `{ at = "https://...", token-file = "..." }`
    fn place(
        &mut self,
        file: &File<'_>,
        value: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Result<String, ConfigError> {
        let mut keys: Vec<&str> = ["at"].into_iter().chain(FetchOptions::NAMES).collect();
        keys.extend(DialOptions::names().filter(|name| !FetchOptions::NAMES.contains(name)));
        let (mut at, mut options) = (None, Vec::new());
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in pairs {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let known = keys.join(", ");
                return Err(file.error(Some(key.span().start), format!("unknown key \"{name}\"; there are {known}")));
            }
            let DeValue::String(text) = value.get_ref() else {
                return Err(file.error(Some(value.span().start), format!("{name} is a text")));
            };
            match name {
                "at" => at = Some(text.to_string()),
                _ => options.push((key.span().start, name, text)),
            }
        }
        let start = Some(value.span().start);
        let at =
            at.ok_or_else(|| file.error(start, "no \"at\", the file or URL that the options are for".to_owned()))?;
        let place = Source::parse(OsString::from(&at)).map_err(|reason| file.error(start, reason))?;
        let mut own = PlaceOptions::default();
        for (at, name, text) in options {
            let (is_set, who) = match place {
                Source::Rtr(_) => (own.dial.set(name, text), "http(s) URLs"),
                Source::File(_) | Source::Directory(_) | Source::Http(_) => {
                    (own.fetch.set(name, text), dialer::who_has(name))
                }
            };
            if !is_set {
                return Err(file.error(Some(at), format!("{name}: only {who} have such an option")));
            }
        }
        match &place {
            Source::Rtr(target) => own
                .dial
                .check(target)
                .map_err(|Senseless { flags, reason }| file.error(start, format!("{}: {reason}", flags.join(", "))))?,
            Source::File(_) | Source::Directory(_) | Source::Http(_) => {
                own.fetch.check(&place).map_err(|senseless| file.error(start, senseless.reason))?;
            }
        }
        self.own.insert(place, own);
        Ok(at)
    }
}

/// `{ at = "tls://[::]:324", tls-cert = "cache.pem", tls-crl = ["a", "b"] }` as `tls://[::]:324,tls-cert=cache.pem,...`.
fn with_options(file: &File<'_>, value: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> Result<String, ConfigError> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    let (mut at, mut options) = (None, String::new());
    for (key, value) in pairs {
        let name: &str = key.get_ref();
        let error = |reason: String| file.error(Some(value.span().start), format!("{name}: {reason}"));
        let values = match value.get_ref() {
            DeValue::Boolean(set) if SWITCHES.contains(&name) => {
                if *set {
                    options += &format!(",{name}");
                }
                continue;
            }
            DeValue::Array(values) if name != "at" => values.iter().collect(),
            _ => vec![value],
        };
        for value in values {
            let text = match value.get_ref() {
                DeValue::String(text) => text.as_ref(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
                DeValue::Float(_) => return Err(error("such a number is written as text, in quotes".to_owned())),
                other => {
                    return Err(error(format!(
                        "a text or a number is wanted, and this is of type {}",
                        other.type_str()
                    )));
                }
            };
            if text.contains(',') {
                return Err(error("there is a comma in it, which separates options".to_owned()));
            }
            match name {
                "at" => at = Some(text.to_owned()),
                _ => options += &format!(",{name}={text}"),
            }
        }
    }
    let at = at.ok_or_else(|| {
        file.error(Some(value.span().start), "no \"at\", the address or prefix that the options are for".to_owned())
    })?;
    Ok(at + &options)
}

/// Reads a file that is one: opening a FIFO would wait for a writer.
fn read_text(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(CONFIG_OCTETS_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_OCTETS_MAX {
        return Err(io::Error::other(format!("larger than {CONFIG_OCTETS_MAX} bytes: not a configuration")));
    }
    Ok(text)
}

/// A flag's name in a file.
fn key_of(flag: &Arg) -> &str {
    flag.get_long().unwrap_or(flag.get_id().as_str())
}

/// Whether a command line of these words alone would be understood.
fn check(words: &[OsString]) -> Result<(), String> {
    let line = ["rtrcast", "serve"].map(OsStr::new).map(OsStr::to_os_string);
    Arguments::try_parse(&[&line, words].concat()).map(|_| ()).map_err(|error| first_line(&error))
}

/// A way out where a text was written without its quotes, the usual mistake.
fn hint_of_quotes(text: &str, at: usize) -> &'static str {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    let is_number = value.trim_end().chars().all(|c| c.is_ascii_digit() || c == '_');
    match value.chars().next() {
        None | Some('"' | '\'' | '[' | '{') => "",
        Some(_) if is_number => "",
        Some(_) => "; a text is written in quotes, as in listen = \"127.0.0.1:8282\"",
    }
}

/// What clap has to say, without how to get help.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = without_secrets(lines.map(str::trim).collect::<Vec<_>>().join(" ").trim_start_matches("error: "));
    with_plain_ranges(&line)
}

/// A text in which URLs show neither whom they log in as nor what they ask for.
fn without_secrets(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find([' ', '\'', '"']).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        let url = url.rsplit_once('@').map_or(url, |(_, host)| host);
        let (url, query) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?..."));
        shown += &format!("{before}://{url}{query}");
        rest = behind;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn settle(name: &str, text: &str, words: &[&str]) -> Result<Settings, String> {
        let path = std::env::temp_dir().join(format!("rtrcast-config-{}-{name}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        let words: Vec<OsString> =
            ["rtrcast", "serve", "--config", path.to_str().unwrap()].iter().chain(words).map(OsString::from).collect();
        let matches = Arguments::command().get_matches_from(&words);
        let (_, serve) = matches.subcommand().unwrap();
        let arguments = Arguments::try_parse(&words).unwrap();
        let outcome = CommandLine::new(words, serve, &arguments).settle();
        fs::remove_file(&path).unwrap();
        outcome.map_err(|failure| failure.to_string().replace(path.to_str().unwrap(), "rtrcast.toml"))
    }

    fn check_error(name: &str, text: &str, expect: Expect) {
        expect.assert_eq(&settle(name, text, &[]).unwrap_err());
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
        let settings = settle("keys", text, &[]).unwrap();
        assert_eq!(settings.arguments.source.len(), 2);
        assert_eq!(settings.arguments.listen.len(), 2);
        assert_eq!(settings.arguments.refresh, 60);
        assert!(settings.arguments.no_aspas && !settings.arguments.no_router_keys);
        assert_eq!(settings.options_of(&settings.arguments.source[1]).fetch.token_file, Some("token".into()));
        assert_eq!(settings.options_of(&settings.arguments.source[0]).fetch.token_file, None);

        let settings = settle("flags", text, &["--refresh", "30", "--listen", "127.0.0.1:3", "b.json"]).unwrap();
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
        let arguments = settle("tables", text, &[]).unwrap().arguments;
        let wanted = ["tcp://127.0.0.1:1", "tls://127.0.0.1:2,tls-cert=a.pem,tls-crl=x,tls-crl=y"];
        assert_eq!(arguments.listen, wanted.map(|text| text.parse().unwrap()));
        assert_eq!(arguments.peer, ["192.0.2.0/24,max-version=1,answer-lower".parse().unwrap()]);
        assert_eq!(arguments.listeners.tls_key, Some("b.key".into()));
    }

    #[test]
    fn every_flag_is_a_key() {
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        for flag in serve.get_arguments().filter(|flag| !["config", "help", "version"].contains(&key_of(flag))) {
            // A date is a value of no flag: what is said of it is not that there is no such key.
            let error = settle("every", &format!("{} = 2020-01-01", key_of(flag)), &[]).unwrap_err();
            assert!(error.starts_with(&format!("rtrcast.toml:1: {} is ", key_of(flag))), "{error}");
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
            expect!["rtrcast.toml:1: invalid value 'newest' for '--merge <HOW>' [possible values: union, first]"],
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
        check_error("twice", "refresh = 1\nrefresh = 2\n", expect!["rtrcast.toml:2: not TOML: duplicate key"]);
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
        check_error(
            "float",
            "listen = { at = \"tls://[::1]:1\", tls-min-version = 1.3 }\n",
            expect!["rtrcast.toml:1: tls-min-version: such a number is written as text, in quotes"],
        );
        check_error("table", "[freshness]\nmax-age = 1\n", expect![[r#"rtrcast.toml:1: unknown key "freshness""#]]);
    }

    #[test]
    fn urls_in_messages_have_no_secrets() {
        assert_eq!(
            without_secrets("invalid value 'https://me:se/c@ret@host/x?key=1' for '--x': no http://u@h"),
            "invalid value 'https://host/x?...' for '--x': no http://h"
        );
        assert_eq!(without_secrets("nothing"), "nothing");
    }

    #[test]
    fn a_file_that_is_not_there_is_said() {
        let failure = CommandLine::of_file(Path::new("/nowhere/rtrcast.toml")).settle().unwrap_err();
        assert_eq!(failure.to_string(), "/nowhere/rtrcast.toml: there is no such file or directory");
    }
}
