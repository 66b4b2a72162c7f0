//! Λ: how much each pair of variables is penalised.

use crate::error::{Error, Result, check_length};
use crate::estimator::GraphicalLasso;
use crate::estimator::graphical_lasso::covariance::Covariance;

/// Λ in the user's units. p² numbers only if the user gave as many.
#[derive(Debug)]
pub(super) struct Weights<'a> {
    size: usize,
    given: Option<&'a [f64]>,
    /// √S_ii where the penalty is to be as if every variable had unit variance.
    deviation: Option<Vec<f64>>,
}

impl<'a> Weights<'a> {
    /// Checks what the user gave.
    pub(super) fn of(estimator: &'a GraphicalLasso, covariance: &Covariance) -> Result<Self> {
        let p = covariance.size;
        let mut weights = Self { size: p, given: None, deviation: None };
        if let Some(given) = &estimator.weights {
            check_length("weights", p, given.nrows())?;
            check_length("weights columns", p, given.ncols())?;
            for ((i, j), &value) in given.indexed_iter() {
                if value.is_nan() || value < 0.0 {
                    let expected = "a number in [0, inf]";
                    return Err(Error::OutOfRange { argument: "weights", index: vec![i, j], value, expected });
                }
                if value != given[[j, i]] {
                    let difference = (value - given[[j, i]]).abs();
                    return Err(Error::NotSymmetric { argument: "weights", row: i, column: j, difference });
                }
            }
            // A symmetric matrix is the same by rows and by columns; the builder stores it in one piece.
            weights.given = given.as_slice_memory_order();
        }
        if estimator.correlation_scale {
            weights.deviation = Some((0..p).map(|i| covariance.values[i * p + i].sqrt()).collect());
        }
        Ok(weights)
    }

    /// Λ_ij.
    #[inline]
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        let weight = self.given.map_or(1.0, |given| given[j * self.size + i]);
        match &self.deviation {
            Some(d) if weight != 0.0 && weight != f64::INFINITY => weight * (d[i] * d[j]),
            _ => weight,
        }
    }
}
