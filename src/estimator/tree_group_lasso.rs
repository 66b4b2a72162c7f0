//! The group lasso over a tree of groups.

use ndarray::Ix1;

use crate::error::{Result, check_length};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::partition::Groups;
use crate::penalty::TreeGroup;

/// Tree-structured group lasso: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_g ω_g ‖w_g‖₂`, `ω_g = √|g|`, over groups of which
/// any two are nested or disjoint (Zhao, Rocha and Yu 2009; Jenatton, Mairal, Obozinski and Bach 2011): a feature enters after
/// the groups that hold it. Groups of one feature under groups of several are the sparse group lasso.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{Error, prelude::*};
/// let x = array![[1.0, 0.0, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.1, 0.1], [0.0, -1.0, -0.2]];
/// let y = array![1.0, 0.1, -1.0, 0.0];
/// let tree = Groups::overlapping(&[vec![0, 1, 2], vec![1, 2], vec![2]], 3)?;
/// let model = TreeGroupLasso::new(0.05, tree).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0]);
/// let crossing = Groups::overlapping(&[vec![0, 1], vec![1, 2]], 3)?;
/// assert!(matches!(TreeGroupLasso::new(0.05, crossing).fit(&x, &y), Err(Error::NotNested { first: 0, second: 1, .. })));
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` rejects two groups that share a feature while neither holds the other
/// ([`Error::NotNested`](crate::Error::NotNested)).
#[derive(Debug, Clone, PartialEq)]
pub struct TreeGroupLasso {
    lambda: f64,
    groups: Groups,
    weights: Option<Vec<f64>>,
    options: Options,
}

impl TreeGroupLasso {
    /// A tree-structured group lasso with penalty λ ≥ 0; the groups are those of [`Groups::overlapping`].
    pub fn new(lambda: f64, groups: Groups) -> Self {
        Self { lambda, groups, weights: None, options: Options::default() }
    }

    /// One penalty weight ω_g ∈ [0, ∞] per group in place of √|g|; a group of weight 0 is none.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for TreeGroupLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for TreeGroupLasso {
    type Penalty = TreeGroup;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<TreeGroup>> {
        check_length("groups", nfeatures, self.groups.nfeatures())?;
        let tree = TreeGroup::new(self.groups.clone());
        let penalty = match &self.weights {
            Some(weights) => tree.with_weights(weights.clone())?,
            None => tree.check()?,
        };
        let order = penalty.order().to_vec();
        Ok(Layout::new(penalty, order))
    }
}

impl LeastSquares for TreeGroupLasso {}
