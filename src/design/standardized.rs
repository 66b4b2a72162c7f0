//! Centred and scaled columns, without a copy.

use std::ops::Range;
use std::sync::Arc;

use super::{Csc, Dense, Design, LinearOperator, responses, weighted, with_scratch};
use crate::error::{Error, Result, check_finite, check_length};
use crate::kernels;

/// `(X − 1μᵀ) diag(1/σ)` over any design, without copying or filling in.
///
/// With `x_j` the columns of X the verbs are
///
/// * `x̃_jᵀr = (x_jᵀr − μ_j Σ_i r_i) / σ_j`,
/// * `η + x̃_j δ = η + x_j (δ/σ_j) − 1 (μ_j δ/σ_j)`,
/// * `‖x̃_j‖² = Σ_i (x_ij − μ_j)² / σ_j²`, summed as it stands.
///
/// Each call of `dot` and `axpy` costs O(n) per response for the sum and the shift, however sparse the column; one call
/// for several columns pays that once. The first two formulas lose about `log₁₀(|μ_j|/σ_j)` digits, so dense data with
/// means far from zero should rather be [materialised](Standardized::materialize) (or centred while it is copied).
///
/// ```
/// use sparsereg::design::{Csc, LinearOperator, Standardized};
/// let x = Csc::from_triplets(4, 1, &[(0, 0, 4.0)])?;
/// let centred = Standardized::new(x, Some(vec![1.0]), Some(vec![2.0]))?;
/// let mut eta = [0.0; 4];
/// centred.apply(&[1.0], &mut eta);
/// assert_eq!(eta, [1.5, -0.5, -0.5, -0.5]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Standardized<D> {
    inner: D,
    center: Option<Arc<[f64]>>,
    scale: Option<Arc<[f64]>>,
    /// `‖x̃_j‖²` where they are known already.
    sq_norms: Option<Vec<f64>>,
}

impl<D: Design> Standardized<D> {
    /// The view with means μ = `center` (`None`: 0) and σ = `scale` (`None`: 1), p values each. σ = ∞ makes a column zero:
    /// what becomes of constant columns.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NotFinite`], and [`Error::OutOfRange`] for a σ that is not positive.
    ///
    /// ```
    /// use sparsereg::{Error, design::{Dense, Standardized}};
    /// let x = Dense::from_columns(vec![1.0, 1.0], 2, 1)?;
    /// assert!(matches!(Standardized::new(x, None, Some(vec![0.0])), Err(Error::OutOfRange { argument: "scale", .. })));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new(inner: D, center: Option<Vec<f64>>, scale: Option<Vec<f64>>) -> Result<Self> {
        Self::shared(inner, center.map(Arc::from), scale.map(Arc::from))
    }

    /// [`new`](Self::new) for means and scales that others use, too.
    pub(crate) fn shared(inner: D, center: Option<Arc<[f64]>>, scale: Option<Arc<[f64]>>) -> Result<Self> {
        if let Some(center) = &center {
            check_length("center", inner.ncols(), center.len())?;
            check_finite("center", center)?;
        }
        if let Some(scale) = &scale {
            check_length("scale", inner.ncols(), scale.len())?;
        }
        if let Some(scale) = &scale
            && let Some(j) = scale.iter().position(|&s| s.is_nan() || s <= 0.0)
        {
            let (argument, index, value) = ("scale", vec![j], scale[j]);
            if value.is_nan() {
                return Err(Error::NotFinite { argument, index, value });
            }
            let expected = "a number > 0";
            return Err(Error::OutOfRange { argument, index, value, expected });
        }
        Ok(Self { inner, center, scale, sq_norms: None })
    }

    /// Keeps the squared norms of the standardised columns, which a dense design would compute in a pass over X.
    pub(crate) fn with_sq_norms(self, sq_norms: Vec<f64>) -> Self {
        Self { sq_norms: Some(sq_norms), ..self }
    }

    /// The design underneath.
    ///
    /// ```
    /// # use sparsereg::design::{Dense, Design, Standardized};
    /// let x = Standardized::new(Dense::from_columns(vec![1.0, 3.0], 2, 1)?, Some(vec![2.0]), None)?;
    /// assert_eq!((x.inner().column_sum(0), x.column_sum(0)), (4.0, 0.0));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The matrix itself, column-major: n·p values.
    ///
    /// ```
    /// # use sparsereg::design::{Dense, Standardized};
    /// let x = Standardized::new(Dense::from_columns(vec![1.0, 3.0], 2, 1)?, Some(vec![2.0]), None)?;
    /// assert_eq!(x.materialize()?.columns_slice(), Some(&[-1.0, 1.0][..]));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a value overflows.
    pub fn materialize(&self) -> Result<Dense<'static, f64>> {
        let n = self.nrows();
        let mut data = vec![0.0; n * self.ncols()];
        crate::parallel::for_each_chunk(&mut data, n, n * self.ncols() * 16, |j, out| self.column(j, out));
        Dense::from_columns(data, n, self.ncols())
    }

    fn mean(&self, col: usize) -> f64 {
        self.center.as_ref().map_or(0.0, |c| c[col])
    }

    fn deviation(&self, col: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |s| s[col])
    }

    /// Turns inner products with columns `col(0)`, `col(1)`, … of X into those with the standardised columns.
    fn correct(&self, col: impl Fn(usize) -> usize, r: &[f64], out: &mut [f64]) {
        let n = self.nrows();
        let q = responses(r, n);
        if self.center.is_some() {
            with_scratch(q, |sums| {
                for (sum, r) in sums.iter_mut().zip(r.chunks_exact(n)) {
                    *sum = kernels::sum(r);
                }
                for (j, out) in out.chunks_exact_mut(q.max(1)).enumerate() {
                    let mean = self.mean(col(j));
                    out.iter_mut().zip(&*sums).for_each(|(o, sum)| *o -= mean * sum);
                }
            });
        }
        if let Some(scale) = &self.scale {
            for (j, out) in out.chunks_exact_mut(q.max(1)).enumerate() {
                out.iter_mut().for_each(|o| *o /= scale[col(j)]);
            }
        }
    }

    /// Gives `f` the coefficients that X needs, then subtracts the shifts from `eta`.
    fn shifted(
        &self,
        col: impl Fn(usize) -> usize,
        delta: &[f64],
        eta: &mut [f64],
        f: impl FnOnce(&D, &[f64], &mut [f64]),
    ) {
        let n = self.nrows();
        let q = responses(eta, n);
        if q == 0 {
            return;
        }
        with_scratch(delta.len() + q, |scratch| {
            let (scaled, shift) = scratch.split_at_mut(delta.len());
            for (j, (scaled, delta)) in scaled.chunks_exact_mut(q).zip(delta.chunks_exact(q)).enumerate() {
                let (mean, sigma) = (self.mean(col(j)), self.deviation(col(j)));
                for ((scaled, delta), shift) in scaled.iter_mut().zip(delta).zip(&mut *shift) {
                    *scaled = delta / sigma;
                    *shift += mean * *scaled;
                }
            }
            f(&self.inner, scaled, eta);
            for (eta, &shift) in eta.chunks_exact_mut(n).zip(&*shift) {
                if shift != 0.0 {
                    eta.iter_mut().for_each(|e| *e -= shift);
                }
            }
        });
    }
}

impl<D: Design> LinearOperator for Standardized<D> {
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
        self.shifted(|j| j, w, eta, |x, w, eta| x.apply(w, eta));
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.inner.transpose_apply(r, out);
        self.correct(|j| j, r, out);
    }
}

impl<D: Design> Design for Standardized<D> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.inner.dot(cols.clone(), r, out);
        if out.len() == 1 && cols.len() == 1 {
            // a pass over single columns: no scratch, no loop
            let mean = self.mean(cols.start);
            let shift = if mean == 0.0 { 0.0 } else { mean * kernels::sum(r) };
            out[0] = (out[0] - shift) / self.deviation(cols.start);
            return;
        }
        self.correct(|j| cols.start + j, r, out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        self.shifted(|j| cols.start + j, delta, eta, |x, delta, eta| x.axpy(cols.clone(), delta, eta));
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        self.inner.dot_scattered(cols, r, out);
        self.correct(|j| cols[j], r, out);
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        self.shifted(|j| cols[j], delta, eta, |x, delta, eta| x.axpy_scattered(cols, delta, eta));
    }

    fn sq_norm(&self, col: usize) -> f64 {
        match &self.sq_norms {
            Some(known) => known[col],
            None => self.centred_sq_norm(col, 0.0),
        }
    }

    fn column_sum(&self, col: usize) -> f64 {
        (self.inner.column_sum(col) - self.nrows() as f64 * self.mean(col)) / self.deviation(col)
    }

    /// `Σ ((x − μ)/σ − c)² = Σ (x − μ − cσ)² / σ²`
    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let sigma = self.deviation(col);
        if sigma == f64::INFINITY {
            return self.nrows() as f64 * centre * centre;
        }
        self.inner.centred_sq_norm(col, self.mean(col) + centre * sigma) / (sigma * sigma)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        self.inner.column(col, out);
        let (mean, sigma) = (self.mean(col), self.deviation(col));
        out.iter_mut().for_each(|x| *x = (*x - mean) / sigma);
    }

    fn column_cost(&self) -> f64 {
        // The sum and the shift are plain passes over n numbers, many times cheaper than stored values. More than n / 8
        // would have thin columns gathered for Gram matrices: those are better off with their stored values alone.
        let n = self.nrows() as f64;
        if self.center.is_some() { (self.inner.column_cost() + n / 8.0).min(n) } else { self.inner.column_cost() }
    }

    fn prefers_gather(&self) -> bool {
        // Centred dense columns cost a sum and a shift for each product: a gathered copy of those in use does not.
        let dense = self.inner.column_cost() >= self.nrows() as f64;
        self.inner.prefers_gather() || (dense && self.center.is_some())
    }

    fn reads_columns(&self) -> bool {
        self.inner.reads_columns()
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let n = self.nrows() as f64;
        self.inner.cross_gram(rows, cols, out);
        // G − μ_a s_bᵀ − s_a μ_bᵀ + n μ_a μ_bᵀ with the column sums s, which need not be nμ
        let facts = |index: &[usize]| -> Vec<[f64; 3]> {
            let sum = |j| {
                if self.center.is_some() { self.inner.column_sum(j) } else { 0.0 }
            };
            index.iter().map(|&j| [self.mean(j), sum(j), self.deviation(j)]).collect()
        };
        let (left, right) = (facts(rows), facts(cols));
        for (out, [mean_b, sum_b, sigma_b]) in out.chunks_exact_mut(rows.len().max(1)).zip(right) {
            for (g, [mean_a, sum_a, sigma_a]) in out.iter_mut().zip(&left) {
                // symmetric in a and b to the last bit
                let cross = mean_a * sum_b + sum_a * mean_b;
                *g = (*g - cross + n * (mean_a * mean_b)) / (sigma_a * sigma_b);
            }
        }
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        if self.center.is_some() {
            return None;
        }
        let mut part = self.inner.scaled_columns(cols, d)?;
        part.divide_columns(|k| self.deviation(cols[k]));
        Some(part)
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        let dense = self.inner.column_cost() >= self.nrows() as f64;
        if dense && self.center.is_some() {
            // From centred values, so that nothing cancels.
            return weighted::by_blocks(self, cols, others, h, out);
        }
        self.inner.weighted_gram(cols, others, h, out);
        // G − μ_a s_bᵀ − s_a μ_bᵀ + (Σh) μ_a μ_bᵀ with s = Xᵀh
        let total = kernels::sum(h);
        let facts = |index: &[usize]| -> Vec<[f64; 3]> {
            let mut sums = vec![0.0; index.len()];
            if self.center.is_some() {
                self.inner.dot_scattered(index, h, &mut sums);
            }
            index.iter().zip(sums).map(|(&j, sum)| [self.mean(j), sum, self.deviation(j)]).collect()
        };
        let (left, right) = (facts(cols), facts(others));
        for (out, [mean_b, sum_b, sigma_b]) in out.chunks_exact_mut(cols.len().max(1)).zip(right) {
            for (g, [mean_a, sum_a, sigma_a]) in out.iter_mut().zip(&left) {
                let cross = mean_a * sum_b + sum_a * mean_b;
                *g = (*g - cross + total * (mean_a * mean_b)) / (sigma_a * sigma_b);
            }
        }
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let m = rows.len().max(1);
        let copied = self.inner.copy_block(rows, cols, out);
        if copied {
            for (&j, out) in cols.iter().zip(out.chunks_exact_mut(m)) {
                let (mean, sigma) = (self.mean(j), self.deviation(j));
                out.iter_mut().for_each(|v| *v = (*v - mean) / sigma);
            }
        }
        copied
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let inner = self.inner.select_rows(rows)?;
        Some(Box::new(Standardized { inner, center: self.center.clone(), scale: self.scale.clone(), sq_norms: None }))
    }
}
