//! What the compiler knows while it works: the workflow with its places in the file and with what could not be understood marked,
//! so that one mistake is not reported a second time as its own consequence.

use super::decode::Reference;
use super::kept::Reading;
use crate::base::{Digest, StepId};
use crate::diag::Span;
use crate::model::{Cap, Config, Kinds, Layer};
use crate::step::{ConnectorSpec, KindSpec, Mode, StepKind, ValueType};
use crate::syntax::Node;
use std::borrow::{Borrow, Cow};
use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

/// One name after `from`.
#[derive(Clone, Debug)]
pub(super) struct WireSketch {
    pub name: String,
    pub span: Span,
    /// The number of the step that is meant.
    pub from: Option<usize>,
    /// The name was misspelled and `from` is the nearest one: good enough to see what is connected, not to complain about types.
    pub guessed: bool,
    /// What flows; `None` when it cannot be known because something before it is wrong.
    pub carries: Option<Kinds>,
}

/// A step on its way from text to value.
pub(super) struct StepSketch {
    pub id: StepId,
    pub layer: Layer,
    pub verb: Cow<'static, str>,
    pub connector: Option<String>,
    /// `None` when the verb or its connector is unknown.
    pub kind: Option<&'static dyn StepKind>,
    pub config: Config,
    pub caps: Vec<(Cap, Span)>,
    pub priority: i64,
    pub wires: Vec<WireSketch>,
    pub references: Vec<Reference>,
    pub files: BTreeMap<String, Digest>,
    /// Steps it reads without a wire, by a name in its settings.
    pub reads: Vec<usize>,
    /// The steps that read it in the next cycle, and where it names them.
    pub hands: Vec<(usize, Span)>,
    /// The step, the parameter and the place of each parameter it tunes.
    pub tunes: Vec<(usize, String, Span)>,
    pub name_span: Span,
    pub head_span: Span,
    pub span: Span,
    /// Something in it is wrong, so consequences are not reported.
    pub broken: bool,
    /// It stands in a layer where it cannot, so nothing is said about its order.
    pub misplaced: bool,
    /// Its block holds a node that nobody knows, which may have been meant for one that is missing.
    pub has_strangers: bool,
    /// How it was read, when that is kept for the next compilation.
    pub reading: Option<Reading>,
}

impl StepSketch {
    pub fn spec(&self) -> Option<&'static KindSpec> {
        self.kind.map(|kind| kind.spec())
    }

    pub fn is(&self, property: impl Fn(&KindSpec) -> bool) -> bool {
        self.spec().is_some_and(property)
    }

    /// Its wires may stand in a node that was not understood.
    pub fn lacks_wires(&self) -> bool {
        self.has_strangers && self.wires.is_empty() && !self.is_source()
    }

    pub fn is_source(&self) -> bool {
        self.is(|spec| spec.mode == Mode::Source)
    }

    /// `score "opportunities"`, as people find it in the file.
    pub fn title(&self) -> String {
        format!("{} \"{}\"", self.verb, self.id)
    }
}

/// A provider or a channel on its way.
pub(super) struct DoorSketch {
    pub name: String,
    pub kind: Option<&'static ConnectorSpec>,
    pub config: Config,
    pub references: Vec<Reference>,
    pub name_span: Span,
    pub used: bool,
    pub broken: bool,
}

/// Step numbers by name; the first of two with one name. Looked up for every wire, so it is hashed; whoever wants to see them all gets them
/// in the order of the alphabet.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<Name, usize>,
    sorted: OnceCell<Vec<StepId>>,
}

/// An id that is found by its text.
#[derive(PartialEq, Eq)]
struct Name(StepId);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl Names {
    pub fn get(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Keeps a name; when it has been kept before, gives the number it has. Nothing may have looked at [`Names::sorted`] yet.
    pub fn insert(&mut self, name: StepId, number: usize) -> Option<usize> {
        match self.numbers.entry(Name(name)) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(number);
                None
            }
        }
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn sorted(&self) -> impl Iterator<Item = &str> {
        let sorted = self.sorted.get_or_init(|| {
            let mut names: Vec<StepId> = self.numbers.keys().map(|name| name.0.clone()).collect();
            names.sort_unstable();
            names
        });
        sorted.iter().map(StepId::as_str)
    }
}

/// A list of step numbers for each step, all in one piece of memory.
#[derive(Default)]
pub(super) struct Lists {
    /// Where the list of each step ends; it starts where the one before it ends.
    ends: Vec<usize>,
    numbers: Vec<usize>,
}

impl Lists {
    /// From pairs of a step and a number of its list; each list has the order of the pairs.
    pub fn new(count: usize, pairs: impl Iterator<Item = (usize, usize)> + Clone) -> Lists {
        let mut ends = vec![0; count + 1];
        pairs.clone().for_each(|(step, _)| ends[step + 1] += 1);
        (0..count).for_each(|step| ends[step + 1] += ends[step]);
        let mut numbers = vec![0; ends[count]];
        for (step, number) in pairs {
            // Until the list is full this is where its next number goes; then it is where it ends.
            numbers[ends[step]] = number;
            ends[step] += 1;
        }
        ends.pop();
        Lists { ends, numbers }
    }

    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.ends.len()).map(|step| &self[step])
    }
}

impl std::ops::Index<usize> for Lists {
    type Output = [usize];

    fn index(&self, step: usize) -> &[usize] {
        let start = step.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start..self.ends[step]]
    }
}

/// A layer block.
pub(super) struct LayerSketch {
    pub layer: Layer,
    pub head_span: Span,
    pub steps: usize,
}

/// Nodes of the workflow that nobody knows, each of which has been said. What they define may be what is named elsewhere.
#[derive(Default)]
pub(super) struct Strangers {
    is_any: bool,
    names: BTreeSet<String>,
}

impl Strangers {
    pub fn add(&mut self, node: Node<'_>) {
        self.is_any = true;
        let named = [node].into_iter().chain(node.children()).filter_map(|node| Some(node.arg(0)?.value().text()?.to_owned()));
        self.names.extend(named);
    }

    pub fn is_any(&self) -> bool {
        self.is_any
    }

    /// Whether one of them, or something in its block, has this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// The whole workflow on its way.
pub(super) struct Sketch {
    pub name: String,
    pub name_span: Span,
    pub head_span: Span,
    pub phase: Option<i64>,
    /// The decoded settings: children of this node.
    pub settings: Config,
    pub references: Vec<Reference>,
    pub caps: Vec<(Cap, Span)>,
    pub layers: Vec<LayerSketch>,
    pub steps: Vec<StepSketch>,
    pub by_name: Names,
    pub providers: BTreeMap<String, DoorSketch>,
    pub channels: BTreeMap<String, DoorSketch>,
    pub templates: BTreeMap<String, String>,
    /// What stands in the workflow and is neither a setting nor a layer.
    pub strangers: Strangers,
    /// Who reads each step: wires the other way round, and names in settings. Filled by `resolve`.
    pub readers: Lists,
    /// Step numbers so that a step stands behind those it takes from, but for the wire that closes a circle. Filled by `flow`.
    pub order: Vec<usize>,
}

impl Sketch {
    pub fn has(&self, layer: Layer) -> bool {
        self.layers.iter().any(|block| block.layer == layer && block.steps > 0)
    }

    /// Whether the file says that this layer is missing on purpose.
    pub fn is_without(&self, layer: Layer) -> bool {
        self.settings.texts("without").contains(&layer.name())
    }

    /// Whether a name is that of something of its sort.
    pub fn knows(&self, ty: ValueType, name: &str) -> bool {
        match ty {
            ValueType::Provider => self.providers.contains_key(name),
            ValueType::Channel => self.channels.contains_key(name),
            _ => self.by_name.get(name.split('.').next().unwrap_or(name)).is_some(),
        }
    }

    /// Some step was not understood at all.
    pub fn has_unknown_kinds(&self) -> bool {
        self.strangers.is_any() || self.steps.iter().any(|step| step.kind.is_none())
    }

    /// Some name could not be resolved at all, so a step that seems to be read by nobody may have been meant.
    pub fn has_loose_wires(&self) -> bool {
        let is_loose = |step: &StepSketch| step.lacks_wires() || step.wires.iter().any(|wire| wire.from.is_none());
        self.has_unknown_kinds() || self.steps.iter().any(is_loose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_list_in_order() {
        let pairs = [(3, 1), (0, 2), (3, 0), (1, 4), (3, 9)];
        let lists = Lists::new(5, pairs.into_iter());
        let all: Vec<&[usize]> = lists.iter().collect();
        assert_eq!(all, [&[2][..], &[4], &[], &[1, 0, 9], &[]]);
        assert_eq!(Lists::new(0, std::iter::empty()).iter().count(), 0);
    }

    #[test]
    fn names_are_seen_in_the_order_of_the_alphabet() {
        let mut names = Names::default();
        for (number, name) in ["b", "c", "a"].into_iter().enumerate() {
            assert_eq!(names.insert(name.into(), number), None);
        }
        assert_eq!(names.insert("c".into(), 9), Some(1));
        assert_eq!(names.sorted().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((names.get("c"), names.get("d"), names.len()), (Some(1), None, 3));
    }
}
