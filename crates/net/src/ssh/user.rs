//! Names of users that can log in.

/// Longer names of users are refused.
const USER_OCTETS_MAX: usize = 64;

/// Checks the name of a user; the error is what is wrong with it. The name is in every log line of the session, so it
/// must not look like the end of a line or like further words of it.
pub(super) fn check_user(user: &str) -> Result<(), &'static str> {
    if user.len() > USER_OCTETS_MAX {
        return Err("is longer than 64 octets");
    }
    if !user.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("has spaces, or what is not printable ASCII");
    }
    Ok(())
}
