//! The service over HTTP: health, metrics, the JSON API and webhooks; pages are merged in by [`app`]'s caller.
//!
//! ```text
//! GET  /healthz  /readyz                 no token: they say nothing but that
//! GET  /metrics                          for Prometheus
//! GET  /v1/workflows  /v1/cycles  /v1/cycles/N  /v1/queue  /v1/items/ID
//! POST /v1/decisions  /v1/run
//! POST /hooks/NAME                       signed by the sender
//! ```
//! Everything stands behind the same guards: a `Host` that is ours (a page elsewhere cannot reach us through a name of its own),
//! a bound on the body and on the time, and a bearer token except where said. The review page has a login of its own, see
//! [`super::pages`].

pub mod api;
pub mod auth;
pub mod hooks;
pub mod metrics;
pub mod under;
pub mod wire;

use super::desk::Desk;
use crate::runtime::{StopSignal, Urgency};
use auth::Guard;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics::Metrics;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A longer body is refused.
pub const BODY_MOST: usize = 1 << 20;
/// A request that takes longer is given up.
const LONGEST: Duration = Duration::from_secs(30);
/// After a stop, answers under way may take so long.
const GRACE: Duration = Duration::from_secs(5);

/// What every handler has.
#[derive(Clone)]
pub struct Front {
    pub desk: Desk,
    pub guard: Arc<Guard>,
    pub metrics: Arc<Metrics>,
}

/// The whole application. `pages` are merged in as they are: behind the guards for host, size and time, with their own login, and
/// with what is said where nothing is.
pub fn app(front: Front, pages: Router<Front>) -> Router {
    let behind_token = Router::new()
        .route("/metrics", get(metrics::show))
        .nest("/v1", api::routes())
        .route_layer(middleware::from_fn_with_state(front.clone(), with_token));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .merge(behind_token)
        .merge(hooks::routes())
        .merge(pages)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(middleware::from_fn_with_state(front.clone(), guarded))
        .with_state(front)
}

/// Serves until a stop is asked for, then lets answers under way finish.
pub async fn listen(listener: TcpListener, app: Router, mut stop: StopSignal) -> std::io::Result<()> {
    let mut after = stop.clone();
    let stopped = async move {
        stop.beyond(Urgency::None).await;
    };
    let listener = wire::Bounded::new(listener);
    let serving = axum::serve(listener, app.into_make_service()).with_graceful_shutdown(stopped);
    tokio::select! {
        ended = serving.into_future() => ended,
        () = async { after.beyond(Urgency::None).await; tokio::time::sleep(GRACE).await; } => Ok(()),
    }
}

/// Ready is whoever can read its journals.
async fn ready(State(front): State<Front>) -> Response {
    match front.desk.workflows().await {
        Ok(workflows) if workflows.iter().all(|workflow| workflow.trouble.is_none()) => "ready\n".into_response(),
        _ => problem(StatusCode::SERVICE_UNAVAILABLE, "serve::not-ready", "a workflow cannot go on", None),
    }
}

/// What all requests go through.
async fn guarded(State(front): State<Front>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = if host.is_some_and(|host| front.guard.is_our_host(host)) {
        tokio::time::timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
            problem(StatusCode::GATEWAY_TIMEOUT, "serve::too-slow", "it took longer than 30 seconds", Some("try again"))
        })
    } else {
        problem(
            StatusCode::MISDIRECTED_REQUEST,
            "serve::unknown-host",
            "this service does not go by that name",
            Some("use the address it said when it started, or start it with `--host NAME`"),
        )
    };
    front.metrics.answered(path.as_deref().unwrap_or("other"), response.status().as_u16());
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

async fn with_token(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    match front.guard.check(request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => {
            let mut response = problem(StatusCode::UNAUTHORIZED, refused.code(), &refused.to_string(), Some(refused.help()));
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    }
}

/// A failure for machines: `{"version":1,"error":{"code":…,"message":…,"help":…}}`.
pub fn problem(status: StatusCode, code: &str, message: &str, help: Option<&str>) -> Response {
    let body = json!({"version": 1, "error": {"code": code, "message": message, "help": help}});
    (status, axum::Json(body)).into_response()
}
