//! Which combinations of attributes do better: subgroup discovery (Wrobel, 1997) that does not invent.
//!
//! Every combination of up to three conditions with enough rows is counted by bits. A combination is a find only when its
//! rows differ from all others and, when it is longer than one condition, also from what each shorter combination already
//! says: its p-value is the largest of these exact tests (an intersection–union test), and all tested combinations share
//! one false discovery rate. Where a treatment was given, what is compared is not who had the outcome but how much the
//! treatment changed it, so that people who buy anyway are not mistaken for a success.

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
        }
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
}

impl Rule {
    /// The share inside relative to that of all rows.
    pub fn lift(&self) -> f64 {
        let all = (self.inside.hits + self.outside.hits) as f64 / (self.inside.rows + self.outside.rows) as f64;
        self.inside.share() / all
    }

    /// The share of all rows that are inside.
    pub fn support(&self) -> f64 {
        self.inside.rows as f64 / (self.inside.rows + self.outside.rows) as f64
    }

    /// Weighted relative accuracy: support times how much the share inside is above that of all (Lavrač, Flach and Zupan, 1999).
    pub fn gain(&self) -> f64 {
        let all = (self.inside.hits + self.outside.hits) as f64 / (self.inside.rows + self.outside.rows) as f64;
        self.support() * (self.inside.share() - all)
    }

    /// What is compared: inside minus outside of the share, or of what the treatment changed when there was one.
    pub fn effect(&self, treated: bool, confidence: f64) -> Option<Interval> {
        let pair = |counts: &Counts| (counts.hits as f64, counts.rows as f64);
        if !treated {
            return newcombe(pair(&self.inside), pair(&self.outside), confidence);
        }
        let ((inside, a), (outside, b)) = (self.inside.uplift(), self.outside.uplift());
        let (estimate, reach) = (inside - outside, z_of(confidence) * (a + b).sqrt());
        Some(Interval { estimate, low: estimate - reach, high: estimate + reach })
    }

    /// The share inside, or what the treatment changed inside.
    pub fn level(&self, treated: bool, confidence: f64) -> Option<Interval> {
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
        let better = |rule: &Rule| against(treated, &rule.inside, &rule.outside);
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

/// Tests every combination.
pub fn mine(table: &Table, options: &Options) -> Mined {
    let rows = table.outcome.len();
    let treated = |row: usize| table.treated.as_ref().is_some_and(|treated| treated[row]);
    let layout = Layout::new(rows, 4, |row| usize::from(table.outcome[row]) + 2 * usize::from(treated(row)));
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
        Counts::of(layout.counts(&everything))
    };
    let enough = |counts: &Counts| counts.rows >= options.rows_min.max(1) && counts.rows < rows;
    sets.retain(|(_, bits)| enough(&Counts::of(layout.counts(bits))));
    let mut found: Vec<(Vec<u16>, Counts)> = Vec::new();
    let mut known: HashMap<[u16; 3], Counts> = HashMap::new();
    let mut both = Bits::new();
    for (i, (first, a)) in sets.iter().enumerate() {
        let counts = Counts::of(layout.counts(a));
        known.insert([i as u16, NO_SET, NO_SET], counts);
        found.push((vec![i as u16], counts));
        if options.depth < 2 {
            continue;
        }
        for (j, (second, b)) in sets.iter().enumerate().skip(i + 1).filter(|(_, (second, _))| second.0 != first.0) {
            intersect(a, b, &mut both);
            let counts = Counts::of(layout.counts(&both));
            if !enough(&counts) {
                continue;
            }
            known.insert([i as u16, j as u16, NO_SET], counts);
            found.push((vec![i as u16, j as u16], counts));
            if options.depth < 3 {
                continue;
            }
            for (k, (_, c)) in sets.iter().enumerate().skip(j + 1).filter(|(_, (third, _))| third.0 != second.0) {
                let counts = Counts::of(layout.common(&both, c));
                if enough(&counts) {
                    found.push((vec![i as u16, j as u16, k as u16], counts));
                }
            }
        }
    }
    let exact = Exact::new(rows);
    let with_treatment = table.treated.is_some();
    let test = |inside: Counts, rest: Counts| {
        if with_treatment {
            uplift_differs(&inside, &rest)
        } else {
            exact.two_sided((inside.hits, inside.rows), (rest.hits, rest.rows))
        }
    };
    let mut rules: Vec<Rule> = found
        .into_iter()
        .map(|(places, inside)| {
            let outside = all.less(inside);
            let mut p_value = test(inside, outside);
            for shorter in parents(&places) {
                if p_value > HOPELESS {
                    break;
                }
                // A combination with enough rows has parents with at least as many.
                let Some(parent) = known.get(&shorter) else { continue };
                let rest = parent.less(inside);
                p_value =
                    if rest.rows == 0 || against(with_treatment, &inside, &outside) != against(with_treatment, &inside, &rest) {
                        1.0
                    } else {
                        p_value.max(test(inside, rest))
                    };
            }
            let conditions = places.iter().map(|place| sets[usize::from(*place)].0).collect();
            Rule { conditions, inside, outside, p_value, adjusted: 1.0 }
        })
        .collect();
    let p_values: Vec<f64> = rules.iter().map(|rule| rule.p_value).collect();
    let adjusted = match options.control {
        Control::Together => benjamini_hochberg(&p_values),
        Control::Any => benjamini_yekutieli(&p_values),
    };
    rules.iter_mut().zip(adjusted).for_each(|(rule, adjusted)| rule.adjusted = adjusted);
    let finds = rules.iter().filter(|rule| rule.adjusted <= options.rate).count();
    rules.sort_by(|a, b| a.conditions.cmp(&b.conditions));
    let confidence = 1.0 - options.rate.min(0.05) * finds.max(1) as f64 / rules.len().max(1) as f64;
    Mined { all, rules, confidence }
}

/// Counts of these conditions in another table, such as later data. `None` when a condition is not among its columns.
pub fn again(table: &Table, conditions: &[Condition]) -> Option<Rule> {
    let sets = conditions.iter().map(|(at, level)| Some((&table.attributes.get(*at)?.codes, *level as u32)));
    let sets: Vec<(&Vec<u32>, u32)> = sets.collect::<Option<_>>()?;
    let (mut inside, mut all) = (Counts::default(), Counts::default());
    for (row, hit) in table.outcome.iter().enumerate() {
        let treated = table.treated.as_ref().is_some_and(|treated| treated[row]);
        let add = |counts: &mut Counts| {
            counts.rows += 1;
            counts.hits += usize::from(*hit);
            counts.treated_rows += usize::from(treated);
            counts.treated_hits += usize::from(treated && *hit);
        };
        add(&mut all);
        if sets.iter().all(|(codes, level)| codes[row] == *level) {
            add(&mut inside);
        }
    }
    let outside = all.less(inside);
    let p_value = if table.treated.is_some() {
        uplift_differs(&inside, &outside)
    } else {
        Exact::new(all.rows).two_sided((inside.hits, inside.rows), (outside.hits, outside.rows))
    };
    Some(Rule { conditions: conditions.to_vec(), inside, outside, p_value, adjusted: p_value })
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
        Table { attributes, outcome: rows.iter().map(|row| row[place(outcome)] == "1").collect(), treated: None }
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

    /// Two attributes that matter and one that does not; the outcome's chance by both.
    fn made(seed: u64, chance: impl Fn(usize, usize, bool) -> f64, treatment: bool) -> Table {
        let mut rng = Rng::new(seed);
        let rows = 12_000;
        let column = |rng: &mut Rng, count: u64| -> Vec<usize> { (0..rows).map(|_| rng.below(count) as usize).collect() };
        let (a, b, c) = (column(&mut rng, 3), column(&mut rng, 4), column(&mut rng, 5));
        let treated: Vec<bool> = (0..rows).map(|_| rng.below(2) == 1).collect();
        let outcome = (0..rows).map(|row| rng.uniform() < chance(a[row], b[row], treated[row])).collect();
        let named = |name: &str, values: &[usize]| attribute(name, values.iter().map(ToString::to_string));
        Table { attributes: vec![named("a", &a), named("b", &b), named("c", &c)], outcome, treated: treatment.then_some(treated) }
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
        let empty = Table { attributes: vec![], outcome: vec![], treated: None };
        assert!(mine(&empty, &options(1)).rules.is_empty());
        let mut none = made(77, |_, _, _| 0.0, false);
        assert!(mine(&none, &options(10)).finds(false, 0.05).is_empty());
        none.attributes[0].codes.fill(NONE);
        assert!(mine(&none, &options(10)).rules.iter().all(|rule| rule.conditions.iter().all(|(at, _)| *at != 0)));
        assert!(again(&none, &[(9, 0)]).is_none());
    }
}
