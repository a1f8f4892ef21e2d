//! Keys as options of a TCP socket of Linux (`linux/tcp.h`), and the meanings of its errors.
//!
//! The kernel's structures are written octet by octet, a line a field, in the order of that header.

use super::plan::KeyChange;
use super::{AoAlgorithm, AoKey, Secret, TcpAuth, TcpKeysError};
use crate::ip_prefix::IpPrefix;
use crate::sys::set_tcp_option;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::sockopt::socket_domain;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

const TCP_MD5SIG_EXT: i32 = 32;
const TCP_AO_ADD_KEY: i32 = 38;
const TCP_AO_DEL_KEY: i32 = 39;

/// Flag that puts `tcpm_prefixlen` in effect.
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;

/// The sizes of `struct tcp_md5sig`, `struct tcp_ao_add` and `struct tcp_ao_del`.
const MD5SIG_OCTETS: usize = 216;
const AO_ADD_OCTETS: usize = 288;
const AO_DEL_OCTETS: usize = 144;

/// Of `struct __kernel_sockaddr_storage`, of the name of an algorithm, and of a key.
const ADDRESS_OCTETS: usize = 128;
const NAME_OCTETS: usize = 64;
const KEY_OCTETS: usize = super::KEY_OCTETS_MAX;

/// The bits `set_current` and `set_rnext`: a bit field's first is the lowest where the lowest octet comes first.
const SET_CURRENT_AND_RNEXT: u32 = if cfg!(target_endian = "little") { 0b11 } else { 0b11 << 30 };

/// A socket's family: how addresses are written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketFamily {
    Ipv4,
    /// IPv4 addresses are mapped into it.
    Ipv6,
}

impl SocketFamily {
    pub(super) fn of(socket: &impl AsFd) -> io::Result<SocketFamily> {
        match socket_domain(socket)? {
            AddressFamily::INET => Ok(SocketFamily::Ipv4),
            AddressFamily::INET6 => Ok(SocketFamily::Ipv6),
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "the socket is none of TCP")),
        }
    }

    /// Returns true if peers of a prefix can connect to such a socket.
    pub(super) fn has(self, prefix: IpPrefix) -> bool {
        self == SocketFamily::Ipv6 || prefix.address().is_ipv4()
    }
}

/// Does a step on a socket.
pub(super) fn set(socket: &impl AsFd, family: SocketFamily, step: &KeyChange) -> io::Result<()> {
    let (option, octets) = told(family, step);
    set_tcp_option(socket.as_fd(), option, &octets)
}

fn told(family: SocketFamily, step: &KeyChange) -> (i32, Vec<u8>) {
    match step {
        KeyChange::SetMd5 { prefix, secret, .. } => (TCP_MD5SIG_EXT, md5sig(family, *prefix, Some(secret))),
        KeyChange::RemoveMd5 { prefix, .. } => (TCP_MD5SIG_EXT, md5sig(family, *prefix, None)),
        KeyChange::AddAo(key) => (TCP_AO_ADD_KEY, ao_add(family, key, 0)),
        KeyChange::AddFirstAo(key) => (TCP_AO_ADD_KEY, ao_add(family, key, SET_CURRENT_AND_RNEXT)),
        KeyChange::RemoveAo(key) => (TCP_AO_DEL_KEY, ao_del(family, key)),
    }
}

/// `struct tcp_md5sig`; without a key it is removed.
fn md5sig(family: SocketFamily, prefix: IpPrefix, secret: Option<&Secret>) -> Vec<u8> {
    let secret = secret.map(|secret| &*secret.0).unwrap_or_default();
    let mut octets = Vec::with_capacity(MD5SIG_OCTETS);
    push_address(&mut octets, family, prefix.address()); // tcpm_addr
    octets.push(TCP_MD5SIG_FLAG_PREFIX); // tcpm_flags
    octets.push(prefix.length()); // tcpm_prefixlen: of IPv4 up to 32 even where it is mapped
    octets.extend(u16::from(length(secret)).to_ne_bytes()); // tcpm_keylen
    octets.extend(0_i32.to_ne_bytes()); // tcpm_ifindex
    push_padded(&mut octets, secret, KEY_OCTETS); // tcpm_key
    debug_assert_eq!(octets.len(), MD5SIG_OCTETS);
    octets
}

/// `struct tcp_ao_add`, with these bits set.
fn ao_add(family: SocketFamily, key: &AoKey, bits: u32) -> Vec<u8> {
    let (name, mac_octets) = algorithm(key.algorithm);
    let mut octets = Vec::with_capacity(AO_ADD_OCTETS);
    push_address(&mut octets, family, key.prefix.address()); // addr
    push_padded(&mut octets, name.as_bytes(), NAME_OCTETS); // alg_name
    octets.extend(0_i32.to_ne_bytes()); // ifindex
    octets.extend(bits.to_ne_bytes()); // set_current, set_rnext, reserved
    octets.extend([0; 2]); // reserved2
    octets.push(key.prefix.length()); // prefix: of IPv4 up to 32 even where it is mapped
    octets.push(key.send_id); // sndid
    octets.push(key.recv_id); // rcvid
    octets.push(mac_octets); // maclen
    octets.push(0); // keyflags
    octets.push(length(&key.secret.0)); // keylen
    push_padded(&mut octets, &key.secret.0, KEY_OCTETS); // key
    debug_assert_eq!(octets.len(), AO_ADD_OCTETS);
    octets
}

/// `struct tcp_ao_del`.
fn ao_del(family: SocketFamily, key: &AoKey) -> Vec<u8> {
    let mut octets = Vec::with_capacity(AO_DEL_OCTETS);
    push_address(&mut octets, family, key.prefix.address()); // addr
    octets.extend(0_i32.to_ne_bytes()); // ifindex
    octets.extend(0_u32.to_ne_bytes()); // set_current, set_rnext, del_async, reserved
    octets.extend([0; 2]); // reserved2
    octets.push(key.prefix.length()); // prefix
    octets.push(key.send_id); // sndid
    octets.push(key.recv_id); // rcvid
    octets.extend([0; 2]); // current_key, rnext
    octets.push(0); // keyflags
    debug_assert_eq!(octets.len(), AO_DEL_OCTETS);
    octets
}

/// The kernel's name of an algorithm, and how many octets of it a segment carries (RFC 5926 section 3.2).
fn algorithm(algorithm: AoAlgorithm) -> (&'static str, u8) {
    match algorithm {
        AoAlgorithm::HmacSha1 => ("hmac(sha1)", 12),
        AoAlgorithm::Aes128Cmac => ("cmac(aes128)", 12),
        AoAlgorithm::HmacSha256 => ("hmac(sha256)", 16),
    }
}

/// A `struct sockaddr_in` or `struct sockaddr_in6` without a port, as long as any address.
fn push_address(octets: &mut Vec<u8>, family: SocketFamily, address: IpAddr) {
    let mut socket_address = Vec::with_capacity(ADDRESS_OCTETS);
    let number = |family: AddressFamily| family.as_raw().to_ne_bytes();
    let ipv6 = match (family, address) {
        (SocketFamily::Ipv4, IpAddr::V4(address)) => {
            socket_address.extend(number(AddressFamily::INET));
            socket_address.extend([0; 2]);
            socket_address.extend(address.octets());
            return push_padded(octets, &socket_address, ADDRESS_OCTETS);
        }
        (_, IpAddr::V4(address)) => address.to_ipv6_mapped(),
        (_, IpAddr::V6(address)) => address,
    };
    socket_address.extend(number(AddressFamily::INET6));
    // The port and sin6_flowinfo.
    socket_address.extend([0; 2 + 4]);
    socket_address.extend(ipv6.octets());
    push_padded(octets, &socket_address, ADDRESS_OCTETS);
}

fn push_padded(octets: &mut Vec<u8>, field: &[u8], length: usize) {
    let end = octets.len() + length;
    octets.extend(field);
    octets.resize(end, 0);
}

fn length(secret: &[u8]) -> u8 {
    u8::try_from(secret.len()).expect("a file of keys has none of more than KEY_OCTETS_MAX")
}

/// Returns the meaning of an error of the kernel, where its own text does not have it.
pub(super) fn meaning(error: &TcpKeysError) -> Option<&'static str> {
    let is_ipv4_default = error.prefix.address().is_ipv4() && error.prefix.length() == 0;
    match (Errno::from_io_error(&error.error)?, error.auth) {
        (Errno::NOPROTOOPT, TcpAuth::Ao) => {
            Some("this kernel has no TCP-AO; Linux 6.7 or newer built with CONFIG_TCP_AO has")
        }
        (Errno::NOPROTOOPT, TcpAuth::Md5) => {
            Some("this kernel has no TCP-MD5; Linux 4.13 or newer built with CONFIG_TCP_MD5SIG has")
        }
        (Errno::NOENT, _) => Some("this kernel lacks the algorithm"),
        (Errno::NOMEM, _) => Some("the kernel has no room for more keys of one socket; net.core.optmem_max bounds it"),
        (Errno::KEYREJECTED, _) => Some("the socket has a key of the other kind for these peers, TCP-MD5 or TCP-AO"),
        (Errno::EXIST, TcpAuth::Ao) => Some("the socket has a key with one of these ids for these peers"),
        (Errno::INVAL, TcpAuth::Ao) if is_ipv4_default => {
            Some("the kernel takes a TCP-AO key of 0.0.0.0/0 only for a listener that is of IPv4 alone")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::TcpKeys;
    use super::super::plan::{changes, to_dial};
    use super::*;

    fn steps(md5: &str, ao: &str) -> Vec<KeyChange> {
        let keys = TcpKeys::default().with_md5(md5).unwrap().with_ao(ao).unwrap();
        changes(&TcpKeys::default(), &keys)
    }

    /// Octets other than zero, with their positions.
    fn fields(octets: &[u8]) -> Vec<(usize, String)> {
        let mut fields: Vec<(usize, String)> = Vec::new();
        for (at, octet) in octets.iter().enumerate().filter(|(_, octet)| **octet != 0) {
            match fields.last_mut() {
                Some((start, field)) if *start + field.len() / 2 == at => field.push_str(&format!("{octet:02x}")),
                _ => fields.push((at, format!("{octet:02x}"))),
            }
        }
        fields
    }

    fn field(at: usize, octets: &str) -> (usize, String) {
        (at, octets.to_owned())
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn t_md5_01_a_key_is_set_in_the_kernels_layout() {
        let set = &steps("192.0.2.128/25 abc", "")[0];
        let (option, octets) = told(SocketFamily::Ipv4, set);
        assert_eq!((option, octets.len()), (32, 216));
        // Family and address, flags with prefix length and key length, the key.
        assert_eq!(
            fields(&octets),
            [field(0, "02"), field(4, "c0"), field(6, "0280"), field(128, "011903"), field(136, "616263")]
        );
        let (_, octets) = told(SocketFamily::Ipv6, set);
        assert_eq!(
            fields(&octets),
            [field(0, "0a"), field(18, "ffffc0"), field(22, "0280"), field(128, "011903"), field(136, "616263")]
        );
        let (option, octets) = told(SocketFamily::Ipv6, &set.undone());
        assert_eq!((option, octets.len()), (32, 216));
        assert_eq!(fields(&octets), [field(0, "0a"), field(18, "ffffc0"), field(22, "0280"), field(128, "0119")]);
        let longest = "k".repeat(80);
        let (_, octets) = told(SocketFamily::Ipv6, &steps(&format!("2001:db8::1 {longest}"), "")[0]);
        assert_eq!(octets.len(), 216);
        assert_eq!(&octets[8..24], "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        assert_eq!((&octets[128..132], &octets[136..]), (&[1, 128, 80, 0][..], longest.as_bytes()));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn t_ao_01_a_key_is_set_in_the_kernels_layout() {
        let add = &steps("", "2001:db8::/32 7 9 hmac-sha1-96 abc")[0];
        let (option, octets) = told(SocketFamily::Ipv6, add);
        assert_eq!((option, octets.len()), (38, 288));
        let name: String = b"hmac(sha1)".iter().map(|octet| format!("{octet:02x}")).collect();
        // Family, address, algorithm; prefix length with ids and MAC length; key length with the key.
        assert_eq!(
            fields(&octets),
            [field(0, "0a"), field(8, "20010db8"), field(128, &name), field(202, "2007090c"), field(207, "03616263")]
        );
        let (option, octets) = told(SocketFamily::Ipv6, &add.undone());
        assert_eq!((option, octets.len()), (39, 144));
        assert_eq!(fields(&octets), [field(0, "0a"), field(8, "20010db8"), field(138, "200709")]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn t_ao_01_a_dialer_sets_its_first_key_and_ipv4_is_mapped() {
        let longest = "k".repeat(80);
        let text = format!(
            "192.0.2.0/24 1 2 aes-128-cmac-96 {longest}\n192.0.2.0/24 3 4 hmac-sha256-128 0x{}",
            "11".repeat(16)
        );
        let keys = TcpKeys::default().with_ao(&text).unwrap();
        let steps = to_dial(&keys, "192.0.2.1".parse().unwrap());
        let (_, first) = told(SocketFamily::Ipv6, &steps[0]);
        assert_eq!((first.len(), &first[196..208]), (288, &[3, 0, 0, 0, 0, 0, 32, 1, 2, 12, 0, 80][..]));
        assert_eq!(&first[8..24], "::ffff:192.0.2.1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        assert_eq!((&first[128..141], &first[208..]), (&b"cmac(aes128)\0"[..], longest.as_bytes()));
        let (_, second) = told(SocketFamily::Ipv4, &steps[1]);
        assert_eq!(&second[196..208], [0, 0, 0, 0, 0, 0, 32, 3, 4, 16, 0, 16]);
        assert_eq!((&second[..8], &second[128..141]), (&[2, 0, 0, 0, 192, 0, 2, 1][..], &b"hmac(sha256)\0"[..]));
    }

    #[test]
    fn errors_of_the_kernel_are_explained() {
        let shown = |errno: Errno, auth, prefix: &str| {
            TcpKeysError { prefix: prefix.parse().unwrap(), auth, error: errno.into() }.to_string()
        };
        for (errno, auth, expected) in [
            (
                Errno::NOPROTOOPT,
                TcpAuth::Ao,
                "the TCP-AO key of 192.0.2.1/32: this kernel has no TCP-AO; Linux 6.7 or newer built with \
                 CONFIG_TCP_AO has",
            ),
            (
                Errno::NOPROTOOPT,
                TcpAuth::Md5,
                "the TCP-MD5 key of 192.0.2.1/32: this kernel has no TCP-MD5; Linux 4.13 or newer built with \
                 CONFIG_TCP_MD5SIG has",
            ),
            (Errno::NOENT, TcpAuth::Ao, "the TCP-AO key of 192.0.2.1/32: this kernel lacks the algorithm"),
            (
                Errno::NOMEM,
                TcpAuth::Md5,
                "the TCP-MD5 key of 192.0.2.1/32: the kernel has no room for more keys of one socket; \
                 net.core.optmem_max bounds it",
            ),
            (Errno::BADF, TcpAuth::Md5, "the TCP-MD5 key of 192.0.2.1/32: Bad file descriptor (os error 9)"),
        ] {
            assert_eq!(shown(errno, auth, "192.0.2.1"), expected);
        }
        assert_eq!(
            shown(Errno::INVAL, TcpAuth::Ao, "0.0.0.0/0"),
            "the TCP-AO key of 0.0.0.0/0: the kernel takes a TCP-AO key of 0.0.0.0/0 only \
             for a listener that is of IPv4 alone"
        );
    }
}
