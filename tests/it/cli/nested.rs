//! Modules that are made of modules of others: added, locked, updated and removed with all that they need.

use super::packages::voice;
use super::place::{FIRST, Place, Ran, list, text};
use std::fs;
use std::process::Command;

const LOCK: &str = "workflows/loop.lock";

/// A module that keeps the two best by `acme/words`.
fn made_of_words(name: &str, version: &str, wanted: &str, from: &str) -> String {
    format!(
        r##"module "acme/{name}" version="{version}" {{
    about "The best words."
    use "acme/words@{wanted}"{from}
    step "few" {{
        about "Keeps two."
        param "from" type="step" many=#true {{ about "The signals." }}
        words.best "inner" {{ from (param)"from"; keep 2 }}
    }}
}}
"##
    )
}

fn words(version: &str) -> String {
    voice(version).replace("acme/voice", "acme/words")
}

/// The bundled workflows, and `modules/voice` which is made of `modules/words`.
fn place() -> Place {
    let place = Place::new();
    place.write("modules/words/module.kdl", words("1.0.0"));
    place.write("modules/voice/module.kdl", made_of_words("voice", "1.0.0", "^1", " from=\"../words\""));
    place
}

fn add(place: &Place, source: &str) -> Ran {
    place.run(&format!("add {source} --workflow {FIRST}"))
}

fn use_it(place: &Place) {
    let from = "    strategy {\n";
    place.edit(FIRST, from, &format!("{from}        voice.few \"second\" {{ from \"market\" }}\n"));
}

#[test]
fn what_a_module_is_made_of_comes_with_it_and_goes_with_it() {
    let place = place();
    let before = place.read(FIRST);
    add(&place, "./modules/voice").exit(0).says("It is made of `acme/words` 1.0.0");
    let lock = place.read(LOCK);
    assert!(lock.contains("needs \"acme/words\" \"^1\"") && lock.contains("module \"acme/words\" version=\"1.0.0\""), "{lock}");
    use_it(&place);
    place.run(&format!("validate {FIRST}")).exit(0);
    let plan = place.run(&format!("plan {FIRST} --json")).exit(0).json();
    assert!(list(&plan["plan"]["steps"]).iter().any(|step| step["step"] == "second"), "{plan}");
    // A machine that has the lock alone fetches both; a folder beside the workflow holds both.
    fs::remove_dir_all(place.path(".cache")).expect("it is there");
    place.run(&format!("validate {FIRST}")).exit(3);
    let facts = place.run("update --locked --json").exit(0).json();
    assert_eq!(list(&facts["modules"]).len(), 2);
    place.run("vendor").exit(0).says("holds 2 modules");
    fs::remove_dir_all(place.path(".cache")).expect("it is there");
    place.run(&format!("validate {FIRST}")).exit(0);
    // What was changed in the inner one is noticed as in the outer one.
    place.edit("workflows/vendor/acme/words/module.kdl", "their volume", "its volume");
    place.run(&format!("validate {FIRST}")).exit(3).warns("loop::module-changed").warns("acme/words");
    place.run("vendor --force").exit(0);
    place.edit(FIRST, "        voice.few \"second\" { from \"market\" }\n", "");
    place.run("remove voice").exit(0).says("`acme/words` is not locked any more either");
    assert!(!place.read(LOCK).contains("module \"") && place.files("workflows/vendor").is_empty());
    assert_eq!(place.read(FIRST).replace("\n\n\n", "\n\n"), before.replace("\n\n\n", "\n\n"));
}

#[test]
fn a_part_that_the_workflow_uses_itself_stays_and_comes_from_where_it_was_added() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    place.write("fork/module.kdl", words("1.4.0"));
    add(&place, "./fork").exit(0).says("1.4.0");
    // The workflow's own choice counts for everybody, also after an update.
    place.run("update").exit(0);
    assert!(place.read(LOCK).contains("dir=\"../fork\"") && !place.read(LOCK).contains("dir=\"../modules/words\""));
    place.run("remove words").exit(0).says("stays locked, because `acme/voice` is made of it");
    place.run("update").exit(0);
    assert!(place.read(LOCK).contains("module \"acme/words\""), "{}", place.read(LOCK));
}

#[test]
fn one_version_suits_everybody_or_the_ranges_are_told() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    let lock = place.read(LOCK);
    place.write("modules/tone/module.kdl", made_of_words("tone", "2.0.0", "^2", " from=\"../words\""));
    add(&place, "./modules/tone")
        .fails(2, "packages::conflict")
        .warns("no version of `acme/words` suits everybody")
        .warns("`acme/tone` 2.0.0 wants ^2")
        .warns("`acme/voice` 1.0.0 wants ^1");
    assert_eq!(place.read(LOCK), lock, "nothing was changed");
    // A lock that somebody has edited so is told where it matters.
    place.write("modules/tone/module.kdl", made_of_words("tone", "2.0.0", ">=1", " from=\"../elsewhere\""));
    place.write("modules/elsewhere/module.kdl", words("1.0.0"));
    place.run("update").exit(0);
    add(&place, "./modules/tone").exit(0);
    fs::remove_file(place.path(LOCK)).expect("it is there");
    let workflow = place.read(FIRST);
    let without: String = workflow.lines().filter(|line| !line.contains("use \"acme/")).map(|line| format!("{line}\n")).collect();
    place.write(FIRST, without);
    place.write(
        "modules/both/module.kdl",
        made_of_words("both", "1.0.0", "^1", " from=\"../words\"")
            .replace("    step", "    use \"acme/tone@^2\" from=\"../tone\"\n    step"),
    );
    add(&place, "./modules/both").fails(2, "packages::conflict").warns("would come from two places").warns("modules/elsewhere");
}

#[test]
fn modules_of_each_other_and_from_nowhere_are_refused() {
    let place = place();
    place.write(
        "modules/words/module.kdl",
        made_of_words("words", "1.0.0", "^1", "")
            .replace("use \"acme/words@^1\"", "use \"acme/voice@^1\" as=\"words\" from=\"../voice\""),
    );
    add(&place, "./modules/voice").fails(2, "loop::recursive-module").warns("`acme/voice` → `acme/words` → `acme/voice`");
    place.write("modules/voice/module.kdl", made_of_words("voice", "1.0.0", "^1", ""));
    add(&place, "./modules/voice").fails(2, "packages::bad-source").warns("does not say where that comes from");
    place.write("modules/words/module.kdl", words("1.0.0"));
    add(&place, "./modules/words").exit(0);
    add(&place, "./modules/voice").exit(0);
    // What is wrong inside is found before it is let in.
    place.write("modules/tone/module.kdl", made_of_words("tone", "1.0.0", "^1", "").replace("words.best", "words.bset"));
    add(&place, "./modules/tone").fails(2, "packages::no-module").warns("has no step `bset`");
    assert!(!place.read(LOCK).contains("acme/tone"));
}

#[test]
fn an_author_adds_to_a_module_and_checks_it_alone() {
    let place = place();
    place.write("modules/voice/module.kdl", made_of_words("voice", "1.0.0", "^1", "").replace("    use \"acme/words@^1\"\n", ""));
    let module = "modules/voice/module.kdl";
    place.run(&format!("validate {module}")).exit(3).warns("loop::unknown-module");
    place.run(&format!("add ./modules/words --workflow {module}")).exit(0);
    assert!(place.read(module).contains("use \"acme/words@^1.0\" from=\"../words\""), "{}", place.read(module));
    place.run(&format!("validate {module}")).exit(0);
    place.run(&format!("fmt --check {module}")).exit(0);
    add(&place, "./modules/voice").exit(0);
    use_it(&place);
    place.run(&format!("validate {FIRST}")).exit(0);
    // `from` where it means nothing is a mistake that can be mended.
    place.edit(module, "    step", "    use \"std/rivals@1\" from=\"../x\"\n    step");
    place.run(&format!("validate {module}")).exit(3).warns("it is built in");
    place.run(&format!("validate {module} --fix")).exit(0);
    assert!(!place.read(module).contains("../x"), "{}", place.read(module));
}

#[test]
fn repositories_lead_to_each_other() {
    let place = Place::new();
    if Command::new("git").arg("--version").output().is_err() {
        return crate::skip::skipped(std::path::Path::new("git"));
    }
    let git = |folder: &str, command: &str| {
        let output = Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
            .args(command.split_whitespace())
            .current_dir(place.path(folder))
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {command}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let release = |folder: &str, version: &str, module: String| {
        place.write(&format!("{folder}/module.kdl"), module);
        git(folder, "init --quiet --initial-branch=main");
        git(folder, "add -A");
        git(folder, &format!("commit --quiet -m {version}"));
        git(folder, &format!("tag v{version}"));
    };
    release("one", "1.0.0", words("1.0.0"));
    release("one", "1.1.0", words("1.1.0"));
    release("one", "2.0.0", words("2.0.0"));
    let url = |folder: &str| format!("file://{}", place.path(folder).display());
    release("two", "1.0.0", made_of_words("voice", "1.0.0", "^1", &format!(" from=\"{}\"", url("one"))));
    let facts = place.run(&format!("add {}@^1 --workflow {FIRST} --json", url("two"))).exit(0).json();
    assert_eq!(text(&list(&facts["added"]["made_of"])[0]["version"]), "1.1.0", "{facts}");
    release("one", "1.2.0", words("1.2.0").replace("10 {", "11 {"));
    place.run("update --dry-run").exit(0).says("1.1.0 → 1.2.0");
    place.run("update acme/voice").exit(0).says("Nothing to update.");
    place.run("update acme/words").exit(0).says("1.1.0 → 1.2.0");
    // The next release is made of another major version, and the lock follows.
    release("two", "1.1.0", made_of_words("voice", "1.1.0", "^2", &format!(" from=\"{}\"", url("one"))));
    place.run("update").exit(0).says("1.0.0 → 1.1.0").says("1.2.0 → 2.0.0");
    // And the one after it is made of nothing.
    release("two", "1.2.0", voice("1.2.0"));
    place.run("update").exit(0).says("is not needed any more");
    assert!(!place.read(LOCK).contains("acme/words"));
}
