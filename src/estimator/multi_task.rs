//! Several responses on one design: rows of W are zero together.

use ndarray::Ix2;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, MultiTaskModel, Options};
use crate::partition::Partition;
use crate::penalty::{ElasticNetPenalty, GroupL2};

/// Multi-task lasso: `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λ Σ_j ω_j ‖W_j‖₂`, W_j the row of feature j
/// (Obozinski, Taskar, Jordan 2010): a feature is in the model of every response or of none.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let y = array![[2.0, -1.0], [4.0, -2.0], [6.0, -3.0], [8.0, -4.0]];
/// let model = MultiTaskLasso::new(0.01).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0]);
/// assert!((model.coefficients()[[0, 1]] + 1.0).abs() < 0.01);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MultiTaskLasso {
    lambda: f64,
    pub(super) weights: Option<Vec<f64>>,
    options: Options,
}

impl MultiTaskLasso {
    /// A multi-task lasso with penalty λ ≥ 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for MultiTaskLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for MultiTaskLasso {
    type Penalty = GroupL2;
    type Response = Ix2;
    type Model = MultiTaskModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GroupL2>> {
        let mut penalty = GroupL2::new(Partition::singletons(nfeatures));
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for MultiTaskLasso {}

/// Multi-task elastic net: `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λ Σ_j ω_j (ρ‖W_j‖₂ + (1−ρ)/2 ‖W_j‖₂²)`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let y = array![[2.0, -1.0], [4.0, -2.0], [6.0, -3.0], [8.0, -4.0]];
/// let model = MultiTaskElasticNet::new(0.01, 0.5).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MultiTaskElasticNet {
    lambda: f64,
    rho: f64,
    pub(super) weights: Option<Vec<f64>>,
    options: Options,
}

impl MultiTaskElasticNet {
    /// A multi-task elastic net with penalty λ ≥ 0 and share ρ ∈ [0, 1] of the norm.
    pub fn new(lambda: f64, rho: f64) -> Self {
        Self { lambda, rho, weights: None, options: Options::default() }
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature, for both parts.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for MultiTaskElasticNet {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for MultiTaskElasticNet {
    type Penalty = ElasticNetPenalty;
    type Response = Ix2;
    type Model = MultiTaskModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<ElasticNetPenalty>> {
        let mut penalty = ElasticNetPenalty::new(Partition::singletons(nfeatures), self.rho)?;
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for MultiTaskElasticNet {}
