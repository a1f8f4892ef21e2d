//! A crate's modules as its files declare them, and which file an import leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A path of names from the root of the crate.
pub(crate) type Names = Vec<String>;

/// A module, in a file of its own or inside another's.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// Everything in it but tests.
    pub(crate) nodes: Vec<Item>,
    /// What is defined here, modules aside.
    items: BTreeSet<String>,
    /// What is imported here, by its name here, as it is written.
    pub(crate) uses: BTreeMap<String, Names>,
    /// Modules of which everything is imported here.
    pub(crate) globs: Vec<Names>,
    /// Paths in this module, imports and others, that begin in this crate.
    paths: Vec<Names>,
}

/// All modules of a crate, tests aside.
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<Names, Module>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Module(Names),
    /// An item in a module of this crate, or something inside that item.
    Item(Names, String),
    /// What is not of this crate, by its whole path; a name alone may also be a type parameter.
    Foreign(Names),
}

impl Crate {
    /// Reads `lib.rs` or `main.rs` in this folder and all that it declares.
    pub(crate) fn read(source: &Path) -> Result<Crate, String> {
        let mut found = Crate { modules: BTreeMap::new() };
        let root = ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().find(|path| path.exists());
        let root = root.ok_or_else(|| format!("{}: neither lib.rs nor main.rs", source.display()))?;
        found.read_file(&root, source, Names::new())?;
        Ok(found)
    }

    /// Reads a file whose modules lie in this folder.
    fn read_file(&mut self, file: &Path, folder: &Path, at: Names) -> Result<(), String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        self.read_items(parsed.items, file, folder, at)
    }

    fn read_items(&mut self, mut items: Vec<Item>, file: &Path, folder: &Path, at: Names) -> Result<(), String> {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        items.retain(|item| !is_test(attributes(item)));
        for item in &mut items {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let path = [at.clone(), vec![name.clone()]].concat();
                    let inside = folder.join(&name);
                    match child.content.take() {
                        Some((_, items)) => self.read_items(items, file, &inside, path)?,
                        None => {
                            let alone = folder.join(format!("{name}.rs"));
                            let own = if alone.exists() { alone } else { inside.join("mod.rs") };
                            self.read_file(&own, &inside, path)?;
                        }
                    }
                }
                Item::Use(item) => flatten(&item.tree, &Names::new(), &mut module),
                item => {
                    module.items.extend(name(item));
                    if let Item::Macro(item) = item {
                        module.items.extend(types_in_macro(item));
                    }
                    Paths(&mut module).visit_item(item);
                }
            }
        }
        module.nodes = items;
        self.modules.insert(at, module);
        Ok(())
    }

    /// Which files each file imports something of.
    pub(crate) fn imports(&self) -> Result<BTreeMap<PathBuf, BTreeSet<PathBuf>>, String> {
        let mut imports: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for (at, module) in &self.modules {
            let from = imports.entry(module.file.clone()).or_default();
            for path in &module.paths {
                let module_of_target = match self.follow(at, path) {
                    Target::Module(target) | Target::Item(target, _) => &self.modules[&target],
                    Target::Foreign(target) => match target.first().map(String::as_str) {
                        Some("crate" | "self" | "super") | None => {
                            return Err(format!("{}: nothing found by {}", module.file.display(), path.join("::")));
                        }
                        Some(_) => continue,
                    },
                };
                if module_of_target.file != module.file {
                    from.insert(module_of_target.file.clone());
                }
            }
        }
        Ok(imports)
    }

    /// What a path in this module leads to.
    pub(crate) fn follow(&self, at: &[String], path: &[String]) -> Target {
        self.follow_through(at, path, 0).unwrap_or_else(|| Target::Foreign(path.to_vec()))
    }

    fn follow_through(&self, at: &[String], path: &[String], depth: usize) -> Option<Target> {
        // An import can name itself around a corner; no chain of re-exports is so long.
        if depth > 16 {
            return None;
        }
        let mut here = at.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (here, rest) = (Names::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while let Some(("super", after)) = rest.split_first().map(|(name, after)| (name.as_str(), after)) {
                    here.pop()?;
                    rest = after;
                }
            }
            _ => {}
        }
        let module = self.modules.get(&here)?;
        let Some((name, after)) = rest.split_first() else { return Some(Target::Module(here)) };
        let child = [here.clone(), vec![name.clone()]].concat();
        if self.modules.contains_key(&child) {
            return self.follow_through(&child, &[vec!["self".to_owned()], after.to_vec()].concat(), depth + 1);
        }
        if module.items.contains(name) {
            return Some(Target::Item(here, name.clone()));
        }
        if let Some(target) = module.uses.get(name).filter(|target| target.as_slice() != path || here != at) {
            return self.follow_through(&here, &[target.as_slice(), after].concat(), depth + 1);
        }
        let own = |glob: &Names| match self.follow_through(&here, glob, depth + 1) {
            Some(Target::Module(target)) => {
                let found = self.follow_through(&target, &[&["self".to_owned()], rest].concat(), depth + 1);
                found.filter(|found| !matches!(found, Target::Foreign(path) if path[0] == "self"))
            }
            _ => None,
        };
        module.globs.iter().find_map(own).or_else(|| Some(Target::Foreign(path.to_vec())))
    }
}

/// Paths in an item's signature and body.
struct Paths<'a>(&'a mut Module);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.0.paths.push(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &Names::new(), self.0);
    }
}

/// What an import brings, as if a module had nothing else.
pub(crate) fn imported(item: &syn::ItemUse) -> Module {
    let mut module = Module::default();
    flatten(&item.tree, &Names::new(), &mut module);
    module
}

/// Takes an import apart into single names.
fn flatten(tree: &UseTree, before: &Names, module: &mut Module) {
    let with = |name: &syn::Ident| [before.clone(), vec![name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), module),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, module)),
        UseTree::Glob(_) => {
            module.globs.push(before.clone());
            module.paths.push(before.clone());
        }
        UseTree::Name(name) => import(&name.ident, &with(&name.ident), before, module),
        UseTree::Rename(rename) if rename.ident == "self" => import(&rename.rename, before, before, module),
        UseTree::Rename(rename) => import(&rename.rename, &with(&rename.ident), before, module),
    }
}

fn import(name: &syn::Ident, path: &Names, before: &Names, module: &mut Module) {
    let (name, path) = match before.last() {
        Some(last) if name == "self" => (last.clone(), before.clone()),
        _ => (name.to_string(), path.clone()),
    };
    module.paths.push(path.clone());
    module.uses.insert(name, path);
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns whether an item is for tests alone, or for them and the fuzzers.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string().replace(' ', ""));
        condition.is_ok_and(|condition| condition == "test" || condition == "any(test,fuzzing)")
    })
}

pub(crate) fn name(item: &Item) -> Option<String> {
    Some(
        match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Macro(item) => item.ident.as_ref()?,
            _ => return None,
        }
        .to_string(),
    )
}

/// The types that the tokens of a macro's call declare as a person reads them: `events! { pub enum Name { .. } }`.
pub(crate) fn types_in_macro(item: &syn::ItemMacro) -> Vec<String> {
    let words: Vec<String> = item.mac.tokens.clone().into_iter().map(|token| token.to_string()).collect();
    let declares = |pair: &&[String]| matches!(pair, [keyword, _] if keyword == "enum" || keyword == "struct");
    words.windows(2).filter(declares).map(|pair| pair[1].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a crate, and says what each file imports.
    fn imports(name: &str, files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let root = std::env::temp_dir().join(format!("xtask-imports-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let imports = Crate::read(&root).and_then(|read| read.imports());
        fs::remove_dir_all(&root).unwrap();
        let shown = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        let of_file = |(from, targets): (&PathBuf, &BTreeSet<PathBuf>)| {
            let targets: Vec<String> = targets.iter().map(|target| shown(target)).collect();
            format!("{}: {}", shown(from), targets.join(" "))
        };
        imports.map(|imports| imports.iter().map(of_file).collect())
    }

    #[test]
    fn imports_lead_to_the_file_that_defines_what_they_name() {
        let found = imports(
            "all",
            &[
                ("lib.rs", "mod a; mod b; mod c; pub use a::A; mod inside { pub struct I; use super::c::*; }"),
                ("a.rs", "pub struct A; use std::fmt; use crate::b as other; fn f(_: other::deep::D) {}"),
                ("b/mod.rs", "pub(crate) mod deep; pub use deep::D as Renamed;"),
                (
                    "b/deep.rs",
                    "pub struct D; fn f() { super::super::c::g(); } #[cfg(test)] mod tests { use crate::a::A; }",
                ),
                ("c.rs", "pub fn g() { use crate::{A, b::Renamed}; }"),
            ],
        );
        assert_eq!(
            found.unwrap(),
            [
                "a.rs: b/deep.rs b/mod.rs",
                "b/deep.rs: c.rs",
                "b/mod.rs: b/deep.rs",
                "c.rs: a.rs b/deep.rs",
                "lib.rs: a.rs c.rs",
            ]
        );
    }

    #[test]
    fn types_that_a_macro_makes_are_found_by_their_declaration() {
        let a = "macro_rules! events { () => {} } events! { pub enum A<'a> { B { c: &'a str } } }";
        let found = imports("macro", &[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", "use crate::a::A;")]);
        assert_eq!(found.unwrap(), ["a.rs: ", "b.rs: a.rs", "lib.rs: "]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_an_error() {
        let found = imports("none", &[("lib.rs", "mod a;"), ("a.rs", "use crate::gone::X;")]).unwrap_err();
        assert!(found.ends_with("a.rs: nothing found by crate::gone::X"), "{found}");
    }
}
