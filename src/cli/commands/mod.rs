//! One file per command.

pub mod add;
pub mod breaking;
pub mod check;
pub mod effect;
pub mod explain;
pub mod fmt;
pub mod gate;
pub mod gate_stats;
pub mod graph;
pub mod init;
pub mod kinds;
pub mod log;
pub mod lsp;
pub mod mcp;
mod mcp_tools;
pub mod os;
mod os_export;
mod os_review;
pub mod plan;

pub mod remove;
pub mod report;
pub mod retry;
pub mod run;
mod run_watch;
pub mod serve;
pub mod shell;
pub mod status;
pub mod store;
pub mod test;
pub mod trace;
pub mod trust;
pub mod tune;
pub mod update;
pub mod validate;
pub mod vendor;
pub mod why;
