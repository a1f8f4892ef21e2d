//! What the settings mean, checked: what `rtrcast serve` will do, and what `rtrcast check` looks at.

use crate::cli::{ExpiredArgument, HttpAddress, Merge, ServeArguments, TooOldArgument};
use crate::config::Settings;
use crate::exit::Failure;
use crate::source::{self, Habits, Source};
use rtrcast_feed::curator::{Choice, Expired, Freshness, Guard, TooOld};
use rtrcast_feed::{Overlaps, Slurm, SlurmDialect, SlurmFile};
use rtrcast_proto::{ServerPolicy, Timing, VersionRange};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Flags that only count at the start, with what they say: a reload tells whoever changed them.
type Fixed = Vec<(&'static str, String)>;

/// What the settings say, checked.
pub(crate) struct Plan {
    pub(crate) sources: Vec<Followed>,
    pub(crate) slurm: Vec<Followed>,
    pub(crate) choice: Choice,
    pub(crate) freshness: Freshness,
    pub(crate) guard: Guard,
    pub(crate) overlaps: Overlaps,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) http: HttpAddress,
    pub(crate) control: Option<PathBuf>,
    pub(crate) policy: ServerPolicy,
    pub(crate) timing: Timing,
    pub(crate) connections_max: Option<u32>,
    fixed: Fixed,
}

/// A place, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) place: Source,
    pub(crate) habits: Habits,
}

impl Plan {
    pub(crate) fn new(settings: &Settings) -> Result<Plan, Failure> {
        let arguments = &settings.arguments;
        let (min, max) = (arguments.min_version.0, arguments.max_version.0);
        let versions = VersionRange::new(min, max).ok_or_else(|| {
            let flags = ["min-version", "max-version"];
            settings.complaint(&flags, &format!("{min} is above {max}, so that no version is left"))
        })?;
        let timing = Timing::new(arguments.rtr_refresh, arguments.rtr_retry, arguments.rtr_expire)
            .map_err(|error| settings.complaint(&["rtr-refresh", "rtr-retry", "rtr-expire"], &error.to_string()))?;
        let mut policy = ServerPolicy::new(versions);
        if arguments.no_router_keys {
            policy = policy.without_router_keys();
        }
        if arguments.no_aspas {
            policy = policy.without_aspas();
        }
        once(settings, "listen", &arguments.listen)?;
        once(settings, "source", &arguments.source)?;
        once(settings, "slurm", &arguments.slurm)?;
        if let Some(cache) = arguments.slurm.iter().find(|place| matches!(place, Source::Rtr(_))) {
            return Err(settings.complaint(&["slurm"], &format!("{cache}: SLURM is a file or an http(s) URL")));
        }
        Ok(Plan {
            sources: followed(settings, &arguments.source)?,
            slurm: followed(settings, &arguments.slurm)?,
            choice: match arguments.merge {
                Merge::Union => Choice::Union,
                Merge::First => Choice::First,
            },
            freshness: freshness(arguments),
            guard: Guard {
                hold: (arguments.guard_hold > 0).then(|| Duration::from_secs(arguments.guard_hold.into())),
                vrps_min: arguments.guard_vrps_min as usize,
                aspas_min: arguments.guard_aspas_min as usize,
            },
            overlaps: if arguments.slurm_allow_overlaps { Overlaps::Allow } else { Overlaps::Refuse },
            listen: arguments.listen.clone(),
            http: arguments.http,
            control: arguments.control.clone(),
            policy,
            timing,
            connections_max: arguments.connections_max,
            fixed: fixed(arguments),
        })
    }

    /// Reads the SLURM files that are there, and sees whether they go together: what is wrong with them now would be
    /// wrong later. What lies at URLs is not known yet.
    pub(crate) fn read_slurm(&self) -> Result<Vec<Option<Arc<SlurmFile>>>, Failure> {
        let mut files = Vec::new();
        let mut known = Vec::new();
        for Followed { place, habits } in &self.slurm {
            files.push(match place {
                Source::Http(_) | Source::Rtr(_) => None,
                Source::File(path) => {
                    let file = source::read_slurm(path, habits.dialect)
                        .map_err(|failure| Failure::Config(format!("{place}: {failure}")))?;
                    known.push((place.to_string().into(), Arc::clone(&file)));
                    Some(file)
                }
            });
        }
        Slurm::merge(&known, self.overlaps).map_err(|conflict| Failure::Config(conflict.to_string()))?;
        Ok(files)
    }

    /// Takes over another plan but for what counts only at a start.
    pub(crate) fn keep_fixed(&mut self, new: Plan) {
        let Plan { listen, http, control, policy, connections_max, fixed, .. } = self;
        let (listen, control, fixed) = (std::mem::take(listen), control.take(), std::mem::take(fixed));
        *self = Plan { listen, http: *http, control, policy: *policy, connections_max: *connections_max, fixed, ..new };
    }

    /// Flags that say something else than in another plan, and count only at a start.
    pub(crate) fn needs_restart_for(&self, other: &Plan) -> Vec<&'static str> {
        let pairs = self.fixed.iter().zip(&other.fixed);
        pairs.filter(|(own, others)| own.1 != others.1).map(|(own, _)| own.0).collect()
    }
}

fn fixed(arguments: &ServeArguments) -> Fixed {
    vec![
        ("listen", format!("{:?}", arguments.listen)),
        ("http", format!("{:?}", arguments.http)),
        ("control", format!("{:?}", arguments.control)),
        ("min-version", format!("{:?}", arguments.min_version)),
        ("max-version", format!("{:?}", arguments.max_version)),
        ("no-router-keys", format!("{:?}", arguments.no_router_keys)),
        ("no-aspas", format!("{:?}", arguments.no_aspas)),
        ("connections-max", format!("{:?}", arguments.connections_max)),
        ("log-level", format!("{:?}", arguments.log_level)),
    ]
}

fn freshness(arguments: &ServeArguments) -> Freshness {
    Freshness {
        age_seconds_max: arguments.max_age,
        expired: match arguments.expired {
            ExpiredArgument::Withdraw => Expired::Withdraw,
            ExpiredArgument::Keep => Expired::Keep,
        },
        too_old: match arguments.too_old {
            TooOldArgument::Withdraw => TooOld::Withdraw,
            TooOldArgument::WithdrawAll => TooOld::WithdrawAll,
            TooOldArgument::Keep => TooOld::Keep,
        },
    }
}

fn followed(settings: &Settings, places: &[Source]) -> Result<Vec<Followed>, Failure> {
    let arguments = &settings.arguments;
    let habits = |place: &Source| {
        let fetch = settings.fetch_options(place);
        fetch.check(place).map_err(|senseless| settings.complaint(senseless.flags, &senseless.reason))?;
        Ok(Habits {
            refresh: Duration::from_secs(arguments.refresh.into()),
            timeout: Duration::from_secs(arguments.fetch_timeout.into()),
            fetch,
            dialect: if arguments.slurm_lenient { SlurmDialect::Lenient } else { SlurmDialect::Strict },
        })
    };
    places.iter().map(|place| Ok(Followed { place: place.clone(), habits: habits(place)? })).collect()
}

/// Whether each value stands once.
fn once<T: PartialEq + std::fmt::Display>(
    settings: &Settings,
    flag: &'static str,
    values: &[T],
) -> Result<(), Failure> {
    let twice = (1..values.len()).find(|n| values[..*n].contains(&values[*n]));
    match twice.and_then(|n| values.get(n)) {
        Some(value) => Err(settings.complaint(&[flag], &format!("{value} is given twice"))),
        None => Ok(()),
    }
}
