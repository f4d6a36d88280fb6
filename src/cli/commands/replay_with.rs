//! `loopctl replay CYCLE --with other.kdl`: what another workflow would have made of what a cycle heard.
//!
//! Both sides are gathered from entries in the same way: those of the journal, and those that the other workflow would have
//! written down. So what is compared is what happened, not what a plan says.

use crate::base::{InOrder, StepId, Timestamp};
use crate::cli::args::Replay;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::engine::{self, Cycle, Entry, Pins};
use crate::model::{Good, Item};
use crate::report::CycleState;
use crate::report::style::{DIM, GOOD, TITLE, WAIT, count, fit, grouped, paint, plain};
use crate::runtime::RunError;
use crate::step::Reply;
use crate::world::recorded::{Recorded, Told};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// So many lines of one kind are shown; `--json` has all.
const SHOWN: usize = 12;

pub fn run(
    args: &Replay,
    then: &Project,
    entries: &[Entry],
    other: &Path,
    place: &Place,
    output: &Output,
) -> Result<Exit, Failure> {
    let project = Project::read(place, Some(other))?;
    let Some(Entry::Opened { pins, carry }) = entries.first() else {
        return Err(Failure::new("store::damaged", "the journal of this cycle does not start with its opening")
            .help("`loopctl status --cycle N` shows the others"));
    };
    let pins = Pins {
        workflow: project.workflow.id.clone(),
        workflow_digest: project.workflow.digest(),
        client_os_digest: project.client_os.digest(),
        sources: BTreeMap::new(),
        ..pins.clone()
    };
    let (cycle, now) = (pins.cycle, end(entries).unwrap_or(pins.now));
    let carry = carry.as_ref().clone();
    let registry = crate::builtin::registry();
    let (opened, first) = Cycle::open(project.workflow.clone(), registry, project.client_os.clone(), pins, carry)
        .map_err(|error| Failure::from(RunError::from(error)))?;
    let mut world = Recorded::new(entries);
    if args.approve_all {
        world = world.approving_all("approve-all");
    }
    let (_, would) = engine::play(opened, first, now, &mut world);
    let view = project.view(&would)?;
    let facts = Comparison {
        cycle: cycle.0,
        with: other.display().to_string(),
        recorded: Side::of(entries),
        other: Side::of(&would),
        state: view.state,
        told: world.told().clone(),
    };
    let failed: Vec<(StepId, String)> =
        view.failures.iter().map(|failure| (failure.task.step.clone(), failure.message.clone())).collect();
    if output.json {
        let mut value = serde_json::to_value(&facts).unwrap_or_default();
        value["choices"] = serde_json::to_value(facts.choices()).unwrap_or_default();
        value["pieces"] = serde_json::to_value(facts.pieces()).unwrap_or_default();
        value["weights"] = serde_json::to_value(facts.weights()).unwrap_or_default();
        value["failures"] = serde_json::to_value(&failed).unwrap_or_default();
        output.facts("what_if", &value);
    } else {
        output.text(&text(&facts, &failed, then, output.width()));
    }
    Ok(Exit::Ok)
}

fn end(entries: &[Entry]) -> Option<Timestamp> {
    entries.iter().find_map(|entry| if let Entry::Closed { at, .. } = entry { Some(*at) } else { None })
}

/// A topic that a step chose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Choice {
    pub title: String,
    pub rank: u32,
    pub score: f64,
}

/// What one cycle did, as far as a reader compares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Side {
    /// By step and topic.
    #[serde(skip)]
    pub chosen: BTreeMap<(StepId, String), Choice>,
    /// By `step.rule`: the weights in force.
    pub weights: BTreeMap<String, f64>,
    /// By kind and title, the text.
    #[serde(skip)]
    pub pieces: BTreeMap<(&'static str, String), String>,
    /// By channel: how many pieces went out, or would have.
    pub sends: BTreeMap<String, usize>,
    /// The searches for the topics of these pieces, where they are known.
    pub demand: f64,
    pub tokens: u64,
    /// By currency.
    pub cost: BTreeMap<String, f64>,
    /// Parameters that learning set.
    pub learned: BTreeMap<String, f64>,
    pub deferred: usize,
    pub failed: usize,
}

impl Side {
    pub fn of(entries: &[Entry]) -> Side {
        let mut side = Side::default();
        let mut volumes: BTreeMap<String, f64> = BTreeMap::new();
        let mut topics: Vec<String> = Vec::new();
        for entry in entries {
            match entry {
                Entry::Done { items, parameters, .. } => {
                    side.learned.extend(parameters.iter().map(|change| (change.path.clone(), change.new)));
                    items.iter().for_each(|item| side.take(item, &mut volumes, &mut topics));
                }
                Entry::Failed { .. } => side.failed += 1,
                Entry::Deferred { .. } => side.deferred += 1,
                Entry::Replied { reply: Reply::Generated(generated), .. } => {
                    side.tokens += generated.tokens_in + generated.tokens_out;
                    if let Some(cost) = &generated.cost {
                        *side.cost.entry(cost.currency.clone()).or_default() += cost.units();
                    }
                }
                _ => {}
            }
        }
        topics.sort();
        topics.dedup();
        side.demand = topics.iter().filter_map(|topic| volumes.get(topic)).sum();
        side
    }

    fn take(&mut self, item: &Item, volumes: &mut BTreeMap<String, f64>, topics: &mut Vec<String>) {
        match &item.good {
            Good::Opportunity(opportunity) => {
                if let Some(volume) = opportunity.volume {
                    volumes.insert(opportunity.topic.clone(), volume);
                }
                for rule in &opportunity.breakdown {
                    self.weights.insert(format!("{}.{}", item.made_by, rule.rule), rule.weight);
                }
                let choice = Choice { title: opportunity.title.clone(), rank: opportunity.rank, score: opportunity.score };
                self.chosen.insert((item.made_by.clone(), opportunity.topic.clone()), choice);
            }
            // A gate hands on what was written before; only the writing counts.
            Good::Outline(outline) if outline.approved_by.is_none() => {
                self.pieces.insert(("outline", outline.title.clone()), outline.text.clone());
            }
            Good::Draft(draft) if draft.approved_by.is_none() => {
                self.pieces.insert(("draft", draft.title.clone()), draft.text.clone());
            }
            Good::Asset(asset) if asset.draft.approved_by.is_none() => {
                self.pieces.insert(("asset", item.good.title()), asset.draft.text.clone());
            }
            Good::Receipt(receipt) => {
                *self.sends.entry(receipt.channel.clone()).or_default() += 1;
                topics.push(receipt.topic.clone());
            }
            _ => {}
        }
    }
}

/// How the choice of one topic changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ChoiceChange {
    step: String,
    topic: String,
    title: String,
    /// `chosen`, `left-out`, `moved` or `same`.
    change: &'static str,
    recorded: Option<Choice>,
    other: Option<Choice>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct PieceChange {
    kind: &'static str,
    title: String,
    /// `new`, `not-written`, `changed` or `same`.
    change: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct WeightChange {
    rule: String,
    recorded: Option<f64>,
    other: Option<f64>,
}

/// Both sides.
#[derive(Clone, Debug, Serialize)]
struct Comparison {
    cycle: u32,
    with: String,
    recorded: Side,
    other: Side,
    /// How far the other one comes.
    state: CycleState,
    told: Told,
}

impl Comparison {
    /// By rank in the other workflow, then what is left out.
    fn choices(&self) -> Vec<ChoiceChange> {
        let mut changes: Vec<ChoiceChange> = both(&self.recorded.chosen, &self.other.chosen)
            .map(|((step, topic), old, new)| ChoiceChange {
                step: step.to_string(),
                topic: topic.clone(),
                title: new.or(old).map(|choice| choice.title.clone()).unwrap_or_default(),
                change: match (old, new) {
                    (None, _) => "chosen",
                    (_, None) => "left-out",
                    (Some(old), Some(new)) if old.rank != new.rank => "moved",
                    _ => "same",
                },
                recorded: old.cloned(),
                other: new.cloned(),
            })
            .collect();
        let rank = |choice: &Option<Choice>| choice.as_ref().map_or(u32::MAX, |choice| choice.rank);
        changes.order_by_key(|change| (rank(&change.other), rank(&change.recorded)));
        changes
    }

    fn pieces(&self) -> Vec<PieceChange> {
        both(&self.recorded.pieces, &self.other.pieces)
            .map(|((kind, title), old, new)| PieceChange {
                kind,
                title: title.clone(),
                change: match (old, new) {
                    (None, _) => "new",
                    (_, None) => "not-written",
                    (Some(old), Some(new)) if old != new => "changed",
                    _ => "same",
                },
            })
            .collect()
    }

    /// Those that are not the same.
    fn weights(&self) -> Vec<WeightChange> {
        both(&self.recorded.weights, &self.other.weights)
            .filter(|(_, old, new)| old != new)
            .map(|(rule, old, new)| WeightChange { rule: rule.clone(), recorded: old.copied(), other: new.copied() })
            .collect()
    }
}

/// Every key of two maps, with what each has under it.
fn both<'a, K: Ord, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(|key| (key, old.get(key), new.get(key)))
}

fn text(facts: &Comparison, failed: &[(StepId, String)], then: &Project, width: usize) -> String {
    let mut text = format!(
        "{} {}\n",
        paint(TITLE, format!("Cycle {} of {} with {}", facts.cycle, then.workflow.id, facts.with)),
        paint(DIM, "· nothing was asked, sent or written")
    );
    weights(facts, &mut text);
    choices(facts, width, &mut text);
    pieces(facts, width, &mut text);
    amounts(facts, &mut text);
    for (step, message) in failed.iter().take(SHOWN) {
        line(&mut text, format!("{} {step} would fail: {}", paint(WAIT, "warning:"), plain(message)));
    }
    told(facts, width, &mut text);
    text
}

fn line(text: &mut String, line: String) {
    writeln!(text, "  {line}").expect("writing to a string");
}

fn weights(facts: &Comparison, text: &mut String) {
    let changes = facts.weights();
    if changes.is_empty() {
        return;
    }
    text.push_str("\nWeights\n");
    let say = |weight: Option<f64>| weight.map_or("none".to_owned(), |weight| format!("{weight:.3}"));
    for change in changes {
        line(text, format!("{}  {} → {}", change.rule, say(change.recorded), say(change.other)));
    }
}

fn choices(facts: &Comparison, width: usize, text: &mut String) {
    let choices = facts.choices();
    let of = |change: &str| choices.iter().filter(|choice| choice.change == change).count();
    text.push_str(&format!(
        "\nChosen {}\n",
        paint(
            DIM,
            format!(
                "· {} recorded, {} now: {} new, {} left out, {} at another rank",
                facts.recorded.chosen.len(),
                facts.other.chosen.len(),
                of("chosen"),
                of("left-out"),
                of("moved")
            )
        )
    ));
    let changed: Vec<&ChoiceChange> = choices.iter().filter(|choice| choice.change != "same").collect();
    if changed.is_empty() {
        line(text, paint(DIM, "the same topics at the same ranks"));
    }
    let say = |choice: &Option<Choice>| match choice {
        Some(choice) => format!("{:>2} ({:.3})", choice.rank, choice.score),
        None => format!("{:>10}", "–"),
    };
    for choice in changed.iter().take(SHOWN) {
        let mark = match choice.change {
            "chosen" => paint(GOOD, "+"),
            "left-out" => paint(WAIT, "-"),
            _ => "~".to_owned(),
        };
        let title = fit(&plain(&choice.title), width.saturating_sub(34));
        line(text, format!("{mark} {} → {}  {title}", say(&choice.recorded), say(&choice.other)));
    }
    more(changed.len(), text);
}

fn more(count: usize, text: &mut String) {
    if count > SHOWN {
        line(text, paint(DIM, format!("and {} more; `--json` has all", count - SHOWN)));
    }
}

fn pieces(facts: &Comparison, width: usize, text: &mut String) {
    let pieces = facts.pieces();
    let changed: Vec<&PieceChange> = pieces.iter().filter(|piece| piece.change != "same").collect();
    let same = pieces.len() - changed.len();
    text.push_str(&format!("\nPieces {}\n", paint(DIM, format!("· {} the same", count(same, "text")))));
    for piece in changed.iter().take(SHOWN) {
        let word = match piece.change {
            "new" => paint(GOOD, "new        "),
            "not-written" => paint(WAIT, "not written"),
            _ => "changed    ".to_owned(),
        };
        line(text, format!("{word}  {:<7}  {}", piece.kind, fit(&plain(&piece.title), width.saturating_sub(26))));
    }
    more(changed.len(), text);
}

fn amounts(facts: &Comparison, text: &mut String) {
    let (old, new, told) = (&facts.recorded, &facts.other, &facts.told);
    text.push_str("\nSpend and reach\n");
    let sends = |side: &Side| side.sends.values().sum::<usize>();
    let mut row = |name: &str, old: String, new: String| line(text, format!("{name:<14} {old} → {new}"));
    let tokens = new.tokens + told.tokens_estimated;
    let about = if told.tokens_estimated > 0 { " (estimated)" } else { "" };
    row("tokens", grouped(old.tokens as usize), format!("{}{about}", grouped(tokens as usize)));
    let currencies: BTreeSet<&String> = old.cost.keys().chain(new.cost.keys()).chain(told.cost_estimated.keys()).collect();
    for currency in currencies {
        let of = |map: &BTreeMap<String, f64>| map.get(currency).copied().unwrap_or(0.0);
        row(currency, format!("{:.4}", of(&old.cost)), format!("{:.4}{about}", of(&new.cost) + of(&told.cost_estimated)));
    }
    row("sends", sends(old).to_string(), sends(new).to_string());
    for (channel, old, new) in both(&old.sends, &new.sends) {
        row(&format!("  {channel}"), old.unwrap_or(&0).to_string(), new.unwrap_or(&0).to_string());
    }
    if old.demand > 0.0 || new.demand > 0.0 {
        row("searches", grouped(old.demand as usize), grouped(new.demand as usize));
    }
    row("deferred", old.deferred.to_string(), new.deferred.to_string());
    for (path, old, new) in both(&old.learned, &new.learned).filter(|(_, old, new)| old != new) {
        let say = |value: Option<&f64>| value.map_or("not set".to_owned(), |value| format!("{value:.3}"));
        row(&format!("learned {path}"), say(old), say(new));
    }
}

fn told(facts: &Comparison, width: usize, text: &mut String) {
    let told = &facts.told;
    let mut notes: Vec<String> = Vec::new();
    for lacking in &told.lacking {
        notes.push(format!("`{}` would {}: the record lacks it, so it stayed empty", lacking.step, plain(&lacking.what)));
    }
    if told.texts_composed > 0 {
        let recorded = told.texts_recorded;
        notes.push(format!(
            "{} composed from the templates, {recorded} from the record: no model was asked",
            count(told.texts_composed, "text")
        ));
    }
    if told.decided_for_all > 0 {
        notes.push(format!("{} approved by `--approve-all`", count(told.decided_for_all, "gate")));
    }
    if facts.state == CycleState::Waiting && told.left_open > 0 {
        notes.push(format!("{} open, because nobody decided that text then; `--approve-all` goes on", left(told.left_open)));
    }
    if told.pretended > 0 {
        notes.push(format!("{} pretended to go out", count(told.pretended, "piece")));
    }
    if !notes.is_empty() {
        text.push_str("\nTo know\n");
        for note in notes {
            line(text, paint(DIM, fit(&note, width.saturating_sub(2).max(78))));
        }
    }
}

fn left(gates: usize) -> String {
    format!("{} {}", count(gates, "gate"), if gates == 1 { "stays" } else { "stay" })
}
