//! Whole compilations: a sound workflow becomes a value, and each mistake is said once.

use super::testing::registry;
use super::{Compiled, compile, compile_with};
use crate::base::files::MemoryFiles;
use crate::base::{Money, StepId};
use crate::model::{CapUnit, GoodKind, Kinds, Scalar, Window};
use std::time::Duration;

const LOOP: &str = r#"
workflow "first-loop" {
    about "One channel, three posts a week."
    client-os "client-os"
    timezone "Europe/London"
    every "1d" at="06:00"
    recorded from="2026-06-29 06:00"
    limit { spend (usd)20 per="day"; tokens 200_000 }
    provider "drafter" kind="template"
    channel "blog" kind="files" { dir "out/blog" }
    learning {
        attribute "credit" { from "published" "site" }
        feedback "aim" { from "credit"; tune "opportunities.demand" { within 0.1 0.8 } }
        report "weekly" { from "credit" }
    }
    intelligence {
        source "press" kind="csv" { path "data/press.csv"; column "Clicks" as="volume" }
        source "site" kind="events" { path "data/events.jsonl" }
        aggregate "market" { from "press" }
    }
    strategy {
        score "opportunities" {
            keep 5
            from "market"
            rule "demand" weight=1 { value "signal.volume" }
        }
    }
    production {
        brief "briefs" { from "opportunities" }
        outline "outlines" { from "briefs"; provider "drafter"; template "templates/outline.hbs"; cap 3 per="day"; cap (usd)5 per="week" }
        gate "editor" { from "outlines"; by "content-team"; expires "72h" }
        draft "drafts" { from "editor"; provider "drafter"; cap 3 }
        gate "publisher" { from "drafts"; by "content-team" }
    }
    distribution {
        route "channels" { from "publisher"; to "blog" }
        publish "published" { from "channels" }
    }
    conversion { lead-score "fit" { from "site" } }
}
"#;

/// The loop with many more sources. With faults, every seventh of them has a mistake and every eleventh the name of another.
fn many(faults: bool) -> String {
    let source = |n: usize| {
        let name = if faults && n.is_multiple_of(11) { n / 2 } else { n };
        let kind = if faults && n.is_multiple_of(7) { "cvs" } else { "csv" };
        format!(
            "        source \"press-{name}\" kind=\"{kind}\" {{ path \"data/press.csv\"; column \"Clicks\" as=\"volume\" }}\n"
        )
    };
    let sources: String = (0..600).map(source).collect();
    LOOP.replacen("    intelligence {\n", &format!("    intelligence {{\n{sources}"), 1)
}

#[test]
fn a_large_workflow_is_the_same_whichever_half_is_read_first() {
    let registry = registry();
    for faults in [true, false] {
        let files = world(&many(faults));
        let one = compile(&files, "workflows/loop.kdl", &registry);
        let other = compile_with(&files, "workflows/loop.kdl", &registry, &|one, other| {
            other();
            one();
        });
        assert!(one.diagnostics.len() >= 100 && one.workflow.is_none() == faults, "{faults} {}", one.diagnostics.len());
        assert_eq!(one.diagnostics, other.diagnostics);
        let digest = |compiled: Compiled| compiled.workflow.map(|workflow| workflow.digest());
        assert_eq!(digest(one), digest(other));
    }
}

pub(super) fn world(text: &str) -> MemoryFiles {
    MemoryFiles::new([
        ("workflows/loop.kdl", text),
        ("workflows/data/press.csv", "Title,Clicks\n"),
        ("workflows/data/events.jsonl", "{}\n"),
        ("workflows/templates/outline.hbs", "Write an outline.\n"),
        ("workflows/client-os/pillars.kdl", "pillar \"Operations\" weight=1.0\n"),
    ])
}

pub(super) fn compiled(text: &str) -> Compiled {
    compile(&world(text), "workflows/loop.kdl", &registry())
}

/// One line a finding: code, the text it points at, message.
fn findings(text: &str) -> Vec<String> {
    let compiled = compiled(text);
    let lines = compiled.diagnostics.iter().map(|finding| {
        let place = finding.span().map_or("nowhere", |span| compiled.sources.slice(span));
        format!("{} [{place}] {}", finding.code, finding.message)
    });
    lines.collect()
}

/// The sound workflow with one piece of its text replaced.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(LOOP.contains(from), "`{from}` stands in the sound workflow");
    findings(&LOOP.replacen(from, to, 1))
}

#[test]
fn a_sound_workflow_becomes_a_value() {
    let compiled = compiled(LOOP);
    assert_eq!(compiled.diagnostics, [], "{:#?}", compiled.diagnostics);
    let workflow = compiled.workflow.expect("no errors");
    assert_eq!(workflow.folder, "workflows");
    assert_eq!(workflow.zone.iana_name(), Some("Europe/London"));
    assert_eq!(workflow.every, Some(Duration::from_secs(86_400)));
    assert_eq!(workflow.at_minute, Some(360));
    assert_eq!(workflow.recorded_from.map(|time| time.to_string()).as_deref(), Some("2026-06-29T05:00:00Z"));
    assert_eq!(workflow.concurrency, 8);
    assert_eq!(workflow.caps.len(), 2);
    assert_eq!(workflow.caps[0].unit, CapUnit::Money("usd".into()));
    assert_eq!(workflow.caps[0].most, Money::new("usd", 20.0).micros);
    assert_eq!((workflow.caps[1].most, workflow.caps[1].per), (200_000, Window::Day));
    assert_eq!(workflow.steps.len(), 15);
    assert_eq!(workflow.templates["templates/outline.hbs"], "Write an outline.\n");

    let step = |name: &str| workflow.step(&StepId::new(name)).expect("a step of the workflow");
    let source = step("press");
    assert_eq!(source.connector.as_deref(), Some("csv"));
    assert_eq!(source.config.value("most"), Some(&Scalar::Size(64 << 20)));
    assert!(source.config.flag("header"));
    let score = step("opportunities");
    let names: Vec<&str> = score.config.children.iter().map(|child| &*child.name).collect();
    assert_eq!(names, ["rule", "keep"], "children stand in the order of their specs, without `from`");
    assert_eq!(score.config.child("keep").and_then(|keep| keep.prop("above")), Some(&Scalar::Number(0.0)));
    assert_eq!(score.from[0].carries, Kinds::of(&[GoodKind::Signal]));
    let outline = step("outlines");
    assert_eq!(outline.caps.len(), 2);
    assert_eq!(outline.caps[0].key, "outlines");
    assert!(outline.files.contains_key("templates/outline.hbs"));
    assert_eq!(step("publisher").from[0].carries, Kinds::of(&[GoodKind::Draft]));
    assert_eq!(step("drafts").from[0].carries, Kinds::of(&[GoodKind::Outline]), "a gate hands on only what it was handed");
    assert_eq!(step("editor").config.child("expires").and_then(|node| node.prop("then")), Some(&Scalar::Text("reject".into())));
}

#[test]
fn two_rules_of_one_name_are_told() {
    assert_eq!(
        changed("keep 5", "keep 5\n            rule \"demand\" weight=1 { value \"1.0\" }"),
        ["loop::repeated-name [\"demand\"] two rules of `score \"opportunities\"` are named `demand`"]
    );
}

#[test]
fn the_order_of_the_file_changes_nothing_but_the_order_of_steps() {
    let moved =
        LOOP.replace("            keep 5\n            from \"market\"\n", "            from \"market\"\n            keep 5\n");
    let digest = |text: &str| compiled(text).workflow.map(|workflow| workflow.digest());
    assert!(digest(LOOP).is_some());
    assert_eq!(digest(LOOP), digest(&moved));
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let compiled = compile(&MemoryFiles::default(), "none.kdl", &registry());
    assert!(compiled.workflow.is_none());
    assert_eq!(compiled.diagnostics[0].code, "loop::unreadable-file");
}

#[test]
fn slips_are_said_once_and_read_on() {
    let cases = [
        ("score \"opp", "scoer \"opp", "loop::unknown-kind [scoer] unknown step kind `scoer`"),
        ("kind=\"csv\"", "kind=\"cvs\"", "loop::unknown-connector [\"cvs\"] `source` has no kind `cvs`"),
        ("path \"data/press", "paht \"data/press", "loop::unknown-node [paht] `source` has no setting `paht`"),
        ("weight=1", "wieght=1", "loop::unknown-property [wieght] `rule` has no property `wieght`"),
        ("from \"market\"", "from \"markt\"", "loop::unknown-step [\"markt\"] unknown step `markt`"),
        ("to \"blog\"", "to \"blgo\"", "loop::unknown-channel [\"blgo\"] unknown channel `blgo`"),
        (
            "provider \"drafter\"; template",
            "provider \"draftr\"; template",
            "loop::unknown-provider [\"draftr\"] unknown provider `draftr`",
        ),
        (
            "opportunities.demand",
            "opportunities.demnd",
            "loop::unknown-parameter [demnd] `opportunities` has no parameter `demnd` to tune",
        ),
        ("opportunities.demand", "opportunity.demand", "loop::unknown-step [opportunity] unknown step `opportunity`"),
        ("data/press.csv", "data/pres.csv", "loop::missing-file [\"data/pres.csv\"] cannot read `data/pres.csv`: no such file"),
        ("templates/outline.hbs", "outline.hbs", "loop::missing-file [\"outline.hbs\"] cannot read `outline.hbs`: no such file"),
        ("    strategy {", "    strategi {", "loop::unknown-node [strategi] `workflow` has no setting `strategi`"),
        ("\nworkflow ", "\nworkflwo ", "loop::no-workflow [workflwo] expected `workflow`, found `workflwo`"),
        ("keep 5", "keep 0", "loop::out-of-range [keep 0] `keep` takes a whole number from 1"),
    ];
    for (from, to, expected) in cases {
        assert_eq!(changed(from, to), [expected], "{to}");
    }
}

#[test]
fn wires_that_cannot_be_are_named_by_both_ends() {
    assert_eq!(
        changed(
            "score \"opportunities\" {\n            keep 5\n            from \"market\"",
            "score \"opportunities\" {\n            from \"site\""
        ),
        [
            "loop::unread-step [\"market\"] nobody reads what `aggregate \"market\"` gives",
            "loop::port-mismatch [\"site\"] `score \"opportunities\"` takes `signal`, but `source \"site\"` gives `event`"
        ]
    );
    assert_eq!(
        changed(
            "aggregate \"market\" { from \"press\" }",
            "aggregate \"market\" { from \"press\" \"more\" }; aggregate \"more\" { from \"market\" }"
        ),
        ["loop::wire-cycle [\"more\"] wires run in a circle: `market` → `more` → `market`"]
    );
    assert_eq!(
        changed("aggregate \"market\" { from \"press\" }", "aggregate \"market\" { from \"market\" \"press\" }"),
        ["loop::wire-cycle [\"market\"] wires run in a circle: `market` → `market`"]
    );
}

#[test]
fn many_mistakes_are_each_said_once_in_the_order_of_the_file() {
    let mut text = LOOP.to_owned();
    let faults = [
        ("Europe/London", "Europe/Londn", "loop::unknown-zone"),
        ("at=\"06:00\"", "at=\"6 am\"", "loop::malformed-value"),
        ("spend (usd)20", "spend 20", "loop::wrong-type"),
        ("kind=\"template\"", "kind=\"tempalte\"", "loop::unknown-connector"),
        ("report \"weekly\" { from \"credit\" }", "report \"weekly\" { from \"credti\" }", "loop::unknown-step"),
        ("as=\"volume\"", "as=\"volum\"", "loop::unknown-choice"),
        ("data/events.jsonl", "data/event.jsonl", "loop::missing-file"),
        ("weight=1", "weight=10", "loop::out-of-range"),
        ("signal.volume", "signal.volum", "loop::bad-expression"),
        ("template \"templates/outline.hbs\"", "templte \"templates/outline.hbs\"", "loop::unknown-node"),
        ("expires \"72h\"", "expires \"72h\" than=\"approve\"", "loop::unknown-property"),
        ("draft \"drafts\"", "draft \"editor\"", "loop::repeated-name"),
        ("to \"blog\"", "to \"blog\" \"blog\"", "loop::duplicate-channel"),
    ];
    for (from, to, _) in &faults {
        assert!(text.contains(from), "`{from}`");
        text = text.replacen(from, to, 1);
    }
    let compiled = compiled(&text);
    let mut found: Vec<&str> = compiled.diagnostics.iter().map(|finding| finding.code).collect();
    let places: Vec<_> = compiled.diagnostics.iter().map(|finding| finding.span()).collect();
    assert!(places.is_sorted(), "in the order of the file");
    for (_, to, code) in &faults {
        let at = found.iter().position(|found| found == code).unwrap_or_else(|| panic!("{code} for `{to}` in {found:?}"));
        found.remove(at);
    }
    // `from "drafts"` behind the renamed draft is a mistake of its own in the eyes of the compiler.
    found.retain(|code| *code != "loop::unknown-step");
    assert!(found.is_empty(), "said beyond the mistakes: {found:?}");
    assert!(compiled.workflow.is_none());
}

#[test]
fn a_recording_needs_a_pace() {
    assert_eq!(
        changed("    every \"1d\" at=\"06:00\"\n", ""),
        ["loop::missing-node [recorded from=\"2026-06-29 06:00\"] a recording needs `every`"]
    );
    assert_eq!(
        changed("every \"1d\"", "every \"0d\""),
        ["loop::out-of-range [\"0d\"] `every` takes a length of time above zero"]
    );
}

#[test]
fn a_gate_may_not_be_passed_by() {
    assert_eq!(
        changed("route \"channels\" { from \"publisher\"", "route \"channels\" { from \"drafts\""),
        [
            "loop::unread-step [\"publisher\"] nobody reads what `gate \"publisher\"` gives",
            "loop::ungated-publish [\"channels\"] `publish \"published\"` goes around `gate \"publisher\"`"
        ]
    );
    let trusting = LOOP
        .replace("        gate \"publisher\" { from \"drafts\"; by \"content-team\" }\n", "")
        .replace("from \"publisher\"", "from \"drafts\"");
    assert_eq!(findings(&trusting), [""; 0], "one gate on the way is enough");
    let blind = trusting
        .replace("        gate \"editor\" { from \"outlines\"; by \"content-team\"; expires \"72h\" }\n", "")
        .replace("from \"editor\"", "from \"outlines\"");
    let codes: Vec<String> = findings(&blind).into_iter().map(|line| line[..line.find(' ').unwrap_or(0)].to_owned()).collect();
    assert_eq!(codes, ["loop::unapproved-outline", "loop::ungated-publish"]);
}

#[test]
fn broken_text_never_panics_and_keeps_its_own_diagnostics() {
    for end in (0..LOOP.len()).step_by(7) {
        let Some(part) = LOOP.get(..end) else { continue };
        let compiled = compiled(part);
        assert!(compiled.workflow.is_none() || compiled.diagnostics.iter().all(|finding| !finding.is_error()));
    }
    for start in (0..LOOP.len()).step_by(11) {
        let Some((left, right)) = LOOP.get(..start).zip(LOOP.get(start + 1..)) else { continue };
        compiled(&format!("{left}{right}"));
    }
}

#[test]
fn a_layer_that_is_missing_on_purpose_is_not_missed() {
    const WITHOUT: &str = "    conversion { lead-score \"fit\" { from \"site\" } }\n";
    let missed = changed(WITHOUT, "");
    assert_eq!(missed, ["loop::missing-layer [workflow \"first-loop\"] layer Conversion is missing"]);
    assert!(
        compiled(&LOOP.replacen(WITHOUT, "", 1)).diagnostics[0]
            .help
            .as_ref()
            .unwrap()
            .ends_with("say so: `without \"conversion\"`")
    );
    assert_eq!(changed(WITHOUT, "    without \"conversion\"\n"), Vec::<String>::new());
    // One misspelling is said once, without its consequence.
    assert_eq!(
        changed(WITHOUT, "    without \"conversoin\"\n"),
        ["loop::unknown-choice [\"conversoin\"] `without` cannot be `conversoin`"]
    );
    assert_eq!(
        changed(WITHOUT, &format!("{WITHOUT} without \"learning\"\n")),
        ["loop::needless-without [\"learning\"] layer Learning is here, and `without` says that it is missing"]
    );
}
