//! The `wordpress` channel against a real WordPress with its own database, started once for these tests from Debian's packages.
//!
//! `.ci/run` installs them: wordpress, php-cli, php-mysql, mariadb-server. Where they are absent, these tests say so.

#![expect(clippy::await_holding_lock, reason = "one test at a time has the server, from its beginning to its end")]

use crate::cli::place::{FIRST, Place, Ran, list, text};
use crate::content_server::ContentServer;
use crate::skip::skipped;
use base64::Engine as _;
use loopctl::base::Timestamp;
use loopctl::model::{Channel as ChannelOf, Config, Scalar, SecretRef};
use loopctl::runtime::{Look, SentText, Standing, StandingText};
use loopctl::step::{FailureKind, Publish, Reply};
use loopctl::world::publish::{Channel as _, wordpress::WordPress};
use loopctl::world::web::Web;
use loopctl::world::{Secrets, SystemClock, WebSettings};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const BLOG: &str = r#"channel "blog" kind="files" { dir "first-loop/out/blog" }"#;

struct Site(ContentServer);

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
    let site = SITE.get_or_init(|| Some(Site(ContentServer::start("wordpress.sh", &[]))));
    site.as_ref().map(|site| (site, turn))
}

impl Site {
    /// One question to the API, as a person's program asks it.
    fn ask(&self, method: &str, route: &str, body: Option<&Value>) -> Value {
        let login = base64::engine::general_purpose::STANDARD.encode(format!("editor:{}", self.0.secret));
        self.0.ask(method, &format!("/?rest_route={route}"), &format!("authorization: Basic {login}\r\n"), body)
    }

    /// The first loop with this site for its blog. Learning takes most of a cycle's time and is not what is tried here.
    fn place(&self) -> Place {
        let place = Place::new();
        let channel = format!(
            "channel \"blog\" kind=\"wordpress\" {{ url \"http://127.0.0.1:{}\"; user \"editor\"; password (env)\"WORDPRESS_PASSWORD\" }}",
            self.0.port
        );
        place.edit(FIRST, BLOG, &channel);
        place.edit(FIRST, "backtest horizon=\"30d\"", "");
        place
    }

    fn posts(&self, search: &str) -> Vec<Value> {
        let route = format!("/wp/v2/posts&status=publish,draft,trash&context=edit&per_page=50&search={search}");
        list(&self.ask("GET", &route, None))
    }

    fn channel(&self, password: &'static str) -> WordPress {
        let node = |name: &str, arg: Scalar| Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() };
        let children = vec![
            node("url", Scalar::Text(format!("http://127.0.0.1:{}", self.0.port))),
            node("user", Scalar::Text("editor".into())),
            node("password", Scalar::Secret(SecretRef::Env("WORDPRESS".into()))),
        ];
        let channel =
            ChannelOf { name: "site".into(), kind: "wordpress".into(), config: Config { children, ..Config::default() } };
        let settings = WebSettings { proxy: false, gap: Duration::ZERO, ..WebSettings::default() };
        let real = self.0.secret.clone();
        let secrets = Secrets::new("")
            .with_environment(move |_| Some(if password.is_empty() { real.clone() } else { password.to_owned() }));
        WordPress::new(&channel, Arc::new(Web::new(settings, Arc::new(SystemClock))), secrets)
    }
}

fn piece(key: &str) -> Publish {
    Publish {
        update: false,
        over: None,
        channel: "site".into(),
        key: key.into(),
        title: "Prices & “moved”".into(),
        text: "# Prices & “moved”\n\nTwo rivals **raised** [prices](https://us.example/p?utm_source=site&utm_content=k).\n\n<script>alert(1)</script>\n".into(),
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

/// With all that Markdown has.
const RICH: &str = "# Rich\n\nTwo rivals **raised** [prices](https://us.example/p?a=1&utm_source=site&utm_content=k), \
    *as* `they` said:\nfive & six.\n\n## Why\n\n- one\n- two\n  - deep\n\n1. first\n2. second\n\n> Quoted words.\n\n```\nlet a = 1 < 2;\n```\n\n\
    | plan | price |\n|---|---|\n| a | 1 |\n\n---\n\nThe end.\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_writes_in_wordpress_comes_back_as_markdown() {
    let Some((site, _turn)) = site() else { return };
    let channel = site.channel("");
    let rich = Publish { title: "Rich".into(), text: RICH.into(), ..piece("rich-1") };
    let Reply::Published(first) = channel.publish(&rich).await else { panic!("it goes out") };
    let asked = look(&rich, first.version.clone());
    assert_eq!(channel.read_back(&asked).await, Standing::Same);
    assert_eq!(channel.read_back(&Look { sent: None, ..asked.clone() }).await, Standing::Same);
    // A change of nothing but the categories is none of the text. WordPress counts in seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let post = &site.posts("key%3Drich-1")[0];
    let route = format!("/wp/v2/posts/{}", post["id"]);
    site.ask("POST", &route, Some(&json!({"excerpt": "In short."})));
    assert_eq!(channel.read_back(&asked).await, Standing::Same);
    // The block editor puts every block into comments, and a person changes one.
    let raw = text(&post["content"]["raw"]);
    let blocks = raw.replace("<p>", "<!-- wp:paragraph -->\n<p>").replace("</p>", "</p>\n<!-- /wp:paragraph -->");
    let edited = blocks.replace("Two rivals", "Three rivals &amp; a <em>friend</em>");
    site.ask("POST", &route, Some(&json!({"content": edited})));
    let found = changed(channel.read_back(&Look { sent: None, ..asked.clone() }).await);
    assert!(found.modified.is_some() && found.version != first.version);
    let found = changed(channel.read_back(&asked).await);
    let wanted = RICH.replace("Two rivals", "Three rivals & a *friend*").replace("said:\nfive", "said: five");
    assert_eq!((found.text.as_str(), found.html), (wanted.as_str(), 0), "everything else is there to the byte");
    // A new text with their words takes the place of the one it has them from, and of no other.
    let over =
        |version: Option<String>, text: &str| Publish { update: true, over: version, text: text.to_owned(), ..rich.clone() };
    let Reply::Failed(failure) = channel.publish(&over(first.version.clone(), RICH)).await else { panic!("it is theirs") };
    assert!(failure.message.contains("was changed in WordPress"), "{failure:?}");
    let Reply::Published(second) = channel.publish(&over(found.version, &format!("{wanted}\nMore.\n"))).await else {
        panic!("both")
    };
    assert_eq!(second.location, first.location);
    let now = text(&site.posts("key%3Drich-1")[0]["content"]["raw"]);
    assert!(now.contains("More.") && now.contains("friend"), "{now}");
    // Taken back, thrown away, deleted for good: no edit, and a new text is not sent.
    let asked = look(&rich, second.version.clone());
    for (status, expected) in [("draft", Standing::Withdrawn), ("publish", Standing::Same), ("private", Standing::Withdrawn)] {
        site.ask("POST", &route, Some(&json!({"status": status})));
        assert_eq!(channel.read_back(&asked).await, expected, "{status}");
    }
    site.ask("DELETE", &route, None);
    assert_eq!(channel.read_back(&asked).await, Standing::Withdrawn);
    let Reply::Failed(failure) = channel.publish(&over(second.version.clone(), RICH)).await else { panic!("it is in the bin") };
    assert!(failure.message.contains("was taken off WordPress"), "{failure:?}");
    site.ask("DELETE", &format!("{route}&force=true"), None);
    assert_eq!(channel.read_back(&asked).await, Standing::Gone);
    assert!(matches!(channel.publish(&over(second.version, RICH)).await, Reply::Failed(_)));
    assert!(site.posts("key%3Drich-1").is_empty(), "it is not sent again");
}

#[test]
fn an_edit_in_wordpress_is_in_the_next_text() {
    let Some((site, _turn)) = site() else { return };
    let place = site.place();
    let run = |words: &str| {
        let mut command = place.command(words);
        command.env("WORDPRESS_PASSWORD", &site.0.secret);
        Ran::of(&mut command)
    };
    run(&format!("run {FIRST} --approve-all")).exit(0);
    let published = list(&place.cycle(FIRST, 1)["published"]);
    let key = text(&published[0]["key"]);
    std::thread::sleep(Duration::from_millis(1_100));
    let post = &site.posts(&format!("key%3D{key}"))[0];
    let raw = text(&post["content"]["raw"]).replacen("<p>", "<p>By hand, in WordPress: ", 1);
    site.ask("POST", &format!("/wp/v2/posts/{}", post["id"]), Some(&json!({"content": raw})));
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, format!("{}\nSaid in another way.\n", place.read(template)));
    run(&format!("retry {FIRST} --from drafts")).exit(0);
    run(&format!("run {FIRST} --approve-all")).exit(0);
    let posts = site.posts(&format!("key%3D{key}"));
    let now = text(&posts[0]["content"]["raw"]);
    assert_eq!(posts.len(), 1);
    assert!(now.contains("By hand, in WordPress: ") && now.contains("Said in another way."), "{now}");
    run(&format!("log {FIRST}")).exit(0).says("somebody in WordPress edited in channel");
    run(&format!("trace {FIRST} {key}")).exit(0).says("changed by somebody in WordPress");
    run(&format!("replay {FIRST} 2")).exit(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_is_taken_is_anothers_and_the_piece_is_found_by_its_key() {
    let Some((site, _turn)) = site() else { return };
    let channel = site.channel("");
    let piece = piece("slug-1");
    // Somebody has a post under the very slug that the piece would get.
    let Reply::Published(first) = channel.publish(&piece).await else { panic!("it goes out") };
    let ours = site.posts("key%3Dslug-1").remove(0);
    let (route, slug) = (format!("/wp/v2/posts/{}", ours["id"]), text(&ours["slug"]));
    site.ask("DELETE", &format!("{route}&force=true"), None);
    site.ask(
        "POST",
        "/wp/v2/posts",
        Some(&json!({"title": "Mine", "content": "Not loopctl's.", "slug": slug, "status": "publish"})),
    );
    assert_eq!(channel.placed("slug-1").await, Reply::Placed(None));
    let Reply::Published(second) = channel.publish(&piece).await else { panic!("it goes out") };
    assert_ne!(second.location, first.location);
    assert_eq!(channel.publish(&piece).await, Reply::Published(second), "and it is one piece all the same");
    let posts = site.posts("key%3Dslug-1");
    assert_eq!((posts.len(), text(&posts[0]["slug"])), (1, format!("{slug}-2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_becomes_one_post_and_what_people_make_of_it_stays() {
    let Some((site, _turn)) = site() else { return };
    let channel = site.channel("");
    assert_eq!(channel.placed("key-1").await, Reply::Placed(None));
    let Reply::Published(first) = channel.publish(&piece("key-1")).await else { panic!("it goes out") };
    assert!(first.location.starts_with(&format!("http://127.0.0.1:{}/?p=", site.0.port)), "{first:?}");
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
    let Reply::Published(now) = channel.publish(&better).await else { panic!("it is there") };
    assert_eq!(channel.read_back(&look(&better, now.version)).await, Standing::Same);

    // A person writes in WordPress and renames the post.
    let raw = text(&site.posts("key%3Dkey-1")[0]["content"]["raw"]);
    let route = format!("/wp/v2/posts/{}", posts[0]["id"]);
    let edit = json!({"content": raw.replace("Three rivals", "Four rivals"), "slug": "my-own-name", "title": "Mine"});
    site.ask("POST", &route, Some(&edit));
    let standing = changed(channel.read_back(&look(&better, None)).await);
    assert_eq!((standing.title.as_str(), standing.text.trim()), ("Mine", "# Mine\n\nFour rivals raised prices."));
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
    let place = site.place();
    place.run(&format!("validate {FIRST}")).exit(0);
    let command = || {
        let mut command = place.command(&format!("run {FIRST} --approve-all"));
        command.env("WORDPRESS_PASSWORD", &site.0.secret);
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
