//! What a person waits for at the terminal, beside a program that does nothing: the clock and the most memory of whole processes.
//!
//! `cargo bench --bench startup`

mod common;

use common::{Used, copy_tree, folder, heading, spend, spend_often};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopctl");

fn show(what: &str, used: Used, floor: Used) {
    let (wall, processor) = (used.wall * 1e3, used.processor * 1e3);
    let ratio = used.wall / floor.wall;
    println!("  {what:<52}{wall:>10.2} ms {processor:>10.2} ms {:>8.1} MiB {ratio:>9.1} × `true`", used.memory);
}

fn loopctl(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(arguments);
    command
}

fn main() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let folder = folder();
    let fresh = |name: &str| {
        let place = folder.path().join(name);
        copy_tree(&project, &place);
        place
    };
    let home = fresh("home");
    println!("program: {:.1} MiB", std::fs::metadata(PROGRAM).map_or(0, |meta| meta.len()) as f64 / f64::from(1 << 20));
    heading("Whole processes: clock, processor, most memory");
    let floor = spend_often(41, || Command::new("true"));
    show("`true`", floor, floor);
    show("`loopctl --version` (limit 5 ms)", spend_often(41, || loopctl(&home, &["--version"])), floor);
    show("`loopctl kinds`", spend_often(21, || loopctl(&home, &["kinds"])), floor);
    for workflow in ["first-loop.kdl", "b2b-growth.kdl"] {
        let used = spend_often(21, || loopctl(&home, &["validate", workflow]));
        assert_eq!(used.exit, 0, "{workflow} is valid");
        show(&format!("`validate {workflow}`"), used, floor);
    }
    for workflow in ["first-loop.kdl", "b2b-growth.kdl"] {
        let mut round = 0;
        let used = spend_often(5, || {
            round += 1;
            loopctl(&fresh(&format!("{workflow}-{round}")), &["run", workflow])
        });
        assert_eq!(used.exit, 4, "the first cycle of {workflow} waits for people");
        show(&format!("`run {workflow}`, cycle 1 to the gate"), used, floor);
    }
    heading("Many cycles: do time and memory stay flat?");
    let mut per_cycle = Vec::new();
    for cycles in [5, 25, 50] {
        let place = fresh(&format!("cycles-{cycles}"));
        let used = spend(&mut loopctl(&place, &["run", "first-loop.kdl", "--cycles", &cycles.to_string(), "--approve-all"]));
        show(&format!("`run first-loop.kdl --cycles {cycles} --approve-all`"), used, floor);
        let store = common::bytes_below(&place.join(".loopctl")) as f64 / f64::from(1 << 20);
        println!(
            "  {:<52}{:>10.2} ms a cycle, store {store:.2} MiB, {:.0} KiB a cycle",
            "",
            used.wall * 1e3 / f64::from(cycles),
            store * 1024.0 / f64::from(cycles)
        );
        per_cycle.push(used.wall / f64::from(cycles));
    }
    println!("  a cycle of 50 takes {:.2} × as long as one of 5", per_cycle[2] / per_cycle[0]);
}
