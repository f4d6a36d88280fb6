//! The goods that flow between steps, one a file.

pub mod allocation;
pub mod amendment;
pub mod asset;
pub mod brief;
pub mod draft;
pub mod event;
pub mod events;
pub mod insight;
pub mod lead;
pub mod opportunity;
pub mod outline;
pub mod placement;
pub mod provenance;
pub mod receipt;
pub mod rejection;
pub mod report;
pub mod scenario;
pub mod signal;
mod stored_events;
pub mod words;

pub use allocation::{Allocation, Estimate, Held, HeldOutError, Share, Way};
pub use amendment::{Amendment, Change, Edit, Effect, Measure, Questioned, Target};
pub use asset::{Asset, Version};
pub use brief::{Brief, Claim, Wish};
pub use draft::{Draft, Finding, Judgement};
pub use event::Event;
pub use events::{Batch, Events, Row};
pub use insight::{Insight, Subject, Verdict};
pub use lead::{Lead, Reason};
pub use opportunity::{Opportunity, RuleScore};
pub use outline::{Outline, Revision, TextEdit, share_changed};
pub use placement::Placement;
pub use provenance::{Provenance, Writer};
pub use receipt::Receipt;
pub use rejection::Rejection;
pub use report::Report;
pub use scenario::{Course, Scenario};
pub use signal::{Evidence, Fact, Point, Signal, SignalKind};

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! goods {
    ($($(#[$doc:meta])* $name:ident($type:ty) = $word:literal),+ $(,)?) => {
        /// One good of any kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Good { $($(#[$doc])* $name($type)),+ }

        /// The kinds of goods, as wires and specs name them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum GoodKind { $($(#[$doc])* $name),+ }

        impl Good {
            pub fn kind(&self) -> GoodKind {
                match self { $(Good::$name(_) => GoodKind::$name),+ }
            }
        }

        impl GoodKind {
            pub const ALL: &'static [GoodKind] = &[$(GoodKind::$name),+];

            /// As people read it: `signal`.
            pub fn name(self) -> &'static str {
                match self { $(GoodKind::$name => $word),+ }
            }
        }

        $(impl From<$type> for Good {
            fn from(good: $type) -> Good {
                Good::$name(good)
            }
        })+
    };
}

goods! {
    /// Market evidence.
    Signal(Signal) = "signal",
    /// A batch of things that people did.
    Events(Events) = "event",
    /// A scored chance to write something worth reading.
    Opportunity(Opportunity) = "opportunity",
    /// A research brief whose claims cite signals.
    Brief(Brief) = "brief",
    /// The plan of a piece, to be approved by a person.
    Outline(Outline) = "outline",
    /// The written piece.
    Draft(Draft) = "draft",
    /// A version of a piece: a variant, an audience's, a platform's.
    Asset(Asset) = "asset",
    /// A piece assigned to a channel.
    Placement(Placement) = "placement",
    /// Proof that a placement went out.
    Receipt(Receipt) = "receipt",
    /// A person or company that may buy.
    Lead(Lead) = "lead",
    /// Something learned, with its uncertainty.
    Insight(Insight) = "insight",
    /// What a cycle has to say to people.
    Report(Report) = "report",
    /// What a person turned down at a gate.
    Rejection(Rejection) = "rejection",
    /// A change that is proposed to the Client OS.
    Amendment(Amendment) = "amendment",
    /// A division of a budget, with what it is expected to bring.
    Allocation(Allocation) = "allocation",
    /// What several divisions would do in many possible futures.
    Scenario(Scenario) = "scenario",
}

impl fmt::Display for GoodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Good {
    /// The written piece in it, whatever version or place of it this is.
    pub fn piece(&self) -> Option<&Draft> {
        match self {
            Good::Draft(draft) => Some(draft),
            Good::Asset(asset) => Some(&asset.draft),
            Good::Placement(placement) => Some(&placement.draft),
            _ => None,
        }
    }

    /// Which version of a piece it is; nothing for what has no versions, and for the piece itself.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Good::Asset(asset) => Some(&asset.version),
            Good::Placement(placement) => placement.version.as_ref(),
            _ => None,
        }
    }

    /// A short name for lists and traces.
    pub fn title(&self) -> String {
        match self {
            Good::Signal(signal) => signal.title.quoted(80),
            Good::Events(events) => format!("{} events", events.len()),
            Good::Opportunity(opportunity) => opportunity.title.clone(),
            Good::Brief(brief) => brief.title.clone(),
            Good::Outline(outline) => outline.title.clone(),
            Good::Draft(draft) => draft.title.clone(),
            Good::Asset(asset) => format!("{} ({})", asset.draft.title, asset.version.name),
            Good::Placement(placement) => match &placement.version {
                Some(version) => format!("{} ({}) → {}", placement.draft.title, version.name, placement.channel),
                None => format!("{} → {}", placement.draft.title, placement.channel),
            },
            Good::Receipt(receipt) => format!("{} → {}", receipt.title, receipt.location),
            Good::Lead(lead) => lead.who.clone(),
            Good::Insight(insight) => insight.says.clone(),
            Good::Report(report) => report.title.clone(),
            Good::Rejection(rejection) => rejection.title.clone(),
            Good::Amendment(amendment) => amendment.title.clone(),
            Good::Allocation(allocation) => allocation.says.clone(),
            Good::Scenario(scenario) => scenario.says.clone(),
        }
    }
}
