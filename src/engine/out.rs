//! The pieces that are out, and what is known of how they stand in their channels.
//!
//! Every cycle hands on what went out in it and before, with the version under which each channel keeps it. Before a cycle opens,
//! channels are asked whether that has changed; what is found comes in as an operation, like everything that people do beside the
//! cycles. So a cycle and its replay know what was found and never ask a channel themselves.

use super::carry::Carry;
use super::cycle::Cycle;
use super::edits::text_name;
use super::entry::Entry;
use crate::base::{CycleNo, Digest, ItemId, StepId, Timestamp};
use crate::builtin::common::channels::READABLE;
use crate::model::found::{Change, Found, Words};
use crate::model::goods::{Placement, TextEdit};
use crate::model::{Good, GoodKind, Item};
use crate::stats::merge::merge;
use crate::step::{Publish, Reply, Request};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// So many pieces are looked after, the latest first.
const KEPT: usize = 300;

/// Whether readers find a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    #[default]
    Public,
    /// A person took it back.
    Withdrawn,
    /// A person threw it away.
    Gone,
}

impl Stands {
    fn is_public(&self) -> bool {
        *self == Stands::Public
    }
}

/// A piece that is out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Out {
    pub channel: String,
    pub title: String,
    /// What an edit of it is kept under: its topic, and for a version of a piece its name on a second line.
    pub topic: String,
    /// The step that wrote it; none for a version of a piece that an earlier version of loopctl sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<StepId>,
    /// The cycle whose journal has its text.
    pub cycle: CycleNo,
    pub placement: ItemId,
    pub location: String,
    /// Under which the channel keeps it, as far as it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Stands::is_public")]
    pub stands: Stands,
    /// The last words of a person that were found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Digest>,
}

/// The pieces by key.
pub type Outs = BTreeMap<String, Out>;

/// What one task sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub key: String,
    pub channel: String,
    pub location: String,
    pub version: Option<String>,
    pub at: Timestamp,
}

impl Sent {
    /// From a task's questions and answers.
    pub fn of<'a>(asked: impl Iterator<Item = (&'a Option<Box<Request>>, &'a Option<Reply>)>) -> Option<Sent> {
        asked.into_iter().find_map(|(request, reply)| match (request.as_deref(), reply) {
            (Some(Request::Publish(publish)), Some(Reply::Published(published))) => Some(Sent {
                key: publish.key.clone(),
                channel: publish.channel.clone(),
                location: published.location.clone(),
                version: published.version.clone(),
                at: published.at,
            }),
            _ => None,
        })
    }
}

/// A piece as it was sent, with what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct SentPiece {
    pub publish: Publish,
    pub placement: Placement,
}

/// The last text that went out under a key, from the entries of the cycle in which it did.
pub fn sent_piece(entries: &[Entry], key: &str) -> Option<SentPiece> {
    let (asked, publish) = entries.iter().rev().find_map(|entry| match entry {
        Entry::Asked { key: asked, request: Some(request), .. } => match request.as_ref() {
            Request::Publish(publish) if publish.key == key => Some((asked, publish)),
            _ => None,
        },
        _ => None,
    })?;
    let wanted = asked.task.item?;
    let placed = |item: &Item| match &item.good {
        Good::Placement(placement) if item.id == wanted => Some(placement.clone()),
        _ => None,
    };
    let placement = entries.iter().find_map(|entry| match entry {
        Entry::Done { items, .. } => items.iter().find_map(|item| placed(item)),
        Entry::Opened { carry, .. } => carry.ancestors.iter().chain(carry.deferred.values().flatten()).find_map(placed),
        _ => None,
    })?;
    Some(SentPiece { publish: publish.clone(), placement })
}

impl Carry {
    /// Takes in what was found in a channel.
    pub(super) fn found(&mut self, found: &Found) {
        let before = self.out.get(&found.key).and_then(|out| out.words);
        if let Some(out) = self.out.get_mut(&found.key) {
            out.location.clone_from(&found.location);
            if found.version.is_some() {
                out.version.clone_from(&found.version);
            }
            match &found.change {
                Change::Edited(words) => {
                    out.title.clone_from(&found.title);
                    out.words = Some(Digest::of(&words.edit.after));
                    out.stands = Stands::Public;
                }
                Change::Withdrawn => out.stands = Stands::Withdrawn,
                Change::Gone => out.stands = Stands::Gone,
                Change::Back => out.stands = Stands::Public,
            }
        }
        let Change::Edited(words) = &found.change else { return };
        let Some(step) = &words.step else { return };
        let topics = self.edits.entry(step.clone()).or_default();
        let edit = match topics.get(&words.topic) {
            // What is known are their own earlier words in this place, so that these are all of them.
            Some(known) if before == Some(Digest::of(&known.after)) => {
                TextEdit { before: known.before.clone(), at: words.edit.at.max(known.at), ..words.edit.clone() }
            }
            Some(known) => joined(known, words),
            None => words.edit.clone(),
        };
        topics.insert(words.topic.clone(), edit);
    }
}

/// Both what a person wrote into an earlier version of the piece, or on another channel, and what was found now, which is later.
fn joined(known: &TextEdit, words: &Words) -> TextEdit {
    let after = merge(words.sent(), &known.after, &words.edit.after).text;
    TextEdit { before: known.before.clone(), after, at: words.edit.at.max(known.at), ..words.edit.clone() }
}

impl Cycle {
    /// The pieces that the next cycle knows of: those of earlier ones, and what went out in this one.
    pub(super) fn out_now(&self) -> Outs {
        let fold = &self.fold;
        let mut outs = fold.carry.out.clone();
        for at in 0..fold.tasks.len() {
            let task = fold.tasks.get(at);
            let (Some(sent), Some(item)) = (task.sent.as_ref(), task.inputs.first()) else { continue };
            let Good::Placement(placement) = &item.good else { continue };
            // What nobody can look at again is not looked after.
            let channel = fold.shape.workflow.channels.get(&sent.channel);
            if !channel.is_some_and(|channel| READABLE.contains(&channel.kind.as_str())) {
                continue;
            }
            let (writer, name) = self.written_behind(item);
            let out = Out {
                channel: sent.channel.clone(),
                title: placement.draft.title.clone(),
                topic: name.unwrap_or_else(|| placement.draft.brief.topic.clone()),
                writer,
                cycle: fold.pins.cycle,
                placement: item.id,
                location: sent.location.clone(),
                version: sent.version.clone(),
                at: sent.at,
                stands: Stands::Public,
                words: None,
            };
            outs.insert(sent.key.clone(), out);
        }
        if outs.len() > KEPT {
            let mut times: Vec<Timestamp> = outs.values().map(|out| out.at).collect();
            times.sort_unstable();
            let oldest = times[times.len() - KEPT];
            outs.retain(|_, out| out.at >= oldest);
        }
        outs
    }

    /// The step that wrote what a placement sends, and what an edit of that is kept under.
    fn written_behind(&self, placed: &Item) -> (Option<StepId>, Option<String>) {
        let (mut waiting, mut seen) = (placed.parents.clone(), BTreeSet::new());
        while let Some(id) = waiting.pop() {
            let Some(item) = self.fold.items.get(&id).filter(|_| seen.insert(id)) else { continue };
            match item.kind() {
                GoodKind::Draft | GoodKind::Asset => return (self.writer_of(item), text_name(&item.good)),
                GoodKind::Placement => waiting.extend(&item.parents),
                _ => {}
            }
        }
        (None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;

    const SENT: &str = "First words.\n\nMiddle words.\n\nLast words.";

    fn out(channel: &str) -> Out {
        Out {
            channel: channel.to_owned(),
            title: "t".to_owned(),
            topic: "a".to_owned(),
            writer: Some(StepId::new("drafts")),
            cycle: CycleNo(1),
            placement: ItemId(Digest::of("p")),
            location: "there".to_owned(),
            version: Some("1".to_owned()),
            at: Timestamp(0),
            stands: Stands::Public,
            words: None,
        }
    }

    fn carry() -> Carry {
        Carry { out: [("k1".to_owned(), out("blog")), ("k2".to_owned(), out("site"))].into(), ..Carry::default() }
    }

    fn found(key: &str, at: i64, change: Option<&str>) -> Found {
        let words = |after: &str| {
            let edit = TextEdit {
                of: GoodKind::Draft,
                by: "somebody in Ghost".to_owned(),
                at: Timestamp(at),
                before: SENT.to_owned(),
                after: after.to_owned(),
            };
            Words { step: Some(StepId::new("drafts")), topic: "a".to_owned(), edit, sent: None, html: 0 }
        };
        Found {
            key: key.to_owned(),
            channel: "blog".to_owned(),
            title: "t".to_owned(),
            location: "there".to_owned(),
            version: Some(at.to_string()),
            change: change.map_or(Change::Gone, |after| Change::Edited(Box::new(words(after)))),
        }
    }

    fn edit(carry: &Carry) -> &str {
        &carry.edits[&StepId::new("drafts")]["a"].after
    }

    #[test]
    fn what_people_wrote_on_two_channels_is_both_kept() {
        let mut carry = carry();
        let first = SENT.replace("First", "Ann's first");
        carry.found(&found("k1", 1, Some(&first)));
        assert_eq!(edit(&carry), first);
        carry.found(&found("k2", 2, Some(&SENT.replace("Last", "Bob's last"))));
        assert_eq!(edit(&carry), first.replace("Last", "Bob's last"));
        assert_eq!((carry.out["k1"].version.as_deref(), carry.out["k2"].version.as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn who_takes_their_own_words_back_has_taken_them_back() {
        let mut carry = carry();
        carry.found(&found("k1", 1, Some(&SENT.replace("First", "Ann's first"))));
        carry.found(&found("k1", 2, Some(SENT)));
        assert_eq!(edit(&carry), SENT);
    }

    #[test]
    fn a_piece_that_is_gone_is_no_edit_and_its_place_is_known() {
        let mut carry = carry();
        carry.found(&found("k1", 1, None));
        assert!(carry.edits.is_empty());
        assert_eq!((carry.out["k1"].stands, carry.out["k2"].stands), (Stands::Gone, Stands::Public));
        carry.found(&Found { change: Change::Back, ..found("k1", 2, None) });
        assert_eq!(carry.out["k1"].stands, Stands::Public);
    }
}
