//! The desk: what everything in front of the service uses, and all that the review page needs.
//!
//! ```text
//! let waiting = desk.queue().await?;                       // the most urgent first
//! let facts = desk.item(None, &waiting[0].id).await?;      // text, evidence, lineage, who decided
//! desk.decide(Order { item, seen: waiting[0].pins, verdict, by, .. }).await?;
//! let mut events = desk.subscribe();                       // something happened: ask again
//! ```
//! A decision names what its maker was looking at (`seen`). When the piece is another by now, nothing is decided and
//! [`Refused::Changed`] says what it is; a decided or expired one is [`Refused::Gone`]. Decisions go through the cycle that is
//! running, so they are in line with everything else that happens to it, and on the disk when `decide` returns.
//!
//! Clones are the same desk. All methods may be called from any task; what reads the journal does so on threads for blocking.

use super::events::{Bus, Happened, What};
use super::owner;
use super::served::{Seen, Served};
use crate::base::{CycleNo, Digest, InOrder, ItemId, RequestKey, StepId, Timestamp};
use crate::engine::{Event, Scope};
use crate::model::goods::{Evidence, Finding};
use crate::model::{Good, Item};
use crate::report::lineage::{self, Node};
use crate::report::view::handle;
use crate::report::{CycleState, CycleView, GateView};
use crate::runtime::{Clock as _, CycleStatus, Journal as _, NotTaken};
use crate::step::{Decision, Reply, Verdict};
use crate::workspace::{Failure, long_handle, pick};
use crate::world::SystemClock;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    served: Vec<Arc<Served>>,
    bus: Arc<Bus>,
}

/// One workflow that is served.
#[derive(Clone, Debug, Serialize)]
pub struct WorkflowFacts {
    pub workflow: String,
    pub file: String,
    pub about: String,
    pub zone: String,
    /// When the next cycle opens by itself.
    pub next: Option<Timestamp>,
    pub open: Vec<CycleNo>,
    pub waiting: usize,
    /// What keeps it from going on: code, message, help.
    pub trouble: Option<TroubleFacts>,
}

/// A failure for machines.
#[derive(Clone, Debug, Serialize)]
pub struct TroubleFacts {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

impl From<Failure> for TroubleFacts {
    fn from(failure: Failure) -> TroubleFacts {
        TroubleFacts { code: failure.code, message: failure.message, help: failure.help }
    }
}

/// One cycle in short; [`Desk::cycle`] has the rest.
#[derive(Clone, Debug, Serialize)]
pub struct CycleFacts {
    pub workflow: String,
    pub cycle: CycleNo,
    pub state: CycleState,
    /// The cycle's clock.
    pub at: Timestamp,
    pub waiting: usize,
    pub in_doubt: usize,
    pub written: usize,
    pub published: usize,
    pub failures: usize,
    pub deferred: usize,
}

/// One item that waits for a person.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    pub workflow: String,
    pub cycle: CycleNo,
    /// What people type: `o-7f3a1c`.
    pub id: String,
    pub item: ItemId,
    pub step: String,
    /// `outline`, `draft` …
    pub kind: &'static str,
    pub title: String,
    pub words: usize,
    /// Who may decide: names or teams.
    pub by: Vec<String>,
    pub expires: Option<Timestamp>,
    /// Who has approved it, when it takes several people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// How many more people have to approve it.
    pub missing: usize,
    /// When it was put to people.
    pub since: Timestamp,
    /// What happened while nobody decided: `reminded twice, escalated to head-of-content`. Empty while nothing did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nudges: String,
    /// Why it is put to people again although somebody had approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
    /// The steps that may be asked to make it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<StepId>,
    /// Whether nobody may decide about their own work here, so that whoever decides must be known.
    #[serde(skip)]
    pub by_others: bool,
    /// The digest of what is shown; a decision names it.
    pub pins: Digest,
    #[serde(skip)]
    pub key: RequestKey,
}

/// A decision that was made about an item.
#[derive(Clone, Debug, Serialize)]
pub struct Past {
    pub at: Timestamp,
    pub by: String,
    pub verdict: Verdict,
    pub step: String,
}

/// One item with all that stands around it.
#[derive(Clone, Debug, Serialize)]
pub struct ItemFacts {
    pub workflow: String,
    /// The last cycle in which it is.
    pub cycle: CycleNo,
    pub id: String,
    pub kind: &'static str,
    pub title: String,
    pub item: Item,
    /// Set while a decision about it is awaited.
    pub waiting: Option<Waiting>,
    /// What a person reads and an edit replaces, when it waits.
    pub text: Option<String>,
    pub evidence: Vec<Evidence>,
    pub findings: Vec<Finding>,
    pub decisions: Vec<Past>,
    pub lineage: Option<Node>,
}

/// A decision to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// Needed only when the item's name is not clear without it.
    pub workflow: Option<String>,
    /// A handle (`o-7f3a1c`), an id, or the start of either.
    pub item: String,
    /// [`Waiting::pins`] of what its maker was looking at.
    pub seen: Digest,
    pub verdict: Verdict,
    pub by: String,
}

/// A decision that was made, and is on the disk.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    pub workflow: String,
    pub cycle: CycleNo,
    pub id: String,
    pub step: String,
    /// How many decisions this cycle still waits for.
    pub left: usize,
}

/// Why a decision was not taken.
#[derive(Debug)]
pub enum Refused {
    /// The piece is another than the one that was looked at: this is what waits now.
    Changed(Box<Waiting>),
    /// It does not wait any more: decided before, expired, or its cycle is closed.
    Gone(String),
    /// Nothing is called so, or the name is not clear, or the journal says no.
    Failed(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Failed(failure)
    }
}

impl Desk {
    pub fn new(served: Vec<Arc<Served>>, bus: Arc<Bus>) -> Desk {
        Desk(Arc::new(Inner { served, bus }))
    }

    /// What happens from now on. A listener that is too slow loses the oldest; then ask again.
    pub fn subscribe(&self) -> broadcast::Receiver<Happened> {
        self.0.bus.subscribe()
    }

    pub fn served(&self) -> &[Arc<Served>] {
        &self.0.served
    }

    /// The workflow of that name; without a name, the only one.
    ///
    /// # Errors
    /// `serve::no-such-workflow`, `serve::which-workflow`.
    pub fn find(&self, workflow: Option<&str>) -> Result<Arc<Served>, Failure> {
        let names = || self.0.served.iter().map(|served| served.id.to_string()).collect::<Vec<_>>().join(", ");
        match (workflow, self.0.served.as_slice()) {
            (Some(name), all) => all.iter().find(|served| served.id.as_str() == name).cloned().ok_or_else(|| {
                Failure::new("serve::no-such-workflow", format!("no workflow `{name}` is served here"))
                    .help(format!("these are: {}", names()))
            }),
            (None, [one]) => Ok(one.clone()),
            (None, _) => Err(Failure::new("serve::which-workflow", "several workflows are served here")
                .help(format!("name one of: {}", names()))),
        }
    }

    /// All workflows that are served.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub async fn workflows(&self) -> Result<Vec<WorkflowFacts>, Failure> {
        self.each(None, |served| {
            let project = served.project();
            let mut waiting = 0;
            let open = served.open_in_journal()?;
            for cycle in &open {
                waiting += served.seen(*cycle)?.view.waiting.len();
            }
            Ok(vec![WorkflowFacts {
                workflow: served.id.to_string(),
                file: project.file.clone(),
                about: project.workflow.about.clone(),
                zone: project.workflow.zone.iana_name().unwrap_or("UTC").to_owned(),
                next: served.next_opening(),
                open,
                waiting,
                trouble: served.trouble().map(TroubleFacts::from),
            }])
        })
        .await
    }

    /// Everything that waits for a person, in all open cycles: what expires first stands first.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub async fn queue(&self) -> Result<Vec<Waiting>, Failure> {
        let mut queue = self
            .each(None, |served| {
                let mut waiting = Vec::new();
                for cycle in served.open_in_journal()? {
                    let seen = served.seen(cycle)?;
                    waiting.extend(seen.view.waiting.iter().map(|gate| to_waiting(&seen, gate)));
                }
                Ok(waiting)
            })
            .await?;
        queue.order_by_key(|waiting| (waiting.expires.is_none(), waiting.expires));
        Ok(queue)
    }

    /// One item by its name. Without a workflow, all that are served are looked through.
    ///
    /// # Errors
    /// `cli::no-such-item`, `cli::which-item`, or when a journal cannot be read.
    pub async fn item(&self, workflow: Option<&str>, name: &str) -> Result<ItemFacts, Failure> {
        let name = name.to_owned();
        let found = self
            .each(workflow, move |served| {
                let items = served.items()?;
                match named(&items, &name) {
                    Ok(id) => Ok(vec![facts(served, &items, &items[&id])?]),
                    Err(failure) if failure.code == "cli::no-such-item" => Ok(Vec::new()),
                    Err(failure) => Err(failure),
                }
            })
            .await?;
        one(found)
    }

    /// All cycles of a workflow, or of all, the latest first.
    ///
    /// # Errors
    /// When there is no such workflow, or a journal cannot be read.
    pub async fn cycles(&self, workflow: Option<&str>) -> Result<Vec<CycleFacts>, Failure> {
        self.each(workflow, |served| {
            let mut cycles = served.journal.cycles(&served.id)?;
            cycles.reverse();
            cycles.into_iter().map(|(cycle, _)| Ok(in_short(&served.seen(cycle)?.view))).collect()
        })
        .await
    }

    /// One cycle whole; the last one without a number.
    ///
    /// # Errors
    /// `cli::no-such-cycle`, or when a journal cannot be read.
    pub async fn cycle(&self, workflow: Option<&str>, cycle: Option<CycleNo>) -> Result<Arc<Seen>, Failure> {
        let served = self.find(workflow)?;
        blocking(move || {
            let last = || -> Result<CycleNo, Failure> {
                let cycles = served.journal.cycles(&served.id)?;
                cycles.last().map(|(cycle, _)| *cycle).ok_or_else(|| served.project().nothing_yet())
            };
            served.seen(cycle.map_or_else(last, Ok)?)
        })
        .await
    }

    /// Opens a cycle now, beside those that are open.
    ///
    /// # Errors
    /// `serve::too-many-open`, or when the journal says no.
    pub async fn run(&self, workflow: Option<&str>) -> Result<CycleNo, Failure> {
        let served = self.find(workflow)?;
        let cycle = owner::open(&served, 0).await?;
        served.wake.notify_one();
        Ok(cycle)
    }

    /// Decides about one item that waits.
    ///
    /// # Errors
    /// Why it was not taken; then nothing has changed.
    pub async fn decide(&self, order: Order) -> Result<Decided, Refused> {
        let queue = self.queue().await?;
        let of_workflow = |waiting: &&Waiting| order.workflow.as_ref().is_none_or(|wanted| *wanted == waiting.workflow);
        let named = queue.iter().filter(of_workflow).map(|waiting| {
            let kind = waiting.id.split('-').next().unwrap_or_default();
            (format!("{kind}-{}", waiting.item), waiting.clone())
        });
        let waiting = match pick(&order.item, named, "GET /v1/queue") {
            Ok(waiting) => waiting,
            Err(failure) if failure.code == "cli::no-such-item" => {
                // It may be there and not wait any more.
                return match self.item(order.workflow.as_deref(), &order.item).await {
                    Ok(item) => Err(Refused::Gone(format!("{} does not wait for a decision any more", item.id))),
                    Err(_) => Err(Refused::Failed(failure)),
                };
            }
            Err(failure) => return Err(Refused::Failed(failure)),
        };
        if waiting.pins != order.seen {
            return Err(Refused::Changed(Box::new(waiting)));
        }
        let served = self.find(Some(&waiting.workflow))?;
        let (of_reading, cycle) = (served.clone(), waiting.cycle);
        let seen = blocking(move || of_reading.seen(cycle)).await?;
        // A recording has a clock of its own; a decision in it happens at the recording's time.
        let at = if seen.view.recorded { seen.view.now } else { SystemClock.now() };
        let decision = Decision::new(order.verdict, order.by, at, order.seen);
        let event = Event::Replied { key: waiting.key.clone(), reply: Reply::Decided(decision) };
        self.hand_in(&served, event).await?;
        let of_reading = served.clone();
        let left = blocking(move || Ok(of_reading.seen(cycle)?.view.waiting.len())).await?;
        Ok(Decided { workflow: waiting.workflow, cycle, id: waiting.id, step: waiting.step, left })
    }

    /// Hands what a person says to the cycle that it is about: a decision at a gate, or what became of an effect in doubt.
    pub(super) async fn hand_in(&self, served: &Arc<Served>, event: Event) -> Result<(), Refused> {
        let (cycle, step, verdict) = match &event {
            Event::Replied { key, reply } => {
                let verdict = if let Reply::Decided(decision) = reply { verdict_word(&decision.verdict) } else { "answer" };
                (key.cycle, key.task.step.to_string(), verdict)
            }
            Event::Resolve { key, .. } => (key.cycle, key.task.step.to_string(), "settle"),
            Event::Cancel { cycle, scope, .. } => {
                let step = if let Scope::Step(step) = scope { step.to_string() } else { String::new() };
                (*cycle, step, "cancel")
            }
            Event::Start | Event::Stop => return Err(Refused::Gone("nothing was decided".to_owned())),
        };
        let Some(post) = served.post(cycle) else {
            return Err(Refused::Gone(format!("cycle {cycle} is closed")));
        };
        match post.send(event).await {
            Ok(()) => {
                served.tell(Some(cycle), What::Decided { step, verdict });
                Ok(())
            }
            Err(NotTaken::Void(message)) => Err(Refused::Gone(message)),
            Err(gone @ NotTaken::Gone) => Err(Refused::Failed(
                Failure::new("serve::stopping", gone.to_string())
                    .help("look at it again in a moment, and decide again if it still waits"),
            )),
        }
    }

    /// Asks every workflow, or the one that is named, on a thread for blocking.
    async fn each<T: Send + 'static>(
        &self,
        workflow: Option<&str>,
        ask: impl Fn(&Arc<Served>) -> Result<Vec<T>, Failure> + Send + 'static,
    ) -> Result<Vec<T>, Failure> {
        let served = match workflow {
            Some(name) => vec![self.find(Some(name))?],
            None => self.0.served.clone(),
        };
        blocking(move || {
            let mut all = Vec::new();
            for served in &served {
                all.extend(ask(served)?);
            }
            Ok(all)
        })
        .await
    }
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Edit { .. } => "edit",
        Verdict::Reject { .. } => "reject",
        Verdict::SendBack { .. } => "send-back",
        Verdict::Expired { .. } => "expired",
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let broke_off = || Failure::new("serve::broke-off", "reading broke off inside loopctl").help("please report this");
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broke_off()))
}

fn to_waiting(seen: &Seen, gate: &GateView) -> Waiting {
    Waiting {
        workflow: seen.view.workflow.clone(),
        cycle: seen.view.cycle,
        id: gate.id.clone(),
        item: gate.approve.item,
        step: gate.step.to_string(),
        kind: seen.kinds.get(&gate.approve.item).copied().unwrap_or("item"),
        title: gate.approve.title.clone(),
        words: seen.words.get(&gate.approve.pins).copied().unwrap_or_default(),
        by: gate.approve.by.clone(),
        expires: gate.approve.expires,
        approved_by: gate.approved_by.clone(),
        missing: gate.missing,
        since: gate.since,
        nudges: gate.nudges(),
        again: gate.approve.again.clone(),
        back: gate.approve.rules.back.clone(),
        by_others: gate.approve.rules.no_self_approval,
        pins: gate.approve.pins,
        key: gate.key.clone(),
    }
}

fn in_short(view: &CycleView) -> CycleFacts {
    CycleFacts {
        workflow: view.workflow.clone(),
        cycle: view.cycle,
        state: view.state,
        at: view.now,
        waiting: view.waiting.len(),
        in_doubt: view.in_doubt.len(),
        written: view.written.len(),
        published: view.published.len(),
        failures: view.failures.len(),
        deferred: view.deferred.len(),
    }
}

/// The item that a name means. A published file carries its key, so the key is a name as well.
fn named(items: &BTreeMap<ItemId, Item>, name: &str) -> Result<ItemId, Failure> {
    let published = items.values().filter_map(|item| match &item.good {
        Good::Receipt(receipt) => Some((receipt.key.clone(), item.id)),
        _ => None,
    });
    pick(name, items.values().map(|item| (long_handle(item), item.id)).chain(published), "GET /v1/cycles")
}

fn one(mut found: Vec<ItemFacts>) -> Result<ItemFacts, Failure> {
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new("cli::no-such-item", "nothing here is called so")
            .help("`/v1/queue` and `/v1/cycles` show what there is")),
        _ => Err(Failure::new("cli::which-item", "items of several workflows are called so").help("name the workflow")),
    }
}

fn facts(served: &Arc<Served>, items: &BTreeMap<ItemId, Item>, item: &Item) -> Result<ItemFacts, Failure> {
    let (evidence, findings) = match &item.good {
        Good::Outline(outline) => (outline.brief.evidence.clone(), outline.findings.clone()),
        good => good.piece().map_or_else(Default::default, |draft| (draft.brief.evidence.clone(), draft.findings.clone())),
    };
    let mut facts = ItemFacts {
        workflow: served.id.to_string(),
        cycle: CycleNo(0),
        id: handle(item),
        kind: item.kind().name(),
        title: item.good.title(),
        item: item.clone(),
        waiting: None,
        text: None,
        evidence,
        findings,
        decisions: Vec::new(),
        lineage: lineage::walk(items, &item.id),
    };
    for (cycle, status) in served.journal.cycles(&served.id)? {
        let seen = served.seen(cycle)?;
        if !seen.kinds.contains_key(&item.id) {
            continue;
        }
        facts.cycle = cycle;
        facts.decisions.extend(decisions(&seen, &item.id));
        if status == CycleStatus::Open
            && let Some(gate) = seen.view.waiting.iter().find(|gate| gate.approve.item == item.id)
        {
            facts.waiting = Some(to_waiting(&seen, gate));
            facts.text = Some(gate.approve.text.clone());
        }
    }
    Ok(facts)
}

/// What was decided about an item in one cycle.
fn decisions(seen: &Seen, item: &ItemId) -> Vec<Past> {
    use crate::engine::Entry;
    use crate::step::Request;
    let mut about: Vec<&RequestKey> = Vec::new();
    let mut past = Vec::new();
    for entry in &seen.entries {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Approve(approve) = request.as_ref()
                    && approve.item == *item
                {
                    about.push(key);
                }
            }
            Entry::Replied { key, reply: Reply::Decided(decision) } if about.contains(&key) => past.push(Past {
                at: decision.at,
                by: decision.by.clone(),
                verdict: decision.verdict.clone(),
                step: key.task.step.to_string(),
            }),
            _ => {}
        }
    }
    past
}
