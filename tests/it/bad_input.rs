//! Bad input through the real binary: a diagnostic that names the place and the next step, what was done is kept, nothing panics.
//!
//! `Ran` looks for a panic in whatever any command says, so each test here proves that as well.

use crate::cli::place::{FIRST, Place, Ran, Stage, list, text};
use loopctl::base::Rng;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};

const DEMAND: &str = "workflows/first-loop/data/demand.csv";
const FEEDS: &str = "workflows/first-loop/data/feeds";
const STATE: &str = "workflows/.loopctl";

/// Lets the press source read an address as well as its folder.
fn with_address(place: &Place, address: &str) {
    place.edit(FIRST, "source \"press\" kind=\"feed\" {", &format!("source \"press\" kind=\"feed\" {{ url \"{address}\"; "));
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    format!("http://{}/feed.xml", listener.local_addr().expect("it is bound"))
}

#[test]
fn sources_that_fail_are_named_and_the_others_go_on() {
    let place = Place::new();
    let address = nobody();
    with_address(&place, &address);
    // A download that broke off, between two entries and in the middle of one.
    let whole = place.read(&format!("{FEEDS}/rss_2.0_element_io.xml"));
    let between = whole.find("</item>").expect("it has items") + "</item>".len();
    place.write(&format!("{FEEDS}/half-a.xml"), &whole[..between]);
    let inside = whole.rfind("<title").expect("it has titles") + 4;
    place.write(&format!("{FEEDS}/half-b.xml"), &whole[..inside]);
    place.write(&format!("{FEEDS}/page.xml"), "<!doctype html><title>Sign in</title>");
    place.write(&format!("{FEEDS}/nothing.xml"), "");
    // Rows that are too short, without a date, and with a word for a number.
    let mut lines: Vec<String> = place.read(DEMAND).lines().map(str::to_owned).collect();
    let ones = ",1".repeat(lines[0].split(',').count() - 1);
    lines.insert(10, "2022-02,12".to_owned());
    lines.insert(20, format!("soon{ones}"));
    let mut cells: Vec<&str> = lines[30].split(',').collect();
    cells[5] = "many";
    lines[30] = cells.join(",");
    place.write(DEMAND, lines.join("\n"));

    let ran = place.run(&format!("run {FIRST}")).exit(4).says("What was missing");
    // Lines are wrapped for reading.
    let (_, missing) = ran.out.split_once("What was missing").expect("just seen");
    let missing: String = missing.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["demand.csv:11:2", "demand.csv:21:1", "`soon`", "demand.csv:31:6", "`many`"] {
        assert!(missing.contains(part), "{part}\n{}", ran.told());
    }
    let notes = list(&place.cycle(FIRST, 1)["notes"]);
    let warnings: Vec<String> = notes.iter().filter(|note| note["level"] == "warning").map(|note| note.to_string()).collect();
    for (part, why) in [
        (address.as_str(), "refused"),
        ("half-a.xml", "cut off"),
        ("half-b.xml", "cut off"),
        ("page.xml", "web page"),
        ("nothing.xml", "empty"),
    ] {
        assert!(warnings.iter().any(|note| note.contains(part) && note.contains(why)), "{part}: {why}\n{warnings:#?}");
    }
    assert_eq!(place.waiting(FIRST).len(), 3, "what could be read is worked on");
}

#[test]
fn a_file_that_is_not_there_is_told_before_anything_runs() {
    for gone in [DEMAND, "workflows/first-loop/templates/draft.hbs", "workflows/first-loop/data/rival-pricing.jsonl.gz"] {
        let place = Place::new();
        fs::remove_file(place.path(gone)).expect("it is there");
        let name = gone.rsplit('/').next().expect("a name");
        let ran = place.run(&format!("run {FIRST}")).fails(3, "cli::invalid-workflow");
        assert!(ran.err.contains(name) || ran.err.contains("client-os"), "{}", ran.told());
        assert!(ran.err.contains("first-loop.kdl:") && ran.err.contains("  help: "), "{}", ran.told());
        assert!(!place.path(STATE).exists());
    }
    let place = Place::new();
    fs::remove_dir_all(place.path("workflows/first-loop/client-os")).expect("it is there");
    place.run(&format!("run {FIRST}")).fails(3, "cli::invalid-workflow").warns("first-loop/client-os");
}

#[test]
fn a_client_os_that_lacks_a_file_is_told_while_the_loop_goes_on() {
    let place = Place::new();
    let pillars = place.read("workflows/first-loop/client-os/pillars.kdl");
    fs::remove_file(place.path("workflows/first-loop/client-os/brand.md")).expect("it is there");
    fs::remove_file(place.path("workflows/first-loop/client-os/pillars.kdl")).expect("it is there");
    place
        .run(&format!("run {FIRST}"))
        .exit(0)
        .warns("brand.md")
        .warns(&format!("loopctl os check {FIRST}"))
        .says("No topic passed `where`");
    place.run(&format!("os check {FIRST}")).exit(1).says("brand.md").says("pillars.kdl");
    place.write("workflows/first-loop/client-os/pillars.kdl", pillars);
    place.run(&format!("run {FIRST}")).exit(4).says("cycle 2");
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let place = Place::new();
    place.write(DEMAND, b"month,_total\xff\xfe\n2022-02,\x00\n");
    place.write("workflows/first-loop/data/rival-pricing.jsonl.gz", b"\x1f\x8b not gzip");
    place.write("workflows/first-loop/client-os/brand.md", b"# Brand \xff\n");
    let ran = place.run(&format!("run {FIRST}"));
    assert!([0, 1, 3, 4].contains(&ran.code), "{}", ran.told());
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("demand.csv") || said.contains("brand.md"), "{}", ran.told());
}

#[test]
fn a_publishing_place_that_is_in_the_way_is_told() {
    let place = Place::at(Stage::Parked);
    place.write("workflows/first-loop/out/blog", "a file where a folder should be");
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    let ran = place.run(&format!("run {FIRST}")).exit(1).says("first-loop/out/blog").says("did not go out");
    assert!(ran.out.contains("help: "), "{}", ran.told());
    place.run(&format!("status {FIRST}")).exit(1);
    assert_eq!(list(&place.cycle(FIRST, 1)["failures"]).len(), 3);
    assert_eq!(place.read("workflows/first-loop/out/blog"), "a file where a folder should be");
}

#[test]
fn a_model_that_is_away_fails_the_pieces_and_nothing_else() {
    let place = Place::new();
    let base = nobody().replace("/feed.xml", "/v1");
    let model = format!("provider \"drafter\" kind=\"openai-chat\" {{ base-url \"{base}\"; model \"small\" }}");
    place.edit(FIRST, "    provider \"drafter\" kind=\"template\"\n", &format!("    {model}\n"));
    let ran = place.run(&format!("run {FIRST}")).exit(1).says("outlines").says("refused");
    assert!(ran.out.contains("2 Strategy") && ran.out.contains("What to write, and why"), "{}", ran.told());
    assert!(!list(&place.cycle(FIRST, 1)["failures"]).is_empty());
}

#[test]
fn an_open_cycle_goes_on_with_the_files_it_began_with() {
    let place = Place::at(Stage::Parked);
    // A valid change counts from the next cycle.
    place.edit(FIRST, "cap 3 per=\"week\"", "cap 1 per=\"week\"");
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, place.read(template) + "\nWritten in another time.\n");
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0).warns("goes on with the files as they were");
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 3);
    assert!(pieces.values().all(|piece| !piece.contains("another time")), "the open cycle is pinned to its template");
    let next = place.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert!(next.out.contains("cap 1 per week"), "{}", next.told());
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 4);
    assert_eq!(pieces.values().filter(|piece| piece.contains("another time")).count(), 1);
}

#[test]
fn a_file_that_is_broken_while_a_cycle_is_open_stops_only_the_next_one() {
    let place = Place::at(Stage::Parked);
    let whole = place.read(FIRST);
    place.write(FIRST, &whole[..whole.len() / 2]);
    // People can still decide, and what they decided is carried out.
    let id = text(&place.waiting(FIRST)[0]["id"]);
    place.run(&format!("gate show {FIRST} {id}")).exit(0);
    place.run(&format!("gate approve {FIRST} --all")).exit(0).warns("error[").warns("goes on with the files as they were");
    place.run(&format!("run {FIRST} --cycles 3")).exit(0).warns("error[").says("The cycle is complete.");
    assert_eq!(place.files("workflows/first-loop/out").len(), 3);
    // Nothing is open now, so the mistake has to be mended first.
    place.run(&format!("run {FIRST}")).fails(3, "cli::invalid-workflow");
    place.write(FIRST, whole);
    place.run(&format!("run {FIRST}")).exit(4).says("cycle 2");
}

/// A server that takes a connection and never answers, with a run that waits for it.
struct Stuck {
    listener: TcpListener,
    child: Child,
    _connection: TcpStream,
}

fn stuck(place: &Place) -> Stuck {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    if !place.read(FIRST).contains("url \"http://") {
        with_address(place, &format!("http://{}/feed.xml", listener.local_addr().expect("it is bound")));
    }
    let child = place.command(&format!("run {FIRST}")).spawn().expect("loopctl starts");
    let (connection, _) = listener.accept().expect("the run asks");
    Stuck { listener, child, _connection: connection }
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").arg(signal).arg(child.id().to_string()).status().expect("`kill` is everywhere");
    assert!(status.success());
}

#[test]
fn a_state_in_use_is_refused_and_a_run_can_be_interrupted_and_taken_up() {
    let place = Place::new();
    let stuck = stuck(&place);
    for command in ["status", "run", "gate list", "plan"] {
        let ran = place.run(&format!("{command} {FIRST}")).fails(2, "store::locked");
        assert!(ran.err.contains(&stuck.child.id().to_string()) && ran.err.contains("loopctl run"), "{}", ran.told());
    }
    // Once to stop after what runs, twice to stop now.
    send("-INT", &stuck.child);
    send("-INT", &stuck.child);
    let mut signals = 2;
    let mut child = stuck.child;
    // Two signals in a moment may be heard as one; asking again is what a person does.
    while child.try_wait().expect("it is our child").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(100));
        signals += 1;
        if signals % 5 == 0 && child.try_wait().expect("it is our child").is_none() {
            send("-INT", &child);
        }
    }
    drop(stuck.listener);
    let ran = Ran::wait(child, "run").exit(130).warns("Stopping");
    assert!(ran.out.contains("The cycle is not finished.") && ran.out.contains("loopctl run"), "{}", ran.told());

    let status = place.cycle(FIRST, 1);
    assert_eq!(status["state"], "open");
    place.run(&format!("run {FIRST} --approve-all")).exit(0).says("The cycle is complete.");
    assert_eq!(place.files("workflows/first-loop/out").len(), 3);
}

#[test]
fn a_run_that_is_killed_is_taken_up_and_publishes_once() {
    let place = Place::new();
    let mut stuck = stuck(&place);
    stuck.child.kill().expect("it is our child");
    stuck.child.wait().expect("it is our child");
    drop(stuck);
    place.run(&format!("run {FIRST}")).exit(4).says("refused");
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 3);
    place.run(&format!("run {FIRST}")).exit(4).says("cycle 2");
    assert_eq!(place.files("workflows/first-loop/out"), pieces);
}

#[test]
fn a_damaged_store_is_refused_or_whole_but_never_silently_shorter() {
    let whole = Place::at(Stage::Closed);
    let expected = whole.run(&format!("status {FIRST} --json")).exit(0).out;
    let mut rng = Rng::new(20_241_122);
    let mut refused = 0;
    for trial in 0..14 {
        let place = Place::at(Stage::Closed);
        let path = place.path(STATE).join("store-1/redb");
        let mut bytes = fs::read(&path).expect("the store is there");
        // Where something is written; the rest of the file is empty.
        let used = bytes.iter().rposition(|byte| *byte != 0).expect("something is written") + 1;
        let at = rng.below(used as u64) as usize;
        let what = match trial % 3 {
            0 => {
                bytes[at] ^= 1 << (trial % 8);
                format!("bit {} of byte {at} of {used} flipped", trial % 8)
            }
            1 => {
                bytes.truncate(at);
                format!("cut at {at} of {used}")
            }
            _ => {
                let end = (at + 512).min(used);
                bytes[at..end].fill(0xa5);
                format!("{at}..{end} of {used} overwritten")
            }
        };
        fs::write(&path, bytes).expect("the folder is ours");
        let ran = place.run(&format!("status {FIRST} --json"));
        if ran.code == 0 {
            assert_eq!(ran.out, expected, "{what}");
            continue;
        }
        refused += 1;
        assert_eq!(ran.code, 2, "{what}\n{}", ran.told());
        let error = ran.json()["error"].clone();
        let code = text(&error["code"]);
        assert!(matches!(code.as_str(), "store::damaged" | "store::shortened"), "{what}\n{}", ran.told());
        assert!(error["help"].is_string(), "{what}\n{}", ran.told());
        // A refused store is left as it is found, and refused again.
        place.run(&format!("run {FIRST}")).fails(2, &code);
    }
    assert!(refused > 3, "{refused} of 14 were noticed");
}

#[test]
fn what_is_no_state_is_not_taken_for_one() {
    let place = Place::at(Stage::Closed);
    place.write(&format!("{STATE}/HEAD"), "This is a letter, not a head.\n");
    place.run(&format!("status {FIRST}")).fails(2, "store::damaged");

    let place = Place::at(Stage::Closed);
    fs::remove_dir_all(place.path(STATE).join("store-1")).expect("it is there");
    let ran = place.run(&format!("run {FIRST}")).exit(2);
    assert!(ran.err.contains("error[store::") && ran.err.contains("help: "), "{}", ran.told());

    // Who owns it is a courtesy; garbage there locks nobody out.
    let place = Place::at(Stage::Closed);
    place.write(&format!("{STATE}/owner"), "\u{0}\u{0}garbage");
    place.run(&format!("status {FIRST}")).exit(0);

    let place = Place::new();
    place.write("taken", "a file where a folder should be");
    for command in ["run", "status"] {
        let ran = place.run(&format!("{command} {FIRST} --state taken")).exit(2);
        assert!(ran.err.contains("error[") && ran.err.contains("help: "), "{}", ran.told());
    }
    place.run(&format!("run {FIRST} --state taken")).fails(2, "store::no-folder").warns("--state");
    assert_eq!(place.read("taken"), "a file where a folder should be");
}

/// Runs a command with a limit on the size of files, which a write meets as it would meet a full disk. Blocks are 512 bytes.
fn with_small_files(place: &Place, blocks: u32, words: &str) -> Ran {
    let inner = place.command(words);
    let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"{}\" {words}", env!("CARGO_BIN_EXE_loopctl"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(place.path("")).env_clear();
    for (name, value) in inner.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    Ran::of(shell.stdin(std::process::Stdio::null()))
}

#[test]
fn a_disk_that_is_full_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    let mut met = 0;
    // From too small to begin to nearly enough: the write that fails is another one each time.
    for blocks in [8, 40, 200, 600, 1000] {
        let ran = with_small_files(&place, blocks, &format!("run {FIRST}"));
        if ran.code == 4 {
            continue;
        }
        met += 1;
        assert_eq!(ran.code, 2, "{blocks}\n{}", ran.told());
        assert!(ran.err.contains("error[store::") && ran.err.contains("help: "), "{blocks}\n{}", ran.told());
    }
    assert!(met >= 2, "the limit was met {met} times");
    // With room again the same command goes on.
    place.run(&format!("run {FIRST}")).exit(4);
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 3);
}
