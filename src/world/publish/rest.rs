//! One question to a content system that speaks JSON, and what its refusals mean.
//!
//! A content system can be asked what it has. So an answer that is lost on the way is no reason to stop: the next attempt looks first. Only
//! when it still cannot be looked at after all attempts is the piece in doubt.

use crate::model;
use crate::runtime::Standing;
use crate::step::Reply;
use crate::world::secrets::Secret;
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::{Web, host_name, is_open_line, parse_url, read_body, status_name};
use reqwest::{RequestBuilder, Url};
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// For one question; a content system with many plug-ins thinks for a while.
const TIMEOUT: Duration = Duration::from_secs(60);
/// For a question between cycles.
const LOOK: Duration = Duration::from_secs(20);
/// More than any post with its frame: 32 MiB.
const MOST_BYTES: u64 = 32 << 20;

/// The way to one content system.
pub struct Rest {
    /// Of the channel, for messages.
    pub name: String,
    pub web: Arc<Web>,
    pub timeout: Duration,
    door: Door,
}

/// Whether a question changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Look,
    Change,
}

impl Rest {
    pub fn new(channel: &model::Channel, web: Arc<Web>) -> Rest {
        let door = Door::new("channel", &channel.name, &channel.config, TIMEOUT, web.clone());
        Rest { name: channel.name.clone(), web, timeout: TIMEOUT, door }
    }

    /// Tries until there is an answer or patience ends.
    pub async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, (Trouble, u32)>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        self.door.patiently(|_| attempt()).await
    }

    /// The address of the site, unless a login sent there could be read on the way.
    pub fn site(&self, url: &str) -> Result<Url, Trouble> {
        let url = parse_url(url)?;
        if is_open_line(&url) {
            return Err(Trouble::permanent(
                format!("channel `{}` would send its login over an open line", self.name),
                "write `url` with `https://`",
            ));
        }
        Ok(url)
    }

    /// How a piece stands, asked once between cycles: whoever does not answer soon is asked again before the next one.
    pub async fn soon(&self, asked: impl Future<Output = Result<Standing, Trouble>>) -> Standing {
        match tokio::time::timeout(LOOK, asked).await {
            Ok(Ok(standing)) => standing,
            Ok(Err(trouble)) => Standing::Unreadable(trouble.message),
            Err(_) => Standing::Unreadable(format!("it did not answer within {} s", LOOK.as_secs())),
        }
    }

    /// The answer's JSON.
    pub async fn ask(&self, call: RequestBuilder, url: &Url, act: Act, secret: &Secret) -> Result<Value, Trouble> {
        let host = host_name(url);
        let name = &self.name;
        let mut response = self.web.send(call, &host, self.timeout).await.map_err(|error| match (error.sent, act) {
            (true, Act::Change) => self.lost(&error.trouble.message),
            _ => error.trouble,
        })?;
        let status = response.status();
        let text = match read_body(&mut response, MOST_BYTES, &host, self.timeout).await {
            Ok(text) => text,
            Err(_) if !status.is_success() => Vec::new(),
            Err(trouble) if act == Act::Change => return Err(self.lost(&trouble.message)),
            Err(trouble) => return Err(trouble),
        };
        if status.is_success() {
            return serde_json::from_slice(&text).map_err(|_| match act {
                Act::Change => self.lost(&format!("`{host}` answered with something that is not JSON")),
                Act::Look => Trouble::permanent(
                    format!("`{host}` answered with something that is not JSON"),
                    format!("check `url` of channel `{name}`: it is the address of the site, without a path to its API"),
                ),
            });
        }
        let words = excerpt(&secret.strike_out(&words_of(&text)), 160);
        let answered = match words.as_str() {
            "" => format!("`{host}` answered {}", status_name(status)),
            words => format!("`{host}` answered {}: “{words}”", status_name(status)),
        };
        Err(match status.as_u16() {
            429 | 503 => self.web.overloaded(&host, status, response.headers()),
            500..=599 if act == Act::Change => self.lost(&answered),
            500..=599 => Trouble::passing(answered, "run again later, and look at the log of the site if it stays so"),
            300..=399 => {
                Trouble::permanent(answered, format!("write the address that it redirects to as `url` of channel `{name}`"))
            }
            401 | 403 => Trouble::permanent(
                answered,
                format!("check the login of channel `{name}`, and that this user may write and publish posts"),
            ),
            404 => Trouble::permanent(answered, format!("check `url` of channel `{name}`: it is the address of the site")),
            // Somebody was quicker; the next attempt sees what is there.
            409 => Trouble::passing(answered, "run again: what is there now is looked at first"),
            _ => Trouble::permanent(answered, format!("read what it says; the channel is `{name}`")),
        })
    }

    /// It may have been taken. The next attempt looks; without one it is a person's.
    fn lost(&self, what: &str) -> Trouble {
        Trouble {
            again: true,
            ..Trouble::in_doubt(
                format!("{what}, so the piece may or may not be there"),
                format!("look into the posts behind channel `{}`, then tell what you found there", self.name),
            )
        }
    }
}

/// Trouble as a reply.
pub fn failed((trouble, attempts): (Trouble, u32)) -> Reply {
    trouble.into_reply(attempts)
}

/// The message of a refusal: WordPress says `message`, Ghost `errors[0].message` and `.context`.
fn words_of(text: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<Value>(text) else { return String::from_utf8_lossy(text).into_owned() };
    let error = &json["errors"][0];
    let said = [&json["message"], &error["message"], &error["context"]];
    said.iter().filter_map(|value| value.as_str()).collect::<Vec<_>>().join(" ")
}
