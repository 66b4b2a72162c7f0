//! Known parts of the predictions.

use ndarray::{Array1, Array2, ArrayBase, Axis, Data, Ix1, Ix2};

use crate::error::{Error, Result, check_length};

/// Known parts of the predictions: one number per observation, for all its predictions, or a row with one for each. Made
/// `from` a `Vec`, a slice or an `ndarray` array or reference to one.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// // 14 cases in 7 years: two a year.
/// let (x, cases, years) = (array![[1.0], [0.0], [1.0]], array![2.0, 5.0, 7.0], array![1.0f64, 2.0, 4.0]);
/// let model = PoissonLasso::new(1.0).offset(years.ln()).fit(&x, &cases)?;
/// assert!(model.support().is_empty() && (model.intercept() - 2f64.ln()).abs() < 1e-9);
/// assert!((model.with_offset(vec![3f64.ln()]).predict(&array![[1.0]])?[0] - 6.0).abs() < 1e-9);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    values: Array2<f64>,
    one_dimensional: bool,
}

impl Offset {
    /// n·q numbers, response by response.
    pub(crate) fn task_major(&self, n: usize, q: usize) -> Result<Vec<f64>> {
        check_length("offset", n, self.values.nrows())?;
        if !self.one_dimensional {
            check_length("offset columns", q, self.values.ncols())?;
        }
        if let Some(((i, t), &value)) = self.values.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let index = if self.one_dimensional { vec![i] } else { vec![i, t] };
            return Err(Error::NotFinite { argument: "offset", index, value });
        }
        let repeats = if self.one_dimensional { q } else { 1 };
        Ok((0..repeats).flat_map(|_| self.values.t().into_iter().copied()).collect())
    }

    /// Those of some observations.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self { values: self.values.select(Axis(0), rows), one_dimensional: self.one_dimensional }
    }
}

impl From<Vec<f64>> for Offset {
    fn from(values: Vec<f64>) -> Self {
        Array1::from(values).into()
    }
}

impl From<&[f64]> for Offset {
    fn from(values: &[f64]) -> Self {
        values.to_vec().into()
    }
}

impl From<&Vec<f64>> for Offset {
    fn from(values: &Vec<f64>) -> Self {
        values.clone().into()
    }
}

impl<S: Data<Elem = f64>> From<&ArrayBase<S, Ix1>> for Offset {
    fn from(values: &ArrayBase<S, Ix1>) -> Self {
        Self { values: values.to_owned().insert_axis(Axis(1)), one_dimensional: true }
    }
}

impl<S: Data<Elem = f64>> From<ArrayBase<S, Ix1>> for Offset {
    fn from(values: ArrayBase<S, Ix1>) -> Self {
        Self { values: values.into_owned().insert_axis(Axis(1)), one_dimensional: true }
    }
}

impl<S: Data<Elem = f64>> From<&ArrayBase<S, Ix2>> for Offset {
    fn from(values: &ArrayBase<S, Ix2>) -> Self {
        Self { values: values.to_owned(), one_dimensional: false }
    }
}

impl<S: Data<Elem = f64>> From<ArrayBase<S, Ix2>> for Offset {
    fn from(values: ArrayBase<S, Ix2>) -> Self {
        Self { values: values.into_owned(), one_dimensional: false }
    }
}
