//! Events of a session that have not been given out yet, in order.
//!
//! Mostly there is one, which is held in place: a list for it would be allocated and freed with each query.

use super::ServerEvent;
use alloc::collections::VecDeque;

/// Events in the order in which they happened.
#[derive(Default)]
pub(super) struct Events {
    first: Option<ServerEvent>,
    later: VecDeque<ServerEvent>,
}

impl Events {
    pub(super) fn push(&mut self, event: ServerEvent) {
        match self.first {
            None => self.first = Some(event),
            Some(_) => self.later.push_back(event),
        }
    }

    pub(super) fn pop(&mut self) -> Option<ServerEvent> {
        let event = self.first.take()?;
        self.first = self.later.pop_front();
        if self.first.is_none() && self.later.capacity() > 0 {
            // An idle connection keeps no memory for events.
            self.later = VecDeque::new();
        }
        Some(event)
    }
}
