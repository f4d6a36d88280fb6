//! Which characters KDL 2 calls a space, a new line, part of a word, or forbidden.
//!
//! The reader works on bytes: a table answers for ASCII, and only the few lead bytes that can start a Unicode space, a Unicode new line or a
//! forbidden character are looked at more closely. All offsets that leave this file stand on character boundaries.

/// The byte can stand in a bare word.
pub(super) const WORD: u8 = 1;
/// The byte may start a space, a new line or a forbidden character of several bytes.
pub(super) const LEAD: u8 = 2;
/// A scan through a quoted text must stop here.
pub(super) const STOP: u8 = 4;

pub(super) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        table[byte] = match byte as u8 {
            0xC2 | 0xE2 => LEAD | STOP,
            0xE1 | 0xE3 | 0xEF => LEAD,
            0x80.. => WORD,
            0..=0x20 | 0x7F | b'\\' | b'/' | b'(' | b')' | b'{' | b'}' | b';' | b'[' | b']' | b'"' | b'#' | b'=' => 0,
            _ => WORD,
        };
        byte += 1;
    }
    table[b'"' as usize] |= STOP;
    table[b'\\' as usize] |= STOP;
    table[b'\n' as usize] |= STOP;
    table[b'\r' as usize] |= STOP;
    table[0x0B] |= STOP;
    table[0x0C] |= STOP;
    table
}

fn triple(bytes: &[u8], at: usize) -> (u8, u8, u8) {
    let byte = |offset: usize| bytes.get(at + offset).copied().unwrap_or(0);
    (byte(0), byte(1), byte(2))
}

/// The length of the new line at `at`, or 0. A carriage return with a line feed is one new line.
#[inline]
pub(super) fn newline_length(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'\n' | 0x0B | 0x0C) => 1,
        Some(b'\r') => 1 + usize::from(bytes.get(at + 1) == Some(&b'\n')),
        Some(0xC2 | 0xE2) => match triple(bytes, at) {
            (0xC2, 0x85, _) => 2,
            (0xE2, 0x80, 0xA8 | 0xA9) => 3,
            _ => 0,
        },
        _ => 0,
    }
}

/// The length of the Unicode space at `at`, or 0.
#[inline]
pub(super) fn space_length(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b' ' | b'\t') => 1,
        Some(0xC2 | 0xE1 | 0xE2 | 0xE3) => match triple(bytes, at) {
            (0xC2, 0xA0, _) => 2,
            (0xE1, 0x9A, 0x80) | (0xE2, 0x80, 0x80..=0x8A | 0xAF) | (0xE2, 0x81, 0x9F) | (0xE3, 0x80, 0x80) => 3,
            _ => 0,
        },
        _ => 0,
    }
}

/// The length of the character at `at` that may not stand anywhere in a file, or 0: control characters, marks that change the direction of
/// writing, and a byte order mark that is not the first character.
#[inline]
pub(super) fn forbidden_length(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(0..=0x08 | 0x0E..=0x1F | 0x7F) => 1,
        Some(0xE2 | 0xEF) => match triple(bytes, at) {
            (0xE2, 0x80, 0x8E | 0x8F | 0xAA..=0xAE) | (0xE2, 0x81, 0xA6..=0xA9) | (0xEF, 0xBB, 0xBF) => 3,
            _ => 0,
        },
        _ => 0,
    }
}

/// A space, or a forbidden character: those are reported in a pass of their own and are blank for the grammar.
#[inline]
pub(super) fn blank_length(bytes: &[u8], at: usize) -> usize {
    match space_length(bytes, at) {
        0 => forbidden_length(bytes, at),
        length => length,
    }
}

/// The end of the bare word that starts at `at`.
#[inline]
pub(super) fn word_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match CLASS[*byte as usize] {
            WORD => at += 1,
            class if class & LEAD != 0 && blank_length(bytes, at) == 0 && newline_length(bytes, at) == 0 => at += 1,
            _ => break,
        }
    }
    at
}

/// The end of the line that holds `at`, without its new line.
pub(super) fn line_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        if matches!(bytes[at], b'\n' | b'\r' | 0x0B | 0x0C | 0xC2 | 0xE2) && newline_length(bytes, at) > 0 {
            break;
        }
        at += 1;
    }
    at
}

/// The places of forbidden characters after `from`, neighbours joined, at most `limit`; the second value counts the places left out.
pub(super) fn forbidden(bytes: &[u8], from: usize, limit: usize) -> (Vec<(usize, usize)>, usize) {
    const BLOCK: usize = 64;
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut more = 0;
    let mut reach = from;
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        // Most blocks are clean, and this fold is done many bytes at a time.
        let suspicious = block.iter().fold(false, |suspicious, byte| {
            suspicious | (*byte < 0x20 && !(9..=13).contains(byte)) | (*byte == 0x7F) | (*byte == 0xE2) | (*byte == 0xEF)
        });
        if !suspicious {
            continue;
        }
        let start = index * BLOCK;
        for at in start.max(reach)..start + block.len() {
            let length = forbidden_length(bytes, at);
            if length == 0 {
                continue;
            }
            let count = found.len();
            match found.last_mut() {
                Some(last) if last.1 == at => last.1 = at + length,
                // A neighbour of a place that was only counted.
                Some(_) if reach == at => {}
                _ if count >= limit => more += 1,
                _ => found.push((at, at + length)),
            }
            reach = at + length;
        }
    }
    (found, more)
}

/// Whether a text can be written without quotation marks.
pub(super) fn is_bare(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let signed = matches!(bytes.first(), Some(b'+' | b'-')) as usize;
    let keyword = matches!(text, "true" | "false" | "null" | "inf" | "-inf" | "nan");
    let number = digit(signed) || (bytes.get(signed) == Some(&b'.') && digit(signed + 1));
    !text.is_empty() && !keyword && !number && word_end(bytes, 0) == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_view_agrees_with_the_tables_of_the_language_for_every_character() {
        let spaces = "\t \u{A0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200A}\u{202F}\u{205F}\u{3000}";
        let newlines = "\r\n\u{85}\u{B}\u{C}\u{2028}\u{2029}";
        for character in ('\0'..=char::MAX).filter(|character| *character <= '\u{10FFFF}') {
            let mut buffer = [0u8; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let space = spaces.contains(character);
            let newline = newlines.contains(character);
            let forbidden = matches!(character, '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}' | '\u{200E}' | '\u{200F}'
                | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
            let length = character.len_utf8();
            assert_eq!(space_length(bytes, 0), if space { length } else { 0 }, "{character:?}");
            assert_eq!(newline_length(bytes, 0), if newline { length } else { 0 }, "{character:?}");
            assert_eq!(forbidden_length(bytes, 0), if forbidden { length } else { 0 }, "{character:?}");
            let word = !(space || newline || forbidden || "\\/(){};[]\"#=".contains(character));
            assert_eq!(word_end(bytes, 0), if word { length } else { 0 }, "{character:?}");
        }
    }

    #[test]
    fn forbidden_places_are_joined_and_counted() {
        let text = format!("{}\u{1}\u{2}a\u{202E}b{}\u{7F}", " ".repeat(62), "\u{1}c".repeat(10));
        let (found, more) = forbidden(text.as_bytes(), 0, 3);
        assert_eq!(found, [(62, 64), (65, 68), (69, 70)]);
        assert_eq!(more, 10);
        assert_eq!(forbidden("\u{FEFF}a".as_bytes(), 3, 3).0, []);
    }
}
