//! Caps and budgets in whole cycles: who gets a place, what waits, and that no crash lets one more through.

use super::simulation::*;
use super::testing::*;
use super::*;
use crate::base::{Money, Rng, Timestamp};
use crate::client_os::Snapshot;
use crate::model::{Cap, CapUnit, Window, Workflow};
use crate::step::{Lineage, Reply, Request};
use std::sync::Arc;

#[test]
fn what_is_over_a_cap_is_first_in_line_in_the_next_cycle() {
    let mut steps = written();
    steps[1] = capped(steps[1].clone(), CapUnit::Pieces, 2, Window::Day);
    let workflow = workflow(steps);
    let first = run(&workflow, Carry::default(), 1);
    assert_eq!(titles(&first, "outlines"), ["a-0", "a-1"]);
    // The source gives the same five again; those that waited come first, and those remembered cost no place.
    let second = run(&workflow, first.carry(), 2);
    assert_eq!(titles(&second, "outlines"), ["a-2", "a-3", "a-0", "a-1"]);
    let third = run(&workflow, second.carry(), 3);
    assert_eq!(third.cycle.deferred().len(), 0);
    // Within one day there is no second helping.
    let mut same_day = Simulation::new(workflow.clone(), first.carry(), 1, 1);
    same_day.world = World::default();
    let same_day = same_day.run();
    assert_eq!(titles(&same_day, "outlines"), ["a-0", "a-1"]);
    assert_eq!(same_day.cycle.caps()[0].used, 2);
}

#[test]
fn an_item_that_waited_still_leads_back_to_its_signal() {
    let steps = vec![
        step("read", "a", &[], &[("count", 2)]),
        step("copy", "copies", &["a"], &[]),
        capped(step("write", "outlines", &["copies"], &[]), CapUnit::Pieces, 1, Window::Day),
    ];
    let first = run(&workflow(steps.clone()), Carry::default(), 1);
    // In the next cycle the source is silent.
    let mut silent = steps;
    silent[0] = step("read", "a", &[], &[("count", 0)]);
    let second = run(&workflow(silent), first.carry(), 2);
    let made = &second.cycle.outputs(&"outlines".into())[0];
    let copy = second.cycle.items().item(&made.parents[0]).expect("the item that waited");
    let source = second.cycle.items().item(&copy.parents[0]).expect("its ancestor came along");
    assert_eq!(source.made_by.as_str(), "a");
}

#[test]
fn behind_a_gate_the_first_decided_is_the_first_served() {
    let mut steps = written();
    steps.push(step("gate", "editor", &["outlines"], &[]));
    steps.push(capped(step("send", "posts", &["editor"], &[]), CapUnit::Pieces, 1, Window::Day));
    let mut simulation = parked(workflow(steps));
    for n in [3, 0] {
        let gate = simulation.cycle.gates().remove(n);
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
    }
    let (_, request) = simulation.pending.first().expect("the first is on its way while others wait for people");
    assert!(matches!(request, Request::Publish(_)));
    // The place may still come free, so the second is not turned away yet.
    assert_eq!(simulation.cycle.counts(&"posts".into()).of(TaskState::Ready), 1);
    answer_all(&mut simulation);
    assert_eq!(simulation.cycle.deferred().len(), 1);
}

#[test]
fn work_that_waited_for_a_step_that_is_gone_is_told() {
    let mut steps = written();
    steps[1] = capped(steps[1].clone(), CapUnit::Pieces, 2, Window::Day);
    let first = run(&workflow(steps), Carry::default(), 1);
    let second = run(&workflow(vec![step("read", "a", &[], &[])]), first.carry(), 2);
    let (step, note) = second.cycle.notes().remove(0);
    assert_eq!(step.as_str(), "outlines");
    assert_eq!(note.text, "3 items that waited for `outlines` found no such step any more.");
}

/// A budget that is enough for some of the pieces only.
fn with_budget(unit: CapUnit, most: i64) -> Workflow {
    let mut workflow = workflow(vec![
        step("read", "a", &[], &[("count", 6)]),
        step("write", "outlines", &["a"], &[]),
        step("write", "others", &["a"], &[]),
    ]);
    workflow.caps.push(Cap { key: "workflow".to_owned(), unit, most, per: Window::Month });
    workflow
}

#[test]
fn a_budget_is_never_passed_whatever_happens() {
    let cost = |micros| Some(Money { currency: "usd".to_owned(), micros });
    let budgets = [
        (CapUnit::Tokens, 1_500, None, 0),
        // Without a price calls go one at a time, so a budget can be passed by less than the last turn's calls.
        (CapUnit::Money("usd".to_owned()), 1_000, cost(90), 2 * 90),
    ];
    for (unit, most, cost, slack) in budgets {
        let mut deferred = 0;
        for seed in 0..120 {
            let mut simulation = Simulation::new(with_budget(unit.clone(), most), Carry::default(), 1, seed);
            simulation.world.cost = cost.clone();
            simulation.crash_chance = 0.06 * Rng::new(seed).uniform();
            let simulation = simulation.run();
            let cap = &simulation.cycle.caps()[0];
            assert!(cap.used <= most + slack && cap.used > most / 2, "{} of {most}, seed {seed}", cap.used);
            assert_eq!(cap.held, 0, "seed {seed}");
            // The ledger is what the answers in the journal say.
            let spent: i64 = simulation.journal.iter().map(|entry| spent(entry, &unit)).sum();
            assert_eq!(cap.used, spent, "seed {seed}");
            assert_eq!(simulation.carry().ledger.0.len(), 1);
            deferred += simulation.cycle.totals().of(TaskState::Deferred);
        }
        assert!(deferred > 0);
    }
}

fn spent(entry: &Entry, unit: &CapUnit) -> i64 {
    let Entry::Replied { reply: Reply::Generated(generated), .. } = entry else { return 0 };
    match unit {
        CapUnit::Tokens => (generated.tokens_in + generated.tokens_out) as i64,
        _ => generated.cost.as_ref().map_or(0, |cost| cost.micros),
    }
}

#[test]
fn caps_on_pieces_are_exact_over_days_and_crashes() {
    for seed in 0..40 {
        let mut carry = Carry::default();
        let mut made = std::collections::BTreeMap::<String, i64>::new();
        for cycle in 1..=4_u32 {
            let steps = vec![
                step("read", "a", &[], &[("count", 5)]),
                step("copy", "copies", &["a"], &[("twice", 1)]),
                capped(step("write", "outlines", &["copies"], &[("picky", 1)]), CapUnit::Pieces, 3, Window::Day),
            ];
            // Two cycles a day.
            let mut simulation = Simulation::new(workflow(steps), carry, cycle.div_ceil(2), seed * 10 + u64::from(cycle));
            simulation.crash_chance = 0.05;
            let simulation = simulation.run();
            let run_now = simulation
                .cycle
                .task_states()
                .iter()
                .filter(|t| t.task.step.as_str() == "outlines" && !t.recalled)
                .map(|t| t.items as i64)
                .sum::<i64>();
            *made.entry(simulation.cycle.caps()[0].window.clone()).or_default() += run_now;
            carry = simulation.carry();
            for (window, count) in &made {
                assert_eq!(carry.ledger.used("outlines", window), *count, "seed {seed}");
                assert!(*count <= 3, "{count} in {window}, seed {seed}");
            }
        }
        assert_eq!(made.len(), 2);
        assert!(made.values().all(|count| *count == 3), "{made:?}, seed {seed}");
    }
}

#[test]
fn a_text_from_the_composer_needs_no_budget() {
    let mut workflow = with_budget(CapUnit::Tokens, 0);
    for provider in workflow.providers.values_mut() {
        provider.kind = "template".to_owned();
    }
    let simulation = run(&workflow, Carry::default(), 1);
    assert_eq!(simulation.cycle.totals().of(TaskState::Deferred), 0);
    assert_eq!(run(&with_budget(CapUnit::Tokens, 0), Carry::default(), 1).cycle.totals().of(TaskState::Deferred), 12);
}

/// The civil day, week and month of a time, as a person in that zone would name them.
fn windows(at: Timestamp, zone: &jiff::tz::TimeZone) -> [String; 3] {
    let date = at.in_zone(zone).date();
    let week = date.iso_week_date();
    [date.to_string(), format!("week {} {}", week.year(), week.week()), format!("month {} {}", date.year(), date.month())]
}

#[test]
fn no_cap_or_budget_is_passed_in_ten_thousand_days_of_crashes_reloads_and_clock_jumps() {
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("bundled zone");
    let mut rng = Rng::new(20_261_122);
    let mut made = std::collections::BTreeMap::<String, i64>::new();
    let mut spent_on = std::collections::BTreeMap::<String, i64>::new();
    let mut carry = Carry::default();
    let (mut now, mut crashes, mut cycles, mut deferred) = (NOW, 0, 0, 0);
    let end = Timestamp(NOW.0 + 10_000 * 86_400_000);
    let per_day = [3, 3, 2];
    while now < end {
        cycles += 1;
        // A reload may move the lower cap; of a window already under way the smaller one must hold from then on.
        let most_a_day = per_day[(cycles / 500) % per_day.len()];
        let write = step("write", "outlines", &["a"], &[("picky", 1)]);
        let write = capped(write, CapUnit::Pieces, most_a_day, Window::Day);
        let write = capped(capped(write, CapUnit::Pieces, 5, Window::Week), CapUnit::Pieces, 16, Window::Month);
        let mut workflow = workflow(vec![step("read", "a", &[], &[("count", 4), ("pages", 1)]), write]);
        workflow.zone = zone.clone();
        workflow.caps = vec![Cap { key: "workflow".to_owned(), unit: CapUnit::Tokens, most: 2_000, per: Window::Day }];
        let workflow = Arc::new(workflow);
        let client_os = Arc::new(Snapshot::default());
        let mut pins = pins(&workflow, &client_os, cycles as u32);
        pins.now = now;
        let seed = rng.below(u64::MAX);
        // Nothing is remembered, so that everything is made anew and counts.
        carry.memory.clear();
        let before = carry.ledger.clone();
        let mut simulation = Simulation::pinned(workflow, client_os, carry, pins, seed);
        simulation.crash_chance = 0.02;
        let simulation = simulation.run();
        crashes += simulation.crashes;
        deferred += simulation.cycle.deferred().len();
        let pieces = simulation.cycle.outputs(&"outlines".into()).len() as i64;
        let tokens: i64 = simulation.journal.iter().map(|entry| spent(entry, &CapUnit::Tokens)).sum();
        let [day, week, month] = windows(now, &zone);
        for (window, most) in [(&day, 3), (&week, 5), (&month, 16)] {
            let count = made.entry(window.clone()).or_default();
            *count += pieces;
            assert!(*count <= most, "{count} pieces in {window}, cycle {cycles}");
        }
        let used_before = before.used("outlines", &day);
        assert!(pieces == 0 || used_before + pieces <= most_a_day, "a lower cap holds from the reload on, {day}");
        let count = spent_on.entry(day.clone()).or_default();
        *count += tokens;
        assert!(*count <= 2_000, "{count} tokens on {day}");
        carry = simulation.carry();
        assert_eq!(carry.ledger.used("outlines", &day), made[&day], "{day}");
        // From every few minutes around midnight to several days apart; at times the clock is set back a day or two.
        now = Timestamp(match rng.below(20) {
            0 => now.0 - (rng.below(48 * 3_600) * 1_000) as i64,
            1..=4 => now.0 + (rng.below(3 * 3_600) * 1_000) as i64,
            5 => now.0 + (rng.below(20 * 86_400) * 1_000) as i64,
            _ => now.0 + (rng.below(7 * 86_400) * 1_000) as i64,
        });
    }
    assert!(cycles > 2_000 && crashes > 500 && deferred > 500, "{cycles} cycles, {crashes} crashes, {deferred} deferred");
    let reached = |kind: &str, most: i64| made.iter().any(|(window, count)| window.starts_with(kind) && *count == most);
    assert!(reached("week", 5) && reached("month", 16) && reached("2", 3), "every cap was reached: {made:?}");
}

#[test]
fn a_day_has_its_cap_once_when_the_clocks_change() {
    // In New York 1 November 2026 has 25 hours and 14 March 2027 has 23.
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("bundled zone");
    for (first, hours) in [("2026-11-01T04:00:00Z", 25), ("2027-03-14T05:00:00Z", 23)] {
        let first = Timestamp::parse(first).expect("a time");
        let mut carry = Carry::default();
        let mut per_day = Vec::new();
        for hour in -1..=hours {
            let write = capped(step("write", "outlines", &["a"], &[]), CapUnit::Pieces, 2, Window::Day);
            let mut workflow = workflow(vec![step("read", "a", &[], &[("count", 1)]), write]);
            workflow.zone = zone.clone();
            let (workflow, client_os) = (Arc::new(workflow), Arc::new(Snapshot::default()));
            let mut pins = pins(&workflow, &client_os, (hour + 2) as u32);
            pins.now = Timestamp(first.0 + i64::from(hour) * 3_600_000);
            let day = windows(pins.now, &zone)[0].clone();
            carry.memory.clear();
            let simulation = Simulation::pinned(workflow, client_os, carry, pins, 1).run();
            per_day.push((day, simulation.cycle.outputs(&"outlines".into()).len()));
            carry = simulation.carry();
        }
        let of = |day: &str| per_day.iter().filter(|(known, _)| known == day).map(|(_, made)| made).sum::<usize>();
        let day = windows(first, &zone)[0].clone();
        assert_eq!(per_day.iter().filter(|(known, _)| *known == day).count(), hours as usize, "{day} has {hours} hours");
        assert_eq!(of(&day), 2, "{per_day:?}");
        assert_eq!((per_day[0].1, per_day[per_day.len() - 1].1), (1, 1), "the days beside it have caps of their own");
    }
}
