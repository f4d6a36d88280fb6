//! What divisions do in many possible futures, side by side.
//!
//! Each future takes one way the world may be and one run of luck, the same for every division (common random numbers; Law, 2015), so that
//! two divisions differ by what they do and not by what they met. After a change, effects move over as they last: what is felt in the
//! `t`-th period is new by the sum of the first `t` weights, and otherwise still old.

use super::carry::Carry;
use super::curve::Curve;
use crate::base::Rng;
use crate::stats::sampling::{gamma, normal};

/// One way the world may be.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// What comes anyway, in a period on average.
    pub base: f64,
    /// Chance in a period: Student's t of this scale and these degrees of freedom.
    pub noise: f64,
    pub freedom: f64,
    pub parts: Vec<(Carry, Curve)>,
}

/// What each division brings over the coming periods: a row a division, a column a future. Divisions are amounts a period; `before` is what
/// they are changed from.
pub fn futures(
    worlds: &[World],
    before: &[f64],
    divisions: &[Vec<f64>],
    periods: usize,
    draws: usize,
    rng: &mut Rng,
) -> Vec<Vec<f64>> {
    if worlds.is_empty() {
        return vec![Vec::new(); divisions.len()];
    }
    let steady: Vec<Vec<f64>> = worlds
        .iter()
        .map(|world| divisions.iter().map(|division| brought(world, before, division, periods).iter().sum()).collect())
        .collect();
    let mut rows = vec![Vec::with_capacity(draws); divisions.len()];
    for draw in 0..draws {
        let at = draw % worlds.len();
        let world = &worlds[at];
        let mut luck = 0.0;
        for _ in 0..periods {
            let weight = gamma(rng, 0.5 * world.freedom) / (0.5 * world.freedom);
            luck += world.noise * normal(rng) / weight.max(1e-9).sqrt();
        }
        for (row, steady) in rows.iter_mut().zip(&steady[at]) {
            row.push(world.base * periods as f64 + steady + luck);
        }
    }
    rows
}

/// What the parts bring in each of the coming periods in one world.
pub fn brought(world: &World, before: &[f64], division: &[f64], periods: usize) -> Vec<f64> {
    let mut sums = vec![0.0; periods];
    for (part, (carry, curve)) in world.parts.iter().enumerate() {
        let weights = carry.weights();
        let mut new = 0.0;
        for (at, sum) in sums.iter_mut().enumerate() {
            new += weights.get(at).copied().unwrap_or(0.0);
            let new = new.min(1.0);
            *sum += curve.at(new * division[part] + (1.0 - new) * before[part]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::summary::mean;
    use crate::stats::test_data::close;

    fn world(top: f64) -> World {
        let part = (Carry::Geometric { keep: 0.5 }, Curve { top, half: 10.0, steep: 1.0 });
        World { base: 100.0, noise: 5.0, freedom: 15.0, parts: vec![part] }
    }

    // By hand: felt 15, 17.5, 18.75 of a change from 10 to 20.
    #[test]
    fn a_change_is_felt_by_and_by() {
        let found = brought(&world(35.0), &[10.0], &[20.0], 3);
        for (found, felt) in found.iter().zip([15.0, 17.5, 18.75]) {
            close(*found, 35.0 * felt / (felt + 10.0), 1e-3);
        }
    }

    #[test]
    fn luck_is_the_same_for_every_division_and_averages_out() {
        let worlds: Vec<World> = (0..50).map(|k| world(10.0 + f64::from(k))).collect();
        let run = |seed| futures(&worlds, &[10.0], &[vec![10.0], vec![30.0]], 4, 10_000, &mut Rng::new(seed));
        let rows = run(1);
        assert_eq!(rows, run(1));
        // In one world the difference of two divisions is the same in every future.
        let difference = |draw: usize| rows[1][draw] - rows[0][draw];
        close(difference(3), difference(53), 1e-9);
        // 4 periods of 100, and of what is half of the mean top.
        close(mean(&rows[0]), 4.0 * (100.0 + 0.5 * 34.5), 0.002);
        assert!(futures(&[], &[], &[vec![]], 4, 10, &mut Rng::new(1))[0].is_empty());
    }
}
