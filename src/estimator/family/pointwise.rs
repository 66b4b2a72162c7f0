//! A pointwise loss of the user's own.

use crate::error::Result;
use crate::estimator::family::{Family, Responses};
use crate::loss::{Loss, PointwiseLoss};

/// Any [`PointwiseLoss`] as a family: F is its weighted mean, η is what is predicted.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{estimator::family::Pointwise, loss::PointwiseLoss, prelude::*};
/// /// √(1 + r²) − 1
/// #[derive(Debug, Clone)]
/// struct PseudoHuber;
/// impl PointwiseLoss for PseudoHuber {
///     fn value(&self, y: f64, eta: f64) -> f64 { (y - eta).hypot(1.0) - 1.0 }
///     fn slope(&self, y: f64, eta: f64) -> f64 { (eta - y) / (y - eta).hypot(1.0) }
///     fn curvature(&self, y: f64, eta: f64) -> f64 { (y - eta).hypot(1.0).powi(-3) }
///     fn conjugate(&self, y: f64, u: f64) -> f64 {
///         if u.abs() <= 1.0 { u * y + 1.0 - (1.0 - u * u).sqrt() } else { f64::INFINITY }
///     }
///     fn smoothness(&self, _y: f64) -> f64 { 1.0 }
/// }
/// let x = array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]];
/// let y = array![2.0, 4.0, 6.0, 100.0, 10.0, 12.0, 14.0, 16.0];
/// let model = Lasso::new(0.01).loss(Pointwise(PseudoHuber)).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 0.1); // nearly as if there were no outlier
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pointwise<L>(
    /// ℓ.
    pub L,
);

impl<L: PointwiseLoss + Clone + std::fmt::Debug + Send + 'static> Family for Pointwise<L> {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        Ok(data.separable(self.0.clone(), data.task_major()))
    }
}
