//! The one integration-test binary: linking once is much faster than linking per file.

mod again;
mod bad_input;
mod browser;
mod cli;
mod crash;
mod damage;
mod desk;
mod diagnostics;
mod dispatch;
mod docs;
mod durability;
mod editors;
mod faults;
mod fuzz;
mod hostile;
mod house;
mod journal_contract;
mod kill;
mod kinds;
mod learning_input;
mod learning_world;
mod lsp;
mod mail;
mod mending;
mod model;
mod modules;
mod outages;
mod rehearsal;
mod serve;
mod serve_pages;
#[path = "../../src/base/skip.rs"]
mod skip;
mod stdlib;
mod transcripts;
mod wire;
mod wordpress;
