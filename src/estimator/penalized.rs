//! Least squares with any separable penalty, the user's own included.

use ndarray::Ix2;

use crate::error::{Result, check_length};
use crate::estimator::{Configure, Estimator, Layout, MultiTaskModel, Options};
use crate::penalty::BlockPenalty;

/// `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λΩ(W)` for any [`BlockPenalty`] Ω over the features: what a penalty of your
/// own gets without a line more, with path, cross-validation and certificate.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{penalty::L1, prelude::*};
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let y = array![[2.0], [4.0], [6.0], [8.0]];
/// let model = Penalized::new(0.01, L1::new(2)).fit(&x, &y)?;
/// assert_eq!(model.support(), vec![0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Penalized<P> {
    lambda: f64,
    penalty: P,
    options: Options,
}

impl<P: BlockPenalty + Clone> Penalized<P> {
    /// The estimator at λ ≥ 0.
    pub fn new(lambda: f64, penalty: P) -> Self {
        Self { lambda, penalty, options: Options::default() }
    }
}

impl<P: BlockPenalty + Clone> Configure for Penalized<P> {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl<P: BlockPenalty + Clone> Estimator for Penalized<P> {
    type Penalty = P;
    type Response = Ix2;
    type Model = MultiTaskModel;

    fn options(&self) -> &Options {
        &self.options
    }

    fn lambda(&self) -> f64 {
        self.lambda
    }

    fn with_lambda(&self, lambda: f64) -> Self {
        Self { lambda, ..self.clone() }
    }

    fn layout(&self, nfeatures: usize) -> Result<Layout<P>> {
        check_length("penalty", nfeatures, self.penalty.partition().ncols())?;
        Ok(Layout::in_order(self.penalty.clone()))
    }
}
