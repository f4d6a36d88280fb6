//! The few lines of a file that a diagnostic is about, ready to be drawn.
//!
//! Lines are found through the line table and cut to the width, labels are moved along, and whatever a terminal would obey is replaced.

use super::render::Style;
use super::{FileId, Label, Sources};
use crate::base::InOrder;
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::fmt;
use unicode_width::UnicodeWidthChar;

/// Asks for whole miniature lines; a question with 0 asks where a label stands.
pub(super) const WHOLE: usize = 1;

/// The lines that a diagnostic is about.
pub(super) struct Miniature {
    name: String,
    text: String,
    windows: Vec<Window>,
    labels: Vec<LabeledSpan>,
    /// Where each label stands in the file: its offset here, line and column there, both from 0.
    places: Vec<(usize, usize, usize)>,
}

/// A label on its line: the line from 1, the bytes within it, the column in characters from 0.
type Placed<'d> = (usize, std::ops::Range<usize>, usize, &'d Label);

/// Neighbouring lines.
struct Window {
    start: usize,
    end: usize,
    first_line: usize,
    lines: usize,
}

impl Miniature {
    pub(super) fn new<'d>(
        labels: impl Iterator<Item = &'d Label>,
        file: FileId,
        sources: &Sources,
        style: &Style,
    ) -> Option<Miniature> {
        let source = sources.get(file)?;
        // Every label on one line: a longer one ends where its first line ends.
        let mut placed: Vec<Placed<'_>> = labels
            .map(|label| {
                let floor = |offset: usize| {
                    let mut offset = offset.min(source.text.len());
                    while !source.text.is_char_boundary(offset) {
                        offset -= 1;
                    }
                    offset
                };
                let start = floor(label.span.start as usize);
                let (line, column) = source.position(start);
                let text = source.line(line);
                let line_start = source.line_start(line);
                let start = (start - line_start).min(text.len());
                let end = floor(label.span.end as usize).saturating_sub(line_start).clamp(start, text.len());
                (line, start..end, column - 1, label)
            })
            .collect();
        let primary = placed.first().map(|(line, range, ..)| (*line, range.clone()))?;
        placed.order_by_key(|(line, range, ..)| (*line, range.start));
        let mut miniature = Miniature {
            name: clean(&source.name, style.unicode),
            text: String::new(),
            windows: Vec::new(),
            labels: Vec::new(),
            places: Vec::new(),
        };
        let numbers = placed.last().map_or(1, |(line, ..)| line.to_string().len());
        let room = style.width.saturating_sub(numbers + 5).max(15);
        let mut next = 0;
        while let Some((first, ..)) = placed.get(next) {
            let first = *first;
            let mut last = first;
            let mut count = 0;
            for (line, ..) in &placed[next..] {
                if *line > last + 2 {
                    break;
                }
                last = *line;
                count += 1;
            }
            let group = &placed[next..next + count];
            let start = miniature.text.len();
            for line in first..=last {
                miniature.line(source.line(line), line, group, &primary, room, style);
            }
            let end = miniature.text.len();
            miniature.windows.push(Window { start, end, first_line: first - 1, lines: last - first + 1 });
            next += count;
        }
        Some(miniature)
    }

    /// Adds one line, cut to `room` columns around its first label.
    fn line(
        &mut self,
        text: &str,
        number: usize,
        group: &[Placed<'_>],
        primary: &(usize, std::ops::Range<usize>),
        room: usize,
        style: &Style,
    ) {
        const TAB: usize = 4;
        let here = || group.iter().filter(|(line, ..)| *line == number);
        let ellipsis = if style.unicode { "…" } else { "..." };
        let wide = |character: char| if character == '\t' { TAB } else { character.width().unwrap_or(1) };
        // A line of ordinary length needs no cutting; measuring stops soon on a long one.
        let long = text.len() > room && text.chars().take(room + 1).map(wide).sum::<usize>() > room;
        let mut from = 0;
        if long {
            let focus = here().next().map_or(0, |(_, range, ..)| range.start);
            let mut before = room / 3;
            from = focus;
            for (offset, character) in text[..focus].char_indices().rev() {
                let Some(left) = before.checked_sub(wide(character)) else { break };
                before = left;
                from = offset;
            }
        }
        let line_start = self.text.len();
        if from > 0 {
            self.text.push_str(ellipsis);
        }
        let limit = if long { room.saturating_sub(8) } else { usize::MAX };
        let mut column = 0;
        let mut to = text.len();
        // Where each shown character of the file stands in the miniature.
        let mut map: Vec<(usize, usize)> = Vec::new();
        for (offset, character) in text[from..].char_indices() {
            if column >= limit {
                to = from + offset;
                break;
            }
            map.push((from + offset, self.text.len()));
            self.text.push(visible(character, style.unicode));
            column += wide(character);
        }
        let shown_end = self.text.len();
        if to < text.len() {
            self.text.push_str(ellipsis);
        }
        let find = |offset: usize| match map.binary_search_by_key(&offset, |(there, _)| *there) {
            Ok(index) => map[index].1,
            Err(0) if offset < from => line_start,
            Err(_) => shown_end,
        };
        for (_, range, column, label) in here() {
            let (start, end) = (find(range.start), find(range.end).max(find(range.start)));
            let text = clean(&label.text, style.unicode);
            // In a narrow terminal the words beside the line are broken, so that the drawing stays whole.
            let left: usize = self.text[line_start..start].chars().map(wide).sum();
            let words = wrap(&text, 0, 0, room.saturating_sub(left + 8).max(18));
            let words = Some(words).filter(|words| !words.is_empty());
            let span = SourceSpan::new(start.into(), end - start);
            let is_primary = (number, range) == (primary.0, &primary.1);
            self.labels.push(match is_primary {
                true => LabeledSpan::new_primary_with_span(words, span),
                false => LabeledSpan::new_with_span(words, span),
            });
            self.places.push((start, number - 1, *column));
        }
        // Each line ends in a new line, also the last: miette then counts lines as we do, even in an empty file.
        self.text.push('\n');
    }
}

impl SourceCode for Miniature {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let window = self
            .windows
            .iter()
            .find(|window| (window.start..window.end).contains(&span.offset()))
            .ok_or(MietteError::OutOfBounds)?;
        if span.offset() + span.len() > window.end {
            return Err(MietteError::OutOfBounds);
        }
        let (line, column) = match self.places.iter().find(|(offset, ..)| *offset == span.offset()) {
            Some((_, line, column)) if before < WHOLE => (*line, *column),
            _ => (window.first_line, 0),
        };
        let data = &self.text.as_bytes()[window.start..window.end];
        let whole = SourceSpan::new(window.start.into(), data.len());
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, whole, line, column, window.lines)))
    }
}

impl miette::Diagnostic for Miniature {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl fmt::Display for Miniature {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl fmt::Debug for Miniature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Miniature {}

/// What a terminal would obey or hide, as something to see; other characters stay.
fn visible(character: char, unicode: bool) -> char {
    match character {
        '\t' => '\t',
        '\0'..='\u{1F}' if unicode => char::from_u32(0x2400 + character as u32).unwrap_or('?'),
        '\u{7F}' if unicode => '\u{2421}',
        '\0'..='\u{1F}'
        | '\u{7F}'..='\u{9F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' => {
            if unicode {
                '\u{FFFD}'
            } else {
                '?'
            }
        }
        _ => character,
    }
}

/// Whether a terminal would obey or hide a character, or turn the text around it.
pub(super) fn is_obeyed(character: char) -> bool {
    visible(character, true) != character
}

pub(super) fn clean(text: &str, unicode: bool) -> String {
    text.chars().map(|character| if character == '\n' { '\n' } else { visible(character, unicode) }).collect()
}

/// Breaks a text into lines of at most `width` columns where spaces are; a longer word stays whole.
pub(super) fn wrap(text: &str, first_indentation: usize, indentation: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = first_indentation;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indentation));
            column = indentation;
        }
        let mut fresh = true;
        for word in line.split(' ') {
            let size: usize = word.chars().filter_map(UnicodeWidthChar::width).sum();
            if !fresh && column + 1 + size > width {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indentation));
                column = indentation;
            } else if !fresh {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += size;
            fresh = false;
        }
    }
    out
}
