//! `loopctl completions` and `loopctl man`.

use crate::cli::args::{Args, Completions, Man};
use crate::cli::exit::{Exit, Failure};
use clap::CommandFactory as _;

pub fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "loopctl", &mut script);
    use std::io::Write as _;
    // A reader that went away is no failure of ours.
    let _ = std::io::stdout().write_all(&script);
    Ok(Exit::Ok)
}

pub fn man(args: &Man) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&args.folder).and_then(|()| clap_mangen::generate_to(Args::command(), &args.folder)).map_err(
        |error| {
            Failure::new("cli::cannot-write", format!("cannot write to `{}`: {error}", args.folder.display()))
                .help("choose a folder you may write to")
        },
    )?;
    Ok(Exit::Ok)
}
