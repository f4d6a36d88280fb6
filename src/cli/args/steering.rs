//! What the team's own files and numbers say: tune, os.

use super::{Decider, GateDecision, GateItem, GateReject, WorkflowFile};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::path::PathBuf;

/// List what learning tuned, and take it back
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl tune
  loopctl tune list workflows/b2b-growth.kdl --json
  loopctl tune revert channels.blog --reason \"one odd month\"

A setting that was taken back is not moved again by the same evidence; newer evidence may move it. To keep it where it is for good,
take its `tune` out of the workflow.")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Tune {
    #[command(subcommand)]
    pub command: Option<TuneCommand>,

    #[command(flatten)]
    pub workflow: WorkflowFile,
}

#[derive(Debug, Subcommand)]
pub enum TuneCommand {
    /// List the settings that `feedback` moved, with the evidence
    #[command(after_long_help = "Examples:
  loopctl tune list --json")]
    List(WorkflowFile),
    /// Set a parameter back to what it was before its last change
    #[command(after_long_help = "Examples:
  loopctl tune revert channels.blog --reason \"one odd month\"")]
    Revert(TuneRevert),
}

#[derive(Debug, ClapArgs)]
pub struct TuneRevert {
    /// Optionally the workflow file, then the parameter, such as `channels.blog`
    #[arg(value_name = "[WORKFLOW] PARAMETER", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    #[command(flatten)]
    pub decider: Decider,
}

/// Look after the Client OS
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl os init                           write a first one
  loopctl os check workflows/first-loop.kdl
  loopctl os review                         decide about what the last report proposes
  loopctl os diff                           what changed since the last cycle")]
pub struct Os {
    #[command(subcommand)]
    pub command: OsCommand,
}

#[derive(Debug, Subcommand)]
pub enum OsCommand {
    /// Write a first Client OS from what you have written already and a few questions
    #[command(after_long_help = "Examples:
  loopctl os init                                         asks; Enter takes what stands in brackets
  loopctl os init my-loop/client-os --from brand.pdf --from https://example.com/about --samples posts/
  loopctl os init client-os --from brand.md --yes         asks nothing and takes the guesses
  loopctl os init client-os --answers answers.json --yes  {\"name\": \"Acme\", \"pillars\": \"Cost; Operations\"}

Texts, Markdown and HTML are read as they are, PDFs without any program, pages as politely as a source reads them. Whatever is
guessed is marked in the files with where it comes from. Nothing that is there is overwritten, and an interview that is broken
off goes on where it stood.")]
    Init(OsInit),
    /// Find missing parts, contradictions, and what takes too long to read
    #[command(after_long_help = "Examples:
  loopctl os check workflows/first-loop.kdl
  loopctl os check my-loop/client-os         a folder that no workflow names yet
  loopctl os check --json")]
    Check(WorkflowFile),
    /// Show exactly what a step reads of the Client OS
    #[command(after_long_help = "Examples:
  loopctl os show --for drafts
  loopctl os show workflows/first-loop.kdl --for drafts --json")]
    Show(OsShow),
    /// Show what changed in the Client OS between the version a cycle used and now
    #[command(after_long_help = "Examples:
  loopctl os diff
  loopctl os diff workflows/first-loop.kdl --cycle 3")]
    Diff(OsDiff),
    /// Pack the whole Client OS into one text for another tool
    #[command(after_long_help = "Examples:
  loopctl os export --for agents > AGENTS.md      a file that coding and writing agents read
  loopctl os export --for chat | pbcopy           to paste into a chat window
  loopctl os export --for json                    for a program")]
    Export(OsExport),
    /// Decide about the changes that the last report proposes; asks one by one in a terminal
    #[command(after_long_help = "Examples:
  loopctl os review
  printf 'a\\nq\\n' | loopctl os review --ask     answers from a script
  loopctl os review list --json
  loopctl os review accept a-7f3a1c
  loopctl os review edit a-7f3a1c --text 0.33
  loopctl os review reject a-7f3a1c --reason \"summer is always like this\"

What is accepted goes into the file at once, in the place it is about; the next cycle reads it, and a later report says whether it
helped. Nothing is committed: look at it with `git diff`.")]
    Review(OsReview),
}

#[derive(Debug, ClapArgs)]
pub struct OsInit {
    /// The folder to write
    #[arg(value_name = "DIR", default_value = "client-os")]
    pub folder: PathBuf,

    /// A brand text, as Markdown, text, HTML or PDF, or a page's address; may be given several times
    #[arg(long, value_name = "FILE|URL")]
    pub from: Vec<String>,

    /// A folder of posts that sound as you want to sound
    #[arg(long, value_name = "DIR")]
    pub samples: Option<PathBuf>,

    /// Answers as a JSON file, by the question's name: name, company, voice, audience, services, ctas, forbidden, samples, pages, pillars, goal, decision
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,

    /// Ask nothing: take the answers that are given and the guesses for the rest
    #[arg(long, conflicts_with = "ask")]
    pub yes: bool,

    /// Ask also when the answers do not come from a terminal
    #[arg(long)]
    pub ask: bool,
}

#[derive(Debug, ClapArgs)]
pub struct OsShow {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// The step, such as `drafts`
    #[arg(long = "for", value_name = "STEP")]
    pub step: String,

    /// The platform it writes for, when there are several style guides
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct OsExport {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// For whom
    #[arg(long = "for", value_enum, default_value = "agents")]
    pub reader: OsReader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OsReader {
    /// Markdown with everything, as agents read it from a file
    Agents,
    /// Markdown with an instruction in front, to paste into a chat
    Chat,
    /// The parts as data
    Json,
}

#[derive(Debug, ClapArgs)]
pub struct OsDiff {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Compare with what this cycle used instead of the last one
    #[arg(long, value_name = "N")]
    pub cycle: Option<u32>,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OsReview {
    #[command(subcommand)]
    pub command: Option<OsReviewCommand>,

    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Ask one by one also when the answers do not come from a terminal
    #[arg(long, conflicts_with = "json")]
    pub ask: bool,
}

#[derive(Debug, Subcommand)]
pub enum OsReviewCommand {
    /// List what is proposed
    #[command(after_long_help = "Examples:
  loopctl os review list
  loopctl os review list workflows/b2b-growth.kdl --json")]
    List(WorkflowFile),
    /// Show one proposal with its evidence and the change of the file
    #[command(after_long_help = "Examples:
  loopctl os review show a-7f3a1c")]
    Show(GateItem),
    /// Apply proposals to their files
    #[command(after_long_help = "Examples:
  loopctl os review accept a-7f3a1c a-90be12
  loopctl os review accept --all --as Ada")]
    Accept(GateDecision),
    /// Turn proposals down; they rest for 90 days
    #[command(after_long_help = "Examples:
  loopctl os review reject a-7f3a1c --reason \"summer is always like this\"")]
    Reject(GateReject),
    /// Apply a proposal in your own words, or with your own number
    #[command(after_long_help = "Examples:
  loopctl os review edit a-7f3a1c --text 0.33
  loopctl os review edit a-7f3a1c             opens $EDITOR")]
    Edit(OsReviewEdit),
}

#[derive(Debug, ClapArgs)]
pub struct OsReviewEdit {
    /// Optionally the workflow file, then the proposal
    #[arg(value_name = "[WORKFLOW] ITEM", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// What shall stand there instead of what was proposed
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,

    #[command(flatten)]
    pub decider: Decider,
}
