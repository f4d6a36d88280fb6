//! Pace: how many requests a provider or a channel gets at once, and how many in a while, over all cycles of this process and
//! over restarts.
//!
//! A world is made anew for each version of a workflow, and several cycles are open at once; what counts requests must outlive
//! both, so it belongs to the process, by folder. What a rate has counted is kept in a small file of the state folder as
//! well, so a restart does not begin the minute again. The file is written before the request goes out.

use super::clock::SystemClock;
use super::rate::{Rate, Went};
use super::trouble::Trouble;
use crate::base::{Timestamp, duration};
use crate::model::Config;
use crate::runtime::Clock;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as TurnMutex, OwnedSemaphorePermit, Semaphore};

/// A sleep is never longer than this, so that a clock that is set is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// The most that `at-once` takes.
pub const AT_ONCE_MOST: i64 = 1_024;

/// The paces of one folder's workflows.
pub struct Paces {
    clock: Arc<dyn Clock>,
    /// Where rates are kept over restarts, once somebody has said so.
    folder: OnceLock<PathBuf>,
    doors: Mutex<BTreeMap<String, Arc<Pace>>>,
}

/// The pace of one provider or channel.
struct Pace {
    places: Mutex<(usize, Arc<Semaphore>)>,
    /// Whoever holds it is the next; the others stand behind in the order in which they came.
    turn: TurnMutex<Option<Went>>,
}

/// What a provider or a channel allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    pub at_once: Option<usize>,
    pub rate: Option<Rate>,
}

impl Allowed {
    pub fn of(config: &Config) -> Allowed {
        let at_once = config.integer("at-once").map(|count| count.clamp(1, AT_ONCE_MOST) as usize);
        Allowed { at_once, rate: Rate::of(config) }
    }
}

/// A place among those who may ask at once; given back when it is dropped.
pub struct Turn(#[allow(dead_code, reason = "it is held, not read")] Option<OwnedSemaphorePermit>);

impl Paces {
    /// With nothing counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Paces {
        Paces { clock, folder: OnceLock::new(), doors: Mutex::default() }
    }

    /// Those of a workflow's folder in this process.
    pub fn of(folder: &Path) -> Arc<Paces> {
        static ALL: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Paces>>>> = LazyLock::new(Mutex::default);
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(folder).or_insert_with(|| Arc::new(Paces::new(Arc::new(SystemClock)))).clone()
    }

    /// Keeps rates in this state folder over restarts. The first word counts: a workflow has one state folder.
    pub fn keep_in(&self, state: &Path) {
        self.folder.get_or_init(|| state.join("rates"));
    }

    /// The state folder, once somebody has said where it is.
    pub fn state(&self) -> Option<&Path> {
        self.folder.get().and_then(|rates| rates.parent())
    }

    /// Waits for a place at `door`, such as `provider drafter`.
    pub async fn place(&self, door: &str, allowed: Allowed) -> Turn {
        let Some(most) = allowed.at_once else { return Turn(None) };
        let places = {
            let pace = self.pace(door);
            let mut places = pace.places.lock().unwrap_or_else(PoisonError::into_inner);
            if places.0 != most {
                // Another number is in force: who holds a place of the old one keeps it to the end of what it does.
                *places = (most, Arc::new(Semaphore::new(most)));
            }
            places.1.clone()
        };
        // A semaphore of ours is never closed.
        Turn(places.acquire_owned().await.ok())
    }

    /// Waits until one more request may go out at `door`, and counts it.
    ///
    /// # Errors
    /// When that takes longer than `longest_wait`: the next cycle asks again.
    pub async fn go(&self, door: &str, allowed: Allowed, longest_wait: Duration) -> Result<(), Trouble> {
        let Some(rate) = allowed.rate else { return Ok(()) };
        let pace = self.pace(door);
        let mut went = pace.turn.lock().await;
        loop {
            let now = self.clock.now();
            let times = went.get_or_insert_with(|| self.kept(door));
            match times.take(rate, now) {
                Ok(()) => {
                    self.keep(door, times);
                    return Ok(());
                }
                Err(wait) if wait > longest_wait => {
                    let wait = duration::format(Duration::from_secs(wait.as_secs().max(1)));
                    return Err(Trouble::passing(
                        format!("the `rate` of {door} lets nothing through for another {wait}"),
                        "it is first in line in the next cycle; a higher `rate` would let it through sooner",
                    )
                    .for_later());
                }
                Err(wait) => tokio::time::sleep(wait.min(LONGEST_NAP).max(Duration::from_millis(1))).await,
            }
        }
    }

    fn pace(&self, door: &str) -> Arc<Pace> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Pace { places: Mutex::new((0, Arc::new(Semaphore::new(0)))), turn: TurnMutex::new(None) });
        doors.entry(door.to_owned()).or_insert_with(new).clone()
    }

    fn file(&self, door: &str) -> Option<PathBuf> {
        // Names of doors hold letters, digits, `-` and `_`; whatever else there is must not lead to another folder.
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
        Some(self.folder.get()?.join(door.chars().map(plain).collect::<String>()))
    }

    /// What was counted before a restart; a file that cannot be read is none.
    fn kept(&self, door: &str) -> Went {
        let text = self.file(door).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        Went::new(text.lines().filter_map(|line| line.parse().ok()).map(Timestamp).collect())
    }

    /// A rate that cannot be kept is still kept to while the process lives: a full disk is told by the journal.
    fn keep(&self, door: &str, went: &Went) {
        let Some(file) = self.file(door) else { return };
        let text: String = went.times().map(|at| format!("{}\n", at.0)).collect();
        let draft = file.with_extension("part");
        let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
        let _ = folder.and_then(|()| fs::write(&draft, text)).and_then(|()| fs::rename(&draft, &file));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn paces() -> Paces {
        Paces::new(Arc::new(SystemClock))
    }

    fn rate(most: usize, per: Duration) -> Allowed {
        Allowed { at_once: None, rate: Some(Rate { most, per }) }
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn who_comes_too_soon_waits_and_who_would_wait_too_long_is_told() {
        let paces = paces();
        let soon = rate(2, Duration::from_millis(40));
        let mut times = Vec::new();
        for _ in 0..6 {
            paces.go("provider drafter", soon, DAY).await.expect("in time");
            times.push(std::time::Instant::now());
        }
        let windows = times.windows(3).map(|three| three[2].duration_since(three[0]));
        // The clock of the wall counts whole milliseconds.
        assert!(windows.clone().all(|window| window >= Duration::from_millis(38)), "{:?}", windows.collect::<Vec<_>>());
        let trouble = paces.go("provider drafter", rate(2, DAY), Duration::from_secs(120)).await.expect_err("a day is long");
        assert!(trouble.message.contains("provider drafter") && !trouble.again, "{trouble:?}");
        paces.go("channel blog", rate(2, DAY), Duration::ZERO).await.expect("another door");
    }

    #[tokio::test]
    async fn a_restart_does_not_begin_the_day_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut let_through = 0;
        for _ in 0..5 {
            let paces = paces();
            paces.keep_in(folder.path());
            let_through += usize::from(paces.go("provider drafter", rate(2, DAY), Duration::ZERO).await.is_ok());
        }
        assert_eq!(let_through, 2);
    }

    #[tokio::test]
    async fn no_more_are_at_it_at_once_than_have_a_place() {
        let paces = Arc::new(paces());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (paces, now, most) = (paces.clone(), now.clone(), most.clone());
            all.spawn(async move {
                let _turn = paces.place("channel blog", Allowed { at_once: Some(3), rate: None }).await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while all.join_next().await.is_some() {}
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }
}
