//! What users may hand to `fit`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use ndarray::{ArrayBase, Data, Ix2};

use super::{Csc, Dense, Design, Element, LinearOperator, Rows};
use crate::error::{Error, Result};

/// What can be the X of an estimator: an `ndarray` matrix (owned or view, `f64` or `f32`, any layout), [`Dense`], [`Csc`],
/// or any type that implements [`Design`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::design::{AnyDesign, AsDesign, Csc};
/// assert!(matches!(array![[1.0f32]].as_design()?, AnyDesign::DenseF32(_)));
/// assert!(matches!(Csc::from_triplets(1, 1, &[])?.as_design()?, AnyDesign::Csc(_)));
/// assert!(array![[f64::NAN]].as_design().is_err());
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a design matrix",
    note = "use an ndarray matrix of f64 or f32, `Csc`, or implement `Design`"
)]
pub trait AsDesign {
    /// The design, borrowed if its layout allows.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns; [`Error::NotFinite`] with the place of a NaN or infinity (arrays and
    /// [`Dense`]; a user's own design cannot be checked).
    fn as_design(&self) -> Result<AnyDesign<'_>>;
}

impl<S, T> AsDesign for ArrayBase<S, Ix2>
where
    S: Data<Elem = T>,
    T: Element,
{
    fn as_design(&self) -> Result<AnyDesign<'_>> {
        Dense::new(self.view()).map(T::any)
    }
}

impl<D: Design> AsDesign for D {
    fn as_design(&self) -> Result<AnyDesign<'_>> {
        if self.nrows() == 0 || self.ncols() == 0 {
            return Err(Error::Empty { argument: "x" });
        }
        Ok(self.known()?.unwrap_or(AnyDesign::Custom(self)))
    }
}

/// The storages that the crate knows, and everybody else's; itself a [`Design`].
#[non_exhaustive]
pub enum AnyDesign<'a> {
    /// Dense, `f64`.
    Dense(Dense<'a, f64>),
    /// Dense, stored in `f32`.
    DenseF32(Dense<'a, f32>),
    /// Sparse columns.
    Csc(Cow<'a, Csc>),
    /// A design of the user's own.
    Custom(&'a dyn Design),
    /// An owned view: standardised, weighted, permuted, or rows of a design of the user's own.
    Owned(Box<dyn Design + 'a>),
}

macro_rules! each {
    ($any:expr, $x:ident => $verb:expr) => {
        match $any {
            AnyDesign::Dense($x) => $verb,
            AnyDesign::DenseF32($x) => $verb,
            AnyDesign::Csc($x) => {
                let $x: &Csc = $x;
                $verb
            }
            AnyDesign::Custom($x) => {
                let $x: &dyn Design = *$x;
                $verb
            }
            AnyDesign::Owned($x) => {
                let $x: &dyn Design = &**$x;
                $verb
            }
        }
    };
}

impl AnyDesign<'_> {
    /// The same design, borrowed.
    pub(crate) fn reborrow(&self) -> AnyDesign<'_> {
        match self {
            Self::Dense(x) => AnyDesign::Dense(x.reborrow()),
            Self::DenseF32(x) => AnyDesign::DenseF32(x.reborrow()),
            Self::Csc(x) => AnyDesign::Csc(Cow::Borrowed(x)),
            Self::Custom(x) => AnyDesign::Custom(*x),
            Self::Owned(x) => AnyDesign::Custom(&**x),
        }
    }

    /// The given rows, in that order: owned copies, dense ones column-major and in the same precision. A user's own design
    /// that does not implement [`Design::select_rows`] gets a view, [`Rows`].
    ///
    /// # Errors
    /// [`Error::Index`] for a row that does not exist, [`Error::Empty`] for no rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, Design};
    /// let x = array![[1.0], [2.0], [3.0]];
    /// let x = x.as_design()?;
    /// assert_eq!(x.select_rows(&[0, 2])?.column_sum(0), 4.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn select_rows(&self, rows: &[usize]) -> Result<AnyDesign<'_>> {
        check_rows(rows, self.nrows())?;
        let view = |x| Ok::<_, Error>(AnyDesign::Owned(Box::new(Rows::new(x, rows.to_vec())?)));
        Ok(match self {
            Self::Dense(x) => AnyDesign::Dense(x.select_rows(rows)?),
            Self::DenseF32(x) => AnyDesign::DenseF32(x.select_rows(rows)?),
            Self::Csc(x) => AnyDesign::Csc(Cow::Owned(x.select_rows(rows)?)),
            Self::Custom(x) => x.select_rows(rows).map_or_else(|| view(*x), |x| Ok(AnyDesign::Owned(x)))?,
            Self::Owned(x) => x.select_rows(rows).map_or_else(|| view(&**x), |x| Ok(AnyDesign::Owned(x)))?,
        })
    }
}

/// Rejects rows that do not exist, and no rows.
pub(super) fn check_rows(rows: &[usize], len: usize) -> Result<()> {
    if rows.is_empty() {
        return Err(Error::Empty { argument: "rows" });
    }
    match rows.iter().position(|&i| i >= len) {
        Some(position) => Err(Error::Index { argument: "rows", position, index: rows[position], len }),
        None => Ok(()),
    }
}

impl fmt::Debug for AnyDesign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Dense(_) => "dense f64",
            Self::DenseF32(_) => "dense f32",
            Self::Csc(_) => "sparse",
            Self::Custom(_) | Self::Owned(_) => "custom",
        };
        write!(f, "{kind} {} × {} design", self.nrows(), self.ncols())
    }
}

impl LinearOperator for AnyDesign<'_> {
    fn nrows(&self) -> usize {
        each!(self, x => x.nrows())
    }
    fn ncols(&self) -> usize {
        each!(self, x => x.ncols())
    }
    fn sq_norms(&self) -> Option<Vec<f64>> {
        each!(self, x => x.sq_norms())
    }
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        each!(self, x => x.apply(w, eta));
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        each!(self, x => x.transpose_apply(r, out));
    }
}

impl Design for AnyDesign<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        each!(self, x => x.dot(cols, r, out));
    }
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        each!(self, x => x.axpy(cols, delta, eta));
    }
    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        each!(self, x => x.dot_scattered(cols, r, out));
    }
    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        each!(self, x => x.axpy_scattered(cols, delta, eta));
    }
    fn sq_norm(&self, col: usize) -> f64 {
        each!(self, x => x.sq_norm(col))
    }
    fn column_sum(&self, col: usize) -> f64 {
        each!(self, x => x.column_sum(col))
    }
    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        each!(self, x => x.centred_sq_norm(col, centre))
    }
    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        each!(self, x => x.means_and_deviations(weights))
    }
    fn column(&self, col: usize, out: &mut [f64]) {
        each!(self, x => x.column(col, out));
    }
    fn column_cost(&self) -> f64 {
        each!(self, x => x.column_cost())
    }
    fn prefers_gather(&self) -> bool {
        each!(self, x => x.prefers_gather())
    }
    fn reads_columns(&self) -> bool {
        each!(self, x => x.reads_columns())
    }
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        each!(self, x => x.cross_gram(rows, cols, out));
    }
    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        each!(self, x => x.weighted_gram(cols, others, h, out));
    }
    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        each!(self, x => x.scaled_columns(cols, d))
    }
    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        each!(self, x => x.copy_block(rows, cols, out))
    }
    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        each!(self, x => Design::select_rows(x, rows))
    }
    fn parts(&self) -> Option<&[usize]> {
        each!(self, x => x.parts())
    }
    fn gathered(&self, cols: &[usize]) -> Option<AnyDesign<'static>> {
        each!(self, x => x.gathered(cols))
    }
    fn known(&self) -> Result<Option<AnyDesign<'_>>> {
        match self {
            Self::Custom(x) => Ok(Some(AnyDesign::Custom(*x))),
            Self::Owned(x) => Ok(Some(AnyDesign::Custom(&**x))),
            Self::Dense(x) => x.known(),
            Self::DenseF32(x) => x.known(),
            Self::Csc(x) => x.known(),
        }
    }
}
