//! Several responses, coefficients of a low rank.

use ndarray::Ix2;

use crate::error::Result;
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, MultiTaskModel, Options};
use crate::penalty::TraceNorm;

/// Regression with the trace (nuclear) norm: `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λ Σ_k σ_k(W)`, σ_k the singular values
/// (Yuan, Ekici, Lu and Monteiro 2007): the responses depend on few combinations of the features. `lambda_max` is the largest
/// singular value of the gradient at zero.
///
/// ```
/// use ndarray::{Array2, array};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((20, 3), |(i, j)| ((i * i * (j + 2) + 3 * i * j) % 11) as f64);
/// let w = array![[1.0, 2.0, 0.5], [-1.0, -2.0, -0.5], [0.5, 1.0, 0.25]]; // of rank 1
/// let model = TraceNormRegression::new(0.1).fit(&x, &x.dot(&w))?;
/// let found = model.coefficients();
/// let minor = found[[0, 0]] * found[[1, 1]] - found[[0, 1]] * found[[1, 0]];
/// assert!(minor.abs() < 1e-3 && (found[[0, 1]] - 2.0).abs() < 0.1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceNormRegression {
    lambda: f64,
    options: Options,
}

impl TraceNormRegression {
    /// The estimator with penalty λ ≥ 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }
}

impl Configure for TraceNormRegression {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for TraceNormRegression {
    type Penalty = TraceNorm;
    type Response = Ix2;
    type Model = MultiTaskModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<TraceNorm>> {
        Ok(Layout::in_order(TraceNorm::new(nfeatures)))
    }
}

impl LeastSquares for TraceNormRegression {}
