//! The lasso.

use ndarray::Ix1;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::penalty::L1;

/// Lasso: `min_{w,b} 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_j ω_j |w_j|` (Tibshirani 1996).
///
/// λ is scikit-learn's `alpha` and glmnet's `lambda`. Options: [`Options`]; own: `weights` ω (0 = unpenalised,
/// ∞ = excluded), `nonnegative`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let y = array![5.0, 7.0, 9.0, 11.0]; // 3 + 2 x₁
/// let model = Lasso::new(0.01).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 1.992).abs() < 1e-4); // shrunk by λ / var(x₁)
/// assert_eq!(model.coefficients()[1], 0.0);
/// assert!(model.certificate().relative_gap() <= 1e-6);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lasso {
    lambda: f64,
    pub(super) weights: Option<Vec<f64>>,
    nonnegative: bool,
    options: Options,
}

impl Lasso {
    /// A lasso with penalty λ ≥ 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }

    /// Adds the constraint `w ≥ 0`.
    pub fn nonnegative(mut self, yes: bool) -> Self {
        self.nonnegative = yes;
        self
    }
}

impl Configure for Lasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for Lasso {
    type Penalty = L1;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<L1>> {
        let mut penalty = L1::new(nfeatures).nonnegative(self.nonnegative);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for Lasso {}
