//! Least squares with any separable penalty, the user's own included.

use std::marker::PhantomData;

use ndarray::{Ix1, Ix2};

use crate::error::{Result, check_length};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, MultiTaskModel, Options};
use crate::penalty::BlockPenalty;

/// `min 1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λΩ(W)` for any [`BlockPenalty`] Ω over the features: what a penalty of your
/// own gets without a line more, with path, cross-validation and certificate. One response as it stands, several after
/// [`multi_response`](Self::multi_response).
///
/// ```
/// use ndarray::array;
/// use sparsereg::{penalty::L1, prelude::*};
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let model = Penalized::new(0.01, L1::new(2)).fit(&x, &array![2.0, 4.0, 6.0, 8.0])?;
/// assert_eq!(model.support(), vec![0]);
/// let y = array![[2.0, 1.0], [4.0, 2.0], [6.0, 3.0], [8.0, 4.0]];
/// let model = Penalized::new(0.01, L1::new(2)).multi_response().fit(&x, &y)?;
/// assert_eq!(model.coefficients().dim(), (2, 2));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Penalized<P, M = LinearModel> {
    lambda: f64,
    penalty: P,
    options: Options,
    model: PhantomData<fn() -> M>,
}

impl<P: BlockPenalty + Clone> Penalized<P> {
    /// The estimator at λ ≥ 0 for one response.
    pub fn new(lambda: f64, penalty: P) -> Self {
        Self { lambda, penalty, options: Options::default(), model: PhantomData }
    }

    /// The estimator for several responses; a block of the penalty then holds its columns × all responses.
    pub fn multi_response(self) -> Penalized<P, MultiTaskModel> {
        Penalized { lambda: self.lambda, penalty: self.penalty, options: self.options, model: PhantomData }
    }
}

impl<P: BlockPenalty + Clone, M> Configure for Penalized<P, M> {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

macro_rules! estimator {
    ($model:ty, $response:ty) => {
        impl<P: BlockPenalty + Clone> Estimator for Penalized<P, $model> {
            type Penalty = P;
            type Response = $response;
            type Model = $model;

            shared_parameters!();

            fn layout(&self, nfeatures: usize) -> Result<Layout<P>> {
                check_length("penalty", nfeatures, self.penalty.partition().ncols())?;
                Ok(Layout::in_order(self.penalty.clone()))
            }
        }

        impl<P: BlockPenalty + Clone> LeastSquares for Penalized<P, $model> {}
    };
}

estimator!(LinearModel, Ix1);
estimator!(MultiTaskModel, Ix2);
