//! The queue of requests for a free place: a step's `priority` first, then first come, first served. A provider or a channel
//! that has as many requests as its `at-once` allows is passed over, so one slow door never holds up the others.

use super::cycle::Errand;
use crate::model::Workflow;
use crate::step::{Query, Request};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Whom a request goes to. Files and pages have no door of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    #[default]
    Open,
    Provider(String),
    Channel(String),
}

impl Door {
    pub fn of(request: &Request) -> Door {
        match request {
            Request::Generate(generate) => Door::Provider(generate.provider.clone()),
            Request::Publish(publish) => Door::Channel(publish.channel.clone()),
            Request::Query(Query::Placed { channel, .. } | Query::Audience { channel }) => Door::Channel(channel.clone()),
            Request::Fetch(_) | Request::Approve(_) | Request::Wait(_) => Door::Open,
        }
    }

    /// How many requests may be under way at this door at once.
    fn places(&self, workflow: &Workflow) -> usize {
        let config = match self {
            Door::Open => None,
            Door::Provider(name) => workflow.providers.get(name).map(|provider| &provider.config),
            Door::Channel(name) => workflow.channels.get(name).map(|channel| &channel.config),
        };
        let most = config.and_then(|config| config.integer("at-once"));
        most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(1).max(1))
    }
}

/// Errands of one door by priority, highest first, and then by when they came.
type Line = BTreeMap<(Reverse<i64>, u64), Errand>;

/// Requests that wait, and how many are under way at each door.
#[derive(Debug, Default)]
pub(super) struct Doors {
    lines: BTreeMap<Door, Line>,
    busy: BTreeMap<Door, usize>,
    came: u64,
}

impl Doors {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn push(&mut self, errand: Errand, door: Door, priority: i64) {
        self.came += 1;
        self.lines.entry(door).or_default().insert((Reverse(priority), self.came), errand);
    }

    /// The next errand that has a place at its door. It takes the place.
    pub fn pop(&mut self, workflow: &Workflow) -> Option<Errand> {
        let free = self.lines.iter().filter(|(door, _)| {
            let busy = self.busy.get(*door).copied().unwrap_or(0);
            busy == 0 || busy < door.places(workflow)
        });
        let next = free.filter_map(|(door, line)| Some((line.first_key_value()?.0, door)));
        let door = next.min_by_key(|(place, _)| *place)?.1.clone();
        let line = self.lines.get_mut(&door)?;
        let (_, errand) = line.pop_first()?;
        if line.is_empty() {
            self.lines.remove(&door);
        }
        if door != Door::Open {
            *self.busy.entry(door).or_default() += 1;
        }
        Some(errand)
    }

    /// A request came back: its place is free.
    pub fn done(&mut self, door: &Door) {
        if let Some(busy) = self.busy.get_mut(door) {
            *busy = busy.saturating_sub(1);
        }
    }
}
