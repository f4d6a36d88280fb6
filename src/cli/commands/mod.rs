//! One file per command.

pub mod explain;
pub mod gate;
pub mod graph;
pub mod init;
pub mod kinds;
pub mod os;
pub mod plan;

pub mod report;
pub mod run;
pub mod shell;
pub mod status;
pub mod test;
pub mod trace;
pub mod validate;
