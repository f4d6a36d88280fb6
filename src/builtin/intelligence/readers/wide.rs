//! Wide tables: one row per period, one column per topic, as trend exports and our own counts have them.

use super::series;
use super::shape::Shape;
use crate::base::{InOrder, Timestamp};
use crate::builtin::common::date;
use crate::builtin::common::number;
use crate::builtin::common::table::{Broken, Table};
use jiff::tz::TimeZone;

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// As the header says it.
    pub name: String,
    /// As long as `Wide::starts`.
    pub values: Vec<f64>,
}

/// The periods that have ended, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Wide {
    pub starts: Vec<Timestamp>,
    /// When the last of them ended.
    pub end: Timestamp,
    /// Totals; empty when the shape names no column for them.
    pub exposure: Vec<f64>,
    pub topics: Vec<Topic>,
}

/// Reads the periods that ended by `now`; `None` when none has. Rows with a cell that is neither a number nor empty are
/// put aside whole, because half a period would look like a fall.
///
/// # Errors
/// When there is no column of dates.
pub fn read(shape: &Shape, table: &mut Table, now: Timestamp, zone: &TimeZone) -> Result<Option<Wide>, String> {
    let names: Vec<&str> = shape.columns.get("at").map(|names| names.iter().map(String::as_str).collect()).unwrap_or_default();
    let at = if names.is_empty() { Some(0) } else { table.column(&names) };
    let at = at.ok_or_else(|| format!("there is no column `{}`", names.join("` or `")))?;
    let total = shape.total.as_ref().and_then(|name| table.column(&[name]));
    let columns: Vec<usize> = (0..table.header.len())
        .filter(|index| *index != at && Some(*index) != total && shape.is_kept(&table.header[*index]))
        .collect();
    let formats: Vec<&str> = shape.date_formats.iter().map(String::as_str).collect();
    let mut periods: Vec<(Timestamp, Option<f64>, Vec<f64>)> = Vec::new();
    for row in std::mem::take(&mut table.rows) {
        let cell = |index: usize| -> Result<f64, Broken> {
            let text = row.cells[index].as_str();
            // An empty cell is a period in which nothing was counted.
            let value = if text.is_empty() { Some(0.0) } else { number::parse(text, shape.decimal) };
            let reason = || format!("expected a number in `{}`, found `{text}`", table.header[index]);
            value.ok_or_else(|| Broken { line: row.line, column: index + 1, reason: reason() })
        };
        let start = date::parse(&row.cells[at], &formats, zone).ok_or_else(|| Broken {
            line: row.line,
            column: at + 1,
            reason: format!("expected a date in `{}`, found `{}`", table.header[at], row.cells[at]),
        });
        let period = start.and_then(|start| {
            let values: Result<Vec<f64>, Broken> = columns.iter().map(|index| cell(*index)).collect();
            Ok((start, total.map(cell).transpose()?, values?))
        });
        match period {
            Ok(period) => periods.push(period),
            Err(broken) => table.broken.push(broken),
        }
    }
    periods.order_by_key(|(start, ..)| *start);
    let starts: Vec<Timestamp> = periods.iter().map(|(start, ..)| *start).collect();
    let Some((count, end)) = series::ended(&starts, now, zone) else { return Ok(None) };
    periods.truncate(count);
    let topics = columns.iter().enumerate().map(|(position, index)| Topic {
        name: plain_name(&table.header[*index]).to_owned(),
        values: periods.iter().map(|(_, _, values)| values[position]).collect(),
    });
    Ok(Some(Wide {
        end,
        topics: topics.collect(),
        exposure: periods.iter().filter_map(|(_, total, _)| *total).collect(),
        starts: periods.into_iter().map(|(start, ..)| start).collect(),
    }))
}

/// Trends exports add the region: `marketing automation: (United States)`.
fn plain_name(header: &str) -> &str {
    match header.rsplit_once(": (") {
        Some((name, region)) if region.ends_with(')') => name,
        _ => header,
    }
}
