//! What a step costs: without a disk, with every step on the disk, and in groups, beside a raw `fdatasync` loop that syncs as
//! often in the same folder in the same run. Then what a step leaves in the store, how long it takes to take a cycle up
//! again, and how much memory 100,000 steps need.
//!
//! `cargo bench --bench engine`, or some sections of it: `cargo bench --bench engine -- memory cycles alone ahead resume bytes`

#[path = "../common/mod.rs"]
mod common;
mod toys;

use common::{Floor, child, child_task, folder, heading, line, median, seconds, spend};
use loopctl::client_os::Snapshot;
use loopctl::model::Workflow;
use loopctl::runtime::{self, DriveOptions, FixedClock, Journal, Outcome, Run, StopSignal, Which};
use loopctl::store::{CheckpointStore, DiskStore, LogJournal, OpenOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toys::{Instant, NOW, Strict, chain, fan_of_items, fan_of_steps, registry};

fn reactor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
}

/// Runs the first cycle of a workflow as the program does, and says how it ended.
fn run(reactor: &tokio::runtime::Runtime, workflow: &Arc<Workflow>, journal: &mut dyn Journal) -> Outcome {
    let run = Run {
        workflow: workflow.clone(),
        registry: registry(),
        client_os: Arc::new(Snapshot::default()),
        journal,
        world: Arc::new(Instant),
        clock: &FixedClock::new(NOW),
        stop: StopSignal::never(),
        which: Which::OpenOrNext,
        sources: BTreeMap::new(),
        options: DriveOptions::default(),
    };
    reactor.block_on(runtime::run_cycle(run, &mut |_| {})).expect("the journal takes it").outcome
}

fn open(folder: &Path) -> LogJournal<DiskStore> {
    loopctl::store::open(folder, &OpenOptions::default()).expect("a free folder")
}

/// A shape, how many steps it runs, and how to make one under a name.
type Shape = (&'static str, usize, fn(&str) -> Workflow);

const SHAPES: [Shape; 4] = [
    ("chain of 100, no-op", 100, |name| chain(name, "nothing", 100, 1, None)),
    ("chain of 100, an item through", 100, |name| chain(name, "pass", 100, 1, None)),
    ("fan of 1,000 steps + join", 1_002, |name| fan_of_steps(name, 1_000)),
    ("fan of 1,000 items + join", 1_002, |name| fan_of_items(name, 1_000)),
];

fn in_memory(reactor: &tokio::runtime::Runtime) {
    heading("Without a disk, µs a step (goal 1, limit 10)");
    for (what, steps, make) in SHAPES {
        let workflow = Arc::new(make("memory"));
        let rounds = 20_000 / steps;
        let times = (0..rounds).map(|_| {
            let mut journal = loopctl::store::memory();
            let (time, outcome) = seconds(|| run(reactor, &workflow, &mut journal));
            assert_eq!(outcome, Outcome::Finished);
            time
        });
        line(what, median(times) * 1e6 / steps as f64, "µs", "");
    }
}

/// Ours and the floor in turn, so that what else the machine does hits both alike.
fn durable(reactor: &tokio::runtime::Runtime, journal: &mut LogJournal<DiskStore>, floor: &mut Floor, each_step: bool) {
    let round = |what: &str,
                 steps: usize,
                 name: String,
                 make: &dyn Fn(&str) -> Workflow,
                 floor: &mut Floor,
                 journal: &mut LogJournal<DiskStore>| {
        let workflow = Arc::new(make(&format!("{what} {name}").replace([' ', ','], "-")));
        let mut strict = Strict { journal, each_step, commits: 0 };
        let (ours, outcome) = seconds(|| run(reactor, &workflow, &mut strict));
        assert_eq!(outcome, Outcome::Finished);
        let commits = strict.commits;
        let least = floor.times(commits);
        (ours / steps as f64, least / commits as f64, commits)
    };
    let mut shapes: Vec<Shape> = SHAPES.to_vec();
    if each_step {
        shapes.truncate(1);
    } else {
        shapes.push(("fan of 20,000 items + join", 20_002, |name| fan_of_items(name, 20_000)));
        shapes.push(("chain of 100 effects", 100, |name| chain(name, "send", 100, 1, None)));
    }
    for (what, steps, make) in shapes {
        let rounds = if steps > 5_000 { 3 } else { 9 };
        let results: Vec<_> =
            (0..rounds).map(|n| round(what, steps, format!("{n} {each_step}"), &make, floor, journal)).collect();
        let commits = results[0].2;
        let ours = median(results.iter().map(|result| result.0)) * 1e6;
        let sync = median(results.iter().map(|result| result.1)) * 1e6;
        let ratio = median(results.iter().map(|(ours, sync, commits)| ours * steps as f64 / (sync * *commits as f64)));
        let beside = format!("{commits} commits; {ratio:.2} × as many raw fdatasyncs of {sync:.0} µs; {:.0} steps/s", 1e6 / ours);
        line(what, ours, "µs a step", &beside);
    }
}

fn bytes(reactor: &tokio::runtime::Runtime, folder: &Path) {
    heading("What a step leaves in the store, bytes (limit 300 for a no-op step, the same in a large graph)");
    let sizes = [100, 1_000, 10_000];
    let left = |verb: &str, length: usize| {
        let state = folder.join(format!("bytes-{verb}-{length}"));
        let mut journal = open(&state);
        let workflow = Arc::new(chain("bytes", verb, length, 1, None));
        run(reactor, &workflow, &mut journal);
        journal.store().head().bytes as f64 / length as f64
    };
    for length in sizes {
        line(&format!("no-op, chain of {length}, all that is kept"), left("nothing", length), "bytes", "");
    }
    line("an item through, chain of 1000, all that is kept", left("pass", 1_000), "bytes", "");
}

/// A cycle of so many steps that waits at a gate at its end.
fn parked(items: i64) -> Workflow {
    let mut workflow = chain("parked", "pass", 100, items, Some("join"));
    let last = chain("parked", "hold", 102, 1, None);
    workflow.steps.push(last.steps[101].clone());
    workflow
}

fn resume(reactor: &tokio::runtime::Runtime, folder: &Path) {
    heading("Taking a cycle up again that waits at a gate, ms (100,000 steps: goal 50, limit 500)");
    for items in [100, 1_000] {
        let state = folder.join(format!("resume-{items}"));
        let workflow = Arc::new(parked(items));
        let steps = items * 100;
        let mut journal = open(&state);
        let (ran, outcome) = seconds(|| run(reactor, &workflow, &mut journal));
        assert!(matches!(outcome, Outcome::Parked { .. }), "{outcome:?}");
        drop(journal);
        let (opened, journal) = seconds(|| open(&state));
        let client_os = Arc::new(Snapshot::default());
        let (taken, cycle) = seconds(|| runtime::recover(&workflow, registry(), &client_os, &journal, loopctl::base::CycleNo(1)));
        assert_eq!(cycle.expect("the same workflow").waiting(), 1);
        let ms = 1e3;
        let beside =
            format!("open {:.0} + read and fold {:.0}; {:.2} × running it", opened * ms, taken * ms, (opened + taken) / ran);
        line(&format!("{steps} steps with an item each"), (opened + taken) * ms, "ms", &beside);
    }
}

/// What the children do whose memory is counted.
fn as_child(task: &str) {
    let (what, folder) = task.split_once(' ').expect("a task and a folder");
    if what == "cycles" {
        return long_life(Path::new(folder));
    }
    let folder = Path::new(folder).join(what);
    let reactor = reactor();
    let workflow = match what {
        "nothing" => chain("memory", "nothing", 2, 1, None),
        "no-op" => chain("memory", "nothing", 100_000, 1, None),
        _ => chain("memory", "pass", 100, 1_000, None),
    };
    run(&reactor, &Arc::new(workflow), &mut open(&folder));
}

fn memory(folder: &Path) {
    heading("Most memory of a whole durable run in its own process, MiB (100,000 steps: limit 150)");
    for (what, task) in
        [("2 steps", "nothing"), ("100,000 no-op steps in a row", "no-op"), ("1,000 items through 100 steps", "items")]
    {
        let used = spend(&mut child(&format!("{task} {}", folder.display())));
        assert_eq!(used.exit, 0);
        line(what, used.memory, "MiB", &format!("{:.2} s, {:.2} s of processor", used.wall, used.processor));
    }
}

/// What is resident of this process now, in MiB.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096.0 / f64::from(1 << 20)
}

/// Where a long life is looked at.
const LOOKS: [usize; 6] = [10, 100, 400, 1_000, 2_000, 3_000];

/// A small workflow cycle after cycle in one process, over a store that keeps what it keeps by default: 400 cycles whole.
fn long_life(folder: &Path) {
    let state = folder.join("cycles");
    let reactor = reactor();
    let mut journal = open(&state);
    let workflow = Arc::new(chain("cycles", "pass", 10, 10, Some("join")));
    let mut at = 0;
    for look in LOOKS {
        let (time, ()) = seconds(|| {
            while at < look {
                assert_eq!(run(&reactor, &workflow, &mut journal), Outcome::Finished);
                at += 1;
            }
        });
        let disk = common::bytes_below(&state) as f64 / f64::from(1 << 20);
        let live = journal.store().head().bytes as f64 / f64::from(1 << 20);
        println!("{look} {} {live} {disk} {time}", resident());
    }
}

fn cycles(folder: &Path) {
    heading(
        "A small workflow (102 tasks a cycle), cycle after cycle in one process: does memory stay flat, and the store bounded?",
    );
    let said = child(&format!("cycles {}", folder.display())).output().expect("the child runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for look in String::from_utf8_lossy(&said.stdout).lines() {
        let parts: Vec<f64> = look.split(' ').filter_map(|part| part.parse().ok()).collect();
        let [cycles, resident, live, disk, time] = parts[..] else { panic!("{look}") };
        let beside = format!("resident; store {live:.2} MiB live, {disk:.1} MiB on the disk; {time:.1} s since the last look");
        line(&format!("after {cycles} cycles"), resident, "MiB", &beside);
    }
}

fn main() {
    if let Some(task) = child_task() {
        return as_child(&task);
    }
    let folder = folder();
    let sections: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !sections.is_empty() {
        // One section alone.
        for section in sections {
            match section.as_str() {
                "memory" => memory(folder.path()),
                "cycles" => cycles(folder.path()),
                "resume" => resume(&reactor(), folder.path()),
                "bytes" => bytes(&reactor(), folder.path()),
                "alone" => in_memory(&reactor()),
                "ahead" => {
                    let mut journal = open(&folder.path().join("durable"));
                    durable(&reactor(), &mut journal, &mut Floor::new(folder.path()), false);
                }
                other => panic!("no section `{other}`"),
            }
        }
        return;
    }
    // Before this process has grown: a child starts with its parent's high-water mark.
    memory(folder.path());
    cycles(folder.path());
    let reactor = reactor();
    let mut floor = Floor::new(folder.path());
    in_memory(&reactor);
    let mut journal = open(&folder.path().join("durable"));
    heading("Durable, every step on the disk before the next (goal 1.5 × the floor, limit 3 ×)");
    durable(&reactor, &mut journal, &mut floor, true);
    heading("Durable as the program runs: pure steps ahead of the disk (goal 3 µs, limits 20 and 25 µs; 50,000 steps/s)");
    durable(&reactor, &mut journal, &mut floor, false);
    drop(journal);
    bytes(&reactor, folder.path());
    resume(&reactor, folder.path());
}
