//! `loopctl os init`: a first Client OS from what a team has written already and what it answers to a few questions.
//!
//! What is read is only ever a proposal: each question comes with a guess that Enter takes. Without a terminal the answers come from a file,
//! and the guesses stand where it says nothing. Answers are kept as they are given, so an interview that is broken off goes on where it
//! stood. Whatever was not answered by a person is marked in the files with where it comes from.

use super::review::prompt;
use crate::base::files::MemoryFiles;
use crate::builtin::common::{html, pdf};
use crate::cli::args::OsInit;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::rewrite;
use crate::client_os;
use crate::client_os::guess::{Guess, Guessed, Material, Use, guess, one_line};
use crate::report::style::{CODE, DIM, GOOD, TITLE, WAIT, count, fit, paint};
use crate::step::{Fetch, Fetched, Reply, Target};
use crate::world::http::Reader;
use crate::world::polite::Hosts;
use crate::world::web::Web;
use crate::world::{SystemClock, WebSettings};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text that is longer is no brand text: 4 MiB.
const LONGEST: u64 = 4 << 20;
/// So many posts say how somebody sounds.
const SAMPLES_MOST: usize = 50;
/// Answers of an interview that was broken off; hidden, so that no step reads it.
const KEPT: &str = ".os-init.json";

/// One question, in the order in which they are asked.
struct Question {
    key: &'static str,
    asks: &'static str,
    /// The section it fills, when it is one.
    part: Option<&'static str>,
    /// Several answers with `;` between them.
    list: bool,
    /// What stands there when nobody says anything.
    default: &'static str,
}

const QUESTIONS: &[Question] = &[
    Question { key: "name", asks: "What is the company called?", part: None, list: false, default: "Our company" },
    Question {
        key: "company",
        asks: "What does it do, in two sentences?",
        part: Some("Company"),
        list: false,
        default: "We have not written down yet what we do.",
    },
    Question {
        key: "voice",
        asks: "How do you sound?",
        part: Some("Voice"),
        list: false,
        default: "Plain and exact. Short sentences. Numbers come with their source.",
    },
    Question {
        key: "audience",
        asks: "Who do you write for?",
        part: Some("Audience"),
        list: false,
        default: "People who have the problem that we solve, and little time.",
    },
    Question {
        key: "services",
        asks: "What do you offer? (several with ;)",
        part: Some("Services"),
        list: true,
        default: "A conversation about what you need",
    },
    Question {
        key: "ctas",
        asks: "What shall readers do next? (a link: [words](https://…))",
        part: Some("Calls to action"),
        list: true,
        default: "Write to us and tell us what you are working on",
    },
    Question {
        key: "forbidden",
        asks: "Which phrases do you never use? (several with ;)",
        part: Some("Forbidden phrases"),
        list: true,
        default: "game changer; in today's fast-paced world; unlock the power",
    },
    Question {
        key: "samples",
        asks: "A paragraph that sounds like you?",
        part: Some("Approved samples"),
        list: true,
        default: "We tried it ourselves first. It took an afternoon, and here is what we found.",
    },
    Question {
        key: "pages",
        asks: "Your own pages to link to? (several with ;)",
        part: Some("Pages"),
        list: true,
        default: "[Home](https://example.com/)",
    },
    Question {
        key: "pillars",
        asks: "Which territories do you want to be known for? (several with ;)",
        part: None,
        list: true,
        default: "Operations; Cost",
    },
    Question {
        key: "goal",
        asks: "One goal in numbers, a month? (120 qualified visits)",
        part: None,
        list: false,
        default: "12 published posts",
    },
    Question {
        key: "decision",
        asks: "What is settled for good? (We do not rank competitors)",
        part: None,
        list: false,
        default: "Every number has its source",
    },
];

/// An answer, and where it comes from; `None` when a person gave it.
type Answers = BTreeMap<&'static str, Vec<(String, Option<String>)>>;

pub fn run(args: &OsInit, output: &Output) -> Result<Exit, Failure> {
    let folder = &args.folder;
    for name in ["brand.md", "decisions.md", "pillars.kdl", "strategy.kdl", "styles/blog.md"] {
        if folder.join(name).exists() {
            return Err(Failure::new("cli::exists", format!("`{}` is already there", folder.join(name).display()))
                .help("nothing is overwritten: name another folder, or edit the files and run `loopctl os check`"));
        }
    }
    let (materials, troubles) = read_all(args)?;
    for trouble in &troubles {
        output.progress(&format!("{} {trouble}", paint(WAIT, "not read:")));
    }
    let guess = guess(&materials);
    let asks = !args.yes && !output.json && (args.ask || std::io::stdin().is_terminal());
    let kept = folder.join(KEPT);
    let mut given = told(args, &kept)?;
    if asks {
        interview(&guess, &mut given, &kept, output)?;
    }
    let answers = settle(&guess, &given);
    let files = files(&answers);
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(|error| {
            Failure::new("cli::cannot-write", format!("cannot make `{}`: {error}", folder.display()))
                .help("choose a folder you may write to")
        })?;
        rewrite::create(&path, text)?;
    }
    // Only what an interrupted interview needs.
    let _ = std::fs::remove_file(&kept);
    say(args, &answers, &files, output)
}

fn say(args: &OsInit, answers: &Answers, files: &[(&str, String)], output: &Output) -> Result<Exit, Failure> {
    let folder = args.folder.display();
    let written = files.iter().map(|(name, text)| (format!("client-os/{name}"), Arc::from(text.as_str())));
    let (snapshot, findings) = client_os::read(&MemoryFiles(written.collect()), "client-os");
    let findings: Vec<_> = findings.into_iter().chain(client_os::check(&snapshot)).collect();
    let guessed: Vec<_> = answers
        .iter()
        .flat_map(|(key, all)| all.iter().filter_map(move |(text, source)| Some((key, text, source.as_ref()?))))
        .collect();
    let facts = json!({
        "folder": folder.to_string(),
        "files": files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "guessed": guessed.iter().map(|(key, text, source)| json!({"part": key, "text": text, "source": source})).collect::<Vec<_>>(),
        "findings": findings,
    });
    output.either("client_os", &facts, || {
        let mut text = format!("{} Wrote {} to `{folder}`.\n", paint(GOOD, "✓"), count(files.len(), "file"));
        if !guessed.is_empty() {
            text.push_str(&format!("\n{}\n", paint(TITLE, "Guessed, so look at it")));
        }
        for (key, said, source) in &guessed {
            text.push_str(&format!(
                "  {} {key}: {}\n",
                paint(WAIT, "?"),
                fit(said, output.width().saturating_sub(key.len() + 6))
            ));
            text.push_str(&format!("      {}\n", paint(DIM, fit(source, output.width().saturating_sub(6)))));
        }
        for finding in &findings {
            text.push_str(&format!("  {} {}:{}: {}\n", paint(WAIT, "!"), finding.path, finding.line, finding.message));
        }
        text.push_str(&format!(
            "\nName it in the workflow: {}, then {}",
            paint(CODE, format!("client-os \"{folder}\"")),
            paint(CODE, format!("loopctl os check {folder}"))
        ));
        text
    });
    Ok(if findings.iter().any(client_os::Finding::is_error) { Exit::Findings } else { Exit::Ok })
}

/// What is known before anybody is asked: of an interview that was broken off, and of the file with answers, which counts more.
fn told(args: &OsInit, kept: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let read = |path: &Path| -> Result<BTreeMap<String, String>, Failure> {
        let wrong = |error: String| {
            Failure::new("cli::answers", format!("cannot read the answers in `{}`: {error}", path.display()))
                .help("it is JSON: {\"name\": \"Acme\", \"voice\": \"Plain.\", \"pillars\": \"Cost; Operations\"}")
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    };
    let mut given = if kept.exists() { read(kept)? } else { BTreeMap::new() };
    if let Some(path) = &args.answers {
        given.extend(read(path)?);
    }
    if let Some(unknown) = given.keys().find(|key| QUESTIONS.iter().all(|question| question.key != key.as_str())) {
        let keys: Vec<&str> = QUESTIONS.iter().map(|question| question.key).collect();
        return Err(Failure::new("cli::answers", format!("no question is called `{unknown}`"))
            .help(format!("they are {}", keys.join(", "))));
    }
    Ok(given)
}

fn interview(guess: &Guess, given: &mut BTreeMap<String, String>, kept: &Path, output: &Output) -> Result<(), Failure> {
    output.text("Enter takes what stands in brackets; `-` leaves it to the guess. Ctrl-D stops; the next start goes on here.");
    for question in QUESTIONS {
        if given.contains_key(question.key) {
            continue;
        }
        let (offer, _) = offered(question, guess).into_iter().unzip::<String, Option<String>, Vec<_>, Vec<_>>();
        let offer = fit(&offer.join("; "), output.width().saturating_sub(4));
        let Some(answer) = prompt(&format!("{}\n  [{offer}]\n ", question.asks)) else {
            return Err(Failure::new("cli::interview", "the interview was broken off, and what was answered is kept")
                .help("run the same command again to go on, or with `--yes` to take the guesses for the rest"));
        };
        if !answer.is_empty() && answer != "-" {
            given.insert(question.key.to_owned(), answer);
            let text = serde_json::to_string_pretty(given).expect("texts are JSON");
            let written =
                std::fs::create_dir_all(kept.parent().unwrap_or(Path::new("."))).and_then(|()| std::fs::write(kept, text));
            written.map_err(|error| {
                Failure::new("cli::cannot-write", format!("cannot keep the answers in `{}`: {error}", kept.display()))
                    .help("choose a folder you may write to")
            })?;
        }
    }
    Ok(())
}

/// What is guessed for a question, with its source; never nothing.
fn offered(question: &Question, guess: &Guess) -> Vec<(String, Option<String>)> {
    let with_source = |guessed: &Guessed| (guessed.text.clone(), Some(format!("guessed from {}", guessed.source)));
    let found: Vec<_> = match (question.part, question.key) {
        (Some(part), _) => guess.parts.get(part).into_iter().flatten().map(with_source).collect(),
        (None, "name") => guess.name.iter().map(with_source).collect(),
        (None, "pillars") => guess.topics.iter().map(with_source).collect(),
        _ => Vec::new(),
    };
    if !found.is_empty() {
        return found;
    }
    let source = Some("a usual beginning: nothing was said about it".to_owned());
    let parts: Vec<&str> = if question.list { question.default.split(';').collect() } else { vec![question.default] };
    parts.into_iter().map(|part| (part.trim().to_owned(), source.clone())).collect()
}

fn settle(guess: &Guess, given: &BTreeMap<String, String>) -> Answers {
    let one = |question: &'static Question| {
        let answer = given.get(question.key).map(|answer| answer.trim()).filter(|answer| !answer.is_empty());
        let all = match answer {
            Some(answer) if question.list => {
                answer.split(';').map(|part| (one_line(part), None)).filter(|(part, _)| !part.is_empty()).collect()
            }
            Some(answer) => vec![(one_line(answer), None)],
            None => offered(question, guess),
        };
        (question.key, all)
    };
    QUESTIONS.iter().map(one).collect()
}

/// The files of the folder.
fn files(answers: &Answers) -> Vec<(&'static str, String)> {
    let first = |key: &str| answers.get(key).and_then(|all| all.first()).map_or("", |(text, _)| text.as_str());
    let mark = |source: &Option<String>| {
        source.as_ref().map_or_else(String::new, |source| format!("<!-- {}; look at it -->\n", one_line(source)))
    };
    let mut brand = format!("# {}\n", first("name"));
    for question in QUESTIONS {
        let Some(part) = question.part else { continue };
        brand.push_str(&format!("\n## {part}\n"));
        for (text, source) in answers.get(question.key).into_iter().flatten() {
            brand.push_str(&mark(source));
            brand.push_str(&if question.list { format!("- {text}\n") } else { format!("{text}\n") });
        }
    }
    let note = |source: &Option<String>| {
        source.as_ref().map_or_else(String::new, |source| format!("// {}; look at it\n", one_line(source)))
    };
    let pillars = answers.get("pillars").map(Vec::as_slice).unwrap_or_default();
    // Whole hundredths that sum to 1.
    let (each, over) = (100 / pillars.len().max(1), 100 % pillars.len().max(1));
    let mut territories =
        "// The territories we want to be known for. Weights sum to 1; lock one with locked=#true.\n".to_owned();
    for (at, (name, source)) in pillars.iter().enumerate() {
        let weight = each + usize::from(at < over);
        let mut topics: Vec<String> = name.split_whitespace().map(|word| quoted(&word.to_lowercase())).collect();
        topics.dedup();
        territories.push_str(&format!(
            "{}pillar {} weight={} {{\n    about {}\n    topics {}\n}}\n",
            note(source),
            quoted(&capital(name)),
            if weight == 100 { "1.0".to_owned() } else { format!("0.{weight:02}") },
            quoted(&format!("What our readers ask about {}.", name.to_lowercase())),
            topics.join(" ")
        ));
    }
    let (goal, source) = answers.get("goal").and_then(|all| all.first()).cloned().unwrap_or_default();
    let number: String = goal.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let name = one_line(&goal.replacen(&number, "", 1));
    let name = if name.is_empty() { "published posts".to_owned() } else { name };
    let metric = if name.to_lowercase().contains("qualif") { "qualified" } else { "published" };
    let strategy = format!(
        "// Goals in numbers. A goal names the metric that counts towards it.\n{}goal {} target={} per=\"month\" metric=\"{metric}\"\n",
        note(&source),
        quoted(&name),
        number.trim_start_matches('0').parse::<u32>().ok().filter(|target| *target > 0).unwrap_or(12)
    );
    let (decision, source) = answers.get("decision").and_then(|all| all.first()).cloned().unwrap_or_default();
    let decisions = format!("# Locked decisions\n\n## {}\n{}{decision}.\n", decision.trim_end_matches('.'), mark(&source))
        .replace("..\n", ".\n");
    let blog = "# Blog\n\n<!-- a usual beginning; look at it -->\nOne idea a post, 300 to 900 words. The first paragraph says what happened and when. Headings are in\n\
                sentence case. Every number has its source. The last section says what to do next, in one or two steps.\n";
    vec![
        ("brand.md", brand),
        ("decisions.md", decisions),
        ("pillars.kdl", territories),
        ("strategy.kdl", strategy),
        ("styles/blog.md", blog.to_owned()),
    ]
}

/// A KDL string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Reads everything that was named. What cannot be read stops nothing and is told; naming nothing that can be read does.
fn read_all(args: &OsInit) -> Result<(Vec<Material>, Vec<String>), Failure> {
    let (mut materials, mut troubles) = (Vec::new(), Vec::new());
    for from in &args.from {
        match read(from, Use::Brand) {
            Ok(material) => materials.push(material),
            Err(trouble) => troubles.push(trouble),
        }
    }
    if let Some(folder) = &args.samples {
        let listed = std::fs::read_dir(folder).map_err(|error| {
            Failure::new("cli::no-such-file", format!("cannot look into `{}`: {error}", folder.display())).help("check the path")
        })?;
        let mut paths: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        paths.sort();
        for path in paths.iter().take(SAMPLES_MOST) {
            match read(&path.to_string_lossy(), Use::Sample) {
                Ok(material) => materials.push(material),
                Err(trouble) => troubles.push(trouble),
            }
        }
    }
    match troubles.first() {
        Some(first) if materials.is_empty() => Err(Failure::new("cli::no-such-file", first.clone())
            .help("name a Markdown, text, HTML or PDF file, or a page's address; without `--from` only questions are asked")),
        _ => Ok((materials, troubles)),
    }
}

fn read(from: &str, used: Use) -> Result<Material, String> {
    if from.starts_with("https://") || from.starts_with("http://") {
        let page = page(from)?;
        return Ok(of_html(from, &page, used));
    }
    let path = Path::new(from);
    let size = std::fs::metadata(path).map_err(|error| format!("cannot read `{from}`: {error}"))?.len();
    if size > LONGEST {
        return Err(format!("`{from}` is larger than 4 MiB"));
    }
    let ending = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read `{from}`: {error}"))?;
    if ending == "pdf" || bytes.starts_with(b"%PDF-") {
        return of_pdf(from, &bytes, used);
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("`{from}` is not text in UTF-8"))?;
    if matches!(ending.as_str(), "html" | "htm") || html::looks_like(&text) {
        return Ok(of_html(from, &text, used));
    }
    Ok(Material { source: from.to_owned(), text: text.replace("\r\n", "\n"), title: None, used })
}

/// The text of a PDF. What we cannot read ourselves, `pdftotext` may where it is installed.
fn of_pdf(from: &str, bytes: &[u8], used: Use) -> Result<Material, String> {
    let text = pdf::text(bytes).or_else(|trouble| {
        let ran = std::process::Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(from).arg("-").output();
        match ran {
            Ok(ran) if ran.status.success() && !ran.stdout.trim_ascii().is_empty() => {
                Ok(String::from_utf8_lossy(&ran.stdout).replace('\u{c}', "\n\n"))
            }
            Ok(_) => Err(format!("`{from}`: {trouble}; `pdftotext` finds none either, so copy its text into a file and name that")),
            Err(_) => Err(format!(
                "`{from}`: {trouble}; copy its text into a file and name that, or install `pdftotext` (of poppler-utils), which is asked next"
            )),
        }
    })?;
    let points = |line: &str| match line.trim_start().strip_prefix(['•', '▪', '‣', '◦', '–']) {
        Some(item) if !item.trim().is_empty() => format!("- {}", item.trim()),
        _ => line.to_owned(),
    };
    let text = text.lines().map(points).collect::<Vec<_>>().join("\n");
    Ok(Material { source: from.to_owned(), text, title: None, used })
}

/// What a reader sees of a page, and its links as Markdown.
fn of_html(from: &str, page: &str, used: Use) -> Material {
    let mut text = html::lines(page, None).replace('\n', "\n\n");
    for link in html_links(page, from) {
        text.push_str(&format!("\n\n{link}"));
    }
    Material { source: from.to_owned(), text, title: html::title(page), used }
}

fn html_links(page: &str, base: &str) -> Vec<String> {
    let parsed = scraper::Html::parse_document(page);
    let anchors = scraper::Selector::parse("a[href]").expect("a valid selector");
    let one = |anchor: scraper::ElementRef<'_>| {
        let words = one_line(&anchor.text().collect::<Vec<_>>().join(" ")).replace(['[', ']'], "");
        let url = crate::builtin::common::links::resolve(base, anchor.value().attr("href")?);
        (!words.is_empty() && url.starts_with("http") && !url.contains([')', ' '])).then(|| format!("[{words}]({url})"))
    };
    parsed.select(&anchors).filter_map(one).take(200).collect()
}

/// A page of the web, read as politely as a source's.
fn page(url: &str) -> Result<String, String> {
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let reader = Reader::new(Arc::new(Web::new(WebSettings::default(), Arc::new(SystemClock))), Hosts::of_process());
    let fetch = Fetch { max_bytes: LONGEST, ..Fetch::new(Target::Url(url.to_owned())) };
    match reactor.block_on(reader.fetch(url, &fetch)) {
        Reply::Fetched(Fetched::Content { body, .. }) => Ok(String::from_utf8_lossy(body.bytes()).into_owned()),
        Reply::Failed(failure) => Err(format!("`{url}`: {}", failure.message)),
        _ => Err(format!("`{url}` is no page")),
    }
}
