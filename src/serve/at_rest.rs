//! A service that waits holds only what waiting needs.
//!
//! A cycle comes and goes in memory, and a service spends nearly all of its life between two. What the cycle leaves behind is not in
//! use any more and still counts as ours: memory that the allocator keeps for the next time, and the pages of the program that only
//! starting and running a cycle read. A moment after the last thing happened, both are given back to the system. Pages come
//! back by themselves when they are read, from the system's cache.

use super::events::{Happened, What};
use crate::runtime::{StopSignal, Urgency};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// So long nothing must have happened.
const QUIET: Duration = Duration::from_secs(2);

/// Gives back after the start and whenever a cycle has come to rest, until a stop is asked for.
pub(super) async fn keep(mut events: Receiver<Happened>, mut stop: StopSignal) {
    loop {
        let ended = tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            ended = quiet(&mut events) => ended,
        };
        // It takes some milliseconds after a large cycle.
        let _ = tokio::task::spawn_blocking(give_back).await;
        if ended {
            return;
        }
        tokio::select! {
            _ = stop.beyond(Urgency::None) => return,
            () = rest(&mut events) => {}
        }
    }
}

/// Waits until nothing has happened for a while. Says whether nothing ever will.
async fn quiet(events: &mut Receiver<Happened>) -> bool {
    loop {
        match tokio::time::timeout(QUIET, events.recv()).await {
            Err(_) => return false,
            Ok(Err(RecvError::Closed)) => return true,
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
        }
    }
}

/// Waits until a cycle comes to rest. One who was too slow to hear everything takes it that one has.
async fn rest(events: &mut Receiver<Happened>) {
    while let Ok(happened) = events.recv().await {
        if matches!(happened.what, What::Parked { .. } | What::Closed | What::Stopped | What::Trouble { .. }) {
            return;
        }
    }
}

/// Gives back to the system what this process holds and does not use.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time and from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    program::let_go();
}

#[cfg(target_os = "linux")]
mod program {
    use std::ffi::{c_int, c_void};

    /// Lets go of the pages of the program's own file that nobody has written to.
    pub(super) fn let_go() {
        // SAFETY: `of_object` has the signature that is asked for and needs no data.
        unsafe {
            libc::dl_iterate_phdr(Some(of_object), std::ptr::null_mut());
        }
    }

    /// Called with the program first; that is all we want.
    unsafe extern "C" fn of_object(object: *mut libc::dl_phdr_info, _: libc::size_t, _: *mut c_void) -> c_int {
        // SAFETY: the loader calls us with a description that is valid for the time of the call.
        let object = unsafe { &*object };
        let page = 4096;
        for at in 0..usize::from(object.dlpi_phnum) {
            // SAFETY: there are `dlpi_phnum` of them.
            let part = unsafe { &*object.dlpi_phdr.add(at) };
            // What the loader writes to (addresses that are fitted in) stands in parts that may be written.
            if part.p_type != libc::PT_LOAD || part.p_flags & libc::PF_W != 0 {
                continue;
            }
            let begin = (object.dlpi_addr + part.p_vaddr) as usize;
            let (first, end) = (begin.next_multiple_of(page), (begin + part.p_memsz as usize) / page * page);
            if first < end {
                // SAFETY: the range is a part of the program that is only ever read: its pages are those of the file, and
                // come from there again.
                unsafe {
                    libc::madvise(first as *mut c_void, end - first, libc::MADV_DONTNEED);
                }
            }
        }
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_as_it_was_after_giving_back() {
        let held: Vec<String> = (0..1_000).map(|n| format!("what is in use {n}")).collect();
        for _ in 0..3 {
            give_back();
            assert!(held.iter().enumerate().all(|(n, text)| *text == format!("what is in use {n}")));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_in_use_and_is_not_any_more_is_given_back() {
        let resident = || {
            let pages = std::fs::read_to_string("/proc/self/statm").expect("the system says");
            pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages") * 4096
        };
        // Small pieces with one in use at the end, so that the allocator does not give them back by itself.
        let mut pieces: Vec<Box<[u8; 1_024]>> = (0..200_000).map(|_| Box::new([1; 1_024])).collect();
        let last = pieces.pop();
        let before = resident();
        drop(pieces);
        give_back();
        // Other tests run in this process, so only that most of the 200 MB is gone can be said.
        assert!(resident() + (100 << 20) < before, "{} of {before}", resident());
        drop(last);
    }
}
