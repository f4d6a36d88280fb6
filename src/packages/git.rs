//! Reading modules out of git repositories, with the `git` command.
//!
//! git knows the user's keys and proxies, and a stranger's repository must not know anything: it is fetched bare, so that nothing of it is
//! checked out, filtered or run. Files are read as git keeps them, by name and digest; links and submodules are refused. What could make
//! git ask, run or wander (prompts, hooks, other transports, variables of a surrounding git) is switched off, and time and disk are bounded.

use super::error::Error;
use super::scratch::{Scratch, bytes_below};
use super::tree::{Gathering, ModuleTree, shown};
use crate::compile::lock::{MANIFEST, Reference};
use semver::Version;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that one command may take.
const TIME_MOST: Duration = Duration::from_secs(300);
/// The most that a repository may take on the disk while it is fetched: 512 MiB.
const DISK_MOST: u64 = 512 << 20;

/// Variables that say how to reach a server; everything else that begins with `GIT_` is about another repository or another way to work.
const KEPT: &[&str] = &[
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

/// A repository that is reachable by its address.
#[derive(Debug)]
pub struct Repository<'a> {
    url: &'a str,
    /// Where scratch folders are made.
    around: PathBuf,
}

/// A commit with a version in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    /// The commit it leads to.
    pub revision: String,
}

impl<'a> Repository<'a> {
    /// # Errors
    /// When the address is none that git may be given.
    pub fn new(url: &'a str, around: &Path) -> Result<Repository<'a>, Error> {
        if url.starts_with('-') || url.contains("::") || url.chars().any(char::is_control) {
            let help = "write an address such as `https://example.com/acme/voice.git` or `git@example.com:acme/voice.git`";
            return Err(Error::bad_source(format!("`{}` is not the address of a repository", shown(url)), help));
        }
        Ok(Repository { url, around: around.to_owned() })
    }

    /// The tags that are versions, `v1.2.3` or `1.2.3`. Of two tags for one version the one with `v` counts.
    pub fn versions(&self) -> Result<BTreeMap<Version, Tag>, Error> {
        let scratch = Scratch::new(&self.around)?;
        let listed = self.git(&scratch, None, &["ls-remote", "--tags", "--", self.url])?.success(self)?;
        Ok(versions_in(&String::from_utf8_lossy(&listed)))
    }

    /// Fetches a commit and reads the module in its folder `dir`. Gives the commit's digits and the files.
    ///
    /// # Errors
    /// When there is no such thing, git is missing, or something in the module may not be there.
    pub fn module(&self, reference: &Reference, dir: Option<&str>) -> Result<(String, ModuleTree), Error> {
        let scratch = Scratch::new(&self.around)?;
        self.git(&scratch, None, &["init", "--quiet", "--bare", "--template=", "repository"])?.success(self)?;
        let revision = self.fetch(&scratch, reference)?;
        let tree = self.read(&scratch, &revision, dir)?;
        if !tree.has_manifest() {
            let place = dir.map_or("at its top".to_owned(), |dir| format!("in its folder `{dir}`"));
            let help = "name the folder of the module with `--dir`";
            return Err(Error::not_a_module(format!("`{}` has no `{MANIFEST}` {place}", self.url), help));
        }
        Ok((revision, tree))
    }

    fn fetch(&self, scratch: &Scratch, reference: &Reference) -> Result<String, Error> {
        let name = reference.name();
        if name.is_empty()
            || name.starts_with('-')
            || name.contains("..")
            || name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
        {
            return Err(Error::bad_source(
                format!("`{}` is not the name of a {}", shown(name), reference.kind()),
                "write it as git shows it",
            ));
        }
        let wanted = match reference {
            Reference::Tag(tag) => format!("refs/tags/{tag}"),
            Reference::Branch(branch) => format!("refs/heads/{branch}"),
            Reference::Rev(rev) => rev.clone(),
        };
        let whole = !matches!(reference, Reference::Rev(rev) if !is_revision(rev));
        if whole {
            let refspec = format!("+{wanted}:refs/loopctl/wanted");
            let fetched =
                self.git(scratch, Some("repository"), &[&FETCH[..], &["--depth=1", "--", self.url, &refspec]].concat())?;
            if fetched.done {
                return self.commit(scratch, "refs/loopctl/wanted", reference);
            }
            if !matches!(reference, Reference::Rev(_)) {
                return match fetched.told.contains("couldn't find remote ref") {
                    true => Err(Error::unreachable(
                        format!("`{}` has no {} `{name}`", self.url, reference.kind()),
                        format!("`git ls-remote {}` lists what it has", self.url),
                    )),
                    false => Err(fetched.failure(self)),
                };
            }
        }
        // A server may refuse to hand out a commit by its digits alone, and a short form is known only where the whole history is.
        let everything =
            [&FETCH[..], &["--", self.url, "+refs/heads/*:refs/loopctl/heads/*", "+refs/tags/*:refs/loopctl/tags/*"]].concat();
        self.git(scratch, Some("repository"), &everything)?.success(self)?;
        self.commit(scratch, name, reference)
    }

    fn commit(&self, scratch: &Scratch, name: &str, reference: &Reference) -> Result<String, Error> {
        let commit = format!("{name}^{{commit}}");
        let found = self.git(scratch, Some("repository"), &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        let revision = String::from_utf8_lossy(&found.out).trim().to_owned();
        if !found.done || !is_revision(&revision) {
            let message = format!("`{}` has no commit at {} `{}`", self.url, reference.kind(), reference.name());
            return Err(Error::unreachable(message, format!("`git ls-remote {}` lists what it has", self.url)));
        }
        Ok(revision)
    }

    fn read(&self, scratch: &Scratch, revision: &str, dir: Option<&str>) -> Result<ModuleTree, Error> {
        let folder = match dir {
            Some(dir) => format!("{revision}:{}", dir.trim_matches('/')),
            None => revision.to_owned(),
        };
        let listed = self.git(scratch, Some("repository"), &["ls-tree", "-r", "-z", "--long", "--full-tree", &folder])?;
        if !listed.done {
            let message = format!("`{}` has no folder `{}`", self.url, dir.unwrap_or("."));
            return Err(Error::not_a_module(message, "name the folder of the module with `--dir`"));
        }
        let mut gathering = Gathering::new("the repository");
        let blobs = admitted(&listed.out, &mut gathering)?;
        let asked = scratch.place().join("asked");
        let names: String = blobs.iter().map(|(name, _)| format!("{name}\n")).collect();
        fs::write(&asked, names).map_err(|error| Error::unwritable(&asked, &error))?;
        let stdin = File::open(&asked).map_err(|error| Error::unwritable(&asked, &error))?;
        let contents = self.git_with(scratch, Some("repository"), &["cat-file", "--batch"], stdin.into())?.success(self)?;
        let damaged = || {
            Error::unreachable(format!("`{}` is damaged: a file of it cannot be read", self.url), "clone it again at its host")
        };
        let mut rest = contents.as_slice();
        for (_, path) in blobs {
            // `<name> blob <size>\n<bytes>\n`
            let line = rest.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
            let size = std::str::from_utf8(&rest[..line]).ok().and_then(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
            let start = line + 1;
            let end = size.and_then(|size| start.checked_add(size)).ok_or_else(damaged)?;
            let bytes = rest.get(start..end).ok_or_else(damaged)?;
            gathering.take(&path, bytes.to_vec());
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        gathering.finish()
    }

    fn git(&self, scratch: &Scratch, within: Option<&str>, args: &[&str]) -> Result<Ran, Error> {
        self.git_with(scratch, within, args, Stdio::null())
    }

    fn git_with(&self, scratch: &Scratch, within: Option<&str>, args: &[&str], stdin: Stdio) -> Result<Ran, Error> {
        let mut command = quiet_git();
        command.args(args).current_dir(within.map_or(scratch.place().to_owned(), |within| scratch.place().join(within)));
        // Only someone who names a folder of this machine gets one.
        let local = self.url.starts_with("file:") || Path::new(self.url).is_absolute();
        command.env("GIT_ALLOW_PROTOCOL", if local { "file" } else { "https:http:ssh:git" });
        bounded(command, scratch, stdin).map_err(|trouble| trouble.into_error(self.url))
    }
}

const FETCH: [&str; 5] = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];

/// `git` with nothing around it that a repository or a surrounding git could use.
pub fn quiet_git() -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GIT_") && !KEPT.contains(&name)) {
            command.env_remove(name);
        }
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").env("GIT_NO_REPLACE_OBJECTS", "1");
    for setting in
        ["core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false", "protocol.ext.allow=never"]
    {
        command.args(["-c", setting]);
    }
    command
}

/// What became of a command.
#[derive(Debug)]
pub struct Ran {
    pub done: bool,
    pub out: Vec<u8>,
    /// What it said about trouble.
    pub told: String,
}

/// Why a command did not come to an end.
#[derive(Debug)]
pub enum Trouble {
    Missing,
    TooLong,
    TooLarge,
    Io(io::Error),
}

impl Trouble {
    pub fn into_error(self, url: &str) -> Error {
        let url = shown(url);
        match self {
            Trouble::Missing => Error::new(
                "packages::no-git",
                format!("`{url}` is a git repository, and there is no `git` here"),
                "install git, or use an archive of the module (`.tar.gz`)",
            ),
            Trouble::TooLong => Error::unreachable(
                format!("`{url}` did not answer within {} minutes", TIME_MOST.as_secs() / 60),
                "check the network, and that git needs no password for it: `git ls-remote` with the address",
            ),
            Trouble::TooLarge => Error::unreachable(
                format!("`{url}` is larger than {} MiB", DISK_MOST >> 20),
                "keep modules in a repository of their own, or use an archive (`.tar.gz`)",
            ),
            Trouble::Io(error) => Error::unreachable(
                format!("cannot run git: {error}"),
                "check that `git --version` works and that the disk is not full",
            ),
        }
    }
}

/// Runs a command to its end, bounded in time and in what it leaves in the scratch folder.
pub fn bounded(mut command: Command, scratch: &Scratch, stdin: Stdio) -> Result<Ran, Trouble> {
    // Files instead of pipes: nothing has to be read while the command writes.
    let (out, told) = (scratch.place().join("out"), scratch.place().join("told"));
    command.stdin(stdin).stdout(File::create(&out).map_err(Trouble::Io)?).stderr(File::create(&told).map_err(Trouble::Io)?);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::Missing,
        _ => Trouble::Io(error),
    })?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut looked = begun;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Trouble::Io)? {
            break status;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
        let mut trouble = (begun.elapsed() > TIME_MOST).then_some(Trouble::TooLong);
        if looked.elapsed() > Duration::from_millis(500) {
            looked = Instant::now();
            if bytes_below(scratch.place()) > DISK_MOST {
                trouble = Some(Trouble::TooLarge);
            }
        }
        if let Some(trouble) = trouble {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            return Err(trouble);
        }
    };
    let told = String::from_utf8_lossy(&fs::read(&told).map_err(Trouble::Io)?).into_owned();
    Ok(Ran { done: status.success(), out: fs::read(&out).map_err(Trouble::Io)?, told })
}

impl Ran {
    fn success(self, repository: &Repository<'_>) -> Result<Vec<u8>, Error> {
        if self.done { Ok(self.out) } else { Err(self.failure(repository)) }
    }

    fn failure(&self, repository: &Repository<'_>) -> Error {
        let reason = self.reason();
        let help = match () {
            () if reason.contains("Authentication failed")
                || reason.contains("could not read Username")
                || reason.contains("Permission denied") =>
            {
                "git has no right to read it: set up a credential helper or a key, then try `git ls-remote` with the address"
            }
            () if reason.contains("not allowed") => {
                "write an address that begins with `https://` or `ssh://`, or `git@host:path`"
            }
            () => "check the address and the network: `git ls-remote` with the address tells more",
        };
        Error::unreachable(format!("git cannot read `{}`: {reason}", shown(repository.url)), help)
    }

    /// The line that says why, without git's own marks.
    pub fn reason(&self) -> String {
        let lines = || self.told.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:")).or_else(|| lines().next());
        let line = line.unwrap_or("it gives no reason");
        shown(line.trim_start_matches("fatal: ").trim_start_matches("error: "))
    }
}

/// Whether these are all digits of a commit, SHA-1 or SHA-256.
pub fn is_revision(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The versions among the lines of `git ls-remote --tags`.
fn versions_in(listed: &str) -> BTreeMap<Version, Tag> {
    let mut versions: BTreeMap<Version, Tag> = BTreeMap::new();
    for line in listed.lines() {
        let Some((revision, reference)) = line.split_once('\t') else { continue };
        let Some(name) = reference.strip_prefix("refs/tags/") else { continue };
        // A tag with words of its own is listed twice; the second line leads to the commit.
        let (name, peeled) = name.strip_suffix("^{}").map_or((name, false), |name| (name, true));
        let Ok(version) = Version::parse(name.strip_prefix('v').unwrap_or(name)) else { continue };
        let tag = Tag { name: name.to_owned(), revision: revision.to_owned() };
        match versions.get(&version) {
            Some(known) if known.name != tag.name && known.name.starts_with('v') => {}
            Some(known) if known.name == tag.name && !peeled => {}
            _ => {
                versions.insert(version, tag);
            }
        }
    }
    versions
}

/// The blobs of `git ls-tree -r -z --long` with their paths, once all of them may come in.
fn admitted(listed: &[u8], gathering: &mut Gathering) -> Result<Vec<(String, String)>, Error> {
    let mut blobs = Vec::new();
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = std::str::from_utf8(line).map_err(|_| {
            Error::unsafe_content(format!(
                "the repository holds `{}`: the name is not UTF-8",
                shown(&String::from_utf8_lossy(line))
            ))
        })?;
        let (facts, path) = line.split_once('\t').unwrap_or((line, ""));
        let mut facts = facts.split_ascii_whitespace();
        let (mode, _, name, size) = (facts.next(), facts.next(), facts.next(), facts.next());
        let what = match mode {
            Some("100644" | "100755" | "100664") => {
                let size = size.and_then(|size| size.parse().ok()).unwrap_or(u64::MAX);
                gathering.admit(path, size)?;
                blobs.push((name.unwrap_or_default().to_owned(), path.to_owned()));
                continue;
            }
            Some("120000") => "a symbolic link",
            Some("160000") => "a submodule",
            _ => "neither a file nor a folder",
        };
        return Err(Error::unsafe_content(format!("the repository holds `{}`, which is {what}", shown(path))));
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_tags() {
        let listed = "aaa\trefs/tags/1.0.0\nbbb\trefs/tags/v1.0.0\nccc\trefs/tags/v1.2.0\nddd\trefs/tags/v1.2.0^{}\neee\trefs/tags/latest\n\
                      fff\trefs/tags/v2.0.0-rc.1\nggg\trefs/heads/v9.0.0\nhhh\trefs/tags/v1.2\n";
        let found: Vec<String> =
            versions_in(listed).iter().map(|(version, tag)| format!("{version} {} {}", tag.name, tag.revision)).collect();
        assert_eq!(found, ["1.0.0 v1.0.0 bbb", "1.2.0 v1.2.0 ddd", "2.0.0-rc.1 v2.0.0-rc.1 fff"]);
    }

    #[test]
    fn links_and_submodules_are_refused_by_name() {
        let admitted = |listed: &str| admitted(listed.as_bytes(), &mut Gathering::new("the repository"));
        let good = "100644 blob aaaa      12\tmodule.kdl\u{0}100755 blob bbbb       3\tt/a b.hbs\0";
        assert_eq!(admitted(good).unwrap(), [("aaaa".into(), "module.kdl".into()), ("bbbb".into(), "t/a b.hbs".into())]);
        for (listed, expected) in [
            ("120000 blob aaaa      11\tlink\0", "`link`, which is a symbolic link"),
            ("160000 commit aaaa       -\tsub\0", "`sub`, which is a submodule"),
            ("100644 blob aaaa 99999999\tbig\0", "`big` with 99999999 bytes"),
            ("100644 blob aaaa       1\ta\\b\0", "not safe"),
        ] {
            let error = admitted(listed).unwrap_err();
            assert!(error.code == "packages::unsafe-content" && error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn addresses_that_git_would_take_for_something_else_are_refused() {
        let around = Path::new("/nowhere");
        for url in ["--upload-pack=touch x", "ext::sh -c id", "fd::7", "https://example.com/\na"] {
            assert_eq!(Repository::new(url, around).unwrap_err().code, "packages::bad-source", "{url}");
        }
        assert!(Repository::new("git@example.com:acme/voice.git", around).is_ok());
    }
}
