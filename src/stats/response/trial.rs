//! How far what was learned can be trusted: the last periods are held out, and told from what the periods before them say.

use super::fit::{Fit, Options, Past, fit};
use crate::base::Rng;
use crate::stats::summary::{quantile_sorted, sorted};

/// What a trial on held-out periods found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Periods held out.
    pub held: usize,
    /// Mean absolute error relative to the outcome, with the inputs.
    pub error: f64,
    /// The same for a fit that knows nothing of the inputs.
    pub simple_error: f64,
    /// The share of held-out periods inside their 90 % interval.
    pub covered: f64,
}

/// Draws of chance for each draw of the posterior.
const CHANCES: usize = 8;

/// Learns from all but the last periods, with and without the inputs, and compares with what came. `None` when nothing can be learned.
pub fn trial(past: &Past, held: usize, options: &Options) -> Option<Trial> {
    let cut = past.outcome.len().checked_sub(held).filter(|_| held > 0)?;
    let part = |columns: &[Vec<f64>], from: usize, to: usize| -> Vec<Vec<f64>> {
        columns.iter().map(|column| column[from..to].to_vec()).collect()
    };
    let end = past.outcome.len();
    let before = Past {
        outcome: past.outcome[..cut].to_vec(),
        inputs: part(&past.inputs, 0, cut),
        others: part(&past.others, 0, cut),
        ..past.clone()
    };
    let others = part(&past.others, cut, end);
    let came = &past.outcome[cut..];
    let whole = fit(&before, options)?;
    let told = whole.ahead(&part(&past.inputs, cut, end), &others);
    let simple = fit(&Past { inputs: Vec::new(), ..before }, options)?;
    let simply: Vec<Vec<f64>> = simple.draws.iter().map(|draw| simple.base(draw, held, &others)).collect();
    Some(Trial {
        held,
        error: error(&told, came),
        simple_error: error(&simply, came),
        covered: covered(&whole, &told, came, options.seed),
    })
}

fn error(told: &[Vec<f64>], came: &[f64]) -> f64 {
    let mean = |at: usize| told.iter().map(|row| row[at]).sum::<f64>() / told.len() as f64;
    let errors = came.iter().enumerate().filter(|(_, came)| **came != 0.0).map(|(at, came)| ((came - mean(at)) / came).abs());
    let (count, sum) = errors.fold((0, 0.0), |(count, sum), error| (count + 1, sum + error));
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

fn covered(fit: &Fit, told: &[Vec<f64>], came: &[f64], seed: u64) -> f64 {
    let mut rng = Rng::new(seed);
    let inside = came.iter().enumerate().filter(|(at, came)| {
        let mut all = Vec::with_capacity(told.len() * CHANCES);
        for (row, draw) in told.iter().zip(&fit.draws) {
            all.extend((0..CHANCES).map(|_| row[*at] + draw.luck(&mut rng)));
        }
        let all = sorted(&all);
        (quantile_sorted(&all, 0.05)..=quantile_sorted(&all, 0.95)).contains(*came)
    });
    inside.count() as f64 / came.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::response::fit::Form;
    use crate::stats::test_data::rows;

    fn columns(file: &str, names: &[&str]) -> Option<Vec<Vec<f64>>> {
        let (header, rows) = rows(&format!("decisions/mmm/{file}"))?;
        let column = |name: &&str| {
            let at = header.iter().position(|known| known == name).expect("a column");
            rows.iter().map(|row| row[at].parse().unwrap_or(0.0)).collect()
        };
        Some(names.iter().map(column).collect())
    }

    const SOME: Options = Options { chains: 2, warm_up: 150, sweeps: 300, draws: 150, seed: 1 };

    // The goal is an error of at most .045; a fit without inputs has .049 here.
    #[test]
    fn a_year_of_revenue_is_told_better_with_spend_than_without() {
        let names = ["revenue", "competitor_sales_B", "tv_S", "ooh_S", "print_S", "search_S", "facebook_S"];
        let Some(mut columns) = columns("robyn_dt_simulated_weekly.csv", &names) else { return };
        let inputs = columns.split_off(2);
        let others = columns.split_off(1);
        let past = Past { outcome: columns.remove(0), inputs, others, season: 52.18, form: Form::Geometric };
        let found = trial(&past, 52, &SOME).unwrap();
        assert!(found.error <= 0.045 && found.error < found.simple_error, "{found:?}");
        assert!((0.85..=0.95).contains(&found.covered), "{found:?}");
    }

    // Here spend explains nothing that shows out of time, and the comparison says so.
    #[test]
    fn where_spend_tells_nothing_the_simple_fit_is_as_good() {
        let names = ["conversions", "revenue_per_conversion", "competitor_sales_control", "sentiment_score_control", "Promo"];
        let spend = ["Channel0_spend", "Channel1_spend", "Channel2_spend", "Channel3_spend", "Channel4_spend"];
        let file = "meridian_national_all_channels.csv";
        let (Some(columns), Some(inputs)) = (columns(file, &names), self::columns(file, &spend)) else { return };
        let outcome = columns[0].iter().zip(&columns[1]).map(|(a, b)| a * b).collect();
        let past = Past { outcome, inputs, others: columns[2..].to_vec(), season: 52.18, form: Form::Geometric };
        let found = trial(&past, 26, &SOME).unwrap();
        assert!(found.error <= 0.045 && (found.error - found.simple_error).abs() < 0.01, "{found:?}");
        assert!(found.covered >= 0.85, "{found:?}");
    }

    #[test]
    fn nothing_held_out_is_no_trial() {
        let past = Past { outcome: vec![1.0; 8], ..Past::default() };
        assert_eq!((trial(&past, 0, &SOME), trial(&past, 9, &SOME)), (None, None));
        assert_eq!(error(&[vec![1.0, 2.0]], &[2.0, 0.0]), 0.5);
    }
}
