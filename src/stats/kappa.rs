//! How far two judges agree beyond chance: Cohen's kappa for yes and no.
//!
//! Two judges who say yes to nearly everything agree often without knowing anything; kappa takes that share away (Cohen, Educational and
//! Psychological Measurement 20, 1960). Its error for large samples is that of Fleiss, Cohen and Everitt (Psychological Bulletin 72,
//! 1969, formula 13).

use super::special::normal_quantile;

/// How often two judges said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub both_yes: u64,
    /// The first says yes, the second no.
    pub first_only: u64,
    pub second_only: u64,
    pub both_no: u64,
}

/// Kappa: 1 is full agreement, 0 what chance gives, below 0 less than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kappa {
    pub estimate: f64,
    pub error: f64,
    pub low: f64,
    pub high: f64,
}

impl Table {
    pub fn add(&mut self, first: bool, second: bool) {
        match (first, second) {
            (true, true) => self.both_yes += 1,
            (true, false) => self.first_only += 1,
            (false, true) => self.second_only += 1,
            (false, false) => self.both_no += 1,
        }
    }

    pub fn count(&self) -> u64 {
        self.both_yes + self.first_only + self.second_only + self.both_no
    }

    /// Kappa with its interval at this confidence (0 to 1), cut at −1 and 1. `None` when it is not defined: without a case, or when
    /// both judges say the same thing to everything.
    pub fn kappa(&self, confidence: f64) -> Option<Kappa> {
        let n = self.count() as f64;
        let p = [[self.both_yes as f64 / n, self.first_only as f64 / n], [self.second_only as f64 / n, self.both_no as f64 / n]];
        let first = [p[0][0] + p[0][1], p[1][0] + p[1][1]];
        let second = [p[0][0] + p[1][0], p[0][1] + p[1][1]];
        let observed = p[0][0] + p[1][1];
        let expected = first[0] * second[0] + first[1] * second[1];
        if n == 0.0 || (1.0 - expected).abs() < 1e-12 {
            return None;
        }
        let estimate = (observed - expected) / (1.0 - expected);
        let rest = 1.0 - estimate;
        let agree: f64 = (0..2).map(|i| p[i][i] * (1.0 - (first[i] + second[i]) * rest).powi(2)).sum();
        let differ: f64 = rest * rest * (p[0][1] * (second[0] + first[1]).powi(2) + p[1][0] * (second[1] + first[0]).powi(2));
        let variance = agree + differ - (estimate - expected * rest).powi(2);
        let error = (variance.max(0.0) / n).sqrt() / (1.0 - expected);
        let reach = normal_quantile(0.5 + confidence / 2.0) * error;
        Some(Kappa { estimate, error, low: (estimate - reach).max(-1.0), high: (estimate + reach).min(1.0) })
    }
}

/// Fewer cases tell nothing about agreement.
pub const LEAST: u64 = 20;
/// Below this, agreement beyond chance is slight (Landis and Koch, Biometrics 33, 1977).
pub const SLIGHT: f64 = 0.2;

/// What a table says about relying on the first judge, in one sentence without a period.
pub fn words(table: &Table) -> String {
    let count = table.count();
    if count < LEAST {
        return format!(
            "too few decisions to know how far it agrees with people ({count}, it takes {LEAST}): not to be relied on yet"
        );
    }
    let Some(kappa) = table.kappa(0.95) else {
        return format!("in {count} decisions it and people said the same to everything, which shows nothing about either");
    };
    let numbers = format!("kappa {:.2} (between {:.2} and {:.2}, {count} decisions)", kappa.estimate, kappa.low, kappa.high);
    if kappa.low > SLIGHT {
        format!("it agrees with people beyond chance: {numbers}")
    } else {
        format!("it cannot be relied on, its agreement with people may be chance: {numbers}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kappa(both_yes: u64, first_only: u64, second_only: u64, both_no: u64) -> Kappa {
        Table { both_yes, first_only, second_only, both_no }.kappa(0.95).expect("it is defined")
    }

    /// The textbook tables (50 and 100 cases), their errors computed apart from this code with the published formula.
    #[test]
    fn published_tables_come_out() {
        for (table, estimate, error) in [
            ((20, 5, 10, 15), 0.4, 0.126_996_062_931_100_33),
            ((45, 15, 25, 15), 0.130_434_782_608_695_54, 0.098_661_537_623_439_59),
            ((25, 35, 5, 35), 0.259_259_259_259_259_24, 0.077_159_731_744_445_72),
        ] {
            let found = kappa(table.0, table.1, table.2, table.3);
            assert!((found.estimate - estimate).abs() < 1e-12 && (found.error - error).abs() < 1e-12, "{found:?}");
            assert!((found.high - found.estimate - 1.959_963_984_540_054 * error).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn thin_or_slight_agreement_is_told_to_be_unreliable() {
        let said = |both_yes, first_only, second_only, both_no| words(&Table { both_yes, first_only, second_only, both_no });
        assert!(said(10, 0, 0, 5).contains("(15, it takes 20): not to be relied on yet"));
        assert!(
            said(20, 5, 10, 15).contains("may be chance: kappa 0.40 (between 0.15 and 0.65, 50 decisions)"),
            "{}",
            said(20, 5, 10, 15)
        );
        assert!(said(40, 3, 2, 35).starts_with("it agrees with people beyond chance: kappa 0.87"), "{}", said(40, 3, 2, 35));
        assert!(said(30, 0, 0, 0).contains("shows nothing about either"));
    }

    #[test]
    fn full_agreement_is_one_and_saying_yes_to_everything_is_nothing() {
        assert_eq!(kappa(10, 0, 0, 10).estimate, 1.0);
        assert!(kappa(40, 10, 0, 0).estimate.abs() < 1e-12, "whoever says yes to everything has not judged");
        assert_eq!(Table { both_yes: 9, ..Table::default() }.kappa(0.95), None);
        assert_eq!(Table::default().kappa(0.95), None);
    }
}
