//! Proximal Newton for `−log det Θ + ⟨S, Θ⟩ + λ Σ Λ_ij |θ_ij|` (QUIC: Hsieh, Sustik, Dhillon and Ravikumar 2014).
//!
//! Each iteration minimises the second-order model over the entries that are not zero or want to leave zero, by the
//! coordinate descent that all estimators share, then searches along that direction with a Cholesky factorisation, so that
//! every iterate is positive definite. One Cholesky, one inverse and some sweeps over the edges of the graph per iteration;
//! the number of iterations hardly grows with the accuracy.
//!
//! Where it can, [descent by columns](super::dual_columns) goes first: from its answer Newton steps are few, and often none.

use std::time::Instant;

use crate::penalty::{BlockPenalty, EntrywiseL1, L1, Penalty};
use crate::problem::{Certificate, Problem};
use crate::smooth::{GramModel, HessianView, LogDet, LogDetModel, LogDetPoint, Quadratic, Smooth};
use crate::solver::anderson::Anderson;
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent, InnerStop, Over, Scratch};
use crate::solver::dual_columns::{Ascent, DualColumns};
use crate::solver::log_det_certificate::{Buffers, certify};
use crate::solver::newton::Factor;
use crate::solver::{Run, Solution, Solver, Start, Status, Stopping, Watch};

/// Proximal Newton for log det terms, after descent by columns. An iteration is one sweep over the columns or one Newton
/// step; until the first certificate, after the last sweep, watchers are shown a gap of ∞.
///
/// ```
/// use sparsereg::{penalty::EntrywiseL1, problem::Problem, smooth::{LogDet, Smooth}};
/// use sparsereg::solver::{LogDetNewton, Solver, Start, Status};
/// let f = LogDet::new(2, vec![1.0, 0.5, 0.5, 1.0])?;
/// let penalty = EntrywiseL1::off_diagonal(2);
/// let solution = LogDetNewton::default().solve(&Problem::new(&f, &penalty, 0.1), Start::Zero, &mut ());
/// assert_eq!(solution.status, Status::Converged);
/// // The covariance is [[1, 0.4], [0.4, 1]]: the off-diagonal entry shrinks by λ.
/// assert!((solution.coefficients[1] + 0.4 / 0.84).abs() < 1e-2);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogDetNewton {
    /// When to stop.
    pub stopping: Stopping,
    /// Sweeps of coordinate descent per Newton step at most.
    pub max_sweeps: usize,
    /// Whether descent by columns goes first.
    pub columns: bool,
}

impl Default for LogDetNewton {
    fn default() -> Self {
        Self { stopping: Stopping::default(), max_sweeps: 200, columns: true }
    }
}

/// The descent on the model ends when a sweep gains less than this share of the outer gap.
const FORCING: f64 = 1e-2;

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

/// Where the solution of a block is looked for.
#[derive(Debug)]
pub(crate) enum BlockStart {
    /// Anywhere.
    Nowhere,
    /// Near this Θ; with its inverse descent by columns can begin there, too.
    Near(Vec<f64>, Option<Vec<f64>>),
    /// This Θ is the solution.
    At(Vec<f64>),
}

/// One problem on its way to the optimum: descent by columns, then Newton steps.
#[derive(Debug)]
enum Progression {
    Columns { columns: DualColumns, gap: f64 },
    Newton(Box<NewtonState>),
}

/// What a longer way of columns aims at when the last one ended at a Θ that is not positive definite.
const FURTHER: f64 = 1e-3;

impl Progression {
    fn new(problem: &Problem<'_, LogDet, EntrywiseL1>, start: BlockStart, solver: &LogDetNewton) -> Self {
        let by_columns = solver.columns && solver.stopping.max_iterations > 0;
        let columns = match &start {
            BlockStart::Near(theta, Some(inverse)) if by_columns => DualColumns::new(problem, Some((theta, inverse))),
            BlockStart::Nowhere if by_columns => DualColumns::new(problem, None),
            _ => None,
        };
        match (columns, start) {
            (Some(columns), _) => {
                let gap = solver.stopping.tolerance * problem.smooth.size() as f64;
                Self::Columns { columns, gap }
            }
            (None, BlockStart::Nowhere) => Self::newton(problem, None),
            (None, BlockStart::Near(theta, _) | BlockStart::At(theta)) => Self::newton(problem, Some(theta)),
        }
    }

    fn newton(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: Option<Vec<f64>>) -> Self {
        Self::Newton(Box::new(NewtonState::new(problem, theta)))
    }

    fn certificate(&self, size: usize) -> Certificate {
        match self {
            Self::Newton(state) => state.certificate,
            Self::Columns { .. } => Certificate {
                objective: f64::INFINITY,
                gap: f64::INFINITY,
                rounding: 0.0,
                kkt: f64::INFINITY,
                scale: size as f64,
            },
        }
    }

    fn done(&self, tolerance: f64) -> bool {
        match self {
            Self::Newton(state) => {
                let certificate = &state.certificate;
                state.exhausted
                    || certificate.gap <= tolerance * certificate.scale
                    || certificate.gap <= certificate.rounding
            }
            Self::Columns { .. } => false,
        }
    }

    /// A sweep or a Newton step.
    fn step(&mut self, problem: &Problem<'_, LogDet, EntrywiseL1>, max_sweeps: usize, deadline: Option<Instant>) {
        match self {
            Self::Newton(state) => state.step(problem, max_sweeps, deadline),
            Self::Columns { columns, gap } => match columns.sweep(problem, *gap) {
                Ascent::Rising => {}
                Ascent::Broken => *self = Self::newton(problem, None),
                Ascent::Done => match NewtonState::at(problem, columns.precision()) {
                    Some(state) => *self = Self::Newton(Box::new(state)),
                    None if columns.can_go_on() => *gap *= FURTHER,
                    None => *self = Self::newton(problem, None),
                },
            },
        }
    }

    /// Ends the descent by columns, so that there is a certificate.
    fn certify(&mut self, problem: &Problem<'_, LogDet, EntrywiseL1>) {
        if let Self::Columns { columns, .. } = self {
            *self = Self::newton(problem, Some(columns.precision()));
        }
    }
}

/// A point with its certificate, from which Newton steps start.
#[derive(Debug)]
struct NewtonState {
    point: LogDetPoint,
    certificate: Certificate,
    /// No step brings a decrease that floating-point arithmetic can see.
    exhausted: bool,
    /// λ is multiplied by this number ≥ 1 for the time being: a start far from the optimum approaches it along the path.
    stage: f64,
    /// The certificate of the stage.
    staged: Certificate,
    gradient: Vec<f64>,
    buffers: Buffers,
}

impl NewtonState {
    /// Starts at a positive definite Θ; at the diagonal if it is not.
    fn new(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: Option<Vec<f64>>) -> Self {
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

    /// Starts at Θ if it is positive definite.
    fn at(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: Vec<f64>) -> Option<Self> {
        let point = problem.smooth.factor(theta);
        problem.smooth.value(&point).is_finite().then(|| Self::from(problem, point))
    }

    fn from(problem: &Problem<'_, LogDet, EntrywiseL1>, mut point: LogDetPoint) -> Self {
        point.invert();
        let none = Certificate { objective: 0.0, gap: 0.0, rounding: 0.0, kkt: 0.0, scale: 0.0 };
        let gradient = vec![0.0; problem.len()];
        let buffers = Buffers::default();
        let mut state =
            Self { point, certificate: none, exhausted: false, stage: 1.0, staged: none, gradient, buffers };
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
    fn step(&mut self, problem: &Problem<'_, LogDet, EntrywiseL1>, max_sweeps: usize, deadline: Option<Instant>) {
        let staged = Problem { lambda: self.stage * problem.lambda, ..*problem };
        self.newton_step(&staged, max_sweeps, deadline);
        if self.stage == 1.0 {
            self.certificate = self.staged;
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
                gap: FORCING * self.staged.gap.min(p as f64),
                max_sweeps: 10 * max_sweeps, // cheap ones
                deadline,
                anderson: 5,
                newton: true,
                negligible: 0.0,
                newton_first: false,
            };
            let model = GramModel::new(view, 1, start.clone(), g, smooth.newton_energy(&self.point));
            let mut state = model.state();
            let mut w = start.clone();
            inner_descent(&model, &inner, &blocks, |descent| {
                descent.run(&mut w, &mut state, &mut Factor::default(), stop);
            });
            w
        } else {
            let mut w = start.clone();
            inner_descent(&model, &inner, &blocks, |descent| {
                sweep_until(descent, &mut w, model.state(), self.staged.gap, max_sweeps, deadline);
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

/// Calls `f` with the inner problem over these single coordinates.
fn inner_descent<M: Quadratic>(model: &M, penalty: &L1, blocks: &[Active], f: impl FnOnce(&Descent<'_, M, L1>)) {
    let curvatures: Vec<Curvature> = blocks.iter().map(|b| Curvature::new(model, b.cols.clone(), false)).collect();
    let curvatures: Vec<&Curvature> = curvatures.iter().collect();
    f(&Descent { model, penalty, lambda: 1.0, blocks, curvatures: &curvatures, nresponses: 1 });
}

/// Sweeps until one gains less than a share of the outer gap (and of what has been gained), with extrapolation where it takes
/// many.
pub(super) fn sweep_until<M: Quadratic, P: BlockPenalty>(
    descent: &Descent<'_, M, P>,
    w: &mut [f64],
    mut state: Vec<f64>,
    gap: f64,
    max_sweeps: usize,
    deadline: Option<Instant>,
) {
    let mut scratch = Scratch::default();
    let mut anderson = Anderson::new(5);
    let mut before = w.to_vec();
    let mut gained = 0.0;
    for sweep in 0..max_sweeps.max(1) {
        before.copy_from_slice(w);
        if !descent.sweep(w, &mut state, (Over::All, 0.0), &mut scratch) {
            return;
        }
        let gain: f64 = (descent.blocks.iter().zip(descent.curvatures))
            .map(|(block, curvature)| {
                let steps = w[block.cols.clone()].iter().zip(&before[block.cols.clone()]);
                0.5 * curvature.largest * steps.map(|(w, b)| (w - b) * (w - b)).sum::<f64>()
            })
            .sum();
        gained += gain;
        if gain <= FORCING * gained.min(gap) || deadline.is_some_and(|d| Instant::now() >= d) {
            return;
        }
        if sweep >= EASY_SWEEPS
            && let Some((w_new, state_new)) = anderson.push(w, &state)
            && descent.objective(w_new, state_new) < descent.objective(w, &state)
        {
            w.copy_from_slice(w_new);
            state.copy_from_slice(state_new);
        }
    }
}

/// An independent diagonal block of a larger problem.
#[derive(Debug)]
pub(crate) struct NewtonBlock {
    smooth: LogDet,
    penalty: EntrywiseL1,
    at: Progression,
}

impl NewtonBlock {
    /// The block, thresholds as weights (λ = 1).
    pub(crate) fn new(smooth: LogDet, penalty: EntrywiseL1, start: BlockStart, solver: &LogDetNewton) -> Self {
        let at = Progression::new(&Problem::new(&smooth, &penalty, 1.0), start, solver);
        Self { smooth, penalty, at }
    }

    /// Θ, Θ⁻¹ and log det Θ after a solve.
    pub(crate) fn solution(&self) -> Option<&LogDetPoint> {
        match &self.at {
            Progression::Newton(state) => Some(&state.point),
            Progression::Columns { .. } => None,
        }
    }
}

impl LogDetNewton {
    /// Solves independent blocks together, in parallel: every iteration is one sweep or one Newton step of each block that is
    /// not done. `lambda` is only shown to the watcher.
    pub(crate) fn solve_blocks(
        &self,
        blocks: &mut [NewtonBlock],
        started: Instant,
        lambda: f64,
        watch: &mut dyn Watch,
    ) -> (Certificate, Status, usize) {
        let mut run = Run::since(started, self.stopping, watch);
        let deadline = run.deadline();
        let tolerance = self.stopping.tolerance;
        let whole = |blocks: &[NewtonBlock]| total(blocks.iter().map(|b| b.at.certificate(b.smooth.size())));
        let mut iterations = 0;
        loop {
            let active = blocks.iter().filter(|b| !b.at.done(tolerance));
            let (size, work) = active.fold((0, 0), |(n, work), b| {
                let p = b.smooth.size();
                (n + p, work + p * p * p)
            });
            let stalled = (size == 0).then_some(Status::Stalled);
            if let Some(status) = run.verdict(iterations, lambda, whole(blocks), size).or(stalled) {
                // The verdict may have come before there was a certificate.
                crate::parallel::for_each_chunk(blocks, 1, work, |_, piece| {
                    piece.iter_mut().for_each(|b| b.at.certify(&Problem::new(&b.smooth, &b.penalty, 1.0)));
                });
                let certificate = whole(blocks);
                let closed = certificate.gap <= tolerance * certificate.scale;
                return (certificate, if closed { Status::Converged } else { status }, iterations);
            }
            iterations += 1;
            crate::parallel::for_each_chunk(blocks, 1, work, |_, piece| {
                for block in piece.iter_mut().filter(|b| !b.at.done(tolerance)) {
                    let problem = Problem::new(&block.smooth, &block.penalty, 1.0);
                    block.at.step(&problem, self.max_sweeps, deadline);
                }
            });
        }
    }
}

/// The certificate of independent problems together.
pub(super) fn total(certificates: impl Iterator<Item = Certificate>) -> Certificate {
    let zero = Certificate { objective: 0.0, gap: 0.0, rounding: 0.0, kkt: 0.0, scale: 0.0 };
    certificates.fold(zero, |sum, c| Certificate {
        objective: sum.objective + c.objective,
        gap: sum.gap + c.gap,
        rounding: sum.rounding + c.rounding,
        kkt: sum.kkt.max(c.kkt),
        scale: sum.scale + c.scale,
    })
}

impl Solver<LogDet, EntrywiseL1> for LogDetNewton {
    fn solve(&self, problem: &Problem<'_, LogDet, EntrywiseL1>, start: Start<'_>, watch: &mut dyn Watch) -> Solution {
        let mut run = Run::new(self.stopping, watch);
        let deadline = run.deadline();
        let start = match start {
            Start::At(w) if w.len() == problem.len() => BlockStart::Near(w.to_vec(), None),
            _ => BlockStart::Nowhere,
        };
        let mut at = Progression::new(problem, start, self);
        let mut iterations = 0;
        loop {
            let certificate = at.certificate(problem.smooth.size());
            let exhausted = matches!(&at, Progression::Newton(state) if state.exhausted);
            let verdict = run.verdict(iterations, problem.lambda, certificate, problem.len());
            if let Some(status) = verdict.or(exhausted.then_some(Status::Stalled)) {
                at.certify(problem);
                let (certificate, coefficients) = match at {
                    Progression::Newton(state) => (state.certificate, state.point.theta().to_vec()),
                    Progression::Columns { columns, .. } => (certificate, columns.precision()),
                };
                return Solution { coefficients, certificate, status, iterations };
            }
            iterations += 1;
            at.step(problem, self.max_sweeps, deadline);
        }
    }
}
