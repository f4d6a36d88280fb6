//! `lead-score`: the probability that a lead will convert, calibrated and with reasons.
//!
//! The rows that have an outcome are split in time: a penalised logistic regression learns from the older ones and is judged
//! on the newer ones against the best simple rival, the base rate. Only if it wins there does it score the leads that are still open.

use super::lead_table::{Encoding, outcome};
use crate::model::goods::{Event, Insight, Lead, Reason, Subject, Verdict};
use crate::model::{Good, GoodKind, Layer, Scalar};
use crate::stats::calibration::Platt;
use crate::stats::intervals::Interval;
use crate::stats::logistic::{self, Model};
use crate::stats::scoring::{auc, calibration_error, log_loss};
use crate::stats::summary::{mean, variance};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::BTreeSet;

pub struct LeadScore;

/// Fewer outcomes of either sort than this are too few to learn from (ten per class is the floor below which a fit is noise).
const CLASS_MIN: usize = 10;
/// The newest share of outcomes, kept back for judging.
const HELD_OUT: f64 = 0.2;
/// Reasons kept per lead.
const REASONS: usize = 3;

static SPEC: KindSpec = KindSpec {
    verb: "lead-score",
    connector: None,
    layers: &[Layer::Conversion],
    summary: "Gives every open lead a calibrated probability, with reasons.",
    doc: "Learns from the rows whose outcome is known, and scores those whose outcome is still open. It is judged on the newest fifth of \
the outcomes, which it did not see, against the base rate; if it does not beat that, no lead gets a score and the insight says so. Fields \
that are only known after the outcome (such as the length of the closing call) leak the answer: leave them out with `ignore`.",
    takes: &[GoodKind::Events],
    gives: &[GoodKind::Lead, GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "train",
            props: &[PropSpec {
                name: "on",
                ty: ValueType::Text,
                required: true,
                default: None,
                doc: "The field that holds the outcome: 1 or 0, yes or no, won or lost; empty while it is open.",
            }],
            occurs: Occurs::Once,
            doc: "What to learn.",
            example: r#"train on="qualified""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            rest: Some(ValueType::Text),
            ..NodeSpec::value("ignore", ValueType::Text, "Fields that must not be used.", r#"ignore "duration" "row""#)
        },
    ],
    example: r#"lead-score "fit" {
    from "leads"
    train on="qualified"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// A model that won against the base rate, and how it did.
struct Fitted {
    encoding: Encoding,
    model: Model,
    platt: Option<Platt>,
    log_loss: f64,
    base_loss: f64,
    /// How much log-loss it saves per lead against the base rate, with its 95 % interval.
    saved: Interval,
    auc: f64,
    calibration: f64,
    judged: usize,
}

impl Fitted {
    /// Better than the base rate beyond chance, and ranking the right way round.
    fn wins(&self) -> bool {
        self.saved.low > 0.0 && self.auc > 0.5
    }
}

impl StepKind for LeadScore {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let field = cx.config().child("train").and_then(|node| node.prop("on")).and_then(Scalar::text).unwrap_or_default();
        let mut leave_out: BTreeSet<&str> = cx.config().texts("ignore").into_iter().collect();
        leave_out.insert(field);
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let parents: Vec<_> = batches.iter().map(|(item, _)| item.id).collect();
        let rows: Vec<&Event> = batches.iter().flat_map(|(_, events)| &events.rows).collect();
        let (known, open): (Vec<&Event>, Vec<&Event>) = rows.iter().partition(|row| outcome(row, field).is_some());
        let outcomes: Vec<bool> = known.iter().filter_map(|row| outcome(row, field)).collect();
        let won = outcomes.iter().filter(|outcome| **outcome).count();
        let mut output = Output::default();
        let fitted = if won < CLASS_MIN || outcomes.len() - won < CLASS_MIN {
            let missing = CLASS_MIN.saturating_sub(won.min(outcomes.len() - won));
            Err(format!("{missing} more outcomes of the rarer sort"))
        } else {
            fit(&known, &outcomes, &leave_out)
        };
        let insight = insight(cx, &fitted, outcomes.len(), won);
        let scored = fitted.as_ref().ok().filter(|fitted| fitted.wins());
        output.headline = Some(match scored {
            Some(fitted) => {
                format!("{} open leads scored, AUC {:.2} on {} outcomes not seen", open.len(), fitted.auc, fitted.judged)
            }
            None => format!("{} open leads, none scored", open.len()),
        });
        for event in open {
            output.give(lead(event, scored), parents.clone());
        }
        output.give(insight, parents);
        Ok(Turn::Done(output))
    }
}

fn fit(known: &[&Event], outcomes: &[bool], leave_out: &BTreeSet<&str>) -> Result<Fitted, String> {
    let unfit = |why: logistic::Unfit| match why {
        logistic::Unfit::OneClass => "the older or the newer outcomes are all the same".to_owned(),
        logistic::Unfit::Shape | logistic::Unfit::NotFinite => "the leads have no usable fields".to_owned(),
    };
    let cut = ((known.len() as f64) * (1.0 - HELD_OUT)) as usize;
    let judge =
        |rows: &[&Event], encoding: &Encoding| encoding.table(rows).ok_or_else(|| "the leads have no usable fields".to_owned());
    let encoding = Encoding::learn(&known[..cut], leave_out);
    if encoding.is_empty() {
        return Err("the leads have no usable fields".to_owned());
    }
    let old = judge(&known[..cut], &encoding)?;
    let penalty = logistic::choose_by_folds(&old, &outcomes[..cut], 5).map_err(unfit)?.penalty;
    let model = logistic::fit(&old, &outcomes[..cut], penalty).map_err(unfit)?;
    let log_odds: Vec<f64> = known[cut..].iter().map(|row| model.log_odds(&encoding.row(row))).collect();
    let newer = &outcomes[cut..];
    // The later half of the held-out rows judges the calibration that the earlier half taught.
    let half = newer.len() / 2;
    // A sigmoid that falls would turn the order round: then the model has nothing to calibrate.
    let platt = Platt::fit(&log_odds[..half], &newer[..half]).filter(|platt| platt.slope > 0.0);
    let plain: Vec<f64> = log_odds[half..].iter().map(|eta| crate::stats::special::logistic(*eta)).collect();
    let bent: Option<Vec<f64>> = platt.map(|platt| log_odds[half..].iter().map(|eta| platt.apply(*eta)).collect());
    let judged = &newer[half..];
    let platt = platt.filter(|_| bent.as_ref().is_some_and(|bent| log_loss(bent, judged) < log_loss(&plain, judged)));
    let predicted = if platt.is_some() { bent.unwrap_or(plain) } else { plain };
    // The rival knows the outcomes up to the same day.
    let rate = outcomes[..cut + half].iter().filter(|outcome| **outcome).count() as f64 / (cut + half) as f64;
    let encoding_now = Encoding::learn(known, leave_out);
    let all = judge(known, &encoding_now)?;
    let fitted = logistic::fit(&all, outcomes, penalty).map_err(unfit)?;
    let loss = |p: f64, won: bool| log_loss(&[p], &[won]);
    let saved: Vec<f64> = predicted.iter().zip(judged).map(|(p, won)| loss(rate, *won) - loss(*p, *won)).collect();
    Ok(Fitted {
        log_loss: log_loss(&predicted, judged),
        base_loss: log_loss(&vec![rate; judged.len()], judged),
        saved: mean_interval(&saved),
        auc: auc(&predicted, judged),
        calibration: calibration_error(&predicted, judged, 10),
        judged: judged.len(),
        encoding: encoding_now,
        model: fitted,
        platt,
    })
}

/// The mean with its normal 95 % interval; hundreds of paired losses make the normal good enough.
fn mean_interval(values: &[f64]) -> Interval {
    let estimate = mean(values);
    let half = 1.96 * (variance(values) / values.len().max(1) as f64).sqrt();
    Interval { estimate, low: estimate - half, high: estimate + half }
}

fn insight(cx: &StepContext<'_>, fitted: &Result<Fitted, String>, outcomes: usize, won: usize) -> Insight {
    let (value, verdict, says) = match fitted {
        Ok(fitted) if fitted.wins() => (
            fitted.log_loss,
            Verdict::Clear,
            format!(
                "Lead scores beat the base rate on {} outcomes they did not see: log-loss {:.4} against {:.4}, AUC {:.3}, calibration error {:.3}.",
                fitted.judged, fitted.log_loss, fitted.base_loss, fitted.auc, fitted.calibration
            ),
        ),
        Ok(fitted) => (
            fitted.log_loss,
            Verdict::NotDistinguishable,
            format!(
                "Lead scores do not beat the base rate beyond chance (log-loss {:.4} against {:.4}, AUC {:.3} on {} outcomes), so no lead is scored.",
                fitted.log_loss, fitted.base_loss, fitted.auc, fitted.judged
            ),
        ),
        Err(need) => (
            0.0,
            Verdict::NotEnough { need: need.clone() },
            format!("Not enough to learn lead scores from: {outcomes} outcomes, {won} of them won; needed: {need}."),
        ),
    };
    Insight {
        subject: Subject::Model(cx.step.id.to_string()),
        measure: "log-loss".to_owned(),
        value,
        interval: None,
        level: 0.95,
        n: outcomes as u64,
        verdict,
        says,
        at: cx.now,
        plot: Vec::new(),
    }
}

fn lead(event: &Event, fitted: Option<&Fitted>) -> Lead {
    let mut lead =
        Lead { who: event.who.clone(), score: None, reasons: Vec::new(), fields: event.fields.clone(), state: None, to: None };
    if let Some(fitted) = fitted {
        let row = fitted.encoding.row(event);
        let log_odds = fitted.model.log_odds(&row);
        lead.score = Some(fitted.platt.map_or_else(|| crate::stats::special::logistic(log_odds), |platt| platt.apply(log_odds)));
        lead.reasons = fitted
            .model
            .reasons(&row)
            .into_iter()
            .take(REASONS)
            .map(|(column, effect)| Reason { feature: fitted.encoding.name(column, event), effect })
            .collect();
    }
    lead
}
