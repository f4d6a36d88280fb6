//! `watch`: rivals' pages, sitemaps and feeds. It alarms on facts that changed, not on text that changed.
//!
//! A page is in one of a few states: read, unchanged, moved, missing, blocked, empty. Only a page that was read is compared,
//! and the last good facts are kept, so a blocked page neither alarms nor forgets.

use super::feed::{self, KeptFeed};
use super::readers::prices::{self, Price};
use super::readers::sitemap::Site;
use super::readers::{feed as feeds, page};
use super::reading::{self, Document, Outcome, count, inform, warn};
use super::sitemap;
use crate::base::{Digest, Timestamp};
use crate::builtin::common::{bytes, date, topic};
use crate::model::goods::{Fact, Signal, SignalKind};
use crate::model::{Config, GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, Occurs, Output, PropSpec, Reply, StepContext, StepError, StepKind, Target, Turn, ValueType,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Watches rivals.
pub struct Watch;

const SELECT: PropSpec = PropSpec {
    name: "select",
    ty: ValueType::Text,
    required: false,
    default: None,
    doc: "A CSS selector of the part that matters, such as `main`.",
};

static SPEC: KindSpec = KindSpec {
    verb: "watch",
    connector: None,
    layers: &[Layer::Intelligence],
    summary: "Watches rivals' pages for changed prices, and their sitemaps and feeds for news.",
    doc: "Prices are read as facts: amount, currency, what it is per, and the plan, row or sentence it belongs to. When the set of \
        prices of a page changes, one change signal says old → new per plan; a page whose words change raises nothing. The first \
        sight of a page is the baseline.\n\nA page that is blocked, empty or gone is told as such and never taken for a page \
        without prices: the last good facts are kept. `history` plays recorded revisions back: the revision in force at the \
        cycle's time is the page.",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec {
            props: &[SELECT],
            ..NodeSpec::value(
                "page",
                ValueType::Url,
                "The address of a page.",
                r#"page "https://rival.example/pricing" select="main""#,
            )
            .many()
        },
        NodeSpec {
            props: &[SELECT],
            ..NodeSpec::value("path", ValueType::File, "A page in a file: HTML or Markdown.", r#"path "data/rival-pricing.html""#)
                .many()
        },
        NodeSpec {
            props: &[
                PropSpec {
                    name: "page",
                    ty: ValueType::Url,
                    required: false,
                    default: None,
                    doc: "The address the revisions are of.",
                },
                SELECT,
            ],
            ..NodeSpec::value(
                "history",
                ValueType::File,
                "Recorded revisions of a page, one JSON object a line with `date` and `text`.",
                r#"history "data/pricing_history.jsonl" page="https://rival.example/pricing""#,
            )
            .many()
        },
        NodeSpec::value(
            "sitemap",
            ValueType::Url,
            "A sitemap whose new and removed pages are news.",
            r#"sitemap "https://rival.example/sitemap.xml""#,
        )
        .many(),
        NodeSpec::value("feed", ValueType::Url, "A feed whose entries are news.", r#"feed "https://rival.example/feed.xml""#)
            .many(),
        NodeSpec {
            name: "facts",
            args: &[ArgSpec { name: "fact", ty: ValueType::Choice(&["price", "headline"]), required: true }],
            rest: Some(ValueType::Choice(&["price", "headline"])),
            occurs: Occurs::Optional,
            default: Some("price"),
            doc: "Which facts raise an alarm: prices, the headline of the page, or both.",
            example: r#"facts "price" "headline""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "look-back",
            ValueType::Duration,
            "At the first sight of a `history`, the baseline is the revision in force this long before, so that what changed since then is told.",
            r#"look-back "14d""#,
        ),
        reading::EVERY,
    ],
    example: "watch \"rivals\" {\n    page \"https://rival.example/pricing\" select=\"main\"\n    sitemap \"https://rival.example/sitemap.xml\"\n}",
    keeps: Some("per page the last good facts; the pages of sitemaps; the entries of feeds that were given"),
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
    pages: BTreeMap<String, KeptPage>,
    #[serde(default)]
    site: Site,
    #[serde(default)]
    feeds: BTreeMap<String, KeptFeed>,
}

/// The last good sight of a page.
#[derive(Clone, Default, Serialize, Deserialize)]
struct KeptPage {
    #[serde(flatten)]
    validators: reading::Validators,
    /// Where it was read in the end.
    #[serde(default)]
    place: String,
    /// Digest of its lines; `None` before the first good sight.
    #[serde(default)]
    text: Option<Digest>,
    #[serde(default)]
    words: usize,
    #[serde(default)]
    headline: String,
    #[serde(default)]
    prices: Vec<Price>,
    /// It was missing when last asked for.
    #[serde(default)]
    missing: bool,
}

/// What one request of the first turn is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Page,
    History,
    Sitemap,
    Feed,
}

struct Watched<'a> {
    role: Role,
    target: Target,
    select: Option<&'a str>,
    /// The address that a file stands for.
    link: Option<&'a str>,
}

fn watched(config: &Config) -> Vec<Watched<'_>> {
    let nodes = [
        ("page", Role::Page),
        ("path", Role::Page),
        ("history", Role::History),
        ("sitemap", Role::Sitemap),
        ("feed", Role::Feed),
    ];
    let mut all = Vec::new();
    for (name, role) in nodes {
        for node in config.all(name) {
            let Some(text) = node.arg().and_then(|arg| arg.text()) else { continue };
            let is_file = matches!(name, "path" | "history");
            let target = if is_file { Target::File(text.to_owned()) } else { Target::Url(text.to_owned()) };
            let prop = |name: &str| node.prop(name).and_then(|value| value.text());
            let link = if is_file { prop("page") } else { Some(text) };
            all.push(Watched { role, target, select: prop("select"), link });
        }
    }
    all
}

impl StepKind for Watch {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let mut kept: Kept = reading::state(cx);
        if let Some(output) = reading::too_early(cx, kept.read_at) {
            return Ok(Turn::Done(output));
        }
        let watched = watched(cx.config());
        let targets: Vec<Target> = watched.iter().map(|one| one.target.clone()).collect();
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(
                    StepError::new("there is nothing to watch").help("add `page`, `path`, `history`, `sitemap` or `feed`")
                );
            }
            let pages = kept.pages.iter().map(|(key, page)| (key.clone(), page.validators.clone()));
            let feeds = kept.feeds.iter().map(|(key, feed)| (key.clone(), feed.validators.clone()));
            return Ok(Turn::Ask(reading::requests(&targets, &pages.chain(feeds).collect())));
        };
        let of_sitemaps = |pick: &dyn Fn(&Watched<'_>) -> bool| -> (Vec<Target>, Vec<Reply>) {
            let pairs = watched.iter().zip(replies).filter(|(one, _)| pick(one));
            pairs.map(|(one, reply)| (one.target.clone(), reply.clone())).unzip()
        };
        let (sitemaps, sitemap_replies) = of_sitemaps(&|one| one.role == Role::Sitemap);
        let indexed = sitemap::children(&sitemaps, &sitemap_replies);
        if !indexed.is_empty() && cx.replies.len() == 1 {
            return Ok(Turn::Ask(reading::requests(&indexed, &BTreeMap::new())));
        }
        let mut output = Output::default();
        let mut tally = Tally::default();
        for (one, outcome) in watched.iter().zip(reading::outcomes(&targets, replies)) {
            let outcome = match told(one, outcome, &mut kept, cx, &mut tally, &mut output) {
                Some(document) => document,
                None => continue,
            };
            match one.role {
                Role::Page => sight(cx, one, &outcome, &bytes::text(&outcome.bytes), cx.now, &mut kept, &mut tally, &mut output),
                Role::History => match revision_of(one, &outcome, cx, &mut kept, &mut tally, &mut output) {
                    Ok(Some((at, text))) => sight(cx, one, &outcome, &text, at, &mut kept, &mut tally, &mut output),
                    Ok(None) => inform(&mut output, Some(outcome.place.clone()), "No revision is in force yet."),
                    Err(reason) => {
                        tally.unread += 1;
                        warn(&mut output, Some(outcome.place.clone()), format!("The history cannot be read: {reason}."));
                    }
                },
                Role::Feed => news(cx, &outcome, &mut kept, &mut tally, &mut output),
                Role::Sitemap => {}
            }
        }
        if tally.unread == watched.len() {
            let first = output.notes.first().map_or("nothing could be read", |note| note.text.trim_end_matches('.'));
            return Err(StepError::new(first.to_owned()));
        }
        if !sitemaps.is_empty() {
            let mut files = sitemap::pages(&sitemaps, &sitemap_replies, &mut output);
            if let Some(replies) = cx.replies.get(1) {
                files.extend(sitemap::pages_with_trouble(&indexed, replies, &mut output));
            }
            let difference = kept.site.update(files);
            tally.site_pages = Some((kept.site.pages(), difference.pages.len()));
            sitemap::give(cx, difference, false, &mut output);
        }
        kept.read_at = Some(cx.now);
        output.headline = Some(tally.headline());
        output.state = reading::keep(&kept);
        Ok(Turn::Done(output))
    }
}

#[derive(Default)]
struct Tally {
    pages: usize,
    alarms: usize,
    baselines: usize,
    reworded: usize,
    entries: usize,
    unread: usize,
    site_pages: Option<(usize, usize)>,
}

impl Tally {
    fn headline(&self) -> String {
        let mut parts = Vec::new();
        if self.pages > 0 {
            parts.push(format!("{}, {} with changed facts", count(self.pages, "page"), self.alarms));
        }
        for (number, what) in [(self.baselines, "seen first"), (self.reworded, "only reworded"), (self.unread, "not read")] {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        if let Some((pages, news)) = self.site_pages {
            parts.push(format!("{} in sitemaps, {news} news", count(pages, "page")));
        }
        if self.entries > 0 {
            parts.push(format!("{} new", count(self.entries, "entry")));
        }
        if parts.is_empty() { "nothing in force yet".to_owned() } else { parts.join(", ") }
    }
}

/// Tells the states in which there is nothing to compare, and hands back the document when there is.
fn told<'a>(
    one: &Watched<'_>,
    outcome: Outcome<'a>,
    kept: &mut Kept,
    cx: &StepContext<'_>,
    tally: &mut Tally,
    output: &mut Output,
) -> Option<Document<'a>> {
    match outcome {
        Outcome::Read(document) => return Some(document),
        Outcome::Unchanged { .. } => tally.pages += usize::from(one.role == Role::Page),
        Outcome::Missing { key, place } => {
            tally.unread += 1;
            let page = kept.pages.entry(key).or_default();
            warn(output, Some(place.clone()), format!("{place} is not there; its last facts are kept."));
            // A page that was read before and is gone now is news, once.
            if one.role == Role::Page && page.text.is_some() && !page.missing {
                let title = format!("Page gone: {}", name_of(&page.headline, &place));
                let content = Digest::of_json(&(&place, "missing", cx.now));
                let signal = Signal {
                    url: one.link.map(str::to_owned),
                    quote: Untrusted::new(format!("{place} answered that there is no such page")),
                    ..Signal::new(
                        SignalKind::Page,
                        topic::key(&title),
                        Untrusted::new(title),
                        cx.step.id.as_str(),
                        cx.now,
                        content,
                    )
                };
                output.give(signal, Vec::new());
            }
            page.missing = true;
        }
        Outcome::Blocked { place, reason, .. } => {
            tally.unread += 1;
            warn(output, Some(place.clone()), format!("{place} may not be read ({reason}); its last facts are kept."));
        }
        Outcome::Failed { key, message, .. } => {
            tally.unread += 1;
            warn(output, Some(key.clone()), format!("{key} cannot be read: {message}; its last facts are kept."));
        }
    }
    None
}

/// The revision in force now. At the first sight, the one in force `look-back` ago is taken in before it, as the baseline.
fn revision_of(
    one: &Watched<'_>,
    document: &Document<'_>,
    cx: &StepContext<'_>,
    kept: &mut Kept,
    tally: &mut Tally,
    output: &mut Output,
) -> Result<Option<(Timestamp, String)>, String> {
    let text = bytes::text(&document.bytes);
    let first_sight = kept.pages.get(&document.key).is_none_or(|page| page.text.is_none());
    if let Some(look_back) = cx.config().duration("look-back").filter(|_| first_sight)
        && let Some((at, old)) = revision(&text, cx.now - look_back, cx)?
    {
        sight(cx, one, document, &old, at, kept, tally, output);
        // It is the same page a second time, and not a page more.
        tally.pages -= usize::from(tally.pages > 0);
    }
    revision(&text, cx.now, cx)
}

/// The revision in force at a time: the last one that is not dated later. Of several on one day, the last in the file.
fn revision(text: &str, now: Timestamp, cx: &StepContext<'_>) -> Result<Option<(Timestamp, String)>, String> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(alias = "at", alias = "time")]
        date: String,
        #[serde(alias = "html")]
        text: String,
    }
    let mut found: Option<(Timestamp, String)> = None;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line =
            serde_json::from_str(line).map_err(|_| format!("line {} is not an object with `date` and `text`", index + 1))?;
        let at = date::parse(&line.date, &[], &cx.workflow.zone)
            .ok_or_else(|| format!("expected a date in line {}, found `{}`", index + 1, line.date))?;
        if at <= now && found.as_ref().is_none_or(|(last, _)| at >= *last) {
            found = Some((at, line.text));
        }
    }
    Ok(found)
}

/// Compares a page with its last good sight.
#[expect(clippy::too_many_arguments, reason = "one page in its surroundings; a struct of them would only be taken apart again")]
fn sight(
    cx: &StepContext<'_>,
    one: &Watched<'_>,
    document: &Document<'_>,
    text: &str,
    at: Timestamp,
    kept: &mut Kept,
    tally: &mut Tally,
    output: &mut Output,
) {
    let page = page::read(text, one.select);
    let before = kept.pages.get(&document.key).cloned().unwrap_or_default();
    let words: usize = page.lines.iter().map(|line| line.split_whitespace().count()).sum();
    let place = document.place.clone();
    let trouble = if words == 0 {
        let selected = one.select.map_or(String::new(), |select| format!(" where `{select}` matches"));
        Some(format!("The page is empty{selected}; its last facts are kept."))
    } else if page::is_door(&page) {
        Some("The page shows a check for robots; its last facts are kept.".to_owned())
    } else {
        None
    };
    if let Some(trouble) = trouble {
        tally.unread += 1;
        warn(output, Some(place), trouble);
        return;
    }
    let found = prices::read(&page);
    if found.is_empty() && !before.prices.is_empty() && words * 3 < before.words {
        tally.unread += 1;
        warn(output, Some(place), "The page has lost its prices and most of its text; its last facts are kept.");
        return;
    }
    tally.pages += 1;
    if !before.place.is_empty() && before.place != place {
        inform(output, Some(place.clone()), format!("The page moved from {} to {place}.", before.place));
    }
    let digest = Digest::of(page.lines.join("\n"));
    let headline = headline_of(&page);
    let name = name_of(&headline, one.link.unwrap_or(&place));
    let wanted = cx.config().texts("facts");
    let wants = |fact: &str| if wanted.is_empty() { fact == "price" } else { wanted.contains(&fact) };
    let mut facts: Vec<Fact> = Vec::new();
    if before.text.is_none() {
        tally.baselines += 1;
    } else {
        if wants("price") {
            facts.extend(prices::changes(&before.prices, &found));
        }
        if wants("headline") && before.headline != headline && !headline.is_empty() {
            facts.push(Fact {
                name: "headline".to_owned(),
                about: name.clone(),
                old: Some(before.headline.clone()),
                new: Some(headline.clone()),
                unit: None,
            });
        }
        if facts.is_empty() && before.text != Some(digest) {
            tally.reworded += 1;
        }
    }
    if !facts.is_empty() {
        tally.alarms += 1;
        let url = one.link.map(str::to_owned);
        output.give(alarm(cx, &name, url, at, document.digest, facts, &found, &before.prices), Vec::new());
    }
    let validators = document.validators.clone();
    let now = KeptPage { validators, place, text: Some(digest), words, headline, prices: found, missing: false };
    kept.pages.insert(document.key.clone(), now);
}

fn headline_of(page: &page::Page) -> String {
    let first = page.lines.iter().find_map(|line| line.strip_prefix("# ")).unwrap_or(&page.title);
    first.trim().to_owned()
}

fn name_of(headline: &str, place: &str) -> String {
    if headline.is_empty() { place.split_once("://").map_or(place, |(_, rest)| rest).to_owned() } else { headline.to_owned() }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one signal")]
fn alarm(
    cx: &StepContext<'_>,
    name: &str,
    url: Option<String>,
    at: Timestamp,
    content: Digest,
    facts: Vec<Fact>,
    new: &[Price],
    old: &[Price],
) -> Signal {
    let told: Vec<String> = facts.iter().map(tell).collect();
    let more = if told.len() > 1 { format!(" and {} more", told.len() - 1) } else { String::new() };
    let title = Untrusted::new(format!("{name}: {}{more}", told[0]));
    // The words on the page that carry the first fact.
    let amount = |value: &Option<String>| value.as_deref().map(|value| value.split(' ').next().unwrap_or("").to_owned());
    let quote_in = |prices: &[Price], value: &Option<String>| {
        let wanted = amount(value)?;
        let found = prices.iter().find(|price| price.about == facts[0].about && price.amount() == wanted);
        found.map(|price| price.quote.clone())
    };
    let quote = quote_in(new, &facts[0].new).or_else(|| quote_in(old, &facts[0].old)).unwrap_or_else(|| told[0].clone());
    let topic = topic::key(&format!("{name} {}", facts[0].name));
    Signal {
        summary: Untrusted::new(told.join("\n")),
        url,
        fetched_at: cx.now,
        quote: Untrusted::new(quote),
        facts,
        ..Signal::new(SignalKind::Change, topic, title, cx.step.id.as_str(), at, content)
    }
}

/// `Pro 5 → 6 usd/month`
fn tell(fact: &Fact) -> String {
    let unit = fact.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
    let change = match (&fact.old, &fact.new) {
        (Some(old), Some(new)) => format!("{old} → {new}{unit}"),
        (None, Some(new)) => format!("new at {new}{unit}"),
        (Some(old), None) => format!("no longer {old}{unit}"),
        (None, None) => "changed".to_owned(),
    };
    if fact.about.is_empty() { change } else { format!("{} {change}", fact.about) }
}

/// Entries of a rival's feed.
fn news(cx: &StepContext<'_>, document: &Document<'_>, kept: &mut Kept, tally: &mut Tally, output: &mut Output) {
    match feeds::read(&document.bytes, document.url()) {
        Ok(entries) => {
            let feed = kept.feeds.entry(document.key.clone()).or_default();
            let before = output.goods.len();
            let later = feed::give(cx, feed, entries, output);
            feed.validators = if later == 0 { document.validators.clone() } else { reading::Validators::default() };
            tally.entries += output.goods.len() - before;
        }
        Err(reason) => {
            tally.unread += 1;
            warn(output, Some(document.place.clone()), format!("The feed cannot be read: {reason}."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, content, notes, shared, signals};
    use crate::step::Fetched;
    use std::collections::BTreeSet;

    const URL: &str = "https://rival.example/pricing";

    fn bench() -> Bench {
        Bench::new(&Watch, r#"watch "rivals" { page "https://rival.example/pricing" }"#)
    }

    fn set(bench: &mut Bench, text: &str) {
        bench.files.insert(URL.into(), content(URL, text));
    }

    #[test]
    fn the_first_sight_is_a_baseline_and_a_new_price_an_alarm() {
        let mut bench = bench();
        set(&mut bench, "# Plans\n- Pro: $5/mo\n- Team: $9/mo");
        assert_eq!(bench.run("2026-01-01").unwrap().headline.as_deref(), Some("1 page, 0 with changed facts, 1 seen first"));
        set(&mut bench, "# Plans\nWords.\n- Pro: $5/mo\n- Team: $9/mo");
        let reworded = bench.run("2026-01-02").unwrap();
        assert_eq!(
            (reworded.goods.len(), reworded.headline.as_deref()),
            (0, Some("1 page, 0 with changed facts, 1 only reworded"))
        );
        set(&mut bench, "# Plans\n- Pro: $6/mo\n- Team: $9/mo");
        let output = bench.run("2026-01-03").unwrap();
        let found = signals(&output);
        assert_eq!(found[0].title.as_data(), "Plans: Plans › Pro 5 → 6 usd/month");
        assert_eq!(
            (found[0].kind, found[0].quote.as_data(), found[0].url.as_deref()),
            (SignalKind::Change, "- Pro: $6/mo", Some(URL))
        );
        assert_eq!(bench.run("2026-01-04").unwrap().goods.len(), 0);
    }

    #[test]
    fn blocked_empty_failing_and_moved_pages_neither_alarm_nor_forget() {
        let mut bench = bench();
        set(&mut bench, "# Plans\n- Pro: $5/mo\n- Team: $9/mo");
        bench.run("2026-01-01").unwrap();
        let path = r#"watch "rivals" { page "https://rival.example/pricing"; path "other.md" }"#;
        let state = bench.state.clone();
        let mut bench = Bench::new(&Watch, path).file("other.md", "# Other\nA $1/mo");
        bench.state = state;
        let cases = [
            (Fetched::Blocked { place: URL.into(), reason: "robots.txt".into() }, "may not be read (robots.txt)"),
            (content(URL, ""), "The page is empty"),
            (content(URL, "<html><title>Just a moment...</title><body>x</body></html>"), "a check for robots"),
            (content(URL, "Sorry."), "lost its prices and most of its text"),
        ];
        for (fetched, expected) in cases {
            bench.files.insert(URL.into(), fetched);
            let output = bench.run("2026-01-02").unwrap();
            assert!(output.goods.is_empty() && notes(&output)[0].contains(expected), "{:?}", notes(&output));
        }
        let moved = "https://rival.example/plans";
        bench.files.insert(URL.into(), content(moved, "# Plans\n- Pro: $7/mo\n- Team: $9/mo"));
        let output = bench.run("2026-01-03").unwrap();
        assert_eq!(notes(&output), [format!("{moved} The page moved from {URL} to {moved}.")]);
        assert_eq!(signals(&output)[0].facts[0].old.as_deref(), Some("5"));
    }

    #[test]
    fn a_page_that_goes_away_is_news_once() {
        let step = r#"watch "rivals" { page "https://rival.example/pricing"; path "other.md" }"#;
        let mut bench = Bench::new(&Watch, step).file("other.md", "# Other\nA $1/mo");
        set(&mut bench, "# Plans\n- Pro: $5/mo");
        bench.run("2026-01-01").unwrap();
        bench.files.insert(URL.into(), Fetched::Missing { place: URL.into() });
        let output = bench.run("2026-01-02").unwrap();
        assert_eq!(signals(&output)[0].title.as_data(), "Page gone: Plans");
        assert_eq!(bench.run("2026-01-03").unwrap().goods.len(), 0);
        set(&mut bench, "# Plans\n- Pro: $8/mo");
        assert_eq!(signals(&bench.run("2026-01-04").unwrap())[0].facts[0].old.as_deref(), Some("5"));
    }

    #[test]
    fn sitemaps_feeds_and_headlines_are_watched() {
        let step = r#"watch "rivals" { page "https://rival.example/pricing"; sitemap "https://rival.example/s.xml"; feed "https://rival.example/f.xml"; facts "headline" }"#;
        let map = |pages: &str| format!("<urlset>{pages}</urlset>");
        let mut bench = Bench::new(&Watch, step)
            .file("https://rival.example/s.xml", map("<url><loc>https://rival.example/a</loc></url>"))
            .file(
                "https://rival.example/f.xml",
                "<rss version=\"2.0\"><channel><title>c</title><item><title>Launch</title><guid>1</guid></item></channel></rss>",
            );
        set(&mut bench, "# The old way\n$5");
        assert_eq!(signals(&bench.run("2026-01-01").unwrap()).len(), 1);
        set(&mut bench, "# The new way\n$6");
        let url = "https://rival.example/s.xml";
        bench.files.insert(
            url.into(),
            content(url, map("<url><loc>https://rival.example/a</loc></url><url><loc>https://rival.example/b</loc></url>")),
        );
        let output = bench.run("2026-01-02").unwrap();
        let found = signals(&output);
        assert_eq!(found.iter().map(|s| s.kind).collect::<Vec<_>>(), [SignalKind::Change, SignalKind::Page]);
        assert_eq!((found[0].facts.len(), found[0].facts[0].new.as_deref()), (1, Some("The new way")));
    }

    #[test]
    fn a_history_plays_back() {
        let history = "{\"date\":\"2026-01-01\",\"text\":\"# P\\nPro $5/mo\"}\n{\"date\":\"2026-01-05\",\"text\":\"# P\\nPro $6/mo\"}\n{\"date\":\"2026-01-05\",\"text\":\"# P\\nPro $7/mo\"}\n";
        let step = r#"watch "rivals" { history "h.jsonl" page="https://rival.example/pricing" }"#;
        let mut bench = Bench::new(&Watch, step).file("h.jsonl", history);
        assert_eq!(bench.run("2025-12-31").unwrap().headline.as_deref(), Some("nothing in force yet"));
        assert_eq!(bench.run("2026-01-04").unwrap().goods.len(), 0);
        let output = bench.run("2026-01-06").unwrap();
        let found = signals(&output);
        assert_eq!((found[0].facts[0].new.as_deref(), found[0].url.as_deref()), (Some("7"), Some(URL)));
        assert_eq!(found[0].at.to_string(), "2026-01-05T00:00:00Z");
        assert_eq!(bench.run("2026-02-01").unwrap().goods.len(), 0);
        let step = r#"watch "rivals" { history "h.jsonl"; look-back "14d" }"#;
        let output = Bench::new(&Watch, step).file("h.jsonl", history).run("2026-01-18").unwrap();
        assert_eq!(signals(&output)[0].facts[0].old.as_deref(), Some("5"));
        assert_eq!(output.headline.as_deref(), Some("1 page, 1 with changed facts, 1 seen first"));
        assert_eq!(Bench::new(&Watch, step).file("h.jsonl", history).run("2026-03-01").unwrap().goods.len(), 0);
    }

    /// The price set by an independent and simpler reading: every dollar amount with the `/x` or `per x` that follows it, in the
    /// text without tags and scripts.
    fn simple_price_set(text: &str) -> BTreeSet<String> {
        let unseen = regex::Regex::new(r"(?s)<script.*?</script>|<%.*?%>|<[a-z/][^>]*>|\*\*").unwrap();
        let price = regex::Regex::new(r"\$(\d[\d,]*(?:\.\d+)?)((?:\s*(?:/|\bper )\s*(?:\d+ )?\w+)*)").unwrap();
        let text = unseen.replace_all(text, "");
        let unit = |text: &str| {
            let words = text.replace("per ", "/").replace("month", "mo").replace("year", "yr");
            words.split('/').map(str::trim).collect::<Vec<_>>().join("/")
        };
        let amount = |text: &str| text.replace(',', "").parse::<f64>().unwrap().to_string();
        price.captures_iter(&text).map(|found| format!("{}{}", amount(&found[1]), unit(&found[2]))).collect()
    }

    #[test]
    fn on_a_real_history_alarms_are_the_revisions_whose_price_set_changed() {
        let Some(packed) = shared("decisions/site/pricing_history.jsonl.gz") else { return };
        let text = String::from_utf8(bytes::unpack(&packed).unwrap().into_owned()).unwrap();
        let revisions: Vec<(String, String)> = text
            .lines()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                (value["date"].as_str().unwrap().to_owned(), value["text"].as_str().unwrap().to_owned())
            })
            .collect();
        let mut bench = bench();
        let (mut expected, mut found, mut changed_text) = (Vec::new(), Vec::new(), 0);
        for (index, (date, text)) in revisions.iter().enumerate() {
            set(&mut bench, text);
            let output = bench.run(date).unwrap();
            assert!(output.notes.is_empty(), "{:?}", notes(&output));
            for signal in signals(&output) {
                found.push(index);
                println!("{index} {date} {}", signal.summary.as_data().replace('\n', "\n        "));
                assert!(signal.facts.iter().all(|fact| fact.old != fact.new || fact.unit.is_none()));
                assert!(text.contains('$') && !signal.quote.is_empty());
            }
            if index > 0 {
                changed_text += usize::from(revisions[index - 1].1 != *text);
                if simple_price_set(&revisions[index - 1].1) != simple_price_set(text) {
                    expected.push(index);
                }
            }
        }
        println!("{} revisions, {changed_text} with changed text, {} with changed prices", revisions.len(), expected.len());
        assert!(expected.len() >= 10 && expected.len() < changed_text);
        assert_eq!(found, expected);
    }
}
