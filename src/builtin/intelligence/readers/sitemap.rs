//! Sitemaps: lists of pages and lists of such lists, with or without dates; also plain text with one address a line.

use crate::base::Timestamp;
use crate::builtin::common::{bytes, date, links};
use jiff::tz::TimeZone;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of a sitemap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub url: String,
    pub changed: Option<Timestamp>,
}

/// What a sitemap file lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sitemap {
    Pages(Vec<Entry>),
    /// Other sitemaps.
    Index(Vec<Entry>),
}

/// Reads a sitemap.
///
/// # Errors
/// A sentence without a period when the file is cut off or is no sitemap. A cut file is not half a site.
pub fn read(bytes: &[u8]) -> Result<Sitemap, String> {
    let text = bytes::text(bytes);
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return Err("it is empty".to_owned());
    }
    if !trimmed.starts_with('<') {
        let lines: Vec<&str> = trimmed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.iter().all(|line| line.starts_with("http://") || line.starts_with("https://")) {
            return Ok(Sitemap::Pages(lines.into_iter().map(|line| Entry { url: line.to_owned(), changed: None }).collect()));
        }
        return Err("it is neither XML nor a list of addresses".to_owned());
    }
    read_xml(trimmed)
}

fn read_xml(text: &str) -> Result<Sitemap, String> {
    let mut reader = Reader::from_str(text);
    let mut index: Option<bool> = None;
    let mut open: Vec<String> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let (mut url, mut changed) = (String::new(), String::new());
    let mut complete = false;
    loop {
        let event = reader.read_event().map_err(|error| format!("it is cut off or not well-formed ({error})"))?;
        match event {
            Event::Start(element) => {
                // Only names of the sitemap format itself matter: `image:loc` is a picture, not a page.
                let name = element.name().as_ref().to_owned();
                let name = String::from_utf8_lossy(name.as_ref()).into_owned();
                match (open.is_empty(), name.as_str()) {
                    (true, "urlset") => index = Some(false),
                    (true, "sitemapindex") => index = Some(true),
                    (true, other) => return Err(format!("it is not a sitemap: the document is `{other}`")),
                    _ => {}
                }
                if open.len() == 1 {
                    (url, changed) = (String::new(), String::new());
                }
                open.push(name);
            }
            Event::End(_) => {
                open.pop();
                if open.len() == 1 && !url.trim().is_empty() {
                    let at = date::parse(&changed, &[], &TimeZone::UTC);
                    entries.push(Entry { url: url.trim().to_owned(), changed: at });
                }
                complete |= open.is_empty();
            }
            Event::Text(part) => add(&open, &mut url, &mut changed, &part.xml10_content()),
            Event::CData(part) => add(&open, &mut url, &mut changed, &part.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content().into_owned();
                let plain = match name.as_str() {
                    "amp" => "&".to_owned(),
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    _ => reference.resolve_char_ref().ok().flatten().map_or(String::new(), String::from),
                };
                add(&open, &mut url, &mut changed, &plain);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !complete && index.is_some() && !entries.is_empty() || !open.is_empty() {
        return Err("it is cut off".to_owned());
    }
    match index {
        Some(true) => Ok(Sitemap::Index(entries)),
        Some(false) => Ok(Sitemap::Pages(entries)),
        // `<urlset/>` without a page is an empty site; anything else is no sitemap.
        None if text.contains("<urlset") => Ok(Sitemap::Pages(Vec::new())),
        None => Err("it is not a sitemap".to_owned()),
    }
}

fn add(open: &[String], url: &mut String, changed: &mut String, text: &str) {
    if open.len() != 3 {
        return;
    }
    match open[2].as_str() {
        "loc" => url.push_str(text),
        "lastmod" => changed.push_str(text),
        _ => {}
    }
}

/// The pages of a site as kept from cycle to cycle: by sitemap file, page key and date.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Site(pub BTreeMap<String, BTreeMap<String, Option<Timestamp>>>);

/// What happened to one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    New,
    Changed,
    Removed,
}

/// How a site differs from what was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    pub pages: Vec<(String, Option<Timestamp>, Happened)>,
    /// There was nothing kept: all pages were seen for the first time and none is news.
    pub first_sight: bool,
    /// More than half of the pages of these sitemaps vanished at once, so nothing is taken for removed.
    pub suspicious: Vec<String>,
}

/// A site that loses this many pages, and more than half of them, at once is more likely broken than cut down.
const VANISHED_MIN: usize = 10;

impl Site {
    /// Takes in the sitemaps that were read, by key, and says what differs. Sitemaps that were not read keep their pages.
    pub fn update(&mut self, read: Vec<(String, Vec<Entry>)>) -> Difference {
        let mut difference = Difference { first_sight: self.0.is_empty(), ..Difference::default() };
        let before: BTreeMap<String, Option<Timestamp>> = self.0.values().flatten().map(|(url, at)| (url.clone(), *at)).collect();
        for (file, entries) in read {
            let pages: BTreeMap<String, Option<Timestamp>> =
                entries.into_iter().map(|entry| (links::key(&entry.url), entry.changed)).collect();
            let kept = self.0.get(&file).map_or(0, BTreeMap::len);
            let lost = self.0.get(&file).map_or(0, |old| old.keys().filter(|url| !pages.contains_key(*url)).count());
            if lost >= VANISHED_MIN && lost * 2 > kept {
                difference.suspicious.push(file);
                continue;
            }
            self.0.insert(file, pages);
        }
        if difference.first_sight {
            return difference;
        }
        let after: BTreeMap<&String, Option<Timestamp>> = self.0.values().flatten().map(|(url, at)| (url, *at)).collect();
        for (url, at) in &after {
            match before.get(*url) {
                None => difference.pages.push(((*url).clone(), *at, Happened::New)),
                Some(old) if old.is_some() && at > old => difference.pages.push(((*url).clone(), *at, Happened::Changed)),
                Some(_) => {}
            }
        }
        let removed = before.keys().filter(|url| !after.contains_key(url)).map(|url| (url.clone(), None, Happened::Removed));
        difference.pages.extend(removed);
        difference
    }

    pub fn pages(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::shared;

    #[test]
    fn the_example_sitemaps_are_read() {
        let Some(bytes) = shared("sources/sitemaps/ghost-sitemap-posts.xml") else { return };
        let Ok(Sitemap::Pages(pages)) = read(&bytes) else { panic!("pages") };
        assert_eq!(
            pages.iter().map(|page| page.url.as_str()).collect::<Vec<_>>(),
            ["http://127.0.0.1:8092/cap-1/", "http://127.0.0.1:8092/coming-soon/"]
        );
        assert_eq!(pages[0].changed.unwrap().to_string(), "2026-11-22T03:26:00Z");
        let Ok(Sitemap::Pages(pages)) = read(&shared("sources/sitemaps/wordpress-wp-sitemap-posts-post-1.xml").unwrap()) else {
            panic!("pages")
        };
        assert_eq!((pages.len(), pages[0].changed), (3, None));
        for index in ["ghost-sitemap.xml", "wordpress-wp-sitemap.xml"] {
            let Ok(Sitemap::Index(files)) = read(&shared(&format!("sources/sitemaps/{index}")).unwrap()) else { panic!("index") };
            assert_eq!(files.len(), 4);
        }
    }

    #[test]
    fn entities_text_lists_and_nonsense() {
        let Ok(Sitemap::Pages(pages)) = read(b"<urlset><url><loc>https://a.example/?a=1&amp;b=2</loc></url></urlset>") else {
            panic!("pages")
        };
        assert_eq!(pages[0].url, "https://a.example/?a=1&b=2");
        assert_eq!(
            read(b"https://a.example/x\nhttps://a.example/y\n")
                .map(|found| matches!(found, Sitemap::Pages(pages) if pages.len() == 2)),
            Ok(true)
        );
        assert_eq!(read(b"<urlset><url><loc>https://a.example/</loc></url><url><loc>https://a"), Err("it is cut off".to_owned()));
        assert_eq!(read(b"<html><body></body></html>"), Err("it is not a sitemap: the document is `html`".to_owned()));
        assert_eq!(read(b"<urlset/>"), Ok(Sitemap::Pages(Vec::new())));
        assert_eq!(read(b" "), Err("it is empty".to_owned()));
    }

    fn entries(urls: &[&str]) -> Vec<Entry> {
        urls.iter().map(|url| Entry { url: format!("https://a.example/{url}"), changed: None }).collect()
    }

    fn told(difference: &Difference) -> Vec<(String, Happened)> {
        difference.pages.iter().map(|(url, _, happened)| (url.rsplit('/').next().unwrap().to_owned(), *happened)).collect()
    }

    #[test]
    fn a_site_tells_new_and_removed_pages_and_stays_calm_about_moves() {
        let mut site = Site::default();
        assert!(site.update(vec![("m1".into(), entries(&["a", "b"])), ("m2".into(), entries(&["c"]))]).first_sight);
        let difference = site.update(vec![("m1".into(), entries(&["a"])), ("m2".into(), entries(&["b", "c", "d"]))]);
        assert_eq!(told(&difference), [("d".to_owned(), Happened::New)]);
        // m2 could not be read: its pages are not gone.
        assert_eq!(told(&site.update(vec![("m1".into(), entries(&[]))])), [("a".to_owned(), Happened::Removed)]);
    }

    #[test]
    fn a_site_that_vanishes_at_once_is_suspicious() {
        let many: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut site = Site::default();
        site.update(vec![("m".into(), entries(&many))]);
        let difference = site.update(vec![("m".into(), entries(&many[..3]))]);
        assert_eq!((told(&difference), difference.suspicious), (vec![], vec!["m".to_owned()]));
        assert_eq!(site.pages(), 30);
    }
}
