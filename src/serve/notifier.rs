//! Tells people what waits and what went wrong, when a workflow says `notify`: soon after it happens, several things in one message.

use super::desk::blocking;
use super::events::{Happened, What};
use super::served::Served;
use crate::report::CycleView;
use crate::runtime::{Clock as _, Journal as _, Urgency};
use crate::workspace::Failure;
use crate::workspace::notify::{self, Fact, Told};
use crate::world::{RealWorld, Secrets, SystemClock, WebSettings};
use std::sync::Arc;
use std::time::Duration;

/// The code of a message that did not arrive.
const NOT_TOLD: &str = "notify::not-told";
/// Gates come near their end without anything happening, so it looks this often all the same.
const LOOK: Duration = Duration::from_secs(600);

/// Tells until a stop is asked for. What was not told by then is told after the next start.
pub async fn keep(served: Arc<Served>) {
    let mut stop = served.stop.clone();
    let mut events = served.listen();
    loop {
        tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            () = tokio::time::sleep(LOOK) => {}
            () = async {
                // A listener that lagged behind has something to look at as well.
                while let Ok(happened) = events.recv().await {
                    if concerns(&served, &happened) {
                        return;
                    }
                }
            } => {}
        }
        let project = served.project();
        let Some(digest) = project.workflow.notify.iter().map(|notify| notify.digest).min() else { continue };
        tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            () = tokio::time::sleep(digest) => {}
        }
        let of_looking = served.clone();
        // What keeps it from going on may keep its journal from being read as well.
        let trouble = served.trouble();
        let views = match (blocking(move || views(&of_looking)).await, &trouble) {
            (Ok(views), _) => views,
            (Err(_), Some(_)) => Vec::new(),
            (Err(failure), None) => {
                served.tell(None, What::Trouble { code: failure.code.to_owned(), message: failure.message });
                continue;
            }
        };
        let now = SystemClock.now();
        let beside: Vec<Fact> =
            trouble.iter().map(|trouble| notify::stuck(&project.workflow.id, trouble.code, &trouble.message, now)).collect();
        let world = RealWorld::with(
            &project.workflow,
            &project.root,
            Arc::new(SystemClock),
            WebSettings::default(),
            Secrets::new(&project.root),
        );
        let mut told = Told::open(served.state());
        for message in notify::tell(&project.workflow, (&views, &beside), &mut told, &world, now).await {
            served.tell(None, What::Trouble { code: NOT_TOLD.to_owned(), message });
        }
    }
}

fn concerns(served: &Served, happened: &Happened) -> bool {
    let matters = match &happened.what {
        What::Parked { .. } | What::Closed | What::TaskFailed { .. } => true,
        // Our own trouble is no news to send where it just did not arrive.
        What::Trouble { code, .. } => code != NOT_TOLD,
        _ => false,
    };
    matters && happened.workflow == served.id
}

/// The open cycles and the one that closed last.
fn views(served: &Served) -> Result<Vec<CycleView>, Failure> {
    let mut cycles = served.open_in_journal()?;
    let last = served.journal.cycles(&served.id)?.last().map(|(cycle, _)| *cycle);
    cycles.extend(last.filter(|last| !cycles.contains(last)));
    cycles.into_iter().map(|cycle| Ok(served.seen(cycle)?.view.clone())).collect()
}
