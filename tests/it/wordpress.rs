//! The `wordpress` channel against a real WordPress with its own database, started once for these tests from Debian's packages.
//!
//! `.ci/run` installs them: wordpress, php-cli, php-mysql, mariadb-server. Where they are absent, these tests say so.

#![expect(clippy::await_holding_lock, reason = "one test at a time has the server, from its beginning to its end")]

use crate::cli::place::{FIRST, Place, Ran, list, text};
use crate::skip::skipped;
use base64::Engine as _;
use loopctl::base::Timestamp;
use loopctl::model::{Channel as ChannelOf, Config, Scalar, SecretRef};
use loopctl::step::{FailureKind, Publish, Reply};
use loopctl::world::publish::{Channel as _, wordpress::WordPress};
use loopctl::world::web::Web;
use loopctl::world::{Secrets, SystemClock, WebSettings};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BLOG: &str = r#"channel "blog" kind="files" { dir "first-loop/out/blog" }"#;

struct Site {
    port: u16,
    password: String,
    /// The script ends with its standard input, and that with the test run.
    _running: Mutex<Child>,
    _folder: TempDir,
}

/// The site, for one test at a time; `None` where there is none on this machine.
fn site() -> Option<(&'static Site, MutexGuard<'static, ()>)> {
    static SITE: OnceLock<Option<Site>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let installed = Path::new("/usr/share/wordpress");
    let tool = |name: &str| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !installed.is_dir() || !tool("php") || !tool("mariadbd") {
        skipped(installed);
        return None;
    }
    let site = SITE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let mut running = Command::new("sh")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/servers/wordpress.sh"))
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut said = String::new();
        BufReader::new(running.stdout.take().expect("it is piped")).read_line(&mut said).expect("it says something");
        let password = said.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("WordPress did not start: {said}")).to_owned();
        Some(Site { port, password, _running: Mutex::new(running), _folder: folder })
    });
    site.as_ref().map(|site| (site, turn))
}

impl Site {
    /// One question to the API, as a person's program asks it.
    fn ask(&self, method: &str, route: &str, body: Option<&Value>) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let body = body.map(Value::to_string).unwrap_or_default();
        let login = base64::engine::general_purpose::STANDARD.encode(format!("editor:{}", self.password));
        let head = format!(
            "{method} /?rest_route={route} HTTP/1.0\r\nhost: 127.0.0.1:{}\r\nauthorization: Basic {login}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, json) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    fn posts(&self, search: &str) -> Vec<Value> {
        let route = format!("/wp/v2/posts&status=publish,draft,trash&context=edit&per_page=50&search={search}");
        list(&self.ask("GET", &route, None))
    }

    fn channel(&self, password: &'static str) -> WordPress {
        let node = |name: &str, arg: Scalar| Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() };
        let children = vec![
            node("url", Scalar::Text(format!("http://127.0.0.1:{}", self.port))),
            node("user", Scalar::Text("editor".into())),
            node("password", Scalar::Secret(SecretRef::Env("WORDPRESS".into()))),
        ];
        let channel =
            ChannelOf { name: "site".into(), kind: "wordpress".into(), config: Config { children, ..Config::default() } };
        let settings = WebSettings { proxy: false, gap: Duration::ZERO, ..WebSettings::default() };
        let real = self.password.clone();
        let secrets = Secrets::new("")
            .with_environment(move |_| Some(if password.is_empty() { real.clone() } else { password.to_owned() }));
        WordPress::new(&channel, Arc::new(Web::new(settings, Arc::new(SystemClock))), secrets)
    }
}

fn piece(key: &str) -> Publish {
    Publish {
        update: false,
        channel: "site".into(),
        key: key.into(),
        title: "Prices & “moved”".into(),
        text: "# Prices & “moved”\n\nTwo rivals **raised** [prices](https://us.example/p?utm_source=site&utm_content=k).\n\n<script>alert(1)</script>\n".into(),
        fields: std::collections::BTreeMap::new(),
        at: Timestamp::parse("2026-11-22T06:00:00Z").expect("a time"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_becomes_one_post_and_what_people_make_of_it_stays() {
    let Some((site, _turn)) = site() else { return };
    let channel = site.channel("");
    assert_eq!(channel.placed("key-1").await, Reply::Placed(None));
    let Reply::Published(first) = channel.publish(&piece("key-1")).await else { panic!("it goes out") };
    assert!(first.location.starts_with(&format!("http://127.0.0.1:{}/?p=", site.port)), "{first:?}");
    assert_eq!(channel.publish(&piece("key-1")).await, Reply::Published(first.clone()), "the same piece is the same post");
    let posts = site.posts("key%3Dkey-1");
    assert_eq!(posts.len(), 1);
    let raw = text(&posts[0]["content"]["raw"]);
    assert!(raw.contains("<strong>raised</strong>") && raw.contains("utm_content=k") && !raw.contains("<script"), "{raw}");
    assert!(!raw.contains("<h1>"), "the title stands once: {raw}");
    assert!(matches!(channel.placed("key-1").await, Reply::Placed(Some(found)) if found.location == first.location));

    // Another piece with the same title is another post, although WordPress would call both the same.
    let Reply::Published(second) = channel.publish(&piece("key-2")).await else { panic!("it goes out") };
    assert_ne!(second.location, first.location);

    // Our own words may change as long as nobody else's are there.
    let mut better = piece("key-1");
    better.text = "Three rivals raised prices.".into();
    assert!(matches!(channel.publish(&better).await, Reply::Published(now) if now.location == first.location));
    let standing = channel.read_back("key-1").await.expect("it answers").expect("it is there");
    assert_eq!((standing.text.trim(), standing.edited), ("Three rivals raised prices.", false));

    // A person writes in WordPress and renames the post.
    let raw = text(&site.posts("key%3Dkey-1")[0]["content"]["raw"]);
    let route = format!("/wp/v2/posts/{}", posts[0]["id"]);
    let edit = json!({"content": raw.replace("Three rivals", "Four rivals"), "slug": "my-own-name", "title": "Mine"});
    site.ask("POST", &route, Some(&edit));
    let standing = channel.read_back("key-1").await.expect("it answers").expect("it is found under its new name");
    assert_eq!((standing.text.trim(), standing.edited), ("Four rivals raised prices.", true));
    let Reply::Published(after) = channel.publish(&piece("key-1")).await else { panic!("it is there") };
    assert!(after.version.as_deref().is_some_and(loopctl::world::publish::files::is_edited), "{after:?}");
    let post = &site.posts("key%3Dkey-1")[0];
    assert_eq!((text(&post["title"]["raw"]).as_str(), post["content"]["raw"].as_str().unwrap().contains("Four")), ("Mine", true));

    // What a person threw away is not written again.
    site.ask("DELETE", &route, None);
    assert!(matches!(channel.publish(&piece("key-1")).await, Reply::Published(_)));
    let posts = site.posts("key%3Dkey-1");
    assert_eq!((posts.len(), text(&posts[0]["status"]).as_str()), (1, "trash"));

    let Reply::Failed(failure) = site.channel("wrong wrong wrong").publish(&piece("key-3")).await else { panic!("no login") };
    assert_eq!(failure.kind, FailureKind::Permanent, "{failure:?}");
    assert!(!format!("{failure:?}").contains("wrong wrong"), "{failure:?}");
}

#[test]
fn a_loop_that_is_killed_while_it_posts_posts_each_piece_once() {
    let Some((site, _turn)) = site() else { return };
    let place = Place::new();
    let channel = format!(
        "channel \"blog\" kind=\"wordpress\" {{ url \"http://127.0.0.1:{}\"; user \"editor\"; password (env)\"WORDPRESS_PASSWORD\" }}",
        site.port
    );
    place.edit(FIRST, BLOG, &channel);
    place.run(&format!("validate {FIRST}")).exit(0);
    let command = || {
        let mut command = place.command(&format!("run {FIRST} --approve-all"));
        command.env("WORDPRESS_PASSWORD", &site.password);
        command
    };
    let before = site.posts("loopctl").len();
    let mut running = command().spawn().expect("loopctl starts");
    let begun = Instant::now();
    while site.posts("loopctl").len() == before {
        assert!(begun.elapsed() < Duration::from_secs(120), "no post came");
        std::thread::sleep(Duration::from_millis(20));
    }
    // It may have finished by now; then there is nothing to kill, and the rest holds all the same.
    let _ = running.kill();
    running.wait().expect("it ended");
    let killed_in = place.cycle(FIRST, 1);
    if killed_in["state"] != "complete" {
        Ran::of(&mut command()).exit(0);
    }
    let posts = site.posts("loopctl");
    assert_eq!(posts.len() - before, 3, "each piece is there once");
    let published = list(&place.cycle(FIRST, 1)["published"]);
    assert_eq!(published.len(), 3);
    for piece in &published {
        let location = text(&piece["location"]);
        assert!(posts.iter().any(|post| text(&post["link"]) == location), "{location}");
    }
}
