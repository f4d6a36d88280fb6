//! The engine: one cycle as a pure state machine.

// What goes in, comes out and is kept.
pub mod action;
pub mod again;
pub mod beside;
pub mod carry;
pub mod entry;
pub mod error;

// What a cycle consists of.
pub mod ballot;
pub mod caps;
pub mod gates;
pub mod lineage;
pub mod memory;
pub mod nudges;
pub mod outlook;
pub mod parts;
pub mod people;
mod places;
pub mod reruns;
mod shape;
pub mod tasks;
pub mod waited;

// How it moves.
mod addressing;
pub mod cancel;
mod close;
pub mod cycle;
pub mod differ;
mod doors;
mod drive;
pub mod edits;
mod errands;
pub mod failing;
mod finite;
pub mod fold;
pub mod out;
mod queues;
mod recover;
pub mod replay;
mod spend;

pub use action::{Action, Event, Notice, Resolution};
pub use again::{Again, From};
pub use ballot::Ballot;
pub use beside::{OwnUse, Passed, next_carry};
pub use cancel::Scope;
pub use caps::CapUse;
pub use carry::{Carry, Ledger, Memory, Said};
pub use cycle::{Cycle, TaskReport};
pub use differ::Difference;
pub use entry::{Entry, Pins};
pub use error::EngineError;
pub use gates::{Doubt, OpenGate, Void, doubts};
pub use lineage::Items;
pub use memory::Why;
pub use nudges::{Nudge, Nudged};
pub use out::{Out, Outs, SentPiece, Stands, sent_piece};
pub use outlook::{StepOutlook, Will, outlook};
pub use parts::Parts;
pub use people::{Addressed, PersonCap, Sends, Written};
pub use recover::Recovery;
pub use replay::{Answers, Replayed, play, replay};
pub use reruns::{Rerun, Reruns};
pub use tasks::{Counts, TaskState};
pub use waited::{Approved, Revoked, Waited};

#[cfg(test)]
mod held_back;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod rationing;
#[cfg(test)]
mod schedules;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod weather;
