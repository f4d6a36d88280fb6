//! The service: opens cycles when they are due, keeps open ones going as people decide, and is the one place where a state
//! folder is changed while it runs.
//!
//! ```text
//!  schedule ──► owner ──► driver (one per open cycle) ──► SharedJournal ──► store
//!                 ▲          ▲ letters                         ▲ reads
//!                 │          │                                 │
//!  socket ────────┴──────────┴── Desk ─────────────────────────┘
//!  HTTP, review page ───────────┘
//! ```
//! [`Desk`] is the handle that everything in front uses: the queue, items, decisions, cycles, and what happens.

mod at_rest;
pub mod desk;
pub mod driver;
pub mod events;
pub mod http;
mod notifier;
pub mod owner;
pub mod pages;
pub mod served;
pub mod service;
pub mod shared;
#[cfg(unix)]
pub mod socket;
pub mod traces;

pub use desk::{CycleFacts, Decided, Desk, ItemFacts, Order, Refused, Waiting, WorkflowFacts};
pub use events::{Bus, Happened, What};
pub use served::Served;
pub use service::{HttpOptions, Options, Service, Started};
pub use shared::SharedJournal;
