//! `source kind="search-console"`: what people searched for before they came, from the exports of Google Search Console.

use super::csv::{FLOOR, clicks_fact, query};
use super::readers::shape::{self, Meant, Shape};
use super::reading::{self, Document, count, inform, warn};
use crate::base::Digest;
use crate::builtin::common::number::Decimal;
use crate::builtin::common::table::{self, Table};
use crate::builtin::common::{date, links};
use crate::model::goods::{Signal, SignalKind};
use crate::model::{GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// Reads search demand.
pub struct SearchConsole;

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("search-console"),
    layers: &[Layer::Intelligence],
    summary: "Reads queries and pages from Search Console exports.",
    doc: "Queries become query signals, pages become page signals, with impressions as volume, the mean position, and clicks as a \
        fact. Exports in any language are read: known headers by name, others by the order of the five columns, which is the same \
        everywhere. Delimiter, encoding and decimal mark are found out. Tables of dates, countries or devices are left out \
        with a note.\n\nSearch Console revises its last two or three days, so an export is read whole in each cycle and nothing is \
        remembered.",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec { doc: "An export.", example: r#"path "data/Queries.csv""#, ..reading::PATH },
        NodeSpec { doc: "The address of an export.", example: r#"url "https://example.com/Queries.csv""#, ..reading::URL },
        NodeSpec { example: r#"folder "data/search-console" glob="*.csv""#, ..reading::FOLDER },
        NodeSpec { doc: "Rows with fewer impressions are left out.", ..FLOOR },
        NodeSpec::value(
            "brand",
            ValueType::Text,
            "A word of our own name: queries with it are navigation, not demand, and are left out.",
            r#"brand "acme""#,
        )
        .many(),
    ],
    example: "source \"demand\" kind=\"search-console\" {\n    path \"data/Queries.csv\"\n    floor 10\n    brand \"acme\"\n}",
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// Headers by meaning, as the exports have them in English and Czech.
const ALIASES: &[(&str, &[&str])] = &[
    ("topic", &["Top queries", "Query", "Queries", "Nejčastější dotazy", "Dotaz"]),
    ("url", &["Top pages", "Page", "Pages", "Nejčastější stránky", "Stránka"]),
    ("clicks", &["Clicks", "Kliknutí"]),
    ("volume", &["Impressions", "Zobrazení"]),
    ("position", &["Position", "Pozice"]),
];

impl StepKind for SearchConsole {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let targets = reading::targets(cx.config());
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(StepError::new("there is no export to read").help("add `path`, `url` or `folder`"));
            }
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let mut output = Output::default();
        let readings = reading::readings(&targets, replies, &mut output)?;
        let (mut queries, mut pages, mut aside) = (0, 0, 0);
        for document in &readings.documents {
            let table = match table::read(&document.bytes, &table::Layout::default()) {
                Ok(table) => table,
                Err(reason) => {
                    warn(&mut output, Some(document.place.clone()), format!("The export cannot be read: {reason}."));
                    continue;
                }
            };
            let shape = match shape_of(&table) {
                Some(shape) => shape,
                None => {
                    let text =
                        format!("This is not a table of queries or pages (`{}`); it is left out.", table.header.join("`, `"));
                    inform(&mut output, Some(document.place.clone()), text);
                    continue;
                }
            };
            let (rows, mut table) = best_decimal(cx, shape, table);
            aside += table.broken.len();
            if let Some((place, text)) = shape::kept_aside(&document.place, &mut table.broken) {
                warn(&mut output, Some(place), text);
            }
            for row in rows {
                if let Some(signal) = signal(cx, &row, document) {
                    if signal.kind == SignalKind::Page {
                        pages += 1;
                    } else {
                        queries += 1;
                    }
                    output.give(signal, Vec::new());
                }
            }
        }
        let named = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
        let mut headline = named(queries, "query", "queries");
        if pages > 0 {
            headline.push_str(&format!(", {}", count(pages, "page")));
        }
        if aside > 0 {
            headline.push_str(&format!(", {aside} kept aside"));
        }
        output.headline = Some(headline);
        Ok(Turn::Done(output))
    }
}

/// The shape by known headers, else by the order of the columns: key, clicks, impressions, CTR, position. `None` for tables of
/// dates, countries and devices.
fn shape_of(table: &Table) -> Option<Shape> {
    let mut shape = Shape::default();
    for (meaning, names) in ALIASES {
        if let Some(index) = table.column(names) {
            shape.columns.insert((*meaning).to_owned(), vec![table.header[index].clone()]);
        }
    }
    let has = |meaning: &str| shape.columns.contains_key(meaning);
    if (has("topic") || has("url")) && has("volume") {
        return Some(shape);
    }
    let distinct: BTreeSet<&String> = table.header.iter().collect();
    let first = table.rows.first().map(|row| row.cells[0].as_str())?;
    let is_date = date::parse(first, &[], &jiff::tz::TimeZone::UTC).is_some();
    let others = ["country", "countries", "device", "devices", "date", "search appearance", "země", "zařízení", "datum"];
    if table.header.len() != 5 || distinct.len() != 5 || is_date || others.contains(&table.header[0].to_lowercase().as_str()) {
        return None;
    }
    let key = if first.contains("://") { "url" } else { "topic" };
    shape.columns = [(key, 0), ("clicks", 1), ("volume", 2), ("position", 4)]
        .into_iter()
        .map(|(meaning, index)| (meaning.to_owned(), vec![table.header[index].clone()]))
        .collect();
    Some(shape)
}

/// Reads with the decimal mark that leaves fewer rows aside; a semicolon as delimiter speaks for the comma.
fn best_decimal(cx: &StepContext<'_>, shape: Shape, table: Table) -> (Vec<Meant>, Table) {
    let read = |decimal: Decimal| {
        let mut table = table.clone();
        let rows = Shape { decimal, ..shape.clone() }.rows(&mut table, &cx.workflow.zone);
        (rows, table)
    };
    let point = read(Decimal::Point);
    if point.1.broken.is_empty() {
        return point;
    }
    let comma = read(Decimal::Comma);
    if comma.1.broken.len() < point.1.broken.len() { comma } else { point }
}

fn signal(cx: &StepContext<'_>, row: &Meant, document: &Document<'_>) -> Option<Signal> {
    let volume = row.number("volume")?;
    if volume < cx.config().number("floor").unwrap_or(1.0) {
        return None;
    }
    let content = Digest::of_json(&row.cells);
    let mut signal = match (row.text("topic"), row.text("url")) {
        (Some(text), _) => {
            let lower = text.to_lowercase();
            if cx.config().texts("brand").iter().any(|brand| lower.contains(&brand.to_lowercase())) {
                return None;
            }
            Signal { url: document.url().map(str::to_owned), ..query(cx, text, cx.now, content) }
        }
        (None, Some(url)) => Signal {
            url: Some(url.to_owned()),
            fetched_at: cx.now,
            ..Signal::new(SignalKind::Page, links::key(url), Untrusted::new(url), cx.step.id.as_str(), cx.now, content)
        },
        (None, None) => return None,
    };
    let clicks = row.number("clicks").unwrap_or(0.0);
    signal.volume = Some(volume);
    signal.position = row.number("position");
    signal.facts = vec![clicks_fact(signal.title.as_data(), clicks)];
    let position = signal.position.map_or(String::new(), |position| format!(", mean position {position}"));
    signal.quote = Untrusted::new(format!("{}: {volume} impressions, {clicks} clicks{position}", signal.title.as_data()));
    Some(signal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes, shared, signals};

    fn bench(nodes: &str, files: &[(&str, &[u8])]) -> Bench {
        let mut bench = Bench::new(
            &SearchConsole,
            &format!("source \"demand\" kind=\"search-console\" {{ folder \"d\" glob=\"*\"; {nodes} }}"),
        );
        for (name, bytes) in files {
            bench = bench.file(&format!("d/{name}"), *bytes);
        }
        bench
    }

    #[test]
    fn english_and_czech_exports_are_read() {
        let names = ["Queries.en.csv", "Pages.en.csv", "Dotazy.cs.csv"];
        let Some(found) = names.iter().map(|name| shared(&format!("sources/gsc/{name}"))).collect::<Option<Vec<_>>>() else {
            return;
        };
        let files: Vec<(&str, &[u8])> = names.iter().zip(&found).map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let output = bench("", &files).run("2026-09-28T00:00:00Z").unwrap();
        assert!(output.notes.is_empty(), "{:?}", notes(&output));
        assert_eq!(output.headline.as_deref(), Some("4 queries, 2 pages"));
        let rows: BTreeMap<&str, (f64, f64, &str)> = signals(&output)
            .into_iter()
            .map(|s| (s.title.as_data(), (s.volume.unwrap(), s.position.unwrap(), s.facts[0].new.as_deref().unwrap())))
            .collect();
        assert_eq!(rows["automatizace marketingu"], (120.0, 11.7, "5"));
        assert_eq!(rows["attribution, multi touch"], (150.0, 14.0, "3"));
        assert_eq!(rows["content approval tool"], (420.0, 22.53, "0"));
        assert_eq!(rows["https://example.com/pricing"], (1020.0, 10.01, "2"));
    }

    #[test]
    fn an_export_in_an_unknown_language_is_read_by_the_order_of_its_columns() {
        let text = "Häufigste Suchanfragen;Klicks;Impressionen;CTR;Position\nfreigabe für inhalte;5;1.020;0,5%;11,7\n";
        let output = bench("", &[("q.csv", text.as_bytes())]).run("2026-09-28").unwrap();
        let found = signals(&output);
        assert_eq!(
            (found[0].title.as_data(), found[0].volume, found[0].position),
            ("freigabe für inhalte", Some(1020.0), Some(11.7))
        );
    }

    #[test]
    fn other_tables_are_left_out_with_a_note() {
        let text = "Date,Clicks,Impressions,CTR,Position\n2026-09-01,1,2,3%,4\n";
        let output = bench("", &[("Dates.csv", text.as_bytes())]).run("2026-09-28").unwrap();
        assert!(output.goods.is_empty());
        assert!(notes(&output)[0].starts_with("d/Dates.csv This is not a table of queries"), "{:?}", notes(&output));
    }

    #[test]
    fn brand_and_small_queries_are_left_out_and_bad_rows_reported() {
        let text =
            "Top queries,Clicks,Impressions,CTR,Position\nAcme login,9,900,1%,1\nsmall,0,3,0%,9\nbad,0,x,0%,9\ngood,1,50,2%,9\n";
        let output = bench("floor 10; brand \"acme\"", &[("q.csv", text.as_bytes())]).run("2026-09-28").unwrap();
        assert_eq!(signals(&output).iter().map(|s| s.title.as_data()).collect::<Vec<_>>(), ["good"]);
        assert!(notes(&output)[0].starts_with("d/q.csv:4:3 1 row was kept aside"));
    }
}
