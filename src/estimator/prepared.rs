//! A problem that is ready for a solver, and the way back to the user's features and units.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ndarray::Array1;

use crate::estimator::Options;
use crate::estimator::coefficients::Coefficients;
use crate::estimator::model::Fitted;
use crate::estimator::training::Units;
use crate::loss::Loss;
use crate::moments::gap_error;
use crate::penalty::{BlockPenalty, Penalty, WithFreeColumn};
use crate::problem::Problem;
use crate::smooth::Smooth;
use crate::solver::{Kinked, Predictor, Progress, Solution, Start, Status, Stopping, Watch, null_model};

/// Ratio of successive λs on the way to that of a problem that is not convex.
const DESCENT: f64 = 0.8;

/// A problem that owns its data.
pub struct Prepared<'a, P> {
    pub(super) smooth: Predictor<'a>,
    pub(super) penalty: WithFreeColumn<P>,
    pub(super) units: Units,
    /// What a fit before has found, in the solver's units.
    pub(super) pilot: Option<Vec<f64>>,
}

impl<'a, P: BlockPenalty> Prepared<'a, P> {
    /// `free` are the columns of the intercepts.
    pub(super) fn new(smooth: Predictor<'a>, penalty: WithFreeColumn<P>, mut units: Units, free: &[usize]) -> Self {
        if smooth.loss().as_squared().is_none() {
            let null = smooth.point(&null_model(&smooth, free));
            units.total = smooth.loss().fenchel_young(&null.eta, &vec![0.0; null.eta.len()]);
            units.floor = smooth.value(&null) - units.total;
        }
        Self { smooth, penalty, units, pilot: None }
    }

    /// What solvers are given. Unoptimised builds look at every penalty through the same pointer: one copy of every solver is
    /// compiled then, not one for each penalty (which would be most of the time that tests take). Optimised ones call no pointers
    /// inside a sweep.
    pub(super) fn view(&self) -> View<'_, 'a, impl BlockPenalty + Copy + '_> {
        #[cfg(debug_assertions)]
        let penalty: &dyn BlockPenalty = &self.penalty;
        #[cfg(not(debug_assertions))]
        let penalty = &self.penalty;
        View { smooth: &self.smooth, penalty, units: &self.units }
    }

    /// p.
    pub(super) fn nfeatures(&self) -> usize {
        self.units.nfeatures
    }

    /// q.
    pub(super) fn nresponses(&self) -> usize {
        self.units.nresponses
    }

    /// Ω, without the intercept.
    pub(super) fn penalty(&self) -> &P {
        self.penalty.inner()
    }

    /// The same problem with another penalty over the same columns; returns the one before.
    pub(super) fn replace_penalty(&mut self, penalty: P) -> P {
        self.penalty.replace(penalty)
    }

    /// The smallest λ without a penalised coefficient.
    pub(crate) fn lambda_max(&self) -> f64 {
        self.view().lambda_max()
    }

    /// Runs the chosen solver. Where the penalty is not convex, on a path from λ_max down.
    pub(crate) fn solve(&self, lambda: f64, options: &Options, watch: &mut dyn Watch) -> Fitted {
        self.view().solve(lambda, options, watch)
    }

    /// Runs the chosen solver over a path of falling λs; one that is cancelled ends with the point at which it was.
    pub(crate) fn solve_path(&self, lambdas: &[f64], options: &Options, watch: &mut dyn Watch) -> Vec<Fitted> {
        self.view().solve_path(lambdas, options, watch)
    }
}

/// The problem as solvers see it; Q is a pointer to the penalty.
pub(super) struct View<'s, 'a, Q> {
    pub(super) smooth: &'s Predictor<'a>,
    pub(super) penalty: Q,
    pub(super) units: &'s Units,
}

impl<'a, Q: BlockPenalty> View<'_, 'a, Q> {
    /// The same penalty with another smooth term over the same columns.
    pub(super) fn with_smooth<'s, 'b>(&'s self, smooth: &'s Predictor<'b>) -> View<'s, 'b, Q>
    where
        Q: Copy,
    {
        View { smooth, penalty: self.penalty, units: self.units }
    }

    pub(super) fn problem(&self, lambda: f64) -> Problem<'_, Predictor<'a>, Q> {
        Problem::new(self.smooth, &self.penalty, lambda)
    }

    /// The smallest λ without a penalised coefficient.
    pub(super) fn lambda_max(&self) -> f64 {
        match Kinked::new(self.smooth, &self.penalty) {
            Some(kinked) => kinked.lambda_max(),
            None => self.problem(0.0).lambda_max(),
        }
    }

    /// Runs the chosen solver. Where the penalty is not convex, on a path from λ_max down.
    pub(super) fn solve(&self, lambda: f64, options: &Options, watch: &mut dyn Watch) -> Fitted {
        let from_above = !Penalty::is_convex(&self.penalty) && lambda > 0.0;
        let solution = match from_above.then(|| self.lambda_max()).filter(|max| max.is_finite() && *max > lambda) {
            Some(max) => self.solve_from_above(lambda, max, options, watch),
            None => self.solve_from(lambda, Start::Zero, options, watch),
        };
        self.restore(lambda, solution, options)
    }

    /// Runs the chosen solver from a start.
    pub(super) fn solve_from(
        &self,
        lambda: f64,
        start: Start<'_>,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Solution {
        self.solve_until(lambda, start, *options.method.stopping(), options, watch)
    }

    /// Runs the chosen solver from a start, under another stopping rule than its own.
    pub(super) fn solve_until(
        &self,
        lambda: f64,
        start: Start<'_>,
        stopping: Stopping,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Solution {
        match Kinked::new(self.smooth, &self.penalty) {
            Some(kinked) => {
                kinked.solve(lambda, start, stopping, &|p, start, s, w| options.method.solve(p, start, s, w), watch)
            }
            None => options.method.solve(&self.problem(lambda), start, stopping, watch),
        }
    }

    /// Of the local optima the one that a path leads to: where it is convex along the way it is the only one.
    fn solve_from_above(&self, lambda: f64, max: f64, options: &Options, watch: &mut dyn Watch) -> Solution {
        let (started, stopping) = (Instant::now(), *options.method.stopping());
        let steps = ((max / lambda).ln() / -DESCENT.ln()).ceil().max(1.0);
        let lambdas: Vec<f64> =
            (1..steps as i32).map(|k| max * (lambda / max).powf(f64::from(k) / steps)).chain([lambda]).collect();
        // The limit of time is that of the whole way.
        let out_of_time = || stopping.time_limit.is_some_and(|limit| started.elapsed() >= limit);
        let mut limited = |progress: &Progress| {
            let flow = watch.progress(progress);
            if out_of_time() { ControlFlow::Break(()) } else { flow }
        };
        let (mut last, mut iterations) = (None, 0);
        let mut walked = 0;
        options.method.solve_path(&self.problem(0.0), &lambdas, &mut limited, &mut |solution: Solution| {
            iterations += solution.iterations;
            walked += 1;
            let cancelled = solution.status == Status::Cancelled;
            last = Some(solution);
            if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let Some(mut solution) = last else { return self.solve_from(lambda, Start::Zero, options, watch) };
        if walked < lambdas.len() {
            // Stopped on the way: the certificate has to be that of the λ that was asked for.
            let at_once = Stopping { max_iterations: 0, ..stopping };
            let status = solution.status;
            let start = Start::At(&solution.coefficients);
            solution = options.method.solve(&self.problem(lambda), start, at_once, &mut ());
            solution.status = if solution.status == Status::Converged { Status::Converged } else { status };
        }
        if solution.status == Status::Cancelled && out_of_time() {
            solution.status = Status::TimeLimit;
        }
        Solution { iterations, ..solution }
    }

    /// Runs the chosen solver over a path of falling λs; one that is cancelled ends with the point at which it was.
    pub(super) fn solve_path(&self, lambdas: &[f64], options: &Options, watch: &mut dyn Watch) -> Vec<Fitted> {
        let mut all = Vec::with_capacity(lambdas.len());
        self.walk(lambdas, options, watch, &mut |lambda, solution| all.push(self.restore(lambda, solution, options)));
        all
    }

    /// [`solve_path`](Self::solve_path) in the solver's units.
    pub(super) fn walk(
        &self,
        lambdas: &[f64],
        options: &Options,
        watch: &mut dyn Watch,
        each: &mut dyn FnMut(f64, Solution),
    ) {
        let mut rest = lambdas.iter();
        let mut sink = |solution: Solution| {
            let cancelled = solution.status == Status::Cancelled;
            if let Some(&lambda) = rest.next() {
                each(lambda, solution);
            }
            if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if let Some(kinked) = Kinked::new(self.smooth, &self.penalty) {
            let solver = |p: &Problem<'_, Predictor<'_>, _>, start: Start<'_>, s: Stopping, w: &mut dyn Watch| {
                options.method.solve(p, start, s, w)
            };
            if kinked.begins_as_it_is() {
                let stopping = *options.method.stopping();
                let mut method = options.method.clone();
                *method.stopping_mut() = Kinked::<Q>::first_try(stopping);
                let mut tries = Vec::with_capacity(lambdas.len());
                method.solve_path(&self.problem(0.0), lambdas, watch, &mut |solution: Solution| {
                    let cancelled = solution.status == Status::Cancelled;
                    tries.push(solution);
                    if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                for (&lambda, first) in lambdas.iter().zip(tries) {
                    if sink(kinked.finish(lambda, first, stopping, &solver, watch)).is_break() {
                        break;
                    }
                }
                return;
            }
            kinked.solve_path(lambdas, *options.method.stopping(), &solver, watch, &mut sink);
            return;
        }
        options.method.solve_path(&self.problem(0.0), lambdas, watch, &mut sink);
    }

    /// The answer in the user's features and units.
    pub(super) fn restore(&self, lambda: f64, mut solution: Solution, options: &Options) -> Fitted {
        let Self { smooth, penalty, units } = self;
        let q = units.nresponses;
        if units.product_error > 0.0 {
            let at = (&solution.coefficients[..], solution.certificate.error());
            let error = gap_error(smooth, penalty, lambda, at, units.product_error);
            solution.certificate.rounding += error;
            // There are no rows to go on with.
            let wanted = options.method.stopping().tolerance * solution.certificate.scale;
            if solution.status == Status::Converged && error > wanted {
                solution.status = Status::Stalled;
            }
        }
        // The loss: what the objective is without the penalty.
        let loss = solution.certificate.objective - penalty.value(lambda, &solution.coefficients);
        let order = units.order.as_deref();
        let columns = order.map_or(units.nfeatures, <[usize]>::len);
        if units.symmetric {
            // Without a penalty the coefficients of all classes may have the same number added, as the intercepts.
            for j in penalty.free_columns(lambda) {
                let row = &mut solution.coefficients[j * q..(j + 1) * q];
                let mean = row.iter().sum::<f64>() / q as f64;
                row.iter_mut().for_each(|w| *w -= mean);
            }
        }
        let (own, free) = solution.coefficients.split_at(columns * q);
        let mut latent = Vec::new();
        let coefficients = Coefficients::new(
            units.nfeatures,
            q,
            own.iter().enumerate().filter(|(_, w)| **w != 0.0).map(|(k, w)| {
                let (i, t) = (k / q, k % q);
                let j = order.map_or(i, |order| order[i]);
                let value = w / units.scales.get(j).copied().unwrap_or(1.0);
                if order.is_some() {
                    latent.push((k, value));
                }
                (j * q + t, value)
            }),
        );
        let latent = Coefficients::new(if order.is_some() { own.len() } else { 0 }, 1, latent);
        let mut intercept = Array1::from(units.y_means.clone());
        intercept.iter_mut().zip(free).for_each(|(b, free)| *b += free);
        if units.intercept {
            if !units.means.is_empty() {
                let mut shift = vec![0.0; q];
                coefficients.nonzero().for_each(|(j, t, w)| shift[t] += units.means[j] * w);
                intercept.iter_mut().zip(shift).for_each(|(b, shift)| *b -= shift);
            }
            if units.symmetric {
                let mean = intercept.sum() / q as f64;
                intercept.iter_mut().for_each(|b| *b -= mean);
            }
        }
        Fitted {
            coefficients,
            intercept,
            lambda,
            loss,
            explained: if units.total > 0.0 { 1.0 - (loss - units.floor) / units.total } else { f64::NAN },
            certificate: solution.certificate,
            status: solution.status,
            iterations: solution.iterations,
            nobservations: units.nobservations,
            feature_names: options.feature_names.clone(),
            latent,
            ncolumns: units.ncolumns,
            classes: Arc::clone(&units.classes),
        }
    }
}
