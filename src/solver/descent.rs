//! The inner loop: block descent on a quadratic model plus a separable penalty, over a list of blocks.
//!
//! Coordinate descent is the case of one column and one response; Gram and residual form, any penalty and any number of
//! responses are the same source.

use std::ops::Range;

use crate::penalty::{BlockPenalty, L1};
use crate::smooth::Quadratic;
use crate::solver::anderson::Anderson;
use crate::solver::block_minimiser::Curvature;
use crate::solver::krylov;
use crate::solver::newton::{self, Factor};

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

/// Calls `f` with the inner problem over these single coordinates.
pub(super) fn single_coordinates<M: Quadratic>(
    model: &M,
    penalty: &L1,
    blocks: &[Active],
    f: impl FnOnce(&Descent<'_, M, L1>),
) {
    let curvatures: Vec<Curvature> = blocks.iter().map(|b| Curvature::new(model, b.cols.clone(), false)).collect();
    let curvatures: Vec<&Curvature> = curvatures.iter().collect();
    f(&Descent { model, penalty, lambda: 1.0, blocks, curvatures: &curvatures, nresponses: 1 });
}

/// The duality gap over some blocks (the KKT violation, if the penalty is not convex), given as (block, coefficients, gradient, largest curvature), where `smooth` is the
/// Fenchel–Young gap of the smooth part at a multiple of its dual point, which is 0 at 1. Their critical λs go to `critical`.
pub(super) fn restricted_gap<'w, P: BlockPenalty + ?Sized>(
    penalty: &P,
    lambda: f64,
    blocks: impl Iterator<Item = (usize, &'w [f64], &'w [f64], f64)>,
    mut critical: Option<&mut [f64]>,
    buffer: &mut Vec<f64>,
    smooth: impl FnOnce(f64) -> f64,
) -> f64 {
    if !penalty.is_convex() {
        // No gap: the largest KKT violation is what the engine goes by.
        return blocks.enumerate().fold(0.0f64, |most, (k, (id, w, g, _))| {
            if let Some(critical) = critical.as_deref_mut() {
                critical[k] = penalty.critical_lambda_block(id, g);
            }
            let violation = penalty.kkt_block(id, lambda, w, g);
            if violation <= most { most } else { violation }
        });
    }
    let (mut most, mut unbalanced) = (0.0f64, 0.0);
    // A block that is zero and stays so at λ has no gap, at any scale up to 1: only the others are looked at again.
    let mut visited = Vec::new();
    for (k, (id, w, g, largest)) in blocks.enumerate() {
        let own = penalty.critical_lambda_block(id, g);
        if let Some(critical) = critical.as_deref_mut() {
            critical[k] = own;
        }
        // No scaling can make the gradient of these feasible: free blocks, and constrained ones without a penalty.
        let hopeless = penalty.is_free(id, lambda)
            || ((own == f64::INFINITY || (lambda == 0.0 && own > 0.0))
                && penalty.fenchel_young_block(id, lambda, w, g, 1.0, &mut Vec::new()) == f64::INFINITY);
        if hopeless {
            // What it still promises: ½ ‖g_b‖²/L_b, a lower bound that vanishes with it; nobody knows before there is an L_b.
            let square = g.iter().map(|g| g * g).sum::<f64>();
            if square > 0.0 {
                unbalanced += if largest > 0.0 { 0.5 * square / largest } else { f64::INFINITY };
            }
            continue;
        }
        most = most.max(own);
        // Written so that NaN is visited.
        let fits = own <= lambda;
        if !fits || w.iter().any(|&w| w != 0.0) {
            visited.push((id, w, g));
        }
    }
    let mut at_scale = |scale: f64| -> f64 {
        let gaps = visited.iter().map(|(id, w, g)| penalty.fenchel_young_block(*id, lambda, w, g, scale, buffer));
        gaps.sum()
    };
    let at_one = at_scale(1.0);
    if at_one.is_finite() || most <= lambda {
        return at_one + unbalanced;
    }
    let scale = lambda / most;
    smooth(scale) + at_scale(scale) + unbalanced
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
    /// What a sweep may leave on the table.
    pub negligible: f64,
    /// Begin with a Newton step: the start is the solution for a λ nearby.
    pub newton_first: bool,
}

/// Most Newton steps in a row that go only a part of the way.
const PARTIAL_STEPS: usize = 30;

/// Blocks that may enter at once: that many, or one for that many which are not zero.
const FEW: usize = 16;

/// One sweep in so many visits the blocks that are zero.
const EVERY: usize = 5;

/// Single-column blocks that are treated together.
struct Strip {
    /// Places in the list of blocks.
    members: Vec<usize>,
    /// Their local columns.
    cols: Vec<usize>,
    /// H between them.
    hessian: Vec<f64>,
}

/// The blocks that a sweep visits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Over {
    All,
    /// Those that are not zero: most of the work of a sweep over all is to find that zeros stay zero.
    Nonzeros,
    /// Those that are zero and whose critical λ is above this: what a Newton step cannot move. The others are its business.
    Zeros(f64),
}

impl<M: Quadratic, P: BlockPenalty + ?Sized> Descent<'_, M, P> {
    fn slice(&self, active: &Active) -> Range<usize> {
        active.cols.start * self.nresponses..active.cols.end * self.nresponses
    }

    /// One pass over all blocks, or over those that are zero; returns whether anything moved. Moves that promise a decrease
    /// of less than `least` are not made: next to a minimum most would only stir rounding errors, at the price of an update
    /// each.
    pub(crate) fn sweep(
        &self,
        w: &mut [f64],
        state: &mut [f64],
        (over, least): (Over, f64),
        scratch: &mut Scratch,
    ) -> bool {
        let mut moved = false;
        for (active, curvature) in self.blocks.iter().zip(self.curvatures) {
            let range = self.slice(active);
            let size = range.len();
            let (g, v) = scratch.pair(size);
            if over == Over::Nonzeros && w[range.clone()].iter().all(|&w| w == 0.0) {
                continue;
            }
            if let Over::Zeros(above) = over {
                self.model.block_gradient(state, active.cols.clone(), g);
                if w[range.clone()].iter().any(|&w| w != 0.0)
                    || self.penalty.critical_lambda_block(active.id, g) <= above
                {
                    continue;
                }
            }
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
            let (mut changed, mut size) = (false, 0.0);
            for ((w, v), g) in current.iter().zip(&*v).zip(g.iter_mut()) {
                *g = v - w;
                changed |= *g != 0.0;
                size += *g * *g;
            }
            if changed && 0.5 * curvature.largest * size >= least {
                moved = true;
                current.copy_from_slice(v);
                self.model.shift(state, active.cols.clone(), g);
            }
        }
        moved
    }

    /// [`sweep`](Self::sweep) over strips of single columns: the same steps in the same order, with the gradients of a strip
    /// taken at once and mended by its Hessian.
    fn sweep_strips(
        &self,
        strips: &[Strip],
        w: &mut [f64],
        state: &mut [f64],
        least: f64,
        scratch: &mut Scratch,
    ) -> bool {
        let q = self.nresponses;
        let mut moved = false;
        let (mut gradients, mut deltas) = (Vec::new(), Vec::new());
        for strip in strips {
            let m = strip.cols.len();
            gradients.resize(m * q, 0.0);
            deltas.clear();
            deltas.resize(m * q, 0.0);
            self.model.strip_gradient(state, &strip.cols, &mut gradients);
            let mut any = false;
            for (i, (&k, &col)) in strip.members.iter().zip(&strip.cols).enumerate() {
                let (active, curvature) = (&self.blocks[k], self.curvatures[k]);
                let (g, v) = scratch.pair(q);
                g.copy_from_slice(&gradients[i * q..(i + 1) * q]);
                for (h, delta) in strip.hessian[i * m..i * m + i].iter().zip(deltas.chunks_exact(q)) {
                    g.iter_mut().zip(delta).for_each(|(g, d)| *g += h * d);
                }
                let current = &mut w[col * q..(col + 1) * q];
                curvature.minimise(self.penalty, active.id, self.lambda, current, g, v);
                let (mut changed, mut size) = (false, 0.0);
                for ((w, v), g) in current.iter().zip(&*v).zip(g.iter_mut()) {
                    *g = v - w;
                    changed |= *g != 0.0;
                    size += *g * *g;
                }
                if changed && 0.5 * curvature.largest * size >= least {
                    any = true;
                    current.copy_from_slice(v);
                    deltas[i * q..(i + 1) * q].copy_from_slice(g);
                }
            }
            if any {
                moved = true;
                self.model.strip_shift(state, &strip.cols, &deltas);
            }
        }
        moved
    }

    /// The blocks that a sweep visits, in strips; none where strips do not pay or blocks have several columns.
    fn strips(&self, over: Over, w: &[f64]) -> Vec<Strip> {
        let visited = |k: &usize| {
            let active = &self.blocks[*k];
            self.curvatures[*k].largest > 0.0 && (over == Over::All || w[self.slice(active)].iter().any(|&w| w != 0.0))
        };
        let members: Vec<usize> = (0..self.blocks.len()).filter(visited).collect();
        let strip = |members: &[usize]| {
            let cols: Vec<usize> = members.iter().map(|&k| self.blocks[k].cols.start).collect();
            let mut hessian = vec![0.0; cols.len() * cols.len()];
            self.model.strip_hessian(&cols, &mut hessian);
            Strip { members: members.to_vec(), cols, hessian }
        };
        members.chunks(self.model.strip()).map(strip).collect()
    }

    /// Whether all is ready for strips.
    fn has_strips(&self, w: &[f64]) -> bool {
        let zero_column = |(active, c): (&Active, &&Curvature)| {
            // Columns of zeros have a case of their own in `sweep`.
            c.largest <= 0.0 && w[self.slice(active)].iter().any(|&w| w != 0.0)
        };
        self.nresponses > 1
            && self.model.strip() > 1
            && self.blocks.iter().all(|a| a.cols.len() == 1)
            && !self.blocks.iter().zip(self.curvatures).any(zero_column)
    }

    /// The duality gap of the inner problem at (w, state); one pass over the working columns in residual form, none in
    /// Gram form.
    pub(crate) fn gap(&self, w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let (mut all, mut cols) = (std::mem::take(&mut scratch.all), std::mem::take(&mut scratch.cols));
        cols.clear();
        cols.extend(self.blocks.iter().flat_map(|a| a.cols.clone()));
        all.resize(cols.len() * self.nresponses, 0.0);
        self.model.strip_gradient(state, &cols, &mut all);
        let mut start = 0;
        let slices = self.blocks.iter().zip(self.curvatures).map(|(a, curvature)| {
            let len = a.cols.len() * self.nresponses;
            start += len;
            (a.id, &w[self.slice(a)], &all[start - len..start], curvature.largest)
        });
        let gap = restricted_gap(self.penalty, self.lambda, slices, None, &mut scratch.v, |scale| {
            0.5 * (1.0 - scale) * (1.0 - scale) * self.model.energy(w, state)
        });
        (scratch.all, scratch.cols) = (all, cols);
        gap
    }

    /// The inner objective up to a constant.
    pub(crate) fn objective(&self, w: &[f64], state: &[f64]) -> f64 {
        let penalty: f64 =
            (self.blocks.iter()).map(|a| self.penalty.value_block(a.id, self.lambda, &w[self.slice(a)])).sum();
        self.model.value(w, state) + penalty
    }

    /// Goes on along the path, on the line from the last answer but one through the last, where that lowers the objective: the
    /// state is affine in w, so the step costs nothing. A second-order step knows the direction better.
    pub(crate) fn extrapolate(
        &self,
        (w, state): (&mut [f64], &mut [f64]),
        (w0, state0): (&[f64], &[f64]),
        length: f64,
    ) {
        let ahead = |now: &[f64], before: &[f64]| -> Vec<f64> {
            now.iter().zip(before).map(|(n, b)| n + length * (n - b)).collect()
        };
        let (w_new, state_new) = (ahead(w, w0), ahead(state, state0));
        if self.objective(&w_new, &state_new) < self.objective(w, state) {
            w.copy_from_slice(&w_new);
            state.copy_from_slice(&state_new);
        }
    }

    /// The local columns of the blocks that are not zero.
    fn support(&self, w: &[f64]) -> Vec<usize> {
        let nonzero = self.blocks.iter().filter(|a| w[self.slice(a)].iter().any(|&w| w != 0.0));
        nonzero.flat_map(|a| a.cols.clone()).collect()
    }

    /// The critical λ above which zero blocks should enter after a full Newton step: λ if they are few; if they are many, the
    /// worst of them first, as most of the others will not be wanted then.
    fn entry_threshold(&self, w: &[f64], state: &[f64], scratch: &mut Scratch) -> f64 {
        let (mut largest, mut count, mut nonzero) = (self.lambda, 0, 0);
        for active in self.blocks {
            let range = self.slice(active);
            let (g, _) = scratch.pair(range.len());
            if w[range].iter().any(|&w| w != 0.0) {
                nonzero += 1;
                continue;
            }
            self.model.block_gradient(state, active.cols.clone(), g);
            let critical = self.penalty.critical_lambda_block(active.id, g);
            if critical > self.lambda && critical.is_finite() {
                largest = largest.max(critical);
                count += 1;
            }
        }
        if count <= (nonzero / FEW).max(FEW) { self.lambda } else { 0.5 * (self.lambda + largest) }
    }

    /// Sweeps, extrapolates and finishes by Newton steps until the inner gap is small enough; returns the sweeps made.
    pub(super) fn run(&self, w: &mut [f64], state: &mut [f64], factor: &mut Factor, stop: InnerStop) -> usize {
        let mut scratch = Scratch::default();
        let mut anderson = Anderson::new(stop.anderson);
        let stored = self.model.hessian().is_some();
        let mut schedule = newton::Schedule::new(stop.newton && self.nresponses == 1 && stored, stop.newton_first);
        // In Gram form the gap is free; in residual form it costs half a sweep.
        let check_every = if self.model.is_stored() { 1 } else { EVERY };
        // Inside a block of several columns single coefficients may be zero: only sweeps find them.
        let singles = self.blocks.iter().all(|a| a.cols.len() == 1);
        let mut steps = krylov::Schedule::new(stop.newton && self.nresponses == 1 && !stored && singles);
        let in_strips = self.has_strips(w);
        let all = if in_strips { self.strips(Over::All, w) } else { Vec::new() };
        let mut nonzero: Vec<Strip> = Vec::new();
        let mut least = stop.negligible / self.blocks.len().max(1) as f64;
        // Zeros that stay where they are after a step, and a gap that is still open: the next sweep is over all.
        let mut unsettled = false;
        let mut sweeps = 0;
        while sweeps < stop.max_sweeps {
            let mut step = None;
            if schedule.due(sweeps) && !unsettled {
                // A step that stops part of the way has dropped coefficients: the next one starts from a better support.
                for _ in 0..PARTIAL_STEPS {
                    let support = self.support(w);
                    let near = factor.is_near(&support);
                    if !schedule.affordable(sweeps, near, support.len(), state.len()) {
                        break;
                    }
                    let taken = newton::step(self, w, state, least, factor, stop.deadline);
                    schedule.report(sweeps, taken, factor.follows());
                    step = Some(taken);
                    if taken != newton::Step::Partial || !factor.follows() {
                        break;
                    }
                }
                if step.is_some_and(|step| step != newton::Step::Rejected) {
                    anderson.clear();
                }
            }
            if steps.due(sweeps) {
                let (taken, products) = krylov::step(self, w, state, stop.deadline);
                sweeps += products;
                steps.report(sweeps, taken);
                if taken != newton::Step::Rejected {
                    anderson.clear();
                }
            }
            // After a full step the support is at its minimum: what is left to do is elsewhere.
            let over = match step {
                Some(newton::Step::Full) if singles => Over::Zeros(self.entry_threshold(w, state, &mut scratch)),
                _ if unsettled || sweeps % EVERY == 0 => Over::All,
                _ => Over::Nonzeros,
            };
            let moved = match over {
                Over::All if in_strips => self.sweep_strips(&all, w, state, least, &mut scratch),
                Over::Nonzeros if in_strips => {
                    if nonzero.is_empty() {
                        nonzero = self.strips(over, w);
                    }
                    self.sweep_strips(&nonzero, w, state, least, &mut scratch)
                }
                _ => self.sweep(w, state, (over, least), &mut scratch),
            };
            if over == Over::All {
                nonzero.clear();
            }
            sweeps += 1;
            if step.is_none()
                && let Some((w_new, state_new)) = anderson.push(w, state)
                && self.objective(w_new, state_new) < self.objective(w, state)
            {
                w.copy_from_slice(w_new);
                state.copy_from_slice(state_new);
            }
            if sweeps % check_every == 1 % check_every || !moved {
                if self.gap(w, state, &mut scratch) <= stop.gap {
                    break;
                }
                if stop.deadline.is_some_and(|d| std::time::Instant::now() >= d) {
                    break;
                }
            }
            unsettled = !moved && over != Over::All;
            if !moved && over == Over::All {
                if least == 0.0 {
                    break;
                }
                least = if least > f64::MIN_POSITIVE { 1e-6 * least } else { 0.0 };
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
    /// The gradient of all blocks, and their columns.
    all: Vec<f64>,
    cols: Vec<usize>,
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
}
