//! How an effect saturates: Hill's curve (1910), `top · xˢ / (halfˢ + xˢ)`, the usual form of response to advertising (Jin et al., 2017).
//!
//! At `half` it has half of its top. With a steepness of at most 1 it is concave; above that it is S-shaped: the first units bring little, and
//! a search that only goes uphill can stay at nothing.

/// One response curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// What an endless amount would bring.
    pub top: f64,
    /// The amount that brings half of it; positive.
    pub half: f64,
    /// How sharply it rises around there; positive.
    pub steep: f64,
}

impl Curve {
    /// From 0 to 1.
    pub fn share(&self, amount: f64) -> f64 {
        if amount <= 0.0 {
            return 0.0;
        }
        // The same as xˢ / (halfˢ + xˢ), without overflow.
        1.0 / (1.0 + (self.half / amount).powf(self.steep))
    }

    pub fn at(&self, amount: f64) -> f64 {
        self.top * self.share(amount)
    }

    /// What one more unit brings.
    pub fn slope(&self, amount: f64) -> f64 {
        if amount <= 0.0 {
            return match self.steep {
                s if s > 1.0 => 0.0,
                s if s < 1.0 => f64::INFINITY,
                _ => self.top / self.half,
            };
        }
        let share = self.share(amount);
        self.top * self.steep * share * (1.0 - share) / amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    #[test]
    fn the_curve_has_half_of_its_top_at_half_and_its_slope_is_its_derivative() {
        let curve = Curve { top: 8.0, half: 3.0, steep: 2.0 };
        assert_eq!((curve.at(0.0), curve.at(3.0)), (0.0, 4.0));
        // 8 · 36 / (9 + 36)
        close(curve.at(6.0), 6.4, 1e-12);
        for curve in [curve, Curve { steep: 0.6, ..curve }, Curve { steep: 5.0, ..curve }] {
            for amount in [0.4, 2.0, 7.0] {
                let step = 1e-5;
                close(curve.slope(amount), (curve.at(amount + step) - curve.at(amount - step)) / (2.0 * step), 1e-7);
            }
        }
        assert_eq!((curve.slope(0.0), Curve { steep: 0.5, ..curve }.slope(0.0)), (0.0, f64::INFINITY));
        assert_eq!(Curve { steep: 1.0, ..curve }.slope(0.0), 8.0 / 3.0);
        assert!(Curve { steep: 50.0, ..curve }.at(1e300).is_finite());
    }
}
