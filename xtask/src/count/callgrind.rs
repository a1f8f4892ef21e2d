//! What callgrind writes: of its profile, only the sum.

/// How many instructions were collected.
pub(super) fn instructions(profile: &str) -> Result<u64, String> {
    let field = |name: &str| {
        let values =
            profile.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("has no {name}"))?;
        Ok::<_, String>(values.split_whitespace())
    };
    let place = field("events:")?.position(|event| event == "Ir").ok_or("does not count instructions")?;
    let total = field("totals:")?.nth(place).ok_or("totals: has fewer values than events:")?;
    match total.parse() {
        Ok(0) => Err("nothing was collected: is the collected function still there?".to_owned()),
        Ok(total) => Ok(total),
        Err(error) => Err(format!("totals: {total}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 1\npositions: line\n\
        events: Ir\nsummary: 42\n\n\nob=(1) counted\nfl=(1) main.rs\nfn=(1) counted::collected\n38 42\n\ntotals: 42\n";

    #[test]
    fn the_sum_is_found() {
        assert_eq!(instructions(PROFILE), Ok(42));
    }

    #[test]
    fn instructions_are_one_of_several_events() {
        let profile = PROFILE.replace("events: Ir", "events: Dr Ir Dw").replace("totals: 42", "totals: 7 42 8");
        assert_eq!(instructions(&profile), Ok(42));
        let profile = PROFILE.replace("events: Ir", "events: Dr Ir");
        assert_eq!(instructions(&profile), Err("totals: has fewer values than events:".to_owned()));
    }

    #[test]
    fn nothing_collected_is_an_error() {
        for (profile, error) in [
            (PROFILE.replace("totals: 42", "totals: 0"), "nothing was collected"),
            (PROFILE.replace("totals: 42", ""), "has no totals:"),
            (PROFILE.replace("totals: 42", "totals: x"), "totals: x: invalid digit"),
            (PROFILE.replace("events: Ir", "events: Dr"), "does not count instructions"),
            (String::new(), "has no events:"),
        ] {
            let found = instructions(&profile).expect_err("no sum");
            assert!(found.starts_with(error), "{found}");
        }
    }
}
