//! The simplex as a constraint: `w ≥ 0, Σ_j w_j = r`.

use crate::error::{Error, Result, check_scalar};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, Pattern};
use crate::prox;

/// `Ω(w) = 0` where `w ≥ 0` and `Σ_j w_j = r`, ∞ elsewhere, for every response: weights of a mixture, a portfolio, a synthetic
/// control. λ has no meaning; there is none at which all coefficients are zero. With `standardize(true)` the sum is that of the
/// coefficients of the standardised columns.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{penalty::Simplex, prelude::*};
/// let x = array![[1.0, 0.0, 3.0], [2.0, 1.0, 0.0], [3.0, 0.5, 1.0], [4.0, 2.0, 0.5]];
/// let y = array![0.75, 1.75, 2.375, 3.5]; // ¾ of the first, ¼ of the second
/// let fit = Penalized::new(1.0, Simplex::new(3, 1.0)?).intercept(false).tolerance(1e-12).fit(&x, &y)?;
/// let w = fit.coefficients();
/// assert!((w[0] - 0.75).abs() < 1e-4 && w[2] < 1e-4 && (w.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Simplex {
    partition: Partition,
    radius: f64,
}

/// Relative error of a sum that is still taken for the right one.
const SUM: f64 = 1e-10;

impl Simplex {
    /// Coefficients of `ncols` columns that sum up to `radius` > 0.
    ///
    /// # Errors
    /// No columns, a radius that is not positive and finite.
    pub fn new(ncols: usize, radius: f64) -> Result<Self> {
        if ncols == 0 {
            return Err(Error::Empty { argument: "ncols" });
        }
        check_scalar("radius", radius, f64::MIN_POSITIVE, f64::MAX, "a finite number > 0")?;
        Ok(Self { partition: Partition::whole(ncols), radius })
    }

    /// The coefficients of each response.
    fn responses(&self, v: &[f64]) -> impl Iterator<Item = Vec<f64>> {
        let q = v.len() / self.partition.ncols();
        (0..q).map(move |t| v.iter().skip(t).step_by(q).copied().collect())
    }
}

impl BlockPenalty for Simplex {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, _b: usize, _lambda: f64, w: &[f64]) -> f64 {
        let inside = |w: Vec<f64>| {
            w.iter().all(|&w| w >= 0.0) && (w.iter().sum::<f64>() - self.radius).abs() <= SUM * self.radius
        };
        if self.responses(w).all(inside) { 0.0 } else { f64::INFINITY }
    }

    fn prox_block(&self, _b: usize, _lambda: f64, _step: f64, v: &mut [f64]) {
        let (p, q) = (self.partition.ncols(), v.len() / self.partition.ncols());
        let (mut own, mut scratch) = (vec![0.0; p], vec![0.0; p]);
        for t in 0..q {
            own.iter_mut().enumerate().for_each(|(j, o)| *o = v[j * q + t]);
            prox::project_simplex(&mut own, self.radius, &mut scratch);
            own.iter().enumerate().for_each(|(j, o)| v[j * q + t] = *o);
        }
    }

    fn critical_lambda_block(&self, _b: usize, _g: &[f64]) -> f64 {
        f64::INFINITY
    }

    fn conjugate_block(&self, _b: usize, _lambda: f64, g: &[f64]) -> f64 {
        self.responses(g).map(|g| self.radius * g.iter().fold(f64::NEG_INFINITY, |m, g| m.max(-g))).sum()
    }

    fn fenchel_young_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64], s: f64, _: &mut Vec<f64>) -> f64 {
        if self.value_block(b, lambda, w) > 0.0 {
            return f64::INFINITY;
        }
        // r·max(−g) + ⟨g, w⟩ = Σ_j w_j (g_j − min g), term by term not negative.
        let gaps = self.responses(w).zip(self.responses(g)).map(|(w, g)| {
            let least = g.iter().copied().fold(f64::INFINITY, f64::min);
            w.iter().zip(&g).map(|(w, g)| w * (g - least)).sum::<f64>()
        });
        s * gaps.sum::<f64>()
    }

    fn is_free(&self, _b: usize, _lambda: f64) -> bool {
        false
    }

    fn couples_columns(&self) -> bool {
        true
    }

    fn linear_pattern(&self, _lambda: f64, w: &[f64]) -> Option<Pattern> {
        let q = w.len() / self.partition.ncols();
        let mut pattern = Pattern::new();
        for t in 0..q {
            // What one gains another loses: the one with most, which can afford it.
            let support: Vec<usize> = (t..w.len()).step_by(q).filter(|&i| w[i] > 0.0).collect();
            let bank = support.iter().copied().max_by(|&a, &b| w[a].total_cmp(&w[b]))?;
            support.iter().filter(|&&i| i != bank).for_each(|&i| pattern.push([(i, 1.0), (bank, -1.0)], 0.0));
        }
        Some(pattern)
    }
}
