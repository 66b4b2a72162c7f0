//! The outer loop of block descent: certificates, screening, the working set; along a path, λs in batches.
//!
//! One full gradient (a pass over X) gives the certificate, gap-safe screening and the scores by which blocks enter the
//! working set; then [`forms`](super::forms) solves the inner problem over that set. Passes are what large problems pay
//! for, so the λs of a path are solved several at a time and certified by one pass with several right-hand sides.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use crate::design::Design;
use crate::loss::Loss;
use crate::penalty::{BlockPenalty, Penalty};
use crate::problem::{Certificate, DualPoint, Problem};
use crate::smooth::{LinearPredictor, PredictorPoint, Smooth};
use crate::solver::block_descent::BlockDescent;
use crate::solver::descent::InnerStop;
use crate::solver::forms::{Answers, Workspace, gram_columns};
use crate::solver::{Run, Solution, Start, Status, Watch, screening, working_set};

mod steering;

/// Ratio of successive λs on the way to a small λ: with several responses, with groups, with single coefficients (second-order
/// steps do the work), and with single coefficients and many rows.
const APPROACH: f64 = 0.65;
const APPROACH_GROUPS: f64 = 0.3;
const APPROACH_SINGLES: f64 = 0.5;
const APPROACH_TALL: f64 = 0.2;
/// Sweeps spent on each.
const APPROACH_SWEEPS: usize = 8;

/// A zero block whose score is below this share of λ leaves the working set.
const PRUNE: f64 = 0.8;

/// Passes after which the norms of columns pay by shorter passes to come: they take a pass with one right-hand side, which
/// is less than a pass where there are several.
const SCREENING: (usize, usize) = (4, 2);

/// A pass over X for so many sweeps: where the working set seems complete, it is solved to the end.
const CHEAP_SWEEPS: f64 = 4.0;

/// Share of the scale below which a gap is that of a nearly complete working set.
const SETTLED: f64 = 1e-3;

/// A block outside the working set is close to entering if its score is above this share of λ.
const CLOSE: f64 = 0.6;
/// Looks at them between two passes over X, at one block in so many.
const LOOKS: usize = 8;

/// Share of the wanted gap that the inner problem may use up; the rest is for what lies outside the working set.
const INSIDE: f64 = 0.4;

/// Share of the scale, and less with each pass, where the gap of all columns is not known although that of the working set
/// is.
const UNKNOWN: f64 = 1e-3;

/// Share of the wanted gap that a sweep may leave on the table.
const NEGLIGIBLE: f64 = 1e-8;

/// Sweeps after which the state is rebuilt from the coefficients: rounding adds up along incremental updates.
const REFRESH: usize = 1000;

/// Passes over X from a start nearby to a certificate, and what the products of working columns add to them.
const WARM_PASSES: f64 = 3.0;
const PASSES_FOR_PRODUCTS: f64 = 2.0;

/// Passes over X that the products of new columns may cost.
const PASSES: usize = 2;

/// Right-hand sides up to which a pass over X costs little more than with one.
const RIGHT_HAND_SIDES: usize = 16;
/// What the gradients of a batch may take, however small X is.
const BATCH_BYTES: usize = 32 << 20;

/// What is carried from one λ to the next.
pub(super) struct Engine<'a, D, L, P> {
    pub(super) solver: &'a BlockDescent,
    pub(super) smooth: &'a LinearPredictor<D, L>,
    pub(super) penalty: &'a P,
    pub(super) q: usize,
    scale: f64,
    pub(super) w: Vec<f64>,
    pub(super) at: PredictorPoint,
    /// Gradient at the dual point; complete unless `partial`.
    pub(super) g: Vec<f64>,
    dual: Vec<f64>,
    pub(super) free: Vec<usize>,
    /// Columns without a penalty at the λ beside them.
    unpenalised: (f64, Vec<usize>),
    pub(super) partial: bool,
    /// The working set, and whether a block is in it.
    pub(super) set: Vec<usize>,
    member: Vec<bool>,
    scores: Vec<f64>,
    pub(super) work: Workspace<'a>,
    /// ‖X_b‖ bounds, computed when screening first needs them.
    norms: Vec<f64>,
    pub(super) iterations: usize,
    pub(super) started: Instant,
    /// Those of a batch.
    gradients: Vec<f64>,
    /// The last certificate.
    last: Option<Certificate>,
    /// A watcher wants no more.
    pub(super) cancelled: bool,
}

impl<'a, D: Design, L: Loss, P: BlockPenalty> Engine<'a, D, L, P> {
    pub(super) fn new(
        solver: &'a BlockDescent,
        problem: &Problem<'a, LinearPredictor<D, L>, P>,
        start: Start<'_>,
    ) -> Self {
        let (smooth, penalty) = (problem.smooth, problem.penalty);
        let w = match start {
            Start::Zero => smooth.null(&penalty.free_columns(problem.lambda)),
            start => start.coefficients(problem.len()),
        };
        let at = smooth.point(&w);
        let nblocks = penalty.partition().len();
        Self {
            solver,
            smooth,
            penalty,
            q: smooth.nresponses(),
            scale: problem.scale(),
            g: vec![0.0; w.len()],
            dual: Vec::new(),
            free: Vec::new(),
            unpenalised: (f64::NAN, Vec::new()),
            partial: true,
            set: Vec::new(),
            member: vec![false; nblocks],
            scores: vec![0.0; nblocks],
            work: Workspace::new(nblocks),
            norms: Vec::new(),
            iterations: 0,
            started: Instant::now(),
            gradients: Vec::new(),
            last: None,
            cancelled: false,
            w,
            at,
        }
    }

    /// Solves for one λ from the start.
    pub(super) fn solve_one(&mut self, lambda: f64, watch: &mut dyn Watch) -> Solution {
        let mut run = Run::since(self.started, self.solver.stopping, watch);
        self.approach(lambda, &mut run);
        self.solve(lambda, None, &mut run)
    }

    /// What it takes to get to this λ, products of the working columns included, in passes over X; makes the first of them.
    pub(super) fn expected_passes(&mut self, lambda: f64) -> f64 {
        let alive: Vec<usize> = (0..self.member.len()).collect();
        self.refresh(lambda, &alive, false);
        if self.w.iter().any(|&w| w != 0.0) {
            return WARM_PASSES;
        }
        let critical = self.scores.iter().copied().fold(0.0, f64::max);
        if critical <= lambda {
            return 0.0; // the answer is zero, and the pass has proven it
        }
        let steps = (critical / lambda).ln() / -self.stride().ln();
        PASSES_FOR_PRODUCTS * (WARM_PASSES + steps.max(0.0))
    }

    /// ∇F(0) = −XᵀY/n, if that is what the last pass over X gave.
    pub(super) fn gradient_at_zero(&self) -> Option<&[f64]> {
        let at_zero = !self.partial && self.free.is_empty() && self.w.iter().all(|&w| w == 0.0);
        at_zero.then_some(&self.g)
    }

    /// Whether the loss is its own quadratic model.
    fn is_quadratic(&self) -> bool {
        self.smooth.loss().as_squared().is_some()
    }

    /// Share of an inner tolerance that a sweep may leave on the table: nothing where that is not in units of the objective.
    fn negligible(&self) -> f64 {
        if self.penalty.is_convex() { NEGLIGIBLE } else { 0.0 }
    }

    /// The columns that the dual point is made orthogonal to: a penalty that is not convex has none, and is judged by the
    /// gradient itself.
    fn projected(&self) -> &[usize] {
        if self.penalty.is_convex() { &self.unpenalised.1 } else { &[] }
    }

    /// Whether nothing penalised is in the model.
    fn is_null(&self) -> bool {
        let free = &self.unpenalised.1;
        self.w.chunks_exact(self.q).enumerate().all(|(j, w)| w.iter().all(|&w| w == 0.0) || free.contains(&j))
    }

    /// Ratio of successive λs on the way to a small one.
    fn stride(&self) -> f64 {
        let (n, p) = (self.smooth.design().nrows(), self.penalty.partition().ncols());
        if self.q > 1 {
            APPROACH
        } else if !(self.penalty.partition().is_singletons() && self.solver.newton) {
            APPROACH_GROUPS
        } else if n as f64 >= 32.0 * (p as f64).sqrt() {
            // So many rows that the support will be a small share of them: nothing is ill-posed on the way.
            APPROACH_TALL
        } else {
            APPROACH_SINGLES
        }
    }

    /// Walks down to a λ far below the critical one, a few sweeps and one pass over X at each step: the working set then
    /// grows with the support, and problems that are much too large or nearly singular are never met.
    pub(super) fn approach(&mut self, lambda: f64, run: &mut Run<'_>) {
        let alive: Vec<usize> = (0..self.member.len()).collect();
        self.refresh(lambda, &alive, false);
        let critical = self.scores.iter().copied().fold(0.0, f64::max);
        // A start that the user gives is taken for what it is.
        let ratio = self.stride();
        let worthwhile = run.stopping.max_iterations > APPROACH_SWEEPS && self.is_null();
        if !(worthwhile && lambda > 0.0 && critical.is_finite() && lambda < ratio * critical) {
            return;
        }
        let steps = ((critical / lambda).ln() / -ratio.ln()).ceil();
        for k in 1..steps as i32 {
            if run.out_of_time() {
                return;
            }
            let step = critical * (lambda / critical).powf(f64::from(k) / steps);
            let (certificate, _) = self.certify(step, &alive, k > 1);
            if run.is_cancelled(0, step, certificate, self.columns(&self.set)) {
                return;
            }
            self.prune(step);
            self.grow(&alive, step, self.speculative_growth());
            let stop = InnerStop {
                gap: if self.is_quadratic() { 1e-3 } else { 1e-2 } * self.scale,
                max_sweeps: APPROACH_SWEEPS,
                deadline: run.deadline(),
                anderson: 0,
                newton: self.solver.newton,
                negligible: 0.0,
                newton_first: k > 1,
            };
            self.descend_to(step, stop);
            self.partial = true; // the gradient is that of the w before
            self.at = self.smooth.point(&self.w);
        }
    }

    /// Solves for one λ from where the engine stands; `previous` is the λ that w solves, if there is one.
    pub(super) fn solve(&mut self, lambda: f64, previous: Option<f64>, run: &mut Run<'_>) -> Solution {
        self.iterations = 0;
        let mut alive: Vec<usize> = (0..self.member.len()).collect();
        let mut inner_gap = f64::INFINITY;
        let mut best_gap = f64::INFINITY;
        let mut pruned_at = f64::INFINITY;
        let mut last = (f64::INFINITY, f64::INFINITY);
        let (mut idle, mut frozen) = (0, 0);
        let mut outer = 0;
        loop {
            // Certificate: one pass over X, none at the start of a path step.
            let (certificate, dual) = self.certify(lambda, &alive, outer > 0);
            if let Some(status) = run.verdict(self.iterations, lambda, certificate, self.columns(&self.set)) {
                return self.solution(certificate, status);
            }
            let (target, error) = (run.stopping.tolerance * self.scale, certificate.error());

            // Screening.
            if self.solver.screening
                && certificate.is_convex
                && outer >= if self.q > 1 { SCREENING.1 } else { SCREENING.0 }
            {
                self.screen(lambda, &certificate, dual, &mut alive);
            }

            // Working set: the support, then the worst violators.
            if outer == 0 || error < 0.5 * pruned_at {
                // Only while the gap falls, so that no block can come and go for ever.
                pruned_at = error;
                self.prune(lambda);
            }
            let threshold = match previous {
                Some(previous) if outer == 0 => 2.0 * lambda - previous,
                _ => lambda,
            };
            let limit = self.growth();
            let mut added = self.grow(&alive, threshold, limit);
            if added == 0 && self.set.is_empty() {
                // Nothing violates, yet the gap is open: scores at λ tie. Take what is closest.
                added = self.grow(&alive, -1.0, limit);
            }

            // Free coefficients are fitted exactly, the others by descent.
            let free = self.unpenalised.1.clone();
            let all_free = !free.is_empty() && self.set.iter().all(|&b| self.penalty.is_free(b, lambda));

            // Inner problem: as exact as the outer gap deserves, and tighter each time that no block was missing.
            let ambition = if added > 0 { 0.1 * error } else { 0.1 * inner_gap.min(error) };
            inner_gap = if error.is_finite() {
                ambition.max(INSIDE * target).min(error)
            } else {
                // A loss may have dual points only next to the answer (constraints without a penalty in a partial likelihood).
                UNKNOWN * inner_gap.min(self.scale)
            };
            if added == 0 {
                inner_gap = inner_gap.min(0.3 * error);
            }
            // A model of a loss that is not quadratic is dear: not before the set is nearly complete.
            let settled = match self.is_quadratic() {
                true => self.sweeps_are_cheap(),
                false => error <= SETTLED * self.scale,
            };
            if 10 * added <= self.set.len() && settled {
                inner_gap = INSIDE * target;
            }
            let stop = InnerStop {
                gap: inner_gap,
                max_sweeps: (run.stopping.max_iterations - self.iterations).min(REFRESH),
                deadline: run.deadline(),
                anderson: self.solver.anderson,
                newton: self.solver.newton,
                // Where nothing moves any more, every move counts.
                negligible: if frozen + idle == 0 && inner_gap.is_finite() {
                    self.negligible() * inner_gap
                } else {
                    0.0
                },
                newton_first: self.set.len() > added,
            };
            self.iterations += if all_free { 1 } else { self.descend_to(lambda, stop).max(1) };
            if !all_free {
                self.complete(lambda, &alive, stop, INSIDE * target);
            }
            self.fit_free();

            // Nothing moves any more and the gap is open: another hundred thousand passes would change nothing.
            // A gap that is not known yet may stay so while coefficients move.
            let now = (error, certificate.kkt);
            let known = now.0.is_finite();
            let same = now.0.to_bits() == last.0.to_bits() && (known || now.1.to_bits() == last.1.to_bits());
            frozen = if added == 0 && same { frozen + 1 } else { 0 };
            last = now;
            if frozen >= 4 {
                let (certificate, _) = self.certify(lambda, &alive, true);
                let stalled = certificate.error() <= 1e3 * certificate.rounding;
                let status = if stalled { Status::Stalled } else { Status::IterationLimit };
                return self.solution(certificate, status);
            }

            // No way forward: the same set, and rounding keeps the gap where it is.
            if added == 0 && error >= 0.9 * best_gap {
                idle += 1;
                if idle >= 4 && error <= 1e3 * certificate.rounding {
                    let (certificate, _) = self.certify(lambda, &alive, true);
                    let verdict = run.verdict(self.iterations, lambda, certificate, self.columns(&self.set));
                    return self.solution(certificate, verdict.unwrap_or(Status::Stalled));
                }
            } else {
                idle = 0;
            }
            best_gap = best_gap.min(error);
            outer += 1;
        }
    }

    /// Brings the coefficients without a penalty to where they are best.
    fn fit_free(&mut self) {
        if !self.unpenalised.1.is_empty() {
            self.smooth.fit_free(&self.unpenalised.1, &mut self.w);
        }
    }

    /// Looks for blocks that the working set lacks among those that came close to violating at the last pass over X, and
    /// descends again, until there are none: where all that costs a small part of a pass. What was not looked at is left
    /// to the next one.
    fn complete(&mut self, lambda: f64, alive: &[usize], mut stop: InnerStop, tightest: f64) {
        let design = self.smooth.design();
        let mut close: Vec<usize> =
            (alive.iter().copied()).filter(|&b| !self.member[b] && self.scores[b] > CLOSE * lambda).collect();
        let share = self.member.len() / LOOKS;
        if close.len() > share {
            let scores = &self.scores;
            close.select_nth_unstable_by(share, |&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
            close.truncate(share);
            close.sort_unstable();
        }
        let q = self.q;
        // Groups and rows of W are solved by sweeps, not by a few steps: there a missing block is better known earlier.
        let stepwise = q == 1 && self.penalty.partition().is_singletons() && self.solver.newton;
        let columns: Vec<usize> = close.iter().flat_map(|&b| self.penalty.partition().block(b)).collect();
        // A look reads them, and the working set twice: for the prediction and for its gradient.
        let cheap = 4 * (columns.len() + 2 * self.columns(&self.set)) <= design.ncols();
        if columns.is_empty() || !stepwise || !cheap || !self.sweeps_are_cheap() || !design.reads_columns() {
            return;
        }
        let mut gradient = vec![0.0; columns.len() * q];
        for _ in 0..LOOKS {
            let out_of_time = stop.deadline.is_some_and(|d| Instant::now() >= d);
            if out_of_time || self.iterations >= self.solver.stopping.max_iterations {
                return;
            }
            self.fit_free();
            self.at = self.smooth.point(&self.w);
            self.dual = self.smooth.dual_point(&self.at, self.projected());
            design.dot_scattered(&columns, &self.dual, &mut gradient);
            self.partial = true;
            let mut rest: &[f64] = &gradient;
            for &b in &close {
                let (g, after) = rest.split_at(self.penalty.partition().block(b).len() * q);
                self.scores[b] = critical_lambda(self.penalty, b, g);
                rest = after;
            }
            let added = self.grow(&close, lambda, self.growth());
            if added == 0 && (stop.gap <= tightest || !self.sweeps_are_cheap() || !self.is_quadratic()) {
                return;
            }
            if 10 * added <= self.set.len() && self.sweeps_are_cheap() && self.is_quadratic() {
                stop.gap = tightest;
                stop.negligible = stop.negligible.min(self.negligible() * tightest);
            }
            stop.newton_first = true;
            stop.max_sweeps = (self.solver.stopping.max_iterations - self.iterations).min(REFRESH);
            self.iterations += self.descend_to(lambda, stop).max(1);
        }
    }

    /// Whether a sweep over the working set costs much less than a pass over X.
    fn sweeps_are_cheap(&self) -> bool {
        let design = self.smooth.design();
        let columns = self.columns(&self.set) as f64;
        let each = columns.min(2.0 * design.column_cost());
        CHEAP_SWEEPS * each * columns <= design.column_cost() * design.ncols() as f64
    }

    /// Most λs whose gradients fit into memory beside X and into one pass.
    pub(super) fn largest_batch(&self) -> usize {
        let design = self.smooth.design();
        // The cost of a sparse column that is centred is not what it stores.
        let dense = 4.0 * design.column_cost() > design.nrows() as f64;
        let stored = if dense { (design.nrows() * design.ncols() * size_of::<f64>()) as f64 } else { 0.0 };
        let each = (self.w.len() + 3 * self.dual_len()) * size_of::<f64>();
        let affordable = (stored / 8.0).max(BATCH_BYTES as f64) / each as f64;
        // Every limit of time or sweeps is one λ's own.
        let stopping = self.solver.stopping;
        if stopping.time_limit.is_some() || stopping.max_iterations < REFRESH {
            return 1;
        }
        self.solver.batch.min(RIGHT_HAND_SIDES / self.q.max(1)).min(affordable as usize).max(1)
    }

    fn dual_len(&self) -> usize {
        self.smooth.loss().len()
    }

    /// Solves the λs in turn on one working set, certifies all in one pass over X, and hands over those that are proven, up
    /// to the first that is not; w is then the answer for that one. The engine stands at the solution for `previous`.
    pub(super) fn speculate(
        &mut self,
        lambdas: &[f64],
        previous: f64,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let last = lambdas[lambdas.len() - 1];
        let mut run = Run::new(self.solver.stopping, &mut *watch);
        let free = self.penalty.free_columns(last);
        if self.cancelled || self.partial || self.free != self.projected() || self.unpenalised.1 != free {
            return (0, ControlFlow::Continue(()));
        }
        let alive: Vec<usize> = (0..self.member.len()).collect();
        self.prune(last);
        self.grow(&alive, 2.0 * last - previous, self.speculative_growth());
        if self.set.is_empty() {
            return (0, ControlFlow::Continue(()));
        }
        let stopping = self.solver.stopping;
        let stop = InnerStop {
            gap: INSIDE * stopping.tolerance * self.scale,
            max_sweeps: REFRESH,
            deadline: None,
            anderson: self.solver.anderson,
            newton: self.solver.newton,
            negligible: self.negligible() * INSIDE * stopping.tolerance * self.scale,
            newton_first: true,
        };
        let (certificate, columns) = (self.last, self.columns(&self.set));
        let mut answers = self.descend(lambdas, stop, &mut |iterations, lambda| match certificate {
            Some(last) if run.is_cancelled(iterations, lambda, last, columns) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        self.cancelled = run.cancelled;
        let lambdas = &lambdas[..answers.coefficients.len()];
        let (len, m) = (self.dual_len(), lambdas.len());
        let mut points = Vec::with_capacity(m);
        let mut duals = Vec::with_capacity(m * len);
        for k in 0..m {
            answers.place(&answers.coefficients[k], &mut self.w);
            if !free.is_empty() {
                self.fit_free();
                answers.coefficients[k] = self.gather(&self.w, &answers.columns);
            }
            let at = self.smooth.point(&self.w);
            duals.extend_from_slice(&self.smooth.dual_point(&at, self.projected()));
            points.push(at);
        }
        // Kept: fresh memory of this size costs as much as the pass.
        let mut gradients = std::mem::take(&mut self.gradients);
        gradients.resize(m * self.w.len(), 0.0);
        self.smooth.design().transpose_apply(&duals, &mut gradients);
        for &j in self.projected() {
            gradients[j * m * self.q..(j + 1) * m * self.q].fill(0.0);
        }
        let outcome = self.hand_over(lambdas, &answers, (points, duals), &gradients, watch, sink);
        self.gradients = gradients;
        outcome
    }

    /// Certifies the answers one after the other; see [`speculate`](Self::speculate).
    fn hand_over(
        &mut self,
        lambdas: &[f64],
        answers: &Answers,
        (points, duals): (Vec<PredictorPoint>, Vec<f64>),
        gradients: &[f64],
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let alive: Vec<usize> = (0..self.member.len()).collect();
        let (m, stopping) = (lambdas.len(), self.solver.stopping);
        let q = self.q;
        for (k, at) in points.into_iter().enumerate() {
            answers.place(&answers.coefficients[k], &mut self.w);
            self.dual.clear();
            self.dual.extend_from_slice(&duals[k * at.u.len()..(k + 1) * at.u.len()]);
            self.at = at;
            for (g, all) in self.g.chunks_exact_mut(q).zip(gradients.chunks_exact(m * q)) {
                g.copy_from_slice(&all[k * q..(k + 1) * q]);
            }
            self.iterations = answers.sweeps[k];
            let (certificate, _) = self.certify(lambdas[k], &alive, false);
            let mut run = Run::new(stopping, watch);
            run.cancelled = self.cancelled;
            let columns = self.columns(&self.set);
            let verdict = run.verdict(self.iterations, lambdas[k], certificate, columns);
            self.cancelled = run.cancelled;
            let Some(status) = verdict else {
                // What the λs to come lack is already known.
                for (j, &lambda) in lambdas.iter().enumerate().skip(k) {
                    let gradient = |range: Range<usize>| -> Vec<f64> {
                        range.flat_map(|c| &gradients[(c * m + j) * q..(c * m + j + 1) * q]).copied().collect()
                    };
                    for (score, (b, cols)) in self.scores.iter_mut().zip(self.penalty.partition().iter().enumerate()) {
                        *score = critical_lambda(self.penalty, b, &gradient(cols));
                    }
                    self.grow(&alive, lambda, self.growth());
                }
                return (k, ControlFlow::Continue(()));
            };
            if sink(self.solution(certificate, status)).is_break() {
                return (k + 1, ControlFlow::Break(()));
            }
        }
        (m, ControlFlow::Continue(()))
    }

    fn solution(&self, certificate: Certificate, status: Status) -> Solution {
        Solution { coefficients: self.w.clone(), certificate, status, iterations: self.iterations }
    }

    pub(super) fn columns(&self, set: &[usize]) -> usize {
        set.iter().map(|&b| self.penalty.partition().block(b).len()).sum()
    }

    /// The certificate at the current w. `moved`: w has changed since the gradient was computed.
    fn certify(&mut self, lambda: f64, alive: &[usize], moved: bool) -> (Certificate, DualPoint) {
        self.refresh(lambda, alive, moved);
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        let certificate = problem.certify_blocks(&self.w, (&self.at, &self.dual), self.scale, &self.g, &self.scores);
        self.mark_free();
        self.last = Some(certificate.0);
        certificate
    }

    /// Brings dual point, gradient and scores up to date.
    fn refresh(&mut self, lambda: f64, alive: &[usize], moved: bool) {
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        if self.unpenalised.0.to_bits() != lambda.to_bits() {
            self.unpenalised = (lambda, self.penalty.free_columns(lambda));
        }
        if moved {
            // Rebuilt from scratch, so that no drift of updates gets into a certificate.
            self.at = self.smooth.point(&self.w);
        }
        if moved || self.partial || self.projected() != self.free {
            let mut free = self.projected().to_vec();
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
                self.score();
                let largest = self.scores.iter().copied().fold(0.0, f64::max);
                let balanced = free.is_empty() && largest.is_finite() && (lambda > 0.0 || largest == 0.0);
                if balanced || !self.penalty.is_convex() || !problem.extend_free(&self.w, &mut free, &mut self.g) {
                    break;
                }
            }
            self.free = free;
        }
        self.score();
    }

    /// Free blocks have no gradient at the dual point and are always needed.
    fn mark_free(&mut self) {
        let partition = self.penalty.partition();
        let free = if self.penalty.is_convex() { &self.free } else { &self.unpenalised.1 };
        if !free.is_empty() {
            for (b, cols) in partition.iter().enumerate() {
                let below = |end: usize| free.partition_point(|&j| j < end);
                if below(cols.start) < below(cols.end) {
                    self.scores[b] = f64::INFINITY;
                }
            }
        }
    }

    /// The critical λ of every block.
    fn score(&mut self) {
        let (partition, q) = (self.penalty.partition(), self.q);
        for (score, (b, cols)) in self.scores.iter_mut().zip(partition.iter().enumerate()) {
            *score = critical_lambda(self.penalty, b, &self.g[cols.start * q..cols.end * q]);
        }
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
        let (partition, q) = (self.penalty.partition(), self.q);
        let scaled = |b: usize| dual.scale * self.scores[b];
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

    /// Drops the blocks that are zero and far from entering at λ, and takes in those that are not zero.
    fn prune(&mut self, lambda: f64) {
        let (partition, q) = (self.penalty.partition(), self.q);
        let (w, scores, member) = (&self.w, &self.scores, &mut self.member);
        let is_zero = |cols: Range<usize>| w[cols.start * q..cols.end * q].iter().all(|&w| w == 0.0);
        self.set.retain(|&b| {
            member[b] = scores[b] > PRUNE * lambda || !is_zero(partition.block(b));
            member[b]
        });
        for (b, cols) in partition.iter().enumerate() {
            if !member[b] && !is_zero(cols) {
                self.set.push(b);
                member[b] = true;
            }
        }
    }

    /// Adds the worst of the blocks with a score above the threshold; returns how many.
    fn grow(&mut self, alive: &[usize], threshold: f64, limit: usize) -> usize {
        let choice = working_set::Choice { scores: &self.scores, alive, threshold, limit };
        working_set::grow(&mut self.set, &mut self.member, &choice)
    }

    /// How many blocks to add for several λs at once: not so many that the Gram form would be left for it.
    fn speculative_growth(&self) -> usize {
        if !self.penalty.partition().is_singletons() {
            return self.growth();
        }
        let room =
            (gram_columns(self.smooth.design(), self.penalty, self.q) as usize).saturating_sub(self.columns(&self.set));
        let width = (self.penalty.partition().ncols() / self.member.len().max(1)).max(1);
        let first = first_columns(self.penalty.partition().ncols()) / width;
        let zero = self.set.len() - self.nonzero_blocks();
        ((self.set.len() - zero) / 3 + first).saturating_sub(zero).min(room / width).max(10)
    }

    fn nonzero_blocks(&self) -> usize {
        let (partition, q) = (self.penalty.partition(), self.q);
        let is_zero = |b: &usize| {
            let cols = partition.block(*b);
            self.w[cols.start * q..cols.end * q].iter().all(|&w| w == 0.0)
        };
        self.set.iter().filter(|b| !is_zero(b)).count()
    }

    /// How many blocks to add: as many as now in the set, and at first as many as a pass over X is worth; in Gram form never
    /// so many that their products cost more than [`PASSES`] passes.
    fn growth(&self) -> usize {
        let partition = self.penalty.partition();
        let width = (partition.ncols() / partition.len().max(1)).max(1);
        let first = first_columns(partition.ncols()) / width;
        let columns = self.columns(&self.set);
        let limit = self.set.len().max(first);
        if columns as f64 <= gram_columns(self.smooth.design(), self.penalty, self.q) {
            // n·p numbers from memory against 2n|A| flops for each column: a number costs about as much as 25 flops.
            // The products of a loss that is not quadratic are formed more than once.
            let (passes, least) = if self.is_quadratic() { (PASSES, 10) } else { (1, self.set.len() / 2 + 10) };
            limit.min(passes * 13 * partition.ncols() / columns.max(1) / width).max(least)
        } else {
            limit.max(10)
        }
    }
}

/// Columns to begin with: as many as their products are worth a pass, but no more than have a Gram matrix of 8 MB.
fn first_columns(ncols: usize) -> usize {
    (2.0 * (ncols as f64).sqrt()).min(1000.0) as usize
}

/// The critical λ of a block; NaN where its gradient is (∞ − ∞ in a column whose squares overflow): penalties that take a
/// maximum would pass over it, and nothing would be proven by that.
fn critical_lambda<P: BlockPenalty>(penalty: &P, block: usize, g: &[f64]) -> f64 {
    if g.iter().any(|g| g.is_nan()) { f64::NAN } else { penalty.critical_lambda_block(block, g) }
}
