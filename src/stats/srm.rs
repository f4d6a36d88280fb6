//! Sample-ratio mismatch: whether the arms of an experiment came in the sizes they were meant to.
//!
//! An arm that is too small has lost people, and who is lost is rarely chance: such an experiment is broken and its numbers mean
//! nothing, however significant they are (Fabijan et al., KDD 2019). The test is Pearson's chi-squared against the intended
//! shares, gated at a small level because it is asked of every experiment again and again.

use crate::stats::special::chi_squared_upper;

/// The level of the gate: one sound experiment in two thousand is stopped in error.
pub const GATE: f64 = 0.0005;

/// The result of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    pub chi_squared: f64,
    pub freedom: f64,
    /// The chance of so unequal a split when nobody was lost.
    pub p_value: f64,
}

impl Mismatch {
    /// Whether the split can no longer be put down to chance.
    pub fn is_broken(&self) -> bool {
        self.p_value < GATE
    }
}

/// Tests `counts` against intended `shares` (positive, in any unit). `None` with fewer than two arms, no counts, or shares that
/// are not positive.
pub fn test(counts: &[f64], shares: &[f64]) -> Option<Mismatch> {
    let (total, whole): (f64, f64) = (counts.iter().sum(), shares.iter().sum());
    let sound = counts.len() == shares.len()
        && counts.len() >= 2
        && counts.iter().all(|count| count.is_finite() && *count >= 0.0)
        && shares.iter().all(|share| share.is_finite() && *share > 0.0)
        && total > 0.0;
    if !sound {
        return None;
    }
    let parts = counts.iter().zip(shares).map(|(count, share)| {
        let expected = total * share / whole;
        (count - expected) * (count - expected) / expected
    });
    let (chi_squared, freedom) = (parts.sum(), counts.len() as f64 - 1.0);
    Some(Mismatch { chi_squared, freedom, p_value: chi_squared_upper(chi_squared, freedom) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::{self, close, close_relative};

    // scipy.stats.chisquare on the arms of the public e-mail test, meant to be three equal thirds.
    #[test]
    fn the_email_test_was_split_as_meant() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let arm = header.iter().position(|name| name == "treatment").unwrap();
        let counts =
            ["No E-Mail", "Mens E-Mail", "Womens E-Mail"].map(|name| rows.iter().filter(|row| row[arm] == name).count() as f64);
        let found = test(&counts, &[1.0; 3]).unwrap();
        close(found.chi_squared, 1.86025, 1e-12);
        close_relative(found.p_value, 0.394504394240127, 1e-12);
        assert!(!found.is_broken());
    }

    // The archive's publishers withdrew the tests of 25 June 2013 to 10 January 2014, when the split had a fault. By week (`%Y%W`):
    // whole weeks of that time against all weeks after it. The shares were meant to be equal.
    #[test]
    fn the_withdrawn_months_of_the_headline_archive_are_broken_and_later_ones_are_not() {
        let Some((header, rows)) = test_data::rows("learning/experiments/upworthy_h0.csv.gz") else { return };
        let at = |name: &str| header.iter().position(|known| known == name).unwrap();
        let (test_id, week, impressions) = (at("test"), at("test_week"), at("impressions"));
        let mut tests: std::collections::BTreeMap<&str, (u32, Vec<f64>)> = std::collections::BTreeMap::new();
        for row in &rows {
            let (last, sizes) = tests.entry(&row[test_id]).or_default();
            *last = row[week].parse().unwrap();
            sizes.push(row[impressions].parse().unwrap());
        }
        let flagged = |weeks: std::ops::RangeInclusive<u32>| {
            let of_then = tests.values().filter(|(week, _)| weeks.contains(week));
            let found: Vec<bool> =
                of_then.filter_map(|(_, sizes)| Some(test(sizes, &vec![1.0; sizes.len()])?.is_broken())).collect();
            (found.iter().filter(|broken| **broken).count(), found.len())
        };
        let (during, after) = (flagged(201_325..=201_350), flagged(201_402..=201_552));
        assert!(during.0 as f64 >= 0.65 * during.1 as f64 && during.1 > 500, "{during:?}");
        assert!(after.0 as f64 <= 0.005 * after.1 as f64 && after.1 > 1_500, "{after:?}");
    }

    // The example of Fabijan et al.: 821,588 users against 815,482 under an even split, p = 1.8e-6.
    #[test]
    fn a_lost_half_percent_of_many_users_is_found() {
        let found = test(&[821_588.0, 815_482.0], &[1.0, 1.0]).unwrap();
        close_relative(found.p_value, 1.8e-6, 0.02);
        assert!(found.is_broken());
        // The same numbers as they were meant are none.
        assert_eq!(test(&[90.0, 10.0], &[0.9, 0.1]).unwrap().chi_squared, 0.0);
    }

    #[test]
    fn what_cannot_be_tested_is_not() {
        assert_eq!(test(&[10.0], &[1.0]), None);
        assert_eq!(test(&[0.0, 0.0], &[1.0, 1.0]), None);
        assert_eq!(test(&[1.0, 1.0], &[1.0, 0.0]), None);
        assert_eq!(test(&[1.0, f64::NAN], &[1.0, 1.0]), None);
        // An arm that nobody reached is as broken as can be.
        assert!(test(&[0.0, 500.0], &[1.0, 1.0]).unwrap().is_broken());
    }
}
