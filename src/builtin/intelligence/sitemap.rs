//! `source kind="sitemap"`: pages that appear on a site, and pages that go away.

use super::readers::sitemap::{self, Difference, Happened, Site, Sitemap};
use super::reading::{self, Outcome, count, inform, warn};
use crate::base::{Digest, Timestamp};
use crate::builtin::common::topic;
use crate::model::goods::{Signal, SignalKind};
use crate::model::{GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, Reply, StepContext, StepError, StepKind, Target, Turn, ValueType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reads sitemaps.
pub struct SitemapSource;

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("sitemap"),
    layers: &[Layer::Intelligence],
    summary: "Tells which pages appeared on a site and which went away.",
    doc: "Reads sitemaps and indexes of sitemaps, with or without dates, and compares them with what was kept. The first sight of a \
        site is the baseline and no news. A sitemap that cannot be read keeps its pages, and one that loses more than half of \
        them at once is reported instead of believed.",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec {
            doc: "The address of a sitemap or an index.",
            example: r#"url "https://example.com/sitemap.xml""#,
            ..reading::URL
        },
        NodeSpec { doc: "A sitemap in a file.", example: r#"path "data/sitemap.xml""#, ..reading::PATH },
        NodeSpec { example: r#"folder "data/sitemaps" glob="*.xml""#, ..reading::FOLDER },
        reading::EVERY,
        NodeSpec::value("changed", ValueType::Bool, "Also tells pages whose date in the sitemap moved on.", "changed"),
    ],
    example: "source \"rival-pages\" kind=\"sitemap\" {\n    url \"https://rival.example/sitemap.xml\"\n    every \"1d\"\n}",
    keeps: Some("the pages of each sitemap"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    read_at: Option<Timestamp>,
    #[serde(default)]
    site: Site,
}

impl StepKind for SitemapSource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let mut kept: Kept = reading::state(cx);
        if let Some(output) = reading::too_early(cx, kept.read_at) {
            return Ok(Turn::Done(output));
        }
        let targets = reading::targets(cx.config());
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(StepError::new("there is no sitemap to read").help("add `url`, `path` or `folder`"));
            }
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let mut output = Output::default();
        // Of the first turn only what fails matters here; its documents are read below together with those of the second.
        reading::readings(&targets, replies, &mut output)?;
        let indexed = children(&targets, replies);
        if !indexed.is_empty() && cx.replies.len() == 1 {
            return Ok(Turn::Ask(reading::requests(&indexed, &BTreeMap::new())));
        }
        let mut files = pages(&targets, replies, &mut output);
        if let Some(replies) = cx.replies.get(1) {
            files.extend(pages_with_trouble(&indexed, replies, &mut output));
        }
        let difference = kept.site.update(files);
        output.headline = Some(headline(&kept.site, &difference));
        give(cx, difference, cx.config().flag("changed"), &mut output);
        kept.read_at = Some(cx.now);
        output.state = reading::keep(&kept);
        Ok(Turn::Done(output))
    }
}

/// At most this many sitemaps of an index are read.
const CHILDREN_MAX: usize = 200;

/// The sitemaps that indexes among the documents name. Paths in them are addresses, so a recorded index asks the outside.
pub(super) fn children(targets: &[Target], replies: &[Reply]) -> Vec<Target> {
    let mut found: Vec<Target> = Vec::new();
    for outcome in reading::outcomes(targets, replies) {
        let Outcome::Read(document) = outcome else { continue };
        if let Ok(Sitemap::Index(files)) = sitemap::read(&document.bytes) {
            found.extend(files.into_iter().map(|file| Target::Url(file.url)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|target| if let Target::Url(url) = target { seen.insert(url.clone()) } else { true });
    found.truncate(CHILDREN_MAX);
    found
}

/// The pages of the sitemaps among the documents, by file; those that cannot be read are noted.
pub(super) fn pages(targets: &[Target], replies: &[Reply], output: &mut Output) -> Vec<(String, Vec<sitemap::Entry>)> {
    let mut files = Vec::new();
    for outcome in reading::outcomes(targets, replies) {
        let Outcome::Read(document) = outcome else { continue };
        match sitemap::read(&document.bytes) {
            Ok(Sitemap::Pages(pages)) => files.push((document.key, pages)),
            Ok(Sitemap::Index(files)) if files.len() > CHILDREN_MAX => {
                let text = format!("The index names {}; the first {CHILDREN_MAX} are read.", count(files.len(), "sitemap"));
                warn(output, Some(document.place), text);
            }
            Ok(Sitemap::Index(_)) => {}
            Err(reason) => warn(output, Some(document.place), format!("The sitemap cannot be read: {reason}.")),
        }
    }
    files
}

/// [`pages`] for the second turn: here a place that fails is only noted, because the index itself was read.
pub(super) fn pages_with_trouble(
    targets: &[Target],
    replies: &[Reply],
    output: &mut Output,
) -> Vec<(String, Vec<sitemap::Entry>)> {
    let failed = reading::readings(targets, replies, output);
    if failed.is_err() {
        inform(output, None, "None of the sitemaps of the index could be read; the kept pages stay.");
    }
    pages(targets, replies, output)
}

fn headline(site: &Site, difference: &Difference) -> String {
    let pages = count(site.pages(), "page");
    if difference.first_sight {
        return format!("{pages}, first sight");
    }
    let number = |what: Happened| difference.pages.iter().filter(|(_, _, happened)| *happened == what).count();
    format!("{pages}, {} new, {} removed", number(Happened::New), number(Happened::Removed))
}

/// Gives page signals for a difference, and notes what is suspicious.
pub(super) fn give(cx: &StepContext<'_>, difference: Difference, changed: bool, output: &mut Output) {
    for file in difference.suspicious {
        warn(output, Some(file), "More than half of the pages vanished at once, so none is taken for removed.");
    }
    for (url, at, happened) in difference.pages {
        if happened == Happened::Changed && !changed {
            continue;
        }
        let name = page_name(&url);
        let (title, quote) = match happened {
            Happened::New => (format!("New page: {name}"), "appeared in the sitemap"),
            Happened::Changed => (format!("Changed page: {name}"), "has a new date in the sitemap"),
            Happened::Removed => (format!("Removed page: {name}"), "left the sitemap"),
        };
        let at = at.filter(|at| *at <= cx.now).unwrap_or(cx.now);
        let content = Digest::of_json(&(&url, at, quote));
        let signal = Signal {
            url: Some(url.clone()),
            fetched_at: cx.now,
            quote: Untrusted::new(format!("{url} {quote}")),
            ..Signal::new(SignalKind::Page, topic::key(&name), Untrusted::new(title), cx.step.id.as_str(), at, content)
        };
        output.give(signal, Vec::new());
    }
}

/// `https://a.example/blog/approval-gates/` is `approval gates`; the front page is its host.
fn page_name(url: &str) -> String {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = address.split(['?', '#']).next().unwrap_or(address).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let last = last.trim_end_matches(".html").trim_end_matches(".htm").trim_end_matches(".php");
    if last == path { path.to_owned() } else { last.replace(['-', '_'], " ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, content, notes, shared, signals};

    fn map(pages: &[&str]) -> String {
        format!(
            "<urlset>{}</urlset>",
            pages.iter().map(|page| format!("<url><loc>https://a.example/{page}</loc></url>")).collect::<String>()
        )
    }

    #[test]
    fn the_first_sight_is_a_baseline_and_then_pages_are_news() {
        let mut bench =
            Bench::new(&SitemapSource, r#"source "s" kind="sitemap" { path "m.xml" }"#).file("m.xml", map(&["a", "old-page"]));
        let first = bench.run("2026-01-01").unwrap();
        assert_eq!((first.goods.len(), first.headline.as_deref()), (0, Some("2 pages, first sight")));
        bench.files.insert("m.xml".into(), content("m.xml", map(&["a", "blog/new-page/"])));
        let second = bench.run("2026-01-02").unwrap();
        assert_eq!(
            signals(&second).iter().map(|s| s.title.as_data()).collect::<Vec<_>>(),
            ["New page: new page", "Removed page: old page"]
        );
        assert_eq!(second.headline.as_deref(), Some("2 pages, 1 new, 1 removed"));
        bench.files.insert("m.xml".into(), content("m.xml", "<urlset><url><loc>https"));
        let third = bench.run("2026-01-03").unwrap();
        assert_eq!(third.goods.len(), 0);
        assert!(notes(&third)[0].starts_with("m.xml The sitemap cannot be read"));
    }

    #[test]
    fn an_index_is_followed_and_a_missing_part_is_no_removal() {
        let (Some(index), Some(posts)) =
            (shared("sources/sitemaps/ghost-sitemap.xml"), shared("sources/sitemaps/ghost-sitemap-posts.xml"))
        else {
            return;
        };
        let part = |name: &str| format!("http://127.0.0.1:8092/sitemap-{name}.xml");
        let mut bench = Bench::new(&SitemapSource, r#"source "s" kind="sitemap" { path "m.xml" }"#).file("m.xml", index);
        for name in ["pages", "authors", "tags"] {
            bench = bench.file(&part(name), map(&[name]));
        }
        bench = bench.file(&part("posts"), posts);
        assert_eq!(bench.run("2026-11-23").unwrap().headline.as_deref(), Some("5 pages, first sight"));
        bench.files.remove(&part("posts"));
        let second = bench.run("2026-11-24").unwrap();
        assert_eq!(second.headline.as_deref(), Some("5 pages, 0 new, 0 removed"));
        assert_eq!(second.notes.len(), 1);
    }

    #[test]
    fn pages_have_readable_names() {
        assert_eq!(page_name("https://a.example/blog/approval-gates/"), "approval gates");
        assert_eq!(page_name("https://a.example"), "a.example");
        assert_eq!(page_name("https://a.example/x_y.html?z=1"), "x y");
    }
}
