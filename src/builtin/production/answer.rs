//! What a model answered, as a piece: models wrap their Markdown, talk before it, forget the heading, or run into the limit.
//!
//! Only what stands around the piece is taken away. A text with an unknown form stays as it is, because a person reads it
//! at the gate and can do more with too much than with too little.

use super::checks;
use crate::model::Untrusted;
use crate::model::goods::Finding;
use crate::step::Generated;

/// Lines of talk before the title that are taken for talk; with more of them nobody knows what they are.
const TALK_LINES: usize = 3;

/// The Markdown of an answer: the title first, even when the model left it out. The composer's text stays as it is.
pub fn markdown(generated: &Generated, title: &str) -> String {
    let text = generated.text.trim();
    if generated.model == "template" {
        return text.to_owned();
    }
    // What hides or reorders text has no place in a piece, whether a model made it up or was told it.
    let seen = Untrusted::new(text);
    let text = unwrapped(without_thoughts(seen.as_data()));
    let text = without_talk(&text);
    // Marks of a quotation belong to the question, not to a piece.
    let lines: Vec<&str> = text.lines().filter(|line| !is_quote_mark(line)).collect();
    let text = lines.join("\n").trim().to_owned();
    match super::writing::title_of(&text) {
        Some(_) => text,
        None => format!("# {title}\n\n{text}").trim_end().to_owned(),
    }
}

/// The words of an answer that is no article: without a fence around it, without thoughts, without marks of quotation.
pub fn plain(generated: &Generated) -> String {
    let seen = Untrusted::new(generated.text.trim());
    let text = unwrapped(without_thoughts(seen.as_data()));
    let lines: Vec<&str> = text.lines().filter(|line| !is_quote_mark(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// A finding at the end of a text whose writer had more to say.
pub fn cut(generated: &Generated, text: &str) -> Option<Finding> {
    let end = text.len();
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    generated.cut.then(|| {
        let message = format!("the text ends here because it reached the limit of {} tokens", generated.tokens_out);
        checks::finding("length", text, start..end, message, true)
    })
}

/// Without the thoughts that some models write down before they answer.
fn without_thoughts(text: &str) -> &str {
    match text.strip_prefix("<think>").and_then(|rest| rest.split_once("</think>")) {
        Some((_, answer)) => answer.trim(),
        None => text,
    }
}

/// Without a code fence around the whole piece, as in "```markdown".
fn unwrapped(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let Some(open) = lines.iter().take(TALK_LINES + 1).position(|line| opens_markdown(line)) else { return text.to_owned() };
    // A fence without a name may hold anything, so it must hold a title or be the whole answer.
    let bare = lines[open].trim() == "```";
    let titled = lines[open + 1..].iter().find(|line| !line.trim().is_empty()).is_some_and(|line| is_title(line));
    let close = lines.iter().rposition(|line| line.trim() == "```").filter(|close| *close > open);
    let whole = open == 0 && close == Some(lines.len() - 1);
    if bare && !titled && !whole {
        return text.to_owned();
    }
    // A piece that was cut has no closing fence.
    lines[open + 1..close.unwrap_or(lines.len())].join("\n").trim().to_owned()
}

fn opens_markdown(line: &str) -> bool {
    matches!(line.trim(), "```" | "```markdown" | "```md" | "```Markdown")
}

fn is_title(line: &str) -> bool {
    line.trim_start().starts_with("# ")
}

/// Without "Here is your outline:" before the title.
fn without_talk(text: &str) -> &str {
    let mut at = 0;
    let mut talk = 0;
    for line in text.split_inclusive('\n') {
        if is_title(line) {
            return &text[at..];
        }
        // What has a form of its own is no talk.
        let has_form = ["#", "```", "- ", "* ", "> ", "|"].iter().any(|mark| line.trim_start().starts_with(mark));
        talk += usize::from(!line.trim().is_empty());
        if has_form || talk > TALK_LINES {
            break;
        }
        at += line.len();
    }
    text
}

fn is_quote_mark(line: &str) -> bool {
    matches!(line.trim(), "<<<QUOTE" | ">>>QUOTE" | "<<<composed" | ">>>composed" | "<<<PIECE" | ">>>PIECE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(text: &str) -> Generated {
        let model = "small".to_owned();
        Generated { text: text.to_owned(), model, tokens_in: 1, tokens_out: 7, cost: None, cut: true }
    }

    #[test]
    fn what_a_model_puts_around_a_piece_is_taken_away() {
        for (answer, expected) in [
            ("# T\n\nbody", "# T\n\nbody"),
            ("```markdown\n# T\n\nbody\n```", "# T\n\nbody"),
            ("```\n# T\nbody\n```\n\nI hope it helps!", "# T\nbody"),
            ("Sure! Here it is:\n\n```md\n# T\nbody, cut", "# T\nbody, cut"),
            ("Here is your outline:\n\n# T\n## One", "# T\n## One"),
            ("<think>\nhm\n</think>\n# T", "# T"),
            ("# T\n<<<QUOTE\nwords\n>>>QUOTE\nend", "# T\nwords\nend"),
            ("# T\n\npay\u{202e}lap\u{200b}", "# T\n\npaylap"),
            ("# T\n\n```\nlet x = 1;\n```", "# T\n\n```\nlet x = 1;\n```"),
        ] {
            assert_eq!(markdown(&generated(answer), "Mine"), expected, "{answer}");
        }
    }

    #[test]
    fn a_piece_without_a_title_gets_the_one_that_was_asked_for() {
        assert_eq!(markdown(&generated("just words"), "Mine"), "# Mine\n\njust words");
        assert_eq!(markdown(&generated("## One\n- a"), "Mine"), "# Mine\n\n## One\n- a");
        // A comment of a script is not the title of the piece, and four lines are more than talk.
        assert_eq!(markdown(&generated("a\nb\nc\nd\n# T"), "Mine"), "a\nb\nc\nd\n# T");
    }

    #[test]
    fn a_cut_text_is_kept_with_a_finding_at_its_end() {
        let finding = cut(&generated(""), "# T\n\nhalf a").expect("it was cut");
        assert_eq!((finding.line, finding.column, finding.start, finding.end), (3, 1, 5, 11));
        assert!(finding.blocking && finding.message.contains("7 tokens"), "{finding:?}");
        assert_eq!(cut(&Generated { cut: false, ..generated("") }, "x"), None);
    }
}
