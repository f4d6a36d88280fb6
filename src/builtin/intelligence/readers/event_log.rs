//! Event logs, one JSON object a line: the GA4 export to BigQuery, or plain objects with names most tools use.

use super::identity::pseudonym;
use crate::base::Timestamp;
use crate::builtin::common::table::Broken;
use crate::builtin::common::{date, links};
use crate::model::goods::words::Numbering;
use crate::model::goods::{Batch, Event, Events};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// In the order of the file. `who` is a pseudonym, or empty when nobody was named.
    pub events: Events,
    pub broken: Vec<Broken>,
}

/// An event before identities are joined.
struct Raw {
    event: Event,
    /// The device.
    device: Option<String>,
    /// The account, known after a login.
    account: Option<String>,
}

/// Reads a log. `piece` is the link parameter that names the piece, such as `utm_content`.
pub fn read(text: &str, piece: &str, zone: &TimeZone) -> Log {
    let mut log = Log::default();
    let mut batch = Batch::default();
    let mut named = Named::default();
    for (index, line) in text.lines().enumerate() {
        let line_number = index as u64 + 1;
        if line.trim().is_empty() {
            continue;
        }
        let found = match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(object)) if object.contains_key("event_timestamp") => from_ga4(&object, piece),
            Ok(Value::Object(object)) => from_plain(object, piece, zone),
            Ok(_) => Err((1, "expected an object with `at`, `who` and `name`".to_owned())),
            Err(error) => Err((error.column(), "the line is cut off or not JSON".to_owned())),
        };
        match found {
            Ok(raw) => {
                batch.push(&raw.event);
                named.push(raw.device.as_deref(), raw.account.as_deref());
            }
            Err((column, reason)) => log.broken.push(Broken { line: line_number, column, reason }),
        }
    }
    log.events = batch.finish("").of_people(&named.pseudonyms());
    log
}

/// Who the rows of a log name: numbers of names, of which each is kept once.
#[derive(Default)]
struct Named {
    names: Numbering,
    /// Device and account of each row.
    rows: Vec<[Option<u32>; 2]>,
    /// By device, the account that used it; nothing when several did.
    accounts: BTreeMap<u32, Option<u32>>,
}

impl Named {
    fn push(&mut self, device: Option<&str>, account: Option<&str>) {
        let row = [device, account].map(|name| name.map(|name| self.names.number(name)));
        if let [Some(device), Some(account)] = row {
            let known = self.accounts.entry(device).or_insert(Some(account));
            *known = known.filter(|known| *known == account);
        }
        self.rows.push(row);
    }

    /// The pseudonym of each row, empty for nobody. A device that was only ever used by one account is that account, also
    /// before its login.
    fn pseudonyms(&self) -> Vec<Arc<str>> {
        let mut known: Vec<Option<Arc<str>>> = vec![None; self.names.words().len()];
        let nobody: Arc<str> = "".into();
        let pseudonym = |[device, account]: &[Option<u32>; 2]| {
            let joined = device.and_then(|device| self.accounts.get(&device).copied().flatten());
            let Some(name) = account.or(joined).or(*device) else { return nobody.clone() };
            let known = &mut known[name as usize];
            known.get_or_insert_with(|| pseudonym(self.names.words().get(name)).unwrap_or_default().into()).clone()
        };
        self.rows.iter().map(pseudonym).collect()
    }
}

fn from_ga4(object: &Map<String, Value>, piece: &str) -> Result<Raw, (usize, String)> {
    let micros =
        object.get("event_timestamp").and_then(whole).ok_or((1, "expected microseconds in `event_timestamp`".to_owned()))?;
    let name = object.get("event_name").and_then(Value::as_str).ok_or((1, "there is no `event_name`".to_owned()))?;
    let mut event = Event { at: Timestamp(micros.div_euclid(1000)), name: name.to_owned(), ..Event::default() };
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for parameter in object.get("event_params").and_then(Value::as_array).into_iter().flatten() {
        let (Some(key), Some(value)) = (parameter.get("key").and_then(Value::as_str), parameter.get("value")) else { continue };
        // A record with one filled member; 64-bit integers come as text.
        let values = ["string_value", "int_value", "double_value", "float_value"];
        if let Some(value) = values.iter().find_map(|member| value.get(*member).and_then(scalar)) {
            parameters.insert(key.to_owned(), value);
        }
    }
    let page = parameters.remove("page_location");
    let path =
        |names: [&str; 2]| object.get(names[0]).and_then(|inner| inner.get(names[1])).and_then(Value::as_str).map(str::to_owned);
    let linked = |name: &str| page.as_deref().and_then(|page| links::parameter(page, name));
    let source = path(["collected_traffic_source", "manual_source"]).or_else(|| linked("utm_source"));
    // `traffic_source` is how the person was first won, which is not where this visit came from.
    event.channel = source.filter(|source| source != "(direct)" && source != "(not set)");
    event.piece = linked(piece).or_else(|| parameters.get(piece).cloned());
    event.value = parameters.remove("value").and_then(|text| text.parse().ok());
    let medium = path(["collected_traffic_source", "manual_medium"]).or_else(|| linked("utm_medium"));
    let campaign = path(["collected_traffic_source", "manual_campaign_name"]).or_else(|| linked("utm_campaign"));
    let extras = [
        ("medium", medium),
        ("campaign", campaign),
        ("page", page.as_deref().map(links::key)),
        ("device", path(["device", "category"])),
        ("country", path(["geo", "country"])),
        ("platform", object.get("platform").and_then(Value::as_str).map(str::to_owned)),
        ("first-source", path(["traffic_source", "source"])),
    ];
    event.fields = parameters;
    event.fields.extend(extras.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let text = |name: &str| object.get(name).and_then(scalar).filter(|text| !text.trim().is_empty());
    Ok(Raw { event, device: text("user_pseudo_id"), account: text("user_id") })
}

fn from_plain(mut object: Map<String, Value>, piece: &str, zone: &TimeZone) -> Result<Raw, (usize, String)> {
    let mut take = |names: &[&str]| names.iter().find_map(|name| object.remove(*name)).filter(|value| !value.is_null());
    let at = take(&["at", "time", "timestamp", "date"]).ok_or((1, "there is no `at`".to_owned()))?;
    let at = time(&at, zone).ok_or_else(|| (1, format!("expected a time in `at`, found `{at}`")))?;
    let name = take(&["name", "event", "event_name", "type"])
        .and_then(|value| scalar(&value))
        .ok_or((1, "there is no `name`".to_owned()))?;
    let account = take(&["who", "user_id", "user", "email"]).and_then(|value| scalar(&value));
    let device = take(&["anonymous_id", "device_id", "visitor_id"]).and_then(|value| scalar(&value));
    let number = |value: Value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    let mut event = Event { at, name, ..Event::default() };
    // An empty name is none.
    let word = |value: Value| scalar(&value).filter(|text| !text.trim().is_empty());
    event.channel = take(&["channel", "utm_source"]).and_then(word);
    event.piece = take(&["piece", piece]).and_then(word);
    event.value = take(&["value", "revenue"]).and_then(number);
    event.conversions = take(&["conversions"]).and_then(number).unwrap_or(0.0);
    event.nulls = take(&["nulls"]).and_then(number).unwrap_or(0.0);
    event.path = match take(&["path"]) {
        Some(Value::Array(touches)) => touches.iter().filter_map(scalar).collect(),
        // The path of a page is not a journey.
        Some(Value::String(text)) if text.contains(" > ") => text.split(" > ").map(|touch| touch.trim().to_owned()).collect(),
        Some(other) => {
            event.fields.extend(scalar(&other).map(|text| ("path".to_owned(), text)));
            Vec::new()
        }
        None => Vec::new(),
    };
    // What nobody put beside the address may stand in it, as analytics tools log it.
    const ADDRESSES: [&str; 5] = ["page_location", "url", "page", "landing_page", "link"];
    let address = ADDRESSES.iter().find_map(|name| object.get(*name).and_then(Value::as_str));
    if let Some(address) = address {
        event.channel = event.channel.take().or_else(|| links::parameter(address, "utm_source"));
        event.piece = event.piece.take().or_else(|| links::parameter(address, piece));
    }
    // `fields` is how our own events are written; its members stand beside the others.
    if let Some(Value::Object(fields)) = object.remove("fields") {
        event.fields.extend(fields.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))));
    }
    event.fields.extend(object.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))));
    Ok(Raw { event, device, account })
}

/// A whole number, also as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// A value as text; nested ones as JSON.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A time as text, or as seconds, milliseconds or microseconds since 1970, told apart by size.
fn time(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    match value {
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(number) if text.trim().len() >= 10 => since_1970(number as f64),
            _ => date::parse(text, &[], zone),
        },
        Value::Number(number) => since_1970(number.as_f64()?),
        _ => None,
    }
}

fn since_1970(number: f64) -> Option<Timestamp> {
    let millis = match number.abs() {
        size if size < 1e11 => number * 1e3,
        size if size < 1e14 => number,
        size if size < 1e17 => number / 1e3,
        _ => return None,
    };
    Some(Timestamp(millis.floor() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::shared;
    use crate::model::goods::Row;

    fn log(text: &str) -> Log {
        read(text, "utm_content", &TimeZone::UTC)
    }

    #[test]
    fn the_parameters_of_a_plain_rows_address_say_where_it_came_from() {
        let text = "{\"at\":\"2026-11-22T06:00:00Z\",\"who\":\"a\",\"name\":\"qualified\",\"url\":\"https://us.example/x?utm_source=blog&utm_content=k1#a\"}\n\
                    {\"at\":\"2026-11-22T06:00:00Z\",\"who\":\"a\",\"name\":\"qualified\",\"piece\":\"k2\",\"page\":\"https://us.example/x?utm_content=k1\"}";
        let log = super::read(text, "utm_content", &TimeZone::UTC);
        let found: Vec<_> = log.events.rows().map(|event| (event.channel(), event.piece())).collect();
        assert_eq!(found, [(Some("blog"), Some("k1")), (None, Some("k2"))]);
    }

    #[test]
    fn the_ga4_export_is_read() {
        let Some(bytes) = shared("sources/ga4/events_20260920.ndjson") else { return };
        let log = log(std::str::from_utf8(&bytes).unwrap());
        assert!(log.broken.is_empty());
        let events: Vec<Event> = log.events.rows().map(Row::to_event).collect();
        let [view, lead] = events.as_slice() else { panic!("two events") };
        assert_eq!(view.at.to_string(), "2026-09-20T00:00:00.123Z");
        assert_eq!((view.name.as_str(), view.channel.as_deref()), ("page_view", Some("linkedin")));
        assert_eq!(view.fields["page"], "https://example.com/blog/approval-gates");
        assert_eq!(view.fields["ga_session_id"], "1789862390");
        assert_eq!((view.fields["medium"].as_str(), view.fields["country"].as_str()), ("social", "Germany"));
        // The visit before the login belongs to the same person.
        assert_eq!(view.who, lead.who);
        assert_eq!(Some(lead.who.clone()), pseudonym("u-77"));
        assert_eq!(lead.fields["form_id"], "demo");
    }

    #[test]
    fn plain_objects_are_read_with_the_names_tools_use() {
        let text = r#"{"at":"2026-09-20T10:00:00Z","who":"ada@example.com","name":"qualified","channel":"blog","piece":"p1","value":5,"plan":"pro"}
{"timestamp":1789862400,"event":"view","anonymous_id":"d1","fields":{"page":"/x"}}
{"time":"1789862400123","type":"path","path":"a > b","conversions":2,"nulls":"3"}"#;
        let log = log(text);
        assert!(log.broken.is_empty(), "{:?}", log.broken);
        let events: Vec<Event> = log.events.rows().map(Row::to_event).collect();
        assert_eq!(
            (events[0].piece.as_deref(), events[0].value, events[0].fields["plan"].as_str()),
            (Some("p1"), Some(5.0), "pro")
        );
        assert_eq!((events[1].at.to_string().as_str(), events[1].fields["page"].as_str()), ("2026-09-20T00:00:00Z", "/x"));
        assert_eq!(
            (events[2].path.clone(), events[2].conversions, events[2].nulls, events[2].who.as_str()),
            (vec!["a".into(), "b".into()], 2.0, 3.0, "")
        );
    }

    #[test]
    fn a_shared_device_joins_nobody() {
        let line = |who: &str| format!(r#"{{"at":"2026-01-01","name":"x","anonymous_id":"d"{who}}}"#);
        let log = log(&[line(r#","who":"a""#), line(r#","who":"b""#), line("")].join("\n"));
        let whos: Vec<Option<String>> = log.events.rows().map(|event| Some(event.who().to_owned())).collect();
        assert_eq!(whos, [pseudonym("a"), pseudonym("b"), pseudonym("d")]);
    }

    #[test]
    fn broken_lines_have_their_places() {
        let log = log(
            "{\"at\":\"2026-01-01\",\"name\":\"x\"}\n\n{\"at\":\"2026-01-01\",\"na\n[1]\n{\"name\":\"x\"}\n{\"at\":\"soon\",\"name\":\"x\"}",
        );
        assert_eq!(log.events.len(), 1);
        let found: Vec<(u64, &str)> = log.broken.iter().map(|broken| (broken.line, broken.reason.as_str())).collect();
        let expected = [
            (3, "the line is cut off or not JSON"),
            (4, "expected an object with `at`, `who` and `name`"),
            (5, "there is no `at`"),
            (6, "expected a time in `at`, found `\"soon\"`"),
        ];
        assert_eq!(found, expected);
    }
}
