//! The only unsafe code: a read-only mapping of a sealed memory file, and a setting of the system's allocator.

#![expect(unsafe_code, reason = "mapping memory is unsafe, and so is every function of C; all of it is in this file")]

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

/// From this size on memory is taken from the system and given back to it piece by piece.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_OCTETS_MIN: i32 = 1024 * 1024;

/// Has the allocator give large memory back as soon as it is free. glibc learns from the first large piece that is freed
/// to keep the next ones, and reading a set of a million VRPs takes and frees some of 16 MB: it would keep twice what
/// the cache needs. Elsewhere nothing is done.
pub fn give_memory_back() {
    // SAFETY: the function takes two numbers, and may be called at any time. If it refuses, nothing has changed.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_OCTETS_MIN);
    }
}
