//! Proximal Newton for several log det terms that a penalty of their entries ties together (QUIC, Hsieh, Sustik, Dhillon and
//! Ravikumar 2014, with a block for each entry; compare Yang, Lu, Shen, Wonka and Ye 2015, "Fused multiple graphical lasso").
//!
//! Each iteration minimises the second-order model over the entries that are not zero or want to leave zero, by the block
//! descent that all estimators share (a block is the values of an entry in all classes), then searches along that direction
//! with one Cholesky factorisation per class.

use std::time::Instant;

use crate::penalty::{BlockPenalty, JointEntrywise, Penalty};
use crate::problem::{Certificate, Problem};
use crate::smooth::{JointLogDet, JointLogDetModel, JointLogDetPoint, LogDetModel, Smooth, class};
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent};
use crate::solver::independent_blocks::{IndependentBlock, solve_together, total};
use crate::solver::joint_certificate::certify;
use crate::solver::joint_newton_finish::finish;
use crate::solver::log_det_step::{ARMIJO, FAR, MAX_HALVINGS, NEAR, STAGE, UNBOUNDED};
use crate::solver::stagnation::Stagnation;
use crate::solver::{Run, Solution, Solver, Start, Status, Stopping, Watch};

/// Proximal Newton for the log det terms of several classes. An iteration is one Newton step.
///
/// ```
/// use sparsereg::penalty::{Coupling, JointEntrywise};
/// use sparsereg::{problem::Problem, smooth::JointLogDet};
/// use sparsereg::solver::{JointLogDetNewton, Solver, Start, Status};
/// let f = JointLogDet::new(2, vec![vec![1.0, 0.5, 0.5, 1.0], vec![1.0, 0.3, 0.3, 1.0]], vec![1.0, 1.0])?;
/// let penalty = JointEntrywise::off_diagonal(2, 2, Coupling::Fused, 1.0, 2.0)?;
/// let solution = JointLogDetNewton::default().solve(&Problem::new(&f, &penalty, 0.1), Start::Zero, &mut ());
/// assert_eq!(solution.status, Status::Converged);
/// // Entry (0, 1) is the same in both classes.
/// assert_eq!(solution.coefficients[2], solution.coefficients[3]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JointLogDetNewton {
    /// When to stop.
    pub stopping: Stopping,
    /// Sweeps of block descent per Newton step at most.
    pub max_sweeps: usize,
}

impl Default for JointLogDetNewton {
    fn default() -> Self {
        Self { stopping: Stopping::default(), max_sweeps: 200 }
    }
}

/// The smallest share of the gap to which a model is minimised (before the forcing term of all Newton steps).
const SHARPEST: f64 = 1e-8;

/// One problem on its way to the optimum.
#[derive(Debug)]
struct State {
    /// Θ, entry by entry.
    theta: Vec<f64>,
    point: JointLogDetPoint,
    certificate: Certificate,
    /// No step brings a decrease that floating-point arithmetic can see.
    exhausted: bool,
    /// λ is multiplied by this number ≥ 1 for the time being, as for one class.
    stage: f64,
    /// The certificate of the stage.
    staged: Certificate,
    stagnation: Stagnation,
    /// Share of what is usual that the minimiser of the model may leave, as for one class.
    forcing: f64,
    gradient: Vec<f64>,
}

impl State {
    /// Starts at Θ; at the diagonal if that is not positive definite.
    fn new(problem: &Problem<'_, JointLogDet, JointEntrywise>, theta: Option<Vec<f64>>) -> Self {
        let inside = |theta: Vec<f64>| {
            let point = problem.smooth.factor(&theta);
            problem.smooth.value(&point).is_finite().then_some((theta, point))
        };
        let (theta, mut point) = theta.and_then(inside).unwrap_or_else(|| {
            let theta = problem.smooth.origin();
            let point = problem.smooth.factor(&theta);
            (theta, point)
        });
        point.invert();
        let none = Certificate { objective: 0.0, gap: 0.0, rounding: 0.0, kkt: 0.0, scale: 0.0, is_convex: true };
        let gradient = vec![0.0; problem.len()];
        let mut state = Self {
            theta,
            point,
            certificate: none,
            exhausted: false,
            stage: 1.0,
            staged: none,
            stagnation: Stagnation::new(),
            forcing: 1.0,
            gradient,
        };
        state.certify(problem);
        let gap = state.certificate.gap;
        if gap.is_nan() || gap > FAR * state.certificate.scale {
            let classes = problem.smooth.nresponses();
            problem.smooth.gradient(&state.point, &mut state.gradient);
            for e in (0..problem.smooth.size()).map(|i| i * (problem.smooth.size() + 1)) {
                state.gradient[e * classes..(e + 1) * classes].fill(0.0);
            }
            let stage = 0.5 * problem.penalty.critical_lambda(&state.gradient) / problem.lambda;
            if stage > 1.0 && stage.is_finite() {
                state.stage = stage;
                state.certify(problem);
            }
        }
        state
    }

    fn certify(&mut self, problem: &Problem<'_, JointLogDet, JointEntrywise>) {
        let staged = Problem { lambda: self.stage * problem.lambda, ..*problem };
        self.staged = certify(&staged, &self.theta, &self.point, &mut self.gradient);
        self.certificate = self.staged;
        if self.stage > 1.0 {
            self.certificate = certify(problem, &self.theta, &self.point, &mut self.gradient);
        }
    }

    fn done(&self, tolerance: f64) -> bool {
        let certificate = &self.certificate;
        self.exhausted || certificate.gap <= tolerance * certificate.scale
    }

    /// One Newton step; moves on to the next stage when this one has done its work.
    fn step(
        &mut self,
        problem: &Problem<'_, JointLogDet, JointEntrywise>,
        max_sweeps: usize,
        deadline: Option<Instant>,
    ) {
        let staged = Problem { lambda: self.stage * problem.lambda, ..*problem };
        let before = self.staged.gap;
        self.newton_step(&staged, max_sweeps, deadline);
        // A step that gained little may have had a poor direction.
        self.forcing = if self.staged.gap <= 0.5 * before { 1.0 } else { (0.1 * self.forcing).max(SHARPEST) };
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
        problem: &Problem<'_, JointLogDet, JointEntrywise>,
        max_sweeps: usize,
        deadline: Option<Instant>,
    ) {
        let (smooth, penalty, lambda, p) = (problem.smooth, problem.penalty, problem.lambda, problem.smooth.size());
        let classes = smooth.nresponses();
        let block = |e: usize| e * classes..(e + 1) * classes;
        smooth.gradient(&self.point, &mut self.gradient);

        // The free entries: the diagonal, what is not zero in all classes, and what its gradient pulls away from zero.
        let mut entries: Vec<(u32, u32)> = Vec::new();
        for j in 0..p {
            for i in 0..=j {
                let at = block(j * p + i);
                if i == j
                    || self.theta[at.clone()].iter().any(|t| *t != 0.0)
                    || !penalty.keeps_zero_block(j * p + i, lambda, &self.gradient[at])
                {
                    entries.push((i as u32, j as u32));
                }
            }
        }
        let place = |&(i, j): &(u32, u32)| j as usize * p + i as usize;
        let pairs = |&(i, j): &(u32, u32)| if i == j { 1.0 } else { 2.0 };
        let start: Vec<f64> = entries.iter().flat_map(|e| self.theta[block(place(e))].iter().copied()).collect();
        let Ok(inner) = penalty.along(entries.iter().map(|e| (place(e), pairs(e)))) else {
            self.exhausted = true; // there is always a diagonal
            return;
        };

        // The model's minimiser along them.
        let slopes: Vec<Vec<f64>> = (smooth.terms().iter().zip(self.point.classes()))
            .map(|(f, at)| f.covariance().iter().zip(at.inverse()).map(|(s, w)| s - w).collect())
            .collect();
        let origins: Vec<Vec<f64>> = (0..classes).map(|k| class(&start, k, classes)).collect();
        let models = (self.point.classes().iter().zip(&slopes).zip(&origins))
            .map(|((at, slope), origin)| LogDetModel::new(p, at.inverse(), slope, &entries, origin))
            .collect();
        let model = JointLogDetModel::new(models, smooth.weights());
        let blocks: Vec<Active> = (0..entries.len()).map(|e| Active { id: e, cols: block(e) }).collect();
        let mut h = vec![0.0; classes];
        let curvatures: Vec<Curvature> = (0..entries.len())
            .map(|e| {
                model.curvatures(e, &mut h);
                Curvature::diagonal(&h)
            })
            .collect();
        let curvatures: Vec<&Curvature> = curvatures.iter().collect();
        let descent =
            Descent { model: &model, penalty: &inner, lambda, blocks: &blocks, curvatures: &curvatures, nresponses: 1 };
        let mut w = start.clone();
        // Near the optimum to the square of the gap, so that Newton's method converges as it can.
        let accuracy = self.staged.gap * (self.staged.gap / self.staged.scale).clamp(SHARPEST, 1.0) * self.forcing;
        finish(&descent, &mut w, accuracy, max_sweeps, deadline);

        // The step length: positive definite, and an honest share of the predicted decrease.
        let mut predicted = 0.0;
        for (b, e) in entries.iter().enumerate() {
            let (w, w0, g) = (&w[block(b)], &start[block(b)], &self.gradient[block(place(e))]);
            if w != w0 {
                let inner_product: f64 = g.iter().zip(w.iter().zip(w0)).map(|(g, (w, w0))| g * (w - w0)).sum();
                predicted +=
                    pairs(e) * inner_product + inner.value_block(b, lambda, w) - inner.value_block(b, lambda, w0);
            }
        }
        let rounding = self.staged.rounding;
        if predicted > rounding {
            self.exhausted = true;
            return;
        }
        // What is left may be less than the rounding errors of Ω.
        let predicted = predicted.min(0.0);
        let mut length = 1.0;
        for _ in 0..MAX_HALVINGS {
            let mut next = self.theta.clone();
            for (b, &(i, j)) in entries.iter().enumerate() {
                for (k, (w, w0)) in w[block(b)].iter().zip(&start[block(b)]).enumerate() {
                    let value = if length == 1.0 { *w } else { w0 + length * (w - w0) };
                    next[block(j as usize * p + i as usize).start + k] = value;
                    next[block(i as usize * p + j as usize).start + k] = value;
                }
            }
            let candidate = smooth.factor(&next);
            let objective = smooth.value(&candidate) + penalty.value(lambda, &next);
            if objective <= self.staged.objective + ARMIJO * length * predicted + rounding {
                self.theta = next;
                self.point = candidate;
                self.point.invert();
                let unbounded = (0..p).any(|i| self.theta[block(i * p + i)].iter().any(|t| *t > UNBOUNDED));
                let Certificate { gap, kkt, .. } = self.staged;
                self.staged = certify(problem, &self.theta, &self.point, &mut self.gradient);
                // Steps that rounding hides from the objective, or the gap from the certificate, may still close it.
                let hidden = -predicted <= 1e-3 * rounding || self.staged.gap <= rounding;
                let closing = self.staged.gap <= 0.5 * gap || self.staged.kkt <= 0.1 * kkt;
                self.exhausted = unbounded || (hidden && !closing);
                return;
            }
            length *= 0.5;
        }
        self.exhausted = true;
    }
}

/// An independent diagonal block of a larger problem.
#[derive(Debug)]
pub(crate) struct JointBlock {
    smooth: JointLogDet,
    penalty: JointEntrywise,
    at: State,
}

impl JointBlock {
    /// The block, thresholds as weights (λ = 1), and where it starts if not at the diagonal.
    pub(crate) fn new(smooth: JointLogDet, penalty: JointEntrywise, start: Option<Vec<f64>>) -> Self {
        let at = State::new(&Problem::new(&smooth, &penalty, 1.0), start);
        Self { smooth, penalty, at }
    }

    /// Ω.
    pub(crate) fn penalty(&self) -> &JointEntrywise {
        &self.penalty
    }

    /// Θ with inverse and log determinant, one per class.
    pub(crate) fn solution(&self) -> &JointLogDetPoint {
        &self.at.point
    }
}

impl JointLogDetNewton {
    /// Solves independent blocks together, in parallel: every iteration is one Newton step of each block that is not done.
    /// `lambda` is only shown to the watcher.
    pub(crate) fn solve_blocks(
        &self,
        blocks: &mut [JointBlock],
        started: Instant,
        lambda: f64,
        watch: &mut dyn Watch,
    ) -> (Certificate, Status, usize) {
        let (status, iterations) =
            solve_together(blocks, (self.stopping, started), lambda, watch, |block, deadline| {
                block.at.step(&Problem::new(&block.smooth, &block.penalty, 1.0), self.max_sweeps, deadline);
            });
        (total(blocks), status, iterations)
    }
}

impl IndependentBlock for JointBlock {
    fn size(&self) -> usize {
        self.smooth.size()
    }

    fn work(&self) -> usize {
        self.smooth.nresponses() * self.smooth.size().pow(3)
    }

    fn certificate(&self) -> Certificate {
        self.at.certificate
    }

    fn done(&self, tolerance: f64) -> bool {
        self.at.done(tolerance)
    }
}

impl Solver<JointLogDet, JointEntrywise> for JointLogDetNewton {
    fn solve(
        &self,
        problem: &Problem<'_, JointLogDet, JointEntrywise>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let mut run = Run::new(self.stopping, watch);
        let deadline = run.deadline();
        let start = match start {
            Start::At(w) if w.len() == problem.len() => Some(w.to_vec()),
            _ => None,
        };
        let mut at = State::new(problem, start);
        let mut iterations = 0;
        loop {
            let exhausted = at.exhausted.then_some(Status::Stalled);
            if let Some(status) = run.verdict(iterations, problem.lambda, at.certificate, problem.len()).or(exhausted) {
                return Solution { coefficients: at.theta, certificate: at.certificate, status, iterations };
            }
            iterations += 1;
            at.step(problem, self.max_sweeps, deadline);
        }
    }
}
