//! What a spelled number or text means: pure functions from a spelling to a value.

use super::characters::{is_bare, newline_length, space_length};
use std::ops::Range;

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

/// Why a spelling that starts like a number is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberTrouble {
    /// `.5` and `-.5`.
    NoWholePart,
    /// `1.` and `1.e5`.
    NoFraction,
    /// `1e` and `1e+`.
    NoExponent,
    /// `0x`, `0b2`, `0o9`.
    Digits { base: u32 },
    /// Below −2^127 or above 2^127 − 1.
    Huge,
    /// `7d`, `10%`, `1,000`, `1.2.3`.
    Word,
}

/// Reads a word that starts with a digit, or with a sign or a dot and a digit.
pub(super) fn number(word: &str) -> Result<Number, NumberTrouble> {
    let bytes = word.as_bytes();
    // Small whole numbers are nearly all numbers.
    if bytes.len() <= 18 && bytes.iter().all(u8::is_ascii_digit) {
        return Ok(Number::Integer(bytes.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0')).into()));
    }
    let (negative, unsigned) = match bytes.first() {
        Some(b'-') => (true, &word[1..]),
        Some(b'+') => (false, &word[1..]),
        _ => (false, word),
    };
    let base = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    if base != 10 {
        return whole(negative, &unsigned[2..], base, NumberTrouble::Digits { base });
    }
    if unsigned.starts_with('.') {
        return Err(NumberTrouble::NoWholePart);
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    if fraction.is_none() && exponent.is_none() {
        return whole(negative, integer, 10, NumberTrouble::Word);
    }
    if !digits(integer) {
        return Err(NumberTrouble::Word);
    }
    match fraction {
        Some("") => return Err(NumberTrouble::NoFraction),
        Some(fraction) if !digits(fraction) => return Err(NumberTrouble::Word),
        _ => {}
    }
    match exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) {
        Some("") => return Err(NumberTrouble::NoExponent),
        Some(exponent) if !digits(exponent) => return Err(NumberTrouble::Word),
        _ => {}
    }
    let parsed = match word.contains('_') {
        true => word.replace('_', "").parse(),
        false => word.parse(),
    };
    parsed.map(Number::Float).map_err(|_| NumberTrouble::Word)
}

/// A digit, then digits and `_`.
fn digits(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

fn whole(negative: bool, text: &str, base: u32, trouble: NumberTrouble) -> Result<Number, NumberTrouble> {
    if !text.starts_with(|first: char| first.is_digit(base)) {
        return Err(trouble);
    }
    let mut sum: i128 = 0;
    let mut huge = false;
    for character in text.chars() {
        if character == '_' {
            continue;
        }
        let digit = i128::from(character.to_digit(base).ok_or(trouble)?);
        let digit = if negative { -digit } else { digit };
        match sum.checked_mul(base.into()).and_then(|sum| sum.checked_add(digit)) {
            Some(next) => sum = next,
            None => huge = true,
        }
    }
    if huge { Err(NumberTrouble::Huge) } else { Ok(Number::Integer(sum)) }
}

/// A backslash that starts no escape: its byte range in the decoded spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadEscape {
    pub start: usize,
    pub end: usize,
}

/// What a decoded text is handed to, part by part, with the places of the spelling that the parts come from.
pub(super) trait Parts {
    /// Stands in the spelling as it is.
    fn copied(&mut self, text: &str, at: usize);
    /// Stands for what is written there.
    fn made(&mut self, character: char, place: Range<usize>);
}

impl Parts for String {
    fn copied(&mut self, text: &str, _: usize) {
        self.push_str(text);
    }

    fn made(&mut self, character: char, _: Range<usize>) {
        self.push(character);
    }
}

/// Replaces escapes, and drops a backslash with the white space after it. The first escape that means nothing is returned and kept as written.
pub(super) fn unescape(spelling: &str, out: &mut impl Parts) -> Option<BadEscape> {
    let bytes = spelling.as_bytes();
    let mut bad = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = spelling[at..].find('\\') {
        let start = at + found;
        out.copied(&spelling[copied..start], copied);
        let blank = blank_end(bytes, start + 1);
        let (character, end) = match bytes.get(start + 1) {
            _ if blank > start + 1 => (None, blank),
            Some(b'n') => (Some('\n'), start + 2),
            Some(b'r') => (Some('\r'), start + 2),
            Some(b't') => (Some('\t'), start + 2),
            Some(b'b') => (Some('\u{8}'), start + 2),
            Some(b'f') => (Some('\u{C}'), start + 2),
            Some(b's') => (Some(' '), start + 2),
            Some(b'"') => (Some('"'), start + 2),
            Some(b'\\') => (Some('\\'), start + 2),
            Some(b'u') => match unicode_escape(&spelling[start..]) {
                Ok((character, length)) => (Some(character), start + length),
                Err(length) => {
                    bad = bad.or(Some(BadEscape { start, end: start + length }));
                    out.copied(&spelling[start..start + length], start);
                    (None, start + length)
                }
            },
            _ => {
                let length = spelling[start + 1..].chars().next().map_or(0, char::len_utf8);
                bad = bad.or(Some(BadEscape { start, end: start + 1 + length }));
                out.copied(&spelling[start..start + 1 + length], start);
                (None, start + 1 + length)
            }
        };
        if let Some(character) = character {
            out.made(character, start..end);
        }
        at = end;
        copied = end;
    }
    out.copied(&spelling[copied..], copied);
    bad
}

/// `\u{1F600}`: the character and the length of its spelling, or the length of what was meant as one.
fn unicode_escape(spelling: &str) -> Result<(char, usize), usize> {
    let Some(rest) = spelling.strip_prefix("\\u{") else { return Err(2) };
    let count = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    if rest.as_bytes().get(count) != Some(&b'}') {
        return Err(3 + count);
    }
    let character = match count {
        1..=6 => u32::from_str_radix(&rest[..count], 16).ok().and_then(char::from_u32),
        _ => None,
    };
    character.map(|character| (character, count + 4)).ok_or(count + 4)
}

/// The end of the spaces and new lines that start at `at`.
pub(super) fn blank_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match space_length(bytes, at) + newline_length(bytes, at) {
            0 => return at,
            length => at += length,
        }
    }
}

/// What was wrong with the lines between two `"""`, as byte ranges of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LinesTrouble {
    /// The closing marks do not stand on a line of their own.
    Closing,
    /// A line does not start with the white space that stands before the closing marks.
    Indentation { line: usize, end: usize },
}

/// The value of the lines between two `"""`: `body` starts after the opening new line and ends before the closing marks. The white space
/// before the closing marks is taken from every line; lines of white space become empty. Escapes of white space are resolved first, other
/// escapes last, as KDL 2 says.
pub(super) fn lines(body: &str, escapes: bool, out: &mut impl Parts) -> (Option<LinesTrouble>, Option<BadEscape>) {
    let resolved = if escapes && body.contains('\\') { resolve_blank_escapes(body) } else { Resolved::plain(body) };
    let text = resolved.text.as_ref();
    let bytes = text.as_bytes();
    let mut starts = vec![(0, 0)];
    let mut at = 0;
    while at < bytes.len() {
        match newline_length(bytes, at) {
            0 => at += 1,
            length => {
                if let Some(last) = starts.last_mut() {
                    last.1 = at;
                }
                at += length;
                starts.push((at, at));
            }
        }
    }
    let (last_start, _) = starts.pop().unwrap_or((0, 0));
    let blank = |line: &str| {
        let mut at = 0;
        loop {
            match space_length(line.as_bytes(), at) {
                0 => return at == line.len(),
                length => at += length,
            }
        }
    };
    let mut trouble = None;
    let mut prefix = &text[last_start..];
    if !blank(prefix) {
        trouble = Some(LinesTrouble::Closing);
        starts.push((last_start, text.len()));
        prefix = "";
    }
    let mut bad = None;
    for (number, (start, end)) in starts.into_iter().enumerate() {
        if number > 0 {
            let at = resolved.origin(start);
            out.made('\n', at..at);
        }
        let line = &text[start..end];
        if blank(line) {
            continue;
        }
        let rest = line.strip_prefix(prefix).unwrap_or_else(|| {
            let start = resolved.origin(start);
            let length = body[start..].find(['\n', '\r']).unwrap_or(body.len() - start);
            trouble.get_or_insert(LinesTrouble::Indentation { line: start, end: start + length });
            line.trim_start()
        });
        let offset = end - rest.len();
        let mut out = Line { out, resolved: &resolved, offset };
        if !escapes {
            out.copied(rest, 0);
        } else if let Some(found) = unescape(rest, &mut out) {
            let start = resolved.origin(offset + found.start);
            bad = bad.or(Some(BadEscape { start, end: (start + found.end - found.start).min(body.len()) }));
        }
    }
    (trouble, bad)
}

/// A text without its escapes of white space, and where its parts came from.
struct Resolved<'a> {
    text: std::borrow::Cow<'a, str>,
    /// Pairs of offsets, here and in the body, sorted; between two of them both sides advance alike.
    origins: Vec<(usize, usize)>,
}

impl<'a> Resolved<'a> {
    fn plain(body: &'a str) -> Resolved<'a> {
        Resolved { text: body.into(), origins: vec![(0, 0)] }
    }

    fn origin(&self, offset: usize) -> usize {
        let index = self.origins.partition_point(|(here, _)| *here <= offset).saturating_sub(1);
        self.origins.get(index).map_or(offset, |(here, there)| there + (offset - here))
    }
}

/// Hands on the parts of one line with their places in the body.
struct Line<'a, P> {
    out: &'a mut P,
    resolved: &'a Resolved<'a>,
    /// Where the line begins in the resolved text.
    offset: usize,
}

impl<P: Parts> Parts for Line<'_, P> {
    fn copied(&mut self, text: &str, at: usize) {
        let at = self.offset + at;
        let origins = &self.resolved.origins;
        let first = origins.partition_point(|(here, _)| *here <= at);
        let cuts = origins[first..].iter().map(|(here, _)| *here - at).take_while(|cut| *cut < text.len());
        let mut done = 0;
        for cut in cuts.chain([text.len()]) {
            self.out.copied(&text[done..cut], self.resolved.origin(at + done));
            done = cut;
        }
    }

    fn made(&mut self, character: char, place: Range<usize>) {
        let start = self.resolved.origin(self.offset + place.start);
        self.out.made(character, start..start + place.len());
    }
}

fn resolve_blank_escapes(body: &str) -> Resolved<'_> {
    let bytes = body.as_bytes();
    let mut text = String::with_capacity(body.len());
    let mut origins = vec![(0, 0)];
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = body[at..].find('\\') {
        let start = at + found;
        let end = blank_end(bytes, start + 1);
        if end > start + 1 {
            text.push_str(&body[copied..start]);
            origins.push((text.len(), end));
            copied = end;
            at = end;
        } else {
            at = start + 1 + body[start + 1..].chars().next().map_or(0, char::len_utf8);
        }
    }
    text.push_str(&body[copied..]);
    Resolved { text: text.into(), origins }
}

/// A spelling short enough for a message: one line, at most 40 characters, and nothing a terminal would obey.
pub(super) fn shorten(text: &str) -> String {
    let mut short = String::new();
    for (count, character) in text.trim().chars().enumerate() {
        if count == 40 || newline_length(character.encode_utf8(&mut [0; 4]).as_bytes(), 0) > 0 {
            short.push('…');
            break;
        }
        short.push(if character.is_control() { '·' } else { character });
    }
    short
}

/// The shortest plain spelling of a text: bare when KDL allows, else between quotation marks with escapes.
pub(super) fn spell(text: &str) -> String {
    // A bare word that ends in `:` would be taken as a slip by `read`.
    if is_bare(text) && !text.ends_with(':') {
        return text.to_owned();
    }
    quoted(text)
}

/// A text between quotation marks, on one line, readable by any KDL 2 reader.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            _ => {
                let mut buffer = [0; 4];
                let bytes = character.encode_utf8(&mut buffer).as_bytes();
                if super::characters::forbidden_length(bytes, 0) + newline_length(bytes, 0) > 0 {
                    out.push_str(&format!("\\u{{{:x}}}", character as u32));
                } else {
                    out.push(character);
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_kdl_says() {
        let integer = |word: &str, value: i128| assert_eq!(number(word), Ok(Number::Integer(value)), "{word}");
        integer("0", 0);
        integer("+1_000_", 1000);
        integer("-0xFF", -255);
        integer("0o17", 15);
        integer("0b1_0", 2);
        integer("170141183460469231731687303715884105727", i128::MAX);
        integer("-170141183460469231731687303715884105728", i128::MIN);
        let float = |word: &str, value: f64| assert_eq!(number(word), Ok(Number::Float(value)), "{word}");
        float("1.5", 1.5);
        float("-1_0.2_5e+1_", -102.5);
        float("1e3", 1000.0);
        float("1E-1000", 0.0);
        float("1E+1000", f64::INFINITY);
    }

    #[test]
    fn what_starts_like_a_number_and_is_none_says_why() {
        for (word, trouble) in [
            (".5", NumberTrouble::NoWholePart),
            ("-.5", NumberTrouble::NoWholePart),
            ("1.", NumberTrouble::NoFraction),
            ("1.e5", NumberTrouble::NoFraction),
            ("1e", NumberTrouble::NoExponent),
            ("0x", NumberTrouble::Digits { base: 16 }),
            ("0x_1", NumberTrouble::Digits { base: 16 }),
            ("0b12", NumberTrouble::Digits { base: 2 }),
            ("7d", NumberTrouble::Word),
            ("1.2.3", NumberTrouble::Word),
            ("1._2", NumberTrouble::Word),
            ("10%", NumberTrouble::Word),
            ("1é", NumberTrouble::Word),
            ("170141183460469231731687303715884105728", NumberTrouble::Huge),
        ] {
            assert_eq!(number(word), Err(trouble), "{word}");
        }
    }

    #[test]
    fn escapes_become_what_they_mean_and_wrong_ones_stay() {
        let check = |spelling: &str, value: &str, bad: Option<(usize, usize)>| {
            let mut out = String::new();
            let found = unescape(spelling, &mut out);
            assert_eq!((out.as_str(), found.map(|bad| (bad.start, bad.end))), (value, bad), "{spelling}");
        };
        check(r#"a\n\t\"\\\s\u{e9}"#, "a\n\t\"\\ é", None);
        check("a\\ \n  b", "ab", None);
        check(r"\d+\.", r"\d+\.", Some((0, 2)));
        check(r"x\u{d800}y", r"x\u{d800}y", Some((1, 9)));
        check(r"\u{12", r"\u{12", Some((0, 5)));
        check(r"\é", r"\é", Some((0, 3)));
        check("\\", "\\", Some((0, 1)));
    }
}
