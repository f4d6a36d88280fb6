//! Penalised logistic regression: a probability with reasons.
//!
//! Columns are standardised, the intercept is free, and a ridge penalty keeps the coefficients of rare or redundant columns
//! small. The fit is Newton's method on the penalised likelihood (iteratively reweighted least squares; le Cessie and van
//! Houwelingen, 1992) with halved steps when a full one would climb, so separable data converge too. Standard errors
//! come from the curvature at the optimum, penalty included: they are the spread of the normal approximation to the
//! posterior when the penalty is read as a normal prior.

use crate::stats::linear::{Matrix, cholesky, cholesky_inverse, cholesky_solve, dot};
use crate::stats::special::{logistic, softplus};
use crate::stats::summary::{mean, variance};

/// Penalties tried by the two choosers, in units of one row's information on a standardised column.
pub const PENALTIES: [f64; 8] = [0.1, 1.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0];

const ITERATIONS_MAX: usize = 50;

/// Why no model could be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Rows and outcomes differ in number, or there are none.
    Shape,
    /// Every outcome is the same, so there is nothing to tell apart.
    OneClass,
    /// A number in the table is not finite.
    NotFinite,
}

/// A fitted model. All coefficients are in log-odds.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The log-odds of a row whose every column is at its mean.
    pub intercept: f64,
    /// Per standard deviation of the column; a constant column has 0.
    pub standardised: Vec<f64>,
    /// Standard errors of `standardised`.
    pub standard_errors: Vec<f64>,
    /// What a column's value is compared with.
    pub means: Vec<f64>,
    /// One standard deviation of each column; 1 for a constant one.
    pub scales: Vec<f64>,
    pub penalty: f64,
    /// False when the steps ran out before the gradient vanished.
    pub converged: bool,
}

impl Model {
    /// Coefficients per unit of the column as given.
    pub fn coefficients(&self) -> Vec<f64> {
        self.standardised.iter().zip(&self.scales).map(|(coefficient, scale)| coefficient / scale).collect()
    }

    /// The log-odds of a row.
    pub fn log_odds(&self, row: &[f64]) -> f64 {
        self.intercept + (0..self.means.len()).map(|j| self.part(row, j)).sum::<f64>()
    }

    /// The probability (0–1) of a row.
    pub fn predict(&self, row: &[f64]) -> f64 {
        logistic(self.log_odds(row))
    }

    /// What each column adds to the log-odds of this row against an average row, the strongest first. The parts and
    /// `intercept` sum to the log-odds.
    pub fn reasons(&self, row: &[f64]) -> Vec<(usize, f64)> {
        let mut reasons: Vec<(usize, f64)> = (0..self.means.len()).map(|j| (j, self.part(row, j))).collect();
        reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        reasons
    }

    /// A missing or non-finite value counts as the mean: it is no reason either way.
    fn part(&self, row: &[f64], column: usize) -> f64 {
        let value = row.get(column).copied().filter(|value| value.is_finite()).unwrap_or(self.means[column]);
        self.standardised[column] * (value - self.means[column]) / self.scales[column]
    }
}

/// Fits the rows of `table` to `outcomes`. `penalty` (not negative) multiplies half the sum of squared standardised
/// coefficients.
pub fn fit(table: &Matrix, outcomes: &[bool], penalty: f64) -> Result<Model, Unfit> {
    let rows: Vec<usize> = (0..table.rows).collect();
    fit_rows(table, outcomes, &rows, penalty)
}

/// Fits only the named rows, which is how folds are made without copying the table.
pub fn fit_rows(table: &Matrix, outcomes: &[bool], rows: &[usize], penalty: f64) -> Result<Model, Unfit> {
    if rows.is_empty() || table.rows != outcomes.len() || rows.iter().any(|row| *row >= table.rows) {
        return Err(Unfit::Shape);
    }
    let positives = rows.iter().filter(|row| outcomes[**row]).count();
    if positives == 0 || positives == rows.len() {
        return Err(Unfit::OneClass);
    }
    let Scaling { means, scales, constant } = standardise(table, rows)?;
    let (n, p) = (rows.len(), table.columns);
    // Standardised design with the intercept in front; a row of `width` numbers each.
    let width = p + 1;
    let mut design = Vec::with_capacity(n * width);
    for row in rows {
        design.push(1.0);
        design.extend(table.row(*row).iter().enumerate().map(|(j, x)| (x - means[j]) / scales[j]));
    }
    // A tiny penalty always remains, so that redundant columns cannot make the system singular.
    let ridge = |j: usize| if j == 0 { 0.0 } else { penalty.max(1e-9) };
    let targets: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(outcomes[*row]))).collect();
    let loss = |beta: &[f64]| -> f64 {
        let fitted = design.chunks_exact(width).zip(&targets).map(|(x, y)| {
            let eta = dot(x, beta);
            softplus(eta) - y * eta
        });
        fitted.sum::<f64>() + beta.iter().enumerate().map(|(j, b)| 0.5 * ridge(j) * b * b).sum::<f64>()
    };
    let share = positives as f64 / n as f64;
    let mut beta = vec![0.0; width];
    beta[0] = (share / (1.0 - share)).ln();
    let mut current = loss(&beta);
    let mut converged = false;
    let mut factor = Matrix::identity(width);
    for _ in 0..ITERATIONS_MAX {
        let (gradient, curvature) = derivatives(&design, &targets, &beta, &ridge);
        factor = cholesky(&curvature).ok_or(Unfit::NotFinite)?;
        let step = cholesky_solve(&factor, &gradient);
        // Half the Newton decrement is the loss still to be won.
        if dot(&gradient, &step) < 1e-10 * n as f64 * 1e-2 {
            converged = true;
            break;
        }
        let mut length = 1.0;
        let next = loop {
            let candidate: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b - length * s).collect();
            let value = loss(&candidate);
            if value <= current || length < 1e-6 {
                current = value;
                break candidate;
            }
            length /= 2.0;
        };
        beta = next;
    }
    let covariance = cholesky_inverse(&factor);
    let standard_errors = (1..width).map(|j| if constant[j - 1] { 0.0 } else { covariance.at(j, j).sqrt() }).collect();
    Ok(Model { intercept: beta[0], standardised: beta[1..].to_vec(), standard_errors, means, scales, penalty, converged })
}

/// Where each column lies and how wide it is, over the rows that are fitted.
struct Scaling {
    means: Vec<f64>,
    scales: Vec<f64>,
    constant: Vec<bool>,
}

fn standardise(table: &Matrix, rows: &[usize]) -> Result<Scaling, Unfit> {
    let n = rows.len() as f64;
    let mut means = vec![0.0; table.columns];
    for row in rows {
        means.iter_mut().zip(table.row(*row)).for_each(|(mean, x)| *mean += x / n);
    }
    let mut scales = vec![0.0; table.columns];
    for row in rows {
        for ((scale, x), mean) in scales.iter_mut().zip(table.row(*row)).zip(&means) {
            *scale += (x - mean) * (x - mean) / n;
        }
    }
    if means.iter().chain(&scales).any(|x| !x.is_finite()) {
        return Err(Unfit::NotFinite);
    }
    let constant: Vec<bool> =
        scales.iter().zip(&means).map(|(variance, mean)| variance.sqrt() <= 1e-12 * mean.abs().max(1e-300)).collect();
    let scales = scales.iter().zip(&constant).map(|(variance, constant)| if *constant { 1.0 } else { variance.sqrt() }).collect();
    Ok(Scaling { means, scales, constant })
}

/// Gradient and Hessian of the penalised loss.
fn derivatives(design: &[f64], targets: &[f64], beta: &[f64], ridge: &impl Fn(usize) -> f64) -> (Vec<f64>, Matrix) {
    let width = beta.len();
    let mut gradient = vec![0.0; width];
    let mut curvature = Matrix::zeros(width, width);
    for (x, y) in design.chunks_exact(width).zip(targets) {
        let p = logistic(dot(x, beta));
        let weight = p * (1.0 - p);
        for i in 0..width {
            gradient[i] += (p - y) * x[i];
            let scaled = weight * x[i];
            if scaled != 0.0 {
                let row = &mut curvature.data[i * width..i * width + i + 1];
                row.iter_mut().zip(x).for_each(|(cell, other)| *cell += scaled * other);
            }
        }
    }
    for i in 0..width {
        gradient[i] += ridge(i) * beta[i];
        *curvature.at_mut(i, i) += ridge(i) + if i == 0 { 1e-12 } else { 0.0 };
        for j in 0..i {
            *curvature.at_mut(j, i) = curvature.at(i, j);
        }
    }
    (gradient, curvature)
}

/// A penalty with the log-loss (nats a row) it had on rows it did not see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub penalty: f64,
    pub log_loss: f64,
}

/// The strongest of `PENALTIES` that is as good as the best by `folds`-fold cross-validation; row `i` belongs to fold `i % folds`. For rows in no order.
pub fn choose_by_folds(table: &Matrix, outcomes: &[bool], folds: usize) -> Result<Choice, Unfit> {
    let folds = folds.clamp(2, table.rows.max(2));
    let splits = (0..folds).map(|fold| (0..table.rows).partition(|row| row % folds != fold)).collect::<Vec<_>>();
    choose(table, outcomes, &splits)
}

/// The strongest of `PENALTIES` that is as good as the best on the last `share` (0–1) of the rows, fitted on those before. For rows in time order.
pub fn choose_by_time(table: &Matrix, outcomes: &[bool], share: f64) -> Result<Choice, Unfit> {
    let cut = ((table.rows as f64) * (1.0 - share.clamp(0.0, 1.0))) as usize;
    choose(table, outcomes, &[((0..cut).collect(), (cut..table.rows).collect())])
}

fn choose(table: &Matrix, outcomes: &[bool], splits: &[(Vec<usize>, Vec<usize>)]) -> Result<Choice, Unfit> {
    if table.rows != outcomes.len() || splits.iter().any(|(_, test)| test.is_empty()) {
        return Err(Unfit::Shape);
    }
    let mut losses: Vec<Vec<f64>> = Vec::new();
    for penalty in PENALTIES {
        let mut of_rows = Vec::new();
        for (train, test) in splits {
            let model = fit_rows(table, outcomes, train, penalty)?;
            of_rows.extend(test.iter().map(|row| {
                let eta = model.log_odds(table.row(*row));
                softplus(eta) - if outcomes[*row] { eta } else { 0.0 }
            }));
        }
        losses.push(of_rows);
    }
    let log_losses: Vec<f64> = losses.iter().map(|of_rows| mean(of_rows)).collect();
    let best = (0..losses.len()).min_by(|a, b| log_losses[*a].total_cmp(&log_losses[*b])).ok_or(Unfit::Shape)?;
    // A stronger penalty is kept as long as it is not worse beyond one standard error of the paired difference (the rule of
    // Breiman, Friedman, Olshen and Stone, 1984): with few rows the minimum itself is mostly luck.
    let as_good = |candidate: &usize| {
        let difference: Vec<f64> = losses[*candidate].iter().zip(&losses[best]).map(|(a, b)| a - b).collect();
        mean(&difference) <= (variance(&difference) / difference.len() as f64).sqrt()
    };
    let chosen = (best + 1..losses.len()).rev().find(as_good).unwrap_or(best);
    Ok(Choice { penalty: PENALTIES[chosen], log_loss: log_losses[chosen] })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::scoring::{auc, log_loss};
    use crate::stats::test_data::{self, close};

    // Hours studied and exams passed (the worked example of Wikipedia's article on logistic regression): coefficient
    // 1.5046 with standard error 0.6287 and p = .017, intercept −4.0777.
    #[test]
    fn hours_of_study_give_the_textbook_coefficients() {
        let hours = [
            0.50, 0.75, 1.00, 1.25, 1.50, 1.75, 1.75, 2.00, 2.25, 2.50, 2.75, 3.00, 3.25, 3.50, 4.00, 4.25, 4.50, 4.75, 5.00,
            5.50,
        ];
        let passed = [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1].map(|x| x == 1);
        let table = Matrix { rows: 20, columns: 1, data: hours.to_vec() };
        let model = fit(&table, &passed, 0.0).unwrap();
        assert!(model.converged);
        close(model.coefficients()[0], 1.5046, 5e-5);
        close(model.standard_errors[0] / model.scales[0], 0.6287, 5e-5);
        close(model.log_odds(&[0.0]), -4.0777, 5e-5);
    }

    #[test]
    fn separable_data_converge_under_a_penalty_and_reasons_sum_to_the_log_odds() {
        let table = Matrix::from_rows(&[vec![0.0, 7.0], vec![1.0, 7.0], vec![2.0, 7.0], vec![3.0, 7.0]]).unwrap();
        let model = fit(&table, &[false, false, true, true], 1.0).unwrap();
        assert!(model.converged && model.standardised[0] > 0.0 && model.standardised[1] == 0.0);
        let row = [2.5, 7.0];
        close(model.intercept + model.reasons(&row).iter().map(|reason| reason.1).sum::<f64>(), model.log_odds(&row), 1e-15);
        assert_eq!(model.reasons(&row)[0].0, 0);
        assert_eq!(model.log_odds(&[f64::NAN]), model.intercept);
    }

    #[test]
    fn impossible_tables_are_refused() {
        let table = Matrix::zeros(2, 1);
        assert_eq!(fit(&table, &[true, true], 1.0), Err(Unfit::OneClass));
        assert_eq!(fit(&table, &[true], 1.0), Err(Unfit::Shape));
        let table = Matrix { rows: 2, columns: 1, data: vec![f64::NAN, 1.0] };
        assert_eq!(fit(&table, &[true, false], 1.0), Err(Unfit::NotFinite));
    }

    #[test]
    fn the_choosers_prefer_a_strong_penalty_on_noise_and_a_weak_one_on_signal() {
        let mut rng = Rng::new(2);
        let (rows, columns) = (400, 8);
        let table = Matrix { rows, columns, data: (0..rows * columns).map(|_| rng.uniform() - 0.5).collect() };
        let coin: Vec<bool> = (0..rows).map(|_| rng.uniform() < 0.5).collect();
        let clear: Vec<bool> = (0..rows).map(|i| rng.uniform() < logistic(12.0 * table.at(i, 0))).collect();
        assert!(choose_by_folds(&table, &coin, 5).unwrap().penalty >= 100.0);
        assert!(choose_by_folds(&table, &clear, 5).unwrap().penalty <= 10.0);
        assert!(choose_by_time(&table, &clear, 0.25).unwrap().penalty <= 10.0);
    }

    /// The bank's calls without the length of the call, which is known only afterwards: numbers as they are, words as one
    /// column a value.
    pub(crate) fn bank() -> Option<(Matrix, Vec<bool>)> {
        let (header, rows) = test_data::rows("decisions/lead/bank_marketing_rows_mod5_1234.csv.gz")?;
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for (j, name) in header.iter().enumerate().filter(|(_, name)| !["row", "duration", "y"].contains(&name.as_str())) {
            if let Ok(numbers) = rows.iter().map(|row| row[j].parse()).collect::<Result<Vec<f64>, _>>() {
                if name == "pdays" {
                    columns.push(numbers.iter().map(|days| f64::from(u8::from(*days == 999.0))).collect());
                }
                columns.push(numbers);
                continue;
            }
            let mut words: Vec<&str> = rows.iter().map(|row| row[j].as_str()).collect();
            words.sort_unstable();
            words.dedup();
            for word in &words[1..] {
                columns.push(rows.iter().map(|row| f64::from(u8::from(row[j] == *word))).collect());
            }
        }
        let data = (0..rows.len()).flat_map(|i| columns.iter().map(move |column| column[i])).collect();
        let outcome = header.iter().position(|name| name == "y")?;
        let outcomes = rows.iter().map(|row| row[outcome] == "1").collect();
        Some((Matrix { rows: rows.len(), columns: columns.len(), data }, outcomes))
    }

    // sklearn 1.9.1 LogisticRegression on the same columns, the last of every four rows held out: log-loss .29205,
    // AUC .7549; the base rate alone scores .3523.
    #[test]
    fn the_bank_is_predicted_as_well_as_the_reference() {
        let Some((table, outcomes)) = bank() else { return };
        let (test, train): (Vec<usize>, Vec<usize>) = (0..table.rows).partition(|row| row % 4 == 3);
        let model = fit_rows(&table, &outcomes, &train, 1.0).unwrap();
        let predicted: Vec<f64> = test.iter().map(|row| model.predict(table.row(*row))).collect();
        let actual: Vec<bool> = test.iter().map(|row| outcomes[*row]).collect();
        println!("log-loss {} auc {}", log_loss(&predicted, &actual), auc(&predicted, &actual));
        close(log_loss(&predicted, &actual), 0.292047, 5e-5);
        close(auc(&predicted, &actual), 0.754884, 5e-4);
    }
}
