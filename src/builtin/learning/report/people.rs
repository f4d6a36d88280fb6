//! The second question of a report: do pieces that a machine had a hand in beat those that people wrote?
//!
//! The two sorts are compared by the outcomes of a piece, with an interval, as soon as there are enough of both. When people write
//! about other things than the machine, the difference may be that of the topics, so it is told within pillars as well.

use super::history::{Author, History, Piece};
use super::questions::{LEVEL, OUTCOMES_MIN, PIECES_MIN, counted, difference, interval_of_mean, listed};
use crate::model::goods::report::{Bar, Section};
use crate::stats::intervals::{Sample, within_strata};
use crate::stats::summary::mean;
use std::collections::BTreeMap;

fn outcomes(pieces: &[&Piece]) -> Vec<f64> {
    pieces.iter().map(|piece| piece.outcomes).collect()
}

/// What is left of a difference within pillars, where pieces are about several of them.
fn in_the_same_pillar(assisted: &[&Piece], human: &[&Piece]) -> Option<String> {
    let mut pillars: BTreeMap<Option<&str>, [Vec<f64>; 2]> = BTreeMap::new();
    for (side, pieces) in [assisted, human].into_iter().enumerate() {
        for piece in pieces {
            pillars.entry(piece.pillar.as_deref()).or_default()[side].push(piece.outcomes);
        }
    }
    if pillars.len() < 2 {
        return None;
    }
    if pillars.values().all(|[ours, theirs]| ours.is_empty() || theirs.is_empty()) {
        return Some("The two sorts are about different pillars, so the difference may be that of the pillars.".to_owned());
    }
    let strata: Vec<(Sample, Sample)> = pillars.values().map(|[ours, theirs]| (Sample::of(ours), Sample::of(theirs))).collect();
    let found = within_strata(&strata, LEVEL)?.interval;
    let chance = if found.contains(0.0) { ", which can be chance" } else { "" };
    Some(format!(
        "Within the same pillar the difference is {:+.2} (between {:+.2} and {:+.2}){chance}.",
        found.estimate, found.low, found.high
    ))
}

/// Question two: do pieces that a machine had a hand in beat those that people wrote?
pub fn people(history: &History) -> Section {
    let title = "Do AI-assisted pieces beat human-only ones?".to_owned();
    let of =
        |wanted: &[Author]| -> Vec<&Piece> { history.pieces.iter().filter(|piece| wanted.contains(&piece.author)).collect() };
    let (assisted, human) = (of(&[Author::Generated, Author::Assisted]), of(&[Author::Person]));
    if assisted.is_empty() && human.is_empty() {
        return Section { title, says: vec!["Nothing to compare yet.".to_owned()], bars: Vec::new(), unit: String::new() };
    }
    let changed = of(&[Author::Assisted]);
    let mut says = vec![format!(
        "{} generated and went out as they were, {} by a person on the way, {} by a person.",
        match of(&[Author::Generated]).len() {
            1 => "1 piece was".to_owned(),
            n => format!("{n} pieces were"),
        },
        match changed.len() {
            1 => "1 was changed".to_owned(),
            n => format!("{n} were changed"),
        },
        match human.len() {
            1 => "1 was written".to_owned(),
            n => format!("{n} were written"),
        }
    )];
    if !changed.is_empty() {
        let kept: Vec<f64> = changed.iter().map(|piece| piece.kept * 100.0).collect();
        let between = interval_of_mean(&kept)
            .map_or_else(String::new, |(low, high)| format!(" (between {:.0} % and {:.0} %)", low.max(0.0), high.min(100.0)));
        says.push(format!("Of the changed ones, {:.0} % of the words were kept on average{between}.", mean(&kept)));
    }
    let known = |wanted: &[Author]| -> Vec<&Piece> { history.counted().filter(|piece| wanted.contains(&piece.author)).collect() };
    let (assisted, human) = (known(&[Author::Generated, Author::Assisted]), known(&[Author::Person]));
    let (ours, theirs) = (outcomes(&assisted), outcomes(&human));
    let total: f64 = ours.iter().chain(&theirs).sum();
    let mut missing = Vec::new();
    for (count, word) in [(ours.len(), "AI-assisted piece"), (theirs.len(), "human-only piece")] {
        if count < PIECES_MIN {
            missing.push(counted(PIECES_MIN - count, &format!("more {word}")));
        }
    }
    if total < OUTCOMES_MIN {
        missing.push(counted((OUTCOMES_MIN - total).ceil() as usize, "more outcome"));
    }
    let mut bars = Vec::new();
    if missing.is_empty() {
        for (label, values) in [("AI-assisted", &ours), ("human-only", &theirs)] {
            bars.push(Bar { label: label.to_owned(), value: mean(values), interval: interval_of_mean(values) });
        }
        says.push(match difference(&ours, &theirs) {
            Some(found) => {
                let verdict = match (found.contains(0.0), found.estimate > 0.0) {
                    (true, _) => "AI-assisted pieces cannot be told from human-only ones",
                    (false, true) => "AI-assisted pieces beat human-only ones",
                    (false, false) => "AI-assisted pieces trail human-only ones",
                };
                format!(
                    "{verdict}: {:.2} outcomes a piece against {:.2} (difference {:+.2}, between {:+.2} and {:+.2}).",
                    mean(&ours),
                    mean(&theirs),
                    found.estimate,
                    found.low,
                    found.high
                )
            }
            None => format!(
                "{:.2} outcomes a piece against {:.2}; neither side varies, so no interval can be told.",
                mean(&ours),
                mean(&theirs)
            ),
        });
        says.extend(in_the_same_pillar(&assisted, &human));
    } else {
        says.push(format!("Not enough evidence yet on which do better; it takes {}.", listed(&missing)));
    }
    Section { title, says, unit: if bars.is_empty() { String::new() } else { "outcomes a piece".to_owned() }, bars }
}

#[cfg(test)]
mod tests {
    use super::super::questions::tests::{history, piece};
    use super::*;

    #[test]
    fn assisted_pieces_are_compared_with_a_persons_only_when_there_are_enough() {
        let few = history((0..6).map(|n| piece(n, if n < 4 { Author::Generated } else { Author::Person }, 0.0)).collect());
        assert_eq!(
            people(&few).says[1],
            "Not enough evidence yet on which do better; it takes 6 more AI-assisted pieces, 8 more human-only pieces and 5 more outcomes."
        );
        let pieces = (0..40).map(|n| {
            piece(n, if n < 20 { Author::Generated } else { Author::Person }, if n < 20 { 4.0 } else { 1.0 } + (n % 3) as f64)
        });
        let many = people(&history(pieces.collect()));
        assert!(
            many.says[1].starts_with(
                "AI-assisted pieces beat human-only ones: 4.95 outcomes a piece against 2.00 (difference +2.95, between"
            ),
            "{:?}",
            many.says
        );
        assert_eq!(many.bars.len(), 2);
        let same = (0..40).map(|n| piece(n, if n < 20 { Author::Assisted } else { Author::Person }, (n % 5) as f64));
        assert!(people(&history(same.collect())).says[2].starts_with("AI-assisted pieces cannot be told from"));
    }

    // People write about the pillar that does well, whoever writes about it: by hand, within each pillar both bring the same.
    #[test]
    fn a_difference_that_is_the_pillars_is_not_taken_for_the_writers() {
        let made = |n: usize, pillar: &str, author: Author, outcomes: usize| Piece {
            pillar: Some(pillar.to_owned()),
            ..piece(n, author, outcomes as f64)
        };
        let mut pieces: Vec<Piece> = (0..20).map(|n| made(n, "Ops", Author::Generated, 1 + n % 2)).collect();
        pieces.extend((20..24).map(|n| made(n, "Ops", Author::Person, 1 + n % 2)));
        pieces.extend((24..28).map(|n| made(n, "Data", Author::Generated, 5 + n % 2)));
        pieces.extend((28..48).map(|n| made(n, "Data", Author::Person, 5 + n % 2)));
        let says = people(&history(pieces)).says;
        assert!(says[1].starts_with("AI-assisted pieces trail human-only ones: 2.17 outcomes a piece against 4.83"), "{says:?}");
        assert!(
            says[2].starts_with("Within the same pillar the difference is +0.00 (between -0.")
                && says[2].ends_with("can be chance."),
            "{says:?}"
        );
        let apart = (0..40)
            .map(|n| made(n, if n < 20 { "Ops" } else { "Data" }, if n < 20 { Author::Generated } else { Author::Person }, n));
        let says = people(&history(apart.collect())).says;
        assert!(says[2].starts_with("The two sorts are about different pillars"), "{says:?}");
    }
}
