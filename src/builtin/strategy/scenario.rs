//! `scenario`: what several divisions of a budget would do over the coming periods, in many possible futures, before anything is spent.
//!
//! Each future takes one of the ways the world may be that `allocate` found, and one run of luck, the same for every division
//! (`stats::response::futures`).

use super::allocate::{estimate, told};
use crate::base::Money;
use crate::model::goods::{Allocation, Course, Estimate, Insight, Scenario as Found, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Layer, Scalar};
use crate::stats::response::carry::Carry;
use crate::stats::response::curve::Curve;
use crate::stats::response::futures::{World, futures};
use crate::stats::summary::{quantile_sorted, sorted};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};

pub struct Scenario;

const DRAWS: i64 = 10_000;
const DRAWS_MAX: i64 = 100_000;
const HORIZON_MAX: i64 = 520;
const SURE: f64 = 0.9;

static SPEC: KindSpec = KindSpec {
    verb: "scenario",
    connector: None,
    layers: &[Layer::Strategy],
    summary: "Plays what several divisions of a budget would do over the coming periods, in many possible futures.",
    doc: "Takes the ways the world may be from `allocate` and plays today's division, the planned one and every `choice` through the same \
10,000 futures: in each future all of them meet the same world and the same luck, so they differ by what they do. A change is felt by and by, \
as effects last.\n\n\
It says what each brings over the horizon with the interval in which nine of ten futures lie, how likely it is to bring more than today's, \
and, when it spends more, what one unit of the outcome must be worth for that to pay. With `worth`, also how likely it pays.",
    takes: &[GoodKind::Allocation],
    gives: &[GoodKind::Scenario, GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec::value("horizon", ValueType::Integer, "Periods of the data to look ahead.", "horizon 26").or("13"),
        NodeSpec::value("draws", ValueType::Integer, "Futures to play.", "draws 20000").or("10000"),
        NodeSpec {
            name: "choice",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "scale",
                ty: ValueType::Number,
                required: false,
                default: None,
                doc: "Today's division times this, before `set`.",
            }],
            children: &[NodeSpec {
                name: "set",
                args: &[
                    ArgSpec { name: "channel", ty: ValueType::Text, required: true },
                    ArgSpec { name: "amount", ty: ValueType::Money, required: true },
                ],
                occurs: Occurs::Many,
                doc: "What a channel gets a period of the budget; the others stay.",
                example: r#"set "tv" (usd)5000"#,
                ..NodeSpec::EMPTY
            }],
            occurs: Occurs::Many,
            doc: "A division to compare: today's with changes.",
            example: r#"choice "half of tv" { set "tv" (usd)5000 }"#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "worth",
            ValueType::Money,
            "What one unit of the outcome is worth, after its costs; for revenue, the margin.",
            "worth (usd)0.4",
        ),
    ],
    example: r#"scenario "next-quarter" {
    from "spend"
    horizon 13
    choice "a tenth more" scale=1.1
    choice "half of tv" { set "tv" (usd)5000 }
    worth (usd)0.4
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Scenario {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let horizon = in_range(cx.config(), "horizon", 13, HORIZON_MAX)?;
        let draws = in_range(cx.config(), "draws", DRAWS, DRAWS_MAX)?;
        let mut output = Output::default();
        let mut played = 0;
        for (item, allocation) in cx.goods(|good| if let Good::Allocation(found) = good { Some(found) } else { None }) {
            if allocation.ways.is_empty() {
                output.note(NoteLevel::Warning, format!("`{}` cannot be played yet. {}", allocation.name, allocation.says));
                continue;
            }
            let found = play(cx, allocation, horizon, draws)?;
            for course in found.courses.iter().skip(1) {
                output.give(insight(&found, course), vec![item.id]);
            }
            played += found.courses.len();
            output.give(found, vec![item.id]);
        }
        output.headline = Some(match played {
            0 => "nothing to play yet".to_owned(),
            _ => format!("{played} divisions in {} futures", told(draws as f64)),
        });
        Ok(Turn::Done(output))
    }
}

fn in_range(config: &Config, name: &str, declared: i64, most: i64) -> Result<usize, StepError> {
    let value = config.integer(name).unwrap_or(declared);
    if !(1..=most).contains(&value) {
        return Err(StepError::new(format!("`{name}` is {value}")).help(format!("write a whole number from 1 to {most}")));
    }
    Ok(value as usize)
}

/// The ways the world may be, as the mathematics takes them.
fn worlds(allocation: &Allocation) -> Vec<World> {
    let part = |numbers: &[f64; 5]| {
        let [one, two, top, half, steep] = *numbers;
        let carry = if two > 0.0 { Carry::Weibull { shape: one, scale: two } } else { Carry::Geometric { keep: one } };
        (carry, Curve { top, half, steep })
    };
    let world = |way: &crate::model::goods::Way| World {
        base: way.base,
        noise: way.noise,
        freedom: way.freedom,
        parts: way.channels.iter().map(part).collect(),
    };
    allocation.ways.iter().map(world).collect()
}

/// The divisions to play, per period of the budget, today's first.
fn divisions(cx: &StepContext<'_>, allocation: &Allocation) -> Result<Vec<(String, Vec<f64>)>, StepError> {
    let today: Vec<f64> = allocation.shares.iter().map(|share| share.present.units()).collect();
    let planned = allocation.shares.iter().map(|share| share.amount.units()).collect();
    let mut all = vec![("as today".to_owned(), today.clone()), ("as planned".to_owned(), planned)];
    for choice in cx.config().all("choice") {
        let name = choice.arg().and_then(Scalar::text).unwrap_or_default().to_owned();
        let scale = choice.prop("scale").and_then(Scalar::number).unwrap_or(1.0).max(0.0);
        let mut amounts: Vec<f64> = today.iter().map(|amount| amount * scale).collect();
        for set in choice.all("set") {
            let channel = set.arg().and_then(Scalar::text).unwrap_or_default();
            let Some(at) = allocation.shares.iter().position(|share| share.channel == channel) else {
                let known: Vec<&str> = allocation.shares.iter().map(|share| share.channel.as_str()).collect();
                return Err(StepError::new(format!(
                    "the choice `{name}` sets `{channel}`, which `{}` does not divide among",
                    allocation.name
                ))
                .help(format!("its channels are `{}`", known.join("`, `"))));
            };
            let money = set.args.get(1).and_then(Scalar::money).map_or(0.0, Money::units);
            amounts[at] = money.max(0.0);
        }
        all.push((name, amounts));
    }
    Ok(all)
}

fn play(cx: &StepContext<'_>, allocation: &Allocation, horizon: usize, draws: usize) -> Result<Found, StepError> {
    let divisions = divisions(cx, allocation)?;
    let days = match allocation.per.as_str() {
        "day" => 1.0,
        "month" => 365.25 / 12.0,
        _ => 7.0,
    };
    // Amounts per period of the data.
    let factor = days / allocation.days;
    let amounts: Vec<Vec<f64>> = divisions.iter().map(|(_, all)| all.iter().map(|amount| amount / factor).collect()).collect();
    let rows = futures(&worlds(allocation), &amounts[0], &amounts, horizon, draws, &mut cx.rng());
    let worth = cx.config().value("worth").and_then(Scalar::money).map(Money::units);
    let spent: Vec<f64> = amounts.iter().map(|all| all.iter().sum::<f64>() * horizon as f64).collect();
    let currency = &allocation.total.currency;
    let courses = divisions.iter().zip(&rows).enumerate().map(|(at, ((name, _), row))| {
        let gains: Vec<f64> = row.iter().zip(&rows[0]).map(|(here, today)| here - today).collect();
        let share =
            |holds: &dyn Fn(f64) -> bool| gains.iter().filter(|gain| holds(**gain)).count() as f64 / gains.len().max(1) as f64;
        let more = spent[at] - spent[0];
        let costs_more = more > 1e-6 * spent[0].abs().max(1.0);
        let gain = estimate(&gains);
        let ordered = sorted(row);
        let plot =
            (1..20).map(|step| f64::from(step) / 20.0).map(|p| (format!("{:.0} %", p * 100.0), quantile_sorted(&ordered, p)));
        Course {
            name: name.clone(),
            spend: Money::new(currency, spent[at]),
            outcome: estimate(row),
            // Small differences are rounding.
            better: if at == 0 { 0.0 } else { share(&|gain| gain > 1e-9 * ordered[ordered.len() / 2].abs()) },
            break_even: (costs_more && gain.expected > 0.0).then(|| more / gain.expected),
            pays: worth.filter(|_| at > 0).map(|worth| share(&|gain| gain * worth > more)),
            gain: if at == 0 { Estimate::default() } else { gain },
            plot: plot.collect(),
        }
    });
    let mut found = Found {
        name: cx.step.id.as_str().to_owned(),
        outcome: allocation.outcome.clone(),
        horizon: horizon as u64,
        per: period(allocation.days).to_owned(),
        draws: draws as u64,
        courses: courses.collect(),
        verdict: Verdict::NotDistinguishable,
        says: String::new(),
        at: allocation.at,
    };
    // What pays, when it is said what the outcome is worth; what brings more, when not.
    let rank = |course: &&Course| {
        worth.map_or(course.gain.expected, |worth| course.gain.expected * worth - (course.spend.units() - spent[0]))
    };
    let best = found.courses.iter().skip(1).max_by(|a, b| rank(a).total_cmp(&rank(b)));
    let best = best.filter(|course| rank(course) > 0.0);
    if let Some(best) = best {
        let sure = best.pays.unwrap_or(best.better) >= SURE;
        found.says = says(&found, best);
        found.verdict = if sure { Verdict::Clear } else { Verdict::NotDistinguishable };
    } else {
        found.says = format!("Over {}, nothing that was played is better than today's division.", span(&found));
    }
    Ok(found)
}

fn period(days: f64) -> &'static str {
    match days {
        days if days < 3.5 => "day",
        days if days < 14.0 => "week",
        _ => "month",
    }
}

fn span(found: &Found) -> String {
    let many = if found.horizon == 1 { "" } else { "s" };
    format!("{} {}{many}", found.horizon, found.per)
}

fn says(found: &Found, course: &Course) -> String {
    let outcome = &found.outcome;
    let gain = &course.gain;
    let (word, by, low, high) = match gain.expected < 0.0 {
        true => ("less", -gain.expected, -gain.high, -gain.low),
        false => ("more", gain.expected, gain.low, gain.high),
    };
    let mut says = format!(
        "Over {}, “{}” brings {} {word} {outcome} than today's division ({} to {} in nine of ten futures) and is better in {:.0} of 100",
        span(found),
        course.name,
        told(by),
        told(low),
        told(high),
        course.better * 100.0
    );
    let more = course.spend.units() - found.courses[0].spend.units();
    let currency = &course.spend.currency;
    if let Some(value) = course.break_even {
        says.push_str(&format!(
            "; it costs {currency} {} more, which pays from {currency} {} a unit on",
            told(more),
            told(value)
        ));
    } else if more < -0.5 {
        says.push_str(&format!("; it costs {currency} {} less", told(-more)));
    }
    if let Some(pays) = course.pays.filter(|_| more > 0.5) {
        says.push_str(&format!(", and in {:.0} of 100 futures it does", pays * 100.0));
    }
    says.push('.');
    says
}

fn insight(found: &Found, course: &Course) -> Insight {
    let (sure_more, sure_less) = (course.gain.low > 0.0, course.gain.high < 0.0);
    Insight {
        subject: Subject::Model(format!("{} of {}", course.name, found.name)),
        measure: format!("more {} over {}", found.outcome, span(found)),
        value: course.gain.expected,
        interval: Some((course.gain.low, course.gain.high)),
        level: 0.9,
        n: found.draws,
        verdict: if sure_more || sure_less { Verdict::Clear } else { Verdict::NotDistinguishable },
        says: says(found, course),
        at: found.at,
        plot: course.plot.clone(),
        basis: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::builtin::common::rehearse::{Bench, notes};
    use crate::model::goods::{Share, Way};

    fn allocation(ways: usize) -> Allocation {
        let share = |channel: &str, amount: f64, present: f64| Share {
            channel: channel.into(),
            group: None,
            amount: Money::new("usd", amount),
            present: Money::new("usd", present),
            held: None,
            brings: Estimate::default(),
            brought: Estimate::default(),
            next: 0.0,
        };
        let way = |at: usize| Way {
            base: 1000.0,
            noise: 50.0,
            freedom: 8.0,
            // Search brings up to 380 to 480; tv hardly anything.
            channels: vec![[0.3, 0.0, 380.0 + at as f64, 100.0, 1.0], [1.5, 2.0, 10.0, 100.0, 1.0]],
        };
        let zero = Estimate::default();
        Allocation {
            name: "spend".into(),
            outcome: "revenue".into(),
            total: Money::new("usd", 200.0),
            per: "week".into(),
            shares: vec![share("search", 180.0, 100.0), share("tv", 20.0, 100.0)],
            expected: zero,
            present: zero,
            nothing: zero,
            gain: zero,
            better: 0.9,
            gap: 0.0,
            tried: None,
            periods: 100,
            verdict: Verdict::Clear,
            says: "Not enough evidence yet.".into(),
            at: Timestamp(0),
            days: 7.0,
            ways: (0..ways).map(way).collect(),
        }
    }

    fn found(output: &Output) -> &Found {
        let mut goods =
            output.goods.iter().filter_map(|(good, _)| if let Good::Scenario(found) = good { Some(found) } else { None });
        goods.next().expect("a scenario")
    }

    fn bench(nodes: &str, ways: usize) -> Bench {
        let mut bench = Bench::new(&Scenario, &format!("scenario \"next\" {{ {nodes} }}"));
        bench.input(allocation(ways));
        bench
    }

    #[test]
    fn the_same_luck_for_all_makes_a_small_difference_certain() {
        let output = bench("horizon 13", 100).run("2026-06-01").unwrap();
        let found = found(&output);
        assert_eq!((found.courses.len(), found.draws), (2, 10_000));
        let (today, planned) = (&found.courses[0], &found.courses[1]);
        // Luck alone moves 13 weeks by more than the difference.
        assert!(today.outcome.high - today.outcome.low > planned.gain.expected, "{today:?}");
        assert_eq!((planned.better, found.verdict.clone()), (1.0, Verdict::Clear));
        // Nearly 13 weeks of 430 · (180/280 − 100/200), less what is felt later.
        assert!((600.0..800.0).contains(&planned.gain.expected), "{planned:?}");
        assert_eq!(planned.break_even, None);
        assert!(found.says.starts_with("Over 13 weeks, “as planned” brings "), "{}", found.says);
        assert_eq!(output.headline.as_deref(), Some("2 divisions in 10,000 futures"));
    }

    #[test]
    fn more_spend_has_a_break_even_and_pays_only_when_the_outcome_is_worth_it() {
        let nodes = |worth: &str| {
            format!(
                r#"draws 1000; choice "double search" {{ set "search" (usd)200 }}; choice "less" scale=0.5; worth (usd){worth}"#
            )
        };
        let run = |worth| {
            let output = bench(&nodes(worth), 50).run("2026-06-01").unwrap();
            found(&output).clone()
        };
        let cheap = run("1");
        let double = &cheap.courses[2];
        assert_eq!((double.name.as_str(), double.spend.units()), ("double search", 3900.0));
        // 1,300 more for nearly 13 · 430 · (2/3 − 1/2).
        let even = double.break_even.unwrap();
        assert!((1.3..1.7).contains(&even), "{double:?}");
        assert_eq!(double.pays, Some(0.0));
        assert_eq!(run("5").courses[2].pays, Some(1.0));
        let less = &cheap.courses[3];
        assert!(less.gain.expected < 0.0 && less.better == 0.0 && less.break_even.is_none(), "{less:?}");
        assert_eq!(less.pays, Some(1.0), "half of the spend is saved for less than it is worth");
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        let output = bench("", 0).run("2026-06-01").unwrap();
        assert_eq!(notes(&output), ["- `spend` cannot be played yet. Not enough evidence yet."]);
        let error = bench(r#"choice "x" { set "radio" (usd)1 }"#, 5).run("2026-06-01").unwrap_err();
        assert_eq!(error.message, "the choice `x` sets `radio`, which `spend` does not divide among");
        assert!(bench("horizon 0", 5).run("2026-06-01").is_err());
    }
}
