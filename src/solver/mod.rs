//! "minimise": one descent engine ([`BlockDescent`]), one proximal-gradient engine ([`Fista`]), and proximal Newton for
//! log det terms ([`LogDetNewton`], [`JointLogDetNewton`]), whose inner loop is that of descent.
//!
//! Every solver starts anywhere, can be watched, cancelled and limited in iterations and time, cannot fail, and returns
//! a [`Solution`] that carries its [`Certificate`] and says how it ended.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::certificate::Certificate;
pub use crate::certificate::Status;
use crate::problem::Problem;

mod anderson;
mod block_descent;
mod block_minimiser;
mod compression;
mod curved;
mod descent;
mod dual_columns;
mod engine;
mod fista;
mod forms;
mod frozen_model;
mod independent_blocks;
mod joint_certificate;
mod joint_log_det_newton;
mod joint_newton_finish;
mod krylov;
mod log_det_certificate;
mod log_det_newton;
mod log_det_step;
mod newton;
mod pattern_finish;
mod proximal_working_set;
mod screening;
mod smoothing;
mod stagnation;
mod target;
mod working_set;

pub use block_descent::{BlockDescent, Form};
pub use fista::{Fista, Momentum};
pub(crate) use joint_log_det_newton::JointBlock;
pub use joint_log_det_newton::JointLogDetNewton;
pub use log_det_newton::LogDetNewton;
pub(crate) use log_det_newton::{BlockStart, NewtonBlock};
pub(crate) use proximal_working_set::solve_on_working_sets;
pub(crate) use smoothing::{Kinked, Predictor, null_model};
pub(crate) use target::{Found, Limit, Target};

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Largest relative duality gap, gap / [`Certificate::scale`], or relative KKT violation where the penalty is not convex
    /// ([`Certificate::relative_error`]). Default 1e-6.
    pub tolerance: f64,
    /// Largest number of iterations, counted as the solver's docs say. Default 100,000.
    pub max_iterations: usize,
    /// Longest time. Default none.
    pub time_limit: Option<Duration>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { tolerance: 1e-6, max_iterations: 100_000, time_limit: None }
    }
}

/// Where a solver starts.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// All coefficients zero; where that is outside the domain, [`Smooth::origin`](crate::smooth::Smooth::origin).
    Zero,
    /// A warm start, p·q values, feature-major; of another length it is taken for zero.
    At(&'a [f64]),
}

impl Start<'_> {
    fn coefficients(self, len: usize) -> Vec<f64> {
        match self {
            Self::Zero => vec![0.0; len],
            Self::At(w) if w.len() == len => w.to_vec(),
            Self::At(_) => vec![0.0; len],
        }
    }
}

/// What a solver returns: always an answer, with its certificate and how it was reached.
#[derive(Debug, Clone)]
pub struct Solution {
    /// W, feature-major.
    pub coefficients: Vec<f64>,
    /// How good it is.
    pub certificate: Certificate,
    /// How the solve ended.
    pub status: Status,
    /// Iterations made: sweeps for descent, gradient steps for FISTA.
    pub iterations: usize,
}

/// What a watcher is shown: once per outer iteration, on the way down to a small λ at each λ that is passed, and between
/// the λs of a path that are certified together.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Iterations so far.
    pub iterations: usize,
    /// The λ that is being solved.
    pub lambda: f64,
    /// The last certificate.
    pub certificate: Certificate,
    /// Columns in the working set.
    pub working_set: usize,
    /// Time since the start of the solve.
    pub elapsed: Duration,
}

/// Sees the progress of a solve and may stop it. `()` watches nothing; a closure works, too.
///
/// ```
/// use std::ops::ControlFlow;
/// use sparsereg::solver::{Progress, Watch};
/// let mut calls = 0;
/// let mut watch = |_: &Progress| { calls += 1; if calls < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) } };
/// let _: &mut dyn Watch = &mut watch;
/// ```
pub trait Watch {
    /// Called as [`Progress`] says; `Break` ends the solve with [`Status::Cancelled`].
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()>;
}

impl Watch for () {
    fn progress(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Watch for F {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// Minimises a [`Problem`] of smooth term S and penalty P. Which pairs a solver serves is in its impls; a wrong pair
/// does not compile.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot solve a problem with smooth term `{S}` and penalty `{P}`",
    note = "`BlockDescent` needs a `BlockPenalty` and a `Design`; `Fista` needs only a `Penalty` and a `LinearOperator`"
)]
pub trait Solver<S, P> {
    /// Minimises from `start`.
    fn solve(&self, problem: &Problem<'_, S, P>, start: Start<'_>, watch: &mut dyn Watch) -> Solution;

    /// Solves for every λ in turn, each from the answer before; `sink` gets the solutions and may end the path.
    /// Solvers that can carry more than the answer from one λ to the next override this.
    fn solve_path(
        &self,
        problem: &Problem<'_, S, P>,
        lambdas: &[f64],
        start: Start<'_>,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        let mut warm: Option<Vec<f64>> = None;
        for &lambda in lambdas {
            let from = warm.as_deref().map_or(start, Start::At);
            let solution = self.solve(&Problem { lambda, ..*problem }, from, watch);
            warm = Some(solution.coefficients.clone());
            if sink(solution).is_break() {
                return;
            }
        }
    }
}

/// The bookkeeping of one solve: limits, watcher and the choice of a status.
struct Run<'w> {
    stopping: Stopping,
    started: Instant,
    watch: &'w mut dyn Watch,
    last_gap: f64,
    /// The watcher has said so.
    cancelled: bool,
}

impl<'w> Run<'w> {
    fn new(stopping: Stopping, watch: &'w mut dyn Watch) -> Self {
        Self::since(Instant::now(), stopping, watch)
    }

    /// For a solve that began before.
    fn since(started: Instant, stopping: Stopping, watch: &'w mut dyn Watch) -> Self {
        Self { stopping, started, watch, last_gap: f64::INFINITY, cancelled: false }
    }

    /// When the time limit is reached; none if that is beyond what the clock can count.
    fn deadline(&self) -> Option<Instant> {
        self.started.checked_add(self.stopping.time_limit?)
    }

    fn out_of_time(&self) -> bool {
        self.stopping.time_limit.is_some_and(|limit| self.started.elapsed() >= limit)
    }

    /// Shows the watcher where things stand; returns whether it has cancelled, now or before.
    fn is_cancelled(&mut self, iterations: usize, lambda: f64, certificate: Certificate, working_set: usize) -> bool {
        let progress = Progress { iterations, lambda, certificate, working_set, elapsed: self.started.elapsed() };
        self.cancelled = self.cancelled || self.watch.progress(&progress).is_break();
        self.cancelled
    }

    /// Why to stop at this certificate, if there is a reason.
    fn verdict(
        &mut self,
        iterations: usize,
        lambda: f64,
        certificate: Certificate,
        working_set: usize,
    ) -> Option<Status> {
        let cancelled = self.is_cancelled(iterations, lambda, certificate, working_set);
        // Below the rounding bound the gap proves nothing more, but as long as it falls the answer still gets better.
        let error = certificate.error();
        let stuck = error >= 0.5 * self.last_gap;
        self.last_gap = error;
        // ∞ ≤ ∞ (squares that overflow, a start outside of the domain of Ω) is no proof.
        let proven = error.is_finite() && certificate.objective.is_finite();
        if proven && error <= self.stopping.tolerance * certificate.scale {
            Some(Status::Converged)
        } else if proven && error <= certificate.rounding && stuck {
            Some(Status::Stalled)
        } else if cancelled {
            Some(Status::Cancelled)
        } else if self.out_of_time() {
            Some(Status::TimeLimit)
        } else if iterations >= self.stopping.max_iterations || certificate.objective.is_nan() {
            // From what is not a number no iteration leads back.
            Some(Status::IterationLimit)
        } else {
            None
        }
    }
}
