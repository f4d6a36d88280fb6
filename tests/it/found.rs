//! What people do to pieces in their channels comes back, through the real binary: over files, which every machine has.

use crate::desk::{Desk, FIRST, assert_sound};
use std::collections::BTreeMap;

const OUT: &str = "workflows/first-loop/out";
const DRAFT: &str = "workflows/first-loop/templates/draft.hbs";

/// The published pages by name.
fn pages(desk: &Desk) -> BTreeMap<String, String> {
    let files = desk.files(OUT).into_iter();
    files.map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text"))).collect()
}

fn once() -> Desk {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    desk
}

fn value(page: &str, name: &str) -> String {
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_else(|| panic!("no {name}"));
    line.trim_matches('"').to_owned()
}

/// Takes the first paragraph for another one, as a person would in an editor.
fn rewritten(page: &str, words: &str) -> (String, String) {
    let (head, text) = page.split_once("---\n\n").expect("front matter");
    let paragraph =
        text.split("\n\n").find(|part| !part.starts_with(['#', '-']) && part.len() > 40).expect("a paragraph").to_owned();
    (format!("{head}---\n\n{}", text.replacen(&paragraph, words, 1)), paragraph)
}

fn made_again(desk: &Desk) {
    desk.write(DRAFT, &format!("{}\nSaid in another way.\n", desk.read(DRAFT)));
    desk.run(&format!("retry {FIRST} --from drafts --as ana")).exit(0);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
}

#[test]
fn what_a_person_writes_into_a_published_file_comes_back_and_stays() {
    let desk = once();
    let before = pages(&desk);
    let (name, page) = before.iter().next().expect("three pages");
    let (edited, lost) = rewritten(page, "These are Ann's own words, written on the site itself.");
    desk.write(&format!("{OUT}/{name}"), &edited);
    made_again(&desk);
    let after = pages(&desk);
    let now = &after[name];
    assert!(now.contains("These are Ann's own words") && !now.contains(&lost), "the person wins\n{now}");
    assert!(now.contains("Said in another way."), "and what they left alone is new\n{now}");
    assert_eq!((after.len(), value(now, "key")), (3, value(page, "key")), "it is the same piece");

    let key = value(page, "key");
    let log = desk.run(&format!("log {FIRST} --what edited-in-channel --json")).exit(0).json();
    let events = log["log"].as_array().expect("a list");
    assert_eq!(events.len(), 1, "it is found once: {log}");
    assert_eq!(
        (events[0]["who"].as_str(), events[0]["subject"].as_str()),
        (Some("somebody in the files of `blog`"), Some(key.as_str()))
    );
    desk.run(&format!("log {FIRST} --verify")).exit(0);
    desk.run(&format!("status {FIRST}")).exit(0).says("somebody in the files of `blog` changed “");
    desk.run(&format!("trace {FIRST} {key}")).exit(0).says("% of the words");
    desk.run(&format!("gate stats {FIRST}")).exit(0).says("channel blog").says("1 edited").says("edits change");
    // A replay asks no channel: not even when there is none.
    std::fs::remove_dir_all(desk.path(OUT)).expect("it is ours");
    desk.run(&format!("replay {FIRST} 2")).exit(0).says("reproduced");
    assert_sound(&desk.cycles(), "after an edit in a channel");
}

#[test]
fn what_a_person_deletes_is_not_sent_again_and_comes_back_when_they_say_so() {
    let desk = once();
    let before = pages(&desk);
    let (name, page) = before.iter().next().expect("three pages");
    std::fs::remove_file(desk.path(&format!("{OUT}/{name}"))).expect("it is ours");
    made_again(&desk);
    let after = pages(&desk);
    assert_eq!(after.len(), 2, "it stays deleted");
    assert!(after.values().all(|page| page.contains("Said in another way.")), "the others are renewed");
    let what =
        |what: &str| desk.run(&format!("log {FIRST} --what {what} --json")).exit(0).json()["log"].as_array().map_or(0, Vec::len);
    assert_eq!((what("gone"), what("edited-in-channel")), (1, 0), "to delete is no edit");
    desk.run(&format!("status {FIRST}")).exit(0).says("it is not sent again by itself").says("was taken off `blog`");
    // Put back, it is a piece like any other.
    desk.write(&format!("{OUT}/{name}"), page);
    made_again(&desk);
    assert_eq!((what("gone"), what("back")), (1, 1));
    let text = &pages(&desk)[name];
    assert_eq!(text.matches("Said in another way.").count(), 2, "{text}");
}

#[test]
fn what_changes_after_it_was_looked_at_is_left_and_told() {
    let desk = once();
    desk.write(DRAFT, &format!("{}\nSaid in another way.\n", desk.read(DRAFT)));
    desk.run(&format!("retry {FIRST} --from drafts")).exit(0);
    let before = pages(&desk);
    let (name, page) = before.iter().next().expect("three pages");
    let (edited, _) = rewritten(page, "Written while the cycle was open.");
    desk.write(&format!("{OUT}/{name}"), &edited);
    desk.run(&format!("run {FIRST} --approve-all")).exit(1).says("was edited since it went out");
    assert_eq!(pages(&desk)[name], edited, "nothing is written over");
    // The next cycle knows of it, and its text has both.
    desk.run(&format!("retry {FIRST} --from drafts")).exit(0);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let now = &pages(&desk)[name];
    assert!(now.contains("Written while the cycle was open.") && now.contains("Said in another way."), "{now}");
}

#[test]
fn an_outcome_weeks_later_comes_home_to_its_piece() {
    let desk = Desk::new();
    desk.write(DRAFT, &format!("{}\n[Book a half hour](https://northpier.example/book)\n", desk.read(DRAFT)));
    desk.write("workflows/first-loop/data/site.jsonl", "");
    let source = "source \"site\" kind=\"events\" { path \"first-loop/data/site.jsonl\" }\n        watch \"rivals\"";
    desk.edit(FIRST, "watch \"rivals\"", source);
    desk.edit(
        FIRST,
        "from \"opportunities\" \"out\" \"editor\"",
        "from \"opportunities\" \"out\" \"editor\" \"site\" \"credit\"",
    );
    desk.edit(FIRST, "feedback \"aim\" {\n            from \"opportunities\"", "attribute \"credit\" { from \"site\"; model \"linear\"; window \"3d\"; conversion \"qualified\" }\n        feedback \"aim\" {\n            from \"opportunities\" \"credit\"\n            tune \"channels.blog\" { rate 0.2; within 0.2 0.8 }");
    desk.run(&format!("validate {FIRST}")).exit(0);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let pages = pages(&desk);
    let page = pages.values().next().expect("three pages");
    let key = value(page, "key");
    let link = format!("https://northpier.example/book?utm_source=blog&utm_campaign=first-loop&utm_content={key}");
    assert!(page.contains(&link), "{page}");
    // A week later the site's log has readers who came through that link.
    let row = |hour: u32, n: u32, name: &str| {
        format!(
            "{{\"at\":\"2024-07-04T{hour:02}:{:02}:{:02}Z\",\"who\":\"u{n}\",\"name\":\"{name}\",\"url\":\"{link}\"}}\n",
            n / 60,
            n % 60
        )
    };
    let rows = (0..160).map(|n| {
        let bought = if n % 4 == 0 { row(10, n, "qualified") } else { String::new() };
        row(9, n, "page_view") + &bought
    });
    desk.write("workflows/first-loop/data/site.jsonl", &rows.collect::<String>());
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    desk.run(&format!("trace {FIRST} {key}")).exit(0).says("through its links: 160 page_view, 40 qualified").says("signal");
    let report = desk.run(&format!("report {FIRST}")).exit(0);
    assert!(report.out.contains("40"), "{}", report.out);
    let view = desk.run(&format!("status {FIRST} --json")).exit(0).json();
    let credited =
        view["cycle"]["insights"].as_array().expect("a list").iter().any(|insight| insight.to_string().contains("blog"));
    assert!(credited, "the channel is credited: {}", view["cycle"]["insights"]);
}

#[test]
fn what_a_person_writes_into_a_published_version_stays_in_that_version() {
    use crate::cli::place::Place;
    use crate::cli::versions::{FILE, FOLDER, place, versions};
    let through = |place: &Place| {
        versions(place);
        place.run(&format!("gate approve {FILE} --all")).exit(0);
        place.run(&format!("run {FILE}")).exit(0);
    };
    let place = place();
    through(&place);
    let social = format!("{FOLDER}/out/social");
    let before = place.files(&social);
    let (name, page) = before
        .iter()
        .find(|(_, page)| page.contains("platform: \"linkedin\"") || page.contains("platform: linkedin"))
        .expect("a post");
    let mine = "Ann's own words, written where it stands.";
    let (head, body) = page.split_once("---\n\n").expect("front matter");
    let first = body.split("\n\n").find(|part| part.len() > 20).expect("a paragraph");
    place.write(&format!("{social}/{name}"), format!("{head}---\n\n{}", body.replacen(first, mine, 1)));
    // The forms are made again, in other words for a call.
    place.run(&format!("retry {FILE} --from forms:forms --as ana")).exit(0);
    place.run(&format!("run {FILE} --approve-all")).exit(0);
    let after = place.files(&social);
    assert!(after[name].contains(mine), "the person wins\n{}", after[name]);
    for (other, page) in after.iter().filter(|(other, _)| *other != name) {
        assert!(!page.contains(mine), "a version keeps the words that are about it: {other}\n{page}");
    }
    place.run(&format!("log {FILE} --what edited-in-channel --json")).exit(0);
    place.run(&format!("status {FILE}")).exit(0).says("their words are kept when it is written again");
}
