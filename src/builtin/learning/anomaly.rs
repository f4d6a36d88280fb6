//! `anomaly`: unexpected changes, before the monthly report.
//!
//! Every series is followed point by point; only its newest point can raise an alarm, so the same alarm is not raised again in
//! the next cycle. The knob is how many false alarms a month one is willing to read over all series together.

use crate::base::{Digest, ItemId, Timestamp};
use crate::model::goods::{Insight, Signal, SignalKind, Subject, Verdict};
use crate::model::{Good, GoodKind, Layer, Scalar, Untrusted};
use crate::stats::anomaly::{Detector, Options, Verdict as Found};
use crate::stats::special::poisson_at_least;
use crate::step::spec::no_tunables;
use crate::step::{ArgSpec, KindSpec, Mode, NodeSpec, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

pub struct Anomaly;

static SPEC: KindSpec = KindSpec {
    verb: "anomaly",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Raises an alarm when a series leaves its usual range.",
    doc: "Follows the volume of every topic (signals), or the number of events of one name per day, and compares the newest point with \
what level, trend and season led to expect. Alarms per month is the knob, shared by all series. A series that is too short says so.",
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
    ],
    example: r#"anomaly "alarms" {
    from "site"
    metric "qualified" by="channel"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// One series with the items it came from.
#[derive(Default)]
struct Series {
    points: Vec<(Timestamp, f64)>,
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
        let series = if name == "volume" { of_signals(cx) } else { of_events(cx, name, by) };
        let knob = cx.config().number("alarms").unwrap_or(1.0).max(1e-3);
        let period = cx.config().integer("season").and_then(|period| usize::try_from(period).ok()).filter(|period| *period > 1);
        let mut output = Output::default();
        let (mut short, mut alarms) = (0, 0);
        let followed = series.len();
        let mut raised: Vec<(f64, String, Timestamp, Insight, Vec<ItemId>)> = Vec::new();
        for (subject, series) in series {
            let mut detector = Detector::new(Options {
                period,
                alarms_per_month: knob / followed as f64,
                points_per_month: points_per_month(&series.points),
                refractory: 1,
            });
            let mut last = None;
            for (_, value) in &series.points {
                last = Some(detector.observe(Some(*value)));
            }
            match last {
                Some(Found::Alarm(reading)) => {
                    let (at, value) = *series.points.last().unwrap_or(&(cx.now, 0.0));
                    if is_chance(
                        &series.points,
                        value,
                        reading.expected,
                        detector.options.alarms_per_month / detector.options.points_per_month,
                    ) {
                        continue;
                    }
                    alarms += 1;
                    let direction = if value > reading.expected { "above" } else { "below" };
                    let says = format!(
                        "{subject}: {value:.0} is {direction} the usual {:.1} to {:.1} (expected {:.1}).",
                        reading.low.max(0.0),
                        reading.high,
                        reading.expected
                    );
                    let surprise = (value - reading.expected).abs() / (reading.expected.max(0.0) + 1.0).sqrt();
                    raised.push((
                        surprise,
                        subject.clone(),
                        at,
                        Insight {
                            subject: Subject::Metric(subject),
                            measure: name.to_owned(),
                            value,
                            interval: Some((reading.low, reading.high)),
                            level: 0.95,
                            n: series.points.len() as u64,
                            verdict: Verdict::Clear,
                            says,
                            at,
                            plot: series.points.iter().rev().take(24).rev().map(|(at, value)| (at.to_string(), *value)).collect(),
                        },
                        series.parents,
                    ));
                }
                Some(Found::NotEnoughHistory { .. }) | None => short += 1,
                Some(Found::Gap | Found::Usual(_) | Found::Quiet(_)) => {}
            }
        }
        // The most surprising first.
        raised.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, subject, at, insight, parents) in raised {
            output.give(alarm(cx, &subject, at, &insight.says), parents.clone());
            output.give(insight, parents);
        }
        let mut headline = format!("{alarms} alarms in {followed} series");
        if short > 0 {
            headline.push_str(&format!(", {short} too short to judge"));
        }
        output.headline = Some(headline);
        Ok(Turn::Done(output))
    }
}

/// Topics with a series of their own; signals merged from others are the same series again.
fn of_signals(cx: &StepContext<'_>) -> BTreeMap<String, Series> {
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for (item, signal) in cx.goods(|good| if let Good::Signal(signal) = good { Some(signal) } else { None }) {
        if signal.series.is_empty() {
            continue;
        }
        let series = all.entry(signal.topic.clone()).or_default();
        if signal.series.len() > series.points.len() {
            series.points = signal.series.iter().map(|point| (point.at, point.value)).collect();
        }
        series.parents.push(item.id);
    }
    all
}

/// Events of one name per day up to the last full day, days without any counted as zero.
fn of_events(cx: &StepContext<'_>, name: &str, by: Option<&str>) -> BTreeMap<String, Series> {
    let zone = &cx.workflow.zone;
    let today = cx.now.in_zone(zone).date();
    let mut days: BTreeMap<String, BTreeMap<jiff::civil::Date, f64>> = BTreeMap::new();
    let mut parents = Vec::new();
    for (item, events) in cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }) {
        parents.push(item.id);
        for event in events.rows.iter().filter(|event| event.name == name) {
            let part = match by {
                Some("channel") => event.channel.as_deref(),
                Some("piece") => event.piece.as_deref(),
                _ => Some(name),
            };
            let day = event.at.in_zone(zone).date();
            if let Some(part) = part
                && day < today
            {
                *days.entry(part.to_owned()).or_default().entry(day).or_default() += 1.0;
            }
        }
    }
    days.into_iter()
        .filter_map(|(part, counts)| {
            let first = *counts.keys().next()?;
            let last = today.yesterday().ok()?;
            let points = first
                .series(jiff::Span::new().days(1))
                .take_while(|day| *day <= last)
                .filter_map(|day| Some((midnight(day, zone)?, counts.get(&day).copied().unwrap_or(0.0))))
                .collect();
            Some((part, Series { points, parents: parents.clone() }))
        })
        .collect()
}

fn midnight(day: jiff::civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_zoned(day.at(0, 0, 0, 0)).ok().map(|zoned| zoned.timestamp().into())
}

/// Small counts jump by chance alone: a series that is mostly zero has no spread to judge a 2 by. A count is only unusual when a
/// Poisson count around what was expected (and at least around the series' mean) would be that far off less often than `rate`.
fn is_chance(points: &[(Timestamp, f64)], value: f64, expected: f64, rate: f64) -> bool {
    let counts = points.iter().all(|(_, value)| *value >= 0.0 && value.fract() == 0.0);
    if !counts || value < expected {
        return false;
    }
    let mean = points.iter().map(|(_, value)| value).sum::<f64>() / points.len().max(1) as f64;
    poisson_at_least(value as u64, expected.max(mean)) > rate
}

/// From the distance of the points; at least one.
fn points_per_month(points: &[(Timestamp, f64)]) -> f64 {
    match (points.first(), points.last()) {
        (Some((first, _)), Some((last, _))) if points.len() > 1 && last > first => {
            (30.4 * (points.len() - 1) as f64 / last.days_since(*first)).max(1.0)
        }
        _ => 1.0,
    }
}

fn alarm(cx: &StepContext<'_>, subject: &str, at: Timestamp, says: &str) -> Signal {
    Signal::new(SignalKind::Alarm, subject, Untrusted::new(says), cx.step.id.as_str(), at, Digest::of(says))
}
