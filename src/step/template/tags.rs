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

/// What is wrong with the tags of a template, and the template without what was wrong.
pub(super) struct Guarded {
    /// In the order of the text.
    pub problems: Vec<TemplateProblem>,
    /// The same text with spaces where a tag was wrong, and with the ends that blocks lacked: what stands in it stands where it stood.
    /// `None` when it cannot be read even so.
    pub text: Option<String>,
}

/// A block that waits for its end.
struct Block {
    name: String,
    range: Range<usize>,
    /// Its tags are taken out.
    is_out: bool,
}

/// Checks limits, that every tag is closed, and that blocks close in order. A tag that cannot stand is told and taken out, so that the others
/// are checked as well.
pub(super) fn guard(text: &str) -> Guarded {
    let mut guard = Guard { problems: Vec::new(), out: Vec::new(), open: Vec::new() };
    let readable = scan(text).and_then(|tags| tags.into_iter().try_for_each(|tag| guard.tag(tag)));
    let Guard { mut problems, out, open } = guard;
    let mut ends = String::new();
    for Block { name, range, .. } in open.into_iter().rev().filter(|block| !block.is_out && readable.is_ok()) {
        ends.push_str(&format!("{{{{/{name}}}}}"));
        problems.push(
            TemplateProblem::new(range, format!("this `{{{{#{name}}}}}` is not closed"))
                .help(format!("end it with `{{{{/{name}}}}}`")),
        );
    }
    let is_readable = readable.is_ok();
    problems.extend(readable.err());
    problems.sort_by_key(|problem| problem.range.start);
    let text = is_readable.then(|| {
        let mut kept = text.as_bytes().to_vec();
        out.into_iter().flatten().for_each(|at| kept[at] = b' ');
        // Whole tags are taken out, so what is left is text.
        String::from_utf8_lossy(&kept).into_owned() + &ends
    });
    Guarded { problems, text }
}

struct Guard {
    problems: Vec<TemplateProblem>,
    out: Vec<Range<usize>>,
    open: Vec<Block>,
}

impl Guard {
    /// Tells what is wrong with a tag, and takes it out.
    fn out(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.out.push(range.clone());
        self.problems.push(TemplateProblem::new(range, message).help(help));
    }

    /// An error when nothing behind it can be made sense of.
    fn tag(&mut self, tag: Tag<'_>) -> Result<(), TemplateProblem> {
        if tag.range.len() > LONGEST_TAG {
            return Err(TemplateProblem::new(tag.range, "this tag is too long").help("split it over several tags"));
        }
        depth(&tag)?;
        let first = tag.inner.chars().next();
        let named = tag.inner.trim_start_matches(['#', '/', '>', '*']).trim_start();
        let name: String = named.chars().take_while(|c| is_name(*c)).collect();
        match first {
            None => self.out(tag.range, "this tag is empty", "name a variable, such as `{{brief.title}}`"),
            Some('>') => self.out(tag.range, "templates have no partials", "write the text here instead"),
            Some('*') => self.out(tag.range, "templates have no decorators", "write the text here instead"),
            Some('#') => {
                let is_partial = tag.inner.starts_with("#>");
                let is_out = is_partial || tag.inner.starts_with("#*");
                self.open.push(Block { name, range: tag.range.clone(), is_out });
                if self.open.len() > DEEPEST_BLOCKS {
                    return Err(TemplateProblem::new(tag.range, "the blocks are nested too deeply"));
                }
                if is_out {
                    let message = if is_partial { "templates have no partials" } else { "templates have no decorators" };
                    self.out(tag.range, message, "write the text here instead");
                }
            }
            Some('/') => match self.open.pop() {
                Some(block) if block.is_out => self.out.push(tag.range),
                Some(block) if block.name == name || name.is_empty() => {}
                Some(block) => {
                    let message = format!("`{{{{#{}}}}}` is closed by `{{{{/{name}}}}}`", block.name);
                    return Err(TemplateProblem::new(block.range.start..tag.range.end, message)
                        .help(format!("write `{{{{/{}}}}}` before it", block.name)));
                }
                None => {
                    let message = format!("`{{{{/{name}}}}}` closes nothing");
                    self.out(tag.range, message, format!("open it with `{{{{#{name} …}}}}` before"));
                }
            },
            _ => {
                let is_else = tag.inner == "^" || tag.inner == "else" || tag.inner.starts_with("else ");
                if is_else && self.open.is_empty() {
                    self.out(tag.range, "`{{else}}` stands outside of a block", "write it between `{{#if …}}` and `{{/if}}`");
                }
            }
        }
        Ok(())
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
