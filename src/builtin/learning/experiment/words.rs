//! What an experiment says: sentences, notes and insights.

use super::arms::Trial;
use super::decision::{Decision, Found};
use super::metrics::{Asked, Comparison, OUTCOMES_MIN, PEOPLE_MIN};
use crate::model::goods::{Insight, Subject, Verdict};
use crate::step::{NoteLevel, Output, StepContext};

pub(super) fn left_out(trial: &Trial, output: &mut Output) {
    for (count, level, one, many) in [
        (trial.open, NoteLevel::Info, "1 person's window is still open.", "people's windows are still open."),
        (trial.future, NoteLevel::Warning, "1 row dated in the future was left out.", "rows dated in the future were left out."),
        (
            trial.nameless,
            NoteLevel::Warning,
            "1 row in an arm is of nobody, so what came of it is unknown; it was left out.",
            "rows in an arm are of nobody, so what came of them is unknown; they were left out.",
        ),
        (
            trial.mixed,
            NoteLevel::Warning,
            "1 person was in two arms and was left out.",
            "people were in two arms and were left out.",
        ),
        (
            trial.strangers,
            NoteLevel::Warning,
            "1 person was in an arm that is not declared.",
            "people were in arms that are not declared.",
        ),
    ] {
        match count {
            0 => {}
            1 => output.note(level, one),
            _ => output.note(level, format!("{count} {many}")),
        }
    }
}

pub(super) fn range(comparison: &Comparison) -> String {
    comparison.interval.map_or_else(String::new, |interval| {
        format!(" ({}: {} to {})", signed(interval.estimate), signed(interval.low), signed(interval.high))
    })
}

fn signed(value: f64) -> String {
    if value.abs() >= 10.0 { format!("{value:+.1}") } else { format!("{value:+.4}") }
}

pub(super) fn words(decision: &Decision, trial: &Trial, asked: &[Asked<'_>], found: &[Found]) -> (String, Verdict, String) {
    match decision {
        Decision::Ship { arm, why } => {
            let name = &trial.arms[*arm];
            let of_arm = found.iter().find(|found| found.arm == *arm && found.at == 0 && found.segment.is_none());
            let win = of_arm.map_or(0.0, |found| found.comparison.chance_to_win());
            let says = format!("Ship {name}: {why}, chance to beat {} {}.", trial.arms[0], chance(win));
            (format!("ship {name}"), Verdict::Clear, says)
        }
        Decision::Stop { why } => {
            let worse = found
                .iter()
                .any(|found| found.segment.is_none() && found.comparison.direction(asked[found.at].more_is_better) < 0);
            let verdict = if worse { Verdict::Clear } else { Verdict::NotDistinguishable };
            ("stop".to_owned(), verdict, format!("Stop and keep {}: {why}.", trial.arms[0]))
        }
        Decision::KeepRunning { need } => {
            let says = format!("Keep running: nothing is clear yet among {} people; it takes {need}.", trial.people());
            ("keep running".to_owned(), Verdict::NotEnough { need: need.clone() }, says)
        }
        Decision::Broken { why } => {
            let says = format!("Broken: {why}. No effect can be read from it; find out who was lost, and start again.");
            ("broken".to_owned(), Verdict::Clear, says)
        }
    }
}

fn chance(share: f64) -> String {
    if share > 0.9995 { "over 99.9 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

pub(super) fn insight(cx: &StepContext<'_>, trial: &Trial, asked: &Asked<'_>, found: &Found) -> Insight {
    let comparison = &found.comparison;
    let win = comparison.chance_to_win();
    let (name, control) = (&trial.arms[found.arm], &trial.arms[0]);
    // A segment has its own sentence, so that nobody takes a part for the whole.
    let metric = match &found.segment {
        Some(segment) => format!("{} among {segment}", asked.title()),
        None => asked.title(),
    };
    let n = comparison.treatment.count + comparison.control.count;
    let explained = comparison
        .explained
        .map_or_else(String::new, |share| format!(" The past explained {:.0} % of the noise.", share * 100.0));
    let verdict = match comparison.interval {
        _ if comparison.is_clear() => Verdict::Clear,
        Some(_) => Verdict::NotDistinguishable,
        None => Verdict::NotEnough { need: format!("{PEOPLE_MIN} people in each arm and {OUTCOMES_MIN} with the outcome") },
    };
    let says = match (&verdict, comparison.interval) {
        (Verdict::Clear, _) => format!(
            "{name} changes {metric} against {control}{}, whenever one looks; chance to win {}.{explained}",
            range(comparison),
            chance(win)
        ),
        (_, Some(_)) => format!(
            "{name} does not clearly change {metric} against {control}{}; chance to win {}.{explained}",
            range(comparison),
            chance(win)
        ),
        (_, None) => format!("There are too few outcomes to say what {name} does to {metric}."),
    };
    let mut plot = vec![
        (name.clone(), comparison.treatment.mean),
        (control.clone(), comparison.control.mean),
        ("chance to win".to_owned(), win),
        ("p, at any time".to_owned(), comparison.p_always),
    ];
    if let Some((p, interval)) = comparison.one_look {
        plot.extend([
            ("p, one look".to_owned(), p),
            ("low, one look".to_owned(), interval.low),
            ("high, one look".to_owned(), interval.high),
        ]);
    }
    if let Some(detectable) = comparison.detectable {
        plot.push(("smallest effect to be found now".to_owned(), detectable));
    }
    plot.retain(|(_, value)| value.is_finite());
    Insight {
        subject: Subject::Metric(format!("{metric}: {name}")),
        measure: format!("difference from {control}"),
        value: comparison.estimate(),
        interval: comparison.interval.map(|interval| (interval.low, interval.high)),
        level: 1.0 - comparison.alpha,
        n: n as u64,
        verdict,
        says,
        at: cx.now,
        basis: None,
        plot,
    }
}
