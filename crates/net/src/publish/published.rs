//! The channel to all sessions: published state, and requests of sessions.

use crate::service_policy::ServicePolicy;
use crate::suspended::Suspending;
use rtrcast_proto::{Stop, View, Want};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// Published state: the data, the policy, and the stop.
#[derive(Clone, Debug)]
pub struct Published {
    /// The data.
    pub view: Arc<View>,
    /// Set once, when the cache stops.
    pub stop: Option<Stop>,
    /// The policy by which sessions are served.
    pub policy: Arc<ServicePolicy>,
    /// Set while plain connections are taken out of their tasks, and none is accepted.
    pub(crate) suspending: Option<Suspending>,
    /// True while connections over TLS and SSH end, and none is accepted: plain ones are taken out of their tasks after.
    pub(crate) is_protected_ending: bool,
}

impl Published {
    /// Publishes nothing but this, for tests.
    #[cfg(test)]
    pub(crate) fn of(view: Arc<View>, policy: Arc<ServicePolicy>) -> Published {
        Published { view, stop: None, policy, suspending: None, is_protected_ending: false }
    }
}

/// Something that a session needs to have made, and where to send the view that has it.
#[derive(Debug)]
pub struct Wanted {
    /// The request.
    pub want: Want,
    /// Receiver of the view.
    pub reply: oneshot::Sender<Arc<View>>,
}

/// Handle of a [`Publisher`](crate::Publisher), for use while another task publishes. Its methods do not wait. Sessions
/// end once the publisher and all of its handles are gone.
#[derive(Clone, Debug)]
pub struct PublisherHandle(watch::Sender<Published>);

impl PublisherHandle {
    pub(super) fn new(view: Arc<View>, policy: ServicePolicy) -> PublisherHandle {
        let published =
            Published { view, stop: None, policy: Arc::new(policy), suspending: None, is_protected_ending: false };
        PublisherHandle(watch::Sender::new(published))
    }

    /// Subscribes a [`Service`](crate::Service), or another reader of the published state.
    pub fn subscribe(&self) -> watch::Receiver<Published> {
        self.0.subscribe()
    }

    /// The view that sessions see.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.borrow().view)
    }

    /// Returns the policy by which sessions are served.
    pub fn policy(&self) -> Arc<ServicePolicy> {
        Arc::clone(&self.0.borrow().policy)
    }

    /// Sets another policy.
    pub fn set_policy(&self, policy: ServicePolicy) {
        self.0.send_modify(|published| published.policy = Arc::new(policy));
    }

    /// Ends all sessions in order, and each that begins later. Only the first stop is in effect.
    pub fn stop(&self, stop: Stop) {
        self.0.send_modify(|published| {
            published.stop.get_or_insert(stop);
        });
    }

    /// Has plain connections taken out of their tasks, or not any more.
    pub(crate) fn set_suspending(&self, suspending: Option<Suspending>) {
        self.0.send_modify(|published| published.suspending = suspending);
    }

    /// Has connections over TLS and SSH end, or not any more.
    pub(crate) fn set_protected_ending(&self, is_ending: bool) {
        self.0.send_modify(|published| published.is_protected_ending = is_ending);
    }

    /// Publishes another view to all sessions.
    pub(super) fn commit(&self, view: Arc<View>) {
        self.0.send_modify(|published| published.view = view);
    }

    /// Replaces the view by one that has more. Only the session that requested it needs it, so none is woken.
    pub(super) fn refine(&self, view: Arc<View>) {
        self.0.send_if_modified(|published| {
            published.view = view;
            false
        });
    }
}
