//! `report`: the three questions, answered from what this cycle knows, and said plainly where it does not know enough.

use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Insight, Report, Subject, Verdict};
use crate::model::{Good, GoodKind, Layer};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::BTreeMap;

pub struct ReportKind;

static SPEC: KindSpec = KindSpec {
    verb: "report",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Says what works, what people changed, and what went wrong.",
    doc: "Answers three questions: which content works and for which pillar; how pieces that a person edited compare with those that \
went out as written; and what the checks found most often. Where there is too little evidence it says how much is missing. \
`loopctl report` shows it and writes it as Markdown and as one HTML file.",
    takes: &[GoodKind::Insight, GoodKind::Opportunity, GoodKind::Receipt, GoodKind::Lead, GoodKind::Draft, GoodKind::Signal],
    gives: &[GoodKind::Report],
    mode: Mode::All,
    nodes: &[NodeSpec::value("title", ValueType::Text, "The title of the report.", r#"title "What we learned this week""#)],
    example: r#"report "weekly" { from "opportunities" "credit" "out" }"#,
    keeps: Some("how many pieces went out per pillar, edited and unedited"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// Pieces per pillar since the first cycle.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Kept {
    pillars: BTreeMap<String, u64>,
    edited: u64,
    unedited: u64,
}

impl StepKind for ReportKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let mut kept: Kept = cx.state.and_then(|state| serde_json::from_value(state.clone()).ok()).unwrap_or_default();
        let mut insights = Vec::new();
        let mut findings: BTreeMap<String, u64> = BTreeMap::new();
        let mut leads: BTreeMap<String, u64> = BTreeMap::new();
        let mut new = 0;
        for item in cx.inputs {
            match &item.good {
                Good::Insight(insight) => insights.push(insight.clone()),
                Good::Receipt(receipt) => {
                    new += 1;
                    *kept.pillars.entry(receipt.pillar.clone().unwrap_or_else(|| "no pillar".to_owned())).or_default() += 1;
                    if receipt.edited {
                        kept.edited += 1
                    } else {
                        kept.unedited += 1
                    }
                    if let Some(Good::Placement(placement)) = cx.lineage.item(&receipt.placement).map(|item| item.good.clone()) {
                        for finding in placement.draft.findings {
                            *findings.entry(finding.check).or_default() += 1;
                        }
                    }
                }
                Good::Lead(lead) => *leads.entry(lead.state.clone().unwrap_or_else(|| "no state".to_owned())).or_default() += 1,
                _ => {}
            }
        }
        let mut sections = vec![works(&kept, new, &insights), people(&kept), failures(&findings)];
        if !leads.is_empty() {
            let says = leads
                .iter()
                .map(|(state, count)| match count {
                    1 => format!("1 lead is {state}."),
                    _ => format!("{count} leads are {state}."),
                })
                .collect();
            let bars =
                leads.iter().map(|(state, count)| Bar { label: state.clone(), value: *count as f64, interval: None }).collect();
            sections.push(Section { title: "Where the leads stand".to_owned(), says, bars, unit: "leads".to_owned() });
        }
        sections.push(learned(&insights));
        sections.extend(credit(&insights));
        let mut output = Output { headline: Some(format!("{} sections", sections.len())), ..Output::default() };
        let title = cx.config().text("title").map_or_else(|| format!("What cycle {} taught us", cx.cycle), str::to_owned);
        output.state = serde_json::to_value(&kept).ok();
        output.give(Report { title, at: cx.now, sections, insights }, cx.inputs.iter().map(|item| item.id).collect());
        Ok(Turn::Done(output))
    }
}

fn works(kept: &Kept, new: u64, insights: &[Insight]) -> Section {
    let total: u64 = kept.pillars.values().sum();
    let mut says = vec![match total {
        0 => "Nothing has gone out yet.".to_owned(),
        1 => "1 piece has gone out so far.".to_owned(),
        _ => format!("{total} pieces have gone out so far, {new} of them in this cycle."),
    }];
    let by_piece: Vec<&Insight> =
        insights.iter().filter(|insight| matches!(insight.subject, Subject::Piece(_) | Subject::Pillar(_))).collect();
    if by_piece.is_empty() {
        says.push("Not enough evidence yet on which pillar works: no outcome has come home to a piece. Links carry each piece's key, so outcomes will.".to_owned());
    } else {
        says.extend(by_piece.iter().map(|insight| insight.says.clone()));
    }
    let bars =
        kept.pillars.iter().map(|(pillar, count)| Bar { label: pillar.clone(), value: *count as f64, interval: None }).collect();
    Section { title: "Which content works, and for which pillar?".to_owned(), says, bars, unit: "pieces".to_owned() }
}

fn people(kept: &Kept) -> Section {
    let says = if kept.edited + kept.unedited == 0 {
        vec!["Nothing to compare yet.".to_owned()]
    } else {
        vec![
            format!(
                "People edited {} {}; {} went out as written.",
                kept.edited,
                if kept.edited == 1 { "piece" } else { "pieces" },
                kept.unedited
            ),
            "Not enough evidence yet on which do better: it takes outcomes of at least 30 pieces of each sort.".to_owned(),
        ]
    };
    Section { title: "Do edited pieces beat unedited ones?".to_owned(), says, bars: Vec::new(), unit: String::new() }
}

fn failures(findings: &BTreeMap<String, u64>) -> Section {
    let says = if findings.is_empty() {
        vec!["The checks found nothing in what went out.".to_owned()]
    } else {
        let mut most: Vec<(&String, &u64)> = findings.iter().collect();
        most.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        most.into_iter()
            .map(|(check, count)| {
                let file = match check.as_str() {
                    "forbidden" => "the forbidden phrases in `brand.md`",
                    "grounding" => "the templates, or the claims of the brief",
                    _ => "the Client OS",
                };
                let findings = if *count == 1 { "finding" } else { "findings" };
                format!("{check}: {count} {findings}; look at {file}.")
            })
            .collect()
    };
    Section { title: "What went wrong most often?".to_owned(), says, bars: Vec::new(), unit: String::new() }
}

fn learned(insights: &[Insight]) -> Section {
    let clear =
        insights.iter().filter(|insight| insight.verdict == Verdict::Clear && !matches!(insight.subject, Subject::Channel(_)));
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

fn credit(insights: &[Insight]) -> Option<Section> {
    let channels: Vec<&Insight> = insights.iter().filter(|insight| matches!(insight.subject, Subject::Channel(_))).collect();
    let label = |insight: &Insight| match &insight.subject {
        Subject::Channel(name) => name.clone(),
        other => other.to_string(),
    };
    (!channels.is_empty()).then(|| Section {
        title: "Which channels earned the conversions".to_owned(),
        says: channels.iter().take(3).map(|insight| insight.says.clone()).collect(),
        bars: channels
            .iter()
            .map(|insight| Bar { label: label(insight), value: insight.value, interval: insight.interval })
            .collect(),
        unit: "share of credit".to_owned(),
    })
}
