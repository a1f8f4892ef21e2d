//! Files with secrets that others than their owner may read: warned of at the start and at a reload, since nothing else
//! shows it. Keys of certificates and hosts are often shared with a group, so only access for everybody is warned of
//! there.

use crate::config::address::Source;
use crate::config::plan::Plan;
use crate::observe::log::Log;
use crate::observe::log::event::service::{OctalMode, ServiceEvent};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Permissions of all others than the owner.
const GROUP_AND_OTHERS: u32 = 0o077;

/// Permissions of those who are not in the file's group either.
const OTHERS: u32 = 0o007;

/// Warns of each file of a plan that others may read. A missing file is reported where it is read.
pub(crate) fn warn_of_readers(plan: &Plan) {
    for (path, nobody) in secrets(plan) {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & nobody != 0 {
            let (path, suggested_mode) = (&path.display(), OctalMode(mode & !nobody));
            ServiceEvent::SecretReadable { path, mode: OctalMode(mode), suggested_mode }.log();
        }
    }
}

/// Returns the files that hold secrets, with the permissions that they should not have.
fn secrets(plan: &Plan) -> BTreeMap<PathBuf, u32> {
    let mut secrets = BTreeMap::new();
    let mut add = |paths: &[&Option<PathBuf>], nobody: u32| {
        for path in paths.iter().copied().flatten() {
            *secrets.entry(path.clone()).or_default() |= nobody;
        }
    };
    for options in plan.listen.iter().map(|configured| &configured.options) {
        add(&[&options.tls_key], OTHERS);
        options.ssh_host_key.iter().for_each(|path| add(&[&Some(path.clone())], OTHERS));
        add(&[&options.ssh_passwords, &options.tcp_md5, &options.tcp_ao], GROUP_AND_OTHERS);
    }
    for configured in plan.sources.iter().filter(|configured| matches!(configured.source, Source::Rtr(_))) {
        let options = &configured.options.dial;
        add(&[&options.client_key, &options.ssh_key], OTHERS);
        add(&[&options.password_file, &options.tcp_md5, &options.tcp_ao], GROUP_AND_OTHERS);
    }
    secrets
}
