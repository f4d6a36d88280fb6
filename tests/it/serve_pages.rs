//! The review page through the real binary and a real HTTP client: what a person with a browser can do, and what nobody can.
#![cfg(unix)]

use crate::cli::place::{FIRST, Place, Stage, text};
use regex::Regex;
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A test that waits longer than this hangs.
const HANGS: Duration = Duration::from_secs(120);

pub struct Service {
    child: Child,
    events: Receiver<Value>,
    address: String,
    pub token: String,
    pub client: reqwest::Client,
    reactor: tokio::runtime::Runtime,
    /// All that it wrote.
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn goes_to(&self) -> &str {
        self.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub fn says(&self, part: &str) -> &Answer {
        assert!(self.body.contains(part), "`{part}` is not said ({})\n{}", self.status, self.body);
        self
    }

    /// The hidden fields of the form with this verdict.
    #[track_caller]
    pub fn form(&self, verdict: &str) -> BTreeMap<String, String> {
        let mark = format!("name=\"verdict\" value=\"{verdict}\"");
        let forms = self.body.split("<form").find(|form| form.contains(&mark));
        let form =
            forms.unwrap_or_else(|| panic!("no form to {verdict}\n{}", self.body)).split("</form>").next().expect("a part");
        let field = Regex::new(r#"<input type="hidden" name="([^"]+)" value="([^"]*)""#).expect("valid");
        field.captures_iter(form).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
    }
}

/// A browser that is signed in.
pub struct Browser<'a> {
    pub service: &'a Service,
    pub cookie: String,
}

impl Service {
    pub fn start(place: &Place, words: &str) -> Service {
        let mut child = place.command(&format!("serve {words} --listen 127.0.0.1:0 --log json")).spawn().expect("loopctl starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let (sender, events) = channel();
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                kept.lock().expect("nobody panics with it").push_str(&line);
                let event = serde_json::from_str(&line).unwrap_or_else(|_| json!({"event": "said", "line": line}));
                // The test may be over.
                let _ = sender.send(event);
            }
        });
        // Other tests in this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // A service that refuses a body closes the connection, so each request has its own.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let mut service = Service { child, events, address: String::new(), token: String::new(), client, reactor, log };
        let started = service.wait_for("started");
        service.address = text(&started["address"]);
        let file = place.read(&text(&started["token_file"]));
        service.token = file.lines().last().and_then(|line| line.split(' ').next()).expect("a token").to_owned();
        service
    }

    #[track_caller]
    pub fn wait_for(&self, event: &str) -> Value {
        let mut before = Vec::new();
        loop {
            match self.events.recv_timeout(HANGS) {
                Ok(found) if found["event"] == event => return found,
                Ok(other) => before.push(other),
                Err(_) => panic!("no `{event}`, but {before:#?}"),
            }
        }
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.reactor.block_on(async {
            let response = request.send().await.expect("the service answers");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.text().await.expect("a body") }
        })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.at(path)))
    }

    pub fn post(&self, path: &str, fields: &BTreeMap<String, String>) -> reqwest::RequestBuilder {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let form = self.client.post(self.at(path)).header("content-type", "application/x-www-form-urlencoded");
        form.header("origin", format!("http://{}", self.address)).body(body.join("&"))
    }

    #[track_caller]
    pub fn sign_in(&self, name: &str) -> Browser<'_> {
        let answer = self.send(self.post("/login", &fields(&[("token", &self.token), ("name", name)])));
        assert!(answer.status == 303 && answer.goes_to().ends_with("/queue"), "{}", answer.body);
        let cookie = answer.headers[SET_COOKIE].to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Max-Age="), "{cookie}");
        Browser { service: self, cookie: cookie.split(';').next().expect("a pair").to_owned() }
    }
}

impl Browser<'_> {
    pub fn get(&self, path: &str) -> Answer {
        self.service.send(self.service.client.get(self.service.at(path)).header("cookie", &self.cookie))
    }

    pub fn post(&self, path: &str, fields: &BTreeMap<String, String>) -> Answer {
        self.service.send(self.service.post(path, fields).header("cookie", &self.cookie))
    }

    /// The addresses of all pieces in the queue.
    pub fn pieces(&self) -> Vec<String> {
        let link = Regex::new(r#"<a class="piece" href="([^"]+)""#).expect("valid");
        link.captures_iter(&self.get("/queue").body).map(|found| found[1].to_owned()).collect()
    }

    /// Sends the form with this verdict from a page that was opened before.
    #[track_caller]
    pub fn decide(&self, path: &str, seen: &Answer, verdict: &str, typed: &[(&str, &str)]) -> Answer {
        let mut all = seen.form(verdict);
        all.extend(fields(typed));
        self.post(&format!("{path}/decide"), &all)
    }
}

pub fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[test]
fn where_nothing_is_a_person_gets_a_page_and_a_program_facts() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let ask = |accept: &str| service.send(service.client.get(service.at("/nope/<b>")).header("accept", accept));
    let page = ask("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    assert_eq!(page.status, 404);
    page.says("There is nothing here").says("href=\"/queue\"").says("name=\"viewport\"");
    assert!(page.headers.contains_key("content-security-policy") && !page.body.contains("<b>"));
    let facts = ask("application/json");
    assert_eq!((facts.status, facts.body.contains("\"serve::not-found\"")), (404, true), "{}", facts.body);
}

#[test]
fn a_person_reads_the_queue_and_decides() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let ann = service.sign_in("Ann");
    let pieces = ann.pieces();
    assert_eq!(pieces.len(), 3);
    let queue = ann.get("/queue");
    queue.says("3 pieces to decide").says("for content-team").says("Ann");
    let first = ann.get(&pieces[0]);
    assert_eq!(first.status, 200);
    first.says("1 of 3").says("Evidence").says("href=\"#claim-c1\"").says("id=\"claim-c1\"").says("<blockquote");

    let moved = ann.decide(&pieces[0], &first, "approve", &[]);
    assert_eq!((moved.status, moved.goes_to()), (303, pieces[1].as_str()), "{}", moved.body);
    let second = ann.get(&pieces[1]);
    second.says("Approved: “").says("2 pieces left.");
    assert!(!ann.get(&pieces[1]).body.contains("2 pieces left."), "it is said once");

    let rejected = ann.decide(&pieces[1], &second, "reject", &[("reason", "not now")]);
    assert_eq!(rejected.goes_to(), pieces[2]);
    ann.get(&pieces[1]).says("not waiting for a decision").says("rejected").says("by Ann").says("not now");

    let third = ann.get(&pieces[2]);
    let empty = ann.decide(&pieces[2], &third, "edit", &[("text", "  ")]);
    assert_eq!(empty.goes_to(), pieces[2], "an empty text decides nothing");
    let typed = Regex::new(r#"(?s)<textarea id="text"[^>]*>\n(.*?)</textarea>"#).expect("valid");
    let before = typed.captures(&third.body).expect("an editor")[1].replace("&quot;", "\"").replace("&amp;", "&");
    let after = format!("{before}\n\nOne more sentence by hand.");
    let edited = ann.decide(&pieces[2], &third, "edit", &[("text", &after)]);
    assert_eq!(edited.goes_to(), pieces[2]);
    ann.get(&pieces[2]).says("Saved and approved").says("What Ann changed").says("<ins>");

    service.wait_for("closed");
    let out = place.files("workflows/first-loop/out");
    assert_eq!(out.len(), 2);
    ann.get("/queue").says("Nothing waits for you");
    ann.get("/cycles").says("Cycle 1").says("<svg class=\"circle\"").says("Spent in this cycle").says("complete");
    ann.get("/cycles/first-loop/1").says("Went out").says("What was chosen, and why").says("class=\"plot\"");
    assert_eq!(ann.get("/cycles/first-loop/99").status, 404);
    assert_eq!(ann.get("/cycles/first-loop/x").status, 404);
    assert_eq!(ann.get("/pieces/first-loop/o-fffffff").status, 404);
    assert_eq!(ann.get("/pieces/nothing/o-fffffff").status, 404);
    place.run(&format!("log {FIRST}")).exit(0).says("Ann");
}

#[test]
fn two_people_at_one_piece_do_not_overwrite_each_other() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let (ann, ben) = (service.sign_in("Ann"), service.sign_in("Ben"));
    let piece = ann.pieces().remove(0);
    let (of_ann, of_ben) = (ann.get(&piece), ben.get(&piece));
    assert_eq!(ann.decide(&piece, &of_ann, "edit", &[("text", "# A title\n\nThe words of Ann [c1].")]).status, 303);
    let late = ben.decide(&piece, &of_ben, "edit", &[("text", "# A title\n\nThe words of Ben <b>[c1]</b>.")]);
    assert_eq!(late.status, 409);
    late.says("Somebody was faster").says("edited and approved by Ann").says("The words of Ben &lt;b&gt;[c1]&lt;/b&gt;.");
    late.says("<del>Ann</del>").says("<ins>Ben</ins>");
    let piece = ben.pieces().remove(0);
    // Pins of something else: the piece is another than the one on the page.
    let shown = ben.get(&piece);
    let mut changed = shown.form("reject");
    changed.extend(fields(&[("pins", &"0".repeat(64)), ("reason", "kept for later")]));
    let conflict = ben.post(&format!("{piece}/decide"), &changed);
    assert_eq!(conflict.status, 409);
    conflict.says("changed while you were reading").says("kept for later</textarea>");
    // From that page it can be decided.
    assert_eq!(ben.decide(&piece, &conflict, "reject", &[("reason", "kept for later")]).status, 303);
}

#[test]
fn nobody_gets_in_without_a_token_and_nothing_is_done_from_elsewhere() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let asked = service.get("/queue?workflow=first-loop");
    assert_eq!((asked.status, asked.goes_to()), (303, "/login?next=%2Fqueue%3Fworkflow%3Dfirst-loop"));
    // A link from a mail comes without the cookie, and comes back from here with it.
    let linked = service.send(service.client.get(service.at("/queue")).header("sec-fetch-site", "cross-site"));
    assert_eq!(linked.status, 200);
    linked.says("http-equiv=\"refresh\"");
    // The link signs nobody in by itself.
    let link = service.get(&format!("/login?token={}&next=/cycles", service.token));
    assert!(link.status == 200 && !link.headers.contains_key(SET_COOKIE));
    link.says("<form method=\"post\" action=\"/login\"").says("value=\"/cycles\"");
    assert_eq!(service.get("/login?token=loopctl_stolen").status, 401);
    let unknown = service.send(service.post("/login", &fields(&[("token", "loopctl_guessed"), ("name", "Eve")])));
    assert!(unknown.status == 401 && !unknown.headers.contains_key(SET_COOKIE));
    let nameless = service.send(service.post("/login", &fields(&[("token", &service.token)])));
    nameless.says("Say who you are");
    assert!(!nameless.headers.contains_key(SET_COOKIE));
    let login = fields(&[("token", &service.token), ("name", "Eve")]);
    let elsewhere = service
        .post("/login", &login)
        .headers([("origin".parse().expect("a name"), "https://evil.example".parse().expect("a value"))].into_iter().collect());
    assert_eq!(service.send(elsewhere).status, 403);

    let ann = service.sign_in("Ann");
    let piece = ann.pieces().remove(0);
    let page = ann.get(&piece);
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    for part in ["default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(
        (&page.headers["x-content-type-options"], &page.headers["cache-control"]),
        (&"nosniff".parse().expect("a value"), &"no-store".parse().expect("a value"))
    );
    assert!(!page.body.contains(" style=") && !page.body.contains("<style") && !page.body.contains(" onclick="), "{}", page.body);
    assert!(!page.body.contains(&service.token));

    let decide = format!("{piece}/decide");
    let form = page.form("approve");
    let mut without = form.clone();
    without.remove("form_secret");
    assert_eq!(ann.post(&decide, &without).status, 403);
    let mut guessed = form.clone();
    guessed.insert("form_secret".into(), "loopctl_guessed".into());
    assert_eq!(ann.post(&decide, &guessed).status, 403);
    // The secret of one session is of no use in another.
    assert_eq!(service.sign_in("Ben").post(&decide, &form).status, 403);
    for (header, value) in [("origin", "https://evil.example"), ("origin", "null")] {
        let mut headers = HeaderMap::new();
        headers.insert(header, value.parse().expect("a value"));
        let request = service.post(&decide, &form).header("cookie", &ann.cookie).headers(headers);
        assert_eq!(service.send(request).status, 403, "{header}: {value}");
    }
    assert_eq!(service.send(service.post(&decide, &form)).status, 401, "no session");
    assert_eq!(ann.get(&decide).status, 405, "a link does nothing");
    // A session opens the pages, not the interface for machines.
    assert_eq!(ann.get("/v1/queue").status, 401);
    assert_eq!(ann.pieces().len(), 3, "nothing was decided");

    let secret = form["form_secret"].clone();
    assert_eq!(ann.post("/logout", &BTreeMap::new()).status, 403);
    assert_eq!(ann.post("/logout", &fields(&[("form_secret", &secret)])).goes_to(), "/login");
    assert_eq!(ann.get("/queue").status, 303, "signed out here means signed out");
    // A token that is taken out of its file takes its sessions along.
    let ben = service.sign_in("Ben");
    assert_eq!(ben.get("/queue").status, 200);
    let old = "an-old-token-that-has-expired";
    place.write("workflows/.loopctl/serve/token", format!("{old} expires=2020-01-01\nanother-token-of-good-length name=Cleo\n"));
    assert_eq!(ben.get("/queue").status, 303);
    let expired = service.get(&format!("/login?token={old}"));
    assert_eq!(expired.status, 401);
    expired.says("this token has expired");
    let cleo = service.send(service.post("/login", &fields(&[("token", "another-token-of-good-length"), ("name", "Eve")])));
    let cleo = Browser {
        service: &service,
        cookie: cleo.headers[SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair").into(),
    };
    let page = cleo.get("/queue");
    page.says("Cleo");
    assert!(!page.body.contains("Eve"), "a token's own name counts");
    let log = service.log.lock().expect("nobody panics with it");
    for secret in [&service.token, &secret, &"Ann".to_owned()] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}

#[test]
fn a_script_in_a_draft_is_shown_and_does_nothing() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let ann = service.sign_in("<script>alert(1)</script>");
    let piece = ann.pieces().remove(0);
    let page = ann.get(&piece);
    let bad = "# <script>alert(1)</script>\n\npay\u{202e}lap <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://evil.example/p.png)";
    let edited = ann.decide(&piece, &page, "edit", &[("text", bad)]);
    assert_eq!(edited.status, 303);
    for path in [piece.as_str(), "/queue", "/cycles", "/cycles/first-loop/1"] {
        let page = ann.get(path);
        for part in ["<script>", "<img", "href=\"javascript", "evil.example/p.png\"", "\u{202e}"] {
            assert!(!page.body.contains(part), "{part} at {path}\n{}", page.body);
        }
    }
    ann.get(&piece).says("⟦U+202E⟧").says("&lt;script&gt;alert(1)&lt;/script&gt;");
    for path in [
        "/pieces/%3Cscript%3E/x",
        "/pieces/first-loop/%3Cscript%3E",
        "/queue?workflow=%3Cscript%3E",
        "/queue?page=-1",
        "/login?next=%22%3E%3Cscript%3E",
    ] {
        assert!(!ann.get(path).body.contains("<script>"), "{path}");
    }
}

/// The links in the notices that a workflow wrote into files.
pub fn links(place: &Place) -> Vec<String> {
    let told: String = place.files("workflows/first-loop/told").into_values().collect();
    let link = Regex::new(r"https://loop\.acme\.example(/go/\S+)").expect("valid");
    link.captures_iter(&told).map(|found| found[1].to_owned()).collect()
}

#[test]
fn a_signed_link_shows_a_piece_and_only_a_button_on_it_decides() {
    let place = Place::new();
    let notify = "provider \"drafter\" kind=\"template\"\n    channel \"team\" kind=\"files\" { dir \"first-loop/told\" }\n    \
                  notify \"gate-opened\" to=\"team\" link=\"https://loop.acme.example\"";
    place.edit(FIRST, "provider \"drafter\" kind=\"template\"", notify);
    place.run(&format!("run {FIRST}")).exit(4);
    let links = links(&place);
    assert_eq!(links.len(), 3, "{:?}", place.files("workflows/first-loop/told"));
    let service = Service::start(&place, FIRST);
    let page = service.get(&links[0]);
    assert_eq!(page.status, 200, "{}", page.body);
    page.says("Approve").says("Your name").says("sign in");
    assert!(!page.headers.contains_key(SET_COOKIE), "a link signs nobody in");
    assert_eq!(service.get(&links[0]).status, 200, "programs that open every link in a mail change nothing");

    // Without a name, from elsewhere, or with another link nothing is decided.
    let form = page.form("approve");
    service.send(service.post(&links[0], &form)).says("Say who you are");
    let mut named = form.clone();
    named.insert("name".into(), "Ann".into());
    let mut headers = HeaderMap::new();
    headers.insert("origin", "https://evil.example".parse().expect("a value"));
    assert_eq!(service.send(service.post(&links[0], &named).headers(headers)).status, 403);
    let done = service.send(service.post(&links[0], &named));
    assert_eq!(done.status, 200, "{}", done.body);
    done.says("Approved");
    for used in [service.get(&links[0]), service.send(service.post(&links[0], &named))] {
        assert_eq!(used.status, 410);
        used.says("approved by Ann").says("This link has done its work");
    }
    let page = service.get(&links[1]);
    let mut reject = page.form("reject");
    reject.extend(fields(&[("name", "Ben"), ("reason", "not this month")]));
    service.send(service.post(&links[1], &reject)).says("Rejected");
    place.run(&format!("log {FIRST}")).exit(0).says("Ann").says("not this month");
}

#[test]
fn a_piece_that_needs_two_people_is_not_decided_by_a_link_and_its_page_counts_them() {
    let place = Place::new();
    place.edit(
        FIRST,
        "from \"outlines\"; by \"content-team\"",
        "from \"outlines\"; by \"content-team\"; approvals 2; send-back \"outlines\"",
    );
    let notify = "provider \"drafter\" kind=\"template\"\n    channel \"team\" kind=\"files\" { dir \"first-loop/told\" }\n    \
                  notify \"gate-opened\" to=\"team\" link=\"https://loop.acme.example\"";
    place.edit(FIRST, "provider \"drafter\" kind=\"template\"", notify);
    place.run(&format!("run {FIRST}")).exit(4);
    let service = Service::start(&place, FIRST);
    let link = links(&place).remove(0);
    service.get(&link).says("Several people have to approve");
    let typed = fields(&[("verdict", "approve"), ("name", "Ann")]);
    let refused = service.send(service.post(&link, &typed));
    assert_eq!(refused.status, 409);
    refused.says("Nothing was decided");

    let (ann, ben) = (service.sign_in("Ann"), service.sign_in("Ben"));
    let pieces = ann.pieces();
    let seen = ann.get(&pieces[0]);
    seen.says("2 more approvals needed");
    assert_eq!(ann.decide(&pieces[0], &seen, "approve", &[]).status, 303);
    ben.get(&pieces[0]).says("approved by Ann").says("1 more approval needed");
    let twice = ann.decide(&pieces[0], &ann.get(&pieces[0]), "approve", &[]);
    assert_eq!(twice.status, 409, "nobody counts as two");
    twice.says("Nothing was decided");
    assert_eq!(ben.decide(&pieces[0], &ben.get(&pieces[0]), "approve", &[]).status, 303);
    ben.get(&pieces[0]).says("not waiting for a decision");

    // Back to the step that made it, with a reason.
    let page = ann.get(&pieces[1]);
    let empty = ann.decide(&pieces[1], &page, "back", &[("reason", " ")]);
    assert_eq!(empty.status, 303);
    ann.get(&pieces[1]).says("so nothing was decided");
    assert_eq!(ann.decide(&pieces[1], &page, "back", &[("reason", "say what it costs")]).status, 303);
    ann.get(&pieces[1]).says("sent back").says("say what it costs");
}

#[test]
fn proposals_are_accepted_in_other_words_rejected_and_never_decided_twice() {
    let place = crate::cli::os_review::after_five();
    let service = Service::start(&place, FIRST);
    let (ann, ben) = (service.sign_in("Ann"), service.sign_in("Ben"));
    let link = Regex::new(r#"<a class="piece" href="(/proposals/[^"]+)""#).expect("valid");
    let list = ann.get("/proposals");
    let all: Vec<String> = link.captures_iter(&list.body).map(|found| found[1].to_owned()).collect();
    let open = |path: &String| ann.get(path);
    let weight = all
        .iter()
        .find(|path| open(path).body.contains("Operations") && open(path).body.contains("name=\"text\""))
        .expect("a weight");
    let (of_ann, of_ben) = (ann.get(weight), ben.get(weight));
    of_ann.says("Why").says("What it should bring").says("The change").says("<ins>").says("<del>");
    let send = |browser: &Browser<'_>, page: &Answer, path: &str, verdict: &str, typed: &[(&str, &str)]| {
        let mut all = page.form(verdict);
        all.extend(fields(typed));
        browser.post(path, &all)
    };
    let done = send(&ann, &of_ann, weight, "accept", &[("text", "0.33")]);
    assert_eq!((done.status, done.goes_to()), (303, "/proposals"), "{}", done.body);
    ann.get("/proposals").says("Accepted: ").says("accepted by Ann");
    assert!(place.read("workflows/first-loop/client-os/pillars.kdl").contains("\"Operations\" weight=0.33"));
    let late = send(&ben, &of_ben, weight, "reject", &[("reason", "I had a reason")]);
    assert_eq!(late.status, 409);
    late.says("accepted by Ann meanwhile").says("I had a reason");
    let other = all.iter().find(|path| *path != weight).expect("another one");
    let page = ann.get(other);
    assert_eq!(send(&ann, &page, other, "reject", &[("reason", "summer is always like this")]).status, 303);
    place.run(&format!("os review list {FIRST}")).says("rejected by Ann: summer is always like this");
}
