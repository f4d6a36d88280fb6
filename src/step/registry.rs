//! The kinds a build knows. `builtin::registry()` fills it; tests may make smaller ones.

use super::{ConnectorSpec, StepKind};

/// All step kinds, provider kinds and channel kinds.
pub struct Registry {
    pub kinds: Vec<&'static dyn StepKind>,
    pub providers: &'static [ConnectorSpec],
    pub channels: &'static [ConnectorSpec],
}

impl Registry {
    /// The kind of a verb and its connector (`None` for verbs without connectors).
    pub fn find(&self, verb: &str, connector: Option<&str>) -> Option<&'static dyn StepKind> {
        self.kinds.iter().copied().find(|kind| kind.spec().verb == verb && kind.spec().connector == connector)
    }

    /// All kinds of a verb; more than one for verbs with connectors.
    pub fn of_verb<'a>(&'a self, verb: &'a str) -> impl Iterator<Item = &'static dyn StepKind> + 'a {
        self.kinds.iter().copied().filter(move |kind| kind.spec().verb == verb)
    }

    /// Verbs in registry order, each once.
    pub fn verbs(&self) -> Vec<&'static str> {
        let mut verbs = Vec::new();
        for kind in &self.kinds {
            if !verbs.contains(&kind.spec().verb) {
                verbs.push(kind.spec().verb);
            }
        }
        verbs
    }

    pub fn provider(&self, kind: &str) -> Option<&'static ConnectorSpec> {
        self.providers.iter().find(|spec| spec.kind == kind)
    }

    pub fn channel(&self, kind: &str) -> Option<&'static ConnectorSpec> {
        self.channels.iter().find(|spec| spec.kind == kind)
    }
}
