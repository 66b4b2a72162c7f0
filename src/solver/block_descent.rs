//! Block coordinate descent with working sets: the engine of every separable penalty.
//!
//! Outer loop: one full gradient (a pass over X) gives the certificate, gap-safe screening and the scores by which blocks
//! enter the working set. Inner loop: [`descent`](super::descent) on the working set, in Gram form while that fits (no
//! pass over X at all) and in residual form otherwise.

use std::ops::ControlFlow;

use crate::design::{Dense, Design};
use crate::kernels;
use crate::loss::{Loss, Squared};
use crate::penalty::{BlockPenalty, Penalty};
use crate::problem::{Certificate, DualPoint, Problem};
use crate::smooth::{GramCache, GramModel, LinearPredictor, PredictorPoint, Quadratic, ResidualModel, Smooth};
use crate::solver::block_minimiser::Curvature;
use crate::solver::compression::Compressed;
use crate::solver::descent::{Active, Descent, InnerStop};
use crate::solver::{Run, Solution, Solver, Start, Status, Stopping, Watch, screening, working_set};

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
}

impl Default for BlockDescent {
    fn default() -> Self {
        Self { stopping: Stopping::default(), form: Form::Auto, screening: true, anderson: 5, newton: true }
    }
}

/// Gram matrices beyond this many columns cost more memory than they save time.
const GRAM_COLUMNS: usize = 6000;

/// Sweeps in residual form after which a problem is left to second-order steps.
const STUBBORN: usize = 500;

/// Ratio of successive λs on the way to a small λ.
const APPROACH: f64 = 0.65;
/// Sweeps spent on each.
const APPROACH_SWEEPS: usize = 8;

/// A zero block whose score is below this share of λ leaves the working set.
const PRUNE: f64 = 0.8;

/// Sweeps after which the state is rebuilt from the coefficients: rounding adds up along incremental updates.
const REFRESH: usize = 1000;

/// What is carried from one λ to the next.
struct Engine<'a, D, P> {
    solver: &'a BlockDescent,
    smooth: &'a LinearPredictor<D, Squared>,
    penalty: &'a P,
    q: usize,
    scale: f64,
    w: Vec<f64>,
    at: PredictorPoint,
    /// Gradient at the dual point; complete unless `partial`.
    g: Vec<f64>,
    dual: Vec<f64>,
    free: Vec<usize>,
    partial: bool,
    cache: GramCache,
    /// Where a block's columns start in the cache, usize::MAX if they are not there.
    offsets: Vec<usize>,
    curvatures: Vec<Option<Curvature>>,
    /// ‖X_b‖ bounds, computed when screening first needs them.
    norms: Vec<f64>,
    iterations: usize,
}

impl<D: Design, P: BlockPenalty> Solver<LinearPredictor<D, Squared>, P> for BlockDescent {
    fn solve(
        &self,
        problem: &Problem<'_, LinearPredictor<D, Squared>, P>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        match Compressed::new(self, problem.smooth, start, 1) {
            Some(small) => small.solve(self, problem, start, watch),
            None => self.solve_rows(problem, start, watch),
        }
    }

    fn solve_path(
        &self,
        problem: &Problem<'_, LinearPredictor<D, Squared>, P>,
        lambdas: &[f64],
        start: Start<'_>,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        if let Some(small) = Compressed::new(self, problem.smooth, start, lambdas.len()) {
            return small.solve_path(self, problem, lambdas, start, watch, sink);
        }
        let mut engine = Engine::new(self, problem, start);
        let mut previous = None;
        for &lambda in lambdas {
            let mut run = Run::new(self.stopping, watch);
            if previous.is_none() {
                engine.approach(lambda, &run);
            }
            let solution = engine.solve(lambda, previous, &mut run);
            if sink(solution).is_break() {
                return;
            }
            previous = Some(lambda);
        }
    }
}

impl BlockDescent {
    /// The solve on the rows as they are.
    pub(super) fn solve_rows<D: Design, P: BlockPenalty>(
        &self,
        problem: &Problem<'_, LinearPredictor<D, Squared>, P>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let mut engine = Engine::new(self, problem, start);
        let mut run = Run::new(self.stopping, watch);
        engine.approach(problem.lambda, &run);
        engine.solve(problem.lambda, None, &mut run)
    }
}

impl<'a, D: Design, P: BlockPenalty> Engine<'a, D, P> {
    fn new(solver: &'a BlockDescent, problem: &Problem<'a, LinearPredictor<D, Squared>, P>, start: Start<'_>) -> Self {
        let (smooth, penalty) = (problem.smooth, problem.penalty);
        let w = start.coefficients(problem.len());
        let at = smooth.point(&w);
        let zero = vec![0.0; smooth.loss().len()];
        Self {
            solver,
            smooth,
            penalty,
            q: smooth.nresponses(),
            scale: smooth.loss().value(&zero),
            g: vec![0.0; w.len()],
            dual: Vec::new(),
            free: Vec::new(),
            partial: true,
            cache: GramCache::default(),
            offsets: vec![usize::MAX; penalty.partition().len()],
            curvatures: vec![None; penalty.partition().len()],
            norms: Vec::new(),
            iterations: 0,
            w,
            at,
        }
    }

    /// Walks down to a λ far below the critical one, a few sweeps and one pass over X at each step: the working set then
    /// grows with the support, and problems that are much too large or nearly singular are never met.
    fn approach(&mut self, lambda: f64, run: &Run<'_>) {
        let nblocks = self.penalty.partition().len();
        let alive: Vec<usize> = (0..nblocks).collect();
        self.certify(lambda, &alive, false);
        let critical = self.penalty.critical_lambda(&self.g);
        // A start that the user gives is taken for what it is.
        let worthwhile = run.stopping.max_iterations > APPROACH_SWEEPS && self.w.iter().all(|&w| w == 0.0);
        if !(worthwhile && lambda > 0.0 && critical.is_finite() && lambda < APPROACH * critical) {
            return;
        }
        let steps = ((critical / lambda).ln() / -APPROACH.ln()).ceil();
        let mut scores = vec![0.0; nblocks];
        for k in 1..steps as i32 {
            if run.out_of_time() {
                return;
            }
            let step = critical * (lambda / critical).powf(f64::from(k) / steps);
            let (mut set, mut member) = (Vec::new(), vec![false; nblocks]);
            self.certify(step, &alive, k > 1);
            self.score(&alive, &mut scores);
            self.support(&mut set, &mut member);
            let limit = self.growth(set.len());
            let choice = working_set::Choice { scores: &scores, alive: &alive, threshold: step, limit };
            working_set::grow(&mut set, &mut member, &choice);
            let stop = InnerStop {
                gap: 0.0,
                max_sweeps: APPROACH_SWEEPS,
                deadline: run.deadline(),
                anderson: 0,
                newton: false,
            };
            self.descend(step, &set, stop);
            self.partial = true; // the gradient is that of the w before
            self.at = self.smooth.point(&self.w);
        }
    }

    fn solve(&mut self, lambda: f64, previous: Option<f64>, run: &mut Run<'_>) -> Solution {
        self.iterations = 0;
        let nblocks = self.penalty.partition().len();
        let mut alive: Vec<usize> = (0..nblocks).collect();
        let mut set = Vec::new();
        let mut member = vec![false; nblocks];
        let mut scores = vec![0.0; nblocks];
        let mut inner_gap = f64::INFINITY;
        let mut best_gap = f64::INFINITY;
        let mut pruned_at = f64::INFINITY;
        let mut last_gap = f64::INFINITY;
        let (mut idle, mut frozen) = (0, 0);
        let mut outer = 0;
        loop {
            // Certificate: one pass over X, none at the start of a path step.
            let (certificate, dual) = self.certify(lambda, &alive, outer > 0);
            if let Some(status) = run.verdict(self.iterations, lambda, certificate, self.columns(&set)) {
                return self.solution(certificate, status);
            }
            let target = run.stopping.tolerance * self.scale;

            // Screening.
            if self.solver.screening && outer >= 2 {
                self.screen(lambda, &certificate, dual, &mut alive);
            }

            // Working set: the support, then the worst violators.
            self.score(&alive, &mut scores);
            if outer == 0 {
                self.support(&mut set, &mut member);
            } else if certificate.gap < 0.5 * pruned_at {
                // Only while the gap falls, so that no block can come and go for ever.
                pruned_at = certificate.gap;
                self.prune(lambda, &scores, &mut set, &mut member);
            }
            let threshold = match previous {
                Some(previous) if outer == 0 => 2.0 * lambda - previous,
                _ => lambda,
            };
            let limit = self.growth(set.len());
            let mut added = working_set::grow(
                &mut set,
                &mut member,
                &working_set::Choice { scores: &scores, alive: &alive, threshold, limit },
            );
            if added == 0 && set.is_empty() {
                // Nothing violates, yet the gap is open: scores at λ tie. Take what is closest.
                let everything = working_set::Choice { scores: &scores, alive: &alive, threshold: -1.0, limit };
                added = working_set::grow(&mut set, &mut member, &everything);
            }

            // Free coefficients are fitted exactly, the others by descent.
            let free = self.penalty.free_columns(lambda);
            let all_free = !free.is_empty() && set.iter().all(|&b| self.penalty.is_free(b, lambda));

            // Inner problem: as exact as the outer gap deserves, and tighter each time that no block was missing.
            let ambition = if added > 0 { 0.1 * certificate.gap } else { 0.1 * inner_gap.min(certificate.gap) };
            inner_gap = ambition.max(0.1 * target).min(certificate.gap);
            if added == 0 {
                inner_gap = inner_gap.min(0.3 * certificate.gap);
            }
            let stop = InnerStop {
                gap: inner_gap,
                max_sweeps: (run.stopping.max_iterations - self.iterations).min(REFRESH),
                deadline: run.deadline(),
                anderson: self.solver.anderson,
                newton: self.solver.newton,
            };
            let sweeps = if all_free { 1 } else { self.descend(lambda, &set, stop) };
            self.iterations += sweeps;
            if !free.is_empty() {
                self.smooth.fit_free(&free, &mut self.w);
            }

            // Nothing moves any more and the gap is open: another hundred thousand passes would change nothing.
            frozen = if added == 0 && certificate.gap.to_bits() == last_gap.to_bits() { frozen + 1 } else { 0 };
            last_gap = certificate.gap;
            if frozen >= 4 {
                let (certificate, _) = self.certify(lambda, &alive, true);
                let stalled = certificate.gap <= 1e3 * certificate.rounding;
                let status = if stalled { Status::Stalled } else { Status::IterationLimit };
                return self.solution(certificate, status);
            }

            // No way forward: the same set, and rounding keeps the gap where it is.
            if added == 0 && certificate.gap >= 0.9 * best_gap {
                idle += 1;
                if idle >= 4 && certificate.gap <= 1e3 * certificate.rounding {
                    let (certificate, _) = self.certify(lambda, &alive, true);
                    let verdict = run.verdict(self.iterations, lambda, certificate, self.columns(&set));
                    return self.solution(certificate, verdict.unwrap_or(Status::Stalled));
                }
            } else {
                idle = 0;
            }
            best_gap = best_gap.min(certificate.gap);
            outer += 1;
        }
    }

    fn solution(&self, certificate: Certificate, status: Status) -> Solution {
        Solution { coefficients: self.w.clone(), certificate, status, iterations: self.iterations }
    }

    fn columns(&self, set: &[usize]) -> usize {
        set.iter().map(|&b| self.penalty.partition().block(b).len()).sum()
    }

    /// The certificate at the current w. `moved`: w has changed since the gradient was computed.
    fn certify(&mut self, lambda: f64, alive: &[usize], moved: bool) -> (Certificate, DualPoint) {
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        let mut free = self.penalty.free_columns(lambda);
        if moved {
            // Rebuilt from scratch, so that no drift of updates gets into a certificate.
            self.at = self.smooth.point(&self.w);
        }
        if moved || self.partial || free != self.free {
            self.partial = 2 * alive.len() < self.penalty.partition().len();
            loop {
                self.dual = self.smooth.dual_point(&self.at, &free);
                if self.partial {
                    // Screened blocks are zero in every optimum: the problem without them has the same optimal value,
                    // and its dual does not ask for their gradient.
                    self.g.fill(0.0);
                    self.pass_over(alive);
                } else {
                    self.smooth.design().transpose_apply(&self.dual, &mut self.g);
                }
                if !problem.extend_free(&self.w, &mut free, &mut self.g) {
                    break;
                }
            }
            self.free = free;
        }
        problem.certify_at(&self.w, &self.at, &self.dual, self.scale, &self.free, &mut self.g)
    }

    fn pass_over(&mut self, blocks: &[usize]) {
        let (partition, q) = (self.penalty.partition(), self.q);
        let mut run: Option<std::ops::Range<usize>> = None;
        let (design, dual, g) = (self.smooth.design(), &self.dual, &mut self.g);
        let mut flush = |run: std::ops::Range<usize>| {
            let out = &mut g[run.start * q..run.end * q];
            design.dot(run, dual, out);
        };
        for &b in blocks {
            let cols = partition.block(b);
            run = match run {
                Some(r) if r.end == cols.start => Some(r.start..cols.end),
                Some(r) => {
                    flush(r);
                    Some(cols)
                }
                None => Some(cols),
            };
        }
        if let Some(r) = run {
            flush(r);
        }
    }

    fn screen(&mut self, lambda: f64, certificate: &Certificate, dual: DualPoint, alive: &mut Vec<usize>) {
        if self.norms.is_empty() {
            let design = self.smooth.design();
            let norms = |b: usize| self.penalty.partition().block(b).map(|j| design.sq_norm(j)).sum::<f64>().sqrt();
            self.norms = (0..self.penalty.partition().len()).map(norms).collect();
        }
        let (partition, q, g) = (self.penalty.partition(), self.q, &self.g);
        let scaled = |b: usize| {
            let cols = partition.block(b);
            dual.scale * self.penalty.critical_lambda_block(b, &g[cols.start * q..cols.end * q])
        };
        let nu = self.smooth.loss().smoothness();
        screening::keep(self.penalty, lambda, scaled, &self.norms, certificate, nu, alive);
        // A screened block may still be non-zero in the iterate: it has to leave, not to be forgotten.
        if alive.len() < partition.len() {
            let mut keep = vec![false; partition.len()];
            alive.iter().for_each(|&b| keep[b] = true);
            for (b, cols) in partition.iter().enumerate() {
                let w = &self.w[cols.start * q..cols.end * q];
                if !keep[b] && w.iter().any(|&w| w != 0.0) {
                    alive.push(b);
                }
            }
            alive.sort_unstable();
        }
    }

    fn score(&self, alive: &[usize], scores: &mut [f64]) {
        let (partition, q) = (self.penalty.partition(), self.q);
        for &b in alive {
            let cols = partition.block(b);
            // Free blocks have no gradient at the dual point and are always needed.
            let has_free =
                self.free.partition_point(|&j| j < cols.start) < self.free.partition_point(|&j| j < cols.end);
            scores[b] = if has_free {
                f64::INFINITY
            } else {
                self.penalty.critical_lambda_block(b, &self.g[cols.start * q..cols.end * q])
            };
        }
    }

    fn support(&self, set: &mut Vec<usize>, member: &mut [bool]) {
        for (b, cols) in self.penalty.partition().iter().enumerate() {
            if self.w[cols.start * self.q..cols.end * self.q].iter().any(|&w| w != 0.0) {
                set.push(b);
                member[b] = true;
            }
        }
    }

    /// Drops the blocks that are zero and far from entering.
    fn prune(&self, lambda: f64, scores: &[f64], set: &mut Vec<usize>, member: &mut [bool]) {
        let (partition, q) = (self.penalty.partition(), self.q);
        set.retain(|&b| {
            let cols = partition.block(b);
            let zero = self.w[cols.start * q..cols.end * q].iter().all(|&w| w == 0.0);
            member[b] = !zero || scores[b] > PRUNE * lambda;
            member[b]
        });
    }

    /// How many blocks to add: as many as now in the set, and at first as many as a pass over X is worth.
    fn growth(&self, size: usize) -> usize {
        let partition = self.penalty.partition();
        let width = (partition.ncols() / partition.len().max(1)).max(1);
        let first = (2.0 * (partition.ncols() as f64).sqrt()) as usize / width;
        size.max(first).max(10)
    }

    /// Solves the inner problem over the blocks of `set` and moves w there.
    fn descend(&mut self, lambda: f64, set: &[usize], stop: InnerStop) -> usize {
        let design = self.smooth.design();
        let columns = self.columns(set);
        let cost = design.column_cost();
        let gram = match self.solver.form {
            Form::Gram => true,
            Form::Residual => false,
            Form::Auto => {
                // A change costs |A| numbers here and twice the stored column there; single coefficients are mostly at
                // rest and have the second-order finish, groups and rows of W mostly move.
                let single = self.q == 1 && self.penalty.partition().is_singletons();
                // Where sweeps have not sufficed, only second-order steps will: they need the matrix.
                let stubborn = self.q == 1 && self.solver.newton && self.iterations >= STUBBORN;
                columns <= GRAM_COLUMNS && (stubborn || columns as f64 <= if single { 4.0 * cost } else { cost })
            }
        };
        if gram {
            self.descend_gram(lambda, set, stop)
        } else if design.prefers_gather() {
            self.descend_gathered(lambda, set, stop)
        } else {
            let partition = self.penalty.partition();
            let blocks: Vec<Active> = set.iter().map(|&id| Active { id, cols: partition.block(id) }).collect();
            let model = ResidualModel::new(design, self.smooth.loss().smoothness());
            let mut state = self.residual();
            fill_curvatures(&mut self.curvatures, self.penalty, &model, &blocks);
            let curvatures = curvatures(&self.curvatures, &blocks);
            let inner = Descent {
                model: &model,
                penalty: self.penalty,
                lambda,
                blocks: &blocks,
                curvatures: &curvatures,
                nresponses: self.q,
            };
            inner.run(&mut self.w, &mut state, stop)
        }
    }

    fn residual(&self) -> Vec<f64> {
        self.at.eta.iter().zip(self.smooth.loss().y()).map(|(e, y)| e - y).collect()
    }

    fn descend_gram(&mut self, lambda: f64, set: &[usize], stop: InnerStop) -> usize {
        let (partition, q) = (self.penalty.partition(), self.q);
        let nu = self.smooth.loss().smoothness();
        let design = self.smooth.design();
        let mut missing = Vec::new();
        let mut end = self.cache.columns().len();
        for &b in set {
            if self.offsets[b] == usize::MAX {
                let cols = partition.block(b);
                self.offsets[b] = end;
                end += cols.len();
                missing.extend(cols);
            }
        }
        self.cache.extend(self.smooth.design(), &missing, nu);
        // Columns that are not in use make every update longer.
        let used = self.columns(set);
        if self.cache.columns().len() > used + used / 2 + 64 {
            let keep: Vec<usize> =
                set.iter().flat_map(|&b| self.offsets[b]..self.offsets[b] + partition.block(b).len()).collect();
            self.cache.retain(&keep, design.nrows());
            self.offsets.fill(usize::MAX);
            let mut end = 0;
            for &b in set {
                self.offsets[b] = end;
                end += partition.block(b).len();
            }
        }
        let local = |values: &[f64]| -> Vec<f64> {
            self.cache.columns().iter().flat_map(|&j| values[j * q..(j + 1) * q].iter().copied()).collect()
        };
        let mut w = local(&self.w);
        // The free columns' gradient was projected out of `g`; the model needs it.
        let mut gradient = local(&self.g);
        if self.partial || !self.free.is_empty() {
            for (i, &j) in self.cache.columns().iter().enumerate() {
                self.smooth.design().dot(j..j + 1, &self.at.u, &mut gradient[i * q..(i + 1) * q]);
            }
        }
        let energy = kernels::sq_norm(&self.at.u) / nu;
        let model = GramModel::new(self.cache.hessian(), q, w.clone(), gradient, energy);
        let blocks: Vec<Active> = (set.iter())
            .map(|&id| Active { id, cols: self.offsets[id]..self.offsets[id] + partition.block(id).len() })
            .collect();
        fill_curvatures(&mut self.curvatures, self.penalty, &model, &blocks);
        let curvatures = curvatures(&self.curvatures, &blocks);
        let mut state = model.state();
        let inner = Descent {
            model: &model,
            penalty: self.penalty,
            lambda,
            blocks: &blocks,
            curvatures: &curvatures,
            nresponses: q,
        };
        let sweeps = inner.run(&mut w, &mut state, stop);
        for (w, &j) in w.chunks_exact(q).zip(self.cache.columns()) {
            self.w[j * q..(j + 1) * q].copy_from_slice(w);
        }
        sweeps
    }

    /// The residual form on a contiguous copy of the working columns, for storages whose columns are scattered.
    fn descend_gathered(&mut self, lambda: f64, set: &[usize], stop: InnerStop) -> usize {
        let (partition, q) = (self.penalty.partition(), self.q);
        let design = self.smooth.design();
        let n = design.nrows();
        let columns: Vec<usize> = set.iter().flat_map(|&b| partition.block(b)).collect();
        let mut values = vec![0.0; n * columns.len()];
        for (&j, x) in columns.iter().zip(values.chunks_exact_mut(n)) {
            design.column(j, x);
        }
        let gathered = Dense::from_gathered(values, n, columns.len());
        let mut start = 0;
        let blocks: Vec<Active> = (set.iter())
            .map(|&id| {
                let len = partition.block(id).len();
                start += len;
                Active { id, cols: start - len..start }
            })
            .collect();
        let model = ResidualModel::new(&gathered, self.smooth.loss().smoothness());
        let mut w: Vec<f64> = columns.iter().flat_map(|&j| self.w[j * q..(j + 1) * q].iter().copied()).collect();
        let mut state = self.residual();
        fill_curvatures(&mut self.curvatures, self.penalty, &model, &blocks);
        let curvatures = curvatures(&self.curvatures, &blocks);
        let inner = Descent {
            model: &model,
            penalty: self.penalty,
            lambda,
            blocks: &blocks,
            curvatures: &curvatures,
            nresponses: q,
        };
        let sweeps = inner.run(&mut w, &mut state, stop);
        for (w, &j) in w.chunks_exact(q).zip(&columns) {
            self.w[j * q..(j + 1) * q].copy_from_slice(w);
        }
        sweeps
    }
}

/// The Hessians of the blocks, computed once for all λs.
fn fill_curvatures<M: Quadratic, P: BlockPenalty>(
    store: &mut [Option<Curvature>],
    penalty: &P,
    model: &M,
    blocks: &[Active],
) {
    for active in blocks {
        // Whether Ω_b depends on the norm alone does not depend on λ.
        let radial = penalty.radial(active.id, 1.0).is_some();
        store[active.id].get_or_insert_with(|| Curvature::new(model, active.cols.clone(), radial));
    }
}

/// Those of the blocks, in their order.
fn curvatures<'a>(store: &'a [Option<Curvature>], blocks: &[Active]) -> Vec<&'a Curvature> {
    blocks.iter().filter_map(|active| store[active.id].as_ref()).collect()
}
