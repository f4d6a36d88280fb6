//! What `vary`, `personalize` and `adapt` share: the piece they take, the checks on what they make, and the asset at the end.

use super::checks::{self, CHECKS, Subject};
use super::writing;
use crate::base::ItemId;
use crate::model::goods::{Asset, Draft, Finding, Revision, Version, Writer};
use crate::model::{Good, Item};
use crate::step::{ArgSpec, NodeSpec, StepContext, StepError, ValueType};
use std::collections::BTreeSet;

pub(super) const CHECK: NodeSpec = NodeSpec {
    name: "check",
    args: &[ArgSpec { name: "name", ty: ValueType::Choice(CHECKS), required: true }],
    rest: Some(ValueType::Choice(CHECKS)),
    doc: "Checks to run on each version.",
    example: r#"check "forbidden" "grounding""#,
    ..NodeSpec::EMPTY
};

pub(super) const REPAIR: NodeSpec =
    NodeSpec::value("repair", ValueType::Integer, "How often a model is asked again for a version that has faults.", "repair 2")
        .or("2");

/// The piece that versions are made of.
pub struct Source<'a> {
    pub item: &'a Item,
    pub draft: &'a Draft,
    /// Which version it is itself; without a name when it is the piece.
    pub version: Version,
    /// What a person has approved of it: those words need no source.
    approved: String,
}

impl<'a> Source<'a> {
    /// # Errors
    /// When the step was given anything but one piece.
    pub fn of(cx: &StepContext<'a>, verb: &str) -> Result<Source<'a>, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("versions are made of one piece at a time")) };
        let draft = item.good.piece().ok_or_else(|| StepError::new(format!("cannot {verb} a {}", item.kind())))?;
        Ok(Source { item, draft, version: item.good.version().cloned().unwrap_or_default(), approved: approved(cx, item) })
    }

    /// What the named checks find in a version.
    pub fn findings(&self, cx: &StepContext<'_>, text: &str, platform: Option<&str>) -> Vec<Finding> {
        let subject = Subject { text, brief: &self.draft.brief, approved: &self.approved, client_os: cx.client_os, platform };
        checks::run(&cx.config().texts("check"), &subject)
    }

    /// The finished version: the same brief and provenance, its own words and writer.
    pub fn asset(&self, version: Version, text: String, findings: Vec<Finding>, writer: Writer) -> Asset {
        let draft = self.draft;
        Asset {
            draft: Draft {
                title: writing::title_of(&text).unwrap_or_else(|| draft.title.clone()),
                text,
                brief: draft.brief.clone(),
                provenance: draft.provenance.clone(),
                writer: Box::new(writer),
                revision: Revision::Generated,
                findings,
                judged: None,
                approved_by: None,
                outline_by: draft.outline_by.clone(),
                outline_edited: draft.outline_edited || matches!(draft.revision, Revision::Edited { .. }),
            },
            version,
        }
    }
}

/// The words of a piece that a person has approved or written, in it or in what it was made from.
pub fn approved(cx: &StepContext<'_>, item: &Item) -> String {
    let mut words = Vec::new();
    let mut look = |good: &Good| match good {
        Good::Outline(outline) => words.push(outline.text.clone()),
        good => {
            let decided = |draft: &&Draft| draft.approved_by.is_some() || matches!(draft.revision, Revision::Edited { .. });
            words.extend(good.piece().filter(decided).map(|draft| draft.text.clone()));
        }
    };
    look(&item.good);
    let mut seen: BTreeSet<ItemId> = BTreeSet::new();
    let mut left = item.parents.clone();
    while let Some(id) = left.pop() {
        let Some(parent) = cx.lineage.item(&id).filter(|_| seen.insert(id)) else { continue };
        look(&parent.good);
        if parent.good.piece().is_some() {
            left.extend(&parent.parents);
        }
    }
    words.join("\n")
}

/// A name as part of an id: lower case, words joined by `-`.
pub fn slug(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}
