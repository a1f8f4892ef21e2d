//! The only unsafe code: a read-only mapping of a sealed memory file.

#![expect(unsafe_code, reason = "mapping memory is unsafe; all of it is in this file")]

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::AsFd;
use std::{io, ptr, slice};

/// A file's octets in memory, read only.
pub(crate) struct Mapping {
    start: ptr::NonNull<u8>,
    octets: usize,
}

// SAFETY: the mapping is read only and its file is sealed against writing and shrinking, so that any number of threads
// may read it at once.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `octets` of a file, which has to be sealed against writing and shrinking for good.
    ///
    /// # Safety
    ///
    /// Nobody may change or cut the file while it is mapped.
    pub(crate) unsafe fn new(file: impl AsFd, octets: usize) -> io::Result<Mapping> {
        if octets == 0 {
            return Ok(Mapping { start: ptr::NonNull::dangling(), octets });
        }
        // SAFETY: the kernel chooses the address, so that no other mapping is touched.
        let start = unsafe { mmap(ptr::null_mut(), octets, ProtFlags::READ, MapFlags::PRIVATE, file, 0) }?;
        let start = ptr::NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, octets })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping is as long as this, lives as long as self, and nobody writes to it (see `new`).
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.octets) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.octets > 0 {
            // SAFETY: the range was mapped by `new`, and no reference to it outlives self.
            let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.octets) };
            debug_assert!(unmapped.is_ok(), "a mapping can be unmapped");
        }
    }
}
