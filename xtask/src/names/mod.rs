//! Names in the shipped crates: no word of [`WORDS`] names a type, function, module or file, and no two types have one
//! name. Tests aside; a file has the name of its module.

mod words;

use crate::imports::SHIPPED;
use crate::modules::{Crate, is_test, types_in_macro};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use words::{Scope, WORDS};

/// Types that share a name, and why.
const SHARED: &[(&str, &str)] = &[];

/// Something that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A struct, enum, union, trait or type alias.
    Type,
    Function,
    Module,
}

/// A name, and the file where it is declared, as messages have them.
struct Declared {
    kind: Kind,
    name: String,
    file: String,
}

/// Checks the names of all shipped crates.
pub(crate) fn check() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let mut declared = Vec::new();
    for name in SHIPPED {
        declared.extend(read(name, &root.join("crates").join(name).join("src"))?);
    }
    let mut wrong = unwanted(&declared);
    wrong.extend(shared(&declared, SHARED));
    if wrong.is_empty() {
        let types = declared.iter().filter(|declared| declared.kind == Kind::Type).count();
        println!("names: {types} types, no two of one name, and none of {} words", WORDS.len());
        Ok(())
    } else {
        Err(format!("names:\n  {}", wrong.join("\n  ")))
    }
}

/// Returns the names that a crate declares.
fn read(name: &str, source: &Path) -> Result<Vec<Declared>, String> {
    let mut declared = Vec::new();
    for (path, module) in &Crate::read(source)?.modules {
        let file: PathBuf = Path::new(name).join(module.file.strip_prefix(source).unwrap_or(&module.file));
        let file = file.display().to_string();
        if let Some(last) = path.last() {
            declared.push(Declared { kind: Kind::Module, name: last.clone(), file: file.clone() });
        }
        let mut names = Names { file: &file, declared: &mut declared };
        module.nodes.iter().for_each(|item| names.visit_item(item));
    }
    Ok(declared)
}

/// Collects names, those inside functions too.
struct Names<'a> {
    file: &'a str,
    declared: &'a mut Vec<Declared>,
}

impl Names<'_> {
    fn add(&mut self, kind: Kind, name: &syn::Ident) {
        self.declared.push(Declared { kind, name: name.to_string(), file: self.file.to_owned() });
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(Kind::Type, &item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(Kind::Type, &item.ident);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.add(Kind::Type, &item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(Kind::Type, &item.ident);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        for name in types_in_macro(item) {
            self.declared.push(Declared { kind: Kind::Type, name, file: self.file.to_owned() });
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(Kind::Type, &item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(Kind::Function, &item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(Kind::Function, &item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        for inner in &item.items {
            match inner {
                syn::ImplItem::Fn(function) if is_test(&function.attrs) => {}
                syn::ImplItem::Fn(function) => {
                    // The names of a trait's functions are the trait's.
                    if item.trait_.is_none() {
                        self.add(Kind::Function, &function.sig.ident);
                    }
                    visit::visit_block(self, &function.block);
                }
                other => visit::visit_impl_item(self, other),
            }
        }
    }
}

/// Returns a message for each name that has a word of the list.
fn unwanted(declared: &[Declared]) -> Vec<String> {
    let of_name = |Declared { kind, name, file }: &Declared| {
        let parts = parts(name);
        let word = WORDS.iter().find(|word| {
            let wanted: Vec<&str> = word.word.split('_').collect();
            match word.scope {
                Scope::Part => parts.windows(wanted.len()).any(|parts| parts == wanted),
                Scope::Whole => parts == wanted,
                Scope::WholeType => parts == wanted && *kind != Kind::Function,
            }
        })?;
        let kind = match kind {
            Kind::Type => "type",
            Kind::Function => "function",
            Kind::Module => "module",
        };
        Some(format!("{file}: {kind} {name}: instead of \"{}\" use {}", word.word, word.instead))
    };
    declared.iter().filter_map(of_name).collect()
}

/// Returns a message for each name of several types that is not among the exceptions, and for each exception that is not
/// needed.
fn shared(declared: &[Declared], exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for declared in declared.iter().filter(|declared| declared.kind == Kind::Type) {
        types.entry(&declared.name).or_default().push(&declared.file);
    }
    types.retain(|_, files| files.len() > 1);
    let is_excepted = |name: &str| exceptions.iter().any(|(excepted, _)| *excepted == name);
    let several = types.iter().filter(|(name, _)| !is_excepted(name));
    let several = several.map(|(name, files)| format!("{} types are named {name}: {}", files.len(), files.join(", ")));
    let stale = exceptions.iter().filter(|(name, _)| !types.contains_key(name));
    several.chain(stale.map(|(name, _)| format!("{name} is an exception, and names no two types"))).collect()
}

/// Returns the parts of a name in lower case: `Ipv4Beside` and `ipv4_beside` have "ipv4" and "beside".
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in name.trim_start_matches("r#").split('_').filter(|word| !word.is_empty()) {
        let mut follows_lower = false;
        parts.push(String::new());
        for c in word.chars() {
            if c.is_ascii_uppercase() && follows_lower {
                parts.push(String::new());
            }
            follows_lower = !c.is_ascii_uppercase();
            if let Some(last) = parts.last_mut() {
                last.push(c.to_ascii_lowercase());
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Writes a crate, and returns the names that it declares.
    fn declared(test: &str, files: &[(&str, &str)]) -> Vec<Declared> {
        let root = std::env::temp_dir().join(format!("xtask-names-{}-{test}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let declared = read("net", &root);
        fs::remove_dir_all(&root).unwrap();
        declared.unwrap()
    }

    #[test]
    fn words_are_found_in_names_of_types_functions_and_modules() {
        let files = [
            (
                "lib.rs",
                "mod turn; mod inside { enum Manner {} } \
                 struct ConnectionDoor; struct Indoor; trait Look { fn pass_sentence(); } type Room = u8; struct Headroom;",
            ),
            (
                "turn.rs",
                "fn line() {} fn carry_out_now() { struct Seats; } struct Line; impl Line { fn place(&self) {} }",
            ),
        ];
        assert_eq!(
            unwanted(&declared("words", &files)),
            [
                "net/lib.rs: type ConnectionDoor: instead of \"door\" use ConnectionLimiter",
                "net/lib.rs: type Look: instead of \"look\" use Recheck, or the verb of what is checked",
                "net/lib.rs: function pass_sentence: instead of \"sentence\" use fatal error",
                "net/lib.rs: type Room: instead of \"room\" use Capacity",
                "net/lib.rs: type Manner: instead of \"manner\" use ConnectionSetup",
                "net/turn.rs: module turn: instead of \"turn\" use Mutex, or password queue",
                "net/turn.rs: function carry_out_now: instead of \"carry_out\" use apply",
                "net/turn.rs: type Seats: instead of \"seats\" use Permit",
                "net/turn.rs: type Line: instead of \"line\" use ChannelStream, or what the line is of",
                "net/turn.rs: function place: instead of \"place\" use SourceStatus, ListenAddr, Location or, in a file, \
                 Position",
            ]
        );
    }

    #[test]
    fn types_that_a_macro_call_declares_are_found() {
        let files = [("lib.rs", "events! { pub(crate) enum RoomEvent<'a> {} } struct RoomEvent;")];
        let declared = declared("macros", &files);
        assert_eq!(unwanted(&declared), Vec::<String>::new(), "\"room\" is a word only by itself");
        assert_eq!(shared(&declared, &[]), ["2 types are named RoomEvent: net/lib.rs, net/lib.rs"]);
    }

    #[test]
    fn names_of_others_and_of_tests_are_not_ours() {
        let files = [(
            "lib.rs",
            "use other::Door as _; struct A { door: u8 } impl other::Kept for A { type Room = u8; fn kept(&self) {} } \
             #[cfg(test)] mod tests { struct A; struct Guest; fn knock() {} } #[cfg(test)] impl A { fn door() {} }",
        )];
        let declared = declared("others", &files);
        assert_eq!(unwanted(&declared), [""; 0]);
        assert_eq!(shared(&declared, &[]), [""; 0]);
    }

    #[test]
    fn a_type_name_exists_once_or_is_an_exception() {
        let files = [
            ("lib.rs", "mod a; mod b { pub enum State {} } struct Once;"),
            ("a.rs", "type State = u8; fn f() { struct Step; } trait Step {} struct Error; struct Err;"),
        ];
        let declared = declared("shared", &files);
        let step = "2 types are named Step: net/a.rs, net/a.rs";
        assert_eq!(shared(&declared, &[]), ["2 types are named State: net/a.rs, net/lib.rs", step]);
        let exceptions = [("State", "one is generated"), ("Once", "gone")];
        assert_eq!(shared(&declared, &exceptions), [step, "Once is an exception, and names no two types"]);
    }

    #[test]
    fn names_have_parts() {
        assert_eq!(parts("Ipv4Beside"), ["ipv4", "beside"]);
        assert_eq!(parts("_carry_out"), ["carry", "out"]);
        assert_eq!(parts("CACHES"), ["caches"]);
        assert_eq!(parts("r#move"), ["move"]);
    }

    #[test]
    fn each_word_is_listed_once() {
        for (at, word) in WORDS.iter().enumerate() {
            assert!(WORDS.iter().skip(at + 1).all(|other| other.word != word.word), "{}", word.word);
        }
    }
}
