//! Quantiles of the responses in place of their mean.

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Quantile regression: η is where a share τ of the responses lies below. An observation costs `τr` for a residual
/// `r = y − η ≥ 0` and `(τ − 1)r` below (Koenker and Bassett 1978).
///
/// That has a kink at 0 and is minimised with the kink [rounded](crate::loss::SmoothedQuantile) over a `width`, which changes
/// an observation's cost by at most `width/2 · max(τ, 1 − τ)²`. The default is a hundredth of the mean distance of y from its
/// median; a smaller one takes longer. Scores and cross-validation use the loss with the kink.
///
/// Errors of its own: τ outside of (0, 1), a width that is not a finite number > 0.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| (i / 10) as f64);
/// let y = Array1::from_shape_fn(200, |i| x[[i, 0]] + (i % 10) as f64); // 0 … 9 above x
/// let model = QuantileLasso::new(1e-4, 0.75).fit(&x, &y)?;
/// assert!((model.intercept() - 7.0).abs() < 0.2 && (model.coefficients()[0] - 1.0).abs() < 0.02);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    tau: f64,
    width: Option<f64>,
}

impl Quantile {
    /// The quantile at τ ∈ (0, 1); the median for 0.5.
    pub fn new(tau: f64) -> Self {
        Self { tau, width: None }
    }

    /// Over which the kink is rounded, in the unit of y.
    pub fn width(mut self, width: f64) -> Self {
        self.width = Some(width);
        self
    }
}

/// Share of the mean distance from the median that is the default width.
const WIDTH: f64 = 0.01;

impl Family for Quantile {
    fn name(&self) -> &'static str {
        "quantile"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let width = self.width.unwrap_or_else(|| WIDTH * distance(data));
        Ok(data.separable(loss::SmoothedQuantile::new(self.tau, width)?, data.task_major()))
    }

    fn judge(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        Ok(data.separable(loss::Quantile::new(self.tau)?, data.task_major()))
    }
}

/// The mean distance of the responses (less the offset) from their median; 1 if they are all the same.
fn distance(data: &Responses<'_>) -> f64 {
    let n = data.y.nrows();
    let (mut sum, mut total) = (0.0, 0.0);
    for (t, column) in data.y.columns().into_iter().enumerate() {
        let rest = |i: usize| column[i] - data.offset.map_or(0.0, |o| o[t * n + i]);
        let weight = |i: usize| data.weights.map_or(1.0, |s| s[i]);
        let mut order: Vec<usize> = (0..n).filter(|&i| data.counts(i)).collect();
        order.sort_by(|&a, &b| rest(a).total_cmp(&rest(b)));
        let all: f64 = order.iter().map(|&i| weight(i)).sum();
        let mut below = 0.0;
        let middle = order.iter().find(|&&i| {
            below += weight(i);
            below >= 0.5 * all
        });
        let median = middle.map_or(0.0, |&i| rest(i));
        sum += order.iter().map(|&i| weight(i) * (rest(i) - median).abs()).sum::<f64>();
        total += all;
    }
    if sum > 0.0 { sum / total } else { 1.0 }
}
