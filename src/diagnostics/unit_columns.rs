//! Columns divided by their norms.

use std::ops::Range;

use crate::design::{AnyDesign, AsDesign, Design, LinearOperator};
use crate::error::{Error, Result};

/// Norms whose squares neither vanish nor overflow, with room for a sum of products.
const NORMS: Range<f64> = 1e-150..1e150;

/// Numbers of one side of a tile: 32 MB, so that a tall matrix is not copied at once.
const TILE_VALUES: usize = 1 << 22;

/// Columns on a side of a tile: products of 256 columns run at the speed of the machine.
const TILE_COLUMNS: usize = 256;

/// The design, in a form whose products of columns are as exact as [`cosine_error`] says. A view that centres columns far from
/// zero takes them from sums that cancel, and its norms do not: where the two differ products are formed from the columns.
pub(super) fn design<X: AsDesign + ?Sized>(x: &X) -> Result<AnyDesign<'_>> {
    let x = x.as_design()?;
    if !matches!(x, AnyDesign::Custom(_) | AnyDesign::Owned(_)) {
        return Ok(x);
    }
    let squares = x.sq_norms().unwrap_or_else(|| (0..x.ncols()).map(|j| x.sq_norm(j)).collect());
    let slack = cosine_error(x.nrows());
    let exact = squares.iter().enumerate().all(|(j, square)| {
        let mut product = [0.0];
        x.cross_gram(&[j], &[j], &mut product);
        (product[0] - square).abs() <= slack * square
    });
    Ok(if exact { x } else { AnyDesign::Owned(Box::new(Formed(x))) })
}

/// A design whose products are those of its columns.
struct Formed<'a>(AnyDesign<'a>);

impl LinearOperator for Formed<'_> {
    fn nrows(&self) -> usize {
        self.0.nrows()
    }

    fn ncols(&self) -> usize {
        self.0.ncols()
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        self.0.apply(w, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.0.transpose_apply(r, out);
    }
}

/// Without `cross_gram`: the default forms the columns.
impl Design for Formed<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.0.dot(cols, r, out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        self.0.axpy(cols, delta, eta);
    }

    fn sq_norm(&self, col: usize) -> f64 {
        self.0.sq_norm(col)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        self.0.column(col, out);
    }
}

/// ‖x_j‖, not checked.
pub(super) fn norms(x: &AnyDesign<'_>) -> Vec<f64> {
    let squares = x.sq_norms().unwrap_or_else(|| (0..x.ncols()).map(|j| x.sq_norm(j)).collect());
    squares.into_iter().map(f64::sqrt).collect()
}

/// Rejects norms by which one cannot divide.
pub(super) fn check(norms: &[f64]) -> Result<()> {
    match norms.iter().position(|v| !NORMS.contains(v)) {
        Some(j) => Err(Error::OutOfRange {
            argument: "norms of the columns of x",
            index: vec![j],
            value: norms[j],
            expected: "a column that is not zero, its norm between 1e-150 and 1e150",
        }),
        None => Ok(()),
    }
}

/// ‖x_j‖ of columns that have a direction.
pub(super) fn checked_norms(x: &AnyDesign<'_>) -> Result<Vec<f64>> {
    let norms = norms(x);
    check(&norms)?;
    Ok(norms)
}

/// What rounding can do to a cosine of two columns of length n: a sum of n products, divided by two norms.
pub(super) fn cosine_error(n: usize) -> f64 {
    (n + 8) as f64 * f64::EPSILON
}

/// The columns divided by their norms, column-major.
pub(super) fn dense(x: &AnyDesign<'_>, norms: &[f64]) -> Vec<f64> {
    let n = x.nrows();
    let mut unit = vec![0.0; n * x.ncols()];
    for (j, (column, norm)) in unit.chunks_exact_mut(n).zip(norms).enumerate() {
        x.column(j, column);
        column.iter_mut().for_each(|v| *v /= norm);
    }
    unit
}

/// Columns that go into one side of a tile of the Gram matrix. Depends on the shape alone.
pub(super) fn tile_width(n: usize) -> usize {
    (TILE_VALUES / n.max(1)).clamp(16, TILE_COLUMNS)
}

/// `out ← cosines` of the columns `rows` with the columns `cols`, column-major.
///
/// # Errors
/// [`Error::NotFinite`] for a product that is not finite, which only a user's own design can give.
pub(super) fn cosines(
    x: &AnyDesign<'_>,
    norms: &[f64],
    rows: &[usize],
    cols: &[usize],
    out: &mut Vec<f64>,
) -> Result<()> {
    out.clear();
    out.resize(rows.len() * cols.len(), 0.0);
    x.cross_gram(rows, cols, out);
    for (&j, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
        for (&i, v) in rows.iter().zip(out) {
            *v /= norms[i] * norms[j];
            if !v.is_finite() {
                return Err(Error::NotFinite { argument: "XᵀX", index: vec![i, j], value: *v });
            }
        }
    }
    Ok(())
}
