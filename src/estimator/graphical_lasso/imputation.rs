//! What a graph says about values that are missing.

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result, check_length};
use crate::estimator::PrecisionModel;
use crate::linalg::Cholesky;

impl PrecisionModel {
    /// Fills the missing values (NaN) of samples (m×p) with their means given the others,
    /// `x_M = μ_M − Θ_MM⁻¹ Θ_MO (x_O − μ_O)` for the missing M and the observed O of a row.
    ///
    /// # Errors
    /// A wrong number of columns, no rows, values that are infinite.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.6], [0.6, 1.0]];
    /// let model = GraphicalLasso::new(0.0).fit_covariance(&s)?;
    /// let filled = model.impute(&array![[2.0, f64::NAN]])?;
    /// assert!((filled[[0, 1]] - 1.2).abs() < 1e-9); // the regression coefficient is 0.6
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn impute<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<Array2<f64>> {
        let (theta, mean) = (self.precision(), self.mean());
        let p = theta.ncols();
        check_length("samples columns", p, samples.ncols())?;
        if samples.nrows() == 0 {
            return Err(Error::Empty { argument: "samples" });
        }
        if let Some(((i, j), &value)) = samples.indexed_iter().find(|(_, v)| v.is_infinite()) {
            return Err(Error::NotFinite { argument: "samples", index: vec![i, j], value });
        }
        let mut out = samples.to_owned();
        for mut row in out.rows_mut() {
            let missing: Vec<usize> = (0..p).filter(|&j| row[j].is_nan()).collect();
            if missing.is_empty() {
                continue;
            }
            let observed: Vec<(usize, f64)> =
                (0..p).filter(|&j| !row[j].is_nan()).map(|j| (j, row[j] - mean[j])).collect();
            let mut shift: Vec<f64> =
                missing.iter().map(|&i| -observed.iter().map(|&(j, d)| theta[[i, j]] * d).sum::<f64>()).collect();
            let block: Vec<f64> = missing.iter().flat_map(|&j| missing.iter().map(move |&i| theta[[i, j]])).collect();
            let factor = Cholesky::factor(&block, missing.len())
                .map_err(|_| Error::IllPosed { reason: "the precision matrix is numerically singular".into() })?;
            factor.solve_in_place(&mut shift);
            missing.iter().zip(shift).for_each(|(&j, d)| row[j] = mean[j] + d);
        }
        Ok(out)
    }
}
