//! What a report remembers from cycle to cycle: the pieces that went out, who wrote them, what people cut, what they turned down,
//! which proposals were accepted. Everything that it says over several cycles is a function of this.
//!
//! It is bounded: the newest pieces and rejections, the phrases that people cut most. Outcomes are counted anew from the events of
//! each cycle, because logs are read whole and revised for days.

use super::edits::{self, Shape};
use crate::base::{InOrder, ItemId, Timestamp};
use crate::model::found::{Change, Words};
use crate::model::goods::{Draft, Measure, Outline, Placement, Receipt, Rejection, Revision, Row};
use crate::model::{Act, Good, Item, Operation, ReviewVerdict};
use crate::stats::kappa::Table;
use crate::step::Lineage;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most pieces, rejections and phrases that are remembered.
const PIECES_MOST: usize = 300;
const REJECTIONS_MOST: usize = 200;
const PHRASES_MOST: usize = 400;
/// A piece of which people kept this share of the words was fine as it was.
const JUDGED_KEPT: f64 = 0.8;
/// A piece of which people kept less than this share of the words is theirs.
pub const HUMAN_BELOW: f64 = 0.2;

/// Days within which outcomes are counted, so that pieces of different age can be compared at the same one.
pub const SPANS: [f64; 7] = [1.0, 3.0, 7.0, 14.0, 28.0, 56.0, 112.0];

/// Who wrote a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Author {
    /// It went out as it was generated.
    Generated,
    /// Generated, then changed by a person.
    Assisted,
    /// A person wrote (nearly) all of it.
    Person,
}

/// What went wrong with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    VoiceDrift,
    FactualError,
    GenericAngle,
    OffAudience,
    Form,
}

impl Failure {
    pub const ALL: [Failure; 5] =
        [Failure::VoiceDrift, Failure::FactualError, Failure::GenericAngle, Failure::OffAudience, Failure::Form];

    pub fn name(self) -> &'static str {
        match self {
            Failure::VoiceDrift => "voice drift",
            Failure::FactualError => "factual errors",
            Failure::GenericAngle => "generic angle",
            Failure::OffAudience => "off-ICP framing",
            Failure::Form => "form and length",
        }
    }

    /// The file of the Client OS to look at, and the place in it.
    pub fn file(self) -> &'static str {
        match self {
            Failure::VoiceDrift => "`brand.md`, Voice and Forbidden phrases",
            Failure::FactualError => "`brand.md`, Company, Services and Pages: what pieces may take for a fact",
            Failure::GenericAngle => "`pillars.kdl`, what each pillar is about",
            Failure::OffAudience => "`brand.md`, Audience",
            Failure::Form => "`styles/`, the platform's style guide",
        }
    }

    /// What a check that found something speaks of.
    fn of_check(check: &str) -> Failure {
        match check {
            "grounding" => Failure::FactualError,
            "duplicate" | "topic" => Failure::GenericAngle,
            "platform" | "length" | "readability" => Failure::Form,
            _ => Failure::VoiceDrift,
        }
    }

    /// What a person's reason speaks of; `None` when its words say nothing we know. The first list that has a word of it wins.
    pub fn of_reason(reason: &str) -> Option<Failure> {
        const WORDS: [(Failure, &[&str]); 5] = [
            (
                Failure::OffAudience,
                &[
                    "audience",
                    "icp",
                    "reader",
                    "customer",
                    "not for us",
                    "for somebody else",
                    "enterprise",
                    "beginner",
                    "wrong people",
                ],
            ),
            (
                Failure::FactualError,
                &["wrong", "fact", "false", "number", "source", "invented", "outdated", "not true", "untrue", "mistake"],
            ),
            (
                Failure::VoiceDrift,
                &["voice", "tone", "sound", "hype", "salesy", "marketing", "cliché", "cliche", "pushy", "not us"],
            ),
            (
                Failure::GenericAngle,
                &[
                    "generic",
                    "angle",
                    "boring",
                    "obvious",
                    "again",
                    "already",
                    "last month",
                    "nothing new",
                    "said this",
                    "shallow",
                    "vague",
                ],
            ),
            (Failure::Form, &["long", "short", "heading", "format", "structure", "link", "title"]),
        ];
        let reason = reason.to_lowercase();
        let words: BTreeSet<&str> = reason.split(|c: char| !c.is_alphanumeric() && c != '\'').collect();
        let says =
            |word: &&str| if word.contains(' ') { reason.contains(*word) } else { words.iter().any(|own| stems(own, word)) };
        WORDS.into_iter().find(|(_, list)| list.iter().any(says)).map(|(failure, _)| failure)
    }
}

/// Whether a word is another with an English ending.
fn stems(word: &str, stem: &str) -> bool {
    word.strip_prefix(stem).is_some_and(|rest| matches!(rest, "" | "s" | "es" | "ed" | "ing" | "er" | "y"))
}

/// A piece that went out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// What its links carry.
    pub key: String,
    /// Its receipt.
    pub item: ItemId,
    pub at: Timestamp,
    pub title: String,
    pub pillar: Option<String>,
    pub channel: String,
    pub author: Author,
    /// The share of the generated words that people kept, 1 when nobody changed it.
    pub kept: f64,
    /// Phrases that people cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// Its form before and after a person changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<(Shape, Shape)>,
    /// How many asked about its topic, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<f64>,
    /// A person, and not the clock or a flag, let it pass as it was.
    #[serde(default)]
    pub passed: bool,
    /// Its first good paragraph, for a sample.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sample: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Phrases of locked decisions that a person wrote into it, by decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<String>,
    /// How often the outcome happened through it, as the last log said.
    #[serde(default)]
    pub outcomes: f64,
    /// Of these, how many within each of [`SPANS`] days after it went out; `None` of a piece from before this was counted.
    #[serde(default)]
    pub within: Option<[f64; SPANS.len()]>,
    /// A log was read after it went out; before that, nothing can be known of it.
    #[serde(default)]
    pub read: bool,
}

/// Something that a person turned down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turned {
    pub item: ItemId,
    pub at: Timestamp,
    pub title: String,
    pub topic: String,
    pub reason: Option<String>,
    pub failure: Option<Failure>,
}

/// How often people cut a phrase and how often they let it stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    pub cut: u32,
    pub kept: u32,
}

/// A proposal that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    pub key: String,
    pub title: String,
    pub by: String,
    pub at: Timestamp,
    pub measure: Measure,
}

/// What a judge and people said about the same pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    pub both_yes: u64,
    pub judge_only: u64,
    pub people_only: u64,
    pub both_no: u64,
}

impl Agreement {
    pub fn table(&self) -> Table {
        Table { both_yes: self.both_yes, first_only: self.judge_only, second_only: self.people_only, both_no: self.both_no }
    }

    fn add(&mut self, judge: bool, people: bool) {
        let mut table = self.table();
        table.add(judge, people);
        *self = Agreement {
            both_yes: table.both_yes,
            judge_only: table.first_only,
            people_only: table.second_only,
            both_no: table.both_no,
        };
    }
}

/// The judgement that stood beside a piece when people decided about it: its own, or that of what it was made from.
fn judgement_of(item: &Item, lineage: &dyn Lineage) -> Option<(String, bool)> {
    let (mut waiting, mut seen) = (item.parents.clone(), BTreeSet::new());
    let of = |good: &Good| good.piece()?.judged.as_ref().map(|judged| (judged.provider.clone(), judged.pass));
    if let Some(found) = of(&item.good) {
        return Some(found);
    }
    while let Some(id) = waiting.pop() {
        let Some(item) = lineage.item(&id).filter(|_| seen.insert(id)) else { continue };
        if let Some(found) = of(&item.good) {
            return Some(found);
        }
        if item.good.piece().is_some() {
            waiting.extend(&item.parents);
        }
    }
    None
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Oldest first.
    pub pieces: Vec<Piece>,
    pub turned: Vec<Turned>,
    /// Judges, and what they and people said about pieces that people then decided about.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub judges: BTreeMap<String, Agreement>,
    pub phrases: BTreeMap<String, Phrase>,
    pub accepted: Vec<Accepted>,
    /// Proposals that were turned down, by key: when, and why.
    pub resting: BTreeMap<String, (Timestamp, Option<String>)>,
    /// What each open proposal is to be judged by.
    pub proposed: BTreeMap<String, Measure>,
    /// The first cycle that it saw.
    pub since: Option<Timestamp>,
    pub reported: Option<Timestamp>,
    /// The outcome has been seen in the events of some cycle.
    pub outcomes_seen: bool,
    /// Metrics that something in the loop has counted.
    pub metrics: BTreeSet<String>,
}

impl History {
    /// Takes in what people decided about proposals.
    pub fn decided(&mut self, operations: &[Operation]) {
        for operation in operations {
            if let Act::TakenBack { key, .. } = &operation.act {
                self.accepted.retain(|known| known.key != *key);
            }
            if let Act::Found(found) = &operation.act
                && let Change::Edited(words) = &found.change
            {
                self.edited_out_there(&found.key, words);
            }
            let Act::Reviewed(review) = &operation.act else { continue };
            match &review.verdict {
                ReviewVerdict::Accepted { .. } => {
                    self.resting.remove(&review.key);
                    self.accepted.retain(|known| known.key != review.key || known.at != operation.at);
                    self.accepted.push(Accepted {
                        key: review.key.clone(),
                        title: review.title.clone(),
                        by: operation.by.clone(),
                        at: operation.at,
                        measure: self.proposed.get(&review.key).cloned().unwrap_or(Measure::Person),
                    });
                }
                ReviewVerdict::Rejected { reason } => {
                    self.resting.insert(review.key.clone(), (operation.at, reason.clone()));
                }
            }
        }
    }

    /// What a person changed in a channel is judged like what they change at a gate.
    fn edited_out_there(&mut self, key: &str, words: &Words) {
        let Some(piece) = self.pieces.iter_mut().find(|piece| piece.key == key) else { return };
        let (before, after) = (words.edit.before.as_str(), words.edit.after.as_str());
        piece.kept = piece.kept.min(edits::kept(before, after));
        piece.author = if piece.kept < HUMAN_BELOW { Author::Person } else { Author::Assisted };
        piece.shape = Some((Shape::of(before), Shape::of(after)));
        piece.passed = false;
        piece.sample = edits::sample(after);
        if edits::corrects_a_fact(before, after) && !piece.failures.contains(&Failure::FactualError) {
            piece.failures.push(Failure::FactualError);
            piece.failures.sort();
        }
        for phrase in edits::cut(words.sent(), after) {
            if !piece.cut.contains(&phrase) {
                let known = self.phrases.entry(phrase.clone()).or_default();
                known.cut += 1;
                // It was let pass when it went out, and that was not the last word.
                known.kept = known.kept.saturating_sub(1);
                piece.cut.push(phrase);
            }
        }
        piece.cut.sort();
    }

    /// Takes in a piece that went out; one that is known is not counted twice.
    pub fn published(&mut self, item: &Item, receipt: &Receipt, lineage: &dyn Lineage, decisions: &[crate::client_os::Decision]) {
        if self.pieces.iter().any(|piece| piece.key == receipt.key) {
            return;
        }
        let Some(placed) = lineage.item(&receipt.placement) else { return };
        let Good::Placement(placement) = &placed.good else { return };
        let piece = self::piece(item.id, receipt, placement, outline_of(&placed, lineage).as_deref(), decisions);
        // One piece may go to several channels; people decided about it once.
        let known = self.pieces.iter().any(|known| known.title == piece.title && known.pillar == piece.pillar);
        if let (Some((judge, pass)), true, false) = (judgement_of(&placed, lineage), placement.draft.approved_by.is_some(), known)
        {
            self.judges.entry(judge).or_default().add(pass, piece.kept >= JUDGED_KEPT);
        }
        for phrase in &piece.cut {
            self.phrases.entry(phrase.clone()).or_default().cut += 1;
        }
        let words = edits::folded(&placement.draft.text);
        for (phrase, count) in &mut self.phrases {
            if edits::holds(&words, phrase) {
                count.kept += 1;
            }
        }
        if self.phrases.len() > PHRASES_MOST {
            let mut least: Vec<(u32, String)> = self.phrases.iter().map(|(phrase, count)| (count.cut, phrase.clone())).collect();
            least.sort();
            least.truncate(self.phrases.len() - PHRASES_MOST);
            least.iter().for_each(|(_, phrase)| {
                self.phrases.remove(phrase);
            });
        }
        self.pieces.push(piece);
        if self.pieces.len() > PIECES_MOST {
            self.pieces.remove(0);
        }
    }

    pub fn turned_down(&mut self, item: &Item, rejection: &Rejection, lineage: &dyn Lineage) {
        if self.turned.iter().any(|known| known.item == item.id) {
            return;
        }
        if let Some((judge, pass)) = judgement_of(item, lineage) {
            self.judges.entry(judge).or_default().add(pass, false);
        }
        let item = item.id;
        self.turned.push(Turned {
            item,
            at: rejection.at,
            title: rejection.title.clone(),
            topic: rejection.topic.clone(),
            reason: rejection.reason.clone(),
            failure: rejection.reason.as_deref().and_then(Failure::of_reason),
        });
        if self.turned.len() > REJECTIONS_MOST {
            self.turned.remove(0);
        }
    }

    /// Pieces of which outcomes can be known by now; all of them while no log has ever been read.
    pub fn counted(&self) -> impl Iterator<Item = &Piece> {
        let none = !self.pieces.iter().any(|piece| piece.read);
        self.pieces.iter().filter(move |piece| piece.read || none)
    }

    /// Counts the outcomes of pieces anew. Pieces that the log of this cycle does not name keep what an earlier log said.
    pub fn outcomes<'a>(&mut self, events: impl Iterator<Item = Row<'a>>, outcome: &str) {
        let pieces: BTreeMap<&str, (usize, Timestamp)> =
            self.pieces.iter().enumerate().map(|(at, piece)| (piece.key.as_str(), (at, piece.at))).collect();
        let mut counts: BTreeMap<usize, (f64, [f64; SPANS.len()])> = BTreeMap::new();
        for event in events {
            let name = event.name();
            let conversions = if event.is_journey() { event.conversions() } else { f64::from(u8::from(name == outcome)) };
            if !event.is_journey() && !name.is_empty() && name != "path" && !self.metrics.contains(name) {
                self.metrics.insert(name.to_owned());
            }
            let Some((at, out)) = event.piece().and_then(|piece| pieces.get(piece)) else { continue };
            let (all, within) = counts.entry(*at).or_default();
            *all += conversions;
            let age = event.at().days_since(*out);
            within.iter_mut().zip(SPANS).filter(|(_, span)| age <= *span).for_each(|(within, _)| *within += conversions);
        }
        for (at, (all, within)) in counts {
            let piece = &mut self.pieces[at];
            // A log with a window forgets what is old; what was counted once stays counted.
            piece.outcomes = piece.outcomes.max(all);
            let known = piece.within.get_or_insert_default();
            known.iter_mut().zip(within).for_each(|(known, count)| *known = known.max(count));
            self.outcomes_seen = true;
        }
    }

    /// The measure of each piece that has it, with the time: what a change is judged by.
    pub fn measured(&self, measure: &Measure) -> Vec<(Timestamp, f64)> {
        let flag = |set: bool| f64::from(u8::from(set));
        let of_piece = |piece: &Piece| match measure {
            // At the same age only: see `at_the_same_age`.
            Measure::Outcomes => None,
            Measure::Demand => piece.volume.map(f64::ln_1p),
            Measure::Cut(phrase) => Some(flag(piece.cut.contains(phrase))),
            Measure::Edited => Some(flag(piece.author != Author::Generated)),
            Measure::OffAudience => Some(0.0),
            Measure::Person => None,
        };
        let mut values: Vec<(Timestamp, f64)> =
            self.pieces.iter().filter_map(|piece| Some((piece.at, of_piece(piece)?))).collect();
        if *measure == Measure::OffAudience {
            values.extend(self.turned.iter().map(|turned| (turned.at, flag(turned.failure == Some(Failure::OffAudience)))));
            values.order_by_key(|(at, _)| *at);
        }
        values
    }
}

impl History {
    /// Outcomes of pieces within as many days as `least` pieces after `since` have had, with those days: a piece that is a month old
    /// has brought more than one of a week. `None` where so few have had a day.
    pub fn at_the_same_age(&self, since: Timestamp, now: Timestamp, least: usize) -> Option<(f64, Vec<(Timestamp, f64)>)> {
        let old = |days: f64| self.counted().filter(move |piece| now.days_since(piece.at) >= days);
        let at = (0..SPANS.len()).rev().find(|at| old(SPANS[*at]).filter(|piece| piece.at > since).count() >= least)?;
        // Whose outcomes were counted without their times has no number here.
        let within = |piece: &Piece| piece.within.map(|within| within[at]).or((piece.outcomes == 0.0).then_some(0.0));
        Some((SPANS[at], old(SPANS[at]).filter_map(|piece| Some((piece.at, within(piece)?))).collect()))
    }
}

/// The outline that a person approved for a placement.
fn outline_of(placed: &Item, lineage: &dyn Lineage) -> Option<Box<Outline>> {
    let mut waiting: Vec<ItemId> = placed.parents.clone();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        let Some(item): Option<Arc<Item>> = lineage.item(&id).filter(|_| seen.insert(id)) else { continue };
        match &item.good {
            Good::Outline(outline) if outline.approved_by.is_some() => return Some(Box::new(outline.clone())),
            Good::Outline(_) | Good::Draft(_) | Good::Asset(_) | Good::Placement(_) => waiting.extend(&item.parents),
            _ => {}
        }
    }
    None
}

fn piece(
    item: ItemId,
    receipt: &Receipt,
    placement: &Placement,
    outline: Option<&Outline>,
    decisions: &[crate::client_os::Decision],
) -> Piece {
    let draft = &placement.draft;
    let change = |revision: &Revision, text: &str| match revision {
        // What was only kept from an earlier version was counted with that one.
        Revision::Edited { before, kept: false, .. } => Some((before.clone(), text.to_owned())),
        Revision::Edited { kept: true, .. } | Revision::Generated => None,
    };
    let edited: Vec<(String, String)> =
        [outline.and_then(|outline| change(&outline.revision, &outline.text)), change(&draft.revision, &draft.text)]
            .into_iter()
            .flatten()
            .collect();
    let kept = edited.iter().map(|(before, after)| edits::kept(before, after)).fold(1.0, f64::min);
    let mut cut: Vec<String> = edited.iter().flat_map(|(before, after)| edits::cut(before, after)).collect();
    cut.sort();
    cut.dedup();
    let mut failures: Vec<Failure> = draft.findings.iter().map(|finding| Failure::of_check(&finding.check)).collect();
    if edited.iter().any(|(before, after)| edits::corrects_a_fact(before, after)) {
        failures.push(Failure::FactualError);
    }
    failures.sort();
    failures.dedup();
    let folded = edits::folded(&draft.text);
    let by_hand = !edited.is_empty();
    let breaks = decisions
        .iter()
        .filter(|decision| by_hand && decision.forbids.iter().any(|phrase| edits::holds(&folded, &edits::folded(phrase))))
        .map(|decision| decision.name.clone())
        .collect();
    Piece {
        key: receipt.key.clone(),
        item,
        at: receipt.at,
        title: receipt.title.clone(),
        pillar: receipt.pillar.clone(),
        channel: receipt.channel.clone(),
        author: match edited.is_empty() {
            true => Author::Generated,
            false if kept < HUMAN_BELOW => Author::Person,
            false => Author::Assisted,
        },
        kept,
        cut,
        shape: edited.last().map(|(before, after)| (Shape::of(before), Shape::of(after))),
        volume: draft.brief.volume,
        passed: !by_hand && passed_by_a_person(draft),
        sample: edits::sample(&draft.text),
        failures,
        breaks,
        outcomes: 0.0,
        within: Some([0.0; SPANS.len()]),
        read: false,
    }
}

/// Approvals of a flag and of the clock are nobody's judgement.
fn passed_by_a_person(draft: &Draft) -> bool {
    let person = |by: &Option<String>| by.as_deref().is_some_and(|by| !matches!(by, "approve-all" | "clock" | "nobody"));
    person(&draft.approved_by) || (draft.approved_by.is_none() && person(&draft.outline_by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sorted_by_what_they_speak_of() {
        let cases = [
            ("This is for enterprise buyers, not our readers", Some(Failure::OffAudience)),
            ("the number is wrong", Some(Failure::FactualError)),
            ("sounds like marketing", Some(Failure::VoiceDrift)),
            ("we said this last month", Some(Failure::GenericAngle)),
            ("too long", Some(Failure::Form)),
            ("no", None),
            ("", None),
        ];
        for (reason, failure) in cases {
            assert_eq!(Failure::of_reason(reason), failure, "{reason}");
        }
    }
}
