//! Three-way merge of prose: a text was generated, a person changed it, and it is generated anew.
//!
//! ```text
//!   base ──person──► ours          what the person changed stays, word for word;
//!     └──again────► theirs         what they left alone becomes what the new text says
//! ```
//! Passages are paragraphs, then lines, then sentences: where both changed one paragraph, only the sentences that the person
//! touched are held. Passages of two texts belong together when they share half of their words (Dice, 1945), in order, by the
//! alignment with the most in common (Needleman and Wunsch, 1970); what is left between two such pairs belongs together when it
//! is equally many. Where both changed the same passage, or one took out what the other changed, the person wins and the other
//! side is told, so nothing is reverted in silence.

use std::collections::BTreeMap;

/// A passage on which the person and the new text differ. The merged text says what the person wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What stands there now; empty where the person took it out.
    pub ours: String,
    /// What the new text says there; empty where it says nothing.
    pub theirs: String,
}

/// A merged text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub text: String,
    /// In the order of the text.
    pub conflicts: Vec<Conflict>,
}

/// Above this many pairs of passages only equal ones belong together, so that a long text does not take long.
const PAIRS_MOST: usize = 40_000;
/// Passages that share at least this much belong together.
const ALIKE: f64 = 0.5;

/// What the person changed between `base` and `ours`, on top of `theirs`.
pub fn merge(base: &str, theirs: &str, ours: &str) -> Merged {
    let mut merged = Merged::default();
    merged.text = level(base.trim_end(), theirs.trim_end(), ours.trim_end(), Level::Paragraph, &mut merged.conflicts);
    merged
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Paragraph,
    Line,
    Sentence,
}

impl Level {
    fn below(self) -> Option<Level> {
        match self {
            Level::Paragraph => Some(Level::Line),
            Level::Line => Some(Level::Sentence),
            Level::Sentence => None,
        }
    }

    fn joint(self) -> &'static str {
        match self {
            Level::Paragraph => "\n\n",
            Level::Line => "\n",
            Level::Sentence => " ",
        }
    }

    fn split(self, text: &str) -> Vec<&str> {
        if text.is_empty() {
            return Vec::new();
        }
        match self {
            Level::Paragraph => text.split("\n\n").map(|part| part.trim_end()).filter(|part| !part.trim().is_empty()).collect(),
            Level::Line => text.split('\n').map(str::trim_end).collect(),
            Level::Sentence => sentences(text),
        }
    }
}

/// Ends after `.`, `!` or `?` (and what closes it) that a space follows. The space is left out; the first keeps its indent.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let (mut start, mut ended) = (0, false);
    for (at, c) in text.char_indices() {
        if c == ' ' && ended && !text[start..at].trim().is_empty() {
            sentences.push(&text[start..at]);
            start = at + 1;
        }
        ended = matches!(c, '.' | '!' | '?' | '。') || (ended && matches!(c, '"' | '\'' | ')' | ']' | '”' | '’'));
    }
    if start < text.len() {
        sentences.push(&text[start..]);
    }
    sentences
}

/// Merges at one level and below.
fn level(base: &str, theirs: &str, ours: &str, at: Level, conflicts: &mut Vec<Conflict>) -> String {
    if ours == base {
        return theirs.to_owned();
    }
    if theirs == base || theirs == ours {
        return ours.to_owned();
    }
    let (base, theirs, ours) = (at.split(base), at.split(theirs), at.split(ours));
    let (new, kept) = (pairs(&base, &theirs), pairs(&base, &ours));
    let mut inserted: Vec<bool> = vec![true; ours.len()];
    kept.iter().flatten().for_each(|at| inserted[*at] = false);
    let insertions: Vec<&str> = ours.iter().zip(&inserted).filter(|(_, new)| **new).map(|(unit, _)| *unit).collect();
    // Both may have added the same; then it stands where the person put it.
    let added = |unit: &&&str| !insertions.contains(*unit);

    let mut out: Vec<String> = Vec::new();
    let (mut their_next, mut our_next) = (0, 0);
    for (place, unit) in base.iter().enumerate() {
        if let Some(ours_at) = kept[place] {
            out.extend(ours[our_next..ours_at].iter().map(|unit| (*unit).to_owned()));
            our_next = ours_at + 1;
        }
        let until = new[place].unwrap_or_else(|| abreast(&new, place, their_next, theirs.len()));
        if until > their_next || new[place].is_some() {
            out.extend(theirs[their_next..until].iter().filter(added).map(|unit| (*unit).to_owned()));
            their_next = until + usize::from(new[place].is_some());
        }
        let theirs_here = new[place].map(|at| theirs[at]);
        match (kept[place].map(|at| ours[at]), theirs_here) {
            (Some(ours), theirs) if ours == *unit => out.extend(theirs.map(str::to_owned)),
            (Some(ours), Some(theirs)) if theirs == *unit || theirs == ours => out.push(ours.to_owned()),
            (Some(ours), Some(theirs)) => match at.below() {
                Some(below) => out.push(level(unit, theirs, ours, below, conflicts)),
                None => {
                    conflicts.push(Conflict { ours: ours.to_owned(), theirs: theirs.to_owned() });
                    out.push(ours.to_owned());
                }
            },
            (Some(ours), None) => {
                conflicts.push(Conflict { ours: ours.to_owned(), theirs: String::new() });
                out.push(ours.to_owned());
            }
            (None, Some(theirs)) if theirs == *unit => {}
            (None, Some(theirs)) => conflicts.push(Conflict { ours: String::new(), theirs: theirs.to_owned() }),
            (None, None) => {}
        }
    }
    out.extend(ours[our_next..].iter().map(|unit| (*unit).to_owned()));
    out.extend(theirs[their_next..].iter().filter(added).map(|unit| (*unit).to_owned()));
    out.join(at.joint())
}

/// How far the new text is when the old one is at a passage that has no counterpart: as far through the gap as the old one.
fn abreast(new: &[Option<usize>], place: usize, their_next: usize, their_len: usize) -> usize {
    let end = new[place..].iter().flatten().next().copied().unwrap_or(their_len);
    let gap = new[place..].iter().take_while(|pair| pair.is_none()).count();
    their_next + (end - their_next) / (gap + 1)
}

/// For each passage of `a` the one of `b` that belongs to it, in order.
fn pairs(a: &[&str], b: &[&str]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; a.len()];
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let back = a[front..].iter().rev().zip(b[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    (0..front).for_each(|at| pairs[at] = Some(at));
    (0..back).for_each(|at| pairs[a.len() - 1 - at] = Some(b.len() - 1 - at));
    let (a_end, b_end) = (a.len() - back, b.len() - back);
    align(&a[front..a_end], &b[front..b_end], &mut pairs[front..a_end], front);
    // Equally many between two pairs belong together although their words differ.
    let (mut a_from, mut b_from) = (0, 0);
    for at in 0..=a.len() {
        let to = if at < a.len() { pairs[at] } else { Some(b.len()) };
        let Some(to) = to else { continue };
        if at > a_from && at - a_from == to - b_from {
            (a_from..at).for_each(|place| pairs[place] = Some(b_from + place - a_from));
        }
        (a_from, b_from) = (at + 1, to + 1);
    }
    pairs
}

/// The pairs with the most in common. `offset` is where `b` begins.
fn align(a: &[&str], b: &[&str], pairs: &mut [Option<usize>], offset: usize) {
    let many = a.len().saturating_mul(b.len()) > PAIRS_MOST;
    let (words_a, words_b): (Vec<_>, Vec<_>) =
        (a.iter().map(|unit| words(unit)).collect(), b.iter().map(|unit| words(unit)).collect());
    let alike = |i: usize, j: usize| {
        if a[i] == b[j] {
            return 1.5;
        }
        let share = if many { 0.0 } else { share(&words_a[i], &words_b[j]) };
        if share >= ALIKE { share } else { 0.0 }
    };
    if many && a.len().saturating_mul(b.len()) > PAIRS_MOST * 100 {
        // Far too long to compare: only what stands in both exactly once.
        return unique(a, b, pairs, offset);
    }
    // best[i][j]: the most that a[i..] and b[j..] have in common.
    let width = b.len() + 1;
    let mut best = vec![0.0_f64; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let apart = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let pair = alike(i, j);
            best[i * width + j] = if pair > 0.0 { apart.max(pair + best[(i + 1) * width + j + 1]) } else { apart };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let pair = alike(i, j);
        if pair > 0.0 && best[i * width + j] == pair + best[(i + 1) * width + j + 1] {
            pairs[i] = Some(offset + j);
            (i, j) = (i + 1, j + 1);
        } else if best[i * width + j] == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
}

/// Passages that stand in both exactly once, as long as their order is the same.
fn unique(a: &[&str], b: &[&str], pairs: &mut [Option<usize>], offset: usize) {
    let count = |units: &[&str]| {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        units.iter().enumerate().for_each(|(at, unit)| places.entry((*unit).to_owned()).or_default().push(at));
        places
    };
    let (in_a, in_b) = (count(a), count(b));
    let mut next = 0;
    for (at, unit) in a.iter().enumerate() {
        if let (Some([_]), Some([place])) = (in_a.get(*unit).map(Vec::as_slice), in_b.get(*unit).map(Vec::as_slice))
            && *place >= next
        {
            pairs[at] = Some(offset + place);
            next = place + 1;
        }
    }
}

/// Words in lower case without what surrounds them, sorted.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words
}

/// The share of words that two lists have in common, from 0 to 1 (Dice).
fn share(a: &[String], b: &[String]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    2.0 * common as f64 / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "# Prices moved\n\nTwo rivals raised prices. It was in June.\n\n## What to do\n\n- Look at your bill.\n- Ask for a quote.\n\nCall us.";

    fn text(base: &str, theirs: &str, ours: &str) -> String {
        merge(base, theirs, ours).text
    }

    #[test]
    fn what_only_one_side_changed_is_taken() {
        let theirs = BASE.replace("Call us.", "Write to us.");
        let ours = BASE.replace("in June", "on 3 June");
        let merged = merge(BASE, &theirs, &ours);
        assert_eq!(merged.text, BASE.replace("in June", "on 3 June").replace("Call us.", "Write to us."));
        assert_eq!(merged.conflicts, []);
        assert_eq!(text(BASE, BASE, &ours), ours);
        assert_eq!(text(BASE, &theirs, BASE), theirs);
    }

    #[test]
    fn in_one_paragraph_only_the_sentences_that_a_person_touched_are_held() {
        let theirs = BASE.replace("Two rivals raised prices.", "Two rivals raised prices by a tenth.");
        let ours = BASE.replace("It was in June.", "It was on 3 June.");
        let merged = merge(BASE, &theirs, &ours);
        assert!(merged.text.contains("Two rivals raised prices by a tenth. It was on 3 June.\n"), "{}", merged.text);
        assert_eq!(merged.conflicts, []);
        let theirs = BASE.replace("- Ask for a quote.", "- Ask for a written quote.");
        let ours = BASE.replace("- Look at your bill.", "- Look at your last bill.");
        assert!(text(BASE, &theirs, &ours).contains("- Look at your last bill.\n- Ask for a written quote.\n"));
    }

    #[test]
    fn where_both_changed_the_person_wins_and_the_other_side_is_told() {
        let theirs = BASE.replace("It was in June.", "It was in early June.");
        let ours = BASE.replace("It was in June.", "It was on 3 June.");
        let merged = merge(BASE, &theirs, &ours);
        assert!(merged.text.contains("It was on 3 June.") && !merged.text.contains("early"), "{}", merged.text);
        let expected = Conflict { ours: "It was on 3 June.".to_owned(), theirs: "It was in early June.".to_owned() };
        assert_eq!(merged.conflicts, [expected]);
    }

    #[test]
    fn what_a_person_took_out_stays_out() {
        let ours = BASE.replace("\n\nCall us.", "");
        let theirs = BASE.replace("Two rivals", "Three rivals");
        let merged = merge(BASE, &theirs, &ours);
        assert!(!merged.text.contains("Call us") && merged.text.contains("Three rivals"));
        assert_eq!(merged.conflicts, []);
        let theirs = theirs.replace("Call us.", "Call us today.");
        let merged = merge(BASE, &theirs, &ours);
        assert!(!merged.text.contains("Call us"));
        assert_eq!(merged.conflicts, [Conflict { ours: String::new(), theirs: "Call us today.".to_owned() }]);
    }

    #[test]
    fn what_a_person_wrote_survives_a_text_that_shares_nothing() {
        let ours =
            BASE.replace("Call us.", "Call us.\n\nAnn is there on Mondays.").replace("It was in June.", "It was on 3 June.");
        let theirs = "# Something else\n\nA new beginning.\n\nA new middle that is longer.\n\nMore.\n\nThe end of it.\n\nAnd a postscript.";
        let merged = merge(BASE, theirs, &ours);
        assert!(merged.text.contains("It was on 3 June.") && merged.text.contains("Ann is there on Mondays."), "{}", merged.text);
        assert!(merged.text.contains("A new beginning.") || !merged.conflicts.is_empty());
    }

    #[test]
    fn what_both_added_stands_there_once() {
        let more = "\n\nPrices are net.";
        let merged = merge(BASE, &format!("{}{more}", BASE.replace("Two", "Three")), &format!("{BASE}{more}"));
        assert_eq!(merged.text.matches("Prices are net.").count(), 1);
    }

    struct Chance(u64);

    impl Chance {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) as usize) % n.max(1)
        }
    }

    /// Paragraphs of sentences; each sentence is made of a few words.
    fn write(chance: &mut Chance) -> Vec<Vec<String>> {
        let sentence = |chance: &mut Chance| {
            let words: Vec<String> = (0..2 + chance.below(5)).map(|_| format!("word{}", chance.below(30))).collect();
            format!("{}.", words.join(" "))
        };
        (0..1 + chance.below(6)).map(|_| (0..1 + chance.below(3)).map(|_| sentence(chance)).collect()).collect()
    }

    fn change(text: &[Vec<String>], chance: &mut Chance, mark: &str) -> Vec<Vec<String>> {
        let mut text = text.to_vec();
        for n in 0..chance.below(5) {
            let at = chance.below(text.len());
            match chance.below(6) {
                0 => text.insert(at, vec![format!("{mark} paragraph {n}.")]),
                1 if text.len() > 1 => drop(text.remove(at)),
                2 => {
                    let place = chance.below(text[at].len() + 1);
                    text[at].insert(place, format!("{mark} sentence {n}."));
                }
                3 if text[at].len() > 1 => {
                    let place = chance.below(text[at].len());
                    text[at].remove(place);
                }
                _ => {
                    let place = chance.below(text[at].len());
                    let words: Vec<&str> = text[at][place].trim_end_matches('.').split(' ').collect();
                    text[at][place] = format!("{} {mark}{n}.", words[..words.len() - 1].join(" ")).trim_start().to_owned();
                }
            }
        }
        text
    }

    fn show(text: &[Vec<String>]) -> String {
        text.iter().map(|paragraph| paragraph.join(" ")).collect::<Vec<_>>().join("\n\n")
    }

    #[test]
    fn no_passage_that_a_person_wrote_is_ever_lost() {
        for seed in 0..20_000 {
            let mut chance = Chance(seed);
            let base = write(&mut chance);
            let ours = change(&base, &mut chance, "ours");
            // Generated anew: changed in places, or altogether.
            let theirs = if chance.below(4) == 0 { write(&mut chance) } else { change(&base, &mut chance, "theirs") };
            let (base, theirs) = (show(&base), show(&theirs));
            let merged = merge(&base, &theirs, &show(&ours));
            let mut rest = merged.text.as_str();
            for sentence in ours.iter().flatten().filter(|sentence| sentence.contains("ours")) {
                let at = rest.find(sentence.as_str());
                let at = at.unwrap_or_else(|| {
                    panic!(
                        "seed {seed}: `{sentence}` is lost or out of order in\n{}\nbase\n{base}\ntheirs\n{theirs}\nours\n{}",
                        merged.text,
                        show(&ours)
                    )
                });
                rest = &rest[at + sentence.len()..];
            }
        }
    }

    #[test]
    fn without_a_change_of_the_person_nothing_is_held() {
        for seed in 0..500 {
            let mut chance = Chance(seed);
            let (base, theirs) = (show(&write(&mut chance)), show(&write(&mut chance)));
            assert_eq!(merge(&base, &theirs, &base), Merged { text: theirs.clone(), conflicts: Vec::new() });
            assert_eq!(text(&base, &base, &theirs), theirs);
        }
    }

    #[test]
    fn hostile_texts_end_soon() {
        let long = "a b c\n\n".repeat(5_000);
        let other = "a b d\n\n".repeat(4_000);
        assert!(merge(&long, &other, &format!("{long}mine")).text.contains("mine"));
        for (base, theirs, ours) in
            [("", "", "x"), ("x", "", ""), ("", "y", ""), ("\n\n\n", "\n", "x\n\n\n\ny"), (". . .", "?!", "…")]
        {
            merge(base, theirs, ours);
        }
    }
}
