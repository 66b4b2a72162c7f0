//! The lasso with bounds.

use ndarray::Ix1;

use crate::error::{Error, Result};
use crate::estimator::{Configure, Estimator, Fitted, Layout, LeastSquares, LinearModel, Options};
use crate::penalty::BoxL1;

/// Lasso with bounds: `min 1/(2n) Σ_i s_i (y_i − x_iᵀw − b)² + λ Σ_j ω_j |w_j|` with `low_j ≤ w_j ≤ high_j`, where
/// `low_j ≤ 0 ≤ high_j`. At λ = 0 it is least squares with bounds.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
/// let y = array![3.0, -2.0, -3.0, 2.0];
/// let model = BoxLasso::new(0.1).bounds(0.0, 2.0).fit(&x, &y)?;
/// assert_eq!(model.coefficients().to_vec(), [2.0, 0.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` rejects a lower bound that is not `≤ 0`, an upper one that is not `≥ 0` (naming the index), bounds of another length,
/// and bounds other than 0 and ±∞ together with `standardize(true)`, which changes the unit in which they are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxLasso {
    lambda: f64,
    low: Bound,
    high: Bound,
    weights: Option<Vec<f64>>,
    options: Options,
}

#[derive(Debug, Clone, PartialEq)]
enum Bound {
    All(f64),
    Each(Vec<f64>),
}

impl Bound {
    fn values(&self, nfeatures: usize) -> Vec<f64> {
        match self {
            Self::All(bound) => vec![*bound; nfeatures],
            Self::Each(bounds) => bounds.clone(),
        }
    }
}

impl BoxLasso {
    /// A lasso with penalty λ ≥ 0 and no bounds yet.
    pub fn new(lambda: f64) -> Self {
        let (low, high) = (Bound::All(f64::NEG_INFINITY), Bound::All(f64::INFINITY));
        Self { lambda, low, high, weights: None, options: Options::default() }
    }

    /// The same bounds for all coefficients.
    pub fn bounds(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (Bound::All(low), Bound::All(high));
        self
    }

    /// Bounds for each coefficient; infinite ones are none.
    pub fn bounds_each(mut self, low: impl Into<Vec<f64>>, high: impl Into<Vec<f64>>) -> Self {
        (self.low, self.high) = (Bound::Each(low.into()), Bound::Each(high.into()));
        self
    }

    /// One penalty weight ω_j ∈ [0, ∞] per feature.
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

impl Default for BoxLasso {
    fn default() -> Self {
        Self::new(0.0)
    }
}

impl Configure for BoxLasso {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

impl Estimator for BoxLasso {
    type Penalty = BoxL1;
    type Response = Ix1;
    type Model = LinearModel;

    shared_parameters!();

    fn layout(&self, nfeatures: usize) -> Result<Layout<BoxL1>> {
        let (low, high) = (self.low.values(nfeatures), self.high.values(nfeatures));
        crate::error::check_length("lower bounds", nfeatures, low.len())?;
        if self.options.standardize && low.iter().chain(&high).any(|b| *b != 0.0 && b.is_finite()) {
            let reason =
                "standardized columns have another unit: scale the columns yourself, or use bounds of 0 and ±inf";
            return Err(Error::Unsupported { argument: "bounds", reason });
        }
        let mut penalty = BoxL1::new(low, high)?;
        if let Some(weights) = &self.weights {
            penalty = penalty.with_weights(weights.clone())?;
        }
        Ok(Layout::in_order(penalty))
    }
}

impl LeastSquares for BoxLasso {}
