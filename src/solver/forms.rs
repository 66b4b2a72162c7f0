//! The inner problem in its forms: Gram matrix, residual, residual over a gathered copy of the working columns.
//!
//! Each form is a quadratic model, the blocks in its local columns and a state; [`run`] is the same for all.

use std::ops::ControlFlow;

use crate::design::{Dense, Design};
use crate::kernels;
use crate::loss::Loss;
use crate::penalty::BlockPenalty;
use crate::smooth::{GramCache, GramModel, PartedCache, PartedGramModel, Quadratic, ResidualModel};
use crate::solver::block_descent::Form;
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::{Active, Descent, InnerStop};
use crate::solver::engine::Engine;
use crate::solver::frozen_model::FrozenModel;
use crate::solver::newton::Factor;

/// Gram matrices beyond this many columns cost more memory than they save time.
const GRAM_COLUMNS: usize = 6000;

/// Sweeps in residual form after which a problem is left to second-order steps: many, and as many as cost what these do, a
/// Gram matrix and its factor at the speed of matrix products, eight times that of sweeps.
fn stubborn(nrows: usize, columns: usize) -> usize {
    (columns / 16 + columns / 24 * columns / nrows.max(1)).max(500)
}

/// Columns up to which the Gram form is the cheaper one. A change costs |A| numbers there and twice the stored column in
/// residual form; single coefficients are mostly at rest and have the second-order finish, groups and rows of W mostly
/// move.
pub(super) fn gram_columns<D: Design, P: BlockPenalty>(design: &D, penalty: &P, q: usize) -> f64 {
    let single = q == 1 && penalty.partition().is_singletons();
    if single { (4.0 * design.column_cost()).max(1500.0) } else { design.column_cost() }
}

/// What inner problems leave for the next ones.
pub(super) struct Workspace<'a> {
    cache: GramCache,
    /// In place of it where columns fall into parts.
    parted: PartedCache,
    /// Where a block's columns start in the cache, usize::MAX if they are not there.
    offsets: Vec<usize>,
    curvatures: Vec<Option<Box<Curvature>>>,
    factor: Factor,
    /// That of a loss which is not quadratic.
    pub(super) frozen: Option<FrozenModel<'a>>,
}

impl Workspace<'_> {
    pub(super) fn new(nblocks: usize) -> Self {
        Self {
            cache: GramCache::default(),
            parted: PartedCache::default(),
            offsets: vec![usize::MAX; nblocks],
            curvatures: vec![None; nblocks],
            factor: Factor::default(),
            frozen: None,
        }
    }
}

/// The solutions of inner problems on the same columns.
pub(super) struct Answers {
    pub(super) columns: Vec<usize>,
    pub(super) q: usize,
    /// The coefficients of `columns`, for each λ.
    pub(super) coefficients: Vec<Vec<f64>>,
    /// Sweeps made for each λ.
    pub(super) sweeps: Vec<usize>,
}

/// Asked between two λs.
pub(super) type Between<'b> = dyn FnMut(usize, f64) -> ControlFlow<()> + 'b;

impl Answers {
    /// Writes the coefficients of one λ to their places among all.
    pub(super) fn place(&self, coefficients: &[f64], w: &mut [f64]) {
        let q = self.q;
        for (from, &j) in coefficients.chunks_exact(q).zip(&self.columns) {
            w[j * q..(j + 1) * q].copy_from_slice(from);
        }
    }
}

impl<D: Design, L: Loss, P: BlockPenalty> Engine<'_, D, L, P> {
    /// Solves the inner problem over the working set for one λ and moves w there; returns the sweeps made.
    pub(super) fn descend_to(&mut self, lambda: f64, stop: InnerStop) -> usize {
        let answers = self.descend(&[lambda], stop, &mut |_, _| ControlFlow::Continue(()));
        answers.place(&answers.coefficients[0], &mut self.w);
        answers.sweeps[0]
    }

    /// Solves the inner problem over the working set for each λ in turn, each from the answer before, up to the one before
    /// which `between` (given the sweeps of the last, and the λ) says to stop.
    pub(super) fn descend(&mut self, lambdas: &[f64], stop: InnerStop, between: &mut Between<'_>) -> Answers {
        if self.smooth.loss().as_squared().is_none() {
            return self.descend_curved(lambdas, stop, between);
        }
        let design = self.smooth.design();
        let columns = self.columns(&self.set);
        // Where sweeps have not sufficed, only second-order steps will: they need the matrix.
        let stubborn = self.q == 1 && self.solver.newton && self.iterations >= stubborn(design.nrows(), columns);
        let in_parts = self.solver.form != Form::Residual && !self.penalty.partition().is_singletons() && !stubborn;
        if let Some(parts) = design.parts().filter(|_| in_parts && self.q == 1) {
            let count = parts.iter().max().map_or(1, |last| last + 1);
            let share = columns.div_ceil(count);
            let fits = share <= GRAM_COLUMNS && share as f64 <= gram_columns(design, self.penalty, 2);
            if fits || self.solver.form == Form::Gram {
                return self.descend_parts(parts, lambdas, stop, between);
            }
        }
        let gram = match self.solver.form {
            Form::Gram => true,
            Form::Residual => false,
            Form::Auto => {
                columns <= GRAM_COLUMNS && (stubborn || columns as f64 <= gram_columns(design, self.penalty, self.q))
            }
        };
        if gram { self.descend_gram(lambdas, stop, between) } else { self.descend_residual(lambdas, stop, between) }
    }

    fn working_columns(&self) -> Vec<usize> {
        let partition = self.penalty.partition();
        self.set.iter().flat_map(|&b| partition.block(b)).collect()
    }

    /// The blocks of the working set, over its columns.
    fn working_blocks(&self) -> Vec<Active> {
        let (partition, mut start) = (self.penalty.partition(), 0);
        let each = self.set.iter().map(|&id| {
            let len = partition.block(id).len();
            start += len;
            Active { id, cols: start - len..start }
        });
        each.collect()
    }

    fn residual(&self) -> Vec<f64> {
        let y = self.smooth.loss().as_squared().map_or(&[][..], |squared| squared.y());
        self.at.eta.iter().zip(y).map(|(e, y)| e - y).collect()
    }

    /// The coefficients of these columns.
    pub(super) fn gather(&self, values: &[f64], columns: &[usize]) -> Vec<f64> {
        let q = self.q;
        columns.iter().flat_map(|&j| &values[j * q..(j + 1) * q]).copied().collect()
    }

    fn descend_gram(&mut self, lambdas: &[f64], stop: InnerStop, between: &mut Between<'_>) -> Answers {
        self.cache_columns();
        let (partition, q) = (self.penalty.partition(), self.q);
        let nu = self.smooth.loss().smoothness();
        let columns = self.work.cache.columns().to_vec();
        let w = self.gather(&self.w, &columns);
        // The free columns' gradient was projected out of `g`; the model needs it.
        let mut gradient = self.gather(&self.g, &columns);
        if self.partial || !self.free.is_empty() {
            self.smooth.design().dot_scattered(&columns, &self.at.u, &mut gradient);
        }
        let energy = kernels::sq_norm(&self.at.u) / nu;
        let offsets = &self.work.offsets;
        let blocks: Vec<Active> = (self.set.iter())
            .map(|&id| Active { id, cols: offsets[id]..offsets[id] + partition.block(id).len() })
            .collect();
        let cache = std::mem::take(&mut self.work.cache);
        let model = GramModel::new(cache.hessian(), q, w.clone(), gradient, energy);
        let state = model.state();
        let mut answers = self.run(&model, &blocks, lambdas, (w, state), (stop, between));
        self.work.cache = cache;
        answers.columns = columns;
        answers
    }

    /// [`descend_gram`](Self::descend_gram) where columns fall into parts without a common row: their products are a matrix for
    /// each part.
    fn descend_parts(
        &mut self,
        parts: &[usize],
        lambdas: &[f64],
        stop: InnerStop,
        between: &mut Between<'_>,
    ) -> Answers {
        let nu = self.smooth.loss().smoothness();
        let (columns, blocks) = (self.working_columns(), self.working_blocks());
        let mut cache = std::mem::take(&mut self.work.parted);
        cache.take_in(self.smooth.design(), parts, &columns, nu);
        let w = self.gather(&self.w, &columns);
        let mut gradient = self.gather(&self.g, &columns);
        if self.partial || !self.free.is_empty() {
            self.smooth.design().dot_scattered(&columns, &self.at.u, &mut gradient);
        }
        let energy = kernels::sq_norm(&self.at.u) / nu;
        let model = PartedGramModel::new(&cache, parts, &columns, (w.clone(), &gradient, energy));
        let state = model.state();
        let mut answers = self.run(&model, &blocks, lambdas, (w, state), (stop, between));
        self.work.parted = cache;
        answers.columns = columns;
        answers
    }

    /// Brings the products of all working columns into the cache.
    fn cache_columns(&mut self) {
        let partition = self.penalty.partition();
        let nu = self.smooth.loss().smoothness();
        let design = self.smooth.design();
        let Workspace { cache, offsets, factor, .. } = &mut self.work;
        let mut missing = Vec::new();
        let mut end = cache.columns().len();
        for &b in &self.set {
            if offsets[b] == usize::MAX {
                let cols = partition.block(b);
                offsets[b] = end;
                end += cols.len();
                missing.extend(cols);
            }
        }
        cache.extend(design, &missing, nu);
        // Columns that are not in use make every update longer.
        let used: usize = self.set.iter().map(|&b| partition.block(b).len()).sum();
        if used > 0 && cache.columns().len() > used + used / 2 + 64 {
            let keep: Vec<usize> =
                self.set.iter().flat_map(|&b| offsets[b]..offsets[b] + partition.block(b).len()).collect();
            let mut place = vec![usize::MAX; cache.columns().len()];
            keep.iter().enumerate().for_each(|(to, &from)| place[from] = to);
            factor.rename(|j| Some(place[j]).filter(|&to| to != usize::MAX));
            cache.retain(&keep, design.nrows());
            offsets.fill(usize::MAX);
            let mut end = 0;
            for &b in &self.set {
                offsets[b] = end;
                end += partition.block(b).len();
            }
        }
    }

    /// Over X itself, or over a contiguous copy of the working columns where those of X are scattered.
    fn descend_residual(&mut self, lambdas: &[f64], stop: InnerStop, between: &mut Between<'_>) -> Answers {
        let design = self.smooth.design();
        let (n, nu) = (design.nrows(), self.smooth.loss().smoothness());
        let (columns, blocks) = (self.working_columns(), self.working_blocks());
        let begin = (self.gather(&self.w, &columns), self.residual());
        let own_copy = if design.prefers_gather() { design.gathered(&columns) } else { None };
        let mut answers = if let Some(gathered) = own_copy {
            let all: Vec<usize> = (0..columns.len()).collect();
            self.run(&ResidualModel::new(&gathered, &all, nu), &blocks, lambdas, begin, (stop, between))
        } else if design.prefers_gather() {
            let mut values = vec![0.0; n * columns.len()];
            for (&j, x) in columns.iter().zip(values.chunks_exact_mut(n)) {
                design.column(j, x);
            }
            let gathered = Dense::from_gathered(values, n, columns.len());
            let all: Vec<usize> = (0..columns.len()).collect();
            self.run(&ResidualModel::new(&gathered, &all, nu), &blocks, lambdas, begin, (stop, between))
        } else {
            self.run(&ResidualModel::new(design, &columns, nu), &blocks, lambdas, begin, (stop, between))
        };
        answers.columns = columns;
        answers
    }

    fn run<M: Quadratic>(
        &mut self,
        model: &M,
        blocks: &[Active],
        lambdas: &[f64],
        (mut w, mut state): (Vec<f64>, Vec<f64>),
        (stop, between): (InnerStop, &mut Between<'_>),
    ) -> Answers {
        let Workspace { curvatures, factor, .. } = &mut self.work;
        for active in blocks {
            // Whether Ω_b depends on the norm alone does not depend on λ.
            let radial = self.penalty.radial(active.id, 1.0).is_some();
            curvatures[active.id].get_or_insert_with(|| Box::new(Curvature::new(model, active.cols.clone(), radial)));
        }
        let curvatures: Vec<&Curvature> = blocks.iter().filter_map(|active| curvatures[active.id].as_deref()).collect();
        let mut answers = Answers { columns: Vec::new(), q: self.q, coefficients: Vec::new(), sweeps: Vec::new() };
        // Single coefficients have steps that know better where to go.
        let stepwise = self.q == 1 && self.penalty.partition().is_singletons() && stop.newton;
        // The λ before the last, its w and its state.
        let mut before: Option<(f64, Vec<f64>, Vec<f64>)> = None;
        let mut previous: Option<f64> = None;
        for (k, &lambda) in lambdas.iter().enumerate() {
            if k > 0 && between(answers.sweeps[k - 1], lambda).is_break() {
                break;
            }
            let inner =
                Descent { model, penalty: self.penalty, lambda, blocks, curvatures: &curvatures, nresponses: self.q };
            if !stepwise && lambdas.len() > 1 {
                let last = previous.map(|previous| (previous, w.clone(), state.clone()));
                if let (Some((first, w0, state0)), Some((second, ..))) = (&before, &last) {
                    let length = (second - lambda) / (first - second);
                    inner.extrapolate((&mut w, &mut state), (w0, state0), length);
                }
                before = last;
                previous = Some(lambda);
            }
            answers.sweeps.push(inner.run(&mut w, &mut state, factor, stop));
            answers.coefficients.push(w.clone());
        }
        answers
    }
}
