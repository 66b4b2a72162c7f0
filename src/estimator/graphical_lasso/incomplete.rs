//! The covariance of samples with missing values, every entry from the rows that have both variables.

use ndarray::{ArrayBase, Data, Ix2};

use crate::error::{Error, Result, check_length, check_weights};
use crate::estimator::{CovarianceEstimate, GraphicalLasso, PrecisionModel};
use crate::linalg;

/// A variance below this many squared ulps of the mean is that of a constant.
const CONSTANT: f64 = 16.0 * f64::EPSILON;

impl CovarianceEstimate {
    /// The covariance of n×p samples in which NaN stands for a missing value, from pairwise complete rows:
    ///
    /// ```text
    /// x̄_j  = Σ_{i: j observed} s_i x_ij / Σ_{i: j observed} s_i
    /// S_jk = Σ_{i: j, k observed} s_i (x_ij − x̄_j)(x_ik − x̄_k) / Σ_{i: j, k observed} s_i
    /// ```
    ///
    /// with all s_i = 1, then made positive semidefinite. Means are those of all rows that have the variable, so variances
    /// use everything known about one variable (Kolar and Xing 2012; Loh and Wainwright 2012 correct a single rate of
    /// missing values instead; Katayama, Fujisawa and Drton 2018 project as here). Without missing values it is the
    /// covariance that [`GraphicalLasso::fit`] takes.
    ///
    /// Right if what is missing does not depend on the values at all (missing *completely* at random): every entry is then
    /// consistent. If it depends on other, observed values (missing at random), entries are biased, and
    /// [`GraphicalLasso::fit_em`] is the method to use; if it depends on the missing values themselves, neither is right.
    ///
    /// # Errors
    /// No rows or columns, infinite values; [`Error::TooFewRows`] for a variable that is observed in no or one row, or two that
    /// have no or one row in common; [`Error::Constant`] for a variable without variance on its observed rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let samples = array![[1.0, 2.0], [3.0, f64::NAN], [5.0, 4.0], [3.0, 6.0]];
    /// let estimate = CovarianceEstimate::pairwise(&samples)?;
    /// let expected = ((1.0 - 3.0) * (2.0 - 4.0) + (5.0 - 3.0) * (4.0 - 4.0) + (3.0 - 3.0) * (6.0 - 4.0)) / 3.0;
    /// assert!((estimate.covariance()[[0, 1]] - expected).abs() < 1e-14);
    /// assert_eq!(estimate.smallest_pair(), Some((0, 1, 3)));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn pairwise<S: Data<Elem = f64>>(samples: &ArrayBase<S, Ix2>) -> Result<Self> {
        Self::pairwise_of(samples, None, false)
    }

    /// [`pairwise`](Self::pairwise) with weights s_i ≥ 0, one per row; only their ratios matter, and a row of weight 0 is no
    /// row.
    ///
    /// # Errors
    /// As [`pairwise`](Self::pairwise); weights that are negative, not finite, all 0 or not n.
    pub fn pairwise_weighted<S: Data<Elem = f64>>(samples: &ArrayBase<S, Ix2>, weights: &[f64]) -> Result<Self> {
        Self::pairwise_of(samples, Some(weights), false)
    }

    pub(super) fn pairwise_of<S: Data<Elem = f64>>(
        samples: &ArrayBase<S, Ix2>,
        weights: Option<&[f64]>,
        centred: bool,
    ) -> Result<Self> {
        let data = Incomplete::new(samples, weights)?;
        let (n, p) = (data.rows, data.columns);
        let (mean, _) = data.moments(centred)?;
        let missing = data.values.iter().filter(|v| v.is_nan()).count();
        // Three products: of the centred values with zeros where there are none, of the masks weighted, and not.
        let mut values = data.values;
        let mut mask: Vec<f64> = values.iter().map(|v| f64::from(!v.is_nan())).collect();
        for ((column, mask), mean) in values.chunks_exact_mut(n).zip(mask.chunks_exact(n)).zip(&mean) {
            for ((x, present), weight) in column.iter_mut().zip(mask).zip(&data.weights) {
                *x = if *present > 0.0 { (*x - mean) * weight.sqrt() } else { 0.0 };
            }
        }
        let (mut counts, mut covariance) = (vec![0.0; p * p], vec![0.0; p * p]);
        linalg::gram(&mask, n, p, &mut counts);
        let smallest = smallest_pair(p, |i, j| counts[j * p + i] as usize)?;
        linalg::gram(&values, n, p, &mut covariance);
        if weights.is_some() {
            for column in mask.chunks_exact_mut(n) {
                column.iter_mut().zip(&data.weights).for_each(|(m, weight)| *m *= weight.sqrt());
            }
            linalg::gram(&mask, n, p, &mut counts);
        } else {
            // All weights are 1/n.
            counts.iter_mut().for_each(|c| *c /= n as f64);
        }
        covariance.iter_mut().zip(&counts).for_each(|(s, c)| *s /= c);
        Self::assemble(covariance, mean, Some(smallest.2), missing, smallest)
    }
}

/// Incomplete samples that have been checked: rows with a positive weight, by columns, NaN = missing.
pub(super) struct Incomplete {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
    /// Sum one.
    pub(super) weights: Vec<f64>,
}

impl Incomplete {
    pub(super) fn new<S: Data<Elem = f64>>(samples: &ArrayBase<S, Ix2>, weights: Option<&[f64]>) -> Result<Self> {
        let (n, p) = samples.dim();
        if n == 0 {
            return Err(Error::Empty { argument: "samples" });
        }
        if p == 0 {
            return Err(Error::Empty { argument: "samples columns" });
        }
        if let Some(((i, j), &value)) = samples.indexed_iter().find(|(_, v)| v.is_infinite()) {
            return Err(Error::NotFinite { argument: "samples", index: vec![i, j], value });
        }
        let mut rows: Vec<usize> = (0..n).collect();
        let mut shares = vec![1.0 / n as f64; n];
        if let Some(weights) = weights {
            check_length("sample_weights", n, weights.len())?;
            check_weights("sample_weights", weights, false)?;
            let largest = weights.iter().copied().fold(0.0, f64::max);
            if largest == 0.0 {
                let expected = "at least one positive weight";
                return Err(Error::OutOfRange { argument: "sample_weights", index: vec![], value: 0.0, expected });
            }
            rows.retain(|&i| weights[i] > 0.0);
            let sum: f64 = rows.iter().map(|&i| weights[i] / largest).sum();
            shares = rows.iter().map(|&i| weights[i] / largest / sum).collect();
        }
        let values = samples.columns().into_iter().flat_map(|c| rows.iter().map(move |&i| c[i]).collect::<Vec<_>>());
        Ok(Self { rows: rows.len(), columns: p, values: values.collect(), weights: shares })
    }

    /// Mean (zero if that is assumed) and variance of every column over its observed rows, of which there must be two, and
    /// not all the same.
    pub(super) fn moments(&self, centred: bool) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut moments = (Vec::with_capacity(self.columns), Vec::with_capacity(self.columns));
        for (j, column) in self.values.chunks_exact(self.rows.max(1)).enumerate() {
            let observed = || column.iter().zip(&self.weights).filter(|(x, _)| !x.is_nan());
            let found = observed().count();
            if found < 2 {
                return Err(Error::TooFewRows { first: j, second: j, found, expected: 2 });
            }
            let sum: f64 = observed().map(|(_, s)| s).sum();
            let about = |centre: f64| observed().map(|(x, s)| s / sum * (x - centre)).sum::<f64>();
            let mut mean = 0.0;
            if !centred {
                // Twice: the second pass removes the rounding of the first.
                mean = about(0.0);
                mean += about(mean);
            }
            let variance = observed().map(|(x, s)| s / sum * (x - mean) * (x - mean)).sum::<f64>();
            if variance.sqrt() <= CONSTANT * mean.abs() {
                return Err(Error::Constant { variable: j, other: j });
            }
            if !variance.is_finite() {
                let expected = "numbers whose squares are finite";
                let value = observed().fold(0.0, |m: f64, (&v, _)| if v.abs() > m.abs() { v } else { m });
                return Err(Error::OutOfRange { argument: "samples", index: vec![j], value, expected });
            }
            moments.0.push(mean);
            moments.1.push(variance);
        }
        Ok(moments)
    }

    /// The rows in which anything is observed.
    pub(super) fn without_empty_rows(self) -> Self {
        let n = self.rows;
        let keep: Vec<usize> =
            (0..n).filter(|&i| (0..self.columns).any(|j| !self.values[j * n + i].is_nan())).collect();
        // All of it if there is nothing: then the first variable is named.
        if keep.len() == n || keep.is_empty() {
            return self;
        }
        let values = self.values.chunks_exact(n).flat_map(|column| keep.iter().map(|&i| column[i])).collect();
        let sum: f64 = keep.iter().map(|&i| self.weights[i]).sum();
        let weights = keep.iter().map(|&i| self.weights[i] / sum).collect();
        Self { rows: keep.len(), columns: self.columns, values, weights }
    }
}

/// The pair of variables with the fewest rows in common. Fewer than two are an error, of a variable alone first.
pub(super) fn smallest_pair(p: usize, count: impl Fn(usize, usize) -> usize) -> Result<(usize, usize, usize)> {
    let too_few = |i: usize, j: usize| Error::TooFewRows { first: i, second: j, found: count(i, j), expected: 2 };
    if let Some(j) = (0..p).find(|&j| count(j, j) < 2) {
        return Err(too_few(j, j));
    }
    let pairs = (0..p).flat_map(|i| (i + 1..p).map(move |j| (i, j)));
    let (i, j) = pairs.min_by_key(|&(i, j)| count(i, j)).unwrap_or((0, 0));
    if count(i, j) < 2 { Err(too_few(i, j)) } else { Ok((i, j, count(i, j))) }
}

impl GraphicalLasso {
    /// Fits to n×p samples in which NaN stands for a missing value, by their
    /// [pairwise covariance](CovarianceEstimate::pairwise), with the sample weights of this estimator and, if
    /// `assume_centered`, without means. For values missing completely at random; [`fit_em`](Self::fit_em) is the other way.
    ///
    /// # Errors
    /// As [`CovarianceEstimate::pairwise`] and [`fit`](Self::fit).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let value = |i: usize, j: usize| ((i * i * (j + 1) + 7 * i * j) % 23) as f64;
    /// let samples = Array2::from_shape_fn((60, 4), |(i, j)| if (i + j) % 9 == 0 { f64::NAN } else { value(i, j) });
    /// let model = GraphicalLasso::new(0.2).correlation_scale(true).fit_incomplete(&samples)?;
    /// let filled = model.impute(&samples)?;
    /// assert!(filled.iter().all(|v| v.is_finite()));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn fit_incomplete<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<PrecisionModel> {
        self.check()?;
        let weights = self.sample_weights.as_deref();
        let estimate = CovarianceEstimate::pairwise_of(samples, weights, self.assume_centered)?;
        Self { sample_weights: None, ..self.clone() }.fit_estimate(&estimate)
    }
}
