//! Budgets in words: what each channel gets, and what the alternatives would do.

use super::style::count;
use super::view::CycleView;
use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Allocation, Estimate, Scenario};

/// A number with thousands apart.
fn told(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').replace('-', "−");
    }
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", super::style::grouped(value.abs().round() as usize))
}

fn range(estimate: &Estimate) -> String {
    format!("{} ({} to {})", told(estimate.expected), told(estimate.low), told(estimate.high))
}

/// A line a channel, and what all of it stands beside.
pub fn lines(allocation: &Allocation) -> Vec<String> {
    let wide = allocation.shares.iter().map(|share| share.channel.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<String> = allocation
        .shares
        .iter()
        .map(|share| {
            let held = share.held.map_or_else(String::new, |held| format!(", {}", held.words()));
            let pad = " ".repeat(wide - share.channel.chars().count());
            format!(
                "{}{pad}  {} → {}, brings {}, next {} 1 {}{held}",
                share.channel,
                told(share.present.units()),
                told(share.amount.units()),
                range(&share.brings),
                allocation.total.currency,
                told(share.next)
            )
        })
        .collect();
    if !allocation.is_learned() {
        return lines;
    }
    let of = &allocation.outcome;
    lines.push(format!("{of} a {} with this division {}", allocation.per, range(&allocation.expected)));
    lines.push(format!("{of} a {} with today's division {}", allocation.per, range(&allocation.present)));
    lines.push(format!("{of} a {} without any spend {}", allocation.per, range(&allocation.nothing)));
    if let Some(tried) = allocation.tried {
        lines.push(format!(
            "the last {} were told with {:.1} % error, {:.1} % without knowing the spend; {:.0} % inside their 90 % interval",
            count(tried.periods as usize, "held-out period"),
            tried.error * 100.0,
            tried.without * 100.0,
            tried.covered * 100.0
        ));
    }
    lines
}

/// A line a division that was played.
pub fn courses(scenario: &Scenario) -> Vec<String> {
    let wide = scenario.courses.iter().map(|course| course.name.chars().count()).max().unwrap_or(0);
    let line = |at: usize| {
        let course = &scenario.courses[at];
        let pad = " ".repeat(wide - course.name.chars().count());
        let spent = format!("{} {} spent", course.spend.currency, told(course.spend.units()));
        let sign = if course.gain.expected >= 0.0 { "+" } else { "" };
        let mut line = match at {
            0 => format!("{}{pad}  {} {}, {spent}", course.name, scenario.outcome, range(&course.outcome)),
            _ => format!(
                "{}{pad}  {sign}{} against today, better in {:.0} of 100, {spent}",
                course.name,
                range(&course.gain),
                course.better * 100.0
            ),
        };
        if let Some(value) = course.break_even {
            line.push_str(&format!(", pays from {} {} a unit on", course.spend.currency, told(value)));
        }
        line
    };
    (0..scenario.courses.len()).map(line).collect()
}

/// For the report pages.
pub fn sections(view: &CycleView) -> Vec<Section> {
    let interval = |estimate: &Estimate| Some((estimate.low, estimate.high));
    let allocations = view.allocations.iter().map(|shown| {
        let allocation = &shown.good;
        let bar = |(label, estimate): (String, &Estimate)| Bar { label, value: estimate.expected, interval: interval(estimate) };
        let bars = allocation.shares.iter().map(|share| {
            (format!("{} {} → {}", share.channel, told(share.present.units()), told(share.amount.units())), &share.brings)
        });
        let known = allocation.is_learned();
        Section {
            title: format!("Where the budget “{}” goes", allocation.name),
            says: std::iter::once(allocation.says.clone())
                .chain(known.then(|| lines(allocation)).into_iter().flatten())
                .collect(),
            bars: if known { bars.map(bar).collect() } else { Vec::new() },
            unit: format!("{} a {} that it brings", allocation.outcome, allocation.per),
        }
    });
    let scenarios = view.scenarios.iter().map(|shown| &shown.good).map(|scenario| Section {
        title: format!("What “{}” plays", scenario.name),
        says: std::iter::once(scenario.says.clone()).chain(courses(scenario)).collect(),
        bars: scenario
            .courses
            .iter()
            .map(|course| Bar { label: course.name.clone(), value: course.outcome.expected, interval: interval(&course.outcome) })
            .collect(),
        unit: format!("{} over {} {}s", scenario.outcome, scenario.horizon, scenario.per),
    });
    allocations.chain(scenarios).collect()
}
