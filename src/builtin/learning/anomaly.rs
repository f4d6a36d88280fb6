//! `anomaly`: unexpected changes, before the monthly report.
//!
//! Every series is followed point by point; only its newest point can raise an alarm, and only once: which point that was is kept
//! for the next cycle. The knob is how many false alarms a month one is willing to read over all series together.

use super::dense;
use super::series::{self, Counted, IGNORE, Ignored, NEXT, Per, Series};
use crate::base::{Digest, InOrder, ItemId, Timestamp};
use crate::model::goods::{Insight, Signal, SignalKind, Subject, Verdict};
use crate::model::{GoodKind, Layer, Scalar, Untrusted};
use crate::stats::anomaly::{Detector, Options, Reading, Verdict as Found};
use crate::stats::root_cause::{Element, explain, explained_interval};
use crate::stats::special::poisson_at_least;
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};
use std::collections::BTreeMap;

pub struct Anomaly;

static SPEC: KindSpec = KindSpec {
    verb: "anomaly",
    connector: None,
    layers: &[Layer::Intelligence, Layer::Learning],
    summary: "Raises an alarm when a series leaves its usual range.",
    doc: "Follows the volume of every topic (signals), or the number of events of one name per day, and compares the newest point with \
what level, trend and season led to expect. Alarms per month is the knob, shared by all series. Missing points are gaps, not zeros, and \
small counts are only unusual when chance would rarely bring them. A point raises its alarm once. Each alarm is also a signal: where the \
step stands in `intelligence`, it goes to `aggregate` and on to a brief beside what the market said; in `learning`, to the report, and \
by `next-cycle` to the `aggregate` that it names in the next cycle, as evidence like any other. With \
`explain`, an alarm about events says which \
channel, piece or other part makes the difference, and whether the day would have been usual without it. A series that is too short says so. A series of signals \
with a number every hour or oftener is watched by records instead: all points since the last cycle are judged, and one is told when it, \
or the stretch that it ends, departs further than nearly all before in many ways of looking: from the long mean, from its own level, from the same time of other days, and in how much it jumps about.",
    takes: &[GoodKind::Signal, GoodKind::Events],
    gives: &[GoodKind::Insight, GoodKind::Signal],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "metric",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "by",
                ty: ValueType::Choice(&["channel", "piece"]),
                required: false,
                default: None,
                doc: "Follow events of each channel or piece apart.",
            }],
            doc: "`volume` follows the series of signals; any other name counts the events of that name per day.",
            example: r#"metric "qualified" by="channel""#,
            default: Some("\"volume\""),
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("alarms", ValueType::Number, "How many false alarms a month one is willing to read.", "alarms 2").or("1"),
        NodeSpec::value(
            "season",
            ValueType::Integer,
            "Points in one season, such as 7 for days with a week in them.",
            "season 7",
        ),
        NodeSpec {
            name: "explain",
            args: &[ArgSpec { name: "dimension", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "Where to look for the cause of an alarm about events: `channel`, `piece`, or fields of the rows.",
            example: r#"explain "channel" "device""#,
            ..NodeSpec::EMPTY
        },
        IGNORE,
        NEXT,
    ],
    example: r#"anomaly "alarms" {
    from "site"
    metric "qualified"
    explain "channel" "piece"
    ignore "2026-12-24" to="2026-12-26" because="Christmas"
    next-cycle "market"
}"#,
    keeps: Some("the newest point judged in every series, so that no alarm is raised twice"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// The newest point judged in every series.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Kept {
    judged: BTreeMap<String, Timestamp>,
}

/// An alarm before it is told.
struct Raised {
    /// How far from what was expected, in units of a Poisson deviation.
    surprise: f64,
    subject: String,
    at: Timestamp,
    insight: Insight,
    parents: Vec<ItemId>,
}

impl StepKind for Anomaly {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let metric = cx.config().child("metric");
        let name = metric.and_then(|node| node.arg()).and_then(Scalar::text).unwrap_or("volume");
        let by = metric.and_then(|node| node.prop("by")).and_then(Scalar::text);
        let series = if name == "volume" {
            series::of_signals(cx)
        } else {
            series::of_events(cx, &Counted { name, value: false, by, per: Per::Day, only: None, aligned: false })
        };
        let knob = cx.config().number("alarms").unwrap_or(1.0).max(1e-3);
        let period = cx.config().integer("season").and_then(|period| usize::try_from(period).ok()).filter(|period| *period > 1);
        let mut output = Output::default();
        let ignored = Ignored::read(cx.config(), &cx.workflow.zone);
        for text in &ignored.unread {
            output.note(NoteLevel::Warning, format!("`ignore \"{text}\"` names no time and was not used."));
        }
        let before: Kept = cx.state.and_then(|state| serde_json::from_value(state.clone()).ok()).unwrap_or_default();
        let mut kept = before.clone();
        let dark = series.values().map(Series::dark_days).max_by_key(String::len).unwrap_or_default();
        if !dark.is_empty() {
            output.note(NoteLevel::Warning, dark);
        }
        let (mut short, mut silent) = (0, 0);
        let followed = series.len();
        let mut raised: Vec<Raised> = Vec::new();
        for (subject, mut series) in series {
            ignored.apply(&mut series.points, &cx.workflow.zone);
            let Some((at, Some(value))) = series.points.last().copied() else { continue };
            silent += usize::from(series.silent);
            let mut detector = Detector::new(Options {
                period,
                alarms_per_month: knob / followed as f64,
                points_per_month: points_per_month(&series.points),
                refractory: 1,
            });
            let each = detector.options.alarms_per_month;
            let rate = (detector.options.alarms_per_month / detector.options.points_per_month).min(0.5);
            if dense::is_dense(&series.points, detector.options.points_per_month) {
                let since = before.judged.get(&subject).copied();
                let found = dense::newest(&series.points, detector.options.points_per_month, each, since);
                kept.judged.insert(subject.clone(), at);
                let counted = series.points.iter().flat_map(|(_, value)| value).all(|value| *value >= 0.0);
                raised.extend(found.map(|found| Raised {
                    // Votes of all ways put a dense alarm among those that are counted in deviations.
                    surprise: 20.0 * found.departure.share,
                    subject: subject.clone(),
                    at: found.at,
                    insight: Insight {
                        subject: Subject::Metric(subject.clone()),
                        measure: name.to_owned(),
                        value: found.value,
                        interval: Some(found.range(counted)),
                        level: 1.0 - rate,
                        n: series.points.len() as u64,
                        verdict: Verdict::Clear,
                        says: found.says(&subject, counted),
                        at: found.at,
                        basis: None,
                        plot: plot(&series.points),
                    },
                    parents: series.parents,
                }));
                continue;
            }
            let last = series.points.iter().map(|(_, value)| detector.observe(*value)).last();
            let reading = match last {
                Some(Found::Alarm(reading)) => reading,
                Some(Found::NotEnoughHistory { .. }) => {
                    short += 1;
                    continue;
                }
                Some(Found::Gap | Found::Usual(_) | Found::Quiet(_)) | None => continue,
            };
            // The same point in a later cycle is the same story.
            if before.judged.get(&subject).is_some_and(|judged| at <= *judged)
                || is_chance(&series.points, value, reading.expected, rate)
            {
                continue;
            }
            kept.judged.insert(subject.clone(), at);
            let direction = if value > reading.expected { "above" } else { "below" };
            let counted = series.points.iter().flat_map(|(_, value)| value).all(|value| *value >= 0.0);
            let low = if counted { reading.low.max(0.0) } else { reading.low };
            let mut says = format!(
                "{subject}: {} is {direction} the usual {} to {} (expected {}).",
                plain(value),
                plain(low),
                plain(reading.high),
                plain(reading.expected)
            );
            if series.silent {
                says.push_str(" No event of any name came that day, so look at the tracking first.");
            } else if name != "volume" {
                let only = by.map(|dimension| (dimension, subject.as_str()));
                says.push_str(&cause(cx, name, only, period, &ignored, value, &reading));
            }
            raised.push(Raised {
                surprise: (value - reading.expected).abs() / (reading.expected.max(0.0) + 1.0).sqrt(),
                subject: subject.clone(),
                at,
                insight: Insight {
                    subject: Subject::Metric(subject),
                    measure: name.to_owned(),
                    value,
                    interval: Some((low, reading.high)),
                    level: 1.0 - rate,
                    n: series.points.iter().filter(|(_, value)| value.is_some()).count() as u64,
                    verdict: Verdict::Clear,
                    says,
                    at,
                    basis: None,
                    plot: plot(&series.points),
                },
                parents: series.parents,
            });
        }
        // The most surprising first.
        raised.order_by(|a, b| b.surprise.total_cmp(&a.surprise).then_with(|| a.subject.cmp(&b.subject)));
        let mut headline = match (raised.len(), followed) {
            (_, 0) => "nothing to follow yet".to_owned(),
            (1, _) => format!("1 alarm in {followed} series"),
            (alarms, _) => format!("{alarms} alarms in {followed} series"),
        };
        if short > 0 {
            headline.push_str(&format!(", {short} too short to judge"));
        }
        for Raised { subject, at, insight, parents, .. } in raised {
            output.give(alarm(cx, &subject, at, &insight.says), parents.clone());
            output.give(insight, parents);
        }
        if silent > 0 {
            output.note(
                NoteLevel::Warning,
                "No event of any name came on the last full day; the export may be late or the tracking off.",
            );
        }
        output.headline = Some(headline);
        output.state = serde_json::to_value(&kept).ok();
        Ok(Turn::Done(output))
    }
}

/// The last points that are known.
fn plot(points: &[(Timestamp, Option<f64>)]) -> Vec<(String, f64)> {
    let known: Vec<(Timestamp, f64)> = points.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
    known[known.len().saturating_sub(24)..].iter().map(|(at, value)| (at.to_string(), *value)).collect()
}

/// A number with as many places as it needs for a sentence.
pub(super) fn plain(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Small counts jump by chance alone: a series that is mostly zero has no spread to judge a 2 by, and a series around 2 none to
/// judge a 0 by. A count is only unusual when a Poisson count around what was expected would be that far off less often than
/// `rate`; the series' mean is taken instead when it lies nearer to the count.
fn is_chance(points: &[(Timestamp, Option<f64>)], value: f64, expected: f64, rate: f64) -> bool {
    let known: Vec<f64> = points.iter().filter_map(|(_, value)| *value).collect();
    if known.iter().any(|value| *value < 0.0 || value.fract() != 0.0) {
        return false;
    }
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    if value > expected {
        poisson_at_least(value as u64, expected.max(mean)) > rate
    } else {
        1.0 - poisson_at_least(value as u64 + 1, expected.min(mean).max(0.0)) > rate
    }
}

/// From the distance of the points; at least one.
fn points_per_month(points: &[(Timestamp, Option<f64>)]) -> f64 {
    match (points.first(), points.last()) {
        (Some((first, _)), Some((last, _))) if points.len() > 1 && last > first => {
            (30.4 * (points.len() - 1) as f64 / last.days_since(*first)).max(1.0)
        }
        _ => 1.0,
    }
}

/// Which part of the day's events makes the difference, as a sentence with a space before it; empty when nothing stands out.
fn cause(
    cx: &StepContext<'_>,
    name: &str,
    only: Option<(&str, &str)>,
    period: Option<usize>,
    ignored: &Ignored,
    value: f64,
    reading: &Reading,
) -> String {
    let asked: Vec<&str> =
        cx.config().texts("explain").into_iter().filter(|by| only.is_none_or(|(known, _)| known != *by)).collect();
    let parts: Vec<Vec<(String, Element)>> = asked
        .iter()
        .map(|by| {
            let counted = Counted { name, value: false, by: Some(by), per: Per::Day, only, aligned: true };
            let all = series::of_events(cx, &counted).into_iter();
            let mut parts: Vec<(String, Element)> = all
                .filter_map(|(part, mut series)| {
                    ignored.apply(&mut series.points, &cx.workflow.zone);
                    Some((part, usual(&series, period)?))
                })
                .collect();
            // What no part accounts for, and the level that the whole was expected at.
            let sum = |of: &dyn Fn(&Element) -> f64| parts.iter().map(|(_, element)| of(element)).sum::<f64>();
            let (expected, actual) = (sum(&|element| element.expected), sum(&|element| element.actual));
            if expected > 0.0 {
                parts.iter_mut().for_each(|(_, element)| element.expected *= reading.expected.max(0.0) / expected);
            }
            if value - actual > 0.5 {
                parts.push((format!("no {by}"), Element { expected: 0.0, actual: value - actual }));
            }
            parts
        })
        .collect();
    let elements: Vec<Vec<Element>> = parts.iter().map(|parts| parts.iter().map(|(_, element)| *element).collect()).collect();
    let Some(found) = explain(&elements) else { return String::new() };
    let told: Vec<String> = found
        .elements
        .iter()
        .map(|at| {
            let (part, element) = &parts[found.dimension][*at];
            format!("{part} ({} instead of {})", plain(element.actual), plain(element.expected))
        })
        .collect();
    let (expected, actual) = found.rest;
    // Counts spread with the root of their size.
    let reach = (reading.high - reading.expected) * (expected / reading.expected.max(1e-9)).clamp(0.0, 1.0).sqrt();
    let rest = if (actual - expected).abs() <= reach { "the day was as usual" } else { "the day was still unusual" };
    let share = (found.explained * 100.0).min(100.0);
    // A spread beyond Poisson's is that of the whole series: one deviation of it, from the reading.
    let deviation = (value - reading.expected) / reading.z;
    let dispersion = deviation * deviation / reading.expected.max(1.0);
    let whole: f64 = elements[found.dimension].iter().map(|element| element.expected).sum();
    let part = Element {
        expected: whole - expected,
        actual: elements[found.dimension].iter().map(|element| element.actual).sum::<f64>() - actual,
    };
    let past = if period.is_some_and(|period| period > 1) { 4.0 } else { 28.0 };
    let sure = match explained_interval(part, Element { expected, actual }, past, dispersion) {
        Some((low, high)) => format!(", {:.0} to {:.0} % in 95 of 100 cases", low.max(0.0) * 100.0, high.min(1.0) * 100.0),
        None => String::new(),
    };
    format!(" {share:.0} % of the difference is {} {}{sure}; without that {rest}.", asked[found.dimension], told.join(", "))
}

/// The last value of a series and what the days before it lead to expect: the same days of the last four seasons, or four weeks.
fn usual(series: &Series, period: Option<usize>) -> Option<Element> {
    let (last, before) = series.points.split_last()?;
    let step = period.unwrap_or(1);
    let past = before.iter().rev().skip(step - 1).step_by(step).take(if step > 1 { 4 } else { 28 });
    let known: Vec<f64> = past.filter_map(|(_, value)| *value).collect();
    let expected = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
    Some(Element { expected: expected.max(0.0), actual: last.1?.max(0.0) })
}

fn alarm(cx: &StepContext<'_>, subject: &str, at: Timestamp, says: &str) -> Signal {
    Signal::new(SignalKind::Alarm, subject, Untrusted::new(says), cx.step.id.as_str(), at, Digest::of(says))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::builtin::common::rehearse::{Bench, notes, signals};
    use crate::model::Good;
    use crate::model::goods::{Event, Events, Point};
    use crate::stats::sampling::{normal, poisson};

    const DAY: i64 = 86_400_000;
    /// 2026-01-01.
    const START: i64 = 20_454 * DAY;

    /// So many events of one name on each day from the start; the cycle runs on the day after the last.
    fn site(name: &str, channel: &str, counts: &[u64]) -> Vec<Event> {
        let days = counts.iter().enumerate();
        days.flat_map(|(day, count)| {
            (0..*count).map(move |k| Event {
                at: Timestamp(START + day as i64 * DAY + k as i64),
                who: format!("p{day}-{k}"),
                name: name.into(),
                channel: Some(channel.into()),
                ..Event::default()
            })
        })
        .collect()
    }

    fn after(days: usize) -> String {
        Timestamp(START + days as i64 * DAY + DAY / 4).to_string()
    }

    fn bench(nodes: &str, rows: Vec<Event>) -> Bench {
        let mut bench = Bench::new(&Anomaly, &format!("anomaly \"alarms\" {{ {nodes} }}"));
        bench.input(Events::new("site", &rows));
        bench
    }

    fn run(nodes: &str, rows: Vec<Event>, days: usize) -> Output {
        bench(nodes, rows).run(&after(days)).unwrap()
    }

    fn says(output: &Output) -> Vec<&str> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight.says.as_str()) } else { None }).collect()
    }

    /// Sixty days around 40.
    fn usual() -> Vec<u64> {
        let mut rng = Rng::new(2);
        (0..60).map(|_| poisson(&mut rng, 40.0)).collect()
    }

    #[test]
    fn a_jump_is_told_once_with_its_channel_and_what_was_usual() {
        let (mut ads, mail) = (usual(), usual());
        ads.push(140);
        let mut rows = site("qualified", "ads", &ads);
        rows.extend(site("qualified", "mail", &mail));
        rows.extend(site("qualified", "mail", &[0; 60].into_iter().chain([41]).collect::<Vec<_>>()));
        let mut bench = bench(r#"metric "qualified" by="channel""#, rows);
        let output = bench.run(&after(61)).unwrap();
        assert_eq!(output.headline.as_deref(), Some("1 alarm in 2 series"));
        assert!(says(&output)[0].starts_with("ads: 140 is above the usual "), "{:?}", says(&output));
        assert_eq!(signals(&output)[0].kind, SignalKind::Alarm);
        // The same day again is the same story.
        assert_eq!(says(&bench.run(&after(61)).unwrap()), Vec::<&str>::new());
    }

    #[test]
    fn an_alarm_says_which_part_explains_it_and_whether_the_rest_was_usual() {
        let mut ads = usual();
        ads.push(140);
        let mut rows = site("qualified", "ads", &ads);
        rows.extend(site("qualified", "mail", &[usual(), vec![38]].concat()));
        let nodes = r#"metric "qualified"; explain "channel" "device""#;
        let output = run(nodes, rows.clone(), 61);
        let [says] = super::tests::says(&output)[..] else { panic!("one alarm: {output:?}") };
        let cause = says.split_once(" % of the difference is ").unwrap().1;
        assert!(
            cause.starts_with("channel ads (140 instead of ") && cause.ends_with("without that the day was as usual."),
            "{says}"
        );
        // Where every part moves alike there is no cause among them.
        let mut both = site("qualified", "ads", &[usual(), vec![120]].concat());
        both.extend(site("qualified", "mail", &[usual(), vec![120]].concat()));
        assert!(!super::tests::says(&run(nodes, both, 61))[0].contains("difference is"));
        // What is to be ignored is neither judged nor learned from.
        let day = Timestamp(START + 60 * DAY).to_string();
        let ignored = run(&format!(r#"{nodes}; ignore "{}""#, &day[..10]), rows, 61);
        assert!(super::tests::says(&ignored).is_empty());
    }

    #[test]
    fn days_without_events_are_zeros_and_silence_points_at_the_tracking() {
        let output = run(r#"metric "qualified""#, site("qualified", "ads", &usual()), 61);
        let [says] = says(&output)[..] else { panic!("one alarm: {output:?}") };
        assert!(says.starts_with("qualified: 0 is below the usual ") && says.contains("look at the tracking"), "{says}");
        assert_eq!(notes(&output).len(), 1);
        let mut rows = site("qualified", "ads", &usual());
        rows.extend(site("visit", "ads", &[3; 61]));
        let output = run(r#"metric "qualified""#, rows, 61);
        assert!(!super::tests::says(&output)[0].contains("tracking") && notes(&output).is_empty());
    }

    #[test]
    fn rare_events_do_not_alarm_by_chance() {
        let mut rng = Rng::new(9);
        let mut alarms = 0;
        for _ in 0..200 {
            let mut counts: Vec<u64> = (0..90).map(|_| poisson(&mut rng, 0.4)).collect();
            counts[0] = 1;
            let output = run(r#"metric "qualified""#, site("qualified", "ads", &counts), counts.len());
            alarms += says(&output).len();
        }
        // One a month was allowed: 200 of 6000 points of which one in thirty may alarm, so at most 6.7 are expected.
        assert!(alarms <= 12, "{alarms}");
    }

    #[test]
    fn constant_short_and_missing_series_are_quiet() {
        let metric = r#"metric "qualified""#;
        assert_eq!(says(&run(metric, site("qualified", "ads", &[7; 40]), 40)), Vec::<&str>::new());
        assert_eq!(says(&run(metric, site("qualified", "ads", &[[7; 40].as_slice(), &[9]].concat()), 41)), Vec::<&str>::new());
        assert_eq!(says(&run(metric, site("qualified", "ads", &[[7; 40].as_slice(), &[70]].concat()), 41)).len(), 1);
        let short = run(metric, site("qualified", "ads", &[7; 5]), 5);
        assert_eq!(short.headline.as_deref(), Some("0 alarms in 1 series, 1 too short to judge"));
        assert_eq!(run(metric, Vec::new(), 5).headline.as_deref(), Some("nothing to follow yet"));
        // A row dated 1970 and one in the future change nothing.
        let mut rows = site("qualified", "ads", &[7; 40]);
        rows.push(Event { at: Timestamp(0), name: "qualified".into(), ..Event::default() });
        rows.push(Event { at: Timestamp(START * 2), name: "qualified".into(), ..Event::default() });
        assert_eq!(says(&run(metric, rows, 40)), Vec::<&str>::new());
    }

    fn topic(name: &str, values: &[(i64, f64)]) -> Signal {
        let mut signal = Signal::new(SignalKind::Query, name, Untrusted::new(name), "search", Timestamp(START), Digest::of(name));
        signal.series = values.iter().map(|(day, value)| Point { at: Timestamp(START + day * DAY), value: *value }).collect();
        signal
    }

    #[test]
    fn topics_are_followed_over_gaps_in_any_order_and_a_share_is_no_count() {
        let mut rng = Rng::new(5);
        let mut weeks: Vec<(i64, f64)> = (0..50).map(|week| (week * 7, 0.2 + 0.01 * normal(&mut rng))).collect();
        weeks.extend([(50 * 7, 0.9)]);
        // Ten weeks are missing, and the rest comes in no order.
        weeks.drain(20..30);
        weeks.reverse();
        let mut bench = Bench::new(&Anomaly, r#"anomaly "alarms" { metric "volume" }"#);
        bench.inputs([topic("crm", &weeks), topic("crm", &weeks[5..]), topic("erp", &weeks[1..])]);
        let output = bench.run(&after(360)).unwrap();
        let [says] = says(&output)[..] else { panic!("one alarm: {output:?}") };
        assert!(says.starts_with("crm: 0.9 is above the usual 0.1"), "{says}");
    }
}
