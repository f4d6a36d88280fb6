//! A cap above what can ever arrive caps nothing, and hides that another one is the limit: pieces in front of a step, money and tokens of
//! the whole workflow.

use super::CheckContext;
use crate::compile::sketch::StepSketch;
use crate::diag::{Diagnostic, Span};
use crate::model::{Cap, CapUnit, Window};
use crate::step::Mode;
use std::time::Duration;

const DAY: u64 = 86_400_000;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let every = cx.sketch.settings.duration("every");
    for step in cx.sketch.steps.iter().filter(|step| !step.broken) {
        for (cap, span) in step.caps.iter().filter(|(cap, _)| cap.unit != CapUnit::Pieces) {
            let is_above = |(other, _): &&(Cap, Span)| other.unit == cap.unit && other.per == cap.per && other.most < cap.most;
            if let Some((other, place)) = cx.sketch.caps.iter().find(is_above) {
                let (own, whole) = (amount(&cap.unit, cap.most), amount(&other.unit, other.most));
                let message = format!("a cap of {own} a {} can never be reached", cap.per);
                sink.push(
                    Diagnostic::warning("loop::unreachable-cap", message)
                        .at(*span, format!("more than the {whole} that everything together may use"))
                        .at(*place, "because of this limit")
                        .help(format!("write less than {whole}, so that `{}` leaves something to other steps", step.id)),
                );
            }
        }
        for (most, per, span) in pieces(step) {
            if let Some((reach, why, place)) = reach(cx, step, per, every)
                && most > reach
            {
                let finding =
                    Diagnostic::warning("loop::unreachable-cap", format!("a cap of {most} a {per} can never be reached"))
                        .at(span, format!("at most {reach} a {per} can leave `{}`", step.id));
                let finding = if place == span { finding } else { finding.at(place, why) };
                sink.push(finding.help(format!("write `cap {reach} per=\"{per}\"` or remove it")));
            }
        }
    }
}

/// An amount as people write it.
pub(super) fn amount(unit: &CapUnit, most: i64) -> String {
    match unit {
        CapUnit::Money(currency) => format!("{} {currency}", most as f64 / 1e6),
        CapUnit::Tokens => format!("{most} tokens"),
        CapUnit::Pieces | CapUnit::Sends => most.to_string(),
    }
}

/// The caps of a step on pieces.
pub(super) fn pieces(step: &StepSketch) -> impl Iterator<Item = (i64, Window, Span)> {
    step.caps.iter().filter(|(cap, _)| cap.unit == CapUnit::Pieces).map(|(cap, span)| (cap.most, cap.per, *span))
}

/// The most pieces that can arrive in a window, and what says so.
fn reach(cx: &CheckContext<'_>, step: &StepSketch, per: Window, every: Option<Duration>) -> Option<(i64, &'static str, Span)> {
    let own = pieces(step).filter_map(|(most, window, span)| Some((most.checked_mul(fits(window, per, every)?)?, span))).min();
    // One in, one out: only then the caps in front add up to what arrives.
    let one_by_one = step.is(|spec| spec.mode == Mode::Each) && !step.wires.is_empty();
    let before: Option<Vec<(i64, Span)>> = match one_by_one {
        true => step
            .wires
            .iter()
            .map(|wire| {
                pieces(&cx.sketch.steps[wire.from?]).find(|(_, window, _)| *window == per).map(|(most, _, span)| (most, span))
            })
            .collect(),
        false => None,
    };
    let before = before.and_then(|caps| Some((caps.iter().map(|(most, _)| most).sum::<i64>(), caps.first()?.1)));
    match (own, before) {
        (Some((own, span)), Some((before, _))) if own <= before => Some((own, "because of this cap", span)),
        (_, Some((before, span))) => Some((before, "because no more arrives", span)),
        (Some((own, span)), None) => Some((own, "because of this cap", span)),
        (None, None) => None,
    }
}

/// How often a smaller window opens inside a larger one at most, by the calendar and by the schedule.
pub(super) fn fits(small: Window, large: Window, every: Option<Duration>) -> Option<i64> {
    let days = |window: Window| match window {
        Window::Cycle => None,
        Window::Day => Some(1),
        Window::Week => Some(7),
        Window::Month => Some(31),
    };
    let cycles = every.filter(|every| every.as_millis() > 0).and_then(|every| {
        let whole = days(large)? * DAY;
        Some(whole.div_ceil(every.as_millis() as u64))
    });
    let windows = match (small, days(small), days(large)) {
        (Window::Cycle, _, Some(_)) => cycles?,
        // A day in which no cycle opens lets nothing through.
        (Window::Day, Some(_), Some(large)) if large > 1 => cycles.map_or(large, |cycles| cycles.min(large)),
        _ => return None,
    };
    i64::try_from(windows).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fit_by_calendar_and_schedule() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        assert_eq!(fits(Window::Day, Window::Week, None), Some(7));
        assert_eq!(fits(Window::Day, Window::Week, hours(24)), Some(7));
        assert_eq!(fits(Window::Day, Window::Week, hours(72)), Some(3));
        assert_eq!(fits(Window::Cycle, Window::Day, hours(6)), Some(4));
        assert_eq!(fits(Window::Cycle, Window::Day, None), None);
        assert_eq!(fits(Window::Week, Window::Day, None), None);
        assert_eq!(fits(Window::Day, Window::Day, None), None);
    }
}
