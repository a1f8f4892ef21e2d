//! What happened on a session and is not told yet, in order.
//!
//! Mostly it is one thing, which has its place here: a list for it would be allocated and given back with each query.

use super::Event;
use alloc::collections::VecDeque;

/// Events in the order in which they are told.
#[derive(Default)]
pub(super) struct Events {
    first: Option<Event>,
    later: VecDeque<Event>,
}

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        match self.first {
            None => self.first = Some(event),
            Some(_) => self.later.push_back(event),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.first.take()?;
        self.first = self.later.pop_front();
        if self.first.is_none() && self.later.capacity() > 0 {
            // A connection that is idle has no room for what it said.
            self.later = VecDeque::new();
        }
        Some(event)
    }
}
