//! How a batch of events is written: by columns, as it is kept. Earlier builds wrote a list of rows, which is still read.

use super::event::Event;
use super::events::{Amount, Batch, Events, Journey, NONE};
use super::words::{Numbering, Words};
use crate::base::Timestamp;
use serde::de::Error as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list that is never put together.
struct List<I>(I);

impl<I: Iterator + Clone> Serialize for List<I>
where
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// Numbers of a column from 1, so that 0 is nothing. (Fields and touches are always something, and count from 0.)
fn numbers(column: &[u32]) -> List<impl Iterator<Item = u32> + Clone> {
    List(column.iter().map(|number| number.wrapping_add(1)))
}

fn is_empty(column: &[u32]) -> bool {
    column.iter().all(|number| *number == NONE)
}

/// The columns of a batch; those that say nothing are left out.
struct Columns<'a>(&'a Events);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let events = self.0;
        let mut out = serializer.serialize_struct("Columns", 10)?;
        let since = std::iter::once(0).chain(events.at.iter().map(|at| at.0)).zip(&events.at);
        out.serialize_field("at", &List(since.map(|(before, at)| at.0.wrapping_sub(before))))?;
        if !events.people.is_empty() {
            out.serialize_field("people", &List((0..events.people.len() as u32).map(|number| events.people.get(number))))?;
            out.serialize_field("who", &numbers(&events.who))?;
        }
        out.serialize_field("words", &List((0..events.words.len() as u32).map(|number| events.words.get(number))))?;
        out.serialize_field("name", &numbers(&events.name))?;
        for (name, column) in [("channel", &events.channel), ("piece", &events.piece)] {
            if !is_empty(column) {
                out.serialize_field(name, &numbers(column))?;
            }
        }
        if events.value.iter().any(|value| value.get().is_some()) {
            out.serialize_field("value", &List(events.value.iter().map(|value| value.get())))?;
        }
        if !events.fields.is_empty() {
            out.serialize_field("fields", &List((0..events.len()).map(|row| Flat(events.fields(row)))))?;
        }
        if !events.journeys.is_empty() {
            let starts = std::iter::once(0).chain(events.journeys.iter().map(|journey| journey.touches_end));
            let journeys = starts.zip(&events.journeys);
            let journeys = journeys.map(|(start, journey)| {
                (journey.row, journey.conversions, journey.nulls, &events.touches[start..journey.touches_end])
            });
            out.serialize_field("journeys", &List(journeys))?;
        }
        out.end()
    }
}

/// Pairs one after the other.
struct Flat<'a>(&'a [[u32; 2]]);

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flatten())
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Events", 2)?;
        out.serialize_field("source", &self.source)?;
        out.serialize_field("columns", &Columns(self))?;
        out.end()
    }
}

/// What may stand in a journal.
#[derive(Deserialize)]
struct Stored {
    source: String,
    /// As earlier builds wrote them.
    #[serde(default)]
    rows: Vec<Event>,
    columns: Option<StoredColumns>,
}

#[derive(Deserialize)]
struct StoredColumns {
    at: Vec<i64>,
    #[serde(default)]
    people: Vec<String>,
    #[serde(default)]
    who: Vec<u32>,
    words: Vec<String>,
    name: Vec<u32>,
    #[serde(default)]
    channel: Vec<u32>,
    #[serde(default)]
    piece: Vec<u32>,
    #[serde(default)]
    value: Vec<Option<f64>>,
    #[serde(default)]
    fields: Vec<Vec<u32>>,
    #[serde(default)]
    journeys: Vec<(u32, f64, f64, Vec<u32>)>,
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Events, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        match stored.columns {
            Some(columns) => {
                columns.whole(stored.source).ok_or_else(|| D::Error::custom("the columns of the events do not fit together"))
            }
            None => {
                let mut batch = Batch::default();
                for event in &stored.rows {
                    batch.push(event);
                }
                Ok(batch.finish(stored.source))
            }
        }
    }
}

impl StoredColumns {
    /// Nothing when a column is too short or names what is not there.
    fn whole(self, source: String) -> Option<Events> {
        let rows = self.at.len();
        let mut now = 0i64;
        let at = self.at.iter().map(|since| {
            now = now.wrapping_add(*since);
            Timestamp(now)
        });
        let at: Vec<Timestamp> = at.collect();
        let (people, words) = (all(&self.people)?, all(&self.words)?);
        let column = |stored: Vec<u32>, words: &Words, must: bool| -> Option<Vec<u32>> {
            if stored.is_empty() && !must {
                return Some(vec![NONE; rows]);
            }
            let found: Vec<u32> = stored.into_iter().map(|number| number.wrapping_sub(1)).collect();
            let fits = |number: &u32| (*number as usize) < words.len() || (*number == NONE && !must);
            (found.len() == rows && found.iter().all(fits)).then_some(found)
        };
        let mut events = Events {
            source,
            at,
            who: column(self.who, &people, false)?,
            name: column(self.name, &words, true)?,
            channel: column(self.channel, &words, false)?,
            piece: column(self.piece, &words, false)?,
            ..Events::default()
        };
        events.value =
            if self.value.is_empty() { vec![Amount::of(None); rows] } else { self.value.into_iter().map(Amount::of).collect() };
        let known = |number: u32| (number as usize) < words.len();
        if !self.fields.is_empty() && self.fields.len() != rows || events.value.len() != rows {
            return None;
        }
        for row in 0..rows {
            let pairs = self.fields.get(row).map_or(&[][..], Vec::as_slice).as_chunks::<2>();
            if !pairs.1.is_empty() || !pairs.0.iter().flatten().all(|number| known(*number)) {
                return None;
            }
            events.fields.extend(pairs.0);
            events.fields_end.push(events.fields.len());
        }
        for (row, conversions, nulls, touches) in self.journeys {
            let later = events.journeys.last().is_none_or(|journey| journey.row < row);
            if !later || row as usize >= rows || !touches.iter().all(|touch| known(*touch)) {
                return None;
            }
            events.touches.extend(touches);
            events.journeys.push(Journey { row, touches_end: events.touches.len(), conversions, nulls });
        }
        (events.people, events.words) = (people, words);
        events.settle();
        Some(events)
    }
}

/// Nothing when a text stands there twice, because then two numbers would mean the same.
fn all(texts: &[String]) -> Option<Words> {
    let mut numbering = Numbering::default();
    let fits = texts.iter().enumerate().all(|(at, text)| numbering.number(text) as usize == at);
    fits.then(|| numbering.into_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a build of November 2026 wrote.
    const ROWS: &str = r#"{"source":"site","rows":[
        {"at":"2026-01-01T00:00:00Z","who":"a","name":"view","channel":"mail"},
        {"at":"2026-01-01T00:00:01Z","who":"","name":"path","value":3.5,"path":["mail","ads"],"conversions":2.0,"nulls":1.0},
        {"at":"2026-01-01T00:00:02Z","who":"a","name":"buy","piece":"p","value":-1.0,"fields":{"plan":"pro","view":"1"}}]}"#;

    #[test]
    fn columns_are_written_and_rows_of_earlier_builds_are_read() {
        let old: Events = serde_json::from_str(ROWS).unwrap();
        assert_eq!((old.len(), old.row(1).path().len(), old.row(2).field("plan")), (3, 2, Some("pro")));
        let written = serde_json::to_string(&old).unwrap();
        let expected = concat!(
            r#"{"source":"site","columns":{"at":[1767225600000,1000,1000],"people":["a"],"who":[1,0,1],"#,
            r#""words":["view","mail","path","ads","buy","p","plan","pro","1"],"name":[1,3,5],"channel":[2,0,0],"piece":[0,0,6],"#,
            r#""value":[null,3.5,-1.0],"fields":[[],[],[6,7,0,8]],"journeys":[[1,2.0,1.0,[1,3]]]}}"#
        );
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_str::<Events>(&written).unwrap(), old);
        let none = Events::new("site", &[]);
        assert_eq!(serde_json::from_str::<Events>(&serde_json::to_string(&none).unwrap()).unwrap(), none);
    }

    #[test]
    fn columns_that_do_not_fit_together_are_refused() {
        let old: Events = serde_json::from_str(ROWS).unwrap();
        let written = serde_json::to_string(&old).unwrap();
        for (good, bad) in [
            (r#""who":[1,0,1]"#, r#""who":[1,0]"#),
            (r#""who":[1,0,1]"#, r#""who":[1,0,2]"#),
            (r#""name":[1,3,5]"#, r#""name":[1,0,5]"#),
            (r#"[6,7,0,8]"#, r#"[6,7,0]"#),
            (r#"[6,7,0,8]"#, r#"[6,7,0,9]"#),
            (r#"[[1,2.0,"#, r#"[[3,2.0,"#),
            (r#"[1,3]"#, r#"[1,90]"#),
            (r#""ads","buy""#, r#""ads","ads""#),
            (r#"[null,3.5,-1.0]"#, r#"[null,3.5]"#),
        ] {
            assert!(written.contains(good), "{good}");
            assert!(serde_json::from_str::<Events>(&written.replacen(good, bad, 1)).is_err(), "{bad}");
        }
    }
}
