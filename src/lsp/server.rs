//! The conversation: who may say what when, in which order things are answered, and how it ends.
//!
//! One thread reads and one works. All that has arrived is taken in before anything is answered, so a request that was cancelled
//! meanwhile is not worked on, and checking waits until nothing else does. A mistake of ours while answering becomes an error for that
//! request, and the conversation goes on.

use super::past::{self, Past};
use super::positions::Encoding;
use super::requests::{self, Refusal, read};
use super::session::{Published, Session};
use super::transport::{self, Incoming};
use super::uris;
use crate::runtime::Clock as _;
use crate::step::Registry;
use crate::world::SystemClock;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId};
use lsp_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, InitializeParams,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How long typing must rest before files are checked that only depend on the one typed in.
const REST: Duration = Duration::from_millis(200);

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The editor said `shutdown` before it said `exit`.
    Proper,
    /// It said `exit` alone, or went away.
    Abrupt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    Running,
    /// After `shutdown`.
    Down,
}

struct Server<'o, W> {
    out: &'o mut W,
    waiting: VecDeque<Incoming>,
    phase: Phase,
    session: Session,
    client: Client,
    asked: i32,
    /// For what is read on threads of their own.
    sender: Sender<Event>,
}

/// What the editor says it can do.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    /// Watch files for us.
    watches: bool,
    /// Ask for hints again.
    refreshes_hints: bool,
}

/// What the server waits for.
enum Event {
    Said(Incoming),
    /// The state of a folder was read, or could not be.
    Read(PathBuf, Option<Past>),
    /// The editor has closed its end.
    Gone,
}

/// Talks until the editor ends it. Errors are those of writing; an editor that stops reading ends the conversation.
///
/// `state` is where the durable state is kept, when that is not beside the workflow.
pub fn run(
    input: impl Read + Send + 'static,
    out: &mut impl Write,
    registry: &'static Registry,
    state: Option<PathBuf>,
) -> io::Result<End> {
    let (sender, events) = channel();
    let from_reader = sender.clone();
    // It ends with its input, or with the process: it holds nothing that must be put in order.
    std::thread::Builder::new().name("lsp-reader".to_owned()).spawn(move || {
        let mut from = BufReader::with_capacity(1 << 16, input);
        while let Ok(Some(message)) = transport::read(&mut from) {
            if from_reader.send(Event::Said(message)).is_err() {
                return;
            }
        }
        // The editor may be gone already when nobody listens.
        let _ = from_reader.send(Event::Gone);
    })?;
    let mut session = Session::new(registry, Encoding::Utf16, Vec::new());
    session.state = state;
    let mut server =
        Server { out, waiting: VecDeque::new(), phase: Phase::New, session, client: Client::default(), asked: 0, sender };
    server.talk(&events)
}

impl<W: Write> Server<'_, W> {
    fn talk(&mut self, events: &Receiver<Event>) -> io::Result<End> {
        let mut gone = false;
        loop {
            while let Ok(event) = events.try_recv() {
                gone |= self.event(event)?;
            }
            if let Some(message) = self.waiting.pop_front() {
                if let Some(end) = self.handle(message)? {
                    return Ok(end);
                }
            } else if gone {
                return Ok(End::Abrupt);
            } else if self.session.is_urgent() {
                self.check()?;
            } else {
                let next = match self.session.has_later() {
                    true => events.recv_timeout(REST),
                    false => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                match next {
                    Ok(event) => gone |= self.event(event)?,
                    Err(RecvTimeoutError::Timeout) => self.check()?,
                    Err(RecvTimeoutError::Disconnected) => return Ok(End::Abrupt),
                }
            }
        }
    }

    /// True when the editor is gone.
    fn event(&mut self, event: Event) -> io::Result<bool> {
        match event {
            Event::Said(message) => self.take(message)?,
            Event::Gone => return Ok(true),
            Event::Read(folder, past) => {
                let is_news = past.is_some();
                self.session.state_was_read(folder, past);
                if is_news && self.client.refreshes_hints {
                    self.asked += 1;
                    transport::write(self.out, &transport::request(self.asked, "workspace/inlayHint/refresh", Value::Null))?;
                }
            }
        }
        Ok(false)
    }

    /// Reads the state of a workflow on a thread of its own: the folder may be large, and nobody waits for it.
    fn read_state(&mut self) {
        let Some(folder) = self.session.state_to_read() else { return };
        let sender = self.sender.clone();
        let read = move || {
            let past = catch_unwind(|| past::read(&folder)).unwrap_or_default();
            // The conversation may have ended meanwhile.
            let _ = sender.send(Event::Read(folder, past));
        };
        // Without a thread there are no hints, which is no reason to end.
        let _ = std::thread::Builder::new().name("lsp-state".to_owned()).spawn(read);
    }

    /// Puts a message in line, unless it takes another one out of it.
    fn take(&mut self, incoming: Incoming) -> io::Result<()> {
        if let Incoming::Message(Message::Notification(Notification { method, params })) = &incoming
            && method == "$/cancelRequest"
        {
            let cancelled: Option<RequestId> = params.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
            let is_it = |other: &Incoming| matches!(other, Incoming::Message(Message::Request(request)) if Some(&request.id) == cancelled.as_ref());
            if let Some(at) = self.waiting.iter().position(is_it)
                && let Some(id) = cancelled
            {
                self.waiting.remove(at);
                return self.refuse(&id, &Refusal { code: ErrorCode::RequestCanceled, message: "cancelled".to_owned() });
            }
            return Ok(());
        }
        self.waiting.push_back(incoming);
        Ok(())
    }

    fn handle(&mut self, incoming: Incoming) -> io::Result<Option<End>> {
        match incoming {
            Incoming::Malformed { id, code, message } => transport::write(self.out, &transport::error(id, code, &message))?,
            Incoming::Message(Message::Response(_)) => {}
            Incoming::Message(Message::Request(request)) => self.request(request)?,
            Incoming::Message(Message::Notification(notification)) => {
                if notification.method == "exit" {
                    return Ok(Some(if self.phase == Phase::Down { End::Proper } else { End::Abrupt }));
                }
                self.notification(notification)?;
            }
        }
        Ok(None)
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let refusal = |code, message: &str| Refusal { code, message: message.to_owned() };
        let answer = match (self.phase, request.method.as_str()) {
            (Phase::New, "initialize") => read(request.params).map(|params| self.initialize(params)),
            (Phase::New, _) => Err(refusal(ErrorCode::ServerNotInitialized, "expected `initialize` first")),
            (Phase::Down, _) => Err(refusal(ErrorCode::InvalidRequest, "the server was shut down")),
            (Phase::Running, "initialize") => Err(refusal(ErrorCode::InvalidRequest, "`initialize` was said before")),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::Down;
                Ok(Value::Null)
            }
            (Phase::Running, method) => {
                // A fix counts bytes of the text that it was found in.
                while method == "textDocument/codeAction" && self.session.is_urgent() {
                    self.check()?;
                }
                let session = &mut self.session;
                let now = SystemClock.now();
                catch_unwind(AssertUnwindSafe(|| requests::answer(session, method, request.params, now)))
                    .unwrap_or_else(|_| Err(refusal(ErrorCode::InternalError, "this request went wrong in the server")))
            }
        };
        self.read_state();
        match answer {
            Ok(value) => transport::write(self.out, &transport::answer(&request.id, value)),
            Err(refusal) => self.refuse(&request.id, &refusal),
        }
    }

    fn refuse(&mut self, id: &RequestId, refusal: &Refusal) -> io::Result<()> {
        transport::write(self.out, &transport::error(json!(id), refusal.code, &refusal.message))
    }

    fn initialize(&mut self, params: InitializeParams) -> Value {
        let general = params.capabilities.general.unwrap_or_default();
        let encoding = Encoding::agreed(&general.position_encodings.unwrap_or_default());
        let workspace = params.capabilities.workspace.unwrap_or_default();
        self.client = Client {
            watches: workspace.did_change_watched_files.and_then(|watching| watching.dynamic_registration).unwrap_or(false),
            refreshes_hints: workspace.inlay_hint.and_then(|hints| hints.refresh_support).unwrap_or(false),
        };
        let completion = params.capabilities.text_document.and_then(|document| document.completion?.completion_item);
        let snippets = completion.and_then(|item| item.snippet_support).unwrap_or(false);
        let mut roots: Vec<PathBuf> =
            params.workspace_folders.into_iter().flatten().filter_map(|folder| uris::path_of(folder.uri.as_str())).collect();
        if roots.is_empty() {
            // Deprecated, and all that some editors send.
            #[allow(deprecated)]
            roots.extend(params.root_uri.and_then(|uri| uris::path_of(uri.as_str())));
        }
        let state = self.session.state.take();
        self.session = Session::new(self.session.registry, encoding, roots);
        self.session.state = state;
        self.session.snippets = snippets;
        self.phase = Phase::Running;
        json!({
            "capabilities": requests::capabilities(encoding),
            "serverInfo": {"name": "loopctl", "version": env!("CARGO_PKG_VERSION")},
        })
    }

    fn notification(&mut self, notification: Notification) -> io::Result<()> {
        // Before `initialize` and after `shutdown` nothing has a meaning.
        if self.phase != Phase::Running {
            return Ok(());
        }
        let Notification { method, params } = notification;
        let session = &mut self.session;
        let heard: Result<(), Refusal> = match method.as_str() {
            "initialized" => return self.watch(),
            "textDocument/didOpen" => read(params).map(|params: DidOpenTextDocumentParams| {
                let document = params.text_document;
                session.open(document.uri, document.version, document.text);
            }),
            "textDocument/didChange" => read(params).and_then(|params: DidChangeTextDocumentParams| {
                let uri = params.text_document.uri;
                match session.change(&uri, params.text_document.version, params.content_changes) {
                    true => Ok(()),
                    false => Err(Refusal::failed(format!("`{}` was changed and is not open", uri.as_str()))),
                }
            }),
            "textDocument/didClose" => {
                let closed = read(params).map(|params: DidCloseTextDocumentParams| session.close(&params.text_document.uri));
                let news = session.publish();
                self.tell(news)?;
                closed
            }
            "workspace/didChangeWatchedFiles" => read(params).map(|params: DidChangeWatchedFilesParams| {
                let paths: Vec<PathBuf> = params.changes.iter().filter_map(|change| uris::path_of(change.uri.as_str())).collect();
                session.disk_changed(&paths);
            }),
            "workspace/didChangeWorkspaceFolders" => read(params).map(|params: DidChangeWorkspaceFoldersParams| {
                let path = |folder: &lsp_types::WorkspaceFolder| uris::path_of(folder.uri.as_str());
                let removed: Vec<PathBuf> = params.event.removed.iter().filter_map(path).collect();
                session.roots.retain(|root| !removed.contains(root));
                session.roots.extend(params.event.added.iter().filter_map(path));
            }),
            // What is saved was typed before; and a notification that we do not know may be passed over.
            _ => Ok(()),
        };
        match heard {
            Ok(()) => Ok(()),
            // A notification has no answer, so the mistake goes where an editor keeps such words.
            Err(refusal) => {
                let params = json!({"type": 1, "message": format!("{method}: {}", refusal.message)});
                transport::write(self.out, &transport::notification("window/logMessage", params))
            }
        }
    }

    /// Asks the editor to say when a file changes that we may have read.
    fn watch(&mut self) -> io::Result<()> {
        if !self.client.watches {
            return Ok(());
        }
        self.asked += 1;
        let watchers: Vec<Value> =
            ["**/*.{kdl,hbs,md,lock}", "**/.loopctl/HEAD"].iter().map(|pattern| json!({"globPattern": pattern})).collect();
        let registration =
            json!({"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": {"watchers": watchers}});
        transport::write(
            self.out,
            &transport::request(self.asked, "client/registerCapability", json!({"registrations": [registration]})),
        )
    }

    fn check(&mut self) -> io::Result<()> {
        let session = &mut self.session;
        // What went wrong is in the log of the editor; the next keystroke tries again.
        let news = catch_unwind(AssertUnwindSafe(|| session.check_next())).unwrap_or_default();
        let told = self.tell(news);
        self.session.tidy();
        told
    }

    fn tell(&mut self, news: Vec<Published>) -> io::Result<()> {
        for Published { uri, version, diagnostics } in news {
            let mut params = json!({"uri": uri, "diagnostics": diagnostics});
            if let Some(version) = version {
                params["version"] = json!(version);
            }
            transport::write(self.out, &transport::notification("textDocument/publishDiagnostics", params))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;

    fn heard(messages: &[Value]) -> Vec<Value> {
        let mut out = Vec::new();
        let session = Session::new(registry(), Encoding::Utf16, Vec::new());
        let mut server = Server {
            out: &mut out,
            waiting: VecDeque::new(),
            phase: Phase::Running,
            session,
            client: Client::default(),
            asked: 0,
            sender: channel().0,
        };
        for message in messages {
            let framed = format!("Content-Length: {}\r\n\r\n{message}", message.to_string().len());
            let incoming = transport::read(&mut BufReader::new(framed.as_bytes())).expect("memory").expect("a message");
            server.take(incoming).expect("memory");
        }
        while let Some(incoming) = server.waiting.pop_front() {
            server.handle(incoming).expect("memory");
        }
        let text = String::from_utf8(out).expect("text");
        let bodies = text.split("Content-Length: ").filter_map(|frame| frame.split_once("\r\n\r\n"));
        bodies.map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect()
    }

    #[test]
    fn what_was_cancelled_while_it_waited_is_refused_and_the_others_are_answered() {
        let ask = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "nonsense"});
        let cancel = |id: Value| json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}});
        let said = heard(&[ask(json!(1)), ask(json!("1")), cancel(json!("1")), cancel(json!(7)), cancel(json!({}))]);
        let codes: Vec<(&Value, &Value)> = said.iter().map(|answer| (&answer["id"], &answer["error"]["code"])).collect();
        assert_eq!(codes, [(&json!("1"), &json!(-32800)), (&json!(1), &json!(-32601))]);
    }
}
