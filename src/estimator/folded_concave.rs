//! Least squares with penalties that leave large coefficients alone: MCP and SCAD over features, groups and rows of W.
//!
//! The objective is not convex. What `fit` and `path` return is a **local** optimum: the certificate proves that it is
//! stationary ([`Certificate::kkt`](crate::problem::Certificate::kkt)), not that no other point is better. Which one it is
//! is fixed by the way there: λ falls from λ_max, where zero is stationary, and every fit starts from the one before. A path
//! does that over its grid, `fit` over λs in the ratio 0.8, and an answer may depend on the grid where there are several
//! optima. (Breheny and Huang 2011; Mazumder, Friedman and Hastie 2011)

use ndarray::{Ix1, Ix2};

use crate::error::Result;
use crate::estimator::group_lasso::check_disjoint;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, MultiTaskModel, Options};
use crate::partition::{Groups, Partition};
use crate::penalty::{Mcp, Scad};

/// What the estimators of one unit of sparsity have in common: rows of W (of one number, for one response) or groups.
macro_rules! estimator {
    ($(#[$doc:meta])* $name:ident, $penalty:ident, $response:ty, $model:ty $(, $groups:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            lambda: f64,
            gamma: f64,
            $($groups: Groups,)?
            weights: Option<Vec<f64>>,
            options: Options,
        }

        impl $name {
            /// The estimator at λ ≥ 0 with the concavity γ. A γ out of range is an error of `fit`.
            pub fn new(lambda: f64, gamma: f64 $(, $groups: Groups)?) -> Self {
                Self { lambda, gamma, $($groups,)? weights: None, options: Options::default() }
            }

            /// One penalty weight ω ∈ [0, ∞] per feature or group: its λ is λω. 0 is unpenalised, ∞ excluded.
            pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
                self.weights = Some(weights.into());
                self
            }
        }

        impl Configure for $name {
            fn options_mut(&mut self) -> &mut Options {
                &mut self.options
            }
        }

        impl Estimator for $name {
            type Penalty = $penalty;
            type Response = $response;
            type Model = $model;

            shared_parameters!();

            fn layout(&self, nfeatures: usize) -> Result<Layout<$penalty>> {
                let (order, partition) = estimator!(@order self, nfeatures $(, $groups)?);
                let mut penalty = $penalty::new(partition, self.gamma)?;
                if let Some(weights) = &self.weights {
                    penalty = penalty.with_weights(weights.clone())?;
                }
                Ok(Layout::new(penalty, order))
            }
        }

        impl LeastSquares for $name {}
    };
    (@order $self:ident, $nfeatures:ident) => {
        ((0..$nfeatures).collect(), Partition::singletons($nfeatures))
    };
    (@order $self:ident, $nfeatures:ident, $groups:ident) => {{
        check_disjoint(&$self.$groups, $nfeatures)?;
        $self.$groups.flatten()
    }};
}

estimator! {
    /// Least squares with the minimax concave penalty:
    /// `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + Σ_j ρ(|w_j|; λω_j)`, where the slope of `ρ(r; t)` falls from t at 0 to 0 at
    /// γt (Zhang 2010). Sparser than the lasso at the same error, and without its bias: a coefficient beyond γλ is not shrunk.
    ///
    /// γ > 1, in units in which columns have mean square 1 (`standardize(true)`); 3 is usual. If γ is larger than the inverse
    /// of the smallest eigenvalue of XᵀX/n, the objective is convex. **The answer is a local optimum**: its certificate proves that
    /// it is stationary (a KKT violation, relative to the largest gradient at zero), not that there is no better one. λ falls
    /// from λ_max to where it is wanted, each fit from the one before, so that an answer can depend on the grid.
    ///
    /// With a loss of several predictions per observation ([`Multinomial`](crate::estimator::Multinomial)) |w_j| is the norm
    /// of the feature's row.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let y = array![5.0, 7.0, 9.0, 11.0]; // 3 + 2 x₁
    /// let model = McpRegression::new(0.1, 3.0).fit(&x, &y)?;
    /// assert!((model.coefficients()[0] - 2.0).abs() < 1e-6); // the lasso has 1.92
    /// assert_eq!(model.support(), vec![0]);
    /// let certificate = model.certificate();
    /// assert!(!certificate.is_convex && certificate.gap.is_nan() && certificate.relative_error() <= 1e-6);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    McpRegression, Mcp, Ix1, LinearModel
}

estimator! {
    /// Least squares with the smoothly clipped absolute deviation:
    /// `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + Σ_j ρ(|w_j|; λω_j)`, where the slope of `ρ(r; t)` is t up to t and falls to 0 at
    /// γt (Fan and Li 2001). γ > 2; 3.7 is usual. **The answer is a local optimum**, found and certified as that of
    /// [`McpRegression`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let model = ScadRegression::new(0.1, 3.7).fit(&x, &array![5.0, 7.0, 9.0, 11.0])?;
    /// assert!((model.coefficients()[0] - 2.0).abs() < 1e-6);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ScadRegression, Scad, Ix1, LinearModel
}

estimator! {
    /// Least squares with the minimax concave penalty of groups:
    /// `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + Σ_g ρ(‖w_g‖₂; λω_g)`, `ω_g = √|g|`, ρ as in [`McpRegression`] (Huang, Breheny
    /// and Ma 2012): a group is in or out as a whole, and not shrunk if it is large. The columns of a group are not
    /// orthonormalised. **The answer is a local optimum.**
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.0, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.0, 0.1], [0.0, -1.0, -0.2]];
    /// let y = array![1.0, 1.0, -1.0, -1.0];
    /// let model = GroupMcp::new(0.1, 3.0, Groups::from_sizes(&[2, 1])?).fit(&x, &y)?;
    /// assert!((model.coefficients()[0] - 1.0).abs() < 1e-6 && model.coefficients()[2] == 0.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    GroupMcp, Mcp, Ix1, LinearModel, groups
}

estimator! {
    /// [`GroupMcp`] with ρ of [`ScadRegression`]. **The answer is a local optimum.**
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.0, 0.2], [0.0, 1.0, -0.1], [-1.0, 0.0, 0.1], [0.0, -1.0, -0.2]];
    /// let y = array![1.0, 1.0, -1.0, -1.0];
    /// let model = GroupScad::new(0.1, 3.7, Groups::from_sizes(&[2, 1])?).fit(&x, &y)?;
    /// assert!((model.coefficients()[0] - 1.0).abs() < 1e-6 && model.coefficients()[2] == 0.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    GroupScad, Scad, Ix1, LinearModel, groups
}

estimator! {
    /// Several responses with the minimax concave penalty of rows of W:
    /// `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + Σ_j ρ(‖W_j‖₂; λω_j)`, ρ as in [`McpRegression`]. **The answer is a local
    /// optimum.**
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let y = array![[2.0, -1.0], [4.0, -2.0], [6.0, -3.0], [8.0, -4.0]];
    /// let model = MultiTaskMcp::new(0.1, 3.0).fit(&x, &y)?;
    /// assert_eq!(model.support(), vec![0]);
    /// assert!((model.coefficients()[[0, 1]] + 1.0).abs() < 1e-6);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    MultiTaskMcp, Mcp, Ix2, MultiTaskModel
}

estimator! {
    /// [`MultiTaskMcp`] with ρ of [`ScadRegression`]. **The answer is a local optimum.**
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let y = array![[2.0, -1.0], [4.0, -2.0], [6.0, -3.0], [8.0, -4.0]];
    /// assert_eq!(MultiTaskScad::new(0.1, 3.7).fit(&x, &y)?.support(), vec![0]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    MultiTaskScad, Scad, Ix2, MultiTaskModel
}
