//! The three questions of a report, answered from its history, and whether accepted changes helped. Every comparison has an
//! interval; where there is too little, it says how much is missing.

use super::history::{Accepted, Failure, History, Piece, SPANS};
use super::proposals;
use crate::base::{InOrder, Timestamp};
use crate::client_os::Goal;
use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Insight, Measure, Subject};
use crate::stats::intervals::{Interval, Sample, newcombe, welch};
use crate::stats::summary::mean;
use std::collections::BTreeMap;

pub(super) const LEVEL: f64 = 0.95;
/// Fewest pieces on each side of a comparison, and fewest outcomes on both together.
pub const PIECES_MIN: usize = 10;
pub const OUTCOMES_MIN: f64 = 5.0;
/// Fewest pieces after a change before anything is said about it.
const AFTER_MIN: usize = 6;

pub(super) fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// The first minus the second, with its interval: Newcombe's for shares, Welch's for other numbers. When neither side varies and
/// both are the same, the difference is zero as far as anybody has seen, and there is no interval.
pub fn difference(first: &[f64], second: &[f64]) -> Option<Interval> {
    let is_share = first.iter().chain(second).all(|value| *value == 0.0 || *value == 1.0);
    if is_share {
        let count = |values: &[f64]| (values.iter().sum::<f64>(), values.len() as f64);
        return newcombe(count(first), count(second), LEVEL);
    }
    welch(Sample::of(first), Sample::of(second), LEVEL).map(|difference| difference.interval)
}

/// Question one: which content works, and for which pillar?
pub fn works(history: &History, new: usize, insights: &[Insight], outcome: &str) -> Section {
    let total = history.pieces.len();
    let mut says = vec![match total {
        0 => "Nothing has gone out yet.".to_owned(),
        1 => "1 piece has gone out so far.".to_owned(),
        _ => format!("{total} pieces have gone out so far, {new} of them in this cycle."),
    }];
    let mut by_pillar: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for piece in &history.pieces {
        by_pillar.entry(piece.pillar.as_deref().unwrap_or("no pillar")).or_default().push(piece);
    }
    let mut bars: Vec<Bar> = Vec::new();
    let mut unit = "pieces";
    let outcomes: f64 = history.counted().map(|piece| piece.outcomes).sum();
    if history.outcomes_seen && outcomes >= OUTCOMES_MIN {
        unit = "outcomes a piece";
        for pillar in by_pillar.keys() {
            let is_own = |piece: &&Piece| piece.pillar.as_deref().unwrap_or("no pillar") == *pillar;
            let own: Vec<f64> = history.counted().filter(is_own).map(|piece| piece.outcomes).collect();
            if own.is_empty() {
                continue;
            }
            let others: Vec<f64> = history.counted().filter(|piece| !is_own(piece)).map(|piece| piece.outcomes).collect();
            let spread = interval_of_mean(&own);
            bars.push(Bar { label: (*pillar).to_owned(), value: mean(&own), interval: spread });
            let pieces = counted(own.len(), "piece");
            if own.len() < PIECES_MIN || others.len() < PIECES_MIN {
                let missing = PIECES_MIN.saturating_sub(own.len().min(others.len()));
                says.push(format!(
                    "{pillar}: {:.2} outcomes a piece over {pieces}; before it can be compared with the others it takes {}.",
                    mean(&own),
                    counted(missing, "more piece")
                ));
                continue;
            }
            says.push(match difference(&own, &others) {
                Some(found) if !found.contains(0.0) => format!(
                    "{pillar} {} the others: {:.2} outcomes a piece against {:.2} (difference {:+.2}, between {:+.2} and {:+.2}; {pieces}).",
                    if found.estimate > 0.0 { "beats" } else { "trails" },
                    mean(&own),
                    mean(&others),
                    found.estimate,
                    found.low,
                    found.high
                ),
                Some(found) => format!(
                    "{pillar} cannot be told from the others: {:.2} outcomes a piece against {:.2} (difference between {:+.2} and {:+.2}).",
                    mean(&own),
                    mean(&others),
                    found.low,
                    found.high
                ),
                None => format!("{pillar}: {:.2} outcomes a piece against {:.2}; neither varies.", mean(&own), mean(&others)),
            });
        }
    } else {
        bars.extend(by_pillar.iter().map(|(pillar, pieces)| Bar {
            label: (*pillar).to_owned(),
            value: pieces.len() as f64,
            interval: None,
        }));
        if total > 0 {
            let missing = (OUTCOMES_MIN - outcomes).ceil();
            says.push(format!(
                "Not enough evidence yet on which pillar works: {} come home to a piece, and it takes {missing} more. Links carry each piece's \
key; wire a source of events with `{outcome}` to this report.",
                match outcomes {
                    0.0 => "no outcome has".to_owned(),
                    1.0 => "1 outcome has".to_owned(),
                    _ => format!("{outcomes} outcomes have"),
                }
            ));
        }
    }
    says.extend(
        insights
            .iter()
            .filter(|insight| matches!(insight.subject, Subject::Piece(_) | Subject::Pillar(_)))
            .map(|i| i.says.clone()),
    );
    Section { title: "Which content works, and for which pillar?".to_owned(), says, bars, unit: unit.to_owned() }
}

/// Whether the word of a judge is worth something. No section where none was asked.
pub fn judges(history: &History) -> Option<Section> {
    let says: Vec<String> = history
        .judges
        .iter()
        .map(|(judge, agreement)| format!("The judge `{judge}`: {}.", crate::stats::kappa::words(&agreement.table())))
        .collect();
    let title = "Do judges agree with people?".to_owned();
    (!says.is_empty()).then(|| Section { title, says, bars: Vec::new(), unit: String::new() })
}

/// The interval of a mean, when the values vary.
pub(super) fn interval_of_mean(values: &[f64]) -> Option<(f64, f64)> {
    let sample = Sample::of(values);
    if sample.count < 2.0 || sample.variance.is_nan() || sample.variance <= 0.0 {
        return None;
    }
    let reach =
        crate::stats::special::student_quantile(0.5 + LEVEL / 2.0, sample.count - 1.0) * (sample.variance / sample.count).sqrt();
    Some((sample.mean - reach, sample.mean + reach))
}

pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Question three: what goes wrong most often, and which file is to be looked at?
pub fn failures(history: &History) -> Section {
    let mut counts: BTreeMap<Failure, (usize, usize)> = BTreeMap::new();
    for failure in history.pieces.iter().flat_map(|piece| &piece.failures) {
        counts.entry(*failure).or_default().0 += 1;
    }
    for failure in history.turned.iter().filter_map(|turned| turned.failure) {
        counts.entry(failure).or_default().1 += 1;
    }
    // What people cut is drift, whatever the checks say.
    let cut =
        history.pieces.iter().filter(|piece| !piece.cut.is_empty() && !piece.failures.contains(&Failure::VoiceDrift)).count();
    if cut > 0 {
        counts.entry(Failure::VoiceDrift).or_default().0 += cut;
    }
    let mut most: Vec<(Failure, (usize, usize))> = Failure::ALL.into_iter().filter_map(|f| Some((f, *counts.get(&f)?))).collect();
    most.order_by_key(|(failure, (pieces, turned))| (std::cmp::Reverse(pieces + turned), *failure));
    let mut says: Vec<String> = most
        .iter()
        .map(|(failure, (pieces, turned))| {
            let mut where_found = Vec::new();
            if *pieces > 0 {
                where_found.push(format!("in {} that went out", counted(*pieces, "piece")));
            }
            if *turned > 0 {
                where_found.push(format!("as the reason for turning {} down", counted(*turned, "piece")));
            }
            let mut name = failure.name().to_owned();
            name[..1].make_ascii_uppercase();
            format!("{name}: found {}; look at {}.", listed(&where_found), failure.file())
        })
        .collect();
    let silent = history.turned.iter().filter(|turned| turned.failure.is_none()).count();
    if silent > 0 {
        let reason = if silent == 1 { "a reason that names none of these" } else { "reasons that name none of these" };
        says.push(format!(
            "{} turned down without a reason, or for {reason}.",
            match silent {
                1 => "1 piece was".to_owned(),
                n => format!("{n} pieces were"),
            }
        ));
    }
    if says.is_empty() {
        says.push("The checks found nothing in what went out, and nobody cut or turned down anything.".to_owned());
    }
    let bars = most
        .iter()
        .map(|(failure, (pieces, turned))| Bar {
            label: failure.name().to_owned(),
            value: (pieces + turned) as f64,
            interval: None,
        })
        .collect();
    Section { title: "What went wrong most often?".to_owned(), says, bars, unit: "pieces".to_owned() }
}

/// Days after which the course towards a changed goal can be told.
const COURSE_DAYS: f64 = 14.0;

/// Where the present course leads since a goal was changed: `None` when nothing counts it.
fn course(history: &History, accepted: &Accepted, goals: &[Goal], now: Timestamp) -> Option<String> {
    let name = accepted.key.strip_prefix("goal/")?;
    let goal = goals.iter().find(|goal| goal.name == name)?;
    let since = history.pieces.iter().filter(|piece| piece.at > accepted.at);
    let count = match goal.metric.as_str() {
        "published" | "pieces" | "posts" => since.count() as f64,
        metric if history.metrics.contains(metric) && history.outcomes_seen => since.map(|piece| piece.outcomes).sum(),
        _ => return None,
    };
    let days = now.days_since(accepted.at);
    if days < COURSE_DAYS {
        let more = (COURSE_DAYS - days).ceil() as usize;
        return Some(format!("too early to say; it takes {} to tell the course.", counted(more, "more day")));
    }
    let scale = proposals::days(&goal.per) / days;
    let (least, most) = (proposals::rate_least(count as u64) * scale, proposals::rate_most(count as u64) * scale);
    let verdict = if most < goal.target {
        "it is still out of reach"
    } else if least > goal.target {
        "it is passed with ease; a higher one would say more"
    } else {
        "it helped: the goal can be reached, and missed"
    };
    Some(format!(
        "{verdict}. Since then {count} in {days:.0} days, which is {:.1} per {} (between {least:.1} and {most:.1}); the goal is {}.",
        count * scale,
        goal.per,
        goal.target
    ))
}

/// Whether accepted changes helped: each by the measure that it was proposed with, before against after; a goal by the course
/// towards it.
pub fn helped(history: &History, goals: &[Goal], now: Timestamp) -> Option<Section> {
    if history.accepted.is_empty() {
        return None;
    }
    let mut bars = Vec::new();
    let says = history
        .accepted
        .iter()
        .rev()
        .map(|accepted| {
            let found = judged(history, accepted, now);
            if let Judged::Told { difference: Some(interval), .. } = &found {
                bars.push(Bar {
                    label: accepted.title.clone(),
                    value: interval.estimate,
                    interval: Some((interval.low, interval.high)),
                });
            }
            let days = now.days_since(accepted.at).floor();
            let says = course(history, accepted, goals, now).unwrap_or_else(|| found.says(&accepted.measure));
            format!("“{}”, accepted by {} {days} days ago: {says}", accepted.title, accepted.by)
        })
        .collect();
    Some(Section { title: "Did accepted changes help?".to_owned(), says, bars, unit: "change of the measure".to_owned() })
}

/// What is known about an accepted change.
pub enum Judged {
    TooEarly {
        missing: usize,
    },
    NotCounted,
    Told {
        before: f64,
        after: f64,
        n: (usize, usize),
        difference: Option<Interval>,
        /// Days after which every piece was looked at, of outcomes.
        within: Option<f64>,
    },
}

/// Pieces before the change against pieces after it. A person may have accepted several changes at once: then each is judged by
/// its own measure, and nothing tells them apart beyond that.
pub fn judged(history: &History, accepted: &Accepted, now: Timestamp) -> Judged {
    let by_outcomes = accepted.measure == Measure::Outcomes;
    if accepted.measure == Measure::Person || (by_outcomes && !history.outcomes_seen) {
        return Judged::NotCounted;
    }
    let (within, values) = match by_outcomes {
        false => (None, history.measured(&accepted.measure)),
        true => match history.at_the_same_age(accepted.at, now, AFTER_MIN) {
            Some((days, values)) => (Some(days), values),
            None => {
                let old = |piece: &&Piece| piece.at > accepted.at && now.days_since(piece.at) >= SPANS[0];
                return Judged::TooEarly { missing: AFTER_MIN.saturating_sub(history.counted().filter(old).count()).max(1) };
            }
        },
    };
    let (before, after): (Vec<_>, Vec<_>) = values.into_iter().partition(|(at, _)| *at <= accepted.at);
    let plain = |values: Vec<(Timestamp, f64)>| values.into_iter().map(|(_, value)| value).collect::<Vec<f64>>();
    let (before, after) = (plain(before), plain(after));
    if after.len() < AFTER_MIN {
        return Judged::TooEarly { missing: AFTER_MIN - after.len() };
    }
    if before.len() < 2 {
        return Judged::NotCounted;
    }
    Judged::Told {
        before: mean(&before),
        after: mean(&after),
        n: (before.len(), after.len()),
        difference: difference(&after, &before),
        within,
    }
}

impl Judged {
    fn says(&self, measure: &Measure) -> String {
        match self {
            Judged::TooEarly { missing } => {
                format!("too early to say; it takes {} to judge it by the {}.", counted(*missing, "more piece"), measure.name())
            }
            Judged::NotCounted => format!("judged by {}; nothing in the loop counts that.", measure.name()),
            Judged::Told { before, after, n, difference, within } => {
                let change = match difference {
                    Some(found) => {
                        let better = (found.estimate > 0.0) == measure.more_is_better();
                        let verdict = match (found.contains(0.0), better) {
                            (true, _) => "no difference that can be told from chance",
                            (false, true) => "it helped",
                            (false, false) => "it made things worse; think about taking it back",
                        };
                        format!("{verdict} (change {:+.2}, between {:+.2} and {:+.2})", found.estimate, found.low, found.high)
                    }
                    None if before == after => "nothing changed".to_owned(),
                    None => "it changed, and no interval can be told, because neither side varies".to_owned(),
                };
                let within = within.map_or_else(String::new, |days| format!(" within {}", counted(days as usize, "day")));
                format!(
                    "{change}: {}{within} {before:.2} over {} before, {after:.2} over {} after.",
                    measure.name(),
                    counted(n.0, "piece"),
                    counted(n.1, "piece")
                )
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::history::Author;
    use super::*;
    use crate::base::{Digest, ItemId};

    pub fn piece(n: usize, author: Author, outcomes: f64) -> Piece {
        Piece {
            key: format!("k{n}"),
            item: ItemId(Digest::of(format!("piece {n}"))),
            at: Timestamp(n as i64 * 86_400_000),
            title: format!("Piece {n}"),
            pillar: Some(if n.is_multiple_of(2) { "Ops" } else { "Data" }.to_owned()),
            channel: "blog".into(),
            author,
            kept: 1.0,
            cut: Vec::new(),
            shape: None,
            volume: Some(10.0 + n as f64),
            passed: false,
            sample: String::new(),
            failures: Vec::new(),
            breaks: Vec::new(),
            outcomes,
            within: Some([outcomes; SPANS.len()]),
            read: true,
        }
    }

    pub fn history(pieces: Vec<Piece>) -> History {
        History { pieces, outcomes_seen: true, ..History::default() }
    }

    #[test]
    fn a_changed_goal_is_judged_by_the_course_since_then() {
        const DAY: i64 = 86_400_000;
        let mut history = history((0..60).map(|n| piece(n, Author::Generated, 0.0)).collect());
        let key = "goal/posts".to_owned();
        let (title, by) = ("Set the goal".to_owned(), "Ada".to_owned());
        history.accepted.push(Accepted { key, title, by, at: Timestamp(30 * DAY), measure: Measure::Person });
        let says = |target: f64, day: i64| {
            let goal = Goal { name: "posts".into(), target, per: "month".into(), metric: "published".into(), until: None };
            helped(&history, &[goal], Timestamp(day * DAY)).expect("something was accepted").says[0].clone()
        };
        assert!(says(30.0, 36).ends_with("too early to say; it takes 8 more days to tell the course."), "{}", says(30.0, 36));
        // 29 pieces in 30 days.
        assert!(says(30.0, 60).contains("it helped: the goal can be reached, and missed"), "{}", says(30.0, 60));
        assert!(says(90.0, 60).contains("it is still out of reach. Since then 29 in 30 days, which is 29.4 per month"));
        assert!(says(5.0, 60).contains("passed with ease"));
        // A goal that is gone, or that nothing counts, is a person's to judge.
        assert!(helped(&history, &[], Timestamp(60 * DAY)).unwrap().says[0].contains("nothing in the loop counts that"));
    }

    #[test]
    fn a_pillar_is_compared_with_the_others_with_an_interval() {
        let section = works(
            &history((0..40).map(|n| piece(n, Author::Generated, if n % 2 == 0 { 3.0 } else { 0.0 } + (n % 4) as f64)).collect()),
            3,
            &[],
            "qualified",
        );
        assert!(section.says[2].starts_with("Ops beats the others: 4.00 outcomes a piece against 2.00"), "{:?}", section.says);
        assert!(section.bars.iter().all(|bar| bar.interval.is_some()));
        let nothing =
            works(&History { pieces: vec![piece(1, Author::Generated, 0.0)], ..History::default() }, 1, &[], "qualified");
        assert!(nothing.says[1].contains("no outcome has come home to a piece, and it takes 5 more"), "{:?}", nothing.says);
    }

    #[test]
    fn an_accepted_change_is_judged_by_its_own_measure_when_enough_came_after() {
        let mut history =
            history((0..30).map(|n| piece(n, if n < 20 { Author::Assisted } else { Author::Generated }, 0.0)).collect());
        let accepted = |at: i64| Accepted {
            key: "style/blog".into(),
            title: "Short".into(),
            by: "Ada".into(),
            at: Timestamp(at * 86_400_000),
            measure: Measure::Edited,
        };
        history.accepted = vec![accepted(19)];
        let says = helped(&history, &[], Timestamp(30 * 86_400_000)).expect("something was accepted").says;
        assert!(says[0].contains("accepted by Ada 11 days ago: it helped (change -1.00, between"), "{says:?}");
        history.accepted = vec![accepted(27)];
        assert!(
            helped(&history, &[], Timestamp(30 * 86_400_000)).expect("accepted").says[0]
                .contains("too early to say; it takes 4 more pieces")
        );
    }

    // The same pieces bring ever more: at their own age, those before a change would always look better.
    #[test]
    fn outcomes_before_and_after_a_change_are_counted_at_the_same_age() {
        const DAY: i64 = 86_400_000;
        // One a day, each outcome a day or more after its piece.
        let of_age = |age: f64, a_day: f64| SPANS.map(|span| (span.min(age) * a_day).floor());
        let made = |n: usize, a_day: f64| {
            let within = of_age(50.0 - n as f64, a_day);
            Piece { within: Some(within), outcomes: within[SPANS.len() - 1], ..piece(n, Author::Generated, 0.0) }
        };
        let judge = |after: f64, now: i64| {
            let mut history = history((0..50).map(|n| made(n, if n <= 30 { 1.0 } else { after })).collect());
            let (key, title, by) = ("pillar-weight/Ops".to_owned(), "More".to_owned(), "Ada".to_owned());
            history.accepted = vec![Accepted { key, title, by, at: Timestamp(30 * DAY), measure: Measure::Outcomes }];
            helped(&history, &[], Timestamp(now * DAY)).expect("something was accepted").says[0].clone()
        };
        let same = judge(1.0, 50);
        assert!(
            same.contains("nothing changed: outcomes a piece within 14 days 14.00 over 31 pieces before, 14.00 over 6"),
            "{same}"
        );
        let twice = judge(2.0, 50);
        assert!(twice.contains("it changed, and no interval can be told, because neither side varies"), "{twice}");
        assert!(twice.contains("within 14 days 14.00 over 31 pieces before, 28.00 over 6 pieces after."), "{twice}");
        // Six pieces with a week behind them are not there yet: three days have to do; then nothing does.
        assert!(
            judge(1.0, 40).contains("within 3 days 3.00 over 31 pieces before, 3.00 over 7 pieces after"),
            "{}",
            judge(1.0, 40)
        );
        assert!(judge(1.0, 34).contains("too early to say; it takes 3 more pieces"), "{}", judge(1.0, 34));
    }

    #[test]
    fn pieces_of_which_nothing_can_be_known_yet_are_no_failures() {
        let mut pieces: Vec<Piece> =
            (0..40).map(|n| piece(n, Author::Generated, if n % 2 == 0 { 3.0 } else { 0.0 } + (n % 4) as f64)).collect();
        pieces.extend((40..60).map(|n| Piece { read: false, ..piece(n, Author::Generated, 0.0) }));
        let section = works(&history(pieces), 20, &[], "qualified");
        assert!(section.says[2].starts_with("Ops beats the others: 4.00 outcomes a piece against 2.00"), "{:?}", section.says);
    }
}
