//! A piece put together otherwise, by rule: another opening, another length, other proof. What the composer answers for a variant, and
//! what a model is given to start from.
//!
//! It only moves and leaves out what is there and adds claims of the brief with their citation, so a recast piece is as well grounded as
//! the piece was. An axis that needs a writer, such as a tone, changes nothing here.

use super::claims::readable;
use crate::model::goods::{Brief, Claim, Draft};
use std::collections::BTreeMap;

/// Longest quotation that opens or proves something, in characters.
const QUOTE_MAX: usize = 200;

/// A text in blocks, which blank lines part; a code block is one of them.
pub fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut block, mut in_code) = (Vec::new(), false);
    for line in text.lines().chain([""]) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !line.trim().is_empty() || in_code {
            // A heading is a block of its own.
            if line.starts_with('#') && !in_code && !block.is_empty() {
                blocks.push(std::mem::take(&mut block).join("\n"));
            }
            block.push(line);
            if line.starts_with('#') && !in_code {
                blocks.push(std::mem::take(&mut block).join("\n"));
            }
        } else if !block.is_empty() {
            blocks.push(std::mem::take(&mut block).join("\n"));
        }
    }
    if !block.is_empty() {
        blocks.push(block.join("\n"));
    }
    blocks
}

/// Title, body and sources of a piece.
pub struct Parts {
    pub title: String,
    pub body: Vec<String>,
    /// From the heading `Sources` on; empty when there is none.
    pub sources: Vec<String>,
}

impl Parts {
    pub fn of(draft: &Draft) -> Parts {
        let mut body = blocks(&draft.text);
        body.retain(|block| !block.starts_with("# "));
        let is_sources = |block: &String| {
            block.strip_prefix("##").is_some_and(|name| {
                matches!(name.trim_start_matches('#').trim().to_lowercase().as_str(), "sources" | "references")
            })
        };
        let at = body.iter().rposition(is_sources).unwrap_or(body.len());
        let sources = body.split_off(at);
        Parts { title: draft.title.clone(), body, sources }
    }
}

/// The claims that the piece cites; all of its brief when it cites none.
pub fn cited(draft: &Draft) -> Vec<&Claim> {
    let Brief { claims, .. } = &*draft.brief;
    let cited: Vec<&Claim> = claims.iter().filter(|claim| draft.text.contains(&format!("[{}]", claim.id))).collect();
    if cited.is_empty() { claims.iter().collect() } else { cited }
}

/// A claim as a sentence with its citation.
pub fn sentence(claim: &Claim) -> String {
    format!("{} [{}].", claim.text.trim_end_matches('.'), claim.id)
}

fn has_number(claim: &&&Claim) -> bool {
    claim.text.contains(|c: char| c.is_ascii_digit())
}

fn quotation(claim: &Claim) -> Option<String> {
    let quote = claim.quote.quoted(QUOTE_MAX);
    (quote.chars().count() >= 12).then(|| format!("> {quote} [{}]", claim.id))
}

/// The piece with these values on its axes. Values and axes that only a writer can follow are left alone.
pub fn recast(draft: &Draft, axes: &BTreeMap<String, String>) -> String {
    let Parts { title, body, sources } = Parts::of(draft);
    let claims = cited(draft);
    let value = |axis: &str| axes.get(axis).map(|value| value.to_lowercase());
    let mut text = vec![format!("# {title}")];
    text.extend(value("hook").and_then(|hook| match hook.as_str() {
        "question" => Some(format!("What is behind {}, and what can you do about it?", readable(&draft.brief.topic))),
        "number" | "numbers" => claims.iter().find(has_number).map(|claim| sentence(claim)),
        "quote" => claims.iter().find_map(|claim| quotation(claim)),
        "statement" => Some(format!("{}.", draft.brief.angle.trim_end_matches('.'))),
        _ => None,
    }));
    let keep = match value("length").as_deref() {
        Some("short" | "brief") => 1,
        Some("medium") => 2,
        _ => usize::MAX,
    };
    text.extend(match value("proof").as_deref() {
        Some("number" | "numbers" | "data") => {
            let list: Vec<String> =
                claims.iter().filter(has_number).take(3).map(|claim| format!("- {}", sentence(claim))).collect();
            (!list.is_empty()).then(|| list.join("\n"))
        }
        Some("quote" | "quotes") => {
            let list: Vec<String> = claims.iter().filter_map(|claim| quotation(claim)).take(2).collect();
            (!list.is_empty()).then(|| list.join("\n\n"))
        }
        _ => None,
    });
    let (mut here, mut sections) = (0, 0);
    for block in body {
        if block.starts_with('#') {
            (here, sections) = (0, sections + 1);
        } else {
            here += 1;
        }
        if here <= keep && (keep == usize::MAX || sections <= keep + 1) {
            text.push(block);
        }
    }
    text.extend(sources);
    text.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::super::bench::draft;
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> String {
        let axes = pairs.iter().map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned())).collect();
        recast(&draft(), &axes)
    }

    #[test]
    fn a_text_is_cut_at_blank_lines_headings_and_never_inside_code() {
        assert_eq!(
            blocks("# T\nlead\n\n## One\n- a\n- b\n```sh\nx\n\ny\n```\n\nend"),
            ["# T", "lead", "## One", "- a\n- b\n```sh\nx\n\ny\n```", "end"]
        );
        assert_eq!(blocks("\n\n"), Vec::<String>::new());
    }

    #[test]
    fn an_axis_changes_the_opening_the_length_or_the_proof_and_citations_stay() {
        let whole = with(&[]);
        assert_eq!(whole, draft().text);
        let number = with(&[("hook", "number")]);
        assert!(
            number.starts_with("# Volume prices moved\n\nThe price of Volumes changed from $0.15 to $0.12 [c1].\n\n"),
            "{number}"
        );
        assert!(with(&[("hook", "question")]).contains("What is behind volume price"));
        assert!(with(&[("hook", "quote")]).contains("\n\n> Volumes now cost $0.12 per GB [c1]\n\n"));
        let short = with(&[("length", "short")]);
        assert!(short.len() < whole.len() && short.contains("## Sources") && short.contains("[c1]"), "{short}");
        assert!(with(&[("proof", "numbers")]).contains("\n- Searches for “volume price”: 120 in the latest period [c2]."));
        assert_eq!(with(&[("tone", "warm")]), whole, "a tone needs a writer");
    }
}
