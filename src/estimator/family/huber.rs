//! Responses with outliers.

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Huber's robust regression: with the residual `r = y − η` an observation costs `r²/2` up to `│r│ = δ`, `δ│r│ − δ²/2`
/// beyond. δ is in the unit of y: 1.35 standard deviations of the noise lose 5 % of the efficiency if there are no outliers.
/// Error of its own: δ that is not a finite number > 0.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]];
/// let y = array![2.0, 4.0, 6.0, 100.0, 10.0, 12.0, 14.0, 16.0];
/// let model = HuberLasso::new(0.01, 0.5).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 0.1); // nearly as if there were no outlier
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// With δ > 0 in the unit of y.
    pub fn new(delta: f64) -> Self {
        Self { delta }
    }
}

impl Family for Huber {
    fn name(&self) -> &'static str {
        "Huber"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        Ok(data.separable(loss::Huber::new(self.delta)?, data.task_major()))
    }
}
