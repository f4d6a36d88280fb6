//! Which combinations of attributes do better: subgroup discovery (Wrobel, 1997) that does not invent.
//!
//! Every combination of up to three conditions with enough rows is counted by bits. A combination is a find only when its
//! rows differ from all others and, when it is longer than one condition, also from what each shorter combination already
//! says: its p-value is the largest of these exact tests (an intersection–union test), and all tested combinations share
//! one false discovery rate. Where a treatment was given, what is compared is not who had the outcome but how much the
//! treatment changed it, so that people who buy anyway are not mistaken for a success. Where rows have amounts, means are
//! compared in the same way, by a permutation test (`amounts`).

use super::amounts::{BINS, Classes, Moments, contrast, dealt_blindly};
use super::bits::{Bits, Layout, intersect};
use super::fisher::Exact;
use super::intervals::{Interval, newcombe, wilson, z_of};
use super::multiplicity::{benjamini_hochberg, benjamini_yekutieli};
use super::special::normal_two_sided;
use std::collections::HashMap;

/// One column of categories.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub levels: Vec<String>,
    /// For every row the place of its level, or `NONE`.
    pub codes: Vec<u32>,
}

/// No level is known for a row.
pub const NONE: u32 = u32::MAX;

/// What is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub attributes: Vec<Attribute>,
    /// For every row whether the outcome happened.
    pub outcome: Vec<bool>,
    /// For every row whether it was treated; `None` when nothing was.
    pub treated: Option<Vec<bool>>,
    /// For every row an amount, under a ceiling already; the outcome is then that there is one. `None` when only that counts.
    pub amounts: Option<Vec<f64>>,
}

impl Table {
    /// The same columns with only some rows.
    pub fn only(&self, rows: &[usize]) -> Table {
        let pick = |values: &[bool]| rows.iter().map(|row| values[*row]).collect();
        let attribute = |attribute: &Attribute| Attribute {
            codes: rows.iter().map(|row| attribute.codes[*row]).collect(),
            name: attribute.name.clone(),
            levels: attribute.levels.clone(),
        };
        Table {
            attributes: self.attributes.iter().map(attribute).collect(),
            outcome: pick(&self.outcome),
            treated: self.treated.as_deref().map(pick),
            amounts: self.amounts.as_ref().map(|amounts| rows.iter().map(|row| amounts[*row]).collect()),
        }
    }

    /// Which arm a row is in: 0 for the others, 1 for the treated.
    fn arm(&self, row: usize) -> usize {
        self.treated.as_ref().map_or(0, |treated| usize::from(treated[row]))
    }
}

/// How finds are told from chance when many combinations are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Benjamini–Hochberg: tests that move together.
    Together,
    /// Benjamini–Yekutieli: whatever the tests have to do with each other.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Conditions in a combination, 1 to 3.
    pub depth: usize,
    /// Rows that a combination must have.
    pub rows_min: usize,
    /// The expected share of false finds among the finds.
    pub rate: f64,
    pub control: Control,
}

/// A condition: an attribute has a level, both by their place.
pub type Condition = (usize, usize);

/// Rows and outcomes, of the treated and of the others; without a treatment all are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counts {
    pub rows: usize,
    pub hits: usize,
    pub treated_rows: usize,
    pub treated_hits: usize,
}

impl Counts {
    fn of([missed, hit, treated_missed, treated_hit]: [u32; 4]) -> Counts {
        Counts {
            rows: (missed + hit + treated_missed + treated_hit) as usize,
            hits: (hit + treated_hit) as usize,
            treated_rows: (treated_missed + treated_hit) as usize,
            treated_hits: treated_hit as usize,
        }
    }

    fn add(&mut self, hit: bool, treated: bool) {
        self.rows += 1;
        self.hits += usize::from(hit);
        self.treated_rows += usize::from(treated);
        self.treated_hits += usize::from(treated && hit);
    }

    fn less(self, other: Counts) -> Counts {
        Counts {
            rows: self.rows - other.rows,
            hits: self.hits - other.hits,
            treated_rows: self.treated_rows - other.treated_rows,
            treated_hits: self.treated_hits - other.treated_hits,
        }
    }

    /// The share with the outcome; `NaN` of no rows.
    pub fn share(&self) -> f64 {
        self.hits as f64 / self.rows as f64
    }

    /// (hits, rows) of the treated and of the others.
    fn arms(&self) -> [(f64, f64); 2] {
        let treated = (self.treated_hits as f64, self.treated_rows as f64);
        [treated, (self.hits as f64 - treated.0, self.rows as f64 - treated.1)]
    }

    /// What the treatment changed, with its variance; each arm is given one hit and one miss more, so that an empty cell does
    /// not look certain (Agresti and Caffo, 2000).
    fn uplift(&self) -> (f64, f64) {
        let [treated, others] = self.arms().map(|(hits, rows)| {
            let share = (hits + 1.0) / (rows + 2.0);
            (share, share * (1.0 - share) / (rows + 2.0))
        });
        (treated.0 - others.0, treated.1 + others.1)
    }
}

/// A combination with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// In the order of the attributes.
    pub conditions: Vec<Condition>,
    pub inside: Counts,
    /// All other rows.
    pub outside: Counts,
    /// Against all others, and against the rest of every shorter combination, whichever is largest.
    pub p_value: f64,
    /// The rate of false finds among all combinations at least as sure; a find has at most `Options::rate`.
    pub adjusted: f64,
    /// Where rows have amounts.
    pub amounts: Option<Box<Amounts>>,
}

/// What the amounts of a combination come to, by arm: of the others, and of the treated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    pub inside: [Moments; 2],
    pub outside: [Moments; 2],
}

impl Amounts {
    fn together(&self) -> (Moments, Moments) {
        (self.inside[0].plus(self.inside[1]), self.outside[0].plus(self.outside[1]))
    }

    fn turned(self) -> Amounts {
        Amounts { inside: self.outside, outside: self.inside }
    }
}

impl Rule {
    /// The share (or the mean amount) inside relative to that of all rows.
    pub fn lift(&self) -> f64 {
        let (inside, all) = self.inside_and_all();
        inside / all
    }

    fn inside_and_all(&self) -> (f64, f64) {
        if let Some(amounts) = &self.amounts {
            let (inside, outside) = amounts.together();
            return (inside.mean(), inside.plus(outside).mean());
        }
        let all = (self.inside.hits + self.outside.hits) as f64 / (self.inside.rows + self.outside.rows) as f64;
        (self.inside.share(), all)
    }

    /// The share of all rows that are inside.
    pub fn support(&self) -> f64 {
        self.inside.rows as f64 / (self.inside.rows + self.outside.rows) as f64
    }

    /// Weighted relative accuracy: support times how much the share inside is above that of all (Lavrač, Flach and Zupan, 1999).
    pub fn gain(&self) -> f64 {
        let (inside, all) = self.inside_and_all();
        self.support() * (inside - all)
    }

    /// The same rule with all other rows inside.
    pub fn turned(&self) -> Rule {
        let amounts = self.amounts.as_ref().map(|amounts| Box::new(amounts.turned()));
        Rule { inside: self.outside, outside: self.inside, amounts, ..self.clone() }
    }

    /// What is compared: inside minus outside of the share, or of what the treatment changed when there was one.
    pub fn effect(&self, treated: bool, confidence: f64) -> Option<Interval> {
        if let Some(amounts) = &self.amounts {
            let ([others, with], [others_out, with_out]) = (amounts.inside, amounts.outside);
            if treated {
                return contrast(&[(1.0, with), (-1.0, others), (-1.0, with_out), (1.0, others_out)], confidence);
            }
            let (inside, outside) = amounts.together();
            return contrast(&[(1.0, inside), (-1.0, outside)], confidence);
        }
        let pair = |counts: &Counts| (counts.hits as f64, counts.rows as f64);
        if !treated {
            return newcombe(pair(&self.inside), pair(&self.outside), confidence);
        }
        let ((inside, a), (outside, b)) = (self.inside.uplift(), self.outside.uplift());
        let (estimate, reach) = (inside - outside, z_of(confidence) * (a + b).sqrt());
        Some(Interval { estimate, low: estimate - reach, high: estimate + reach })
    }

    /// The share (or mean amount) inside, or what the treatment changed inside.
    pub fn level(&self, treated: bool, confidence: f64) -> Option<Interval> {
        if let Some(amounts) = &self.amounts {
            let [others, with] = amounts.inside;
            let (inside, _) = amounts.together();
            return if treated {
                contrast(&[(1.0, with), (-1.0, others)], confidence)
            } else {
                contrast(&[(1.0, inside)], confidence)
            };
        }
        if treated {
            let [treated, others] = self.inside.arms();
            newcombe(treated, others, confidence)
        } else {
            wilson(self.inside.hits as f64, self.inside.rows as f64, confidence)
        }
    }
}

/// Everything that was tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Mined {
    pub all: Counts,
    /// Every combination with enough rows, in the order of their conditions.
    pub rules: Vec<Rule>,
    /// The confidence at which intervals of the finds still cover what they should, although only the best were picked
    /// (Benjamini and Yekutieli, 2005).
    pub confidence: f64,
}

impl Mined {
    /// The finds, the largest effect first, in either direction.
    pub fn finds(&self, treated: bool, rate: f64) -> Vec<&Rule> {
        let size = |rule: &Rule| {
            let effect = rule.effect(treated, self.confidence);
            // Ordered by what is sure: the end of the interval that is nearer to nothing.
            effect.map_or(0.0, |effect| if effect.estimate > 0.0 { effect.low } else { -effect.high })
        };
        let mut finds: Vec<&Rule> = self.rules.iter().filter(|rule| rule.adjusted <= rate).collect();
        let better = |rule: &Rule| rule.effect(treated, self.confidence).is_some_and(|effect| effect.estimate > 0.0);
        finds.sort_by(|a, b| {
            let surer = size(b).total_cmp(&size(a));
            surer.then_with(|| better(b).cmp(&better(a))).then_with(|| a.conditions.cmp(&b.conditions))
        });
        finds
    }

    /// The combinations with the largest gain, chance or not; what other tools print.
    pub fn top(&self, count: usize) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.gain() > 0.0).collect();
        let fewer = |rule: &Rule| rule.conditions.len();
        rules.sort_by(|a, b| {
            b.gain().total_cmp(&a.gain()).then_with(|| fewer(a).cmp(&fewer(b))).then_with(|| a.conditions.cmp(&b.conditions))
        });
        rules.truncate(count);
        rules
    }
}

/// A p-value above this cannot become a find, so what is dearer to compute is not.
const HOPELESS: f64 = 0.3;
/// Rows and hits in each arm, inside, that the effect of a treatment needs to be judged.
const ARM_ROWS: usize = 30;
const ARM_HITS: usize = 5;

/// Rows of a combination by what they had, in a form that can be counted and taken away.
trait Cell: Copy {
    fn rows(&self) -> usize;
    fn less(self, other: Self) -> Self;
}

impl Cell for Counts {
    fn rows(&self) -> usize {
        self.rows
    }

    fn less(self, other: Counts) -> Counts {
        Counts::less(self, other)
    }
}

/// Rows by class of amount, of the others and then of the treated.
type Binned = [u32; 2 * BINS];

impl Cell for Binned {
    fn rows(&self) -> usize {
        self.iter().sum::<u32>() as usize
    }

    fn less(self, other: Binned) -> Binned {
        std::array::from_fn(|class| self[class] - other[class])
    }
}

/// Counts what two sets have in common.
type Common<'a, C> = &'a dyn Fn(&Layout, &[u64], &[u64]) -> C;

/// How combinations are counted and judged.
struct Judge<'a, C> {
    layout: Layout,
    count: &'a dyn Fn(&Layout, &[u64]) -> C,
    common: Common<'a, C>,
    /// Two-sided, inside against the rest.
    test: &'a dyn Fn(&C, &C) -> f64,
    /// Whether inside is above the rest.
    above: &'a dyn Fn(&C, &C) -> bool,
}

/// Tests every combination.
pub fn mine(table: &Table, options: &Options) -> Mined {
    let rows = table.outcome.len();
    let exact = Exact::new(rows);
    let with_treatment = table.treated.is_some();
    let mut rules = match &table.amounts {
        None => {
            let (all, found) = search(
                table,
                options,
                &Judge {
                    layout: Layout::new(rows, 4, |row| usize::from(table.outcome[row]) + 2 * table.arm(row)),
                    count: &|layout, bits| Counts::of(layout.counts(bits)),
                    common: &|layout, a, b| Counts::of(layout.common(a, b)),
                    test: &|inside: &Counts, rest: &Counts| {
                        if with_treatment {
                            uplift_differs(inside, rest)
                        } else {
                            exact.two_sided((inside.hits, inside.rows), (rest.hits, rest.rows))
                        }
                    },
                    above: &|inside, rest| against(with_treatment, inside, rest),
                },
            );
            let rule = |(conditions, inside, p_value): (Vec<Condition>, Counts, f64)| Rule {
                conditions,
                inside,
                outside: all.less(inside),
                p_value,
                adjusted: 1.0,
                amounts: None,
            };
            found.into_iter().map(rule).collect::<Vec<_>>()
        }
        Some(amounts) => {
            let classes = Classes::of(amounts);
            let (all, found) = search(
                table,
                options,
                &Judge {
                    layout: Layout::new(rows, 2 * BINS, |row| classes.class(amounts[row]) + BINS * table.arm(row)),
                    count: &|layout, bits| layout.counts(bits),
                    common: &|layout, a, b| layout.common(a, b),
                    test: &|inside: &Binned, rest: &Binned| {
                        if with_treatment {
                            amounts_differ(&binned(inside, rest, &classes.values))
                        } else {
                            let all: Binned = std::array::from_fn(|class| inside[class] + rest[class]);
                            dealt_blindly(&classes.values, &inside[..BINS], &all[..BINS], &exact)
                        }
                    },
                    above: &|inside, rest| above(with_treatment, &binned(inside, rest, &classes.values)),
                },
            );
            let rule = |(conditions, inside, p_value): (Vec<Condition>, Binned, f64)| {
                let outside = all.less(inside);
                let amounts = Some(Box::new(binned(&inside, &outside, &classes.values)));
                Rule { conditions, inside: told(&inside), outside: told(&outside), p_value, adjusted: 1.0, amounts }
            };
            found.into_iter().map(rule).collect()
        }
    };
    let p_values: Vec<f64> = rules.iter().map(|rule| rule.p_value).collect();
    let adjusted = match options.control {
        Control::Together => benjamini_hochberg(&p_values),
        Control::Any => benjamini_yekutieli(&p_values),
    };
    rules.iter_mut().zip(adjusted).for_each(|(rule, adjusted)| rule.adjusted = adjusted);
    let finds = rules.iter().filter(|rule| rule.adjusted <= options.rate).count();
    if table.amounts.is_some() {
        // Tests went by classes; what is told is counted to the cent.
        for rule in rules.iter_mut().filter(|rule| rule.adjusted <= options.rate) {
            rule.amounts = again(table, &rule.conditions).and_then(|exact| exact.amounts);
        }
    }
    rules.sort_by(|a, b| a.conditions.cmp(&b.conditions));
    let confidence = 1.0 - options.rate.min(0.05) * finds.max(1) as f64 / rules.len().max(1) as f64;
    let mut all = Counts::default();
    (0..rows).for_each(|row| all.add(table.outcome[row], table.arm(row) == 1));
    Mined { all, rules, confidence }
}

/// Every combination with enough rows, with what is in it and its p-value.
fn search<C: Cell>(table: &Table, options: &Options, judge: &Judge<'_, C>) -> (C, Vec<(Vec<Condition>, C, f64)>) {
    let rows = table.outcome.len();
    let layout = &judge.layout;
    let mut sets: Vec<(Condition, Bits)> = Vec::new();
    for (at, attribute) in table.attributes.iter().enumerate() {
        let mut of_levels: Vec<Bits> = vec![layout.empty(); attribute.levels.len()];
        for (row, code) in attribute.codes.iter().enumerate() {
            if let Some(bits) = of_levels.get_mut(*code as usize) {
                layout.insert(bits, row);
            }
        }
        sets.extend(of_levels.into_iter().enumerate().map(|(level, bits)| ((at, level), bits)));
    }
    let all = {
        let mut everything = layout.empty();
        (0..rows).for_each(|row| layout.insert(&mut everything, row));
        (judge.count)(layout, &everything)
    };
    let enough = |cell: &C| cell.rows() >= options.rows_min.max(1) && cell.rows() < rows;
    sets.retain(|(_, bits)| enough(&(judge.count)(layout, bits)));
    let mut found: Vec<(Vec<u16>, C)> = Vec::new();
    let mut known: HashMap<[u16; 3], C> = HashMap::new();
    let mut both = Bits::new();
    for (i, (first, a)) in sets.iter().enumerate() {
        let cell = (judge.count)(layout, a);
        known.insert([i as u16, NO_SET, NO_SET], cell);
        found.push((vec![i as u16], cell));
        if options.depth < 2 {
            continue;
        }
        for (j, (second, b)) in sets.iter().enumerate().skip(i + 1).filter(|(_, (second, _))| second.0 != first.0) {
            intersect(a, b, &mut both);
            let cell = (judge.count)(layout, &both);
            if !enough(&cell) {
                continue;
            }
            known.insert([i as u16, j as u16, NO_SET], cell);
            found.push((vec![i as u16, j as u16], cell));
            if options.depth < 3 {
                continue;
            }
            for (k, (_, c)) in sets.iter().enumerate().skip(j + 1).filter(|(_, (third, _))| third.0 != second.0) {
                let cell = (judge.common)(layout, &both, c);
                if enough(&cell) {
                    found.push((vec![i as u16, j as u16, k as u16], cell));
                }
            }
        }
    }
    let judged = found.into_iter().map(|(places, inside)| {
        let outside = all.less(inside);
        let mut p_value = (judge.test)(&inside, &outside);
        for shorter in parents(&places) {
            if p_value > HOPELESS {
                break;
            }
            // A combination with enough rows has parents with at least as many.
            let Some(parent) = known.get(&shorter) else { continue };
            let rest = parent.less(inside);
            p_value = if rest.rows() == 0 || (judge.above)(&inside, &outside) != (judge.above)(&inside, &rest) {
                1.0
            } else {
                p_value.max((judge.test)(&inside, &rest))
            };
        }
        (places.iter().map(|place| sets[usize::from(*place)].0).collect(), inside, p_value)
    });
    (all, judged.collect())
}

/// Rows, and rows with an amount, by arm.
fn told(binned: &Binned) -> Counts {
    let arm = |at: usize| {
        let rows: u32 = binned[at * BINS..(at + 1) * BINS].iter().sum();
        [binned[at * BINS], rows - binned[at * BINS]]
    };
    let ([missed, hit], [treated_missed, treated_hit]) = (arm(0), arm(1));
    Counts::of([missed, hit, treated_missed, treated_hit])
}

fn binned(inside: &Binned, outside: &Binned, values: &[f64]) -> Amounts {
    let arm = |binned: &Binned, at: usize| {
        let mut moments = Moments::default();
        let classes = binned[at * BINS..].iter().zip(values).filter(|(rows, _)| **rows > 0);
        classes.for_each(|(rows, value)| moments.add(*value, f64::from(*rows)));
        moments
    };
    Amounts { inside: [arm(inside, 0), arm(inside, 1)], outside: [arm(outside, 0), arm(outside, 1)] }
}

/// Whether inside is above the rest, by the mean or by what the treatment changed in it.
fn above(treated: bool, amounts: &Amounts) -> bool {
    let changed = |[others, with]: &[Moments; 2]| with.mean() - others.mean();
    let (inside, outside) = amounts.together();
    if treated { changed(&amounts.inside) > changed(&amounts.outside) } else { inside.mean() > outside.mean() }
}

/// Two-sided: did the treatment change the amounts more inside than in the rest? 1 where an arm is too small to say.
fn amounts_differ(amounts: &Amounts) -> f64 {
    let arms = amounts.inside.iter().chain(&amounts.outside);
    if arms.clone().any(|arm| arm.count < ARM_ROWS as f64 || arm.told < ARM_HITS as f64) {
        return 1.0;
    }
    let ([a, b], [c, d]) = (amounts.inside, amounts.outside);
    let square: f64 = arms.map(|arm| arm.variance() / arm.count).sum();
    normal_two_sided((b.mean() - a.mean() - d.mean() + c.mean()) / square.sqrt())
}

/// Counts of these conditions in another table, such as later data. `None` when a condition is not among its columns.
pub fn again(table: &Table, conditions: &[Condition]) -> Option<Rule> {
    let sets = conditions.iter().map(|(at, level)| Some((&table.attributes.get(*at)?.codes, *level as u32)));
    let sets: Vec<(&Vec<u32>, u32)> = sets.collect::<Option<_>>()?;
    let (mut inside, mut outside) = (Counts::default(), Counts::default());
    let mut amounts = table.amounts.as_ref().map(|_| Box::new(Amounts::default()));
    for (row, hit) in table.outcome.iter().enumerate() {
        let arm = table.arm(row);
        let meant = sets.iter().all(|(codes, level)| codes[row] == *level);
        let counts = if meant { &mut inside } else { &mut outside };
        counts.add(*hit, arm == 1);
        if let (Some(sums), Some(amounts)) = (&mut amounts, &table.amounts) {
            let sums = if meant { &mut sums.inside } else { &mut sums.outside };
            sums[arm].add(amounts[row], 1.0);
        }
    }
    let p_value = match (&amounts, table.treated.is_some()) {
        (Some(amounts), true) => amounts_differ(amounts),
        (None, true) => uplift_differs(&inside, &outside),
        (_, false) => Exact::new(table.outcome.len()).two_sided((inside.hits, inside.rows), (outside.hits, outside.rows)),
    };
    Some(Rule { conditions: conditions.to_vec(), inside, outside, p_value, adjusted: p_value, amounts })
}

const NO_SET: u16 = u16::MAX;

/// Every combination with one condition less.
fn parents(places: &[u16]) -> Vec<[u16; 3]> {
    if places.len() < 2 {
        return Vec::new();
    }
    let without = |left_out: usize| {
        let mut key = [NO_SET; 3];
        let kept = places.iter().enumerate().filter(|(at, _)| *at != left_out);
        kept.zip(&mut key).for_each(|((_, place), slot)| *slot = *place);
        key
    };
    (0..places.len()).map(without).collect()
}

/// Whether inside is above the rest.
fn against(treated: bool, inside: &Counts, rest: &Counts) -> bool {
    if treated { inside.uplift().0 > rest.uplift().0 } else { inside.share() > rest.share() }
}

/// Two-sided: did the treatment change more inside than in the rest? 1 where an arm is too small to say.
fn uplift_differs(inside: &Counts, rest: &Counts) -> f64 {
    let small =
        |counts: &Counts| counts.arms().iter().any(|(hits, rows)| (*rows as usize) < ARM_ROWS || (*hits as usize) < ARM_HITS);
    if small(inside) || small(rest) {
        return 1.0;
    }
    let ((a, variance_a), (b, variance_b)) = (inside.uplift(), rest.uplift());
    normal_two_sided((a - b) / (variance_a + variance_b).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::test_data::{self, close};

    fn attribute(name: &str, values: impl Iterator<Item = String>) -> Attribute {
        let values: Vec<String> = values.collect();
        let mut levels = values.clone();
        levels.sort();
        levels.dedup();
        let codes = values.iter().map(|value| levels.binary_search(value).unwrap() as u32).collect();
        Attribute { name: name.into(), levels, codes }
    }

    fn table(header: &[String], rows: &[Vec<String>], columns: &[&str], outcome: &str) -> Table {
        let place = |name: &str| header.iter().position(|known| known == name).unwrap();
        let attributes = columns.iter().map(|name| attribute(name, rows.iter().map(|row| row[place(name)].clone()))).collect();
        Table { attributes, outcome: rows.iter().map(|row| row[place(outcome)] == "1").collect(), treated: None, amounts: None }
    }

    fn options(rows_min: usize) -> Options {
        Options { depth: 3, rows_min, rate: 0.05, control: Control::Together }
    }

    fn words(table: &Table, rule: &Rule) -> String {
        let word = |(at, level): &Condition| format!("{}={}", table.attributes[*at].name, table.attributes[*at].levels[*level]);
        rule.conditions.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    const EMAIL: [&str; 8] = ["recency", "history_segment", "mens", "womens", "zip_code", "newbie", "channel", "treatment"];

    // pysubgroup 0.8.0 (WRAcc, depth 3) and mlxtend 0.25.0 by benches/reference/pattern.py.
    #[test]
    fn the_ten_best_subgroups_are_those_of_pysubgroup() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let table = table(&header, &rows, &EMAIL, "visit");
        let mined = mine(&table, &options(100));
        let expected = [
            (0.012599216797, 15837, 2752, 1.1716496234, "newbie=0"),
            (0.011733996094, 10778, 1974, 1.2348983590, "treatment=Mens E-Mail"),
            (0.011626056641, 8583, 1645, 1.2922574191, "womens=1 newbie=0"),
            (0.010602392578, 3275, 825, 1.6984974088, "mens=1 womens=1"),
            (0.010331667969, 5282, 1114, 1.4220309161, "newbie=0 treatment=Mens E-Mail"),
            (0.009874755859, 17625, 2930, 1.1208841787, "womens=1"),
            (0.009480871094, 5978, 1190, 1.3421878254, "mens=1 treatment=Mens E-Mail"),
            (0.009312414062, 7228, 1370, 1.2779817962, "newbie=0 channel=Web"),
            (0.007992666016, 5935, 1136, 1.2905649097, "womens=1 treatment=Mens E-Mail"),
            (0.007423421875, 5896, 1112, 1.2716557427, "womens=1 treatment=Womens E-Mail"),
        ];
        for (rule, (gain, size, hits, lift, conditions)) in mined.top(10).into_iter().zip(expected) {
            assert_eq!((rule.inside.rows, rule.inside.hits, words(&table, rule).as_str()), (size, hits, conditions));
            close(rule.gain(), gain, 1e-11);
            close(rule.lift(), lift, 1e-9);
        }
    }

    #[test]
    fn finds_of_the_first_half_have_the_same_sign_in_the_second() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let whole = table(&header, &rows, &EMAIL, "visit");
        let half = rows.len() / 2;
        let (early, late) = (whole.only(&(0..half).collect::<Vec<_>>()), whole.only(&(half..rows.len()).collect::<Vec<_>>()));
        let mined = mine(&early, &options(100));
        let finds = mined.finds(false, 0.05);
        let same = finds.iter().filter(|rule| {
            let later = again(&late, &rule.conditions).unwrap();
            (rule.inside.share() > rule.outside.share()) == (later.inside.share() > later.outside.share())
        });
        let same = same.count();
        println!("{} finds of {} tested, {same} with the same sign later", finds.len(), mined.rules.len());
        assert!(finds.len() >= 10 && same as f64 >= 0.98 * finds.len() as f64, "{same} of {}", finds.len());
    }

    #[test]
    fn eighty_four_clicks_teach_nothing() {
        let Some((header, rows)) = test_data::rows("learning/patterns/obd_random_all_men.csv.gz") else { return };
        let columns = ["campaign", "item_id", "position", "user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3"];
        let table = table(&header, &rows, &columns, "click");
        let mined = mine(&table, &options(30));
        println!("{} clicks, {} tested", mined.all.hits, mined.rules.len());
        assert_eq!(mined.finds(false, 0.05).len(), 0);
    }

    #[test]
    fn permuted_outcomes_have_finds_in_at_most_one_of_twenty_runs() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let rows = &rows[..4_000];
        let mut table = table(&header, rows, &EMAIL, "visit");
        let mut with_finds = [0, 0];
        let runs = 60;
        for seed in 0..runs {
            let mut rng = Rng::new(900 + seed);
            rng.shuffle(&mut table.outcome);
            table.treated = None;
            with_finds[0] += usize::from(!mine(&table, &options(40)).finds(false, 0.05).is_empty());
            table.treated = Some((0..rows.len()).map(|_| rng.below(2) == 1).collect());
            with_finds[1] += usize::from(!mine(&table, &options(200)).finds(true, 0.05).is_empty());
        }
        println!("{with_finds:?} of {runs} runs had finds");
        assert!(with_finds.iter().all(|finds| *finds as f64 <= 0.05 * runs as f64), "{with_finds:?}");
    }

    /// The e-mail test with what people spent, under a ceiling.
    fn spending(rows: &[Vec<String>], header: &[String]) -> Table {
        let place = header.iter().position(|known| known == "spend").unwrap();
        let amounts: Vec<f64> = rows.iter().map(|row| row[place].parse().unwrap()).collect();
        let top = crate::stats::amounts::ceiling(&amounts, 0.99).unwrap();
        let amounts: Vec<f64> = amounts.into_iter().map(|amount| amount.min(top)).collect();
        let outcome = amounts.iter().map(|amount| *amount != 0.0).collect();
        Table { outcome, amounts: Some(amounts), ..table(header, rows, &EMAIL, "visit") }
    }

    #[test]
    fn permuted_amounts_have_finds_in_at_most_one_of_twenty_runs() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let mut table = spending(&rows, &header);
        let mut with_finds = [0, 0];
        let runs = 40;
        for seed in 0..runs {
            let mut rng = Rng::new(2_000 + seed);
            let mut amounts = table.amounts.take().unwrap();
            rng.shuffle(&mut amounts);
            table.outcome = amounts.iter().map(|amount| *amount != 0.0).collect();
            table.amounts = Some(amounts);
            table.treated = None;
            with_finds[0] += usize::from(!mine(&table, &Options { depth: 2, ..options(60) }).finds(false, 0.05).is_empty());
            table.treated = Some((0..rows.len()).map(|_| rng.below(2) == 1).collect());
            with_finds[1] += usize::from(!mine(&table, &Options { depth: 2, ..options(200) }).finds(true, 0.05).is_empty());
        }
        println!("{with_finds:?} of {runs} runs had finds");
        assert!(with_finds.iter().all(|finds| *finds as f64 <= 0.05 * runs as f64), "{with_finds:?}");
    }

    #[test]
    fn what_people_spend_is_found_with_the_same_sign_on_later_data() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let whole = spending(&rows, &header);
        let half = rows.len() / 2;
        let (early, late) = (whole.only(&(0..half).collect::<Vec<_>>()), whole.only(&(half..rows.len()).collect::<Vec<_>>()));
        let mined = mine(&early, &options(100));
        let finds = mined.finds(false, 0.05);
        let same = finds.iter().filter(|rule| again(&late, &rule.conditions).unwrap().gain() * rule.gain() > 0.0).count();
        let told: Vec<String> = finds.iter().map(|rule| words(&early, rule)).collect();
        println!("{} finds of {} tested, {same} with the same sign later: {told:?}", finds.len(), mined.rules.len());
        assert!(same as f64 >= 0.98 * finds.len() as f64, "{same} of {}", finds.len());
    }

    #[test]
    fn amounts_are_found_where_the_same_number_buys_for_more() {
        // As many buy everywhere, but where a is 1 they spend twice as much; tails are heavy.
        let chance = made(7, |_, _, _| 0.2, false);
        let mut rng = Rng::new(8);
        let codes = chance.attributes[0].codes.clone();
        let amounts: Vec<f64> = chance
            .outcome
            .iter()
            .zip(&codes)
            .map(|(hit, a)| {
                let size = (3.0 + crate::stats::sampling::normal(&mut rng)).exp() * if *a == 1 { 2.0 } else { 1.0 };
                if *hit { size } else { 0.0 }
            })
            .collect();
        let top = crate::stats::amounts::ceiling(&amounts, 0.99).unwrap();
        let table = Table { amounts: Some(amounts.iter().map(|amount| amount.min(top)).collect()), ..chance.clone() };
        assert!(mine(&chance, &options(50)).finds(false, 0.05).is_empty());
        let mined = mine(&table, &options(50));
        let finds = mined.finds(false, 0.05);
        assert_eq!(words(&table, finds[0]), "a=1");
        assert!(finds.iter().all(|rule| words(&table, rule).starts_with("a=")), "{finds:?}");
        // Twice the amounts of the others are one and a half times those of all.
        assert!((finds[0].lift() - 1.5).abs() < 0.15, "{}", finds[0].lift());
        let (inside, outside) = finds[0].amounts.as_ref().unwrap().together();
        let sum: f64 = table.amounts.as_ref().unwrap().iter().sum();
        test_data::close_relative(inside.plus(outside).sum, sum, 1e-12);
    }

    /// Two attributes that matter and one that does not; the outcome's chance by both.
    fn made(seed: u64, chance: impl Fn(usize, usize, bool) -> f64, treatment: bool) -> Table {
        let mut rng = Rng::new(seed);
        let rows = 12_000;
        let column = |rng: &mut Rng, count: u64| -> Vec<usize> { (0..rows).map(|_| rng.below(count) as usize).collect() };
        let (a, b, c) = (column(&mut rng, 3), column(&mut rng, 4), column(&mut rng, 5));
        let treated: Vec<bool> = (0..rows).map(|_| rng.below(2) == 1).collect();
        let outcome = (0..rows).map(|row| rng.uniform() < chance(a[row], b[row], treated[row])).collect();
        let named = |name: &str, values: &[usize]| attribute(name, values.iter().map(ToString::to_string));
        Table {
            attributes: vec![named("a", &a), named("b", &b), named("c", &c)],
            outcome,
            treated: treatment.then_some(treated),
            amounts: None,
        }
    }

    #[test]
    fn a_longer_rule_must_beat_the_shorter_ones() {
        // Only `a` matters: hardly ever is anything said about it together with something else.
        let mut longer = 0;
        for seed in 0..20 {
            let only = made(seed, |a, _, _| if a == 1 { 0.3 } else { 0.1 }, false);
            let mined = mine(&only, &options(50));
            let found: Vec<String> = mined.finds(false, 0.05).into_iter().map(|rule| words(&only, rule)).collect();
            assert_eq!(found[0], "a=1");
            longer += found.iter().filter(|words| words.contains(' ')).count();
        }
        println!("{longer} longer rules in 20 runs");
        // Three true finds a run, so a rate of one in twenty allows three or so in all.
        assert!(longer <= 5, "{longer}");
        // Both together matter.
        let joint = made(77, |a, b, _| if a == 1 && b == 2 { 0.4 } else { 0.1 }, false);
        let mined = mine(&joint, &options(50));
        let finds = mined.finds(false, 0.05);
        assert_eq!(words(&joint, finds[0]), "a=1 b=2");
        let effect = finds[0].effect(false, mined.confidence).unwrap();
        assert!(effect.low > 0.2 && effect.contains(0.3), "{effect:?}");
    }

    #[test]
    fn where_a_treatment_was_given_its_effect_counts_and_not_who_buys_anyway() {
        // `a=0` buys anyway; the treatment works on `b=3` only.
        let table = made(77, |a, b, treated| if a == 0 { 0.5 } else { 0.1 } + if treated && b == 3 { 0.15 } else { 0.0 }, true);
        let mined = mine(&table, &options(200));
        let found: Vec<String> = mined.finds(true, 0.05).into_iter().map(|rule| words(&table, rule)).collect();
        assert_eq!(found[0], "b=3");
        assert!(found.iter().all(|words| words.contains("b=")), "{found:?}");
        let rule = mined.rules.iter().find(|rule| words(&table, rule) == "b=3").unwrap();
        assert!(rule.level(true, 0.95).unwrap().contains(0.15));
    }

    #[test]
    fn empty_and_constant_tables_have_no_finds() {
        let empty = Table { attributes: vec![], outcome: vec![], treated: None, amounts: None };
        assert!(mine(&empty, &options(1)).rules.is_empty());
        let mut none = made(77, |_, _, _| 0.0, false);
        assert!(mine(&none, &options(10)).finds(false, 0.05).is_empty());
        none.attributes[0].codes.fill(NONE);
        assert!(mine(&none, &options(10)).rules.iter().all(|rule| rule.conditions.iter().all(|(at, _)| *at != 0)));
        assert!(again(&none, &[(9, 0)]).is_none());
    }
}
