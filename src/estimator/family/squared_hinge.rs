//! Two classes by their margin.

use ndarray::Array2;

use crate::error::Result;
use crate::estimator::Scoring;
use crate::estimator::family::logistic::{by_sign, two_classes, zero_one};
use crate::estimator::family::{Family, Responses};
use crate::loss::{self, Loss};

/// Sparse support vector machine: `F(η) = 1/n Σ_i s_i max(0, 1 − y_i η_i)²/2`, y = 1 for the larger of two labels, −1 for the
/// other. Labels are read and given back as by [`Logistic`](crate::estimator::family::Logistic); there are no
/// probabilities. Errors of its own: one label, or a third one.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = SquaredHingeLasso::new(0.05).fit(&x, &array![3.0, 3.0, 8.0, 8.0])?;
/// assert_eq!(model.predict(&x)?, array![3.0, 3.0, 8.0, 8.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SquaredHinge;

impl Family for SquaredHinge {
    fn name(&self) -> &'static str {
        "squared hinge"
    }

    fn learn(&self, data: &Responses<'_>, _intercept: bool) -> Result<Vec<Vec<f64>>> {
        two_classes(data)
    }

    fn loss(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let sign = |code| if code == 0 { -1.0 } else { 1.0 };
        Ok(data.separable(loss::SquaredHinge, data.codes(classes)?.into_iter().map(sign).collect()))
    }

    fn observed(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Array2<f64>> {
        zero_one(data, classes)
    }

    fn predict(&self, eta: Array2<f64>, classes: &[Vec<f64>]) -> Array2<f64> {
        by_sign(eta, classes)
    }

    fn supports(&self, scoring: Scoring) -> bool {
        matches!(scoring, Scoring::Deviance | Scoring::Misclassification | Scoring::Auc)
    }
}
