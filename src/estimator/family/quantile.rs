//! Quantiles of the responses in place of their mean.

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Quantile regression: η is where a share τ of the responses lies below. An observation costs `τr` for a residual
/// `r = y − η ≥ 0` and `(τ − 1)r` below (Koenker and Bassett 1978).
///
/// That has a kink at 0. What is minimised is a sequence of losses with the kink rounded
/// ([`SmoothedQuantile`](crate::loss::SmoothedQuantile)), until the certificate, which is that of the loss with the kink, is
/// good enough.
///
/// Errors of its own: τ outside of (0, 1).
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| (i / 10) as f64);
/// let y = Array1::from_shape_fn(200, |i| x[[i, 0]] + (i % 10) as f64); // 0 … 9 above x
/// let model = QuantileLasso::new(1e-4, 0.75).fit(&x, &y)?;
/// assert!((model.intercept() - 7.0).abs() < 0.2 && (model.coefficients()[0] - 1.0).abs() < 0.02);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    tau: f64,
}

impl Quantile {
    /// The quantile at τ ∈ (0, 1); the median for 0.5.
    pub fn new(tau: f64) -> Self {
        Self { tau }
    }
}

impl Family for Quantile {
    fn name(&self) -> &'static str {
        "quantile"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        Ok(data.separable(loss::Quantile::new(self.tau)?, data.task_major()))
    }
}
