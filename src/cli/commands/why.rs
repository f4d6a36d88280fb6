//! `loopctl why ITEM|STEP|TOPIC`: why it ran, was reused, was deferred, failed, or is not there.

use crate::base::{CycleNo, ItemId};
use crate::cli::args::Why;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::engine::{Cycle, Entry};
use crate::model::goods::Opportunity;
use crate::model::{Good, Item};
use crate::report::because::{self, Chosen, TaskBecause};
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, fit, paint, plain};
use crate::report::view::handle;
use crate::step::Registry;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// So many tasks of one reason are named.
const NAMED: usize = 4;
/// So many topics that fit a word are told.
const TOPICS: usize = 5;

pub fn run(args: &Why, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let project = Project::load(place, file.as_deref(), output)?;
    let [word] = words.as_slice() else {
        return Err(Failure::new("cli::usage", "name one step, item or topic")
            .help("`loopctl status` and `loopctl gate list` show items"));
    };
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let entries = project.entries(journal.as_ref(), args.cycle)?;
    let then = project.as_of(&entries)?;
    let project = then.as_ref().unwrap_or(&project);
    let registry = crate::builtin::registry();
    let cycle = Cycle::recover(project.workflow.clone(), registry, project.client_os.clone(), &entries)
        .map_err(|error| Failure::from(crate::runtime::RunError::from(error)))?;
    let scene = Scene { cycle: &cycle, registry, entries: &entries, width: output.width() };
    if project.workflow.steps.iter().any(|step| step.id.as_str() == word) {
        return Ok(scene.step(word, output));
    }
    // `add` and `face` are topics before they are the beginnings of ids.
    if scene.has_topic(word)
        && let Some(exit) = scene.topics(word, output)
    {
        return Ok(exit);
    }
    // The item may be of an earlier cycle, so all names are known; the last cycle that has it tells about it.
    let items = project.all_items(journal.as_ref())?;
    let list = format!("loopctl status {}", project.file);
    let published = items.values().filter_map(|item| match &item.good {
        Good::Receipt(receipt) => Some((receipt.key.clone(), item.id)),
        _ => None,
    });
    match pick(word, items.values().map(|item| (long_handle(item), item.id)).chain(published), &list) {
        Ok(id) => Ok(scene.item(&items[&id], output)),
        Err(failure) if failure.code == "cli::no-such-item" => scene.topics(word, output).ok_or_else(|| {
            Failure::new(
                "cli::no-such-item",
                format!("no step, item or topic of cycle {} is called `{word}`", cycle.pins().cycle),
            )
            .help(format!("`{list}` shows items; `--cycle N` asks another cycle"))
        }),
        Err(failure) => Err(failure),
    }
}

/// One cycle, taken up from its journal.
struct Scene<'a> {
    cycle: &'a Cycle,
    registry: &'a Registry,
    entries: &'a [Entry],
    width: usize,
}

/// What is known about an item.
#[derive(Serialize)]
struct ItemFacts {
    cycle: CycleNo,
    id: String,
    kind: &'static str,
    title: String,
    /// The step that made it, and why that ran.
    made: Option<TaskBecause>,
    decided: Vec<String>,
    taken: Vec<TaskBecause>,
    became: Vec<String>,
    chosen: Vec<TopicFacts>,
}

/// What one `score` step did with a topic.
#[derive(Serialize)]
struct TopicFacts {
    step: String,
    topic: String,
    #[serde(flatten)]
    chosen: Chosen,
    says: String,
    reckoning: Option<String>,
}

impl Scene<'_> {
    fn number(&self) -> CycleNo {
        self.cycle.pins().cycle
    }

    fn step(&self, word: &str, output: &Output) -> Exit {
        let tasks = because::step(self.cycle, self.registry, &word.into());
        let facts = serde_json::json!({"cycle": self.number(), "step": word, "tasks": tasks});
        output.either("why", &facts, || {
            let mut text = format!("{} {}\n", paint(TITLE, word), paint(DIM, format!("· cycle {}", self.number())));
            if tasks.is_empty() {
                let reads: Vec<String> = self.unfinished(word);
                text.push_str(&match reads.as_slice() {
                    [] => "  It had nothing to do: nothing came in.\n".to_owned(),
                    reads => format!("  Nothing has come in yet: {} not finished.\n", are(reads)),
                });
            }
            // Tasks with one reason are told together, in the order in which the first of each stands.
            let mut groups: Vec<(&str, &str, Vec<&TaskBecause>)> = Vec::new();
            for task in &tasks {
                match groups.iter_mut().find(|(state, because, _)| (*state, *because) == (task.state, task.because.as_str())) {
                    Some((_, _, group)) => group.push(task),
                    None => groups.push((task.state, &task.because, vec![task])),
                }
            }
            for (state, because, group) in groups {
                let whole = group.iter().all(|task| task.item.is_none());
                let many = if whole { String::new() } else { format!(" {}", group.len()) };
                writeln!(text, "  {}{many}: {}", mark(state), plain(because)).expect("writing to a string");
                for task in group.iter().take(NAMED).filter(|task| task.item.is_some()) {
                    text.push_str(&self.named(task));
                }
                if group.len() > NAMED {
                    writeln!(text, "    {}", paint(DIM, format!("and {} more", group.len() - NAMED)))
                        .expect("writing to a string");
                }
                if let Some(help) = group.iter().find_map(|task| task.help.as_ref()) {
                    writeln!(text, "    help: {}", plain(help)).expect("writing to a string");
                }
            }
            text
        });
        Exit::Ok
    }

    fn named(&self, task: &TaskBecause) -> String {
        let (id, title) = (task.item.clone().unwrap_or_default(), task.title.clone().unwrap_or_default());
        format!("    {}  {}\n", paint(CODE, id), fit(&title, self.width.saturating_sub(16)))
    }

    /// The steps that this one reads from and that are not complete.
    fn unfinished(&self, word: &str) -> Vec<String> {
        let step = self.cycle.workflow().steps.iter().find(|step| step.id.as_str() == word);
        let reads = step.into_iter().flat_map(|step| &step.from).map(|wire| &wire.from);
        reads.filter(|from| !self.cycle.is_complete(from)).map(|from| format!("`{from}`")).collect()
    }

    fn item(&self, item: &Item, output: &Output) -> Exit {
        let zone = &self.cycle.workflow().zone;
        let maker = self.entries.iter().find_map(|entry| match entry {
            Entry::Done { task, items, .. } if items.iter().any(|made| made.id == item.id) => Some(task),
            _ => None,
        });
        let made = maker.and_then(|task| {
            because::step(self.cycle, self.registry, &task.step).into_iter().find(|because| because.task == *task)
        });
        let became: BTreeSet<(String, String)> = self
            .cycle
            .items()
            .iter()
            .filter(|other| other.parents.contains(&item.id))
            .map(|other| (handle(other), format!("{} {} “{}”", handle(other), other.kind().name(), other.good.title())))
            .collect();
        let topic = match &item.good {
            Good::Signal(signal) => Some(&signal.topic),
            _ => None,
        };
        let facts = ItemFacts {
            cycle: self.number(),
            id: handle(item),
            kind: item.kind().name(),
            title: item.good.title(),
            made,
            decided: because::decided(self.entries, &item.id, zone),
            taken: because::taken(self.cycle, self.registry, &item.id),
            became: became.into_iter().map(|(_, text)| text).collect(),
            chosen: topic.into_iter().flat_map(|topic| self.chosen(topic)).collect(),
        };
        output.either("why", &facts, || self.item_text(&facts, &item.id));
        Exit::Ok
    }

    fn item_text(&self, facts: &ItemFacts, id: &ItemId) -> String {
        let mut text = format!(
            "{} {} {}\n",
            paint(TITLE, &facts.id),
            fit(&facts.title, self.width.saturating_sub(30)),
            paint(DIM, format!("· {} · cycle {}", facts.kind, facts.cycle))
        );
        let mut line = |mark: &str, says: &str| {
            writeln!(text, "  {mark} {}", plain(says)).expect("writing to a string");
        };
        match &facts.made {
            Some(made) => line("✓", &format!("made by `{}`, which {}: {}", made.task.step, did(made.state), made.because)),
            None if self.cycle.items().get(id).is_some() => line("·", "it came from an earlier cycle, where it had to wait"),
            None => line(
                "·",
                &format!("it is not there in cycle {}: an earlier cycle made it; `--cycle N` asks that one", facts.cycle),
            ),
        }
        for says in &facts.decided {
            line(if says.starts_with("rejected") { "✗" } else { "✓" }, says);
        }
        for task in &facts.taken {
            line(&mark(task.state), &format!("at `{}`: {}", task.task.step, task.because));
            if let Some(help) = &task.help {
                line(" ", &format!("help: {help}"));
            }
        }
        for chosen in &facts.chosen {
            line("→", &format!("at `{}`: {}", chosen.step, chosen.says));
            if let Some(reckoning) = &chosen.reckoning {
                line(" ", reckoning);
            }
        }
        for became in facts.became.iter().take(2 * NAMED) {
            line("→", &format!("became {became}"));
        }
        if facts.became.len() > 2 * NAMED {
            line(" ", &format!("and {} more", facts.became.len() - 2 * NAMED));
        }
        if facts.became.is_empty() && facts.taken.is_empty() && facts.chosen.is_empty() && facts.made.is_some() {
            line("·", "nothing was made from it, and nothing waits for it");
        }
        text
    }

    /// What the `score` steps did with a topic.
    fn chosen(&self, topic: &str) -> Vec<TopicFacts> {
        let zone = &self.cycle.workflow().zone;
        let steps = self.cycle.workflow().steps.iter().filter(|step| step.verb == "score");
        steps
            .map(|step| {
                let (chosen, opportunity) = because::topic(self.cycle, self.registry, step, topic);
                TopicFacts {
                    step: step.id.to_string(),
                    topic: topic.to_owned(),
                    says: chosen.in_words(zone),
                    reckoning: opportunity.as_ref().map(reckoning),
                    chosen,
                }
            })
            .collect()
    }

    fn has_topic(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.cycle.items().iter().any(|item| matches!(&item.good, Good::Signal(signal) if signal.topic.to_lowercase() == word))
    }

    /// Topics of this cycle that have the word in them; `None` when there is none.
    fn topics(&self, word: &str, output: &Output) -> Option<Exit> {
        let word = word.to_lowercase();
        let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
        for item in self.cycle.items().iter() {
            if let Good::Signal(signal) = &item.good
                && (signal.topic.to_lowercase().contains(&word) || signal.title.as_data().to_lowercase().contains(&word))
            {
                *topics.entry(&signal.topic).or_default() += 1;
            }
        }
        if topics.is_empty() {
            return None;
        }
        // A topic of that very name is the one that is meant.
        if self.has_topic(&word) {
            topics.retain(|topic, _| topic.to_lowercase() == word);
        }
        let facts: Vec<TopicFacts> = topics.keys().take(TOPICS).flat_map(|topic| self.chosen(topic)).collect();
        output.either("why", &serde_json::json!({"cycle": self.number(), "topics": facts}), || {
            let mut text = String::new();
            for (topic, signals) in topics.iter().take(TOPICS) {
                let about = format!("· topic of {} · cycle {}", count(*signals, "signal"), self.number());
                writeln!(text, "{} {}", paint(TITLE, plain(topic)), paint(DIM, about)).expect("writing to a string");
                for fact in facts.iter().filter(|fact| fact.topic == **topic) {
                    writeln!(text, "  at `{}`: {}", fact.step, fact.says).expect("writing to a string");
                    if let Some(reckoning) = &fact.reckoning {
                        writeln!(text, "    {}", paint(DIM, reckoning)).expect("writing to a string");
                    }
                }
            }
            if topics.len() > TOPICS {
                writeln!(text, "{}", paint(DIM, format!("and {} more", count(topics.len() - TOPICS, "topic"))))
                    .expect("writing to a string");
            }
            text
        });
        Some(Exit::Ok)
    }
}

/// `demand 0.92 × 0.40 + growth ? × 0.20`
fn reckoning(opportunity: &Opportunity) -> String {
    let rules: Vec<String> = opportunity
        .breakdown
        .iter()
        .map(|rule| match rule.value {
            Some(value) => format!("{} {value:.2} × {:.2}", rule.rule, rule.weight),
            None => format!("{} unknown, taken as 0.50 × {:.2}", rule.rule, rule.weight),
        })
        .collect();
    rules.join(" + ")
}

/// What a step that made something did.
fn did(state: &str) -> &'static str {
    if state == "reused" { "did not have to run" } else { "ran" }
}

fn mark(state: &str) -> String {
    match state {
        "done" => paint(GOOD, "ran"),
        "reused" => paint(GOOD, "reused"),
        "failed" => paint(BAD, "failed"),
        other => paint(WAIT, other),
    }
}

/// `` `a` is``, `` `a` and `b` are``
fn are(names: &[String]) -> String {
    match names {
        [one] => format!("{one} is"),
        names => format!("{} are", names.join(" and ")),
    }
}
