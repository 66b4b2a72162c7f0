//! The inner loop: block descent on a quadratic model plus a separable penalty, over a list of blocks.
//!
//! Coordinate descent is the case of one column and one response; Gram and residual form, any penalty and any number of
//! responses are the same source.

use std::ops::Range;

use crate::linalg;
use crate::penalty::BlockPenalty;
use crate::smooth::Quadratic;
use crate::solver::anderson::Anderson;
use crate::solver::newton;

/// A block of the penalty and where its columns stand in the model.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    /// Block number in the penalty.
    pub id: usize,
    /// Local columns.
    pub cols: Range<usize>,
}

/// The Hessian of one block, as its minimiser needs it.
pub(crate) struct Curvature {
    /// k×k, empty for one column.
    matrix: Vec<f64>,
    /// Largest eigenvalue; the only entry for one column.
    largest: f64,
}

/// Steps of the inner solve of one block of several columns.
const BLOCK_STEPS: usize = 25;

/// One inner problem: model, penalty, λ and the blocks to sweep over.
pub(crate) struct Descent<'a, M, P: ?Sized> {
    pub model: &'a M,
    pub penalty: &'a P,
    pub lambda: f64,
    pub blocks: &'a [Active],
    /// Parallel to `blocks`.
    pub curvatures: &'a [Curvature],
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

impl Curvature {
    /// The largest eigenvalue.
    pub(crate) fn largest(&self) -> f64 {
        self.largest
    }

    /// The Hessian of a block of the model.
    pub(crate) fn new<M: Quadratic>(model: &M, cols: Range<usize>) -> Self {
        let k = cols.len();
        let mut matrix = vec![0.0; k * k];
        model.block_hessian(cols, &mut matrix);
        if k == 1 {
            return Self { largest: matrix[0], matrix: Vec::new() };
        }
        let largest = linalg::largest_eigenvalue(&matrix, k);
        Self { matrix, largest }
    }
}

impl<M: Quadratic, P: BlockPenalty + ?Sized> Descent<'_, M, P> {
    fn slice(&self, active: &Active) -> Range<usize> {
        active.cols.start * self.nresponses..active.cols.end * self.nresponses
    }

    /// One pass over all blocks; returns whether anything moved.
    pub(crate) fn sweep(&self, w: &mut [f64], state: &mut [f64], scratch: &mut Scratch) -> bool {
        let mut moved = false;
        for (active, curvature) in self.blocks.iter().zip(self.curvatures) {
            if curvature.largest <= 0.0 {
                continue; // a column of zeros: nothing depends on it
            }
            let range = self.slice(active);
            let size = range.len();
            let (g, v) = scratch.pair(size);
            self.model.prepare(state, active.cols.clone());
            self.model.block_gradient(state, active.cols.clone(), g);
            let current = &mut w[range];
            if curvature.matrix.is_empty() {
                let step = 1.0 / curvature.largest;
                for ((v, w), g) in v.iter_mut().zip(&*current).zip(&*g) {
                    *v = w - step * g;
                }
                self.penalty.prox_block(active.id, self.lambda, step, v);
            } else {
                self.minimise_block(active.id, curvature, current, g, v);
            }
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

    /// Minimises the model over one block of several columns: accelerated proximal steps on the k×k Hessian, so that X
    /// is touched once per sweep however hard the block is.
    fn minimise_block(&self, id: usize, curvature: &Curvature, w: &[f64], g: &[f64], v: &mut [f64]) {
        let q = self.nresponses;
        let k = w.len() / q;
        let step = 1.0 / curvature.largest;
        v.copy_from_slice(w);
        // Zero stays zero: one look at the critical λ saves the inner loop for most blocks of a sparse problem.
        if w.iter().all(|&w| w == 0.0) && self.penalty.critical_lambda_block(id, g) <= self.lambda {
            return;
        }
        let mut point = w.to_vec();
        let mut previous = w.to_vec();
        let mut momentum = 1.0f64;
        for _ in 0..BLOCK_STEPS {
            // gradient at `point`: g + H (point − w)
            for i in 0..k {
                let row = &curvature.matrix[i * k..(i + 1) * k];
                for t in 0..q {
                    let slope: f64 = (0..k).map(|j| row[j] * (point[j * q + t] - w[j * q + t])).sum();
                    v[i * q + t] = point[i * q + t] - step * (g[i * q + t] + slope);
                }
            }
            self.penalty.prox_block(id, self.lambda, step, v);
            let next = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            let mut beta = (momentum - 1.0) / next;
            let (mut change, mut size, mut uphill) = (0.0f64, 0.0f64, 0.0);
            for i in 0..v.len() {
                let d = v[i] - previous[i];
                change += d * d;
                size += v[i] * v[i];
                uphill += (point[i] - v[i]) * d;
            }
            momentum = next;
            if uphill > 0.0 {
                (momentum, beta) = (1.0, 0.0);
            }
            for i in 0..v.len() {
                point[i] = v[i] + beta * (v[i] - previous[i]);
                previous[i] = v[i];
            }
            if change <= 1e-20 * size {
                break;
            }
        }
    }

    /// The duality gap of the inner problem at (w, state); one pass over the working columns in residual form, none in
    /// Gram form.
    pub(crate) fn gap(&self, w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let mut critical = 0.0f64;
        let mut at_one = 0.0;
        for active in self.blocks {
            let range = self.slice(active);
            if self.penalty.is_free(active.id, self.lambda) {
                continue;
            }
            let (g, buffer) = scratch.gradient(range.len());
            self.model.block_gradient(state, active.cols.clone(), g);
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
            if self.penalty.is_free(active.id, self.lambda) {
                continue;
            }
            let (g, buffer) = scratch.gradient(range.len());
            self.model.block_gradient(state, active.cols.clone(), g);
            gap += self.penalty.fenchel_young_block(active.id, self.lambda, &w[range], g, scale, buffer);
        }
        gap + self.free_gap(w, state, scratch)
    }

    /// What the free blocks still promise: ½ Σ ‖g_b‖²/L_b, a lower bound of their share that vanishes with it.
    fn free_gap(&self, _w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let mut gap = 0.0;
        for (active, curvature) in self.blocks.iter().zip(self.curvatures) {
            if curvature.largest > 0.0 && self.penalty.is_free(active.id, self.lambda) {
                let (g, _) = scratch.pair(self.slice(active).len());
                self.model.block_gradient(state, active.cols.clone(), g);
                gap += 0.5 * g.iter().map(|g| g * g).sum::<f64>() / curvature.largest;
            }
        }
        gap
    }

    /// The inner objective up to a constant.
    pub(crate) fn objective(&self, w: &[f64], state: &[f64]) -> f64 {
        let penalty: f64 = (self.blocks.iter())
            .map(|a| self.penalty.value_block(a.id, self.lambda, &w[self.slice(a)]))
            .sum();
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
                let accepted = newton::step(self, w, state);
                schedule.report(sweeps, accepted);
                if accepted {
                    anderson.clear();
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
