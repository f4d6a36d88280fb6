//! `report`: on a cadence, the three questions answered from what the loop knows, and what should change in the Client OS.
//!
//! A report is not a dashboard. Each ends in proposals: edits of Client OS files with evidence, an expected effect and the measure
//! by which they will be judged. A person decides (`loopctl os review`), the next cycle reads the files, and a later report says
//! whether it helped.

mod edits;
mod history;
mod people;
mod proposals;
mod questions;

use crate::base::ItemId;
use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Amendment, Insight, Report, Subject, Verdict};
use crate::model::{Good, GoodKind, Layer};
use crate::step::spec::no_tunables;
use crate::step::{ArgSpec, KindSpec, Mode, NodeSpec, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType};
use history::History;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct ReportKind;

static SPEC: KindSpec = KindSpec {
    verb: "report",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Answers three questions on a cadence, and proposes changes to the Client OS.",
    doc: "Answers three questions: which content works and for which pillar; whether AI-assisted pieces beat human-only ones, with an \
interval; and what goes wrong most often (voice drift, factual errors, generic angle, off-ICP framing), with the Client OS file to look \
at. Where there is too little evidence it says how much is missing. `loopctl report` shows it and writes it as Markdown and as one \
HTML file.\n\n\
It reads what went out (a `publish` step), what people turned down (a `gate`), what was learned, and, for outcomes, events that carry \
the piece's key. A piece of which people kept less than a fifth of the words counts as theirs. A piece counts when a log was read after \
it went out. Where pieces are about several pillars, assisted and human-only ones are also compared within the same pillar.\n\n\
With `amend`, it also proposes edits of Client OS files: pillar weights, forbidden phrases, style rules, approved samples, notes \
on the audience, goals. `loopctl os review` shows and applies them. What is locked is never edited, only questioned. What a person \
turned down rests for 90 days; what was accepted is judged by its own measure in later reports, before against after; outcomes are then counted within the same number \
of days after each piece went out, because older pieces have had more time.",
    takes: &[
        GoodKind::Insight,
        GoodKind::Opportunity,
        GoodKind::Receipt,
        GoodKind::Lead,
        GoodKind::Draft,
        GoodKind::Asset,
        GoodKind::Signal,
        GoodKind::Events,
        GoodKind::Rejection,
    ],
    gives: &[GoodKind::Report, GoodKind::Amendment],
    mode: Mode::All,
    nodes: &[
        NodeSpec::value("title", ValueType::Text, "The title of the report.", r#"title "What we learned this week""#),
        NodeSpec::value(
            "every",
            ValueType::Duration,
            "How often it is due, by the cycle's clock. Cycles in between only take notes. Without it, every cycle reports.",
            r#"every "7d""#,
        ),
        NodeSpec::value("outcome", ValueType::Text, "The event that counts as an outcome of a piece.", r#"outcome "qualified""#)
            .or("\"qualified\""),
        NodeSpec {
            name: "amend",
            args: &[ArgSpec { name: "what", ty: ValueType::Choice(&["client-os"]), required: true }],
            props: &[PropSpec {
                name: "by",
                ty: ValueType::Text,
                required: true,
                default: None,
                doc: "Who decides about the proposals.",
            }],
            doc: "Propose changes to the Client OS.",
            example: r#"amend "client-os" by="head-of-content""#,
            ..NodeSpec::EMPTY
        },
    ],
    example: r#"report "weekly" {
    from "opportunities" "credit" "out" "editor"
    every "7d"
    amend "client-os" by="head-of-content"
}"#,
    keeps: Some("the pieces that went out with what people did to them, rejections with their reasons, and accepted proposals"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for ReportKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let mut history: History = cx.state.and_then(|state| serde_json::from_value(state.clone()).ok()).unwrap_or_default();
        let outcome = cx.config().text("outcome").unwrap_or("qualified");
        history.since.get_or_insert(cx.now);
        history.decided(cx.operations);
        if cx.inputs.iter().any(|item| matches!(&item.good, Good::Events(events) if !events.is_empty())) {
            history.pieces.iter_mut().for_each(|piece| piece.read = true);
        }
        let before = history.pieces.len();
        let mut insights: Vec<(ItemId, &Insight)> = Vec::new();
        let mut leads: BTreeMap<String, u64> = BTreeMap::new();
        for item in cx.inputs {
            match &item.good {
                Good::Insight(insight) => insights.push((item.id, insight)),
                Good::Receipt(receipt) => history.published(item, receipt, cx.lineage, &cx.client_os.decisions),
                Good::Rejection(rejection) => history.turned_down(item, rejection, cx.lineage),
                Good::Lead(lead) => *leads.entry(lead.state.clone().unwrap_or_else(|| "no state".to_owned())).or_default() += 1,
                _ => {}
            }
        }
        let new = history.pieces.len().saturating_sub(before);
        history.outcomes(
            cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).flat_map(|(_, e)| e.rows()),
            outcome,
        );
        let mut output = Output::default();
        let every = cx.config().duration("every").unwrap_or(Duration::ZERO);
        if let Some(last) = history.reported
            && cx.now.since(last) < every
        {
            let left = crate::base::duration::format(every - cx.now.since(last));
            output.headline = Some(format!("took notes; the next report is due in {left}"));
            output.state = serde_json::to_value(&history).ok();
            return Ok(Turn::Done(output));
        }
        let proposals = match cx.config().child("amend") {
            Some(amend) => {
                let by: Vec<String> = amend.prop("by").and_then(|by| by.text()).map(str::to_owned).into_iter().collect();
                proposals::proposals(cx, &history, &insights, &by)
            }
            None => Vec::new(),
        };
        history.proposed = proposals.iter().map(|proposal| (proposal.key.clone(), proposal.expects.measure.clone())).collect();
        history.reported = Some(cx.now);
        let insights: Vec<Insight> = insights.into_iter().map(|(_, insight)| insight.clone()).collect();
        let mut sections =
            vec![questions::works(&history, new, &insights, outcome), people::people(&history), questions::failures(&history)];
        sections.extend(questions::judges(&history));
        sections.extend(questions::helped(&history, &cx.client_os.goals, cx.now));
        sections.extend(proposed(&proposals));
        sections.extend(stand(&leads));
        sections.push(learned(&insights));
        sections.extend(credit(&insights));
        output.headline = Some(match proposals.len() {
            0 => format!("{} sections", sections.len()),
            1 => format!("{} sections, 1 proposal for the Client OS", sections.len()),
            n => format!("{} sections, {n} proposals for the Client OS", sections.len()),
        });
        let title = cx.config().text("title").map_or_else(|| format!("What cycle {} taught us", cx.cycle), str::to_owned);
        output.state = serde_json::to_value(&history).ok();
        let parents: Vec<ItemId> = cx.inputs.iter().map(|item| item.id).collect();
        output.give(Report { title, at: cx.now, sections, insights }, parents);
        for proposal in proposals {
            // What it rests on that is here in this cycle; the rest is in earlier journals.
            let here = proposal.evidence.iter().filter(|id| cx.lineage.item(id).is_some()).copied().collect();
            output.give(proposal, here);
        }
        Ok(Turn::Done(output))
    }
}

fn proposed(proposals: &[Amendment]) -> Option<Section> {
    if proposals.is_empty() {
        return None;
    }
    let mut says: Vec<String> = proposals
        .iter()
        .map(|proposal| {
            let end = if proposal.title.ends_with(['.', '?']) { "" } else { "." };
            format!(
                "{}: {}{end} {} Expected: {} Judged by {}.",
                proposal.file(),
                proposal.title,
                proposal.reason,
                proposal.expects.says,
                proposal.expects.measure.name()
            )
        })
        .collect();
    says.push("Decide with `loopctl os review`.".to_owned());
    Some(Section { title: "What should change in the Client OS?".to_owned(), says, bars: Vec::new(), unit: String::new() })
}

fn stand(leads: &BTreeMap<String, u64>) -> Option<Section> {
    let says: Vec<String> = leads
        .iter()
        .map(|(state, count)| match count {
            1 => format!("1 lead is {state}."),
            _ => format!("{count} leads are {state}."),
        })
        .collect();
    let bars = leads.iter().map(|(state, count)| Bar { label: state.clone(), value: *count as f64, interval: None }).collect();
    (!leads.is_empty()).then(|| Section { title: "Where the leads stand".to_owned(), says, bars, unit: "leads".to_owned() })
}

fn learned(insights: &[Insight]) -> Section {
    let clear = insights.iter().filter(|insight| {
        insight.verdict == Verdict::Clear && !matches!(insight.subject, Subject::Channel(_) | Subject::Pillar(_))
    });
    let mut says: Vec<String> = clear.map(|insight| insight.says.clone()).collect();
    says.extend(insights.iter().filter_map(|insight| match &insight.verdict {
        Verdict::NotEnough { .. } => Some(insight.says.clone()),
        Verdict::Clear | Verdict::NotDistinguishable => None,
    }));
    if says.is_empty() {
        says.push("Nothing clear in this cycle.".to_owned());
    }
    Section { title: "What else was learned".to_owned(), says, bars: Vec::new(), unit: String::new() }
}

/// One section for each way of giving credit: numbers of two models side by side under one name would be read as one.
fn credit(insights: &[Insight]) -> Vec<Section> {
    let mut ways: Vec<(&str, Vec<&Insight>)> = Vec::new();
    for insight in insights.iter().filter(|insight| matches!(insight.subject, Subject::Channel(_))) {
        match ways.iter_mut().find(|(measure, _)| *measure == insight.measure) {
            Some((_, channels)) => channels.push(insight),
            None => ways.push((&insight.measure, vec![insight])),
        }
    }
    let label = |insight: &Insight| match &insight.subject {
        Subject::Channel(name) => name.clone(),
        other => other.to_string(),
    };
    let several = ways.len() > 1;
    let section = |(measure, channels): (&str, Vec<&Insight>)| {
        let clear = channels.iter().filter(|insight| insight.verdict != Verdict::NotDistinguishable);
        let mut says: Vec<String> = clear.take(3).map(|insight| insight.says.clone()).collect();
        let unclear = channels.iter().filter(|insight| insight.verdict == Verdict::NotDistinguishable);
        says.extend(unclear.map(|insight| insight.says.clone()));
        let model = measure.split_once('(').filter(|_| several).map(|(_, model)| format!(" ({model}")).unwrap_or_default();
        Section {
            title: format!("Which channels earned the conversions{model}"),
            says,
            bars: channels
                .iter()
                .map(|insight| Bar { label: label(insight), value: insight.value, interval: insight.interval })
                .collect(),
            unit: "share of credit".to_owned(),
        }
    };
    ways.into_iter().map(section).collect()
}
