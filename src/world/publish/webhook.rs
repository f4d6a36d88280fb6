//! The `webhook` channel: each piece as one signed `POST`, by the Standard Webhooks specification (version 1.0.0).
//!
//! The piece's key is the `webhook-id`, the same in every attempt, so a receiver that keeps ids takes a piece once. We cannot
//! know whether it does. So an attempt that may have arrived without an answer is in doubt and is not repeated; and the
//! question "did it go out?" has no answer here but a person's.

use super::Channel;
use crate::base::{Digest, Timestamp};
use crate::model::{self, Scalar, SecretRef};
use crate::step::request::NOTICE;
use crate::step::{Publish, Published, Reply};
use crate::world::generate::Replying;
use crate::world::secrets::{Secret, Secrets};
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::{Web, header, host_name, parse_url, read_body, shown, status_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, ETAG, LOCATION};
use reqwest::{Response, Url};
use serde_json::json;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// Standard Webhooks advises receivers to answer within 15 to 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// As much of an error's text is read: 64 KiB.
const ERROR_BYTES: u64 = 64 << 10;

/// A receiver of signed messages.
pub struct Webhook {
    name: String,
    url: String,
    secret: Option<SecretRef>,
    door: Door,
    web: Arc<Web>,
    secrets: Secrets,
}

impl Webhook {
    pub fn new(channel: &model::Channel, web: Arc<Web>, secrets: Secrets) -> Webhook {
        let config = &channel.config;
        Webhook {
            name: channel.name.clone(),
            url: config.text("url").unwrap_or_default().to_owned(),
            secret: config.value("secret").and_then(Scalar::secret).cloned(),
            door: Door::new("channel", &channel.name, config, TIMEOUT, web.clone()),
            web,
            secrets,
        }
    }

    async fn run(&self, request: &Publish) -> Reply {
        self.door.ask(Reply::Published, |timeout| self.attempt(request, timeout)).await
    }

    async fn attempt(&self, request: &Publish, timeout: Duration) -> Result<Published, Trouble> {
        let url = parse_url(&self.url)?;
        let host = host_name(&url);
        let body = body(request);
        let id = message_id(request);
        let now = self.web.wall.now();
        let mut call = self
            .web
            .client()?
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds(now));
        let secret = self.secret.as_ref().map(|secret| self.secrets.read(secret)).transpose()?;
        if let Some(secret) = &secret {
            call = call.header("webhook-signature", sign(secret, &id, now, &body).ok_or_else(|| self.bad_secret())?);
        }
        let mut response = self.web.send(call.body(body), &host, timeout).await.map_err(|error| match error.sent {
            true => self.doubt(&error.trouble.message),
            false => error.trouble,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(receipt(&url, &response, request.at));
        }
        // The status decides; a text that breaks off is still a text to show.
        let text = read_body(&mut response, ERROR_BYTES, &host, timeout).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let text = excerpt(&secret.map_or_else(|| text.clone().into_owned(), |secret| secret.strike_out(&text)), 160);
        let answered = match text.as_str() {
            "" => format!("`{host}` answered {}", status_name(status)),
            text => format!("`{host}` answered {}: “{text}”", status_name(status)),
        };
        Err(match status.as_u16() {
            429 | 503 => self.web.overloaded(&host, status, response.headers()),
            // Any other failure of the server may have come after it took the piece.
            500..=599 => self.doubt(&answered),
            300..=399 => Trouble::permanent(
                answered,
                format!("write the address that it redirects to as `url` of channel `{}`", self.name),
            ),
            401 | 403 => {
                Trouble::permanent(answered, format!("check `secret` of channel `{}`: both sides need the same", self.name))
            }
            404 | 410 => Trouble::permanent(answered, format!("check `url` of channel `{}`, or remove the channel", self.name)),
            413 => Trouble::permanent(
                answered,
                "the piece is too large for this receiver: shorten it, or raise the receiver's limit",
            ),
            _ => Trouble::permanent(answered, format!("read the receiver's words and its log; the channel is `{}`", self.name)),
        })
    }

    fn doubt(&self, what: &str) -> Trouble {
        Trouble::in_doubt(
            format!("{what}, so the piece may or may not have gone out"),
            format!("look at the receiver of channel `{}`, then tell what you found there", self.name),
        )
    }

    fn bad_secret(&self) -> Trouble {
        Trouble::permanent(
            format!("the secret of channel `{}` is not a Standard Webhooks secret", self.name),
            "it is `whsec_` and base64: `echo whsec_$(openssl rand -base64 32)` makes one; give both sides the same",
        )
    }
}

impl Channel for Webhook {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        Box::pin(self.run(request))
    }

    /// A webhook has no way back: always in doubt.
    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a> {
        Box::pin(async move {
            Trouble::in_doubt(
                format!("a webhook cannot say whether the piece `{key}` arrived"),
                format!("look for this id at the receiver of channel `{}`, then tell what you found there", self.name),
            )
            .into_reply(1)
        })
    }
}

fn receipt(url: &Url, response: &Response, at: Timestamp) -> Published {
    let location = header(response.headers(), LOCATION).and_then(|location| url.join(&location).ok());
    Published { location: shown(location.as_ref().unwrap_or(url)), version: header(response.headers(), ETAG), at, reach: None }
}

/// The message: `type`, `timestamp` and `data`, as the specification advises.
fn body(request: &Publish) -> String {
    json!({
        "type": kind(request),
        "timestamp": request.at.to_string(),
        "data": {
            "key": request.key,
            "channel": request.channel,
            "title": request.title,
            "text": request.text,
            "fields": request.fields,
        },
    })
    .to_string()
}

/// What has happened. What people are told is no piece.
fn kind(request: &Publish) -> &'static str {
    match (request.fields.contains_key(NOTICE), request.update) {
        (true, _) => "notice",
        (false, true) => "piece.updated",
        (false, false) => "piece.published",
    }
}

/// The same in every attempt. A new text is another message about the piece, so that a receiver that keeps ids takes it too.
fn message_id(request: &Publish) -> String {
    match request.update {
        false => request.key.clone(),
        true => format!("{}-{}", request.key, Digest::of(&request.text).short(8)),
    }
}

fn seconds(now: Timestamp) -> String {
    now.0.div_euclid(1_000).to_string()
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; `None` when the secret is not `whsec_` and base64.
fn sign(secret: &Secret, id: &str, now: Timestamp, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.expose().strip_prefix("whsec_")?).ok().filter(|key| !key.is_empty())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{}.{body}", seconds(now)).as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::super::front_matter::tests::piece;
    use super::*;
    use crate::model::Config;
    use crate::runtime::Clock;
    use crate::step::{Failure, FailureKind};
    use crate::world::test_server::{Answer, TestServer, quick_web, test_clock};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn node(name: &str, arg: Scalar) -> Config {
        Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() }
    }

    fn channel(url: String, secret: &'static str) -> Webhook {
        let children = vec![node("url", Scalar::Text(url)), node("secret", Scalar::Secret(SecretRef::Env("HOOK".into())))];
        let config = Config { children, ..Config::default() };
        let channel = model::Channel { name: "crm".into(), kind: "webhook".into(), config };
        let secrets = Secrets::new("").with_environment(move |_| Some(secret.to_owned()));
        Webhook::new(&channel, quick_web(), secrets)
    }

    async fn send(server: &TestServer) -> Reply {
        channel(server.at("/hook?token=t"), SECRET).publish(&piece("k-1", "Prices")).await
    }

    async fn failure(server: &TestServer) -> Failure {
        match send(server).await {
            Reply::Failed(failure) => {
                assert!(failure.help.is_some() && !format!("{failure:?}").contains("MfKQ9r8"), "{failure:?}");
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The published example of the specification's reference libraries.
        let now = Timestamp(1_614_265_330_000);
        let signature = sign(&Secret::new(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", now, r#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_???"] {
            assert_eq!(sign(&Secret::new(secret), "id", now, ""), None, "{secret}");
        }
    }

    #[tokio::test]
    async fn a_piece_is_sent_signed_and_the_receipt_says_where_it_is() {
        let server = TestServer::start(|_, _| Answer::new(201).with("location", "/posts/7").with("etag", "\"1\"")).await;
        let reply = send(&server).await;
        let piece = piece("k-1", "Prices");
        let expected = Published { location: server.at("/posts/7"), version: Some("\"1\"".into()), at: piece.at, reach: None };
        assert_eq!(reply, Reply::Published(expected));
        let asked = &server.requests()[0];
        assert_eq!(asked.header("webhook-id"), Some("k-1"));
        assert_eq!(asked.header("webhook-timestamp"), Some("1795327200"));
        let signature = sign(&Secret::new(SECRET), "k-1", test_clock().now(), &asked.body);
        assert_eq!(asked.header("webhook-signature"), signature.as_deref());
        let body = asked.json();
        assert_eq!((&body["type"], &body["data"]["title"]), (&json!("piece.published"), &json!("Prices")));
        let notice = Publish { fields: [(NOTICE.to_owned(), json!(["cap-reached"]))].into(), ..piece.clone() };
        assert_eq!(kind(&notice), "notice");
    }

    #[tokio::test]
    async fn a_busy_receiver_gets_the_same_id_again() {
        let server = TestServer::start(|_, nth| match nth {
            0 => Answer::new(429).with("retry-after", "0"),
            1 => Answer::new(503),
            _ => Answer::new(204),
        })
        .await;
        assert!(matches!(send(&server).await, Reply::Published(_)));
        let ids: Vec<_> = server.requests().iter().map(|request| request.header("webhook-id").map(str::to_owned)).collect();
        assert_eq!(ids, vec![Some("k-1".to_owned()); 3]);
    }

    #[tokio::test]
    async fn what_may_have_arrived_is_in_doubt_and_not_repeated() {
        let broken = TestServer::start(|_, _| Answer::raw(b"")).await;
        let erring = TestServer::start(|_, _| Answer::new(500).text("after commit")).await;
        let silent = TestServer::start(|_, _| Answer::hang()).await;
        let mut hasty = channel(silent.at("/"), SECRET);
        hasty.door = hasty.door.hasty(Duration::from_millis(300));
        let Reply::Failed(timed_out) = hasty.publish(&piece("k", "t")).await else { panic!("expected a failure") };
        for failure in [failure(&broken).await, failure(&erring).await, timed_out] {
            assert_eq!((failure.kind, failure.attempts), (FailureKind::InDoubt, 1), "{failure:?}");
            assert!(failure.message.contains("may or may not have gone out"), "{failure:?}");
        }
        assert_eq!([broken.requests().len(), erring.requests().len(), silent.requests().len()], [1, 1, 1]);
    }

    #[tokio::test]
    async fn what_never_left_is_only_late() {
        let url = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}/", listener.local_addr().unwrap())
        };
        let reply = channel(url, SECRET).publish(&piece("k", "t")).await;
        assert!(
            matches!(&reply, Reply::Failed(failure) if failure.kind == FailureKind::Transient && failure.attempts == 4),
            "{reply:?}"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_says_what_to_do() {
        for (status, help) in [(400, "log"), (401, "`secret`"), (404, "`url`"), (410, "remove"), (413, "shorten"), (302, "`url`")]
        {
            let server =
                TestServer::start(move |_, _| Answer::new(status).text("no: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).await;
            let failure = failure(&server).await;
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1), "{status}");
            assert!(failure.message.contains("“no: ***”") && failure.help.unwrap().contains(help), "{status}");
        }
    }

    #[tokio::test]
    async fn a_wrong_secret_stops_before_anything_is_sent() {
        let server = TestServer::start(|_, _| Answer::new(204)).await;
        let reply = channel(server.at("/"), "hunter2").publish(&piece("k", "t")).await;
        assert!(
            matches!(&reply, Reply::Failed(failure) if failure.message.contains("not a Standard Webhooks secret")),
            "{reply:?}"
        );
        assert!(!format!("{reply:?}").contains("hunter2") && server.requests().is_empty());
        let asked = channel(server.at("/"), SECRET).placed("k-1").await;
        assert!(matches!(asked, Reply::Failed(failure) if failure.kind == FailureKind::InDoubt));
    }
}
