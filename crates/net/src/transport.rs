//! Transports of RTR: TCP, TLS and SSH (RFC 8210 section 9).

/// A transport of RTR. TCP and TLS also run over a Unix socket: the [`Endpoint`](crate::Endpoint) has that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP, or a Unix socket, without protection.
    Tcp,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
}

impl Transport {
    /// All transports.
    pub const ALL: [Transport; 3] = [Transport::Tcp, Transport::Tls, Transport::Ssh];

    /// The scheme in URLs: `tcp` (also over a Unix socket), `tls` or `ssh`.
    pub fn scheme(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ssh => "ssh",
        }
    }

    /// The transport with this scheme, in small letters.
    pub fn of_scheme(scheme: &str) -> Option<Transport> {
        Transport::ALL.into_iter().find(|transport| transport.scheme() == scheme)
    }

    /// Estimated memory of a connection, without the kernel's buffers: measured with 1,000 idle ones of TCP and TLS.
    pub(crate) fn memory_octets(self) -> u64 {
        match self {
            Transport::Tcp => 4 * 1024,
            // 9 KiB while it is idle, and 32 KiB of records while data are sent.
            Transport::Tls => 48 * 1024,
            // 48 KiB until something was sent. A transfer takes 200 KiB more, under way, stuck or over, as russh keeps
            // its buffers: 247 KiB each with 120 clients that had a response of 2 MB, 248 with 40 that took none of it.
            Transport::Ssh => 256 * 1024,
        }
    }
}
