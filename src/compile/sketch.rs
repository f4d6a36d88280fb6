//! What the compiler knows while it works: the workflow with its places in the file and with what could not be understood marked,
//! so that one mistake is not reported a second time as its own consequence.

use super::decode::Reference;
use crate::base::{Digest, StepId};
use crate::diag::Span;
use crate::model::{Cap, Config, GoodKind, Layer};
use crate::step::{ConnectorSpec, KindSpec, Mode, StepKind};
use std::collections::BTreeMap;

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
    pub carries: Option<Vec<GoodKind>>,
}

/// A step on its way from text to value.
pub(super) struct StepSketch {
    pub id: StepId,
    pub layer: Layer,
    pub verb: String,
    pub connector: Option<String>,
    /// `None` when the verb or its connector is unknown.
    pub kind: Option<&'static dyn StepKind>,
    pub config: Config,
    pub caps: Vec<(Cap, Span)>,
    pub wires: Vec<WireSketch>,
    pub references: Vec<Reference>,
    pub files: BTreeMap<String, Digest>,
    /// Steps it reads without a wire, by a name in its settings.
    pub reads: Vec<usize>,
    /// The step, the parameter and the place of each parameter it tunes.
    pub tunes: Vec<(usize, String, Span)>,
    pub name_span: Span,
    pub head_span: Span,
    pub span: Span,
    /// Something in it is wrong, so consequences are not reported.
    pub broken: bool,
    /// It stands in a layer where it cannot, so nothing is said about its order.
    pub misplaced: bool,
}

impl StepSketch {
    pub fn spec(&self) -> Option<&'static KindSpec> {
        self.kind.map(|kind| kind.spec())
    }

    pub fn is(&self, property: impl Fn(&KindSpec) -> bool) -> bool {
        self.spec().is_some_and(property)
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

/// A layer block.
pub(super) struct LayerSketch {
    pub layer: Layer,
    pub head_span: Span,
    pub steps: usize,
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
    /// Step numbers by name; the first of two with one name.
    pub by_name: BTreeMap<String, usize>,
    pub providers: BTreeMap<String, DoorSketch>,
    pub channels: BTreeMap<String, DoorSketch>,
    pub templates: BTreeMap<String, String>,
    /// Who reads each step: wires the other way round, and names in settings. Filled by `resolve`.
    pub readers: Vec<Vec<usize>>,
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

    /// Some step was not understood at all.
    pub fn has_unknown_kinds(&self) -> bool {
        self.steps.iter().any(|step| step.kind.is_none())
    }

    /// Some name could not be resolved at all, so a step that seems to be read by nobody may have been meant.
    pub fn has_loose_wires(&self) -> bool {
        self.has_unknown_kinds() || self.steps.iter().any(|step| step.wires.iter().any(|wire| wire.from.is_none()))
    }
}
