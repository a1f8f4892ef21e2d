//! The options of `rtrcast serve`, a row each, beside their parsers.
//!
//! Name, values and help of an option are declared with its parser; its row has the places other than the command line
//! where it may be written, the transports that it applies to, and the effect of a reload. The file is read, options
//! are joined, checked and handed out by these rows, and the tests below prove that there is one for each.

use super::value::{HttpAddress, LogFormatArgument};
use crate::config::scheme::Scheme::{self, Http, Ssh, Tcp, Tls, Unix};
use crate::observe::log::Level;
use clap::ArgMatches;
use std::any::Any;
use std::fmt::Debug;
use std::path::PathBuf;

/// All of them, in the order of the help.
pub(crate) const OPTIONS: &[OptionRow] = &[
    holder("source", Holder::Source),
    OptionRow { scope: Scope::CommandLine, ..cache("config") },
    cache("merge"),
    cache("refresh"),
    source("fetch-ca", FETCH, &[Http]),
    source("fetch-client-cert", FETCH, &[Http]),
    source("fetch-client-key", FETCH, &[Http]),
    source("fetch-token-file", FETCH, &[Http]),
    source("fetch-proxy", FETCH, &[Http]),
    cache("fetch-timeout"),
    source("cache-ca", CACHE, &[Tls]),
    source("cache-client-cert", CACHE, &[Tls]),
    source("cache-client-key", CACHE, &[Tls]),
    source("cache-tls-name", CACHE, &[Tls]),
    source("cache-ssh-key", CACHE, &[Ssh]),
    source("cache-known-hosts", CACHE, &[Ssh]),
    source("cache-password-file", CACHE, &[Ssh]),
    source("cache-tcp-md5", CACHE, &[Tcp, Tls, Ssh]),
    source("cache-tcp-ao", CACHE, &[Tcp, Tls, Ssh]),
    holder("slurm", Holder::Source),
    cache("slurm-lenient"),
    cache("slurm-allow-overlaps"),
    cache("max-age"),
    cache("too-old"),
    cache("expired"),
    cache("guard-hold"),
    cache("guard-vrps-min"),
    cache("guard-aspas-min"),
    holder("listen", Holder::Listener),
    cache("min-version"),
    cache("max-version"),
    cache("no-router-keys"),
    cache("no-aspas"),
    cache("rtr-refresh"),
    cache("rtr-retry"),
    cache("rtr-expire"),
    cache("send-cache-restart"),
    holder("peer", Holder::Peer),
    cache("allow"),
    cache("deny"),
    cache("connections-max"),
    cache("connections-per-address"),
    cache("handshakes-max"),
    cache("connections-memory"),
    cache("handshake-timeout"),
    cache("first-query-timeout"),
    cache("write-stall"),
    listener("tls-cert", &[Tls]),
    listener("tls-key", &[Tls]),
    OptionRow { unless: Some(NOBODY_IS_ASKED), ..listener("tls-client-ca", &[Tls]) },
    listener("tls-clients", &[Tls]),
    OptionRow { unless: Some(NOBODY_IS_ASKED), ..listener("tls-client-address", &[Tls]) },
    OptionRow { unless: Some(NOBODY_IS_ASKED), ..listener("tls-crl", &[Tls]) },
    listener("tls-min-version", &[Tls]),
    listener("ssh-host-key", &[Ssh]),
    listener("ssh-authorized-keys", &[Ssh]),
    listener("ssh-passwords", &[Ssh]),
    listener("ssh-user", &[Ssh]),
    listener("ssh-allow-anyone", &[Ssh]),
    listener("tcp-md5", &[Tcp, Tls, Ssh]),
    listener("tcp-ao", &[Tcp, Tls, Ssh]),
    listener("unix-mode", &[Unix]),
    listener("proxy-from", &[Tcp, Tls, Ssh, Unix]),
    OptionRow { reload: Reload::Restart(|given| shown::<HttpAddress>(given, "http")), ..cache("http") },
    OptionRow { reload: Reload::Restart(|given| shown::<PathBuf>(given, "control")), ..cache("control") },
    OptionRow { reload: Reload::Restart(|given| shown::<PathBuf>(given, "state")), ..cache("state") },
    OptionRow { reload: Reload::Restart(|given| shown::<u32>(given, "state_max")), ..cache("state-max") },
    OptionRow { reload: Reload::Restart(|given| shown::<u32>(given, "changes_keep")), ..cache("changes-keep") },
    OptionRow { reload: Reload::Restart(|given| shown::<Level>(given, "log_level")), ..cache("log-level") },
    OptionRow {
        reload: Reload::Restart(|given| shown::<LogFormatArgument>(given, "log_format")),
        ..cache("log-format")
    },
];

/// The prefix of options for all URLs, and that for all other caches; one source has them without it.
pub(crate) const FETCH: &str = "fetch-";
pub(crate) const CACHE: &str = "cache-";

const NOBODY_IS_ASKED: Unless =
    Unless { option: "tls-clients", value: "off", reason: "routers are not asked for a certificate" };

/// An option of `rtrcast serve`.
pub(crate) struct OptionRow {
    /// The flag without its dashes, and the key in the file.
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    pub(crate) reload: Reload,
    /// Another option of the same listener that disables this one.
    pub(crate) unless: Option<Unless>,
}

/// The places where an option may be written, and its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The command line only: it names the file.
    CommandLine,
    /// A key, for the whole cache.
    Cache,
    /// A key whose values may be tables with options of their own.
    Holder(Holder),
    /// A key, for all listeners with these schemes, and behind the address of one listener, for that one.
    Listener(&'static [Scheme]),
    /// A key, for all sources with these schemes, and in the table of one source without the prefix, for that one.
    Source { prefix: &'static str, schemes: &'static [Scheme] },
}

/// A thing that may have options of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Source,
    Listener,
    Peer,
}

/// Effect of a reload on an option that has changed.
#[derive(Clone, Copy)]
pub(crate) enum Reload {
    /// It takes effect.
    Applied,
    /// It is logged that a restart is needed, if this text of its value has changed.
    Restart(fn(&ArgMatches) -> String),
}

/// An option's value that disables another option, and the reason.
#[derive(Clone, Copy)]
pub(crate) struct Unless {
    pub(crate) option: &'static str,
    pub(crate) value: &'static str,
    pub(crate) reason: &'static str,
}

const fn cache(name: &'static str) -> OptionRow {
    OptionRow { name, scope: Scope::Cache, reload: Reload::Applied, unless: None }
}

const fn holder(name: &'static str, holder: Holder) -> OptionRow {
    OptionRow { scope: Scope::Holder(holder), ..cache(name) }
}

const fn listener(name: &'static str, schemes: &'static [Scheme]) -> OptionRow {
    OptionRow { scope: Scope::Listener(schemes), ..cache(name) }
}

const fn source(name: &'static str, prefix: &'static str, schemes: &'static [Scheme]) -> OptionRow {
    OptionRow { scope: Scope::Source { prefix, schemes }, ..cache(name) }
}

impl OptionRow {
    /// Returns the row of a flag.
    pub(crate) fn of(name: &str) -> Option<&'static OptionRow> {
        OPTIONS.iter().find(|row| row.name == name)
    }

    /// Returns the rows of options that a source may have of its own, by their name there: one for URLs, one for
    /// caches, or both.
    pub(crate) fn of_source(name: &str) -> impl Iterator<Item = &'static OptionRow> {
        OPTIONS.iter().filter(move |row| matches!(row.scope, Scope::Source { .. }) && row.own_name() == name)
    }

    /// Returns the name of the option in the table of one listener or source.
    pub(crate) fn own_name(&self) -> &'static str {
        match self.scope {
            Scope::Source { prefix, .. } => self.name.strip_prefix(prefix).unwrap_or(self.name),
            Scope::CommandLine | Scope::Cache | Scope::Holder(_) | Scope::Listener(_) => self.name,
        }
    }

    /// Returns the schemes of listeners or sources that it applies to.
    pub(crate) fn schemes(&self) -> &'static [Scheme] {
        match self.scope {
            Scope::Listener(schemes) | Scope::Source { schemes, .. } => schemes,
            Scope::CommandLine | Scope::Cache | Scope::Holder(_) => &[],
        }
    }

    /// Returns the sources that it is for, in English.
    pub(crate) fn sources(&self) -> String {
        let urls: Vec<String> = self.schemes().iter().map(|scheme| format!("{scheme}://")).collect();
        match urls.split_last() {
            _ if self.schemes() == [Http] => "http(s) URLs".to_owned(),
            Some((last, [])) => format!("caches at {last}"),
            Some((last, others)) => format!("caches at {} and {last}", others.join(", ")),
            None => "no sources".to_owned(),
        }
    }
}

/// Returns the options that take effect only at a start, each with a text of its value.
pub(crate) fn needing_restart(given: &ArgMatches) -> Vec<(&'static str, String)> {
    let shown = |row: &OptionRow| match row.reload {
        Reload::Applied => None,
        Reload::Restart(value) => Some((row.name, value(given))),
    };
    OPTIONS.iter().filter_map(shown).collect()
}

/// Returns the value of an argument as a text; equal values have equal texts.
fn shown<T: Any + Clone + Debug + Send + Sync>(given: &ArgMatches, id: &str) -> String {
    format!("{:?}", given.get_one::<T>(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::given::{Given, command};
    use crate::cli::{Arguments, ListenArgument, ListenOptions, PeerOptions};
    use clap::{Arg, CommandFactory};
    use std::collections::BTreeSet;

    fn serve() -> clap::Command {
        let mut command = Arguments::command();
        command.find_subcommand_mut("serve").unwrap().clone()
    }

    fn name(arg: &Arg) -> &str {
        arg.get_long().unwrap_or(arg.get_id().as_str())
    }

    /// A text that an option's parser takes, behind its name.
    fn with_value<T: clap::Args>(option: &str) -> String {
        let values = ["", "=x", "=660", "=unix", "=required", "=match", "=1.2", "=1"];
        let is_taken = |text: &String| command::<T>().try_get_matches_from([format!("--{text}")]).is_ok();
        values.iter().map(|value| format!("{option}{value}")).find(is_taken).unwrap()
    }

    #[test]
    fn each_option_has_a_row_and_each_row_an_option() {
        let serve = serve();
        let options: Vec<&str> = serve.get_arguments().map(name).collect();
        let rows: Vec<&str> = OPTIONS.iter().map(|row| row.name).collect();
        assert_eq!(BTreeSet::from_iter(&options), BTreeSet::from_iter(&rows));
        assert_eq!(options, rows, "the table has them in the order of the help");
    }

    #[test]
    fn the_help_has_each_option_with_its_meaning() {
        let mut serve = serve();
        let help = serve.render_long_help().to_string();
        for option in serve.get_arguments() {
            let heading = option.get_long().map_or("[FILE-OR-URL]...".to_owned(), |long| format!("--{long}"));
            assert!(help.lines().any(|line| line.split_whitespace().any(|word| word == heading)), "{heading}");
            assert!(option.get_help().is_some_and(|help| !help.to_string().is_empty()), "{heading}");
        }
    }

    #[test]
    fn the_help_of_peer_has_each_of_its_options() {
        let serve = serve();
        let peer = serve.get_arguments().find(|option| name(option) == "peer").unwrap();
        let help = peer.get_long_help().or(peer.get_help()).unwrap().to_string();
        for option in command::<PeerOptions>().get_arguments() {
            let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            assert!(words.into_iter().any(|word| word == name(option)), "{}", name(option));
        }
    }

    #[test]
    fn each_option_of_listeners_stands_behind_those_it_counts_for_and_no_others() {
        let listeners = [(Tcp, "127.0.0.1:1"), (Tls, "tls://127.0.0.1:1"), (Ssh, "ssh://[::1]:1"), (Unix, "unix:///x")];
        for row in OPTIONS.iter().filter(|row| matches!(row.scope, Scope::Listener(_))) {
            for (scheme, address) in listeners {
                let text = format!("{address},{}", with_value::<ListenOptions>(row.name));
                let ListenArgument { addr, own } = text.parse().unwrap();
                let counts = row.schemes().contains(&scheme);
                assert_eq!(own.validate_for(&addr).is_ok(), counts, "{text}");
                let left = own.only_for(scheme).typed() != ListenOptions::default();
                assert_eq!(left, counts, "{text}");
                let all: Given<ListenOptions> = Given::default();
                assert_eq!(all.or(&own), own, "{text}");
            }
        }
    }

    #[test]
    fn what_needs_a_restart_is_known() {
        let needing = |words: &[&str]| {
            let words = ["serve", "x"].iter().chain(words);
            needing_restart(&serve().no_binary_name(false).try_get_matches_from(words).unwrap())
        };
        let names: Vec<&str> = needing(&[]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["http", "control", "state", "state-max", "changes-keep", "log-level", "log-format"]);
        assert_eq!(needing(&["--http", "localhost:9847", "--refresh", "1"]), needing(&[]));
        assert_ne!(needing(&["--http", "off"]), needing(&[]));
    }
}
