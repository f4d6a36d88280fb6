//! What turns the loop: run, serve, replay, backfill, retry.

use super::WorkflowFile;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Run one cycle, or go on with the one that is open
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl run workflows/first-loop.kdl
  loopctl run workflows/first-loop.kdl --cycles 5 --approve-all    a quick look at five rounds
  loopctl run --watch                      stay: every save is checked and used by the next cycle

Nothing that was finished is done again: after a crash or Ctrl-C the same command goes on.")]
pub struct Run {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// How many cycles to complete
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub cycles: u32,

    /// Approve everything that waits at a gate, in your name; for a quick look, not for publishing
    #[arg(long)]
    pub approve_all: bool,

    /// In whose name `--approve-all` approves
    #[arg(long, value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,

    /// Stay, and go on when a file of the workflow is saved or a decision is made in another terminal; Ctrl-C ends
    #[arg(long, conflicts_with = "cycles")]
    pub watch: bool,

    /// With `--watch`: look this often instead of waiting to be told, for network disks
    #[arg(
        long,
        value_name = "INTERVAL",
        requires = "watch",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2s",
        value_parser = interval
    )]
    pub poll: Option<std::time::Duration>,
}

/// Keep workflows going: open cycles when they are due, go on as people decide, answer over HTTP
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl serve                              every workflow here and in `workflows/`
  loopctl serve workflows/first-loop.kdl --listen 127.0.0.1:8080
  loopctl serve --no-http                    schedules and decisions from the terminal only
  loopctl serve --log json                   one JSON document a line, for systemd and the like

Other commands work as ever while it runs: they talk to it. Ctrl-C stops it: what runs may finish,
nothing is lost, and a second Ctrl-C does not wait.")]
pub struct Serve {
    /// Workflow files, or folders to look for them in; left out, this folder and its `workflows/`
    #[arg(value_name = "WORKFLOW|FOLDER")]
    pub paths: Vec<PathBuf>,

    /// Where to listen for HTTP; an address that other machines reach needs `--behind-proxy`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7878", env = "LOOPCTL_LISTEN")]
    pub listen: std::net::SocketAddr,

    /// Another name by which requests may call this service, such as the proxy's
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,

    /// A proxy in front of it speaks TLS
    #[arg(long, requires = "host")]
    pub behind_proxy: bool,

    /// The path below which a proxy in front shows it, such as `/loop`
    #[arg(long, value_name = "PATH", value_parser = crate::serve::http::under::parse)]
    pub under: Option<String>,

    /// Tokens that open it, one a line; made on the first start
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Do not listen for HTTP
    #[arg(long)]
    pub no_http: bool,

    /// How to write what happens to standard error
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,
}

/// A form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Try again what failed
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl retry                             everything that failed in the last cycle
  loopctl retry out                         what failed in one step
  loopctl retry p-7f3a1c                    one item, of whichever cycle
  loopctl retry --list                      everything that failed in any cycle and was not made good since, and why
  loopctl retry --all                       all of that
  loopctl retry --from drafts               the last cycle again from this step on, failed or not
  loopctl retry --from drafts --only        this step again, without those behind it

The work is done by the next `loopctl run`. What was published stays published: a piece that comes out the same is
not sent again, and one that comes out different is sent as the new text of the one that is there.")]
pub struct Retry {
    /// Only list what failed and was not made good since, in all cycles that are kept
    #[arg(long, conflicts_with_all = ["from", "all"])]
    pub list: bool,

    /// Everything on that list, and not only what failed in the last cycle
    #[arg(long, conflicts_with = "from")]
    pub all: bool,

    /// Make the last cycle again from this step on
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,

    /// With `--from`: only this step, and not those behind it
    #[arg(long, requires = "from")]
    pub only: bool,

    /// Why, for the log
    #[arg(long, requires = "from", value_name = "TEXT")]
    pub reason: Option<String>,

    /// Who wants it, for the log
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,

    /// Optionally the workflow file, then steps or items; left out, everything that failed
    #[arg(value_name = "[WORKFLOW] STEP|ITEM")]
    pub words: Vec<String>,
}

/// Run a cycle again from its journal: the same to the bit, or with another workflow
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl replay 1                          does cycle 1 come out as it did?
  loopctl replay 1 --with other.kdl         what would other.kdl have made of what cycle 1 heard?
  loopctl replay 1 --with other.kdl --approve-all --json

Nothing is asked, sent or written: the journal answers. Exit code 1 when a cycle does not come out as it did.")]
pub struct Replay {
    /// Optionally the workflow file, then the number of the cycle
    #[arg(value_name = "[WORKFLOW] CYCLE", required = true, num_args = 1..=2)]
    pub words: Vec<String>,

    /// Run what the cycle heard through this workflow and show what would be different
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,

    /// Approve what nobody decided about then
    #[arg(long, requires = "with")]
    pub approve_all: bool,
}

/// Run cycles over the past: what would have been chosen and learned
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl backfill --from 2024-01-01 --to 2024-03-31
  loopctl backfill workflows/first-loop.kdl --from 2024-06-03 --to 2024-07-01 --every 7d
  loopctl backfill --from 2024-01-01 --to 2024-12-31 --every 30d --json

Sources leave out what is later than each cycle's time. Gates are approved, texts composed from the templates, and nothing
goes out. All of it stays in memory unless `--keep` is given.")]
pub struct Backfill {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// When the first cycle is, in the workflow's time zone
    #[arg(long, value_name = "DATE")]
    pub from: String,

    /// No cycle is later
    #[arg(long, value_name = "DATE")]
    pub to: String,

    /// Time between cycles; left out, the workflow's
    #[arg(long, value_name = "DURATION")]
    pub every: Option<String>,

    /// Keep the cycles in the state, which must have none; the next run goes on from them
    #[arg(long)]
    pub keep: bool,

    /// Have texts written by the workflow's own providers, which may cost money
    #[arg(long)]
    pub models: bool,
}

/// Play a simulated world: what learning earns in it, beside never learning and an oracle
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl simulate worlds/three-channels.world.kdl
  loopctl simulate worlds/three-channels.world.kdl --seeds 10 --json
  loopctl simulate worlds/three-channels.world.kdl --cycles 20 --least 0.5    for CI: exit code 1 below that

The workflow that the world names runs on the real engine; its learning sees nothing but the world's event log.
Nothing is asked, sent or written. The same seeds give the same answer on every machine.")]
pub struct Simulate {
    /// The file of worlds
    #[arg(value_name = "WORLD")]
    pub file: PathBuf,

    /// How often the world is played, each time with another luck
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=1_000))]
    pub seeds: u64,

    /// How many cycles are played, instead of what the world says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=520))]
    pub cycles: Option<u32>,

    /// Only worlds with these words in their name
    #[arg(long, value_name = "WORDS")]
    pub filter: Option<String>,

    /// Exit with 1 unless learning surely goes this part of the way from never learning to the oracle
    #[arg(long, value_name = "SHARE")]
    pub least: Option<f64>,
}

/// How often to look: from a tenth of a second to an hour.
fn interval(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || "write a length of time between `100ms` and `1h`, such as `5s`".to_owned();
    let parsed = crate::base::duration::parse(text).ok_or_else(wrong)?;
    let (least, most) = (std::time::Duration::from_millis(100), std::time::Duration::from_secs(3600));
    if (least..=most).contains(&parsed) { Ok(parsed) } else { Err(wrong()) }
}

/// Agree to the commands that a workflow's `exec` providers run
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl trust workflows/first-loop.kdl          shows the commands and asks
  loopctl trust workflows/first-loop.kdl --list   only shows them
  loopctl trust --yes                             agrees without asking, for a machine that you set up

A changed command is asked about again. The list is kept in your configuration folder, or where LOOPCTL_TRUST says.")]
pub struct Trust {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Show the commands and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub list: bool,

    /// Agree without asking
    #[arg(long)]
    pub yes: bool,
}
