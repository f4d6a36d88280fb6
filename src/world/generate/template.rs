//! The provider without a model: it answers with what the step's template composed from the facts. No network, no cost, the
//! same answer every time; what a first run uses.

use super::{Provider, Replying};
use crate::step::{Generate, Generated, Reply};
use crate::world::trouble::Trouble;

/// Answers with [`Generate::composed`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Template;

impl Template {
    /// The answer, at once.
    pub fn answer(request: &Generate) -> Reply {
        if request.composed.trim().is_empty() {
            return Trouble::permanent(
                format!("the template for the {} came out empty", request.task),
                "check that the template prints something for this item, or use a provider with a model",
            )
            .into_reply(1);
        }
        Reply::Generated(Generated {
            text: request.composed.clone(),
            model: "template".to_owned(),
            tokens_in: 0,
            tokens_out: 0,
            cost: None,
            cut: false,
        })
    }
}

impl Provider for Template {
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a> {
        Box::pin(async { Template::answer(request) })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn request(composed: &str) -> Generate {
        Generate {
            provider: "drafter".into(),
            task: "draft".into(),
            system: "Write plainly.".into(),
            prompt: "Write about prices.".into(),
            composed: composed.into(),
            max_tokens: 300,
            schema: None,
        }
    }

    #[test]
    fn the_template_answers_with_what_was_composed() {
        let Reply::Generated(generated) = Template::answer(&request("# Prices\n")) else { panic!("expected a text") };
        assert_eq!((generated.text.as_str(), generated.model.as_str(), generated.tokens_out), ("# Prices\n", "template", 0));
        assert!(matches!(Template::answer(&request(" \n")), Reply::Failed(failure) if failure.message.contains("draft")));
    }
}
