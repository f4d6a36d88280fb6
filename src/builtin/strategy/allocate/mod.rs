//! `allocate`: the best division of a budget among channels, from what spending on them brought before.
//!
//! In reading order: `budget` what the file says and which bounds are in force · `history` what was spent and what came of it · `plan` what
//! is learned, the division, and the words for it. The mathematics is `stats::response`.

mod budget;
mod history;
mod plan;

use crate::base::Digest;
use crate::model::goods::insight::Basis;
use crate::model::goods::{Allocation, Estimate, Insight, Share, Subject, Verdict};
use crate::model::{Config, GoodKind, Layer};
use crate::stats::response::fit::Options;
use crate::step::spec::Tunable;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};
use budget::Budget;
pub use budget::told;
use history::History;
pub use plan::estimate;

pub struct Allocate;

const fn amount(name: &'static str, doc: &'static str) -> PropSpec {
    PropSpec { name, ty: ValueType::Money, required: false, default: None, doc }
}

static SPEC: KindSpec = KindSpec {
    verb: "allocate",
    connector: None,
    layers: &[Layer::Strategy],
    summary: "Divides a budget among channels by what spending on them brought before, under floors, ceilings and locks.",
    doc: "From what was spent on each channel and what came of it, period by period, it learns how long the effect of each channel lasts \
and how it saturates, beside a level, a trend, seasons and the drivers named with `control`. A few years of data leave much open, so the \
answer is many ways the world may be, and every number has an interval in which nine of ten of them lie.\n\n\
Then it finds the division of the total that brings the most on average over them. Response curves are often S-shaped: the first money \
brings little. A search that goes uphill from today's division stays at the nearest hill, so this one looks at all of them and says how far \
at most the best division is away. Beside it stand today's division (the mean of the last 13 weeks), no spend at all, and how well the last \
periods were told with and without the spend.\n\n\
It takes rows of a table as events (`give \"event\"`): a name stands for a column, for events of that name, or for a topic whose signal has a \
series. What is said several times in a period is added up. With too little data it keeps today's division and says how much more it \
takes. It moves no money: the division is for people, for `scenario`, and for expressions in later steps.",
    takes: &[GoodKind::Events, GoodKind::Signal],
    gives: &[GoodKind::Allocation, GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "total",
            args: &[ArgSpec { name: "amount", ty: ValueType::Money, required: true }],
            props: &[PropSpec {
                name: "per",
                ty: ValueType::Choice(&["day", "week", "month"]),
                required: false,
                default: Some("\"week\""),
                doc: "The time it is for; floors, ceilings and locks are for the same.",
            }],
            occurs: Occurs::Once,
            doc: "What is divided.",
            example: r#"total (usd)20000 per="week""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "outcome",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            occurs: Occurs::Once,
            doc: "What is to grow: a column of the rows, events of that name, or a topic.",
            example: r#"outcome "revenue""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "channel",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[
                PropSpec {
                    name: "spend",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The column, events or topic that say what was spent on it; with a `spend` node, what events say in `channel`. \
Without it, its name.",
                },
                amount("floor", "It gets at least this."),
                amount("ceiling", "It gets at most this."),
                amount("lock", "It gets exactly this."),
            ],
            occurs: Occurs::AtLeastOnce,
            doc: "A channel that money may go to.",
            example: r#"channel "search" spend="search_S" floor=(usd)2000 ceiling=(usd)9000"#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "group",
            args: &[
                ArgSpec { name: "name", ty: ValueType::Text, required: true },
                ArgSpec { name: "channel", ty: ValueType::Text, required: true },
            ],
            rest: Some(ValueType::Text),
            props: &[amount("floor", "Together they get at least this."), amount("ceiling", "Together they get at most this.")],
            occurs: Occurs::Many,
            doc: "Channels that have a bound together. A channel stands in one group at most.",
            example: r#"group "brand" "tv" "print" floor=(usd)4000"#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "change",
            ValueType::Share,
            "How much of its present amount a channel may gain or lose in one cycle; one that had nothing may begin with that part of an \
even share. Without it, anything is possible at once.",
            "change 0.2",
        ),
        NodeSpec::value(
            "spend",
            ValueType::Text,
            "The name of the events, or the column, that say what was spent, when each event names its channel. Without it, each channel has a \
column of its own.",
            r#"spend "ad_cost""#,
        ),
        NodeSpec {
            name: "control",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            occurs: Occurs::Many,
            doc: "What else drives the outcome: columns, events or topics.",
            example: r#"control "competitor_sales" "newsletter""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "per",
            args: &[ArgSpec { name: "period", ty: ValueType::Choice(&["day", "week", "month"]), required: true }],
            doc: "The period that the data is read by.",
            example: r#"per "week""#,
            default: Some("\"week\""),
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "carry-over",
            args: &[ArgSpec { name: "form", ty: ValueType::Choice(&["geometric", "weibull"]), required: true }],
            doc: "How an effect lasts: `geometric` fades from the first period on, `weibull` may rise before it fades.",
            example: r#"carry-over "weibull""#,
            default: Some("\"geometric\""),
            ..NodeSpec::EMPTY
        },
    ],
    example: r#"allocate "spend" {
    from "history"
    outcome "revenue"
    total (usd)20000 per="week"
    channel "search" floor=(usd)2000 ceiling=(usd)9000
    channel "social" lock=(usd)3000
    channel "tv"
    channel "print"
    group "brand" "tv" "print" floor=(usd)4000
    control "competitor_sales"
    change 0.2
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables,
};

fn tunables(config: &Config) -> Vec<Tunable> {
    let change = config.number("change");
    change.map(|declared| Tunable { name: "change".into(), declared, least: 0.01, most: 1.0 }).into_iter().collect()
}

impl StepKind for Allocate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    // The running period is left out.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        divide(cx, &Options::default()).map(Turn::Done)
    }
}

fn divide(cx: &StepContext<'_>, sampling: &Options) -> Result<Output, StepError> {
    let budget = Budget::read(cx)?;
    let history = History::read(cx, &budget)?;
    let mut output = Output::default();
    if history.len() < plan::needed(&budget) {
        too_little(cx, &budget, &history, &mut output);
        return Ok(output);
    }
    let plan = plan::plan(cx.step.id.as_str(), &budget, &history, sampling)?;
    for note in plan.notes {
        output.note(NoteLevel::Warning, note);
    }
    let moved = plan.allocation.shares.iter().filter(|share| share.amount != share.present).count();
    output.headline = Some(format!(
        "{} {} a {} over {}, {} {} of data{}",
        plan.allocation.total.currency,
        told(plan.allocation.total.units()),
        plan.allocation.per,
        channels(moved),
        history.len(),
        budget.period.word(history.len()),
        if plan.allocation.verdict == Verdict::Clear { "" } else { ", not clearly better than today" }
    ));
    let basis = basis(&history);
    for share in &plan.allocation.shares {
        output.give(insight(&plan.allocation, share, &basis), history.parents.clone());
    }
    output.give(plan.allocation, history.parents);
    Ok(output)
}

fn channels(count: usize) -> String {
    if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") }
}

/// Nothing is moved before there is something to go by; that is said, and how much more it takes.
fn too_little(cx: &StepContext<'_>, budget: &Budget, history: &History, output: &mut Output) {
    let need = plan::needed(budget);
    let more = need - history.len();
    let need = format!("{more} more {}", budget.period.word(more));
    let have = format!("{} {}", history.len(), budget.period.word(history.len()));
    let says = format!(
        "{}: not enough evidence yet, {have} are known and {} with {} take {need}; today's division is kept.",
        budget.outcome,
        channels(budget.lines.len()),
        match budget.controls.len() {
            0 => "no other driver".to_owned(),
            1 => "1 other driver".to_owned(),
            count => format!("{count} other drivers"),
        }
    );
    let present = if history.len() == 0 { vec![0.0; budget.lines.len()] } else { plan::present(budget, history) };
    let nothing = Estimate::default();
    let shares = budget.lines.iter().zip(&present).map(|(line, amount)| Share {
        channel: line.channel.clone(),
        group: None,
        amount: budget.money(*amount),
        present: budget.money(*amount),
        held: Some(crate::model::goods::Held::Unknown),
        brings: nothing,
        brought: nothing,
        next: 0.0,
    });
    let verdict = Verdict::NotEnough { need };
    let allocation = Allocation {
        name: cx.step.id.as_str().to_owned(),
        outcome: budget.outcome.clone(),
        total: budget.money(present.iter().sum()),
        per: budget.per.word(1).to_owned(),
        shares: shares.collect(),
        expected: nothing,
        present: nothing,
        nothing,
        gain: nothing,
        better: 0.0,
        gap: 0.0,
        tried: None,
        periods: history.len() as u64,
        verdict: verdict.clone(),
        says: says.clone(),
        at: if history.len() == 0 { cx.now } else { history.to },
        days: budget.period.days(),
        ways: Vec::new(),
    };
    output.headline = Some(format!("{have} of data, not enough to divide by"));
    let insight = Insight {
        subject: Subject::Metric(budget.outcome.clone()),
        measure: "division of the budget".into(),
        value: 0.0,
        interval: None,
        level: 0.9,
        n: history.len() as u64,
        verdict,
        says,
        at: allocation.at,
        plot: Vec::new(),
        basis: None,
    };
    output.give(insight, history.parents.clone());
    output.give(allocation, history.parents.clone());
}

fn basis(history: &History) -> Basis {
    let digest = Digest::of_json(&(&history.outcome, &history.spend, &history.controls));
    Basis { digest, from: history.from, to: history.to, held_out: None }
}

/// What one channel brings.
fn insight(allocation: &Allocation, share: &Share, basis: &Basis) -> Insight {
    let (outcome, per, currency) = (&allocation.outcome, &allocation.per, &allocation.total.currency);
    let amount = share.amount.units();
    let of = |brings: f64| if amount > 0.0 { brings / amount } else { 0.0 };
    let seen = share.brings.low > 0.15 * share.brings.expected && share.held != Some(crate::model::goods::Held::Unknown);
    let held = share.held.map_or_else(String::new, |held| format!(", {}", held.words()));
    let says = format!(
        "{}: {currency} {} a {per} ({} today{held}) brings {} {outcome} ({} to {}); the next {currency} 1 would bring {}.",
        share.channel,
        told(amount),
        told(share.present.units()),
        told(share.brings.expected),
        told(share.brings.low),
        told(share.brings.high),
        told(share.next)
    );
    Insight {
        // Not the channel itself: what is said of that is its share of the credit, which `report` and `feedback` read.
        subject: Subject::Model(format!("{} of {}", share.channel, allocation.name)),
        measure: format!("{outcome} for each {currency} 1"),
        value: of(share.brings.expected),
        interval: Some((of(share.brings.low), of(share.brings.high))),
        level: 0.9,
        n: allocation.periods,
        verdict: if seen { Verdict::Clear } else { Verdict::NotDistinguishable },
        says,
        at: allocation.at,
        plot: Vec::new(),
        basis: Some(basis.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Rng, Timestamp};
    use crate::builtin::common::rehearse::{Bench, notes};
    use crate::model::Good;
    use crate::model::goods::{Event, Events, Held};
    use crate::stats::response::curve::Curve;
    use crate::stats::sampling::normal;

    const DAY: i64 = 86_400_000;
    /// 2024-01-01, a Monday.
    const START: i64 = 19_723 * DAY;

    /// A kind that samples little: the mathematics has its own tests, and a step is asked twice.
    struct Quick;

    impl StepKind for Quick {
        fn spec(&self) -> &'static KindSpec {
            &SPEC
        }

        fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
            let quick = Options { chains: 2, warm_up: 80, sweeps: 120, draws: 60, seed: 1 };
            divide(cx, &quick).map(Turn::Done)
        }
    }

    /// Weeks in which search brings much and soon saturates, tv brings something, and radio was always the same.
    fn weeks(count: usize) -> Vec<Event> {
        let mut rng = Rng::new(11);
        (0..count)
            .map(|week| {
                let (search, tv) = (2000.0 * rng.uniform(), 4000.0 * rng.uniform());
                let brought = Curve { top: 9000.0, half: 1000.0, steep: 1.2 }.at(search) + 0.4 * tv;
                let mut event = Event { at: Timestamp(START + week as i64 * 7 * DAY), name: "row".into(), ..Event::default() };
                let revenue = 20_000.0 + brought + 250.0 * normal(&mut rng);
                for (name, value) in [("search", search), ("tv_cost", tv), ("radio", 500.0), ("revenue", revenue)] {
                    event.fields.insert(name.into(), format!("{value:.2}"));
                }
                event
            })
            .collect()
    }

    fn bench(nodes: &str, rows: Vec<Event>) -> Bench {
        let mut bench = Bench::new(&Quick, &format!("allocate \"spend\" {{ outcome \"revenue\"; {nodes} }}"));
        bench.input(Events::new("history", &rows));
        bench
    }

    fn allocation(output: &Output) -> &Allocation {
        let goods = output.goods.iter();
        goods
            .filter_map(|(good, _)| if let Good::Allocation(found) = good { Some(found) } else { None })
            .next()
            .expect("an allocation")
    }

    const CHANNELS: &str = r#"channel "search"; channel "tv" spend="tv_cost""#;

    #[test]
    fn money_goes_where_the_next_of_it_brings_most() {
        let output = bench(&format!("total (usd)3000; {CHANNELS}"), weeks(90)).run("2026-06-01").unwrap();
        let found = allocation(&output);
        let (search, tv) = (&found.shares[0], &found.shares[1]);
        assert!((search.amount.units() + tv.amount.units() - 3000.0).abs() < 0.01, "{found:#?}");
        // At 3,000 search still brings 0.6 for the next unit (by its derivative), and tv 0.4 for any.
        assert!(search.amount > tv.amount && search.next > 0.3, "{} {} {}", search.amount, tv.amount, search.next);
        assert!(found.gain.expected > 0.0 && found.better > 0.5 && found.gap < 1e-4);
        assert!((found.nothing.expected - 20_000.0).abs() < 2_500.0, "{:?}", found.nothing);
        assert!(found.tried.is_some_and(|tried| tried.error < tried.without), "{:?}", found.tried);
        assert!(found.says.starts_with("usd 3,000 a week moves ") && found.says.contains("without any spend"), "{}", found.says);
        assert_eq!(found.ways.len(), 60);
        let insights = output.goods.iter().filter(|(good, _)| matches!(good, Good::Insight(_))).count();
        assert_eq!(insights, 2);
    }

    #[test]
    fn floors_locks_groups_and_change_are_kept_and_named() {
        let nodes = r#"total (usd)4000; change 0.5; channel "search" ceiling=(usd)900; channel "tv" spend="tv_cost"; channel "radio";
            group "air" "tv" "radio" floor=(usd)3000"#;
        let output = bench(nodes, weeks(90)).run("2026-06-01").unwrap();
        let found = allocation(&output);
        let units: Vec<f64> = found.shares.iter().map(|share| share.amount.units()).collect();
        assert!(units[0] <= 900.0 + 1e-6 && units[1] + units[2] >= 3000.0 - 1e-6, "{units:?}");
        assert_eq!((units[2].round(), found.shares[2].held), (500.0, Some(Held::Unknown)));
        assert_eq!(found.shares[1].group.as_deref(), Some("air"));
        let said = notes(&output);
        assert!(said.iter().any(|note| note.contains("radio was always given the same")), "{said:?}");
    }

    #[test]
    fn a_month_is_divided_as_well_and_events_may_name_their_channel() {
        let mut rows = Vec::new();
        for row in weeks(70) {
            let field = |name: &str| row.fields[name].parse::<f64>().ok();
            let event = |name: &str, channel: Option<&str>, value| Event {
                name: name.into(),
                channel: channel.map(str::to_owned),
                value,
                ..Event { at: row.at, ..Event::default() }
            };
            rows.push(event("cost", Some("search"), field("search")));
            rows.push(event("cost", Some("tv"), field("tv_cost")));
            rows.push(event("revenue", None, field("revenue")));
        }
        let nodes = r#"total (eur)13000 per="month"; spend "cost"; channel "search"; channel "tv" lock=(eur)6000"#;
        let output = bench(nodes, rows).run("2026-06-01").unwrap();
        let found = allocation(&output);
        assert_eq!(found.shares[1].held, Some(Held::Lock));
        assert!((found.shares[0].amount.units() - 7000.0).abs() < 0.01);
        // 4.35 weeks of about 20,000.
        assert!((80_000.0..95_000.0).contains(&found.nothing.expected), "{:?}", found.nothing);
        assert!(found.says.contains("a month"));
    }

    #[test]
    fn too_little_keeps_todays_division_and_says_how_much_more_it_takes() {
        let output = bench(&format!("total (usd)3000; {CHANNELS}"), weeks(20)).run("2026-06-01").unwrap();
        let found = allocation(&output);
        assert_eq!(found.verdict, Verdict::NotEnough { need: "16 more weeks".into() });
        assert!(
            found.says.contains("20 weeks are known and 2 channels with no other driver take 16 more weeks"),
            "{}",
            found.says
        );
        assert!(found.shares.iter().all(|share| share.amount == share.present && share.amount.units() > 500.0));
        let none = Bench::new(&Quick, &format!("allocate \"spend\" {{ outcome \"revenue\"; total (usd)3000; {CHANNELS} }}"));
        let mut none = none;
        assert!(matches!(allocation(&none.run("2026-06-01").unwrap()).verdict, Verdict::NotEnough { .. }));
    }

    #[test]
    fn a_name_that_nothing_carries_is_an_error_that_says_what_is_there() {
        let error = bench(r#"total (usd)3000; channel "serach"; channel "tv""#, weeks(60)).run("2026-06-01").unwrap_err();
        assert!(error.message.contains("`serach`, `tv`"), "{}", error.message);
        assert_eq!(error.help.as_deref(), Some("what was read has `radio`, `revenue`, `search`, `tv_cost`"));
    }

    #[test]
    fn the_running_period_does_not_count() {
        let rows = weeks(60);
        let mid = |rows: Vec<Event>| {
            let mut bench = bench(&format!("total (usd)3000; {CHANNELS}"), rows);
            allocation(&bench.run("2025-02-20").unwrap()).periods
        };
        // The cycle is in the 60th week.
        assert_eq!(mid(rows), 59);
    }
}
