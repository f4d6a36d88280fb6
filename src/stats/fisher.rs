//! Fisher's exact test of two proportions (Fisher, 1935): true at any count, where normal approximations invent finds in
//! the small cells.

/// Logarithms of factorials up to a size, so that many tests cost little.
#[derive(Clone, Debug)]
pub struct Exact {
    log_factorial: Vec<f64>,
}

impl Exact {
    /// For tables of up to `total` observations.
    pub fn new(total: usize) -> Exact {
        let mut log_factorial = Vec::with_capacity(total + 1);
        let mut sum = 0.0;
        log_factorial.push(0.0);
        for k in 1..=total {
            sum += (k as f64).ln();
            log_factorial.push(sum);
        }
        Exact { log_factorial }
    }

    fn log_choose(&self, n: usize, k: usize) -> f64 {
        self.log_factorial[n] - self.log_factorial[k] - self.log_factorial[n - k]
    }

    /// The chance of at least `hits` among `drawn` when `all_hits` of `all` are hits and the drawn ones were drawn blindly.
    pub fn at_least(&self, hits: usize, drawn: usize, all_hits: usize, all: usize) -> f64 {
        let most = drawn.min(all_hits);
        let least = (drawn + all_hits).saturating_sub(all);
        if hits <= least {
            return 1.0;
        }
        if hits > most {
            return 0.0;
        }
        let density = |x: usize| {
            (self.log_choose(all_hits, x) + self.log_choose(all - all_hits, drawn - x) - self.log_choose(all, drawn)).exp()
        };
        // Terms fall away from the middle, so the sum runs outwards; below the middle the other side is summed.
        let middle = (drawn as f64 * all_hits as f64 / all as f64) as usize;
        if hits > middle {
            let (mut term, mut sum) = (density(hits), 0.0);
            for x in hits..=most {
                sum += term;
                if term < sum * 1e-17 {
                    break;
                }
                term *= (all_hits - x) as f64 * (drawn - x) as f64 / ((x + 1) as f64 * (all + x + 1 - all_hits - drawn) as f64);
            }
            sum.min(1.0)
        } else {
            let (mut term, mut sum) = (density(hits - 1), 0.0);
            for x in (least..hits).rev() {
                sum += term;
                if term < sum * 1e-17 || x == least {
                    break;
                }
                term *= x as f64 * (all + x - all_hits - drawn) as f64 / ((all_hits + 1 - x) as f64 * (drawn + 1 - x) as f64);
            }
            (1.0 - sum).max(0.0)
        }
    }

    /// Two-sided, as twice the smaller tail: of `inside` (hits, trials) against `outside`.
    pub fn two_sided(&self, inside: (usize, usize), outside: (usize, usize)) -> f64 {
        let (all_hits, all) = (inside.0 + outside.0, inside.1 + outside.1);
        let above = self.at_least(inside.0, inside.1, all_hits, all);
        // Fewer hits inside are more hits outside.
        let below = self.at_least(outside.0, outside.1, all_hits, all);
        (2.0 * above.min(below)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::{close, close_relative};

    // The lady tasting tea: all four cups right is one in seventy, three or more seventeen in seventy.
    #[test]
    fn the_lady_tasting_tea_has_her_chances() {
        let exact = Exact::new(8);
        close(exact.at_least(4, 4, 4, 8), 1.0 / 70.0, 1e-14);
        close(exact.at_least(3, 4, 4, 8), 17.0 / 70.0, 1e-14);
        close(exact.at_least(1, 4, 4, 8), 69.0 / 70.0, 1e-14);
        close(exact.two_sided((4, 4), (0, 4)), 2.0 / 70.0, 1e-14);
    }

    // scipy.stats.hypergeom.sf(hits - 1, all, all_hits, drawn).
    #[test]
    fn tails_keep_their_digits_far_out() {
        let exact = Exact::new(32_000);
        close_relative(exact.at_least(1_900, 10_000, 4_700, 32_000), 2.2317134337660335e-47, 1e-9);
        close_relative(exact.at_least(6, 200, 84, 20_000), 0.00019728954452696395, 1e-9);
        assert_eq!(exact.at_least(0, 200, 84, 20_000), 1.0);
        assert_eq!(exact.at_least(85, 200, 84, 20_000), 0.0);
    }
}
