//! The graphical lasso of what was observed: expectation and maximisation.

use std::collections::BTreeMap;
use std::fmt;

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result, Unconverged, check_scalar};
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::graphical_lasso::incomplete::Incomplete;
use crate::estimator::graphical_lasso::weights::Weights;
use crate::estimator::{CovarianceEstimate, Criterion, GraphicalLasso, PrecisionModel};
use crate::linalg::{self, Cholesky};
use crate::parallel;
use crate::penalty;
use crate::solver::Status;

/// When expectation and maximisation stop.
///
/// ```
/// use sparsereg::prelude::*;
/// let em = Em::default().tolerance(1e-8).max_iterations(1000);
/// assert_ne!(em, Em::default());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Em {
    tolerance: f64,
    max_iterations: usize,
}

impl Default for Em {
    fn default() -> Self {
        Self { tolerance: 1e-6, max_iterations: 500 }
    }
}

impl Em {
    /// Stop when an iteration lowers the objective by no more than this times p (default 1e-6). The graphical lassos inside
    /// are solved to a tenth of it at least.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Iteration limit (default 500).
    pub fn max_iterations(mut self, limit: usize) -> Self {
        self.max_iterations = limit;
        self
    }
}

/// A graphical lasso of incomplete samples by [`GraphicalLasso::fit_em`].
#[derive(Debug, Clone)]
pub struct EmModel {
    model: PrecisionModel,
    objective: Vec<f64>,
    converged: bool,
    /// Of the observed values, a row.
    log_likelihood: f64,
    rows: usize,
    missing: usize,
}

impl EmModel {
    /// Mean, Θ and graph. Its certificate is that of the last maximisation, not of the whole problem, which is not convex.
    pub fn model(&self) -> &PrecisionModel {
        &self.model
    }

    /// [`model`](Self::model), by value.
    pub fn into_model(self) -> PrecisionModel {
        self.model
    }

    /// The objective at the start and after every iteration; it never rises.
    pub fn objective(&self) -> &[f64] {
        &self.objective
    }

    /// Iterations made.
    pub fn iterations(&self) -> usize {
        self.objective.len() - 1
    }

    /// Whether the last iteration changed less than the tolerance and its maximisation converged. False only if
    /// `accept_unconverged` allows it.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How many entries were missing in rows that count (rows without any value, or of weight 0, do not).
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// The log-likelihood of the observed values, `Σ_i log N(x_iO; μ_O, Σ_OO)`.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood * self.rows as f64
    }

    /// An information criterion with the [likelihood of the observed values](Self::log_likelihood). That of
    /// [`model`](Self::model) would take expectations for data.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for γ that is negative or not finite.
    pub fn criterion(&self, criterion: Criterion) -> Result<f64> {
        let n = self.model.observations().unwrap_or(self.rows) as f64;
        let cost = criterion.cost(n, self.model.precision().ncols() as f64)?;
        Ok(-2.0 * n * self.log_likelihood + self.model.edge_count() as f64 * cost)
    }
}

impl fmt::Display for EmModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.converged { "converged" } else { "not converged" };
        let last = self.objective.last().copied().unwrap_or(f64::NAN);
        writeln!(f, "EM {end} after {} iterations: {last:.8}   {} entries missing", self.iterations(), self.missing)?;
        write!(f, "{}", self.model)
    }
}

/// Pieces into which the patterns of missing values are cut at most, each summed on its own.
const PIECES: usize = 16;

/// Rows that miss the same variables.
struct Pattern {
    missing: Vec<usize>,
    rows: Vec<usize>,
    weight: f64,
}

/// What the expectation gives.
struct Expectation {
    /// The objective without the penalty, at the parameters that went in.
    value: f64,
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl GraphicalLasso {
    /// Fits to n×p samples in which NaN stands for a missing value, by the likelihood of what was observed (MissGLasso,
    /// Städler and Bühlmann 2012):
    ///
    /// ```text
    /// min over μ, Θ:  Σ_i s_i (log det Σ_OO + (x_iO − μ_O)ᵀ Σ_OO⁻¹ (x_iO − μ_O)) + λ Σ_{i≠j} Λ_ij |θ_ij|,   Σ = Θ⁻¹
    /// ```
    ///
    /// with the observed variables O of each row and `Σ_i s_i = 1`. Without missing values it is [`fit`](Self::fit). It is not
    /// convex with them; every iteration fills in conditional means, adds conditional covariances, and solves a graphical
    /// lasso from the last answer, which never raises the objective. It starts at the fit to the
    /// [pairwise covariance](CovarianceEstimate::pairwise), or where that does not exist without edges, and ends at a
    /// stationary point.
    ///
    /// Right for values missing at random: whether one is missing may depend on values that are observed. The pairwise fit
    /// needs more (completely at random) but is one convex problem, and does not need the data to be Gaussian. Neither
    /// helps if values are missing because of what they are.
    ///
    /// With `correlation_scale` the scales are those of the observed values. A row without values does not count.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for every maximisation; infinite values; [`Error::TooFewRows`] for a variable observed in no or
    /// one row, [`Error::Constant`] for one without variance; [`Error::NotConverged`] with the partial answer at the iteration
    /// limit, unless `accept_unconverged`.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let value = |i: usize, j: usize| ((i * i * (j + 1) + 7 * i * j) % 23) as f64;
    /// let samples = Array2::from_shape_fn((60, 4), |(i, j)| if (i + j) % 9 == 0 { f64::NAN } else { value(i, j) });
    /// let em = GraphicalLasso::new(0.2).correlation_scale(true).fit_em(&samples, &Em::default())?;
    /// assert!(em.converged() && em.objective().windows(2).all(|w| w[1] <= w[0] + 1e-9));
    /// println!("{em}");
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn fit_em<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>, em: &Em) -> Result<EmModel> {
        self.check()?;
        check_scalar("em tolerance", em.tolerance, 0.0, f64::MAX, "a finite number >= 0")?;
        let weights = self.sample_weights.as_deref();
        let data = Incomplete::new(samples, weights)?.without_empty_rows();
        let p = data.columns;
        let (mean, variance) = data.moments(self.assume_centered)?;
        let mut diagonal = vec![0.0; p * p];
        (0..p).for_each(|j| diagonal[j * p + j] = variance[j]);
        let nobservations = self.observations.or(Some(data.rows));
        let start = Covariance { size: p, values: diagonal, mean, nobservations, of_samples: true };

        // The scale of the penalty must not move with the covariance, or there is no one objective.
        let mut inner = Self { sample_weights: None, ..self.clone() };
        let scale = Weights::of(self, &start)?;
        if self.correlation_scale {
            inner.weights = Some(Array2::from_shape_fn((p, p), |(i, j)| scale.at(i, j)));
            inner.correlation_scale = false;
        }
        inner.stopping_mut().tolerance = self.stopping().tolerance.min(0.1 * em.tolerance);
        let penalty = |model: &PrecisionModel| {
            let entries = model.precision();
            let counted = entries.indexed_iter().filter(|((i, j), v)| **v != 0.0 && (i != j || self.penalize_diagonal));
            counted.map(|((i, j), v)| penalty::threshold(self.lambda, scale.at(i, j)) * v.abs()).sum::<f64>()
        };

        let pairwise = CovarianceEstimate::pairwise_of(samples, weights, self.assume_centered)
            .and_then(|estimate| inner.solve_one(&inner.estimated(&estimate)?, self.lambda, None, &mut ()));
        let mut model = match pairwise {
            Ok(model) => model,
            Err(_) => inner.solve_one(&start, self.lambda, None, &mut ())?,
        };
        let patterns = data.patterns();
        let mut objective: Vec<f64> = Vec::new();
        let mut previous: Option<(PrecisionModel, f64)> = None;
        let (converged, last) = loop {
            let found = data.expectation(&patterns, &model, self.assume_centered)?;
            let value = found.value + penalty(&model);
            // A maximisation that met its limit may even have lost something.
            let settled = matches!(model.status(), Status::Converged | Status::Stalled);
            if let (Some(&best), Some((kept, likelihood))) = (objective.last(), &previous)
                && value > best
                && !settled
            {
                model = PrecisionModel::clone(kept);
                break (false, *likelihood);
            }
            let still = objective.last().is_some_and(|before| before - value <= em.tolerance * p as f64);
            objective.push(value);
            if still || objective.len() > em.max_iterations {
                break (still && settled, found.value);
            }
            previous = Some((model.clone(), found.value));
            let covariance =
                Covariance { size: p, values: found.covariance, mean: found.mean, nobservations, of_samples: true };
            model = self.accept(inner.solve_one(&covariance, self.lambda, Some(&model), &mut ())?)?;
        };
        if !converged && !self.accept_unconverged {
            return Err(Error::NotConverged(Box::new(Unconverged {
                status: Status::IterationLimit,
                certificate: *model.certificate(),
                coefficients: model.precision().to_owned(),
                intercept: model.mean().to_owned(),
                iterations: objective.len() - 1,
            })));
        }
        let observed: f64 = patterns.iter().map(|k| k.weight * (p - k.missing.len()) as f64).sum();
        let log_likelihood = -0.5 * (last + observed * (2.0 * std::f64::consts::PI).ln());
        let missing = data.values.iter().filter(|v| v.is_nan()).count();
        Ok(EmModel { model, objective, converged, log_likelihood, rows: data.rows, missing })
    }
}

impl Incomplete {
    fn patterns(&self) -> Vec<Pattern> {
        let mut rows_of: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for i in 0..self.rows {
            let missing = (0..self.columns).filter(|&j| self.values[j * self.rows + i].is_nan()).collect();
            rows_of.entry(missing).or_default().push(i);
        }
        let weight = |rows: &[usize]| rows.iter().map(|&i| self.weights[i]).sum();
        rows_of.into_iter().map(|(missing, rows)| Pattern { missing, weight: weight(&rows), rows }).collect()
    }

    /// Mean and covariance that the complete samples are expected to have, given what was observed and the model.
    fn expectation(&self, patterns: &[Pattern], model: &PrecisionModel, centred: bool) -> Result<Expectation> {
        let (n, p) = (self.rows, self.columns);
        let singular = || Error::IllPosed { reason: "the precision matrix is numerically singular".into() };
        let (theta, _) = model.values().ok_or_else(singular)?;
        let mut deviations = self.values.clone();
        for (column, mean) in deviations.chunks_exact_mut(n).zip(model.mean()) {
            column.iter_mut().for_each(|x| *x = if x.is_nan() { 0.0 } else { *x - mean });
        }
        // With zeros for the missing M, row i of DΘ holds Θ_MO d_O.
        let mut images = vec![0.0; n * p];
        linalg::matmul(&deviations, theta, n, p, p, &mut images);
        let height = patterns.len().div_ceil(PIECES);
        let pieces = parallel::map_indexed(patterns.len().div_ceil(height), 64 * n * p, |k| {
            let (mut spread, mut log_det, mut filled) = (vec![0.0; p * p], 0.0, Vec::new());
            for pattern in patterns.iter().skip(k * height).take(height).filter(|k| !k.missing.is_empty()) {
                let missing = &pattern.missing;
                let m = missing.len();
                let block: Vec<f64> =
                    missing.iter().flat_map(|&j| missing.iter().map(move |&i| theta[j * p + i])).collect();
                let factor = Cholesky::factor(&block, m).map_err(|_| singular())?;
                let mut inverse = block;
                factor.inverse(&mut inverse);
                for (b, &j) in missing.iter().enumerate() {
                    missing
                        .iter()
                        .enumerate()
                        .for_each(|(a, &i)| spread[j * p + i] += pattern.weight * inverse[b * m + a]);
                }
                log_det += pattern.weight * factor.log_det();
                for &i in &pattern.rows {
                    let mut shift: Vec<f64> = missing.iter().map(|&j| -images[j * n + i]).collect();
                    factor.solve_in_place(&mut shift);
                    filled.push((i, missing, shift));
                }
            }
            Ok((spread, log_det, filled))
        });
        let (mut spread, mut value) = (vec![0.0; p * p], -model.log_det());
        for piece in pieces {
            let (part, log_det, filled) = piece?;
            spread.iter_mut().zip(&part).for_each(|(s, v)| *s += v);
            // log det Σ_OO = log det Θ_MM − log det Θ
            value += log_det;
            for (i, missing, shift) in filled {
                missing.iter().zip(shift).for_each(|(&j, d)| deviations[j * n + i] = d);
            }
        }
        let mut mean = Vec::with_capacity(p);
        for column in deviations.chunks_exact_mut(n) {
            mean.push(column.iter().zip(&self.weights).map(|(d, s)| d * s).sum::<f64>());
            column.iter_mut().zip(&self.weights).for_each(|(d, s)| *d *= s.sqrt());
        }
        let mut covariance = vec![0.0; p * p];
        linalg::gram(&deviations, n, p, &mut covariance);
        // dᵀΘd of the filled row is the quadratic form of its observed part.
        value += covariance.iter().zip(theta).map(|(s, t)| s * t).sum::<f64>();
        if centred {
            mean.fill(0.0);
        }
        for j in 0..p {
            (0..p).for_each(|i| covariance[j * p + i] += spread[j * p + i] - mean[i] * mean[j]);
        }
        mean.iter_mut().zip(model.mean()).for_each(|(shift, mean)| *shift += mean);
        Ok(Expectation { value, mean, covariance })
    }
}
