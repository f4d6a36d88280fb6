//! The people of an experiment: in which arm each of them was, since when, and what came of it.
//!
//! Two sources are read alike: tables with a row for each person that names the arm and the outcomes, and raw events, where the first
//! event that names an arm assigns the person and later events of the metric's name within the window are the outcome. Somebody who
//! was seen in two arms belongs to neither, and somebody whose window is still open has no outcome yet.

use crate::base::Timestamp;
use crate::model::goods::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is measured of a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric<'a> {
    /// A field of the row that names the arm, or else the name of events.
    pub name: &'a str,
    /// The sum of values instead of whether it happened.
    pub value: bool,
}

/// How an experiment is read.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The field that names the arm.
    pub by: &'a str,
    /// The event that assigns; without it any event that names an arm does.
    pub exposed: Option<&'a str>,
    pub control: &'a str,
    /// Arms that were meant to be, besides the control; empty when whatever is found is an arm.
    pub declared: Vec<&'a str>,
    pub metrics: &'a [Metric<'a>],
    /// A field known before the experiment.
    pub covariate: Option<&'a str>,
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
    pub outcomes: Vec<Option<f64>>,
    pub covariate: Option<f64>,
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

/// Reads all rows; their order matters only between people assigned at the same time.
pub fn read<'a>(events: impl Iterator<Item = &'a Event>, rules: &Rules<'_>) -> Trial {
    let mut trial = Trial::default();
    let mut people: BTreeMap<(&str, usize), Vec<&Event>> = BTreeMap::new();
    for (at, event) in events.enumerate() {
        if event.at > rules.now {
            trial.future += 1;
        } else if !event.who.is_empty() {
            people.entry((&event.who, 0)).or_default().push(event);
        } else if arm_of(event, rules).is_some() {
            // A table without names: every row is somebody.
            people.entry(("", at)).or_default().push(event);
        }
    }
    let mut assigned: Vec<(&str, Vec<&Event>, &Event)> = Vec::new();
    for mut events in people.into_values() {
        events.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        let arms: BTreeSet<&str> = events.iter().filter_map(|event| arm_of(event, rules)).collect();
        let Some(first) = events.iter().copied().find(|event| arm_of(event, rules).is_some()) else { continue };
        match arms.first() {
            Some(arm) if arms.len() == 1 => assigned.push((*arm, events, first)),
            _ => trial.mixed += 1,
        }
    }
    let found: BTreeSet<&str> = assigned.iter().map(|(arm, ..)| *arm).collect();
    trial.arms.push(rules.control.to_owned());
    if rules.declared.is_empty() {
        trial.arms.extend(found.iter().filter(|arm| **arm != rules.control).map(|arm| (*arm).to_owned()));
    } else {
        trial.arms.extend(rules.declared.iter().filter(|arm| **arm != rules.control).map(|arm| (*arm).to_owned()));
    }
    let from_fields: Vec<bool> =
        rules.metrics.iter().map(|metric| assigned.iter().any(|(.., first)| first.fields.contains_key(metric.name))).collect();
    assigned.sort_by_key(|(_, _, first)| first.at);
    for (arm, events, first) in assigned {
        let Some(arm) = trial.arms.iter().position(|known| known == arm) else {
            trial.strangers += 1;
            continue;
        };
        let open = rules.now.since(first.at) < rules.window;
        trial.open += usize::from(open && from_fields.contains(&false));
        let outcomes = rules
            .metrics
            .iter()
            .zip(&from_fields)
            .map(|(metric, from_field)| match (from_field, open) {
                (true, _) => number(first.fields.get(metric.name)?).map(|found| of(metric, found)),
                (false, true) => None,
                (false, false) => Some(outcome(metric, &events, first.at, rules.window)),
            })
            .collect();
        let covariate = rules.covariate.and_then(|name| number(first.fields.get(name)?));
        trial.people.push(Person { arm, since: first.at, outcomes, covariate });
    }
    trial
}

fn arm_of<'a>(event: &'a Event, rules: &Rules<'_>) -> Option<&'a str> {
    let assigns = rules.exposed.is_none_or(|name| event.name == name);
    event.fields.get(rules.by).map(|arm| arm.trim()).filter(|arm| assigns && !arm.is_empty())
}

/// What events within the window come to.
fn outcome(metric: &Metric<'_>, events: &[&Event], since: Timestamp, window: Duration) -> f64 {
    let counted = events.iter().filter(|event| event.name == metric.name && event.at >= since && event.at.since(since) <= window);
    if metric.value {
        counted.filter_map(|event| event.value).filter(|value| value.is_finite()).sum()
    } else {
        f64::from(counted.count() > 0)
    }
}

fn of(metric: &Metric<'_>, found: f64) -> f64 {
    if metric.value { found } else { f64::from(found > 0.0) }
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
        let metrics = [Metric { name: "buy", value: false }, Metric { name: "buy", value: true }];
        let rules = Rules {
            by: "variant",
            exposed: None,
            control: "old",
            declared: vec![],
            metrics: &metrics,
            covariate: None,
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
        let found: Vec<(usize, &[Option<f64>])> = trial.people.iter().map(|p| (p.arm, &p.outcomes[..])).collect();
        assert_eq!(found, [(1, &[Some(1.0), Some(25.0)][..]), (0, &[Some(0.0), Some(0.0)]), (0, &[None, None])]);
        assert_eq!((trial.mixed, trial.open, trial.future, trial.strangers), (1, 1, 1, 0));
        let mut turned = events.to_vec();
        turned.reverse();
        assert_eq!(read(turned.iter(), &rules), trial);
        let declared = Rules { declared: vec!["other"], ..rules };
        let trial = read(events.iter(), &declared);
        assert_eq!((trial.arms, trial.strangers), (vec!["old".to_owned(), "other".to_owned()], 1));
    }
}
