//! The `slack` and `teams` channels: a message over an incoming webhook. The address is the key, so it is read when it is used, and is
//! struck out of whatever is told.
//!
//! Neither says which messages it has. An attempt that may have arrived is in doubt, like one of a webhook.

use super::Channel;
use crate::model::{self, Scalar, SecretRef};
use crate::step::{Publish, Published, Reply};
use crate::world::generate::Replying;
use crate::world::secrets::Secrets;
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::{Web, host_name, parse_url, read_body, status_name};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
/// As much of an error's text is read: 16 KiB.
const ERROR_BYTES: u64 = 16 << 10;
/// Slack cuts longer messages.
const SLACK_CHARS: usize = 30_000;
/// Teams refuses messages above 28 KB; this leaves room for the card around it.
const TEAMS_CHARS: usize = 20_000;

/// One chat.
pub struct Chat {
    body: fn(&Publish) -> Value,
    name: String,
    url: Option<SecretRef>,
    door: Door,
    web: Arc<Web>,
    secrets: Secrets,
}

impl Chat {
    pub fn new(body: fn(&Publish) -> Value, channel: &model::Channel, web: Arc<Web>, secrets: Secrets) -> Chat {
        let url = channel.config.value("url").and_then(Scalar::secret).cloned();
        let door = Door::new("channel", &channel.name, &channel.config, TIMEOUT, web.clone());
        Chat { body, name: channel.name.clone(), url, door, web, secrets }
    }

    async fn run(&self, request: &Publish) -> Reply {
        self.door.ask(Reply::Published, |timeout| self.attempt(request, timeout)).await
    }

    async fn attempt(&self, request: &Publish, timeout: Duration) -> Result<Published, Trouble> {
        let Some(url) = &self.url else {
            return Err(Trouble::permanent(format!("channel `{}` has no address", self.name), "add `url (env)\"CHAT_URL\"`"));
        };
        let secret = self.secrets.read(url)?;
        // What is wrong with the address is not told with the address.
        let address = parse_url(secret.expose()).map_err(|_| {
            Trouble::permanent(
                format!("the address of channel `{}` is not one that begins with `https://`", self.name),
                "copy the whole address of the incoming webhook into the variable or file",
            )
        })?;
        let host = host_name(&address);
        let call = self.web.client()?.post(address).json(&(self.body)(request));
        let mut response = self.web.send(call, &host, timeout).await.map_err(|error| match error.sent {
            true => self.doubt(&error.trouble.message),
            false => error.trouble,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(Published { location: host, version: None, at: request.at, reach: None });
        }
        let text = read_body(&mut response, ERROR_BYTES, &host, timeout).await.unwrap_or_default();
        let text = excerpt(&secret.strike_out(&String::from_utf8_lossy(&text)), 120);
        let answered = match text.as_str() {
            "" => format!("`{host}` answered {}", status_name(status)),
            text => format!("`{host}` answered {}: “{text}”", status_name(status)),
        };
        Err(match status.as_u16() {
            429 | 503 => self.web.overloaded(&host, status, response.headers()),
            500..=599 => self.doubt(&answered),
            403 | 404 | 410 => Trouble::permanent(
                answered,
                format!(
                    "the webhook behind channel `{}` is gone: make a new one, and put its address where the old one was",
                    self.name
                ),
            ),
            _ => Trouble::permanent(answered, format!("read what it says; the channel is `{}`", self.name)),
        })
    }

    fn doubt(&self, what: &str) -> Trouble {
        Trouble::in_doubt(
            format!("{what}, so the message may or may not have gone out"),
            format!("look into the chat behind channel `{}`, then tell what you found there", self.name),
        )
    }
}

impl Channel for Chat {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        Box::pin(self.run(request))
    }

    /// A chat has no way back: always in doubt.
    fn placed<'a>(&'a self, _key: &'a str) -> Replying<'a> {
        Box::pin(async { self.doubt("the chat cannot be asked which messages it has").into_reply(1) })
    }
}

/// A chat cannot change what it has: the new text of a piece is a message of its own, and says so.
fn title(request: &Publish) -> String {
    if request.update { format!("Updated: {}", request.title) } else { request.title.clone() }
}

/// Slack's own mark-up knows three characters that mean something (Slack, "Formatting text": escaping).
pub fn slack(request: &Publish) -> Value {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text: String = request.text.chars().take(SLACK_CHARS).collect();
    json!({ "text": format!("*{}*\n{}", escape(&title(request)).replace('*', "·"), escape(&text)) })
}

/// An adaptive card in the envelope that Teams workflows take.
pub fn teams(request: &Publish) -> Value {
    let text: String = request.text.chars().take(TEAMS_CHARS).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
                "body": [
                    { "type": "TextBlock", "text": title(request), "weight": "Bolder", "wrap": true },
                    { "type": "TextBlock", "text": text, "wrap": true },
                ],
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::front_matter::tests::piece;
    use super::*;
    use crate::model::Config;
    use crate::step::FailureKind;
    use crate::world::test_server::{Answer, TestServer, quick_web};

    fn chat(body: fn(&Publish) -> Value, url: String) -> Chat {
        let node =
            Config { name: "url".into(), args: [Scalar::Secret(SecretRef::Env("CHAT_URL".into()))].into(), ..Config::default() };
        let config = Config { children: vec![node], ..Config::default() };
        let channel = model::Channel { name: "team".into(), kind: "slack".into(), config };
        Chat::new(body, &channel, quick_web(), Secrets::new("").with_environment(move |_| Some(url.clone())))
    }

    #[tokio::test]
    async fn a_message_arrives_and_calls_nobody() {
        let server = TestServer::start(|_, _| Answer::new(200).text("ok")).await;
        let request = Publish { title: "2 wait".into(), text: "<!channel> & “a”".into(), ..piece("k", "t") };
        assert!(matches!(chat(slack, server.at("/secret/T1")).publish(&request).await, Reply::Published(_)));
        assert_eq!(server.requests()[0].json()["text"], "*2 wait*\n&lt;!channel&gt; &amp; “a”");
        assert!(matches!(chat(teams, server.at("/secret/T1")).publish(&request).await, Reply::Published(_)));
        assert_eq!(server.requests()[1].json()["attachments"][0]["content"]["body"][0]["text"], "2 wait");
    }

    #[tokio::test]
    async fn the_address_is_never_told_and_doubt_is_not_repeated() {
        let server = TestServer::start(|_, _| Answer::new(500).text("/secret/T1 broke")).await;
        let Reply::Failed(failure) = chat(slack, server.at("/secret/T1")).publish(&piece("k", "t")).await else {
            panic!("it failed")
        };
        assert_eq!((failure.kind, failure.attempts, server.requests().len()), (FailureKind::InDoubt, 1, 1));
        for url in ["hooks.example/secret", "ftp://x/secret"] {
            let Reply::Failed(failure) = chat(slack, url.into()).publish(&piece("k", "t")).await else { panic!("it failed") };
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
        let gone = TestServer::start(|_, _| Answer::new(404).text("no_service")).await;
        let Reply::Failed(failure) = chat(slack, gone.at("/secret")).publish(&piece("k", "t")).await else { panic!("it failed") };
        assert!(failure.message.contains("“no_service”") && failure.help.unwrap().contains("make a new one"));
    }
}
