//! The arguments of every command, with examples in `--help`.

use super::exit::Exit;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    Effect(Effect),
    Trace(Trace),
    Why(Why),
    Log(Log),
    Undo(Undo),
    Retry(Retry),
    Replay(Replay),
    Backfill(Backfill),
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

/// Check a workflow, its templates and its Client OS
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl validate workflows/first-loop.kdl
  loopctl validate --format github          annotations in a pull request
  loopctl validate --deny warnings          for CI
  loopctl validate --fix                    mend what is certain, then tell what is left
  loopctl validate --fix --diff             show what would be mended")]
pub struct Validate {
    #[command(flatten)]
    pub workflow: WorkflowFile,

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
    /// Show how long decisions take, how much is edited and why items are rejected, by gate and person
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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
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

/// Bring a module in: fetch it, lock it in `loop.lock`, and write its `use` line
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl add https://example.com/acme/voice.git          the newest version among its tags
  loopctl add https://example.com/acme/voice.git@^1.2     the newest within a range
  loopctl add git@example.com:acme/loops.git --dir voice --branch main
  loopctl add https://example.com/voice-1.2.0.tar.gz --sha256 5b5b7c…
  loopctl add ./modules/voice --as tone

What was fetched is kept in a cache of this machine and pinned by its SHA-256. `run` and `validate` never ask the network for it.
Modules of `std` are built in: write `use \"std/rivals@1\"`, nothing has to be added.")]
pub struct Add {
    /// A folder, a git address, or a `.tar.gz` by address or path; `@RANGE` behind it asks for versions
    #[arg(value_name = "SOURCE")]
    pub source: String,

    /// What stands before the dot in the workflow; left out, the module's own name
    #[arg(long = "as", value_name = "NAME")]
    pub alias: Option<String>,

    /// The workflow that uses it; left out, the only one here or in `workflows/`
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,

    /// This tag of a git repository
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,

    /// This branch of a git repository; `update` follows it
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,

    /// This commit of a git repository
    #[arg(long, value_name = "COMMIT")]
    pub rev: Option<String>,

    /// The folder of the module within the source
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,

    /// What the SHA-256 of an archive must be
    #[arg(long, value_name = "DIGEST")]
    pub sha256: Option<String>,
}

/// Bring locked modules to their newest version within range, or fetch just what is locked
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl update                            every module
  loopctl update acme/voice                 one of them
  loopctl update --dry-run                  show old and new, change nothing
  loopctl update --locked                   after a fresh clone, and in CI: fetch what the lock says and check it

The range is the one behind `@` in the workflow's `use` line. When one module cannot be had, nothing is changed.")]
pub struct Update {
    /// A locked module, or what the workflow calls it; left out, all
    #[arg(value_name = "MODULE")]
    pub module: Option<String>,

    /// A workflow beside the lock; left out, the only one here or in `workflows/`
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,

    /// Change no version: fetch what `loop.lock` says, and check every checksum
    #[arg(long)]
    pub locked: bool,

    /// Change nothing; show what would change
    #[arg(long, conflicts_with = "locked")]
    pub dry_run: bool,
}

/// Copy the locked modules into `vendor/` beside the workflow, where they are found first
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl vendor
  loopctl vendor --check                    for CI: exit code 1 when `vendor/` is not what is locked
  loopctl vendor --force                    put changed files back")]
pub struct Vendor {
    /// A workflow beside the lock; left out, the only one here or in `workflows/`
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,

    /// Change nothing; tell what differs
    #[arg(long, conflicts_with = "force")]
    pub check: bool,

    /// Replace modules that were changed by hand
    #[arg(long)]
    pub force: bool,
}

/// Take a module out: its `use` line, its lock and its vendored files
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl remove acme/voice
  loopctl remove voice --workflow workflows/first-loop.kdl

While a step of it is used, nothing is removed, and the lines are told.")]
pub struct Remove {
    /// A locked module, or what the workflow calls it
    #[arg(value_name = "MODULE")]
    pub module: String,

    /// The workflow to take it out of; left out, the only one that uses it
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
}

/// Tell what the users of a shared module would notice, against an earlier commit
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl breaking --against v1.2.0                  every module below this folder
  loopctl breaking --against origin/main modules/voice

Exit code 1 when something breaks for users and the version does not say so. By semantic versioning a breaking change
takes the first number up, before 1.0.0 the second; an addition takes the second one up.")]
pub struct Breaking {
    /// A tag, a branch or a commit
    #[arg(long, value_name = "REF")]
    pub against: String,

    /// The folder of the module; left out, this folder and all below it
    #[arg(value_name = "MODULE")]
    pub module: Option<PathBuf>,
}

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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}

/// Look after the Client OS
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl os check workflows/first-loop.kdl
  loopctl os review                         decide about what the last report proposes
  loopctl os diff                           what changed since the last cycle")]
pub struct Os {
    #[command(subcommand)]
    pub command: OsCommand,
}

#[derive(Debug, Subcommand)]
pub enum OsCommand {
    /// Find missing parts, contradictions, and what takes too long to read
    #[command(after_long_help = "Examples:
  loopctl os check workflows/first-loop.kdl
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
  loopctl os review list --json
  loopctl os review accept a-7f3a1c
  loopctl os review edit a-7f3a1c --text 0.33
  loopctl os review reject a-7f3a1c --reason \"summer is always like this\"

What is accepted goes into the file at once, in the place it is about; the next cycle reads it, and a later report says whether it
helped. Nothing is committed: look at it with `git diff`.")]
    Review(OsReview),
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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct EffectConfirm {
    #[command(flatten)]
    pub decision: EffectDecision,

    /// Where it is: a URL or a path
    #[arg(long, value_name = "PLACE")]
    pub location: Option<String>,
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

    /// Who decides
    #[arg(long = "as", value_name = "NAME", env = "LOOPCTL_AS")]
    pub by: Option<String>,
}

/// Try again what failed
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  loopctl retry                             everything that failed in the last cycle
  loopctl retry out                         what failed in one step
  loopctl retry p-7f3a1c                    one item

The work is done by the next `loopctl run`.")]
pub struct Retry {
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
    /// Give back the room that overwritten values still take
    #[command(after_long_help = "Examples:
  loopctl store gc
  loopctl store gc --json")]
    Gc(WorkflowFile),
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
pub struct StoreRecover {
    #[command(flatten)]
    pub workflow: WorkflowFile,

    /// Do not keep a copy of the folder as it was
    #[arg(long)]
    pub no_copy: bool,
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
