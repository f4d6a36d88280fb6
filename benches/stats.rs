//! The mathematics on sizes that a busy team has, beside one plain pass over the same data in the same run.
//!
//! `cargo bench --bench stats`

mod common;

use common::{heading, line, median_of};
use loopctl::base::Rng;
use loopctl::stats::anomaly::{Detector, Options, Verdict};
use loopctl::stats::attribution::{Path, Rule, credit};
use loopctl::stats::bandit::{Arm, Policy};
use loopctl::stats::markov::Chain;
use loopctl::stats::minhash::text_signature;
use loopctl::stats::sampling::normal;
use std::hint::black_box;

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

fn main() {
    attribution();
    anomalies();
    texts();
    choices();
}
