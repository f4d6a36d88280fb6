//! The language at sizes nobody writes by hand: the reader beside the `kdl` crate on the same text, and validation of generated
//! workflows, as a call and as a whole process.
//!
//! `cargo bench --bench language`, or only some sections: `cargo bench --bench language -- keystrokes calls`

mod common;
#[path = "common/hostile.rs"]
mod hostile;

use common::{folder, heading, line, median_of, spend_often};
use loopctl::base::files::MemoryFiles;
use loopctl::builtin;
use loopctl::compile::compile;
use loopctl::diag::render::Style;
use loopctl::diag::{FileId, Sources, render};
use loopctl::engine::Reruns;
use loopctl::runtime::{ReloadOutcome, Reloader, reload};
use loopctl::syntax;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{ChildStdin, Command, Stdio};

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

/// Keystrokes that are timed, after some that warm up.
const KEYSTROKES: usize = 200;

/// One letter typed into a workflow and taken out again, over and over: from the message of the editor to the diagnostics of the real
/// server. Each letter breaks a wire, so that there is something to tell every time.
fn keystrokes() {
    heading("`loopctl lsp`: from a keystroke to its diagnostics (20,000 lines: limit 16 ms for 95 of 100)");
    let folder = folder();
    for (name, text) in TEMPLATES {
        std::fs::write(folder.path().join(name), text).expect("writable");
    }
    for lines in [1_000, 20_000] {
        let per_loop = workflow(STEPS_PER_LOOP * 101).lines().count() - workflow(STEPS_PER_LOOP).lines().count();
        let text = workflow(lines * 100 / per_loop * STEPS_PER_LOOP);
        let mut server = Command::new(env!("CARGO_BIN_EXE_loopctl"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut to = server.stdin.take().expect("piped");
        let mut from = BufReader::new(server.stdout.take().expect("piped"));
        let uri = format!("file://{}/large.kdl", folder.path().display());
        say(&mut to, &json!({"id": 1, "method": "initialize", "params": {"capabilities": {}}}));
        hear(&mut from, |message| message["id"] == 1);
        let document = json!({"uri": uri, "languageId": "kdl", "version": 0, "text": text});
        say(&mut to, &json!({"method": "textDocument/didOpen", "params": {"textDocument": document}}));
        hear(&mut from, |message| message["params"]["version"] == 0);
        let at = text.find("from \"press-0").expect("a wire") + "from \"".len();
        let (line_number, column) = (text[..at].matches('\n').count(), at - text[..at].rfind('\n').map_or(0, |end| end + 1));
        let mut times: Vec<f64> = Vec::new();
        let mut before = 0.0;
        for stroke in 1..=KEYSTROKES + 10 {
            if stroke == 11 {
                before = processor(server.id());
            }
            let typed = stroke % 2 == 1;
            let end = if typed { column } else { column + 1 };
            let range =
                json!({"start": {"line": line_number, "character": column}, "end": {"line": line_number, "character": end}});
            let change = json!({"range": range, "text": if typed { "x" } else { "" }});
            let params = json!({"textDocument": {"uri": uri, "version": stroke}, "contentChanges": [change]});
            let start = std::time::Instant::now();
            say(&mut to, &json!({"method": "textDocument/didChange", "params": params}));
            let told = hear(&mut from, |message| message["params"]["version"] == stroke);
            times.push(start.elapsed().as_secs_f64());
            let found = told["params"]["diagnostics"].as_array().expect("a list");
            let broken = found.iter().any(|finding| finding["code"] == "loop::unknown-step");
            assert_eq!(broken, typed, "a letter breaks the wire, and without it the wire is whole");
        }
        let spent = (processor(server.id()) - before) / KEYSTROKES as f64;
        drop(to);
        server.wait().expect("it ends with its input");
        let mut times = times.split_off(10);
        times.sort_by(f64::total_cmp);
        let of_hundred = |share: usize| times[times.len() * share / 100] * 1e3;
        let (middle, slowest) = (of_hundred(50), times[times.len() - 1] * 1e3);
        let beside = format!("the middle {middle:.2} ms, the slowest {slowest:.2} ms; {:.2} ms of processor each", spent * 1e3);
        line(&format!("{} lines, {:.2} MB", text.lines().count(), text.len() as f64 / 1e6), of_hundred(95), "ms", &beside);
    }
}

/// Seconds of processor time that a running process has used in all its threads; 0 where the system does not tell.
fn processor(id: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e9
}

fn say(to: &mut ChildStdin, message: &Value) {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len()).and_then(|()| to.flush()).expect("it listens");
}

/// The next message that is meant; others are passed over.
fn hear(from: &mut impl BufRead, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let mut length = 0;
        loop {
            let mut header = String::new();
            from.read_line(&mut header).expect("it speaks");
            match header.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a number"),
                None => break,
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).expect("it speaks");
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        if is_it(&message) {
            return message;
        }
    }
}

/// After the files stand still: what a save costs until it is known what is different and what that makes run again.
fn saves() {
    heading("A save of one weight, from the files to what re-runs (1,000 steps: limit 10 ms)");
    for steps in SIZES {
        let texts = [workflow(steps), workflow(steps).replacen("weight=0.4", "weight=0.35", 1)];
        let files = texts.each_ref().map(|text| MemoryFiles::new(TEMPLATES.into_iter().chain([("large.kdl", text.as_str())])));
        let first = reload::read(&files[0], "large.kdl", builtin::registry()).definition.expect("it is valid");
        let mut reloader = Reloader::new("large.kdl", builtin::registry(), first);
        let mut turn = 0;
        let save = median_of(rounds(steps) * 2, || {
            turn += 1;
            let reloaded = reloader.reload(&files[turn % 2]);
            let ReloadOutcome::NextCycle(diff) = &reloaded.outcome else { panic!("one weight is another") };
            let before = reloaded.before.expect("something was in force");
            let reruns = Reruns::between(before.version(), reloader.current().version(), builtin::registry(), diff);
            assert_eq!(reruns.direct.len(), 1);
        });
        let read = median_of(rounds(steps), || drop(compile(&files[0], "large.kdl", builtin::registry())));
        line(&format!("{steps} steps"), save * 1e3, "ms", &format!("{:.1} × compiling alone", save / read));
    }
}

/// Findings that a person would never read to the end, in a file that nobody would write by hand.
const FINDINGS: usize = 1_000;

fn rendering() {
    heading("1,000 findings in a file of 1 MB, drawn for people (limit 50 ms)");
    // One wire of each loop is broken until there are enough, so they stand all over the file.
    let mut text = String::new();
    let mut broken = 0;
    for line in workflow(7_000).split_inclusive('\n') {
        let breaks = broken < FINDINGS && line.trim_start().starts_with("from \"opportunities-") && !line.contains(" \"out-");
        broken += usize::from(breaks);
        text.push_str(&if breaks { line.replacen("opportunities", "missing", 1) } else { line.to_owned() });
    }
    let files = MemoryFiles::new(TEMPLATES.into_iter().chain([("large.kdl", text.as_str())]));
    let compiled = compile(&files, "large.kdl", builtin::registry());
    let shown = &compiled.diagnostics[..FINDINGS];
    for (name, style) in [("plain", Style::default()), ("coloured", Style { color: true, ..Style::default() })] {
        let drawn = render(shown, &compiled.sources, &style);
        let time = median_of(9, || assert!(render(shown, &compiled.sources, &style).len() == drawn.len()));
        let beside = format!("{:.0} kB drawn from {:.2} MB", drawn.len() as f64 / 1e3, text.len() as f64 / 1e6);
        line(&format!("{FINDINGS} findings, {name}"), time * 1e3, "ms", &beside);
    }
    let table = median_of(9, || {
        let _ = Sources::default().add("large.kdl", text.as_str());
    });
    line("its line table alone", table * 1e3, "ms", "");
}

/// The worst that a file can be, to the whole program: it says what is wrong, within a second.
fn hostiles() {
    heading("`loopctl validate` on hostile files, the whole process (limit 1 s each)");
    let folder = folder();
    let files = hostile::files().into_iter().map(|(name, text)| (name, text.into_bytes())).chain(hostile::bytes());
    for (name, bytes) in files {
        std::fs::write(folder.path().join("large.kdl"), &bytes).expect("writable");
        let process = spend_often(3, || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_loopctl"));
            command.current_dir(folder.path()).args(["validate", "large.kdl"]);
            command
        });
        assert!(matches!(process.exit, 0 | 3), "{name}: it says what it finds, and ends: {}", process.exit);
        let beside = format!(
            "{:.2} MB, {:.0} MiB, {:.1} ms of processor",
            bytes.len() as f64 / 1e6,
            process.memory,
            process.processor * 1e3
        );
        line(name, process.wall * 1e3, "ms", &beside);
    }
}

fn main() {
    let sections: [(&str, fn()); 7] = [
        ("processes", processes),
        ("hostile", hostiles),
        ("keystrokes", keystrokes),
        ("rendering", rendering),
        ("reader", reader),
        ("calls", calls),
        ("saves", saves),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, section) in sections {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            section();
        }
    }
}
