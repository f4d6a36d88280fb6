//! Mending whole workflows: what is certain is mended in one run, and mending what was mended changes nothing.

use loopctl::base::files::MemoryFiles;
use loopctl::builtin::registry;
use loopctl::compile::mending::{self, Mended};
use loopctl::diag::Diagnostic;

fn mend(files: &MemoryFiles, wanted: impl Fn(&Diagnostic) -> bool) -> Mended {
    mending::mended(files, "loop.kdl", registry(), wanted)
}

const WRONG: &str = r#"worklow "example" {
    without "strategy" "production" "distribution" "conversion"
    abot: "Several slips at once."
    limt { concurrency = 4 }
    intelligence {
        source "site" kind="event" { path "data/events.jsonl" } # all of them
    }
    learning {
        attribut "credit" { from "site"; window 30d }
        report "weekly" { from "credti" }
    }
}
"#;

fn files(text: &str) -> MemoryFiles {
    MemoryFiles::new([("loop.kdl", text), ("data/events.jsonl", "{}\n")])
}

#[test]
fn several_faults_are_mended_in_one_run_and_nothing_is_left() {
    let mended = mend(&files(WRONG), |_| true);
    let (_, after) = &mended.changes["loop.kdl"];
    assert!(mended.compiled.diagnostics.is_empty(), "{:#?}\n{after}", mended.compiled.diagnostics);
    assert!(mended.fixed.len() >= 8, "{}", mended.fixed.len());
    for right in [
        "workflow \"example\"",
        "about \"Several",
        "limit { concurrency 4 }",
        "kind=\"events\"",
        "// all of them",
        "attribute \"credit\"",
        "window \"30d\"",
        "from \"credit\"",
    ] {
        assert!(after.contains(right), "{right}\n{after}");
    }
    // Mending again changes nothing.
    assert!(mend(&files(after), |_| true).changes.is_empty());
}

#[test]
fn what_is_not_wanted_and_what_has_no_fix_stays() {
    let mended = mend(&files(WRONG), |_| false);
    assert!(mended.changes.is_empty() && mended.fixed.is_empty() && mended.compiled.has_errors());
    let text = WRONG.replace("\"credti\"", "\"nothing like it\"");
    let mended = mend(&files(&text), |_| true);
    let left: Vec<&str> = mended.compiled.diagnostics.iter().map(|finding| finding.code).collect();
    assert!(left.contains(&"loop::unknown-step"), "{left:?}");
}

#[test]
fn any_damage_to_a_workflow_is_mended_to_a_fixed_point() {
    let sound = include_str!("../../workflows/first-loop.kdl");
    let mut rng = loopctl::base::Rng::new(7);
    for _ in 0..60 {
        let mut text: Vec<char> = sound.chars().collect();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(text.len() as u64) as usize;
            text[at] = ['{', '}', '"', '=', ':', 'x', ' ', ';', '#', '\n'][rng.below(10) as usize];
        }
        let text: String = text.into_iter().collect();
        let after = |text: &str| {
            let mended = mend(&files(text), |_| true);
            mended.changes.get("loop.kdl").map_or(text.to_owned(), |(_, after)| after.to_string())
        };
        let once = after(&text);
        assert_eq!(after(&once), once, "from\n{text}");
    }
}
