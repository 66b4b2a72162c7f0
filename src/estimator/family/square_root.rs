//! Least squares whose λ does not depend on the noise.

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Square-root lasso: `F(η) = √(1/n Σ_i s_i (y_i − η_i)²)`, one root over all responses. The best λ does not depend on the size
/// of the noise: with standardised features about `√(2 log(p)/n)` (Belloni, Chernozhukov and Wang 2011). Where λ is so small
/// that the residual vanishes, the root has a kink, and what is minimised is a sequence of losses with the kink rounded; the
/// certificate stays that of the root.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((60, 8), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
/// let y = Array1::from_shape_fn(60, |i| 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + ((i * i * i) % 11) as f64);
/// let lasso = SquareRootLasso::new((2.0 * 8f64.ln() / 60.0).sqrt()).standardize(true);
/// let (model, tenfold) = (lasso.fit(&x, &y)?, lasso.fit(&x, &(10.0 * &y))?);
/// assert_eq!(model.support(), tenfold.support());
/// assert!((10.0 * model.coefficients()[1] - tenfold.coefficients()[1]).abs() < 1e-2);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SquareRoot;

impl Family for SquareRoot {
    fn name(&self) -> &'static str {
        "square root"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let mut loss = loss::SquareRoot::new(data.task_major(), data.y.nrows());
        if let Some(weights) = data.weights {
            loss = loss.with_weights(weights);
        }
        if let Some(offset) = data.offset {
            loss = loss.with_offset(offset.to_vec());
        }
        Ok(Box::new(loss))
    }
}
