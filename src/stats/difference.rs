//! What changed between two rows of words or lines, by Myers' algorithm (1986) as the crate `similar` has it.
//!
//! Every text of the program is compared here: the parts become numbers first, so the algorithm stands once in the program
//! and not once for each kind of part and each way to show the outcome.

use similar::DiffableStr as _;
use similar::algorithms::{Capture, Compact, Replace, myers};
pub use similar::{ChangeTag, DiffOp, group_diff_ops};
use std::collections::HashMap;
use std::time::Instant;

/// Two rows of parts and what makes the second of the first.
pub struct Difference<'a> {
    pub before: Vec<&'a str>,
    pub after: Vec<&'a str>,
    pub steps: Vec<DiffOp>,
}

impl<'a> Difference<'a> {
    /// Between two rows. With `until`, what is not compared by then counts as changed.
    pub fn between(before: Vec<&'a str>, after: Vec<&'a str>, until: Option<Instant>) -> Difference<'a> {
        let steps = steps(&before, &after, until);
        Difference { before, after, steps }
    }

    /// Between the words of two texts, white space between them included: together they are the texts.
    pub fn of_words(before: &'a str, after: &'a str, until: Option<Instant>) -> Difference<'a> {
        Difference::between(before.tokenize_words(), after.tokenize_words(), until)
    }

    /// Between the lines of two texts, each with its end.
    pub fn of_lines(before: &'a str, after: &'a str) -> Difference<'a> {
        Difference::between(before.tokenize_lines(), after.tokenize_lines(), None)
    }

    /// Each part with whether it stayed, went or came, in reading order.
    pub fn changes(&self) -> Vec<(ChangeTag, &'a str)> {
        self.steps.iter().flat_map(|step| self.changes_of(step)).collect()
    }

    /// The parts of one step: what went before what came.
    pub fn changes_of(&self, step: &DiffOp) -> Vec<(ChangeTag, &'a str)> {
        let all = |tag, parts: &[&'a str]| parts.iter().map(|part| (tag, *part)).collect::<Vec<_>>();
        let (old, new) = (&self.before[step.old_range()], &self.after[step.new_range()]);
        match step {
            DiffOp::Equal { .. } => all(ChangeTag::Equal, old),
            _ => [all(ChangeTag::Delete, old), all(ChangeTag::Insert, new)].concat(),
        }
    }

    /// How many parts stayed.
    pub fn same(&self) -> usize {
        self.steps.iter().map(|step| if let DiffOp::Equal { len, .. } = step { *len } else { 0 }).sum()
    }
}

fn steps(before: &[&str], after: &[&str], until: Option<Instant>) -> Vec<DiffOp> {
    let mut numbers: HashMap<&str, u32> = HashMap::with_capacity(before.len());
    let (before, after) = (numbered(before, &mut numbers), numbered(after, &mut numbers));
    let mut hook = Compact::new(Replace::new(Capture::new()), before.as_slice(), after.as_slice());
    myers::diff_deadline(&mut hook, before.as_slice(), 0..before.len(), after.as_slice(), 0..after.len(), until)
        .unwrap_or_else(|never| match never {});
    hook.into_inner().into_inner().into_ops()
}

/// Equal parts have one number.
fn numbered<'a>(parts: &[&'a str], numbers: &mut HashMap<&'a str, u32>) -> Vec<u32> {
    let number = |part: &&'a str| {
        let next = numbers.len() as u32;
        *numbers.entry(part).or_insert(next)
    };
    parts.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use similar::TextDiff;

    #[test]
    fn what_stayed_went_and_came_is_told_in_reading_order() {
        let said = Difference::of_words("Prices rose by two.", "Prices fell by two per cent.", None);
        let told: Vec<(ChangeTag, &str)> = said.changes().into_iter().filter(|(tag, _)| *tag != ChangeTag::Equal).collect();
        use ChangeTag::{Delete, Insert};
        assert_eq!(
            told,
            [
                (Delete, "rose"),
                (Insert, "fell"),
                (Delete, "two."),
                (Insert, "two"),
                (Insert, " "),
                (Insert, "per"),
                (Insert, " "),
                (Insert, "cent.")
            ]
        );
        assert_eq!(Difference::of_lines("a\nb\n", "a\nc\n").same(), 1);
        assert_eq!(Difference::of_words("", "", None).changes(), []);
    }

    #[test]
    fn a_time_that_is_over_ends_in_a_rough_answer_that_still_adds_up() {
        let row = |seed: u64| (0..4_000).map(|at| (at * seed % 97).to_string()).collect::<Vec<_>>().join(" ");
        let (before, after) = (row(31), row(57));
        let said = Difference::of_words(&before, &after, Some(Instant::now()));
        let of = |without: ChangeTag| {
            said.changes().iter().filter(|(tag, _)| *tag != without).map(|(_, part)| *part).collect::<String>()
        };
        assert_eq!((of(ChangeTag::Insert), of(ChangeTag::Delete)), (before.clone(), after.clone()));
    }

    proptest! {
        /// Numbers in the place of words change nothing: the crate's own comparison of texts is the oracle.
        #[test]
        fn it_is_what_the_crate_says_of_the_words(before in "[abc ]{0,300}", after in "[abc ]{0,300}") {
            let oracle = TextDiff::from_words(before.as_str(), after.as_str());
            let theirs: Vec<(ChangeTag, &str)> = oracle.iter_all_changes().map(|change| (change.tag(), change.value())).collect();
            prop_assert_eq!(Difference::of_words(&before, &after, None).changes(), theirs);
        }
    }
}
