//! RSS, Atom and JSON Feed as plain entries. `feed-rs` parses; here links become absolute, ids stable and HTML text.

use crate::base::{Digest, Hasher, Timestamp};
use crate::builtin::common::{html, links};
use feed_rs::model::{Entry, Link, Text};
use feed_rs::parser;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedEntry {
    /// As the feed gives it, else made from link and title: the same in each reading.
    pub id: String,
    pub title: String,
    /// Text without markup.
    pub summary: String,
    pub url: Option<String>,
    /// Published, else updated; `None` when the feed gives neither.
    pub at: Option<Timestamp>,
    /// Digest of what the entry says.
    pub digest: Digest,
}

/// Reads a feed. `base` is the address it was read from.
///
/// # Errors
/// A sentence without a period, with the line when the parser knows it.
pub fn read(bytes: &[u8], base: Option<&str>) -> Result<Vec<FeedEntry>, String> {
    let parser = parser::Builder::new()
        .base_uri(base)
        // An item without an id gets the same one in each reading: the library's own last resort is a random one.
        .id_generator(|links, title, _| stable_id(links, title))
        .build();
    let feed = parser.parse(bytes).map_err(|error| describe(bytes, &error))?;
    if is_cut_off(bytes) {
        return Err("it is cut off: its last closing tag is missing".to_owned());
    }
    let self_link = feed.links.iter().find(|link| link.rel.as_deref() == Some("self") && link.href.contains("://"));
    let site = feed.links.iter().find(|link| link.href.contains("://"));
    let base = base.or(self_link.map(|link| link.href.as_str())).or(site.map(|link| link.href.as_str())).unwrap_or("").to_owned();
    Ok(feed.entries.into_iter().map(|entry| plain(entry, &base)).collect())
}

/// Whether the end of an XML feed is missing. The parser takes the end of the input for the end of all that is open, so a
/// half-downloaded feed would pass as one that lost its older entries.
fn is_cut_off(bytes: &[u8]) -> bool {
    // Without the zeros of two-byte encodings the tags are ASCII in all of them.
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&text);
    let is_xml = text.trim_start_matches(|c: char| !c.is_ascii() || c.is_whitespace()).starts_with('<');
    let last = text.rsplit("</").next().and_then(|rest| rest.split_once('>')).map_or("", |(name, _)| name.trim());
    let name = last.rsplit(':').next().unwrap_or("").to_ascii_lowercase();
    is_xml && !matches!(name.as_str(), "rss" | "feed" | "rdf")
}

fn stable_id(links: &[Link], title: &Option<Text>) -> String {
    let mut hasher = Hasher::new();
    hasher.part(links.first().map_or("", |link| &link.href));
    hasher.part(title.as_ref().map_or("", |title| &title.content));
    hasher.finish().short(32)
}

fn plain(entry: Entry, base: &str) -> FeedEntry {
    let title = entry.title.map(|title| html::line(&title.content)).unwrap_or_default();
    let text = match (&entry.summary, &entry.content) {
        (Some(summary), _) if !summary.content.trim().is_empty() => summary.content.as_str(),
        (_, Some(content)) => content.body.as_deref().unwrap_or(""),
        _ => entry.media.iter().find_map(|media| media.description.as_ref()).map_or("", |text| &text.content),
    };
    let summary = html::line(text);
    let link = entry.links.iter().find(|link| matches!(link.rel.as_deref(), None | Some("alternate"))).or(entry.links.first());
    let base = entry.base.as_deref().unwrap_or(base);
    let url = link.map(|link| links::resolve(base, &link.href)).or_else(|| entry.id.contains("://").then(|| entry.id.clone()));
    let at = entry.published.or(entry.updated).map(|at| Timestamp(at.timestamp_millis()));
    let title = if title.is_empty() { summary.chars().take(80).collect() } else { title };
    let mut hasher = Hasher::new();
    hasher.part(&entry.id).part(&title).part(&summary).part(url.as_deref().unwrap_or(""));
    FeedEntry { digest: hasher.finish(), id: entry.id, title, summary, url, at }
}

/// What the user needs to know: is it not a feed at all, or a damaged one?
fn describe(bytes: &[u8], error: &parser::ParseFeedError) -> String {
    let start: String = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).trim_start().to_ascii_lowercase();
    if start.is_empty() {
        "it is empty".to_owned()
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "it is a web page, not a feed".to_owned()
    } else {
        match error {
            parser::ParseFeedError::XmlReader(_) => format!("it is cut off or not well-formed ({error})"),
            parser::ParseFeedError::JsonSerde(_) => format!("it is cut off or not a JSON Feed ({error})"),
            _ => format!("it is not RSS, Atom or JSON Feed ({error})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::shared;

    fn titles(path: &str, base: Option<&str>) -> Option<Vec<FeedEntry>> {
        shared(&format!("sources/feeds/{path}")).map(|bytes| read(&bytes, base).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    #[test]
    fn relative_links_are_resolved_with_and_without_an_address() {
        let Some(entries) = titles("atom_relative.xml", Some("https://example.com/blog/feed.xml")) else { return };
        assert_eq!(entries[0].url.as_deref(), Some("https://example.com/blog/2003/12/13/atom03"));
        let entries = titles("atom_relative.xml", None).unwrap();
        assert_eq!(entries[0].url.as_deref(), Some("https://example.com/blog/2003/12/13/atom03"));
    }

    #[test]
    fn a_missing_id_is_the_same_in_each_reading() {
        let Some(first) = titles("rss_0.91_missing_id.xml", None) else { return };
        assert_eq!(first, titles("rss_0.91_missing_id.xml", None).unwrap());
        assert_eq!(first[0].id.len(), 32);
        assert!(first[0].title.contains("Público"), "{}", first[0].title);
        assert_eq!(first[0].at, None);
    }

    #[test]
    fn encodings_are_read() {
        let Some(entries) = titles("rss_2.0_encoding_1.xml", None) else { return };
        assert!(entries[0].title.contains("Revolução"), "{}", entries[0].title);
        let entries = titles("rss_1.0_iso8859.xml", None).unwrap();
        assert!(
            entries
                .iter()
                .any(|entry| entry.summary.contains(['ä', 'ö', 'ü', 'ß']) || entry.title.contains(['ä', 'ö', 'ü', 'ß']))
        );
    }

    #[test]
    fn html_in_titles_and_summaries_becomes_text() {
        let rss = "<rss version=\"2.0\"><channel><title>c</title><link>https://a.example/</link><item><title>A &amp;amp; B</title>\
            <description>&lt;p&gt;One &lt;b&gt;two&lt;/b&gt;&lt;/p&gt;</description><link>/x</link></item></channel></rss>";
        let entry = &read(rss.as_bytes(), Some("https://a.example/feed")).unwrap()[0];
        assert_eq!((entry.title.as_str(), entry.summary.as_str()), ("A & B", "One two"));
        assert_eq!(entry.url.as_deref(), Some("https://a.example/x"));
    }

    #[test]
    fn what_is_wrong_with_a_feed_is_said() {
        assert_eq!(read(b"", None).unwrap_err(), "it is empty");
        assert_eq!(read(b"<!DOCTYPE html><html></html>", None).unwrap_err(), "it is a web page, not a feed");
        assert!(read(b"<rss version=\"2.0\"><channel><item><title>a</ti", None).unwrap_err().contains("cut off"));
    }

    #[test]
    fn a_feed_that_ends_between_two_entries_is_cut_off() {
        let whole = "<rss version=\"2.0\"><channel><title>c</title><item><title>a</title></item><item><title>b</title></item></channel></rss>\n<!-- 0.2 s -->";
        assert_eq!(read(whole.as_bytes(), None).unwrap().len(), 2);
        for end in ["<item><title>b", "</channel>", "</rss>"] {
            let half = &whole[..whole.find(end).unwrap()];
            assert!(read(half.as_bytes(), None).unwrap_err().contains("cut off"), "{half}");
        }
    }
}
