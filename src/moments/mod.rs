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
    /// `Σ s (x_j − x₀_j)²` of what was taken away again: its rounding errors stay.
    gone: Vec<f64>,
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
        // Together the pieces take no more than a quarter of X, and their number depends on the shape alone.
        let count = (n / (4 * design.ncols().max(1))).clamp(1, GRAM_PIECES);
        let height = n.div_ceil(count).next_multiple_of(GRAM_ROWS);
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
        let p = self.gone.len();
        for (j, gone) in self.gone.iter_mut().enumerate() {
            *gone += other.gone[j] + if sign < 0.0 { 2.0 * other.gram[j * p + j] } else { 0.0 };
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
            for (out, (sum, di)) in out.gram[j * p..(j + 1) * p].iter_mut().zip(self.sums.iter().zip(&d)) {
                *out += sum * d[j] + di * self.sums[j] + self.weight * di * d[j];
            }
        }
        for (t, &e) in e.iter().enumerate() {
            out.y_sums[t] += self.weight * e;
            out.squares[t] += 2.0 * self.y_sums[t] * e + self.weight * e * e;
            for (out, (sum, d)) in out.cross[t * p..(t + 1) * p].iter_mut().zip(self.sums.iter().zip(&d)) {
                *out += sum * e + d * self.y_sums[t] + self.weight * d * e;
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
                let handled = square + self.gone[j];
                if rest <= CANCELLED * handled {
                    return 0.0;
                }
                error = error.max(PRODUCT_ERROR * (handled / rest));
                rest / w
            })
            .collect();
        let y_variances = self.squares.iter().zip(&self.y_sums).map(|(v, s)| ((v - s * s / w) / w).max(0.0)).collect();
        let mut moved = if centre {
            self.about(&means, &y_means)
        } else {
            let moved = self.about(&vec![0.0; p], &vec![0.0; y_means.len()]);
            let handled = |j: usize| (moved.gram[j * p + j] + self.gone[j]) / moved.gram[j * p + j];
            error = PRODUCT_ERROR * (0..p).map(handled).filter(|v| v.is_finite()).fold(1.0, f64::max);
            moved
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

    /// The moments of some rows.
    pub(crate) fn moments(&self, rows: &[usize]) -> Moments {
        let mut sum = Sum::new(self);
        let mut x = Vec::new();
        for chunk in rows.chunks(GRAM_ROWS) {
            self.gather(chunk, &mut x);
            sum.add(self, chunk, &x, chunk.len());
        }
        sum.finish()
    }

    /// The moments of every fold, in one pass over the data.
    pub(crate) fn fold_moments(&self, blocks: &FoldBlocks) -> Vec<Moments> {
        let mut sums: Vec<Sum> = (0..blocks.folds).map(|_| Sum::new(self)).collect();
        let mut x = Vec::new();
        for (rows, ends) in &blocks.blocks {
            self.gather(rows, &mut x);
            parallel::for_each_chunk(&mut sums, 1, x.len() * size_of::<f64>(), |fold, sum| {
                let (from, to) = (if fold == 0 { 0 } else { ends[fold - 1] }, ends[fold]);
                sum[0].add(self, &rows[from..to], &x[from..], rows.len());
            });
        }
        sums.into_iter().map(Sum::finish).collect()
    }

    /// `√s_i (x_i − x₀)` for some rows, column-major.
    fn gather(&self, rows: &[usize], x: &mut Vec<f64>) {
        gather(self.design, rows, &self.shift, x);
        if let Some(weights) = self.weights {
            let roots: Vec<f64> = rows.iter().map(|&i| weights[i].sqrt()).collect();
            for column in x.chunks_exact_mut(rows.len()) {
                column.iter_mut().zip(&roots).for_each(|(v, r)| *v *= r);
            }
        }
    }
}

/// Moments that are being summed.
struct Sum {
    /// What is known of them so far; the Gram matrix has its lower triangle only.
    out: Moments,
    /// For every feature `Σ s (x − x₀)(y − y₀)` of every response, and `Σ s (x − x₀)`.
    products: Vec<f64>,
    part: Vec<f64>,
    right: Vec<f64>,
}

impl Sum {
    fn new(source: &Source<'_>) -> Self {
        let (p, q) = (source.shift.len(), source.y_shift.len());
        let out = Moments {
            nrows: 0,
            weight: 0.0,
            shift: source.shift.clone(),
            y_shift: source.y_shift.clone(),
            sums: vec![0.0; p],
            y_sums: vec![0.0; q],
            gram: vec![0.0; p * p],
            cross: vec![0.0; p * q],
            squares: vec![0.0; q],
            gone: vec![0.0; p],
        };
        Self { out, products: vec![0.0; p * (q + 1)], part: vec![0.0; p * (q + 1)], right: Vec::new() }
    }

    /// Takes in some rows, gathered into columns that start every `ld` values of `x`.
    fn add(&mut self, source: &Source<'_>, rows: &[usize], x: &[f64], ld: usize) {
        let (m, n) = (rows.len(), source.design.nrows());
        let (p, q) = (source.shift.len(), source.y_shift.len());
        if m == 0 {
            return;
        }
        // Responses and √s itself side by side: one product for both sums.
        let right = &mut self.right;
        right.clear();
        right.resize(m * (q + 1), 1.0);
        for (t, right) in right.chunks_exact_mut(m).take(q).enumerate() {
            right.iter_mut().zip(rows).for_each(|(r, &i)| *r = source.y[t * n + i] - source.y_shift[t]);
        }
        if let Some(weights) = source.weights {
            for column in right.chunks_exact_mut(m) {
                column.iter_mut().zip(rows).for_each(|(v, &i)| *v *= weights[i].sqrt());
            }
        }
        linalg::add_gram(x, ld, m, p, &mut self.out.gram);
        kernels::dot_lines(p, m, |j| &x[j * ld..j * ld + m], right, &mut self.part);
        self.products.iter_mut().zip(&self.part).for_each(|(sum, v)| *sum += v);
        let roots = &right[q * m..];
        self.out.nrows += m;
        self.out.weight += kernels::sq_norm(roots);
        for (t, y) in right.chunks_exact(m).take(q).enumerate() {
            self.out.y_sums[t] += kernels::dot(y, roots);
            self.out.squares[t] += kernels::sq_norm(y);
        }
    }

    fn finish(self) -> Moments {
        let Self { mut out, products, .. } = self;
        let (p, q) = (out.shift.len(), out.y_shift.len());
        linalg::mirror(&mut out.gram, p);
        for (j, products) in products.chunks_exact(q + 1).enumerate() {
            out.sums[j] = products[q];
            (0..q).for_each(|t| out.cross[t * p + j] = products[t]);
        }
        out
    }
}

/// Rows cut into blocks, those of one fold together inside a block: the rows of a fold lie scattered over all of X, and a pass
/// for each fold would read all of it each time.
pub(crate) struct FoldBlocks {
    folds: usize,
    /// Rows, and where each fold's end.
    pub(crate) blocks: Vec<(Vec<usize>, Vec<usize>)>,
}

impl FoldBlocks {
    /// For the fold that each row is judged in.
    pub(crate) fn new(fold_of: &[usize], folds: usize) -> Self {
        let height = (folds * GRAM_ROWS).min(16 * GRAM_ROWS);
        let block = |(k, owners): (usize, &[usize])| {
            let mut ends = vec![0; folds];
            owners.iter().for_each(|&fold| ends[fold] += 1);
            (1..folds).for_each(|fold| ends[fold] += ends[fold - 1]);
            let mut rows: Vec<usize> = (k * height..k * height + owners.len()).collect();
            rows.sort_by_key(|&i| fold_of[i]);
            (rows, ends)
        };
        Self { folds, blocks: fold_of.chunks(height).enumerate().map(block).collect() }
    }
}

/// `x_i − x₀` for some rows, column-major, into a buffer that is used again: fresh memory costs as much as the copy.
pub(crate) fn gather(design: &AnyDesign<'_>, rows: &[usize], shift: &[f64], out: &mut Vec<f64>) {
    let m = rows.len();
    let known = match design {
        AnyDesign::Dense(x) => x.columns_slice(),
        _ => None,
    };
    out.resize(m * shift.len(), 0.0);
    let bytes = 2 * out.len() * size_of::<f64>();
    if let Some(values) = known {
        let n = design.nrows();
        parallel::for_each_chunk(out, m * GATHERED_COLUMNS, bytes, |chunk, out| {
            for (k, out) in out.chunks_exact_mut(m).enumerate() {
                let j = chunk * GATHERED_COLUMNS + k;
                let (x, shift) = (&values[j * n..(j + 1) * n], shift[j]);
                out.iter_mut().zip(rows).for_each(|(o, &i)| *o = x[i] - shift);
            }
        });
        return;
    }
    let part = design.select_rows(rows).ok();
    let mut column = vec![0.0; if part.is_none() { design.nrows() } else { 0 }];
    for (j, (out, &shift)) in out.chunks_exact_mut(m).zip(shift).enumerate() {
        match &part {
            Some(part) => part.column(j, out),
            None => {
                design.column(j, &mut column);
                out.iter_mut().zip(rows).for_each(|(o, &i)| *o = column[i]);
            }
        }
        out.iter_mut().for_each(|v| *v -= shift);
    }
}

/// Columns that one thread gathers at a time.
const GATHERED_COLUMNS: usize = 16;
