//! X, in a handful of verbs. Views (standardised, permuted, repeated, restricted) implement the same verbs and compose.
//!
//! Conventions: `n` rows, `p` columns, `q` responses. Coefficients are **feature-major**: the `q` values of column `j`
//! are `w[j*q..(j+1)*q]`. Predictions and residuals are **task-major**: the `n` values of response `t` are
//! `r[t*n..(t+1)*n]`. `q` is never passed: it is `r.len() / n`.
//!
//! | design | columns |
//! | --- | --- |
//! | [`Dense`], [`Csc`], [`OneHot`] | as stored |
//! | [`Standardized`], [`RowScaled`], [`Columns`], [`Rows`] | those of another design, changed |
//! | [`Concatenated`], [`Stacked`], [`Kronecker`] | those of several designs, or of one repeated |
//! | [`Interactions`], [`Library`] | products of columns, and functions of variables |
//! | [`Convolution`], [`WalshHadamard`], [`Wavelets`] | by formula, with fast products |
//! | [`ByOperator`] | those of an operator of the user's own |

use std::ops::Range;

mod by_columns;
mod by_operator;
mod columns;
mod concatenated;
mod convolution;
mod csc;
mod dense;
mod input;
mod interactions;
mod kronecker;
mod library;
#[cfg(feature = "mmap")]
mod mapped;
mod moments;
mod npy;
mod one_hot;
mod row_scaled;
mod rows;
mod stacked;
mod standardized;
mod task_stack;
mod terms;
mod walsh_hadamard;
mod wavelets;
mod weighted;
mod with_ones;

pub use by_operator::{ByOperator, check_adjoint};
pub use columns::Columns;
pub use concatenated::Concatenated;
pub use convolution::{Boundary, Convolution};
pub(crate) use csc::BAND;
pub use csc::Csc;
pub use dense::{Dense, Element};
pub use input::{AnyDesign, AsDesign};
pub use interactions::Interactions;
pub use kronecker::Kronecker;
pub use library::Library;
#[cfg(feature = "mmap")]
pub use mapped::MappedMatrix;
pub(crate) use moments::{Moments, moments};
pub use npy::{Npy, Order, Precision};
pub use one_hot::OneHot;
pub use row_scaled::RowScaled;
pub use rows::Rows;
pub use stacked::Stacked;
pub use standardized::Standardized;
pub use task_stack::TaskStack;
pub use terms::Terms;
pub use walsh_hadamard::WalshHadamard;
pub use wavelets::{Wavelet, Wavelets};
pub use with_ones::WithOnes;

/// A matrix that can be applied, and nothing more: enough for [`Fista`](crate::solver::Fista).
///
/// Laws: `⟨X w, r⟩ = ⟨w, Xᵀ r⟩`, both maps linear, every output element overwritten.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a linear operator",
    note = "implement `LinearOperator` (nrows, ncols, apply, transpose_apply)"
)]
pub trait LinearOperator: Sync {
    /// Number of rows n.
    fn nrows(&self) -> usize;
    /// Number of columns p.
    fn ncols(&self) -> usize;
    /// `eta ← X W` for `q` responses; `w` feature-major (p·q), `eta` task-major (n·q).
    fn apply(&self, w: &[f64], eta: &mut [f64]);
    /// `out ← Xᵀ R` for `q` responses; `r` task-major (n·q), `out` feature-major (p·q).
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]);
    /// `‖x_j‖²` of every column, if columns are at hand: lets [`Fista`](crate::solver::Fista) take steps in the units of
    /// the columns. `None` by default.
    fn sq_norms(&self) -> Option<Vec<f64>> {
        None
    }
}

/// A matrix whose columns can be used one by one: what coordinate and block descent need.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give its columns, so descent solvers cannot use it",
    note = "use `Fista`, which needs only `LinearOperator`, or implement `Design` (dot, axpy, sq_norm)"
)]
pub trait Design: LinearOperator {
    /// `out ← X_Bᵀ R` for the columns B = `cols`; `out` feature-major, `cols.len()·q` values.
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]);

    /// `eta ← eta + X_B Δ` for the columns B = `cols`; `delta` feature-major, `cols.len()·q` values.
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]);

    /// [`dot`](Self::dot) for columns anywhere: `out` holds `cols.len()·q` values in the order of `cols`.
    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows()).max(1);
        for (&j, out) in cols.iter().zip(out.chunks_exact_mut(q)) {
            self.dot(j..j + 1, r, out);
        }
    }

    /// [`axpy`](Self::axpy) for columns anywhere.
    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows()).max(1);
        for (&j, delta) in cols.iter().zip(delta.chunks_exact(q)) {
            self.axpy(j..j + 1, delta, eta);
        }
    }

    /// `‖x_j‖²`.
    fn sq_norm(&self, col: usize) -> f64;

    /// `Σ_i x_ij`. The default forms the column.
    fn column_sum(&self, col: usize) -> f64 {
        let mut x = vec![0.0; self.nrows()];
        self.column(col, &mut x);
        x.iter().sum()
    }

    /// `Σ_i (x_ij − centre)²`, without the cancellation of `Σ x² − n·centre²`. The default forms the column.
    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let mut x = vec![0.0; self.nrows()];
        self.column(col, &mut x);
        crate::kernels::sq_deviation(&x, centre)
    }

    /// `Σ_i s_i x_ij / n` and `Σ_i s_i (x_ij − mean_j)²` of every column, for weights s of mean 1 (`None`: all 1), if the
    /// design has a faster way to them than forming its columns one by one; `None`, the default, if not. A constant column
    /// must get a deviation of at most a few (ε·mean)², not what is left of a difference of sums.
    fn means_and_deviations(&self, _weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        None
    }

    /// `out ← x_j`, all n values.
    fn column(&self, col: usize, out: &mut [f64]) {
        out.fill(0.0);
        self.axpy(col..col + 1, &[1.0], out);
    }

    /// Typical number of stored values in a column: the cost of one `dot` or `axpy`, n if dense.
    fn column_cost(&self) -> f64 {
        self.nrows() as f64
    }

    /// Whether a gathered copy of a column is much cheaper to use than the original (row-major or implicit storage).
    fn prefers_gather(&self) -> bool {
        false
    }

    /// Whether some columns can be used at a fraction of the price of all; not so in row-major storage.
    fn reads_columns(&self) -> bool {
        !self.prefers_gather()
    }

    /// `out ← X_rowsᵀ X_cols`, column-major `rows.len() × cols.len()`.
    /// The default gathers the columns and multiplies; sparse storages do better.
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let n = self.nrows();
        let gather = |index: &[usize]| {
            let mut buffer = vec![0.0; n * index.len()];
            for (&j, x) in index.iter().zip(buffer.chunks_exact_mut(n.max(1))) {
                self.column(j, x);
            }
            buffer
        };
        let left = gather(rows);
        if rows == cols {
            crate::linalg::gram(&left, n, rows.len(), out);
        } else {
            let right = gather(cols);
            crate::linalg::transpose_matmul(&left, &right, n, rows.len(), cols.len(), out);
        }
    }

    /// `out ← X_colsᵀ diag(h) X_others`, column-major `cols.len() × others.len()`, for weights h of any sign: what the
    /// second-order model of a loss is made of. The default multiplies copies of blocks of rows; sparse storages do better.
    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        weighted::by_blocks(self, cols, others, h, out);
    }

    /// `diag(d) X_cols` as a matrix of its own, if these columns are sparse; `None`, the default, if not.
    fn scaled_columns(&self, _cols: &[usize], _d: &[f64]) -> Option<Csc> {
        None
    }

    /// `out ← X[rows, cols]`, column-major, for rows that stand together: what products of tall data are made of, block by
    /// block while it is in the cache. Returns whether the storage can do that without touching other rows; `false`, the
    /// default, leaves `out` alone.
    fn copy_block(&self, _rows: Range<usize>, _cols: &[usize], _out: &mut [f64]) -> bool {
        false
    }

    /// The given rows (in that order, repeats allowed) as a design of their own: what cross-validation trains on.
    /// `None`, the default, if the storage cannot do that: a view of the whole, [`Rows`], then stands in. Indices are below
    /// `nrows()`.
    fn select_rows(&self, _rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        None
    }

    /// A number for every column, such that those with different ones have no row in common: their products are zero. `None`,
    /// the default, if that is not known.
    #[doc(hidden)]
    fn parts(&self) -> Option<&[usize]> {
        None
    }

    /// A copy of these columns that is quick to use one by one, where it is smaller than a dense one; `None` by default.
    #[doc(hidden)]
    fn gathered(&self, _cols: &[usize]) -> Option<AnyDesign<'static>> {
        None
    }

    /// The design as one of the storages that the crate knows, checked for NaN and infinities; `None`, the default, for
    /// designs of the user's own. It lets [`AsDesign`] hold for every design without hiding what a [`Csc`] is.
    #[doc(hidden)]
    fn known(&self) -> crate::error::Result<Option<AnyDesign<'_>>> {
        Ok(None)
    }
}

/// `eta ← X W` written with the columns of a [`Design`], those with coefficients zero left out: what
/// [`LinearOperator::apply`] can call in storages without a faster way.
///
/// ```
/// use sparsereg::design::{Dense, apply_by_columns};
/// let x = Dense::from_columns(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
/// let mut eta = [0.0; 2];
/// apply_by_columns(&x, &[0.0, 2.0], &mut eta);
/// assert_eq!(eta, [6.0, 8.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn apply_by_columns<D: Design + ?Sized>(x: &D, w: &[f64], eta: &mut [f64]) {
    let q = responses(eta, x.nrows());
    eta.fill(0.0);
    for (j, wj) in w.chunks_exact(q.max(1)).enumerate() {
        if wj.iter().any(|&v| v != 0.0) {
            x.axpy(j..j + 1, wj, eta);
        }
    }
}

/// The number of responses q that a task-major slice holds.
fn responses(r: &[f64], n: usize) -> usize {
    r.len().checked_div(n).unwrap_or(0)
}

/// Writes the transpose: `from` holds `lines` lines of `len`, `to` gets `len` lines of `lines`. Feature-major
/// coefficients become task-major ones this way, and back.
fn transpose(from: &[f64], len: usize, to: &mut [f64]) {
    let lines = responses(from, len);
    for (k, line) in from.chunks_exact(len.max(1)).enumerate() {
        for (i, &v) in line.iter().enumerate() {
            to[i * lines + k] = v;
        }
    }
}

/// Lends a zeroed slice, from the stack where a single block of coefficients fits.
pub(crate) fn with_scratch<T>(len: usize, f: impl FnOnce(&mut [f64]) -> T) -> T {
    let mut small = [0.0; 32];
    match small.get_mut(..len) {
        Some(scratch) => f(scratch),
        None => f(&mut vec![0.0; len]),
    }
}

/// References and boxes are designs, too.
macro_rules! forward {
    ($pointer:ty) => {
        impl<D: LinearOperator + ?Sized> LinearOperator for $pointer {
            fn nrows(&self) -> usize {
                (**self).nrows()
            }
            fn ncols(&self) -> usize {
                (**self).ncols()
            }
            fn sq_norms(&self) -> Option<Vec<f64>> {
                (**self).sq_norms()
            }
            fn apply(&self, w: &[f64], eta: &mut [f64]) {
                (**self).apply(w, eta);
            }
            fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
                (**self).transpose_apply(r, out);
            }
        }

        impl<D: Design + ?Sized> Design for $pointer {
            fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
                (**self).dot(cols, r, out);
            }
            fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
                (**self).axpy(cols, delta, eta);
            }
            fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
                (**self).dot_scattered(cols, r, out);
            }
            fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
                (**self).axpy_scattered(cols, delta, eta);
            }
            fn sq_norm(&self, col: usize) -> f64 {
                (**self).sq_norm(col)
            }
            fn column_sum(&self, col: usize) -> f64 {
                (**self).column_sum(col)
            }
            fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
                (**self).centred_sq_norm(col, centre)
            }
            fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
                (**self).means_and_deviations(weights)
            }
            fn column(&self, col: usize, out: &mut [f64]) {
                (**self).column(col, out);
            }
            fn column_cost(&self) -> f64 {
                (**self).column_cost()
            }
            fn prefers_gather(&self) -> bool {
                (**self).prefers_gather()
            }
            fn reads_columns(&self) -> bool {
                (**self).reads_columns()
            }
            fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
                (**self).cross_gram(rows, cols, out);
            }
            fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
                (**self).weighted_gram(cols, others, h, out)
            }
            fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
                (**self).scaled_columns(cols, d)
            }
            fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
                (**self).copy_block(rows, cols, out)
            }
            fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
                (**self).select_rows(rows)
            }
            fn parts(&self) -> Option<&[usize]> {
                (**self).parts()
            }
            fn gathered(&self, cols: &[usize]) -> Option<AnyDesign<'static>> {
                (**self).gathered(cols)
            }
            fn known(&self) -> crate::error::Result<Option<AnyDesign<'_>>> {
                (**self).known()
            }
        }
    };
}
forward!(&D);
forward!(Box<D>);
