//! What others can name of a crate: what `lib.rs` and the public modules export, with signatures, fields, variants,
//! methods and traits. Items of the crate stand by the shortest path by which they are public, others by their whole path.

use super::text::text;
use crate::modules::{self, Crate, Names, Target, imported, is_test};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, PathArguments, TraitItem, Type, Visibility};

/// An item, its lines in the order of their paths.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    path: Vec<String>,
    pub(super) text: String,
}

/// Behind the path of a type, and before those of its parts.
const OF_TYPE: &str = ":: ";

/// Before the path of an item that is not public.
pub(super) const HIDDEN: &str = "crate::";

pub(super) struct Surface<'a> {
    read: &'a Crate,
    /// The public path of each item that has one, by its module and name.
    public: BTreeMap<(Names, String), String>,
    pub(super) lines: BTreeSet<Line>,
    /// The other crates that lines name.
    pub(super) foreign: BTreeSet<String>,
}

impl Surface<'_> {
    pub(super) fn of(read: &Crate) -> Result<Surface<'_>, String> {
        let mut surface = Surface { read, public: BTreeMap::new(), lines: BTreeSet::new(), foreign: BTreeSet::new() };
        surface.find_exports()?;
        for (at, module) in &read.modules {
            for item in &module.nodes {
                let name = modules::name(item).unwrap_or_default();
                if let Item::Impl(item) = item {
                    surface.implementation(at, item);
                } else if let Some(path) = surface.public.get(&(at.clone(), name.clone())).cloned() {
                    let mut item = item.clone();
                    surface.resolve(at, |resolver| resolver.visit_item_mut(&mut item));
                    surface.item(item, &name, &path)?;
                }
            }
        }
        Ok(surface)
    }

    /// Finds what is public, the root of the crate first.
    fn find_exports(&mut self) -> Result<(), String> {
        let read = self.read;
        let mut queue = VecDeque::from([(Names::new(), String::new())]);
        while let Some((at, before)) = queue.pop_front() {
            for item in &read.modules[&at].nodes {
                let exported: Vec<(String, Names)> = match item {
                    Item::Use(item) if is_public(&item.vis) => {
                        let imported = imported(item);
                        if !imported.globs.is_empty() {
                            return Err(format!("everything of {:?} is exported: name it", imported.globs));
                        }
                        imported.uses.into_iter().collect()
                    }
                    Item::Mod(item) if is_public(&item.vis) => {
                        vec![(item.ident.to_string(), vec!["self".to_owned(), item.ident.to_string()])]
                    }
                    item if visibility(item).is_some_and(is_public) => {
                        let name = modules::name(item).unwrap_or_default();
                        vec![(name.clone(), vec!["self".to_owned(), name])]
                    }
                    _ => continue,
                };
                for (name, target) in exported {
                    let path = format!("{before}{name}");
                    match read.follow(&at, &target) {
                        Target::Module(module) => queue.push_back((module, format!("{path}::"))),
                        Target::Item(module, name) => {
                            let first = self.public.entry((module, name)).or_insert_with(|| path.clone()).clone();
                            if first != path {
                                self.add(&path, format!("pub use {first} as {path}"));
                            }
                        }
                        Target::Foreign(target) => {
                            self.foreign.extend(target.first().cloned());
                            self.add(&path, format!("pub use {} as {path}", target.join("::")));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, text: String) {
        let path = path.split("::").map(str::to_owned).collect();
        self.lines.insert(Line { path, text });
    }

    /// Has each path in some syntax of this module say what it leads to.
    fn resolve(&mut self, at: &Names, visit: impl FnOnce(&mut Resolver)) {
        let mut resolver = Resolver { surface: self, at, foreign: BTreeSet::new() };
        visit(&mut resolver);
        let foreign = resolver.foreign;
        self.foreign.extend(foreign);
    }

    fn item(&mut self, item: Item, name: &str, path: &str) -> Result<(), String> {
        match item {
            Item::Const(item) => self.add(path, format!("pub const {path}: {}", text(&item.ty))),
            Item::Fn(item) => self.add(path, format!("pub {}", named(&text(&item.sig), "fn", name, path))),
            Item::Type(mut item) => {
                item.attrs.clear();
                self.add(path, named(&head(&item), "type", name, path));
            }
            Item::Struct(mut item) => {
                let marks = self.attributes(path, std::mem::take(&mut item.attrs));
                let fields = std::mem::replace(&mut item.fields, Fields::Unit);
                let rest = if fields.iter().any(|field| !is_public(&field.vis)) { " { .. }" } else { "" };
                self.add(path, format!("{marks}{}{rest}", named(&head(&item), "struct", name, path)));
                for (number, field) in fields.into_iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
                    let path = format!("{path}::{}", field.ident.map_or(number.to_string(), |name| name.to_string()));
                    self.add(&path, format!("pub {path}: {}", text(&field.ty)));
                }
            }
            Item::Enum(mut item) => {
                let marks = self.attributes(path, std::mem::take(&mut item.attrs));
                let variants = std::mem::take(&mut item.variants);
                self.add(path, format!("{marks}{}", named(&head(&item), "enum", name, path)));
                for mut variant in variants {
                    variant.attrs.clear();
                    variant.fields.iter_mut().for_each(|field| field.attrs.clear());
                    self.add(&format!("{path}::{}", variant.ident), format!("{path}::{}", text(&variant)));
                }
            }
            Item::Trait(mut item) => {
                item.attrs.clear();
                let items = std::mem::take(&mut item.items);
                self.add(path, named(&head(&item), "trait", name, path));
                items.into_iter().try_for_each(|item| self.trait_item(item, path))?;
            }
            _ => return Err(format!("{path} is of a kind that is not known here")),
        }
        Ok(())
    }

    fn trait_item(&mut self, item: TraitItem, path: &str) -> Result<(), String> {
        match item {
            TraitItem::Fn(item) => {
                let name = item.sig.ident.to_string();
                let path = format!("{path}::{name}");
                let body = if item.default.is_some() { " { .. }" } else { "" };
                self.add(&path, format!("{}{body}", named(&text(&item.sig), "fn", &name, &path)));
            }
            TraitItem::Type(mut item) => {
                item.attrs.clear();
                let name = item.ident.to_string();
                let path = format!("{path}::{name}");
                self.add(&path, named(&head(&item), "type", &name, &path));
            }
            _ => return Err(format!("{path} has something of a kind that is not known here")),
        }
        Ok(())
    }

    /// Methods, or a trait for a type, if one of both is of this crate and none of both is hidden in it.
    fn implementation(&mut self, at: &Names, item: &ItemImpl) {
        let mut paths = Vec::new();
        let owner = match referred(&item.self_ty) {
            Type::Path(owner) => Some(&owner.path),
            _ => None,
        };
        for path in owner.into_iter().chain(item.trait_.as_ref().map(|(path, _)| path)) {
            if let Target::Item(module, name) = self.read.follow(at, &names(path)) {
                match self.public.get(&(module, name)) {
                    Some(path) => paths.push(path.clone()),
                    None => return,
                }
            }
        }
        let Some(path) = paths.into_iter().next() else { return };
        let mut item = item.clone();
        item.attrs.clear();
        if item.trait_.is_some() {
            item.items.retain(|item| matches!(item, ImplItem::Type(_)));
        }
        self.resolve(at, |resolver| resolver.visit_item_impl_mut(&mut item));
        if item.trait_.is_some() {
            let whole = text(&item);
            // For a type that nobody else can name.
            if !whole.contains(HIDDEN) {
                // As if it were derived.
                let whole =
                    whole.replace("std::fmt::Debug for", "Debug for").replace("core::fmt::Debug for", "Debug for");
                self.add(&format!("{path}{OF_TYPE}"), whole.strip_suffix(" { }").unwrap_or(&whole).to_owned());
            }
            return;
        }
        let items = std::mem::take(&mut item.items);
        let is_plain = item.generics.type_params().next().is_none() && item.generics.where_clause.is_none();
        let of = if is_plain { String::new() } else { format!(" in {}", head(&item)) };
        for item in items {
            match item {
                ImplItem::Fn(item) if is_public(&item.vis) && !is_test(&item.attrs) => {
                    let name = item.sig.ident.to_string();
                    let path = format!("{path}::{name}");
                    self.add(&path, format!("pub {}{of}", named(&text(&item.sig), "fn", &name, &path)));
                }
                ImplItem::Const(item) if is_public(&item.vis) && !is_test(&item.attrs) => {
                    let path = format!("{path}::{}", item.ident);
                    self.add(&path, format!("pub const {path}: {}{of}", text(&item.ty)));
                }
                _ => {}
            }
        }
    }

    /// Adds the derived traits, and says what else stands before the item.
    fn attributes(&mut self, path: &str, attributes: Vec<Attribute>) -> &'static str {
        let mut marks = "";
        for attribute in attributes {
            if attribute.path().is_ident("non_exhaustive") {
                marks = "#[non_exhaustive] ";
            } else if attribute.path().is_ident("derive") {
                let _ = attribute.parse_nested_meta(|derived| {
                    self.add(&format!("{path}{OF_TYPE}"), format!("impl {} for {path}", text(&derived.path)));
                    Ok(())
                });
            }
        }
        marks
    }
}

struct Resolver<'a> {
    surface: &'a Surface<'a>,
    at: &'a Names,
    foreign: BTreeSet<String>,
}

impl VisitMut for Resolver<'_> {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let whole = match self.surface.read.follow(self.at, &names(path)) {
            Target::Item(module, name) => match self.surface.public.get(&(module.clone(), name.clone())) {
                Some(path) => path.clone(),
                None => format!("{HIDDEN}{}", [module, vec![name]].concat().join("::")),
            },
            Target::Foreign(whole) if whole.len() > 1 && whole[0].starts_with(char::is_lowercase) => {
                self.foreign.insert(whole[0].clone());
                whole.join("::")
            }
            // A type parameter, something of it, or what every file knows.
            Target::Foreign(_) | Target::Module(_) => return,
        };
        let last = path.segments.last().map_or(PathArguments::None, |segment| segment.arguments.clone());
        if let Ok(whole) = syn::parse_str::<syn::Path>(&whole) {
            path.segments = whole.segments;
            path.segments.last_mut().into_iter().for_each(|segment| segment.arguments = last.clone());
        }
    }

    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}

    fn visit_block_mut(&mut self, _: &mut syn::Block) {}

    fn visit_pat_ident_mut(&mut self, name: &mut syn::PatIdent) {
        name.mutability = None;
    }

    /// That a function changes its argument is nobody else's concern.
    fn visit_receiver_mut(&mut self, receiver: &mut syn::Receiver) {
        receiver.mutability = None;
        visit_mut::visit_receiver_mut(self, receiver);
    }
}

fn names(path: &syn::Path) -> Names {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn referred(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => referred(&reference.elem),
        ty => ty,
    }
}

/// Puts the whole path where the name is.
fn named(text: &str, keyword: &str, name: &str, path: &str) -> String {
    text.replacen(&format!("{keyword} {name}"), &format!("{keyword} {path}"), 1)
}

/// What stands before the body.
fn head(item: &impl ToTokens) -> String {
    text(item).trim_end_matches([' ', ';', '{', '}']).to_owned()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn visibility(item: &Item) -> Option<&Visibility> {
    Some(match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Union(item) => &item.vis,
        _ => return None,
    })
}
