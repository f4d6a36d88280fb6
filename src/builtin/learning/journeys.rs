//! Journeys from events: who touched which channels, in order, and whether it ended in a conversion.
//!
//! Two sources are read alike: aggregated paths as exports give them, and raw events by person. A journey ends with a
//! conversion, or when a whole window passes without anything; a person whose last touch is younger than the window may still
//! convert, so an open journey is left out instead of being counted as a failure. What cannot be used is counted, not guessed.
//!
//! Raw events are not touches yet: pseudonyms that share a key are one person, names of channels are brought into groups, and a
//! channel seen again within one session is the same touch.

use super::identity::People;
use crate::base::Timestamp;
use crate::model::goods::Row;
use crate::stats::attribution::Path;
use std::collections::BTreeMap;
use std::time::Duration;

/// Journeys over numbered channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journeys {
    /// Channel names, sorted; touches are indices into it.
    pub channels: Vec<String>,
    /// In an order that does not depend on the order of the rows.
    pub paths: Vec<Path>,
    /// For each path the age of every touch at the conversion, in days; `None` for aggregated paths, which have no clock.
    pub ages: Vec<Option<Vec<f64>>>,
    /// Journeys left out because they may still convert.
    pub open: usize,
    /// Pseudonyms that were found to be somebody else's.
    pub joined: usize,
    /// Values of keys that too many pseudonyms share to name a person.
    pub shared: usize,
    /// Rows left out.
    pub left_out: LeftOut,
}

/// Rows that could not be used, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeftOut {
    /// Neither a channel nor the conversion.
    pub unused: usize,
    /// Nobody can be named, so they belong to no journey.
    pub nameless: usize,
    /// Dated after now.
    pub future: usize,
    /// The same row a second time.
    pub repeated: usize,
    /// Aggregated rows whose counts are negative or not numbers.
    pub impossible: usize,
}

impl LeftOut {
    /// One sentence for each reason that occurred; the unused are no fault of the data and say nothing.
    pub fn says(&self) -> Vec<String> {
        [
            (self.nameless, "without a person", "belongs to no journey", "belong to no journey"),
            (self.future, "dated in the future", "was left out", "were left out"),
            (self.repeated, "seen twice", "was counted once", "were counted once"),
            (self.impossible, "with impossible counts", "was left out", "were left out"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(
            |(count, what, one, many)| {
                if count == 1 { format!("1 row {what} {one}.") } else { format!("{count} rows {what} {many}.") }
            },
        )
        .collect()
    }
}

/// What makes a journey.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The event name that counts as a conversion.
    pub conversion: &'a str,
    /// Touches older than this before a conversion do not count, and a journey this young is still open.
    pub window: Duration,
    /// A channel that is seen again before this time has passed is still the same touch.
    pub session: Duration,
    /// Fields that name a person across pseudonyms.
    pub identity: Vec<&'a str>,
    /// Groups of channels with the names that belong to each; a `*` at the end stands for anything. The first that fits counts.
    pub groups: Vec<(&'a str, Vec<&'a str>)>,
    pub now: Timestamp,
}

impl Rules<'_> {
    /// The name under which a channel counts; case does not matter.
    fn channel(&self, name: &str) -> String {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => name.to_lowercase().starts_with(&start.to_lowercase()),
            None => name.to_lowercase() == pattern.to_lowercase(),
        };
        let group = self.groups.iter().find(|(_, patterns)| patterns.iter().any(|pattern| fits(pattern)));
        group.map_or(name, |(group, _)| group).to_owned()
    }
}

/// Reads all rows; their order does not matter.
pub fn read<'a>(events: impl Iterator<Item = Row<'a>>, rules: &Rules<'_>) -> Journeys {
    let mut raw: Vec<Row<'a>> = Vec::new();
    let mut aggregated: Vec<Row<'a>> = Vec::new();
    let mut left_out = LeftOut::default();
    for event in events {
        if event.is_journey() {
            let possible = |x: f64| x.is_finite() && x >= 0.0;
            if possible(event.conversions()) && possible(event.nulls()) {
                aggregated.push(event);
            } else {
                left_out.impossible += 1;
            }
        } else if event.channel().is_none() && event.name() != rules.conversion {
            left_out.unused += 1;
        } else if event.who().is_empty() {
            left_out.nameless += 1;
        } else if event.at() > rules.now {
            left_out.future += 1;
        } else {
            raw.push(event);
        }
    }
    let known = if rules.identity.is_empty() { People::default() } else { People::joined(&raw, &rules.identity) };
    let mut people: BTreeMap<&str, Vec<Row<'a>>> = BTreeMap::new();
    for event in raw {
        people.entry(known.root(event.who())).or_default().push(event);
    }
    // Sums of values and draws by path would otherwise depend on the order of the rows.
    aggregated.sort_by(|a, b| {
        let key = |event: &Row<'_>| (event.conversions(), event.nulls(), event.value().unwrap_or(0.0));
        let ((ac, an, av), (bc, bn, bv)) = (key(a), key(b));
        a.path().cmp(b.path()).then(ac.total_cmp(&bc)).then(an.total_cmp(&bn)).then(av.total_cmp(&bv))
    });
    let mut names: Vec<&str> = aggregated.iter().flat_map(|event| event.path()).collect();
    names.extend(people.values().flatten().filter_map(|event| event.channel()));
    names.sort_unstable();
    names.dedup();
    let grouped: Vec<String> = names.iter().map(|name| rules.channel(name)).collect();
    let mut channels = grouped.clone();
    channels.sort();
    channels.dedup();
    let place = |name: &String| channels.partition_point(|other| other < name) as u32;
    let index: BTreeMap<&str, u32> = names.iter().zip(&grouped).map(|(name, group)| (*name, place(group))).collect();
    let mut journeys = Journeys { left_out, joined: known.joins(), shared: known.shared, ..Journeys::default() };
    for event in aggregated {
        journeys.paths.push(Path {
            touches: event.path().map(|channel| index[channel]).collect(),
            conversions: event.conversions(),
            value: event.value().unwrap_or(0.0),
            nulls: event.nulls(),
        });
        journeys.ages.push(None);
    }
    for events in people.into_values() {
        person(events, rules, &index, &mut journeys);
    }
    journeys.channels = channels;
    journeys
}

/// One person's events: a conversion or a window of silence closes a journey; what follows starts the next.
fn person(mut events: Vec<Row<'_>>, rules: &Rules<'_>, index: &BTreeMap<&str, u32>, journeys: &mut Journeys) {
    events.sort_by(|a, b| {
        let key = |event: &Row<'_>| event.value().unwrap_or(0.0);
        (a.at(), a.name(), a.channel(), a.piece())
            .cmp(&(b.at(), b.name(), b.channel(), b.piece()))
            .then(key(a).total_cmp(&key(b)))
    });
    let before = events.len();
    events.dedup();
    journeys.left_out.repeated += before - events.len();
    let mut touches: Vec<(Timestamp, u32)> = Vec::new();
    // When the last touch was last seen.
    let mut seen = Timestamp(0);
    for event in events {
        if !touches.is_empty() && event.at().since(seen) > rules.window {
            failed(&mut touches, journeys);
        }
        if let Some(channel) = event.channel() {
            touch(&mut touches, &mut seen, event.at(), index[channel], rules.session);
        }
        if event.name() == rules.conversion {
            let counted: Vec<(Timestamp, u32)> =
                touches.drain(..).filter(|(at, _)| event.at().since(*at) <= rules.window).collect();
            journeys.ages.push(Some(counted.iter().map(|(at, _)| event.at().days_since(*at)).collect()));
            let value = event.value().unwrap_or(0.0);
            let touches = counted.into_iter().map(|(_, channel)| channel).collect();
            journeys.paths.push(Path { touches, conversions: 1.0, value, nulls: 0.0 });
        }
    }
    if !touches.is_empty() {
        if rules.now.since(seen) < rules.window {
            journeys.open += 1;
        } else {
            failed(&mut touches, journeys);
        }
    }
}

/// A new touch, unless the newest is of the same channel and its session goes on.
fn touch(touches: &mut Vec<(Timestamp, u32)>, seen: &mut Timestamp, at: Timestamp, channel: u32, session: Duration) {
    let goes_on = touches.last().is_some_and(|(_, last)| *last == channel) && at.since(*seen) < session;
    if !goes_on {
        touches.push((at, channel));
    }
    *seen = at;
}

/// A journey that ended in nothing.
fn failed(touches: &mut Vec<(Timestamp, u32)>, journeys: &mut Journeys) {
    let touches = touches.drain(..).map(|(_, channel)| channel).collect();
    journeys.paths.push(Path { touches, conversions: 0.0, value: 0.0, nulls: 1.0 });
    journeys.ages.push(None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goods::{Event, Events};

    /// The same from events as they are written here.
    fn read(events: &[Event], rules: &Rules<'_>) -> Journeys {
        super::read(Events::new("site", events).rows(), rules)
    }

    fn rules(conversion: &str, days: u64, now: i64) -> Rules<'_> {
        Rules {
            conversion,
            window: Duration::from_secs(days * 86_400),
            session: Duration::from_secs(1_800),
            identity: vec![],
            groups: vec![],
            now: Timestamp(now * 86_400_000),
        }
    }

    fn event(who: &str, day: i64, name: &str, channel: Option<&str>) -> Event {
        Event {
            at: Timestamp(day * 86_400_000),
            who: who.into(),
            name: name.into(),
            channel: channel.map(str::to_owned),
            ..Event::default()
        }
    }

    #[test]
    fn journeys_close_at_conversions_and_young_ones_stay_open() {
        let events = [
            event("a", 3, "qualified", None),
            event("a", 1, "visit", Some("blog")),
            event("a", 2, "visit", Some("mail")),
            event("b", 1, "visit", Some("blog")),
            event("c", 99, "visit", Some("mail")),
            event("d", 5, "scroll", None),
        ];
        let rules = rules("qualified", 30, 100);
        let mut turned = events.clone();
        turned.reverse();
        let journeys = read(&events, &rules);
        assert_eq!(journeys, read(&turned, &rules), "order must not matter");
        assert_eq!(journeys.channels, ["blog", "mail"]);
        assert_eq!(journeys.paths.len(), 2);
        assert_eq!(journeys.paths[0].touches, [0, 1]);
        assert_eq!((journeys.paths[1].nulls, journeys.open, journeys.left_out.unused), (1.0, 1, 1));
        assert_eq!(journeys.ages, [Some(vec![2.0, 1.0]), None]);
    }

    #[test]
    fn touches_older_than_the_window_do_not_count() {
        let events = [event("a", 1, "visit", Some("blog")), event("a", 80, "visit", Some("mail")), event("a", 81, "buy", None)];
        let rules = rules("buy", 30, 200);
        let paths = read(&events, &rules).paths;
        // What the first touch led to is known by day 80: nothing.
        assert_eq!((&paths[0].touches[..], paths[0].nulls), (&[0][..], 1.0));
        assert_eq!((&paths[1].touches[..], paths[1].conversions), (&[1][..], 1.0));
    }

    #[test]
    fn rows_that_cannot_be_used_are_counted_and_change_nothing() {
        let rules = rules("buy", 30, 100);
        let good = [event("a", 1, "visit", Some("blog")), event("a", 2, "buy", None)];
        let impossible = Event { path: vec!["blog".into()], conversions: -3.0, ..Event::default() };
        let mut all = good.to_vec();
        all.extend([event("", 1, "visit", Some("blog")), event("a", 101, "buy", None), good[1].clone(), impossible]);
        let (clean, dirty) = (read(&good, &rules), read(&all, &rules));
        assert_eq!((&clean.paths, &clean.channels), (&dirty.paths, &dirty.channels));
        assert_eq!(dirty.left_out, LeftOut { nameless: 1, future: 1, repeated: 1, impossible: 1, unused: 0 });
        assert_eq!(dirty.left_out.says()[2], "1 row seen twice was counted once.");
        assert!(clean.left_out.says().is_empty());
    }

    #[test]
    fn sessions_groups_and_keys_make_touches_of_raw_events() {
        let minute = |who: &str, minute: i64, name: &str, channel: Option<&str>, account: &str| Event {
            at: Timestamp(minute * 60_000),
            fields: [("account".to_owned(), account.to_owned())].into(),
            ..event(who, 0, name, channel)
        };
        let events = [
            // Three pages of one visit, an hour later another, then at the desk another name of the same channel.
            minute("phone", 0, "view", Some("google"), "7"),
            minute("phone", 20, "view", Some("google"), ""),
            minute("phone", 45, "view", Some("Google"), ""),
            minute("phone", 120, "view", Some("google"), ""),
            minute("desk", 200, "view", Some("mail-june"), "7"),
            minute("desk", 210, "view", Some("bing"), ""),
            minute("desk", 220, "buy", None, ""),
        ];
        let plain = rules("buy", 30, 60);
        let apart = read(&events, &plain);
        assert_eq!((apart.paths.len(), apart.joined), (2, 0));
        let groups = vec![("search", vec!["google", "bing"]), ("mail", vec!["mail-*"])];
        let together = read(&events, &Rules { identity: vec!["account"], groups, ..plain.clone() });
        assert_eq!(together.channels, ["mail", "search"]);
        assert_eq!((&together.paths[0].touches[..], together.paths[0].conversions, together.joined), (&[1, 1, 0, 1][..], 1.0, 1));
        assert_eq!(together.paths.len(), 1);
    }
}
