//! Penalties that grow as the norm does near zero and are flat far away: `λΩ(w) = Σ_b ρ(‖w_b‖₂; λω_b)` with ρ concave on
//! [0, ∞). What is large is not shrunk, at the price of convexity. (Fan and Li 2001; for groups Huang, Breheny and Ma 2012.)

use std::fmt::Debug;

use crate::error::{Error, Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, ratio, threshold};
use crate::prox;

/// `ρ(r; t)` for r ≥ 0: concave, with `ρ(0) = 0` and `ρ'(0+) = t`. t = λω is finite and ≥ 0.
pub trait Curve: Debug + Clone + Sync + Send {
    /// `ρ(r; t)`.
    fn value(&self, t: f64, r: f64) -> f64;
    /// `ρ'(r; t)` for r > 0.
    fn slope(&self, t: f64, r: f64) -> f64;
    /// `ρ''(r; t) ≤ 0` for r > 0, from the left where it jumps.
    fn bend(&self, t: f64, r: f64) -> f64;
    /// `argmin_{x ≥ 0} ½(x − r)² + step·ρ(x; t)`, the global minimiser; the smaller one of two.
    fn prox(&self, t: f64, step: f64, r: f64) -> f64;
}

/// `λΩ(w) = Σ_b ρ(‖w_b‖₂; λω_b)` for a [`Curve`] ρ: blocks of one column and one response give the usual penalty, others
/// that of groups or of rows of W. Not homogeneous in λ, and not convex: answers are stationary points.
#[derive(Debug, Clone)]
pub struct FoldedConcave<C> {
    partition: Partition,
    curve: C,
    weights: Vec<f64>,
}

impl<C: Curve> FoldedConcave<C> {
    /// Weights `ω_b = √(columns of b)`.
    pub fn with_curve(partition: Partition, curve: C) -> Self {
        let weights = partition.iter().map(|b| (b.len() as f64).sqrt()).collect();
        Self { partition, curve, weights }
    }

    /// One weight ω_b ∈ [0, ∞] per block: 0 frees a block, ∞ excludes it.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.partition.len(), weights.len())?;
        check_weights("weights", &weights, true)?;
        self.weights = weights;
        Ok(self)
    }

    /// ρ.
    pub fn curve(&self) -> &C {
        &self.curve
    }
}

/// γ above what keeps ρ convex together with ½r².
pub(super) fn check_gamma(gamma: f64, above: f64, expected: &'static str) -> Result<()> {
    if gamma > above && gamma.is_finite() {
        return Ok(());
    }
    Err(Error::OutOfRange { argument: "gamma", index: vec![], value: gamma, expected })
}

impl<C: Curve> BlockPenalty for FoldedConcave<C> {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        let (t, r) = (threshold(lambda, self.weights[b]), prox::norm2(w));
        if r == 0.0 || t == 0.0 {
            0.0
        } else if t == f64::INFINITY {
            f64::INFINITY
        } else {
            self.curve.value(t, r)
        }
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = threshold(lambda, self.weights[b]);
        if t == 0.0 {
            return;
        }
        if t == f64::INFINITY {
            v.fill(0.0);
            return;
        }
        let r = prox::norm2(v);
        if r == 0.0 {
            return;
        }
        let x = self.curve.prox(t, step, r);
        if let [v] = v {
            *v = x.copysign(*v);
        } else if x == 0.0 {
            v.fill(0.0);
        } else if x != r {
            let share = x / r;
            v.iter_mut().for_each(|v| *v *= share);
        }
    }

    #[inline]
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        ratio(prox::norm2(g), self.weights[b])
    }

    fn is_convex(&self) -> bool {
        false
    }

    /// A penalty that is bounded has no conjugate but at 0.
    fn conjugate_block(&self, b: usize, _lambda: f64, g: &[f64]) -> f64 {
        let trivial = self.weights[b] == f64::INFINITY || g.iter().all(|&g| g == 0.0);
        if trivial { 0.0 } else { f64::INFINITY }
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let (t, r) = (threshold(lambda, self.weights[b]), prox::norm2(w));
        if t == f64::INFINITY {
            r
        } else if r == 0.0 {
            (prox::norm2(g) - t).max(0.0)
        } else {
            let slope = if t == 0.0 { 0.0 } else { self.curve.slope(t, r) };
            w.iter().zip(g).map(|(w, g)| g + slope * (w / r)).map(|v| v * v).sum::<f64>().sqrt()
        }
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        let (t, r) = (threshold(lambda, self.weights[b]), prox::norm2(w));
        if t == 0.0 || r == 0.0 {
            return true;
        }
        if t == f64::INFINITY {
            return false;
        }
        let (slope, bend, k) = (self.curve.slope(t, r), self.curve.bend(t, r), w.len());
        // ρ'/r (I − uuᵀ) + ρ'' uuᵀ with u = w/r
        for i in 0..k {
            let u = w[i] / r;
            grad[i] += slope * u;
            if k == 1 {
                hess[0] += bend;
                break;
            }
            for j in 0..k {
                hess[i * k + j] += (bend - slope / r) * u * (w[j] / r);
            }
            hess[i * k + i] += slope / r;
        }
        true
    }

    /// Where the diagonal is a multiple of the identity. Otherwise the minimiser is a root of several, and blocks are left to
    /// proximal steps.
    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        let same = h.iter().all(|&x| x == h[0]);
        if same {
            self.prox_block(b, lambda, 1.0 / h[0], v);
        }
        same
    }

    fn has_coordinate_kinks(&self) -> bool {
        false
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        threshold(lambda, self.weights[b]) == 0.0
    }
}
