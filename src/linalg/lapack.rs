//! LAPACK through ndarray-linalg: `potrf` and `potri` only.
//!
//! Where LAPACK refuses, faer has the last word: it names the pivot (ndarray-linalg hides the number) or finds a factor.

use ndarray::{ArrayViewMut2, ShapeBuilder};
use ndarray_linalg::{CholeskyFactorized, CholeskyInplace, InverseCInto, UPLO};

use super::{NotPositiveDefinite, faer};

/// Replaces the lower triangle of `work`, a copy of `a`, by L.
pub(super) fn cholesky(work: &mut [f64], a: &[f64], p: usize) -> Result<(), NotPositiveDefinite> {
    let done = match ArrayViewMut2::from_shape((p, p).f(), &mut *work) {
        Ok(mut view) => view.cholesky_inplace(UPLO::Lower).is_ok(),
        Err(_) => false,
    };
    // NaN passes through some implementations of potrf.
    if done && (0..p).all(|j| work[j * p + j].is_finite()) {
        return Ok(());
    }
    work.copy_from_slice(a);
    faer::cholesky(work, a, p)
}

/// The lower triangle of (LLᵀ)⁻¹.
pub(super) fn inverse_lower(l: &[f64], p: usize, out: &mut [f64]) {
    out.copy_from_slice(l);
    let done = match ArrayViewMut2::from_shape((p, p).f(), &mut *out) {
        Ok(factor) => CholeskyFactorized { factor, uplo: UPLO::Lower }.invc_into().is_ok(),
        Err(_) => false,
    };
    if !done {
        faer::inverse_lower(l, p, out);
    }
}
