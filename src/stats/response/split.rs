//! The best division of a total among parts whose gains may be S-shaped, under bounds for each part and for groups of them, with a proof.
//!
//! Gains add up, so without S-shapes a common price would settle it (Everett, 1963). With them, going uphill ends at the nearest hill. Here each gain
//! becomes a table that follows it closely, and the tables are divided exactly by branch and bound as in sigmoidal programming (Udell and
//! Boyd, 2013): on a stretch of its table a gain is replaced by its concave hull, which a common price divides at once and which is
//! nowhere below the gain, so the result bounds what any division of these stretches can bring. By the lemma of Shapley and Folkman (Starr, 1969) the hull is above the
//! gain for hardly more than one part, and halving that part's stretch there closes the difference in few steps. What is left
//! of the difference when the search ends is told.

use super::table::Table;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// What a part may get at least and at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
}

/// Parts that together get at least and at most so much. A part stands in one group at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub members: Vec<usize>,
    pub bounds: Bounds,
}

/// A division.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    pub amounts: Vec<f64>,
    /// What it brings.
    pub value: f64,
    /// No division brings more than this.
    pub bound: f64,
    /// Stretches looked at.
    pub nodes: usize,
}

/// Why no division fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// A part's low bound is above its high one, or a bound is not a number.
    Part(usize),
    /// The same of a group.
    Group(usize),
    /// A group asks for more than its members may get.
    GroupAbove { group: usize, most: f64 },
    /// A group takes less than its members must get.
    GroupBelow { group: usize, least: f64 },
    /// All that must be given is more than the total.
    Least { least: f64 },
    /// All that may be given is less than the total.
    Most { most: f64 },
}

/// Relative to what is brought: how closely tables follow their gains, and when the search is over.
const FOLLOWS: f64 = 1e-6;
const CLOSE: f64 = 2e-6;
/// Stretches looked at, at most; then the best so far is given, with its bound.
const NODES_MAX: usize = 4_000;

/// Divides. `gain(part, amount)` must be finite within the bounds.
pub fn split(parts: &[Bounds], groups: &[Group], total: f64, gain: impl Fn(usize, f64) -> f64) -> Result<Split, Vec<Trouble>> {
    let frame = Frame::new(parts, groups, total)?;
    let lowest: Vec<f64> = (0..parts.len()).map(|part| gain(part, frame.parts[part].low)).collect();
    let base: f64 = lowest.iter().sum();
    let most = (0..parts.len()).map(|part| gain(part, frame.parts[part].high) - lowest[part]).fold(0.0, f64::max);
    let scale = (base + most).abs().max(most).max(f64::MIN_POSITIVE);
    let tables: Vec<Table> =
        frame.parts.iter().enumerate().map(|(part, b)| Table::of(b.low, b.high, FOLLOWS * scale, |x| gain(part, x))).collect();
    let found = search(&frame, &tables);
    let value = found.amounts.iter().enumerate().map(|(part, x)| gain(part, *x)).sum();
    Ok(Split { value, ..found })
}

/// The bounds with everything that follows from them.
struct Frame {
    parts: Vec<Bounds>,
    groups: Vec<Group>,
    /// Parts in no group.
    free: Vec<usize>,
    total: f64,
    /// Amounts that differ by less are the same.
    grain: f64,
}

impl Frame {
    fn new(parts: &[Bounds], groups: &[Group], total: f64) -> Result<Frame, Vec<Trouble>> {
        let mut troubles = Vec::new();
        let sizes = parts.iter().flat_map(|b| [b.low.abs(), if b.high.is_finite() { b.high.abs() } else { 0.0 }]);
        let grain = 1e-9 * sizes.fold(total.abs(), f64::max).max(f64::MIN_POSITIVE);
        let wrong = |b: &Bounds| b.low.is_nan() || b.high.is_nan() || b.low > b.high + grain || b.low == f64::NEG_INFINITY;
        troubles.extend((0..parts.len()).filter(|part| wrong(&parts[*part])).map(Trouble::Part));
        troubles.extend((0..groups.len()).filter(|group| wrong(&groups[*group].bounds)).map(Trouble::Group));
        if !troubles.is_empty() {
            return Err(troubles);
        }
        let mut parts: Vec<Bounds> = parts.iter().map(|b| Bounds { low: b.low.min(b.high), high: b.high }).collect();
        let mut groups = groups.to_vec();
        for (at, group) in groups.iter_mut().enumerate() {
            let least: f64 = group.members.iter().map(|part| parts[*part].low).sum();
            let most: f64 = group.members.iter().map(|part| parts[*part].high).sum();
            if group.bounds.low > most + grain {
                troubles.push(Trouble::GroupAbove { group: at, most });
            }
            if group.bounds.high < least - grain {
                troubles.push(Trouble::GroupBelow { group: at, least });
            }
            group.bounds = Bounds { low: group.bounds.low.max(least), high: group.bounds.high.min(most) };
        }
        let grouped = |part: usize| groups.iter().any(|group| group.members.contains(&part));
        let free: Vec<usize> = (0..parts.len()).filter(|part| !grouped(*part)).collect();
        let sum = |side: fn(&Bounds) -> f64| -> f64 {
            free.iter().map(|part| side(&parts[*part])).chain(groups.iter().map(|group| side(&group.bounds))).sum()
        };
        let (least, most) = (sum(|b| b.low), sum(|b| b.high));
        if troubles.is_empty() {
            if least > total + grain {
                troubles.push(Trouble::Least { least });
            }
            if most < total - grain {
                troubles.push(Trouble::Most { most });
            }
        }
        if !troubles.is_empty() {
            return Err(troubles);
        }
        // What all others must get is not there for a part.
        for group in &mut groups {
            group.bounds.high = group.bounds.high.min(total - least + group.bounds.low).max(group.bounds.low);
            let inside: f64 = group.members.iter().map(|part| parts[*part].low).sum();
            for part in &group.members {
                let b = &mut parts[*part];
                b.high = b.high.min(group.bounds.high - inside + b.low).max(b.low);
            }
        }
        for part in &free {
            let b = &mut parts[*part];
            b.high = b.high.min(total - least + b.low).max(b.low);
        }
        Ok(Frame { parts, groups, free, total, grain })
    }
}

/// The concave hull of a stretch of a table.
struct Hull {
    points: Vec<usize>,
    /// Falling; one fewer than points.
    slopes: Vec<f64>,
}

impl Hull {
    fn of(table: &Table, first: usize, last: usize) -> Hull {
        let points = table.hull(first, last);
        let slope = |pair: &[usize]| (table.y[pair[1]] - table.y[pair[0]]) / (table.x[pair[1]] - table.x[pair[0]]);
        let slopes = points.windows(2).map(slope).collect();
        Hull { points, slopes }
    }

    /// How much is taken at a price: everything that is worth more than it.
    fn taken(&self, table: &Table, price: f64) -> f64 {
        table.x[self.points[self.slopes.partition_point(|slope| *slope > price)]]
    }

    /// The straight piece in which an amount lies.
    fn piece(&self, table: &Table, x: f64) -> (usize, usize) {
        let right = self.points.partition_point(|point| table.x[*point] < x).min(self.points.len() - 1);
        (self.points[right.saturating_sub(1)], self.points[right])
    }

    fn low(&self, table: &Table) -> f64 {
        table.x[self.points[0]]
    }

    fn high(&self, table: &Table) -> f64 {
        table.x[self.points[self.points.len() - 1]]
    }
}

/// A stretch of every table, with the best division of the hulls over them.
struct Node {
    hulls: Vec<Rc<Hull>>,
    amounts: Vec<f64>,
    bound: f64,
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Node) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Node) -> Ordering {
        self.bound.total_cmp(&other.bound)
    }
}

fn search(frame: &Frame, tables: &[Table]) -> Split {
    let whole: Vec<Rc<Hull>> = tables.iter().map(|table| Rc::new(Hull::of(table, 0, table.x.len() - 1))).collect();
    let value = |amounts: &[f64]| -> f64 { tables.iter().zip(amounts).map(|(table, x)| table.at(*x)).sum() };
    let root = relaxed(frame, tables, whole).expect("the frame was checked");
    let (mut best, mut best_value) = (root.amounts.clone(), value(&root.amounts));
    let mut nodes = 1;
    let mut open = BinaryHeap::from([root]);
    let mut bound = f64::NEG_INFINITY;
    while let Some(node) = open.pop() {
        if node.bound <= best_value + CLOSE * best_value.abs() || nodes >= NODES_MAX {
            bound = node.bound;
            break;
        }
        // The part whose hull is furthest above its table.
        let above = |part: usize| {
            let x = node.amounts[part];
            let (left, right) = node.hulls[part].piece(&tables[part], x);
            (tables[part].chord(left, right, x) - tables[part].at(x), part, left, right)
        };
        let Some((_, part, left, right)) = (0..tables.len()).map(above).max_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        if right - left < 2 {
            // Every hull touches its table here, so the bound is reached.
            bound = node.bound;
            break;
        }
        let at = tables[part].x.partition_point(|x| *x < node.amounts[part]).clamp(left + 1, right - 1);
        let (first, last) = (node.hulls[part].points[0], node.hulls[part].points[node.hulls[part].points.len() - 1]);
        for (from, to) in [(first, at), (at, last)] {
            let mut hulls = node.hulls.clone();
            hulls[part] = Rc::new(Hull::of(&tables[part], from, to));
            nodes += 1;
            if let Some(child) = relaxed(frame, tables, hulls) {
                let reached = value(&child.amounts);
                if reached > best_value {
                    (best, best_value) = (child.amounts.clone(), reached);
                }
                if child.bound > best_value + CLOSE * best_value.abs() {
                    open.push(child);
                }
            }
        }
    }
    let bound = bound.max(best_value + CLOSE * best_value.abs());
    Split { amounts: best, value: best_value, bound, nodes }
}

/// The best division of hulls; `None` when these stretches cannot make the total.
fn relaxed(frame: &Frame, tables: &[Table], hulls: Vec<Rc<Hull>>) -> Option<Node> {
    let low = |part: usize| hulls[part].low(&tables[part]);
    let high = |part: usize| hulls[part].high(&tables[part]);
    let mut bounds = Vec::with_capacity(frame.groups.len());
    for group in &frame.groups {
        let least: f64 = group.members.iter().map(|part| low(*part)).sum();
        let most: f64 = group.members.iter().map(|part| high(*part)).sum();
        let own = Bounds { low: group.bounds.low.max(least), high: group.bounds.high.min(most) };
        if own.low > own.high + frame.grain {
            return None;
        }
        bounds.push(Bounds { low: own.low.min(own.high), ..own });
    }
    let least = frame.free.iter().map(|part| low(*part)).sum::<f64>() + bounds.iter().map(|b| b.low).sum::<f64>();
    let most = frame.free.iter().map(|part| high(*part)).sum::<f64>() + bounds.iter().map(|b| b.high).sum::<f64>();
    if least > frame.total + frame.grain || most < frame.total - frame.grain {
        return None;
    }
    let taken = |part: usize, price: f64| hulls[part].taken(&tables[part], price);
    let steepest = hulls.iter().filter_map(|hull| hull.slopes.first()).copied().fold(0.0, f64::max);
    let flattest = hulls.iter().filter_map(|hull| hull.slopes.last()).copied().fold(0.0, f64::min);
    let prices = (flattest - 1.0 - flattest.abs(), steepest);
    let mut amounts = vec![0.0; hulls.len()];
    // Groups and free parts first, each group as one.
    let units = frame.free.len() + frame.groups.len();
    let unit = |at: usize, price: f64| match at.checked_sub(frame.free.len()) {
        None => taken(frame.free[at], price),
        Some(group) => {
            let all: f64 = frame.groups[group].members.iter().map(|part| taken(*part, price)).sum();
            all.clamp(bounds[group].low, bounds[group].high)
        }
    };
    let shares = at_one_price(units, frame.total, prices, unit);
    for (at, share) in shares.into_iter().enumerate() {
        match at.checked_sub(frame.free.len()) {
            None => amounts[frame.free[at]] = share,
            Some(group) => {
                let members = &frame.groups[group].members;
                let inner = at_one_price(members.len(), share, prices, |at, price| taken(members[at], price));
                members.iter().zip(inner).for_each(|(part, share)| amounts[*part] = share);
            }
        }
    }
    let mut bound = 0.0;
    for (part, x) in amounts.iter().enumerate() {
        let (left, right) = hulls[part].piece(&tables[part], *x);
        bound += tables[part].chord(left, right, *x);
    }
    Some(Node { hulls, amounts, bound })
}

/// Amounts that units take at one price, so that they make the total; between two prices that are the same in all digits, the first units
/// take first.
fn at_one_price(units: usize, total: f64, prices: (f64, f64), taken: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let (mut cheap, mut dear) = prices;
    for _ in 0..64 {
        let price = 0.5 * (cheap + dear);
        if price <= cheap || price >= dear {
            break;
        }
        if (0..units).map(|at| taken(at, price)).sum::<f64>() > total {
            cheap = price;
        } else {
            dear = price;
        }
    }
    let mut amounts: Vec<f64> = (0..units).map(|at| taken(at, dear)).collect();
    let mut left = total - amounts.iter().sum::<f64>();
    for (at, amount) in amounts.iter_mut().enumerate() {
        if left <= 0.0 {
            break;
        }
        let more = (taken(at, cheap) - *amount).clamp(0.0, left);
        *amount += more;
        left -= more;
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::response::curve::Curve;

    /// Curves, some concave and some S-shaped, with their bounds and a total.
    struct Instance {
        curves: Vec<Curve>,
        parts: Vec<Bounds>,
        groups: Vec<Group>,
        total: f64,
    }

    fn instance(seed: u64, count: usize, bounded: bool) -> Instance {
        let mut rng = Rng::new(seed);
        let total = 100.0;
        let curves: Vec<Curve> = (0..count)
            .map(|_| Curve {
                top: 0.2 + rng.uniform() * 2.0,
                half: total * (0.01 + 0.6 * rng.uniform() * rng.uniform()),
                steep: 0.5 + 5.5 * rng.uniform() * rng.uniform(),
            })
            .collect();
        let mut parts = vec![Bounds { low: 0.0, high: total }; count];
        let mut groups = Vec::new();
        if bounded {
            for part in &mut parts {
                match rng.below(5) {
                    0 => part.low = (rng.below(80) as f64 / count as f64).floor(),
                    1 => part.high = (total * (0.1 + 0.5 * rng.uniform())).floor().max(total / count as f64 + 1.0),
                    _ => {}
                }
            }
            if count >= 4 && rng.below(2) == 0 {
                let low = parts[0].low + parts[2].low;
                let bounds = Bounds { low: (low + 5.0).min(40.0).max(low), high: f64::INFINITY };
                groups.push(Group { members: vec![0, 2], bounds });
                groups.push(Group { members: vec![1, 3], bounds: Bounds { low: 0.0, high: parts[1].low + parts[3].low + 17.0 } });
            }
        }
        Instance { curves, parts, groups, total }
    }

    impl Instance {
        fn split(&self) -> Split {
            split(&self.parts, &self.groups, self.total, |part, x| self.curves[part].at(x)).expect("it fits")
        }

        /// The best division of so many grains, by dynamic programming over the same bounds.
        fn best_on_grid(&self, grains: usize) -> f64 {
            let unit = self.total / grains as f64;
            let steps = |x: f64| (x / unit).min(grains as f64);
            let empty = || {
                let mut start = vec![f64::NEG_INFINITY; grains + 1];
                start[0] = 0.0;
                start
            };
            let of_part = |part: usize| -> Vec<f64> {
                let (low, high) = (steps(self.parts[part].low).ceil() as usize, steps(self.parts[part].high).floor() as usize);
                (0..=grains)
                    .map(|k| if (low..=high).contains(&k) { self.curves[part].at(k as f64 * unit) } else { f64::NEG_INFINITY })
                    .collect()
            };
            let join = |a: &[f64], b: &[f64]| -> Vec<f64> {
                let best = |k: usize| (0..=k).map(|j| a[k - j] + b[j]).fold(f64::NEG_INFINITY, f64::max);
                (0..=grains).map(best).collect()
            };
            let mut whole = empty();
            let mut grouped = Vec::new();
            for group in &self.groups {
                let mut inside = empty();
                for part in &group.members {
                    grouped.push(*part);
                    inside = join(&inside, &of_part(*part));
                }
                let (low, high) = (steps(group.bounds.low).ceil() as usize, steps(group.bounds.high).floor() as usize);
                inside
                    .iter_mut()
                    .enumerate()
                    .filter(|(k, _)| !(low..=high).contains(k))
                    .for_each(|(_, v)| *v = f64::NEG_INFINITY);
                whole = join(&whole, &inside);
            }
            for part in (0..self.parts.len()).filter(|part| !grouped.contains(part)) {
                whole = join(&whole, &of_part(part));
            }
            whole[grains]
        }

        fn keeps_its_bounds(&self, found: &Split) {
            let sum: f64 = found.amounts.iter().sum();
            assert!((sum - self.total).abs() < 1e-6, "{sum}");
            for (x, b) in found.amounts.iter().zip(&self.parts) {
                assert!(*x >= b.low - 1e-6 && *x <= b.high + 1e-6, "{x} {b:?}");
            }
            for group in &self.groups {
                let sum: f64 = group.members.iter().map(|part| found.amounts[*part]).sum();
                assert!(sum >= group.bounds.low - 1e-6 && sum <= group.bounds.high + 1e-6, "{sum} {group:?}");
            }
        }
    }

    // The reference is dynamic programming on a fine grid, which can only be below the optimum.
    #[test]
    fn no_grid_finds_a_better_division_of_s_shaped_gains() {
        for (count, seeds, grains, most) in [(2, 60, 1000, 1e-4), (5, 60, 400, 1e-4), (12, 12, 200, 2e-4)] {
            for seed in 0..seeds {
                let instance = instance(seed + 1000 * count as u64, count, seed % 2 == 1);
                let found = instance.split();
                instance.keeps_its_bounds(&found);
                let grid = instance.best_on_grid(grains);
                assert!(found.value >= grid * (1.0 - most), "seed {seed} of {count}: {} below {grid}", found.value);
                assert!(
                    found.bound >= grid - 1e-9 && found.bound <= found.value * (1.0 + 5e-5),
                    "seed {seed} of {count}: {found:?}"
                );
            }
        }
    }

    // Two equal S-shapes and money for one of them: going uphill from the middle gives both half, which is the worst there is.
    #[test]
    fn two_equal_s_shapes_get_all_or_nothing() {
        let curve = Curve { top: 1.0, half: 6.0, steep: 6.0 };
        let found = split(&[Bounds { low: 0.0, high: 10.0 }; 2], &[], 10.0, |_, x| curve.at(x)).unwrap();
        assert!((found.value - curve.at(10.0)).abs() < 1e-5, "{found:?}");
        assert!(2.0 * curve.at(5.0) < 0.6 * found.value);
    }

    // Concave gains: the slopes are equal at the optimum, here √: x_i ∝ a_i².
    #[test]
    fn concave_gains_get_equal_slopes() {
        let weights = [1.0, 2.0, 3.0];
        let found = split(&[Bounds { low: 0.0, high: f64::INFINITY }; 3], &[], 14.0, |part, x| weights[part] * x.sqrt()).unwrap();
        assert!((found.value - 14.0).abs() < 1e-4, "{found:?}");
        for (x, w) in found.amounts.iter().zip(weights) {
            assert!((x - w * w).abs() < 0.05, "{found:?}");
        }
    }

    #[test]
    fn bounds_that_cannot_be_kept_are_named() {
        let b = |low, high| Bounds { low, high };
        let of = |parts: &[Bounds], groups: &[Group], total| split(parts, groups, total, |_, x| x).unwrap_err();
        assert_eq!(of(&[b(6.0, 9.0), b(5.0, 9.0)], &[], 10.0), [Trouble::Least { least: 11.0 }]);
        assert_eq!(of(&[b(0.0, 4.0), b(0.0, 5.0)], &[], 10.0), [Trouble::Most { most: 9.0 }]);
        assert_eq!(of(&[b(3.0, 2.0), b(f64::NAN, 5.0)], &[], 10.0), [Trouble::Part(0), Trouble::Part(1)]);
        let group = |low, high| Group { members: vec![0, 1], bounds: b(low, high) };
        assert_eq!(
            of(&[b(0.0, 4.0), b(0.0, 5.0), b(0.0, 9.0)], &[group(9.5, 12.0)], 10.0),
            [Trouble::GroupAbove { group: 0, most: 9.0 }]
        );
        assert_eq!(
            of(&[b(2.0, 4.0), b(2.0, 5.0), b(0.0, 9.0)], &[group(0.0, 3.0)], 10.0),
            [Trouble::GroupBelow { group: 0, least: 4.0 }]
        );
        assert_eq!(of(&[b(0.0, 4.0), b(0.0, 5.0), b(0.0, 9.0)], &[group(5.0, 4.0)], 10.0), [Trouble::Group(0)]);
    }

    #[test]
    fn one_part_nothing_to_give_and_gains_of_nothing_are_fine() {
        let one = split(&[Bounds { low: 0.0, high: 9.0 }], &[], 5.0, |_, x| x).unwrap();
        assert!((one.amounts[0] - 5.0).abs() < 1e-9);
        let none = split(&[Bounds { low: 0.0, high: 9.0 }; 2], &[], 0.0, |_, x| x).unwrap();
        assert_eq!(none.amounts, [0.0, 0.0]);
        let flat = split(&[Bounds { low: 0.0, high: 9.0 }; 2], &[], 12.0, |_, _| 0.0).unwrap();
        assert!((flat.amounts.iter().sum::<f64>() - 12.0).abs() < 1e-6, "{flat:?}");
        let locked = split(&[Bounds { low: 4.0, high: 4.0 }; 3], &[], 12.0, |_, x| x).unwrap();
        assert_eq!((locked.amounts, locked.value), (vec![4.0; 3], 12.0));
    }
}
