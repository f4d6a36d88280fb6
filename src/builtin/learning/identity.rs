//! Who is who: pseudonyms that share a key, such as an account or a hashed address, are one person.
//!
//! Somebody who came from a phone and bought at a desk is two pseudonyms until something names both. Joining is by chains: if the
//! phone shares an account with the desk and the desk an address with a tablet, all three are one. A key that many pseudonyms share
//! is a place or a default rather than a person, so it joins nobody.

use crate::model::goods::Row;
use std::collections::{BTreeMap, BTreeSet};

/// A key shared by more pseudonyms than this names no person.
const PSEUDONYMS_MAX: usize = 5;

/// Who everybody is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People<'a> {
    /// Pseudonyms that stand for another, which is the first of its person by name.
    same: BTreeMap<&'a str, &'a str>,
    /// Keys that too many shared.
    pub shared: usize,
}

impl<'a> People<'a> {
    /// Joins pseudonyms over the values of `fields`; the order of events does not matter.
    pub fn joined(events: &[Row<'a>], fields: &[&str]) -> People<'a> {
        let mut holders: BTreeMap<(usize, &str), BTreeSet<&'a str>> = BTreeMap::new();
        for event in events.iter().filter(|event| !event.who().is_empty()) {
            for (at, field) in fields.iter().enumerate() {
                if let Some(value) = event.field(field).map(str::trim).filter(|value| !value.is_empty()) {
                    holders.entry((at, value)).or_default().insert(event.who());
                }
            }
        }
        let mut people = People::default();
        for names in holders.into_values() {
            if names.len() > PSEUDONYMS_MAX {
                people.shared += 1;
                continue;
            }
            let Some(first) = names.iter().map(|name| people.root(name)).min() else { continue };
            for name in names {
                let root = people.root(name);
                if root != first {
                    people.same.insert(root, first);
                }
            }
        }
        people
    }

    /// The name of the person behind a pseudonym.
    pub fn root(&self, who: &'a str) -> &'a str {
        let mut name = who;
        while let Some(next) = self.same.get(name) {
            name = next;
        }
        name
    }

    /// How many pseudonyms turned out to be somebody else's.
    pub fn joins(&self) -> usize {
        self.same.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goods::{Event, Events};

    fn event(who: &str, fields: &[(&str, &str)]) -> Event {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Event { who: who.into(), fields, ..Event::default() }
    }

    #[test]
    fn keys_join_by_chains_whatever_the_order_and_crowds_join_nobody() {
        let mut events = vec![
            event("phone", &[("account", "7")]),
            event("desk", &[("account", "7"), ("mail", "x")]),
            event("tablet", &[("mail", "x")]),
            event("other", &[("account", " ")]),
            event("", &[("account", "7")]),
        ];
        events.extend((0..6).map(|n| event(&format!("guest {n}"), &[("account", "guest")])));
        let of = |events: &[Event]| {
            let events = Events::new("site", events);
            let people = People::joined(&events.rows().collect::<Vec<_>>(), &["account", "mail"]);
            let roots: Vec<String> =
                ["phone", "desk", "tablet", "other", "guest 1"].iter().map(|who| people.root(who).to_owned()).collect();
            (roots, people.joins(), people.shared)
        };
        let found = of(&events);
        assert_eq!(found, (["desk", "desk", "desk", "other", "guest 1"].map(str::to_owned).to_vec(), 2, 1));
        events.reverse();
        assert_eq!(of(&events), found);
        // The same value in another field is another key.
        let apart = [event("a", &[("account", "7")]), event("b", &[("mail", "7")])];
        let apart = Events::new("site", &apart);
        assert_eq!(People::joined(&apart.rows().collect::<Vec<_>>(), &["account", "mail"]).joins(), 0);
    }
}
