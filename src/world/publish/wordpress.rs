//! The `wordpress` channel: each piece as one post, over the REST API that every WordPress has (since 4.7), with an application password.
//!
//! WordPress takes a second post with the same slug and calls it `…-2`, so it cannot keep the promise "not twice" for us. A post carries the
//! piece's key in its slug and, in a comment that no reader sees, with a mark of its text. Before anything is written the posts are looked
//! through for the key: by slug, which is quick, and then by the comment, because people rename posts. What a person has changed in
//! WordPress, also by throwing it away, is the truth and stays. WordPress has no lock: what is there is read right before it is replaced.
//! A version is the time of the last change with a mark of the text, because that time has no fractions of a second.

use super::files::slug;
use super::rest::{Act, Rest, failed};
use super::{Channel, Standings, back, html};
use crate::base::{Digest, Timestamp};
use crate::model::{self, Scalar, SecretRef};
use crate::runtime::{Look, Standing, StandingText};
use crate::step::{Publish, Published, Reply};
use crate::world::generate::Replying;
use crate::world::secrets::{Secret, Secrets};
use crate::world::trouble::Trouble;
use crate::world::web::Web;
use reqwest::Url;
use serde_json::{Value, json};
use std::sync::Arc;

/// Every state that a post can be in, also in the bin.
const ANY: &str = "publish,future,draft,pending,private,trash";

/// One WordPress site.
pub struct WordPress {
    rest: Rest,
    url: String,
    user: String,
    password: Option<SecretRef>,
    status: &'static str,
    secrets: Secrets,
}

/// A post of ours as it stands.
struct Post {
    id: u64,
    title: String,
    link: String,
    modified: String,
    at: Option<Timestamp>,
    html: String,
    /// Of the text that we sent, as the comment says.
    mark: String,
    /// `publish`, `draft`, `trash` …
    status: String,
}

impl Post {
    fn is_edited(&self) -> bool {
        self.status == "trash" || mark(&self.html) != self.mark
    }

    /// With the mark that reports look for.
    fn known_as(&self) -> String {
        let edited = if self.is_edited() { " edited" } else { "" };
        format!("{}{edited}", self.version())
    }

    fn version(&self) -> String {
        version(&self.modified, &self.title, &self.html)
    }

    /// Whether it has the words of this version. WordPress dates a post anew also when only its categories change.
    fn is(&self, known: &str) -> bool {
        let known = known.trim_end_matches(" edited");
        let words = |version: &str| version.split_once(' ').map(|(_, words)| words.to_owned());
        known == self.version() || (words(known).is_some() && words(known) == words(&self.version()))
    }

    fn receipt(&self, at: Timestamp) -> Published {
        Published { location: self.link.clone(), version: Some(self.known_as()), at, reach: None }
    }
}

impl WordPress {
    pub fn new(channel: &model::Channel, web: Arc<Web>, secrets: Secrets) -> WordPress {
        let config = &channel.config;
        WordPress {
            rest: Rest::new(channel, web),
            url: config.text("url").unwrap_or_default().to_owned(),
            user: config.text("user").unwrap_or_default().to_owned(),
            password: config.value("password").and_then(Scalar::secret).cloned(),
            status: if config.text("status") == Some("draft") { "draft" } else { "publish" },
            secrets,
        }
    }

    fn password(&self) -> Result<Secret, Trouble> {
        match &self.password {
            Some(password) => Ok(self.secrets.read(password)?),
            None => Err(Trouble::permanent(
                format!("channel `{}` has no password", self.rest.name),
                "add `password (env)\"WORDPRESS_PASSWORD\"`: an application password of that user",
            )),
        }
    }

    /// An address of the API. This form works whatever the site's links look like.
    fn at(&self, route: &str, parameters: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = self.rest.site(&self.url)?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url.query_pairs_mut().clear().append_pair("rest_route", route).extend_pairs(parameters);
        Ok(url)
    }

    async fn find(&self, key: &str, named: Option<&str>) -> Result<Option<Post>, Trouble> {
        let comment = format!("loopctl key={key} ");
        let mut ways: Vec<(&str, &str)> = Vec::new();
        if let Some(slug) = named {
            ways.push(("slug", slug));
        }
        ways.push(("search", comment.trim()));
        let password = self.password()?;
        for (how, what) in ways {
            let url = self.at("/wp/v2/posts", &[(how, what), ("status", ANY), ("context", "edit"), ("per_page", "20")])?;
            let call = self.rest.web.client()?.get(url.clone()).basic_auth(&self.user, Some(password.expose()));
            let posts = self.rest.ask(call, &url, Act::Look, &password).await?;
            let Some(posts) = posts.as_array() else { return Err(self.strange()) };
            // The oldest, should there ever be two.
            if let Some(post) = posts.iter().rev().find_map(|post| read(post, key)) {
                return Ok(Some(post));
            }
        }
        Ok(None)
    }

    /// When the post with this key was changed last, and its state; without its text.
    async fn glance(&self, key: &str) -> Result<Option<(String, String)>, Trouble> {
        let search = format!("loopctl key={key}");
        let parameters =
            [("search", search.as_str()), ("status", ANY), ("context", "edit"), ("_fields", "id,modified_gmt,status")];
        let password = self.password()?;
        let url = self.at("/wp/v2/posts", &parameters)?;
        let call = self.rest.web.client()?.get(url.clone()).basic_auth(&self.user, Some(password.expose()));
        let posts = self.rest.ask(call, &url, Act::Look, &password).await?;
        let posts = posts.as_array().ok_or_else(|| self.strange())?;
        let text = |post: &Value, name: &str| post[name].as_str().unwrap_or_default().to_owned();
        Ok(posts.last().map(|post| (text(post, "modified_gmt"), text(post, "status"))))
    }

    async fn standing(&self, look: &Look) -> Result<Standing, Trouble> {
        if let (Some(known), None) = (&look.version, &look.sent)
            && let Some((modified, status)) = self.glance(&look.key).await?
            && known.split(' ').next() == Some(modified.as_str())
        {
            return Ok(if self.is_withdrawn(&status) { Standing::Withdrawn } else { Standing::Same });
        }
        let Some(post) = self.find(&look.key, None).await? else { return Ok(Standing::Gone) };
        if self.is_withdrawn(&post.status) {
            return Ok(Standing::Withdrawn);
        }
        if look.version.as_ref().is_some_and(|known| post.is(known)) {
            return Ok(Standing::Same);
        }
        let back = match &look.sent {
            Some(sent) => back::from_html(sent, &post.link, &post.title, &post.html),
            None => back::Back { title: post.title.clone(), text: String::new(), html: 0 },
        };
        Ok(Standing::Changed(Box::new(StandingText {
            modified: Timestamp::parse(&format!("{}Z", post.modified)),
            version: Some(post.known_as()),
            location: post.link,
            title: back.title,
            text: back.text,
            html: back.html,
        })))
    }

    /// A channel that makes drafts leaves it to people to publish them.
    fn is_withdrawn(&self, status: &str) -> bool {
        status == "trash" || (self.status == "publish" && !matches!(status, "publish" | "future"))
    }

    async fn attempt(&self, request: &Publish) -> Result<Published, Trouble> {
        let slug = slug_of(request);
        let html = html::from_markdown(html::without_title(&request.text, &request.title));
        let content = format!("{html}\n{}", comment(&request.key, &html));
        let found = self.find(&request.key, Some(&slug)).await?;
        let (route, body) = match &found {
            Some(post) if post.status == "trash" && request.update => return Err(self.taken_off(request)),
            // Somebody's words that are in the new text already.
            Some(post) if post.is_edited() && request.update && request.over.as_ref().is_some_and(|over| post.is(over)) => {
                (format!("/wp/v2/posts/{}", post.id), json!({"title": request.title, "content": content}))
            }
            Some(post) if post.is_edited() && request.update => return Err(self.changed_meanwhile(request)),
            None if request.update => return Err(self.taken_off(request)),
            // A person's words stay, and what is there already is not sent again.
            Some(post) if post.is_edited() || post.mark == mark(&html) => return Ok(post.receipt(request.at)),
            Some(post) => (format!("/wp/v2/posts/{}", post.id), json!({"title": request.title, "content": content})),
            None => (
                "/wp/v2/posts".to_owned(),
                json!({"title": request.title, "content": content, "slug": slug, "status": self.status}),
            ),
        };
        let password = self.password()?;
        let url = self.at(&route, &[("context", "edit")])?;
        let call = self.rest.web.client()?.post(url.clone()).basic_auth(&self.user, Some(password.expose())).json(&body);
        let post = self.rest.ask(call, &url, Act::Change, &password).await?;
        read(&post, &request.key).map(|post| post.receipt(request.at)).ok_or_else(|| self.strange())
    }

    fn changed_meanwhile(&self, request: &Publish) -> Trouble {
        Trouble::permanent(
            format!("“{}” was changed in WordPress since it was last looked at, so it is left as it is", request.title),
            "the next cycle takes the edit up; `loopctl retry --from` then makes a text with the words of both",
        )
    }

    fn taken_off(&self, request: &Publish) -> Trouble {
        Trouble::permanent(
            format!("“{}” was taken off WordPress, so its new text is not written", request.title),
            "put the post back in WordPress, and run `loopctl retry`",
        )
    }

    fn strange(&self) -> Trouble {
        Trouble::permanent(
            format!("what answers behind channel `{}` does not answer as WordPress does", self.rest.name),
            "check `url`, and that no plug-in turns the REST API off or takes comments out of posts",
        )
    }
}

impl Channel for WordPress {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        Box::pin(async { self.rest.patiently(|| self.attempt(request)).await.map_or_else(failed, Reply::Published) })
    }

    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a> {
        Box::pin(async move {
            let found = self.rest.patiently(|| self.find(key, None)).await;
            let now = self.rest.web.clock.now();
            found.map_or_else(failed, |post| Reply::Placed(post.map(|post| post.receipt(post.at.unwrap_or(now)))))
        })
    }

    fn read_back<'a>(&'a self, look: &'a Look) -> Standings<'a> {
        Box::pin(self.rest.soon(self.standing(look)))
    }
}

/// Readable, and one of a kind by the beginning of the key's digest.
pub(super) fn slug_of(request: &Publish) -> String {
    let short = Digest::of(&request.key).short(8);
    match slug(&request.title).as_str() {
        "" => short,
        slug => format!("{slug}-{short}"),
    }
}

fn comment(key: &str, html: &str) -> String {
    format!("<!-- loopctl key={key} mark={} -->", mark(html))
}

/// The time of the last change, and what stands there.
fn version(modified: &str, title: &str, html: &str) -> String {
    format!("{modified} {}", mark(&format!("{title}\n{html}")))
}

/// Of a text, however its lines end.
fn mark(html: &str) -> String {
    Digest::of(html.replace("\r\n", "\n").trim()).short(16)
}

/// A post with this key in it.
fn read(post: &Value, key: &str) -> Option<Post> {
    let raw = post["content"]["raw"].as_str()?;
    let begin = format!("<!-- loopctl key={key} mark=");
    let (html, rest) = raw.split_once(&begin)?;
    let (mark, after) = rest.split_once(" -->")?;
    let text = |name: &str| post[name].as_str().unwrap_or_default().to_owned();
    Some(Post {
        id: post["id"].as_u64()?,
        link: text("link"),
        title: post["title"]["raw"].as_str().unwrap_or_default().to_owned(),
        modified: text("modified_gmt"),
        at: Timestamp::parse(&format!("{}Z", text("date_gmt"))),
        html: format!("{html}{after}"),
        mark: mark.to_owned(),
        status: text("status"),
    })
}
