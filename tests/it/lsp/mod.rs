//! `loopctl lsp`, driven by a client over standard input and output as an editor does it.

mod client;

mod completion;
mod conversation;
mod diagnostics;
mod formatting;
mod mending;
mod modules;
mod navigation;
