//! Caps on what one person gets: who was written to how often, and who has room for one more.
//!
//! People are keyed digests. A cap counts in the window in which a piece is addressed, by the clock on the wall and in the
//! workflow's time zone, because what a person remembers is when the letter came and not which cycle it was of. A piece that
//! certainly did not go out takes its count back; one in doubt keeps it. Counts are carried from cycle to cycle like those of
//! other caps, and counted over cycles that are open beside each other; see [`super::beside`].

use super::entry::Entry;
use super::fold::probed_key;
use crate::base::{RequestKey, Timestamp};
use crate::builtin::common::channels;
use crate::model::{CapUnit, Scalar, Window, Workflow};
use crate::step::{Audience, Failure, FailureKind, People, Reply};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Windows that are kept of each cap beside those in use, so that a clock that is set back finds its count again.
const WINDOWS_KEPT: usize = 8;

/// How often one person may get something: over all channels, or over one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonCap {
    /// `workflow` or `channel letters`.
    pub owner: String,
    pub most: u32,
    pub per: Window,
}

impl PersonCap {
    /// The name under which it is counted.
    fn name(&self) -> String {
        format!("{} {}", self.owner, self.per)
    }

    /// Why somebody is left out: `already written to twice this week`.
    pub fn says(&self) -> String {
        let times = match self.most {
            1 => String::new(),
            2 => " twice".to_owned(),
            most => format!(" {most} times"),
        };
        let when = match self.per {
            Window::Day => "today".to_owned(),
            per => format!("this {per}"),
        };
        let place = self.owner.strip_prefix("channel ").map_or_else(String::new, |channel| format!(" on `{channel}`"));
        format!("already written to{times}{place} {when}")
    }
}

/// The caps on what a person gets over one channel; none where the channel does not know its readers.
pub fn of_channel(workflow: &Workflow, channel: &str) -> Vec<PersonCap> {
    let Some(found) = workflow.channels.get(channel).filter(|channel| channels::knows_its_readers(&channel.kind)) else {
        return Vec::new();
    };
    let shared = workflow.caps.iter().filter(|cap| cap.unit == CapUnit::Sends);
    let shared = shared.map(|cap| PersonCap {
        owner: cap.key.clone(),
        most: u32::try_from(cap.most.max(0)).unwrap_or(u32::MAX),
        per: cap.per,
    });
    let own = found.config.all("sends").filter_map(|node| {
        let most = node.arg().and_then(Scalar::integer)?;
        let per = node.prop("per").and_then(Scalar::text).and_then(Window::parse)?;
        Some(PersonCap { owner: format!("channel {channel}"), most: u32::try_from(most.max(0)).unwrap_or(u32::MAX), per })
    });
    shared.chain(own).collect()
}

/// All caps on people of a workflow, each once.
pub fn of_workflow(workflow: &Workflow) -> Vec<PersonCap> {
    let mut caps: Vec<PersonCap> = Vec::new();
    for channel in workflow.channels.keys() {
        for cap in of_channel(workflow, channel) {
            if !caps.contains(&cap) {
                caps.push(cap);
            }
        }
    }
    caps
}

/// How often people were written to in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
struct Count {
    /// The key of the digests.
    key: String,
    times: BTreeMap<u64, u32>,
}

/// As it is written down: whom once, whom twice …
#[derive(Serialize, Deserialize)]
struct Stored {
    key: String,
    times: BTreeMap<u32, People>,
}

impl From<Stored> for Count {
    fn from(stored: Stored) -> Count {
        let times = stored.times.iter().flat_map(|(times, people)| people.iter().map(move |person| (person, *times))).collect();
        Count { key: stored.key, times }
    }
}

impl From<Count> for Stored {
    fn from(count: Count) -> Stored {
        let mut times: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for (person, often) in count.times {
            times.entry(often).or_default().push(person);
        }
        Stored { key: count.key, times: times.into_iter().map(|(often, people)| (often, People::new(people))).collect() }
    }
}

/// Who was written to how often, by the name of a cap and by window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Written(BTreeMap<String, BTreeMap<String, Count>>);

impl Written {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn count(&self, cap: &str, window: &str) -> Option<&Count> {
        self.0.get(cap)?.get(window)
    }

    /// How often a person was written to in a window.
    pub fn times(&self, cap: &str, window: &str, person: u64) -> u32 {
        self.count(cap, window).and_then(|count| count.times.get(&person)).copied().unwrap_or(0)
    }

    fn add(&mut self, cap: &str, window: &str, key: &str, people: impl Iterator<Item = (u64, u32)>) {
        let mut people = people.peekable();
        if people.peek().is_none() {
            return;
        }
        let count = self.0.entry(cap.to_owned()).or_default().entry(window.to_owned()).or_default();
        if count.key != key {
            // Digests of another key are of other people as far as anybody can tell, so they do not add up.
            *count = Count { key: key.to_owned(), times: BTreeMap::new() };
        }
        people.for_each(|(person, times)| *count.times.entry(person).or_default() += times);
    }

    fn take_back(&mut self, cap: &str, window: &str, people: &People) {
        let Some(windows) = self.0.get_mut(cap) else { return };
        if let Some(count) = windows.get_mut(window) {
            for person in people.iter() {
                if let Some(times) = count.times.get_mut(&person) {
                    *times = times.saturating_sub(1);
                }
            }
            count.times.retain(|_, times| *times > 0);
        }
        windows.retain(|_, count| !count.times.is_empty());
        self.0.retain(|_, windows| !windows.is_empty());
    }

    /// Adds all of another one.
    pub fn add_all(&mut self, other: &Written) {
        for (cap, windows) in &other.0 {
            for (window, count) in windows {
                self.add(cap, window, &count.key, count.times.iter().map(|(person, times)| (*person, *times)));
            }
        }
    }

    /// Adds what `done` has more than `base`.
    pub fn add_difference(&mut self, base: &Written, done: &Written) {
        for (cap, windows) in &done.0 {
            for (window, count) in windows {
                let more = count.times.iter().filter_map(|(person, times)| {
                    let more = times.saturating_sub(base.times(cap, window, *person));
                    (more > 0).then_some((*person, more))
                });
                self.add(cap, window, &count.key, more);
            }
        }
    }

    /// Forgets windows that are long over, except those that `own` counts in.
    fn prune(&mut self, own: &Written) {
        for (cap, windows) in &mut self.0 {
            let too_many = windows.len().saturating_sub(WINDOWS_KEPT);
            let over: Vec<String> =
                windows.keys().filter(|window| own.count(cap, window).is_none()).take(too_many).cloned().collect();
            over.iter().for_each(|window| drop(windows.remove(window)));
        }
    }

    /// How many people were written to in a window, and how many of them may get nothing more in it.
    pub fn standing(&self, cap: &PersonCap, window: &str) -> (usize, usize) {
        self.count(&cap.name(), window)
            .map_or((0, 0), |count| (count.times.len(), count.times.values().filter(|times| **times >= cap.most).count()))
    }
}

/// What one cycle itself has addressed, and to whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sends {
    own: Arc<Written>,
    /// Pieces that are addressed and of which it is not certain that they did not go out.
    open: BTreeMap<RequestKey, Addressed>,
}

/// To whom a piece goes, as the journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressed {
    /// What the list of the channel said.
    pub audience: Audience,
    /// Who is left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(People, String)>,
    /// The caps that it counts under, each with its window.
    pub counts: Vec<(String, String)>,
}

impl Addressed {
    /// Who gets it.
    pub fn people(&self) -> People {
        let is_out = |person: &u64| self.left_out.iter().any(|(people, _)| people.has(*person));
        People::new(self.audience.people.iter().filter(|person| !is_out(person)))
    }
}

impl Sends {
    pub fn of(entries: &[Entry]) -> Sends {
        let mut sends = Sends::default();
        entries.iter().for_each(|entry| sends.apply(entry));
        sends
    }

    /// Folds an entry in. Entries that do not speak of people change nothing.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Addressed { key, to } => {
                self.release(key);
                let people = to.people();
                // Nobody may get it, so it waits and is addressed anew; the journal has the list for a replay.
                if people.is_empty() && !to.audience.people.is_empty() {
                    return;
                }
                let own = Arc::make_mut(&mut self.own);
                for (cap, window) in &to.counts {
                    own.add(cap, window, &to.audience.key, people.iter().map(|person| (person, 1)));
                }
                self.open.insert(key.clone(), Addressed::clone(to));
            }
            Entry::Replied { key, reply } if !self.open.is_empty() => match (probed_key(key), reply) {
                (Some(publish), Reply::Placed(None)) => self.release(&publish),
                (None, Reply::Failed(Failure { kind, .. })) if *kind != FailureKind::InDoubt => self.release(key),
                _ => {}
            },
            _ => {}
        }
    }

    /// It certainly did not go out.
    fn release(&mut self, key: &RequestKey) {
        let Some(to) = self.open.remove(key) else { return };
        let (people, own) = (to.people(), Arc::make_mut(&mut self.own));
        to.counts.iter().for_each(|(cap, window)| own.take_back(cap, window, &people));
    }

    pub fn to(&self, key: &RequestKey) -> Option<&Addressed> {
        self.open.get(key)
    }

    /// What it counts itself, without what earlier cycles handed on.
    pub fn own(&self) -> &Arc<Written> {
        &self.own
    }

    /// With what earlier cycles counted: what goes to the next one.
    pub fn together(&self, before: &Written) -> Written {
        let mut all = before.clone();
        all.add_all(&self.own);
        all.prune(&self.own);
        all
    }
}

/// How a piece is addressed.
#[derive(Clone, Debug, PartialEq)]
pub enum Addressing {
    To(Addressed),
    /// Nobody of the audience may get it now: why it waits, a sentence without its period.
    Nobody(Addressed, String),
}

/// Addresses a piece: everybody in the audience who has room under every cap.
pub fn address(
    channel: &str,
    audience: Audience,
    caps: &[PersonCap],
    zone: &jiff::tz::TimeZone,
    counted: &[&Written],
) -> Addressing {
    let window = |cap: &PersonCap, at: Timestamp| cap.per.key(at, zone, crate::base::CycleNo(0));
    let counts: Vec<(String, String)> = caps.iter().map(|cap| (cap.name(), window(cap, audience.at))).collect();
    let is_of_other_key = |(cap, window): &(String, String)| {
        counted.iter().any(|written| written.count(cap, window).is_some_and(|count| count.key != audience.key))
    };
    if let Some((_, window)) = counts.iter().find(|count| is_of_other_key(count)) {
        let why = format!(
            "who was written to in {window} is not known, because people were counted with another key than `people.key` of the state folder"
        );
        let left_out = vec![(audience.people.clone(), why.clone())];
        return Addressing::Nobody(Addressed { audience, left_out, counts: Vec::new() }, why);
    }
    let full = |person: u64| {
        caps.iter().zip(&counts).position(|(cap, (name, window))| {
            let times: u32 = counted.iter().map(|written| written.times(name, window, person)).sum();
            times >= cap.most
        })
    };
    let mut out: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for person in audience.people.iter() {
        if let Some(cap) = full(person) {
            out.entry(cap).or_default().push(person);
        }
    }
    let left_out: Vec<(People, String)> = out.into_iter().map(|(cap, people)| (People::new(people), caps[cap].says())).collect();
    let many: usize = left_out.iter().map(|(people, _)| people.len()).sum();
    if many > 0 && many == audience.people.len() {
        let whys: Vec<&str> = left_out.iter().map(|(_, why)| why.as_str()).collect();
        let (all, were) = if many == 1 { ("the one person".to_owned(), "was") } else { (format!("all {many} people"), "were") };
        let why = format!("{all} of `{channel}` {were} {}", whys.join(" or "));
        return Addressing::Nobody(Addressed { audience, left_out, counts: Vec::new() }, why);
    }
    let mut once = counts;
    once.sort_unstable();
    once.dedup();
    Addressing::To(Addressed { audience, left_out, counts: once })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CycleNo, Rng, TaskId};
    use crate::engine::beside::{Passed, next_carry};
    use crate::engine::{Carry, OwnUse};
    use jiff::tz::TimeZone;

    const NOON: &str = "2026-11-25T12:00:00Z";

    fn at(time: &str) -> Timestamp {
        Timestamp::parse(time).expect("a time")
    }

    fn audience(count: u64, at: Timestamp) -> Audience {
        Audience { people: People::new(1..=count), key: "k".to_owned(), at }
    }

    fn cap(owner: &str, most: u32, per: Window) -> PersonCap {
        PersonCap { owner: owner.to_owned(), most, per }
    }

    fn key(n: u32) -> RequestKey {
        RequestKey { cycle: CycleNo(1), task: TaskId { step: "send".into(), item: None }, turn: n, index: 0 }
    }

    /// Addresses one piece and writes it down.
    fn send(entries: &mut Vec<Entry>, caps: &[PersonCap], audience: Audience) -> Result<Addressed, String> {
        let sends = Sends::of(entries);
        match address("letters", audience, caps, &TimeZone::UTC, &[sends.own()]) {
            Addressing::To(to) => {
                entries.push(Entry::Addressed { key: key(entries.len() as u32), to: Box::new(to.clone()) });
                Ok(to)
            }
            Addressing::Nobody(_, why) => Err(why),
        }
    }

    #[test]
    fn whoever_is_over_a_cap_is_left_out_with_the_reason_and_when_all_are_the_piece_waits() {
        let caps = [cap("workflow", 2, Window::Week), cap("channel letters", 1, Window::Day)];
        let mut entries = Vec::new();
        assert_eq!(send(&mut entries, &caps, audience(2, at("2026-11-23T09:00:00Z"))).unwrap().people().len(), 2);
        // Two more have joined; the first two had theirs today.
        let second = send(&mut entries, &caps, audience(4, at("2026-11-23T15:00:00Z"))).unwrap();
        assert_eq!(second.people(), People::new([3, 4]));
        assert_eq!(second.left_out, [(People::new([1, 2]), "already written to on `letters` today".to_owned())]);
        assert_eq!(send(&mut entries, &caps, audience(4, at("2026-11-24T09:00:00Z"))).unwrap().people().len(), 4);
        let why = send(&mut entries, &caps, audience(4, at("2026-11-25T09:00:00Z"))).unwrap_err();
        assert_eq!(why, "all 4 people of `letters` were already written to twice this week");
        assert!(send(&mut entries, &caps, audience(4, at("2026-11-30T00:00:00Z"))).is_ok(), "a new week");
    }

    #[test]
    fn what_certainly_did_not_go_out_gives_its_count_back_and_what_is_in_doubt_does_not() {
        let caps = [cap("workflow", 1, Window::Day)];
        let failed = |kind| Reply::Failed(Failure::new(kind, "no"));
        for (reply, free) in [
            (failed(FailureKind::Transient), true),
            (failed(FailureKind::Permanent), true),
            (failed(FailureKind::InDoubt), false),
        ] {
            let mut entries = Vec::new();
            send(&mut entries, &caps, audience(3, at(NOON))).unwrap();
            entries.push(Entry::Replied { key: key(0), reply: reply.clone() });
            assert_eq!(send(&mut entries, &caps, audience(3, at(NOON))).is_ok(), free, "{reply:?}");
        }
    }

    #[test]
    fn counts_of_another_key_are_of_nobody_we_know_so_nothing_goes_out_before_they_are_over() {
        let caps = [cap("workflow", 1, Window::Day)];
        let mut entries = Vec::new();
        send(&mut entries, &caps, audience(3, at(NOON))).unwrap();
        let other = |at| Audience { key: "other".to_owned(), ..audience(3, at) };
        assert!(send(&mut entries, &caps, other(at(NOON))).unwrap_err().contains("`people.key`"));
        assert!(send(&mut entries, &caps, other(at("2026-11-26T12:00:00Z"))).is_ok());
    }

    #[test]
    fn counts_are_stored_by_how_often_and_forgotten_when_they_are_long_over() {
        let caps = [cap("workflow", 9, Window::Day)];
        let mut before = Written::default();
        for day in 1..=28 {
            let mut entries = Vec::new();
            send(&mut entries, &caps, audience(2, at(&format!("2026-11-{day:02}T12:00:00Z")))).unwrap();
            send(&mut entries, &caps, audience(1, at(&format!("2026-11-{day:02}T12:00:00Z")))).unwrap();
            before = Sends::of(&entries).together(&before);
        }
        assert_eq!(before.0["workflow day"].len(), WINDOWS_KEPT);
        let stored = serde_json::to_value(&before).unwrap();
        let day = &stored["workflow day"]["2026-11-28"];
        assert_eq!(day.to_string(), r#"{"key":"k","times":{"1":"AAAAAAAAAAI=","2":"AAAAAAAAAAE="}}"#);
        assert_eq!(serde_json::from_value::<Written>(stored).unwrap(), before);
    }

    /// Half a year around both changes of the clocks in London: cycles behind and beside each other, processes that end, answers
    /// that fail, get lost or stay in doubt, clocks that jump. Whoever got something is noted by the one who sent it.
    #[test]
    fn no_person_gets_more_than_allowed_whatever_crashes_and_whatever_the_clock_does() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let caps = [cap("workflow", 2, Window::Day), cap("workflow", 5, Window::Week), cap("channel letters", 12, Window::Month)];
        let (mut sent, mut left) = (0, 0);
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let mut now = at(if seed % 2 == 0 { "2026-03-20T12:00:00Z" } else { "2026-10-15T12:00:00Z" }).0;
            let mut got: BTreeMap<(String, u64), u32> = BTreeMap::new();
            let mut carry = Carry::default();
            let mut closed: Vec<(Carry, Vec<Entry>)> = Vec::new();
            let mut open: Vec<(Carry, Vec<Entry>)> = vec![(carry.clone(), Vec::new())];
            for turn in 0..150 {
                now += match rng.below(12) {
                    0 => -(rng.below(3 * 86_400_000) as i64),
                    1 => rng.below(3 * 86_400_000) as i64,
                    _ => rng.below(4 * 3_600_000) as i64,
                };
                let which = rng.below(open.len() as u64) as usize;
                let beside: Vec<Arc<Written>> = (0..open.len())
                    .filter(|other| *other != which)
                    .map(|other| OwnUse::of(&open[other].1).written().clone())
                    .collect();
                // Everything is made again from the journal, as after a crash.
                let own = Sends::of(&open[which].1);
                let counted: Vec<&Written> =
                    [&open[which].0.written, own.own().as_ref()].into_iter().chain(beside.iter().map(AsRef::as_ref)).collect();
                let count = 3 + rng.below(4);
                if let Addressing::To(to) = address("letters", audience(count, Timestamp(now)), &caps, &zone, &counted) {
                    let people = to.people();
                    left += to.left_out.len();
                    let key = RequestKey { index: turn, ..key(0) };
                    open[which].1.push(Entry::Addressed { key: key.clone(), to: Box::new(to) });
                    // It goes out or not, and that is heard or not.
                    let (out, reply) = match rng.below(5) {
                        0 => (false, Some(Reply::Failed(Failure::new(FailureKind::Transient, "later")))),
                        1 => (rng.below(2) == 0, Some(Reply::Failed(Failure::new(FailureKind::InDoubt, "?")))),
                        2 => (rng.below(2) == 0, None),
                        _ => (true, Some(Reply::Elapsed(Timestamp(now)))),
                    };
                    open[which].1.extend(reply.map(|reply| Entry::Replied { key, reply }));
                    if out {
                        sent += 1;
                        for person in people.iter() {
                            for cap in &caps {
                                let window = cap.per.key(Timestamp(now), &zone, CycleNo(0));
                                let times = got.entry((window, person)).or_default();
                                *times += 1;
                                assert!(*times <= cap.most, "seed {seed}: {person} got {times} of {cap:?}");
                            }
                        }
                    }
                }
                match rng.below(10) {
                    // The last one goes on alone, and the next begins with what it hands on.
                    0 if open.len() == 1 => {
                        let (before, entries) = open.remove(0);
                        carry = Carry { written: Sends::of(&entries).together(&before.written), ..Carry::default() };
                        closed.push((before, entries));
                        open.push((carry.clone(), Vec::new()));
                    }
                    // A second one opens beside it, and what the first hands on is added when it closes.
                    1 if open.len() == 1 => open.push((carry.clone(), Vec::new())),
                    2 if open.len() == 2 => {
                        let (before, entries) = open.remove(0);
                        let handed_on = Carry { written: Sends::of(&entries).together(&before.written), ..Carry::default() };
                        let passed = Passed { opened_with: before, handed_on };
                        let (base, _) = &mut open[0];
                        *base = next_carry(base.clone(), &[passed], &[]);
                        carry = base.clone();
                    }
                    _ => {}
                }
            }
        }
        assert!(sent > 5_000 && left > 1_000, "it was tried: {sent} {left}");
    }
}
