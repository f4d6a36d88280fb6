//! The people of an experiment: in which arm each of them was, since when, and what came of it.
//!
//! Two sources are read alike: tables with a row for each person that names the arm and the outcomes, and raw events, where the first
//! event that names an arm assigns the person and later events of the metric's name within the window are the outcome. Somebody who
//! was seen in two arms belongs to neither, and somebody whose window is still open has no outcome yet. Where no field names the arm it
//! is made: a hash of the experiment and the person, so that everybody stays where they were, whatever comes later.

use crate::base::Timestamp;
use crate::model::goods::Event;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
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

/// Reads all rows; their order matters only between people assigned at the same time.
pub fn read<'a>(events: impl Iterator<Item = &'a Event>, rules: &Rules<'_>) -> Trial {
    let mut trial = Trial::default();
    let mut people: BTreeMap<(&str, usize), Vec<&Event>> = BTreeMap::new();
    for (at, event) in events.enumerate() {
        if event.at > rules.now {
            trial.future += 1;
        } else if !event.who.is_empty() {
            people.entry((&event.who, 0)).or_default().push(event);
        } else if arm_of(event, rules, None).is_some() {
            // A table without names: every row is somebody.
            people.entry(("", at)).or_default().push(event);
        }
    }
    let names: Vec<&str> = std::iter::once(rules.control).chain(rules.declared.iter().copied()).collect();
    let mut assigned: Vec<(&str, Vec<&Event>, &Event)> = Vec::new();
    for ((who, _), mut events) in people {
        events.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        let made = rules.made.as_ref().map(|made| arm_made(made, who)).and_then(|arm| names.get(arm).copied());
        let arms: BTreeSet<&str> = events.iter().filter_map(|event| arm_of(event, rules, made)).collect();
        let Some(first) = events.iter().copied().find(|event| arm_of(event, rules, made).is_some()) else { continue };
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
                (true, _) => from_row(metric, first),
                (false, true) => None,
                (false, false) => outcome(metric, &events, first.at, rules.window),
            })
            .collect();
        let covariate = rules.covariate.and_then(|name| number(first.fields.get(name)?));
        let segment = rules.segment.and_then(|name| first.fields.get(name)).map(|value| value.trim().to_owned());
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

fn arm_of<'a>(event: &'a Event, rules: &Rules<'_>, made: Option<&'a str>) -> Option<&'a str> {
    let assigns = rules.exposed.is_none_or(|name| event.name == name);
    let named = match (made, &rules.made) {
        (Some(arm), _) => Some(arm),
        (None, Some(_)) => None,
        (None, None) => event.fields.get(rules.by).map(|arm| arm.trim()),
    };
    named.filter(|arm| assigns && !arm.is_empty())
}

/// What events within the window come to; `None` where there is nothing to measure.
fn outcome(metric: &Metric<'_>, events: &[&Event], since: Timestamp, window: Duration) -> Option<Outcome> {
    let counted = |name: &str| {
        let name = name.to_owned();
        events.iter().filter(move |event| event.name == name && event.at >= since && event.at.since(since) <= window)
    };
    let finite = |event: &&&Event| event.value.filter(|value| value.is_finite());
    let values = || counted(metric.name).filter_map(|event| finite(&event)).sum::<f64>();
    let plain = |amount: f64| Some(Outcome { amount, per: 1.0 });
    match metric.measure {
        Measure::Rate => plain(f64::from(u8::from(counted(metric.name).next().is_some()))),
        Measure::Value => plain(values()),
        Measure::Ratio { of } => Some(Outcome {
            amount: counted(metric.name).map(|event| finite(&event).unwrap_or(1.0)).sum(),
            per: counted(of).count() as f64,
        }),
        Measure::Quantile { .. } => counted(metric.name).next().and_then(|_| plain(values())),
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
