//! A desk to try the real binary at: a folder of its own with the bundled workflows, and what happened there, read from the
//! store through the library.

use loopctl::base::{CycleNo, RequestKey, WorkflowId};
use loopctl::engine::{Entry, fold};
use loopctl::runtime::{CycleStatus, Journal};
use loopctl::step::{FailureKind, Reply};
use loopctl::store::OpenOptions;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub const FIRST: &str = "workflows/first-loop.kdl";
pub const STARTER: &str = "tried/tried.kdl";
pub const LOOPCTL: &str = env!("CARGO_BIN_EXE_loopctl");

/// The program that is tried: the one that was built with the tests, or another build of the same source
/// (`LOOPCTL_TEST_PROGRAM=target/release/loopctl`), so that a long suite can use a fast one.
pub fn program() -> std::ffi::OsString {
    match std::env::var_os("LOOPCTL_TEST_PROGRAM") {
        Some(path) => std::path::absolute(path).expect("a path").into_os_string(),
        None => LOOPCTL.into(),
    }
}

pub struct Desk {
    folder: TempDir,
    /// Where its state lies, and the workflow's name.
    state: &'static str,
    workflow: &'static str,
}

/// What a command said and how it ended.
pub struct Said {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    words: String,
}

impl Desk {
    /// The bundled workflows, not yet run. The backtest is left out: it takes most of a cycle's time, and learning is not
    /// what is tried here.
    pub fn new() -> Desk {
        let desk = Desk::empty("workflows/.loopctl", "first-loop");
        let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
        copy(&bundled.join("first-loop"), &desk.path("workflows/first-loop"));
        std::fs::copy(bundled.join("first-loop.kdl"), desk.path(FIRST)).expect("copied");
        // What a person ran in the repository is not what is tried.
        let _ = std::fs::remove_dir_all(desk.path("workflows/first-loop/out"));
        desk.edit(FIRST, "backtest horizon=\"30d\"", "");
        desk
    }

    fn empty(state: &'static str, workflow: &'static str) -> Desk {
        Desk { folder: tempfile::tempdir().expect("a temporary folder"), state, workflow }
    }

    /// What `loopctl init` writes, as a recording, one piece a week: a small loop whose cycle takes a moment, and which has
    /// something to publish in each of the first weeks.
    pub fn starter() -> Desk {
        let desk = Desk::empty("tried/.loopctl", "tried");
        desk.run("init tried").exit(0);
        desk.edit(STARTER, "every \"7d\" at=\"06:00\"", "every \"7d\" at=\"06:00\"\n    recorded from=\"2026-11-23 06:00\"");
        desk.edit(STARTER, "cap 3 per=\"week\"", "cap 1 per=\"week\"");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder is ours");
    }

    /// Replaces the only occurrence of a text in a file.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {name}");
        self.write(name, &text.replace(from, to));
    }

    /// A command with words that are separated by spaces, ready to start.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("LOOPCTL_STATE")
            .env("LOOPCTL_AS", "tester")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &str) -> Said {
        Said::of(self.command(words).output().expect("loopctl starts"), words)
    }

    /// All files below a folder by name.
    pub fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(&self.path(name), &self.path(name), &mut found);
        found
    }

    /// The cycles of its loop with their entries, read past the program.
    pub fn cycles(&self) -> Vec<(CycleNo, CycleStatus, Vec<Entry>)> {
        let state = self.path(self.state);
        if !state.is_dir() {
            return Vec::new();
        }
        let journal = loopctl::store::open(&state, &OpenOptions::default()).expect("whole and free");
        let workflow = WorkflowId::new(self.workflow);
        let cycles = journal.cycles(&workflow).expect("readable").into_iter();
        cycles.map(|(cycle, status)| (cycle, status, journal.read(&workflow, cycle).expect("whole"))).collect()
    }

    pub fn closed(&self) -> usize {
        self.cycles().iter().filter(|(_, status, _)| *status == CycleStatus::Closed).count()
    }
}

impl Said {
    pub fn of(output: std::process::Output, words: &str) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let said =
            Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr), words: words.to_owned() };
        assert!(!said.err.contains("panicked at") && !said.out.contains("panicked at"), "a panic\n{}", said.told());
        said
    }

    #[track_caller]
    pub fn exit(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "the exit code\n{}", self.told());
        self
    }

    /// Words that stand on standard output, line breaks aside.
    #[track_caller]
    pub fn says(self, part: &str) -> Said {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat(&self.out).contains(&flat(part)), "`{part}` is not said\n{}", self.told());
        self
    }

    #[track_caller]
    pub fn warns(self, part: &str) -> Said {
        assert!(self.err.contains(part), "`{part}` is not on standard error\n{}", self.told());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.told()))
    }

    pub fn told(&self) -> String {
        format!("$ loopctl {}\nexit {:?}\n--- out\n{}\n--- err\n{}", self.words, self.code, self.out, self.err)
    }
}

/// What must hold of every journal, however often its writers were killed: no task ends twice, no question is answered
/// twice, and nothing is sent without an intent.
#[track_caller]
pub fn assert_sound(cycles: &[(CycleNo, CycleStatus, Vec<Entry>)], context: &str) {
    for (cycle, _, entries) in cycles {
        let mut ended = BTreeSet::new();
        let mut answered: BTreeSet<&RequestKey> = BTreeSet::new();
        let mut asked: BTreeSet<&RequestKey> = BTreeSet::new();
        for entry in entries {
            match entry {
                Entry::Done { task, .. } | Entry::Failed { task, .. } | Entry::Deferred { task, .. } => {
                    assert!(ended.insert(task), "{context}: cycle {cycle}: task {task} ended twice");
                }
                Entry::Asked { key, .. } => {
                    asked.insert(key);
                }
                // Whether something went out may be asked, and answered, after every crash.
                Entry::Replied { key, .. } if fold::probed_key(key).is_some() => {}
                Entry::Replied { reply: Reply::Failed(failure), .. } if failure.kind == FailureKind::InDoubt => {}
                Entry::Replied { key, .. } => {
                    assert!(asked.contains(key), "{context}: cycle {cycle}: {key} was answered and not asked");
                    assert!(answered.insert(key), "{context}: cycle {cycle}: {key} was answered twice");
                }
                _ => {}
            }
        }
    }
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("found below it").to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is ours");
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
