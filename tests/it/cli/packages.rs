//! `loopctl add`, `update`, `vendor` and `remove`: from every kind of source, and against hostile ones.

use super::place::{FIRST, Place, Ran, list, text};
use crate::skip;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tar::EntryType;

const LOCK: &str = "workflows/loop.lock";

pub fn voice(version: &str) -> String {
    format!(
        r##"module "acme/voice" version="{version}" {{
    about "What goes on from the market."
    step "best" {{
        about "Scores signals by their volume and keeps the best."
        example #"voice.best "chosen" {{ from "market" }}"#
        param "from" type="step" many=#true {{ about "The signals." }}
        param "keep" type="integer" default=10 {{ about "How many go on." }}
        score "best" {{
            from (param)"from"
            rule "demand" weight=1.0 {{ value "percentile(signal.volume)" }}
            keep (param)"keep" above=0.0
        }}
    }}
}}
"##
    )
}

/// The bundled workflows and a module in `modules/voice`.
fn place() -> Place {
    let place = Place::new();
    place.write("modules/voice/module.kdl", voice("1.2.3"));
    place.write("modules/voice/templates/note.hbs", "Hello {{name}}\n");
    place
}

/// A git repository with the module, made in the test's own folder.
struct Repository<'a> {
    place: &'a Place,
    folder: &'static str,
}

impl<'a> Repository<'a> {
    fn new(place: &'a Place, folder: &'static str) -> Option<Repository<'a>> {
        if Command::new("git").arg("--version").stdout(Stdio::null()).status().is_err() {
            skip::skipped(Path::new("git"));
            return None;
        }
        fs::create_dir_all(place.path(folder)).expect("ours");
        let repository = Repository { place, folder };
        repository.git("init --quiet --initial-branch=main");
        Some(repository)
    }

    fn git(&self, words: &str) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
            .args(words.split_whitespace())
            .current_dir(self.place.path(self.folder))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.place.path(self.folder))
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn release(&self, version: &str) {
        self.place.write(&format!("{}/module.kdl", self.folder), voice(version));
        self.git("add -A");
        self.git(&format!("commit --quiet -m {version} --allow-empty"));
        self.git(&format!("tag v{version}"));
    }
}

/// A `.tar.gz` with entries as they are given, also such as no proper program writes.
fn packed(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (kind, path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").expect("short");
        }
        header.set_cksum();
        builder.append(&header, *bytes).expect("into memory");
    }
    builder.into_inner().and_then(GzEncoder::finish).expect("into memory")
}

fn archive(version: &str) -> Vec<u8> {
    let module = voice(version);
    packed(&[
        (EntryType::Directory, "voice/", b""),
        (EntryType::Regular, "voice/module.kdl", module.as_bytes()),
        (EntryType::Regular, "voice/templates/note.hbs", b"Hello\n"),
    ])
}

/// Serves one body at every path but `/moved`, which leads there, and counts.
fn serve(body: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            seen.fetch_add(1, Ordering::SeqCst);
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let moved = head[..read].starts_with(b"GET /moved");
            let answer = match moved {
                true => {
                    b"HTTP/1.1 302 Found\r\nlocation: /voice.tar.gz\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
                }
                false => {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    [head.as_bytes(), &body].concat()
                }
            };
            let _ = stream.write_all(&answer);
        }
    });
    (address, count)
}

fn locked(place: &Place) -> String {
    place.read(LOCK)
}

fn digest(place: &Place) -> String {
    let lock = locked(place);
    let (_, rest) = lock.split_once("sha256=\"").expect("a digest");
    rest[..64].to_owned()
}

fn cache(place: &Place) -> String {
    format!(".cache/loopctl/modules/{}", digest(place))
}

fn add(place: &Place, source: &str) -> Ran {
    place.run(&format!("add {source} --workflow {FIRST}"))
}

#[test]
fn a_folder_is_added_locked_and_used_and_the_workflow_keeps_its_layout() {
    let place = place();
    let before = place.read(FIRST);
    let ran = add(&place, "./modules/voice").exit(0);
    ran.says("Added `acme/voice` 1.2.3, from folder ../modules/voice.")
        .says("Locked in `workflows/loop.lock`; `workflows/first-loop.kdl` uses it as `voice`.")
        .says("voice.best  Scores signals by their volume and keeps the best.")
        .says("integer, 10 when it is left out")
        .says("step, one or more, has to be given");
    let after = place.read(FIRST);
    let added: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(added, ["    use \"acme/voice@^1.2\""]);
    let kept: String = after.lines().filter(|line| !line.contains("use \"acme/")).collect();
    assert_eq!(kept.replace('\n', ""), before.replace('\n', ""), "nothing else has changed");
    assert!(locked(&place).contains("    source \"path\" dir=\"../modules/voice\"\n"), "{}", locked(&place));
    assert_eq!(place.files(&cache(&place)).keys().collect::<Vec<_>>(), ["module.kdl", "templates/note.hbs"]);
    assert!(place.files(".cache/loopctl/tmp").is_empty());
    // Once more changes nothing.
    let (lock, text) = (locked(&place), place.read(FIRST));
    add(&place, "./modules/voice").exit(0).says("used it already, as `voice`").says("as it was");
    assert_eq!((locked(&place), place.read(FIRST)), (lock, text));
}

#[test]
fn machines_learn_what_was_added() {
    let place = place();
    let facts = place.run(&format!("add ./modules/voice@^1 --as tone --workflow {FIRST} --json")).exit(0).json();
    let added = &facts["added"];
    assert_eq!(
        (text(&added["module"]), text(&added["version"]), text(&added["alias"])),
        ("acme/voice".into(), "1.2.3".into(), "tone".into())
    );
    assert_eq!(text(&list(&added["steps"])[0]["verb"]), "tone.best");
    assert!(place.read(FIRST).contains("use \"acme/voice@^1\" as=\"tone\"\n"));
}

#[test]
fn git_gives_the_newest_version_in_range_and_update_moves_within_it() {
    let place = place();
    let Some(repository) = Repository::new(&place, "upstream") else { return };
    repository.release("1.2.0");
    repository.release("1.3.0");
    repository.release("2.0.0");
    let url = format!("file://{}", place.path("upstream").display());
    add(&place, &format!("{url}@^1.2")).exit(0).says("Added `acme/voice` 1.3.0").says("tag v1.3.0");
    let revision = repository.git("rev-parse v1.3.0");
    assert!(locked(&place).contains(&format!("tag=\"v1.3.0\" revision=\"{revision}\"")), "{}", locked(&place));
    place.run("update").exit(0).says("Nothing to update.").says("is the newest within range");
    repository.release("1.4.1");
    let before = locked(&place);
    place.run("update --dry-run").exit(0).says("Would update 1 module.").says("1.3.0 → 1.4.1");
    assert_eq!(locked(&place), before);
    let facts = place.run("update voice --json").exit(0).json();
    assert_eq!(text(&list(&facts["modules"])[0]["version"]), "1.4.1");
    // A wider range in the workflow counts at the next update.
    place.edit(FIRST, "acme/voice@^1.2", "acme/voice@>=1.2");
    place.run("update acme/voice").exit(0).says("1.4.1 → 2.0.0");
    assert!(locked(&place).contains("wanted \">=1.2\""), "{}", locked(&place));
    place.edit(FIRST, "acme/voice@>=1.2", "acme/voice@^7");
    place.run("update").fails(2, "packages::no-fitting-version").warns("no version within `^7`").warns("2.0.0, 1.4.1");
}

#[test]
fn a_tag_a_branch_a_commit_and_a_folder_of_a_repository_can_be_named() {
    let place = place();
    let Some(repository) = Repository::new(&place, "upstream") else { return };
    repository.release("1.0.0");
    repository.release("1.1.0");
    let first = repository.git("rev-parse v1.0.0");
    let url = format!("file://{}", place.path("upstream").display());
    add(&place, &format!("{url} --tag v1.0.0")).exit(0).says("1.0.0").says("tag v1.0.0");
    assert!(place.read(FIRST).contains("use \"acme/voice@=1.0.0\""));
    place.run("update").exit(0).says("Nothing to update.");
    place.run("remove voice").exit(0);
    add(&place, &format!("{url} --rev {first}")).exit(0).says("1.0.0").says(&format!("rev {first}"));
    place.run("remove voice").exit(0);
    add(&place, &format!("{url} --rev {}", &first[..9])).exit(0).says("1.0.0");
    place.run("remove voice").exit(0);
    // A branch is followed.
    add(&place, "./upstream --branch main").exit(0).says("1.1.0").says("branch main");
    assert!(locked(&place).contains("url=\"../upstream\" branch=\"main\""), "{}", locked(&place));
    repository.release("1.2.0");
    place.run("update").exit(0).says("1.1.0 → 1.2.0");
    place.run("remove voice").exit(0);
    // Several modules in one repository.
    place.write("upstream/loops/tone/module.kdl", voice("3.0.0").replace("acme/voice", "acme/tone"));
    repository.git("add -A");
    repository.git("commit --quiet -m more");
    add(&place, &format!("{url} --branch main --dir loops/tone"))
        .exit(0)
        .says("Added `acme/tone` 3.0.0")
        .says("folder loops/tone");
    add(&place, &format!("{url} --branch main --dir loops/none")).fails(2, "packages::no-module").warns("no folder `loops/none`");
    add(&place, &format!("{url} --branch gone")).fails(2, "packages::unreachable-source").warns("no branch `gone`");
    add(&place, &format!("file://{}", place.path("nowhere").display())).fails(2, "packages::unreachable-source");
}

#[test]
fn a_repository_cannot_run_or_smuggle_anything() {
    let place = place();
    let Some(repository) = Repository::new(&place, "upstream") else { return };
    repository.release("1.0.0");
    let url = format!("file://{}", place.path("upstream").display());
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", place.path("upstream/passwords.txt")).expect("ours");
    repository.git("add -A");
    repository.git("commit --quiet -m link");
    add(&place, &format!("{url} --branch main"))
        .fails(2, "packages::unsafe-content")
        .warns("the repository holds `passwords.txt`, which is a symbolic link");
    for source in ["ext::sh -c touch% evil", "--upload-pack=touch", "https://ann:pw@127.0.0.1/x.git"] {
        let ran = Ran::of(place.command("add").arg("--workflow").arg(FIRST).arg("--").arg(source));
        assert_eq!(ran.code, 2, "{}", ran.told());
        assert!(!ran.err.contains(":pw"), "{}", ran.told());
    }
    // A module in a surrounding repository with hooks and odd variables.
    let ran = Ran::of(
        place
            .command(&format!("add {url} --tag v1.0.0 --workflow {FIRST}"))
            .env("GIT_DIR", place.path("upstream/.git"))
            .env("GIT_EXEC_PATH", "/nonexistent")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "core.hooksPath")
            .env("GIT_CONFIG_VALUE_0", "/nonexistent"),
    );
    ran.exit(0);
    assert!(!place.path("evil").exists());
    assert!(place.files(".cache/loopctl/tmp").is_empty(), "no scratch is left");
}

#[test]
fn a_tag_that_was_moved_is_noticed() {
    let place = place();
    let Some(repository) = Repository::new(&place, "upstream") else { return };
    repository.release("1.0.0");
    let url = format!("file://{}", place.path("upstream").display());
    add(&place, &url).exit(0);
    place.write("upstream/templates/note.hbs", "Something else\n");
    repository.git("add -A");
    repository.git("commit --quiet -m quietly");
    repository.git("tag --force v1.0.0");
    let before = locked(&place);
    place
        .run("update")
        .fails(2, "packages::changed-release")
        .warns("version 1.0.0 of `acme/voice` was changed after it was published")
        .warns(&digest(&place));
    assert_eq!(locked(&place), before);
    // To want it all the same takes a word of one's own.
    add(&place, &url).exit(0).says("whose files have changed");
    assert_ne!(locked(&place), before);
    // A tag that says another version than its module.
    repository.git("tag v9.0.0");
    add(&place, &format!("{url} --tag v9.0.0"))
        .fails(2, "packages::no-module")
        .warns("tag `v9.0.0` holds `acme/voice` with version 1.0.0");
}

#[test]
fn archives_come_by_address_or_path_with_their_checksum() {
    let place = place();
    let (address, _) = serve(archive("1.2.3"));
    place.write("dist/voice.tar.gz", archive("1.2.3"));
    add(&place, &format!("{address}/moved.tar.gz")).exit(0).says(&format!("from archive {address}/moved.tar.gz"));
    let by_address = digest(&place);
    let (_, rest) =
        locked(&place).split_once("source \"archive\"").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("an archive");
    let sha256 = rest.split("sha256=\"").nth(1).map(|rest| rest[..64].to_owned()).expect("a digest of the archive");
    place.run("remove acme/voice").exit(0);
    add(&place, &format!("./dist/voice.tar.gz --sha256 {sha256}")).exit(0);
    assert!(locked(&place).contains("url=\"../dist/voice.tar.gz\""), "{}", locked(&place));
    assert_eq!(digest(&place), by_address, "the files are the same, so is their digest");
    place.run("remove acme/voice").exit(0);
    add(&place, &format!("file://{}", place.path("dist/voice.tar.gz").display())).exit(0);
    place.run("remove acme/voice").exit(0);
    add(&place, &format!("./dist/voice.tar.gz --sha256 {}", "0".repeat(64)))
        .fails(2, "packages::checksum-mismatch")
        .warns(&format!("wanted: sha256 {}", "0".repeat(64)))
        .warns(&format!("found:  sha256 {sha256}"));
    assert!(!locked(&place).contains("acme/voice"));
    // The archive is replaced under its number.
    add(&place, "./dist/voice.tar.gz").exit(0);
    let module = voice("1.2.3");
    place.write("dist/voice.tar.gz", packed(&[(EntryType::Regular, "module.kdl", module.as_bytes())]));
    place.run("update").fails(2, "packages::changed-release");
    fs::remove_dir_all(place.path(".cache")).expect("ours");
    place.run("update --locked").fails(2, "packages::checksum-mismatch").warns(&sha256);
    place.write("dist/voice.tar.gz", archive("1.3.0"));
    place.run("update").exit(0).says("1.2.3 → 1.3.0");
}

#[test]
fn a_hostile_archive_is_refused_by_the_name_of_its_entry_and_leaves_nothing() {
    let place = place();
    let module = voice("1.2.3");
    let good = (EntryType::Regular, "module.kdl", module.as_bytes());
    let zeros = vec![0; 8 << 20];
    let names: Vec<String> = (0..9).map(|number| format!("zeros{number}")).collect();
    let mut bomb = vec![good];
    bomb.extend(names.iter().map(|name| (EntryType::Regular, name.as_str(), zeros.as_slice())));
    let many: Vec<String> = (0..1_100).map(|number| format!("n{number}.txt")).collect();
    let mut crowd = vec![good];
    crowd.extend(many.iter().map(|name| (EntryType::Regular, name.as_str(), b"".as_slice())));
    for (bytes, entry) in [
        (packed(&[good, (EntryType::Regular, "../../evil.kdl", b"x")]), "`../../evil.kdl`: the path climbs"),
        (packed(&[good, (EntryType::Regular, "/tmp/evil.kdl", b"x")]), "`/tmp/evil.kdl`: the path is absolute"),
        (packed(&[good, (EntryType::Symlink, "link.kdl", b"")]), "`link.kdl`, which is a symbolic link"),
        (packed(&[good, (EntryType::Link, "hard.kdl", b"")]), "`hard.kdl`, which is a hard link"),
        (packed(&[good, (EntryType::Char, "tty", b"")]), "`tty`, which is a device"),
        (packed(&[good, (EntryType::Fifo, "pipe", b"")]), "`pipe`, which is a pipe"),
        (packed(&[good, good]), "`module.kdl` twice"),
        (packed(&[good, (EntryType::Regular, "con.kdl", b"")]), "`con.kdl`: the name means a device"),
        (packed(&bomb), "up to `zeros"),
        (packed(&crowd), "more than 1000 files"),
    ] {
        place.write("dist/evil.tar.gz", &bytes);
        let ran = add(&place, "./dist/evil.tar.gz").fails(2, "packages::unsafe-content");
        assert!(ran.err.contains(entry), "{entry}\n{}", ran.told());
    }
    place.write("dist/evil.tar.gz", b"<html>not found</html>");
    add(&place, "./dist/evil.tar.gz").fails(2, "packages::unreachable-source").warns("neither a `.tar.gz` nor a `.tar`");
    place.write("dist/evil.tar.gz", packed(&[(EntryType::Regular, "README.md", b"hello")]));
    add(&place, "./dist/evil.tar.gz").fails(2, "packages::no-module");
    let (address, _) = serve(vec![0x1f; 20 << 20]);
    add(&place, &format!("{address}/large.tar.gz")).fails(2, "packages::unreachable-source").warns("larger than 16 MiB");
    assert!(!place.path(LOCK).exists() && place.files(".cache").is_empty() && !Path::new("/tmp/evil.kdl").exists());
    assert_eq!(place.read(FIRST), Place::new().read(FIRST));
}

#[test]
fn after_locking_the_network_is_not_asked_and_a_fresh_clone_fetches_what_is_locked() {
    let place = place();
    let (address, asked) = serve(archive("1.2.3"));
    add(&place, &format!("{address}/voice.tar.gz")).exit(0);
    let after = asked.load(Ordering::SeqCst);
    for words in ["update --locked", "vendor", "vendor --check", "update --locked"] {
        place.run(words).exit(0);
    }
    place.run(&format!("validate {FIRST}"));
    assert_eq!(asked.load(Ordering::SeqCst), after, "nothing was asked again");
    // A clone on another machine: the lock is there, cache and vendor are not.
    fs::remove_dir_all(place.path(".cache")).expect("ours");
    fs::remove_dir_all(place.path("workflows/vendor")).expect("ours");
    place.run("update --locked").exit(0).says("1 module is here as it was locked.").says("fetched");
    assert_eq!(asked.load(Ordering::SeqCst), after + 1);
    let facts = place.run("update --locked --json").exit(0).json();
    assert_eq!(text(&list(&facts["modules"])[0]["found"]), "cached");
}

#[test]
fn a_cache_that_was_changed_is_put_right_from_the_source() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    let at = format!("{}/module.kdl", cache(&place));
    let good = place.read(&at);
    place.write(&at, "module \"evil/voice\" version=\"1.2.3\" {}");
    place.run("update --locked").exit(0).says("fetched");
    assert_eq!(place.read(&at), good);
    // When the source has changed as well, nothing is taken for what was locked.
    place.write(&at, "module \"evil/voice\" version=\"1.2.3\" {}");
    place.write("modules/voice/templates/note.hbs", "edited\n");
    place
        .run("update --locked")
        .fails(2, "packages::checksum-mismatch")
        .warns(&digest(&place))
        .warns("loopctl update acme/voice");
    place.run("update").exit(0).says("has other files");
}

#[test]
fn vendored_modules_are_checked_and_the_work_of_a_person_is_not_thrown_away() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    place.run("vendor --check").exit(1).says("not there");
    place.run("vendor").exit(0).says("`workflows/vendor` holds 1 module.").says("copied");
    assert_eq!(
        place.files("workflows/vendor").keys().collect::<Vec<_>>(),
        ["acme/voice/module.kdl", "acme/voice/templates/note.hbs"]
    );
    place.run("vendor --check").exit(0);
    place.write("workflows/vendor/acme/voice/templates/note.hbs", "by hand\n");
    place.run("vendor --check").exit(1).says("not what was locked");
    place.run("vendor").fails(2, "packages::checksum-mismatch").warns("`vendor/acme/voice`").warns("vendor --force");
    place.run("update --locked").fails(2, "packages::checksum-mismatch").warns(&digest(&place));
    place.run("remove voice").exit(0).says("was changed by hand and stays");
    add(&place, "./modules/voice").fails(2, "packages::checksum-mismatch");
    fs::remove_dir_all(place.path("workflows/vendor")).expect("ours");
    add(&place, "./modules/voice").exit(0);
    place.run("vendor").exit(0);
    place.write("workflows/vendor/acme/voice/templates/note.hbs", "by hand\n");
    place.run("vendor --force").exit(0).says("replaced");
    // What an update brings replaces an older version that nobody has touched.
    place.write("modules/voice/module.kdl", voice("1.5.0"));
    place.run("update").exit(0).says("1.2.3 → 1.5.0");
    assert!(place.read("workflows/vendor/acme/voice/module.kdl").contains("1.5.0"));
    // Also on a machine that has never fetched the older one.
    fs::remove_dir_all(place.path(".cache")).expect("ours");
    place.write("modules/voice/module.kdl", voice("1.6.0"));
    place.run("update").exit(0).says("1.5.0 → 1.6.0");
    assert!(place.read("workflows/vendor/acme/voice/module.kdl").contains("1.6.0"));
    // A change of a person keeps everything as it is.
    place.write("workflows/vendor/acme/voice/templates/note.hbs", "by hand\n");
    place.write("modules/voice/module.kdl", voice("1.7.0"));
    let lock = locked(&place);
    place.run("update").fails(2, "packages::checksum-mismatch");
    assert_eq!(locked(&place), lock);
    // The cache has what is locked, whatever has become of the source.
    place.run("vendor --force").exit(0).says("1.6.0 replaced");
    place.write("workflows/vendor/other/thing/module.kdl", "x");
    place.run("vendor").exit(0).says("`workflows/vendor/other/thing` is not locked");
    place.run("remove voice").exit(0);
    assert!(!place.path("workflows/vendor/acme").exists());
}

#[test]
fn a_module_that_is_used_stays() {
    let place = place();
    let before = place.read(FIRST);
    add(&place, "./modules/voice").exit(0);
    place.edit(FIRST, "    strategy {\n", "    strategy {\n        voice.best \"chosen\" { from \"market\" }\n");
    let with_step = place.read(FIRST);
    place.run("remove voice").fails(2, "packages::still-used").warns("workflows/first-loop.kdl:").warns("voice.best \"chosen\"");
    assert_eq!(place.read(FIRST), with_step);
    place.edit(FIRST, "        voice.best \"chosen\" { from \"market\" }\n", "");
    place.run("remove acme/voice").exit(0).says("it is not locked any more");
    assert_eq!(place.read(FIRST).replace('\n', ""), before.replace('\n', ""));
    assert!(!locked(&place).contains("acme/voice"));
    place.run("remove voice").fails(2, "packages::not-locked");
    place.run("update none").fails(2, "packages::not-locked");
    place.run("update").exit(0).says("Nothing is locked");
}

#[test]
fn two_workflows_beside_each_other_share_a_lock() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    place.run("add ./modules/voice@=1.2.3 --workflow workflows/b2b-growth.kdl").exit(0);
    place.write("modules/voice/module.kdl", voice("1.3.0"));
    place.run("update").fails(2, "packages::no-fitting-version");
    place.run("remove voice").fails(2, "cli::which-workflow");
    place.run("remove voice --workflow workflows/b2b-growth.kdl").exit(0).says("it stays locked");
    place.run("update").exit(0).says("1.2.3 → 1.3.0");
    place.run("remove voice").exit(0).says("not locked any more");
}

#[test]
fn what_cannot_be_added_says_what_to_do() {
    let place = place();
    add(&place, "acme/voice").fails(2, "packages::bad-source").warns("no registry");
    add(&place, "./modules").fails(2, "packages::no-module");
    add(&place, "./modules/voice@^2").fails(2, "packages::no-fitting-version").warns("has version 1.2.3 there");
    place.write("modules/other/module.kdl", voice("1.0.0").replace("acme/voice", "other/voice"));
    add(&place, "./modules/voice").exit(0);
    add(&place, "./modules/other").fails(2, "packages::alias-taken").warns("--as other-voice");
    add(&place, "./modules/other --as other-voice").exit(0);
    let lock = locked(&place);
    place.write(LOCK, lock.replace("version=", "verson="));
    place.run("update").exit(3).warns("lock::broken-lock").warns("did you mean `version`?");
    let facts = place.run("update --json").exit(3).json();
    assert_eq!(text(&facts["error"]["code"]), "lock::broken-lock");
    place.write(LOCK, "lock 7\n");
    place.run("update").exit(3).warns("lock::newer-form");
    place.write(LOCK, lock);
    place.write("broken.kdl", "workflow \"x\" {\n");
    place.run("add ./modules/voice --workflow broken.kdl").fails(3, "cli::invalid-workflow");
}

/// The system ends a process that writes more than it may, in the middle of the write: at every such point the lock is whole or not there,
/// and the workflow is the old one or the new one.
#[cfg(unix)]
#[test]
fn a_death_in_the_middle_of_a_write_leaves_nothing_half() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    let (lock, with_use) = (locked(&place), place.read(FIRST));
    let mut ends = std::collections::BTreeSet::new();
    for blocks in [0, 1, 2, 4, 8, 9, 10, 64] {
        let place = self::place();
        let before = place.read(FIRST);
        let limited = format!("ulimit -f {blocks}; exec \"$0\" add ./modules/voice --workflow {FIRST}");
        let output = Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_loopctl")])
            .current_dir(place.path("."))
            .env("HOME", place.path("."))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("LOOPCTL_CACHE")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("sh starts");
        ends.insert(output.success());
        if place.path(LOCK).exists() {
            assert_eq!(locked(&place), lock, "{blocks}");
        }
        let now = place.read(FIRST);
        assert!(now == before || (now == with_use && place.path(LOCK).exists()), "{blocks}");
        // The next run finishes what was begun.
        add(&place, "./modules/voice").exit(0);
        assert_eq!((locked(&place), place.read(FIRST)), (lock.clone(), with_use.clone()), "{blocks}");
        place.run("update --locked").exit(0);
    }
    assert_eq!(ends.len(), 2, "some were stopped and some were not");
}

/// Nothing may be written while `add` runs into a full or read-only place.
#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_leaves_all_as_it_was() {
    let place = place();
    place.write("full", "a file where a folder should be");
    let ran = Ran::of(place.command(&format!("add ./modules/voice --workflow {FIRST}")).env("LOOPCTL_CACHE", place.path("full")));
    ran.fails(2, "packages::unwritable");
    assert!(!place.path(LOCK).exists());
    assert_eq!(place.read(FIRST), Place::new().read(FIRST));
}

#[test]
fn what_users_would_notice_is_told_before_a_release() {
    let place = place();
    let Some(repository) = Repository::new(&place, "shared") else { return };
    place.write("shared/voice/module.kdl", voice("1.2.0"));
    place.write("shared/voice/templates/note.hbs", "Hello\n");
    repository.git("add -A");
    repository.git("commit --quiet -m one");
    repository.git("tag v1");
    place.run("breaking --against v1 shared").exit(0).says("acme/voice 1.2.0").says("Nothing has changed for its users.");
    place.write("shared/voice/templates/note.hbs", "Good day\n");
    place.run("breaking --against v1 shared/voice").exit(0).says("inside").says("at least version 1.2.1, and it is 1.2.0");
    // A new parameter that has to be given.
    let required = "param \"floor\" type=\"number\" { about \"x\" }\n        param \"keep\"";
    place.edit("shared/voice/module.kdl", "param \"keep\"", required);
    place
        .run("breaking --against v1 shared/voice/module.kdl")
        .exit(1)
        .says("breaking  best: `floor` is new and has to be given")
        .says("1 breaking change needs at least version 2.0.0, and it is 1.2.0: write `version=\"2.0.0\"`.");
    let facts = place.run("breaking --against v1 shared --json").exit(1).json();
    let module = &list(&facts["modules"])[0];
    assert_eq!(
        (text(&module["needed"]), module["breaking"].as_bool(), module["version_is_enough"].as_bool()),
        ("2.0.0".into(), Some(true), Some(false))
    );
    place.edit("shared/voice/module.kdl", "version=\"1.2.0\"", "version=\"2.0.0\"");
    place.run("breaking --against v1 shared/voice").exit(0).says("1.2.0 → 2.0.0").says("✓ 1 breaking change needs");
    place.write("shared/new/module.kdl", voice("0.1.0").replace("acme/voice", "acme/new"));
    place.run("breaking --against v1 shared").exit(0).says("`acme/new` 0.1.0 is new since v1.");
    place.run("breaking --against v7 shared").fails(2, "packages::unreachable-source").warns("no commit `v7`");
    place.run("breaking --against v1 workflows/first-loop").fails(2, "packages::no-module");
    place.run("breaking --against v1 modules/voice").fails(2, "packages::unreachable-source").warns("in no git repository");
}

#[test]
fn a_workflow_with_a_locked_module_is_valid_runs_and_notices_what_was_changed() {
    let place = place();
    add(&place, "./modules/voice").exit(0);
    place.edit(FIRST, "    strategy {\n", "    strategy {\n        voice.best \"chosen\" { from \"market\"; keep 3 }\n");
    let valid = |place: &Place| place.run(&format!("validate {FIRST} --json"));
    let codes = |ran: &Ran| list(&ran.json()["diagnostics"]).iter().map(|finding| text(&finding["code"])).collect::<Vec<_>>();
    let ran = valid(&place).exit(0);
    assert!(codes(&ran).is_empty(), "{}", ran.told());
    place.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert!(!place.path(".cache/loopctl/tmp").exists() || place.files(".cache/loopctl/tmp").is_empty());
    // Tampered cache.
    let at = format!("{}/templates/note.hbs", cache(&place));
    let good = place.read(&at);
    place.write(&at, "tampered\n");
    let ran = valid(&place).exit(3);
    assert!(codes(&ran).contains(&"loop::module-changed".to_owned()), "{}", ran.told());
    place.write(&at, good);
    valid(&place).exit(0);
    // No cache, and then vendored.
    place.run("vendor").exit(0);
    fs::remove_dir_all(place.path(".cache")).expect("ours");
    valid(&place).exit(0);
    place.write("workflows/vendor/acme/voice/templates/note.hbs", "tampered\n");
    let ran = valid(&place).exit(3);
    assert!(codes(&ran).contains(&"loop::module-changed".to_owned()), "{}", ran.told());
    fs::remove_dir_all(place.path("workflows/vendor")).expect("ours");
    let ran = valid(&place).exit(3);
    assert!(codes(&ran).contains(&"loop::module-unavailable".to_owned()), "{}", ran.told());
    place.run("update --locked").exit(0);
    valid(&place).exit(0);
    // What lies in `vendor/` without a lock can be locked by its name.
    place.run("vendor").exit(0);
    fs::remove_file(place.path(LOCK)).expect("ours");
    let ran = valid(&place).exit(0);
    assert!(codes(&ran).contains(&"loop::unlocked-module".to_owned()), "{}", ran.told());
    add(&place, "acme/voice").exit(0).says("from folder vendor/acme/voice");
    assert!(!codes(&valid(&place).exit(0)).contains(&"loop::unlocked-module".to_owned()));
    // A module with mistakes is not let in.
    place.edit("modules/voice/module.kdl", "keep (param)\"keep\"", "kep (param)\"keep\"");
    add(&place, "./modules/voice").fails(2, "packages::no-module").warns("has mistakes: module.kdl:");
}
