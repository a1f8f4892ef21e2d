//! The dates of a listener's certificate and CRLs: replacing a valid certificate, and remarks for an operator. Every
//! router refuses a cache whose certificate is not valid.

use crate::cli::ListenOptions;
use crate::clock::unix_now;
use crate::credentials::in_file;
use crate::reloadable::LoadError;
use rtrcast_net::{CrlOrigin, TlsServer, Validity};

/// Refuses to replace a valid certificate by one that is not valid now.
pub(super) fn is_no_worse(options: &ListenOptions, before: &TlsServer, new: &TlsServer) -> Result<(), LoadError> {
    let now = unix_now().into();
    match (fault(before, now), new.validity()) {
        (None, Some(validity)) => why_worse(validity, now).map_or(Ok(()), |error| {
            let reason = with_file_name(options, &error.reason);
            Err(LoadError { reason, ..error })
        }),
        (Some(_), _) | (None, None) => Ok(()),
    }
}

/// Returns remarks on files that are used.
pub(super) fn remarks(options: &ListenOptions, server: &TlsServer) -> Vec<String> {
    let now = unix_now().into();
    let shown = fault(server, now);
    let shown = shown
        .map(|fault| with_file_name(options, &format!("{fault} (it is shown all the same, and routers refuse it)")));
    let crls = server.crls().iter().flat_map(|crl| crl_remarks(options, crl, now));
    shown.into_iter().chain(crls).collect()
}

/// Returns remarks on a CRL that refuses everybody, and on one that refuses nobody.
fn crl_remarks(options: &ListenOptions, crl: &CrlOrigin, now: i64) -> impl Iterator<Item = String> {
    let expired = crl.expired(now).map(|ago| {
        format!("a CRL expired {ago}: all routers of its authority are refused until the current one is there")
    });
    let stranger = options.tls_client_ca.as_ref().filter(|_| !crl.is_of_authority).map(|authorities| {
        let authorities = authorities.display();
        format!(
            "none of the authorities in {authorities} issued a CRL in it, so that one revokes nothing unless routers show \
             an intermediate that did"
        )
    });
    let path = options.tls_crl.get(crl.index);
    let texts = [expired, stranger].into_iter().flatten();
    texts.map(move |text| path.map_or_else(|| text.clone(), |path| in_file(path, &text)))
}

fn fault(server: &TlsServer, now: i64) -> Option<String> {
    server.validity()?.fault(now)
}

/// Returns the reason that such a certificate does not replace a valid one, and the time at which it may.
fn why_worse(validity: Validity, now: i64) -> Option<LoadError> {
    let retry_at =
        (now < validity.not_before && validity.not_before <= validity.not_after).then_some(validity.not_before);
    validity.fault(now).map(|reason| LoadError { reason, retry_at })
}

fn with_file_name(options: &ListenOptions, text: &str) -> String {
    options.tls_cert.as_ref().map_or_else(|| text.to_owned(), |path| in_file(path, &text))
}
