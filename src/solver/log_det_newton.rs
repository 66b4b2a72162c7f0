//! `−log det Θ + ⟨S, Θ⟩ + λ Σ Λ_ij |θ_ij|`: [descent by columns](super::dual_columns) first, where it can begin; from its answer
//! [Newton steps](super::log_det_step) are few, and often none.

use std::time::Instant;

use crate::penalty::EntrywiseL1;
use crate::problem::{Certificate, Problem};
use crate::smooth::{LogDet, LogDetPoint};
use crate::solver::dual_columns::{Ascent, DualColumns, distance};
use crate::solver::independent_blocks::{IndependentBlock, solve_together, total};
use crate::solver::log_det_step::NewtonState;
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
    Columns { columns: Box<DualColumns>, gap: f64, care: i32 },
    Newton(Box<NewtonState>),
}

/// How often descent by columns may begin.
const ATTEMPTS: i32 = 3;

/// When descent by columns has ended too early, it aims at so much smaller a gap, as long as that is more than this share of
/// what is wanted.
const FURTHER: f64 = 1e-2;
const FURTHEST: f64 = 1e-5;

impl Progression {
    fn new(problem: &Problem<'_, LogDet, EntrywiseL1>, start: BlockStart, solver: &LogDetNewton) -> Self {
        let by_columns = solver.columns && solver.stopping.max_iterations > 0;
        let gap = solver.stopping.tolerance * problem.smooth.size() as f64;
        let columns = match &start {
            // A start at the solution needs no step.
            BlockStart::Near(theta, Some(inverse)) if distance(problem, theta, inverse) <= gap => None,
            BlockStart::Near(theta, Some(inverse)) if by_columns => {
                DualColumns::new(problem, Some((theta, inverse)), 0)
            }
            BlockStart::Nowhere if by_columns => DualColumns::new(problem, None, 0),
            _ => None,
        };
        match (columns, start) {
            (Some(columns), _) => Self::Columns { columns: Box::new(columns), gap, care: 0 },
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
                is_convex: true,
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
    fn step(&mut self, problem: &Problem<'_, LogDet, EntrywiseL1>, solver: &LogDetNewton, deadline: Option<Instant>) {
        let target = solver.stopping.tolerance * problem.smooth.size() as f64;
        match self {
            Self::Newton(state) => state.step(problem, solver.max_sweeps, deadline),
            Self::Columns { columns, gap, care } => match columns.sweep(problem, *gap, deadline) {
                Ascent::Rising => {}
                Ascent::Broken => {
                    let (gap, care) = (*gap, *care + 1);
                    let again = if care < ATTEMPTS { DualColumns::new(problem, None, care) } else { None };
                    *self = match again {
                        Some(columns) => Self::Columns { columns: Box::new(columns), gap, care },
                        None => Self::newton(problem, None),
                    };
                }
                ascent => {
                    let further = ascent == Ascent::Done && columns.can_go_on() && *gap > FURTHEST * target;
                    match NewtonState::at(problem, columns.precision()) {
                        Some(state) if state.certificate.gap <= target || !further => {
                            *self = Self::Newton(Box::new(state));
                        }
                        _ if further => *gap *= FURTHER,
                        _ => *self = Self::newton(problem, None),
                    }
                }
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
        let (status, iterations) =
            solve_together(blocks, (self.stopping, started), lambda, watch, |block, deadline| {
                block.at.step(&Problem::new(&block.smooth, &block.penalty, 1.0), self, deadline);
            });
        // The verdict may have come before there was a certificate.
        let work = blocks.iter().map(IndependentBlock::work).sum();
        crate::parallel::for_each_chunk(blocks, 1, work, |_, piece| {
            piece.iter_mut().for_each(|b| b.at.certify(&Problem::new(&b.smooth, &b.penalty, 1.0)));
        });
        let certificate = total(blocks);
        (certificate, upgraded(status, &certificate, self.stopping.tolerance), iterations)
    }
}

impl IndependentBlock for NewtonBlock {
    fn size(&self) -> usize {
        self.smooth.size()
    }

    fn work(&self) -> usize {
        self.smooth.size().pow(3)
    }

    fn certificate(&self) -> Certificate {
        self.at.certificate(self.smooth.size())
    }

    fn done(&self, tolerance: f64) -> bool {
        self.at.done(tolerance)
    }
}

/// The status if the certificate came only after the verdict.
fn upgraded(status: Status, certificate: &Certificate, tolerance: f64) -> Status {
    let closed = certificate.objective.is_finite() && certificate.gap <= tolerance * certificate.scale;
    if closed { Status::Converged } else { status }
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
                let status = upgraded(status, &certificate, self.stopping.tolerance);
                return Solution { coefficients, certificate, status, iterations };
            }
            iterations += 1;
            at.step(problem, self, deadline);
        }
    }
}
