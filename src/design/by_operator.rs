//! Operators of the user's own as designs, and whether they keep their promise.

use std::ops::Range;

use super::{Design, LinearOperator, by_columns, responses};
use crate::error::{Error, Result, check_scalar};
use crate::kernels;

/// A [`LinearOperator`] as a [`Design`], so that estimators take it: column j is `X e_j`, and what is asked of some columns
/// is asked of all.
///
/// With [`Fista`](crate::solver::Fista), `Lasso::new(λ).solver(Fista::default()).fit(&ByOperator::new(x), &y)`, a step
/// costs one `apply` and one `transpose_apply`; [`BlockDescent`](crate::solver::BlockDescent) works, too, and copies the
/// columns of its working set. An intercept and standardising ask for the deviation of every column: a fit then starts with
/// one `apply` for each of them, unless the operator gives [`sq_norms`](LinearOperator::sq_norms) and there are no
/// sample weights.
///
/// ```
/// use ndarray::Array1;
/// use sparsereg::design::{ByOperator, LinearOperator, check_adjoint};
/// use sparsereg::prelude::*;
///
/// /// Running sums: column j is a step at j.
/// struct Steps(usize);
/// impl LinearOperator for Steps {
///     fn nrows(&self) -> usize { self.0 }
///     fn ncols(&self) -> usize { self.0 }
///     fn apply(&self, w: &[f64], eta: &mut [f64]) {
///         let (n, q) = (self.0, w.len() / self.0);
///         for t in 0..q {
///             let mut sum = 0.0;
///             (0..n).for_each(|i| { sum += w[i * q + t]; eta[t * n + i] = sum });
///         }
///     }
///     fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
///         let (n, q) = (self.0, r.len() / self.0);
///         for t in 0..q {
///             let mut sum = 0.0;
///             (0..n).rev().for_each(|i| { sum += r[t * n + i]; out[i * q + t] = sum });
///         }
///     }
/// }
///
/// let x = Steps(60);
/// check_adjoint(&x, 1, 1e-12)?;
/// let y = Array1::from_shape_fn(60, |i| if i < 25 { 1.0 } else { 4.0 });
/// let model = Lasso::new(0.01).solver(Fista::default()).fit(&ByOperator::new(x), &y)?;
/// assert!((model.coefficients()[25] - 2.959).abs() < 1e-2); // the jump of 3, shrunk
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ByOperator<O> {
    inner: O,
}

impl<O: LinearOperator> ByOperator<O> {
    /// The operator as a design. [`check_adjoint`] tells whether it is one.
    pub fn new(inner: O) -> Self {
        Self { inner }
    }

    /// The operator.
    pub fn inner(&self) -> &O {
        &self.inner
    }
}

/// Some of `Xᵀr`, from all of it.
pub(super) fn dot<O: LinearOperator>(x: &O, cols: impl Iterator<Item = usize>, r: &[f64], out: &mut [f64]) {
    let q = responses(r, x.nrows());
    if out.is_empty() {
        return;
    }
    let mut all = vec![0.0; x.ncols() * q];
    x.transpose_apply(r, &mut all);
    for (j, out) in cols.zip(out.chunks_exact_mut(q.max(1))) {
        out.copy_from_slice(&all[j * q..(j + 1) * q]);
    }
}

/// `η + Xw` for a w that is zero but for some columns.
pub(super) fn axpy<O: LinearOperator>(x: &O, cols: impl Iterator<Item = usize>, delta: &[f64], eta: &mut [f64]) {
    let q = responses(eta, x.nrows());
    if delta.iter().all(|&d| d == 0.0) {
        return;
    }
    let mut w = vec![0.0; x.ncols() * q];
    for (j, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
        w[j * q..(j + 1) * q].iter_mut().zip(delta).for_each(|(w, d)| *w += d);
    }
    let mut change = vec![0.0; eta.len()];
    x.apply(&w, &mut change);
    eta.iter_mut().zip(&change).for_each(|(e, c)| *e += c);
}

impl<O: LinearOperator> LinearOperator for ByOperator<O> {
    fn nrows(&self) -> usize {
        self.inner.nrows()
    }

    fn ncols(&self) -> usize {
        self.inner.ncols()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        self.inner.sq_norms()
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        self.inner.apply(w, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.inner.transpose_apply(r, out);
    }
}

impl<O: LinearOperator> Design for ByOperator<O> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        dot(&self.inner, cols, r, out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        axpy(&self.inner, cols, delta, eta);
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        dot(&self.inner, cols.iter().copied(), r, out);
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        axpy(&self.inner, cols.iter().copied(), delta, eta);
    }

    fn sq_norm(&self, col: usize) -> f64 {
        by_columns::sq_deviation(self, col, 0.0)
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        let norms = self.inner.sq_norms().filter(|_| weights.is_none())?;
        let n = self.nrows();
        let mut sums = vec![0.0; self.ncols()];
        self.inner.transpose_apply(&vec![1.0; n], &mut sums);
        let known = sums.iter().zip(norms).enumerate();
        Some(known.map(|(j, (&sum, norm))| by_columns::mean_and_deviation(self, j, (sum, norm), None)).collect())
    }

    fn prefers_gather(&self) -> bool {
        true
    }

    fn reads_columns(&self) -> bool {
        false
    }
}

/// Pairs of vectors that are tried.
const TRIALS: usize = 3;

/// Whether `⟨Xw, r⟩ = ⟨w, Xᵀr⟩` for random w and r, for one right-hand side and for two: what every solver relies on, and
/// what is most often wrong in an operator that one has written oneself. `tolerance` is relative to `‖Xw‖‖r‖ + ‖w‖‖Xᵀr‖`;
/// 1e-10 is far above rounding.
///
/// # Errors
/// [`Error::NotAdjoint`] with the two inner products; they are NaN if elements of a result were not written or are not finite.
/// [`Error::OutOfRange`] for a tolerance that is negative or not finite.
///
/// ```
/// use sparsereg::Error;
/// use sparsereg::design::{LinearOperator, check_adjoint};
/// struct Wrong;
/// impl LinearOperator for Wrong {
///     fn nrows(&self) -> usize { 2 }
///     fn ncols(&self) -> usize { 2 }
///     fn apply(&self, w: &[f64], eta: &mut [f64]) { eta.copy_from_slice(&[w[0] + w[1], w[1]]) }
///     fn transpose_apply(&self, r: &[f64], out: &mut [f64]) { out.copy_from_slice(&[r[0] + r[1], r[1]]) }
/// }
/// assert!(matches!(check_adjoint(&Wrong, 1, 1e-10), Err(Error::NotAdjoint { .. })));
/// ```
pub fn check_adjoint<O: LinearOperator + ?Sized>(x: &O, seed: u64, tolerance: f64) -> Result<()> {
    check_scalar("tolerance", tolerance, 0.0, f64::MAX, "a finite number >= 0")?;
    let (n, p) = (x.nrows(), x.ncols());
    // splitmix64 (Steele, Lea & Flood 2014), in (−1, 1)
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    for q in [1, 2] {
        for _ in 0..TRIALS {
            let w: Vec<f64> = (0..p * q).map(|_| random()).collect();
            let r: Vec<f64> = (0..n * q).map(|_| random()).collect();
            let (mut eta, mut out) = (vec![f64::NAN; n * q], vec![f64::NAN; p * q]);
            x.apply(&w, &mut eta);
            x.transpose_apply(&r, &mut out);
            // Response by response: what is wrong in one must not be made good by another.
            for t in 0..q {
                let (eta, r) = (&eta[t * n..(t + 1) * n], &r[t * n..(t + 1) * n]);
                let task = |v: &[f64]| -> Vec<f64> { v.iter().skip(t).step_by(q).copied().collect() };
                let (w, out) = (task(&w), task(&out));
                let (forward, backward) = (kernels::dot(eta, r), kernels::dot(&w, &out));
                let norm = |v: &[f64]| kernels::sq_norm(v).sqrt();
                let size = norm(eta) * norm(r) + norm(&w) * norm(&out);
                let difference = (forward - backward).abs();
                if difference.is_nan() || difference > tolerance * size {
                    return Err(Error::NotAdjoint { forward, backward });
                }
            }
        }
    }
    Ok(())
}
