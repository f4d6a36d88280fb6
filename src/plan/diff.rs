//! How two versions of a workflow differ, in words that a reviewer can read.

use crate::base::StepId;
use crate::client_os::Snapshot;
use crate::diag::Sources;
use crate::model::{Cap, CapUnit, Config, Scalar, Step, Workflow};
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

/// What is different in one step that both versions have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepChange {
    pub step: StepId,
    /// `config: rule "demand" weight 0.4 → 0.5`, `wires: + rivals`, `caps: …`, `template templates/draft.hbs` …
    pub what: Vec<String>,
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
    /// What is not about one step: `zone`, `provider drafter`, `caps` …
    pub workflow: Vec<String>,
    /// Files of the Client OS, as paths beside the workflow.
    pub client_os: Vec<String>,
}

impl WorkflowDiff {
    /// With the Client OS.
    pub fn between(old: Version<'_>, new: Version<'_>) -> WorkflowDiff {
        let mut diff = WorkflowDiff::new(old.workflow, new.workflow);
        let folder = new.workflow.client_os.as_deref().unwrap_or_default().trim_end_matches('/');
        let (before, after) = (&old.client_os.files, &new.client_os.files);
        for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            match (before.get(path), after.get(path)) {
                (Some(old), Some(new)) if old == new => {}
                (Some(_), Some(_)) => diff.client_os.push(format!("{folder}/{path}: another text")),
                (None, _) => diff.client_os.push(format!("{folder}/{path}: new")),
                (_, None) => diff.client_os.push(format!("{folder}/{path}: gone")),
            }
        }
        diff
    }

    pub fn new(old: &Workflow, new: &Workflow) -> WorkflowDiff {
        let mut diff = WorkflowDiff::default();
        let before: BTreeMap<&StepId, &Step> = old.steps.iter().map(|step| (&step.id, step)).collect();
        let after: BTreeSet<&StepId> = new.steps.iter().map(|step| &step.id).collect();
        diff.removed = old.steps.iter().map(|step| &step.id).filter(|id| !after.contains(id)).cloned().collect();
        for step in &new.steps {
            match before.get(&step.id) {
                None => diff.added.push(step.id.clone()),
                Some(old) => {
                    let what = step_changes(old, step);
                    if !what.is_empty() {
                        diff.changed.push(StepChange { step: step.id.clone(), what });
                    }
                }
            }
        }
        diff.workflow = workflow_changes(old, new);
        diff
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.changed.is_empty()
            && self.workflow.is_empty()
            && self.client_os.is_empty()
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

fn workflow_changes(old: &Workflow, new: &Workflow) -> Vec<String> {
    let mut what = Vec::new();
    let mut compare = |name: &str, same: bool| {
        if !same {
            what.push(name.to_owned());
        }
    };
    compare("name", old.id == new.id);
    compare("about", old.about == new.about);
    compare("folder", old.folder == new.folder);
    compare("client-os", old.client_os == new.client_os);
    compare("timezone", old.zone.iana_name() == new.zone.iana_name());
    compare("every", old.every == new.every && old.at_minute == new.at_minute);
    compare("recorded-from", old.recorded_from == new.recorded_from);
    compare("concurrency", old.concurrency == new.concurrency);
    what.extend(cap_changes(&old.caps, &new.caps));
    let parts = |kind: &'static str, items: Vec<(&String, String, &Config)>| -> BTreeMap<String, (String, Config)> {
        items.into_iter().map(|(name, of, config)| (format!("{kind} {name}"), (of, config.clone()))).collect()
    };
    let all = |workflow: &Workflow| {
        let providers = workflow.providers.values().map(|p| (&p.name, p.kind.clone(), &p.config)).collect();
        let channels = workflow.channels.values().map(|c| (&c.name, c.kind.clone(), &c.config)).collect();
        let mut all = parts("provider", providers);
        all.append(&mut parts("channel", channels));
        all
    };
    let (before, after) = (all(old), all(new));
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(name), after.get(name)) {
            (Some(_), None) => what.push(format!("{name} is gone")),
            (None, Some(_)) => what.push(format!("{name} is new")),
            (Some((old_kind, old)), Some((new_kind, new))) => {
                if old_kind != new_kind {
                    what.push(format!("{name}: kind {old_kind} → {new_kind}"));
                }
                config_changes(name, old, new, &mut what);
            }
            (None, None) => {}
        }
    }
    what
}

fn step_changes(old: &Step, new: &Step) -> Vec<String> {
    let mut what = Vec::new();
    if old.layer != new.layer {
        what.push(format!("layer: {} → {}", old.layer, new.layer));
    }
    if old.verb != new.verb || old.connector != new.connector {
        what.push(format!("kind: {} → {}", kind(old), kind(new)));
    }
    for wire in old.from.iter().filter(|wire| !new.from.contains(wire)) {
        what.push(format!("wires: - {}", wire.from));
    }
    for wire in new.from.iter().filter(|wire| !old.from.contains(wire)) {
        what.push(format!("wires: + {}", wire.from));
    }
    if what.iter().all(|what| !what.starts_with("wires")) && old.from != new.from {
        what.push("wires: another order".to_owned());
    }
    what.extend(cap_changes(&old.caps, &new.caps));
    for path in old.files.keys().chain(new.files.keys()).collect::<BTreeSet<_>>() {
        match (old.files.get(path), new.files.get(path)) {
            (Some(before), Some(after)) if before == after => {}
            (Some(_), Some(_)) => what.push(format!("template {path}: another text")),
            (None, _) => what.push(format!("template {path}: new")),
            (_, None) => what.push(format!("template {path}: gone")),
        }
    }
    // Wires and caps are told above, in their own words.
    let own = |config: &Config| {
        let children = config.children.iter().filter(|child| child.name != "from" && child.name != "cap");
        Config { children: children.cloned().collect(), ..config.clone() }
    };
    config_changes("config", &own(&old.config), &own(&new.config), &mut what);
    what
}

fn kind(step: &Step) -> String {
    step.connector.as_ref().map_or_else(|| step.verb.clone(), |connector| format!("{} kind={connector}", step.verb))
}

fn cap_changes(old: &[Cap], new: &[Cap]) -> Vec<String> {
    let unit = |cap: &Cap| match &cap.unit {
        CapUnit::Pieces => "pieces".to_owned(),
        CapUnit::Tokens => "tokens".to_owned(),
        CapUnit::Money(currency) => format!("millionths of {}", currency.to_ascii_uppercase()),
    };
    let write = |cap: &Cap| format!("{} {} per {}", cap.most, unit(cap), cap.per);
    let gone = old.iter().filter(|cap| !new.contains(cap)).map(|cap| format!("caps: - {}", write(cap)));
    let added = new.iter().filter(|cap| !old.contains(cap)).map(|cap| format!("caps: + {}", write(cap)));
    gone.chain(added).collect()
}

/// Says where two node trees differ. Nodes are paired by name and first argument, and by order among equals.
fn config_changes(path: &str, old: &Config, new: &Config, what: &mut Vec<String>) {
    for (n, (before, after)) in old.args.iter().zip(&new.args).enumerate() {
        if before != after {
            let place = if n == 0 { String::new() } else { format!(" argument {}", n + 1) };
            what.push(format!("{path}{place}: {} → {}", shown(before), shown(after)));
        }
    }
    for extra in old.args.iter().skip(new.args.len()) {
        what.push(format!("{path}: - {}", shown(extra)));
    }
    for extra in new.args.iter().skip(old.args.len()) {
        what.push(format!("{path}: + {}", shown(extra)));
    }
    for name in old.props.keys().chain(new.props.keys()).collect::<BTreeSet<_>>() {
        let of = |config: &Config| config.props.get(name).map_or_else(|| "nothing".to_owned(), shown);
        if old.props.get(name) != new.props.get(name) {
            what.push(format!("{path} {name}: {} → {}", of(old), of(new)));
        }
    }
    let (before, after) = (keyed(old), keyed(new));
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let path = format!("{path} {}", key.0);
        match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) => config_changes(&path, old, new, what),
            (Some(_), None) => what.push(format!("{path}: gone")),
            (None, Some(_)) => what.push(format!("{path}: new")),
            (None, None) => {}
        }
    }
}

/// Children by how people name them, such as `rule "demand"`; a node that stands once goes by its name alone.
fn keyed(config: &Config) -> BTreeMap<(String, usize), &Config> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    config.children.iter().for_each(|child| *counts.entry(child.name.as_str()).or_default() += 1);
    let mut keyed = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for child in &config.children {
        let name = match child.arg() {
            Some(Scalar::Text(text)) if counts[child.name.as_str()] > 1 => format!("{} {text:?}", child.name),
            _ => child.name.clone(),
        };
        let place = seen.entry(name.clone()).or_default();
        keyed.insert((name, *place), child);
        *place += 1;
    }
    keyed
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
    use crate::base::Digest;
    use crate::model::{GoodKind, Window, Wire};
    use crate::plan::graph::tests::small_loop;

    fn node(name: &str, args: &[&str], weight: Option<f64>) -> Config {
        Config {
            name: name.to_owned(),
            args: args.iter().map(|arg| Scalar::Text((*arg).to_owned())).collect(),
            props: weight.map(|weight| ("weight".to_owned(), Scalar::Number(weight))).into_iter().collect(),
            ..Config::default()
        }
    }

    #[test]
    fn a_workflow_does_not_differ_from_itself() {
        assert!(WorkflowDiff::new(&small_loop(), &small_loop()).is_empty());
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
        new.steps[1].from.push(Wire { from: "radio".into(), carries: vec![GoodKind::Signal] });
        new.steps.push(fresh);
        let expected = "\
~ concurrency
- aim
+ radio
~ opportunities: wires: + radio
~ opportunities: config rule \"demand\": gone
~ opportunities: config rule \"fit\" weight: 0.6 → 0.5
~ opportunities: config rule \"novelty\": new
~ outlines: caps: + 3 pieces per day
~ outlines: template templates/outline.hbs: new
~ credit: wires: - press
";
        assert_eq!(WorkflowDiff::new(&old, &new).to_string(), expected);
    }

    #[test]
    fn a_secret_is_never_written_out() {
        assert_eq!(shown(&Scalar::Secret(crate::model::SecretRef::File("key.txt".to_owned()))), "a secret");
    }
}
