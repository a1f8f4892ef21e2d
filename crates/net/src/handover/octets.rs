//! Octets that responses are sent from, each handed over once, however many connections read it.

use super::{Descriptors, PassedDescriptors};
#[cfg(target_os = "linux")]
use crate::memfd::Memfd;
use rtrcast_proto::{FieldDecoder, FieldEncoder, Octets};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Shared octets by their numbers.
#[derive(Default)]
pub struct SharedOctets {
    octets: Vec<Arc<dyn Octets>>,
}

impl SharedOctets {
    /// Returns the number of these octets.
    pub fn number_of(&mut self, octets: &Arc<dyn Octets>) -> u32 {
        let number = self.octets.iter().position(|other| Arc::ptr_eq(other, octets)).unwrap_or_else(|| {
            self.octets.push(Arc::clone(octets));
            self.octets.len() - 1
        });
        u32::try_from(number).expect("there are few")
    }

    /// Returns octets by their number.
    pub fn get(&self, number: u32) -> Option<Arc<dyn Octets>> {
        self.octets.get(usize::try_from(number).ok()?).cloned()
    }

    /// Writes them: memory files as descriptors, and others as they are.
    pub fn encode<'a>(&'a self, encoder: &mut FieldEncoder, descriptors: &mut Descriptors<'a>) {
        let octets: Vec<&'a Arc<dyn Octets>> = self.octets.iter().collect();
        encoder.list(&octets, |encoder, octets| {
            #[cfg(target_os = "linux")]
            if let Some(memfd) = octets.as_any().downcast_ref::<Memfd>() {
                encoder.u8(0);
                encoder.u32(descriptors.add(memfd));
                encoder.u64(memfd.as_ref().len() as u64);
                return;
            }
            encoder.u8(1);
            encoder.octets((***octets).as_ref());
        });
    }

    /// Writes them all as they are, for a program that has no descriptors.
    pub fn encode_whole(&self, encoder: &mut FieldEncoder) {
        encoder.list(&self.octets, |encoder, octets| {
            encoder.u8(1);
            encoder.octets((**octets).as_ref());
        });
    }

    /// Reads them. Memory files have to be sealed.
    pub fn decode(
        decoder: &mut FieldDecoder<'_>,
        descriptors: &PassedDescriptors,
    ) -> Result<SharedOctets, SharedOctetsError> {
        let mut error = None;
        let octets = decoder.list(|decoder| match decoder.u8()? {
            0 => {
                let (descriptor, octets) =
                    (descriptors.duplicate(decoder.u32()?)?, usize::try_from(decoder.u64()?).ok()?);
                memory_file(descriptor, octets).map_err(|invalid| error = Some(invalid)).ok()
            }
            1 => Some(Arc::new(decoder.octets()?.to_vec()) as Arc<dyn Octets>),
            _ => None,
        });
        match (octets, error) {
            (Some(octets), _) => Ok(SharedOctets { octets }),
            (None, Some(error)) => Err(SharedOctetsError::File(error)),
            (None, None) => Err(SharedOctetsError::Invalid),
        }
    }
}

#[cfg(target_os = "linux")]
fn memory_file(file: OwnedFd, octets: usize) -> io::Result<Arc<dyn Octets>> {
    Ok(Arc::new(Memfd::passed(file, octets)?))
}

#[cfg(not(target_os = "linux"))]
fn memory_file(_: OwnedFd, _: usize) -> io::Result<Arc<dyn Octets>> {
    Err(io::ErrorKind::Unsupported.into())
}

impl fmt::Debug for SharedOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedOctets").field("number", &self.octets.len()).finish_non_exhaustive()
    }
}

/// Reason that shared octets can't be read.
#[derive(Debug)]
pub enum SharedOctetsError {
    /// They are not written as such.
    Invalid,
    /// A memory file can't be used.
    File(io::Error),
}

impl fmt::Display for SharedOctetsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SharedOctetsError::Invalid => f.write_str("the list of data sets is invalid"),
            SharedOctetsError::File(error) => write!(f, "the memory file of a data set: {error}"),
        }
    }
}

impl std::error::Error for SharedOctetsError {}
