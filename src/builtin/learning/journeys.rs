//! Journeys from events: who touched which channels, in order, and whether it ended in a conversion.
//!
//! Two sources are read alike: aggregated paths as exports give them, and raw events by person. A person whose last touch
//! is younger than the window may still convert, so an open journey is left out instead of being counted as a failure.

use crate::base::Timestamp;
use crate::model::goods::Event;
use crate::stats::attribution::Path;
use std::collections::BTreeMap;
use std::time::Duration;

/// Journeys over numbered channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journeys {
    /// Channel names, sorted; touches are indices into it.
    pub channels: Vec<String>,
    pub paths: Vec<Path>,
    /// Journeys left out because they may still convert.
    pub open: usize,
    /// Rows left out because they had neither a channel nor the conversion.
    pub unused: usize,
}

/// What makes a journey.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The event name that counts as a conversion.
    pub conversion: &'a str,
    /// Touches older than this before a conversion do not count, and a journey this young is still open.
    pub window: Duration,
    pub now: Timestamp,
}

/// Reads all rows; their order does not matter.
pub fn read<'a>(events: impl Iterator<Item = &'a Event>, rules: &Rules<'_>) -> Journeys {
    let mut people: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    let mut aggregated: Vec<&Event> = Vec::new();
    let mut unused = 0;
    for event in events {
        if !event.path.is_empty() {
            aggregated.push(event);
        } else if event.channel.is_some() || event.name == rules.conversion {
            people.entry(&event.who).or_default().push(event);
        } else {
            unused += 1;
        }
    }
    let mut channels: Vec<String> = aggregated.iter().flat_map(|event| event.path.iter().cloned()).collect();
    channels.extend(people.values().flatten().filter_map(|event| event.channel.clone()));
    channels.sort();
    channels.dedup();
    let index: BTreeMap<&str, u32> = channels.iter().enumerate().map(|(at, name)| (name.as_str(), at as u32)).collect();
    let mut journeys = Journeys { unused, ..Journeys::default() };
    for event in aggregated {
        journeys.paths.push(Path {
            touches: event.path.iter().map(|channel| index[channel.as_str()]).collect(),
            conversions: event.conversions,
            value: event.value.unwrap_or(0.0),
            nulls: event.nulls,
        });
    }
    for events in people.into_values() {
        person(events, rules, &index, &mut journeys);
    }
    journeys.channels = channels;
    journeys
}

/// One person's events: each conversion closes a journey; what follows starts the next.
fn person(mut events: Vec<&Event>, rules: &Rules<'_>, index: &BTreeMap<&str, u32>, journeys: &mut Journeys) {
    events.sort_by(|a, b| (a.at, &a.name, &a.channel).cmp(&(b.at, &b.name, &b.channel)));
    let mut touches: Vec<(Timestamp, u32)> = Vec::new();
    for event in events {
        if let Some(channel) = &event.channel {
            touches.push((event.at, index[channel.as_str()]));
        }
        if event.name == rules.conversion {
            let counted: Vec<u32> =
                touches.drain(..).filter(|(at, _)| event.at.since(*at) <= rules.window).map(|(_, channel)| channel).collect();
            journeys.paths.push(Path { touches: counted, conversions: 1.0, value: event.value.unwrap_or(0.0), nulls: 0.0 });
        }
    }
    if let Some((last, _)) = touches.last() {
        if rules.now.since(*last) < rules.window {
            journeys.open += 1;
        } else {
            let touches = touches.into_iter().map(|(_, channel)| channel).collect();
            journeys.paths.push(Path { touches, conversions: 0.0, value: 0.0, nulls: 1.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let rules = Rules { conversion: "qualified", window: Duration::from_secs(30 * 86_400), now: Timestamp(100 * 86_400_000) };
        let mut turned = events.clone();
        turned.reverse();
        let journeys = read(events.iter(), &rules);
        assert_eq!(journeys, read(turned.iter(), &rules), "order must not matter");
        assert_eq!(journeys.channels, ["blog", "mail"]);
        assert_eq!(journeys.paths.len(), 2);
        assert_eq!(journeys.paths[0].touches, [0, 1]);
        assert_eq!((journeys.paths[1].nulls, journeys.open, journeys.unused), (1.0, 1, 1));
    }

    #[test]
    fn touches_older_than_the_window_do_not_count() {
        let events = [event("a", 1, "visit", Some("blog")), event("a", 80, "visit", Some("mail")), event("a", 81, "buy", None)];
        let rules = Rules { conversion: "buy", window: Duration::from_secs(30 * 86_400), now: Timestamp(200 * 86_400_000) };
        assert_eq!(read(events.iter(), &rules).paths[0].touches, [1]);
    }
}
