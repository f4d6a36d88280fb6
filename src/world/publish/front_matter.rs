//! YAML front matter: what a piece says about itself above its text.
//!
//! Every value is written as JSON, which is YAML too, so no title can be taken for a number, a date or a list. Reading looks
//! only for our own few keys, because people and their site generators may rewrite the rest as they like.

use crate::base::{Digest, Timestamp};
use crate::step::Publish;
use serde_json::Value;

/// Ours; a field of the same name would make the front matter ambiguous.
const RESERVED: [&str; 4] = ["title", "date", "key", "content"];

/// The whole file: front matter and text.
pub fn write(request: &Publish) -> String {
    let body = body_of(&request.text);
    let mut page = String::from("---\n");
    let mut line = |name: &str, value: &str| {
        page.push_str(name);
        page.push_str(": ");
        page.push_str(value);
        page.push('\n');
    };
    line("title", &quoted(&request.title));
    line("date", &request.at.to_string());
    for (name, value) in request.fields.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
        line(&field_name(name), &json(value));
    }
    line("key", &quoted(&request.key));
    line("content", &quoted(&content_mark(&body)));
    page.push_str("---\n\n");
    page.push_str(&body);
    page
}

/// The text as it stands in a file: one line break at the end.
pub fn body_of(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// Tells whether a person changed the text since. Line ends and blank lines around it do not count: editors change those.
pub fn content_mark(body: &str) -> String {
    Digest::of(body.replace("\r\n", "\n").trim()).short(16)
}

/// What we find again in a file that we, or someone since, wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: String,
    pub date: Option<Timestamp>,
    /// The text is not the one that was published.
    pub edited: bool,
}

/// The text of a page, under its front matter when it has one.
pub fn text_under(page: &str) -> &str {
    let page = page.trim_start_matches('\u{feff}');
    let Some(rest) = page.strip_prefix("---\n").or_else(|| page.strip_prefix("---\r\n")) else { return page };
    for end in ["\n---\n", "\n---\r\n"] {
        if let Some((_, body)) = rest.split_once(end) {
            return body;
        }
    }
    page
}

/// Reads a page; `None` when it has no front matter with a key.
pub fn read(page: &str) -> Option<Found> {
    let page = page.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let rest = page.strip_prefix("---\n")?;
    let end = rest.find("\n---\n").or_else(|| rest.strip_suffix("\n---").map(str::len))?;
    let (head, body) = (&rest[..end], rest.get(end + 5..).unwrap_or_default());
    let value = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.trim();
        Some(unquoted(line))
    };
    Some(Found {
        key: value("key").filter(|key| !key.is_empty())?,
        date: value("date").and_then(|text| Timestamp::parse(&text)),
        edited: value("content").is_none_or(|mark| mark != content_mark(body)),
    })
}

/// A JSON string with the few characters escaped that JSON allows bare and YAML does not.
fn quoted(text: &str) -> String {
    json(&Value::from(text))
}

fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

fn field_name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    // YAML 1.1 readers take some bare words for booleans.
    let word = matches!(name.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    if plain && !word { name.to_owned() } else { quoted(name) }
}

fn unquoted(text: &str) -> String {
    if text.starts_with('"') {
        // A comment may follow the closing quotation mark.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        return values.next().and_then(Result::ok).unwrap_or_default();
    }
    if let Some(inner) = text.strip_prefix('\'') {
        return inner.split('\'').next().unwrap_or_default().to_owned();
    }
    text.split(" #").next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    pub fn piece(key: &str, title: &str) -> Publish {
        Publish {
            update: false,
            over: None,
            channel: "blog".into(),
            key: key.into(),
            title: title.into(),
            text: "# Prices moved\n\nTwo rivals raised prices.\n".into(),
            fields: [
                ("pillar".to_owned(), json!("Operations: day two")),
                ("cycle".to_owned(), json!(3)),
                ("signals".to_owned(), json!(["a1", "b2"])),
            ]
            .into(),
            at: Timestamp::parse("2026-11-22T06:00:00Z").unwrap(),
            people: None,
        }
    }

    #[test]
    fn a_page_tells_what_it_is() {
        let page = write(&piece("k-1", "Prices \"moved\": why?"));
        let expected = "---\ntitle: \"Prices \\\"moved\\\": why?\"\ndate: 2026-11-22T06:00:00Z\ncycle: 3\npillar: \"Operations: day two\"\n\
                        signals: [\"a1\",\"b2\"]\nkey: \"k-1\"\ncontent: \"MARK\"\n---\n\n# Prices moved\n\nTwo rivals raised prices.\n";
        let mark = content_mark("# Prices moved\n\nTwo rivals raised prices.");
        assert_eq!(page, expected.replace("MARK", &mark));
        let found = Found { key: "k-1".into(), date: Some(Timestamp::parse("2026-11-22T06:00:00Z").unwrap()), edited: false };
        assert_eq!(read(&page), Some(found));
    }

    #[test]
    fn an_edit_of_the_text_is_seen_and_a_new_coat_is_not() {
        let page = write(&piece("k-1", "t"));
        let edited = |page: &str| read(page).unwrap().edited;
        assert!(edited(&page.replace("Two rivals", "Three rivals")));
        assert!(!edited(&page.replace('\n', "\r\n")));
        assert!(!edited(&format!("\u{feff}{page}\n\n")));
        assert!(!edited(&page.replace("title: \"t\"", "title: Better\ntags: [x]").replace("key: \"k-1\"", "key: 'k-1' # ours")));
    }

    #[test]
    fn strange_titles_stay_on_their_line_and_reserved_fields_stand_once() {
        let mut piece = piece("a\"b\nkey: \"c", "no\n---\nkey: \"stolen\"\u{2028}\u{85}");
        piece.fields =
            [("key".to_owned(), json!("x")), ("yes".to_owned(), json!(true)), ("a b".to_owned(), json!({"c": null}))].into();
        let page = write(&piece);
        assert_eq!(read(&page).unwrap().key, "a\"b\nkey: \"c");
        assert!(page.contains("\"yes\": true\n") && page.contains("\"a b\": {\"c\":null}\n"), "{page}");
        assert_eq!(page.lines().filter(|line| line.starts_with("key:")).count(), 1);
        assert!(page.contains("\\u2028\\u0085"), "{page}");
    }

    #[test]
    fn other_peoples_pages_have_no_key() {
        for page in [
            "",
            "# A page",
            "---\n",
            "---\ntitle: x\n---\ntext key: y",
            "---\nkey: \"\"\n---\n",
            "---\nkey: x\nno end",
            "---\n---\n",
        ] {
            assert_eq!(read(page), None, "{page:?}");
        }
        assert_eq!(read("---\nkey: x\n---").unwrap().key, "x");
    }
}
