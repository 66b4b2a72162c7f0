//! The inner problem of a loss that is not quadratic: proximal Newton (Lee, Sun and Saunders 2014) on the working set.
//!
//! A quadratic model of the loss is minimised by the same descent as the squared loss, the step is searched along, and the
//! duality gap of the loss itself over the working columns says when to stop. The products of the model are kept as long
//! as steps with them still gain enough: they cost n|A|², everything else n|A|.
//!
//! The model has one response: with q of them, the coefficients of column c are the coordinates c·q … c·q + q − 1, so that
//! Hessians which differ between responses, or couple them, are matrices like any other.

use std::time::Instant;

use crate::design::Design;
use crate::loss::{Hessian, Loss};
use crate::penalty::BlockPenalty;
use crate::smooth::{GramModel, HessianView};
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent, InnerStop, Scratch};
use crate::solver::engine::Engine;
use crate::solver::forms::Answers;
use crate::solver::newton::Factor;

/// A model is made anew when a step with the old one leaves more than this share of the gap.
const STALE: f64 = 0.2;
/// Share of the gap to which a model is solved: steps are quadratic only next to the end.
const FORCING: f64 = 0.02;
/// Armijo's constant, and halvings of a step.
const DECREASE: f64 = 1e-4;
const HALVINGS: usize = 40;
/// A promised decrease below this share of the objective cannot be seen in its values.
const BLIND: f64 = 1e-13;
/// Models after which the inner problem is handed back.
const MODELS: usize = 60;

/// A quadratic model of the loss over some columns, and where it was made.
pub(super) struct FrozenModel<'a> {
    hessian: Hessian<'a>,
    columns: Vec<usize>,
    /// Where a block's columns start among `columns`, usize::MAX if they are not there.
    offsets: Vec<usize>,
    /// X_Aᵀ∇²F X_A over coordinates, column-major.
    values: Vec<f64>,
    stride: usize,
    curvatures: Vec<Option<Box<Curvature>>>,
    factor: Factor,
    /// It was made at the prediction that the inner problem stands at.
    fresh: bool,
}

impl<'a> FrozenModel<'a> {
    fn new(hessian: Hessian<'a>, nblocks: usize) -> Self {
        Self {
            hessian,
            columns: Vec::new(),
            offsets: vec![usize::MAX; nblocks],
            values: Vec::new(),
            stride: 0,
            curvatures: vec![None; nblocks],
            factor: Factor::default(),
            fresh: true,
        }
    }

    fn size(&self, q: usize) -> usize {
        self.columns.len() * q
    }

    /// The products of more columns with each other and with those that are there.
    fn extend<D: Design>(&mut self, design: &D, new: &[usize], q: usize) {
        if new.is_empty() {
            return;
        }
        let (old, added) = (self.size(q), new.len() * q);
        let total = old + added;
        if total > self.stride {
            let stride = total.max(self.stride + self.stride / 4).next_multiple_of(8);
            let mut values = vec![0.0; stride * stride];
            for c in 0..old {
                values[c * stride..c * stride + old]
                    .copy_from_slice(&self.values[c * self.stride..c * self.stride + old]);
            }
            (self.values, self.stride) = (values, stride);
        }
        let (stride, values) = (self.stride, &mut self.values);
        products(design, &self.hessian, q, (new, new), |i, j, v| values[(old + j) * stride + old + i] = v);
        products(design, &self.hessian, q, (&self.columns, new), |i, j, v| {
            values[(old + j) * stride + i] = v;
            values[i * stride + old + j] = v;
        });
        self.columns.extend_from_slice(new);
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
    let mut part = vec![0.0; rows * right.len()];
    let mut each = |part: &[f64], places: &[(usize, usize)]| {
        for (b, part) in part.chunks_exact(rows).enumerate() {
            for (a, &v) in part.iter().enumerate() {
                places.iter().for_each(|(s, t)| put(a * q + s, b * q + t, v));
            }
        }
    };
    match hessian {
        Hessian::Diagonal(h) => {
            for (t, h) in h.chunks_exact(n).enumerate() {
                design.weighted_gram(left, right, h, &mut part);
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
            each(&part, &[(0, 0)]);
        }
    }
}

impl<'a, D: Design, L: Loss, P: BlockPenalty> Engine<'a, D, L, P> {
    /// The model with the products of all working columns, made here if there is none or if most of it is not in use.
    fn frozen(&mut self) -> FrozenModel<'a> {
        let (partition, q, nblocks) = (self.penalty.partition(), self.q, self.penalty.partition().len());
        let loss = self.smooth.loss();
        let used = self.columns(&self.set);
        let mut model = match self.work.frozen.take() {
            Some(mut model) if model.columns.len() <= used + used / 2 + 64 => {
                model.fresh = false;
                model
            }
            _ => FrozenModel::new(loss.hessian(&self.at.eta), nblocks),
        };
        let mut missing = Vec::new();
        let mut end = model.columns.len();
        for &b in self.set.iter().filter(|&&b| model.offsets[b] == usize::MAX).collect::<Vec<_>>() {
            let cols = partition.block(b);
            model.offsets[b] = end;
            end += cols.len();
            missing.extend(cols);
        }
        model.extend(self.smooth.design(), &missing, q);
        model
    }

    /// The model of the same columns at this prediction.
    fn refreshed(&self, old: FrozenModel<'a>, eta: &[f64]) -> FrozenModel<'a> {
        let mut model = FrozenModel::new(self.smooth.loss().hessian(eta), old.offsets.len());
        model.offsets = old.offsets;
        model.extend(self.smooth.design(), &old.columns, self.q);
        model
    }

    /// Solves the inner problem over the working set for each λ in turn, each from the answer before.
    pub(super) fn descend_curved(&mut self, lambdas: &[f64], stop: InnerStop) -> Answers {
        let mut model = self.frozen();
        let columns = model.columns.clone();
        let w = self.gather(&self.w, &columns);
        let eta = self.at.eta.clone();
        let mut answers = Answers { columns, q: self.q, coefficients: Vec::new(), sweeps: Vec::new() };
        let mut at = Iterate { w, eta };
        for &lambda in lambdas {
            let sweeps = self.newton_steps(&mut model, &mut at, lambda, stop);
            answers.sweeps.push(sweeps);
            answers.coefficients.push(at.w.clone());
        }
        self.work.frozen = Some(model);
        answers
    }

    /// Steps until the gap over the working columns is small enough; returns the sweeps made.
    fn newton_steps(&self, model: &mut FrozenModel<'a>, at: &mut Iterate, lambda: f64, stop: InnerStop) -> usize {
        let (design, loss, q) = (self.smooth.design(), self.smooth.loss(), self.q);
        let (partition, penalty) = (self.penalty.partition(), self.penalty);
        let blocks: Vec<Active> = (self.set.iter())
            .map(|&id| {
                let start = model.offsets[id] * q;
                Active { id, cols: start..start + partition.block(id).len() * q }
            })
            .collect();
        let omega =
            |w: &[f64]| -> f64 { blocks.iter().map(|b| penalty.value_block(b.id, lambda, &w[b.cols.clone()])).sum() };
        let mut scratch = Scratch::default();
        let (mut sweeps, mut newton_first) = (0, stop.newton_first);
        let mut last_gap = f64::INFINITY;
        let mut u = vec![0.0; at.eta.len()];
        let mut gradient = vec![0.0; at.w.len()];
        for _ in 0..MODELS {
            loss.gradient(&at.eta, &mut u);
            design.dot_scattered(&model.columns, &u, &mut gradient);
            let energy = 2.0 * loss.fenchel_young(&at.eta, &vec![0.0; u.len()]);
            if model.curvatures.iter().all(|c| c.is_none()) || blocks.iter().any(|b| model.curvatures[b.id].is_none()) {
                self.curvatures(model, &blocks, &gradient, &at.w);
            }
            let mut factor = std::mem::take(&mut model.factor);
            let view = HessianView { values: &model.values, stride: model.stride };
            let quadratic = GramModel::new(view, 1, at.w.clone(), gradient.clone(), energy);
            let curvatures: Vec<&Curvature> = blocks.iter().filter_map(|b| model.curvatures[b.id].as_deref()).collect();
            let inner =
                Descent { model: &quadratic, penalty, lambda, blocks: &blocks, curvatures: &curvatures, nresponses: 1 };
            let gap = inner.gap_at(&at.w, &gradient, &mut scratch, |scale| {
                let scaled: Vec<f64> = u.iter().map(|u| scale * u).collect();
                loss.fenchel_young(&at.eta, &scaled)
            });
            let out_of_time = stop.deadline.is_some_and(|d| Instant::now() >= d);
            if gap <= stop.gap || sweeps >= stop.max_sweeps || out_of_time {
                model.factor = factor;
                break;
            }
            let slow = gap > STALE * last_gap;
            if !model.fresh && slow && last_gap.is_finite() {
                let old = std::mem::replace(model, FrozenModel::new(Hessian::Diagonal(Vec::new()), 0));
                *model = self.refreshed(old, &at.eta);
                last_gap = f64::INFINITY;
                continue;
            }
            last_gap = gap;
            let (mut w, mut state) = (at.w.clone(), quadratic.state());
            let inner_stop = InnerStop {
                gap: (FORCING * gap).max(0.1 * stop.gap),
                max_sweeps: stop.max_sweeps - sweeps,
                negligible: stop.negligible.min(1e-8 * FORCING * gap),
                newton_first,
                ..stop
            };
            sweeps += inner.run(&mut w, &mut state, &mut factor, inner_stop).max(1);
            model.factor = factor;
            newton_first = true;
            let moved = self.search(model, at, &w, &gradient, omega);
            if !moved {
                if model.fresh {
                    break;
                }
                let old = std::mem::replace(model, FrozenModel::new(Hessian::Diagonal(Vec::new()), 0));
                *model = self.refreshed(old, &at.eta);
                last_gap = f64::INFINITY;
                continue;
            }
            model.fresh = false;
        }
        sweeps
    }

    /// The Hessians of the blocks that have none yet.
    fn curvatures(&self, model: &mut FrozenModel<'a>, blocks: &[Active], gradient: &[f64], w: &[f64]) {
        let view = HessianView { values: &model.values, stride: model.stride };
        let quadratic = GramModel::new(view, 1, w.to_vec(), gradient.to_vec(), 0.0);
        for block in blocks {
            let radial = self.penalty.radial(block.id, 1.0).is_some();
            model.curvatures[block.id]
                .get_or_insert_with(|| Box::new(Curvature::new(&quadratic, block.cols.clone(), radial)));
        }
    }

    /// Goes towards `w` as far as lets the objective fall by a share of what the model's slope promises.
    fn search(
        &self,
        model: &FrozenModel<'a>,
        at: &mut Iterate,
        w: &[f64],
        gradient: &[f64],
        omega: impl Fn(&[f64]) -> f64,
    ) -> bool {
        let (design, loss, q) = (self.smooth.design(), self.smooth.loss(), self.q);
        let delta: Vec<f64> = w.iter().zip(&at.w).map(|(new, old)| new - old).collect();
        let moving: Vec<usize> =
            (0..model.columns.len()).filter(|c| delta[c * q..(c + 1) * q].iter().any(|&d| d != 0.0)).collect();
        if moving.is_empty() {
            return false;
        }
        let columns: Vec<usize> = moving.iter().map(|&c| model.columns[c]).collect();
        let deltas: Vec<f64> = moving.iter().flat_map(|&c| &delta[c * q..(c + 1) * q]).copied().collect();
        let mut change = vec![0.0; at.eta.len()];
        design.axpy_scattered(&columns, &deltas, &mut change);
        let (value, penalty) = (loss.value(&at.eta), omega(&at.w));
        let slope = gradient.iter().zip(&delta).map(|(g, d)| g * d).sum::<f64>() + omega(w) - penalty;
        if slope.is_nan() || slope >= 0.0 {
            return false;
        }
        let blind = -slope <= BLIND * (value.abs() + penalty.abs());
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let eta: Vec<f64> = at.eta.iter().zip(&change).map(|(e, c)| e + length * c).collect();
            let w: Vec<f64> =
                if length == 1.0 { w.to_vec() } else { at.w.iter().zip(&delta).map(|(w, d)| w + length * d).collect() };
            let reached = loss.value(&eta) + omega(&w);
            if reached - (value + penalty) <= DECREASE * length * slope || (blind && reached.is_finite()) {
                *at = Iterate { w, eta };
                return true;
            }
            length *= 0.5;
        }
        false
    }
}

/// The coefficients of the model's columns, and the prediction with all.
struct Iterate {
    w: Vec<f64>,
    eta: Vec<f64>,
}
