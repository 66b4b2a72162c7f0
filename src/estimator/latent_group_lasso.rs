//! The latent (overlapping) group lasso.

use ndarray::Ix1;

use crate::error::{Result, check_length};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::partition::Groups;
use crate::penalty::GroupL2;

/// Latent group lasso: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ min { Σ_g ω_g‖v_g‖₂ : Σ_g v_g = w, supp v_g ⊆ g }`,
/// `ω_g = √|g|` (Jacob, Obozinski, Vert 2009). Groups may overlap; the support of w is a union of groups.
///
/// The solver sees the shared columns repeated; the coefficients come back as the sum of the copies, the copies are in
/// [`LinearModel::latent`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.5, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.2, 0.1], [0.5, -1.0, -0.2]];
/// let y = array![1.5, 1.0, -0.8, -0.5];
/// let groups = Groups::overlapping(&[vec![0, 1], vec![1, 2]], 3)?;
/// let model = LatentGroupLasso::new(0.05, groups).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0, 1]); // the first group, not a part of it
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LatentGroupLasso {
    lambda: f64,
    groups: Groups,
    pub(super) weights: Option<Vec<f64>>,
    options: Options,
}

impl LatentGroupLasso {
    /// A latent group lasso with penalty λ ≥ 0 over groups that may share features.
    pub fn new(lambda: f64, groups: Groups) -> Self {
        Self { lambda, groups, weights: None, options: Options::default() }
    }

    /// One penalty weight ω_g ∈ [0, ∞] per group in place of √|g|.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for LatentGroupLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for LatentGroupLasso {
    type Penalty = GroupL2;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GroupL2>> {
        check_length("groups", nfeatures, self.groups.nfeatures())?;
        let (order, partition) = self.groups.flatten();
        let mut penalty = GroupL2::new(partition);
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::new(penalty, order))
    }
}

impl LeastSquares for LatentGroupLasso {}
