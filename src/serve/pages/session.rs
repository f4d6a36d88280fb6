//! Who is signed in, and what a form must carry to be taken.
//!
//! A token is exchanged once for a session: a random name in a cookie that scripts cannot read and that other sites cannot send.
//! Sessions live in memory, end after twelve hours, at a restart, and at once when their token is taken out of the file.
//! Only digests are kept, of the token as of the session's own name.
//!
//! Three things stand between a form and its effect: the cookie (`SameSite=Strict`), the page it was sent from (`Origin`), and a
//! secret of the session in the form. Every handler that changes something takes [`Sent`], which checks all three.

use super::frame;
use crate::base::{Digest, Timestamp};
use crate::runtime::Clock;
use crate::serve::http::Front;
use crate::serve::http::auth::{Caller, Guard, fresh, same};
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Then one signs in again.
const LASTS: Duration = Duration::from_secs(12 * 60 * 60);
/// So many people at once; whoever has been there longest goes.
const MOST: usize = 1000;

/// All sessions.
pub struct Sessions {
    secure: bool,
    cookie: String,
    clock: Arc<dyn Clock>,
    /// By the digest of their name.
    open: Mutex<BTreeMap<Digest, Session>>,
}

struct Session {
    /// What decisions are signed with.
    name: String,
    token: Digest,
    form_secret: String,
    until: Timestamp,
    /// Said once, on the next page.
    notice: Option<String>,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Visitor {
    pub name: String,
    /// What every form of theirs carries.
    pub form_secret: String,
    /// The digest of the session's name.
    session: Digest,
    sessions: Arc<Sessions>,
}

/// A form that a signed-in person sent from one of our pages.
pub struct Sent {
    pub visitor: Visitor,
    fields: BTreeMap<String, String>,
}

impl Sessions {
    /// `under`: the path that a proxy shows us below. Its cookie has a name of its own, so that two services behind one name do not take
    /// each other's sessions away.
    pub fn new(secure: bool, under: Option<&str>, clock: Arc<dyn Clock>) -> Sessions {
        // With the prefix, browsers take it from nobody but this very host, over TLS.
        let mut cookie = if secure { "__Host-loopctl" } else { "loopctl" }.to_owned();
        cookie.extend(under.into_iter().flat_map(str::chars).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }));
        Sessions { secure, cookie, clock, open: Mutex::new(BTreeMap::new()) }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Digest, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for whoever has this token, and gives the cookie for it.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn enter(&self, token: &str, name: &str) -> std::io::Result<String> {
        let (session, form_secret) = (fresh()?, fresh()?);
        let now = self.clock.now();
        let mut open = self.open();
        open.retain(|_, session| session.until > now);
        while open.len() >= MOST {
            let Some(oldest) = open.iter().min_by_key(|(_, session)| session.until).map(|(name, _)| *name) else { break };
            open.remove(&oldest);
        }
        open.insert(
            Digest::of(&session),
            Session { name: name.to_owned(), token: Digest::of(token), form_secret, until: now + LASTS, notice: None },
        );
        Ok(self.cookie(&session, LASTS))
    }

    /// A cookie that takes the session's away.
    pub fn gone(&self) -> String {
        self.cookie("", Duration::ZERO)
    }

    fn cookie(&self, value: &str, lasts: Duration) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", self.cookie, lasts.as_secs())
    }

    /// Who sends these headers, if their session still counts.
    fn visitor(self: &Arc<Sessions>, headers: &HeaderMap, guard: &Guard) -> Option<Visitor> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, name) = pairs.find(|(name, _)| *name == self.cookie)?;
        let key = Digest::of(name);
        let mut open = self.open();
        let session = open.get(&key)?;
        let counts = session.until > self.clock.now() && guard.check_digest(&session.token).is_ok();
        if !counts {
            open.remove(&key);
            return None;
        }
        let (name, form_secret) = (session.name.clone(), session.form_secret.clone());
        drop(open);
        Some(Visitor { name, form_secret, session: key, sessions: self.clone() })
    }
}

impl Visitor {
    /// Something to be said on the next page.
    pub fn tell(&self, notice: String) {
        if let Some(session) = self.sessions.open().get_mut(&self.session) {
            session.notice = Some(notice);
        }
    }

    /// What is to be said now; it is said once.
    pub fn notice(&self) -> Option<String> {
        self.sessions.open().get_mut(&self.session).and_then(|session| session.notice.take())
    }

    /// Ends the session.
    pub fn leave(&self) {
        self.sessions.open().remove(&self.session);
    }
}

impl FromRequestParts<Front> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Visitor, Response> {
        let sessions = parts.extensions.get::<Arc<Sessions>>().cloned();
        if let Some(visitor) = sessions.and_then(|sessions| sessions.visitor(&parts.headers, &front.guard)) {
            return Ok(visitor);
        }
        // A link in a mail leads here without the cookie, because it comes from another site. Coming once more, from
        // ourselves, it has it.
        let from_elsewhere = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        if parts.method == Method::GET && from_elsewhere {
            return Err(frame::once_more(&parts.uri));
        }
        if parts.method == Method::GET {
            return Err(Redirect::to(&format!("/login?next={}", frame::encoded(&parts.uri.to_string()))).into_response());
        }
        let message = "You are not signed in any more, so nothing was decided. Go back, keep what you typed, and sign in again.";
        Err(frame::trouble(StatusCode::UNAUTHORIZED, "Please sign in again", message, Some(("/login", "Sign in"))))
    }
}

/// Whether a request that changes something comes from a page of ours, as far as the browser says.
pub fn is_from_us(headers: &HeaderMap, guard: &Guard) -> bool {
    let from_our_host = |origin: &HeaderValue| {
        let host = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()).and_then(|uri| uri.authority().cloned());
        host.is_some_and(|host| guard.is_our_host(host.as_str()))
    };
    // Whatever says that it is not, is believed.
    headers.get(header::ORIGIN).is_none_or(from_our_host)
        && headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

/// What a form from another site gets.
pub fn refused() -> Response {
    let message =
        "The form did not come from this page as it is now, so nothing was changed. Go back, load the page again and repeat it.";
    frame::trouble(StatusCode::FORBIDDEN, "That was not taken", message, Some(("/queue", "To the queue")))
}

impl FromRequest<Front> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, front: &Front) -> Result<Sent, Response> {
        if !is_from_us(request.headers(), &front.guard) {
            return Err(refused());
        }
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, front).await?;
        let form = Form::<BTreeMap<String, String>>::from_request(Request::from_parts(parts, body), front).await;
        let Form(fields) = form.map_err(|rejection| {
            let message = "The form could not be read; a text may be longer than one megabyte. Nothing was changed.";
            frame::trouble(rejection.status(), "That was not taken", message, Some(("/queue", "To the queue")))
        })?;
        let secret = fields.get("form_secret").map_or("", String::as_str);
        if !same(&Digest::of(secret), &Digest::of(&visitor.form_secret)) {
            return Err(refused());
        }
        Ok(Sent { visitor, fields })
    }
}

impl Sent {
    /// A field, trimmed, with the line ends that we write; empty when it was not sent.
    pub fn field(&self, name: &str) -> String {
        self.fields.get(name).map_or_else(String::new, |value| value.replace("\r\n", "\n").trim().to_owned())
    }
}

/// The name behind a token, unless it is still the one of the first start.
pub fn person(caller: &Caller) -> Option<&str> {
    caller.name.as_deref().filter(|name| *name != crate::serve::http::auth::FIRST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::FixedClock;
    use std::path::Path;

    fn guard(folder: &Path, now: &str) -> (Guard, Option<String>) {
        let clock = Arc::new(FixedClock::new(Timestamp::parse(now).expect("a time")));
        Guard::open(&folder.join("token"), "127.0.0.1:7878".parse().expect("an address"), &[], clock).expect("a folder of ours")
    }

    fn sessions(now: &str) -> Arc<Sessions> {
        Arc::new(Sessions::new(false, None, Arc::new(FixedClock::new(Timestamp::parse(now).expect("a time")))))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn a_session_ends_with_its_time_with_its_token_and_when_one_leaves() {
        let folder = tempfile::tempdir().expect("a folder");
        let (guard, token) = self::guard(folder.path(), "2026-11-22T08:00:00Z");
        let token = token.expect("it is new");
        let early = sessions("2026-11-22T08:00:00Z");
        let cookie = early.enter(&token, "ann").expect("randomness");
        assert!(cookie.contains("; HttpOnly; SameSite=Strict; Max-Age=43200") && !cookie.contains("Secure"), "{cookie}");
        assert!(!cookie.contains(&token));
        let sent = headers(&[("cookie", cookie.split(';').next().expect("a pair"))]);
        let visitor = early.visitor(&sent, &guard).expect("it counts");
        assert_eq!(visitor.name, "ann");
        visitor.tell("Approved.".into());
        assert_eq!(visitor.notice().as_deref(), Some("Approved."));
        assert_eq!(visitor.notice(), None, "it is said once");
        assert!(early.visitor(&headers(&[("cookie", "loopctl=guessed")]), &guard).is_none());

        let late = Arc::new(Sessions::new(
            true,
            None,
            Arc::new(FixedClock::new(Timestamp::parse("2026-11-22T20:00:00Z").expect("a time"))),
        ));
        std::mem::swap(&mut *late.open(), &mut *early.open());
        let secure = headers(&[("cookie", &sent["cookie"].to_str().expect("text").replace("loopctl=", "__Host-loopctl="))]);
        assert!(late.visitor(&secure, &guard).is_none(), "twelve hours later it is over");

        let cookie = early.enter(&token, "ann").expect("randomness");
        let sent = headers(&[("cookie", cookie.split(';').next().expect("a pair"))]);
        std::fs::write(folder.path().join("token"), "another-token-of-good-length\n").expect("ours");
        assert!(early.visitor(&sent, &guard).is_none(), "its token was taken out");
    }

    #[test]
    fn only_our_own_pages_may_send_forms() {
        let folder = tempfile::tempdir().expect("a folder");
        let (guard, _) = self::guard(folder.path(), "2026-11-22T08:00:00Z");
        for (name, value, ours) in [
            ("origin", "http://127.0.0.1:7878", true),
            ("origin", "http://localhost:7878", true),
            ("origin", "http://127.0.0.1:9999", false),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
        ] {
            assert_eq!(is_from_us(&headers(&[(name, value)]), &guard), ours, "{name}: {value}");
        }
        assert!(is_from_us(&HeaderMap::new(), &guard), "a client that says nothing still needs the form's secret");
    }
}
