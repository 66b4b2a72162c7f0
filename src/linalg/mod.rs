//! Dense linear algebra on column-major slices: the only folder that names a back end.
//!
//! | operation | back end | with feature `lapack` |
//! | --- | --- | --- |
//! | products (`gram`, `transpose_matmul`, `matmul`) | faer; dot products if tiny | the same |
//! | symmetric eigenvalues (`eigh`, `largest_eigenvalue`) | faer | faer |
//! | `singular_values` | faer | faer |
//! | `nearest_correlation` | the two above | the same |
//! | `Cholesky` and its inverse, p > `TINY` | faer | LAPACK `potrf`, `potri` |
//! | the same, p ≤ `TINY` | plain loops | plain loops |
//! | triangular solves | faer | faer |
//!
//! LAPACK is offered for those whose LAPACK is MKL or Accelerate, and takes over only what it can win. Measured with
//! OpenBLAS on one thread at p = 1000: inverse 1.3 times faster than faer, Cholesky 0.9 times, `eigh` 0.25 times
//! (ndarray-linalg calls `dsyev`, the QR iteration). LU is never called: a threaded OpenBLAS overflows the 2 MiB stack
//! of Rust threads inside `getrf`.
//!
//! faer always runs on the calling thread (`Par::Seq`): parallelism belongs to the callers, and results do not depend
//! on the number of threads. Only a Gram matrix of many rows is shared out here, in pieces that depend on its shape alone.
//!
//! A matrix is a slice in column-major order with its dimensions beside it. Lengths that do not fit the dimensions are
//! a bug of the caller and panic; nothing a user can pass does. `Cholesky` reads the lower triangle only; the eigenvalue
//! functions want both.

mod faer;
#[cfg(feature = "lapack")]
mod lapack;
mod nearest_correlation;
mod small;
mod subset_cholesky;
#[cfg(test)]
mod tests;

pub(crate) use nearest_correlation::nearest_correlation;
pub(crate) use subset_cholesky::SubsetCholesky;

#[cfg(not(feature = "lapack"))]
use faer as factorization;
#[cfg(feature = "lapack")]
use lapack as factorization;

/// Up to this size Cholesky and its inverse are plain loops: faer's fixed cost per call is larger than the work.
/// Measured, ns, loops against faer: Cholesky p = 4: 61, 141; 8: 166, 220; 12: 379, 367; 16: 673, 573; inverse p = 4:
/// 110, 389; 8: 536, 747; 12: 1396, 1425; 16: 2734, 1737. Solves gain nothing from loops, even at p = 4 (44, 28).
pub(crate) const TINY: usize = 12;

/// A product that writes no more elements than this is made of dot products, whatever n: faer pads narrow results.
/// Measured at n = 5000, µs: XᵀX with p = 1: 0.6 against 14.8, p = 4: 16 for either.
const NARROW_PRODUCT: usize = 9;

/// So is one with no more multiplications (n·p·m) than this: XᵀX at 10×8 takes 350 ns against 509, 20×8 304 against 335,
/// 50×8 644 against 424; AᵀB, which has no triangle to leave out, breaks even at a quarter of that.
const TINY_PRODUCT: usize = 240;

/// Up to this size [`largest_eigenvalue`] computes eigenvalues (2 ms), above it bounds them by norms of powers.
const EXACT_EIGENVALUE: usize = 200;

/// Rows of a tall matrix that go into one Gram product: they stay in the cache while every pair of columns passes over
/// them. Measured at 50000×200, ms: all rows 53, 4096 50, 2048 44, 1024 42; copying the rows together first 51 (1024);
/// block columns of a full product instead of the triangular one 51; numpy with OpenBLAS 63.
pub(crate) const GRAM_ROWS: usize = 1024;

/// Columns of a product AᵀB that one thread takes.
const PRODUCT_COLUMNS: usize = 256;

/// Pieces into which the rows of a tall matrix are cut at most, each summed on its own.
pub(crate) const GRAM_PIECES: usize = 16;

/// The factorisation met a pivot that is not positive (or not finite).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPositiveDefinite {
    /// The leading minor of size `pivot + 1` is the first that is not positive.
    pub(crate) pivot: usize,
}

/// The eigenvalue iteration failed: the matrix holds NaN or infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoConvergence;

// ---------------------------------------------------------------------------------------------------------- products

/// `out ← XᵀX` (p×p, both triangles) for the n×p matrix `x`.
pub(crate) fn gram(x: &[f64], n: usize, p: usize, out: &mut [f64]) {
    gram_strided(x, n, n, p, out);
}

/// [`gram`] for columns that start every `ld ≥ n` values.
pub(crate) fn gram_strided(x: &[f64], ld: usize, n: usize, p: usize, out: &mut [f64]) {
    if n == 0 || p == 0 {
        out.fill(0.0);
    } else if p * (p + 1) / 2 <= NARROW_PRODUCT + 1 || n * p * p <= 4 * TINY_PRODUCT {
        for j in 0..p {
            for i in j..p {
                out[j * p + i] = dot(&x[i * ld..][..n], &x[j * ld..][..n]);
            }
        }
        mirror(out, p);
    } else if n < 4 * GRAM_ROWS || n < GRAM_PIECES * p {
        faer::gram_lower(x, ld, n, p, out, false);
        mirror(out, p);
    } else {
        let height = n.div_ceil(GRAM_PIECES).next_multiple_of(GRAM_ROWS);
        let pieces = crate::parallel::map_indexed(n.div_ceil(height), n * p * size_of::<f64>(), |k| {
            let mut sum = vec![0.0; p * p];
            add_gram(&x[k * height..], ld, height.min(n - k * height), p, &mut sum);
            sum
        });
        out.fill(0.0);
        for piece in pieces {
            out.iter_mut().zip(&piece).for_each(|(o, v)| *o += v);
        }
        mirror(out, p);
    }
}

/// Adds XᵀX to the lower triangle of `out`, for columns that start every `ld ≥ n` values.
pub(crate) fn add_gram(x: &[f64], ld: usize, n: usize, p: usize, out: &mut [f64]) {
    for from in (0..n).step_by(GRAM_ROWS) {
        faer::gram_lower(&x[from..], ld, GRAM_ROWS.min(n - from), p, out, true);
    }
}

/// Adds AᵀB to `out` (p×m) for A n×p and B n×m.
pub(crate) fn add_transpose_matmul(a: &[f64], b: &[f64], n: usize, p: usize, m: usize, out: &mut [f64]) {
    faer::transpose_matmul((a, n), (b, n), n, (p, m), out, true);
}

/// [`add_transpose_matmul`] for matrices given with the distance between the starts of their columns.
pub(crate) fn add_transpose_matmul_strided(
    a: (&[f64], usize),
    b: (&[f64], usize),
    n: usize,
    p: usize,
    m: usize,
    out: &mut [f64],
) {
    faer::transpose_matmul(a, b, n, (p, m), out, true);
}

/// `out ← AᵀB` (p×m) for A n×p and B n×m.
pub(crate) fn transpose_matmul(a: &[f64], b: &[f64], n: usize, p: usize, m: usize, out: &mut [f64]) {
    transpose_matmul_strided((a, n), (b, n), n, p, m, out);
}

/// [`transpose_matmul`] for matrices given with the distance between the starts of their columns.
pub(crate) fn transpose_matmul_strided(
    (a, lda): (&[f64], usize),
    (b, ldb): (&[f64], usize),
    n: usize,
    p: usize,
    m: usize,
    out: &mut [f64],
) {
    if n == 0 || p == 0 || m == 0 {
        out.fill(0.0);
    } else if p * m <= NARROW_PRODUCT || n * p * m <= TINY_PRODUCT {
        for (j, column) in out.chunks_exact_mut(p).enumerate() {
            for (i, o) in column.iter_mut().enumerate() {
                *o = dot(&a[i * lda..][..n], &b[j * ldb..][..n]);
            }
        }
    } else {
        // In pieces that depend on the shape alone.
        crate::parallel::for_each_chunk(out, p * PRODUCT_COLUMNS, n * (p + m) * size_of::<f64>(), |k, out| {
            let b = &b[k * PRODUCT_COLUMNS * ldb..];
            faer::transpose_matmul((a, lda), (b, ldb), n, (p, out.len() / p), out, false);
        });
    }
}

/// `out ← AB` (n×m) for A n×p and B p×m.
pub(crate) fn matmul(a: &[f64], b: &[f64], n: usize, p: usize, m: usize, out: &mut [f64]) {
    matmul_strided((a, n), b, n, p, m, out);
}

/// [`matmul`] for an A whose columns start every `lda ≥ n` values.
pub(crate) fn matmul_strided((a, lda): (&[f64], usize), b: &[f64], n: usize, p: usize, m: usize, out: &mut [f64]) {
    if n == 0 || p == 0 || m == 0 {
        out.fill(0.0);
    } else {
        faer::matmul((a, lda), b, n, p, m, out);
    }
}

/// xᵀy: a plain loop up to 64 values, where a library call costs more (n = 20: 9 ns against 35; n = 5000: 1800, 580).
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len();
    if n <= 64 {
        small::dot(x, y)
    } else {
        let mut out = [0.0];
        faer::transpose_matmul((x, n), (y, n), n, (1, 1), &mut out, false);
        out[0]
    }
}

/// Copies the lower triangle of a p×p matrix onto the upper one, in tiles that stay in the cache.
pub(crate) fn mirror(a: &mut [f64], p: usize) {
    const TILE: usize = 16;
    for j0 in (0..p).step_by(TILE) {
        for i0 in (j0..p).step_by(TILE) {
            for j in j0..(j0 + TILE).min(p) {
                for i in i0.max(j + 1)..(i0 + TILE).min(p) {
                    a[i * p + j] = a[j * p + i];
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- Cholesky

/// A = LLᵀ for a symmetric positive definite p×p matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cholesky {
    p: usize,
    /// L, column-major; what stands above its diagonal is never read.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors `a` (p×p).
    pub(crate) fn factor(a: &[f64], p: usize) -> Result<Self, NotPositiveDefinite> {
        let mut cholesky = Self::default();
        cholesky.refactor(a, p)?;
        Ok(cholesky)
    }

    /// Replaces this factor by that of `a` (p×p) and keeps the buffer. After an error the factor is empty (p = 0).
    pub(crate) fn refactor(&mut self, a: &[f64], p: usize) -> Result<(), NotPositiveDefinite> {
        assert_eq!(a.len(), p * p, "a is not p×p");
        self.p = 0;
        self.factor.clear();
        self.factor.extend_from_slice(a);
        if p <= TINY {
            small::cholesky(&mut self.factor, p)?;
        } else {
            factorization::cholesky(&mut self.factor, a, p)?;
        }
        self.p = p;
        Ok(())
    }

    /// L_ij for i ≥ j.
    pub(crate) fn lower(&self, i: usize, j: usize) -> f64 {
        self.factor[j * self.p + i]
    }

    /// `b ← A⁻¹ b` for one or more columns of length p.
    pub(crate) fn solve_in_place(&self, b: &mut [f64]) {
        if self.p > 0 {
            faer::cholesky_solve(&self.factor, self.p, b, b.len() / self.p);
        }
    }

    /// log det A.
    pub(crate) fn log_det(&self) -> f64 {
        2.0 * (0..self.p).map(|j| self.lower(j, j).ln()).sum::<f64>()
    }

    /// `out ← A⁻¹` (p×p, both triangles).
    pub(crate) fn inverse(&self, out: &mut [f64]) {
        let p = self.p;
        if p <= TINY {
            small::inverse_lower(&self.factor, p, out);
        } else {
            factorization::inverse_lower(&self.factor, p, out);
        }
        mirror(out, p);
    }
}

// ------------------------------------------------------------------------------------------------------- eigenvalues

/// A = V diag(values) Vᵀ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Eigen {
    /// Ascending.
    pub(crate) values: Vec<f64>,
    /// V, column-major: one eigenvector a column.
    pub(crate) vectors: Vec<f64>,
}

/// Eigenvalues and eigenvectors of a symmetric p×p matrix.
pub(crate) fn eigh(a: &[f64], p: usize) -> Result<Eigen, NoConvergence> {
    let (mut values, mut vectors) = (vec![0.0; p], vec![0.0; p * p]);
    if a.iter().any(|v| !v.is_finite()) {
        return Err(NoConvergence);
    }
    faer::eigh(a, p, &mut values, Some(&mut vectors))?;
    Ok(Eigen { values, vectors })
}

/// Eigenvalues of a symmetric p×p matrix, ascending.
pub(crate) fn eigenvalues(a: &[f64], p: usize) -> Result<Vec<f64>, NoConvergence> {
    let mut values = vec![0.0; p];
    if a.iter().any(|v| !v.is_finite()) {
        return Err(NoConvergence);
    }
    faer::eigh(a, p, &mut values, None)?;
    Ok(values)
}

/// Singular values of an n×p matrix, descending; min(n, p) of them.
pub(crate) fn singular_values(a: &[f64], n: usize, p: usize) -> Result<Vec<f64>, NoConvergence> {
    let mut values = vec![0.0; n.min(p)];
    if a.iter().any(|v| !v.is_finite()) {
        return Err(NoConvergence);
    }
    if !values.is_empty() {
        faer::singular_values(a, n, p, &mut values)?;
    }
    Ok(values)
}

/// A = U diag(values) Vᵀ with min(n, p) singular values.
#[derive(Debug, Clone)]
pub(crate) struct Svd {
    /// Descending.
    pub(crate) values: Vec<f64>,
    /// U, one vector of length n a column.
    pub(crate) left: Vec<f64>,
    /// V, one vector of length p a column.
    pub(crate) right: Vec<f64>,
}

/// Singular values and vectors of an n×p matrix.
pub(crate) fn svd(a: &[f64], n: usize, p: usize) -> Result<Svd, NoConvergence> {
    let k = n.min(p);
    let mut svd = Svd { values: vec![0.0; k], left: vec![0.0; n * k], right: vec![0.0; p * k] };
    if a.iter().any(|v| !v.is_finite()) {
        return Err(NoConvergence);
    }
    if k > 0 {
        faer::svd(a, n, p, &mut svd.values, &mut svd.left, &mut svd.right)?;
    }
    Ok(svd)
}

/// An **upper** bound of the largest eigenvalue of a symmetric p×p matrix with both triangles filled: what a step size
/// 1/L needs, and what power iteration, which only gives lower bounds, cannot promise.
///
/// Up to p = 200 the largest eigenvalue itself, rounded up by the error of its computation. Above, the smaller of
/// ‖A‖_∞ and ‖A⁴‖_F^¼, at most p^⅛ times (2.4 for p = 1000) and usually a few per cent above the spectral radius.
/// Infinite if `a` is not finite.
pub(crate) fn largest_eigenvalue(a: &[f64], p: usize) -> f64 {
    match p {
        0 => 0.0,
        1 => a[0],
        2 => {
            let (mean, half) = (0.5 * (a[0] + a[3]), 0.5 * (a[0] - a[3]));
            round_up(mean + half.hypot(a[1]), 2)
        }
        _ if p <= EXACT_EIGENVALUE => match eigenvalues(a, p) {
            Ok(values) => round_up(values[p - 1], p),
            Err(NoConvergence) => spectral_radius_bound(a, p),
        },
        _ => spectral_radius_bound(a, p),
    }
}

/// Adds what rounding may have taken from a computed eigenvalue of a p×p matrix.
fn round_up(value: f64, p: usize) -> f64 {
    value + value.abs() * 8.0 * p as f64 * f64::EPSILON
}

/// min(‖A‖_∞, ‖A⁴‖_F^¼) by two squarings, scaled so that nothing overflows.
fn spectral_radius_bound(a: &[f64], p: usize) -> f64 {
    let max_sum = a.chunks_exact(p).map(|column| column.iter().map(|v| v.abs()).sum::<f64>()).fold(0.0, max_or_nan);
    if max_sum == 0.0 {
        return 0.0;
    }
    if !max_sum.is_finite() {
        return f64::INFINITY;
    }
    let mut power = a.to_vec();
    let mut square = vec![0.0; p * p];
    let mut bound = 0.0;
    let mut exponent = 1.0;
    for squaring in 0..3 {
        let size = norm(&power);
        bound += exponent * size.ln();
        if squaring < 2 {
            power.iter_mut().for_each(|v| *v /= size);
            gram(&power, p, p, &mut square);
            std::mem::swap(&mut power, &mut square);
            exponent *= 0.5;
        }
    }
    round_up(bound.exp().min(max_sum), p)
}

/// Power iteration for ‖X‖² = λ_max(XᵀX), X given by `apply` (w, Xw) and `transpose_apply` (r, Xᵀr).
///
/// The result is a **lower** bound that rises to ‖X‖²; the iteration ends when a step gains less than `tolerance`
/// (relative) or after `max_iterations` pairs of products. A solver that uses it as a step size has to backtrack.
pub(crate) fn spectral_norm_squared(
    n: usize,
    p: usize,
    mut apply: impl FnMut(&[f64], &mut [f64]),
    mut transpose_apply: impl FnMut(&[f64], &mut [f64]),
    tolerance: f64,
    max_iterations: usize,
) -> f64 {
    let mut eta = vec![0.0; n];
    let mut image = vec![0.0; p];
    // A fixed pseudo-random start (splitmix64): constants or unit vectors can be orthogonal to the leading vector.
    let mut state = 0_u64;
    let mut v: Vec<f64> = (0..p)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
        .collect();
    let size = norm(&v);
    v.iter_mut().for_each(|x| *x /= size);
    let mut estimate = 0.0;
    for _ in 0..max_iterations {
        apply(&v, &mut eta);
        transpose_apply(&eta, &mut image);
        let next = norm(&image);
        if !next.is_finite() {
            return f64::INFINITY;
        }
        if next == 0.0 {
            break;
        }
        let gain = next - estimate;
        estimate = next;
        if gain <= tolerance * next {
            break;
        }
        for (x, y) in v.iter_mut().zip(&image) {
            *x = y / next;
        }
    }
    estimate
}

/// The larger of two numbers; NaN if one is (`f64::max` would forget it).
fn max_or_nan(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// ‖v‖₂ without overflow or underflow; NaN or infinite if `v` is.
fn norm(v: &[f64]) -> f64 {
    let largest = v.iter().fold(0.0, |m, x| max_or_nan(m, x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * v.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}
