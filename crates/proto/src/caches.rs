//! The router's side of several caches: whose data are in effect, and which caches to connect to (RFC 8210 section 10).
//!
//! A value beside the sessions. Its inputs are the state and the data of each cache; it has no connections, no time and
//! no serials. The union that it makes is in `union.rs`.

use crate::image::{Image, ImageSink, ImageWriter, Section};
use crate::union::Union;
use crate::version::Version;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Preference of a cache: a lower value is preferred (RFC 8210 section 10). It orders caches by distance, not by trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Preference(pub u8);

/// One cache among the [`Caches`] that handed out this id; no other cache of them ever gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheId(u32);

impl fmt::Display for CacheId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cache {}", self.0)
    }
}

/// The caches of a router, the data of each, and whose data are in effect (RFC 8210 and 8210bis, section 10).
///
/// A cache is *synchronised* from an End of Data until its connection is lost. What it sent then stays as a *reserve*,
/// until it is flushed.
///
/// 1. The synchronised caches of the most preferred group are in effect, a group being all caches of one
///    [`Preference`]. So a more preferred cache takes over as soon as it is synchronised, and a lost one is replaced by
///    any that is.
/// 2. While no cache is synchronised, those stay in effect that were so last, until they are flushed.
/// 3. If nothing of them is left, the most preferred group that has a reserve is in effect.
/// 4. Flushed data are never in effect, even if there are no others: expired data must not be used (section 6).
///
/// Inputs for an id that was removed change nothing: a session may end later than its cache. The inputs return whether
/// the [`union`](Caches::union) has to be made again. Cloning shares the data, so that a clone can make the union on
/// another thread.
///
/// # Example: two caches
///
/// ```
/// use rtrcast_proto::*;
///
/// let image_of = |addr: &str| {
///     let prefix = Prefix::new(addr.parse().unwrap(), 24).unwrap();
///     let mut writer = ImageWriter::new(Version::V1, Vec::new());
///     writer.origin(&RouteOrigin::new(prefix, 24, Asn(64496)).unwrap()).unwrap();
///     writer.finish().unwrap()
/// };
///
/// let mut caches = Caches::new();
/// let near = caches.add(Preference(10));
/// let far = caches.add(Preference(20));
///
/// // The far one is the first with an End of Data: better than nothing.
/// caches.synchronised(far, image_of("192.0.2.0"));
/// assert!(caches.effective().eq([far]));
/// assert!(caches.wanted().eq([near, far]));
///
/// // The near one takes over, and the far one is not needed any more.
/// caches.synchronised(near, image_of("198.51.100.0"));
/// assert!(caches.effective().eq([near]));
/// assert!(caches.wanted().eq([near]));
///
/// // Who ends the far one's session has to flush it, since its data would never expire.
/// caches.flushed(far);
///
/// // The near one is lost: what it sent stays, and both are wanted.
/// caches.lost(near);
/// assert!(caches.effective().eq([near]));
/// assert!(caches.wanted().eq([near, far]));
///
/// let union = caches.union(Version::V1, Vec::new()).unwrap();
/// assert_eq!(union.image, image_of("198.51.100.0"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Caches {
    caches: BTreeMap<CacheId, CacheEntry>,
    next_id: u32,
    /// Caches whose data are in effect; each of them has data.
    effective: Vec<CacheId>,
}

#[derive(Clone, Debug)]
struct CacheEntry {
    preference: Preference,
    data: CacheData,
}

/// Data of a cache. [R-MUL-02]
#[derive(Clone, Debug)]
enum CacheData {
    /// Nothing yet, or nothing any more.
    None,
    /// Its set as of the last End of Data; it is connected.
    Synchronised(Image),
    /// The same; the connection is lost.
    Reserve(Image),
}

impl Caches {
    /// No caches.
    pub fn new() -> Caches {
        Caches::default()
    }

    /// One more cache, which has no data yet.
    pub fn add(&mut self, preference: Preference) -> CacheId {
        let id = CacheId(self.next_id);
        self.next_id = self.next_id.checked_add(1).expect("nobody adds four thousand million caches");
        self.caches.insert(id, CacheEntry { preference, data: CacheData::None });
        id
    }

    /// Removes the cache and its data. True if the union changes.
    pub fn remove(&mut self, id: CacheId) -> bool {
        self.caches.remove(&id);
        self.settle()
    }

    /// An End of Data: the cache's whole set is this now, in place of what it had. True if the union changes; the
    /// same octets again are no change.
    pub fn synchronised(&mut self, id: CacheId, image: Image) -> bool {
        let Some(cache) = self.caches.get_mut(&id) else { return false };
        let same = cache.data.image().is_some_and(|had| Arc::ptr_eq(had.shared(), image.shared()));
        cache.data = CacheData::Synchronised(image); // [R-MUL-02]
        let others = self.settle();
        others || (!same && self.effective.contains(&id))
    }

    /// The connection is lost, could not be established, or the cache has No Data (error code 2): what it sent becomes
    /// a reserve. True if the union changes.
    ///
    /// A Cache Reset is no input: more preferred caches, which a router should try then (RFC 8210 section 8.3), are
    /// [`wanted`](Caches::wanted) all the time, and the next End of Data replaces the set. A caller that tolerates
    /// short interruptions calls this later.
    pub fn lost(&mut self, id: CacheId) -> bool {
        if let Some(cache) = self.caches.get_mut(&id) {
            cache.data = match core::mem::replace(&mut cache.data, CacheData::None) {
                CacheData::None => CacheData::None,
                CacheData::Synchronised(image) | CacheData::Reserve(image) => CacheData::Reserve(image), // [R-MUL-04]
            };
        }
        self.settle()
    }

    /// The cache's data have expired, or an error makes them unusable (RFC 8210 sections 6 and 12): they are dropped,
    /// whether or not others have data. True if the union changes.
    pub fn flushed(&mut self, id: CacheId) -> bool {
        if let Some(cache) = self.caches.get_mut(&id) {
            cache.data = CacheData::None; // [R-ERR-01]
        }
        self.settle()
    }

    /// The caches that should have a connection now, the most preferred first: the most preferred group, and each
    /// further one while no cache of the groups before it is synchronised (RFC 8210 sections 8.3, 8.4 and 10).
    ///
    /// Connections to others may be ended. Data of such a cache are a reserve if [`lost`](Caches::lost) is called and
    /// its session keeps checking their Expire; if there is no session any more, [`flushed`](Caches::flushed) must be
    /// called.
    pub fn wanted(&self) -> impl Iterator<Item = CacheId> + use<> {
        let last = self.most_preferred(CacheData::is_synchronised);
        let mut wanted: Vec<(Preference, CacheId)> = self
            .caches
            .iter()
            .map(|(id, cache)| (cache.preference, *id))
            .filter(|(preference, _)| last.is_none_or(|last| *preference <= last))
            .collect();
        wanted.sort_unstable();
        wanted.into_iter().map(|(_, id)| id)
    }

    /// Returns the caches whose data are in effect, in the order in which they were added. None means that there are no
    /// data, which differs from an empty data set.
    pub fn effective(&self) -> impl Iterator<Item = CacheId> {
        self.effective.iter().copied()
    }

    /// Returns the data of a cache, whether they are in effect or not.
    pub fn image(&self, id: CacheId) -> Option<&Image> {
        self.caches.get(&id)?.data.image()
    }

    /// Returns the data in effect as one set: each record that any effective cache has, and one ASPA a customer with
    /// the providers of all. The origin of a record is not kept (RFC 8210 section 10).
    ///
    /// The image of a single effective cache is not copied if it has this version; the sink is not used then. If no
    /// cache is effective, the set is empty.
    pub fn union<S: ImageSink>(&self, version: Version, sink: S) -> Result<Union, S::Error> {
        let images: Vec<&Image> = self.effective().filter_map(|id| self.image(id)).collect();
        if let [only] = images.as_slice()
            && only.version() == version
        {
            return Ok(Union { image: Image::clone(only), left_out: Vec::new() });
        }
        let mut writer = ImageWriter::new(version, sink);
        let mut left_out = Vec::new();
        for section in Section::ALL {
            left_out.extend(writer.union(section, images.iter().map(|image| image.records(section)))?);
        }
        Ok(Union { image: writer.finish()?, left_out })
    }

    /// Decides which caches are in effect, by the rules above; returns whether that changed.
    fn settle(&mut self) -> bool {
        let mut effective = self.group(CacheData::is_synchronised); // [R-MUL-01]
        if effective.is_empty() {
            effective = self.effective().filter(|id| self.image(*id).is_some()).collect(); // [R-MUL-04]
        }
        if effective.is_empty() {
            effective = self.group(|data| data.image().is_some());
        }
        let others = effective != self.effective;
        self.effective = effective;
        others
    }

    /// Returns the most preferred caches whose data match.
    fn group(&self, like_this: impl Fn(&CacheData) -> bool) -> Vec<CacheId> {
        let best = self.most_preferred(&like_this);
        self.caches
            .iter()
            .filter(|(_, cache)| Some(cache.preference) == best && like_this(&cache.data))
            .map(|(id, _)| *id)
            .collect()
    }

    fn most_preferred(&self, like_this: impl Fn(&CacheData) -> bool) -> Option<Preference> {
        self.caches.values().filter(|cache| like_this(&cache.data)).map(|cache| cache.preference).min()
    }
}

impl CacheData {
    fn is_synchronised(&self) -> bool {
        match self {
            CacheData::Synchronised(_) => true,
            CacheData::None | CacheData::Reserve(_) => false,
        }
    }

    fn image(&self) -> Option<&Image> {
        match self {
            CacheData::None => None,
            CacheData::Synchronised(image) | CacheData::Reserve(image) => Some(image),
        }
    }
}
