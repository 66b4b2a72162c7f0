//! Group norm: `Ω(w) = Σ_g ω_g ‖w_g‖₂` (Yuan and Lin 2006). With blocks of one column and q responses it is the
//! multi-task norm `‖W‖₂,₁ = Σ_j ‖W_j‖₂` (Obozinski, Taskar, Jordan 2010).

use crate::error::{Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::BlockPenalty;
use crate::penalty::{ratio, threshold};
use crate::prox;

/// `Ω(w) = Σ_g ω_g ‖w_g‖₂`, optionally with `w ≥ 0`. Weight 0 frees a group, ∞ excludes it.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, GroupL2}};
/// let penalty = GroupL2::new(Partition::from_sizes(&[2, 3])?); // weights √2, √3
/// let mut v = [3.0, 4.0];
/// penalty.prox_block(0, 2.5 / 2f64.sqrt(), 1.0, &mut v);       // norm 5, threshold 2.5: half of it stays
/// assert!((v[0] - 1.5).abs() < 1e-15 && (v[1] - 2.0).abs() < 1e-15);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupL2 {
    partition: Partition,
    weights: Vec<f64>,
    nonnegative: bool,
}

impl GroupL2 {
    /// Weights `ω_g = √(columns of g)`.
    pub fn new(partition: Partition) -> Self {
        let weights = partition.iter().map(|b| (b.len() as f64).sqrt()).collect();
        Self { partition, weights, nonnegative: false }
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
}

impl BlockPenalty for GroupL2 {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if self.nonnegative && w.iter().any(|&w| w < 0.0) {
            return f64::INFINITY;
        }
        let norm = prox::norm2(w);
        if norm == 0.0 { 0.0 } else { threshold(lambda, self.weights[b]) * norm }
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = threshold(lambda, self.weights[b]) * step;
        if self.nonnegative {
            prox::nonnegative_block_soft_threshold(v, t);
        } else {
            prox::block_soft_threshold(v, t);
        }
    }

    #[inline]
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let size = if self.nonnegative { negative_part_norm(g) } else { prox::norm2(g) };
        ratio(size, self.weights[b])
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let t = threshold(lambda, self.weights[b]);
        let norm = prox::norm2(w);
        if t == f64::INFINITY {
            norm
        } else if norm == 0.0 {
            let size = if self.nonnegative { negative_part_norm(g) } else { prox::norm2(g) };
            (size - t).max(0.0)
        } else {
            let violation = |(w, g): (&f64, &f64)| match (self.nonnegative, *w == 0.0) {
                (true, true) => (-g).max(0.0),
                _ => g + t * w / norm,
            };
            w.iter().zip(g).map(violation).map(|v| v * v).sum::<f64>().sqrt()
        }
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        Some(1.0 / self.weights[b])
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        norm_curvature(threshold(lambda, self.weights[b]), w, grad, hess);
        true
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        if self.nonnegative {
            // As for equal h: a negative entry can only be worth 0.
            v.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        prox::sparse_group_diagonal(v, h, 0.0, threshold(lambda, self.weights[b]));
        true
    }

    fn radial(&self, b: usize, lambda: f64) -> Option<(f64, f64)> {
        let t = threshold(lambda, self.weights[b]);
        (!self.nonnegative && t.is_finite()).then_some((t, 0.0))
    }

    fn has_coordinate_kinks(&self) -> bool {
        self.nonnegative
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        threshold(lambda, self.weights[b]) == 0.0 && !self.nonnegative
    }
}

/// `‖(−g)₊‖₂`: what a non-negative group sees of a gradient.
pub(super) fn negative_part_norm(g: &[f64]) -> f64 {
    g.iter().map(|g| (-g).max(0.0)).map(|g| g * g).sum::<f64>().sqrt()
}

/// Gradient and Hessian of `t‖w‖₂` at w ≠ 0: `t w/‖w‖` and `t (I − w wᵀ/‖w‖²)/‖w‖`, both added.
pub(super) fn norm_curvature(t: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) {
    let norm = prox::norm2(w);
    let k = w.len();
    if t == 0.0 || norm == 0.0 {
        return;
    }
    for i in 0..k {
        grad[i] += t * w[i] / norm;
        for j in 0..k {
            hess[i * k + j] -= t / norm * (w[i] / norm) * (w[j] / norm);
        }
        hess[i * k + i] += t / norm;
    }
}
