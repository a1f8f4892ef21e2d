//! The check of texts for people in tests.

/// Fails on the name of a type or variant in a text: `CaUsedAsEndEntity`, `UnknownCA`, `Other(..)`.
#[track_caller]
pub(crate) fn assert_plain(text: &str) {
    let is_identifier = |word: &str| {
        let humps = word.as_bytes().windows(2).filter(|pair| matches!(pair, [b'a'..=b'z', b'A'..=b'Z'])).count();
        word.starts_with(|c: char| c.is_ascii_uppercase()) && humps > 0
    };
    // `ClientHello` is a name of the specification, not of Rust.
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| *word != "ClientHello");
    let found: Vec<&str> = words.filter(|word| is_identifier(word)).collect();
    assert!(found.is_empty(), "{found:?} in: {text}");
    assert!(!text.is_empty() && !text.contains('{') && !text.contains("(\"") && text.len() < 800, "{text}");
}
