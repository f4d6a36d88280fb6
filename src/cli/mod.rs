//! The command line: arguments, one file per command, exit codes. The only room that puts doors and rooms together.

pub mod args;
pub mod changed;
pub mod commands;
pub mod exit;
pub mod modules;
pub mod output;
pub mod plan_page;
pub mod progress;
pub mod project;
pub mod rewrite;
pub mod word_diff;

use args::{Args, Command};
use clap::Parser as _;
use exit::Exit;
use std::process::ExitCode;

/// Parses the process's arguments and runs the command.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let output = output::Output::new(args.json, args.color);
    let exit = match run(&args, &output) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

/// Runs one command.
pub(crate) fn run(args: &Args, output: &output::Output) -> Result<Exit, exit::Failure> {
    let place = project::Place { state: args.state.clone() };
    if let Some(engine) = args.store {
        crate::store::prefer(engine.into());
    }
    match &args.command {
        Command::Run(command) => commands::run::run(command, &place, output),
        Command::Validate(command) => commands::validate::run(command, output),
        Command::Check(command) => commands::check::run(command, output),
        Command::Test(command) => commands::test::run(command, output),
        Command::Fmt(command) => commands::fmt::run(command, output),
        Command::Plan(command) => commands::plan::run(command, &place, output),
        Command::Status(command) => commands::status::run(command, &place, output),
        Command::Gate(command) => commands::gate::run(command, &place, output),
        Command::Review(command) => commands::review::run(command, &place, output),
        Command::Effect(command) => commands::effect::run(command, &place, output),
        Command::Cancel(command) => commands::cancel::run(command, &place, output),
        Command::Trace(command) => commands::trace::run(command, &place, output),
        Command::Why(command) => commands::why::run(command, &place, output),
        Command::Undo(command) => commands::undo::run(command, &place, output),
        Command::Log(command) => commands::log::run(command, &place, output),
        Command::Retry(command) => commands::retry::run(command, &place, output),
        Command::Replay(command) => commands::replay::run(command, &place, output),
        Command::Backfill(command) => commands::backfill::run(command, &place, output),
        Command::Simulate(command) => commands::simulate::run(command, output),
        Command::Report(command) => commands::report::run(command, &place, output),
        Command::Kinds(command) => commands::kinds::run(command, output),
        Command::Explain(command) => commands::explain::run(command, output),
        Command::Graph(command) => commands::graph::run(command, output),
        Command::Lsp(_) => commands::lsp::run(&place),
        Command::Init(command) => commands::init::run(command, output),
        Command::Add(command) => commands::add::run(command, output),
        Command::Update(command) => commands::update::run(command, output),
        Command::Vendor(command) => commands::vendor::run(command, output),
        Command::Remove(command) => commands::remove::run(command, output),
        Command::Breaking(command) => commands::breaking::run(command, output),
        Command::Tune(command) => commands::tune::run(command, &place, output),
        Command::Os(command) => commands::os::run(command, &place, output),
        Command::Serve(command) => commands::serve::run(command, &place, output),
        Command::Store(command) => commands::store::run(command, args.store.map(Into::into), &place, output),
        Command::Trust(command) => commands::trust::run(command, output),
        Command::Mcp(command) => commands::mcp::run(command, &place, output),
        Command::Completions(command) => commands::shell::completions(command),
        Command::Man(command) => commands::shell::man(command),
    }
}
