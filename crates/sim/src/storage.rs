//! Storage of images that counts how many there are: an image that nothing needs has to go.

use rtrcast_proto::{ImageSink, Octets};
use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count of images that are in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageCounter(Arc<AtomicUsize>);

impl ImageCounter {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn sink(&self) -> CountedSink {
        CountedSink { octets: Vec::new(), counter: self.clone() }
    }
}

/// A sink whose images are counted.
pub(crate) struct CountedSink {
    octets: Vec<u8>,
    counter: ImageCounter,
}

impl ImageSink for CountedSink {
    type Error = Infallible;

    fn write(&mut self, octets: &[u8]) -> Result<(), Infallible> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    fn seal(self) -> Result<Arc<dyn Octets>, Infallible> {
        self.counter.0.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(CountedOctets { octets: self.octets, counter: self.counter }))
    }
}

struct CountedOctets {
    octets: Vec<u8>,
    counter: ImageCounter,
}

impl AsRef<[u8]> for CountedOctets {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Octets for CountedOctets {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for CountedOctets {
    fn drop(&mut self) {
        self.counter.0.fetch_sub(1, Ordering::Relaxed);
    }
}
