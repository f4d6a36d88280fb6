//! The reader's blocks: a stack of open braces instead of recursion, and the second reading that trusts the indentation.

use super::characters::{line_end, newline_length};
use super::read::{Frame, Mark, Open, Phase, Reader};
use super::slip;
use super::tree::NONE;

impl Reader<'_> {
    /// Opens the block at `{`; false when it was passed over or only the braces were dropped.
    pub(super) fn open_block(&mut self, open: &mut Open, slashed: Option<Mark>) -> bool {
        let brace = self.at;
        if open.phase == Phase::Block && slashed.is_none() && !open.broken {
            self.report(|reader| slip::second_block(reader.span(brace, brace + 1)));
            open.broken = true;
            self.tree.nodes[open.node as usize].broken = true;
        }
        self.at += 1;
        if self.frames.len() >= self.limits.depth {
            if !self.told_depth {
                self.told_depth = true;
                let depth = self.limits.depth;
                self.report(|reader| slip::too_deep(reader.span(brace, brace + 1), depth));
            }
            self.pass_over_block();
            self.end = self.at;
            open.phase = Phase::Block;
            return false;
        }
        let row = &mut self.tree.nodes[open.node as usize];
        if slashed.is_none() {
            if row.block_start == NONE {
                row.block_start = brace as u32;
            }
            open.phase = Phase::Block;
        } else if open.phase == Phase::Entries {
            open.phase = Phase::SlashedBlock;
        }
        self.end = brace + 1;
        let (line, indentation) = (self.line, self.indentation);
        self.frames.push(Frame { owner: *open, slashed, child_before: open.last_child, brace, line, indentation });
        true
    }

    /// Passes over a block that is too deep: braces are counted, nothing is kept.
    pub(super) fn pass_over_block(&mut self) {
        let mut depth = 1usize;
        while depth > 0 {
            self.pass_over();
            match self.peek() {
                None => {
                    self.swallowed = true;
                    return;
                }
                Some(b'{') => depth += 1,
                Some(b'}') => depth -= 1,
                Some(b'/') => {
                    self.at = line_end(self.bytes, self.at);
                    continue;
                }
                Some(_) => {}
            }
            self.at += newline_length(self.bytes, self.at).max(1);
        }
    }

    /// A `}` between nodes.
    pub(super) fn close(&mut self) {
        let brace = self.at;
        if self.fresh {
            self.indentation = brace - self.line;
            self.close_by_indentation(true);
            let stray = self.by_indentation
                && self.frames.last().is_some_and(|frame| frame.line != self.line && frame.indentation < self.indentation);
            self.fresh = false;
            if stray {
                self.at += 1;
                return self.report(|reader| slip::stray_brace(reader.span(brace, brace + 1)));
            }
        } else if self.by_indentation && self.closes_a_line_above() {
            self.at += 1;
            return self.lost_opening(brace);
        }
        self.at += 1;
        if self.frames.is_empty() {
            self.braces_differ = true;
            // Several in a row are one slip.
            loop {
                let spaces = self.bytes[self.at..].iter().take_while(|byte| **byte == b' ').count();
                if self.bytes.get(self.at + spaces) != Some(&b'}') {
                    break;
                }
                self.at += spaces + 1;
            }
            let end = self.at;
            self.report(|reader| slip::stray_brace(reader.span(brace, end)));
            return;
        }
        self.close_frame(brace + 1);
    }

    /// Whether a `}` behind something else would end a block that was opened on a line further left.
    fn closes_a_line_above(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.line != self.line && frame.indentation < self.indentation)
    }

    /// A `}` in a line that lacks its `{`: the node in front was to have a block, so nothing is said of what it lacks.
    fn lost_opening(&mut self, brace: usize) {
        let previous = self.frames.last().map_or(self.last_root, |frame| frame.owner.last_child);
        if let Some(row) = self.tree.nodes.get_mut(previous as usize).filter(|row| row.start as usize >= self.line) {
            row.broken = true;
        }
        // What was passed over has been told, and the `{` was a part of it.
        if self.spoiled != self.line {
            self.report(|reader| slip::missing_opening(reader.span(brace, brace + 1), None));
        }
    }

    /// In the second reading, a line that stands further right than the one above it, which has no block, is in a block whose `{` is missing.
    pub(super) fn open_by_indentation(&mut self) {
        if !self.by_indentation || self.frames.len() >= self.limits.depth {
            return;
        }
        let previous = self.frames.last().map_or(self.last_root, |frame| frame.owner.last_child);
        let Some(row) = self.tree.nodes.get(previous as usize).copied() else { return };
        let (start, end) = (row.start as usize, row.end as usize);
        let line = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let is_first = self.bytes[line..start].iter().all(|byte| matches!(byte, b' ' | b'\t'));
        let indentation = start - line;
        if row.block_start != NONE || row.broken || !is_first || end > self.line || indentation >= self.at - self.line {
            return;
        }
        let at = self.at;
        self.report(|reader| {
            slip::missing_opening(reader.span(end, end), Some(reader.span(at, at + reader.character_length(at))))
        });
        self.tree.nodes[previous as usize].block_start = end as u32;
        let owner = Open { node: previous, phase: Phase::Block, last_child: NONE, slashed: None, broken: false, linked: true };
        self.frames.push(Frame { owner, slashed: None, child_before: NONE, brace: end, line, indentation });
    }

    pub(super) fn close_frame(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        self.end = end;
        let owner = self.end_block(frame, end);
        self.tree.nodes[owner.node as usize].end = end as u32;
        self.rest(owner);
    }

    /// In the second reading, a line that stands further left than the block it would belong to ends that block.
    pub(super) fn close_by_indentation(&mut self, brace: bool) {
        if !self.by_indentation {
            return;
        }
        let here = self.at - self.line;
        while let Some(frame) = self.frames.last() {
            let outside = if brace { frame.indentation > here } else { frame.indentation >= here };
            if !outside || frame.line == self.line {
                return;
            }
            let (open, at) = (frame.brace, self.at);
            self.report(|reader| {
                slip::unclosed_block(reader.span(at, at + reader.character_length(at)), reader.span(open, open + 1), true)
            });
            let Some(frame) = self.frames.pop() else { return };
            self.end_block_early(frame);
        }
    }

    /// The block is done: its children stay, or are taken out.
    pub(super) fn end_block(&mut self, frame: Frame, end: usize) -> Open {
        let mut owner = frame.owner;
        match frame.slashed {
            Some(mark) => {
                self.take_out(mark);
                owner.last_child = frame.child_before;
                match self.tree.nodes.get_mut(frame.child_before as usize) {
                    Some(last) => last.next = NONE,
                    None => self.tree.nodes[owner.node as usize].first_child = NONE,
                }
            }
            None => self.tree.nodes[owner.node as usize].block_end = end as u32,
        }
        owner
    }

    pub(super) fn end_block_early(&mut self, frame: Frame) {
        let end = self.end;
        let mut owner = self.end_block(frame, end);
        owner.broken = true;
        self.tree.nodes[owner.node as usize].broken = true;
        self.finish(owner);
    }

    /// The end of a node: it joins its siblings, unless `/-` takes it out.
    pub(super) fn finish(&mut self, open: Open) {
        if let Some(mark) = open.slashed {
            return self.take_out(mark);
        }
        let row = &mut self.tree.nodes[open.node as usize];
        row.end = self.end.max(row.end as usize) as u32;
        if open.linked {
            return;
        }
        let (first, last) = match self.frames.last_mut() {
            Some(frame) => {
                let owner = frame.owner.node as usize;
                (&mut self.tree.nodes[owner].first_child, &mut frame.owner.last_child)
            }
            None => (&mut self.tree.first_root, &mut self.last_root),
        };
        let previous = std::mem::replace(last, open.node);
        if *first == NONE {
            *first = open.node;
        }
        if previous != NONE {
            self.tree.nodes[previous as usize].next = open.node;
        }
    }

    pub(super) fn finish_file(&mut self) {
        let end = self.bytes.len();
        let last = self.text.trim_end().len();
        while let Some(frame) = self.frames.pop() {
            self.braces_differ = true;
            if !self.swallowed {
                let open = frame.brace;
                self.report(|reader| slip::unclosed_block(reader.span(last, last), reader.span(open, open + 1), false));
            }
            self.end = self.end.min(end);
            self.end_block_early(frame);
        }
        self.braces_differ &= !self.swallowed;
    }
}
