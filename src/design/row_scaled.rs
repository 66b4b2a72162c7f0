//! Weighted rows.

use std::ops::Range;

use super::{Csc, Design, LinearOperator, responses};
use crate::error::{Result, check_finite, check_length};

/// `diag(d) X`, with `d = √s` for sample weights s, over any design.
///
/// Every verb needs a scratch vector as long as its residuals, so dense and [`Csc`](super::Csc) data are better copied
/// ([`Csc::scale_rows`](super::Csc::scale_rows)); this serves designs that cannot be.
///
/// ```
/// use sparsereg::design::{Dense, LinearOperator, RowScaled};
/// let x = Dense::from_columns(vec![1.0, 1.0], 2, 1)?;
/// let mut eta = [0.0; 2];
/// RowScaled::new(x, vec![1.0, 3.0])?.apply(&[2.0], &mut eta);
/// assert_eq!(eta, [2.0, 6.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowScaled<D> {
    inner: D,
    d: Vec<f64>,
}

impl<D: Design> RowScaled<D> {
    /// The rows of `inner` times the n factors `d`.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length), [`Error::NotFinite`](crate::Error::NotFinite).
    ///
    /// ```
    /// use sparsereg::design::{Dense, RowScaled};
    /// let x = Dense::from_columns(vec![1.0, 1.0], 2, 1)?;
    /// assert!(RowScaled::new(x, vec![1.0]).is_err());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new(inner: D, d: Vec<f64>) -> Result<Self> {
        check_length("d", inner.nrows(), d.len())?;
        check_finite("d", &d)?;
        Ok(Self { inner, d })
    }

    /// `r_t ← d ∘ r_t` for all responses.
    fn scale(&self, r: &mut [f64]) {
        for r in r.chunks_exact_mut(self.d.len()) {
            r.iter_mut().zip(&self.d).for_each(|(r, d)| *r *= d);
        }
    }

    fn scaled(&self, r: &[f64]) -> Vec<f64> {
        let mut scaled = r.to_vec();
        self.scale(&mut scaled);
        scaled
    }

    fn scaled_column(&self, col: usize) -> Vec<f64> {
        let mut x = vec![0.0; self.nrows()];
        self.column(col, &mut x);
        x
    }
}

impl<D: Design> LinearOperator for RowScaled<D> {
    fn nrows(&self) -> usize {
        self.inner.nrows()
    }

    fn ncols(&self) -> usize {
        self.inner.ncols()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some((0..self.ncols()).map(|j| self.sq_norm(j)).collect())
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        self.inner.apply(w, eta);
        self.scale(eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.inner.transpose_apply(&self.scaled(r), out);
    }
}

impl<D: Design> Design for RowScaled<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.inner.dot(cols, &self.scaled(r), out);
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        self.inner.dot_scattered(cols, &self.scaled(r), out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        if responses(eta, n) == 0 {
            return;
        }
        let mut change = vec![0.0; eta.len()];
        self.inner.axpy(cols, delta, &mut change);
        for (eta, change) in eta.chunks_exact_mut(n).zip(change.chunks_exact(n)) {
            eta.iter_mut().zip(change).zip(&self.d).for_each(|((e, c), d)| *e += d * c);
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        crate::kernels::sq_deviation(&self.scaled_column(col), 0.0)
    }

    fn column_sum(&self, col: usize) -> f64 {
        let mut sum = [0.0];
        self.inner.dot(col..col + 1, &self.d, &mut sum);
        sum[0]
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        self.inner.column(col, out);
        self.scale(out);
    }

    fn column_cost(&self) -> f64 {
        // the scratch vector is a pass over all n rows
        self.nrows() as f64
    }

    fn prefers_gather(&self) -> bool {
        true
    }

    fn reads_columns(&self) -> bool {
        self.inner.reads_columns()
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        let d: Vec<f64> = d.iter().zip(&self.d).map(|(a, b)| a * b).collect();
        self.inner.scaled_columns(cols, &d)
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        let h: Vec<f64> = h.iter().zip(&self.d).map(|(h, d)| h * d * d).collect();
        self.inner.weighted_gram(cols, others, &h, out);
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let d = &self.d[rows.clone()];
        let copied = self.inner.copy_block(rows, cols, out);
        if copied {
            for out in out.chunks_exact_mut(d.len().max(1)) {
                out.iter_mut().zip(d).for_each(|(v, d)| *v *= d);
            }
        }
        copied
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let inner = self.inner.select_rows(rows)?;
        Some(Box::new(RowScaled { inner, d: rows.iter().map(|&i| self.d[i]).collect() }))
    }
}
