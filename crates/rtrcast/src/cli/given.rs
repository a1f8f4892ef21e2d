//! Options as they were given, by name and with their values as texts: so they are joined (one listener's or source's
//! own, and those of all) and limited to those of a transport, before they get their types.

use super::options::{OPTIONS, OptionRow, Scope};
use crate::config::scheme::Scheme;
use crate::observe::describe::with_plain_ranges;
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::ffi::OsString;
use std::marker::PhantomData;

/// Options that a listener, or a source of one kind, may have of its own.
pub(crate) trait OptionGroup: Args {
    /// The prefix of the flags for all of the kind.
    const PREFIX: &'static str;
}

/// Such options whose flags for all differ from those for one.
pub(crate) trait PrefixedGroup: OptionGroup {
    /// The heading of the flags for all.
    const HEADING: &'static str;
}

/// Options of a group that were given. As arguments they have the names that one listener or source has for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given<T> {
    /// By their own names, in the order in which the group declares them; a switch has no value.
    options: Vec<(&'static str, Vec<OsString>)>,
    group: PhantomData<T>,
}

/// Options for all sources of a kind: as arguments their names begin with the group's prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForAll<T>(pub(crate) Given<T>);

/// Options that are invalid, or not for the listener or source that has them.
#[derive(Debug)]
pub(crate) struct InvalidOptions {
    /// Their own names.
    pub(crate) options: Vec<&'static str>,
    pub(crate) reason: String,
}

impl InvalidOptions {
    pub(crate) fn new(options: &[&'static str], reason: impl Into<String>) -> InvalidOptions {
        InvalidOptions { options: options.to_vec(), reason: reason.into() }
    }
}

impl<T: OptionGroup> Given<T> {
    /// Reads `option=value,option`.
    pub(super) fn read(text: Option<&str>) -> Result<Given<T>, String> {
        let matches = matches_of::<T>(arguments_of(text)?)?;
        Ok(Given::from_matches(&matches, own_id))
    }

    /// Adds an option by its own name.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let matches = matches_of::<T>(vec![format!("--{name}={value}").into()])?;
        self.options.extend(Given::<T>::from_matches(&matches, own_id).options);
        Ok(())
    }

    /// Returns these, and those of another that are not among them.
    pub(crate) fn or(mut self, other: &Given<T>) -> Given<T> {
        let left_open = other.options.iter().filter(|(name, _)| !self.has(name));
        let left_open: Vec<_> = left_open.cloned().collect();
        self.options.extend(left_open);
        self
    }

    /// Returns those that apply to a scheme.
    pub(crate) fn only_for(&self, scheme: Scheme) -> Given<T> {
        let options = self.options.iter().filter(|(name, _)| self.counts(row::<T>(name), scheme));
        Given { options: options.cloned().collect(), group: PhantomData }
    }

    /// Returns the first that does not apply to a scheme.
    pub(crate) fn first_not_for(&self, scheme: Scheme) -> Option<&'static OptionRow> {
        self.options.iter().map(|(name, _)| row::<T>(name)).find(|row| !self.counts(row, scheme))
    }

    /// Returns the first that another does not have.
    pub(crate) fn first_not_in(&self, other: &Given<T>) -> Option<&'static OptionRow> {
        self.options.iter().find(|(name, _)| !other.has(name)).map(|(name, _)| row::<T>(name))
    }

    /// Returns the options with their types.
    pub(crate) fn typed(&self) -> T {
        let words = self.options.iter().flat_map(|(name, values)| {
            let switch = values.is_empty().then(|| format!("--{name}").into());
            let valued = values.iter().map(move |value| {
                let mut word = OsString::from(format!("--{name}="));
                word.push(value);
                word
            });
            switch.into_iter().chain(valued)
        });
        let matches = matches_of::<T>(words.collect());
        let typed = matches.and_then(|matches| T::from_arg_matches(&matches).map_err(|error| error.to_string()));
        typed.expect("the same parser has taken each of these values before")
    }

    fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(own, _)| *own == name)
    }

    fn counts(&self, row: &OptionRow, scheme: Scheme) -> bool {
        let is_void = row.unless.is_some_and(|unless| {
            self.options.iter().any(|(name, values)| *name == unless.option && values.iter().any(|v| v == unless.value))
        });
        row.schemes().contains(&scheme) && !is_void
    }

    fn from_matches(matches: &ArgMatches, id: fn(&Arg, &'static OptionRow) -> String) -> Given<T> {
        let mut options = Vec::new();
        for arg in command::<T>().get_arguments() {
            let row = row::<T>(arg.get_long().unwrap_or_default());
            let id = id(arg, row);
            if matches.value_source(&id).is_none_or(|source| source == ValueSource::DefaultValue) {
                continue;
            }
            let values = if arg.get_action().takes_values() { matches.get_raw(&id) } else { None };
            options.push((row.own_name(), values.into_iter().flatten().map(OsString::from).collect()));
        }
        Given { options, group: PhantomData }
    }
}

impl<T: OptionGroup> FromArgMatches for Given<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Given<T>, clap::Error> {
        Ok(Given::from_matches(matches, own_id))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Given::from_arg_matches(matches)?.or(self);
        Ok(())
    }
}

impl<T: OptionGroup> Args for Given<T> {
    fn augment_args(command: Command) -> Command {
        T::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: PrefixedGroup> FromArgMatches for ForAll<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ForAll<T>, clap::Error> {
        Ok(ForAll(Given::from_matches(matches, id_for_all)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = ForAll(Given::from_matches(matches, id_for_all).or(&self.0));
        Ok(())
    }
}

impl<T: PrefixedGroup> Args for ForAll<T> {
    fn augment_args(own: Command) -> Command {
        let args = command::<T>().get_arguments().cloned().collect::<Vec<Arg>>();
        own.args(args.into_iter().map(|arg| {
            let name = row::<T>(arg.get_long().unwrap_or_default()).name;
            arg.id(name).long(name).help_heading(T::HEADING)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        ForAll::<T>::augment_args(command)
    }
}

/// Returns the id of an argument with its own name.
fn own_id(arg: &Arg, _: &'static OptionRow) -> String {
    arg.get_id().to_string()
}

/// Returns the id of an argument for all.
fn id_for_all(_: &Arg, row: &'static OptionRow) -> String {
    row.name.to_owned()
}

/// Returns the row of a group's option by its own name.
fn row<T: OptionGroup>(name: &str) -> &'static OptionRow {
    let is_of_group = |row: &&OptionRow| match row.scope {
        Scope::Source { prefix, .. } => prefix == T::PREFIX,
        Scope::Listener(_) => T::PREFIX.is_empty(),
        Scope::CommandLine | Scope::Cache | Scope::Holder(_) => false,
    };
    let row = OPTIONS.iter().filter(is_of_group).find(|row| row.own_name() == name);
    row.expect("each option has a row, as a test of the table proves")
}

/// Returns a command with some options only, without an order in the help.
pub(crate) fn command<T: Args>() -> Command {
    let command = Command::new("options").no_binary_name(true).disable_help_flag(true);
    T::augment_args(command.next_display_order(None))
}

/// Splits a text at its first comma.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(',').map_or((text, None), |(before, options)| (before, Some(options)))
}

/// Reads `option=value,option` for a holder whose options nothing else has.
pub(super) fn read_options<T: Args>(text: Option<&str>) -> Result<T, String> {
    T::from_arg_matches(&matches_of::<T>(arguments_of(text)?)?).map_err(|error| error.to_string())
}

/// Splits `option=value,option` into arguments of a command line.
fn arguments_of(text: Option<&str>) -> Result<Vec<OsString>, String> {
    let words = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    words
        .map(|word| match word.split_once('=') {
            None if word.is_empty() => Err("there is no option behind a comma".to_owned()),
            None => Ok(format!("--{word}").into()),
            Some((option, value)) => Ok(format!("--{}={}", option.trim_end(), value.trim_start()).into()),
        })
        .collect()
}

fn matches_of<T: Args>(words: Vec<OsString>) -> Result<ArgMatches, String> {
    let command = command::<T>()
        .mut_args(|arg| if let ArgAction::Set = arg.get_action() { arg.require_equals(true) } else { arg });
    let known: Vec<String> = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    command.try_get_matches_from(words).map_err(|error| {
        let context = |kind| error.get(kind).map_or(String::new(), ToString::to_string);
        if error.kind() == ErrorKind::UnknownArgument {
            let word = context(ContextKind::InvalidArg);
            return format!("unknown option \"{}\"; there are {}", word.trim_start_matches('-'), known.join(", "));
        }
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").replace("'--", "'");
        match context(ContextKind::ValidValue) {
            values if values.is_empty() => with_plain_ranges(&line),
            values => format!("{line}; there are {values}"),
        }
    })
}
