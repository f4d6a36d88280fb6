//! A bound on events: of more than one cycle takes, the newest stay, and what was left out is said.
//!
//! Rows come one after the other, in any order and from any number of files, and are let go of as soon as enough newer ones are
//! there, so that a source never holds much more than it gives.

use super::reading::{count, warn};
use crate::base::Timestamp;
use crate::model::goods::{Batch, Events, Row};
use crate::step::{Output, StepContext};

/// Events of one cycle when the workflow says nothing.
pub const MOST: usize = 1_000_000;

/// The newest events so far.
pub struct Newest {
    most: usize,
    batch: Batch,
    duplicates: usize,
    /// Older ones that were left out.
    beyond: usize,
    /// Where they end: what is older is not looked at any more.
    since: Option<Timestamp>,
}

/// What stayed, and how much did not.
pub struct Kept {
    /// Oldest first; those of one time as they came.
    pub events: Events,
    pub duplicates: usize,
    pub beyond: usize,
}

impl Newest {
    /// As many as `most` of the step says. Where no event comes twice by chance, the same one again is a repetition.
    pub fn of(cx: &StepContext<'_>, batch: Batch) -> Newest {
        let most = cx.config().integer("most").and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST).max(1);
        Newest { most, batch, duplicates: 0, beyond: 0, since: None }
    }

    pub fn take(&mut self, event: Row<'_>) {
        if self.since.is_some_and(|since| event.at() < since) {
            self.beyond += 1;
        } else if !self.batch.push_row(event) {
            self.duplicates += 1;
        } else if self.batch.len() > self.most.saturating_add(self.most / 2) {
            // Some room, so that rows are not sorted for each one that comes.
            let rows = self.settled();
            self.batch.keep(rows.into_iter());
        }
    }

    /// Places of the rows that stay, oldest first.
    fn settled(&mut self) -> Vec<usize> {
        let times = self.batch.times();
        let mut rows: Vec<usize> = (0..times.len()).collect();
        rows.sort_by_key(|row| times[*row]);
        let over = rows.len().saturating_sub(self.most);
        if over > 0 {
            rows.drain(..over);
            self.beyond += over;
            self.since = rows.first().map(|row| times[*row]);
        }
        rows
    }

    /// All of it, with a warning when there were more, which names the setting that asks for `less`.
    pub fn finish(mut self, cx: &StepContext<'_>, less: &str, output: &mut Output) -> Kept {
        let rows = self.settled();
        let Newest { batch, duplicates, beyond, since, .. } = self;
        let events = batch.finish(cx.step.id.as_str()).only(rows.into_iter());
        if beyond > 0 {
            let number = |many: usize| count(many, "event").trim_end_matches('s').trim_end_matches(" event").to_owned();
            let since = since.map(|since| since.in_zone(&cx.workflow.zone).strftime("%-d %B %Y").to_string()).unwrap_or_default();
            let all = count(events.len() + beyond, "event");
            let left = if beyond == 1 { "1 is".to_owned() } else { format!("{} are", number(beyond)) };
            let text = format!(
                "{all} are more than one cycle takes: the newest {} from {since} on are used, {left} older and left out. Say `{less}` for \
                 less, `most` for more, or hand on less rows: journeys as paths with counts, days as a table of numbers.",
                number(events.len()),
            );
            warn(output, None, text);
        }
        Kept { events, duplicates, beyond }
    }
}
