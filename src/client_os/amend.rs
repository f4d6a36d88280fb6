//! Changing the Client OS as an accepted proposal says: text in, text out, with everything else as it was to the last byte.
//!
//! An edit names a place and what stood there when it was proposed. It is put into the file as the file is *now*: when the place
//! still says what it said, the edit goes in, whatever else has changed; when somebody has written something else there
//! meanwhile, that is a conflict, which is shown and changes nothing. Markdown is edited by lines, KDL by the spans of its values.
//!
//! A locked decision is no place that an edit can name, and a locked weight is refused here once more, because a person may have
//! locked it after the proposal was made.

use super::markdown;
use super::snapshot::Snapshot;
use super::{check, read};
use crate::base::InOrder;
use crate::base::files::MemoryFiles;
use crate::diag::{Severity, Sources};
use crate::model::goods::{Edit, Target};
use crate::syntax::{self, Node};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A file with its new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patched {
    /// Relative to the Client OS folder.
    pub file: String,
    /// `None` when there is no such file yet.
    pub old: Option<String>,
    pub new: String,
}

/// Why an edit does not go in. Nothing is lost either way: the file stays as it is and the proposal stays open.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("`{place}` already says so")]
    Already { place: String },
    #[error(
        "`{place}` has changed since the proposal was made: it said `{before}`, the proposal says `{after}`, and now it says `{now}`"
    )]
    Conflict { place: String, before: String, after: String, now: String },
    #[error("the weight of pillar `{0}` is locked, and a locked weight is changed by no proposal")]
    Locked(String),
    #[error("there is no {0} any more")]
    Gone(String),
    #[error("{0}")]
    NotSuch(String),
    #[error("it would contradict the Client OS: {0}")]
    Contradicts(String),
}

impl Refusal {
    /// The next step for a person.
    pub fn help(&self) -> &'static str {
        match self {
            Refusal::Already { .. } => "nothing needs to be done; accept it again to have that written down",
            Refusal::Conflict { .. } => {
                "nothing was changed; set your own value with `loopctl os review edit ID --text \"…\"`, or reject the proposal"
            }
            Refusal::Locked(_) => "take `locked=#true` out by hand if the team has decided so; nothing was changed",
            Refusal::Gone(_) => {
                "nothing was changed; reject the proposal, the next report makes a new one if the evidence stands"
            }
            Refusal::NotSuch(_) => "nothing was changed; give another text",
            Refusal::Contradicts(_) => "nothing was changed; a locked decision is changed by a person only, in `decisions.md`",
        }
    }
}

/// The file that `edit` changes, with its new text. `files` are the texts of the Client OS as they are now, by path.
///
/// `force` is for a person's own words: then what stands there now is what the person saw, and is replaced.
///
/// # Errors
/// When the edit does not go in; see [`Refusal`].
pub fn amended(files: &BTreeMap<String, String>, edit: &Edit, force: bool) -> Result<Patched, Refusal> {
    let after = edit.after.trim();
    if after.is_empty() {
        return Err(Refusal::NotSuch("there is nothing to write".to_owned()));
    }
    let file = edit.target.file();
    let old = files.get(&file).cloned();
    let text = old.clone().unwrap_or_default();
    let new = match &edit.target {
        Target::PillarWeight { pillar } => weight(files, &text, pillar, &edit.before, after, force)?,
        Target::GoalTarget { goal } => goal_target(&text, goal, &edit.before, after, force)?,
        Target::ForbiddenPhrase => item(&text, "Forbidden phrases", after, &edit.target)?,
        Target::Sample => item(&text, "Approved samples", after, &edit.target)?,
        Target::Audience => item(&text, "Audience", after, &edit.target)?,
        Target::Style { platform } => style(&text, platform, &edit.before, after, &edit.target, force)?,
    };
    let patched = Patched { file, old, new };
    contradictions(files, &patched)?;
    Ok(patched)
}

/// The change that takes an edit back out: where a number stood before, that number; where a line was added, without it.
///
/// # Errors
/// When the place says something else by now, or the Client OS would contradict itself without it.
pub fn taken_back(files: &BTreeMap<String, String>, edit: &Edit) -> Result<Patched, Refusal> {
    if !edit.before.trim().is_empty() {
        return amended(files, &Edit { before: edit.after.clone(), after: edit.before.clone(), ..edit.clone() }, false);
    }
    let file = edit.target.file();
    let old = files.get(&file).cloned();
    let text = old.clone().unwrap_or_default();
    let plain = |line: &str| line.trim().trim_start_matches(['-', '*']).trim().to_owned();
    let wanted = plain(&edit.after);
    let is_it = |line: &&str| plain(line) == wanted;
    if text.split_inclusive('\n').filter(is_it).count() != 1 {
        let now = "something else, or the same line more than once".to_owned();
        return Err(Refusal::Conflict { place: file, before: edit.after.clone(), after: String::new(), now });
    }
    let new: String = text.split_inclusive('\n').filter(|line| !is_it(line)).collect();
    let patched = Patched { file, old, new };
    contradictions(files, &patched)?;
    Ok(patched)
}

/// A change must not bring in what the Client OS itself calls wrong: a sample that says a forbidden phrase, for one.
fn contradictions(files: &BTreeMap<String, String>, patched: &Patched) -> Result<(), Refusal> {
    let found = |files: &BTreeMap<String, String>| {
        let (snapshot, mut findings) = snapshot(files);
        findings.extend(check(&snapshot));
        findings
            .into_iter()
            .filter(|finding| finding.severity != Severity::Advice)
            .map(|finding| finding.message)
            .collect::<Vec<_>>()
    };
    let before = found(files);
    let mut changed = files.clone();
    changed.insert(patched.file.clone(), patched.new.clone());
    match found(&changed).into_iter().find(|message| !before.contains(message)) {
        Some(message) => Err(Refusal::Contradicts(message)),
        None => Ok(()),
    }
}

/// The snapshot of texts by path.
pub fn snapshot(files: &BTreeMap<String, String>) -> (Snapshot, Vec<super::Finding>) {
    let texts = files.iter().map(|(path, text)| (format!("os/{path}"), Arc::from(text.as_str())));
    read(&MemoryFiles(texts.collect()), "os")
}

/// A number as it stands in a file: the place of its spelling and its value.
struct Spelled {
    range: Range<usize>,
    value: f64,
}

/// The property `name` of the node `verb "title"`, in text order of all such nodes.
fn numbers(text: &str, verb: &str, property: &str) -> Vec<(String, Spelled, bool)> {
    let mut sources = Sources::default();
    let (tree, _) = syntax::read(sources.add("file.kdl", text), text);
    let spelled = |node: Node<'_>| {
        let name = node.arg(0)?.value().text()?.to_owned();
        let entry = node.prop(property)?;
        let value = entry.value().number()?;
        let span = entry.span();
        let whole = span.start as usize..span.end as usize;
        // The span is that of `weight=0.3`; only the value is written anew.
        let at = text.get(whole.clone())?.find('=').map_or(whole.start, |at| whole.start + at + 1);
        // A locked weight may be written in more ways than one; whatever is not plainly `#false` locks.
        let locked = node.prop("locked").is_some_and(|entry| entry.value().bool() != Some(false));
        Some((name, Spelled { range: at..whole.end, value }, locked))
    };
    tree.roots().filter(|node| node.name() == verb).filter_map(spelled).collect()
}

fn number(text: &str, what: &str) -> Result<f64, Refusal> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| Refusal::NotSuch(format!("{what} must be a number, and `{text}` is none")))
}

/// The same number, but for rounding in its spelling.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 + 1e-9 * a.abs().max(b.abs())
}

fn spelling(value: f64) -> String {
    // Three decimals are more than anybody weighs, and files stay readable.
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{rounded}")
}

fn replaced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.order_by_key(|(range, _)| range.start);
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for (range, value) in changes {
        new.push_str(&text[at..range.start]);
        new.push_str(&value);
        at = range.end;
    }
    new.push_str(&text[at..]);
    new
}

/// Checks what stands there now against what the proposal saw.
fn fits(place: &str, before: &str, after: &str, now: f64, target: f64, force: bool) -> Result<(), Refusal> {
    if same(now, target) {
        return Err(Refusal::Already { place: place.to_owned() });
    }
    if !force && !before.trim().parse::<f64>().is_ok_and(|before| same(before, now)) {
        let (before, after) = (before.to_owned(), after.to_owned());
        return Err(Refusal::Conflict { place: place.to_owned(), before, after, now: spelling(now) });
    }
    Ok(())
}

fn weight(
    files: &BTreeMap<String, String>,
    text: &str,
    pillar: &str,
    before: &str,
    after: &str,
    force: bool,
) -> Result<String, Refusal> {
    let target = number(after, "a weight")?;
    if !(0.0..=1.0).contains(&target) {
        return Err(Refusal::NotSuch(format!("a weight is a number from 0 to 1, and `{after}` is not")));
    }
    let all = numbers(text, "pillar", "weight");
    let place = format!("pillars.kdl: pillar \"{pillar}\"");
    let Some((_, own, locked)) = all.iter().find(|(name, ..)| name == pillar) else {
        return Err(Refusal::Gone(format!("pillar `{pillar}` with a weight in `pillars.kdl`")));
    };
    let (snapshot, _) = snapshot(files);
    if *locked || snapshot.pillars.iter().any(|known| known.name == pillar && known.locked) {
        return Err(Refusal::Locked(pillar.to_owned()));
    }
    fits(&place, before, after, own.value, target, force)?;
    let sum: f64 = all.iter().map(|(_, spelled, _)| spelled.value).sum();
    // The whole stays what it was: usually 1, and if a team counts in percent of another whole, that.
    let others: Vec<&(String, Spelled, bool)> = all.iter().filter(|(name, _, locked)| name != pillar && !locked).collect();
    let free: f64 = others.iter().map(|(_, spelled, _)| spelled.value).sum();
    let left = free + own.value - target;
    if left < 0.0 || (others.is_empty() && !same(own.value, target)) || (free <= 0.0 && left > 1e-9) {
        let most = own.value + free;
        return Err(Refusal::NotSuch(format!(
            "the locked weights leave no room: `{pillar}` can be at most {} now",
            spelling(most)
        )));
    }
    let mut changes = vec![(own.range.clone(), spelling(target))];
    let mut weights: Vec<f64> =
        others.iter().map(|(_, spelled, _)| ((spelled.value / free.max(1e-12) * left) * 100.0).round() / 100.0).collect();
    // Rounding is settled on the largest, so that the sum stays as it was.
    let locked_sum = sum - free - own.value;
    let rest = sum - locked_sum - target - weights.iter().sum::<f64>();
    if let Some(largest) = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a))) {
        weights[largest] += rest;
    }
    for ((_, spelled, _), weight) in others.iter().zip(weights) {
        if !same(spelled.value, weight) {
            changes.push((spelled.range.clone(), spelling(weight)));
        }
    }
    Ok(replaced(text, changes))
}

fn goal_target(text: &str, goal: &str, before: &str, after: &str, force: bool) -> Result<String, Refusal> {
    let target = number(after, "a target")?;
    if target <= 0.0 {
        return Err(Refusal::NotSuch(format!("a target is above zero, and `{after}` is not")));
    }
    let all = numbers(text, "goal", "target");
    let Some((_, own, _)) = all.iter().find(|(name, ..)| name == goal) else {
        return Err(Refusal::Gone(format!("goal `{goal}` with a target in `strategy.kdl`")));
    };
    fits(&format!("strategy.kdl: goal \"{goal}\""), before, after, own.value, target, force)?;
    Ok(replaced(text, vec![(own.range.clone(), spelling(target))]))
}

/// One line, whatever a person pasted.
fn line_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ending(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Puts `- item` at the end of a section of `brand.md`, or the section at the end of the file when there is none.
fn item(text: &str, section: &str, item: &str, target: &Target) -> Result<String, Refusal> {
    let (item, end) = (line_of(item), ending(text));
    let sections = markdown::sections(text);
    let found = sections.iter().position(|known| super::brand::known(&known.name) == Some(section));
    let Some(at) = found else {
        let gap = if text.is_empty() || text.ends_with(&format!("{end}{end}")) {
            String::new()
        } else if text.ends_with('\n') {
            end.to_owned()
        } else {
            format!("{end}{end}")
        };
        return Ok(format!("{text}{gap}## {section}{end}- {item}{end}"));
    };
    let plain = |text: &str| text.trim_matches(['"', '“', '”', '\'']).to_lowercase();
    if sections[at].items().iter().any(|(_, known)| plain(known) == plain(&item)) {
        return Err(Refusal::Already { place: target.to_string() });
    }
    // The last line of the section that says something; the new one takes its list mark.
    let last = sections[at].lines.iter().rev().find(|(_, line)| !line.trim().is_empty());
    let number = last.map_or(sections[at].line, |(number, _)| *number);
    let lines = &sections[at].lines;
    let mark = lines.iter().rev().find_map(|(_, line)| {
        let trimmed = line.trim_start();
        ['-', '*', '+'].into_iter().find(|mark| trimmed.starts_with(*mark) && trimmed[1..].starts_with(' '))
    });
    // A list must not run into a paragraph.
    let is_loose = mark.is_none() && last.is_some();
    Ok(inserted(text, number, &format!("{}{} {item}", if is_loose { end } else { "" }, mark.unwrap_or('-')), end))
}

/// `line` after the line with this number, from 1.
fn inserted(text: &str, number: u32, line: &str, end: &str) -> String {
    let mut new = String::with_capacity(text.len() + line.len() + 2);
    let mut done = false;
    for (at, known) in (1u32..).zip(text.split_inclusive('\n')) {
        new.push_str(known);
        if at == number {
            if !known.ends_with('\n') {
                new.push_str(end);
            }
            new.push_str(line);
            new.push_str(if known.ends_with('\n') || text.ends_with('\n') { end } else { "" });
            done = true;
        }
    }
    if !done {
        new.push_str(line);
        new.push_str(end);
    }
    new
}

/// A rule at the end of a platform's style guide, or in the place of an older one.
fn style(text: &str, platform: &str, before: &str, after: &str, target: &Target, force: bool) -> Result<String, Refusal> {
    if platform.is_empty() || platform.contains(['/', '\\', '.']) {
        return Err(Refusal::NotSuch(format!("`{platform}` is no name of a platform")));
    }
    let (after, end) = (line_of(after), ending(text));
    let bare = |line: &str| markdown::item_text(line.trim()).unwrap_or(line.trim()).to_owned();
    if text.lines().any(|line| bare(line) == after) {
        return Err(Refusal::Already { place: target.to_string() });
    }
    if before.trim().is_empty() || force {
        if text.trim().is_empty() {
            let mut title: Vec<char> = platform.chars().collect();
            title[0] = title[0].to_ascii_uppercase();
            return Ok(format!("# {}{end}{end}- {after}{end}", title.into_iter().collect::<String>()));
        }
        let last = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).last().map_or(0, |(at, _)| at + 1);
        let is_item = text.lines().nth(last.saturating_sub(1)).is_some_and(|line| markdown::item_text(line).is_some());
        return Ok(inserted(text, last as u32, &format!("{}- {after}", if is_item { "" } else { end }), end));
    }
    let Some(found) = text.lines().find(|line| bare(line) == before.trim()) else {
        let (before, now) = (before.to_owned(), "the line is gone or was reworded".to_owned());
        return Err(Refusal::Conflict { place: target.to_string(), before, after, now });
    };
    let start = found.as_ptr() as usize - text.as_ptr() as usize;
    let at = start + found.find(before.trim()).unwrap_or(0);
    Ok(replaced(text, vec![(at..at + before.trim().len(), after)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PILLARS: &str = "// ours\npillar \"Ops\" weight=0.3 { // first\n    topics \"deploy\"\n}\npillar \"Data\" weight=0.25 locked=#false\npillar \"Cost\" weight=0.25 locked=#true\npillar \"Security\" weight=0.2\n";

    fn files(path: &str, text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(path.to_owned(), text.to_owned())])
    }

    fn edit(target: Target, before: &str, after: &str) -> Edit {
        Edit { target, before: before.into(), after: after.into() }
    }

    fn pillar(name: &str, before: &str, after: &str) -> Edit {
        edit(Target::PillarWeight { pillar: name.into() }, before, after)
    }

    #[track_caller]
    fn new(text: &str, edit: &Edit) -> String {
        amended(&files(&edit.target.file(), text), edit, false).expect("it goes in").new
    }

    #[track_caller]
    fn refused(text: &str, edit: &Edit) -> Refusal {
        amended(&files(&edit.target.file(), text), edit, false).expect_err("it does not go in")
    }

    #[test]
    fn a_weight_changes_and_the_unlocked_others_make_room_while_all_else_stays() {
        let text = new(PILLARS, &pillar("Ops", "0.3", "0.36"));
        let expected = PILLARS
            .replace("weight=0.3 ", "weight=0.36 ")
            .replace("\"Data\" weight=0.25", "\"Data\" weight=0.22")
            .replace("weight=0.2\n", "weight=0.17\n");
        assert_eq!(text, expected);
        // What the reader makes of it is what was meant, and the crate we compare our reader with reads the same.
        let (snapshot, findings) = snapshot(&files("pillars.kdl", &text));
        assert!(findings.is_empty(), "{findings:?}");
        assert!((snapshot.pillars.iter().map(|pillar| pillar.weight).sum::<f64>() - 1.0).abs() < 1e-9);
        let document: kdl::KdlDocument = text.parse().expect("still KDL");
        let weights: Vec<f64> =
            document.nodes().iter().filter_map(|node| node.get("weight").and_then(|value| value.as_float())).collect();
        assert_eq!(weights, [0.36, 0.22, 0.25, 0.17]);
    }

    #[test]
    fn a_place_that_somebody_changed_meanwhile_is_a_conflict_and_other_changes_are_none() {
        let now = PILLARS.replace("weight=0.3 ", "weight=0.4 ").replace("weight=0.2\n", "weight=0.1\n");
        let Refusal::Conflict { now: found, .. } = refused(&now, &pillar("Ops", "0.3", "0.36")) else { panic!("a conflict") };
        assert_eq!(found, "0.4");
        let forced = amended(&files("pillars.kdl", &now), &pillar("Ops", "0.3", "0.36"), true).expect("a person's word");
        assert!(forced.new.contains("\"Ops\" weight=0.36"));
        // Another pillar, a comment and a topic have changed: that is no conflict.
        let now = PILLARS.replace("// ours", "// ours, all four").replace("topics \"deploy\"", "topics \"deploy\" \"ship\"");
        assert!(
            new(&now, &pillar("Ops", "0.30", "0.36")).contains("\"Ops\" weight=0.36 { // first\n    topics \"deploy\" \"ship\"")
        );
        assert!(matches!(refused(PILLARS, &pillar("Ops", "0.2", "0.3")), Refusal::Already { .. }));
        assert!(matches!(refused(PILLARS, &pillar("Gone", "0.2", "0.3")), Refusal::Gone(_)));
    }

    #[test]
    fn what_is_locked_stays_locked() {
        assert_eq!(refused(PILLARS, &pillar("Cost", "0.25", "0.3")), Refusal::Locked("Cost".into()));
        let all = "pillar \"A\" weight=0.5 locked=#true\npillar \"B\" weight=0.5\n";
        assert!(matches!(refused(all, &pillar("B", "0.5", "0.6")), Refusal::NotSuch(_)));
        assert!(matches!(refused(PILLARS, &pillar("Ops", "0.3", "0.9")), Refusal::NotSuch(_)));
        assert!(matches!(refused(PILLARS, &pillar("Ops", "0.3", "much")), Refusal::NotSuch(_)));
    }

    #[test]
    fn a_line_goes_to_the_end_of_its_section_in_the_marks_of_the_file() {
        let text = "# Us\n\n## Never say\n* best\n* seamless\n\n## Voice\nPlain.\n";
        let phrase = |text: &str| edit(Target::ForbiddenPhrase, "", text);
        assert_eq!(
            new(text, &phrase("game  changer\n")),
            "# Us\n\n## Never say\n* best\n* seamless\n* game changer\n\n## Voice\nPlain.\n"
        );
        assert!(matches!(refused(text, &phrase("Seamless")), Refusal::Already { .. }));
        assert_eq!(new("# Us\r\n", &phrase("x")), "# Us\r\n\r\n## Forbidden phrases\r\n- x\r\n");
        assert_eq!(new("", &phrase("x")), "## Forbidden phrases\n- x\n");
        let audience = edit(Target::Audience, "", "Not for agencies.");
        assert_eq!(new("## ICP\nTeams.", &audience), "## ICP\nTeams.\n\n- Not for agencies.");
    }

    #[test]
    fn a_style_rule_is_added_or_takes_the_place_of_an_older_one() {
        let style = |before: &str, after: &str| edit(Target::Style { platform: "blog".into() }, before, after);
        assert_eq!(new("", &style("", "Short.")), "# Blog\n\n- Short.\n");
        let text = "# Blog\n\n- About 300 words.\n- No emoji.\n";
        assert_eq!(new(text, &style("", "One link.")), "# Blog\n\n- About 300 words.\n- No emoji.\n- One link.\n");
        assert_eq!(new(text, &style("About 300 words.", "About 150 words.")), text.replace("300", "150"));
        assert!(matches!(refused(text, &style("About 200 words.", "About 150 words.")), Refusal::Conflict { .. }));
        let outside = edit(Target::Style { platform: "../x".into() }, "", "y");
        assert!(matches!(amended(&BTreeMap::new(), &outside, false), Err(Refusal::NotSuch(_))));
    }

    #[test]
    fn what_contradicts_a_locked_decision_does_not_go_in() {
        let mut files = files("brand.md", "## Approved samples\n- Plain words.\n");
        files.insert("decisions.md".into(), "## No ranking\nWe describe.\n- never say: \"better than\"\n".into());
        let sample = edit(Target::Sample, "", "Ours is better than theirs.");
        assert!(matches!(amended(&files, &sample, false), Err(Refusal::Contradicts(message)) if message.contains("better than")));
    }

    #[test]
    fn any_file_survives_any_edit() {
        let pieces = [
            "## Audience\n",
            "- ",
            "pillar \"a\" ",
            "weight=",
            "0.5",
            "1e400",
            "\n",
            "{",
            "}",
            "\"",
            "é",
            "<!--",
            "locked=#true ",
            "\r\n",
            "```",
        ];
        let mut rng = crate::base::Rng::new(11);
        for _ in 0..800 {
            let text: String = (0..rng.below(20)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            for target in [Target::PillarWeight { pillar: "a".into() }, Target::Audience, Target::Style { platform: "p".into() }]
            {
                let edit = edit(target, "0.5", "0.6");
                if let Ok(patched) = amended(&files(&edit.target.file(), &text), &edit, false) {
                    assert!(patched.new.contains("0.6"), "{text:?} → {:?}", patched.new);
                }
            }
        }
    }
}
