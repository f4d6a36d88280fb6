//! `loopctl report`.

use super::place::{FIRST, Place, Stage, list, text};

#[test]
fn a_report_is_printed_or_written_as_markdown_and_html() {
    let place = Place::at(Stage::Closed);
    let printed = place.run(&format!("report {FIRST}")).exit(0);
    assert!(printed.out.starts_with("# "), "{}", printed.told());
    place.run(&format!("report {FIRST} --out reports")).exit(0).says("reports/first-loop-1.html");
    let files = place.files("reports");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["first-loop-1.html", "first-loop-1.md"]);
    assert_eq!(files["first-loop-1.md"].trim(), printed.out.trim());
    let html = &files["first-loop-1.html"];
    assert!(html.to_lowercase().starts_with("<!doctype html>") && html.contains("<svg"), "it has its plots");
    // Self-contained: nothing is loaded from elsewhere.
    for outside in ["<script src", "<link rel=\"stylesheet\"", "<img src=\"http", "@import", "url(http"] {
        assert!(!html.contains(outside), "{outside}");
    }
    for receipt in list(&place.cycle(FIRST, 1)["published"]) {
        let title = text(&receipt["title"]);
        assert!(printed.out.contains(&title), "{title} is not in the report");
    }
}

#[test]
fn what_cannot_be_written_is_told() {
    let place = Place::at(Stage::Closed);
    place.write("taken", "a file in the way");
    place.run(&format!("report {FIRST} --out taken")).fails(2, "cli::cannot-write").warns("--out");
    place.run(&format!("report {FIRST} --cycle 9")).fails(2, "cli::no-such-cycle");
    let cycle = place.run(&format!("report {FIRST} --json")).exit(0).json();
    assert_eq!(cycle["cycle"]["cycle"], 1);
}
