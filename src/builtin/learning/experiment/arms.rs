//! The people of an experiment: in which arm each of them was, since when, and what came of it.
//!
//! Two sources are read alike: tables with a row for each person that names the arm and the outcomes, and raw events, where the first
//! event that names an arm assigns the person and later events of the metric's name within the window are the outcome. Somebody who
//! was seen in two arms belongs to neither, and somebody whose window is still open has no outcome yet. Where no field names the arm it
//! is made: a hash of the experiment and the person, so that everybody stays where they were, whatever comes later.

use super::assign::{Place, Reading};
use crate::base::Timestamp;
use crate::model::goods::Events;
use sha2::{Digest as _, Sha256};
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

/// Everybody in an experiment, by columns: people stand in the order of their assignment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// The control first.
    pub arms: Vec<String>,
    /// The arm of each person.
    pub arm: Vec<u16>,
    pub since: Vec<Timestamp>,
    /// By metric, then by person; `None` while it is open or where the field holds no number.
    pub outcomes: Vec<Vec<Option<Outcome>>>,
    /// Of each person, when there is one to read.
    pub covariate: Vec<Option<f64>>,
    /// The same, as a place among `segments`.
    pub segment: Vec<Option<u32>>,
    pub segments: Vec<String>,
    /// People seen in more than one arm.
    pub mixed: usize,
    /// People in arms that were not declared.
    pub strangers: usize,
    /// Rows dated after now.
    pub future: usize,
    /// Rows that name an arm and nobody, beside others that name somebody: what came of them cannot be known.
    pub nameless: usize,
    /// People whose window is still open.
    pub open: usize,
}

impl Trial {
    /// How many people there are.
    pub fn people(&self) -> usize {
        self.arm.len()
    }

    /// People in each arm.
    pub fn sizes(&self) -> Vec<f64> {
        let mut sizes = vec![0.0; self.arms.len()];
        self.arm.iter().for_each(|arm| sizes[usize::from(*arm)] += 1.0);
        sizes
    }
}

/// Reads all rows; their order matters only between people assigned at the same time.
pub fn read(batches: &[&Events], rules: &Rules<'_>) -> Trial {
    let mut reading = Reading::new(batches, rules);
    match batches {
        // As sources give them: nothing has to be put in order.
        [events] if events.times().is_sorted() => reading.follow(events.len(), |row| (0, row as u32)),
        _ => {
            let of = |(batch, events): (usize, &&Events)| (0..events.len() as u32).map(move |row| (batch as u32, row));
            let mut rows: Vec<Place> = batches.iter().enumerate().flat_map(of).collect();
            rows.sort_by_key(|(batch, row)| batches[*batch as usize].times()[*row as usize]);
            reading.follow(rows.len(), |row| rows[row]);
        }
    }
    reading.finish()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goods::Event;

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
        let of = |events: &[Event], rules: &Rules<'_>| read(&[&Events::new("site", events)], rules);
        let trial = of(&events, &rules);
        assert_eq!(trial.arms, ["old", "new"]);
        let amounts: Vec<Vec<Option<f64>>> =
            trial.outcomes.iter().map(|outcomes| outcomes.iter().map(|outcome| Some((*outcome)?.amount)).collect()).collect();
        assert_eq!(trial.arm, [1, 0, 0]);
        assert_eq!(amounts, [[Some(1.0), Some(0.0), None], [Some(25.0), Some(0.0), None]]);
        assert_eq!((trial.mixed, trial.open, trial.future, trial.strangers), (1, 1, 1, 0));
        let mut turned = events.to_vec();
        turned.reverse();
        assert_eq!(of(&turned, &rules), trial);
        // The same people over two sources, the second of which is older.
        let (late, early): (Vec<Event>, Vec<Event>) = events.iter().cloned().partition(|event| event.at.0 >= 5 * DAY);
        assert_eq!(read(&[&Events::new("new", &late), &Events::new("old", &early)], &rules), trial);
        let declared = Rules { declared: vec!["other"], ..rules };
        let trial = of(&events, &declared);
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
        let trial = read(&[&Events::new("site", &events)], &rules);
        assert_eq!(trial.arms, ["old", "new"]);
        let outcome = |amount: f64, per: f64| Some(Outcome { amount, per });
        assert_eq!(trial.outcomes, [[outcome(1.0, 2.0), outcome(0.0, 1.0)], [outcome(4.0, 1.0), None]]);
    }

    // Rows of one moment have no order: what the first of them says must not depend on where it stands.
    #[test]
    fn rows_of_one_moment_count_whichever_stands_first() {
        let metrics = [Metric { name: "buy", measure: Measure::Value }];
        let rules = Rules {
            by: "variant",
            made: None,
            exposed: Some("view"),
            control: "old",
            declared: vec![],
            metrics: &metrics,
            covariate: None,
            segment: Some("country"),
            window: Duration::from_secs(86_400),
            now: Timestamp(30 * DAY),
        };
        let mut view = event("b", 1, "view", Some("new"), None);
        view.fields.insert("country".into(), "fr".into());
        let mut events = vec![
            event("b", 1, "buy", None, Some(3.0)),
            view,
            event("a", 1, "view", Some("old"), None),
            event("a", 1, "buy", Some("new"), Some(2.0)),
            event("b", 1, "buy", None, Some(4.0)),
        ];
        let trial = read(&[&Events::new("site", &events)], &rules);
        let amounts: Vec<f64> = trial.outcomes[0].iter().flatten().map(|outcome| outcome.amount).collect();
        assert_eq!((trial.arm.as_slice(), amounts.as_slice(), trial.mixed), (&[0, 1][..], &[2.0, 7.0][..], 0));
        assert_eq!((trial.segments.as_slice(), trial.segment.as_slice()), (&["fr".to_owned()][..], &[None, Some(0)][..]));
        events.reverse();
        assert_eq!(read(&[&Events::new("site", &events)], &rules), trial);
    }
}
