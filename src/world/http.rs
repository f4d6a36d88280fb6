//! Reading a page politely: robots.txt first, one request per host at a time, with validators, limits and patience.

use super::polite::{Host, Hosts, Rules};
use super::tries::Door;
use super::trouble::Trouble;
use super::web::{Web, header, host_name, may_lead, may_pass, parse_url, read_body, shown, status_name};
use crate::step::{Body, Fetch, Fetched, Reply};
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use reqwest::{Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Instant;

/// Redirects followed for one page.
const REDIRECTS: u32 = 10;
/// Redirects followed for robots.txt (RFC 9309, section 2.3.1.2).
const ROBOTS_REDIRECTS: u32 = 5;
/// As much of robots.txt is read (RFC 9309, section 2.5): 500 KiB.
const ROBOTS_BYTES: usize = 500 << 10;

/// Reads pages.
pub struct Reader {
    door: Door,
    web: Arc<Web>,
    hosts: Arc<Hosts>,
}

/// One hop on the way to a page.
enum Hop {
    Arrived(Fetched),
    Onwards(Url),
}

impl Reader {
    pub fn new(web: Arc<Web>, hosts: Arc<Hosts>) -> Reader {
        Reader { door: Door::unlimited(web.clone()), web, hosts }
    }

    /// Reads `url` with as many attempts as it takes and the patience allows.
    pub async fn fetch(&self, url: &str, fetch: &Fetch) -> Reply {
        // Each hop has its own turn at its host, so no limit of a door counts here.
        self.door.ask(Reply::Fetched, |_| self.attempt(url, fetch)).await
    }

    async fn attempt(&self, url: &str, fetch: &Fetch) -> Result<Fetched, Trouble> {
        let mut url = parse_url(url)?;
        for _ in 0..=REDIRECTS {
            match self.hop(&url, fetch).await? {
                Hop::Arrived(fetched) => return Ok(fetched),
                Hop::Onwards(next) => url = next,
            }
        }
        Err(Trouble::permanent(
            format!("`{}` redirects more than {REDIRECTS} times, last to `{}`", host_name(&url), shown(&url)),
            "open the address in a browser and write the one it ends at",
        ))
    }

    /// One request in the host's turn. The turn ends with it: a redirect to another host waits there without holding this one.
    async fn hop(&self, url: &Url, fetch: &Fetch) -> Result<Hop, Trouble> {
        let name = host_name(url);
        let settings = &self.web.settings;
        let mut host = self.hosts.turn(url).await;
        host.wait(&name, &settings.patience).await?;
        if !self.rules(&mut host, url, &name).await?.allow(url) {
            let reason = format!("robots.txt of `{name}` asks robots not to read it");
            return Ok(Hop::Arrived(Fetched::Blocked { place: shown(url), reason }));
        }
        let mut request = self.web.client()?.get(url.clone());
        if let Some(etag) = &fetch.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &fetch.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        let asked = Instant::now();
        let mut response = self.web.send(request, &name, settings.page_timeout).await.map_err(|error| {
            host.silent(&error.trouble, &settings.patience);
            error.trouble
        })?;
        let arrived = self.arrive(url, &name, fetch, &mut response).await;
        match &arrived {
            // An answer that is never whole costs as much patience as none, and says as little about the next page.
            Err(trouble) if asked.elapsed() >= settings.page_timeout => host.silent(trouble, &settings.patience),
            _ => host.answered(settings.gap),
        }
        if let Err(Trouble { wait: Some(wait), .. }) = &arrived {
            host.rest(*wait);
        }
        arrived
    }

    async fn arrive(&self, url: &Url, name: &str, fetch: &Fetch, response: &mut Response) -> Result<Hop, Trouble> {
        let status = response.status();
        let place = shown(url);
        Ok(Hop::Arrived(match status.as_u16() {
            304 => Fetched::NotModified,
            301 | 302 | 303 | 307 | 308 => return redirect(url, name, response).map(Hop::Onwards),
            404 | 410 => Fetched::Missing { place },
            401 | 403 | 451 => Fetched::Blocked { place, reason: format!("`{name}` answered {}", status_name(status)) },
            200..=299 => {
                let body = read_body(response, fetch.max_bytes, name, self.web.settings.page_timeout).await?;
                let headers = response.headers();
                Fetched::Content {
                    body: Body::new(body),
                    content_type: header(headers, CONTENT_TYPE),
                    etag: header(headers, ETAG),
                    last_modified: header(headers, LAST_MODIFIED),
                    place,
                }
            }
            _ if may_pass(status) => return Err(self.web.overloaded(name, status, response.headers())),
            _ => {
                return Err(Trouble::permanent(
                    format!("`{name}` answered {} for `{place}`", status_name(status)),
                    "open the address in a browser; it may have moved or want other parameters",
                ));
            }
        }))
    }

    /// The host's rules, read when they are not known. A host whose rules cannot be had because it fails is not read at all
    /// (RFC 9309, section 2.3.1.4); one that has none may be read freely.
    async fn rules<'h>(&self, host: &'h mut Host, url: &Url, name: &str) -> Result<&'h Rules, Trouble> {
        if host.rules().is_none() {
            let rules = self.read_rules(url, name).await.inspect_err(|(trouble, answered)| match (answered, trouble.wait) {
                (false, _) => host.silent(trouble, &self.web.settings.patience),
                (true, Some(wait)) => host.rest(wait),
                (true, None) => {}
            });
            host.learn(rules.map_err(|(trouble, _)| trouble)?);
        }
        Ok(host.rules().expect("rules that were just learned are young"))
    }

    /// Trouble comes with whether the host answered at all.
    async fn read_rules(&self, url: &Url, name: &str) -> Result<Rules, (Trouble, bool)> {
        let settings = &self.web.settings;
        let mut url =
            url.join("/robots.txt").map_err(|_| (Trouble::permanent(format!("`{url}` has no host"), "name a host"), true))?;
        for _ in 0..=ROBOTS_REDIRECTS {
            let request = self.web.client().map_err(|trouble| (trouble, true))?.get(url.clone());
            let sent = self.web.send(request, &host_name(&url), settings.page_timeout).await;
            let mut response = sent.map_err(|error| (error.trouble, false))?;
            let status = response.status();
            match status.as_u16() {
                200..=299 => {
                    let mut text = Vec::new();
                    // A file that breaks off in the middle still says what it says up to there.
                    while let Ok(Some(chunk)) = response.chunk().await {
                        text.extend_from_slice(&chunk);
                        if text.len() > ROBOTS_BYTES {
                            text.truncate(ROBOTS_BYTES);
                            break;
                        }
                    }
                    return Ok(Rules::parse(&text));
                }
                301 | 302 | 303 | 307 | 308 => match redirect(&url, name, &response) {
                    Ok(next) => url = next,
                    Err(_) => return Ok(Rules::none()),
                },
                _ if may_pass(status) => {
                    let trouble = self.web.overloaded(name, status, response.headers());
                    return Err((
                        Trouble {
                            message: format!("{} for robots.txt, so its pages are left alone", trouble.message),
                            ..trouble
                        },
                        true,
                    ));
                }
                _ if status.is_client_error() => return Ok(Rules::none()),
                _ => return Err((unclear_rules(name, status), true)),
            }
        }
        Ok(Rules::none())
    }
}

fn unclear_rules(name: &str, status: StatusCode) -> Trouble {
    Trouble::permanent(
        format!("`{name}` answered {} for robots.txt, so its pages are left alone", status_name(status)),
        "tell the people of that server, or read the page from a saved file",
    )
}

fn redirect(url: &Url, name: &str, response: &Response) -> Result<Url, Trouble> {
    let help = "open the address in a browser and write the one it ends at";
    let Some(location) = header(response.headers(), LOCATION) else {
        return Err(Trouble::permanent(
            format!("`{name}` answered {} without saying where to", status_name(response.status())),
            help,
        ));
    };
    let next = url.join(&location).map_err(|_| {
        Trouble::permanent(
            format!("`{name}` redirects to `{}`, which is not an address", super::trouble::excerpt(&location, 80)),
            help,
        )
    })?;
    let next = parse_url(next.as_str())?;
    if !may_lead(url, &next) {
        return Err(Trouble::permanent(
            format!("`{name}` redirects to `{}`, which is on this machine or its own network", host_name(&next)),
            "do not trust that page; if the address is yours, write it into the workflow itself",
        ));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Failure, FailureKind, Target};
    use crate::world::test_server::{Answer, TestServer, hasty_web, quick_web};
    use std::time::Duration;

    fn reader(web: Arc<Web>) -> Reader {
        Reader::new(web, Arc::default())
    }

    async fn read(server: &TestServer, path: &str) -> Reply {
        read_with(server, path, |_| {}).await
    }

    async fn read_with(server: &TestServer, path: &str, change: impl FnOnce(&mut Fetch)) -> Reply {
        read_url(&server.at(path), change).await
    }

    async fn read_url(url: &str, change: impl FnOnce(&mut Fetch)) -> Reply {
        let mut fetch = Fetch::new(Target::Url(url.into()));
        change(&mut fetch);
        reader(quick_web()).fetch(url, &fetch).await
    }

    fn failure(reply: Reply) -> Failure {
        match reply {
            Reply::Failed(failure) => {
                assert!(failure.help.as_ref().is_some_and(|help| !help.is_empty()), "{failure:?}");
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    fn text(reply: Reply) -> String {
        match reply {
            Reply::Fetched(Fetched::Content { body, .. }) => String::from_utf8(body.bytes().to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_page_comes_with_its_validators_and_they_save_the_next_download() {
        let server = TestServer::start(|request, _| match request.header("if-none-match") {
            Some("\"v1\"") => Answer::new(304),
            _ => Answer::new(200)
                .with("etag", "\"v1\"")
                .with("last-modified", "Sun, 22 Nov 2026 06:00:00 GMT")
                .with("content-type", "text/xml")
                .text("<rss/>"),
        })
        .await;
        let Reply::Fetched(Fetched::Content { body, content_type, etag, last_modified, place }) = read(&server, "/feed").await
        else {
            panic!("expected content")
        };
        assert_eq!(body.bytes(), b"<rss/>");
        assert_eq!(content_type.as_deref(), Some("text/xml"));
        assert_eq!(last_modified.as_deref(), Some("Sun, 22 Nov 2026 06:00:00 GMT"));
        assert_eq!(place, server.at("/feed"));
        let again = read_with(&server, "/feed", |fetch| fetch.etag = etag).await;
        assert_eq!(again, Reply::Fetched(Fetched::NotModified));
        let agent = server.requests()[0].header("user-agent").unwrap().to_owned();
        assert!(agent.starts_with("loopctl/"), "{agent}");
    }

    #[tokio::test]
    async fn statuses_mean_what_they_say() {
        let server = TestServer::start(|request, _| match request.path.trim_start_matches('/').parse() {
            Ok(code) => Answer::new(code),
            Err(_) => Answer::new(404),
        })
        .await;
        for code in [404, 410] {
            let place = server.at(&format!("/{code}"));
            assert_eq!(read(&server, &format!("/{code}")).await, Reply::Fetched(Fetched::Missing { place }));
        }
        for code in [401, 403, 451] {
            let reply = read(&server, &format!("/{code}")).await;
            assert!(matches!(reply, Reply::Fetched(Fetched::Blocked { .. })), "{code}: {reply:?}");
        }
        let teapot = failure(read(&server, "/418").await);
        assert_eq!((teapot.kind, teapot.attempts), (FailureKind::Permanent, 1));
        let lost = failure(read(&server, "/302").await);
        assert!(lost.message.contains("without saying where to"), "{lost:?}");
    }

    #[tokio::test]
    async fn robots_rules_are_kept_and_read_once() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(200).text("User-agent: loopctl\nDisallow: /private"),
            _ => Answer::new(200).text("open"),
        })
        .await;
        let reader = reader(quick_web());
        for (path, open) in [("/", true), ("/private/x", false), ("/pricing", true)] {
            let url = server.at(path);
            let reply = reader.fetch(&url, &Fetch::new(Target::Url(url.clone()))).await;
            match reply {
                Reply::Fetched(Fetched::Content { .. }) => assert!(open, "{path}"),
                Reply::Fetched(Fetched::Blocked { reason, .. }) => {
                    assert!(!open && reason.contains("robots.txt"), "{path}: {reason}")
                }
                other => panic!("{other:?}"),
            }
        }
        let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/robots.txt", "/", "/pricing"]);
    }

    #[tokio::test]
    async fn a_host_whose_rules_fail_is_left_alone() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(503),
            _ => Answer::new(200),
        })
        .await;
        let failure = failure(read(&server, "/").await);
        assert!(failure.message.contains("robots.txt, so its pages are left alone"), "{failure:?}");
        assert!(server.requests().iter().all(|request| request.path == "/robots.txt"));
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again() {
        let server = TestServer::start(|request, nth| match (request.path.as_str(), nth) {
            ("/robots.txt", _) => Answer::new(404),
            (_, 0) => Answer::new(429).with("retry-after", "0"),
            (_, 1) => Answer::new(503),
            _ => Answer::new(200).text("at last"),
        })
        .await;
        assert_eq!(text(read(&server, "/").await), "at last");
    }

    #[tokio::test]
    async fn a_server_that_stays_busy_is_given_up() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            "/hour" => Answer::new(429).with("retry-after", "3600"),
            _ => Answer::new(502),
        })
        .await;
        let busy = failure(read(&server, "/").await);
        assert_eq!((busy.kind, busy.attempts), (FailureKind::Transient, 4));
        assert!(busy.message.contains("502 Bad Gateway"), "{busy:?}");
        let later = failure(read(&server, "/hour").await);
        assert_eq!((later.kind, later.attempts), (FailureKind::Transient, 1));
        assert!(later.message.contains("asks to wait 1h"), "{later:?}");
    }

    #[tokio::test]
    async fn one_wish_for_rest_holds_for_every_page_of_the_host() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            _ => Answer::new(429).with("retry-after", "3600"),
        })
        .await;
        let reader = reader(quick_web());
        for path in ["/a", "/b"] {
            let url = server.at(path);
            failure(reader.fetch(&url, &Fetch::new(Target::Url(url.clone()))).await);
        }
        let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/robots.txt", "/a"]);
    }

    #[tokio::test]
    async fn an_unreachable_server_is_calm_and_asked_no_more() {
        let url = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}/", listener.local_addr().unwrap())
        };
        let reader = reader(quick_web());
        let fetch = Fetch::new(Target::Url(url.clone()));
        let first = failure(reader.fetch(&url, &fetch).await);
        assert_eq!((first.kind, first.attempts), (FailureKind::Transient, 4));
        assert!(first.message.contains("cannot reach") && first.message.contains("connection refused"), "{first:?}");
        let second = failure(reader.fetch(&url, &fetch).await);
        assert_eq!((second.message, second.attempts), (first.message, 1));
    }

    #[tokio::test]
    async fn half_a_body_is_no_body() {
        let server = TestServer::start(|request, nth| match (request.path.as_str(), nth) {
            ("/robots.txt", _) => Answer::new(404),
            ("/once", 1) => Answer::new(200).text("whole"),
            _ => Answer::new(200).text("0123456789").cut_to(4),
        })
        .await;
        assert_eq!(text(read(&server, "/once").await), "whole");
        let always = failure(read(&server, "/always").await);
        assert_eq!(always.kind, FailureKind::Transient);
        assert!(always.message.contains("broke after 4 bytes"), "{always:?}");
    }

    #[tokio::test]
    async fn a_huge_page_is_cut_off_whether_or_not_it_says_its_size() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            "/says" => Answer::new(200).text(&"x".repeat(5_000)),
            _ => Answer::new(200).text(&"x".repeat(5_000)).without_length(),
        })
        .await;
        for path in ["/says", "/hides"] {
            let failure = failure(read_with(&server, path, |fetch| fetch.max_bytes = 1_024).await);
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1));
            assert!(failure.message.contains("larger than 1 KiB"), "{failure:?}");
        }
        assert_eq!(text(read_with(&server, "/hides", |fetch| fetch.max_bytes = 5_000).await).len(), 5_000);
    }

    #[tokio::test]
    async fn redirects_are_followed_until_they_turn_in_a_circle() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(200).text("User-agent: *\nDisallow: /secret"),
            "/old" => Answer::new(301).with("location", "/new"),
            "/new" => Answer::new(200).text("here"),
            "/out" => Answer::new(302).with("location", "ftp://example.com/"),
            "/hidden" => Answer::new(302).with("location", "/secret"),
            _ => Answer::new(302).with("location", "/circle"),
        })
        .await;
        let Reply::Fetched(Fetched::Content { place, .. }) = read(&server, "/old").await else { panic!("expected content") };
        assert_eq!(place, server.at("/new"));
        let circle = failure(read(&server, "/circle").await);
        assert!(circle.message.contains("redirects more than 10 times"), "{circle:?}");
        let out = failure(read(&server, "/out").await);
        assert!(out.message.contains("`ftp:`"), "{out:?}");
        let hidden = read(&server, "/hidden").await;
        assert!(matches!(hidden, Reply::Fetched(Fetched::Blocked { .. })), "{hidden:?}");
    }

    #[tokio::test]
    async fn a_server_that_hangs_times_out() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            _ => Answer::hang(),
        })
        .await;
        let reader = reader(hasty_web(Duration::from_millis(300)));
        let url = server.at("/");
        let failure = failure(reader.fetch(&url, &Fetch::new(Target::Url(url.clone()))).await);
        assert_eq!(failure.kind, FailureKind::Transient);
        assert!(failure.message.contains("did not answer within"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_host_whose_answers_never_end_costs_the_patience_for_one_page() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            _ => Answer::new(200).text("0123456789").stuck_after(4),
        })
        .await;
        let reader = reader(hasty_web(Duration::from_millis(100)));
        let ask = async |path: &str| {
            let url = server.at(path);
            failure(reader.fetch(&url, &Fetch::new(Target::Url(url.clone()))).await)
        };
        let (first, second) = (ask("/a").await, ask("/b").await);
        assert_eq!((first.kind, first.attempts), (FailureKind::Transient, 4));
        assert_eq!((second.message, second.attempts), (first.message, 1));
        assert!(server.requests().iter().all(|request| request.path != "/b"), "nobody asked for the second page");
    }

    #[tokio::test]
    async fn what_is_not_http_is_calm_too() {
        let server = TestServer::start(|_, _| Answer::raw(b"SSH-2.0-OpenSSH_9\r\n")).await;
        failure(read(&server, "/").await);
        for url in ["https://", "mailto:x@example.com", "no address"] {
            assert_eq!(failure(read_url(url, |_| {}).await).kind, FailureKind::Permanent, "{url}");
        }
        // A TLS client at a plain port.
        let secure = server.at("/").replace("http://", "https://");
        let reader = reader(hasty_web(Duration::from_millis(300)));
        let failure = failure(reader.fetch(&secure, &Fetch::new(Target::Url(secure.clone()))).await);
        assert!(failure.message.contains("127.0.0.1"), "{failure:?}");
    }

    #[tokio::test]
    async fn requests_to_one_host_stand_in_line() {
        let server = TestServer::start(|request, _| match request.path.as_str() {
            "/robots.txt" => Answer::new(404),
            _ => Answer::new(200).after(Duration::from_millis(20)),
        })
        .await;
        let reader = Arc::new(reader(quick_web()));
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (reader, url) = (reader.clone(), server.at(&format!("/{n}")));
                tokio::spawn(async move { reader.fetch(&url, &Fetch::new(Target::Url(url.clone()))).await })
            })
            .collect();
        for task in tasks {
            text(task.await.unwrap());
        }
        assert_eq!(server.most_at_once(), 1);
    }
}
