//! Names on a connection: the subsystem's, and those by which peers call themselves.

/// The subsystem's name (RFC 8210 section 9.1).
pub const SUBSYSTEM: &str = "rpki-rtr";

/// Returns a name that a peer sent, fit for a log line.
pub(super) fn printable(text: &str) -> String {
    /// Longer names are cut.
    const CHARS_MAX: usize = 64;
    text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect()
}
