//! Losses with kinks, by a sequence of smooth ones that end at them (Nesterov 2005, Smooth minimization of non-smooth
//! functions).
//!
//! The dual points of a smoothed loss are dual points of the loss itself, so what is certified is the problem that was
//! asked for: its objective, and a duality gap in which the smoothing is contained. The rounding of the kinks is narrowed
//! from answer to answer until that gap is small enough. A loss with rare kinks is minimised as it is first, and rounded
//! only where that comes to no end.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::design::{AnyDesign, Design};
use crate::loss::Loss;
use crate::penalty::{BlockPenalty, Penalty};
use crate::problem::{Certificate, Problem};
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::{Progress, Run, Solution, Start, Status, Stopping, Watch};

/// F∘X of an estimator.
pub(crate) type Predictor<'a> = LinearPredictor<AnyDesign<'a>, Box<dyn Loss + 'a>>;

/// Width of the first rounding, relative to the loss at the start, and of each next one.
const FIRST: f64 = 0.1;
const NARROWING: f64 = 0.1;
/// Roundings beyond this relative width are lost in those of arithmetic.
const NARROWEST: f64 = 1e-13;
/// Roundings that may bring nothing before the end is taken for reached: dual points are residuals divided by the width, so
/// gaps below the square root of the precision are not to be had.
const IDLE: usize = 2;
const PRECISION: f64 = 1e-7;
/// Most iterations for one width: the next one is as good a start from an answer that is not quite there.
const STAGE: usize = 5000;
/// Some width, where the start is perfect.
const SMALLEST: f64 = 1e-200;
/// Share of the wanted gap that is left to a smoothed problem.
const SHARE: f64 = 0.25;

/// Most iterations on a loss with rare kinks before they are rounded.
const AS_IT_IS: usize = 2000;
/// Free coefficients are at their best if their gradient is below this share of the norms of column and dual point.
const STATIONARY: f64 = 1e-6;

/// F∘X with kinks rounded over this width; `None` if there are none.
fn rounded<'a>(smooth: &'a Predictor<'_>, width: f64) -> Option<Predictor<'a>> {
    let rounded = LinearPredictor::new(smooth.design().reborrow(), smooth.loss().smoothed(width)?);
    Some(rounded.with_free_directions(smooth.free_directions().to_vec()))
}

/// The coefficients of the model that has no others than these columns.
pub(crate) fn null_model(smooth: &Predictor<'_>, free: &[usize]) -> Vec<f64> {
    let mut w = smooth.origin();
    let mut width = FIRST * smooth.value(&smooth.point(&w));
    let none = free.is_empty() && smooth.free_directions().is_empty();
    if none || rounded(smooth, 1.0).is_none() {
        return smooth.null(free);
    }
    let rare = smooth.loss().kinks_are_rare();
    if rare {
        let null = smooth.null(free);
        if is_stationary(smooth, free, &null) {
            return null;
        }
    }
    let narrowest = NARROWEST * width;
    while width > narrowest
        && let Some(rounded) = rounded(smooth, width)
    {
        rounded.fit_free(free, &mut w);
        width *= NARROWING;
    }
    if rare {
        smooth.fit_free(free, &mut w);
    }
    w
}

/// Whether the coefficients of the free columns are where they are best, those of the others being what they are.
fn is_stationary(smooth: &Predictor<'_>, free: &[usize], w: &[f64]) -> bool {
    let (design, q, u) = (smooth.design(), smooth.nresponses(), smooth.point(w).u);
    let mut gradient = vec![0.0; free.len() * q];
    design.dot_scattered(free, &u, &mut gradient);
    let size = STATIONARY * crate::kernels::sq_norm(&u).sqrt();
    let mut each = free.iter().zip(gradient.chunks_exact(q));
    each.all(|(&j, g)| g.iter().all(|g| g.abs() <= size * design.sq_norm(j).sqrt()))
}

/// Solves a smooth problem.
pub(crate) type SmoothSolver<'a, P> =
    &'a dyn Fn(&Problem<'_, Predictor<'_>, P>, Start<'_>, Stopping, &mut dyn Watch) -> Solution;

/// A problem whose loss has kinks.
pub(crate) struct Kinked<'a, 'd, P> {
    smooth: &'a Predictor<'d>,
    penalty: &'a P,
    /// The model without penalised columns, and F(null) − inf F.
    null: Vec<f64>,
    scale: f64,
}

impl<'a, 'd, P: BlockPenalty> Kinked<'a, 'd, P> {
    /// `None` if the loss has no kinks, and nothing as hard as one.
    pub fn new(smooth: &'a Predictor<'d>, penalty: &'a P) -> Option<Self> {
        smooth.loss().smoothed(1.0)?;
        let null = null_model(smooth, &penalty.free_columns(1.0));
        let scale = smooth.excess(&smooth.point(&null));
        Some(Self { smooth, penalty, null, scale })
    }

    fn value(&self, w: &[f64]) -> f64 {
        self.smooth.value(&self.smooth.point(w))
    }

    /// The problem with kinks rounded over this width.
    fn rounded(&self, width: f64) -> Option<Predictor<'_>> {
        rounded(self.smooth, width)
    }

    /// That of the narrowest rounding of which the null model's dual point has all digits.
    pub fn lambda_max(&self) -> f64 {
        if self.is_perfect() {
            return 0.0;
        }
        if self.begins_as_it_is() {
            return Problem::new(self.smooth, self.penalty, 0.0).lambda_max();
        }
        let width = 1e-9 * self.scale;
        let Some(rounded) = self.rounded(width).filter(|_| width > 0.0) else { return 0.0 };
        let free = self.penalty.free_columns(1.0);
        let mut g = vec![0.0; self.null.len()];
        let mut w = self.null.clone();
        if !(free.is_empty() && rounded.free_directions().is_empty()) {
            rounded.fit_free(&free, &mut w);
        }
        rounded.dual(&rounded.point(&w), &free, &mut g);
        for &j in &free {
            let q = self.smooth.nresponses();
            g[j * q..(j + 1) * q].fill(0.0);
        }
        self.penalty.critical_lambda(&g)
    }

    /// Whether the null model has no loss that could be told from rounding: 0 is a subgradient there, and proves it.
    fn is_perfect(&self) -> bool {
        self.scale <= self.smooth.rounding(&self.smooth.point(&self.null))
    }

    /// Whether kinks are rare, so that the first try is at the loss itself.
    pub fn begins_as_it_is(&self) -> bool {
        self.smooth.loss().kinks_are_rare() && !self.is_perfect()
    }

    /// When the first try ends.
    pub fn first_try(stopping: Stopping) -> Stopping {
        Stopping { max_iterations: stopping.max_iterations.min(AS_IT_IS), ..stopping }
    }

    /// Solves for one λ; `solver` solves a smooth problem to a relative gap.
    pub fn solve(
        &self,
        lambda: f64,
        start: Start<'_>,
        stopping: Stopping,
        solver: SmoothSolver<'_, P>,
        watch: &mut dyn Watch,
    ) -> Solution {
        if self.is_perfect() {
            let status = if self.scale == 0.0 { Status::Converged } else { Status::Stalled };
            let rounding = self.smooth.rounding(&self.smooth.point(&self.null));
            let (objective, gap, kkt, scale) = (self.value(&self.null), self.scale, 0.0, self.scale);
            let certificate = Certificate { objective, gap, rounding, kkt, scale, is_convex: true };
            return Solution { coefficients: self.null.clone(), certificate, status, iterations: 0 };
        }
        if !self.begins_as_it_is() {
            return self.round(lambda, start, stopping, solver, watch);
        }
        let started = Instant::now();
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        let first = solver(&problem, start, Self::first_try(stopping), watch);
        let time_limit = stopping.time_limit.map(|limit| limit.saturating_sub(started.elapsed()));
        self.finish(lambda, first, Stopping { time_limit, ..stopping }, solver, watch)
    }

    /// A better answer than that of the first try, if it has come to no end.
    pub fn finish(
        &self,
        lambda: f64,
        first: Solution,
        stopping: Stopping,
        solver: SmoothSolver<'_, P>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let left = stopping.max_iterations.saturating_sub(first.iterations);
        if first.status != Status::IterationLimit || left == 0 {
            return first;
        }
        // Not from that answer: at a kink there is no way down.
        let stopping = Stopping { max_iterations: left, ..stopping };
        let second = self.round(lambda, Start::Zero, stopping, solver, watch);
        let iterations = first.iterations + second.iterations;
        let better = first.certificate.gap.is_nan() || second.certificate.gap <= first.certificate.gap;
        if better { Solution { iterations, ..second } } else { Solution { iterations, status: second.status, ..first } }
    }

    /// Solves problems with kinks that are less and less rounded.
    fn round(
        &self,
        lambda: f64,
        start: Start<'_>,
        stopping: Stopping,
        solver: SmoothSolver<'_, P>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let started = Instant::now();
        let mut w = match start {
            Start::At(w) if w.len() == self.null.len() => w.to_vec(),
            _ => self.null.clone(),
        };
        let wanted = stopping.tolerance * self.scale;
        let mut width = (FIRST * self.value(&w).max(wanted)).max(SMALLEST);
        let narrowest = NARROWEST * width;
        let (mut iterations, mut idle) = (0, 0);
        let mut best: Option<Solution> = None;
        loop {
            let Some(rounded) = self.rounded(width) else { break };
            let problem = Problem::new(&rounded, self.penalty, lambda);
            let elapsed = started.elapsed();
            let stage = Stopping {
                // What the rounding itself is worth need not be undercut.
                tolerance: (SHARE * wanted).max(SHARE * width) / problem.scale().max(f64::MIN_POSITIVE),
                max_iterations: stopping.max_iterations.saturating_sub(iterations).min(STAGE),
                time_limit: stopping.time_limit.map(|limit| limit.saturating_sub(elapsed)),
            };
            let mut cancelled = false;
            let before = iterations;
            let mut observe = |progress: &Progress| {
                let flow = watch.progress(&Progress { iterations: before + progress.iterations, ..*progress });
                cancelled = flow.is_break();
                flow
            };
            let solution = solver(&problem, Start::At(&w), stage, &mut observe);
            iterations += solution.iterations;
            w.clone_from(&solution.coefficients);
            let certificate = self.certify(&rounded, &w, lambda);
            let improved =
                best.as_ref().is_none_or(|b| b.certificate.gap.is_nan() || certificate.gap < b.certificate.gap);
            idle = if best.as_ref().is_none_or(|b| certificate.gap < 0.5 * b.certificate.gap) { 0 } else { idle + 1 };
            let mut nobody = ();
            let verdict = Run::since(started, stopping, &mut nobody).verdict(iterations, lambda, certificate, 0);
            let status = match verdict {
                Some(status @ (Status::Converged | Status::Stalled)) => Some(status),
                _ if cancelled => Some(Status::Cancelled),
                Some(Status::TimeLimit) => Some(Status::TimeLimit),
                None if width > narrowest && idle <= IDLE => None,
                _ => {
                    let least = best.as_ref().map_or(f64::INFINITY, |b| b.certificate.gap).min(certificate.gap);
                    let stalled = least <= PRECISION * self.scale + certificate.rounding;
                    Some(if stalled { Status::Stalled } else { Status::IterationLimit })
                }
            };
            if improved || best.is_none() {
                let status = status.unwrap_or(Status::IterationLimit);
                best = Some(Solution { coefficients: w.clone(), certificate, status, iterations });
            } else if let (Some(best), Some(status)) = (&mut best, status) {
                (best.status, best.iterations) = (status, iterations);
            }
            if status.is_some() {
                break;
            }
            width *= NARROWING;
        }
        best.unwrap_or_else(|| {
            let certificate = Certificate {
                objective: self.value(&w),
                gap: f64::INFINITY,
                rounding: 0.0,
                kkt: f64::INFINITY,
                scale: self.scale,
                is_convex: true,
            };
            Solution { coefficients: w, certificate, status: Status::IterationLimit, iterations }
        })
    }

    /// Solves for every λ in turn, each from the answer before.
    pub fn solve_path(
        &self,
        lambdas: &[f64],
        stopping: Stopping,
        solver: SmoothSolver<'_, P>,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        let mut warm: Option<Vec<f64>> = None;
        for &lambda in lambdas {
            let start = warm.as_deref().map_or(Start::Zero, Start::At);
            let solution = self.solve(lambda, start, stopping, solver, watch);
            warm = Some(solution.coefficients.clone());
            if sink(solution).is_break() {
                return;
            }
        }
    }

    /// The certificate of the problem with kinks, at the dual point of the one without.
    fn certify(&self, rounded: &Predictor<'_>, w: &[f64], lambda: f64) -> Certificate {
        let problem = Problem::new(self.smooth, self.penalty, lambda);
        let mut g = vec![0.0; w.len()];
        let mut free = self.penalty.free_columns(lambda);
        let at = rounded.point(w);
        let mut dual = rounded.dual(&at, &free, &mut g);
        while problem.extend_free(w, &mut free, &mut g) {
            dual = rounded.dual(&at, &free, &mut g);
        }
        problem.certify_at(w, &self.smooth.point(w), &dual, self.scale, &free, &mut g).0
    }
}
