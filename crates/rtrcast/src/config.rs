//! The configuration: the command line, and a TOML file whose keys are the flags' long names.
//!
//! A key goes through the same parser as its flag, so that each exists once and means one thing. A flag on the command
//! line overrides the file's key, and a list there replaces the file's list. What is wrong with a file is said with its
//! line.

use crate::cli::{Arguments, Command, ServeArguments};
use crate::exit::Failure;
use crate::source::{FetchOptions, Source};
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
    pub(crate) fetch: BTreeMap<Source, FetchOptions>,
    origins: Origins,
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
        let settings = Settings { arguments, fetch: from_file.fetch, origins: from_file.origins };
        if settings.arguments.source.is_empty() {
            return Err(match &self.file {
                Some(path) => Failure::Config(format!("{}: there is no source", path.display())),
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
            Command::Check(_) | Command::Ctl(_) | Command::Dump(_) => {
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

    /// How a place is fetched from: by its own options, or by those of all.
    pub(crate) fn fetch_options(&self, place: &Source) -> FetchOptions {
        let arguments = &self.arguments;
        let of_all = FetchOptions {
            ca: arguments.fetch_ca.clone(),
            client_cert: arguments.fetch_client_cert.clone(),
            client_key: arguments.fetch_client_key.clone(),
            token_file: arguments.fetch_token_file.clone(),
            proxy: arguments.fetch_proxy.clone(),
        };
        self.fetch.get(place).cloned().unwrap_or_else(|| of_all.of_all_for(place))
    }
}

/// What a file says: words as on a command line, and what these can't say.
#[derive(Default)]
struct FromFile {
    words: Vec<OsString>,
    fetch: BTreeMap<Source, FetchOptions>,
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
        let text = read_text(path).map_err(|cause| error(cause.to_string()))?;
        let file = File { path, text: &text };
        let document = DeTable::parse(&text).map_err(|cause| {
            file.error(cause.span().map(|span| span.start), format!("not TOML: {}", cause.message()))
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
        const KEYS: [&str; 6] = ["at", "ca", "client-cert", "client-key", "token-file", "proxy"];
        let (mut at, mut options) = (None, FetchOptions::default());
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in pairs {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name) {
                let known = KEYS.join(", ");
                return Err(file.error(Some(key.span().start), format!("unknown key \"{name}\"; there are {known}")));
            }
            let DeValue::String(text) = value.get_ref() else {
                return Err(file.error(Some(value.span().start), format!("{name} is a text")));
            };
            let path = || Some(PathBuf::from(text.as_ref()));
            match name {
                "at" => at = Some(text.to_string()),
                "ca" => options.ca = path(),
                "client-cert" => options.client_cert = path(),
                "client-key" => options.client_key = path(),
                "token-file" => options.token_file = path(),
                _ => options.proxy = Some(text.to_string()),
            }
        }
        let start = Some(value.span().start);
        let at =
            at.ok_or_else(|| file.error(start, "no \"at\", the file or URL that the options are for".to_owned()))?;
        let place = Source::parse(OsString::from(&at)).map_err(|reason| file.error(start, reason))?;
        options.check(&place).map_err(|senseless| file.error(start, senseless.reason))?;
        self.fetch.insert(place, options);
        Ok(at)
    }
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

/// What clap has to say, without how to get help.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    without_secrets(lines.map(str::trim).collect::<Vec<_>>().join(" ").trim_start_matches("error: "))
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
        assert_eq!(settings.fetch_options(&settings.arguments.source[1]).token_file, Some("token".into()));
        assert_eq!(settings.fetch_options(&settings.arguments.source[0]).token_file, None);

        let settings = settle("flags", text, &["--refresh", "30", "--listen", "127.0.0.1:3", "b.json"]).unwrap();
        assert_eq!(settings.arguments.refresh, 30);
        assert_eq!(settings.arguments.listen, ["127.0.0.1:3".parse().unwrap()]);
        assert_eq!(settings.arguments.source, [Source::File("b.json".into())]);
        assert!(settings.arguments.no_aspas);
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
            expect!["rtrcast.toml:2: invalid value '0' for '--refresh <SECONDS>': 0 is not in 1..=86400"],
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
        check_error("none", "refresh = 1\n", expect!["rtrcast.toml: there is no source"]);
        check_error(
            "at",
            "source = [{ ca = \"x\" }]\n",
            expect![[r#"rtrcast.toml:1: no "at", the file or URL that the options are for"#]],
        );
        check_error(
            "option",
            "source = [\n  { at = \"https://x\", tokenfile = \"x\" },\n]\n",
            expect![[
                r#"rtrcast.toml:2: unknown key "tokenfile"; there are at, ca, client-cert, client-key, token-file, proxy"#
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
                "rtrcast.toml:1: invalid value 'rsync://x/y' for '[FILE-OR-URL]...': rsync:// is not a source of this version; it reads files, http://, https:// and tcp://"
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
            "number",
            "source = 3\n",
            expect![[
                r#"rtrcast.toml:1: source is a file or URL, or a list of those, or of tables with "at" and options, and this is of type integer"#
            ]],
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
        assert_eq!(failure.to_string(), "/nowhere/rtrcast.toml: No such file or directory (os error 2)");
    }
}
