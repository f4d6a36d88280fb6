//! `loopctl trace ITEM`: the whole lineage, down to the signals.

use crate::cli::args::Trace;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::report::lineage;

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
    let published = items.values().filter_map(|item| match &item.good {
        crate::model::Good::Receipt(receipt) => Some((receipt.key.clone(), item.id)),
        _ => None,
    });
    let named = items.values().map(|item| (long_handle(item), item.id));
    // A published file carries its key, so the key is a name as well.
    let id = pick(word, named.chain(published), &format!("loopctl status {}", project.file))?;
    let mut node = lineage::walk(&items, &id)
        .ok_or_else(|| Failure::new("cli::no-such-item", format!("nothing here is called `{word}`")))?;
    lineage::add_what_followed(&mut node, &items, &journal.operations(&project.workflow.id)?);
    output.either("lineage", &node, || lineage::render(&node, output.width()));
    Ok(Exit::Ok)
}
