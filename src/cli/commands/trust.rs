//! `loopctl trust`: agree to the commands that a workflow's `exec` providers run on this machine.

use crate::cli::args::Trust;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project;
use crate::report::style::{CODE, GOOD, WAIT, count, paint};
use crate::world::{self, generate::exec};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};

pub fn run(args: &Trust, output: &Output) -> Result<Exit, Failure> {
    let path = project::find(args.workflow.file.as_deref())?;
    let (_, compiled) = project::compile(&path)?;
    let Some(workflow) = compiled.workflow else {
        return Err(project::invalid(&path, &compiled));
    };
    let (folder, _) = project::split_path(&path);
    let trust = world::Trust::of_user();
    let commands: Vec<(String, Vec<String>, bool)> = workflow
        .providers
        .values()
        .filter(|provider| provider.kind == "exec")
        .map(|provider| {
            let command = exec::command(provider);
            let trusted = trust.holds(&folder, &command);
            (provider.name.clone(), command, trusted)
        })
        .collect();
    let new: Vec<_> = commands.iter().filter(|(.., trusted)| !trusted).collect();
    let agreed = !new.is_empty() && !args.list && (args.yes || asks(&new, output));
    if agreed {
        for (_, command, _) in &new {
            trust.add(&folder, command).map_err(|trouble| Failure::new("cli::no-trust", trouble.message).help(trouble.help))?;
        }
    }
    let facts: Vec<_> = commands
        .iter()
        .map(|(provider, command, trusted)| json!({"provider": provider, "command": command, "trusted": *trusted || agreed}))
        .collect();
    output.either("trust", &facts, || {
        if commands.is_empty() {
            return format!("`{}` runs no commands: there is nothing to agree to\n", path.display());
        }
        let line = |(provider, command, trusted): &(String, Vec<String>, bool)| {
            let mark = if *trusted || agreed { paint(GOOD, "✓ may run") } else { paint(WAIT, "! may not run") };
            format!("  {mark}  {provider}: {}\n", shown(command))
        };
        commands.iter().map(line).collect()
    });
    Ok(if new.is_empty() || agreed { Exit::Ok } else { Exit::Findings })
}

/// Asks a person at a terminal; without one, the answer is no and the help says what to type.
fn asks(new: &[&(String, Vec<String>, bool)], output: &Output) -> bool {
    if output.json || !std::io::stdin().is_terminal() {
        output.progress(&format!("{} look at the commands, then agree with `loopctl trust --yes`", paint(CODE, "help:")));
        return false;
    }
    for (provider, command, _) in new {
        output.progress(&format!("provider `{provider}` wants to run, with your rights: {}", shown(command)));
    }
    output.progress(&format!("Let {} run on this machine? [y/N]", count(new.len(), "command")));
    let mut answer = String::new();
    // Without an answer nothing is agreed to.
    let read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// A command as it could be typed. What a terminal would obey is spelled out.
fn shown(command: &[String]) -> String {
    let word = |word: &String| {
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c));
        if plain { word.clone() } else { format!("'{}'", word.escape_debug().to_string().replace('\'', "'\\''")) }
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}
