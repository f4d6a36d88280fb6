//! What the bytes of a shown text stand for: by the font's own table to Unicode, else by its encoding and the names of its glyphs.

use super::object::{Dictionary, File, Lexer, Object};
use encoding_rs::{MACINTOSH, WINDOWS_1252};
use std::collections::HashMap;

/// A code is mapped to no more than this in one range, however large a file says that it is.
const RANGE_MOST: u32 = 0x1_0000;

/// The names of the glyphs from U+00A1 to U+00FF.
const LATIN: &str = "exclamdown cent sterling currency yen brokenbar section dieresis copyright ordfeminine guillemotleft logicalnot \
softhyphen registered macron degree plusminus twosuperior threesuperior acute mu paragraph periodcentered cedilla onesuperior ordmasculine \
guillemotright onequarter onehalf threequarters questiondown Agrave Aacute Acircumflex Atilde Adieresis Aring AE Ccedilla Egrave Eacute \
Ecircumflex Edieresis Igrave Iacute Icircumflex Idieresis Eth Ntilde Ograve Oacute Ocircumflex Otilde Odieresis multiply Oslash Ugrave Uacute \
Ucircumflex Udieresis Yacute Thorn germandbls agrave aacute acircumflex atilde adieresis aring ae ccedilla egrave eacute ecircumflex edieresis \
igrave iacute icircumflex idieresis eth ntilde ograve oacute ocircumflex otilde odieresis divide oslash ugrave uacute ucircumflex udieresis \
yacute thorn ydieresis";
/// The names of the glyphs from U+0020 to U+0040 and of the marks between and after the letters.
const ASCII: &[(&str, &str)] = &[
    (
        " ",
        "space exclam quotedbl numbersign dollar percent ampersand quotesingle parenleft parenright asterisk plus comma hyphen period slash zero one two three four five six seven eight nine colon semicolon less equal greater question at",
    ),
    ("[", "bracketleft backslash bracketright asciicircum underscore grave"),
    ("{", "braceleft bar braceright asciitilde"),
];
/// Others that texts use.
const MORE: &[(&str, &str)] = &[
    ("quoteleft", "‘"),
    ("quoteright", "’"),
    ("quotedblleft", "“"),
    ("quotedblright", "”"),
    ("quotesinglbase", "‚"),
    ("quotedblbase", "„"),
    ("endash", "–"),
    ("emdash", "—"),
    ("bullet", "•"),
    ("ellipsis", "…"),
    ("Euro", "€"),
    ("trademark", "™"),
    ("minus", "−"),
    ("nbspace", " "),
    ("fi", "fi"),
    ("fl", "fl"),
    ("ff", "ff"),
    ("ffi", "ffi"),
    ("ffl", "ffl"),
    ("sfthyphen", "-"),
    ("dotlessi", "ı"),
    ("OE", "Œ"),
    ("oe", "œ"),
    ("Scaron", "Š"),
    ("scaron", "š"),
    ("Zcaron", "Ž"),
    ("zcaron", "ž"),
    ("Ydieresis", "Ÿ"),
    ("Lslash", "Ł"),
    ("lslash", "ł"),
    ("guilsinglleft", "‹"),
    ("guilsinglright", "›"),
    ("dagger", "†"),
    ("daggerdbl", "‡"),
    ("perthousand", "‰"),
];

pub struct Font {
    /// Bytes of one code.
    wide: bool,
    unicode: HashMap<u32, String>,
    /// What a byte is where the table to Unicode says nothing.
    simple: Option<Box<[String; 256]>>,
    widths: HashMap<u32, f64>,
    usual_width: f64,
}

/// One glyph as a reader sees it.
pub struct Glyph {
    pub text: String,
    /// In thousandths of the font's size.
    pub width: f64,
    /// The single byte 32, which word spacing widens.
    pub is_space: bool,
}

impl Font {
    pub fn read(file: &mut File, font: &Dictionary) -> Font {
        let wide = file.get(font, "Subtype").and_then(Object::name) == Some("Type0");
        let table = file.get(font, "ToUnicode").cloned();
        let unicode = table.map(|table| to_unicode(&file.content(&table))).unwrap_or_default();
        let mut read = Font { wide, unicode, simple: None, widths: HashMap::new(), usual_width: 500.0 };
        if wide {
            read.wide_widths(file, font);
        } else {
            read.simple = Some(Box::new(simple(file, font)));
            let first = file.get(font, "FirstChar").and_then(Object::number).unwrap_or(0.0) as u32;
            for (at, width) in file.get(font, "Widths").and_then(Object::list).into_iter().flatten().enumerate().take(256) {
                read.widths.extend(file.resolved(width).number().map(|width| (first + at as u32, width)));
            }
        }
        read
    }

    /// `W` of the font inside: `first [w w w]` and `first last w`.
    fn wide_widths(&mut self, file: &File, font: &Dictionary) {
        let inside = file.get(font, "DescendantFonts").and_then(Object::list).and_then(<[Object]>::first);
        let Some(inside) = inside.and_then(|inside| file.resolved(inside).dictionary()) else { return };
        self.usual_width = file.get(inside, "DW").and_then(Object::number).unwrap_or(1000.0);
        let mut rest =
            file.get(inside, "W").and_then(Object::list).unwrap_or_default().iter().map(|object| file.resolved(object));
        while let (Some(first), Some(second)) = (rest.next().and_then(Object::number), rest.next()) {
            let first = first.max(0.0) as u32;
            if let Some(list) = second.list() {
                let widths = list.iter().filter_map(|width| file.resolved(width).number());
                self.widths.extend(widths.take(RANGE_MOST as usize).enumerate().map(|(at, width)| (first + at as u32, width)));
            } else if let (Some(last), Some(width)) = (second.number(), rest.next().and_then(Object::number)) {
                let last = (last.max(0.0) as u32).min(first.saturating_add(RANGE_MOST));
                self.widths.extend((first..=last).map(|code| (code, width)));
            }
        }
    }

    pub fn glyphs(&self, bytes: &[u8]) -> Vec<Glyph> {
        let codes = bytes.chunks(if self.wide { 2 } else { 1 });
        let glyph = |code: &[u8]| {
            let number = code.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let text = match (self.unicode.get(&number), &self.simple) {
                (Some(text), _) => text.clone(),
                (None, Some(simple)) => simple[number as usize & 255].clone(),
                (None, None) => String::new(),
            };
            let width = self.widths.get(&number).copied().unwrap_or(self.usual_width);
            Glyph { text, width, is_space: !self.wide && number == 32 }
        };
        codes.map(glyph).collect()
    }
}

/// What each byte stands for in a font of single bytes.
fn simple(file: &File, font: &Dictionary) -> [String; 256] {
    let encoding = file.get(font, "Encoding");
    let named = encoding.and_then(|encoding| match encoding.dictionary() {
        Some(dictionary) => file.get(dictionary, "BaseEncoding").and_then(Object::name),
        None => encoding.name(),
    });
    let table = if named == Some("MacRomanEncoding") { MACINTOSH } else { WINDOWS_1252 };
    let mut all = std::array::from_fn(|byte| {
        let text = table.decode_without_bom_handling(&[byte as u8]).0.into_owned();
        match text.chars().all(char::is_control) {
            true if byte > 32 => "•".to_owned(), // The format's own rule for codes that nothing is put at.
            true => String::new(),
            false => text,
        }
    });
    // Without a name it is the standard encoding, whose quotes lean.
    if named.is_none() {
        for (byte, text) in [
            (0x27, "’"),
            (0x60, "‘"),
            (0xaa, "“"),
            (0xae, "fi"),
            (0xaf, "fl"),
            (0xb1, "–"),
            (0xb7, "•"),
            (0xba, "”"),
            (0xd0, "—"),
        ] {
            all[byte] = text.to_owned();
        }
    }
    let differences = encoding.and_then(Object::dictionary).and_then(|dictionary| file.get(dictionary, "Differences"));
    let mut at = 0usize;
    for object in differences.and_then(Object::list).into_iter().flatten() {
        match file.resolved(object) {
            Object::Number(number) => at = number.max(0.0) as usize,
            Object::Name(name) => {
                if let (Some(slot), Some(text)) = (all.get_mut(at), glyph_text(name)) {
                    *slot = text;
                }
                at = at.saturating_add(1);
            }
            _ => {}
        }
    }
    all
}

/// What a glyph's name stands for.
fn glyph_text(name: &str) -> Option<String> {
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Some(letter.to_string());
    }
    if let Some((_, text)) = MORE.iter().find(|(known, _)| *known == name) {
        return Some((*text).to_owned());
    }
    let nth = |first: u32, at: usize| char::from_u32(first + at as u32).map(|letter| letter.to_string());
    if let Some(at) = LATIN.split(' ').position(|known| known == name) {
        return nth(0xa1, at);
    }
    for (first, names) in ASCII {
        if let Some(at) = names.split(' ').position(|known| known == name) {
            return nth(first.chars().next().map_or(0, u32::from), at);
        }
    }
    let hex = name.strip_prefix("uni").or_else(|| name.strip_prefix('u'))?;
    char::from_u32(u32::from_str_radix(hex.get(..4.min(hex.len()))?, 16).ok()?).map(|letter| letter.to_string())
}

/// The table of a `ToUnicode` stream: `bfchar` and `bfrange`.
fn to_unicode(content: &[u8]) -> HashMap<u32, String> {
    let mut table = HashMap::new();
    let mut lexer = Lexer::new(content);
    let mut waiting: Vec<Object> = Vec::new();
    let code = |bytes: &[u8]| bytes.iter().take(4).fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    while let Some(object) = lexer.object() {
        let Object::Word(word) = &object else {
            waiting.push(object);
            continue;
        };
        match word.as_str() {
            "endbfchar" => {
                for pair in waiting.chunks_exact(2) {
                    if let [Object::Text(from), Object::Text(to)] = pair {
                        table.insert(code(from), utf_16(to));
                    }
                }
            }
            "endbfrange" => {
                for three in waiting.chunks_exact(3) {
                    let [Object::Text(first), Object::Text(last), to] = three else { continue };
                    let (first, last) = (code(first), code(last).min(code(first).saturating_add(RANGE_MOST)));
                    match to {
                        Object::Text(to) => {
                            for (at, code) in (first..=last).enumerate() {
                                table.insert(code, utf_16(&counted_up(to, at)));
                            }
                        }
                        Object::List(list) => {
                            for (code, to) in (first..=last).zip(list) {
                                if let Object::Text(to) = to {
                                    table.insert(code, utf_16(to));
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        waiting.clear();
    }
    table
}

/// The last two bytes count up within a range.
fn counted_up(bytes: &[u8], by: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let [.., high, low] = bytes.as_mut_slice() {
        let sum = u16::from_be_bytes([*high, *low]).wrapping_add(by as u16);
        [*high, *low] = sum.to_be_bytes();
    } else if let [low] = bytes.as_mut_slice() {
        *low = low.wrapping_add(by as u8);
    }
    bytes
}

fn utf_16(bytes: &[u8]) -> String {
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    parted(&String::from_utf16_lossy(&units))
}

/// Letters that a typesetter has joined, as one types them.
fn parted(text: &str) -> String {
    const JOINED: [(char, &str); 7] =
        [('ﬀ', "ff"), ('ﬁ', "fi"), ('ﬂ', "fl"), ('ﬃ', "ffi"), ('ﬄ', "ffl"), ('ﬅ', "st"), ('ﬆ', "st")];
    JOINED.iter().fold(text.to_owned(), |text, (joined, letters)| text.replace(*joined, letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_glyphs_are_letters() {
        let said = |name: &str| glyph_text(name).unwrap_or_else(|| "?".to_owned());
        let names = ["A", "space", "at", "nine", "grave", "asciitilde", "ydieresis", "germandbls", "uni20AC", "fi", "g123"];
        assert_eq!(names.map(said), ["A", " ", "@", "9", "`", "~", "ÿ", "ß", "€", "fi", "?"]);
    }

    #[test]
    fn a_table_to_unicode_has_single_codes_and_ranges() {
        let text =
            b"1 beginbfchar <01> <0041> endbfchar 2 beginbfrange <0010> <0012> <0061> <20> <21> [<00660069> <20ac>] endbfrange";
        let table = to_unicode(text);
        let said: Vec<&str> = [1, 0x10, 0x12, 0x20, 0x21].iter().map(|code| table[code].as_str()).collect();
        assert_eq!(said, ["A", "a", "c", "fi", "€"]);
        // A range that says that it is the whole world is cut.
        assert!(to_unicode(b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange").len() <= RANGE_MOST as usize + 1);
    }
}
