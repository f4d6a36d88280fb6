//! `loopctl serve`: the real binary as a service, asked by a real HTTP client, by other commands over its socket, and killed.
#![cfg(unix)]

use crate::cli::place::{B2B, FIRST, Place, Stage, list, text};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A test that waits longer than this hangs.
const HANGS: Duration = Duration::from_secs(120);

/// A service that runs.
struct Service {
    child: Child,
    events: Receiver<Value>,
    address: String,
    token: String,
    client: reqwest::Client,
    reactor: tokio::runtime::Runtime,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(place: &Place, words: &str) -> Service {
        Service::start_with(place, words, &[])
    }

    fn start_with(place: &Place, words: &str, variables: &[(&str, &str)]) -> Service {
        let mut command = place.command(&format!("serve {words} --listen 127.0.0.1:0 --log json"));
        let mut child = command.envs(variables.iter().copied()).spawn().expect("loopctl starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| json!({"event": "said", "line": line}));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        // Other tests in this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // A service that refuses a body closes the connection, so each request has its own.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        let mut service = Service { child, events, address: String::new(), token: String::new(), client, reactor };
        let started = service.wait_for("started");
        service.address = text(&started["address"]);
        let file = place.read(&text(&started["token_file"]));
        service.token = file.lines().last().and_then(|line| line.split(' ').next()).expect("a token").to_owned();
        service
    }

    /// The next event of that name; what comes before it is left out.
    #[track_caller]
    fn wait_for(&self, event: &str) -> Value {
        let mut before = Vec::new();
        loop {
            match self.events.recv_timeout(HANGS) {
                Ok(found) if found["event"] == event => return found,
                Ok(other) => before.push(other),
                Err(_) => panic!("no `{event}`, but {before:#?}"),
            }
        }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        self.reactor.block_on(async {
            let response = request.send().await.expect("the service answers");
            let (status, body) = (response.status().as_u16(), response.text().await.expect("a body"));
            (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
        })
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(self.at(path)).bearer_auth(&self.token))
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(self.at(path)).bearer_auth(&self.token).json(body))
    }

    fn queue(&self) -> Vec<Value> {
        list(&self.get("/v1/queue").1["queue"])
    }

    /// Asks it to stop and waits until it has.
    fn stop(mut self) -> i32 {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill is there");
        assert!(asked.success());
        self.wait_for("stopped");
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }
}

fn decision(waiting: &Value, verdict: &str) -> Value {
    json!({"item": waiting["id"], "pins": waiting["pins"], "verdict": verdict, "by": "ann"})
}

#[test]
fn a_decision_at_the_terminal_moves_the_cycle_on_while_the_service_runs() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    service.wait_for("parked");
    let ids: Vec<String> = place.waiting(FIRST).iter().map(|gate| text(&gate["id"])).collect();
    place.run(&format!("gate approve {FIRST} {}", ids[0])).exit(0).says("2 decisions left");
    service.wait_for("parked");
    assert_eq!(place.files("workflows/first-loop/out").len(), 1, "what was approved went out");
    place.run(&format!("gate approve {FIRST} {}", ids[0])).fails(2, "cli::no-such-item");
    place.run(&format!("gate reject {FIRST} {} --reason later", ids[1])).exit(0);
    place.run(&format!("gate approve {FIRST} --all")).exit(0).says("Nothing else waits");
    service.wait_for("closed");
    place.run(&format!("status {FIRST}")).exit(0).says("complete");
    place.run(&format!("log {FIRST}")).exit(0).says("rejected");
    assert_eq!(place.files("workflows/first-loop/out").len(), 2);
    // The service runs the next cycle, and the command waits for it.
    place.run(&format!("run {FIRST} --approve-all")).exit(0).says("cycle 2").warns("A service keeps this workflow going");
    place.run(&format!("serve {FIRST} --no-http")).fails(2, "store::locked").warns("loopctl serve");
    assert_eq!(service.stop(), 0);
    place.run(&format!("status {FIRST}")).exit(0).says("cycle 2");
}

#[test]
fn the_api_decides_about_what_was_looked_at_and_nothing_else() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let queue = service.queue();
    assert_eq!(queue.len(), 3);
    let mut other = decision(&queue[0], "approve");
    other["pins"] = json!("0".repeat(64));
    let (status, refused) = service.post("/v1/decisions", &other);
    assert_eq!((status, refused["error"]["code"].as_str()), (409, Some("gate::changed")));
    assert_eq!(refused["waiting"]["pins"], queue[0]["pins"], "it says what waits now");
    let (status, item) = service.get(&format!("/v1/items/{}", text(&queue[0]["id"])));
    assert_eq!(status, 200);
    assert!(!list(&item["item"]["evidence"]).is_empty() && item["item"]["lineage"]["from"].is_array(), "{item}");
    let mut edit = decision(&queue[0], "edit");
    assert_eq!(service.post("/v1/decisions", &edit).0, 400, "an edit needs a text");
    edit["text"] = json!(format!("{}\n\nOne more sentence by hand.", text(&item["item"]["text"])));
    let (status, decided) = service.post("/v1/decisions", &edit);
    assert_eq!((status, decided["decided"]["left"].as_u64()), (200, Some(2)), "{decided}");
    let (status, again) = service.post("/v1/decisions", &edit);
    assert_eq!((status, again["error"]["code"].as_str()), (409, Some("gate::void")), "{again}");
    let mut nobody = decision(&queue[1], "approve");
    nobody["item"] = json!("o-ffffffffff");
    assert_eq!(service.post("/v1/decisions", &nobody).0, 404);
    assert_eq!(service.post("/v1/decisions", &json!({"item": "x"})).0, 422);
    let (status, _) = service.post("/v1/decisions", &json!({"item": "x".repeat(2 << 20)}));
    assert_eq!(status, 413);
    assert_eq!(service.queue().len(), 2, "nothing else was decided");
    for waiting in &queue[1..] {
        assert_eq!(service.post("/v1/decisions", &decision(waiting, "approve")).0, 200);
    }
    service.wait_for("closed");
    let cycles = service.get("/v1/cycles").1;
    assert_eq!((cycles["cycles"][0]["state"].as_str(), cycles["cycles"][0]["published"].as_u64()), (Some("closed"), Some(3)));
    let edited = place.files("workflows/first-loop/out").into_values().any(|page| page.contains("One more sentence"));
    assert!(!edited || place.run(&format!("log {FIRST}")).exit(0).out.contains("edited"));
    assert_eq!(service.get("/v1/cycles/9").0, 404);
    assert_eq!(service.get("/v1/cycles/x").0, 400);
}

#[test]
fn only_a_token_that_counts_and_a_name_that_is_ours_open_it() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let code = |(status, body): (u16, Value)| (status, body["error"]["code"].as_str().unwrap_or_default().to_owned());
    let with = |token: &str| code(service.send(service.client.get(service.at("/v1/queue")).bearer_auth(token)));
    assert_eq!(code(service.send(service.client.get(service.at("/v1/queue")))), (401, "serve::no-token".into()));
    assert_eq!(with("loopctl_nobody"), (401, "serve::unknown-token".into()));
    assert_eq!(service.send(service.client.get(service.at("/healthz"))).0, 200);
    assert_eq!(service.send(service.client.get(service.at("/readyz"))).0, 200);
    let elsewhere = service.client.get(service.at("/healthz")).header("host", "evil.example");
    assert_eq!(code(service.send(elsewhere)), (421, "serve::unknown-host".into()));
    // A token that has expired, and one that was taken out of the file, count from the next request on.
    let file = "workflows/.loopctl/serve/token";
    let old = "an-old-token-that-has-expired";
    place.write(file, format!("{} name=ann\n{old} expires=2020-01-01\n", service.token));
    assert_eq!(with(old), (401, "serve::expired-token".into()));
    assert_eq!(service.get("/v1/queue").0, 200);
    place.write(file, "another-token-of-good-length\n");
    assert_eq!(service.get("/v1/queue").0, 401);
    let (status, metrics) = service.send(service.client.get(service.at("/metrics")).bearer_auth("another-token-of-good-length"));
    assert_eq!(status, 200);
    assert!(text(&metrics).contains("loopctl_items_waiting{workflow=\"first-loop\"} 3"), "{metrics}");
    drop(service);
    std::fs::set_permissions(place.path(file), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("ours");
    place.run(&format!("serve {FIRST} --listen 127.0.0.1:0")).fails(2, "serve::token-file").warns("chmod 600");
    place.run(&format!("serve {FIRST} --listen 0.0.0.0:0")).fails(2, "serve::open-address").warns("--behind-proxy");
}

#[test]
fn a_service_that_is_killed_goes_on_where_it_stood() {
    let place = Place::new();
    for event in ["task-finished", "waiting"] {
        let service = Service::start(&place, FIRST);
        if event == "task-finished" {
            assert_eq!(service.post("/v1/run", &json!({})).0, 202);
        }
        service.wait_for(event);
        // Dropping it kills it.
    }
    let service = Service::start(&place, FIRST);
    service.wait_for("taken-up");
    service.wait_for("parked");
    let queue = service.queue();
    assert_eq!(queue.len(), 3);
    for waiting in &queue {
        assert_eq!(service.post("/v1/decisions", &decision(waiting, "approve")).0, 200);
    }
    drop(service);
    let service = Service::start(&place, FIRST);
    if place.cycle(FIRST, 1)["state"] != "closed" {
        service.wait_for("closed");
    }
    let published = place.files("workflows/first-loop/out");
    assert_eq!(published.keys().filter(|name| !name.ends_with(".loopctl-tmp")).count(), 3, "each piece once");
    assert_eq!(list(&place.cycle(FIRST, 1)["published"]).len(), 3);
}

#[test]
fn several_workflows_are_kept_and_a_stop_gives_the_state_free() {
    let place = Place::new();
    let service = Service::start(&place, "workflows");
    let names: Vec<String> =
        list(&service.get("/v1/workflows").1["workflows"]).iter().map(|facts| text(&facts["workflow"])).collect();
    assert_eq!(names, ["b2b-growth", "first-loop"]);
    let (status, unclear) = service.post("/v1/run", &json!({}));
    assert_eq!((status, unclear["error"]["code"].as_str()), (400, Some("serve::which-workflow")));
    for name in &names {
        assert_eq!(service.post("/v1/run", &json!({"workflow": name})).0, 202);
    }
    // In the middle of their work.
    assert_eq!(service.stop(), 0);
    place.run(&format!("run {FIRST}")).exit(4).says("cycle 1");
    assert_eq!(list(&place.cycle(B2B, 1)["steps"]).len(), place.cycle(B2B, 1)["steps"].as_array().map_or(0, Vec::len));
}

#[test]
fn cycles_open_when_they_are_due_and_a_changed_file_counts_from_the_next() {
    let place = Place::new();
    place.edit(FIRST, "    recorded from=\"2024-07-01 06:00\"\n", "");
    place.edit(FIRST, "every \"7d\" at=\"06:00\"", "every \"1s\"");
    let service = Service::start(&place, FIRST);
    let first = service.wait_for("opened");
    assert_eq!((first["cycle"].as_u64(), first["missed"].as_u64()), (Some(1), Some(0)));
    assert_eq!(service.wait_for("opened")["cycle"], 2);
    // Half a thought is not taken; the next one is.
    place.edit(FIRST, "every \"1s\"", "evry \"1s\"");
    service.wait_for("kept");
    service.wait_for("opened");
    place.edit(FIRST, "evry \"1s\"", "every \"365d\"");
    service.wait_for("reloaded");
    let next = &service.get("/v1/workflows").1["workflows"][0];
    assert!(next["trouble"].is_null(), "{next}");
    assert_eq!(service.stop(), 0);
}

/// `v1,…` over id, time and body.
fn signature(id: &str, at: i64, body: &str) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(HOOK_SECRET.trim_start_matches("whsec_")).expect("base64");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", base64.encode(mac.finalize().into_bytes()))
}

const HOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn a_signed_message_is_kept_once_and_reaches_the_next_cycle() {
    let place = Place::empty();
    place.write("secret", HOOK_SECRET);
    place.write(
        "hooks.kdl",
        r#"workflow "hooks" phase=1 {
    intelligence {
        source "forms" kind="webhook" { inbox "inbox/forms"; secret (file)"secret"; title "subject" }
    }
    learning {
        report "weekly" { from "forms" }
    }
}
"#,
    );
    let valid = place.run("validate hooks.kdl");
    assert!(valid.code == 0, "{}", valid.told());
    let service = Service::start(&place, "hooks.kdl");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let body = r#"{"subject":"Prices are too high"}"#;
    let send = |id: &str, at: i64, signature: &str| {
        let request = service.client.post(service.at("/hooks/forms")).body(body);
        let request = request.header("webhook-id", id).header("webhook-timestamp", at).header("webhook-signature", signature);
        service.send(request)
    };
    let (status, taken) = send("m1", now, &signature("m1", now, body));
    assert_eq!((status, taken["received"]["fresh"].as_bool()), (200, Some(true)), "{taken}");
    let (status, again) = send("m1", now, &signature("m1", now, body));
    assert_eq!((status, again["received"]["fresh"].as_bool()), (200, Some(false)), "{again}");
    assert_eq!(send("m2", now, &signature("m1", now, body)).0, 401, "signed for another id");
    let old = now - 600;
    assert_eq!(send("m3", old, &signature("m3", old, body)).0, 401, "a recording of an old one");
    assert_eq!(service.send(service.client.post(service.at("/hooks/nobody")).body(body)).0, 404);
    assert_eq!(service.send(service.client.post(service.at("/hooks/forms")).body(body)).0, 401);
    assert_eq!(place.files("inbox").len(), 1);
    assert_eq!(service.post("/v1/run", &json!({})).0, 202);
    service.wait_for("closed");
    let cycle = place.cycle("hooks.kdl", 1);
    assert_eq!(cycle["steps"][0]["items"], 1, "{cycle}");
}

/// A collector for traces that answers every request and keeps what it was sent.
#[cfg(feature = "otel")]
fn collector() -> (String, Receiver<Value>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it listens"));
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            // A client may keep its connection for the next batch.
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let (mut line, mut length) = (String::new(), 0);
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                        if let Some(found) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = found.trim().parse().expect("a number");
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    if length == 0 || reader.read_exact(&mut body).is_err() {
                        return;
                    }
                    let _ = sender.send(serde_json::from_slice(&body).expect("JSON, as the variable says"));
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                    let _ = reader.get_mut().write_all(head.as_bytes());
                }
            });
        }
    });
    (address, received)
}

#[cfg(feature = "otel")]
#[test]
fn traces_of_a_cycle_reach_a_collector_with_a_span_for_each_step_and_no_texts() {
    let place = Place::new();
    let (address, received) = collector();
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_SERVICE_NAME", "ours")];
    let service = Service::start_with(&place, FIRST, &variables);
    assert_eq!(service.post("/v1/run", &json!({"workflow": "first-loop"})).0, 202);
    service.wait_for("parked");
    let waiting = service.queue();
    assert_eq!(service.stop(), 0);
    let sent: Vec<Value> = std::iter::from_fn(|| received.recv_timeout(Duration::from_secs(1)).ok()).collect();
    let all = serde_json::to_string(&sent).expect("JSON");
    let scopes = sent.iter().flat_map(|batch| list(&batch["resourceSpans"])).flat_map(|resource| {
        assert!(resource["resource"].to_string().contains("ours"), "{resource:#}");
        list(&resource["scopeSpans"])
    });
    let spans: Vec<Value> = scopes.flat_map(|scope| list(&scope["spans"])).collect();
    let root = spans.iter().find(|span| span["name"] == "cycle first-loop").unwrap_or_else(|| panic!("{all}"));
    let steps: Vec<&Value> = spans.iter().filter(|span| span["parentSpanId"] == root["spanId"]).collect();
    assert!(steps.len() >= 5, "{all}");
    let nanos = |span: &Value, name: &str| text(&span[name]).parse::<u64>().expect("nanoseconds as a text");
    for step in steps {
        assert_eq!(step["traceId"], root["traceId"]);
        assert!(nanos(step, "startTimeUnixNano") >= nanos(root, "startTimeUnixNano"), "{step:#}");
        assert!(nanos(step, "endTimeUnixNano") <= nanos(root, "endTimeUnixNano"), "{step:#}");
    }
    assert!(waiting.len() >= 3 && waiting.iter().all(|piece| !all.contains(&text(&piece["title"]))), "no titles leave the house");
}

/// The plain build says that it sends none, instead of sending nothing.
#[cfg(not(feature = "otel"))]
#[test]
fn a_build_without_traces_says_so_to_whoever_asks_for_them() {
    let place = Place::empty();
    let told = |endpoint: &str, disabled: &str| {
        let mut command = place.command("serve nowhere.kdl");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_SDK_DISABLED", disabled);
        let ran = command.output().expect("it starts");
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    assert!(told("http://127.0.0.1:9", "").contains("this build sends no traces"));
    assert!(!told("", "").contains("traces"), "nobody asked");
    assert!(!told("http://127.0.0.1:9", "true").contains("traces"), "turned off");
}
