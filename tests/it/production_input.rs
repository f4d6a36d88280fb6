//! What comes in broken, hostile or twice where pieces are written and decided about, through the real binary: each has a calm answer.
//!
//! | what | where its test is |
//! |---|---|
//! | prompt injection in a feed | `model::a_prompt_injection_in_a_feed_…` |
//! | bidi and invisible characters | here, and `feed::bidi_and_invisible_characters_do_not_reach_a_signal` |
//! | `<script>` in a draft | `serve_pages::a_script_in_a_draft_…`, and a browser in `browser` |
//! | a provider that answers nonsense, truncated JSON, 429 for an hour | here |
//! | a price table without the model | here, and the fixture `unpriced-model` |
//! | a Client OS with contradictions | `cli::os::what_is_missing_or_contradictory_…` |
//! | two people editing the same piece | `serve_pages::two_people_at_one_piece_…` |
//! | a stolen or expired link, a cross-site form post | here |
#![cfg(unix)]

use crate::cli::place::{FIRST, Place, Stage, list, text};
use crate::serve_pages::{Service, fields, links};
use crate::wire::{Mood, Wire};
use loopctl::base::{Digest, Timestamp};
use loopctl::workspace::links::Signer;
use regex::Regex;
use reqwest::header::{HeaderMap, SET_COOKIE};
use std::collections::BTreeSet;

const TEMPLATE: &str = "provider \"drafter\" kind=\"template\"";
const TRUNCATED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 49\r\nconnection: close\r\n\r\n\
                         {\"choices\":[{\"message\":{\"content\":\"# Deployments: ";
const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn with_model(wire: &Wire, more: &str) -> Place {
    let place = Place::new();
    let model =
        format!("provider \"drafter\" kind=\"openai-chat\" {{ base-url \"{}\"; model \"small\"; retries 0; {more} }}", wire.url);
    place.edit(FIRST, TEMPLATE, &model);
    place
}

fn with_notice() -> Place {
    let place = Place::new();
    let notify = format!(
        "{TEMPLATE}\n    channel \"team\" kind=\"files\" {{ dir \"first-loop/told\" }}\n    \
         notify \"gate-opened\" to=\"team\" link=\"https://loop.acme.example\""
    );
    place.edit(FIRST, TEMPLATE, &notify);
    place.run(&format!("run {FIRST}")).exit(4);
    place
}

#[test]
fn a_provider_that_answers_nonsense_costs_its_tokens_and_a_person_sees_what_came() {
    let wire = Wire::open(Mood::Say("lorem \u{202e}ipsum\u{200b} <script>alert(1)</script> dolor"));
    let place = with_model(&wire, "");
    place.run(&format!("run {FIRST}")).exit(4);
    let gate = place.waiting(FIRST).remove(0);
    let shown = place.run(&format!("gate show {FIRST} {}", text(&gate["id"]))).exit(0);
    assert!(
        !shown.out.contains(['\u{202e}', '\u{200b}']),
        "nothing that reorders or hides text reaches a terminal\n{}",
        shown.told()
    );
    let written = list(&place.cycle(FIRST, 1)["written"]);
    assert!(written.iter().all(|piece| piece["tokens"].as_u64() >= Some(140)), "what nobody can use was paid for: {written:?}");
    assert!(list(&place.cycle(FIRST, 1)["published"]).is_empty());
}

#[test]
fn truncated_json_from_a_provider_fails_the_piece_with_the_place_to_look_and_the_next_cycle_asks_again() {
    let wire = Wire::open(Mood::Raw(TRUNCATED));
    let place = with_model(&wire, "");
    let ran = place.run(&format!("run {FIRST}")).exit(1).says("it ends in the middle").says("`base-url` of provider `drafter`");
    assert!(ran.out.contains("2 Strategy"), "the rest of the cycle is whole\n{}", ran.told());
    wire.set(Mood::Say("# Deployments\n\n## Why\n- they matter [c1]"));
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.waiting(FIRST).len(), 3);
}

#[test]
fn a_provider_that_is_busy_for_an_hour_is_left_alone_and_the_pieces_come_in_the_next_cycle() {
    let wire = Wire::open(Mood::Raw(BUSY));
    let place = with_model(&wire, "at-once 1");
    place.run(&format!("run {FIRST}")).exit(1).says("429 Too Many Requests and asks to wait 1h");
    assert_eq!(wire.asked(), 1, "ten pieces wait for it, and it is asked once");
    wire.set(Mood::Say("# Deployments\n\n## Why\n- they matter [c1]"));
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.waiting(FIRST).len(), 3);
}

#[test]
fn a_price_table_without_the_model_is_told_where_the_budget_stands() {
    let place = Place::new();
    let far = "limit { spend (usd)5 per=\"day\" }\n    provider \"drafter\" kind=\"openai-chat\" { base-url \"https://llm.acme.example/v1\"; model \"gpt-99\" }";
    place.edit(FIRST, TEMPLATE, far);
    let ran =
        place.run(&format!("validate {FIRST}")).exit(0).warns("loop::unpriced-model").warns("no price is known for `gpt-99`");
    assert!(ran.err.contains("price input="), "{}", ran.told());
    place.edit(FIRST, "model \"gpt-99\"", "model \"gpt-99\"; price input=1 output=2");
    let ran = place.run(&format!("validate {FIRST}")).exit(0);
    assert!(!ran.err.contains("unpriced-model"), "{}", ran.told());
    // On this machine a model costs nothing, and then its tokens are what is counted.
    let wire = Wire::open(Mood::Say("# Deployments\n\n## Why\n- they matter [c1]"));
    let place = with_model(&wire, "");
    place.edit(FIRST, "recorded from", "limit { spend (usd)5 per=\"day\" }\n    recorded from");
    let ran = place.run(&format!("run {FIRST}")).exit(4);
    assert!(!ran.err.contains("unpriced-model"), "{}", ran.told());
    let written = list(&place.cycle(FIRST, 1)["written"]);
    assert!(written.iter().all(|piece| piece["cost"].is_null() && piece["tokens"].as_u64() == Some(140)), "{written:?}");
}

#[test]
fn bidi_and_invisible_characters_in_a_source_reach_no_signal_no_piece_and_no_page() {
    let place = Place::new();
    let feed = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>Odd</title><link>https://odd.example/</link>
<item><title>Deployments on mach&#x202E;senihcam&#x202C;ines: a deploy&#x200B;ment guide&#xE0041;</title><link>https://odd.example/a</link>
<pubDate>Thu, 20 Jun 2024 08:00:00 GMT</pubDate><guid>https://odd.example/a</guid><description>Deployments and machines, hid&#x2060;den.</description></item>
</channel></rss>"#;
    place.write("workflows/first-loop/data/feeds/odd.xml", feed);
    place.run(&format!("run {FIRST}")).exit(4);
    let service = Service::start(&place, FIRST);
    let ann = service.sign_in("A\u{202e}nn\u{200b}");
    let mut pages = vec!["/queue".to_owned(), "/cycles".to_owned(), "/cycles/first-loop/1".to_owned()];
    pages.extend(ann.pieces());
    let hidden = ['\u{202e}', '\u{202c}', '\u{200b}', '\u{2060}', '\u{e0041}'];
    let mut seen = false;
    for path in pages {
        let page = ann.get(&path);
        assert!(!page.body.contains(hidden), "{path}\n{}", page.body);
        seen |= page.body.contains("odd.example");
    }
    assert!(seen, "the entry is evidence of a piece that is shown");
}

#[test]
fn a_stolen_or_expired_link_decides_nothing_and_says_so() {
    let place = with_notice();
    let links = links(&place);
    let service = Service::start(&place, FIRST);
    let named = fields(&[("verdict", "approve"), ("name", "Eve")]);
    let untouched = |why: &str| assert_eq!(service.sign_in("Cleo").pieces().len(), 3, "{why}");

    // Guessed, cut in two, put together from two, or of another service.
    let (one, other) = (links[0].split_once('.').expect("a dot"), links[1].split_once('.').expect("a dot"));
    let elsewhere = Signer::open(place.path("elsewhere").as_path()).expect("a folder of ours");
    let state = place.path("workflows/.loopctl");
    let signer = Signer::open(&state).expect("the service's own key");
    let target = signer.check(links[0].trim_start_matches("/go/"), Timestamp(0)).expect("it is ours");
    let forged = format!("/go/{}", elsewhere.sign(&target));
    for wrong in
        [format!("{}x", links[0]), one.0.to_owned(), format!("{}.{}", one.0, other.1), forged, "/go/AAAA.AAAA".to_owned()]
    {
        for page in [service.get(&wrong), service.send(service.post(&wrong, &named))] {
            assert_eq!(page.status, 404, "{wrong}");
            page.says("This link does not work").says("Nothing was decided");
        }
    }
    // Expired.
    let mut late = target.clone();
    late.until = Timestamp(1);
    let late = format!("/go/{}", signer.sign(&late));
    for page in [service.get(&late), service.send(service.post(&late, &named))] {
        assert_eq!(page.status, 410);
        page.says("This link has expired").says("Nothing was decided");
    }
    // About a piece as it was before.
    let mut before = target.clone();
    before.pins = Digest::of("another text");
    let before = format!("/go/{}", signer.sign(&before));
    assert_eq!(service.send(service.post(&before, &named)).status, 409);
    untouched("nobody got in with any of these");

    // Whoever stole a good one gets at one piece: no session, no other piece, no other page, no edit.
    let page = service.get(&links[0]);
    assert!(page.status == 200 && !page.headers.contains_key(SET_COOKIE));
    for path in ["/queue", "/cycles", "/proposals", &format!("/pieces/first-loop/{}", target.id)] {
        assert_eq!(service.get(path).status, 303, "{path} wants a session");
    }
    let edit = fields(&[("verdict", "edit"), ("name", "Eve"), ("text", "# Mine")]);
    assert_eq!(service.send(service.post(&links[0], &edit)).status, 403);
    untouched("a link edits nothing");
    // What they decide stands there as done by a link, under the name they typed, and the link is spent.
    assert_eq!(service.send(service.post(&links[0], &named)).status, 200);
    let again = service.send(service.post(&links[0], &fields(&[("verdict", "reject"), ("name", "Ann")])));
    assert_eq!(again.status, 410);
    again.says("approved by Eve (by link)");
    place.run(&format!("log {FIRST}")).exit(0).says("Eve (by link)");
    // The way to call all of them back.
    std::fs::remove_file(state.join("serve/link-key")).expect("it is there");
    assert_eq!(service.get(&links[1]).status, 404);
    assert_eq!(service.send(service.post(&links[1], &named)).status, 404);
}

#[test]
fn a_link_is_not_enough_where_nobody_decides_about_their_own_work() {
    let place = Place::new();
    place.edit(FIRST, "from \"outlines\"; by \"content-team\"", "from \"outlines\"; by \"content-team\"; no-self-approval #true");
    let notify = format!(
        "{TEMPLATE}\n    channel \"team\" kind=\"files\" {{ dir \"first-loop/told\" }}\n    \
         notify \"gate-opened\" to=\"team\" link=\"https://loop.acme.example\""
    );
    place.edit(FIRST, TEMPLATE, &notify);
    place.run(&format!("run {FIRST}")).exit(4);
    let service = Service::start(&place, FIRST);
    let link = links(&place).remove(0);
    service.get(&link).says("please sign in to decide");
    let refused = service.send(service.post(&link, &fields(&[("verdict", "approve"), ("name", "Eve")])));
    assert_eq!(refused.status, 409);
    assert_eq!(service.sign_in("Ann").pieces().len(), 3);
}

#[test]
fn a_cross_site_form_post_changes_nothing_wherever_it_is_sent() {
    let place = with_notice();
    let link = links(&place).remove(0);
    let service = Service::start(&place, FIRST);
    let ann = service.sign_in("Ann");
    let piece = ann.pieces().remove(0);
    let form = ann.get(&piece).form("approve");
    let mut all = form.clone();
    all.extend(fields(&[("token", &service.token), ("name", "Eve"), ("text", "# Mine"), ("reason", "no"), ("item", "a-000000")]));
    let places = ["/login", "/logout", &format!("{piece}/decide"), &link, "/proposals/first-loop/a-000000"];
    for path in places {
        for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            let request = service.post(path, &all).header("cookie", &ann.cookie).headers(headers);
            let refused = service.send(request);
            assert_eq!(refused.status, 403, "{path} with {name}: {value}");
            assert!(!refused.headers.contains_key(SET_COOKIE), "{path}");
            refused.says("nothing was changed");
        }
    }
    assert_eq!(ann.pieces().len(), 3, "and Ann is signed in still");
}

#[test]
fn a_proxy_may_show_it_below_a_path_and_take_the_path_away_or_leave_it() {
    let place = Place::at(Stage::Parked);
    let service = Service::start(&place, &format!("{FIRST} --under /tools/loop/"));
    let ann = service.sign_in("Ann");
    assert!(
        ann.cookie.starts_with("loopctl-tools-loop="),
        "two services behind one name keep their sessions apart: {}",
        ann.cookie
    );
    let address = Regex::new(r#" (?:href|action|src)="([^"]*)""#).expect("valid");
    let mut left: Vec<String> = vec!["/tools/loop/queue".to_owned()];
    let mut seen: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) || seen.len() > 60 {
            continue;
        }
        // Left as it is, and taken away.
        for path in [path.as_str(), path.strip_prefix("/tools/loop").expect("ours")] {
            let page = ann.get(path);
            assert_eq!(page.status, 200, "{path}\n{}", page.body);
            for found in address.captures_iter(&page.body) {
                let to = found[1].replace("&amp;", "&");
                if to.starts_with('/') {
                    assert!(to.starts_with("/tools/loop/") && !to.contains("/tools/loop/tools"), "{to} at {path}");
                    let acts = ["/decide", "/logout", "/login", "/go/"].iter().any(|end| to.contains(end));
                    left.extend((!acts).then(|| to.split('#').next().unwrap_or_default().to_owned()));
                }
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
    assert_eq!(ann.get("/tools/loop").goes_to(), "/tools/loop/queue");
    assert_eq!(ann.get("/tools/loop/").goes_to(), "/tools/loop/queue");
    assert_eq!(service.get("/tools/loop/queue").goes_to(), "/tools/loop/login?next=%2Fqueue");
    let shown = ann.get("/tools/loop/queue");
    let piece =
        Regex::new(r#"<a class="piece" href="([^"]+)""#).expect("valid").captures(&shown.body).expect("a piece")[1].to_owned();
    let done = ann.post(&format!("{piece}/decide"), &ann.get(&piece).form("approve"));
    assert_eq!(done.status, 303, "{}", done.body);
    assert!(done.goes_to().starts_with("/tools/loop/pieces/"), "{}", done.goes_to());
    assert_eq!(service.get("/tools/loop/healthz").body, "ok\n");
    assert_eq!(service.get("/tools/loop/v1/queue").status, 401);
    place.run(&format!("serve {FIRST} --under loop")).exit(2).warns("`/loop`");
}
