//! A decision from the page of a piece. It counts for what its maker was looking at; when that is another by now, or decided
//! already, the page says so and keeps what was typed.

use super::frame::{failed, of_piece};
use super::piece::{Kept, draw};
use super::session::{Sent, refused};
use crate::base::{Digest, StepId};
use crate::report::style::count;
use crate::serve::desk::{Order, Refused};
use crate::serve::http::Front;
use crate::step::Verdict;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

/// `POST /pieces/WORKFLOW/ID/decide`
pub async fn decide(State(front): State<Front>, Path((workflow, id)): Path<(String, String)>, sent: Sent) -> Response {
    let (word, text, reason) = (sent.field("verdict"), sent.field("text"), sent.field("reason"));
    let Some(seen) = Digest::parse(&sent.field("pins")) else { return refused() };
    let visitor = &sent.visitor;
    let before = match front.desk.item(Some(&workflow), &id).await {
        Ok(facts) => facts,
        Err(failure) => return failed(&failure),
    };
    let verdict = match word.as_str() {
        "approve" => Verdict::Approve,
        // Somebody who opened the editor and changed nothing approves.
        "edit" if before.text.as_deref().is_some_and(|now| now.trim() == text) => Verdict::Approve,
        "edit" if text.is_empty() => {
            visitor.tell("The text was empty, so nothing was decided. To turn a piece down, reject it.".to_owned());
            return Redirect::to(&of_piece(&workflow, &id)).into_response();
        }
        "edit" => Verdict::Edit { text: text.clone() },
        "reject" => Verdict::Reject { reason: Some(reason.clone()).filter(|reason| !reason.is_empty()) },
        "back" if reason.is_empty() => {
            visitor.tell("Without a reason nothing would be made otherwise, so nothing was decided.".to_owned());
            return Redirect::to(&format!("{}#back", of_piece(&workflow, &id))).into_response();
        }
        "back" => Verdict::SendBack { to: StepId::new(sent.field("to")), reason: reason.clone() },
        _ => return refused(),
    };
    let edited = matches!(verdict, Verdict::Edit { .. });
    let order = Order { workflow: Some(workflow.clone()), item: id.clone(), seen, verdict, by: visitor.name.clone() };
    match front.desk.decide(order).await {
        Ok(_) => {
            let queue = front.desk.queue().await.unwrap_or_default();
            let done = match word.as_str() {
                "reject" => "Rejected",
                "back" => "Sent back",
                _ if edited => "Saved and approved",
                _ => "Approved",
            };
            let left = if queue.is_empty() {
                "Nothing else waits.".to_owned()
            } else {
                format!("{} left.", count(queue.len(), "piece"))
            };
            visitor.tell(format!("{done}: “{}”. {left}", before.title));
            // An edit shows what it changed; otherwise on to the next one.
            // What others have to approve as well still waits; it is not the next one.
            let next = queue.iter().find(|next| next.id != before.id).filter(|_| !edited);
            let to = match next {
                Some(next) => of_piece(&next.workflow, &next.id),
                None if edited => of_piece(&workflow, &id),
                None => "/queue".to_owned(),
            };
            Redirect::to(&to).into_response()
        }
        Err(refused) => {
            let kept = match refused {
                Refused::Changed(_) => Kept::Changed { verdict: word, text, reason },
                Refused::Gone(why) => Kept::Gone { why, text, reason },
                Refused::Failed(failure) if failure.code == "cli::no-such-item" => {
                    Kept::Gone { why: failure.message, text, reason }
                }
                Refused::Failed(failure) => return failed(&failure),
            };
            let facts = front.desk.item(Some(&workflow), &id).await.unwrap_or(before);
            draw(StatusCode::CONFLICT, &front, visitor, &facts, &kept).await
        }
    }
}
