//! `loopctl status`: where a cycle stands, the same summary that a run ends with.

use crate::cli::args::Status;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::report::{CycleState, summary};

pub fn run(args: &Status, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (project, _) = Project::load_or_pinned(place, args.workflow.file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let view = project.view(&project.entries(journal.as_ref(), args.cycle)?)?;
    let setting = summary::Setting { width: output.width(), file: &project.file, store: &project.store_name() };
    output.either("cycle", &view, || summary::render(&view, &setting));
    Ok(match view.state {
        CycleState::Waiting => Exit::Waiting,
        CycleState::Open | CycleState::Closed if view.failures.is_empty() => Exit::Ok,
        CycleState::Open | CycleState::Closed => Exit::Findings,
    })
}
