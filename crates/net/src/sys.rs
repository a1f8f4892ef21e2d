//! The only unsafe code: a read-only mapping of a sealed memory file, a setting of the system's allocator, options of
//! sockets that have no safe interface, and descriptors that were open before the program began.

#![expect(unsafe_code, reason = "mapping memory is unsafe, and so is every function of C; all of it is in this file")]

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, ptr, slice};
#[cfg(target_os = "linux")]
use tokio::io::unix::AsyncFd;

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
        // SAFETY: the mapping is as long as this, lives as long as self, and is never written to (see `new`).
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

/// Sets an option of TCP, to a structure as the kernel's header lays it out.
#[cfg(target_os = "linux")]
pub(crate) fn set_tcp_option(socket: BorrowedFd<'_>, option: i32, octets: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(octets.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel only reads, and no further than the length. The descriptor is open while it is borrowed.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, octets.as_ptr().cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns a set of signals.
#[cfg(target_os = "linux")]
fn signal_set(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the first call makes a valid set, to which the others add; one that is no signal is refused without effect.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Blocks signals for this thread, those that it starts, and the program that replaces this one, or not any more.
#[cfg(target_os = "linux")]
pub(crate) fn block_signals(signals: &[i32], is_blocked: bool) -> io::Result<()> {
    let set = signal_set(signals);
    let how = if is_blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: the set is valid, and the former one is not asked for.
    match unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Opens a descriptor from which blocked signals are read (signalfd(2)).
#[cfg(target_os = "linux")]
pub(crate) fn signal_descriptor(signals: &[i32]) -> io::Result<OwnedFd> {
    let set = signal_set(signals);
    // SAFETY: the set is valid, and -1 makes a new descriptor.
    let number = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and nothing else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Set by [`take_inherited`].
static INHERITED_TAKEN: AtomicBool = AtomicBool::new(false);

/// Has the runtime watch a descriptor.
#[cfg(target_os = "linux")]
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd has one number, which is open until it is dropped.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// Calls a function with descriptors by their numbers, without those that are not open. They stay open.
pub(crate) fn with_descriptors<T>(numbers: &[RawFd], call: impl FnOnce(&[BorrowedFd<'_>]) -> T) -> T {
    // SAFETY: a number that is not open is only asked whether it is. The others are borrowed for this one call, in which
    // the program, which is about to end, closes nothing.
    let borrowed = numbers.iter().map(|number| unsafe { BorrowedFd::borrow_raw(*number) });
    let open: Vec<BorrowedFd<'_>> = borrowed.filter(|descriptor| fcntl_getfd(descriptor).is_ok()).collect();
    call(&open)
}

/// Has descriptors stay open in the program that replaces this one, or not; one that is not open is an error.
pub(crate) fn set_inherited(numbers: &[RawFd], is_inherited: bool) -> io::Result<()> {
    let flags = if is_inherited { FdFlags::empty() } else { FdFlags::CLOEXEC };
    for number in numbers {
        // SAFETY: it is borrowed for this one call, which fails if it is not open.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(*number) }, flags)?;
    }
    Ok(())
}

/// Takes descriptors that the program before this one has left open for it. A second call is an error, as is a number
/// that is listed twice.
pub(crate) fn take_inherited(numbers: impl IntoIterator<Item = RawFd>) -> io::Result<Vec<OwnedFd>> {
    let numbers: Vec<RawFd> = numbers.into_iter().collect();
    let listed: BTreeSet<RawFd> = numbers.iter().copied().collect();
    if listed.len() != numbers.len() || INHERITED_TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a descriptor would be taken twice"));
    }
    set_inherited(&numbers, false)?;
    // SAFETY: each is open, once in the list, and the program before left it open for this one. Whatever was opened since
    // the start has another number, and this is the only call that comes here.
    Ok(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

/// Set by [`take_descriptors`].
static DESCRIPTORS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes descriptors that were open when the program began: this many from the first on, which the service manager has
/// passed to this program. They are closed in programs that this one starts. A second call returns none.
pub(crate) fn take_descriptors(first: usize, count: usize) -> Vec<io::Result<OwnedFd>> {
    if DESCRIPTORS_TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let take = |number: usize| {
        let number = RawFd::try_from(number).map_err(io::Error::other)?;
        // SAFETY: it is borrowed for this one call, which fails if it is not open.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
        // SAFETY: it is open, and the manager guarantees that it is for us. Nothing else in the program has it: any
        // descriptor that was opened since the start has another number, and this is the only call that comes here.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    };
    (first..first.saturating_add(count)).map(take).collect()
}
