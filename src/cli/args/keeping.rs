//! The state, and what belongs to the machine: store, mcp, completions, man.

use super::WorkflowFile;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// Look after the durable state: check, back up, bring back, tidy
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl store verify
  loopctl store export backup.jsonl
  loopctl store import backup.jsonl --state elsewhere
  loopctl store gc
  loopctl store recover")]
pub struct Store {
    #[command(subcommand)]
    pub command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read everything and compare it with its checksums
    #[command(after_long_help = "Examples:
  loopctl store verify
  loopctl store verify workflows/first-loop.kdl --json
  loopctl store verify --state /var/lib/loopctl")]
    Verify(WorkflowFile),
    /// Write everything to a file, for a backup or for moving
    #[command(after_long_help = "Examples:
  loopctl store export backup.jsonl
  loopctl store export - | gzip > backup.jsonl.gz")]
    Export(StoreFile),
    /// Fill an empty state folder from an export
    #[command(after_long_help = "Examples:
  loopctl store import backup.jsonl
  gunzip -c backup.jsonl.gz | loopctl store import -

The export is checked as a whole before anything is written.")]
    Import(StoreFile),
    /// Give back the room that overwritten values still take, or move to the other engine
    #[command(after_long_help = "Examples:
  loopctl store gc
  loopctl store gc --json
  loopctl store gc --store redb             keep the same state in redb from now on

A crash in the middle leaves the store as it was.")]
    Gc(WorkflowFile),
    /// Say for how many cycles, and how long, everything is kept; without words, what is in force
    #[command(after_long_help = "Examples:
  loopctl store keep
  loopctl store keep --cycles 1000
  loopctl store keep --cycles 400 --days 365

Older cycles give up what was fetched and generated on the way, when the next cycle closes. Decisions, edits, receipts, the log of
decisions and what a published piece comes from are kept for ever.")]
    Keep(StoreKeep),
    /// Go on with what is readable of a damaged or outdated store, and say what is lost
    #[command(after_long_help = "Examples:
  loopctl store recover
  loopctl store recover --no-copy           the folder is already saved elsewhere

A store that is whole is left alone. The folder is copied first.")]
    Recover(StoreRecover),
}

#[derive(Debug, ClapArgs)]
pub struct StoreFile {
    /// Optionally the workflow file, then the export; `-` is standard input or output
    #[arg(value_name = "[WORKFLOW] FILE", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct StoreKeep {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// The last so many cycles of each workflow keep everything (400 unless said otherwise)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cycles: Option<u32>,

    /// And none that closed longer ago than this; 0 is however long ago
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub struct StoreRecover {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Do not keep a copy of the folder as it was
    #[arg(long)]
    pub no_copy: bool,
}

/// Serve the Client OS, the queue and the lineage of pieces to other agents, over the Model Context Protocol on standard input
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl mcp workflows/first-loop.kdl
  loopctl mcp workflows/first-loop.kdl --allow-decisions --as maria

In an agent's settings, the command is `loopctl` with the words `mcp` and the path of the workflow.
Agents only read, unless you allow them to decide at gates; their decisions then stand in your name in the log.")]
pub struct Mcp {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Also offer to approve, edit and reject what waits at gates
    #[arg(long, requires = "by")]
    pub allow_decisions: bool,

    /// In whose name decisions are made
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}

/// Print a completion script for your shell
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl completions bash > ~/.local/share/bash-completion/completions/loopctl")]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

/// Write the man pages to a folder
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl man ~/.local/share/man/man1")]
pub struct Man {
    pub folder: PathBuf,
}
