//! A dense matrix in `f64` or `f32`, borrowed wherever its layout allows.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use ndarray::{ArrayView2, Axis};

use super::{AnyDesign, Design, LinearOperator, Moments, responses, transpose};
use crate::error::{Error, Result, check_length};
use crate::kernels::{self, Store};
use crate::parallel::{for_each_chunk, is_shared, map_indexed};

/// Columns that one task of a column-major pass takes: enough for the dispatch and the hand-over not to show.
const COLUMN_CHUNK: usize = 64;
/// Responses from which a matrix product beats the kernels of this crate: measured on 500 × 5000 with both cores busy,
/// q = 4: 1.0 against 1.2 ms, q = 20: 1.7 against 3.8 ms; q = 2: 1.0 against 0.9 ms.
const GEMM_RESPONSES: usize = 4;
/// Columns per product: enough for packing R anew not to show.
const GEMM_CHUNK: usize = 256;
/// Columns of a row-major matrix summed at a time: 8 KB of sums and four rows of that length stay in the first-level cache.
const ROW_CHUNK: usize = 1024;
/// The same for row-major storage, whose columns have to be copied for it.
const ROW_GEMM_RESPONSES: usize = 8;
/// Rows of X w formed at a time, for the same reason.
const APPLY_CHUNK: usize = 2048;
/// Responses of X W that one task forms.
const APPLY_RESPONSES: usize = 8;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
}

/// The numbers a dense matrix may be stored in: `f64` and `f32`. Arithmetic is always in `f64`.
pub trait Element: Store + sealed::Sealed {
    /// The matrix as a member of [`AnyDesign`].
    #[doc(hidden)]
    fn any(dense: Dense<'_, Self>) -> AnyDesign<'_>;
}

impl Element for f64 {
    fn any(dense: Dense<'_, Self>) -> AnyDesign<'_> {
        AnyDesign::Dense(dense)
    }
}

impl Element for f32 {
    fn any(dense: Dense<'_, Self>) -> AnyDesign<'_> {
        AnyDesign::DenseF32(dense)
    }
}

/// A dense n × p matrix.
///
/// Columns (or rows) that lie contiguously in memory are used where they are, also when they are the columns of a larger
/// array; any other layout is copied once, column by column. Column-major storage is what descent wants; row-major
/// storage has fast passes over all columns, but [`prefers_gather`](Design::prefers_gather) for single ones.
///
/// ```
/// use ndarray::array;
/// use sparsereg::design::{Dense, LinearOperator};
/// let x = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
/// let design = Dense::new(x.view())?;
/// let mut out = [0.0; 2];
/// design.transpose_apply(&[1.0, 0.0, 1.0], &mut out); // Xᵀr
/// assert_eq!(out, [6.0, 8.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dense<'a, T: Element = f64> {
    nrows: usize,
    ncols: usize,
    by: By,
    lines: Lines<'a, T>,
    checked: bool,
    /// `‖x_j‖²` of row-major columns: one by one they cost a cache miss per value, together one pass.
    sq_norms: OnceLock<Vec<f64>>,
}

/// What is contiguous.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Columns,
    Rows,
}

/// The columns or the rows: one after the other, or anywhere.
#[derive(Debug, Clone)]
enum Lines<'a, T: Element> {
    Together { data: Cow<'a, [T]>, len: usize },
    Apart(Vec<&'a [T]>),
}

impl<T: Element> Lines<'_, T> {
    #[inline(always)]
    fn get(&self, k: usize) -> &[T] {
        match self {
            Self::Together { data, len } => &data[k * len..(k + 1) * len],
            Self::Apart(lines) => lines[k],
        }
    }
}

impl<'a, T: Element> Dense<'a, T> {
    /// The matrix behind a view, without looking at its values.
    ///
    /// Columns with stride 1, else rows with stride 1, are borrowed; other layouts are copied.
    ///
    /// ```
    /// use ndarray::{array, s};
    /// use sparsereg::design::{Dense, Design};
    /// let x = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
    /// let every_other = Dense::view(x.slice(s![.., ..;2]));
    /// assert_eq!(every_other.sq_norm(1), 45.0);
    /// ```
    pub fn view(x: ArrayView2<'a, T>) -> Self {
        let (nrows, ncols) = x.dim();
        let lines = |axis: Axis| -> Option<Lines<'a, T>> {
            let (whole, len) = if axis == Axis(1) { (x.reversed_axes(), nrows) } else { (x, ncols) };
            if let Some(data) = whole.to_slice() {
                return Some(Lines::Together { data: Cow::Borrowed(data), len });
            }
            let apart = (0..x.len_of(axis)).map(|k| x.index_axis_move(axis, k).to_slice()).collect::<Option<_>>()?;
            Some(Lines::Apart(apart))
        };
        let (by, lines) = if let Some(columns) = lines(Axis(1)) {
            (By::Columns, columns)
        } else if let Some(rows) = lines(Axis(0)) {
            (By::Rows, rows)
        } else {
            let data = x.t().iter().copied().collect();
            (By::Columns, Lines::Together { data: Cow::Owned(data), len: nrows })
        };
        Self { nrows, ncols, by, lines, checked: false, sq_norms: OnceLock::new() }
    }

    /// [`view`](Self::view), checked: one pass at the speed of memory.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns, [`Error::NotFinite`] with the row and column of a NaN or infinity.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::{Error, design::Dense};
    /// let x = array![[1.0, 2.0], [f64::NAN, 3.0]];
    /// assert!(matches!(Dense::new(x.view()), Err(Error::NotFinite { index, .. }) if index == [1, 0]));
    /// ```
    pub fn new(x: ArrayView2<'a, T>) -> Result<Self> {
        Self::view(x).check()
    }

    pub(super) fn check(mut self) -> Result<Self> {
        if self.nrows == 0 || self.ncols == 0 {
            return Err(Error::Empty { argument: "x" });
        }
        let bytes = self.nrows * self.ncols * size_of::<T>();
        let good = match &self.lines {
            Lines::Together { data, .. } => {
                let pieces: Vec<&[T]> = data.chunks(1 << 18).collect();
                map_indexed(pieces.len(), bytes, |k| kernels::all_finite(pieces[k])).into_iter().all(|good| good)
            }
            Lines::Apart(lines) => lines.iter().all(|line| kernels::all_finite(line)),
        };
        if good {
            self.checked = true;
            return Ok(self);
        }
        let count = if self.by == By::Columns { self.ncols } else { self.nrows };
        let found = (0..count).find_map(|k| {
            let i = self.lines.get(k).iter().position(|v| !v.finite())?;
            Some((if self.by == By::Columns { vec![i, k] } else { vec![k, i] }, self.lines.get(k)[i].to_f64()))
        });
        let (index, value) = found.unwrap_or((vec![], f64::NAN));
        Err(Error::NotFinite { argument: "x", index, value })
    }

    /// The same matrix, borrowed; its check, if it has not been made, is made now.
    pub(super) fn checked(&self) -> Result<Dense<'_, T>> {
        if self.checked { Ok(self.reborrow()) } else { self.reborrow().check() }
    }

    /// All values, column after column, if that is how they are stored.
    ///
    /// ```
    /// use sparsereg::design::Dense;
    /// let x = Dense::from_columns(vec![1.0, 2.0], 2, 1)?;
    /// assert_eq!(x.columns_slice(), Some(&[1.0, 2.0][..]));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn columns_slice(&self) -> Option<&[T]> {
        match (&self.lines, self.by) {
            (Lines::Together { data, .. }, By::Columns) => Some(data),
            _ => None,
        }
    }

    /// An owned copy, column-major and in `f64`.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::Dense;
    /// let x = array![[1.0f32, 2.0], [3.0, 4.0]];
    /// assert_eq!(Dense::new(x.view())?.to_column_major().columns_slice(), Some(&[1.0, 3.0, 2.0, 4.0][..]));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn to_column_major(&self) -> Dense<'static, f64> {
        let data = self.copy_columns(self.nrows, |i| i, 0.0, T::to_f64, |_, _| ());
        Dense { checked: self.checked, ..Dense::owned(data, self.nrows, self.ncols) }
    }

    /// The given rows, in that order, as an owned column-major matrix in the same precision.
    ///
    /// # Errors
    /// [`Error::Index`] for a row that does not exist, [`Error::Empty`] for no rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::Dense;
    /// let x = array![[1.0, 2.0], [3.0, 4.0]];
    /// let fold = Dense::new(x.view())?.select_rows(&[1, 1])?;
    /// assert_eq!(fold.columns_slice(), Some(&[3.0, 3.0, 4.0, 4.0][..]));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn select_rows(&self, rows: &[usize]) -> Result<Dense<'static, T>> {
        super::input::check_rows(rows, self.nrows)?;
        let data = self.copy_columns(rows.len(), |i| rows[i], T::ZERO, |v| v, |_, _| ());
        Ok(Dense { checked: self.checked, ..Dense::owned(data, rows.len(), self.ncols) })
    }

    /// A copy with columns `(x_j − μ_j)/σ_j` and rows times `factors`; empty means are 0, empty scales 1.
    pub(crate) fn standardized(
        &self,
        means: &[f64],
        scales: &[f64],
        factors: Option<&[f64]>,
    ) -> Result<Dense<'static, f64>> {
        let finish = |j: usize, column: &mut [f64]| {
            let mean = means.get(j).copied().unwrap_or(0.0);
            let scale = scales.get(j).copied().unwrap_or(1.0);
            match factors {
                Some(factors) => column.iter_mut().zip(factors).for_each(|(x, f)| *x = (*x - mean) / scale * f),
                None if scale == 1.0 => column.iter_mut().for_each(|x| *x -= mean),
                None => column.iter_mut().for_each(|x| *x = (*x - mean) / scale),
            }
        };
        let data = self.copy_columns(self.nrows, |i| i, 0.0, T::to_f64, finish);
        Dense::from_columns(data, self.nrows, self.ncols)
    }

    fn copy_columns<U: Copy + Send>(
        &self,
        m: usize,
        row: impl Fn(usize) -> usize + Sync + Send,
        zero: U,
        convert: impl Fn(T) -> U + Sync + Send,
        finish: impl Fn(usize, &mut [U]) + Sync + Send,
    ) -> Vec<U> {
        let mut out = vec![zero; m * self.ncols];
        let bytes = out.len() * (size_of::<T>() + size_of::<U>());
        for_each_chunk(&mut out, m * COLUMN_CHUNK, bytes, |chunk, piece| {
            let first = chunk * COLUMN_CHUNK;
            match self.by {
                By::Columns => {
                    for (j, out) in piece.chunks_exact_mut(m.max(1)).enumerate() {
                        let x = self.lines.get(first + j);
                        out.iter_mut().enumerate().for_each(|(i, o)| *o = convert(x[row(i)]));
                        finish(first + j, out);
                    }
                }
                // 32 rows of 64 columns fit in the cache, so both sides are touched a whole cache line at a time
                By::Rows => {
                    for from in (0..m).step_by(32) {
                        for (j, out) in piece.chunks_exact_mut(m).enumerate() {
                            for (i, o) in out.iter_mut().enumerate().skip(from).take(32) {
                                *o = convert(self.lines.get(row(i))[first + j]);
                            }
                        }
                    }
                    piece.chunks_exact_mut(m).enumerate().for_each(|(j, out)| finish(first + j, out));
                }
            }
        });
        out
    }

    /// Size of the stored numbers.
    pub(crate) fn bytes(&self) -> usize {
        self.nrows * self.ncols * size_of::<T>()
    }

    /// The columns of an index list in `f64`, side by side; borrowed if they are that already.
    fn gather(&self, index: &[usize]) -> Cow<'_, [f64]> {
        let n = self.nrows;
        if let (Some(all), Some(&first)) = (self.columns_slice().and_then(T::as_f64), index.first())
            && index.iter().enumerate().all(|(k, &j)| j == first + k)
        {
            return Cow::Borrowed(&all[first * n..(first + index.len()) * n]);
        }
        let mut buffer = vec![0.0; n * index.len()];
        match self.by {
            By::Columns => {
                for (&j, out) in index.iter().zip(buffer.chunks_exact_mut(n.max(1))) {
                    self.column(j, out);
                }
            }
            By::Rows => {
                for from in (0..n).step_by(32) {
                    for (&j, out) in index.iter().zip(buffer.chunks_exact_mut(n)) {
                        for (i, o) in out.iter_mut().enumerate().skip(from).take(32) {
                            *o = self.lines.get(i)[j].to_f64();
                        }
                    }
                }
            }
        }
        Cow::Owned(buffer)
    }

    /// Mean and sum of squares about it for every column, with weights of mean 1 if there are any: one pass over X.
    pub(super) fn moments(&self, weights: Option<&[f64]>) -> Vec<Moments> {
        let n = self.nrows;
        let mut out = vec![Moments::default(); self.ncols];
        match self.by {
            By::Columns => for_each_chunk(&mut out, COLUMN_CHUNK, self.bytes(), |k, out| {
                let mut buffer = vec![0.0; n];
                for (i, out) in out.iter_mut().enumerate() {
                    let x = self.lines.get(k * COLUMN_CHUNK + i);
                    let first = kernels::sum(x) / n as f64;
                    *out = if weights.is_none() && first.is_finite() {
                        let (sum, squares) = kernels::moments(x, first);
                        Moments::corrected(first, sum / n as f64, squares, n)
                    } else {
                        buffer.iter_mut().zip(x).for_each(|(b, x)| *b = x.to_f64());
                        Moments::of(&buffer, weights)
                    };
                }
            }),
            By::Rows => for_each_chunk(&mut out, ROW_CHUNK, self.bytes() * 2, |k, out| {
                let first = k * ROW_CHUNK;
                let line = |i: usize| &self.lines.get(i)[first..first + out.len()];
                let mut means = vec![0.0; out.len()];
                kernels::axpy_lines(n, means.len(), line, |i, _| weights.map_or(1.0, |s| s[i]) / n as f64, &mut means);
                let (mut sums, mut squares) = (vec![0.0; out.len()], vec![0.0; out.len()]);
                for i in 0..n {
                    let weight = weights.map_or(1.0, |s| s[i]);
                    let lines = line(i).iter().zip(&means).zip(&mut sums).zip(&mut squares);
                    for (((x, mean), sum), square) in lines {
                        let d = x.to_f64() - mean;
                        *sum += weight * d;
                        *square += weight * d * d;
                    }
                }
                for (((out, mean), sum), square) in out.iter_mut().zip(means).zip(sums).zip(squares) {
                    *out = Moments::corrected(mean, sum / n as f64, square, n);
                }
            }),
        }
        out
    }

    fn row_major_sq_norms(&self) -> &[f64] {
        self.sq_norms.get_or_init(|| {
            let mut out = vec![0.0; self.ncols];
            for_each_chunk(&mut out, ROW_CHUNK, self.bytes(), |k, out| {
                let columns = k * ROW_CHUNK..k * ROW_CHUNK + out.len();
                for i in 0..self.nrows {
                    let line = &self.lines.get(i)[columns.clone()];
                    out.iter_mut().zip(line).for_each(|(o, x)| *o += x.to_f64() * x.to_f64());
                }
            });
            out
        })
    }

    /// Neighbouring columns of row-major storage, one after the other: eight rows are read side by side, as streams, and
    /// a cache line of each column is written at once.
    fn copy_neighbours(&self, cols: Range<usize>, out: &mut [f64]) {
        let n = self.nrows;
        for from in (0..n - n % 8).step_by(8) {
            let rows: [&[T]; 8] = std::array::from_fn(|k| &self.lines.get(from + k)[cols.clone()]);
            for j in 0..cols.len() {
                let line = &mut out[j * n + from..j * n + from + 8];
                line.iter_mut().zip(&rows).for_each(|(o, row)| *o = row[j].to_f64());
            }
        }
        for i in n - n % 8..n {
            let row = &self.lines.get(i)[cols.clone()];
            row.iter().enumerate().for_each(|(j, x)| out[j * n + i] = x.to_f64());
        }
    }

    /// One column of row-major storage, with its row numbers.
    fn strided(&self, col: usize) -> impl Iterator<Item = f64> + '_ {
        (0..self.nrows).map(move |i| self.lines.get(i)[col].to_f64())
    }
}

impl<T: Element> Dense<'static, T> {
    fn owned(data: Vec<T>, nrows: usize, ncols: usize) -> Self {
        Self {
            nrows,
            ncols,
            by: By::Columns,
            lines: Lines::Together { data: Cow::Owned(data), len: nrows },
            checked: false,
            sq_norms: OnceLock::new(),
        }
    }

    /// An owned column-major n × p matrix.
    ///
    /// # Errors
    /// [`Error::Length`] unless there are n·p values; [`Error::Empty`] and [`Error::NotFinite`] as in [`Dense::new`].
    ///
    /// ```
    /// use sparsereg::design::{Dense, Design};
    /// let x = Dense::from_columns(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
    /// assert_eq!(x.column_sum(1), 7.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn from_columns(data: Vec<T>, nrows: usize, ncols: usize) -> Result<Self> {
        check_length("x", nrows.saturating_mul(ncols), data.len())?;
        Self::owned(data, nrows, ncols).check()
    }
}

impl<'a, T: Element> Dense<'a, T> {
    /// The n × p matrix whose columns (or, if `by_rows`, rows) stand one after the other in `data`.
    pub(super) fn from_slice(data: &'a [T], nrows: usize, ncols: usize, by_rows: bool) -> Result<Self> {
        check_length("x", nrows.saturating_mul(ncols), data.len())?;
        // a matrix of one row or one column is both: columns serve descent better
        let by = if by_rows && nrows > 1 && ncols > 1 { By::Rows } else { By::Columns };
        let len = if by == By::Rows { ncols } else { nrows };
        let lines = Lines::Together { data: Cow::Borrowed(data), len };
        Ok(Self { nrows, ncols, by, lines, checked: false, sq_norms: OnceLock::new() })
    }
}

impl<T: Element> Dense<'_, T> {
    /// The same matrix, borrowed.
    pub(crate) fn reborrow(&self) -> Dense<'_, T> {
        let lines = match &self.lines {
            Lines::Together { data, len } => Lines::Together { data: Cow::Borrowed(data), len: *len },
            Lines::Apart(lines) => Lines::Apart(lines.clone()),
        };
        let sq_norms = OnceLock::new();
        Dense { nrows: self.nrows, ncols: self.ncols, by: self.by, lines, checked: self.checked, sq_norms }
    }
}

impl Dense<'static, f64> {
    /// A column-major matrix from values that are known to be finite.
    pub(crate) fn from_gathered(data: Vec<f64>, nrows: usize, ncols: usize) -> Self {
        Self::owned(data, nrows, ncols)
    }
}

impl<T: Element> LinearOperator for Dense<'_, T> {
    fn nrows(&self) -> usize {
        self.nrows
    }

    fn ncols(&self) -> usize {
        self.ncols
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some(match self.by {
            By::Columns => {
                let mut norms = vec![0.0; self.ncols];
                for_each_chunk(&mut norms, COLUMN_CHUNK, self.bytes(), |k, out| {
                    let line = |i: usize| self.lines.get(k * COLUMN_CHUNK + i);
                    out.iter_mut().enumerate().for_each(|(i, o)| *o = kernels::sq_deviation(line(i), 0.0));
                });
                norms
            }
            By::Rows => self.row_major_sq_norms().to_vec(),
        })
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let (n, p) = (self.nrows, self.ncols);
        let q = responses(eta, n);
        let active: Vec<usize> = match q {
            0 => return,
            1 => (0..p).filter(|&j| w[j] != 0.0).collect(),
            _ => (0..p).filter(|&j| w[j * q..(j + 1) * q].iter().any(|&v| v != 0.0)).collect(),
        };
        let bytes = active.len() * n * size_of::<T>();
        match self.by {
            By::Columns if q == 1 => for_each_chunk(eta, APPLY_CHUNK, bytes, |k, eta| {
                let rows = k * APPLY_CHUNK..k * APPLY_CHUNK + eta.len();
                eta.fill(0.0);
                let line = |k: usize| &self.lines.get(active[k])[rows.clone()];
                kernels::axpy_lines(active.len(), eta.len(), line, |k, _| w[active[k]], eta);
            }),
            By::Columns => {
                // each task reads X anew, which pays only if there is another thread
                let each = if is_shared(bytes) { APPLY_RESPONSES } else { q };
                for_each_chunk(eta, n * each, bytes, |chunk, eta| {
                    eta.fill(0.0);
                    let line = |k: usize| self.lines.get(active[k]);
                    let coefficient = |k: usize, t: usize| w[active[k] * q + chunk * each + t];
                    kernels::axpy_lines(active.len(), n, line, coefficient, eta);
                });
            }
            By::Rows => {
                let sparse = active.len() < p / 8 && u32::try_from(p).is_ok();
                let indices: Vec<u32> = if sparse { active.iter().map(|&j| j as u32).collect() } else { vec![] };
                let mut by_task = vec![0.0; if sparse { active.len() * q } else { p * q }];
                if sparse {
                    for t in 0..q {
                        for (k, &j) in active.iter().enumerate() {
                            by_task[t * active.len() + k] = w[j * q + t];
                        }
                    }
                } else {
                    transpose(w, q, &mut by_task);
                }
                let rows = |chunk: usize, out: &mut [f64]| {
                    let first = chunk * COLUMN_CHUNK;
                    let count = out.len() / q;
                    if sparse && q == 1 {
                        for (i, o) in out.iter_mut().enumerate() {
                            *o = kernels::sparse_dot(&indices, &by_task, self.lines.get(first + i));
                        }
                    } else if sparse {
                        let m = active.len();
                        let mut packed = vec![0.0; count * m];
                        for (i, packed) in packed.chunks_exact_mut(m.max(1)).enumerate() {
                            let line = self.lines.get(first + i);
                            packed.iter_mut().zip(&active).for_each(|(v, &j)| *v = line[j].to_f64());
                        }
                        kernels::dot_lines(count, m, |i| &packed[i * m..(i + 1) * m], &by_task, out);
                    } else {
                        kernels::dot_lines(count, p, |i| self.lines.get(first + i), &by_task, out);
                    }
                };
                if q == 1 {
                    for_each_chunk(eta, COLUMN_CHUNK, bytes, rows);
                } else {
                    let mut by_row = vec![0.0; n * q];
                    for_each_chunk(&mut by_row, COLUMN_CHUNK * q, bytes, rows);
                    transpose(&by_row, q, eta);
                }
            }
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows);
        let width = match self.by {
            By::Columns if q >= GEMM_RESPONSES => GEMM_CHUNK,
            By::Columns => COLUMN_CHUNK,
            By::Rows if q >= ROW_GEMM_RESPONSES => GEMM_CHUNK,
            By::Rows => ROW_CHUNK,
        };
        for_each_chunk(out, width * q, self.bytes(), |k, out| {
            let first = k * width;
            self.dot(first..first + out.len() / q, r, out);
        });
    }
}

impl<T: Element> Design for Dense<'_, T> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        if out.len() == 1 && cols.len() == 1 && self.by == By::Columns {
            // coordinate descent: no division, no loop
            out[0] = kernels::dot(self.lines.get(cols.start), r);
            return;
        }
        let n = self.nrows;
        let q = responses(r, n);
        match self.by {
            // RᵀX_B, column-major q × |B|, is what feature-major means
            By::Columns if q >= GEMM_RESPONSES && cols.len() >= 8 => {
                if let Some(all) = self.columns_slice().and_then(T::as_f64) {
                    let x = &all[cols.start * n..cols.end * n];
                    return crate::linalg::transpose_matmul(r, x, n, q, cols.len(), out);
                }
                let width = ((1 << 16) / n).clamp(8, 256);
                let mut wide = vec![0.0; n * width.min(cols.len())];
                for (k, out) in out.chunks_mut(width * q).enumerate() {
                    let (first, count) = (cols.start + k * width, out.len() / q);
                    for (j, x) in wide.chunks_exact_mut(n).take(count).enumerate() {
                        self.column(first + j, x);
                    }
                    crate::linalg::transpose_matmul(r, &wide[..n * count], n, q, count, out);
                }
            }
            By::Columns => kernels::dot_lines(cols.len(), n, |k| self.lines.get(cols.start + k), r, out),
            By::Rows if cols.len() == 1 => {
                for (r, o) in r.chunks_exact(n.max(1)).zip(out) {
                    *o = self.strided(cols.start).zip(r).map(|(x, r)| x * r).sum();
                }
            }
            // a product wants columns: copied block by block through the cache
            By::Rows if q >= ROW_GEMM_RESPONSES && cols.len() >= 8 => {
                let width = ((1 << 16) / n).clamp(8, 256);
                let mut columns = vec![0.0; n * width.min(cols.len())];
                for (k, out) in out.chunks_mut(width * q).enumerate() {
                    let (first, count) = (cols.start + k * width, out.len() / q);
                    self.copy_neighbours(first..first + count, &mut columns);
                    crate::linalg::transpose_matmul(r, &columns[..n * count], n, q, count, out);
                }
            }
            By::Rows => {
                let line = |i: usize| &self.lines.get(i)[cols.clone()];
                if q == 1 {
                    out.fill(0.0);
                    kernels::axpy_lines(n, out.len(), line, |i, _| r[i], out);
                } else {
                    let mut by_task = vec![0.0; cols.len() * q];
                    // a few rows serve all responses while they are in the cache
                    kernels::axpy_lines(n, cols.len(), line, |i, t| r[t * n + i], &mut by_task);
                    transpose(&by_task, cols.len(), out);
                }
            }
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        if delta.len() == 1 && cols.len() == 1 && self.by == By::Columns {
            kernels::axpy(delta[0], self.lines.get(cols.start), eta);
            return;
        }
        let n = self.nrows;
        let q = responses(eta, n);
        match self.by {
            By::Columns => {
                let line = |k: usize| self.lines.get(cols.start + k);
                kernels::axpy_lines(cols.len(), n, line, |k, t| delta[k * q + t], eta);
            }
            By::Rows if cols.len() == 1 => {
                for (eta, &d) in eta.chunks_exact_mut(n.max(1)).zip(delta) {
                    eta.iter_mut().zip(self.strided(cols.start)).for_each(|(e, x)| *e += d * x);
                }
            }
            By::Rows => {
                let mut by_task = vec![0.0; delta.len()];
                transpose(delta, q, &mut by_task);
                let mut sums = vec![0.0; n * q];
                kernels::dot_lines(n, cols.len(), |i| &self.lines.get(i)[cols.clone()], &by_task, &mut sums);
                for (t, eta) in eta.chunks_exact_mut(n.max(1)).enumerate() {
                    eta.iter_mut().zip(sums.iter().skip(t).step_by(q)).for_each(|(e, s)| *e += s);
                }
            }
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        match self.by {
            By::Columns => {
                let q = responses(r, self.nrows).max(1);
                // Tasks of a multiple of what a kernel takes at once: the bits do not depend on them.
                for_each_chunk(out, COLUMN_CHUNK * q, cols.len() * self.nrows * size_of::<T>(), |k, out| {
                    let line = |i: usize| self.lines.get(cols[k * COLUMN_CHUNK + i]);
                    kernels::dot_lines(out.len() / q, self.nrows, line, r, out);
                });
            }
            By::Rows => {
                let q = responses(r, self.nrows).max(1);
                for (&j, out) in cols.iter().zip(out.chunks_exact_mut(q)) {
                    self.dot(j..j + 1, r, out);
                }
            }
        }
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows).max(1);
        match self.by {
            By::Columns => {
                let line = |k: usize| self.lines.get(cols[k]);
                kernels::axpy_lines(cols.len(), self.nrows, line, |k, t| delta[k * q + t], eta);
            }
            By::Rows => {
                for (&j, delta) in cols.iter().zip(delta.chunks_exact(q)) {
                    self.axpy(j..j + 1, delta, eta);
                }
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        match self.by {
            By::Columns => self.centred_sq_norm(col, 0.0),
            By::Rows => self.row_major_sq_norms()[col],
        }
    }

    fn column_sum(&self, col: usize) -> f64 {
        match self.by {
            By::Columns => kernels::sum(self.lines.get(col)),
            By::Rows => self.strided(col).sum(),
        }
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        match self.by {
            By::Columns => kernels::sq_deviation(self.lines.get(col), centre),
            By::Rows => self.strided(col).map(|x| (x - centre) * (x - centre)).sum(),
        }
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        match self.by {
            By::Columns => out.iter_mut().zip(self.lines.get(col)).for_each(|(o, x)| *o = x.to_f64()),
            By::Rows => out.iter_mut().zip(self.strided(col)).for_each(|(o, x)| *o = x),
        }
    }

    fn prefers_gather(&self) -> bool {
        self.by == By::Rows
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let left = self.gather(rows);
        if rows == cols {
            crate::linalg::gram(&left, self.nrows, rows.len(), out);
        } else {
            let right = self.gather(cols);
            crate::linalg::transpose_matmul(&left, &right, self.nrows, rows.len(), cols.len(), out);
        }
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let m = rows.len().max(1);
        match self.by {
            By::Columns => {
                for (&j, out) in cols.iter().zip(out.chunks_exact_mut(m)) {
                    out.iter_mut().zip(&self.lines.get(j)[rows.clone()]).for_each(|(o, v)| *o = v.to_f64());
                }
            }
            By::Rows => {
                for from in (0..rows.len()).step_by(32) {
                    for (&j, out) in cols.iter().zip(out.chunks_exact_mut(m)) {
                        for (i, o) in out.iter_mut().enumerate().skip(from).take(32) {
                            *o = self.lines.get(rows.start + i)[j].to_f64();
                        }
                    }
                }
            }
        }
        true
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        Dense::select_rows(self, rows).ok().map(|x| Box::new(x) as Box<dyn Design + '_>)
    }

    fn known(&self) -> Result<Option<AnyDesign<'_>>> {
        self.checked().map(|x| Some(T::any(x)))
    }
}
