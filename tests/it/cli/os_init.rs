//! `loopctl os init` through the real binary: by questions, from texts and pages, and never over what is there.

use super::place::{FIRST, Place, Ran, list, text};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

/// The Client OS that was written passes its own check, in a workflow that names it.
fn passes(place: &Place, folder: &str) {
    place.edit(FIRST, "client-os \"first-loop/client-os\"", &format!("client-os \"{folder}\""));
    let ran = place.run(&format!("os check {FIRST}")).exit(0);
    assert!(ran.out.contains("nothing is missing and nothing contradicts"), "{}", ran.told());
}

fn ask(place: &Place, words: &str, answers: &str) -> Ran {
    let mut command = place.command(words);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("loopctl starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("it is piped").write_all(answers.as_bytes());
    Ran::wait(child, words)
}

#[test]
fn an_interview_goes_on_where_it_was_broken_off_and_its_client_os_passes() {
    let place = Place::new();
    let words = "os init workflows/own-os --ask";
    let broken = ask(&place, words, "Acme\nWe build small boats.\n").exit(2).warns("error[cli::interview]");
    assert!(broken.out.contains("How do you sound?"), "{}", broken.told());
    assert!(place.files("workflows/own-os").keys().all(|name| name.starts_with('.')), "nothing is half written");
    let ran = ask(&place, words, "Plain \"and\" exact.\n\n\n[Book a boat](https://acme.example/book)\n-\n\n\nBoats; Harbours and quays\n40 qualified visits\n\n").exit(0);
    assert!(!ran.out.contains("called?"), "what was answered is not asked again\n{}", ran.told());
    let brand = place.read("workflows/own-os/brand.md");
    assert!(brand.starts_with("# Acme\n\n## Company\nWe build small boats.\n"), "{brand}");
    assert!(brand.contains("## Audience\n<!-- a usual beginning"), "what nobody said is marked\n{brand}");
    let pillars = place.read("workflows/own-os/pillars.kdl");
    assert!(pillars.contains("pillar \"Harbours and quays\" weight=0.50"), "{pillars}");
    assert!(
        place
            .read("workflows/own-os/strategy.kdl")
            .contains("goal \"qualified visits\" target=40 per=\"month\" metric=\"qualified\"")
    );
    assert!(!place.path("workflows/own-os/.os-init.json").exists());
    passes(&place, "own-os");
    ask(&place, words, "").fails(2, "cli::exists");
}

#[test]
fn texts_and_samples_are_read_and_what_is_guessed_says_from_where() {
    let place = Place::new();
    let brand = std::fs::read_to_string(place.path("workflows/first-loop/client-os/brand.md")).expect("bundled");
    place.write("book.txt", brand.replace("## Voice", "TONE OF VOICE:").replace("## Forbidden phrases", "We never say"));
    for (at, page) in ["README.md", "docs/tenets.md", "docs/tutorial.md", "docs/operations.md"].iter().enumerate() {
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("ours");
        place.write(&format!("posts/{at}.md"), text);
    }
    let ran = place.run("os init workflows/own-os --from book.txt --samples posts --yes --json").exit(0);
    let facts = &ran.json()["client_os"];
    let guessed = list(&facts["guessed"]);
    let of = |part: &str| guessed.iter().filter(|one| text(&one["part"]) == part).cloned().collect::<Vec<_>>();
    assert!(text(&of("voice")[0]["text"]).starts_with("Plain and exact."), "{guessed:?}");
    assert_eq!(text(&of("voice")[0]["source"]), "guessed from book.txt");
    assert!(of("forbidden").iter().any(|one| text(&one["text"]) == "best in class"), "{guessed:?}");
    assert!(text(&of("pillars")[0]["source"]).contains("times in"), "{guessed:?}");
    let written = place.read("workflows/own-os/brand.md");
    assert!(written.contains("<!-- guessed from book.txt; look at it -->\nPlain and exact."), "{written}");
    passes(&place, "own-os");
    // Every file or none.
    let before = place.files("workflows/own-os");
    place.run("os init workflows/own-os --yes").fails(2, "cli::exists");
    assert_eq!(place.files("workflows/own-os"), before);
}

#[test]
fn a_page_of_a_site_and_answers_from_a_file_will_do() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let _ = reader.read_line(&mut first);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let (status, page) = match first.contains("/about") {
                true => (
                    "200 OK",
                    "<!doctype html><html><body><h2>What we do</h2><ul><li>Boat repairs</li></ul><p><a href=\"/book\">Book a visit</a> <script>alert(1)</script></p></body></html>",
                ),
                false => ("404 Not Found", ""),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    let place = Place::new();
    place.write("answers.json", r#"{"name": "Acme", "company": "We mend boats.", "pillars": "Boats"}"#);
    let ran = place.run(&format!("os init workflows/own-os --from http://{address}/about --answers answers.json --yes")).exit(0);
    assert!(ran.out.contains("Guessed, so look at it"), "{}", ran.told());
    let brand = place.read("workflows/own-os/brand.md");
    assert!(brand.contains("- Boat repairs") && brand.contains(&format!("[Book a visit](http://{address}/book)")), "{brand}");
    assert!(brand.contains("We mend boats.") && !brand.contains("alert(1)"), "{brand}");
    passes(&place, "own-os");
    place.write("answers.json", r#"{"nmae": "Acme"}"#);
    place.run("os init other --answers answers.json --yes").fails(2, "cli::answers");
    place.write("answers.json", "{");
    place.run("os init other --answers answers.json --yes").fails(2, "cli::answers");
    place.run("os init other --from nowhere.md --yes").fails(2, "cli::no-such-file");
    place.write("broken.pdf", "%PDF-1.4 nothing");
    place.run("os init other --from broken.pdf --yes").fails(2, "cli::no-such-file");
    assert!(!place.path("other").exists(), "nothing was written");
}

#[test]
fn a_brand_book_as_pdf_is_read_without_another_program() {
    let place = Place::new();
    let book =
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/client-os/brand.pdf")).expect("ours");
    std::fs::write(place.path("brand.pdf"), &book).expect("ours");
    let mut command = place.command("os init workflows/own-os --from brand.pdf --yes");
    // No `pdftotext` and nothing else is within reach.
    let child = command.env("PATH", place.path("empty")).stdin(Stdio::null()).spawn().expect("loopctl starts");
    Ran::wait(child, "os init --from brand.pdf").exit(0);
    let brand = place.read("workflows/own-os/brand.md");
    assert!(brand.starts_with("# Brightwater Analytics\n\n## Company\n<!-- guessed from brand.pdf"), "{brand}");
    for said in ["Calm and exact.", "Practice managers of clinics", "- Reminder audits\n", "- game changer\n"] {
        assert!(brand.contains(said), "{said}: {brand}");
    }
    passes(&place, "own-os");
    // One that nobody can read says what to do.
    let locked = [book.as_slice(), b"\ntrailer<</Root 1 0 R/Encrypt 9 0 R>>\n"].concat();
    std::fs::write(place.path("locked.pdf"), locked).expect("ours");
    let mut command = place.command("os init other --from locked.pdf --yes");
    let child = command.env("PATH", place.path("empty")).stdin(Stdio::null()).spawn().expect("loopctl starts");
    let ran = Ran::wait(child, "os init --from locked.pdf").fails(2, "cli::no-such-file");
    assert!(ran.told().contains("protected with a password; copy its text into a file"), "{}", ran.told());
}
