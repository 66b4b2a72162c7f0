//! Groups and rows under the maximum norm: ℓ1,∞.

use ndarray::{Ix1, Ix2};

use crate::error::Result;
use crate::estimator::group_lasso::check_disjoint;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, MultiTaskModel, Options};
use crate::partition::{Groups, Partition};
use crate::penalty::GroupMax;

/// Group lasso with the maximum norm: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_g ω_g ‖w_g‖_∞`, `ω_g = |g|` (Turlach, Venables
/// and Wright 2005). A group is zero as a whole, and its largest coefficients have the same size.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.0, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.0, 0.1], [0.0, -1.0, -0.2]];
/// let y = array![1.0, 0.9, -1.0, -0.9];
/// let model = GroupMaxLasso::new(0.05, Groups::from_sizes(&[2, 1])?).fit(&x, &y)?;
/// let w = model.coefficients();
/// assert!((w[0] - w[1]).abs() < 1e-4 && w[0] > 0.5 && w[2] == 0.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMaxLasso {
    lambda: f64,
    groups: Groups,
    weights: Option<Vec<f64>>,
    options: Options,
}

impl GroupMaxLasso {
    /// The estimator with penalty λ ≥ 0 over disjoint groups.
    pub fn new(lambda: f64, groups: Groups) -> Self {
        Self { lambda, groups, weights: None, options: Options::default() }
    }

    /// One penalty weight ω_g ∈ [0, ∞] per group in place of |g|.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for GroupMaxLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for GroupMaxLasso {
    type Penalty = GroupMax;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GroupMax>> {
        check_disjoint(&self.groups, nfeatures)?;
        let (order, partition) = self.groups.flatten();
        let mut penalty = GroupMax::new(partition);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::new(penalty, order))
    }
}

impl LeastSquares for GroupMaxLasso {}

/// Multi-task lasso with the maximum norm: `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λ Σ_j ω_j max_t |w_jt|`, `ω_j = 1`
/// (Quattoni, Carreras, Collins and Darrell 2009): a feature is in the model of every response or of none, and once it is in,
/// the others may use it up to the size of the largest at no cost.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let y = array![[2.0, -1.0], [4.0, -2.0], [6.0, -3.0], [8.0, -4.0]];
/// let model = MultiTaskMaxLasso::new(0.01).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MultiTaskMaxLasso {
    lambda: f64,
    weights: Option<Vec<f64>>,
    options: Options,
}

impl MultiTaskMaxLasso {
    /// The estimator with penalty λ ≥ 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for MultiTaskMaxLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for MultiTaskMaxLasso {
    type Penalty = GroupMax;
    type Response = Ix2;
    type Model = MultiTaskModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GroupMax>> {
        let mut penalty = GroupMax::new(Partition::singletons(nfeatures));
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for MultiTaskMaxLasso {}
