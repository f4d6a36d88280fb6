//! Voice: rule packs that find worn and forbidden ways of speaking, and how far a text is from what the team has approved.
//!
//! The built-in pack `ai-cliche` always runs; every folder `rules/<pack>/` of the Client OS runs beside it. The distance is told in
//! numbers that a writer can act on, and only where there are enough sentences on both sides to tell.

use super::{Places, Subject, finding};
use crate::base::Digest;
use crate::builtin::production::rules::{Document, Level, PACKS, Pack, RuleError};
use crate::client_os::Snapshot;
use crate::model::goods::Finding;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The packs of a Client OS, compiled, with what is wrong in them.
pub struct Packs {
    packs: Vec<Pack>,
    /// The file below the Client OS, and what is wrong in it.
    pub faults: Vec<(String, RuleError)>,
}

/// Compiling many expressions takes longer than running them, and every piece of a cycle is checked with the same ones.
static COMPILED: LazyLock<Mutex<BTreeMap<Digest, Arc<Packs>>>> = LazyLock::new(Mutex::default);
/// Packs of so many versions are kept.
const KEPT: usize = 8;

/// The packs in `rules/` of a Client OS.
pub fn packs(client_os: &Snapshot) -> Arc<Packs> {
    let digest = Digest::of_json(&client_os.rules);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(packs) = compiled.get(&digest) {
        return packs.clone();
    }
    let mut by_pack: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, text) in &client_os.rules {
        let pack = path.strip_prefix("rules/").and_then(|rest| rest.rsplit_once('/')).map_or("own", |(pack, _)| pack);
        by_pack.entry(pack).or_default().push((path, text));
    }
    let mut packs = Packs { packs: Vec::new(), faults: Vec::new() };
    for (name, files) in by_pack {
        let (pack, faults) = Pack::read(name, files);
        packs.packs.push(pack);
        packs.faults.extend(faults);
    }
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    let packs = Arc::new(packs);
    compiled.insert(digest, packs.clone());
    packs
}

/// What the packs find at or above `least`, and how far the text is from the approved samples.
pub fn check_from(text: &str, client_os: &Snapshot, least: Level) -> Vec<Finding> {
    let document = Document::new(text);
    let own = packs(client_os);
    let mut findings = Vec::new();
    for pack in PACKS.values().chain(&own.packs) {
        let mut places = Places::new(text);
        for hit in pack.hits(&document, least) {
            let message = format!("{} [{}]", hit.message.trim_end_matches('.'), hit.rule);
            let found = places.finding("voice", hit.range, message, hit.level == Level::Error);
            findings.push(Finding { fix: hit.fix, ..found });
        }
    }
    findings.extend(distance(text, &document, client_os));
    findings
}

/// The same for a draft, from warnings on. A rule that does not run is told with it, so that its silence is not taken for praise.
pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = check_from(subject.text, subject.client_os, Level::Warning);
    for (path, fault) in &packs(subject.client_os).faults {
        let message = format!("the rule `{path}` does not run: {}", fault.message);
        findings.push(finding("voice", subject.text, 0..0, message, false));
    }
    findings
}

/// Sentences needed on either side before a difference is told.
const LEAST_SENTENCES: usize = 5;

/// How long the sentences are, against the approved samples. Told when the difference is beyond three standard errors (Welch 1947) and
/// more than a third: small differences are style, not drift.
fn distance(text: &str, document: &Document<'_>, client_os: &Snapshot) -> Option<Finding> {
    let samples = client_os.samples.join("\n\n");
    let samples = Document::new(&samples);
    let (own, approved) = (lengths(document), lengths(&samples));
    if own.len() < LEAST_SENTENCES || approved.len() < LEAST_SENTENCES {
        return None;
    }
    let ((mean, error), (wanted, wanted_error)) = (mean_and_error(&own), mean_and_error(&approved));
    let difference = mean - wanted;
    if difference.abs() <= 3.0 * (error * error + wanted_error * wanted_error).sqrt() || difference.abs() <= wanted / 3.0 {
        return None;
    }
    let way = if difference > 0.0 { "longer" } else { "shorter" };
    let message = format!(
        "sentences are {way} than in the approved samples: {mean:.0} words on average, theirs {wanted:.0} (± {:.0}, {} sentences)",
        2.0 * wanted_error,
        approved.len()
    );
    let start = document.sentences().first().map_or(0, |range| range.start);
    Some(finding("voice", text, start..start, message, false))
}

fn lengths(document: &Document<'_>) -> Vec<f64> {
    let words = |range: &std::ops::Range<usize>| {
        document.prose()[range.clone()].split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count() as f64
    };
    document.sentences().iter().map(words).collect()
}

/// Mean and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str, client_os: &Snapshot) -> Vec<String> {
        check_from(text, client_os, Level::Warning).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn packs_of_the_client_os_run_beside_the_built_in_one_and_broken_rules_are_told() {
        let mut client_os = Snapshot::default();
        let rule = "extends: existence\nmessage: \"'%s' is not ours.\"\nlevel: error\ntokens: [folks]\n";
        client_os.rules.insert("rules/northpier/Folks.yml".into(), rule.into());
        client_os.rules.insert("rules/northpier/Bad.yml".into(), "extends: spelling\n".into());
        let found = check_from("Hello folks, let's delve into it.", &client_os, Level::Warning);
        assert_eq!(packs(&client_os).faults[0].0, "rules/northpier/Bad.yml");
        let of = |part: &str| {
            found.iter().find(|finding| finding.message.contains(part)).unwrap_or_else(|| panic!("{part}: {found:?}"))
        };
        assert!(of("'folks' is not ours [northpier.Folks]").blocking);
        assert!(!of("[ai-cliche.").blocking);
    }

    #[test]
    fn drift_from_the_samples_is_told_with_its_numbers_and_only_with_enough_sentences() {
        let sample = "Prices moved on Thursday. Your bill moves too. Here is the sum. It took us an hour. Ask us how.";
        let client_os = Snapshot { samples: vec![sample.into()], ..Snapshot::default() };
        let long = "When a team that keeps more than fifty gigabytes on volumes looks at what it pays in a month it will see the change. ";
        let found = messages(&long.repeat(6), &client_os);
        assert!(
            found.iter().any(|message| message.contains("sentences are longer") && message.contains("5 sentences")),
            "{found:?}"
        );
        assert_eq!(messages(&sample.repeat(2), &client_os), Vec::<String>::new());
        assert_eq!(messages(&long.repeat(2), &client_os), Vec::<String>::new(), "two sentences tell nothing");
    }
}
