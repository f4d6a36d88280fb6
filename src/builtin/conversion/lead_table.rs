//! Rows of leads as numbers: columns that are numeric stay so, words become one column per frequent word.

use crate::model::goods::Event;
use crate::stats::linear::Matrix;
use std::collections::{BTreeMap, BTreeSet};

/// Words rarer than the most frequent of this number share no column: too few leads would speak for each.
const WORDS_MAX: usize = 12;

/// How a field becomes columns.
#[derive(Clone, Debug, PartialEq)]
enum Column {
    Number(String),
    /// 1 when the field is this word.
    Word(String, String),
}

/// A way to turn rows into numbers, learned from the rows that have an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    columns: Vec<Column>,
}

/// What a lead's outcome field says; `None` when it says nothing yet.
pub fn outcome(event: &Event, field: &str) -> Option<bool> {
    match event.fields.get(field)?.trim().to_lowercase().as_str() {
        "1" | "yes" | "true" | "won" => Some(true),
        "0" | "no" | "false" | "lost" => Some(false),
        _ => None,
    }
}

impl Encoding {
    /// A field is numeric when 95 % of its filled cells are. Fields with one value only, and `leave_out`, give no column.
    pub fn learn(rows: &[&Event], leave_out: &BTreeSet<&str>) -> Encoding {
        let mut fields: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for row in rows {
            for (field, value) in
                row.fields.iter().filter(|(field, value)| !leave_out.contains(field.as_str()) && !value.trim().is_empty())
            {
                *fields.entry(field).or_default().entry(value.trim()).or_default() += 1;
            }
        }
        let mut columns = Vec::new();
        for (field, words) in fields {
            let filled: usize = words.values().sum();
            let numeric: usize = words.iter().filter(|(word, _)| number(word).is_some()).map(|(_, count)| count).sum();
            if words.len() < 2 {
                continue;
            }
            if numeric as f64 >= 0.95 * filled as f64 {
                columns.push(Column::Number(field.to_owned()));
                continue;
            }
            let mut frequent: Vec<(&str, usize)> = words.into_iter().collect();
            frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            columns.extend(frequent.into_iter().take(WORDS_MAX).map(|(word, _)| Column::Word(field.to_owned(), word.to_owned())));
        }
        Encoding { columns }
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// One number per column; a missing one is not a number, which the model reads as "no reason either way".
    pub fn row(&self, event: &Event) -> Vec<f64> {
        self.columns
            .iter()
            .map(|column| match column {
                Column::Number(field) => event.fields.get(field).and_then(|value| number(value)).unwrap_or(f64::NAN),
                Column::Word(field, word) => f64::from(event.fields.get(field).is_some_and(|value| value.trim() == word)),
            })
            .collect()
    }

    /// The rows as a table with gaps as they are, for models that know what to do with them.
    pub fn table_with_gaps(&self, rows: &[&Event]) -> Option<Matrix> {
        Matrix::from_rows(&rows.iter().map(|row| self.row(row)).collect::<Vec<_>>())
    }

    /// The rows as a table for fitting: gaps hold the column's mean.
    pub fn table(&self, rows: &[&Event]) -> Option<Matrix> {
        let mut rows: Vec<Vec<f64>> = rows.iter().map(|row| self.row(row)).collect();
        for column in 0..self.columns.len() {
            let known: Vec<f64> = rows.iter().map(|row| row[column]).filter(|value| value.is_finite()).collect();
            let mean = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
            rows.iter_mut().filter(|row| !row[column].is_finite()).for_each(|row| row[column] = mean);
        }
        Matrix::from_rows(&rows)
    }

    /// The column's name for a reason: `age 57`, `job services`.
    pub fn name(&self, column: usize, event: &Event) -> String {
        match &self.columns[column] {
            Column::Number(field) => format!("{field} {}", event.fields.get(field).map_or("unknown", |value| value.trim())),
            Column::Word(field, word) if event.fields.get(field).is_some_and(|value| value.trim() == word) => {
                format!("{field} {word}")
            }
            Column::Word(field, word) => format!("{field} not {word}"),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[(&str, &str)]) -> Event {
        Event {
            fields: fields.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect(),
            ..Event::default()
        }
    }

    #[test]
    fn numbers_stay_and_words_become_columns() {
        let rows = [
            row(&[("age", "30"), ("job", "chef"), ("same", "x"), ("y", "1")]),
            row(&[("age", ""), ("job", "cook"), ("same", "x"), ("y", "0")]),
            row(&[("age", "40"), ("job", "chef"), ("same", "x")]),
        ];
        let rows: Vec<&Event> = rows.iter().collect();
        let encoding = Encoding::learn(&rows, &BTreeSet::from(["y"]));
        let table = encoding.table(&rows).expect("rows are equally long");
        assert_eq!((table.rows, table.columns), (3, 3));
        assert_eq!(table.row(1), [35.0, 0.0, 1.0]);
        assert_eq!(encoding.name(0, rows[0]), "age 30");
        assert_eq!(encoding.name(1, rows[1]), "job not chef");
        assert_eq!(rows.iter().map(|row| outcome(row, "y")).collect::<Vec<_>>(), [Some(true), Some(false), None]);
    }
}
