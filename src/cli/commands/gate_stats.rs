//! `loopctl gate stats`: how people decide, by gate and person, over all cycles.

use crate::cli::args::WorkflowFile;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::report::gates::{GateCounter, GateStats, Tally};
use crate::report::style::{DIM, TITLE, count, paint, plain};
use std::fmt::Write as _;

pub fn run(args: &WorkflowFile, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (project, _) = Project::load_or_pinned(place, args.file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let mut counter = GateCounter::default();
    for (cycle, _) in journal.cycles(&project.workflow.id)? {
        counter.add(&journal.read(&project.workflow.id, cycle)?);
    }
    let stats = counter.stats();
    output.either("gates", &stats, || text(project.workflow.id.as_str(), &stats));
    Ok(Exit::Ok)
}

fn text(workflow: &str, stats: &[GateStats]) -> String {
    if stats.is_empty() {
        return "Nothing has come to a gate yet.".to_owned();
    }
    let mut text = format!("{}\n", paint(TITLE, format!("{workflow} · how people decide")));
    for gate in stats {
        let asked = count(gate.asked, "item");
        writeln!(text, "\n{}  {}", paint(TITLE, &gate.gate), paint(DIM, format!("{asked}, {} waiting", gate.waiting)))
            .expect("writing to a string");
        line(&mut text, "all", &gate.all);
        for person in &gate.people {
            line(&mut text, &plain(&person.person), &person.tally);
        }
        for judge in &gate.judges {
            writeln!(text, "  judge {:<10}{}", plain(&judge.judge), judge.says).expect("writing to a string");
        }
        for reason in &gate.all.reasons {
            writeln!(text, "  {}", paint(DIM, format!("{}×: {}", reason.times, plain(&reason.reason))))
                .expect("writing to a string");
        }
    }
    text.trim_end().to_owned()
}

fn line(text: &mut String, who: &str, tally: &Tally) {
    let mut says = Vec::new();
    for (times, word) in [
        (tally.approved, "approved"),
        (tally.edited, "edited"),
        (tally.rejected, "rejected"),
        (tally.sent_back, "sent back"),
        (tally.expired, "expired"),
    ] {
        if times > 0 {
            says.push(format!("{times} {word}"));
        }
    }
    if says.is_empty() {
        says.push("no decision yet".to_owned());
    }
    if let (Some(median), Some(most)) = (tally.hours_median, tally.hours_most) {
        says.push(format!("after {median:.1} h, nine of ten within {most:.1} h"));
    }
    if let Some(share) = tally.edit_share {
        says.push(format!("edits change {:.0} % of the words", share * 100.0));
    }
    writeln!(text, "  {who:<16}{}", says.join(" · ")).expect("writing to a string");
}
