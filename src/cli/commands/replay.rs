//! `loopctl replay CYCLE`: a cycle once more from its journal, bit for bit; with `--with`, through another workflow.
//!
//! Neither performs anything or writes anything: the journal answers, and what is made stays in memory.

use super::replay_with;
use crate::base::CycleNo;
use crate::cli::args::Replay;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, split_words};
use crate::engine::{self, Difference, Replayed};
use crate::report::style::{BAD, DIM, GOOD, WAIT, count, paint, plain};
use crate::runtime::RunError;
use serde_json::json;

/// So many differences are shown; `--json` has all.
const SHOWN: usize = 10;

pub fn run(args: &Replay, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let number = number(&words)?;
    // A file that is being edited and not valid now does not matter: the cycle has its own.
    let (project, _) = Project::read_or_pinned(place, file.as_deref())?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let entries = {
        let journal = project.open()?;
        let entries = project.entries(journal.as_ref(), Some(number))?;
        if !journal.has_detail(&project.workflow.id, CycleNo(number))? {
            let what = format!("cycle {number} is older than what is kept, and what it heard from the outside was given up");
            return Err(Failure::new("cli::given-up", what).help(
                "`loopctl store keep --cycles N` keeps more from now on; a backup from before can be brought in elsewhere",
            ));
        }
        entries
    };
    let then = project.as_of(&entries)?;
    let then = then.as_ref().unwrap_or(&project);
    if let Some(other) = &args.with {
        return replay_with::run(args, then, &entries, other, place, output);
    }
    let registry = crate::builtin::registry();
    let replayed = engine::replay(then.workflow.clone(), registry, then.client_os.clone(), &entries)
        .map_err(|error| Failure::from(RunError::from(error)))?;
    show(CycleNo(number), &replayed, output);
    Ok(if replayed.differences.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn number(words: &[String]) -> Result<u32, Failure> {
    let wrong = |message: String| {
        Err(Failure::new("cli::usage", message)
            .help("name one cycle by its number: `loopctl replay 1`; `loopctl status` says the last"))
    };
    match words {
        [word] => match word.parse() {
            Ok(number) => Ok(number),
            Err(_) => wrong(format!("`{}` is no number of a cycle", plain(word))),
        },
        [] => wrong("no cycle is named".to_owned()),
        _ => wrong("more than one cycle is named".to_owned()),
    }
}

/// What most likely lies behind the differences.
fn cause(replayed: &Replayed) -> &'static str {
    let program = |difference: &Difference| difference.part.starts_with("memo") || difference.part.ends_with(".program");
    if replayed.differences.iter().any(program) {
        return "another version of loopctl, or another definition of a step, made this cycle: the same version reproduces it";
    }
    let deferred = |text: &str| text.starts_with("was deferred");
    let cap = |difference: &Difference| {
        difference.part.starts_with("cap ") || deferred(&difference.recorded) || deferred(&difference.replayed)
    };
    if replayed.beside && replayed.differences.iter().any(cap) {
        return "other cycles were open beside this one; what they used of the caps is in their journals";
    }
    "the journal was changed, or a step does other things than it did: `loopctl store verify` reads every checksum"
}

fn show(cycle: CycleNo, replayed: &Replayed, output: &Output) {
    let equal = replayed.differences.is_empty();
    let facts = json!({
        "cycle": cycle,
        "reproduced": equal,
        "closed": replayed.closed,
        "tasks": replayed.tasks,
        "items": replayed.items,
        "differences": replayed.differences,
    });
    output.either("replay", &facts, || {
        let counted = format!("{}, {}", count(replayed.tasks, "task"), count(replayed.items, "item"));
        if equal {
            let until = if replayed.closed { "" } else { "\nThe cycle is open: it was replayed as far as its journal goes." };
            return format!("{} Cycle {cycle} reproduced: {counted}, all equal.{}", paint(GOOD, "✓"), paint(DIM, until));
        }
        let found = count(replayed.differences.len(), "difference");
        let mut text = format!("{} Cycle {cycle} does not come out as it did: {found} ({counted}).\n", paint(BAD, "✗"));
        for difference in replayed.differences.iter().take(SHOWN) {
            text.push_str(&lines(difference));
        }
        if replayed.differences.len() > SHOWN {
            let more = format!("  and {} more; `--json` has all\n", replayed.differences.len() - SHOWN);
            text.push_str(&paint(DIM, more));
        }
        text.push_str(&format!("{} {}", paint(WAIT, "likely:"), cause(replayed)));
        text
    });
}

fn lines(difference: &Difference) -> String {
    let at = match (&difference.step, difference.item) {
        (Some(step), Some(item)) => format!("{step}, {}: ", item.short()),
        (Some(step), None) => format!("{step}: "),
        (None, _) => String::new(),
    };
    let (old, new) = (plain(&difference.recorded), plain(&difference.replayed));
    format!("  {at}{}\n    journal  {old}\n    replay   {new}\n", difference.part)
}
