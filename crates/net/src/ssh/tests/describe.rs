//! Text of a client in log lines: it must not look like the end of a line, nor fill the log.

use super::*;
use crate::describe::assert_plain;
use crate::ssh::describe;
use crate::ssh::server_handler::LoginRecord;
use crate::ssh::user::check_user;
use russh::keys::PrivateKeyWithHashAlg;

/// A line that is made up, and a name that is too long.
const FORGED: &str = "eve\u{1b}[31m\n2026-11-23 ERROR made up";

fn names() -> [(String, &'static str); 4] {
    let strange = "has spaces, or what is not printable ASCII";
    [
        (FORGED.to_owned(), strange),
        ("two words".to_owned(), strange),
        ("\u{202e}r\u{e9}1".to_owned(), strange),
        ("r".repeat(65), "is longer than 64 octets"),
    ]
}

fn is_fit(reason: &str) -> bool {
    reason.len() <= 1024 && reason.bytes().all(|octet| (b' '..=b'~').contains(&octet) || octet >= 0x80)
}

#[test]
fn names_of_users() {
    for (name, what) in names() {
        assert_eq!(check_user(&name), Err(what), "{name}");
    }
    for name in ["router", "r1@example.net", "AS64496$\\x", &"r".repeat(64)] {
        assert_eq!(check_user(name), Ok(()));
    }
}

#[tokio::test]
async fn a_name_that_would_forge_a_log_line_does_not_log_in() {
    let (host, identity) = (key(), key());
    for (name, what) in names() {
        let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
        let (cache, router) = connect_both(&server, &SshClient::new(None, None, known(&host)), &name).await;
        let reason = cache.err().unwrap().reason;
        assert!(reason.starts_with("no login: user ") && reason.ends_with(what) && is_fit(&reason), "{reason}");
        assert!(router.is_err());

        let keys = authorized(&identity.public_line());
        let logins = Logins { passwords: Some(Passwords::parse("").unwrap()), ..keys };
        let server = SshServer::new(std::slice::from_ref(&host), logins).unwrap();
        let client = SshClient::new(Some(identity.clone()), Some("secret".into()), known(&host));
        let (cache, router) = connect_both(&server, &client, &name).await;
        let reason = cache.err().unwrap().reason;
        assert!(reason.starts_with("no login: publickey of user ") && is_fit(&reason), "{reason}");
        assert_eq!(reason.matches(what).count(), 2, "{reason}");
        assert!(router.err().unwrap().is_authentication());
    }
}

#[tokio::test]
async fn requests_are_escaped() {
    let server = SshServer::new(&[key()], anyone()).unwrap();
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, client::Config::default()).await;
        let channel = visit.channel().await;
        let name = format!("{FORGED}{}", "x".repeat(20_000));
        channel.request_subsystem(true, name).await.unwrap();
        channel.close().await.unwrap();
        visit.until_end().await;
    };
    let (accepted, ()) = tokio::join!(accept(Socket::Tcp(cache), &server, None), visiting);
    let reason = accepted.err().unwrap().reason;
    assert!(reason.starts_with("the client asked for subsystem eve\\u{1b}[31m\\n2026-") && is_fit(&reason), "{reason}");
}

#[test]
fn lists_of_algorithms_are_escaped_and_cut() {
    let theirs = |name: String| russh::Error::NoCommonAlgo {
        kind: russh::AlgorithmKind::Kex,
        ours: vec!["curve25519-sha256".to_owned()],
        theirs: vec![name],
    };
    let reason = LoginRecord::default().reason(Some(&theirs("diffie-hellman-group1-sha1".to_owned())));
    let wanted = "no SSH session: no key exchange algorithm in common; ours are curve25519-sha256, theirs are \
                  diffie-hellman-group1-sha1";
    assert_eq!(reason, wanted);
    let reason = LoginRecord::default().reason(Some(&theirs(format!("{FORGED}{}", "x".repeat(30_000)))));
    assert!(reason.contains("made up") && reason.len() < 1100 && is_fit(&reason[..1000]), "{reason}");
    let error = russh::Error::IO(io::Error::other(FORGED));
    assert!(is_fit(&LoginRecord::default().reason(Some(&error))));
}

#[tokio::test]
async fn a_key_is_refused_with_the_name() {
    let identity = key();
    let server = SshServer::new(&[key()], authorized(&identity.public_line())).unwrap();
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, client::Config::default()).await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(identity.private().clone()), None);
        assert!(!visit.handle.authenticate_publickey(FORGED, key.clone()).await.unwrap().success());
        assert!(visit.handle.authenticate_publickey("r1", key).await.unwrap().success());
    };
    let (accepted, ()) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
    assert_eq!(accepted.err().unwrap().reason, "the client did not ask for the subsystem rpki-rtr");
}

#[test]
fn no_error_of_the_library_is_described_by_the_name_of_its_variant() {
    use russh::keys::{Error as KeyError, ssh_key};
    use russh::{AlgorithmKind, ChannelOpenFailure, Error};
    let mut errors = vec![
        Error::CouldNotReadKey,
        Error::KexInit,
        Error::UnknownAlgo,
        Error::Version,
        Error::Kex,
        Error::PacketAuth,
        Error::Inconsistent,
        Error::NotAuthenticated,
        Error::UnsupportedAuthMethod,
        Error::IndexOutOfBounds,
        Error::UnknownKey,
        Error::WrongServerSig,
        Error::PacketSize(99),
        Error::WrongChannel,
        Error::Disconnect,
        Error::NoHomeDir,
        Error::KeyChanged { line: 7 },
        Error::HUP,
        Error::ConnectionTimeout,
        Error::KeepaliveTimeout,
        Error::InactivityTimeout,
        Error::NoAuthMethod,
        Error::SendError,
        Error::Pending,
        Error::DecryptionError,
        Error::RequestDenied,
        Error::IO(io::ErrorKind::ConnectionReset.into()),
        Error::StrictKeyExchangeViolation { message_type: 2, sequence_number: 3 },
        Error::SshKey(ssh_key::Error::FormatEncoding),
        Error::InvalidConfig("a window of 0".to_owned()),
        Error::RecvError,
    ];
    for kind in
        [AlgorithmKind::Kex, AlgorithmKind::Key, AlgorithmKind::Cipher, AlgorithmKind::Compression, AlgorithmKind::Mac]
    {
        errors.push(Error::NoCommonAlgo { kind, ours: Vec::new(), theirs: vec!["aes128-cbc".to_owned()] });
    }
    for failure in [
        ChannelOpenFailure::AdministrativelyProhibited,
        ChannelOpenFailure::ConnectFailed,
        ChannelOpenFailure::UnknownChannelType,
        ChannelOpenFailure::ResourceShortage,
        ChannelOpenFailure::Other { code: 9, reason: "no more today".to_owned() },
    ] {
        errors.push(Error::ChannelOpenFailure(failure));
    }
    let keys = [
        KeyError::CouldNotReadKey,
        KeyError::KeyIsEncrypted,
        KeyError::KeyIsCorrupt,
        KeyError::InvalidSignature,
        KeyError::InvalidParameters,
        KeyError::AgentFailure,
        KeyError::SshKey(ssh_key::Error::Crypto),
        KeyError::EnvVar("SSH_AUTH_SOCK"),
    ];
    errors.extend(keys.into_iter().map(Error::Keys));
    for error in errors {
        assert_plain(&describe::error(&error));
    }
}
