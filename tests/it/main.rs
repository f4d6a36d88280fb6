//! The one integration-test binary: linking once is much faster than linking per file.

mod damage;
mod diagnostics;
mod dispatch;
mod house;
mod journal_contract;
