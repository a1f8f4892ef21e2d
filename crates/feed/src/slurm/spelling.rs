//! Suggestions for misspelt names.

/// Names longer than this are not compared.
const NAME_OCTETS_MAX: usize = 40;

/// Returns the name that is closest to a misspelt one, if it is close: case is ignored, and two letters of five may be
/// wrong.
pub fn closest_name<'a>(wrong: &[u8], names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > NAME_OCTETS_MAX {
        return None;
    }
    let distances = names.map(|name| (distance(wrong, name.as_bytes()), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance * 5 <= name.len().max(wrong.len()) * 2).then_some(name)
}

/// Returns the edit distance: letters that have to be inserted, removed or replaced.
fn distance(a: &[u8], b: &[u8]) -> usize {
    // The distances of the prefixes of `b` from the part of `a` that was compared.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for letter in a {
        let mut next = Vec::with_capacity(row.len());
        for (index, above) in row.iter().enumerate() {
            let left = next.last().map_or(usize::MAX, |left: &usize| left + 1);
            let diagonal = index.checked_sub(1).and_then(|before| Some((row.get(before)?, b.get(before)?)));
            let exchanged =
                diagonal.map_or(usize::MAX, |(steps, other)| steps + usize::from(!letter.eq_ignore_ascii_case(other)));
            next.push((above + 1).min(left).min(exchanged));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("prefx", "prefix", 1), ("ski", "SKI", 0), ("ans", "asn", 2), ("abc", "", 3)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_close_name_is_suggested() {
        const NAMES: [&str; 4] = ["prefix", "asn", "maxPrefixLength", "comment"];
        let closest_name = |wrong: &str| closest_name(wrong.as_bytes(), NAMES.into_iter());
        assert_eq!(closest_name("Prefix"), Some("prefix"));
        assert_eq!(closest_name("maxLength"), Some("maxPrefixLength"));
        assert_eq!(closest_name("comments"), Some("comment"));
        assert_eq!(closest_name("as"), Some("asn"));
        assert_eq!(closest_name("origin"), None);
        assert_eq!(closest_name(&"prefix".repeat(100)), None);
    }
}
