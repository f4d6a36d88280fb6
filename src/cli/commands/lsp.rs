//! `loopctl lsp`: the language server, over standard input and output.

use crate::builtin;
use crate::cli::exit::{Exit, Failure};
use crate::lsp::{self, End};
use crate::workspace::Place;

pub fn run(place: &Place) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match lsp::run(std::io::stdin(), &mut out, builtin::registry(), place.state.clone()) {
        Ok(End::Proper) => Ok(Exit::Ok),
        Ok(End::Abrupt) => Ok(Exit::Findings),
        Err(error) => Err(Failure::new("cli::cannot-write", format!("the editor does not listen any more: {error}"))
            .help("`loopctl lsp` is started by an editor; docs/editors/README.md says how")),
    }
}
