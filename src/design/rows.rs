//! Rows of another design: chosen, repeated, in any order.

use std::ops::Range;

use super::input::check_rows;
use super::{Design, LinearOperator, by_columns, responses};
use crate::error::Result;

/// The design whose row i is row `rows[i]` of another one, without a copy.
///
/// What is asked of it is asked of all rows of the inner design, with zeros for those that are not among the chosen, so a
/// view of half the rows costs as much as the whole. It serves designs that have no rows of their own to give
/// ([`Design::select_rows`] returns `None`): cross-validation trains on it.
///
/// ```
/// use sparsereg::design::{Dense, LinearOperator, Rows};
/// let x = Dense::from_columns(vec![1.0, 2.0, 3.0], 3, 1)?;
/// let mut eta = [0.0; 2];
/// Rows::new(x, vec![2, 0])?.apply(&[10.0], &mut eta);
/// assert_eq!(eta, [30.0, 10.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rows<D> {
    inner: D,
    rows: Vec<usize>,
}

impl<D: Design> Rows<D> {
    /// The given rows of `inner`, repeats allowed.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) for a row that does not exist, [`Error::Empty`](crate::Error::Empty) for none.
    pub fn new(inner: D, rows: Vec<usize>) -> Result<Self> {
        check_rows(&rows, inner.nrows())?;
        Ok(Self { inner, rows })
    }

    /// `Sᵀr` for the matrix S that selects the rows: every value at the place of its row, those of repeated rows added.
    fn scatter(&self, r: &[f64]) -> Vec<f64> {
        let (n, m) = (self.inner.nrows(), self.rows.len());
        let mut all = vec![0.0; n * responses(r, m)];
        for (r, all) in r.chunks_exact(m).zip(all.chunks_exact_mut(n)) {
            self.rows.iter().zip(r).for_each(|(&i, v)| all[i] += v);
        }
        all
    }

    /// `out ← out + S all`.
    fn gather(&self, all: &[f64], out: &mut [f64]) {
        let (n, m) = (self.inner.nrows(), self.rows.len());
        for (out, all) in out.chunks_exact_mut(m).zip(all.chunks_exact(n)) {
            out.iter_mut().zip(&self.rows).for_each(|(o, &i)| *o += all[i]);
        }
    }
}

impl<D: Design> LinearOperator for Rows<D> {
    fn nrows(&self) -> usize {
        self.rows.len()
    }

    fn ncols(&self) -> usize {
        self.inner.ncols()
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let mut all = vec![0.0; self.inner.nrows() * responses(eta, self.rows.len())];
        self.inner.apply(w, &mut all);
        eta.fill(0.0);
        self.gather(&all, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.inner.transpose_apply(&self.scatter(r), out);
    }
}

impl<D: Design> Design for Rows<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.inner.dot(cols, &self.scatter(r), out);
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        self.inner.dot_scattered(cols, &self.scatter(r), out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let mut all = vec![0.0; self.inner.nrows() * responses(eta, self.rows.len())];
        self.inner.axpy(cols, delta, &mut all);
        self.gather(&all, eta);
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let mut all = vec![0.0; self.inner.nrows() * responses(eta, self.rows.len())];
        self.inner.axpy_scattered(cols, delta, &mut all);
        self.gather(&all, eta);
    }

    fn sq_norm(&self, col: usize) -> f64 {
        by_columns::sq_deviation(self, col, 0.0)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        let mut all = vec![0.0; self.inner.nrows()];
        self.inner.column(col, &mut all);
        out.iter_mut().zip(&self.rows).for_each(|(o, &i)| *o = all[i]);
    }

    /// Weights of all rows of the inner design say how often, and how much, each is meant.
    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        let (n, m) = (self.inner.nrows() as f64, self.rows.len() as f64);
        let ones = vec![n / m; if weights.is_none() { self.rows.len() } else { 0 }];
        let mut all = self.scatter(weights.unwrap_or(&ones));
        if weights.is_some() {
            all.iter_mut().for_each(|s| *s *= n / m);
        }
        let mut known = self.inner.means_and_deviations(Some(&all))?;
        known.iter_mut().for_each(|(_, deviation)| *deviation *= m / n);
        Some(known)
    }

    fn column_cost(&self) -> f64 {
        // the vector as long as all rows
        self.rows.len() as f64
    }

    fn prefers_gather(&self) -> bool {
        true
    }

    fn reads_columns(&self) -> bool {
        self.inner.reads_columns()
    }

    /// `X_Aᵀ Sᵀ S X_B`: weights that count the rows.
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        self.inner.weighted_gram(rows, cols, &self.scatter(&vec![1.0; self.rows.len()]), out);
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.inner.weighted_gram(cols, others, &self.scatter(h), out);
    }
}
