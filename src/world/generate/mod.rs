//! Providers of generated text, one a file. Steps name a provider by its role; here the role meets a wire.

mod anthropic_messages;
mod breaker;
pub mod cassette;
pub mod exec;
mod gemini;
mod openai_chat;
mod openai_responses;
mod server;
#[cfg(test)]
mod server_tests;
pub mod shape;
mod sse;
pub mod template;
mod wire;

use super::disk::DiskFiles;
use super::secrets::Secrets;
use super::trouble::Trouble;
use super::trust::Trust;
use super::web::Web;
use crate::model;
use crate::step::{Generate, Reply};
use breaker::Breaker;
use cassette::Cassette;
use server::ModelServer;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use wire::Wire;

/// A reply on its way.
pub type Replying<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// Answers `Request::Generate` for one role.
pub trait Provider: Send + Sync {
    /// Final: time-outs and retries are inside. Answers with `Generated` or `Failed`.
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a>;
}

/// The interface that a kind of provider speaks.
fn wire(kind: &str) -> Option<Box<dyn Wire>> {
    Some(match kind {
        "openai-chat" => Box::new(openai_chat::OpenAiChat),
        "openai-responses" => Box::new(openai_responses::OpenAiResponses),
        "anthropic-messages" => Box::new(anthropic_messages::AnthropicMessages),
        "gemini" => Box::new(gemini::Gemini),
        _ => return None,
    })
}

/// The provider that a workflow describes. A kind without a wire answers with trouble instead of writing.
pub fn open(provider: &model::Provider, files: &DiskFiles, web: &Arc<Web>, secrets: &Secrets) -> Box<dyn Provider> {
    let kind = provider.kind.as_str();
    if let Some(wire) = wire(kind) {
        let variable = std::env::var(cassette::VARIABLE).ok();
        return match Cassette::of(&provider.config, files, variable.as_deref()) {
            Ok(cassette) => {
                let server = ModelServer::new(wire, provider, web.clone(), secrets.clone(), cassette);
                Box::new(Breaker::new(Box::new(server), web.clock.clone()))
            }
            Err(trouble) => Box::new(Unknown(trouble)),
        };
    }
    match kind {
        "template" => Box::new(template::Template),
        "exec" => Box::new(exec::Exec::new(provider, files.root().to_owned(), Trust::of_user(), web.clone())),
        kind => Box::new(Unknown(Trouble::permanent(
            format!("provider `{}` is of kind `{kind}`, which this build cannot talk to", provider.name),
            "use `kind=\"template\"` or `kind=\"openai-chat\"`; `loopctl kinds provider` lists them all",
        ))),
    }
}

struct Unknown(Trouble);

impl Provider for Unknown {
    fn generate<'a>(&'a self, _request: &'a Generate) -> Replying<'a> {
        Box::pin(async { self.0.clone().into_reply(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_server::quick_web;
    use super::*;
    use crate::model::Config;

    #[tokio::test]
    async fn a_kind_without_a_wire_is_calm() {
        let provider = model::Provider { name: "drafter".into(), kind: "telepathy".into(), config: Config::default() };
        let request = template::tests::request("x");
        let reply = open(&provider, &DiskFiles::new(""), &quick_web(), &Secrets::new("")).generate(&request).await;
        assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains("`telepathy`")), "{reply:?}");
    }
}
