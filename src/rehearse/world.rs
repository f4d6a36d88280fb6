//! Plays a simulated world: what learning earns in it, beside never learning and an oracle, all with the same luck.
//!
//! In each cycle the world turns attention into visits and late conversions, writes them to the event log that the workflow reads, and
//! then the real engine runs the workflow's cycle. What the workflow's feedback tunes is the attention of the next cycle. People at
//! gates approve, and nothing is published or written. The same seed gives the same world on every machine.

use crate::base::{CycleNo, RequestKey, Rng, Timestamp};
use crate::compile::world_file::World as Law;
use crate::report::CycleView;
use crate::runtime::{DriveOptions, FixedClock, GatePolicy, Journal, Outcome, Run, StopSignal, Which, World as Door, run_cycle};
use crate::stats::sampling::{open_uniform, poisson};
use crate::step::{Body, Fetched, Registry, Reply, Request, Target};
use crate::store;
use crate::world::ScriptedWorld;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// In whose name the people of a world approve.
const APPROVER: &str = "the world";

/// What a world came to under one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Conversions by cycle: with learning, without, and by the oracle.
    pub rewards: Vec<[u64; 3]>,
    /// The parameter of each channel after the last cycle, in the order of the channels.
    pub parameters: Vec<f64>,
}

impl Played {
    /// All conversions: with learning, without, and by the oracle.
    pub fn totals(&self) -> [u64; 3] {
        self.rewards.iter().fold([0; 3], |sum, cycle| [sum[0] + cycle[0], sum[1] + cycle[1], sum[2] + cycle[2]])
    }
}

/// The parts of attention that the parameters give; all the same when they are all zero.
fn attention(parameters: &[f64]) -> Vec<f64> {
    let total: f64 = parameters.iter().map(|part| part.max(0.0)).sum();
    let same = 1.0 / parameters.len().max(1) as f64;
    parameters.iter().map(|part| if total > 0.0 { part.max(0.0) / total } else { same }).collect()
}

/// The attention that brings most people on average: with falling returns a^r it is p^(1/(1−r)) for a pull p, else the best channel.
fn best_attention(law: &Law, cycle: u32) -> Vec<f64> {
    let pulls: Vec<f64> = law.channels.iter().map(|channel| channel.pull_in(cycle)).collect();
    let most = pulls.iter().copied().fold(0.0, f64::max);
    let weight = |pull: f64| match law.returns < 1.0 {
        // Against the largest pull, so that a steep law cannot overflow.
        true if most > 0.0 => (pull / most).powf(1.0 / (1.0 - law.returns)),
        _ => f64::from(u8::from(pull >= most)),
    };
    attention(&pulls.into_iter().map(weight).collect::<Vec<_>>())
}

/// One cycle of the law: how many converted in the end; `log` takes the events.
fn turn(law: &Law, cycle: u32, attention: &[f64], rng: &mut Rng, mut log: Option<&mut String>) -> u64 {
    let opened = law.start + law.every.saturating_mul(cycle - 1);
    let length = law.every.as_millis() as f64;
    let mut converted = 0;
    for (at, (channel, part)) in law.channels.iter().zip(attention).enumerate() {
        let people = poisson(rng, law.people * channel.pull_in(cycle) * part.powf(law.returns));
        for person in 0..people {
            let visit = Timestamp(opened.0 + (rng.uniform() * length) as i64);
            let delay = -open_uniform(rng).ln() * law.delay.as_millis() as f64;
            let wins = rng.uniform() < law.chance;
            converted += u64::from(wins);
            let Some(log) = log.as_deref_mut() else { continue };
            let who = format!("{cycle}-{at}-{person}");
            let mut tell = |event: serde_json::Value| _ = writeln!(log, "{event}");
            let come = serde_json::json!({"at": visit.to_string(), "who": who, "name": law.visit, "channel": channel.name});
            tell(come);
            if wins {
                let later = Timestamp(visit.0.saturating_add(delay as i64));
                tell(serde_json::json!({"at": later.to_string(), "who": who, "name": law.convert}));
            }
        }
    }
    converted
}

/// What the workflow can see of the world: the event log, and the files of its own folder.
struct Outside {
    log: Arc<Mutex<String>>,
    events: String,
    behind: ScriptedWorld,
}

impl Outside {
    fn answer(&self, key: &RequestKey, request: &Request) -> Reply {
        match request {
            Request::Fetch(fetch) => match &fetch.target {
                Target::File(path) if path.trim_start_matches("./") == self.events => {
                    let text = self.log.lock().map(|log| log.clone()).unwrap_or_default();
                    Reply::Fetched(Fetched::Content {
                        body: Body::new(text.into_bytes()),
                        content_type: None,
                        etag: None,
                        last_modified: None,
                        place: path.clone(),
                    })
                }
                _ => self.behind.answer(key, request),
            },
            _ => self.behind.answer(key, request),
        }
    }
}

impl Door for Outside {
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(async move { self.answer(key, request) })
    }
}

/// Plays all cycles with the luck of one seed. `root` is the folder that the world file's path was relative to.
///
/// # Errors
/// In words, when a cycle of the workflow cannot be run to its end.
pub fn play(law: &Law, root: &Path, registry: &Registry, seed: u64) -> Result<Played, String> {
    let reactor =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| format!("cannot start: {error}"))?;
    let declared: Vec<f64> = law.channels.iter().map(|channel| channel.declared).collect();
    let mut parameters = declared.clone();
    let log = Arc::new(Mutex::new(String::new()));
    let clock = FixedClock::new(law.start);
    let folder: PathBuf = root.join(&law.folder);
    let mut journal = store::memory();
    let mut rewards = Vec::with_capacity(law.cycles as usize);
    for cycle in 1..=law.cycles {
        // Each of the three meets the same luck; the seeds of two worlds never meet.
        let luck = || Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(cycle)));
        let mut events = String::new();
        rewards.push([
            turn(law, cycle, &attention(&parameters), &mut luck(), Some(&mut events)),
            turn(law, cycle, &attention(&declared), &mut luck(), None),
            turn(law, cycle, &best_attention(law, cycle), &mut luck(), None),
        ]);
        if let Ok(mut log) = log.lock() {
            log.push_str(&events);
        }
        let now = law.start + law.every.saturating_mul(cycle);
        clock.set(now);
        let behind = ScriptedWorld::new(now).reading(&folder).approve_all(APPROVER);
        let run = Run {
            workflow: law.workflow.clone(),
            registry,
            client_os: law.client_os.clone(),
            journal: &mut journal,
            world: Arc::new(Outside { log: log.clone(), events: law.events.clone(), behind }),
            clock: &clock,
            stop: StopSignal::never(),
            which: Which::OpenOrNext,
            sources: BTreeMap::new(),
            options: DriveOptions { gates: GatePolicy::AskWorld, ..DriveOptions::default() },
        };
        let told = |what: String| format!("cycle {cycle}: {what}");
        let ran = reactor.block_on(run_cycle(run, &mut |_| {})).map_err(|error| told(error.to_string()))?;
        if ran.outcome != Outcome::Finished {
            return Err(told("it waits for more people than a world has".to_owned()));
        }
        let entries = journal.read(&law.workflow.id, CycleNo(cycle)).map_err(|error| told(error.to_string()))?;
        let view = CycleView::gather(&law.workflow, &entries).ok_or_else(|| told("it did not open".to_owned()))?;
        for change in &view.changes {
            let steered = law.channels.iter().position(|channel| channel.parameter == change.path);
            if let Some(parameter) = steered.and_then(|at| parameters.get_mut(at)) {
                *parameter = change.new;
            }
        }
    }
    Ok(Played { rewards, parameters })
}

/// Plays a world under the seeds 1 to `seeds`, on as many threads as there are cores; the answers are in the order of the seeds.
///
/// # Errors
/// The first, in the order of seeds.
pub fn play_all(
    law: &Law,
    root: &Path,
    registry: &Registry,
    seeds: u64,
    tell: impl Fn(u64) + Sync,
) -> Result<Vec<Played>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(seeds as usize);
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<u64, Result<Played, String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed) as u64 + 1;
                    if seed > seeds {
                        return;
                    }
                    let played = play(law, root, registry, seed).map_err(|error| format!("with seed {seed}, {error}"));
                    tell(seed);
                    if let Ok(mut done) = done.lock() {
                        done.insert(seed, played);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::builtin;
    use crate::compile::compile;
    use crate::compile::world_file::Channel;
    use crate::diag::{FileId, Span};
    use std::time::Duration;

    fn law(returns: f64) -> Law {
        let channel = |name: &str, pull: f64| Channel {
            name: name.into(),
            pull,
            parameter: format!("a.{name}"),
            declared: 0.5,
            seasons: vec![],
            changes: vec![],
        };
        let files = MemoryFiles::new([("w.kdl", "workflow \"w\" phase=1 {\n}\n")]);
        let workflow = compile(&files, "w.kdl", builtin::registry()).workflow.expect("a workflow without steps");
        Law {
            name: "w".into(),
            span: Span::new(FileId(0), 0, 0),
            folder: String::new(),
            workflow: Arc::new(workflow),
            client_os: Arc::default(),
            start: Timestamp(0),
            every: Duration::from_secs(7 * 86_400),
            cycles: 3,
            events: "events.jsonl".into(),
            people: 1_000.0,
            visit: "visit".into(),
            convert: "buy".into(),
            chance: 0.2,
            delay: Duration::from_secs(86_400),
            returns,
            channels: vec![channel("search", 1.0), channel("mail", 0.5)],
        }
    }

    #[test]
    fn no_other_attention_earns_more_than_the_oracle_s() {
        for returns in [0.0, 0.3, 0.5, 0.9] {
            let law = law(returns);
            let people = |attention: &[f64]| -> f64 {
                law.channels.iter().zip(attention).map(|(channel, part)| channel.pull * part.powf(returns)).sum()
            };
            let best = people(&best_attention(&law, 1));
            let others = (0..=100).map(|part| people(&[f64::from(part) / 100.0, 1.0 - f64::from(part) / 100.0]));
            assert!(others.into_iter().all(|other| other <= best + 1e-9), "{returns}");
        }
        assert_eq!(best_attention(&law(1.0), 1), [1.0, 0.0]);
    }

    #[test]
    fn attention_is_a_part_of_the_whole_and_the_log_holds_what_was_counted() {
        assert_eq!(attention(&[3.0, 1.0]), [0.75, 0.25]);
        assert_eq!(attention(&[0.0, 0.0]), [0.5, 0.5]);
        let mut log = String::new();
        let converted = turn(&law(0.5), 2, &[0.5, 0.5], &mut Rng::new(1), Some(&mut log));
        assert_eq!(log.lines().filter(|line| line.contains("\"buy\"")).count() as u64, converted);
        assert_eq!(turn(&law(0.5), 2, &[0.5, 0.5], &mut Rng::new(1), None), converted);
        // 1,000 × 1.5 × √½ people, a fifth of whom convert.
        assert!((170..260).contains(&converted), "{converted}");
    }
}
