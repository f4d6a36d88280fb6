//! `publish`: sends placements out, each exactly once.
//!
//! The key of a publish is derived from the workflow, the step, the channel and the placement, so every attempt, in this cycle
//! or after a crash, carries the same one. The engine journals the intent before and the receipt after.

use crate::base::{Digest, Hasher, ItemId, WorkflowId};
use crate::model::goods::{Draft, Placement, Receipt, Revision};
use crate::model::{Good, GoodKind, Layer};
use crate::step::spec::no_tunables;
use crate::step::{
    FailureKind, KindSpec, Mode, NodeSpec, NoteLevel, Output, Publish, Reach, Reply, Request, StepContext, StepError, StepKind,
    Turn, ValueType, WentOut,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct PublishKind;

static SPEC: KindSpec = KindSpec {
    verb: "publish",
    connector: None,
    layers: &[Layer::Distribution],
    summary: "Sends each placement to its channel, exactly once.",
    doc: "The intent is on disk before anything is sent and the receipt after. After a crash in between, the channel is asked whether \
the piece went out; a channel that cannot answer leaves the piece for a person to decide. Links to your own pages carry the piece's key \
as `utm_content`, so that what readers do weeks later comes home to the signals behind the piece.",
    takes: &[GoodKind::Placement],
    gives: &[GoodKind::Receipt],
    mode: Mode::Each,
    nodes: &[NodeSpec::value("tag-links", ValueType::Bool, "Add utm parameters to links to your own pages.", "tag-links #false")
        .or("#true")],
    example: r#"publish "out" { from "channels" }"#,
    keeps: None,
    generates: false,
    publishes: true,
    decides: false,
    tunables: no_tunables,
};

/// The idempotency key of a placement.
fn key(workflow: &WorkflowId, step: &str, channel: &str, placement: &ItemId) -> String {
    let mut hasher = Hasher::new();
    hasher.part("publish").part(workflow.as_str()).part(step).part(channel).json(placement);
    let digest: Digest = hasher.finish();
    digest.short(16)
}

impl StepKind for PublishKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("one placement is published at a time")) };
        let Good::Placement(placement) = &item.good else {
            return Err(StepError::new(format!("cannot publish a {}", item.kind())));
        };
        let draft = &placement.draft;
        let before = before(cx, item.id, placement);
        let key = match before {
            Before::One(before) => before.key.clone(),
            Before::None | Before::Several => key(&cx.workflow.id, cx.step.id.as_str(), &placement.channel, &item.id),
        };
        let Some(replies) = cx.replies.first() else {
            if let Before::One(before) = before
                && !before.public
            {
                let mut output = Output::default();
                output.note(
                    NoteLevel::Warning,
                    format!(
                        "“{}” was taken off `{}` by a person since it went out, so its new text is not sent there.",
                        draft.title, placement.channel
                    ),
                );
                return Ok(Turn::Done(output));
            }
            let text =
                if cx.config().flag("tag-links") { tag_links(cx, draft, &placement.channel, &key) } else { draft.text.clone() };
            return Ok(Turn::Ask(vec![Request::Publish(Publish {
                channel: placement.channel.clone(),
                fields: fields(cx, placement),
                key,
                title: draft.title.clone(),
                text,
                at: cx.now,
                update: matches!(before, Before::One(_)),
                over: if let Before::One(before) = before { before.version.clone() } else { None },
                people: None,
            })]));
        };
        match replies.as_slice() {
            [Reply::Published(published)] => {
                let mut output = Output::default();
                match before {
                    Before::One(before) => output.note(
                        NoteLevel::Info,
                        format!("“{}” was sent as the new text of the piece at {}; it keeps its key {key}.", draft.title, before.location),
                    ),
                    Before::Several => output.note(
                        NoteLevel::Info,
                        format!(
                            "“{}” went out as a new piece: several on its topic are on `{}`, so which one it replaces is not known.",
                            draft.title, placement.channel
                        ),
                    ),
                    Before::None => {}
                }
                if let Some(reach) = published.reach.as_ref().filter(|reach| !reach.left_out.is_empty()) {
                    output.note(NoteLevel::Warning, left_out(&draft.title, &placement.channel, reach));
                }
                let receipt = Receipt {
                    placement: item.id,
                    title: draft.title.clone(),
                    topic: draft.brief.topic.clone(),
                    pillar: draft.brief.pillar.clone(),
                    channel: placement.channel.clone(),
                    key,
                    location: published.location.clone(),
                    at: published.at,
                    edited: is_edited(draft),
                };
                output.give(receipt, vec![item.id]);
                Ok(Turn::Done(output))
            }
            [Reply::Failed(failure)] => {
                let error =
                    StepError::new(format!("“{}” did not go out on `{}`: {}", draft.title, placement.channel, failure.message));
                Err(match (&failure.help, failure.kind) {
                    (Some(help), _) => error.help(help.clone()),
                    (None, FailureKind::Transient) => error.help("run `loopctl run` again later"),
                    (None, _) => error,
                })
            }
            _ => Err(StepError::new("the channel answered with something that is not a receipt")),
        }
    }
}

/// Who was left out: `“Prices moved” went to 328 of 340 people on letters; left out: 12 already written to twice this week.`
fn left_out(title: &str, channel: &str, reach: &Reach) -> String {
    let left: Vec<String> = reach.left_out.iter().map(|(many, why)| format!("{many} {why}")).collect();
    format!("“{title}” went to {} of {} people on `{channel}`; left out: {}.", reach.people, reach.of, left.join(", "))
}

/// What is out already in place of a piece that was made again.
#[derive(Clone, Copy)]
enum Before<'a> {
    None,
    One(&'a WentOut),
    Several,
}

/// The piece on the same topic, over the same channel, by the same step.
fn before<'a>(cx: &StepContext<'a>, item: ItemId, placement: &Placement) -> Before<'a> {
    let is_of = |out: &&WentOut| {
        out.step == cx.step.id
            && out.channel == placement.channel
            && out.topic == placement.draft.brief.topic
            && out.placement != item
    };
    let mut found = cx.went_out.iter().filter(is_of);
    match (found.next(), found.next()) {
        (None, _) => Before::None,
        (Some(one), None) => Before::One(one),
        (Some(_), Some(_)) => Before::Several,
    }
}

/// Whether the piece carries a person's words.
fn is_edited(draft: &Draft) -> bool {
    draft.outline_edited || matches!(draft.revision, Revision::Edited { .. })
}

/// What a channel may show beside the text.
fn fields(cx: &StepContext<'_>, placement: &Placement) -> BTreeMap<String, Value> {
    let draft = &placement.draft;
    let mut fields = BTreeMap::from([
        ("workflow".to_owned(), json!(cx.workflow.id.as_str())),
        ("cycle".to_owned(), json!(cx.cycle.0)),
        ("topic".to_owned(), json!(draft.brief.topic)),
        ("signals".to_owned(), json!(draft.provenance.signals().iter().map(|signal| signal.short()).collect::<Vec<_>>())),
        ("client-os".to_owned(), json!(draft.provenance.client_os.short(12))),
        ("written-by".to_owned(), json!(draft.writer.model)),
    ]);
    if let Some(pillar) = &draft.brief.pillar {
        fields.insert("pillar".to_owned(), json!(pillar));
    }
    // Which version went out is what a test is read by.
    if let Some(version) = &placement.version {
        fields.insert("version".to_owned(), json!(version.name));
        for (axis, value) in &version.axes {
            fields.insert(format!("version-{axis}"), json!(value));
        }
        fields.extend(version.segment.as_ref().map(|segment| ("segment".to_owned(), json!(segment))));
        fields.extend(version.platform.as_ref().map(|platform| ("platform".to_owned(), json!(platform))));
    }
    if let Some(by) = draft.approved_by.as_ref().or(draft.outline_by.as_ref()) {
        fields.insert("approved-by".to_owned(), json!(by));
    }
    if is_edited(draft) {
        fields.insert("edited".to_owned(), json!(true));
    }
    fields
}

/// Adds utm parameters to Markdown links that lead to own pages: `](https://us.example/x)`.
fn tag_links(cx: &StepContext<'_>, draft: &Draft, channel: &str, key: &str) -> String {
    let hosts: Vec<&str> = cx.client_os.pages.iter().filter_map(|(_, url)| host(url)).collect();
    let mut tagged = String::with_capacity(draft.text.len());
    let mut rest = draft.text.as_str();
    while let Some(start) = rest.find("](http") {
        let (before, link) = rest.split_at(start + 2);
        let end = link.find([')', ' ', '\n']).unwrap_or(link.len());
        let (url, after) = link.split_at(end);
        tagged.push_str(before);
        match host(url) {
            Some(own) if hosts.contains(&own) && !url.contains("utm_content=") => {
                let (address, fragment) =
                    url.split_once('#').map_or((url, None), |(address, fragment)| (address, Some(fragment)));
                let join = if address.contains('?') { '&' } else { '?' };
                let campaign = cx.workflow.id.as_str().replace(' ', "-");
                tagged.push_str(&format!("{address}{join}utm_source={channel}&utm_campaign={campaign}&utm_content={key}"));
                if let Some(fragment) = fragment {
                    tagged.push('#');
                    tagged.push_str(fragment);
                }
            }
            _ => tagged.push_str(url),
        }
        rest = after;
    }
    tagged.push_str(rest);
    tagged
}

/// A text without the parameters that [`PublishKind`] adds to links under this key, as it was before.
pub fn untagged(text: &str, key: &str) -> String {
    let mark = format!("utm_content={key}");
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&mark) {
        let (before, after) = (&rest[..at], &rest[at + mark.len()..]);
        let url = before.rfind(|c: char| c.is_whitespace() || "()<>\"".contains(c)).map_or(0, |at| at + 1);
        match before[url..].rfind("utm_source=").map(|at| url + at).filter(|at| *at > 0) {
            Some(tag) => {
                plain.push_str(&before[..tag - 1]);
                // Somebody may have added a parameter behind ours.
                match after.strip_prefix('&') {
                    Some(more) => {
                        plain.push_str(&before[tag - 1..tag]);
                        rest = more;
                    }
                    None => rest = after,
                }
            }
            None => {
                plain.push_str(&rest[..at + mark.len()]);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The host of an http(s) URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::untagged;

    #[test]
    fn links_lose_what_was_added_to_them_and_nothing_else() {
        let tag = |key: &str| format!("utm_source=blog&utm_campaign=w&utm_content={key}");
        for plain in [
            "[a](https://us.example/x)",
            "[a](https://us.example/x?a=1#part) and <https://us.example/>",
            "no link at all",
            "[a](https://us.example/x?utm_source=mine&utm_content=other)",
        ] {
            let tagged = plain
                .replace("/x?a=1#part", &format!("/x?a=1&{}#part", tag("k")))
                .replace("/x)", &format!("/x?{})", tag("k")))
                .replace("example/>", &format!("example/?{}>", tag("k")));
            assert_eq!(untagged(&tagged, "k"), plain, "{tagged}");
        }
        assert_eq!(untagged(&format!("(https://us.example/?{}&more=1)", tag("k")), "k"), "(https://us.example/?more=1)");
        assert_eq!(untagged("utm_content=k alone", "k"), "utm_content=k alone");
    }
}
