//! Entrywise ℓ1 of a symmetric matrix: `Ω(Θ) = Σ_ij Λ_ij |θ_ij|` (Banerjee, El Ghaoui and d'Aspremont 2008).

use std::borrow::Cow;

use crate::error::{Error, Result, check_length, check_weights};
use crate::penalty::{Penalty, Step};
use crate::penalty::{ratio, threshold};
use crate::prox;

/// `Ω(Θ) = Σ_ij Λ_ij |θ_ij|` over all p² entries of a symmetric p×p matrix, each off-diagonal pair counted twice as in
/// the graphical lasso. Weight 0 frees an entry (the diagonal by default), ∞ forces it to zero.
///
/// ```
/// use sparsereg::penalty::{EntrywiseL1, Penalty};
/// let penalty = EntrywiseL1::off_diagonal(2);
/// assert_eq!(penalty.value(0.5, &[3.0, -1.0, -1.0, 3.0]), 1.0); // 0.5 · 2 · |−1|
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EntrywiseL1 {
    size: usize,
    weights: Vec<f64>,
}

impl EntrywiseL1 {
    /// Weight 1 off the diagonal, 0 on it, for p×p matrices.
    pub fn off_diagonal(size: usize) -> Self {
        let mut weights = vec![1.0; size * size];
        (0..size).for_each(|i| weights[i * size + i] = 0.0);
        Self { size, weights }
    }

    /// The weights Λ of a p×p matrix, p² values in [0, ∞].
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight, a matrix that is not symmetric.
    pub fn with_weights(size: usize, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", size * size, weights.len())?;
        check_weights("weights", &weights, true)?;
        for j in 0..size {
            for i in 0..j {
                let (a, b) = (weights[j * size + i], weights[i * size + j]);
                if a != b {
                    return Err(Error::NotSymmetric {
                        argument: "weights",
                        row: i,
                        column: j,
                        difference: (a - b).abs(),
                    });
                }
            }
        }
        Ok(Self { size, weights })
    }

    /// λΛ.
    pub(crate) fn thresholds(&self, lambda: f64) -> Cow<'_, [f64]> {
        if lambda == 1.0 {
            Cow::Borrowed(&self.weights)
        } else {
            Cow::Owned(self.weights.iter().map(|&w| threshold(lambda, w)).collect())
        }
    }

    /// λΛ_k for entry k.
    #[inline]
    pub(crate) fn threshold(&self, lambda: f64, k: usize) -> f64 {
        threshold(lambda, self.weights[k])
    }
}

impl Penalty for EntrywiseL1 {
    fn ncols(&self) -> usize {
        self.size * self.size
    }

    fn value(&self, lambda: f64, w: &[f64]) -> f64 {
        let term = |(w, &l): (&f64, &f64)| {
            if *w == 0.0 { 0.0 } else { threshold(lambda, l) * w.abs() }
        };
        w.iter().zip(&self.weights).map(term).sum()
    }

    fn prox(&self, lambda: f64, step: Step<'_>, v: &mut [f64]) {
        for (k, (v, &l)) in v.iter_mut().zip(&self.weights).enumerate() {
            let step = match step {
                Step::Uniform(step) => step,
                Step::PerBlock(steps) => steps[k],
            };
            *v = prox::soft_threshold(*v, threshold(lambda, l) * step);
        }
    }

    fn critical_lambda(&self, g: &[f64]) -> f64 {
        g.iter().zip(&self.weights).map(|(g, &l)| ratio(g.abs(), l)).fold(0.0, f64::max)
    }

    fn fenchel_young(&self, lambda: f64, w: &[f64], g: &[f64], scale: f64) -> f64 {
        let mut gap = 0.0;
        for ((w, g), &l) in w.iter().zip(g).zip(&self.weights) {
            let t = threshold(lambda, l);
            if scale * g.abs() > t * (1.0 + super::FEASIBLE) {
                return f64::INFINITY;
            }
            if *w != 0.0 {
                gap += (t * w.abs() + scale * g * w).max(0.0);
            }
        }
        gap
    }

    fn kkt_violation(&self, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let violation = |((w, g), &l): ((&f64, &f64), &f64)| {
            let t = threshold(lambda, l);
            if t == f64::INFINITY {
                w.abs()
            } else if *w != 0.0 {
                (g + t * w.signum()).abs()
            } else {
                (g.abs() - t).max(0.0)
            }
        };
        w.iter().zip(g).zip(&self.weights).map(violation).fold(0.0, f64::max)
    }

    fn free_columns(&self, lambda: f64) -> Vec<usize> {
        (0..self.weights.len()).filter(|&k| self.threshold(lambda, k) == 0.0).collect()
    }

    fn project_dual(&self, lambda: f64, g: &mut [f64]) -> bool {
        for (g, &l) in g.iter_mut().zip(&self.weights) {
            let t = threshold(lambda, l);
            *g = g.clamp(-t, t);
        }
        true
    }
}
