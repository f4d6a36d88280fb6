//! A small HTTP server on the loopback for tests: it answers as the test says, also in ways no proper server would.

use super::clock::FrozenClock;
use super::trouble::Patience;
use super::web::{Web, WebSettings};
use crate::base::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Clone, Debug)]
pub struct TestRequest {
    pub method: String,
    pub path: String,
    headers: BTreeMap<String, String>,
    pub body: String,
}

impl TestRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered.
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: bool,
    sent: Option<usize>,
    raw: bool,
    hang: bool,
    stuck: bool,
    delay: Duration,
}

impl Answer {
    pub fn new(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: true,
            sent: None,
            raw: false,
            hang: false,
            stuck: false,
            delay: Duration::ZERO,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn text(self, body: &str) -> Answer {
        Answer { body: body.into(), ..self }
    }

    /// Promises the whole body and closes after `sent` bytes of it.
    pub fn cut_to(self, sent: usize) -> Answer {
        Answer { sent: Some(sent), ..self }
    }

    /// Promises the whole body, sends a part of it, and keeps the connection open.
    pub fn stuck_after(self, sent: usize) -> Answer {
        Answer { sent: Some(sent), stuck: true, ..self }
    }

    /// The body ends with the connection.
    pub fn without_length(self) -> Answer {
        Answer { length: false, ..self }
    }

    pub fn after(self, delay: Duration) -> Answer {
        Answer { delay, ..self }
    }

    /// These bytes instead of an HTTP answer.
    pub fn raw(bytes: &[u8]) -> Answer {
        Answer { raw: true, body: bytes.into(), ..Answer::new(0) }
    }

    /// Never answers, and keeps the connection open.
    pub fn hang() -> Answer {
        Answer { hang: true, ..Answer::new(0) }
    }
}

type Script = dyn Fn(&TestRequest, usize) -> Answer + Send + Sync;

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<TestRequest>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

pub struct TestServer {
    url: String,
    log: Arc<Log>,
    task: tokio::task::JoinHandle<()>,
}

impl TestServer {
    /// `script` is given the request and how many requests to the same path came before it.
    pub async fn start(script: impl Fn(&TestRequest, usize) -> Answer + Send + Sync + 'static) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn({
            let log = log.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, script.clone(), log.clone()));
                }
            }
        });
        TestServer { url, log, task }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn requests(&self) -> Vec<TestRequest> {
        self.log.requests.lock().unwrap().clone()
    }

    pub fn most_at_once(&self) -> usize {
        self.log.most.load(Ordering::SeqCst)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Log>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let nth = {
        let mut requests = log.requests.lock().unwrap();
        let nth = requests.iter().filter(|earlier| earlier.path == request.path).count();
        requests.push(request.clone());
        nth
    };
    let now = log.now.fetch_add(1, Ordering::SeqCst) + 1;
    log.most.fetch_max(now, Ordering::SeqCst);
    let answer = script(&request, nth);
    tokio::time::sleep(answer.delay).await;
    log.now.fetch_sub(1, Ordering::SeqCst);
    if answer.hang {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let mut bytes = Vec::new();
    if !answer.raw {
        bytes.extend(format!("HTTP/1.1 {} Test\r\nconnection: close\r\n", answer.status).bytes());
        if answer.length {
            bytes.extend(format!("content-length: {}\r\n", answer.body.len()).bytes());
        }
        for (name, value) in &answer.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
    }
    bytes.extend(&answer.body[..answer.sent.unwrap_or(answer.body.len())]);
    let _ = stream.write_all(&bytes).await;
    if answer.stuck {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Option<TestRequest> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head + 4..].to_vec()).ok()?;
    Some(TestRequest { method, path, headers, body })
}

/// Time stands still at 2026-11-22T06:00:00Z.
pub fn test_clock() -> FrozenClock {
    FrozenClock(Timestamp::parse("2026-11-22T06:00:00Z").unwrap())
}

/// A client with the default number of attempts and hardly any pauses.
pub fn quick_web() -> Arc<Web> {
    hasty_web(Duration::from_secs(20))
}

/// The same, and a page must be there in this time.
pub fn hasty_web(page_timeout: Duration) -> Arc<Web> {
    let patience = Patience { first_pause: Duration::from_millis(2), ..Patience::default() };
    let settings = WebSettings { connect_timeout: page_timeout, page_timeout, gap: Duration::ZERO, proxy: false, patience };
    Arc::new(Web::new(settings, Arc::new(test_clock())))
}
