//! Cycles: the loop as a circle with its live state, caps and spend, what went out, and the reports with their plots.

use super::circle;
use super::frame::{Place, encoded, failed, of_piece, page, until};
use super::piece::{when, zone};
use super::prose::{shown, web_address};
use super::queue::troubles;
use super::session::Visitor;
use crate::base::{CycleNo, Money};
use crate::model::goods::Receipt;
use crate::model::goods::report::Section;
use crate::report::plot::bars;
use crate::report::style::{count, grouped};
use crate::report::view::{CapView, PeopleCapView, sections};
use crate::report::{CycleState, CycleView};
use crate::runtime::Clock as _;
use crate::serve::desk::CycleFacts;
use crate::serve::http::Front;
use crate::world::SystemClock;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// So many cycles of a workflow, or lines of one list, are shown at once.
const LISTED: usize = 30;

/// `GET /cycles`
pub async fn all(State(front): State<Front>, visitor: Visitor) -> Response {
    let mut loops = Vec::new();
    for served in front.desk.served() {
        let name = served.id.as_str().to_owned();
        let cycles = match front.desk.cycles(Some(&name)).await {
            Ok(cycles) => cycles,
            Err(failure) => return failed(&failure),
        };
        let latest = match cycles.first() {
            Some(first) => match front.desk.cycle(Some(&name), Some(first.cycle)).await {
                Ok(seen) => Some(seen),
                Err(failure) => return failed(&failure),
            },
            None => None,
        };
        loops.push((served.clone(), cycles, latest));
    }
    let body = html! {
        h1.sr { "Cycles" }
        (troubles(&front))
        @for (served, cycles, latest) in &loops {
            @let project = served.project();
            section.loop aria-labelledby={ "loop-" (served.id.as_str()) } {
                div.heading {
                    h2 #{ "loop-" (served.id.as_str()) } { (served.id.as_str()) }
                    p.dim {
                        @match served.next_opening() {
                            Some(at) => { "The next cycle opens " (at.friendly(&project.workflow.zone)) " (" (until(at, SystemClock.now())) ")." },
                            None => "No cycle is planned.",
                        }
                    }
                }
                @match latest {
                    Some(seen) => {
                        div.round {
                            div data-live={ "circle-" (served.id.as_str()) } { (circle::draw(&seen.view)) }
                            div data-live={ "standing-" (served.id.as_str()) } { (standing(&seen.view)) }
                        }
                        (list(&front, cycles))
                    },
                    None => p.card.calm { "No cycle has run yet. " code { "loopctl run " (project.file) } " opens one." },
                }
            }
        }
    };
    page(&visitor, Place::Cycles, "Cycles", &body)
}

/// What stands beside the circle: caps, spend, and what is to be done.
fn standing(view: &CycleView) -> Markup {
    html! {
        @if !view.waiting.is_empty() {
            p { a.button.primary href={ "/queue?workflow=" (encoded(&view.workflow)) } { (count(view.waiting.len(), "piece")) " to decide" } }
        }
        (circle::table(view))
        (caps(&view.caps, &view.people_caps))
        @if !view.deferred.is_empty() {
            p.dim { (count(view.deferred.len(), "piece")) " over a cap: first in line when there is room again." }
        }
        (spend(view))
    }
}

fn caps(caps: &[CapView], people: &[PeopleCapView]) -> Markup {
    if caps.is_empty() && people.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Caps" }
        ul.caps {
            @for cap in caps {
                li {
                    label { (shown(&cap.cap)) " "
                        span.dim { (cap.amount(cap.used)) " of " (cap.amount(cap.most)) (cap.unit_word()) " " (cap.every()) @if cap.is_reached() { ", reached" } }
                        meter min="0" max=(cap.most.max(1)) value=(cap.used.clamp(0, cap.most.max(1))) {}
                    }
                }
            }
            @for cap in people {
                li { (shown(&format!("{}: {}.", cap.cap, cap.says()))) }
            }
        }
    }
}

fn spend(view: &CycleView) -> Markup {
    let mut money: BTreeMap<&str, i64> = BTreeMap::new();
    for cost in view.written.iter().filter_map(|piece| piece.cost.as_ref()) {
        *money.entry(&cost.currency).or_default() += cost.micros;
    }
    let tokens: u64 = view.written.iter().map(|piece| piece.tokens).sum();
    html! {
        h3 { "Spent in this cycle" }
        p {
            @if tokens == 0 && money.is_empty() {
                "Nothing: no model was asked" @if !view.written.is_empty() { " for " (count(view.written.len(), "text")) } "."
            } @else {
                (grouped(usize::try_from(tokens).unwrap_or(usize::MAX))) " tokens"
                @for (currency, micros) in money { ", " (Money { currency: currency.to_owned(), micros }) }
                " for " (count(view.written.len(), "text")) "."
            }
        }
    }
}

fn list(front: &Front, cycles: &[CycleFacts]) -> Markup {
    let now = SystemClock.now();
    html! {
        h3 { "All cycles" }
        div.scroll tabindex="0" role="region" aria-label="All cycles" {
            table {
                thead { tr { th scope="col" { "Cycle" } th scope="col" { "State" } th scope="col" { "When" } th.n scope="col" { "Written" } th.n scope="col" { "Out" } th.n scope="col" { "Waiting" } th.n scope="col" { "Failed" } } }
                tbody {
                    @for cycle in cycles.iter().take(LISTED) {
                        tr {
                            th scope="row" { a href={ "/cycles/" (encoded(&cycle.workflow)) "/" (cycle.cycle) } { "Cycle " (cycle.cycle) } }
                            td { (circle::state(cycle.state)) }
                            td { (when(cycle.at, now, &zone(front, &cycle.workflow))) }
                            td.n { (cycle.written) } td.n { (cycle.published) } td.n { (cycle.waiting) } td.n { (cycle.failures) }
                        }
                    }
                }
            }
        }
        @if cycles.len() > LISTED { p.dim { "The latest " (LISTED) " of " (cycles.len()) "." } }
    }
}

/// `GET /cycles/WORKFLOW/N`
pub async fn one(State(front): State<Front>, visitor: Visitor, Path((workflow, cycle)): Path<(String, String)>) -> Response {
    // A number that is none names no cycle, as one that is too high does.
    let cycle = CycleNo(cycle.parse().unwrap_or(0));
    let seen = match front.desk.cycle(Some(&workflow), Some(cycle)).await {
        Ok(seen) => seen,
        Err(failure) => return failed(&failure),
    };
    let view = &seen.view;
    let zone = zone(&front, &workflow);
    let title = format!("{workflow} · cycle {cycle}");
    let body = html! {
        p.facts { a href="/cycles" data-key="q" { "← Cycles" } }
        h1 { (title) }
        p.dim { (view.now.friendly(&zone)) " " (view.zone) ", " (circle::state(view.state)) }
        div.round {
            div data-live="circle" { (circle::draw(view)) }
            div data-live="standing" { h2.sr { "How it stands" } (standing(view)) }
        }
        (out(view))
        div.reports {
            @for report in &view.reports {
                section { h2 { (shown(&report.title)) } @for section in &report.sections { (part(section)) } }
            }
            section { h2 { "This cycle" } @for section in sections(view) { (part(&section)) } }
        }
        @if view.state != CycleState::Closed { p.dim data-keys { "This page keeps itself fresh." } }
    };
    page(&visitor, Place::Cycles, &title, &body)
}

/// What went out, with links to it.
fn out(view: &CycleView) -> Markup {
    html! {
        @if !view.waiting.is_empty() {
            h2 { "Waits for people" }
            (folded(&view.waiting, |gate| html! { a href=(of_piece(&view.workflow, &gate.id)) dir="auto" { (shown(&gate.approve.title)) } }))
        }
        @if !view.published.is_empty() {
            h2 { "Went out" }
            (folded(&view.published, went))
        }
    }
}

/// One piece that went out, and where.
fn went(receipt: &Receipt) -> Markup {
    html! {
        (shown(&receipt.title)) " " span.dim { "on " (shown(&receipt.channel)) ": " }
        @match web_address(&receipt.location) {
            Some(url) => a href=(url) rel="noopener noreferrer nofollow" target="_blank" { (shown(url)) span.sr { " (opens in a new tab)" } },
            None => code { (shown(&receipt.location)) },
        }
    }
}

/// A list whose beginning is read at once, and whose rest opens; a thousand lines are no page.
fn folded<T>(items: &[T], one: impl Fn(&T) -> Markup) -> Markup {
    let (first, rest) = items.split_at(items.len().min(LISTED));
    html! {
        ul { @for item in first { li { (one(item)) } } }
        @if !rest.is_empty() {
            details { summary { (grouped(rest.len())) " more" } ul { @for item in rest { li { (one(item)) } } } }
        }
    }
}

fn part(section: &Section) -> Markup {
    html! {
        h3 { (shown(&section.title)) }
        @if !section.says.is_empty() { (folded(&section.says, |sentence| html! { (shown(sentence)) })) }
        @if !section.bars.is_empty() {
            // The plot escapes what it is given.
            figure {
                (PreEscaped(bars(&section.bars[..section.bars.len().min(LISTED)], &section.unit)))
                figcaption { (shown(&section.unit)) @if section.bars.len() > LISTED { ", the first " (LISTED) " of " (grouped(section.bars.len())) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_its_beginning_and_folds_the_rest_away() {
        let lines = |n: usize| folded(&(0..n).collect::<Vec<_>>(), |n| html! { (n) }).into_string();
        assert!(!lines(LISTED).contains("<details>"));
        let long = lines(1_500);
        assert!(long.contains("<details><summary>1,470 more</summary><ul><li>30</li>"), "{long}");
        assert_eq!(long.matches("<li>").count(), 1_500);
    }
}
