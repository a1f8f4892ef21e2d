//! The service manager's store of descriptors (sd_pid_notify_with_fds(3), `FDSTORE=1`): what is in it stays open while a
//! service is restarted, and is passed to the next process of it.
//!
//! The manager compares each descriptor that it is given with all that it has, and drops one whose other end is closed. So
//! it is given two only: both ends of a pair of Unix sockets, in whose queue all the others are.

use crate::activation::STORED_NAME;
use crate::sd_notify::sd_notify_with;
use crate::sys;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::time::Timespec;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// Descriptors in a message: the most that the system allows (SCM_MAX_FD).
const MESSAGE_DESCRIPTORS_MAX: usize = 253;

/// Time for the manager to take what it was sent.
const BARRIER_MAX: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// A pair of Unix sockets with descriptors in its queue.
#[derive(Debug)]
pub struct DescriptorQueue {
    /// Both ends, which a queue has that was passed by the manager in any order.
    ends: Vec<OwnedFd>,
}

impl DescriptorQueue {
    /// Puts descriptors into a queue, in their order.
    pub fn of(descriptors: &[BorrowedFd<'_>]) -> io::Result<DescriptorQueue> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (sending, receiving) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let queue = DescriptorQueue { ends: vec![sending, receiving] };
        queue.send(descriptors)?;
        Ok(queue)
    }

    /// A queue that the manager has passed: descriptors with [`STORED_NAME`].
    pub fn passed(ends: Vec<OwnedFd>) -> DescriptorQueue {
        DescriptorQueue { ends }
    }

    fn send(&self, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let end = self.ends.first().ok_or(io::ErrorKind::NotConnected)?;
        for part in descriptors.chunks(MESSAGE_DESCRIPTORS_MAX) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_DESCRIPTORS_MAX))];
            let mut message = SendAncillaryBuffer::new(&mut space);
            message.push(SendAncillaryMessage::ScmRights(part));
            retry_on_intr(|| sendmsg(end, &[IoSlice::new(b"+")], &mut message, SendFlags::NOSIGNAL))?;
        }
        Ok(())
    }

    /// Takes all descriptors out of the queue.
    pub fn receive(&self) -> io::Result<Vec<OwnedFd>> {
        let mut received = Vec::new();
        for end in &self.ends {
            loop {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_DESCRIPTORS_MAX))];
                let mut messages = RecvAncillaryBuffer::new(&mut space);
                let (mut octet, flags) = ([0], RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT);
                let read = retry_on_intr(|| recvmsg(end, &mut [IoSliceMut::new(&mut octet)], &mut messages, flags));
                match read {
                    Ok(read) if read.bytes == 0 => break,
                    Ok(read) => {
                        for message in messages.drain() {
                            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                                received.extend(descriptors);
                            }
                        }
                        if read.flags.contains(rustix::net::ReturnFlags::CTRUNC) {
                            return Err(io::Error::other("the limit of descriptors is too low for them"));
                        }
                    }
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(received)
    }

    /// Puts descriptors back that were taken out, by their numbers, so that the next process gets them. Those that were
    /// closed meanwhile are left out.
    pub fn give_back(&self, numbers: &[RawFd]) -> io::Result<()> {
        sys::with_descriptors(numbers, |descriptors| self.send(descriptors))
    }

    /// Has the manager keep the queue, and waits until it has it.
    pub fn store(&self) -> io::Result<()> {
        let ends: Vec<BorrowedFd<'_>> = self.ends.iter().map(AsFd::as_fd).collect();
        sd_notify_with(&format!("FDSTORE=1\nFDNAME={STORED_NAME}"), &ends)?;
        let (reading, writing) = pipe_with(PipeFlags::CLOEXEC)?;
        sd_notify_with("BARRIER=1", &[writing.as_fd()])?;
        drop(writing);
        // The manager closes its end when it has handled all that was sent before.
        let mut waiting = [PollFd::new(&reading, PollFlags::empty())];
        match retry_on_intr(|| poll(&mut waiting, Some(&BARRIER_MAX)))? {
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "the service manager does not answer")),
            _ => Ok(()),
        }
    }

    /// Has the manager forget the queue.
    pub fn forget() -> io::Result<()> {
        sd_notify_with(&format!("FDSTOREREMOVE=1\nFDNAME={STORED_NAME}"), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read as _, Seek as _, Write as _};

    fn file(text: &str) -> File {
        let file = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(file);
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn texts(descriptors: Vec<OwnedFd>) -> Vec<String> {
        let text = |descriptor: OwnedFd| {
            let (mut file, mut text) = (File::from(descriptor), String::new());
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        };
        descriptors.into_iter().map(text).collect()
    }

    #[test]
    fn descriptors_are_received_in_their_order_and_can_be_given_back() {
        use std::os::fd::AsRawFd;
        let files: Vec<File> = (0..600).map(|number| file(&number.to_string())).collect();
        let expected: Vec<String> = (0..600).map(|number| number.to_string()).collect();
        let queue = DescriptorQueue::of(&files.iter().map(AsFd::as_fd).collect::<Vec<_>>()).unwrap();
        drop(files);
        // The manager passes the ends in any order.
        let DescriptorQueue { mut ends } = queue;
        ends.reverse();
        let queue = DescriptorQueue::passed(ends);
        let received = queue.receive().unwrap();
        let mut numbers: Vec<RawFd> = received.iter().map(AsRawFd::as_raw_fd).collect();
        numbers.insert(7, 1_000_000);
        queue.give_back(&numbers).unwrap();
        assert_eq!(texts(received), expected);
        assert_eq!(texts(queue.receive().unwrap()), expected);
        assert_eq!(queue.receive().unwrap().len(), 0);
    }
}
