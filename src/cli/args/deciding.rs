//! What people decide: gates, effects in doubt, undoing.

use super::{Decider, WorkflowFile};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// Call off an open cycle, or a step or an item of it
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl cancel --reason \"the launch has moved\"     the open cycle
  loopctl cancel 3                                  cycle 3, where several are open
  loopctl cancel drafts --reason \"the model is ill\"   one step of it
  loopctl cancel o-7f3a1c                           one item

What is called off fails with your name and reason, and `loopctl retry` can bring it back. What may already be out
is not called off: `loopctl effect list` shows it.")]
pub struct Cancel {
    /// Optionally the workflow file, then a cycle, a step or an item; left out, the open cycle
    #[arg(value_name = "[WORKFLOW] CYCLE|STEP|ITEM", num_args = 0..=2)]
    pub words: Vec<String>,

    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Who says so, for the log
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}

/// Decide about what waits for a person
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl gate list
  loopctl gate show o-7f3a1c
  loopctl gate approve o-7f3a1c o-90be12
  loopctl gate edit o-7f3a1c                 opens $EDITOR
  loopctl gate edit o-7f3a1c --file new.md
  loopctl gate reject o-7f3a1c --reason \"off our pillar\"
  loopctl gate stats")]
pub struct Gate {
    #[command(subcommand)]
    pub command: GateCommand,
}

#[derive(Debug, Subcommand)]
pub enum GateCommand {
    /// List what waits, the most urgent first
    #[command(after_long_help = "Examples:
  loopctl gate list workflows/first-loop.kdl
  loopctl gate list --json                    for scripts")]
    List(WorkflowFile),
    /// Show one item with its evidence
    #[command(after_long_help = "Examples:
  loopctl gate show o-7f3a1c
  loopctl gate show workflows/first-loop.kdl o-7f3a1c")]
    Show(GateItem),
    /// Approve items as they are
    #[command(after_long_help = "Examples:
  loopctl gate approve o-7f3a1c o-90be12
  loopctl gate approve --all --as Ada")]
    Approve(GateDecision),
    /// Reject items
    #[command(after_long_help = "Examples:
  loopctl gate reject o-7f3a1c --reason \"off our pillar\"")]
    Reject(GateReject),
    /// Let a step make items again, with your reason before its eyes
    #[command(after_long_help = "Examples:
  loopctl gate send-back o-7f3a1c --to outlines --reason \"say what it costs\"")]
    SendBack(GateSendBack),
    /// Change an item's text and approve it; your words win over anything generated
    #[command(after_long_help = "Examples:
  loopctl gate edit o-7f3a1c                 opens $EDITOR
  loopctl gate edit o-7f3a1c --file new.md
  loopctl gate edit o-7f3a1c --file -        from standard input")]
    Edit(GateEdit),
    /// Show how long decisions take, how much is edited and why items are rejected, by gate and person, and what people change in channels
    #[command(after_long_help = "Examples:
  loopctl gate stats
  loopctl gate stats workflows/first-loop.kdl --json")]
    Stats(WorkflowFile),
}

#[derive(Debug, ClapArgs)]
pub struct GateItem {
    /// Optionally the workflow file, then the item
    #[arg(value_name = "[WORKFLOW] ITEM", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct GateDecision {
    /// Optionally the workflow file, then items
    #[arg(value_name = "[WORKFLOW] ITEM")]
    pub words: Vec<String>,

    /// Everything that waits
    #[arg(long)]
    pub all: bool,

    #[command(flatten)]
    pub decider: Decider,
}

#[derive(Debug, ClapArgs)]
pub struct GateReject {
    #[command(flatten)]
    pub decision: GateDecision,

    /// Why; Learning counts reasons
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct GateSendBack {
    #[command(flatten)]
    pub decision: GateDecision,

    /// The step that makes them again; it may be left out where the gate names only one
    #[arg(long, value_name = "STEP")]
    pub to: Option<String>,

    /// What is to be made otherwise
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

#[derive(Debug, ClapArgs)]
pub struct GateEdit {
    /// Optionally the workflow file, then the item
    #[arg(value_name = "[WORKFLOW] ITEM", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// Take the text from a file instead of opening an editor; `-` is standard input
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub decider: Decider,
}

/// Decide about everything that waits, one piece after the other
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl review
  loopctl review workflows/first-loop.kdl --as Ada
  loopctl review --json                      the queue, for scripts
  printf 'a\\ns\\nq\\n' | loopctl review       answers from a script

The most urgent comes first, with what the checks found and the evidence behind it; `c2` shows what claim 2 rests on. Approve
it, edit it in $EDITOR, reject it, send it back with a reason, or skip it. A piece that somebody else changed or decided meanwhile is shown again, and what you
wrote is kept. Exit code 4 says that something still waits.")]
pub struct Review {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    #[command(flatten)]
    pub decider: Decider,
}

/// Decide about pieces of which nobody knows whether they went out
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl effect list
  loopctl effect confirm e87a533d42bf5655 --location https://example.com/pricing
  loopctl effect retry e87a533d42bf5655     send it again under the same id
  loopctl effect drop e87a533d42bf5655      it did not go out, and it shall not

A piece is in doubt when its channel broke off between taking it and answering. Nothing is sent again by itself.")]
pub struct Effect {
    #[command(subcommand)]
    pub command: EffectCommand,
}

#[derive(Debug, Subcommand)]
pub enum EffectCommand {
    /// List what is in doubt
    #[command(after_long_help = "Examples:
  loopctl effect list
  loopctl effect list workflows/first-loop.kdl --json")]
    List(WorkflowFile),
    /// It went out
    #[command(after_long_help = "Examples:
  loopctl effect confirm e87a533d42bf5655 --location https://example.com/pricing
  loopctl effect confirm --all")]
    Confirm(EffectConfirm),
    /// It did not go out: send it again, under the same id
    #[command(after_long_help = "Examples:
  loopctl effect retry e87a533d42bf5655
  loopctl effect retry --all")]
    Retry(EffectDecision),
    /// It did not go out, and it shall not
    #[command(after_long_help = "Examples:
  loopctl effect drop e87a533d42bf5655 --as ana")]
    Drop(EffectDecision),
}

#[derive(Debug, ClapArgs)]
pub struct EffectDecision {
    /// Optionally the workflow file, then the pieces' keys
    #[arg(value_name = "[WORKFLOW] KEY")]
    pub words: Vec<String>,

    /// Everything that is in doubt
    #[arg(long)]
    pub all: bool,

    #[command(flatten)]
    pub decider: Decider,
}

#[derive(Debug, ClapArgs)]
pub struct EffectConfirm {
    #[command(flatten)]
    pub decision: EffectDecision,

    /// Where it is: a URL or a path
    #[arg(long, value_name = "PLACE")]
    pub location: Option<String>,
}

/// Take back what a record of the log says, where that is possible
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl undo 12                           the number stands in `loopctl log`
  loopctl undo 12 --reason \"one odd month\"

Tuned settings go back for the next cycle, and accepted changes of the Client OS are taken out of their file. What went out stays out.")]
pub struct Undo {
    /// Optionally the workflow file, then the number of the record
    #[arg(value_name = "[WORKFLOW] RECORD", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    #[command(flatten)]
    pub decider: Decider,
}
