//! Assignment: one pass over the rows of an experiment in the order of time.
//!
//! People and names are numbers in a batch of events, so what is known of somebody stands in a list, and a million rows are a
//! million steps through it. A person is met, is assigned by the first row that names an arm, and from then on what happens
//! within the window is summed up.

use super::arms::{Made, Measure, Metric, Outcome, Rules, Trial, arm_made};
use crate::base::Timestamp;
use crate::model::goods::events::NONE;
use crate::model::goods::words::Numbering;
use crate::model::goods::{Events, Row};
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
    /// Everybody's place in [`Reading::people`], or [`NONE`] before they were seen.
    people: Vec<u32>,
    /// By word: which of [`Known::meanings`] a name has, from 1.
    meant: Vec<u16>,
    meanings: Vec<Vec<Meaning>>,
    /// By word: the arm that it names.
    arms: Vec<u16>,
    by: Option<u32>,
    exposed: Option<u32>,
}

/// What is known of one person so far.
#[derive(Clone, Copy)]
struct State {
    since: Timestamp,
    /// The row that assigned them.
    first: Place,
    arm: u16,
    /// The arm that is made for them.
    made: u16,
    mixed: bool,
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
    /// The same people in several batches, and the place of each.
    together: Option<(Numbering, Vec<u32>)>,
    people: Vec<State>,
    /// By metric and person.
    sums: Vec<Vec<Sum>>,
    /// People with an arm, in the order of their assignment.
    assigned: Vec<u32>,
    /// Names of arms as they were found.
    names: Vec<String>,
    future: usize,
}

impl<'a, 'r> Reading<'a, 'r> {
    pub(super) fn new(batches: &[&'a Events], rules: &'r Rules<'r>) -> Reading<'a, 'r> {
        let known = batches.iter().map(|events| {
            let words = events.words();
            let mut known = Known {
                events,
                people: vec![NONE; events.people().len()],
                meant: vec![0; words.len()],
                meanings: vec![Vec::new()],
                arms: vec![UNKNOWN; words.len()],
                by: words.find(rules.by),
                exposed: rules.exposed.map(|name| words.find(name).unwrap_or(NONE)),
            };
            for (metric, asked) in rules.metrics.iter().enumerate() {
                known.means(asked.name, Meaning { metric, below: false });
                if let Measure::Ratio { of } = asked.measure {
                    known.means(of, Meaning { metric, below: true });
                }
            }
            known
        });
        Reading {
            rules,
            batches: known.collect(),
            together: (batches.len() > 1).then(Default::default),
            people: Vec::new(),
            sums: vec![Vec::new(); rules.metrics.len()],
            assigned: Vec::new(),
            names: Vec::new(),
            future: 0,
        }
    }

    /// Takes rows in the order of time.
    pub(super) fn follow(&mut self, rows: impl Iterator<Item = Place> + Clone) {
        let mut rows = rows.peekable();
        let mut together: Vec<(Place, u32)> = Vec::new();
        while let Some(place) = rows.next() {
            let at = self.at(place);
            if at > self.rules.now {
                self.future += 1 + rows.count();
                return;
            }
            let person = self.assign(place);
            let alone = together.is_empty() && rows.peek().is_none_or(|next| self.at(*next) != at);
            if alone {
                self.count(place, person);
                continue;
            }
            // What happened at the moment of the assignment counts, whichever row comes first.
            together.push((place, person));
            if rows.peek().is_none_or(|next| self.at(*next) != at) {
                together.drain(..).for_each(|(place, person)| self.count(place, person));
            }
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
        if who == NONE && arm == NO_ARM {
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
        let state = &mut self.people[person as usize];
        if state.arm == NO_ARM {
            (state.arm, state.since, state.first) = (arm, at, place);
            self.assigned.push(person);
        } else if state.arm != arm {
            state.mixed = true;
        } else if state.since == at && state.first != place {
            let name = |(batch, row): Place| self.batches[batch as usize].events.row(row as usize).name();
            if name(place) < name(state.first) {
                state.first = place;
            }
        }
        person
    }

    /// The place of the person that a batch numbers like this; a new one for nobody.
    fn person(&mut self, batch: usize, who: u32) -> u32 {
        let new = self.people.len() as u32;
        let known = &mut self.batches[batch];
        let person = match known.people.get(who as usize) {
            // A table without names: every row is somebody.
            None => new,
            Some(person) if *person != NONE => *person,
            Some(_) => {
                let person = match &mut self.together {
                    None => new,
                    Some((numbering, places)) => {
                        let number = numbering.number(known.events.people().get(who)) as usize;
                        if number == places.len() {
                            places.push(new);
                        }
                        places[number]
                    }
                };
                known.people[who as usize] = person;
                person
            }
        };
        if person == new {
            self.people.push(State { since: Timestamp(0), first: (0, 0), arm: NO_ARM, made: UNKNOWN, mixed: false });
            self.sums.iter_mut().for_each(|sums| sums.push(Sum::default()));
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
        let made = self.people[person as usize].made;
        if made != UNKNOWN {
            return made;
        }
        let mut meant = std::iter::once(self.rules.control).chain(self.rules.declared.iter().copied());
        let name = meant.nth(arm_made(rule, who)).filter(|name| !name.is_empty());
        let arm = name.map_or(NO_ARM, |name| number_of(&mut self.names, name));
        self.people[person as usize].made = arm;
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
            let sum = &mut self.sums[meaning.metric][person as usize];
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
        let Reading { rules, future, .. } = self;
        let mut trial = Trial { future, ..Trial::default() };
        let met = self.assigned.len();
        let people = &self.people;
        self.assigned.retain(|person| !people[*person as usize].mixed);
        trial.mixed = met - self.assigned.len();
        self.order();
        let row = |(batch, row): Place| self.batches[batch as usize].events.row(row as usize);
        let first = |person: u32| row(self.people[person as usize].first);
        let from_field = |metric: &Metric<'_>| self.assigned.iter().any(|person| first(*person).field(metric.name).is_some());
        let from_fields: Vec<bool> = rules.metrics.iter().map(from_field).collect();
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
            let outcome = |person: u32| {
                let state = self.people[person as usize];
                match from_field {
                    true => from_row(metric, row(state.first)),
                    false if is_open(state.since) => None,
                    false => outcome(metric, self.sums[at][person as usize]),
                }
            };
            trial.outcomes.push(self.assigned.iter().map(|person| outcome(*person)).collect());
        }
        if let Some(name) = rules.covariate {
            trial.covariate = self.assigned.iter().map(|person| number(first(*person).field(name)?)).collect();
        }
        if let Some(name) = rules.segment {
            let mut numbering = Numbering::default();
            let said = |person: u32| first(person).field(name).map(str::trim).filter(|value| !value.is_empty());
            trial.segment = self.assigned.iter().map(|person| said(*person).map(|value| numbering.number(value))).collect();
            trial.segments = numbering.words().iter().map(str::to_owned).collect();
        }
        trial
    }

    /// By the time of assignment, and by name where it is the same.
    fn order(&mut self) {
        let people = &self.people;
        let since = |person: &u32| people[*person as usize].since;
        let name = |person: u32| {
            let (batch, row) = people[person as usize].first;
            self.batches[batch as usize].events.row(row as usize).who()
        };
        for together in self.assigned.chunk_by_mut(|a, b| since(a) == since(b)).filter(|together| together.len() > 1) {
            together.sort_by(|a, b| name(*a).cmp(name(*b)).then(a.cmp(b)));
        }
    }
}

impl Known<'_> {
    fn means(&mut self, name: &str, meaning: Meaning) {
        let Some(word) = self.events.words().find(name) else { return };
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

/// What fields of the assigning row say.
fn from_row(metric: &Metric<'_>, row: Row<'_>) -> Option<Outcome> {
    let amount = number(row.field(metric.name)?)?;
    match metric.measure {
        Measure::Rate => Some(Outcome { amount: f64::from(u8::from(amount > 0.0)), per: 1.0 }),
        Measure::Value | Measure::Quantile { .. } => Some(Outcome { amount, per: 1.0 }),
        Measure::Ratio { of } => Some(Outcome { amount, per: number(row.field(of)?)? }),
    }
}

fn number(text: &str) -> Option<f64> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "true" => Some(1.0),
        "no" | "false" => Some(0.0),
        text => text.parse::<f64>().ok().filter(|value| value.is_finite()),
    }
}
