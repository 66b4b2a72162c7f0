//! Shifted copies of a kernel.

use std::ops::Range;

use super::{Csc, Design, LinearOperator, responses};
use crate::error::{Error, Result, check_finite};
use crate::kernels;

/// Which rows of a convolution are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Boundary {
    /// All of them: len + k − 1 rows.
    Full,
    /// As many as the signal has, the middle ones: `numpy.convolve(…, "same")` for a signal not shorter than the kernel.
    #[default]
    Same,
    /// Those that the whole kernel contributes to: len − k + 1 rows.
    Valid,
}

/// Convolution of a signal w of `len` values with a kernel h of k values: `(Xw)_i = Σ_j h_{i + s − j} w_j` with s = 0 (full),
/// ⌊(k − 1)/2⌋ (same), k − 1 (valid). Column j is the kernel, put where j is: what deconvolution into spikes, and into any
/// other events with a known shape, regresses on.
///
/// Products are direct, k multiplications a value: no transform, so zeros of w cost nothing and results have no rounding
/// errors of a transform's size.
///
/// ```
/// use sparsereg::design::{Boundary, Convolution, LinearOperator};
/// let x = Convolution::new(vec![1.0, 0.5, 0.25], 4, Boundary::Full)?;
/// let mut eta = [0.0; 6];
/// x.apply(&[0.0, 2.0, 0.0, 4.0], &mut eta);
/// assert_eq!(eta, [0.0, 2.0, 1.0, 4.5, 2.0, 1.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Convolution {
    kernel: Vec<f64>,
    len: usize,
    nrows: usize,
    /// Rows of the full convolution before the first.
    skipped: usize,
}

impl Convolution {
    /// The kernel for signals of `len` values.
    ///
    /// # Errors
    /// [`Error::Empty`] for an empty kernel or signal, [`Error::NotFinite`], and [`Error::Length`] for a signal shorter than
    /// the kernel with [`Boundary::Valid`].
    pub fn new(kernel: Vec<f64>, len: usize, boundary: Boundary) -> Result<Self> {
        if kernel.is_empty() || len == 0 {
            return Err(Error::Empty { argument: if len == 0 { "signal" } else { "kernel" } });
        }
        check_finite("kernel", &kernel)?;
        let k = kernel.len();
        let (nrows, skipped) = match boundary {
            Boundary::Full => (len + k - 1, 0),
            Boundary::Same => (len, (k - 1) / 2),
            Boundary::Valid if len < k => return Err(Error::Length { argument: "signal", expected: k, found: len }),
            Boundary::Valid => (len - k + 1, k - 1),
        };
        Ok(Self { kernel, len, nrows, skipped })
    }

    /// The rows that a column reaches, and the part of the kernel there.
    fn entries(&self, col: usize) -> (Range<usize>, &[f64]) {
        let from = self.skipped.saturating_sub(col).min(self.kernel.len());
        let start = (col + from).saturating_sub(self.skipped);
        let to = self.kernel.len().min((self.nrows + self.skipped).saturating_sub(col)).max(from);
        (start..start + (to - from), &self.kernel[from..to])
    }
}

impl LinearOperator for Convolution {
    fn nrows(&self) -> usize {
        self.nrows
    }

    fn ncols(&self) -> usize {
        self.len
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some((0..self.len).map(|j| self.sq_norm(j)).collect())
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        super::apply_by_columns(self, w, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.dot(0..self.len, r, out);
    }
}

impl Design for Convolution {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows).max(1);
        for (j, out) in cols.zip(out.chunks_exact_mut(q)) {
            let (rows, kernel) = self.entries(j);
            out.iter_mut()
                .zip(r.chunks_exact(self.nrows))
                .for_each(|(o, r)| *o = kernels::dot(kernel, &r[rows.clone()]));
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows).max(1);
        for (j, delta) in cols.zip(delta.chunks_exact(q)) {
            let (rows, kernel) = self.entries(j);
            for (&d, eta) in delta.iter().zip(eta.chunks_exact_mut(self.nrows)).filter(|(d, _)| **d != 0.0) {
                kernels::axpy(d, kernel, &mut eta[rows.clone()]);
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        kernels::sq_norm(self.entries(col).1)
    }

    fn column_sum(&self, col: usize) -> f64 {
        kernels::sum(self.entries(col).1)
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let (rows, kernel) = self.entries(col);
        kernels::sq_deviation(kernel, centre) + (self.nrows - rows.len()) as f64 * centre * centre
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        let (rows, kernel) = self.entries(col);
        out.fill(0.0);
        out[rows].copy_from_slice(kernel);
    }

    fn column_cost(&self) -> f64 {
        self.kernel.len().min(self.nrows) as f64
    }

    /// Only neighbours overlap.
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        for (&b, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
            for (&a, out) in rows.iter().zip(out) {
                let ((left, x), (right, y)) = (self.entries(a), self.entries(b));
                let (from, to) = (left.start.max(right.start), left.end.min(right.end));
                *out = if from < to {
                    kernels::dot(&x[from - left.start..to - left.start], &y[from - right.start..to - right.start])
                } else {
                    0.0
                };
            }
        }
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        let mut scaled = Vec::with_capacity(self.kernel.len());
        for (&b, out) in others.iter().zip(out.chunks_exact_mut(cols.len().max(1))) {
            let (right, y) = self.entries(b);
            scaled.clear();
            scaled.extend(y.iter().zip(&h[right.clone()]).map(|(y, h)| y * h));
            for (&a, out) in cols.iter().zip(out) {
                let (left, x) = self.entries(a);
                let (from, to) = (left.start.max(right.start), left.end.min(right.end));
                *out = if from < to {
                    kernels::dot(&x[from - left.start..to - left.start], &scaled[from - right.start..to - right.start])
                } else {
                    0.0
                };
            }
        }
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        if 4 * self.kernel.len() > self.nrows {
            return None;
        }
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for &j in cols {
            let (rows, kernel) = self.entries(j);
            values.extend(kernel.iter().zip(&d[rows.clone()]).map(|(x, d)| x * d));
            indices.extend(rows.map(|i| i as u32));
            indptr.push(values.len());
        }
        Some(Csc::from_columns(self.nrows, indptr, indices, values))
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        out.fill(0.0);
        for (&j, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
            let (own, kernel) = self.entries(j);
            let (from, to) = (own.start.max(rows.start), own.end.min(rows.end));
            if from < to {
                out[from - rows.start..to - rows.start].copy_from_slice(&kernel[from - own.start..to - own.start]);
            }
        }
        true
    }
}
