//! Files that are refused, each for one mistake and with its place.

mod assertions;
mod documents;
mod filters;

use crate::parse;
use expect_test::Expect;

/// Refuses each, and shows with which words.
pub(crate) fn refused<'a>(cases: impl IntoIterator<Item = &'a str>, document: impl Fn(&str) -> String, expect: Expect) {
    let mut text = String::new();
    for case in cases {
        let error = match parse(&document(case)) {
            Ok(_) => panic!("accepted: {case}"),
            Err(error) => error,
        };
        text.push_str(&format!("{case}\n    {error}\n"));
    }
    expect.assert_eq(&text);
}
