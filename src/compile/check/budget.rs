//! Budgets whose numbers cannot all be true: floors above the total, ceilings that leave money over, locks outside their own bounds, and
//! groups that ask for what their channels may not get.

use super::CheckContext;
use super::StepSketch;
use crate::base::Money;
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::{Config, Scalar};
use crate::step::KindSpec;
use std::collections::BTreeMap;

/// Whether a kind divides a total among channels with bounds.
fn divides(spec: &KindSpec) -> bool {
    let bounded = |node: &str| spec.node(node).is_some_and(|node| node.props.iter().any(|prop| prop.name == "floor"));
    spec.node("total").is_some() && bounded("channel") && bounded("group")
}

/// Whether a kind plays choices in which channels are set.
fn plays(spec: &KindSpec) -> bool {
    spec.node("choice").is_some_and(|choice| choice.child("set").is_some())
}

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in cx.sketch.steps.iter().filter(|step| step.is(divides)) {
        if let Some(budget) = Budget::of(step) {
            names(&budget, sink);
            own_bounds(&budget, sink);
            groups(&budget, sink);
            total(&budget, sink);
            idle(&budget, sink);
        }
    }
    for step in cx.sketch.steps.iter().filter(|step| step.is(plays)) {
        choices(cx, step, sink);
    }
}

/// One line with bounds.
struct Line<'c> {
    name: &'c str,
    place: Span,
    floor: Option<f64>,
    ceiling: Option<f64>,
    lock: Option<f64>,
}

impl<'c> Line<'c> {
    fn of(node: &'c Config) -> Line<'c> {
        let amount = |name: &str| node.prop(name).and_then(Scalar::money).map(Money::units);
        Line {
            name: node.arg().and_then(Scalar::text).unwrap_or(""),
            place: place(node),
            floor: amount("floor"),
            ceiling: amount("ceiling"),
            lock: amount("lock"),
        }
    }

    /// What it must get. Where its own bounds collide, which is said of itself, the lower one.
    fn least(&self) -> f64 {
        self.lock.unwrap_or_else(|| self.floor.unwrap_or(0.0).min(self.ceiling.unwrap_or(f64::INFINITY)))
    }

    /// What it may get; nothing when there is no end to it.
    fn most(&self) -> Option<f64> {
        self.lock.or_else(|| self.ceiling.map(|ceiling| ceiling.max(self.floor.unwrap_or(0.0))))
    }

    fn least_label(&self) -> String {
        if self.lock.is_some() { "is locked at".to_owned() } else { "gets at least".to_owned() }
    }
}

struct Group<'c> {
    line: Line<'c>,
    members: Vec<usize>,
    node: &'c Config,
}

struct Budget<'c> {
    title: String,
    total: f64,
    currency: &'c str,
    total_place: Span,
    lines: Vec<Line<'c>>,
    groups: Vec<Group<'c>>,
    change: Option<&'c Config>,
}

impl<'c> Budget<'c> {
    /// `None` when it has no total, or amounts in two currencies, which is said elsewhere.
    fn of(step: &'c StepSketch) -> Option<Budget<'c>> {
        let total = step.config.child("total")?;
        let money = total.arg().and_then(Scalar::money)?;
        let lines: Vec<Line<'c>> = step.config.all("channel").map(Line::of).collect();
        let mut amounts = step.config.all("channel").chain(step.config.all("group")).flat_map(|node| node.props.values());
        if amounts.any(|amount| amount.money().is_some_and(|amount| amount.currency != money.currency)) {
            return None;
        }
        let position = |name: &str| lines.iter().position(|line| line.name == name);
        let groups = step.config.all("group").map(|node| {
            let members = node.args.iter().skip(1).filter_map(Scalar::text).filter_map(position).collect();
            Group { line: Line::of(node), members, node }
        });
        Some(Budget {
            title: step.title(),
            total: money.units(),
            currency: &money.currency,
            total_place: place(total),
            groups: groups.collect(),
            change: step.config.child("change"),
            lines,
        })
    }

    /// As it would be written.
    fn money(&self, amount: f64) -> String {
        written(self.currency, amount)
    }

    fn alone(&self) -> impl Iterator<Item = &Line<'c>> {
        let grouped = |at: usize| self.groups.iter().any(|group| group.members.contains(&at));
        self.lines.iter().enumerate().filter(move |(at, _)| !grouped(*at)).map(|(_, line)| line)
    }

    fn members<'b>(&'b self, group: &'b Group<'c>) -> impl Iterator<Item = &'b Line<'c>> {
        group.members.iter().map(|at| &self.lines[*at])
    }
}

fn written(currency: &str, amount: f64) -> String {
    let text = format!("{amount:.2}");
    format!("({currency}){}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The name of a node, or else its amount.
fn place(node: &Config) -> Span {
    node.arg_spans.first().copied().unwrap_or(node.span)
}

fn names(budget: &Budget<'_>, sink: &mut Vec<Diagnostic>) {
    for (word, lines) in [
        ("channels", budget.lines.iter().collect::<Vec<_>>()),
        ("groups", budget.groups.iter().map(|group| &group.line).collect()),
    ] {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for line in lines {
            if let Some(first) = seen.get(line.name) {
                sink.push(
                    Diagnostic::error(
                        "loop::repeated-name",
                        format!("two {word} of `{}` are named `{}`", budget.title, line.name),
                    )
                    .at(line.place, "named again here")
                    .at(*first, "first named here")
                    .help("write all bounds of one on one line, or give one of them another name"),
                );
            } else {
                seen.insert(line.name, line.place);
            }
        }
    }
    let known: Vec<&str> = budget.lines.iter().map(|line| line.name).collect();
    let mut homes: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for group in &budget.groups {
        let members = group.node.args.iter().zip(group.node.arg_spans.iter()).skip(1);
        for (name, span) in members.filter_map(|(name, span)| Some((name.text()?, *span))) {
            if !known.contains(&name) {
                sink.push(unknown(&format!("the group `{}`", group.line.name), &budget.title, name, span, &known));
                continue;
            }
            if let Some((home, first)) = homes.get(name) {
                sink.push(
                    Diagnostic::error(
                        "loop::overlapping-groups",
                        format!("`{name}` stands in `{home}` and in `{}`", group.line.name),
                    )
                    .at(span, "named again here")
                    .at(*first, "first named here")
                    .help("keep it in one group: what one group takes from it the other could not count on"),
                );
            } else {
                homes.insert(name, (group.line.name, span));
            }
        }
    }
}

fn unknown(who: &str, of: &str, name: &str, span: Span, known: &[&str]) -> Diagnostic {
    let finding = Diagnostic::error("loop::unknown-channel", format!("{who} names `{name}`, which is no channel of `{of}`"))
        .at(span, "no such channel in this budget");
    match nearest(name, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\"")),
        None => finding.help(format!("its channels are `{}`", known.join("`, `"))),
    }
}

fn own_bounds(budget: &Budget<'_>, sink: &mut Vec<Diagnostic>) {
    let groups = budget.groups.iter().map(|group| &group.line);
    for line in budget.lines.iter().chain(groups) {
        if let (Some(floor), Some(ceiling)) = (line.floor, line.ceiling)
            && floor > ceiling
        {
            let (floor, ceiling) = (budget.money(floor), budget.money(ceiling));
            sink.push(
                Diagnostic::error(
                    "loop::floor-above-ceiling",
                    format!("`{}` gets at least `{floor}` and at most `{ceiling}`", line.name),
                )
                .at(line.place, "its floor is above its ceiling")
                .help(format!("write `floor={ceiling} ceiling={floor}` if they changed places")),
            );
        }
        let Some(lock) = line.lock else { continue };
        let low = line.floor.filter(|floor| lock < *floor).map(|floor| ("below its floor", floor));
        let high = line.ceiling.filter(|ceiling| lock > *ceiling).map(|ceiling| ("above its ceiling", ceiling));
        if let Some((side, bound)) = low.or(high) {
            let (lock, bound) = (budget.money(lock), budget.money(bound));
            sink.push(
                Diagnostic::error(
                    "loop::lock-outside-bounds",
                    format!("`{}` is locked at `{lock}`, {side} of `{bound}`", line.name),
                )
                .at(line.place, "the lock and the bound cannot both hold")
                .help("a lock decides the amount: leave the floor and the ceiling out, or move the one in its way"),
            );
        }
    }
}

fn groups(budget: &Budget<'_>, sink: &mut Vec<Diagnostic>) {
    for group in budget.groups.iter().filter(|group| !group.members.is_empty()) {
        // Its own bounds collide, which is said already.
        if group.line.floor.zip(group.line.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling) {
            continue;
        }
        let name = group.line.name;
        let most: Option<f64> = budget.members(group).map(Line::most).sum();
        if let (Some(floor), Some(most)) = (group.line.floor, most)
            && floor > most
        {
            let finding = Diagnostic::error(
                "loop::group-out-of-reach",
                format!("`{name}` gets at least `{}`, and its channels at most `{}`", budget.money(floor), budget.money(most)),
            );
            let finding = finding.at(group.line.place, format!("its channels cannot take `{}`", budget.money(floor)));
            sink.push(
                labelled(finding, budget, budget.members(group), |line| Some(("gets at most".to_owned(), line.most()?))).help(
                    format!("raise ceilings of its channels by `{}` in all, or lower its floor", budget.money(floor - most)),
                ),
            );
        }
        let least: f64 = budget.members(group).map(Line::least).sum();
        if let Some(ceiling) = group.line.ceiling
            && ceiling < least
        {
            let finding = Diagnostic::error(
                "loop::group-out-of-reach",
                format!("`{name}` gets at most `{}`, and its channels at least `{}`", budget.money(ceiling), budget.money(least)),
            );
            let finding = finding.at(group.line.place, format!("its channels need `{}`", budget.money(least)));
            sink.push(labelled(finding, budget, budget.members(group), needs).help(format!(
                "lower floors of its channels by `{}` in all, or raise its ceiling",
                budget.money(least - ceiling)
            )));
        }
    }
}

/// What a line must get, when it must get something.
fn needs(line: &Line<'_>) -> Option<(String, f64)> {
    Some((line.least_label(), line.least())).filter(|(_, least)| *least > 0.0)
}

/// Labels the lines that make a sum.
fn labelled<'b, 'c: 'b>(
    finding: Diagnostic,
    budget: &Budget<'_>,
    lines: impl Iterator<Item = &'b Line<'c>>,
    part: impl Fn(&Line<'_>) -> Option<(String, f64)>,
) -> Diagnostic {
    lines
        .filter_map(|line| Some((line.place, part(line)?)))
        .fold(finding, |finding, (place, (says, amount))| finding.at(place, format!("{says} `{}`", budget.money(amount))))
}

fn total(budget: &Budget<'_>, sink: &mut Vec<Diagnostic>) {
    let group_least = |group: &Group<'_>| {
        let inside: f64 = budget.members(group).map(Line::least).sum();
        (inside, group.line.floor.unwrap_or(0.0).max(inside))
    };
    let least =
        budget.alone().map(Line::least).sum::<f64>() + budget.groups.iter().map(|group| group_least(group).1).sum::<f64>();
    let total = budget.money(budget.total);
    if least > budget.total {
        let mut finding = Diagnostic::error(
            "loop::floors-above-total",
            format!(
                "the floors and locks of `{}` add up to `{}`, above its total of `{total}`",
                budget.title,
                budget.money(least)
            ),
        )
        .at(budget.total_place, format!("`{total}` is there to divide"));
        finding = labelled(finding, budget, budget.alone(), needs);
        for group in &budget.groups {
            let (inside, least) = group_least(group);
            finding = if least > inside {
                finding.at(group.line.place, format!("together get at least `{}`", budget.money(least)))
            } else {
                labelled(finding, budget, budget.members(group), needs)
            };
        }
        let over = budget.money(least - budget.total);
        sink.push(finding.help(format!("lower floors or locks by `{over}` in all, or raise the total")));
    }
    let group_most = |group: &Group<'_>| {
        let inside: Option<f64> = budget.members(group).map(Line::most).sum();
        match (inside, group.line.ceiling) {
            (Some(inside), Some(ceiling)) => Some(inside.min(ceiling)),
            (inside, ceiling) => inside.or(ceiling),
        }
    };
    let alone: Option<f64> = budget.alone().map(Line::most).sum();
    let grouped: Option<f64> = budget.groups.iter().map(group_most).sum();
    if let (Some(alone), Some(grouped)) = (alone, grouped)
        && !budget.lines.is_empty()
        && alone + grouped < budget.total
    {
        let most = alone + grouped;
        let left = budget.money(budget.total - most);
        let finding = Diagnostic::error(
            "loop::ceilings-below-total",
            format!(
                "the ceilings and locks of `{}` add up to `{}`, below its total of `{total}`",
                budget.title,
                budget.money(most)
            ),
        );
        let finding = finding.at(budget.total_place, format!("`{left}` of this can go nowhere"));
        let finding = labelled(finding, budget, budget.lines.iter(), |line| Some(("gets at most".to_owned(), line.most()?)));
        sink.push(
            finding.help(format!("raise ceilings by `{left}` in all, lower the total, or leave one channel without a ceiling")),
        );
    }
}

fn idle(budget: &Budget<'_>, sink: &mut Vec<Diagnostic>) {
    let open: Vec<&Line<'_>> = budget.lines.iter().filter(|line| line.lock.is_none()).collect();
    let still = budget.change.filter(|change| change.arg().and_then(Scalar::number) == Some(0.0));
    let finding = |message: String| Diagnostic::warning("loop::idle-budget", message);
    if let Some(change) = still {
        sink.push(
            finding(format!("`{}` may move nothing", budget.title))
                .at(place(change), "no channel may change")
                .help("write how much of its amount a channel may gain or lose in one cycle, such as `change 0.2`"),
        );
    } else if open.len() < 2 && !budget.lines.is_empty() {
        let why = match open.first() {
            None => "every channel is locked".to_owned(),
            Some(one) => format!("only `{}` is open", one.name),
        };
        sink.push(
            finding(format!("`{}` has nothing to decide", budget.title))
                .at(budget.total_place, why)
                .help("leave two channels or more without `lock`; what one gains another has to give"),
        );
    }
}

fn choices(cx: &CheckContext<'_>, step: &StepSketch, sink: &mut Vec<Diagnostic>) {
    let sources: Vec<&StepSketch> = step.wires.iter().filter_map(|wire| cx.sketch.steps.get(wire.from?)).collect();
    let known: Vec<&str> = sources
        .iter()
        .flat_map(|source| source.config.all("channel"))
        .filter_map(|node| node.arg().and_then(Scalar::text))
        .collect();
    let of = sources.iter().map(|source| source.title()).collect::<Vec<_>>().join(", ");
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for choice in step.config.all("choice") {
        let name = choice.arg().and_then(Scalar::text).unwrap_or("");
        if let Some(first) = seen.insert(name, place(choice)) {
            sink.push(
                Diagnostic::error("loop::repeated-name", format!("two choices of `{}` are named `{name}`", step.title()))
                    .at(place(choice), "named again here")
                    .at(first, "first named here")
                    .help("give one of them another name"),
            );
        }
        for set in choice.all("set") {
            let channel = set.arg().and_then(Scalar::text).unwrap_or("");
            if !known.is_empty() && !known.contains(&channel) {
                sink.push(unknown(&format!("the choice `{name}`"), &of, channel, place(set), &known));
            }
        }
    }
}
