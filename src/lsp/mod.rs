//! The language server: what the compiler knows, while the file is being written.
//!
//! A thin server around a pure heart. [`server`] reads messages, keeps order and answers; [`session`] knows the open texts and what was
//! found in them; every other file is one question an editor asks, as a function of a text and a place in it. The server writes nothing:
//! every change is an edit that the editor makes. Only a built-in module
//! that somebody wants to see is put into the cache of this machine, by [`shelf`].

pub mod positions;
pub mod uris;

pub mod documents;

pub mod grammar;
pub mod lexer;
pub mod names;
pub mod place;

pub mod actions;
pub mod checking;
pub mod completion;
pub mod fields;
pub mod formatting;
pub mod hints;
pub mod hover;
mod inner;
pub mod modules;
pub mod navigate;
pub mod past;
pub mod rename;
pub mod shelf;

pub mod library;
pub mod symbols;
pub mod tokens;

pub mod session;

pub mod requests;
pub mod server;
pub mod transport;

pub use server::{End, run};
