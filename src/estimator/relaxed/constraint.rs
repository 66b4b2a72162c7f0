//! What is left of a penalty at λ = 0: nothing, or the constraints on single coefficients.

use crate::partition::Partition;
use crate::penalty::BlockPenalty;

/// The constraints of Ω on some of its columns, each a block of its own.
pub(super) struct Constraint<'a, P> {
    inner: &'a P,
    partition: Partition,
    /// For each column the block of Ω, its first column, and how many it has.
    places: Vec<(usize, usize, usize)>,
    columns: Vec<usize>,
    /// How many of the columns are features: what comes after is the intercept.
    features: usize,
}

impl<'a, P: BlockPenalty> Constraint<'a, P> {
    pub(super) fn new(inner: &'a P, columns: &[usize], features: usize) -> Self {
        let mut block_of = vec![(0, 0, 0); inner.partition().ncols()];
        for (b, range) in inner.partition().iter().enumerate() {
            block_of[range.clone()].fill((b, range.start, range.len()));
        }
        let places = columns.iter().map(|&k| block_of[k]).collect();
        Self { inner, partition: Partition::singletons(columns.len()), places, columns: columns.to_vec(), features }
    }

    fn is_unconstrained(&self, b: usize) -> bool {
        self.inner.is_free(self.places[b].0, 0.0)
    }

    /// Calls `f` with the block that holds these values in the place of the column, and zeros elsewhere.
    fn with<T>(&self, b: usize, values: &[f64], f: impl FnOnce(usize, &mut [f64]) -> T) -> (T, Vec<f64>) {
        let (block, start, len) = self.places[b];
        let (q, at) = (values.len(), self.columns[b] - start);
        let mut all = vec![0.0; len * q];
        all[at * q..(at + 1) * q].copy_from_slice(values);
        let out = f(block, &mut all);
        (out, all[at * q..(at + 1) * q].to_vec())
    }
}

impl<P: BlockPenalty> BlockPenalty for Constraint<'_, P> {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, _lambda: f64, w: &[f64]) -> f64 {
        if self.is_unconstrained(b) { 0.0 } else { self.with(b, w, |block, w| self.inner.value_block(block, 0.0, w)).0 }
    }

    fn prox_block(&self, b: usize, _lambda: f64, step: f64, v: &mut [f64]) {
        if !self.is_unconstrained(b) {
            let ((), projected) = self.with(b, v, |block, v| self.inner.prox_block(block, 0.0, step, v));
            v.copy_from_slice(&projected);
        }
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        // A box is projected to coefficient by coefficient, whatever the metric.
        for (v, h) in v.iter_mut().zip(h) {
            self.prox_block(b, lambda, 1.0 / h, std::slice::from_mut(v));
        }
        true
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let balanced = if self.is_unconstrained(b) {
            g.iter().all(|&g| g == 0.0)
        } else {
            self.with(b, g, |block, g| self.inner.critical_lambda_block(block, g)).0 == 0.0
        };
        if balanced { 0.0 } else { f64::INFINITY }
    }

    fn conjugate_block(&self, b: usize, _lambda: f64, g: &[f64]) -> f64 {
        if self.is_unconstrained(b) {
            return if g.iter().all(|&g| g == 0.0) { 0.0 } else { f64::INFINITY };
        }
        // Bounds on both sides can hold against any gradient.
        self.with(b, g, |block, g| self.inner.conjugate_block(block, 0.0, g)).0
    }

    fn kkt_block(&self, b: usize, _lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        if self.is_unconstrained(b) {
            return g.iter().map(|g| g * g).sum::<f64>().sqrt();
        }
        let mut v: Vec<f64> = w.iter().zip(g).map(|(w, g)| w - g).collect();
        self.prox_block(b, 0.0, 1.0, &mut v);
        v.iter().zip(w).map(|(v, w)| (v - w) * (v - w)).sum::<f64>().sqrt()
    }

    fn curvature_block(&self, _b: usize, _lambda: f64, _w: &[f64], _grad: &mut [f64], _hess: &mut [f64]) -> bool {
        true
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn has_coordinate_kinks(&self) -> bool {
        (0..self.places.len()).any(|b| !self.is_unconstrained(b))
    }

    /// At other λ, at which nothing is solved, only the intercept: the model that a tolerance is relative to.
    fn is_free(&self, b: usize, lambda: f64) -> bool {
        if lambda == 0.0 { self.is_unconstrained(b) } else { b >= self.features }
    }
}
