//! Logins that are accepted and refused, and the messages on both sides.

use super::*;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn by_key(
    line: &str,
    identity: &SshKey,
    user: &str,
) -> (Result<(SshStream, String), SshHandshakeFailure>, Result<SshStream, SshFailure>) {
    let host = key();
    let server = SshServer::new(std::slice::from_ref(&host), authorized(line)).unwrap();
    connect_both(&server, &SshClient::new(Some(identity.clone()), None, known(&host)), user).await
}

#[tokio::test]
async fn t_ssh_02_a_key_of_each_kind_logs_in() {
    for kind in [SshKeyKind::Ed25519, SshKeyKind::EcdsaP256, SshKeyKind::Rsa] {
        let identity = SshKey::generate(kind).unwrap();
        let (cache, router) = by_key(&identity.public_line(), &identity, "router").await;
        assert_eq!(cache.unwrap().1, "router");
        router.unwrap();
    }
}

#[tokio::test]
async fn a_host_key_of_each_kind_is_verified() {
    for kind in [SshKeyKind::Ed25519, SshKeyKind::EcdsaP256, SshKeyKind::Rsa] {
        let host = SshKey::generate(kind).unwrap();
        // The known key is requested although the server has another, preferred one.
        let mut keys = vec![host.clone()];
        if kind != SshKeyKind::Ed25519 {
            keys.push(key());
        }
        let server = SshServer::new(&keys, anyone()).unwrap();
        let (cache, router) = connect_both(&server, &SshClient::new(None, None, known(&host)), "router").await;
        cache.unwrap();
        router.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_and_both_sides_report_it() {
    let (identity, other) = (key(), key());
    let (cache, router) = by_key(&other.public_line(), &identity, "r1").await;
    let fingerprint = identity.fingerprint();
    let reason = cache.err().unwrap().reason;
    assert_eq!(reason, format!("no login: publickey of user r1 {fingerprint} is not authorised"));
    match router.err().unwrap() {
        SshFailure::LoginRefused { user, tried, offered } => {
            assert_eq!(
                (user.as_str(), tried, offered),
                ("r1", vec![format!("publickey {fingerprint}")], vec!["publickey".into()])
            );
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn from_is_the_address_of_the_connection() {
    let identity = key();
    let line = identity.public_line();
    let (cache, router) = by_key(&format!("from=\"127.0.0.0/8\",restrict {line}"), &identity, "r1").await;
    assert!(cache.is_ok() && router.is_ok());
    let (cache, router) = by_key(&format!("from=\"127.0.0.0/8,!127.0.0.1\" {line}"), &identity, "r1").await;
    assert!(cache.err().unwrap().reason.ends_with("is not authorised from this address"));
    assert!(router.err().unwrap().is_authentication());
    let (cache, _) = by_key(&format!("expiry-time=\"20200101Z\" {line}"), &identity, "r1").await;
    assert!(cache.err().unwrap().reason.ends_with("has expired"));
}

#[tokio::test]
async fn passwords() {
    let host = key();
    let passwords = Passwords::parse(&format!("r1:{}", hash_password("secret").unwrap())).unwrap();
    let logins = Logins { passwords: Some(passwords), ..Logins::default() };
    let server = SshServer::new(std::slice::from_ref(&host), logins).unwrap();
    let client = |password: &str| SshClient::new(None, Some(password.into()), known(&host));
    let (cache, router) = connect_both(&server, &client("secret"), "r1").await;
    assert_eq!(cache.unwrap().1, "r1");
    router.unwrap();
    for (user, password) in [("r1", "wrong"), ("r2", "secret")] {
        let (cache, router) = connect_both(&server, &client(password), user).await;
        let reason = cache.err().unwrap().reason;
        assert_eq!(reason, format!("no login: password of user {user} is wrong or not accepted"));
        assert!(router.err().unwrap().is_authentication());
    }
    // Keys are not offered, so the password follows.
    let both = SshClient::new(Some(key()), Some("secret".into()), known(&host));
    let (cache, router) = connect_both(&server, &both, "r1").await;
    assert!(cache.is_ok() && router.is_ok());
}

#[tokio::test]
async fn logins_without_authentication_need_the_operators_option() {
    let host = key();
    let client = SshClient::new(None, None, known(&host));
    let server = SshServer::new(std::slice::from_ref(&host), authorized("")).unwrap();
    let (cache, router) = connect_both(&server, &client, "r1").await;
    assert_eq!(cache.err().unwrap().reason, "the client left before it logged in");
    assert!(router.err().unwrap().is_authentication());
    let logins = Logins { users: vec!["r1".into()], ..anyone() };
    let server = SshServer::new(std::slice::from_ref(&host), logins).unwrap();
    let (cache, router) = connect_both(&server, &client, "r1").await;
    assert!(cache.is_ok() && router.is_ok());
    let (cache, router) = connect_both(&server, &client, "r2").await;
    assert_eq!(cache.err().unwrap().reason, "no login: user r2 is not in the list");
    assert!(router.is_err());
}

#[test]
fn invalid_servers() {
    let error = |keys: &[SshKey], logins| SshServer::new(keys, logins).unwrap_err();
    assert_eq!(error(&[], anyone()), SshServerError::NoHostKey);
    assert_eq!(error(&[key()], Logins::default()), SshServerError::NoLogin);
    let what = "has spaces, or what is not printable ASCII";
    let unfit = Logins { users: vec!["r 1".into()], ..anyone() };
    assert_eq!(error(&[key()], unfit), SshServerError::User { name: "r 1".into(), what });
    assert_eq!(error(&[key(), key()], anyone()), SshServerError::SameKind("ssh-ed25519".into()));
}

#[tokio::test]
async fn rsa_does_not_sign_with_sha_1() {
    let identity = SshKey::generate(SshKeyKind::Rsa).unwrap();
    let server = SshServer::new(&[key()], authorized(&identity.public_line())).unwrap();
    for (hash, is_in) in [(None, false), (Some(HashAlg::Sha256), true), (Some(HashAlg::Sha512), true)] {
        let (cache, router) = streams().await;
        let visiting = async {
            let mut visit = Visit::start(router, client::Config::default()).await;
            let key = PrivateKeyWithHashAlg::new(Arc::new(identity.private().clone()), hash);
            assert_eq!(visit.handle.authenticate_publickey("r1", key).await.unwrap().success(), is_in);
        };
        let (accepted, ()) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
        let reason = accepted.err().unwrap().reason;
        assert_eq!(reason.contains("SHA-1"), !is_in, "{reason}");
    }
}

#[tokio::test]
async fn t_ssh_03_host_keys_that_are_refused() {
    let (host, other) = (key(), SshKey::generate(SshKeyKind::EcdsaP256).unwrap());
    let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
    let line = host.public_line();
    let failure = async |text: String| {
        let client = SshClient::new(None, None, KnownHosts::parse(&text).unwrap());
        let (cache, router) = connect_both(&server, &client, "r1").await;
        assert!(cache.is_err());
        router.err().unwrap()
    };
    match failure(format!("other.example {line}")).await {
        SshFailure::HostKeyUnknown { name, fingerprint, line } => {
            assert_eq!(
                (name.as_str(), fingerprint, line),
                (HOST, host.fingerprint(), format!("{HOST} {}", host.public_line()))
            );
        }
        other => panic!("{other}"),
    }
    match failure(format!("# c\n{HOST} {}", other.public_line())).await {
        SshFailure::HostKeyChanged { line, .. } => assert_eq!(line, 2),
        other => panic!("{other}"),
    }
    match failure(format!("{HOST} {line}\n@revoked * {line}")).await {
        SshFailure::HostKeyRevoked { line, .. } => assert_eq!(line, 2),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_silent_client_that_is_given_up_leaves_nothing() {
    let server = SshServer::new(&[key()], anyone()).unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 0);
    // Silent from the start, and silent after the version: then russh's task runs, and has sent its offer.
    for (words, octets_min) in [("", 20), ("SSH-2.0-silent\r\n", 500)] {
        let (cache, mut router) = streams().await;
        router.write_all(words.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let hearing = async {
            while said.len() < octets_min {
                router.read_buf(&mut said).await.unwrap();
            }
        };
        tokio::select! {
            _ = accept(Socket::Tcp(cache), &server, Some(LOOPBACK)) => panic!("nobody is there"),
            () = hearing => {}
        }
        assert!(said.starts_with(b"SSH-2.0-rtrcast_"));
        // The descriptor is closed, so the client sees the end.
        let _ = router.read_to_end(&mut said).await;
        while tasks() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn other_protocols_than_ssh_are_no_session() {
    let server = SshServer::new(&[key()], anyone()).unwrap();
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff", b""] {
        let (cache, mut router) = streams().await;
        let visiting = async {
            router.write_all(words).await.unwrap();
            router.shutdown().await.unwrap();
            let _ = router.read_to_end(&mut Vec::new()).await;
        };
        let (accepted, ()) = tokio::join!(accept(Socket::Tcp(cache), &server, None), visiting);
        assert!(accepted.is_err());
    }
}
