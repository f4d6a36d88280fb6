//! Rehearsals: tests in the language are run here, each in a world of its own.
//!
//! ```text
//! compile::test_file::read ─► Test ─ stage ─► scripted world, memory, frozen clock ─ play ─► what happened ─ judge ─► failures
//! ```
//! Simulated worlds, in which a workflow's learning is measured, are played in `world`.
//!
//! Nothing is written and no network is touched. The same test gives the same result on every machine, so nothing but its
//! duration depends on when or beside what it runs.

mod judge;
pub mod junit;
mod play;
mod stage;
pub mod world;

use crate::compile::test_file::Test;
use crate::diag::Diagnostic;
use crate::step::Registry;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Something that is not as a test says.
#[derive(Clone, Debug)]
pub struct Failure {
    /// At the line of the test that is not met.
    pub diagnostic: Diagnostic,
    /// The first of what was found instead, one a line.
    pub found: Vec<String>,
}

/// What became of a test.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// In the order of the file; empty when the test passed.
    pub failures: Vec<Failure>,
    pub took: Duration,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs one test. `root` is the folder that the test file's path was relative to.
pub fn run(test: &Test, root: &Path, registry: &Registry) -> Verdict {
    let start = Instant::now();
    let failures = match play::play(test, root, registry) {
        Ok(played) => judge::judge(test, &played),
        Err(failure) => vec![*failure],
    };
    Verdict { failures, took: start.elapsed() }
}

/// Runs tests on as many threads as there are cores and hands each verdict over as soon as those before it are there, so
/// that the order is always that of the files.
pub fn run_all(tests: &[&Test], root: &Path, registry: &Registry, mut tell: impl FnMut(usize, Verdict)) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(tests.len());
    let next = AtomicUsize::new(0);
    let (sender, verdicts) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(test) = tests.get(at) else { return };
                    if sender.send((at, run(test, root, registry))).is_err() {
                        return;
                    }
                }
            });
        }
        // With the last thread gone the line is closed, so a thread that broke off cannot leave us waiting.
        drop(sender);
        let mut waiting: Vec<Option<Verdict>> = vec![None; tests.len()];
        let mut told = 0;
        while told < tests.len() {
            let Ok((at, verdict)) = verdicts.recv() else { return };
            waiting[at] = Some(verdict);
            while let Some(verdict) = waiting.get_mut(told).and_then(Option::take) {
                tell(told, verdict);
                told += 1;
            }
        }
    });
}
