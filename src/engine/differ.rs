//! Where two journals of one cycle differ, in words with places in them: `drafts, d-7f3a1c: item 1, good.text`.
//!
//! Order is left out on purpose: two runs of one cycle may write the same things down in another order, since a restart
//! begins where the journal ends. What each task gave, what was used of each cap and what was handed on is compared to
//! the bit.

use super::carry::Carry;
use super::entry::Entry;
use crate::base::{Digest, ItemId, StepId, TaskId};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// So many characters of a value are shown.
const SHOWN: usize = 100;
/// So many of them stand before the place where two long values part.
const BEFORE: usize = 30;

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// The item that the task worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// `outcome`, `item 1, good.text`, `state`, `memo`, `carry.parameters.…`, `cap …`, `request`.
    pub part: String,
    pub recorded: String,
    pub replayed: String,
}

/// What is different in `replayed`, in the order of `recorded`. When the recorded cycle is not `closed`, more may stand in
/// the replay: the journal ends somewhere.
pub fn differences(recorded: &[Entry], replayed: &[Entry], closed: bool) -> Vec<Difference> {
    let ends = ends(replayed);
    let mut found = Vec::new();
    // Every task has one after an update of the program, so it is said once.
    let mut memos: Vec<(TaskId, Digest, Digest)> = Vec::new();
    let mut known: BTreeMap<&TaskId, ()> = BTreeMap::new();
    for entry in recorded {
        if let Some(task) = ended(entry) {
            known.insert(task, ());
            match ends.get(task) {
                None => found.push(of_task(task, "outcome", says(entry), "did not come to an end".to_owned())),
                Some(other) => compare(task, entry, other, &mut found, &mut memos),
            }
        }
        if let Entry::Closed { carry, .. } = entry {
            match replayed.iter().find_map(|entry| if let Entry::Closed { carry, .. } = entry { Some(carry) } else { None }) {
                Some(other) => compare_carry(carry, other, &mut found),
                None => found.push(of_cycle("end", "closed".to_owned(), "did not close".to_owned())),
            }
        }
    }
    if closed {
        let more = ends.iter().filter(|(task, _)| !known.contains_key(*task));
        found.extend(more.map(|(task, entry)| of_task(task, "outcome", "nothing of it".to_owned(), says(entry))));
    }
    compare_caps(recorded, replayed, closed, &mut found);
    if let Some((task, old, new)) = memos.first() {
        let many = memos.len();
        let part = format!("memo ({many} {})", if many == 1 { "task" } else { "tasks" });
        found.push(of_task(task, &part, old.short(12), new.short(12)));
    }
    found
}

fn ended(entry: &Entry) -> Option<&TaskId> {
    match entry {
        Entry::Done { task, .. } | Entry::Failed { task, .. } | Entry::Deferred { task, .. } => Some(task),
        _ => None,
    }
}

fn ends(entries: &[Entry]) -> BTreeMap<&TaskId, &Entry> {
    entries.iter().filter_map(|entry| Some((ended(entry)?, entry))).collect()
}

fn says(entry: &Entry) -> String {
    match entry {
        Entry::Done { items, .. } if items.len() == 1 => "gave 1 item".to_owned(),
        Entry::Done { items, .. } => format!("gave {} items", items.len()),
        Entry::Failed { message, .. } => format!("failed: {}", cut(message, 0)),
        Entry::Deferred { reason, .. } => format!("was deferred: {}", cut(reason, 0)),
        _ => String::new(),
    }
}

fn of_task(task: &TaskId, part: &str, recorded: String, replayed: String) -> Difference {
    Difference { step: Some(task.step.clone()), item: task.item, part: part.to_owned(), recorded, replayed }
}

fn of_cycle(part: &str, recorded: String, replayed: String) -> Difference {
    Difference { step: None, item: None, part: part.to_owned(), recorded, replayed }
}

fn compare(
    task: &TaskId,
    recorded: &Entry,
    replayed: &Entry,
    found: &mut Vec<Difference>,
    memos: &mut Vec<(TaskId, Digest, Digest)>,
) {
    let (
        Entry::Done { items, state, headline, notes, parameters, memo, recalled, .. },
        Entry::Done {
            items: items_now,
            state: state_now,
            headline: headline_now,
            notes: notes_now,
            parameters: parameters_now,
            memo: memo_now,
            recalled: recalled_now,
            ..
        },
    ) = (recorded, replayed)
    else {
        let (old, new) = (says(recorded), says(replayed));
        if recorded != replayed {
            found.push(of_task(task, "outcome", old, new));
        }
        return;
    };
    let at = found.len();
    let mut part = |part: &str, old: Value, new: Value| {
        if let Some((path, old, new)) = first_difference(&old, &new) {
            let part = if path.is_empty() { part.to_owned() } else { format!("{part}, {path}") };
            found.push(of_task(task, &part, old, new));
        }
    };
    if items.len() != items_now.len() {
        part("items", items.len().into(), items_now.len().into());
    }
    for (place, (old, new)) in items.iter().zip(items_now).enumerate() {
        if old != new {
            part(&format!("item {}", place + 1), value(old), value(new));
        }
    }
    part("recalled", (*recalled).into(), (*recalled_now).into());
    part("headline", value(headline), value(headline_now));
    part("notes", value(notes), value(notes_now));
    part("state", value(state), value(state_now));
    part("parameters", value(parameters), value(parameters_now));
    if found.len() == at && memo != memo_now {
        memos.push((task.clone(), *memo, *memo_now));
    }
}

fn compare_carry(recorded: &Carry, replayed: &Carry, found: &mut Vec<Difference>) {
    let (Value::Object(old), Value::Object(new)) = (value(recorded), value(replayed)) else { return };
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    for name in names {
        let none = Value::Null;
        let (old, new) = (old.get(name).unwrap_or(&none), new.get(name).unwrap_or(&none));
        if let Some((path, old, new)) = first_difference(old, new) {
            found.push(of_cycle(format!("carry.{name} {path}").trim_end(), old, new));
        }
    }
}

/// Amounts by cap, window and task, in the order in which they were set.
type Amounts<'a> = BTreeMap<(&'a str, &'a str, &'a TaskId, bool), Vec<i64>>;

fn amounts(entries: &[Entry]) -> Amounts<'_> {
    let mut amounts = Amounts::new();
    for entry in entries {
        match entry {
            Entry::Reserved { cap, window, task, amount, .. } => {
                amounts.entry((cap, window, task, false)).or_default().push(*amount);
            }
            Entry::Settled { cap, window, task, amount } => {
                amounts.entry((cap, window, task, true)).or_default().push(*amount);
            }
            _ => {}
        }
    }
    amounts
}

fn compare_caps(recorded: &[Entry], replayed: &[Entry], closed: bool, found: &mut Vec<Difference>) {
    let (old, new) = (amounts(recorded), amounts(replayed));
    let show = |amounts: &[i64]| amounts.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    for (key, amounts) in &old {
        let now = new.get(key).map_or(&[][..], Vec::as_slice);
        let same = if closed { now == amounts.as_slice() } else { now.starts_with(amounts) };
        if !same {
            let (cap, window, task, settled) = key;
            let word = if *settled { "settled" } else { "reserved" };
            found.push(of_task(task, &format!("cap {cap} in {window}, {word}"), show(amounts), show(now)));
        }
    }
    for (key, now) in new.iter().filter(|(key, _)| closed && !old.contains_key(*key)) {
        let (cap, window, task, settled) = key;
        let word = if *settled { "settled" } else { "reserved" };
        found.push(of_task(task, &format!("cap {cap} in {window}, {word}"), String::new(), show(now)));
    }
}

fn value<T: Serialize>(thing: &T) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// The first place where two values part, with what stands there in each.
fn first_difference(old: &Value, new: &Value) -> Option<(String, String, String)> {
    if old == new {
        return None;
    }
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            let none = Value::Null;
            names
                .filter_map(|name| {
                    let (path, old, new) = first_difference(a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none))?;
                    Some((joined(name, &path), old, new))
                })
                // The id of an item is a digest of the rest: the rest tells more.
                .min_by_key(|(path, ..)| path == "id")
        }
        (Value::Array(a), Value::Array(b)) => {
            let at = a.iter().zip(b).position(|(a, b)| a != b);
            match at {
                Some(at) => {
                    first_difference(&a[at], &b[at]).map(|(path, old, new)| (joined(&format!("{}", at + 1), &path), old, new))
                }
                None => Some((String::new(), format!("{} of them", a.len()), format!("{} of them", b.len()))),
            }
        }
        (Value::String(a), Value::String(b)) => {
            let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
            Some((String::new(), cut(a, same), cut(b, same)))
        }
        (a, b) => Some((String::new(), cut(&a.to_string(), 0), cut(&b.to_string(), 0))),
    }
}

fn joined(name: &str, path: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") }
}

/// A piece of a text around the place where it parts from another.
fn cut(text: &str, parts_at: usize) -> String {
    let skip = parts_at.saturating_sub(BEFORE);
    let mut piece: String = text.chars().skip(skip).take(SHOWN).collect();
    if skip > 0 {
        piece.insert(0, '…');
    }
    if text.chars().count() > skip + SHOWN {
        piece.push('…');
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(step: &str, headline: &str, memo: &str) -> Entry {
        Entry::Done {
            task: TaskId { step: StepId::new(step), item: None },
            items: Vec::new(),
            state: Some(serde_json::json!({"seen": ["a", headline]})),
            headline: None,
            notes: Vec::new(),
            parameters: Vec::new(),
            back: None,
            memo: Digest::of(memo),
            recalled: false,
        }
    }

    #[test]
    fn the_order_of_entries_is_no_difference_and_a_changed_value_is_told_with_its_place() {
        let (one, two) = (done("a", "x", "m"), done("b", "x", "m"));
        assert_eq!(differences(&[one.clone(), two.clone()], &[two.clone(), one.clone()], true), []);
        let found = differences(&[one.clone(), two.clone()], &[one, done("b", "y", "m")], true);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].part.as_str(), found[0].recorded.as_str(), found[0].replayed.as_str()), ("state, seen.2", "x", "y"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_told_and_an_open_cycle_may_go_further() {
        let (one, two) = (done("a", "x", "m"), done("b", "x", "m"));
        assert_eq!(differences(&[one.clone(), two.clone()], std::slice::from_ref(&one), true).len(), 1);
        assert_eq!(differences(std::slice::from_ref(&one), &[one.clone(), two.clone()], true).len(), 1);
        assert_eq!(differences(std::slice::from_ref(&one), &[one.clone(), two], false), []);
    }

    #[test]
    fn another_program_is_one_difference_and_not_one_for_each_task() {
        let found = differences(&[done("a", "x", "1"), done("b", "x", "1")], &[done("a", "x", "2"), done("b", "x", "2")], true);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].part, "memo (2 tasks)");
    }

    #[test]
    fn long_texts_are_shown_where_they_part() {
        let (old, new) = ("a".repeat(500) + "old end", "a".repeat(500) + "new end");
        let (_, old, new) = first_difference(&Value::from(old), &Value::from(new)).unwrap();
        assert!(old.starts_with('…') && old.ends_with("old end") && new.ends_with("new end"), "{old} {new}");
    }
}
