//! Files that are refused, each with the positions of its errors.

mod assertions;
mod documents;
mod filters;
mod several;

use crate::parse;
use expect_test::Expect;

/// Refuses each, and shows the messages.
pub(crate) fn refused<'a>(cases: impl IntoIterator<Item = &'a str>, document: impl Fn(&str) -> String, expect: Expect) {
    let mut text = String::new();
    for case in cases {
        let errors = match parse(&document(case)) {
            Ok(_) => panic!("accepted: {case}"),
            Err(errors) => errors,
        };
        text.push_str(&format!("{case}\n"));
        errors.iter().for_each(|error| text.push_str(&format!("    {error}\n")));
    }
    expect.assert_eq(&text);
}
