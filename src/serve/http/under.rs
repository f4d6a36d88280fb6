//! Below a path: behind a proxy that shows this service as `https://example.com/loop/`.
//!
//! Pages speak of addresses from the root, and one place puts the path before them on the way out: in what a page leads to, what its forms are
//! sent to, what it loads, and in redirects. Only tags are looked at: in all other text of a page `<` is escaped, so a piece that is about
//! addresses is shown as it is. A proxy may take the path away before it asks us or leave it; both are answered.
//!
//! The path comes from the command line and not from a header, so no request can talk us into another one.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::{Redirect, Response};
use axum::routing::get;

/// What stands before an address of ours in a page.
const BEFORE: [&str; 4] = [" href=\"", " action=\"", " src=\"", " content=\"0;url="];

/// A path as it stands before ours: `/loop`, `/tools/loop`.
///
/// # Errors
/// What it should look like.
pub fn parse(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let fine = |part: &str| {
        !part.is_empty()
            && !part.bytes().all(|byte| byte == b'.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    match path.strip_prefix('/') {
        Some(rest) if rest.split('/').all(fine) => Ok(path.to_owned()),
        _ => Err("expected a path such as `/loop`, of letters, digits, `-`, `_`, `.` and `~`".to_owned()),
    }
}

/// The application, below this path as well.
pub fn below(path: &str, app: Router) -> Router {
    let door = || async { Redirect::to("/queue") };
    let before = path.to_owned();
    Router::new()
        .route(&format!("{path}/"), get(door))
        .nest(path, app.clone())
        .fallback_service(app)
        .layer(middleware::map_response(move |response: Response| moved(before.clone(), response)))
}

async fn moved(path: String, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let of = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_page = of(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    let to = of(header::LOCATION).filter(|to| to.starts_with('/')).map(|to| HeaderValue::from_str(&format!("{path}{to}")));
    if let Some(Ok(to)) = to {
        parts.headers.insert(header::LOCATION, to);
    }
    if !is_page {
        return Response::from_parts(parts, body);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    // A page of ours is text that was made whole; nothing of it is still to come.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(parts, Body::from(with_path(&path, &String::from_utf8_lossy(&bytes))))
}

/// A page with the path before every address of ours.
fn with_path(path: &str, page: &str) -> String {
    let mut out = String::with_capacity(page.len() + page.len() / 32);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        out.push_str(&rest[..at]);
        let mut tag = rest[at..end].to_owned();
        for before in BEFORE.iter().filter(|before| rest[at..end].contains(**before)) {
            tag = tag.replace(&format!("{before}/"), &format!("{before}{path}/"));
        }
        out.push_str(&tag);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_and_begins_with_a_slash() {
        for (text, path) in [("/loop", Some("/loop")), ("/tools/loop/", Some("/tools/loop")), ("/a.b~c", Some("/a.b~c"))] {
            assert_eq!(parse(text).ok().as_deref(), path, "{text}");
        }
        for wrong in ["", "/", "loop", "//loop", "/a//b", "/..", "/a/./b", "/a b", "/{a}", "/a?b", "https://a.example/loop"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_addresses_of_ours_move() {
        let page = "<a href=\"/queue\">a</a><form action=\"/login\"><a href=\"https://a.example/\">b</a><a href=\"#main\">c</a>\
                    <script src=\"/assets/page.js\"></script><p>write &lt;a href=\"/queue\"&gt; and /queue</p>";
        let moved = "<a href=\"/loop/queue\">a</a><form action=\"/loop/login\"><a href=\"https://a.example/\">b</a><a href=\"#main\">c</a>\
                     <script src=\"/loop/assets/page.js\"></script><p>write &lt;a href=\"/queue\"&gt; and /queue</p>";
        assert_eq!(with_path("/loop", page), moved);
    }
}
