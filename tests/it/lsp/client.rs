//! A small editor: it starts the real binary, speaks framed JSON-RPC, and keeps what it is told.

use crate::cli::place::Place;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    pub place: Place,
    child: Child,
    stdin: Option<ChildStdin>,
    incoming: Receiver<Value>,
    next: i32,
    /// What the server asked or said, in order, without diagnostics.
    pub heard: Vec<Value>,
    /// By address: the version and what was found in it when it was last told.
    told: BTreeMap<String, (Option<i64>, Vec<Value>)>,
    versions: BTreeMap<String, i64>,
    pub capabilities: Value,
}

impl Client {
    /// Starts the server and says nothing.
    pub fn silent(place: Place) -> Client {
        let mut child = Command::new(env!("CARGO_BIN_EXE_loopctl"))
            .arg("lsp")
            .current_dir(place.path(""))
            .env("HOME", place.path(""))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("LOOPCTL_CACHE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, incoming) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut out) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        Client {
            place,
            child,
            stdin,
            incoming,
            next: 0,
            heard: Vec::new(),
            told: BTreeMap::new(),
            versions: BTreeMap::new(),
            capabilities: Value::Null,
        }
    }

    /// Starts the server in a folder and says hello with these capabilities.
    pub fn with(place: Place, capabilities: Value) -> Client {
        let mut client = Client::silent(place);
        let root = client.uri("");
        let params = json!({
            "processId": std::process::id(),
            "rootUri": root,
            "workspaceFolders": [{"uri": root, "name": "test"}],
            "capabilities": capabilities,
        });
        client.capabilities = client.ask("initialize", params)["capabilities"].clone();
        client.say("initialized", json!({}));
        client
    }

    pub fn new(place: Place) -> Client {
        Client::with(place, json!({}))
    }

    pub fn uri(&self, relative: &str) -> String {
        let path = self.place.path(relative);
        let path = path.to_str().expect("a plain path").trim_end_matches('/').to_owned();
        format!("file://{}", path.replace(' ', "%20"))
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        // A server that has ended does not read any more; the test then sees how it ended.
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
        }
    }

    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn say(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks without waiting; the answer comes with [`Client::answer`].
    pub fn post(&mut self, method: &str, params: Value) -> i32 {
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}));
        self.next
    }

    /// The whole answer to what was posted.
    pub fn answer(&mut self, id: &Value) -> Value {
        let is_it = |message: &Value| message.get("method").is_none() && message["id"] == *id;
        if let Some(at) = self.heard.iter().position(is_it) {
            return self.heard.remove(at);
        }
        loop {
            let message = self.receive();
            if is_it(&message) {
                return message;
            }
            self.keep(message);
        }
    }

    /// Asks and gives the result; an error fails the test.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params);
        let mut answer = self.answer(&json!(id));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Asks for what must be refused, and gives the error.
    pub fn refused(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params);
        let mut answer = self.answer(&json!(id));
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    fn receive(&mut self) -> Value {
        match self.incoming.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("the server hangs"),
            Err(RecvTimeoutError::Disconnected) => panic!("the server has ended: {}", self.errors()),
        }
    }

    fn keep(&mut self, mut message: Value) {
        if message["method"] == "textDocument/publishDiagnostics" {
            let params = message["params"].take();
            let uri = params["uri"].as_str().expect("an address").to_owned();
            let found = params["diagnostics"].as_array().expect("a list").clone();
            self.told.insert(uri, (params["version"].as_i64(), found));
        } else {
            self.heard.push(message);
        }
    }

    /// What the server says next that is neither an answer nor diagnostics.
    pub fn hear(&mut self) -> Value {
        while self.heard.is_empty() {
            let message = self.receive();
            self.keep(message);
        }
        self.heard.remove(0)
    }

    /// Opens a file of the folder as it is there.
    pub fn open(&mut self, name: &str) -> String {
        let text = self.place.read(name);
        self.open_as(name, &text);
        text
    }

    /// Opens a document with a text that need not be on the disk.
    pub fn open_as(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        self.versions.insert(uri.clone(), 1);
        let document = json!({"uri": uri, "languageId": "kdl", "version": 1, "text": text});
        self.say("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Replaces the whole text of an open document.
    pub fn change(&mut self, name: &str, text: &str) {
        self.changes(name, json!([{"text": text}]));
    }

    pub fn changes(&mut self, name: &str, changes: Value) {
        let uri = self.uri(name);
        let version = self.versions.entry(uri.clone()).and_modify(|version| *version += 1).or_insert(1);
        let document = json!({"uri": uri, "version": *version});
        self.say("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
    }

    pub fn close(&mut self, name: &str) {
        let uri = self.uri(name);
        self.say("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }

    /// What is said about a document once `until` is true of it. What is never so hangs, and fails.
    pub fn found(&mut self, name: &str, until: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let uri = self.uri(name);
        loop {
            if let Some((_, found)) = self.told.get(&uri)
                && until(found)
            {
                return found.clone();
            }
            let message = self.receive();
            self.keep(message);
        }
    }

    /// What is said about the document's present version, once it has been looked at.
    pub fn diagnostics(&mut self, name: &str) -> Vec<Value> {
        let uri = self.uri(name);
        let version = self.versions[&uri];
        loop {
            if let Some((Some(told), found)) = self.told.get(&uri)
                && *told == version
            {
                return found.clone();
            }
            let message = self.receive();
            self.keep(message);
        }
    }

    /// `textDocument/…` at a place: `{"textDocument": …, "position": …}`.
    pub fn at(&self, name: &str, position: (usize, usize)) -> Value {
        json!({"textDocument": {"uri": self.uri(name)}, "position": {"line": position.0, "character": position.1}})
    }

    /// Says goodbye and gives the exit code.
    pub fn quit(mut self) -> i32 {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.say("exit", Value::Null);
        self.end()
    }

    /// Closes the connection and gives the exit code.
    pub fn end(&mut self) -> i32 {
        drop(self.stdin.take());
        let code = self.child.wait().expect("it ran").code().expect("it ended by itself");
        let errors = self.errors();
        assert!(!errors.contains("panicked"), "{errors}");
        code
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut err) = self.child.stderr.take() {
            let _ = self.child.kill();
            let _ = err.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                if let Some(value) = header.strip_prefix("Content-Length: ") {
                    length = value.parse().expect("a number");
                }
            }
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("the server writes JSON"))
}

/// Line and UTF-16 column of the first `|` in a text, and the text without it.
pub fn cursor(marked: &str) -> (String, (usize, usize)) {
    let at = marked.find('|').expect("a `|` marks the place");
    let text = marked.replacen('|', "", 1);
    (text, place(marked, at))
}

/// Line and UTF-16 column of a byte offset.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or("").chars().map(char::len_utf16).sum();
    (line, column)
}

/// The text after an editor has applied edits to it.
pub fn applied(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let number = |name: &str| position[name].as_u64().expect("a number") as usize;
        let start: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let mut units = 0;
        let rest = &text[start..];
        start
            + rest
                .char_indices()
                .find(|(_, c)| {
                    let reached = units >= number("character");
                    units += c.len_utf16();
                    reached
                })
                .map_or(rest.len(), |(at, _)| at)
    };
    let mut edits: Vec<(usize, usize, String)> = edits
        .as_array()
        .expect("a list of edits")
        .iter()
        .map(|edit| {
            let range = &edit["range"];
            (offset(&range["start"]), offset(&range["end"]), edit["newText"].as_str().expect("a text").to_owned())
        })
        .collect();
    edits.sort();
    let mut out = text.to_owned();
    for (start, end, new) in edits.into_iter().rev() {
        out.replace_range(start..end, &new);
    }
    out
}
