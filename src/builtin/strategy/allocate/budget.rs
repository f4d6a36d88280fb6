//! What the file says about a budget: its total, what each channel may get, and which bounds are in force this cycle.

use crate::base::Money;
use crate::builtin::learning::series::Per;
use crate::model::goods::Held;
use crate::model::{Config, Scalar};
use crate::stats::response::fit::Form;
use crate::stats::response::split::{Bounds, Group};
use crate::step::{StepContext, StepError};

/// One channel as declared; amounts in units of the budget's currency per period of the budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub channel: String,
    /// The column, the events or the topic that say what was spent on it.
    pub spend: String,
    pub floor: Option<f64>,
    pub ceiling: Option<f64>,
    pub lock: Option<f64>,
}

/// Channels that have a bound together.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    pub name: String,
    pub members: Vec<usize>,
    pub floor: Option<f64>,
    pub ceiling: Option<f64>,
}

/// The whole declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    pub outcome: String,
    /// Only events of this name, or rows with this column, say what was spent; the channel then stands in the event.
    pub events: Option<String>,
    pub total: f64,
    pub currency: String,
    pub per: Per,
    pub lines: Vec<Line>,
    pub groups: Vec<Together>,
    /// How much of its present amount a channel may gain or lose in one cycle.
    pub change: Option<f64>,
    pub controls: Vec<String>,
    /// Period of the data.
    pub period: Per,
    pub form: Form,
}

impl Budget {
    pub fn read(cx: &StepContext<'_>) -> Result<Budget, StepError> {
        let config = cx.config();
        let total = config.child("total").ok_or_else(|| StepError::new("there is no total to divide"))?;
        let money = total.arg().and_then(Scalar::money).ok_or_else(|| StepError::new("the total is no amount of money"))?;
        let amount = |node: &Config, name: &str| node.prop(name).and_then(Scalar::money).map(Money::units);
        let lines: Vec<Line> = config
            .all("channel")
            .map(|node| {
                let channel = node.arg().and_then(Scalar::text).unwrap_or_default().to_owned();
                Line {
                    spend: node.prop("spend").and_then(Scalar::text).unwrap_or(&channel).to_owned(),
                    floor: amount(node, "floor"),
                    ceiling: amount(node, "ceiling"),
                    lock: amount(node, "lock"),
                    channel,
                }
            })
            .collect();
        let groups = config.all("group").map(|node| {
            let mut names = node.args.iter().filter_map(Scalar::text);
            let name = names.next().unwrap_or_default().to_owned();
            let members = names.filter_map(|name| lines.iter().position(|line| line.channel == name)).collect();
            Together { name, members, floor: amount(node, "floor"), ceiling: amount(node, "ceiling") }
        });
        let per = |word: Option<&str>| word.and_then(Per::of).unwrap_or(Per::Week);
        let declared = config.number("change");
        Ok(Budget {
            outcome: config.text("outcome").unwrap_or_default().to_owned(),
            events: config.text("spend").map(str::to_owned),
            total: money.units(),
            currency: money.currency.clone(),
            per: per(total.prop("per").and_then(Scalar::text)),
            groups: groups.collect(),
            change: declared.map(|declared| cx.parameter("change", declared).clamp(0.0, 1.0)),
            controls: config.texts("control").into_iter().map(str::to_owned).collect(),
            period: per(config.text("per")),
            form: if config.text("carry-over") == Some("weibull") { Form::Weibull } else { Form::Geometric },
            lines,
        })
    }

    pub fn money(&self, units: f64) -> Money {
        Money::new(&self.currency, units)
    }

    /// Periods of the data in one period of the budget.
    pub fn periods(&self) -> f64 {
        self.per.days() / self.period.days()
    }
}

/// The bounds in force, with what is to be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    pub parts: Vec<Bounds>,
    pub groups: Vec<Group>,
    /// What can be divided; below the declared total when one change is not enough to spend it.
    pub total: f64,
    pub notes: Vec<String>,
}

impl InForce {
    /// From what was declared, what is spent now, and which channels the past says nothing about.
    pub fn of(budget: &Budget, present: &[f64], unknown: &[bool]) -> InForce {
        let mut notes = Vec::new();
        let declared = |line: &Line| match line.lock {
            Some(lock) => Bounds { low: lock, high: lock },
            None => Bounds { low: line.floor.unwrap_or(0.0), high: line.ceiling.unwrap_or(budget.total) },
        };
        let mut parts: Vec<Bounds> = budget.lines.iter().map(declared).collect();
        let free: Vec<usize> = (0..parts.len()).filter(|at| budget.lines[*at].lock.is_none()).collect();
        for at in free.iter().copied().filter(|at| unknown[*at]) {
            let kept = present[at].clamp(parts[at].low, parts[at].high);
            parts[at] = Bounds { low: kept, high: kept };
        }
        if let Some(change) = budget.change {
            let before = parts.clone();
            for at in free.iter().copied().filter(|at| !unknown[*at]) {
                parts[at] = within(budget, at, parts[at], present[at], change, &mut notes);
            }
            // The total is money that is there or is not: when it moved further than channels may, the side in its way gives.
            if parts.iter().map(|b| b.low).sum::<f64>() > budget.total {
                notes.push(format!(
                    "The total is so much below what is spent today that channels have to lose more than {} %.",
                    told(change * 100.0)
                ));
                parts.iter_mut().zip(&before).for_each(|(part, before)| part.low = part.low.min(before.low));
            }
        }
        // What is kept because nothing is known of it gives way before the total does.
        if parts.iter().map(|b| b.low).sum::<f64>() > budget.total {
            for at in free.iter().copied().filter(|at| unknown[*at]) {
                parts[at].low = declared(&budget.lines[at]).low;
            }
        }
        let groups: Vec<Group> = budget
            .groups
            .iter()
            .map(|group| {
                let (least, most) = sums(&parts, &group.members);
                let (low, high) = (group.floor.unwrap_or(0.0), group.ceiling.unwrap_or(f64::INFINITY));
                for (far, bound, word) in [(low > most, low, "floor"), (high < least, high, "ceiling")] {
                    if far {
                        notes.push(format!(
                            "The {word} of {} for {} cannot be reached now: its channels may only get {} to {}.",
                            told(bound),
                            group.name,
                            told(least),
                            told(most)
                        ));
                    }
                }
                Group { members: group.members.clone(), bounds: Bounds { low: low.min(most), high: high.max(least) } }
            })
            .collect();
        let grouped = |at: &usize| groups.iter().any(|group| group.members.contains(at));
        let alone: Vec<usize> = (0..parts.len()).filter(|at| !grouped(at)).collect();
        let mut most = sums(&parts, &alone).1;
        most += groups.iter().map(|group| sums(&parts, &group.members).1.min(group.bounds.high)).sum::<f64>();
        let total = budget.total.min(most);
        if total < budget.total * (1.0 - 1e-9) {
            notes.push(format!(
                "{} {} of the total stays unspent: the bounds in force take no more than {}.",
                budget.currency,
                told(budget.total - total),
                told(total)
            ));
        }
        InForce { parts, groups, total, notes }
    }

    /// Which bound an amount stands at.
    pub fn held(&self, budget: &Budget, at: usize, amount: f64, unknown: bool) -> Option<Held> {
        let (line, part) = (&budget.lines[at], &self.parts[at]);
        let close = |bound: f64| (amount - bound).abs() <= 1e-6 * budget.total.max(1.0);
        match line.lock {
            Some(_) => Some(Held::Lock),
            None if unknown => Some(Held::Unknown),
            None if line.floor.is_some_and(close) => Some(Held::Floor),
            None if line.ceiling.is_some_and(close) => Some(Held::Ceiling),
            None if budget.change.is_some() && (close(part.low) || close(part.high)) => Some(Held::Change),
            None => None,
        }
    }
}

/// What one change allows of what is declared.
fn within(budget: &Budget, at: usize, declared: Bounds, present: f64, change: f64, notes: &mut Vec<String>) -> Bounds {
    // A channel that had nothing may begin with the same part of an even share.
    let begin = if present > 0.0 { present } else { budget.total / budget.lines.len() as f64 };
    let reach = Bounds { low: (present - change * begin).max(0.0), high: present + change * begin };
    let channel = &budget.lines[at].channel;
    let far = |word: &str, bound: f64, reached: f64| {
        format!(
            "{channel} cannot reach its {word} of {} in one cycle: {} is as far as it may move, from {}.",
            told(bound),
            told(reached),
            told(present)
        )
    };
    if declared.low > reach.high {
        notes.push(far("floor", declared.low, reach.high));
        return Bounds { low: reach.high, high: reach.high };
    }
    if declared.high < reach.low {
        notes.push(far("ceiling", declared.high, reach.low));
        return Bounds { low: reach.low, high: reach.low };
    }
    Bounds { low: declared.low.max(reach.low), high: declared.high.min(reach.high) }
}

fn sums(parts: &[Bounds], members: &[usize]) -> (f64, f64) {
    members.iter().fold((0.0, 0.0), |(low, high), at| (low + parts[*at].low, high + parts[*at].high))
}

/// A number for a sentence: thousands apart, and no more places than it needs.
pub fn told(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{size:.places$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0.0 && (grouped != "0" || !fraction.is_empty()) { "−" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(change: Option<f64>) -> Budget {
        let line =
            |channel: &str, floor, ceiling, lock| Line { channel: channel.into(), spend: channel.into(), floor, ceiling, lock };
        Budget {
            outcome: "revenue".into(),
            events: None,
            total: 1000.0,
            currency: "usd".into(),
            per: Per::Week,
            lines: vec![
                line("search", Some(200.0), Some(600.0), None),
                line("social", None, None, Some(100.0)),
                line("tv", None, None, None),
            ],
            groups: vec![Together { name: "reach".into(), members: vec![1, 2], floor: Some(300.0), ceiling: None }],
            change,
            controls: Vec::new(),
            period: Per::Week,
            form: Form::Geometric,
        }
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        let all = [1_234_567.4, 950.0, -20_000.0, 12.34, 0.5, 0.0, 0.0123, -0.000001].map(told);
        assert_eq!(all, ["1,234,567", "950", "−20,000", "12.3", "0.5", "0", "0.0123", "0"]);
    }

    #[test]
    fn declared_bounds_locks_and_groups_are_in_force() {
        let found = InForce::of(&budget(None), &[300.0, 100.0, 500.0], &[false; 3]);
        let b = |low, high| Bounds { low, high };
        assert_eq!(found.parts, [b(200.0, 600.0), b(100.0, 100.0), b(0.0, 1000.0)]);
        assert_eq!((found.total, found.groups[0].bounds.low, found.notes.len()), (1000.0, 300.0, 0));
        assert_eq!(found.held(&budget(None), 0, 200.0, false), Some(Held::Floor));
        assert_eq!(found.held(&budget(None), 2, 250.0, false), None);
    }

    #[test]
    fn one_cycle_moves_no_channel_further_than_its_change() {
        let found = InForce::of(&budget(Some(0.2)), &[300.0, 100.0, 500.0], &[false; 3]);
        assert_eq!(found.parts[0], Bounds { low: 240.0, high: 360.0 });
        assert_eq!(found.parts[2], Bounds { low: 400.0, high: 600.0 });
        // All of it together is 1,060.
        assert_eq!((found.total, found.notes.len()), (1000.0, 0));
        assert_eq!(found.held(&budget(Some(0.2)), 2, 600.0, false), Some(Held::Change));
    }

    #[test]
    fn what_one_change_cannot_reach_is_told() {
        let found = InForce::of(&budget(Some(0.1)), &[100.0, 100.0, 500.0], &[false; 3]);
        assert_eq!(found.parts[0], Bounds { low: 110.0, high: 110.0 });
        assert_eq!(found.total, 760.0);
        assert_eq!(
            found.notes,
            [
                "search cannot reach its floor of 200 in one cycle: 110 is as far as it may move, from 100.",
                "usd 240 of the total stays unspent: the bounds in force take no more than 760."
            ]
        );
        let less = InForce::of(&budget(Some(0.1)), &[500.0, 100.0, 900.0], &[false; 3]);
        assert_eq!(less.parts[0].low, 200.0);
        assert!(less.notes[0].starts_with("The total is so much below"), "{:?}", less.notes);
    }

    #[test]
    fn a_channel_whose_past_says_nothing_is_kept() {
        let found = InForce::of(&budget(None), &[300.0, 100.0, 500.0], &[false, false, true]);
        assert_eq!(found.parts[2], Bounds { low: 500.0, high: 500.0 });
        assert_eq!(found.held(&budget(None), 2, 500.0, true), Some(Held::Unknown));
        assert_eq!(found.held(&budget(None), 1, 100.0, true), Some(Held::Lock));
    }
}
