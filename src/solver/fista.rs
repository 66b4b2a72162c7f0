//! Proximal gradient: ISTA (no momentum) and FISTA (Beck and Teboulle 2009) with adaptive restart (O'Donoghue and Candès
//! 2015) and backtracking. Needs a value and a prox, nothing else, so it serves every penalty and every operator; penalties
//! that know where they are linear get a second-order finish.

use crate::penalty::{Penalty, Step};
use crate::problem::Problem;
use crate::smooth::Smooth;
use crate::solver::pattern_finish::newton_on_pattern;
use crate::solver::{Run, Solution, Solver, Start, Status, Stopping, Watch};

/// The sequence that extrapolates the iterates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Momentum {
    /// None: ISTA, the objective never rises.
    None,
    /// Nesterov's: `t ← (1 + √(1 + 4t²))/2`, the O(1/k²) rate.
    #[default]
    Nesterov,
}

/// Proximal gradient with momentum. An iteration is one gradient step: two passes over X (the
/// gradient and the prediction at the new iterate, from which that at the extrapolated point follows), one more for each
/// backtracking.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{design::Dense, loss::Squared, penalty::L1, problem::Problem, smooth::LinearPredictor};
/// use sparsereg::solver::{Fista, Solver, Start, Status};
/// let x = array![[1.0, 0.0], [0.0, 2.0]];
/// let f = LinearPredictor::new(Dense::new(x.view())?, Squared::new(vec![1.0, 2.0], 2));
/// let penalty = L1::new(2);
/// let solution = Fista::default().solve(&Problem::new(&f, &penalty, 0.1), Start::Zero, &mut ());
/// assert_eq!(solution.status, Status::Converged);
/// assert!((solution.coefficients[1] - 0.95).abs() < 1e-4);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fista {
    /// When to stop.
    pub stopping: Stopping,
    /// Momentum or none.
    pub momentum: Momentum,
    /// Drop the momentum whenever it points uphill.
    pub restart: bool,
    /// Check the step by the descent inequality and shorten it when it fails. Without it the Lipschitz constant of the
    /// smooth term is trusted (backtracking is used all the same where none is known).
    pub backtracking: bool,
    /// Give every block of a separable penalty a step in proportion to 1/‖x_b‖²: immune to the units of the columns.
    pub precondition: bool,
    /// Iterations between certificates.
    pub check_every: usize,
    /// Finish by Newton steps where the penalty knows its [pattern](Penalty::pattern) and the smooth term its Hessian.
    pub newton: bool,
}

impl Default for Fista {
    fn default() -> Self {
        Self {
            stopping: Stopping::default(),
            momentum: Momentum::Nesterov,
            restart: true,
            backtracking: true,
            precondition: true,
            check_every: 10,
            newton: true,
        }
    }
}

impl Fista {
    /// Proximal gradient without momentum.
    pub fn ista() -> Self {
        Self { momentum: Momentum::None, ..Self::default() }
    }
}

impl<S: Smooth, P: Penalty> Solver<S, P> for Fista {
    fn solve(&self, problem: &Problem<'_, S, P>, start: Start<'_>, watch: &mut dyn Watch) -> Solution {
        let mut run = Run::new(self.stopping, watch);
        let (smooth, penalty, lambda) = (problem.smooth, problem.penalty, problem.lambda);
        let len = problem.len();
        let q = smooth.nresponses();
        let scale = problem.scale();

        // The metric: d_b per block, repeated per coefficient; steps are d_b / L.
        let blocks = penalty.blocks().filter(|_| self.precondition);
        let metric = blocks.and_then(|partition| {
            let diagonal = smooth.diagonal()?;
            let per_block: Vec<f64> = partition
                .iter()
                .map(|cols| cols.map(|j| diagonal[j]).fold(0.0, f64::max))
                .map(|d: f64| if d > 0.0 { 1.0 / d } else { 1.0 })
                .collect();
            let per_column: Vec<f64> =
                partition.iter().zip(&per_block).flat_map(|(cols, &d)| cols.map(move |_| d)).collect();
            Some((per_block, per_column))
        });
        let column_scale = metric.as_ref().map(|(_, c)| c.as_slice());
        let known = smooth.lipschitz(column_scale);
        let backtracking = self.backtracking || known.is_none();
        let mut lipschitz = known.filter(|l| *l > 0.0).unwrap_or(1.0);
        let metric_at = |i: usize| column_scale.map_or(1.0, |c| c[i / q]);
        let mut steps = vec![0.0; metric.as_ref().map_or(0, |(b, _)| b.len())];

        let mut w = match start {
            Start::Zero => smooth.null(&penalty.free_columns(lambda)),
            Start::At(w) => w.to_vec(),
        };
        let mut at = smooth.point(&w);
        let mut y = w.clone(); // the extrapolated point
        let mut y_is_w = true;
        let mut y_at = smooth.point(&y);
        let mut g = vec![0.0; len];
        let mut t = 1.0f64;
        let mut iterations = 0;
        let mut best = (f64::INFINITY, 0usize);
        let check_every = self.check_every.max(1);
        let mut certificate_g = vec![0.0; len];
        let mut next_check = 0;
        // Checks until the next Newton step: more after each one that brought nothing.
        let (mut until_newton, mut patience) = (0usize, 1usize);
        if !penalty.value(lambda, &w).is_finite() {
            // Outside of the domain of Ω nothing can be certified.
            penalty.prox(lambda, Step::Uniform(1.0), &mut w);
            at = smooth.point(&w);
            y.copy_from_slice(&w);
            y_at = smooth.point(&y);
        }
        loop {
            if iterations >= next_check || iterations >= run.stopping.max_iterations || run.out_of_time() {
                next_check = iterations + check_every;
                let (mut certificate, _) = problem.certify(&w, &at, scale, &mut certificate_g);
                let close = certificate.gap <= run.stopping.tolerance * certificate.scale;
                until_newton = until_newton.saturating_sub(1);
                if self.newton && !close && until_newton == 0 {
                    let mut better = false;
                    if let Some((v, v_at)) = newton_on_pattern(problem, &w, &at, certificate.objective) {
                        let (after, _) = problem.certify(&v, &v_at, scale, &mut certificate_g);
                        // Where the objective falls by no more than rounding errors, the gap speaks.
                        better = after.gap < certificate.gap
                            || after.objective < certificate.objective - certificate.rounding;
                        if better {
                            w = v;
                            y.copy_from_slice(&w);
                            y_at = v_at;
                            (y_is_w, t) = (true, 1.0);
                            certificate = after;
                            // The next gradient step finds the next pattern.
                            next_check = iterations + 1;
                        }
                    }
                    patience = if better { 1 } else { (2 * patience).min(64) };
                    until_newton = patience;
                }
                let mut verdict = run.verdict(iterations, lambda, certificate, smooth.ncols());
                // Long without any progress of the gap: rounding has the last word.
                let error = certificate.error();
                if error < 0.999 * best.0 {
                    best = (error, iterations);
                } else if iterations - best.1 > 5000 && error <= 1e3 * certificate.rounding {
                    verdict = verdict.or(Some(Status::Stalled));
                }
                if let Some(status) = verdict {
                    return Solution { coefficients: w, certificate, status, iterations };
                }
            }
            iterations += 1;

            smooth.gradient(&y_at, &mut g);
            let f_y = smooth.value(&y_at);
            let (next, next_at) = loop {
                let mut v: Vec<f64> =
                    (y.iter().zip(&g).enumerate()).map(|(i, (y, g))| y - metric_at(i) / lipschitz * g).collect();
                match &metric {
                    Some((per_block, _)) => {
                        for (s, d) in steps.iter_mut().zip(per_block) {
                            *s = d / lipschitz;
                        }
                        penalty.prox(lambda, Step::PerBlock(&steps), &mut v);
                    }
                    None => penalty.prox(lambda, Step::Uniform(1.0 / lipschitz), &mut v),
                }
                let v_at = smooth.point(&v);
                if !backtracking {
                    break (v, v_at);
                }
                // f(v) ≤ f(y) + ⟨∇f(y), v − y⟩ + L/2 ‖v − y‖²_metric, up to the rounding of f.
                let (mut inner, mut square) = (0.0, 0.0);
                for (i, ((v, y), g)) in v.iter().zip(&y).zip(&g).enumerate() {
                    inner += g * (v - y);
                    square += (v - y) * (v - y) / metric_at(i);
                }
                let slack = smooth.rounding(&y_at).abs() + 4.0 * f64::EPSILON * f_y.abs();
                if smooth.value(&v_at) <= f_y + inner + 0.5 * lipschitz * square + slack || lipschitz > 1e300 {
                    break (v, v_at);
                }
                lipschitz *= 2.0;
            };

            if self.momentum == Momentum::None {
                y.copy_from_slice(&next);
                w = next;
                at = next_at;
                y_at = smooth.point(&y);
                continue;
            }
            if !penalty.is_convex() && !y_is_w {
                // Where there is more than one valley an extrapolation may leave the one at hand (Li and Lin 2015).
                let objective = |w: &[f64], at: &S::Point| smooth.value(at) + penalty.value(lambda, w);
                // Written so that NaN is a rise, too.
                let falls = objective(&next, &next_at) <= objective(&w, &at);
                if !falls {
                    y.copy_from_slice(&w);
                    y_at = smooth.point(&y);
                    (y_is_w, t) = (true, 1.0);
                    continue;
                }
            }
            let uphill: f64 = (y.iter().zip(&next).zip(&w).enumerate())
                .map(|(i, ((y, next), w))| (y - next) * (next - w) / metric_at(i))
                .sum();
            if self.restart && uphill > 0.0 && !y_is_w {
                t = 1.0;
            }
            let t_next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
            let beta = (t - 1.0) / t_next;
            t = t_next;
            for ((y, next), w) in y.iter_mut().zip(&next).zip(&w) {
                *y = next + beta * (next - w);
            }
            y_is_w = beta == 0.0;
            y_at = smooth.point_between(&y, &next_at, &at, beta).unwrap_or_else(|| smooth.point(&y));
            w = next;
            at = next_at;
            if !smooth.value(&y_at).is_finite() {
                // Extrapolated out of the domain (log det): start the momentum anew from the last iterate.
                y.copy_from_slice(&w);
                y_at = smooth.point(&y);
                y_is_w = true;
                t = 1.0;
            }
        }
    }
}
