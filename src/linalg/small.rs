//! Plain loops over columns: for matrices too small for a library call.

use super::NotPositiveDefinite;

/// xᵀy with eight partial sums, so that the compiler may use vector registers.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (x8, xr) = x.as_chunks::<8>();
    let (y8, yr) = y.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (x, y) in x8.iter().zip(y8) {
        for k in 0..8 {
            sums[k] += x[k] * y[k];
        }
    }
    let rest: f64 = xr.iter().zip(yr).map(|(x, y)| x * y).sum();
    (sums[0] + sums[4]) + (sums[1] + sums[5]) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
}

/// y ← y + αx.
pub(super) fn axpy(alpha: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// Replaces the lower triangle of A by L with A = LLᵀ (right-looking: one column, then the columns behind it).
pub(super) fn cholesky(a: &mut [f64], p: usize) -> Result<(), NotPositiveDefinite> {
    for j in 0..p {
        let (done, behind) = a.split_at_mut((j + 1) * p);
        let column = &mut done[j * p + j..];
        let pivot = column[0];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(NotPositiveDefinite { pivot: j });
        }
        let root = pivot.sqrt();
        column[0] = root;
        column[1..].iter_mut().for_each(|v| *v /= root);
        for (k, next) in behind.chunks_exact_mut(p).enumerate() {
            let below = &column[k + 1..];
            axpy(-below[0], below, &mut next[j + k + 1..]);
        }
    }
    Ok(())
}

/// The lower triangle of (LLᵀ)⁻¹, by solving for the unit vectors.
pub(super) fn inverse_lower(l: &[f64], p: usize, out: &mut [f64]) {
    out.fill(0.0);
    for (j, column) in out.chunks_exact_mut(p.max(1)).enumerate() {
        column[j] = 1.0;
        // L⁻¹e_j is zero above j, and only the part from j on is wanted: both solves stop there.
        for i in j..p {
            let l = &l[i * p + i..(i + 1) * p];
            let value = column[i] / l[0];
            column[i] = value;
            axpy(-value, &l[1..], &mut column[i + 1..]);
        }
        for i in (j..p).rev() {
            let l = &l[i * p + i..(i + 1) * p];
            column[i] = (column[i] - dot(&l[1..], &column[i + 1..])) / l[0];
        }
    }
}
