//! Webhooks in: `POST /hooks/NAME`, signed as Standard Webhooks says, kept once, as data for a `source kind="webhook"`.
//!
//! The signature is over id, time and body, so none of them can be changed on the way. A message that was signed more than
//! five minutes ago or ahead is refused: whoever recorded one cannot send it later. Its id names the file it is kept in, and
//! the file is on the disk before the sender hears that it was taken; so one that comes again, also after a crash, is kept
//! once.

use super::{Front, problem};
use crate::base::{Digest, Timestamp};
use crate::builtin::intelligence::webhook::Received;
use crate::model::{Scalar, Step};
use crate::runtime::Clock as _;
use crate::serve::desk::blocking;
use crate::serve::events::What;
use crate::serve::served::Served;
use crate::workspace::Failure;
use crate::world::{Secrets, SystemClock};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How far the sender's clock and ours may be apart.
const TOLERANCE: Duration = Duration::from_secs(300);

pub fn routes() -> Router<Front> {
    Router::new().route("/hooks/{name}", post(by_name)).route("/hooks/{workflow}/{name}", post(by_both))
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    #[error("`webhook-id`, `webhook-timestamp` and `webhook-signature` are needed")]
    Unsigned,
    #[error("it was signed more than five minutes ago, or ahead")]
    Stale,
    #[error("the signature is not one of ours")]
    WrongSignature,
}

async fn by_name(State(front): State<Front>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    take(&front, None, &name, &headers, body).await
}

async fn by_both(
    State(front): State<Front>,
    Path((workflow, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    take(&front, Some(&workflow), &name, &headers, body).await
}

async fn take(front: &Front, workflow: Option<&str>, name: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let mut found: Vec<(Arc<Served>, Step)> = Vec::new();
    for served in front.desk.served() {
        let project = served.project();
        let step = project.workflow.steps.iter().find(|step| is_hook(step) && step.id.as_str() == name);
        if let Some(step) = step.filter(|_| workflow.is_none_or(|workflow| workflow == served.id.as_str())) {
            found.push((served.clone(), step.clone()));
        }
    }
    let (served, step) = match found.len() {
        1 => found.remove(0),
        0 => return problem(StatusCode::NOT_FOUND, "serve::no-such-hook", "there is no such hook", None),
        _ => {
            let help = Some("name the workflow: `/hooks/WORKFLOW/NAME`");
            return problem(StatusCode::BAD_REQUEST, "serve::which-hook", "several workflows have a hook of that name", help);
        }
    };
    let secret = step.config.child("secret").and_then(|node| node.arg()).and_then(Scalar::secret);
    let secret = secret.and_then(|secret| Secrets::new(&served.project().root).read(secret).ok());
    let key = secret.and_then(|secret| key(secret.expose()));
    let Some(key) = key else {
        // What exactly is missing is nobody's business outside; the log says it.
        let message = format!("the secret of `{name}` cannot be read, or does not start with `whsec_`");
        served.tell(None, What::Trouble { code: "serve::hook-secret".to_owned(), message });
        return problem(StatusCode::SERVICE_UNAVAILABLE, "serve::hook-secret", "this hook takes nothing now", None);
    };
    let (id, at) = match check(&key, headers, &body, SystemClock.now()) {
        Ok(signed) => signed,
        Err(unfit) => return problem(StatusCode::UNAUTHORIZED, "serve::unfit-hook", &unfit.to_string(), None),
    };
    let Ok(body) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "serve::bad-request", "the body is not JSON", None);
    };
    let folder = served.project().root.join(step.config.text("inbox").unwrap_or("inbox"));
    let received = Received { id, at, body };
    match blocking(move || keep(&folder, &received).map_err(|cause| cannot_keep(&cause))).await {
        Ok(fresh) => {
            if fresh {
                served.tell(None, What::Received { hook: name.to_owned() });
            }
            (StatusCode::OK, Json(json!({"version": 1, "received": {"fresh": fresh}}))).into_response()
        }
        Err(failure) => super::api::failed(&failure),
    }
}

fn is_hook(step: &Step) -> bool {
    step.verb == "source" && step.connector.as_deref() == Some("webhook")
}

fn cannot_keep(cause: &io::Error) -> Failure {
    Failure::new("serve::cannot-keep", format!("the message cannot be kept: {}", cause.kind())).help("send it again later")
}

/// `whsec_` and base64.
fn key(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix("whsec_")?).ok().filter(|key| !key.is_empty())
}

/// The id and the time of a message that one of ours has signed just now.
fn check(key: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(String, Timestamp), Unfit> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Unfit::Unsigned);
    let (id, stamp, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let seconds: i64 = stamp.parse().map_err(|_| Unfit::Unsigned)?;
    let at = Timestamp(seconds.checked_mul(1000).ok_or(Unfit::Stale)?);
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        return Err(Unfit::Stale);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Unfit::WrongSignature)?;
    mac.update(format!("{id}.{stamp}.").as_bytes());
    mac.update(body);
    // Several may be there while a secret is changed. `verify_slice` takes the same time wherever they differ.
    let known = signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
    let mut right = false;
    for signature in known {
        right |= mac.clone().verify_slice(&signature).is_ok();
    }
    if right { Ok((id.to_owned(), at)) } else { Err(Unfit::WrongSignature) }
}

/// Keeps a message; `false` when it was kept before. It is on the disk when this returns.
fn keep(folder: &PathBuf, received: &Received) -> io::Result<bool> {
    std::fs::create_dir_all(folder)?;
    let name = Digest::of(&received.id).short(32);
    let (path, unnamed) = (folder.join(format!("{name}.json")), folder.join(format!(".{name}.{}", std::process::id())));
    if path.exists() {
        return Ok(false);
    }
    let mut file = std::fs::File::create(&unnamed)?;
    serde_json::to_writer(&mut file, received)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // A link is made whole or not at all, and never over one that is there.
    let linked = std::fs::hard_link(&unnamed, &path);
    let _ = std::fs::remove_file(&unnamed);
    match linked {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(cause) => return Err(cause),
    }
    std::fs::File::open(folder)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: i64 = 1_614_265_330;

    fn headers(id: &str, at: i64, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("webhook-id", id), ("webhook-timestamp", &at.to_string()), ("webhook-signature", signature)] {
            headers.insert(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_example_of_the_standard_is_taken_and_nothing_near_it() {
        // The example of the Standard Webhooks libraries.
        let (id, right) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let key = key(SECRET).unwrap();
        let now = Timestamp((SIGNED + 60) * 1000);
        let check = |headers: HeaderMap, body: &[u8], now: Timestamp| check(&key, &headers, body, now);
        assert_eq!(check(headers(id, SIGNED, right), BODY, now), Ok((id.to_owned(), Timestamp(SIGNED * 1000))));
        let among_others = format!("v1,AAAA v2,x {right}");
        assert!(check(headers(id, SIGNED, &among_others), BODY, now).is_ok());
        let wrong = Err(Unfit::WrongSignature);
        assert_eq!(check(headers("msg_other", SIGNED, right), BODY, now), wrong);
        assert_eq!(check(headers(id, SIGNED + 1, right), BODY, now), wrong);
        assert_eq!(check(headers(id, SIGNED, right), b"{}", now), wrong);
        assert_eq!(check(headers(id, SIGNED, "v1,"), BODY, now), wrong);
        let later = Timestamp((SIGNED + 301) * 1000);
        assert_eq!(check(headers(id, SIGNED, right), BODY, later), Err(Unfit::Stale));
        assert_eq!(check(HeaderMap::new(), BODY, now), Err(Unfit::Unsigned));
    }

    #[test]
    fn the_same_message_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("inbox");
        let received = Received { id: "../m 1".into(), at: Timestamp(0), body: json!({"a": 1}) };
        assert!(keep(&inbox, &received).unwrap());
        assert!(!keep(&inbox, &received).unwrap());
        assert_eq!(std::fs::read_dir(&inbox).unwrap().count(), 1);
    }
}
