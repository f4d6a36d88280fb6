//! The queue: what waits for a person, what expires first standing first.

use super::frame::{self, Place, encoded, failed, of_piece, page, until};
use super::prose::shown;
use super::session::Visitor;
use crate::base::Timestamp;
use crate::report::style::{count, grouped};
use crate::runtime::Clock as _;
use crate::serve::desk::Waiting;
use crate::serve::http::Front;
use crate::world::SystemClock;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;

/// So many on one page.
const PAGE: usize = 100;
/// What expires sooner is marked.
const SOON: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
pub struct Asked {
    workflow: Option<String>,
    page: Option<usize>,
}

/// `GET /queue`
pub async fn show(State(front): State<Front>, visitor: Visitor, Query(asked): Query<Asked>) -> Response {
    let queue = match front.desk.queue().await {
        Ok(queue) => queue,
        Err(failure) => return failed(&failure),
    };
    let mut of: BTreeMap<&str, usize> = front.desk.served().iter().map(|served| (served.id.as_str(), 0)).collect();
    for waiting in &queue {
        *of.entry(&waiting.workflow).or_default() += 1;
    }
    let wanted = asked.workflow.as_deref().filter(|name| of.contains_key(name));
    let shown: Vec<&Waiting> = queue.iter().filter(|waiting| wanted.is_none_or(|name| name == waiting.workflow)).collect();
    let pages = shown.len().div_ceil(PAGE).max(1);
    let at = asked.page.unwrap_or(1).clamp(1, pages);
    let body = html! {
        div.heading {
            h1 { @if shown.is_empty() { "Nothing waits for you" } @else { (count(shown.len(), "piece")) " to decide" } }
            @if of.len() > 1 { (filter(&of, queue.len(), wanted)) }
        }
        (troubles(&front))
        @if shown.is_empty() {
            (rest(&front))
        } @else {
            ol.queue start=((at - 1) * PAGE + 1) {
                @for waiting in shown.iter().skip((at - 1) * PAGE).take(PAGE) {
                    li { (row(waiting, now(&front, waiting), of.len() > 1)) }
                }
            }
            @if pages > 1 { (pager(at, pages, wanted)) }
            p.keys.dim data-keys { kbd { "j" } " " kbd { "k" } " move, " kbd { "Enter" } " open" }
        }
    };
    page(&visitor, Place::Queue, "Queue", &body)
}

/// A recording has a clock of its own, and its gates expire by that one.
pub fn now(front: &Front, waiting: &Waiting) -> Timestamp {
    let served = front.desk.find(Some(&waiting.workflow)).ok();
    let recorded = served.and_then(|served| served.project().workflow.recorded_from.map(|_| served));
    let seen = recorded.and_then(|served| served.seen(waiting.cycle).ok());
    seen.map_or_else(|| SystemClock.now(), |seen| seen.view.now)
}

fn row(waiting: &Waiting, now: Timestamp, several: bool) -> Markup {
    let soon = waiting.expires.is_some_and(|at| at <= now + SOON);
    html! {
        a.piece href=(of_piece(&waiting.workflow, &waiting.id)) {
            span.title dir="auto" { (shown(&waiting.title)) }
            span.facts {
                span.kind { (waiting.kind) }
                span { (grouped(waiting.words)) " words" }
                @if several { span { (waiting.workflow) } }
                @if !waiting.by.is_empty() { span { "for " (shown(&waiting.by.join(", "))) } }
                @if !waiting.approved_by.is_empty() { span { "approved by " (shown(&waiting.approved_by.join(", "))) ", " (waiting.missing) " more needed" } }
                @if !waiting.nudges.is_empty() { span.soon { (shown(&waiting.nudges)) } }
                @if waiting.again.is_some() { span.soon { "was approved before" } }
                @if let Some(expires) = waiting.expires {
                    span.soon[soon] { "expires " (until(expires, now)) }
                }
            }
        }
    }
}

fn filter(of: &BTreeMap<&str, usize>, all: usize, wanted: Option<&str>) -> Markup {
    html! {
        nav.filter aria-label="Workflows" {
            a href="/queue" aria-current=[wanted.is_none().then_some("true")] { "All " span.n { (all) } }
            @for (name, n) in of {
                a href={ "/queue?workflow=" (encoded(name)) } aria-current=[(wanted == Some(*name)).then_some("true")] {
                    (name) " " span.n { (n) }
                }
            }
        }
    }
}

fn pager(at: usize, pages: usize, wanted: Option<&str>) -> Markup {
    let to = |page: usize| {
        let workflow = wanted.map_or_else(String::new, |name| format!("&workflow={}", encoded(name)));
        format!("/queue?page={page}{workflow}")
    };
    html! {
        nav.pager aria-label="More pieces" {
            @if at > 1 { a rel="prev" href=(to(at - 1)) { "← Earlier" } } @else { span {} }
            span { "Page " (at) " of " (pages) }
            @if at < pages { a rel="next" href=(to(at + 1)) { "Later →" } } @else { span {} }
        }
    }
}

/// What keeps a workflow from going on.
pub fn troubles(front: &Front) -> Markup {
    html! {
        @for served in front.desk.served() {
            @if let Some(trouble) = served.trouble() {
                section.wrong role="alert" {
                    p { strong { (served.id.as_str()) } " cannot go on: " (shown(&trouble.message)) "." }
                    @if let Some(help) = &trouble.help { p { (shown(help)) } }
                }
            }
        }
    }
}

/// What comes next when nothing waits.
fn rest(front: &Front) -> Markup {
    html! {
        div.card.calm {
            @for served in front.desk.served() {
                @let zone = &served.project().workflow.zone;
                p {
                    strong { (served.id.as_str()) } ": "
                    @match served.next_opening() {
                        Some(at) => { "the next cycle opens " (at.friendly(zone)) " (" (frame::until(at, SystemClock.now())) ")." },
                        None => "no cycle is planned.",
                    }
                }
            }
            p { a href="/cycles" { "See how the loop is doing" } }
        }
    }
}
