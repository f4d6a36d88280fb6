//! The `ghost` channel against a real Ghost with its own database, started once for these tests.
//!
//! `.ci/ghost` installs it; `LOOPCTL_TEST_GHOST` names the folder it is in. Where it is absent, these tests say so.

#![expect(clippy::await_holding_lock, reason = "one test at a time has the server, from its beginning to its end")]

use crate::cli::place::{FIRST, Place, Ran, list, text};
use crate::content_server::ContentServer;
use crate::skip::skipped;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use loopctl::base::Timestamp;
use loopctl::model::{Channel as ChannelOf, Config, Scalar, SecretRef};
use loopctl::runtime::{Look, SentText, Standing, StandingText};
use loopctl::step::{FailureKind, Publish, Reply};
use loopctl::world::publish::{Channel as _, ghost::Ghost};
use loopctl::world::web::Web;
use loopctl::world::{Secrets, SystemClock, WebSettings};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BLOG: &str = r#"channel "blog" kind="files" { dir "first-loop/out/blog" }"#;

struct Site(ContentServer);

/// The site, for one test at a time; `None` where there is none on this machine.
fn site() -> Option<(&'static Site, MutexGuard<'static, ()>)> {
    static SITE: OnceLock<Option<Site>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let installed = std::env::var_os("LOOPCTL_TEST_GHOST").map(PathBuf::from).unwrap_or_default();
    if !installed.join("package/index.js").is_file() {
        skipped(Path::new("a Ghost, named by LOOPCTL_TEST_GHOST"));
        return None;
    }
    let site = SITE.get_or_init(|| Some(Site(ContentServer::start("ghost.sh", &[installed.as_os_str()]))));
    site.as_ref().map(|site| (site, turn))
}

impl Site {
    /// One question to the Admin API, as a person's program asks it.
    fn ask(&self, method: &str, route: &str, body: Option<&Value>) -> Value {
        let (id, secret) = self.0.secret.split_once(':').expect("an Admin API key");
        let bytes: Vec<u8> =
            (0..secret.len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16).expect("hex")).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({"alg": "HS256", "typ": "JWT", "kid": id}));
        let signed = format!("{head}.{}", part(json!({"iat": now, "exp": now + 60, "aud": "/admin/"})));
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).expect("any length");
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        let headers = format!("authorization: Ghost {token}\r\naccept-version: v5.0\r\n");
        self.0.ask(method, &format!("/ghost/api/admin{route}"), &headers, body)
    }

    /// The posts with this key, or all of ours.
    fn posts(&self, key: &str) -> Vec<Value> {
        let all = list(&self.ask("GET", "/posts/?formats=html&limit=100&include=tags", None)["posts"]);
        let is_ours =
            |post: &Value| list(&post["tags"]).iter().any(|tag| text(&tag["name"]).starts_with(&format!("#loopctl-{key}")));
        all.into_iter().filter(is_ours).collect()
    }

    /// Changes a post as a person does in Ghost's editor.
    fn edit(&self, post: &Value, mut change: Value) -> Value {
        change["updated_at"] = post["updated_at"].clone();
        let route = format!("/posts/{}/?source=html&formats=html", text(&post["id"]));
        self.ask("PUT", &route, Some(&json!({"posts": [change]})))
    }

    fn channel(&self, key: &'static str) -> Ghost {
        let node = |name: &str, arg: Scalar| Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() };
        let children = vec![
            node("url", Scalar::Text(format!("http://127.0.0.1:{}", self.0.port))),
            node("key", Scalar::Secret(SecretRef::Env("GHOST".into()))),
        ];
        let channel = ChannelOf { name: "site".into(), kind: "ghost".into(), config: Config { children, ..Config::default() } };
        let settings = WebSettings { proxy: false, gap: Duration::ZERO, ..WebSettings::default() };
        let real = self.0.secret.clone();
        let secrets =
            Secrets::new("").with_environment(move |_| Some(if key.is_empty() { real.clone() } else { key.to_owned() }));
        Ghost::new(&channel, Arc::new(Web::new(settings, Arc::new(SystemClock))), secrets)
    }
}

/// With all that Markdown has.
const RICH: &str = "# Rich & “rare”\n\nTwo rivals **raised** [prices](https://us.example/p?a=1&utm_source=site&utm_content=k), *as* `they` \
    said:\nfive & six.\n\n## Why\n\n- one\n- two\n\n1. first\n2. second\n\n> Quoted words.\n\n```\nlet a = 1 < 2;\n```\n\n---\n\nThe end.\n";

fn piece(key: &str) -> Publish {
    Publish {
        update: false,
        over: None,
        channel: "site".into(),
        key: key.into(),
        title: "Rich & “rare”".into(),
        text: RICH.into(),
        fields: std::collections::BTreeMap::new(),
        at: Timestamp::parse("2026-11-22T06:00:00Z").expect("a time"),
        people: None,
    }
}

fn look(piece: &Publish, version: Option<String>) -> Look {
    let sent = Some(SentText { title: piece.title.clone(), text: piece.text.clone() });
    Look { channel: "site".into(), key: piece.key.clone(), location: String::new(), version, sent }
}

fn changed(standing: Standing) -> StandingText {
    match standing {
        Standing::Changed(text) => *text,
        other => panic!("{other:?}"),
    }
}

/// Ghost dates what it keeps to the second, so two edits within one have the same date.
async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_becomes_one_post_and_what_people_make_of_it_comes_back() {
    let Some((site, _turn)) = site() else { return };
    let channel = site.channel("");
    assert_eq!(channel.placed("key-1").await, Reply::Placed(None));
    let Reply::Published(first) = channel.publish(&piece("key-1")).await else { panic!("it goes out") };
    assert_eq!(channel.publish(&piece("key-1")).await, Reply::Published(first.clone()), "the same piece is the same post");
    assert_eq!(site.posts("key-1").len(), 1);
    assert!(matches!(channel.placed("key-1").await, Reply::Placed(Some(found)) if found.version == first.version));
    // Another piece with the same title is another post, although Ghost would call both the same.
    let Reply::Published(other) = channel.publish(&piece("key-2")).await else { panic!("it goes out") };
    assert_ne!(other.location, first.location);

    let asked = look(&piece("key-1"), first.version.clone());
    assert_eq!(channel.read_back(&asked).await, Standing::Same);
    assert_eq!(channel.read_back(&Look { sent: None, ..asked.clone() }).await, Standing::Same);
    // Whatever Ghost makes of the HTML, without an edit it is the text that was sent, also when the version is not known.
    assert_eq!(changed(channel.read_back(&look(&piece("key-1"), None)).await).text, RICH);
    // A person changes something else than the text.
    let post = site.posts("key-1").remove(0);
    site.edit(&post, json!({"custom_excerpt": "In short."}));
    assert_eq!(channel.read_back(&asked).await, Standing::Same);
    // And then the text and the title.
    next_second().await;
    let post = site.posts("key-1").remove(0);
    let html = text(&post["html"]).replace("Two rivals", "Three rivals &amp; a <em>friend</em>");
    site.edit(&post, json!({"html": html, "title": "Mine"}));
    let found = changed(channel.read_back(&asked).await);
    let wanted = RICH
        .replace("Rich & “rare”", "Mine")
        .replace("Two rivals", "Three rivals & a *friend*")
        .replace("said:\nfive", "said: five");
    assert_eq!((found.title.as_str(), found.text.as_str(), found.html), ("Mine", wanted.as_str(), 0));
    assert!(found.modified.is_some());

    // A new text takes the place of the one whose words it has, and of no other.
    let over = |version: Option<String>, text: &str| Publish {
        update: true,
        over: version,
        text: text.to_owned(),
        title: "Mine".into(),
        ..piece("key-1")
    };
    let Reply::Failed(failure) = channel.publish(&over(first.version.clone(), RICH)).await else { panic!("it is theirs") };
    assert!(failure.message.contains("was changed in Ghost"), "{failure:?}");
    let both = over(found.version, &format!("{wanted}\nMore.\n"));
    next_second().await;
    let Reply::Published(second) = channel.publish(&both).await else { panic!("it has both") };
    let now = site.posts("key-1");
    let html = text(&now[0]["html"]);
    assert!(now.len() == 1 && html.contains("More.") && html.contains("friend"), "{html}");
    assert_eq!(channel.publish(&both).await, Reply::Published(second.clone()), "sent twice, it is there once");
    // Ghost itself says no to whoever has an older post before their eyes.
    let refused = site.edit(&post, json!({"html": "<p>stale</p>"}));
    assert_eq!(text(&refused["errors"][0]["type"]), "UpdateCollisionError", "{refused}");

    // Taken back and deleted: no edit, and a new text is not sent.
    let asked = look(&both, second.version.clone());
    let post = site.posts("key-1").remove(0);
    site.edit(&post, json!({"status": "draft"}));
    assert_eq!(channel.read_back(&asked).await, Standing::Withdrawn);
    site.ask("DELETE", &format!("/posts/{}/", text(&post["id"])), None);
    assert_eq!(channel.read_back(&asked).await, Standing::Gone);
    let Reply::Failed(failure) = channel.publish(&over(second.version, RICH)).await else { panic!("it is not there") };
    assert!(failure.message.contains("is not in Ghost any more"), "{failure:?}");
    assert!(site.posts("key-1").is_empty(), "it is not sent again");

    let wrong = "6489d7a0b1c2d3e4f5a6b7c8:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let Reply::Failed(failure) = site.channel(wrong).publish(&piece("key-3")).await else { panic!("no login") };
    assert_eq!(failure.kind, FailureKind::Permanent, "{failure:?}");
    assert!(!format!("{failure:?}").contains("00112233"), "{failure:?}");
}

#[test]
fn a_loop_that_is_killed_while_it_posts_posts_each_piece_once_and_an_edit_comes_back() {
    let Some((site, _turn)) = site() else { return };
    let place = Place::new();
    let channel =
        format!("channel \"blog\" kind=\"ghost\" {{ url \"http://127.0.0.1:{}\"; key (env)\"GHOST_KEY\" }}", site.0.port);
    place.edit(FIRST, BLOG, &channel);
    // It takes most of a cycle's time, and learning is not what is tried here.
    place.edit(FIRST, "backtest horizon=\"30d\"", "");
    place.run(&format!("validate {FIRST}")).exit(0);
    let command = |words: &str| {
        let mut command = place.command(words);
        command.env("GHOST_KEY", &site.0.secret);
        command
    };
    let run = format!("run {FIRST} --approve-all");
    let before = site.posts("").len();
    let mut running = command(&run).spawn().expect("loopctl starts");
    let begun = Instant::now();
    while site.posts("").len() == before {
        assert!(begun.elapsed() < Duration::from_secs(120), "no post came");
        std::thread::sleep(Duration::from_millis(20));
    }
    // It may have finished by now; then there is nothing to kill, and the rest holds all the same.
    let _ = running.kill();
    running.wait().expect("it ended");
    if place.cycle(FIRST, 1)["state"] != "closed" {
        Ran::of(&mut command(&run)).exit(0);
    }
    let posts = site.posts("");
    assert_eq!(posts.len() - before, 3, "each piece is there once");
    let published = list(&place.cycle(FIRST, 1)["published"]);
    for piece in &published {
        let location = text(&piece["location"]);
        assert!(posts.iter().any(|post| text(&post["url"]) == location), "{location}");
    }

    let key = text(&published[0]["key"]);
    let post = site.posts(&key).remove(0);
    let html = text(&post["html"]).replacen("<p>", "<p>By hand, in Ghost: ", 1);
    site.edit(&post, json!({"html": html}));
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, format!("{}\nSaid in another way.\n", place.read(template)));
    Ran::of(&mut command(&format!("retry {FIRST} --from drafts"))).exit(0);
    Ran::of(&mut command(&run)).exit(0);
    let now = site.posts(&key);
    let html = text(&now[0]["html"]);
    assert!(now.len() == 1 && html.contains("By hand, in Ghost: ") && html.contains("Said in another way."), "{html}");
    Ran::of(&mut command(&format!("log {FIRST}"))).exit(0).says("somebody in Ghost edited in channel");
    Ran::of(&mut command(&format!("trace {FIRST} {key}"))).exit(0).says("changed by somebody in Ghost");
    Ran::of(&mut command(&format!("replay {FIRST} 2"))).exit(0);
}
