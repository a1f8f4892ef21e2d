//! The TOML file: its keys and values as arguments of a command line, with their lines.

use super::access::AccessOptions;
use super::text::{ConfigError, first_line, hint_of_quotes, read_text};
use crate::cli::given::{self, InvalidOptions};
use crate::cli::options::{Holder, OPTIONS, OptionRow, Scope};
use crate::cli::{Arguments, Command, ListenOptions, PeerOptions, ServeArguments};
use crate::config::address::Source;
use crate::observe::describe::plain;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use rtrcast_feed::closest_name;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Lines of the keys in the file.
#[derive(Debug, Default)]
pub(super) struct Origins {
    pub(super) file: PathBuf,
    pub(super) lines: BTreeMap<String, usize>,
}

impl Arguments {
    /// Reads a command line of `rtrcast serve`. Returns its values, and the same by the parser's ids.
    pub(super) fn try_parse(words: &[OsString]) -> Result<(ServeArguments, ArgMatches), clap::Error> {
        let mut matches = Arguments::command().try_get_matches_from(words)?;
        let Command::Serve(arguments) = Arguments::from_arg_matches(&matches)?.command else {
            return Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand));
        };
        let (_, given) = matches.remove_subcommand().expect("it was read from these matches");
        Ok((*arguments, given))
    }
}

/// The content of a file: arguments of a command line, and the options that have no such form.
#[derive(Default)]
pub(super) struct FromFile {
    pub(super) words: Vec<OsString>,
    pub(super) own: OwnOptions,
    pub(super) origins: Origins,
}

/// Unknown keys that are named; of further ones there is the number.
const UNKNOWN_KEYS_MAX: usize = 10;

/// A file while it is read.
struct TomlFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl TomlFile<'_> {
    fn error(&self, at: Option<usize>, reason: String) -> ConfigError {
        let line = at.map(|at| 1 + self.text.get(..at).unwrap_or(self.text).matches('\n').count());
        ConfigError { file: self.path.to_owned(), line, reason }
    }

    /// Refuses keys that no flag has: all of them, at the line of the first.
    fn refuse_unknown<'k>(
        &self,
        keys: impl Iterator<Item = &'k Spanned<Cow<'k, str>>>,
        flags: &[&Arg],
    ) -> Result<(), ConfigError> {
        let (mut first, mut further): (Option<ConfigError>, usize) = (None, 0);
        for key in keys.filter(|key| !flags.iter().any(|flag| key_of(flag) == key.get_ref().as_ref())) {
            let name = key.get_ref();
            let like = closest_name(name.as_bytes(), flags.iter().map(|flag| key_of(flag)));
            let hint = like.map_or(String::new(), |like| format!("; did you mean \"{like}\"?"));
            let error = self.error(Some(key.span().start), format!("unknown key \"{name}\"{hint}"));
            match (&mut first, error.line) {
                (Some(first), Some(line)) => {
                    further += 1;
                    if further < UNKNOWN_KEYS_MAX {
                        first.reason += &format!("; line {line}: {}", error.reason);
                    }
                }
                _ => first = Some(error),
            }
        }
        let Some(mut first) = first else { return Ok(()) };
        if further >= UNKNOWN_KEYS_MAX {
            first.reason += &format!("; and {} more", further + 1 - UNKNOWN_KEYS_MAX);
        }
        Err(first)
    }

    fn invalid_toml(&self, cause: &toml::de::Error) -> ConfigError {
        let (at, reason) = (cause.span().map(|span| span.start), cause.message());
        let hint = at.map_or("", |at| hint_of_quotes(self.text, at));
        let key = cause.span().and_then(|span| self.text.get(span)).filter(|_| reason == "duplicate key");
        let detail = key.map_or(hint.to_owned(), |key| {
            let key = key.trim_matches(['"', '\'']);
            // Of a key within a table the other may be anywhere.
            let is_key = |line: &str| {
                let name = line.split_once('=').map(|(name, _)| name.trim_end().trim_matches(['"', '\'']));
                name == Some(key)
            };
            let line_of = |at: usize| 1 + self.text.get(..at).unwrap_or(self.text).matches('\n').count();
            let number = at.map_or(0, line_of);
            let mut lines = self.text.lines().zip(1..);
            let is_top_level = self.text.lines().nth(number.saturating_sub(1)).is_some_and(is_key);
            let first = lines.find(|(line, _)| is_key(line)).map(|(_, first)| first).filter(|first| *first < number);
            let first = first.filter(|_| is_top_level).map_or(String::new(), |line| format!(", as in line {line}"));
            format!(" \"{key}\"{first}")
        });
        self.error(at, format!("not TOML: {reason}{detail}"))
    }
}

/// Options of those sources that have their own, by the key of their list.
pub(super) type OwnOptions = BTreeMap<(String, Source), AccessOptions>;

impl FromFile {
    /// Reads a file. What is given on the command line is checked, but not used.
    pub(super) fn read(path: &Path, given: &[String]) -> Result<FromFile, ConfigError> {
        let error = |reason: String| ConfigError { file: path.to_owned(), line: None, reason };
        let text = read_text(path).map_err(|cause| error(plain(&cause)))?;
        FromFile::parse(path, &text, given)
    }

    /// Reads the text of a file.
    pub(super) fn parse(path: &Path, text: &str, given: &[String]) -> Result<FromFile, ConfigError> {
        let file = TomlFile { path, text };
        let document = DeTable::parse(text).map_err(|cause| file.invalid_toml(&cause))?;
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").expect("there is such a command");
        let flags: Vec<&Arg> = serve.get_arguments().filter(|arg| scope_of(arg) != Scope::CommandLine).collect();
        let mut read =
            FromFile { origins: Origins { file: path.to_owned(), lines: BTreeMap::new() }, ..FromFile::default() };
        // In the order of the file: after unknown keys, the first mistake is reported.
        let mut pairs: Vec<_> = document.get_ref().iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        file.refuse_unknown(pairs.iter().map(|(key, _)| *key), &flags)?;
        for (key, value) in pairs {
            let name: &str = key.get_ref();
            let flag = flags.iter().find(|flag| key_of(flag) == name).expect("it is known");
            let words = read.arguments_of(&file, flag, value)?;
            check(&words).map_err(|reason| file.error(Some(value.span().start), reason))?;
            let line = 1 + text.get(..key.span().start).unwrap_or_default().matches('\n').count();
            if !given.iter().any(|given| *given == flag.get_id().as_str()) {
                read.origins.lines.insert(name.to_owned(), line);
                read.words.extend(words);
            } else {
                // The command line replaces the list, and what stood in it.
                read.own.retain(|(list, _), _| list != name);
            }
        }
        Ok(read)
    }

    /// Returns a key's value as arguments of a command line.
    fn arguments_of(
        &mut self,
        file: &TomlFile<'_>,
        flag: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<OsString>, ConfigError> {
        let (key, scope) = (key_of(flag), scope_of(flag));
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
            let word = match (value.get_ref(), scope) {
                (DeValue::String(text), _) => text.to_string(),
                (DeValue::Table(table), Scope::Holder(Holder::Source)) => self.source(file, key, value, table)?,
                (DeValue::Table(table), Scope::Holder(Holder::Listener)) => {
                    with_options(file, value, table, &given::command::<ListenOptions>())?
                }
                (DeValue::Table(table), Scope::Holder(Holder::Peer)) => {
                    with_options(file, value, table, &given::command::<PeerOptions>())?
                }
                (_, Scope::Holder(Holder::Source)) => {
                    return Err(error(
                        value,
                        "a file or URL, or a list of those, or of tables with \"at\" and options",
                    ));
                }
                (DeValue::Integer(number), _) if number.radix() == 10 => number.as_str().to_owned(),
                _ => return Err(error(value, "a text or a number")),
            };
            words.push(if flag.is_positional() { word.into() } else { format!("--{key}={word}").into() });
        }
        Ok(words)
    }

    /// `{ at = "https://...", token-file = "..." }`
    fn source(
        &mut self,
        file: &TomlFile<'_>,
        list: &str,
        value: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Result<String, ConfigError> {
        let mut keys = vec!["at"];
        for row in OPTIONS.iter().filter(|row| matches!(row.scope, Scope::Source { .. })) {
            if !keys.contains(&row.own_name()) {
                keys.push(row.own_name());
            }
        }
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
        let source = Source::parse(OsString::from(&at)).map_err(|reason| file.error(start, reason))?;
        let mut own = AccessOptions::default();
        for (at, name, text) in options {
            own.add(&source, name, text).map_err(|reason| file.error(Some(at), reason))?;
        }
        own.validate_for(&source).map_err(|InvalidOptions { options, reason }| match source {
            Source::Rtr(_) => file.error(start, format!("{}: {reason}", options.join(", "))),
            Source::File(_) | Source::Directory(_) | Source::Http(_) => file.error(start, reason),
        })?;
        self.own.insert((list.to_owned(), source), own);
        Ok(at)
    }
}

/// `{ at = "tls://[::]:324", tls-cert = "cache.pem", tls-crl = ["a", "b"] }` as `tls://[::]:324,tls-cert=cache.pem,...`.
fn with_options(
    file: &TomlFile<'_>,
    value: &Spanned<DeValue<'_>>,
    table: &DeTable<'_>,
    known: &clap::Command,
) -> Result<String, ConfigError> {
    let option = |name: &str| known.get_arguments().find(|arg| arg.get_long() == Some(name));
    let takes_values = |name: &str| name == "at" || option(name).is_some_and(|arg| arg.get_action().takes_values());
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    let (mut at, mut options) = (None, String::new());
    for (key, value) in pairs {
        let name: &str = key.get_ref();
        let error = |reason: String| file.error(Some(value.span().start), format!("{name}: {reason}"));
        let values = match value.get_ref() {
            DeValue::Boolean(set) if !takes_values(name) => {
                // An unknown one is left to the parser, which reports it.
                if *set || option(name).is_none() {
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

/// Returns a flag's name in a file.
pub(super) fn key_of(flag: &Arg) -> &str {
    flag.get_long().unwrap_or(flag.get_id().as_str())
}

/// Returns the places where a flag's value may be written.
fn scope_of(flag: &Arg) -> Scope {
    OptionRow::of(key_of(flag)).map_or(Scope::CommandLine, |row| row.scope)
}

/// Reads a command line of these arguments alone, and refuses mistakes in it.
fn check(words: &[OsString]) -> Result<(), String> {
    let line = ["rtrcast", "serve"].map(OsStr::new).map(OsStr::to_os_string);
    Arguments::try_parse(&[&line, words].concat()).map(|_| ()).map_err(|error| first_line(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> (Option<usize>, String) {
        let path = std::env::temp_dir().join(format!("rtrcast-{}-{}.toml", std::process::id(), text.len()));
        std::fs::write(&path, text).unwrap();
        let error = FromFile::read(&path, &[]).map(|_| ()).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        (error.line, error.reason)
    }

    #[test]
    fn all_unknown_keys_are_named() {
        let reason = "unknown key \"mergee\"; did you mean \"merge\"?; line 3: unknown key \"zzzz\"".to_owned();
        assert_eq!(mistake("source = 1.5\nmergee = \"first\"\nzzzz = 1\n"), (Some(2), reason));
    }

    #[test]
    fn of_many_unknown_keys_the_first_ten_are_named() {
        let text: String = (0..30).map(|n| format!("zz{n} = 1\n")).collect();
        let (line, reason) = mistake(&text);
        assert_eq!((line, reason.matches("unknown key").count()), (Some(1), 10), "{reason}");
        assert!(reason.ends_with("; line 10: unknown key \"zz9\"; and 20 more"), "{reason}");
    }

    #[test]
    fn the_line_of_a_duplicate_key_is_named_where_it_is_certain() {
        let duplicate = |text: &str| mistake(text).1;
        assert_eq!(duplicate("\"refresh\" = 1\nrefresh = 2\n"), "not TOML: duplicate key \"refresh\", as in line 1");
        assert_eq!(duplicate("refresh = 1\n\"refresh\" = 2\n"), "not TOML: duplicate key \"refresh\", as in line 1");
        let of_listener =
            "tls-cert = \"a\"\nlisten = { at = \"tls://[::]:324\", tls-cert = \"b\", tls-cert = \"c\" }\n";
        assert_eq!(duplicate(of_listener), "not TOML: duplicate key \"tls-cert\"");
    }
}
