//! Weighted ℓ1: `Ω(w) = Σ_j ω_j ‖w_j‖₁`, with `w ≥ 0` as an option (Tibshirani 1996; weights: Zou 2006).

use crate::error::{Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, ratio, threshold};
use crate::prox;

/// `Ω(w) = Σ_j ω_j |w_j|`, optionally with the constraint `w ≥ 0`. Weight 0 frees a column, ∞ excludes it.
///
/// ```
/// use sparsereg::penalty::{BlockPenalty, L1};
/// let penalty = L1::new(2).with_weights(vec![1.0, 2.0])?;
/// let mut v = [3.0];
/// penalty.prox_block(1, 0.5, 1.0, &mut v); // threshold 0.5 · 2
/// assert_eq!(v, [2.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct L1 {
    partition: Partition,
    weights: Option<Vec<f64>>,
    nonnegative: bool,
}

impl L1 {
    /// `‖w‖₁` over `ncols` columns.
    pub fn new(ncols: usize) -> Self {
        Self { partition: Partition::singletons(ncols), weights: None, nonnegative: false }
    }

    /// One weight ω_j ∈ [0, ∞] per column.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.partition.ncols(), weights.len())?;
        check_weights("weights", &weights, true)?;
        self.weights = Some(weights);
        Ok(self)
    }

    /// Adds the constraint `w ≥ 0`.
    pub fn nonnegative(mut self, yes: bool) -> Self {
        self.nonnegative = yes;
        self
    }

    #[inline]
    fn weight(&self, b: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[b])
    }
}

impl BlockPenalty for L1 {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if self.nonnegative && w.iter().any(|&w| w < 0.0) {
            return f64::INFINITY;
        }
        let norm: f64 = w.iter().map(|w| w.abs()).sum();
        if norm == 0.0 { 0.0 } else { threshold(lambda, self.weight(b)) * norm }
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = threshold(lambda, self.weight(b)) * step;
        for v in v {
            *v = if self.nonnegative { prox::nonnegative_soft_threshold(*v, t) } else { prox::soft_threshold(*v, t) };
        }
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        // Nothing ties the coefficients together: every one has its own step.
        for (v, h) in v.iter_mut().zip(h) {
            self.prox_block(b, lambda, 1.0 / h, std::slice::from_mut(v));
        }
        true
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    #[inline]
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let size = if self.nonnegative {
            g.iter().fold(0.0, |m: f64, g| m.max(-g))
        } else {
            g.iter().fold(0.0, |m: f64, g| m.max(g.abs()))
        };
        ratio(size, self.weight(b))
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let t = threshold(lambda, self.weight(b));
        let violation = |(w, g): (&f64, &f64)| {
            if t == f64::INFINITY {
                w.abs()
            } else if *w != 0.0 {
                g + t * w.signum()
            } else if self.nonnegative {
                (-g - t).max(0.0)
            } else {
                (g.abs() - t).max(0.0)
            }
        };
        w.iter().zip(g).map(violation).map(|v| v * v).sum::<f64>().sqrt()
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        Some(1.0 / self.weight(b))
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], _hess: &mut [f64]) -> bool {
        let t = threshold(lambda, self.weight(b));
        for (grad, w) in grad.iter_mut().zip(w) {
            *grad += t * w.signum();
        }
        true
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        threshold(lambda, self.weight(b)) == 0.0 && !self.nonnegative
    }
}
