//! Money as a whole number of millionths of a currency unit, because model prices are fractions of a cent.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An amount in one currency (ISO 4217, lower case as annotated in KDL: `(usd)20`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    pub currency: String,
    pub micros: i64,
}

impl Money {
    /// `units` are whole and fractional currency units, rounded to the nearest millionth.
    pub fn new(currency: &str, units: f64) -> Money {
        Money { currency: currency.to_ascii_lowercase(), micros: (units * 1e6).round() as i64 }
    }

    pub fn zero(currency: &str) -> Money {
        Money { currency: currency.to_ascii_lowercase(), micros: 0 }
    }

    pub fn units(&self) -> f64 {
        self.micros as f64 / 1e6
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = if self.micros % 10_000 == 0 { 2 } else { 4 };
        write!(f, "{} {:.places$}", self.currency.to_ascii_uppercase(), self.units())
    }
}

/// Adding and subtracting keep the left side's currency; the compiler has checked that a workflow uses one.
impl Add for Money {
    type Output = Money;
    fn add(mut self, other: Money) -> Money {
        self += other;
        self
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.micros += other.micros;
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(mut self, other: Money) -> Money {
        self.micros -= other.micros;
        self
    }
}
