//! Verbs of designs that know a formula for their columns.

use std::ops::Range;

use super::{Design, Moments, responses};
use crate::kernels;

/// [`Design::dot`] from the columns themselves.
pub(super) fn dot<D: Design + ?Sized>(x: &D, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
    let n = x.nrows();
    let q = responses(r, n);
    let mut column = vec![0.0; n];
    for (j, out) in cols.zip(out.chunks_exact_mut(q.max(1))) {
        x.column(j, &mut column);
        out.iter_mut().zip(r.chunks_exact(n)).for_each(|(o, r)| *o = kernels::dot(&column, r));
    }
}

/// [`Design::axpy`] from the columns themselves.
pub(super) fn axpy<D: Design + ?Sized>(x: &D, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
    let n = x.nrows();
    let q = responses(eta, n);
    let mut column = vec![0.0; n];
    for (j, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
        if delta.iter().all(|&d| d == 0.0) {
            continue;
        }
        x.column(j, &mut column);
        delta.iter().zip(eta.chunks_exact_mut(n)).for_each(|(&d, eta)| kernels::axpy(d, &column, eta));
    }
}

/// [`Design::column_sum`] and the like, where they need the values.
pub(super) fn sq_deviation<D: Design + ?Sized>(x: &D, col: usize, centre: f64) -> f64 {
    let mut column = vec![0.0; x.nrows()];
    x.column(col, &mut column);
    kernels::sq_deviation(&column, centre)
}

/// Mean and deviation of a column from `Σ s x` and `Σ s x²`, and from its values where the difference would be rounding.
pub(super) fn mean_and_deviation<D: Design + ?Sized>(
    x: &D,
    col: usize,
    (sum, squares): (f64, f64),
    weights: Option<&[f64]>,
) -> (f64, f64) {
    let n = x.nrows();
    if sum == 0.0 && squares == 0.0 {
        return (0.0, 0.0);
    }
    let mean = sum / n as f64;
    let deviation = squares - n as f64 * mean * mean;
    if deviation.is_finite() && deviation > 1e-3 * squares {
        return (mean, deviation);
    }
    let mut column = vec![0.0; n];
    x.column(col, &mut column);
    let Moments { mean, deviation } = Moments::of(&column, weights);
    (mean, deviation)
}
