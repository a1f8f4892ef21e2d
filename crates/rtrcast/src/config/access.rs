//! Options of the access to sources: of fetching URLs, and of connecting to other caches.

use crate::cli::given::{Given, InvalidOptions};
use crate::cli::options::{OptionRow, Scope};
use crate::cli::{DialOptions, FetchOptions, ServeArguments};
use crate::config::address::Source;
use crate::config::scheme::Scheme;
use rtrcast_net::Target;
use std::path::Path;

/// Options as they were given for one source, or for all.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessOptions {
    fetch: Given<FetchOptions>,
    dial: Given<DialOptions>,
}

impl AccessOptions {
    /// Returns the options for all that apply to a source.
    pub(super) fn of_all_for(source: &Source, arguments: &ServeArguments) -> AccessOptions {
        let Some(scheme) = source.scheme() else { return AccessOptions::default() };
        AccessOptions { fetch: arguments.fetch.0.only_for(scheme), dial: arguments.caches.0.only_for(scheme) }
    }

    /// Adds an option of one source's own.
    pub(super) fn add(&mut self, source: &Source, name: &str, value: &str) -> Result<(), String> {
        let is_for = |row: &&OptionRow| source.scheme().is_some_and(|scheme| row.schemes().contains(&scheme));
        match OptionRow::of_source(name).find(is_for).map(|row| row.scope) {
            Some(Scope::Source { schemes: [Scheme::Http], .. }) => self.fetch.add(name, value),
            Some(_) => self.dial.add(name, value),
            None => {
                // For a cache, only options of caches are named, if there are any.
                let is_for_urls = |row: &&OptionRow| row.schemes() == [Scheme::Http];
                let (urls, caches): (Vec<_>, Vec<_>) = OptionRow::of_source(name).partition(is_for_urls);
                let urls = if matches!(source, Source::Rtr(_)) && !caches.is_empty() { Vec::new() } else { urls };
                let sources: Vec<String> = urls.into_iter().chain(caches).map(OptionRow::sources).collect();
                Err(format!("{name}: only {} have such an option", sources.join(" and ")))
            }
        }
    }

    /// Returns the options with their types, if they are valid for a source.
    pub(super) fn validate_for(&self, source: &Source) -> Result<(FetchOptions, DialOptions), InvalidOptions> {
        let (fetch, dial) = (self.fetch.typed(), self.dial.typed());
        match source {
            Source::File(_) | Source::Directory(_) => {}
            Source::Http(url) => fetch.validate_for(url, source)?,
            Source::Rtr(target) => self.dial.validate_for(target)?,
        }
        Ok((fetch, dial))
    }
}

impl Given<DialOptions> {
    /// Refuses options that are not for a cache, or incomplete.
    pub(crate) fn validate_for(&self, target: &Target) -> Result<(), InvalidOptions> {
        if let Some(row) = self.first_not_for(Scheme::of_cache(target)) {
            let reason = format!("only {} have such an option", row.sources());
            return Err(InvalidOptions::new(&[row.own_name()], reason));
        }
        let options = self.typed();
        certificate_and_key(options.client_cert.as_deref(), options.client_key.as_deref())
    }
}

/// Refuses a client's certificate without its key, and a key without its certificate.
pub(super) fn certificate_and_key(certificate: Option<&Path>, key: Option<&Path>) -> Result<(), InvalidOptions> {
    match (certificate, key) {
        (Some(_), None) => Err(InvalidOptions::new(&["client-cert"], "a client certificate needs its key")),
        (None, Some(_)) => Err(InvalidOptions::new(&["client-key"], "a client key needs its certificate")),
        (Some(_), Some(_)) | (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;
    use crate::cli::options::OPTIONS;
    use std::ffi::OsString;

    fn add(source: &str, name: &str) -> Result<(), String> {
        AccessOptions::default().add(&Source::parse(source.into()).unwrap(), name, "x")
    }

    #[test]
    fn each_option_of_sources_is_for_those_it_counts_for_and_no_others() {
        use Scheme::{Http, Ssh, Tcp, Tls, Unix};
        let sources =
            [(Http, "https://x/y"), (Tcp, "tcp://x"), (Tls, "tls://x"), (Ssh, "ssh://x"), (Unix, "unix:///x")];
        for row in OPTIONS.iter().filter(|row| matches!(row.scope, Scope::Source { .. })) {
            let name = row.own_name();
            for (scheme, source) in sources {
                let counts = OptionRow::of_source(name).any(|row| row.schemes().contains(&scheme));
                assert_eq!(add(source, name).is_ok(), counts, "{source} {name}");
            }
            assert!(add("x.json", name).is_err(), "{name}");
            // The flag for all of the kind applies to the same schemes.
            let words = ["rtrcast", "serve", "x", &format!("--{}=x", row.name)].map(OsString::from);
            let (arguments, _) = Arguments::try_parse(&words).unwrap();
            for (scheme, source) in sources {
                let source = Source::parse(source.into()).unwrap();
                let given = AccessOptions::of_all_for(&source, &arguments);
                let is_given = (given.fetch.typed(), given.dial.typed()) != Default::default();
                assert_eq!(is_given, row.schemes().contains(&scheme), "{source} {}", row.name);
            }
        }
    }

    #[test]
    fn an_option_is_for_some_sources() {
        assert_eq!(add("https://x/y", "ca"), Ok(()));
        assert_eq!(add("tls://x", "ca"), Ok(()));
        assert_eq!(add("tcp://x", "ca").unwrap_err(), "ca: only caches at tls:// have such an option");
        assert_eq!(add("tcp://x", "proxy").unwrap_err(), "proxy: only http(s) URLs have such an option");
        assert_eq!(add("x.json", "ca").unwrap_err(), "ca: only http(s) URLs and caches at tls:// have such an option");
        assert_eq!(add("x.json", "token-file").unwrap_err(), "token-file: only http(s) URLs have such an option");
        assert_eq!(
            add("unix:///x", "tcp-md5").unwrap_err(),
            "tcp-md5: only caches at tcp://, tls:// and ssh:// have such an option"
        );
    }
}
