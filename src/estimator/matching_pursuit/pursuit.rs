//! The pursuit itself: choose, refit, repeat.

use std::time::{Duration, Instant};

use crate::certificate::{Certificate, Status};
use crate::design::{AnyDesign, Design, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::matching_pursuit::correlations::Correlations;
use crate::estimator::matching_pursuit::{CorrelationNorm, PursuitStop};
use crate::linalg::SubsetCholesky;
use crate::{kernels, parallel};

/// When a pursuit ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub atoms: usize,
    pub residual_norm: Option<f64>,
    pub relative_residual: Option<f64>,
    pub mean_loss: Option<f64>,
    pub correlation: Option<f64>,
    pub norm: CorrelationNorm,
    pub tolerance: f64,
    pub time_limit: Option<Duration>,
}

/// The fit to what has been chosen so far.
pub(super) struct Step {
    /// Columns in the order in which they came.
    pub columns: usize,
    /// Their coefficients, response by response.
    pub coefficients: Vec<f64>,
    pub certificate: Certificate,
    pub status: Status,
    /// Largest correlation of an atom with what is left; NaN where nobody asked.
    pub correlation: f64,
}

/// All that a pursuit leaves behind.
pub(super) struct Trace {
    /// Columns in the order in which they came.
    pub columns: Vec<usize>,
    /// Atoms in the order in which they came: columns, or groups.
    pub atoms: Vec<usize>,
    /// Fits to the first 0, 1, 2 … atoms.
    pub steps: Vec<Step>,
    pub stop: PursuitStop,
}

/// Residuals below this many ulps of what they are the difference of are rounding.
const ROUNDING: f64 = 16.0 * f64::EPSILON;
/// Most corrections of a refit by the residuals that it left.
const REFINEMENTS: usize = 4;

/// Pursues y (task-major) with the columns of x, one by one, or by groups.
pub(super) fn pursue(x: &AnyDesign<'_>, y: &[f64], groups: Option<&[Vec<usize>]>, rules: Rules) -> Result<Trace> {
    let started = Instant::now();
    let (n, p) = (x.nrows(), x.ncols());
    let q = y.len() / n;
    let norms = norms(x)?;
    let total = kernels::sq_norm(y);
    let mut fit = Refit::new(x, y);
    let mut correlations = Correlations::new(x, q);
    let atoms = groups.map_or(p, <[_]>::len);
    // Atoms that are in, or that depend on those that are.
    let mut done: Vec<bool> = (0..atoms)
        .map(|a| groups.map_or(norms[a] == 0.0, |groups| groups[a].iter().all(|&j| norms[j] == 0.0)))
        .collect();
    let mut inside = vec![false; p];
    let mut trace = Trace { columns: Vec::new(), atoms: Vec::new(), steps: Vec::new(), stop: PursuitStop::Atoms };
    trace.steps.push(fit.step(total, rules.tolerance));
    let mut scores = vec![0.0; p];
    loop {
        let residual = kernels::sq_norm(&fit.residual).sqrt();
        let mean_loss = residual * residual / (2 * n) as f64;
        let reached = |rule: Option<f64>, value: f64| rule.is_some_and(|limit| value <= limit);
        if residual <= ROUNDING * (total.sqrt() + fit.size(&norms)) {
            trace.stop = PursuitStop::Exact;
        } else if reached(rules.residual_norm, residual) {
            trace.stop = PursuitStop::ResidualNorm;
        } else if reached(rules.relative_residual, residual / total.sqrt()) {
            trace.stop = PursuitStop::RelativeResidual;
        } else if reached(rules.mean_loss, mean_loss) {
            trace.stop = PursuitStop::MeanLoss;
        } else if trace.atoms.len() >= rules.atoms && rules.correlation.is_none() {
            trace.stop = PursuitStop::Atoms;
        } else if rules.time_limit.is_some_and(|limit| started.elapsed() >= limit) {
            trace.stop = PursuitStop::TimeLimit;
        } else {
            correlations.follow(x, &fit, &scores);
            score(&correlations.values, &norms, rules.norm, &mut scores);
            let best = |done: &[bool]| match groups {
                None => largest((0..p).filter(|&j| !done[j]).map(|j| (j, scores[j]))),
                Some(groups) => largest((0..atoms).filter(|&a| !done[a]).map(|a| {
                    let free = groups[a].iter().filter(|&&j| !inside[j]);
                    (a, free.map(|&j| scores[j] * scores[j]).sum::<f64>().sqrt())
                })),
            };
            let mut added = None;
            if let Some((_, value)) = best(&done)
                && let Some(step) = trace.steps.last_mut()
            {
                step.correlation = value / (n as f64).sqrt();
                if reached(rules.correlation, step.correlation) {
                    trace.stop = PursuitStop::Correlation;
                    return Ok(trace);
                }
            }
            if trace.atoms.len() >= rules.atoms {
                trace.stop = PursuitStop::Atoms;
                return Ok(trace);
            }
            while let Some((atom, value)) = best(&done) {
                if value == 0.0 {
                    break;
                }
                done[atom] = true;
                let own = [atom];
                let members: &[usize] = groups.map_or(&own, |groups| &groups[atom]);
                let mut grown = false;
                for &j in members.iter().filter(|&&j| norms[j] > 0.0) {
                    grown |= !inside[j] && fit.append(j);
                }
                if grown {
                    added = Some(atom);
                    break;
                }
            }
            let Some(atom) = added else {
                trace.stop = PursuitStop::Exhausted;
                return Ok(trace);
            };
            fit.columns.iter().for_each(|&j| inside[j] = true);
            trace.columns.clone_from(&fit.columns);
            trace.atoms.push(atom);
            fit.solve();
            trace.steps.push(fit.step(total, rules.tolerance));
            continue;
        }
        return Ok(trace);
    }
}

/// ‖x_j‖ of every column.
fn norms(x: &AnyDesign<'_>) -> Result<Vec<f64>> {
    let (n, p) = (x.nrows(), x.ncols());
    let mut norms = vec![0.0; p];
    let bytes = (x.column_cost() * 8.0) as usize * p;
    match x.sq_norms() {
        Some(squares) => norms.iter_mut().zip(squares).for_each(|(norm, s)| *norm = s.sqrt()),
        None => parallel::for_each_chunk(&mut norms, 64, bytes, |k, norms| {
            norms.iter_mut().enumerate().for_each(|(i, norm)| *norm = x.sq_norm(k * 64 + i).sqrt());
        }),
    }
    match norms.iter().position(|norm| !norm.is_finite()) {
        None => Ok(norms),
        Some(j) => {
            let mut column = vec![0.0; n];
            x.column(j, &mut column);
            let i = (0..n).max_by(|&a, &b| column[a].abs().total_cmp(&column[b].abs())).unwrap_or(0);
            let expected = "values whose squares are representable (about 1e-150 to 1e150)";
            Err(Error::OutOfRange { argument: "x", index: vec![i, j], value: column[i], expected })
        }
    }
}

/// The first of the largest.
fn largest(values: impl Iterator<Item = (usize, f64)>) -> Option<(usize, f64)> {
    values.fold(None, |best: Option<(usize, f64)>, (j, value)| match best {
        Some((_, largest)) if value <= largest => best,
        _ => Some((j, value)),
    })
}

/// `scores[j] ← ‖x_jᵀR‖ / ‖x_j‖`.
fn score(values: &[f64], norms: &[f64], norm: CorrelationNorm, scores: &mut [f64]) {
    let p = norms.len();
    scores.fill(0.0);
    for values in values.chunks_exact(p) {
        for (score, v) in scores.iter_mut().zip(values) {
            *score = match norm {
                CorrelationNorm::L1 => *score + v.abs(),
                CorrelationNorm::L2 => *score + v * v,
                CorrelationNorm::Max => score.max(v.abs()),
            };
        }
    }
    for (score, &size) in scores.iter_mut().zip(norms) {
        let value = if norm == CorrelationNorm::L2 { score.sqrt() } else { *score };
        *score = if size > 0.0 { value / size } else { 0.0 };
    }
}

/// Least squares on a growing set of columns.
pub(super) struct Refit<'a> {
    x: &'a AnyDesign<'a>,
    y: &'a [f64],
    n: usize,
    q: usize,
    pub columns: Vec<usize>,
    /// A copy of the columns, where they are dense.
    gathered: Option<Vec<f64>>,
    factor: SubsetCholesky,
    /// X_SᵀY, a row per column.
    products: Vec<f64>,
    /// Response by response.
    pub coefficients: Vec<f64>,
    pub residual: Vec<f64>,
    /// How far the loss is above that of the best coefficients, and the largest gradient.
    excess: f64,
    kkt: f64,
}

impl<'a> Refit<'a> {
    fn new(x: &'a AnyDesign<'a>, y: &'a [f64]) -> Self {
        let n = x.nrows();
        Self {
            x,
            y,
            n,
            q: y.len() / n,
            columns: Vec::new(),
            gathered: (x.column_cost() >= 0.25 * n as f64).then(Vec::new),
            factor: SubsetCholesky::default(),
            products: Vec::new(),
            coefficients: Vec::new(),
            residual: y.to_vec(),
            excess: 0.0,
            kkt: 0.0,
        }
    }

    /// Adds a column; `false`, and nothing else, if it depends on those that are in.
    fn append(&mut self, j: usize) -> bool {
        let (n, k) = (self.n, self.columns.len());
        let mut column = vec![0.0; n];
        self.x.column(j, &mut column);
        let mut row = vec![0.0; k + 1];
        match &self.gathered {
            Some(gathered) => {
                let line = |i: usize| &gathered[i * n..(i + 1) * n];
                kernels::dot_lines(k, n, line, &column, &mut row[..k]);
            }
            None => self.x.dot_scattered(&self.columns, &column, &mut row[..k]),
        }
        row[k] = kernels::sq_norm(&column);
        if self.factor.append(k, &row, 0.0).is_err() {
            return false;
        }
        self.products.extend(self.y.chunks_exact(n).map(|y| kernels::dot(&column, y)));
        if let Some(gathered) = &mut self.gathered {
            gathered.extend_from_slice(&column);
        }
        self.columns.push(j);
        true
    }

    /// The coefficients by the normal equations, corrected by what the residual says until that is rounding: each time
    /// the error falls by the square of the condition times the precision.
    fn solve(&mut self) {
        let (k, q) = (self.columns.len(), self.q);
        let mut change: Vec<f64> = (0..q).flat_map(|t| self.products[t..].iter().step_by(q).copied()).collect();
        self.coefficients = vec![0.0; k * q];
        let rounding = (ROUNDING * ROUNDING) * k as f64 * kernels::sq_norm(self.y);
        let mut last = f64::INFINITY;
        for _ in 0..=REFINEMENTS {
            change.chunks_exact_mut(k).for_each(|change| self.factor.solve_in_place(change));
            self.coefficients.iter_mut().zip(&change).for_each(|(w, c)| *w += c);
            self.update_residual();
            let gradient = self.gradient();
            change.clone_from(&gradient);
            change.chunks_exact_mut(k).for_each(|change| self.factor.solve_in_place(change));
            let excess = kernels::dot(&gradient, &change);
            self.excess = excess / (2 * self.n) as f64;
            let largest = (0..k).map(|i| gradient[i..].iter().step_by(k).map(|g| g * g).sum::<f64>());
            self.kkt = largest.fold(0.0, f64::max).sqrt() / self.n as f64;
            if excess <= rounding || excess >= 0.1 * last {
                break;
            }
            last = excess;
            change = gradient;
        }
    }

    /// `R ← Y − X_S W`
    fn update_residual(&mut self) {
        let (n, k, q) = (self.n, self.columns.len(), self.q);
        self.residual.copy_from_slice(self.y);
        let w = &self.coefficients;
        match &self.gathered {
            Some(gathered) => {
                let line = |i: usize| &gathered[i * n..(i + 1) * n];
                kernels::axpy_lines(k, n, line, |i, t| -w[t * k + i], &mut self.residual);
            }
            None => {
                let delta: Vec<f64> = (0..k * q).map(|at| -w[at % q * k + at / q]).collect();
                self.x.axpy_scattered(&self.columns, &delta, &mut self.residual);
            }
        }
    }

    /// X_SᵀR, response by response.
    fn gradient(&self) -> Vec<f64> {
        let (n, k, q) = (self.n, self.columns.len(), self.q);
        let mut rows = vec![0.0; k * q];
        match &self.gathered {
            Some(gathered) => {
                kernels::dot_lines(k, n, |i| &gathered[i * n..(i + 1) * n], &self.residual, &mut rows);
            }
            None => self.x.dot_scattered(&self.columns, &self.residual, &mut rows),
        }
        if q == 1 { rows } else { (0..k * q).map(|at| rows[at % k * q + at / k]).collect() }
    }

    /// The size of the terms whose sum the predictions are.
    fn size(&self, norms: &[f64]) -> f64 {
        let k = self.columns.len();
        self.coefficients
            .chunks(k.max(1))
            .flat_map(|w| w.iter().zip(&self.columns))
            .map(|(w, &j)| w.abs() * norms[j])
            .sum()
    }

    fn step(&self, total: f64, tolerance: f64) -> Step {
        let scale = total / (2 * self.n) as f64;
        let objective = kernels::sq_norm(&self.residual) / (2 * self.n) as f64;
        let rounding = ROUNDING * (objective + (2.0 * objective * scale).sqrt());
        let certificate = Certificate { objective, gap: self.excess, rounding, kkt: self.kkt, scale, is_convex: true };
        let status = if self.excess <= tolerance * scale { Status::Converged } else { Status::Stalled };
        let coefficients = self.coefficients.clone();
        Step { columns: self.columns.len(), coefficients, certificate, status, correlation: f64::NAN }
    }
}
