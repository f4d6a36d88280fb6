//! How fast texts are checked, beside one plain pass over the same bytes in the same run.
//!
//! `cargo bench --bench prose`

mod common;

use common::{heading, line, median_of};
use loopctl::builtin::production::checks::{readability, voice};
use loopctl::builtin::production::rules::{Document, Level, PACKS};
use loopctl::client_os::Snapshot;
use std::hint::black_box;

/// About 4 MB of articles: what people write, with code, links and now and then a worn phrase.
fn articles() -> String {
    let paragraph = "Prices for volumes changed on Thursday, from $0.15 to $0.12 per gigabyte and month. If you keep more than 50 GB, your \
        bill moves with them; see [the page](https://rival.example/pricing) for the rest. We tried it on our own staging setup first: it \
        took an afternoon, and two of those hours were our own fault.\n\n";
    let worn = "In today's fast-paced world it is worth noting that teams delve into `cost` reports, again and again.\n\n- one item\n- two\n\n";
    let article = format!(
        "# What changed\n\n{}{worn}```sh\nflyctl volumes list\n```\n\n> Somebody else's words.\n\n",
        paragraph.repeat(12)
    );
    article.repeat(4_000_000 / article.len())
}

fn main() {
    let text = articles();
    let megabytes = text.len() as f64 / 1e6;
    heading(&format!("Checking {megabytes:.1} MB of Markdown, MB/s (goal for the bundled packs: 20)"));
    let pass = median_of(5, || {
        black_box(text.bytes().filter(|byte| *byte == b'.').count());
    });
    line("one pass over the bytes", megabytes / pass, "MB/s", "");
    let beside = |time: f64| format!("{:.0} × the pass", time / pass);
    let time = median_of(5, || {
        black_box(Document::new(&text).prose().len());
    });
    line("finding the prose", megabytes / time, "MB/s", &beside(time));
    let rules = &PACKS["ai-cliche"];
    let time = median_of(5, || {
        black_box(rules.hits(&Document::new(&text), Level::Suggestion).len());
    });
    line("the pack ai-cliche", megabytes / time, "MB/s", &beside(time));
    let nobody = Snapshot::default();
    let time = median_of(3, || {
        black_box(voice::check_from(&text, &nobody, Level::Warning).len());
    });
    line("the check voice", megabytes / time, "MB/s", &beside(time));
    let time = median_of(3, || {
        black_box(readability::check_text(&text).len());
    });
    line("the check readability", megabytes / time, "MB/s", &beside(time));
}
