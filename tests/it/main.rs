//! The one integration-test binary: linking once is much faster than linking per file.

mod crash;
mod damage;
mod dispatch;
mod house;
mod journal_contract;
