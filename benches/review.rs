//! What the review page costs with 1,000 pieces waiting: the queue as a person opens it, also right after a decision, beside a server
//! in this process that answers with the same bytes from memory. The clock says what a person waits for, the processor what the
//! page costs; on a busy machine only the second travels.
//!
//! `cargo bench --bench review`

mod common;

use common::{copy_tree, folder, heading, line, median, seconds};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PIECES: usize = 1_000;
const ROUNDS: usize = 60;
const DECISIONS: usize = 25;

const WORKFLOW: &str = r#"workflow "big" {
    client-os "first-loop/client-os"
    every "1d"
    recorded from="2024-07-01 06:00"
    without "conversion" "distribution" "learning"
    provider "composer" kind="template"
    intelligence {
        source "press" kind="csv" {
            path "rows.csv"
            give "signal"
            shape { date "date"; column "topic" as="topic"; column "url" as="url"; column "note" as="summary" }
        }
    }
    strategy { score "topics" { from "press"; rule "fit" weight=1.0 { value "1.0" }; keep 1000 } }
    production {
        brief "briefs" { from "topics" }
        outline "outlines" { from "briefs"; provider "composer" }
        gate "review" { from "outlines"; by "editor" }
        draft "drafts" { from "review"; provider "composer" }
    }
}
"#;

/// One table row for each piece, all different.
fn rows() -> String {
    const WORDS: [&str; 10] =
        ["hosting", "latency", "replica", "backup", "deploy", "storage", "queue", "alert", "budget", "volume"];
    let row = |n: usize| {
        let (a, b) = (WORDS[n % 10], WORDS[n / 10 % 10]);
        format!("2024-06-{:02},{a} {b} no {n},Teams spent {n} % more on {a} than on {b}.,https://example.com/{n}\n", 1 + n % 29)
    };
    format!("date,topic,note,url\n{}", (0..PIECES).map(row).collect::<String>())
}

/// One request on a connection of its own: status and body.
fn ask(address: SocketAddr, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("{head}\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

/// Answers everything with the same bytes.
fn from_memory(body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = reader.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
    });
    address
}

/// Seconds of processor time that a process has had.
fn processor(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    // A hundred a second on every Linux that we know.
    ticks as f64 / 100.0
}

struct Service {
    child: Child,
    address: SocketAddr,
    token: String,
    cookie: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(home: &Path) -> Service {
        let tokens = home.join("tokens");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopctl"));
        command.current_dir(home).args(["serve", "big.kdl", "--listen", "127.0.0.1:0", "--token-file"]).arg(&tokens);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        // Both streams are read, so that it never waits for us; one of them says where it listens.
        let (send, told) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for stream in streams {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let Some((_, rest)) = line.split_once("http://") {
                        let _ = send.send(rest.split([';', ' ', '/']).next().unwrap_or_default().to_owned());
                    }
                }
            });
        }
        let address: SocketAddr = told.recv().expect("it says where it listens").parse().expect("an address");
        let text = std::fs::read_to_string(&tokens).expect("made on the first start");
        let token = text.split_whitespace().find(|word| word.starts_with("loopctl_")).expect("a token").to_owned();
        let form = format!("token={token}&name=Ann");
        let head = format!("POST /login HTTP/1.1\r\norigin: http://{address}\r\ncontent-type: application/x-www-form-urlencoded");
        let (status, head, _) = ask(address, &head, &form);
        assert_eq!(status, 303, "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).and_then(|cookie| cookie.split(';').next());
        Service { child, address, token, cookie: cookie.expect("a session").to_owned() }
    }

    fn queue(&self) -> String {
        let (status, _, body) = ask(self.address, &format!("GET /queue HTTP/1.1\r\ncookie: {}", self.cookie), "");
        assert_eq!(status, 200);
        body
    }

    fn api(&self, head: &str, body: &str) -> serde_json::Value {
        let (token, json) = (&self.token, "content-type: application/json");
        let (status, _, body) = ask(self.address, &format!("{head} HTTP/1.1\r\nauthorization: Bearer {token}\r\n{json}"), body);
        assert_eq!(status, 200, "{body}");
        // Sent in one piece or in chunks.
        let (from, to) = (body.find('{').expect("JSON"), body.rfind('}').expect("JSON"));
        serde_json::from_str(&body[from..=to].replace("\r\n", "")).unwrap_or_else(|error| panic!("{error}: {}", &body[..80]))
    }
}

fn main() {
    let place = folder();
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows"), place.path());
    std::fs::write(place.path().join("big.kdl"), WORKFLOW).expect("writable");
    std::fs::write(place.path().join("rows.csv"), rows()).expect("writable");
    let ran = Command::new(env!("CARGO_BIN_EXE_loopctl")).current_dir(place.path()).args(["run", "big.kdl"]).output();
    assert_eq!(ran.expect("it starts").status.code(), Some(4), "1,000 outlines wait for a person");
    let service = Service::start(place.path());
    let page = service.queue();
    assert!(
        page.contains(&format!("{} pieces to decide", "1,000")) || page.contains("1000 pieces to decide"),
        "{}",
        &page[..600]
    );
    let floor = from_memory(page.clone());
    let plain = || median((0..ROUNDS).map(|_| seconds(|| ask(floor, "GET / HTTP/1.1", "")).0));

    heading("The queue with 1,000 open pieces (limit 50 ms of server time)");
    let before = processor(&service.child);
    let ours = median((0..ROUNDS).map(|_| seconds(|| service.queue()).0));
    let spent = (processor(&service.child) - before) / ROUNDS as f64;
    let least = plain();
    let beside = format!("{:.1} × the same {} bytes from memory, {:.3} ms", ours / least, page.len(), least * 1e3);
    line("as it stands: a person waits", ours * 1e3, "ms", &beside);
    line("as it stands: the processor", spent * 1e3, "ms", "");

    let waiting = service.api("GET /v1/queue", "");
    let waiting = waiting["queue"].as_array().expect("a list");
    assert_eq!(waiting.len(), PIECES);
    let (mut deciding, mut after) = (Vec::new(), Vec::new());
    let (mut for_deciding, mut for_pages) = (0.0, 0.0);
    for piece in &waiting[..DECISIONS] {
        let order =
            serde_json::json!({"item": piece["id"], "pins": piece["pins"], "verdict": "approve", "by": "ann"}).to_string();
        let start = processor(&service.child);
        deciding.push(seconds(|| service.api("POST /v1/decisions", &order)).0);
        let middle = processor(&service.child);
        after.push(seconds(|| service.queue()).0);
        for_deciding += middle - start;
        for_pages += processor(&service.child) - middle;
    }
    let after = median(after);
    let beside = format!("{:.1} × the same bytes from memory", after / least);
    line("right after a decision: a person waits", after * 1e3, "ms", &beside);
    line("right after a decision: the processor", for_pages / DECISIONS as f64 * 1e3, "ms", "");
    line("the decision itself: a person waits", median(deciding) * 1e3, "ms", "");
    line(
        "the decision itself: the processor",
        for_deciding / DECISIONS as f64 * 1e3,
        "ms",
        "with the draft that follows from it",
    );
}
