//! `loopctl trace ITEM`: the whole lineage, down to the signals.

use crate::cli::args::Trace;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::model::Good;
use crate::report::lineage;
use std::collections::BTreeMap;

pub fn run(args: &Trace, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let (project, _) = Project::load_or_pinned(place, file.as_deref(), output)?;
    let [word] = words.as_slice() else {
        return Err(
            Failure::new("cli::usage", "name one item to trace").help("`loopctl status` and `loopctl gate list` show items")
        );
    };
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let items = project.all_items(journal.as_ref())?;
    // A piece whose text was renewed has several receipts under one key: the last one tells of it.
    let mut published = BTreeMap::new();
    for item in items.values() {
        if let Good::Receipt(receipt) = &item.good {
            let last = published.entry(receipt.key.clone()).or_insert((receipt.at, item.id));
            *last = (*last).max((receipt.at, item.id));
        }
    }
    let published = published.into_iter().map(|(key, (_, id))| (key, id));
    let named = items.values().map(|item| (long_handle(item), item.id));
    // A published file carries its key, so the key is a name as well.
    let id = pick(word, named.chain(published), &format!("loopctl status {}", project.file))?;
    let mut node = lineage::walk(&items, &id)
        .ok_or_else(|| Failure::new("cli::no-such-item", format!("nothing here is called `{word}`")))?;
    lineage::add_what_followed(&mut node, &items, &journal.operations(&project.workflow.id)?);
    output.either("lineage", &node, || lineage::render(&node, output.width()));
    Ok(Exit::Ok)
}
