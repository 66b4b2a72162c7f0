//! X, in a handful of verbs. Views (standardised, permuted, repeated, restricted) implement the same verbs and compose.
//!
//! Conventions: `n` rows, `p` columns, `q` responses. Coefficients are **feature-major**: the `q` values of column `j`
//! are `w[j*q..(j+1)*q]`. Predictions and residuals are **task-major**: the `n` values of response `t` are
//! `r[t*n..(t+1)*n]`. `q` is never passed: it is `r.len() / n`.

use std::ops::Range;

mod columns;
mod csc;
mod dense;
mod input;
mod row_scaled;
mod standardized;

pub use columns::Columns;
pub use csc::Csc;
pub use dense::{Dense, Element};
pub use input::{AsDesign, AnyDesign};
pub use row_scaled::RowScaled;
pub use standardized::Standardized;

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

    /// `‖x_j‖²`.
    fn sq_norm(&self, col: usize) -> f64;

    /// `Σ_i x_ij`. The default forms the column.
    fn column_sum(&self, col: usize) -> f64 {
        let mut x = vec![0.0; self.nrows()];
        self.column(col, &mut x);
        x.iter().sum()
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

    /// `out ← X_rowsᵀ X_cols`, column-major `rows.len() × cols.len()`.
    /// The default gathers the columns and multiplies; sparse storages do better.
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let n = self.nrows();
        let gather = |index: &[usize]| {
            let mut buffer = vec![0.0; n * index.len()];
            for (&j, x) in index.iter().zip(buffer.chunks_exact_mut(n)) {
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
}

/// Writes the two [`LinearOperator`] products of a [`Design`] in terms of its columns: for storages without a faster way.
pub fn apply_by_columns<D: Design + ?Sized>(x: &D, w: &[f64], eta: &mut [f64]) {
    let q = eta.len() / x.nrows();
    eta.fill(0.0);
    for (j, wj) in w.chunks_exact(q).enumerate() {
        if wj.iter().any(|&v| v != 0.0) {
            x.axpy(j..j + 1, wj, eta);
        }
    }
}

impl<D: LinearOperator + ?Sized> LinearOperator for &D {
    fn nrows(&self) -> usize {
        (**self).nrows()
    }
    fn ncols(&self) -> usize {
        (**self).ncols()
    }
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        (**self).apply(w, eta);
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        (**self).transpose_apply(r, out);
    }
}

impl<D: Design + ?Sized> Design for &D {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        (**self).dot(cols, r, out);
    }
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        (**self).axpy(cols, delta, eta);
    }
    fn sq_norm(&self, col: usize) -> f64 {
        (**self).sq_norm(col)
    }
    fn column_sum(&self, col: usize) -> f64 {
        (**self).column_sum(col)
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
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        (**self).cross_gram(rows, cols, out);
    }
}
