//! The inner problem of a loss that is not quadratic: proximal Newton (Lee, Sun and Saunders 2014) on the working set.
//!
//! A quadratic model of the loss is minimised by the same descent as the squared loss, the step is searched along, and the
//! duality gap of the loss itself over the working columns says when to stop. Two forms, as for the squared loss: rows,
//! which are cheap to make and dear to finish with, and products, which cost n|A|² and are therefore kept as long as steps
//! with them still gain enough.
//!
//! The model has one response: with q of them, the coefficients of column c are the coordinates c·q … c·q + q − 1, so that
//! Hessians which differ between responses, or couple them, are matrices like any other. It holds those that a block needs,
//! which is one of each row where the penalty does not tie them together.

use std::time::Instant;

use crate::design::Design;
use crate::loss::{Hessian, Loss};
use crate::penalty::BlockPenalty;
use crate::smooth::{CoupledRows, GramModel, HessianView, Quadratic, ResidualModel};
use crate::solver::block_descent::Form;
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent, InnerStop, restricted_gap};
use crate::solver::engine::Engine;
use crate::solver::forms::{Answers, Between, gram_columns};
use crate::solver::frozen_model::{FrozenModel, Products, Step};
use crate::solver::newton::Factor;

/// Products run at so many times the speed of passes over vectors.
const MATRIX_SPEED: f64 = 8.0;
/// A step with a new model that cannot be seen in the objective and leaves more than this share of the gap is the last.
const IDLE: f64 = 0.99;
/// Share of the gap to which a model is solved: steps are quadratic only next to the end.
const FORCING: f64 = 0.02;
/// Armijo's constant, and halvings of a step.
const DECREASE: f64 = 1e-4;
const HALVINGS: usize = 40;
/// A promised decrease below this share of the objective cannot be seen in its values.
const BLIND: f64 = 1e-13;
/// Steps after which the inner problem is handed back.
const STEPS: usize = 60;
/// Blocks that are zero are part of a model if their critical λ is above this share of λ.
const NEAR: f64 = 0.97;
/// Where no more than this share of the gap is to go, sweeps over rows are enough.
const LOOSE: f64 = 0.01;
/// Sweeps in one step after which they are not: observations without curvature beside others make a model ill-posed.
const LOOSE_SWEEPS: usize = 100;
/// Passes over the stored products in a step.
const PASSES_OVER_PRODUCTS: f64 = 9.0;
/// Products are left for rows at this multiple of the size up to which they are made.
const HYSTERESIS: f64 = 1.25;
/// Share of the working columns above which all are read.
const WORTHWHILE: f64 = 0.8;
/// Sweeps of a loose step, and steps that share products.
const SWEEPS: f64 = 8.0;
const STEPS_PER_MODEL: f64 = 3.0;
/// Coordinates beyond which products cost more memory than they save time.
const MOST_COORDINATES: f64 = 6000.0;

/// How a search along a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The objective fell.
    Lower,
    /// The step was taken, but what it gains is too small to be seen in the objective.
    Unseen,
    Nowhere,
}

/// Where the inner problem stood before a step, and how the gradient should have changed.
struct Last {
    eta: Vec<f64>,
    u: Vec<f64>,
    gradient: Vec<f64>,
    /// Over the coordinates of the model; none in the form over rows.
    modelled: Vec<f64>,
}

impl Last {
    /// For a step that went this share of the way; nothing is learnt over rows, where a new model costs next to nothing.
    fn scaled(mut self, length: f64) -> Option<Self> {
        self.modelled.iter_mut().for_each(|v| *v *= length);
        (!self.modelled.is_empty()).then_some(self)
    }

    fn teach(mut self, model: &mut FrozenModel<'_>, inner: &Inner, nrows: usize) {
        let change = |now: &[f64], before: &mut [f64]| before.iter_mut().zip(now).for_each(|(b, n)| *b = n - *b);
        change(&inner.eta, &mut self.eta);
        change(&inner.u, &mut self.u);
        change(&inner.gradient, &mut self.gradient);
        let blocks = &inner.blocks;
        let (eta, u, modelled, gradient) = (&self.eta, &self.u, &self.modelled, &self.gradient);
        let step = Step { eta, u, slope: &inner.u, modelled, blocks, keys: &inner.keys, gradient };
        model.learn(nrows, &step);
    }
}

/// The working columns of an inner problem, and where it stands.
struct Inner {
    /// (block, where its coefficients are in `w`); each coefficient for itself where the penalty allows it.
    blocks: Vec<Active>,
    /// Names of the blocks in a model.
    keys: Vec<usize>,
    columns: Vec<usize>,
    w: Vec<f64>,
    /// The prediction with all coefficients.
    eta: Vec<f64>,
    /// F and ∇F there, and the products of that with the columns.
    value: f64,
    u: Vec<f64>,
    gradient: Vec<f64>,
    /// Whether ∇F is not that of η yet, and in which blocks the products are those of ∇F.
    moved: bool,
    current: Vec<bool>,
    /// `2 (F − inf F)` where the batch began, near `‖∇F‖²` in the metric of the inverse Hessian: along a path that falls, and
    /// the gap of a model, which it scales, is only a measure of when to stop.
    energy: f64,
}

impl Inner {
    /// How many coefficients these blocks have.
    fn columns_of(&self, blocks: &[usize]) -> usize {
        blocks.iter().map(|&k| self.blocks[k].cols.len()).sum()
    }
}

impl<'a, D: Design, L: Loss, P: BlockPenalty> Engine<'a, D, L, P> {
    /// [`descend`](Self::descend) for a loss that is not quadratic.
    pub(super) fn descend_curved(&mut self, lambdas: &[f64], stop: InnerStop, between: &mut Between<'_>) -> Answers {
        let (partition, q) = (self.penalty.partition(), self.q);
        let columns: Vec<usize> = self.set.iter().flat_map(|&b| partition.block(b)).collect();
        let splits = self.splits_rows();
        let (mut blocks, mut keys, mut start) = (Vec::new(), Vec::new(), 0);
        for &id in &self.set {
            let len = partition.block(id).len() * q;
            if splits {
                blocks.extend((start..start + len).map(|c| Active { id, cols: c..c + 1 }));
                keys.extend(id * q..id * q + len);
            } else {
                blocks.push(Active { id, cols: start..start + len });
                keys.push(id);
            }
            start += len;
        }
        let (loss, eta) = (self.smooth.loss(), self.at.eta.clone());
        let nothing = vec![0.0; eta.len()];
        let mut inner = Inner {
            current: vec![false; blocks.len()],
            blocks,
            keys,
            w: self.gather(&self.w, &columns),
            value: loss.value(&eta),
            energy: 2.0 * loss.fenchel_young(&eta, &nothing),
            eta,
            u: nothing,
            gradient: vec![0.0; columns.len() * q],
            moved: true,
            columns,
        };
        let mut model = self
            .work
            .frozen
            .take()
            .unwrap_or_else(|| FrozenModel::new(if splits { partition.ncols() * q } else { partition.len() }));
        model.fresh = false;
        let mut answers = Answers { columns: Vec::new(), q, coefficients: Vec::new(), sweeps: Vec::new() };
        for (k, &lambda) in lambdas.iter().enumerate() {
            if k > 0 && between(answers.sweeps[k - 1], lambda).is_break() {
                break;
            }
            if k > 1 {
                let length = (lambdas[k - 1] / lambda).ln() / (lambdas[k - 2] / lambdas[k - 1]).ln();
                self.extrapolate(&mut inner, &answers.coefficients[k - 2], length, lambda);
            }
            answers.sweeps.push(self.newton_steps(&mut model, &mut inner, lambda, stop));
            answers.coefficients.push(inner.w.clone());
        }
        answers.columns = inner.columns;
        self.work.frozen = Some(model);
        answers
    }

    /// Whether the coefficients of a row of W are blocks of their own.
    fn splits_rows(&self) -> bool {
        self.q > 1 && self.penalty.partition().is_singletons() && self.penalty.is_entrywise()
    }

    /// The coefficients of a block of the inner problem, among all in W.
    fn coordinates(&self, key: usize) -> std::ops::Range<usize> {
        if self.splits_rows() {
            return key..key + 1;
        }
        let columns = self.penalty.partition().block(key);
        columns.start * self.q..columns.end * self.q
    }

    /// Steps until the gap over the working columns is small enough; returns the sweeps made.
    fn newton_steps(&self, model: &mut FrozenModel<'a>, inner: &mut Inner, lambda: f64, stop: InnerStop) -> usize {
        let (design, loss) = (self.smooth.design(), self.smooth.loss());
        let (mut sweeps, mut last_gap, mut loose, mut blind, mut useless) = (0, f64::INFINITY, None, false, false);
        let mut stop = stop;
        let mut critical = vec![0.0; inner.blocks.len()];
        let mut last: Option<Last> = None;
        if inner.moved {
            model.fresh = false;
        }
        for steps in 0..STEPS {
            if std::mem::take(&mut inner.moved) {
                loss.gradient(&inner.eta, &mut inner.u);
                inner.current.fill(false);
            }
            // Blocks that the model does without are looked at again only where the others have come to their end.
            let all: Vec<usize> = (0..inner.blocks.len()).collect();
            let mut looked: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&k| inner.current[k] || model.offsets[inner.keys[k]] != usize::MAX)
                .collect();
            if steps < 2 || inner.columns_of(&looked) as f64 > WORTHWHILE * inner.gradient.len() as f64 {
                looked.clone_from(&all);
            }
            let gap_over = |inner: &mut Inner, looked: &[usize], critical: &mut [f64]| {
                self.read_gradient(inner, looked);
                self.gap_over(model, inner, lambda, looked, critical)
            };
            let mut gap = gap_over(inner, &looked, &mut critical);
            if gap <= stop.gap && looked.len() < all.len() {
                gap = gap_over(inner, &all, &mut critical);
            }
            let out_of_time = stop.deadline.is_some_and(|d| Instant::now() >= d);
            // ∞ ≤ ∞ is no end: where nothing is known yet, a step has to be made.
            let closed = gap.is_finite() && gap <= stop.gap;
            if closed || sweeps >= stop.max_sweeps || out_of_time {
                break;
            }
            if gap.is_finite() {
                loose.get_or_insert(stop.gap >= LOOSE * gap);
            }
            let is_loose = loose.unwrap_or(true);

            // What the model is over: all that is not zero or may not stay so.
            let taken: Vec<usize> = (inner.blocks.iter().zip(&critical).zip(&inner.keys))
                .filter(|((b, c), _)| {
                    // NaN is taken.
                    let stays_zero = **c <= NEAR * lambda;
                    !stays_zero || inner.w[b.cols.clone()].iter().any(|&w| w != 0.0)
                })
                .map(|(_, &key)| key)
                .collect();
            if blind && gap > IDLE * last_gap {
                break;
            }
            // Blocks that the last step drove in have a part in the gap, and so has the change of λ in the first: they say
            // nothing about the model.
            let complete = steps > 1 && taken.iter().all(|&b| model.offsets[b] != usize::MAX);
            let stale = !model.fresh && (useless || (complete && self.is_stale(model, (last_gap, gap, stop.gap))));
            useless = false;
            if let Some(last) = last.take().filter(|_| !stale && !model.is_full(self.step_cost(model))) {
                last.teach(model, inner, design.nrows());
            }
            self.bring_up(model, &taken, &inner.eta, is_loose, stale);
            last_gap = gap;

            let left = stop.max_sweeps - sweeps;
            let step_stop = InnerStop {
                gap: (FORCING * gap).max(0.1 * stop.gap),
                max_sweeps: if is_loose { left.min(LOOSE_SWEEPS) } else { left },
                negligible: stop.negligible.min(1e-8 * FORCING * gap),
                newton: stop.newton && !is_loose,
                ..stop
            };
            let (w, modelled, made) = self.minimise_model(model, inner, &taken, lambda, step_stop);
            sweeps += made.max(1);
            if is_loose && made >= LOOSE_SWEEPS {
                loose = Some(false);
            }
            stop.newton_first = true;
            blind = false;
            let before =
                Last { eta: inner.eta.clone(), u: inner.u.clone(), gradient: inner.gradient.clone(), modelled };
            match self.search(inner, &w, lambda) {
                (Outcome::Nowhere, _) if model.fresh => {
                    let curvature = |(b, key): (&Active, &usize)| model.curvature(*key, b.cols.len());
                    let largest = inner.blocks.iter().zip(&inner.keys).map(curvature).fold(0.0, f64::max);
                    if self.penalty.is_convex() || !self.proximal_step(inner, lambda, largest) {
                        break;
                    }
                    (model.fresh, useless) = (false, true);
                }
                // The model is too old to show a way down.
                (Outcome::Nowhere, _) => useless = true,
                (outcome, length) => {
                    // A step that cannot be seen in the objective is one of rounding errors.
                    last = if outcome == Outcome::Lower { before.scaled(length) } else { None };
                    blind = model.fresh && outcome == Outcome::Unseen;
                    model.fresh = false;
                }
            }
        }
        sweeps
    }

    /// Brings the gradient of these blocks up to date.
    fn read_gradient(&self, inner: &mut Inner, blocks: &[usize]) {
        let (design, q) = (self.smooth.design(), self.q);
        let missing: Vec<usize> = blocks.iter().copied().filter(|&k| !inner.current[k]).collect();
        if missing.is_empty() {
            return;
        }
        if missing.len() == inner.blocks.len() {
            design.dot_scattered(&inner.columns, &inner.u, &mut inner.gradient);
            inner.current.fill(true);
            return;
        }
        // A column has all its responses at once.
        let mut places: Vec<usize> = missing
            .iter()
            .flat_map(|&k| inner.blocks[k].cols.start / q..inner.blocks[k].cols.end.div_ceil(q))
            .collect();
        places.dedup();
        let columns: Vec<usize> = places.iter().map(|&c| inner.columns[c]).collect();
        let mut gradient = vec![0.0; columns.len() * q];
        design.dot_scattered(&columns, &inner.u, &mut gradient);
        for (c, new) in places.into_iter().zip(gradient.chunks_exact(q)) {
            inner.gradient[c * q..(c + 1) * q].copy_from_slice(new);
        }
        missing.into_iter().for_each(|k| inner.current[k] = true);
    }

    /// The duality gap of the loss over these blocks, whose critical λs go to their places in `critical`.
    fn gap_over(
        &self,
        model: &FrozenModel<'a>,
        inner: &Inner,
        lambda: f64,
        blocks: &[usize],
        critical: &mut [f64],
    ) -> f64 {
        let slices = blocks.iter().map(|&k| {
            let (block, key) = (&inner.blocks[k], inner.keys[k]);
            let largest = model.curvature(key, block.cols.len());
            (block.id, &inner.w[block.cols.clone()], &inner.gradient[block.cols.clone()], largest)
        });
        let mut own = vec![0.0; blocks.len()];
        let gap = restricted_gap(self.penalty, lambda, slices, Some(&mut own), &mut Vec::new(), |scale| {
            let scaled: Vec<f64> = inner.u.iter().map(|u| scale * u).collect();
            self.smooth.loss().fenchel_young(&inner.eta, &scaled)
        });
        blocks.iter().zip(own).for_each(|(&k, own)| critical[k] = own);
        gap
    }

    /// Whether a new model is cheaper than the steps that the old one still needs at the rate of the last.
    fn is_stale(&self, model: &FrozenModel<'a>, (before, gap, wanted): (f64, f64, f64)) -> bool {
        if gap >= before {
            return true;
        }
        let (cost, k) = (self.smooth.design().column_cost(), model.coordinates.len() as f64);
        let per_step = self.step_cost(model) + model.secants_cost();
        // Groups have no factor that would be lost: the second derivatives of their norms are others at every step.
        let keeps_factor = self.penalty.partition().is_singletons() && (self.q == 1 || self.splits_rows());
        let factor = if keeps_factor { k * k * k / 3.0 } else { 0.0 };
        // Pairs of responses that have products at all, each pair once.
        let q = self.q as f64;
        let share = if matches!(model.hessian, Hessian::Diagonal(_)) { 1.0 / q } else { (q + 1.0) / (2.0 * q) };
        let (model_cost, least) = match model.products {
            Products::Gram { .. } => ((share * cost * k * k + factor) / MATRIX_SPEED, 2.0),
            Products::Rows { .. } | Products::CoupledRows { .. } => (0.0, 1.0),
        };
        let steps = (gap / wanted).ln() / (before / gap).ln();
        steps > least + model_cost / per_step
    }

    /// What a step costs without its secants: three passes over the columns in use, and in the form of products as much as
    /// so many passes over the matrix take (a solution, a few sweeps, what is learnt).
    fn step_cost(&self, model: &FrozenModel<'a>) -> f64 {
        let k = model.coordinates.len() as f64;
        6.0 * self.smooth.design().column_cost() * k + PASSES_OVER_PRODUCTS * k * k
    }

    /// Makes the model one of these blocks: anew at η if it is of the other form, too old or too large, else with what it
    /// lacks.
    fn bring_up(&self, model: &mut FrozenModel<'a>, taken: &[usize], eta: &[f64], loose: bool, stale: bool) {
        let (design, q) = (self.smooth.design(), self.q);
        let used: usize = taken.iter().map(|&key| self.coordinates(key).len()).sum();
        let is_rows = !matches!(model.products, Products::Gram { .. });
        // Coordinates of their own have a factor that is kept with the products.
        let splits = self.splits_rows();
        let most = gram_columns(design, self.penalty, if splits { 1 } else { q }).min(MOST_COORDINATES);
        let loosely = loose && (q == 1 || (!splits && self.prefers_rows(used)));
        let (in_rows, too_many) = match self.solver.form {
            Form::Gram => (false, false),
            Form::Residual => (true, true),
            Form::Auto => (loosely || used as f64 > most, used as f64 > HYSTERESIS * most),
        };
        // Losses that couple observations have no form over rows.
        let has_rows = |hessian: &Hessian<'_>| !matches!(hessian, Hessian::Operator(_));
        let missing = taken.iter().any(|&b| model.offsets[b] == usize::MAX);
        let oversized = model.coordinates.len() > used + used / 2 + 64;
        let other_form = if is_rows { !in_rows } else { has_rows(&model.hessian) && (too_many || (loosely && q > 1)) };
        let anew = stale || oversized || model.coordinates.is_empty() || other_form || (is_rows && missing);
        if anew {
            model.restart(self.smooth.loss().hessian(eta));
        }
        let new = model.enlist(taken, |key| self.coordinates(key));
        if anew && in_rows && has_rows(&model.hessian) {
            match (q, &model.hessian) {
                (1, Hessian::Diagonal(_)) => model.make_rows(design, new),
                _ => model.make_coupled_rows(design, new, q),
            }
        } else if anew || !new.is_empty() {
            model.extend_products(design, &new, q);
        }
    }

    /// Whether sweeps over rows cost less than products and sweeps over those; several responses.
    fn prefers_rows(&self, used: usize) -> bool {
        let (n, k) = (self.smooth.design().column_cost(), used as f64);
        let q = self.q as f64;
        let rows = SWEEPS * (2.0 * q + 2.0) * n * k;
        let products = (q + 1.0) / (2.0 * q) * n * k * k / (MATRIX_SPEED * STEPS_PER_MODEL) + 2.0 * SWEEPS * k * k;
        rows < products
    }

    /// Minimises the model plus penalty over these blocks; returns all working coefficients, the change of the model's
    /// gradient (in the form of products), and the sweeps made.
    fn minimise_model(
        &self,
        model: &mut FrozenModel<'a>,
        inner: &Inner,
        taken: &[usize],
        lambda: f64,
        stop: InnerStop,
    ) -> (Vec<f64>, Vec<f64>, usize) {
        // From places among the working coefficients to those in the model.
        let mut w = vec![0.0; model.coordinates.len()];
        let mut gradient = w.clone();
        let mut blocks = Vec::with_capacity(taken.len());
        let mut wanted = taken.iter();
        let mut next = wanted.next();
        for (block, key) in inner.blocks.iter().zip(&inner.keys) {
            let offset = model.offsets[*key];
            if offset == usize::MAX {
                continue;
            }
            let cols = offset..offset + block.cols.len();
            w[cols.clone()].copy_from_slice(&inner.w[block.cols.clone()]);
            gradient[cols.clone()].copy_from_slice(&inner.gradient[block.cols.clone()]);
            if next == Some(key) {
                blocks.push((block.cols.clone(), Active { id: block.id, cols }));
                next = wanted.next();
            }
        }
        let (places, blocks): (Vec<_>, Vec<Active>) = blocks.into_iter().unzip();
        let (modelled, sweeps) = match &model.products {
            Products::Gram { values, stride } => {
                let view = HessianView { values, stride: *stride };
                let quadratic = GramModel::new(view, 1, w.clone(), gradient.clone(), inner.energy);
                let mut state = quadratic.state();
                let parts = (&mut model.curvatures, &mut model.factor);
                let sweeps = self.descend_model(&quadratic, &blocks, parts, lambda, (&mut w, &mut state), stop);
                state.iter_mut().zip(&gradient).for_each(|(now, before)| *now -= before);
                (state, sweeps)
            }
            Products::CoupledRows { part, places, .. } => {
                let origin = w.clone();
                let quadratic = CoupledRows::new(part, &model.hessian, places, (&origin, &inner.u), inner.energy);
                let mut state = inner.u.clone();
                let parts = (&mut model.curvatures, &mut model.factor);
                (Vec::new(), self.descend_model(&quadratic, &blocks, parts, lambda, (&mut w, &mut state), stop))
            }
            Products::Rows { part, roots } => {
                let all: Vec<usize> = (0..model.coordinates.len()).collect();
                let quadratic = ResidualModel::new(part, &all, 1.0);
                let state = inner.u.iter().zip(roots).map(|(u, r)| if *r > 0.0 { u / r } else { 0.0 });
                let mut state: Vec<f64> = state.collect();
                let parts = (&mut model.curvatures, &mut model.factor);
                (Vec::new(), self.descend_model(&quadratic, &blocks, parts, lambda, (&mut w, &mut state), stop))
            }
        };
        let mut all = inner.w.clone();
        for (place, block) in places.into_iter().zip(&blocks) {
            all[place].copy_from_slice(&w[block.cols.clone()]);
        }
        (all, modelled, sweeps)
    }

    fn descend_model<M: Quadratic>(
        &self,
        quadratic: &M,
        blocks: &[Active],
        (curvatures, factor): (&mut Vec<Option<Box<Curvature>>>, &mut Factor),
        lambda: f64,
        (w, state): (&mut [f64], &mut [f64]),
        stop: InnerStop,
    ) -> usize {
        curvatures.resize(curvatures.len().max(w.len()), None);
        for block in blocks {
            let radial = self.penalty.radial(block.id, 1.0).is_some();
            let of_block = || Box::new(Curvature::new(quadratic, block.cols.clone(), radial));
            curvatures[block.cols.start].get_or_insert_with(of_block);
        }
        let curvatures: Vec<&Curvature> = blocks.iter().filter_map(|b| curvatures[b.cols.start].as_deref()).collect();
        let penalty = self.penalty;
        let descent = Descent { model: quadratic, penalty, lambda, blocks, curvatures: &curvatures, nresponses: 1 };
        descent.run(w, state, factor, stop)
    }

    /// Goes on along the path, on the line from the answer before the last through the last, if that lowers the objective;
    /// coefficients are closer to linear in log λ than in λ.
    fn extrapolate(&self, inner: &mut Inner, before: &[f64], length: f64, lambda: f64) {
        if !length.is_finite() {
            return;
        }
        let mut w = inner.w.clone();
        for block in &inner.blocks {
            let last = &inner.w[block.cols.clone()];
            let kinked = self.penalty.has_coordinate_kinks() || last.len() == 1;
            let smooth = self.penalty.is_free(block.id, lambda) || (!kinked && last.iter().any(|&w| w != 0.0));
            for ((w, last), before) in w[block.cols.clone()].iter_mut().zip(last).zip(&before[block.cols.clone()]) {
                let ahead = last + length * (last - before);
                // What reaches a kink stays there: where it goes next is not where it came from.
                *w = if smooth || ahead * last > 0.0 { ahead } else { 0.0 };
            }
        }
        let Some(mut eta) = self.change(inner, &w) else { return };
        eta.iter_mut().zip(&inner.eta).for_each(|(c, e)| *c += e);
        let value = self.smooth.loss().value(&eta);
        if value + self.penalty_of(inner, &w, lambda) < inner.value + self.penalty_of(inner, &inner.w, lambda) {
            (inner.eta, inner.w, inner.value, inner.moved) = (eta, w, value, true);
        }
    }

    /// λΩ over the blocks of the inner problem.
    fn penalty_of(&self, inner: &Inner, w: &[f64], lambda: f64) -> f64 {
        inner.blocks.iter().map(|b| self.penalty.value_block(b.id, lambda, &w[b.cols.clone()])).sum()
    }

    /// The change of η from the coefficients of the inner problem to others; `None` if they are the same.
    fn change(&self, inner: &Inner, w: &[f64]) -> Option<Vec<f64>> {
        let q = self.q;
        let delta: Vec<f64> = w.iter().zip(&inner.w).map(|(new, old)| new - old).collect();
        let moving: Vec<usize> =
            (0..inner.columns.len()).filter(|c| delta[c * q..(c + 1) * q].iter().any(|&d| d != 0.0)).collect();
        if moving.is_empty() {
            return None;
        }
        let columns: Vec<usize> = moving.iter().map(|&c| inner.columns[c]).collect();
        let deltas: Vec<f64> = moving.iter().flat_map(|&c| &delta[c * q..(c + 1) * q]).copied().collect();
        let mut change = vec![0.0; inner.eta.len()];
        self.smooth.design().axpy_scattered(&columns, &deltas, &mut change);
        Some(change)
    }

    /// A proximal gradient step, shortened until the objective falls; returns whether there was one. Along the line to the
    /// minimum of a model a penalty that is not convex may rise at first; a short step of this kind always goes down.
    fn proximal_step(&self, inner: &mut Inner, lambda: f64, curvature: f64) -> bool {
        let all: Vec<usize> = (0..inner.blocks.len()).collect();
        self.read_gradient(inner, &all);
        let before = inner.value + self.penalty_of(inner, &inner.w, lambda);
        let mut step = if curvature > 0.0 { 1.0 / curvature } else { 1.0 };
        for _ in 0..HALVINGS {
            let mut w: Vec<f64> = inner.w.iter().zip(&inner.gradient).map(|(w, g)| w - step * g).collect();
            for block in &inner.blocks {
                self.penalty.prox_block(block.id, lambda, step, &mut w[block.cols.clone()]);
            }
            let Some(mut eta) = self.change(inner, &w) else { return false };
            eta.iter_mut().zip(&inner.eta).for_each(|(c, e)| *c += e);
            let value = self.smooth.loss().value(&eta);
            if value + self.penalty_of(inner, &w, lambda) < before {
                (inner.eta, inner.w, inner.value, inner.moved) = (eta, w, value, true);
                return true;
            }
            step *= 0.5;
        }
        false
    }

    /// Goes towards `w` as far as lets the objective fall by a share of what the slope promises; returns the share of the way, too.
    fn search(&self, inner: &mut Inner, w: &[f64], lambda: f64) -> (Outcome, f64) {
        let loss = self.smooth.loss();
        let Some(change) = self.change(inner, w) else { return (Outcome::Nowhere, 0.0) };
        let omega = |w: &[f64]| self.penalty_of(inner, w, lambda);
        let (value, before) = (inner.value, omega(&inner.w));
        let steps = w.iter().zip(&inner.w).map(|(new, old)| new - old);
        let slope = inner.gradient.iter().zip(steps).map(|(g, d)| g * d).sum::<f64>() + omega(w) - before;
        // Next to the minimum the slope is a difference of rounding errors; the gap has the last word there.
        let unseen = BLIND * (value.abs() + before.abs());
        let blind = slope.abs() <= unseen;
        if slope.is_nan() || (slope >= 0.0 && !blind) {
            return (Outcome::Nowhere, 0.0);
        }
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let eta: Vec<f64> = inner.eta.iter().zip(&change).map(|(e, c)| e + length * c).collect();
            let w: Vec<f64> = if length == 1.0 {
                w.to_vec()
            } else {
                inner.w.iter().zip(w).map(|(old, new)| old + length * (new - old)).collect()
            };
            let smooth = loss.value(&eta);
            let reached = smooth + omega(&w);
            if reached - (value + before) <= if blind { unseen } else { DECREASE * length * slope } {
                (inner.eta, inner.w, inner.value, inner.moved) = (eta, w, smooth, true);
                return (if blind { Outcome::Unseen } else { Outcome::Lower }, length);
            }
            length *= 0.5;
        }
        (Outcome::Nowhere, 0.0)
    }
}
