//! The numeric rank.

use super::unit_columns;
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result, check_scalar};
use crate::linalg;

/// The numeric rank of a matrix and what it was judged by.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NumericRank {
    /// The number of singular values above the tolerance.
    pub rank: usize,
    /// All min(n, p) singular values, descending.
    pub singular_values: Vec<f64>,
    /// The absolute tolerance.
    pub tolerance: f64,
}

/// The number of singular values `σ_j > tolerance · σ_max`; `max(n, p) · ε` if no tolerance is given, with ε = 2⁻⁵².
///
/// The default finds what rounding in double precision leaves of a smaller rank. Data that went through `f32`, or that were
/// measured, need a larger tolerance: `1e-7 · max(n, p)`, or the size of the errors over σ_max. A gap in `singular_values`
/// says more than the rank. The matrix is taken as it is and copied, n·p numbers.
/// Source: Golub & Van Loan 2013, §5.4.1.
///
/// # Errors
/// Those of [`AsDesign::as_design`]; [`Error::OutOfRange`] for a tolerance outside [0, 1); [`Error::NotFinite`] for a
/// value in a user's own design.
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::numeric_rank;
/// let y = array![[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]];   // the third column is the sum of the others
/// assert_eq!(numeric_rank(&y, None)?.rank, 2);
/// assert_eq!(numeric_rank(&y, Some(0.5))?.rank, 1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn numeric_rank<X: AsDesign + ?Sized>(x: &X, tolerance: Option<f64>) -> Result<NumericRank> {
    let x = x.as_design()?;
    let (n, p) = (x.nrows(), x.ncols());
    let relative = default_tolerance(tolerance, n, p)?;
    let mut values = unit_columns::dense(&x, &vec![1.0; p]);
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::NotFinite { argument: "x", index: vec![at % n, at / n], value: values[at] });
    }
    // Squares inside the decomposition neither overflow nor vanish then. A power of 2 keeps every bit.
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let scale = if largest > 0.0 { largest.log2().floor().clamp(-1000.0, 1000.0).exp2() } else { 1.0 };
    values.iter_mut().for_each(|v| *v /= scale);
    let mut singular_values = singular_values(&values, n, p)?;
    singular_values.iter_mut().for_each(|v| *v *= scale);
    let tolerance = relative * singular_values[0];
    let rank = singular_values.iter().filter(|&&v| v > tolerance).count();
    Ok(NumericRank { rank, singular_values, tolerance })
}

/// A tolerance relative to σ_max.
fn default_tolerance(tolerance: Option<f64>, n: usize, p: usize) -> Result<f64> {
    let relative = tolerance.unwrap_or(n.max(p) as f64 * f64::EPSILON);
    check_scalar("tolerance", relative, 0.0, 1.0 - f64::EPSILON, "a number in [0, 1)")?;
    Ok(relative)
}

/// Singular values of a finite matrix, descending.
pub(super) fn singular_values(values: &[f64], n: usize, p: usize) -> Result<Vec<f64>> {
    linalg::singular_values(values, n, p)
        .map_err(|_| Error::IllPosed { reason: "the singular value decomposition did not converge".into() })
}

impl NumericRank {
    /// `σ_max / σ_min` over all min(n, p) singular values; infinite if the smallest is 0. A number near 1/ε only says
    /// that the matrix is singular to working precision.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::numeric_rank;
    /// assert_eq!(numeric_rank(&array![[4.0, 0.0], [0.0, 2.0]], None)?.condition_number(), 2.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn condition_number(&self) -> f64 {
        match (self.singular_values.first(), self.singular_values.last()) {
            (Some(largest), Some(smallest)) if *smallest > 0.0 => largest / smallest,
            _ => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::super::test_matrices::{random, vandermonde};
    use super::*;

    #[test]
    fn known_singular_values() {
        // [[1, 1], [0, 1]]: the golden ratio and its inverse.
        let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
        for scale in [1.0, 1e300, 1e-300] {
            let found = numeric_rank(&(array![[1.0, 1.0], [0.0, 1.0]] * scale), None).unwrap();
            assert!((found.singular_values[0] / scale - golden).abs() < 1e-14);
            assert!((found.singular_values[1] / scale - 1.0 / golden).abs() < 1e-14);
            assert!((found.condition_number() - golden * golden).abs() < 1e-13 && found.rank == 2);
        }
        let zero = numeric_rank(&Array2::<f64>::zeros((3, 2)), None).unwrap();
        assert_eq!((zero.rank, zero.condition_number()), (0, f64::INFINITY));
        assert_eq!(numeric_rank(&vandermonde(6, 10), None).unwrap().rank, 6);
    }

    #[test]
    fn small_singular_values_are_not_squared_away() {
        // 1e-12 is lost in XᵀX, where it becomes 1e-24.
        let x = array![[1.0, 1.0], [0.0, 1e-12]];
        let found = numeric_rank(&x, None).unwrap();
        assert!(found.rank == 2 && (found.singular_values[1] / (1e-12 / 2.0_f64.sqrt()) - 1.0).abs() < 1e-3);
        assert_eq!(numeric_rank(&x, Some(1e-11)).unwrap().rank, 1);
        for tolerance in [-1.0, 1.0, f64::NAN] {
            assert!(matches!(numeric_rank(&x, Some(tolerance)), Err(Error::OutOfRange { argument: "tolerance", .. })));
        }
    }

    proptest! {
        #[test]
        fn of_a_product_is_the_inner_dimension(
            seed in 0u64..1000, n in 1usize..20, p in 1usize..20, r in 1usize..20
        ) {
            let x = random(seed, n, r).dot(&random(seed + 1, r, p));
            prop_assert_eq!(numeric_rank(&x, Some(1e-10)).unwrap().rank, n.min(p).min(r));
            let values = numeric_rank(&x, None).unwrap().singular_values;
            let squares: f64 = values.iter().map(|v| v * v).sum();
            prop_assert!((squares - x.iter().map(|v| v * v).sum::<f64>()).abs() < 1e-11 * squares);
        }
    }
}
