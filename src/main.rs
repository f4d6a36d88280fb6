//! The thin binary: parse arguments, run, set the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    loopctl::cli::main()
}
