//! One pair of λ: units, components, the solver, and back to the user's units.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::estimator::JointPrecisionModel;
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::graphical_lasso::screening::components;
use crate::estimator::graphical_lasso::solve::{Answer, HOPELESS, SINGULAR};
use crate::estimator::joint_graphical_lasso::JointGraphicalLasso;
use crate::linalg::Cholesky;
use crate::parallel;
use crate::penalty::{BlockPenalty, Coupling, JointEntrywise};
use crate::problem::Certificate;
use crate::smooth::JointLogDet;
use crate::solver::{JointBlock, Status, Watch};

/// Answers in the user's units, one per class.
#[derive(Debug)]
pub(super) struct JointAnswer {
    pub(super) classes: Vec<Answer>,
    /// Edges with the same value in all classes, as the penalty sees values; pairs i < j.
    pub(super) equal: Vec<(usize, usize)>,
    pub(super) weights: Vec<f64>,
    pub(super) certificate: Certificate,
    pub(super) status: Status,
    pub(super) iterations: usize,
}

/// The problem at one pair of λ. All of it is in units in which the variances are about one: variables are divided by the root of
/// their mean variance over the classes, so that entries of different classes still compare; or by their standard deviations in
/// the class, if the penalty is to see correlations.
pub(super) struct Scaled<'a> {
    estimator: &'a JointGraphicalLasso,
    data: &'a [Covariance],
    weights: Vec<f64>,
    /// The units, class by class.
    deviation: Vec<Vec<f64>>,
    lambda1: f64,
    lambda2: f64,
}

/// Thresholds are met to this accuracy before a pair of variables counts as linked.
const SLACK: f64 = 1.0 + 4.0 * f64::EPSILON;

impl<'a> Scaled<'a> {
    /// The names are those by which the user knows λ₁ and λ₂.
    pub(super) fn new(
        estimator: &'a JointGraphicalLasso,
        data: &'a [Covariance],
        (lambda1, lambda2): (f64, f64),
        (name1, name2): (&'static str, &'static str),
    ) -> Result<Self> {
        let weights = estimator.weights(data)?;
        let p = data.first().map_or(0, |class| class.size);
        for (k, class) in data.iter().enumerate() {
            if let Some(i) = (0..p).find(|i| !(class.values[i * p + i] > 0.0 && class.values[i * p + i].is_finite())) {
                let expected = "a variable with a positive, finite variance";
                let value = class.values[i * p + i];
                return Err(Error::OutOfRange { argument: "classes", index: vec![k, i], value, expected });
            }
        }
        let variance = |k: usize, i: usize| data[k].values[i * p + i];
        let deviation = if estimator.correlation_scale {
            (0..data.len()).map(|k| (0..p).map(|i| variance(k, i).sqrt()).collect()).collect()
        } else {
            let share = |k: usize| weights[k] / data.len() as f64;
            let pooled = |i: usize| (0..data.len()).map(|k| share(k) * variance(k, i)).sum::<f64>().sqrt();
            vec![(0..p).map(pooled).collect(); data.len()]
        };
        // A threshold that overflows would be reported as one of the solver's, which the user has never seen.
        let first = deviation.first().filter(|_| !estimator.correlation_scale);
        let least = first.map_or(1.0, |d: &Vec<f64>| d.iter().copied().fold(f64::INFINITY, f64::min));
        for (argument, value) in [(name1, lambda1), (name2, lambda2)] {
            if !(value / least / least).is_finite() {
                let expected = "a finite number where the variables have unit variance";
                return Err(Error::OutOfRange { argument, index: vec![], value, expected });
            }
        }
        Ok(Self { estimator, data, weights, deviation, lambda1, lambda2 })
    }

    fn size(&self) -> usize {
        self.data.first().map_or(0, |class| class.size)
    }

    /// S_ij of class k.
    #[inline]
    fn value(&self, k: usize, i: usize, j: usize) -> f64 {
        // In one order for an entry and its mirror image, so that they agree to the last bit.
        let (i, j) = (i.min(j), i.max(j));
        self.data[k].values[j * self.size() + i] / self.deviation[k][i] / self.deviation[k][j]
    }

    /// λ₁ and λ₂ at a pair.
    #[inline]
    fn thresholds(&self, i: usize, j: usize) -> (f64, f64) {
        let (first, second) = if i == j {
            let only_if = |yes: bool, value: f64| if yes { value } else { 0.0 };
            (
                only_if(self.estimator.penalize_diagonal, self.lambda1),
                only_if(self.estimator.couple_diagonal, self.lambda2),
            )
        } else {
            (self.lambda1, self.lambda2)
        };
        if self.estimator.correlation_scale {
            return (first, second);
        }
        let (i, j) = (i.min(j), i.max(j));
        let unit = |t: f64| t / self.deviation[0][i] / self.deviation[0][j];
        (unit(first), unit(second))
    }

    /// The problem of some variables, thresholds as weights.
    fn part(&self, members: &[usize]) -> Result<(JointLogDet, JointEntrywise)> {
        let classes = self.data.len();
        let pairs = || members.iter().flat_map(|&j| members.iter().map(move |&i| (i, j)));
        let covariances = (0..classes).map(|k| pairs().map(|(i, j)| self.value(k, i, j)).collect()).collect();
        let (l1, coupled) = pairs().map(|(i, j)| self.thresholds(i, j)).unzip();
        let smooth = JointLogDet::new(members.len(), covariances, self.weights.clone())?;
        let penalty = JointEntrywise::with_weights(members.len(), classes, self.estimator.coupling, l1, coupled)?;
        Ok((smooth, penalty))
    }

    /// `ω_k S_ij⁽ᵏ⁾`: minus the gradient that entry (i, j) has where it is zero and i and j are not connected.
    fn pull(&self, i: usize, j: usize, pull: &mut [f64]) {
        for (k, (pull, weight)) in pull.iter_mut().zip(&self.weights).enumerate() {
            *pull = weight * self.value(k, i, j);
        }
    }

    /// The largest multiplier of both λ at which a pair is linked.
    pub(super) fn lambda_max(&self) -> Result<f64> {
        let all: Vec<usize> = (0..self.size()).collect();
        let (_, penalty) = self.part(&all)?;
        let (mut largest, mut pull) = (0.0f64, vec![0.0; self.data.len()]);
        for j in 0..self.size() {
            for i in 0..j {
                self.pull(i, j, &mut pull);
                largest = largest.max(penalty.critical_lambda_block(j * self.size() + i, &pull));
            }
        }
        Ok(largest)
    }

    /// Variables that the solution may connect.
    fn components(&self) -> Vec<Vec<usize>> {
        components(self.size(), |i, j| {
            let (t1, t2) = self.thresholds(i, j);
            let mut few = [0.0; 8];
            let mut many = Vec::new();
            let pull = if self.data.len() <= few.len() {
                &mut few[..self.data.len()]
            } else {
                many.resize(self.data.len(), 0.0);
                &mut many[..]
            };
            self.pull(i, j, pull);
            !self.estimator.coupling.keeps_zero(pull, t1 * SLACK, t2 * SLACK)
        })
    }

    /// Solves, from another model if there is one.
    pub(super) fn solve(&self, warm: Option<&JointPrecisionModel>, watch: &mut dyn Watch) -> Result<JointAnswer> {
        let started = Instant::now();
        let parts = self.components();
        let work = 8 * self.data.len() * self.size() * self.size();
        let blocks = parallel::map_indexed(parts.len(), work, |c| {
            let (smooth, penalty) = self.part(&parts[c])?;
            self.check_free(&parts[c], &smooth)?;
            Ok(JointBlock::new(smooth, penalty, warm.and_then(|warm| self.start(&parts[c], warm))))
        });
        let mut blocks = blocks.into_iter().collect::<Result<Vec<_>>>()?;
        let (certificate, status, iterations) =
            self.estimator.solver.solve_blocks(&mut blocks, started, self.lambda1, watch);
        let gap = certificate.relative_gap();
        if status == Status::Stalled && (gap.is_nan() || gap > HOPELESS) {
            let reason = format!(
                "no more progress at a relative gap of {gap:.1e}: the covariances are numerically singular and the penalty \
                 does not mend it, or the variances of the classes differ by orders of magnitude (see `correlation_scale`)"
            );
            return Err(Error::IllPosed { reason });
        }
        self.restore(&parts, &blocks, certificate, status, iterations)
    }

    /// Rejects collinear variables that no penalty keeps apart: without one every class stands alone, and fusion alone says nothing
    /// of a change that is the same in all classes.
    fn check_free(&self, members: &[usize], smooth: &JointLogDet) -> Result<()> {
        let p = members.len();
        if p == 1 || self.lambda1 > 0.0 || (self.lambda2 > 0.0 && self.estimator.coupling == Coupling::Group) {
            return Ok(());
        }
        let apart = self.lambda2 == 0.0 || smooth.terms().len() == 1;
        let mut pooled = vec![0.0; p * p];
        for (term, weight) in smooth.terms().iter().zip(&self.weights) {
            let share = weight / self.weights.len() as f64;
            pooled.iter_mut().zip(term.covariance()).for_each(|(sum, s)| *sum += share * s);
        }
        let matrices = if apart { smooth.terms().iter().map(|f| f.covariance()).collect() } else { vec![&pooled[..]] };
        for s in matrices {
            let factor = Cholesky::factor(s, p).ok();
            let least = |i: usize| SINGULAR * p as f64 * s[i * p + i];
            if !factor.is_some_and(|f| (0..p).all(|i| f.lower(i, i) * f.lower(i, i) > least(i))) {
                let names: Vec<String> = members.iter().take(5).map(usize::to_string).collect();
                let more = if p > 5 { ", …" } else { "" };
                let reason = format!("variables {}{more} are collinear and not penalised", names.join(", "));
                return Err(Error::IllPosed { reason });
            }
        }
        Ok(())
    }

    /// The values of a model at some variables, entry by entry.
    fn start(&self, members: &[usize], warm: &JointPrecisionModel) -> Option<Vec<f64>> {
        let p = self.size();
        let thetas = warm.classes().iter().map(|m| Some(m.values()?.0)).collect::<Option<Vec<_>>>()?;
        let mut theta = Vec::with_capacity(members.len() * members.len() * thetas.len());
        for &j in members {
            for &i in members {
                // Divisions as at the other end, the other way round: values that were fused come back fused.
                let value =
                    |(k, t): (usize, &&[f64])| t[j * p + i] * self.deviation[k][i.min(j)] * self.deviation[k][i.max(j)];
                theta.extend(thetas.iter().enumerate().map(value));
            }
        }
        Some(theta)
    }

    /// Puts the components together in the user's units.
    fn restore(
        &self,
        parts: &[Vec<usize>],
        blocks: &[JointBlock],
        mut certificate: Certificate,
        status: Status,
        iterations: usize,
    ) -> Result<JointAnswer> {
        let (p, classes) = (self.size(), self.data.len());
        let log_unit = |k: usize| 2.0 * self.deviation[k].iter().map(|d| d.ln()).sum::<f64>();
        certificate.objective += (0..classes).map(|k| self.weights[k] * log_unit(k)).sum::<f64>();
        let empty = |k: usize| Answer {
            precision: vec![0.0; p * p],
            covariance: vec![0.0; p * p],
            log_det: -log_unit(k),
            certificate,
            status,
            iterations,
        };
        let mut answers: Vec<Answer> = (0..classes).map(empty).collect();
        let mut equal = Vec::new();
        let mut kkt = 0.0f64;
        let (mut theta, mut z, mut u) = (vec![0.0; classes], vec![0.0; classes], vec![0.0; classes]);
        for (members, block) in parts.iter().zip(blocks) {
            let size = members.len();
            let points = block.solution().classes();
            if points.len() != classes || points.iter().any(|at| at.inverse().len() != size * size) {
                return Err(Error::IllPosed { reason: "a precision matrix is numerically singular".into() });
            }
            answers.iter_mut().zip(points).for_each(|(answer, at)| answer.log_det += at.log_det());
            for (b, &j) in members.iter().enumerate() {
                for (a, &i) in members.iter().enumerate().take(b + 1) {
                    let e = b * size + a;
                    for (k, (answer, at)) in answers.iter_mut().zip(points).enumerate() {
                        let (first, last) = (self.deviation[k][i], self.deviation[k][j]);
                        theta[k] = at.theta()[e];
                        let (precision, covariance) = (theta[k] / first / last, at.inverse()[e] * first * last);
                        (answer.precision[j * p + i], answer.precision[i * p + j]) = (precision, precision);
                        (answer.covariance[j * p + i], answer.covariance[i * p + j]) = (covariance, covariance);
                        z[k] = self.weights[k] * (at.inverse()[e] - self.value(k, i, j));
                    }
                    // The residual of stationarity, in the user's units.
                    block.penalty().nearest_subgradient(e, 1.0, &theta, &z, &mut u);
                    let residual = |k: usize| (z[k] - u[k]) * self.deviation[k][i] * self.deviation[k][j];
                    kkt = kkt.max((0..classes).map(|k| residual(k) * residual(k)).sum::<f64>().sqrt());
                    if i != j && theta[0] != 0.0 && theta.iter().all(|t| *t == theta[0]) {
                        equal.push((i, j));
                    }
                }
            }
        }
        certificate.kkt = kkt;
        answers.iter_mut().for_each(|answer| answer.certificate = certificate);
        equal.sort_unstable();
        let weights = self.weights.clone();
        Ok(JointAnswer { classes: answers, equal, weights, certificate, status, iterations })
    }
}
