//! Rule packs: what a team's voice is, written as rules that find it broken.
//!
//! A pack is a folder of YAML files in a subset of the format of the Vale linter, so that packs written for it run unchanged:
//! `existence`, `substitution`, `repetition`, `occurrence`, `consistency`, `capitalization` and `conditional`. What the subset lacks
//! (scripts, spelling, look-around in patterns) is said when a pack is read, never skipped in silence.
//!
//! A rule is pure: a [`Document`] in, [`Hit`]s out, with byte ranges of the text as it stands.

mod counting;
mod document;
mod matching;
mod read;

pub use document::Document;
pub use read::{RuleError, read};

use crate::base::packed::{Packed, packed};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

static BUNDLED: Packed = packed!("stdlib");
/// Where the packs lie there.
const FOLDER: &str = "rules";

/// How much a hit matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Suggestion,
    #[default]
    Warning,
    /// Must be resolved before a piece goes out.
    Error,
}

impl Level {
    pub fn parse(word: &str) -> Option<Level> {
        match word {
            "suggestion" => Some(Level::Suggestion),
            "warning" => Some(Level::Warning),
            "error" => Some(Level::Error),
            _ => None,
        }
    }
}

/// Which part of a document a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    /// All prose.
    #[default]
    Text,
    Heading,
    Paragraph,
    Sentence,
    List,
    /// The file as it is, markup too.
    Raw,
}

/// What to do about a hit, where the rule knows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Repair {
    Remove,
    Replace(String),
}

/// One rule of a pack.
#[derive(Debug)]
pub struct Rule {
    /// `pack.Rule`
    pub name: String,
    pub level: Level,
    /// Where the rule is explained.
    pub link: Option<String>,
    /// With `%s` for what was found; a substitution has two: what to write, and what was found.
    message: String,
    scope: Scope,
    repair: Option<Repair>,
    kind: Kind,
}

/// What a rule looks for.
#[derive(Debug)]
enum Kind {
    Existence(matching::Pattern),
    Substitution(matching::Swaps),
    Repetition(matching::Repetition),
    Occurrence(counting::Occurrence),
    Consistency(counting::Consistency),
    Capitalization(counting::Capitalization),
    Conditional(counting::Conditional),
}

/// One place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Bytes of the text.
    pub range: Range<usize>,
    pub rule: String,
    pub level: Level,
    pub message: String,
    /// What to write in place of the range.
    pub fix: Option<String>,
    pub link: Option<String>,
}

/// The rules of one pack.
#[derive(Debug, Default)]
pub struct Pack {
    pub rules: Vec<Rule>,
}

impl Pack {
    /// Reads the files of a pack: the name of the pack, then each file's name and text. Faults come with the file's name.
    pub fn read<'a>(name: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Pack, Vec<(String, RuleError)>) {
        let (mut pack, mut faults) = (Pack::default(), Vec::new());
        for (file, text) in files {
            let stem = file.rsplit('/').next().unwrap_or(file);
            let stem = stem.strip_suffix(".yml").or_else(|| stem.strip_suffix(".yaml")).unwrap_or(stem);
            match read(&format!("{name}.{stem}"), text) {
                Ok(rule) => pack.rules.push(rule),
                Err(error) => faults.push((file.to_owned(), error)),
            }
        }
        (pack, faults)
    }

    /// Every hit at or above `least`, in the order of the text.
    pub fn hits(&self, document: &Document<'_>, least: Level) -> Vec<Hit> {
        let mut hits: Vec<Hit> =
            self.rules.iter().filter(|rule| rule.level >= least).flat_map(|rule| rule.hits(document)).collect();
        hits.sort_by(|a, b| (a.range.start, a.range.end, &a.rule).cmp(&(b.range.start, b.range.end, &b.rule)));
        hits
    }
}

impl Rule {
    fn hits(&self, document: &Document<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut add = |range: Range<usize>, words: &[&str], fix: Option<String>| {
            let fix = fix.or_else(|| match &self.repair {
                Some(Repair::Remove) => Some(String::new()),
                Some(Repair::Replace(text)) => Some(text.clone()),
                None => None,
            });
            hits.push(Hit {
                range,
                rule: self.name.clone(),
                level: self.level,
                message: filled(&self.message, words),
                fix,
                link: self.link.clone(),
            });
        };
        match &self.kind {
            Kind::Existence(pattern) => pattern.find(document, self.scope, &mut |range| {
                let found = document.text(&range);
                add(range, &[found], None);
            }),
            Kind::Substitution(swaps) => swaps.find(document, self.scope, &mut |range, better| {
                let found = document.text(&range);
                // A choice of several words is the writer's.
                let fix = (!better.contains('|')).then(|| matching::in_the_case_of(better, found));
                add(range, &[&better.replace('|', "’ or ‘"), found], fix);
            }),
            Kind::Repetition(repetition) => repetition.find(document, self.scope, &mut |range, again| {
                let found = document.text(&again);
                add(range, &[found], Some(found.to_owned()));
            }),
            Kind::Occurrence(occurrence) => occurrence.find(document, self.scope, &mut |range, count| {
                add(range, &[&count.to_string()], None);
            }),
            Kind::Consistency(consistency) => consistency.find(document, self.scope, &mut |range, other| {
                let found = document.text(&range);
                add(range, &[found, other], None);
            }),
            Kind::Capitalization(capitalization) => capitalization.find(document, self.scope, &mut |range| {
                let found = document.text(&range);
                add(range, &[found], None);
            }),
            Kind::Conditional(conditional) => conditional.find(document, self.scope, &mut |range| {
                let found = document.text(&range);
                add(range, &[found], None);
            }),
        }
        hits
    }
}

/// The message with each `%s` filled in, in order; more places than words repeat the last one.
fn filled(message: &str, words: &[&str]) -> String {
    let mut out = String::with_capacity(message.len() + 16);
    for (at, part) in message.split("%s").enumerate() {
        if at > 0 {
            out.push_str(words.get(at - 1).or(words.last()).copied().unwrap_or_default());
        }
        out.push_str(part);
    }
    out
}

/// The packs that are built in, by name.
pub static PACKS: LazyLock<BTreeMap<String, Pack>> = LazyLock::new(|| {
    let names: BTreeSet<&str> = BUNDLED.below(FOLDER).filter_map(|path| Some(path.split_once('/')?.0)).collect();
    let packs = names.into_iter().map(|name| {
        let folder = format!("{FOLDER}/{name}");
        let files: Vec<(&str, String)> =
            BUNDLED.below(&folder).filter_map(|path| Some((path, BUNDLED.text(&format!("{folder}/{path}"))?))).collect();
        // A test reads every bundled rule, so there are no faults here.
        let (pack, _) = Pack::read(name, files.iter().map(|(name, text)| (*name, text.as_str())));
        (name.to_owned(), pack)
    });
    packs.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_rule_can_be_read() {
        let mut files = 0;
        for path in BUNDLED.below(FOLDER) {
            files += 1;
            let rule = read("own.X", &BUNDLED.text(&format!("{FOLDER}/{path}")).unwrap());
            assert!(rule.is_ok(), "{path}: {rule:?}");
        }
        assert_eq!((files >= 5, PACKS.values().map(|pack| pack.rules.len()).sum::<usize>()), (true, files));
    }

    #[test]
    fn messages_take_words_in_order_and_lack_none() {
        assert_eq!(filled("Use '%s' instead of '%s'.", &["a", "b"]), "Use 'a' instead of 'b'.");
        assert_eq!(filled("'%s' and '%s'", &["a"]), "'a' and 'a'");
        assert_eq!(filled("100 %", &["a"]), "100 %");
    }

    #[test]
    fn the_worn_phrases_of_machines_are_found() {
        let text = "In today's fast-paced world, let's delve into the ever-evolving landscape of hosting. It is not just a bill, \
                    it's a journey.\n\n`delve` stays code.\n\n> Others may delve.\n";
        let document = Document::new(text);
        let hits = PACKS["ai-cliche"].hits(&document, Level::Warning);
        assert!(hits.len() >= 4, "{hits:#?}");
        assert!(
            hits.iter().all(|hit| hit.range.end < text.find("`delve`").unwrap()),
            "code and quotations are not ours: {hits:#?}"
        );
        let plain = "The price of volumes changed on Thursday. If you keep more than 50 GB, your bill moves with it.";
        assert_eq!(PACKS["ai-cliche"].hits(&Document::new(plain), Level::Suggestion), []);
    }
}
