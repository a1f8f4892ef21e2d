//! Events of the curator, which decides which data of which sources are in effect.

use super::events;
use crate::clock::unix_now;
use crate::observe::describe::{age, describe_losses, span};
use crate::observe::status::Timestamp;
use rtrcast_feed::curator::{Loss, Release};
use rtrcast_proto::Serial;
use std::fmt;
use std::time::Duration;

events! {
    /// An event of the data of sources.
    pub(crate) enum CurationEvent<'a> {
        /// Too much is missing in a source's new data, which are held back for now; `release` is the command that accepts
        /// them
        Error "loss_held" LossHeld {
            source: &'a str,
            losses: &'a [Loss],
            hold_seconds: Duration,
            serial: Option<Serial>,
            release: &'a str,
        }
        /// Data that were held back are released; `reason` is `confirmed`, `guard_off` or `loss_recovered`
        Info "loss_released" LossReleased { source: &'a str, reason: Release }
        /// Data that were held back are accepted without the operator; `reason` is `hold_elapsed` or
        /// `previous_not_in_effect`
        Warn "loss_accepted" LossAccepted { source: &'a str, reason: Release }
        /// Much is missing in a source's new data, which are accepted
        Warn "source_reduced" Reduced { source: &'a str, losses: &'a [Loss] }
        /// A source's data are too old; `effect` says what becomes of them
        Warn "source_too_old" TooOld {
            source: &'a str,
            made: Timestamp,
            valid_until: Option<Timestamp>,
            effect: &'a str,
        }
        /// A source's data are not too old any more
        Info "source_not_too_old" NotTooOld { source: &'a str }
        /// Nothing of a source's newest data is in effect; `remedy` says what helps
        Warn "source_not_in_effect" NotInEffect {
            source: &'a str,
            reason: &'a str,
            effect: &'a str,
            remedy: &'a str,
            serial: Option<Serial>,
        }
        /// Another source is served than before (`--merge first`)
        Warn "source_switched" Switched { from: &'a str, to: &'a str }
        /// A source's data were made later than the clock of this machine says
        Warn "clock_behind" ClockBehind { source: &'a str, made: Timestamp, clock: Timestamp }
        /// The clock and a source's time agree again
        Info "clock_agrees" ClockAgrees { source: &'a str }
        /// The clock went ahead at once; nothing expires by it for now; `release` is the command that accepts it
        Error "clock_stepped" ClockStepped { step_seconds: i64, hold_seconds: Duration, release: &'a str }
        /// The clock stayed ahead, and is accepted
        Info "clock_accepted" ClockAccepted { step_seconds: i64 }
        /// The clock is back where it was expected
        Info "clock_step_reverted" ClockStepReverted {}
    }
}

impl fmt::Display for CurationEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CurationEvent::LossHeld { source, losses, hold_seconds, serial, release } => {
                let (hold, losses) = (span(*hold_seconds), describe_losses(losses));
                write!(f, "{source}: held back for {hold}: {losses} are gone")?;
                if let Some(serial) = serial {
                    write!(f, "; serial {serial} stays served")?;
                }
                write!(f, ". If that is right, release it: {release}")
            }
            CurationEvent::LossReleased { source, reason } | CurationEvent::LossAccepted { source, reason } => {
                write!(f, "{source}: {}", release_text(*reason))
            }
            CurationEvent::Reduced { source, losses } => {
                write!(f, "{source}: accepted, though {} are gone", describe_losses(losses))
            }
            CurationEvent::TooOld { source, made, valid_until, effect } => match valid_until {
                Some(until) => write!(f, "{source}: too old, its metadata.valid was {until}; {effect}"),
                None => write!(f, "{source}: too old, made {}; {effect}", age(made.0, unix_now())),
            },
            CurationEvent::NotTooOld { source } => write!(f, "{source}: not too old any more"),
            CurationEvent::NotInEffect { source, reason, effect, remedy, serial: _ } => {
                write!(f, "{source}: nothing of it is in effect: {reason}; {effect}. What helps: {remedy}")
            }
            CurationEvent::Switched { from, to } => write!(f, "serving {to} instead of {from}"),
            CurationEvent::ClockBehind { source, made, clock } => write!(
                f,
                "{source}: made {made}, which is {} later than this machine's clock says ({clock}); nothing is withdrawn \
                 for its age until both agree. Set the clock, by NTP for instance, or that of the validator",
                span(clock.before(*made))
            ),
            CurationEvent::ClockAgrees { source } => write!(f, "{source}: the clock and its time agree again"),
            CurationEvent::ClockStepped { step_seconds, hold_seconds, release } => write!(
                f,
                "the clock went ahead by {step_seconds} s at once; nothing expires by it for {}, or until {release}",
                span(*hold_seconds)
            ),
            CurationEvent::ClockAccepted { step_seconds } => {
                write!(f, "the clock stayed ahead by {step_seconds} s, and is accepted now")
            }
            CurationEvent::ClockStepReverted {} => f.write_str("the clock is back where it was expected"),
        }
    }
}

fn release_text(reason: Release) -> &'static str {
    match reason {
        Release::Confirmed => "released, as asked",
        Release::HoldElapsed => "released; the same was gone for long enough",
        Release::GuardIsOff => "released; the guard is off",
        Release::LossRecovered => "what was gone is back; nothing is held back any more",
        Release::PreviousNotInEffect => "released; nothing of the set before it is in effect any more",
    }
}
