//! A door between loopctl and a model server: it counts the questions, and it can break.
//!
//! What passes through is a real server's; what a server does on its worst days is played here, so that no test has to kill
//! a server that others use.

use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What the door does with the next question.
#[derive(Clone, Debug)]
pub enum Mood {
    /// Hands it to the server at this URL, which ends in `/v1`.
    Pass(String),
    /// Takes it and hangs up, as a server does that is killed while it writes.
    Break,
    /// Answers with these bytes, whatever they are.
    Raw(&'static str),
    /// Answers with this text, as 40 tokens for 100.
    Say(&'static str),
    /// The same once; from then on it breaks.
    Last(&'static str),
    /// Answers what this makes of the question's body.
    By(fn(&str) -> &'static str),
    /// Answers with a text, as so many tokens read and written.
    Costly(&'static str, u32, u32),
    /// Does what stands outside of the marks around strangers' words: says `says` when it is told to `order`, else `otherwise`.
    Obey { order: &'static str, says: &'static str, otherwise: &'static str },
}

pub struct Wire {
    /// What to write as `base-url`.
    pub url: String,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub fn open(mood: Mood) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("it listens"));
        let (mood, asked) = (Arc::new(Mutex::new(mood)), Arc::new(AtomicUsize::new(0)));
        let questions: Arc<Mutex<Vec<String>>> = Arc::default();
        let (moods, count, heard) = (mood.clone(), asked.clone(), questions.clone());
        // It ends with the test run.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (moods, count, heard) = (moods.clone(), count.clone(), heard.clone());
                std::thread::spawn(move || {
                    if let Some(question) = read(&stream) {
                        count.fetch_add(1, Ordering::SeqCst);
                        heard.lock().expect("nobody panics with it").push(String::from_utf8_lossy(&question).into_owned());
                        let mood = {
                            let mut mood = moods.lock().expect("nobody panics with it");
                            let now = mood.clone();
                            if let Mood::Last(_) = now {
                                *mood = Mood::Break;
                            }
                            now
                        };
                        // Whoever hung up needs no answer.
                        let _ = answer(stream, &mood, &question);
                    }
                });
            }
        });
        Wire { url, mood, asked, questions }
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics with it") = mood;
    }

    /// The bodies of all questions, in the order in which they came.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().expect("nobody panics with it").clone()
    }

    /// How many questions have come in.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The body of a request.
fn read(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn answer(mut stream: TcpStream, mood: &Mood, question: &[u8]) -> std::io::Result<()> {
    match mood {
        Mood::Break => Ok(()),
        Mood::Raw(bytes) => stream.write_all(bytes.as_bytes()),
        Mood::Obey { order, says, otherwise } => {
            let asked: serde_json::Value = serde_json::from_slice(question).unwrap_or_default();
            let messages = asked["messages"].as_array().into_iter().flatten();
            let told: String = messages.filter_map(|message| message["content"].as_str()).map(unfenced).collect();
            let text = if told.contains(order) { says } else { otherwise };
            answer(stream, &Mood::Say(text), question)
        }
        Mood::By(says) => answer(stream, &Mood::Say(says(&String::from_utf8_lossy(question))), question),
        Mood::Say(text) | Mood::Last(text) => answer(stream, &Mood::Costly(text, 100, 40), question),
        Mood::Costly(text, read, written) => {
            let body = json!({
                "model": "played",
                "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
                "usage": { "prompt_tokens": read, "completion_tokens": written },
            })
            .to_string();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        }
        Mood::Pass(url) => {
            let place = url.trim_start_matches("http://");
            let (host, path) = place.split_once('/').unwrap_or((place, ""));
            let mut server = TcpStream::connect(host)?;
            write!(
                server,
                "POST /{path}/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                question.len()
            )?;
            server.write_all(question)?;
            std::io::copy(&mut server, &mut stream).map(|_| ())
        }
    }
}

/// What stands outside of the marks that are put around strangers' words.
fn unfenced(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("<<<") {
            inside = true;
        } else if line.starts_with(">>>") {
            inside = false;
        } else if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
