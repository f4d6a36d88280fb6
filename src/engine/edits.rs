//! Edits as truth: what a person wrote into a piece stays when the piece is generated anew.
//!
//! A piece is generated again because it was sent back, because a template or the Client OS changed, or because its topic comes up
//! in a later cycle. Then the person's edit is merged into the new text: what they changed is kept word for word, what they left
//! alone becomes what the new text says. Where both differ the person wins, and a finding shows what the new text says instead.
//!
//! A version of a piece (`vary`, `personalize`, `adapt`) is a text of its own: its edits are kept under its topic and its name, which
//! is the same in every cycle.
//!
//! Which edit counts follows from the task's own ancestors and from what the cycle was opened with, so the order of answers
//! cannot matter.

use super::cycle::{Cycle, counted};
use crate::base::{ItemId, Shared, StepId, Timestamp};
use crate::builtin::production::checks::platform::check_text;
use crate::builtin::production::writing::title_of;
use crate::client_os::Snapshot;
use crate::model::goods::{Asset, Draft, Finding, Outline, Revision, TextEdit};
use crate::model::{Good, GoodKind, Item};
use crate::stats::merge::{Conflict, Merged, merge};
use crate::step::{Note, NoteLevel};
use std::collections::{BTreeMap, BTreeSet};

/// The name of findings about words that were kept against a new text.
pub const CHECK: &str = "edit";
/// So many edits are carried, the latest first.
const KEPT: usize = 1_000;
/// So much of a passage stands in a finding, in characters.
const SHOWN: usize = 160;

/// Edits by the step that writes, and the text: its topic, and for a version of a piece its name on a second line.
pub type Edits = BTreeMap<StepId, BTreeMap<String, TextEdit>>;

/// Title, text, revision, findings and brief of a text, whichever kind it is.
struct Text<'g> {
    title: &'g mut String,
    text: &'g mut String,
    revision: &'g mut Revision,
    findings: &'g mut Vec<Finding>,
}

fn text_of(good: &mut Good) -> Option<Text<'_>> {
    match good {
        Good::Outline(Outline { title, text, revision, findings, .. })
        | Good::Draft(Draft { title, text, revision, findings, .. })
        | Good::Asset(Asset { draft: Draft { title, text, revision, findings, .. }, .. }) => {
            Some(Text { title, text, revision, findings })
        }
        _ => None,
    }
}

/// The text of a good that a step writes, and what people did to it.
fn written(good: &Good) -> Option<(&str, &Revision)> {
    match good {
        Good::Outline(Outline { text, revision, .. })
        | Good::Draft(Draft { text, revision, .. })
        | Good::Asset(Asset { draft: Draft { text, revision, .. }, .. }) => Some((text, revision)),
        _ => None,
    }
}

/// The edit that a text carries.
fn edit_of(good: &Good) -> Option<TextEdit> {
    let (text, revision) = written(good)?;
    match revision {
        Revision::Edited { by, at, before, .. } => {
            Some(TextEdit { of: good.kind(), by: by.clone(), at: *at, before: before.clone(), after: text.to_owned() })
        }
        Revision::Generated => None,
    }
}

/// What an edit of this text is kept under: its topic, and for a version of a piece its name on a second line.
pub(super) fn text_name(good: &Good) -> Option<String> {
    match good {
        Good::Outline(outline) => Some(outline.brief.topic.clone()),
        Good::Draft(draft) => Some(draft.brief.topic.clone()),
        Good::Asset(asset) => Some(format!("{}\n{}", asset.draft.brief.topic, asset.version.name)),
        _ => None,
    }
}

/// Puts an edit into what was generated. `None` when nothing of it is left to keep.
fn kept(good: &Good, edit: &TextEdit, client_os: &Snapshot) -> Option<(Good, Vec<Conflict>)> {
    let mut good = good.clone();
    let platform = good.version().and_then(|version| version.platform.clone());
    let too_much = |text: &str| platform.as_deref().map_or_else(Vec::new, |platform| check_text(text, platform, client_os));
    let text = text_of(&mut good)?;
    let generated = std::mem::take(text.text);
    let mut merged = merge(&edit.before, &generated, &edit.after);
    if merged.text == generated.trim_end() {
        return None;
    }
    let mut over = too_much(&merged.text);
    // What both say is more than the platform takes; then the person's words stand alone.
    if !over.is_empty() && too_much(edit.after.trim_end()).is_empty() {
        let ours = edit.after.trim_end().to_owned();
        let conflict = Conflict { ours: ours.clone(), theirs: generated.clone() };
        (merged, over) = (Merged { text: ours, conflicts: vec![conflict] }, Vec::new());
    }
    if let Some(title) = title_of(&merged.text) {
        *text.title = title;
    }
    *text.findings = moved(text.findings, &generated, &merged.text);
    text.findings.extend(merged.conflicts.iter().map(|conflict| finding(conflict, &edit.by, &merged.text)));
    text.findings.retain(|finding| !over.contains(finding));
    text.findings.extend(over);
    *text.text = merged.text;
    *text.revision = Revision::Edited { by: edit.by.clone(), at: edit.at, before: generated, kept: true };
    Some((good, merged.conflicts))
}

/// Findings about passages that are still there, at their new places.
fn moved(findings: &[Finding], before: &str, after: &str) -> Vec<Finding> {
    let moved = |finding: &Finding| {
        let passage = before.get(finding.start as usize..finding.end as usize)?;
        // A finding about no passage is about the whole.
        if passage.is_empty() {
            return Some(finding.clone());
        }
        let start = after.find(passage)?;
        Some(placed(finding.clone(), after, start, passage.len()))
    };
    findings.iter().filter_map(moved).collect()
}

fn placed(finding: Finding, text: &str, start: usize, length: usize) -> Finding {
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Finding {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().count() as u32 + 1,
        start: start as u32,
        end: (start + length) as u32,
        ..finding
    }
}

fn finding(conflict: &Conflict, by: &str, text: &str) -> Finding {
    let short = |passage: &str| {
        let passage = passage.split_whitespace().collect::<Vec<_>>().join(" ");
        match passage.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &passage[..at]),
            None => passage,
        }
    };
    let message = match (conflict.ours.is_empty(), conflict.theirs.is_empty()) {
        (true, _) => format!("{by} took this out, and the new text says “{}”", short(&conflict.theirs)),
        (false, true) => format!("the words of {by} stand here, and the new text leaves the passage out"),
        (false, false) => format!("the words of {by} stand here, and the new text says “{}”", short(&conflict.theirs)),
    };
    let finding = Finding { check: CHECK.to_owned(), line: 1, column: 1, start: 0, end: 0, message, fix: None, blocking: false };
    match text.find(&conflict.ours).filter(|_| !conflict.ours.is_empty()) {
        Some(start) => placed(finding, text, start, conflict.ours.len()),
        None => finding,
    }
}

impl Cycle {
    /// What a step generated, with the words that people wrote into an earlier version of it.
    pub(super) fn keep_edits(&self, task: usize, good: Good, notes: &mut Vec<Note>) -> Good {
        let is_new = matches!(written(&good), Some((_, Revision::Generated)));
        let step = self.fold.tasks.get(task).step;
        if !is_new || !self.fold.shape.steps[step].spec().generates {
            return good;
        }
        let Some(edit) = self.edit_for(task, &good) else { return good };
        let Some((good, conflicts)) = kept(&good, &edit, self.client_os()) else { return good };
        let (level, differs) = match conflicts.len() {
            0 => (NoteLevel::Info, String::new()),
            n => (NoteLevel::Warning, format!("; the new text differs in {}, which stand with the piece", counted(n, "place"))),
        };
        let text = format!("“{}” keeps the words of {}{differs}.", good.title(), edit.by);
        notes.push(Note { level, text, place: None });
        good
    }

    /// What memory gives for a task, when a person has edited it since.
    pub(super) fn recalled_with_edits(&self, task: usize, items: Vec<Shared<Item>>, notes: &mut Vec<Note>) -> Vec<Shared<Item>> {
        let step = self.fold.tasks.get(task).step;
        if !self.fold.shape.steps[step].spec().generates {
            return items;
        }
        let again = |item: &Item| {
            let edit = self.edit_for(task, &item.good)?;
            if edit_of(&item.good).is_some_and(|known| (&known.by, known.at) == (&edit.by, edit.at)) {
                return None;
            }
            let mut good = item.good.clone();
            let text = text_of(&mut good)?;
            if let Revision::Edited { before, .. } = std::mem::replace(text.revision, Revision::Generated) {
                *text.text = before;
                text.findings.clear();
            }
            let (good, _) = kept(&good, &edit, self.client_os())?;
            let text = format!("“{}” keeps the words of {}.", good.title(), edit.by);
            Some((
                Shared::new(Item::new(good, item.parents.clone(), item.made_by.clone())),
                Note { level: NoteLevel::Info, text, place: None },
            ))
        };
        let mut recalled = Vec::with_capacity(items.len());
        for item in items {
            match again(&item) {
                Some((item, note)) => {
                    recalled.push(item);
                    notes.push(note);
                }
                None => recalled.push(item),
            }
        }
        recalled
    }

    /// The last edit of an earlier version of a text: among the ancestors of its task, in what people said when they sent it
    /// back, and in what was carried from earlier cycles.
    fn edit_for(&self, task: usize, good: &Good) -> Option<TextEdit> {
        let record = self.fold.tasks.get(task);
        let mut last: Option<TextEdit> = None;
        let mut take = |edit: TextEdit| {
            if edit.of == good.kind() && last.as_ref().is_none_or(|known| edit.at >= known.at) {
                last = Some(edit);
            }
        };
        let name = text_name(good);
        let carried = self.fold.carry.edits.get(&record.id.step).and_then(|texts| texts.get(name.as_ref()?));
        carried.cloned().into_iter().for_each(&mut take);
        let before = self.fold.items.ancestors(record.inputs.iter().map(|item| &**item));
        for item in before.iter().chain(&record.inputs) {
            // An outline that a draft is written from is no earlier version of the draft, and a version of a piece none of its sibling.
            if text_name(&item.good) == name && self.writer_of(item).as_ref() == Some(&record.id.step) {
                edit_of(&item.good).into_iter().for_each(&mut take);
            }
        }
        let wishes = match good {
            Good::Outline(outline) => &outline.brief.wishes,
            good => good.piece().map_or(&[][..], |draft| &draft.brief.wishes),
        };
        let version = good.version().map(|version| version.name.as_str());
        let about_it = wishes.iter().filter(|wish| wish.version.as_deref() == version);
        about_it.filter_map(|wish| wish.edit.clone()).for_each(&mut take);
        last
    }

    /// The step that wrote a text, behind the gates that it passed.
    pub(super) fn writer_of(&self, item: &Item) -> Option<StepId> {
        let kind = item.kind();
        if !matches!(kind, GoodKind::Outline | GoodKind::Draft | GoodKind::Asset) {
            return None;
        }
        let generates = |id: &StepId| self.fold.shape.plan.index(id).is_some_and(|at| self.fold.shape.steps[at].spec().generates);
        let (mut seen, mut at) = (BTreeSet::<ItemId>::new(), item);
        while !generates(&at.made_by) {
            let same = |parent: &ItemId| self.fold.items.get(parent).filter(|parent| parent.kind() == kind);
            at = at.parents.iter().filter(|parent| seen.insert(**parent)).find_map(same)?;
        }
        Some(at.made_by.clone())
    }

    /// The edits that the next cycle knows: those of earlier ones, and what people wrote in this one.
    pub(super) fn edits_out(&self) -> Edits {
        let mut edits = self.fold.carry.edits.clone();
        for item in self.fold.items.iter() {
            let (Some(edit), Some(name)) = (edit_of(&item.good), text_name(&item.good)) else { continue };
            let Some(writer) = self.writer_of(item) else { continue };
            let texts = edits.entry(writer).or_default();
            // Of two states with one edit the later one is behind the other: it has the newer text below it.
            if texts.get(&name).is_none_or(|known| edit.at >= known.at) {
                texts.insert(name, edit);
            }
        }
        let mut times: Vec<Timestamp> = edits.values().flat_map(BTreeMap::values).map(|edit| edit.at).collect();
        if times.len() > KEPT {
            times.sort_unstable();
            let oldest = times[times.len() - KEPT];
            edits.values_mut().for_each(|texts| texts.retain(|_, edit| edit.at >= oldest));
            edits.retain(|_, texts| !texts.is_empty());
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::simulation::*;
    use crate::engine::testing::*;
    use crate::engine::*;
    use crate::model::Workflow;
    use crate::step::{Decision, Verdict};

    fn edited(simulation: &mut Simulation, gate: &OpenGate, text: &str, by: &str) {
        let verdict = Verdict::Edit { text: text.to_owned() };
        let decision = Decision::new(verdict, by, NOW, gate.approve.pins);
        decide(simulation, &gate.key, decision);
    }

    fn loop_of(tone: i64) -> Workflow {
        workflow(vec![
            step("read", "a", &[], &[("count", 1)]),
            step("write", "outlines", &["a"], &[("prose", 1), ("tone", tone)]),
            step("gate", "editor", &["outlines"], &[]),
        ])
    }

    fn shown(simulation: &Simulation) -> String {
        simulation.cycle.gates()[0].approve.text.clone()
    }

    fn opened(workflow: Workflow, carry: Carry, cycle: u32) -> Simulation {
        let mut simulation = Simulation::new(workflow, carry, cycle, 1);
        simulation.event(Event::Start);
        answer_all(&mut simulation);
        simulation
    }

    #[test]
    fn a_persons_words_stay_when_the_same_topic_comes_up_in_later_cycles() {
        let mut first = opened(loop_of(0), Carry::default(), 1);
        let generated = shown(&first);
        assert!(generated.contains("The facts, in tone 0."), "{generated}");
        let mine = generated.replace("Call us.", "Call Ann.");
        let gate = first.cycle.gates().remove(0);
        edited(&mut first, &gate, &mine, "ann");
        assert!(first.finished);
        assert_eq!(first.carry().edits[&"outlines".into()]["a-0"].after, mine);

        // Nothing changed: the text comes from memory, with the edit in it.
        let second = opened(loop_of(0), first.carry(), 2);
        assert_eq!(shown(&second), mine);
        assert!(second.world.performed.keys().all(|key| key.task.step.as_str() != "outlines"), "nothing is paid for again");

        // A changed setting writes anew; what the person did not touch is new, what they wrote stays.
        let mut third = opened(loop_of(1), first.carry(), 2);
        assert_eq!(shown(&third), mine.replace("tone 0", "tone 1"));
        assert!(third.recover().fold == third.cycle.fold);
        // It passes the gate as it is, and the next cycle still knows whose words these are.
        let gate = third.cycle.gates().remove(0);
        decide(&mut third, &gate.key, yes(&gate, NOW));
        let edit = third.carry().edits[&"outlines".into()]["a-0"].clone();
        assert_eq!((edit.by.as_str(), edit.after), ("ann", mine.replace("tone 0", "tone 1")));
        let fourth = opened(loop_of(2), third.carry(), 3);
        assert_eq!(shown(&fourth), mine.replace("tone 0", "tone 2"));
    }

    #[test]
    fn where_both_changed_the_person_wins_and_it_is_shown() {
        let mut first = opened(loop_of(0), Carry::default(), 1);
        let mine = shown(&first).replace("The facts, in tone 0.", "The facts, in my own tone 0.");
        let gate = first.cycle.gates().remove(0);
        edited(&mut first, &gate, &mine, "ann");
        let second = opened(loop_of(1), first.carry(), 2);
        assert_eq!(shown(&second), mine);
        let made = second.cycle.outputs(&"outlines".into());
        let Good::Outline(outline) = &made[0].good else { panic!("an outline") };
        let [finding] = &outline.findings[..] else { panic!("one conflict: {:?}", outline.findings) };
        assert_eq!(finding.message, "the words of ann stand here, and the new text says “The facts, in tone 1.”");
        assert_eq!(&outline.text[finding.start as usize..finding.end as usize], "The facts, in my own tone 0.");
        assert_eq!(finding.check, CHECK);
        let notes: Vec<String> = second.cycle.notes().into_iter().map(|(_, note)| note.text).collect();
        assert!(notes.iter().any(|note| note.contains("keeps the words of ann; the new text differs in 1 place")), "{notes:?}");
    }

    #[test]
    fn replays_and_crashes_keep_edits_the_same() {
        let mut first = opened(loop_of(0), Carry::default(), 1);
        let mine = shown(&first).replace("Call us.", "Call Ann.");
        let gate = first.cycle.gates().remove(0);
        edited(&mut first, &gate, &mine, "ann");
        let clean = Simulation::new(loop_of(1), first.carry(), 2, 3).run();
        for seed in 0..20 {
            let mut crashing = Simulation::new(loop_of(1), first.carry(), 2, seed);
            crashing.crash_chance = 0.1;
            assert_eq!(crashing.run().outcome(), clean.outcome(), "seed {seed}");
        }
        let replayed = replay(clean.workflow.clone(), registry(), clean.client_os.clone(), &clean.journal).expect("its own");
        assert!(replayed.differences.is_empty(), "{:?}", replayed.differences);
    }
}
