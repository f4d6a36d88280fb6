//! The tags of a template, scanned before Handlebars reads it: limits, and syntax errors in plain words at the right place.

use super::TemplateProblem;
use std::ops::Range;

/// Deepest nesting of blocks.
const DEEPEST_BLOCKS: usize = 16;
/// Deepest nesting of brackets in one tag.
const DEEPEST_BRACKETS: usize = 8;
/// Longest tag in bytes.
const LONGEST_TAG: usize = 1_000;

/// One `{{…}}`. Comments and escaped tags are left out.
struct Tag<'t> {
    range: Range<usize>,
    /// Without braces, `~` and surrounding space.
    inner: &'t str,
}

/// Checks limits, that every tag is closed, and that blocks close in order.
pub(super) fn guard(text: &str) -> Result<(), TemplateProblem> {
    let mut open: Vec<(String, Range<usize>)> = Vec::new();
    for tag in scan(text)? {
        if tag.range.len() > LONGEST_TAG {
            return Err(TemplateProblem::new(tag.range, "this tag is too long").help("split it over several tags"));
        }
        depth(&tag)?;
        let first = tag.inner.chars().next();
        let name: String = tag.inner.get(1..).unwrap_or("").trim_start().chars().take_while(|c| is_name(*c)).collect();
        match first {
            None => return Err(TemplateProblem::new(tag.range, "this tag is empty")),
            Some('>') => {
                return Err(TemplateProblem::new(tag.range, "templates have no partials").help("write the text here instead"));
            }
            Some('*') => return Err(TemplateProblem::new(tag.range, "templates have no decorators")),
            Some('#') if tag.inner.starts_with("#*") || tag.inner.starts_with("#>") => {
                return Err(TemplateProblem::new(tag.range, "templates have no partials").help("write the text here instead"));
            }
            Some('#') => {
                open.push((name, tag.range.clone()));
                if open.len() > DEEPEST_BLOCKS {
                    return Err(TemplateProblem::new(tag.range, "the blocks are nested too deeply"));
                }
            }
            Some('/') => match open.pop() {
                Some((opened, _)) if opened == name || name.is_empty() => {}
                Some((opened, at)) => {
                    let message = format!("`{{{{#{opened}}}}}` is closed by `{{{{/{name}}}}}`");
                    return Err(TemplateProblem::new(at.start..tag.range.end, message)
                        .help(format!("write `{{{{/{opened}}}}}` before it")));
                }
                None => {
                    let message = format!("`{{{{/{name}}}}}` closes nothing");
                    return Err(TemplateProblem::new(tag.range, message).help(format!("open it with `{{{{#{name} …}}}}` before")));
                }
            },
            _ => {
                let is_else = tag.inner == "^" || tag.inner == "else" || tag.inner.starts_with("else ");
                if is_else && open.is_empty() {
                    return Err(TemplateProblem::new(tag.range, "`{{else}}` stands outside of a block"));
                }
            }
        }
    }
    match open.pop() {
        Some((name, range)) => Err(TemplateProblem::new(range, format!("this `{{{{#{name}}}}}` is not closed"))
            .help(format!("end it with `{{{{/{name}}}}}`"))),
        None => Ok(()),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | '$' | ':')
}

fn scan(text: &str) -> Result<Vec<Tag<'_>>, TemplateProblem> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        // A backslash before the braces shows them as they are; two backslashes are a backslash and a tag.
        let slashes = text[..start].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if slashes % 2 == 1 {
            at = start + 2;
            continue;
        }
        let unclosed = || {
            let line = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
            TemplateProblem::new(start..line, "this tag is not closed").help("end it with `}}`")
        };
        let rest = text[start + 2..].trim_start_matches('~');
        let (end, closing) = if rest.starts_with("!--") {
            (text[start..].find("--}}").or_else(|| text[start..].find("--~}}")).ok_or_else(unclosed)?, "--}}")
        } else {
            // Braces in a quoted text belong to it.
            let mut quote: Option<char> = None;
            let mut escaped = false;
            let mut end = None;
            for (place, c) in text[start..].char_indices().skip(2) {
                match quote {
                    Some(_) if escaped => escaped = false,
                    Some(_) if c == '\\' => escaped = true,
                    Some(open) if c == open => quote = None,
                    Some(_) => {}
                    None if text[start + place..].starts_with("}}") => {
                        end = Some(place);
                        break;
                    }
                    None if matches!(c, '"' | '\'') && !rest.starts_with('!') => quote = Some(c),
                    None if text[start + place..].starts_with("{{") && place > 4 => break,
                    None => {}
                }
            }
            (end.ok_or_else(unclosed)?, "}}")
        };
        let mut stop = start + end + closing.len();
        while text[stop..].starts_with('}') {
            stop += 1;
        }
        if !rest.starts_with('!') {
            let inner = text[start..stop].trim_matches(['{', '}', '~']).trim().trim_start_matches('&').trim_start();
            tags.push(Tag { range: start..stop, inner });
        }
        at = stop;
    }
    Ok(tags)
}

fn depth(tag: &Tag<'_>) -> Result<(), TemplateProblem> {
    let mut depth = 0usize;
    for c in tag.inner.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_BRACKETS {
            return Err(TemplateProblem::new(tag.range.clone(), "the brackets of this tag are nested too deeply"));
        }
    }
    Ok(())
}

/// A syntax error of Handlebars at the tag that holds it.
pub(super) fn syntax_problem(text: &str, at: usize, reason: &str) -> TemplateProblem {
    let tags = scan(text).unwrap_or_default();
    let tag = tags.iter().find(|tag| tag.range.end > at).or(tags.last());
    let Some(tag) = tag else { return TemplateProblem::new(at.min(text.len())..text.len(), "the template cannot be read") };
    let problem = TemplateProblem::new(tag.range.clone(), format!("`{{{{{}}}}}` cannot be read", tag.inner));
    let word = tag.inner.trim_start_matches('#').split_whitespace().next().unwrap_or("");
    if tag.inner.contains(" = ") || tag.inner.contains("==") {
        problem.help(format!("compare with a helper: `{{{{#{word} (eq a b)}}}}`"))
    } else if tag.inner.contains('|') && !tag.inner.contains(" as |") {
        problem.help("a helper comes first: `{{upper brief.title}}`")
    } else if ["+", "-", "*", "<", ">"].iter().any(|sign| tag.inner.contains(&format!(" {sign} "))) {
        problem.help("templates do not calculate; compare with `gt`, `lt` or `eq`")
    } else if reason.contains("expected") {
        problem.help("write a variable such as `{{brief.title}}`, or a helper with its arguments")
    } else {
        problem
    }
}
