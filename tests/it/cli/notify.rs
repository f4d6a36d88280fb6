//! `notify` through the real binary: people are told once, in one message, over a channel of the workflow.

use super::place::{FIRST, Place, Ran};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A chat that keeps what is written into it; while it is away it hangs up.
struct ChatServer {
    url: String,
    away: Arc<Mutex<bool>>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl ChatServer {
    fn open() -> ChatServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/services/T0/secret", listener.local_addr().expect("it listens"));
        let (away, messages) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_away, kept) = (away.clone(), messages.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("content-length")
                    {
                        length = value.trim().parse().unwrap_or(0);
                    }
                }
                let mut body = vec![0; length];
                let whole = reader.read_exact(&mut body).is_ok();
                let away = *is_away.lock().unwrap();
                let answer: &[u8] = match away {
                    true => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                    false => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                };
                if whole && !away {
                    kept.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
                }
                let _ = stream.write_all(answer);
            }
        });
        ChatServer { url, away, messages }
    }

    fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }
}

fn place() -> Place {
    let place = Place::new();
    let notify = r#"channel "team" kind="slack" { url (env)"CHAT_URL" }
    notify "gate-opened" "cycle-failed" to="team" link="https://loop.example.com"
    provider "drafter" kind="template""#;
    place.edit(FIRST, r#"provider "drafter" kind="template""#, notify);
    place.run(&format!("validate {FIRST}")).exit(0);
    place
}

fn run(place: &Place, chat: &ChatServer, words: &str) -> Ran {
    let ran = Ran::of(place.command(words).env("CHAT_URL", &chat.url));
    assert!(!ran.out.contains("secret") && !ran.err.contains("secret"), "the address is a secret\n{}", ran.told());
    ran
}

#[test]
fn people_are_told_once_what_waits_for_them() {
    let (place, chat) = (place(), ChatServer::open());
    run(&place, &chat, &format!("run {FIRST}")).exit(4);
    let messages = chat.messages();
    assert_eq!(messages.len(), 1, "several things, one message: {messages:?}");
    let waiting = place.waiting(FIRST);
    for gate in &waiting {
        let title = gate["approve"]["title"].as_str().unwrap().replace('&', "&amp;");
        assert!(messages[0].contains(&title), "{title} in {messages:?}");
    }
    assert!(messages[0].contains("Decide at https://loop.example.com"), "{messages:?}");
    run(&place, &chat, &format!("run {FIRST}")).exit(4);
    assert_eq!(chat.messages().len(), 1, "nothing is told twice");
}

#[test]
fn a_message_that_did_not_arrive_fails_nothing_and_is_told_later() {
    let (place, chat) = (place(), ChatServer::open());
    *chat.away.lock().unwrap() = true;
    run(&place, &chat, &format!("run {FIRST}")).exit(4).warns("nobody was told over `team`");
    *chat.away.lock().unwrap() = false;
    run(&place, &chat, &format!("run {FIRST}")).exit(4);
    assert_eq!(chat.messages().len(), 1);
    place.edit(FIRST, "to=\"team\"", "to=\"teem\"");
    place.run(&format!("validate {FIRST}")).exit(3).warns("did you mean `team`?");
}
