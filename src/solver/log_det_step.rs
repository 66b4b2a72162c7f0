//! Newton steps for `−log det Θ + ⟨S, Θ⟩ + λ Σ Λ_ij |θ_ij|` (QUIC: Hsieh, Sustik, Dhillon and Ravikumar 2014).
//!
//! Each step minimises the second-order model over the entries that are not zero or want to leave zero, by the
//! coordinate descent that all estimators share, then searches along that direction with a Cholesky factorisation, so that
//! every iterate is positive definite. One Cholesky, one inverse and some sweeps over the edges of the graph per step;
//! the number of steps hardly grows with the accuracy.

use std::time::Instant;

use crate::penalty::{BlockPenalty, EntrywiseL1, L1, Penalty};
use crate::problem::{Certificate, Problem};
use crate::smooth::{GramModel, HessianView, LogDet, LogDetModel, LogDetPoint, Quadratic, Smooth};
use crate::solver::anderson::Anderson;
use crate::solver::descent::{Active, Descent, InnerStop, Over, Scratch, single_coordinates};
use crate::solver::log_det_certificate::{Buffers, certify};
use crate::solver::newton::Factor;
use crate::solver::stagnation::Stagnation;

/// The descent on the model ends when a sweep gains less than this share of the outer gap.
const FORCING: f64 = 1e-2;
const LEAST_FORCING: f64 = 1e-10;

/// Up to this many free entries the Hessian of the model is stored (it is then small enough to be factored, too).
const GRAM_ENTRIES: usize = 300;

/// Sweeps without extrapolation: well-conditioned models need no more.
const EASY_SWEEPS: usize = 8;

/// A start with a gap above this many times p is far from the optimum: full Newton steps would leave the positive definite
/// matrices, and damped ones creep.
pub(super) const FAR: f64 = 1.0;

/// A stage has done its work when its gap is below this many times p.
pub(super) const NEAR: f64 = 0.05;

/// λ falls by this factor from stage to stage.
pub(super) const STAGE: f64 = 3.0;

/// Diagonal entries of Θ (in units of unit variance) beyond which the problem has no solution that numbers can hold.
pub(super) const UNBOUNDED: f64 = 1e13;

/// Share of the predicted decrease that a step must bring.
pub(super) const ARMIJO: f64 = 1e-3;

/// Halvings of a step before it counts as impossible.
pub(super) const MAX_HALVINGS: usize = 60;

/// A point with its certificate, from which Newton steps start.
#[derive(Debug)]
pub(super) struct NewtonState {
    pub(super) point: LogDetPoint,
    pub(super) certificate: Certificate,
    /// No step brings a decrease that floating-point arithmetic can see.
    pub(super) exhausted: bool,
    /// λ is multiplied by this number ≥ 1 for the time being: a start far from the optimum approaches it along the path.
    stage: f64,
    /// The certificate of the stage.
    staged: Certificate,
    /// Share of the outer gap that the minimiser of the stored model may leave.
    forcing: f64,
    stagnation: Stagnation,
    gradient: Vec<f64>,
    buffers: Buffers,
}

impl NewtonState {
    /// Starts at a positive definite Θ; at the diagonal if it is not.
    pub(super) fn new(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: Option<Vec<f64>>) -> Self {
        let state = theta.and_then(|theta| Self::at(problem, theta));
        let mut state = state.unwrap_or_else(|| Self::from(problem, problem.smooth.factor(problem.smooth.origin())));
        let gap = state.certificate.gap;
        if gap.is_nan() || gap > FAR * state.certificate.scale {
            problem.smooth.gradient(&state.point, &mut state.gradient);
            for k in problem.penalty.free_columns(problem.lambda) {
                state.gradient[k] = 0.0;
            }
            let stage = 0.5 * problem.penalty.critical_lambda(&state.gradient) / problem.lambda;
            if stage > 1.0 && stage.is_finite() {
                state.stage = stage;
                state.certify(problem);
            }
        }
        state
    }

    /// Starts at Θ if it is symmetric, positive definite and zero where it has to be.
    pub(super) fn at(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: Vec<f64>) -> Option<Self> {
        let p = problem.smooth.size();
        let fits = |i: usize, j: usize| {
            let (a, b) = (theta[j * p + i], theta[i * p + j]);
            a == b && (a == 0.0 || problem.penalty.threshold(problem.lambda, j * p + i) < f64::INFINITY)
        };
        if !(0..p).all(|j| (0..=j).all(|i| fits(i, j))) {
            return None;
        }
        let point = problem.smooth.factor(theta);
        problem.smooth.value(&point).is_finite().then(|| Self::from(problem, point))
    }

    fn from(problem: &Problem<'_, LogDet, EntrywiseL1>, mut point: LogDetPoint) -> Self {
        point.invert();
        let none = Certificate { objective: 0.0, gap: 0.0, rounding: 0.0, kkt: 0.0, scale: 0.0, is_convex: true };
        let gradient = vec![0.0; problem.len()];
        let buffers = Buffers::default();
        let mut state = Self {
            point,
            certificate: none,
            exhausted: false,
            stage: 1.0,
            staged: none,
            forcing: FORCING,
            stagnation: Stagnation::new(),
            gradient,
            buffers,
        };
        state.certify(problem);
        state
    }

    fn certify(&mut self, problem: &Problem<'_, LogDet, EntrywiseL1>) {
        let staged = Problem { lambda: self.stage * problem.lambda, ..*problem };
        self.staged = certify(&staged, &self.point, &mut self.buffers);
        self.certificate = self.staged;
        if self.stage > 1.0 {
            self.certificate = certify(problem, &self.point, &mut self.buffers);
        }
    }

    /// One Newton step; moves on to the next stage when this one has done its work.
    pub(super) fn step(
        &mut self,
        problem: &Problem<'_, LogDet, EntrywiseL1>,
        max_sweeps: usize,
        deadline: Option<Instant>,
    ) {
        let staged = Problem { lambda: self.stage * problem.lambda, ..*problem };
        let before = self.staged.gap;
        self.newton_step(&staged, max_sweeps, deadline);
        // A step that gained little may have had a poor direction.
        self.forcing = if self.staged.gap <= 0.5 * before { FORCING } else { (0.1 * self.forcing).max(LEAST_FORCING) };
        if self.stage == 1.0 {
            self.certificate = self.staged;
            self.exhausted |= self.stagnation.report(self.staged.gap);
            return;
        }
        if self.exhausted || self.staged.gap <= NEAR * self.staged.scale {
            self.stage = if self.exhausted { 1.0 } else { (self.stage / STAGE).max(1.0) };
            self.exhausted = false;
        }
        self.certify(problem);
    }

    /// One Newton step on the problem of the stage.
    fn newton_step(
        &mut self,
        problem: &Problem<'_, LogDet, EntrywiseL1>,
        max_sweeps: usize,
        deadline: Option<Instant>,
    ) {
        let (smooth, penalty, lambda, p) = (problem.smooth, problem.penalty, problem.lambda, problem.smooth.size());
        smooth.gradient(&self.point, &mut self.gradient);
        let theta = self.point.theta();

        // The free entries: the diagonal, what is not zero, and what its gradient pulls away from zero.
        let mut entries: Vec<(u32, u32)> = Vec::new();
        let mut weights = Vec::new();
        for j in 0..p {
            for i in 0..=j {
                let k = j * p + i;
                let t = penalty.threshold(lambda, k);
                if i == j || theta[k] != 0.0 || self.gradient[k].abs() > t {
                    entries.push((i as u32, j as u32));
                    weights.push(if i == j { t } else { 2.0 * t });
                }
            }
        }
        let start: Vec<f64> = entries.iter().map(|&(i, j)| theta[j as usize * p + i as usize]).collect();

        // The model's minimiser along them.
        let model = LogDetModel::new(p, self.point.inverse(), &self.gradient, &entries, &start);
        let Ok(inner) = L1::new(entries.len()).with_weights(weights) else {
            self.exhausted = true; // weights are thresholds of a valid penalty
            return;
        };
        let blocks: Vec<Active> = (0..entries.len()).map(|e| Active { id: e, cols: e..e + 1 }).collect();
        let w = if entries.len() <= GRAM_ENTRIES {
            // Few entries: the Hessian is stored, and the shared inner loop may finish by exact Newton steps.
            let (hessian, g) = model.gram();
            let view = HessianView { values: &hessian, stride: entries.len() };
            let stop = InnerStop {
                gap: self.forcing * self.staged.gap.min(p as f64),
                max_sweeps: max_sweeps.saturating_mul(10), // cheap ones
                deadline,
                anderson: 5,
                newton: true,
                negligible: 0.0,
                newton_first: false,
            };
            let model = GramModel::new(view, 1, start.clone(), g, smooth.newton_energy(&self.point));
            let mut state = model.state();
            let mut w = start.clone();
            single_coordinates(&model, &inner, &blocks, |descent| {
                descent.run(&mut w, &mut state, &mut Factor::default(), stop);
            });
            w
        } else {
            let mut w = start.clone();
            single_coordinates(&model, &inner, &blocks, |descent| {
                let (mut state, mut gained) = (model.state(), 0.0);
                sweep_until(descent, (&mut w, &mut state), (self.staged.gap, &mut gained), max_sweeps, deadline);
            });
            w
        };

        // The step length: positive definite, and an honest share of the predicted decrease.
        let mut predicted = 0.0;
        for (&(i, j), (&w, &w0)) in entries.iter().zip(w.iter().zip(&start)) {
            let k = j as usize * p + i as usize;
            let pairs = if i == j { 1.0 } else { 2.0 };
            let t = penalty.threshold(lambda, k);
            let rise = if w.abs() == w0.abs() { 0.0 } else { t * (w.abs() - w0.abs()) };
            predicted += pairs * (self.gradient[k] * (w - w0) + rise);
        }
        if predicted >= 0.0 {
            self.exhausted = true;
            return;
        }
        let rounding = self.staged.rounding;
        let mut length = 1.0;
        for _ in 0..MAX_HALVINGS {
            let mut next = self.point.theta().to_vec();
            for (&(i, j), (&w, &w0)) in entries.iter().zip(w.iter().zip(&start)) {
                let value = if length == 1.0 { w } else { w0 + length * (w - w0) };
                next[j as usize * p + i as usize] = value;
                next[i as usize * p + j as usize] = value;
            }
            let candidate = smooth.factor(next);
            let objective = smooth.value(&candidate) + penalty.value(lambda, candidate.theta());
            if objective <= self.staged.objective + ARMIJO * length * predicted + rounding {
                self.point = candidate;
                self.point.invert();
                let theta = self.point.theta();
                let unbounded = (0..p).any(|i| theta[i * p + i] > UNBOUNDED);
                let before = self.staged.gap;
                self.staged = certify(problem, &self.point, &mut self.buffers);
                // What the objective can still gain is quadratic in the error of the gradient, the gap is linear in it: steps
                // that rounding hides from the one may still close the other.
                let hidden = -predicted <= 1e-3 * rounding;
                let closing = self.staged.gap <= 0.5 * before;
                self.exhausted = unbounded || (hidden && !closing);
                return;
            }
            length *= 0.5;
        }
        self.exhausted = true;
    }
}

/// Sweeps until one gains less than a share of `gap`, the outer one, and of what has been `gained` so far; with extrapolation
/// where it takes many. Returns whether it came to that.
pub(super) fn sweep_until<M: Quadratic, P: BlockPenalty>(
    descent: &Descent<'_, M, P>,
    (w, state): (&mut [f64], &mut [f64]),
    (gap, gained): (f64, &mut f64),
    max_sweeps: usize,
    deadline: Option<Instant>,
) -> bool {
    let mut scratch = Scratch::default();
    let mut anderson = Anderson::new(5);
    let mut before = w.to_vec();
    for sweep in 0..max_sweeps.max(1) {
        before.copy_from_slice(w);
        if !descent.sweep(w, state, (Over::All, 0.0), &mut scratch) {
            return true;
        }
        let gain: f64 = (descent.blocks.iter().zip(descent.curvatures))
            .map(|(block, curvature)| {
                let steps = w[block.cols.clone()].iter().zip(&before[block.cols.clone()]);
                curvature.energy(steps.map(|(w, b)| w - b))
            })
            .sum();
        *gained += gain;
        if gain <= FORCING * gained.min(gap) || deadline.is_some_and(|d| Instant::now() >= d) {
            return true;
        }
        if sweep >= EASY_SWEEPS
            && let Some((w_new, state_new)) = anderson.push(w, state)
            && descent.objective(w_new, state_new) < descent.objective(w, state)
        {
            w.copy_from_slice(w_new);
            state.copy_from_slice(state_new);
        }
    }
    false
}
