//! Assignment: one pass over the rows of an experiment in the order of time.
//!
//! People and names are numbers in a batch of events, so what is known of somebody stands in a list, and a million rows are a
//! million steps through it. A person is met, is assigned by the first row that names an arm, and from then on what happens
//! within the window is summed up.

use super::arms::{Made, Measure, Metric, Outcome, Rules, Trial, arm_made};
use crate::base::Timestamp;
use crate::model::goods::Events;
use crate::model::goods::events::NONE;
use crate::model::goods::words::{Numbering, Words};
use std::collections::BTreeSet;

/// Where a row is: its batch, and its place in it.
pub(super) type Place = (u32, u32);

/// Nobody has this arm.
const NO_ARM: u16 = u16::MAX;
/// What has not been looked up yet.
const UNKNOWN: u16 = u16::MAX - 1;

/// What a name of events means for one metric.
#[derive(Clone, Copy)]
struct Meaning {
    metric: usize,
    /// It is what a ratio is taken of.
    below: bool,
}

/// One batch, with what its numbers mean here.
struct Known<'a> {
    events: &'a Events,
    /// Where there are several batches: everybody's place in [`Reading::people`], or [`NONE`] before they were seen.
    people: Vec<u32>,
    /// By word: which of [`Known::meanings`] a name has, from 1.
    meant: Vec<u16>,
    meanings: Vec<Vec<Meaning>>,
    /// By word: the arm that it names.
    arms: Vec<u16>,
    by: Option<u32>,
    exposed: Option<u32>,
    covariate: Option<u32>,
    segment: Option<u32>,
    /// By metric: the field of its name, and what is below its line.
    fields: Vec<[Option<u32>; 2]>,
}

/// What is known of one person so far. There is one for everybody and each row looks one up, so it is small.
#[derive(Clone, Copy)]
struct State {
    since: Timestamp,
    /// The row that assigned them, counted through all batches.
    first: u32,
    arm: u16,
    mixed: bool,
}

impl State {
    const NEW: State = State { since: Timestamp(0), first: 0, arm: NO_ARM, mixed: false };
}

/// What came of a person in one metric, until the window closes.
#[derive(Clone, Copy, Default)]
struct Sum {
    amount: f64,
    below: f64,
    /// It happened.
    counted: bool,
}

/// The reading of all rows in the order of time.
pub(super) struct Reading<'a, 'r> {
    rules: &'r Rules<'r>,
    batches: Vec<Known<'a>>,
    /// The same people in several batches, and the place of each. Alone, a batch has numbered them already.
    together: Option<(Numbering, Vec<u32>)>,
    /// How many rows come before each batch.
    starts: Vec<u32>,
    people: Vec<State>,
    /// The arm that is made for each, where arms are made.
    made: Vec<u16>,
    /// By metric and person; nothing where no event of the metric has come.
    sums: Vec<Vec<Sum>>,
    /// People with an arm, in the order of their assignment.
    assigned: Vec<u32>,
    /// Names of arms as they were found.
    names: Vec<String>,
    future: usize,
    /// Rows that name an arm and nobody, beside others that name somebody.
    nameless: usize,
}

impl<'a, 'r> Reading<'a, 'r> {
    pub(super) fn new(batches: &[&'a Events], rules: &'r Rules<'r>) -> Reading<'a, 'r> {
        let several = batches.len() > 1;
        let known = batches.iter().map(|events| {
            let words = events.words();
            let below = |metric: &Metric<'r>| if let Measure::Ratio { of } = metric.measure { Some(of) } else { None };
            let asked = rules.metrics.iter().flat_map(|metric| [Some(metric.name), below(metric)]);
            let whole: Vec<Option<&str>> =
                [Some(rules.by), rules.exposed, rules.covariate, rules.segment].into_iter().chain(asked).collect();
            let numbers = numbers(words, &whole);
            let [by, exposed, covariate, segment] = [numbers[0], numbers[1], numbers[2], numbers[3]];
            let mut known = Known {
                events,
                people: if several { vec![NONE; events.people().len()] } else { Vec::new() },
                meant: vec![0; words.len()],
                meanings: vec![Vec::new()],
                arms: vec![UNKNOWN; words.len()],
                by,
                exposed: rules.exposed.map(|_| exposed.unwrap_or(NONE)),
                covariate,
                segment,
                fields: numbers[4..].chunks(2).map(|pair| [pair[0], pair[1]]).collect(),
            };
            for metric in 0..rules.metrics.len() {
                let [own, below] = known.fields[metric];
                own.into_iter().for_each(|word| known.means(word, Meaning { metric, below: false }));
                below.into_iter().for_each(|word| known.means(word, Meaning { metric, below: true }));
            }
            known
        });
        Reading {
            rules,
            batches: known.collect(),
            together: several.then(Default::default),
            starts: batches.iter().scan(0, |next, events| Some(std::mem::replace(next, *next + events.len() as u32))).collect(),
            made: Vec::new(),
            people: match batches {
                [alone] => vec![State::NEW; alone.people().len()],
                _ => Vec::new(),
            },
            sums: vec![Vec::new(); rules.metrics.len()],
            assigned: Vec::new(),
            names: Vec::new(),
            future: 0,
            nameless: 0,
        }
    }

    /// Takes so many rows in the order of time, each by its place.
    pub(super) fn follow(&mut self, rows: usize, place: impl Fn(usize) -> Place) {
        let mut together: Vec<u32> = Vec::new();
        let mut next = 0;
        while next < rows {
            let at = self.at(place(next));
            if at > self.rules.now {
                self.future += rows - next;
                return;
            }
            let mut end = next + 1;
            while end < rows && self.at(place(end)) == at {
                end += 1;
            }
            if end == next + 1 {
                let person = self.assign(place(next));
                self.count(place(next), person);
            } else {
                // What happened at the moment of the assignment counts, whichever row comes first.
                together.extend((next..end).map(|row| self.assign(place(row))));
                (next..end).zip(together.drain(..)).for_each(|(row, person)| self.count(place(row), person));
            }
            next = end;
        }
    }

    fn at(&self, (batch, row): Place) -> Timestamp {
        self.batches[batch as usize].events.times()[row as usize]
    }

    /// Whoever the row is of, in an arm when it names one; [`NONE`] when it is of nobody.
    fn assign(&mut self, place: Place) -> u32 {
        let (batch, row) = (place.0 as usize, place.1 as usize);
        let known = &self.batches[batch];
        let events = known.events;
        let assigns = known.exposed.is_none_or(|name| events.names()[row] == name);
        let mut arm = match known.by {
            Some(by) if assigns && self.rules.made.is_none() => match events.fields(row).iter().find(|field| field[0] == by) {
                Some([_, value]) => self.arm_named(batch, *value),
                None => NO_ARM,
            },
            _ => NO_ARM,
        };
        let who = events.whos()[row];
        if who == NONE && (arm == NO_ARM || !events.people().is_empty()) {
            self.nameless += usize::from(arm != NO_ARM);
            return NONE;
        }
        let person = self.person(batch, who);
        if let Some(rule) = self.rules.made.as_ref().filter(|_| assigns) {
            arm = self.arm_made(person, rule, events.people().get(who));
        }
        if arm == NO_ARM {
            return person;
        }
        let at = events.times()[row];
        let first = self.starts[batch] + row as u32;
        let state = &mut self.people[person as usize];
        if state.arm == NO_ARM {
            (state.arm, state.since, state.first) = (arm, at, first);
            self.assigned.push(person);
        } else if state.arm != arm {
            state.mixed = true;
        } else if state.since == at && state.first != first {
            let before = state.first;
            let name = |first: u32| {
                let (batch, row) = self.place(first);
                self.batches[batch].events.row(row).name()
            };
            if name(first) < name(before) {
                self.people[person as usize].first = first;
            }
        }
        person
    }

    /// The batch and the place in it of a row that is counted through all of them.
    fn place(&self, row: u32) -> (usize, usize) {
        let batch = self.starts.partition_point(|start| *start <= row) - 1;
        (batch, (row - self.starts[batch]) as usize)
    }

    /// The place of the person that a batch numbers like this; a new one for nobody.
    fn person(&mut self, batch: usize, who: u32) -> u32 {
        let new = self.people.len() as u32;
        let person = match &mut self.together {
            // A table without names: every row is somebody.
            _ if who == NONE => new,
            None => who,
            Some((numbering, places)) => {
                let known = &mut self.batches[batch];
                let person = &mut known.people[who as usize];
                if *person == NONE {
                    let number = numbering.number(known.events.people().get(who)) as usize;
                    if number == places.len() {
                        places.push(new);
                    }
                    *person = places[number];
                }
                *person
            }
        };
        if person == new {
            self.people.push(State::NEW);
        }
        person
    }

    fn arm_named(&mut self, batch: usize, word: u32) -> u16 {
        let known = &mut self.batches[batch];
        let arm = known.arms[word as usize];
        if arm != UNKNOWN {
            return arm;
        }
        let name = known.events.words().get(word).trim();
        let arm = if name.is_empty() { NO_ARM } else { number_of(&mut self.names, name) };
        known.arms[word as usize] = arm;
        arm
    }

    fn arm_made(&mut self, person: u32, rule: &Made<'_>, who: &str) -> u16 {
        if self.made.len() <= person as usize {
            self.made.resize(self.people.len(), UNKNOWN);
        }
        let made = self.made[person as usize];
        if made != UNKNOWN {
            return made;
        }
        let mut meant = std::iter::once(self.rules.control).chain(self.rules.declared.iter().copied());
        let name = meant.nth(arm_made(rule, who)).filter(|name| !name.is_empty());
        let arm = name.map_or(NO_ARM, |name| number_of(&mut self.names, name));
        self.made[person as usize] = arm;
        arm
    }

    /// Adds what the row says to the sums of its person.
    fn count(&mut self, (batch, row): Place, person: u32) {
        let (batch, row) = (batch as usize, row as usize);
        let known = &self.batches[batch];
        let meant = known.meant[known.events.names()[row] as usize];
        let Some(state) = self.people.get(person as usize).filter(|_| meant != 0) else { return };
        if state.arm == NO_ARM || known.events.times()[row].since(state.since) > self.rules.window {
            return;
        }
        let value = known.events.row(row).value();
        for meaning in &known.meanings[usize::from(meant)] {
            let sums = &mut self.sums[meaning.metric];
            if sums.len() <= person as usize {
                sums.resize(self.people.len(), Sum::default());
            }
            let sum = &mut sums[person as usize];
            if meaning.below {
                sum.below += 1.0;
                continue;
            }
            // An event without a value counts one in a ratio, and nothing in a sum of values.
            let otherwise = if matches!(self.rules.metrics[meaning.metric].measure, Measure::Ratio { .. }) { 1.0 } else { 0.0 };
            sum.amount += value.unwrap_or(otherwise);
            sum.counted = true;
        }
    }

    /// Everybody in an arm, with what came of them.
    pub(super) fn finish(mut self) -> Trial {
        let Reading { rules, future, nameless, .. } = self;
        let mut trial = Trial { future, nameless, ..Trial::default() };
        let met = self.assigned.len();
        let people = &self.people;
        self.assigned.retain(|person| !people[*person as usize].mixed);
        trial.mixed = met - self.assigned.len();
        self.order();
        let from_fields = self.in_fields();
        trial.arms.push(rules.control.to_owned());
        let found: BTreeSet<u16> = self.assigned.iter().map(|person| self.people[*person as usize].arm).collect();
        let found: BTreeSet<&str> = found.into_iter().map(|arm| self.names[usize::from(arm)].as_str()).collect();
        let others: Vec<&str> = if rules.declared.is_empty() { found.into_iter().collect() } else { rules.declared.clone() };
        trial.arms.extend(others.into_iter().filter(|arm| *arm != rules.control).map(str::to_owned));
        let place = |name: &String| trial.arms.iter().position(|arm| arm == name);
        let places: Vec<Option<usize>> = self.names.iter().map(place).collect();
        let met = self.assigned.len();
        self.assigned.retain(|person| places[usize::from(self.people[*person as usize].arm)].is_some());
        trial.strangers = met - self.assigned.len();
        let states = || self.assigned.iter().map(|person| self.people[*person as usize]);
        trial.arm = states().filter_map(|state| Some(places[usize::from(state.arm)]? as u16)).collect();
        trial.since = states().map(|state| state.since).collect();
        let is_open = |since: Timestamp| rules.now.since(since) < rules.window;
        if from_fields.contains(&false) {
            trial.open = trial.since.iter().filter(|since| is_open(**since)).count();
        }
        for (at, (metric, from_field)) in rules.metrics.iter().zip(from_fields).enumerate() {
            let sum = |person: u32| self.sums[at].get(person as usize).copied().unwrap_or_default();
            let outcome = |person: u32| match from_field {
                true => self.by_row(metric, at, person),
                false if is_open(self.people[person as usize].since) => None,
                false => outcome(metric, sum(person)),
            };
            trial.outcomes.push(self.assigned.iter().map(|person| outcome(*person)).collect());
        }
        if rules.covariate.is_some() {
            let said = |person: u32| number(self.said(person, |known| known.covariate)?);
            trial.covariate = self.assigned.iter().map(|person| said(*person)).collect();
        }
        if rules.segment.is_some() {
            let mut numbering = Numbering::default();
            let said = |person: u32| self.said(person, |known| known.segment).map(str::trim).filter(|value| !value.is_empty());
            trial.segment = self.assigned.iter().map(|person| said(*person).map(|value| numbering.number(value))).collect();
            trial.segments = numbering.words().iter().map(str::to_owned).collect();
        }
        trial
    }

    /// What the row that assigned a person says in a field.
    fn said(&self, person: u32, field: impl Fn(&Known<'a>) -> Option<u32>) -> Option<&'a str> {
        let (batch, row) = self.place(self.people[person as usize].first);
        let known = &self.batches[batch];
        let field = field(known)?;
        let events = known.events;
        let [_, value] = events.fields(row).iter().find(|[name, _]| *name == field)?;
        Some(events.words().get(*value))
    }

    /// Which metrics stand in a field of the rows that assign.
    fn in_fields(&self) -> Vec<bool> {
        let mut found = vec![false; self.rules.metrics.len()];
        for person in &self.assigned {
            let (batch, row) = self.place(self.people[*person as usize].first);
            let known = &self.batches[batch];
            for [name, _] in known.events.fields(row) {
                if known.meant[*name as usize] != 0 {
                    known.fields.iter().zip(&mut found).for_each(|([own, _], found)| *found |= *own == Some(*name));
                }
            }
        }
        found
    }

    /// What fields of the assigning row say.
    fn by_row(&self, metric: &Metric<'_>, at: usize, person: u32) -> Option<Outcome> {
        let of = |place: usize| number(self.said(person, |known| known.fields[at][place])?);
        let amount = of(0)?;
        match metric.measure {
            Measure::Rate => Some(Outcome { amount: f64::from(u8::from(amount > 0.0)), per: 1.0 }),
            Measure::Value | Measure::Quantile { .. } => Some(Outcome { amount, per: 1.0 }),
            Measure::Ratio { .. } => Some(Outcome { amount, per: of(1)? }),
        }
    }

    /// By the time of assignment, and by name where it is the same.
    fn order(&mut self) {
        let mut assigned = std::mem::take(&mut self.assigned);
        let people = &self.people;
        let since = |person: &u32| people[*person as usize].since;
        let name = |person: u32| {
            let (batch, row) = self.place(people[person as usize].first);
            self.batches[batch].events.row(row).who()
        };
        let mut keys: Vec<(u128, u32)> = Vec::new();
        for together in assigned.chunk_by_mut(|a, b| since(a) == since(b)).filter(|together| together.len() > 1) {
            // Nearly all names differ in their first letters, so that those are compared as one number.
            keys.clear();
            keys.extend(together.iter().map(|person| (beginning(name(*person)), *person)));
            keys.sort_unstable_by(|(a, one), (b, other)| {
                a.cmp(b).then_with(|| name(*one).cmp(name(*other))).then(one.cmp(other))
            });
            together.iter_mut().zip(&keys).for_each(|(person, (_, sorted))| *person = *sorted);
        }
        self.assigned = assigned;
    }
}

/// The first sixteen bytes of a text as a number in the order of texts.
fn beginning(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(16);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(bytes)
}

/// The numbers of some words, by one look at all of them.
fn numbers(words: &Words, wanted: &[Option<&str>]) -> Vec<Option<u32>> {
    let mut found = vec![None; wanted.len()];
    for (number, word) in words.iter().enumerate() {
        for (found, wanted) in found.iter_mut().zip(wanted) {
            if *wanted == Some(word) {
                *found = Some(number as u32);
            }
        }
    }
    found
}

impl Known<'_> {
    fn means(&mut self, word: u32, meaning: Meaning) {
        let meant = &mut self.meant[word as usize];
        if *meant == 0 {
            *meant = self.meanings.len() as u16;
            self.meanings.push(Vec::new());
        }
        self.meanings[usize::from(*meant)].push(meaning);
    }
}

/// The place of a name among those found so far. What is named like a person each is no arm.
fn number_of(names: &mut Vec<String>, name: &str) -> u16 {
    let found = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u16::try_from(found).ok().filter(|arm| *arm < UNKNOWN).unwrap_or(NO_ARM)
}

/// What events within the window come to; `None` where there is nothing to measure.
fn outcome(metric: &Metric<'_>, sum: Sum) -> Option<Outcome> {
    let plain = |amount: f64| Some(Outcome { amount, per: 1.0 });
    match metric.measure {
        Measure::Rate => plain(f64::from(u8::from(sum.counted))),
        Measure::Value => plain(sum.amount),
        Measure::Ratio { .. } => Some(Outcome { amount: sum.amount, per: sum.below }),
        Measure::Quantile { .. } if sum.counted => plain(sum.amount),
        Measure::Quantile { .. } => None,
    }
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is = |words: [&str; 2]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["yes", "true"]) => Some(1.0),
        () if is(["no", "false"]) => Some(0.0),
        () => text.parse::<f64>().ok().filter(|value| value.is_finite()),
    }
}
