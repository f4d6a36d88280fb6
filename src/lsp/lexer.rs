//! The words of a KDL text as they stand there, whatever is wrong with it.
//!
//! The tree tells what a file says. While somebody types, the place under the cursor is often the one the tree could not read: a quote
//! that is not closed yet, a property without a value. So this reads only as far as any text goes: it never fails, every byte belongs to
//! at most one word, and a text that is not closed ends with its line.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bare word, a number, `#true`.
    Bare,
    /// A text between quotation marks; `open` and `close` are how many bytes its marks have, `close` 0 when it is not closed.
    Quoted {
        open: usize,
        close: usize,
    },
    Equals,
    Open,
    Close,
    /// `(` and `)` around an annotation.
    Bracket,
    /// A new line or `;`.
    End,
    LineComment,
    BlockComment,
    /// `/-`
    SlashDash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// The words in order, without the spaces between them.
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        loop {
            let byte = *bytes.get(at)?;
            match byte {
                b' ' | b'\t' => at += 1,
                // A line that goes on: what stands behind the mark is a comment at most.
                b'\\' => {
                    at += 1;
                    let rest = &text[at..];
                    let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
                    if line.trim().is_empty() || line.trim_start().starts_with("//") {
                        at += line.len() + usize::from(line.len() < rest.len());
                    }
                }
                _ => break,
            }
        }
        let (kind, length) = word(&text[at..]);
        let range = at..at + length;
        at = range.end;
        Some(Token { kind, range })
    })
}

/// The word at the beginning of a text that is not empty; its length is at least 1.
fn word(rest: &str) -> (Kind, usize) {
    let line = || rest.find(['\n', '\r']).unwrap_or(rest.len());
    match rest.as_bytes() {
        [b'\r', b'\n', ..] => (Kind::End, 2),
        [b'\n' | b'\r' | b';', ..] => (Kind::End, 1),
        [b'{', ..] => (Kind::Open, 1),
        [b'}', ..] => (Kind::Close, 1),
        [b'(' | b')', ..] => (Kind::Bracket, 1),
        [b'=', ..] => (Kind::Equals, 1),
        [b'/', b'/', ..] => (Kind::LineComment, line()),
        [b'/', b'-', ..] => (Kind::SlashDash, 2),
        [b'/', b'*', ..] => (Kind::BlockComment, block_comment(rest)),
        [b'"', b'"', b'"', ..] => match rest[3..].find("\"\"\"") {
            Some(end) => (Kind::Quoted { open: 3, close: 3 }, end + 6),
            None => (Kind::Quoted { open: 3, close: 0 }, rest.len()),
        },
        [b'"', ..] => quoted(rest, line()),
        [b'#', ..] => raw(rest, line()),
        _ => (Kind::Bare, bare(rest)),
    }
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &str, line: usize) -> (Kind, usize) {
    let mut escaped = false;
    for (at, byte) in rest.as_bytes()[..line].iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (Kind::Quoted { open: 1, close: 1 }, at + 1),
            _ => {}
        }
    }
    (Kind::Quoted { open: 1, close: 0 }, line)
}

/// `#"…"#`, or a keyword such as `#true`.
fn raw(rest: &str, line: usize) -> (Kind, usize) {
    let marks = rest.bytes().take_while(|byte| *byte == b'#').count();
    let quotes = rest[marks..].bytes().take_while(|byte| *byte == b'"').count();
    if quotes == 0 {
        return (Kind::Bare, marks + bare_end(&rest[marks..]));
    }
    let quotes = if quotes >= 3 { 3 } else { 1 };
    let open = marks + quotes;
    let closing = "\"".repeat(quotes) + &"#".repeat(marks);
    let end = if quotes == 3 { rest.len() } else { line };
    match rest[open..end.max(open)].find(&closing) {
        Some(found) => (Kind::Quoted { open, close: open }, open + found + open),
        None => (Kind::Quoted { open, close: 0 }, end.max(open)),
    }
}

fn bare(rest: &str) -> usize {
    // A space of another kind is passed over as a word, so that every word has a length.
    bare_end(rest).max(rest.chars().next().map_or(1, char::len_utf8))
}

fn bare_end(rest: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '(' | ')' | '=' | ';' | '"' | '\\');
    let mut end = rest.find(ends).unwrap_or(rest.len());
    // A slash is a part of a word unless it begins a comment.
    if let Some(comment) = rest[..end].find("//").into_iter().chain(rest[..end].find("/*")).min() {
        end = comment;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<(Kind, &str)> {
        tokens(text).map(|token| (token.kind, &text[token.range])).collect()
    }

    #[test]
    fn words_are_found_in_whole_and_in_broken_lines() {
        use Kind::*;
        let plain = Quoted { open: 1, close: 1 };
        assert_eq!(
            words("a \"b\\\"\" c=#true // d\n/- e { }"),
            [
                (Bare, "a"),
                (plain, "\"b\\\"\""),
                (Bare, "c"),
                (Equals, "="),
                (Bare, "#true"),
                (LineComment, "// d"),
                (End, "\n"),
                (SlashDash, "/-"),
                (Bare, "e"),
                (Open, "{"),
                (Close, "}")
            ]
        );
        assert_eq!(words("from \"pre\nb"), [(Bare, "from"), (Quoted { open: 1, close: 0 }, "\"pre"), (End, "\n"), (Bare, "b")]);
        assert_eq!(words("a \\ // x\n 1"), [(Bare, "a"), (Bare, "1")]);
        assert_eq!(
            words("#\"a\"b\"#(u)1"),
            [(Quoted { open: 2, close: 2 }, "#\"a\"b\"#"), (Bracket, "("), (Bare, "u"), (Bracket, ")"), (Bare, "1")]
        );
        assert_eq!(
            words("\"\"\"\n x\n\"\"\" /* /* */ y"),
            [(Quoted { open: 3, close: 3 }, "\"\"\"\n x\n\"\"\""), (BlockComment, "/* /* */ y")]
        );
        assert_eq!(words("a/b //c"), [(Bare, "a/b"), (LineComment, "//c")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_has_words_in_order_on_character_boundaries(parts in prop::collection::vec(
            prop::sample::select(&["a", "é", "😀", "\"", "\"\"\"", "#", "\\", "/*", "*/", "//", "/-", "\n", "\r", "{", "}", "=", " ", "\u{a0}", "(", ";"][..]), 0..40
        )) {
            let text = parts.concat();
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.range.start >= end && token.range.end > token.range.start);
                prop_assert!(text.get(token.range.clone()).is_some(), "{:?} {:?}", text, token);
                end = token.range.end;
            }
            prop_assert!(end <= text.len());
        }
    }
}
