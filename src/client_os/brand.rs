//! `brand.md` and `decisions.md`.

use super::finding::Finding;
use super::markdown::{self, Section};
use super::snapshot::{Decision, Snapshot};
use crate::diag::{Severity, nearest};

/// The sections of `brand.md`, with other names people give them.
const SECTIONS: &[(&str, &[&str])] = &[
    ("Company", &["about", "who we are"]),
    ("Voice", &["tone", "voice and tone", "tone of voice"]),
    ("Audience", &["icp", "ideal customer", "who we write for"]),
    ("Services", &["products", "what we sell", "offers"]),
    ("Calls to action", &["ctas", "cta", "call to action"]),
    ("Forbidden phrases", &["forbidden", "never say", "forbidden words"]),
    ("Approved samples", &["samples", "examples"]),
    ("Pages", &["own pages", "links"]),
];

/// The name of a section as we call it.
pub(super) fn known(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    SECTIONS
        .iter()
        .find(|(known, others)| known.to_lowercase() == name || others.contains(&name.as_str()))
        .map(|(known, _)| *known)
}

/// Reads `brand.md` into the snapshot.
pub(super) fn read_brand(path: &str, text: &str, snapshot: &mut Snapshot, findings: &mut Vec<Finding>) {
    for section in markdown::sections(text).into_iter().filter(|section| !section.name.is_empty()) {
        let items = || section.items().into_iter().map(|(_, item)| unquoted(&item)).collect::<Vec<_>>();
        match known(&section.name) {
            Some("Company") => add_text(&mut snapshot.company, &section),
            Some("Voice") => add_text(&mut snapshot.voice, &section),
            Some("Audience") => add_text(&mut snapshot.audience, &section),
            Some("Services") => snapshot.services.extend(items()),
            Some("Calls to action") => snapshot.ctas.extend(section.items().into_iter().map(|(_, item)| item)),
            Some("Forbidden phrases") => snapshot.forbidden.extend(items()),
            Some("Approved samples") => snapshot.samples.extend(items()),
            Some("Pages") => read_pages(path, &section, snapshot, findings),
            _ => {
                let names = SECTIONS.iter().map(|(known, _)| *known);
                let help = match nearest(&section.name, names.clone()) {
                    Some(near) => format!("did you mean `## {near}`?"),
                    None => format!("the sections are {}", names.collect::<Vec<_>>().join(", ")),
                };
                findings.push(Finding::new(
                    Severity::Warning,
                    path,
                    section.line,
                    format!("no step reads the section `{}`", section.name),
                    help,
                ));
            }
        }
    }
}

fn add_text(field: &mut String, section: &Section) {
    if !field.is_empty() {
        field.push_str("\n\n");
    }
    field.push_str(&section.text());
}

fn read_pages(path: &str, section: &Section, snapshot: &mut Snapshot, findings: &mut Vec<Finding>) {
    for (line, item) in section.items() {
        match markdown::link(&item) {
            Some((title, url)) if url.starts_with("https://") || url.starts_with("http://") => {
                snapshot.pages.push((title.to_owned(), url.to_owned()));
            }
            Some((_, url)) => findings.push(Finding::new(
                Severity::Warning,
                path,
                line,
                format!("`{url}` is not a whole address"),
                "write it with `https://`; briefs do not link to this page until then",
            )),
            None => findings.push(Finding::new(
                Severity::Warning,
                path,
                line,
                "this line is not a page",
                "write `- [title](https://…)`; briefs do not link to this page until then",
            )),
        }
    }
}

/// Reads `decisions.md` into the snapshot.
pub(super) fn read_decisions(path: &str, text: &str, snapshot: &mut Snapshot, findings: &mut Vec<Finding>) {
    for section in markdown::sections(text).into_iter().filter(|section| !section.name.is_empty()) {
        let mut decision = Decision { name: section.name.clone(), text: String::new(), forbids: Vec::new() };
        let mut kept: Vec<&str> = Vec::new();
        for (line, words) in &section.lines {
            match never_say(words) {
                Some("") => findings.push(Finding::new(
                    Severity::Warning,
                    path,
                    *line,
                    "this `never say` names no phrase",
                    "write `- never say: \"the phrase\"`",
                )),
                Some(phrase) => decision.forbids.push(unquoted(phrase)),
                None => kept.push(words.trim_end()),
            }
        }
        decision.text = kept.join("\n").trim().to_owned();
        if snapshot.decisions.iter().any(|other| other.name == decision.name) {
            findings.push(Finding::new(
                Severity::Warning,
                path,
                section.line,
                format!("the decision `{}` stands here twice", decision.name),
                "both are kept; give the second its own name",
            ));
        }
        snapshot.decisions.push(decision);
    }
}

/// The phrase of a `- never say: "…"` line.
fn never_say(line: &str) -> Option<&str> {
    let item = markdown::item_text(line)?;
    let lower = item.to_lowercase();
    let label = ["never say:", "never write:", "forbids:"].into_iter().find(|label| lower.starts_with(label))?;
    item.get(label.len()..).map(str::trim)
}

/// Without the quotation marks around it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    for (open, close) in [('"', '"'), ('“', '”'), ('\'', '\'')] {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close))
            && !inner.contains([open, close])
        {
            return inner.trim().to_owned();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_read_and_unknown_sections_are_named() {
        let text = "# Us\n## Company\nWe help.\n\nTwo.\n## CTAs\n- Book [a time](https://us.example/)\n## Forbidden phrases\n- \"game changer\"\n## Pagse\n- x\n## Pages\n- [A](https://us.example/a)\n- nothing\n- [B](/b)\n";
        let (mut snapshot, mut findings) = (Snapshot::default(), Vec::new());
        read_brand("brand.md", text, &mut snapshot, &mut findings);
        assert_eq!(snapshot.company, "We help.\n\nTwo.");
        assert_eq!(snapshot.ctas, ["Book [a time](https://us.example/)"]);
        assert_eq!(snapshot.forbidden, ["game changer"]);
        assert_eq!(snapshot.pages, [("A".to_owned(), "https://us.example/a".to_owned())]);
        let found: Vec<String> = findings.iter().map(|f| format!("{} {} | {}", f.line, f.message, f.help)).collect();
        assert_eq!(
            found,
            [
                "10 no step reads the section `Pagse` | did you mean `## Pages`?",
                "14 this line is not a page | write `- [title](https://…)`; briefs do not link to this page until then",
                "15 `/b` is not a whole address | write it with `https://`; briefs do not link to this page until then",
            ]
        );
    }

    #[test]
    fn decisions_keep_their_text_and_their_phrases_apart() {
        let text = "# Locked\n## No ranking\nWe describe.\n- never say: \"better than\"\n- Never say: best\n- a point\n## Two\n- never say:\n";
        let (mut snapshot, mut findings) = (Snapshot::default(), Vec::new());
        read_decisions("decisions.md", text, &mut snapshot, &mut findings);
        assert_eq!(snapshot.decisions[0].forbids, ["better than", "best"]);
        assert_eq!(snapshot.decisions[0].text, "We describe.\n- a point");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 8);
    }
}
