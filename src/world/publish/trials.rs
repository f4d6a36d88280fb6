//! Every channel over HTTP, against every kind of bad answer: each ends soon, is told with a next step, tells no secret, sends nothing
//! to anybody else, and leaves a piece either certainly not sent or in doubt.

use super::front_matter::tests::piece;
use super::letter::tests::node;
use super::{Channel, open};
use crate::model::{self, Config, Scalar, SecretRef};
use crate::runtime::{Look, Standing};
use crate::step::{Failure, FailureKind, Reply};
use crate::world::disk::DiskFiles;
use crate::world::secrets::Secrets;
use crate::world::test_server::{Answer, TestServer, quick_web};
use std::time::Duration;

const GHOST_KEY: &str = "6489d7a0b1c2d3e4f5a6b7c8:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const PASSWORD: &str = "lighthouse-7d1f0c55";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KINDS: [&str; 5] = ["wordpress", "ghost", "webhook", "slack", "teams"];

fn secret(name: &str, of: &str) -> Config {
    Config { name: name.to_owned().into(), args: [Scalar::Secret(SecretRef::Env(of.into()))].into(), ..Config::default() }
}

fn channel(kind: &str, url: &str) -> Box<dyn Channel> {
    let children = match kind {
        "wordpress" => vec![node("url", url), node("user", "editor"), secret("password", "PASSWORD")],
        "ghost" => vec![node("url", url), secret("key", "GHOST_KEY")],
        "webhook" => vec![node("url", url), secret("secret", "WHSEC")],
        _ => vec![secret("url", "URL")],
    };
    let channel = model::Channel { name: "out".into(), kind: kind.into(), config: Config { children, ..Config::default() } };
    let url = format!("{url}/services/T0/{PASSWORD}");
    let secrets = Secrets::new("").with_environment(move |name| match name {
        "GHOST_KEY" => Some(GHOST_KEY.to_owned()),
        "PASSWORD" => Some(PASSWORD.to_owned()),
        "WHSEC" => Some(WHSEC.to_owned()),
        _ => Some(url.clone()),
    });
    open(&channel, &jiff::tz::TimeZone::UTC, &DiskFiles::new(""), &quick_web(), &secrets)
}

async fn failure(kind: &str, url: &str) -> Failure {
    let channel = channel(kind, url);
    let piece = piece("k-1", "Prices moved");
    let reply = tokio::time::timeout(Duration::from_secs(120), channel.publish(&piece)).await.expect("it ends");
    let Reply::Failed(failure) = reply else { panic!("{kind}: {reply:?}") };
    assert!(failure.help.is_some(), "{kind}: {failure:?}");
    let told = format!("{failure:?}");
    for secret in [PASSWORD, WHSEC, "00112233"] {
        assert!(!told.contains(secret), "{kind}: {failure:?}");
    }
    failure
}

#[tokio::test]
async fn a_redirect_is_told_and_nobody_else_hears_anything() {
    let elsewhere = TestServer::start(|_, _| Answer::new(200).text("[]")).await;
    for kind in KINDS {
        for status in [301, 302, 303, 307, 308] {
            let to = elsewhere.at("/here");
            let server = TestServer::start(move |_, _| Answer::new(status).with("location", &to)).await;
            let failure = failure(kind, &server.at("")).await;
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1), "{kind} {status}: {failure:?}");
        }
    }
    assert!(elsewhere.requests().is_empty(), "no credentials and no piece go there");
}

#[tokio::test]
async fn odd_answers_are_calm_and_nothing_is_taken_for_a_receipt() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let answers: Vec<(&str, String)> = vec![
        ("not JSON", "<html>It works!</html>".to_owned()),
        ("another JSON", "{\"ok\":true}".to_owned()),
        ("a number", "7".to_owned()),
        ("nothing", String::new()),
        ("nested", deep),
        ("half", "{\"posts\":[{\"id\":".to_owned()),
        ("wrong types", "{\"posts\":[{\"id\":1,\"url\":2,\"updated_at\":[],\"html\":{}}]}".to_owned()),
    ];
    for kind in ["wordpress", "ghost"] {
        for (what, body) in &answers {
            let body = body.clone();
            let server = TestServer::start(move |_, _| Answer::new(200).text(&body)).await;
            let failure = failure(kind, &server.at("")).await;
            assert_eq!(failure.kind, FailureKind::Permanent, "{kind}, {what}: {failure:?}");
            assert!(server.requests().iter().all(|request| request.method == "GET"), "{kind}, {what}: it looks before it sends");
            let look =
                Look { channel: "out".into(), key: "k-1".into(), location: String::new(), version: Some("v".into()), sent: None };
            let standing = channel(kind, &server.at("")).read_back(&look).await;
            assert!(matches!(standing, Standing::Unreadable(_)), "{kind}, {what}: {standing:?}");
        }
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_left_for_later() {
    for kind in KINDS {
        for (status, wish) in [(429, "0"), (503, "0"), (429, "86400")] {
            let server = TestServer::start(move |_, _| Answer::new(status).with("retry-after", wish)).await;
            let failure = failure(kind, &server.at("")).await;
            assert_eq!(failure.kind, FailureKind::Transient, "{kind} {status}: {failure:?}");
            let asked = server.requests().len();
            if wish == "86400" {
                assert_eq!(asked, 1, "{kind}: whoever asks for a day is left alone");
            } else {
                assert!((2..=8).contains(&asked), "{kind}: {asked} attempts");
            }
        }
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_in_doubt_and_what_can_be_asked_is_asked() {
    for kind in KINDS {
        // It looks in vain, and every piece that is sent ends in a broken line.
        let looks = if kind == "wordpress" { "[]" } else { "{\"posts\":[]}" };
        let server = TestServer::start(move |request, _| match request.method.as_str() {
            "GET" => Answer::new(200).text(looks),
            _ => Answer::raw(b""),
        })
        .await;
        let failure = failure(kind, &server.at("")).await;
        assert_eq!(failure.kind, FailureKind::InDoubt, "{kind}: {failure:?}");
        let sent = server.requests().iter().filter(|request| request.method == "POST").count();
        match kind {
            "wordpress" | "ghost" => {
                let looked = server.requests().len() - sent;
                assert!(looked >= sent, "{kind}: it looked before each of {sent} attempts, {looked} times");
            }
            _ => assert_eq!(sent, 1, "{kind} cannot be asked, so it is sent once"),
        }
    }
}

#[tokio::test]
async fn nobody_there_is_only_late_and_a_wrong_login_is_final() {
    for kind in KINDS {
        let failure_there = failure(kind, "http://127.0.0.1:9").await;
        assert_eq!(failure_there.kind, FailureKind::Transient, "{kind}: {failure_there:?}");
        for status in [401, 403, 404] {
            // A server that says back what it was sent.
            let own = match kind {
                "wordpress" => PASSWORD,
                "webhook" => WHSEC,
                _ => "you",
            };
            let server = TestServer::start(move |_, _| Answer::new(status).text(&format!("no, {own}"))).await;
            let failure = failure(kind, &server.at("")).await;
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1), "{kind} {status}: {failure:?}");
        }
    }
    // A login is not sent where everybody on the way can read it.
    for kind in ["wordpress", "ghost"] {
        let failure = failure(kind, "http://blog.example.com").await;
        assert!(failure.message.contains("over an open line"), "{failure:?}");
    }
}
