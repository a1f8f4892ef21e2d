//! A map by ids that only grow: one piece of memory, however many come and go, beside those that stay.

use alloc::collections::VecDeque;

/// Values by ids; each new id is larger than all before.
#[derive(Debug)]
pub(super) struct IdMap<T> {
    /// In the order of the ids; a value that was removed leaves its slot until enough of them have.
    slots: VecDeque<(u64, Option<T>)>,
    len: usize,
}

/// Slots below which empty ones don't matter.
const SLOTS_MIN: usize = 16;

impl<T> IdMap<T> {
    pub(super) fn new() -> IdMap<T> {
        IdMap { slots: VecDeque::new(), len: 0 }
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value. Its id has to be larger than all before.
    pub(super) fn insert(&mut self, id: u64, value: T) {
        debug_assert!(self.slots.back().is_none_or(|(last, _)| *last < id), "ids grow");
        self.slots.push_back((id, Some(value)));
        self.len += 1;
    }

    fn index(&self, id: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.slots.get(self.index(id)?)?.1.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let index = self.index(id)?;
        self.slots.get_mut(index)?.1.as_mut()
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<T> {
        let index = self.index(id)?;
        let removed = self.slots.get_mut(index)?.1.take()?;
        self.len -= 1;
        // Each pass over the slots frees as many as were removed since the last one.
        if self.slots.len() > SLOTS_MIN && self.len < self.slots.len() / 2 {
            self.slots.retain(|(_, value)| value.is_some());
            self.slots.shrink_to(2 * self.len);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map(removed in proptest::collection::vec(any::<u16>(), 0..200)) {
            let (mut map, mut model) = (IdMap::new(), BTreeMap::new());
            for (id, choice) in (1_u64..).zip(removed) {
                map.insert(id, id * 10);
                model.insert(id, id * 10);
                let ids: Vec<u64> = (0..=id + 1).collect();
                if choice % 3 > 0 {
                    let gone = ids[usize::from(choice) % ids.len()];
                    prop_assert_eq!(map.remove(gone), model.remove(&gone));
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.is_empty(), model.is_empty());
                for id in ids {
                    prop_assert_eq!(map.get(id), model.get(&id));
                    prop_assert_eq!(map.get_mut(id), model.get_mut(&id));
                }
                prop_assert!(map.slots.len() <= 2 * map.len() + SLOTS_MIN + 1);
            }
        }
    }
}
