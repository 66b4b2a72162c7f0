//! Descent towards a bound on the loss or on the penalty: λ is found on the working set while the set grows.
//!
//! A walk down the path as for a small λ, on which λ is not known but asked for after every inner problem. Most of the root
//! find is done on the working set, where a solve for another λ costs a Newton step; a pass over X then certifies the answer
//! at the λ where it ended.

use crate::design::Design;
use crate::loss::Loss;
use crate::penalty::{BlockPenalty, Penalty};
use crate::problem::Problem;
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::block_descent::BlockDescent;
use crate::solver::compression::Compressed;
use crate::solver::descent::InnerStop;
use crate::solver::engine::{APPROACH_SWEEPS, Engine, INSIDE, NEGLIGIBLE, REFRESH};
use crate::solver::target::{Found, Target};
use crate::solver::{Run, Solution, Start, Status, Watch};

/// Passes over X after which λ is left to complete solves.
const PASSES: usize = 60;
/// Steps to another λ on one working set; each is a whole model where the loss is not quadratic.
const STEPS: usize = 12;
const CURVED_STEPS: usize = 4;
/// λs below this share of the critical one are left to others.
const SMALLEST: f64 = 1e-6;
/// Longest stretch of the coefficients by which the bound is met exactly.
const STRETCH: f64 = 1e-2;

impl BlockDescent {
    /// The solution for the λ at which the bound is met, and that λ. If it is not accepted by the target, it is where the walk
    /// ended: λ may be at its end, or the limits of the solver.
    pub(crate) fn solve_towards<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        target: &mut Target,
        watch: &mut dyn Watch,
    ) -> (Solution, f64) {
        let mut engine = Engine::new(self, problem, Start::Zero);
        if let Some(small) = Compressed::new(&mut engine, &[problem.lambda; 4]) {
            return small.solve_towards(self, problem, target, watch);
        }
        engine.solve_towards(problem.lambda, target, watch)
    }
}

impl<D: Design, L: Loss, P: BlockPenalty> Engine<'_, D, L, P> {
    fn found(&self, lambda: f64) -> Found {
        Found { lambda, loss: self.smooth.value(&self.at), penalty: self.penalty.value(1.0, &self.w) }
    }

    fn solve_towards(&mut self, hint: f64, target: &mut Target, watch: &mut dyn Watch) -> (Solution, f64) {
        let mut run = Run::since(self.started, self.solver.stopping, watch);
        let alive: Vec<usize> = (0..self.member.len()).collect();
        self.refresh(hint, &alive, false);
        let critical = self.scores.iter().copied().fold(0.0, f64::max);
        let top = if critical > 0.0 && critical.is_finite() { critical } else { hint };
        let most = if critical.is_finite() { top } else { f64::MAX.sqrt() };
        let mut lambda = top;
        let (mut added, mut pass) = (0, 0);
        let (mut settled, mut best) = (false, f64::INFINITY);
        loop {
            let (certificate, _) = self.certify(lambda, &alive, pass > 0);
            let found = self.found(lambda);
            let gap = certificate.gap + certificate.rounding;
            run.stopping.tolerance = target.wanted_gap(found) / self.scale;
            let verdict = run.verdict(self.iterations, lambda, certificate, self.columns(&self.set));
            let accepted = target.accepts(found, gap);
            // Proven for this λ, and on this working set there is no better one.
            let at_end = settled && verdict.is_some();
            let stopped = matches!(verdict, Some(Status::Cancelled | Status::TimeLimit | Status::IterationLimit));
            let lost = pass >= PASSES || lambda < SMALLEST * top || !certificate.objective.is_finite();
            if accepted || at_end || stopped || lost {
                let status = match verdict {
                    Some(status) if stopped || accepted => status,
                    _ if accepted => Status::Converged,
                    _ => Status::IterationLimit,
                };
                return (self.solution(certificate, status), lambda);
            }
            // The answers so far were those of smaller working sets.
            if added > 0 || certificate.gap > 0.5 * best {
                target.restart();
            }
            best = certificate.gap;
            target.learn(found);
            let floor = self.stride() * lambda;
            let from = lambda;
            // Nothing is missing, and the bound is beyond all λs: the answer for this one is what others start from.
            let holding = settled && self.grow(&alive, lambda, usize::MAX) == 0;
            if !target.is_near(found) && !holding {
                lambda = target.next(floor, most).unwrap_or(lambda);
            }
            let walking = lambda == floor;

            if pass == 0 || walking || certificate.gap < 0.5 * best {
                self.prune(lambda);
            }
            let limit = if walking { self.speculative_growth() } else { self.growth() };
            let threshold = if lambda < from { (2.0 * lambda - from).max(0.5 * lambda) } else { lambda };
            added = self.grow(&alive, threshold, limit);
            if added == 0 && self.set.is_empty() {
                added = self.grow(&alive, -1.0, limit);
            }
            let wanted = INSIDE * target.wanted_gap(Found { lambda, ..found });
            let stop = if walking || found.penalty == 0.0 {
                InnerStop {
                    gap: if self.is_quadratic() { 1e-3 } else { 1e-2 } * self.scale,
                    max_sweeps: APPROACH_SWEEPS,
                    deadline: run.deadline(),
                    anderson: 0,
                    newton: self.solver.newton,
                    negligible: 0.0,
                    newton_first: pass > 0,
                }
            } else {
                let cheap = self.sweeps_are_cheap() && 10 * added <= self.set.len();
                let gap = if cheap { wanted } else { (0.1 * certificate.gap).max(wanted) };
                InnerStop {
                    gap,
                    max_sweeps: self.solver.stopping.max_iterations.saturating_sub(self.iterations).clamp(1, REFRESH),
                    deadline: run.deadline(),
                    anderson: self.solver.anderson,
                    newton: self.solver.newton,
                    negligible: NEGLIGIBLE * gap,
                    newton_first: self.set.len() > added,
                }
            };
            self.iterations += self.descend_to(lambda, stop).max(1);
            if !walking {
                self.complete(lambda, &alive, stop, wanted);
            }
            self.fit_free();
            if !holding {
                (lambda, settled) = self.steer(lambda, (floor, most), target, stop);
            }
            pass += 1;
        }
    }

    /// The root find on the working set, from the solution for one λ. Returns where it ends, and whether that is because there
    /// is nowhere else to go.
    fn steer(&mut self, from: f64, (least, most): (f64, f64), target: &mut Target, stop: InnerStop) -> (f64, bool) {
        let mut lambda = from;
        let steps = if self.is_quadratic() { STEPS } else { CURVED_STEPS };
        target.restart();
        for _ in 0..steps {
            self.at = self.smooth.point(&self.w);
            self.partial = true; // the gradient is that of the w before
            let found = self.found(lambda);
            target.learn(found);
            if target.is_near(found) {
                return (lambda, false);
            }
            match target.next(least, most) {
                Some(next) if (next - lambda).abs() > 1e-15 * lambda => lambda = next,
                _ => break,
            }
            let next = self.descend_to(lambda, InnerStop { newton_first: true, ..stop });
            self.iterations += next.max(1);
            self.fit_free();
        }
        self.at = self.smooth.point(&self.w);
        self.partial = true;
        self.stretch(lambda, target);
        (lambda, target.ends_before())
    }

    /// Stretches the penalised coefficients by as little as it takes to meet the bound exactly: from the solution for λ on the
    /// way along W itself Ω pays λ⁻¹ for each unit of F, which is the price at the optimum, so the answer loses nothing
    /// of first order.
    fn stretch(&mut self, lambda: f64, target: &Target) {
        let free = &self.unpenalised.1;
        let mut fixed = self.w.clone();
        fixed.chunks_exact_mut(self.q).enumerate().filter(|(j, _)| !free.contains(j)).for_each(|(_, w)| w.fill(0.0));
        let base = if free.is_empty() { vec![0.0; self.at.eta.len()] } else { self.smooth.point(&fixed).eta };
        let moving: Vec<f64> = self.at.eta.iter().zip(&base).map(|(eta, base)| eta - base).collect();
        let mut w = self.w.clone();
        let mut miss = |by: f64| -> f64 {
            let eta: Vec<f64> = self.at.eta.iter().zip(&moving).map(|(eta, m)| eta + by * m).collect();
            w.iter_mut().zip(&self.w).zip(&fixed).for_each(|((o, w), f)| *o = w + by * (w - f));
            let (loss, penalty) = (self.smooth.loss().value(&eta), self.penalty.value(1.0, &w));
            // A longer W has a smaller loss and a larger Ω: the miss falls.
            target.miss(Found { lambda, loss, penalty })
        };
        let start = miss(0.0);
        let size = lambda * self.penalty.value(1.0, &self.w);
        let short = start.abs() <= STRETCH * size; // false for NaN
        if size == 0.0 || start == 0.0 || !short {
            return;
        }
        let (mut a, mut b) = ((0.0, start), (start / size, miss(start / size)));
        for _ in 0..6 {
            if b.1 == a.1 || b.1.abs() <= 0.01 * target.window(self.found(lambda)) {
                break;
            }
            let next = b.0 - b.1 * (b.0 - a.0) / (b.1 - a.1);
            if next.is_nan() || next.abs() > 2.0 * STRETCH {
                return;
            }
            (a, b) = (b, (next, miss(next)));
        }
        if b.1.abs() < start.abs() {
            let by = b.0;
            self.w.iter_mut().zip(&fixed).for_each(|(w, f)| *w += by * (*w - f));
            self.at = self.smooth.point(&self.w);
        }
    }
}
