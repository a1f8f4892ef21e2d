//! Words that name nothing in the shipped crates, each with the word to use instead.
//!
//! They were metaphors, or stood for several things. A name is the specification's word, else the one that rustls, tokio,
//! quinn, BIRD or Prometheus use for the thing.

/// The names that a word may not stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Names that have the word as a part: `Door`, `ConnectionDoor`, `open_door`.
    Part,
    /// Names that are the word, of types, functions and modules.
    Whole,
    /// Types and modules that are the word: as a function's name it is of use.
    WholeType,
}

/// A word that names nothing.
pub(super) struct Word {
    /// In the form of a function's name.
    pub(super) word: &'static str,
    pub(super) scope: Scope,
    pub(super) instead: &'static str,
}

const fn part(word: &'static str, instead: &'static str) -> Word {
    Word { word, scope: Scope::Part, instead }
}

const fn whole(word: &'static str, instead: &'static str) -> Word {
    Word { word, scope: Scope::Whole, instead }
}

const fn whole_type(word: &'static str, instead: &'static str) -> Word {
    Word { word, scope: Scope::WholeType, instead }
}

const PLACE: &str = "SourceStatus, ListenAddr, Location or, in a file, Position";
const DECISION: &str = "the hub's decision step (Decider)";
const CAPACITY: &str = "Capacity";
const LIMITER: &str = "ConnectionLimiter";
const PERMIT: &str = "Permit";
const POLICY: &str = "ServicePolicy";
const FATAL: &str = "fatal error";

pub(super) const WORDS: &[Word] = &[
    whole("place", PLACE),
    whole("places", PLACE),
    part("desk", DECISION),
    whole("act", "Change"),
    part("happened", "Outcome"),
    part("audience", "InUse"),
    part("roster", "source tasks"),
    part("bell", "refresh signal"),
    part("habits", "SourceOptions"),
    whole_type("followed", "ConfiguredSource"),
    part("entrance", "Listener"),
    part("entrances", "Listeners"),
    part("manner", "ConnectionSetup"),
    part("beside", "V6Only, or SideData"),
    part("door", LIMITER),
    part("doors", LIMITER),
    part("guest", PERMIT),
    part("guests", PERMIT),
    part("seat", PERMIT),
    part("seats", PERMIT),
    part("knock", "PendingConnection"),
    whole("room", CAPACITY),
    whole("rooms", CAPACITY),
    whole("kept", "FileBacked"),
    whole("look", "Recheck, or the verb of what is checked"),
    whole("fresh", "Reloadable"),
    whole("turn", "Mutex, or password queue"),
    whole("terms", POLICY),
    whole_type("line", "ChannelStream, or what the line is of"),
    whole_type("lines", "DriveContext, or what the lines are of"),
    part("moving", "io"),
    part("onward", "NextStep"),
    part("sentence", FATAL),
    part("pass_sentence", "fail"),
    part("carry_out", "apply"),
    part("last_words", "final Error Report"),
    part("stretch", "Speculated"),
    whole("ahead", "Prefetch"),
    part("worn", "mostly expired"),
    part("meant", "closest_name"),
    whole("words", "describe"),
    part("senseless", "InvalidOptions"),
    part("trouble", "AcceptFailure"),
    part("nudge", "wake-up"),
    whole_type("layer", "Transport"),
    whole("speaks", "Transport, or Scheme"),
    whole("standing", "what the state is of"),
    whole_type("order", "Command, or what is ordered"),
];
