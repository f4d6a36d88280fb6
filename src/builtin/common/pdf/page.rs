//! One page: its operators move a pen and show texts; texts that follow one another on one height are a line.

use super::font::Font;
use super::object::{Dictionary, File, Lexer, Object};
use std::collections::HashMap;
use std::rc::Rc;

/// Operators of one page; more is no text.
const OPERATORS_MOST: usize = 1_000_000;
/// Forms within forms.
const FORMS_MOST: usize = 6;

/// A matrix `a b c d e f` as the format has it.
#[derive(Clone, Copy)]
struct Matrix([f64; 6]);

impl Matrix {
    const ONE: Matrix = Matrix([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn of(numbers: &[f64]) -> Matrix {
        numbers.try_into().map_or(Matrix::ONE, Matrix)
    }

    /// First `self`, then `next`.
    fn then(self, next: Matrix) -> Matrix {
        let (Matrix([a, b, c, d, e, f]), Matrix([p, q, r, s, t, u])) = (self, next);
        Matrix([a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u])
    }
}

#[derive(Clone)]
struct State {
    place: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

struct Pen {
    text: Matrix,
    line: Matrix,
    states: Vec<State>,
    state: State,
}

/// What has been shown of a page so far.
#[derive(Default)]
struct Shown {
    lines: Vec<String>,
    now: String,
    /// Where the last glyph ended, and its size.
    end: Option<(f64, f64, f64)>,
    operators: usize,
}

impl Shown {
    /// A piece of text from `x` to `end` at the height `y`.
    fn put(&mut self, text: &str, (x, y): (f64, f64), end: f64, size: f64) {
        if let Some((last, height, before)) = self.end {
            let larger = size.max(before).max(0.1);
            let apart = height - y;
            if apart.abs() > 0.45 * larger || x < last - 2.0 * larger {
                // A gap, another size, or a jump back up: what follows is another paragraph.
                let other = (size - before).abs() > 0.15 * larger;
                self.end_line(apart > 1.75 * size.min(before).max(0.1) || apart < -0.45 * larger || other);
            } else if x - last > 0.17 * size && !self.now.ends_with(' ') && !text.starts_with(' ') {
                self.now.push(' ');
            }
        }
        self.now.push_str(text);
        self.end = Some((end, y, size));
    }

    fn end_line(&mut self, with_gap: bool) {
        let line = std::mem::take(&mut self.now);
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.is_empty() {
            self.lines.push(line);
        }
        if with_gap && self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }
}

/// The lines of a page; an empty one stands between paragraphs.
pub fn lines(file: &mut File, page: &Dictionary, resources: Option<&Dictionary>) -> Vec<String> {
    let streams: Vec<Object> = match file.get(page, "Contents") {
        Some(Object::List(list)) => list.iter().map(|stream| file.resolved(stream).clone()).collect(),
        Some(stream) => vec![stream.clone()],
        None => Vec::new(),
    };
    let mut content = Vec::new();
    for stream in &streams {
        content.extend(file.content(stream));
        content.push(b'\n');
    }
    let state = State {
        place: Matrix::ONE,
        font: None,
        size: 1.0,
        letter_space: 0.0,
        word_space: 0.0,
        stretch: 1.0,
        leading: 0.0,
        rise: 0.0,
    };
    let mut shown = Shown::default();
    walk(file, &content, resources, state, &mut shown, 0);
    shown.end_line(false);
    while shown.lines.last().is_some_and(String::is_empty) {
        shown.lines.pop();
    }
    shown.lines
}

fn walk(file: &mut File, content: &[u8], resources: Option<&Dictionary>, state: State, shown: &mut Shown, depth: usize) {
    let mut fonts: HashMap<String, Option<Rc<Font>>> = HashMap::new();
    let mut pen = Pen { text: Matrix::ONE, line: Matrix::ONE, states: Vec::new(), state };
    let mut lexer = Lexer::new(content);
    let mut operands: Vec<Object> = Vec::new();
    while let Some(object) = lexer.object() {
        let Object::Word(word) = object else {
            operands.push(object);
            // What is no operator's is no operand.
            if operands.len() > 1_000 {
                operands.clear();
            }
            continue;
        };
        shown.operators += 1;
        if shown.operators > OPERATORS_MOST {
            return;
        }
        match word.as_str() {
            "Tf" => {
                let name = operands.first().and_then(Object::name).unwrap_or_default().to_owned();
                let font = fonts.entry(name).or_insert_with_key(|name| {
                    let font = resources.and_then(|all| file.get(all, "Font")).and_then(Object::dictionary);
                    let font = font.and_then(|fonts| file.get(fonts, name)).and_then(Object::dictionary).cloned();
                    font.map(|font| Rc::new(Font::read(file, &font)))
                });
                pen.state.font = font.clone();
                pen.state.size = operands.get(1).and_then(Object::number).unwrap_or(1.0);
            }
            "Do" if depth < FORMS_MOST => {
                let name = operands.first().and_then(Object::name).unwrap_or_default();
                let forms = resources.and_then(|all| file.get(all, "XObject")).and_then(Object::dictionary);
                let form = forms.and_then(|forms| file.get(forms, name)).cloned();
                if let Some(dictionary) = form.as_ref().and_then(Object::dictionary)
                    && file.get(dictionary, "Subtype").and_then(Object::name) == Some("Form")
                {
                    let own = file.get(dictionary, "Resources").and_then(Object::dictionary).cloned();
                    let matrix = file.get(dictionary, "Matrix").and_then(Object::list).map(numbers).unwrap_or_default();
                    let state = State { place: Matrix::of(&matrix).then(pen.state.place), ..pen.state.clone() };
                    let content = form.as_ref().map(|form| file.content(form)).unwrap_or_default();
                    walk(file, &content, own.as_ref().or(resources), state, shown, depth + 1);
                }
            }
            // A picture within the page: bytes that are no operators.
            "ID" => {
                let rest = content.get(lexer.at..).unwrap_or_default();
                let end = rest.windows(4).position(|window| {
                    window[0].is_ascii_whitespace() && &window[1..3] == b"EI" && window[3].is_ascii_whitespace()
                });
                lexer.at += end.map_or(rest.len(), |end| end + 3);
            }
            _ => pen.operate(&word, &operands, shown),
        }
        operands.clear();
    }
}

fn numbers(list: &[Object]) -> Vec<f64> {
    list.iter().filter_map(Object::number).collect()
}

impl Pen {
    fn operate(&mut self, word: &str, operands: &[Object], shown: &mut Shown) {
        let given = numbers(operands);
        let nth = |at: usize| given.get(at).copied().unwrap_or(0.0);
        match word {
            "q" if self.states.len() < 500 => self.states.push(self.state.clone()),
            "Q" => self.state = self.states.pop().unwrap_or_else(|| self.state.clone()),
            "cm" => self.state.place = Matrix::of(&given).then(self.state.place),
            "BT" => (self.text, self.line) = (Matrix::ONE, Matrix::ONE),
            "Tm" => (self.text, self.line) = (Matrix::of(&given), Matrix::of(&given)),
            "Td" => self.down(nth(0), nth(1)),
            "TD" => {
                self.state.leading = -nth(1);
                self.down(nth(0), nth(1));
            }
            "TL" => self.state.leading = nth(0),
            "T*" => self.down(0.0, -self.state.leading),
            "Tc" => self.state.letter_space = nth(0),
            "Tw" => self.state.word_space = nth(0),
            "Tz" => self.state.stretch = nth(0) / 100.0,
            "Ts" => self.state.rise = nth(0),
            "Tj" | "'" | "\"" | "TJ" => {
                if word == "\"" {
                    (self.state.word_space, self.state.letter_space) = (nth(0), nth(1));
                }
                if matches!(word, "'" | "\"") {
                    self.down(0.0, -self.state.leading);
                }
                let pieces = match operands.last() {
                    Some(Object::List(list)) => list.as_slice(),
                    Some(_) => &operands[operands.len() - 1..],
                    None => return,
                };
                for piece in pieces {
                    match piece {
                        Object::Text(bytes) => self.show(bytes, shown),
                        Object::Number(back) => self.right(-back / 1000.0 * self.state.size * self.state.stretch),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn down(&mut self, x: f64, y: f64) {
        self.line = Matrix([1.0, 0.0, 0.0, 1.0, x, y]).then(self.line);
        self.text = self.line;
    }

    fn right(&mut self, x: f64) {
        self.text = Matrix([1.0, 0.0, 0.0, 1.0, x, 0.0]).then(self.text);
    }

    fn show(&mut self, bytes: &[u8], shown: &mut Shown) {
        let Some(font) = self.state.font.clone() else { return };
        let at = |pen: &Pen| {
            let Matrix([.., x, y]) = Matrix([1.0, 0.0, 0.0, 1.0, 0.0, pen.state.rise]).then(pen.text).then(pen.state.place);
            (x, y)
        };
        let start = at(self);
        let Matrix([_, _, c, d, ..]) = self.text.then(self.state.place);
        let size = self.state.size.abs() * c.hypot(d);
        let mut text = String::new();
        for glyph in font.glyphs(bytes) {
            text.push_str(&glyph.text);
            let space = self.state.letter_space + if glyph.is_space { self.state.word_space } else { 0.0 };
            self.right((glyph.width / 1000.0 * self.state.size + space) * self.state.stretch);
        }
        if !text.is_empty() {
            shown.put(&text, start, at(self).0, size);
        }
    }
}
