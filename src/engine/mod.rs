//! The engine: one cycle as a pure state machine.

pub mod action;
pub mod carry;
pub mod entry;

pub use action::{Action, Event, Notice};
pub use carry::{Carry, Ledger};
pub use entry::{Entry, Pins};
