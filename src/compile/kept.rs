//! What one compilation leaves for the next one of nearly the same text: the tree, and each step as it was read.
//!
//! An editor compiles at every keystroke, and a keystroke changes one step. The text is read as a whole, because that is a tenth of the
//! work and because in a broken text any line can change what another one means. A step whose node is alike in both readings is taken
//! over with its findings, and the places in it follow the edit: it has moved as a whole, by one distance. Everything that looks at more
//! than one step is done again.

use super::sketch::StepSketch;
use crate::diag::Diagnostic;
use crate::model::Layer;
use crate::syntax::{Node, NodeId, Tree, alike};

/// What is kept between two compilations of one file. Empty at first; what comes out never depends on what is in it.
#[derive(Default)]
pub struct Kept {
    tree: Option<Tree>,
    /// In the order of the file.
    steps: Vec<StepSketch>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} steps)", self.steps.len())
    }
}

/// How a step was read, beside its sketch.
pub(super) struct Reading {
    pub node: NodeId,
    pub found: Box<[Diagnostic]>,
}

/// Steps of the reading before that are alike in this one: so many at the front and so many at the end.
pub(super) struct Same {
    front: std::vec::IntoIter<StepSketch>,
    back: std::vec::IntoIter<StepSketch>,
}

impl Kept {
    /// Takes out the steps that stand unchanged in `nodes`; the others are given up.
    pub(super) fn same(self, nodes: &[(Layer, Node<'_>)]) -> Same {
        let Kept { tree, mut steps } = self;
        let Some(tree) = tree else { return Same { front: Vec::new().into_iter(), back: Vec::new().into_iter() } };
        let is_same = |(step, (layer, node)): (&StepSketch, &(Layer, Node<'_>))| {
            let before = step.reading.as_ref().and_then(|reading| tree.node(reading.node));
            step.layer == *layer && before.is_some_and(|before| before.span().file == node.span().file && alike(before, *node))
        };
        let front = steps.iter().zip(nodes).take_while(|pair| is_same(*pair)).count();
        let back = steps[front..].iter().rev().zip(nodes[front..].iter().rev()).take_while(|pair| is_same(*pair)).count();
        let behind = steps.split_off(steps.len() - back);
        steps.truncate(front);
        Same { front: steps.into_iter(), back: behind.into_iter() }
    }

    /// The steps of a sketch, with the tree they were read from.
    pub(super) fn of(tree: Tree, steps: Vec<StepSketch>) -> Kept {
        Kept { tree: Some(tree), steps }
    }
}

impl Same {
    pub fn front(&self) -> usize {
        self.front.len()
    }

    pub fn back(&self) -> usize {
        self.back.len()
    }

    /// The next step of the front, as it stands at `node`.
    pub fn next_of_front(&mut self, node: Node<'_>) -> Option<StepSketch> {
        self.front.next().map(|step| moved(step, node))
    }

    pub fn next_of_back(&mut self, node: Node<'_>) -> Option<StepSketch> {
        self.back.next().map(|step| moved(step, node))
    }
}

/// The step as it is when it is read at `node`.
fn moved(mut step: StepSketch, node: Node<'_>) -> StepSketch {
    let span = node.span();
    let (from, by) = (step.span.start, i64::from(span.start) - i64::from(step.span.start));
    if by != 0 {
        step.config.follow(from, by);
        let own = [&mut step.name_span, &mut step.head_span, &mut step.span];
        let caps = step.caps.iter_mut().map(|(_, span)| span);
        let wires = step.wires.iter_mut().map(|wire| &mut wire.span);
        own.into_iter().chain(caps).chain(wires).for_each(|span| span.follow(from, by));
        for reference in &mut step.references {
            [&mut reference.span, &mut reference.node].into_iter().for_each(|span| span.follow(from, by));
        }
    }
    if let Some(reading) = &mut step.reading {
        reading.node = node.id();
        reading.found.iter_mut().for_each(|finding| finding.follow(from, by));
        step.broken = reading.found.iter().any(Diagnostic::is_error);
    }
    // What was looked up is looked up again.
    for wire in &mut step.wires {
        (wire.from, wire.guessed, wire.carries) = (None, false, None);
    }
    step.files.clear();
    step.reads.clear();
    step.hands.clear();
    step.tunes.clear();
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::both::one_after_another;
    use crate::base::files::MemoryFiles;
    use crate::compile::{Compiled, compile, compile_again, testing};
    use proptest::prelude::*;

    const PLAIN: &str = include_str!("../../workflows/first-loop.kdl");
    const LARGER: &str = include_str!("../../workflows/b2b-growth.kdl");
    const WITH_MODULES: &str = include_str!("../../stdlib/production/article/example.kdl");

    /// What people type, and what breaks things.
    const PIECES: &[&str] = &[
        "",
        "x",
        "\"",
        "{",
        "}",
        "\n",
        "/*",
        "*/",
        "/-",
        "//",
        "é😀",
        " from \"x\"\n",
        "score \"s\" { }\n",
        "weight=2",
        "\\n",
        "#\"",
        "= 1",
        "    gate \"g\" { from \"drafts\"; by \"us\" }\n",
        "production {\n",
        "}\n}\n",
        "use \"std/article@1\"\n",
        "cap 3 per=\"day\"; ",
    ];

    fn texts(workflow: &str) -> MemoryFiles {
        MemoryFiles::new([("w.kdl", workflow), ("client-os/pillars.kdl", "pillar \"Operations\" weight=1.0\n")])
    }

    /// All places and values of the steps as they were read, without what was looked up.
    fn told(kept: &Kept) -> Vec<String> {
        let told = kept.steps.iter().map(|step| {
            let wires: Vec<_> = step.wires.iter().map(|wire| (&wire.name, wire.span)).collect();
            let reading = step.reading.as_ref().map(|reading| (reading.node, &reading.found));
            format!(
                "{:?} {:?} {} {:?} {:?} {:?} {wires:?} {:?} {:?} {:?} {} {} {reading:?}",
                step.id,
                step.layer,
                step.verb,
                step.connector,
                step.config,
                step.caps,
                step.references,
                step.name_span,
                step.head_span,
                step.priority,
                step.misplaced
            )
        });
        told.collect()
    }

    fn again(text: &str, kept: &mut Kept) -> Compiled {
        compile_again(&texts(text), "w.kdl", &testing::registry(), &one_after_another, kept)
    }

    /// Compiles a text after others, and afresh.
    fn agree(text: &str, kept: &mut Kept) {
        let (found, mut none) = (again(text, kept), Kept::default());
        let fresh = compile(&texts(text), "w.kdl", &testing::registry());
        assert_eq!(found.diagnostics, fresh.diagnostics);
        assert_eq!(found.sources.len(), fresh.sources.len());
        assert_eq!(again(text, &mut none).diagnostics, fresh.diagnostics);
        assert_eq!(told(kept), told(&none));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_after_others_is_compiled_as_if_it_were_the_first(
            base in prop::sample::select(&[PLAIN, LARGER, WITH_MODULES][..]),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, prop::sample::select(PIECES), any::<bool>()), 1..9),
        ) {
            let (mut kept, mut text) = (Kept::default(), base.to_owned());
            agree(&text, &mut kept);
            for (at, taken, put, back) in edits {
                let before = text.clone();
                let floor = |offset: usize| (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).expect("0 is one");
                let at = floor(at.index(text.len() + 1));
                let range = at..floor(at + taken).max(at);
                text.replace_range(range, put);
                agree(&text, &mut kept);
                if back {
                    text = before;
                    agree(&text, &mut kept);
                }
            }
        }
    }

    #[test]
    fn steps_that_stand_unchanged_are_taken_over() {
        let (mut kept, tree) = (Kept::default(), |text: &str| crate::syntax::read(crate::diag::FileId(0), text).0);
        again(PLAIN, &mut kept);
        let count = kept.steps.len();
        let typed = PLAIN.replacen("rule \"", "rule \"x", 1);
        let tree = tree(&typed);
        let workflow = tree.roots().next().expect("a workflow");
        let layers = workflow.children().filter_map(|block| Some((Layer::parse(block.name())?, block)));
        let nodes: Vec<(Layer, Node<'_>)> =
            layers.flat_map(|(layer, block)| block.children().map(move |node| (layer, node))).collect();
        let same = kept.same(&nodes);
        assert_eq!((same.front() + same.back(), nodes.len()), (count - 1, count));
    }
}
