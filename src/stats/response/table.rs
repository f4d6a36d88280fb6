//! A function as a table between two bounds, with points where it bends, and the concave hull over a stretch of it.
//!
//! The hull is the lowest concave function that is nowhere below the table: the upper chain of Andrew (1979).

/// Points of a function; between them it is taken to be straight.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Rising.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

/// Equal stretches to begin with, and how often a stretch is halved at most.
const STRETCHES: usize = 24;
const HALVINGS: u32 = 24;

impl Table {
    /// Points so close that no straight piece is further than about `tolerance` from the function.
    pub fn of(low: f64, high: f64, tolerance: f64, mut value: impl FnMut(f64) -> f64) -> Table {
        let mut table = Table { x: vec![low], y: vec![value(low)] };
        if high <= low {
            return table;
        }
        for stretch in 1..=STRETCHES {
            let (from, before) = (table.x[table.x.len() - 1], table.y[table.y.len() - 1]);
            let to = if stretch == STRETCHES { high } else { low + (high - low) * stretch as f64 / STRETCHES as f64 };
            let reached = value(to);
            table.refine((from, before), (to, reached), HALVINGS, tolerance, &mut value);
        }
        table
    }

    /// Adds the points after `from` up to `to`.
    fn refine(&mut self, from: (f64, f64), to: (f64, f64), halvings: u32, tolerance: f64, value: &mut impl FnMut(f64) -> f64) {
        let middle = 0.5 * (from.0 + to.0);
        if halvings > 0 && middle > from.0 && middle < to.0 {
            let at_middle = value(middle);
            // A bend that is symmetric around the middle shows beside it.
            let bends = (at_middle - 0.5 * (from.1 + to.1)).abs() > tolerance || {
                let beside = from.0 + 0.3 * (to.0 - from.0);
                (value(beside) - (0.7 * from.1 + 0.3 * to.1)).abs() > tolerance
            };
            if bends {
                self.refine(from, (middle, at_middle), halvings - 1, tolerance, value);
                self.refine((middle, at_middle), to, halvings - 1, tolerance, value);
                return;
            }
        }
        self.x.push(to.0);
        self.y.push(to.1);
    }

    /// The straight piece between the points `left` and `right`, at `x`.
    pub fn chord(&self, left: usize, right: usize, x: f64) -> f64 {
        if left == right {
            return self.y[left];
        }
        let share = (x - self.x[left]) / (self.x[right] - self.x[left]);
        self.y[left] + share * (self.y[right] - self.y[left])
    }

    /// The table's value.
    pub fn at(&self, x: f64) -> f64 {
        let right = self.x.partition_point(|point| *point < x).min(self.x.len() - 1);
        self.chord(right.saturating_sub(1), right, x.clamp(self.x[0], self.x[self.x.len() - 1]))
    }

    /// The points of the hull over the points `first` to `last`.
    pub fn hull(&self, first: usize, last: usize) -> Vec<usize> {
        let mut hull: Vec<usize> = Vec::with_capacity(32);
        for point in first..=last {
            while let [.., before, top] = hull[..] {
                let (dx, dy) = (self.x[top] - self.x[before], self.y[top] - self.y[before]);
                let (ex, ey) = (self.x[point] - self.x[before], self.y[point] - self.y[before]);
                // The top point is not above the line from the one before to the new one.
                if dy * ex > ey * dx {
                    break;
                }
                hull.pop();
            }
            hull.push(point);
        }
        hull
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_a_sharp_step_and_a_symmetric_bend() {
        for (half, steep) in [(0.5, 3.0), (0.001, 4.0), (0.7, 60.0), (1.0 / 48.0, 9.0)] {
            let function = |x: f64| if x <= 0.0 { 0.0 } else { 1.0 / (1.0 + f64::powf(half / x, steep)) };
            let table = Table::of(0.0, 1.0, 1e-5, function);
            for at in 0..=10_000 {
                let x = at as f64 / 10_000.0;
                assert!((table.at(x) - function(x)).abs() < 2e-5, "{half} {steep} at {x}");
            }
            assert!(table.x.len() < 1_000, "{}", table.x.len());
        }
    }

    #[test]
    fn the_hull_is_above_the_table_and_concave() {
        let table = Table::of(0.0, 2.0, 1e-5, |x| x.powi(4) / (0.5 + x.powi(4)));
        let hull = table.hull(0, table.x.len() - 1);
        assert_eq!((hull[0], *hull.last().unwrap()), (0, table.x.len() - 1));
        let slopes: Vec<f64> =
            hull.windows(2).map(|pair| (table.y[pair[1]] - table.y[pair[0]]) / (table.x[pair[1]] - table.x[pair[0]])).collect();
        assert!(slopes.windows(2).all(|pair| pair[0] > pair[1]), "{slopes:?}");
        for pair in hull.windows(2) {
            assert!((pair[0]..=pair[1]).all(|at| table.chord(pair[0], pair[1], table.x[at]) >= table.y[at] - 1e-12));
        }
        assert_eq!(Table::of(3.0, 3.0, 1e-6, |x| x).hull(0, 0), [0]);
    }
}
