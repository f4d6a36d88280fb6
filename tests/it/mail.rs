//! Letters over a real mail server, through the real binary: aiosmtpd, started by each test for itself.
//!
//! `.ci/run` installs it; `LOOPCTL_TEST_MAIL` may name the folder it is in. Where it is absent, these tests say so.

use crate::cli::place::{FIRST, Place, Ran, list, text};
use crate::skip::skipped;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PASSWORD: &str = "lighthouse-7d1f0c55";
const BLOG: &str = r#"channel "blog" kind="files" { dir "first-loop/out/blog" }"#;

struct MailServer {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl MailServer {
    /// `None` where there is no such server on this machine; then the test was skipped.
    fn start(secure: bool) -> Option<MailServer> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let python = |words: &[&str]| {
            let mut command = Command::new("python3");
            command.args(words).stderr(Stdio::null());
            if let Some(place) = std::env::var_os("LOOPCTL_TEST_MAIL") {
                command.env("PYTHONPATH", place);
            }
            command
        };
        if !python(&["-c", "import aiosmtpd"]).status().is_ok_and(|status| status.success()) {
            skipped(Path::new("the Python package aiosmtpd"));
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/servers/mail.py");
        let mut command = python(&[script]);
        command.arg(folder.path()).arg(port.to_string());
        if secure {
            let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
            let made = Command::new("openssl")
                .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split(' '))
                .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .stderr(Stdio::null())
                .status();
            if !made.is_ok_and(|status| status.success()) {
                skipped(Path::new("openssl"));
                return None;
            }
            command.arg(certificate).arg(key).args(["loop", PASSWORD]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut said = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut said).expect("it says something");
        assert_eq!(said.trim(), "ready");
        Some(MailServer { child, folder, port })
    }

    fn mood(&self, mood: &str) {
        std::fs::write(self.folder.path().join("mood"), mood).expect("our own folder");
    }

    fn letters(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.folder.path()).expect("our own folder").flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "eml"));
        files.sort();
        files.iter().map(|path| std::fs::read_to_string(path).expect("a letter")).collect()
    }

    /// As a channel of a workflow.
    fn channel(&self, name: &str, more: &str) -> String {
        format!(
            "channel \"{name}\" kind=\"smtp\" {{ server \"localhost\" port={}; from \"Acme <news@acme.example>\"; to \"readers@lists.example\"; {more} }}",
            self.port
        )
    }
}

/// The first loop, whose pieces go out as letters.
fn place(channel: &str) -> Place {
    let place = Place::new();
    place.edit(FIRST, BLOG, channel);
    place.run(&format!("validate {FIRST}")).exit(0);
    place
}

fn run(place: &Place, server: &MailServer, words: &str) -> Ran {
    let mut command = place.command(words);
    command.env("SSL_CERT_FILE", server.folder.path().join("certificate"));
    command.env("SMTP_USER", "loop").env("SMTP_PASSWORD", PASSWORD);
    let ran = Ran::of(&mut command);
    assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD), "the password is shown\n{}", ran.told());
    ran
}

fn header<'a>(letter: &'a str, name: &str) -> &'a str {
    let line = letter.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
    line.unwrap_or_else(|| panic!("no {name} in\n{letter}")).split_once(':').expect("a colon").1.trim()
}

#[test]
fn pieces_go_out_as_letters_once_over_a_private_line_after_a_login() {
    let Some(server) = MailServer::start(true) else { return };
    let login = r#"user (env)"SMTP_USER"; password (env)"SMTP_PASSWORD"; unsubscribe "https://acme.example/out" one-click=#true"#;
    let place = place(&server.channel("blog", login));
    run(&place, &server, &format!("run {FIRST} --approve-all")).exit(0);
    let letters = server.letters();
    assert_eq!(letters.len(), 3, "one letter a piece");
    let mut ids: Vec<&str> = letters.iter().map(|letter| header(letter, "message-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has its own name: {ids:?}");
    for letter in &letters {
        assert_eq!(header(letter, "x-to"), "readers@lists.example");
        assert_eq!(header(letter, "list-unsubscribe"), "<https://acme.example/out>");
        assert_eq!(header(letter, "list-unsubscribe-post"), "List-Unsubscribe=One-Click");
        assert!(letter.contains("text/plain") && letter.contains("text/html") && !letter.contains("<script"), "{letter}");
    }
    // The receipts say which letter each piece is.
    let published = list(&place.cycle(FIRST, 1)["published"]);
    for piece in &published {
        let id = text(&piece["location"]).trim_start_matches("mid:").to_owned();
        assert!(ids.contains(&format!("<{id}>").as_str()), "{id} in {ids:?}");
    }
    assert_eq!(published.len(), 3);
    run(&place, &server, &format!("status {FIRST}")).exit(0);
    assert_eq!(server.letters().len(), 3, "nothing is sent again");

    // A wrong password is told without it, and nothing goes out.
    let mut command = place.command(&format!("run {FIRST} --approve-all"));
    command.env("SSL_CERT_FILE", server.folder.path().join("certificate"));
    let ran = Ran::of(command.env("SMTP_USER", "loop").env("SMTP_PASSWORD", "harbour-0000"));
    let told = ran.told();
    assert!(told.contains("does not let us in") && !told.contains("harbour-0000"), "{told}");
    assert_eq!(server.letters().len(), 3);
}

#[test]
fn a_letter_that_may_have_gone_out_is_a_persons_to_decide_and_is_never_sent_twice() {
    let Some(server) = MailServer::start(false) else { return };
    let place = place(&server.channel("blog", "tls \"none\""));
    server.mood("vanish");
    run(&place, &server, &format!("run {FIRST} --approve-all")).exit(4).says("In doubt: 3 pieces");
    assert_eq!(server.letters().len(), 3);
    let doubts = list(&run(&place, &server, &format!("effect list {FIRST} --json")).exit(4).json()["in_doubt"]);
    let letters = server.letters();
    for doubt in &doubts {
        let id = format!("<loopctl.{}@acme.example>", text(&doubt["id"]));
        assert!(letters.iter().any(|letter| header(letter, "message-id") == id), "a person finds {id}");
    }
    server.mood("take");
    run(&place, &server, &format!("run {FIRST} --approve-all")).exit(4);
    assert_eq!(server.letters().len(), 3, "what is in doubt is not sent again by itself");
    run(&place, &server, &format!("effect confirm {FIRST} --all")).exit(0);
    run(&place, &server, &format!("run {FIRST}")).exit(0);
    assert_eq!(server.letters().len(), 3);
}

#[test]
fn a_crash_between_a_letter_and_its_receipt_leaves_it_in_doubt() {
    let Some(server) = MailServer::start(false) else { return };
    let place = place(&server.channel("blog", "tls \"none\""));
    server.mood("hang");
    let mut running = place.command(&format!("run {FIRST} --approve-all")).spawn().expect("loopctl starts");
    let begun = Instant::now();
    while server.letters().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no letter came");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.kill().expect("it runs");
    running.wait().expect("it was killed");
    let before = server.letters();
    server.mood("take");
    let ran = run(&place, &server, &format!("run {FIRST} --approve-all")).exit(4);
    assert!(ran.out.contains("In doubt:"), "{}", ran.told());
    let after = server.letters();
    let mut ids: Vec<&str> = after.iter().map(|letter| header(letter, "message-id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no letter went out twice: {before:?}");
}

#[test]
fn a_server_that_asks_to_come_later_gets_it_later_and_one_that_refuses_is_quoted() {
    let Some(server) = MailServer::start(false) else { return };
    let place = place(&server.channel("blog", "tls \"none\""));
    server.mood("later");
    run(&place, &server, &format!("run {FIRST} --approve-all")).exit(0);
    assert_eq!(server.letters().len(), 3);
    server.mood("refuse");
    let told = run(&place, &server, &format!("run {FIRST} --approve-all")).told();
    assert!(told.contains("this looks like spam"), "{told}");
    assert_eq!(server.letters().len(), 3);
}

#[test]
fn people_are_told_by_mail_once_in_one_letter() {
    let Some(server) = MailServer::start(false) else { return };
    let notify = format!(
        "{BLOG}\n    {}\n    notify \"gate-opened\" \"cycle-failed\" to=\"team\" link=\"https://loop.acme.example\"",
        server.channel("team", "tls \"none\"")
    );
    let place = place(&notify);
    run(&place, &server, &format!("run {FIRST}")).exit(4);
    let letters = server.letters();
    assert_eq!(letters.len(), 1, "several things, one letter");
    assert!(header(&letters[0], "subject").contains("first-loop: 3 pieces wait"), "{letters:?}");
    assert_eq!(header(&letters[0], "auto-submitted"), "auto-generated");
    assert!(letters[0].contains("https://loop.acme.example"), "{letters:?}");
    run(&place, &server, &format!("run {FIRST}")).exit(4);
    assert_eq!(server.letters().len(), 1, "nothing is told twice");
}

/// A list with a cap of two a month on each person, and one who wants no more.
fn list_of_readers(server: &MailServer, more: &str) -> Place {
    let channel = format!(
        "channel \"blog\" kind=\"smtp\" {{ server \"localhost\" port={}; tls \"none\"; from \"Acme <news@acme.example>\"; audience \"readers.csv\"; except \"no-more.txt\"; sends 2 per=\"month\" each=\"person\"; {more} }}",
        server.port
    );
    let place = Place::new();
    place.write(
        "workflows/readers.csv",
        "Name,Email\nAnn,ann@readers.example\nBob,bob@readers.example\nEve,eve@readers.example\n",
    );
    place.write("workflows/no-more.txt", "EVE@readers.example\n");
    place.edit(FIRST, BLOG, &channel);
    place.run(&format!("validate {FIRST}")).exit(0);
    place
}

/// What is told without its line breaks.
fn flat(told: &str) -> String {
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nobody_on_a_list_gets_more_letters_than_they_were_promised() {
    let Some(server) = MailServer::start(false) else { return };
    let place = list_of_readers(&server, "");
    let told = run(&place, &server, &format!("plan {FIRST}")).exit(0).told();
    assert!(told.contains("at most 2 a month to one person"), "{told}");
    // Three pieces are approved, and everybody has had two after the second.
    let ran = run(&place, &server, &format!("run {FIRST} --approve-all"));
    let letters = server.letters();
    assert_eq!(letters.len(), 2, "{}", ran.told());
    for letter in &letters {
        assert_eq!(header(letter, "x-to"), "ann@readers.example bob@readers.example");
        assert!(
            !letter.split_once("\n").expect("more lines").1.contains("readers.example"),
            "nobody sees who else gets it\n{letter}"
        );
    }
    let told = run(&place, &server, &format!("status {FIRST}")).told();
    assert!(told.contains("1 deferred, all 2 people of `blog` were already written to"), "{told}");
    assert!(flat(&told).contains("2 people were written to and get no more"), "{told}");
    // Somebody joins: the piece that waited is first in line, goes to them alone, and says whom it left out.
    place.write(
        "workflows/readers.csv",
        "Name,Email\nAnn,ann@readers.example\nBob,bob@readers.example\nDan,dan@readers.example\n",
    );
    let told = run(&place, &server, &format!("run {FIRST} --approve-all")).told();
    let letters = server.letters();
    assert_eq!(letters.len(), 4, "{told}");
    assert!(letters[2..].iter().all(|letter| header(letter, "x-to") == "dan@readers.example"), "{letters:?}");
    let left_out = "went to 1 of 3 people on `blog`; left out: 2 already written to twice on `blog` this month";
    assert!(flat(&told).contains(left_out), "{told}");
    run(&place, &server, &format!("replay {FIRST} 1")).exit(0);
    run(&place, &server, &format!("replay {FIRST} 2")).exit(0);
    run(&place, &server, &format!("store verify {FIRST}")).exit(0);
    let exported = run(&place, &server, &format!("store export {FIRST} -")).out;
    for address in ["ann@readers", "bob@readers", "dan@readers", "eve@readers"] {
        assert!(!exported.contains(address), "an address is in the store");
    }
}

#[test]
fn a_letter_in_doubt_stays_counted_and_one_that_was_refused_does_not() {
    let Some(server) = MailServer::start(false) else { return };
    let place = list_of_readers(&server, "");
    server.mood("refuse");
    run(&place, &server, &format!("run {FIRST} --approve-all"));
    let told = run(&place, &server, &format!("status {FIRST}")).told();
    assert!(flat(&told).contains("0 people were written to"), "{told}");
    server.mood("vanish");
    run(&place, &server, &format!("run {FIRST} --approve-all")).exit(4);
    let sent = server.letters().len();
    assert!((1..=2).contains(&sent), "{sent} letters are out, and nobody knows it");
    server.mood("take");
    run(&place, &server, &format!("effect confirm {FIRST} --all")).exit(0);
    run(&place, &server, &format!("run {FIRST} --approve-all"));
    run(&place, &server, &format!("run {FIRST} --approve-all"));
    assert_eq!(server.letters().len(), 2, "two a month and no more");
}
