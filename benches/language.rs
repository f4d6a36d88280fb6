//! The language at sizes nobody writes by hand: the reader beside the `kdl` crate on the same text, and validation of generated
//! workflows, as a call and as a whole process.
//!
//! `cargo bench --bench language`

mod common;

use common::{folder, heading, line, median_of, spend_often};
use loopctl::base::files::MemoryFiles;
use loopctl::builtin;
use loopctl::compile::compile;
use loopctl::diag::FileId;
use loopctl::syntax;
use std::fmt::Write;
use std::process::Command;

const TEMPLATES: [(&str, &str); 2] = [("outline.hbs", "{{brief.title}}\n"), ("draft.hbs", "{{outline.text}}\n")];

/// Steps of one loop in the workflow below.
const STEPS_PER_LOOP: usize = 12;

/// A valid workflow of at least so many steps: the same loop over and over, side by side.
fn workflow(steps: usize) -> String {
    let loops = steps.div_ceil(STEPS_PER_LOOP);
    let mut text = String::from(
        "workflow \"large\" {\n    timezone \"Europe/London\"\n    every \"7d\" at=\"06:00\"\n    provider \"drafter\" kind=\"template\"\n    channel \"blog\" kind=\"files\" { dir \"out/blog\" }\n",
    );
    let mut layer = |name: &str, body: fn(&mut String, usize)| {
        writeln!(text, "\n    {name} {{").expect("memory");
        (0..loops).for_each(|n| body(&mut text, n));
        text.push_str("    }\n");
    };
    layer("intelligence", |text, n| {
        write!(
            text,
            r#"        // What the press of market {n} says.
        source "press-{n}" kind="feed" {{
            url "https://example.com/market-{n}/feed.xml"
        }}
        source "blog-{n}" kind="feed" {{
            url "https://example.org/market-{n}/blog.xml"
        }}
        aggregate "market-{n}" {{
            from "press-{n}" "blog-{n}"
            dedupe within="14d"
            half-life "10d"
        }}
"#
        )
        .expect("memory");
    });
    layer("strategy", |text, n| {
        write!(
            text,
            r#"        score "opportunities-{n}" {{
            from "market-{n}"
            rule "demand" weight=0.4 {{
                value "percentile(signal.volume)"
            }}
            rule "growth" weight=0.3 {{
                value "percentile(signal.growth)"
            }}
            rule "evidence" weight=0.3 {{
                value "clamp(size(signal.evidence) / 5.0, 0.0, 1.0)"
            }}
            keep 10 above=0.4
        }}
"#
        )
        .expect("memory");
    });
    layer("production", |text, n| {
        write!(
            text,
            r#"        brief "briefs-{n}" {{
            from "opportunities-{n}"
        }}
        outline "outlines-{n}" {{
            from "briefs-{n}"
            provider "drafter"
            template "outline.hbs"
            cap 3 per="week"
        }}
        gate "editor-{n}" {{
            from "outlines-{n}"
            by "content-team"
        }}
        draft "drafts-{n}" {{
            from "editor-{n}"
            provider "drafter"
            template "draft.hbs"
            check "grounding"
        }}
"#
        )
        .expect("memory");
    });
    layer("distribution", |text, n| {
        write!(
            text,
            r#"        route "channels-{n}" {{
            from "drafts-{n}"
            to "blog"
        }}
        publish "out-{n}" {{
            from "channels-{n}"
        }}
"#
        )
        .expect("memory");
    });
    layer("learning", |text, n| {
        write!(
            text,
            r#"        feedback "aim-{n}" {{
            from "opportunities-{n}"
            tune "opportunities-{n}.demand" {{
                rate 0.2
                within 0.1 0.8
            }}
        }}
        report "weekly-{n}" {{
            from "opportunities-{n}" "out-{n}"
        }}
"#
        )
        .expect("memory");
    });
    text.push_str("}\n");
    text
}

fn reader() {
    heading("The reader on well-formed text (goal 100 MB/s)");
    for steps in [1_000, 20_000] {
        let text = workflow(steps);
        let megabytes = text.len() as f64 / 1e6;
        let ours = median_of(9, || {
            let (tree, diagnostics) = syntax::read(FileId(0), &text);
            assert!(diagnostics.is_empty() && !tree.is_empty());
        });
        let theirs = median_of(1, || assert!(kdl::KdlDocument::parse_v2(&text).is_ok()));
        let beside = format!("the `kdl` crate {:.2} MB/s: ours is {:.0} × as fast", megabytes / theirs, theirs / ours);
        line(&format!("{steps} steps, {megabytes:.2} MB"), megabytes / ours, "MB/s", &beside);
    }
}

const SIZES: [usize; 3] = [1_000, 20_000, 100_000];

fn rounds(steps: usize) -> usize {
    if steps > 20_000 { 1 } else { 5 }
}

/// Whole processes come before anything makes this one large: a child starts with its parent's high-water mark.
fn processes() {
    heading(
        "`loopctl validate`, the whole process (1,000 steps: goal 10 ms, limit 50; 100,000: goal 250 ms, limit 1 s and 250 MB)",
    );
    let folder = folder();
    for (name, text) in TEMPLATES {
        std::fs::write(folder.path().join(name), text).expect("writable");
    }
    for steps in SIZES {
        std::fs::write(folder.path().join("large.kdl"), workflow(steps)).expect("writable");
        let process = spend_often(rounds(steps), || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_loopctl"));
            command.current_dir(folder.path()).args(["validate", "large.kdl"]);
            command
        });
        let memory = format!("{:.0} MiB, {:.1} ms of processor", process.memory, process.processor * 1e3);
        let beside = if process.exit == 0 { memory } else { format!("refused with exit code {}; {memory}", process.exit) };
        line(&format!("{steps} steps"), process.wall * 1e3, "ms", &beside);
    }
}

fn calls() {
    heading("Compiling the same texts, the call alone");
    for steps in SIZES {
        let text = workflow(steps);
        let lines = text.lines().count();
        let files = MemoryFiles::new(TEMPLATES.into_iter().chain([("large.kdl", text.as_str())]));
        let call = median_of(rounds(steps), || {
            let compiled = compile(&files, "large.kdl", builtin::registry());
            if let Some(error) = compiled.diagnostics.iter().find(|found| found.is_error()) {
                panic!("the generated workflow is valid, but: {error:?}");
            }
        });
        let read = median_of(rounds(steps), || drop(syntax::read(FileId(0), &text)));
        line(&format!("{steps} steps, {lines} lines"), call * 1e3, "ms", &format!("{:.1} × reading alone", call / read));
    }
}

fn main() {
    processes();
    reader();
    calls();
}
