//! The mathematics on sizes that a busy team has, beside one plain pass over the same data in the same run.
//!
//! `cargo bench --bench stats`, or only some sections: `cargo bench --bench stats -- streams`

mod common;
mod nab;
mod trials;

use common::{heading, line, median_of, processor_median_of};
use loopctl::base::Rng;
use loopctl::stats::anomaly::{Detector, Options, Verdict};
use loopctl::stats::attribution::{Path, Rule, credit};
use loopctl::stats::bandit::{Arm, Policy};
use loopctl::stats::forecast::{Answer, forecast, score};
use loopctl::stats::intervals::{Sample, welch};
use loopctl::stats::markov::Chain;
use loopctl::stats::minhash::text_signature;
use loopctl::stats::rates::RateTest;
use loopctl::stats::records::{Options as Watch, Records};
use loopctl::stats::response::carry::Carry;
use loopctl::stats::response::curve::Curve;
use loopctl::stats::response::fit::{Form, Options as Sampling, Past, fit};
use loopctl::stats::response::futures::{World, futures};
use loopctl::stats::response::split::{Bounds, split};
use loopctl::stats::response::trial::trial;
use loopctl::stats::sampling::normal;
use loopctl::stats::sequential::ValueTest;
use loopctl::stats::subgroup::{Attribute, Control, Options as Search, Table, mine};
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

const CHANNELS: usize = 12;

/// 10,000 journeys of different make, of which each stands a hundred times.
fn journeys() -> Vec<Path> {
    let mut rng = Rng::new(20_241_122);
    let different: Vec<Path> = (0..10_000)
        .map(|_| {
            let length = 1 + rng.below(1 + rng.clone().below(9)) as usize;
            let channel = |rng: &mut Rng| rng.below(CHANNELS as u64).min(rng.below(CHANNELS as u64)) as u32;
            let touches = (0..length).map(|_| channel(&mut rng)).collect();
            let conversions = rng.below(4) as f64;
            Path { touches, conversions, value: conversions * 37.5, nulls: rng.below(40) as f64 }
        })
        .collect();
    (0..100).flat_map(|_| different.iter().cloned()).collect()
}

fn attribution() {
    let paths = journeys();
    let touches: usize = paths.iter().map(|path| path.touches.len()).sum();
    heading(&format!("Attribution of {} journeys with {touches} touches over {CHANNELS} channels, s", paths.len()));
    // What any method has to do: look at every touch once.
    let pass = median_of(5, || {
        let mut counts = [0.0; CHANNELS];
        for path in &paths {
            path.touches.iter().for_each(|touch| counts[*touch as usize] += path.conversions);
        }
        black_box(counts);
    });
    let beside = |time: f64| format!("{:.1} × one pass over the touches", time / pass);
    line("one pass", pass, "s", "");
    for (what, order) in [("Markov order 1, exact (goal 0.19 s)", 1), ("Markov order 2, exact", 2)] {
        let time = median_of(3, || drop(black_box(Chain::new(&paths, CHANNELS, order).removal())));
        line(what, time, "s", &beside(time));
    }
    for (what, rule) in [
        ("first", Rule::First),
        ("last", Rule::Last),
        ("linear", Rule::Linear),
        ("time decay", Rule::TimeDecay { half_life: 2.0 }),
        ("position", Rule::Position { first: 0.4, last: 0.4 }),
        ("Shapley (goal 0.5 s)", Rule::Shapley),
    ] {
        let time = median_of(3, || drop(black_box(credit(&paths, CHANNELS, rule))));
        line(&format!("{what}{}", if what.contains("goal") { "" } else { " (goal 0.15 s)" }), time, "s", &beside(time));
    }
}

/// What a comparison of two arms does with everybody: the test that holds at all times, and the interval.
fn experiments() {
    heading("Two arms with 1,000,000 people, s (goal 0.04)");
    let mut rng = Rng::new(5);
    let people: Vec<(bool, f64)> =
        (0..1_000_000).map(|_| (rng.uniform() < 0.5, if rng.uniform() < 0.05 { rng.uniform() * 50.0 } else { 0.0 })).collect();
    let time = median_of(5, || {
        let mut test = RateTest::new(0.5);
        let mut counts = [[0.0; 2]; 2];
        for (first, value) in &people {
            test.observe(*value > 0.0, *first);
            counts[usize::from(*first)][usize::from(*value > 0.0)] += 1.0;
        }
        let [second, first] = counts.map(|[without, with]| Sample::of_proportion(with, with + without));
        black_box((test.log_evidence(), welch(first, second, 0.95)));
    });
    line("a rate", time, "s", "");
    let time = median_of(5, || {
        let mut test = ValueTest::new(0.5);
        let mut arms = [Vec::new(), Vec::new()];
        for (first, value) in &people {
            test.observe(*value, *first);
            arms[usize::from(*first)].push(*value);
        }
        black_box((test.log_evidence(), welch(Sample::of(&arms[1]), Sample::of(&arms[0]), 0.95)));
    });
    line("a value", time, "s", "");
}

/// The step kind from events to words, with its rows, its people, its tests and its sentences.
fn asked() {
    let (rows, people) = (1_000_000, 360_000);
    let events = trials::events(rows, people);
    heading(&format!("`experiment` over {rows} events of {} people, s of processor time (goal 0.04)", events.people().len()));
    let pass = processor_median_of(9, || {
        let mut last = vec![0i64; events.people().len()];
        for ((at, who), name) in events.times().iter().zip(events.whos()).zip(events.names()) {
            last[*who as usize] = at.0 + i64::from(*name);
        }
        black_box(last);
    });
    line("one pass over times, people and names", pass, "s", "");
    for (what, nodes) in [
        ("a rate", "metric \"order\""),
        ("a value", "metric \"order\" as=\"value\""),
        (
            "a rate, a value and a guardrail",
            "metric \"order\"; metric \"order\" as=\"value\"; guardrail \"view\" as=\"ratio\" of=\"order\"",
        ),
        ("a rate, by country", "metric \"order\"; segment \"country\""),
    ] {
        let trial = trials::Trial::new(&format!("arms by=\"variant\" control=\"old\"\n{nodes}"), &events);
        let headline = trial.run().headline.unwrap_or_default();
        let time = processor_median_of(9, || drop(black_box(trial.run())));
        line(what, time, "s", &format!("{:.1} × one pass; {headline}", time / pass));
    }
}

fn anomalies() {
    heading("A watch over a series, µs a point (goal 10)");
    let mut rng = Rng::new(7);
    let series: Vec<f64> = (0..20_000).map(|n| 100.0 + 10.0 * (f64::from(n % 7) - 3.0) + 5.0 * normal(&mut rng)).collect();
    for (what, period) in [("weekly season", Some(7)), ("no season", None), ("a season of 288", Some(288))] {
        let options = Options { period, alarms_per_month: 1.0, points_per_month: 30.0, refractory: 3 };
        let time = median_of(3, || {
            let mut detector = Detector::new(options);
            let unknown =
                series.iter().filter(|value| matches!(detector.observe(Some(**value)), Verdict::NotEnoughHistory { .. }));
            black_box(unknown.count());
        });
        line(what, time * 1e6 / series.len() as f64, "µs", "");
    }
}

/// The share of all ways of looking at every point of a series, from after its probation.
fn shares(series: &nab::Labelled) -> Vec<Option<f64>> {
    let day = (1_440.0 / series.minutes).round() as usize;
    let options = Watch { period: Some(day), warm_up: series.probation(), refractory: 0 };
    let mut records = Records::new(options);
    series.values.iter().map(|value| records.observe(*value).map(|departure| departure.share)).collect()
}

/// Points at which a threshold alarms, with a fifth of the probation between two.
fn alarms(series: &nab::Labelled, shares: &[Option<f64>], threshold: f64) -> Vec<usize> {
    let (mut found, mut next) = (Vec::new(), 0);
    for (at, _) in shares.iter().enumerate().filter(|(_, share)| share.is_some_and(|share| share >= threshold)) {
        if at >= next {
            found.push(at);
            next = at + series.probation() / 5;
        }
    }
    found
}

fn benchmark_of_anomalies() {
    let Some(all) = nab::corpus(&nab::folder()) else {
        println!("  skipped: {} is not here", nab::folder().display());
        return;
    };
    heading("Numenta Anomaly Benchmark, one threshold fitted on half of 29 series and scored on the other");
    let start = Instant::now();
    let seen: Vec<Vec<Option<f64>>> = all.iter().map(shares).collect();
    if let Ok(path) = std::env::var("LOOPCTL_SHARES") {
        let rows: Vec<String> = seen.iter().map(|shares| serde_json::to_string(shares).expect("numbers")).collect();
        std::fs::write(&path, rows.join("\n") + "\n").expect("a writable path");
    }
    let points: usize = all.iter().map(|series| series.values.len()).sum();
    line("a watch over dense streams", start.elapsed().as_secs_f64() * 1e6 / points as f64, "µs a point", "");
    for (what, profile) in [("standard (goal 67)", nab::STANDARD), ("few false alarms (goal 63)", nab::FEW_FALSE_ALARMS)] {
        // What every series earns at every threshold, and its windows.
        let thresholds: Vec<f64> = (0..=240).map(|step| 0.02 + 0.002 * f64::from(step)).collect();
        let earned: Vec<(Vec<f64>, f64)> = (all.iter().zip(&seen))
            .map(|(series, shares)| {
                let at = |threshold: &f64| nab::earned(series, &alarms(series, shares, *threshold), profile);
                (thresholds.iter().map(at).collect(), series.windows_counted() as f64)
            })
            .collect();
        let score = |of: &[usize], at: usize| {
            let windows: f64 = of.iter().map(|series| earned[*series].1).sum();
            let sum: f64 = of.iter().map(|series| earned[*series].0[at]).sum();
            100.0 * (sum + profile.missed * windows) / ((1.0 + profile.missed) * windows)
        };
        // The middle of the best ones.
        let fit = |of: &[usize]| {
            let scores: Vec<f64> = (0..thresholds.len()).map(|at| score(of, at)).collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let best: Vec<usize> = (0..thresholds.len()).filter(|at| scores[*at] >= most - 1e-9).collect();
            best[best.len() / 2]
        };
        let (even, odd): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|at| at % 2 == 0);
        for (fitted, scored) in [(&even, &odd), (&odd, &even)] {
            let best = fit(fitted);
            let beside = format!("threshold {:.3}, {:.1} where it was fitted", thresholds[best], score(fitted, best));
            line(what, score(scored, best), "", &beside);
        }
        let mut rng = Rng::new(29);
        let halves: Vec<f64> = (0..100)
            .flat_map(|_| {
                let mut order: Vec<usize> = (0..all.len()).collect();
                (1..order.len()).rev().for_each(|at| order.swap(at, rng.below(at as u64 + 1) as usize));
                let (one, other) = order.split_at(all.len().div_ceil(2));
                [score(other, fit(one)), score(one, fit(other))]
            })
            .collect();
        let mean = halves.iter().sum::<f64>() / halves.len() as f64;
        let spread = (halves.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / halves.len() as f64).sqrt();
        line("  over 100 random halves, both ways", mean, "", &format!("standard deviation {spread:.1}"));
    }
}

fn texts() {
    heading("Signatures of texts, a second (goal 20,000)");
    let mut rng = Rng::new(11);
    let words: Vec<String> = (0..2_000).map(|n| format!("word{n}")).collect();
    let texts: Vec<String> =
        (0..2_000).map(|_| (0..60).map(|_| words[rng.below(2_000) as usize].as_str()).collect::<Vec<_>>().join(" ")).collect();
    let time = median_of(5, || {
        texts.iter().for_each(|text| {
            black_box(text_signature(text, 3));
        })
    });
    line("texts of 60 words, runs of 3", texts.len() as f64 / time, "a second", "");
}

fn choices() {
    heading("Choices by Thompson's rule, a second (goal 500,000)");
    let arms: Vec<Arm> = (0..5).map(|n| Arm { successes: 20.0 + f64::from(n), failures: 200.0 }).collect();
    let time = median_of(5, || {
        let policy = Policy::thompson(&arms, 0.02).expect("proper arms");
        let mut rng = Rng::new(3);
        let sum: usize = (0..200_000).map(|_| policy.choose(&mut rng).arm).sum();
        black_box(sum);
    });
    line("five arms, beliefs fixed for the batch", 200_000.0 / time, "a second", "");
    let time = median_of(5, || (0..50).for_each(|_| drop(black_box(Policy::thompson(&arms, 0.02)))));
    line("new beliefs", 50.0 / time, "a second", "");
}

/// The public series beside the repository: history and what came after; empty with a line when they are not there.
fn series(name: &str) -> Vec<(Vec<f64>, Vec<f64>)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/learning/forecast").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        println!("  skipped: {} is not here", path.display());
        return Vec::new();
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the data sets are whole");
    let numbers = |text: &str| text.split(' ').map(|x| x.parse().expect("a number")).collect();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (numbers(fields[2]), numbers(fields[3]))
    };
    text.lines().skip(1).map(row).collect()
}

/// The measures of the M4 competition: the OWA is the mean of sMAPE and MASE, each summed over all series and divided by
/// that of Naive2; intervals by the share inside and by MSIS.
fn forecasts() {
    for (file, period, scale_period, goals) in [
        ("m3_monthly_odd.csv.gz", 12, 12, "goals .822, .77–.83, .93–.97, 6.35"),
        ("tourism_monthly_odd.csv.gz", 12, 12, "goals .787, .77–.83, .93–.97, 12.80"),
        ("m4_weekly_odd.csv.gz", 52, 1, "no goal"),
    ] {
        let all = series(file);
        if all.is_empty() {
            continue;
        }
        heading(&format!("Forecasts of {} series, {file}, seasons of {period} ({goals})", all.len()));
        let (mut ours, mut simple, mut inside, mut widths) = ([0.0; 2], [0.0; 2], [0.0; 2], 0.0);
        let mut times = Vec::new();
        for (history, test) in &all {
            let values: Vec<Option<f64>> = history.iter().copied().map(Some).collect();
            let start = Instant::now();
            let answer = forecast(&values, period, test.len());
            times.push(start.elapsed().as_secs_f64());
            let (Answer::Forecast(found), Some(scale)) = (answer, score::scale(history, scale_period)) else { continue };
            let expected: Vec<f64> = found.steps.iter().map(|step| step.expected).collect();
            for (sums, path) in [(&mut ours, &expected), (&mut simple, &score::naive2(history, period, test.len()))] {
                sums[0] += score::smape(test, path);
                sums[1] += score::mean_error(test, path) / scale;
            }
            for (step, actual) in found.steps.iter().zip(test) {
                for (sum, (low, high)) in inside.iter_mut().zip([step.range_80, step.range_95]) {
                    *sum += f64::from(u8::from(low <= *actual && *actual <= high)) / test.len() as f64;
                }
            }
            let ranges: Vec<(f64, f64)> = found.steps.iter().map(|step| step.range_95).collect();
            widths += score::interval_score(test, &ranges, 0.95) / scale;
        }
        let count = all.len() as f64;
        line("OWA", (ours[0] / simple[0] + ours[1] / simple[1]) / 2.0, "", "1 is Naive2");
        line("sMAPE", ours[0] / count, "", &format!("Naive2 {:.3}", simple[0] / count));
        line("MASE", ours[1] / count, "", &format!("Naive2 {:.3}", simple[1] / count));
        line("inside the 80 % interval", inside[0] / count, "", "");
        line("inside the 95 % interval", inside[1] / count, "", "");
        line("MSIS at 95 %", widths / count, "", "");
        line("a series (goal 8 ms)", times.iter().sum::<f64>() / count * 1e3, "ms", "");
    }
}

/// A table as large as the public e-mail test: 32,000 rows, eight attributes with 34 levels in all.
fn patterns() {
    let rows = 32_000;
    let mut rng = Rng::new(5);
    let attribute = |rng: &mut Rng, levels: usize| Attribute {
        name: format!("of {levels}"),
        levels: (0..levels).map(|level| level.to_string()).collect(),
        codes: (0..rows).map(|_| rng.below(levels as u64) as u32).collect(),
    };
    let attributes: Vec<Attribute> = [12, 7, 2, 2, 3, 2, 3, 3].iter().map(|levels| attribute(&mut rng, *levels)).collect();
    let outcome: Vec<bool> = (0..rows).map(|_| rng.uniform() < 0.15).collect();
    let treated: Vec<bool> = (0..rows).map(|_| rng.below(2) == 1).collect();
    heading(&format!("Combinations of up to three conditions over {rows} rows, s (goal 0.05)"));
    let options = Search { depth: 3, rows_min: 50, rate: 0.05, control: Control::Together };
    for (what, treated) in [("by share", None), ("by effect of a treatment", Some(treated))] {
        let table = Table { attributes: attributes.clone(), outcome: outcome.clone(), treated, amounts: None };
        let time = median_of(3, || drop(black_box(mine(&table, &options))));
        line(what, time, "s", &format!("{} tested", mine(&table, &options).rules.len()));
    }
}

/// Budgets among S-shaped curves, beside dynamic programming on a grid of 400 grains, which can only be below the optimum.
fn divisions() {
    heading("A budget among S-shaped curves, 200 of each size");
    for (count, goal) in [(5, "goal 20 ms, 1e-4"), (12, "goal 50 ms, 2e-4")] {
        let mut rng = Rng::new(count as u64);
        let (mut times, mut grids, mut gap, mut missed) = (Vec::new(), Vec::new(), 0.0f64, 0.0f64);
        for _ in 0..200 {
            let curves: Vec<Curve> = (0..count)
                .map(|_| Curve {
                    top: 0.2 + 2.0 * rng.uniform(),
                    half: 100.0 * (0.01 + 0.6 * rng.uniform() * rng.uniform()),
                    steep: 0.5 + 5.5 * rng.uniform(),
                })
                .collect();
            let parts = vec![Bounds { low: 0.0, high: 100.0 }; count];
            let start = Instant::now();
            let found = split(&parts, &[], 100.0, |part, x| curves[part].at(x)).expect("it fits");
            times.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let grid = on_a_grid(&curves, 400);
            grids.push(start.elapsed().as_secs_f64());
            gap = gap.max((found.bound - found.value) / found.value);
            missed = missed.max((grid - found.value) / grid);
        }
        let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
        let beside = format!("{:.2} × dynamic programming ({goal})", mean(&times) / mean(&grids));
        line(&format!("{count} channels"), mean(&times) * 1e3, "ms", &beside);
        line("the slowest", times.iter().copied().fold(0.0, f64::max) * 1e3, "ms", "");
        line("proven gap, worst (millionths)", gap * 1e6, "", "");
        line("below the grid, worst (millionths)", missed * 1e6, "", "below 0: above it");
    }
}

fn on_a_grid(curves: &[Curve], grains: usize) -> f64 {
    let mut best = vec![0.0; grains + 1];
    for (at, curve) in curves.iter().enumerate() {
        let own: Vec<f64> = (0..=grains).map(|k| curve.at(k as f64 * 100.0 / grains as f64)).collect();
        best = (0..=grains)
            .map(|k| {
                let least = if at == 0 { k } else { 0 };
                (least..=k).map(|j| best[k - j] + own[j]).fold(f64::NEG_INFINITY, f64::max)
            })
            .collect();
    }
    best[grains]
}

/// What spend brought, learned from the public weekly series beside the repository, and futures of it.
fn responses() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/decisions/mmm");
    let read = |file: &str, names: &[&str]| -> Option<Vec<Vec<f64>>> {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        let mut rows = text.lines().map(|row| row.split(',').map(|cell| cell.trim_matches('"')).collect::<Vec<_>>());
        let header = rows.next()?;
        let rows: Vec<Vec<&str>> = rows.collect();
        let column = |name: &&str| {
            let at = header.iter().position(|known| known == name)?;
            Some(rows.iter().map(|row| row[at].parse().unwrap_or(0.0)).collect())
        };
        names.iter().map(column).collect()
    };
    let shop = ["revenue", "competitor_sales_B", "tv_S", "ooh_S", "print_S", "search_S", "facebook_S"];
    let chain = [
        "conversions",
        "revenue_per_conversion",
        "competitor_sales_control",
        "sentiment_score_control",
        "Promo",
        "Organic_channel0_impression",
        "Channel0_spend",
        "Channel1_spend",
        "Channel2_spend",
        "Channel3_spend",
        "Channel4_spend",
    ];
    let (Some(mut shop), Some(mut chain)) =
        (read("robyn_dt_simulated_weekly.csv", &shop), read("meridian_national_all_channels.csv", &chain))
    else {
        println!("The weekly series are not beside the repository; skipped.");
        return;
    };
    let past = |outcome, inputs, others| Past { outcome, inputs, others, season: 52.18, form: Form::Geometric };
    let shop = past(shop.remove(0), shop.split_off(1), shop);
    let inputs = chain.split_off(6);
    let others = chain.split_off(2);
    let revenue = chain[0].iter().zip(&chain[1]).map(|(a, b)| a * b).collect();
    let chain = past(revenue, inputs, others);
    for (name, past) in [("208 weeks of a shop (Robyn)", &shop), ("156 weeks of a chain (Meridian)", &chain)] {
        heading(&format!("What spend on five channels brought: {name}"));
        let time = median_of(1, || drop(black_box(fit(past, &Sampling::default()))));
        line("a fit (goal 5 s)", time, "s", "");
        for held in [13, 26, 52] {
            let Some(found) = trial(past, held, &Sampling::default()) else { continue };
            let beside = format!("{:.4} without spend, {:.2} inside 90 %", found.simple_error, found.covered);
            line(&format!("error, {held} weeks held out (goal .045)"), found.error, "", &beside);
        }
    }
    let part = |at: usize| (Carry::Geometric { keep: 0.3 }, Curve { top: 10.0 + at as f64, half: 50.0, steep: 1.2 });
    let worlds: Vec<World> =
        (0..400).map(|k| World { base: 1e3, noise: 20.0 + k as f64, freedom: 5.0, parts: (0..12).map(part).collect() }).collect();
    let divisions = vec![vec![10.0; 12]; 4];
    heading("Futures");
    let time = median_of(3, || drop(black_box(futures(&worlds, &divisions[0], &divisions, 13, 10_000, &mut Rng::new(1)))));
    line("10,000 of 13 weeks, 4 divisions of 12 channels (goal 0.2 s)", time, "s", "");
}

fn main() {
    let sections: [(&str, fn()); 11] = [
        ("attribution", attribution),
        ("experiments", experiments),
        ("asked", asked),
        ("anomalies", anomalies),
        ("streams", benchmark_of_anomalies),
        ("forecasts", forecasts),
        ("patterns", patterns),
        ("texts", texts),
        ("choices", choices),
        ("divisions", divisions),
        ("responses", responses),
    ];
    // With names of sections, only those.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let all = sections.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|word| word == name));
    all.for_each(|(_, run)| run());
}
