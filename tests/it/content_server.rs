//! A real content system for the tests of its channel: started by its script, asked as a person's program asks it.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

pub struct ContentServer {
    pub port: u16,
    /// What its script said when it was ready: how one gets in.
    pub secret: String,
    /// The script ends with its standard input, and that with the test run.
    _running: Mutex<Child>,
    _folder: TempDir,
}

impl ContentServer {
    /// By a script of `tests/fixtures/servers`, which gets these words, a folder of its own and a port.
    pub fn start(script: &str, words: &[&OsStr]) -> ContentServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let mut running = Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/servers").join(script))
            .args(words)
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut said = String::new();
        BufReader::new(running.stdout.take().expect("it is piped")).read_line(&mut said).expect("it says something");
        let secret = said.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("{script} did not start: {said}")).to_owned();
        ContentServer { port, secret, _running: Mutex::new(running), _folder: folder }
    }

    /// One question over HTTP, with these headers, each with its line end; null where the answer is empty.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1:{}\r\n{headers}content-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, json) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        match json.trim() {
            "" => Value::Null,
            json => serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}")),
        }
    }
}
