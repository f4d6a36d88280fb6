//! An experiment of a busy site, asked through the step kind itself: events as a source gives them go in, and the decision in words comes out.

use loopctl::base::files::MemoryFiles;
use loopctl::base::{CycleNo, ItemId, Rng, StepId, Timestamp};
use loopctl::builtin;
use loopctl::client_os::Snapshot;
use loopctl::compile::compile;
use loopctl::model::goods::{Event, Events};
use loopctl::model::{Good, Item, Workflow};
use loopctl::step::{Lineage, Output, StepContext, Turn};
use std::collections::BTreeMap;
use std::sync::Arc;

const DAY: i64 = 86_400_000;

/// So many events of so many people over sixty days, oldest first. Everybody is seen first by a view that names the arm; all that
/// follows happens within two weeks, most of it more views and some of it orders of different worth.
pub fn events(rows: usize, people: usize) -> Events {
    let mut rng = Rng::new(32);
    let within = |rng: &mut Rng, days: f64| (rng.uniform() * days * DAY as f64) as i64;
    let starts: Vec<i64> = (0..people).map(|_| within(&mut rng, 60.0)).collect();
    let name = |who: usize| format!("{:016x}", (who as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let row = |who: usize, at: i64, buys: bool, rng: &mut Rng| {
        let arm = if who.wrapping_mul(0x9E37_79B9) >> 7 & 1 == 0 { "old" } else { "new" };
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let value = buys.then(|| (rng.uniform() * 5_000.0).round() / 100.0);
        Event {
            at: Timestamp(at),
            who: name(who),
            name: if buys { "order" } else { "view" }.to_owned(),
            channel: Some(["mail", "search", "ads", "direct"][who % 4].to_owned()),
            value,
            fields: [text("variant", arm), text("country", ["gb", "de", "fr"][who % 3])].into(),
            ..Event::default()
        }
    };
    let mut all: Vec<Event> = (0..people).map(|who| row(who, starts[who], false, &mut rng)).collect();
    while all.len() < rows {
        let who = rng.below(people as u64) as usize;
        let at = starts[who] + within(&mut rng, 14.0);
        let buys = rng.uniform() < 0.05;
        all.push(row(who, at, buys, &mut rng));
    }
    all.sort_by_key(|event| event.at);
    Events::new("site", &all)
}

/// A step that waits for its events.
pub struct Trial {
    workflow: Workflow,
    inputs: Vec<Arc<Item>>,
    client_os: Snapshot,
}

struct Nothing;

impl Lineage for Nothing {
    fn item(&self, _id: &ItemId) -> Option<Arc<Item>> {
        None
    }
}

impl Trial {
    /// `nodes` is what stands in the experiment, beside its wire.
    pub fn new(nodes: &str, events: &Events) -> Trial {
        let text = format!(
            "workflow \"shop\" phase=1 {{\n    timezone \"UTC\"\n    intelligence {{ source \"site\" kind=\"events\" {{ path \"events.jsonl\" }} }}\n    \
learning {{ experiment \"test\" {{ from \"site\"\n{nodes} }}\n report \"weekly\" {{ from \"test\" }} }}\n}}\n"
        );
        let compiled =
            compile(&MemoryFiles::new([("shop.kdl", text.as_str()), ("events.jsonl", "")]), "shop.kdl", builtin::registry());
        let workflow = compiled.workflow.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let item = Item::new(Good::Events(events.clone()), Vec::new(), StepId::new("site"));
        Trial { workflow, inputs: vec![Arc::new(item)], client_os: Snapshot::default() }
    }

    /// What the step gives, eighty days after the first event.
    pub fn run(&self) -> Output {
        let step = self.workflow.step(&StepId::new("test")).expect("it was written above");
        let cx = StepContext {
            workflow: &self.workflow,
            step,
            inputs: &self.inputs,
            replies: &[],
            cycle: CycleNo(1),
            now: Timestamp(80 * DAY),
            seed: 7,
            client_os: &self.client_os,
            client_os_digest: self.client_os.digest(),
            state: None,
            parameters: &BTreeMap::new(),
            lineage: &Nothing,
            operations: &[],
            again: None,
            went_out: &[],
        };
        let kind = builtin::registry().find("experiment", None).expect("it is built in");
        match kind.advance(&cx) {
            Ok(Turn::Done(output)) => output,
            other => panic!("it asks for nothing: {other:?}"),
        }
    }
}
