//! A store that works on a thread of its own, and is watched: whoever commits can go on while the disk works, and a write that
//! never comes back ends in an error instead of a program that stands still.
//!
//! ```text
//!  commit, durable      the store goes to the thread with the batch; wait until both are back, at most so long
//!  commit, otherwise    the store goes to the thread with the batch; the next call of any kind waits for it
//! ```
//! The store itself is handed over and back, so there is never more than one who uses it, and no lock to be held by a thread that
//! stands still. What the thread does not bring back is given up: nothing of it was acknowledged.

use super::checkpoint::{Batch, CheckpointStore, Compaction, Head, Health, Visit};
use super::error;
use crate::runtime::JournalError;
use std::cell::{Ref, RefCell};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How long one write may take before it is given up. A disk that is busy for half a minute is slow; two minutes is not a disk.
pub const PATIENCE: Duration = Duration::from_secs(120);

type Job<S> = Box<dyn FnOnce(&mut S) -> Result<Head, JournalError> + Send>;
type Away<S> = (Box<S>, Job<S>);
type Home<S> = (Box<S>, Result<Head, JournalError>);

/// A store with its thread.
pub struct Watched<S: CheckpointStore + 'static> {
    at: RefCell<Place<S>>,
    patience: Duration,
    /// Remembered, so that nobody waits for the disk to hear it.
    value_most: usize,
    /// Where the store is sent with work, and where it comes back. Made with the first write.
    thread: Option<Ways<S>>,
}

/// The way to the thread, and the way back.
type Ways<S> = (Sender<Away<S>>, Receiver<Home<S>>);

/// Where the store is.
enum Place<S> {
    Home(Box<S>),
    /// With the thread; nobody waits for it yet.
    Away,
    /// It was away for too long.
    Stuck,
    /// Its thread is gone.
    Lost,
}

impl<S: CheckpointStore + 'static> Watched<S> {
    pub fn new(store: S, patience: Duration) -> Watched<S> {
        let value_most = store.value_most();
        Watched { at: RefCell::new(Place::Home(Box::new(store))), patience, value_most, thread: None }
    }

    /// Waits until the store is back, and tells what came of its work.
    fn come_home(&self) -> Result<(), JournalError> {
        let mut at = self.at.borrow_mut();
        match *at {
            Place::Home(_) => Ok(()),
            Place::Lost => Err(error::stopped()),
            Place::Stuck => Err(error::stuck(self.patience.as_secs())),
            Place::Away => {
                let (_, back) = self.thread.as_ref().expect("it went away through the thread");
                match back.recv_timeout(self.patience) {
                    Ok((store, done)) => {
                        *at = Place::Home(store);
                        done.map(|_| ())
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        *at = Place::Stuck;
                        Err(error::stuck(self.patience.as_secs()))
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        *at = Place::Lost;
                        Err(error::stopped())
                    }
                }
            }
        }
    }

    /// The store, for looking.
    fn here(&self) -> Result<Ref<'_, S>, JournalError> {
        // Somebody who looks while somebody looks finds it at home, and must not ask for more than a look.
        if !self.at.try_borrow().is_ok_and(|at| matches!(*at, Place::Home(_))) {
            self.come_home()?;
        }
        let at = self.at.borrow();
        Ref::filter_map(at, |at| match at {
            Place::Home(store) => Some(&**store),
            Place::Away | Place::Stuck | Place::Lost => None,
        })
        .map_err(|_| error::stopped())
    }

    /// Sends the store away with work; it must be at home.
    fn send(&mut self, job: Job<S>) -> Result<(), JournalError> {
        if self.thread.is_none() {
            let (to, jobs) = channel::<Away<S>>();
            let (home, back) = channel::<Home<S>>();
            let worker = move || {
                for (mut store, job) in jobs {
                    let done = job(&mut store);
                    // Nobody waits any more: then the store is closed here.
                    if home.send((store, done)).is_err() {
                        return;
                    }
                }
            };
            let started = std::thread::Builder::new().name("store".to_owned()).spawn(worker);
            started.map_err(|cause| error::io(std::path::Path::new("the store"), "start a thread", cause))?;
            self.thread = Some((to, back));
        }
        let at = self.at.get_mut();
        let Place::Home(store) = std::mem::replace(at, Place::Away) else {
            *at = Place::Lost;
            return Err(error::stopped());
        };
        let (to, _) = self.thread.as_ref().expect("just made");
        to.send((store, job)).map_err(|_| {
            *at = Place::Lost;
            error::stopped()
        })
    }

    /// Has work done by the thread and waits for it.
    pub(super) fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.come_home()?;
        let (tell, told) = channel();
        self.send(Box::new(move |store| {
            let done = work(store)?;
            // The one who asked has given up when nobody listens.
            let _ = tell.send(done);
            Ok(store.head())
        }))?;
        self.come_home()?;
        self.value_most = self.look(CheckpointStore::value_most)?;
        told.try_recv().map_err(|_| error::stopped())
    }

    /// The same for work that copies everything, and so may take longer than a write.
    pub(super) fn work_long<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let patience = self.patience;
        self.patience = patience * 10;
        let done = self.work(work);
        self.patience = patience;
        done
    }

    /// The store, for questions that only its kind can answer.
    pub(super) fn look<T>(&self, at: impl FnOnce(&S) -> T) -> Result<T, JournalError> {
        Ok(at(&*self.here()?))
    }
}

impl<S: CheckpointStore + 'static> CheckpointStore for Watched<S> {
    fn commit(&mut self, batch: Batch, durable: bool) -> Result<Head, JournalError> {
        self.work(move |store| store.commit(batch, durable))
    }

    fn commit_later(&mut self, batch: Batch) -> Result<(), JournalError> {
        self.come_home()?;
        self.send(Box::new(move |store| store.commit(batch, true)))
    }

    fn wait(&self) -> Result<(), JournalError> {
        self.come_home()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        self.here()?.get(key)
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError> {
        self.here()?.scan(prefix, visit)
    }

    fn head(&self) -> Head {
        self.here().map(|store| store.head()).unwrap_or_default()
    }

    fn verify(&self) -> Result<Health, JournalError> {
        self.here()?.verify()
    }

    fn compact(&mut self) -> Result<Compaction, JournalError> {
        self.work_long(CheckpointStore::compact)
    }

    fn bytes_on_disk(&self) -> Option<u64> {
        self.here().ok()?.bytes_on_disk()
    }

    fn value_most(&self) -> usize {
        self.value_most
    }
}

impl<S: CheckpointStore + 'static> Drop for Watched<S> {
    fn drop(&mut self) {
        // Whoever opens the folder next must find it closed. What failed meanwhile was asked for by nobody.
        let _ = self.come_home();
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Barrier};

    /// Memory, with a door in front of its commits.
    struct Slow {
        store: MemoryStore,
        door: Arc<Barrier>,
        closed: Arc<AtomicBool>,
    }

    impl CheckpointStore for Slow {
        fn commit(&mut self, batch: Batch, durable: bool) -> Result<Head, JournalError> {
            if self.closed.load(Ordering::SeqCst) {
                self.door.wait();
            }
            self.store.commit(batch, durable)
        }
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
            self.store.get(key)
        }
        fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError> {
            self.store.scan(prefix, visit)
        }
        fn head(&self) -> Head {
            self.store.head()
        }
        fn verify(&self) -> Result<Health, JournalError> {
            self.store.verify()
        }
        fn compact(&mut self) -> Result<Compaction, JournalError> {
            self.store.compact()
        }
    }

    fn slow(patience: Duration, closed: bool) -> (Watched<Slow>, MemoryStore, Arc<Barrier>) {
        let (store, door) = (MemoryStore::new(), Arc::new(Barrier::new(2)));
        let inner = Slow { store: store.clone(), door: door.clone(), closed: Arc::new(AtomicBool::new(closed)) };
        (Watched::new(inner, patience), store, door)
    }

    fn batch(key: &str) -> Batch {
        let mut batch = Batch::default();
        batch.put(key.as_bytes().to_vec(), b"1".to_vec());
        batch
    }

    #[test]
    fn a_write_that_never_comes_back_ends_in_an_error_that_says_what_to_do() {
        let (mut store, _, door) = slow(Duration::from_millis(50), true);
        let stuck = store.commit(batch("a"), true).expect_err("nobody opens the door");
        assert_eq!(stuck.code, "store::stuck");
        assert!(stuck.help.contains("run the same command again"), "{}", stuck.help);
        // Nothing more is taken or given, and closing it waits for nobody.
        assert_eq!(store.commit(batch("b"), true).expect_err("given up").code, "store::stuck");
        assert_eq!(store.get(b"a").expect_err("given up").code, "store::stuck");
        drop(store);
        door.wait();
    }

    #[test]
    fn whoever_commits_later_goes_on_and_whoever_reads_waits_for_it() {
        let (mut store, behind, door) = slow(Duration::from_secs(60), true);
        store.commit_later(batch("a")).expect("sent");
        assert_eq!(behind.head().sequence, 0, "it is before the door");
        door.wait();
        assert_eq!(store.get(b"a").expect("there").as_deref(), Some(&b"1"[..]));
        assert_eq!(store.head().sequence, 1);
    }

    #[test]
    fn looking_while_looking_is_fine() {
        let (mut store, ..) = slow(Duration::from_secs(60), false);
        store.commit(batch("a"), true).expect("taken");
        store.commit_later(batch("b")).expect("sent");
        let mut seen = 0;
        let visit: &mut Visit<'_> = &mut |key, _| {
            seen += store.get(key)?.map_or(0, |value| value.len());
            Ok(())
        };
        store.scan(b"", visit).expect("readable");
        assert_eq!(seen, 2);
    }

    #[test]
    fn closing_waits_for_what_was_sent() {
        let (mut store, behind, _) = slow(Duration::from_secs(60), false);
        for n in 0..100 {
            store.commit_later(batch(&n.to_string())).expect("sent");
        }
        drop(store);
        assert_eq!(behind.head().keys, 100);
    }
}
