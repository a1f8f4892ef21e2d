//! The lists of a validator's document: their names in all dialects, and the objects that they are in.

use super::scan::Text;
use crate::rows::ListName;

/// A list whose entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryList {
    /// VRPs of all validators.
    Roas,
    /// rpki-client's router keys.
    BgpsecKeys,
    /// Routinator's router keys.
    RouterKeys,
    /// FORT's router keys.
    RouterKeysOfFort,
    /// ASPAs of all validators but FORT.
    Aspas,
    /// FORT's ASPAs: an object whose members are customers.
    AspaMap,
    /// The ASPAs of rpki-client 8.0 to 8.4, which had a list for each address family.
    AuthorizationsIpv4,
    /// The other list.
    AuthorizationsIpv6,
    /// The document itself: rpki-prover writes a list of one kind.
    Document,
}

/// Object whose members are being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParentObject {
    /// The document.
    Document,
    /// The object `provider_authorizations`.
    Authorizations,
}

/// The object that held the ASPAs of rpki-client 8.0 to 8.4.
pub(super) const AUTHORIZATIONS: &str = "provider_authorizations";

/// The object with the time of the document.
pub(super) const METADATA: &str = "metadata";

/// Returns whether a validator's document has a list of VRPs with this name.
pub(crate) fn is_list_of_vrps(name: &str) -> bool {
    EntryList::ALL.iter().any(|list| matches!(list.in_rows(), ListName::Vrps(vrps) if vrps == name))
}

impl EntryList {
    pub(super) const ALL: [EntryList; 9] = [
        EntryList::Roas,
        EntryList::BgpsecKeys,
        EntryList::RouterKeys,
        EntryList::RouterKeysOfFort,
        EntryList::Aspas,
        EntryList::AspaMap,
        EntryList::AuthorizationsIpv4,
        EntryList::AuthorizationsIpv6,
        EntryList::Document,
    ];

    /// The list of a name in an object.
    pub(super) fn named(parent: ParentObject, name: &Text<'_>) -> Option<EntryList> {
        let is_named = |list: &EntryList| list.parent() == Some(parent) && name.is(list.own_name());
        EntryList::ALL.into_iter().find(is_named)
    }

    /// The object that the list is a member of; none for the list that is the whole document.
    const fn parent(self) -> Option<ParentObject> {
        match self {
            EntryList::Roas
            | EntryList::BgpsecKeys
            | EntryList::RouterKeys
            | EntryList::RouterKeysOfFort
            | EntryList::Aspas
            | EntryList::AspaMap => Some(ParentObject::Document),
            EntryList::AuthorizationsIpv4 | EntryList::AuthorizationsIpv6 => Some(ParentObject::Authorizations),
            EntryList::Document => None,
        }
    }

    /// The name within its object.
    fn own_name(self) -> &'static str {
        self.name().strip_prefix("provider_authorizations.").unwrap_or(self.name())
    }

    /// The name, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            EntryList::Roas => "roas",
            EntryList::BgpsecKeys => "bgpsec_keys",
            EntryList::RouterKeys => "routerKeys",
            EntryList::RouterKeysOfFort => "router-keys",
            EntryList::Aspas => "aspas",
            EntryList::AspaMap => "aspa",
            EntryList::AuthorizationsIpv4 => "provider_authorizations.ipv4",
            EntryList::AuthorizationsIpv6 => "provider_authorizations.ipv6",
            EntryList::Document => "list",
        }
    }

    /// The list as rows are counted by it.
    pub(super) const fn in_rows(self) -> ListName {
        match self {
            EntryList::Roas => ListName::Vrps(self.name()),
            EntryList::BgpsecKeys
            | EntryList::RouterKeys
            | EntryList::RouterKeysOfFort
            | EntryList::Aspas
            | EntryList::AspaMap
            | EntryList::AuthorizationsIpv4
            | EntryList::AuthorizationsIpv6
            | EntryList::Document => ListName::Other(self.name()),
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The brackets around the entries.
    pub(super) const fn brackets(self) -> (u8, u8) {
        match self {
            EntryList::AspaMap => (b'{', b'}'),
            _ => (b'[', b']'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_are_found_by_their_names() {
        // `index` counts the variants, of which each is in `ALL`.
        assert!(EntryList::ALL.iter().enumerate().all(|(index, list)| list.index() == index));
        assert_eq!(EntryList::Document.index() + 1, EntryList::ALL.len(), "the last variant is the last of all");
    }
}
