//! Sparse columns.

use std::ops::Range;

use super::{AnyDesign, Design, LinearOperator, Moments, responses};
use crate::error::{Error, Result, check_finite, check_length};
use crate::kernels::{self, SparseColumns, SparseRhs};
use crate::linalg;
use crate::parallel::for_each_chunk;

/// Columns that one task of a pass takes at least; more if they are nearly empty, see [`Csc::chunk`].
const COLUMN_CHUNK: usize = 64;

/// Rows of a band in a product of sparse columns, and up to how many columns it has no more: for many, adding up bands would
/// cost as much as the products.
pub(crate) const BAND: usize = 1024;
const NARROW: usize = 256;

/// A sparse n × p matrix, compressed by columns, with 32-bit row numbers (a tenth faster than 64-bit ones, and smaller).
///
/// A stored value costs as much as four to six values of a dense matrix, so this pays below about 15 % density.
///
/// ```
/// use sparsereg::design::{Csc, LinearOperator};
/// // ⎡1 0⎤
/// // ⎣0 2⎦
/// let x = Csc::from_parts(2, 2, vec![0, 1, 2], vec![0, 1], vec![1.0, 2.0])?;
/// let mut eta = [0.0; 2];
/// x.apply(&[3.0, 4.0], &mut eta);
/// assert_eq!(eta, [3.0, 8.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Csc {
    nrows: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl Csc {
    /// The matrix whose column j has the values `values[indptr[j]..indptr[j+1]]` in the rows of the same places of
    /// `indices`. Stored zeros are allowed.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns; [`Error::Length`] unless there are p + 1 pointers from 0 to the number of
    /// values and as many rows as values; [`Error::OutOfRange`] for more than `u32::MAX` rows, falling pointers, or rows of
    /// a column that do not rise; [`Error::Index`] for a row that does not exist; [`Error::NotFinite`].
    ///
    /// ```
    /// use sparsereg::{Error, design::Csc};
    /// let wrong = Csc::from_parts(2, 1, vec![0, 1], vec![2], vec![1.0]);
    /// assert!(matches!(wrong, Err(Error::Index { argument: "indices", position: 0, index: 2, len: 2 })));
    /// ```
    pub fn from_parts(
        nrows: usize,
        ncols: usize,
        indptr: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f64>,
    ) -> Result<Self> {
        check_shape(nrows, ncols)?;
        check_length("indptr", ncols.saturating_add(1), indptr.len())?;
        check_length("indices", values.len(), indices.len())?;
        let falls = |position: usize, expected| Error::OutOfRange {
            argument: "indptr",
            index: vec![position],
            value: indptr[position] as f64,
            expected,
        };
        if indptr[0] != 0 {
            return Err(falls(0, "0 in the first place"));
        }
        if let Some(j) = indptr.windows(2).position(|w| w[1] < w[0]) {
            return Err(falls(j + 1, "pointers that do not fall"));
        }
        check_length("values", indptr[ncols], values.len())?;
        for span in indptr.windows(2) {
            let mut least = 0;
            for (k, &index) in indices[span[0]..span[1]].iter().enumerate() {
                let (position, index) = (span[0] + k, index as usize);
                if index >= nrows {
                    return Err(Error::Index { argument: "indices", position, index, len: nrows });
                }
                if index < least {
                    return Err(Error::OutOfRange {
                        argument: "indices",
                        index: vec![position],
                        value: index as f64,
                        expected: "rows that rise within a column",
                    });
                }
                least = index + 1;
            }
        }
        check_finite("values", &values)?;
        Ok(Self { nrows, indptr, indices, values })
    }

    /// The matrix with the given `(row, column, value)` entries, in any order; entries of the same place are summed.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Index`] and [`Error::NotFinite`] as in [`Csc::from_parts`].
    ///
    /// ```
    /// use sparsereg::design::{Csc, Design};
    /// let x = Csc::from_triplets(3, 2, &[(2, 1, 1.0), (0, 0, 4.0), (2, 1, 2.0)])?;
    /// assert_eq!(x.nnz(), 2);
    /// assert_eq!(x.sq_norm(1), 9.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn from_triplets(nrows: usize, ncols: usize, entries: &[(usize, usize, f64)]) -> Result<Self> {
        check_shape(nrows, ncols)?;
        let argument = "entries";
        for (position, &(i, j, value)) in entries.iter().enumerate() {
            for (index, len) in [(i, nrows), (j, ncols)] {
                if index >= len {
                    return Err(Error::Index { argument, position, index, len });
                }
            }
            if !value.is_finite() {
                return Err(Error::NotFinite { argument, index: vec![position], value });
            }
        }
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(|&(i, j, _)| (j, i));
        sorted.dedup_by(|later, first| {
            let same = (later.0, later.1) == (first.0, first.1);
            if same {
                first.2 += later.2;
            }
            same
        });
        let mut indptr = vec![0; ncols + 1];
        sorted.iter().for_each(|&(_, j, _)| indptr[j + 1] += 1);
        (0..ncols).for_each(|j| indptr[j + 1] += indptr[j]);
        let indices = sorted.iter().map(|&(i, _, _)| i as u32).collect();
        let values: Vec<f64> = sorted.iter().map(|&(_, _, v)| v).collect();
        check_finite(argument, &values)?; // a sum may overflow
        Ok(Self { nrows, indptr, indices, values })
    }

    /// The non-zero values of another design.
    ///
    /// # Errors
    /// As in [`Csc::from_parts`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{Csc, Dense};
    /// let x = array![[0.0, 1.0], [2.0, 0.0]];
    /// assert_eq!(Csc::from_dense(&Dense::new(x.view())?)?.nnz(), 2);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn from_dense<D: Design + ?Sized>(x: &D) -> Result<Self> {
        check_shape(x.nrows(), x.ncols())?;
        let mut column = vec![0.0; x.nrows()];
        let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
        for j in 0..x.ncols() {
            x.column(j, &mut column);
            for (i, &v) in column.iter().enumerate().filter(|&(_, &v)| v != 0.0) {
                indices.push(i as u32);
                values.push(v);
            }
            indptr.push(values.len());
        }
        Self::from_parts(x.nrows(), x.ncols(), indptr, indices, values)
    }

    /// The same matrix as one of the `sprs` crate, in either orientation.
    ///
    /// # Errors
    /// As in [`Csc::from_parts`].
    ///
    /// ```
    /// use sparsereg::design::Csc;
    /// let rows = sprs::CsMat::new((2, 3), vec![0, 1, 2], vec![2, 0], vec![1.0, 2.0]);
    /// assert_eq!(Csc::from_sprs(&rows)?, Csc::from_triplets(2, 3, &[(0, 2, 1.0), (1, 0, 2.0)])?);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    #[cfg(feature = "sprs")]
    pub fn from_sprs<I, Iptr, P, J, V>(x: &sprs::CsMatBase<f64, I, P, J, V, Iptr>) -> Result<Self>
    where
        I: sprs::SpIndex,
        Iptr: sprs::SpIndex,
        P: std::ops::Deref<Target = [Iptr]>,
        J: std::ops::Deref<Target = [I]>,
        V: std::ops::Deref<Target = [f64]>,
    {
        check_shape(x.rows(), x.cols())?;
        if x.is_csr() {
            // rows are visited in order, so dropping each value into its column keeps the rows rising
            let mut indptr = vec![0; x.cols() + 1];
            x.indices().iter().for_each(|j| indptr[j.index() + 1] += 1);
            (0..x.cols()).for_each(|j| indptr[j + 1] += indptr[j]);
            let mut next = indptr.clone();
            let (mut indices, mut values) = (vec![0; x.nnz()], vec![0.0; x.nnz()]);
            for (i, row) in x.outer_iterator().enumerate() {
                for (j, &v) in row.iter() {
                    indices[next[j]] = i as u32;
                    values[next[j]] = v;
                    next[j] += 1;
                }
            }
            return Self::from_parts(x.rows(), x.cols(), indptr, indices, values);
        }
        let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
        for column in x.outer_iterator() {
            indices.extend(column.indices().iter().map(|i| i.index() as u32));
            values.extend_from_slice(column.data());
            indptr.push(values.len());
        }
        Self::from_parts(x.rows(), x.cols(), indptr, indices, values)
    }

    /// Number of stored values.
    ///
    /// ```
    /// # use sparsereg::design::Csc;
    /// assert_eq!(Csc::from_triplets(3, 3, &[(1, 1, 5.0)])?.nnz(), 1);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// `diag(d) X` for sample weights.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one factor per row, [`Error::NotFinite`] for a factor or a product.
    ///
    /// ```
    /// # use sparsereg::design::{Csc, Design};
    /// let x = Csc::from_triplets(2, 1, &[(0, 0, 1.0), (1, 0, 1.0)])?;
    /// assert_eq!(x.scale_rows(&[1.0, 3.0])?.sq_norm(0), 10.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn scale_rows(&self, d: &[f64]) -> Result<Self> {
        check_length("d", self.nrows, d.len())?;
        check_finite("d", d)?;
        let values: Vec<f64> = self.indices.iter().zip(&self.values).map(|(&i, v)| v * d[i as usize]).collect();
        check_finite("d·x", &values)?;
        Ok(Self { values, ..self.clone() })
    }

    /// The given rows, in that order; rows may be repeated.
    ///
    /// # Errors
    /// [`Error::Index`] for a row that does not exist, [`Error::Empty`] for no rows.
    ///
    /// ```
    /// # use sparsereg::design::{Csc, Design};
    /// let x = Csc::from_triplets(2, 1, &[(0, 0, 1.0), (1, 0, 2.0)])?;
    /// assert_eq!(x.select_rows(&[1, 1])?.sq_norm(0), 8.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn select_rows(&self, rows: &[usize]) -> Result<Self> {
        super::input::check_rows(rows, self.nrows)?;
        check_shape(rows.len(), self.ncols())?;
        // the new places of old row i are places[start[i]..start[i + 1]]
        let mut start = vec![0; self.nrows + 1];
        rows.iter().for_each(|&i| start[i + 1] += 1);
        (0..self.nrows).for_each(|i| start[i + 1] += start[i]);
        let mut next = start.clone();
        let mut places = vec![0u32; rows.len()];
        for (place, &i) in rows.iter().enumerate() {
            places[next[i]] = place as u32;
            next[i] += 1;
        }
        let rising = rows.is_sorted();
        let (mut indptr, mut indices, mut values) = (Vec::with_capacity(self.indptr.len()), vec![], vec![]);
        indptr.push(0);
        let mut column: Vec<(u32, f64)> = Vec::new();
        for j in 0..self.ncols() {
            let (old, x) = self.entries(j);
            column.clear();
            for (&i, &v) in old.iter().zip(x) {
                column.extend(places[start[i as usize]..start[i as usize + 1]].iter().map(|&place| (place, v)));
            }
            if !rising {
                column.sort_unstable_by_key(|&(place, _)| place);
            }
            indices.extend(column.iter().map(|&(place, _)| place));
            values.extend(column.iter().map(|&(_, v)| v));
            indptr.push(values.len());
        }
        Ok(Self { nrows: rows.len(), indptr, indices, values })
    }

    /// Mean and sum of squares about it for every column, without filling in; weights have the mean 1.
    pub(super) fn moments(&self, weights: Option<&[f64]>) -> Vec<Moments> {
        let n = self.nrows as f64;
        let mut out = vec![Moments::default(); self.ncols()];
        let chunk = self.chunk();
        for_each_chunk(&mut out, chunk, self.nnz() * 24, |k, out| {
            for (j, out) in out.iter_mut().enumerate() {
                let (indices, values) = self.entries(k * chunk + j);
                let weight = |i: u32| weights.map_or(1.0, |s| s[i as usize]);
                let stored = indices.iter().zip(values);
                // terms are divided one by one, so that no sum overflows that has a mean
                let first: f64 = stored.clone().map(|(&i, v)| weight(i) * (v / n)).sum();
                // the weight of the zeros, exactly none where nothing is missing
                let rest: f64 = match weights {
                    _ if indices.len() == self.nrows => 0.0,
                    None => (self.nrows - indices.len()) as f64,
                    Some(s) => rest(s, indices),
                };
                let left =
                    stored.clone().map(|(&i, v)| weight(i) * ((v - first) / n)).sum::<f64>() - first * (rest / n);
                let mean = first + left;
                let squares: f64 = stored.map(|(&i, v)| weight(i) * (v - mean) * (v - mean)).sum();
                *out = Moments { mean, deviation: squares + rest * (mean * mean) };
            }
        });
        out
    }

    fn cross_gram_by_columns(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        // one column at a time lies scattered in `dense`; its places are wiped afterwards, not all n
        let mut dense = vec![0.0; self.nrows];
        let symmetric = rows == cols;
        for (b, (&j, out)) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))).enumerate() {
            let (indices, values) = self.entries(j);
            for (&i, &v) in indices.iter().zip(values) {
                dense[i as usize] = v;
            }
            for (o, &k) in out.iter_mut().zip(rows).skip(if symmetric { b } else { 0 }) {
                let (other, x) = self.entries(k);
                *o = kernels::sparse_dot(other, x, &dense);
            }
            for &i in indices {
                dense[i as usize] = 0.0;
            }
        }
        if symmetric {
            linalg::mirror(out, rows.len());
        }
    }

    /// Divides the entries of column k by `by(k)`.
    pub(super) fn divide_columns(&mut self, by: impl Fn(usize) -> f64) {
        for (k, span) in self.indptr.windows(2).enumerate() {
            self.values[span[0]..span[1]].iter_mut().for_each(|v| *v /= by(k));
        }
    }

    /// A column with these values in every row, at place `at`.
    pub(super) fn insert_dense(&mut self, at: usize, column: &[f64]) {
        let start = self.indptr[at];
        self.indices.splice(start..start, 0..column.len() as u32);
        self.values.splice(start..start, column.iter().copied());
        self.indptr.insert(at, start);
        self.indptr[at + 1..].iter_mut().for_each(|end| *end += column.len());
    }

    /// A matrix of no columns yet.
    pub(super) fn builder(nrows: usize) -> CscBuilder {
        CscBuilder(Self { nrows, indptr: vec![0], indices: Vec::new(), values: Vec::new() })
    }

    /// A matrix from columns whose rows are known to rise and whose values are known to be finite.
    pub(super) fn from_columns(nrows: usize, indptr: Vec<usize>, indices: Vec<u32>, values: Vec<f64>) -> Self {
        Self { nrows, indptr, indices, values }
    }

    /// These columns, the entry of row i in the k-th of them times `factor(k, i)`.
    fn part(&self, cols: &[usize], factor: impl Fn(usize, usize) -> f64) -> Self {
        let stored = cols.iter().map(|&j| self.entries(j).0.len()).sum();
        let (mut indptr, mut indices) = (Vec::with_capacity(cols.len() + 1), Vec::with_capacity(stored));
        let mut values = Vec::with_capacity(stored);
        indptr.push(0);
        for (k, &j) in cols.iter().enumerate() {
            let (at, x) = self.entries(j);
            indices.extend_from_slice(at);
            values.extend(at.iter().zip(x).map(|(&i, x)| factor(k, i as usize) * x));
            indptr.push(values.len());
        }
        Self { nrows: self.nrows, indptr, indices, values }
    }

    /// The rows and values that are stored of a column.
    #[inline]
    pub(crate) fn entries(&self, col: usize) -> (&[u32], &[f64]) {
        let span = self.indptr[col]..self.indptr[col + 1];
        (&self.indices[span.clone()], &self.values[span])
    }

    fn columns(&self, cols: Range<usize>) -> SparseColumns<'_> {
        SparseColumns { indptr: &self.indptr[cols.start..=cols.end], indices: &self.indices, values: &self.values }
    }

    /// Columns per task: about 32 000 stored values, so that nearly empty columns do not make tiny tasks.
    fn chunk(&self) -> usize {
        ((1 << 15) / (self.nnz() / self.ncols()).max(1)).max(COLUMN_CHUNK)
    }
}

/// `Σ s_i` over the rows that are not stored; the weights have the mean 1. Summed as it stands where the difference of two
/// sums would be nothing but rounding, so that a column that is constant wherever weights are is seen to be so.
fn rest(weights: &[f64], stored: &[u32]) -> f64 {
    let n = weights.len() as f64;
    let rest = n - stored.iter().map(|&i| weights[i as usize]).sum::<f64>();
    if rest > 1e-6 * n {
        return rest;
    }
    let mut stored = stored.iter().peekable();
    (0..).zip(weights).filter(|(i, _)| stored.next_if_eq(&i).is_none()).map(|(_, s)| s).sum()
}

fn check_shape(nrows: usize, ncols: usize) -> Result<()> {
    if nrows == 0 || ncols == 0 {
        return Err(Error::Empty { argument: "x" });
    }
    match u32::try_from(nrows) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::OutOfRange {
            argument: "nrows",
            index: vec![],
            value: nrows as f64,
            expected: "at most 4294967295 rows",
        }),
    }
}

/// A sparse matrix that is written column by column.
pub(super) struct CscBuilder(Csc);

impl CscBuilder {
    /// One more column: rows that rise, with finite values.
    pub(super) fn push(&mut self, entries: impl Iterator<Item = (u32, f64)>) {
        let Csc { indptr, indices, values, .. } = &mut self.0;
        entries.for_each(|(i, v)| {
            indices.push(i);
            values.push(v);
        });
        indptr.push(values.len());
    }

    pub(super) fn finish(self) -> Csc {
        self.0
    }
}

impl LinearOperator for Csc {
    fn nrows(&self) -> usize {
        self.nrows
    }

    fn ncols(&self) -> usize {
        self.indptr.len() - 1
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let mut out = vec![0.0; self.ncols()];
        let chunk = self.chunk();
        for_each_chunk(&mut out, chunk, self.nnz() * 8, |k, out| {
            out.iter_mut().enumerate().for_each(|(j, o)| *o = self.sq_norm(k * chunk + j));
        });
        Some(out)
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        super::apply_by_columns(self, w, eta);
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows);
        let chunk = self.chunk();
        // an entry is 12 bytes, and the value of r that it meets costs about as much again
        let rhs = SparseRhs::new(r, self.nrows);
        for_each_chunk(out, chunk * q, self.nnz() * 24, |k, out| {
            kernels::sparse_dot_lines(self.columns(k * chunk..k * chunk + out.len() / q), &rhs, out);
        });
    }
}

impl Design for Csc {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows);
        // arranging the right-hand sides anew costs as much as some entries a row
        if self.indptr[cols.end] - self.indptr[cols.start] >= 4 * self.nrows {
            return kernels::sparse_dot_lines(self.columns(cols), &SparseRhs::new(r, self.nrows), out);
        }
        for (j, out) in cols.zip(out.chunks_exact_mut(q.max(1))) {
            let (indices, values) = self.entries(j);
            for (r, o) in r.chunks_exact(self.nrows).zip(out) {
                *o = kernels::sparse_dot(indices, values, r);
            }
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows).max(1);
        let bytes = (self.column_cost() * cols.len() as f64) as usize * 24;
        for_each_chunk(out, COLUMN_CHUNK * q, bytes, |k, out| {
            for (&j, out) in cols[k * COLUMN_CHUNK..].iter().zip(out.chunks_exact_mut(q)) {
                self.dot(j..j + 1, r, out);
            }
        });
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows);
        for (j, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
            let (indices, values) = self.entries(j);
            for (eta, &d) in eta.chunks_exact_mut(self.nrows).zip(delta) {
                if d != 0.0 {
                    kernels::sparse_axpy(d, indices, values, eta);
                }
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        kernels::sq_deviation(self.entries(col).1, 0.0)
    }

    fn column_sum(&self, col: usize) -> f64 {
        kernels::sum(self.entries(col).1)
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let stored = self.entries(col).1;
        kernels::sq_deviation(stored, centre) + (self.nrows - stored.len()) as f64 * (centre * centre)
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        out.fill(0.0);
        let (indices, values) = self.entries(col);
        for (&i, &v) in indices.iter().zip(values) {
            out[i as usize] = v;
        }
    }

    fn column_cost(&self) -> f64 {
        self.nnz() as f64 / self.ncols() as f64
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        // Products of √h X where that is real, else of X with h X.
        let split = h.iter().any(|&h| h < 0.0);
        let roots: Vec<f64> = if split { Vec::new() } else { h.iter().map(|h| h.sqrt()).collect() };
        let same = cols == others && !split;
        let index: Vec<usize> = cols.iter().chain(if same { &[][..] } else { others }).copied().collect();
        let part = self.part(&index, |k, i| match (split, k < cols.len()) {
            (true, true) => 1.0,
            (true, false) => h[i],
            _ => roots[i],
        });
        let left: Vec<usize> = (0..cols.len()).collect();
        let right: Vec<usize> = if same { left.clone() } else { (cols.len()..index.len()).collect() };
        part.cross_gram(&left, &right, out);
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        Some(self.part(cols, |_, i| d[i]))
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let stored: usize = rows.iter().map(|&k| self.entries(k).0.len()).sum();
        // Few products of long columns: not worth a transpose.
        if self.nrows + stored > cols.len() * stored {
            return self.cross_gram_by_columns(rows, cols, out);
        }
        // X_R by rows, so that only values which meet are multiplied: Σ_j Σ_{i in column j} |row i| products. A band of rows
        // at a time: its transpose stays in the cache, and its sums are short.
        let (symmetric, m) = (rows == cols, rows.len());
        let height = if m <= NARROW { BAND } else { 8 * BAND };
        let mut at: Vec<usize> = rows.iter().map(|&k| self.indptr[k]).collect();
        let mut next: Vec<usize> = cols.iter().map(|&j| self.indptr[j]).collect();
        let (mut end, mut first) = (vec![0; height + 1], vec![0; height]);
        let (mut places, mut part) = (Vec::new(), vec![0.0; m]);
        out.fill(0.0);
        for from in (0..self.nrows).step_by(height) {
            let inside =
                |e: usize, column: usize| e < self.indptr[column + 1] && (self.indices[e] as usize) < from + height;
            end.fill(0);
            for (&k, &start) in rows.iter().zip(&at) {
                (start..).take_while(|&e| inside(e, k)).for_each(|e| end[self.indices[e] as usize - from + 1] += 1);
            }
            (0..height).for_each(|i| end[i + 1] += end[i]);
            first.copy_from_slice(&end[..height]);
            places.resize(end[height], (0u32, 0.0));
            for (a, (&k, at)) in rows.iter().zip(&mut at).enumerate() {
                while inside(*at, k) {
                    let place = &mut first[self.indices[*at] as usize - from];
                    places[*place] = (a as u32, self.values[*at]);
                    *place += 1;
                    *at += 1;
                }
            }
            first.copy_from_slice(&end[..height]);
            for (b, ((&j, next), out)) in cols.iter().zip(&mut next).zip(out.chunks_exact_mut(m.max(1))).enumerate() {
                if !inside(*next, j) {
                    continue;
                }
                let below = if symmetric { b } else { 0 };
                part[below..].fill(0.0);
                while inside(*next, j) {
                    let (i, v) = (self.indices[*next] as usize - from, self.values[*next]);
                    for &(a, u) in &places[first[i]..end[i + 1]] {
                        part[a as usize] += v * u;
                    }
                    // What comes before the diagonal is known by symmetry: row i begins with this column.
                    first[i] += usize::from(symmetric);
                    *next += 1;
                }
                out[below..].iter_mut().zip(&part[below..]).for_each(|(o, p)| *o += p);
            }
        }
        if symmetric {
            linalg::mirror(out, m);
        }
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        Csc::select_rows(self, rows).ok().map(|x| Box::new(x) as Box<dyn Design + '_>)
    }

    fn known(&self) -> Result<Option<AnyDesign<'_>>> {
        Ok(Some(AnyDesign::Csc(std::borrow::Cow::Borrowed(self))))
    }
}
