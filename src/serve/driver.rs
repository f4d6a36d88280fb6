//! Drives one open cycle from where it stands to its end: on when the world answers, when a person decides, and when a gate
//! expires.
//!
//! While nothing can go on the cycle is not in memory at all; only its inbox is. A drive runs on a thread of its own, because
//! the journal blocks.

use super::events::What;
use super::served::Served;
use crate::base::{CycleNo, Timestamp};
use crate::runtime::{self, Clock, DriveOptions, Inbox, Outcome, Run, Together, Urgency, Which};
use crate::workspace::Failure;
use crate::world::SystemClock;
use std::sync::Arc;
use std::time::Duration;

/// A clock may be set while we sleep, so nobody sleeps longer than this in one go.
pub(super) const LONGEST_NAP: Duration = Duration::from_secs(30);
/// Between two drives that came to nothing.
const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How a drive ended.
enum End {
    Closed,
    Stopped,
    Parked { waiting: usize, until: Option<Timestamp> },
}

/// Keeps a cycle going until it is closed or a stop is asked for.
pub async fn keep(served: Arc<Served>, cycle: CycleNo, mut inbox: Inbox) {
    let _driven = served.driven();
    let mut rest = SHORTEST_REST;
    loop {
        served.set_parked(cycle, false);
        let (of_drive, handle) = (served.clone(), tokio::runtime::Handle::current());
        let driven = tokio::task::spawn_blocking(move || {
            let end = handle.block_on(drive(&of_drive, cycle, &mut inbox));
            (end, inbox)
        });
        let Ok((end, given_back)) = driven.await else {
            // The drive panicked and took the inbox with it; what is in the journal is whole.
            let message = "a step broke off inside loopctl; please report this with the lines printed above";
            let trouble = Failure::new("serve::broke-off", message);
            tell(&served, cycle, trouble);
            let (post, fresh) = Inbox::open();
            served.admit(cycle, post);
            inbox = fresh;
            pause(&served, &mut inbox, rest).await;
            rest = (rest * 2).min(LONGEST_REST);
            continue;
        };
        inbox = given_back;
        match end {
            Ok(End::Closed) => {
                served.journal.let_go(&served.id, cycle);
                served.dismiss(cycle);
                served.set_trouble(None);
                served.tell(Some(cycle), What::Closed);
                // There may be room for the next one now.
                served.wake.notify_one();
                return;
            }
            Ok(End::Stopped) => return served.tell(Some(cycle), What::Stopped),
            Ok(End::Parked { waiting, until }) => {
                served.set_trouble(None);
                served.set_parked(cycle, true);
                served.tell(Some(cycle), What::Parked { waiting, until });
                rest = SHORTEST_REST;
                wait(&served, cycle, &mut inbox, until).await;
            }
            Err(failure) => {
                tell(&served, cycle, failure);
                // Whoever waits for it to come to rest hears of the trouble instead.
                served.set_parked(cycle, true);
                pause(&served, &mut inbox, rest).await;
                rest = (rest * 2).min(LONGEST_REST);
            }
        }
        if served.stop.urgency() != Urgency::None {
            return served.tell(Some(cycle), What::Stopped);
        }
    }
}

fn tell(served: &Served, cycle: CycleNo, failure: Failure) {
    served.tell(Some(cycle), What::Trouble { code: failure.code.to_owned(), message: failure.message.clone() });
    served.set_trouble(Some(failure));
}

/// Waits for a decision, for the time when a gate expires, or for a stop.
async fn wait(served: &Served, cycle: CycleNo, inbox: &mut Inbox, until: Option<Timestamp>) {
    let mut stop = served.stop.clone();
    // A gate whose time is over was looked at just now, so a moment passes before it is looked at again.
    let mut nap = SHORTEST_REST;
    loop {
        tokio::select! {
            () = inbox.arrival() => return,
            _ = stop.beyond(Urgency::None) => return,
            () = tokio::time::sleep(nap) => {}
        }
        if nap == LONGEST_NAP {
            // A person who decides one piece after the other looks at the queue in between. Nobody does that now.
            served.journal.let_go(&served.id, cycle);
        }
        let left = until.map(|until| until.since(SystemClock.now()));
        match left {
            Some(Duration::ZERO) => return,
            Some(left) => nap = left.min(LONGEST_NAP),
            None => nap = LONGEST_NAP,
        }
    }
}

/// Waits before something is tried again; a decision or a stop does not wait.
async fn pause(served: &Served, inbox: &mut Inbox, rest: Duration) {
    let mut stop = served.stop.clone();
    tokio::select! {
        () = inbox.arrival() => {}
        _ = stop.beyond(Urgency::None) => {}
        () = tokio::time::sleep(rest) => {}
    }
}

async fn drive(served: &Served, cycle: CycleNo, inbox: &mut Inbox) -> Result<End, Failure> {
    let mut journal = served.journal.session();
    // Known from the pages where a person has just decided; a large cycle takes a while to read.
    let seen = served.seen(cycle)?;
    let (project, world) = served.version_of(&seen.entries)?;
    served.caps.admit(cycle, &seen.entries);
    let clock = Served::clock_of(&project, &seen.entries);
    let run = Run {
        workflow: project.workflow.clone(),
        registry: crate::builtin::registry(),
        client_os: project.client_os.clone(),
        journal: &mut journal,
        world,
        clock: clock.as_ref(),
        stop: served.stop.clone(),
        which: Which::This(cycle),
        sources: project.sources.clone(),
        options: DriveOptions::default(),
    };
    drop(seen);
    let together = Together { caps: &served.caps, inbox };
    let ran = runtime::run_cycle_with(run, together, &mut |notice| {
        if let Some(what) = What::of(notice) {
            served.tell(Some(cycle), what);
        }
    })
    .await?;
    Ok(match ran.outcome {
        Outcome::Finished => End::Closed,
        Outcome::Stopped => End::Stopped,
        // The time of a recording stands still, so nothing expires by itself.
        Outcome::Parked { waiting, .. } if project.workflow.recorded_from.is_some() => End::Parked { waiting, until: None },
        Outcome::Parked { waiting, until } => End::Parked { waiting, until },
    })
}
