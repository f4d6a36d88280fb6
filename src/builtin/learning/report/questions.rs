//! The three questions of a report, answered from its history, and whether accepted changes helped. Every comparison has an
//! interval; where there is too little, it says how much is missing.

use super::history::{Accepted, Author, Failure, History, Piece};
use super::proposals;
use crate::base::{InOrder, Timestamp};
use crate::client_os::Goal;
use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Insight, Measure, Subject};
use crate::stats::intervals::{Interval, Sample, newcombe, welch};
use crate::stats::summary::mean;
use std::collections::BTreeMap;

const LEVEL: f64 = 0.95;
/// Fewest pieces on each side of a comparison, and fewest outcomes on both together.
pub const PIECES_MIN: usize = 10;
pub const OUTCOMES_MIN: f64 = 5.0;
/// Fewest pieces after a change before anything is said about it.
const AFTER_MIN: usize = 6;

fn counted(count: usize, word: &str) -> String {
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
    let outcomes: f64 = history.pieces.iter().map(|piece| piece.outcomes).sum();
    if history.outcomes_seen && outcomes >= OUTCOMES_MIN {
        unit = "outcomes a piece";
        for (pillar, pieces) in &by_pillar {
            let own: Vec<f64> = pieces.iter().map(|piece| piece.outcomes).collect();
            let others: Vec<f64> = history
                .pieces
                .iter()
                .filter(|piece| piece.pillar.as_deref().unwrap_or("no pillar") != *pillar)
                .map(|piece| piece.outcomes)
                .collect();
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
                None => format!("{pillar}: {:.2} outcomes a piece, the same for all.", mean(&own)),
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
fn interval_of_mean(values: &[f64]) -> Option<(f64, f64)> {
    let sample = Sample::of(values);
    if sample.count < 2.0 || sample.variance.is_nan() || sample.variance <= 0.0 {
        return None;
    }
    let reach =
        crate::stats::special::student_quantile(0.5 + LEVEL / 2.0, sample.count - 1.0) * (sample.variance / sample.count).sqrt();
    Some((sample.mean - reach, sample.mean + reach))
}

/// Question two: do pieces that a machine had a hand in beat those that people wrote?
pub fn people(history: &History) -> Section {
    let title = "Do AI-assisted pieces beat human-only ones?".to_owned();
    let of =
        |wanted: &[Author]| -> Vec<&Piece> { history.pieces.iter().filter(|piece| wanted.contains(&piece.author)).collect() };
    let (assisted, human) = (of(&[Author::Generated, Author::Assisted]), of(&[Author::Person]));
    if assisted.is_empty() && human.is_empty() {
        return Section { title, says: vec!["Nothing to compare yet.".to_owned()], bars: Vec::new(), unit: String::new() };
    }
    let changed = of(&[Author::Assisted]);
    let mut says = vec![format!(
        "{} generated and went out as they were, {} by a person on the way, {} by a person.",
        match of(&[Author::Generated]).len() {
            1 => "1 piece was".to_owned(),
            n => format!("{n} pieces were"),
        },
        match changed.len() {
            1 => "1 was changed".to_owned(),
            n => format!("{n} were changed"),
        },
        match human.len() {
            1 => "1 was written".to_owned(),
            n => format!("{n} were written"),
        }
    )];
    if !changed.is_empty() {
        let kept: Vec<f64> = changed.iter().map(|piece| piece.kept * 100.0).collect();
        let between = interval_of_mean(&kept)
            .map_or_else(String::new, |(low, high)| format!(" (between {:.0} % and {:.0} %)", low.max(0.0), high.min(100.0)));
        says.push(format!("Of the changed ones, {:.0} % of the words were kept on average{between}.", mean(&kept)));
    }
    let outcomes = |pieces: &[&Piece]| pieces.iter().map(|piece| piece.outcomes).collect::<Vec<f64>>();
    let (ours, theirs) = (outcomes(&assisted), outcomes(&human));
    let total: f64 = ours.iter().chain(&theirs).sum();
    let mut missing = Vec::new();
    for (count, word) in [(ours.len(), "AI-assisted piece"), (theirs.len(), "human-only piece")] {
        if count < PIECES_MIN {
            missing.push(counted(PIECES_MIN - count, &format!("more {word}")));
        }
    }
    if total < OUTCOMES_MIN {
        missing.push(counted((OUTCOMES_MIN - total).ceil() as usize, "more outcome"));
    }
    let mut bars = Vec::new();
    if missing.is_empty() {
        for (label, values) in [("AI-assisted", &ours), ("human-only", &theirs)] {
            bars.push(Bar { label: label.to_owned(), value: mean(values), interval: interval_of_mean(values) });
        }
        says.push(match difference(&ours, &theirs) {
            Some(found) => {
                let verdict = match (found.contains(0.0), found.estimate > 0.0) {
                    (true, _) => "AI-assisted pieces cannot be told from human-only ones",
                    (false, true) => "AI-assisted pieces beat human-only ones",
                    (false, false) => "AI-assisted pieces trail human-only ones",
                };
                format!(
                    "{verdict}: {:.2} outcomes a piece against {:.2} (difference {:+.2}, between {:+.2} and {:+.2}).",
                    mean(&ours),
                    mean(&theirs),
                    found.estimate,
                    found.low,
                    found.high
                )
            }
            None => "Every piece brought the same.".to_owned(),
        });
    } else {
        says.push(format!("Not enough evidence yet on which do better; it takes {}.", listed(&missing)));
    }
    Section { title, says, unit: if bars.is_empty() { String::new() } else { "outcomes a piece".to_owned() }, bars }
}

fn listed(parts: &[String]) -> String {
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
            let found = judged(history, accepted);
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
    TooEarly { missing: usize },
    NotCounted,
    Told { before: f64, after: f64, n: (usize, usize), difference: Option<Interval> },
}

/// Pieces before the change against pieces after it. A person may have accepted several changes at once: then each is judged by
/// its own measure, and nothing tells them apart beyond that.
pub fn judged(history: &History, accepted: &Accepted) -> Judged {
    if accepted.measure == Measure::Person || (accepted.measure == Measure::Outcomes && !history.outcomes_seen) {
        return Judged::NotCounted;
    }
    let values = history.measured(&accepted.measure);
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
    }
}

impl Judged {
    fn says(&self, measure: &Measure) -> String {
        match self {
            Judged::TooEarly { missing } => {
                format!("too early to say; it takes {} to judge it by the {}.", counted(*missing, "more piece"), measure.name())
            }
            Judged::NotCounted => format!("judged by {}; nothing in the loop counts that.", measure.name()),
            Judged::Told { before, after, n, difference } => {
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
                    None => "nothing changed".to_owned(),
                };
                format!(
                    "{change}: {} {before:.2} over {} before, {after:.2} over {} after.",
                    measure.name(),
                    counted(n.0, "piece"),
                    counted(n.1, "piece")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        }
    }

    fn history(pieces: Vec<Piece>) -> History {
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
    fn assisted_pieces_are_compared_with_a_persons_only_when_there_are_enough() {
        let few = history((0..6).map(|n| piece(n, if n < 4 { Author::Generated } else { Author::Person }, 0.0)).collect());
        assert_eq!(
            people(&few).says[1],
            "Not enough evidence yet on which do better; it takes 6 more AI-assisted pieces, 8 more human-only pieces and 5 more outcomes."
        );
        let pieces = (0..40).map(|n| {
            piece(n, if n < 20 { Author::Generated } else { Author::Person }, if n < 20 { 4.0 } else { 1.0 } + (n % 3) as f64)
        });
        let many = people(&history(pieces.collect()));
        assert!(
            many.says[1].starts_with(
                "AI-assisted pieces beat human-only ones: 4.95 outcomes a piece against 2.00 (difference +2.95, between"
            ),
            "{:?}",
            many.says
        );
        assert_eq!(many.bars.len(), 2);
        let same = (0..40).map(|n| piece(n, if n < 20 { Author::Assisted } else { Author::Person }, (n % 5) as f64));
        assert!(people(&history(same.collect())).says[2].starts_with("AI-assisted pieces cannot be told from"));
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
}
