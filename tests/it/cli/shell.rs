//! `loopctl completions` and `loopctl man`.

use super::place::Place;
use std::process::{Command, Stdio};

#[test]
fn shells_get_their_completions() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = place.run(&format!("completions {shell}")).exit(0);
        for word in ["validate", "approve-all", "completions"] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
        // A script that the shell itself cannot read helps nobody.
        if shell == "bash" {
            place.write("completions", &ran.out);
            let read = Command::new("bash").arg("-n").arg(place.path("completions")).stderr(Stdio::piped()).output();
            let read = read.expect("the checks of this project run in bash");
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        }
    }
    place.run("completions tcsh").exit(2).warns("bash");
}

#[test]
fn every_command_has_a_man_page() {
    let place = Place::empty();
    place.run("man pages/man1").exit(0);
    let pages = place.files("pages/man1");
    for page in ["loopctl.1", "loopctl-run.1", "loopctl-gate.1", "loopctl-gate-edit.1", "loopctl-os-check.1"] {
        assert!(pages.contains_key(page), "{page} is not in {:?}", pages.keys());
    }
    for (name, page) in &pages {
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{name}");
    }
    assert!(pages["loopctl-run.1"].contains("approve"));
    place.write("taken", "a file");
    place.run("man taken").fails(2, "cli::cannot-write");
}
