//! `loopctl graph`: the workflow as a drawing.

use crate::cli::args::{Graph, GraphFormat};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::plan::{self, CyclePlan};

pub fn run(args: &Graph, output: &Output) -> Result<Exit, Failure> {
    let project = Project::load(&Place::default(), args.workflow.file.as_deref(), output)?;
    let plan = CyclePlan::new(&project.workflow)
        .map_err(|error| Failure::new("cli::no-plan", error.to_string()).help("`loopctl validate` shows where"))?;
    let format = if output.json { GraphFormat::Json } else { args.format };
    let workflow = &project.workflow;
    output.text(&match format {
        GraphFormat::Mermaid => plan::mermaid(workflow, &plan),
        GraphFormat::Dot => plan::dot(workflow, &plan),
        GraphFormat::Json => format!("{:#}", plan::json(workflow, &plan)),
        GraphFormat::Svg => plan::svg(workflow, &plan),
    });
    Ok(Exit::Ok)
}
