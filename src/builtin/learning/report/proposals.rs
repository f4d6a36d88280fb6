//! What a report proposes to change in the Client OS, each from evidence that is counted, and each only when it can go in as the
//! files are now.
//!
//! All of it is deterministic: no model is asked. A proposal that a person turned down rests for 90 days; one that was accepted is
//! not made again before it can be judged. What is locked is never edited: where the evidence speaks against it, a question is
//! asked instead.

use super::edits;
use super::history::{Author, Failure, History, Piece};
use super::questions::{self, Judged};
use crate::base::{InOrder, ItemId, Timestamp};
use crate::client_os::amended;
use crate::model::goods::{Amendment, Change, Edit, Effect, Insight, Measure, Questioned, Subject, Target, Verdict};
use crate::stats::intervals::{Interval, Sample, wilson};
use crate::stats::special::poisson_at_least;
use crate::stats::summary::{mean, median};
use crate::step::StepContext;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a proposal rests after a person turned it down, and how long an accepted one keeps its place to itself at most.
const REST: Duration = Duration::from_secs(90 * 86_400);
/// A weight moves by at most this share of itself, and never out of these bounds.
const WEIGHT_RATE: f64 = 0.2;
const WEIGHT_BOUNDS: (f64, f64) = (0.05, 0.6);
/// Pieces from which the same phrase was cut, and pieces turned down for the same reason, before they count as a habit.
const HABIT: u32 = 3;
/// Edits before a rule is read from them, and how much they must change the text.
const EDITS_MIN: usize = 4;
const CHANGE_MIN: f64 = 0.15;
/// How long a goal must have been looked at.
const GOAL_DAYS: f64 = 21.0;
/// Most proposals in one report: a person reads them all.
const MOST: usize = 8;

/// A proposal and what it is made from.
type Found = (Change, String, String, Vec<ItemId>, Effect);

/// All proposals, the surest kinds first.
pub fn proposals(cx: &StepContext<'_>, history: &History, insights: &[(ItemId, &Insight)], by: &[String]) -> Vec<Amendment> {
    let mut found: Vec<Found> = Vec::new();
    found.extend(weights(cx, history, insights));
    found.extend(phrases(history));
    found.extend(audience(history));
    found.extend(style(history, cx));
    found.extend(sample(history));
    found.extend(goals(cx, history));
    found.extend(decisions(history));
    let mut proposals: Vec<Amendment> = Vec::new();
    for (change, title, reason, evidence, expects) in found {
        let key = key(&change);
        let fits = match &change {
            Change::Edit(edit) => amended(&cx.client_os.files, edit, false).is_ok(),
            Change::Question { .. } => true,
        };
        if !fits || evidence.is_empty() || !is_due(history, &key, cx.now) || proposals.iter().any(|known| known.key == key) {
            continue;
        }
        proposals.push(Amendment {
            key,
            title,
            change,
            reason,
            evidence,
            expects,
            by: by.to_vec(),
            client_os: cx.client_os_digest,
            at: cx.now,
        });
        if proposals.len() == MOST {
            break;
        }
    }
    proposals
}

/// What a change is about, the same in every cycle.
fn key(change: &Change) -> String {
    match change {
        Change::Edit(edit) => match &edit.target {
            Target::PillarWeight { pillar } => format!("pillar-weight/{pillar}"),
            Target::GoalTarget { goal } => format!("goal/{goal}"),
            Target::ForbiddenPhrase => format!("forbidden/{}", edit.after),
            Target::Sample => "sample".to_owned(),
            Target::Audience => "audience".to_owned(),
            Target::Style { platform } => format!("style/{platform}/{}", edit.after.split(' ').next().unwrap_or_default()),
        },
        Change::Question { about, .. } => format!("question/{about}"),
    }
}

fn is_due(history: &History, key: &str, now: Timestamp) -> bool {
    if history.resting.get(key).is_some_and(|(at, _)| now.since(*at) < REST) {
        return false;
    }
    // An accepted change must first show what it does; otherwise the same evidence would push again and again.
    let mut about = history.accepted.iter().filter(|accepted| accepted.key == key);
    about.all(|accepted| {
        now.since(accepted.at) >= REST || matches!(questions::judged(history, accepted, now), Judged::Told { .. })
    })
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn two(value: f64) -> String {
    format!("{}", (value * 100.0).round() / 100.0)
}

/// Pillar weights: by the outcomes of own pieces when there are enough, else by what the market asked for.
fn weights(cx: &StepContext<'_>, history: &History, insights: &[(ItemId, &Insight)]) -> Vec<Found> {
    let mut found = Vec::new();
    for pillar in &cx.client_os.pillars {
        let Some(speaks) = outcomes_for(history, &pillar.name).or_else(|| demand_for(insights, &pillar.name)) else { continue };
        let Speaks { toward, reason, evidence, measure, effect } = speaks;
        let step = pillar.weight * WEIGHT_RATE;
        let after = match toward {
            Toward::Share(share) => pillar.weight + (share - pillar.weight).clamp(-step, step),
            Toward::More => pillar.weight + step,
            Toward::Less => pillar.weight - step,
        };
        let (least, most) = WEIGHT_BOUNDS;
        let after = ((after * 100.0).round() / 100.0).clamp(least.min(pillar.weight), most.max(pillar.weight));
        if (after - pillar.weight).abs() < 0.01 - 1e-9 {
            continue;
        }
        let verb = if after > pillar.weight { "Raise" } else { "Lower" };
        let (name, before, after) = (&pillar.name, two(pillar.weight), two(after));
        let written = spelled(cx, name).unwrap_or_else(|| before.clone());
        let says = format!(
            "{} pieces about “{name}”, {}; the other unlocked weights share the difference.",
            if verb == "Raise" { "More" } else { "Fewer" },
            match measure {
                Measure::Outcomes => "and with them more outcomes a piece",
                _ => "and with them topics that more people ask about",
            }
        );
        if pillar.locked {
            found.push((
                Change::Question {
                    about: Questioned::LockedPillar(name.clone()),
                    asks: format!("Is {before} still right for “{name}”? The evidence speaks for {after}; its weight is locked, so nothing is edited."),
                },
                format!("Is the locked weight {before} still right for “{name}”?"),
                reason,
                evidence,
                Effect { measure: Measure::Person, value: None, interval: None, says: "A weight that was looked at again.".to_owned() },
            ));
            continue;
        }
        let (value, interval) = (effect.map(|effect| effect.estimate), effect.map(|effect| (effect.low, effect.high)));
        found.push((
            Change::Edit(Edit { target: Target::PillarWeight { pillar: name.clone() }, before: written, after: after.clone() }),
            format!("{verb} the weight of “{name}” from {before} to {after}"),
            reason,
            evidence,
            Effect { measure, value, interval, says },
        ));
    }
    found
}

/// The weight as the file has it: weights in a snapshot are shares of their sum.
fn spelled(cx: &StepContext<'_>, pillar: &str) -> Option<String> {
    let pillars = &cx.client_os.pillars;
    let sum: f64 = pillars.iter().map(|pillar| pillar.weight).sum();
    let own = pillars.iter().find(|known| known.name == pillar)?;
    ((sum - 1.0).abs() < 1e-9).then(|| format!("{}", own.weight))
}

enum Toward {
    /// The share that the evidence speaks for.
    Share(f64),
    More,
    Less,
}

/// Clear evidence about one pillar.
struct Speaks {
    toward: Toward,
    reason: String,
    evidence: Vec<ItemId>,
    measure: Measure,
    effect: Option<Interval>,
}

fn outcomes_for(history: &History, pillar: &str) -> Option<Speaks> {
    if !history.outcomes_seen {
        return None;
    }
    let (own, others): (Vec<&Piece>, Vec<&Piece>) = history.counted().partition(|piece| piece.pillar.as_deref() == Some(pillar));
    let total: f64 = history.counted().map(|piece| piece.outcomes).sum();
    if own.len().min(others.len()) < questions::PIECES_MIN || total < questions::OUTCOMES_MIN {
        return None;
    }
    let outcomes = |pieces: &[&Piece]| pieces.iter().map(|piece| piece.outcomes).collect::<Vec<f64>>();
    let (ours, theirs) = (outcomes(&own), outcomes(&others));
    let effect = questions::difference(&ours, &theirs).filter(|found| !found.contains(0.0))?;
    Some(Speaks {
        toward: if effect.estimate > 0.0 { Toward::More } else { Toward::Less },
        reason: format!(
            "{} pieces about “{pillar}” brought {:.2} outcomes each, {} others {:.2} (difference {:+.2}, between {:+.2} and {:+.2}).",
            own.len(),
            mean(&ours),
            others.len(),
            mean(&theirs),
            effect.estimate,
            effect.low,
            effect.high
        ),
        evidence: own.iter().map(|piece| piece.item).collect(),
        measure: Measure::Outcomes,
        effect: Some(effect),
    })
}

fn demand_for(insights: &[(ItemId, &Insight)], pillar: &str) -> Option<Speaks> {
    let (item, insight) = insights.iter().find(|(_, insight)| {
        matches!(&insight.subject, Subject::Pillar(name) if name == pillar) && insight.verdict == Verdict::Clear
    })?;
    insight.interval?;
    Some(Speaks {
        toward: Toward::Share(insight.value),
        reason: format!("{} No outcome of own pieces speaks for or against it yet.", insight.says),
        evidence: vec![*item],
        measure: Measure::Demand,
        effect: None,
    })
}

/// A phrase that people cut out again and again.
fn phrases(history: &History) -> Vec<Found> {
    let mut habits: Vec<(&String, u32, u32)> = history
        .phrases
        .iter()
        .filter(|(_, count)| count.cut >= HABIT && count.kept * 4 <= count.cut)
        .map(|(phrase, count)| (phrase, count.cut, count.kept))
        .collect();
    // The longest first among those that are cut as often, because the short ones are its parts.
    habits.order_by(|a, b| b.1.cmp(&a.1).then(b.0.split(' ').count().cmp(&a.0.split(' ').count())).then(a.0.cmp(b.0)));
    let mut chosen: Vec<(&String, u32, u32)> = Vec::new();
    for (phrase, cut, kept) in habits {
        let overlaps = |other: &str| edits::holds(&format!(" {other} "), phrase) || edits::holds(&format!(" {phrase} "), other);
        if !chosen.iter().any(|(other, ..)| overlaps(other)) {
            chosen.push((phrase, cut, kept));
        }
    }
    chosen
        .into_iter()
        .take(3)
        .map(|(phrase, cut, kept)| {
            let pieces: Vec<&Piece> = history.pieces.iter().filter(|piece| piece.cut.contains(phrase)).collect();
            let had = f64::from(cut + kept);
            let share = wilson(f64::from(cut), had, 0.95);
            let between =
                share.map_or_else(String::new, |share| format!(" (between {} and {})", percent(share.low), percent(share.high)));
            (
                Change::Edit(Edit { target: Target::ForbiddenPhrase, before: String::new(), after: phrase.clone() }),
                format!("Forbid the phrase “{phrase}”"),
                format!(
                    "People cut “{phrase}” out of {cut} of the {} that had it, {}{between}.",
                    pieces_word(cut + kept),
                    percent(f64::from(cut) / had)
                ),
                pieces.iter().map(|piece| piece.item).collect(),
                Effect {
                    measure: Measure::Cut(phrase.clone()),
                    value: Some(-(pieces.len() as f64) / history.pieces.len().max(1) as f64),
                    interval: wilson(pieces.len() as f64, history.pieces.len() as f64, 0.95).map(|i| (-i.high, -i.low)),
                    says: "Nobody has to cut it again: checks find it before a person does.".to_owned(),
                },
            )
        })
        .collect()
}

fn pieces_word(count: u32) -> String {
    if count == 1 { "1 piece".to_owned() } else { format!("{count} pieces") }
}

/// Whom pieces are not for, when they are turned down for that again and again.
fn audience(history: &History) -> Vec<Found> {
    let turned: Vec<_> = history.turned.iter().filter(|turned| turned.failure == Some(Failure::OffAudience)).collect();
    if turned.len() < HABIT as usize {
        return Vec::new();
    }
    let mut topics: Vec<&str> = turned.iter().map(|turned| turned.topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics.truncate(5);
    let last = turned.last().and_then(|turned| turned.reason.clone()).unwrap_or_default();
    let all = (history.turned.len() + history.pieces.len()) as f64;
    let share = wilson(turned.len() as f64, all, 0.95);
    vec![(
        Change::Edit(Edit {
            target: Target::Audience,
            before: String::new(),
            after: format!("Not for them: {}. {last}", topics.join(", ").replace('-', " ")).trim().to_owned(),
        }),
        "Say whom we do not write for".to_owned(),
        format!(
            "{} were turned down because they were meant for somebody else; the last time: “{last}”.",
            pieces_word(turned.len() as u32)
        ),
        turned.iter().map(|turned| turned.item).collect(),
        Effect {
            measure: Measure::OffAudience,
            value: share.map(|share| -share.estimate),
            interval: share.map(|share| (-share.high, -share.low)),
            says: "Fewer pieces are turned down for that.".to_owned(),
        },
    )]
}

/// A rule that people apply by hand again and again.
fn style(history: &History, cx: &StepContext<'_>) -> Vec<Found> {
    let edited: Vec<&Piece> =
        history.pieces.iter().filter(|piece| piece.author == Author::Assisted && piece.shape.is_some()).collect();
    let mut by_channel: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    edited.iter().for_each(|piece| by_channel.entry(&piece.channel).or_default().push(piece));
    let mut found = Vec::new();
    for (channel, pieces) in by_channel {
        if pieces.len() < EDITS_MIN || !cx.client_os.styles.contains_key(channel) {
            continue;
        }
        type Feature = (fn(&edits::Shape) -> f64, fn(f64) -> String, &'static str);
        let features: [Feature; 4] = [
            (|shape| shape.words, |now| format!("Length: about {} words.", (now / 10.0).round() * 10.0), "the length in words"),
            (|shape| shape.sentence, |now| format!("Sentences: about {} words each.", now.round()), "the words of a sentence"),
            (|shape| shape.headings, |now| format!("Headings: about {} a piece.", now.round()), "the number of headings"),
            (|shape| shape.exclamations, |_| "Exclamation marks: none.".to_owned(), "the number of exclamation marks"),
        ];
        for (of, rule, what) in features {
            let pairs: Vec<(f64, f64)> =
                pieces.iter().filter_map(|piece| piece.shape.as_ref()).map(|(before, after)| (of(before), of(after))).collect();
            let changes: Vec<f64> = pairs.iter().map(|(before, after)| after - before).collect();
            let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let base = mean(&before);
            let sample = Sample::of(&changes);
            if base <= 0.0 || (sample.mean / base).abs() < CHANGE_MIN {
                continue;
            }
            let reach =
                crate::stats::special::student_quantile(0.975, sample.count - 1.0) * (sample.variance / sample.count).sqrt();
            let (low, high) = (sample.mean - reach, sample.mean + reach);
            // Only a habit in one direction is a rule; exclamation marks are only ever taken out.
            if low <= 0.0 && high >= 0.0 || (what.contains("exclamation") && sample.mean > 0.0) {
                continue;
            }
            let share = wilson(edited.len() as f64, history.pieces.len() as f64, 0.95);
            found.push((
                Change::Edit(Edit {
                    target: Target::Style { platform: channel.to_owned() },
                    before: String::new(),
                    after: rule(median(&after)),
                }),
                format!("Write down for {channel}: {}", rule(median(&after))),
                format!(
                    "In {} edits people changed {what} by {:+.1} on average (between {low:+.1} and {high:+.1}), from {base:.1}.",
                    pieces.len(),
                    sample.mean
                ),
                pieces.iter().map(|piece| piece.item).collect(),
                Effect {
                    measure: Measure::Edited,
                    value: None,
                    interval: None,
                    says: format!(
                        "Fewer pieces need a person's hand; now {} do.",
                        share.map_or_else(|| "some".to_owned(), |share| percent(share.estimate))
                    ),
                },
            ));
        }
    }
    found
}

/// A piece that a person let pass as it was and that did best.
fn sample(history: &History) -> Vec<Found> {
    let total: f64 = history.counted().map(|piece| piece.outcomes).sum();
    if !history.outcomes_seen || total < questions::OUTCOMES_MIN || history.counted().count() < questions::PIECES_MIN {
        return Vec::new();
    }
    let passed = history.counted().filter(|piece| piece.passed && !piece.sample.is_empty());
    let Some(best) = passed.max_by(|a, b| a.outcomes.total_cmp(&b.outcomes).then(b.key.cmp(&a.key))) else { return Vec::new() };
    let middle = median(&history.counted().map(|piece| piece.outcomes).collect::<Vec<f64>>());
    if best.outcomes <= middle {
        return Vec::new();
    }
    vec![(
        Change::Edit(Edit { target: Target::Sample, before: String::new(), after: best.sample.clone() }),
        format!("Approve a paragraph of “{}” as a sample", best.title),
        format!(
            "A person let it pass without a change, and it brought {} outcomes; the middle piece brought {middle}.",
            best.outcomes
        ),
        vec![best.item],
        Effect {
            measure: Measure::Edited,
            value: None,
            interval: None,
            says: "Drafts come nearer to what people let pass.".to_owned(),
        },
    )]
}

/// How many days a goal's period has.
pub(super) fn days(per: &str) -> f64 {
    match per {
        "day" => 1.0,
        "week" => 7.0,
        "quarter" => 91.3125,
        "year" => 365.25,
        _ => 30.4375,
    }
}

/// The upper 97.5 % limit of a Poisson mean after `count` events (Garwood, Biometrika 28, 1936): the mean at which as few are just
/// still possible.
pub(super) fn rate_most(count: u64) -> f64 {
    let (mut low, mut high) = (count as f64, 2.0 * count as f64 + 20.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if poisson_at_least(count + 1, middle) < 0.975 { low = middle } else { high = middle }
    }
    high
}

/// The mean at which as many are just still possible.
pub(super) fn rate_least(count: u64) -> f64 {
    let (mut low, mut high) = (0.0, count as f64);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if poisson_at_least(count, middle) < 0.025 { low = middle } else { high = middle }
    }
    low
}

/// Goals that nothing counts, and goals that the present course cannot reach.
fn goals(cx: &StepContext<'_>, history: &History) -> Vec<Found> {
    let Some(since) = history.since else { return Vec::new() };
    let seen_days = cx.now.days_since(since) + 7.0_f64.min(cx.workflow.every.map_or(1.0, |every| every.as_secs_f64() / 86_400.0));
    if seen_days < GOAL_DAYS || history.pieces.is_empty() {
        return Vec::new();
    }
    let evidence: Vec<ItemId> = history.pieces.iter().rev().take(20).map(|piece| piece.item).collect();
    let mut found = Vec::new();
    for goal in &cx.client_os.goals {
        let metric = goal.metric.as_str();
        let count = match metric {
            "published" | "pieces" | "posts" => Some(history.pieces.len() as f64),
            _ if history.metrics.contains(metric) && history.outcomes_seen => {
                Some(history.pieces.iter().map(|piece| piece.outcomes).sum())
            }
            _ => None,
        };
        let Some(count) = count else {
            if history.metrics.contains(metric) {
                continue;
            }
            found.push((
                Change::Question {
                    about: Questioned::Goal(goal.name.clone()),
                    asks: format!(
                        "Nothing that this report takes from counts `{metric}`, so nobody can say how far the goal is. Wire a source that has it, name \
another metric, or take the goal out?"
                    ),
                },
                format!("Who counts `{metric}` for the goal “{}”?", goal.name),
                format!(
                    "Over {seen_days:.0} days and {} nothing counted towards “{}” ({} {metric} per {}).",
                    pieces_word(history.pieces.len() as u32),
                    goal.name,
                    goal.target,
                    goal.per
                ),
                evidence.clone(),
                Effect {
                    measure: Measure::Person,
                    value: None,
                    interval: None,
                    says: "Reports can say how far the goal is.".to_owned(),
                },
            ));
            continue;
        };
        let most = rate_most(count as u64) / seen_days * days(&goal.per);
        let rate = count / seen_days * days(&goal.per);
        if most >= goal.target {
            continue;
        }
        let target = most.floor().max(1.0);
        found.push((
            Change::Edit(Edit {
                target: Target::GoalTarget { goal: goal.name.clone() },
                before: format!("{}", goal.target),
                after: format!("{target}"),
            }),
            format!("Set the goal “{}” to {target}, which can be reached", goal.name),
            format!(
                "On the present course it reaches {rate:.1} per {} and {most:.1} at the most (95 %), not {}; raise the caps and keep it, or set what can be \
reached.",
                goal.per, goal.target
            ),
            evidence.clone(),
            Effect {
                measure: Measure::Person,
                value: None,
                interval: None,
                says: "A goal that tells a good month from a bad one.".to_owned(),
            },
        ));
    }
    found
}

/// A locked decision that people themselves break when they edit.
fn decisions(history: &History) -> Vec<Found> {
    let mut broken: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for piece in &history.pieces {
        piece.breaks.iter().for_each(|decision| broken.entry(decision).or_default().push(piece));
    }
    broken
        .into_iter()
        .filter(|(_, pieces)| pieces.len() >= 2)
        .map(|(decision, pieces)| {
            (
                Change::Question {
                    about: Questioned::Decision(decision.to_owned()),
                    asks: "People write what it forbids. Does it still hold? Then the edits were slips; otherwise change it in `decisions.md`."
                        .to_owned(),
                },
                format!("Does the locked decision “{decision}” still hold?"),
                format!("In {} that went out, a person's own words say what it forbids.", pieces_word(pieces.len() as u32)),
                pieces.iter().map(|piece| piece.item).collect(),
                Effect {
                    measure: Measure::Person,
                    value: None,
                    interval: None,
                    says: "What is locked is what is done.".to_owned(),
                },
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_a_rate_are_those_of_garwood() {
        // Exact 95 % upper limits for 0, 1, 10 and 50 events (Ulm, American Journal of Epidemiology 131, 1990).
        for (count, limit) in [(0, 3.689), (1, 5.572), (10, 18.390), (50, 65.919)] {
            assert!((rate_most(count) - limit).abs() < 1e-3, "{count}: {}", rate_most(count));
        }
        for (count, limit) in [(0, 0.0), (1, 0.0253), (10, 4.7954), (50, 37.1108)] {
            assert!((rate_least(count) - limit).abs() < 1e-3, "{count}: {}", rate_least(count));
        }
    }
}
