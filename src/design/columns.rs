//! Columns of another design: permuted, repeated, restricted.

use std::ops::Range;

use super::{Csc, Design, LinearOperator, responses};
use crate::error::{Error, Result};
use crate::parallel::for_each_chunk;

/// The design whose column j is column `map[j]` of another one.
///
/// A permutation makes scattered groups contiguous, repeated columns give overlapping groups copies of their own, and a
/// short map is a working set. Runs of neighbours (`7, 8, 9`) reach the inner design as one range, so that blocks keep its
/// fast kernels.
///
/// ```
/// use sparsereg::design::{Columns, Dense, LinearOperator};
/// let x = Dense::from_columns(vec![1.0, 2.0, 3.0], 1, 3)?;
/// let mut out = [0.0; 4];
/// Columns::new(x, vec![2, 0, 1, 0])?.transpose_apply(&[1.0], &mut out);
/// assert_eq!(out, [3.0, 1.0, 2.0, 1.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Columns<D> {
    inner: D,
    map: Vec<usize>,
    /// `run_end[j]`: where the run of neighbours that holds j ends.
    run_end: Vec<usize>,
}

impl<D: Design> Columns<D> {
    /// The columns `map` of `inner`.
    ///
    /// # Errors
    /// [`Error::Index`] for a column that does not exist.
    ///
    /// ```
    /// use sparsereg::{Error, design::{Columns, Dense}};
    /// let x = Dense::from_columns(vec![1.0, 2.0], 1, 2)?;
    /// assert!(matches!(Columns::new(x, vec![0, 2]), Err(Error::Index { position: 1, index: 2, len: 2, .. })));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new(inner: D, map: Vec<usize>) -> Result<Self> {
        let len = inner.ncols();
        if let Some(position) = map.iter().position(|&j| j >= len) {
            return Err(Error::Index { argument: "map", position, index: map[position], len });
        }
        let mut run_end: Vec<usize> = (1..=map.len()).collect();
        for j in (1..map.len()).rev() {
            if map[j] == map[j - 1] + 1 {
                run_end[j - 1] = run_end[j];
            }
        }
        Ok(Self { inner, map, run_end })
    }

    /// The design underneath.
    ///
    /// ```
    /// # use sparsereg::design::{Columns, Dense, LinearOperator};
    /// let x = Columns::new(Dense::from_columns(vec![1.0, 2.0], 1, 2)?, vec![1])?;
    /// assert_eq!((x.inner().ncols(), x.ncols()), (2, 1));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The columns of the inner design, in the order of this one.
    ///
    /// ```
    /// # use sparsereg::design::{Columns, Dense};
    /// let x = Columns::new(Dense::from_columns(vec![1.0, 2.0], 1, 2)?, vec![1])?;
    /// assert_eq!(x.map(), [1]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn map(&self) -> &[usize] {
        &self.map
    }

    /// Coefficients of the inner design: `w_full[map[j]] ← Σ w_view[j]` over all copies j, 0 where there is none.
    /// Both feature-major; q is `w_full.len()` over the number of inner columns.
    ///
    /// ```
    /// # use sparsereg::design::{Columns, Dense};
    /// let x = Columns::new(Dense::from_columns(vec![1.0, 2.0, 3.0], 1, 3)?, vec![2, 0, 2])?;
    /// let mut full = [0.0; 3];
    /// x.scatter_add(&[1.0, 10.0, 100.0], &mut full);
    /// assert_eq!(full, [10.0, 0.0, 101.0]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn scatter_add(&self, w_view: &[f64], w_full: &mut [f64]) {
        let q = responses(w_full, self.inner.ncols());
        w_full.fill(0.0);
        for (&j, w) in self.map.iter().zip(w_view.chunks_exact(q.max(1))) {
            w_full[j * q..(j + 1) * q].iter_mut().zip(w).for_each(|(full, w)| *full += w);
        }
    }

    /// Calls `f` with each run of neighbours in `cols`: the columns of the inner design, and their place after `cols.start`.
    fn runs(&self, cols: Range<usize>, mut f: impl FnMut(Range<usize>, Range<usize>)) {
        let mut from = cols.start;
        while from < cols.end {
            let to = self.run_end[from].min(cols.end);
            f(self.map[from]..self.map[from] + (to - from), from - cols.start..to - cols.start);
            from = to;
        }
    }
}

impl<D: Design> LinearOperator for Columns<D> {
    fn nrows(&self) -> usize {
        self.inner.nrows()
    }

    fn ncols(&self) -> usize {
        self.map.len()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some((0..self.ncols()).map(|j| self.sq_norm(j)).collect())
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        let mut full = vec![0.0; self.inner.ncols() * q];
        self.scatter_add(w, &mut full);
        self.inner.apply(&full, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        // Single columns of row-major storage cost several times their share of a pass, a run of neighbours does not.
        let share = if self.inner.prefers_gather() { 16 } else { 2 };
        if self.map.len() >= self.inner.ncols() / share {
            let mut full = vec![0.0; self.inner.ncols() * q];
            self.inner.transpose_apply(r, &mut full);
            for (&j, out) in self.map.iter().zip(out.chunks_exact_mut(q.max(1))) {
                out.copy_from_slice(&full[j * q..(j + 1) * q]);
            }
            return;
        }
        let bytes = (self.column_cost() * 8.0) as usize * self.map.len();
        for_each_chunk(out, 64 * q, bytes, |k, out| self.dot(k * 64..k * 64 + out.len() / q, r, out));
    }
}

impl<D: Design> Design for Columns<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        self.runs(cols, |run, at| self.inner.dot(run, r, &mut out[at.start * q..at.end * q]));
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        self.runs(cols, |run, at| self.inner.axpy(run, &delta[at.start * q..at.end * q], eta));
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let cols: Vec<usize> = cols.iter().map(|&j| self.map[j]).collect();
        self.inner.dot_scattered(&cols, r, out);
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let cols: Vec<usize> = cols.iter().map(|&j| self.map[j]).collect();
        self.inner.axpy_scattered(&cols, delta, eta);
    }

    fn sq_norm(&self, col: usize) -> f64 {
        self.inner.sq_norm(self.map[col])
    }

    fn column_sum(&self, col: usize) -> f64 {
        self.inner.column_sum(self.map[col])
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        self.inner.centred_sq_norm(self.map[col], centre)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        self.inner.column(self.map[col], out);
    }

    fn column_cost(&self) -> f64 {
        self.inner.column_cost()
    }

    fn prefers_gather(&self) -> bool {
        self.inner.prefers_gather()
    }

    fn reads_columns(&self) -> bool {
        self.inner.reads_columns()
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let cols: Vec<usize> = cols.iter().map(|&j| self.map[j]).collect();
        self.inner.copy_block(rows, &cols, out)
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let inner = |index: &[usize]| -> Vec<usize> { index.iter().map(|&j| self.map[j]).collect() };
        self.inner.cross_gram(&inner(rows), &inner(cols), out);
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        let inner: Vec<usize> = cols.iter().map(|&j| self.map[j]).collect();
        self.inner.scaled_columns(&inner, d)
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        let inner = |index: &[usize]| -> Vec<usize> { index.iter().map(|&j| self.map[j]).collect() };
        self.inner.weighted_gram(&inner(cols), &inner(others), h, out);
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let inner = self.inner.select_rows(rows)?;
        Some(Box::new(Columns { inner, map: self.map.clone(), run_end: self.run_end.clone() }))
    }
}
