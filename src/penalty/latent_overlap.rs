//! Latent overlapping group norm: `Ω(w) = min { Σ_g ω_g ‖v_g‖₂ : Σ_g v_g = w, supp v_g ⊆ g }`
//! (Jacob, Obozinski, Vert 2009). The support of a minimiser is a union of groups.

use crate::error::{Result, check_length, check_weights};
use crate::partition::Groups;
use crate::penalty::{FEASIBLE, Penalty, Step};
use crate::prox;

/// The latent overlapping group norm in its non-separable form, for one response and [`Fista`](crate::solver::Fista).
///
/// The same norm for descent: repeat the shared columns with [`Columns`](crate::design::Columns) (the order is
/// [`Groups::flatten`]) and use [`GroupL2`](crate::penalty::GroupL2) on the copies.
///
/// ```
/// use sparsereg::{partition::Groups, penalty::{LatentOverlap, Penalty}};
/// let groups = Groups::overlapping(&[vec![0, 1], vec![1, 2]], 3)?;
/// let penalty = LatentOverlap::new(groups).with_weights(vec![1.0, 1.0])?;
/// // The dual norm is the largest group norm.
/// assert_eq!(penalty.critical_lambda(&[3.0, 4.0, 0.0]), 5.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LatentOverlap {
    ncols: usize,
    starts: Vec<usize>,
    members: Vec<usize>,
    weights: Vec<f64>,
}

impl LatentOverlap {
    /// Weights `ω_g = √|g|`.
    pub fn new(groups: Groups) -> Self {
        let mut starts = vec![0];
        let mut members = Vec::new();
        for g in 0..groups.len() {
            members.extend_from_slice(groups.members(g));
            starts.push(members.len());
        }
        Self { ncols: groups.nfeatures(), starts, members, weights: groups.default_weights() }
    }

    /// One weight ω_g ∈ [0, ∞] per group.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.weights.len(), weights.len())?;
        check_weights("weights", &weights, true)?;
        self.weights = weights;
        Ok(self)
    }
}

impl Penalty for LatentOverlap {
    fn ncols(&self) -> usize {
        self.ncols
    }

    fn value(&self, lambda: f64, w: &[f64]) -> f64 {
        let mut scratch = prox::LatentScratch::new(self.ncols, self.weights.len());
        let value = prox::latent_overlap_value(w, &self.starts, &self.members, &self.weights, &mut scratch).primal;
        if value == 0.0 { 0.0 } else { lambda * value }
    }

    fn prox(&self, lambda: f64, step: Step<'_>, v: &mut [f64]) {
        let step = match step {
            Step::Uniform(step) => step,
            // Not a sum over blocks, so nobody can have made steps per block for it.
            Step::PerBlock(steps) => steps.first().copied().unwrap_or(1.0),
        };
        let mut scratch = prox::LatentScratch::new(self.ncols, self.weights.len());
        prox::latent_overlap(v, lambda * step, &self.starts, &self.members, &self.weights, &mut scratch);
    }

    fn critical_lambda(&self, g: &[f64]) -> f64 {
        prox::latent_overlap_critical(g, &self.starts, &self.members, &self.weights)
    }

    fn fenchel_young(&self, lambda: f64, w: &[f64], g: &[f64], scale: f64) -> f64 {
        if scale * self.critical_lambda(g) > lambda * (1.0 + FEASIBLE) {
            return f64::INFINITY;
        }
        let inner: f64 = g.iter().zip(w).map(|(g, w)| g * w).sum();
        (self.value(lambda, w) + scale * inner).max(0.0)
    }

    fn kkt_violation(&self, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let mut v: Vec<f64> = w.iter().zip(g).map(|(w, g)| w - g).collect();
        self.prox(lambda, Step::Uniform(1.0), &mut v);
        v.iter_mut().zip(w).for_each(|(v, w)| *v -= w);
        prox::norm2(&v)
    }

    fn free_columns(&self, lambda: f64) -> Vec<usize> {
        let mut free = vec![false; self.ncols];
        for (g, &weight) in self.weights.iter().enumerate() {
            if weight == 0.0 || (lambda == 0.0 && weight.is_finite()) {
                self.members[self.starts[g]..self.starts[g + 1]].iter().for_each(|&j| free[j] = true);
            }
        }
        (0..self.ncols).filter(|&j| free[j]).collect()
    }
}
