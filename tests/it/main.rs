//! The one integration-test binary: linking once is much faster than linking per file.

mod bad_input;
mod cli;
mod crash;
mod damage;
mod diagnostics;
mod dispatch;
mod docs;
mod house;
mod journal_contract;
mod kinds;
mod rehearsal;
mod transcripts;
