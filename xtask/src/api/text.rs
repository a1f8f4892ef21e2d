//! Rust without bodies as a line of text, the way that rustfmt would write it.

use quote::ToTokens;

/// What has no space before it.
const CLOSING: [&str; 8] = [",", ";", ":", "::", ".", ">", ")", "]"];

/// What has no space behind it.
const OPENING: [&str; 7] = ["<", "::", "&", "(", "[", "!", "?"];

pub(super) fn text(syntax: &impl ToTokens) -> String {
    let mut words = Vec::new();
    collect(syntax.to_token_stream(), &mut words);
    let mut line = String::new();
    let mut before = "";
    for (at, word) in words.iter().enumerate() {
        // A list in several lines ends with a comma.
        let ends_list = matches!(words.get(at + 1).map(String::as_str), Some(">" | ")" | "{" | "}") | None);
        if word == "," && ends_list {
            continue;
        }
        let is_tight = match word.as_str() {
            "<" => is_name(before) || before == "for",
            "(" => is_name(before) || before == ">",
            word => CLOSING.contains(&word),
        };
        if !(line.is_empty() || is_tight || OPENING.contains(&before)) {
            line.push(' ');
        }
        line.push_str(word);
        before = word;
    }
    line
}

/// Whether a list in brackets behind this belongs to it.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !["dyn", "for", "mut", "where"].contains(&word)
}

/// Words, operators of several signs and lifetimes included, each by itself.
fn collect(tokens: proc_macro2::TokenStream, words: &mut Vec<String>) {
    use proc_macro2::{Delimiter, Spacing, TokenTree};
    let mut joint = false;
    for token in tokens {
        let was_joint = std::mem::take(&mut joint);
        let word = match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                words.push(open.to_owned());
                collect(group.stream(), words);
                close.to_owned()
            }
            TokenTree::Punct(sign) => {
                joint = sign.spacing() == Spacing::Joint;
                sign.as_char().to_string()
            }
            TokenTree::Ident(name) => name.to_string(),
            TokenTree::Literal(literal) => literal.to_string(),
        };
        match words.last_mut() {
            Some(last) if was_joint => last.push_str(&word),
            _ => words.push(word),
        }
    }
    words.retain(|word| !word.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_as_rustfmt_writes_it() {
        for line in [
            "async fn f<'a, T: ?Sized + Octets>(&'a mut self, of: &[u8; 4], _: impl FnMut(&T) -> (u8, bool)) -> Option<Vec<T>> \
             where T: Iterator<Item = <T as X>::Y>",
            "const fn f(self) -> Result<(), Box<dyn for<'a> Fn(&'a str) + Send>>",
            "fn f<const N: usize>(self: &Arc<Self>, of: [u8; N]) -> !",
        ] {
            assert_eq!(text(&syn::parse_str::<syn::Signature>(line).unwrap()), line);
        }
        let in_lines = "fn f<T,>(\n    one: u8,\n    two: T,\n)\nwhere\n    T: Copy,";
        let signature: syn::Signature = syn::parse_str(in_lines).unwrap();
        assert_eq!(text(&signature), "fn f<T>(one: u8, two: T) where T: Copy");
    }
}
