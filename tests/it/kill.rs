//! The real binary, killed at random moments and run again until it is done: what comes out is what comes out of a run
//! that nobody disturbed.
//!
//! `LOOPCTL_KILLS=1000` kills the bundled loop that often instead of a dozen times, `LOOPCTL_SMALL_KILLS` a small one, and `LOOPCTL_TEST_PROGRAM` names a faster build of the
//! program for that. The seed of a failure is printed; `LOOPCTL_SEED` begins with it.
#![cfg(unix)]

use crate::desk::{Desk, FIRST, STARTER, Said, assert_sound};
use loopctl::base::{CycleNo, Digest, Rng, Shared, TaskId};
use loopctl::engine::{Carry, Entry};
use loopctl::model::Item;
use loopctl::runtime::CycleStatus;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const CYCLES: usize = 3;

/// A loop that is killed; a cycle of it is a week.
struct Victim {
    make: fn() -> Desk,
    file: &'static str,
    /// Where its pages go.
    out: &'static str,
    /// What its cap allows in a week.
    pieces: usize,
    clean: OnceLock<Clean>,
}

static FIRST_LOOP: Victim =
    Victim { make: Desk::new, file: FIRST, out: "workflows/first-loop/out", pieces: 3, clean: OnceLock::new() };
static STARTER_LOOP: Victim = Victim { make: Desk::starter, file: STARTER, out: "tried/out", pieces: 1, clean: OnceLock::new() };

/// What an undisturbed run leaves behind.
struct Clean {
    files: BTreeMap<String, Vec<u8>>,
    outcomes: Vec<BTreeMap<TaskId, Outcome>>,
    carries: Vec<Carry>,
    took: Duration,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Done(Vec<Shared<Item>>),
    Failed(String),
    Deferred(String),
}

impl Victim {
    fn clean(&self) -> &Clean {
        self.clean.get_or_init(|| {
            let desk = (self.make)();
            let began = Instant::now();
            desk.run(&format!("run {} --cycles {CYCLES} --approve-all", self.file)).exit(0);
            let took = began.elapsed();
            let cycles = desk.cycles();
            let clean = Clean { files: self.published(&desk), outcomes: outcomes(&cycles), carries: carries(&cycles), took };
            assert_eq!(clean.files.len(), CYCLES * self.pieces);
            clean
        })
    }

    /// What was published. A kill between writing a page and naming it may leave the unnamed one behind.
    fn published(&self, desk: &Desk) -> BTreeMap<String, Vec<u8>> {
        let mut files = desk.files(self.out);
        files.retain(|name, _| !name.ends_with(".loopctl-tmp"));
        files
    }
}

fn outcomes(cycles: &[(CycleNo, CycleStatus, Vec<Entry>)]) -> Vec<BTreeMap<TaskId, Outcome>> {
    let one = |entries: &[Entry]| {
        let ends = entries.iter().filter_map(|entry| match entry {
            Entry::Done { task, items, .. } => Some((task.clone(), Outcome::Done(items.clone()))),
            Entry::Failed { task, message, .. } => Some((task.clone(), Outcome::Failed(message.clone()))),
            Entry::Deferred { task, reason } => Some((task.clone(), Outcome::Deferred(reason.clone()))),
            _ => None,
        });
        ends.collect()
    };
    cycles.iter().map(|(_, _, entries)| one(entries)).collect()
}

/// What each closed cycle handed on: learned parameters, kept state, the ledger of caps. Ancestors stand in the order in
/// which they came in, which depends on which source answered first; here they are sorted.
fn carries(cycles: &[(CycleNo, CycleStatus, Vec<Entry>)]) -> Vec<Carry> {
    let closed = cycles.iter().filter_map(|(_, _, entries)| match entries.last() {
        Some(Entry::Closed { carry, .. }) => {
            let mut carry = Carry::clone(carry);
            carry.ancestors.sort_by_key(|item| item.id);
            Some(carry)
        }
        _ => None,
    });
    closed.collect()
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Starts the command as the leader of a group, sends the group a signal after `after`, and waits. `None` when it had
/// ended before.
fn signalled(desk: &Desk, words: &str, signal: i32, after: Duration) -> (bool, Said) {
    let mut command = desk.command(words);
    let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("loopctl starts");
    let group = -i32::try_from(child.id()).expect("a process number");
    let (sender, receiver) = std::sync::mpsc::channel();
    let words = words.to_owned();
    let waiter = std::thread::spawn(move || {
        let said = Said::of(child.wait_with_output().expect("it ends"), &words);
        // Nobody listens any more when the signal was sent.
        let _ = sender.send(());
        said
    });
    let ended = receiver.recv_timeout(after).is_ok();
    if !ended {
        // SAFETY: a call with two numbers. The group is the child's own, and the child has not been waited for until its
        // thread says so; if that happens just now the call fails and nothing is lost.
        unsafe { libc::kill(group, signal) };
    }
    (!ended, waiter.join().expect("the words were no panic's"))
}

/// Runs until all cycles are closed and disturbs it `most` times on the way; returns how often it was disturbed and the
/// exit codes of the runs that were not killed.
fn disturbed(victim: &Victim, desk: &Desk, rng: &mut Rng, signal: i32, most: u64) -> (u64, Vec<i32>) {
    let mut longest = victim.clean().took.as_micros() as u64 / CYCLES as u64;
    let (mut times, mut codes) = (0, Vec::new());
    loop {
        let left = CYCLES - desk.closed();
        if left == 0 {
            return (times, codes);
        }
        let words = format!("run {} --cycles {left} --approve-all", victim.file);
        let after = if times < most { Duration::from_micros(rng.below(longest + 1)) } else { Duration::from_secs(600) };
        let (hit, said) = signalled(desk, &words, signal, after);
        times += u64::from(hit);
        if !hit {
            // The clean run was slower than runs are now, as the first one of a program may be.
            longest = (longest / 2).max(1_000);
        }
        match said.code {
            // It was finished, or it stopped in good order.
            Some(code) => {
                assert!(code == 0 || (code == 130 && hit), "{}", said.told());
                codes.push(code);
            }
            None => assert!(hit, "ended by a signal that nobody sent\n{}", said.told()),
        }
        assert_sound(&desk.cycles(), "between two runs");
    }
}

#[track_caller]
fn assert_as_if_undisturbed(victim: &Victim, desk: &Desk, context: &str) {
    let clean = victim.clean();
    let files = victim.published(desk);
    assert_eq!(files.keys().collect::<Vec<_>>(), clean.files.keys().collect::<Vec<_>>(), "{context}: other files");
    for (name, text) in &files {
        assert_eq!(String::from_utf8_lossy(text), String::from_utf8_lossy(&clean.files[name]), "{context}: {name}");
    }
    let mut keys = BTreeMap::new();
    for (name, text) in &files {
        let text = String::from_utf8_lossy(text).into_owned();
        let key = text.lines().find_map(|line| line.strip_prefix("key:")).expect("every page says its key").trim().to_owned();
        assert_eq!(keys.insert(key, name.clone()), None, "{context}: {name} went out twice");
    }
    let cycles = desk.cycles();
    assert_sound(&cycles, context);
    for (at, (mine, theirs)) in outcomes(&cycles).iter().zip(&clean.outcomes).enumerate() {
        for (task, outcome) in theirs {
            assert_eq!(mine.get(task), Some(outcome), "{context}: cycle {}: {task}", at + 1);
        }
        assert_eq!(mine.len(), theirs.len(), "{context}: cycle {}: tasks that the clean run does not have", at + 1);
    }
    let carries = carries(&cycles);
    assert_eq!(carries.len(), CYCLES, "{context}");
    for (at, (mine, theirs)) in carries.iter().zip(&clean.carries).enumerate() {
        let context = format!("{context}: what cycle {} handed on", at + 1);
        for (step, state) in &theirs.states {
            let mine = mine.states.get(step).map(Digest::of_json);
            assert_eq!(mine, Some(Digest::of_json(state)), "{context}: what `{step}` keeps");
        }
        assert_eq!(mine.ledger, theirs.ledger, "{context}: caps");
        assert_eq!(mine.parameters, theirs.parameters, "{context}: learned settings");
        assert_eq!(mine.deferred, theirs.deferred, "{context}: what waits");
        let tasks = |carry: &Carry| carry.memory.values().map(|memory| memory.task.clone()).collect::<BTreeSet<_>>();
        assert_eq!(tasks(mine), tasks(theirs), "{context}: what is remembered");
        assert!(mine == theirs, "{context}: something else");
    }
    desk.run(&format!("store verify {}", victim.file)).exit(0);
}

/// Kills until it has killed `all` times, a dozen times in each fresh folder.
fn kill(victim: &Victim, all: u64) {
    let mut seed = number("LOOPCTL_SEED", 1);
    let (mut killed, mut late) = (0, 0);
    while killed < all {
        let desk = (victim.make)();
        let context = format!("LOOPCTL_SEED={seed}");
        println!("{context}: {killed} of {all} kills so far");
        let (times, codes) = disturbed(victim, &desk, &mut Rng::new(seed), libc::SIGKILL, (all - killed).min(12));
        assert!(codes.iter().all(|code| *code == 0), "{context}: {codes:?}");
        assert_as_if_undisturbed(victim, &desk, &context);
        late = if times == 0 { late + 1 } else { 0 };
        assert!(late < 5, "{context}: the kills came too late five times in a row");
        killed += times;
        seed += 1;
    }
}

#[test]
fn a_run_that_is_killed_at_random_moments_ends_like_one_that_was_not() {
    kill(&FIRST_LOOP, number("LOOPCTL_KILLS", 12));
}

/// The small loop ends in a tenth of the time, so a long suite tries it ten times as often.
#[test]
fn a_small_loop_that_is_killed_at_random_moments_ends_like_one_that_was_not() {
    kill(&STARTER_LOOP, number("LOOPCTL_SMALL_KILLS", 24));
}

#[test]
fn a_run_that_is_interrupted_stops_in_good_order_and_goes_on() {
    for (signal, seed) in [(libc::SIGTERM, 101), (libc::SIGINT, 102)] {
        let victim = &FIRST_LOOP;
        let desk = (victim.make)();
        let context = format!("signal {signal}, seed {seed}");
        let (times, _) = disturbed(victim, &desk, &mut Rng::new(seed), signal, 3 * number("LOOPCTL_KILLS", 12).div_ceil(12));
        assert!(times > 0, "{context}: the signals came too late");
        assert_as_if_undisturbed(victim, &desk, &context);
    }
}

#[test]
fn giving_room_back_may_be_killed_at_any_moment() {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let before = desk.cycles();
    let words = format!("store gc {FIRST}");
    let began = Instant::now();
    desk.run(&words).exit(0);
    let longest = began.elapsed().as_micros() as u64;
    let mut rng = Rng::new(7);
    for round in 0..number("LOOPCTL_KILLS", 12) {
        let (_, said) = signalled(&desk, &words, libc::SIGKILL, Duration::from_micros(rng.below(longest + 1)));
        assert!(matches!(said.code, None | Some(0)), "{}", said.told());
        assert_eq!(desk.cycles(), before, "round {round}");
    }
    desk.run(&format!("store verify {FIRST}")).exit(0);
}
