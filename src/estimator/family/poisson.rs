//! Counts.

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Poisson regression: `F(η) = 1/n Σ_i s_i (e^{η_i} − y_i η_i)`, the mean is `e^η`. y ≥ 0 need not be integers; the
/// logarithm of the exposure is an [offset](crate::estimator::Configure::offset).
///
/// Errors of its own: y < 0, and responses that are all 0 with an intercept, which would be −∞.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = Lasso::new(0.01).loss(Poisson).fit(&x, &array![1.0, 2.0, 4.0, 8.0])?;
/// assert!((model.coefficients()[0] - 2f64.ln()).abs() < 0.05);
/// assert!((model.predict(&array![[4.0, 0.5]])?[0] - 16.0).abs() < 1.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Poisson;

impl Family for Poisson {
    fn name(&self) -> &'static str {
        "Poisson"
    }

    fn learn(&self, data: &Responses<'_>, intercept: bool) -> Result<Vec<Vec<f64>>> {
        data.check("a number >= 0", |y| y >= 0.0)?;
        for (t, column) in data.y.columns().into_iter().enumerate() {
            let zero = column.iter().enumerate().all(|(i, y)| *y == 0.0 || !data.counts(i));
            if intercept && zero {
                let index = if data.one_dimensional { vec![] } else { vec![t] };
                let expected = "responses that are not all 0: the best intercept is −∞";
                return Err(Error::OutOfRange { argument: "y", index, value: 0.0, expected });
            }
        }
        Ok(Vec::new())
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        data.check("a number >= 0", |y| y >= 0.0)?;
        Ok(data.separable(loss::Poisson, data.task_major()))
    }

    fn mean(&self, eta: Array2<f64>) -> Array2<f64> {
        eta.mapv_into(f64::exp)
    }
}
