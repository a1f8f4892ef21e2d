//! Limits of attempts before a login.

use super::*;
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, SendError};

/// The attempts of another client, and the reason that the cache logs, if it refuses.
async fn tried(logins: Logins, trying: impl AsyncFnOnce(&mut Visit)) -> Option<String> {
    let server = SshServer::new(&[key()], logins).unwrap();
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, client::Config::default()).await;
        trying(&mut visit).await;
    };
    let (accepted, ()) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
    accepted.err().map(|failure| failure.reason)
}

/// Offers a key and signs with it: what may be tried next, or nothing if it logged in.
async fn by_key(visit: &mut Visit, key: &SshKey) -> Option<Vec<MethodKind>> {
    let key = PrivateKeyWithHashAlg::new(Arc::new(key.private().clone()), None);
    remaining(visit.handle.authenticate_publickey("r1", key).await.unwrap())
}

async fn by_password(visit: &mut Visit, password: &str) -> Option<Vec<MethodKind>> {
    remaining(visit.handle.authenticate_password("r1", password).await.unwrap())
}

fn remaining(result: client::AuthResult) -> Option<Vec<MethodKind>> {
    match result {
        client::AuthResult::Failure { remaining_methods, .. } => Some(remaining_methods.to_vec()),
        client::AuthResult::Success => None,
    }
}

fn passwords() -> Passwords {
    Passwords::parse(&format!("r1:{}", hash_password("secret").unwrap())).unwrap()
}

/// Makes wrong signatures.
struct Forger;

impl russh::Signer for Forger {
    type Error = SendError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SendError> {
        const NAME: &[u8] = b"ssh-ed25519";
        const SIGNATURE: &[u8] = &[0; 64];
        to_sign.extend((4 + NAME.len() as u32 + 4 + SIGNATURE.len() as u32).to_be_bytes());
        for part in [NAME, SIGNATURE] {
            to_sign.extend((part.len() as u32).to_be_bytes());
            to_sign.extend(part);
        }
        Ok(to_sign)
    }
}

#[tokio::test]
async fn three_passwords_a_connection() {
    let reason = tried(Logins { passwords: Some(passwords()), ..Logins::default() }, async |visit| {
        assert!(!visit.handle.authenticate_none("r1").await.unwrap().success());
        for attempt in 1..=LOGIN_ATTEMPTS_MAX {
            let left = if attempt < LOGIN_ATTEMPTS_MAX { vec![MethodKind::Password] } else { Vec::new() };
            assert_eq!(by_password(visit, "wrong").await, Some(left));
        }
        // No method was left; a client that tries on is disconnected, right or wrong.
        let _ = visit.handle.authenticate_password("r1", "secret").await;
        assert_eq!(visit.until_end().await, []);
    });
    assert_eq!(reason.await.unwrap(), "no login: password of user r1 is wrong or not accepted");
}

#[tokio::test]
async fn an_agents_other_keys_are_no_attempts() {
    let identity = key();
    let reason = tried(authorized(&identity.public_line()), async |visit| {
        assert!(!visit.handle.authenticate_none("r1").await.unwrap().success());
        for _ in 1..KEY_OFFERS_MAX {
            assert_eq!(by_key(visit, &key()).await, Some(vec![MethodKind::PublicKey]));
        }
        assert_eq!(by_key(visit, &identity).await, None);
    });
    assert_eq!(reason.await.unwrap(), "the client did not ask for the subsystem rpki-rtr");
}

#[tokio::test]
async fn after_too_many_keys_a_password_is_left() {
    let identity = key();
    let logins = Logins { passwords: Some(passwords()), ..authorized(&identity.public_line()) };
    let reason = tried(logins.clone(), async |visit| {
        assert!(!visit.handle.authenticate_none("r1").await.unwrap().success());
        for _ in 1..KEY_OFFERS_MAX {
            assert_eq!(by_key(visit, &key()).await.unwrap().len(), 2);
        }
        assert_eq!(by_key(visit, &key()).await, Some(vec![MethodKind::Password]));
        for _ in 1..LOGIN_ATTEMPTS_MAX {
            assert_eq!(by_password(visit, "wrong").await, Some(vec![MethodKind::Password]));
        }
        assert_eq!(by_password(visit, "secret").await, None);
    });
    assert_eq!(reason.await.unwrap(), "the client did not ask for the subsystem rpki-rtr");
    let reason = tried(logins, async |visit| {
        for _ in 0..KEY_OFFERS_MAX {
            by_key(visit, &key()).await;
        }
        assert_eq!(by_key(visit, &identity).await, Some(vec![MethodKind::Password]));
    });
    let reason = reason.await.unwrap();
    assert!(reason.ends_with("is not authorised; and 18 more"), "{reason}");
}

#[tokio::test]
async fn wrong_signatures_are_attempts() {
    let identity = key();
    let public = identity.private().public_key().clone();
    let reason = tried(authorized(&identity.public_line()), async |visit| {
        for _ in 0..LOGIN_ATTEMPTS_MAX {
            let result = visit.handle.authenticate_publickey_with("r1", public.clone(), None, &mut Forger).await;
            assert_eq!(remaining(result.unwrap()), Some(vec![MethodKind::PublicKey]));
        }
        let key = PrivateKeyWithHashAlg::new(Arc::new(identity.private().clone()), None);
        let result = visit.handle.authenticate_publickey("r1", key).await;
        assert!(!result.is_ok_and(|result| result.success()));
        assert_eq!(visit.until_end().await, []);
    });
    assert!(reason.await.is_some());
}
