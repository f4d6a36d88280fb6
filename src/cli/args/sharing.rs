//! Modules of others: add, update, vendor, remove, breaking.

use clap::Args as ClapArgs;
use std::path::PathBuf;

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
