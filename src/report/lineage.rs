//! The whole lineage of an item, from the piece down to the signals: `loopctl trace`.

use super::style::{CODE, DIM, fit, paint};
use super::view::handle;
use crate::base::ItemId;
use crate::model::found::Change;
use crate::model::goods::Revision;
use crate::model::{Act, Good, Item, Operation};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One item of a lineage, with what it was made from.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    pub id: String,
    pub item: ItemId,
    pub kind: &'static str,
    pub title: String,
    pub made_by: String,
    /// What decided about it: score, model and cost, decision, propensity, receipt.
    pub facts: Vec<String>,
    pub from: Vec<Node>,
}

/// Walks from `item` to its roots. An item that was already shown is not walked again; one whose record is gone is left out.
pub fn walk(items: &BTreeMap<ItemId, Item>, item: &ItemId) -> Option<Node> {
    visit(items, item, &mut BTreeSet::new())
}

/// Adds to receipts what became of their pieces since: what people did to them in the channel, and what readers did through their
/// links, as the last log that names the piece says. `items` are those of all cycles.
pub fn add_what_followed(node: &mut Node, items: &BTreeMap<ItemId, Item>, operations: &[Operation]) {
    if let Some(Good::Receipt(receipt)) = items.get(&node.item).map(|item| &item.good) {
        for operation in operations {
            if let Act::Found(found) = &operation.act
                && found.key == receipt.key
            {
                let when = match &found.change {
                    Change::Edited(words) => words.edit.at,
                    _ => operation.at,
                };
                node.facts.push(match (&found.change, found.details()) {
                    (Change::Edited(_), Some(details)) => format!("changed by {} at {when}: {details}", operation.by),
                    _ => format!("{}, found at {when}", found.what()),
                });
            }
        }
        let through = outcomes(items, &receipt.key);
        if !through.is_empty() {
            let said: Vec<String> = through.iter().map(|(name, times)| format!("{times} {name}")).collect();
            node.facts.push(format!("through its links: {}", said.join(", ")));
        }
    }
    node.from.iter_mut().for_each(|node| add_what_followed(node, items, operations));
}

/// How often each event came through a piece. Logs are read whole and again, so the one that has most of it counts.
fn outcomes(items: &BTreeMap<ItemId, Item>, key: &str) -> BTreeMap<String, usize> {
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for item in items.values() {
        let Good::Events(events) = &item.good else { continue };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for event in events.rows().filter(|event| event.piece() == Some(key)) {
            *counts.entry(event.name()).or_default() += 1;
        }
        for (name, count) in counts {
            let known = most.entry(name.to_owned()).or_default();
            *known = count.max(*known);
        }
    }
    most
}

fn visit(items: &BTreeMap<ItemId, Item>, id: &ItemId, seen: &mut BTreeSet<ItemId>) -> Option<Node> {
    let item = items.get(id)?;
    let fresh = seen.insert(*id);
    let from = if fresh { item.parents.iter().filter_map(|parent| visit(items, parent, seen)).collect() } else { Vec::new() };
    Some(Node {
        id: handle(item),
        item: *id,
        kind: item.kind().name(),
        title: item.good.title(),
        made_by: item.made_by.to_string(),
        facts: facts(&item.good),
        from,
    })
}

fn facts(good: &Good) -> Vec<String> {
    let mut facts = Vec::new();
    let mut revision = |revision: &Revision, approved_by: &Option<String>| {
        match revision {
            Revision::Edited { by, at, kept: false, .. } => facts.push(format!("edited by {by} at {at}")),
            Revision::Edited { by, at, kept: true, .. } => facts.push(format!("written anew; keeps the words of {by} of {at}")),
            Revision::Generated => {}
        }
        if let Some(by) = approved_by {
            facts.push(format!("approved by {by}"));
        }
    };
    match good {
        Good::Signal(signal) => {
            facts.push(format!("{} from {} at {}", signal.kind.name(), signal.source, signal.at));
            if let Some(volume) = signal.volume {
                let growth = signal.growth.map_or_else(String::new, |growth| format!(", growth {:+.0} %", growth * 100.0));
                facts.push(format!("volume {volume}{growth}"));
            }
            facts.extend(signal.facts.iter().map(|fact| {
                let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                format!("{} of {}: {} → {}", fact.name, fact.about, side(&fact.old), side(&fact.new))
            }));
            facts.extend(signal.url.clone());
            facts.push(format!("content {}", signal.content.short(12)));
        }
        Good::Events(events) => facts.push(format!("{} rows from {}", events.len(), events.source)),
        Good::Opportunity(opportunity) => {
            facts.push(format!(
                "score {:.3}, confidence {:.2}, place {}",
                opportunity.score, opportunity.confidence, opportunity.rank
            ));
            facts.extend(opportunity.breakdown.iter().map(|rule| {
                let value = rule.value.map_or_else(|| "unknown, counted as 0.5".to_owned(), |value| format!("{value:.3}"));
                format!("rule {}: {value} × weight {:.3} = {:.3}", rule.rule, rule.weight, rule.contribution())
            }));
        }
        Good::Brief(brief) => {
            facts.extend(
                brief.claims.iter().map(|claim| format!("[{}] {} (signal s-{})", claim.id, claim.text, claim.signal.short())),
            );
        }
        Good::Outline(outline) => {
            revision(&outline.revision, &outline.approved_by);
            facts.push(written(&outline.writer));
            facts.extend(redacted(&outline.writer));
            facts.extend(outline.findings.iter().map(finding));
            facts.push(format!("Client OS {}", outline.provenance.client_os.short(12)));
        }
        Good::Draft(draft) => {
            revision(&draft.revision, &draft.approved_by);
            facts.push(written(&draft.writer));
            facts.extend(redacted(&draft.writer));
            facts.extend(draft.findings.iter().map(finding));
        }
        Good::Asset(asset) => {
            revision(&asset.draft.revision, &asset.draft.approved_by);
            let axes = asset.version.axes.iter().map(|(axis, value)| format!("{axis} {value}"));
            let segment = asset.version.segment.iter().map(|segment| format!("for {segment}"));
            let platform = asset.version.platform.iter().map(|platform| format!("as {platform}"));
            let what: Vec<String> = axes.chain(segment).chain(platform).collect();
            facts.push(format!("version {}: {}", asset.version.name, what.join(", ")));
            facts.push(written(&asset.draft.writer));
            facts.extend(redacted(&asset.draft.writer));
            facts.extend(asset.draft.findings.iter().map(finding));
        }
        Good::Placement(placement) => {
            facts.push(format!(
                "{} by {}, propensity {:.3}: {}",
                placement.channel, placement.policy, placement.propensity, placement.why
            ));
        }
        Good::Receipt(receipt) => facts.push(format!("{} at {}, key {}", receipt.location, receipt.at, receipt.key)),
        Good::Lead(lead) => {
            facts.extend(lead.score.map(|score| format!("probability {score:.3}")));
            facts.extend(lead.reasons.iter().map(|reason| format!("{} {:+.2}", reason.feature, reason.effect)));
        }
        Good::Insight(insight) => facts.push(format!("{}, {} observations", insight.measure, insight.n)),
        Good::Report(_) => {}
        Good::Allocation(allocation) => facts.extend(super::budget::lines(allocation)),
        Good::Scenario(scenario) => facts.extend(super::budget::courses(scenario)),
        Good::Rejection(rejection) => {
            let reason = rejection.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
            facts.push(format!("turned down by {}{reason}", rejection.by));
        }
        Good::Amendment(amendment) => {
            facts.push(format!("{}: {}", amendment.file(), amendment.reason));
            facts.push(format!("expected: {}", amendment.expects.says));
            facts.push(format!("judged by {}", amendment.expects.measure.name()));
        }
    }
    facts
}

fn finding(finding: &crate::model::goods::Finding) -> String {
    format!("{} at line {}: {}", finding.check, finding.line, finding.message)
}

/// What the model was not told because it is personal.
fn redacted(writer: &crate::model::goods::Writer) -> Option<String> {
    let parts: Vec<String> = writer.redacted.iter().map(|(kind, count)| format!("{kind} {count}×")).collect();
    (!parts.is_empty()).then(|| format!("taken out of the prompt as personal: {}", parts.join(", ")))
}

fn written(writer: &crate::model::goods::Writer) -> String {
    let cost = writer.cost.as_ref().map_or_else(String::new, |cost| format!(", {cost}"));
    format!(
        "written by {} ({}), {} tokens{cost}, prompt {}",
        writer.provider,
        writer.model,
        writer.tokens,
        writer.prompt.short(12)
    )
}

/// The tree as text.
pub fn render(node: &Node, width: usize) -> String {
    let mut out = String::new();
    draw(&mut out, node, "", "", width);
    out
}

fn draw(out: &mut String, node: &Node, lead: &str, below: &str, width: usize) {
    let room = width.saturating_sub(lead.chars().count() + node.id.len() + 6);
    out.push_str(&format!(
        "{lead}{} {}  {}\n",
        paint(CODE, &node.id),
        fit(&node.title, room),
        paint(DIM, format!("{} by {}", node.kind, node.made_by))
    ));
    let rail = if node.from.is_empty() { "  " } else { "│ " };
    for fact in &node.facts {
        let room = width.saturating_sub(below.chars().count() + 4);
        out.push_str(&format!("{below}{rail}  {}\n", paint(DIM, fit(fact, room))));
    }
    for (at, from) in node.from.iter().enumerate() {
        let last = at + 1 == node.from.len();
        let (branch, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw(out, from, &format!("{below}{branch}"), &format!("{below}{rest}"), width);
    }
}
