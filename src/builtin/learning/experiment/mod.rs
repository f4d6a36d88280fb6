//! `experiment`: which arm is better, asked as often as one likes, answered in words: ship, stop, keep running, or broken.
//!
//! The split is checked first, because an experiment that lost people has no result. Then every arm is compared with the control by a
//! test and an interval that stay true however often one looks. A difference is clear only when both say so.

mod arms;
mod assign;
mod decision;
mod metrics;
mod spec;
mod words;

use crate::model::goods::{Insight, Subject};
use crate::model::{Config, Good, Scalar};
use crate::step::{KindSpec, Output, StepContext, StepError, StepKind, Turn};
use arms::Metric;
use metrics::Asked;
use std::time::Duration;

pub struct Experiment;

impl StepKind for Experiment {
    fn spec(&self) -> &'static KindSpec {
        &spec::SPEC
    }

    /// Windows close with time.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let config = cx.config();
        let node = config.child("arms").ok_or_else(|| StepError::new("the experiment does not say how people came into arms"))?;
        let word = |name: &str| node.prop(name).and_then(Scalar::text);
        let part = |node: &Config| node.prop("share").and_then(Scalar::number).unwrap_or(1.0);
        let declared: Vec<(&str, f64)> = config.all("arm").filter_map(|arm| Some((arm.arg()?.text()?, part(arm)))).collect();
        let asked: Vec<Asked<'_>> = config
            .all("metric")
            .filter_map(|node| Asked::read(node, false))
            .chain(config.all("guardrail").filter_map(|node| Asked::read(node, true)))
            .collect::<Result<_, String>>()
            .map_err(StepError::new)?;
        let metrics: Vec<Metric<'_>> = asked.iter().map(|asked| asked.metric.clone()).collect();
        let made = match word("by") {
            Some(_) => None,
            None if declared.is_empty() => {
                return Err(StepError::new("no field names the arms, and none is declared beside the control")
                    .help("say `by=\"field\"` where events name the arm, or add an `arm` node for each arm to be made"));
            }
            None => Some(arms::Made {
                experiment: cx.step.id.as_str(),
                shares: std::iter::once(part(node)).chain(declared.iter().map(|(_, share)| *share)).collect(),
            }),
        };
        let rules = arms::Rules {
            by: word("by").unwrap_or_default(),
            made,
            exposed: word("exposed"),
            control: word("control").unwrap_or_default(),
            declared: declared.iter().map(|(name, _)| *name).collect(),
            metrics: &metrics,
            covariate: config.text("covariate"),
            segment: config.text("segment"),
            window: config.duration("window").unwrap_or(Duration::from_secs(14 * 86_400)),
            now: cx.now,
        };
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let parents: Vec<_> = batches.iter().map(|(item, _)| item.id).collect();
        let rows: Vec<_> = batches.iter().map(|(_, events)| *events).collect();
        let trial = arms::read(&rows, &rules);
        let mut shares = vec![part(node)];
        shares.extend(
            trial.arms[1..].iter().map(|arm| declared.iter().find(|(name, _)| name == arm).map_or(1.0, |(_, share)| *share)),
        );
        if shares.iter().any(|share| !(share.is_finite() && *share > 0.0)) {
            return Err(StepError::new("a share of the split is not above zero"));
        }
        let mut output = Output::default();
        words::left_out(&trial, &mut output);
        let level = config.number("level").unwrap_or(0.95).clamp(0.5, 0.999_999);
        let effect_min = config.number("minimum-effect").unwrap_or(0.1);
        let (decision, found) = decision::judge(&trial, &asked, &shares, 1.0 - level, effect_min, rules.covariate.is_some());
        let best = found.first().map(|found| &found.comparison);
        let (headline, verdict, says) = words::words(&decision, &trial, &asked, &found);
        output.headline = Some(headline);
        output.give(
            Insight {
                subject: Subject::Model(cx.step.id.to_string()),
                measure: "decision".to_owned(),
                value: best.map_or(0.0, |comparison| comparison.estimate()),
                interval: best.and_then(|comparison| comparison.interval).map(|interval| (interval.low, interval.high)),
                level,
                n: trial.people() as u64,
                verdict,
                says,
                at: cx.now,
                basis: None,
                plot: trial.arms.iter().cloned().zip(trial.sizes()).collect(),
            },
            parents.clone(),
        );
        for found in &found {
            output.give(words::insight(cx, &trial, &asked[found.at], found), parents.clone());
        }
        Ok(Turn::Done(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Rng, Timestamp};
    use crate::builtin::common::rehearse::{Bench, notes, shared};
    use crate::model::goods::{Event, Events, Verdict};
    use std::io::Read;

    const DAY: i64 = 86_400_000;
    const NOW: &str = "2026-09-01T06:00:00Z";

    fn run(nodes: &str, rows: Vec<Event>) -> Output {
        let mut bench = Bench::new(&Experiment, &format!("experiment \"test\" {{ {nodes}\n }}"));
        bench.input(Events::new("site", &rows));
        bench.run(NOW).unwrap()
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    fn part(insight: &Insight, name: &str) -> f64 {
        insight.plot.iter().find(|(label, _)| label == name).map(|(_, value)| *value).unwrap()
    }

    #[track_caller]
    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance * expected.abs(), "found {found:e}, expected {expected:e}");
    }

    /// People spread over sixty days, each in an arm by a fair draw, who buy with the chance of their arm.
    fn people(count: usize, chances: &[(&str, f64)], seed: u64) -> Vec<Event> {
        let mut rng = Rng::new(seed);
        let start = Timestamp::parse(NOW).unwrap().0 - 80 * DAY;
        let mut rows = Vec::new();
        for who in 0..count {
            let (arm, chance) = chances[rng.below(chances.len() as u64) as usize];
            let at = start + (who as f64 / count as f64 * 60.0 * DAY as f64) as i64;
            let view = Event {
                at: Timestamp(at),
                who: format!("p{who}"),
                name: "view".into(),
                fields: [("variant".to_owned(), arm.to_owned())].into(),
                ..Event::default()
            };
            if rng.uniform() < chance {
                rows.push(Event {
                    at: Timestamp(at + DAY),
                    name: "buy".into(),
                    fields: [].into(),
                    value: Some(10.0),
                    ..view.clone()
                });
            }
            rows.push(view);
        }
        rows
    }

    const NODES: &str = r#"arms by="variant" control="old"; metric "buy""#;

    fn email() -> Option<Vec<Event>> {
        let mut text = String::new();
        let packed = shared("learning/experiments/hillstrom_even.csv.gz")?;
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        // Some cells are quoted and hold commas.
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<Event> = reader.deserialize().map(|fields| Event { fields: fields.unwrap(), ..Event::default() }).collect();
        assert_eq!(rows.len(), 32_000);
        Some(rows)
    }

    // scipy.stats and gbstats on the public e-mail test, men's mail against none.
    #[test]
    fn the_email_test_ships_the_mens_mail_with_the_numbers_of_the_reference() {
        let Some(rows) = email() else { return };
        let nodes = r#"arms by="treatment" control="No E-Mail"
            metric "visit"
            metric "spend" as="value"
            covariate "history""#;
        let plain = run(&nodes.replace("covariate \"history\"", ""), rows.clone());
        assert_eq!(plain.headline.as_deref(), Some("ship Mens E-Mail"));
        let found = insights(&plain);
        assert_eq!(found.len(), 5);
        assert!(found[0].says.starts_with("Ship Mens E-Mail: its visit is clearly better (+0.0750: "), "{}", found[0].says);
        let mens = found[1];
        assert_eq!((mens.subject.to_string(), &mens.verdict), ("metric visit: Mens E-Mail".into(), &Verdict::Clear));
        close(mens.value, 0.0749891398383893, 1e-12);
        close(part(mens, "p, one look"), 8.309934114575706e-55, 1e-9);
        assert!(part(mens, "p, at any time") > part(mens, "p, one look"));
        let (low, high) = mens.interval.unwrap();
        // Two arms share the error here; alone, the one-look interval is that of the reference.
        assert!(low < part(mens, "low, one look") && part(mens, "high, one look") < high);
        let two = rows.iter().filter(|row| row.fields["treatment"] != "Womens E-Mail").cloned().collect();
        let output = run(&nodes.replace("covariate \"history\"", ""), two);
        let mens = insights(&output)[1];
        close(part(mens, "low, one look"), 0.0655903523, 1e-9);
        close(part(mens, "high, one look"), 0.0843879274, 1e-9);
        // What was spent before says little about who visits, but never makes the interval wider than it was by more than chance.
        let with = run(nodes, rows);
        assert_eq!(with.headline.as_deref(), Some("ship Mens E-Mail"));
    }

    #[test]
    fn the_same_arms_keep_running_or_stop_but_never_ship() {
        for seed in 0..12 {
            let output = run(NODES, people(1_500, &[("old", 0.1), ("new", 0.1)], seed));
            assert_eq!(output.headline.as_deref(), Some("keep running"), "seed {seed}");
            assert_eq!(insights(&output)[1].verdict, Verdict::NotDistinguishable);
        }
        let output = run(NODES, people(1_500, &[("old", 0.1), ("new", 0.1)], 1));
        let says = &insights(&output)[0].says;
        assert!(says.contains("more people, ") && says.ends_with("more days at this pace."), "{says}");
    }

    #[test]
    fn a_better_arm_ships_a_worse_one_stops_and_less_can_be_better() {
        let better = people(6_000, &[("old", 0.1), ("new", 0.15)], 3);
        assert_eq!(run(NODES, better.clone()).headline.as_deref(), Some("ship new"));
        let less = r#"arms by="variant" control="old"; metric "buy" better="less""#;
        let output = run(less, better.clone());
        assert_eq!(output.headline.as_deref(), Some("stop"));
        assert!(
            insights(&output)[0].says.starts_with("Stop and keep old: new is clearly worse (+0.0"),
            "{}",
            insights(&output)[0].says
        );
        assert!(part(insights(&output)[1], "chance to win") < 0.001);
        // The same number as a guardrail stops what the metric would ship.
        let guarded = r#"arms by="variant" control="old"; metric "buy" as="value"; guardrail "buy" better="less""#;
        let output = run(guarded, better);
        assert_eq!(insights(&output)[0].says, "Stop and keep old: new makes buy clearly worse.");
    }

    #[test]
    fn what_can_no_longer_be_worth_having_is_stopped() {
        let nodes = r#"arms by="variant" control="old"; metric "buy"; minimum-effect 0.5"#;
        let output = run(nodes, people(6_000, &[("old", 0.2), ("new", 0.2)], 5));
        let decision = insights(&output)[0];
        assert!(decision.says.starts_with("Stop and keep old: new cannot be better by as much as 50 %"), "{}", decision.says);
        assert_eq!(decision.verdict, Verdict::NotDistinguishable);
    }

    #[test]
    fn a_lost_arm_or_people_in_two_arms_are_broken_and_no_effect_is_told() {
        let mut rows = people(4_000, &[("old", 0.1), ("new", 0.3)], 7);
        // A quarter of the new arm's people was lost: those who did not buy.
        let mut turn = 0;
        let bought: Vec<String> = rows.iter().filter(|row| row.name == "buy").map(|row| row.who.clone()).collect();
        rows.retain(|row| {
            let lost = row.fields.get("variant").is_some_and(|arm| arm == "new") && !bought.contains(&row.who);
            turn += usize::from(lost);
            !(lost && turn % 3 == 0)
        });
        let output = run(NODES, rows);
        assert_eq!((output.headline.as_deref(), insights(&output).len()), (Some("broken"), 1));
        assert!(insights(&output)[0].says.starts_with("Broken: the arms did not come as meant (old "));
        // The same sizes are fine when they were meant.
        let uneven = people(3_000, &[("old", 0.1), ("old", 0.1), ("old", 0.1), ("new", 0.1)], 8);
        assert_eq!(run(NODES, uneven.clone()).headline.as_deref(), Some("broken"));
        let nodes = r#"arms by="variant" control="old" share=3; arm "new" share=1; metric "buy""#;
        assert_eq!(run(nodes, uneven).headline.as_deref(), Some("keep running"));
        let mut mixed = people(400, &[("old", 0.1), ("new", 0.1)], 9);
        let again: Vec<Event> = mixed.iter().filter(|row| row.name == "view").take(20).cloned().collect();
        mixed.extend(again.into_iter().map(|row| {
            let other = if row.fields["variant"] == "old" { "new" } else { "old" };
            Event { fields: [("variant".to_owned(), other.to_owned())].into(), ..row }
        }));
        let output = run(NODES, mixed);
        assert!(insights(&output)[0].says.contains("the assignment does not stick"));
        assert_eq!(notes(&output), ["- 20 people were in two arms and were left out."]);
    }

    #[test]
    fn too_little_gives_no_number() {
        for rows in [vec![], people(10, &[("old", 0.5)], 1), people(60, &[("old", 0.1), ("new", 0.1)], 1)] {
            let output = run(NODES, rows);
            assert_eq!(output.headline.as_deref(), Some("keep running"));
            assert!(
                insights(&output)
                    .iter()
                    .all(|found| matches!(found.verdict, Verdict::NotEnough { .. }) && found.interval.is_none())
            );
        }
        // Windows that are still open are no failures.
        let output =
            run(r#"arms by="variant" control="old"; metric "buy"; window "200d""#, people(500, &[("old", 0.5), ("new", 0.1)], 1));
        assert_eq!(output.headline.as_deref(), Some("keep running"));
        assert_eq!(notes(&output), ["- 500 people's windows are still open."]);
        // One row in the future, and a constant outcome.
        let mut rows = people(500, &[("old", 1.0), ("new", 1.0)], 1);
        rows.push(Event { at: Timestamp::parse("2030-01-01T00:00:00Z").unwrap(), ..rows[0].clone() });
        let output = run(NODES, rows);
        assert_eq!(output.headline.as_deref(), Some("keep running"));
        assert_eq!(notes(&output), ["- 1 row dated in the future was left out."]);
    }

    #[test]
    fn a_margin_must_be_shown_before_an_arm_ships() {
        let rows = people(6_000, &[("old", 0.1), ("new", 0.15)], 3);
        // Who left: the same share in both arms, and few of them, so little can be shown.
        let left = |share: u64| {
            let mut rows = rows.clone();
            let views: Vec<Event> = rows.iter().filter(|row| row.name == "view").cloned().collect();
            let mut rng = Rng::new(17);
            rows.extend(views.into_iter().filter(|_| rng.below(1_000) < share).map(|view| Event {
                name: "leave".into(),
                fields: [].into(),
                ..view
            }));
            rows
        };
        let nodes = |margin: &str| format!("{NODES}; guardrail \"leave\" better=\"less\" {margin}");
        assert_eq!(run(&nodes(""), left(20)).headline.as_deref(), Some("ship new"));
        let output = run(&nodes("margin=0.2"), left(20));
        assert_eq!(output.headline.as_deref(), Some("keep running"));
        assert!(
            insights(&output)[0].says.contains("proof that leave gets worse by at most 20 %"),
            "{}",
            insights(&output)[0].says
        );
        assert_eq!(run(&nodes("margin=0.5"), left(300)).headline.as_deref(), Some("ship new"));
    }

    #[test]
    fn ratios_and_quantiles_are_compared_by_person_and_segments_are_told_beside() {
        let mut rows = people(3_000, &[("old", 0.3), ("new", 0.3)], 4);
        let mut rng = Rng::new(5);
        let views: Vec<Event> = rows.iter().filter(|row| row.name == "view").cloned().collect();
        for row in rows.iter_mut().filter(|row| row.name == "view") {
            let country = if row.who.ends_with(['1', '2', '3']) { "fr" } else { "de" };
            row.fields.insert("country".into(), country.into());
        }
        for view in views {
            let better = view.fields["variant"] == "new";
            let mails = 1 + rng.below(6);
            let clicks = (0..mails).filter(|_| rng.uniform() < if better { 0.35 } else { 0.25 }).count();
            let after = |name: &str, value: Option<f64>| Event {
                at: Timestamp(view.at.0 + 60_000),
                name: name.into(),
                fields: [].into(),
                value,
                ..view.clone()
            };
            rows.extend((0..mails).map(|n| after("send", Some(n as f64))));
            rows.extend((0..clicks).map(|_| after("click", None)));
            rows.push(after("wait", Some(rng.uniform() * if better { 0.7 } else { 1.0 })));
        }
        let nodes = r#"arms by="variant" control="old"
            metric "click" as="ratio" of="send"
            metric "wait" as="quantile" at=0.9 better="less"
            segment "country""#;
        let output = run(nodes, rows);
        assert_eq!(output.headline.as_deref(), Some("ship new"));
        let found = insights(&output);
        assert_eq!(found.len(), 5, "the decision, two metrics, two segments");
        assert_eq!(found[1].subject.to_string(), "metric click per send: new");
        assert!((part(found[1], "old") - 0.25).abs() < 0.02 && (part(found[1], "new") - 0.35).abs() < 0.02);
        assert_eq!((found[1].verdict.clone(), found[2].verdict.clone()), (Verdict::Clear, Verdict::Clear));
        assert!((found[2].value + 0.27).abs() < 0.03, "{}", found[2].value);
        assert_eq!(found[3].subject.to_string(), "metric click per send among de: new");
        assert!(found[3].level > found[1].level && found[3].n + found[4].n == found[1].n);
    }

    #[test]
    fn arms_that_nobody_recorded_are_made_and_stay() {
        let mut rows = people(5_000, &[("", 0.0)], 6);
        let made = arms::Made { experiment: "test", shares: vec![1.0, 1.0] };
        let mut rng = Rng::new(9);
        rows.retain(|row| row.name == "view");
        let bought: Vec<Event> = rows
            .iter()
            .filter(|row| rng.uniform() < if arms::arm_made(&made, &row.who) == 1 { 0.2 } else { 0.1 })
            .map(|row| Event { name: "buy".into(), fields: [].into(), ..row.clone() })
            .collect();
        rows.extend(bought);
        let nodes = r#"arms control="old"; arm "new"; metric "buy""#;
        let output = run(nodes, rows.clone());
        assert_eq!(output.headline.as_deref(), Some("ship new"));
        assert_eq!(run(nodes, rows), output);
        let mut bench = Bench::new(&Experiment, r#"experiment "test" { arms control="old"; metric "buy" }"#);
        bench.input(Events::default());
        assert!(bench.run(NOW).unwrap_err().to_string().starts_with("no field names the arms"));
    }
}
