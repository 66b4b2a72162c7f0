//! SLOPE: sorted ℓ1.

use ndarray::Ix1;

use crate::error::{Result, check_length};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::penalty::SortedL1;

/// SLOPE: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_k ω_k |w|_(k)`, ω_1 ≥ ω_2 ≥ … ≥ 0 and |w|_(1) ≥ |w|_(2) ≥ …
/// (Bogdan, van den Berg, Sabatti, Su and Candès 2015).
///
/// The weights are those of Benjamini and Hochberg at q = 0.1 if nothing else is said. With orthogonal columns of mean square 1
/// and noise of standard deviation σ, λ = σ/√n keeps the false discovery rate at q; for other designs that is no theorem. Equal
/// weights are the [`Lasso`](crate::estimator::Lasso). Columns that are alike get coefficients of exactly the same size.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 1.1, 0.2], [0.0, 0.1, -0.1], [-1.0, -0.9, 0.1], [0.5, 0.4, -0.2]];
/// let y = array![1.0, 0.1, -1.0, 0.5];
/// let model = Slope::new(0.01).oscar(1.0, 1.0).fit(&x, &y)?;
/// let w = model.coefficients();
/// assert!(w[0] == w[1] && w[0] > 0.3); // a cluster of two that say the same
/// assert!(model.certificate().relative_gap() <= 1e-6);
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` rejects weights that are negative, not finite, more or fewer than there are features, or larger than the one before
/// (naming the index), and a q outside (0, 1).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slope {
    lambda: f64,
    weights: Weights,
    options: Options,
}

#[derive(Debug, Clone, PartialEq)]
enum Weights {
    BenjaminiHochberg(f64),
    Oscar(f64, f64),
    Given(Vec<f64>),
}

impl Default for Weights {
    fn default() -> Self {
        Self::BenjaminiHochberg(0.1)
    }
}

impl Slope {
    /// SLOPE with penalty λ ≥ 0 and the sequence of Benjamini and Hochberg at q = 0.1.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }

    /// `ω_k = Φ⁻¹(1 − kq/(2p))`, 0 < q < 1.
    pub fn benjamini_hochberg(mut self, q: f64) -> Self {
        self.weights = Weights::BenjaminiHochberg(q);
        self
    }

    /// OSCAR (Bondell and Reich 2008): `ω_k = l1 + pairwise·(p − k)`, that is `l1‖w‖₁ + pairwise Σ_{j<k} max(|w_j|, |w_k|)`.
    pub fn oscar(mut self, l1: f64, pairwise: f64) -> Self {
        self.weights = Weights::Oscar(l1, pairwise);
        self
    }

    /// The weights ω_1 ≥ ω_2 ≥ … ≥ 0, one for each feature: the first is that of the largest coefficient.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Weights::Given(weights.into());
        self
    }
}

impl Configure for Slope {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for Slope {
    type Penalty = SortedL1;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<SortedL1>> {
        Ok(Layout::in_order(match &self.weights {
            Weights::BenjaminiHochberg(q) => SortedL1::benjamini_hochberg(nfeatures, *q)?,
            Weights::Oscar(l1, pairwise) => SortedL1::oscar(nfeatures, *l1, *pairwise)?,
            Weights::Given(weights) => {
                check_length("weights", nfeatures, weights.len())?;
                SortedL1::new(weights.clone())?
            }
        }))
    }
}

impl LeastSquares for Slope {}
