//! What was spent and what came of it, period by period, read from what the sources gave.
//!
//! A name stands for a column of the rows (a field of events), for events of that name, or for a topic whose signal has a series. What is said
//! several times in a period is added up, so a table by region or by day is read as the whole.

use super::budget::Budget;
use crate::base::{ItemId, Timestamp};
use crate::builtin::common::number::{self, Decimal};
use crate::builtin::common::topic;
use crate::builtin::learning::series::Per;
use crate::model::Good;
use crate::model::goods::Row;
use crate::step::{StepContext, StepError};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The past of a budget, all columns of one length.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub outcome: Vec<f64>,
    /// One a channel.
    pub spend: Vec<Vec<f64>>,
    /// One a control.
    pub controls: Vec<Vec<f64>>,
    /// When the first period began and the last one ended.
    pub from: Timestamp,
    pub to: Timestamp,
    pub parents: Vec<ItemId>,
    /// Periods whose outcome was missing and was taken from their neighbours.
    pub filled: usize,
}

type Column = BTreeMap<Date, f64>;

impl History {
    /// Reads everything that a budget names. A name that nothing carries is an error that says what is there.
    pub fn read(cx: &StepContext<'_>, budget: &Budget) -> Result<History, StepError> {
        let reader = Reader { cx, per: budget.period };
        let outcome = reader.column(&budget.outcome, None);
        let spend: Vec<Column> = match &budget.events {
            Some(events) => budget.lines.iter().map(|line| reader.column(events, Some(&line.spend))).collect(),
            None => budget.lines.iter().map(|line| reader.column(&line.spend, None)).collect(),
        };
        let controls: Vec<Column> = budget.controls.iter().map(|name| reader.column(name, None)).collect();
        let mut unknown: Vec<&str> = Vec::new();
        let named = [(budget.outcome.as_str(), &outcome)].into_iter();
        let named = named.chain(budget.lines.iter().map(|line| line.spend.as_str()).zip(&spend));
        for (name, column) in named.chain(budget.controls.iter().map(String::as_str).zip(&controls)) {
            if column.is_empty() && !unknown.contains(&name) {
                unknown.push(name);
            }
        }
        let parents = cx.inputs.iter().map(|item| item.id).collect();
        let (Some(first), Some(last)) = (outcome.keys().next().copied(), outcome.keys().next_back().copied()) else {
            return if cx.inputs.is_empty() {
                Ok(History { parents, ..History::default() })
            } else {
                Err(reader.nothing(&unknown))
            };
        };
        if !unknown.is_empty() {
            return Err(reader.nothing(&unknown));
        }
        let mut starts = Vec::new();
        let mut at = first;
        while at <= last {
            starts.push(at);
            at = budget.period.next(at);
        }
        let zone = &cx.workflow.zone;
        let midnight = |day: Date| zone.to_zoned(day.at(0, 0, 0, 0)).map(|zoned| zoned.timestamp().into()).unwrap_or_default();
        let amounts = |column: &Column| starts.iter().map(|start| column.get(start).copied().unwrap_or(0.0).max(0.0)).collect();
        let known: Vec<Option<f64>> = starts.iter().map(|start| outcome.get(start).copied()).collect();
        Ok(History {
            filled: known.iter().filter(|value| value.is_none()).count(),
            outcome: bridged(&known),
            spend: spend.iter().map(amounts).collect(),
            controls: controls
                .iter()
                .map(|column| bridged(&starts.iter().map(|start| column.get(start).copied()).collect::<Vec<_>>()))
                .collect(),
            from: midnight(first),
            to: midnight(at),
            parents,
        })
    }

    pub fn len(&self) -> usize {
        self.outcome.len()
    }

    /// The mean of the last periods, one a channel.
    pub fn present(&self, periods: usize) -> Vec<f64> {
        let from = self.len().saturating_sub(periods);
        let mean = |column: &Vec<f64>| column[from..].iter().sum::<f64>() / (self.len() - from).max(1) as f64;
        self.spend.iter().map(mean).collect()
    }

    /// Channels that were always given the same, or nothing: their past says nothing about what they bring.
    pub fn unknown(&self) -> Vec<bool> {
        let still = |column: &Vec<f64>| {
            let n = column.len() as f64;
            let mean = column.iter().sum::<f64>() / n;
            let spread = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            mean <= 0.0 || spread < 0.02 * mean
        };
        self.spend.iter().map(still).collect()
    }
}

/// Gaps between known values are straight; before the first and after the last it stays.
fn bridged(values: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<(usize, f64)> = values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?))).collect();
    (0..values.len())
        .map(|at| {
            let after = known.partition_point(|(known, _)| *known < at);
            match (after.checked_sub(1).map(|before| known[before]), known.get(after).copied()) {
                (_, Some((to, right))) if to == at => right,
                (Some((from, left)), Some((to, right))) => left + (right - left) * (at - from) as f64 / (to - from) as f64,
                (Some((_, value)), None) | (None, Some((_, value))) => value,
                (None, None) => 0.0,
            }
        })
        .collect()
}

struct Reader<'r, 'c> {
    cx: &'r StepContext<'c>,
    per: Per,
}

impl Reader<'_, '_> {
    /// What a name says in each period that has ended; with `channel`, only what events of that channel say.
    fn column(&self, name: &str, channel: Option<&str>) -> Column {
        let zone = &self.cx.workflow.zone;
        let running = self.per.start(self.cx.now.in_zone(zone).date());
        let key = topic::key(name);
        let mut column = Column::new();
        let mut add = |at: Timestamp, value: f64| {
            let start = self.per.start(at.in_zone(zone).date());
            if start < running && value.is_finite() {
                *column.entry(start).or_default() += value;
            }
        };
        for item in self.cx.inputs {
            match &item.good {
                Good::Events(events) => {
                    let meant = events.rows().filter(|event| channel.is_none() || event.channel() == channel);
                    meant.filter_map(|event| Some((event.at(), said(event, name)?))).for_each(|(at, value)| add(at, value));
                }
                Good::Signal(signal) if channel.is_none() && (signal.topic == key || signal.title.as_data() == name) => {
                    signal.series.iter().for_each(|point| add(point.at, point.value));
                }
                _ => {}
            }
        }
        column
    }

    fn nothing(&self, names: &[&str]) -> StepError {
        let mut there: Vec<&str> = Vec::new();
        for item in self.cx.inputs {
            match &item.good {
                Good::Events(events) => {
                    for event in events.rows().take(100) {
                        let name = Some(event.name()).filter(|name| *name != "row");
                        there.extend(name.into_iter().chain(event.fields().map(|(name, _)| name)));
                        there.sort_unstable();
                        there.dedup();
                    }
                }
                Good::Signal(signal) if !signal.series.is_empty() => there.push(signal.title.as_data()),
                _ => {}
            }
        }
        there.sort_unstable();
        there.dedup();
        there.truncate(20);
        let names = names.join("`, `");
        let error = StepError::new(format!("nothing that was read says anything about `{names}` in a period that has ended"));
        if there.is_empty() {
            return error;
        }
        error.help(format!("what was read has `{}`", there.join("`, `")))
    }
}

/// What an event says about a name.
fn said(event: Row<'_>, name: &str) -> Option<f64> {
    if let Some(text) = event.field(name) {
        return number::parse(text, Decimal::Point).or_else(|| text.trim().parse().ok());
    }
    match name {
        "value" => event.value(),
        "conversions" if event.conversions() > 0.0 => Some(event.conversions()),
        _ if event.name() == name => Some(event.value().unwrap_or(1.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goods::{Event, Events};

    #[test]
    fn gaps_are_bridged() {
        assert_eq!(bridged(&[None, Some(2.0), None, None, Some(8.0), None]), [2.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        assert_eq!(bridged(&[None, None]), [0.0, 0.0]);
    }

    #[test]
    fn a_name_is_a_column_or_the_name_of_events() {
        let mut event = Event { name: "purchase".into(), value: Some(20.0), ..Event::default() };
        event.fields.insert("cost".into(), "1,200.50".into());
        event.fields.insert("note".into(), "na".into());
        let events = Events::new("shop", &[event, Event { name: "lead".into(), ..Event::default() }]);
        let all = ["cost", "purchase", "value", "note", "other"].map(|name| said(events.row(0), name));
        assert_eq!(all, [Some(1200.5), Some(20.0), Some(20.0), None, None]);
        assert_eq!(said(events.row(1), "lead"), Some(1.0));
    }

    #[test]
    fn what_never_changed_is_unknown() {
        let history =
            History { outcome: vec![1.0; 3], spend: vec![vec![5.0; 3], vec![0.0; 3], vec![1.0, 2.0, 3.0]], ..History::default() };
        assert_eq!(history.unknown(), [true, true, false]);
        assert_eq!(history.present(2), [5.0, 0.0, 2.5]);
    }
}
