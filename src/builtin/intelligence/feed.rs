//! `source kind="feed"`: posts, news and release notes from RSS, Atom and JSON Feed.
//!
//! Each entry is given once: the ids that were given are kept per feed, with the validators for a conditional request.

use super::readers::feed;
use super::reading::{self, count, warn};
use crate::base::{Digest, Timestamp};
use crate::builtin::common::topic;
use crate::model::goods::{Signal, SignalKind};
use crate::model::{GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reads feeds.
pub struct Feed;

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("feed"),
    layers: &[Layer::Intelligence],
    summary: "Reads posts and news from RSS, Atom and JSON Feed.",
    doc: "Each entry becomes one article signal, once: ids that were given are remembered per feed. Unchanged feeds are \
        not downloaded again (ETag, Last-Modified). Relative links are resolved, missing ids are made from link and title, \
        and any encoding is read. A feed that cannot be read gets a warning with its place while the others go on.\n\n\
        Entries dated after the cycle are left for a later one, so a recorded feed plays back day by day; entries without \
        a date count as published when they were read.",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec { doc: "The address of a feed.", ..reading::URL },
        NodeSpec { doc: "A feed in a file.", example: r#"path "data/press.xml""#, ..reading::PATH },
        reading::FOLDER,
        reading::EVERY,
        NodeSpec::value(
            "newest",
            ValueType::Duration,
            "Entries older than this at the first sight of a feed are left out; without it all of them count.",
            r#"newest "90d""#,
        ),
    ],
    example: "source \"press\" kind=\"feed\" {\n    url \"https://example.com/feed.xml\"\n    folder \"data/feeds\" glob=\"*.xml\"\n    every \"1h\"\n}",
    keeps: Some("per feed: validators and the ids of entries that were given"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// At most this many ids are remembered per feed beyond those it shows now.
const IDS_MAX: usize = 2_000;

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    read_at: Option<Timestamp>,
    #[serde(default)]
    feeds: BTreeMap<String, KeptFeed>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct KeptFeed {
    #[serde(flatten)]
    pub(super) validators: reading::Validators,
    /// Short digests of entry ids that were given, oldest first.
    #[serde(default)]
    given: Vec<String>,
}

impl StepKind for Feed {
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
                return Err(StepError::new("there is no feed to read").help("add `url`, `path` or `folder`"));
            }
            let validators = kept.feeds.iter().map(|(key, feed)| (key.clone(), feed.validators.clone())).collect();
            return Ok(Turn::Ask(reading::requests(&targets, &validators)));
        };
        let mut output = Output::default();
        let readings = reading::readings(&targets, replies, &mut output)?;
        let (mut entries, mut unreadable, mut later) = (0, readings.unread, 0);
        for document in &readings.documents {
            match feed::read(&document.bytes, document.url()) {
                Ok(found) => {
                    let feed = kept.feeds.entry(document.key.clone()).or_default();
                    let before = output.goods.len();
                    later += give(cx, feed, found, &mut output);
                    entries += output.goods.len() - before;
                    // Validators of a recording would skip entries that were not due yet.
                    feed.validators = if later == 0 { document.validators.clone() } else { reading::Validators::default() };
                }
                Err(reason) => {
                    unreadable += 1;
                    warn(&mut output, Some(document.place.clone()), format!("The feed cannot be read: {reason}."));
                }
            }
        }
        let mut headline = format!("{}, {}", count(readings.places(), "feed"), entries_named(entries, &kept));
        if unreadable > 0 {
            headline.push_str(&format!(", {unreadable} unreadable"));
        }
        if later > 0 {
            headline.push_str(&format!(", {later} dated later"));
        }
        kept.read_at = Some(cx.now);
        output.headline = Some(headline);
        output.state = reading::keep(&kept);
        Ok(Turn::Done(output))
    }
}

fn entries_named(entries: usize, kept: &Kept) -> String {
    if kept.read_at.is_some() {
        format!("{} new {}", entries, if entries == 1 { "entry" } else { "entries" })
    } else {
        count(entries, "entry")
    }
}

/// Gives what is new and due; says how many entries are dated after this cycle.
pub(super) fn give(cx: &StepContext<'_>, kept: &mut KeptFeed, entries: Vec<feed::FeedEntry>, output: &mut Output) -> usize {
    let newest = if kept.given.is_empty() { cx.config().duration("newest") } else { None };
    let mut later = 0;
    let mut shown: Vec<String> = Vec::new();
    for entry in entries {
        let id = Digest::of(&entry.id).short(16);
        let at = entry.at.unwrap_or(cx.now);
        if at > cx.now {
            later += 1;
            continue;
        }
        if shown.contains(&id) {
            continue;
        }
        let is_new = !kept.given.contains(&id);
        shown.push(id);
        if is_new && newest.is_none_or(|newest| cx.now.since(at) <= newest) {
            output.give(signal(cx, entry, at), Vec::new());
        }
    }
    // Entries that left the feed and come back must not be new, so older ids stay, the oldest forgotten first.
    kept.given.retain(|id| !shown.contains(id));
    let forgotten = kept.given.len().saturating_sub(IDS_MAX);
    kept.given.drain(..forgotten);
    shown.reverse();
    kept.given.extend(shown);
    later
}

fn signal(cx: &StepContext<'_>, entry: feed::FeedEntry, at: Timestamp) -> Signal {
    let quote = if entry.summary.is_empty() { entry.title.clone() } else { reading::quote(&entry.summary, 280) };
    let title = Untrusted::new(&entry.title);
    Signal {
        summary: Untrusted::new(entry.summary.chars().take(4_000).collect::<String>()),
        url: entry.url,
        fetched_at: cx.now,
        quote: Untrusted::new(quote),
        ..Signal::new(SignalKind::Article, topic::key(title.as_data()), title, cx.step.id.as_str(), at, entry.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, content, notes, shared, signals};
    use crate::step::Fetched;

    fn rss(items: &[(&str, &str)]) -> String {
        let items: String = items
            .iter()
            .map(|(title, date)| {
                format!("<item><title>{title}</title><link>https://a.example/{title}</link><pubDate>{date}</pubDate></item>")
            })
            .collect();
        format!("<rss version=\"2.0\"><channel><title>c</title><link>https://a.example/</link>{items}</channel></rss>")
    }

    const FIRST: &str = "Mon, 02 Nov 2026 08:00:00 GMT";
    const SECOND: &str = "Wed, 04 Nov 2026 08:00:00 GMT";

    fn titles(output: &Output) -> Vec<String> {
        signals(output).iter().map(|signal| signal.title.as_data().to_owned()).collect()
    }

    #[test]
    fn a_recorded_feed_plays_back_and_gives_each_entry_once() {
        let step = r#"source "press" kind="feed" { path "f.xml" }"#;
        let mut bench = Bench::new(&Feed, step).file("f.xml", rss(&[("two", SECOND), ("one", FIRST)]));
        assert_eq!(titles(&bench.run("2026-11-03T00:00:00Z").unwrap()), ["one"]);
        assert_eq!(titles(&bench.run("2026-11-05T00:00:00Z").unwrap()), ["two"]);
        let third = bench.run("2026-11-06T00:00:00Z").unwrap();
        assert_eq!(titles(&third), Vec::<String>::new());
        assert_eq!(third.headline.as_deref(), Some("1 feed, 0 new entries"));
    }

    #[test]
    fn validators_are_sent_and_an_unchanged_feed_is_fine() {
        let url = "https://a.example/feed";
        let mut bench = Bench::new(&Feed, r#"source "press" kind="feed" { url "https://a.example/feed"; every "1h" }"#);
        let Fetched::Content { body, .. } = content(url, rss(&[("one", FIRST)])) else { unreachable!() };
        let fetched =
            Fetched::Content { body, content_type: None, etag: Some("e1".into()), last_modified: None, place: url.into() };
        bench.files.insert(url.into(), fetched);
        assert_eq!(bench.run("2026-11-03T00:00:00Z").unwrap().goods.len(), 1);
        let early = bench.run("2026-11-03T00:30:00Z").unwrap();
        assert!(early.headline.unwrap().starts_with("not due"));
        assert_eq!(bench.run("2026-11-03T01:00:00Z").unwrap().headline.as_deref(), Some("1 feed, 0 new entries"));
        assert_eq!(bench.asked.iter().map(|fetch| fetch.etag.as_deref()).collect::<Vec<_>>(), [None, Some("e1")]);
    }

    #[test]
    fn a_broken_feed_gets_a_note_and_the_others_go_on() {
        let mut bench =
            Bench::new(&Feed, r#"source "press" kind="feed" { url "https://gone.example/f"; folder "feeds" glob="*.xml" }"#)
                .file("feeds/a.xml", rss(&[("one", FIRST)]))
                .file("feeds/b.xml", &rss(&[("two", FIRST)])[..120]);
        let output = bench.run("2026-11-03T00:00:00Z").unwrap();
        assert_eq!(titles(&output), ["one"]);
        assert_eq!(output.headline.as_deref(), Some("3 feeds, 1 entry, 2 unreadable"));
        let notes = notes(&output);
        assert!(notes[0].starts_with("https://gone.example/f "), "{notes:?}");
        assert!(notes[1].starts_with("feeds/b.xml The feed cannot be read: it is cut off"), "{notes:?}");
    }

    #[test]
    fn when_nothing_can_be_read_the_step_fails() {
        let error =
            Bench::new(&Feed, r#"source "press" kind="feed" { path "none.xml" }"#).run("2026-11-03T00:00:00Z").unwrap_err();
        assert_eq!(error.message, "none.xml is not there");
    }

    #[test]
    fn bidi_and_invisible_characters_do_not_reach_a_signal() {
        let mut bench =
            Bench::new(&Feed, r#"source "press" kind="feed" { path "f.xml" }"#).file("f.xml", rss(&[("o\u{202e}ne", FIRST)]));
        assert_eq!(titles(&bench.run("2026-11-03T00:00:00Z").unwrap()), ["one"]);
    }

    #[test]
    fn the_example_feeds_are_all_read() {
        let names = [
            "atom_example_reddit.xml",
            "atom_mediarss_youtube_1.xml",
            "atom_relative.xml",
            "atom_spec_1.xml",
            "atom_xml_base.xml",
            "ghost-6.65.rss.xml",
            "jsonfeed_elastic_1.1.json",
            "jsonfeed_spec_1.json",
            "rss_0.91_missing_id.xml",
            "rss_1.0_debian.xml",
            "rss_1.0_iso8859.xml",
            "rss_2.0_dbengines.xml",
            "rss_2.0_element_io.xml",
            "rss_2.0_encoding_1.xml",
            "wordpress-6.1.atom.xml",
            "wordpress-6.1.rss.xml",
        ];
        let mut bench = Bench::new(&Feed, r#"source "press" kind="feed" { folder "feeds" glob="*" }"#);
        for name in names {
            let Some(bytes) = shared(&format!("sources/feeds/{name}")) else { return };
            bench.files.insert(format!("feeds/{name}"), content(name, bytes));
        }
        let output = bench.run("2027-01-01T00:00:00Z").unwrap();
        println!("{:?} {:?}", output.headline, notes(&output));
        assert!(output.notes.is_empty());
        let mut per_feed = std::collections::BTreeSet::new();
        for signal in signals(&output) {
            assert!(!signal.title.is_empty() && !signal.quote.is_empty() && !signal.topic.is_empty(), "{signal:?}");
            per_feed.insert(signal.topic.clone());
        }
        assert!(per_feed.len() >= 16, "{per_feed:?}");
    }
}
