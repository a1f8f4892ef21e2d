//! Patterns of OpenSSH's files: `*` matches any text, `?` one character; upper and lower case are equal.

/// Returns true if a text matches. Takes at most as many steps as both lengths multiplied.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Behind the last `*`, and the text that it has not taken yet.
    let mut back = None;
    while let Some(octet) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                back = Some((at, from));
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(octet) => {
                at += 1;
                from += 1;
            }
            _ => match &mut back {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, from) = (*star, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|octet| *octet == b'*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in
            [("*", ""), ("a*c", "abbc"), ("A?c", "abc"), ("*.x", "a.b.x"), ("a**", "a"), ("192.0.2.*", "192.0.2.7")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("a", ""), ("a?", "a"), ("a*c", "abb"), ("*.x", "x"), ("192.0.2.?", "192.0.2.10")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(999)));
    }
}
