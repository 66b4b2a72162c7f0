//! The inner loop: block descent on a quadratic model plus a separable penalty, over a list of blocks.
//!
//! Coordinate descent is the case of one column and one response; Gram and residual form, any penalty and any number of
//! responses are the same source.

use std::ops::Range;

use crate::penalty::BlockPenalty;
use crate::smooth::Quadratic;
use crate::solver::anderson::Anderson;
use crate::solver::block_minimiser::Curvature;
use crate::solver::newton;

/// A block of the penalty and where its columns stand in the model.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    /// Block number in the penalty.
    pub id: usize,
    /// Local columns.
    pub cols: Range<usize>,
}

/// One inner problem: model, penalty, λ and the blocks to sweep over.
pub(crate) struct Descent<'a, M, P: ?Sized> {
    pub model: &'a M,
    pub penalty: &'a P,
    pub lambda: f64,
    pub blocks: &'a [Active],
    /// Parallel to `blocks`.
    pub curvatures: &'a [&'a Curvature],
    pub nresponses: usize,
}

/// When the inner loop ends, and what it may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InnerStop {
    /// Absolute duality gap of the inner problem.
    pub gap: f64,
    pub max_sweeps: usize,
    pub deadline: Option<std::time::Instant>,
    pub anderson: usize,
    pub newton: bool,
}

impl<M: Quadratic, P: BlockPenalty + ?Sized> Descent<'_, M, P> {
    fn slice(&self, active: &Active) -> Range<usize> {
        active.cols.start * self.nresponses..active.cols.end * self.nresponses
    }

    /// One pass over all blocks; returns whether anything moved.
    pub(crate) fn sweep(&self, w: &mut [f64], state: &mut [f64], scratch: &mut Scratch) -> bool {
        let mut moved = false;
        for (active, curvature) in self.blocks.iter().zip(self.curvatures) {
            let range = self.slice(active);
            let size = range.len();
            let (g, v) = scratch.pair(size);
            if curvature.largest <= 0.0 {
                // A column of zeros: the fit does not depend on it, but a start may have put something there to pay for.
                if w[range.clone()].iter().any(|&w| w != 0.0) && !self.penalty.is_free(active.id, self.lambda) {
                    g.iter_mut().zip(&w[range.clone()]).for_each(|(g, w)| *g = -w);
                    self.model.shift(state, active.cols.clone(), g);
                    w[range].fill(0.0);
                    moved = true;
                }
                continue;
            }
            self.model.prepare(state, active.cols.clone());
            self.model.block_gradient(state, active.cols.clone(), g);
            let current = &mut w[range];
            curvature.minimise(self.penalty, active.id, self.lambda, current, g, v);
            let mut changed = false;
            for ((w, v), g) in current.iter_mut().zip(&*v).zip(g.iter_mut()) {
                *g = v - *w;
                changed |= *g != 0.0;
                *w = *v;
            }
            if changed {
                moved = true;
                self.model.shift(state, active.cols.clone(), g);
            }
        }
        moved
    }

    /// The duality gap of the inner problem at (w, state); one pass over the working columns in residual form, none in
    /// Gram form.
    pub(crate) fn gap(&self, w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let mut critical = 0.0f64;
        let mut at_one = 0.0;
        for active in self.blocks {
            let range = self.slice(active);
            let (g, buffer) = scratch.gradient(range.len());
            self.model.block_gradient(state, active.cols.clone(), g);
            if self.is_unbalanced(active, &w[range.clone()], g) {
                continue;
            }
            critical = critical.max(self.penalty.critical_lambda_block(active.id, g));
            at_one += self.penalty.fenchel_young_block(active.id, self.lambda, &w[range], g, 1.0, buffer);
        }
        if at_one.is_finite() || critical <= self.lambda {
            return at_one + self.free_gap(w, state, scratch);
        }
        let scale = self.lambda / critical;
        let mut gap = 0.5 * (1.0 - scale) * (1.0 - scale) * self.model.energy(w, state);
        for active in self.blocks {
            let range = self.slice(active);
            let (g, buffer) = scratch.gradient(range.len());
            self.model.block_gradient(state, active.cols.clone(), g);
            if self.is_unbalanced(active, &w[range.clone()], g) {
                continue;
            }
            gap += self.penalty.fenchel_young_block(active.id, self.lambda, &w[range], g, scale, buffer);
        }
        gap + self.free_gap(w, state, scratch)
    }

    /// Whether no scaling can make the gradient of the block feasible: free blocks, and constrained ones without a penalty.
    fn is_unbalanced(&self, active: &Active, w: &[f64], g: &[f64]) -> bool {
        let critical = self.penalty.critical_lambda_block(active.id, g);
        self.penalty.is_free(active.id, self.lambda)
            || ((critical == f64::INFINITY || (self.lambda == 0.0 && critical > 0.0))
                && self.penalty.fenchel_young_block(active.id, self.lambda, w, g, 1.0, &mut Vec::new())
                    == f64::INFINITY)
    }

    /// What those blocks still promise: ½ Σ ‖g_b‖²/L_b, a lower bound of their share that vanishes with it.
    fn free_gap(&self, w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let mut gap = 0.0;
        for (active, curvature) in self.blocks.iter().zip(self.curvatures) {
            if curvature.largest > 0.0 {
                let range = self.slice(active);
                let (g, _) = scratch.pair(range.len());
                self.model.block_gradient(state, active.cols.clone(), g);
                if self.is_unbalanced(active, &w[range], g) {
                    gap += 0.5 * g.iter().map(|g| g * g).sum::<f64>() / curvature.largest;
                }
            }
        }
        gap
    }

    /// The inner objective up to a constant.
    pub(crate) fn objective(&self, w: &[f64], state: &[f64]) -> f64 {
        let penalty: f64 =
            (self.blocks.iter()).map(|a| self.penalty.value_block(a.id, self.lambda, &w[self.slice(a)])).sum();
        self.model.value(w, state) + penalty
    }

    /// Sweeps, extrapolates and finishes by Newton steps until the inner gap is small enough; returns the sweeps made.
    pub(crate) fn run(&self, w: &mut [f64], state: &mut [f64], stop: InnerStop) -> usize {
        let mut scratch = Scratch::default();
        let mut anderson = Anderson::new(stop.anderson);
        let stored = self.model.hessian().is_some();
        let mut schedule = newton::Schedule::new(stop.newton && self.nresponses == 1 && stored);
        // In Gram form the gap is free; in residual form it costs half a sweep.
        let check_every = if stored { 1 } else { 5 };
        let mut sweeps = 0;
        while sweeps < stop.max_sweeps {
            let moved = self.sweep(w, state, &mut scratch);
            sweeps += 1;
            if !moved {
                break;
            }
            if schedule.due(sweeps) {
                let support = self.blocks.iter().map(|a| &w[self.slice(a)]).filter(|w| w.iter().any(|&w| w != 0.0));
                let support = support.map(<[f64]>::len).sum();
                if schedule.affordable(sweeps, support, state.len()) {
                    let step = newton::step(self, w, state);
                    schedule.report(sweeps, step);
                    if step != newton::Step::Rejected {
                        anderson.clear();
                    }
                }
            } else if let Some((w_new, state_new)) = anderson.push(w, state) {
                if self.objective(&w_new, &state_new) < self.objective(w, state) {
                    w.copy_from_slice(&w_new);
                    state.copy_from_slice(&state_new);
                }
            }
            if sweeps % check_every == 0 {
                if self.gap(w, state, &mut scratch) <= stop.gap {
                    break;
                }
                if stop.deadline.is_some_and(|d| std::time::Instant::now() >= d) {
                    break;
                }
            }
        }
        sweeps
    }
}

/// Buffers of one block.
#[derive(Default)]
pub(crate) struct Scratch {
    g: Vec<f64>,
    v: Vec<f64>,
}

impl Scratch {
    #[inline]
    fn pair(&mut self, size: usize) -> (&mut [f64], &mut [f64]) {
        if self.g.len() < size {
            self.g.resize(size, 0.0);
        }
        if self.v.len() < size {
            self.v.resize(size, 0.0);
        }
        (&mut self.g[..size], &mut self.v[..size])
    }

    fn gradient(&mut self, size: usize) -> (&mut [f64], &mut Vec<f64>) {
        if self.g.len() < size {
            self.g.resize(size, 0.0);
        }
        (&mut self.g[..size], &mut self.v)
    }
}
