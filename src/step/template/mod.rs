//! Templates: a Handlebars file that composes a text from facts, strictly.
//!
//! Strict means: a variable that the step's input does not have is an error with its place, found by [`check()`] when the
//! workflow is compiled and by [`render`] at the latest. Nothing is escaped, because the result is Markdown. There are no
//! partials and no decorators, and the output is bounded.

mod check;
mod helpers;
mod tags;

pub use check::check;
pub use helpers::HELPERS;

use handlebars::{Handlebars, RenderError, RenderErrorReason, no_escape};
use serde_json::Value;
use std::io::Write;
use std::ops::Range;

/// Longest template in bytes.
const LONGEST: usize = 256 << 10;
/// Longest text that a template may make, in bytes.
const MOST_OUTPUT: usize = 1 << 20;

/// What is wrong with a template. `range` is in bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    pub range: Range<usize>,
    /// One short sentence without a period.
    pub message: String,
    pub help: Option<String>,
}

impl TemplateProblem {
    fn new(range: Range<usize>, message: impl Into<String>) -> TemplateProblem {
        TemplateProblem { range, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> TemplateProblem {
        self.help = Some(help.into());
        self
    }
}

/// Why a template gave no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// In the user's words, without a period.
    pub message: String,
}

/// Fills a template. Never panics, and the text is at most 1 MiB long.
pub fn render(text: &str, data: &Value) -> Result<String, TemplateError> {
    let template = read(text).map_err(|problem| {
        let (line, column) = position(text, problem.range.start);
        TemplateError { line, column, message: problem.message }
    })?;
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(no_escape);
    helpers::register(&mut registry);
    registry.register_template("template", template);
    let mut output = Bounded(Vec::new());
    registry.render_to_write("template", data, &mut output).map_err(|error| render_error(&error, output.0.len()))?;
    // Handlebars writes whole strings only, so the bytes are text.
    Ok(String::from_utf8_lossy(&output.0).into_owned())
}

/// The parsed template, after the limits that keep its reader from overflowing a stack; or the first thing that is wrong with it.
fn read(text: &str) -> Result<handlebars::Template, TemplateProblem> {
    let (template, problems) = read_on(text);
    match (problems.into_iter().next(), template) {
        (None, Some((template, _))) => Ok(template),
        (Some(problem), _) => Err(problem),
        (None, None) => Err(TemplateProblem::new(0..text.len(), "the template cannot be read").help("write it in a simpler way")),
    }
}

/// Everything that is wrong with the tags of a template, and the template without it as far as it can be read, with its text.
fn read_on(text: &str) -> (Option<(handlebars::Template, String)>, Vec<TemplateProblem>) {
    if text.len() > LONGEST {
        let problem = TemplateProblem::new(LONGEST..text.len(), "the template is longer than 256 KiB");
        return (None, vec![problem.help("keep what is the same in every piece in the Client OS")]);
    }
    let tags::Guarded { mut problems, text: kept } = tags::guard(text);
    let Some(kept) = kept else { return (None, problems) };
    match std::panic::catch_unwind(|| handlebars::Template::compile(&kept)) {
        Ok(Ok(template)) => (Some((template, kept)), problems),
        Ok(Err(error)) => {
            let (found, kept) = tags::unreadable(&kept);
            let again = match found.is_empty() {
                false => std::panic::catch_unwind(|| handlebars::Template::compile(&kept)).ok().and_then(Result::ok),
                true => None,
            };
            if found.is_empty() {
                let at = error.pos().map_or(0, |(line, column)| offset(&kept, line, column));
                problems.push(tags::syntax_problem(&kept, at, &error.reason().to_string()));
            }
            problems.extend(found);
            problems.sort_by_key(|problem| problem.range.start);
            (again.map(|template| (template, kept)), problems)
        }
        Err(_) => {
            problems.push(TemplateProblem::new(0..text.len(), "the template cannot be read").help("write it in a simpler way"));
            (None, problems)
        }
    }
}

fn render_error(error: &RenderError, written: usize) -> TemplateError {
    let message = match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => format!("there is no `{name}`"),
        RenderErrorReason::MissingVariable(None) => "a variable is missing".to_owned(),
        RenderErrorReason::HelperNotFound(name) => format!("unknown helper `{name}`"),
        RenderErrorReason::PartialNotFound(name) => format!("there is no partial `{name}`"),
        _ if written >= MOST_OUTPUT => "the text is longer than 1 MiB".to_owned(),
        other => other.to_string(),
    };
    TemplateError { line: error.line_no.unwrap_or(1), column: error.column_no.unwrap_or(1), message }
}

/// Collects bytes up to the bound, then fails.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = MOST_OUTPUT.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(std::io::Error::other("the text is longer than 1 MiB")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Byte offset of a line and column from 1; columns count characters.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text[start..].char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| start + at)
}

/// Line and column from 1 of a byte offset.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(text: &str) -> String {
        let data = json!({
            "brief": {
                "title": "A <b> & \"c\"", "score": 0.814, "volume": 1234567.5, "cta": null,
                "claims": [{"id": "c1", "text": "One", "url": "https://a.example/"}, {"id": "c2", "text": "Two", "url": null}],
                "avoid": ["synergy", "game changer"],
            },
            "now": "2026-06-01T06:00:00Z",
        });
        render(text, &data).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn nothing_is_escaped_and_blocks_work() {
        for (text, expected) in [
            ("# {{brief.title}}", "# A <b> & \"c\""),
            ("{{#each brief.claims}}{{@index}} {{text}} [{{id}}]\n{{/each}}", "0 One [c1]\n1 Two [c2]\n"),
            ("{{#each brief.claims as |claim|}}{{claim.id}}{{#unless @last}}, {{/unless}}{{/each}}", "c1, c2"),
            ("{{#each brief.claims}}{{../brief.score}} {{/each}}", "0.814 0.814 "),
            ("{{#if brief.cta}}x{{else}}no cta{{/if}}", "no cta"),
            ("{{#if (gt brief.score 0.5)}}high{{/if}}", "high"),
            ("{{#with brief}}{{score}}{{/with}}", "0.814"),
            ("{{len brief.avoid}}", "2"),
            ("{{!-- note --}}x", "x"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn helpers_format_for_people() {
        for (text, expected) in [
            ("{{number brief.volume}}", "1,234,567.5"),
            ("{{number brief.volume 0}}", "1,234,568"),
            ("{{percent brief.score}}", "81 %"),
            ("{{percent brief.score 1}}", "81.4 %"),
            ("{{date now}}", "1 Jun 2026"),
            ("{{date now \"%Y-%m-%d\"}}", "2026-06-01"),
            ("{{join brief.avoid \", \"}}", "synergy, game changer"),
            ("{{join brief.claims \" + \" \"text\"}}", "One + Two"),
            ("{{upper \"straße\"}} {{lower \"ABC\"}}", "STRASSE abc"),
            ("{{quote \"a\\n  b\"}}", "“a b”"),
            ("{{quote brief.title 4}}", "“A <…”"),
            ("{{#each brief.claims}}{{cite this}}{{cite id}}{{/each}}", "[c1][c1][c2][c2]"),
            ("{{#if (len brief.avoid)}}{{join brief.avoid}}{{/if}}", "synergy, game changer"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        for (text, expected) in [
            ("a\n {{brief.titel}}", "error: line 2, column 2: there is no `brief.titel`"),
            ("{{#each brief.claims}}{{quote}}{{/each}}", "error: line 1, column 23: `quote` needs a text"),
            ("{{number brief.nothing}}", "error: line 1, column 1: `number` needs a number"),
            ("{{nosuch brief.title}}", "error: line 1, column 1: unknown helper `nosuch`"),
            ("{{#if brief.title}}", "error: line 1, column 1: this `{{#if}}` is not closed"),
            ("{{> part}}", "error: line 1, column 1: templates have no partials"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn output_is_bounded() {
        let data = json!({ "a": vec!["x".repeat(1000); 100] });
        let error = render("{{#each a}}{{#each ../a}}{{this}}{{/each}}{{/each}}", &data).expect_err("10 MB");
        assert_eq!(error.message, "the text is longer than 1 MiB");
    }

    #[test]
    fn any_text_is_filled_or_refused() {
        let pieces = [
            "{{",
            "}}",
            "{{{",
            "#if ",
            "/if",
            "#each ",
            "/each",
            "else",
            " ",
            "a",
            "brief.title",
            "\"",
            "'",
            "(",
            ")",
            "[",
            "]",
            "é",
            "\n",
            "../",
            "@index",
            "as |x|",
            "~",
            "!--",
            "--",
            "\\",
            ">",
            "*",
            "&",
            "|",
            "=",
            "1",
            "😀",
            "^",
            "{{else}}",
            "this",
        ];
        let data = json!({ "a": [1, 2], "brief": { "title": "t" } });
        let mut rng = crate::base::Rng::new(11);
        for _ in 0..3_000 {
            let text: String = (0..rng.below(16)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            let _ = render(&text, &data);
            for problem in check(&text, &[crate::model::GoodKind::Brief]) {
                assert!(text.get(problem.range.clone()).is_some(), "{text:?} {:?}", problem.range);
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        for text in [
            "{{#if a}}".repeat(3_000) + &"{{/if}}".repeat(3_000),
            "{{a ".to_owned() + &"(b ".repeat(3_000) + &")".repeat(3_000) + "}}",
            "{{a ".to_owned() + &"[".repeat(3_000) + &"]".repeat(3_000) + "}}",
            "{{a".to_owned() + &".b".repeat(9_000) + "}}",
            "{{\\\"".repeat(50_000),
            "{{a ".repeat(60_000),
            "{{a == b}}".repeat(25_000),
        ] {
            assert!(render(&text, &json!({ "a": 1 })).is_err());
        }
        assert!(render(&("{{#if a}}".repeat(12) + "x" + &"{{/if}}".repeat(12)), &json!({ "a": 1 })).is_ok());
    }
}
