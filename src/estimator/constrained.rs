//! The penalised problem whose answer keeps a bound on F or on Ω, with bounds on the optimum from weak duality.

use std::time::Instant;

use crate::design::{Design, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::model::Fitted;
use crate::estimator::prepared::{Prepared, View};
use crate::estimator::{Method, Options};
use crate::kernels;
use crate::loss::{Loss, Squared};
use crate::penalty::{BlockPenalty, Penalty};
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::{Found, Kinked, Limit, Predictor, Solution, Start, Status, Stopping, Target, Watch};

/// Complete solves after which the root is taken for out of reach.
const SOLVES: usize = 80;
/// λs below this share of the largest are where the limit λ → 0 is looked at.
const SMALLEST: f64 = 1e-6;
/// Shares of the largest λ from which basis pursuit is tried again, and most steps of multipliers at the last of them.
const PURSUITS: [f64; 2] = [1e-3, 1e-4];
const MULTIPLIERS: usize = 60;
/// Share of a budget whose rest raises the question whether it binds at all.
const UNSPENT: f64 = 1e-3;
/// Share of the wanted gap that is left to each solve; a tenth of the last one where that was not enough.
const SHARE: f64 = 0.5;
/// Rounding errors relative to the terms of a bound.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// The answer to a constrained problem.
pub(crate) struct Limited {
    pub fitted: Fitted,
    pub proven: Proven,
}

/// What is known of it.
pub(crate) struct Proven {
    pub loss: f64,
    pub penalty: f64,
    /// Proven: no coefficients that keep the bound have a smaller objective.
    pub lower: f64,
    /// Whether the bound is what keeps the objective from being smaller.
    pub active: bool,
}

/// An answer in the solver's units.
struct Candidate {
    solution: Solution,
    found: Found,
    lower: f64,
}

impl Candidate {
    fn value(&self, limit: Limit) -> f64 {
        match limit {
            Limit::Loss(_) => self.found.penalty,
            Limit::Penalty(_) => self.found.loss,
        }
    }
}

impl<P: BlockPenalty> Prepared<'_, P> {
    /// `min Ω` with `F ≤ ε`, or `min F` with `Ω ≤ t`.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where no coefficients keep the bound on F (in units of F), `Unsupported` for a penalty that is not
    /// proportional to λ.
    pub(crate) fn solve_limited(&self, limit: Limit, options: &Options, watch: &mut dyn Watch) -> Result<Limited> {
        self.view().solve_limited(limit, options, watch)
    }
}

impl<Q: BlockPenalty + Copy> View<'_, '_, Q> {
    fn solve_limited(&self, limit: Limit, options: &Options, watch: &mut dyn Watch) -> Result<Limited> {
        let null = self.null();
        self.check_homogeneous(&null)?;
        let at_null = self.found(f64::INFINITY, &null);
        if let Limit::Loss(loss) = limit
            && loss < self.units.floor.min(0.0)
        {
            let expected = "no less than the loss can be: 0, unless it leaves out a constant";
            return Err(Error::OutOfRange { argument: "bound", index: vec![], value: loss, expected });
        }
        let trivial = match limit {
            // Whoever sums up ‖Y‖² in another order has other last digits.
            Limit::Loss(loss) => at_null.loss <= loss + ROUNDING * loss.abs(),
            Limit::Penalty(t) => t == 0.0,
        };
        if trivial {
            let lambda = self.lambda_max();
            let solution = self.solve_to(lambda.min(f64::MAX), Start::At(&null), None, options, watch);
            let Solution { certificate, .. } = &solution;
            let lower = match limit {
                Limit::Loss(_) => 0.0,
                Limit::Penalty(_) => certificate.objective - certificate.gap - certificate.rounding,
            };
            let active = matches!(limit, Limit::Penalty(_)) && lambda > 0.0;
            let found = self.found(lambda, &solution.coefficients);
            return Ok(self.finish(lambda, Candidate { solution, found, lower }, active, options));
        }
        let scale = self.problem(1.0).scale();
        let tolerance = options.method.stopping().tolerance;
        let mut target = Target::new(limit, tolerance, scale);
        let kinked = Kinked::new(self.smooth, &self.penalty).is_some();
        // A λ for penalties under which nothing ever is zero.
        let hint =
            (self.smooth.design().ncols() as f64 * self.smooth.design().sq_norm(0) * self.smooth.loss().smoothness())
                .clamp(f64::MIN_POSITIVE.sqrt(), f64::MAX.sqrt());
        let (first, lambda) = match (&options.method, kinked) {
            (Method::Descent(solver), false) if !self.penalty.couples_columns() => {
                solver.solve_towards(&self.problem(hint), &mut target, watch)
            }
            _ => {
                let max = self.lambda_max();
                let lambda = if max > 0.0 && max.is_finite() { 0.5 * max } else { hint };
                (self.solve_to(lambda, Start::Zero, None, options, watch), lambda)
            }
        };
        let mut limited = self.search(first, lambda, target, options, watch)?;
        // Where Ω is 0 for more than zero coefficients, some of ε may be left, and nothing is paid for it.
        limited.proven.active &= !matches!(limit, Limit::Loss(_)) || limited.proven.penalty > 0.0;
        Ok(limited)
    }

    /// The root find over complete solves; most often the first is accepted.
    fn search(
        &self,
        first: Solution,
        mut lambda: f64,
        mut target: Target,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Limited> {
        let limit = target.limit();
        let mut solution = first;
        let (mut kept, mut broken): (Option<Candidate>, Option<Candidate>) = (None, None);
        let (mut looked_at_zero, mut top) = (false, None);
        let mut share = SHARE;
        target.restart();
        for k in 0..SOLVES {
            let found = self.found(lambda, &solution.coefficients);
            self.check_homogeneous(&solution.coefficients)?;
            let certificate = solution.certificate;
            let gap = certificate.gap + certificate.rounding;
            let lower = self.lower_bound(limit, found, gap);
            let stopped = matches!(solution.status, Status::Cancelled | Status::TimeLimit);
            let unproven = gap > target.window(found);
            // What a walk that was given up says of F and Ω at its λ may put the root on the wrong side.
            let lost = k == 0 && unproven && solution.status == Status::IterationLimit;
            let candidate = Candidate { solution, found, lower };
            // What is not spent of a budget may be nothing to λ, and much to who gave it.
            let unspent = match limit {
                Limit::Penalty(t) if !looked_at_zero => found.penalty < (1.0 - UNSPENT) * t,
                _ => false,
            };
            if (target.accepts(found, gap) && !unspent) || stopped {
                return Ok(self.finish(lambda, candidate, true, options));
            }
            let top = *top.get_or_insert_with(|| self.lambda_max());
            if !lost {
                target.learn(found);
            }
            let side = if target.is_kept(found) { &mut kept } else { &mut broken };
            *side = Some(candidate);
            // Where nothing can enter, λ is nothing to search for.
            let small = top.is_finite() && (lambda < SMALLEST * top || top == 0.0);
            if !looked_at_zero && (target.ends_before() || unspent || small) {
                looked_at_zero = true;
                let from = side.as_ref().map(|c| c.solution.coefficients.clone()).unwrap_or_default();
                if let Some(done) = self.at_zero(&mut target, (lambda, &from, top), options, watch)? {
                    return Ok(done);
                }
                if let Some(candidate) = side.take() {
                    if target.accepts(candidate.found, gap) {
                        return Ok(self.finish(lambda, candidate, true, options));
                    }
                    *side = Some(candidate);
                }
            }
            if let (Some(kept), Some(broken)) = (&kept, &broken)
                && let Some(mixed) = self.mix(limit, kept, broken)
                && self.is_good(&target, &mixed)
            {
                return Ok(self.finish(mixed.found.lambda, mixed, true, options));
            }
            // A gap that is open at the right λ asks for more digits, not for another λ.
            let near = target.is_near(found);
            if near && unproven {
                share *= 0.1;
            } else if !lost {
                match target.next(1e-3 * lambda, f64::MAX.sqrt()) {
                    Some(next) if (next - lambda).abs() > 1e-14 * lambda => lambda = next,
                    _ => break,
                }
            }
            let wanted = share * target.wanted_gap(Found { lambda, ..found });
            let start = kept.iter().chain(&broken).map(|c| &c.solution.coefficients).next_back();
            let start = start.map_or(Start::Zero, |w| Start::At(w));
            solution = self.solve_to(lambda, start, Some(wanted / certificate.scale), options, watch);
            if share < 1e-6 {
                break;
            }
        }
        // The best that keeps the bound, and what is proven of it.
        let lower = kept.iter().chain(&broken).map(|c| c.lower).fold(f64::NEG_INFINITY, f64::max);
        let mixed = match (&kept, &broken) {
            (Some(kept), Some(broken)) => self.mix(limit, kept, broken),
            _ => None,
        };
        let mut best = [mixed, kept, broken].into_iter().flatten().next().expect("at least one solve");
        best.lower = lower;
        let rounding = best.solution.certificate.rounding;
        let open = (best.value(limit) - lower) * if matches!(limit, Limit::Loss(_)) { best.found.lambda } else { 1.0 };
        best.solution.status = match best.solution.status {
            status @ (Status::Cancelled | Status::TimeLimit) => status,
            _ if self.is_good(&target, &best) => Status::Converged,
            _ if open <= 1e3 * rounding && target.is_kept(best.found) => Status::Stalled,
            _ => Status::IterationLimit,
        };
        Ok(self.finish(best.found.lambda, best, true, options))
    }

    /// The limit λ → 0: basis pursuit, the unpenalised solution, or the proof that the bound is out of reach.
    fn at_zero(
        &self,
        target: &mut Target,
        (lambda, from, top): (f64, &[f64], f64),
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Option<Limited>> {
        let limit = target.limit();
        if let Limit::Loss(loss) = limit {
            let (mut lambda, mut from) = (lambda, from.to_vec());
            let tolerance = options.method.stopping().tolerance;
            // Fitted exactly, coefficients may be ones that the penalty forbids.
            let is_done =
                |c: &Candidate| c.found.penalty.is_finite() && c.found.penalty - c.lower <= tolerance * c.found.penalty;
            let scale = self.problem(1.0).scale();
            // On the last piece of the path the first try is the answer; another one at a λ where gaps have digits.
            let mut reached = false;
            for share in PURSUITS {
                if let Some(candidate) = self.pursue(self.smooth, loss, lambda, &from) {
                    if is_done(&candidate) {
                        return Ok(Some(self.finish(candidate.found.lambda, candidate, true, options)));
                    }
                    reached = true;
                }
                if !reached || !top.is_finite() {
                    break;
                }
                lambda = share * top;
                let found = Found { lambda, loss, penalty: self.penalty.value(1.0, &from) };
                let wanted = SHARE * target.wanted_gap(found) / scale;
                from = self.solve_to(lambda, Start::Zero, Some(wanted), options, watch).coefficients;
            }
            // Where Ω is curved the path has no last piece.
            if reached
                && top.is_finite()
                && let Some(candidate) = self.multiply(target, (lambda, from), is_done, options, watch)
            {
                return Ok(Some(self.finish(candidate.found.lambda, candidate, true, options)));
            }
        }
        let solution = self.solve_to(0.0, Start::At(from), None, options, watch);
        let found = self.found(0.0, &solution.coefficients);
        let Solution { certificate, status, .. } = &solution;
        let done = matches!(status, Status::Converged | Status::Stalled);
        let proven = certificate.objective - certificate.gap - certificate.rounding;
        match limit {
            Limit::Loss(loss) if proven > loss => {
                Err(Error::Unreachable { argument: "bound", bound: loss, least: found.loss, proven })
            }
            Limit::Penalty(t) if found.penalty <= t && done => {
                let lower = proven;
                Ok(Some(self.finish(0.0, Candidate { solution, found, lower }, false, options)))
            }
            _ => {
                if done {
                    target.learn(found);
                }
                Ok(None)
            }
        }
    }

    /// Basis pursuit by the method of multipliers, from the answer for a small λ: `w ← argmin ½‖Xw − z‖²/n + λΩ(w)`,
    /// `z ← z + y − Xw` (Bregman iterations; Yin, Osher, Goldfarb and Darbon 2008, equation 1.13). What is missing shrinks by a factor of order λ each
    /// time, while λ, and with it the difficulty of a step, stays what it is.
    fn multiply(
        &self,
        target: &Target,
        (lambda, mut from): (f64, Vec<f64>),
        is_done: impl Fn(&Candidate) -> bool,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Option<Candidate> {
        let (smooth, Limit::Loss(loss)) = (self.smooth, target.limit()) else { return None };
        let squared = smooth.loss().as_squared()?;
        let started = Instant::now();
        let mut z = squared.y().to_vec();
        for _ in 0..MULTIPLIERS {
            let eta = smooth.point(&from).eta;
            z.iter_mut().zip(squared.y().iter().zip(&eta)).for_each(|(z, (y, eta))| *z += y - eta);
            let shifted: Box<dyn Loss> = Box::new(Squared::new(z.clone(), squared.nrows()));
            let shifted = LinearPredictor::new(smooth.design().reborrow(), shifted)
                .with_free_directions(smooth.free_directions().to_vec());
            let view = self.with_smooth(&shifted);
            let stopping = *options.method.stopping();
            let time_limit = stopping.time_limit.map(|limit| limit.saturating_sub(started.elapsed()));
            let penalty = self.penalty.value(1.0, &from);
            let wanted = SHARE * target.wanted_gap(Found { lambda, loss, penalty }) / view.problem(1.0).scale();
            let solution = view.solve_until(
                lambda,
                Start::At(&from),
                Stopping { tolerance: wanted, time_limit, ..stopping },
                options,
                watch,
            );
            from = solution.coefficients;
            if let Some(candidate) = self.pursue(&shifted, loss, lambda, &from).filter(&is_done) {
                return Some(candidate);
            }
            if matches!(solution.status, Status::Cancelled | Status::TimeLimit) {
                return None;
            }
        }
        None
    }

    /// `min Ω` with `F ≤ ε` for the squared loss, from the answer for a small λ: its support is fitted exactly, and as much of
    /// that is taken as ε asks for. The dual point of λ, as it is next to the one for λ → 0, proves the bound
    /// `−⟨ν, y⟩ − √(2nε)‖ν‖ − Ω*(−Xᵀν)`: the best multiplier along a ray.
    /// `dual` is what `from` is the answer of: F, or F for other responses.
    fn pursue(&self, dual: &Predictor<'_>, limit: f64, lambda: f64, from: &[f64]) -> Option<Candidate> {
        let smooth = self.smooth;
        let squared = smooth.loss().as_squared()?;
        let q = smooth.nresponses();
        let support: Vec<usize> =
            (from.chunks_exact(q).enumerate()).filter(|(_, w)| w.iter().any(|&w| w != 0.0)).map(|(j, _)| j).collect();
        let mut exact = from.to_vec();
        let mut columns = self.penalty.free_columns(1.0);
        columns.extend(&support);
        columns.sort_unstable();
        columns.dedup();
        smooth.fit_free(&columns, &mut exact);
        let floor = self.loss(&exact);
        // What is left of y is rounding.
        let noise = kernels::sq_norm(squared.y()) * (4.0 * ROUNDING).powi(2) * squared.nrows() as f64;
        if floor > limit.max(noise) {
            return None;
        }
        let coefficients = if floor >= limit { exact } else { self.meet(Limit::Loss(limit), &exact, from) };
        let problem = self.problem(lambda);
        let mut g = vec![0.0; from.len()];
        let free = self.penalty.free_columns(lambda);
        let nu = dual.dual(&dual.point(from), &free, &mut g);
        for &j in &free {
            g[j * q..(j + 1) * q].fill(0.0);
        }
        // As it is where Ω* is finite there, and scaled into where it certainly is.
        let mut lower = 0.0f64;
        let inside = self.penalty.dual_scale(lambda, &g);
        for scale in [1.0, inside] {
            let nu: Vec<f64> = nu.iter().map(|v| v * (scale / lambda)).collect();
            let g: Vec<f64> = g.iter().map(|v| v * (scale / lambda)).collect();
            let conjugate = self.penalty.fenchel_young(1.0, &vec![0.0; g.len()], &g, 1.0);
            let inner: f64 = nu.iter().zip(squared.y()).map(|(v, y)| v * y).sum();
            // A norm forgives rounding errors at the border of its dual ball; what is proven must not profit.
            if scale > inside && conjugate <= 1e-9 * inner.abs() {
                continue;
            }
            let norm = kernels::sq_norm(&nu).sqrt();
            let error = ROUNDING * norm * kernels::sq_norm(squared.y()).sqrt();
            lower = lower.max(-inner - (2.0 * squared.nrows() as f64 * limit).sqrt() * norm - conjugate - error);
        }
        let point = smooth.point(&coefficients);
        let (certificate, _) = problem.certify(&coefficients, &point, problem.scale(), &mut g);
        // At the optimum the residual is nλν.
        let norm = inside / lambda * kernels::sq_norm(&nu).sqrt();
        let lambda = if norm > 0.0 { (2.0 * limit / squared.nrows() as f64).sqrt() / norm } else { lambda };
        let found = self.found(lambda, &coefficients);
        let solution = Solution { coefficients, certificate, status: Status::Converged, iterations: 0 };
        Some(Candidate { solution, found, lower })
    }

    /// Between two answers for almost the same λ, or where the path jumps: F and Ω are convex, so a mixture of both keeps the
    /// bound and is no worse than the mixture of their objectives.
    fn mix(&self, limit: Limit, kept: &Candidate, broken: &Candidate) -> Option<Candidate> {
        // The one that proves more is closer to the multiplier.
        let lambda = if kept.lower >= broken.lower { kept.found.lambda } else { broken.found.lambda };
        if lambda == 0.0 {
            return None;
        }
        let coefficients = self.meet(limit, &kept.solution.coefficients, &broken.solution.coefficients);
        let found = self.found(lambda, &coefficients);
        let lower = kept.lower.max(broken.lower);
        let mixed = Candidate { solution: Solution { coefficients, ..kept.solution.clone() }, found, lower };
        // A certificate costs a pass over X: only where the answer is good enough to be handed out.
        let problem = self.problem(lambda);
        let mut g = vec![0.0; problem.len()];
        let at = self.smooth.point(&mixed.solution.coefficients);
        let (certificate, _) =
            problem.certify(&mixed.solution.coefficients, &at, kept.solution.certificate.scale, &mut g);
        let lower = lower.max(self.lower_bound(limit, found, certificate.gap + certificate.rounding));
        Some(Candidate { solution: Solution { certificate, ..mixed.solution }, found, lower })
    }

    /// The point on the segment that meets the bound, on the side that keeps it.
    fn meet(&self, limit: Limit, kept: &[f64], broken: &[f64]) -> Vec<f64> {
        let at = |share: f64| -> Vec<f64> { kept.iter().zip(broken).map(|(k, b)| k + share * (b - k)).collect() };
        let keeps = |w: &[f64]| match limit {
            Limit::Loss(loss) => self.loss(w) <= loss,
            Limit::Penalty(t) => self.penalty.value(1.0, w) <= t,
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..54 {
            let middle = 0.5 * (low + high);
            if keeps(&at(middle)) { low = middle } else { high = middle }
        }
        at(low)
    }

    fn is_good(&self, target: &Target, candidate: &Candidate) -> bool {
        let limit = target.limit();
        let open = candidate.value(limit) - candidate.lower;
        let open = if matches!(limit, Limit::Loss(_)) { open * candidate.found.lambda } else { open };
        target.is_kept(candidate.found) && open <= target.window(candidate.found)
    }

    /// From weak duality, `F(W) + λΩ(W) ≥ d(λ)` for all W: with F ≤ ε, `Ω ≥ (d − ε)/λ`; with Ω ≤ t, `F ≥ d − λt`.
    fn lower_bound(&self, limit: Limit, found: Found, gap: f64) -> f64 {
        let Found { lambda, loss, penalty } = found;
        match limit {
            // In differences, as d and ε may agree in most digits.
            Limit::Loss(epsilon) => (penalty + (loss - epsilon - gap) / lambda).max(0.0),
            Limit::Penalty(t) => loss + lambda * (penalty - t) - gap,
        }
    }

    fn null(&self) -> Vec<f64> {
        let free = self.penalty.free_columns(1.0);
        let mut null = crate::solver::null_model(self.smooth, &free);
        if self.smooth.loss().as_squared().is_some() && !free.is_empty() {
            self.smooth.fit_free(&free, &mut null);
        }
        null
    }

    fn loss(&self, w: &[f64]) -> f64 {
        self.smooth.value(&self.smooth.point(w))
    }

    fn found(&self, lambda: f64, w: &[f64]) -> Found {
        Found { lambda, loss: self.loss(w), penalty: self.penalty.value(1.0, w) }
    }

    fn check_homogeneous(&self, w: &[f64]) -> Result<()> {
        let (one, two) = (self.penalty.value(1.0, w), self.penalty.value(2.0, w));
        if Penalty::is_convex(&self.penalty) && (two - 2.0 * one).abs() <= 1e-9 * two {
            return Ok(());
        }
        let reason = "its penalty is not convex and proportional to λ, so λ is no multiplier of a bound";
        Err(Error::Unsupported { argument: "bound", reason })
    }

    /// From a start, to a tolerance of its own.
    fn solve_to(
        &self,
        lambda: f64,
        start: Start<'_>,
        tolerance: Option<f64>,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Solution {
        let stopping = *options.method.stopping();
        let stopping = Stopping { tolerance: tolerance.unwrap_or(stopping.tolerance), ..stopping };
        self.solve_until(lambda, start, stopping, options, watch)
    }

    fn finish(&self, lambda: f64, candidate: Candidate, active: bool, options: &Options) -> Limited {
        let Candidate { solution, found, lower } = candidate;
        let fitted = self.restore(lambda, solution, options);
        Limited { fitted, proven: Proven { loss: found.loss, penalty: found.penalty, lower, active } }
    }
}
