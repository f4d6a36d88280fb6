//! `loopctl graph`: the workflow as a drawing.

use crate::cli::args::{Graph, GraphFormat};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{JSON_VERSION, Output};
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
        GraphFormat::Json => {
            let mut document = plan::json(workflow, &plan);
            document["version"] = JSON_VERSION.into();
            format!("{document:#}")
        }
        GraphFormat::Svg => plan::svg(workflow, &plan),
    });
    Ok(Exit::Ok)
}
