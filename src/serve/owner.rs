//! Keeps one workflow: takes up what is open, opens cycles when they are due or asked for, and starts a driver for each.

use super::desk::blocking;
use super::driver::{self, LONGEST_NAP};
use super::events::What;
use super::served::Served;
use crate::base::CycleNo;
use crate::engine::Entry;
use crate::model::{Act, Operation};
use crate::runtime::{
    self, Changes as _, Clock as _, Inbox, Journal as _, LookBack, NextOpening, ReloadOutcome, Reloader, Urgency, next_opening,
};
use crate::workspace::{Failure, split_path};
use crate::world::{DiskChanges, DiskFiles, Patience, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait when a cycle could not be opened; a cycle that closes, or a changed file, does not wait.
const AFTER_TROUBLE: Duration = Duration::from_secs(300);

/// Starts a driver for every cycle that is open in the journal. Must be called inside a tokio runtime.
///
/// # Errors
/// When the journal cannot be read.
pub fn take_up(served: &Arc<Served>) -> Result<(), Failure> {
    for cycle in served.open_in_journal()? {
        adopt(served, cycle, What::TakenUp);
    }
    Ok(())
}

/// Drives a cycle that is open in the journal, if nobody does yet.
pub fn adopt(served: &Arc<Served>, cycle: CycleNo, what: What) {
    if served.post(cycle).is_some() {
        return;
    }
    let (post, inbox) = Inbox::open();
    served.admit(cycle, post);
    served.tell(Some(cycle), what);
    tokio::spawn(driver::keep(served.clone(), cycle, inbox));
}

/// Opens the next cycle and drives it. `missed` openings are caught up with it.
///
/// # Errors
/// As [`Served::open_next`].
pub async fn open(served: &Arc<Served>, missed: usize) -> Result<CycleNo, Failure> {
    look_back(served).await?;
    let of_opening = served.clone();
    let cycle = blocking(move || of_opening.open_next()).await?;
    adopt(served, cycle, What::Opened { missed });
    Ok(cycle)
}

/// Looks at how pieces stand in their channels, which may take a minute; a stop does not wait for it.
async fn look_back(served: &Arc<Served>) -> Result<(), Failure> {
    let of_looking = served.clone();
    let (outs, cycle) = blocking(move || of_looking.pieces_out()).await?;
    if outs.is_empty() {
        return Ok(());
    }
    let of_world = served.clone();
    let (project, world) = blocking(move || of_world.version_of(&[])).await?;
    let mut journal = served.journal.session();
    let mut stop = served.stop.clone();
    let back = LookBack { workflow: &project.workflow, world, clock: &SystemClock, outs, cycle };
    let unread = tokio::select! {
        unread = runtime::look_back(back, &mut journal) => unread?,
        _ = stop.beyond(Urgency::None) => return Ok(()),
    };
    for unread in unread {
        let message = format!("what people changed on `{}` could not be looked at: {}", unread.channel, unread.why);
        served.tell(None, What::Trouble { code: "publish::not-read-back".to_owned(), message });
    }
    Ok(())
}

/// Opens cycles when they are due, until a stop is asked for.
pub async fn keep_schedule(served: Arc<Served>) {
    let mut stop = served.stop.clone();
    while stop.urgency() == Urgency::None {
        let of_looking = served.clone();
        let looked = blocking(move || next_of(&of_looking)).await;
        let nap = match looked {
            Ok(None) => LONGEST_NAP,
            Ok(Some(next)) => {
                served.set_next_opening(Some(next.at));
                let left = next.at.since(SystemClock.now());
                if left.is_zero() {
                    match open(&served, next.missed).await {
                        Ok(_) => continue,
                        Err(failure) => tell(&served, failure),
                    }
                } else {
                    left.min(LONGEST_NAP)
                }
            }
            Err(failure) => tell(&served, failure),
        };
        tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            () = served.wake.notified() => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
}

/// Says what is wrong, and how long to wait before trying again.
fn tell(served: &Served, failure: Failure) -> Duration {
    served.tell(None, What::Trouble { code: failure.code.to_owned(), message: failure.message.clone() });
    served.set_trouble(Some(failure));
    AFTER_TROUBLE
}

/// When the next cycle is due. Reads the journal.
fn next_of(served: &Served) -> Result<Option<NextOpening>, Failure> {
    let last = match served.journal.cycles(&served.id)?.last() {
        Some((cycle, _)) => served.journal.opening(&served.id, *cycle)?,
        None => None,
    };
    let last = match last {
        Some(Entry::Opened { pins, .. }) => Some(pins.now),
        _ => None,
    };
    let project = served.project();
    Ok(next_opening(&project.workflow, last, SystemClock.now()))
}

/// So many changes of a save are named in the log.
const TOLD: usize = 5;

/// Writes into the log of decisions what became of a save, at once and not only when the next cycle opens.
async fn log(served: &Arc<Served>, what: String) {
    let of_writing = served.clone();
    let written = blocking(move || {
        of_writing.journal.with(|journal| {
            let cycle = journal.cycles(&of_writing.id)?.last().map(|(cycle, _)| *cycle).unwrap_or_default();
            let act = Act::Reloaded { what };
            let operation = Operation { at: SystemClock.now(), by: "the files".to_owned(), cycle, act };
            Ok(journal.operate(&of_writing.id, &operation)?)
        })
    });
    // A log that cannot be written does not hold up the service: the opening of the next cycle tells of the files as well.
    if let Err(failure) = written.await {
        tell(served, failure);
    }
}

/// Takes changed files for the next cycle when they are valid, until a stop is asked for.
pub async fn keep_files(served: Arc<Served>) {
    let mut stop = served.stop.clone();
    let (root, name) = split_path(&served.file);
    let files = DiskFiles::new(&root);
    let registry = crate::builtin::registry();
    let mut changes = DiskChanges::new(files.clone(), Patience::default());
    let mut reloader = Reloader::new(name, registry, served.project().definition());
    // Read at once: something may have been saved since the service read it.
    loop {
        let of_reading = files.clone();
        let reloaded = blocking(move || {
            let reloaded = reloader.reload(&of_reading);
            Ok((reloaded, reloader))
        });
        // What broke off took the version in force with it; a restart reads again.
        let Ok((reloaded, given_back)) = reloaded.await else { return };
        reloader = given_back;
        changes.watch(reloaded.footprint);
        match reloaded.outcome {
            ReloadOutcome::Unchanged => served.replace(served.project().with(reloader.current())),
            ReloadOutcome::NextCycle(diff) => {
                served.replace(served.project().with(reloader.current()));
                let changes: Vec<String> = diff.to_string().lines().map(str::to_owned).collect();
                let more = if changes.len() > TOLD { format!(" and {} more", changes.len() - TOLD) } else { String::new() };
                let some = changes.into_iter().take(TOLD).collect::<Vec<_>>().join("; ");
                log(&served, format!("saved files count from the next cycle: {some}{more}")).await;
                served.tell(None, What::Reloaded);
                // The schedule may be another one.
                served.wake.notify_one();
            }
            ReloadOutcome::Kept(_) => {
                log(&served, "a saved file is not valid, so the version before stays in force".to_owned()).await;
                served.tell(None, What::Kept);
            }
        }
        tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            () = changes.next() => {}
        }
    }
}
