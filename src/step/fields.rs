//! What expressions and templates may read: one typed table per good.
//!
//! The table is the contract. The checker of expressions and the checker of templates read it when a workflow is
//! compiled; [`view`] turns a good into exactly these fields when it runs. So a field that passes the check is there at
//! 06:00: a list that has nothing is empty, and an optional field that is absent is `null`, which expressions take as
//! missing and templates as false.

use crate::base::Timestamp;
use crate::client_os::{Pillar, Snapshot};
use crate::model::goods::{Brief, Event, Revision, Verdict};
use crate::model::{Good, GoodKind};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Number,
    Text,
    /// True or false.
    Flag,
    /// RFC 3339 in UTC.
    Time,
    List(&'static Type),
    Record(&'static [Field]),
    /// Any key, values of one type; a key may be missing.
    Map(&'static Type),
}

impl Type {
    /// As people read it: `a number`.
    pub fn words(&self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Text => "text",
            Type::Flag => "true or false",
            Type::Time => "a time",
            Type::List(_) => "a list",
            Type::Record(_) => "a record",
            Type::Map(_) => "a table",
        }
    }
}

/// One field of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    pub name: &'static str,
    pub ty: Type,
    /// It may be absent: expressions then give no value, templates `null`.
    pub optional: bool,
    pub doc: &'static str,
}

const fn field(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, optional: false, doc }
}

const fn maybe(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, optional: true, doc }
}

const TEXTS: Type = Type::List(&Type::Text);

/// One piece of evidence.
pub const EVIDENCE: &[Field] = &[
    field("signal", Type::Text, "id of the signal it came with"),
    field("source", Type::Text, "the step that read it"),
    field("title", Type::Text, "its title as read"),
    maybe("url", Type::Text, "where it was read"),
    field("at", Type::Time, "when it happened"),
    field("quote", Type::Text, "the words that carry it"),
];

const EVIDENCES: Type = Type::List(&Type::Record(EVIDENCE));

const POINT: &[Field] = &[field("at", Type::Time, "start of the period"), field("value", Type::Number, "its value")];

const FACT: &[Field] = &[
    field("name", Type::Text, "`price`, `plan`, `headline` …"),
    field("about", Type::Text, "the plan or product"),
    maybe("old", Type::Text, "value before"),
    maybe("new", Type::Text, "value now"),
    maybe("unit", Type::Text, "such as `usd/GB/month`"),
];

/// Market evidence.
pub const SIGNAL: &[Field] = &[
    field("kind", Type::Text, "`article`, `query`, `page`, `change`, `note` or `alarm`"),
    field("topic", Type::Text, "a stable key of what it is about"),
    field("title", Type::Text, "its title as read"),
    field("summary", Type::Text, "its summary as read; empty when it has none"),
    maybe("url", Type::Text, "where it was read"),
    field("source", Type::Text, "the step that read it"),
    field("at", Type::Time, "when it happened"),
    field("fetched_at", Type::Time, "when it was read"),
    field("quote", Type::Text, "the words that carry it; empty when there are none"),
    maybe("volume", Type::Number, "searches, visits or mentions in the latest period"),
    field("series", Type::List(&Type::Record(POINT)), "volume per period, oldest first"),
    maybe("growth", Type::Number, "change of volume against its own past; 0.5 is half again as much"),
    field("emerging", Type::Flag, "the topic rises beyond chance"),
    maybe("position", Type::Number, "mean position in search results, 1 is first"),
    maybe("intent", Type::Text, "search-intent class, or `unsure`"),
    maybe("strength", Type::Number, "from 0 to 1: how much evidence, weighted by age"),
    maybe("novelty", Type::Number, "from 0 to 1: how little it resembles what was seen before"),
    field("facts", Type::List(&Type::Record(FACT)), "typed facts that changed"),
    field("evidence", EVIDENCES, "what was merged into it; in `score` never empty"),
];

/// Something that somebody did.
pub const EVENT: &[Field] = &[
    field("at", Type::Time, "when"),
    field("who", Type::Text, "a pseudonym"),
    field("name", Type::Text, "`page_view`, `qualified` …"),
    maybe("channel", Type::Text, "the channel it came through"),
    maybe("piece", Type::Text, "the piece it came through"),
    maybe("value", Type::Number, "its worth"),
    field("path", TEXTS, "the touches of an aggregated journey"),
    field("conversions", Type::Number, "journeys like this that converted"),
    field("nulls", Type::Number, "journeys like this that did not"),
    field("fields", Type::Map(&Type::Text), "everything else the row said"),
];

const RULE: &[Field] = &[
    field("rule", Type::Text, "name of the rule"),
    field("weight", Type::Number, "the weight in force"),
    maybe("value", Type::Number, "from 0 to 1; absent when there was no data"),
];

/// A scored topic.
pub const OPPORTUNITY: &[Field] = &[
    field("topic", Type::Text, "the topic of its signals"),
    field("title", Type::Text, "its title"),
    field("score", Type::Number, "from 0 to 1"),
    field("confidence", Type::Number, "from 0 to 1: the share of weight that had data"),
    field("rank", Type::Number, "its place in the cycle, from 1"),
    field("breakdown", Type::List(&Type::Record(RULE)), "what each rule said"),
    maybe("pillar", Type::Text, "the pillar it belongs to"),
    maybe("volume", Type::Number, "latest volume"),
    maybe("growth", Type::Number, "growth of the volume"),
    maybe("intent", Type::Text, "search-intent class"),
    field("evidence", EVIDENCES, "never empty"),
];

const CLAIM: &[Field] = &[
    field("id", Type::Text, "`c1`, `c2` …: how drafts cite it"),
    field("text", Type::Text, "the claim in our words"),
    field("quote", Type::Text, "the words it rests on"),
    maybe("url", Type::Text, "where they were read"),
    field("signal", Type::Text, "id of its signal"),
];

const PAGE: &[Field] = &[field("title", Type::Text, "title of the page"), field("url", Type::Text, "its address")];

/// A research brief.
pub const BRIEF: &[Field] = &[
    field("title", Type::Text, "working title"),
    field("topic", Type::Text, "its topic"),
    maybe("pillar", Type::Text, "the pillar it belongs to"),
    field("audience", Type::Text, "who it is for"),
    field("angle", Type::Text, "how to take the topic"),
    field("claims", Type::List(&Type::Record(CLAIM)), "what may be said; never empty"),
    field("avoid", TEXTS, "what not to say"),
    maybe("cta", Type::Text, "call to action"),
    field("related", Type::List(&Type::Record(PAGE)), "own related pages"),
    field("evidence", EVIDENCES, "what the claims rest on"),
    field("score", Type::Number, "score of its opportunity"),
    field("rank", Type::Number, "place of its opportunity"),
    maybe("volume", Type::Number, "latest volume of the topic"),
    maybe("growth", Type::Number, "growth of the volume"),
    maybe("intent", Type::Text, "search-intent class"),
    field("wishes", Type::List(&Type::Record(WISH)), "what people asked for when they sent an earlier version back"),
];

const WISH: &[Field] = &[
    field("reason", Type::Text, "in the person's words"),
    field("by", Type::Text, "who sent it back"),
    field("at", Type::Text, "when"),
];

const WRITER: &[Field] = &[
    field("provider", Type::Text, "role name of the provider"),
    field("model", Type::Text, "the model, or `template`"),
    field("tokens", Type::Number, "tokens used"),
];

/// The plan of a piece.
pub const OUTLINE: &[Field] = &[
    field("title", Type::Text, "title of the piece"),
    field("text", Type::Text, "the outline in Markdown, as the person left it"),
    field("brief", Type::Record(BRIEF), "the brief it was made from"),
    field("writer", Type::Record(WRITER), "who wrote it"),
    field("edited", Type::Flag, "a person changed the text"),
    field("edited_share", Type::Number, "the share of words that the person changed, from 0 to 1"),
    maybe("approved_by", Type::Text, "who approved it"),
];

const FINDING: &[Field] = &[
    field("check", Type::Text, "`forbidden`, `grounding` …"),
    field("line", Type::Number, "line from 1"),
    field("column", Type::Number, "column from 1"),
    field("message", Type::Text, "what is wrong"),
    maybe("fix", Type::Text, "what to write instead"),
    field("blocking", Type::Flag, "it must be resolved before the piece goes out"),
];

/// The written piece.
pub const DRAFT: &[Field] = &[
    field("title", Type::Text, "title of the piece"),
    field("text", Type::Text, "the piece in Markdown"),
    field("brief", Type::Record(BRIEF), "the brief it was made from"),
    field("writer", Type::Record(WRITER), "who wrote it"),
    field("edited", Type::Flag, "a person changed the text"),
    field("edited_share", Type::Number, "the share of words that the person changed, from 0 to 1"),
    field("findings", Type::List(&Type::Record(FINDING)), "what the checks found"),
    maybe("approved_by", Type::Text, "who approved it"),
];

/// What makes a version of a piece different from its siblings.
pub const VERSION: &[Field] = &[
    field("name", Type::Text, "its name among its siblings, such as `question-short`"),
    field("axes", Type::Map(&Type::Text), "its value on each axis"),
    maybe("segment", Type::Text, "the audience it was made for"),
    maybe("platform", Type::Text, "the platform it was made for"),
];

/// A version of a piece.
pub const ASSET: &[Field] =
    &[field("draft", Type::Record(DRAFT), "the piece"), field("version", Type::Record(VERSION), "which version it is")];

/// A piece assigned to a channel.
pub const PLACEMENT: &[Field] = &[
    field("draft", Type::Record(DRAFT), "the piece"),
    maybe("version", Type::Record(VERSION), "which version of the piece, when there are several"),
    field("channel", Type::Text, "name of the channel"),
    field("policy", Type::Text, "how the channel was chosen"),
    field("propensity", Type::Number, "from 0 to 1: how likely that choice was"),
    field("why", Type::Text, "why, in a few words"),
];

/// Proof that a placement went out.
pub const RECEIPT: &[Field] = &[
    field("title", Type::Text, "title of the piece"),
    field("topic", Type::Text, "its topic"),
    maybe("pillar", Type::Text, "the pillar it belongs to"),
    field("channel", Type::Text, "name of the channel"),
    field("key", Type::Text, "the `piece` that links carry"),
    field("location", Type::Text, "a path or URL"),
    field("at", Type::Time, "when it went out"),
    field("edited", Type::Flag, "a person edited it on its way"),
];

const REASON: &[Field] =
    &[field("feature", Type::Text, "what moved the score"), field("effect", Type::Number, "by how much, in log-odds")];

/// Somebody who may buy.
pub const LEAD: &[Field] = &[
    field("who", Type::Text, "a pseudonym"),
    maybe("score", Type::Number, "calibrated probability from 0 to 1"),
    field("reasons", Type::List(&Type::Record(REASON)), "the strongest first"),
    field("fields", Type::Map(&Type::Text), "what is known about them"),
    maybe("state", Type::Text, "the state `qualify` put them in"),
    maybe("to", Type::Text, "where `qualify` sends them"),
];

/// Something learned. `subject` is in words, such as `channel blog`.
pub const INSIGHT: &[Field] = &[
    field("subject", Type::Text, "what it is about, such as `channel blog`"),
    field("measure", Type::Text, "what `value` measures"),
    field("value", Type::Number, "the estimate"),
    field("level", Type::Number, "confidence level of its interval"),
    field("n", Type::Number, "how many observations it rests on"),
    field("clear", Type::Flag, "the evidence can be acted on"),
    field("says", Type::Text, "one sentence for a person"),
    field("at", Type::Time, "when the data ended"),
];

const SECTION: &[Field] = &[
    field("title", Type::Text, "the question"),
    field("says", TEXTS, "the answer in sentences"),
    field("unit", Type::Text, "what its bars measure"),
];

/// What a cycle has to say.
pub const REPORT: &[Field] = &[
    field("title", Type::Text, "title of the report"),
    field("at", Type::Time, "when it was made"),
    field("sections", Type::List(&Type::Record(SECTION)), "questions and answers"),
    field("insights", Type::List(&Type::Record(INSIGHT)), "what it rests on"),
];

/// What a person turned down at a gate.
pub const REJECTION: &[Field] = &[
    field("title", Type::Text, "title of the piece"),
    field("topic", Type::Text, "its topic"),
    maybe("pillar", Type::Text, "its pillar"),
    maybe("reason", Type::Text, "why, in the person's words"),
    field("by", Type::Text, "who turned it down"),
    field("at", Type::Time, "when"),
];

/// A change that is proposed to the Client OS.
pub const AMENDMENT: &[Field] = &[
    field("key", Type::Text, "what it is about, the same in every cycle that proposes it"),
    field("title", Type::Text, "the change in one line"),
    field("reason", Type::Text, "why, with numbers"),
    field("file", Type::Text, "the file of the Client OS"),
    field("at", Type::Time, "when it was proposed"),
];

const ESTIMATE: &[Field] = &[
    field("expected", Type::Number, "what is expected"),
    field("low", Type::Number, "nine of ten cases lie above this and below `high`"),
    field("high", Type::Number, "nine of ten cases lie below this and above `low`"),
];

const MONEY: &[Field] =
    &[field("currency", Type::Text, "such as `usd`"), field("micros", Type::Number, "millionths of a unit of it")];

const SHARE: &[Field] = &[
    field("channel", Type::Text, "name of the channel"),
    maybe("group", Type::Text, "the group it stands in"),
    field("amount", Type::Record(MONEY), "what it gets a period"),
    field("present", Type::Record(MONEY), "what it got lately"),
    maybe("held", Type::Text, "`lock`, `floor`, `ceiling`, `change` or `unknown`, when a bound decides the amount"),
    field("brings", Type::Record(ESTIMATE), "what the amount brings a period"),
    field("brought", Type::Record(ESTIMATE), "what the present amount brings"),
    field("next", Type::Number, "what one more unit of money would bring"),
];

/// A division of a budget.
pub const ALLOCATION: &[Field] = &[
    field("name", Type::Text, "the step that made it"),
    field("outcome", Type::Text, "the metric it is for"),
    field("total", Type::Record(MONEY), "what is divided"),
    field("per", Type::Text, "`day`, `week` or `month`"),
    field("shares", Type::List(&Type::Record(SHARE)), "what each channel gets"),
    field("expected", Type::Record(ESTIMATE), "the whole outcome of a period with it"),
    field("present", Type::Record(ESTIMATE), "the same with what is spent today"),
    field("nothing", Type::Record(ESTIMATE), "the same without any spend"),
    field("gain", Type::Record(ESTIMATE), "against what is spent today"),
    field("better", Type::Number, "from 0 to 1: how likely it brings more than what is spent today"),
    field("gap", Type::Number, "how far at most it is from the best division"),
    field("periods", Type::Number, "periods of data"),
    field("clear", Type::Flag, "the evidence can be acted on"),
    field("says", Type::Text, "one sentence for a person"),
    field("at", Type::Time, "when the data ended"),
];

const COURSE: &[Field] = &[
    field("name", Type::Text, "`as today`, `as planned`, or its name in the file"),
    field("spend", Type::Record(MONEY), "all it spends over the horizon"),
    field("outcome", Type::Record(ESTIMATE), "the whole outcome over the horizon"),
    field("gain", Type::Record(ESTIMATE), "against today's division"),
    field("better", Type::Number, "from 0 to 1: how likely it brings more than today's"),
    maybe("break_even", Type::Number, "what one unit of the outcome must be worth for the additional spend to pay"),
    maybe("pays", Type::Number, "from 0 to 1: how likely the additional spend pays"),
];

/// Divisions of a budget, side by side.
pub const SCENARIO: &[Field] = &[
    field("name", Type::Text, "the step that made it"),
    field("outcome", Type::Text, "the metric it is about"),
    field("horizon", Type::Number, "periods looked ahead"),
    field("per", Type::Text, "what a period is"),
    field("draws", Type::Number, "futures played"),
    field("courses", Type::List(&Type::Record(COURSE)), "the divisions, today's first"),
    field("clear", Type::Flag, "the evidence can be acted on"),
    field("says", Type::Text, "one sentence for a person"),
    field("at", Type::Time, "when the data ended"),
];

/// A pillar of the Client OS.
pub const PILLAR: &[Field] = &[
    field("name", Type::Text, "its name; empty when the topic belongs to none"),
    field("about", Type::Text, "what it covers"),
    field("weight", Type::Number, "from 0 to 1; 0 when the topic belongs to none"),
    field("locked", Type::Flag, "its weight is decided"),
    field("topics", TEXTS, "words that place a topic in it"),
];

const GOAL: &[Field] = &[
    field("name", Type::Text, "its name"),
    field("target", Type::Number, "the number to reach"),
    field("per", Type::Text, "`month`, `quarter` …"),
    field("metric", Type::Text, "what counts towards it"),
];

const DECISION: &[Field] = &[
    field("name", Type::Text, "its name"),
    field("text", Type::Text, "what was decided"),
    field("forbids", TEXTS, "phrases that would break it"),
];

/// The Client OS.
pub const OS: &[Field] = &[
    field("company", Type::Text, "who we are"),
    field("voice", Type::Text, "how we sound"),
    field("audience", Type::Text, "who we write for"),
    field("services", TEXTS, "what we sell"),
    field("ctas", TEXTS, "calls to action"),
    field("forbidden", TEXTS, "phrases we never use"),
    field("samples", TEXTS, "approved samples"),
    field("pages", Type::List(&Type::Record(PAGE)), "own pages"),
    field("goals", Type::List(&Type::Record(GOAL)), "goals in numbers"),
    field("pillars", Type::List(&Type::Record(PILLAR)), "territories with weights"),
    field("decisions", Type::List(&Type::Record(DECISION)), "locked decisions"),
    field("styles", Type::Map(&Type::Text), "style guides by platform"),
];

/// The fields of a good. For a batch of events these are the fields of one event.
pub fn of(kind: GoodKind) -> &'static [Field] {
    match kind {
        GoodKind::Signal => SIGNAL,
        GoodKind::Events => EVENT,
        GoodKind::Opportunity => OPPORTUNITY,
        GoodKind::Brief => BRIEF,
        GoodKind::Outline => OUTLINE,
        GoodKind::Draft => DRAFT,
        GoodKind::Asset => ASSET,
        GoodKind::Placement => PLACEMENT,
        GoodKind::Receipt => RECEIPT,
        GoodKind::Lead => LEAD,
        GoodKind::Insight => INSIGHT,
        GoodKind::Report => REPORT,
        GoodKind::Rejection => REJECTION,
        GoodKind::Amendment => AMENDMENT,
        GoodKind::Allocation => ALLOCATION,
        GoodKind::Scenario => SCENARIO,
    }
}

/// The variables of an expression in a step that takes these kinds: each good under its own name, the goods it was made
/// from where it holds them (`brief` in a step that takes outlines), and `pillar` where topics are placed in one.
pub fn variables(takes: &[GoodKind]) -> BTreeMap<&'static str, Type> {
    let mut variables = BTreeMap::new();
    for kind in takes {
        variables.insert(kind.name(), Type::Record(of(*kind)));
        match kind {
            GoodKind::Signal | GoodKind::Opportunity => {
                variables.insert("pillar", Type::Record(PILLAR));
            }
            GoodKind::Outline | GoodKind::Draft => {
                variables.insert("brief", Type::Record(BRIEF));
            }
            GoodKind::Asset => {
                variables.insert("draft", Type::Record(DRAFT));
                variables.insert("brief", Type::Record(BRIEF));
                variables.insert("version", Type::Record(VERSION));
            }
            GoodKind::Placement => {
                variables.insert("draft", Type::Record(DRAFT));
                variables.insert("brief", Type::Record(BRIEF));
            }
            _ => {}
        }
    }
    variables
}

/// An outline as a template sees it: also cut into its parts.
pub const OUTLINE_PARTS: &[Field] = &[
    field("title", Type::Text, "title of the piece"),
    field("text", Type::Text, "the outline in Markdown, as the person left it"),
    field("lead", Type::Text, "what stands between the title and the first section; may be empty"),
    field("sections", Type::List(&Type::Record(OUTLINE_SECTION)), "its sections in order"),
];

const OUTLINE_SECTION: &[Field] =
    &[field("heading", Type::Text, "the heading"), field("paragraphs", TEXTS, "points and paragraphs without list marks")];

const SOURCE: &[Field] = &[
    field("id", Type::Text, "id of the claim"),
    maybe("url", Type::Text, "where it was read"),
    field("label", Type::Text, "its title and source"),
];

/// The variables of a template: those of an expression but `pillar`, the Client OS as `os`, and the cycle's time as `now`.
/// A step that takes outlines also has their parts, and as `sources` the claims that the outline cites.
pub fn template_variables(takes: &[GoodKind]) -> BTreeMap<&'static str, Type> {
    let mut variables = variables(takes);
    variables.remove("pillar");
    // A step that takes pieces and their versions tells its template of both as `draft`, and as `version` of what it is to write.
    variables.remove("asset");
    if takes.contains(&GoodKind::Outline) {
        variables.insert("outline", Type::Record(OUTLINE_PARTS));
        variables.insert("sources", Type::List(&Type::Record(SOURCE)));
    }
    variables.insert("os", Type::Record(OS));
    variables.insert("now", Type::Time);
    variables
}

/// A good as its variables, each with exactly the fields of its table. A batch of events has no variable of its own:
/// expressions see one [`event`] at a time.
pub fn view(good: &Good) -> BTreeMap<String, Value> {
    let mut variables = BTreeMap::new();
    let mut insert = |name: &str, fields: &'static [Field], value: Value| {
        variables.insert(name.to_owned(), shaped(&value, &Type::Record(fields)));
    };
    match good {
        Good::Events(_) => {}
        Good::Outline(outline) => {
            insert("brief", BRIEF, json(&outline.brief));
            insert("outline", OUTLINE, with_edited(json(outline), &outline.revision, &outline.text));
        }
        Good::Draft(draft) => {
            insert("brief", BRIEF, json(&draft.brief));
            insert("draft", DRAFT, with_edited(json(draft), &draft.revision, &draft.text));
        }
        Good::Asset(asset) => {
            let draft = with_edited(json(&asset.draft), &asset.draft.revision, &asset.draft.text);
            let mut value = json(asset);
            value["draft"] = draft.clone();
            insert("brief", BRIEF, json(&asset.draft.brief));
            insert("draft", DRAFT, draft);
            insert("version", VERSION, json(&asset.version));
            insert("asset", ASSET, value);
        }
        Good::Placement(placement) => {
            let draft = with_edited(json(&placement.draft), &placement.draft.revision, &placement.draft.text);
            let mut value = json(placement);
            value["draft"] = draft.clone();
            insert("brief", BRIEF, json(&placement.draft.brief));
            insert("draft", DRAFT, draft);
            insert("placement", PLACEMENT, value);
        }
        Good::Insight(insight) => insert("insight", INSIGHT, insight_json(insight)),
        Good::Report(report) => {
            let mut value = json(report);
            value["insights"] = Value::Array(report.insights.iter().map(insight_json).collect());
            insert("report", REPORT, value);
        }
        Good::Amendment(amendment) => {
            let mut value = json(amendment);
            value["file"] = Value::String(amendment.file());
            insert("amendment", AMENDMENT, value);
        }
        Good::Allocation(allocation) => insert("allocation", ALLOCATION, with_clear(json(allocation), &allocation.verdict)),
        Good::Scenario(scenario) => insert("scenario", SCENARIO, with_clear(json(scenario), &scenario.verdict)),
        Good::Rejection(good) => insert("rejection", REJECTION, json(good)),
        Good::Signal(good) => insert("signal", SIGNAL, json(good)),
        Good::Opportunity(good) => insert("opportunity", OPPORTUNITY, json(good)),
        Good::Brief(good) => insert("brief", BRIEF, json(good)),
        Good::Receipt(good) => insert("receipt", RECEIPT, json(good)),
        Good::Lead(good) => insert("lead", LEAD, json(good)),
    }
    variables
}

/// One event as the variable `event`.
pub fn event(event: &Event) -> Value {
    shaped(&json(event), &Type::Record(EVENT))
}

/// A pillar as the variable `pillar`; `None` is the pillar without a name and with weight 0.
pub fn pillar(pillar: Option<&Pillar>) -> Value {
    shaped(&pillar.map_or(Value::Null, json), &Type::Record(PILLAR))
}

/// A brief as the variable `brief`.
pub fn brief(brief: &Brief) -> Value {
    shaped(&json(brief), &Type::Record(BRIEF))
}

/// The Client OS as the variable `os`.
pub fn os(snapshot: &Snapshot) -> Value {
    shaped(&json(snapshot), &Type::Record(OS))
}

/// What a template reads: the good's variables, `os` and `now`.
pub fn template_data(good: &Good, snapshot: &Snapshot, now: Timestamp) -> Value {
    let mut data: Map<String, Value> = view(good).into_iter().collect();
    data.insert("os".to_owned(), os(snapshot));
    data.insert("now".to_owned(), json(&now));
    Value::Object(data)
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("our own types always serialise")
}

fn with_edited(mut value: Value, revision: &Revision, text: &str) -> Value {
    value["edited_share"] = Value::from(revision.share_changed(text));
    value["edited"] = Value::Bool(matches!(revision, Revision::Edited { .. }));
    value
}

fn insight_json(insight: &crate::model::goods::Insight) -> Value {
    let mut value = json(insight);
    value["subject"] = Value::String(insight.subject.to_string());
    with_clear(value, &insight.verdict)
}

fn with_clear(mut value: Value, verdict: &Verdict) -> Value {
    value["clear"] = Value::Bool(*verdict == Verdict::Clear);
    value
}

/// Exactly the fields of the type: others are dropped, absent ones get the empty value, absent optional ones `null`.
fn shaped(value: &Value, ty: &Type) -> Value {
    match ty {
        Type::Record(fields) => Value::Object(
            fields
                .iter()
                .enumerate()
                .map(|(at, field)| {
                    // A pair such as (title, url) is serialised as an array.
                    let inner = value.get(field.name).or_else(|| value.get(at)).unwrap_or(&Value::Null);
                    let inner = if field.optional && inner.is_null() { Value::Null } else { shaped(inner, &field.ty) };
                    (field.name.to_owned(), inner)
                })
                .collect(),
        ),
        Type::List(of) => Value::Array(value.as_array().into_iter().flatten().map(|item| shaped(item, of)).collect()),
        Type::Map(of) => {
            Value::Object(value.as_object().into_iter().flatten().map(|(key, item)| (key.clone(), shaped(item, of))).collect())
        }
        Type::Number => match value {
            // A number that JSON cannot hold (infinite, not a number) was written as null.
            Value::Number(_) => value.clone(),
            _ => Value::from(0.0),
        },
        Type::Flag => Value::Bool(value.as_bool().unwrap_or(false)),
        Type::Text | Type::Time => Value::String(value.as_str().unwrap_or("").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, ItemId};
    use crate::model::Untrusted;
    use crate::model::goods::{Claim, Opportunity, Outline, Provenance, RuleScore, Signal, SignalKind, Writer};

    fn brief() -> Brief {
        Brief {
            title: "T".into(),
            topic: "t".into(),
            pillar: None,
            audience: "a".into(),
            angle: "x".into(),
            claims: vec![Claim {
                id: "c1".into(),
                text: "said".into(),
                quote: Untrusted::new("q"),
                url: None,
                signal: ItemId(Digest::of("s")),
            }],
            avoid: vec![],
            cta: None,
            related: vec![("Pricing".into(), "https://us.example/pricing".into())],
            evidence: vec![],
            score: 0.5,
            rank: 1,
            volume: None,
            growth: None,
            intent: None,
            wishes: vec![crate::model::goods::Wish {
                reason: "thin".into(),
                by: "ann".into(),
                at: Timestamp(0),
                edit: None,
                version: None,
            }],
        }
    }

    #[test]
    fn a_view_has_every_field_of_its_table() {
        let signal = Signal::new(SignalKind::Query, "deploy", Untrusted::new("Deploy"), "demand", Timestamp(0), Digest::of(""));
        let view = view(&Good::Signal(signal));
        let signal = &view["signal"];
        assert_eq!(signal.as_object().map(|fields| fields.len()), Some(SIGNAL.len()));
        assert_eq!(signal["kind"], "query");
        assert_eq!(signal["volume"], Value::Null);
        assert_eq!(signal["evidence"], Value::Array(vec![]));
        assert_eq!(signal["summary"], "");
    }

    #[test]
    fn a_table_names_only_fields_that_the_good_has() {
        let opportunity = Opportunity {
            topic: "t".into(),
            title: "T".into(),
            score: 0.5,
            confidence: 1.0,
            rank: 1,
            breakdown: vec![RuleScore { rule: "r".into(), weight: 1.0, value: Some(0.5) }],
            pillar: Some("p".into()),
            volume: Some(1.0),
            growth: Some(1.0),
            intent: Some("i".into()),
            evidence: vec![],
        };
        let whole = json(&opportunity);
        for field in OPPORTUNITY {
            assert!(whole.get(field.name).is_some(), "{}", field.name);
        }
        let whole = json(&brief());
        for field in BRIEF {
            assert!(whole.get(field.name).is_some() || field.optional, "{}", field.name);
        }
    }

    #[test]
    fn an_outline_shows_its_brief_and_pairs_become_records() {
        let outline = Outline {
            title: "T".into(),
            text: "# T".into(),
            brief: Box::new(brief()),
            provenance: Provenance::new(vec![ItemId(Digest::of("s"))], Digest::of("")).expect("one signal"),
            writer: Box::new(Writer {
                provider: "w".into(),
                model: "template".into(),
                tokens: 0,
                cost: None,
                prompt: Digest::of(""),
                redacted: Default::default(),
            }),
            revision: Revision::Edited { by: "ann".into(), at: Timestamp(0), before: "".into(), kept: false },
            findings: Vec::new(),
            approved_by: None,
        };
        let data = template_data(&Good::Outline(outline), &Snapshot::default(), Timestamp(0));
        assert_eq!(data["brief"]["related"][0]["url"], "https://us.example/pricing");
        assert_eq!(data["brief"]["claims"][0]["id"], "c1");
        assert_eq!(data["outline"]["edited"], true);
        assert_eq!(data["os"]["voice"], "");
        assert_eq!(data["now"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_topic_without_a_pillar_has_weight_zero() {
        assert_eq!(pillar(None)["weight"], 0.0);
        assert_eq!(pillar(None)["name"], "");
    }
}
