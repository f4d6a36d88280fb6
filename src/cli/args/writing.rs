//! What helps to write a workflow: validate, check, fmt, test, plan, lsp, kinds, explain, init.

use super::WorkflowFile;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Check texts as drafts are checked: forbidden phrases, voice, readability, duplicates
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl check post.md
  loopctl check content/ --client-os workflows/first-loop/client-os
  loopctl check post.md --level suggestion      the small things too
  loopctl check post.md --fix                   mend what is certain
  loopctl check content/ --format github        annotations in a pull request
  pbpaste | loopctl check -

Rules are those of the built-in pack `ai-cliche` and of `rules/<pack>/` in the Client OS, in the format of the Vale linter.
Exit code 1 says that something was found.")]
pub struct Check {
    /// Markdown files, folders of them, or `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// The Client OS to check against; left out, that of the only workflow here or in `workflows/`
    #[arg(long, value_name = "DIR")]
    pub client_os: Option<PathBuf>,

    /// The least that is told
    #[arg(long, value_enum, default_value = "warning")]
    pub level: CheckLevel,

    /// Also find what is more than this platform takes: `x`, `linkedin`, `email` …
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(crate::builtin::production::platforms::NAMES))]
    pub platform: Option<String>,

    /// How to print findings
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,

    /// Apply the fixes that are certain
    #[arg(long)]
    pub fix: bool,

    /// With `--fix`: change nothing; show what would change
    #[arg(long, requires = "fix")]
    pub diff: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CheckLevel {
    Suggestion,
    Warning,
    Error,
}

/// Check workflows with their templates and Client OS, and modules, tests and worlds
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl validate workflows/first-loop.kdl
  loopctl validate workflows/*.kdl          several at once; the worst one makes the exit code
  loopctl validate --format github          annotations in a pull request
  loopctl validate --deny warnings          for CI
  loopctl validate --fix                    mend what is certain, then tell what is left
  loopctl validate --fix --diff             show what would be mended")]
pub struct Validate {
    /// The files; left out, the only workflow here or in `workflows/`
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// How to print findings
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,

    /// Treat a code, or all `warnings`, as errors
    #[arg(long, value_name = "CODE")]
    pub deny: Vec<String>,

    /// Leave a warning out
    #[arg(long, value_name = "CODE")]
    pub allow: Vec<String>,

    /// Apply the fixes that are certain, and look again
    #[arg(long)]
    pub fix: bool,

    /// With `--fix`: change nothing; show what would change
    #[arg(long, requires = "fix")]
    pub diff: bool,
}

/// Lay KDL files out: four spaces a level, one node a line; comments and spelling stay
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl fmt                               everything below this folder
  loopctl fmt workflows/first-loop.kdl
  loopctl fmt --check                       for CI: exit code 1 when something would change
  loopctl fmt --diff workflows              show the changes without writing
  loopctl fmt - < draft.kdl                 from standard input to standard output

A block that was written on one line stays there while the line is no wider than 120 characters.
A file with syntax errors is left alone, with exit code 3.")]
pub struct Fmt {
    /// Files or folders; `-` is standard input
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// Change nothing; list the files that would change
    #[arg(long)]
    pub check: bool,

    /// Change nothing; show what would change
    #[arg(long)]
    pub diff: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
    Sarif,
    Github,
}

/// Run the tests that stand beside workflows, in files named `*.test.kdl`
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl test                              every test below this folder
  loopctl test workflows/first-loop/tests
  loopctl test --filter \"edited outline\"
  loopctl test --junit report.xml           for CI

A test never touches the network, the disk or the durable state.")]
pub struct Test {
    /// Test files, or folders that hold them; left out, all below this folder
    pub files: Vec<PathBuf>,

    /// Only tests with this text in their name
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Write a JUnit report to this file as well
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Show what a cycle would run, what a change makes run again and why, and what it is expected to cost
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl plan workflows/first-loop.kdl
  loopctl plan --json
  loopctl plan --against origin/main       what this branch changes, for a review
  loopctl plan --against HEAD~1 --format markdown >> \"$GITHUB_STEP_SUMMARY\"

What a change makes run again is compared with the last cycle, or with `--against` a revision of the git repository that the
workflow is in. Nothing is run, and with `--against` no state is needed.")]
pub struct Plan {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Compare with a branch, tag or commit instead of the last cycle
    #[arg(long, value_name = "REF")]
    pub against: Option<String>,

    /// How to print it
    #[arg(long, value_enum, default_value = "text", conflicts_with = "json")]
    pub format: PlanFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    Text,
    /// For a pull request's comment or a job's summary
    #[value(alias = "github")]
    Markdown,
}

/// Talk to an editor: diagnostics while you type, completion, hover, rename, formatting
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl lsp                               an editor starts it and talks over standard input and output

What to write into the settings of VS Code, Helix, Neovim and Zed stands in docs/editors.")]
pub struct Lsp {
    /// Over standard input and output; there is no other way, and editors like to say it
    #[arg(long)]
    pub stdio: bool,
}

/// List the step kinds, or explain one
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl kinds
  loopctl kinds score
  loopctl kinds \"source kind=csv\"
  loopctl kinds std/rivals                  what a module exports
  loopctl kinds ./modules/voice.kdl
  loopctl kinds --schema                    all of the language as JSON, for editors and tools")]
pub struct Kinds {
    /// A verb, such as `score`, or a module, such as `std/rivals`
    pub kind: Vec<String>,

    /// Print the whole language as JSON: every setting and every kind, with types, defaults and examples
    #[arg(long, conflicts_with = "kind")]
    pub schema: bool,

    /// Write all reference pages as Markdown files to this folder
    #[arg(long, value_name = "DIR", hide = true)]
    pub write: Option<PathBuf>,
}

/// Tell the story behind a diagnostic code
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl explain loop::port-mismatch
  loopctl explain                           all codes")]
pub struct Explain {
    pub code: Option<String>,
}

/// Start a new loop: a workflow, a Client OS and templates that run at once
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl init my-loop
  loopctl init my-loop --phase 1            Intelligence and Learning first")]
pub struct Init {
    /// Name of the loop; a folder of this name is made
    pub name: String,

    /// 1: Intelligence and Learning; 2: with Strategy and Conversion; 3: with Production and Distribution
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub phase: u8,
}
