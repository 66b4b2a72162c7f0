//! Group maximum norm: `Ω(w) = Σ_g ω_g ‖w_g‖_∞` (Turlach, Venables and Wright 2005; Quattoni, Carreras, Collins and Darrell
//! 2009). With blocks of one column and q responses it is `‖W‖_{1,∞} = Σ_j max_t |w_jt|`.

use crate::error::{Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, ratio, threshold};
use crate::prox;

/// `Ω(w) = Σ_g ω_g ‖w_g‖_∞`. Weight 0 frees a group, ∞ excludes it. The coefficients of a group that count most come out with
/// the same size.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, GroupMax}};
/// let penalty = GroupMax::new(Partition::from_sizes(&[3])?).with_weights(vec![1.0])?;
/// let mut v = [3.0, -2.5, 1.0];
/// penalty.prox_block(0, 1.0, 1.0, &mut v);
/// assert_eq!(v, [2.25, -2.25, 1.0]);
/// assert_eq!(penalty.critical_lambda_block(0, &[3.0, -2.5, 1.0]), 6.5); // the dual norm is ℓ1
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupMax {
    partition: Partition,
    weights: Vec<f64>,
}

impl GroupMax {
    /// Weights `ω_g =` columns of g: the dual norm of noise, a sum, grows as they do.
    pub fn new(partition: Partition) -> Self {
        let weights = partition.iter().map(|b| b.len() as f64).collect();
        Self { partition, weights }
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
}

impl BlockPenalty for GroupMax {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        let size = w.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
        if size == 0.0 { 0.0 } else { threshold(lambda, self.weights[b]) * size }
    }

    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = threshold(lambda, self.weights[b]) * step;
        crate::design::with_scratch(v.len(), |scratch| prox::max_norm(v, t, scratch));
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        ratio(g.iter().map(|g| g.abs()).sum(), self.weights[b])
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        threshold(lambda, self.weights[b]) == 0.0
    }
}
