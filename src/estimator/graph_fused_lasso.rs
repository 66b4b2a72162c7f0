//! The fused lasso over a graph.

use ndarray::Ix1;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::penalty::GraphFused;

/// Fused lasso over a graph: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ (τ‖w‖₁ + (1−τ) Σ_{(i,j)} ω_ij |w_i − w_j|)`: features that are
/// neighbours in a graph (pixels, places, genes of a pathway) get the same coefficient, piece by piece.
///
/// A chain is [`FusedLasso`](crate::estimator::FusedLasso), which is faster.
///
/// ```
/// use ndarray::{Array2, array};
/// use sparsereg::prelude::*;
/// let signal = array![1.1, 0.9, 1.0, 3.2, 2.9, 3.0];
/// let edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)];
/// let denoise = GraphFusedLasso::new(0.2 / 6.0, 0.0, edges).intercept(false);
/// let model = denoise.fit(&Array2::<f64>::eye(6), &signal)?;
/// assert_eq!(model.coefficients()[0], model.coefficients()[2]);
/// assert_eq!(model.coefficients()[3], model.coefficients()[5]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` rejects a τ outside [0, 1], edges of features that do not exist or from a feature to itself (naming the edge), and edge
/// weights that are negative, not finite, or not as many as there are edges.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphFusedLasso {
    lambda: f64,
    tau: f64,
    edges: Vec<(usize, usize)>,
    weights: Option<Vec<f64>>,
    options: Options,
}

impl GraphFusedLasso {
    /// A fused lasso with penalty λ ≥ 0, the share τ ∈ [0, 1] of the ℓ1 norm and the edges between features.
    pub fn new(lambda: f64, tau: f64, edges: impl Into<Vec<(usize, usize)>>) -> Self {
        Self { lambda, tau, edges: edges.into(), weights: None, options: Options::default() }
    }

    /// One weight ω ∈ [0, ∞) for each edge.
    pub fn edge_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Configure for GraphFusedLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for GraphFusedLasso {
    type Penalty = GraphFused;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<GraphFused>> {
        let mut penalty = GraphFused::new(nfeatures, &self.edges, self.tau)?;
        if let Some(weights) = &self.weights {
            penalty = penalty.with_edge_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for GraphFusedLasso {}
