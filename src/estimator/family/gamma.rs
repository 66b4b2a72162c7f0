//! Positive responses whose spread is in proportion to their mean.

use ndarray::Array2;

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Gamma regression with the log link: `F(η) = 1/n Σ_i s_i (η_i + y_i e^{−η_i})`, the mean is `e^η`: responses whose standard
/// deviation is in proportion to their mean (times, costs). Error of its own: y ≤ 0.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = Lasso::new(0.01).loss(Gamma).fit(&x, &array![0.1, 0.2, 0.4, 0.8])?;
/// assert!((model.coefficients()[0] - 2f64.ln()).abs() < 0.05);
/// assert!((model.predict(&array![[4.0, 0.5]])?[0] - 1.6).abs() < 0.1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gamma;

impl Family for Gamma {
    fn name(&self) -> &'static str {
        "gamma"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        data.check("a number > 0", |y| y > 0.0)?;
        Ok(data.separable(loss::Gamma, data.task_major()))
    }

    fn mean(&self, eta: Array2<f64>) -> Array2<f64> {
        eta.mapv_into(f64::exp)
    }
}
