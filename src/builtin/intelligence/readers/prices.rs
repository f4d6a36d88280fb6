//! Prices as typed facts: amount, currency, what it is per, and what it is the price of.
//!
//! Comparing facts instead of text is what keeps a watch quiet: of 64 revisions of a real pricing page the text changed in 60
//! and the prices in 18.

use super::page::Page;
use crate::model::goods::Fact;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// One price on a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price {
    /// The plan or product: the nearest heading, and the row, item or sentence it stands in.
    pub about: String,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Millionths of a currency unit.
    pub micros: i64,
    /// What it is per, such as `GB/month`; empty for a plain amount.
    pub unit: String,
    /// The line it stands in.
    pub quote: String,
}

impl Price {
    /// What a price is, wherever it stands: the element of the price set.
    fn token(&self) -> (&str, i64, &str) {
        (&self.currency, self.micros, &self.unit)
    }

    /// `0.15`
    pub fn amount(&self) -> String {
        let text = format!("{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// `usd/GB/month`
    pub fn full_unit(&self) -> String {
        if self.unit.is_empty() { self.currency.clone() } else { format!("{}/{}", self.currency, self.unit) }
    }
}

static PRICE: LazyLock<Regex> = LazyLock::new(|| {
    let amount = r"(?:\d[\d.,]*\d|\d|\.\d+)(?:[\u{a0}\u{202f}]\d{3})*(?:[.,]\d+)?";
    Regex::new(&format!(
        r"(?x)
        (?P<before>US\$|C\$|A\$|[$€£¥]|\b(?:USD|EUR|GBP|CZK|CHF|CAD|AUD|JPY)\b)\s?(?P<a>{amount})(?P<ka>[kK]\b)?
        | (?P<b>{amount})(?P<kb>[kK]\b)?[\s\u{{a0}}]?(?P<after>[€£]|Kč|\b(?:USD|EUR|GBP|CZK|CHF|CAD|AUD|JPY)\b)"
    ))
    .expect("a valid pattern")
});

static UNIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^\s*(?:\b(?:USD|EUR|GBP)\b)?\s*
        ( (?: (?: \s*/\s* | \s*\bper\s+ | \s*\bevery\s+ ) (?:\d[\d,.]*\s*[km]?\s+|\d[\d,.]*\s*[km]?-?)? [a-z][a-z0-9]* (?:-[a-z][a-z0-9]*)* )+
        | \s*\ban?\s+(?:month|year|week|day|hour|minute)\b
        | \s*\b(?:monthly|yearly|annually|weekly|daily|hourly)\b )",
    )
    .expect("a valid pattern")
});

static UNIT_PART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:/|\bper\b|\bevery\b|\ban?\b|^)\s*(\d[\d,.]*\s*[km]?)?[\s-]*([a-z][a-z0-9-]*)").expect("a valid pattern")
});

/// All prices of a page, in its order.
pub fn read(page: &Page) -> Vec<Price> {
    let mut prices = Vec::new();
    let mut heading = String::new();
    let mut header: Option<Vec<&str>> = None;
    for (index, line) in page.lines.iter().enumerate() {
        if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().trim_matches('_').to_owned();
            // A heading may hold the price of its plan: `### Pro $5/mo`.
            let label = before_price(&heading).to_owned();
            if !label.is_empty() && PRICE.is_match(&heading) {
                let full = std::mem::replace(&mut heading, label);
                of_text(&full, "", &heading, &full, &mut prices);
            }
            header = None;
        } else if line.starts_with('|') {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            if !PRICE.is_match(line) && header.is_none() {
                header = Some(cells);
                continue;
            }
            of_row(&cells, header.as_deref().unwrap_or(&[]), &heading, line, &mut prices);
        } else {
            header = None;
            let next = page.lines.get(index + 1).map_or("", String::as_str);
            of_text(line.trim_start_matches("- "), next, &heading, line, &mut prices);
        }
    }
    prices
}

fn of_row(cells: &[&str], header: &[&str], heading: &str, line: &str, prices: &mut Vec<Price>) {
    let label = cells.iter().find(|cell| !cell.is_empty() && !PRICE.is_match(cell)).copied().unwrap_or("");
    let priced = cells.iter().filter(|cell| PRICE.is_match(cell)).count();
    for (index, cell) in cells.iter().enumerate() {
        let column = header.get(index).copied().unwrap_or("");
        let from = prices.len();
        of_text(cell, "", heading, line, prices);
        for price in &mut prices[from..] {
            let parts = if label.is_empty() || priced > 1 { [heading, label, column] } else { [heading, label, ""] };
            price.about = joined(&parts);
            if price.unit.is_empty() {
                // `Price per GB` above the column says what the amounts are per.
                price.unit = UNIT_IN_HEADER.find(column).map_or(String::new(), |found| unit_of(found.as_str()));
            }
        }
    }
}

static UNIT_IN_HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\bper\s+|/\s*)[a-z][a-z0-9-]*(?:\s*(?:/|per)\s*[a-z][a-z0-9-]*)*").expect("a valid pattern")
});

fn of_text(text: &str, next: &str, heading: &str, line: &str, prices: &mut Vec<Price>) {
    let mut last_end = 0;
    for found in PRICE.captures_iter(text) {
        let whole = found.get(0).expect("a match has a whole");
        let group = |names: [&str; 2]| names.iter().find_map(|name| found.name(name)).map_or("", |part| part.as_str());
        let currency = currency_of(group(["before", "after"]));
        let Some(micros) = micros_of(group(["a", "b"]), currency, !group(["ka", "kb"]).is_empty()) else { continue };
        let rest = &text[whole.end()..];
        // Cards often put `/month` on a line of its own.
        let unit = UNIT.find(rest).or_else(|| if rest.trim().is_empty() { UNIT.find(next) } else { None });
        let unit = unit.map_or("", |unit| unit.as_str());
        let prefix = before_price(&text[last_end.min(whole.start())..whole.start()]);
        let label = if prefix.is_empty() { after_price(rest, unit) } else { prefix.to_owned() };
        prices.push(Price {
            about: joined(&[heading, &label]),
            currency: currency.to_owned(),
            micros,
            unit: unit_of(unit),
            quote: line.chars().take(400).collect(),
        });
        last_end = whole.end() + if rest.starts_with(unit) { unit.len() } else { 0 };
    }
}

fn joined(parts: &[&str]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let names = parts.iter().map(|part| part.trim_matches([' ', ':', '_', '-']));
    // A name has letters: `+ 0.25` between two prices is none.
    for part in names.filter(|part| part.chars().any(char::is_alphabetic)) {
        if !kept.contains(&part) {
            kept.push(part);
        }
    }
    kept.join(" › ")
}

/// Words that lead to a price without naming anything.
const GLUE: &[&str] = &[
    "a",
    "about",
    "additional",
    "an",
    "and",
    "are",
    "around",
    "at",
    "be",
    "by",
    "cost",
    "costs",
    "for",
    "from",
    "in",
    "is",
    "just",
    "of",
    "only",
    "or",
    "pay",
    "plus",
    "price",
    "priced",
    "roughly",
    "starting",
    "starts",
    "than",
    "the",
    "then",
    "to",
    "will",
    "with",
    "~",
    "+",
    "-",
    "–",
    "=",
    "(",
];

/// The name before a price: the last words of its sentence, without the glue between.
fn before_price(text: &str) -> &str {
    let text = PRICE.find(text).map_or(text, |found| &text[..found.start()]);
    let sentence =
        text.rfind(['.', '!', '?', ';']).filter(|at| text[*at + 1..].starts_with(' ')).map_or(text, |at| &text[at + 1..]);
    let mut sentence = sentence.trim_matches([' ', '|', ',']);
    loop {
        let trimmed = sentence.trim_end_matches([' ', ':', ',', '(', '~', '–', '=']);
        let last = trimmed.rsplit(' ').next().unwrap_or("");
        if !last.is_empty() && GLUE.contains(&last.to_lowercase().as_str()) {
            sentence = trimmed[..trimmed.len() - last.len()].trim_end();
        } else {
            let words: Vec<(usize, &str)> = trimmed.split_word_starts();
            let from = words.len().saturating_sub(6);
            return words.get(from).map_or(trimmed, |(at, _)| &trimmed[*at..]);
        }
    }
}

trait WordStarts {
    /// Words with where they start.
    fn split_word_starts(&self) -> Vec<(usize, &str)>;
}

impl WordStarts for str {
    fn split_word_starts(&self) -> Vec<(usize, &str)> {
        self.split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| (word.as_ptr() as usize - self.as_ptr() as usize, word))
            .collect()
    }
}

/// `$5 per month for up to 10GB of storage` is the price of `up to 10GB of storage`.
fn after_price(rest: &str, unit: &str) -> String {
    let rest = rest.strip_prefix(unit).unwrap_or(rest).trim_start();
    let Some(rest) = rest.strip_prefix("for ").or_else(|| rest.strip_prefix("of ")) else { return String::new() };
    let end = [". ", ", ", ";", "("].iter().filter_map(|stop| rest.find(stop)).min().unwrap_or(rest.len());
    let rest = rest.trim_end_matches('.');
    let end = end.min(rest.len());
    rest[..end].split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}

fn currency_of(mark: &str) -> &'static str {
    match mark {
        "€" | "EUR" => "eur",
        "£" | "GBP" => "gbp",
        "¥" | "JPY" => "jpy",
        "Kč" | "CZK" => "czk",
        "CHF" => "chf",
        "C$" | "CAD" => "cad",
        "A$" | "AUD" => "aud",
        _ => "usd",
    }
}

/// Millionths. With both marks the last one is decimal; a single one followed by exactly three digits separates thousands when
/// it is a comma, or a point in the currencies that write it so.
fn micros_of(text: &str, currency: &str, thousands: bool) -> Option<i64> {
    let text: String = text.chars().filter(|c| !matches!(c, '\u{a0}' | '\u{202f}')).collect();
    let decimal = match (text.rfind('.'), text.rfind(',')) {
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(at), None) | (None, Some(at)) => {
            let mark = text.as_bytes()[at];
            let in_threes = text.len() - at == 4 && !text.starts_with('0') && at > 0;
            let several = text.matches(char::from(mark)).count() > 1;
            let groups = several || (in_threes && (mark == b',' || matches!(currency, "eur" | "czk")));
            if groups { None } else { Some(at) }
        }
        (None, None) => None,
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (whole, fraction) = match decimal {
        Some(at) => (digits(&text[..at]), digits(&text[at + 1..])),
        None => (digits(&text), String::new()),
    };
    let fraction = format!("{:0<6}", fraction.chars().take(6).collect::<String>());
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let micros = whole.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?)?;
    if thousands { micros.checked_mul(1_000) } else { Some(micros) }
}

/// `/GB per mo` is `GB/month`.
fn unit_of(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in UNIT_PART.captures_iter(text.trim()) {
        let word = part[2].to_lowercase();
        let word = match word.as_str() {
            "mo" | "mos" | "month" | "months" | "monthly" => "month".to_owned(),
            "yr" | "yrs" | "year" | "years" | "annum" | "annually" | "yearly" => "year".to_owned(),
            "h" | "hr" | "hrs" | "hour" | "hours" | "hourly" => "hour".to_owned(),
            "d" | "day" | "days" | "daily" => "day".to_owned(),
            "wk" | "week" | "weeks" | "weekly" => "week".to_owned(),
            "min" | "minute" | "minutes" => "minute".to_owned(),
            "s" | "sec" | "second" | "seconds" => "second".to_owned(),
            "kb" | "mb" | "gb" | "tb" | "gpu" | "cpu" | "vcpu" | "ip" | "vm" => word.to_uppercase(),
            other if other.len() > 3 && other.ends_with('s') && !other.ends_with("ss") => other[..other.len() - 1].to_owned(),
            other => other.to_owned(),
        };
        let number = part.get(1).map_or(String::new(), |number| number.as_str().replace([',', ' '], "").to_lowercase());
        parts.push(if number.is_empty() || number == "1" { word } else { format!("{number}-{word}") });
    }
    parts.join("/")
}

/// Whether the set of prices (currency, amount, unit) differs.
pub fn set_changed(old: &[Price], new: &[Price]) -> bool {
    let set = |prices: &[Price]| {
        prices.iter().map(|price| (price.currency.clone(), price.micros, price.unit.clone())).collect::<BTreeSet<_>>()
    };
    set(old) != set(new)
}

/// What changed, per plan: old and new where a plan kept its name and unit, else the price that came or went. Empty when the set
/// of prices is the same.
pub fn changes(old: &[Price], new: &[Price]) -> Vec<Fact> {
    if !set_changed(old, new) {
        return Vec::new();
    }
    let tokens = |prices: &[Price]| -> BTreeSet<(String, i64, String)> {
        prices.iter().map(Price::token).map(|(currency, micros, unit)| (currency.to_owned(), micros, unit.to_owned())).collect()
    };
    let (old_tokens, new_tokens) = (tokens(old), tokens(new));
    let owned = |price: &Price| (price.currency.clone(), price.micros, price.unit.clone());
    let mut gone: Vec<Option<&Price>> =
        only(old, |price| !new.iter().any(|other| other.about == price.about && other.token() == price.token()));
    let mut come: Vec<Option<&Price>> =
        only(new, |price| !old.iter().any(|other| other.about == price.about && other.token() == price.token()));
    let mut facts: Vec<Fact> = Vec::new();
    // The same plan with the same unit first, then the same plan, then the same unit under the same heading.
    let heading = |price: &Price| price.about.split(" › ").next().unwrap_or("").to_owned();
    let same: [&Fits<'_>; 3] =
        [&|a, b| a.about == b.about && a.full_unit() == b.full_unit(), &|a, b| a.about == b.about, &|a, b| {
            heading(a) == heading(b) && a.full_unit() == b.full_unit()
        }];
    for fits in same {
        for slot in &mut come {
            let Some(price) = *slot else { continue };
            let Some(partner) = gone.iter_mut().find(|other| other.is_some_and(|other| fits(other, price))) else { continue };
            let other = partner.take().expect("found above");
            *slot = None;
            // A price whose place was only renamed is not news.
            if other.token() != price.token() && (!new_tokens.contains(&owned(other)) || !old_tokens.contains(&owned(price))) {
                facts.push(fact(Some(other), Some(price)));
            }
        }
    }
    let left = |slots: &[Option<&Price>], others: &BTreeSet<(String, i64, String)>| -> Vec<Price> {
        let mut seen = BTreeSet::new();
        slots
            .iter()
            .flatten()
            .filter(|price| !others.contains(&owned(price)) && seen.insert(owned(price)))
            .map(|price| (*price).clone())
            .collect()
    };
    facts.extend(left(&come, &old_tokens).iter().map(|price| fact(None, Some(price))));
    facts.extend(left(&gone, &new_tokens).iter().map(|price| fact(Some(price), None)));
    if facts.is_empty() {
        // A price now stands once where it stood in two units or names: the set alone tells.
        let missing = |prices: &[Price], others: &BTreeSet<(String, i64, String)>| {
            prices.iter().find(|price| !others.contains(&owned(price))).cloned()
        };
        facts.push(fact(missing(old, &new_tokens).as_ref(), missing(new, &old_tokens).as_ref()));
    }
    facts
}

/// Whether an old and a new price belong together.
type Fits<'a> = dyn Fn(&Price, &Price) -> bool + 'a;

fn only(prices: &[Price], keep: impl Fn(&Price) -> bool) -> Vec<Option<&Price>> {
    // Each plan and price once, in the order of the page.
    let mut seen: BTreeMap<(&str, (&str, i64, &str)), ()> = BTreeMap::new();
    prices.iter().filter(|price| keep(price) && seen.insert((&price.about, price.token()), ()).is_none()).map(Some).collect()
}

fn fact(old: Option<&Price>, new: Option<&Price>) -> Fact {
    let unit = |price: &Price| price.full_unit();
    let same_unit = match (old, new) {
        (Some(old), Some(new)) => old.full_unit() == new.full_unit(),
        _ => true,
    };
    // With two units the amounts carry their own.
    let show = |price: &Price| if same_unit { price.amount() } else { format!("{} {}", price.amount(), price.full_unit()) };
    Fact {
        name: "price".to_owned(),
        about: new.or(old).map(|price| price.about.clone()).unwrap_or_default(),
        old: old.map(show),
        new: new.map(show),
        unit: if same_unit { new.or(old).map(unit) } else { None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::intelligence::readers::page;

    fn prices(text: &str) -> Vec<String> {
        let found = read(&page::read(text, None));
        found.iter().map(|price| format!("{} = {} {}", price.about, price.amount(), price.full_unit())).collect()
    }

    #[test]
    fn amounts_units_and_names_are_read() {
        for (text, expected) in [
            ("## GPU\n* A10: $1.50/hr per GPU", "GPU › A10 = 1.5 usd/hour/GPU"),
            ("* Additional $0.50/GB per month for storage", "storage = 0.5 usd/GB/month"),
            ("Dedicated IPv4 addresses are $2/mo.", "Dedicated IPv4 addresses = 2 usd/month"),
            ("- $5 per month for up to 10GB of database storage.", "up to 10GB of database storage = 5 usd/month"),
            ("### Pro\n$1,440/year", "Pro = 1440 usd/year"),
            ("Team: 1.000,50 € pro", "Team = 1000.5 eur"),
            ("Plan €12 monthly", "Plan = 12 eur/month"),
            ("RAM $5 per 30 days per GB", "RAM = 5 usd/30-day/GB"),
            ("Start 490 Kč", "Start = 490 czk"),
            ("Enterprise costs $10k a year", "Enterprise = 10000 usd/year"),
            ("API USD 0.002 per 1,000 requests", "API = 0.002 usd/1000-request"),
            ("Seat $9 / user / month", "Seat = 9 usd/user/month"),
        ] {
            assert_eq!(prices(text), [expected], "{text}");
        }
        // What looks like a unit may be the next price.
        assert_eq!(prices("$5/USD 10").len(), 2);
        assert_eq!(prices("5 people, 10 days, 3.5 GB, and $ alone"), Vec::<String>::new());
    }

    #[test]
    fn tables_and_cards_are_read() {
        let table = "## Egress\n| Region | Public (per GB) | Private |\n|---|---|---|\n| Europe | $0.02 | $0.006 per GB |";
        assert_eq!(
            prices(table),
            ["Egress › Europe › Public (per GB) = 0.02 usd/GB", "Egress › Europe › Private = 0.006 usd/GB"]
        );
        let cards = "<html><body><div><h3>Pro</h3><div><b>$5</b></div><div>/month</div></div></body></html>";
        assert_eq!(prices(cards), ["Pro = 5 usd/month"]);
        assert_eq!(prices("### Pro $5/mo\ntext"), ["Pro = 5 usd/month"]);
    }

    fn diff(old: &str, new: &str) -> Vec<String> {
        let read = |text| read(&page::read(text, None));
        let show = |value: &Option<String>| value.clone().unwrap_or("none".into());
        changes(&read(old), &read(new))
            .iter()
            .map(|fact| {
                format!("{}: {} → {} {}", fact.about, show(&fact.old), show(&fact.new), fact.unit.as_deref().unwrap_or(""))
            })
            .collect()
    }

    #[test]
    fn changes_are_told_per_plan() {
        assert_eq!(diff("# A\n- Pro: $5/mo\n- Team: $9/mo", "# A\n- Pro: $6/mo\n- Team: $9/mo"), ["A › Pro: 5 → 6 usd/month"]);
        assert_eq!(diff("Pro: $5/mo", "Pro: $5/mo\nMax: $50/mo"), ["Max: none → 50 usd/month"]);
        assert_eq!(diff("Pro: $5/mo\nMax: $50/mo", "Pro: $5/mo"), ["Max: 50 → none usd/month"]);
        assert_eq!(diff("Pro: $5/mo", "Pro: $50/yr"), ["Pro: 5 usd/month → 50 usd/year "]);
        // The new price of one plan is the old price of another.
        assert_eq!(diff("Pro: $5/mo\nMax: $9/mo", "Pro: $9/mo\nMax: $9/mo"), ["Pro: 5 → 9 usd/month"]);
    }

    #[test]
    fn words_and_places_may_change_without_alarm() {
        assert_eq!(
            diff("# Pricing\nPro: $5/mo, billed monthly", "# Plans\nProfessional: $5 per month. New text."),
            Vec::<String>::new()
        );
        assert_eq!(diff("Pro: $5/mo\nMax: $9/mo", "Max: $9/mo\nPro: $5/mo"), Vec::<String>::new());
    }
}
