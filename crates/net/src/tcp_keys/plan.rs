//! Order in which a socket's keys change, so that no peer that had a key and still has one is without in between.
//!
//! The kernel replaces a key of TCP-MD5 in place. It cannot do that for TCP-AO, and refuses a key with the ids of
//! another one for the same peer: there the new key is added under unused ids, the old one is removed, the new one is
//! added under its own ids, and the temporary one is removed.

use super::{AoKey, Secret, TcpAuth, TcpKeys};
use crate::ip_prefix::IpPrefix;
use std::net::IpAddr;

/// One change by the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyChange {
    /// Sets a key of TCP-MD5, in place of the one of the prefix.
    SetMd5 { prefix: IpPrefix, secret: Secret, before: Option<Secret> },
    /// Takes a key of TCP-MD5 away.
    RemoveMd5 { prefix: IpPrefix, secret: Secret },
    /// Adds a key of TCP-AO.
    AddAo(AoKey),
    /// Adds the one that a connection begins with.
    AddFirstAo(AoKey),
    /// Takes a key of TCP-AO away.
    RemoveAo(AoKey),
}

impl KeyChange {
    /// Returns the change that reverts this one.
    pub(super) fn undone(&self) -> KeyChange {
        match self.clone() {
            KeyChange::SetMd5 { prefix, secret, before: Some(before) } => {
                KeyChange::SetMd5 { prefix, secret: before, before: Some(secret) }
            }
            KeyChange::SetMd5 { prefix, secret, before: None } => KeyChange::RemoveMd5 { prefix, secret },
            KeyChange::RemoveMd5 { prefix, secret } => KeyChange::SetMd5 { prefix, secret, before: None },
            KeyChange::AddAo(key) | KeyChange::AddFirstAo(key) => KeyChange::RemoveAo(key),
            KeyChange::RemoveAo(key) => KeyChange::AddAo(key),
        }
    }

    pub(super) fn removes(&self) -> bool {
        match self {
            KeyChange::RemoveMd5 { .. } | KeyChange::RemoveAo(_) => true,
            KeyChange::SetMd5 { .. } | KeyChange::AddAo(_) | KeyChange::AddFirstAo(_) => false,
        }
    }

    pub(super) fn prefix(&self) -> IpPrefix {
        match self {
            KeyChange::SetMd5 { prefix, .. } | KeyChange::RemoveMd5 { prefix, .. } => *prefix,
            KeyChange::AddAo(key) | KeyChange::AddFirstAo(key) | KeyChange::RemoveAo(key) => key.prefix,
        }
    }

    pub(super) fn auth(&self) -> TcpAuth {
        match self {
            KeyChange::SetMd5 { .. } | KeyChange::RemoveMd5 { .. } => TcpAuth::Md5,
            KeyChange::AddAo(_) | KeyChange::AddFirstAo(_) | KeyChange::RemoveAo(_) => TcpAuth::Ao,
        }
    }
}

/// Returns the changes that lead from keys to others.
pub(super) fn changes(before: &TcpKeys, after: &TcpKeys) -> Vec<KeyChange> {
    let (mut steps, md5_goes) = md5_removals(before, after);
    ao_changes(before, after, &mut steps);
    for (prefix, secret) in after.md5.iter() {
        let before = before.md5.get(prefix);
        if before != Some(secret) {
            steps.push(KeyChange::SetMd5 { prefix: *prefix, secret: secret.clone(), before: before.cloned() });
        }
    }
    steps.extend(md5_goes);
    steps
}

/// The keys of TCP-MD5 that go first, since the kernel takes no key of TCP-AO beside them, and those that go last.
fn md5_removals(before: &TcpKeys, after: &TcpKeys) -> (Vec<KeyChange>, Vec<KeyChange>) {
    let gone = before.md5.iter().filter(|(prefix, _)| after.md5.get(prefix).is_none());
    let gone = gone.map(|(prefix, secret)| KeyChange::RemoveMd5 { prefix: *prefix, secret: secret.clone() });
    gone.partition(|step| after.ao.iter().any(|(ao, _)| ao.overlaps(&step.prefix())))
}

fn ao_changes(before: &TcpKeys, after: &TcpKeys, steps: &mut Vec<KeyChange>) {
    let gone: Vec<_> = before.ao_keys().filter(|key| !after.ao_keys().any(|kept| kept == *key)).collect();
    let new = after.ao_keys().filter(|key| !before.ao_keys().any(|had| had == *key));
    let (in_the_way, free): (Vec<_>, Vec<_>) = new.partition(|key| gone.iter().any(|gone| gone.conflicts(key)));
    let mut stopgaps: Vec<AoKey> = Vec::new();
    for key in &in_the_way {
        let around = before.ao_keys().chain(after.ao_keys()).chain(&stopgaps);
        // With all 256 ids in use there is a moment without a key.
        if let Some(stopgap) = under_free_ids(key, around) {
            stopgaps.push(stopgap);
        }
    }
    steps.extend(free.into_iter().chain(&stopgaps).cloned().map(KeyChange::AddAo));
    steps.extend(gone.into_iter().cloned().map(KeyChange::RemoveAo));
    steps.extend(in_the_way.into_iter().cloned().map(KeyChange::AddAo));
    steps.extend(stopgaps.into_iter().map(KeyChange::RemoveAo));
}

/// A key under ids that none of those around its peers has.
fn under_free_ids<'a>(key: &AoKey, others: impl Iterator<Item = &'a AoKey>) -> Option<AoKey> {
    let (mut sends, mut receives) = ([false; 256], [false; 256]);
    for other in others.filter(|other| other.prefix.overlaps(&key.prefix)) {
        sends[usize::from(other.send_id)] = true;
        receives[usize::from(other.recv_id)] = true;
    }
    let free = |used: [bool; 256]| (0..=u8::MAX).rev().find(|id| !used[usize::from(*id)]);
    Some(AoKey { send_id: free(sends)?, recv_id: free(receives)?, ..key.clone() })
}

/// The keys for a connection to a peer, as keys of that address alone.
pub(super) fn to_dial(keys: &TcpKeys, remote: IpAddr) -> Vec<KeyChange> {
    let prefix = IpPrefix::host(remote);
    if let Some((_, secret)) = keys.md5.longest_match(remote) {
        return vec![KeyChange::SetMd5 { prefix, secret: secret.clone(), before: None }];
    }
    let Some((_, keys)) = keys.ao.longest_match(remote) else { return Vec::new() };
    let keys = keys.iter().map(|key| AoKey { prefix, ..key.clone() }).enumerate();
    keys.map(|(n, key)| if n == 0 { KeyChange::AddFirstAo(key) } else { KeyChange::AddAo(key) }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::do_all;
    use super::*;
    use std::io;

    /// Model of the kernel: its keys and its rules.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Kernel {
        md5: Vec<(IpPrefix, Secret)>,
        ao: Vec<AoKey>,
    }

    impl Kernel {
        fn does(&mut self, step: &KeyChange) -> io::Result<()> {
            let refused = || Err(io::ErrorKind::PermissionDenied.into());
            match step {
                KeyChange::SetMd5 { prefix, secret, .. } => {
                    if self.ao.iter().any(|key| key.prefix.overlaps(prefix)) {
                        return refused();
                    }
                    self.md5.retain(|(other, _)| other != prefix);
                    self.md5.push((*prefix, secret.clone()));
                }
                KeyChange::RemoveMd5 { prefix, .. } => {
                    let at = self.md5.iter().position(|(other, _)| other == prefix);
                    self.md5.remove(at.ok_or(io::ErrorKind::NotFound)?);
                }
                KeyChange::AddAo(key) | KeyChange::AddFirstAo(key) => {
                    if self.md5.iter().any(|(prefix, _)| key.prefix.overlaps(prefix)) {
                        return refused();
                    }
                    if self.ao.iter().any(|other| other.conflicts(key)) {
                        return Err(io::ErrorKind::AlreadyExists.into());
                    }
                    self.ao.push(key.clone());
                }
                KeyChange::RemoveAo(key) => {
                    let same = |other: &AoKey| {
                        (other.prefix, other.send_id, other.recv_id) == (key.prefix, key.send_id, key.recv_id)
                    };
                    let at = self.ao.iter().position(same);
                    self.ao.remove(at.ok_or(io::ErrorKind::NotFound)?);
                }
            }
            Ok(())
        }

        fn protects(&self, address: IpAddr) -> bool {
            self.md5
                .iter()
                .map(|(prefix, _)| prefix)
                .chain(self.ao.iter().map(|key| &key.prefix))
                .any(|p| p.contains(address))
        }

        /// In an order that does not depend on the way.
        fn sorted(mut self) -> Kernel {
            self.md5.sort_by_key(|(prefix, _)| *prefix);
            self.ao.sort_by_key(|key| (key.prefix, key.send_id));
            self
        }
    }

    fn having(keys: &TcpKeys) -> Kernel {
        let mut kernel = Kernel::default();
        do_all(&changes(&TcpKeys::default(), keys), |step| kernel.does(step)).unwrap();
        kernel.sorted()
    }

    fn keys(md5: &str, ao: &str) -> TcpKeys {
        TcpKeys::default().with_md5(md5).unwrap().with_ao(ao).unwrap()
    }

    fn sets() -> Vec<TcpKeys> {
        vec![
            keys("", ""),
            keys("192.0.2.1 a", ""),
            keys("192.0.2.1 b", ""),
            keys("192.0.2.0/24 a\n2001:db8::1 c", ""),
            keys("192.0.2.0/24 a\n192.0.2.1 a\n2001:db8::/32 c", ""),
            keys("", "192.0.2.1 1 1 hmac-sha1-96 a"),
            keys("", "192.0.2.1 1 1 hmac-sha1-96 b"),
            keys("", "192.0.2.1 1 1 hmac-sha1-96 a\n192.0.2.1 2 2 hmac-sha1-96 b"),
            keys("", "192.0.2.1 1 2 hmac-sha1-96 a\n192.0.2.1 2 1 aes-128-cmac-96 b"),
            keys("", "192.0.2.0/24 1 1 hmac-sha1-96 a\n2001:db8::1 1 1 hmac-sha1-96 c"),
            keys("", "192.0.2.0/24 254 254 hmac-sha1-96 a\n192.0.2.1 255 255 hmac-sha1-96 a"),
            keys("192.0.2.0/24 a", "2001:db8::1 1 1 hmac-sha1-96 c"),
            keys("2001:db8::1 c", "192.0.2.0/24 1 1 hmac-sha1-96 c"),
        ]
    }

    #[test]
    fn a_change_has_the_keys_meant_and_leaves_no_peer_without_a_key_in_between() {
        let watched = ["192.0.2.1", "192.0.2.9", "2001:db8::1"].map(|address| address.parse::<IpAddr>().unwrap());
        let (mut changed, mut exempt) = (0, 0);
        for before in sets() {
            for after in sets() {
                let mut kernel = having(&before);
                for step in changes(&before, &after) {
                    kernel.does(&step).unwrap();
                    for address in watched {
                        match (before.key_for(address), after.key_for(address)) {
                            (Some((_, had)), Some((_, has))) if had == has => {
                                assert!(kernel.protects(address), "{before:?} to {after:?}, {step:?}");
                                changed += 1;
                            }
                            _ => exempt += 1,
                        }
                    }
                }
                assert_eq!(kernel.sorted(), having(&after), "{before:?} to {after:?}");
            }
        }
        assert!(changed > 100 && exempt > 100, "{changed} {exempt}");
    }

    #[test]
    fn a_change_that_fails_anywhere_is_undone() {
        for before in sets() {
            for after in sets() {
                let steps = changes(&before, &after);
                for failing in 0..steps.len() {
                    let mut kernel = having(&before);
                    let mut step_number = 0;
                    let done = do_all(&steps, |step| {
                        step_number += 1;
                        match step_number == failing + 1 {
                            true => Err(io::ErrorKind::OutOfMemory.into()),
                            false => kernel.does(step),
                        }
                    });
                    assert_eq!(done.unwrap_err().prefix, steps[failing].prefix());
                    assert_eq!(kernel.sorted(), having(&before), "{before:?} to {after:?} at {failing}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_is_missing_need_not_be_removed() {
        let before = keys("192.0.2.1 a", "192.0.2.2 1 1 hmac-sha1-96 a");
        let mut kernel = Kernel::default();
        do_all(&changes(&before, &TcpKeys::default()), |step| kernel.does(step)).unwrap();
        assert_eq!(kernel, Kernel::default());
    }

    #[test]
    fn without_a_free_id_the_old_key_is_removed_before_the_new_one_is_added() {
        let all = |last: &str| {
            let key = |id| format!("192.0.2.1 {id} {id} hmac-sha1-96 {}\n", if id == 255 { last } else { "k" });
            keys("", &(0..=255).map(key).collect::<String>())
        };
        let steps = changes(&all("a"), &all("b"));
        assert!(matches!(&steps[..], [KeyChange::RemoveAo(_), KeyChange::AddAo(_)]), "{steps:?}");
    }

    #[test]
    fn a_dialer_has_the_keys_of_the_longest_match_for_one_address() {
        let keys = keys(
            "2001:db8::/32 a",
            "192.0.0.0/16 1 1 hmac-sha1-96 a\n192.0.2.0/24 7 7 hmac-sha1-96 b\n192.0.2.0/24 2 2 hmac-sha1-96 c",
        );
        let dial = |remote: &str| to_dial(&keys, remote.parse().unwrap());
        let steps = dial("::ffff:192.0.2.1");
        let [KeyChange::AddFirstAo(first), KeyChange::AddAo(second)] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!((first.prefix.to_string(), first.send_id), ("192.0.2.1/32".to_owned(), 7));
        assert_eq!((second.prefix.to_string(), second.send_id), ("192.0.2.1/32".to_owned(), 2));
        let steps = dial("2001:db8::1");
        let [KeyChange::SetMd5 { prefix, secret, before: None }] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!((prefix.to_string(), &*secret.0), ("2001:db8::1/128".to_owned(), &b"a"[..]));
        assert_eq!(dial("198.51.100.1"), []);
    }
}
