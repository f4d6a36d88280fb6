//! The one integration-test binary: linking once is much faster than linking per file.

mod cli;
mod crash;
mod damage;
mod desk;
mod diagnostics;
mod dispatch;
mod docs;
mod durability;
mod house;
mod journal_contract;
mod kill;
mod kinds;
mod rehearsal;
mod transcripts;
