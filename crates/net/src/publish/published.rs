//! The channel to all sessions: what they are told, and what they ask to have made.

use crate::service_policy::ServicePolicy;
use rtrcast_proto::{Stop, View, Want};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// What sessions are told: the data as they are, and whether the cache stops.
#[derive(Clone, Debug)]
pub struct Published {
    /// The data.
    pub view: Arc<View>,
    /// Set once, when the cache stops.
    pub stop: Option<Stop>,
    /// On what terms they are served.
    pub policy: Arc<ServicePolicy>,
}

/// Something that a session needs to have made, and where to send the view that has it.
#[derive(Debug)]
pub struct Wanted {
    /// What.
    pub want: Want,
    /// Where to.
    pub reply: oneshot::Sender<Arc<View>>,
}

/// What everybody may ask of a [`Publisher`](crate::Publisher), and say through it, while somebody else works with it.
/// None of it waits. Sessions end once the publisher and all of its handles are gone.
#[derive(Clone, Debug)]
pub struct PublisherHandle(watch::Sender<Published>);

impl PublisherHandle {
    pub(super) fn new(view: View, policy: ServicePolicy) -> PublisherHandle {
        let published = Published { view: Arc::new(view), stop: None, policy: Arc::new(policy) };
        PublisherHandle(watch::Sender::new(published))
    }

    /// For a [`Service`](crate::Service), or for anybody else who wants to see what sessions see.
    pub fn subscribe(&self) -> watch::Receiver<Published> {
        self.0.subscribe()
    }

    /// The view that sessions see.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.borrow().view)
    }

    /// The terms on which they are served.
    pub fn policy(&self) -> Arc<ServicePolicy> {
        Arc::clone(&self.0.borrow().policy)
    }

    /// Serves on other terms from now on.
    pub fn set_policy(&self, policy: ServicePolicy) {
        self.0.send_modify(|published| published.policy = Arc::new(policy));
    }

    /// Ends all sessions in order, and each that begins later. Only the first stop counts: sessions end as it says.
    pub fn stop(&self, stop: Stop) {
        self.0.send_modify(|published| {
            published.stop.get_or_insert(stop);
        });
    }

    /// Shows all sessions another view.
    pub(super) fn commit(&self, view: Arc<View>) {
        self.0.send_modify(|published| published.view = view);
    }

    /// Replaces the view by one that has more. Only who asked for that has to look again, so nobody is woken.
    pub(super) fn refine(&self, view: Arc<View>) {
        self.0.send_if_modified(|published| {
            published.view = view;
            false
        });
    }
}
