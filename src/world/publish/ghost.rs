//! The `ghost` channel: each piece as one post, over Ghost's Admin API (version 5) with the key of a custom integration.
//!
//! Ghost takes a second post with the same slug and calls it `…-2`. So each post carries an internal tag with the piece's key, which readers
//! never see, and posts are looked through for it before one is made. A post that is there is left as it is: what a person made of it in
//! Ghost is the truth.

use super::rest::{Act, Rest, failed};
use super::wordpress::slug_of;
use super::{Channel, Standing, Standings, html};
use crate::base::Timestamp;
use crate::builtin::common::html as reader;
use crate::model::{self, Scalar, SecretRef};
use crate::step::{Publish, Published, Reply};
use crate::world::generate::Replying;
use crate::world::secrets::{Secret, Secrets};
use crate::world::trouble::Trouble;
use crate::world::web::{Web, parse_url};
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
    url: String,
    updated: String,
    at: Option<Timestamp>,
    html: String,
}

impl Post {
    fn receipt(&self, at: Timestamp) -> Published {
        Published { location: self.url.clone(), version: Some(self.updated.clone()), at }
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
        token(key.expose(), self.rest.web.clock.now()).map(Secret::new).ok_or_else(none)
    }

    fn at(&self, parameters: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = parse_url(&self.url)?;
        url.set_path(&format!("{}/ghost/api/admin/posts/", url.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs(parameters);
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
        if let Some(post) = self.find(&request.key).await? {
            return Ok(post.receipt(request.at));
        }
        let html = html::from_markdown(html::without_title(&request.text, &request.title));
        let post = json!({
            // Ghost refuses longer ones.
            "title": request.title.chars().take(255).collect::<String>(),
            "html": html,
            "slug": slug_of(request),
            "status": self.status,
            "tags": [{"name": format!("#{}", tag(&request.key))}],
        });
        let url = self.at(&[("source", "html"), ("formats", "html")])?;
        let token = self.token()?;
        let call = self.rest.web.client()?.post(url.clone()).json(&json!({"posts": [post]}));
        let call = call.header("authorization", format!("Ghost {}", token.expose())).header("accept-version", "v5.0");
        let answer = self.rest.ask(call, &url, Act::Change, &token).await?;
        read(&answer["posts"][0]).map(|post| post.receipt(request.at)).ok_or_else(|| self.strange())
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

    /// Ghost keeps no mark of ours beside the text: whoever holds the receipt compares its version with this one.
    fn read_back<'a>(&'a self, key: &'a str) -> Standings<'a> {
        Box::pin(async move {
            let found = self.rest.patiently(|| self.find(key)).await.map_err(|(trouble, _)| trouble)?;
            Ok(found.map(|post| Standing {
                text: reader::lines(&post.html, None),
                edited: false,
                version: post.updated,
                location: post.url,
            }))
        })
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
        let standing = ghost.read_back("k-1").await.unwrap().unwrap();
        assert_eq!(standing.text.trim(), "By hand.");
        assert_ne!(Some(standing.version), first.version);
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
