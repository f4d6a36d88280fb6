//! The real binary, one file per command: exit codes, what is said where, and what machines can read.

pub mod place;

mod backfill;
mod cancel;
mod check;
mod explain;
mod fmt;
mod gate;
mod graph;
mod help;
mod init;
mod kinds;
mod log;
mod mcp;
mod modules;
mod nested;
mod notify;
mod os;
mod os_init;
pub mod os_review;
mod packages;
mod pieces;
mod plan;
mod proposals;
mod replay;
mod report;
mod review;
mod run;
#[cfg(unix)]
mod run_watch;
mod schema;
mod shell;
mod status;
mod store;
mod test;
mod trace;
mod transports;
mod trust;
mod tune;
mod validate;
mod validate_fix;
pub mod versions;
