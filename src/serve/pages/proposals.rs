//! What Learning proposes to change in the Client OS: each with its reason, what it should bring, and the change of the file as
//! a diff. Accepting changes the file; the next cycle reads it.

use super::frame::{self, Place, encoded, failed, page, secret};
use super::prose::{cleaned, file_changes, in_words, shown};
use super::session::{Sent, Visitor};
use crate::base::Timestamp;
use crate::client_os::Patched;
use crate::model::goods::Change;
use crate::model::{Act, Operation, ReviewVerdict};
use crate::report::plot::number;
use crate::report::style::count;
use crate::report::view::handle;
use crate::runtime::review::{Proposed, proposals, record_review};
use crate::runtime::{Clock as _, Journal as _};
use crate::serve::Served;
use crate::serve::desk::blocking;
use crate::serve::http::Front;
use crate::workspace::{Failure, long_handle, pick};
use crate::world::SystemClock;
use crate::world::amending::{AmendError, Decider, accept, preview};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;

/// All proposals of the last report of a workflow.
fn of(served: &Served) -> Result<Vec<Proposed>, Failure> {
    served.journal.with(|journal| proposals(journal, &served.id)).map_err(Failure::from)
}

fn find(served: &Served, id: &str) -> Result<Proposed, Failure> {
    let named = of(served)?.into_iter().map(|proposed| (long_handle(&proposed.item), proposed));
    pick(id, named, "the list of proposals")
}

fn folder(served: &Served) -> Result<String, Failure> {
    let project = served.project();
    let none = || Failure::new("cli::no-client-os", format!("`{}` names no Client OS", project.file));
    project.workflow.client_os.as_deref().map(str::to_owned).ok_or_else(none)
}

/// `GET /proposals`
pub async fn all(State(front): State<Front>, visitor: Visitor) -> Response {
    let mut found = Vec::new();
    for served in front.desk.served() {
        let of_reading = served.clone();
        match blocking(move || of(&of_reading)).await {
            Ok(proposed) => found.extend(proposed.into_iter().map(|proposed| (served.id.to_string(), proposed))),
            Err(failure) => return failed(&failure),
        }
    }
    let open = found.iter().filter(|(_, proposed)| proposed.is_open()).count();
    let body = html! {
        h1 { @if open == 0 { "Nothing is proposed" } @else { (count(open, "proposal")) " to the Client OS" } }
        p.dim { "What the loop learned, as changes to the files that every step reads. Nothing is changed before you accept it." }
        @if found.is_empty() {
            div.card.calm {
                p { "The next report compares what was published with what came of it. What it would change stands here, with its reasons." }
                p { a href="/cycles" { "See how the loop is doing" } }
            }
        } @else {
            ol.queue {
                @for (workflow, proposed) in &found {
                    li {
                        a.piece href={ "/proposals/" (encoded(workflow)) "/" (handle(&proposed.item)) } {
                            span.title { (in_words(&proposed.amendment.title)) }
                            span.facts {
                                span.kind { (proposed.decided.as_ref().map_or_else(|| "open".to_owned(), decided)) }
                                span { (target(&proposed.amendment.change)) }
                                span { (workflow) ", report of cycle " (proposed.cycle) }
                            }
                        }
                    }
                }
            }
        }
    };
    page(&visitor, Place::Proposals, "Proposals", &body)
}

fn target(change: &Change) -> String {
    match change {
        Change::Edit(edit) => edit.target.to_string(),
        Change::Question { about, .. } => format!("{} · a question about {about}", about.file()),
    }
}

fn decided(operation: &Operation) -> String {
    match &operation.act {
        Act::Reviewed(review) => match &review.verdict {
            ReviewVerdict::Accepted { .. } => format!("accepted by {}", operation.by),
            ReviewVerdict::Rejected { .. } => format!("rejected by {}", operation.by),
        },
        Act::Set { .. } | Act::TakenBack { .. } | Act::Again { .. } | Act::Reloaded { .. } | Act::Found(_) => {
            "decided".to_owned()
        }
    }
}

/// A proposal with the change of its file, or why it does not go in.
type Drawn = (Proposed, Result<Option<Patched>, AmendError>, String);

fn read(served: &Served, id: &str) -> Result<Drawn, Failure> {
    let proposed = find(served, id)?;
    let folder = folder(served)?;
    let patch = preview(&served.project().root, &folder, &proposed, None);
    Ok((proposed, patch, folder))
}

/// `GET /proposals/WORKFLOW/ID`
pub async fn one(State(front): State<Front>, visitor: Visitor, Path((workflow, id)): Path<(String, String)>) -> Response {
    draw(StatusCode::OK, &front, &visitor, &workflow, &id, None).await
}

async fn draw(
    status: StatusCode,
    front: &Front,
    visitor: &Visitor,
    workflow: &str,
    id: &str,
    wrong: Option<(&str, &str)>,
) -> Response {
    let read = async {
        let served = front.desk.find(Some(workflow))?;
        let id = id.to_owned();
        blocking(move || self::read(&served, &id)).await
    };
    let (proposed, patch, folder) = match read.await {
        Ok(drawn) => drawn,
        Err(failure) => return failed(&failure),
    };
    let amendment = &proposed.amendment;
    let effect = &amendment.expects;
    let body = html! {
        p.facts { a href="/proposals" data-key="q" { "← Proposals" } }
        article.card.proposal {
            @if let Some((wrong, typed)) = wrong {
                section.conflict role="alert" {
                    h2 { "That was not taken" }
                    p { (shown(wrong)) }
                    @if !typed.is_empty() { label for="kept" { "What you typed, to copy" } textarea #kept readonly rows="3" { "\n" (cleaned(typed).0) } }
                }
            }
            h1 { (in_words(&amendment.title)) }
            p.facts {
                span.kind { (proposed.decided.as_ref().map_or_else(|| "open".to_owned(), decided)) }
                span { (target(&amendment.change)) } span { (workflow) ", report of cycle " (proposed.cycle) }
            }
            h2 { "Why" }
            p { (in_words(&amendment.reason)) }
            @if let Change::Question { asks, .. } = &amendment.change { h2 { "The question" } p { (in_words(asks)) } }
            h2 { "What it should bring" }
            p {
                (in_words(&effect.says))
                @if let Some(value) = effect.value {
                    " Expected change: " (number(value))
                    @if let Some((low, high)) = effect.interval { " (between " (number(low)) " and " (number(high)) ")" }
                    "."
                }
                " Judged by: " (in_words(&effect.measure.name())) "."
            }
            @match &patch {
                Ok(Some(patched)) => {
                    h2 { "The change" }
                    p.dim { (folder.trim_end_matches('/')) "/" (patched.file) }
                    (file_changes(patched.old.as_deref().unwrap_or_default(), &patched.new))
                },
                Ok(None) => {},
                Err(error) => @if proposed.is_open() { p.wrong role="alert" { (shown(&error.to_string())) } },
            }
            @if proposed.is_open() { (actions(visitor, workflow, &proposed)) }
        }
    };
    frame::answer(status, visitor, Place::Proposals, &amendment.title, &body)
}

fn actions(visitor: &Visitor, workflow: &str, proposed: &Proposed) -> Markup {
    let to = format!("/proposals/{}/{}", encoded(workflow), handle(&proposed.item));
    let hidden = |verdict: &str| {
        html! {
            (secret(visitor))
            // The whole name of the item: two proposals never share it.
            input type="hidden" name="item" value=(proposed.item.id);
            input type="hidden" name="verdict" value=(verdict);
        }
    };
    html! {
        section aria-label="Decide" {
            div.bar {
                form method="post" action=(to) { (hidden("accept")) button.primary type="submit" data-key="a" { "Accept" } }
                @if matches!(proposed.amendment.change, Change::Edit(_)) { a.button href="#edit" data-key="e" { "In other words" } }
                a.button href="#reject" data-key="r" { "Reject" }
            }
            @if let Change::Edit(edit) = &proposed.amendment.change {
                form #edit .panel method="post" action=(to) {
                    (hidden("accept"))
                    label for="text" { "What shall stand there" }
                    textarea #text name="text" rows="3" required { "\n" (cleaned(&edit.after).0) }
                    p.row { button.primary type="submit" { "Accept this" } a.button href="#main" { "Leave it" } }
                }
            }
            form #reject .panel method="post" action=(to) {
                (hidden("reject"))
                label for="reason" { "Why? It is not proposed again for 90 days" }
                textarea #reason name="reason" rows="3" { "" }
                p.row { button.danger type="submit" { "Reject" } a.button href="#main" { "Leave it" } }
            }
        }
    }
}

/// `POST /proposals/WORKFLOW/ID`
pub async fn decide(State(front): State<Front>, Path((workflow, id)): Path<(String, String)>, sent: Sent) -> Response {
    let served = match front.desk.find(Some(&workflow)) {
        Ok(served) => served,
        Err(failure) => return failed(&failure),
    };
    let (verdict, text, reason) = (sent.field("verdict"), sent.field("text"), sent.field("reason"));
    let typed = if text.is_empty() { reason.clone() } else { text.clone() };
    let (name, by) = (sent.field("item"), sent.visitor.name.clone());
    let done = blocking(move || settle(&served, &name, &verdict, &text, &reason, &by)).await;
    match done {
        Ok(said) => {
            sent.visitor.tell(said);
            Redirect::to("/proposals").into_response()
        }
        Err(failure) => {
            let why =
                failure.help.as_ref().map_or_else(|| failure.message.clone(), |help| format!("{}; {help}", failure.message));
            draw(StatusCode::CONFLICT, &front, &sent.visitor, &workflow, &id, Some((&why, &typed))).await
        }
    }
}

/// Decides, with nobody in between, and says what was done.
fn settle(served: &Arc<Served>, item: &str, verdict: &str, text: &str, reason: &str, by: &str) -> Result<String, Failure> {
    let project = served.project();
    let folder = folder(served)?;
    let now = now(served)?;
    served.journal.with(|journal| {
        let found = proposals(journal, &served.id)?.into_iter().find(|proposed| proposed.item.id.to_string() == item);
        let gone = || Failure::new("cli::no-such-item", "it is not proposed any more").help("a later report took its place");
        let proposed = found.ok_or_else(gone)?;
        if let Some(operation) = &proposed.decided {
            let message = format!("it was {} meanwhile", decided(operation));
            return Err(Failure::new("gate::void", message));
        }
        let title = &proposed.amendment.title;
        match verdict {
            "accept" => {
                let own = match &proposed.amendment.change {
                    Change::Edit(edit) => Some(text).filter(|text| !text.is_empty() && *text != edit.after),
                    Change::Question { .. } => None,
                };
                let accepted = accept(journal, &served.id, (&project.root, &folder), &proposed, own, Decider { by, at: now })?;
                Ok(match accepted.patched {
                    Some(patched) => format!("Accepted: “{title}”. {} is changed; the next cycle reads it.", patched.file),
                    None => format!("Accepted: “{title}”. No file had to be changed."),
                })
            }
            "reject" => {
                let reason = Some(reason).filter(|reason| !reason.is_empty()).map(str::to_owned);
                record_review(journal, &served.id, &proposed, ReviewVerdict::Rejected { reason }, by, now)?;
                Ok(format!("Rejected: “{title}”. It is not proposed again for 90 days."))
            }
            _ => Err(Failure::new("serve::bad-request", "a proposal is accepted or rejected")),
        }
    })
}

/// A recording has a clock of its own; a decision in it happens at the recording's time.
fn now(served: &Served) -> Result<Timestamp, Failure> {
    if served.project().workflow.recorded_from.is_none() {
        return Ok(SystemClock.now());
    }
    let cycles = served.journal.cycles(&served.id)?;
    let last = cycles.last().map(|(cycle, _)| served.seen(*cycle)).transpose()?;
    Ok(last.map_or_else(|| SystemClock.now(), |seen| seen.view.now))
}
