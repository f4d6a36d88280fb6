//! `pattern`: which combinations of content, channel, timing and audience do better, as rules that hold on later data.
//!
//! The older part of the cases is searched (`stats::subgroup`), the newer part says whether what was found is still so. A
//! rule with more conditions must beat each shorter one, and all rules tested share one rate of false finds. What held
//! becomes an insight, and where it is good news also a signal and an opportunity. With a treatment, what is compared is what
//! the treatment changed, not who does it anyway.

use super::anomaly::plain;
use super::cases::{self, Cases};
use crate::base::{Digest, InOrder, ItemId};
use crate::model::goods::{Insight, Opportunity, RuleScore, Signal, SignalKind, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Item, Layer, Scalar, Untrusted};
use crate::stats::amounts;
use crate::stats::intervals::Interval;
use crate::stats::subgroup::{Control, Options, Rule, Table, again, mine};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};
use std::time::Duration;

pub struct Pattern;

/// Cases and outcomes in the searched part, below which nothing can be found.
const CASES_MIN: usize = 100;
const HITS_MIN: usize = 20;
/// The level of the interval on later data that must leave out zero.
const LATER_LEVEL: f64 = 0.9;

static SPEC: KindSpec = KindSpec {
    verb: "pattern",
    connector: None,
    layers: &[Layer::Strategy, Layer::Learning],
    summary: "Finds combinations of content, channel, timing and audience that do better, and checks them on later data.",
    doc: "A case is a row that carries the outcome in a field, or a person: the first thing they did says channel, piece, day of the week, \
part of the day and any field of the row, and the outcome is an event of that name within `window`; `as=\"value\"` asks not whether but how much. Receipts add the topic and the pillar \
of the piece. Every combination of up to `depth` conditions with `least` cases is tested exactly (Fisher), against all other cases and \
against each shorter combination, and all tests share one rate of false finds; so simple rules are preferred and small cells invent \
nothing. The newest part of the cases is not searched: a find that holds there is clear, with the effect and interval of that later data, and \
when it is good news it also becomes a signal and an opportunity; one that does not is told as not distinguishable. With a `treatment`, \
rules are ranked by what the treatment changed, not by who does it anyway. Amounts are compared by their means, those above the `ceiling` \
counted as the ceiling so that one customer is no pattern, and tested by permutation: how often would a combination differ so much if all \
amounts had been dealt out blindly?\n\nIn `strategy`, what held goes on as opportunities to a `brief` in the same cycle; in `learning`, where receipts tell topics and pillars, \
to the report.",
    takes: &[GoodKind::Events, GoodKind::Receipt],
    gives: &[GoodKind::Insight, GoodKind::Signal, GoodKind::Opportunity],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "outcome",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "as",
                ty: ValueType::Choice(&["rate", "value"]),
                required: false,
                default: Some("\"rate\""),
                doc: "`rate` is whether it happened; `value` adds its values up, such as revenue: what a row's field says, or what a \
person's later events of that name are worth.",
            }],
            occurs: Occurs::Once,
            doc: "What counts as success: a field of the rows (yes or no, or a number above zero), or else the name of later events.",
            example: r#"outcome "purchase" as="value""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "ceiling",
            ValueType::Share,
            "For amounts: the quantile of those that are not zero above which no more is counted; 1 counts all of them.",
            "ceiling 0.95",
        )
        .or("0.99"),
        NodeSpec {
            name: "by",
            args: &[ArgSpec { name: "dimension", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "What conditions are made of: `channel`, `piece`, `topic`, `pillar`, `weekday`, `daypart`, or fields of the rows. Without it, \
all that are there but pieces and fields with more than 30 values. Numbers are cut into quarters.",
            example: r#"by "channel" "topic" "weekday""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "treatment",
            args: &[ArgSpec { name: "field", ty: ValueType::Text, required: true }],
            props: &[
                PropSpec {
                    name: "treated",
                    ty: ValueType::Text,
                    required: true,
                    default: None,
                    doc: "The value of those who were treated.",
                },
                PropSpec {
                    name: "control",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The value of those who were not; without it, any other.",
                },
            ],
            doc: "What was done to some and not to others; then its effect is compared. It should have been given by chance.",
            example: r#"treatment "variant" treated="new headline" control="old headline""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("window", ValueType::Duration, "How long after the first event the outcome counts.", r#"window "14d""#)
            .or("\"14d\""),
        NodeSpec::value("depth", ValueType::Integer, "Conditions in a combination, 1 to 3.", "depth 2").or("3"),
        NodeSpec::value("least", ValueType::Integer, "Cases that a combination must have.", "least 50").or("50"),
        NodeSpec::value("later", ValueType::Share, "The newest part of the cases, kept to check what was found.", "later 0.3")
            .or("0.3"),
        NodeSpec::value("false-finds", ValueType::Share, "The share of finds that may be chance.", "false-finds 0.05").or("0.05"),
        NodeSpec::value(
            "opportunities",
            ValueType::Bool,
            "Whether good news that held also becomes a signal and an opportunity, to write more of; say no when it is about whom to call.",
            "opportunities #false",
        )
        .or("#true"),
        NodeSpec::value("keep", ValueType::Integer, "Finds to tell, the surest effects first.", "keep 5").or("10"),
    ],
    example: r#"pattern "what-works" {
    from "site"
    outcome "qualified"
    by "channel" "topic" "weekday"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Pattern {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    /// Windows close with time.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let config = cx.config();
        let outcome = config.text("outcome").unwrap_or_default();
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let receipts: Vec<_> = cx.goods(|good| if let Good::Receipt(receipt) = good { Some(receipt) } else { None }).collect();
        let parents: Vec<ItemId> =
            batches.iter().map(|(item, _)| item.id).chain(receipts.iter().map(|(item, _)| item.id)).collect();
        let value = config.child("outcome").and_then(|node| node.prop("as")).and_then(Scalar::text) == Some("value");
        let rules = cases::Rules {
            outcome,
            value,
            by: config.texts("by"),
            treatment: config.child("treatment").and_then(treatment),
            window: config.duration("window").unwrap_or(Duration::from_secs(14 * 86_400)),
            now: cx.now,
            zone: &cx.workflow.zone,
        };
        let receipts: Vec<_> = receipts.iter().map(|(_, receipt)| *receipt).collect();
        let cases = cases::read(batches.iter().flat_map(|(_, events)| events.rows()), &receipts, &rules);
        let mut output = Output::default();
        left_out(&cases, &mut output);
        let positive = |name: &str, or: i64| usize::try_from(config.integer(name).unwrap_or(or)).unwrap_or(0);
        let options = Options {
            depth: positive("depth", 3).clamp(1, 3),
            rows_min: positive("least", 50).max(2),
            rate: config.number("false-finds").unwrap_or(0.05).clamp(0.0, 0.5),
            control: Control::Together,
        };
        let later = config.number("later").unwrap_or(0.3).clamp(0.0, 0.9);
        let search = Search::new(&cases, later, config.number("ceiling").unwrap_or(0.99).clamp(0.5, 1.0), &options);
        search.notes(outcome, &mut output);
        let (early, hits) = (search.early.outcome.len(), search.early.outcome.iter().filter(|hit| **hit).count());
        // Everybody may have an amount, as long as the amounts differ.
        let alike = if value { search.constant() } else { early - hits < HITS_MIN };
        if early < CASES_MIN || hits < HITS_MIN || alike {
            let insight = not_enough(cx, outcome, early, hits, value);
            output.headline = Some("not enough evidence yet".to_owned());
            output.give(insight, parents);
            return Ok(Turn::Done(output));
        }
        let found = search.finds(&options);
        let told = found.len();
        let kept: Vec<Find> = found.into_iter().take(positive("keep", 10)).collect();
        let held = kept.iter().filter(|find| find.held == Held::Yes).count();
        output.headline = Some(match (told, held) {
            (0, _) => format!("no pattern beyond chance in {} combinations", search.tested),
            (1, 1) => "1 pattern, which held on later data".to_owned(),
            (1, held) => format!("1 pattern, {held} held on later data"),
            (told, held) => format!("{told} patterns, {held} held on later data"),
        });
        if told == 0 {
            output.give(nothing(cx, outcome, &search), parents);
            return Ok(Turn::Done(output));
        }
        let wanted = config.child("opportunities").is_none_or(|_| config.flag("opportunities"));
        let mut rank = 0;
        for find in kept {
            let insight = find.insight(cx, outcome, &search);
            if find.held == Held::Yes && find.better() && wanted {
                rank += 1;
                opportunity(cx, &find, &insight, &search, rank, &parents, &mut output);
            }
            output.give(insight, parents.clone());
        }
        Ok(Turn::Done(output))
    }
}

fn treatment(node: &Config) -> Option<(&str, &str, Option<&str>)> {
    let word = |name: &str| node.prop(name).and_then(Scalar::text);
    Some((node.arg()?.text()?, word("treated")?, word("control")))
}

fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn left_out(cases: &Cases, output: &mut Output) {
    if cases.unread > 0 {
        let rows = count(cases.unread, "row says", "rows say");
        output.note(NoteLevel::Warning, format!("{rows} nothing that can be read as the outcome and left out."));
    }
    if cases.worthless > 0 {
        let rows = count(cases.worthless, "outcome has no value and adds", "outcomes have no value and add");
        output.note(NoteLevel::Warning, format!("{rows} nothing."));
    }
    if cases.future > 0 {
        output.note(NoteLevel::Warning, format!("{} dated in the future left out.", count(cases.future, "row was", "rows were")));
    }
    if cases.nameless > 0 {
        let rows = count(cases.nameless, "row is of nobody and was", "rows are of nobody and were");
        output.note(NoteLevel::Warning, format!("{rows} left out."));
    }
    if cases.strangers > 0 {
        let rows = count(cases.strangers, "case is", "cases are");
        output.note(NoteLevel::Info, format!("{rows} in neither arm of the treatment and left out."));
    }
    if cases.open > 0 {
        output.note(NoteLevel::Info, format!("{} still open.", count(cases.open, "person's window is", "people's windows are")));
    }
    for name in &cases.absent {
        output.note(NoteLevel::Warning, format!("`by \"{name}\"`: no case says anything about it, or all say the same."));
    }
}

fn insight(cx: &StepContext<'_>, subject: String, n: usize) -> Insight {
    Insight {
        subject: Subject::Metric(subject),
        measure: "pattern".to_owned(),
        value: 0.0,
        interval: None,
        level: 0.95,
        n: n as u64,
        verdict: Verdict::NotDistinguishable,
        says: String::new(),
        at: cx.now,
        basis: None,
        plot: Vec::new(),
    }
}

fn not_enough(cx: &StepContext<'_>, outcome: &str, cases: usize, hits: usize, value: bool) -> Insight {
    let more = |have: usize, need: usize| need.saturating_sub(have);
    let need = match (more(cases, CASES_MIN), more(hits, HITS_MIN)) {
        (0, 0) if value => "amounts that differ".to_owned(),
        (0, 0) => "some cases without the outcome".to_owned(),
        (0, hits) => format!("{hits} more with the outcome"),
        (cases, 0) => format!("{cases} more cases"),
        (cases, hits) => format!("{cases} more cases, {hits} of them with the outcome"),
    };
    Insight {
        says: format!("{outcome}: not enough to look for patterns yet, {hits} of {cases} cases had it and it takes {need}."),
        verdict: Verdict::NotEnough { need },
        ..insight(cx, outcome.to_owned(), cases)
    }
}

fn nothing(cx: &StepContext<'_>, outcome: &str, search: &Search) -> Insight {
    let all = search.early.outcome.len();
    let says = format!(
        "{outcome}: no combination does better or worse than chance would have it; {} were tested on {all} cases.",
        search.tested
    );
    Insight { says, ..insight(cx, outcome.to_owned(), all) }
}

/// The cases in two parts, and what was found in the older one.
struct Search {
    /// What amounts above it count as, and how many were.
    ceiling: Option<(f64, usize)>,
    negative: usize,
    early: Table,
    late: Option<Table>,
    tested: usize,
    mined: crate::stats::subgroup::Mined,
}

/// What later data say about a find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Yes,
    /// The same direction, but too few to be sure.
    Unsure,
    No,
    /// Nothing was kept to check it on.
    Untried,
}

/// A rule that was found.
#[derive(Clone, Debug)]
struct Find {
    rule: Rule,
    words: String,
    early: Interval,
    /// On later data.
    later: Option<(Rule, Interval)>,
    held: Held,
    confidence: f64,
}

impl Search {
    fn new(cases: &Cases, later: f64, share: f64, options: &Options) -> Search {
        let rows = cases.times.len();
        let cut = rows - (rows as f64 * later).round() as usize;
        let mut early = cases.table.only(&(0..cut).collect::<Vec<_>>());
        let mut late = (cut < rows).then(|| cases.table.only(&(cut..rows).collect::<Vec<_>>()));
        // Later data are held to what the searched ones say is huge.
        let top = early.amounts.as_deref().and_then(|amounts| amounts::ceiling(amounts, share));
        let (mut above, mut negative) = (0, 0);
        for amount in [Some(&mut early), late.as_mut()].into_iter().flatten().filter_map(|table| table.amounts.as_mut()).flatten()
        {
            negative += usize::from(*amount < 0.0);
            if let Some(top) = top.filter(|top| amount.abs() > *top) {
                *amount = amount.clamp(-top, top);
                above += 1;
            }
        }
        let mined = mine(&early, options);
        Search { ceiling: top.map(|top| (top, above)), negative, tested: mined.rules.len(), early, late, mined }
    }

    fn notes(&self, outcome: &str, output: &mut Output) {
        if let Some((top, above)) = self.ceiling.filter(|(_, above)| *above > 0) {
            let rows = count(above, "amount", "amounts");
            output.note(NoteLevel::Info, format!("{rows} of {outcome} above {} counted as that.", plain(top)));
        }
        if self.negative > 0 {
            let rows = count(self.negative, "case has", "cases have");
            output.note(NoteLevel::Warning, format!("{rows} an amount below zero, taken as it is."));
        }
    }

    /// All amounts are the same.
    fn constant(&self) -> bool {
        self.early.amounts.as_deref().is_some_and(|amounts| amounts.windows(2).all(|pair| pair[0] == pair[1]))
    }

    /// Whether later rows are enough to say anything of amounts: some of them are inside, or should have been.
    fn tells(&self, rule: &Rule) -> bool {
        let share = rule.outside.hits as f64 / rule.outside.rows.max(1) as f64;
        let expected = (rule.inside.hits as f64).max(share * rule.inside.rows as f64);
        self.early.amounts.is_none()
            || (expected >= amounts::ROWS_THAT_TELL && rule.outside.hits as f64 >= amounts::ROWS_THAT_TELL)
    }

    /// `+2.4 points` of a share, `+2.4` of an amount.
    fn signed(&self, difference: f64) -> String {
        if self.early.amounts.is_none() {
            return format!("{:+.1} points", difference * 100.0);
        }
        let text = plain(difference.abs());
        format!("{}{text}", if difference < 0.0 { "-" } else { "+" })
    }

    fn treated(&self) -> bool {
        self.early.treated.is_some()
    }

    fn finds(&self, options: &Options) -> Vec<Find> {
        let treated = self.treated();
        let confidence = self.mined.confidence;
        let mut seen = Vec::new();
        let mut finds = Vec::new();
        for rule in self.mined.finds(treated, options.rate) {
            // Conditions that always stand together are one story, and so are a condition and its opposite.
            let story = (rule.inside.min(rule.outside), rule.conditions.len());
            let Some(early) = rule.effect(treated, confidence).filter(|_| !seen.contains(&story)) else { continue };
            seen.push(story);
            let later = self.late.as_ref().and_then(|late| {
                let rule = again(late, &rule.conditions)?;
                let effect = rule.effect(treated, LATER_LEVEL).filter(|effect| effect.estimate.is_finite())?;
                Some((rule, effect))
            });
            let held = match &later {
                None if self.late.is_none() => Held::Untried,
                None => Held::Unsure,
                Some((rule, effect)) if effect.contains(0.0) && !self.tells(rule) => Held::Unsure,
                Some((_, effect)) if early.estimate * effect.estimate <= 0.0 => Held::No,
                Some((rule, effect)) if effect.contains(0.0) || !self.tells(rule) => Held::Unsure,
                Some(_) => Held::Yes,
            };
            finds.push(Find { rule: rule.clone(), words: self.words(rule), early, later, held, confidence });
        }
        // What held comes first; the order within stays.
        finds.order_by_key(|find| find.held != Held::Yes);
        finds
    }

    /// `channel is mail and weekday is Tuesday`
    fn words(&self, rule: &Rule) -> String {
        let word = |(at, level): &(usize, usize)| {
            let attribute = &self.early.attributes[*at];
            format!("{} is {}", attribute.name, attribute.levels[*level])
        };
        rule.conditions.iter().map(word).collect::<Vec<_>>().join(" and ")
    }
}

impl Find {
    fn better(&self) -> bool {
        self.early.estimate > 0.0
    }

    /// The estimate to go by: later data did not choose the rule, so they flatter it least.
    fn effect(&self) -> (Interval, f64) {
        self.later.as_ref().map_or((self.early, self.confidence), |(_, effect)| (*effect, LATER_LEVEL))
    }

    fn insight(&self, cx: &StepContext<'_>, outcome: &str, search: &Search) -> Insight {
        let (effect, level) = self.effect();
        let measure = match (search.treated(), search.early.amounts.is_some()) {
            (true, _) => "effect of the treatment, against elsewhere",
            (false, false) => "share, against elsewhere",
            (false, true) => "mean amount, against elsewhere",
        };
        Insight {
            measure: measure.into(),
            value: effect.estimate,
            interval: Some((effect.low, effect.high)),
            level,
            verdict: if self.held == Held::Yes { Verdict::Clear } else { Verdict::NotDistinguishable },
            says: self.says(outcome, search),
            ..insight(cx, format!("{outcome} where {}", self.words), self.rule.inside.rows)
        }
    }

    fn says(&self, outcome: &str, search: &Search) -> String {
        let (treated, amounts) = (search.treated(), search.early.amounts.is_some());
        let level = |rule: &Rule| {
            rule.level(treated, 0.95).map_or("unknown".to_owned(), |level| match (treated, amounts) {
                (true, _) => search.signed(level.estimate),
                (false, true) => plain(level.estimate),
                (false, false) => format!("{:.1} %", level.estimate * 100.0),
            })
        };
        let (inside, outside) = (level(&self.rule), level(&self.rule.turned()));
        let of = format!("{} of {} cases", self.rule.inside.rows, self.rule.inside.rows + self.rule.outside.rows);
        let times = Some(self.rule.lift()).filter(|lift| lift.is_finite() && *lift >= 0.0);
        let times = |what: &str| times.map(|lift| format!(", {lift:.2} times {what}")).unwrap_or_default();
        let mut says = match (treated, amounts) {
            (true, _) => {
                format!("Where {}, the treatment changes {outcome} by {inside} against {outside} elsewhere ({of})", self.words)
            }
            (false, true) => format!(
                "Where {}, {outcome} comes to {inside} a case against {outside} elsewhere{} ({of}, {} with an amount)",
                self.words,
                times("the mean of all"),
                self.rule.inside.hits
            ),
            (false, false) => format!(
                "Where {}, {inside} have {outcome} against {outside} elsewhere{} ({of})",
                self.words,
                times("the share of all")
            ),
        };
        let range = |effect: &Interval| {
            let [estimate, low, high] = [effect.estimate, effect.low, effect.high].map(|x| search.signed(x));
            format!("{estimate} ({low} to {high})")
        };
        says.push_str(&match (&self.later, self.held) {
            (Some((_, effect)), Held::Yes) => format!("; it held on later data, {}", range(effect)),
            (Some((_, effect)), Held::No) => format!("; it did not hold on later data, {}", search.signed(effect.estimate)),
            (Some((_, effect)), _) => format!("; later data are too few to be sure, {}", range(effect)),
            (None, Held::Untried) => "; no later data were kept to check it".to_owned(),
            (None, _) => "; no later data have such cases".to_owned(),
        });
        says.push('.');
        says
    }
}

/// A find that held and is good news, as evidence and as something to write more of.
fn opportunity(
    cx: &StepContext<'_>,
    find: &Find,
    insight: &Insight,
    search: &Search,
    rank: u32,
    parents: &[ItemId],
    output: &mut Output,
) {
    let about = |name: &str| {
        let condition = find.rule.conditions.iter().find(|(at, _)| search.early.attributes[*at].name == name)?;
        Some(search.early.attributes[condition.0].levels[condition.1].clone())
    };
    let topic = about("topic").unwrap_or_else(|| find.words.clone());
    let source = cx.step.id.as_str();
    let signal =
        Signal::new(SignalKind::Note, topic.clone(), Untrusted::new(&insight.says), source, cx.now, Digest::of(&insight.says));
    // The engine makes the same item of it, so the opportunity can name it.
    let id = Item::new(signal.clone().into(), parents.to_vec(), cx.step.id.clone()).id;
    let evidence = vec![signal.as_evidence(id)];
    output.give(signal, parents.to_vec());
    let rule =
        |name: &str, weight: f64, value: f64| RuleScore { rule: name.to_owned(), weight, value: Some(value.clamp(0.0, 1.0)) };
    let (effect, _) = find.effect();
    let breakdown = vec![
        rule("effect", 0.5, effect.low / effect.estimate.abs().max(1e-9)),
        rule("lift", 0.25, 1.0 - 1.0 / Some(find.rule.lift()).filter(|lift| lift.is_finite()).map_or(1.0, |lift| lift.max(1.0))),
        rule("support", 0.25, find.rule.support()),
    ];
    output.give(
        Opportunity {
            title: format!("More of what works: {}", find.words),
            topic,
            score: breakdown.iter().map(RuleScore::contribution).sum(),
            confidence: 1.0,
            rank,
            breakdown,
            pillar: about("pillar"),
            volume: None,
            growth: None,
            intent: None,
            evidence,
        },
        vec![id],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Rng, Timestamp};
    use crate::builtin::common::rehearse::{Bench, notes, shared, signals};
    use crate::model::goods::{Event, Events};

    const DAY: i64 = 86_400_000;

    /// People by channel and day, of whom some buy within two days.
    fn site(seed: u64, people: usize, chance: impl Fn(&str, &str) -> f64) -> Vec<Event> {
        let mut rng = Rng::new(seed);
        let mut rows = Vec::new();
        for person in 0..people {
            let channel = ["mail", "ads", "search"][rng.below(3) as usize];
            let device = ["phone", "desk"][rng.below(2) as usize];
            let at = Timestamp((person as i64 * 100 / people as i64) * DAY);
            let fields = [("device".to_owned(), device.to_owned())].into();
            let who = format!("p{person}");
            let view = Event { at, who, name: "view".into(), channel: Some(channel.into()), fields, ..Event::default() };
            if rng.uniform() < chance(channel, device) {
                rows.push(Event { at: Timestamp(at.0 + DAY), name: "buy".into(), channel: None, ..view.clone() });
            }
            rows.push(view);
        }
        rows
    }

    fn bench(nodes: &str, rows: Vec<Event>) -> Bench {
        let mut bench = Bench::new(&Pattern, &format!("pattern \"what-works\" {{ {nodes} }}"));
        bench.input(Events::new("site", &rows));
        bench
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    fn opportunities(output: &Output) -> Vec<&Opportunity> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Opportunity(found) = good { Some(found) } else { None }).collect()
    }

    const NOW: &str = "1970-06-01T00:00:00Z";

    #[test]
    fn what_does_better_together_is_found_held_and_becomes_an_opportunity() {
        let rows = site(1, 6_000, |channel, device| if channel == "mail" && device == "desk" { 0.4 } else { 0.1 });
        let output = bench(r#"outcome "buy""#, rows).run(NOW).unwrap();
        let found = insights(&output);
        assert_eq!(found[0].subject, Subject::Metric("buy where channel is mail and device is desk".into()));
        assert_eq!(found[0].verdict, Verdict::Clear);
        assert!(
            found[0].says.contains("it held on later data, +") && found[0].says.contains(" of 4200 cases"),
            "{}",
            found[0].says
        );
        let (low, high) = found[0].interval.unwrap();
        assert!(low < 0.35 && 0.3 < high && low > 0.2, "{low} {high}");
        let opportunity = opportunities(&output)[0];
        assert_eq!((opportunity.title.as_str(), opportunity.rank), ("More of what works: channel is mail and device is desk", 1));
        // Its evidence is the signal that is given beside it.
        assert_eq!(opportunity.evidence.len(), 1);
        assert_eq!(signals(&output)[0].title, Untrusted::new(&found[0].says));
        assert!((0.0..=1.0).contains(&opportunity.score));
        let rows = site(1, 6_000, |channel, device| if channel == "mail" && device == "desk" { 0.4 } else { 0.1 });
        let output = bench(r#"outcome "buy"; opportunities #false"#, rows).run(NOW).unwrap();
        assert!(opportunities(&output).is_empty() && signals(&output).is_empty());
    }

    #[test]
    fn chance_finds_nothing_and_says_how_much_was_tested() {
        let output = bench(r#"outcome "buy""#, site(2, 4_000, |_, _| 0.15)).run(NOW).unwrap();
        let found = insights(&output);
        assert!(found[0].says.starts_with("buy: no combination does better or worse than chance"), "{}", found[0].says);
        assert!(opportunities(&output).is_empty());
        assert!(output.headline.as_deref().is_some_and(|line| line.starts_with("no pattern beyond chance in ")));
    }

    #[test]
    fn too_little_says_what_is_missing_and_odd_rows_are_told() {
        let output = bench(r#"outcome "buy""#, site(3, 60, |_, _| 0.2)).run(NOW).unwrap();
        assert!(matches!(insights(&output)[0].verdict, Verdict::NotEnough { .. }));
        assert_eq!(output.headline.as_deref(), Some("not enough evidence yet"));
        let mut rows = site(4, 400, |_, _| 0.2);
        rows.push(Event { at: Timestamp(9_999 * DAY), ..rows[0].clone() });
        let output = bench(r#"outcome "buy"; by "planet" "device""#, rows).run(NOW).unwrap();
        let notes = notes(&output);
        assert!(notes[0].starts_with("- 1 row was dated in the future") && notes[1].contains("`by \"planet\"`"), "{notes:?}");
        assert!(bench(r#"outcome "buy""#, vec![]).run(NOW).is_ok());
        assert!(
            insights(&bench(r#"outcome "buy""#, site(5, 500, |_, _| 1.0)).run(NOW).unwrap())[0]
                .says
                .contains("without the outcome")
        );
    }

    /// The public e-mail test as rows, a minute apart.
    fn email_test() -> Option<Vec<Event>> {
        let bytes = shared("learning/experiments/hillstrom_even.csv.gz")?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let row = |(at, line): (usize, &str)| Event {
            at: Timestamp(at as i64 * 60_000),
            name: "row".into(),
            fields: header.iter().zip(line.split(',')).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect(),
            ..Event::default()
        };
        Some(lines.enumerate().map(row).collect())
    }

    #[test]
    fn what_people_spend_is_compared_by_its_mean_and_one_huge_order_is_no_pattern() {
        let spend = |seed: u64, more: f64| {
            let mut rng = Rng::new(seed);
            let mut rows = site(seed, 6_000, |_, _| 0.2);
            for row in rows.iter_mut().filter(|row| row.name == "buy") {
                let size = (3.0 + crate::stats::sampling::normal(&mut rng)).exp();
                row.value = Some(if row.fields["device"] == "desk" { more * size } else { size });
            }
            rows
        };
        let nodes = r#"outcome "buy" as="value"; by "channel" "device""#;
        let output = bench(nodes, spend(11, 2.0)).run(NOW).unwrap();
        let found = insights(&output);
        assert_eq!(found[0].subject, Subject::Metric("buy where device is desk".into()));
        assert_eq!((found[0].verdict.clone(), found[0].measure.as_str()), (Verdict::Clear, "mean amount, against elsewhere"));
        assert!(
            found[0].says.contains(" a case against ") && found[0].says.contains("it held on later data, +"),
            "{}",
            found[0].says
        );
        // Half of 20 % of a mean of 33, and as much again.
        let (low, high) = found[0].interval.unwrap();
        assert!(low > 0.0 && low < 6.6 && 6.6 < high * 1.2, "{low} {high}");
        assert_eq!(opportunities(&output)[0].rank, 1);
        assert!(notes(&output).iter().any(|note| note.contains("counted as that")), "{:?}", notes(&output));
        // The same customers, and one who buys a ship.
        let mut rows = spend(12, 1.0);
        let ship = rows.iter().position(|row| row.name == "buy" && row.fields["device"] == "desk").unwrap();
        rows[ship].value = Some(5_000_000.0);
        let found = bench(nodes, rows).run(NOW).unwrap();
        assert!(insights(&found)[0].says.starts_with("buy: no combination does better or worse"), "{:?}", insights(&found));
        let same: Vec<Event> = spend(13, 1.0).into_iter().map(|row| Event { value: Some(0.0), ..row }).collect();
        let none = bench(nodes, same).run(NOW).unwrap();
        assert!(matches!(insights(&none)[0].verdict, Verdict::NotEnough { .. }));
    }

    #[test]
    fn the_public_email_test_has_too_few_buyers_for_a_pattern_of_spend() {
        let Some(rows) = email_test() else { return };
        // Nine in a thousand buy: 200 people, spread over hundreds of combinations.
        let nodes =
            r#"outcome "spend" as="value"; by "mens" "womens" "newbie" "channel" "zip_code" "recency" "treatment"; least 300"#;
        let output = bench(nodes, rows).run(NOW).unwrap();
        let found = insights(&output);
        assert!(found[0].says.starts_with("spend: no combination does better or worse than chance"), "{found:#?}");
    }

    #[test]
    fn the_public_email_test_has_patterns_of_the_treatment_that_hold() {
        let Some(rows) = email_test() else { return };
        let nodes = r#"outcome "visit"
            by "mens" "womens" "newbie" "channel" "zip_code" "recency" "history_segment"
            treatment "treatment" treated="Womens E-Mail" control="No E-Mail"
            least 300"#;
        let output = bench(nodes, rows).run(NOW).unwrap();
        let found = insights(&output);
        println!("{:?} {:#?}", output.headline, found.iter().map(|insight| &insight.says).collect::<Vec<_>>());
        // The women's mail works on those who bought for women before.
        assert_eq!(found[0].subject, Subject::Metric("visit where womens is 1".into()));
        assert_eq!(found[0].verdict, Verdict::Clear);
    }
}
