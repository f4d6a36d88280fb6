//! What platforms take: how long, how many, how many links. Dated facts, each with where it is written; a style guide may say otherwise.
//!
//! A limit here is one that a platform refuses beyond, or, where the platform sets none, what the team has room for. Counting is never
//! below what the platform counts, so a text that fits here fits there.

use crate::client_os::{Snapshot, style_limits};
use regex::Regex;
use std::sync::LazyLock;

/// What kind of text a platform takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Markdown, as drafts are.
    Article,
    /// One text without markup.
    Post,
    /// Several posts without markup, a line of `---` between them.
    Thread,
    /// Several letters, each beginning with `Subject:`, a line of `---` between them.
    Letters,
    /// What is spoken.
    Script,
}

/// How a platform counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Plain,
    /// Addresses count as 23, whatever their length.
    ShortLinks,
    /// Addresses count as 23, what is not Latin, punctuation or a symbol counts twice.
    Weighted,
    /// Emoji count as their bytes.
    EmojiBytes,
}

/// The most of each; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one part.
    pub characters: Option<usize>,
    /// Posts of a thread, letters of a sequence.
    pub parts: Option<usize>,
    /// Of one part.
    pub links: Option<usize>,
    /// Of one part.
    pub hashtags: Option<usize>,
    /// Of the whole text.
    pub words: Option<usize>,
    /// Characters of a subject.
    pub title: Option<usize>,
    pub count: Count,
}

const NONE: Limits =
    Limits { characters: None, parts: None, links: None, hashtags: None, words: None, title: None, count: Count::Plain };

/// One platform.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    pub name: &'static str,
    pub form: Form,
    pub limits: Limits,
    /// Where the limit is written.
    pub source: &'static str,
    /// The day on which it was looked up.
    pub seen: &'static str,
}

/// The names, for `to`.
pub const NAMES: &[&str] =
    &["article", "x", "bluesky", "mastodon", "threads", "linkedin", "facebook", "instagram", "email", "script"];

/// All platforms, in the order of [`NAMES`].
pub const PLATFORMS: &[Platform] = &[
    Platform { name: "article", form: Form::Article, limits: NONE, source: "no limit of its own", seen: "2026-11-22" },
    Platform {
        name: "x",
        form: Form::Thread,
        limits: Limits { characters: Some(280), parts: Some(25), count: Count::Weighted, ..NONE },
        source: "https://docs.x.com/fundamentals/counting-characters (280, weighted); 25 posts are our own most",
        seen: "2026-11-22",
    },
    Platform {
        name: "bluesky",
        form: Form::Thread,
        limits: Limits { characters: Some(300), parts: Some(25), ..NONE },
        source: "lexicon app.bsky.feed.post (300 graphemes); 25 posts are our own most",
        seen: "2026-11-22",
    },
    Platform {
        name: "mastodon",
        form: Form::Thread,
        limits: Limits { characters: Some(500), parts: Some(25), count: Count::ShortLinks, ..NONE },
        source: "https://docs.joinmastodon.org/user/posting/ (500 unless a server says otherwise; links count 23)",
        seen: "2026-11-22",
    },
    Platform {
        name: "threads",
        form: Form::Thread,
        limits: Limits {
            characters: Some(500),
            parts: Some(25),
            links: Some(5),
            hashtags: Some(1),
            count: Count::EmojiBytes,
            ..NONE
        },
        source: "https://developers.facebook.com/docs/threads/overview (500 characters, 5 links, 1 topic tag)",
        seen: "2026-11-22",
    },
    Platform {
        name: "linkedin",
        form: Form::Post,
        limits: Limits { characters: Some(3_000), ..NONE },
        source: "https://linkedinpreview.com/blog/linkedin-post-length (3,000 characters since June 2021)",
        seen: "2026-11-22",
    },
    Platform {
        name: "facebook",
        form: Form::Post,
        limits: Limits { characters: Some(63_206), ..NONE },
        source: "https://docs.upload-post.com/resources/character-limits/ (63,206 characters)",
        seen: "2026-11-22",
    },
    Platform {
        name: "instagram",
        form: Form::Post,
        limits: Limits { characters: Some(2_200), hashtags: Some(5), ..NONE },
        source: "https://docs.upload-post.com/resources/character-limits/ (2,200 characters); 5 hashtags since December 2025",
        seen: "2026-11-22",
    },
    Platform {
        name: "email",
        form: Form::Letters,
        limits: Limits { parts: Some(5), title: Some(78), ..NONE },
        source: "RFC 5322, 2.1.1 (lines of 78 characters, for the subject); 5 letters are our own most",
        seen: "2026-11-22",
    },
    Platform {
        name: "script",
        form: Form::Script,
        limits: Limits { words: Some(300), ..NONE },
        source: "two minutes at 150 spoken words a minute are our own most",
        seen: "2026-11-22",
    },
];

/// The platform of this name.
pub fn platform(name: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.name == name)
}

impl Platform {
    /// Its limits, as the style guide of this name in the Client OS changes them.
    pub fn limits(&self, client_os: &Snapshot) -> Limits {
        let mut limits = self.limits;
        let Some(style) = client_os.styles.get(self.name) else { return limits };
        for (_, name, most) in style_limits(style) {
            match name.as_str() {
                "characters" => limits.characters = Some(most),
                "posts" | "parts" | "e-mails" | "letters" => limits.parts = Some(most),
                "links" => limits.links = Some(most),
                "hashtags" => limits.hashtags = Some(most),
                "words" => limits.words = Some(most),
                "title" | "subject" => limits.title = Some(most),
                _ => {}
            }
        }
        limits
    }
}

/// What an address of ours looks like in a text without markup.
pub static URL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"https?://[^\s)\]<>"]+"#).expect("a valid pattern"));
/// `#word` at the start of a word; a heading has a blank behind its mark.
pub static HASHTAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[\s(])(#[\p{L}\p{N}_]*\p{L}[\p{L}\p{N}_]*)").expect("a valid pattern"));

impl Limits {
    /// The length of a text as the platform counts it, or more.
    pub fn length(&self, text: &str) -> usize {
        match self.count {
            Count::Plain | Count::EmojiBytes => text.chars().map(|c| self.weight(c)).sum(),
            Count::ShortLinks | Count::Weighted => {
                let (mut length, mut at) = (0, 0);
                for url in URL.find_iter(text) {
                    length += text[at..url.start()].chars().map(|c| self.weight(c)).sum::<usize>() + 23;
                    at = url.end();
                }
                length + text[at..].chars().map(|c| self.weight(c)).sum::<usize>()
            }
        }
    }

    /// What one character counts.
    pub fn weight(&self, c: char) -> usize {
        let code = c as u32;
        match self.count {
            Count::Plain | Count::ShortLinks => 1,
            // The ranges of the configuration of twitter-text, version 3.
            Count::Weighted => match code {
                0..=0x10ff | 0x2000..=0x200d | 0x2010..=0x201f | 0x2032..=0x2037 => 1,
                _ => 2,
            },
            Count::EmojiBytes if code >= 0x1f000 || (0x2600..=0x27bf).contains(&code) => c.len_utf8(),
            Count::EmojiBytes => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_a_name_a_source_and_a_day() {
        assert_eq!(PLATFORMS.iter().map(|platform| platform.name).collect::<Vec<_>>(), NAMES);
        for platform in PLATFORMS {
            assert!(!platform.source.is_empty() && platform.seen.len() == 10, "{}", platform.name);
        }
    }

    #[test]
    fn lengths_are_counted_as_platforms_do() {
        let x = platform("x").unwrap().limits;
        assert_eq!(x.length("café"), 4);
        assert_eq!(x.length("日本"), 4);
        assert_eq!(x.length("see https://example.com/very/long/path now"), 4 + 23 + 4);
        assert_eq!(platform("mastodon").unwrap().limits.length("日本 https://a.example"), 3 + 23);
        assert_eq!(platform("threads").unwrap().limits.length("a🙂"), 5);
        assert_eq!(platform("bluesky").unwrap().limits.length("a🙂"), 2);
    }

    #[test]
    fn a_style_guide_says_otherwise() {
        let mut client_os = Snapshot::default();
        client_os.styles.insert("x".into(), "Short.\n\n## Limits\n\n- characters: 200\n- posts: 4\n- hashtags: 0\n".into());
        let limits = platform("x").unwrap().limits(&client_os);
        assert_eq!((limits.characters, limits.parts, limits.hashtags, limits.links), (Some(200), Some(4), Some(0), None));
        assert_eq!(platform("linkedin").unwrap().limits(&client_os), platform("linkedin").unwrap().limits);
    }
}
