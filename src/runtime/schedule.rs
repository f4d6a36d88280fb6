//! When the next cycle opens: a pure function of the workflow, the last opening and the time now.
//!
//! Times of day are those on the wall in the workflow's zone. An hour that the clock skips in spring is taken where the clock
//! goes on; one that it shows twice in autumn counts once, the first time. Whole days are counted from a Monday, so
//! `every "7d" at="06:00"` opens on Mondays whenever it was begun, and an opening that was late does not shift the next.
//!
//! What was missed while nothing ran is caught up with one cycle, not with many: sources give what is new since they were
//! last read, so one cycle sees it all.

use crate::base::Timestamp;
use crate::model::Workflow;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan as _};
use std::time::Duration;

/// A Monday: whole days are counted from here.
const FIRST_DAY: Date = Date::constant(2024, 1, 1);
const DAY: Duration = Duration::from_secs(86_400);
/// The last opening may be so far ahead of a clock that was set back. Further ahead, the clock was wrong then.
const AHEAD_MOST: Duration = DAY;
/// Days that are looked at for one that is not excepted: a calendar that excepts everything opens nothing.
const DAYS_MOST: i32 = 3_660;
/// Missed openings are counted up to this.
const MISSED_MOST: usize = 1_000;

/// The next opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextOpening {
    /// When it is due; not after now when it is due already.
    pub at: Timestamp,
    /// How many more were due by now. They are caught up with this one.
    pub missed: usize,
}

/// The next opening after `last`; `None` when nothing opens by itself: no `every` and no `cron`, or a recording.
///
/// What was never opened waits for its first time of day, or opens at once when there is none.
pub fn next_opening(workflow: &Workflow, last: Option<Timestamp>, now: Timestamp) -> Option<NextOpening> {
    if workflow.recorded_from.is_some() {
        return None;
    }
    let rolling = workflow.calendar.cron.is_none() && workflow.at_minute.is_none();
    let last = match last {
        Some(last) if last.since(now) > AHEAD_MOST => now,
        Some(last) => last,
        None if rolling => {
            workflow.every?;
            return Some(NextOpening { at: outside_exceptions(workflow, now)?, missed: 0 });
        }
        None => now,
    };
    let at = slot_after(workflow, last)?;
    let mut missed = 0;
    let mut next = at;
    while missed < MISSED_MOST {
        match slot_after(workflow, next) {
            Some(later) if later <= now => {
                missed += 1;
                next = later;
            }
            _ => break,
        }
    }
    Some(NextOpening { at, missed })
}

/// The first time strictly after `after` at which the workflow opens a cycle.
fn slot_after(workflow: &Workflow, after: Timestamp) -> Option<Timestamp> {
    if let Some(cron) = &workflow.calendar.cron {
        let mut wall = on_the_wall(workflow, after);
        for _ in 0..100_000 {
            wall = cron.next_after(wall)?;
            match instant(workflow, wall) {
                Some(at) if at > after && !workflow.calendar.is_excepted(wall.date()) => return Some(at),
                _ => {}
            }
        }
        return None;
    }
    let every = workflow.every?;
    let Some(minute) = workflow.at_minute else { return outside_exceptions(workflow, after + every) };
    let start = Time::midnight() + SignedDuration::from_mins(i64::from(minute));
    // The slots of the day before may reach into this one.
    let mut date = on_the_wall(workflow, after).date().checked_sub(1.day()).ok()?;
    for _ in 0..DAYS_MOST {
        if is_counted(date, every) {
            let slots = wall_times(date.to_datetime(start), every);
            let fits =
                |wall: DateTime| instant(workflow, wall).filter(|at| *at > after && !workflow.calendar.is_excepted(wall.date()));
            if let Some(at) = slots.filter_map(fits).next() {
                return Some(at);
            }
        }
        date = date.checked_add(1.day()).ok()?;
    }
    None
}

/// Whether a day is one of every so many.
fn is_counted(date: Date, every: Duration) -> bool {
    let days = i64::try_from(every.as_secs().div_ceil(DAY.as_secs())).unwrap_or(i64::MAX).max(1);
    let since = (date - FIRST_DAY).get_days();
    i64::from(since).rem_euclid(days) == 0
}

/// The times of one counted day: one, or several when the interval is a part of a day.
fn wall_times(first: DateTime, every: Duration) -> impl Iterator<Item = DateTime> {
    let minutes = i64::try_from(every.as_secs() / 60).unwrap_or(i64::MAX).max(1);
    let count = if every < DAY { (1440 + minutes - 1) / minutes } else { 1 };
    (0..count).filter_map(move |number| first.checked_add(SignedDuration::from_mins(number * minutes)).ok())
}

fn on_the_wall(workflow: &Workflow, at: Timestamp) -> DateTime {
    at.in_zone(&workflow.zone).datetime()
}

/// Where the wall's time is in time; skipped hours are taken later, doubled ones the first time.
fn instant(workflow: &Workflow, wall: DateTime) -> Option<Timestamp> {
    workflow.zone.to_zoned(wall).ok().map(|zoned| zoned.timestamp().into())
}

/// `at`, or the start of the first day after it on which something may open.
fn outside_exceptions(workflow: &Workflow, at: Timestamp) -> Option<Timestamp> {
    let mut date = on_the_wall(workflow, at).date();
    if !workflow.calendar.is_excepted(date) {
        return Some(at);
    }
    for _ in 0..DAYS_MOST {
        date = date.checked_add(1.day()).ok()?;
        if !workflow.calendar.is_excepted(date) {
            return instant(workflow, date.to_datetime(Time::midnight()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calendar, Cron, Except};
    use crate::runtime::test_workflow::blank;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_in(text, &london()).unwrap_or_else(|| panic!("{text} is a time"))
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").expect("a bundled zone")
    }

    fn workflow(every: u64, minute: Option<u32>) -> Workflow {
        Workflow { zone: london(), every: Some(Duration::from_secs(every)), at_minute: minute, ..blank() }
    }

    fn cron(pattern: &str, except: &[&str]) -> Workflow {
        let except = except.iter().map(|day| Except::parse(day).unwrap()).collect();
        Workflow { zone: london(), calendar: Calendar { cron: Some(Cron::parse(pattern).unwrap()), except }, ..blank() }
    }

    const HOUR: u64 = 3600;

    fn next(workflow: &Workflow, last: &str, now: &str) -> (Timestamp, usize) {
        let next = next_opening(workflow, Some(at(last)), at(now)).unwrap();
        (next.at, next.missed)
    }

    #[test]
    fn a_day_has_one_opening_whatever_was_run_by_hand() {
        let daily = workflow(24 * HOUR, Some(360));
        assert_eq!(next(&daily, "2026-11-22 06:00:03", "2026-11-22 07:00"), (at("2026-11-23 06:00"), 0));
        assert_eq!(next(&daily, "2026-11-22 15:00", "2026-11-22 16:00"), (at("2026-11-23 06:00"), 0));
        assert_eq!(next(&daily, "2026-11-22 03:00", "2026-11-22 04:00"), (at("2026-11-22 06:00"), 0));
    }

    #[test]
    fn weeks_open_on_mondays_and_a_late_opening_does_not_shift_the_next() {
        let weekly = workflow(7 * 24 * HOUR, Some(360));
        // 2026-11-23 is a Monday.
        assert_eq!(next(&weekly, "2026-11-18 10:00", "2026-11-22 10:00"), (at("2026-11-23 06:00"), 0));
        assert_eq!(next(&weekly, "2026-11-25 10:00", "2026-11-25 10:01"), (at("2026-11-30 06:00"), 0));
    }

    #[test]
    fn what_was_missed_is_one_opening_that_says_how_many() {
        let daily = workflow(24 * HOUR, Some(360));
        assert_eq!(next(&daily, "2026-11-19 06:00:01", "2026-11-22 08:00"), (at("2026-11-20 06:00"), 2));
        let rolling = workflow(HOUR, None);
        assert_eq!(next(&rolling, "2026-11-22 06:00", "2026-11-22 08:30"), (at("2026-11-22 07:00"), 1));
    }

    #[test]
    fn parts_of_a_day_are_counted_from_the_time_of_day() {
        let twice = workflow(12 * HOUR, Some(360));
        assert_eq!(next(&twice, "2026-11-22 06:00", "2026-11-22 07:00"), (at("2026-11-22 18:00"), 0));
        assert_eq!(next(&twice, "2026-11-22 18:00", "2026-11-22 19:00"), (at("2026-11-23 06:00"), 0));
        // From 06:00 to 06:00: 06, 11, 16, 21, 02, and then 06 again.
        let five = workflow(5 * HOUR, Some(360));
        assert_eq!(next(&five, "2026-11-22 21:00", "2026-11-22 21:30"), (at("2026-11-23 02:00"), 0));
        assert_eq!(next(&five, "2026-11-23 02:00", "2026-11-23 02:30"), (at("2026-11-23 06:00"), 0));
    }

    #[test]
    fn the_first_opening_waits_for_its_time_of_day() {
        let now = at("2026-11-22 15:00");
        assert_eq!(next_opening(&workflow(24 * HOUR, Some(360)), None, now).unwrap().at, at("2026-11-23 06:00"));
        assert_eq!(next_opening(&workflow(24 * HOUR, None), None, now).unwrap().at, now);
        assert_eq!(next_opening(&blank(), None, now), None);
        let recorded = Workflow { recorded_from: Some(now), ..workflow(HOUR, None) };
        assert_eq!(next_opening(&recorded, None, now), None);
    }

    #[test]
    fn excepted_days_are_left_out() {
        let weekdays = cron("0 6 * * *", &["saturday", "sunday", "12-25"]);
        assert_eq!(next(&weekdays, "2026-11-20 06:00", "2026-11-20 07:00"), (at("2026-11-23 06:00"), 0));
        assert_eq!(next(&weekdays, "2026-12-24 06:00", "2026-12-24 07:00"), (at("2026-12-28 06:00"), 0));
        let never = cron("0 6 * * 1", &["monday"]);
        assert_eq!(next_opening(&never, None, at("2026-11-22")), None);
        let mut rolling = workflow(24 * HOUR, None);
        rolling.calendar.except = vec![Except::Weekday(7)];
        assert_eq!(next(&rolling, "2026-11-21 15:00", "2026-11-21 16:00"), (at("2026-11-23 00:00"), 0));
    }

    #[test]
    fn an_hour_that_is_skipped_is_taken_later_and_one_that_comes_twice_counts_once() {
        // In London clocks skip 01:00 to 02:00 on 2026-03-29, and show it twice on 2026-10-25.
        let daily = workflow(24 * HOUR, Some(90));
        let spring = next(&daily, "2026-03-28 01:30", "2026-03-28 02:00").0;
        assert_eq!(spring, Timestamp::parse("2026-03-29T01:30:00Z").unwrap());
        let autumn = next(&daily, "2026-10-24 01:30", "2026-10-24 02:00").0;
        assert_eq!(autumn, Timestamp::parse("2026-10-25T00:30:00Z").unwrap());
        let after = next_opening(&daily, Some(autumn), autumn + Duration::from_secs(60)).unwrap();
        assert_eq!(after.at, Timestamp::parse("2026-10-26T01:30:00Z").unwrap());
        assert_eq!(after.missed, 0);
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_stop_the_loop() {
        let daily = workflow(24 * HOUR, Some(360));
        assert_eq!(next(&daily, "2031-01-01 06:00", "2026-11-22 07:00"), (at("2026-11-23 06:00"), 0));
        // An hour back is no reason to open twice.
        assert_eq!(next(&daily, "2026-11-22 06:00", "2026-11-22 05:30"), (at("2026-11-23 06:00"), 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the zone, the day and the time of day: each counted day opens once, in order, at its time on the wall.
        #[test]
        fn every_counted_day_opens_exactly_once(
            zone in prop::sample::select(vec!["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            start in 1_700_000_000i64..1_900_000_000,
            minute in 0u32..1440,
            days in 1u64..9,
        ) {
            let zone = TimeZone::get(zone).expect("a bundled zone");
            let workflow = Workflow { zone, every: Some(DAY * days as u32), at_minute: Some(minute), ..blank() };
            let mut last = Timestamp(start * 1000);
            let mut before: Option<Date> = None;
            for _ in 0..40 {
                let next = next_opening(&workflow, Some(last), last).expect("it goes on");
                prop_assert!(next.at > last && next.missed == 0);
                let wall = next.at.in_zone(&workflow.zone);
                prop_assert!(is_counted(wall.date(), workflow.every.unwrap()));
                if let Some(before) = before {
                    prop_assert_eq!((wall.date() - before).get_days() as u64, days);
                }
                before = Some(wall.date());
                last = next.at;
            }
        }
    }
}
