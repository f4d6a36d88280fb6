//! A folder with the bundled workflows in it, and the real binary run there.
//!
//! Every test has a folder of its own, so that state and published pieces never land in the repository and no test sees
//! another's. A cycle costs a second or more, so folders in which something has already happened are prepared once and copied.
//!
//! Whatever is run, it must not panic: `Ran` looks for the words of a panic in all that was said.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

pub const FIRST: &str = "workflows/first-loop.kdl";
pub const B2B: &str = "workflows/b2b-growth.kdl";

pub struct Place {
    folder: TempDir,
}

/// What has happened in a prepared folder; always to `first-loop`.
#[derive(Clone, Copy)]
pub enum Stage {
    /// Cycle 1 waits at its gate.
    Parked,
    /// Everything was approved and cycle 1 is complete.
    Closed,
}

/// What a command said.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// The command, for messages.
    said: String,
}

impl Place {
    pub fn empty() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The bundled workflows, not yet run.
    pub fn new() -> Place {
        let place = Place::empty();
        let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
        copy(&bundled, &place.path("workflows"));
        // What a person ran in the repository is not what is tested.
        for left in [".loopctl", "first-loop/out", "b2b-growth/out"] {
            let _ = fs::remove_dir_all(place.path("workflows").join(left));
        }
        place
    }

    /// Another folder with the same in it.
    pub fn twin(&self) -> Place {
        let place = Place::empty();
        copy(self.folder.path(), place.folder.path());
        place
    }

    /// A copy of a folder in which something has already happened.
    pub fn at(stage: Stage) -> Place {
        static PARKED: OnceLock<PathBuf> = OnceLock::new();
        static CLOSED: OnceLock<PathBuf> = OnceLock::new();
        let prepared = match stage {
            Stage::Parked => PARKED.get_or_init(|| {
                let place = Place::new();
                place.run(&format!("run {FIRST}")).exit(4);
                place.keep("parked")
            }),
            Stage::Closed => CLOSED.get_or_init(|| {
                let place = Place::at(Stage::Parked);
                place.run(&format!("gate approve {FIRST} --all")).exit(0);
                place.run(&format!("run {FIRST}")).exit(0);
                place.keep("closed")
            }),
        };
        let place = Place::empty();
        copy(prepared, place.folder.path());
        place
    }

    /// Moves what is here to where it outlives the test. Folders that earlier test runs left are removed.
    fn keep(self, name: &str) -> PathBuf {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
        for old in fs::read_dir(&all).into_iter().flatten().flatten() {
            let pid = old.file_name().to_string_lossy().into_owned();
            if Path::new("/proc/self").exists() && !Path::new("/proc").join(&pid).exists() {
                // Another test run may be tidying up as well.
                let _ = fs::remove_dir_all(old.path());
            }
        }
        let kept = all.join(std::process::id().to_string()).join(name);
        copy(self.folder.path(), &kept);
        kept
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a path in the folder")).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    }

    /// Replaces the only occurrence of a text in a file.
    pub fn edit(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {relative}");
        self.write(relative, text.replace(from, to));
    }

    /// Runs `loopctl` with words that are separated by spaces.
    pub fn run(&self, words: &str) -> Ran {
        Ran::of(&mut self.command(words))
    }

    /// The same with something on standard input.
    pub fn run_with_input(&self, words: &str, input: &str) -> Ran {
        let mut command = self.command(words);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().expect("loopctl starts");
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("loopctl reads it");
        Ran::wait(child, words)
    }

    /// `loopctl` in this folder, with nothing of the tester's own surroundings.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopctl"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("NO_COLOR", "1")
            .env("LOOPCTL_AS", "tester")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Every file below a folder with its content; empty when there is no such folder.
    pub fn files(&self, relative: &str) -> BTreeMap<String, String> {
        let root = self.path(relative);
        let mut found = BTreeMap::new();
        walk(&root, &mut |path| {
            let name = path.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
            found.insert(name, String::from_utf8_lossy(&fs::read(path).expect("a file that is there")).into_owned());
        });
        found
    }

    /// What waits at the gates of a workflow, in the order of the list.
    pub fn waiting(&self, workflow: &str) -> Vec<Value> {
        list(&self.run(&format!("gate list {workflow} --json")).json()["waiting"])
    }

    /// One cycle's facts.
    pub fn cycle(&self, workflow: &str, cycle: u32) -> Value {
        self.run(&format!("status {workflow} --cycle {cycle} --json")).json()["cycle"].clone()
    }
}

impl Ran {
    pub fn of(command: &mut Command) -> Ran {
        let said: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        Ran::new(command.output().expect("loopctl starts"), &said.join(" "))
    }

    pub fn wait(child: Child, said: &str) -> Ran {
        Ran::new(child.wait_with_output().expect("loopctl ends"), said)
    }

    fn new(output: Output, said: &str) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("loopctl writes UTF-8");
        let ran = Ran {
            // A process that was killed by a signal has no code.
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
            said: said.to_owned(),
        };
        assert!(!ran.err.contains("panicked at") && !ran.out.contains("panicked at"), "a panic\n{}", ran.told());
        ran
    }

    #[track_caller]
    pub fn exit(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "the exit code\n{}", self.told());
        self
    }

    /// Expects a failure that is told on standard error, with its code and what to do next.
    #[track_caller]
    pub fn fails(self, exit: i32, code: &str) -> Ran {
        let ran = self.exit(exit);
        assert!(ran.err.contains(&format!("error[{code}]: ")), "no `{code}`\n{}", ran.told());
        let behind = ran.err.split(&format!("error[{code}]")).nth(1).unwrap_or_default();
        assert!(behind.contains("  help: "), "no help\n{}", ran.told());
        assert_eq!(ran.out, "", "failures belong on standard error\n{}", ran.told());
        ran
    }

    #[track_caller]
    pub fn says(self, part: &str) -> Ran {
        assert!(self.out.contains(part), "`{part}` is not on standard output\n{}", self.told());
        self
    }

    #[track_caller]
    pub fn warns(self, part: &str) -> Ran {
        assert!(self.err.contains(part), "`{part}` is not on standard error\n{}", self.told());
        self
    }

    /// Standard output as the one JSON document that it is.
    #[track_caller]
    pub fn json(&self) -> Value {
        let document: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.told()));
        assert_eq!(document["version"], 1, "every document has its version\n{}", self.told());
        document
    }

    pub fn told(&self) -> String {
        format!("$ loopctl {}\nexit {}\n--- out\n{}\n--- err\n{}", self.said, self.code, self.out, self.err)
    }
}

/// The elements of a JSON array.
#[track_caller]
pub fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).clone()
}

/// A JSON text.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())).flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a file that can be read");
        }
    }
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}
