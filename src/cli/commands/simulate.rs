//! `loopctl simulate`: what learning is worth in a simulated world, with intervals over its luck.

use crate::builtin;
use crate::cli::args::Simulate;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::compile::world_file::{self, World};
use crate::diag::{self, Diagnostic};
use crate::rehearse::world::{Played, play_all};
use crate::report::style::{DIM, TITLE, count, paint, plain};
use crate::stats::intervals::Sample;
use crate::stats::special::student_quantile;
use crate::world::DiskFiles;
use serde_json::{Value, json};
use std::path::Path;

/// A mean over seeds with its 95 % interval.
#[derive(Clone, Copy, Debug)]
struct Mean {
    mean: f64,
    low: f64,
    high: f64,
}

impl Mean {
    /// Student's interval; `values` has at least two.
    fn of(values: &[f64]) -> Mean {
        let sample = Sample::of(values);
        let half = student_quantile(0.975, sample.count - 1.0) * (sample.variance / sample.count).sqrt();
        Mean { mean: sample.mean, low: sample.mean - half, high: sample.mean + half }
    }

    fn facts(self) -> Value {
        json!({"mean": self.mean, "interval": [self.low, self.high]})
    }

    fn told(self, places: usize) -> String {
        format!("{:>9.places$}   {:.places$} to {:.places$}", self.mean, self.low, self.high)
    }
}

/// What one world came to.
struct Outcome<'w> {
    world: &'w World,
    played: Vec<Played>,
    learning: Mean,
    never: Mean,
    oracle: Mean,
    /// What learning earns more than never learning, with the same luck.
    gain: Mean,
    /// The part of the way from never learning to the oracle; `None` when the oracle has nothing to gain.
    part: Option<Mean>,
}

impl<'w> Outcome<'w> {
    fn of(world: &'w World, played: Vec<Played>) -> Outcome<'w> {
        let totals: Vec<[f64; 3]> = played.iter().map(|played| played.totals().map(|total| total as f64)).collect();
        let mean = |of: &dyn Fn(&[f64; 3]) -> f64| Mean::of(&totals.iter().map(of).collect::<Vec<_>>());
        let room = mean(&|total| total[2] - total[1]);
        // Where an oracle gains nothing for certain, a part of it says nothing.
        let part = (room.low > 0.0).then(|| mean(&|total| (total[0] - total[1]) / room.mean));
        let (learning, never, oracle) = (mean(&|total| total[0]), mean(&|total| total[1]), mean(&|total| total[2]));
        let gain = mean(&|total| total[0] - total[1]);
        Outcome { world, learning, never, oracle, gain, part, played }
    }

    /// Each channel's parameter after the last cycle.
    fn parameters(&self) -> Vec<Mean> {
        let at = |at: usize| Mean::of(&self.played.iter().map(|played| played.parameters[at]).collect::<Vec<_>>());
        (0..self.world.channels.len()).map(at).collect()
    }

    /// Mean conversions by cycle.
    fn cycles(&self) -> Vec<[f64; 3]> {
        let seeds = self.played.len() as f64;
        let mean =
            |cycle: usize, of: usize| self.played.iter().map(|played| played.rewards[cycle][of] as f64).sum::<f64>() / seeds;
        (0..self.world.cycles as usize).map(|cycle| [mean(cycle, 0), mean(cycle, 1), mean(cycle, 2)]).collect()
    }

    fn facts(&self) -> Value {
        let channels = self.world.channels.iter().zip(self.parameters());
        json!({
            "name": self.world.name,
            "workflow": self.world.workflow.id.as_str(),
            "cycles": self.world.cycles,
            "seeds": self.played.len(),
            "level": 0.95,
            "learning": self.learning.facts(),
            "never": self.never.facts(),
            "oracle": self.oracle.facts(),
            "gain": self.gain.facts(),
            "part_of_the_way": self.part.map(Mean::facts),
            "parameters": channels
                .map(|(channel, now)| json!({"path": channel.parameter, "declared": channel.declared, "learned": now.facts()}))
                .collect::<Vec<_>>(),
            "by_cycle": self
                .cycles()
                .into_iter()
                .map(|[learning, never, oracle]| json!({"learning": learning, "never": never, "oracle": oracle}))
                .collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let name = plain(&self.world.name);
        let seeds = count(self.played.len(), "seed");
        let head = format!(
            "{}, {} of `{}`, {seeds}",
            paint(TITLE, name),
            count(self.world.cycles as usize, "cycle"),
            self.world.workflow.id
        );
        let event = plain(&self.world.convert);
        let mut text = format!("{head}\n{}\n", paint(DIM, format!("{:<22}{event:>9}   95 % interval", "")));
        for (what, mean) in [("with learning", self.learning), ("never learning", self.never), ("an oracle", self.oracle)] {
            text.push_str(&format!("{what:<22}{}\n", mean.told(0)));
        }
        text.push_str(&format!("{:<22}{}\n", "learning gains", self.gain.told(0)));
        match self.part {
            Some(part) => text.push_str(&format!("{:<22}{}\n", "part of the way", part.told(2))),
            None => text.push_str("An oracle gains nothing here that is beyond luck, so there is no way to go.\n"),
        }
        for (channel, now) in self.world.channels.iter().zip(self.parameters()) {
            let what = format!("{} {}", plain(&channel.parameter), channel.declared);
            text.push_str(&format!("{what:<22}{}\n", now.told(2)));
        }
        text.push_str(&match self.gain {
            gain if gain.low > 0.0 => "Learning pays here.".to_owned(),
            gain if gain.high < 0.0 => "Learning costs here: look at what it tunes, how fast, and by what evidence.".to_owned(),
            _ => "Whether learning pays here is not clear; more seeds or more cycles would tell.".to_owned(),
        });
        text.push('\n');
        text
    }
}

pub fn run(args: &Simulate, output: &Output) -> Result<Exit, Failure> {
    if !args.file.is_file() {
        return Err(Failure::new("cli::no-such-file", format!("cannot read `{}`: no such file", args.file.display())).help(
            "name a world file, such as `worlds/three-channels.world.kdl`; docs/language/worlds.md shows how to write one",
        ));
    }
    let registry = builtin::registry();
    let mut file = world_file::read(&DiskFiles::new(""), &args.file.display().to_string(), registry);
    if file.diagnostics.iter().any(Diagnostic::is_error) {
        match output.json {
            true => output.text(&diag::formats::json_value(&file.diagnostics, &file.sources).to_string()),
            false => output.diagnostics(&file.sources, &file.diagnostics),
        }
        return Ok(Exit::InvalidWorkflow);
    }
    let words = args.filter.as_deref().unwrap_or("").to_lowercase();
    file.worlds.retain(|world| world.name.to_lowercase().contains(&words));
    if file.worlds.is_empty() {
        return Err(Failure::new("cli::no-tests", format!("no world has `{}` in its name", plain(&words)))
            .help("without `--filter` every world of the file is played"));
    }
    let mut outcomes = Vec::new();
    for world in &mut file.worlds {
        world.cycles = args.cycles.unwrap_or(world.cycles);
        let name = plain(&world.name).to_string();
        let tell = |seed: u64| output.progress(&format!("played `{name}` with seed {seed} of {}", args.seeds));
        let played = play_all(world, Path::new(""), registry, args.seeds, tell).map_err(|what| {
            Failure::new("cli::cannot-play", format!("`{name}` cannot be played: {what}"))
                .help(format!("`loopctl run` on `{}` shows more", world.workflow.id))
        })?;
        let outcome = Outcome::of(world, played);
        if !output.json {
            output.text(&outcome.text());
        }
        outcomes.push(outcome);
    }
    if output.json {
        output.facts("worlds", &outcomes.iter().map(Outcome::facts).collect::<Vec<_>>());
    }
    let short = |outcome: &Outcome<'_>| args.least.is_some_and(|least| outcome.part.is_none_or(|part| part.low < least));
    Ok(if outcomes.iter().any(short) { Exit::Findings } else { Exit::Ok })
}
