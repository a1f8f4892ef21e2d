//! The router's side of several caches: whose data count, and whom to be connected to (RFC 8210 section 10).
//!
//! A value beside the sessions. It is told what becomes of each cache and its data; it knows no connections, no time
//! and no serials. The union that it makes is in `union.rs`.

use crate::image::{Image, ImageSink, ImageWriter, Section};
use crate::union::Union;
use crate::version::Version;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// How much a cache is preferred: the lower, the more (RFC 8210 section 10). It says what is near, not what is trusted.
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

/// The caches of a router, the data of each, and whose data count (RFC 8210 and 8210bis, section 10).
///
/// A cache is *synchronised* from an End of Data until its connection is lost. What it sent then stays as a *reserve*,
/// until it is flushed.
///
/// 1. The synchronised caches of the most preferred group count, a group being all caches of one [`Preference`]. So a
///    more preferred cache takes over as soon as it is synchronised, and a lost one gives way to any that is.
/// 2. While no cache is synchronised, those stay that counted last, until they are flushed.
/// 3. If nothing of them is left, the most preferred group counts that has a reserve.
/// 4. What is flushed never counts, even if nothing else is there: expired data must not be used (section 6).
///
/// What is said of an id that was removed changes nothing: a session may end later than its cache. The inputs return
/// whether the [`union`](Caches::union) is to be made again. Cloning shares the data, so that a clone can make the
/// union on another thread.
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
/// // A user who ends the far one's session flushes it, since nobody will say when its data expire.
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
    /// Whose data count; each of them has data.
    effective: Vec<CacheId>,
}

#[derive(Clone, Debug)]
struct CacheEntry {
    preference: Preference,
    data: CacheData,
}

/// What is held of a cache. [R-MUL-02]
#[derive(Clone, Debug)]
enum CacheData {
    /// Nothing yet, or nothing any more.
    None,
    /// Its set as of the last End of Data, and the connection is well.
    Synchronised(Image),
    /// The same, and the connection is lost.
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

    /// The cache is not to be used any more: it goes, and its data with it. True if the union changes.
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

    /// The connection is lost, could not be had, or the cache has No Data (error code 2): what it sent becomes a
    /// reserve. True if the union changes.
    ///
    /// A Cache Reset need not be told: more preferred caches, which a router should try then (RFC 8210 section 8.3),
    /// are [`wanted`](Caches::wanted) all the time, and the next End of Data replaces the set. Who wants to bridge a
    /// short break tells of it later.
    pub fn lost(&mut self, id: CacheId) -> bool {
        if let Some(cache) = self.caches.get_mut(&id) {
            cache.data = match core::mem::replace(&mut cache.data, CacheData::None) {
                CacheData::None => CacheData::None,
                CacheData::Synchronised(image) | CacheData::Reserve(image) => CacheData::Reserve(image), // [R-MUL-04]
            };
        }
        self.settle()
    }

    /// The cache's data have expired, or an error says that they are worth nothing (RFC 8210 sections 6 and 12): they
    /// go, whoever else has data. True if the union changes.
    pub fn flushed(&mut self, id: CacheId) -> bool {
        if let Some(cache) = self.caches.get_mut(&id) {
            cache.data = CacheData::None; // [R-ERR-01]
        }
        self.settle()
    }

    /// The caches that should have a connection now, the most preferred first: the most preferred group, and each
    /// further one while no cache of the groups before it is synchronised (RFC 8210 sections 8.3, 8.4 and 10).
    ///
    /// Connections to others may be ended. What such a cache sent is a reserve if it is told as [`lost`](Caches::lost)
    /// and its session goes on to watch its Expire; if there is no session any more, it must be
    /// [`flushed`](Caches::flushed).
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

    /// The caches whose data count now, in the order in which they were added. None: there are no data, which is not
    /// the same as data with nothing in them.
    pub fn effective(&self) -> impl Iterator<Item = CacheId> {
        self.effective.iter().copied()
    }

    /// What is held of a cache, whether it counts or not.
    pub fn image(&self, id: CacheId) -> Option<&Image> {
        self.caches.get(&id)?.data.image()
    }

    /// The data that count as one set: each record that any effective cache has, and one ASPA a customer with the
    /// providers of all. Whose a record is does not show (RFC 8210 section 10).
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

    /// Finds out anew who counts, by the rules above; says whether they are others.
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

    /// Of the caches whose data are like this, the most preferred.
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
