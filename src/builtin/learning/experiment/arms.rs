//! The people of an experiment: in which arm each of them was, since when, and what came of it.
//!
//! Two sources are read alike: tables with a row for each person that names the arm and the outcomes, and raw events, where the first
//! event that names an arm assigns the person and later events of the metric's name within the window are the outcome. Somebody who
//! was seen in two arms belongs to neither, and somebody whose window is still open has no outcome yet. Where no field names the arm it
//! is made: a hash of the experiment and the person, so that everybody stays where they were, whatever comes later.

use crate::base::Timestamp;
use crate::model::goods::Event;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// What is measured of a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric<'a> {
    /// A field of the row that names the arm, or else the name of events.
    pub name: &'a str,
    pub measure: Measure<'a>,
}

/// How a person's events come to a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure<'a> {
    /// Whether it happened.
    Rate,
    /// The sum of values.
    Value,
    /// The sum of values (an event without one counts one) against the number of other events.
    Ratio { of: &'a str },
    /// The sum of values of those to whom it happened, told by this quantile (0–1).
    Quantile { at: f64 },
}

/// What came of one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub amount: f64,
    /// What is below the line of a ratio; 1 for everything else.
    pub per: f64,
}

/// How arms are made where no field names them.
#[derive(Clone, Debug, PartialEq)]
pub struct Made<'a> {
    pub experiment: &'a str,
    /// Each arm's part of the split in any unit, the control first, then the declared ones.
    pub shares: Vec<f64>,
}

/// How an experiment is read.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The field that names the arm.
    pub by: &'a str,
    /// Makes the arms instead of reading them.
    pub made: Option<Made<'a>>,
    /// The event that assigns; without it any event that names an arm does.
    pub exposed: Option<&'a str>,
    pub control: &'a str,
    /// Arms that were meant to be, besides the control; empty when whatever is found is an arm.
    pub declared: Vec<&'a str>,
    pub metrics: &'a [Metric<'a>],
    /// A field known before the experiment.
    pub covariate: Option<&'a str>,
    /// A field of the assigning event.
    pub segment: Option<&'a str>,
    /// How long after assignment an event counts.
    pub window: Duration,
    pub now: Timestamp,
}

/// One person.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub arm: usize,
    pub since: Timestamp,
    /// By metric; `None` while it is open or where the field holds no number.
    pub outcomes: Vec<Option<Outcome>>,
    pub covariate: Option<f64>,
    pub segment: Option<String>,
}

/// Everybody in an experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// The control first.
    pub arms: Vec<String>,
    /// In the order of their assignment.
    pub people: Vec<Person>,
    /// People seen in more than one arm.
    pub mixed: usize,
    /// People in arms that were not declared.
    pub strangers: usize,
    /// Rows dated after now.
    pub future: usize,
    /// People whose window is still open.
    pub open: usize,
}

/// Nobody has this arm.
const NO_ARM: u16 = u16::MAX;
/// Bits of [`Seen::named`]: two for each metric.
const BITS: usize = 32;

/// What matters of an event, small enough to be sorted by person without looking at the event again.
#[derive(Clone, Copy)]
struct Seen<'a> {
    at: Timestamp,
    event: &'a Event,
    /// NaN without one.
    value: f64,
    /// By metric: whether the event has its name, and that of what a ratio is taken of.
    named: u32,
    /// Place of the arm among the names found so far.
    arm: u16,
}

impl Seen<'_> {
    fn is(&self, bit: usize, name: &str) -> bool {
        if bit < BITS { self.named >> bit & 1 == 1 } else { self.event.name == name }
    }
}

/// People by name, in the order of their first row, with all their rows together.
struct Grouped<'a> {
    who: Vec<&'a str>,
    seen: Vec<Seen<'a>>,
    /// Where each person's rows end.
    ends: Vec<usize>,
}

/// Reads all rows; their order matters only between people assigned at the same time.
pub fn read<'a>(events: impl Iterator<Item = &'a Event>, rules: &Rules<'a>) -> Trial {
    let mut trial = Trial::default();
    let mut names: Vec<&str> = Vec::new();
    let mut grouped = group(events, rules, &mut names, &mut trial);
    let mut assigned: Vec<(usize, std::ops::Range<usize>, usize)> = Vec::new();
    let mut from_fields = vec![false; rules.metrics.len()];
    let mut from = 0;
    for person in 0..grouped.who.len() {
        let rows = from..grouped.ends[person];
        from = rows.end;
        let seen = &mut grouped.seen[rows.clone()];
        let in_order = |a: &Seen<'_>, b: &Seen<'_>| a.at < b.at || (a.at == b.at && a.event.name <= b.event.name);
        if !seen.is_sorted_by(in_order) {
            seen.sort_by(|a, b| (a.at, &a.event.name).cmp(&(b.at, &b.event.name)));
        }
        let Some(first) = seen.iter().position(|seen| seen.arm != NO_ARM) else { continue };
        let arm = seen[first].arm;
        if seen[first..].iter().any(|seen| seen.arm != NO_ARM && seen.arm != arm) {
            trial.mixed += 1;
            continue;
        }
        let fields = &seen[first].event.fields;
        for (found, metric) in from_fields.iter_mut().zip(rules.metrics) {
            *found = *found || fields.contains_key(metric.name);
        }
        assigned.push((person, rows.clone(), rows.start + first));
    }
    let row = |at: usize| &grouped.seen[at];
    assigned
        .sort_by(|a, b| row(a.2).at.cmp(&row(b.2).at).then_with(|| grouped.who[a.0].cmp(grouped.who[b.0])).then(a.0.cmp(&b.0)));
    let found: BTreeSet<u16> = assigned.iter().map(|(.., first)| row(*first).arm).collect();
    let found: BTreeSet<&str> = found.into_iter().filter_map(|arm| names.get(usize::from(arm)).copied()).collect();
    trial.arms.push(rules.control.to_owned());
    let others: Vec<&str> = if rules.declared.is_empty() { found.into_iter().collect() } else { rules.declared.clone() };
    trial.arms.extend(others.into_iter().filter(|arm| *arm != rules.control).map(str::to_owned));
    let places: Vec<Option<usize>> = names.iter().map(|name| trial.arms.iter().position(|arm| arm == name)).collect();
    for (_, rows, first) in assigned {
        let first = *row(first);
        let Some(arm) = places.get(usize::from(first.arm)).copied().flatten() else {
            trial.strangers += 1;
            continue;
        };
        let open = rules.now.since(first.at) < rules.window;
        trial.open += usize::from(open && from_fields.contains(&false));
        let outcomes = rules.metrics.iter().zip(&from_fields).enumerate();
        let outcomes = outcomes
            .map(|(at, (metric, from_field))| match (from_field, open) {
                (true, _) => from_row(metric, first.event),
                (false, true) => None,
                (false, false) => outcome(metric, at, &grouped.seen[rows.clone()], first.at, rules.window),
            })
            .collect();
        let covariate = rules.covariate.and_then(|name| number(first.event.fields.get(name)?));
        let segment = rules.segment.and_then(|name| first.event.fields.get(name)).map(|value| value.trim().to_owned());
        trial.people.push(Person {
            arm,
            since: first.at,
            outcomes,
            covariate,
            segment: segment.filter(|value| !value.is_empty()),
        });
    }
    trial
}

/// Rows by person, by counting, because a million rows are many; `names` takes the names of arms.
fn group<'a>(
    events: impl Iterator<Item = &'a Event>,
    rules: &Rules<'a>,
    names: &mut Vec<&'a str>,
    trial: &mut Trial,
) -> Grouped<'a> {
    let meant: Vec<&str> = std::iter::once(rules.control).chain(rules.declared.iter().copied()).collect();
    let mut known: HashMap<&str, u32, BuildHasherDefault<Quick>> = HashMap::default();
    let mut who: Vec<&str> = Vec::new();
    // Arms that are made, by person.
    let mut made: Vec<u16> = Vec::new();
    let mut seen: Vec<(u32, Seen<'a>)> = Vec::with_capacity(events.size_hint().0);
    let mut place = |name: &'a str| {
        let found = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        u16::try_from(found).unwrap_or(NO_ARM)
    };
    for event in events {
        if event.at > rules.now {
            trial.future += 1;
            continue;
        }
        let assigns = rules.exposed.is_none_or(|name| event.name == name);
        let read = if assigns && rules.made.is_none() { event.fields.get(rules.by).map(|arm| arm.trim()) } else { None };
        let mut arm = read.filter(|arm| !arm.is_empty()).map_or(NO_ARM, &mut place);
        if event.who.is_empty() && arm == NO_ARM {
            continue;
        }
        let new = who.len() as u32;
        // A table without names: every row is somebody.
        let person = if event.who.is_empty() { new } else { *known.entry(&event.who).or_insert(new) };
        if person == new {
            who.push(&event.who);
            if let Some(rule) = &rules.made {
                let name = meant.get(arm_made(rule, &event.who)).copied().filter(|name| !name.is_empty());
                made.push(name.map_or(NO_ARM, &mut place));
            }
        }
        if assigns && rules.made.is_some() {
            arm = made.get(person as usize).copied().unwrap_or(NO_ARM);
        }
        let mut named = 0;
        for (at, metric) in rules.metrics.iter().enumerate().take(BITS / 2) {
            named |= u32::from(event.name == metric.name) << (2 * at);
            if let Measure::Ratio { of } = metric.measure {
                named |= u32::from(event.name == of) << (2 * at + 1);
            }
        }
        let value = event.value.filter(|value| value.is_finite()).unwrap_or(f64::NAN);
        seen.push((person, Seen { at: event.at, event, value, named, arm }));
    }
    let mut ends = vec![0; who.len()];
    seen.iter().for_each(|(person, _)| ends[*person as usize] += 1);
    let mut sum = 0;
    for end in &mut ends {
        // For now where the person's rows begin; each row put in its place moves it on, to the end at last.
        (*end, sum) = (sum, sum + *end);
    }
    let mut sorted = match seen.first() {
        Some((_, any)) => vec![*any; seen.len()],
        None => Vec::new(),
    };
    for (person, row) in seen {
        let place = &mut ends[person as usize];
        sorted[*place] = row;
        *place += 1;
    }
    Grouped { who, seen: sorted, ends }
}

/// A quick hash for names of people; what order it gives is never seen. (The multiplier of FxHash, with a final mix.)
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// The arm of a person by hash: where the first eight bytes of SHA-256 of `experiment/person`, as a number from 0 to 1, fall along
/// the shares. Anybody who assigns by the same rule agrees.
pub fn arm_made(made: &Made<'_>, who: &str) -> usize {
    let digest = Sha256::digest(format!("{}/{who}", made.experiment));
    let head = digest.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut left = head as f64 / 2f64.powi(64) * made.shares.iter().sum::<f64>();
    for (arm, share) in made.shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return arm;
        }
    }
    made.shares.len().saturating_sub(1)
}

/// What events within the window come to; `None` where there is nothing to measure. `at` is the place of the metric.
fn outcome(metric: &Metric<'_>, at: usize, seen: &[Seen<'_>], since: Timestamp, window: Duration) -> Option<Outcome> {
    let within = || seen.iter().filter(move |seen| seen.at >= since && seen.at.since(since) <= window);
    let counted = || within().filter(|seen| seen.is(2 * at, metric.name));
    let values = || counted().map(|seen| seen.value).filter(|value| !value.is_nan()).sum::<f64>();
    let plain = |amount: f64| Some(Outcome { amount, per: 1.0 });
    match metric.measure {
        Measure::Rate => plain(f64::from(u8::from(counted().next().is_some()))),
        Measure::Value => plain(values()),
        Measure::Ratio { of } => Some(Outcome {
            amount: counted().map(|seen| if seen.value.is_nan() { 1.0 } else { seen.value }).sum(),
            per: within().filter(|seen| seen.is(2 * at + 1, of)).count() as f64,
        }),
        Measure::Quantile { .. } => counted().next().and_then(|_| plain(values())),
    }
}

/// What fields of the assigning row say.
fn from_row(metric: &Metric<'_>, row: &Event) -> Option<Outcome> {
    let amount = number(row.fields.get(metric.name)?)?;
    match metric.measure {
        Measure::Rate => Some(Outcome { amount: f64::from(u8::from(amount > 0.0)), per: 1.0 }),
        Measure::Value | Measure::Quantile { .. } => Some(Outcome { amount, per: 1.0 }),
        Measure::Ratio { of } => Some(Outcome { amount, per: number(row.fields.get(of)?)? }),
    }
}

fn number(text: &str) -> Option<f64> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "true" => Some(1.0),
        "no" | "false" => Some(0.0),
        text => text.parse::<f64>().ok().filter(|value| value.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn event(who: &str, day: i64, name: &str, arm: Option<&str>, value: Option<f64>) -> Event {
        Event {
            at: Timestamp(day * DAY),
            who: who.into(),
            name: name.into(),
            value,
            fields: arm.map(|arm| ("variant".to_owned(), arm.to_owned())).into_iter().collect(),
            ..Event::default()
        }
    }

    #[test]
    fn the_first_sight_of_an_arm_assigns_and_the_window_counts_from_there() {
        let metrics = [Metric { name: "buy", measure: Measure::Rate }, Metric { name: "buy", measure: Measure::Value }];
        let rules = Rules {
            by: "variant",
            made: None,
            exposed: None,
            control: "old",
            declared: vec![],
            metrics: &metrics,
            covariate: None,
            segment: None,
            window: Duration::from_secs(10 * 86_400),
            now: Timestamp(30 * DAY),
        };
        let events = [
            event("a", 1, "view", Some("new"), None),
            event("a", 5, "buy", Some("new"), Some(20.0)),
            event("a", 6, "buy", None, Some(5.0)),
            // Before assignment, and after the window.
            event("b", 1, "buy", None, Some(9.0)),
            event("b", 2, "view", Some("old"), None),
            event("b", 13, "buy", None, Some(9.0)),
            // In two arms; still open; never assigned; in the future.
            event("c", 1, "view", Some("old"), None),
            event("c", 2, "view", Some("new"), None),
            event("d", 25, "view", Some("old"), None),
            event("e", 3, "buy", None, None),
            event("f", 31, "view", Some("new"), None),
        ];
        let trial = read(events.iter(), &rules);
        assert_eq!(trial.arms, ["old", "new"]);
        let amounts = |person: &Person| person.outcomes.iter().map(|outcome| Some((*outcome)?.amount)).collect::<Vec<_>>();
        let found: Vec<(usize, Vec<Option<f64>>)> = trial.people.iter().map(|p| (p.arm, amounts(p))).collect();
        assert_eq!(found, [(1, vec![Some(1.0), Some(25.0)]), (0, vec![Some(0.0), Some(0.0)]), (0, vec![None, None])]);
        assert_eq!((trial.mixed, trial.open, trial.future, trial.strangers), (1, 1, 1, 0));
        let mut turned = events.to_vec();
        turned.reverse();
        assert_eq!(read(turned.iter(), &rules), trial);
        let declared = Rules { declared: vec!["other"], ..rules };
        let trial = read(events.iter(), &declared);
        assert_eq!((trial.arms, trial.strangers), (vec!["old".to_owned(), "other".to_owned()], 1));
    }

    #[test]
    fn arms_that_are_made_stick_follow_the_shares_and_differ_between_experiments() {
        let made = Made { experiment: "headline", shares: vec![3.0, 1.0] };
        let arms: Vec<usize> = (0..4_000).map(|who| arm_made(&made, &format!("p{who}"))).collect();
        assert_eq!(arms, (0..4_000).map(|who| arm_made(&made, &format!("p{who}"))).collect::<Vec<_>>());
        let second = arms.iter().sum::<usize>();
        assert!((900..1_100).contains(&second), "{second}");
        let other = Made { experiment: "price", ..made.clone() };
        let both = (0..4_000).filter(|who| arms[*who] == 1 && arm_made(&other, &format!("p{who}")) == 1).count();
        assert!((190..310).contains(&both), "{both} of about 250");
        // printf 'headline/p1' | sha256sum: the rule is one that anybody can follow.
        assert_eq!(arm_made(&Made { experiment: "headline", shares: vec![1.0] }, "p1"), 0);
    }

    #[test]
    fn ratios_and_quantiles_are_read_by_person() {
        let metrics = [
            Metric { name: "click", measure: Measure::Ratio { of: "send" } },
            Metric { name: "wait", measure: Measure::Quantile { at: 0.5 } },
        ];
        let rules = Rules {
            by: "",
            made: Some(Made { experiment: "mail", shares: vec![1.0, 1.0] }),
            exposed: None,
            control: "old",
            declared: vec!["new"],
            metrics: &metrics,
            covariate: None,
            segment: None,
            window: Duration::from_secs(10 * 86_400),
            now: Timestamp(30 * DAY),
        };
        let events = [
            event("a", 1, "send", None, None),
            event("a", 2, "send", None, None),
            event("a", 2, "click", None, None),
            event("a", 3, "wait", None, Some(4.0)),
            event("b", 1, "send", None, None),
            event("", 1, "send", None, None),
        ];
        let trial = read(events.iter(), &rules);
        assert_eq!(trial.arms, ["old", "new"]);
        let found: Vec<&[Option<Outcome>]> = trial.people.iter().map(|person| &person.outcomes[..]).collect();
        let outcome = |amount: f64, per: f64| Some(Outcome { amount, per });
        assert_eq!(found, [&[outcome(1.0, 2.0), outcome(4.0, 1.0)][..], &[outcome(0.0, 1.0), None]]);
    }
}
