//! Block coordinate descent with working sets: the solver of every separable penalty. The [`Engine`] does the work; here
//! are its knobs and the order in which the λs of a path are solved.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::design::Design;
use crate::loss::Loss;
use crate::penalty::BlockPenalty;
use crate::problem::Problem;
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::compression::Compressed;
use crate::solver::engine::Engine;
use crate::solver::{Run, Solution, Solver, Start, Status, Stopping, Watch};

/// Which form of the quadratic model the inner loop sweeps over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// By a cost model, anew whenever the working set grows.
    #[default]
    Auto,
    /// Always X_AᵀX_A: |A|² numbers, sweeps that never touch X.
    Gram,
    /// Always the residual: nothing is stored, a sweep reads the working columns twice. There is no second-order finish in
    /// this form: nearly collinear columns at a small λ may need more sweeps than anyone wants to wait for.
    Residual,
}

/// Coordinate descent (blocks of one column) and block coordinate descent, from one loop. An iteration is a sweep over
/// the working set.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{design::Dense, loss::Squared, penalty::L1, problem::Problem, smooth::LinearPredictor};
/// use sparsereg::solver::{BlockDescent, Solver, Start, Status};
/// let x = array![[1.0, 0.0], [0.0, 2.0]];
/// let f = LinearPredictor::new(Dense::new(x.view())?, Squared::new(vec![1.0, 2.0], 2));
/// let penalty = L1::new(2);
/// let solution = BlockDescent::default().solve(&Problem::new(&f, &penalty, 0.1), Start::Zero, &mut ());
/// assert_eq!(solution.status, Status::Converged);
/// assert!((solution.coefficients[1] - 0.95).abs() < 1e-5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BlockDescent {
    /// When to stop.
    pub stopping: Stopping,
    /// Gram or residual form.
    pub form: Form,
    /// Discard blocks that are provably zero.
    pub screening: bool,
    /// Iterates per Anderson extrapolation; 0 turns it off.
    pub anderson: usize,
    /// Finish by Newton steps on the support (Gram form, one response).
    pub newton: bool,
    /// Most λs of a path that are solved before their certificates are computed, in one pass over X for all; 1 makes a
    /// pass for each.
    pub batch: usize,
}

impl Default for BlockDescent {
    fn default() -> Self {
        Self { stopping: Stopping::default(), form: Form::Auto, screening: true, anderson: 5, newton: true, batch: 16 }
    }
}

/// The start, or none where zero is better: far out, losses have neither curvature nor a
/// gradient that shows the way back (weights p(1 − p) of probabilities that are 0 and 1 in all their digits).
fn no_worse_than_zero<'s, D: Design, L: Loss, P: BlockPenalty>(
    problem: &Problem<'_, LinearPredictor<D, L>, P>,
    start: Start<'s>,
) -> Start<'s> {
    // The squared loss has the same curvature everywhere.
    let (Start::At(w), false) = (start, problem.smooth.loss().as_squared().is_some()) else { return start };
    if w.len() != problem.len() {
        return Start::Zero;
    }
    // NaN is no start either.
    if problem.objective(w) <= problem.objective(&problem.smooth.origin()) { start } else { Start::Zero }
}

impl<D: Design, L: Loss, P: BlockPenalty> Solver<LinearPredictor<D, L>, P> for BlockDescent {
    fn solve(
        &self,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let start = no_worse_than_zero(problem, start);
        let mut engine = Engine::new(self, problem, start);
        if let Some(small) = Compressed::new(&mut engine, &[problem.lambda]) {
            return small.solve(self, problem, start, watch);
        }
        let solution = engine.solve_one(problem.lambda, watch);
        let limit = self.stopping.max_iterations;
        let stuck = solution.status == Status::IterationLimit && solution.iterations < limit;
        if !(stuck && matches!(start, Start::At(_))) {
            return solution;
        }
        // Better than zero, but a place without a way down: from zero there is one.
        let stopping = Stopping { max_iterations: limit - solution.iterations, ..self.stopping };
        let rest = Self { stopping, ..self.clone() };
        let mut again = Engine::new(&rest, problem, Start::Zero);
        again.started = engine.started;
        let second = again.solve_one(problem.lambda, watch);
        Solution { iterations: solution.iterations + second.iterations, ..second }
    }

    fn solve_path(
        &self,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        lambdas: &[f64],
        start: Start<'_>,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        // The start is the model without penalised columns: those of a λ that is walked, not of the problem's own.
        let problem = &Problem { lambda: lambdas.first().copied().unwrap_or(problem.lambda), ..*problem };
        let start = no_worse_than_zero(problem, start);
        let mut engine = Engine::new(self, problem, start);
        if let Some(small) = Compressed::new(&mut engine, lambdas) {
            return small.solve_path(self, problem, lambdas, start, watch, sink);
        }
        let largest = engine.largest_batch();
        let mut batch = 1;
        let mut previous = None;
        let mut rest = lambdas;
        while !rest.is_empty() {
            if batch > 1
                && let Some(from) = previous
            {
                let wanted = &rest[..batch.min(rest.len())];
                let (solved, flow) = engine.speculate(wanted, from, watch, sink);
                if flow.is_break() {
                    return;
                }
                // What fails at the third λ should be tried with three.
                batch = if solved == wanted.len() { 2 * batch } else { solved.max(1) }.min(largest);
                if solved > 0 {
                    previous = Some(rest[solved - 1]);
                    rest = &rest[solved..];
                }
                if solved == wanted.len() {
                    continue;
                }
            }
            let lambda = rest[0];
            let started = if previous.is_none() { engine.started } else { Instant::now() };
            let mut run = Run::since(started, self.stopping, watch);
            run.cancelled = engine.cancelled;
            if previous.is_none() {
                engine.approach(lambda, &mut run);
            }
            let solution = engine.solve(lambda, previous, &mut run);
            engine.cancelled = run.cancelled;
            if sink(solution).is_break() {
                return;
            }
            previous = Some(lambda);
            rest = &rest[1..];
            batch = batch.max(2).min(largest);
        }
    }
}

impl BlockDescent {
    /// The solve on the rows as they are.
    pub(super) fn solve_rows<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        Engine::new(self, problem, start).solve_one(problem.lambda, watch)
    }
}
