//! How two versions of a workflow differ, in words that a reviewer can read, with the line where it was written.

use super::settings::{Found, compare, kind};
use crate::base::{Money, StepId};
use crate::client_os::Snapshot;
use crate::diag::{Sources, Span};
use crate::model::{Cap, CapUnit, Config, Step, Workflow};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One version of a workflow with what its spans point into and its Client OS.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    pub workflow: &'a Workflow,
    pub texts: &'a Sources,
    pub client_os: &'a Snapshot,
}

/// A place in the new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// As in the texts of the version: relative to the folder of the workflow.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What a step remembers it by: `config`, `file templates/draft.hbs`, `provider drafter`, `channel blog`, `client-os`,
    /// `workflow`; `inputs` for wires; empty when no step gives anything else because of it.
    #[serde(skip)]
    pub part: String,
    /// `weight of rule "demand": 0.4 → 0.5`, `reads from rivals`, `template templates/draft.hbs changed` …
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.at {
            Some(at) if self.what.contains(&at.file) => write!(f, " at line {}", at.line),
            Some(at) => write!(f, " at {}:{}", at.file, at.line),
            None => Ok(()),
        }
    }
}

/// What is different in one step that both versions have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepChange {
    pub step: StepId,
    pub what: Vec<Change>,
}

/// How `new` differs from `old`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkflowDiff {
    /// In the order of the new file.
    pub added: Vec<StepId>,
    /// In the order of the old file.
    pub removed: Vec<StepId>,
    /// In the order of the new file.
    pub changed: Vec<StepChange>,
    /// What is not about one step: `timezone`, providers, shared caps …
    pub workflow: Vec<Change>,
    /// Files of the Client OS, as paths beside the workflow.
    pub client_os: Vec<Change>,
}

impl WorkflowDiff {
    /// Compares two versions. Places are those of the new one; what is gone is placed where it was missed first.
    pub fn between(old: Version<'_>, new: Version<'_>) -> WorkflowDiff {
        let lines = Lines(new.texts);
        let mut diff = WorkflowDiff { workflow: workflow_changes(&lines, old.workflow, new.workflow), ..Default::default() };
        let before: BTreeMap<&StepId, &Step> = old.workflow.steps.iter().map(|step| (&step.id, step)).collect();
        let after: BTreeSet<&StepId> = new.workflow.steps.iter().map(|step| &step.id).collect();
        diff.removed = old.workflow.steps.iter().map(|step| &step.id).filter(|id| !after.contains(id)).cloned().collect();
        for step in &new.workflow.steps {
            match before.get(&step.id) {
                None => diff.added.push(step.id.clone()),
                Some(was) => {
                    let mut what = step_changes(&lines, was, step);
                    what.extend(file_changes(was, step, old.workflow, new.workflow));
                    if !what.is_empty() {
                        diff.changed.push(StepChange { step: step.id.clone(), what });
                    }
                }
            }
        }
        diff.client_os = client_os_changes(old, new);
        diff
    }

    pub fn is_empty(&self) -> bool {
        let WorkflowDiff { added, removed, changed, workflow, client_os } = self;
        added.is_empty() && removed.is_empty() && changed.is_empty() && workflow.is_empty() && client_os.is_empty()
    }

    /// What is different about a step that both versions have.
    pub fn of(&self, step: &StepId) -> &[Change] {
        self.changed.iter().find(|change| &change.step == step).map_or(&[], |change| &change.what)
    }
}

impl fmt::Display for WorkflowDiff {
    /// One line a change: `+ step`, `- step`, `~ step: what`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.workflow.iter().chain(&self.client_os).try_for_each(|what| writeln!(f, "~ {what}"))?;
        self.removed.iter().try_for_each(|step| writeln!(f, "- {step}"))?;
        self.added.iter().try_for_each(|step| writeln!(f, "+ {step}"))?;
        for change in &self.changed {
            change.what.iter().try_for_each(|what| writeln!(f, "~ {}: {what}", change.step))?;
        }
        Ok(())
    }
}

/// The lines of spans.
struct Lines<'a>(&'a Sources);

impl Lines<'_> {
    fn at(&self, span: Span) -> Option<At> {
        // A span of nothing is one that nobody set.
        let file = self.0.get(span.file).filter(|_| span.end > 0)?;
        Some(At { file: file.name.clone(), line: file.position(span.start as usize).0 })
    }

    fn change(&self, part: &str, found: Found) -> Change {
        Change { part: part.to_owned(), what: found.what, at: self.at(found.span) }
    }
}

/// The first line, counted from 1, that is another one.
fn first_difference(old: &str, new: &str) -> usize {
    let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
    // Where the new text ends early, its last line is the nearest there is.
    (same + 1).min(new.lines().count()).max(1)
}

fn of_text(part: &str, name: &str, path: &str, old: Option<&String>, new: Option<&String>) -> Option<Change> {
    let (how, line) = match (old, new) {
        (Some(old), Some(new)) if old == new => return None,
        (Some(old), Some(new)) => ("changed", Some(first_difference(old, new))),
        (None, Some(_)) => ("is new", None),
        (_, None) => ("is gone", None),
    };
    let at = line.map(|line| At { file: path.to_owned(), line });
    Some(Change { part: part.to_owned(), what: format!("{name}{path} {how}"), at })
}

fn client_os_changes(old: Version<'_>, new: Version<'_>) -> Vec<Change> {
    let folder = new.workflow.client_os.as_deref().unwrap_or_default().trim_end_matches('/');
    let (before, after) = (&old.client_os.files, &new.client_os.files);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |path: &&String| of_text("client-os", "", &format!("{folder}/{path}"), before.get(*path), after.get(*path));
    paths.iter().filter_map(change).collect()
}

/// The templates of one step, and other files that it reads.
fn file_changes(old: &Step, new: &Step, old_workflow: &Workflow, new_workflow: &Workflow) -> Vec<Change> {
    let mut changes = Vec::new();
    for path in old.files.keys().chain(new.files.keys()).collect::<BTreeSet<_>>() {
        if old.files.get(path) == new.files.get(path) {
            continue;
        }
        let part = format!("file {path}");
        let text = |step: &Step, workflow: &Workflow| {
            step.files.contains_key(path).then(|| workflow.templates.get(path).cloned().unwrap_or_default())
        };
        let (before, after) = (text(old, old_workflow), text(new, new_workflow));
        let plain = || Change { part: part.clone(), what: format!("template {path} changed"), at: None };
        changes.push(of_text(&part, "template ", path, before.as_ref(), after.as_ref()).unwrap_or_else(plain));
    }
    changes
}

fn workflow_changes(lines: &Lines<'_>, old: &Workflow, new: &Workflow) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare_setting = |part: &str, name: &str, same: bool| {
        if !same {
            changes.push(Change { part: part.to_owned(), what: format!("{name} changed"), at: None });
        }
    };
    compare_setting("", "the name", old.id == new.id);
    compare_setting("", "about", old.about == new.about);
    compare_setting("workflow", "the folder", old.folder == new.folder);
    compare_setting("", "client-os", old.client_os == new.client_os);
    compare_setting("workflow", "timezone", old.zone.iana_name() == new.zone.iana_name());
    compare_setting("", "every", old.every == new.every && old.at_minute == new.at_minute);
    compare_setting("", "cron", old.calendar.cron == new.calendar.cron);
    compare_setting("", "except", old.calendar.except == new.calendar.except);
    compare_setting("", "recorded", old.recorded_from == new.recorded_from);
    compare_setting("", "concurrency", old.concurrency == new.concurrency);
    changes.extend(cap_changes(&old.caps, &new.caps, None));
    let (before, after) = (doors(old), doors(new));
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let mut found = Vec::new();
        match (before.get(name), after.get(name)) {
            (Some(_), None) => found.push(Found::nowhere(format!("{name} is gone"))),
            (None, Some((_, config))) => found.push(Found { what: format!("{name} is new"), span: config.span }),
            (Some((old_kind, old)), Some((new_kind, new))) => {
                if old_kind != new_kind {
                    found.push(Found { what: format!("kind of {name}: {old_kind} → {new_kind}"), span: new.span });
                }
                compare(std::slice::from_ref(name), old, new, &mut found);
            }
            (None, None) => {}
        }
        changes.extend(found.into_iter().map(|found| lines.change(name, found)));
    }
    changes
}

/// Providers and channels with their kind, by the part that steps remember them by.
fn doors(workflow: &Workflow) -> BTreeMap<String, (&str, &Config)> {
    let providers = workflow.providers.values().map(|door| (format!("provider {}", door.name), (&*door.kind, &door.config)));
    let channels = workflow.channels.values().map(|door| (format!("channel {}", door.name), (&*door.kind, &door.config)));
    providers.chain(channels).collect()
}

fn step_changes(lines: &Lines<'_>, old: &Step, new: &Step) -> Vec<Change> {
    let here = lines.at(new.span).or_else(|| lines.at(new.config.span));
    let change = |part: &str, what: String| Change { part: part.to_owned(), what, at: here.clone() };
    let mut changes = Vec::new();
    if old.layer != new.layer {
        changes.push(change("", format!("layer: {} → {}", old.layer, new.layer)));
    }
    if old.verb != new.verb || old.connector != new.connector {
        changes.push(change("config", format!("kind: {} → {}", kind(old), kind(new))));
    }
    let gone = old.from.iter().filter(|wire| !new.from.contains(wire));
    let mut wires: Vec<Change> = gone.map(|wire| change("inputs", format!("no longer reads from {}", wire.from))).collect();
    let added = new.from.iter().filter(|wire| !old.from.contains(wire));
    wires.extend(added.map(|wire| change("inputs", format!("reads from {}", wire.from))));
    if wires.is_empty() && old.from != new.from {
        wires.push(change("inputs", "reads in another order".to_owned()));
    }
    changes.append(&mut wires);
    changes.extend(cap_changes(&old.caps, &new.caps, here.as_ref()));
    // Wires and caps are told above, in their own words.
    let is_other = |child: &Config| child.name == "from" || child.name == "cap";
    let own = |config: &Config| Config {
        children: config.children.iter().filter(|child| !is_other(child)).cloned().collect(),
        ..config.clone()
    };
    let mut found = Vec::new();
    // The compiler takes them out already, so that there is mostly nothing to copy.
    if old.config.children.iter().chain(&new.config.children).any(is_other) {
        compare(&[], &own(&old.config), &own(&new.config), &mut found);
    } else {
        compare(&[], &old.config, &new.config, &mut found);
    }
    changes.extend(found.into_iter().map(|found| lines.change("config", found)));
    changes
}

/// Caps decide how much runs, not what it gives. Of one unit there is one cap as a rule, so those pair in their order.
fn cap_changes(old: &[Cap], new: &[Cap], at: Option<&At>) -> Vec<Change> {
    let mut gone: Vec<&Cap> = old.iter().filter(|cap| !new.contains(cap)).collect();
    let mut whats = Vec::new();
    for cap in new.iter().filter(|cap| !old.contains(cap)) {
        whats.push(match gone.iter().position(|gone| gone.unit == cap.unit) {
            Some(was) => format!("cap: {} → {}", in_words(gone.remove(was)), in_words(cap)),
            None => format!("capped at {}", in_words(cap)),
        });
    }
    whats.extend(gone.into_iter().map(|cap| format!("no longer capped at {}", in_words(cap))));
    whats.into_iter().map(|what| Change { part: String::new(), what, at: at.cloned() }).collect()
}

/// `3 pieces per week`, `USD 5.00 per day`
fn in_words(cap: &Cap) -> String {
    let amount = match &cap.unit {
        CapUnit::Pieces => format!("{} pieces", cap.most),
        CapUnit::Tokens => format!("{} tokens", cap.most),
        CapUnit::Sends => format!("{} sends to each person", cap.most),
        CapUnit::Money(currency) => Money { currency: currency.clone(), micros: cap.most }.to_string(),
    };
    format!("{amount} per {}", cap.per)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::model::{GoodKind, Kinds, Scalar, Window, Wire};
    use crate::plan::graph::tests::small_loop;

    fn node(name: &str, args: &[&str], weight: Option<f64>) -> Config {
        Config {
            name: name.to_owned().into(),
            args: args.iter().map(|arg| Scalar::Text((*arg).to_owned())).collect(),
            props: weight.map(|weight| ("weight".to_owned(), Scalar::Number(weight))).into_iter().collect(),
            ..Config::default()
        }
    }

    fn diff(old: &Workflow, new: &Workflow, texts: &Sources) -> WorkflowDiff {
        let client_os = Snapshot::default();
        let version = |workflow| Version { workflow, texts, client_os: &client_os };
        WorkflowDiff::between(version(old), version(new))
    }

    #[test]
    fn a_workflow_does_not_differ_from_itself() {
        assert!(diff(&small_loop(), &small_loop(), &Sources::default()).is_empty());
    }

    #[test]
    fn every_change_is_told_in_words() {
        let mut old = small_loop();
        old.steps[2].config.children = vec![node("rule", &["demand"], Some(0.4)), node("rule", &["fit"], Some(0.6))];
        let mut new = old.clone();
        new.concurrency = 2;
        new.steps[2].config.children = vec![node("rule", &["fit"], Some(0.5)), node("rule", &["novelty"], Some(0.5))];
        new.steps[3].caps.push(Cap { key: "outlines".to_owned(), unit: CapUnit::Pieces, most: 3, per: Window::Day });
        new.steps[3].files.insert("templates/outline.hbs".to_owned(), Digest::of("x"));
        new.steps[4].from.retain(|wire| wire.from.as_str() != "press");
        new.steps.remove(0);
        let mut fresh = new.steps[0].clone();
        fresh.id = "radio".into();
        new.steps[1].from.push(Wire { from: "radio".into(), carries: Kinds::of(&[GoodKind::Signal]) });
        new.steps.push(fresh);
        let expected = "\
~ concurrency changed
- aim
+ radio
~ opportunities: reads from radio
~ opportunities: rule \"demand\" is gone
~ opportunities: weight of rule \"fit\": 0.6 → 0.5
~ opportunities: rule \"novelty\" is new
~ outlines: capped at 3 pieces per day
~ outlines: template templates/outline.hbs is new
~ credit: no longer reads from press
";
        assert_eq!(diff(&old, &new, &Sources::default()).to_string(), expected);
    }

    #[test]
    fn a_change_has_the_line_where_it_is_written() {
        let mut texts = Sources::default();
        let file = texts.add("loop.kdl", "a\nb\nscore {\n  rule weight=0.5\n}\n");
        let mut old = small_loop();
        old.steps[2].config.children = vec![node("rule", &["fit"], Some(0.6))];
        old.steps[3].files.insert("outline.hbs".to_owned(), Digest::of("old"));
        old.templates.insert("outline.hbs".to_owned(), "one\ntwo\nthree\n".to_owned());
        let mut new = old.clone();
        new.steps[2].config.children = vec![Config { span: Span::new(file, 14, 20), ..node("rule", &["fit"], Some(0.5)) }];
        new.steps[3].files.insert("outline.hbs".to_owned(), Digest::of("new"));
        new.templates.insert("outline.hbs".to_owned(), "one\ntwo!\nthree\n".to_owned());
        let expected = "\
~ opportunities: weight of rule: 0.6 → 0.5 at loop.kdl:4
~ outlines: template outline.hbs changed at line 2
";
        assert_eq!(diff(&old, &new, &texts).to_string(), expected);
    }

    #[test]
    fn a_cap_that_moved_is_one_change() {
        let cap = |most, per| Cap { key: "x".to_owned(), unit: CapUnit::Pieces, most, per };
        let money = Cap { unit: CapUnit::Money("usd".to_owned()), ..cap(5_000_000, Window::Day) };
        let words = |old: &[Cap], new: &[Cap]| -> Vec<String> {
            cap_changes(old, new, None).into_iter().map(|change| change.what).collect()
        };
        let was = cap(3, Window::Week);
        assert_eq!(words(std::slice::from_ref(&was), &[cap(4, Window::Week)]), ["cap: 3 pieces per week → 4 pieces per week"]);
        assert_eq!(words(std::slice::from_ref(&was), &[was.clone(), money.clone()]), ["capped at USD 5.00 per day"]);
        assert_eq!(words(&[was.clone(), money], &[was]), ["no longer capped at USD 5.00 per day"]);
    }

    #[test]
    fn the_first_line_that_differs_is_in_the_new_text() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), 2);
        assert_eq!(first_difference("a\nb\n", "a\nb\nc\n"), 3);
        assert_eq!(first_difference("a\nb\n", "a\n"), 1);
        assert_eq!(first_difference("a", ""), 1);
        assert_eq!(first_difference("a\n", "a"), 1);
    }
}
