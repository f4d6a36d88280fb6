//! A piece behind a signed link from a notice: to read, and to decide about without signing in.
//!
//! Programs that look at mail open every link in it, so opening one does nothing: it shows the piece and two buttons. Whoever holds the link
//! may decide about this one piece, once, while it waits and is what the notice was about. The name is what they typed, so the log says that
//! it came by a link. What needs several people, or somebody else than its author, wants them signed in.

use super::frame::{of_piece, plain, secretless, trouble};
use super::prose::{cleaned, markdown, shown};
use super::session::{is_from_us, refused};
use crate::runtime::Clock as _;
use crate::serve::desk::{Order, Refused, Waiting};
use crate::serve::http::Front;
use crate::step::Verdict;
use crate::workspace::links::{Signer, Target, Unfit};
use crate::world::SystemClock;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Longer names are cut.
const NAME_MOST: usize = 60;

/// What a link opens, or the page that says why it opens nothing.
async fn opened(front: &Front, link: &str) -> Result<(Target, Waiting), Response> {
    let now = SystemClock.now();
    let mut why = Unfit::Wrong;
    for served in front.desk.served() {
        let Ok(signer) = Signer::open(served.state()) else { continue };
        match signer.check(link, now) {
            Ok(target) if target.workflow == served.id.as_str() => return found(front, target).await,
            // Workflows beside each other share a state folder and its key.
            Ok(_) => {}
            Err(unfit) => {
                if unfit == Unfit::Expired {
                    why = unfit;
                }
            }
        }
    }
    let go = Some(("/queue", "Sign in and see what waits"));
    Err(match why {
        Unfit::Expired => {
            trouble(StatusCode::GONE, "This link has expired", "Nothing was decided. What still waits stands in the queue.", go)
        }
        Unfit::Wrong => {
            let message = "It may have been cut in two by a mail program: copy the whole address. Nothing was decided.";
            trouble(StatusCode::NOT_FOUND, "This link does not work", message, go)
        }
    })
}

async fn found(front: &Front, target: Target) -> Result<(Target, Waiting), Response> {
    let queue = front.desk.queue().await.map_err(|failure| super::frame::failed(&failure))?;
    let waits = queue.into_iter().find(|waiting| waiting.workflow == target.workflow && waiting.id == target.id);
    let to = of_piece(&target.workflow, &target.id);
    match waits {
        Some(waiting) if waiting.pins == target.pins => Ok((target, waiting)),
        Some(_) => {
            let message =
                "The piece is another than the one in the message. Nothing was decided; sign in to read it as it is now.";
            Err(trouble(StatusCode::CONFLICT, "This piece has changed", message, Some((&to, "Sign in and read it"))))
        }
        None => Err(used(front, &target).await),
    }
}

/// Somebody decided, with this link or without it.
async fn used(front: &Front, target: &Target) -> Response {
    let facts = front.desk.item(Some(&target.workflow), &target.id).await.ok();
    let last = facts.as_ref().and_then(|facts| facts.decisions.last());
    let message = match last {
        Some(past) => format!("It was {} by {}. This link has done its work.", super::piece::word(&past.verdict), past.by),
        None => "It does not wait for a decision any more. This link has done its work.".to_owned(),
    };
    trouble(StatusCode::GONE, "This piece is decided", &message, Some(("/queue", "Sign in and see what waits")))
}

/// `GET /go/LINK`
pub async fn show(State(front): State<Front>, Path(link): Path<String>) -> Response {
    match opened(&front, &link).await {
        Ok((_, waiting)) => draw(StatusCode::OK, &front, &link, &waiting, None).await,
        Err(page) => page,
    }
}

async fn draw(status: StatusCode, front: &Front, link: &str, waiting: &Waiting, wrong: Option<&str>) -> Response {
    let facts = match front.desk.item(Some(&waiting.workflow), &waiting.id).await {
        Ok(facts) => facts,
        Err(failure) => return super::frame::failed(&failure),
    };
    let (text, _) = cleaned(facts.text.as_deref().unwrap_or_default());
    let body = html! {
        article.card {
            h1 dir="auto" { (shown(&facts.title)) }
            p.facts {
                span.kind { (waiting.kind) } span { (waiting.workflow) ", cycle " (waiting.cycle) }
                @if !waiting.by.is_empty() { span { "for " (shown(&waiting.by.join(", "))) } }
                @if !facts.findings.is_empty() { span { (crate::report::style::count(facts.findings.len(), "finding")) } }
                a href=(of_piece(&waiting.workflow, &waiting.id)) { "Evidence, editing and more: sign in" }
            }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (shown(wrong)) } }
            div.prose dir="auto" { (markdown(super::piece::without_title(&text, &facts.title), &[])) }
            @match wants_known(waiting) {
                Some(why) => p { (why) ", so please sign in to decide." },
                None => (forms(link)),
            }
        }
    };
    plain(status, &facts.title, &body)
}

/// Why a name that was typed is not enough here.
fn wants_known(waiting: &Waiting) -> Option<&'static str> {
    if waiting.missing > 1 || !waiting.approved_by.is_empty() {
        return Some("Several people have to approve this piece");
    }
    waiting.by_others.then_some("Nobody decides about their own work here")
}

fn forms(link: &str) -> Markup {
    html! {
        section.decide aria-label="Decide" {
            form method="post" action={ "/go/" (link) } {
                (secretless("approve"))
                label for="name" { "Your name" }
                input #name type="text" name="name" maxlength=(NAME_MOST) required autocomplete="name" aria-describedby="name-help";
                p #name-help .dim { "It stands beside the decision." }
                p.row { button.primary type="submit" { "Approve" } }
            }
            details {
                summary { "Reject it instead" }
                form method="post" action={ "/go/" (link) } {
                    (secretless("reject"))
                    label for="reject-name" { "Your name" }
                    input #reject-name type="text" name="name" maxlength=(NAME_MOST) required autocomplete="name";
                    label for="reason" { "Why? The next piece can be better for it" }
                    textarea #reason name="reason" rows="3" dir="auto" {}
                    p.row { button.danger type="submit" { "Reject" } }
                }
            }
        }
    }
}

/// `POST /go/LINK`
pub async fn decide(
    State(front): State<Front>,
    Path(link): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    if !is_from_us(&headers, &front.guard) {
        return refused();
    }
    let (target, waiting) = match opened(&front, &link).await {
        Ok(opened) => opened,
        Err(page) => return page,
    };
    let field = |name: &str| fields.get(name).map_or_else(String::new, |text| text.replace("\r\n", "\n").trim().to_owned());
    let name: String = field("name").chars().filter(|c| !c.is_control()).take(NAME_MOST).collect();
    let (name, _) = cleaned(name.trim());
    if name.is_empty() {
        return draw(StatusCode::OK, &front, &link, &waiting, Some("Say who you are.")).await;
    }
    if wants_known(&waiting).is_some() {
        return draw(StatusCode::CONFLICT, &front, &link, &waiting, Some("Nothing was decided.")).await;
    }
    let verdict = match field("verdict").as_str() {
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject { reason: Some(field("reason")).filter(|reason| !reason.is_empty()) },
        _ => return refused(),
    };
    let done = if verdict == Verdict::Approve { "Approved" } else { "Rejected" };
    // Whoever holds the link could have typed any name.
    let by = format!("{name} (by link)");
    let order = Order { workflow: Some(target.workflow.clone()), item: target.id.clone(), seen: target.pins, verdict, by };
    match front.desk.decide(order).await {
        Ok(_) => {
            let body = html! {
                section.card.narrow {
                    h1 { (done) }
                    p { "“" (shown(&waiting.title)) "”. Thank you; you may close this page." }
                    p { a.button href="/queue" { "Sign in and see what waits" } }
                }
            };
            plain(StatusCode::OK, done, &body)
        }
        Err(Refused::Changed(_) | Refused::Gone(_)) => match opened(&front, &link).await {
            // It still waits, but not for this person.
            Ok((_, waiting)) => {
                draw(StatusCode::CONFLICT, &front, &link, &waiting, Some("Nothing was decided: it is not yours to decide.")).await
            }
            Err(page) => page,
        },
        Err(Refused::Failed(failure)) => super::frame::failed(&failure),
    }
}
