//! Publication of a data set to all sessions, and what a session asks to have made.

use crate::terms::Terms;
use rtrcast_proto::{Stop, View, Want};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What sessions are told: the data as they are, and whether the cache stops.
#[derive(Clone, Debug)]
pub struct Published {
    /// The data.
    pub view: Arc<View>,
    /// Set once, when the cache stops.
    pub stop: Option<Stop>,
    /// On what terms they are served.
    pub terms: Arc<Terms>,
}

/// Something that a session needs to have made, and where to send the view that has it.
#[derive(Debug)]
pub struct Wanted {
    /// What.
    pub want: Want,
    /// Where to.
    pub reply: oneshot::Sender<Arc<View>>,
}
