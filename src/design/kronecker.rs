//! Several responses as one.

use std::ops::Range;

use super::{Design, LinearOperator, responses};
use crate::error::{Error, Result};

/// `I_m ⊗ X` or `X ⊗ I_m`, for X n × p a design of m·n rows and m·p columns: the regression of m responses on the same X
/// as one of a single response, so that penalties and weights can tell apart what belongs to which response.
///
/// * `I_m ⊗ X` ([`blocks`](Self::blocks)) has X m times on its diagonal: row i of response t is row t·n + i, column j
///   is column t·p + j. That is `vec(XW)` for responses one after the other.
/// * `X ⊗ I_m` ([`interleaved`](Self::interleaved)): row i·m + t and column j·m + t. The coefficients of a feature stand
///   together, as groups across responses want them.
///
/// To a fit it is one response: an intercept is one for all of them, and standardising counts the zeros of the others. Centre
/// X and the responses first and turn the intercept off to get what a fit of m responses gives.
///
/// Nothing is repeated: a pass is one pass over X with m times as many right-hand sides.
///
/// ```
/// use ndarray::array;
/// use sparsereg::design::{AsDesign, Kronecker, LinearOperator};
/// let x = array![[1.0, 2.0]];
/// let two = Kronecker::blocks(x.as_design()?, 2)?;
/// let mut eta = [0.0; 2];
/// two.apply(&[1.0, 1.0, 10.0, 10.0], &mut eta);
/// assert_eq!(eta, [3.0, 30.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kronecker<D> {
    inner: D,
    m: usize,
    interleaved: bool,
}

impl<D: Design> Kronecker<D> {
    /// `I_m ⊗ X`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for m = 0, and for one with which rows or columns cannot be counted.
    pub fn blocks(inner: D, m: usize) -> Result<Self> {
        Self::new(inner, m, false)
    }

    /// `X ⊗ I_m`.
    ///
    /// # Errors
    /// As [`blocks`](Self::blocks).
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, Kronecker, LinearOperator};
    /// let x = array![[1.0, 2.0]];
    /// let mut eta = [0.0; 2];
    /// Kronecker::interleaved(x.as_design()?, 2)?.apply(&[1.0, 10.0, 1.0, 10.0], &mut eta);
    /// assert_eq!(eta, [3.0, 30.0]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn interleaved(inner: D, m: usize) -> Result<Self> {
        Self::new(inner, m, true)
    }

    fn new(inner: D, m: usize, interleaved: bool) -> Result<Self> {
        if m == 0 {
            return Err(Error::OutOfRange { argument: "m", index: vec![], value: 0.0, expected: "1, 2, …" });
        }
        if m.checked_mul(inner.nrows().max(inner.ncols())).is_none() {
            let expected = "so few that rows and columns can be counted";
            return Err(Error::OutOfRange { argument: "m", index: vec![], value: m as f64, expected });
        }
        Ok(Self { inner, m, interleaved })
    }

    /// Response and column of X of a column.
    fn column_of(&self, col: usize) -> (usize, usize) {
        if self.interleaved {
            (col % self.m, col / self.m)
        } else {
            (col / self.inner.ncols(), col % self.inner.ncols())
        }
    }

    fn column_at(&self, t: usize, j: usize) -> usize {
        if self.interleaved { j * self.m + t } else { t * self.inner.ncols() + j }
    }

    /// The place of row i of response t among the m·n.
    fn row_at(&self, t: usize, i: usize) -> usize {
        if self.interleaved { i * self.m + t } else { t * self.inner.nrows() + i }
    }

    /// The rows of response t of all right-hand sides, or of all responses of all right-hand sides, as X has them.
    fn rows_of(&self, r: &[f64], responses: Range<usize>) -> Vec<f64> {
        let n = self.inner.nrows();
        let mut out = Vec::with_capacity(r.len() / self.m * responses.len());
        for r in r.chunks_exact(self.m * n) {
            for t in responses.clone() {
                out.extend((0..n).map(|i| r[self.row_at(t, i)]));
            }
        }
        out
    }

    /// Products of columns of the same response; those of others are orthogonal.
    fn products(
        &self,
        cols: &[usize],
        others: &[usize],
        out: &mut [f64],
        f: impl Fn(usize, &[usize], &[usize], &mut [f64]),
    ) {
        out.fill(0.0);
        for t in 0..self.m {
            let own = |list: &[usize]| -> (Vec<usize>, Vec<usize>) {
                let of = list.iter().enumerate().map(|(place, &col)| (self.column_of(col), place));
                of.filter(|((own, _), _)| *own == t).map(|((_, j), place)| (j, place)).unzip()
            };
            let ((a, at_a), (b, at_b)) = (own(cols), own(others));
            if a.is_empty() || b.is_empty() {
                continue;
            }
            let mut part = vec![0.0; a.len() * b.len()];
            f(t, &a, &b, &mut part);
            for (column, &c) in part.chunks_exact(a.len()).zip(&at_b) {
                column.iter().zip(&at_a).for_each(|(v, &r)| out[c * cols.len() + r] = *v);
            }
        }
    }
}

impl<D: Design> LinearOperator for Kronecker<D> {
    fn nrows(&self) -> usize {
        self.m * self.inner.nrows()
    }

    fn ncols(&self) -> usize {
        self.m * self.inner.ncols()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let norms = self.inner.sq_norms()?;
        Some((0..self.ncols()).map(|col| norms[self.column_of(col).1]).collect())
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let (n, p, m, q) = (self.inner.nrows(), self.inner.ncols(), self.m, responses(eta, self.nrows()));
        let mut inner = vec![0.0; w.len()];
        for j in 0..p {
            for s in 0..q {
                for t in 0..m {
                    inner[j * q * m + s * m + t] = w[self.column_at(t, j) * q + s];
                }
            }
        }
        let mut product = vec![0.0; eta.len()];
        self.inner.apply(&inner, &mut product);
        for (eta, product) in eta.chunks_exact_mut(m * n).zip(product.chunks_exact(m * n)) {
            for (t, product) in product.chunks_exact(n).enumerate() {
                product.iter().enumerate().for_each(|(i, v)| eta[self.row_at(t, i)] = *v);
            }
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let (p, m, q) = (self.inner.ncols(), self.m, responses(r, self.nrows()));
        let mut inner = vec![0.0; out.len()];
        self.inner.transpose_apply(&self.rows_of(r, 0..m), &mut inner);
        for j in 0..p {
            for s in 0..q {
                for t in 0..m {
                    out[self.column_at(t, j) * q + s] = inner[j * q * m + s * m + t];
                }
            }
        }
    }
}

impl<D: Design> Design for Kronecker<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.dot_scattered(&cols.collect::<Vec<_>>(), r, out);
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        for t in 0..self.m {
            let (own, places): (Vec<usize>, Vec<usize>) = (cols.iter().enumerate())
                .map(|(place, &col)| (self.column_of(col), place))
                .filter(|((of, _), _)| *of == t)
                .map(|((_, j), place)| (j, place))
                .unzip();
            if own.is_empty() {
                continue;
            }
            let mut found = vec![0.0; own.len() * q];
            self.inner.dot_scattered(&own, &self.rows_of(r, t..t + 1), &mut found);
            for (found, at) in found.chunks_exact(q.max(1)).zip(places) {
                out[at * q..(at + 1) * q].copy_from_slice(found);
            }
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let (n, q) = (self.inner.nrows(), responses(eta, self.nrows()));
        for (col, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
            if delta.iter().all(|&d| d == 0.0) {
                continue;
            }
            let (t, j) = self.column_of(col);
            let mut own = self.rows_of(eta, t..t + 1);
            self.inner.axpy(j..j + 1, delta, &mut own);
            for (eta, own) in eta.chunks_exact_mut(self.m * n).zip(own.chunks_exact(n)) {
                own.iter().enumerate().for_each(|(i, v)| eta[self.row_at(t, i)] = *v);
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        self.inner.sq_norm(self.column_of(col).1)
    }

    fn column_sum(&self, col: usize) -> f64 {
        self.inner.column_sum(self.column_of(col).1)
    }

    /// The zeros of the other responses are as far from the centre as zeros are.
    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let zeros = (self.nrows() - self.inner.nrows()) as f64;
        self.inner.centred_sq_norm(self.column_of(col).1, centre) + zeros * centre * centre
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        if self.m == 1 || weights.is_some() {
            return None;
        }
        let rows = self.nrows() as f64;
        let known = (0..self.inner.ncols()).map(|j| {
            let mean = self.inner.column_sum(j) / rows;
            let zeros = rows - self.inner.nrows() as f64;
            (mean, self.inner.centred_sq_norm(j, mean) + zeros * mean * mean)
        });
        let known: Vec<(f64, f64)> = known.collect();
        Some((0..self.ncols()).map(|col| known[self.column_of(col).1]).collect())
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        let (t, j) = self.column_of(col);
        let mut own = vec![0.0; self.inner.nrows()];
        self.inner.column(j, &mut own);
        out.fill(0.0);
        own.iter().enumerate().for_each(|(i, v)| out[self.row_at(t, i)] = *v);
    }

    fn column_cost(&self) -> f64 {
        self.inner.column_cost()
    }

    fn reads_columns(&self) -> bool {
        self.inner.reads_columns()
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        self.products(rows, cols, out, |_, a, b, part| self.inner.cross_gram(a, b, part));
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.products(cols, others, out, |t, a, b, part| {
            self.inner.weighted_gram(a, b, &self.rows_of(h, t..t + 1), part);
        });
    }
}
