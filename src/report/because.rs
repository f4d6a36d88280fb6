//! Why something ran, or did not, or is not there: the engine's reasons in plain words.
//!
//! A topic that did not become a piece was left behind somewhere on its way. [`topic`] walks that way and says where; for
//! the choice among topics it asks the `score` step itself what it would have said without its limits.

use super::view::handle;
use crate::base::{ItemId, StepId, TaskId, Timestamp, duration};
use crate::engine::{Cycle, Entry, TaskState, Why};
use crate::model::goods::Opportunity;
use crate::model::{Config, Good, Item, Scalar, Step};
use crate::step::{Decision, Mode, Registry, Reply, Request, StepContext, Turn, Verdict};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One task and why it is where it is.
#[derive(Clone, Debug, Serialize)]
pub struct TaskBecause {
    pub task: TaskId,
    /// What it worked on, when that was one item.
    pub item: Option<String>,
    pub title: Option<String>,
    /// `done`, `reused`, `failed`, `deferred`, `waiting`, `in doubt`, `not yet`.
    pub state: &'static str,
    /// A sentence without a period.
    pub because: String,
    pub help: Option<String>,
}

/// All tasks of a step, in the order of its input.
pub fn step(cycle: &Cycle, registry: &Registry, id: &StepId) -> Vec<TaskBecause> {
    let reports = cycle.task_states();
    reports.into_iter().filter(|report| report.task.step == *id).map(|report| task(cycle, registry, &report)).collect()
}

/// What became of an item: a line for each step that took it.
pub fn taken(cycle: &Cycle, registry: &Registry, item: &ItemId) -> Vec<TaskBecause> {
    let reports = cycle.task_states();
    reports.into_iter().filter(|report| report.task.item == Some(*item)).map(|report| task(cycle, registry, &report)).collect()
}

fn task(cycle: &Cycle, registry: &Registry, report: &crate::engine::TaskReport<'_>) -> TaskBecause {
    let item = report.task.item.and_then(|id| cycle.items().get(&id));
    let reason = report.reason.unwrap_or("nobody wrote down why");
    let (state, because) = match report.state {
        TaskState::Failed => ("failed", reason.to_owned()),
        TaskState::Deferred => ("deferred", format!("{reason}; it is first in line in the next cycle")),
        TaskState::Gated => ("waiting", "a person has to decide".to_owned()),
        TaskState::InDoubt => {
            ("in doubt", "nobody knows whether it went out; `loopctl effect list` says what to type".to_owned())
        }
        TaskState::Done if report.recalled => ("reused", ran(cycle, registry, report.task)),
        TaskState::Done => ("done", ran(cycle, registry, report.task)),
        TaskState::Ready | TaskState::Asking => ("not yet", "its turn has not come; `loopctl run` goes on".to_owned()),
    };
    TaskBecause {
        task: report.task.clone(),
        item: item.map(|item| handle(item)),
        title: item.map(|item| item.good.title()),
        state,
        because,
        help: report.help.map(str::to_owned),
    }
}

/// Why a task that is done ran, or did not have to.
fn ran(cycle: &Cycle, registry: &Registry, task: &TaskId) -> String {
    let always = || {
        let step = cycle.workflow().steps.iter().find(|step| step.id == task.step);
        let spec = step.and_then(|step| registry.find(&step.verb, step.connector.as_deref())).map(|kind| kind.spec());
        match spec {
            Some(spec) if spec.mode == Mode::Source => "it reads the outside, so it runs in every cycle".to_owned(),
            Some(spec) if spec.decides => "people are asked about every item".to_owned(),
            Some(spec) if spec.publishes => "every new item goes out".to_owned(),
            Some(spec) => match spec.keeps {
                Some(keeps) => format!("it remembers {keeps}, so it runs in every cycle"),
                None => "it asked the outside for something, so it runs in every cycle".to_owned(),
            },
            None => "it runs in every cycle".to_owned(),
        }
    };
    match cycle.why(task) {
        Why::Kept(cycle) => format!("only a part of cycle {cycle} is made again, and what it gave there still counts"),
        Why::Again(cycle) => format!("somebody wanted its work of cycle {cycle} made again"),
        Why::Recalled => "nothing it depends on has changed since the last cycle, so its output was used again".to_owned(),
        Why::Changed(parts) if parts.is_empty() => "something it depends on changed and changed back".to_owned(),
        Why::Changed(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| part_in_words(part)).collect();
            format!("since the last cycle {} changed", listed(&parts))
        }
        Why::New => "it is new: the last cycle has nothing like it".to_owned(),
        Why::AlwaysRuns => always(),
        Why::NotYet => "its turn has not come".to_owned(),
    }
}

fn part_in_words(part: &str) -> String {
    match part.split_once(' ') {
        Some(("file", path)) => format!("`{path}`"),
        Some(("provider", name)) => format!("the provider `{name}`"),
        Some(("channel", name)) => format!("the channel `{name}`"),
        Some(("parameter", path)) => format!("the learned setting `{path}`"),
        _ => match part {
            "inputs" => "its input".to_owned(),
            "config" => "its own lines in the workflow".to_owned(),
            "client-os" => "the Client OS".to_owned(),
            "workflow" => "the workflow's time zone or folder".to_owned(),
            "program" => "the version of loopctl".to_owned(),
            "state" => "what it remembers".to_owned(),
            "clock" => "the date".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// `a`, `a and b`, `a, b and c`
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What people decided about an item, oldest first, as sentences without a period.
pub fn decided(entries: &[Entry], item: &ItemId, zone: &TimeZone) -> Vec<String> {
    let mut gates = BTreeMap::new();
    let mut said = Vec::new();
    for entry in entries {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Approve(approve) = request.as_ref()
                    && approve.item == *item
                {
                    gates.insert(key, ());
                }
            }
            Entry::Replied { key, reply: Reply::Decided(decision) } if gates.contains_key(key) => {
                said.push(format!("{} at gate `{}`", decision_in_words(decision, zone), key.task.step));
            }
            _ => {}
        }
    }
    said
}

/// `rejected by ana on Sun 22 Nov 2026 06:00: “off our pillar”`
pub fn decision_in_words(decision: &Decision, zone: &TimeZone) -> String {
    let by = format!("by {} on {}", decision.by, decision.at.friendly(zone));
    match &decision.verdict {
        Verdict::Approve => format!("approved {by}"),
        Verdict::Edit { .. } => format!("edited and approved {by}"),
        Verdict::Reject { reason: Some(reason) } => format!("rejected {by}: “{reason}”"),
        Verdict::Reject { reason: None } => format!("rejected {by}, without a reason"),
        Verdict::SendBack { to, reason } => format!("sent back to `{to}` {by}: “{reason}”"),
        Verdict::Expired { approve: true } => {
            format!("approved on {}, because nobody decided in time", decision.at.friendly(zone))
        }
        Verdict::Expired { approve: false } => {
            format!("rejected on {}, because nobody decided in time", decision.at.friendly(zone))
        }
    }
}

/// Where one `score` step left a topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Chosen {
    /// It was kept, at this rank.
    Kept { rank: u32, score: f64 },
    /// No signal of it reached the step.
    Unseen,
    /// `where` does not hold for it.
    LeftOut,
    /// It was kept not long ago and cools down.
    Cooling { score: f64, kept: Timestamp, until: Timestamp },
    /// Its score is below `keep above=`.
    Below { score: f64, least: f64 },
    /// So many others were better that there was no place.
    Beyond { score: f64, place: usize, of: usize, keep: i64 },
    /// The step has not run, or cannot be asked again.
    Unknown,
}

impl Chosen {
    /// A sentence without a period.
    pub fn in_words(&self, zone: &TimeZone) -> String {
        match self {
            Chosen::Kept { rank, score } => format!("it was kept: rank {rank} with a score of {score:.2}"),
            Chosen::Unseen => {
                "no signal of this topic came this far: a step before it left it out or joined it to another".to_owned()
            }
            Chosen::LeftOut => "it was left out by `where`".to_owned(),
            Chosen::Cooling { score, kept, until } => format!(
                "it cools down: it was kept on {} and is not proposed again before {} (its score is {score:.2})",
                kept.friendly(zone),
                until.friendly(zone)
            ),
            Chosen::Below { score, least } => {
                format!("its score of {score:.2} is below the {least:.2} that `keep above=` asks for")
            }
            Chosen::Beyond { score, place, of, keep } => {
                format!("its score of {score:.2} is number {place} of {of}, and `keep {keep}` keeps the best {keep}")
            }
            Chosen::Unknown => "the step has not run yet".to_owned(),
        }
    }
}

/// What one `score` step did with a topic, and the reckoning behind it.
pub fn topic(cycle: &Cycle, registry: &Registry, step: &Step, topic: &str) -> (Chosen, Option<Opportunity>) {
    let given = cycle.outputs(&step.id);
    let given = opportunities(&given);
    if let Some(kept) = given.iter().find(|opportunity| opportunity.topic == topic) {
        return (Chosen::Kept { rank: kept.rank, score: kept.score }, Some((*kept).clone()));
    }
    if !cycle.is_complete(&step.id) {
        return (Chosen::Unknown, None);
    }
    let Some(filtered) = asked_again(cycle, registry, step, &[]) else { return (Chosen::Unknown, None) };
    let Some(place) = filtered.iter().position(|opportunity| opportunity.topic == topic) else {
        let all = asked_again(cycle, registry, step, &["where"]).unwrap_or_default();
        let found = all.into_iter().find(|opportunity| opportunity.topic == topic);
        return (if found.is_some() { Chosen::LeftOut } else { Chosen::Unseen }, found);
    };
    let found = &filtered[place];
    let score = found.score;
    let keep = step.config.child("keep");
    let least = keep.and_then(|keep| keep.prop("above")).and_then(Scalar::number).unwrap_or(0.0);
    let cooldown = step.config.duration("cooldown").unwrap_or(Duration::from_secs(28 * 86_400));
    let state = cycle.carried_in().states.get(&step.id);
    let kept = state.and_then(|state| state.get("kept")?.get(topic)?.as_str()).and_then(Timestamp::parse);
    let chosen = match kept.map(|kept| (kept, kept + cooldown)) {
        _ if score < least => Chosen::Below { score, least },
        Some((kept, until)) if until > cycle.pins().now => Chosen::Cooling { score, kept, until },
        _ => {
            let keep = keep.and_then(Config::arg).and_then(Scalar::integer).unwrap_or(10);
            Chosen::Beyond { score, place: place + 1, of: filtered.len(), keep }
        }
    };
    (chosen, Some(found.clone()))
}

/// How long a topic rests after it was kept: `4w`.
pub fn cooldown(step: &Step) -> String {
    duration::format(step.config.duration("cooldown").unwrap_or(Duration::from_secs(28 * 86_400)))
}

fn opportunities(items: &[Arc<Item>]) -> Vec<&Opportunity> {
    let goods = items.iter().map(|item| &item.good);
    goods.filter_map(|good| if let Good::Opportunity(opportunity) = good { Some(opportunity) } else { None }).collect()
}

/// All topics in the order that the step gives them when it keeps everything and remembers nothing; settings in `without`
/// are taken away. `None` when the step does not answer at once.
fn asked_again(cycle: &Cycle, registry: &Registry, step: &Step, without: &[&str]) -> Option<Vec<Opportunity>> {
    let kind = registry.find(&step.verb, step.connector.as_deref())?;
    let mut open = step.clone();
    let limits = ["keep", "cooldown", "backtest"];
    open.config.children.retain(|child| !limits.contains(&&*child.name) && !without.contains(&&*child.name));
    open.config.children.push(Config {
        name: "keep".into(),
        args: [Scalar::Integer(i64::from(u32::MAX))].into(),
        ..Config::default()
    });
    let mut inputs: Vec<Arc<Item>> = Vec::new();
    for wire in &step.from {
        let given = cycle.outputs(&wire.from).into_iter().filter(|item| wire.carries.contains(item.kind()));
        for item in given {
            if !inputs.iter().any(|known| known.id == item.id) {
                inputs.push(item);
            }
        }
    }
    let turn = kind.advance(&StepContext {
        workflow: cycle.workflow(),
        step: &open,
        inputs: &inputs,
        replies: &[],
        cycle: cycle.pins().cycle,
        now: cycle.pins().now,
        seed: cycle.pins().seed,
        client_os: cycle.client_os(),
        client_os_digest: cycle.pins().client_os_digest,
        state: None,
        parameters: &cycle.carried_in().parameters,
        lineage: cycle.items(),
        again: None,
        operations: &cycle.pins().operations,
        went_out: &[],
    });
    let Ok(Turn::Done(output)) = turn else { return None };
    let goods = output.goods.into_iter();
    Some(goods.filter_map(|(good, _)| if let Good::Opportunity(opportunity) = good { Some(opportunity) } else { None }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_said_in_words() {
        let words = |parts: &[&str]| listed(&parts.iter().map(|part| part_in_words(part)).collect::<Vec<_>>());
        assert_eq!(words(&["inputs"]), "its input");
        assert_eq!(
            words(&["config", "file templates/a.hbs", "parameter opportunities.demand"]),
            "its own lines in the workflow, `templates/a.hbs` and the learned setting `opportunities.demand`"
        );
    }

    #[test]
    fn a_decision_is_told_with_its_reason() {
        let decision = |verdict| {
            let at = Timestamp::parse("2026-11-22T06:00:00Z").expect("a time");
            Decision::new(verdict, "ana", at, crate::base::Digest::of("x"))
        };
        let reason = Some("off our pillar".to_owned());
        assert_eq!(
            decision_in_words(&decision(Verdict::Reject { reason }), &TimeZone::UTC),
            "rejected by ana on Sun 22 Nov 2026 06:00: “off our pillar”"
        );
        assert_eq!(
            decision_in_words(&decision(Verdict::Expired { approve: false }), &TimeZone::UTC),
            "rejected on Sun 22 Nov 2026 06:00, because nobody decided in time"
        );
    }
}
