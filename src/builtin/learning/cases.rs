//! Cases for `pattern`: rows of categories with an outcome, from tables or from raw events.
//!
//! A table that carries the outcome in a field has one case a row. Raw events have one case a person: the first thing they
//! did says under which circumstances, and whether an event of the outcome's name followed within the window. Time becomes
//! the day of the week and the part of the day, numbers become quarters of their range, and what a piece was about comes
//! from its receipt.

use super::series::part_of;
use crate::base::Timestamp;
use crate::model::goods::{Receipt, Row};
use crate::stats::subgroup::{Attribute, NONE, Table};
use crate::stats::summary::{quantile_sorted, sorted};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Levels that one attribute may have: rarer ones are not searched.
const LEVELS_MAX: usize = 100;
/// A field with more different numbers is cut into quarters.
const NUMBERS_MAX: usize = 8;
/// A field that nobody asked for is used up to so many levels: more of them are names, not circumstances.
const FIELD_LEVELS_MAX: usize = 30;

/// How cases are read.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// A field of the row, or else the name of later events.
    pub outcome: &'a str,
    /// How much of it, and not only whether.
    pub value: bool,
    /// `channel`, `piece`, `topic`, `pillar`, `weekday`, `daypart`, or a field; empty for all that are there.
    pub by: Vec<&'a str>,
    /// The field that says who was treated, the value that means yes, and the one that means no (any other when `None`).
    pub treatment: Option<(&'a str, &'a str, Option<&'a str>)>,
    pub window: Duration,
    pub now: Timestamp,
    pub zone: &'a TimeZone,
}

/// What was read, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Cases {
    pub table: Table,
    pub times: Vec<Timestamp>,
    /// The outcome stands in a field of the row.
    pub from_field: bool,
    /// Rows dated after now.
    pub future: usize,
    /// Rows of nobody, where cases are people.
    pub nameless: usize,
    /// People whose window is still open.
    pub open: usize,
    /// Rows in neither arm of the treatment.
    pub strangers: usize,
    /// Rows whose outcome says neither yes nor no, or no number.
    pub unread: usize,
    /// Outcomes without a value where amounts are asked for; they count nothing.
    pub worthless: usize,
    /// Asked for, and nowhere in the data.
    pub absent: Vec<String>,
}

/// Reads all rows; their order does not matter.
pub fn read<'a>(events: impl Iterator<Item = Row<'a>>, receipts: &[&Receipt], rules: &Rules<'_>) -> Cases {
    let mut future = 0;
    let mut rows: Vec<Row<'a>> = events.filter(|event| !event.is_journey()).collect();
    rows.retain(|event| {
        future += usize::from(event.at() > rules.now);
        event.at() <= rules.now
    });
    let order = |event: &Row<'a>| (event.at(), event.who(), event.name());
    rows.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.fields().cmp(b.fields())));
    let from_field = rows.iter().any(|event| event.field(rules.outcome).is_some());
    let (mut open, mut strangers, mut unread, mut worthless) = (0, 0, 0, 0);
    let mut nameless = 0;
    let mut cases: Vec<(Row<'a>, f64)> = if from_field {
        let said = rows.iter().filter_map(|event| Some((*event, event.field(rules.outcome)?)));
        said.filter_map(|(event, text)| {
            let amount = if rules.value { number(text) } else { truth(text).map(|hit| f64::from(u8::from(hit))) };
            unread += usize::from(amount.is_none());
            Some((event, amount?))
        })
        .collect()
    } else {
        nameless = rows.iter().filter(|event| event.who().is_empty()).count();
        people(&rows, rules, &mut open, &mut worthless)
    };
    cases.sort_by_key(|(event, _)| event.at());
    let mut treated = Vec::new();
    if let Some((field, yes, no)) = rules.treatment {
        cases.retain(|(event, _)| {
            let arm = part_of(*event, field);
            let known = arm == Some(yes) || (arm.is_some() && (no.is_none() || arm == no));
            strangers += usize::from(!known);
            treated.extend(known.then_some(arm == Some(yes)));
            known
        });
    }
    let pieces: BTreeMap<&str, &Receipt> = receipts.iter().map(|receipt| (receipt.key.as_str(), *receipt)).collect();
    let value = |event: Row<'a>, dimension: &str| -> Option<String> {
        let receipt = event.piece().and_then(|piece| pieces.get(piece));
        match dimension {
            "weekday" => Some(event.at().in_zone(rules.zone).strftime("%A").to_string()),
            "daypart" => Some(daypart(event.at().in_zone(rules.zone).hour()).to_owned()),
            "topic" => receipt.map(|receipt| receipt.topic.clone()),
            "pillar" => receipt.and_then(|receipt| receipt.pillar.clone()),
            other => part_of(event, other).map(str::to_owned),
        }
    };
    let asked = !rules.by.is_empty();
    let names = if asked { rules.by.iter().map(|name| (*name).to_owned()).collect() } else { dimensions(&cases, rules) };
    let mut absent = Vec::new();
    let mut attributes = Vec::new();
    for name in names {
        let values: Vec<Option<String>> = cases.iter().map(|(event, _)| value(*event, &name)).collect();
        match attribute(&name, values, asked) {
            Some(attribute) => attributes.push(attribute),
            None if asked && !cases.is_empty() => absent.push(name),
            None => {}
        }
    }
    let outcome = cases.iter().map(|(_, amount)| *amount != 0.0).collect();
    let amounts = rules.value.then(|| cases.iter().map(|(_, amount)| *amount).collect());
    let times = cases.iter().map(|(event, _)| event.at()).collect();
    let table = Table { attributes, outcome, treated: rules.treatment.map(|_| treated), amounts };
    Cases { table, times, from_field, future, nameless, open, strangers, unread, worthless, absent }
}

/// One case a person: the circumstances of the first event that is not the outcome, and whether (or how much of) the
/// outcome followed.
fn people<'a>(rows: &[Row<'a>], rules: &Rules<'_>, open: &mut usize, worthless: &mut usize) -> Vec<(Row<'a>, f64)> {
    let mut people: BTreeMap<&str, (Option<Row<'a>>, f64, bool)> = BTreeMap::new();
    for event in rows.iter().filter(|event| !event.who().is_empty()) {
        let (first, amount, hit) = people.entry(event.who()).or_default();
        match first {
            None if event.name() != rules.outcome => *first = Some(*event),
            Some(first) if event.name() == rules.outcome && event.at().since(first.at()) <= rules.window => {
                *hit = true;
                if rules.value {
                    let value = event.value();
                    *worthless += usize::from(value.is_none());
                    *amount += value.unwrap_or(0.0);
                } else {
                    *amount = 1.0;
                }
            }
            _ => {}
        }
    }
    people
        .into_values()
        .filter_map(|(first, amount, hit)| {
            let first = first?;
            // A window that is still open is no failure yet.
            let closed = rules.now.since(first.at()) > rules.window;
            *open += usize::from(!closed && !hit);
            closed.then_some((first, amount))
        })
        .collect()
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "" => None,
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        text => text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value > 0.0),
    }
}

fn daypart(hour: i8) -> &'static str {
    match hour {
        0..6 => "night",
        6..12 => "morning",
        12..18 => "afternoon",
        _ => "evening",
    }
}

/// What the rows carry, in the order of names.
fn dimensions(cases: &[(Row<'_>, f64)], rules: &Rules<'_>) -> Vec<String> {
    let fields: BTreeSet<&str> = cases.iter().flat_map(|(event, _)| event.fields().map(|(name, _)| name)).collect();
    let treatment = rules.treatment.map(|(field, ..)| field);
    let built_in = ["channel", "topic", "pillar", "weekday", "daypart"];
    let fields = fields.into_iter().filter(|field| *field != rules.outcome && Some(*field) != treatment);
    let mut all: Vec<String> = built_in.iter().map(|name| (*name).to_owned()).collect();
    all.extend(fields.filter(|field| !built_in.contains(field)).map(str::to_owned));
    all.retain(|name| Some(name.as_str()) != treatment);
    all
}

/// A column of categories; `None` when it says the same of everybody, or nothing.
fn attribute(name: &str, values: Vec<Option<String>>, asked: bool) -> Option<Attribute> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    values.iter().flatten().for_each(|value| *sizes.entry(value).or_default() += 1);
    let numbers = |value: &str| value.parse::<f64>().ok().filter(|value| value.is_finite());
    if sizes.len() > NUMBERS_MAX && sizes.keys().all(|value| numbers(value).is_some()) {
        return quarters(name, &values.iter().map(|value| value.as_deref().and_then(numbers)).collect::<Vec<_>>());
    }
    if sizes.len() < 2 || (!asked && sizes.len() > FIELD_LEVELS_MAX) {
        return None;
    }
    let mut order: Vec<(&str, usize)> = sizes.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    order.truncate(LEVELS_MAX);
    let mut levels: Vec<String> = order.into_iter().map(|(level, _)| level.to_owned()).collect();
    levels.sort();
    let code = |value: &Option<String>| {
        let place = value.as_ref().and_then(|value| levels.binary_search(value).ok());
        place.map_or(NONE, |place| place as u32)
    };
    let codes = values.iter().map(code).collect();
    Some(Attribute { name: name.to_owned(), levels, codes })
}

/// Four parts with as many rows each, as far as equal numbers allow.
fn quarters(name: &str, values: &[Option<f64>]) -> Option<Attribute> {
    let known = sorted(&values.iter().flatten().copied().collect::<Vec<_>>());
    let mut cuts: Vec<f64> = [0.25, 0.5, 0.75].iter().map(|share| quantile_sorted(&known, *share)).collect();
    cuts.dedup();
    cuts.retain(|cut| known.last().is_some_and(|most| cut < most));
    if cuts.is_empty() {
        return None;
    }
    let mut levels = vec![format!("up to {}", cuts[0])];
    levels.extend(cuts.windows(2).map(|pair| format!("above {} to {}", pair[0], pair[1])));
    levels.push(format!("above {}", cuts[cuts.len() - 1]));
    let code = |value: &Option<f64>| value.map_or(NONE, |value| cuts.iter().filter(|cut| value > **cut).count() as u32);
    Some(Attribute { name: name.to_owned(), levels, codes: values.iter().map(code).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goods::{Event, Events};

    /// The same from events as they are written here.
    fn read(events: &[Event], receipts: &[&Receipt], rules: &Rules<'_>) -> Cases {
        super::read(Events::new("site", events).rows(), receipts, rules)
    }

    const DAY: i64 = 86_400_000;

    fn rules(outcome: &str) -> Rules<'_> {
        static UTC: TimeZone = TimeZone::UTC;
        let window = Duration::from_secs(7 * 86_400);
        Rules { outcome, value: false, by: vec![], treatment: None, window, now: Timestamp(40 * DAY), zone: &UTC }
    }

    fn event(who: &str, day: i64, name: &str, channel: Option<&str>, fields: &[(&str, &str)]) -> Event {
        Event {
            at: Timestamp(day * DAY),
            who: who.into(),
            name: name.into(),
            channel: channel.map(str::to_owned),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Event::default()
        }
    }

    fn levels(cases: &Cases, name: &str) -> Vec<String> {
        let attribute = cases.table.attributes.iter().find(|attribute| attribute.name == name).expect("it is there");
        let level = |code: &u32| attribute.levels.get(*code as usize).cloned().unwrap_or_default();
        attribute.codes.iter().map(level).collect()
    }

    #[test]
    fn people_are_cases_by_what_they_did_first() {
        let events = [
            event("a", 1, "view", Some("mail"), &[]),
            event("a", 2, "view", Some("ads"), &[]),
            event("a", 3, "buy", None, &[]),
            // Too late, before anything else, still open, in the future, and nobody.
            event("b", 2, "view", Some("ads"), &[]),
            event("b", 20, "buy", None, &[]),
            event("c", 1, "buy", None, &[]),
            event("c", 5, "view", Some("mail"), &[]),
            event("d", 38, "view", Some("mail"), &[]),
            event("e", 50, "view", Some("mail"), &[]),
            event("", 3, "view", Some("mail"), &[]),
        ];
        let cases = read(&events, &[], &rules("buy"));
        assert_eq!(levels(&cases, "channel"), ["mail", "ads", "mail"]);
        assert_eq!(cases.table.outcome, [true, false, false]);
        assert_eq!((cases.open, cases.future, cases.from_field), (1, 1, false));
        let mut turned = events.to_vec();
        turned.reverse();
        assert_eq!(read(&turned, &[], &rules("buy")), cases);
    }

    #[test]
    fn amounts_of_a_person_add_up_within_the_window() {
        let worth = |who: &str, day: i64, value: Option<f64>| Event { value, ..event(who, day, "buy", None, &[]) };
        let events = [
            event("a", 1, "view", Some("mail"), &[]),
            worth("a", 2, Some(30.0)),
            worth("a", 3, Some(-10.0)),
            worth("a", 20, Some(99.0)),
            event("b", 2, "view", Some("ads"), &[]),
            worth("b", 3, None),
            event("c", 3, "view", Some("ads"), &[]),
        ];
        let cases = read(&events, &[], &Rules { value: true, ..rules("buy") });
        assert_eq!(cases.table.amounts.as_deref(), Some(&[20.0, 0.0, 0.0][..]));
        assert_eq!((cases.table.outcome.as_slice(), cases.worthless), (&[true, false, false][..], 1));
        let rows =
            [("1.5", 1), ("many", 2), ("", 3), ("-2", 4)].map(|(spend, day)| event("", day, "row", None, &[("spend", spend)]));
        let cases = read(&rows, &[], &Rules { value: true, ..rules("spend") });
        assert_eq!((cases.table.amounts.as_deref(), cases.unread), (Some(&[1.5, -2.0][..]), 2));
    }

    #[test]
    fn rows_with_the_outcome_are_cases_and_numbers_become_quarters() {
        let events: Vec<Event> = (0..20)
            .map(|i| {
                let (spend, arm, hit) = (i.to_string(), if i % 3 == 0 { "new" } else { "old" }, if i > 9 { "yes" } else { "0" });
                event("", i, "row", None, &[("spend", &spend), ("arm", arm), ("visit", hit), ("id", &format!("x{i}"))])
            })
            .collect();
        let cases = read(&events, &[], &Rules { treatment: Some(("arm", "new", Some("old"))), ..rules("visit") });
        assert_eq!(cases.table.outcome.iter().filter(|hit| **hit).count(), 10);
        assert_eq!(cases.table.treated.as_ref().map(|treated| treated.iter().filter(|x| **x).count()), Some(7));
        let names: Vec<&str> = cases.table.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        // The arm is the treatment, and `id` says something else of everybody but is short enough to stay.
        assert_eq!(names, ["weekday", "id", "spend"]);
        assert_eq!(levels(&cases, "spend")[4], "up to 4.75");
        assert_eq!(levels(&cases, "spend")[5], "above 4.75 to 9.5");
        let asked = read(&events, &[], &Rules { by: vec!["spend", "planet"], ..rules("visit") });
        assert_eq!(asked.absent, ["planet"]);
    }
}
