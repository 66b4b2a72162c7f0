//! Elastic net on blocks: `Ω(w) = Σ_b ω_b (ρ‖w_b‖₂ + (1−ρ)/2 ‖w_b‖₂²)` (Zou and Hastie 2005). Blocks of one column and
//! one response give the usual elastic net, one column and q responses the multi-task form.

use crate::error::{Result, check_length, check_scalar, check_weights};
use crate::partition::Partition;
use crate::penalty::BlockPenalty;
use crate::penalty::group::{negative_part_norm, norm_curvature};
use crate::penalty::{ratio, threshold};
use crate::prox;

/// `Ω(w) = Σ_b ω_b (ρ‖w_b‖₂ + (1−ρ)/2 ‖w_b‖₂²)`, optionally with `w ≥ 0`.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, ElasticNetPenalty}};
/// let penalty = ElasticNetPenalty::new(Partition::singletons(1), 0.5)?;
/// let mut v = [3.0];
/// penalty.prox_block(0, 2.0, 1.0, &mut v); // (3 − 2·0.5) / (1 + 2·0.5)
/// assert_eq!(v, [1.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ElasticNetPenalty {
    partition: Partition,
    rho: f64,
    weights: Option<Vec<f64>>,
    nonnegative: bool,
}

impl ElasticNetPenalty {
    /// `rho` ∈ [0, 1] is the share of the norm (`l1_ratio` in scikit-learn, `alpha` in glmnet); all weights are 1.
    ///
    /// # Errors
    /// `rho` outside [0, 1].
    pub fn new(partition: Partition, rho: f64) -> Result<Self> {
        check_scalar("rho", rho, 0.0, 1.0, "a number in [0, 1]")?;
        Ok(Self { partition, rho, weights: None, nonnegative: false })
    }

    /// One weight ω_b ∈ [0, ∞] per block.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.partition.len(), weights.len())?;
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

    /// (norm threshold, quadratic coefficient).
    #[inline]
    fn parts(&self, b: usize, lambda: f64) -> (f64, f64) {
        let t = threshold(lambda, self.weight(b));
        if t == f64::INFINITY { (t, 0.0) } else { (t * self.rho, t * (1.0 - self.rho)) }
    }

    fn size(&self, g: &[f64]) -> f64 {
        if self.nonnegative { negative_part_norm(g) } else { prox::norm2(g) }
    }
}

impl BlockPenalty for ElasticNetPenalty {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if self.nonnegative && w.iter().any(|&w| w < 0.0) {
            return f64::INFINITY;
        }
        let (t, quadratic) = self.parts(b, lambda);
        let norm = prox::norm2(w);
        if norm == 0.0 { 0.0 } else { t * norm + 0.5 * quadratic * norm * norm }
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (t, quadratic) = self.parts(b, lambda);
        if self.nonnegative {
            prox::nonnegative_block_soft_threshold(v, t * step);
        } else {
            prox::block_soft_threshold(v, t * step);
        }
        let shrink = 1.0 + quadratic * step;
        v.iter_mut().for_each(|v| *v /= shrink);
    }

    #[inline]
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let weight = self.weight(b);
        ratio(self.size(g), if weight == f64::INFINITY { weight } else { weight * self.rho })
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        let (t, quadratic) = self.parts(b, lambda);
        let size = self.size(g);
        let excess = size - t;
        if excess <= 0.0 {
            0.0
        } else if quadratic > 0.0 {
            excess * excess / (2.0 * quadratic)
        } else if excess <= crate::penalty::FEASIBLE * t {
            0.0
        } else {
            f64::INFINITY
        }
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let (t, quadratic) = self.parts(b, lambda);
        let norm = prox::norm2(w);
        if t == f64::INFINITY {
            norm
        } else if norm == 0.0 {
            (self.size(g) - t).max(0.0)
        } else {
            let violation = |(w, g): (&f64, &f64)| match (self.nonnegative, *w == 0.0) {
                (true, true) => (-g).max(0.0),
                _ => g + t * w / norm + quadratic * w,
            };
            w.iter().zip(g).map(violation).map(|v| v * v).sum::<f64>().sqrt()
        }
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        (self.rho > 0.0).then(|| 1.0 / (self.weight(b) * self.rho))
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        let (t, quadratic) = self.parts(b, lambda);
        norm_curvature(t, w, grad, hess);
        let k = w.len();
        for i in 0..k {
            grad[i] += quadratic * w[i];
            hess[i * k + i] += quadratic;
        }
        true
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        let (t, quadratic) = self.parts(b, lambda);
        if self.nonnegative {
            v.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        if quadratic == 0.0 {
            prox::sparse_group_diagonal(v, h, 0.0, t);
        } else {
            // ½ h (x − v)² + κ/2 x² is ½ (h + κ)(x − hv/(h + κ))² up to a constant.
            let sum: Vec<f64> = h.iter().map(|h| h + quadratic).collect();
            v.iter_mut().zip(h.iter().zip(&sum)).for_each(|(v, (h, sum))| *v *= h / sum);
            prox::sparse_group_diagonal(v, &sum, 0.0, t);
        }
        true
    }

    fn radial(&self, b: usize, lambda: f64) -> Option<(f64, f64)> {
        let (t, quadratic) = self.parts(b, lambda);
        (!self.nonnegative && t.is_finite()).then_some((t, quadratic))
    }

    fn has_coordinate_kinks(&self) -> bool {
        self.nonnegative
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        threshold(lambda, self.weight(b)) == 0.0 && !self.nonnegative
    }
}
