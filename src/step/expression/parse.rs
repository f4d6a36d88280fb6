//! Reading an expression: limits first, then the `cel` crate, then its messages in plain words.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, SourceInfo};
use std::ops::Range;

/// Longest expression in bytes.
const LONGEST: usize = 2_000;
/// Most names, numbers and signs.
const MOST_TOKENS: usize = 300;
/// Deepest nesting of brackets and conditions. The grammar's reader needs about 150 kB of stack per bracket in a
/// debug build, and a thread may have only 2 MB.
const DEEPEST: usize = 8;

/// What is wrong with an expression. `range` is in bytes of the expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionProblem {
    pub range: Range<usize>,
    /// One short sentence without a period.
    pub message: String,
    pub help: Option<String>,
}

impl ExpressionProblem {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> ExpressionProblem {
        ExpressionProblem { range, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> ExpressionProblem {
        self.help = Some(help.into());
        self
    }
}

/// A readable expression.
pub struct Program {
    pub(super) text: String,
    pub(super) root: IdedExpr,
    pub(super) source: SourceInfo,
}

impl Program {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The arguments of all `percentile(…)` calls, by the id of the call.
    pub(super) fn percentiles(&self) -> Vec<(u64, &IdedExpr)> {
        let mut found = Vec::new();
        collect_percentiles(&self.root, &mut found);
        found
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({:?})", self.text)
    }
}

fn collect_percentiles<'a>(expr: &'a IdedExpr, found: &mut Vec<(u64, &'a IdedExpr)>) {
    if let Expr::Call(call) = &expr.expr
        && call.func_name == "percentile"
        && call.target.is_none()
        && let [argument] = call.args.as_slice()
    {
        found.push((expr.id, argument));
    }
    for child in children(expr) {
        collect_percentiles(child, found);
    }
}

/// The parts of an expression in reading order.
fn children(expr: &IdedExpr) -> Vec<&IdedExpr> {
    match &expr.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).collect(),
        Expr::Comprehension(loop_) => {
            vec![&loop_.iter_range, &loop_.accu_init, &loop_.loop_cond, &loop_.loop_step, &loop_.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Struct(record) => record.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    }
}

/// Reads an expression. Never panics; what is too long or too deep is a problem like any other.
pub fn compile(text: &str) -> Result<Program, ExpressionProblem> {
    guard(text)?;
    // The crate is not known to panic within the limits; if it does, the user gets a diagnostic and not a crash.
    let read = std::panic::catch_unwind(|| cel::parser::Parser::new().parse_with_source_info(text));
    match read {
        Ok(Ok((root, source))) => Ok(Program { text: text.to_owned(), root, source }),
        Ok(Err(errors)) => {
            // Later errors are mostly echoes of the first.
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            let at = offset(text, line, column);
            Err(plain(text, at, first.map_or("", |error| error.msg.as_str())))
        }
        Err(_) => Err(ExpressionProblem::new(0..text.len(), "the expression cannot be read").help("write it in a simpler way")),
    }
}

/// Checks length, tokens, nesting, quotes and brackets before the grammar's reader sees the text.
fn guard(text: &str) -> Result<(), ExpressionProblem> {
    let problem = |range: Range<usize>, message: &str, help: &str| Err(ExpressionProblem::new(range, message).help(help));
    if text.trim().is_empty() {
        return problem(0..text.len(), "the expression is empty", "write one such as `percentile(signal.volume)`");
    }
    if text.len() > LONGEST {
        return problem(LONGEST..text.len(), "the expression is too long", "split it over several rules");
    }
    let mut tokens = 0;
    let mut conditions = 0;
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c.is_whitespace() {
            continue;
        }
        tokens += 1;
        if tokens > MOST_TOKENS {
            return problem(at..text.len(), "the expression has too many parts", "split it over several rules");
        }
        match c {
            '"' | '\'' => match string_end(&text[at..], text[..at].ends_with(['r', 'R'])) {
                Some(length) => while rest.next_if(|(next, _)| *next < at + length).is_some() {},
                None => return problem(at..text.len(), "this text is not closed", &format!("end it with `{c}`")),
            },
            '(' | '[' | '{' => {
                open.push((at, c));
                if open.len() + conditions > DEEPEST {
                    return problem(at..at + 1, "the expression is nested too deeply", "split it over several rules");
                }
            }
            ')' | ']' | '}' => {
                let wanted = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((_, opener)) if opener == wanted => {}
                    Some((opener_at, opener)) => {
                        let message = format!("`{c}` does not close this `{opener}`");
                        return problem(opener_at..at + 1, &message, "check the brackets");
                    }
                    None => return problem(at..at + 1, &format!("`{c}` closes nothing"), "remove it, or open it before"),
                }
            }
            '?' => {
                conditions += 1;
                if open.len() + conditions > DEEPEST {
                    return problem(at..at + 1, "the expression has too many conditions", "split it over several rules");
                }
            }
            '/' if text[at..].starts_with("//") => {
                return problem(at..text.len(), "a comment cannot stand in an expression", "put it beside the node in the file");
            }
            _ if c.is_ascii_alphanumeric() || c == '_' => {
                while rest.next_if(|(_, next)| next.is_ascii_alphanumeric() || *next == '_').is_some() {}
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((at, opener)) => problem(at..at + 1, &format!("this `{opener}` is not closed"), "close it"),
        None => Ok(()),
    }
}

/// Length in bytes of the quoted text that `text` starts with; `None` when it has no end.
fn string_end(text: &str, raw: bool) -> Option<usize> {
    let quote = text.chars().next()?;
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (start, end) = if text.starts_with(&triple) { (3, triple) } else { (1, quote.to_string()) };
    let mut at = start;
    while at < text.len() {
        if text[at..].starts_with(&end) {
            return Some(at + end.len());
        }
        let c = text[at..].chars().next()?;
        at += c.len_utf8();
        if c == '\\' && !raw {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    None
}

/// Byte offset of a line and column from 1; columns count characters.
fn offset(text: &str, line: isize, column: isize) -> usize {
    let line_start: usize =
        text.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0)).map(str::len).sum::<usize>().min(text.len());
    let column = usize::try_from(column - 1).unwrap_or(0);
    text[line_start..].char_indices().nth(column).map_or(text.len(), |(at, _)| line_start + at)
}

/// The token at `at`: a name or number, an operator, or one character.
fn token(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let rest_trimmed = rest.trim_start();
    let start = at + rest.len() - rest_trimmed.len();
    let Some(first) = rest_trimmed.chars().next() else { return text.len()..text.len() };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let length = if word(first) {
        rest_trimmed.find(|c| !word(c)).unwrap_or(rest_trimmed.len())
    } else if ["==", "!=", "<=", ">=", "&&", "||", ".."].iter().any(|pair| rest_trimmed.starts_with(pair)) {
        2
    } else {
        first.len_utf8()
    };
    start..start + length
}

/// A syntax error in the user's words.
fn plain(text: &str, at: usize, message: &str) -> ExpressionProblem {
    let range = token(text, at);
    let found = &text[range.clone()];
    if found.is_empty() {
        let end = text.trim_end().len();
        let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
        return ExpressionProblem::new(end - last..end, "the expression ends too early")
            .help("something must follow here, such as a field or a number");
    }
    if message.contains("invalid argument to has()") {
        return ExpressionProblem::new(range, "`has` takes one field").help("write `has(signal.growth)`");
    }
    if message.contains("argument must be a simple name") {
        return ExpressionProblem::new(range, "the first argument must be a plain name")
            .help("write it as in `signal.evidence.exists(e, e.source == \"press\")`");
    }
    if message.contains("literal") {
        return ExpressionProblem::new(range, format!("`{found}` cannot be read as a value"))
            .help("write a number such as `0.5`, or a text in quotation marks");
    }
    let help = match found {
        "=" => "use `==` to compare".to_owned(),
        "and" | "AND" | "&" => "write `&&` for and".to_owned(),
        "or" | "OR" | "|" => "write `||` for or".to_owned(),
        "not" | "NOT" => "write `!` for not".to_owned(),
        "is" => "use `==` to compare".to_owned(),
        "-" => "a name has no `-` in an expression; field names use `_`".to_owned(),
        "%" => "write a share as a number: 0.1 for 10 %".to_owned(),
        "≥" => "write `>=`".to_owned(),
        "≤" => "write `<=`".to_owned(),
        "×" => "write `*`".to_owned(),
        _ if at > 0 && range.start > 0 => "an operator such as `+`, `&&` or `>=` may be missing before it".to_owned(),
        _ => "an expression starts with a field, a number, a text or a function".to_owned(),
    };
    ExpressionProblem::new(range.clone(), format!("`{found}` cannot stand here")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        match compile(text) {
            Ok(_) => "fine".to_owned(),
            Err(problem) => format!("{:?} {}", &text[problem.range.clone()], problem.message),
        }
    }

    #[test]
    fn syntax_errors_have_a_place_and_plain_words() {
        for (text, expected) in [
            ("percentile(signal.volume) * 0.4", "fine"),
            ("", r#""" the expression is empty"#),
            ("1 +", r#""+" the expression ends too early"#),
            ("a = 1", r#""=" `=` cannot stand here"#),
            ("a and b", r#""and" `and` cannot stand here"#),
            ("a..b", r#""." `.` cannot stand here"#),
            ("a\n  b", r#""b" `b` cannot stand here"#),
            ("'é' == ü", r#""ü" `ü` cannot stand here"#),
            ("'abc", r#""'abc" this text is not closed"#),
            ("size(a", r#""(" this `(` is not closed"#),
            ("size(a))", r#"")" `)` closes nothing"#),
            ("size(a]", r#""(a]" `]` does not close this `(`"#),
            ("has(a)", r#""a" `has` takes one field"#),
            ("a.map(1, 2)", r#""1" the first argument must be a plain name"#),
            ("99999999999999999999", r#""99999999999999999999" `99999999999999999999` cannot be read as a value"#),
            ("a // note", r#""// note" a comment cannot stand in an expression"#),
            (r#""it\"s" + r'\'"#, "fine"),
        ] {
            assert_eq!(problem(text), expected, "{text}");
        }
    }

    #[test]
    fn long_deep_and_strange_texts_are_problems_and_not_crashes() {
        for text in [
            "(".repeat(5_000),
            "((((((((((a))))))))))".to_owned(),
            "a+".repeat(900) + "a",
            "a?b:".repeat(40) + "c",
            "!".repeat(400) + "a",
            "[".repeat(9) + &"]".repeat(9),
            "\u{0}".to_owned(),
            "'\\uD800'".to_owned(),
            "😀 + 1".to_owned(),
            "\\".to_owned(),
            "b'\\xff".to_owned(),
        ] {
            assert!(compile(&text).is_err(), "{text:.40}");
        }
        // The most that is allowed, on the small stack of a test.
        for text in [
            format!("{}a{}", "(".repeat(8), ")".repeat(8)),
            "(a?".repeat(4) + "b" + &":c)".repeat(4),
            "f(".repeat(8) + "a" + &")".repeat(8),
            "a+".repeat(140) + "a",
            "a.map(x, x.map(y, y.map(z, z.map(w, w))))".to_owned(),
        ] {
            assert!(compile(&text).is_ok(), "{text:.40}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        let pieces = [
            "a", ".", "(", ")", "'", "\"", " ", "é", "1", "0x", "?", ":", "[", "]", "{", "}", "&&", "-", "\\", "e", "\n", "`",
            "😀", "in", "has(",
        ];
        let mut rng = crate::base::Rng::new(7);
        for _ in 0..1_500 {
            let text: String = (0..rng.below(14)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            if let Err(problem) = compile(&text) {
                assert!(text.get(problem.range.clone()).is_some(), "{text:?} {:?}", problem.range);
            }
        }
    }
}
