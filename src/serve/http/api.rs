//! The JSON API, version 1. Every answer is `{"version":1,"KIND":…}`, as the commands print with `--json`.

use super::auth::Caller;
use super::{Front, problem};
use crate::base::{CycleNo, Digest, StepId};
use crate::serve::desk::{Order, Refused};
use crate::step::Verdict;
use crate::workspace::{Exit, Failure};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What stands under `/v1`.
pub fn routes() -> Router<Front> {
    Router::new()
        .route("/workflows", get(workflows))
        .route("/cycles", get(cycles))
        .route("/cycles/{cycle}", get(cycle))
        .route("/queue", get(queue))
        .route("/items/{id}", get(item))
        .route("/decisions", post(decide))
        .route("/run", post(run))
}

/// `?workflow=NAME`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    workflow: Option<String>,
}

/// `{"item":"o-7f3a1c","pins":"…","verdict":"approve","by":"ann"}`; `edit` has `text`, `reject` may have `reason`,
/// `send-back` has `reason` and `to`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    workflow: Option<String>,
    item: String,
    /// The `pins` of what was looked at.
    pins: Digest,
    verdict: Word,
    text: Option<String>,
    reason: Option<String>,
    /// The step that makes it again.
    to: Option<StepId>,
    /// Left out, the name of the token.
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Approve,
    Edit,
    Reject,
    SendBack,
}

fn facts(kind: &str, value: impl Serialize) -> Response {
    Json(json!({"version": 1, kind: value})).into_response()
}

/// Whose fault it is decides the status.
pub fn failed(failure: &Failure) -> Response {
    let status = match failure.code {
        "cli::no-such-item" | "cli::no-such-cycle" | "cli::nothing-yet" | "serve::no-such-workflow" => StatusCode::NOT_FOUND,
        "cli::which-item" | "serve::which-workflow" => StatusCode::BAD_REQUEST,
        "serve::too-many-open" => StatusCode::CONFLICT,
        _ if failure.exit == Exit::InvalidWorkflow => StatusCode::CONFLICT,
        code if code.starts_with("store::") || code.starts_with("serve::") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, failure.code, &failure.message, failure.help.as_deref())
}

fn answer<T: Serialize>(kind: &str, result: Result<T, Failure>) -> Response {
    result.map_or_else(|failure| failed(&failure), |value| facts(kind, value))
}

fn bad(message: String) -> Response {
    problem(StatusCode::BAD_REQUEST, "serve::bad-request", &message, Some("docs/operations.md shows each request"))
}

type Asked = Result<Query<Of>, QueryRejection>;

async fn workflows(State(front): State<Front>) -> Response {
    answer("workflows", front.desk.workflows().await)
}

async fn cycles(State(front): State<Front>, of: Asked) -> Response {
    match of {
        Ok(Query(of)) => answer("cycles", front.desk.cycles(of.workflow.as_deref()).await),
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn cycle(State(front): State<Front>, Path(cycle): Path<String>, of: Asked) -> Response {
    match (of, cycle.parse()) {
        (Ok(Query(of)), Ok(cycle)) => {
            let seen = front.desk.cycle(of.workflow.as_deref(), Some(CycleNo(cycle))).await;
            seen.map_or_else(|failure| failed(&failure), |seen| facts("cycle", &seen.view))
        }
        (Err(rejection), _) => bad(rejection.body_text()),
        (_, Err(_)) => bad(format!("a cycle is a number, found `{cycle}`")),
    }
}

async fn queue(State(front): State<Front>) -> Response {
    answer("queue", front.desk.queue().await)
}

async fn item(State(front): State<Front>, Path(id): Path<String>, of: Asked) -> Response {
    match of {
        Ok(Query(of)) => answer("item", front.desk.item(of.workflow.as_deref(), &id).await),
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn decide(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Response {
    let Json(Decision { workflow, item, pins, verdict, text, reason, to, by }) = match decision {
        Ok(decision) => decision,
        Err(rejection) => return problem(rejection.status(), "serve::bad-request", &rejection.body_text(), None),
    };
    let Some(by) = by.or(caller.name).filter(|by| !by.trim().is_empty()) else {
        return bad("`by` says who decides, and is missing".to_owned());
    };
    if to.is_some() != matches!(verdict, Word::SendBack) {
        return bad("`to` names the step that `send-back` sends to, and belongs to nothing else".to_owned());
    }
    let verdict = match (verdict, text, reason) {
        (Word::SendBack, None, Some(reason)) => Verdict::SendBack { to: to.unwrap_or_else(|| StepId::new("")), reason },
        (Word::Approve, None, None) => Verdict::Approve,
        (Word::Edit, Some(text), None) if !text.trim().is_empty() => Verdict::Edit { text: text.trim().to_owned() },
        (Word::Reject, None, reason) => Verdict::Reject { reason },
        (Word::Edit, ..) => return bad("an edit needs the new `text`, and nothing else".to_owned()),
        _ => return bad("`text` belongs to an edit, `reason` to a rejection or to what is sent back".to_owned()),
    };
    match front.desk.decide(Order { workflow, item, seen: pins, verdict, by }).await {
        Ok(decided) => facts("decided", decided),
        Err(Refused::Changed(now)) => {
            let body = json!({
                "version": 1,
                "error": {
                    "code": "gate::changed",
                    "message": "the piece has changed since it was shown",
                    "help": "look at it again and decide on what it is now",
                },
                "waiting": now,
            });
            (StatusCode::CONFLICT, Json(body)).into_response()
        }
        Err(Refused::Gone(message)) => {
            problem(StatusCode::CONFLICT, "gate::void", &message, Some("`/v1/queue` shows what waits now"))
        }
        Err(Refused::Failed(failure)) => failed(&failure),
    }
}

async fn run(State(front): State<Front>, of: Result<Json<Of>, JsonRejection>) -> Response {
    match of {
        Ok(Json(of)) => match front.desk.run(of.workflow.as_deref()).await {
            Ok(cycle) => (StatusCode::ACCEPTED, facts("cycle", cycle)).into_response(),
            Err(failure) => failed(&failure),
        },
        Err(rejection) => problem(rejection.status(), "serve::bad-request", &rejection.body_text(), None),
    }
}
