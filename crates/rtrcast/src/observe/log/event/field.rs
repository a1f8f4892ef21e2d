//! Fields of events as JSON values. One that has no value is left out.

use super::data::DataChange;
use super::service::OctalMode;
use crate::config::scheme::Scheme;
use crate::observe::routers::Routers;
use crate::observe::status::{RecordsByType, Timestamp};
use rtrcast_feed::Tally;
use rtrcast_feed::curator::{Loss, Release};
use rtrcast_net::{Endpoint, Peer};
use rtrcast_proto::{Asn, ErrorCode, Profile, Section, Serial, SessionId, Timing, Version};
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// A field of an event.
pub(crate) trait EventField {
    /// Adds it under its name.
    fn add(&self, name: &'static str, to: &mut Map<String, Value>);

    /// The names that it adds.
    #[cfg(test)]
    fn names(name: &'static str) -> Vec<&'static str> {
        vec![name]
    }

    /// A value for tests.
    #[cfg(test)]
    fn example() -> Self;
}

/// A value that is one member: how it is written, and an example.
macro_rules! field {
    ($($type:ty, $value:ident => $json:expr, $example:expr;)*) => { $(
        impl EventField for $type {
            fn add(&self, name: &'static str, to: &mut Map<String, Value>) {
                let $value = self;
                to.insert(name.to_owned(), Value::from($json));
            }

            #[cfg(test)]
            fn example() -> Self {
                $example
            }
        }
    )* };
}

field! {
    &str, text => *text, "text";
    String, text => text.as_str(), "text".to_owned();
    &[&str], texts => texts.to_vec(), &["text"];
    &dyn fmt::Display, text => text.to_string(), &"text";
    bool, is => *is, true;
    u8, number => *number, 1;
    u16, number => *number, 1;
    u32, number => *number, 1;
    u64, number => *number, 1;
    i64, number => *number, 1;
    usize, number => *number, 1;
    Serial, serial => serial.0, Serial(1);
    SessionId, session => session.0, SessionId(1);
    Version, version => version.octet(), Version::V2;
    ErrorCode, code => code.number(), ErrorCode::NoDataAvailable;
    Timestamp, time => time.to_string(), Timestamp(0);
    Duration, duration => seconds(*duration), Duration::from_millis(1_500);
    OctalMode, mode => mode.to_string(), OctalMode(0o640);
    Release, reason => release(*reason), Release::Confirmed;
    &[Asn], numbers => numbers.iter().map(|asn| asn.0).collect::<Vec<u32>>(), &[];
    &[Loss], losses => losses.iter().map(loss).collect::<Vec<Value>>(), &[];
}

impl<T: EventField> EventField for Option<T> {
    fn add(&self, name: &'static str, to: &mut Map<String, Value>) {
        self.iter().for_each(|value| value.add(name, to));
    }

    #[cfg(test)]
    fn names(name: &'static str) -> Vec<&'static str> {
        T::names(name)
    }

    #[cfg(test)]
    fn example() -> Self {
        Some(T::example())
    }
}

/// The version, and which payloads are sent beside VRPs.
impl EventField for Profile {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        to.insert("protocol_version".to_owned(), self.version().octet().into());
        to.insert("router_keys".to_owned(), self.has(Section::RouterKey).into());
        to.insert("aspas".to_owned(), self.has(Section::Aspa).into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["protocol_version", "router_keys", "aspas"]
    }

    #[cfg(test)]
    fn example() -> Self {
        Profile::full(Version::V2)
    }
}

/// Records by type, as the status has them.
impl EventField for RecordsByType {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        to.insert("vrps_ipv4".to_owned(), self.vrps_ipv4.into());
        to.insert("vrps_ipv6".to_owned(), self.vrps_ipv6.into());
        to.insert("router_keys".to_owned(), self.router_keys.into());
        to.insert("aspas".to_owned(), self.aspas.into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["vrps_ipv4", "vrps_ipv6", "router_keys", "aspas"]
    }

    #[cfg(test)]
    fn example() -> Self {
        RecordsByType { vrps_ipv4: 1, vrps_ipv6: 2, router_keys: 3, aspas: 4 }
    }
}

impl EventField for DataChange {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        to.insert("announced".to_owned(), self.announced.into());
        to.insert("withdrawn".to_owned(), self.withdrawn.into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["announced", "withdrawn"]
    }

    #[cfg(test)]
    fn example() -> Self {
        DataChange { announced: 2, withdrawn: 1, text: "+2 -1 VRPs".to_owned() }
    }
}

/// Entries that were refused, and the first few of them.
impl EventField for &Tally {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        let first: Vec<String> = self.refused_first.iter().map(ToString::to_string).collect();
        to.insert("refused".to_owned(), self.refused.into());
        to.insert("entries".to_owned(), self.entries.into());
        to.insert("first".to_owned(), first.into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["refused", "entries", "first"]
    }

    #[cfg(test)]
    fn example() -> Self {
        Box::leak(Box::default())
    }
}

/// Timers that are used.
impl EventField for Timing {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        to.insert("used_refresh".to_owned(), self.refresh().into());
        to.insert("used_retry".to_owned(), self.retry().into());
        to.insert("used_expire".to_owned(), self.expire().into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["used_refresh", "used_retry", "used_expire"]
    }

    #[cfg(test)]
    fn example() -> Self {
        Timing::default()
    }
}

/// A router, or whoever connected as one.
#[derive(Clone, Copy)]
pub(crate) struct EventRouter<'a> {
    pub(crate) peer: &'a Peer,
    /// The table that has its name.
    pub(crate) routers: &'a Routers,
}

impl EventRouter<'_> {
    /// The listener that it connected to: `tls://192.0.2.1:324`.
    pub(super) fn listener(&self) -> String {
        format!("{}://{}", Scheme::at(self.peer.transport, &self.peer.local), self.peer.local)
    }
}

impl fmt::Display for EventRouter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.routers.describe(self.peer))
    }
}

/// The names by which `rtrcast ctl routers --json` has the same.
impl EventField for EventRouter<'_> {
    fn add(&self, _: &'static str, to: &mut Map<String, Value>) {
        let EventRouter { peer, routers } = self;
        to.insert("router".to_owned(), (*routers.name(peer)).into());
        if let Endpoint::Ip(address) = &peer.remote {
            to.insert("address".to_owned(), address.to_string().into());
        }
        to.insert("listener".to_owned(), self.listener().into());
        to.insert("transport".to_owned(), Scheme::at(peer.transport, &peer.local).to_string().into());
        to.insert("connection".to_owned(), peer.id.into());
    }

    #[cfg(test)]
    fn names(_: &'static str) -> Vec<&'static str> {
        vec!["router", "address", "listener", "transport", "connection"]
    }

    #[cfg(test)]
    fn example() -> Self {
        let at = |port| Endpoint::Ip(([127, 0, 0, 1], port).into());
        let transport = rtrcast_net::Transport::Tcp;
        let peer = Box::leak(Box::new(Peer { id: 1, remote: at(4_711), local: at(8_282), transport, name: None }));
        EventRouter { peer, routers: Box::leak(Box::new(Routers::new(rtrcast_net::Clock::start()))) }
    }
}

/// Seconds, to the millisecond.
fn seconds(duration: Duration) -> Value {
    match (duration.subsec_millis(), duration.as_secs()) {
        (0, seconds) => seconds.into(),
        (_, _) => json!((duration.as_secs_f64() * 1_000.0).round() / 1_000.0),
    }
}

fn release(reason: Release) -> &'static str {
    match reason {
        Release::Confirmed => "confirmed",
        Release::HoldElapsed => "hold_elapsed",
        Release::GuardIsOff => "guard_off",
        Release::LossRecovered => "loss_recovered",
        Release::PreviousNotInEffect => "previous_not_in_effect",
    }
}

/// A loss as the status has it.
fn loss(loss: &Loss) -> Value {
    json!({ "of": loss.of.to_string(), "had": loss.had, "lost": loss.lost })
}
