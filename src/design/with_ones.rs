//! A column of ones behind the others: the intercept where a loss does not let centring take its place.

use std::ops::Range;

use super::{Csc, Design, LinearOperator, responses};
use crate::kernels;

/// `[X 1]`: column p of `p + 1` is constant.
///
/// ```
/// use sparsereg::design::{Dense, LinearOperator, WithOnes};
/// let x = WithOnes::new(Dense::from_columns(vec![1.0, 2.0], 2, 1)?);
/// let mut eta = [0.0; 2];
/// x.apply(&[3.0, 10.0], &mut eta);
/// assert_eq!(eta, [13.0, 16.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithOnes<D> {
    inner: D,
}

impl<D: Design> WithOnes<D> {
    /// The columns of `inner`, and ones.
    pub fn new(inner: D) -> Self {
        Self { inner }
    }

    /// The part of a range of columns that is X's, and whether the ones are in it.
    fn split(&self, cols: &Range<usize>) -> (Range<usize>, bool) {
        let p = self.inner.ncols();
        (cols.start..cols.end.min(p), cols.end > p)
    }

    fn sums(&self, r: &[f64], out: &mut [f64]) {
        for (out, r) in out.iter_mut().zip(r.chunks_exact(self.nrows())) {
            *out = kernels::sum(r);
        }
    }

    fn add(&self, delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        for (eta, d) in eta.chunks_exact_mut(n).zip(delta).filter(|(_, d)| **d != 0.0) {
            eta.iter_mut().for_each(|e| *e += d);
        }
    }

    /// Calls `f` with X's own of these columns, in runs, and the place where each run starts; the ones with `ones`.
    fn runs<T>(&self, cols: &[usize], mut f: impl FnMut(&[usize], usize) -> T, mut ones: impl FnMut(usize)) {
        let p = self.inner.ncols();
        let mut start = 0;
        while start < cols.len() {
            let len = cols[start..].iter().position(|&j| j >= p).unwrap_or(cols.len() - start);
            if len > 0 {
                f(&cols[start..start + len], start);
                start += len;
            } else {
                ones(start);
                start += 1;
            }
        }
    }
}

impl<D: Design> LinearOperator for WithOnes<D> {
    fn nrows(&self) -> usize {
        self.inner.nrows()
    }

    fn ncols(&self) -> usize {
        self.inner.ncols() + 1
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let mut norms = self.inner.sq_norms()?;
        norms.push(self.nrows() as f64);
        Some(norms)
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        let (w, b) = w.split_at(self.inner.ncols() * q);
        self.inner.apply(w, eta);
        self.add(b, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        let (out, last) = out.split_at_mut(self.inner.ncols() * q);
        self.inner.transpose_apply(r, out);
        self.sums(r, last);
    }
}

impl<D: Design> Design for WithOnes<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let (own, ones) = self.split(&cols);
        let q = responses(r, self.nrows());
        let (out, last) = out.split_at_mut(own.len() * q);
        if !own.is_empty() {
            self.inner.dot(own, r, out);
        }
        if ones {
            self.sums(r, last);
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        let mut places = Vec::new();
        let inner = &self.inner;
        self.runs(
            cols,
            |own, at| inner.dot_scattered(own, r, &mut out[at * q..(at + own.len()) * q]),
            |at| places.push(at),
        );
        places.into_iter().for_each(|at| self.sums(r, &mut out[at * q..(at + 1) * q]));
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let (own, ones) = self.split(&cols);
        let q = responses(eta, self.nrows());
        let (delta, last) = delta.split_at(own.len() * q);
        if !own.is_empty() {
            self.inner.axpy(own, delta, eta);
        }
        if ones {
            self.add(last, eta);
        }
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        let mut places = Vec::new();
        let inner = &self.inner;
        self.runs(
            cols,
            |own, at| inner.axpy_scattered(own, &delta[at * q..(at + own.len()) * q], eta),
            |at| places.push(at),
        );
        places.into_iter().for_each(|at| self.add(&delta[at * q..(at + 1) * q], eta));
    }

    fn sq_norm(&self, col: usize) -> f64 {
        if col < self.inner.ncols() { self.inner.sq_norm(col) } else { self.nrows() as f64 }
    }

    fn column_sum(&self, col: usize) -> f64 {
        if col < self.inner.ncols() { self.inner.column_sum(col) } else { self.nrows() as f64 }
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        if col < self.inner.ncols() {
            return self.inner.centred_sq_norm(col, centre);
        }
        self.nrows() as f64 * (1.0 - centre) * (1.0 - centre)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        if col < self.inner.ncols() { self.inner.column(col, out) } else { out.fill(1.0) }
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

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        let p = self.inner.ncols();
        let own: Vec<usize> = cols.iter().copied().filter(|&j| j < p).collect();
        let mut part = self.inner.scaled_columns(&own, d)?;
        (0..cols.len()).filter(|&k| cols[k] >= p).for_each(|k| part.insert_dense(k, d));
        Some(part)
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        let p = self.inner.ncols();
        if cols.iter().chain(others).all(|&j| j < p) {
            return self.inner.weighted_gram(cols, others, h, out);
        }
        let own = |index: &[usize]| -> Vec<usize> { index.iter().copied().filter(|&j| j < p).collect() };
        let (left, right) = (own(cols), own(others));
        let mut products = vec![0.0; left.len() * right.len()];
        self.inner.weighted_gram(&left, &right, h, &mut products);
        let with_ones = |index: &[usize]| {
            let mut sums = vec![0.0; index.len()];
            self.inner.dot_scattered(index, h, &mut sums);
            sums
        };
        let (left_sums, right_sums) = (with_ones(&left), with_ones(&right));
        let (total, m) = (kernels::sum(h), cols.len());
        let mut c = 0;
        for (out, &b) in out.chunks_exact_mut(m.max(1)).zip(others) {
            let mut r = 0;
            for (out, &a) in out.iter_mut().zip(cols) {
                *out = match (a < p, b < p) {
                    (true, true) => products[c * left.len() + r],
                    (true, false) => left_sums[r],
                    (false, true) => right_sums[c],
                    (false, false) => total,
                };
                r += usize::from(a < p);
            }
            c += usize::from(b < p);
        }
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let m = rows.len();
        let mut copied = true;
        let mut places = Vec::new();
        let inner = &self.inner;
        self.runs(
            cols,
            |own, at| copied &= inner.copy_block(rows.clone(), own, &mut out[at * m..(at + own.len()) * m]),
            |at| places.push(at),
        );
        if copied {
            places.into_iter().for_each(|at| out[at * m..(at + 1) * m].fill(1.0));
        }
        copied
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        Some(Box::new(WithOnes { inner: self.inner.select_rows(rows)? }))
    }
}
