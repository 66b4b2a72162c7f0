//! The data of a graphical lasso: a covariance that has been checked, and where it comes from.

use ndarray::{Array2, ArrayBase, Data, Ix2, ShapeBuilder};

use crate::error::{Error, Result, check_length, check_weights};
use crate::kernels;
use crate::linalg::{self, Cholesky};

/// A covariance matrix with the moments that belong to it.
#[derive(Debug, Clone)]
pub(in crate::estimator) struct Covariance {
    pub(in crate::estimator) size: usize,
    /// S, both triangles, exactly symmetric.
    pub(in crate::estimator) values: Vec<f64>,
    /// Mean of each variable (0 if unknown or assumed).
    pub(in crate::estimator) mean: Vec<f64>,
    /// Number of observations, if there were any.
    pub(in crate::estimator) nobservations: Option<usize>,
    /// Whether an error is one of the samples, not of a matrix that was given.
    pub(in crate::estimator) of_samples: bool,
}

/// Entries of a covariance may differ from their mirror images by this share of the standard deviations.
const ASYMMETRY: f64 = 1e-8;
/// The smallest eigenvalue of a correlation matrix may be this far below zero: input rounded to eight digits.
const INDEFINITE: f64 = 1e-8;
/// Rows and columns of a tile.
const TILE: usize = 32;
/// A variance below this many squared ulps of the mean is that of a constant.
const CONSTANT: f64 = 16.0 * f64::EPSILON;

impl Covariance {
    /// `Σ_i s_i (x_i − x̄)(x_i − x̄)ᵀ / Σ_i s_i` of the chosen rows of n×p samples.
    pub(in crate::estimator) fn of_samples<S: Data<Elem = f64>>(
        samples: &ArrayBase<S, Ix2>,
        rows: Option<&[usize]>,
        weights: Option<&[f64]>,
        centred: bool,
    ) -> Result<Self> {
        let p = samples.ncols();
        check_samples(samples)?;
        let all: Vec<usize>;
        let rows = match rows {
            Some(rows) => rows,
            None => {
                all = (0..samples.nrows()).collect();
                &all
            }
        };
        let n = rows.len();
        if n == 0 {
            return Err(Error::Empty { argument: "samples" });
        }
        let weights: Vec<f64> = match weights {
            None => vec![1.0 / n as f64; n],
            Some(weights) => {
                check_length("sample_weights", samples.nrows(), weights.len())?;
                check_weights("sample_weights", weights, false)?;
                let largest = rows.iter().map(|&i| weights[i]).fold(0.0, f64::max);
                if largest == 0.0 {
                    let expected = "at least one positive weight";
                    return Err(Error::OutOfRange { argument: "sample_weights", index: vec![], value: 0.0, expected });
                }
                let sum: f64 = rows.iter().map(|&i| weights[i] / largest).sum();
                rows.iter().map(|&i| weights[i] / largest / sum).collect()
            }
        };
        let mut x = vec![0.0; n * p];
        let mut mean = vec![0.0; p];
        let mut constant = Vec::new();
        for (j, column) in x.chunks_exact_mut(n).enumerate() {
            for (x, &i) in column.iter_mut().zip(rows) {
                *x = samples[[i, j]];
            }
            if !centred {
                // Twice: the second pass removes the rounding of the first.
                for _ in 0..2 {
                    let shift: f64 = column.iter().zip(&weights).map(|(x, s)| s * x).sum();
                    mean[j] += shift;
                    column.iter_mut().for_each(|x| *x -= shift);
                }
            }
            column.iter_mut().zip(&weights).for_each(|(x, s)| *x *= s.sqrt());
            let variance: f64 = column.iter().map(|x| x * x).sum();
            if variance.sqrt() <= CONSTANT * mean[j].abs() {
                constant.push(j);
            }
        }
        let mut values = vec![0.0; p * p];
        linalg::gram(&x, n, p, &mut values);
        for j in constant {
            values[j * p + j] = 0.0;
            (0..p).for_each(|i| (values[i * p + j], values[j * p + i]) = (0.0, 0.0));
        }
        if let Some(k) = values.iter().position(|v| !v.is_finite()) {
            let expected = "numbers whose squares are finite";
            let j = k / p;
            let value =
                rows.iter().map(|&i| samples[[i, j]]).fold(0.0, |m: f64, v| if v.abs() > m.abs() { v } else { m });
            return Err(Error::OutOfRange { argument: "samples", index: vec![j], value, expected });
        }
        let nobservations = Some(weights.iter().filter(|&&s| s > 0.0).count());
        Ok(Self { size: p, values, mean, nobservations, of_samples: true })
    }

    /// A matrix given by the user.
    pub(in crate::estimator) fn given<S: Data<Elem = f64>>(s: &ArrayBase<S, Ix2>) -> Result<Self> {
        let p = s.nrows();
        check_length("covariance columns", p, s.ncols())?;
        if p == 0 {
            return Err(Error::Empty { argument: "covariance" });
        }
        // By rows or by columns: a symmetric matrix is the same.
        let owned;
        let raw = match s.as_slice().or_else(|| s.t().to_slice()) {
            Some(values) => values,
            None => {
                owned = s.iter().copied().collect::<Vec<f64>>();
                &owned
            }
        };
        if !kernels::all_finite(raw)
            && let Some(((i, j), &value)) = s.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            return Err(Error::NotFinite { argument: "covariance", index: vec![i, j], value });
        }
        for i in 0..p {
            if s[[i, i]] < 0.0 {
                let expected = "a variance >= 0";
                return Err(Error::OutOfRange {
                    argument: "covariance",
                    index: vec![i, i],
                    value: s[[i, i]],
                    expected,
                });
            }
        }
        let deviation: Vec<f64> = (0..p).map(|i| s[[i, i]].sqrt()).collect();
        let mut worst = (0.0, 0, 0);
        let mut values = vec![0.0; p * p];
        // In tiles, so that an entry and its mirror image are in the cache together.
        for first in (0..p).step_by(TILE) {
            for top in (0..=first).step_by(TILE) {
                for j in first..(first + TILE).min(p) {
                    for i in top..(top + TILE).min(j + 1) {
                        let (a, b) = (raw[j * p + i], raw[i * p + j]);
                        let difference = (a - b).abs();
                        if difference > 0.0 {
                            let size = a.abs().max(b.abs()).max(deviation[i] * deviation[j]);
                            if difference > ASYMMETRY * size && difference / size > worst.0 {
                                worst = (difference / size, j, i);
                            }
                        }
                        let mean = 0.5 * a + 0.5 * b;
                        (values[j * p + i], values[i * p + j]) = (mean, mean);
                    }
                }
            }
        }
        if worst.0 > 0.0 {
            let (_, row, column) = worst;
            let difference = (s[[row, column]] - s[[column, row]]).abs();
            return Err(Error::NotSymmetric { argument: "covariance", row, column, difference });
        }
        let covariance = Self { size: p, values, mean: vec![0.0; p], nobservations: None, of_samples: false };
        covariance.check_semidefinite(&deviation)?;
        Ok(covariance)
    }

    /// In units of unit variance, so that units cannot hide an eigenvalue.
    fn check_semidefinite(&self, deviation: &[f64]) -> Result<()> {
        let p = self.size;
        let inverse: Vec<f64> = deviation.iter().map(|&d| if d > 0.0 { 1.0 / d } else { 0.0 }).collect();
        for j in (0..p).filter(|&j| deviation[j] == 0.0) {
            // A covariance with a variable that has no variance: the 2×2 minor is −value².
            if let Some(value) = self.values[j * p..(j + 1) * p].iter().find(|v| **v != 0.0) {
                return Err(Error::NotPositiveDefinite { argument: "covariance", eigenvalue: -value.abs() });
            }
        }
        let mut unit = Vec::with_capacity(p * p);
        for (column, last) in self.values.chunks_exact(p).zip(&inverse) {
            unit.extend(column.iter().zip(&inverse).map(|(v, first)| v * first * last));
        }
        for i in 0..p {
            unit[i * p + i] = 1.0 + INDEFINITE;
        }
        if Cholesky::factor(&unit, p).is_ok() {
            return Ok(());
        }
        for i in 0..p {
            unit[i * p + i] = if deviation[i] > 0.0 { 1.0 } else { 0.0 };
        }
        match linalg::eigenvalues(&unit, p) {
            Ok(values) if values[0] >= -INDEFINITE => Ok(()),
            Ok(values) => Err(Error::NotPositiveDefinite { argument: "covariance", eigenvalue: values[0] }),
            Err(_) => Err(Error::NotPositiveDefinite { argument: "covariance", eigenvalue: f64::NAN }),
        }
    }
}

/// Rejects empty samples, NaN and infinity.
pub(super) fn check_samples<S: Data<Elem = f64>>(samples: &ArrayBase<S, Ix2>) -> Result<()> {
    if samples.nrows() == 0 {
        return Err(Error::Empty { argument: "samples" });
    }
    if samples.ncols() == 0 {
        return Err(Error::Empty { argument: "samples columns" });
    }
    match samples.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((i, j), &value)) => Err(Error::NotFinite { argument: "samples", index: vec![i, j], value }),
        None => Ok(()),
    }
}

/// A p×p matrix of its columns.
pub(super) fn square_matrix(argument: &'static str, p: usize, columns: Vec<f64>) -> Result<Array2<f64>> {
    let (expected, found) = (p * p, columns.len());
    Array2::from_shape_vec((p, p).f(), columns).map_err(|_| Error::Length { argument, expected, found })
}
