//! What all pages share: the frame around them, calm words when something is wrong, and small helpers for time and addresses.

use super::prose::shown;
use super::session::Visitor;
use crate::base::{Digest, Timestamp};
use crate::workspace::Failure;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::sync::LazyLock;

pub const STYLE: &str = include_str!("page.css");
pub const SCRIPT: &str = include_str!("page.js");

/// Addresses that change when what is behind them does.
static ASSETS: LazyLock<(String, String)> = LazyLock::new(|| {
    let address = |name: &str, text: &str| format!("/assets/{name}?{}", Digest::of(text).short(12));
    (address("page.css", STYLE), address("page.js", SCRIPT))
});

/// Where we are, for the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Queue,
    Cycles,
    Proposals,
}

fn head(title: &str, more: &Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (shown(title)) " · loopctl" }
            link rel="stylesheet" href=(ASSETS.0);
            script src=(ASSETS.1) defer {}
            (more)
        }
    }
}

/// A page for somebody who is signed in.
pub fn page(visitor: &Visitor, place: Place, title: &str, body: &Markup) -> Response {
    answer(StatusCode::OK, visitor, place, title, body)
}

pub fn answer(status: StatusCode, visitor: &Visitor, place: Place, title: &str, body: &Markup) -> Response {
    let link = |to: Place, href: &str, words: &str| {
        html! { a href=(href) aria-current=[(to == place).then_some("page")] { (words) } }
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, &html! {}))
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/queue" aria-label="loopctl, to the queue" { (mark()) span { "loopctl" } }
                    nav aria-label="Pages" {
                        (link(Place::Queue, "/queue", "Queue"))
                        (link(Place::Cycles, "/cycles", "Cycles"))
                        (link(Place::Proposals, "/proposals", "Proposals"))
                    }
                    form.leave method="post" action="/logout" {
                        (secret(visitor))
                        span.who { (shown(&visitor.name)) }
                        button.quiet type="submit" { "Sign out" }
                    }
                }
                @if let Some(notice) = visitor.notice() {
                    p.notice role="status" { (shown(&notice)) }
                }
                main #main tabindex="-1" { (body) }
            }
        }
    };
    (status, Html(page.into_string())).into_response()
}

/// A page for anybody: signing in, and what is wrong before one is signed in.
pub fn plain(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, &html! {}))
            body.plain {
                header.top { span.brand { (mark()) span { "loopctl" } } }
                main #main { (body) }
            }
        }
    };
    (status, Html(page.into_string())).into_response()
}

/// Something is wrong: what, and where to go from here.
pub fn trouble(status: StatusCode, title: &str, message: &str, go: Option<(&str, &str)>) -> Response {
    let body = html! {
        section.card.narrow {
            h1 { (title) }
            p { (shown(message)) }
            @if let Some((href, words)) = go {
                p { a.button href=(href) { (words) } }
            }
        }
    };
    plain(status, title, &body)
}

/// A failure of the service, in its own words.
pub fn failed(failure: &Failure) -> Response {
    let status = crate::serve::http::api::failed(failure).status();
    let title = if status == StatusCode::NOT_FOUND { "There is nothing here" } else { "That did not work" };
    let body = html! {
        section.card.narrow {
            h1 { (title) }
            p { (shown(&failure.message)) "." }
            @if let Some(help) = &failure.help { p.dim { (shown(help)) } }
            p { a.button href="/queue" { "To the queue" } }
        }
    };
    plain(status, title, &body)
}

/// Comes back at once, from ourselves.
pub fn once_more(uri: &Uri) -> Response {
    let here = uri.path_and_query().map_or("/queue", |path| path.as_str());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head("One moment", &html! { meta http-equiv="refresh" content=(format!("0;url={here}")); }))
            body.plain { main #main { section.card.narrow { p { a href=(here) { "Open the page" } } } } }
        }
    };
    Html(page.into_string()).into_response()
}

/// What every form carries.
pub fn secret(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="form_secret" value=(visitor.form_secret); }
}

/// What a form carries that needs no session: only what it is for.
pub fn secretless(verdict: &str) -> Markup {
    html! { input type="hidden" name="verdict" value=(verdict); }
}

/// Our mark: a loop that closes.
fn mark() -> Markup {
    PreEscaped(
        r#"<svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M20 12a8 8 0 1 1-2.6-5.9" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"/><circle cx="19" cy="7" r="2.4" fill="currentColor"/></svg>"#
            .to_owned(),
    )
}

/// For a place in an address.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Where a piece is.
pub fn of_piece(workflow: &str, id: &str) -> String {
    format!("/pieces/{}/{}", encoded(workflow), encoded(id))
}

/// An address on this service that one may be sent on to; the queue when it is none.
pub fn next_page(wanted: Option<&str>) -> &str {
    let fine = |next: &&str| {
        next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/log") && !next.contains(['\\', '\r', '\n', '\t'])
    };
    wanted.filter(fine).unwrap_or("/queue")
}

/// How long until something, in the largest unit that is not zero: `in 3 hours`, `now`.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return "now".to_owned();
    }
    format!("in {}", span(at, now))
}

/// How long ago something was.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    if now.since(at).as_secs() < 60 { "just now".to_owned() } else { format!("{} ago", span(now, at)) }
}

fn span(later: Timestamp, earlier: Timestamp) -> String {
    let minutes = later.since(earlier).as_secs().div_ceil(60);
    let (n, word) = match minutes {
        0..120 => (minutes, "minute"),
        120..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    crate::report::style::count(usize::try_from(n).unwrap_or(usize::MAX), word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_on_within_this_service_only() {
        for (wanted, goes) in [
            (Some("/pieces/first-loop/o-1"), "/pieces/first-loop/o-1"),
            (Some("//evil.example"), "/queue"),
            (Some("/\\evil.example"), "/queue"),
            (Some("https://evil.example"), "/queue"),
            (Some("/logout"), "/queue"),
            (Some("/queue\r\nset-cookie: x"), "/queue"),
            (None, "/queue"),
        ] {
            assert_eq!(next_page(wanted), goes);
        }
    }

    #[test]
    fn time_is_told_in_one_unit() {
        let now = Timestamp(1_000_000_000_000);
        let later = |minutes: i64| Timestamp(now.0 + minutes * 60_000);
        assert_eq!(until(later(1), now), "in 1 minute");
        assert_eq!(until(later(90), now), "in 90 minutes");
        assert_eq!(until(later(60 * 30), now), "in 30 hours");
        assert_eq!(until(later(60 * 72), now), "in 3 days");
        assert_eq!(until(now, later(5)), "now");
        assert_eq!(ago(now, later(5)), "5 minutes ago");
        assert_eq!(ago(now, now), "just now");
    }
}
