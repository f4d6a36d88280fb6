//! `loopctl run --watch`: a process that stays, with files edited under it and decisions made beside it.

use super::place::{FIRST, Place, Stage, list};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const TEMPLATE: &str = "workflows/first-loop/templates/draft.hbs";

/// A watching process. Every line that it says comes through one channel; a test waits for what it expects.
struct Watch {
    child: Child,
    lines: Receiver<String>,
    /// All that was said until now, for messages.
    said: Vec<String>,
}

impl Watch {
    fn start(place: &Place, words: &str) -> Watch {
        let mut child = place.command(words).stdin(Stdio::null()).spawn().expect("loopctl starts");
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("it is piped");
        let err = child.stderr.take().expect("it is piped");
        for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Watch { child, lines, said: Vec::new() }
    }

    /// The next line that holds `part`; lines before it are passed over.
    #[track_caller]
    fn hears(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_secs(120)) else {
                panic!("`{part}` is not said; said was\n{}", self.said.join("\n"));
            };
            assert!(!line.contains("panicked at"), "{line}");
            self.said.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The next event of this kind with `--json`.
    #[track_caller]
    fn event(&mut self, kind: &str) -> Value {
        let line = self.hears(&format!("\"event\":\"{kind}\""));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Ctrl-C; gives the exit code.
    fn stop(mut self) -> i32 {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        // Safe: a signal to a process that we started and have not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        let status = self.child.wait().expect("it ends");
        status.code().unwrap_or(-1)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_save_while_people_decide_is_used_by_the_next_cycle() {
    let place = Place::at(Stage::Parked);
    let mut watch = Watch::start(&place, &format!("run {FIRST} --watch"));
    watch.hears("Watching workflows/first-loop.kdl");
    place.write(TEMPLATE, place.read(TEMPLATE) + "Read on.\n");
    let lines = place.read(TEMPLATE).lines().count();
    watch.hears("first-loop/templates/draft.hbs changed");
    watch.hears(&format!("drafts re-runs: template first-loop/templates/draft.hbs changed at line {lines}"));
    watch.hears("after it, where what they get changes: channels, out and weekly");
    watch.hears("not touched by it: press");
    watch.hears("keeps the version it began with");
    // The state is free while it waits, and a decision lets the cycle go on.
    let waiting = place.waiting(FIRST);
    let first = waiting[0]["id"].as_str().expect("a handle");
    place.run(&format!("gate approve {FIRST} {first}")).exit(0);
    watch.hears("cycle 1 still waits for 2 decisions");
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    watch.hears("The cycle is complete.");
    // The next one begins by itself, because there is a change that no cycle has used.
    watch.hears("waits for a person");
    watch.hears("Waiting for content-team");
    watch.hears("What to type next");
    watch.hears("loopctl run");
    let of_first = place.files("workflows/first-loop/out");
    assert_eq!(of_first.len(), 3);
    assert!(of_first.values().all(|piece| !piece.contains("Read on.")), "cycle 1 kept its template");
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    watch.hears("The cycle is complete.");
    let of_both = place.files("workflows/first-loop/out");
    assert_eq!(of_both.len(), 6, "{:?}", of_both.keys());
    let fresh = of_both.iter().filter(|(name, _)| !of_first.contains_key(*name));
    assert!(fresh.clone().all(|(_, piece)| piece.contains("Read on.")), "cycle 2 used the new one");
    // It is not begun a third time: nothing is new.
    assert_eq!(watch.stop(), 0);
    assert_eq!(place.cycle(FIRST, 2)["state"], "closed");
    place.run(&format!("status {FIRST} --cycle 3")).fails(2, "cli::no-such-cycle");
}

#[test]
fn a_broken_file_keeps_the_old_workflow() {
    let place = Place::at(Stage::Parked);
    let mut watch = Watch::start(&place, &format!("run {FIRST} --watch --json"));
    let cycle = watch.event("cycle");
    assert_eq!(list(&cycle["cycle"]["waiting"]).len(), 3);
    let watching = watch.event("watching");
    assert!(list(&watching["paths"]).iter().any(|path| path == "first-loop/client-os/brand.md"), "{watching}");
    // A setting that does not exist, then a template that is gone, then both are mended.
    let (workflow, template) = (place.read(FIRST), place.read(TEMPLATE));
    place.edit(FIRST, "keep 10 above=0.4", "kepe 10 above=0.4");
    let kept = watch.event("kept");
    assert_eq!(list(&kept["diagnostics"])[0]["code"], "loop::unknown-node", "{kept}");
    assert_eq!(list(&kept["diagnostics"])[0]["file"], FIRST);
    place.write(FIRST, &workflow);
    assert_eq!(watch.event("unchanged")["files"][0], "first-loop.kdl");
    std::fs::remove_file(place.path(TEMPLATE)).expect("it is there");
    assert_eq!(list(&watch.event("kept")["diagnostics"])[0]["code"], "loop::missing-file");
    // While the files are broken the open cycle goes on as it began.
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    let cycle = watch.event("cycle");
    assert_eq!(cycle["cycle"]["state"], "closed", "{cycle}");
    assert_eq!(place.files("workflows/first-loop/out").len(), 3);
    // What is mended into something new begins the next cycle at once.
    place.write(TEMPLATE, template + "Read on.\n");
    let changed = watch.event("changed");
    assert_eq!(changed["open-cycle-keeps-its-version"], false);
    let direct = list(&changed["reruns"]["direct"]);
    assert_eq!(direct.len(), 1, "{changed}");
    assert_eq!(direct[0]["step"], "drafts");
    assert_eq!(direct[0]["because"][0]["at"]["file"], "first-loop/templates/draft.hbs");
    assert_eq!(watch.event("cycle")["cycle"]["cycle"], 2);
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_file_that_is_broken_from_the_start_is_waited_for() {
    let place = Place::new();
    place.edit(FIRST, "keep 10 above=0.4", "kepe 10 above=0.4");
    let mut watch = Watch::start(&place, &format!("run {FIRST} --watch"));
    watch.hears("unknown setting");
    watch.hears("Waiting for it to be mended");
    assert!(!place.path("workflows/.loopctl").exists());
    place.edit(FIRST, "kepe 10 above=0.4", "keep 10 above=0.4");
    watch.hears("waits for a person");
    watch.hears("Watching workflows/first-loop.kdl");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn the_client_os_counts_and_network_disks_are_polled() {
    let place = Place::at(Stage::Parked);
    let mut watch = Watch::start(&place, &format!("run {FIRST} --watch --poll=100ms --json"));
    let watching = watch.event("watching");
    assert_eq!((watching["means"].as_str(), watching["every-seconds"].as_f64()), (Some("polling"), Some(0.1)));
    let brand = "workflows/first-loop/client-os/brand.md";
    place.write(brand, place.read(brand) + "\nWe never shout.\n");
    let changed = watch.event("changed");
    let what = list(&changed["diff"]["client_os"]);
    assert_eq!(what[0]["what"], "first-loop/client-os/brand.md changed", "{changed}");
    assert!(list(&changed["reruns"]["direct"]).iter().any(|rerun| rerun["step"] == "drafts"));
    // Data is input, not definition: it is read by the next cycle anyway.
    let data = "workflows/first-loop/data/demand.csv";
    place.write(data, place.read(data));
    place.write(data, place.read(data) + "\n");
    place.edit(FIRST, "keep 10 above=0.4", "keep 9 above=0.4");
    let changed = watch.event("changed");
    assert_eq!(list(&changed["files"]), ["first-loop.kdl"], "{changed}");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn an_interval_must_make_sense() {
    let place = Place::new();
    for poll in ["--poll=soon", "--poll=1ms", "--poll=2d"] {
        place.run(&format!("run {FIRST} --watch {poll}")).exit(2).warns("between `100ms` and `1h`");
    }
    place.run(&format!("run {FIRST} --poll")).exit(2).warns("--watch");
}

#[test]
fn a_module_of_the_project_counts_like_the_workflow() {
    const MODULE: &str = "workflows/parts/module.kdl";
    let place = Place::at(Stage::Parked);
    let module = |weight: &str| {
        format!(
            "module \"acme/parts\" version=\"1.0.0\" {{\n    about \"A second ranking.\"\n    step \"top\" {{\n        about \"Ranks.\"\n        param \"from\" type=\"step\" {{ about \"What is ranked.\" }}\n        score \"ranked\" {{\n            from (param)\"from\"\n            rule \"demand\" weight={weight} {{ value \"percentile(signal.volume)\" }}\n            keep 5\n        }}\n    }}\n}}\n"
        )
    };
    place.write(MODULE, module("1.0"));
    let mut watch = Watch::start(&place, &format!("run {FIRST} --watch --json"));
    watch.event("watching");
    // The workflow begins to use it, and from then on it is watched.
    let workflow = place.read(FIRST);
    let used = workflow.replacen("    intelligence {", "    use \"./parts\"\n\n    intelligence {", 1).replacen(
        "    strategy {",
        "    strategy {\n        parts.top \"second\" { from \"market\" }",
        1,
    );
    assert!(used.matches("parts").count() == 2 && workflow.contains("\"market\""), "{used}");
    place.write(FIRST, &used);
    watch.event("changed");
    place.write(MODULE, module("0.5"));
    let changed = watch.event("changed");
    assert!(list(&changed["files"]).iter().any(|file| file == "parts/module.kdl"), "{changed}");
    assert!(list(&changed["reruns"]["direct"]).iter().any(|step| step["step"] == "second"), "{changed}");
    // A mistake in it keeps what was, and is shown in its own file.
    place.write(MODULE, module("0.5").replace("keep 5", "kepe 5"));
    let kept = watch.event("kept");
    assert_eq!(list(&kept["diagnostics"])[0]["file"], MODULE, "{kept}");
    place.write(MODULE, module("0.5"));
    watch.event("unchanged");
    assert_eq!(watch.stop(), 0);
}
