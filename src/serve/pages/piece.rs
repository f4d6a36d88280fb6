//! One piece: its text, what the checks found, the evidence beside it, what was decided, and the ways to decide.

use super::frame::{self, Place, ago, encoded, failed, of_piece, secret, until};
use super::prose::{changes, cleaned, markdown, shown, web_address};
use super::queue;
use super::session::Visitor;
use crate::base::Timestamp;
use crate::model::goods::{Brief, Claim, Evidence, Finding, Revision, Writer};
use crate::model::{Good, Step};
use crate::report::lineage::Node;
use crate::report::style::{count, grouped};
use crate::report::times::readable;
use crate::runtime::Clock as _;
use crate::serve::desk::{ItemFacts, Past, Waiting};
use crate::serve::http::Front;
use crate::step::Verdict;
use crate::world::SystemClock;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// What is written, whichever kind of item it is.
struct Piece<'a> {
    text: &'a str,
    brief: &'a Brief,
    writer: &'a Writer,
    revision: &'a Revision,
}

impl<'a> Piece<'a> {
    fn of(good: &'a Good) -> Option<Piece<'a>> {
        Some(match good {
            Good::Outline(outline) => {
                Piece { text: &outline.text, brief: &outline.brief, writer: &outline.writer, revision: &outline.revision }
            }
            good => {
                let draft = good.piece()?;
                Piece { text: &draft.text, brief: &draft.brief, writer: &draft.writer, revision: &draft.revision }
            }
        })
    }
}

/// What somebody typed that could not be taken, to be kept on the page.
pub enum Kept {
    Nothing,
    /// The piece is another now: one may look and decide again.
    Changed {
        verdict: String,
        text: String,
        reason: String,
    },
    /// It was not taken, for this reason; what was typed is there to be copied.
    Gone {
        why: String,
        text: String,
        reason: String,
    },
}

/// `GET /pieces/WORKFLOW/ID`
pub async fn show(State(front): State<Front>, visitor: Visitor, Path((workflow, id)): Path<(String, String)>) -> Response {
    let facts = match front.desk.item(Some(&workflow), &id).await {
        Ok(facts) => facts,
        Err(failure) => return failed(&failure),
    };
    draw(StatusCode::OK, &front, &visitor, &facts, &Kept::Nothing).await
}

/// The page of a piece, with what could not be taken.
pub async fn draw(status: StatusCode, front: &Front, visitor: &Visitor, facts: &ItemFacts, kept: &Kept) -> Response {
    // A queue that cannot be read now only costs the way to the next piece.
    let queue = front.desk.queue().await.unwrap_or_default();
    let zone = zone(front, &facts.workflow);
    let now = facts.waiting.as_ref().map_or_else(|| SystemClock.now(), |waiting| queue::now(front, waiting));
    let piece = Piece::of(&facts.item.good);
    let text = facts.text.as_deref().or(piece.as_ref().map(|piece| piece.text)).unwrap_or_default();
    let claims = piece.as_ref().map_or(&[][..], |piece| &piece.brief.claims);
    let body = html! {
        (conflict(facts, kept))
        div.review {
            article aria-labelledby="title" {
                (headline(facts, piece.as_ref(), &queue, now))
                (findings(&facts.findings))
                div.prose dir="auto" {
                    @if text.is_empty() { p.dim { "This has no text of its own." } } @else { (markdown(without_title(text, &facts.title), claims)) }
                }
                @if let Some(piece) = &piece { (edited(piece, text, &facts.decisions)) }
                @if let Some(waiting) = &facts.waiting { (actions(visitor, facts, waiting, text, kept, &behind(front, waiting))) }
            }
            aside aria-label="Evidence and history" {
                (evidence(claims, &facts.evidence, &zone))
                @if let Some(piece) = &piece { (brief(piece.brief)) }
                (history(&facts.decisions, &zone))
                @if let Some(lineage) = &facts.lineage { (origin(lineage, &facts.workflow)) }
            }
        }
    };
    frame::answer(status, visitor, Place::Queue, &facts.title, &body)
}

pub fn zone(front: &Front, workflow: &str) -> TimeZone {
    front.desk.find(Some(workflow)).map_or(TimeZone::UTC, |served| served.project().workflow.zone.clone())
}

/// The page has the title already.
pub fn without_title<'a>(text: &'a str, title: &str) -> &'a str {
    let rest = text.trim_start().strip_prefix("# ").and_then(|rest| rest.strip_prefix(title));
    rest.filter(|rest| rest.is_empty() || rest.starts_with('\n')).unwrap_or(text)
}

fn headline(facts: &ItemFacts, piece: Option<&Piece<'_>>, queue: &[Waiting], now: Timestamp) -> Markup {
    let at = facts.waiting.as_ref().and_then(|waiting| queue.iter().position(|other| other.key == waiting.key));
    html! {
        header.piece {
            p.facts {
                a href="/queue" data-key="q" { "← Queue" }
                @if let Some(at) = at {
                    span { (at + 1) " of " (queue.len()) }
                    @if let Some(next) = queue.get(at + 1) { a href=(of_piece(&next.workflow, &next.id)) data-key="n" { "Next →" } }
                }
            }
            h1 #title dir="auto" { (shown(&facts.title)) }
            p.facts {
                span.kind { (facts.kind) }
                span { (facts.workflow) ", cycle " (facts.cycle) }
                @if let Some(piece) = piece {
                    span { (grouped(piece.text.split_whitespace().count())) " words by " (shown(&piece.writer.model)) }
                    @if let Some(cost) = &piece.writer.cost { span { (cost) } }
                }
                @if let Some(waiting) = &facts.waiting {
                    @if !waiting.by.is_empty() { span { "for " (shown(&waiting.by.join(", "))) } }
                    @if !waiting.approved_by.is_empty() { span { "approved by " (shown(&waiting.approved_by.join(", "))) } }
                    @if waiting.missing > 1 || !waiting.approved_by.is_empty() { span { (count(waiting.missing, "more approval")) " needed" } }
                    @if let Some(expires) = waiting.expires { span.soon { "expires " (until(expires, now)) } }
                } @else { span { "not waiting for a decision" } }
            }
        }
    }
}

fn findings(findings: &[Finding]) -> Markup {
    if findings.is_empty() {
        return html! {};
    }
    let blocking = findings.iter().filter(|finding| finding.blocking).count();
    html! {
        section.findings aria-labelledby="findings" {
            h2 #findings {
                (count(findings.len(), "finding"))
                @if blocking > 0 { ", " (blocking) " to be resolved first" }
            }
            ul {
                @for finding in findings {
                    li.blocking[finding.blocking] {
                        span.where { "line " (finding.line) }
                        " " strong { (finding.check) } " " (shown(&finding.message))
                        @if let Some(fix) = &finding.fix { span.dim { " — try “" (shown(fix)) "”" } }
                    }
                }
            }
        }
    }
}

/// What people changed: before it came here, and by the decision about it.
fn edited(piece: &Piece<'_>, text: &str, decisions: &[Past]) -> Markup {
    let earlier = match piece.revision {
        Revision::Edited { by, before, .. } => Some((by.as_str(), before.as_str(), text)),
        Revision::Generated => None,
    };
    let later = decisions.iter().filter_map(|past| match &past.verdict {
        Verdict::Edit { text: after } => Some((past.by.as_str(), piece.text, after.as_str())),
        _ => None,
    });
    html! {
        @for (by, before, after) in earlier.into_iter().chain(later) {
            section.edited {
                h2 { "What " (shown(by)) " changed" }
                (changes(before, after))
            }
        }
    }
}

/// The steps that take what a gate lets through.
fn behind(front: &Front, waiting: &Waiting) -> Vec<String> {
    let Ok(served) = front.desk.find(Some(&waiting.workflow)) else { return Vec::new() };
    let takes = |step: &&Step| step.from.iter().any(|wire| wire.from.as_str() == waiting.step);
    served.project().workflow.steps.iter().filter(takes).map(|step| step.id.to_string()).collect()
}

fn actions(visitor: &Visitor, facts: &ItemFacts, waiting: &Waiting, text: &str, kept: &Kept, behind: &[String]) -> Markup {
    let to = format!("{}/decide", of_piece(&facts.workflow, &facts.id));
    let hidden = |verdict: &str| {
        html! {
            (secret(visitor))
            input type="hidden" name="pins" value=(waiting.pins);
            input type="hidden" name="verdict" value=(verdict);
        }
    };
    let (typed, reason, open) = match kept {
        Kept::Changed { verdict, text, reason } => {
            (Some(text.as_str()).filter(|text| !text.is_empty()), reason.as_str(), verdict.as_str())
        }
        _ => (None, "", ""),
    };
    let (editable, left_out) = cleaned(typed.unwrap_or(text));
    html! {
        section.decide aria-label="Decide" {
            div.bar {
                form method="post" action=(to) {
                    (hidden("approve"))
                    button.primary type="submit" data-key="a" { "Approve" }
                }
                a.button href="#edit" data-key="e" { "Edit" }
                a.button href="#reject" data-key="r" { "Reject" }
                @if !waiting.back.is_empty() { a.button href="#back" data-key="b" { "Send back" } }
                span.keys.dim data-keys {
                    kbd { "a" } " approve " kbd { "e" } " edit " kbd { "r" } " reject "
                    @if !waiting.back.is_empty() { kbd { "b" } " send back " }
                    kbd { "n" } " next"
                }
            }
            @if !behind.is_empty() { p.dim { "Approved, it goes on to " (behind.join(" and ")) "." } }
            form #edit .panel.open[open == "edit"] method="post" action=(to) {
                (hidden("edit"))
                label for="text" { "Your text takes the place of this one, and goes on as approved" }
                textarea #text name="text" rows="18" required dir="auto" spellcheck="true" { "\n" (editable) }
                @if left_out > 0 { p.dim { (count(left_out, "invisible character")) " left out here." } }
                p.row { button.primary type="submit" { "Save and approve" } a.button href="#main" { "Leave it" } }
            }
            form #reject .panel.open[open == "reject"] method="post" action=(to) {
                (hidden("reject"))
                label for="reason" { "Why? The next piece can be better for it" }
                textarea #reason name="reason" rows="3" dir="auto" { "\n" (reason) }
                p.row { button.danger type="submit" { "Reject" } a.button href="#main" { "Leave it" } }
            }
            @if !waiting.back.is_empty() { (send_back(&to, &hidden("back"), waiting, if open == "back" { reason } else { "" }, open == "back")) }
        }
    }
}

/// A step makes it again, with the reason before its eyes.
fn send_back(to: &str, hidden: &Markup, waiting: &Waiting, reason: &str, open: bool) -> Markup {
    html! {
        form #back .panel.open[open] method="post" action=(to) {
            (hidden)
            @match waiting.back.as_slice() {
                [only] => { input type="hidden" name="to" value=(only); },
                several => {
                    label for="to" { "Who makes it again" }
                    select #to name="to" { @for step in several { option value=(step) { (step) } } }
                }
            }
            label for="otherwise" { "What shall be made otherwise? It is read by whoever writes it again" }
            textarea #otherwise name="reason" rows="3" required dir="auto" { "\n" (reason) }
            p.row { button.primary type="submit" { "Send back" } a.button href="#main" { "Leave it" } }
        }
    }
}

/// Somebody was faster.
fn conflict(facts: &ItemFacts, kept: &Kept) -> Markup {
    let decided = facts.decisions.last().map(|past| format!("{} by {}", word(&past.verdict), past.by));
    match kept {
        Kept::Nothing => html! {},
        Kept::Changed { .. } => html! {
            section.conflict role="alert" {
                h2 { "This piece changed while you were reading" }
                p { "Nothing was decided. Here is what it is now; what you typed is kept below." }
            }
        },
        Kept::Gone { why, text, reason } => html! {
            section.conflict role="alert" {
                h2 { @if facts.waiting.is_some() { "That was not taken" } @else { "Somebody was faster" } }
                p {
                    @match &decided {
                        // It still waits, but not for them: several people have to approve, or it is their own work.
                        _ if facts.waiting.is_some() => { "Nothing was decided: " (shown(why)) "." },
                        Some(decided) => { "This piece was " (shown(decided)) " meanwhile, so your decision was not taken." },
                        None => "This piece does not wait for a decision any more, so yours was not taken.",
                    }
                }
                @if !text.is_empty() {
                    @let theirs = facts.decisions.iter().rev().find_map(|past| match &past.verdict { Verdict::Edit { text } => Some(text), _ => None });
                    @if let Some(theirs) = theirs.filter(|_| facts.waiting.is_none()) {
                        h3 { "From their text to yours" }
                        (changes(theirs, text))
                    }
                    label for="kept" { "Your text, to copy" }
                    textarea #kept readonly rows="10" dir="auto" { "\n" (cleaned(text).0) }
                }
                @if !reason.is_empty() {
                    label for="kept-reason" { "Your reason, to copy" }
                    textarea #kept-reason readonly rows="3" dir="auto" { "\n" (cleaned(reason).0) }
                }
                p { a.button href="/queue" { "To the queue" } }
            }
        },
    }
}

fn evidence(claims: &[Claim], evidence: &[Evidence], zone: &TimeZone) -> Markup {
    let of = |claim: &Claim| evidence.iter().find(|evidence| evidence.signal == claim.signal);
    let others: Vec<&Evidence> =
        evidence.iter().filter(|evidence| claims.iter().all(|claim| claim.signal != evidence.signal)).collect();
    html! {
        section.evidence aria-labelledby="evidence" {
            h2 #evidence { "Evidence" }
            @if claims.is_empty() && others.is_empty() { p.dim { "None is kept with this item." } }
            ol.claims {
                @for claim in claims {
                    li #{ "claim-" (claim.id) } tabindex="-1" {
                        p.claim { span.cite { (claim.id) } " " (shown(&claim.text)) }
                        (source(of(claim), claim.quote.as_data(), claim.url.as_deref(), zone))
                    }
                }
                @for other in &others {
                    li { (source(Some(other), other.quote.as_data(), other.url.as_deref(), zone)) }
                }
            }
        }
    }
}

fn source(evidence: Option<&Evidence>, quote: &str, url: Option<&str>, zone: &TimeZone) -> Markup {
    let url = url.or_else(|| evidence.and_then(|evidence| evidence.url.as_deref())).and_then(web_address);
    html! {
        @if !quote.trim().is_empty() { blockquote dir="auto" { (shown(&readable(quote, zone))) } }
        p.source {
            @if let Some(evidence) = evidence {
                span { (evidence.source) }
                span { (evidence.at.in_zone(zone).strftime("%-d %b %Y").to_string()) }
            }
            @if let Some(url) = url {
                a href=(url) rel="noopener noreferrer nofollow" target="_blank" { (shown(&host(url))) span.sr { " (opens in a new tab)" } }
            }
        }
    }
}

/// What one recognises an address by.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest).trim_start_matches("www.").to_owned()
}

fn brief(brief: &Brief) -> Markup {
    html! {
        details {
            summary { "The brief" }
            dl {
                dt { "For" } dd { (shown(&brief.audience)) }
                dt { "Angle" } dd { (shown(&brief.angle)) }
                @if let Some(pillar) = &brief.pillar { dt { "Pillar" } dd { (shown(pillar)) } }
                @if !brief.avoid.is_empty() { dt { "Avoids" } dd { (shown(&brief.avoid.join(", "))) } }
                dt { "Score" } dd { (format!("{:.2}", brief.score)) ", place " (brief.rank) }
            }
        }
    }
}

pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Edit { .. } => "edited and approved",
        Verdict::Reject { .. } => "rejected",
        Verdict::SendBack { .. } => "sent back",
        Verdict::Expired { approve: true } => "approved when its time was over",
        Verdict::Expired { approve: false } => "rejected when its time was over",
    }
}

fn history(decisions: &[Past], zone: &TimeZone) -> Markup {
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            @if decisions.is_empty() { p.dim { "Nobody has decided about it yet." } }
            ul.history {
                @for past in decisions {
                    li {
                        strong { (word(&past.verdict)) }
                        @if !matches!(past.verdict, Verdict::Expired { .. }) { " by " (shown(&past.by)) }
                        " at " (past.step) ", " (past.at.friendly(zone))
                        @match &past.verdict {
                            Verdict::Reject { reason: Some(reason) } => { blockquote dir="auto" { (shown(reason)) } },
                            Verdict::SendBack { to, reason } => { " to " (to) blockquote dir="auto" { (shown(reason)) } },
                            _ => {},
                        }
                    }
                }
            }
        }
    }
}

fn origin(node: &Node, workflow: &str) -> Markup {
    html! {
        details {
            summary { "Where it comes from" }
            ul.origin { (branch(node, workflow, true)) }
        }
    }
}

fn branch(node: &Node, workflow: &str, top: bool) -> Markup {
    html! {
        li {
            span.kind { (node.kind) } " "
            @if top { (shown(&node.title)) } @else { a href={ "/pieces/" (encoded(workflow)) "/" (encoded(&node.id)) } { (shown(&node.title)) } }
            @if !node.facts.is_empty() {
                div.dim { @for (at, fact) in node.facts.iter().take(3).enumerate() { @if at > 0 { "; " } (shown(fact)) } }
            }
            @if !node.from.is_empty() { ul { @for from in &node.from { (branch(from, workflow, false)) } } }
        }
    }
}

/// How fresh something is, for pages beside this one.
pub fn when(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Markup {
    // What is long ago is told by its date.
    let old = now.days_since(at) > 30.0;
    html! { time datetime=(at) title=(at.friendly(zone)) { @if old { (at.friendly(zone)) } @else { (ago(at, now)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_said_once() {
        assert_eq!(without_title("# One\n\nText", "One"), "\n\nText");
        assert_eq!(without_title("# One more\n", "One"), "# One more\n");
        assert_eq!(without_title("Text", "One"), "Text");
        assert_eq!(host("https://www.example.com/a?b"), "example.com");
    }
}
