//! One λ: units of unit variance, components, closed forms, the solver, and back to the user's units.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::estimator::graphical_lasso::acyclic;
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::graphical_lasso::screening::components;
use crate::estimator::graphical_lasso::weights::Weights;
use crate::estimator::graphical_lasso::{GraphicalLasso, GraphicalMethod};
use crate::linalg::Cholesky;
use crate::parallel;
use crate::penalty::{self, EntrywiseL1};
use crate::problem::{Certificate, Problem};
use crate::smooth::{LogDet, LogDetPoint, Smooth};
use crate::solver::{BlockStart, NewtonBlock, Solver, Start, Status, Watch};

/// An answer in the user's units.
#[derive(Debug)]
pub(in crate::estimator) struct Answer {
    pub(in crate::estimator) precision: Vec<f64>,
    pub(in crate::estimator) covariance: Vec<f64>,
    /// log det of the precision.
    pub(in crate::estimator) log_det: f64,
    pub(in crate::estimator) certificate: Certificate,
    pub(in crate::estimator) status: Status,
    pub(in crate::estimator) iterations: usize,
}

/// Pivots (squared, in units of unit variance) below this many times p are rounding errors of a singular matrix.
pub(in crate::estimator) const SINGULAR: f64 = 64.0 * f64::EPSILON;
/// A solve that can make no more progress farther than this (relative gap) from the optimum has met a singular problem.
pub(in crate::estimator) const HOPELESS: f64 = 1e-4;

/// The problem at one λ. All of it is in units in which the diagonal of the estimated covariance, which is known in
/// advance (`S_ii`, or `S_ii + λΛ_ii` if the diagonal is penalised), is one: thresholds become `λΛ_ij / (d_i d_j)`.
pub(super) struct Scaled<'a> {
    estimator: &'a GraphicalLasso,
    covariance: &'a Covariance,
    weights: Weights<'a>,
    /// √ of the diagonal of the estimated covariance.
    deviation: Vec<f64>,
    lambda: f64,
}

impl<'a> Scaled<'a> {
    /// `weights` with the diagonal, whose penalty is an addition to S.
    pub(super) fn new(
        estimator: &'a GraphicalLasso,
        covariance: &'a Covariance,
        weights: Weights<'a>,
        lambda: f64,
    ) -> Result<Self> {
        let p = covariance.size;
        let mut deviation = vec![0.0; p];
        for (i, d) in deviation.iter_mut().enumerate() {
            let k = i * p + i;
            let added = if estimator.penalize_diagonal { penalty::threshold(lambda, weights.at(i, i)) } else { 0.0 };
            let variance = covariance.values[k] + added;
            if !(variance > 0.0 && variance.is_finite()) {
                let (argument, index) =
                    if covariance.of_samples { ("samples", vec![i]) } else { ("covariance", vec![i, i]) };
                let expected = "a variable with a positive, finite variance";
                return Err(Error::OutOfRange { argument, index, value: variance, expected });
            }
            *d = variance.sqrt();
        }
        Ok(Self { estimator, covariance, weights, deviation, lambda })
    }

    /// λΛ_ij in the user's units.
    #[inline]
    fn threshold(&self, i: usize, j: usize) -> f64 {
        penalty::threshold(self.lambda, self.weights.at(i, j))
    }

    /// S_ij / (d_i d_j) for i ≠ j.
    fn correlation(&self, i: usize, j: usize) -> f64 {
        if i == j {
            1.0
        } else {
            self.covariance.values[j * self.covariance.size + i] / self.deviation[i] / self.deviation[j]
        }
    }

    /// The problem of some variables in units of unit variance, thresholds as weights.
    fn part(&self, members: &[usize]) -> Result<(LogDet, EntrywiseL1)> {
        let k = members.len();
        let mut s = vec![1.0; k * k];
        let mut t = vec![0.0; k * k];
        for (b, &j) in members.iter().enumerate() {
            for (a, &i) in members.iter().enumerate().take(b) {
                let (value, threshold) =
                    (self.correlation(i, j), self.threshold(i, j) / self.deviation[i] / self.deviation[j]);
                (s[b * k + a], s[a * k + b]) = (value, value);
                (t[b * k + a], t[a * k + b]) = (threshold, threshold);
            }
        }
        Ok((LogDet::new(k, s)?, EntrywiseL1::with_weights(k, t)?))
    }

    /// Solves, from a precision matrix and its inverse (user's units) if there are any.
    pub(super) fn solve(&self, warm: Option<(&[f64], &[f64])>, watch: &mut dyn Watch) -> Result<Answer> {
        let started = Instant::now();
        match &self.estimator.method {
            GraphicalMethod::Newton(solver) => {
                let p = self.covariance.size;
                let parts = components(p, |i, j| {
                    self.covariance.values[j * p + i].abs() > self.threshold(i, j) * (1.0 + 4.0 * f64::EPSILON)
                });
                let blocks = parallel::map_indexed(parts.len(), 8 * p * p, |k| {
                    let (smooth, penalty) = self.part(&parts[k])?;
                    let start = self.start(&parts[k], &smooth, &penalty, warm)?;
                    Ok(NewtonBlock::new(smooth, penalty, start, solver))
                });
                let mut blocks = blocks.into_iter().collect::<Result<Vec<_>>>()?;
                let (certificate, status, iterations) = solver.solve_blocks(&mut blocks, started, self.lambda, watch);
                let pieces = parts.iter().zip(&blocks).filter_map(|(m, b)| Some((m.as_slice(), b.solution()?)));
                self.restore(pieces, certificate, status, iterations)
            }
            GraphicalMethod::Fista(solver) => {
                let members: Vec<usize> = (0..self.covariance.size).collect();
                let (smooth, penalty) = self.part(&members)?;
                self.check_free(&members, &smooth, &penalty)?;
                let problem = Problem::new(&smooth, &penalty, 1.0);
                let start = warm.map(|(theta, _)| self.to_unit(&members, theta)).unwrap_or_else(|| smooth.origin());
                let lambda = self.lambda;
                let mut watch = |progress: &crate::solver::Progress| {
                    watch.progress(&crate::solver::Progress { lambda, ..*progress })
                };
                let solution = solver.solve(&problem, Start::At(&start), &mut watch);
                let at = smooth.point(&solution.coefficients);
                let piece = std::iter::once((members.as_slice(), &at));
                self.restore(piece, solution.certificate, solution.status, solution.iterations)
            }
        }
    }

    /// Where a component starts: at its solution if that has a closed form (one or two variables; nothing penalised; a tree), or
    /// near the warm start.
    fn start(
        &self,
        members: &[usize],
        smooth: &LogDet,
        penalty: &EntrywiseL1,
        warm: Option<(&[f64], &[f64])>,
    ) -> Result<BlockStart> {
        let k = members.len();
        if k == 1 {
            return Ok(BlockStart::At(vec![1.0]));
        }
        if let Some(inverse) = self.check_free(members, smooth, penalty)? {
            return Ok(BlockStart::At(inverse));
        }
        if let Some(theta) = acyclic::solution(smooth, penalty) {
            return Ok(BlockStart::At(theta));
        }
        Ok(match warm {
            Some((theta, inverse)) => {
                let inverse = self.each(members, |i, j| inverse[j * self.covariance.size + i], |d| 1.0 / d);
                BlockStart::Near(self.to_unit(members, theta), Some(inverse))
            }
            None => BlockStart::Nowhere,
        })
    }

    /// Rejects variables that are collinear and not kept apart by a penalty; returns S⁻¹ where nothing is penalised.
    ///
    /// The problem has a solution if S is positive definite on every connected set of free pairs (mix S with its blocks:
    /// a positive definite dual point), and has none if S is singular on a clique of free pairs.
    fn check_free(&self, members: &[usize], smooth: &LogDet, penalty: &EntrywiseL1) -> Result<Option<Vec<f64>>> {
        let (k, s) = (members.len(), smooth.covariance());
        let free = |a: usize, b: usize| penalty.threshold(1.0, b * k + a) == 0.0;
        for group in components(k, free) {
            let m = group.len();
            if m == 1 {
                continue;
            }
            // Two variables that are one, and nothing to choose between them.
            let same = |a: usize, b: usize| free(a, b) && 1.0 - s[b * k + a].abs() <= SINGULAR;
            let pairs = (0..m).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| (group[a], group[b]));
            if let Some((a, b)) = pairs.into_iter().find(|&(a, b)| same(a, b)) {
                let reason = format!(
                    "variables {}, {} are collinear and the entries between them are not penalised",
                    members[a].min(members[b]),
                    members[a].max(members[b])
                );
                return Err(Error::IllPosed { reason });
            }
            let clique = (0..m).all(|b| (0..b).all(|a| free(group[a], group[b])));
            let part: Vec<f64> = (0..m * m).map(|e| s[group[e / m] * k + group[e % m]]).collect();
            let factor = Cholesky::factor(&part, m).ok();
            let factor = factor.filter(|f| (0..m).all(|i| f.lower(i, i) * f.lower(i, i) > SINGULAR * m as f64));
            match factor {
                // Only the solver can tell whether the pairs that are penalised suffice.
                None if !clique => {}
                None => {
                    let names: Vec<String> = group.iter().take(5).map(|&a| members[a].to_string()).collect();
                    let more = if m > 5 { ", …" } else { "" };
                    let reason = format!(
                        "variables {}{more} are collinear and the entries between them are not penalised",
                        names.join(", ")
                    );
                    return Err(Error::IllPosed { reason });
                }
                Some(factor) if m == k && clique => {
                    let mut inverse = vec![0.0; k * k];
                    factor.inverse(&mut inverse);
                    return Ok(Some(inverse));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn to_unit(&self, members: &[usize], precision: &[f64]) -> Vec<f64> {
        let p = self.covariance.size;
        // An entry that is excluded now must not be taken over.
        let excluded = |i: usize, j: usize| i != j && self.threshold(i, j) == f64::INFINITY;
        self.each(members, |i, j| if excluded(i, j) { 0.0 } else { precision[j * p + i] }, |d| d)
    }

    /// The values of all pairs of these variables, each multiplied by what `unit` makes of the two deviations.
    fn each(&self, members: &[usize], value: impl Fn(usize, usize) -> f64, unit: impl Fn(f64) -> f64) -> Vec<f64> {
        let units: Vec<f64> = members.iter().map(|&i| unit(self.deviation[i])).collect();
        let mut values = Vec::with_capacity(members.len() * members.len());
        for (b, &j) in members.iter().enumerate() {
            // In one order for an entry and its mirror image, so that they agree to the last bit.
            let entry = |(a, &i): (usize, &usize)| value(i, j) * units[a.min(b)] * units[a.max(b)];
            values.extend(members.iter().enumerate().map(entry));
        }
        values
    }

    /// Puts the components together in the user's units.
    fn restore<'b>(
        &self,
        pieces: impl Iterator<Item = (&'b [usize], &'b LogDetPoint)>,
        mut certificate: Certificate,
        status: Status,
        iterations: usize,
    ) -> Result<Answer> {
        let gap = certificate.relative_gap();
        if status == Status::Stalled && (gap.is_nan() || gap > HOPELESS) {
            let reason = format!(
                "no progress is possible in floating-point arithmetic at a relative gap of {:.1e}: the covariance is \
                 numerically singular and the penalty does not mend it",
                certificate.relative_gap()
            );
            return Err(Error::IllPosed { reason });
        }
        let p = self.covariance.size;
        let d = &self.deviation;
        let mut precision = vec![0.0; p * p];
        let mut covariance = vec![0.0; p * p];
        let mut kkt = 0.0f64;
        let mut log_det = -2.0 * d.iter().map(|d| d.ln()).sum::<f64>();
        for (members, at) in pieces {
            let (k, theta, inverse) = (members.len(), at.theta(), at.inverse());
            if inverse.len() != k * k {
                return Err(Error::IllPosed { reason: "the precision matrix is numerically singular".into() });
            }
            log_det += at.log_det();
            for (b, &j) in members.iter().enumerate() {
                for (a, &i) in members.iter().enumerate() {
                    let e = b * k + a;
                    // In one order for an entry and its mirror image, so that they agree to the last bit.
                    let (first, last) = (d[i.min(j)], d[i.max(j)]);
                    precision[j * p + i] = theta[e] / first / last;
                    covariance[j * p + i] = inverse[e] * first * last;
                    // The residual of stationarity, in the user's units.
                    let g = (self.correlation(i, j) - inverse[e]) * d[i] * d[j];
                    let t = self.threshold(i, j);
                    kkt = kkt.max(if i == j {
                        g.abs()
                    } else if t == f64::INFINITY {
                        0.0
                    } else if theta[e] != 0.0 {
                        (g + t * theta[e].signum()).abs()
                    } else {
                        (g.abs() - t).max(0.0)
                    });
                }
            }
        }
        certificate.kkt = kkt;
        certificate.objective += 2.0 * d.iter().map(|d| d.ln()).sum::<f64>();
        Ok(Answer { precision, covariance, log_det, certificate, status, iterations })
    }
}
