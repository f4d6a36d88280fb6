//! What `outline` and `draft` share: the request to a provider, and reading its answer.
//!
//! The step's template composes a text from facts alone. The `template` provider answers with exactly that; a model is
//! asked to write from it. So one template serves both, and swapping the provider is one line.

use crate::base::{Digest, Hasher};
use crate::model::Config;
use crate::model::goods::{Brief, Writer};
use crate::step::{FailureKind, Generate, Generated, Reply, Request, StepContext, StepError, fields, template};
use serde_json::Value;

/// The longest text that is kept of one signal in a prompt, in characters.
const QUOTE_MAX: usize = 400;

/// The first heading of a Markdown text, without its marks.
pub fn title_of(markdown: &str) -> Option<String> {
    markdown
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("# "))
        .map(|title| title.trim().trim_end_matches('#').trim_end().to_owned())
        .filter(|title| !title.is_empty())
}

/// What a template may use from the Client OS.
pub fn os_values(cx: &StepContext<'_>) -> Value {
    fields::os(cx.client_os)
}

/// A brief as a template sees it: quotations are one line and bounded.
pub fn brief_values(brief: &Brief) -> Value {
    let mut value = fields::brief(brief);
    for (claim, shown) in brief.claims.iter().zip(value["claims"].as_array_mut().into_iter().flatten()) {
        shown["quote"] = Value::String(claim.quote.quoted(QUOTE_MAX));
    }
    value
}

/// Renders the step's template (or `built_in` when it names none).
pub fn compose(cx: &StepContext<'_>, built_in: &str, values: &Value) -> Result<String, StepError> {
    let path = cx.config().text("template");
    let text = match path {
        Some(path) => cx
            .workflow
            .templates
            .get(path)
            .ok_or_else(|| StepError::new(format!("the template `{path}` was not read with the workflow")))?,
        None => built_in,
    };
    template::render(text, values).map_err(|error| {
        StepError::new(format!("the template {} could not be filled: {error}", path.unwrap_or("built into loopctl")))
            .help("`loopctl validate` checks templates against what the step has")
    })
}

/// The request for one piece. `rules` are the standing instructions of the kind of text.
pub fn request(cx: &StepContext<'_>, task: &str, rules: &str, brief: &Brief, composed: String) -> Request {
    let os = crate::client_os::context_for(cx.client_os, &cx.step.verb, None);
    let mut prompt = format!("Write the {task} for “{}”.\n\nThe claims you may make, each with its id:\n", brief.title);
    for claim in &brief.claims {
        prompt.push_str(&format!("[{}] {}\n{}\n", claim.id, claim.text, claim.quote.fenced("QUOTE", QUOTE_MAX)));
    }
    if !brief.avoid.is_empty() {
        prompt.push_str(&format!("\nNever say: {}.\n", brief.avoid.join("; ")));
    }
    if !brief.wishes.is_empty() {
        prompt.push_str("\nPeople sent an earlier version back. Do what they asked for, within the claims:\n");
        for wish in &brief.wishes {
            prompt.push_str(&format!("- {}\n", wish.reason));
        }
    }
    prompt.push_str(&format!(
        "\nA first version, put together from the facts alone. Keep its facts and its headings:\n\n{composed}\n"
    ));
    let most = limit(cx);
    let provider = cx.config().text("provider").and_then(|name| cx.workflow.providers.get(name));
    // The composer writes what it writes.
    if provider.is_some_and(|provider| provider.kind != "template") {
        prompt.push_str(&format!("\nWrite at most {} words.\n", words_of(most)));
    }
    Request::Generate(Generate {
        provider: cx.config().text("provider").unwrap_or_default().to_owned(),
        task: task.to_owned(),
        system: format!("{rules}\n\n{os}"),
        prompt,
        composed,
        max_tokens: most,
        schema: None,
    })
}

/// The longest answer in tokens that both the step and its provider allow.
fn limit(cx: &StepContext<'_>) -> u32 {
    let tokens = |config: &Config| config.integer("max-tokens").and_then(|tokens| u32::try_from(tokens).ok());
    let step = tokens(cx.config()).unwrap_or(1_200);
    let provider = cx.config().text("provider").and_then(|name| cx.workflow.providers.get(name));
    provider.and_then(|provider| tokens(&provider.config)).map_or(step, |most| most.min(step))
}

/// Words that surely fit: 1,000 tokens are about 750 English words, less marks, links and citations. In tens.
fn words_of(tokens: u32) -> u32 {
    (tokens / 2).next_multiple_of(10).max(10)
}

/// The newest text among the answers.
pub fn last_text<'a>(cx: &StepContext<'a>) -> Option<&'a Generated> {
    cx.replies.iter().rev().flatten().find_map(|reply| match reply {
        Reply::Generated(generated) => Some(generated),
        _ => None,
    })
}

/// The answer to the last turn's only request.
pub fn answer<'a>(cx: &StepContext<'a>) -> Result<&'a Generated, StepError> {
    match cx.replies.last().map(Vec::as_slice) {
        Some([Reply::Generated(generated)]) => Ok(generated),
        Some([Reply::Failed(failure)]) => {
            let error = StepError::new(format!("the provider did not write it: {}", failure.message));
            // Items whose provider was away are first in line in the next cycle.
            let later = (failure.kind == FailureKind::Transient).then_some("`loopctl run` asks again in the next cycle");
            let help: Vec<&str> = failure.help.as_deref().into_iter().chain(later).collect();
            Err(if help.is_empty() { error } else { error.help(help.join("; ")) })
        }
        _ => Err(StepError::new("the provider answered with something that is not a text")),
    }
}

/// Who wrote it. Costs of several turns add up.
pub fn writer(cx: &StepContext<'_>, prompt: &Request) -> Writer {
    let answers = cx.replies.iter().flatten().filter_map(|reply| match reply {
        Reply::Generated(generated) => Some(generated),
        _ => None,
    });
    let mut writer = Writer {
        provider: cx.config().text("provider").unwrap_or_default().to_owned(),
        model: String::new(),
        tokens: 0,
        cost: None,
        prompt: prompt_digest(prompt),
    };
    writer.tokens =
        cx.replies.iter().flatten().map(|reply| if let Reply::Failed(failure) = reply { failure.tokens } else { 0 }).sum();
    for generated in answers {
        writer.model.clone_from(&generated.model);
        writer.tokens += generated.tokens_in + generated.tokens_out;
        writer.cost = match (writer.cost.take(), generated.cost.clone()) {
            (Some(sum), Some(cost)) => Some(sum + cost),
            (sum, cost) => sum.or(cost),
        };
    }
    writer
}

fn prompt_digest(request: &Request) -> Digest {
    let mut hasher = Hasher::new();
    if let Request::Generate(generate) = request {
        hasher.part(&generate.system).part(&generate.prompt);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heading_is_the_title() {
        assert_eq!(title_of("intro\n# A title #\n\n## More"), Some("A title".to_owned()));
        assert_eq!(title_of("## only a section"), None);
        assert_eq!(title_of("#\n"), None);
    }
}
