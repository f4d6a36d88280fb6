//! The arguments of every command, with examples in `--help`: one file for the commands of one kind of work.

mod deciding;
mod keeping;
mod looking;
mod running;
mod sharing;
mod steering;
mod writing;

use super::exit::Exit;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

pub use deciding::*;
pub use keeping::*;
pub use looking::*;
pub use running::*;
pub use sharing::*;
pub use steering::*;
pub use writing::*;

/// Runs a growth team's loop: sense, choose, write, place, convert, learn, and start the next round from a better place.
#[derive(Debug, Parser)]
#[command(
    name = "loopctl",
    version,
    about,
    max_term_width = 100,
    after_help = Exit::TABLE,
    after_long_help = format!("Examples:
  loopctl init my-loop                     a new loop, ready to run
  loopctl run workflows/first-loop.kdl     one cycle, or on with the open one
  loopctl gate list                        what waits for a person
  loopctl trace d-7f3a1c                   where a piece comes from

{}", Exit::TABLE),
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,

    /// Print facts as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: ColorChoice,

    /// Folder of the durable state; by default `.loopctl` beside the workflow
    #[arg(long, global = true, value_name = "DIR", env = "LOOPCTL_STATE")]
    pub state: Option<PathBuf>,

    /// What keeps a new state folder (else `LOOPCTL_STORE`, else redb); one that is there remembers its own
    #[arg(long, global = true, value_enum, value_name = "ENGINE")]
    pub store: Option<StoreEngine>,
}

/// What keeps a state folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreEngine {
    Redb,
    Sled,
}

impl From<StoreEngine> for crate::store::EngineKind {
    fn from(engine: StoreEngine) -> crate::store::EngineKind {
        match engine {
            StoreEngine::Redb => crate::store::EngineKind::Redb,
            StoreEngine::Sled => crate::store::EngineKind::Sled,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Run),
    Validate(Validate),
    Check(Check),
    Test(Test),
    Fmt(Fmt),
    Plan(Plan),
    Status(Status),
    Gate(Gate),
    Review(Review),
    Effect(Effect),
    Cancel(Cancel),
    Trace(Trace),
    Why(Why),
    Log(Log),
    Undo(Undo),
    Retry(Retry),
    Replay(Replay),
    Backfill(Backfill),
    Simulate(Simulate),
    Report(Report),
    Kinds(Kinds),
    Explain(Explain),
    Graph(Graph),
    Lsp(Lsp),
    Init(Init),
    Add(Add),
    Update(Update),
    Vendor(Vendor),
    Remove(Remove),
    Breaking(Breaking),
    Tune(Tune),
    Os(Os),
    Store(Store),
    Serve(Serve),
    Trust(Trust),
    Mcp(Mcp),
    Completions(Completions),
    Man(Man),
}

/// The workflow file, when a command takes one.
#[derive(Clone, Debug, ClapArgs)]
pub struct WorkflowFile {
    /// The workflow file; left out, the only one here or in `workflows/`
    #[arg(value_name = "WORKFLOW")]
    pub file: Option<PathBuf>,
}

/// The person, when a command takes a decision.
#[derive(Clone, Debug, ClapArgs)]
pub struct Decider {
    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}
