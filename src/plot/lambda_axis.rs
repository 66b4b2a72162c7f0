//! A logarithmic axis on which λ falls from left to right.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// From `high` on the left to `low` on the right, 0 < low < high.
#[derive(Debug, Clone)]
pub(super) struct LambdaAxis {
    high: f64,
    low: f64,
}

impl LambdaAxis {
    /// The range of the λs that have a logarithm; `None` if there is none.
    pub(super) fn of(lambdas: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let positive = lambdas.filter(|&l| drawable(l));
        let (high, low) = (positive.clone().fold(0.0, f64::max), positive.fold(f64::INFINITY, f64::min));
        if high == 0.0 {
            return None;
        }
        // A single λ stands in the middle.
        let room = if high > low * 1.0001 { 1.0 } else { 1.5 };
        Some(Self { high: high * room, low: low / room })
    }

    /// Whether λ lies left of the middle.
    pub(super) fn is_left(&self, lambda: f64) -> bool {
        lambda * lambda > self.high * self.low
    }
}

/// Whether a λ has a place on the axis. Subnormal numbers have none: their ticks could not be written down.
pub(super) fn drawable(lambda: f64) -> bool {
    lambda.is_normal() && lambda > 0.0
}

impl Ranged for LambdaAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (self.high.ln() - value.ln()) / (self.high.ln() - self.low.ln());
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    /// As many round numbers as the hint allows.
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let most = hint.max_num_points().max(2);
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let round = |digits: &[u32], every: usize| -> Vec<f64> {
            let powers = (first..=last).step_by(every);
            // Read from text, the number is the one nearest to the decimal and prints without rounding noise.
            let numbers = powers.flat_map(|k| digits.iter().filter_map(move |d| format!("{d}e{k}").parse().ok()));
            numbers.filter(|v| *v >= self.low * 0.9999 && *v <= self.high * 1.0001).collect()
        };
        let fine = [&[1, 2, 3, 4, 5, 6, 7, 8, 9][..], &[1, 2, 5], &[1]];
        let candidates = fine.iter().map(|digits| round(digits, 1)).chain((2..60).map(|every| round(&[1], every)));
        let mut fitting = candidates.filter(|points| points.len() <= most);
        // A range too narrow for round numbers has its ends.
        fitting.find(|points| points.len() >= 2).unwrap_or_else(|| vec![self.low, self.high])
    }

    fn range(&self) -> Range<f64> {
        self.high..self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::coord::ranged1d::BoldPoints;

    #[test]
    fn ticks_are_round_numbers() {
        let ticks = |a: f64, b: f64| LambdaAxis::of([a, b].into_iter()).unwrap().key_points(BoldPoints(8));
        assert_eq!(ticks(0.6, 0.2), [0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(ticks(0.5, 0.005), [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]);
        assert_eq!(ticks(1e5, 1e-5).len(), 6);
        assert!((2..=8).contains(&ticks(f64::MAX, f64::MIN_POSITIVE).len()));
        assert_eq!(ticks(0.123, 0.1234).len(), 2);
    }

    #[test]
    fn lambda_falls_to_the_right() {
        let axis = LambdaAxis::of([0.01, 0.0, 1.0, f64::NAN].into_iter()).unwrap();
        assert_eq!([1.0, 0.1, 0.01].map(|l| axis.map(&l, (0, 100))), [0, 50, 100]);
        assert!(axis.is_left(0.5) && !axis.is_left(0.05));
        let one = LambdaAxis::of([3.0].into_iter()).unwrap();
        assert_eq!(one.map(&3.0, (0, 100)), 50);
        assert!(LambdaAxis::of([0.0].into_iter()).is_none());
    }
}
