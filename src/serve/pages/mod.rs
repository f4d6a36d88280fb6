//! The review page: where people read what waits, with its evidence beside it, and decide.
//!
//! ```text
//! /login  /logout                        a token opens a session; see `session`
//! /queue                                 what waits, what expires first standing first
//! /pieces/WORKFLOW/ID                    one piece: text, findings, evidence, history
//! /pieces/WORKFLOW/ID/decide             approve, edit, reject or send back (POST)
//! /go/LINK                               a piece behind a signed link from a notice, without signing in; see `go`
//! /cycles  /cycles/WORKFLOW/N            the loop as a circle, caps, spend, reports
//! /proposals  /proposals/WORKFLOW/ID     changes to the Client OS, as diffs
//! /assets/page.css  /assets/page.js      both in the binary
//! ```
//! Everything is made on the server and works without JavaScript; the small script adds keys and freshness. Whatever changes
//! something is a POST through [`session::Sent`], which no request from another site gets past. All text from outside goes
//! through [`prose`].

mod circle;
mod cycles;
mod decide;
mod frame;
mod go;
mod login;
mod piece;
mod proposals;
pub mod prose;
mod queue;
pub mod session;

use super::http::{Front, problem};
use crate::world::SystemClock;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use session::Sessions;
use std::sync::Arc;

/// Nothing but our own style, script and forms; nobody puts us into a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// All pages. `secure`: people reach us over TLS, so the cookie travels over nothing else. `under`: the path that a proxy shows us below.
pub fn routes(secure: bool, under: Option<&str>) -> Router<Front> {
    let sessions = Arc::new(Sessions::new(secure, under, Arc::new(SystemClock)));
    Router::new()
        .route("/", get(|| async { Redirect::to("/queue") }))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/queue", get(queue::show))
        .route("/pieces/{workflow}/{id}", get(piece::show))
        .route("/pieces/{workflow}/{id}/decide", post(decide::decide))
        .route("/go/{link}", get(go::show).post(go::decide))
        .route("/cycles", get(cycles::all))
        .route("/cycles/{workflow}/{cycle}", get(cycles::one))
        .route("/proposals", get(proposals::all))
        .route("/proposals/{workflow}/{id}", get(proposals::one).post(proposals::decide))
        .route("/assets/page.css", get(|| async { asset("text/css; charset=utf-8", frame::STYLE) }))
        .route("/assets/page.js", get(|| async { asset("text/javascript; charset=utf-8", frame::SCRIPT) }))
        .fallback(nothing)
        .layer(Extension(sessions))
        .layer(middleware::map_response(guarded))
}

/// Where nothing is: a page for people, facts for programs.
async fn nothing(headers: HeaderMap) -> Response {
    let wanted = headers.get(header::ACCEPT).and_then(|wanted| wanted.to_str().ok()).unwrap_or_default();
    if !wanted.contains("text/html") {
        return problem(StatusCode::NOT_FOUND, "serve::not-found", "there is nothing here", None);
    }
    let message = "The address may have been cut off on its way, or what it named is no longer kept.";
    frame::trouble(StatusCode::NOT_FOUND, "There is nothing here", message, Some(("/queue", "To the queue")))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    // Its address carries its digest, so it may be kept for good.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response()
}

async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(), geolocation=(), microphone=()"));
    // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms, and we could not tell them from others.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
