//! What people type for things: handles, ids, or the start of either.

use super::failure::Failure;
use crate::model::Item;
use crate::report::view::handle;
use std::path::PathBuf;

/// Splits `[WORKFLOW] ITEM …` into the file and the items.
pub fn split_words(words: &[String]) -> (Option<PathBuf>, Vec<String>) {
    match words.split_first() {
        Some((first, rest)) if first.ends_with(".kdl") => (Some(PathBuf::from(first)), rest.to_vec()),
        _ => (None, words.to_vec()),
    }
}

/// Finds the one thing that `word` names: a handle (`o-7f3a1c`), a bare id, or the start of either.
pub fn pick<'a, T>(word: &str, things: impl Iterator<Item = (String, T)> + 'a, list: &str) -> Result<T, Failure> {
    let word = word.to_lowercase();
    let mut found: Vec<(String, T)> = things
        .filter(|(name, _)| name.starts_with(&word) || name.split_once('-').is_some_and(|(_, id)| id.starts_with(&word)))
        .collect();
    match found.len() {
        1 => Ok(found.remove(0).1),
        0 => Err(Failure::new("cli::no-such-item", format!("nothing here is called `{word}`"))
            .help(format!("`{list}` shows what there is"))),
        n => {
            let names: Vec<&str> = found.iter().take(4).map(|(name, _)| name.as_str()).collect();
            Err(Failure::new("cli::which-item", format!("`{word}` may be {n} items: {}", names.join(", ")))
                .help("type one more character"))
        }
    }
}

/// The handle of an item with as many digits as `pick` may need.
pub fn long_handle(item: &Item) -> String {
    let handle = handle(item);
    format!("{}-{}", &handle[..1], item.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(word: &str) -> Result<u8, &'static str> {
        let things = [("d-7f3a1c", 1), ("d-7f9b", 2), ("o-11aa", 3)];
        pick(word, things.into_iter().map(|(name, n)| (name.to_owned(), n)), "loopctl status").map_err(|failure| failure.code)
    }

    #[test]
    fn a_thing_is_named_by_the_start_of_its_handle_or_its_id() {
        assert_eq!([picked("d-7f3"), picked("7F3A"), picked("o-11aa")], [Ok(1), Ok(1), Ok(3)]);
        assert_eq!(picked("7f"), Err("cli::which-item"));
        assert_eq!(picked("x"), Err("cli::no-such-item"));
    }

    #[test]
    fn a_workflow_comes_before_the_items() {
        let words = |words: &[&str]| split_words(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["a.kdl", "d-1"]), (Some(PathBuf::from("a.kdl")), vec!["d-1".to_owned()]));
        assert_eq!(words(&["d-1"]), (None, vec!["d-1".to_owned()]));
    }
}
