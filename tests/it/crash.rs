//! `kill -9` at any moment: what was acknowledged is there afterwards, and a command that was killed and run again ends
//! like one that was not.
//!
//! A killed process loses what was in its memory, but nothing that reached the kernel; a power cut is simulated by the
//! tests in `damage.rs` and not here.

use loopctl::base::{CycleNo, Rng, StepId, TaskId, WorkflowId};
use loopctl::engine::Entry;
use loopctl::runtime::Journal;
use loopctl::store::{CheckpointStore, EngineKind, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What came of killing a command again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Killed {
    /// How often it was killed before it had ended.
    pub kills: u32,
    /// What the run that ended printed.
    pub last_stdout: String,
    /// Its exit code.
    pub code: Option<i32>,
}

/// Runs `command` in `folder` and kills it after a random time of at most `longest`, again and again, until it ends by
/// itself or has been killed `most` times; then it is left to end.
///
/// `arguments` are passed as they are. The times come from `seed`; print it when a test fails.
pub fn kill_until_done(program: &Path, arguments: &[&str], folder: &Path, seed: u64, longest: Duration, most: u32) -> Killed {
    let mut rng = Rng::new(seed);
    let mut killed = Killed::default();
    loop {
        let out = tempfile::tempfile().expect("a file for what it prints");
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let ended = if killed.kills < most {
            let after = Duration::from_micros(rng.below(longest.as_micros() as u64 + 1));
            wait_at_most(&mut child, after)
        } else {
            Some(child.wait().expect("it ends"))
        };
        match ended {
            Some(status) => {
                killed.last_stdout = read_again(out);
                killed.code = status.code();
                return killed;
            }
            None => {
                child.kill().expect("it can be killed");
                child.wait().expect("it is gone");
                killed.kills += 1;
            }
        }
    }
}

/// All files below a folder with their contents, for comparing what two runs left behind. Paths that start with one of
/// `but_not` are left out: the state folder differs in its bytes, not in what it says.
pub fn files_below(folder: &Path, but_not: &[&str]) -> std::collections::BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, but_not: &[&str], found: &mut std::collections::BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("found below it").to_string_lossy().replace('\\', "/");
            if but_not.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, but_not, found);
            } else {
                found.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    let mut found = std::collections::BTreeMap::new();
    walk(folder, folder, but_not, &mut found);
    found
}

fn wait_at_most(child: &mut Child, most: Duration) -> Option<std::process::ExitStatus> {
    let until = std::time::Instant::now() + most;
    loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            return Some(status);
        }
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::sleep(left.min(Duration::from_millis(1)));
    }
}

fn read_again(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind().expect("it is a file");
    file.read_to_string(&mut text).expect("it printed text");
    text
}

// A child process for the tests of the store: this test binary itself, told by a variable what to do.

const CHILD: &str = "LOOPCTL_TEST_STATE";

fn workflow() -> WorkflowId {
    WorkflowId::new("killed")
}

fn note(index: u32) -> Entry {
    Entry::Deferred { task: TaskId { step: StepId::new("rank"), item: None }, reason: format!("reason {index}") }
}

/// Appends for ever and says which entries were acknowledged. Does nothing as a test.
#[test]
fn child_that_appends() {
    let Some(state) = std::env::var_os(CHILD) else { return };
    let mut journal = loopctl::store::open(Path::new(&state), &OpenOptions::default()).expect("free");
    let mut next = journal.read(&workflow(), CycleNo(1)).expect("whole").len() as u32;
    let mut out = std::io::stdout();
    loop {
        let group: Vec<_> = (next..next + 1 + next % 5).map(note).collect();
        next += group.len() as u32;
        let durable = !next.is_multiple_of(3);
        journal.append(&workflow(), CycleNo(1), &group, durable).expect("taken");
        if durable {
            writeln!(out, "acknowledged {next}").and_then(|()| out.flush()).expect("the parent listens");
        }
    }
}

fn child(state: &Path, engine: EngineKind) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "crash::child_that_appends", "--nocapture", "--test-threads=1"])
        .env(CHILD, state)
        .env("LOOPCTL_STORE", engine.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test binary starts")
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    EngineKind::ALL.into_iter().for_each(nothing_acknowledged_is_lost);
}

fn nothing_acknowledged_is_lost(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut rng = Rng::new(9);
    for round in 0..6 {
        let mut child = child(&state, engine);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut acknowledged = 0;
        let mut take = |line: String| {
            if let Some((_, count)) = line.rsplit_once("acknowledged ") {
                acknowledged = count.parse::<u32>().expect("a number");
                return true;
            }
            false
        };
        for _ in 0..1 + rng.below(12) {
            while !take(lines.next().expect("it goes on until it is killed")) {}
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // What it said before it was killed counts too; a number that was cut off is smaller and asks for less.
        lines.filter(|line| line.ends_with(char::is_numeric)).for_each(|line| {
            take(line);
        });
        let journal = loopctl::store::open(&state, &OpenOptions::default()).expect("free and whole");
        assert_eq!(journal.store().engine().expect("it stands"), engine);
        let found = journal.read(&workflow(), CycleNo(1)).expect("whole");
        assert!(found.len() as u32 >= acknowledged, "round {round}: {} of {acknowledged}", found.len());
        assert_eq!(found, (0..found.len() as u32).map(note).collect::<Vec<_>>(), "round {round}: not a beginning");
        assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
    }
}

#[test]
fn a_second_process_is_refused_and_told_who_the_first_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = child(folder.path(), EngineKind::NEW);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    lines.find(|line| line.contains("acknowledged")).expect("it has the store");
    let options = OpenOptions { wait: Duration::from_millis(60), ..OpenOptions::default() };
    let refused = loopctl::store::open(folder.path(), &options).err().expect("in use");
    assert_eq!(refused.code, "store::locked");
    assert!(refused.message.contains(&format!("process {}", child.id())), "{}", refused.message);
    child.kill().expect("killed");
    child.wait().expect("gone");
    loopctl::store::open(folder.path(), &OpenOptions::default()).expect("free again");
}

#[test]
fn a_command_is_killed_until_it_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    // Appends a line and sleeps: the third start finds two lines and ends at once.
    let script = "echo line >> log; test $(wc -l < log) -ge 3 || sleep 60; echo done";
    let killed = kill_until_done(Path::new("/bin/sh"), &["-c", script], folder.path(), 3, Duration::from_millis(400), 50);
    assert_eq!((killed.last_stdout.as_str(), killed.code), ("done\n", Some(0)));
    assert!(killed.kills >= 2);
    assert!(files_below(folder.path(), &[]).contains_key("log"));
    assert!(files_below(folder.path(), &["log"]).is_empty());
}

/// A new loop with recorded time, so that every run of it has the same outcome.
fn new_loop(folder: &Path) {
    let made = Command::new(LOOPCTL).args(["init", "tried"]).current_dir(folder).output().expect("loopctl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = folder.join("tried/tried.kdl");
    let text = std::fs::read_to_string(&file).expect("init wrote it");
    let every = "every \"7d\" at=\"06:00\"";
    assert!(text.contains(every), "the starter says how often");
    let text = text.replace(every, &format!("{every}\n    recorded from=\"2026-11-22 06:00\""));
    std::fs::write(&file, text).expect("writable");
}

const LOOPCTL: &str = env!("CARGO_BIN_EXE_loopctl");

/// What was published. A kill between writing and naming a file may leave the unnamed one behind.
fn published(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = files_below(&folder.join("tried/out"), &[]);
    files.retain(|name, _| !name.ends_with(".loopctl-tmp"));
    files
}

fn cycle_is_closed(folder: &Path) -> bool {
    let status = Command::new(LOOPCTL).args(["status", "--json"]).current_dir(folder).output().expect("loopctl starts");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    status["cycle"]["state"] == "closed"
}

#[test]
fn a_run_that_is_killed_again_and_again_publishes_the_same_pieces_once() {
    let clean = tempfile::tempdir().expect("a folder");
    new_loop(clean.path());
    let run =
        Command::new(LOOPCTL).args(["run", "--approve-all"]).current_dir(clean.path().join("tried")).output().expect("it starts");
    let expected = published(clean.path());
    assert!(!expected.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut kills = 0;
    for seed in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        new_loop(folder.path());
        let inside = folder.path().join("tried");
        let mut rng = Rng::new(seed);
        for attempt in 0..5 {
            // One attempt at a time: a cycle that was closed just before the kill must not be followed by the next one.
            // The last one may take as long as it likes.
            let longest = if attempt == 4 { None } else { Some(Duration::from_micros(rng.below(400_000))) };
            let killed = kill_once(&inside, longest);
            kills += u32::from(killed);
            if !killed || cycle_is_closed(&inside) {
                break;
            }
        }
        assert_eq!(published(folder.path()), expected, "seed {seed}");
    }
    assert!(kills > 0, "the kills came too late");
}

/// Runs once, for at most `longest`, and says whether it had to be killed.
fn kill_once(folder: &Path, longest: Option<Duration>) -> bool {
    let mut child = Command::new(LOOPCTL)
        .args(["run", "--approve-all"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loopctl starts");
    let ended = match longest {
        Some(longest) => wait_at_most(&mut child, longest).is_some(),
        None => child.wait().is_ok(),
    };
    if !ended {
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
    }
    !ended
}
