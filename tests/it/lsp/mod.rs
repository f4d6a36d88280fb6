//! `loopctl lsp`, driven by a client over standard input and output as an editor does it.

mod client;

mod conversation;
mod diagnostics;
mod formatting;
