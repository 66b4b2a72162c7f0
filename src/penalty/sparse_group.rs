//! Sparse group norm: `Ω(w) = τ‖w‖₁ + (1−τ) Σ_g ω_g ‖w_g‖₂` (Simon, Friedman, Hastie, Tibshirani 2013).

use std::borrow::Cow;

use crate::error::{Result, check_length, check_scalar, check_weights};
use crate::partition::Partition;
use crate::penalty::BlockPenalty;
use crate::penalty::group::norm_curvature;
use crate::penalty::threshold;
use crate::prox;

/// `Ω(w) = τ‖w‖₁ + (1−τ) Σ_g ω_g ‖w_g‖₂`, optionally with `w ≥ 0`: τ = 1 is the lasso, τ = 0 the group lasso. Weight ∞ excludes a
/// group.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, SparseGroup}};
/// let penalty = SparseGroup::new(Partition::from_sizes(&[2])?, 0.5)?.with_weights(vec![1.0])?;
/// let mut v = [5.0, 1.0];
/// penalty.prox_block(0, 2.0, 1.0, &mut v); // soft threshold 1, then block soft threshold 1
/// assert_eq!(v, [3.0, 0.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SparseGroup {
    partition: Partition,
    tau: f64,
    weights: Vec<f64>,
    nonnegative: bool,
}

impl SparseGroup {
    /// `tau` ∈ [0, 1] is the share of the ℓ1 norm; weights `ω_g = √(columns of g)`.
    ///
    /// # Errors
    /// `tau` outside [0, 1].
    pub fn new(partition: Partition, tau: f64) -> Result<Self> {
        check_scalar("tau", tau, 0.0, 1.0, "a number in [0, 1]")?;
        let weights = partition.iter().map(|b| (b.len() as f64).sqrt()).collect();
        Ok(Self { partition, tau, weights, nonnegative: false })
    }

    /// One weight ω_g ∈ [0, ∞] per group.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.partition.len(), weights.len())?;
        check_weights("weights", &weights, true)?;
        self.weights = weights;
        Ok(self)
    }

    /// Adds the constraint `w ≥ 0`.
    pub fn nonnegative(mut self, yes: bool) -> Self {
        self.nonnegative = yes;
        self
    }

    /// What the constraint lets through of a gradient at zero.
    fn felt<'a>(&self, g: &'a [f64]) -> Cow<'a, [f64]> {
        if self.nonnegative { g.iter().map(|g| g.min(0.0)).collect() } else { Cow::Borrowed(g) }
    }

    /// (ℓ1 threshold, block threshold).
    #[inline]
    fn parts(&self, b: usize, lambda: f64) -> (f64, f64) {
        let weight = self.weights[b];
        let block = if weight == f64::INFINITY { weight } else { (1.0 - self.tau) * weight };
        (lambda * self.tau, threshold(lambda, block))
    }
}

impl BlockPenalty for SparseGroup {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if self.nonnegative && w.iter().any(|&w| w < 0.0) {
            return f64::INFINITY;
        }
        let (t1, t2) = self.parts(b, lambda);
        let norm = prox::norm2(w);
        if norm == 0.0 { 0.0 } else { t1 * w.iter().map(|w| w.abs()).sum::<f64>() + t2 * norm }
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (t1, t2) = self.parts(b, lambda);
        if self.nonnegative {
            // A negative entry can only be worth 0.
            v.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        prox::sparse_group(v, t1 * step, t2 * step);
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        if self.nonnegative {
            v.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        prox::sparse_group_diagonal(v, h, t1, t2);
        true
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        if self.weights[b] == f64::INFINITY {
            return 0.0;
        }
        prox::sparse_group_critical(&self.felt(g), self.tau, self.weights[b])
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        // ‖S(g, λτ)‖ ≤ λ(1−τ)ω is the definition of feasibility and needs no root.
        let (t1, t2) = self.parts(b, lambda);
        let slack = crate::penalty::FEASIBLE * (t1 + t2);
        let outside = excess_norm(&self.felt(g), t1 + slack);
        if outside <= t2 + slack { 0.0 } else { f64::INFINITY }
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let (t1, t2) = self.parts(b, lambda);
        let norm = prox::norm2(w);
        if t2 == f64::INFINITY {
            return norm;
        }
        if norm == 0.0 {
            return (excess_norm(&self.felt(g), t1) - t2).max(0.0);
        }
        let violation = |(w, g): (&f64, &f64)| match (*w == 0.0, self.nonnegative) {
            (true, false) => (g.abs() - t1).max(0.0),
            (true, true) => (-g - t1).max(0.0),
            _ => g + t1 * w.signum() + t2 * w / norm,
        };
        w.iter().zip(g).map(violation).map(|v| v * v).sum::<f64>().sqrt()
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        // Ω_b(w) ≥ (τ + (1−τ)ω)‖w‖₂, so the dual norm is at most ‖g‖₂ divided by that.
        let weight = self.weights[b];
        let block = if weight == f64::INFINITY { weight } else { (1.0 - self.tau) * weight };
        Some(1.0 / (self.tau + block))
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        for (grad, w) in grad.iter_mut().zip(w) {
            *grad += t1 * w.signum();
        }
        norm_curvature(t2, w, grad, hess);
        true
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        t1 == 0.0 && t2 == 0.0 && !self.nonnegative
    }
}

/// `‖S(g, t)‖₂`: the norm of what sticks out of the box [−t, t].
fn excess_norm(g: &[f64], t: f64) -> f64 {
    g.iter().map(|g| (g.abs() - t).max(0.0)).map(|e| e * e).sum::<f64>().sqrt()
}
