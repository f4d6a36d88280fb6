//! Events as they flow: one batch from one source, kept by columns.
//!
//! A site has millions of them, and what they say repeats: the same names, channels and pages, and a few events of each person. So a
//! batch keeps every text once and rows as numbers, and whoever counts by person or by name counts numbers. Those who
//! want an event look at a [`Row`]. The same rows in the same order are the same batch, however it was put together.

use super::event::Event;
use super::words::{Index, Numbering, Words};
use crate::base::Timestamp;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Stands for no text at all.
pub const NONE: u32 = u32::MAX;

/// A batch of events from one source, oldest first.
#[derive(Clone, Default, PartialEq)]
pub struct Events {
    pub source: String,
    pub(super) at: Vec<Timestamp>,
    /// Numbers of people; [`NONE`] for nobody.
    pub(super) who: Vec<u32>,
    /// Numbers of words.
    pub(super) name: Vec<u32>,
    /// The same, or [`NONE`].
    pub(super) channel: Vec<u32>,
    pub(super) piece: Vec<u32>,
    pub(super) value: Vec<Amount>,
    /// Name and value of each field as numbers of words, row after row; within a row in the order of names.
    pub(super) fields: Vec<[u32; 2]>,
    /// Where each row's fields end.
    pub(super) fields_end: Vec<usize>,
    /// Only of rows that are aggregated journeys, in their order.
    pub(super) journeys: Vec<Journey>,
    pub(super) touches: Vec<u32>,
    pub(super) people: Words,
    pub(super) words: Words,
}

/// A number, or not a number where there is none; equal by its bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount(pub f64);

impl PartialEq for Amount {
    fn eq(&self, other: &Amount) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Amount {
    /// JSON knows no infinity, so there is none here either.
    pub fn of(value: Option<f64>) -> Amount {
        Amount(value.filter(|value| value.is_finite()).unwrap_or(f64::NAN))
    }

    pub fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

/// What only an aggregated journey has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Journey {
    pub row: u32,
    pub touches_end: usize,
    pub conversions: f64,
    pub nulls: f64,
}

impl Events {
    pub fn new<'e>(source: impl Into<String>, events: impl IntoIterator<Item = &'e Event>) -> Events {
        let mut batch = Batch::default();
        for event in events {
            batch.push(event);
        }
        batch.finish(source)
    }

    pub fn len(&self) -> usize {
        self.at.len()
    }

    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        (0..self.len()).map(|at| self.row(at))
    }

    /// The row at a place below [`Events::len`].
    pub fn row(&self, at: usize) -> Row<'_> {
        Row { events: self, at }
    }

    /// When each row happened.
    pub fn times(&self) -> &[Timestamp] {
        &self.at
    }

    /// Who each row is of: numbers of [`Events::people`], or [`NONE`].
    pub fn whos(&self) -> &[u32] {
        &self.who
    }

    /// The name of each row: numbers of [`Events::words`].
    pub fn names(&self) -> &[u32] {
        &self.name
    }

    /// Pseudonyms, each once.
    pub fn people(&self) -> &Words {
        &self.people
    }

    /// Everything else that rows say, each once.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Name and value of a row's fields, as numbers of [`Events::words`].
    pub fn fields(&self, row: usize) -> &[[u32; 2]] {
        let start = if row == 0 { 0 } else { self.fields_end[row - 1] };
        &self.fields[start..self.fields_end[row]]
    }

    fn journey(&self, row: usize) -> Option<(&Journey, &[u32])> {
        let found = self.journeys.binary_search_by_key(&(row as u32), |journey| journey.row).ok()?;
        let start = if found == 0 { 0 } else { self.journeys[found - 1].touches_end };
        let journey = &self.journeys[found];
        Some((journey, &self.touches[start..journey.touches_end]))
    }

    /// The same rows, each of the person who is named in its place; empty for nobody.
    pub fn of_people<P: AsRef<str>>(mut self, whos: &[P]) -> Events {
        let mut people = Numbering::default();
        for (who, name) in self.who.iter_mut().zip(whos) {
            *who = if name.as_ref().is_empty() { NONE } else { people.number(name.as_ref()) };
        }
        self.people = people.into_words();
        self
    }

    /// Only these rows, in this order.
    pub fn only(&self, rows: impl ExactSizeIterator<Item = usize>) -> Events {
        let (mut people, mut words) = (Renumbered::new(&self.people), Renumbered::new(&self.words));
        let mut found = Events { source: self.source.clone(), ..Events::default() };
        found.reserve(rows.len());
        for row in rows {
            found.at.push(self.at[row]);
            found.who.push(people.number(self.who[row]));
            found.name.push(words.number(self.name[row]));
            found.channel.push(words.number(self.channel[row]));
            found.piece.push(words.number(self.piece[row]));
            found.value.push(self.value[row]);
            if let Some((journey, touches)) = self.journey(row) {
                found.touches.extend(touches.iter().map(|touch| words.number(*touch)));
                found.journeys.push(Journey { row: found.at.len() as u32 - 1, touches_end: found.touches.len(), ..*journey });
            }
            found.fields.extend(self.fields(row).iter().map(|field| field.map(|word| words.number(word))));
            found.fields_end.push(found.fields.len());
        }
        (found.people, found.words) = (people.found, words.found);
        found.settle();
        found
    }

    fn reserve(&mut self, rows: usize) {
        self.at.reserve_exact(rows);
        for column in [&mut self.who, &mut self.name, &mut self.channel, &mut self.piece] {
            column.reserve_exact(rows);
        }
        self.value.reserve_exact(rows);
        self.fields_end.reserve_exact(rows);
    }

    /// Gives back what was kept for more rows.
    pub(super) fn settle(&mut self) {
        self.at.shrink_to_fit();
        for column in [&mut self.who, &mut self.name, &mut self.channel, &mut self.piece, &mut self.touches] {
            column.shrink_to_fit();
        }
        self.value.shrink_to_fit();
        self.fields.shrink_to_fit();
        self.fields_end.shrink_to_fit();
        self.journeys.shrink_to_fit();
        self.people.settle();
        self.words.settle();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Event> = self.rows().map(Row::to_event).collect();
        f.debug_struct("Events").field("source", &self.source).field("rows", &rows).finish()
    }
}

/// Words of another batch under new numbers, in the order in which they are asked for.
struct Renumbered<'a> {
    words: &'a Words,
    numbers: Vec<u32>,
    found: Words,
}

impl<'a> Renumbered<'a> {
    fn new(words: &'a Words) -> Renumbered<'a> {
        Renumbered { words, numbers: vec![NONE; words.len()], found: Words::default() }
    }

    fn number(&mut self, number: u32) -> u32 {
        let Some(known) = self.numbers.get_mut(number as usize) else { return NONE };
        if *known == NONE {
            *known = self.found.add(self.words.get(number));
        }
        *known
    }
}

/// One event of a batch.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    events: &'a Events,
    at: usize,
}

impl<'a> Row<'a> {
    pub fn at(self) -> Timestamp {
        self.events.at[self.at]
    }

    /// A pseudonym, or empty when nobody was named.
    pub fn who(self) -> &'a str {
        self.events.people.get(self.events.who[self.at])
    }

    pub fn name(self) -> &'a str {
        self.events.words.get(self.events.name[self.at])
    }

    /// The name as a number of [`Events::words`].
    pub fn name_number(self) -> u32 {
        self.events.name[self.at]
    }

    fn word(self, column: &[u32]) -> Option<&'a str> {
        let number = column[self.at];
        (number != NONE).then(|| self.events.words.get(number))
    }

    pub fn channel(self) -> Option<&'a str> {
        self.word(&self.events.channel)
    }

    pub fn piece(self) -> Option<&'a str> {
        self.word(&self.events.piece)
    }

    /// Always finite.
    pub fn value(self) -> Option<f64> {
        self.events.value[self.at].get()
    }

    /// The touches of an aggregated journey; none for anything else.
    pub fn path(self) -> impl ExactSizeIterator<Item = &'a str> + DoubleEndedIterator + Clone {
        let touches = self.events.journey(self.at).map_or(&[][..], |(_, touches)| touches);
        touches.iter().map(move |touch| self.events.words.get(*touch))
    }

    /// Whether it is an aggregated journey.
    pub fn is_journey(self) -> bool {
        self.path().len() > 0
    }

    pub fn conversions(self) -> f64 {
        self.events.journey(self.at).map_or(0.0, |(journey, _)| journey.conversions)
    }

    pub fn nulls(self) -> f64 {
        self.events.journey(self.at).map_or(0.0, |(journey, _)| journey.nulls)
    }

    /// What else the row said under this name.
    pub fn field(self, name: &str) -> Option<&'a str> {
        self.fields().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Everything else the row said, in the order of names.
    pub fn fields(self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone {
        let words = &self.events.words;
        self.events.fields(self.at).iter().map(move |[name, value]| (words.get(*name), words.get(*value)))
    }

    pub fn to_event(self) -> Event {
        Event {
            at: self.at(),
            who: self.who().to_owned(),
            name: self.name().to_owned(),
            channel: self.channel().map(str::to_owned),
            piece: self.piece().map(str::to_owned),
            value: self.value(),
            path: self.path().map(str::to_owned).collect(),
            conversions: self.conversions(),
            nulls: self.nulls(),
            fields: self.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

impl PartialEq for Row<'_> {
    fn eq(&self, other: &Row<'_>) -> bool {
        let plain = |row: &Row<'_>| (row.at(), row.value(), row.conversions(), row.nulls());
        plain(self) == plain(other)
            && (self.who(), self.name(), self.channel(), self.piece())
                == (other.who(), other.name(), other.channel(), other.piece())
            && self.path().eq(other.path())
            && self.fields().eq(other.fields())
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_event().fmt(f)
    }
}

/// A row by its numbers: within one batch two rows are the same event when these are.
struct Numbers<'a> {
    events: &'a Events,
    row: usize,
}

impl Hash for Numbers<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Numbers { events, row } = *self;
        (events.at[row].0, events.who[row], events.name[row], events.channel[row], events.piece[row]).hash(state);
        events.value[row].0.to_bits().hash(state);
        events.fields(row).hash(state);
        if let Some((journey, touches)) = events.journey(row) {
            (journey.conversions.to_bits(), journey.nulls.to_bits(), touches).hash(state);
        }
    }
}

impl Events {
    fn same(&self, a: usize, b: usize) -> bool {
        let plain = |row: usize| (self.at[row], self.who[row], self.name[row], self.channel[row], self.piece[row]);
        let journey = |row: usize| self.journey(row).map(|(journey, touches)| (journey.conversions, journey.nulls, touches));
        plain(a) == plain(b) && self.value[a] == self.value[b] && self.fields(a) == self.fields(b) && journey(a) == journey(b)
    }
}

/// Puts a batch together, one event after the other.
#[derive(Default)]
pub struct Batch {
    /// Without its people and words.
    events: Events,
    people: Numbering,
    words: Numbering,
    /// All rows, where the same event is taken only once.
    seen: Option<Index>,
}

/// What an event and a row have in common.
struct Parts<'a> {
    at: Timestamp,
    who: &'a str,
    name: &'a str,
    channel: Option<&'a str>,
    piece: Option<&'a str>,
    value: Option<f64>,
    conversions: f64,
    nulls: f64,
}

impl Batch {
    /// One that takes the same event only once.
    pub fn unique() -> Batch {
        Batch { seen: Some(Index::default()), ..Batch::default() }
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When each row happened, so far.
    pub fn times(&self) -> &[Timestamp] {
        self.events.times()
    }

    /// Adds an event; whether it did.
    pub fn push(&mut self, event: &Event) -> bool {
        let parts = Parts {
            at: event.at,
            who: &event.who,
            name: &event.name,
            channel: event.channel.as_deref(),
            piece: event.piece.as_deref(),
            value: event.value,
            conversions: event.conversions,
            nulls: event.nulls,
        };
        let fields = event.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.put(parts, event.path.iter().map(String::as_str), fields)
    }

    /// The same from another batch.
    pub fn push_row(&mut self, row: Row<'_>) -> bool {
        let parts = Parts {
            at: row.at(),
            who: row.who(),
            name: row.name(),
            channel: row.channel(),
            piece: row.piece(),
            value: row.value(),
            conversions: row.conversions(),
            nulls: row.nulls(),
        };
        self.put(parts, row.path(), row.fields())
    }

    fn put<'a>(
        &mut self,
        parts: Parts<'_>,
        path: impl Iterator<Item = &'a str>,
        fields: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        let Batch { events, people, words, .. } = self;
        events.at.push(parts.at);
        events.who.push(if parts.who.is_empty() { NONE } else { people.number(parts.who) });
        events.name.push(words.number(parts.name));
        events.channel.push(parts.channel.map_or(NONE, |channel| words.number(channel)));
        events.piece.push(parts.piece.map_or(NONE, |piece| words.number(piece)));
        events.value.push(Amount::of(parts.value));
        let before = events.touches.len();
        events.touches.extend(path.map(|touch| words.number(touch)));
        if events.touches.len() > before || parts.conversions != 0.0 || parts.nulls != 0.0 {
            events.journeys.push(Journey {
                row: events.at.len() as u32 - 1,
                touches_end: events.touches.len(),
                conversions: parts.conversions,
                nulls: parts.nulls,
            });
        }
        events.fields.extend(fields.map(|(name, value)| [words.number(name), words.number(value)]));
        events.fields_end.push(events.fields.len());
        self.seen.is_none() || self.is_new()
    }

    /// Whether the last row says something that no other does; otherwise it is taken back.
    fn is_new(&mut self) -> bool {
        let Batch { events, seen: Some(seen), .. } = self else { return true };
        let row = events.len() - 1;
        let events = &*events;
        if seen.find(&Numbers { events, row }, |other| events.same(other as usize, row)).is_some() {
            self.pop();
            return false;
        }
        seen.add(&Numbers { events, row }, row as u32, |row, hash| hash(&Numbers { events, row: row as usize }));
        true
    }

    /// Takes back the last row; its words were there before.
    fn pop(&mut self) {
        let events = &mut self.events;
        events.at.pop();
        for column in [&mut events.who, &mut events.name, &mut events.channel, &mut events.piece] {
            column.pop();
        }
        events.value.pop();
        events.fields_end.pop();
        events.fields.truncate(events.fields_end.last().copied().unwrap_or(0));
        if events.journeys.last().is_some_and(|journey| journey.row as usize == events.at.len()) {
            events.journeys.pop();
            events.touches.truncate(events.journeys.last().map_or(0, |journey| journey.touches_end));
        }
    }

    pub fn finish(self, source: impl Into<String>) -> Events {
        let Batch { events, people, words, .. } = self;
        let mut events = Events { source: source.into(), people: people.into_words(), words: words.into_words(), ..events };
        events.settle();
        events
    }

    /// Goes on with these rows only, in this order.
    pub fn keep(&mut self, rows: impl ExactSizeIterator<Item = usize>) {
        let next = Batch { seen: self.seen.is_some().then(Index::default), ..Batch::default() };
        let kept = std::mem::replace(self, next).finish("").only(rows);
        kept.rows().for_each(|row| {
            self.push_row(row);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let fields = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        vec![
            Event { at: Timestamp(5), who: "a".into(), name: "view".into(), channel: Some("mail".into()), ..Event::default() },
            Event {
                at: Timestamp(7),
                name: "view".into(),
                value: Some(-2.5),
                fields: fields(&[("b", "mail"), ("c", "")]),
                ..Event::default()
            },
            Event {
                at: Timestamp(7),
                name: "path".into(),
                path: vec!["mail".into(), "ads".into(), "mail".into()],
                conversions: 2.0,
                nulls: 0.5,
                ..Event::default()
            },
            Event {
                at: Timestamp(9),
                who: "b".into(),
                name: "buy".into(),
                piece: Some("p".into()),
                fields: fields(&[("b", "x")]),
                ..Event::default()
            },
        ]
    }

    #[test]
    fn rows_come_back_as_they_went_in() {
        let events = events();
        let batch = Events::new("site", &events);
        assert_eq!(batch.rows().map(Row::to_event).collect::<Vec<_>>(), events);
        assert_eq!(
            (batch.len(), batch.people().len(), batch.row(3).field("b"), batch.row(3).field("c")),
            (4, 2, Some("x"), None)
        );
        assert!(batch.row(2).is_journey() && !batch.row(1).is_journey());
        // Neither an infinity nor what is no number gets in.
        let odd = Events::new("", &[Event { value: Some(f64::INFINITY), ..Event::default() }]);
        assert_eq!(odd.row(0).value(), None);
    }

    #[test]
    fn the_same_rows_are_the_same_batch_however_it_was_made() {
        let events = events();
        let batch = Events::new("site", &events);
        let longer: Vec<Event> =
            [events[3].clone(), Event { name: "other".into(), ..Event::default() }].into_iter().chain(events).collect();
        assert_eq!(Events::new("site", &longer).only([2, 3, 4, 5].into_iter()), batch);
    }

    #[test]
    fn what_was_there_is_not_added_again() {
        let batch = Events::new("site", &events());
        let mut again = Batch::unique();
        let new: Vec<bool> = batch.rows().chain(batch.rows()).map(|row| again.push_row(row)).collect();
        assert_eq!(new, [[true; 4], [false; 4]].concat());
        again.keep([1, 2].into_iter());
        assert_eq!([0, 1, 2, 3].map(|at| again.push_row(batch.row(at))), [true, false, false, true]);
        assert_eq!(again.finish("site"), batch.only([1, 2, 0, 3].into_iter()));
    }
}
