//! How a cache is connected to, as it is typed: for one cache, and for all that are followed.

use clap::Args;
use std::path::PathBuf;

const CACHE: &str = "Connection";
const CACHES: &str = "Other caches as sources";

/// How a cache is connected to. Files are read again for each connection, so that they may be renewed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DialOptions {
    /// Certificates (PEM) of the authorities that a cache at tls:// is checked by, instead of the system's
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) ca: Option<PathBuf>,

    /// Certificate chain (PEM) to show to a cache at tls://
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) client_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) client_key: Option<PathBuf>,

    /// Name that the certificate of a cache at tls:// has to have as DNS name or address [default: the host]
    #[arg(long, value_name = "NAME", help_heading = CACHE)]
    pub(crate) tls_name: Option<String>,

    /// Private key (OpenSSH's format, not encrypted) to log in with at ssh://
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) ssh_key: Option<PathBuf>,

    /// Host keys of caches at ssh:// [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) known_hosts: Option<PathBuf>,

    /// File with the password to log in with at ssh://, in its first line
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) password_file: Option<PathBuf>,

    /// Keys for TCP-MD5 (RFC 2385): lines "PREFIX KEY"; the longest prefix around the cache's address counts
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) tcp_md5: Option<PathBuf>,

    /// Keys for TCP-AO (RFC 5925): lines "PREFIX SEND-ID RECV-ID ALGORITHM KEY"
    #[arg(long, value_name = "FILE", help_heading = CACHE)]
    pub(crate) tcp_ao: Option<PathBuf>,
}

/// The same for all caches that have no options of their own.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CacheOptions {
    /// Certificates (PEM) of the authorities that caches at tls:// are checked by, instead of the system's. A source may
    /// have other options than these: in the TOML file, source = [{ at = "tls://...", ca = "..." }]
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_ca: Option<PathBuf>,

    /// Certificate chain (PEM) to show to caches at tls://
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_client_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_client_key: Option<PathBuf>,

    /// Name that the certificates of caches at tls:// have to have as DNS name or address [default: the host]
    #[arg(long, value_name = "NAME", help_heading = CACHES)]
    pub(crate) cache_tls_name: Option<String>,

    /// Private key (OpenSSH's format, not encrypted) to log in with at ssh://
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_ssh_key: Option<PathBuf>,

    /// Host keys of caches at ssh:// [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_known_hosts: Option<PathBuf>,

    /// File with the password to log in with at ssh://, in its first line
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_password_file: Option<PathBuf>,

    /// Keys for TCP-MD5 (RFC 2385): lines "PREFIX KEY"; the longest prefix around a cache's address counts
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_tcp_md5: Option<PathBuf>,

    /// Keys for TCP-AO (RFC 5925): lines "PREFIX SEND-ID RECV-ID ALGORITHM KEY"
    #[arg(long, value_name = "FILE", help_heading = CACHES)]
    pub(crate) cache_tcp_ao: Option<PathBuf>,
}

impl CacheOptions {
    /// As they are for one cache.
    pub(crate) fn for_one(&self) -> DialOptions {
        let all = self.clone();
        DialOptions {
            ca: all.cache_ca,
            client_cert: all.cache_client_cert,
            client_key: all.cache_client_key,
            tls_name: all.cache_tls_name,
            ssh_key: all.cache_ssh_key,
            known_hosts: all.cache_known_hosts,
            password_file: all.cache_password_file,
            tcp_md5: all.cache_tcp_md5,
            tcp_ao: all.cache_tcp_ao,
        }
    }
}
