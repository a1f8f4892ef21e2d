//! Descriptors that are handed to another program.

use crate::sys;
use rustix::io::{FdFlags, fcntl_setfd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Descriptors in the order in which they are named.
#[derive(Debug, Default)]
pub struct Descriptors<'a> {
    descriptors: Vec<BorrowedFd<'a>>,
}

impl<'a> Descriptors<'a> {
    /// Adds a descriptor, and returns its index.
    pub fn add(&mut self, descriptor: &'a impl AsFd) -> u32 {
        self.descriptors.push(descriptor.as_fd());
        u32::try_from(self.descriptors.len() - 1).expect("a process has fewer descriptors")
    }

    /// The descriptors, by index.
    pub fn all(&self) -> &[BorrowedFd<'a>] {
        &self.descriptors
    }

    /// Their numbers, by index.
    pub fn numbers(&self) -> Vec<RawFd> {
        self.descriptors.iter().map(AsRawFd::as_raw_fd).collect()
    }

    /// Has them stay open in the program that replaces this one, or not.
    pub fn set_inherited(&self, is_inherited: bool) -> io::Result<()> {
        self.descriptors.iter().try_for_each(|descriptor| set_inherited(descriptor, is_inherited))
    }

    /// Returns descriptors of the same files, as another program would have them.
    #[cfg(test)]
    pub(crate) fn duplicate(&self) -> PassedDescriptors {
        let descriptors = self.descriptors.iter().map(|descriptor| Some(descriptor.try_clone_to_owned().unwrap()));
        PassedDescriptors { descriptors: descriptors.collect() }
    }
}

/// Has a descriptor stay open in the program that replaces this one, or not.
pub fn set_inherited(descriptor: impl AsFd, is_inherited: bool) -> io::Result<()> {
    let flags = if is_inherited { FdFlags::empty() } else { FdFlags::CLOEXEC };
    Ok(fcntl_setfd(descriptor, flags)?)
}

/// Descriptors that another program has handed to this one, each to be taken once.
#[derive(Debug, Default)]
pub struct PassedDescriptors {
    descriptors: Vec<Option<OwnedFd>>,
}

/// Has descriptors that were taken by [`PassedDescriptors::inherited`] stay open in the program that replaces this one. Those
/// that were closed meanwhile are left out.
pub fn inherit_again(numbers: &[RawFd]) {
    for number in numbers {
        let _ = sys::set_inherited(&[*number], true);
    }
}

impl PassedDescriptors {
    /// Takes descriptors that were open when this program began, by their numbers. They are closed in programs that this
    /// one starts. It has to be called once at most, and before the program opens anything.
    pub fn inherited(numbers: impl IntoIterator<Item = RawFd>) -> io::Result<PassedDescriptors> {
        let descriptors = sys::take_inherited(numbers)?;
        Ok(PassedDescriptors { descriptors: descriptors.into_iter().map(Some).collect() })
    }

    /// Descriptors that were received, by their order.
    pub fn received(descriptors: Vec<OwnedFd>) -> PassedDescriptors {
        PassedDescriptors { descriptors: descriptors.into_iter().map(Some).collect() }
    }

    /// Returns another descriptor of the same file, by its index; none if there is none, or it was taken. This one stays
    /// open.
    pub fn duplicate(&self, index: u32) -> Option<OwnedFd> {
        self.descriptors.get(usize::try_from(index).ok()?)?.as_ref()?.try_clone().ok()
    }

    /// Takes one by its index; none if there is none, or it was taken.
    pub fn take(&mut self, index: u32) -> Option<OwnedFd> {
        self.descriptors.get_mut(usize::try_from(index).ok()?)?.take()
    }
}
