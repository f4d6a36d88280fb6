//! Providers of generated text, one a file. Steps name a provider by its role; here the role meets a wire.

pub mod openai_chat;
pub mod template;

use super::secrets::Secrets;
use super::trouble::Trouble;
use super::web::Web;
use crate::model;
use crate::step::{Generate, Reply};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A reply on its way.
pub type Replying<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// Answers `Request::Generate` for one role.
pub trait Provider: Send + Sync {
    /// Final: time-outs and retries are inside. Answers with `Generated` or `Failed`.
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a>;
}

/// The provider that a workflow describes. A kind without a wire answers with trouble instead of writing.
pub fn open(provider: &model::Provider, web: &Arc<Web>, secrets: &Secrets) -> Box<dyn Provider> {
    match provider.kind.as_str() {
        "template" => Box::new(template::Template),
        "openai-chat" => Box::new(openai_chat::OpenAiChat::new(provider, web.clone(), secrets.clone())),
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
        let reply = open(&provider, &quick_web(), &Secrets::new("")).generate(&request).await;
        assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains("`telepathy`")), "{reply:?}");
    }
}
