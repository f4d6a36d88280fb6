//! What the users of a module would notice when one version takes the place of another.
//!
//! Compared are interfaces, not files: what a use may say, what it must say, what comes in and what comes out. Each difference asks for a
//! step of the version by the rules of semantic versioning (semver.org, 2.0.0, items 6 to 8; before 1.0.0 a minor step may break).

use super::interface::{Interface, Param, Step};
use crate::base::InOrder;
use semver::Version;
use std::collections::BTreeSet;
use std::fmt;

/// What a difference means for those who use the module. In rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Files differ, and nothing that a use says or reads.
    Inside,
    /// There is more than before.
    Addition,
    /// A use that worked may not work any more, or does something else.
    Breaking,
}

/// One difference, in the words of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub weight: Weight,
    /// The step it is about; `None` for the module as a whole.
    pub step: Option<String>,
    pub message: String,
}

/// All differences between two versions of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub changes: Vec<Change>,
    /// The lowest version that these changes may have.
    pub needed: Version,
    /// Whether the new version is at least that.
    pub is_enough: bool,
}

impl Comparison {
    pub fn breaks(&self) -> bool {
        self.changes.iter().any(|change| change.weight == Weight::Breaking)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weight::Inside => "inside",
            Weight::Addition => "addition",
            Weight::Breaking => "breaking",
        })
    }
}

/// Compares two versions of a module. `same_files` says whether their files are the same to the byte.
pub fn compare(before: &Interface, now: &Interface, same_files: bool) -> Comparison {
    let mut sink = Sink(Vec::new());
    if before.name != now.name {
        sink.say(Weight::Breaking, None, format!("the module is called `{}` now, it was `{}`", now.name, before.name));
    }
    for (name, step) in &before.steps {
        match now.steps.get(name) {
            Some(new) => compare_steps(name, step, new, &mut sink),
            None => sink.say(Weight::Breaking, Some(name), "the step is gone"),
        }
    }
    for name in now.steps.keys().filter(|name| !before.steps.contains_key(*name)) {
        sink.say(Weight::Addition, Some(name), "the step is new");
    }
    if sink.0.is_empty() && !same_files {
        sink.say(Weight::Inside, None, "its files differ, and nothing that a use says or reads");
    }
    let mut changes = sink.0;
    // The worst first; the order of steps stays.
    changes.order_by_key(|change| std::cmp::Reverse(change.weight));
    let heaviest = changes.iter().map(|change| change.weight).max();
    let needed = needed(&before.version, heaviest);
    let is_enough = now.version >= needed || (heaviest.is_some() && is_step_to(&before.version, &now.version, &needed));
    Comparison { changes, needed, is_enough }
}

/// The lowest version that may follow.
fn needed(before: &Version, heaviest: Option<Weight>) -> Version {
    let Version { major, minor, patch, .. } = *before;
    // What was not finished promised nothing: the finished version may follow.
    let from_unfinished = !before.pre.is_empty();
    match (heaviest, major) {
        (None, _) => before.clone(),
        (Some(_), _) if from_unfinished => Version::new(major, minor, patch),
        (Some(Weight::Breaking), 0) => Version::new(0, minor + 1, 0),
        (Some(Weight::Breaking), _) => Version::new(major + 1, 0, 0),
        (Some(Weight::Addition), 1..) => Version::new(major, minor + 1, 0),
        (Some(_), _) => Version::new(major, minor, patch + 1),
    }
}

/// An unfinished version on the way to the needed one is enough as well: `2.0.0-rc.1` for `2.0.0`.
fn is_step_to(before: &Version, now: &Version, needed: &Version) -> bool {
    now > before && !now.pre.is_empty() && Version::new(now.major, now.minor, now.patch) >= *needed
}

struct Sink(Vec<Change>);

impl Sink {
    fn say(&mut self, weight: Weight, step: Option<&str>, message: impl Into<String>) {
        self.0.push(Change { weight, step: step.map(str::to_owned), message: message.into() });
    }
}

fn compare_steps(name: &str, before: &Step, now: &Step, sink: &mut Sink) {
    let step = Some(name);
    for (param, was) in &before.params {
        match now.params.get(param) {
            Some(is) => compare_params(name, param, was, is, sink),
            None => sink.say(Weight::Breaking, step, format!("`{param}` is gone")),
        }
    }
    for (param, is) in now.params.iter().filter(|(param, _)| !before.params.contains_key(*param)) {
        match is.is_required() {
            true => sink.say(Weight::Breaking, step, format!("`{param}` is new and has to be given")),
            false => sink.say(Weight::Addition, step, format!("`{param}` is new and may be left out")),
        }
    }
    if let (Some(was), Some(is)) = (&before.gives, &now.gives)
        && was != is
    {
        sink.say(Weight::Breaking, step, format!("it gives {}, it gave {}", listed(is), listed(was)));
    }
    let lost: BTreeSet<&str> = before.layers.difference(&now.layers).copied().collect();
    if !lost.is_empty() {
        sink.say(Weight::Breaking, step, format!("it may not stand in {} any more", listed(&lost)));
    }
    let won: BTreeSet<&str> = now.layers.difference(&before.layers).copied().collect();
    if !won.is_empty() {
        sink.say(Weight::Addition, step, format!("it may stand in {} as well", listed(&won)));
    }
    for (part, kind) in &before.parts {
        match now.parts.get(part) {
            Some(now) if now == kind => {}
            Some(now) => sink.say(
                Weight::Addition,
                step,
                format!(
                    "its part `{part}` is a `{now}` now, it was a `{kind}`: what it has kept from cycle to cycle starts anew"
                ),
            ),
            None => sink.say(
                Weight::Addition,
                step,
                format!("its part `{part}` is gone: what it has kept from cycle to cycle is lost"),
            ),
        }
    }
}

fn compare_params(step: &str, name: &str, was: &Param, is: &Param, sink: &mut Sink) {
    let step = Some(step);
    if was.ty != is.ty {
        // Whatever is a whole number is a number.
        let weight = if (was.ty.as_str(), is.ty.as_str()) == ("integer", "number") { Weight::Addition } else { Weight::Breaking };
        sink.say(weight, step, format!("`{name}` is of type `{}`, it was `{}`", is.ty, was.ty));
    }
    match (was.is_required(), is.is_required()) {
        (false, true) => sink.say(Weight::Breaking, step, format!("`{name}` has to be given now")),
        (true, false) => sink.say(Weight::Addition, step, format!("`{name}` may be left out now")),
        _ if was.default != is.default => {
            let shown =
                |default: &Option<String>| default.as_deref().map_or("nothing".to_owned(), |default| format!("`{default}`"));
            let message = format!("`{name}` is {} when it is left out, it was {}", shown(&is.default), shown(&was.default));
            sink.say(Weight::Breaking, step, message);
        }
        _ => {}
    }
    match (was.many, is.many) {
        (true, false) => sink.say(Weight::Breaking, step, format!("`{name}` takes one value, it took several")),
        (false, true) => sink.say(Weight::Addition, step, format!("`{name}` takes several values now")),
        _ => {}
    }
    let narrower = |was: Option<f64>, is: Option<f64>, tighter: fn(f64, f64) -> bool| match (was, is) {
        (None, Some(_)) => Some(true),
        (Some(_), None) => Some(false),
        (Some(was), Some(is)) if was != is => Some(tighter(was, is)),
        _ => None,
    };
    let bound = |bound: Option<f64>| bound.map_or("without a limit".to_owned(), |bound| format!("`{bound}`"));
    for (end, before, now, change) in [
        ("least", was.least, is.least, narrower(was.least, is.least, |was, is| is > was)),
        ("most", was.most, is.most, narrower(was.most, is.most, |was, is| is < was)),
    ] {
        if let Some(narrower) = change {
            let weight = if narrower { Weight::Breaking } else { Weight::Addition };
            sink.say(weight, step, format!("`{name}` is at {end} {}, it was {}", bound(now), bound(before)));
        }
    }
    if was.ty == is.ty {
        let quoted = |words: Vec<&String>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let (lost, won) =
            (was.words.difference(&is.words).collect::<Vec<_>>(), is.words.difference(&was.words).collect::<Vec<_>>());
        if !lost.is_empty() {
            sink.say(Weight::Breaking, step, format!("`{name}` may not be {} any more", quoted(lost)));
        }
        if !won.is_empty() {
            sink.say(Weight::Addition, step, format!("`{name}` may be {} as well", quoted(won)));
        }
    }
    if let (Some(was), Some(is)) = (&was.takes, &is.takes) {
        let lost: BTreeSet<&str> = was.difference(is).copied().collect();
        let won: BTreeSet<&str> = is.difference(was).copied().collect();
        if !lost.is_empty() {
            sink.say(Weight::Breaking, step, format!("`{name}` does not take {} any more", listed(&lost)));
        }
        if !won.is_empty() {
            sink.say(Weight::Addition, step, format!("`{name}` takes {} as well", listed(&won)));
        }
    }
}

fn listed(words: &BTreeSet<&str>) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::interface::tests::VOICE;

    fn interface(text: &str) -> Interface {
        Interface::read(text, crate::builtin::registry()).unwrap()
    }

    /// The changes when one text in the module is replaced by another.
    fn changes(from: &str, to: &str) -> Vec<String> {
        assert!(VOICE.contains(from), "{from}");
        let now = VOICE.replacen(from, to, 1);
        let comparison = compare(&interface(VOICE), &interface(&now), false);
        comparison.changes.iter().map(|change| format!("{}: {}", change.weight, change.message)).collect()
    }

    #[test]
    fn what_a_user_would_notice_is_said_in_their_words() {
        for (from, to, expected) in [
            ("step \"check\"", "step \"judge\"", "breaking: the step is gone"),
            ("param \"keep\"", "param \"hold\"", "breaking: `keep` is gone"),
            ("default=10 ", "", "breaking: `keep` has to be given now"),
            ("default=10", "default=20", "breaking: `keep` is `20` when it is left out, it was `10`"),
            ("type=\"integer\"", "type=\"text\"", "breaking: `keep` is of type `text`, it was `integer`"),
            ("type=\"integer\"", "type=\"number\"", "addition: `keep` is of type `number`, it was `integer`"),
            ("least=1", "least=2", "breaking: `keep` is at least `2`, it was `1`"),
            ("least=1 ", "", "addition: `keep` is at least without a limit, it was `1`"),
            ("most=50", "most=40", "breaking: `keep` is at most `40`, it was `50`"),
            ("\"calm\" \"lively\"", "\"calm\"", "breaking: `tone` may not be `lively` any more"),
            ("\"calm\" \"lively\"", "\"calm\" \"lively\" \"dry\"", "addition: `tone` may be `dry` as well"),
            ("many=#true", "", "breaking: `from` takes one value, it took several"),
            ("type=\"step\" many=#true", "type=\"step\" many=#true optional=#true", "addition: `from` may be left out now"),
            (
                "    param \"tone\"",
                "    param \"new\" { about \"x\" }\n param \"tone\"",
                "breaking: `new` is new and has to be given",
            ),
            (
                "    param \"tone\"",
                "    param \"new\" default=\"x\" { about \"x\" }\n param \"tone\"",
                "addition: `new` is new and may be left out",
            ),
            (
                "score \"judged\"",
                "score \"other\"",
                "addition: its part `judged` is gone: what it has kept from cycle to cycle is lost",
            ),
            ("value \"1.0\"", "value \"2.0\"", "inside: its files differ, and nothing that a use says or reads"),
        ] {
            let changes = changes(from, to);
            assert!(changes.iter().any(|change| change == expected), "{to}: {changes:?}");
        }
        assert!(compare(&interface(VOICE), &interface(VOICE), true).changes.is_empty());
    }

    #[test]
    fn wires_are_compared_by_what_flows() {
        let changes = changes("score \"judged\" {", "route \"judged\" {");
        assert!(changes.iter().any(|change| change.starts_with("breaking: it gives ")), "{changes:?}");
        assert!(changes.iter().any(|change| change.starts_with("breaking: `from` does not take ")), "{changes:?}");
        assert!(changes.iter().any(|change| change.starts_with("breaking: it may not stand in `strategy`")), "{changes:?}");
    }

    #[test]
    fn the_version_has_to_step_as_far_as_the_heaviest_change() {
        let version = |text: &str| Version::parse(text).unwrap();
        for (before, weight, expected) in [
            ("1.2.3", Some(Weight::Breaking), "2.0.0"),
            ("1.2.3", Some(Weight::Addition), "1.3.0"),
            ("1.2.3", Some(Weight::Inside), "1.2.4"),
            ("1.2.3", None, "1.2.3"),
            ("0.2.3", Some(Weight::Breaking), "0.3.0"),
            ("0.2.3", Some(Weight::Addition), "0.2.4"),
            ("2.0.0-rc.1", Some(Weight::Breaking), "2.0.0"),
        ] {
            assert_eq!(needed(&version(before), weight), version(expected), "{before}");
        }
        let enough = |from: &str, to: &str, now: &str| {
            let text = VOICE.replacen(from, to, 1).replacen("1.2.0", now, 1);
            compare(&interface(VOICE), &interface(&text), false).is_enough
        };
        assert!(
            !enough("default=10 ", "", "1.3.0") && enough("default=10 ", "", "2.0.0") && enough("default=10 ", "", "2.0.0-rc.1")
        );
        assert!(!enough("least=1 ", "", "1.2.0") && !enough("least=1 ", "", "1.2.1") && enough("least=1 ", "", "1.3.0"));
        assert!(!enough("1.0\" }", "2.0\" }", "1.2.0") && enough("1.0\" }", "2.0\" }", "1.2.1"));
    }
}
