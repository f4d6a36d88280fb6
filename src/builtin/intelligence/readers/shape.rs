//! The declarative shape of a table: which column means what, how numbers and dates are written, which rows do not count.
//!
//! A shape turns a dirty table into rows of meanings. Cells that do not fit put their row aside, with line and column.

use crate::base::{InOrder, Timestamp};
use crate::builtin::common::date;
use crate::builtin::common::number::{self, Decimal};
use crate::builtin::common::table::{self, Broken, Layout, Table};
use crate::model::Config;
use crate::step::{ArgSpec, NodeSpec, Occurs, PropSpec, ValueType};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What a column may mean.
pub const MEANINGS: &[&str] = &[
    "topic",
    "title",
    "summary",
    "url",
    "volume",
    "clicks",
    "position",
    "at",
    "who",
    "name",
    "channel",
    "piece",
    "value",
    "conversions",
    "nulls",
];

const NUMBERS: &[&str] = &["volume", "clicks", "position", "value", "conversions", "nulls"];

const AS: PropSpec =
    PropSpec { name: "as", ty: ValueType::Choice(MEANINGS), required: true, default: None, doc: "What it means." };

const TEXT: &[ArgSpec] = &[ArgSpec { name: "column", ty: ValueType::Text, required: true }];

/// The node `shape`.
pub const SHAPE: NodeSpec = NodeSpec {
    name: "shape",
    doc: "How the table is written and what its columns mean.",
    example: "shape {\n    column \"Top queries\" \"Nejčastější dotazy\" as=\"topic\"\n    column \"Impressions\" as=\"volume\"\n    skip-row when-first=\"Total\"\n}",
    children: &[
        NodeSpec::value("delimiter", ValueType::Text, "One character; found out when left out.", r#"delimiter ";""#),
        NodeSpec::value(
            "encoding",
            ValueType::Text,
            "The encoding, when the file does not show it.",
            r#"encoding "windows-1250""#,
        ),
        NodeSpec {
            name: "decimal",
            args: &[ArgSpec { name: "mark", ty: ValueType::Choice(&[".", ","]), required: true }],
            doc: "The decimal mark; the other one separates thousands. A point when left out.",
            example: r#"decimal ",""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("skip-lines", ValueType::Integer, "Lines before the header.", "skip-lines 2"),
        NodeSpec {
            name: "skip-row",
            props: &[PropSpec {
                name: "when-first",
                ty: ValueType::Text,
                required: true,
                default: None,
                doc: "The first filled cell of rows to leave out.",
            }],
            occurs: Occurs::Many,
            doc: "Leaves out total rows.",
            example: r#"skip-row when-first="Total""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "column",
            args: TEXT,
            rest: Some(ValueType::Text),
            props: &[AS],
            occurs: Occurs::Many,
            doc: "A column and what it means. More names are aliases; one `*` in a name stands for anything.",
            example: r#"column "Amount spent (*)" "Cost" as="value""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "constant",
            args: &[ArgSpec { name: "value", ty: ValueType::Text, required: true }],
            props: &[AS],
            occurs: Occurs::Many,
            doc: "The same value in each row.",
            example: r#"constant "purchase" as="name""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "date",
            args: TEXT,
            rest: Some(ValueType::Text),
            props: &[PropSpec {
                name: "format",
                ty: ValueType::Text,
                required: false,
                default: None,
                doc: "As in strftime, or `unix`, `unix-ms`, `unix-us`; ISO dates need none.",
            }],
            occurs: Occurs::Many,
            doc: "The column that says when. Several for one column are tried in order.",
            example: r#"date "month" format="%Y-%m""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "path",
            args: TEXT,
            props: &[PropSpec {
                name: "separator",
                ty: ValueType::Text,
                required: false,
                default: Some(" > "),
                doc: "What stands between two touches.",
            }],
            doc: "A column with a whole journey, one touch after the other.",
            example: r#"path "path" separator=" > ""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "wide",
            props: &[
                PropSpec {
                    name: "total",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The column with the total of each period; growth then compares shares.",
                },
                PropSpec {
                    name: "as",
                    ty: ValueType::Choice(&["topic"]),
                    required: false,
                    default: Some("topic"),
                    doc: "What the column names are.",
                },
                PropSpec {
                    name: "value",
                    ty: ValueType::Choice(&["volume"]),
                    required: false,
                    default: Some("volume"),
                    doc: "What the cells are.",
                },
            ],
            doc: "One row per period and one column per topic: each topic becomes one query signal with its series. Only periods that have ended count.",
            example: r#"wide total="_total""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "keep",
            args: TEXT,
            rest: Some(ValueType::Text),
            doc: "Of the columns without a meaning, only these are kept (as fields of events, or as topics of a wide table).",
            example: r#"keep "age" "job""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "drop",
            args: TEXT,
            rest: Some(ValueType::Text),
            doc: "Columns that are not read, such as one that gives the answer away.",
            example: r#"drop "duration""#,
            ..NodeSpec::EMPTY
        },
    ],
    ..NodeSpec::EMPTY
};

/// A shape as the file declares it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    pub layout: Layout,
    pub decimal: Decimal,
    /// Names of columns by meaning; the first that the table has is used.
    pub columns: BTreeMap<String, Vec<String>>,
    pub constants: BTreeMap<String, String>,
    pub date_formats: Vec<String>,
    /// Column and separator.
    pub path: Option<(String, String)>,
    pub wide: bool,
    pub total: Option<String>,
    pub keep: Vec<String>,
    pub drop: Vec<String>,
}

impl Shape {
    /// Reads the node `shape`; without it everything is found out and columns have no meaning.
    ///
    /// # Errors
    /// When `delimiter` is not one ASCII character.
    pub fn read(config: Option<&Config>) -> Result<Shape, String> {
        let mut shape = Shape::default();
        let Some(config) = config else { return Ok(shape) };
        if let Some(delimiter) = config.text("delimiter") {
            let delimiter = if delimiter == "\\t" { "\t" } else { delimiter };
            match delimiter.as_bytes() {
                [byte] => shape.layout.delimiter = Some(*byte),
                _ => return Err(format!("`delimiter` takes one character, found `{delimiter}`")),
            }
        }
        shape.layout.encoding = config.text("encoding").map(str::to_owned);
        shape.layout.skip_lines = config.integer("skip-lines").unwrap_or(0).max(0) as usize;
        let prop = |node: &Config, name: &str| node.prop(name).and_then(|value| value.text()).map(str::to_owned);
        shape.layout.skip_when_first = config.all("skip-row").filter_map(|node| prop(node, "when-first")).collect();
        if config.text("decimal") == Some(",") {
            shape.decimal = Decimal::Comma;
        }
        let words = |node: &Config| -> Vec<String> { node.args.iter().filter_map(|arg| arg.text()).map(str::to_owned).collect() };
        for node in config.all("column") {
            shape.columns.entry(prop(node, "as").unwrap_or_default()).or_default().extend(words(node));
        }
        for node in config.all("constant") {
            shape.constants.insert(prop(node, "as").unwrap_or_default(), words(node).concat());
        }
        for node in config.all("date") {
            shape.columns.entry("at".to_owned()).or_default().extend(words(node));
            shape.date_formats.extend(prop(node, "format"));
        }
        if let Some(node) = config.child("path") {
            shape.path = Some((words(node).concat(), prop(node, "separator").unwrap_or_else(|| " > ".to_owned())));
        }
        if let Some(node) = config.child("wide") {
            shape.wide = true;
            shape.total = prop(node, "total");
        }
        shape.keep = config.all("keep").flat_map(words).collect();
        shape.drop = config.all("drop").flat_map(words).collect();
        Ok(shape)
    }

    /// Columns that the shape names and the table does not have, with all the names that were tried.
    pub fn missing(&self, table: &Table) -> Vec<String> {
        let of_columns = self.columns.values().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
        let of_path = self.path.iter().map(|(column, _)| vec![column.as_str()]);
        let of_total = self.total.iter().map(|column| vec![column.as_str()]);
        let wanted = of_columns.chain(of_path).chain(of_total);
        wanted.filter(|names| table.column(names).is_none()).map(|names| names.join("` or `")).collect()
    }

    fn find(&self, table: &Table, meaning: &str) -> Option<usize> {
        let names: Vec<&str> = self.columns.get(meaning)?.iter().map(String::as_str).collect();
        table.column(&names)
    }

    /// Whether a column without a meaning is used.
    pub fn is_kept(&self, header: &str) -> bool {
        let among = |names: &[String]| names.iter().any(|name| table::name_matches(name, header));
        !header.is_empty() && !among(&self.drop) && (self.keep.is_empty() || among(&self.keep))
    }

    /// The rows by meaning. What does not fit is added to `table.broken`.
    pub fn rows(&self, table: &mut Table, zone: &TimeZone) -> Vec<Meant> {
        let found: BTreeMap<&str, usize> =
            MEANINGS.iter().filter_map(|meaning| self.find(table, meaning).map(|index| (*meaning, index))).collect();
        let path = self.path.as_ref().and_then(|(column, separator)| Some((table.column(&[column])?, separator.trim())));
        let others: Vec<usize> = (0..table.header.len())
            .filter(|index| !found.values().any(|used| used == index) && path.is_none_or(|(column, _)| column != *index))
            .filter(|index| self.is_kept(&table.header[*index]))
            .collect();
        let formats: Vec<&str> = self.date_formats.iter().map(String::as_str).collect();
        let mut meant = Vec::new();
        for row in std::mem::take(&mut table.rows) {
            let cell = |meaning: &str| match found.get(meaning) {
                Some(index) => Some(row.cells[*index].as_str()).filter(|cell| !cell.is_empty()),
                None => self.constants.get(meaning).map(String::as_str),
            };
            let mut out = Meant { line: row.line, ..Meant::default() };
            let mut wrong: Option<(usize, String)> = None;
            for meaning in NUMBERS {
                let Some(text) = cell(meaning) else { continue };
                match number::parse(text, self.decimal) {
                    Some(value) => {
                        out.numbers.insert(meaning, value);
                    }
                    None => {
                        let index = found.get(meaning).copied().unwrap_or(0);
                        wrong.get_or_insert((index, format!("expected a number in `{}`, found `{text}`", table.header[index])));
                    }
                }
            }
            if let Some(index) = found.get("at") {
                let text = &row.cells[*index];
                out.at = date::parse(text, &formats, zone);
                if out.at.is_none() {
                    wrong.get_or_insert((*index, format!("expected a date in `{}`, found `{text}`", table.header[*index])));
                }
            }
            if let Some((column, reason)) = wrong {
                table.broken.push(Broken { line: row.line, column: column + 1, reason });
                continue;
            }
            for meaning in MEANINGS.iter().filter(|meaning| !NUMBERS.contains(meaning) && **meaning != "at") {
                if let Some(text) = cell(meaning) {
                    out.texts.insert(meaning, text.to_owned());
                }
            }
            if let Some((column, separator)) = path {
                let touches = row.cells[column].split(separator).map(str::trim);
                out.path = touches.filter(|touch| !touch.is_empty()).map(str::to_owned).collect();
            }
            out.others = others.iter().map(|index| (table.header[*index].clone(), row.cells[*index].clone())).collect();
            out.others.retain(|_, cell| !cell.is_empty());
            out.cells = row.cells;
            meant.push(out);
        }
        meant
    }
}

/// One row by meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meant {
    pub line: u64,
    pub at: Option<Timestamp>,
    pub numbers: BTreeMap<&'static str, f64>,
    pub texts: BTreeMap<&'static str, String>,
    pub path: Vec<String>,
    /// Columns without a meaning; empty cells left out.
    pub others: BTreeMap<String, String>,
    pub cells: Vec<String>,
}

impl Meant {
    pub fn number(&self, meaning: &str) -> Option<f64> {
        self.numbers.get(meaning).copied()
    }

    pub fn text(&self, meaning: &str) -> Option<&str> {
        self.texts.get(meaning).map(String::as_str)
    }
}

/// The note about rows that were put aside: how many, and the first three with their places.
pub fn kept_aside(place: &str, broken: &mut [Broken]) -> Option<(String, String)> {
    broken.order_by_key(|row| (row.line, row.column));
    let first = broken.first()?;
    let shown = broken.iter().take(3).map(|row| format!("{place}:{}:{} {}", row.line, row.column, row.reason));
    let shown = shown.collect::<Vec<_>>().join("; ");
    let rows = if broken.len() == 1 { "1 row was".to_owned() } else { format!("{} rows were", broken.len()) };
    Some((format!("{place}:{}:{}", first.line, first.column), format!("{rows} kept aside: {shown}.")))
}
