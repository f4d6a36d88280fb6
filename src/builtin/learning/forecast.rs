//! `forecast`: what to expect of each metric, how sure that is, and what stands between it and the plan.
//!
//! A metric is counted by period, forecast by what did best on its own past (`stats::forecast`), and told with the interval
//! that held before. With `by`, the parts are forecast too, at as many levels as are named, and made to add up at each; then a
//! gap to the plan can be laid at the door of the part that makes it: against what each part would have to bring if it kept its share.

use super::anomaly::plain;
use super::levels;
use super::series::{self, Counted, IGNORE, Ignored, Per, Series};
use crate::base::InOrder;
use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{Config, GoodKind, Layer, Scalar};
use crate::stats::forecast::{Answer, Forecast as Found, Remark, Sum, forecast, hierarchy};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};

pub struct Forecast;

/// Steps ahead and topics at most: what nobody reads is not computed.
const STEPS_MAX: i64 = 365;
const TOPICS_MAX: i64 = 40;
/// Points of the past that a plot shows beside the forecast.
const PLOT_MAX: usize = 24;

static SPEC: KindSpec = KindSpec {
    verb: "forecast",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Says what to expect of each metric, with intervals, and what stands between it and the plan.",
    doc: "Counts events of a name (or adds up their values) by day, week, month or quarter, or takes the volume of signals as it is; the \
running period is left out. Exponential smoothing, Theta and complex smoothing are fitted and tried on the end of the series; their \
median is used unless one of them, or repeating the last season, was better by far. The intervals come from how far the same way \
missed before at the same distance. With `by`, the parts are forecast too, at one level or at several (regions, and channels in each), and add up at every level; their \
intervals are those of the misses that are left when what was said before is made to add up in the same way. The gap to \
the plan is explained by the parts that make it. The plan is a `plan` node, or the Client OS goal with that metric. Gaps, zeros, constants and short series \
say what was done; a series with too little says how much more it needs.",
    takes: &[GoodKind::Signal, GoodKind::Events],
    gives: &[GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "metric",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[
                PropSpec {
                    name: "as",
                    ty: ValueType::Choice(&["count", "value"]),
                    required: false,
                    default: Some("\"count\""),
                    doc: "`count` counts events, `value` adds their values up.",
                },
                PropSpec {
                    name: "by",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The parts that add up: `channel`, `piece`, or a field of the rows.",
                },
            ],
            children: &[NodeSpec {
                name: "by",
                args: &[ArgSpec { name: "dimension", ty: ValueType::Text, required: true }],
                rest: Some(ValueType::Text),
                doc: "The parts at several levels, the highest first: each is split by the next.",
                example: r#"by "region" "channel""#,
                ..NodeSpec::EMPTY
            }],
            occurs: Occurs::AtLeastOnce,
            doc: "What is forecast: the name of events, or `volume` for the series of signals.",
            example: r#"metric "qualified" by="channel""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "per",
            args: &[ArgSpec { name: "period", ty: ValueType::Choice(&["day", "week", "month", "quarter"]), required: true }],
            doc: "The period that events are counted by; signals bring their own.",
            example: r#"per "week""#,
            default: Some("\"week\""),
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("horizon", ValueType::Integer, "Periods to look ahead.", "horizon 8").or("4"),
        NodeSpec::value(
            "season",
            ValueType::Integer,
            "Periods in one season; without it 7 days, 52 weeks, 12 months or 4 quarters, once two of them are there.",
            "season 13",
        ),
        NodeSpec {
            name: "plan",
            args: &[
                ArgSpec { name: "metric", ty: ValueType::Text, required: true },
                ArgSpec { name: "target", ty: ValueType::Number, required: true },
            ],
            props: &[PropSpec {
                name: "per",
                ty: ValueType::Choice(Per::WORDS),
                required: false,
                default: Some("\"month\""),
                doc: "The time in which the target is to be reached.",
            }],
            occurs: Occurs::Many,
            doc: "What was planned; without it, the Client OS goal whose `metric=` is the same.",
            example: r#"plan "qualified" 120 per="month""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("top", ValueType::Integer, "Topics of `volume` to forecast, the largest first.", "top 10").or("5"),
        IGNORE,
    ],
    example: r#"forecast "outlook" {
    from "site"
    metric "qualified" by="channel"
    metric "purchase" as="value"
    per "week"
    horizon 8
    plan "qualified" 120 per="month"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// What was planned for a metric.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    target: f64,
    per: Per,
}

impl Plan {
    fn of(cx: &StepContext<'_>, metric: &str) -> Option<Plan> {
        let own = cx.config().all("plan").find(|node| node.arg().and_then(Scalar::text) == Some(metric)).and_then(|node| {
            let target = node.args.get(1).and_then(Scalar::number)?;
            let per = node.prop("per").and_then(Scalar::text).map_or(Some(Per::Month), Per::of)?;
            Some(Plan { target, per })
        });
        own.or_else(|| {
            let goal = cx.client_os.goals.iter().find(|goal| goal.metric == metric)?;
            Some(Plan { target: goal.target, per: Per::of(&goal.per)? })
        })
    }

    /// What it asks for over so many periods.
    fn over(&self, periods: usize, per: Per) -> f64 {
        if per == self.per { self.target * periods as f64 } else { self.target * periods as f64 * per.days() / self.per.days() }
    }
}

/// One metric as it was asked for.
struct Asked<'a> {
    name: &'a str,
    value: bool,
    /// Levels below the total, the highest first.
    by: Vec<&'a str>,
}

/// A series with its forecast.
struct Told {
    /// What came of the last periods, as many as are looked ahead; `None` where one of them is unknown.
    before: Option<f64>,
    /// What came of the last year, or of as much of it as is known.
    year: f64,
    /// The steps added up.
    sum: Sum,
    found: Found,
}

impl StepKind for Forecast {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    /// The running period ends with time.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let config = cx.config();
        let per = config.text("per").and_then(Per::of).unwrap_or(Per::Week);
        let horizon = config.integer("horizon").unwrap_or(4);
        if !(1..=STEPS_MAX).contains(&horizon) {
            return Err(StepError::new(format!(
                "a horizon of {horizon} periods cannot be forecast; it goes from 1 to {STEPS_MAX}"
            )));
        }
        let horizon = horizon as usize;
        let ignored = Ignored::read(config, &cx.workflow.zone);
        let mut output = Output::default();
        for text in &ignored.unread {
            output.note(NoteLevel::Warning, format!("`ignore \"{text}\"` names no time and was not used."));
        }
        let mut tally = Tally::default();
        for node in config.all("metric") {
            let Some(asked) = Asked::read(node) else { continue };
            if asked.name == "volume" {
                topics(cx, horizon, &ignored, &mut output, &mut tally);
            } else {
                counted(cx, &asked, per, horizon, &ignored, &mut output, &mut tally);
            }
        }
        output.headline = Some(tally.headline());
        Ok(Turn::Done(output))
    }
}

impl<'a> Asked<'a> {
    fn read(node: &'a Config) -> Option<Asked<'a>> {
        let word = |name: &str| node.prop(name).and_then(Scalar::text);
        let by = word("by").into_iter().chain(node.texts("by")).collect();
        Some(Asked { name: node.arg()?.text()?, value: word("as") == Some("value"), by })
    }
}

/// For the headline.
#[derive(Default)]
struct Tally {
    forecast: usize,
    short: usize,
    ahead: usize,
    unknown: usize,
}

impl Tally {
    fn headline(&self) -> String {
        if self.forecast + self.unknown == 0 {
            return "nothing to forecast yet".to_owned();
        }
        let mut parts = vec![format!("{} forecast", self.forecast)];
        for (count, what) in
            [(self.short, "short of plan"), (self.ahead, "ahead of plan"), (self.unknown, "with too little to say")]
        {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        parts.join(", ")
    }
}

/// The largest topics, each for itself: topics overlap, so they do not add up to anything.
fn topics(cx: &StepContext<'_>, horizon: usize, ignored: &Ignored, output: &mut Output, tally: &mut Tally) {
    let top = cx.config().integer("top").unwrap_or(5).clamp(0, TOPICS_MAX) as usize;
    let size = |series: &Series| {
        let last = series.points.iter().rev().filter_map(|(_, value)| *value).take(12);
        last.fold(0.0, |sum, value| sum + value.abs())
    };
    let mut all: Vec<(String, Series)> = series::of_signals(cx).into_iter().collect();
    all.order_by(|a, b| size(&b.1).total_cmp(&size(&a.1)).then_with(|| a.0.cmp(&b.0)));
    let plan = Plan::of(cx, "volume");
    for (topic, mut series) in all.into_iter().take(top) {
        let Some(per) = Per::of_points(&series.points) else { continue };
        ignored.apply(&mut series.points, &cx.workflow.zone);
        let told = tell(cx, &series, per, horizon);
        give(cx, &topic, "volume", per, horizon, &series, told, plan.as_ref(), &[], output, tally);
    }
}

/// Events of one name: the total and, when asked for, its parts, which add up to it.
fn counted(
    cx: &StepContext<'_>,
    asked: &Asked<'_>,
    per: Per,
    horizon: usize,
    ignored: &Ignored,
    output: &mut Output,
    tally: &mut Tally,
) {
    let zone = &cx.workflow.zone;
    let measure = Counted { name: asked.name, value: asked.value, by: None, per, only: None, aligned: true };
    let mut levels = levels::of_events(cx, &measure, &asked.by);
    let Some(total) = levels.places.first() else {
        tally.unknown += 1;
        output.note(NoteLevel::Info, format!("No full {} with an event named `{}` has passed yet.", per.word(1), asked.name));
        return;
    };
    if total.series.silent {
        output.note(
            NoteLevel::Warning,
            format!("No event of any name came in the last full {}; the export may be late or the tracking off.", per.word(1)),
        );
    }
    let dark = total.series.dark_days();
    if !dark.is_empty() && output.notes.iter().all(|note| note.text != dark) {
        output.note(NoteLevel::Warning, dark);
    }
    if let Some(limit) = levels.limit {
        output.note(
            NoteLevel::Info,
            format!("{}: the {} largest parts of each total are told apart, smaller ones together.", asked.name, limit - 1),
        );
    }
    if let [_] = &levels.places[..]
        && let Some(dimension) = asked.by.first()
    {
        output.note(
            NoteLevel::Warning,
            format!("No event named `{}` says anything about `{dimension}`, so it has no parts.", asked.name),
        );
    }
    let gaps = levels.places.iter_mut().map(|place| ignored.apply(&mut place.series.points, zone)).max().unwrap_or(0);
    if gaps > 0 {
        output.note(
            NoteLevel::Info,
            format!("{}: {gaps} {} to ignore {} left out.", asked.name, per.word(gaps), if gaps == 1 { "was" } else { "were" }),
        );
    }
    let told: Option<Vec<Told>> = levels.places.iter().map(|place| tell(cx, &place.series, per, horizon)).collect();
    let plan = Plan::of(cx, asked.name);
    // A part that cannot be forecast leaves the others without a total to add up to.
    let Some(mut told) = told else {
        let total = &levels.places[0].series;
        let told = tell(cx, total, per, horizon);
        give(cx, asked.name, asked.name, per, horizon, total, told, plan.as_ref(), &[], output, tally);
        return;
    };
    let parents: Vec<Option<usize>> = levels.places.iter().map(|place| place.parent).collect();
    if told.len() > 1 {
        add_up(&mut told, &parents);
    }
    let parts: Vec<Branch> = levels.places.iter().zip(&told).map(|(place, told)| Branch::of(place, told)).collect();
    for (place, told) in levels.places.into_iter().zip(told) {
        let (subject, parts, plan) = if place.path.is_empty() {
            (asked.name.to_owned(), &parts[..], plan.as_ref())
        } else {
            (format!("{} of {}", asked.name, place.path.join(", ")), &[][..], None)
        };
        give(cx, &subject, asked.name, per, horizon, &place.series, Some(told), plan, parts, output, tally);
    }
}

/// What is needed of a part to lay a gap at its door.
struct Branch {
    parent: Option<usize>,
    name: String,
    year: f64,
    sum: Sum,
}

impl Branch {
    fn of(place: &levels::Place, told: &Told) -> Branch {
        let name = place.path.last().cloned().unwrap_or_default();
        Branch { parent: place.parent, name, year: told.year, sum: told.sum }
    }
}

fn tell(cx: &StepContext<'_>, series: &Series, per: Per, horizon: usize) -> Option<Told> {
    let season = cx.config().integer("season").and_then(|season| usize::try_from(season).ok()).unwrap_or(per.season());
    let values: Vec<Option<f64>> = series.points.iter().map(|(_, value)| *value).collect();
    match forecast(&values, season, horizon) {
        Answer::NotEnough { .. } => None,
        Answer::Forecast(found) => {
            let sum = found.steps.last().map(|step| step.sum)?;
            let before = (values.len() >= horizon).then(|| values[values.len() - horizon..].iter().copied().sum::<Option<f64>>());
            let year = (365.25 / per.days()).ceil() as usize;
            let year = values[values.len().saturating_sub(year)..].iter().flatten().sum();
            Some(Told { before: before.flatten(), year, sum, found: *found })
        }
    }
}

/// Moves totals and parts so that they add up at every level.
fn add_up(told: &mut [Told], parents: &[Option<usize>]) {
    let mut all: Vec<&mut Found> = told.iter_mut().map(|told| &mut told.found).collect();
    hierarchy::add_up(&mut all, parents);
    for told in told {
        told.sum = told.found.steps.last().map_or(told.sum, |step| step.sum);
    }
}

/// Gives the insights of one series: what is expected, and how that stands to the plan.
#[expect(clippy::too_many_arguments, reason = "one sentence is made of all of them, and they are said once")]
fn give(
    cx: &StepContext<'_>,
    subject: &str,
    measure: &str,
    per: Per,
    horizon: usize,
    series: &Series,
    told: Option<Told>,
    plan: Option<&Plan>,
    parts: &[Branch],
    output: &mut Output,
    tally: &mut Tally,
) {
    let at = series.points.last().map_or(cx.now, |(at, _)| *at);
    let span =
        format!("the next {}", if horizon == 1 { per.word(1).to_owned() } else { format!("{horizon} {}", per.word(horizon)) });
    let mut insight = Insight {
        subject: Subject::Metric(subject.to_owned()),
        measure: format!("{measure} expected over {span}"),
        value: 0.0,
        interval: None,
        level: 0.8,
        n: series.points.iter().filter(|(_, value)| value.is_some()).count() as u64,
        verdict: Verdict::Clear,
        says: String::new(),
        at,
        basis: None,
        plot: plot(cx, series, told.as_ref()),
    };
    let Some(told) = told else {
        let values: Vec<Option<f64>> = series.points.iter().map(|(_, value)| *value).collect();
        let Answer::NotEnough { have, need } = forecast(&values, 1, 1) else { return };
        let more = need.saturating_sub(have).max(1);
        let need = format!("{more} more {}", per.word(more));
        insight.says = format!("{subject}: not enough to forecast yet, {have} {} are known and it takes {need}.", per.word(have));
        insight.verdict = Verdict::NotEnough { need };
        tally.unknown += 1;
        output.give(insight, series.parents.clone());
        return;
    };
    tally.forecast += 1;
    (insight.value, insight.interval) = (told.sum.expected, Some(told.sum.range_80));
    insight.says = expected(subject, &span, &told, per, horizon);
    let planned = plan.map(|plan| (plan, plan.over(horizon, per)));
    let mut gap = insight.clone();
    output.give(insight, series.parents.clone());
    if let Some((plan, planned)) = planned {
        let (low, high) = told.sum.range_80;
        gap.measure = format!("{measure} against plan over {span}");
        gap.value = told.sum.expected - planned;
        gap.interval = Some((low - planned, high - planned));
        gap.verdict = if low <= planned && planned <= high { Verdict::NotDistinguishable } else { Verdict::Clear };
        gap.says = against(subject, &span, &told, plan, planned, parts);
        gap.plot = Vec::new();
        match gap.verdict {
            Verdict::Clear if gap.value < 0.0 => tally.short += 1,
            Verdict::Clear => tally.ahead += 1,
            _ => {}
        }
        output.give(gap, series.parents.clone());
    }
}

/// The past and the forecast, by date.
fn plot(cx: &StepContext<'_>, series: &Series, told: Option<&Told>) -> Vec<(String, f64)> {
    let past = series.points.iter().filter_map(|(at, value)| Some((at.to_string(), (*value)?)));
    let past: Vec<(String, f64)> = past.collect();
    let mut plot = past[past.len().saturating_sub(PLOT_MAX)..].to_vec();
    if let Some(told) = told {
        let steps = &told.found.steps;
        let times = series::ahead(&series.points, steps.len(), &cx.workflow.zone);
        plot.extend(times.iter().zip(steps).map(|(at, step)| (at.to_string(), step.expected)));
    }
    plot
}

/// `qualified: 96 expected over the next 8 weeks, 80 to 115 in four of five cases; the last 8 weeks brought 104.`
fn expected(subject: &str, span: &str, told: &Told, per: Per, horizon: usize) -> String {
    let ((low, high), (lowest, highest)) = (told.sum.range_80, told.sum.range_95);
    let mut says = format!("{subject}: {} expected over {span}", plain(told.sum.expected));
    if told.found.remarks.contains(&Remark::Constant) {
        says.push_str(", as it was the same in every period so far");
    } else {
        let (low, high) = (plain(low), plain(high));
        says.push_str(&format!(", {low} to {high} in four of five cases ({} to {} in 95 of 100)", plain(lowest), plain(highest)));
    }
    if let Some(before) = told.before {
        let which = if horizon == 1 { format!("last {}", per.word(1)) } else { format!("last {horizon} {}", per.word(horizon)) };
        says.push_str(&format!("; the {which} brought {}", plain(before)));
    }
    says.push('.');
    if let (Some(error), Some(simple)) = (told.found.error(), told.found.simple_error())
        && simple > 0.0
    {
        let change = (1.0 - error / simple) * 100.0;
        let tried = told.found.tried_on;
        let seasonal = told.found.trials.iter().any(|trial| trial.name.starts_with("last season"));
        let simply = if seasonal { "the last season again" } else { "the last value again" };
        let last = if tried == 1 { format!("the last {}", per.word(1)) } else { format!("the last {tried} {}", per.word(tried)) };
        says.push_str(&if told.found.method.ends_with(" again") {
            format!(" That is simply {simply}, which did best on {last}.")
        } else if change >= 1.0 {
            format!(" On {last} this way missed by {change:.0} % less than {simply}.")
        } else if change <= -1.0 {
            format!(" On {last} this way missed by {:.0} % more than {simply}, so lean on the interval.", -change)
        } else {
            format!(" On {last} this way missed by as much as {simply}.")
        });
    }
    for remark in &told.found.remarks {
        match remark {
            Remark::Filled(count) => says.push_str(&format!(" {count} missing {} filled in.", were(*count, per))),
            Remark::Late(count) => says.push_str(&format!(" The last {count} {} unknown.", were(*count, per))),
            Remark::NoSeason { have, need } => {
                says.push_str(&format!(
                    " No season is assumed: {have} {} are known and two seasons take {need}.",
                    per.word(*have)
                ));
            }
            Remark::LeftOut(_) | Remark::Constant | Remark::NotTried => {}
        }
    }
    says
}

fn were(count: usize, per: Per) -> String {
    format!("{} {}", per.word(count), if count == 1 { "was" } else { "were" })
}

/// How the expectation stands to the plan, and which parts make the difference.
fn against(subject: &str, span: &str, told: &Told, plan: &Plan, planned: f64, parts: &[Branch]) -> String {
    let (low, high) = told.sum.range_80;
    let gap = told.sum.expected - planned;
    let asks = format!("the plan asks for {} over {span} ({} a {})", plain(planned), plain(plan.target), plan.per.word(1));
    let mut says = if planned > high {
        format!(
            "{subject} falls short: {asks}, and {} is expected, {} less; even {} would be a good outcome",
            plain(told.sum.expected),
            plain(-gap),
            plain(high)
        )
    } else if planned < low {
        format!(
            "{subject} is ahead: {asks}, and {} is expected, {} more; {} would be a poor outcome",
            plain(told.sum.expected),
            plain(gap),
            plain(low)
        )
    } else {
        format!(
            "{subject} can reach its plan: {asks}, and {} is expected, {} to {} in four of five cases",
            plain(told.sum.expected),
            plain(low),
            plain(high)
        )
    };
    says.push('.');
    let total = parts.first().map_or(0.0, |total| total.year);
    if total > 0.0 && gap.abs() > 1e-9 {
        let made = doors(parts, 0, planned / total, gap);
        if !made.is_empty() {
            let told: Vec<&str> = made.iter().take(3).map(|(_, words)| words.as_str()).collect();
            says.push_str(&format!(" Against their shares of the last year, the difference is made by {}.", told.join(", ")));
            // The largest is followed down.
            let mut at = made[0].0;
            while let Some((below, words)) = doors(parts, at, planned / total, gap).into_iter().next() {
                says.push_str(&format!(" In {}, most of it is {words}.", parts[at].name));
                at = below;
            }
        }
    }
    says
}

/// The parts of `whole` that make a gap, the largest first, in words: against what each would bring if the plan were met and every
/// part kept its share of the last year, which is what plans are made from; a shorter past would excuse a part that has
/// fallen just before.
fn doors(parts: &[Branch], whole: usize, planned: f64, gap: f64) -> Vec<(usize, String)> {
    let of = parts.iter().enumerate().filter(|(_, part)| part.parent == Some(whole));
    let mut made: Vec<(usize, f64, String)> = of
        .map(|(at, part)| {
            let share = planned * part.year;
            let (low, high) = part.sum.range_80;
            let by = part.sum.expected - share;
            (at, by, format!("{} {by:+.1} ({:+.1} to {:+.1})", part.name, low - share, high - share))
        })
        .filter(|(_, by, _)| by * gap > 0.0)
        .collect();
    made.order_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    made.into_iter().map(|(at, _, words)| (at, words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Rng, Timestamp};
    use crate::builtin::common::rehearse::{Bench, notes};
    use crate::client_os::Goal;
    use crate::model::goods::{Event, Events, Point, Signal, SignalKind};
    use crate::model::{Good, Untrusted};
    use crate::stats::sampling::poisson;

    const DAY: i64 = 86_400_000;
    /// 2026-01-05, a Monday.
    const START: i64 = 20_458 * DAY;

    /// So many events in each week from the start.
    fn weeks(name: &str, channel: &str, counts: &[u64]) -> Vec<Event> {
        let events = counts.iter().enumerate().flat_map(|(week, count)| (0..*count).map(move |k| (week as i64, k as i64)));
        events
            .map(|(week, k)| Event {
                at: Timestamp(START + week * 7 * DAY + (k % 7) * DAY),
                name: name.into(),
                channel: Some(channel.into()),
                value: Some(10.0),
                ..Event::default()
            })
            .collect()
    }

    fn around(seed: u64, mean: impl Fn(f64) -> f64, count: usize) -> Vec<u64> {
        let mut rng = Rng::new(seed);
        (0..count).map(|week| poisson(&mut rng, mean(week as f64)).max(1)).collect()
    }

    fn after(weeks: i64) -> String {
        Timestamp(START + weeks * 7 * DAY + DAY / 2).to_string()
    }

    fn bench(nodes: &str, rows: Vec<Event>) -> Bench {
        let mut bench = Bench::new(&Forecast, &format!("forecast \"outlook\" {{ {nodes} }}"));
        bench.input(Events::new("site", &rows));
        bench
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    #[test]
    fn parts_add_up_and_the_gap_is_laid_at_the_door_of_the_part_that_makes_it() {
        let mut rows = weeks("qualified", "mail", &around(1, |_| 40.0, 40));
        // Ads brought as many until they began to fall.
        rows.extend(weeks(
            "qualified",
            "ads",
            &around(2, |week| if week < 28.0 { 40.0 } else { 76.0 - 1.9 * (week - 8.0) + 2.0 }, 40),
        ));
        let output = bench(r#"metric "qualified" by="channel"; plan "qualified" 400 per="month""#, rows).run(&after(40)).unwrap();
        let found = insights(&output);
        assert_eq!(found.len(), 4, "{found:#?}");
        let value = |name: &str| found.iter().find(|insight| insight.subject == Subject::Metric(name.into())).unwrap().value;
        assert!((value("qualified") - value("qualified of ads") - value("qualified of mail")).abs() < 1e-6);
        // Ads ends at 19 a week and falling, mail stays at 40.
        let (ads, mail) = (value("qualified of ads"), value("qualified of mail"));
        assert!((40.0..=96.0).contains(&ads) && (130.0..=190.0).contains(&mail), "{ads} {mail}");
        let gap = found[1];
        assert_eq!(gap.verdict, Verdict::Clear);
        assert!(
            gap.says.starts_with("qualified falls short: the plan asks for 368 over the next 4 weeks (400 a month)"),
            "{}",
            gap.says
        );
        assert!(gap.says.contains("Against their shares of the last year, the difference is made by ads -"), "{}", gap.says);
        assert_eq!(output.headline.as_deref(), Some("3 forecast, 1 short of plan"));
        let (low, high) = found[0].interval.unwrap();
        assert!(low < found[0].value && found[0].value < high && found[0].says.contains("in four of five cases"));
        // The plot shows the past and then what is expected.
        assert_eq!(found[0].plot.len(), 28);
    }

    /// The same events in a region.
    fn of_region(region: &str, rows: Vec<Event>) -> Vec<Event> {
        let put = |row: Event| Event { fields: [("region".to_owned(), region.to_owned())].into(), ..row };
        rows.into_iter().map(put).collect()
    }

    #[test]
    fn three_levels_add_up_at_each_and_the_gap_is_followed_down() {
        let mut rows = of_region("north", weeks("qualified", "mail", &around(1, |_| 40.0, 60)));
        rows.extend(of_region("north", weeks("qualified", "ads", &around(2, |week| if week < 45.0 { 60.0 } else { 20.0 }, 60))));
        rows.extend(of_region("south", weeks("qualified", "mail", &around(3, |_| 30.0, 60))));
        rows.extend(of_region("south", weeks("qualified", "ads", &around(4, |_| 20.0, 60))));
        // Nobody knows where these came from, nor, for some, through what.
        rows.extend(weeks("qualified", "ads", &around(5, |_| 6.0, 60)));
        rows.extend(weeks("qualified", "", &around(6, |_| 6.0, 60)));
        let mut bench = bench(r#"metric "qualified" { by "region" "channel" }; plan "qualified" 800 per="month""#, rows);
        let output = bench.run(&after(60)).unwrap();
        let found = insights(&output);
        let value = |name: &str| {
            let meant = Subject::Metric(name.into());
            found.iter().find(|insight| insight.subject == meant).unwrap_or_else(|| panic!("{name} in {found:#?}")).value
        };
        assert_eq!(found.len(), 11, "{found:#?}");
        let sums = [
            ("qualified", vec!["qualified of north", "qualified of south", "qualified of any other region"]),
            ("qualified of north", vec!["qualified of north, ads", "qualified of north, mail"]),
            ("qualified of south", vec!["qualified of south, ads", "qualified of south, mail"]),
            (
                "qualified of any other region",
                vec!["qualified of any other region, ads", "qualified of any other region, any other channel"],
            ),
        ];
        for (whole, parts) in sums {
            let sum: f64 = parts.iter().map(|name| value(name)).sum();
            assert!((value(whole) - sum).abs() < 1e-6, "{whole}: {} and {sum}", value(whole));
        }
        assert!((60.0..=110.0).contains(&value("qualified of north, ads")), "{}", value("qualified of north, ads"));
        let gap = found.iter().find(|insight| insight.measure.contains("against plan")).unwrap();
        assert!(gap.says.contains("made by north -") && gap.says.contains("In north, most of it is ads -"), "{}", gap.says);
        assert!(found.iter().all(|insight| insight.interval.is_some()));
    }

    #[test]
    fn parts_beyond_the_largest_are_put_together_and_said() {
        let mut rows = Vec::new();
        for part in 0..60 {
            rows.extend(weeks("qualified", &format!("c{part:02}"), &around(part + 10, |_| 3.0 + part as f64, 10)));
        }
        let output = bench(r#"metric "qualified" by="channel""#, rows).run(&after(10)).unwrap();
        let found = insights(&output);
        assert_eq!(found.len(), 41);
        let sum: f64 = found[1..].iter().map(|insight| insight.value).sum();
        assert!(
            (found[0].value - sum).abs() < 1e-6 && found.iter().any(|x| x.says.starts_with("qualified of any other channel"))
        );
        assert_eq!(notes(&output), ["- qualified: the 39 largest parts of each total are told apart, smaller ones together."]);
    }

    #[test]
    fn a_goal_of_the_client_os_is_the_plan_and_values_add_up() {
        let rows = weeks("purchase", "mail", &around(3, |_| 30.0, 30));
        let mut bench = bench(r#"metric "purchase" as="value"; horizon 2"#, rows);
        let goal = Goal { name: "revenue".into(), target: 300.0, per: "week".into(), metric: "purchase".into(), until: None };
        bench.client_os.goals.push(goal);
        let output = bench.run(&after(30)).unwrap();
        let found = insights(&output);
        assert!((found[0].value - 600.0).abs() < 150.0, "{found:?}");
        assert!(
            found[1].says.starts_with("purchase can reach its plan: the plan asks for 600 over the next 2 weeks"),
            "{}",
            found[1].says
        );
        assert_eq!(found[1].verdict, Verdict::NotDistinguishable);
    }

    #[test]
    fn too_little_says_how_much_more_and_nothing_says_so() {
        let output = bench(r#"metric "qualified""#, weeks("qualified", "mail", &[3, 4, 5])).run(&after(3)).unwrap();
        let found = insights(&output);
        assert_eq!(found[0].says, "qualified: not enough to forecast yet, 3 weeks are known and it takes 5 more weeks.");
        assert_eq!(found[0].interval, None);
        let output = bench(r#"metric "qualified""#, vec![]).run(&after(3)).unwrap();
        assert_eq!(output.headline.as_deref(), Some("0 forecast, 1 with too little to say"));
        assert_eq!(notes(&output), ["- No full week with an event named `qualified` has passed yet."]);
        assert!(bench(r#"metric "x"; horizon 0"#, vec![]).run(&after(3)).is_err());
    }

    #[test]
    fn the_running_week_and_what_is_to_be_ignored_do_not_count() {
        let mut counts = around(4, |_| 50.0, 30);
        counts[20] = 900;
        let mut rows = weeks("qualified", "mail", &counts);
        // The week of the cycle has only begun.
        rows.extend(weeks("qualified", "mail", &[vec![0; 30], vec![2]].concat()));
        let broken = Timestamp(START + 20 * 7 * DAY + 3 * DAY).to_string();
        let nodes = format!(r#"metric "qualified"; horizon 1; ignore "{broken}" because="counted twice""#);
        let output = bench(&nodes, rows).run(&after(30)).unwrap();
        let found = insights(&output);
        let (low, high) = found[0].interval.unwrap();
        assert!((found[0].value - 50.0).abs() < 10.0 && high - low < 45.0, "{found:?}");
        assert!(found[0].says.contains("1 missing week was filled in"), "{}", found[0].says);
        assert_eq!(notes(&output), ["- qualified: 1 week to ignore was left out."]);
    }

    #[test]
    fn constants_and_zeros_go_on_and_topics_are_told_apart() {
        let output = bench(r#"metric "qualified""#, weeks("qualified", "mail", &[7; 20])).run(&after(20)).unwrap();
        assert!(insights(&output)[0].says.starts_with("qualified: 28 expected over the next 4 weeks, as it was the same"));
        let topic = |name: &str, size: f64| {
            let mut signal =
                Signal::new(SignalKind::Query, name, Untrusted::new(name), "search", Timestamp(START), Digest::of(name));
            signal.series = (0..30)
                .map(|week| Point { at: Timestamp(START + week * 7 * DAY), value: size + (week * 7 % 5) as f64 })
                .collect();
            signal
        };
        let mut bench = Bench::new(&Forecast, r#"forecast "outlook" { metric "volume"; top 1 }"#);
        bench.inputs([topic("crm", 10.0), topic("erp", 90.0)]);
        let output = bench.run(&after(31)).unwrap();
        let found = insights(&output);
        assert_eq!((found.len(), &found[0].subject), (1, &Subject::Metric("erp".into())));
        assert!((found[0].value - 368.0).abs() < 20.0, "{:?}", found[0]);
    }
}
