//! Search intent by words: a table anybody can read, a score per class, and "unsure" when no class leads.

use crate::base::InOrder;
use crate::stats::text::tokens;
use std::collections::BTreeMap;

/// Phrases that speak for a class. Longer phrases say more, so each counts as many points as it has words.
pub const PHRASES: &[(&str, &[&str])] = &[
    (
        "informational",
        &[
            "how",
            "how to",
            "what",
            "what is",
            "why",
            "when",
            "who",
            "guide",
            "tutorial",
            "example",
            "examples",
            "meaning",
            "definition",
            "learn",
            "learning",
            "tips",
            "ideas",
            "difference",
            "difference between",
            "explained",
            "checklist",
            "best practices",
            "introduction",
            "history",
            "statistics",
            "strategy",
        ],
    ),
    (
        "navigational",
        &[
            "login",
            "log in",
            "sign in",
            "signin",
            "dashboard",
            "homepage",
            "website",
            "official",
            "docs",
            "documentation",
            "github",
            "linkedin",
            "twitter",
            "facebook",
            "youtube",
            "status page",
            "contact",
            "account",
            "careers",
        ],
    ),
    (
        "commercial",
        &[
            "best",
            "top",
            "vs",
            "versus",
            "alternative",
            "alternatives",
            "alternatives to",
            "compare",
            "comparison",
            "review",
            "reviews",
            "pricing",
            "price",
            "prices",
            "cost",
            "costs",
            "how much",
            "tool",
            "tools",
            "software",
            "platform",
            "platforms",
            "agency",
            "agencies",
            "service",
            "services",
            "provider",
            "providers",
            "vendor",
            "solution",
            "solutions",
            "cheapest",
            "for small business",
        ],
    ),
    (
        "transactional",
        &[
            "buy",
            "order",
            "purchase",
            "coupon",
            "discount",
            "deal",
            "deals",
            "promo code",
            "download",
            "free trial",
            "trial",
            "demo",
            "book a demo",
            "sign up",
            "signup",
            "subscribe",
            "hire",
            "get a quote",
            "quote",
            "install",
            "rent",
            "for sale",
            "near me",
        ],
    ),
];

/// The answer when no class leads by enough.
pub const UNSURE: &str = "unsure";

/// The class of a query, by the built-in phrases and `more` (class and phrase). A class must lead the next by a point.
pub fn classify<'a>(text: &str, more: &[(&'a str, &'a str)]) -> &'a str
where
    'static: 'a,
{
    let words = tokens(text);
    let mut points: BTreeMap<&'a str, usize> = BTreeMap::new();
    let built_in = PHRASES.iter().flat_map(|(class, phrases)| phrases.iter().map(move |phrase| (*class, *phrase)));
    // Of phrases inside one another only the longest counts: `how much` is no `how`.
    let mut found: Vec<(usize, usize, &'a str)> = Vec::new();
    for (class, phrase) in built_in.chain(more.iter().copied()) {
        let wanted = tokens(phrase);
        if wanted.is_empty() || wanted.len() > words.len() {
            continue;
        }
        let places = words.windows(wanted.len()).enumerate().filter(|(_, window)| *window == wanted.as_slice());
        found.extend(places.map(|(at, _)| (at, at + wanted.len(), class)));
    }
    let inside = |a: &(usize, usize, &str), b: &(usize, usize, &str)| a.0 >= b.0 && a.1 <= b.1 && b.1 - b.0 > a.1 - a.0;
    for place in &found {
        if !found.iter().any(|other| inside(place, other)) {
            *points.entry(place.2).or_default() += place.1 - place.0;
        }
    }
    let mut ranked: Vec<(usize, &'a str)> = points.into_iter().map(|(class, points)| (points, class)).collect();
    ranked.order_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    match ranked.as_slice() {
        [(_, class)] => class,
        [(first, class), (second, _), ..] if first > second => class,
        _ => UNSURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_the_intent_and_a_tie_is_unsure() {
        for (text, expected) in [
            ("how to automate approvals", "informational"),
            ("what is an approval gate", "informational"),
            ("acme login", "navigational"),
            ("best content approval tools", "commercial"),
            ("acme vs other", "commercial"),
            ("how much does acme cost", "commercial"),
            ("acme free trial", "transactional"),
            ("buy approval software", "unsure"),
            ("mcp", "unsure"),
            ("", "unsure"),
        ] {
            assert_eq!(classify(text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn own_words_count_too() {
        assert_eq!(classify("acme console", &[("navigational", "acme")]), "navigational");
        assert_eq!(classify("preisvergleich", &[("kaufen", "preisvergleich")]), "kaufen");
    }
}
