//! `gate`: people decide, item by item. What they approve goes on as it is, what they edit goes on as they wrote it,
//! what they reject stops here.

use crate::base::{Digest, Hasher, ItemId, StepId};
use crate::model::goods::{Asset, Brief, Draft, Outline, TextEdit, Wish};
use crate::model::goods::{Rejection, Revision};
use crate::model::{Good, GoodKind, Item, Scalar, Workflow};
use crate::step::request::{ExpiryAction, GateRules};
use crate::step::spec::{SEND_BACK, no_tunables};
use crate::step::{
    Approve, ArgSpec, Decision, KindSpec, Mode, NodeSpec, NoteLevel, Nudging, Occurs, Output, PropSpec, Reply, Request,
    StepContext, StepError, StepKind, Turn, ValueType, Verdict,
};

use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Gate;

static SPEC: KindSpec = KindSpec {
    verb: "gate",
    connector: None,
    layers: &[],
    summary: "Waits for a person's decision about each item.",
    doc: "Every item waits until somebody approves, edits or rejects it, or sends it back to be made again, with `loopctl gate`. Items are independent: one that is approved \
goes on while others still wait. An edit replaces the text and is kept for good. An approval is pinned to exactly what was shown. \
What a person turns down goes no further; a `report` that takes from the gate counts it and its reason.",
    takes: &[GoodKind::Outline, GoodKind::Draft, GoodKind::Asset],
    gives: &[GoodKind::Outline, GoodKind::Draft, GoodKind::Asset, GoodKind::Rejection],
    mode: Mode::Each,
    nodes: &[
        NodeSpec {
            name: "by",
            args: &[ArgSpec { name: "team", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            occurs: Occurs::Once,
            doc: "Who decides: one or more people or teams.",
            example: r#"by "content-team""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "expires",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec {
                name: "then",
                ty: ValueType::Choice(&["reject", "approve"]),
                required: false,
                default: Some("reject"),
                doc: "What happens to an item that nobody decided about in time.",
            }],
            doc: "How long after the cycle opened an item may wait. Without it, it waits for ever.",
            example: r#"expires "72h" then="reject""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "remind",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec {
                name: "every",
                ty: ValueType::Duration,
                required: false,
                default: None,
                doc: "Again so long after each reminder.",
            }],
            doc: "How long an item waits before people are told again, counted from when it was put to them. They are told over the `notify` \
setting of the workflow, as `gate-reminder`.",
            example: r#"remind "24h" every="24h""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "escalate",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec {
                name: "to",
                ty: ValueType::Text,
                required: true,
                default: None,
                doc: "Who is asked as well: a person or a team.",
            }],
            doc: "How long an item waits before somebody else is asked as well, counted from when it was put to people. It is told over the \
`notify` setting of the workflow, as `gate-escalated`; whoever was asked first may still decide.",
            example: r#"escalate "48h" to="head-of-content""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "queue",
            ValueType::Integer,
            "How many items may wait here at most, in all open cycles together. While so many wait, the steps before this gate write no \
more; they go on as people decide.",
            "queue 20",
        ),
        NodeSpec::value(
            "approvals",
            ValueType::Integer,
            "How many different people must approve an item before it goes on. One rejection is enough to stop it, and an edit makes \
another text: what was approved before it counts no more.",
            "approvals 2",
        )
        .or("1"),
        NodeSpec::value(
            "no-self-approval",
            ValueType::Bool,
            "Whether somebody else has to approve what a person edited here, or in the outline that it was made from.",
            "no-self-approval #true",
        )
        .or("#false"),
        NodeSpec {
            name: SEND_BACK,
            args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
            rest: Some(ValueType::Step),
            props: &[PropSpec {
                name: "rounds",
                ty: ValueType::Integer,
                required: false,
                default: Some("3"),
                doc: "How often one piece may be sent back, to all of them together.",
            }],
            doc: "The steps before this gate that may be asked to make an item again, by `loopctl gate send-back ITEM --to STEP --reason TEXT`. The reason stands in \
what they are asked, and the new piece comes to the gate again.",
            example: r#"send-back "outlines" rounds=2"#,
            ..NodeSpec::EMPTY
        },
    ],
    example: r#"gate "editor" {
    from "outlines"
    by "content-team"
    approvals 2
    no-self-approval #true
    send-back "outlines" rounds=2
    remind "24h" every="24h"
    escalate "48h" to="head-of-content"
    expires "72h" then="reject"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: true,
    tunables: no_tunables,
};

/// The digest of what a person says yes to: the item, which is its content and all it was made from; the Client OS; and where it
/// goes from here, which is the settings of every step behind this one and the channels.
pub fn pins(cx: &StepContext<'_>, item: &Item) -> Digest {
    let mut hasher = Hasher::new();
    hasher.json(&item.id).part(cx.client_os_digest.bytes());
    add_target(&mut hasher, cx.workflow, &cx.step.id);
    hasher.finish()
}

/// The digest of where pieces go from a gate.
pub fn target(workflow: &Workflow, gate: &StepId) -> Digest {
    let mut hasher = Hasher::new();
    add_target(&mut hasher, workflow, gate);
    hasher.finish()
}

fn add_target(hasher: &mut Hasher, workflow: &Workflow, gate: &StepId) {
    let mut behind = BTreeSet::from([gate]);
    // Steps stand in any order in a file, so it is gone through until nothing is added.
    loop {
        let before = behind.len();
        for step in &workflow.steps {
            if step.from.iter().any(|wire| behind.contains(&wire.from)) {
                behind.insert(&step.id);
            }
        }
        if behind.len() == before {
            break;
        }
    }
    let publishing = workflow.steps.iter().filter(|step| behind.contains(&step.id) && TARGETS.contains(&&*step.verb));
    for step in publishing {
        hasher.part(step.id.as_str()).json(&step.config);
    }
    hasher.json(&workflow.channels);
}

/// Steps that say where a piece goes.
const TARGETS: [&str; 2] = ["route", "publish"];

/// Who wrote what is decided about, as far as people did: whoever edited it, or anything that it was made from.
fn authors(cx: &StepContext<'_>, item: &Item) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::from([item.id]);
    let mut left = item.parents.clone();
    let mut look = |good: &Good| {
        if let Good::Outline(Outline { revision: Revision::Edited { by, .. }, .. })
        | Good::Draft(Draft { revision: Revision::Edited { by, .. }, .. })
        | Good::Asset(Asset { draft: Draft { revision: Revision::Edited { by, .. }, .. }, .. }) = good
        {
            names.insert(by.clone());
        }
    };
    look(&item.good);
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(parent) = cx.lineage.item(&id) {
            look(&parent.good);
            // What came before the brief was written by nobody here.
            if matches!(parent.good, Good::Outline(_) | Good::Draft(_) | Good::Asset(_)) {
                left.extend(&parent.parents);
            }
        }
    }
    names.into_iter().collect()
}

fn rules(cx: &StepContext<'_>, item: &Item) -> GateRules {
    let no_self_approval = cx.config().flag("no-self-approval");
    GateRules {
        approvals: u32::try_from(cx.config().integer("approvals").unwrap_or(1)).unwrap_or(1).max(1),
        no_self_approval,
        authors: if no_self_approval { authors(cx, item) } else { Vec::new() },
        back: back(cx, item),
    }
}

fn nudging(cx: &StepContext<'_>) -> Nudging {
    let millis =
        |value: Option<&Scalar>| value.and_then(Scalar::duration).and_then(|after| u64::try_from(after.as_millis()).ok());
    let (remind, escalate) = (cx.config().child("remind"), cx.config().child("escalate"));
    let to = escalate.and_then(|node| node.prop("to")).and_then(Scalar::text);
    Nudging {
        remind_after: remind.and_then(|node| millis(node.arg())),
        remind_every: remind.and_then(|node| millis(node.prop("every"))).filter(|every| *every > 0),
        escalate_after: escalate.and_then(|node| millis(node.arg())),
        escalate_to: to.map(str::to_owned).into_iter().collect(),
    }
}

/// The steps that may be asked to make it again, while rounds are left.
fn back(cx: &StepContext<'_>, item: &Item) -> Vec<StepId> {
    let Some(node) = cx.config().child(SEND_BACK) else { return Vec::new() };
    let rounds = node.prop("rounds").and_then(Scalar::integer).and_then(|rounds| usize::try_from(rounds).ok()).unwrap_or(3);
    if brief_of(&item.good).is_none_or(|brief| brief.wishes.len() >= rounds) {
        return Vec::new();
    }
    node.args.iter().filter_map(Scalar::text).map(StepId::new).collect()
}

fn brief_of(good: &Good) -> Option<&Brief> {
    match good {
        Good::Brief(brief) => Some(brief),
        Good::Outline(outline) => Some(&outline.brief),
        good => good.piece().map(|draft| &*draft.brief),
    }
}

/// What the step `to` made this piece from, with the wish in it. It has the piece itself as a parent too, so that its lineage
/// tells of every round.
fn made_from(cx: &StepContext<'_>, item: &Item, to: &StepId, wish: Wish) -> Option<(Good, Vec<ItemId>)> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![item.id]);
    while let Some(id) = left.pop() {
        let known = if id == item.id { Some(Arc::new(item.clone())) } else { cx.lineage.item(&id) };
        let Some(found) = known.filter(|_| seen.insert(id)) else { continue };
        if found.made_by != *to {
            left.extend(&found.parents);
            continue;
        }
        for parent in found.parents.iter().filter_map(|parent| cx.lineage.item(parent)) {
            let mut good = parent.good.clone();
            match (&found.good, &mut good) {
                (Good::Outline(_), Good::Brief(brief)) => brief.wishes.push(wish),
                (Good::Draft(_), Good::Outline(outline)) => outline.brief.wishes.push(wish),
                (Good::Asset(_), Good::Draft(draft) | Good::Asset(Asset { draft, .. })) => draft.brief.wishes.push(wish),
                _ => continue,
            }
            return Some((good, vec![parent.id, item.id]));
        }
    }
    None
}

impl StepKind for Gate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("a gate decides about one item at a time")) };
        // Versions of a piece have one title, so a person is told which one this is.
        let shown = item.good.title();
        let (title, text) = match &item.good {
            Good::Outline(outline) => (&outline.title, &outline.text),
            Good::Draft(draft) => (&draft.title, &draft.text),
            Good::Asset(asset) => (&shown, &asset.draft.text),
            other => return Err(StepError::new(format!("a gate cannot show a {}", other.kind()))),
        };
        let Some(replies) = cx.replies.first() else {
            let expires = cx.config().child("expires");
            return Ok(Turn::Ask(vec![Request::Approve(Approve {
                item: item.id,
                title: title.clone(),
                text: text.clone(),
                by: cx.config().texts("by").into_iter().map(str::to_owned).collect(),
                expires: expires.and_then(|node| node.arg()).and_then(|after| after.duration()).map(|after| cx.now + after),
                on_expiry: match expires.and_then(|node| node.prop("then")).and_then(|then| then.text()) {
                    Some("approve") => ExpiryAction::Approve,
                    _ => ExpiryAction::Reject,
                },
                pins: pins(cx, item),
                rules: rules(cx, item),
                nudging: nudging(cx),
                again: cx.again.map(str::to_owned),
            })]));
        };
        let [Reply::Decided(decision)] = replies.as_slice() else {
            return Err(StepError::new("the gate was answered with something that is not a decision"));
        };
        let mut output = Output::default();
        match &decision.verdict {
            Verdict::Approve | Verdict::Edit { .. } | Verdict::Expired { approve: true } => {
                let edit = decision.edit().map(|(edit, text)| {
                    let before = previous_text(&item.good);
                    (text.to_owned(), Revision::Edited { by: edit.by.clone(), at: edit.at, before, kept: false })
                });
                output
                    .give(approved(&item.good, &signatures(decision, cx.config().flag("no-self-approval")), edit), vec![item.id]);
            }
            Verdict::Reject { reason } => {
                let brief = match &item.good {
                    Good::Outline(outline) => &outline.brief,
                    Good::Draft(draft) | Good::Asset(Asset { draft, .. }) => &draft.brief,
                    other => return Err(StepError::new(format!("a gate cannot show a {}", other.kind()))),
                };
                let rejection = Rejection {
                    item: item.id,
                    title: title.clone(),
                    topic: brief.topic.clone(),
                    pillar: brief.pillar.clone(),
                    reason: reason.clone().filter(|reason| !reason.trim().is_empty()),
                    by: decision.by.clone(),
                    at: decision.at,
                };
                output.give(rejection, vec![item.id]);
                let reason = reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
                output.note(NoteLevel::Info, format!("{} rejected “{title}”{reason}.", decision.by));
            }
            Verdict::SendBack { to, reason } => {
                // What somebody changed before it was sent back outlives the round.
                let edit = decision.edit().map(|(edit, text)| TextEdit {
                    of: item.kind(),
                    by: edit.by.clone(),
                    at: edit.at,
                    before: previous_text(&item.good),
                    after: text.to_owned(),
                });
                let version = item.good.version().map(|version| version.name.clone());
                let wish = Wish { reason: reason.trim().to_owned(), by: decision.by.clone(), at: decision.at, edit, version };
                let (good, parents) = made_from(cx, item, to, wish).ok_or_else(|| {
                    StepError::new(format!("“{title}” was not made by `{to}`, so it cannot make it again"))
                        .help("send it back to a step that writes and that this gate takes from")
                })?;
                output.give(good, parents);
                output.back = Some(to.clone());
                output.note(NoteLevel::Info, format!("{} sent “{title}” back to `{to}`: {}.", decision.by, reason.trim()));
            }
            Verdict::Expired { approve: false } => {
                output.note(NoteLevel::Warning, format!("“{title}” was rejected because nobody decided in time."));
            }
        }
        Ok(Turn::Done(output))
    }
}

/// Everyone whose approval let it through, in the order in which they gave it.
fn signatures(decision: &Decision, no_self_approval: bool) -> String {
    let mut names: Vec<&str> = Vec::new();
    for said in decision.before.iter().chain([decision]) {
        if matches!(said.verdict, Verdict::Edit { .. }) {
            // What was approved before was another text.
            names.clear();
        }
        if !(no_self_approval && matches!(said.verdict, Verdict::Edit { .. })) {
            names.push(&said.by);
        }
    }
    names.join(", ")
}

/// What the text was before a person touched it, however often it has been edited since.
fn previous_text(good: &Good) -> String {
    let (revision, text) = match good {
        Good::Outline(outline) => (&outline.revision, &outline.text),
        Good::Draft(draft) | Good::Asset(Asset { draft, .. }) => (&draft.revision, &draft.text),
        _ => return String::new(),
    };
    match revision {
        Revision::Edited { before, .. } => before.clone(),
        Revision::Generated => text.clone(),
    }
}

fn approved(good: &Good, by: &str, edit: Option<(String, Revision)>) -> Good {
    let mut good = good.clone();
    match &mut good {
        Good::Outline(outline) => {
            outline.approved_by = Some(by.to_owned());
            if let Some((text, revision)) = edit {
                outline.title = super::writing::title_of(&text).unwrap_or_else(|| outline.title.clone());
                outline.text = text;
                // They were about the words that the person replaced.
                outline.findings.clear();
                outline.revision = revision;
            }
        }
        Good::Draft(draft) | Good::Asset(Asset { draft, .. }) => {
            draft.approved_by = Some(by.to_owned());
            if let Some((text, revision)) = edit {
                draft.title = super::writing::title_of(&text).unwrap_or_else(|| draft.title.clone());
                draft.text = text;
                // It was about the words that the person replaced.
                draft.judged = None;
                draft.revision = revision;
            }
        }
        _ => {}
    }
    good
}
