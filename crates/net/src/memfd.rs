//! Data sets in sealed memory files: written once, mapped read only, and sent by the kernel with `sendfile`.
//!
//! Where the system has no memory files, or gives none, the octets lie on the heap, and all works but the sending
//! without copies.

use rtrcast_proto::{ImageSink, Octets};
use std::any::Any;
use std::io;
use std::sync::Arc;

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use crate::sys::Mapping;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    /// A memory file that is being written.
    pub(crate) struct Unsealed {
        file: File,
        octets: usize,
    }

    impl Unsealed {
        pub(crate) fn new() -> io::Result<Unsealed> {
            let file = memfd_create("rtrcast-data", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            Ok(Unsealed { file: File::from(file), octets: 0 })
        }

        pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
            self.file.write_all(octets)?;
            self.octets += octets.len();
            Ok(())
        }

        pub(crate) fn seal(self) -> io::Result<Memfd> {
            fcntl_add_seals(&self.file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
            #[expect(unsafe_code, reason = "the condition of Mapping::new is met one line above")]
            // SAFETY: the file is sealed against writing and shrinking, and the seals cannot be taken off.
            let mapping = unsafe { Mapping::new(&self.file, self.octets) }?;
            Ok(Memfd { mapping, file: self.file })
        }
    }

    /// A sealed memory file and its mapping.
    pub(crate) struct Memfd {
        mapping: Mapping,
        file: File,
    }

    impl Memfd {
        /// A memory file that another program has sealed, of so many octets.
        pub(crate) fn passed(file: OwnedFd, octets: usize) -> io::Result<Memfd> {
            let needed = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
            let file = File::from(file);
            if !fcntl_get_seals(&file)?.contains(needed) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not sealed"));
            }
            if file.metadata()?.len() != octets as u64 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it has another size"));
            }
            #[expect(unsafe_code, reason = "the condition of Mapping::new is met by the seals")]
            // SAFETY: the file is sealed against writing and shrinking, and seals cannot be taken off.
            let mapping = unsafe { Mapping::new(&file, octets) }?;
            Ok(Memfd { mapping, file })
        }
    }

    impl AsFd for Memfd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.file.as_fd()
        }
    }

    impl AsRef<[u8]> for Memfd {
        fn as_ref(&self) -> &[u8] {
            self.mapping.as_ref()
        }
    }

    impl Octets for Memfd {
        fn as_any(&self) -> &dyn Any {
            self
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Memfd;

/// Sink of a data set's image.
pub struct DataSink(Storage);

enum Storage {
    #[cfg(target_os = "linux")]
    Memfd(linux::Unsealed),
    Heap(Vec<u8>),
}

impl DataSink {
    /// A memory file if the system has them, else the heap.
    pub fn new() -> DataSink {
        #[cfg(target_os = "linux")]
        if let Ok(unsealed) = linux::Unsealed::new() {
            return DataSink(Storage::Memfd(unsealed));
        }
        DataSink(Storage::Heap(Vec::new()))
    }
}

impl Default for DataSink {
    fn default() -> DataSink {
        DataSink::new()
    }
}

impl ImageSink for DataSink {
    type Error = io::Error;

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Storage::Memfd(unsealed) => unsealed.write(octets),
            Storage::Heap(heap) => {
                heap.extend_from_slice(octets);
                Ok(())
            }
        }
    }

    fn seal(self) -> io::Result<Arc<dyn Octets>> {
        match self.0 {
            #[cfg(target_os = "linux")]
            Storage::Memfd(unsealed) => Ok(Arc::new(unsealed.seal()?)),
            Storage::Heap(heap) => match heap.seal() {
                Ok(octets) => Ok(octets),
                Err(never) => match never {},
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_data_set_reads_back() {
        for empty in [true, false] {
            let mut sink = DataSink::new();
            let octets: Vec<u8> = if empty { Vec::new() } else { (0..=255).cycle().take(100_000).collect() };
            for piece in octets.chunks(4_097) {
                sink.write(piece).unwrap();
            }
            assert_eq!((*sink.seal().unwrap()).as_ref(), octets);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_sealed_data_set_is_an_immutable_file() {
        let mut sink = DataSink::new();
        sink.write(b"payload").unwrap();
        let sealed = sink.seal().unwrap();
        let memfd = sealed.as_any().downcast_ref::<Memfd>().expect("a memory file");
        assert!(rustix::io::pwrite(memfd, b"x", 0).is_err());
        assert!(rustix::fs::ftruncate(memfd, 0).is_err());
    }
}
