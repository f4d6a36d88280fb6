//! Keeps one workflow: takes up what is open, opens cycles when they are due or asked for, and starts a driver for each.

use super::driver;
use super::events::What;
use super::served::Served;
use crate::base::CycleNo;
use crate::runtime::Inbox;
use crate::workspace::Failure;
use std::sync::Arc;

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
    let of_opening = served.clone();
    let opened = tokio::task::spawn_blocking(move || of_opening.open_next()).await;
    let cycle = opened.unwrap_or_else(|_| Err(Failure::new("serve::broke-off", "opening a cycle broke off inside loopctl")))?;
    adopt(served, cycle, What::Opened { missed });
    Ok(cycle)
}
