//! Looking back: before a cycle opens, channels are asked how the pieces stand that went out on them.
//!
//! ```text
//!   carry ─► pieces that are out ─► World::look ─► what differs ─► an operation in the journal ─► the next cycle is pinned to it
//! ```
//! It is a safe moment: nothing of the next cycle has been made yet, so what a person wrote in a channel is in its first text. What is
//! found is on the disk before anything uses it, and a replay takes it from there. A channel that cannot be read changes nothing; it
//! is asked again before the next cycle.

use super::doors::{Clock, Journal, JournalError, World};
use crate::base::{CycleNo, Digest, InOrder, Timestamp};
use crate::builtin::distribution::untagged;
use crate::engine::{Out, Outs, Stands, sent_piece};
use crate::model::found::{Change, Found, Words, somebody_in};
use crate::model::goods::{Draft, GoodKind, Revision, TextEdit};
use crate::model::{Act, Operation, Workflow};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// So many pieces are asked about at once.
const AT_ONCE: usize = 8;
/// All looking together takes no longer; the rest is looked at before the next cycle.
const LONGEST: Duration = Duration::from_secs(60);

/// A question about one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub channel: String,
    pub key: String,
    pub location: String,
    /// The version that is known: when it is still that one, nothing more is asked.
    pub version: Option<String>,
    /// What went out. With it the answer has the words that stand there.
    pub sent: Option<SentText>,
}

/// A title and a text, as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentText {
    pub title: String,
    pub text: String,
}

/// How a piece stands in its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What goes out on this channel cannot be read back.
    Unknown,
    /// It cannot be read now, and why.
    Unreadable(String),
    /// As it was known.
    Same,
    Changed(Box<StandingText>),
    /// It is there, and readers do not see it.
    Withdrawn,
    Gone,
}

/// A piece that stands there under another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingText {
    pub location: String,
    pub version: Option<String>,
    /// When the channel says it was changed last.
    pub modified: Option<Timestamp>,
    pub title: String,
    /// As Markdown. What was not changed is there word for word as it was sent.
    pub text: String,
    /// So many passages are HTML, because no Markdown comes out the same.
    pub html: u32,
}

/// A channel that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub channel: String,
    pub why: String,
}

/// What to look at, and by whom.
pub struct LookBack<'a> {
    pub workflow: &'a Workflow,
    pub world: Arc<dyn World>,
    pub clock: &'a dyn Clock,
    /// What the next cycle would know of pieces that are out.
    pub outs: Outs,
    /// The newest cycle.
    pub cycle: CycleNo,
}

/// Asks all channels, and keeps what is found. It is on the disk when this returns.
///
/// # Errors
/// When the journal cannot be read or written.
pub async fn look_back(back: LookBack<'_>, journal: &mut dyn Journal) -> Result<Vec<Unread>, JournalError> {
    let LookBack { workflow, world, clock, outs, cycle } = back;
    let mut unread = BTreeMap::new();
    let newest_first = |outs: &Outs| {
        let mut keys: Vec<(String, Out)> = outs.iter().map(|(key, out)| (key.clone(), out.clone())).collect();
        keys.order_by(|(a_key, a), (b_key, b)| b.at.cmp(&a.at).then_with(|| a_key.cmp(b_key)));
        keys
    };
    let asked = newest_first(&outs).into_iter().filter(|(_, out)| workflow.channels.contains_key(&out.channel));
    let looks = asked.map(|(key, out)| look_at(&key, &out, None)).collect();
    let until = tokio::time::Instant::now() + LONGEST;
    let answers = ask(&world, looks, until, &mut unread).await;
    let mut closer = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    for (look, standing) in answers {
        let Some(out) = outs.get(&look.key) else { continue };
        let found_as = |change, title: &str, text: Option<&StandingText>| Found {
            key: look.key.clone(),
            channel: look.channel.clone(),
            title: title.to_owned(),
            location: text.map_or_else(|| out.location.clone(), |text| text.location.clone()),
            version: text.and_then(|text| text.version.clone()),
            change,
        };
        match standing {
            Standing::Unknown | Standing::Unreadable(_) => {}
            Standing::Gone if out.stands == Stands::Gone => {}
            Standing::Gone => found.push(found_as(Change::Gone, &out.title, None)),
            Standing::Withdrawn if out.stands == Stands::Withdrawn => {}
            Standing::Withdrawn => found.push(found_as(Change::Withdrawn, &out.title, None)),
            Standing::Same | Standing::Changed(_) => {
                if out.stands != Stands::Public {
                    found.push(found_as(Change::Back, &out.title, None));
                }
                if matches!(standing, Standing::Changed(_)) {
                    closer.push((look.key, out));
                }
            }
        }
    }
    let mut sent = BTreeMap::new();
    let mut looks = Vec::new();
    for (key, out) in closer {
        // Of a cycle that is not kept any more there is nothing to compare with.
        let Some(piece) = sent_piece(&journal.read(&workflow.id, out.cycle)?, &key) else { continue };
        let text = SentText { title: piece.publish.title.clone(), text: piece.publish.text.clone() };
        looks.push(look_at(&key, out, Some(text)));
        sent.insert(key, piece);
    }
    for (look, standing) in ask(&world, looks, until, &mut unread).await {
        let (Standing::Changed(text), Some(piece), Some(out)) = (standing, sent.get(&look.key), outs.get(&look.key)) else {
            continue;
        };
        let Some(words) = words(&look.key, out, &piece.placement.draft, &text, clock.now()) else { continue };
        found.push(Found {
            key: look.key.clone(),
            channel: look.channel.clone(),
            title: text.title.clone(),
            location: text.location.clone(),
            version: text.version.clone(),
            change: Change::Edited(Box::new(Words {
                edit: TextEdit { by: who(workflow, &look.channel), ..words.edit },
                ..words
            })),
        });
    }
    found.order_by(|a, b| a.key.cmp(&b.key));
    for found in found {
        let by = who(workflow, &found.channel);
        let operation = Operation { at: clock.now(), by, cycle, act: Act::Found(Box::new(found)) };
        journal.operate(&workflow.id, &operation)?;
    }
    Ok(unread.into_iter().map(|(channel, why)| Unread { channel, why }).collect())
}

fn who(workflow: &Workflow, channel: &str) -> String {
    somebody_in(workflow.channels.get(channel).map_or("", |channel| channel.kind.as_str()), channel)
}

fn look_at(key: &str, out: &Out, sent: Option<SentText>) -> Look {
    Look { channel: out.channel.clone(), key: key.to_owned(), location: out.location.clone(), version: out.version.clone(), sent }
}

/// A few at a time. A channel that cannot be read is not asked about its other pieces.
async fn ask(
    world: &Arc<dyn World>,
    looks: Vec<Look>,
    until: tokio::time::Instant,
    unread: &mut BTreeMap<String, String>,
) -> Vec<(Look, Standing)> {
    let mut left = looks.into_iter();
    let mut running = JoinSet::new();
    let mut answers = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(look) = left.find(|look| !unread.contains_key(&look.channel))
        {
            let world = world.clone();
            running.spawn(async move {
                let standing = world.look(&look).await;
                (look, standing)
            });
        }
        match tokio::time::timeout_at(until, running.join_next()).await {
            Ok(None) => return answers,
            Ok(Some(Ok((look, standing)))) => {
                if let Standing::Unreadable(why) = &standing {
                    unread.entry(look.channel.clone()).or_insert_with(|| why.clone());
                }
                answers.push((look, standing));
            }
            // It broke off inside loopctl; the next opening asks again.
            Ok(Some(Err(_))) => {}
            Err(_) => {
                let rest = left.map(|look| look.channel);
                rest.for_each(|channel| {
                    unread.entry(channel).or_insert_with(|| format!("it did not answer within {} s", LONGEST.as_secs()));
                });
                running.abort_all();
                return answers;
            }
        }
    }
}

/// What a person made of a piece, as an edit of what a step wrote. `None` when the words are those that are known.
fn words(key: &str, out: &Out, draft: &Draft, found: &StandingText, now: Timestamp) -> Option<Words> {
    let after = untagged(&found.text, key);
    if after.trim_end() == draft.text.trim_end() && out.words.is_none() || out.words == Some(Digest::of(&after)) {
        return None;
    }
    let (before, earlier) = match &draft.revision {
        Revision::Edited { before, at, .. } => (before.clone(), Some(*at)),
        Revision::Generated => (draft.text.clone(), None),
    };
    // Whatever the channel's clock says, it came after what went out and before now.
    let at = [found.modified.map(|at| at.min(now)), earlier, Some(out.at)].into_iter().flatten().max().unwrap_or(out.at);
    let sent = (before != draft.text).then(|| draft.text.clone());
    let edit = TextEdit { of: GoodKind::Draft, by: String::new(), at, before, after };
    Some(Words { step: out.writer.clone(), topic: out.topic.clone(), edit, sent, html: found.html })
}
