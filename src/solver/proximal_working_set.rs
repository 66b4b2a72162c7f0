//! Working sets for penalties that couple all columns: [`Fista`] on the columns that can be non-zero, and between two of its
//! solves one pass over X, which gives the certificate and the columns that are missing.
//!
//! With the squared loss the inner problem is in Gram form, with products that are kept along a path.

use std::ops::ControlFlow;

use crate::design::{Columns, Design};
use crate::loss::Loss;
use crate::penalty::{BlockPenalty, Penalty};
use crate::problem::Problem;
use crate::smooth::{GramCache, GramSmooth, LinearPredictor, PredictorPoint, Smooth};
use crate::solver::{Fista, Progress, Run, Solution, Solver, Start, Status, Stopping, Watch};

/// Share of the wanted gap that the inner problem may use up, and of the present one that it has to undercut.
const INSIDE: f64 = 0.4;
const FALL: f64 = 0.02;
/// Columns that a working set may always have, and times its support that it may have.
const SMALLEST: usize = 100;
const GROWTH: usize = 3;
/// Products of more columns cost more memory than they save time.
const GRAM_COLUMNS: usize = 4000;
/// Rounds without a smaller gap after which the columns are taken all at once.
const IDLE: usize = 6;
/// Iterations between certificates of the inner problem, which cost next to nothing.
const CHECK_EVERY: usize = 5;

/// Solves for every λ in turn, each from the answer before; `sink` gets the solutions and may end the path.
pub(crate) fn solve_on_working_sets<D: Design, L: Loss, P: BlockPenalty>(
    stopping: Stopping,
    problem: &Problem<'_, LinearPredictor<D, L>, P>,
    lambdas: &[f64],
    start: Start<'_>,
    watch: &mut dyn Watch,
    sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
) {
    let Some(&first) = lambdas.first() else { return };
    let smooth = problem.smooth;
    let w = match start {
        Start::At(w) if w.len() == problem.len() => w.to_vec(),
        _ => smooth.null(&problem.penalty.free_columns(first)),
    };
    let scale = problem.scale();
    let at = smooth.point(&w);
    let g = vec![0.0; w.len()];
    let mut state = State { smooth, penalty: problem.penalty, scale, w, at, g, cache: GramCache::default() };
    let mut previous = None;
    for &lambda in lambdas {
        let solution = state.solve(lambda, previous, stopping, watch);
        previous = Some(lambda);
        if sink(solution).is_break() {
            return;
        }
    }
}

/// What is carried from one λ to the next.
struct State<'a, D, L, P> {
    smooth: &'a LinearPredictor<D, L>,
    penalty: &'a P,
    scale: f64,
    w: Vec<f64>,
    at: PredictorPoint,
    /// The gradient at the last dual point.
    g: Vec<f64>,
    cache: GramCache,
}

impl<D: Design, L: Loss, P: BlockPenalty> State<'_, D, L, P> {
    fn solve(&mut self, lambda: f64, previous: Option<f64>, stopping: Stopping, watch: &mut dyn Watch) -> Solution {
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        let mut cancelled = false;
        let mut observed = |progress: &Progress| {
            let flow = watch.progress(progress);
            cancelled |= flow.is_break();
            flow
        };
        let mut run = Run::new(stopping, &mut observed);
        let mut iterations = 0;
        let mut member = vec![false; self.smooth.ncols()];
        let mut set: Vec<usize> = Vec::new();
        let mut share = 1.0;
        let (mut best, mut idle) = (f64::INFINITY, 0);
        // The strong rule, at the gradient of the λ before.
        if let Some(before) = previous.filter(|&before| before > lambda) {
            self.extend((2.0 * lambda - before).max(0.0), &mut member, &mut set);
            iterations += self.solve_inside(lambda, &set, f64::INFINITY, 1.0, &mut run, iterations);
        }
        loop {
            let (certificate, _) = problem.certify(&self.w, &self.at, self.scale, &mut self.g);
            let verdict = run.verdict(iterations, lambda, certificate, set.len());
            if let Some(status) = verdict {
                return Solution { coefficients: self.w.clone(), certificate, status, iterations };
            }
            idle = if certificate.gap < 0.5 * best { 0 } else { idle + 1 };
            best = best.min(certificate.gap);
            if idle > IDLE {
                break;
            }
            if !self.extend(lambda, &mut member, &mut set) {
                share *= 0.1;
            }
            iterations += self.solve_inside(lambda, &set, certificate.relative_gap(), share, &mut run, iterations);
        }
        // Rounding errors of the products, or a rule that misses columns: all of them, as they are.
        let rest = stopping.max_iterations.saturating_sub(iterations);
        let fista = Fista { stopping: Stopping { max_iterations: rest, ..stopping }, ..Fista::default() };
        let solution = fista.solve(&problem, Start::At(&self.w), run.watch);
        self.w.clone_from(&solution.coefficients);
        self.at = self.smooth.point(&self.w);
        problem.certify(&self.w, &self.at, self.scale, &mut self.g);
        let status = if cancelled { Status::Cancelled } else { solution.status };
        Solution { iterations: iterations + solution.iterations, status, ..solution }
    }

    /// Adds the support and the likeliest candidates to the set; returns whether there was a new column.
    fn extend(&self, threshold: f64, member: &mut [bool], set: &mut Vec<usize>) -> bool {
        let before = set.len();
        let q = self.smooth.nresponses();
        let mut add = |j: usize, set: &mut Vec<usize>| {
            if !std::mem::replace(&mut member[j], true) {
                set.push(j);
            }
        };
        let Some(candidates) = self.penalty.candidates(threshold, &self.g) else {
            (0..self.smooth.ncols()).for_each(|j| add(j, set));
            return set.len() > before;
        };
        let support = (0..self.smooth.ncols()).filter(|j| self.w[j * q..(j + 1) * q].iter().any(|&w| w != 0.0));
        support.for_each(|j| add(j, set));
        let most = (GROWTH * set.len()).max(SMALLEST);
        for j in candidates {
            if set.len() >= most {
                break;
            }
            add(j, set);
        }
        set.len() > before
    }

    /// Solves the problem of the columns in the set to a share of the present gap and moves w there; returns the iterations.
    fn solve_inside(
        &mut self,
        lambda: f64,
        set: &[usize],
        relative_gap: f64,
        share: f64,
        run: &mut Run<'_>,
        iterations: usize,
    ) -> usize {
        let wanted = INSIDE * run.stopping.tolerance;
        let tolerance = share * if relative_gap.is_finite() { wanted.max(FALL * relative_gap) } else { wanted };
        let stopping = Stopping {
            tolerance,
            max_iterations: run.stopping.max_iterations.saturating_sub(iterations),
            time_limit: run.stopping.time_limit.map(|limit| limit.saturating_sub(run.started.elapsed())),
        };
        let fista = Fista { stopping, check_every: CHECK_EVERY, ..Fista::default() };
        let p = self.smooth.ncols();
        let all = set.len() == p;
        let free = !self.penalty.free_columns(lambda).is_empty() || !self.smooth.free_directions().is_empty();
        let fits = set.len() <= GRAM_COLUMNS && (!all || p as f64 <= 2.0 * self.smooth.design().column_cost());
        if self.smooth.loss().as_squared().is_some() && fits && (all || !free) {
            return self.solve_gram(lambda, set, &fista, run).max(1);
        }
        let design = self.smooth.design();
        let mut columns = set.to_vec();
        columns.sort_unstable();
        let restricted = if all { None } else { self.penalty.restrict(&columns) };
        let solution = match (restricted, Columns::new(design, columns.clone())) {
            (Some(penalty), Ok(view)) => {
                let smooth = LinearPredictor::new(view, self.smooth.loss());
                let inner = Problem::new(&smooth, &penalty, lambda);
                fista.solve(&inner, Start::At(&self.gather(&columns)), &mut *run.watch)
            }
            _ => {
                columns = (0..p).collect();
                let inner = Problem::new(self.smooth, self.penalty, lambda);
                fista.solve(&inner, Start::At(&self.w), &mut *run.watch)
            }
        };
        self.place(&columns, &solution.coefficients);
        solution.iterations.max(1)
    }

    /// [`solve_inside`](Self::solve_inside) in Gram form.
    fn solve_gram(&mut self, lambda: f64, set: &[usize], fista: &Fista, run: &mut Run<'_>) -> usize {
        let design = self.smooth.design();
        let curvature = self.smooth.loss().smoothness();
        // Columns that were needed before and are not now.
        if self.cache.columns().len() > 2 * set.len() + SMALLEST {
            let mut wanted = vec![false; self.smooth.ncols()];
            set.iter().for_each(|&j| wanted[j] = true);
            let keep: Vec<usize> =
                (0..self.cache.columns().len()).filter(|&i| wanted[self.cache.columns()[i]]).collect();
            self.cache.retain(&keep, design.nrows());
        }
        let mut known = vec![false; self.smooth.ncols()];
        self.cache.columns().iter().for_each(|&j| known[j] = true);
        let new: Vec<usize> = set.iter().copied().filter(|&j| !known[j]).collect();
        self.cache.extend(design, &new, curvature);
        let columns = self.cache.columns().to_vec();

        let q = self.smooth.nresponses();
        let mut gradient = vec![0.0; columns.len() * q];
        design.dot_scattered(&columns, &self.at.u, &mut gradient);
        let (origin, value) = (self.gather(&columns), self.smooth.value(&self.at));
        let mut place = vec![usize::MAX; self.smooth.ncols()];
        columns.iter().enumerate().for_each(|(i, &j)| place[j] = i);
        let directions = self.smooth.free_directions();
        let directions: Vec<Vec<(usize, f64)>> =
            directions.iter().map(|d| d.iter().map(|&(j, z)| (place[j], z)).collect()).collect();
        let view = self.cache.hessian();
        let identity = columns.iter().enumerate().all(|(i, &j)| i == j) && columns.len() == self.smooth.ncols();
        let smooth = GramSmooth::new(view, q, origin.clone(), gradient, value, directions);
        let solution = if identity {
            fista.solve(&Problem::new(&smooth, self.penalty, lambda), Start::At(&origin), &mut *run.watch)
        } else {
            let Some(penalty) = self.penalty.restrict(&columns) else { return 0 };
            fista.solve(&Problem::new(&smooth, &penalty, lambda), Start::At(&origin), &mut *run.watch)
        };
        self.place(&columns, &solution.coefficients);
        solution.iterations
    }

    fn gather(&self, columns: &[usize]) -> Vec<f64> {
        let q = self.smooth.nresponses();
        columns.iter().flat_map(|&j| &self.w[j * q..(j + 1) * q]).copied().collect()
    }

    /// Moves w to these coefficients of these columns.
    fn place(&mut self, columns: &[usize], coefficients: &[f64]) {
        let q = self.smooth.nresponses();
        for (&j, from) in columns.iter().zip(coefficients.chunks_exact(q)) {
            self.w[j * q..(j + 1) * q].copy_from_slice(from);
        }
        self.at = self.smooth.point(&self.w);
    }
}
