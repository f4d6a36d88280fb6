//! Series from what flows: a topic's volume from its signals, or events counted by day, week, month or quarter.
//!
//! Periods without an event are zeros and missing points of a signal are gaps. The running period is not over and does not
//! count. What the user says to ignore (a broken export, a holiday) becomes a gap, so that nothing is learned from it.

use crate::base::{ItemId, Timestamp};
use crate::builtin::common::date;
use crate::model::goods::Row;
use crate::model::{Config, Good, NEXT_CYCLE, Scalar};
use crate::step::{ArgSpec, NodeSpec, Occurs, PropSpec, StepContext, ValueType};
use jiff::civil::Date;
use jiff::{ToSpan, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};

/// Days counted at most: what is older says nothing about what is usual now, and one wrong date must not make thousands of zeros.
const DAYS_MAX: i64 = 1_100;
/// As many years when the periods are longer than a day.
const YEARS_MAX: i64 = 12;
/// Gaps filled in between two points at most.
const GAP_MAX: usize = 400;

/// One series with the items it came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// In time order; `None` where a point is missing.
    pub points: Vec<(Timestamp, Option<f64>)>,
    pub parents: Vec<ItemId>,
    /// No event of any name came in the last period.
    pub silent: bool,
    /// Days before the last on which no event of any name came though such days bring many: what touches them is a gap, not a zero.
    pub dark: Vec<Date>,
}

impl Series {
    /// Which days were taken as unknown, as a sentence; empty without any.
    pub fn dark_days(&self) -> String {
        match &self.dark[..] {
            [] => String::new(),
            [day] => format!("No event of any name came on {day}, so that day is unknown, not zero."),
            [first, .., last] => format!(
                "No event of any name came on {} days from {first} to {last}, so those days are unknown, not zero.",
                self.dark.len()
            ),
        }
    }
}

/// How long a period is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    #[default]
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Per {
    pub const WORDS: &'static [&'static str] = &["day", "week", "month", "quarter", "year"];

    pub fn of(word: &str) -> Option<Per> {
        let all = [Per::Day, Per::Week, Per::Month, Per::Quarter, Per::Year];
        all.into_iter().zip(Per::WORDS).find(|(_, name)| **name == word).map(|(per, _)| per)
    }

    /// From the distance of points.
    pub fn of_points(points: &[(Timestamp, Option<f64>)]) -> Option<Per> {
        let days = usual_step(&points.iter().map(|(at, _)| *at).collect::<Vec<_>>())?;
        Some(match days {
            days if days < 3.5 => Per::Day,
            days if days < 14.0 => Per::Week,
            days if days < 60.0 => Per::Month,
            days if days < 200.0 => Per::Quarter,
            _ => Per::Year,
        })
    }

    /// `week`, or `weeks` for any other number than one.
    pub fn word(self, count: usize) -> &'static str {
        match (self, count) {
            (Per::Day, 1) => "day",
            (Per::Day, _) => "days",
            (Per::Week, 1) => "week",
            (Per::Week, _) => "weeks",
            (Per::Month, 1) => "month",
            (Per::Month, _) => "months",
            (Per::Quarter, 1) => "quarter",
            (Per::Quarter, _) => "quarters",
            (Per::Year, 1) => "year",
            (Per::Year, _) => "years",
        }
    }

    /// Periods in the season that such numbers usually have; 1 for none.
    pub fn season(self) -> usize {
        match self {
            Per::Day => 7,
            Per::Week => 52,
            Per::Month => 12,
            Per::Quarter => 4,
            Per::Year => 1,
        }
    }

    /// Mean length in days.
    pub fn days(self) -> f64 {
        match self {
            Per::Day => 1.0,
            Per::Week => 7.0,
            Per::Month => 365.25 / 12.0,
            Per::Quarter => 365.25 / 4.0,
            Per::Year => 365.25,
        }
    }

    /// The first day of the period that a day lies in; weeks begin on Monday.
    pub fn start(self, day: Date) -> Date {
        match self {
            Per::Day => day,
            Per::Week => day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days()),
            Per::Month => day.first_of_month(),
            Per::Quarter => {
                let first = (day.month() - 1) / 3 * 3 + 1;
                day.first_of_month().with().month(first).build().unwrap_or(day)
            }
            Per::Year => day.first_of_year(),
        }
    }

    /// The first day of the next period.
    pub fn next(self, start: Date) -> Date {
        let span = match self {
            Per::Day => 1.day(),
            Per::Week => 1.week(),
            Per::Month => 1.month(),
            Per::Quarter => 3.months(),
            Per::Year => 1.year(),
        };
        start.saturating_add(span)
    }
}

/// What is counted of events.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// The name of the events.
    pub name: &'a str,
    /// Adds their values up instead of counting them.
    pub value: bool,
    /// A series for each value of this: `channel`, `piece`, or a field of the row.
    pub by: Option<&'a str>,
    pub per: Per,
    /// Only events of which a dimension says this.
    pub only: Option<(&'a str, &'a str)>,
    /// All series begin together, so that they add up; otherwise each begins with its own first event.
    pub aligned: bool,
}

/// What an event says about a dimension. A table may have a column `channel` that its shape does not name as the channel.
pub fn part_of<'a>(event: Row<'a>, dimension: &str) -> Option<&'a str> {
    let own = match dimension {
        "channel" => event.channel(),
        "piece" => event.piece(),
        _ => None,
    };
    let found = own.or_else(|| event.field(dimension));
    found.map(str::trim).filter(|part| !part.is_empty())
}

/// Topics with a series of their own; signals merged from others are the same series again, and the newest is the one to read.
pub fn of_signals(cx: &StepContext<'_>) -> BTreeMap<String, Series> {
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for (item, signal) in cx.goods(|good| if let Good::Signal(signal) = good { Some(signal) } else { None }) {
        if signal.series.is_empty() {
            continue;
        }
        let series = all.entry(signal.topic.clone()).or_default();
        let points = regular(signal.series.iter().map(|point| (point.at, point.value)).collect());
        let newness = |points: &[(Timestamp, Option<f64>)]| (points.last().map(|(at, _)| *at), points.len());
        if newness(&points) > newness(&series.points) {
            series.points = points;
        }
        series.parents.push(item.id);
    }
    all
}

/// The usual distance of times in order, in days.
fn usual_step(times: &[Timestamp]) -> Option<f64> {
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1].days_since(pair[0])).filter(|step| *step > 0.0).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len().saturating_sub(1) / 2).copied()
}

/// Points in time order, the last one of equal times, and a `None` for every point that their usual distance says is missing.
pub fn regular(mut points: Vec<(Timestamp, f64)>) -> Vec<(Timestamp, Option<f64>)> {
    points.sort_by_key(|(at, _)| *at);
    let usual = usual_step(&points.iter().map(|(at, _)| *at).collect::<Vec<_>>()).unwrap_or(1.0);
    let mut found: Vec<(Timestamp, Option<f64>)> = Vec::new();
    for (at, value) in points {
        let value = value.is_finite().then_some(value);
        match found.last().copied() {
            Some((before, _)) if before == at => {
                found.pop();
            }
            Some((before, _)) => {
                let missing = ((at.days_since(before) / usual).round() as usize).saturating_sub(1).min(GAP_MAX);
                let step = (at.0 - before.0) / (missing as i64 + 1);
                found.extend((1..=missing as i64).map(|k| (Timestamp(before.0 + k * step), None)));
            }
            None => {}
        }
        found.push((at, value));
    }
    found
}

/// Events of one name by period up to the last full one, periods without any counted as zero.
pub fn of_events(cx: &StepContext<'_>, counted: &Counted<'_>) -> BTreeMap<String, Series> {
    of_paths(cx, counted, |event| counted.by.map_or(Some(counted.name), |dimension| part_of(event, dimension)).map(str::to_owned))
}

/// The same, with a series for whatever `part` says of an event; where it says nothing the event is not counted.
pub fn of_paths<K: Ord>(cx: &StepContext<'_>, counted: &Counted<'_>, part: impl Fn(Row<'_>) -> Option<K>) -> BTreeMap<K, Series> {
    let zone = &cx.workflow.zone;
    let today = cx.now.in_zone(zone).date();
    let oldest = match counted.per {
        Per::Day => today.saturating_sub(DAYS_MAX.days()),
        _ => today.saturating_sub(YEARS_MAX.years()),
    };
    let running = counted.per.start(today);
    let mut days = Days::new(zone);
    let mut sums: BTreeMap<K, BTreeMap<Date, f64>> = BTreeMap::new();
    let mut parents = Vec::new();
    let mut all: BTreeMap<Date, u64> = BTreeMap::new();
    let (mut first, mut newest) = (None::<Date>, None::<Date>);
    for (item, events) in cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }) {
        parents.push(item.id);
        let name = events.words().find(counted.name);
        for event in events.rows() {
            let day = days.of(event.at());
            if day >= running || day <= oldest {
                continue;
            }
            let start = counted.per.start(day);
            newest = newest.max(Some(start));
            *all.entry(day).or_default() += 1;
            if Some(event.name_number()) != name {
                continue;
            }
            let meant = counted.only.is_none_or(|(dimension, part)| part_of(event, dimension) == Some(part));
            if !meant {
                continue;
            }
            let amount = if counted.value { event.value() } else { Some(1.0) };
            if let (Some(amount), Some(part)) = (amount, part(event)) {
                first = Some(first.map_or(day, |first| first.min(day)));
                *sums.entry(part).or_default().entry(start).or_default() += amount;
            }
        }
    }
    let Some(first) = first else { return BTreeMap::new() };
    let mut at = counted.per.start(first);
    // A longer first period that the data begins in the middle of would look like growth.
    if at < first && counted.per.next(at) < running {
        at = counted.per.next(at);
    }
    let mut starts = Vec::new();
    while at < running {
        starts.push(at);
        at = counted.per.next(at);
    }
    let last = starts.last().copied();
    let silent = newest < last;
    let dark: Vec<Date> = dark_days(&all).into_iter().filter(|day| starts.first().is_some_and(|first| first <= day)).collect();
    let touched: BTreeSet<Date> = dark.iter().map(|day| counted.per.start(*day)).collect();
    let point = |start: Date, sums: &BTreeMap<Date, f64>| {
        let value = (!touched.contains(&start)).then(|| sums.get(&start).copied().unwrap_or(0.0));
        Some((midnight(start, zone)?, value))
    };
    sums.into_iter()
        .map(|(part, sums)| {
            let own = sums.keys().next().copied().filter(|_| !counted.aligned);
            let own = starts.iter().filter(|start| own.is_none_or(|own| own <= **start));
            let points = own.filter_map(|start| point(*start, &sums)).collect();
            (part, Series { points, parents: parents.clone(), silent, dark: dark.clone() })
        })
        .collect()
}

/// Days without any event, between days with some, on a weekday that otherwise brings at least ten: by chance alone that is once in
/// twenty thousand days. A shop that is closed every Sunday has no such Sundays.
fn dark_days(all: &BTreeMap<Date, u64>) -> Vec<Date> {
    const USUAL: f64 = 10.0;
    let (Some((first, _)), Some((last, _))) = (all.first_key_value(), all.last_key_value()) else { return Vec::new() };
    let mut weekdays = [(0u64, 0.0, 0u64); 7];
    let mut empty = Vec::new();
    let mut day = *first;
    while day <= *last {
        let (with, events, without) = &mut weekdays[day.weekday().to_monday_zero_offset() as usize];
        match all.get(&day) {
            Some(count) => (*with, *events) = (*with + 1, *events + *count as f64),
            None => {
                *without += 1;
                empty.push(day);
            }
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    let usual = |day: &Date| {
        let (with, events, without) = weekdays[day.weekday().to_monday_zero_offset() as usize];
        with >= 3 * without && events >= USUAL * with as f64
    };
    empty.retain(usual);
    empty
}

/// Days of times, for many that come in order: the last day is remembered.
struct Days<'z> {
    zone: &'z TimeZone,
    /// From here on, and until there, it is this day.
    known: Option<(Timestamp, Timestamp, Date)>,
}

impl<'z> Days<'z> {
    fn new(zone: &'z TimeZone) -> Days<'z> {
        Days { zone, known: None }
    }

    fn of(&mut self, at: Timestamp) -> Date {
        if let Some((from, to, day)) = self.known
            && from <= at
            && at < to
        {
            return day;
        }
        let day = at.in_zone(self.zone).date();
        self.known =
            midnight(day, self.zone).zip(midnight(day.saturating_add(1.day()), self.zone)).map(|(from, to)| (from, to, day));
        day
    }
}

fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_zoned(day.at(0, 0, 0, 0)).ok().map(|zoned| zoned.timestamp().into())
}

/// The starts of the periods after the last point.
pub fn ahead(points: &[(Timestamp, Option<f64>)], count: usize, zone: &TimeZone) -> Vec<Timestamp> {
    let times: Vec<Timestamp> = points.iter().map(|(at, _)| *at).collect();
    let Some(mut at) = times.last().copied() else { return Vec::new() };
    let length = date::period(&times);
    (0..count)
        .map(|_| {
            at = date::end(at, length, zone);
            at
        })
        .collect()
}

/// Times to leave out, from `ignore` nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ignored {
    windows: Vec<(Timestamp, Timestamp)>,
    /// Nodes that name no time.
    pub unread: Vec<String>,
}

/// The node for it, shared by the kinds that follow series.
pub const IGNORE: NodeSpec = NodeSpec {
    name: "ignore",
    args: &[ArgSpec { name: "from", ty: ValueType::Time, required: true }],
    props: &[
        PropSpec {
            name: "to",
            ty: ValueType::Time,
            required: false,
            default: None,
            doc: "The last day of it; without it, one day.",
        },
        PropSpec {
            name: "because",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "Why, for people who read the file.",
        },
    ],
    occurs: Occurs::Many,
    doc: "A time whose numbers mean nothing: a holiday, a broken export. Its points are gaps: not judged, and nothing is learned from them.",
    example: r#"ignore "2026-12-24" to="2026-12-26" because="Christmas""#,
    ..NodeSpec::EMPTY
};

/// Who reads what a step of Learning gives, once this cycle is over.
pub const NEXT: NodeSpec = NodeSpec {
    name: NEXT_CYCLE,
    args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
    rest: Some(ValueType::Step),
    doc: "Steps that read the alarms in the next cycle, first in line: the way from Learning back to Intelligence.",
    example: r#"next-cycle "market""#,
    ..NodeSpec::EMPTY
};

impl Ignored {
    pub fn read(config: &Config, zone: &TimeZone) -> Ignored {
        let mut ignored = Ignored::default();
        for node in config.all("ignore") {
            let time = |scalar: Option<&Scalar>| scalar.and_then(Scalar::text).and_then(|text| Timestamp::parse_in(text, zone));
            match time(node.arg()) {
                Some(from) => {
                    let to = time(node.prop("to")).unwrap_or(from);
                    // A day is meant whole; a time of day ends where it says.
                    let day = to.in_zone(zone).time() == jiff::civil::Time::midnight();
                    let end = if day { date::end(to, 1.day(), zone) } else { to };
                    ignored.windows.push((from, end));
                }
                None => ignored.unread.extend(node.arg().and_then(Scalar::text).map(str::to_owned)),
            }
        }
        ignored
    }

    pub fn holds(&self, at: Timestamp) -> bool {
        self.windows.iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// Turns every point whose period touches an ignored time into a gap, and says how many there were.
    pub fn apply(&self, points: &mut [(Timestamp, Option<f64>)], zone: &TimeZone) -> usize {
        if self.windows.is_empty() {
            return 0;
        }
        let times: Vec<Timestamp> = points.iter().map(|(at, _)| *at).collect();
        let length = date::period(&times);
        let mut gaps = 0;
        for (at, value) in points {
            let end = date::end(*at, length, zone);
            if value.is_some() && self.windows.iter().any(|(from, to)| *from < end && *at < *to) {
                *value = None;
                gaps += 1;
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn missing_points_are_gaps_and_the_last_of_equal_times_counts() {
        let points = regular(vec![
            (Timestamp(30 * DAY), 3.0),
            (Timestamp(0), 1.0),
            (Timestamp(10 * DAY), f64::NAN),
            (Timestamp(DAY * 10), 2.0),
        ]);
        let values: Vec<Option<f64>> = points.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [Some(1.0), Some(2.0), None, Some(3.0)]);
    }

    #[test]
    fn days_without_anything_are_dark_unless_they_always_are() {
        let from = jiff::civil::date(2026, 1, 5);
        let day = |at: i64| from.saturating_add(at.days());
        // Eight weeks of twelve events a day, closed on Sundays, and nothing on two days in the middle.
        let open = (0..56).filter(|at| at % 7 != 6 && ![30, 31].contains(at));
        let all: BTreeMap<Date, u64> = open.clone().map(|at| (day(at), 12)).collect();
        assert_eq!(dark_days(&all), [day(30), day(31)]);
        let few: BTreeMap<Date, u64> = open.map(|at| (day(at), 5)).collect();
        assert!(dark_days(&few).is_empty() && dark_days(&BTreeMap::new()).is_empty());
        let series = Series { dark: vec![day(30), day(31)], ..Series::default() };
        assert_eq!(
            series.dark_days(),
            "No event of any name came on 2 days from 2026-02-04 to 2026-02-05, so those days are unknown, not zero."
        );
    }

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let day = jiff::civil::date(2026, 8, 20);
        let starts = Per::WORDS.iter().map(|word| Per::of(word).unwrap().start(day).to_string());
        assert_eq!(starts.collect::<Vec<_>>(), ["2026-08-20", "2026-08-17", "2026-08-01", "2026-07-01", "2026-01-01"]);
        assert_eq!(Per::Quarter.next(jiff::civil::date(2026, 10, 1)), jiff::civil::date(2027, 1, 1));
        assert_eq!(Per::of("cycle"), None);
        let months = ["2026-01-01", "2026-02-01", "2026-03-01"].map(|text| (Timestamp::parse(text).unwrap(), Some(1.0)));
        assert_eq!(Per::of_points(&months), Some(Per::Month));
        let next: Vec<String> = ahead(&months, 2, &TimeZone::UTC).iter().map(ToString::to_string).collect();
        assert_eq!(next, ["2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"]);
    }

    #[test]
    fn an_ignored_time_makes_gaps_of_the_periods_it_touches() {
        let mut node = Config { name: "ignore".into(), args: [Scalar::Text("2026-01-03".into())].into(), ..Config::default() };
        node.props.insert("to", Scalar::Text("2026-01-04".into()));
        let wrong = Config { name: "ignore".into(), args: [Scalar::Text("soon".into())].into(), ..Config::default() };
        let config = Config { children: vec![node, wrong], ..Config::default() };
        let ignored = Ignored::read(&config, &TimeZone::UTC);
        assert_eq!(ignored.unread, ["soon"]);
        let start = Timestamp::parse("2026-01-01").unwrap().0;
        let mut points: Vec<(Timestamp, Option<f64>)> = (0..6).map(|day| (Timestamp(start + day * DAY), Some(1.0))).collect();
        assert_eq!(ignored.apply(&mut points, &TimeZone::UTC), 2);
        let gaps: Vec<usize> = points.iter().enumerate().filter(|(_, (_, value))| value.is_none()).map(|(at, _)| at).collect();
        assert_eq!(gaps, [2, 3]);
    }
}
