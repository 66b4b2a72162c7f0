//! The elastic net.

use ndarray::Ix1;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::partition::Partition;
use crate::penalty::ElasticNetPenalty;

/// Elastic net: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_j ω_j (ρ|w_j| + (1−ρ)/2 w_j²)` (Zou and Hastie 2005).
///
/// λ is scikit-learn's `alpha` and glmnet's `lambda`, ρ is scikit-learn's `l1_ratio` and glmnet's `alpha`; glmnet
/// standardises y internally, which changes the meaning of λ for ρ < 1 unless y has standard deviation 1.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]];
/// let y = array![1.0, 2.0, 3.0, 4.0];
/// let model = ElasticNet::new(0.1, 0.5).tolerance(1e-12).fit(&x, &y)?;
/// // Equal columns get equal coefficients: (1.25 − 0.05) / (2·1.25 + 0.05).
/// assert!((model.coefficients()[0] - 1.2 / 2.55).abs() < 1e-5);
/// assert!((model.coefficients()[0] - model.coefficients()[1]).abs() < 1e-5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticNet {
    lambda: f64,
    rho: f64,
    pub(super) weights: Option<Vec<f64>>,
    nonnegative: bool,
    options: Options,
}

impl ElasticNet {
    /// An elastic net with penalty λ ≥ 0 and share ρ ∈ [0, 1] of the ℓ1 norm.
    pub fn new(lambda: f64, rho: f64) -> Self {
        Self { lambda, rho, weights: None, nonnegative: false, options: Options::default() }
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature, for both parts.
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

impl Configure for ElasticNet {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for ElasticNet {
    type Penalty = ElasticNetPenalty;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<ElasticNetPenalty>> {
        let mut penalty =
            ElasticNetPenalty::new(Partition::singletons(nfeatures), self.rho)?.nonnegative(self.nonnegative);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for ElasticNet {}
