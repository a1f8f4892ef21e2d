//! The checked settings: the plan of `rtrcast serve`, which `rtrcast check` checks too.

use crate::cli::given::Given;
use crate::cli::options::{CACHE, FETCH};
use crate::cli::{
    HttpAddress, ListenAddr, ListenArgument, ListenEndpoint, ListenOptions, Merge, PeerArgument, PeerName,
};
use crate::config::Settings;
use crate::config::address::Source;
use crate::exit::Failure;
use crate::observe::describe::describe_conflict;
use crate::source::content::{SlurmFiles, SlurmOutcome, SourceError};
use crate::source::dialer;
use crate::source::{self, SourceOptions};
use crate::state::StateOptions;
use rtrcast_feed::curator::{Choice, Freshness, Guard};
use rtrcast_feed::{Overlaps, Slurm, SlurmDialect};
use rtrcast_net::{AccessLists, PrefixMap, ServicePolicy};
use rtrcast_proto::{ConnectionLimits, Profile, ServerPolicy, Timing, VersionRange};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Flags that take effect only at a start, with their values: a reload logs that a change needs a restart.
type RestartOnly = Vec<(&'static str, String)>;

/// The checked settings.
pub(crate) struct Plan {
    pub(crate) sources: Vec<ConfiguredSource>,
    pub(crate) slurm: Vec<ConfiguredSource>,
    pub(crate) choice: Choice,
    pub(crate) freshness: Freshness,
    pub(crate) guard: Guard,
    pub(crate) overlaps: Overlaps,
    pub(crate) listen: Vec<ConfiguredListener>,
    pub(crate) http: HttpAddress,
    pub(crate) control: Option<PathBuf>,
    pub(crate) state: Option<StateOptions>,
    /// The policy, without the limit of connections by descriptors.
    pub(crate) policy: ServicePolicy,
    /// Names of routers by address.
    pub(crate) peer_names: Vec<(IpAddr, Arc<str>)>,
    pub(crate) timing: Timing,
    pub(crate) connections_max: Option<u32>,
    fixed: RestartOnly,
}

/// An address where routers connect, with the options of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredListener {
    pub(crate) addr: ListenAddr,
    pub(crate) options: ListenOptions,
}

/// A source of data or SLURM, with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredSource {
    pub(crate) source: Source,
    pub(crate) options: SourceOptions,
}

impl ConfiguredSource {
    /// Returns the source of SLURM, which may be a directory.
    fn of_slurm(self) -> ConfiguredSource {
        ConfiguredSource { source: self.source.of_slurm(), ..self }
    }

    /// Returns true if its task may go on with other options. A cache's connection stays when options for URLs change.
    pub(crate) fn is_read_like(&self, other: &ConfiguredSource) -> bool {
        match self.source {
            Source::Rtr(_) => self.options.dial == other.options.dial,
            Source::File(_) | Source::Directory(_) | Source::Http(_) => {
                self.options == other.options && self.source == other.source
            }
        }
    }

    /// Reads the files for connecting to it, if it is a cache: they have to exist and be valid.
    pub(crate) fn try_dialing(&self) -> Result<(), String> {
        let Source::Rtr(target) = &self.source else { return Ok(()) };
        dialer::dialer(target, &self.options.dial, || Box::new(|_| ())).map(|_| ())
    }
}

impl Plan {
    pub(crate) fn new(settings: &Settings) -> Result<Plan, Failure> {
        let arguments = &settings.arguments;
        let timing = Timing::new(arguments.rtr_refresh, arguments.rtr_retry, arguments.rtr_expire)
            .map_err(|error| settings.config_error(&["rtr-refresh", "rtr-retry", "rtr-expire"], &error.to_string()))?;
        let addresses: Vec<&ListenAddr> = arguments.listen.iter().map(|argument| &argument.addr).collect();
        once(settings, "listen", &addresses)?;
        once_by_endpoint(settings, &addresses)?;
        once(settings, "peer", &arguments.peer.iter().map(|peer| peer.prefix).collect::<Vec<_>>())?;
        let peer_names = peer_names(settings)?;
        once(settings, "source", &arguments.source)?;
        once(settings, "slurm", &arguments.slurm)?;
        if let Some(cache) = arguments.slurm.iter().find(|source| matches!(source, Source::Rtr(_))) {
            return Err(
                settings.config_error(&["slurm"], &format!("{cache}: SLURM is a file, a directory or an http(s) URL"))
            );
        }
        if let Some(path) = arguments.state.as_ref().filter(|path| path.exists() && !path.is_dir()) {
            return Err(settings.config_error(&["state"], &format!("{} is not a directory", path.display())));
        }
        Ok(Plan {
            sources: configured_sources(settings, "source", &arguments.source)?,
            slurm: configured_sources(settings, "slurm", &arguments.slurm)?
                .into_iter()
                .map(ConfiguredSource::of_slurm)
                .collect(),
            choice: match arguments.merge {
                Merge::Union => Choice::Union,
                Merge::First => Choice::First,
            },
            freshness: arguments.freshness.freshness(),
            guard: arguments.guard.guard(),
            overlaps: if arguments.slurm_allow_overlaps { Overlaps::Allow } else { Overlaps::Refuse },
            listen: configured_listeners(settings)?,
            http: arguments.http,
            control: arguments.control.clone(),
            state: arguments.state.clone().map(|path| StateOptions {
                path,
                octets_max: u64::from(arguments.state_max) * 1024 * 1024,
                changes_keep: Duration::from_secs(u64::from(arguments.changes_keep) * 86_400),
            }),
            policy: service_policy(settings, timing)?,
            peer_names,
            timing,
            connections_max: arguments.connections_max,
            fixed: settings.needing_restart.clone(),
        })
    }

    /// Returns the most that any router is sent.
    pub(crate) fn most(&self) -> Profile {
        let peers = self.policy.peers.iter().map(|(_, policy)| policy.most());
        peers.fold(self.policy.session.most(), Profile::max)
    }

    /// Reads the SLURM files and directories that exist, and checks that they do not conflict, since such mistakes
    /// would stop a later reload. URLs are not read.
    pub(crate) fn read_slurm(&self) -> Result<Vec<Option<SlurmFiles>>, Failure> {
        let (mut sources, mut slurm_mistakes) = (Vec::new(), SlurmMistakes::default());
        for ConfiguredSource { source, options } in &self.slurm {
            let outcomes = match source {
                Source::Http(_) | Source::Rtr(_) => {
                    sources.push(None);
                    continue;
                }
                Source::File(path) => {
                    let outcome = source::read_slurm(path, options.dialect);
                    Ok(vec![SlurmOutcome { name: source.to_string().into(), outcome }])
                }
                Source::Directory(path) => source::read_slurm_directory(path, options.dialect),
            };
            match outcomes {
                Ok(outcomes) => sources.push(Some(slurm_mistakes.others_of(outcomes))),
                Err(failure) => slurm_mistakes.add(&source.to_string(), &failure),
            }
        }
        let SlurmMistakes { lines, mistakes } = slurm_mistakes;
        if !lines.is_empty() {
            return Err(Failure::Slurm { lines, mistakes });
        }
        let known: SlurmFiles = sources.iter().flatten().flatten().cloned().collect();
        Slurm::merge(&known, self.overlaps).map_err(|conflict| Failure::Config(describe_conflict(&conflict)))?;
        Ok(sources)
    }

    /// Reads the files for connecting to caches, which have to exist and be valid. Caches that were followed before
    /// with the same options keep what they have.
    pub(crate) fn try_dialing(&self, before: &[ConfiguredSource]) -> Result<(), Failure> {
        let is_new =
            |new: &&ConfiguredSource| !before.iter().any(|old| old.source == new.source && old.is_read_like(new));
        for configured in self.sources.iter().filter(is_new) {
            let wrong = |reason| Failure::Config(format!("{}: {reason}", configured.source));
            configured.try_dialing().map_err(wrong)?;
        }
        Ok(())
    }

    /// Applies another plan, except for options that take effect only at a start.
    pub(crate) fn keep_restart_only(&mut self, new: Plan) {
        let Plan { http, control, state, fixed, .. } = self;
        let (control, state, fixed) = (control.take(), state.take(), std::mem::take(fixed));
        *self = Plan { http: *http, control, state, fixed, ..new };
    }

    /// Returns the flags whose values differ from another plan's, and that take effect only at a start.
    pub(crate) fn needs_restart_for(&self, other: &Plan) -> Vec<&'static str> {
        let pairs = self.fixed.iter().zip(&other.fixed);
        pairs.filter(|(own, others)| own.1 != others.1).map(|(own, _)| own.0).collect()
    }
}

/// Mistakes in SLURM files, in lines.
#[derive(Default)]
struct SlurmMistakes {
    lines: Vec<String>,
    mistakes: usize,
}

impl SlurmMistakes {
    fn add(&mut self, name: &str, failure: &SourceError) {
        self.lines.extend(failure.lines().into_iter().map(|line| format!("{name}: {line}")));
        self.mistakes += failure.mistakes();
    }

    /// Records the files that could not be read. Returns the others.
    fn others_of(&mut self, outcomes: Vec<SlurmOutcome>) -> SlurmFiles {
        let mut files = SlurmFiles::new();
        for SlurmOutcome { name, outcome } in outcomes {
            match outcome {
                Ok(file) => files.push((name, file)),
                Err(failure) => self.add(&name, &failure),
            }
        }
        files
    }
}

/// Returns the policy for the routers of a prefix, by its own options and by those of all; without a prefix that for
/// all.
fn policy(settings: &Settings, own: Option<&PeerArgument>) -> Result<ServerPolicy, Failure> {
    let arguments = &settings.arguments;
    let options = own.map(|own| own.options.clone()).unwrap_or_default();
    let (min, max) = (
        options.min_version.unwrap_or(arguments.min_version).0,
        options.max_version.unwrap_or(arguments.max_version).0,
    );
    let versions = VersionRange::new(min, max).ok_or_else(|| {
        let reason = format!("{min} is above {max}, so that no version is left");
        match own {
            Some(own) => settings.config_error(&["peer"], &format!("{own}: {reason}")),
            None => settings.config_error(&["min-version", "max-version"], &reason),
        }
    })?;
    let mut policy =
        ServerPolicy::new(versions).with_first_query(Duration::from_secs(arguments.first_query_timeout.into()));
    if arguments.no_router_keys || options.no_router_keys {
        policy = policy.without_router_keys();
    }
    if arguments.no_aspas || options.no_aspas {
        policy = policy.without_aspas();
    }
    if options.answer_lower {
        policy = policy.answering_lower();
    }
    if arguments.send_cache_restart || options.send_cache_restart {
        policy = policy.sending_cache_restart();
    }
    if let Some(seconds) = options.hold {
        policy = policy.with_hold(Duration::from_secs(seconds.into()));
    }
    Ok(policy)
}

/// Returns the names of routers, each given once.
fn peer_names(settings: &Settings) -> Result<Vec<(IpAddr, Arc<str>)>, Failure> {
    let named =
        settings.arguments.peer.iter().filter_map(|peer| Some((peer.prefix.address(), peer.options.name.clone()?)));
    let names: Vec<(IpAddr, Arc<str>)> = named.map(|(address, PeerName(name))| (address, name)).collect();
    once(settings, "peer", &names.iter().map(|(_, name)| format!("name={name}")).collect::<Vec<_>>())?;
    Ok(names)
}

/// Retry intervals for which a router may read nothing (8210bis section 9).
const STALL_RETRIES: u32 = 3;

fn service_policy(settings: &Settings, timing: Timing) -> Result<ServicePolicy, Failure> {
    let arguments = &settings.arguments;
    let mut peers = PrefixMap::new();
    for peer in arguments.peer.iter().filter(|peer| peer.options.has_policy()) {
        peers.insert(peer.prefix, policy(settings, Some(peer))?);
    }
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Ok(ServicePolicy {
        session: policy(settings, None)?,
        peers,
        access: AccessLists { allow: arguments.allow.clone(), deny: arguments.deny.clone() },
        limits: ConnectionLimits {
            connections_max: arguments.connections_max.unwrap_or(u32::MAX),
            per_address_max: arguments.connections_per_address,
            handshakes_max: arguments.handshakes_max,
            memory_octets_max: u64::from(arguments.connections_memory) * 1024 * 1024,
        },
        handshake_max: seconds(arguments.handshake_timeout),
        stall_max: seconds(arguments.write_stall.unwrap_or(timing.retry() * STALL_RETRIES)),
    })
}

/// Returns all listeners, each with the options that apply to it.
fn configured_listeners(settings: &Settings) -> Result<Vec<ConfiguredListener>, Failure> {
    let arguments = &settings.arguments;
    let mut configured = Vec::new();
    let mut used = Given::default();
    for ListenArgument { addr, own } in &arguments.listen {
        let config_error = |reason: &str| settings.config_error(&["listen"], &format!("{addr}: {reason}"));
        own.validate_for(addr).map_err(|reason| config_error(&reason))?;
        let given = own.clone().or(&arguments.listeners).only_for(addr.scheme());
        let options = given.typed();
        options.validate_for(addr).map_err(config_error)?;
        used = given.or(&used);
        configured.push(ConfiguredListener { addr: addr.clone(), options });
    }
    if let Some((option, such)) = arguments.listeners.unused(&used) {
        let reason = format!("there is no listener that it applies to; one is named like --listen {such}");
        return Err(settings.config_error(&[option], &reason));
    }
    Ok(configured)
}

fn configured_sources(settings: &Settings, list: &str, sources: &[Source]) -> Result<Vec<ConfiguredSource>, Failure> {
    let arguments = &settings.arguments;
    let options = |source: &Source| {
        let (fetch, dial) = settings.access_to(list, source).validate_for(source).map_err(|invalid| {
            let prefix = if matches!(source, Source::Rtr(_)) { CACHE } else { FETCH };
            let flags: Vec<String> = invalid.options.iter().map(|name| format!("{prefix}{name}")).collect();
            settings.config_error(&flags.iter().map(String::as_str).collect::<Vec<_>>(), &invalid.reason)
        })?;
        Ok(SourceOptions {
            refresh: Duration::from_secs(arguments.refresh.into()),
            timeout: Duration::from_secs(arguments.fetch_timeout.into()),
            fetch,
            dial,
            dialect: if arguments.slurm_lenient { SlurmDialect::Lenient } else { SlurmDialect::Strict },
        })
    };
    sources.iter().map(|source| Ok(ConfiguredSource { source: source.clone(), options: options(source)? })).collect()
}

/// Refuses a value that is given twice.
fn once<T: PartialEq + std::fmt::Display>(
    settings: &Settings,
    flag: &'static str,
    values: &[T],
) -> Result<(), Failure> {
    let twice = (1..values.len()).find(|n| values[..*n].contains(&values[*n]));
    match twice.and_then(|n| values.get(n)) {
        Some(value) => Err(settings.config_error(&[flag], &format!("{value} is given twice"))),
        None => Ok(()),
    }
}

/// Refuses two transports at one address. Port 0 is another address each time.
fn once_by_endpoint(settings: &Settings, addresses: &[&ListenAddr]) -> Result<(), Failure> {
    let is_chosen = |addr: &ListenAddr| matches!(addr.endpoint, ListenEndpoint::Ip(address) if address.port() == 0);
    for (n, addr) in addresses.iter().enumerate().filter(|(_, addr)| !is_chosen(addr)) {
        if let Some(other) = addresses.iter().take(n).find(|other| other.endpoint == addr.endpoint) {
            return Err(settings.config_error(&["listen"], &format!("{addr} has the same address as {other}")));
        }
    }
    Ok(())
}
