//! Simulated worlds in the language: what a `*.world.kdl` file says, checked against the workflow that learns in it.
//!
//! A world is a law: so many people come by a channel that gets so much attention, and some of them convert a few days later. The
//! workflow's parameters are the attention, and an event log is all that it ever sees of the law. `rehearse::world` plays what is read
//! here, beside the same world without learning and an oracle that knows the law.

mod read;
pub mod words;

pub use read::read;

use crate::base::Timestamp;
use crate::client_os::Snapshot;
use crate::diag::{Diagnostic, Sources, Span};
use crate::model::Workflow;
use std::sync::Arc;
use std::time::Duration;

/// What the names of world files end with.
pub const ENDING: &str = ".world.kdl";

/// What became of a world file.
#[derive(Debug)]
pub struct WorldFile {
    /// The worlds in which there is no mistake, in the order of the file.
    pub worlds: Vec<World>,
    /// The text that the diagnostics point into.
    pub sources: Sources,
    /// Every independent mistake, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// One world, ready to be played.
#[derive(Clone, Debug)]
pub struct World {
    pub name: String,
    pub span: Span,
    /// The folder of the workflow, relative to where the world file's own path is relative to.
    pub folder: String,
    /// Never a recording: the world says what time it is.
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    /// When the first people come.
    pub start: Timestamp,
    /// How long a cycle lasts; positive.
    pub every: Duration,
    /// From 1 to 520.
    pub cycles: u32,
    /// The file that the workflow reads, relative to `folder`.
    pub events: String,
    /// Positive.
    pub people: f64,
    pub visit: String,
    pub convert: String,
    /// From 0 to 1.
    pub chance: f64,
    /// The mean of an exponential time.
    pub delay: Duration,
    /// From 0 to 1.
    pub returns: f64,
    /// Never empty.
    pub channels: Vec<Channel>,
}

/// Where people come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    pub name: String,
    /// At the start; not negative.
    pub pull: f64,
    /// The path of the parameter that gives it attention, and what the workflow declares.
    pub parameter: String,
    pub declared: f64,
    pub seasons: Vec<Season>,
    /// In the order of their cycles.
    pub changes: Vec<Change>,
}

/// A pull that comes and goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Season {
    /// From 0 to 1.
    pub swing: f64,
    /// In cycles; positive.
    pub period: f64,
    pub high: f64,
}

/// A pull that becomes another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// From 1.
    pub cycle: u32,
    pub pull: f64,
    /// In so many even steps, at least one.
    pub over: u32,
}

impl Channel {
    /// The pull in a cycle, counted from 1.
    pub fn pull_in(&self, cycle: u32) -> f64 {
        let mut pull = self.pull;
        for change in self.changes.iter().filter(|change| change.cycle <= cycle) {
            let steps = f64::from((cycle - change.cycle + 1).min(change.over)) / f64::from(change.over.max(1));
            pull += (change.pull - pull) * steps;
        }
        let turn = |season: &Season| (f64::from(cycle) - season.high) / season.period * std::f64::consts::TAU;
        pull * self.seasons.iter().map(|season| 1.0 + season.swing * turn(season).cos()).product::<f64>()
    }
}

/// Whether a path names a world file.
pub fn is_world_file(path: &str) -> bool {
    path.ends_with(ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_changes_in_even_steps_and_swings_around_its_mean() {
        let mut channel = Channel {
            name: "mail".into(),
            pull: 1.0,
            parameter: "attention.mail".into(),
            declared: 0.5,
            seasons: vec![],
            changes: vec![Change { cycle: 3, pull: 0.2, over: 4 }, Change { cycle: 9, pull: 1.0, over: 1 }],
        };
        let pulls: Vec<f64> = (1..=10).map(|cycle| (channel.pull_in(cycle) * 10.0).round() / 10.0).collect();
        assert_eq!(pulls, [1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2, 1.0, 1.0]);
        channel.changes.clear();
        channel.seasons.push(Season { swing: 0.5, period: 4.0, high: 2.0 });
        let pulls: Vec<f64> = (1..=4).map(|cycle| (channel.pull_in(cycle) * 10.0).round() / 10.0).collect();
        assert_eq!(pulls, [1.0, 1.5, 1.0, 0.5]);
    }
}
