//! The fused lasso.

use ndarray::Ix1;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::penalty::Fused;

/// Fused lasso: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ (τ‖w‖₁ + (1−τ) Σ_j ω_j |w_{j+1} − w_j|)`
/// (Tibshirani, Saunders, Rosset, Zhu and Knight 2005): neighbouring features get the same coefficient, piece by piece.
///
/// τ = 1 is the lasso, τ = 0 total variation alone: `lambda_max` is then where all differences are zero. For total variation
/// denoising of a signal, X is the identity and there is no intercept; then λ is 1/n times what it is without the mean in
/// the loss.
///
/// ```
/// use ndarray::{Array1, Array2, array};
/// use sparsereg::prelude::*;
/// let signal = array![1.1, 0.9, 1.0, 3.2, 2.9, 3.0];
/// let identity: Array2<f64> = Array2::eye(6);
/// let model = FusedLasso::new(0.3 / 6.0, 0.0).intercept(false).tolerance(1e-12).fit(&identity, &signal)?;
/// assert!((model.coefficients()[0] - 1.1).abs() < 1e-9); // mean 1.0, pulled up by 0.3/3
/// assert_eq!(model.coefficients()[3], model.coefficients()[5]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` rejects a τ outside [0, 1] and edge weights that are negative, not finite, or not one fewer than there are features.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FusedLasso {
    lambda: f64,
    tau: f64,
    edges: Option<Vec<f64>>,
    options: Options,
}

impl FusedLasso {
    /// A fused lasso with penalty λ ≥ 0 and the share τ ∈ [0, 1] of the ℓ1 norm.
    pub fn new(lambda: f64, tau: f64) -> Self {
        Self { lambda, tau, ..Self::default() }
    }

    /// One weight ω_j ∈ [0, ∞) for each edge between the features j and j + 1; 0 cuts the chain.
    pub fn edge_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.edges = Some(weights.into());
        self
    }
}

impl Configure for FusedLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for FusedLasso {
    type Penalty = Fused;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<Fused>> {
        let mut penalty = Fused::new(nfeatures, self.tau)?;
        if let Some(weights) = &self.edges {
            penalty = penalty.with_edge_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for FusedLasso {}
