//! A simulated world in which learning has to pay: the engine runs a loop whose parameters decide where attention goes, the world
//! answers with visits and late conversions, and attribution and feedback are the only things that know of it.
//!
//! Beside the loop, the same world with the same luck is played without learning, and by an oracle that knows the pulls. The world is
//! a file under `tests/fixtures/worlds`; what the loop sees is an event log, as an export would give it.

use kdl::{KdlDocument, KdlNode, KdlValue};
use loopctl::base::files::MemoryFiles;
use loopctl::base::{CycleNo, RequestKey, Rng, Timestamp};
use loopctl::client_os::Snapshot;
use loopctl::report::CycleView;
use loopctl::runtime::{DriveOptions, FixedClock, Journal, Outcome, Run, StopSignal, Which, World, run_cycle};
use loopctl::stats::sampling::{open_uniform, poisson};
use loopctl::step::{Body, Fetched, Reply, Request, Target};
use loopctl::{builtin, compile::compile, store};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

const DAY: i64 = 86_400_000;
const START: i64 = 1_767_225_600_000;
const QUERIES: &str = "Top queries,Clicks,Impressions,CTR,Position\na,1,2,50%,3\n";

const LOOP: &str = r#"workflow "garden" {
    about "Attention goes where the credit says."
    timezone "UTC"
    every "7d"
    intelligence {
        source "ideas" kind="search-console" { path "queries.csv" }
        source "site" kind="events" { path "events.jsonl"; window "35d" }
    }
    strategy {
        score "attention" {
            from "ideas"
            rule "search" weight=0.33 { value "1.0" }
            rule "mail" weight=0.33 { value "1.0" }
            rule "social" weight=0.33 { value "1.0" }
            keep 1
            cooldown "0s"
        }
    }
    learning {
        attribute "credit" { from "site"; model "linear"; conversion "buy"; window "10d" }
        feedback "aim" {
            from "credit"
            tune "attention.search" { rate 0.5; within 0.02 0.96 }
            tune "attention.mail" { rate 0.5; within 0.02 0.96 }
            tune "attention.social" { rate 0.5; within 0.02 0.96 }
        }
    }
}
"#;

/// A world file.
struct Simulated {
    cycles: u64,
    people: f64,
    converts: f64,
    delay_days: f64,
    channels: Vec<(String, f64)>,
}

impl Simulated {
    fn read(text: &str) -> Simulated {
        let document: KdlDocument = text.parse().expect("a world file is KDL");
        let world = document.get("world").and_then(KdlNode::children).expect("`world` with nodes");
        let number = |value: &KdlValue| value.as_float().or_else(|| value.as_integer().map(|value| value as f64));
        let of = |name: &str| world.get_arg(name).and_then(number).unwrap_or_else(|| panic!("`{name}` with a number"));
        let channel = |node: &KdlNode| {
            let name = node.get(0).and_then(KdlValue::as_string).expect("a channel has a name");
            (name.to_owned(), node.get("pull").and_then(number).expect("a channel has a pull"))
        };
        Simulated {
            cycles: of("cycles") as u64,
            people: of("people"),
            converts: of("converts"),
            delay_days: of("delay-days"),
            channels: world.nodes().iter().filter(|node| node.name().value() == "channel").map(channel).collect(),
        }
    }

    /// One cycle: its events as lines, and how many converted in the end.
    fn play(&self, weights: &BTreeMap<String, f64>, opened: i64, rng: &mut Rng, log: &mut String) -> u32 {
        let total: f64 = self.channels.iter().map(|(name, _)| weights[name]).sum();
        let mut converted = 0;
        for (at, (name, pull)) in self.channels.iter().enumerate() {
            let visitors = poisson(rng, self.people * pull * (weights[name] / total).sqrt());
            for visitor in 0..visitors {
                let visit = opened + (rng.uniform() * 7.0 * DAY as f64) as i64;
                let mut tell = |at_time: i64, name: &str, channel: &str| {
                    let at_time = Timestamp(at_time);
                    writeln!(log, r#"{{"at":"{at_time}","who":"{opened}-{at}-{visitor}","name":"{name}"{channel}}}"#)
                        .expect("a string takes everything");
                };
                tell(visit, "visit", &format!(r#","channel":"{name}""#));
                let delay = -open_uniform(rng).ln() * self.delay_days;
                if rng.uniform() < self.converts {
                    tell(visit + (delay * DAY as f64) as i64, "buy", "");
                    converted += 1;
                }
            }
        }
        converted
    }
}

/// What the loop can see of it.
#[derive(Default)]
struct Outside {
    log: Mutex<String>,
}

impl World for Outside {
    fn perform<'a>(&'a self, _: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(async move {
            let Request::Fetch(fetch) = request else { panic!("this loop only reads: {request:?}") };
            let Target::File(path) = &fetch.target else { panic!("this loop only reads files: {request:?}") };
            let text =
                if path.ends_with(".jsonl") { self.log.lock().expect("nobody panics").clone() } else { QUERIES.to_owned() };
            let body = Body::new(text.into_bytes());
            Reply::Fetched(Fetched::Content { body, content_type: None, etag: None, last_modified: None, place: path.clone() })
        })
    }
}

/// Conversions of the loop that learns, of the one that never does, and of the oracle; and where the weights came to stand.
fn play(world: &Simulated, seed: u64) -> ([f64; 3], BTreeMap<String, f64>) {
    let equal: BTreeMap<String, f64> = world.channels.iter().map(|(name, _)| (name.clone(), 0.33)).collect();
    let oracle: BTreeMap<String, f64> = world.channels.iter().map(|(name, pull)| (name.clone(), pull * pull)).collect();
    let luck = |cycle: u64| Rng::new(seed * 1_000 + cycle);
    let mut rewards = [0.0; 3];

    let files = MemoryFiles::new([("loop.kdl", LOOP), ("queries.csv", QUERIES), ("events.jsonl", "")]);
    let compiled = compile(&files, "loop.kdl", builtin::registry());
    let wrong: Vec<_> = compiled.diagnostics.iter().map(|finding| finding.message.clone()).collect();
    let workflow = Arc::new(compiled.workflow.unwrap_or_else(|| panic!("{wrong:?}")));
    let outside = Arc::new(Outside::default());
    let clock = FixedClock::new(Timestamp(START));
    let mut journal = store::memory();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut weights = equal.clone();
    for cycle in 1..=world.cycles {
        let opened = START + (cycle as i64 - 1) * 7 * DAY;
        // The attention of a cycle is what the loop decided at the end of the one before.
        rewards[0] += f64::from(world.play(&weights, opened, &mut luck(cycle), &mut outside.log.lock().expect("nobody panics")));
        rewards[1] += f64::from(world.play(&equal, opened, &mut luck(cycle), &mut String::new()));
        rewards[2] += f64::from(world.play(&oracle, opened, &mut luck(cycle), &mut String::new()));
        clock.set(Timestamp(opened + 7 * DAY));
        let run = Run {
            workflow: workflow.clone(),
            registry: builtin::registry(),
            client_os: Arc::new(Snapshot::default()),
            journal: &mut journal,
            world: outside.clone(),
            clock: &clock,
            stop: StopSignal::never(),
            which: Which::OpenOrNext,
            sources: BTreeMap::new(),
            options: DriveOptions::default(),
        };
        let ran = runtime.block_on(run_cycle(run, &mut |_| {})).expect("the cycle runs");
        assert_eq!(ran.outcome, Outcome::Finished, "cycle {cycle}");
        let entries = journal.read(&workflow.id, CycleNo(cycle as _)).expect("readable");
        let view = CycleView::gather(&workflow, &entries).expect("it opened");
        for change in &view.changes {
            let name = change.path.trim_start_matches("attention.").to_owned();
            assert!((0.02..=0.96).contains(&change.new) && weights.contains_key(&name), "{change:?}");
            weights.insert(name, change.new);
        }
    }
    (rewards, weights)
}

fn three_channels() -> Simulated {
    Simulated::read(include_str!("../fixtures/worlds/three-channels.kdl"))
}

/// What part of the way from never learning to the oracle the loop went, by seed.
fn parts_of_the_way(seeds: std::ops::Range<u64>) -> Vec<f64> {
    let world = three_channels();
    seeds
        .map(|seed| {
            let ([learned, never, oracle], weights) = play(&world, seed);
            println!("seed {seed}: {learned} with learning, {never} without, {oracle} by the oracle; {weights:.3?}");
            assert!(weights["search"] > weights["mail"] && weights["mail"] > weights["social"], "{weights:?}");
            (learned - never) / (oracle - never)
        })
        .collect()
}

#[test]
fn over_fifty_cycles_learning_goes_a_good_part_of_the_way_to_an_oracle() {
    let parts = parts_of_the_way(1..3);
    // The luck of visitors alone lets the loop come out a little above an oracle.
    assert!(parts.iter().all(|part| *part > 0.3 && *part < 1.2), "{parts:?}");
}

/// A measurement: `cargo test --test it learning_world -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement of minutes"]
fn what_learning_earns_over_many_seeds() {
    let parts = parts_of_the_way(1..11);
    let found = loopctl::stats::intervals::Sample::of(&parts);
    let half = 2.262 * (found.variance / found.count).sqrt();
    println!("{:.3} of the way, 95 % interval {:.3} to {:.3}", found.mean, found.mean - half, found.mean + half);
}
