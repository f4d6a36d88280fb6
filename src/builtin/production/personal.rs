//! Personal data stays here: what a model is told has no e-mail address, no phone number and no name that stands with one.
//!
//! Evidence is written by strangers and now and then names people. A model needs none of that to write a piece, and what is never sent
//! can stand in no recording and no log of a provider. Two things are not taken out: what stands in the Client OS, which the team itself
//! has put there for others to read, and kinds of data that the provider declares with `personal-data`. The composer is no model and
//! sees everything, because nothing leaves the machine.

use crate::model::Provider;
use crate::step::Generate;
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What `personal-data` of a provider may name.
pub const KINDS: &[&str] = &["e-mail", "phone", "name"];

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").expect("a valid pattern")
});
/// International, British and German, and North American ways of writing; plain runs of digits are numbers.
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\+\d{1,3}[ .\-/]?(?:\(\d{1,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){5,12}\b|\(\d{3,5}\) ?\d{3,4}[ \-.]?\d{3,4}\b|\b0[1-9]\d{1,3}[ /\-]\d{3,4}[ \-]?\d{3,4}\b|\b\d{3}[\-.]\d{3}[\-.]\d{4}\b")
        .expect("a valid pattern")
});
/// `Ann Smith <` before an address, and `Contact: Ann Smith`.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:\b|["“])(\p{Lu}[\p{L}'’.\-]+(?: \p{Lu}[\p{L}'’.\-]*){1,3})["”]?(?: )?<(?:[^<>\s]+@[^<>\s]+)>|\b(?i:contact|name|lead|author|attn)\s*[:=]\s*(\p{Lu}[\p{L}'’.\-]+(?: \p{Lu}[\p{L}'’\-]*){0,3})"#)
        .expect("a valid pattern")
});

fn mark(kind: &str) -> String {
    format!("[{kind} left out]")
}

/// What a provider declares that it may see.
fn declared(provider: Option<&Provider>) -> Vec<String> {
    provider.map_or_else(Vec::new, |provider| provider.config.texts("personal-data").into_iter().map(str::to_owned).collect())
}

/// The request without personal data. `public` says what the team has published itself.
pub fn redacted(request: Generate, provider: Option<&Provider>, public: &dyn Fn(&str) -> bool) -> Generate {
    if provider.is_some_and(|provider| provider.kind == "template") {
        return request;
    }
    let sees = declared(provider);
    let clean = |text: &str| clean(text, &sees, public);
    Generate { system: clean(&request.system), prompt: clean(&request.prompt), composed: clean(&request.composed), ..request }
}

/// How much of each kind was left out of a request.
pub fn left_out(request: &Generate) -> BTreeMap<String, u64> {
    let count = |kind: &str| (request.system.matches(&mark(kind)).count() + request.prompt.matches(&mark(kind)).count()) as u64;
    KINDS.iter().map(|kind| ((*kind).to_owned(), count(kind))).filter(|(_, count)| *count > 0).collect()
}

fn clean(text: &str, sees: &[String], public: &dyn Fn(&str) -> bool) -> String {
    let may = |kind: &str| sees.iter().any(|seen| seen == kind);
    let mut text = text.to_owned();
    // Names first: they are known by the address that stands beside them.
    if !may("name") {
        text = NAME
            .replace_all(&text, |found: &Captures<'_>| {
                let name = found.get(1).or_else(|| found.get(2)).map_or("", |name| name.as_str());
                if public(name) { found[0].to_owned() } else { found[0].replacen(name, &mark("name"), 1) }
            })
            .into_owned();
    }
    for (kind, pattern) in [("e-mail", &*EMAIL), ("phone", &*PHONE)] {
        if !may(kind) {
            text = pattern
                .replace_all(&text, |found: &Captures<'_>| if public(&found[0]) { found[0].to_owned() } else { mark(kind) })
                .into_owned();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;
    use crate::model::config::Scalar;

    fn cleaned(text: &str, sees: &[&str]) -> String {
        let sees: Vec<String> = sees.iter().map(|kind| (*kind).to_owned()).collect();
        clean(text, &sees, &|found| found == "hello@us.example")
    }

    #[test]
    fn addresses_numbers_and_the_names_beside_them_are_left_out() {
        for (text, expected) in [
            ("write to ann.smith+x@mail.rival.example.", "write to [e-mail left out]."),
            ("Ann Smith <ann@rival.example> said", "[name left out] <[e-mail left out]> said"),
            ("call +44 20 7946 0958 now", "call [phone left out] now"),
            ("call (555) 123-4567 or 555-123-4567", "call [phone left out] or [phone left out]"),
            ("Tel. 0171 946 0958", "Tel. [phone left out]"),
            ("contact: Ann Smith, sales", "contact: [name left out], sales"),
            ("or hello@us.example", "or hello@us.example"),
        ] {
            assert_eq!(cleaned(text, &[]), expected);
        }
    }

    #[test]
    fn numbers_that_a_piece_is_made_of_stay() {
        for text in [
            "from $0.15 to $0.12 per GB, 1,020 teams, 34 in May 2026",
            "seen on 2026-06-03 at 10:59:12, 03-06-2026, version 1.95.0, 10.0.0.127",
            "[c1] 0.15 0.12 0.123 and 1234567890",
            "https://rival.example/2026/06/03/1234567?id=0123456789",
        ] {
            assert_eq!(cleaned(text, &[]), text);
        }
    }

    #[test]
    fn what_a_provider_declares_it_sees_and_the_composer_sees_all() {
        assert_eq!(cleaned("ann@a.example +44 20 7946 0958", &["e-mail"]), "ann@a.example [phone left out]");
        let request = Generate {
            provider: "p".into(),
            task: "draft".into(),
            system: "s".into(),
            prompt: "ann@a.example, bob@b.example".into(),
            composed: "ann@a.example".into(),
            max_tokens: 1,
            schema: None,
        };
        let provider = |kind: &str, sees: Option<&str>| {
            let node = sees.map(|kind| Config {
                name: "personal-data".into(),
                args: vec![Scalar::Text(kind.into())].into(),
                ..Config::default()
            });
            Provider {
                name: "p".into(),
                kind: kind.into(),
                config: Config { children: node.into_iter().collect(), ..Config::default() },
            }
        };
        let seen = redacted(request.clone(), Some(&provider("openai-chat", None)), &|_| false);
        assert_eq!(left_out(&seen), BTreeMap::from([("e-mail".to_owned(), 2)]));
        assert!(!seen.composed.contains('@'));
        for open in [provider("template", None), provider("openai-chat", Some("e-mail"))] {
            assert_eq!(redacted(request.clone(), Some(&open), &|_| false), request);
        }
    }
}
