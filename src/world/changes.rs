//! Changes of files on a disk: told by the system, or found by looking every so often.
//!
//! Peers watch files and believe the events. But editors replace files rather than write them, a link to another folder is
//! swapped, a folder is deleted and made again, and a watch on what was there hears nothing of what is there now. So here
//! **an event is only a reason to look**: what counts is whether the files' contents still are what the last reading saw
//! ([`Footprint`]). And folders are watched, not files: those of the files, those of every link on the way to them, and
//! those that hold these folders.
//!
//! A look that finds a difference waits until two looks in a row agree. A file that has become empty or is gone is given
//! longer, because that is what half a save looks like.

use super::disk::DiskFiles;
use super::interest::Interest;
use crate::base::Footprint;
use crate::runtime::{Changes, Means};
use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Two looks this far apart must agree.
    pub quiet: Duration,
    /// A file that became empty or is gone gets this long to come back.
    pub half_saved: Duration,
    /// After so long a difference is told even if the files never come to rest.
    pub longest: Duration,
    /// Look this often instead of listening to the system: for network disks, where it does not tell.
    pub poll: Option<Duration>,
    /// How often to look when the system cannot tell.
    pub fallback: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            quiet: Duration::from_millis(50),
            half_saved: Duration::from_millis(500),
            longest: Duration::from_secs(5),
            poll: None,
            fallback: Duration::from_secs(2),
        }
    }
}

/// Changes of files below, or named from, one folder.
pub struct DiskChanges {
    files: DiskFiles,
    patience: Patience,
    footprint: Arc<Footprint>,
    /// There while the system tells.
    listening: Option<Listening>,
    /// Why it does not, when that was not asked for.
    deaf: Option<String>,
    bell: Arc<Bell>,
}

/// A watcher and what it watches.
struct Listening {
    /// Watching ends when it is dropped.
    _watcher: RecommendedWatcher,
    interest: Interest,
}

/// Rings when something of interest happened.
#[derive(Default)]
struct Bell {
    rung: Notify,
    /// A watched folder itself went away or came back: what we watch may not be what has its name now.
    moved: AtomicBool,
    interest: Mutex<Interest>,
}

impl DiskChanges {
    pub fn new(files: DiskFiles, patience: Patience) -> DiskChanges {
        DiskChanges { files, patience, footprint: Arc::default(), listening: None, deaf: None, bell: Arc::default() }
    }

    fn means(&self) -> Means {
        match (self.patience.poll, &self.listening) {
            (Some(every), _) => Means::Polling { every, because: None },
            (None, Some(_)) => Means::Events,
            (None, None) => Means::Polling { every: self.patience.fallback, because: self.deaf.clone() },
        }
    }

    /// Listens to the folders that matter now; does nothing when it already does.
    fn listen(&mut self) {
        if self.patience.poll.is_some() || self.deaf.is_some() {
            return;
        }
        let interest = Interest::of(&self.files, &self.footprint);
        let moved = self.bell.moved.swap(false, Ordering::SeqCst);
        if !moved && self.listening.as_ref().is_some_and(|listening| listening.interest.same_folders(&interest)) {
            // Names may be others in the same folders.
            self.bell.set(&interest);
            return;
        }
        self.bell.set(&interest);
        match watcher(&interest, &self.bell) {
            Ok(watcher) => self.listening = Some(Listening { _watcher: watcher, interest }),
            Err(reason) => {
                self.listening = None;
                self.deaf = Some(reason);
            }
        }
    }

    async fn look(&self) -> Footprint {
        let (files, footprint) = (self.files.clone(), self.footprint.clone());
        let looked = tokio::task::spawn_blocking(move || footprint.again(&files)).await;
        // A look that was cut off, at the end of the program, found nothing.
        looked.unwrap_or_else(|_| Footprint::clone(&self.footprint))
    }

    async fn changed(&mut self) {
        loop {
            // Look first: something may have happened between the reading and the watching.
            if self.look().await != *self.footprint && self.settled().await {
                return;
            }
            match self.means() {
                Means::Events => self.bell.rung.notified().await,
                Means::Polling { every, .. } => tokio::time::sleep(every).await,
            }
            self.listen();
        }
    }

    /// Waits until the files stand still. False when they came back to what they were.
    async fn settled(&self) -> bool {
        let begin = Instant::now();
        let mut last = self.look().await;
        loop {
            tokio::time::sleep(self.patience.quiet).await;
            let now = self.look().await;
            let half_saved = now.lost_since(&self.footprint).next().is_some() && begin.elapsed() < self.patience.half_saved;
            if now == last && !half_saved || begin.elapsed() >= self.patience.longest {
                return now != *self.footprint;
            }
            last = now;
        }
    }
}

impl Changes for DiskChanges {
    fn watch(&mut self, footprint: Footprint) -> Means {
        self.footprint = Arc::new(footprint);
        self.listen();
        self.means()
    }

    fn next<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.changed())
    }
}

fn watcher(interest: &Interest, bell: &Arc<Bell>) -> Result<RecommendedWatcher, String> {
    let heard = bell.clone();
    let mut watcher =
        notify::recommended_watcher(move |event: notify::Result<Event>| heard.hear(event)).map_err(|error| plain(&error))?;
    for folder in interest.folders() {
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {}
            // It went away just now; its parent is watched too, and tells when it is back.
            Err(error) if is_missing(&error) => bell.moved.store(true, Ordering::SeqCst),
            Err(error) => return Err(plain(&error)),
        }
    }
    Ok(watcher)
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn plain(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => "the system watches as many folders as it may".to_owned(),
        ErrorKind::Io(error) => format!("the system refuses to watch: {error}"),
        _ => format!("the system cannot watch: {error}"),
    }
}

impl Bell {
    fn set(&self, interest: &Interest) {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner).clone_from(interest);
    }

    fn hear(&self, event: notify::Result<Event>) {
        let of_interest = match event {
            // Reading is no change, and we read ourselves.
            Ok(Event { kind: EventKind::Access(kind), .. }) if kind != AccessKind::Close(AccessMode::Write) => false,
            Ok(event) if event.need_rescan() || event.paths.is_empty() => true,
            Ok(event) => {
                let interest = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
                if event.paths.iter().any(|path| interest.is_folder(path)) && !is_about_attributes(&event.kind) {
                    self.moved.store(true, Ordering::SeqCst);
                }
                event.paths.iter().any(|path| interest.covers(path))
            }
            // Something was missed; looking tells what.
            Err(_) => true,
        };
        if of_interest {
            self.rung.notify_one();
        }
    }
}

fn is_about_attributes(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Modify(notify::event::ModifyKind::Metadata(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Traced;
    use crate::base::files::Files as _;
    use std::fs;
    use std::path::Path;
    use std::thread;

    /// The last word of a test: a change of its own after which everything before must have been told.
    const MARK: &str = "mark.txt";

    fn patience(poll: bool) -> Patience {
        Patience {
            quiet: Duration::from_millis(250),
            // Long, so that a busy machine between two halves of a save does not look like an end of it.
            half_saved: Duration::from_secs(2),
            longest: Duration::from_secs(60),
            poll: poll.then_some(Duration::from_millis(20)),
            ..Patience::default()
        }
    }

    /// Reads what a definition made of these files would read.
    fn read(files: &DiskFiles) -> (Footprint, String) {
        let traced = Traced::new(files);
        let text = |path: &str| traced.text(path).map_or_else(|error| format!("<{error}>"), |text| text.to_string());
        let mut all = format!("{}|{}", text("loop.kdl"), text("parts/draft.hbs"));
        for name in traced.list("os") {
            all.push_str(&format!("|{name}={}", text(&format!("os/{name}"))));
        }
        let _ = text(MARK);
        (traced.footprint(), all)
    }

    /// Does `save` to files while they are watched; gives what was read after each change that was told.
    fn told_in(poll: bool, prepare: impl Fn(&Path), save: impl Fn(&Path) + Send + Sync + 'static) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir_all(root.join("parts")).unwrap();
        fs::create_dir_all(root.join("os")).unwrap();
        fs::write(root.join("loop.kdl"), "old").unwrap();
        fs::write(root.join("parts/draft.hbs"), "part").unwrap();
        fs::write(root.join("os/brand.md"), "calm").unwrap();
        prepare(&root);
        let reactor = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        reactor.block_on(async {
            let files = DiskFiles::new(&root);
            let mut changes = DiskChanges::new(files.clone(), patience(poll));
            let (footprint, _) = read(&files);
            let means = changes.watch(footprint);
            assert_eq!(matches!(means, Means::Events), !poll, "{means:?}");
            let place = root.clone();
            let saving = tokio::task::spawn_blocking(move || save(&place));
            let mut told = Vec::new();
            let mut saving = Some(saving);
            loop {
                tokio::select! {
                    () = changes.next() => {
                        let (footprint, text) = read(&files);
                        let marked = files.exists(MARK);
                        changes.watch(footprint);
                        if marked {
                            // The mark may come in one change with what was still untold, which its text shows.
                            if told.last() != Some(&text) {
                                told.push(text);
                            }
                            return told;
                        }
                        told.push(text);
                    }
                    done = async { saving.as_mut().expect("checked").await }, if saving.is_some() => {
                        done.unwrap();
                        saving = None;
                        // Whatever is still untold has time to be told on its own.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        fs::write(root.join(MARK), "x").unwrap();
                    }
                    () = tokio::time::sleep(Duration::from_secs(60)) => panic!("nothing is told; until now {told:?}"),
                }
            }
        })
    }

    const AFTER: &str = "new|part|brand.md=calm";

    fn is_one_change(prepare: impl Fn(&Path) + Copy, save: impl Fn(&Path) + Copy + Send + Sync + 'static, after: &str) {
        for poll in [false, true] {
            assert_eq!(told_in(poll, prepare, save), [after], "poll: {poll}");
        }
    }

    fn pause() {
        thread::sleep(Duration::from_millis(60));
    }

    #[test]
    fn truncating_and_writing_is_one_change() {
        is_one_change(
            |_| {},
            |root| {
                fs::write(root.join("loop.kdl"), "").unwrap();
                pause();
                fs::write(root.join("loop.kdl"), "ne").unwrap();
                fs::write(root.join("loop.kdl"), "new").unwrap();
            },
            AFTER,
        );
    }

    #[test]
    fn an_atomic_rename_is_one_change() {
        is_one_change(
            |_| {},
            |root| {
                fs::write(root.join(".loop.kdl.tmp"), "new").unwrap();
                fs::rename(root.join(".loop.kdl.tmp"), root.join("loop.kdl")).unwrap();
            },
            AFTER,
        );
    }

    #[test]
    fn writing_after_a_rename_is_heard() {
        for poll in [false, true] {
            let told = told_in(
                poll,
                |_| {},
                |root| {
                    fs::write(root.join("y"), "between").unwrap();
                    fs::rename(root.join("y"), root.join("loop.kdl")).unwrap();
                    pause();
                    // To the new file: who watched the old one hears nothing of it.
                    fs::write(root.join("loop.kdl"), "new").unwrap();
                },
            );
            // On a slow machine these are two saves.
            assert_eq!(told.last().map(String::as_str), Some(AFTER), "poll: {poll}");
        }
    }

    #[test]
    fn a_backup_beside_is_one_change() {
        is_one_change(
            |_| {},
            |root| {
                fs::rename(root.join("loop.kdl"), root.join("loop.kdl~")).unwrap();
                pause();
                fs::write(root.join("loop.kdl"), "new").unwrap();
                fs::remove_file(root.join("loop.kdl~")).unwrap();
            },
            AFTER,
        );
    }

    #[test]
    fn deleting_and_making_again_is_one_change() {
        is_one_change(
            |_| {},
            |root| {
                fs::remove_file(root.join("loop.kdl")).unwrap();
                pause();
                fs::write(root.join("loop.kdl"), "new").unwrap();
            },
            AFTER,
        );
    }

    #[test]
    fn a_folder_that_is_made_again_is_watched_again() {
        for poll in [false, true] {
            let told = told_in(
                poll,
                |_| {},
                |root| {
                    for text in ["first", "second"] {
                        fs::remove_dir_all(root.join("parts")).unwrap();
                        pause();
                        fs::create_dir(root.join("parts")).unwrap();
                        pause();
                        fs::write(root.join("parts/draft.hbs"), text).unwrap();
                    }
                },
            );
            assert_eq!(told.last().map(String::as_str), Some("old|second|brand.md=calm"), "poll: {poll}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_swapped_link_is_one_change() {
        use std::os::unix::fs::symlink;
        // As Kubernetes mounts a ConfigMap: files are links through `..data`, which is a link to a folder.
        is_one_change(
            |root| {
                fs::create_dir(root.join("..1")).unwrap();
                fs::write(root.join("..1/loop.kdl"), "old").unwrap();
                symlink("..1", root.join("..data")).unwrap();
                fs::remove_file(root.join("loop.kdl")).unwrap();
                symlink("..data/loop.kdl", root.join("loop.kdl")).unwrap();
            },
            |root| {
                fs::create_dir(root.join("..2")).unwrap();
                fs::write(root.join("..2/loop.kdl"), "new").unwrap();
                symlink("..2", root.join("..data_tmp")).unwrap();
                fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
                fs::remove_dir_all(root.join("..1")).unwrap();
            },
            AFTER,
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_release_behind_a_link_is_one_change() {
        use std::os::unix::fs::symlink;
        // The folder of the workflow is itself a link: `project -> releases/1`.
        is_one_change(
            |root| {
                let home = root.parent().unwrap();
                fs::create_dir(home.join("releases")).unwrap();
                fs::rename(root, home.join("releases/1")).unwrap();
                symlink("releases/1", root).unwrap();
            },
            |root| {
                let home = root.parent().unwrap();
                let two = home.join("releases/2");
                for folder in ["parts", "os"] {
                    fs::create_dir_all(two.join(folder)).unwrap();
                }
                fs::write(two.join("loop.kdl"), "new").unwrap();
                fs::copy(root.join("parts/draft.hbs"), two.join("parts/draft.hbs")).unwrap();
                fs::copy(root.join("os/brand.md"), two.join("os/brand.md")).unwrap();
                symlink("releases/2", home.join("next")).unwrap();
                fs::rename(home.join("next"), root).unwrap();
            },
            AFTER,
        );
    }

    #[test]
    fn what_editors_leave_beside_is_no_change() {
        for poll in [false, true] {
            let told = told_in(
                poll,
                |_| {},
                |root| {
                    for name in [".loop.kdl.swp", "4913", "loop.kdl~", "#loop.kdl#", ".#loop.kdl", "os/.brand.md.swp"] {
                        fs::write(root.join(name), "x").unwrap();
                        pause();
                        fs::remove_file(root.join(name)).unwrap();
                    }
                    // The same text again is no change either, nor is reading.
                    fs::write(root.join("loop.kdl"), "old").unwrap();
                    fs::read(root.join("loop.kdl")).unwrap();
                },
            );
            // Only the mark.
            assert_eq!(told, ["old|part|brand.md=calm"], "poll: {poll}");
        }
    }

    #[test]
    fn files_of_the_client_os_come_and_go() {
        is_one_change(
            |_| {},
            |root| {
                fs::create_dir(root.join("os/styles")).unwrap();
                fs::write(root.join("os/styles/blog.md"), "short").unwrap();
                fs::remove_file(root.join("os/brand.md")).unwrap();
            },
            "old|part|styles/blog.md=short",
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_happened_before_the_watching_began_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("loop.kdl"), "old").unwrap();
        let files = DiskFiles::new(folder.path());
        let (footprint, _) = read(&files);
        fs::write(folder.path().join("loop.kdl"), "new").unwrap();
        let mut changes = DiskChanges::new(files, patience(false));
        changes.watch(footprint);
        changes.next().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_system_that_cannot_tell_is_asked_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("loop.kdl"), "old").unwrap();
        let files = DiskFiles::new(folder.path());
        let patience = Patience { fallback: Duration::from_millis(10), ..patience(false) };
        let mut changes = DiskChanges::new(files.clone(), patience);
        changes.deaf = Some(plain(&notify::Error::new(ErrorKind::MaxFilesWatch)));
        let means = changes.watch(read(&files).0);
        let because = "the system watches as many folders as it may".to_owned();
        assert_eq!(means, Means::Polling { every: Duration::from_millis(10), because: Some(because) });
        let file = folder.path().join("loop.kdl");
        tokio::task::spawn_blocking(move || {
            pause();
            fs::write(file, "new").unwrap();
        });
        changes.next().await;
    }
}
