//! `source kind="csv"`: tables as tools export them, by a declared shape.
//!
//! A table becomes signals (a topic per row, a topic per column, or a note per row) or one batch of events. Rows that do not
//! fit are kept aside and reported with line and column.

use super::newest::{Kept, Newest};
use super::readers::identity::pseudonym;
use super::readers::shape::{self, Meant, SHAPE, Shape};
use super::readers::{series, wide};
use super::reading::{self, Document, count, inform, warn};
use crate::base::{Digest, Timestamp};
use crate::builtin::common::{links, table, topic};
use crate::model::goods::{Batch, Event, Fact, Point, Signal, SignalKind};
use crate::model::{GoodKind, Scalar, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{ArgSpec, KindSpec, Mode, NodeSpec, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::BTreeMap;

/// Reads tables.
pub struct Csv;

pub(super) const SAMPLE: NodeSpec = NodeSpec {
    name: "sample",
    props: &[PropSpec {
        name: "every",
        ty: ValueType::Integer,
        required: true,
        default: None,
        doc: "Of so many rows, the first is read.",
    }],
    doc: "Reads a part of the rows, evenly spread.",
    example: "sample every=10",
    ..NodeSpec::EMPTY
};

pub(super) const ROWS: NodeSpec =
    NodeSpec::value("rows", ValueType::Integer, "Reads at most so many rows, from the top.", "rows 5000");

pub(super) const FLOOR: NodeSpec =
    NodeSpec::value("floor", ValueType::Number, "Topics with a smaller volume in the latest period are left out.", "floor 5")
        .or("1");

/// The bound on what becomes events, the same for all sources of them.
pub(super) const MOST: NodeSpec =
    NodeSpec::value("most", ValueType::Integer, "Events of one cycle at most; the newest are taken.", "most 250000")
        .or("1000000");

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("csv"),
    layers: &[],
    summary: "Reads tables by a declared shape: as signals or as events.",
    doc: "The `shape` says which column means what, under all the names it has in different languages, how numbers and dates \
        are written, and which rows do not count. Delimiter and encoding are found out; `.gz` is unpacked.\n\n\
        With `give \"signal\"` a row with a topic becomes a query signal (rows of one topic with dates become its series), a row \
        with only a `url` a page signal, any other row a note. A `wide` table gives one query signal per column. With \
        `give \"event\"` rows become one batch of events, oldest first: `who` is hashed, columns without a meaning become fields. \
        Rows dated after the cycle wait for a later one. Of more events than `most`, the newest are taken and the others counted.\n\n\
        A row that does not fit its shape is kept aside with its line and column, never dropped in silence.",
    takes: &[],
    gives: &[GoodKind::Signal, GoodKind::Events],
    mode: Mode::Source,
    nodes: &[
        NodeSpec { doc: "A table in a file; `.gz` is unpacked.", example: r#"path "data/demand.csv""#, ..reading::PATH },
        NodeSpec { doc: "The address of a table.", example: r#"url "https://example.com/demand.csv""#, ..reading::URL },
        NodeSpec { example: r#"folder "data/exports" glob="*.csv""#, ..reading::FOLDER },
        NodeSpec {
            name: "give",
            args: &[ArgSpec { name: "good", ty: ValueType::Choice(&["signal", "event"]), required: true }],
            default: Some("signal"),
            doc: "What rows become.",
            example: r#"give "event""#,
            ..NodeSpec::EMPTY
        },
        SHAPE,
        FLOOR,
        SAMPLE,
        ROWS,
        MOST,
    ],
    example: "source \"demand\" kind=\"csv\" {\n    path \"data/demand_monthly.csv\"\n    give \"signal\"\n    shape {\n        date \"month\" format=\"%Y-%m\"\n        wide total=\"_total\"\n    }\n    floor 2\n}",
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Csv {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let targets = reading::targets(cx.config());
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(StepError::new("there is no table to read").help("add `path`, `url` or `folder`"));
            }
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let shape = Shape::read(cx.config().child("shape")).map_err(StepError::new)?;
        let events = cx.config().text("give") == Some("event") && !shape.wide;
        let mut output = Output::default();
        let mut tables = Tables { cx, shape, rows: 0, aside: 0, later: 0, output: Output::default() };
        // A table without names may say the same of two people, so nothing is a repetition here.
        let mut kept = Newest::of(cx, Batch::default());
        let mut failed = None;
        reading::visit(&targets, replies, &mut output, |document| {
            let done = if events { tables.events(&document, &mut kept) } else { tables.signals(&document) };
            failed = failed.take().or(done.err());
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let Tables { rows, aside, later, output: found, .. } = tables;
        output.notes.extend(found.notes);
        output.goods = found.goods;
        let mut headline = count(rows, "row");
        let mut left = Vec::new();
        if events {
            let Kept { events, beyond, .. } = kept.finish(cx, "sample", &mut output);
            headline.push_str(&format!(", {}", count(events.len(), "event")));
            left.push((beyond, "older left out"));
            if !events.is_empty() {
                output.give(events, Vec::new());
            }
        } else {
            headline.push_str(&format!(", {}", count(output.goods.len(), "signal")));
        }
        left.extend([(aside, "kept aside"), (later, "dated later")]);
        for (number, what) in left {
            if number > 0 {
                headline.push_str(&format!(", {number} {what}"));
            }
        }
        output.headline = Some(headline);
        Ok(Turn::Done(output))
    }
}

/// Rows of a table that become events at a time.
const PART: usize = 20_000;

/// What was read of tables so far.
struct Tables<'a, 'c> {
    cx: &'a StepContext<'c>,
    shape: Shape,
    rows: usize,
    aside: usize,
    later: usize,
    output: Output,
}

impl Tables<'_, '_> {
    fn warn(&mut self, document: &Document<'_>, text: impl Into<String>) {
        warn(&mut self.output, Some(document.place.clone()), text);
    }

    /// What is wrong with a table as a whole.
    fn look_at(&mut self, table: &table::Table, document: &Document<'_>) {
        for names in self.shape.missing(table) {
            self.warn(document, format!("There is no column `{names}`; the table has `{}`.", table.header.join("`, `")));
        }
        if table.damaged {
            self.warn(document, "Some characters could not be read; `encoding` in the shape helps.");
        }
    }

    fn put_aside(&mut self, table: &mut table::Table, document: &Document<'_>) {
        self.aside += table.broken.len();
        if let Some((place, text)) = shape::kept_aside(&document.place, &mut table.broken) {
            warn(&mut self.output, Some(place), text);
        }
    }

    /// Rows by meaning, up to now.
    fn meant(&mut self, table: &mut table::Table) -> Vec<Meant> {
        let mut meant = self.shape.rows(table, &self.cx.workflow.zone);
        self.rows += meant.len();
        let before = meant.len();
        meant.retain(|row| row.at.is_none_or(|at| at <= self.cx.now));
        self.later += before - meant.len();
        meant
    }

    fn signals(&mut self, document: &Document<'_>) -> Result<(), StepError> {
        let mut table = match table::read(&document.bytes, &self.shape.layout) {
            Ok(table) => table,
            Err(reason) => {
                self.warn(document, format!("The table cannot be read: {reason}."));
                return Ok(());
            }
        };
        self.look_at(&table, document);
        let mut thin = Thin::of(self.cx);
        thin.apply(&mut table);
        thin.tell(document, &mut self.output);
        if self.shape.wide {
            self.rows += table.rows.len();
            give_wide(self.cx, &self.shape, &mut table, document, &mut self.output)?;
        } else {
            let meant = self.meant(&mut table);
            give_rows(self.cx, meant, document, &mut self.output);
        }
        self.put_aside(&mut table, document);
        Ok(())
    }

    fn events(&mut self, document: &Document<'_>, kept: &mut Newest) -> Result<(), StepError> {
        let mut thin = Thin::of(self.cx);
        let mut first = true;
        let layout = self.shape.layout.clone();
        let mut broken = Vec::new();
        let read = table::in_parts(&document.bytes, &layout, PART, |table| {
            if std::mem::take(&mut first) {
                self.look_at(table, document);
            }
            thin.apply(table);
            let mut part = Batch::default();
            for row in self.meant(table) {
                part.push(&event(self.cx, row));
            }
            part.finish("").rows().for_each(|row| kept.take(row));
            broken.append(&mut table.broken);
        });
        if let Err(reason) = read {
            self.warn(document, format!("The table cannot be read: {reason}."));
        }
        thin.tell(document, &mut self.output);
        self.put_aside(&mut table::Table { broken, ..table::Table::default() }, document);
        Ok(())
    }
}

/// `sample` and `rows`: only a part of a table.
struct Thin {
    every: usize,
    most: usize,
    /// Rows that came by, and those that stayed.
    seen: usize,
    read: usize,
}

impl Thin {
    fn of(cx: &StepContext<'_>) -> Thin {
        let every = cx.config().child("sample").and_then(|node| node.prop("every")).and_then(Scalar::integer).unwrap_or(1);
        let most = cx.config().integer("rows").map_or(usize::MAX, |rows| rows.max(0) as usize);
        Thin { every: every.max(1) as usize, most, seen: 0, read: 0 }
    }

    fn apply(&mut self, table: &mut table::Table) {
        table.rows.retain(|_| {
            self.seen += 1;
            let stays = (self.seen - 1).is_multiple_of(self.every) && self.read < self.most;
            self.read += usize::from(stays);
            stays
        });
    }

    fn tell(&self, document: &Document<'_>, output: &mut Output) {
        if self.read < self.seen {
            let text = format!("{} of {} are read, as the workflow asks.", self.read, count(self.seen, "row"));
            inform(output, Some(document.place.clone()), text);
        }
    }
}

fn give_wide(
    cx: &StepContext<'_>,
    shape: &Shape,
    table: &mut table::Table,
    document: &Document<'_>,
    output: &mut Output,
) -> Result<(), StepError> {
    let wide = wide::read(shape, table, cx.now, &cx.workflow.zone).map_err(|reason| {
        StepError::new(format!("{}: {reason}", document.place)).help("name the column of dates with `date` in the shape")
    })?;
    let Some(wide) = wide else {
        inform(output, Some(document.place.clone()), "No period has ended yet.");
        return Ok(());
    };
    let floor = cx.config().number("floor").unwrap_or(1.0);
    for found in wide.topics {
        let volume = found.values.last().copied().unwrap_or(0.0);
        if volume < floor {
            continue;
        }
        let content = Digest::of_json(&(&found.name, &found.values));
        let series = wide.starts.iter().zip(&found.values).map(|(at, value)| Point { at: *at, value: *value }).collect();
        let signal = query(cx, &found.name, wide.end, content);
        let quote = Untrusted::new(format!("{}: {volume} in the period that ended {}", found.name, wide.end));
        output.give(
            Signal {
                growth: series::growth(&found.values, &wide.exposure),
                volume: Some(volume),
                exposure: wide.exposure.clone(),
                series,
                quote,
                url: document.url().map(str::to_owned),
                ..signal
            },
            Vec::new(),
        );
    }
    Ok(())
}

/// A query signal with the key of its text.
pub(super) fn query(cx: &StepContext<'_>, text: &str, at: Timestamp, content: Digest) -> Signal {
    let title = Untrusted::new(text);
    let topic = topic::key(title.as_data());
    Signal { fetched_at: cx.now, ..Signal::new(SignalKind::Query, topic, title, cx.step.id.as_str(), at, content) }
}

/// Rows with a topic are grouped by it; the others become a page or a note each.
pub(super) fn give_rows(cx: &StepContext<'_>, rows: Vec<Meant>, document: &Document<'_>, output: &mut Output) {
    let mut topics: BTreeMap<String, Vec<Meant>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let floor = cx.config().number("floor").unwrap_or(0.0);
    for row in rows {
        let Some(text) = row.text("topic") else {
            output.give(page_or_note(cx, &row, document), Vec::new());
            continue;
        };
        let key = topic::key(Untrusted::new(text).as_data());
        let group = topics.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(row);
    }
    for key in order {
        let signal = of_topic(cx, &topics[&key], document);
        if signal.volume.is_none_or(|volume| volume >= floor) {
            output.give(signal, Vec::new());
        }
    }
}

/// One query signal from all rows of a topic. Rows with dates are periods of its series; volumes of one date add up.
fn of_topic(cx: &StepContext<'_>, rows: &[Meant], document: &Document<'_>) -> Signal {
    let first = &rows[0];
    let content = Digest::of_json(&rows.iter().map(|row| &row.cells).collect::<Vec<_>>());
    let latest = rows.iter().filter_map(|row| row.at).max();
    let mut signal = query(cx, first.text("topic").unwrap_or(""), latest.unwrap_or(cx.now), content);
    let volumes = rows.iter().filter_map(|row| row.number("volume").map(|volume| (row.at, volume)));
    let mut by_date: BTreeMap<Timestamp, f64> = BTreeMap::new();
    let mut undated = None;
    for (at, volume) in volumes {
        match at {
            Some(at) => *by_date.entry(at).or_default() += volume,
            None => *undated.get_or_insert(0.0) += volume,
        }
    }
    if by_date.len() > 1 {
        let values: Vec<f64> = by_date.values().copied().collect();
        signal.growth = series::growth(&values, &[]);
        signal.series = by_date.iter().map(|(at, value)| Point { at: *at, value: *value }).collect();
    }
    signal.volume = by_date.values().last().copied().or(undated);
    let latest_rows: Vec<&Meant> = rows.iter().filter(|row| row.at == latest).collect();
    signal.position = mean_position(&latest_rows);
    let clicks: f64 = latest_rows.iter().filter_map(|row| row.number("clicks")).sum();
    if rows.iter().any(|row| row.number("clicks").is_some()) {
        signal.facts.push(clicks_fact(first.text("topic").unwrap_or(""), clicks));
    }
    signal.url = first.text("url").map(str::to_owned).or_else(|| document.url().map(str::to_owned));
    signal.summary = Untrusted::new(first.text("summary").unwrap_or(""));
    signal.quote = Untrusted::new(describe(&signal, clicks));
    signal
}

fn describe(signal: &Signal, clicks: f64) -> String {
    let mut parts = vec![signal.title.as_data().to_owned()];
    if let Some(volume) = signal.volume {
        parts.push(format!("{volume} searches or views"));
    }
    if !signal.facts.is_empty() {
        parts.push(format!("{clicks} clicks"));
    }
    if let Some(position) = signal.position {
        parts.push(format!("position {position:.1}"));
    }
    parts.join(", ")
}

/// The mean position, weighted by how often it was seen.
fn mean_position(rows: &[&Meant]) -> Option<f64> {
    let known: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some((row.number("position")?, row.number("volume").unwrap_or(1.0).max(1e-9)))).collect();
    let weight: f64 = known.iter().map(|(_, weight)| weight).sum();
    (!known.is_empty()).then(|| known.iter().map(|(position, weight)| position * weight).sum::<f64>() / weight)
}

pub(super) fn clicks_fact(about: &str, clicks: f64) -> Fact {
    Fact { name: "clicks".to_owned(), about: about.to_owned(), old: None, new: Some(clicks.to_string()), unit: None }
}

fn page_or_note(cx: &StepContext<'_>, row: &Meant, document: &Document<'_>) -> Signal {
    let content = Digest::of_json(&row.cells);
    let at = row.at.unwrap_or(cx.now);
    let source = cx.step.id.as_str();
    let all = || row.others.iter().map(|(name, cell)| format!("{name}: {cell}")).collect::<Vec<_>>().join("; ");
    let summary = row.text("summary").map_or_else(all, str::to_owned);
    let mut signal = match (row.text("title"), row.text("url")) {
        (None, Some(url)) => Signal::new(SignalKind::Page, links::key(url), Untrusted::new(url), source, at, content),
        (title, _) => {
            let title = Untrusted::new(title.map_or_else(|| summary.chars().take(80).collect(), str::to_owned));
            Signal::new(SignalKind::Note, topic::key(title.as_data()), title, source, at, content)
        }
    };
    signal.fetched_at = cx.now;
    signal.url = row.text("url").map(str::to_owned).or_else(|| document.url().map(str::to_owned));
    signal.volume = row.number("volume");
    signal.position = row.number("position");
    signal.quote = Untrusted::new(reading::quote(if summary.is_empty() { signal.title.as_data() } else { &summary }, 280));
    signal.summary = Untrusted::new(summary);
    if let Some(clicks) = row.number("clicks") {
        signal.facts.push(clicks_fact(signal.title.as_data(), clicks));
    }
    signal
}

fn event(cx: &StepContext<'_>, row: Meant) -> Event {
    let name = row.text("name").map_or_else(|| if row.path.is_empty() { "row" } else { "path" }.to_owned(), str::to_owned);
    Event {
        at: row.at.unwrap_or(cx.now),
        who: row.text("who").and_then(pseudonym).unwrap_or_default(),
        name,
        channel: row.text("channel").map(str::to_owned),
        piece: row.text("piece").map(str::to_owned),
        value: row.number("value"),
        conversions: row.number("conversions").unwrap_or(0.0),
        nulls: row.number("nulls").unwrap_or(0.0),
        path: row.path,
        fields: row.others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes, shared, signals};
    use crate::model::Good;
    use crate::model::goods::{Events, Row};

    fn run(step: &str, text: &str, now: &str) -> Output {
        Bench::new(&Csv, step).file("t.csv", text).run(now).unwrap()
    }

    fn events(output: &Output) -> &Events {
        let Some((Good::Events(events), _)) = output.goods.first() else { panic!("no events: {output:?}") };
        events
    }

    #[test]
    fn a_wide_table_gives_a_query_with_its_series_per_topic() {
        let step = r#"source "demand" kind="csv" { path "t.csv"; shape { date "month" format="%Y-%m"; wide total="_total" } }"#;
        let table = "month,_total,mcp,gpu,none\n2026-01,10,0,1,0\n2026-02,10,2,1,0\n2026-03,20,8,2,0\n2026-04,5,9,9,9\n";
        let output = run(step, table, "2026-04-02T00:00:00Z");
        let found = signals(&output);
        assert_eq!(
            found.iter().map(|s| (s.topic.as_str(), s.volume)).collect::<Vec<_>>(),
            [("mcp", Some(8.0)), ("gpu", Some(2.0))]
        );
        assert_eq!(found[0].series.len(), 3);
        assert_eq!(found[0].exposure, [10.0, 10.0, 20.0]);
        // 8 of 20 against 2 of 20 before.
        assert!((found[0].growth.unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(found[1].growth, Some(0.0));
        assert_eq!(found[0].at.to_string(), "2026-04-01T00:00:00Z");
    }

    #[test]
    fn a_trends_export_is_read() {
        let Some(bytes) = shared("sources/trends/multiTimeline.csv") else { return };
        let step =
            r#"source "trends" kind="csv" { path "t.csv"; floor 0; shape { skip-lines 2; date "Week" "Day" "Month"; wide } }"#;
        let output = Bench::new(&Csv, step).file("t.csv", bytes).run("2026-09-28T00:00:00Z").unwrap();
        assert!(output.notes.is_empty(), "{:?}", notes(&output));
        let found = signals(&output);
        let values = |index: usize| found[index].series.iter().map(|point| point.value).collect::<Vec<_>>();
        assert_eq!((found[0].title.as_data(), values(0)), ("marketing automation", vec![71.0, 74.0, 100.0, 88.0]));
        assert_eq!((found[1].title.as_data(), values(1)), ("growth loop", vec![0.5, 2.0, 0.0, 1.0]));
    }

    #[test]
    fn an_advertising_export_loses_its_total_and_keeps_its_money() {
        let Some(bytes) = shared("sources/ads/meta-ui-export.en.csv") else { return };
        let step = r#"source "ads" kind="csv" { path "t.csv"; give "event"; shape {
            column "Amount spent (*)" as="value"; column "Campaign name" as="channel"; constant "spend" as="name"
            date "Day"; skip-row when-first="Total"; keep "Impressions" "Purchases" } }"#;
        let output = Bench::new(&Csv, step).file("t.csv", bytes).run("2026-10-01T00:00:00Z").unwrap();
        assert!(output.notes.is_empty(), "{:?}", notes(&output));
        let rows: Vec<Event> = events(&output).rows().map(Row::to_event).collect();
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<_>>(), [Some(12.5), Some(1010.0)]);
        assert_eq!((rows[0].name.as_str(), rows[0].channel.as_deref()), ("spend", Some("Autumn")));
        assert_eq!(rows[0].fields.keys().collect::<Vec<_>>(), ["Impressions", "Purchases"]);
    }

    #[test]
    fn two_date_formats_in_one_column_are_read() {
        let Some(bytes) = shared("sources/hubspot/ui-contacts-export.csv") else { return };
        let step = r#"source "crm" kind="csv" { path "t.csv"; give "event"; shape {
            column "Email" as="who"; constant "contact" as="name"; date "Create Date"; date "Create Date" format="%m/%d/%Y %I:%M %p"
            drop "First Name" "Last Name" } }"#;
        let output = Bench::new(&Csv, step).file("t.csv", bytes).run("2026-10-01T00:00:00Z").unwrap();
        assert!(output.notes.is_empty(), "{:?}", notes(&output));
        let rows: Vec<Event> = events(&output).rows().map(Row::to_event).collect();
        assert_eq!(
            rows.iter().map(|row| row.at.to_string()).collect::<Vec<_>>(),
            ["2026-09-01T09:14:00Z", "2026-09-02T08:00:00Z"]
        );
        assert!(rows.iter().all(|row| row.who.len() == 16 && !row.fields.values().any(|cell| cell.contains("Ada"))));
    }

    #[test]
    fn journeys_are_read_from_gzip() {
        let Some(bytes) = shared("learning/attribution/paths_10k.csv.gz") else { return };
        let step = r#"source "site" kind="csv" { path "p.csv.gz"; give "event"; shape { path "path" separator=" > "
            column "total_conversions" as="conversions"; column "total_conversion_value" as="value"; column "total_null" as="nulls"; constant "site" as="channel" } }"#;
        let output = Bench::new(&Csv, step).file("p.csv.gz", bytes).run("2026-10-01T00:00:00Z").unwrap();
        let rows: Vec<Event> = events(&output).rows().map(Row::to_event).collect();
        assert_eq!(output.headline.as_deref(), Some("10,000 rows, 10,000 events"));
        assert_eq!(rows[0].channel.as_deref(), Some("site"));
        assert_eq!(rows[0].path, ["eta", "iota", "alpha", "eta"]);
        assert_eq!((rows[0].conversions, rows[0].value, rows[0].nulls, rows[0].name.as_str()), (1.0, Some(0.244), 3.0, "path"));
    }

    #[test]
    fn rows_that_do_not_fit_are_kept_aside_with_their_places() {
        let step = r#"source "x" kind="csv" { path "t.csv"; shape { column "q" as="topic"; column "n" as="volume"; date "d" } }"#;
        let table = "q,n,d\na,1,2026-01-01\nb,many,2026-01-01\nc,3\nd,4,soon\ne,1,2026-01-01,9\nf,6,2027-01-01\n";
        let output = run(step, table, "2026-06-01T00:00:00Z");
        assert_eq!(signals(&output).len(), 1);
        assert_eq!(output.headline.as_deref(), Some("2 rows, 1 signal, 4 kept aside, 1 dated later"));
        let expected = "t.csv:3:2 4 rows were kept aside: t.csv:3:2 expected a number in `n`, found `many`; \
            t.csv:4:2 expected 3 cells, found 2; t.csv:5:3 expected a date in `d`, found `soon`.";
        assert_eq!(notes(&output), [expected]);
    }

    #[test]
    fn a_missing_column_is_named_with_what_there_is() {
        let step = r#"source "x" kind="csv" { path "t.csv"; shape { column "query" "term" as="topic" } }"#;
        assert_eq!(
            notes(&run(step, "a,b\n1,2\n", "2026-06-01T00:00:00Z")),
            ["t.csv There is no column `query` or `term`; the table has `a`, `b`."]
        );
    }

    #[test]
    fn rows_of_one_topic_become_its_series() {
        let step = r#"source "x" kind="csv" { path "t.csv"; shape { column "q" as="topic"; column "n" as="volume"; column "p" as="position"; date "d" } }"#;
        let output = run(step, "q,n,p,d\nA b,10,1,2026-01-02\na B,20,2,2026-01-01\na b,20,4,2026-01-02\n", "2026-06-01");
        let found = signals(&output);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].series.iter().map(|point| point.value).collect::<Vec<_>>(), [20.0, 30.0]);
        assert_eq!((found[0].volume, found[0].growth, found[0].position), (Some(30.0), Some(0.5), Some(3.0)));
    }

    #[test]
    fn a_part_of_the_rows_can_be_read() {
        let step =
            r#"source "x" kind="csv" { path "t.csv"; give "event"; sample every=2; rows 2; shape { column "n" as="value" } }"#;
        let output = run(step, "n\n1\n2\n3\n4\n5\n6\n", "2026-06-01");
        assert_eq!(events(&output).rows().filter_map(Row::value).collect::<Vec<_>>(), [1.0, 3.0]);
        assert_eq!(notes(&output), ["t.csv 2 of 6 rows are read, as the workflow asks."]);
    }

    #[test]
    fn the_emerging_terms_stream_is_read_month_by_month() {
        let Some(bytes) = shared("decisions/site/emerging_terms_monthly.csv") else { return };
        let step =
            r#"source "demand" kind="csv" { path "t.csv"; floor 0; shape { date "month" format="%Y-%m"; wide total="_total" } }"#;
        let mut bench = Bench::new(&Csv, step).file("t.csv", bytes);
        let output = bench.run("2023-01-01T00:00:00Z").unwrap();
        assert_eq!(signals(&output).len(), 451);
        assert_eq!(signals(&output)[0].series.len(), 20);
        assert!(output.notes.is_empty());
        assert_eq!(signals(&bench.run("2023-02-15T00:00:00Z").unwrap())[0].series.len(), 21);
    }
}
