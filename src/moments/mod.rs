//! Least squares from moments: counts, sums, squares and products of the data instead of the data.
//!
//! [`Moments`] of parts add up to those of the whole (chunks of a file, files, machines, folds), take p² numbers whatever the
//! number of observations, and are all that a fit needs: see
//! [`Estimator::fit_moments`](crate::estimator::Estimator::fit_moments) and
//! [`FitPath::path_moments`](crate::path::FitPath::path_moments).

use ndarray::{ArrayBase, Data, Dimension};

use crate::design::{AnyDesign, AsDesign, Design, LinearOperator};
use crate::error::{Error, Result, check_length, check_weights};
use crate::kernels;
use crate::linalg::{self, GRAM_PIECES, GRAM_ROWS};
use crate::parallel;

mod rows;

pub(crate) use rows::{PRODUCT_ERROR, Rows, gap_error};

/// `Σ s_i`, `Σ s_i x_i`, `Σ s_i x_i x_iᵀ`, `Σ s_i x_i y_iᵀ`, `Σ s_i y_i` and `Σ s_i y_i²` of n observations with weights s.
///
/// Kept relative to a point near the means, so that variances of features far from zero keep their digits; parts with
/// different means are brought to one point when they are merged.
///
/// ```
/// use ndarray::{Array1, Array2, s};
/// use sparsereg::{moments::Moments, prelude::*};
/// let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
/// let y = Array1::from_shape_fn(60, |i| 4.0 + 3.0 * x[[i, 1]] + ((i * i * i) % 11) as f64);
/// // Two chunks, which could lie in two files
/// let mut moments = Moments::new(&x.slice(s![..25, ..]), &y.slice(s![..25]))?;
/// moments.merge(&Moments::new(&x.slice(s![25.., ..]), &y.slice(s![25..]))?)?;
/// let model = Lasso::new(0.5).fit_moments(&moments)?;
/// let whole = Lasso::new(0.5).fit(&x, &y)?;
/// assert!((model.coefficients()[1] - whole.coefficients()[1]).abs() < 1e-6);
/// assert!((model.intercept() - whole.intercept()).abs() < 1e-5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    nrows: usize,
    weight: f64,
    /// The point x₀ to which everything is relative, and y₀.
    shift: Vec<f64>,
    y_shift: Vec<f64>,
    /// `Σ s (x − x₀)`.
    sums: Vec<f64>,
    y_sums: Vec<f64>,
    /// `Σ s (x − x₀)(x − x₀)ᵀ`, both triangles.
    gram: Vec<f64>,
    /// `Σ s (x − x₀)(y − y₀)`, the p values of each response together.
    cross: Vec<f64>,
    /// `Σ s (y − y₀)²`.
    squares: Vec<f64>,
}

/// Moments about the weighted means (or about zero), divided by the sum of the weights.
pub(crate) struct Central {
    pub(crate) means: Vec<f64>,
    pub(crate) y_means: Vec<f64>,
    pub(crate) gram: Vec<f64>,
    pub(crate) cross: Vec<f64>,
    pub(crate) squares: Vec<f64>,
    /// Error of an entry of `gram` relative to the norms of its columns.
    pub(crate) error: f64,
}

/// A variance below this share of the square from which it is computed is rounding error.
const CANCELLED: f64 = 64.0 * f64::EPSILON;

/// What squares must be.
const REPRESENTABLE: &str = "values whose squares are representable (about 1e-150 to 1e150)";

impl Moments {
    /// The moments of n observations: x and y as for [`fit`](crate::estimator::Estimator::fit). Two passes over x, the first for
    /// the means; threads as for every pass. No copy of x is made (designs of your own that cannot
    /// [select rows](Design::select_rows) are copied column by column).
    ///
    /// # Errors
    /// Lengths that do not fit, NaN or infinity, squares that overflow.
    pub fn new<X, S, R>(x: &X, y: &ArrayBase<S, R>) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        R: Dimension,
    {
        Self::of(x, y, None)
    }

    /// The same with a weight s_i ≥ 0 for each observation. They are used as they are: parts must be weighted on one scale.
    ///
    /// # Errors
    /// As [`new`](Self::new), and weights that are negative, not finite or all zero.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::moments::Moments;
    /// let x = array![[1.0], [2.0], [5.0]];
    /// let moments = Moments::weighted(&x, &array![1.0, 2.0, 3.0], &[1.0, 2.0, 1.0])?;
    /// assert_eq!((moments.weight(), moments.means()[0]), (4.0, 2.5));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn weighted<X, S, R>(x: &X, y: &ArrayBase<S, R>, weights: &[f64]) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        R: Dimension,
    {
        Self::of(x, y, Some(weights))
    }

    fn of<X, S, R>(x: &X, y: &ArrayBase<S, R>, weights: Option<&[f64]>) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        R: Dimension,
    {
        let design = x.as_design()?;
        let n = design.nrows();
        let q = if y.ndim() > 1 { y.shape()[1] } else { 1 };
        check_length("y", n, y.shape()[0])?;
        if q == 0 {
            return Err(Error::Empty { argument: "y" });
        }
        let mut responses = vec![0.0; n * q];
        for (k, &value) in y.iter().enumerate() {
            let (i, t) = (k / q, k % q);
            if !value.is_finite() {
                let index = if y.ndim() > 1 { vec![i, t] } else { vec![i] };
                return Err(Error::NotFinite { argument: "y", index, value });
            }
            responses[t * n + i] = value;
        }
        if let Some(weights) = weights {
            check_length("sample_weights", n, weights.len())?;
            check_weights("sample_weights", weights, false)?;
            if weights.iter().all(|&w| w == 0.0) {
                let expected = "at least one weight > 0";
                return Err(Error::OutOfRange { argument: "sample_weights", index: vec![], value: 0.0, expected });
            }
        }
        let source = Source::new(&design, &responses, weights);
        let height = n.div_ceil(GRAM_PIECES).next_multiple_of(GRAM_ROWS);
        let bytes = n * design.ncols() * size_of::<f64>();
        let parts = parallel::map_indexed(n.div_ceil(height), bytes, |k| {
            source.moments(&(k * height..((k + 1) * height).min(n)).collect::<Vec<_>>())
        });
        let mut parts = parts.into_iter();
        let Some(mut total) = parts.next() else { return Err(Error::Empty { argument: "x" }) };
        parts.for_each(|part| total.add(&part, 1.0));
        total.check()
    }

    fn check(self) -> Result<Self> {
        let p = self.shift.len();
        if let Some(j) = (0..p).find(|&j| !self.gram[j * p + j].is_finite()) {
            let (index, value) = (vec![0, j], self.shift[j]);
            return Err(Error::OutOfRange { argument: "x", index, value, expected: REPRESENTABLE });
        }
        if let Some(t) = self.squares.iter().position(|v| !v.is_finite()) {
            let (index, value) = (vec![0, t], self.y_shift[t]);
            return Err(Error::OutOfRange { argument: "y", index, value, expected: REPRESENTABLE });
        }
        Ok(self)
    }

    /// Number of observations (rows, whatever their weight).
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// p.
    pub fn nfeatures(&self) -> usize {
        self.shift.len()
    }

    /// q.
    pub fn nresponses(&self) -> usize {
        self.y_shift.len()
    }

    /// The sum of the weights.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The (weighted) means of the features.
    pub fn means(&self) -> Vec<f64> {
        self.shift.iter().zip(&self.sums).map(|(c, s)| c + s / self.weight).collect()
    }

    /// Takes other observations in: afterwards these are the moments of both.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of features or responses.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.check_shape(other)?;
        self.add(&other.about(&self.shift, &self.y_shift), 1.0);
        Ok(())
    }

    /// Takes observations out that were merged before (a window that moves on). What is left has the rounding errors of the whole:
    /// where it is a small part, digits are lost.
    ///
    /// # Errors
    /// [`Error::Length`] as for [`merge`](Self::merge); [`Error::OutOfRange`] if there are not that many observations.
    ///
    /// ```
    /// use ndarray::{array, s};
    /// use sparsereg::moments::Moments;
    /// let (x, y) = (array![[1.0], [2.0], [5.0]], array![1.0, 2.0, 3.0]);
    /// let mut moments = Moments::new(&x, &y)?;
    /// moments.subtract(&Moments::new(&x.slice(s![..1, ..]), &y.slice(s![..1]))?)?;
    /// assert_eq!((moments.nrows(), moments.means()[0]), (2, 3.5));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn subtract(&mut self, other: &Self) -> Result<()> {
        self.check_shape(other)?;
        if other.nrows >= self.nrows || other.weight >= self.weight {
            let (value, expected) = (other.nrows as f64, "fewer observations, of less weight, than there are");
            return Err(Error::OutOfRange { argument: "moments", index: vec![], value, expected });
        }
        self.add(&other.about(&self.shift, &self.y_shift), -1.0);
        Ok(())
    }

    fn check_shape(&self, other: &Self) -> Result<()> {
        check_length("moments features", self.shift.len(), other.shift.len())?;
        check_length("moments responses", self.y_shift.len(), other.y_shift.len())
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.gram.iter().chain(&self.squares).all(|v| v.is_finite())
    }

    /// Adds (sign 1) or takes away (−1) moments about the same point.
    pub(crate) fn add(&mut self, other: &Self, sign: f64) {
        self.nrows = if sign > 0.0 { self.nrows + other.nrows } else { self.nrows - other.nrows };
        self.weight += sign * other.weight;
        for (to, from) in [
            (&mut self.sums, &other.sums),
            (&mut self.y_sums, &other.y_sums),
            (&mut self.gram, &other.gram),
            (&mut self.cross, &other.cross),
            (&mut self.squares, &other.squares),
        ] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += sign * from);
        }
    }

    /// The same moments about another point: with `d = x₀ − x₁`, `G + s dᵀ + d sᵀ + Σs · d dᵀ`, and so on.
    fn about(&self, shift: &[f64], y_shift: &[f64]) -> Self {
        let mut out = self.clone();
        let p = shift.len();
        let d: Vec<f64> = self.shift.iter().zip(shift).map(|(old, new)| old - new).collect();
        let e: Vec<f64> = self.y_shift.iter().zip(y_shift).map(|(old, new)| old - new).collect();
        for j in 0..p {
            out.sums[j] += self.weight * d[j];
            for i in 0..p {
                out.gram[j * p + i] += self.sums[i] * d[j] + d[i] * self.sums[j] + self.weight * d[i] * d[j];
            }
        }
        for (t, &e) in e.iter().enumerate() {
            out.y_sums[t] += self.weight * e;
            out.squares[t] += 2.0 * self.y_sums[t] * e + self.weight * e * e;
            for i in 0..p {
                out.cross[t * p + i] += self.sums[i] * e + d[i] * self.y_sums[t] + self.weight * d[i] * e;
            }
        }
        out.shift = shift.to_vec();
        out.y_shift = y_shift.to_vec();
        out
    }

    /// Moments about the means if `centre`, about zero otherwise, per unit of weight; the variances of features and responses
    /// about their means in any case.
    pub(crate) fn central(&self, centre: bool) -> (Central, Vec<f64>, Vec<f64>) {
        let (p, w) = (self.shift.len(), self.weight);
        let y_means: Vec<f64> = self.y_shift.iter().zip(&self.y_sums).map(|(c, s)| c + s / w).collect();
        let means = self.means();
        let mut error = PRODUCT_ERROR;
        let variances: Vec<f64> = (0..p)
            .map(|j| {
                let square = self.gram[j * p + j];
                let rest = square - self.sums[j] * self.sums[j] / w;
                if rest <= CANCELLED * square {
                    return 0.0;
                }
                error = error.max(PRODUCT_ERROR * (square / rest));
                rest / w
            })
            .collect();
        let y_variances = self.squares.iter().zip(&self.y_sums).map(|(v, s)| ((v - s * s / w) / w).max(0.0)).collect();
        let mut moved = if centre {
            self.about(&means, &y_means)
        } else {
            error = PRODUCT_ERROR;
            self.about(&vec![0.0; p], &vec![0.0; y_means.len()])
        };
        for values in [&mut moved.gram, &mut moved.cross, &mut moved.squares] {
            values.iter_mut().for_each(|v| *v /= w);
        }
        let central = Central { means, y_means, gram: moved.gram, cross: moved.cross, squares: moved.squares, error };
        (central, variances, y_variances)
    }
}

/// Data of which moments are taken, about one point.
pub(crate) struct Source<'a> {
    design: &'a AnyDesign<'a>,
    /// Task-major.
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    shift: Vec<f64>,
    y_shift: Vec<f64>,
}

impl<'a> Source<'a> {
    /// About the weighted means.
    pub(crate) fn new(design: &'a AnyDesign<'a>, y: &'a [f64], weights: Option<&'a [f64]>) -> Self {
        let (n, p) = (design.nrows(), design.ncols());
        let total: f64 = weights.map_or(n as f64, |s| s.iter().sum());
        let ones = vec![1.0; if weights.is_none() { n } else { 0 }];
        let share = weights.unwrap_or(&ones);
        let mut shift = vec![0.0; p];
        design.transpose_apply(share, &mut shift);
        shift.iter_mut().for_each(|v| *v /= total);
        let y_shift = y.chunks_exact(n).map(|y| kernels::dot(y, share) / total).collect();
        Self { design, y, weights, shift, y_shift }
    }

    /// Whether no column is so small that its squares vanish.
    pub(crate) fn representable(&self) -> bool {
        self.shift.iter().all(|m| m.is_finite() && (*m == 0.0 || m.abs() > 1e-150))
    }

    /// The moments of some rows. Rows are gathered into columns, about x₀ and times √s, and multiplied while they are in the
    /// cache.
    pub(crate) fn moments(&self, rows: &[usize]) -> Moments {
        let (n, p) = (self.design.nrows(), self.design.ncols());
        let q = self.y.len() / n;
        let (mut gram, mut products) = (vec![0.0; p * p], vec![0.0; p * (q + 1)]);
        let mut part = vec![0.0; p * (q + 1)];
        let mut out = Moments {
            nrows: rows.len(),
            weight: 0.0,
            shift: self.shift.clone(),
            y_shift: self.y_shift.clone(),
            sums: vec![0.0; p],
            y_sums: vec![0.0; q],
            gram: Vec::new(),
            cross: vec![0.0; p * q],
            squares: vec![0.0; q],
        };
        for chunk in rows.chunks(GRAM_ROWS) {
            let m = chunk.len();
            let mut x = self.gather(chunk);
            // Responses and √s itself side by side: one product gives Σ s (x − x₀)(y − y₀) and Σ s (x − x₀).
            let mut right = vec![1.0; m * (q + 1)];
            for (t, right) in right.chunks_exact_mut(m).take(q).enumerate() {
                right.iter_mut().zip(chunk).for_each(|(r, &i)| *r = self.y[t * n + i] - self.y_shift[t]);
            }
            if let Some(weights) = self.weights {
                let roots: Vec<f64> = chunk.iter().map(|&i| weights[i].sqrt()).collect();
                for column in x.chunks_exact_mut(m).chain(right.chunks_exact_mut(m)) {
                    column.iter_mut().zip(&roots).for_each(|(v, r)| *v *= r);
                }
            }
            linalg::add_gram(&x, m, m, p, &mut gram);
            kernels::dot_lines(p, m, |j| &x[j * m..(j + 1) * m], &right, &mut part);
            products.iter_mut().zip(&part).for_each(|(sum, v)| *sum += v);
            let roots = &right[q * m..];
            out.weight += kernels::sq_norm(roots);
            for (t, y) in right.chunks_exact(m).take(q).enumerate() {
                out.y_sums[t] += kernels::dot(y, roots);
                out.squares[t] += kernels::sq_norm(y);
            }
        }
        linalg::mirror(&mut gram, p);
        out.gram = gram;
        for (j, products) in products.chunks_exact(q + 1).enumerate() {
            out.sums[j] = products[q];
            (0..q).for_each(|t| out.cross[t * p + j] = products[t]);
        }
        out
    }

    /// `x_i − x₀` for some rows, column-major.
    fn gather(&self, rows: &[usize]) -> Vec<f64> {
        let (m, p) = (rows.len(), self.design.ncols());
        let centred = |column: &mut [f64], j: usize| column.iter_mut().for_each(|v| *v -= self.shift[j]);
        let mut values = match self.design {
            AnyDesign::Dense(x) => match x.select_rows(rows) {
                Ok(x) => x.into_values(),
                Err(_) => vec![f64::NAN; m * p],
            },
            design => {
                let mut values = vec![0.0; m * p];
                let part = design.select_rows(rows).ok();
                let mut column = vec![0.0; design.nrows()];
                for (j, out) in values.chunks_exact_mut(m).enumerate() {
                    if let Some(part) = &part {
                        part.column(j, out);
                    } else {
                        design.column(j, &mut column);
                        out.iter_mut().zip(rows).for_each(|(o, &i)| *o = column[i]);
                    }
                }
                values
            }
        };
        values.chunks_exact_mut(m).enumerate().for_each(|(j, column)| centred(column, j));
        values
    }
}
