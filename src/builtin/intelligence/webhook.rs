//! `source kind="webhook"`: what other systems send to `loopctl serve`, a signal per message.
//!
//! The service checks the signature and keeps each message once, as a file in the inbox. This step reads the inbox, so a cycle
//! sees what has come in whether the service runs or not, and a test needs a file and no server.

use super::reading::{self, Outcome, count, warn};
use crate::base::{Digest, InOrder, Timestamp};
use crate::builtin::common::topic;
use crate::model::goods::{Signal, SignalKind};
use crate::model::{GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Target, Turn, ValueType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads what was received.
pub struct Webhook;

/// A message as the service keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// The sender's own name for it: the same message has the same one however often it is sent.
    pub id: String,
    /// When the sender signed it.
    pub at: Timestamp,
    pub body: Value,
}

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("webhook"),
    layers: &[Layer::Intelligence],
    summary: "Reads what other systems send to the service.",
    doc: "`loopctl serve` takes messages in at `POST /hooks/NAME`, where NAME is the name of this step. The sender signs them as \
        Standard Webhooks says: `webhook-id`, `webhook-timestamp` and `webhook-signature` with a secret that starts with \
        `whsec_`. A message that is not signed so, or was signed more than five minutes ago, is refused; one that comes again is \
        kept once. Each becomes one note signal; the members that hold its title, text and address may be named with dots \
        (`data.object.title`).",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec::value(
            "inbox",
            ValueType::OutputPath,
            "The folder in which messages are kept, relative to the workflow.",
            r#"inbox "inbox/forms""#,
        )
        .required(),
        NodeSpec::value("secret", ValueType::Secret, "What the sender signs with.", r#"secret (env)"FORMS_SECRET""#).required(),
        NodeSpec::value("title", ValueType::Text, "The member that is the title.", r#"title "data.subject""#).or("title"),
        NodeSpec::value("text", ValueType::Text, "The member that is the text.", r#"text "data.body""#).or("text"),
        NodeSpec::value("link", ValueType::Text, "The member that is an address.", r#"link "data.url""#).or("url"),
    ],
    example: "source \"forms\" kind=\"webhook\" {\n    inbox \"inbox/forms\"\n    secret (env)\"FORMS_SECRET\"\n    title \"data.subject\"\n}",
    keeps: Some("which messages were given"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    given: BTreeSet<String>,
}

impl StepKind for Webhook {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let inbox = cx.config().text("inbox").unwrap_or_default().trim_end_matches('/').to_owned();
        let targets = [Target::Folder { path: inbox, glob: "*.json".to_owned() }];
        let Some(replies) = cx.replies.first() else {
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let kept: Kept = reading::state(cx);
        let (mut now, mut output) = (Kept::default(), Output::default());
        let mut fresh: Vec<(Received, Digest)> = Vec::new();
        for outcome in reading::outcomes(&targets, replies) {
            match outcome {
                Outcome::Read(document) => {
                    let Ok(received) = serde_json::from_slice::<Received>(&document.bytes) else {
                        warn(
                            &mut output,
                            Some(document.place.clone()),
                            format!("{} is no message of a webhook.", document.place),
                        );
                        continue;
                    };
                    // What was signed after this cycle began belongs to the next.
                    if received.at > cx.now {
                        continue;
                    }
                    if !kept.given.contains(&document.key) {
                        fresh.push((received, document.digest));
                    }
                    now.given.insert(document.key);
                }
                Outcome::Failed { key, message, help } => {
                    return Err(StepError { message: format!("{key} cannot be read: {message}"), help });
                }
                Outcome::Blocked { key, reason, .. } => {
                    return Err(StepError::new(format!("{key} may not be read: {reason}")));
                }
                // Nothing has come in yet.
                Outcome::Missing { .. } | Outcome::Unchanged { .. } => {}
            }
        }
        fresh.order_by(|(one, _), (other, _)| (one.at, &one.id).cmp(&(other.at, &other.id)));
        for (received, digest) in &fresh {
            output.give(note(cx, received, *digest), Vec::new());
        }
        output.headline = Some(format!("{}, {} new", count(now.given.len(), "message"), fresh.len()));
        output.state = reading::keep(&now);
        Ok(Turn::Done(output))
    }
}

/// The text at `data.object.title`; what is no text is written as it stands.
fn member(body: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(body, |value, name| value.get(name))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn note(cx: &StepContext<'_>, received: &Received, digest: Digest) -> Signal {
    let at = |node: &str| cx.config().text(node).and_then(|path| member(&received.body, path));
    let text: String = at("text").unwrap_or_else(|| received.body.to_string()).chars().take(20_000).collect();
    let title = Untrusted::new(at("title").unwrap_or_else(|| reading::quote(&text, 80)));
    // Only what can be followed is an address.
    let url = at("link").filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    Signal {
        summary: Untrusted::new(text.clone()),
        url,
        fetched_at: cx.now,
        quote: Untrusted::new(reading::quote(&text, 280)),
        ..Signal::new(SignalKind::Note, topic::key(title.as_data()), title, cx.step.id.as_str(), received.at, digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes, signals};

    const STEP: &str =
        r#"source "forms" kind="webhook" { inbox "inbox"; secret (env)"S"; title "data.subject"; text "data.body" }"#;

    fn message(id: &str, at: &str, subject: &str) -> String {
        format!(
            r#"{{"id":"{id}","at":"{at}","body":{{"data":{{"subject":"{subject}","body":"We pay too much."}},"url":"javascript:x"}}}}"#
        )
    }

    #[test]
    fn each_message_is_given_once_in_the_order_in_which_it_was_signed() {
        let mut bench = Bench::new(&Webhook, STEP)
            .file("inbox/a.json", message("m2", "2026-11-21T10:00:00Z", "Second"))
            .file("inbox/b.json", message("m1", "2026-11-21T09:00:00Z", "First"))
            .file("inbox/c.json", message("m3", "2026-11-30T09:00:00Z", "Later"))
            .file("inbox/broken.json", "{");
        let output = bench.run("2026-11-22").unwrap();
        let titles: Vec<_> = signals(&output).iter().map(|signal| signal.title.as_data().to_owned()).collect();
        assert_eq!(titles, ["First", "Second"]);
        assert_eq!(signals(&output)[0].url, None, "an address that cannot be followed is none");
        assert_eq!(notes(&output), ["inbox/broken.json inbox/broken.json is no message of a webhook."]);
        let again = bench.run("2026-11-23").unwrap();
        assert_eq!((again.goods.len(), again.headline.as_deref()), (0, Some("2 messages, 0 new")));
        assert_eq!(bench.run("2026-12-01").unwrap().goods.len(), 1);
    }

    #[test]
    fn an_inbox_that_is_not_there_yet_is_empty() {
        let output = Bench::new(&Webhook, STEP).run("2026-11-22").unwrap();
        assert_eq!((output.goods.len(), output.headline.as_deref()), (0, Some("0 messages, 0 new")));
    }
}
