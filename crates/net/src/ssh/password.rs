//! Passwords: a file of `user:$argon2id$...` lines, and their verification, which is costly on purpose.

use super::line_error::LineError;
use super::{password_queue, user};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Memory of a hash, in KiB; a line with more is refused.
pub const HASH_MEMORY_KIB_MAX: u32 = 256 * 1024;

/// Passes of a hash; a line with more is refused.
pub const HASH_PASSES_MAX: u32 = 10;

/// The most lanes.
const HASH_LANES_MAX: u32 = 16;

/// Longer passwords are wrong.
const PASSWORD_OCTETS_MAX: usize = 1024;

/// Users with their password hashes.
#[derive(Clone)]
pub struct Passwords {
    hashes: Arc<HashMap<String, PasswordHash>>,
    /// Hash that an unknown user's password is verified with: the costliest of all.
    stand_in: Option<PasswordHash>,
}

impl Passwords {
    /// Reads `user:hash` lines, the hash in PHC format. Empty lines and such with a `#` are skipped.
    pub fn parse(text: &str) -> Result<Passwords, LineError> {
        let mut hashes = HashMap::new();
        let mut stand_in: Option<(u64, PasswordHash)> = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused = |reason: String| LineError { line: index + 1, reason };
            let (user, hash) = line
                .split_once(':')
                .filter(|(user, _)| !user.is_empty())
                .ok_or_else(|| refused("a line is `user:$argon2id$...`".to_owned()))?;
            user::check_user(user).map_err(|what| refused(format!("the user name {what}")))?;
            let (hash, cost) = read_hash(hash).map_err(refused)?;
            if stand_in.as_ref().is_none_or(|(costliest, _)| *costliest < cost) {
                stand_in = Some((cost, hash.clone()));
            }
            if hashes.insert(user.to_owned(), hash).is_some() {
                return Err(refused(format!("user {user} is given twice")));
            }
        }
        let stand_in = stand_in.map(|(_, hash)| hash);
        Ok(Passwords { hashes: Arc::new(hashes), stand_in })
    }

    /// Verifies the password of a user. An unknown user costs as much as a known one.
    pub(super) async fn verify(&self, user: &str, password: &str, peer: Option<IpAddr>) -> bool {
        if password.len() > PASSWORD_OCTETS_MAX {
            return false;
        }
        let known = self.hashes.get(user);
        let Some(hash) = known.or(self.stand_in.as_ref()).cloned() else { return false };
        let is_known = known.is_some();
        let Some(permit) = password_queue::wait(peer).await else { return false };
        let password = password.to_owned();
        let verified = spawn_blocking(move || {
            // It is under way to its end, also if the connection is not.
            let _permit = permit;
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        verified.await.unwrap_or(false) && is_known
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({} users)", self.hashes.len())
    }
}

/// A hash and what it costs.
fn read_hash(text: &str) -> Result<(PasswordHash, u64), String> {
    if !text.starts_with("$argon2id$") {
        return Err("the hash is not argon2id; make one with this program".to_owned());
    }
    let hash = PasswordHash::new(text).map_err(|error| format!("no hash in PHC format: {error}"))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("the hash is cut off".to_owned());
    }
    let params = Params::try_from(&hash).map_err(|error| format!("the hash's parameters: {error}"))?;
    if params.m_cost() > HASH_MEMORY_KIB_MAX {
        return Err(format!("the hash asks for {} KiB; {HASH_MEMORY_KIB_MAX} is the most", params.m_cost()));
    }
    if params.t_cost() > HASH_PASSES_MAX {
        return Err(format!("the hash asks for {} passes; {HASH_PASSES_MAX} is the most", params.t_cost()));
    }
    if params.p_cost() > HASH_LANES_MAX {
        return Err(format!("the hash asks for {} lanes; {HASH_LANES_MAX} is the most", params.p_cost()));
    }
    let cost = u64::from(params.m_cost()) * u64::from(params.t_cost());
    Ok((hash, cost))
}

/// The hash of a password with a new salt, for a line of the file.
pub fn hash_password(password: &str) -> io::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| io::Error::other(format!("the password cannot be hashed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::PASSWORD_VERIFICATIONS_MAX;
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// A hash of "secret" that costs little.
    fn cheap(password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let hasher = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        hasher.hash_password(password.as_bytes()).unwrap().to_string()
    }

    #[tokio::test]
    async fn the_right_password_of_the_right_user() {
        let text = format!("# routers\n\nr1:{}\nr2:{}\n", cheap("secret"), cheap("other"));
        let passwords = Passwords::parse(&text).unwrap();
        assert!(passwords.verify("r1", "secret", None).await);
        assert!(!passwords.verify("r2", "secret", None).await);
        assert!(!passwords.verify("r3", "secret", None).await);
        assert!(!passwords.verify("r1", &"x".repeat(PASSWORD_OCTETS_MAX + 1), None).await);
        assert!(!Passwords::parse("").unwrap().verify("r1", "", None).await);
    }

    #[tokio::test]
    async fn what_is_hashed_is_verified() {
        let hash = hash_password("secret").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        let passwords = Passwords::parse(&format!("r1:{hash}")).unwrap();
        assert!(passwords.verify("r1", "secret", None).await);
        assert!(!passwords.verify("r1", "Secret", None).await);
    }

    /// Another value, as after a reload, and another address share the queue.
    #[test]
    fn the_process_verifies_few_at_a_time() {
        // With one thread a blocking task is done only after those before it.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let passwords = Passwords::parse(&format!("r1:{}", cheap("secret"))).unwrap();
            let mut permits = Vec::new();
            for host in 1..=PASSWORD_VERIFICATIONS_MAX {
                permits.push(
                    password_queue::wait(Some(IpAddr::from([192, 0, 2, u8::try_from(host).unwrap()]))).await.unwrap(),
                );
            }
            let mut verifying = pin!(passwords.verify("r1", "secret", Some(IpAddr::from([198, 51, 100, 1]))));
            for _ in 0..2 {
                assert!(verifying.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                spawn_blocking(|| ()).await.unwrap();
            }
            permits.pop();
            assert!(verifying.await);
        });
    }

    #[test]
    fn lines_that_are_refused() {
        let good = cheap("secret");
        let tail = good.rsplit_once("p=1").unwrap().1.to_owned();
        for (text, line) in [
            ("r1".to_owned(), 1),
            (format!("r\u{e9}1:{good}"), 1),
            (format!("{}:{good}", "r".repeat(65)), 1),
            (":x".to_owned(), 1),
            ("\nr1:$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA".to_owned(), 2),
            ("r1:$argon2id$v=19$m=8,t=1,p=1".to_owned(), 1),
            (format!("r1:$argon2id$v=19$m=262145,t=1,p=1{tail}"), 1),
            (format!("r1:$argon2id$v=19$m=8,t=11,p=1{tail}"), 1),
            (format!("r1:$argon2id$v=19$m=1024,t=1,p=17{tail}"), 1),
            (format!("r1:{good}\nr1:{good}"), 2),
        ] {
            assert_eq!(Passwords::parse(&text).unwrap_err().line, line, "{text}");
        }
        assert!(Passwords::parse(&format!("r1:$argon2id$v=19$m=8,t=10,p=1{tail}")).is_ok());
    }
}
