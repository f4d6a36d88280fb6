//! The dispatcher: one loop that stands between a cycle and the doors. All events are in one line.
//!
//! ```text
//!   world ──reply──► Event ──► Cycle::handle ──► Actions ──► journal first, then the world
//! ```
//! **Group commit.** Replies that came in while the journal was writing are handled together, and all that they record is
//! appended at once; only then is anything performed. So the number of writes to the disk depends on how fast the disk
//! is, not on how many tasks there are, and no reply ever waits for a timer.
//!
//! **What is acknowledged.** Nothing is performed, and the cycle neither parks nor finishes, before every entry that was
//! recorded up to then and had to be durable is on the disk.

use super::doors::{Clock, Journal, JournalError, World};
use super::inbox::{Inbox, Pending};
use super::stop::{StopSignal, Urgency};
use crate::base::{CycleNo, RequestKey, Timestamp, WorkflowId};
use crate::engine::{Action, Cycle, Entry, Event, Notice, OpenGate};
use crate::step::{Failure, FailureKind, Reply, Request};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// So many replies are handled together at most.
const GROUP_MOST: usize = 256;

/// A cycle hands out what it does in slices of about so many actions: each is journaled, and the disk works on it, before the next.
const SLICE: usize = 1_024;

/// Who answers gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GatePolicy {
    /// People do, later: the cycle parks.
    #[default]
    Inbox,
    /// The world does, at once: tests and `--approve-all`.
    AskWorld,
}

/// How a cycle is driven.
#[derive(Clone, Copy, Debug)]
pub struct DriveOptions {
    pub gates: GatePolicy,
    /// How long running requests may take to finish after a stop was asked for.
    pub grace: Duration,
}

impl Default for DriveOptions {
    fn default() -> DriveOptions {
        DriveOptions { gates: GatePolicy::Inbox, grace: Duration::from_secs(30) }
    }
}

/// How a drive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cycle is closed.
    Finished,
    /// Nothing can go on before people decide, or before the next gate expires.
    Parked { waiting: usize, until: Option<Timestamp> },
    /// A stop was asked for. The next run goes on from here.
    Stopped,
}

/// What the dispatcher needs of a cycle. [`Cycle`] is the one that counts; tests have a smaller one.
pub trait Machine {
    fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action>;
    fn expire(&mut self, now: Timestamp) -> Vec<Action>;
    fn gates(&self) -> Vec<OpenGate>;
    /// When something happens next at a gate without anybody doing anything.
    fn next_timer(&self) -> Option<Timestamp>;

    /// From now on it hands out what it does in slices of about so many actions, if it can.
    fn in_slices(&mut self, actions: usize) {
        let _ = actions;
    }

    /// The next slice, when the last one was full.
    fn go_on(&mut self, now: Timestamp) -> Option<Vec<Action>> {
        let _ = now;
        None
    }
}

impl Machine for Cycle {
    fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        Cycle::handle(self, event, now)
    }

    fn expire(&mut self, now: Timestamp) -> Vec<Action> {
        Cycle::expire(self, now)
    }

    fn gates(&self) -> Vec<OpenGate> {
        Cycle::gates(self)
    }

    fn next_timer(&self) -> Option<Timestamp> {
        Cycle::next_timer(self)
    }

    fn in_slices(&mut self, actions: usize) {
        Cycle::in_slices(self, actions);
    }

    fn go_on(&mut self, now: Timestamp) -> Option<Vec<Action>> {
        self.is_unfinished().then(|| Cycle::go_on(self, now))
    }
}

/// A request that the world is performing.
struct Running {
    key: RequestKey,
    effect: bool,
    waits: bool,
    abort: AbortHandle,
}

/// What the actions of a group say about the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    GoOn,
    Park { waiting: usize },
    Finish,
}

/// Drives one cycle.
pub struct Dispatcher<'a, M: Machine> {
    pub machine: &'a mut M,
    pub workflow: WorkflowId,
    pub cycle: CycleNo,
    pub journal: &'a mut dyn Journal,
    pub world: Arc<dyn World>,
    pub clock: &'a dyn Clock,
    pub options: DriveOptions,
}

impl<M: Machine> Dispatcher<'_, M> {
    /// Drives the cycle until it finishes, parks or is stopped. `first` are actions that are still to be carried out: the
    /// opening of a new cycle.
    ///
    /// Must be called inside a tokio runtime. The world's answers come in on the runtime's threads; the journal is written
    /// on this one.
    ///
    /// # Errors
    /// When the journal cannot be written: the cycle stops there, and requests under way are given up.
    pub async fn drive(
        self,
        first: Vec<Action>,
        stop: StopSignal,
        progress: &mut dyn FnMut(&Notice),
    ) -> Result<Outcome, JournalError> {
        self.drive_with(first, stop, progress, &mut Inbox::closed()).await
    }

    /// [`Dispatcher::drive`], taking decisions in while the cycle runs. What is still in the inbox when it parks is handled
    /// before it parks; what comes in later stays there for the next drive.
    ///
    /// # Errors
    /// As [`Dispatcher::drive`]. Whoever waits for an answer then hears that there is none.
    pub async fn drive_with(
        mut self,
        first: Vec<Action>,
        mut stop: StopSignal,
        progress: &mut dyn FnMut(&Notice),
        inbox: &mut Inbox,
    ) -> Result<Outcome, JournalError> {
        let mut running: JoinSet<(RequestKey, Reply)> = JoinSet::new();
        let mut ids: HashMap<Id, Running> = HashMap::new();
        let mut asked_gates: BTreeSet<RequestKey> = BTreeSet::new();
        let mut stopping = Urgency::None;
        let mut deadline = None;
        let mut actions = first;
        // Decisions that were handled and are not yet on the disk.
        let mut pending: Vec<Pending> = Vec::new();
        self.machine.in_slices(SLICE);
        actions.extend(self.machine.handle(Event::Start, self.clock.now()));
        loop {
            let rest = self.carry_out_all(std::mem::take(&mut actions), &mut running, &mut ids, progress)?;
            pending.drain(..).for_each(Pending::tell);
            match rest {
                Rest::Finish => return self.settle(Outcome::Finished),
                Rest::Park { .. } if stopping != Urgency::None && running.is_empty() => return self.settle(Outcome::Stopped),
                Rest::Park { waiting } if stopping == Urgency::None => {
                    let now = self.clock.now();
                    if self.machine.next_timer().is_some_and(|at| at <= now) {
                        actions = self.machine.expire(now);
                        if !actions.is_empty() {
                            continue;
                        }
                    }
                    if self.options.gates == GatePolicy::AskWorld {
                        for gate in self.machine.gates() {
                            if asked_gates.insert(gate.key.clone()) {
                                self.start(gate.key, Request::Approve(gate.approve), &mut running, &mut ids);
                            }
                        }
                    }
                    if let Some(letter) = inbox.ready() {
                        let (heard, waits) = letter.open(|event| self.machine.handle(event, self.clock.now()));
                        actions = heard;
                        pending.push(waits);
                        continue;
                    }
                    if running.is_empty() {
                        return self.settle(Outcome::Parked { waiting, until: self.machine.next_timer() });
                    }
                }
                Rest::Park { .. } | Rest::GoOn => {}
            }
            tokio::select! {
                biased;
                urgency = stop.beyond(stopping) => {
                    if urgency == Urgency::Now {
                        return self.settle(Outcome::Stopped);
                    }
                    stopping = urgency;
                    deadline = Some(tokio::time::Instant::now() + self.options.grace);
                    // Nobody waits for a timer that may be days away, nor for answers to gates.
                    ids.values().filter(|running| running.waits).for_each(|running| running.abort.abort());
                    actions = self.machine.handle(Event::Stop, self.clock.now());
                }
                () = until(deadline) => return self.settle(Outcome::Stopped),
                letter = inbox.next() => {
                    let (heard, waits) = letter.open(|event| self.machine.handle(event, self.clock.now()));
                    actions = heard;
                    pending.push(waits);
                }
                Some(first) = running.join_next_with_id() => {
                    let mut joined = vec![first];
                    while joined.len() < GROUP_MOST && let Some(next) = running.try_join_next_with_id() {
                        joined.push(next);
                    }
                    for joined in joined {
                        if let Some((key, reply)) = answer(joined, &mut ids) {
                            actions.extend(self.machine.handle(Event::Replied { key, reply }, self.clock.now()));
                        }
                    }
                    if stopping != Urgency::None && running.is_empty() {
                        self.carry_out_all(std::mem::take(&mut actions), &mut running, &mut ids, progress)?;
                        if running.is_empty() {
                            return self.settle(Outcome::Stopped);
                        }
                    }
                }
            }
        }
    }

    /// Carries actions out, and those of all slices that follow.
    fn carry_out_all(
        &mut self,
        actions: Vec<Action>,
        running: &mut JoinSet<(RequestKey, Reply)>,
        ids: &mut HashMap<Id, Running>,
        progress: &mut dyn FnMut(&Notice),
    ) -> Result<Rest, JournalError> {
        let mut rest = self.carry_out(actions, running, ids, progress)?;
        while let Some(actions) = self.machine.go_on(self.clock.now()) {
            rest = self.carry_out(actions, running, ids, progress)?;
        }
        Ok(rest)
    }

    /// Journal first, in one append; then the rest, in order.
    fn carry_out(
        &mut self,
        actions: Vec<Action>,
        running: &mut JoinSet<(RequestKey, Reply)>,
        ids: &mut HashMap<Id, Running>,
        progress: &mut dyn FnMut(&Notice),
    ) -> Result<Rest, JournalError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut must_last = false;
        let mut after = Vec::with_capacity(actions.len());
        for action in actions {
            match action {
                Action::Record { entry, durable } => {
                    must_last |= durable;
                    entries.push(entry);
                }
                action => after.push(action),
            }
        }
        self.append(&entries, must_last)?;
        let mut rest = Rest::GoOn;
        for action in after {
            match action {
                Action::Record { .. } => {}
                // A later action of the group took it back.
                Action::Perform { key, request } => {
                    self.start(key, request, running, ids);
                    rest = Rest::GoOn;
                }
                Action::Tell(notice) => progress(&notice),
                Action::Park { waiting } => rest = Rest::Park { waiting },
                Action::Finish => rest = Rest::Finish,
            }
        }
        if rest == Rest::GoOn && running.is_empty() {
            // Nothing is under way, so nothing would ever wake the loop again.
            rest = Rest::Park { waiting: self.machine.gates().len() };
        }
        Ok(rest)
    }

    fn append(&mut self, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        if entries.is_empty() && !durable {
            return Ok(());
        }
        blocking(|| self.journal.append(&self.workflow, self.cycle, entries, durable))
    }

    /// Brings what still waits to the disk before anyone hears how it ended.
    fn settle(&mut self, outcome: Outcome) -> Result<Outcome, JournalError> {
        self.append(&[], true)?;
        Ok(outcome)
    }

    fn start(
        &self,
        key: RequestKey,
        request: Request,
        running: &mut JoinSet<(RequestKey, Reply)>,
        ids: &mut HashMap<Id, Running>,
    ) {
        let (effect, waits) = (request.is_effect(), matches!(request, Request::Wait(_) | Request::Approve(_)));
        let world = self.world.clone();
        let asked = key.clone();
        let abort = running.spawn(async move {
            let reply = world.perform(&asked, &request).await;
            (asked, reply)
        });
        ids.insert(abort.id(), Running { key, effect, waits, abort });
    }
}

/// What became of a request; `None` when it was called off.
fn answer(joined: Result<(Id, (RequestKey, Reply)), JoinError>, ids: &mut HashMap<Id, Running>) -> Option<(RequestKey, Reply)> {
    match joined {
        Ok((id, answer)) => {
            ids.remove(&id);
            Some(answer)
        }
        Err(error) => {
            let running = ids.remove(&error.id())?;
            if error.is_cancelled() {
                return None;
            }
            // Whether an effect happened before the panic is not known.
            let kind = if running.effect { FailureKind::InDoubt } else { FailureKind::Permanent };
            let message = "the request broke off inside loopctl".to_owned();
            let help = Some("please report this with the lines printed above".to_owned());
            Some((running.key, Reply::Failed(Failure { help, ..Failure::new(kind, message) })))
        }
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Runs something that blocks, and lets the runtime's other work move to another thread where it can.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
