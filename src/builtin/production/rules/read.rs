//! Reading one rule file. Every fault is told with what to write instead; a rule with a fault does not run.

use super::counting::{Capitalization, Conditional, Consistency, Occurrence};
use super::matching::{Pattern, Repetition, Swaps};
use super::{Kind, Level, Repair, Rule, Scope};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A larger rule file is no rule: 1 MiB.
const LARGEST: usize = 1 << 20;

/// What is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Without a period.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl RuleError {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> RuleError {
        RuleError { message: message.into(), help: help.into() }
    }
}

/// A rule as it is written.
#[derive(Deserialize)]
struct Written {
    extends: String,
    #[serde(default)]
    message: String,
    level: Option<String>,
    scope: Option<OneOrMany>,
    link: Option<String>,
    #[serde(default)]
    ignorecase: bool,
    #[serde(default)]
    nonword: bool,
    #[serde(default)]
    raw: Vec<String>,
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    exceptions: Vec<String>,
    #[serde(default)]
    swap: BTreeMap<String, String>,
    #[serde(default)]
    alpha: bool,
    #[serde(default)]
    append: bool,
    threshold: Option<f64>,
    token: Option<String>,
    min: Option<usize>,
    max: Option<usize>,
    #[serde(default)]
    either: BTreeMap<String, String>,
    #[serde(rename = "match")]
    style: Option<String>,
    first: Option<String>,
    second: Option<String>,
    action: Option<Action>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Action {
    name: String,
    #[serde(default)]
    params: Option<Vec<String>>,
}

/// Reads a rule; `name` is `pack.Rule`.
///
/// # Errors
/// When it is not YAML, extends something that this subset lacks, or an expression cannot be read.
pub fn read(name: &str, text: &str) -> Result<Rule, RuleError> {
    if text.len() > LARGEST {
        return Err(RuleError::new("the rule file is larger than 1 MiB", "split it into several rules"));
    }
    let written: Written = serde_saphyr::from_str(text).map_err(|error| {
        let reason = error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        RuleError::new(format!("it is no rule: {reason}"), "a rule begins with `extends:` and has a `message:`")
    })?;
    let kind = kind(&written)?;
    let level = match written.level.as_deref() {
        None => Level::default(),
        Some(word) => Level::parse(word).ok_or_else(|| {
            RuleError::new(format!("there is no level `{word}`"), "the levels are `suggestion`, `warning` and `error`")
        })?,
    };
    Ok(Rule {
        name: name.to_owned(),
        level,
        link: written.link,
        message: if written.message.is_empty() { "'%s' breaks this rule.".to_owned() } else { written.message },
        scope: scope(written.scope, &kind)?,
        repair: written.action.and_then(repair),
        kind,
    })
}

fn kind(written: &Written) -> Result<Kind, RuleError> {
    let needs = |what: &str| {
        RuleError::new(format!("a rule that extends `{}` needs `{what}:`", written.extends), format!("add `{what}:`"))
    };
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(a, b)| (a.clone(), b.clone())).collect::<Vec<_>>();
    Ok(match written.extends.as_str() {
        "existence" if written.raw.is_empty() && written.tokens.is_empty() => return Err(needs("tokens")),
        "existence" => Kind::Existence(Pattern::new(
            &written.raw,
            &written.tokens,
            written.ignorecase,
            written.nonword,
            written.append,
            &written.exceptions,
        )?),
        "substitution" if written.swap.is_empty() => return Err(needs("swap")),
        "substitution" => {
            Kind::Substitution(Swaps::new(&pairs(&written.swap), written.ignorecase, written.nonword, &written.exceptions)?)
        }
        "repetition" => {
            let most = written.max.unwrap_or(0);
            Kind::Repetition(Repetition::new(&written.tokens, written.ignorecase, written.alpha, most, &written.exceptions)?)
        }
        "occurrence" => {
            let token = written.token.as_deref().ok_or_else(|| needs("token"))?;
            Kind::Occurrence(Occurrence::new(token, bound(written.min), bound(written.max), written.ignorecase)?)
        }
        "consistency" if written.either.is_empty() => return Err(needs("either")),
        "consistency" => Kind::Consistency(Consistency::new(&pairs(&written.either), written.ignorecase, written.nonword)?),
        "capitalization" => {
            let style = written.style.as_deref().ok_or_else(|| needs("match"))?;
            Kind::Capitalization(Capitalization::new(style, &written.exceptions, written.threshold)?)
        }
        "conditional" => {
            let first = written.first.as_deref().ok_or_else(|| needs("first"))?;
            let second = written.second.as_deref().ok_or_else(|| needs("second"))?;
            Kind::Conditional(Conditional::new(first, second, written.ignorecase, &written.exceptions)?)
        }
        other => {
            return Err(RuleError::new(
                format!("loopctl does not know rules that extend `{other}`"),
                "it knows existence, substitution, repetition, occurrence, consistency, capitalization and conditional",
            ));
        }
    })
}

/// As in Vale, zero is no bound.
fn bound(count: Option<usize>) -> Option<usize> {
    count.filter(|count| *count > 0)
}

/// The part a rule looks at. Of several the first counts.
fn scope(written: Option<OneOrMany>, kind: &Kind) -> Result<Scope, RuleError> {
    let word = match written {
        None => return Ok(if matches!(kind, Kind::Capitalization(_)) { Scope::Heading } else { Scope::Text }),
        Some(OneOrMany::One(word)) => word,
        Some(OneOrMany::Many(words)) => words.into_iter().next().unwrap_or_default(),
    };
    match word.split('.').next().unwrap_or_default() {
        "" | "text" | "summary" => Ok(Scope::Text),
        "heading" => Ok(Scope::Heading),
        "paragraph" => Ok(Scope::Paragraph),
        "sentence" => Ok(Scope::Sentence),
        "list" => Ok(Scope::List),
        "raw" => Ok(Scope::Raw),
        other => Err(RuleError::new(
            format!("there is no scope `{other}`"),
            "the scopes are text, heading, paragraph, sentence, list and raw",
        )),
    }
}

fn repair(action: Action) -> Option<Repair> {
    match action.name.as_str() {
        "remove" => Some(Repair::Remove),
        // Of several words the choice is the writer's.
        "replace" => match action.params.as_deref() {
            Some([one]) => Some(Repair::Replace(one.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::skip::skipped;
    use crate::builtin::production::rules::{Document, Pack};
    use std::path::Path;

    #[test]
    fn a_fault_says_what_to_write() {
        for (text, message) in [
            ("extends: script\nmessage: x\n", "does not know rules that extend `script`"),
            ("extends: existence\n", "needs `tokens:`"),
            ("extends: occurrence\ntoken: x\n", "without a bound"),
            ("extends: substitution\n", "needs `swap:`"),
            ("extends: existence\ntokens: [a]\nlevel: fatal\n", "no level `fatal`"),
            ("extends: existence\ntokens: [a]\nscope: table\n", "no scope `table`"),
            ("tokens: [a]\n", "it is no rule"),
            ("- a\n", "it is no rule"),
            ("extends: existence\nraw: ['(?<!a)b']\n", "look-around"),
        ] {
            let error = read("own.X", text).unwrap_err();
            assert!(error.message.contains(message) && !error.help.is_empty(), "{text}: {error:?}");
        }
    }

    #[test]
    fn each_extension_point_finds_what_it_should() {
        for (rule, text, hit, fix) in [
            (
                "extends: existence\nmessage: \"'%s'!\"\ntokens: [very]\naction:\n  name: remove\n",
                "A very big one.",
                "very",
                Some(""),
            ),
            (
                "extends: substitution\nmessage: \"'%s' not '%s'\"\nignorecase: true\nswap:\n  utilize: use\n",
                "Utilize it.",
                "Utilize",
                Some("Use"),
            ),
            ("extends: substitution\nmessage: x\nswap:\n  big: large|huge\n", "A big one.", "big", None),
            (
                "extends: repetition\nmessage: x\nalpha: true\nignorecase: true\ntokens: ['[^\\s]+']\n",
                "It is is so.",
                "is is",
                Some("is"),
            ),
            (
                "extends: occurrence\nmessage: '%s words'\nscope: sentence\nmax: 3\ntoken: \\b\\w+\\b\n",
                "One two three four.",
                "One two three four.",
                None,
            ),
            ("extends: consistency\nmessage: x\neither:\n  advisor: adviser\n", "advisor, adviser", "adviser", None),
            ("extends: capitalization\nmessage: x\nmatch: $sentence\n", "## A Wrong Heading\n", "A Wrong Heading", None),
            (
                "extends: conditional\nmessage: x\nfirst: '\\b([A-Z]{3})\\b'\nsecond: '\\(([A-Z]{3})\\)'\n",
                "The CPL fell.",
                "CPL",
                None,
            ),
        ] {
            let (pack, faults) = Pack::read("own", [("X.yml", rule)]);
            assert_eq!(faults, []);
            let document = Document::new(text);
            let hits = pack.hits(&document, Level::Suggestion);
            assert_eq!(hits.len(), 1, "{rule}: {hits:?}");
            assert_eq!((document.text(&hits[0].range), hits[0].fix.as_deref()), (hit, fix), "{rule}");
            assert_eq!(hits[0].rule, "own.X");
        }
    }

    #[test]
    fn a_style_written_for_vale_runs_unchanged() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/sources/styles"));
        let Ok(entries) = std::fs::read_dir(folder) else { return skipped(folder) };
        let mut files: Vec<(String, String)> = entries
            .flatten()
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect();
        files.sort();
        let (pack, faults) = Pack::read("write-good", files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        assert_eq!(faults, []);
        assert_eq!(pack.rules.len(), 8);
        // What write-good's own page gives as examples, and our words around them.
        let text = "So the cat was stolen. There are some very obvious changes. Many readers are not aware that the the brain skips. The the is no repetition to Vale. \
                    They add insult to injury, and it is an acid test. We utilise a number of methods.";
        let hits = pack.hits(&Document::new(text), Level::Warning);
        let found: Vec<(&str, &str)> = hits.iter().map(|hit| (hit.rule.as_str(), &text[hit.range.clone()])).collect();
        for expected in [
            ("write-good.So", "So "),
            ("write-good.Passive", "was stolen"),
            ("write-good.ThereIs", "There are"),
            ("write-good.Weasel", "very"),
            ("write-good.Illusions", "the the"),
            ("write-good.Cliches", "add insult to injury"),
            ("write-good.Cliches", "acid test"),
            ("write-good.TooWordy", "a number of"),
        ] {
            assert!(found.contains(&expected), "{expected:?} in {found:?}");
        }
        assert_eq!(hits.iter().filter(|hit| hit.rule == "write-good.Illusions").count(), 1);
        let message = &hits.iter().find(|hit| hit.rule == "write-good.Weasel").unwrap().message;
        assert_eq!(message, "'very' is a weasel word!");
    }
}
