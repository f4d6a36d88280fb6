//! Fields in expressions and templates: what a path such as `signal.evidence` leads to, and which paths may go on at a place.
//!
//! The checkers of `step` read whole expressions and whole templates. Under a cursor neither is whole, so this looks only at the text
//! before the place: the path that ends there, and what opened around it and gave names (`exists(e, …)`, `{{#each … as |claim|}}`).

use crate::model::GoodKind;
use crate::step::fields::{self, Field, Type};
use std::collections::BTreeMap;

/// The names that a path may begin with.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Innermost last, with what `this` and bare fields mean; only templates have more than one.
    levels: Vec<Option<Type>>,
    names: BTreeMap<String, Option<Type>>,
}

/// A path that ends at a place: what stands before the last point, and the letters after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'t> {
    /// `signal.evidence` of `signal.evidence.ti`; empty when there is no point.
    pub before: &'t str,
    pub typed: &'t str,
}

/// Macros of expressions that give a name to each element.
const MACROS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];

impl Scope {
    /// What an expression may read in a step that takes these kinds, at the end of `before`.
    pub fn of_expression(takes: &[GoodKind], before: &str) -> Scope {
        let mut scope = Scope::with(fields::variables(takes));
        for (list, name) in macros_around(before) {
            let element = element(scope.leads_to(list));
            scope.names.insert(name.to_owned(), element);
        }
        scope
    }

    /// What a template may read in a step that takes these kinds, at the end of `before`.
    pub fn of_template(takes: &[GoodKind], before: &str) -> Scope {
        let mut scope = Scope::with(fields::template_variables(takes));
        // Of each open block, whether it opened a level and which names it gave.
        let mut open: Vec<(bool, Vec<String>)> = Vec::new();
        for tag in before.split("{{").skip(1).filter_map(|rest| Some(&rest[..rest.find("}}")?])) {
            let inner = tag.trim_matches(['{', '~', ' ']);
            if let Some(block) = inner.strip_prefix('#') {
                let mut words = block.split_whitespace();
                let (helper, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
                let names: Vec<&str> = match block.split_once('|') {
                    Some((_, after)) => after.trim_end_matches('|').split_whitespace().collect(),
                    None => Vec::new(),
                };
                let opens = matches!(helper, "each" | "with");
                if opens {
                    let found = scope.leads_to(path);
                    let found = if helper == "each" { element(found) } else { found };
                    scope.levels.push(found);
                    if let Some(name) = names.first() {
                        scope.names.insert((*name).to_owned(), found);
                    }
                }
                open.push((opens, names.iter().map(|name| (*name).to_owned()).collect()));
            } else if inner.starts_with('/')
                && let Some((opened, names)) = open.pop()
            {
                if opened {
                    scope.levels.pop();
                }
                names.iter().for_each(|name| {
                    scope.names.remove(name);
                });
            }
        }
        scope
    }

    fn with(variables: BTreeMap<&'static str, Type>) -> Scope {
        Scope { levels: Vec::new(), names: variables.into_iter().map(|(name, ty)| (name.to_owned(), Some(ty))).collect() }
    }

    /// The type of a path; `None` when it is not known.
    pub fn leads_to(&self, path: &str) -> Option<Type> {
        let mut rest = path;
        let mut up = 0;
        while let Some(above) = rest.strip_prefix("../") {
            up += 1;
            rest = above;
        }
        let level = self.levels.len().checked_sub(up + 1).and_then(|at| self.levels[at]);
        let mut parts = rest.split(['.', '/']).filter(|part| !part.is_empty());
        let Some(first) = parts.next() else { return level };
        let (name, indexed) = plain(first);
        let mut found = match name {
            "this" => level,
            name => match self.names.get(name) {
                Some(known) => *known,
                None => level.and_then(|level| member(level, name)),
            },
        };
        for _ in 0..indexed {
            found = element(found);
        }
        for part in parts {
            let (name, indexed) = plain(part);
            found = found.and_then(|ty| member(ty, name));
            for _ in 0..indexed {
                found = element(found);
            }
        }
        found
    }

    /// What a path may begin with: names, and the fields of the innermost level.
    pub fn beginnings(&self) -> Vec<(String, Option<Type>, &'static str)> {
        let level = self.levels.last().copied().flatten();
        let mut found: Vec<(String, Option<Type>, &'static str)> =
            level.into_iter().flat_map(members).map(|field| (field.name.to_owned(), Some(field.ty), field.doc)).collect();
        if !self.levels.is_empty() {
            found.push(("this".to_owned(), level, "the present element"));
        }
        found.extend(self.names.iter().map(|(name, ty)| (name.clone(), *ty, "")));
        found
    }

    /// The field that a path names, with its words.
    pub fn field(&self, path: &Path<'_>) -> Option<&'static Field> {
        match path.before {
            "" => {
                let level = self.levels.last().copied().flatten()?;
                members(level).iter().find(|field| field.name == path.typed && !self.names.contains_key(path.typed))
            }
            before => members(self.leads_to(before)?).iter().find(|field| field.name == path.typed),
        }
    }
}

/// `evidence[0]` without its index, and how many there are.
fn plain(part: &str) -> (&str, usize) {
    (part.split('[').next().unwrap_or(part), part.matches('[').count())
}

fn member(ty: Type, name: &str) -> Option<Type> {
    match ty {
        Type::Map(of) => Some(*of),
        other => members(other).iter().find(|field| field.name == name).map(|field| field.ty),
    }
}

fn element(ty: Option<Type>) -> Option<Type> {
    match ty? {
        Type::List(of) | Type::Map(of) => Some(*of),
        _ => None,
    }
}

/// The fields of a record; nothing else has any.
pub fn members(ty: Type) -> &'static [Field] {
    match ty {
        Type::Record(fields) => fields,
        _ => &[],
    }
}

/// The path that ends at the end of a text.
pub fn path(before: &str) -> Path<'_> {
    let mut depth = 0usize;
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| {
            match c {
                ']' => depth += 1,
                '[' if depth == 0 => return false,
                '[' => depth -= 1,
                _ => {}
            }
            depth > 0 || c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | '/' | '@')
        })
        .last()
        .map_or(before.len(), |(at, _)| at);
    let whole = &before[start..];
    match whole.rfind(['.', '/']) {
        Some(_) if whole.ends_with("../") => Path { before: whole, typed: "" },
        Some(point) => {
            Path { before: &whole[..point + usize::from(whole[..=point].ends_with("../"))], typed: &whole[point + 1..] }
        }
        None => Path { before: "", typed: whole },
    }
}

/// The calls that are open at the end of a text and name each element: the list and the name, outermost first.
fn macros_around(before: &str) -> Vec<(&str, &str)> {
    let mut open: Vec<usize> = Vec::new();
    let mut quote: Option<char> = None;
    for (at, c) in before.char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => open.push(at),
            (None, ')') => {
                open.pop();
            }
            _ => {}
        }
    }
    let call = |at: usize| {
        let callee = path(&before[..at]);
        let (name, _) = before[at + 1..].split_once(',')?;
        let is_name = !name.trim().is_empty() && name.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
        (MACROS.contains(&callee.typed) && is_name).then(|| (callee.before, name.trim()))
    };
    open.into_iter().filter_map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scope: &Scope, before: &str) -> Vec<&'static str> {
        scope.leads_to(path(before).before).into_iter().flat_map(members).map(|field| field.name).collect()
    }

    #[test]
    fn a_path_in_an_expression_leads_to_fields() {
        for (before, expected) in [
            ("signal.", "kind"),
            ("percentile(signal.vo", "kind"),
            ("signal.evidence[0].ti", "signal"),
            ("signal.evidence.exists(e, e.", "signal"),
            ("size(signal.evidence.filter(e, e.source == 'a(b').map(x, x.", ""),
            ("signal.evidence.exists(e, signal.series.all(p, p.", "at"),
            ("nothing.", ""),
            ("1.0 + pillar.", "name"),
        ] {
            let scope = Scope::of_expression(&[GoodKind::Signal], before);
            assert_eq!(names(&scope, before).first().copied().unwrap_or(""), expected, "{before}");
        }
    }

    #[test]
    fn a_path_in_a_template_follows_its_blocks() {
        for (before, expected) in [
            ("{{brief.", "title"),
            ("{{#each brief.claims}}{{this.", "id"),
            ("{{#each brief.claims as |claim|}}{{claim.", "id"),
            ("{{#each brief.claims}}x{{/each}}{{this.", ""),
            ("{{#with brief}}{{#each claims}}{{../", "title"),
            ("{{#if brief.cta}}{{#each brief.related}}{{this.", "title"),
            ("{{#each brief.claims}}{{", ""),
        ] {
            let scope = Scope::of_template(&[GoodKind::Brief], before);
            let found = match path(before).before {
                "" => Vec::new(),
                _ => names(&scope, before),
            };
            assert_eq!(found.first().copied().unwrap_or(""), expected, "{before}");
        }
        let scope = Scope::of_template(&[GoodKind::Brief], "{{#each brief.claims as |claim|}}{{");
        let all: Vec<String> = scope.beginnings().into_iter().map(|(name, _, _)| name).collect();
        assert!(
            ["quote", "this", "claim", "brief", "os", "now"].iter().all(|name| all.iter().any(|other| other == name)),
            "{all:?}"
        );
        assert_eq!(scope.field(&Path { before: "claim", typed: "quote" }).map(|field| field.name), Some("quote"));
        assert_eq!(scope.field(&Path { before: "", typed: "quote" }).map(|field| field.name), Some("quote"));
    }

    #[test]
    fn paths_end_where_letters_end() {
        let told = |before| {
            let path = path(before);
            format!("{}|{}", path.before, path.typed)
        };
        assert_eq!(told("a + signal.vol"), "signal|vol");
        assert_eq!(told("size(x[0].y"), "x[0]|y");
        assert_eq!(told("é"), "|é");
        assert_eq!(told(""), "|");
        assert_eq!(told("a["), "|");
        assert_eq!(told("{{../ti"), "../|ti");
    }
}
