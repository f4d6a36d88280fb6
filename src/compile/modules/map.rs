//! Where each byte of an expanded workflow comes from.
//!
//! An expanded text is put together from pieces: the workflow around its uses, the bodies of modules, and the values that a use gives. The
//! stages behind read it like any file, under a file number of its own; whatever they say is brought back here to the place that a person
//! wrote. A piece that is copied keeps every offset. A piece that is made (a name, a filled-in text) stands for one place as a whole.

use crate::diag::{Diagnostic, FileId, Span};
use crate::model::{Config, Workflow};
use std::collections::BTreeSet;

/// The number of the expanded text, which no real file has.
pub const EXPANDED: FileId = FileId(u32::MAX);

#[derive(Clone, Copy, Debug)]
enum Origin {
    /// Copied from this file, starting at this byte.
    Copied { file: FileId, start: u32 },
    /// Made for this place; seen from outside it stands where it was put, at `hole`.
    Made { place: Span, hole: Span },
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    origin: Origin,
    /// The number of the use it belongs to.
    site: Option<usize>,
}

/// The way back from an expanded text.
#[derive(Clone, Debug, Default)]
pub struct SpanMap {
    /// In the order of the text, without gaps.
    pieces: Vec<Piece>,
    /// Each use of a module's step in the workflow.
    sites: Vec<Span>,
    /// Files that a fix may change: the workflow and modules of its project.
    own: BTreeSet<FileId>,
}

impl SpanMap {
    pub fn copied(&mut self, at: usize, file: FileId, start: u32, site: Option<usize>) {
        self.pieces.push(Piece { start: at as u32, origin: Origin::Copied { file, start }, site });
    }

    pub fn made(&mut self, at: usize, place: Span, hole: Span, site: Option<usize>) {
        self.pieces.push(Piece { start: at as u32, origin: Origin::Made { place, hole }, site });
    }

    /// Adds a use and gives its number.
    pub fn site(&mut self, span: Span) -> usize {
        self.sites.push(span);
        self.sites.len() - 1
    }

    pub fn may_be_fixed(&mut self, file: FileId) {
        self.own.insert(file);
    }

    fn piece(&self, at: u32) -> Option<(&Piece, usize)> {
        let number = self.pieces.partition_point(|piece| piece.start <= at).checked_sub(1)?;
        Some((&self.pieces[number], number))
    }

    /// The place that a person wrote for a span of the expanded text. Other spans stay as they are.
    pub fn back(&self, span: Span) -> Span {
        self.traced(span).0
    }

    /// Whether every byte of the span was made and not copied.
    pub fn is_made(&self, span: Span) -> bool {
        span.file == EXPANDED
            && self.piece(span.start).is_some_and(|(piece, first)| {
                let last = self.piece(span.end.saturating_sub(1).max(span.start)).map_or(first, |(_, last)| last);
                last == first && matches!(piece.origin, Origin::Made { .. })
            })
    }

    /// The place, the use it belongs to, and whether the bytes there are those of the span.
    fn traced(&self, span: Span) -> (Span, Option<usize>, bool) {
        if span.file != EXPANDED {
            return (span, None, true);
        }
        let Some((first, number)) = self.piece(span.start) else { return (span, None, false) };
        let (last, last_number) = self.piece(span.end.saturating_sub(1).max(span.start)).unwrap_or((first, number));
        if number == last_number {
            return match first.origin {
                Origin::Copied { file, start } => {
                    let place = Span { file, start: start + (span.start - first.start), end: start + (span.end - first.start) };
                    (place, first.site, true)
                }
                Origin::Made { place, .. } => (place, first.site, false),
            };
        }
        // A span over several pieces: both of its ends, seen from outside.
        let start = match first.origin {
            Origin::Copied { file, start } => {
                let at = start + (span.start - first.start);
                Span { file, start: at, end: at }
            }
            Origin::Made { hole, .. } => hole,
        };
        let end = match last.origin {
            Origin::Copied { file, start } => {
                let at = start + (span.end - last.start);
                Span { file, start: at, end: at }
            }
            Origin::Made { hole, .. } => hole,
        };
        // A value that was given elsewhere ends elsewhere: then what is copied in front of it stands for the whole.
        let place = match start.file == end.file && start.start <= end.end {
            true => start.to(end),
            false => {
                let rest = self.pieces.get(number + 1).map_or(span.end, |next| next.start) - span.start;
                Span { end: start.end + if matches!(first.origin, Origin::Copied { .. }) { rest } else { 0 }, ..start }
            }
        };
        (place, first.site, false)
    }

    /// Brings a finding back. One that points into a module also gets a label at the use.
    pub fn brought_back(&self, mut finding: Diagnostic) -> Diagnostic {
        let mut used_at = None;
        for label in &mut finding.labels {
            let (place, site, _) = self.traced(label.span);
            label.span = place;
            used_at = used_at.or(site);
        }
        if let Some(site) = used_at.and_then(|site| self.sites.get(site))
            && !finding
                .labels
                .iter()
                .any(|label| label.span.file == site.file && site.start <= label.span.start && label.span.end <= site.end)
        {
            finding = finding.at(*site, "used here");
        }
        // A replacement is certain only where the text is the person's own.
        finding.fix = finding.fix.take().and_then(|mut fix| {
            let (place, _, exact) = self.traced(fix.span);
            let from_here = fix.span.file != EXPANDED || (exact && self.own.contains(&place.file));
            fix.span = place;
            from_here.then_some(fix)
        });
        finding
    }

    /// Brings the places of a workflow back.
    pub fn bring_back(&self, workflow: &mut Workflow) {
        for step in &mut workflow.steps {
            step.span = self.back(step.span);
            self.config(&mut step.config);
        }
        for config in workflow.providers.values_mut().map(|provider| &mut provider.config) {
            self.config(config);
        }
        for config in workflow.channels.values_mut().map(|channel| &mut channel.config) {
            self.config(config);
        }
    }

    fn config(&self, config: &mut Config) {
        config.span = self.back(config.span);
        config.arg_spans.iter_mut().for_each(|span| *span = self.back(*span));
        config.children.iter_mut().for_each(|child| self.config(child));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(file: u32, start: u32, end: u32) -> Span {
        Span { file: FileId(file), start, end }
    }

    /// `aaaa|BB|cccc`: four bytes of the workflow, two made ones, four of a module.
    fn map() -> SpanMap {
        let mut map = SpanMap::default();
        let site = map.site(span(0, 50, 60));
        map.copied(0, FileId(0), 10, None);
        map.made(4, span(0, 52, 55), span(1, 7, 8), Some(site));
        map.copied(6, FileId(1), 100, Some(site));
        map
    }

    #[test]
    fn a_place_comes_back_to_where_it_was_written() {
        let map = map();
        let expanded = |start, end| Span { file: EXPANDED, start, end };
        assert_eq!(map.back(expanded(1, 3)), span(0, 11, 13));
        assert_eq!(map.back(expanded(4, 6)), span(0, 52, 55), "a value stands where it was given");
        assert_eq!(map.back(expanded(5, 8)), span(1, 7, 102), "over several pieces it is seen from the module");
        assert_eq!(map.back(expanded(1, 8)), span(0, 11, 14), "of what ends in another file, what stands in this one");
        let mut given_above = SpanMap::default();
        given_above.copied(0, FileId(1), 100, None);
        given_above.copied(4, FileId(1), 20, None);
        assert_eq!(given_above.back(expanded(1, 6)), span(1, 101, 104), "a value of the same file that stands further up");
        assert_eq!(map.back(span(3, 1, 2)), span(3, 1, 2));
        assert!(map.is_made(expanded(4, 6)) && !map.is_made(expanded(4, 7)) && !map.is_made(expanded(0, 1)));
    }

    #[test]
    fn a_finding_in_a_module_says_where_it_is_used_and_keeps_no_fix() {
        let map = map();
        let at = Span { file: EXPANDED, start: 7, end: 9 };
        let finding = map.brought_back(Diagnostic::error("loop::unknown-step", "x").at(at, "here").fix("write", at, "y"));
        assert_eq!(finding.labels[0].span, span(1, 101, 103));
        assert_eq!((finding.labels[1].span, finding.labels[1].text.as_str()), (span(0, 50, 60), "used here"));
        assert!(finding.fix.is_none());
        let at = Span { file: EXPANDED, start: 4, end: 6 };
        let finding = map.brought_back(Diagnostic::error("loop::unknown-step", "x").at(at, "here"));
        assert_eq!(finding.labels.len(), 1, "a value that was given there needs no second label");
    }
}
