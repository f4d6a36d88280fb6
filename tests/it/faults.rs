//! Seeded faults: n independent mistakes in a real workflow give n findings, each at its place, and at most a tenth more.
//!
//! A mistake that hides another, or that is told a second time as its own consequence, costs a person a round. Here up to a dozen of the
//! mistakes people make are put into both bundled workflows at once, chosen by chance.

use loopctl::base::files::{Files, MemoryFiles, Overlay};
use loopctl::builtin;
use loopctl::compile::{Compiled, compile};
use loopctl::world::DiskFiles;
use std::path::Path;
use std::sync::Arc;

/// What is written, what somebody wrote instead, and what is said about it. Each stands in both workflows, in a place of its own.
const FAULTS: &[(&str, &str, &str)] = &[
    ("    about \"", "    about: \"", "kdl::colon-value"),
    ("timezone \"Europe/London\"", "timezone \"Europe/Londn\"", "loop::unknown-zone"),
    ("every \"7d\"", "every \"7 days\"", "loop::malformed-value"),
    ("recorded from=", "recorded form=", "loop::unknown-property"),
    ("provider \"drafter\" kind=\"template\"", "provider \"drafter\" kind=\"templat\"", "loop::unknown-connector"),
    ("channel \"blog\" kind=\"files\" { dir ", "channel \"blog\" kind=\"files\" { dri ", "loop::unknown-node"),
    ("folder \"first-loop/data/feeds\"", "folder \"first-loop/data/feed\"", "loop::missing-file"),
    ("path \"first-loop/data/demand.csv\"", "path \"first-loop/data/demnad.csv\"", "loop::missing-file"),
    ("give \"signal\"", "give \"signals\"", "loop::unknown-choice"),
    ("wide total=\"_total\" as=\"topic\"", "wide total=\"_total\" as=\"topic\" as=\"topic\"", "loop::repeated-property"),
    ("look-back \"14d\"", "look_back \"14d\"", "loop::unknown-node"),
    ("emerging within=\"90d\"", "emerging within=90", "loop::wrong-type"),
    ("keep 10 above=0.4", "keep above=0.4", "loop::missing-argument"),
    ("half-life \"10d\"", "half-life \"10d\"\n            half-life \"11d\"", "loop::repeated-node"),
    ("where \"pillar.weight > 0.0\"", "where \"pillar.wieght > 0.0\"", "loop::bad-expression"),
    ("rule \"growth\" weight=0.2", "rule \"growth\" weight=\"0.2\"", "loop::wrong-type"),
    ("percentile(signal.growth)", "percentile(signal.grwth)", "loop::bad-expression"),
    ("backtest horizon=\"30d\"", "backtest horizon=\"30d\" now", "loop::extra-argument"),
    ("brief \"briefs\"", "breif \"briefs\"", "loop::unknown-kind"),
    ("cap 3 per=\"week\"", "cap 0 per=\"week\"", "loop::out-of-range"),
    ("check \"forbidden\" \"grounding\"", "check \"forbiden\" \"grounding\"", "loop::unknown-choice"),
    ("publish \"out\" { from \"channels\" }", "publish \"out\" { from \"chanels\" }", "loop::unknown-step"),
    ("within 0.05 0.6", "within 0.6 0.05", "loop::out-of-range"),
    (
        "report \"weekly\" {\n            from \"opportunities\"",
        "report \"weekly\" {\n            from \"opportunites\"",
        "loop::unknown-step",
    ),
];

/// Words that are near to nothing, in places where much hangs on them: one finding each, though names, layers and settings are missing then.
const STRANGE: &[(&str, &str, &str)] = &[
    ("workflow \"", "growth \"", "loop::no-workflow"),
    ("    client-os \"", "    brand-folder \"", "loop::unknown-node"),
    ("    every \"7d\"", "    rhythm \"7d\"", "loop::unknown-node"),
    ("    provider \"drafter\"", "    machine \"drafter\"", "loop::unknown-node"),
    ("    channel \"blog\"", "    outlet \"blog\"", "loop::unknown-node"),
    ("    production {", "    writing {", "loop::unknown-node"),
    ("    distribution {", "    outreach {", "loop::unknown-node"),
    ("    learning {", "    wisdom {", "loop::unknown-node"),
    ("from \"briefs\"", "input \"briefs\"", "loop::unknown-node"),
    ("from \"press\"", "input \"press\"", "loop::unknown-node"),
    ("            provider \"drafter\"", "            machine \"drafter\"", "loop::unknown-node"),
    ("brief \"briefs\"", "memo \"briefs\"", "loop::unknown-kind"),
    ("cap 3 per=\"week\"", "cap 3 per=\"week\"\n            cap 2 per=\"week\"", "loop::repeated-node"),
    ("weight=0.2", "weight=\"20%\"", "loop::wrong-type"),
];

const WORKFLOWS: [&str; 2] = ["first-loop.kdl", "b2b-growth.kdl"];

fn disk() -> DiskFiles {
    DiskFiles::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows"))
}

fn compiled(name: &str, text: &str) -> Compiled {
    let files = disk();
    compile(&Overlay { front: MemoryFiles::new([(name, text)]), behind: &files }, name, builtin::registry())
}

/// The text with these faults in it, and where each of them is.
fn spoiled(text: &str, faults: &[usize]) -> (String, Vec<(usize, usize, usize)>) {
    let mut places: Vec<(usize, usize)> = faults
        .iter()
        .map(|fault| {
            (text.find(FAULTS[*fault].0).unwrap_or_else(|| panic!("`{}` stands in the workflow", FAULTS[*fault].0)), *fault)
        })
        .collect();
    places.sort_unstable();
    let (mut out, mut copied, mut found) = (String::new(), 0, Vec::new());
    for (at, fault) in places {
        let (right, wrong, _) = FAULTS[fault];
        out.push_str(&text[copied..at]);
        found.push((out.len(), out.len() + wrong.len(), fault));
        out.push_str(wrong);
        copied = at + right.len();
    }
    out.push_str(&text[copied..]);
    (out, found)
}

/// The faults that nothing was said about, and everything that was said besides.
fn judged(name: &str, text: &str, faults: &[usize]) -> (Vec<String>, Vec<String>) {
    let (text, places) = spoiled(text, faults);
    let compiled = compiled(name, &text);
    let mut extra: Vec<_> = compiled.diagnostics.iter().collect();
    let mut silent = Vec::new();
    for (start, end, fault) in places {
        let said = extra.iter().position(|finding| {
            let at = finding.span().map_or(usize::MAX, |span| span.start as usize);
            finding.code == FAULTS[fault].2 && (start..=end).contains(&at)
        });
        match said {
            Some(said) => drop(extra.remove(said)),
            None => silent.push(format!("{} {}", FAULTS[fault].1, FAULTS[fault].2)),
        }
    }
    let told = |finding: &&loopctl::diag::Diagnostic| {
        let place = finding.span().map(|span| compiled.sources.slice(span).to_owned()).unwrap_or_default();
        format!("{} at `{place}`: {}", finding.code, finding.message)
    };
    (silent, extra.iter().map(told).collect())
}

fn texts() -> Vec<(&'static str, Arc<str>)> {
    WORKFLOWS.into_iter().map(|name| (name, disk().text(name).expect("bundled"))).collect()
}

#[test]
fn each_fault_alone_is_said_once_where_it_stands() {
    for (name, text) in texts() {
        assert_eq!(compiled(name, &text).diagnostics, [], "{name} is sound");
        for (at, fault) in FAULTS.iter().enumerate() {
            let (silent, extra) = judged(name, &text, &[at]);
            assert!(silent.is_empty() && extra.is_empty(), "{name}: {}: silent {silent:?}, extra {extra:#?}", fault.1);
        }
    }
}

#[test]
fn a_word_nobody_knows_is_one_finding_whatever_hangs_on_it() {
    for (name, text) in texts() {
        for (right, wrong, code) in STRANGE {
            assert!(text.contains(right), "{name} holds `{right}`");
            let found = compiled(name, &text.replacen(right, wrong, 1)).diagnostics;
            let told: Vec<_> = found.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
            assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [*code], "{name}: {wrong}: {told:#?}");
            assert!(found[0].help.is_some(), "{name}: {wrong}: no way out");
        }
        let found = compiled(name, &format!("{text}}}}} }}\n")).diagnostics;
        assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["kdl::stray-brace"], "{name}");
    }
}

/// The same in module files and in workflows that use modules.
const STRANGE_IN_MODULES: &[(&str, &str, &str, &str)] = &[
    ("learning/weekly/module.kdl", "    about \"", "    story \"", "loop::unknown-node"),
    ("learning/weekly/module.kdl", "        report \"", "        rport \"", "loop::unknown-node"),
    ("learning/weekly/module.kdl", "        report \"", "        gazette \"", "loop::unknown-node"),
    ("learning/trial/module.kdl", "        result \"", "        outcome \"", "loop::unknown-node"),
    ("intelligence/press/module.kdl", "        about \"", "        abuot \"", "loop::unknown-node"),
    ("intelligence/press/example.kdl", "    intelligence {", "    intellience {", "loop::unknown-node"),
    ("intelligence/press/example.kdl", "    intelligence {", "    listening {", "loop::unknown-node"),
    ("intelligence/press/example.kdl", "from \"", "input \"", "loop::unknown-node"),
];

#[test]
fn a_word_nobody_knows_is_one_finding_in_modules_and_their_uses_too() {
    let files = DiskFiles::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib"));
    for (name, right, wrong, code) in STRANGE_IN_MODULES {
        let text = files.text(name).expect("a built-in module");
        assert!(text.contains(right), "{name} holds `{right}`");
        let front = MemoryFiles::new([(*name, &*text.replacen(right, wrong, 1))]);
        let found = compile(&Overlay { front, behind: &files }, name, builtin::registry()).diagnostics;
        let told: Vec<_> = found.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [*code], "{name}: {wrong}: {told:#?}");
    }
}

#[test]
fn all_faults_at_once_are_each_said_with_at_most_a_tenth_more() {
    for (name, text) in texts() {
        let all: Vec<usize> = (0..FAULTS.len()).collect();
        let (silent, extra) = judged(name, &text, &all);
        assert!(silent.is_empty() && extra.len() * 10 <= all.len(), "{name}: silent {silent:#?}, extra {extra:#?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn some_faults_at_once_are_each_said_with_at_most_a_tenth_more(
        picks in proptest::collection::btree_set(0..FAULTS.len(), 2..14),
    ) {
        let faults: Vec<usize> = picks.into_iter().collect();
        for (name, text) in texts() {
            let (silent, extra) = judged(name, &text, &faults);
            proptest::prop_assert!(silent.is_empty(), "{}: nothing is said about {:#?}", name, silent);
            proptest::prop_assert!(extra.len() * 10 <= faults.len(), "{}: {:?} also gives {:#?}", name, faults, extra);
        }
    }
}
