//! The `ghost` channel: each piece as one post, over Ghost's Admin API (version 5) with the key of a custom integration.
//!
//! Ghost takes a second post with the same slug and calls it `…-2`. So each post carries an internal tag with the piece's key, which readers
//! never see, and posts are looked through for it before one is made. What a person made of a post in Ghost is the truth: a new text takes
//! the place of ours, or of one that it has the words of, and Ghost refuses it when somebody saved the post meanwhile (`updated_at`).
//! A version is that time with a mark of what stands there, because it changes with a tag or a picture too.

use super::rest::{Act, Rest, failed};
use super::wordpress::slug_of;
use super::{Channel, Standings, back, html};
use crate::base::{Digest, Timestamp};
use crate::model::{self, Scalar, SecretRef};
use crate::runtime::{Look, SentText, Standing, StandingText};
use crate::step::{Publish, Published, Reply};
use crate::world::generate::Replying;
use crate::world::secrets::{Secret, Secrets};
use crate::world::trouble::Trouble;
use crate::world::web::Web;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;

/// Ghost takes tokens of at most five minutes.
const TOKEN_SECONDS: i64 = 240;

/// One Ghost site.
pub struct Ghost {
    rest: Rest,
    url: String,
    key: Option<SecretRef>,
    status: &'static str,
    secrets: Secrets,
}

/// A post of ours as it stands.
struct Post {
    id: String,
    title: String,
    url: String,
    updated: String,
    status: String,
    at: Option<Timestamp>,
    html: String,
}

impl Post {
    fn receipt(&self, at: Timestamp) -> Published {
        Published { location: self.url.clone(), version: Some(self.version()), at, reach: None }
    }

    fn version(&self) -> String {
        let words = Digest::of(format!("{}\n{}", self.title, self.html.trim())).short(16);
        format!("{} {words}", self.updated)
    }

    /// Whether it has the words of this version.
    fn is(&self, known: &str) -> bool {
        let own = self.version();
        known == own || known.split_once(' ').is_some_and(|(_, words)| own.ends_with(&format!(" {words}")))
    }
}

impl Ghost {
    pub fn new(channel: &model::Channel, web: Arc<Web>, secrets: Secrets) -> Ghost {
        let config = &channel.config;
        Ghost {
            rest: Rest::new(channel, web),
            url: config.text("url").unwrap_or_default().to_owned(),
            key: config.value("key").and_then(Scalar::secret).cloned(),
            status: if config.text("status") == Some("draft") { "draft" } else { "published" },
            secrets,
        }
    }

    /// A token for the next minutes, made from the integration's key.
    fn token(&self) -> Result<Secret, Trouble> {
        let none = || {
            Trouble::permanent(
                format!("the key of channel `{}` is no Admin API key", self.rest.name),
                "copy it from Ghost under Settings, Integrations: an id, a colon and 64 hexadecimal digits",
            )
        };
        let key = self.secrets.read(self.key.as_ref().ok_or_else(none)?)?;
        token(key.expose(), self.rest.web.wall.now()).map(Secret::new).ok_or_else(none)
    }

    fn at(&self, parameters: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = self.rest.site(&self.url)?;
        url.set_path(&format!("{}/ghost/api/admin/posts/", url.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs(parameters);
        Ok(url)
    }

    fn at_post(&self, id: &str, parameters: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = self.at(parameters)?;
        // An id is what Ghost itself said; whatever else it is, it stays one part of the path.
        let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
        url.set_path(&format!("{}{id}/", url.path()));
        Ok(url)
    }

    async fn find(&self, key: &str) -> Result<Option<Post>, Trouble> {
        let filter = format!("tag:hash-{}", tag(key));
        let url = self.at(&[("filter", &filter), ("formats", "html"), ("limit", "1"), ("order", "created_at asc")])?;
        let token = self.token()?;
        let call = self.rest.web.client()?.get(url.clone());
        let call = call.header("authorization", format!("Ghost {}", token.expose())).header("accept-version", "v5.0");
        let answer = self.rest.ask(call, &url, Act::Look, &token).await?;
        let posts = answer["posts"].as_array().ok_or_else(|| self.strange())?;
        posts.first().map(|post| read(post).ok_or_else(|| self.strange())).transpose()
    }

    async fn attempt(&self, request: &Publish) -> Result<Published, Trouble> {
        let found = self.find(&request.key).await?;
        match &found {
            Some(post) if !request.update => return Ok(post.receipt(request.at)),
            // It arrived the last time, and the answer did not.
            Some(post) if self.has(post, request) => return Ok(post.receipt(request.at)),
            Some(post) if !request.over.as_ref().is_some_and(|over| post.is(over)) => {
                return Err(Trouble::permanent(
                    format!("“{}” was changed in Ghost since it was last looked at, so it is left as it is", request.title),
                    "the next cycle takes the edit up; `loopctl retry --from` then makes a text with the words of both",
                ));
            }
            None if request.update => {
                return Err(Trouble::permanent(
                    format!("“{}” is not in Ghost any more, so its new text is not written", request.title),
                    "somebody deleted the post; a new piece on its topic is a new post",
                ));
            }
            Some(_) | None => {}
        }
        let html = html::from_markdown(html::without_title(&request.text, &request.title));
        // Ghost refuses longer ones.
        let title = request.title.chars().take(255).collect::<String>();
        let form = [("source", "html"), ("formats", "html")];
        let client = self.rest.web.client()?;
        let (call, url) = match &found {
            Some(post) => {
                let url = self.at_post(&post.id, &form)?;
                (
                    client.put(url.clone()).json(&json!({"posts": [{"title": title, "html": html, "updated_at": post.updated}]})),
                    url,
                )
            }
            None => {
                let tags = json!([{"name": format!("#{}", tag(&request.key))}]);
                let post = json!({"title": title, "html": html, "slug": slug_of(request), "status": self.status, "tags": tags});
                let url = self.at(&form)?;
                (client.post(url.clone()).json(&json!({"posts": [post]})), url)
            }
        };
        let token = self.token()?;
        let call = call.header("authorization", format!("Ghost {}", token.expose())).header("accept-version", "v5.0");
        let answer = self.rest.ask(call, &url, Act::Change, &token).await?;
        read(&answer["posts"][0]).map(|post| post.receipt(request.at)).ok_or_else(|| self.strange())
    }

    /// Whether a post has the words of this piece.
    fn has(&self, post: &Post, request: &Publish) -> bool {
        let sent = SentText { title: request.title.clone(), text: request.text.clone() };
        back::from_html(&sent, &post.url, &post.title, &post.html).text == request.text
    }

    /// When the post with this key was changed last, and its state; without its text.
    async fn glance(&self, key: &str) -> Result<Option<(String, String)>, Trouble> {
        let filter = format!("tag:hash-{}", tag(key));
        let url =
            self.at(&[("filter", &filter), ("fields", "id,updated_at,status"), ("limit", "1"), ("order", "created_at asc")])?;
        let token = self.token()?;
        let call = self.rest.web.client()?.get(url.clone());
        let call = call.header("authorization", format!("Ghost {}", token.expose())).header("accept-version", "v5.0");
        let answer = self.rest.ask(call, &url, Act::Look, &token).await?;
        let posts = answer["posts"].as_array().ok_or_else(|| self.strange())?;
        let text = |post: &Value, name: &str| post[name].as_str().unwrap_or_default().to_owned();
        Ok(posts.first().map(|post| (text(post, "updated_at"), text(post, "status"))))
    }

    async fn standing(&self, look: &Look) -> Result<Standing, Trouble> {
        if let (Some(known), None) = (&look.version, &look.sent)
            && let Some((updated, status)) = self.glance(&look.key).await?
            && known.split(' ').next() == Some(updated.as_str())
        {
            return Ok(if self.is_withdrawn(&status) { Standing::Withdrawn } else { Standing::Same });
        }
        let Some(post) = self.find(&look.key).await? else { return Ok(Standing::Gone) };
        if self.is_withdrawn(&post.status) {
            return Ok(Standing::Withdrawn);
        }
        if look.version.as_ref().is_some_and(|known| post.is(known)) {
            return Ok(Standing::Same);
        }
        let back = match &look.sent {
            Some(sent) => back::from_html(sent, &post.url, &post.title, &post.html),
            None => back::Back { title: post.title.clone(), text: String::new(), html: 0 },
        };
        Ok(Standing::Changed(Box::new(StandingText {
            modified: Timestamp::parse(&post.updated),
            version: Some(post.version()),
            location: post.url,
            title: back.title,
            text: back.text,
            html: back.html,
        })))
    }

    /// A channel that makes drafts leaves it to people to publish them.
    fn is_withdrawn(&self, status: &str) -> bool {
        self.status == "published" && status == "draft"
    }

    fn strange(&self) -> Trouble {
        Trouble::permanent(
            format!("what answers behind channel `{}` does not answer as Ghost does", self.rest.name),
            "check `url`: it is the address under which Ghost's own editor opens, without `/ghost`",
        )
    }
}

impl Channel for Ghost {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        Box::pin(async { self.rest.patiently(|| self.attempt(request)).await.map_or_else(failed, Reply::Published) })
    }

    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a> {
        Box::pin(async move {
            let found = self.rest.patiently(|| self.find(key)).await;
            let now = self.rest.web.clock.now();
            found.map_or_else(failed, |post| Reply::Placed(post.map(|post| post.receipt(post.at.unwrap_or(now)))))
        })
    }

    fn read_back<'a>(&'a self, look: &'a Look) -> Standings<'a> {
        Box::pin(self.rest.soon(self.standing(look)))
    }
}

/// Names of tags hold letters, digits and dashes.
fn tag(key: &str) -> String {
    let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("loopctl-{key}")
}

fn read(post: &Value) -> Option<Post> {
    let text = |name: &str| post[name].as_str().map(str::to_owned);
    Some(Post {
        id: text("id")?,
        title: text("title").unwrap_or_default(),
        status: text("status").unwrap_or_default(),
        url: text("url")?,
        updated: text("updated_at")?,
        at: text("published_at").and_then(|at| Timestamp::parse(&at)),
        html: text("html").unwrap_or_default(),
    })
}

/// A JSON Web Token (RFC 7519) as the Admin API wants it; `None` when the key is none.
fn token(key: &str, now: Timestamp) -> Option<String> {
    let (id, secret) = key.split_once(':').filter(|(id, _)| !id.is_empty())?;
    let hex = |at: usize| u8::from_str_radix(secret.get(at..at + 2)?, 16).ok();
    let secret: Vec<u8> =
        (0..secret.len()).step_by(2).map(hex).collect::<Option<_>>().filter(|bytes: &Vec<u8>| bytes.len() >= 16)?;
    let seconds = now.0.div_euclid(1_000);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "HS256", "typ": "JWT", "kid": id}));
    let claims = part(json!({"iat": seconds, "exp": seconds + TOKEN_SECONDS, "aud": "/admin/"}));
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).ok()?;
    mac.update(format!("{head}.{claims}").as_bytes());
    Some(format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::super::front_matter::tests::piece;
    use super::super::letter::tests::node;
    use super::*;
    use crate::model::Config;
    use crate::runtime::Clock as _;
    use crate::step::FailureKind;
    use crate::world::test_server::{Answer, TestRequest, TestServer, quick_web, test_clock};
    use std::sync::Mutex;

    const KEY: &str = "6489d7a0b1c2d3e4f5a6b7c8:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn ghost(url: String, key: &'static str) -> Ghost {
        let secret =
            Config { name: "key".into(), args: [Scalar::Secret(SecretRef::Env("GHOST".into()))].into(), ..Config::default() };
        let config = Config { children: vec![node("url", &url), secret], ..Config::default() };
        let channel = model::Channel { name: "site".into(), kind: "ghost".into(), config };
        Ghost::new(&channel, quick_web(), Secrets::new("").with_environment(move |_| Some(key.to_owned())))
    }

    /// Answers in the forms that Ghost's documentation of the Admin API shows; it keeps what it is given.
    fn site(posts: Arc<Mutex<Vec<Value>>>) -> impl Fn(&TestRequest, usize) -> Answer + Send + Sync + 'static {
        move |request, _| {
            let mut posts = posts.lock().unwrap();
            if request.method == "POST" {
                let mut post = request.json()["posts"][0].clone();
                post["id"] = json!(format!("id{}", posts.len()));
                post["url"] = json!(format!("https://site.example/{}/", post["slug"].as_str().unwrap()));
                post["updated_at"] = json!("2026-11-22T06:00:01.000Z");
                post["published_at"] = json!("2026-11-22T06:00:01.000Z");
                posts.push(post.clone());
                return Answer::new(201).text(&json!({"posts": [post]}).to_string());
            }
            let wanted = request.path.split("filter=tag%3Ahash-").nth(1).unwrap().split('&').next().unwrap();
            let found: Vec<Value> =
                posts.iter().filter(|post| post["tags"][0]["name"] == format!("#{wanted}")).take(1).cloned().collect();
            Answer::new(200).text(&json!({"posts": found, "meta": {}}).to_string())
        }
    }

    #[test]
    fn a_token_is_signed_by_the_integrations_key() {
        let token = token(KEY, test_clock().now()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(read(parts[0]), json!({"alg": "HS256", "typ": "JWT", "kid": "6489d7a0b1c2d3e4f5a6b7c8"}));
        let claims = read(parts[1]);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 240);
        for wrong in ["", "abc", ":00", "id:zz", "id:0", "id:00"] {
            assert_eq!(super::token(wrong, Timestamp(0)), None, "{wrong}");
        }
    }

    /// Recorded from a Ghost 6.65; the data lies beside the repository.
    #[tokio::test]
    async fn what_a_real_ghost_answered_is_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sources/channels");
        let read = |name: &str| std::fs::read_to_string(folder.join(name));
        let Ok(made) = read("ghost-create-post.response.json") else { return crate::base::skip::skipped(&folder) };
        let post = super::read(&serde_json::from_str::<Value>(&made).unwrap()["posts"][0]).expect("it is a post");
        assert_eq!((post.url.as_str(), post.updated.as_str()), ("http://127.0.0.1:8092/cap-1/", "2026-11-22T03:26:00.000Z"));
        assert!(post.at.is_some());
        for (status, name) in [(409, "ghost-409-update-collision.response.json"), (422, "ghost-422-no-updated_at.response.json")]
        {
            let body: &'static str = read(name).unwrap().leak();
            let server = TestServer::start(move |_, _| Answer::new(status).text(body)).await;
            let Reply::Failed(failure) = ghost(server.at(""), KEY).publish(&piece("k", "t")).await else { panic!("it failed") };
            assert_eq!(failure.kind == FailureKind::Transient, status == 409, "{failure:?}");
            assert!(failure.message.contains(if status == 409 { "Someone else is editing" } else { "“" }), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_piece_becomes_one_post_however_often_it_is_sent() {
        let posts = Arc::new(Mutex::new(Vec::new()));
        let server = TestServer::start(site(posts.clone())).await;
        let ghost = ghost(server.at(""), KEY);
        assert_eq!(ghost.placed("k-1").await, Reply::Placed(None));
        let Reply::Published(first) = ghost.publish(&piece("k-1", "Prices moved")).await else { panic!("it goes out") };
        assert!(first.location.starts_with("https://site.example/prices-moved-"), "{first:?}");
        assert_eq!(ghost.publish(&piece("k-1", "Prices moved")).await, Reply::Published(first.clone()));
        assert_eq!(posts.lock().unwrap().len(), 1);
        assert!(matches!(ghost.placed("k-1").await, Reply::Placed(Some(found)) if found.version == first.version));
        // A person writes in Ghost: the version differs from the receipt's, and the words come back.
        posts.lock().unwrap()[0]["html"] = json!("<p>By hand.</p>");
        posts.lock().unwrap()[0]["updated_at"] = json!("2026-11-23T06:00:00.000Z");
        let piece = piece("k-1", "Prices moved");
        let mut look = Look {
            channel: "site".into(),
            key: "k-1".into(),
            location: first.location.clone(),
            version: first.version.clone(),
            sent: Some(SentText { title: piece.title.clone(), text: piece.text.clone() }),
        };
        let Standing::Changed(standing) = ghost.read_back(&look).await else { panic!("it is another text") };
        assert_eq!(standing.text, "# Prices moved\n\nBy hand.\n");
        look.version.clone_from(&standing.version);
        assert_eq!(ghost.read_back(&look).await, Standing::Same);
        posts.lock().unwrap()[0]["status"] = json!("draft");
        assert_eq!(ghost.read_back(&look).await, Standing::Withdrawn);
        posts.lock().unwrap().clear();
        assert_eq!(ghost.read_back(&look).await, Standing::Gone);
    }

    #[tokio::test]
    async fn an_answer_that_is_lost_is_looked_for_and_not_sent_again() {
        let posts = Arc::new(Mutex::new(Vec::new()));
        let answer = site(posts.clone());
        let server = TestServer::start(move |request, nth| {
            let said = answer(request, nth);
            if request.method == "POST" { Answer::raw(b"") } else { said }
        })
        .await;
        let reply = ghost(server.at(""), KEY).publish(&piece("k-1", "Prices moved")).await;
        assert!(matches!(reply, Reply::Published(_)), "{reply:?}");
        assert_eq!(posts.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn refusals_are_final_and_name_the_next_step() {
        let refused = r#"{"errors":[{"message":"Invalid token","context":null,"type":"UnauthorizedError"}]}"#;
        for (status, body, said) in [(401, refused, "“Invalid token”"), (404, "<html>", "`url`"), (200, "<html>", "not JSON")]
        {
            let server = TestServer::start(move |_, _| Answer::new(status).text(body)).await;
            let Reply::Failed(failure) = ghost(server.at(""), KEY).publish(&piece("k", "t")).await else { panic!("it failed") };
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1), "{failure:?}");
            assert!(format!("{failure:?}").contains(said) && !format!("{failure:?}").contains("00112233"), "{failure:?}");
        }
        let Reply::Failed(failure) = ghost("https://site.example".into(), "abc").publish(&piece("k", "t")).await else {
            panic!()
        };
        assert!(failure.message.contains("no Admin API key"), "{failure:?}");
    }
}
