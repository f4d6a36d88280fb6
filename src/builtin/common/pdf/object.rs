//! The objects of a PDF file: numbers, texts, names, lists, dictionaries, streams.
//!
//! The table at the end of a file is not asked where its objects stand: it is wrong in many files, and all objects are found by reading
//! from the front. Where a number stands twice, the later one counts, as in a file that was changed.

use crate::base::InOrder;
use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

/// Everything that streams may unfold to: a small file must not fill the memory.
const UNFOLDED_MOST: usize = 32 << 20;
/// Lists within lists.
const DEPTH_MOST: usize = 40;

#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    Null,
    Number(f64),
    Text(Vec<u8>),
    Name(String),
    List(Vec<Object>),
    Dictionary(Dictionary),
    Stream(Dictionary, Vec<u8>),
    Reference(u32),
    /// A word without a mark, such as an operator.
    Word(String),
}

pub type Dictionary = BTreeMap<String, Object>;

impl Object {
    pub fn number(&self) -> Option<f64> {
        if let Object::Number(number) = self { Some(*number) } else { None }
    }

    pub fn name(&self) -> Option<&str> {
        if let Object::Name(name) = self { Some(name) } else { None }
    }

    pub fn list(&self) -> Option<&[Object]> {
        if let Object::List(list) = self { Some(list) } else { None }
    }

    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Object::Dictionary(dictionary) | Object::Stream(dictionary, _) => Some(dictionary),
            _ => None,
        }
    }
}

/// Reads objects from bytes, one after another.
pub struct Lexer<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(bytes: &'a [u8]) -> Lexer<'a> {
        Lexer { bytes, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'%' => self.at += self.bytes[self.at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count(),
                b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' | 0 => self.at += 1,
                _ => return,
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_graphic() && !b"()<>[]{}/%".contains(byte)).count();
        self.at += length;
        std::str::from_utf8(&rest[..length]).unwrap_or_default()
    }

    /// The next object; `None` at the end of the bytes.
    pub fn object(&mut self) -> Option<Object> {
        self.within(0)
    }

    fn within(&mut self, depth: usize) -> Option<Object> {
        self.skip_space();
        let first = self.peek()?;
        if depth > DEPTH_MOST {
            return None;
        }
        Some(match first {
            b'/' => {
                self.at += 1;
                Object::Name(unescaped_name(self.word()))
            }
            b'(' => Object::Text(self.text()),
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.at += 2;
                Object::Dictionary(self.dictionary(depth))
            }
            b'<' => Object::Text(self.hex()),
            b'[' => {
                self.at += 1;
                let mut list = Vec::new();
                loop {
                    self.skip_space();
                    match self.peek() {
                        None => break,
                        Some(b']') => {
                            self.at += 1;
                            break;
                        }
                        Some(_) => list.push(self.within(depth + 1)?),
                    }
                }
                Object::List(list)
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' => self.number_or_reference(),
            byte if byte.is_ascii_graphic() && !b")>]{}".contains(&byte) => match self.word() {
                "null" => Object::Null,
                word => Object::Word(word.to_owned()),
            },
            _ => {
                self.at += 1;
                Object::Null
            }
        })
    }

    fn dictionary(&mut self, depth: usize) -> Dictionary {
        let mut dictionary = Dictionary::new();
        loop {
            self.skip_space();
            if self.bytes[self.at..].starts_with(b">>") {
                self.at += 2;
                return dictionary;
            }
            let Some(Object::Name(key)) = self.within(depth + 1) else { return dictionary };
            self.skip_space();
            if self.bytes[self.at..].starts_with(b">>") {
                continue;
            }
            let Some(value) = self.within(depth + 1) else { return dictionary };
            dictionary.insert(key, value);
        }
    }

    /// `12`, `-0.5`, or `12 0 R`.
    fn number_or_reference(&mut self) -> Object {
        let word = self.word();
        // Some writers put a sign or a dot twice.
        let number = word.parse().or_else(|_| word.trim_start_matches(['-', '+']).parse()).unwrap_or(0.0);
        let after = self.at;
        if word.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(id) = word.parse()
        {
            self.skip_space();
            let generation = self.word();
            self.skip_space();
            if !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit()) && self.word() == "R" {
                return Object::Reference(id);
            }
            self.at = after;
        }
        Object::Number(if f64::is_finite(number) { number } else { 0.0 })
    }

    fn text(&mut self) -> Vec<u8> {
        self.at += 1;
        let (mut text, mut open) = (Vec::new(), 1);
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some(escaped) = self.peek() else { break };
                    self.at += 1;
                    match escaped {
                        b'n' => text.push(b'\n'),
                        b'r' => text.push(b'\r'),
                        b't' => text.push(b'\t'),
                        b'b' | b'f' => {}
                        b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
                        b'\n' => {}
                        b'0'..=b'7' => {
                            let mut code = u32::from(escaped - b'0');
                            for _ in 0..2 {
                                let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                                code = code * 8 + u32::from(digit - b'0');
                                self.at += 1;
                            }
                            text.push(code as u8);
                        }
                        other => text.push(other),
                    }
                    continue;
                }
                _ => {}
            }
            text.push(byte);
        }
        text
    }

    fn hex(&mut self) -> Vec<u8> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
        self.at += (length + 1).min(rest.len());
        from_hex(&rest[..length])
    }
}

fn from_hex(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().filter_map(|byte| (*byte as char).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair.get(1).copied().unwrap_or(0)).collect()
}

/// `A#20B` is `A B`.
fn unescaped_name(word: &str) -> String {
    let mut parts = word.split('#');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                name.push(char::from(byte));
                name.push_str(&part[2..]);
            }
            None => name.push_str(part),
        }
    }
    name
}

/// All objects of a file by number.
pub struct File {
    objects: HashMap<u32, Object>,
    pub root: Option<Object>,
    pub is_locked: bool,
    unfolded: usize,
}

impl File {
    pub fn read(bytes: &[u8]) -> File {
        let mut file = File { objects: HashMap::new(), root: None, is_locked: false, unfolded: 0 };
        let mut at = 0;
        while let Some(found) = find(bytes, at, b"obj") {
            at = found + 3;
            let Some(id) = number_before(bytes, found) else { continue };
            let mut lexer = Lexer { bytes, at };
            let Some(object) = lexer.object() else { continue };
            at = lexer.at;
            let object = match object {
                Object::Dictionary(dictionary) => match stream_at(bytes, at, &dictionary) {
                    Some((content, end)) => {
                        at = end;
                        file.stream(dictionary, content)
                    }
                    None => Object::Dictionary(dictionary),
                },
                other => other,
            };
            file.objects.insert(id, object);
        }
        let mut from = 0;
        while let Some(trailer) = find(bytes, from, b"trailer") {
            from = trailer + 7;
            file.trailer(Lexer { bytes, at: from }.object());
        }
        file
    }

    fn trailer(&mut self, object: Option<Object>) {
        let Some(dictionary) = object.as_ref().and_then(Object::dictionary) else { return };
        self.is_locked |= dictionary.contains_key("Encrypt");
        if let Some(root) = dictionary.get("Root") {
            self.root = Some(root.clone());
        }
    }

    /// A stream as it was found; one that holds objects gives them at once.
    fn stream(&mut self, dictionary: Dictionary, content: &[u8]) -> Object {
        let stream = Object::Stream(dictionary, content.to_vec());
        let kind = stream.dictionary().and_then(|dictionary| dictionary.get("Type")).and_then(Object::name);
        match kind {
            Some("XRef") => self.trailer(Some(stream.clone())),
            Some("ObjStm") => {
                let content = self.content(&stream);
                let mut head = Lexer::new(&content);
                let number = |name: &str| stream.dictionary()?.get(name)?.number();
                let first = number("First").unwrap_or(0.0) as usize;
                for _ in 0..number("N").unwrap_or(0.0) as usize {
                    let (Some(Object::Number(id)), Some(Object::Number(offset))) = (head.object(), head.object()) else { break };
                    let at = first.saturating_add(offset as usize);
                    if at < content.len()
                        && let Some(object) = (Lexer { bytes: &content, at }).object()
                    {
                        self.objects.insert(id as u32, object);
                    }
                }
            }
            _ => {}
        }
        stream
    }

    /// What an object stands for, however often it refers on.
    pub fn resolved<'a>(&'a self, object: &'a Object) -> &'a Object {
        let mut object = object;
        for _ in 0..DEPTH_MOST {
            let Object::Reference(id) = object else { return object };
            object = self.objects.get(id).unwrap_or(&Object::Null);
        }
        &Object::Null
    }

    pub fn get<'a>(&'a self, dictionary: &'a Dictionary, key: &str) -> Option<&'a Object> {
        dictionary.get(key).map(|object| self.resolved(object)).filter(|object| **object != Object::Null)
    }

    /// The dictionaries of a kind, in the order of their numbers.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Dictionary> {
        let mut all: Vec<(&u32, &Object)> = self.objects.iter().collect();
        all.order_by_key(|(id, _)| **id);
        let dictionaries = all.into_iter().filter_map(|(_, object)| object.dictionary());
        dictionaries.filter(move |dictionary| dictionary.get("Type").and_then(Object::name) == Some(kind))
    }

    /// The bytes of a stream as they were before they were packed; as far as they can be read.
    pub fn content(&mut self, stream: &Object) -> Vec<u8> {
        let Object::Stream(dictionary, packed) = stream else { return Vec::new() };
        let filters: Vec<String> = match self.get(dictionary, "Filter") {
            Some(Object::Name(name)) => vec![name.clone()],
            Some(Object::List(list)) => list.iter().filter_map(|name| self.resolved(name).name()).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let mut content = packed.clone();
        for filter in filters {
            content = match filter.as_str() {
                "FlateDecode" | "Fl" => {
                    let left = UNFOLDED_MOST.saturating_sub(self.unfolded) as u64;
                    let mut out = Vec::new();
                    // A stream that is cut off gives what it has.
                    let _ = flate2::read::ZlibDecoder::new(content.as_slice()).take(left).read_to_end(&mut out);
                    self.unfolded += out.len();
                    out
                }
                "ASCII85Decode" | "A85" => from_base_85(&content),
                "ASCIIHexDecode" | "AHx" => from_hex(&content),
                // Pictures and what is rare.
                _ => return Vec::new(),
            };
        }
        content
    }
}

fn find(bytes: &[u8], from: usize, word: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(word.len()).position(|window| window == word).map(|at| from + at)
}

/// The number in `12 0 obj`, where `obj` stands at `at`.
fn number_before(bytes: &[u8], at: usize) -> Option<u32> {
    let line = &bytes[at.saturating_sub(24)..at];
    let text: String = line.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ' ' }).collect();
    let mut words = text.split_ascii_whitespace().rev();
    let generation = words.next()?;
    let id = words.next()?;
    generation.parse::<u16>().ok()?;
    // What stands before may be glued to it: `endobj12 0 obj`.
    id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

/// The content of the stream that begins at `at`, and where it ends.
fn stream_at<'a>(bytes: &'a [u8], at: usize, dictionary: &Dictionary) -> Option<(&'a [u8], usize)> {
    let mut lexer = Lexer { bytes, at };
    lexer.skip_space();
    if !bytes[lexer.at..].starts_with(b"stream") {
        return None;
    }
    let mut start = lexer.at + 6;
    start += usize::from(bytes.get(start) == Some(&b'\r'));
    start += usize::from(bytes.get(start) == Some(&b'\n'));
    // The length that the file states counts when the stream does end there.
    let stated = dictionary.get("Length").and_then(Object::number).map(|length| start.saturating_add(length.max(0.0) as usize));
    let ends = |end: usize| {
        let mut lexer = Lexer { bytes, at: end };
        lexer.skip_space();
        bytes[lexer.at.min(bytes.len())..].starts_with(b"endstream")
    };
    let end = stated.filter(|end| *end <= bytes.len() && ends(*end)).or_else(|| find(bytes, start, b"endstream"));
    let end = end.unwrap_or(bytes.len()).max(start.min(bytes.len()));
    Some((&bytes[start.min(end)..end], end))
}

fn from_base_85(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut group) = (Vec::new(), Vec::new());
    let mut take = |group: &mut Vec<u8>| {
        let have = group.len();
        if have < 2 {
            return group.clear();
        }
        group.resize(5, 84);
        let value = group.iter().fold(0u64, |sum, digit| sum * 85 + u64::from(*digit));
        out.extend_from_slice(&(value as u32).to_be_bytes()[..have - 1]);
        group.clear();
    };
    for byte in bytes {
        match byte {
            b'~' => break,
            b'z' if group.is_empty() => {
                group = vec![0; 5];
                take(&mut group);
            }
            b'!'..=b'u' => {
                group.push(byte - b'!');
                if group.len() == 5 {
                    take(&mut group);
                }
            }
            _ => {}
        }
    }
    take(&mut group);
    out
}
