//! Products of columns, formed when they are asked for.

use std::ops::Range;
use std::sync::Arc;

use super::{AnyDesign, AsDesign, Csc, Dense, Design, LinearOperator, Terms, by_columns, responses};
use crate::error::{Result, check_length};
use crate::parallel::for_each_chunk;

mod dense;
mod sparse;
mod tiles;

use dense::DenseProducts;
use sparse::SparseProducts;

/// A share of all columns from which a pass over all is cheaper than so many single ones.
const SHARE: usize = 4;

/// The design whose columns are products of columns of another one: `x_a ∘ x_b ∘ …` for each of its [`Terms`].
///
/// Nothing but the base is stored. Columns of a dense base are used where they are if they are column-major `f64`; other
/// dense bases and designs of the user's own are copied once, column by column. A [`Csc`] base stays sparse, and columns
/// are intersections, unless more than a quarter of it is stored. Beside the base there are the factors of the terms,
/// 4 bytes each, and for the time of a pass some 1024 rows of it.
///
/// What makes it fast is that `Xᵀr` over all pairs is the upper triangle of `Bᵀ diag(r) B`, a matrix product, and so are
/// sums and norms of all columns: a pass needs n p² / 2 multiplications at the speed of products instead of n p² / 2
/// numbers from memory. Products of more factors go through the same tiles, `r ∘ x_a ∘ …` in the place of r.
///
/// Products of columns far from zero are nearly multiples of them: centre the base first if that is not meant.
///
/// ```
/// use ndarray::{Array2, array};
/// use sparsereg::prelude::*;
/// use sparsereg::design::{Interactions, LinearOperator};
/// let base = Array2::from_shape_fn((40, 6), |(i, j)| f64::sin((i * i * (j + 1) + 3 * j) as f64));
/// let y = ndarray::Array1::from_shape_fn(40, |i| 2.0 * base[[i, 1]] * base[[i, 4]] - 3.0 * base[[i, 0]]);
/// let x = Interactions::pairs(&base)?;
/// assert_eq!(x.ncols(), 6 + 15);
/// let model = Lasso::new(0.05).fit(&x, &y)?;
/// let found: Vec<_> = model.support().iter().map(|&j| x.terms().term(j)).collect();
/// assert_eq!(found, [vec![0], vec![1, 4]]);
/// let new = array![[1.0, 0.5, 0.0, 0.0, -1.0, 0.0]];
/// let y = model.predict(&x.on(&new)?)?; // the same products of new rows
/// assert!((y[0] + 3.688).abs() < 1e-2); // −4, shrunk
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interactions<'a> {
    terms: Arc<Terms>,
    products: Products<'a>,
}

#[derive(Debug, Clone)]
enum Products<'a> {
    Dense(DenseProducts<'a>),
    Sparse(SparseProducts<'a>),
}

impl<'a> Interactions<'a> {
    /// The columns of `base` and the products of any two of them.
    ///
    /// # Errors
    /// Those of [`AsDesign::as_design`] and [`Terms::pairs`].
    pub fn pairs<X: AsDesign + ?Sized>(base: &'a X) -> Result<Self> {
        let base = base.as_design()?;
        let terms = Terms::pairs(base.ncols())?;
        Self::with_base(base, Arc::new(terms), None)
    }

    /// These products of columns of `base`.
    ///
    /// # Errors
    /// Those of [`AsDesign::as_design`], and [`Error::Length`](crate::Error::Length) unless the terms are over as many
    /// features as there are columns.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{Design, Interactions, Terms};
    /// let base = array![[1.0, 2.0], [3.0, 4.0]];
    /// let x = Interactions::new(&base, Terms::pairs(2)?.with_squares())?;
    /// let mut column = [0.0; 2];
    /// x.column(x.terms().position(&[0, 1]).unwrap(), &mut column);
    /// assert_eq!(column, [2.0, 12.0]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new<X: AsDesign + ?Sized>(base: &'a X, terms: Terms) -> Result<Self> {
        Self::with_base(base.as_design()?, Arc::new(terms), None)
    }

    /// The same products of other rows: what [`predict`](crate::estimator::LinearModel::predict) takes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn on<'b, X: AsDesign + ?Sized>(&self, base: &'b X) -> Result<Interactions<'b>> {
        Interactions::with_base(base.as_design()?, Arc::clone(&self.terms), Some(self))
    }

    /// Which products, in the order of the columns.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// `like`, if there is one, has the same terms.
    pub(super) fn with_base(
        base: AnyDesign<'a>,
        terms: Arc<Terms>,
        like: Option<&Interactions<'_>>,
    ) -> Result<Interactions<'a>> {
        check_length("base columns", terms.nfeatures(), base.ncols())?;
        let products = match base {
            AnyDesign::Csc(x) if 4.0 * x.column_cost() <= x.nrows() as f64 => {
                Products::Sparse(SparseProducts::new(x, Arc::clone(&terms)))
            }
            base => {
                let tiles = match like {
                    Some(Interactions { products: Products::Dense(like), .. }) => Some(like.tiles()),
                    _ => None,
                };
                Products::Dense(DenseProducts::new(column_major(base)?, Arc::clone(&terms), tiles))
            }
        };
        Ok(Interactions { terms, products })
    }

    fn sparse(&self) -> Option<&SparseProducts<'a>> {
        match &self.products {
            Products::Dense(_) => None,
            Products::Sparse(x) => Some(x),
        }
    }
}

/// The base in one piece, column after column.
fn column_major(base: AnyDesign<'_>) -> Result<Dense<'_, f64>> {
    match base {
        AnyDesign::Dense(x) if x.columns_slice().is_some() => Ok(x),
        AnyDesign::Dense(x) => Ok(x.to_column_major()),
        AnyDesign::DenseF32(x) => Ok(x.to_column_major()),
        x => {
            let n = x.nrows();
            let mut data = vec![0.0; n * x.ncols()];
            data.chunks_exact_mut(n).enumerate().for_each(|(j, out)| x.column(j, out));
            Dense::from_columns(data, n, x.ncols())
        }
    }
}

impl LinearOperator for Interactions<'_> {
    fn nrows(&self) -> usize {
        match &self.products {
            Products::Dense(x) => x.nrows(),
            Products::Sparse(x) => x.nrows(),
        }
    }

    fn ncols(&self) -> usize {
        self.terms.len()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some(match &self.products {
            Products::Dense(x) => x.sq_norms(),
            Products::Sparse(_) => (0..self.ncols()).map(|j| self.sq_norm(j)).collect(),
        })
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        match &self.products {
            Products::Dense(x) => x.apply(w, eta),
            Products::Sparse(_) => super::apply_by_columns(self, w, eta),
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        match &self.products {
            Products::Dense(x) => x.transpose_apply(r, out),
            Products::Sparse(x) => x.transpose_apply(r, out),
        }
    }
}

impl Design for Interactions<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        if SHARE * cols.len() > self.ncols() {
            let mut all = vec![0.0; self.ncols() * q];
            self.transpose_apply(r, &mut all);
            out.copy_from_slice(&all[cols.start * q..cols.end * q]);
            return;
        }
        for (j, out) in cols.zip(out.chunks_exact_mut(q.max(1))) {
            match &self.products {
                Products::Dense(x) => x.dot(j, r, out),
                Products::Sparse(x) => x.dot(j, r, out),
            }
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        if SHARE * cols.len() > self.ncols() {
            let mut all = vec![0.0; self.ncols() * q];
            self.transpose_apply(r, &mut all);
            for (&j, out) in cols.iter().zip(out.chunks_exact_mut(q.max(1))) {
                out.copy_from_slice(&all[j * q..(j + 1) * q]);
            }
            return;
        }
        for (&j, out) in cols.iter().zip(out.chunks_exact_mut(q.max(1))) {
            self.dot(j..j + 1, r, out);
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        for (j, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
            match &self.products {
                Products::Dense(x) => x.axpy(j, delta, eta),
                Products::Sparse(x) => x.axpy(j, delta, eta),
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        self.centred_sq_norm(col, 0.0)
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let mut x = vec![0.0; self.nrows()];
        self.column(col, &mut x);
        crate::kernels::sq_deviation(&x, centre)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        match &self.products {
            Products::Dense(x) => x.column(col, out),
            Products::Sparse(x) => x.column(col, out),
        }
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        let (sums, squares) = match &self.products {
            Products::Dense(x) => x.first_and_second(weights),
            Products::Sparse(x) => x.first_and_second(weights),
        };
        let mut out = vec![(0.0, 0.0); self.ncols()];
        for_each_chunk(&mut out, 64, self.nrows() * self.ncols(), |chunk, out| {
            for (out, j) in out.iter_mut().zip(64 * chunk..) {
                *out = by_columns::mean_and_deviation(self, j, (sums[j], squares[j]), weights);
            }
        });
        Some(out)
    }

    fn column_cost(&self) -> f64 {
        match &self.products {
            Products::Dense(x) => x.nrows() as f64,
            Products::Sparse(x) => x.column_cost(),
        }
    }

    fn prefers_gather(&self) -> bool {
        self.sparse().is_none()
    }

    /// A column costs a few times its share of a pass.
    fn reads_columns(&self) -> bool {
        true
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        match &self.products {
            Products::Dense(x) => x.cross_gram(rows, cols, out),
            Products::Sparse(x) => x.with_columns(rows, cols, |x, rows, cols| x.cross_gram(rows, cols, out)),
        }
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        match &self.products {
            Products::Dense(_) => super::weighted::by_blocks(self, cols, others, h, out),
            Products::Sparse(x) => {
                x.with_columns(cols, others, |x, cols, others| x.weighted_gram(cols, others, h, out))
            }
        }
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        self.sparse()?.columns(cols).scale_rows(d).ok()
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let Products::Dense(x) = &self.products else { return false };
        let m = rows.len().max(1);
        cols.iter().zip(out.chunks_exact_mut(m)).for_each(|(&j, out)| x.rows(j, rows.clone(), out));
        true
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let products = match &self.products {
            Products::Dense(x) => Products::Dense(x.select_rows(rows)?),
            Products::Sparse(x) => Products::Sparse(x.select_rows(rows)?),
        };
        Some(Box::new(Interactions { terms: Arc::clone(&self.terms), products }))
    }
}
