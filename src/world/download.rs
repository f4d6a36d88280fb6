//! Downloading a file that a person has named: no robots.txt, because nobody crawls here, but the same limits, patience and caution.

use super::trouble::Trouble;
use super::web::{Web, header, host_name, may_lead, may_pass, parse_url, read_body, shown, status_name};
use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, LOCATION};
use std::time::Duration;

/// Redirects followed for one file: hosts of code lead to their storage, and no further.
const REDIRECTS: u32 = 5;
/// For one attempt, to the last byte.
const TIME_MOST: Duration = Duration::from_secs(120);

/// The bytes at an address, at most `most` of them, with as many attempts as the patience allows.
///
/// # Errors
/// What went wrong at last, with the next step.
pub async fn download(web: &Web, address: &str, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let trouble = match attempt(web, address, most).await {
            Ok(bytes) => return Ok(bytes),
            Err(trouble) => trouble,
        };
        match web.pause(attempts, &trouble, None) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(trouble),
        }
    }
}

async fn attempt(web: &Web, address: &str, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut url = parse_url(address)?;
    for _ in 0..=REDIRECTS {
        let name = host_name(&url);
        // The bytes of the archive itself are wanted, for their checksum.
        let request = web.client()?.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        let mut response = web.send(request, &name, TIME_MOST).await.map_err(|error| error.trouble)?;
        let status = response.status();
        match status.as_u16() {
            200..=299 => return read_body(&mut response, most, &name, TIME_MOST).await,
            301 | 302 | 303 | 307 | 308 => url = onwards(&url, &name, header(response.headers(), LOCATION))?,
            _ if may_pass(status) => return Err(web.overloaded(&name, status, response.headers())),
            _ => {
                return Err(Trouble::permanent(
                    format!("`{name}` answered {} for `{}`", status_name(status), shown(&url)),
                    "check the address in a browser; it may have moved, or want a password that loopctl does not send",
                ));
            }
        }
    }
    Err(Trouble::permanent(
        format!("`{}` redirects more than {REDIRECTS} times", shown(&parse_url(address)?)),
        "open the address in a browser and write the one it ends at",
    ))
}

fn onwards(from: &Url, name: &str, location: Option<String>) -> Result<Url, Trouble> {
    let help = "open the address in a browser and write the one it ends at";
    let next = location.and_then(|location| from.join(&location).ok());
    let Some(next) = next else {
        return Err(Trouble::permanent(format!("`{name}` redirects without saying where to"), help));
    };
    let next = parse_url(next.as_str())?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(Trouble::permanent(format!("`{name}` redirects to `{}` without encryption", host_name(&next)), help));
    }
    if !may_lead(from, &next) {
        return Err(Trouble::permanent(
            format!("`{name}` redirects to `{}`, which is on this machine or its own network", host_name(&next)),
            "do not trust that address; if the place is yours, name it itself",
        ));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::test_server::{Answer, TestServer, quick_web};

    async fn at(server: &TestServer, path: &str) -> Result<Vec<u8>, Trouble> {
        download(&quick_web(), &server.at(path), 10).await
    }

    #[tokio::test]
    async fn a_file_comes_whole_over_redirects_and_after_a_hiccup() {
        let server = TestServer::start(|request, nth| match (request.path.as_str(), nth) {
            ("/there", _) => Answer::new(302).with("location", "/here"),
            ("/here", 0) => Answer::new(503),
            ("/here", _) => Answer::new(200).text("archive"),
            _ => Answer::new(404),
        })
        .await;
        assert_eq!(at(&server, "/there").await.unwrap(), b"archive");
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    }

    #[tokio::test]
    async fn what_is_too_large_lost_or_circular_says_so() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/large" => Answer::new(200).text("more than ten bytes"),
            "/endless" => Answer::new(200).without_length().text(&"x".repeat(100_000)),
            "/circle" => Answer::new(302).with("location", "/circle"),
            "/nowhere" => Answer::new(302),
            _ => Answer::new(404),
        })
        .await;
        for (path, expected) in [
            ("/large", "larger than 10 bytes"),
            ("/endless", "larger than 10 bytes"),
            ("/circle", "more than 5 times"),
            ("/nowhere", "without saying where"),
            ("/lost", "404"),
        ] {
            let trouble = at(&server, path).await.unwrap_err();
            assert!(trouble.message.contains(expected) && !trouble.help.is_empty(), "{path}: {trouble:?}");
        }
    }

    #[test]
    fn encryption_is_not_given_up_on_the_way() {
        let from = Url::parse("https://example.com/a").unwrap();
        let to = |place: &str| onwards(&from, "example.com", Some(place.into()));
        assert!(to("http://example.com/a").unwrap_err().message.contains("without encryption"));
        assert!(to("https://127.0.0.1/a").unwrap_err().message.contains("on this machine"));
        assert_eq!(to("/b").unwrap().as_str(), "https://example.com/b");
    }
}
