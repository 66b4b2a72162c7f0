//! The inner problem of a loss that is not quadratic: proximal Newton (Lee, Sun and Saunders 2014) on the working set.
//!
//! A quadratic model of the loss is minimised by the same descent as the squared loss, the step is searched along, and the
//! duality gap of the loss itself over the working columns says when to stop. Two forms, as for the squared loss: rows,
//! which are cheap to make and dear to finish with, and products, which cost n|A|² and are therefore kept as long as steps
//! with them still gain enough.
//!
//! The model has one response: with q of them, the coefficients of column c are the coordinates c·q … c·q + q − 1, so that
//! Hessians which differ between responses, or couple them, are matrices like any other.

use std::borrow::Cow;
use std::time::Instant;

use crate::design::{AnyDesign, Dense, Design};
use crate::loss::{Hessian, Loss};
use crate::penalty::BlockPenalty;
use crate::smooth::{GramModel, HessianView, Quadratic, ResidualModel};
use crate::solver::block_descent::Form;
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent, InnerStop, restricted_gap};
use crate::solver::engine::Engine;
use crate::solver::forms::Answers;
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
/// Models after which the inner problem is handed back.
const MODELS: usize = 60;
/// Blocks that are zero are part of a model if their critical λ is above this share of λ.
const NEAR: f64 = 0.97;
/// Where no more than this share of the gap is to go, sweeps over rows are enough.
const LOOSE: f64 = 0.05;
/// Curvature of a row that has none, relative to the largest: too little to be felt where others have some.
const LEAST_CURVATURE: f64 = 1e-12;
/// New columns up to which products with the old ones are taken one by one.
const FEW: usize = 16;
/// Coordinates beyond which products cost more memory than they save time.
const MOST_COORDINATES: usize = 6000;

/// A quadratic model of the loss over some columns, and where it was made.
pub(super) struct FrozenModel<'a> {
    hessian: Hessian<'a>,
    products: Products,
    columns: Vec<usize>,
    /// Where a block's columns start among `columns`, usize::MAX if they are not there.
    offsets: Vec<usize>,
    curvatures: Vec<Option<Box<Curvature>>>,
    factor: Factor,
    /// It was made at the prediction that the inner problem stands at.
    fresh: bool,
}

enum Products {
    /// X_Aᵀ∇²F X_A over coordinates, column-major.
    Gram { values: Vec<f64>, stride: usize },
    /// √h X_A and √h; one response.
    Rows { part: AnyDesign<'static>, roots: Vec<f64> },
}

impl<'a> FrozenModel<'a> {
    fn new(nblocks: usize) -> Self {
        Self {
            hessian: Hessian::Diagonal(Vec::new()),
            products: Products::Gram { values: Vec::new(), stride: 0 },
            columns: Vec::new(),
            offsets: vec![usize::MAX; nblocks],
            curvatures: vec![None; nblocks],
            factor: Factor::default(),
            fresh: false,
        }
    }

    /// No columns, and a Hessian to make products with.
    fn restart(&mut self, hessian: Hessian<'a>) {
        self.hessian = hessian;
        self.columns.clear();
        self.offsets.fill(usize::MAX);
        self.curvatures.fill(None);
        self.factor = Factor::default();
        self.fresh = true;
    }

    /// Takes blocks in: these columns of the design.
    fn enlist(&mut self, blocks: &[usize], columns: impl Fn(usize) -> std::ops::Range<usize>) -> Vec<usize> {
        let mut new = Vec::new();
        for &b in blocks {
            if self.offsets[b] != usize::MAX {
                continue;
            }
            self.offsets[b] = self.columns.len() + new.len();
            new.extend(columns(b));
        }
        new
    }

    /// The model over rows.
    fn make_rows<D: Design>(&mut self, design: &D, columns: Vec<usize>) {
        let Hessian::Diagonal(h) = &self.hessian else { return };
        let n = design.nrows();
        // A row without curvature still has a gradient, which the state holds divided by the root.
        let least = LEAST_CURVATURE * h.iter().copied().fold(0.0, f64::max);
        let roots: Vec<f64> = h.iter().map(|h| h.max(least).sqrt()).collect();
        let part = match design.scaled_columns(&columns, &roots) {
            Some(part) => AnyDesign::Csc(Cow::Owned(part)),
            None => {
                let mut values = vec![0.0; n * columns.len()];
                for (&j, x) in columns.iter().zip(values.chunks_exact_mut(n)) {
                    design.column(j, x);
                    x.iter_mut().zip(&roots).for_each(|(x, root)| *x *= root);
                }
                AnyDesign::Dense(Dense::from_gathered(values, n, columns.len()))
            }
        };
        self.columns = columns;
        self.products = Products::Rows { part, roots };
    }

    /// The products of more columns with each other and with those that are there.
    fn extend_products<D: Design>(&mut self, design: &D, new: &[usize], q: usize) {
        let (mut values, stride) =
            match std::mem::replace(&mut self.products, Products::Gram { values: vec![], stride: 0 }) {
                Products::Gram { values, stride } => (values, stride),
                Products::Rows { .. } => (Vec::new(), 0),
            };
        let (old, added) = (self.columns.len() * q, new.len() * q);
        let total = old + added;
        let stride = if old == 0 {
            // The buffer of the model before, if it is large enough: fresh memory costs as much as some products.
            let stride = total.next_multiple_of(8);
            if q > 1 {
                // Products of different responses may not be written, and stood elsewhere at another stride.
                values.clear();
            }
            values.resize(stride * stride, 0.0);
            stride
        } else if total > stride {
            let wider = total.max(stride + stride / 4).next_multiple_of(8);
            let mut moved = vec![0.0; wider * wider];
            for c in 0..old {
                moved[c * wider..c * wider + old].copy_from_slice(&values[c * stride..c * stride + old]);
            }
            values = moved;
            wider
        } else {
            stride
        };
        if !new.is_empty() {
            products(design, &self.hessian, q, (new, new), |i, j, v| values[(old + j) * stride + old + i] = v);
            products(design, &self.hessian, q, (&self.columns, new), |i, j, v| {
                values[(old + j) * stride + i] = v;
                values[i * stride + old + j] = v;
            });
        }
        self.columns.extend_from_slice(new);
        self.products = Products::Gram { values, stride };
    }
}

/// Hands the entries of `X_leftᵀ∇²F X_right` over coordinates to `put(row, column, value)`.
fn products<D: Design>(
    design: &D,
    hessian: &Hessian<'_>,
    q: usize,
    (left, right): (&[usize], &[usize]),
    mut put: impl FnMut(usize, usize, f64),
) {
    if left.is_empty() || right.is_empty() {
        return;
    }
    let (n, rows) = (design.nrows(), left.len());
    // Few new columns: the others are read, not copied.
    let few = right.len() <= FEW && 4 * right.len() <= rows;
    let by_images = |apply: &dyn Fn(&[f64], &mut [f64]), part: &mut [f64]| {
        let mut images = vec![0.0; n * right.len()];
        let mut column = vec![0.0; n];
        for (&j, image) in right.iter().zip(images.chunks_exact_mut(n)) {
            design.column(j, &mut column);
            apply(&column, image);
        }
        let mut across = vec![0.0; part.len()];
        design.dot_scattered(left, &images, &mut across);
        for (a, across) in across.chunks_exact(right.len()).enumerate() {
            across.iter().enumerate().for_each(|(b, v)| part[b * rows + a] = *v);
        }
    };
    let mut part = vec![0.0; rows * right.len()];
    let mut each = |part: &[f64], places: &[(usize, usize)]| {
        for (b, part) in part.chunks_exact(rows).enumerate() {
            for &(s, t) in places {
                part.iter().enumerate().for_each(|(a, &v)| put(a * q + s, b * q + t, v));
            }
        }
    };
    match hessian {
        Hessian::Diagonal(h) => {
            for (t, h) in h.chunks_exact(n).enumerate() {
                if few {
                    let scaled = |x: &[f64], out: &mut [f64]| {
                        out.iter_mut().zip(x).zip(h).for_each(|((o, x), h)| *o = h * x);
                    };
                    by_images(&scaled, &mut part);
                } else {
                    design.weighted_gram(left, right, h, &mut part);
                }
                each(&part, &[(t, t)]);
            }
        }
        Hessian::PerRow(h) => {
            for s in 0..q {
                for t in s..q {
                    let h = &h[(s * q + t) * n..(s * q + t + 1) * n];
                    design.weighted_gram(left, right, h, &mut part);
                    let places = [(s, t), (t, s)];
                    each(&part, &places[..if s == t { 1 } else { 2 }]);
                }
            }
        }
        Hessian::Operator(apply) => {
            // What column b as a prediction of response t does to response s.
            for (s, t) in (0..q).flat_map(|s| (0..q).map(move |t| (s, t))) {
                let coupled = |x: &[f64], out: &mut [f64]| {
                    let (mut input, mut output) = (vec![0.0; n * q], vec![0.0; n * q]);
                    input[t * n..(t + 1) * n].copy_from_slice(x);
                    apply(&input, &mut output);
                    out.copy_from_slice(&output[s * n..(s + 1) * n]);
                };
                by_images(&coupled, &mut part);
                each(&part, &[(s, t)]);
            }
        }
    }
}

/// How a search along a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The objective fell.
    Lower,
    /// The step was taken, but what it gains is too small to be seen in the objective.
    Unseen,
    Nowhere,
}

/// The working columns of an inner problem, and where it stands.
struct Inner {
    /// (block, where its coefficients are in `w`).
    blocks: Vec<Active>,
    columns: Vec<usize>,
    w: Vec<f64>,
    /// The prediction with all coefficients.
    eta: Vec<f64>,
    /// ∇F and its products with the columns.
    u: Vec<f64>,
    gradient: Vec<f64>,
}

impl<'a, D: Design, L: Loss, P: BlockPenalty> Engine<'a, D, L, P> {
    /// Solves the inner problem over the working set for each λ in turn, each from the answer before.
    pub(super) fn descend_curved(&mut self, lambdas: &[f64], stop: InnerStop) -> Answers {
        let (partition, q) = (self.penalty.partition(), self.q);
        let columns: Vec<usize> = self.set.iter().flat_map(|&b| partition.block(b)).collect();
        let mut start = 0;
        let blocks: Vec<Active> = (self.set.iter())
            .map(|&id| {
                let len = partition.block(id).len() * q;
                start += len;
                Active { id, cols: start - len..start }
            })
            .collect();
        let mut inner = Inner {
            blocks,
            w: self.gather(&self.w, &columns),
            eta: self.at.eta.clone(),
            u: vec![0.0; self.at.eta.len()],
            gradient: vec![0.0; columns.len() * q],
            columns,
        };
        let mut model = self.work.frozen.take().unwrap_or_else(|| FrozenModel::new(partition.len()));
        model.fresh = false;
        let mut answers = Answers { columns: Vec::new(), q, coefficients: Vec::new(), sweeps: Vec::new() };
        for &lambda in lambdas {
            answers.sweeps.push(self.newton_steps(&mut model, &mut inner, lambda, stop));
            answers.coefficients.push(inner.w.clone());
        }
        answers.columns = inner.columns;
        self.work.frozen = Some(model);
        answers
    }

    /// Steps until the gap over the working columns is small enough; returns the sweeps made.
    fn newton_steps(&self, model: &mut FrozenModel<'a>, inner: &mut Inner, lambda: f64, stop: InnerStop) -> usize {
        let (design, loss, penalty) = (self.smooth.design(), self.smooth.loss(), self.penalty);
        let (mut sweeps, mut last_gap, mut loose, mut blind, mut useless) = (0, f64::INFINITY, None, false, false);
        let mut stop = stop;
        let mut buffer = Vec::new();
        let mut critical = vec![0.0; inner.blocks.len()];
        for steps in 0..MODELS {
            loss.gradient(&inner.eta, &mut inner.u);
            design.dot_scattered(&inner.columns, &inner.u, &mut inner.gradient);
            let slices = inner.blocks.iter().map(|block| {
                let largest = model.curvatures[block.id].as_ref().map_or(0.0, |c| c.largest);
                (block.id, &inner.w[block.cols.clone()], &inner.gradient[block.cols.clone()], largest)
            });
            let gap = restricted_gap(penalty, lambda, slices, Some(&mut critical), &mut buffer, |scale| {
                let scaled: Vec<f64> = inner.u.iter().map(|u| scale * u).collect();
                loss.fenchel_young(&inner.eta, &scaled)
            });
            let out_of_time = stop.deadline.is_some_and(|d| Instant::now() >= d);
            // ∞ ≤ ∞ is no end: where nothing is known yet, a step has to be made.
            let closed = gap.is_finite() && gap <= stop.gap;
            if closed || sweeps >= stop.max_sweeps || out_of_time {
                break;
            }
            if gap.is_finite() {
                loose.get_or_insert(stop.gap >= LOOSE * gap);
            }
            let loose = loose.unwrap_or(true);

            // What the model is over: all that is not zero or may not stay so.
            let taken: Vec<usize> = (inner.blocks.iter().zip(&critical))
                .filter(|(b, c)| {
                    // NaN is taken.
                    let stays_zero = **c <= NEAR * lambda;
                    !stays_zero || inner.w[b.cols.clone()].iter().any(|&w| w != 0.0)
                })
                .map(|(b, _)| b.id)
                .collect();
            if blind && gap > IDLE * last_gap {
                break;
            }
            // Blocks that the last step drove in have a part in the gap, and so has the change of λ in the first: they say
            // nothing about the model.
            let complete = steps > 1 && taken.iter().all(|&b| model.offsets[b] != usize::MAX);
            let stale = !model.fresh && (useless || (complete && self.is_stale(model, (last_gap, gap, stop.gap))));
            useless = false;
            self.bring_up(model, &taken, &inner.eta, loose, stale);
            last_gap = gap;

            let step_stop = InnerStop {
                gap: (FORCING * gap).max(0.1 * stop.gap),
                max_sweeps: stop.max_sweeps - sweeps,
                negligible: stop.negligible.min(1e-8 * FORCING * gap),
                newton: stop.newton && !loose,
                ..stop
            };
            let (w, made) = self.minimise_model(model, inner, &taken, lambda, step_stop);
            sweeps += made.max(1);
            stop.newton_first = true;
            blind = false;
            match self.search(inner, &w, lambda) {
                Outcome::Nowhere if model.fresh => break,
                // The model is too old to show a way down.
                Outcome::Nowhere => useless = true,
                outcome => {
                    blind = model.fresh && outcome == Outcome::Unseen;
                    model.fresh = false;
                }
            }
        }
        sweeps
    }

    /// Whether a new model is cheaper than the steps that the old one still needs at the rate of the last.
    fn is_stale(&self, model: &FrozenModel<'a>, (before, gap, wanted): (f64, f64, f64)) -> bool {
        if gap >= before {
            return true;
        }
        let (n, k) = (self.smooth.design().nrows() as f64, (model.columns.len() * self.q) as f64);
        let per_step = 6.0 * self.smooth.design().column_cost() * k + 2.0 * k * k;
        let (model_cost, least) = match model.products {
            Products::Gram { .. } => ((n * k * k + k * k * k / 3.0) / MATRIX_SPEED, 2.0),
            Products::Rows { .. } => (0.0, 1.0),
        };
        let steps = (gap / wanted).ln() / (before / gap).ln();
        steps > least + model_cost / per_step
    }

    /// Makes the model one of these blocks: anew at η if it is of the other form, too old or too large, else with what it
    /// lacks.
    fn bring_up(&self, model: &mut FrozenModel<'a>, taken: &[usize], eta: &[f64], loose: bool, stale: bool) {
        let (design, q, partition) = (self.smooth.design(), self.q, self.penalty.partition());
        let used = self.columns(taken);
        let in_rows = match self.solver.form {
            Form::Gram => false,
            Form::Residual => true,
            Form::Auto => loose || used * q > MOST_COORDINATES,
        };
        let is_rows = matches!(model.products, Products::Rows { .. });
        let missing = taken.iter().any(|&b| model.offsets[b] == usize::MAX);
        let oversized = model.columns.len() > used + used / 2 + 64;
        let anew = stale || oversized || model.columns.is_empty() || (is_rows && (missing || !in_rows));
        if anew {
            model.restart(self.smooth.loss().hessian(eta));
        }
        // There is no form over rows for Hessians that are not diagonal.
        let new = model.enlist(taken, |b| partition.block(b));
        let wants_rows = in_rows && q == 1 && matches!(model.hessian, Hessian::Diagonal(_));
        if anew && wants_rows {
            model.make_rows(design, new);
        } else if anew || !new.is_empty() {
            model.extend_products(design, &new, q);
        }
    }

    /// Minimises the model plus penalty over these blocks; returns all working coefficients and the sweeps made.
    fn minimise_model(
        &self,
        model: &mut FrozenModel<'a>,
        inner: &Inner,
        taken: &[usize],
        lambda: f64,
        stop: InnerStop,
    ) -> (Vec<f64>, usize) {
        let q = self.q;
        // From places among the working coefficients to those in the model.
        let mut w = vec![0.0; model.columns.len() * q];
        let mut gradient = w.clone();
        let mut blocks = Vec::with_capacity(taken.len());
        let mut wanted = taken.iter();
        let mut next = wanted.next();
        for block in &inner.blocks {
            let offset = model.offsets[block.id];
            if offset == usize::MAX {
                continue;
            }
            let cols = offset * q..offset * q + block.cols.len();
            w[cols.clone()].copy_from_slice(&inner.w[block.cols.clone()]);
            gradient[cols.clone()].copy_from_slice(&inner.gradient[block.cols.clone()]);
            if next == Some(&block.id) {
                blocks.push((block.cols.clone(), Active { id: block.id, cols }));
                next = wanted.next();
            }
        }
        let (places, blocks): (Vec<_>, Vec<Active>) = blocks.into_iter().unzip();
        let sweeps = match &model.products {
            Products::Gram { values, stride } => {
                let view = HessianView { values, stride: *stride };
                let energy = 2.0 * self.smooth.loss().fenchel_young(&inner.eta, &vec![0.0; inner.u.len()]);
                let quadratic = GramModel::new(view, 1, w.clone(), gradient, energy);
                let state = quadratic.state();
                let parts = (&mut model.curvatures[..], &mut model.factor);
                self.descend_model(&quadratic, &blocks, parts, lambda, (&mut w, state), stop)
            }
            Products::Rows { part, roots } => {
                let all: Vec<usize> = (0..model.columns.len()).collect();
                let quadratic = ResidualModel::new(part, &all, 1.0);
                let state = inner.u.iter().zip(roots).map(|(u, r)| if *r > 0.0 { u / r } else { 0.0 }).collect();
                let parts = (&mut model.curvatures[..], &mut model.factor);
                self.descend_model(&quadratic, &blocks, parts, lambda, (&mut w, state), stop)
            }
        };
        let mut all = inner.w.clone();
        for (place, block) in places.into_iter().zip(&blocks) {
            all[place].copy_from_slice(&w[block.cols.clone()]);
        }
        (all, sweeps)
    }

    fn descend_model<M: Quadratic>(
        &self,
        quadratic: &M,
        blocks: &[Active],
        (curvatures, factor): (&mut [Option<Box<Curvature>>], &mut Factor),
        lambda: f64,
        (w, mut state): (&mut [f64], Vec<f64>),
        stop: InnerStop,
    ) -> usize {
        for block in blocks {
            let radial = self.penalty.radial(block.id, 1.0).is_some();
            curvatures[block.id].get_or_insert_with(|| Box::new(Curvature::new(quadratic, block.cols.clone(), radial)));
        }
        let curvatures: Vec<&Curvature> = blocks.iter().filter_map(|b| curvatures[b.id].as_deref()).collect();
        let penalty = self.penalty;
        let descent = Descent { model: quadratic, penalty, lambda, blocks, curvatures: &curvatures, nresponses: 1 };
        descent.run(w, &mut state, factor, stop)
    }

    /// Goes towards `w` as far as lets the objective fall by a share of what the slope promises.
    fn search(&self, inner: &mut Inner, w: &[f64], lambda: f64) -> Outcome {
        let (design, loss, penalty, q) = (self.smooth.design(), self.smooth.loss(), self.penalty, self.q);
        let delta: Vec<f64> = w.iter().zip(&inner.w).map(|(new, old)| new - old).collect();
        let moving: Vec<usize> =
            (0..inner.columns.len()).filter(|c| delta[c * q..(c + 1) * q].iter().any(|&d| d != 0.0)).collect();
        if moving.is_empty() {
            return Outcome::Nowhere;
        }
        let columns: Vec<usize> = moving.iter().map(|&c| inner.columns[c]).collect();
        let deltas: Vec<f64> = moving.iter().flat_map(|&c| &delta[c * q..(c + 1) * q]).copied().collect();
        let mut change = vec![0.0; inner.eta.len()];
        design.axpy_scattered(&columns, &deltas, &mut change);
        let omega = |w: &[f64]| -> f64 {
            inner.blocks.iter().map(|b| penalty.value_block(b.id, lambda, &w[b.cols.clone()])).sum()
        };
        let (value, before) = (loss.value(&inner.eta), omega(&inner.w));
        let slope = inner.gradient.iter().zip(&delta).map(|(g, d)| g * d).sum::<f64>() + omega(w) - before;
        // Next to the minimum the slope is a difference of rounding errors; the gap has the last word there.
        let unseen = BLIND * (value.abs() + before.abs());
        let blind = slope.abs() <= unseen;
        if slope.is_nan() || (slope >= 0.0 && !blind) {
            return Outcome::Nowhere;
        }
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let eta: Vec<f64> = inner.eta.iter().zip(&change).map(|(e, c)| e + length * c).collect();
            let w: Vec<f64> = if length == 1.0 {
                w.to_vec()
            } else {
                inner.w.iter().zip(&delta).map(|(w, d)| w + length * d).collect()
            };
            let reached = loss.value(&eta) + omega(&w);
            if reached - (value + before) <= if blind { unseen } else { DECREASE * length * slope } {
                (inner.eta, inner.w) = (eta, w);
                return if blind { Outcome::Unseen } else { Outcome::Lower };
            }
            length *= 0.5;
        }
        Outcome::Nowhere
    }
}
