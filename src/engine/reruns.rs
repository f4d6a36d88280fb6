//! What a change of the definition makes the next cycle do again, and why: `draft re-runs: template changed at line 12`.
//!
//! The cycle itself decides by digests, part by part; see [`super::memory`]. Here the same parts are compared, and each one
//! that differs is explained by what a reviewer would see in the files.

use super::carry::Carry;
use super::memory::{changed, changed_steps, common_parts, parts_of_step};
use super::parts::Common;
use crate::base::StepId;
use crate::model::{Step, Workflow};
use crate::plan::{Change, CyclePlan, Version, WorkflowDiff};
use crate::step::{Mode, Registry};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A step that is another one than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rerun {
    pub step: StepId,
    /// Never empty.
    pub because: Vec<Change>,
}

/// The steps of a workflow by what a change does to them. Each stands in one list, in the order of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reruns {
    /// They work on everything again.
    pub direct: Vec<Rerun>,
    /// They stand behind those, and work again on what comes to them changed.
    pub after: Vec<StepId>,
    /// Nothing that reaches them is different: what they gave still counts.
    pub kept: Vec<StepId>,
}

impl Reruns {
    /// What `new` does again that `old` has done.
    pub fn between(old: Version<'_>, new: Version<'_>, registry: &Registry, diff: &WorkflowDiff) -> Reruns {
        let before: BTreeMap<&StepId, &Step> = old.workflow.steps.iter().map(|step| (&step.id, step)).collect();
        let parts = |version: Version<'_>, step: &Step, common: &Common| {
            parts_of_step(version.workflow, step, common, &BTreeMap::new(), None, None)
        };
        let common = |version: Version<'_>| common_parts(version.workflow, version.client_os.digest());
        let common = (common(old), common(new));
        let is_local = diff.workflow.is_empty() && diff.client_os.is_empty();
        let mut names = BTreeMap::new();
        for step in &new.workflow.steps {
            let Some(was) = before.get(&step.id) else { continue };
            // A step that is the same depends on the same, as long as nothing around it is another; most are, after a save.
            let what = if is_local && diff.of(&step.id).is_empty() {
                Vec::new()
            } else {
                changed(&parts(old, was, &common.0), &parts(new, step, &common.1))
            };
            names.insert(step.id.clone(), what);
        }
        Reruns::explained(new.workflow, registry, diff, &names)
    }

    /// What the next cycle does again that the last one, which handed on `carry`, has done. `diff` is what is different since,
    /// where that is known.
    pub fn since(carry: &Carry, new: Version<'_>, registry: &Registry, diff: &WorkflowDiff) -> Reruns {
        Reruns::explained(new.workflow, registry, diff, &changed_steps(new.workflow, new.client_os, carry))
    }

    fn explained(workflow: &Workflow, registry: &Registry, diff: &WorkflowDiff, names: &BTreeMap<StepId, Vec<String>>) -> Reruns {
        let mut reruns = Reruns::default();
        // A workflow that the compiler has checked always has a plan.
        let Ok(plan) = CyclePlan::new(workflow) else { return reruns };
        // Every step stands after all that it reads from, so one walk tells what is behind a change.
        let mut touched: BTreeSet<&StepId> = BTreeSet::new();
        for at in &plan.order {
            let step = &workflow.steps[*at];
            let because = match names.get(&step.id) {
                None => vec![Change { part: String::new(), what: "it is new".to_owned(), at: None }],
                Some(names) => because(step, registry, diff, names),
            };
            let is_behind = step.from.iter().any(|wire| touched.contains(&wire.from));
            if is_behind || !because.is_empty() {
                touched.insert(&step.id);
            }
            match (because.is_empty(), is_behind) {
                (false, _) => reruns.direct.push(Rerun { step: step.id.clone(), because }),
                (true, true) => reruns.after.push(step.id.clone()),
                (true, false) => reruns.kept.push(step.id.clone()),
            }
        }
        reruns
    }

    /// Why a step runs again, if it is one that does.
    pub fn of(&self, step: &StepId) -> Option<&[Change]> {
        self.direct.iter().find(|rerun| &rerun.step == step).map(|rerun| rerun.because.as_slice())
    }

    /// Direct reruns with the same reasons, together: a change of the Client OS concerns many steps at once.
    pub fn groups(&self) -> Vec<(Vec<&StepId>, &[Change])> {
        let mut groups: Vec<(Vec<&StepId>, &[Change])> = Vec::new();
        for rerun in &self.direct {
            match groups.iter_mut().find(|(_, because)| *because == rerun.because.as_slice()) {
                Some((steps, _)) => steps.push(&rerun.step),
                None => groups.push((vec![&rerun.step], &rerun.because)),
            }
        }
        groups
    }
}

/// What changed about one step, from the names of its parts.
fn because(step: &Step, registry: &Registry, diff: &WorkflowDiff, names: &[String]) -> Vec<Change> {
    let spec = registry.find(&step.verb, step.connector.as_deref()).map(|kind| kind.spec());
    let always = spec.is_some_and(|spec| spec.mode == Mode::Source || spec.keeps.is_some() || spec.decides || spec.publishes);
    let own = diff.of(&step.id);
    let mut because: Vec<Change> = own.iter().filter(|change| change.part == "inputs").cloned().collect();
    for name in names {
        let all = own.iter().chain(&diff.workflow).chain(&diff.client_os);
        let told: Vec<Change> = all.filter(|change| &change.part == name).cloned().collect();
        // Steps that run in every cycle keep state and are tuned all the time; only a changed definition is news.
        if told.is_empty() && !(always && is_of_every_cycle(name)) {
            because.push(Change { part: name.clone(), what: in_words(name), at: None });
        }
        because.extend(told);
    }
    because
}

fn is_of_every_cycle(part: &str) -> bool {
    matches!(part, "state" | "clock") || part.starts_with("parameter ")
}

/// A part that nothing in the files explains.
fn in_words(part: &str) -> String {
    match part.split_once(' ') {
        Some(("parameter", path)) => format!("learning moved {path}"),
        Some(("file", path)) => format!("template {path} changed"),
        Some((door, name)) => format!("{door} {name} changed"),
        None => match part {
            "config" => "its settings changed",
            "client-os" => "the Client OS changed",
            "workflow" => "the folder or the timezone changed",
            "program" => "this is another version of loopctl",
            "state" => "what it keeps changed",
            "clock" => "what it says depends on the date",
            _ => return format!("{part} changed"),
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_os::Snapshot;
    use crate::diag::Sources;
    use crate::engine::testing;

    fn texts(steps: &[StepId]) -> Vec<&str> {
        steps.iter().map(StepId::as_str).collect()
    }

    #[test]
    fn a_changed_step_takes_what_is_behind_it_along_and_nothing_else() {
        let old = testing::workflow(vec![
            testing::step("read", "press", &[], &[]),
            testing::step("read", "demand", &[], &[]),
            testing::step("copy", "signals", &["press"], &[]),
            testing::step("write", "drafts", &["signals"], &[]),
            testing::step("learn", "aim", &["drafts"], &[]),
        ]);
        let mut new = old.clone();
        new.steps[2].config.children.push(crate::model::Config { name: "more".into(), ..Default::default() });
        let (client_os, sources) = (Snapshot::default(), Sources::default());
        let version = |workflow| Version { workflow, texts: &sources, client_os: &client_os };
        let diff = WorkflowDiff::between(version(&old), version(&new));
        let reruns = Reruns::between(version(&old), version(&new), testing::registry(), &diff);
        let direct: Vec<String> = reruns.direct.iter().map(|rerun| format!("{}: {}", rerun.step, rerun.because[0])).collect();
        assert_eq!(direct, ["signals: more is new"]);
        assert_eq!(texts(&reruns.after), ["drafts", "aim"]);
        assert_eq!(texts(&reruns.kept), ["press", "demand"]);
        let same = Reruns::between(version(&old), version(&old), testing::registry(), &WorkflowDiff::default());
        assert!(same.direct.is_empty() && same.after.is_empty());
    }
}
