//! Modules as people use them: what a use stands for, where what is said about it points, and what no module can do.

use loopctl::base::Rng;
use loopctl::base::files::{MemoryFiles, Overlay};
use loopctl::builtin;
use loopctl::compile::lock::tree_digest;
use loopctl::compile::{Compiled, compile, mending};
use loopctl::diag::Diagnostic;
use std::sync::Arc;

const RANK: &str = r#"module "acme/rank" version="1.2.0" {
    about "Ranks topics."
    step "best" {
        about "Ranks by demand."
        param "from" type="step" many=#true { about "The signals." }
        param "keep" type="integer" default=10 least=1 most=50 { about "How many go on." }
        param "above" type="share" optional=#true { about "The least score." }
        param "where" type="expression" optional=#true { about "Which topics count." }
        param "floor" type="number" default=3 { about "The volume that is worth a full score." }
        param "style" type="choice" default="calm" {
            about "How."
            one-of "calm" "lively"
        }
        score "ranked" {
            from (param)"from"
            rule "demand" weight=0.5 { value (formula)"signal.volume / {floor}" }
            rule (param)"style" weight=0.5 { value "signal.novelty" }
            where (param)"where"
            keep (param)"keep" above=(param)"above"
        }
    }
}
"#;

const CHAIN: &str = r#"module "acme/chain" version="1.0.0" {
    about "Plans."
    step "planned" {
        about "A plan that a person has seen."
        param "from" type="step" many=#true { about "The opportunities." }
        param "provider" type="provider" { about "Who writes." }
        result "editor"
        brief "brief" { from (param)"from" }
        outline "outline" { from "brief"; provider (param)"provider"; template "plan.hbs"; cap 1 per="week" }
        gate "editor" { from "outline"; by "team" }
    }
}
"#;

/// A workflow with one `use` and one step of it, on a line of its own.
fn workflow(used: &str, step: &str) -> String {
    format!(
        r#"workflow "example" phase=2 {{
    without "conversion"
    {used}
    intelligence {{
        source "demand" kind="search-console" {{ path "data/queries.csv" }}
    }}
    strategy {{
        {step}
    }}
    learning {{
        feedback "aim" {{ from "top"; tune "top.demand" {{ rate 0.2; within 0.1 0.8 }} }}
        report "weekly" {{ from "top" }}
    }}
}}
"#
    )
}

fn files(workflow: &str) -> MemoryFiles {
    MemoryFiles::new([
        ("loop.kdl", workflow),
        ("data/queries.csv", "Top queries,Clicks,Impressions,CTR,Position\na,1,2,50%,3\n"),
        ("modules/rank.kdl", RANK),
        ("parts/chain/module.kdl", CHAIN),
        ("parts/chain/plan.hbs", "# {{brief.title}}\n"),
    ])
}

fn compiled(workflow: &str) -> Compiled {
    compile(&files(workflow), "loop.kdl", builtin::registry())
}

const USE: &str = "use \"./modules/rank.kdl\"";

/// Code, place and message of everything that is said: the file, and the text there.
fn said(compiled: &Compiled) -> Vec<(String, String, String)> {
    let place = |finding: &Diagnostic| {
        let span = finding.span().expect("a place");
        (compiled.sources.get(span.file).expect("a file").name.clone(), compiled.sources.slice(span).to_owned())
    };
    let all = compiled.diagnostics.iter();
    all.map(|finding| (finding.code.to_owned(), place(finding).0, place(finding).1)).collect()
}

/// What is said about a use of `rank.best`, with the place in the workflow.
fn about(step: &str) -> Vec<(String, String)> {
    let compiled = compiled(&workflow(USE, step));
    let all = said(&compiled);
    assert!(all.iter().all(|(_, file, _)| file == "loop.kdl"), "{all:?}");
    all.into_iter().map(|(code, _, text)| (code, text)).collect()
}

fn pair(code: &str, text: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), text.to_owned())]
}

#[test]
fn a_use_is_the_built_in_steps_it_stands_for() {
    let with_module = compiled(&workflow(USE, r#"rank.best "top" { from "demand"; floor 4; where "signal.volume > 1" }"#));
    assert_eq!(said(&with_module), []);
    let by_hand = compiled(&workflow(
        "",
        r#"score "top" {
            from "demand"
            rule "demand" weight=0.5 { value "signal.volume / 4" }
            rule "calm" weight=0.5 { value "signal.novelty" }
            where "signal.volume > 1"
            keep 10
        }"#,
    ));
    assert_eq!(said(&by_hand), []);
    let (with_module, by_hand) = (with_module.workflow.expect("valid"), by_hand.workflow.expect("valid"));
    // So a team may replace one by the other and nothing runs again.
    assert_eq!(with_module.digest(), by_hand.digest());
}

#[test]
fn the_steps_inside_are_named_after_the_use_and_their_templates_lie_with_the_module() {
    let text = r#"workflow "example" phase=3 {
    without "conversion" "distribution"
    use "./parts/chain" as="plans"
    provider "drafter" kind="template"
    intelligence { source "demand" kind="search-console" { path "data/queries.csv" } }
    strategy { score "chances" { from "demand"; rule "demand" weight=1.0 { value "signal.volume" } } }
    production { plans.planned "pieces" { from "chances"; provider "drafter" } }
    learning {
        feedback "aim" { from "chances"; tune "chances.demand" { rate 0.2; within 0.1 0.8 } }
        report "weekly" { from "chances" }
    }
}
"#;
    let compiled = compiled(text);
    assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
    let workflow = compiled.workflow.expect("valid");
    let names: Vec<&str> = workflow.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(names, ["demand", "chances", "pieces:brief", "pieces:outline", "pieces", "aim", "weekly"]);
    assert_eq!(workflow.steps[4].from[0].from.as_str(), "pieces:outline");
    assert!(workflow.templates.contains_key("parts/chain/plan.hbs"));
    // What was read is what a cycle is pinned to.
    let read: Vec<&str> = compiled.sources.iter().map(|(_, file)| file.name.as_str()).collect();
    assert_eq!(read, ["loop.kdl", "parts/chain/module.kdl", "parts/chain/plan.hbs"]);
}

#[test]
fn what_is_wrong_with_a_use_is_said_where_it_is_written() {
    assert_eq!(about(r#"rank.best "top" { from "demand"; kep 3 }"#), pair("loop::unknown-node", "kep"));
    assert_eq!(about(r#"rank.best "top" { keep 3 }"#), pair("loop::missing-node", "rank.best \"top\""));
    assert_eq!(about(r#"rank.best "top" { from "demand"; keep "3" }"#), pair("loop::wrong-type", "\"3\""));
    assert_eq!(about(r#"rank.best "top" { from "demand"; keep 99 }"#), pair("loop::out-of-range", "99"));
    assert_eq!(about(r#"rank.best "top" { from "demand"; keep 3 4 }"#), pair("loop::extra-argument", "4"));
    assert_eq!(about(r#"rank.best "top" { from "demand"; keep }"#), pair("loop::missing-argument", "keep"));
    assert_eq!(about(r#"rank.best "top" { from "demand"; style "clam" }"#), pair("loop::unknown-choice", "\"clam\""));
    assert_eq!(about(r#"rank.best "top" { from "demnd" }"#), pair("loop::unknown-step", "\"demnd\""));
    assert_eq!(about(r#"rank.best "top" { from "demand"; where "signal.volum > 1" }"#), pair("loop::bad-expression", "volum"));
    assert_eq!(about(r#"rank.best "top" keep=3 { from "demand" }"#), pair("loop::unknown-property", "keep=3"));
    assert_eq!(about(r#"rank.bst "top" { from "demand" }"#), pair("loop::unknown-export", "bst"));
    assert_eq!(about(r#"rnk.best "top" { from "demand" }"#), pair("loop::unknown-module", "rnk"));
    assert_eq!(about(r#"rank.best "top" { from "demand"; keep 3; keep 4 }"#), pair("loop::repeated-node", "keep 4"));
    assert_eq!(about(r#"rank.best "to.p" { from "demand" }"#)[0], pair("loop::unusable-name", "\"to.p\"")[0]);
}

#[test]
fn several_mistakes_in_uses_are_each_said_once() {
    let step = r#"rank.best "top" { from "demnd"; where "signal.volum > 1" }
        rank.best "other" { from "top"; kep 3 }
        rank.bst "third" { from "demand" }"#;
    let codes: Vec<String> = about(step).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["loop::unknown-step", "loop::bad-expression", "loop::unknown-node", "loop::unknown-export"]);
}

#[test]
fn slips_in_a_use_are_mended_in_the_workflow() {
    let text = workflow(USE, r#"rnk.best "top" { from "demnd"; kep "3"; where "signal.volume > 1" }"#);
    let mended = mending::mended(&files(&text), "loop.kdl", builtin::registry(), |_| true);
    let (_, after) = &mended.changes["loop.kdl"];
    assert!(after.contains(r#"rank.best "top" { from "demand"; keep 3; where "signal.volume > 1" }"#), "{after}");
    assert_eq!(mended.changes.len(), 1, "no module was changed");
    assert_eq!(said(&mended.compiled), []);
}

#[test]
fn what_is_wrong_inside_a_module_points_there_and_names_the_use() {
    // A wire that cannot carry its items shows only when the module is used.
    let text = workflow(USE, r#"rank.best "top" { from "weekly" }"#);
    let compiled = compiled(&text);
    assert!(compiled.has_errors());
    assert!(said(&compiled).iter().all(|(_, file, _)| file == "loop.kdl"), "{:?}", said(&compiled));
    // A mistake of the module itself is said once, in its own file, however often it is used.
    let mut files = files(&workflow(
        USE,
        r#"rank.best "top" { from "demand" }
        rank.best "second" { from "demand" }"#,
    ));
    let broken = RANK.replace("signal.novelty", "signal.noveltee");
    files.0.insert("modules/rank.kdl".to_owned(), Arc::from(broken.as_str()));
    let compiled = compile(&files, "loop.kdl", builtin::registry());
    let expected = ("loop::bad-expression".to_owned(), "modules/rank.kdl".to_owned(), "noveltee".to_owned());
    assert_eq!(said(&compiled), [expected]);
    // A mistake elsewhere in the module does not hide it.
    let mut twice = files.clone();
    twice.0.insert("modules/rank.kdl".to_owned(), Arc::from(broken.replacen("version=\"", "version=\"about ", 1).as_str()));
    let both = compile(&twice, "modules/rank.kdl", builtin::registry());
    let codes: Vec<&str> = both.diagnostics.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["loop::malformed-value", "loop::bad-expression"], "{:?}", said(&both));
    // The same, when the module file is checked alone.
    let alone = compile(&files, "modules/rank.kdl", builtin::registry());
    assert_eq!(alone.diagnostics.len(), 1);
    assert!(alone.module.is_some() && alone.workflow.is_none());
}

#[test]
fn a_template_of_a_module_is_checked_in_its_own_file() {
    let mut files = files("");
    files.0.insert("parts/chain/plan.hbs".to_owned(), Arc::from("# {{brief.titel}}\n"));
    let compiled = compile(&files, "parts/chain/module.kdl", builtin::registry());
    let expected = ("loop::bad-template".to_owned(), "parts/chain/plan.hbs".to_owned(), "titel".to_owned());
    assert_eq!(said(&compiled), [expected]);
}

/// A module with this body of `step "x"`, checked alone.
fn alone(body: &str) -> Vec<String> {
    let text = format!(
        "module \"a/b\" version=\"1.0.0\" {{\nabout \"x\"\nstep \"x\" {{\nabout \"x\"\nparam \"from\" type=\"step\" {{ about \"x\" }}\n{body}\n}}\n}}\n"
    );
    let files = MemoryFiles::new([("module.kdl", text.as_str())]);
    compile(&files, "module.kdl", builtin::registry()).diagnostics.iter().map(|finding| finding.code.to_owned()).collect()
}

#[test]
fn a_module_reaches_nothing_but_its_own_steps_and_templates() {
    assert_eq!(alone(r#"brief "x" { from (param)"from" }"#), [] as [&str; 0]);
    for body in [
        r#"brief "x" { from (param)"from" "opportunities" }"#,
        r#"outline "x" { from (param)"from"; provider "drafter"; cap 1 per="day" }"#,
        r#"source "x" kind="csv" { path "/etc/passwd"; give "signal" }"#,
        r#"source "x" kind="folder" { folder "../.." }"#,
        r#"outline "x" { from (param)"from"; provider (param)"from"; template "../../secret.hbs"; cap 1 per="day" }"#,
        r#"outline "x" { from (param)"from"; provider (param)"from"; template "/etc/passwd"; cap 1 per="day" }"#,
        r#"feedback "x" { from (param)"from"; tune "opportunities.demand" { within 0.1 0.8 } }"#,
    ] {
        let codes = alone(body);
        assert!(codes.iter().any(|code| code == "loop::module-reaches-out"), "{body}: {codes:?}");
    }
}

#[test]
fn mistakes_of_authors_have_their_own_words() {
    for (body, code) in [
        (r#"score "x" { from (param)"form"; rule "a" weight=1.0 { value "1.0" } }"#, "loop::undeclared-parameter"),
        (r#"score "x" { from (param)"from"; rule "a" weight=1.0 { valu "1.0" } }"#, "loop::unknown-node"),
        (r#"scoer "x" { from (param)"from" }"#, "loop::unknown-node"),
        (r#"brief "x" { from (param)"from" }; brief "y" { from "x" }"#, "loop::missing-node"),
        (r#"result "z"; brief "x" { from (param)"from" }"#, "loop::unknown-step"),
        (
            r#"result "y"; brief "x" { from (param)"from" }; score "y" { from "x"; rule "a" weight=1.0 { value "1.0" } }"#,
            "loop::wrong-layer",
        ),
        (r#"param "n" type="integr" { about "x" }; brief "x" { from (param)"from"; claims (param)"n" }"#, "loop::unknown-choice"),
        (
            r#"param "n" type="integer" default="a" { about "x" }; brief "x" { from (param)"from"; claims (param)"n" }"#,
            "loop::wrong-type",
        ),
        (r#"param "n" type="choice" { about "x" }; brief "x" { from (param)"from"; claims (param)"n" }"#, "loop::missing-node"),
        (r#"param "n" { }; brief "x" { from (param)"from"; claims (param)"n" }"#, "loop::missing-node"),
        (r#"brief "x" { from (param)"from" }; brief "x" { from (param)"from" }"#, "loop::repeated-name"),
        (r#"result "b"; brief "a" { from "b" }; brief "b" { from "a" (param)"from" }"#, "loop::wire-cycle"),
        ("", "loop::missing-node"),
    ] {
        let codes = alone(body);
        assert!(codes.iter().any(|found| found == code), "{body}: {codes:?}");
    }
    // Of the wrong head the first thing is said too.
    for (text, code) in [
        ("module \"ab\" version=\"1.0.0\" { about \"x\" }", "loop::unusable-name"),
        ("module \"a/b\" version=\"1.0\" { about \"x\" }", "loop::malformed-value"),
        ("module \"a/b\" { about \"x\" }", "loop::missing-property"),
        ("module \"a/b\" version=\"1.0.0\" { }", "loop::missing-node"),
        (
            "module \"a/b\" version=\"1.0.0\" { about \"x\" }\nmodule \"a/c\" version=\"1.0.0\" { about \"x\" }",
            "loop::repeated-node",
        ),
    ] {
        let files = MemoryFiles::new([("module.kdl", text)]);
        let found = compile(&files, "module.kdl", builtin::registry());
        assert!(found.diagnostics.iter().any(|finding| finding.code == code), "{text}: {:?}", said(&found));
    }
}

/// `acme/rank` fetched into `folder`, and locked.
fn locked(folder: &str, version: &str) -> MemoryFiles {
    let digest = tree_digest(&[("module.kdl", RANK.as_bytes()), ("notes.md", b"# Notes\n")]);
    let lock = format!(
        "lock 1\nmodule \"acme/rank\" version=\"{version}\" sha256=\"{digest}\" {{\n    wanted \"^1\"\n    source \"path\" dir=\"../rank\"\n}}\n"
    );
    let folder = folder.replace("DIGEST", &digest);
    let mut files = files(&workflow("use \"acme/rank@1\"", r#"rank.best "top" { from "demand" }"#));
    files.0.remove("modules/rank.kdl");
    for (path, text) in [
        ("loop.lock".to_owned(), lock.as_str()),
        (format!("{folder}/module.kdl"), RANK),
        (format!("{folder}/notes.md"), "# Notes\n"),
    ] {
        files.0.insert(path, Arc::from(text));
    }
    files
}

fn codes(files: &MemoryFiles) -> Vec<&'static str> {
    compile(files, "loop.kdl", builtin::registry()).diagnostics.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_locked_module_is_used_only_with_the_files_that_were_locked() {
    for folder in ["vendor/acme/rank", "@modules/DIGEST"] {
        let mut files = locked(folder, "1.2.0");
        assert_eq!(codes(&files), [] as [&str; 0], "{folder}");
        let notes = files.0.keys().find(|path| path.ends_with("notes.md")).expect("a file").clone();
        files.0.insert(notes.clone(), Arc::from("# Other notes\n"));
        assert_eq!(codes(&files), ["loop::module-changed"], "{folder}");
        files.0.remove(&notes);
        assert_eq!(codes(&files), ["loop::module-changed"], "{folder}");
        let place = notes.replace("notes.md", "module.kdl");
        files.0.remove(&place);
        assert_eq!(codes(&files), ["loop::module-unavailable"], "{folder}");
    }
    let mut files = locked("vendor/acme/rank", "1.2.0");
    files.0.remove("loop.lock");
    assert_eq!(codes(&files), ["loop::unlocked-module"], "vendored and not locked is a warning");
    assert!(compile(&files, "loop.kdl", builtin::registry()).workflow.is_some());
    files.0.remove("vendor/acme/rank/module.kdl");
    assert_eq!(codes(&files), ["loop::unlocked-module"]);
    assert_eq!(codes(&locked("vendor/acme/rank", "2.0.0")), ["loop::module-version"]);
    // The project's own copy goes first and answers to nobody.
    let mut files = locked("vendor/acme/rank", "1.2.0");
    files.0.insert("modules/acme/rank/module.kdl".to_owned(), Arc::from(RANK.replace("default=10", "default=4").as_str()));
    assert_eq!(codes(&files), [] as [&str; 0]);
}

#[test]
fn an_open_cycle_goes_on_with_the_module_it_began_with() {
    for folder in ["vendor/acme/rank", "@modules/DIGEST"] {
        let files = locked(folder, "1.2.0");
        let began = compile(&files, "loop.kdl", builtin::registry());
        let texts = began.sources.iter().map(|(_, file)| (file.name.clone(), file.text.clone())).collect();
        // Since then everything of the module is gone.
        let behind = MemoryFiles::new([("data/queries.csv", "Top queries\na\n")]);
        let pinned = Overlay { front: MemoryFiles(texts), behind: &behind };
        let later = compile(&pinned, "loop.kdl", builtin::registry());
        assert_eq!(said(&later), [], "{folder}");
        assert_eq!(later.workflow.map(|workflow| workflow.digest()), began.workflow.map(|workflow| workflow.digest()));
    }
}

#[test]
fn modules_may_be_made_of_modules_and_never_of_themselves() {
    let wrapper = |used: &str, verb: &str| {
        format!(
            "module \"a/wrap\" version=\"1.0.0\" {{\nabout \"x\"\nuse \"{used}\" as=\"inner\"\nstep \"few\" {{\nabout \"x\"\nparam \"from\" type=\"step\" many=#true {{ about \"x\" }}\nparam \"keep\" type=\"integer\" default=2 {{ about \"x\" }}\n{verb} \"inside\" {{ from (param)\"from\"; keep (param)\"keep\" }}\n}}\n}}\n"
        )
    };
    let text = workflow("use \"./wrap/module.kdl\"", r#"wrap.few "top" { from "demand" }"#);
    let mut files = files(&text);
    files.0.insert("wrap/module.kdl".to_owned(), Arc::from(wrapper("./rank.kdl", "inner.best").as_str()));
    files.0.insert("wrap/rank.kdl".to_owned(), Arc::from(RANK));
    let compiled = compile(&files, "loop.kdl", builtin::registry());
    assert_eq!(said(&compiled), []);
    let top = compiled.workflow.expect("valid").steps[1].clone();
    assert_eq!((top.id.as_str(), top.config.integer("keep")), ("top", Some(2)));
    // Two modules that use each other.
    files.0.insert("wrap/rank.kdl".to_owned(), Arc::from(wrapper("./module.kdl", "inner.few").as_str()));
    let compiled = compile(&files, "loop.kdl", builtin::registry());
    let circle = &compiled.diagnostics.iter().find(|finding| finding.code == "loop::recursive-module").expect("said").message;
    assert!(circle.contains("`wrap/module.kdl` → `wrap/rank.kdl` → `wrap/module.kdl`"), "{circle}");
    assert!(compiled.workflow.is_none());
    // Out of its folder, and to what nobody has locked.
    for (used, code) in [("../modules/rank.kdl", "loop::module-reaches-out"), ("acme/rank", "loop::unlocked-module")] {
        files.0.insert("wrap/module.kdl".to_owned(), Arc::from(wrapper(used, "inner.best").as_str()));
        assert!(codes(&files).contains(&code), "{used}: {:?}", codes(&files));
    }
}

#[test]
fn modules_that_multiply_are_stopped() {
    // Each file uses the next one twenty times: 20^7 steps.
    let mut files = files(&workflow("use \"./bomb/0.kdl\" as=\"bomb\"", r#"bomb.x "top" { from "demand" }"#));
    let file = |number: usize| {
        let (used, verb) = match number {
            6 => (String::new(), "score".to_owned()),
            _ => (format!("use \"./{}.kdl\" as=\"next\"\n", number + 1), "next.x".to_owned()),
        };
        let rule = if number == 6 { "; rule \"a\" weight=1.0 { value \"1.0\" }" } else { "" };
        let steps: String = (0..20).map(|at| format!("{verb} \"s{at}\" {{ from (param)\"from\"{rule} }}\n")).collect();
        format!(
            "module \"a/b\" version=\"1.0.0\" {{\nabout \"x\"\n{used}step \"x\" {{\nabout \"x\"\nresult \"s0\"\nparam \"from\" type=\"step\" {{ about \"x\" }}\n{steps}}}\n}}\n"
        )
    };
    for number in 0..=6 {
        files.0.insert(format!("bomb/{number}.kdl"), Arc::from(file(number).as_str()));
    }
    let compiled = compile(&files, "loop.kdl", builtin::registry());
    assert!(compiled.diagnostics.iter().any(|finding| finding.code == "loop::recursive-module"), "{:?}", codes(&files));
}

#[test]
fn any_damage_to_a_module_or_its_use_ends_in_places_inside_the_texts() {
    let mut rng = Rng::new(17);
    let workflow = workflow(USE, r#"rank.best "top" { from "demand"; floor 4; where "signal.volume > 1"; style "calm" }"#);
    let pieces =
        ["\"", "{", "}", "(param)", "(each)", "(text)", "\n", ";", "/-", "=", "#true", "é", " ", "x", "\\", "9", ".", "/*"];
    for round in 0..400 {
        let mut texts = [workflow.clone(), RANK.to_owned()];
        for _ in 0..1 + rng.below(3) {
            let text = &mut texts[rng.below(2) as usize];
            let mut at = rng.below(text.len() as u64) as usize;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if rng.below(2) == 0 {
                text.insert_str(at, pieces[rng.below(pieces.len() as u64) as usize]);
            } else {
                let mut end = (at + 1 + rng.below(12) as usize).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                text.replace_range(at..end, "");
            }
        }
        let mut files = files(&texts[0]);
        files.0.insert("modules/rank.kdl".to_owned(), Arc::from(texts[1].as_str()));
        for path in ["loop.kdl", "modules/rank.kdl"] {
            let compiled = compile(&files, path, builtin::registry());
            for finding in &compiled.diagnostics {
                for span in finding.labels.iter().map(|label| label.span).chain(finding.fix.iter().map(|fix| fix.span)) {
                    let file = compiled.sources.get(span.file);
                    let inside = file.is_some_and(|file| file.text.get(span.range()).is_some());
                    assert!(inside, "round {round}: {} {span:?}\n{}\n{}", finding.message, texts[0], texts[1]);
                }
            }
        }
    }
}
