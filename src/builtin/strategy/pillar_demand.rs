//! What people ask about, by pillar: the share of demand that each pillar's topics have, to hold against its weight.
//!
//! The interval comes from drawing whole topics again (Cameron, Gelbach and Miller, 2008), because the months of one topic are
//! not independent of each other, and a single loud topic must not carry a pillar.

use super::pool::{Pillars, Topic};
use crate::base::{Hasher, Timestamp};
use crate::model::goods::insight::Basis;
use crate::model::goods::{Insight, Subject, Verdict};
use crate::stats::summary::{quantile_sorted, sorted};
use crate::step::StepContext;
use std::collections::BTreeSet;

/// The latest periods that count.
const PERIODS: usize = 6;
/// Fewest topics and asks, over all pillars, for any insight.
const TOPICS_MIN: usize = 12;
const ASKS_MIN: f64 = 100.0;
const DRAWS: usize = 400;
const LEVEL: f64 = 0.95;

/// One insight for each pillar; none when there is too little to compare, which the report says by its own evidence.
pub(super) fn insights(cx: &StepContext<'_>, topics: &[Topic]) -> Vec<Insight> {
    let pillars = Pillars::new(&cx.client_os.pillars);
    let names: Vec<&str> = cx.client_os.pillars.iter().map(|pillar| pillar.name.as_str()).collect();
    let times: BTreeSet<Timestamp> = topics.iter().flat_map(|topic| topic.signal.series.iter().map(|point| point.at)).collect();
    let Some(from) = times.iter().rev().nth(PERIODS - 1).copied() else { return Vec::new() };
    let Some(to) = times.last().copied() else { return Vec::new() };
    let mut basis = Hasher::new();
    // By topic: its pillar and how much it was asked for.
    let mut asked: Vec<(usize, f64)> = Vec::new();
    for topic in topics {
        let Some(pillar) = pillars.of(&topic.signal.topic, topic.signal.title.as_data()) else { continue };
        let Some(at) = names.iter().position(|name| *name == pillar.name) else { continue };
        let recent = topic.signal.series.iter().filter(|point| point.at >= from && point.value.is_finite());
        let volume: f64 = recent.map(|point| point.value.max(0.0)).sum();
        if volume > 0.0 {
            basis.part(&topic.signal.topic).part(volume.to_bits().to_be_bytes());
            asked.push((at, volume));
        }
    }
    let total: f64 = asked.iter().map(|(_, volume)| volume).sum();
    if names.len() < 2 || asked.len() < TOPICS_MIN || total < ASKS_MIN {
        return Vec::new();
    }
    let shares = |rows: &mut dyn Iterator<Item = (usize, f64)>| {
        let mut sums = vec![0.0; names.len()];
        rows.for_each(|(at, volume)| sums[at] += volume);
        let total: f64 = sums.iter().sum();
        sums.into_iter().map(|sum| if total > 0.0 { sum / total } else { 0.0 }).collect::<Vec<f64>>()
    };
    let found = shares(&mut asked.iter().copied());
    let mut rng = cx.rng();
    let draws: Vec<Vec<f64>> =
        (0..DRAWS).map(|_| shares(&mut (0..asked.len()).map(|_| asked[rng.below(asked.len() as u64) as usize]))).collect();
    let basis = Basis { digest: basis.finish(), from, to, held_out: None };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    cx.client_os
        .pillars
        .iter()
        .enumerate()
        .map(|(at, pillar)| {
            let draw = sorted(&draws.iter().map(|draw| draw[at]).collect::<Vec<f64>>());
            let tail = (1.0 - LEVEL) / 2.0;
            let (low, high) = (quantile_sorted(&draw, tail), quantile_sorted(&draw, 1.0 - tail));
            let clear = !(low..=high).contains(&pillar.weight);
            let count = asked.iter().filter(|(own, _)| *own == at).count();
            let told = if clear { "" } else { ", which cannot be told from it" };
            Insight {
                subject: Subject::Pillar(pillar.name.clone()),
                measure: "share of demand".into(),
                value: found[at],
                interval: Some((low, high)),
                level: LEVEL,
                n: asked.len() as u64,
                verdict: if clear { Verdict::Clear } else { Verdict::NotDistinguishable },
                says: format!(
                    "“{}” has a weight of {}, and {} of what people asked about in the last {PERIODS} periods ({} to {}, {count} of {} topics){told}.",
                    pillar.name,
                    percent(pillar.weight),
                    percent(found[at]),
                    percent(low),
                    percent(high),
                    asked.len()
                ),
                at: to,
                plot: Vec::new(),
                basis: Some(basis.clone()),
            }
        })
        .collect()
}
