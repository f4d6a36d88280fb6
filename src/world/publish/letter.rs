//! A piece as a letter: who it is from and to, its name among letters, and the same text twice, plain and as clean HTML.
//!
//! A letter is a function of the channel, the piece and the time of sending. Its `Message-ID` comes from the piece's key alone, so every
//! attempt has the same one: a mailbox that was reached twice shows it, and a person can look for it.

use super::html;
use crate::base::{Digest, Timestamp};
use crate::model::Config;
use crate::step::Publish;
use crate::world::trouble::Trouble;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use regex::Regex;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From whom, to whom, and how they get out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    /// They get it too, and nobody sees that they do.
    pub bcc: Vec<Mailbox>,
    pub reply_to: Option<Mailbox>,
    /// An address that ends it, on the web or of mail.
    pub unsubscribe: Option<String>,
    /// Whether one `POST` to the address ends it (RFC 8058).
    pub one_click: bool,
}

impl Envelope {
    /// From the settings of a channel called `name`.
    ///
    /// # Errors
    /// When an address is none, or nobody gets it.
    pub fn read(name: &str, config: &Config) -> Result<Envelope, Trouble> {
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().map_err(|_| {
                Trouble::permanent(
                    format!("`{text}` in channel `{name}` is no mail address"),
                    "write it as `\"ann@example.com\"` or `\"Ann Example <ann@example.com>\"`",
                )
            })
        };
        let all = |node: &str| config.texts(node).into_iter().map(mailbox).collect::<Result<Vec<_>, _>>();
        let (to, bcc) = (all("to")?, all("bcc")?);
        if to.is_empty() && bcc.is_empty() && !config.has("audience") {
            return Err(Trouble::permanent(
                format!("nobody gets the letters of channel `{name}`"),
                "add `to \"list@example.com\"`, `audience \"data/readers.csv\"`, or `bcc` for people who shall not see each other's addresses",
            ));
        }
        let from = config.text("from").unwrap_or_default();
        let unsubscribe = config.child("unsubscribe");
        Ok(Envelope {
            from: mailbox(from)?,
            to,
            bcc,
            reply_to: config.text("reply-to").map(mailbox).transpose()?,
            unsubscribe: unsubscribe.and_then(|node| node.arg()?.text().map(str::to_owned)),
            one_click: unsubscribe.is_some_and(|node| node.prop("one-click").and_then(|value| value.bool()) == Some(true)),
        })
    }

    /// The name of the letter that carries a key, without its brackets.
    pub fn message_id(&self, key: &str) -> String {
        let plain = !key.is_empty() && key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let key = if plain { key.to_owned() } else { Digest::of(key).short(32) };
        format!("loopctl.{key}@{}", self.from.email.domain())
    }
}

/// Writes the letter.
///
/// # Errors
/// When an address or the unsubscribe address cannot stand in a letter.
pub fn write(envelope: &Envelope, piece: &Publish, now: Timestamp) -> Result<Message, Trouble> {
    let cannot = |what: String| Trouble::permanent(what, "look at the addresses of this channel");
    let mut letter = Message::builder()
        .from(envelope.from.clone())
        .date(time(now))
        .subject(one_line(&piece.title))
        .message_id(Some(format!("<{}>", envelope.message_id(&piece.key))));
    for to in &envelope.to {
        letter = letter.to(to.clone());
    }
    for bcc in &envelope.bcc {
        letter = letter.bcc(bcc.clone());
    }
    if let Some(reply_to) = &envelope.reply_to {
        letter = letter.reply_to(reply_to.clone());
    }
    let header = |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
    let mut text = piece.text.trim_end().to_owned();
    if let Some(address) = &envelope.unsubscribe {
        let known = ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme));
        if !known || address.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>')) {
            return Err(cannot(format!("`{}` is no address that ends a subscription", one_line(address))));
        }
        letter = letter.raw_header(header("List-Unsubscribe", format!("<{address}>")));
        if envelope.one_click && address.starts_with("https://") {
            letter = letter.raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        text.push_str(&format!("\n\n---\n\nNot for you any more? [Unsubscribe]({address})\n"));
    }
    // Holiday answers to a machine help nobody (RFC 3834).
    letter = letter.raw_header(header("Auto-Submitted", "auto-generated".to_owned()));
    let page = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"></head><body>\n{}</body></html>\n",
        html::from_markdown(&with_links(&text))
    );
    // Between the parts stands what the key says, so that the same letter is the same bytes.
    let parts = MultiPart::alternative().boundary(format!("=_{}", Digest::of(&piece.key).short(32)));
    let parts = parts.singlepart(SinglePart::plain(text)).singlepart(SinglePart::html(page));
    letter.multipart(parts).map_err(|error| cannot(format!("the letter cannot be written: {error}")))
}

/// An address that stands by itself becomes a link: notices are full of them, and Markdown leaves them as they are.
fn with_links(text: &str) -> String {
    static BARE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)(^|[ \t])(https?://[^\s<>]+)").expect("a valid pattern"));
    BARE.replace_all(text, "$1<$2>").into_owned()
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

/// A subject is one line, whoever wrote it.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub mod tests {
    use super::super::front_matter::tests::piece;
    use super::*;
    use crate::model::Scalar;

    pub fn node(name: &str, arg: &str) -> Config {
        Config { name: name.to_owned().into(), args: [Scalar::Text(arg.to_owned())].into(), ..Config::default() }
    }

    fn envelope(nodes: &[(&str, &str)]) -> Result<Envelope, Trouble> {
        let children = nodes.iter().map(|(name, arg)| node(name, arg)).collect();
        Envelope::read("news", &Config { children, ..Config::default() })
    }

    fn fine() -> Envelope {
        envelope(&[("from", "Ann <ann@us.example>"), ("to", "list@us.example"), ("bcc", "bob@them.example")]).unwrap()
    }

    fn text(letter: &Message) -> String {
        String::from_utf8(letter.formatted()).unwrap()
    }

    #[test]
    fn a_letter_is_the_same_bytes_for_the_same_piece_and_time() {
        let now = Timestamp::parse("2026-11-22T06:00:00Z").unwrap();
        let letter = write(&fine(), &piece("k-1", "Prices moved"), now).unwrap();
        let text = text(&letter);
        assert_eq!(text, self::text(&write(&fine(), &piece("k-1", "Prices moved"), now).unwrap()));
        for part in [
            "Message-ID: <loopctl.k-1@us.example>\r\n",
            "Subject: Prices moved\r\n",
            "Date: Sun, 22 Nov 2026 06:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "text/plain",
            "text/html",
            "<p>Two rivals raised prices.</p>",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("bob@them.example"), "nobody sees who gets it too\n{text}");
        assert_eq!(letter.envelope().to().len(), 2);
    }

    #[test]
    fn a_way_out_is_in_the_head_and_in_the_text() {
        let way_out = Envelope { unsubscribe: Some("https://us.example/out".into()), one_click: true, ..fine() };
        let text = text(&write(&way_out, &piece("k-1", "t"), Timestamp(0)).unwrap());
        assert!(text.contains("List-Unsubscribe: <https://us.example/out>\r\n"), "{text}");
        assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{text}");
        assert!(text.contains("Not for you any more?"), "{text}");
        for bad in ["javascript:x", "https://a>\r\nBcc: x", "us.example/out"] {
            let wrong = Envelope { unsubscribe: Some(bad.into()), ..fine() };
            assert!(write(&wrong, &piece("k-1", "t"), Timestamp(0)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_title_never_becomes_a_header_and_a_script_never_a_part() {
        let mut bad = piece("k 1\r\nBcc: x@evil.example", "Hello\r\nBcc: y@evil.example\r\n\r\nbody");
        bad.text = "<script>alert(1)</script>\n\n.\n\nQUIT\n\nümlaut".into();
        let text = text(&write(&fine(), &bad, Timestamp(0)).unwrap());
        assert!(!text.to_lowercase().contains("\nbcc:"), "{text}");
        let (_, html) = text.split_once("text/html").unwrap();
        assert!(!html.contains("<script"), "{text}");
        assert_eq!(text.matches("Message-ID:").count(), 1);
    }

    #[test]
    fn an_address_in_a_notice_can_be_clicked() {
        let mut notice = piece("k-1", "2 things");
        notice.text = "- one\n  https://loop.example/go/a.b\n\nDecide at https://loop.example\n[c](https://us.example)\n".into();
        let html = html::from_markdown(&with_links(&notice.text));
        for link in ["href=\"https://loop.example/go/a.b\"", "href=\"https://loop.example\"", "href=\"https://us.example\""] {
            assert!(html.contains(link), "{link} in {html}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        for (nodes, said) in [
            (&[("from", "ann"), ("to", "list@us.example")][..], "`ann`"),
            (&[("from", "ann@us.example"), ("to", "a@b@c")], "`a@b@c`"),
            (&[("from", "ann@us.example")], "nobody gets"),
            (&[("to", "list@us.example")], "no mail address"),
        ] {
            let trouble = envelope(nodes).unwrap_err();
            assert!(trouble.message.contains(said), "{trouble:?}");
        }
    }
}
