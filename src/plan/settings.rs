//! How two settings of the same thing differ: two node trees, compared node by node, in the words of the file.

use crate::diag::Span;
use crate::model::{Config, Scalar, Step};
use std::collections::{BTreeMap, BTreeSet};

/// One difference with its place in the new tree.
pub(super) struct Found {
    pub what: String,
    /// Empty when there is no place.
    pub span: Span,
}

impl Found {
    pub fn nowhere(what: String) -> Found {
        Found { what, span: Span::default() }
    }
}

/// Says where two node trees differ. Nodes are paired by name and first argument, and by order among equals. `path` is how
/// people come to this node, outermost first.
pub(super) fn compare(path: &[String], old: &Config, new: &Config, found: &mut Vec<Found>) {
    if is_same(old, new) {
        return;
    }
    let subject = subject(path);
    let arg_span = |n: usize| new.arg_spans.get(n).copied().unwrap_or(new.span);
    for (n, (before, after)) in old.args.iter().zip(&new.args).enumerate() {
        if before != after {
            let what = format!("{subject}: {} → {}", shown(before), shown(after));
            found.push(Found { what, span: arg_span(n) });
        }
    }
    for gone in old.args.iter().skip(new.args.len()) {
        found.push(Found { what: format!("{subject}: {} is gone", shown(gone)), span: new.span });
    }
    for (n, added) in new.args.iter().enumerate().skip(old.args.len()) {
        found.push(Found { what: format!("{subject}: {} is new", shown(added)), span: arg_span(n) });
    }
    for name in old.props.keys().chain(new.props.keys()).collect::<BTreeSet<_>>() {
        let of = |config: &Config| config.props.get(name).map_or_else(|| "nothing".to_owned(), shown);
        if old.props.get(name) != new.props.get(name) {
            let name = if path.is_empty() { name.to_owned() } else { format!("{name} of {subject}") };
            found.push(Found { what: format!("{name}: {} → {}", of(old), of(new)), span: new.span });
        }
    }
    let (before, after) = (keyed(old), keyed(new));
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let mut path = path.to_vec();
        path.push(key.0.clone());
        match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) => compare(&path, old, new, found),
            (Some(_), None) => found.push(Found { what: format!("{} is gone", self::subject(&path)), span: new.span }),
            (None, Some(added)) => found.push(Found { what: format!("{} is new", self::subject(&path)), span: added.span }),
            (None, None) => {}
        }
    }
}

/// Whether two nodes say the same, wherever they stand: most do after a save, and nothing is made to find that out.
fn is_same(old: &Config, new: &Config) -> bool {
    old.name == new.name
        && old.args == new.args
        && old.props == new.props
        && old.children.len() == new.children.len()
        && old.children.iter().zip(&new.children).all(|(old, new)| is_same(old, new))
}

/// `value of rule "demand"`.
fn subject(path: &[String]) -> String {
    path.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" of ")
}

/// Children by how people name them, such as `rule "demand"`; a node that stands once goes by its name alone.
fn keyed(config: &Config) -> BTreeMap<(String, usize), &Config> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    config.children.iter().for_each(|child| *counts.entry(&*child.name).or_default() += 1);
    let mut keyed = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for child in &config.children {
        let name = match child.arg() {
            Some(Scalar::Text(text)) if counts[&*child.name] > 1 => format!("{} {text:?}", child.name),
            _ => child.name.to_string(),
        };
        let place = seen.entry(name.clone()).or_default();
        keyed.insert((name, *place), child);
        *place += 1;
    }
    keyed
}

/// `source kind=csv`
pub(super) fn kind(step: &Step) -> String {
    step.connector.as_ref().map_or_else(|| step.verb.to_string(), |connector| format!("{} kind={connector}", step.verb))
}

fn shown(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => format!("{text:?}"),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Number(value) => value.to_string(),
        Scalar::Bool(value) => format!("#{value}"),
        Scalar::Duration(millis) => crate::base::duration::format(std::time::Duration::from_millis(*millis)),
        Scalar::Size(bytes) => format!("{bytes} bytes"),
        Scalar::Money(money) => money.to_string(),
        Scalar::Secret(_) => "a secret".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, args: Vec<Scalar>, children: Vec<Config>) -> Config {
        Config { name: name.to_owned().into(), args: args.into(), children, ..Config::default() }
    }

    fn words(old: Config, new: Config) -> Vec<String> {
        let mut found = Vec::new();
        compare(&[], &old, &new, &mut found);
        found.into_iter().map(|found| found.what).collect()
    }

    #[test]
    fn settings_are_named_from_the_inside_out() {
        let rule = |value: &str| node("rule", vec![], vec![node("value", vec![Scalar::Text(value.to_owned())], vec![])]);
        let step = |children| node("score", vec![], children);
        assert_eq!(words(step(vec![rule("a")]), step(vec![rule("b")])), [r#"value of rule: "a" → "b""#]);
        let checks = |names: &[&str]| {
            step(vec![node("check", names.iter().map(|name| Scalar::Text((*name).to_owned())).collect(), vec![])])
        };
        assert_eq!(words(checks(&["x", "y"]), checks(&["x"])), [r#"check: "y" is gone"#]);
        assert_eq!(words(checks(&["x"]), checks(&["x", "y"])), [r#"check: "y" is new"#]);
    }

    #[test]
    fn a_secret_is_never_written_out() {
        assert_eq!(shown(&Scalar::Secret(crate::model::SecretRef::File("key.txt".to_owned()))), "a secret");
    }
}
