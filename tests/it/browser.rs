//! The review page in a real browser: headless Chromium, driven over a pipe in its own protocol, with screenshots kept in
//! `LOOPCTL_SCREENSHOTS`, or in `target/tmp/screenshots`.
#![cfg(unix)]

use crate::cli::place::{FIRST, Place, Stage};
use crate::serve_pages::Service;
use crate::skip::skipped;
use base64::Engine as _;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HANGS: Duration = Duration::from_secs(90);

/// One browser with one page.
struct Chromium {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: String,
    last: u64,
    screenshots: PathBuf,
    _folder: TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    fn start(program: &Path) -> Chromium {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        assert!(Command::new("mkfifo").args([&to, &from]).status().expect("mkfifo is there").success());
        let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
                     --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe";
        // It reads from descriptor 3 and writes to 4, which the shell opens for it.
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("exec \"$0\" {flags} --user-data-dir=\"$1/profile\" about:blank 3<\"$1/to\" 4>\"$1/from\""))
            .arg(program)
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // In the order in which the shell opens the other ends.
        let to = File::options().write(true).open(to).expect("a pipe");
        let mut reader = BufReader::new(File::open(from).expect("a pipe"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while reader.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let screenshots = std::env::var_os("LOOPCTL_SCREENSHOTS")
            .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots"), PathBuf::from);
        std::fs::create_dir_all(&screenshots).expect("our own folder");
        let mut chromium = Chromium { child, to, from, session: String::new(), last: 0, screenshots, _folder: folder };
        let target = chromium.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attached = chromium.ask("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        chromium.session = attached["sessionId"].as_str().expect("a session").to_owned();
        chromium.ask("Page.enable", json!({}));
        chromium
    }

    /// One command and its answer.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(message.to_string().as_bytes()).and_then(|()| self.to.write_all(&[0])).expect("it listens");
        loop {
            let answer = self.from.recv_timeout(HANGS).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    #[track_caller]
    fn open(&mut self, address: &str) {
        let gone = self.ask("Page.navigate", json!({"url": address}));
        assert!(gone["errorText"].is_null(), "{address}: {gone}");
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// What an expression is worth on the page.
    #[track_caller]
    fn value(&mut self, expression: &str) -> Value {
        self.ask("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}))["result"]["value"].clone()
    }

    /// Waits until an expression is true, also over a change of pages.
    #[track_caller]
    fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(begun.elapsed() < HANGS, "`{expression}` never came true at {}", self.value("document.body.innerText"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks as a person does: with the mouse, where the thing is.
    #[track_caller]
    fn click(&mut self, selector: &str) {
        let find = format!(
            "(() => {{ const e = document.querySelector({selector:?}); if (!e) return null; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getClientRects()[0]; return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        );
        let at = self.value(&find);
        assert!(at.is_array(), "no `{selector}` to click");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    fn press(&mut self, key: &str) {
        let text = if key == "Enter" { "\r" } else { key };
        let code = if key == "Enter" { 13 } else { 0 };
        self.ask("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code}));
        self.ask("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    fn types(&mut self, text: &str) {
        self.ask("Input.insertText", json!({"text": text}));
    }

    fn window(&mut self, width: u32, height: u32, dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        self.ask("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
    }

    /// Keeps a picture of the window, light and dark, and on a phone.
    fn keep(&mut self, name: &str) {
        for (kind, width, height, dark) in [("light", 1280, 900, false), ("dark", 1280, 900, true), ("phone", 390, 844, false)] {
            self.window(width, height, dark);
            let wide = self.value("document.documentElement.scrollWidth <= window.innerWidth");
            assert_eq!(wide, json!(true), "{name} needs sideways scrolling at {width} pixels");
            let broken = self.value(
                "[...document.querySelectorAll('button, .button')].filter(b => b.offsetHeight > 60).map(b => b.innerText)",
            );
            assert_eq!(broken, json!([]), "{name}: what a button says takes more than one line at {width} pixels");
            let shot = self.ask("Page.captureScreenshot", json!({"format": "png"}));
            let picture =
                base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
            assert!(picture.len() > 2000, "a picture of something");
            std::fs::write(self.screenshots.join(format!("{name}-{kind}.png")), picture).expect("our own folder");
        }
        self.window(1280, 900, false);
    }

    /// Opens a page, judges it and keeps its picture.
    #[track_caller]
    fn judge(&mut self, address: &str, name: &str) {
        self.open(address);
        self.accessible(name);
        self.keep(name);
    }

    /// What can be checked of accessibility by looking at the page: names for everything one can use, one title, landmarks,
    /// a language, and contrast of all text in both schemes.
    #[track_caller]
    fn accessible(&mut self, name: &str) {
        for dark in [false, true] {
            self.window(1280, 900, dark);
            let wrong = self.value(ACCESSIBLE);
            assert_eq!(wrong, json!([]), "{name}, dark: {dark}");
        }
        let Some(axe) = axe() else { return };
        for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
            self.window(width, 900, dark);
            let wrong = self.judged_by(axe);
            assert_eq!(wrong, json!([]), "{name}, {width} pixels wide, dark: {dark}");
        }
        self.window(1280, 900, false);
    }

    /// What axe-core finds wrong on the page: every rule it has, of WCAG 2.2 A and AA and of good practice.
    #[track_caller]
    fn judged_by(&mut self, axe: &str) -> Value {
        // What is typed into the console does not go through the page's own policy.
        self.ask("Runtime.evaluate", json!({"expression": format!("{axe}; undefined"), "returnByValue": true}));
        let run = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.map((rule) => \
                   rule.id + ': ' + rule.help + ' ' + rule.nodes.map((node) => node.html.slice(0, 160)).join(' | ')))";
        let answer = self.ask("Runtime.evaluate", json!({"expression": run, "returnByValue": true, "awaitPromise": true}));
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }
}

/// axe-core, the checker of accessibility: its one file, at `LOOPCTL_TEST_AXE`; `.ci/run` fetches it.
fn axe() -> Option<&'static str> {
    static AXE: OnceLock<Option<String>> = OnceLock::new();
    AXE.get_or_init(|| {
        let file = std::env::var_os("LOOPCTL_TEST_AXE").map(PathBuf::from);
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        if text.is_none() {
            skipped(file.as_deref().unwrap_or(Path::new("axe-core (LOOPCTL_TEST_AXE)")));
        }
        text
    })
    .as_deref()
}

/// Lists what is wrong. Contrast as WCAG 2.2 counts it, of every text that is seen against what is painted behind it.
const ACCESSIBLE: &str = r#"(() => {
  const wrong = [];
  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title) wrong.push("no title");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main part");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one heading of the first rank");
  let rank = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
    const now = Number(h.tagName[1]);
    if (rank && now > rank + 1) wrong.push(`h${rank} is followed by h${now}: ${h.textContent}`);
    rank = now;
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`two are called ${id}`));
  for (const e of document.querySelectorAll("a[href],button,summary,input:not([type=hidden]),textarea,select,meter")) {
    const named = e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && [...e.labels].some((l) => l.textContent.trim()));
    const label = /^(INPUT|TEXTAREA|SELECT|METER)$/.test(e.tagName) ? e.getAttribute("aria-label") || (e.labels && e.labels.length) : named;
    if (!label) wrong.push(`no name: ${e.outerHTML.slice(0, 120)}`);
  }
  for (const e of document.querySelectorAll("[aria-labelledby],[aria-describedby]"))
    for (const id of `${e.getAttribute("aria-labelledby") || ""} ${e.getAttribute("aria-describedby") || ""}`.split(/\s+/).filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`nothing is called ${id}`);
  const rgb = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const light = ([r, g, b]) => { const c = [r, g, b].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * c[0] + .7152 * c[1] + .0722 * c[2]; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; } return [255, 255, 255, 1]; };
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e);
    if (!e.getClientRects().length || style.visibility === "hidden" || e.closest(".sr")) continue;
    const [a, b] = [light(rgb(style.color)), light(behind(e))].sort((x, y) => y - x);
    const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + .05) / (b + .05);
    if (ratio < (big ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${e.className || e.tagName} ${e.textContent.trim().slice(0, 40)}`);
  }
  for (const e of document.querySelectorAll("svg text")) {
    const shape = e.parentElement.querySelector("circle");
    const fill = shape ? rgb(getComputedStyle(shape).fill) : behind(e);
    const [a, b] = [light(rgb(getComputedStyle(e).fill)), light(fill)].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) wrong.push(`contrast ${((a + .05) / (b + .05)).toFixed(2)} in the picture: ${e.textContent}`);
  }
  for (const e of document.querySelectorAll("button,a.button,a.piece")) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.height < 24 || r.width < 24)) wrong.push(`too small to touch: ${e.textContent}`);
  }
  return wrong;
})()"#;

/// What the first test cannot come by: a link from a notice, a piece that can be sent back, and proposals.
#[test]
fn a_link_and_a_proposal_are_decided_in_a_browser() {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let Some(program) = known.iter().map(Path::new).find(|path| path.exists()) else { return skipped(Path::new(known[0])) };
    let place = crate::cli::os_review::after_five();
    place.edit(FIRST, "from \"outlines\"; by \"content-team\"", "from \"outlines\"; by \"content-team\"; send-back \"outlines\"");
    let notify = "provider \"drafter\" kind=\"template\"\n    channel \"team\" kind=\"files\" { dir \"first-loop/told\" }\n    \
                  notify \"gate-opened\" to=\"team\" link=\"https://loop.acme.example\"";
    place.edit(FIRST, "provider \"drafter\" kind=\"template\"", notify);
    place.run(&format!("run {FIRST}")).exit(4);
    let told: String = place.files("workflows/first-loop/told").into_values().collect();
    let link = told.split("https://loop.acme.example").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a link");
    let service = Service::start(&place, FIRST);
    let mut page = Chromium::start(program);
    page.window(1280, 900, false);

    page.judge(&service.at(link), "link");
    page.click("#name");
    page.types("Ann");
    page.press("Enter");
    page.until("document.querySelector('h1')?.textContent === 'Approved' && document.readyState === 'complete'");
    page.accessible("link-done");
    page.keep("link-done");
    page.open(&service.at(link));
    page.until("document.body.innerText.includes('approved by Ann')");
    page.accessible("link-used");

    page.open(&service.at(&format!("/login?token={}", service.token)));
    page.click("#name");
    page.types("Ben");
    page.press("Enter");
    page.until("location.pathname === '/queue' && document.readyState === 'complete'");
    page.click("a.piece");
    page.until("document.querySelector('#back') !== null && document.readyState === 'complete'");
    page.press("b");
    page.until("document.activeElement.id === 'otherwise'");
    page.accessible("send-back");
    page.keep("send-back");
    page.types("say what it costs");
    page.click("#back button");
    page.until("location.pathname !== '/queue' && document.querySelector('[role=status]')?.innerText.includes('Sent back')");

    page.judge(&service.at("/proposals"), "proposals-open");
    page.click("a.piece");
    page.until("location.pathname.startsWith('/proposals/') && document.readyState === 'complete'");
    page.accessible("proposal");
    page.keep("proposal");
    page.press("r");
    page.until("document.activeElement.id === 'reason'");
    page.types("not now");
    page.accessible("proposal-rejecting");
    page.click("#reject button");
    page.until("location.pathname === '/proposals' && document.body.innerText.includes('rejected by Ben')");
    page.judge(&service.at("/cycles/first-loop/5"), "cycle-whole");
}

/// A report as a file: in both schemes, on a phone, and on paper, where a dark scheme must leave no light ink behind.
#[test]
fn a_report_reads_well_on_screen_and_on_paper() {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let Some(program) = known.iter().map(Path::new).find(|path| path.exists()) else { return skipped(Path::new(known[0])) };
    let place = crate::cli::os_review::after_five();
    place.run(&format!("report {FIRST} --out reports")).exit(0);
    let mut page = Chromium::start(program);
    page.window(1280, 900, false);
    page.judge(&format!("file://{}", place.path("reports/first-loop-5.html").display()), "report");
    // Nothing that a plot says is cut off at its edge.
    let cut = "[...document.querySelectorAll('svg text')].filter(t => { const b = t.getBBox(), v = t.ownerSVGElement.viewBox.baseVal; \
               return b.x < 0 || b.x + b.width > v.width; }).map(t => t.textContent)";
    assert_eq!(page.value(cut), json!([]));
    let dark = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
    page.ask("Emulation.setEmulatedMedia", json!({"media": "print", "features": dark}));
    assert_eq!(page.value(ACCESSIBLE), json!([]), "in print");
    let paper = "getComputedStyle(document.body).backgroundColor";
    assert_eq!(page.value(paper), json!("rgb(255, 255, 255)"));
    let printed = page.ask("Page.printToPDF", json!({"printBackground": false}));
    let printed =
        base64::engine::general_purpose::STANDARD.decode(printed["data"].as_str().expect("a document")).expect("base64");
    assert!(printed.starts_with(b"%PDF"));
    std::fs::write(page.screenshots.join("report.pdf"), printed).expect("our own folder");
}

#[test]
fn a_person_reviews_in_a_browser() {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let Some(program) = known.iter().map(Path::new).find(|path| path.exists()) else { return skipped(Path::new(known[0])) };
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, FIRST);
    let mut page = Chromium::start(program);
    page.window(1280, 900, false);

    page.judge(&service.at(&format!("/login?token={}", service.token)), "login");
    page.until("!location.search.includes('token')");
    page.click("#name");
    page.types("Ann");
    page.press("Enter");
    page.until("location.pathname === '/queue' && document.readyState === 'complete'");
    assert_eq!(page.value("document.cookie"), json!(""), "no script sees the session");
    page.accessible("queue");
    page.keep("queue");

    // By keys: down to the first piece, and into it.
    page.press("j");
    page.press("Enter");
    page.until("location.pathname.startsWith('/pieces/') && document.readyState === 'complete'");
    page.accessible("piece");
    page.keep("piece");
    page.click("article a.cite");
    page.until("document.querySelector('ol.claims li:target') !== null");
    let seen = "(() => { const r = document.querySelector('ol.claims li:target').getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; })()";
    page.until(seen);
    page.keep("evidence");

    page.press("a");
    assert_eq!(page.value("document.activeElement.textContent"), json!("Approve"), "a key alone decides nothing");
    let first = page.value("location.pathname");
    page.press("Enter");
    page.until(&format!("location.pathname !== {first} && document.readyState === 'complete'"));
    page.until("document.querySelector('[role=status]').innerText.includes('2 pieces left')");

    page.press("e");
    page.until("document.activeElement.id === 'text'");
    page.value(
        "document.activeElement.setSelectionRange(document.activeElement.value.length, document.activeElement.value.length)",
    );
    page.types("\n\nOne more sentence, by hand.");
    page.keep("edit");
    page.accessible("edit");
    page.click("#edit button");
    page.until("document.querySelector('.edited ins') !== null && document.readyState === 'complete'");
    page.accessible("edited");
    page.click(".edited h2");
    page.keep("edited");

    page.open(&service.at("/queue"));
    page.click("a.piece");
    page.until("document.querySelector('#reject') !== null && document.readyState === 'complete'");
    page.press("r");
    page.until("document.activeElement.id === 'reason'");
    page.types("not this month");
    page.click("#reject button");
    page.until("location.pathname === '/queue' && document.readyState === 'complete'");
    service.wait_for("closed");
    page.judge(&service.at("/cycles"), "cycles");
    page.judge(&service.at("/cycles/first-loop/1"), "cycle");
    page.judge(&service.at("/proposals"), "proposals");
    page.judge(&service.at("/pieces/first-loop/o-fffffff"), "nothing-here");
    page.judge(&service.at("/go/AAAA.AAAA"), "a-link-that-does-not-work");
    let published = place.files("workflows/first-loop/out");
    assert_eq!(published.len(), 2, "what was approved went out");
}
