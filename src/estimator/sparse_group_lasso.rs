//! The sparse group lasso.

use ndarray::Ix1;

use crate::error::Result;
use crate::estimator::group_lasso::check_disjoint;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::partition::Groups;
use crate::penalty::SparseGroup;

/// Sparse group lasso: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ (τ‖w‖₁ + (1−τ) Σ_g ω_g ‖w_g‖₂)`, `ω_g = √|g|`
/// (Simon, Friedman, Hastie, Tibshirani 2013): few groups, few features in each.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.1, 0.2], [0.0, -0.1, -0.1], [-1.0, 0.1, 0.1], [0.0, -0.1, -0.2]];
/// let y = array![1.0, 0.0, -1.0, 0.0];
/// let model = SparseGroupLasso::new(0.1, 0.5, Groups::from_sizes(&[2, 1])?).fit(&x, &y)?;
/// assert!(model.coefficients()[0] > 0.5);
/// assert_eq!(model.support(), vec![0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseGroupLasso {
    lambda: f64,
    tau: f64,
    groups: Groups,
    pub(super) weights: Option<Vec<f64>>,
    nonnegative: bool,
    options: Options,
}

impl SparseGroupLasso {
    /// A sparse group lasso with penalty λ ≥ 0 and share τ ∈ [0, 1] of the ℓ1 norm over disjoint groups.
    pub fn new(lambda: f64, tau: f64, groups: Groups) -> Self {
        Self { lambda, tau, groups, weights: None, nonnegative: false, options: Options::default() }
    }

    /// One penalty weight ω_g ∈ [0, ∞] per group in place of √|g|.
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

impl Configure for SparseGroupLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for SparseGroupLasso {
    type Penalty = SparseGroup;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<SparseGroup>> {
        check_disjoint(&self.groups, nfeatures)?;
        let (order, partition) = self.groups.flatten();
        let mut penalty = SparseGroup::new(partition, self.tau)?.nonnegative(self.nonnegative);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::new(penalty, order))
    }
}

impl LeastSquares for SparseGroupLasso {}
