//! Channels, one a file: where pieces go out. Each keeps the promise "not twice" as far as the other side lets it.

pub mod back;
pub mod chat;
pub mod files;
pub mod front_matter;
pub mod ghost;
pub mod html;
pub mod letter;
mod pieces;
pub mod readers;
mod rest;
pub mod smtp;
#[cfg(test)]
mod trials;
pub mod webhook;
pub mod wordpress;

use super::disk::DiskFiles;
use super::generate::Replying;
use super::secrets::Secrets;
use super::trouble::Trouble;
use super::web::Web;
use crate::model;
use crate::runtime::{Look, Standing};
use crate::step::{Audience, Publish, Reply};
use jiff::tz::TimeZone;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Answers `Request::Publish` and `Query::Placed` for one channel.
pub trait Channel: Send + Sync {
    /// Answers with `Published` or `Failed`; asked twice with one key, the piece still goes out once, or the answer is `InDoubt`.
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a>;

    /// Did a piece with this key go out? Answers with `Placed`, or with an `InDoubt` failure when the channel cannot know.
    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a>;

    /// Who gets what goes out here, as digests. Nobody in particular, unless the channel knows its readers.
    fn audience<'a>(&'a self) -> Replying<'a> {
        Box::pin(async { Reply::Audience(Audience::default()) })
    }

    /// How the piece stands there now: a person may have changed it. By default a channel cannot tell.
    fn read_back<'a>(&'a self, _look: &'a Look) -> Standings<'a> {
        Box::pin(async { Standing::Unknown })
    }
}

/// The answer of [`Channel::read_back`].
pub type Standings<'a> = Pin<Box<dyn Future<Output = Standing> + Send + 'a>>;

/// The channel that a workflow describes. A kind without a way out answers with trouble instead of publishing.
pub fn open(channel: &model::Channel, zone: &TimeZone, files: &DiskFiles, web: &Arc<Web>, secrets: &Secrets) -> Box<dyn Channel> {
    match channel.kind.as_str() {
        "files" => Box::new(files::FilesChannel::new(channel, zone.clone(), files.clone())),
        "webhook" => Box::new(webhook::Webhook::new(channel, web.clone(), secrets.clone())),
        "slack" => Box::new(chat::Chat::new(chat::slack, channel, web.clone(), secrets.clone())),
        "teams" => Box::new(chat::Chat::new(chat::teams, channel, web.clone(), secrets.clone())),
        "wordpress" => Box::new(wordpress::WordPress::new(channel, web.clone(), secrets.clone())),
        "ghost" => Box::new(ghost::Ghost::new(channel, web.clone(), secrets.clone())),
        "smtp" => Box::new(smtp::Smtp::new(channel, files.clone(), web.clone(), secrets.clone())),
        kind => Box::new(Unknown(Trouble::permanent(
            format!("channel `{}` is of kind `{kind}`, which this build cannot publish to", channel.name),
            "use `kind=\"files\"` or `kind=\"webhook\"`; `loopctl kinds channel` lists them all",
        ))),
    }
}

struct Unknown(Trouble);

impl Channel for Unknown {
    fn publish<'a>(&'a self, _request: &'a Publish) -> Replying<'a> {
        Box::pin(async { self.0.clone().into_reply(1) })
    }

    fn placed<'a>(&'a self, _key: &'a str) -> Replying<'a> {
        Box::pin(async { Reply::Placed(None) })
    }
}
