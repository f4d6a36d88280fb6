//! The `files` channel: one Markdown file a piece, for a site generator or a reader.
//!
//! A file appears whole or not at all: it is written beside its place, made durable, and then linked to its name, which fails
//! when the name is taken. The key in the front matter says which piece it is, also after someone renamed the file, so a
//! piece is never written twice; and what a person changed since is left as it is.

use super::front_matter::{self, Found, content_mark};
use super::{Channel, Standings};
use crate::base::{Digest, Timestamp};
use crate::model;
use crate::runtime::{Look, Standing, StandingText};
use crate::step::{Publish, Published, Reply};
use crate::world::disk::DiskFiles;
use crate::world::generate::Replying;
use crate::world::trouble::{Trouble, plain_io};
use jiff::tz::TimeZone;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A page larger than this was not written by us: 16 MiB.
const PAGE_BYTES: u64 = 16 << 20;
/// Front matter is looked for in this much of a page: 64 KiB.
const HEAD_BYTES: u64 = 64 << 10;
/// Hexadecimal digits of the key's digest in a file name.
const KEY_DIGITS: usize = 8;
/// Characters of the title in a file name.
const SLUG_CHARS: usize = 60;

/// A folder of Markdown files.
#[derive(Clone)]
pub struct FilesChannel(Arc<Inner>);

struct Inner {
    name: String,
    /// As written in the workflow.
    dir: String,
    front_matter: bool,
    zone: TimeZone,
    files: DiskFiles,
    /// One piece at a time: a look into the folder and the write that follows belong together.
    turn: Mutex<()>,
}

impl FilesChannel {
    pub fn new(channel: &model::Channel, zone: TimeZone, files: DiskFiles) -> FilesChannel {
        let config = &channel.config;
        FilesChannel(Arc::new(Inner {
            name: channel.name.clone(),
            dir: config.text("dir").unwrap_or("out").to_owned(),
            // Without the node the answer is yes.
            front_matter: !config.has("front-matter") || config.flag("front-matter"),
            zone,
            files,
            turn: Mutex::new(()),
        }))
    }
}

impl Channel for FilesChannel {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        let (inner, request) = (self.0.clone(), request.clone());
        Box::pin(blocking(move || inner.publish(&request)))
    }

    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a> {
        let (inner, key) = (self.0.clone(), key.to_owned());
        Box::pin(blocking(move || inner.placed(&key).map(Reply::Placed)))
    }

    fn read_back<'a>(&'a self, look: &'a Look) -> Standings<'a> {
        let (inner, look) = (self.0.clone(), look.clone());
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || inner.read_back(&look)).await {
                Ok(Ok(standing)) => standing,
                Ok(Err(trouble)) => Standing::Unreadable(trouble.message),
                Err(_) => Standing::Unreadable("the reading was stopped in the middle".to_owned()),
            }
        })
    }
}

async fn blocking(work: impl FnOnce() -> Result<Reply, Trouble> + Send + 'static) -> Reply {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(trouble)) => trouble.into_reply(1),
        // The process is stopping: whether the file was linked is for the next look to find out.
        Err(_) => {
            Trouble::in_doubt("the write was stopped in the middle", "run again: the folder is looked at first").into_reply(1)
        }
    }
}

/// What is on disk for a key.
struct Page {
    place: PathBuf,
    name: String,
    text: Vec<u8>,
    found: Option<Found>,
}

impl Inner {
    fn publish(&self, request: &Publish) -> Result<Reply, Trouble> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = self.files.output(&self.dir)?;
        if let Some(page) = self.find(&dir, &request.key)? {
            // A crash may have come between the link and the durable folder.
            sync_folder(&dir).map_err(|error| self.unwritable(&page.name, &error))?;
            return if request.update {
                self.renew(&dir, page, request)
            } else {
                Ok(Reply::Published(self.receipt(&page, Some(request))))
            };
        }
        if request.update {
            return Err(Trouble::permanent(
                format!("“{}” is not in `{}` any more, so its new text is not written", request.title, self.dir),
                "somebody moved or deleted the piece; put it back, and run `loopctl retry`",
            ));
        }
        let text = self.text_of(request);
        let stem = self.stem(request);
        // Foreign files keep their names; a hundred of them with our key's digest do not happen by chance.
        for name in std::iter::once(format!("{stem}.md")).chain((2..100).map(|n| format!("{stem}-{n}.md"))) {
            match write_new(&dir, &name, text.as_bytes(), &short(&request.key)) {
                Ok(()) => {
                    let page = Page { place: dir.join(&name), name, text: text.into_bytes(), found: None };
                    return Ok(Reply::Published(Published {
                        location: self.location(&page.name),
                        version: Some(version(&page.text, false)),
                        at: request.at,
                        reach: None,
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.unwritable(&name, &error)),
            }
        }
        Err(Trouble::permanent(
            format!("every name for `{stem}.md` in `{}` is taken by other files", self.dir),
            format!("move the files of others out of `{}`", self.dir),
        ))
    }

    fn text_of(&self, request: &Publish) -> String {
        if self.front_matter { front_matter::write(request) } else { front_matter::body_of(&request.text) }
    }

    /// Puts the new text of a piece in the place of the old one. What a person changed since stays as it is.
    fn renew(&self, dir: &Path, page: Page, request: &Publish) -> Result<Reply, Trouble> {
        let text = self.text_of(request);
        if page.text == text.as_bytes() {
            return Ok(Reply::Published(self.receipt(&page, Some(request))));
        }
        // Without front matter nothing tells whether somebody wrote in it.
        let taken_up = request.over.as_deref().is_some_and(|over| over == version(&page.text, true));
        if !taken_up && page.found.as_ref().is_none_or(|found| found.edited) {
            return Err(Trouble::permanent(
                format!("`{}` was edited since it went out, so it is left as it is", self.location(&page.name)),
                "the next cycle takes the edit up, and its text has the words of both; or put the new text in by hand",
            ));
        }
        let draft = dir.join(format!(".{}.loopctl-tmp", short(&request.key)));
        // What an earlier attempt left behind is nobody's.
        let _ = fs::remove_file(&draft);
        let written = OpenOptions::new().write(true).create_new(true).open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written
            .and_then(|()| fs::rename(&draft, &page.place))
            .and_then(|()| sync_folder(dir))
            .map_err(|error| self.unwritable(&page.name, &error))?;
        let page = Page { text: text.into_bytes(), found: None, ..page };
        Ok(Reply::Published(Published {
            location: self.location(&page.name),
            version: Some(version(&page.text, false)),
            at: request.at,
            reach: None,
        }))
    }

    fn placed(&self, key: &str) -> Result<Option<Published>, Trouble> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = self.files.output(&self.dir)?;
        Ok(self.find(&dir, key)?.map(|page| self.receipt(&page, None)))
    }

    fn read_back(&self, look: &Look) -> Result<Standing, Trouble> {
        let dir = self.files.output(&self.dir)?;
        // Without its folder nothing can be said: a disk, or a fresh clone, may not have it just now.
        if !dir.is_dir() {
            return Ok(Standing::Unreadable(format!("`{}` is not there", self.dir)));
        }
        let Some(page) = self.find(&dir, &look.key)? else { return Ok(Standing::Gone) };
        let text = String::from_utf8_lossy(&page.text);
        // A file without front matter says nothing of itself; only what was sent can be compared with it.
        let known = [version(&page.text, false), version(&page.text, true)];
        if look.version.as_ref().is_some_and(|version| known.contains(version)) {
            return Ok(Standing::Same);
        }
        let body = if page.found.is_some() { front_matter::text_under(&text) } else { &text };
        let body = body.replace("\r\n", "\n");
        let sent = look.sent.as_ref();
        let same = sent.is_some_and(|sent| content_mark(&sent.text) == content_mark(&body));
        let text = match sent {
            Some(sent) if same => sent.text.clone(),
            _ => front_matter::body_of(body.trim_start_matches('\n')),
        };
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).map(|title| title.trim().to_owned());
        let edited = page.found.as_ref().map_or(!same, |found| found.edited);
        Ok(Standing::Changed(Box::new(StandingText {
            location: self.location(&page.name),
            version: Some(version(&page.text, edited)),
            modified: Some(modified(&page.place)),
            title: title.or_else(|| sent.map(|sent| sent.title.clone())).unwrap_or_default(),
            text,
            html: 0,
        })))
    }

    /// The page with this key: by its name first, which is quick, then by the front matter of all others, because people
    /// rename files.
    fn find(&self, dir: &Path, key: &str) -> Result<Option<Page>, Trouble> {
        let names = match page_names(dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Trouble::permanent(
                    format!("cannot look into `{}`: {}", self.dir, plain_io(&error)),
                    format!("check that `{}` is a folder that you may read and write", self.dir),
                ));
            }
        };
        let ours = |name: &str| {
            let stem = name.trim_end_matches(".md");
            let digits = short(key);
            stem.ends_with(&digits)
                || stem.rsplit_once('-').is_some_and(|(stem, n)| stem.ends_with(&digits) && n.parse::<u8>().is_ok())
        };
        let (likely, others): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| ours(name));
        for (name, is_likely) in likely.into_iter().map(|name| (name, true)).chain(others.into_iter().map(|name| (name, false))) {
            let place = dir.join(&name);
            let Ok(head) = read_up_to(&place, HEAD_BYTES) else { continue };
            let matches = match front_matter::read(&String::from_utf8_lossy(&head)) {
                Some(found) => found.key == key,
                // Without front matter the digits in the name are all there is.
                None => is_likely && !self.front_matter,
            };
            if matches {
                let text = read_up_to(&place, PAGE_BYTES).map_err(|error| self.unwritable(&name, &error))?;
                let found = front_matter::read(&String::from_utf8_lossy(&text));
                return Ok(Some(Page { place, name, text, found }));
            }
        }
        Ok(None)
    }

    fn receipt(&self, page: &Page, request: Option<&Publish>) -> Published {
        let edited = match (&page.found, request) {
            (Some(found), _) => found.edited,
            (None, Some(request)) => content_mark(&String::from_utf8_lossy(&page.text)) != content_mark(&request.text),
            (None, None) => false,
        };
        let dated = page.found.as_ref().and_then(|found| found.date);
        let at = request.map(|request| request.at).or(dated).unwrap_or_else(|| modified(&page.place));
        Published { location: self.location(&page.name), version: Some(version(&page.text, edited)), at, reach: None }
    }

    fn location(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.trim_end_matches('/'))
    }

    /// Date in the workflow's zone, title, and the beginning of the key's digest: sorted by time, readable, and one of a kind.
    fn stem(&self, request: &Publish) -> String {
        let date = request.at.in_zone(&self.zone).strftime("%Y-%m-%d").to_string();
        match slug(&request.title).as_str() {
            "" => format!("{date}-{}", short(&request.key)),
            slug => format!("{date}-{slug}-{}", short(&request.key)),
        }
    }

    fn unwritable(&self, name: &str, error: &io::Error) -> Trouble {
        let message = format!("cannot write `{}`: {}", self.location(name), plain_io(error));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Trouble::permanent(message, "free some space and run again; nothing was published").for_later()
            }
            _ => Trouble::permanent(message, format!("check that `dir` of channel `{}` may be written by you", self.name)),
        }
    }
}

fn short(key: &str) -> String {
    Digest::of(key).short(KEY_DIGITS)
}

/// `sha256:…` of the file, with ` edited` after it when a person changed the text: the mark that reports look for.
fn version(text: &[u8], edited: bool) -> String {
    let digest = Digest::of(text).short(16);
    if edited { format!("sha256:{digest} edited") } else { format!("sha256:{digest}") }
}

/// Whether a receipt's version says that a person changed the piece after it went out.
pub fn is_edited(version: &str) -> bool {
    version.ends_with(" edited")
}

/// A title as part of a file name: letters and digits of any script, in lower case, joined by `-`.
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    let mut count = 0;
    for word in title.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').filter(|word| !word.is_empty()) {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let length = word.chars().count();
        if length == 0 {
            continue;
        }
        if count > 0 && count + 1 + length > SLUG_CHARS {
            break;
        }
        if count > 0 {
            slug.push('-');
        }
        slug.extend(word.chars().take(SLUG_CHARS));
        count += 1 + length;
    }
    slug
}

fn page_names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.ends_with(".md")
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read_up_to(place: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(place)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    File::open(place)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn modified(place: &Path) -> Timestamp {
    let since = fs::metadata(place).and_then(|metadata| metadata.modified()).ok();
    let since = since.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A draft this old belongs to nobody any more.
const LEFT_BEHIND: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Writes a new file that is durable when this returns, or fails with `AlreadyExists` and changes nothing.
fn write_new(dir: &Path, name: &str, bytes: &[u8], mark: &str) -> io::Result<()> {
    // A folder's own name is an entry in the one above it, which must be durable too.
    let above: Vec<&Path> = dir.ancestors().take_while(|folder| !folder.exists()).filter_map(Path::parent).collect();
    fs::create_dir_all(dir)?;
    // Named by the key: what a crash left is overwritten by the next attempt, not collected.
    let draft = dir.join(format!(".{mark}.loopctl-tmp"));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        place_new(&draft, &dir.join(name))
    })();
    let removed = fs::remove_file(&draft);
    written?;
    // A renamed draft is gone already; any other leftover is only untidy.
    drop(removed);
    sweep(dir);
    sync_folder(dir)?;
    above.into_iter().try_for_each(sync_folder)
}

/// Removes drafts that a crash left an hour ago or longer: one that was named just before it is never written again.
fn sweep(dir: &Path) {
    let old = |path: &Path| {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age >= LEFT_BEHIND)
    };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".loopctl-tmp") && old(&entry.path()) {
            // It is only untidy, so whoever cannot remove it leaves it there.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives the draft its name unless the name is taken. A hard link does both in one step; where the file system has none, a look
/// and a rename have to do.
fn place_new(draft: &Path, place: &Path) -> io::Result<()> {
    match fs::hard_link(draft, place) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices
            ) =>
        {
            if place.try_exists()? {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                fs::rename(draft, place)
            }
        }
        other => other,
    }
}

/// Makes the names in a folder durable.
fn sync_folder(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::front_matter::tests::piece;
    use super::*;
    use crate::model::{Config, Scalar};
    use crate::step::Failure;

    #[test]
    fn drafts_that_a_crash_left_are_removed_and_young_ones_are_not() {
        let root = tempfile::tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        for name in [".old.loopctl-tmp", ".young.loopctl-tmp", ".hidden", "piece.md"] {
            fs::write(path(name), b"x").expect("writable");
        }
        let hours = std::time::SystemTime::now() - LEFT_BEHIND * 2;
        for name in [".old.loopctl-tmp", ".hidden", "piece.md"] {
            File::options().write(true).open(path(name)).and_then(|file| file.set_modified(hours)).expect("its own file");
        }
        write_new(root.path(), "new.md", b"new", "key").expect("a free name");
        let found = [".old.loopctl-tmp", ".young.loopctl-tmp", ".hidden", "piece.md", "new.md"].map(|name| path(name).exists());
        assert_eq!(found, [false, true, true, true, true]);
    }

    fn node(name: &str, arg: Scalar) -> Config {
        Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() }
    }

    fn channel_in(root: &Path, dir: &str, front_matter: Option<bool>) -> FilesChannel {
        let mut children = vec![node("dir", Scalar::Text(dir.into()))];
        children.extend(front_matter.map(|yes| node("front-matter", Scalar::Bool(yes))));
        let config = Config { children, ..Config::default() };
        let channel = model::Channel { name: "blog".into(), kind: "files".into(), config };
        FilesChannel::new(&channel, TimeZone::UTC, DiskFiles::new(root))
    }

    async fn publish(channel: &FilesChannel, piece: &Publish) -> Published {
        match channel.publish(piece).await {
            Reply::Published(published) => published,
            other => panic!("{other:?}"),
        }
    }

    async fn failure(channel: &FilesChannel, piece: &Publish) -> Failure {
        match channel.publish(piece).await {
            Reply::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn listing(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_piece_becomes_one_file_however_often_it_is_published() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out/blog", None);
        let piece = piece("k-1", "Prices moved at two rivals");
        assert_eq!(channel.placed("k-1").await, Reply::Placed(None));
        let first = publish(&channel, &piece).await;
        let name = format!("2026-11-22-prices-moved-at-two-rivals-{}.md", short("k-1"));
        assert_eq!(first.location, format!("out/blog/{name}"));
        assert_eq!(first.at, piece.at);
        assert_eq!(publish(&channel, &piece).await, first);
        assert_eq!(channel.placed("k-1").await, Reply::Placed(Some(first)));
        assert_eq!(listing(&root.path().join("out/blog")), [name]);
    }

    #[tokio::test]
    async fn a_persons_edit_is_left_and_told_also_after_a_rename() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out", None);
        let piece = piece("k-1", "Prices");
        let first = publish(&channel, &piece).await;
        let edited = fs::read_to_string(root.path().join(&first.location)).unwrap().replace("Two rivals", "Three rivals");
        fs::remove_file(root.path().join(&first.location)).unwrap();
        fs::write(root.path().join("out/mine.md"), &edited).unwrap();
        let second = publish(&channel, &piece).await;
        assert_eq!(second.location, "out/mine.md");
        assert!(is_edited(second.version.as_deref().unwrap()) && !is_edited(first.version.as_deref().unwrap()));
        assert_eq!(channel.placed("k-1").await, Reply::Placed(Some(second)));
        assert_eq!(fs::read_to_string(root.path().join("out/mine.md")).unwrap(), edited);
        assert_eq!(listing(&root.path().join("out")), ["mine.md"]);
    }

    #[tokio::test]
    async fn other_peoples_files_are_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out", None);
        let piece = piece("k-1", "Prices");
        let name = format!("2026-11-22-prices-{}.md", short("k-1"));
        fs::create_dir(root.path().join("out")).unwrap();
        fs::write(root.path().join("out").join(&name), "mine").unwrap();
        let published = publish(&channel, &piece).await;
        assert_eq!(published.location, format!("out/2026-11-22-prices-{}-2.md", short("k-1")));
        assert_eq!(fs::read_to_string(root.path().join("out").join(name)).unwrap(), "mine");
        assert_eq!(publish(&channel, &piece).await, published);
    }

    #[tokio::test]
    async fn two_pieces_with_one_title_are_two_files() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out", None);
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (channel, piece) = (channel.clone(), piece(&format!("k-{}", n % 4), "Prices"));
                tokio::spawn(async move { publish(&channel, &piece).await.location })
            })
            .collect();
        let mut locations = Vec::new();
        for task in tasks {
            locations.push(task.await.unwrap());
        }
        locations.sort();
        locations.dedup();
        assert_eq!(locations.len(), 4);
        assert_eq!(listing(&root.path().join("out")).len(), 4);
    }

    #[tokio::test]
    async fn without_front_matter_the_name_is_the_memory() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out", Some(false));
        let piece = piece("k-1", "Prices");
        let first = publish(&channel, &piece).await;
        let place = root.path().join(&first.location);
        assert_eq!(fs::read_to_string(&place).unwrap(), "# Prices moved\n\nTwo rivals raised prices.\n");
        assert_eq!(publish(&channel, &piece).await, first);
        fs::write(&place, "# Changed\n").unwrap();
        assert!(is_edited(&publish(&channel, &piece).await.version.unwrap()));
        assert_eq!(fs::read_to_string(&place).unwrap(), "# Changed\n");
        assert_eq!(listing(&root.path().join("out")).len(), 1);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_cleared_by_the_next_attempt() {
        let root = tempfile::tempdir().unwrap();
        let channel = channel_in(root.path(), "out", None);
        fs::create_dir(root.path().join("out")).unwrap();
        fs::write(root.path().join("out").join(format!(".{}.loopctl-tmp", short("k-1"))), "---\nkey: \"k-1\"\n---\nhalf")
            .unwrap();
        assert_eq!(channel.placed("k-1").await, Reply::Placed(None));
        publish(&channel, &piece("k-1", "Prices")).await;
        assert_eq!(listing(&root.path().join("out")).len(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_calm() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("taken"), "a file").unwrap();
        for (dir, expected) in
            [("taken", "folder"), ("../elsewhere", "leaves the folder of the workflow"), ("taken/deep", "folder")]
        {
            let failure = failure(&channel_in(root.path(), dir, None), &piece("k", "t")).await;
            assert!(failure.message.contains(expected), "{failure:?}");
            assert!(failure.help.is_some());
        }
        assert_eq!(listing(root.path()), ["taken"]);
    }

    #[test]
    fn titles_become_names() {
        for (title, expected) in [
            ("Prices moved: what's next?", "prices-moved-whats-next"),
            ("  ", ""),
            ("../../etc/passwd", "etc-passwd"),
            ("Über Größe — 東京", "über-größe-東京"),
            ("'", ""),
        ] {
            assert_eq!(slug(title), expected);
        }
        let long = slug(&"word ".repeat(40));
        assert!(long.chars().count() <= SLUG_CHARS && !long.ends_with('-'), "{long}");
        assert_eq!(slug(&"x".repeat(500)).len(), SLUG_CHARS);
    }
}
