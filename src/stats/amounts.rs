//! Amounts of one group against those of the others, where most are zero and a few are huge.
//!
//! Money is not normal: one order can be worth more than all others, and a mean is then one customer. So amounts above a
//! high quantile of those that are not zero count as that quantile (winsorising; Tukey, 1962), which keeps the order of groups
//! and bounds what one row can say. Whether two groups differ is asked of the data themselves: had the amounts been dealt
//! out blindly, how often would the group's sum be as far out? That is a permutation test. It is not drawn at random but computed,
//! by the saddlepoint approximation of a sum without replacement (Robinson, 1982, with the double saddlepoint of Skovgaard, 1987),
//! so that tails of one in a million cost microseconds and every run gives the same answer. Effects are
//! differences of means with Welch's interval, in which no group is surer than all together: where few buy, the group whose mean came out low
//! has a spread that came out low as well, and intervals of its own spread miss the truth on one side (8 of 100 instead of 2.5).

use super::fisher::Exact;
use super::intervals::Interval;
use super::special::{logistic, normal_two_sided, normal_upper, softplus, student_quantile};
use super::summary::{quantile_sorted, sorted};

/// Classes that amounts are sorted into for the tests, the first for zero.
pub const BINS: usize = 32;
/// Rows that are not zero, below which a group says little about amounts.
pub const ROWS_THAT_TELL: f64 = 5.0;

/// The amount above which no more is counted: a quantile of those that are not zero, by their size. `None` without any.
pub fn ceiling(amounts: &[f64], share: f64) -> Option<f64> {
    let sizes: Vec<f64> = amounts.iter().filter(|amount| amount.is_finite() && **amount != 0.0).map(|x| x.abs()).collect();
    (!sizes.is_empty()).then(|| quantile_sorted(&sorted(&sizes), share))
}

/// Count, sum and sum of squares of some amounts, and how many are not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    pub count: f64,
    pub told: f64,
    pub sum: f64,
    pub squares: f64,
}

impl Moments {
    pub fn add(&mut self, amount: f64, times: f64) {
        self.count += times;
        self.told += if amount == 0.0 { 0.0 } else { times };
        self.sum += amount * times;
        self.squares += amount * amount * times;
    }

    pub fn plus(self, other: Moments) -> Moments {
        Moments {
            count: self.count + other.count,
            told: self.told + other.told,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// `NaN` of none.
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// The sample variance; `NaN` below two.
    pub fn variance(&self) -> f64 {
        ((self.squares - self.sum * self.sum / self.count) / (self.count - 1.0)).max(0.0)
    }
}

/// A sum of means with signs, such as a difference, with its Welch–Satterthwaite interval. Every group is given at least the spread
/// of all together, and its freedom is that of the amounts that are not zero: zeros say little about how large amounts are.
/// `None` where a group has fewer than two rows or nothing varies.
pub fn contrast(groups: &[(f64, Moments)], confidence: f64) -> Option<Interval> {
    let all = groups.iter().fold(Moments::default(), |sum, (_, group)| sum.plus(*group)).variance();
    let (mut estimate, mut square, mut below) = (0.0, 0.0, 0.0);
    for (sign, group) in groups {
        if group.count < 2.0 {
            return None;
        }
        let part = group.variance().max(all) / group.count;
        estimate += sign * group.mean();
        square += part;
        below += part * part / (group.told.max(ROWS_THAT_TELL.min(group.count)) - 1.0);
    }
    if !estimate.is_finite() || square.is_nan() || square <= 0.0 {
        return None;
    }
    let reach = student_quantile(0.5 + confidence / 2.0, square * square / below) * square.sqrt();
    Some(Interval { estimate, low: estimate - reach, high: estimate + reach })
}

/// Classes of amounts: which one an amount is in, and the mean of each. Amounts with few different values keep them.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// The largest amount of each class but the first, in order.
    tops: Vec<f64>,
    /// By class; the first is zero.
    pub values: Vec<f64>,
}

impl Classes {
    pub fn of(amounts: &[f64]) -> Classes {
        let told: Vec<f64> = sorted(&amounts.iter().copied().filter(|amount| *amount != 0.0).collect::<Vec<_>>());
        let mut tops = told.clone();
        tops.dedup();
        if tops.len() > BINS - 1 {
            tops = (1..BINS).map(|k| told[(k * told.len()).div_ceil(BINS - 1) - 1]).collect();
            tops.dedup();
        }
        let mut classes = Classes { tops, values: vec![0.0] };
        let mut sums = vec![Moments::default(); classes.tops.len()];
        told.iter().for_each(|amount| sums[classes.class(*amount) - 1].add(*amount, 1.0));
        classes.values.extend(sums.iter().map(Moments::mean));
        classes
    }

    pub fn class(&self, amount: f64) -> usize {
        if amount == 0.0 { 0 } else { 1 + self.tops.partition_point(|top| *top < amount).min(self.tops.len().saturating_sub(1)) }
    }
}

/// Two-sided: how often a group of this size would have a sum as far out, had the rows of all classes been dealt out
/// blindly. `inside` and `all` count rows by class of `values`. Half of the smallest step is given away, so that few
/// amounts do not look surer than they are.
pub fn dealt_blindly(values: &[f64], inside: &[u32], all: &[u32], exact: &Exact) -> f64 {
    let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
    let (n, total) = (sum(inside), sum(all));
    let known: Vec<usize> = (0..values.len().min(all.len())).filter(|class| all[*class] > 0).collect();
    if n < 1.0 || n >= total || known.len() < 2 {
        return 1.0;
    }
    let hits = |counts: &[u32]| known[1..].iter().map(|class| counts[*class] as usize).sum::<usize>();
    let by_counts = || {
        let (hit, of) = (hits(inside), hits(all));
        exact.two_sided((hit, n as usize), (of - hit, (total - n) as usize))
    };
    if known.len() == 2 {
        return by_counts();
    }
    let mean = known.iter().map(|class| values[*class] * f64::from(all[*class])).sum::<f64>() / total;
    let spread = known.iter().map(|class| f64::from(all[*class]) * (values[*class] - mean).powi(2)).sum::<f64>() / total;
    let spread = spread.sqrt();
    let units: Vec<(f64, f64)> = known.iter().map(|class| ((values[*class] - mean) / spread, f64::from(all[*class]))).collect();
    let drawn = known.iter().zip(&units).map(|(class, (unit, _))| unit * f64::from(inside[*class])).sum::<f64>();
    let step = known.windows(2).map(|pair| (values[pair[1]] - values[pair[0]]).abs()).fold(f64::INFINITY, f64::min) / spread;
    let least = drawn.signum() * (drawn.abs() - step.min(1.0) / 2.0).max(0.0);
    let normal = normal_two_sided(least / (n * (total - n) / (total - 1.0)).sqrt());
    // Near the middle the normal is as good.
    if normal > 0.3 {
        return normal;
    }
    saddlepoint(&units, n / total, n, least).map_or_else(by_counts, |tail| (2.0 * tail).min(1.0))
}

/// The chance of a sum at least as far from zero, on its side, when `n` rows of (unit, count) are drawn without replacement.
/// `None` at the ends of what a sum can be, where no saddlepoint is.
fn saddlepoint(units: &[(f64, f64)], share: f64, n: f64, drawn: f64) -> Option<f64> {
    let odds = (share / (1.0 - share)).ln();
    let rows: f64 = units.iter().map(|(_, count)| count).sum();
    // The cumulant generating function of (rows drawn, their sum) when every row is drawn by itself, less the target.
    let cost = |a: f64, b: f64| {
        let sum = units.iter().map(|(unit, count)| count * softplus(odds + a + b * unit)).sum::<f64>();
        sum + rows * (1.0 - share).ln() - a * n - b * drawn
    };
    let (mut a, mut b) = (0.0, 0.0);
    let mut now = cost(a, b);
    let mut curve = [0.0; 3];
    let mut settled = false;
    for _ in 0..80 {
        let mut slope = [-n, -drawn];
        curve = [0.0; 3];
        for (unit, count) in units {
            let chance = logistic(odds + a + b * unit);
            let (mass, bend) = (count * chance, count * chance * (1.0 - chance));
            slope[0] += mass;
            slope[1] += mass * unit;
            curve[0] += bend;
            curve[1] += bend * unit;
            curve[2] += bend * unit * unit;
        }
        let bend = curve[0] * curve[2] - curve[1] * curve[1];
        if bend.is_nan() || bend <= 1e-300 {
            return None;
        }
        let (to_a, to_b) =
            ((curve[2] * slope[0] - curve[1] * slope[1]) / bend, (curve[0] * slope[1] - curve[1] * slope[0]) / bend);
        let gain = slope[0] * to_a + slope[1] * to_b;
        if gain < 1e-10 {
            settled = true;
            break;
        }
        let mut stride = 1.0;
        loop {
            let next = cost(a - stride * to_a, b - stride * to_b);
            if next <= now - 1e-4 * stride * gain || stride < 1e-10 {
                (a, b, now) = (a - stride * to_a, b - stride * to_b, next);
                break;
            }
            stride /= 2.0;
        }
    }
    let bend = curve[0] * curve[2] - curve[1] * curve[1];
    let distance = (-2.0 * now).max(0.0).sqrt();
    let speed = b.abs() * (bend / (rows * share * (1.0 - share))).sqrt();
    // Sums at their very end send the slope away to infinity.
    if !settled || distance < 0.1 || speed.is_nan() || speed <= 0.0 || b.abs() > 1e3 {
        return None;
    }
    let density = (-distance * distance / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    Some((normal_upper(distance) + density * (1.0 / speed - 1.0 / distance)).clamp(0.0, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;
    use crate::stats::test_data::close;

    /// Mostly zero, and else log-normal with a heavy tail.
    fn spend(rng: &mut Rng, chance: f64) -> f64 {
        if rng.uniform() < chance { (3.0 + 1.5 * normal(rng)).exp() } else { 0.0 }
    }

    #[test]
    fn what_is_huge_counts_as_the_ceiling_and_few_values_stay_as_they_are() {
        let amounts: Vec<f64> = (1..=100).map(f64::from).chain([0.0; 900]).collect();
        close(ceiling(&amounts, 0.99).unwrap(), 99.01, 1e-12);
        assert_eq!(ceiling(&[0.0, f64::NAN], 0.99), None);
        let few = Classes::of(&[0.0, 5.0, -2.0, 5.0, 9.0]);
        assert_eq!(few.values, [0.0, -2.0, 5.0, 9.0]);
        assert_eq!([0.0, -2.0, 5.0, 9.0, 70.0].map(|amount| few.class(amount)), [0, 1, 2, 3, 3]);
        let many = Classes::of(&amounts);
        assert_eq!(many.values.len(), BINS);
        let back: f64 = amounts.iter().map(|amount| many.values[many.class(*amount)]).sum();
        close(back, 5050.0, 1e-9);
    }

    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.add(*value, 1.0));
        moments
    }

    #[test]
    fn a_contrast_is_welchs_but_no_group_is_surer_than_all_together() {
        use crate::stats::intervals::{Sample, welch};
        let (a, b) = ([3.0, 4.0, 5.0, 6.0, 7.0], [2.5, 3.5, 5.0, 6.5, 7.5]);
        let ours = |a: &[f64], b: &[f64]| contrast(&[(1.0, of(a)), (-1.0, of(b))], 0.95).unwrap();
        let theirs = |a: &[f64], b: &[f64]| welch(Sample::of(a), Sample::of(b), 0.95).unwrap().interval;
        close(ours(&b, &b).low, theirs(&b, &b).low, 1e-10);
        close(ours(&b, &b).high, theirs(&b, &b).high, 1e-10);
        assert!(ours(&a, &b).low < theirs(&a, &b).low);
        let zeros = ours(&[0.0; 5], &a);
        assert!(zeros.high - zeros.low > 6.0, "{zeros:?}");
        assert_eq!(contrast(&[(1.0, of(&[1.0])), (-1.0, of(&a))], 0.95), None);
        assert_eq!(contrast(&[(1.0, of(&[1.0; 4])), (-1.0, of(&[1.0; 4]))], 0.95), None);
    }

    // Against two hundred thousand shuffles of the same rows.
    #[test]
    fn the_saddlepoint_is_what_shuffling_would_say() {
        let mut rng = Rng::new(41);
        let amounts: Vec<f64> = (0..400).map(|_| spend(&mut rng, 0.4)).collect();
        let top = ceiling(&amounts, 0.99).unwrap();
        let amounts: Vec<f64> = amounts.iter().map(|amount| amount.min(top)).collect();
        let classes = Classes::of(&amounts);
        let class: Vec<usize> = amounts.iter().map(|amount| classes.class(*amount)).collect();
        let values: Vec<f64> = class.iter().map(|class| classes.values[*class]).collect();
        let mean = values.iter().sum::<f64>() / 400.0;
        let n = 60;
        let mut pool: Vec<usize> = (0..400).collect();
        let mut sums: Vec<f64> = (0..200_000)
            .map(|_| {
                (0..n)
                    .map(|at| {
                        let other = at + rng.below((400 - at) as u64) as usize;
                        pool.swap(at, other);
                        values[pool[at]]
                    })
                    .sum::<f64>()
                    - mean * f64::from(n as u32)
            })
            .collect();
        sums.sort_by(f64::total_cmp);
        let exact = Exact::new(400);
        let mut all = vec![0u32; classes.values.len()];
        class.iter().for_each(|class| all[*class] += 1);
        let mut tried = 0;
        for _ in 0..3_000 {
            // Draws that lean to one side, so that tails are met.
            let lean = rng.uniform() < 0.5;
            let mut order: Vec<usize> = (0..400).collect();
            order.sort_by(|a, b| {
                let by = values[*a].total_cmp(&values[*b]);
                if lean { by.reverse() } else { by }
            });
            let mut inside = vec![0u32; all.len()];
            let mut sum = -mean * n as f64;
            let reach = n + rng.below(340) as usize;
            rng.shuffle(&mut order[..reach]);
            order[..n].iter().for_each(|row| {
                inside[class[*row]] += 1;
                sum += values[*row];
            });
            let above = sums.len() - sums.partition_point(|other| *other < sum);
            let below = sums.partition_point(|other| *other <= sum);
            let shuffled = 2.0 * above.min(below) as f64 / sums.len() as f64;
            if !(1e-3..0.2).contains(&shuffled) {
                continue;
            }
            tried += 1;
            let ours = dealt_blindly(&classes.values, &inside, &all, &exact);
            // Ours gives a little away on purpose.
            assert!(ours > 0.85 * shuffled && ours < 1.35 * shuffled + 0.004, "{ours} {shuffled}");
        }
        assert!(tried > 100, "{tried}");
    }

    #[test]
    fn yes_and_no_are_fishers_test_and_ends_have_an_answer() {
        let exact = Exact::new(1_000);
        let p = dealt_blindly(&[0.0, 7.0], &[20, 10], &[900, 100], &exact);
        close(p, exact.two_sided((10, 30), (90, 970)), 1e-12);
        // Nobody inside brought anything, or everybody the most.
        let none = dealt_blindly(&[0.0, 1.0, 9.0], &[100, 0, 0], &[800, 100, 100], &exact);
        let most = dealt_blindly(&[0.0, 1.0, 9.0], &[0, 0, 50], &[800, 150, 50], &exact);
        assert!((1e-12..1e-6).contains(&none) && most < 1e-6, "{none} {most}");
        assert_eq!(dealt_blindly(&[0.0, 1.0, 2.0], &[0, 0, 0], &[5, 2, 2], &exact), 1.0);
        assert_eq!(dealt_blindly(&[0.0, 1.0, 2.0], &[9, 0, 0], &[30, 0, 0], &exact), 1.0);
    }

    #[test]
    fn intervals_of_heavy_tails_cover_what_they_say() {
        let mut covered = 0;
        let worlds = 400;
        // What the means are after the ceiling, over many rows.
        let mut rng = Rng::new(5);
        let many: Vec<f64> = (0..400_000).map(|_| spend(&mut rng, 0.1)).collect();
        let top = ceiling(&many, 0.99).unwrap();
        for seed in 0..worlds {
            let mut rng = Rng::new(100 + seed);
            let mut group = |count: usize, chance: f64| {
                let mut moments = Moments::default();
                (0..count).for_each(|_| moments.add(spend(&mut rng, chance).min(top), 1.0));
                moments
            };
            let (a, b) = (group(400, 0.1), group(1_600, 0.1));
            covered += usize::from(contrast(&[(1.0, a), (-1.0, b)], 0.95).unwrap().contains(0.0));
        }
        let share = covered as f64 / worlds as f64;
        println!("{share} of 95 % intervals hold the truth");
        assert!((0.94..=0.998).contains(&share), "{share}");
    }
}
