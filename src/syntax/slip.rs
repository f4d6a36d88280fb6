//! The words for each mistake in the spelling of a file. One function a diagnostic; the long stories are in `docs/errors/`.

use super::literal::{NumberTrouble, quoted, shorten};
use crate::diag::{Diagnostic, Span, nearest};

const KEYWORDS: [&str; 6] = ["#true", "#false", "#null", "#inf", "#-inf", "#nan"];

fn error(code: &'static str, message: impl Into<String>, span: Span, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).at(span, label)
}

pub(super) fn too_large(span: Span, size: usize, most: usize) -> Diagnostic {
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    error("kdl::too-large", format!("this file has {} MiB, and at most {} MiB are read", mib(size), mib(most)), span, "")
        .help("split it into several files, or keep data in CSV or JSON files beside the workflow")
}

pub(super) fn too_many(span: Span, more: usize) -> Diagnostic {
    let (noun, verb) = if more == 1 { ("mistake", "is") } else { ("mistakes", "are") };
    error("kdl::too-many-mistakes", format!("{more} more {noun} in this file {verb} not shown"), span, "")
        .help("correct the first ones and look again; perhaps this is not a KDL file")
}

pub(super) fn too_deep(span: Span, most: usize) -> Diagnostic {
    error("kdl::too-deep", format!("blocks stand within blocks more than {most} deep"), span, "this block is not read")
        .help("look for a `{` that is never closed")
}

pub(super) fn forbidden_character(span: Span, character: char, more: usize) -> Diagnostic {
    let name = match character {
        '\u{FEFF}' => "a byte order mark inside the file",
        '\u{200E}'..='\u{2069}' => "an invisible mark that changes the direction of writing",
        _ => "an invisible control character",
    };
    let more = match more {
        0 => String::new(),
        1 => ", and 1 more place like it".to_owned(),
        more => format!(", and {more} more places like it"),
    };
    error("kdl::forbidden-character", format!("there is {name} here (U+{:04X}){more}", character as u32), span, "cannot be seen")
        .help(format!("delete it; inside a text it can be written as `\\u{{{:x}}}`", character as u32))
}

pub(super) fn unclosed_comment(span: Span) -> Diagnostic {
    error("kdl::unclosed-comment", "this comment never ends", span, "starts here")
        .help("write `*/` where it ends; a comment inside a comment needs its own `*/`")
}

pub(super) fn unclosed_text(span: Span) -> Diagnostic {
    error("kdl::unclosed-string", "this text has no closing quotation mark", span, "starts here")
        .help("add the closing mark on the same line, with as many `#` as before the opening one; a text of several lines stands between `\"\"\"` lines")
}

pub(super) fn unclosed_lines(span: Span) -> Diagnostic {
    error("kdl::unclosed-string", "this text of several lines never ends", span, "starts here")
        .help("write `\"\"\"` on a line of its own where it ends, with as many `#` as before the opening marks")
}

pub(super) fn newline_in_text(span: Span, end: Span) -> Diagnostic {
    error("kdl::unclosed-string", "a text between simple quotation marks ends on its own line", span, "starts here")
        .at(end, "was meant to end here")
        .help("write `\"\"\"`, a new line, the text, and `\"\"\"` on a line of its own")
}

pub(super) fn text_after_marks(span: Span, text: Span) -> Diagnostic {
    error("kdl::text-marks", "after an opening `\"\"\"` a new line must follow", span, "opens a text of several lines")
        .at(text, "must start on the next line")
        .help("start the text on a new line, or write one `\"` for a text of one line")
}

pub(super) fn text_before_marks(span: Span) -> Diagnostic {
    error("kdl::text-marks", "the closing `\"\"\"` stands on a line with text", span, "needs a line of its own")
        .help("put it on its own line; the white space before it is taken from every line")
}

pub(super) fn bad_indentation(span: Span, closing: Span) -> Diagnostic {
    error(
        "kdl::text-indentation",
        "this line starts with other white space than the closing `\"\"\"`",
        span,
        "not indented like the end",
    )
    .at(closing, "the white space before these marks is taken from every line")
    .help("indent the line at least as far as the closing marks, with the same tabs or spaces")
}

pub(super) fn bad_escape(span: Span, spelling: &str) -> Diagnostic {
    let shown = shorten(spelling);
    let found = error("kdl::bad-escape", format!("`{shown}` is no escape"), span, "means nothing");
    if spelling.starts_with("\\u") {
        return found.help("write the number of a character in braces, such as `\\u{e9}`: one to six digits 0–9 and a–f");
    }
    if spelling == "\\/" {
        return found.help("a `/` needs no backslash").fix("remove the backslash", span, "/");
    }
    if spelling == "\\'" {
        return found.help("a `'` needs no backslash").fix("remove the backslash", span, "'");
    }
    let help = format!("write `\\{shown}` for the two characters, or a raw text `#\"…\"#` where a backslash is only a backslash");
    if spelling.len() < 2 {
        found.help(help)
    } else {
        found.help(help).fix("double the backslash", span, format!("\\{spelling}"))
    }
}

pub(super) fn bare_keyword(span: Span, spelling: &str, keyword: &str) -> Diagnostic {
    error("kdl::bare-keyword", format!("`{spelling}` needs a `#` in front"), span, "a bare word here would be a text")
        .help(format!("write `{keyword}`, or `\"{spelling}\"` for the text"))
        .fix(format!("write `{keyword}`"), span, keyword)
}

pub(super) fn keyword_as_name(span: Span, spelling: &str) -> Diagnostic {
    error("kdl::bare-keyword", format!("`{spelling}` cannot be a name as it stands"), span, "looks like a keyword")
        .help(format!("write `\"{spelling}\"` if this name is meant"))
        .fix("put it in quotation marks", span, format!("\"{spelling}\""))
}

pub(super) fn unknown_keyword(span: Span, spelling: &str) -> Diagnostic {
    let shown = shorten(spelling);
    let found = error("kdl::unknown-keyword", format!("`{shown}` is no keyword"), span, "not known");
    let lower = spelling.to_lowercase();
    let meant = match lower.as_str() {
        "#yes" | "#on" => Some("#true"),
        "#no" | "#off" => Some("#false"),
        "#none" | "#nil" => Some("#null"),
        _ if spelling.len() <= 12 => nearest(&lower, KEYWORDS),
        _ => None,
    };
    match meant {
        Some(meant) => found.help(format!("did you mean `{meant}`?")),
        None => found.help("keywords are `#true`, `#false`, `#null`, `#inf`, `#-inf` and `#nan`; write a text that starts with `#` in quotation marks"),
    }
}

pub(super) fn hash_comment(span: Span) -> Diagnostic {
    error("kdl::hash-comment", "`#` does not start a comment", span, "starts no comment")
        .help("write `//` for a comment to the end of the line")
        .fix("write `//`", span, "//")
}

pub(super) fn colon_after_name(span: Span, name: &str) -> Diagnostic {
    error("kdl::colon-value", format!("there is a `:` after `{}`", shorten(name)), span, "not needed")
        .help(format!("write the name, a space and the value: `{} …`", shorten(name)))
        .fix("remove the `:`", span, "")
}

pub(super) fn colon_in_property(span: Span, name: &str) -> Diagnostic {
    error("kdl::colon-value", format!("there is a `:` after `{}`", shorten(name)), span, "`=` is expected here")
        .help(format!("write a property as `{}=…`", shorten(name)))
        .fix("write `=`", span, "=")
}

pub(super) fn spaced_equals(name: Span, spelling: &str, between: Span, certain: bool) -> Diagnostic {
    let shown = shorten(spelling);
    let found = error("kdl::spaced-equals", format!("there is a `=` after `{shown}`, the name of a node"), between, "not needed")
        .at(name, "names a node, not a property")
        .help(format!("write the name, a space and the value: `{shown} …`"));
    if certain { found.fix("write a space", between, " ") } else { found }
}

pub(super) fn bad_number(span: Span, word: &str, trouble: NumberTrouble) -> Diagnostic {
    let shown = shorten(word);
    let found = |message: String, label: &str| error("kdl::bad-number", message, span, label);
    match trouble {
        NumberTrouble::NoWholePart => {
            let found = found(format!("`{shown}` has no digit before the point"), "needs a 0")
                .help("write a 0 before the point, such as `0.5`");
            let (sign, rest) = word.split_at(word.find('.').unwrap_or(0));
            let fixed = format!("{sign}0{rest}");
            if super::literal::number(&fixed).is_ok() { found.fix("add the 0", span, fixed) } else { found }
        }
        NumberTrouble::NoFraction => {
            let found = found(format!("`{shown}` has no digit after the point"), "needs a digit")
                .help("write a digit after the point, such as `1.0`");
            let fixed = word.replacen('.', ".0", 1);
            if super::literal::number(&fixed).is_ok() { found.fix("add a 0", span, fixed) } else { found }
        }
        NumberTrouble::NoExponent => {
            found(format!("`{shown}` has no digits after the `e`"), "needs digits").help("write the exponent, such as `1e6`")
        }
        NumberTrouble::Digits { base } => {
            let (name, digits) = match base {
                16 => ("`0x`", "0–9 and a–f"),
                8 => ("`0o`", "0–7"),
                _ => ("`0b`", "0 and 1"),
            };
            found(format!("`{shown}` is no number that starts with {name}"), "not a number")
                .help(format!("after {name} write digits {digits}; write `{}` if a text is meant", quoted(&shown)))
        }
        NumberTrouble::Huge => found(format!("`{shown}` is too large for a whole number"), "too large")
            .help("whole numbers go up to about 1.7e38; write it as a text, or with a fraction such as `1.5e40`"),
        NumberTrouble::Word => {
            let grouped = word.contains(',') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'.');
            let found = found(format!("`{shown}` starts like a number and is none"), "not a number");
            if grouped {
                return found.help("write digits, one point for a fraction, and `_` to group: `1_000.5`");
            }
            found.help(format!("write `{}` if a text is meant, such as a duration", quoted(&shown))).fix(
                "put it in quotation marks",
                span,
                quoted(word),
            )
        }
    }
}

pub(super) fn bad_name(span: Span, spelling: &str) -> Diagnostic {
    let shown = shorten(spelling);
    let found = match spelling {
        "" => error("kdl::bad-name", "a name is missing here", span, "the name of a node is expected"),
        _ => error("kdl::bad-name", format!("a node cannot be named `{shown}`"), span, "the name of a node is expected"),
    };
    match spelling {
        "" | "}" => found.help("write the name of the node"),
        _ => found.help(format!("a line starts with a name; write `{}` if this is the name", quoted(&shown))),
    }
}

pub(super) fn nameless_block(span: Span) -> Diagnostic {
    error("kdl::nameless-block", "this block has no name in front", span, "opens here")
        .help("write the name of the node before the `{`, on the same line")
}

pub(super) fn block_on_next_line(span: Span, between: Span, certain: bool) -> Diagnostic {
    let found = error("kdl::block-on-next-line", "this `{` stands on a line of its own", span, "belongs to the line above")
        .help("write the `{` on the same line as its node");
    if certain { found.fix("move it up", between, " ") } else { found }
}

pub(super) fn second_block(span: Span) -> Diagnostic {
    error("kdl::second-block", "this node has a block already", span, "a second block")
        .help("put everything into one pair of braces")
}

pub(super) fn entry_after_block(span: Span, done: bool) -> Diagnostic {
    let message = if done { "a node ends after its `}`" } else { "arguments and properties stand before blocks" };
    error("kdl::entry-after-block", message, span, "too late here")
        .help("start a new line for the next node, or move arguments and properties before the `{`")
}

/// `blank` is what stands between the two when that is only space.
pub(super) fn node_after_block(span: Span, blank: Option<Span>) -> Diagnostic {
    let finding = error("kdl::entry-after-block", "a node ends after its `}`", span, "the next node starts here")
        .help("put `;` before it, or start a new line");
    match blank {
        Some(blank) => finding.fix("put `;` between the nodes", blank, "; "),
        None => finding,
    }
}

pub(super) fn missing_space(span: Span, before: &str, after: &str) -> Diagnostic {
    let (before, after) = (shorten(before), shorten(after));
    let message = match before.as_str() {
        "" => format!("there is no space before `{after}`"),
        _ => format!("there is no space between `{before}` and `{after}`"),
    };
    error("kdl::missing-space", message, span, "a space is expected before this").help(
        "put a space between them, or put both into one pair of quotation marks; check that no quotation mark is missing before",
    )
}

pub(super) fn missing_value(span: Span, name: &str, slashed: bool) -> Diagnostic {
    let shown = shorten(name);
    let help = if slashed {
        format!("to leave the property out, write `/-` before its name: `/- {shown}=…`")
    } else {
        format!("write the value after the `=`, such as `{shown}=\"…\"`, or leave the property out")
    };
    error("kdl::missing-value", format!("`{shown}=` has no value"), span, "a value is expected after this").help(help)
}

pub(super) fn old_raw_text(span: Span, rest: &str, bare: bool) -> Diagnostic {
    let fixed = if bare { format!("#{rest}#") } else { rest.to_owned() };
    error("kdl::old-raw-string", "a raw text is written without the `r`", span, "the spelling of KDL 1")
        .help(format!("write `{}`", shorten(&fixed)))
        .fix("write it as in KDL 2", span, fixed)
}

pub(super) fn bad_annotation(span: Span, inside: &str, closed: bool) -> Diagnostic {
    let shown = shorten(inside);
    let message = match (shown.as_str(), closed) {
        ("", true) => "there is no name in these parentheses".to_owned(),
        ("", false) => "a name in parentheses is expected here".to_owned(),
        (shown, true) => format!("`{shown}` cannot stand in parentheses before a value"),
        (shown, false) => format!("the `)` after `{shown}` is missing"),
    };
    error("kdl::bad-annotation", message, span, "an annotation such as `(usd)`")
        .help("write one word in parentheses before a value, such as `(usd)20`; write a text with parentheses in quotation marks")
}

pub(super) fn lonely_annotation(span: Span, what: &str) -> Diagnostic {
    error("kdl::bad-annotation", format!("{what} is expected after this annotation"), span, "says what kind of value follows")
        .help("write the value after it, such as `(usd)20`")
}

pub(super) fn annotation_before_name(span: Span) -> Diagnostic {
    error("kdl::bad-annotation", "an annotation stands before the value of a property, not before its name", span, "too early")
        .help("write it after the `=`, such as `spend=(usd)20`")
}

pub(super) fn dangling_slashdash(span: Span, what: &str, twice: bool) -> Diagnostic {
    let (message, help) = match twice {
        true => ("one `/-` takes out one thing".to_owned(), "write one `/-`".to_owned()),
        false => (
            format!("this `/-` has nothing after it to take out; {what} is expected"),
            "remove the `/-`, or put it directly before what it takes out".to_owned(),
        ),
    };
    error("kdl::dangling-slashdash", message, span, "takes out what follows").help(help)
}

pub(super) fn stray_brace(span: Span) -> Diagnostic {
    match span.len() {
        1 => error("kdl::stray-brace", "this `}` closes nothing", span, "no `{` is open here")
            .help("remove it, or look for a `{` that is missing above"),
        _ => error("kdl::stray-brace", "these `}` close nothing", span, "no `{` is open here")
            .help("remove them, or look for a `{` that is missing above"),
    }
}

/// `inside` is the first line that stands further right than the node that was to have the block.
pub(super) fn missing_opening(here: Span, inside: Option<Span>) -> Diagnostic {
    match inside {
        Some(inside) => error("kdl::stray-brace", "a block is closed that was never opened", here, "a `{` is missing here")
            .at(inside, "this line stands in the block")
            .help("write `{` at the end of the line"),
        None => error("kdl::stray-brace", "this `}` closes nothing", here, "no `{` is open on this line")
            .help("write `{` where the block of this line begins, or remove the `}`"),
    }
}

pub(super) fn unclosed_block(here: Span, brace: Span, guessed: bool) -> Diagnostic {
    let (label, help) = match guessed {
        true => (
            "a `}` is expected before this",
            "write a `}` on a line of its own before this line; the indentation says that the block ends here",
        ),
        false => ("a `}` is missing before the end", "write a `}` where the block ends"),
    };
    error("kdl::unclosed-block", "a block is not closed", here, label).at(brace, "opened here").help(help)
}

pub(super) fn unexpected(span: Span, found: &str, why: &str) -> Diagnostic {
    error("kdl::unexpected-character", format!("`{}` cannot stand here", shorten(found)), span, why)
        .help("remove it, or write a text in quotation marks")
}

/// `rest` is the text from the character on, `before` the text up to it.
pub(super) fn unexpected_at(span: Span, rest: &str, before: &str) -> Diagnostic {
    let character = rest.chars().next().unwrap_or(' ');
    match character {
        '[' | ']' => error("kdl::list-brackets", format!("`{character}` cannot stand here"), span, "lists need no brackets")
            .help("write the values one after the other, with spaces: `tags \"one\" \"two\"`"),
        '\\' => unexpected(span, "\\", "only a new line or a comment may follow a `\\`"),
        '=' => unexpected(span, "=", "only the name of a property may stand before a `=`"),
        '/' if before.ends_with(|character: char| !character.is_whitespace()) => {
            unexpected(span, "/", "a bare word ends here").help("write a text with `/` in quotation marks")
        }
        '/' => unexpected(span, "/", "a comment starts with `//`"),
        ')' => unexpected(span, ")", "no `(` is open here"),
        _ => unexpected(span, &character.to_string(), "nothing starts with this"),
    }
}
