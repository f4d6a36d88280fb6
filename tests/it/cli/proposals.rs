//! Every kind of proposal, through the program: what people do at the gates and what readers do afterwards lead a report to it, a
//! person decides, a file changes, the next cycle reads it, and a later report says whether it helped.
//!
//! One long story, because every cycle costs a second: five weeks of editors with habits, then three weeks with what they wrote down.

use super::place::{FIRST, Place, list, text};
use serde_json::Value;
use std::fmt::Write as _;

const OS: &str = "workflows/first-loop/client-os";

/// `first-loop` with a second gate and a log of what readers did.
fn story() -> Place {
    let place = Place::new();
    place.edit(
        FIRST,
        "        // The composer says",
        "        gate \"publisher\" { from \"drafts\"; by \"content-team\" }\n        // The composer says",
    );
    place.edit(FIRST, "from \"drafts\"; to \"blog\"", "from \"publisher\"; to \"blog\"");
    place.edit(
        FIRST,
        "        watch \"rivals\" {",
        "        source \"site\" kind=\"events\" { path \"first-loop/data/site.jsonl\" }\n        watch \"rivals\" {",
    );
    place.edit(
        FIRST,
        "from \"opportunities\" \"out\" \"editor\"\n",
        "from \"opportunities\" \"out\" \"editor\" \"publisher\" \"site\"\n",
    );
    place.edit(FIRST, "cap 3 per=\"week\"", "cap 5 per=\"week\"");
    place.edit(&format!("{OS}/strategy.kdl"), "people finish\" target=12", "people finish\" target=60");
    place.write("workflows/first-loop/data/site.jsonl", "");
    place
}

/// One week: outlines and drafts are decided, and readers do what they do.
fn week(place: &Place, week: usize) {
    place.run(&format!("run {FIRST}"));
    let mut turned_down = false;
    for _ in 0..4 {
        let waiting = place.waiting(FIRST);
        if waiting.is_empty() {
            break;
        }
        for item in waiting {
            let (id, written) = (text(&item["id"]), text(&item["approve"]["text"]));
            if text(&item["key"]["task"]["step"]) == "editor" {
                if week < 5 && !turned_down {
                    turned_down = true;
                    let words = [
                        "gate",
                        "reject",
                        FIRST,
                        &id,
                        "--reason",
                        "This is for enterprise buyers, not our readers",
                        "--as",
                        "Ada",
                    ];
                    assert!(place.command("").args(words).status().expect("loopctl runs").success());
                } else {
                    place.run(&format!("gate approve {FIRST} {id} --as Ada")).exit(0);
                }
            } else if week >= 5 || written.starts_with("# Tigris") {
                place.run(&format!("gate approve {FIRST} {id} --as Ada")).exit(0);
            } else {
                place.run_with_input(&format!("gate edit {FIRST} {id} --file - --as Ada"), &edited(&written, week)).exit(0);
            }
        }
        place.run(&format!("run {FIRST}"));
    }
    readers(place);
}

/// The editors' habits: one phrase goes, the last section goes, and at first they said what a locked decision forbids.
fn edited(written: &str, week: usize) -> String {
    let text = written.replace("Keep to our territory: ", "");
    let from = text.find("## What to do").unwrap_or(text.len());
    let to = text.find("## Sources").unwrap_or(text.len());
    let more = if week == 0 { "This is better than guessing.\n\n" } else { "" };
    format!("{}{more}{}", &text[..from], &text[to.max(from)..])
}

/// Pieces about data bring six leads each, others one.
fn readers(place: &Place) {
    let mut log = String::new();
    for post in place.files("workflows/first-loop/out/blog").values() {
        let word = |name: &str| {
            post.lines().find_map(|line| line.strip_prefix(name)).map(|word| word.trim_matches(['"', ' ']).to_owned())
        };
        let (key, date) = (word("key:").expect("a post has a key"), word("date:").expect("and a date"));
        let count = if word("pillar:").as_deref() == Some("Data") { 6 } else { 1 };
        for reader in 0..count {
            let at = date.replace(":00:00Z", &format!(":3{reader}:00Z"));
            let _ = writeln!(log, r#"{{"at":"{at}","who":"{key}-{reader}","name":"qualified","piece":"{key}"}}"#);
        }
    }
    place.write("workflows/first-loop/data/site.jsonl", log);
}

fn proposals(place: &Place) -> Vec<Value> {
    list(&place.run(&format!("os review list {FIRST} --json")).json()["proposals"])
}

#[test]
fn every_kind_of_proposal_comes_from_what_happened_is_decided_and_is_judged_later() {
    let place = story();
    (0..5).for_each(|at| week(&place, at));
    let all = proposals(&place);
    let key = |proposal: &Value| text(&proposal["amendment"]["key"]);
    let keys: Vec<String> = all.iter().map(key).collect();
    let find = |begins: &str| {
        let found = all.iter().find(|proposal| key(proposal).starts_with(begins));
        text(&found.unwrap_or_else(|| panic!("no {begins} in {keys:?}"))["id"])
    };
    let file = |name: &str| place.read(&format!("{OS}/{name}"));
    let (brand, strategy, style, decisions) =
        (file("brand.md"), file("strategy.kdl"), file("styles/blog.md"), file("decisions.md"));

    // A weight, a forbidden phrase, a note on the audience, a rule of style, a sample and a goal are edited; each file keeps the rest.
    place.run(&format!("os review accept {FIRST} {} --as Ada", find("pillar-weight/Operations"))).exit(0);
    place.run(&format!("os review accept {FIRST} {} --as Ada", find("forbidden/keep to our territory"))).exit(0);
    let audience = find("audience");
    let words = [
        "os",
        "review",
        "edit",
        FIRST,
        &audience,
        "--text",
        "Not for procurement departments of large companies.",
        "--as",
        "Ada",
    ];
    assert!(place.command("").args(words).status().expect("loopctl runs").success());
    place.run(&format!("os review accept {FIRST} {} --as Ada", find("style/blog/"))).exit(0);
    // The sample says what has just been forbidden, so it goes in only in other words.
    let sample = find("sample");
    let ran = place.run(&format!("os review accept {FIRST} {sample} --as Ada"));
    assert!(ran.code == 1 && ran.err.contains("it would contradict the Client OS"), "{}", ran.told());
    let words = [
        "os",
        "review",
        "edit",
        FIRST,
        &sample,
        "--text",
        "Answer what people look for in the first paragraph, then show how.",
        "--as",
        "Ada",
    ];
    assert!(place.command("").args(words).status().expect("loopctl runs").success());
    place.run(&format!("os review accept {FIRST} {} --as Ada", find("goal/posts that people finish"))).exit(0);
    let now = file("brand.md");
    for line in ["- keep to our territory", "Not for procurement departments of large companies."] {
        assert!(now.contains(line) && !brand.contains(line), "{line}: {now}");
    }
    let kept = |before: &str, after: &str| before.lines().all(|line| after.contains(line));
    assert!(kept(&brand, &now), "{now}");
    assert!(kept(&style, &file("styles/blog.md")) && file("styles/blog.md").len() > style.len());
    let goal = |text: &str| text.lines().filter(|line| !line.contains("people finish")).map(str::to_owned).collect::<Vec<_>>();
    assert!(strategy.contains("target=60") && !file("strategy.kdl").contains("target=60"));
    assert_eq!(goal(&strategy), goal(&file("strategy.kdl")));
    // What is locked is only questioned.
    let question = find("question/the locked decision");
    place.run(&format!("os review show {FIRST} {question}")).exit(0).says("a person's own words say what it forbids");
    place.run(&format!("os review reject {FIRST} {question} --reason slips --as Ada")).exit(0);
    assert_eq!(file("decisions.md"), decisions);

    // The next cycles read what was accepted: the context of the drafts says so.
    let shown = place.run(&format!("os show {FIRST} --for drafts")).exit(0);
    assert!(shown.out.contains("keep to our territory"), "{}", shown.told());
    let before = place.cycle(FIRST, 5)["client_os"].clone();
    // The writers obey.
    place.edit("workflows/first-loop/templates/outline.hbs", "{{brief.angle}}", "Answer the question first.");
    (5..8).for_each(|at| week(&place, at));
    assert_ne!(place.cycle(FIRST, 6)["client_os"], before);
    let report = place.run(&format!("report {FIRST}")).exit(0);
    let told = report.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "“Forbid the phrase “keep to our territory””, accepted by Ada 21 days ago: it helped",
        "“Say whom we do not write for”, accepted by Ada 21 days ago: ",
        "demand for the topics written about",
        "“Approve a paragraph of “",
        "share of pieces that people change",
        "“Set the goal “posts that people finish” to ",
        " days, which is ",
    ] {
        assert!(told.contains(words), "{words}\n{}", report.told());
    }
    let json = place.run(&format!("report {FIRST} --json")).exit(0).out;
    assert!(json.contains("Did accepted changes help?"), "{json}");
    let again: Vec<String> = proposals(&place).iter().map(key).collect();
    assert!(!again.iter().any(|key| key.starts_with("question/the locked decision")), "what was turned down rests: {again:?}");
}
