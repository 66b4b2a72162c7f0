//! The group lasso.

use ndarray::Ix1;

use crate::error::{Error, Result, check_length};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::partition::Groups;
use crate::penalty::GroupL2;

/// Group lasso: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_g ω_g ‖w_g‖₂`, `ω_g = √|g|` (Yuan and Lin 2006).
///
/// A group is zero as a whole or (for continuous data) not at all. The columns of a group are not orthonormalised.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.0, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.0, 0.1], [0.0, -1.0, -0.2]];
/// let y = array![1.0, 1.0, -1.0, -1.0];
/// let groups = Groups::from_sizes(&[2, 1])?;
/// let model = GroupLasso::new(0.1, groups).fit(&x, &y)?;
/// assert!(model.coefficients()[0] > 0.5 && model.coefficients()[1] > 0.5);
/// assert_eq!(model.coefficients()[2], 0.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GroupLasso {
    lambda: f64,
    groups: Groups,
    pub(super) weights: Option<Vec<f64>>,
    nonnegative: bool,
    options: Options,
}

impl GroupLasso {
    /// A group lasso with penalty λ ≥ 0 over disjoint groups (see
    /// [`LatentGroupLasso`](crate::estimator::LatentGroupLasso) for overlapping ones).
    pub fn new(lambda: f64, groups: Groups) -> Self {
        Self { lambda, groups, weights: None, nonnegative: false, options: Options::default() }
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

/// Disjoint groups that fit the features.
pub(super) fn check_disjoint(groups: &Groups, nfeatures: usize) -> Result<()> {
    if groups.is_overlapping() {
        return Err(Error::Unsupported {
            argument: "groups",
            reason: "they overlap; use LatentGroupLasso for overlapping groups",
        });
    }
    check_length("groups", nfeatures, groups.nfeatures())
}

impl Configure for GroupLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for GroupLasso {
    type Penalty = GroupL2;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GroupL2>> {
        check_disjoint(&self.groups, nfeatures)?;
        let (order, partition) = self.groups.flatten();
        let mut penalty = GroupL2::new(partition).nonnegative(self.nonnegative);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::new(penalty, order))
    }
}

impl LeastSquares for GroupLasso {}
