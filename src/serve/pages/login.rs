//! Signing in with a token: by a link that carries it, or by typing it. The link alone does nothing; a press of a button does, so
//! that whatever opens links by itself, such as a mail filter, signs nobody in.

use super::frame::{self, next_page, trouble};
use super::prose::shown;
use super::session::{Sent, Sessions, is_from_us, person, refused};
use crate::serve::http::Front;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;

/// Longer names are cut.
const NAME_MOST: usize = 60;

#[derive(Deserialize)]
pub struct Link {
    token: Option<String>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Entry {
    token: String,
    name: Option<String>,
    next: Option<String>,
}

/// `GET /login`
pub async fn show(State(front): State<Front>, Query(link): Query<Link>) -> Response {
    let Some(token) = link.token.as_deref().filter(|token| !token.is_empty()) else {
        return form(StatusCode::OK, None, None, link.next.as_deref(), None);
    };
    match front.guard.check_token(token) {
        Ok(caller) => form(StatusCode::OK, Some(token), person(&caller), link.next.as_deref(), None),
        Err(denied) => {
            let why = format!("The link does not work: {denied}. Ask whoever sent it for a new one, or type a token here.");
            form(StatusCode::UNAUTHORIZED, None, None, link.next.as_deref(), Some(&why))
        }
    }
}

fn form(status: StatusCode, token: Option<&str>, name: Option<&str>, next: Option<&str>, wrong: Option<&str>) -> Response {
    let body = html! {
        section.card.narrow {
            h1 { "Sign in" }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (shown(wrong)) } }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next_page(next));
                @if let Some(token) = token {
                    input type="hidden" name="token" value=(token);
                    p { "Your link is good for this browser, for twelve hours." }
                } @else {
                    label for="token" { "Token" }
                    input #token type="password" name="token" required autocomplete="current-password" aria-describedby="token-help";
                    p #token-help .dim { "It is in the token file that was named when the service started." }
                }
                @if let Some(name) = name {
                    p { "You decide as " strong { (shown(name)) } "." }
                } @else {
                    label for="name" { "Your name" }
                    input #name type="text" name="name" maxlength=(NAME_MOST) autocomplete="name" required[token.is_some()] aria-describedby="name-help";
                    p #name-help .dim { "It stands beside every decision you make. A token that has a name of its own uses that one." }
                }
                button.primary type="submit" { "Sign in" }
            }
        }
    };
    frame::plain(status, "Sign in", &body)
}

/// `POST /login`
pub async fn enter(
    State(front): State<Front>,
    Extension(sessions): Extension<Arc<Sessions>>,
    headers: HeaderMap,
    entry: Result<Form<Entry>, axum::extract::rejection::FormRejection>,
) -> Response {
    if !is_from_us(&headers, &front.guard) {
        return refused();
    }
    let Ok(Form(entry)) = entry else {
        return form(StatusCode::BAD_REQUEST, None, None, None, Some("Type a token."));
    };
    let next = entry.next.as_deref();
    let token = entry.token.trim();
    let caller = match front.guard.check_token(token) {
        Ok(caller) => caller,
        Err(denied) => {
            let why = format!("That did not work: {denied}.");
            return form(StatusCode::UNAUTHORIZED, None, None, next, Some(&why));
        }
    };
    let typed: String = entry.name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(NAME_MOST).collect();
    let (typed, _) = super::prose::cleaned(typed.trim());
    let name = match person(&caller) {
        Some(name) => name.to_owned(),
        None if !typed.is_empty() => typed,
        None => return form(StatusCode::OK, Some(token), None, next, Some("Say who you are.")),
    };
    let Ok(cookie) = sessions.enter(token, &name).map(|cookie| HeaderValue::from_str(&cookie)) else {
        let message = "The system has no randomness to give just now. Try again in a moment.";
        return trouble(StatusCode::SERVICE_UNAVAILABLE, "That did not work", message, Some(("/login", "Try again")));
    };
    let mut response = Redirect::to(next_page(next)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie.expect("names and numbers only"));
    response
}

/// `POST /logout`
pub async fn leave(Extension(sessions): Extension<Arc<Sessions>>, sent: Sent) -> Response {
    sent.visitor.leave();
    let mut response = Redirect::to("/login").into_response();
    let cookie = HeaderValue::from_str(&sessions.gone()).expect("names and numbers only");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
