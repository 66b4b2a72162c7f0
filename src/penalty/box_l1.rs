//! Weighted ℓ1 with a lower and an upper bound for each coefficient.

use crate::error::{Error, Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, ratio, threshold};
use crate::prox;

/// `Ω(w) = Σ_j ω_j |w_j|` with `low_j ≤ w_j ≤ high_j` and `low_j ≤ 0 ≤ high_j`, for every response. With `standardize(true)` the
/// bounds are those of the coefficients of the standardised columns.
///
/// ```
/// use sparsereg::penalty::{BlockPenalty, BoxL1};
/// let penalty = BoxL1::new(vec![-1.0, 0.0], vec![f64::INFINITY, 2.0])?;
/// let mut v = [4.0];
/// penalty.prox_block(1, 0.5, 1.0, &mut v);
/// assert_eq!(v, [2.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BoxL1 {
    partition: Partition,
    low: Vec<f64>,
    high: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl BoxL1 {
    /// The bounds of each column, infinite ones allowed.
    ///
    /// # Errors
    /// Lengths that differ, a lower bound that is not `≤ 0`, an upper one that is not `≥ 0`.
    pub fn new(low: Vec<f64>, high: Vec<f64>) -> Result<Self> {
        check_length("upper bounds", low.len(), high.len())?;
        let outside = |argument, index: usize, value, expected| Error::OutOfRange {
            argument,
            index: vec![index],
            value,
            expected,
        };
        if let Some(j) = low.iter().position(|&l| l.is_nan() || l > 0.0) {
            return Err(outside("lower bounds", j, low[j], "a number <= 0"));
        }
        if let Some(j) = high.iter().position(|&h| h.is_nan() || h < 0.0) {
            return Err(outside("upper bounds", j, high[j], "a number >= 0"));
        }
        Ok(Self { partition: Partition::singletons(low.len()), low, high, weights: None })
    }

    /// One weight ω_j ∈ [0, ∞] per column.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.low.len(), weights.len())?;
        check_weights("weights", &weights, true)?;
        self.weights = Some(weights);
        Ok(self)
    }

    fn weight(&self, b: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[b])
    }

    /// What of a gradient the bounds let through: nothing where it pushes against a bound at 0.
    fn felt(&self, b: usize, g: f64) -> f64 {
        if (g < 0.0 && self.high[b] == 0.0) || (g > 0.0 && self.low[b] == 0.0) { 0.0 } else { g.abs() }
    }
}

impl BlockPenalty for BoxL1 {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if w.iter().any(|&w| w < self.low[b] || w > self.high[b]) {
            return f64::INFINITY;
        }
        let norm: f64 = w.iter().map(|w| w.abs()).sum();
        if norm == 0.0 { 0.0 } else { threshold(lambda, self.weight(b)) * norm }
    }

    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = threshold(lambda, self.weight(b)) * step;
        prox::soft_threshold_slice(v, t);
        prox::project_box(v, self.low[b], self.high[b]);
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        for (v, h) in v.iter_mut().zip(h) {
            self.prox_block(b, lambda, 1.0 / h, std::slice::from_mut(v));
        }
        true
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let size = g.iter().fold(0.0, |m: f64, &g| m.max(self.felt(b, g)));
        ratio(size, self.weight(b))
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        // sup of −gw − t|w| over the interval: at one of its ends, or at 0.
        let t = threshold(lambda, self.weight(b));
        let at = |g: &f64| {
            let end = if *g < 0.0 { self.high[b] } else { -self.low[b] };
            // Slack is for the border of a dual ball: a finite end has none.
            let slack = if end == f64::INFINITY { crate::penalty::FEASIBLE * t } else { 0.0 };
            let excess = g.abs() - t - slack;
            if excess > 0.0 && end > 0.0 { excess * end } else { 0.0 }
        };
        g.iter().map(at).sum()
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], _hess: &mut [f64]) -> bool {
        // At a bound that is not 0 a second-order step would not see it.
        if w.iter().any(|&w| w != 0.0 && (w == self.low[b] || w == self.high[b])) {
            return false;
        }
        let t = threshold(lambda, self.weight(b));
        grad.iter_mut().zip(w).for_each(|(grad, w)| *grad += t * w.signum());
        true
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        let unbounded = self.low[b] == f64::NEG_INFINITY && self.high[b] == f64::INFINITY;
        threshold(lambda, self.weight(b)) == 0.0 && unbounded
    }
}
