//! What shows how it went: status, trace, why, log, report, graph.

use super::WorkflowFile;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Show where the current cycle stands
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl status
  loopctl status --cycle 2")]
pub struct Status {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// A cycle other than the last
    #[arg(long, value_name = "N")]
    pub cycle: Option<u32>,
}

/// Show where an item comes from: edits, approvals, model, score, rules, signals
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl trace d-7f3a1c
  loopctl trace workflows/first-loop.kdl r-12ab90 --json")]
pub struct Trace {
    /// Optionally the workflow file, then the item
    #[arg(value_name = "[WORKFLOW] ITEM", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
}

/// Write a cycle's report as Markdown and HTML
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl report                            print the last cycle's report
  loopctl report --out reports              write reports/first-loop-1.md and .html")]
pub struct Report {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// A cycle other than the last
    #[arg(long, value_name = "N")]
    pub cycle: Option<u32>,

    /// Folder to write the Markdown and HTML files to
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Draw the workflow
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl graph --format mermaid            for a README
  loopctl graph --format svg > loop.svg")]
pub struct Graph {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GraphFormat {
    Mermaid,
    Dot,
    Json,
    Svg,
}

/// Say why an item or a step ran, was reused, was deferred, failed, or is not there
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl why outlines                      a step
  loopctl why o-7f3a1c                      an item
  loopctl why \"edge functions\"             a topic that is not there
  loopctl why outlines --cycle 2 --json")]
pub struct Why {
    /// Optionally the workflow file, then a step, an item or a topic
    #[arg(value_name = "[WORKFLOW] WHAT", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// A cycle other than the last
    #[arg(long, value_name = "N")]
    pub cycle: Option<u32>,
}

/// List what people decided and what learning changed, over all cycles, the latest first
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl log
  loopctl log --cycle 2
  loopctl log --who Ada --what rejected
  loopctl log --verify                      whether anything was changed afterwards
  loopctl log workflows/first-loop.kdl --json")]
pub struct Log {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Only this cycle
    #[arg(long, value_name = "N")]
    pub cycle: Option<u32>,

    /// Only what this person, `learning` or `the files` did
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,

    /// Only this sort of decision, such as `approved` or `tuned`
    #[arg(long, value_name = "WORD")]
    pub what: Option<String>,

    /// Check that each record carries the digest of the one before and stands for what is in the journal
    #[arg(long, conflicts_with_all = ["cycle", "who", "what"])]
    pub verify: bool,
}
