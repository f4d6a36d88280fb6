//! The six layers of the loop, in the order a cycle walks them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A layer. The order is the order of the loop; layer 6 feeds layer 1 of the next cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    Intelligence,
    Strategy,
    Production,
    Distribution,
    Conversion,
    Learning,
}

impl Layer {
    pub const ALL: [Layer; 6] =
        [Layer::Intelligence, Layer::Strategy, Layer::Production, Layer::Distribution, Layer::Conversion, Layer::Learning];

    /// From 1 to 6.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// As written in a workflow.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Intelligence => "intelligence",
            Layer::Strategy => "strategy",
            Layer::Production => "production",
            Layer::Distribution => "distribution",
            Layer::Conversion => "conversion",
            Layer::Learning => "learning",
        }
    }

    /// As shown to people.
    pub fn title(self) -> &'static str {
        match self {
            Layer::Intelligence => "Intelligence",
            Layer::Strategy => "Strategy",
            Layer::Production => "Production",
            Layer::Distribution => "Distribution",
            Layer::Conversion => "Conversion",
            Layer::Learning => "Learning",
        }
    }

    pub fn parse(name: &str) -> Option<Layer> {
        Layer::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}
