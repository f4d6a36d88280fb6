//! The tags of a template, scanned before Handlebars reads it: limits, and syntax errors in plain words at the right place.

use super::TemplateProblem;
use std::ops::Range;

/// Deepest nesting of blocks.
const DEEPEST_BLOCKS: usize = 16;
/// Deepest nesting of brackets in one tag.
const DEEPEST_BRACKETS: usize = 8;
/// Longest tag in bytes.
const LONGEST_TAG: usize = 1_000;
/// More is not told of one template.
const MOST_PROBLEMS: usize = 100;

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
    /// Its `{{else}}` and `{{else if …}}`.
    turns: Vec<Range<usize>>,
    /// Whether one of them is the last that may stand.
    has_last_turn: bool,
    /// Its tags are taken out.
    is_out: bool,
}

/// Checks limits, that every tag is closed, and that blocks close in order. A tag that cannot stand is told and taken out, so that the others
/// are checked as well.
pub(super) fn guard(text: &str) -> Guarded {
    let mut guard = Guard { text, problems: Vec::new(), out: Vec::new(), over: Vec::new(), open: Vec::new() };
    let readable = scan(text).into_iter().try_for_each(|tag| {
        match tag {
            Ok(tag) => guard.tag(tag)?,
            Err(tag) => guard.unclosed(tag),
        }
        let too_many = guard.problems.len() >= MOST_PROBLEMS;
        guard.problems.pop_if(|_| too_many).map_or(Ok(()), Err)
    });
    let mut ends = String::new();
    while let Some(block) = guard.open.pop().filter(|_| readable.is_ok()) {
        let Block { name, range, .. } = &block;
        if block.is_out {
            guard.take_out(block, None);
            continue;
        }
        guard.problems.push(
            TemplateProblem::new(range.clone(), format!("this `{{{{#{name}}}}}` is not closed"))
                .help(format!("end it with `{{{{/{name}}}}}`")),
        );
        ends.push_str(&format!("{{{{/{name}}}}}"));
    }
    let Guard { mut problems, out, over, .. } = guard;
    let is_readable = readable.is_ok();
    problems.extend(readable.err());
    problems.sort_by_key(|problem| problem.range.start);
    let text = is_readable.then(|| {
        let mut kept = text.as_bytes().to_vec();
        for (at, end) in over {
            kept[at..at + end.len()].copy_from_slice(end.as_bytes());
        }
        blank(&mut kept, out);
        // Whole tags are taken out, so what is left is text.
        String::from_utf8_lossy(&kept).into_owned() + &ends
    });
    Guarded { problems, text }
}

/// Spaces where these places were; lines stay lines.
fn blank(text: &mut [u8], places: Vec<Range<usize>>) {
    places.into_iter().flatten().filter(|at| text[*at] != b'\n').collect::<Vec<_>>().into_iter().for_each(|at| text[at] = b' ');
}

struct Guard<'t> {
    text: &'t str,
    problems: Vec<TemplateProblem>,
    out: Vec<Range<usize>>,
    /// The right end of a block, to be written over a wrong one.
    over: Vec<(usize, String)>,
    open: Vec<Block>,
}

impl Guard<'_> {
    /// Tells what is wrong with a tag, and takes it out.
    fn out(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.out.push(range.clone());
        self.problems.push(TemplateProblem::new(range, message).help(help));
    }

    /// Takes out a block whose end stands there, or nowhere.
    fn take_out(&mut self, block: Block, end: Option<Range<usize>>) {
        let text = self.text.len();
        self.out.extend(block.places(end, text));
    }

    /// A tag without its last braces. It opens and closes blocks all the same.
    fn unclosed(&mut self, tag: Tag<'_>) {
        self.out(tag.range.clone(), "this tag is not closed", "end it with `}}`");
        match tag.inner.chars().next() {
            Some('#') => self.open.push(Block::new(&tag, true)),
            Some('/') => {
                if let Some(block) = self.open.pop() {
                    self.take_out(block, Some(tag.range));
                }
            }
            _ => {}
        }
    }

    /// An error when nothing behind it can be made sense of.
    fn tag(&mut self, tag: Tag<'_>) -> Result<(), TemplateProblem> {
        let fault = if tag.range.len() > LONGEST_TAG {
            Some(TemplateProblem::new(tag.range.clone(), "this tag is too long").help("split it over several tags"))
        } else {
            depth(&tag)
        };
        let is_bad = fault.is_some();
        self.problems.extend(fault);
        match tag.inner.chars().next() {
            Some('#') => {
                let is_partial = tag.inner.starts_with("#>");
                let is_out = is_partial || is_bad || tag.inner.starts_with("#*");
                self.open.push(Block::new(&tag, is_out));
                if self.open.len() > DEEPEST_BLOCKS {
                    return Err(TemplateProblem::new(tag.range, "the blocks are nested too deeply"));
                }
                if is_out && !is_bad {
                    let message = if is_partial { "templates have no partials" } else { "templates have no decorators" };
                    self.problems.push(TemplateProblem::new(tag.range, message).help("write the text here instead"));
                }
            }
            _ if is_bad => self.out.push(tag.range),
            None => self.out(tag.range, "this tag is empty", "name a variable, such as `{{brief.title}}`"),
            Some('>') => self.out(tag.range, "templates have no partials", "write the text here instead"),
            Some('*') => self.out(tag.range, "templates have no decorators", "write the text here instead"),
            Some('/') => self.end(tag),
            _ if tag.is_turn() => match self.open.last_mut() {
                None => {
                    self.out(tag.range, "`{{else}}` stands outside of a block", "write it between `{{#if …}}` and `{{/if}}`");
                }
                Some(block) if block.has_last_turn => {
                    let message = format!("this `{{{{#{}}}}}` has its `{{{{else}}}}` already", block.name);
                    self.out(tag.range, message, "the one without a condition comes last, and once");
                }
                Some(block) => {
                    block.has_last_turn = matches!(tag.inner, "^" | "else");
                    block.turns.push(tag.range);
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// The end of a block: the one that is open, or one around it whose inner ones were left open.
    fn end(&mut self, tag: Tag<'_>) {
        let name = tag.name();
        let Some(block) = self.open.pop() else {
            let message = format!("`{{{{/{name}}}}}` closes nothing");
            return self.out(tag.range, message, format!("open it with `{{{{#{name} …}}}}` before"));
        };
        if block.name == name || name.is_empty() {
            if block.is_out {
                self.take_out(block, Some(tag.range));
            }
            return;
        }
        let message = format!("`{{{{#{}}}}}` is closed by `{{{{/{name}}}}}`", block.name);
        let right = format!("{{{{/{}}}}}", block.name);
        let is_of_another = self.open.iter().any(|outer| outer.name == name);
        let help = if is_of_another { format!("write `{right}` before it") } else { format!("write `{right}`") };
        self.problems.push(TemplateProblem::new(block.range.start..tag.range.end, message).help(help));
        if is_of_another {
            self.take_out(block, Some(tag.range.start..tag.range.start));
            self.end(tag);
        } else if !block.is_out && right.len() <= tag.range.len() {
            self.over.push((tag.range.start, right.clone()));
            self.out.push(tag.range.start + right.len()..tag.range.end);
        } else {
            self.take_out(block, Some(tag.range));
        }
    }
}

impl Block {
    fn new(tag: &Tag<'_>, is_out: bool) -> Block {
        Block { name: tag.name(), range: tag.range.clone(), turns: Vec::new(), has_last_turn: false, is_out }
    }

    /// What must go when the block cannot stand: its tags where what is inside means the same without them, else everything in it.
    fn places(self, end: Option<Range<usize>>, length: usize) -> Vec<Range<usize>> {
        if matches!(self.name.as_str(), "each" | "with") {
            let whole = self.range.start..end.map_or(length, |end| end.end);
            return [whole].into();
        }
        [self.range].into_iter().chain(self.turns).chain(end).collect()
    }
}

impl Tag<'_> {
    fn name(&self) -> String {
        let named = self.inner.trim_start_matches(['#', '/', '>', '*']).trim_start();
        named.chars().take_while(|c| is_name(*c)).collect()
    }

    /// `{{else}}` and `{{else if …}}`, also with `^`.
    fn is_turn(&self) -> bool {
        let rest = self.inner.strip_prefix("else");
        self.inner.starts_with('^') || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    }

    /// A template in which the tag stands alone; nothing for an end.
    fn alone(&self, text: &str) -> Option<String> {
        let written = text.get(self.range.clone())?;
        match self.inner.chars().next() {
            Some('/') => None,
            Some('#') => Some(format!("{written}{{{{/{}}}}}", self.name())),
            _ if self.is_turn() => Some(format!("{{{{#if a}}}}{written}{{{{/if}}}}")),
            _ => Some(written.to_owned()),
        }
    }
}

/// The tags that Handlebars cannot read, each by itself, and the text without them. For a text that [`guard`] let through.
pub(super) fn unreadable(text: &str) -> (Vec<TemplateProblem>, String) {
    let (mut problems, mut out, mut open) = (Vec::new(), Vec::new(), Vec::<Block>::new());
    for tag in scan(text).into_iter().flatten() {
        let reason = tag.alone(text).and_then(|alone| {
            let read = std::panic::catch_unwind(|| handlebars::Template::compile(&alone));
            match read {
                Ok(read) => read.err().map(|error| error.reason().to_string()),
                Err(_) => Some(String::new()),
            }
        });
        problems.extend(reason.as_ref().map(|reason| in_tag(&tag, reason)));
        if problems.len() >= MOST_PROBLEMS {
            return (problems, String::new());
        }
        match tag.inner.chars().next() {
            Some('#') => {
                open.push(Block::new(&tag, reason.is_some()));
            }
            Some('/') => out.extend(
                open.pop()
                    .filter(|block| block.is_out)
                    .into_iter()
                    .flat_map(|block| block.places(Some(tag.range.clone()), text.len())),
            ),
            _ if reason.is_some() => out.push(tag.range),
            _ if tag.is_turn() => open.last_mut().into_iter().for_each(|block| block.turns.push(tag.range.clone())),
            _ => {}
        }
    }
    let mut kept = text.as_bytes().to_vec();
    blank(&mut kept, out);
    (problems, String::from_utf8_lossy(&kept).into_owned())
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | '$' | ':')
}

/// The tags in their order. One without its last braces is an error that ends with its line, or before the next one.
fn scan(text: &str) -> Vec<Result<Tag<'_>, Tag<'_>>> {
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
        let rest = text[start + 2..].trim_start_matches('~');
        let found = if rest.starts_with("!--") {
            text[start..].find("--}}").or_else(|| text[start..].find("--~}}")).map(|end| (end, "--}}")).ok_or(text.len() - start)
        } else {
            tag_end(&text[start..], rest.starts_with('!')).map(|end| (end, "}}"))
        };
        let (end, closing) = match found {
            Ok(found) => found,
            Err(end) => {
                let stop = text[start..start + end].find('\n').map_or(start + end, |newline| start + newline);
                tags.push(Err(Tag { range: start..stop, inner: inner(&text[start..stop]) }));
                // What is left of a comment is comment.
                at = if rest.starts_with("!--") { text.len() } else { stop };
                continue;
            }
        };
        let mut stop = start + end + closing.len();
        while text[stop..].starts_with('}') {
            stop += 1;
        }
        if !rest.starts_with('!') {
            tags.push(Ok(Tag { range: start..stop, inner: inner(&text[start..stop]) }));
        }
        at = stop;
    }
    tags
}

fn inner(tag: &str) -> &str {
    tag.trim_matches(['{', '}', '~']).trim().trim_start_matches('&').trim_start()
}

/// Where the braces that end a tag begin; else how much of the text it takes up without an end.
fn tag_end(text: &str, is_comment: bool) -> Result<usize, usize> {
    // Braces in a quoted text belong to it.
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(2) {
        match quote {
            // A quotation mark that nothing closes must not be looked for again and again.
            Some(_) if place > LONGEST_TAG => return Err(place),
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[place..].starts_with("}}") => return Ok(place),
            None if matches!(c, '"' | '\'') && !is_comment => quote = Some(c),
            None if text[place..].starts_with("{{") && place > 4 => return Err(place),
            None => {}
        }
    }
    Err(text.len())
}

fn depth(tag: &Tag<'_>) -> Option<TemplateProblem> {
    let mut depth = 0usize;
    for c in tag.inner.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_BRACKETS {
            return Some(TemplateProblem::new(tag.range.clone(), "the brackets of this tag are nested too deeply"));
        }
    }
    None
}

/// A syntax error of Handlebars at the tag that holds it.
pub(super) fn syntax_problem(text: &str, at: usize, reason: &str) -> TemplateProblem {
    let tags: Vec<Tag<'_>> = scan(text).into_iter().flatten().collect();
    match tags.iter().find(|tag| tag.range.end > at).or(tags.last()) {
        Some(tag) => in_tag(tag, reason),
        None => TemplateProblem::new(at.min(text.len())..text.len(), "the template cannot be read"),
    }
}

fn in_tag(tag: &Tag<'_>, reason: &str) -> TemplateProblem {
    let problem = TemplateProblem::new(tag.range.clone(), format!("`{{{{{}}}}}` cannot be read", tag.inner));
    if let Some(compared) = compared(tag.inner) {
        problem.help(format!("compare with a helper: `{compared}`"))
    } else if tag.inner.contains('|') && !tag.inner.contains(" as |") {
        problem.help("a helper comes first: `{{upper brief.title}}`")
    } else if ["+", "-", "*", "/"].iter().any(|sign| tag.inner.contains(&format!(" {sign} "))) {
        problem.help("templates do not calculate; compare with `gt`, `lt` or `eq`")
    } else if reason.contains("expected") {
        problem.help("write a variable such as `{{brief.title}}`, or a helper with its arguments")
    } else {
        problem
    }
}

/// A comparison with a sign, as it is written with a helper: `#if (gt brief.score 0.5)` for `#if brief.score > 0.5`.
fn compared(inner: &str) -> Option<String> {
    const SIGNS: [(&str, &str); 8] =
        [("===", "eq"), ("==", "eq"), ("!=", "ne"), (">=", "gte"), ("<=", "lte"), (">", "gt"), ("<", "lt"), (" = ", "eq")];
    let (sign, helper) = SIGNS.into_iter().find(|(sign, _)| inner.contains(sign))?;
    let (before, after) = inner.split_once(sign)?;
    let (start, left) = before.trim_end().rsplit_once(char::is_whitespace).unwrap_or(("", before.trim_end()));
    let right = after.trim();
    let is_one = |part: &str| !part.is_empty() && !part.contains(['(', ')', '=', '<', '>', '|', '&']);
    if !is_one(left) || !is_one(right) || right.contains(char::is_whitespace) && !right.starts_with(['"', '\'']) {
        return Some(format!("{{{{#if ({helper} a b)}}}}"));
    }
    let start = if start.trim().is_empty() { "#if" } else { start.trim() };
    Some(format!("{{{{{start} ({helper} {left} {right})}}}}"))
}
