//! Any penalty, and columns without: intercepts. Over the coefficients of several tasks, too, which are blocks of the columns of
//! each task in place of one column and all responses.

use crate::partition::Partition;
use crate::penalty::{BlockPenalty, Pattern, ratio};

/// Ω on the first columns, nothing on the last ones.
#[derive(Debug, Clone)]
pub(crate) struct WithFreeColumn<P> {
    inner: P,
    /// That of Ω and a block for each free column; `None` if it is that of Ω.
    partition: Option<Partition>,
    /// The block of Ω behind each one here, where these are others.
    blocks: Option<Vec<usize>>,
    /// Where free columns begin.
    penalised: usize,
}

impl<P: BlockPenalty> WithFreeColumn<P> {
    pub(crate) fn new(inner: P, free: bool) -> Self {
        let partition = free.then(|| inner.partition().with_last());
        let penalised = inner.partition().len();
        Self { inner, partition, blocks: None, penalised }
    }

    /// How many of so many coefficients are those of Ω.
    fn own(&self, len: usize) -> usize {
        len / self.partition().ncols().max(1) * self.inner.partition().ncols()
    }

    pub(crate) fn inner(&self) -> &P {
        &self.inner
    }

    /// Takes another penalty over the same blocks; returns the one before.
    pub(crate) fn replace(&mut self, inner: P) -> P {
        std::mem::replace(&mut self.inner, inner)
    }

    /// Over blocks of other sizes, of which number k is block `blocks[k]` of Ω, and so many free columns.
    pub(crate) fn over(inner: P, mut partition: Partition, blocks: Vec<usize>, free: usize) -> Self {
        let penalised = partition.len();
        (0..free).for_each(|_| partition = partition.with_last());
        Self { inner, partition: Some(partition), blocks: Some(blocks), penalised }
    }

    /// The block of Ω; `None` for a free column.
    #[inline]
    fn block_of(&self, b: usize) -> Option<usize> {
        match &self.blocks {
            _ if b >= self.penalised => None,
            None => Some(b),
            Some(blocks) => Some(blocks[b]),
        }
    }
}

impl<P: BlockPenalty> BlockPenalty for WithFreeColumn<P> {
    #[inline]
    fn partition(&self) -> &Partition {
        self.partition.as_ref().unwrap_or_else(|| self.inner.partition())
    }

    fn is_convex(&self) -> bool {
        BlockPenalty::is_convex(&self.inner)
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        self.block_of(b).map_or(0.0, |b| self.inner.value_block(b, lambda, w))
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        if let Some(b) = self.block_of(b) {
            self.inner.prox_block(b, lambda, step, v);
        }
    }

    #[inline]
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        match self.block_of(b) {
            None => ratio(g.iter().fold(0.0, |m: f64, g| m.max(g.abs())), 0.0),
            Some(b) => self.inner.critical_lambda_block(b, g),
        }
    }

    fn keeps_zero_block(&self, b: usize, lambda: f64, g: &[f64]) -> bool {
        match self.block_of(b) {
            None => g.iter().all(|&g| g == 0.0),
            Some(b) => self.inner.keeps_zero_block(b, lambda, g),
        }
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        match self.block_of(b) {
            None if g.iter().all(|&g| g == 0.0) => 0.0,
            None => f64::INFINITY,
            Some(b) => self.inner.conjugate_block(b, lambda, g),
        }
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        match self.block_of(b) {
            None => g.iter().map(|g| g * g).sum::<f64>().sqrt(),
            Some(b) => self.inner.kkt_block(b, lambda, w, g),
        }
    }

    fn fenchel_young_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64], s: f64, scratch: &mut Vec<f64>) -> f64 {
        match self.block_of(b) {
            None => self.conjugate_block(b, lambda, g),
            Some(b) => self.inner.fenchel_young_block(b, lambda, w, g, s, scratch),
        }
    }

    fn project_dual_block(&self, b: usize, lambda: f64, g: &mut [f64]) -> bool {
        match self.block_of(b) {
            None => {
                g.fill(0.0);
                true
            }
            Some(b) => self.inner.project_dual_block(b, lambda, g),
        }
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        self.inner.screening_constant(self.block_of(b)?)
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        self.block_of(b).is_none_or(|b| self.inner.curvature_block(b, lambda, w, grad, hess))
    }

    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        self.block_of(b).is_none_or(|b| self.inner.prox_block_diagonal(b, lambda, h, v))
    }

    fn radial(&self, b: usize, lambda: f64) -> Option<(f64, f64)> {
        self.inner.radial(self.block_of(b)?, lambda)
    }

    fn is_entrywise(&self) -> bool {
        self.inner.is_entrywise()
    }

    fn has_coordinate_kinks(&self) -> bool {
        self.inner.has_coordinate_kinks()
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        self.block_of(b).is_none_or(|b| self.inner.is_free(b, lambda))
    }

    fn couples_columns(&self) -> bool {
        self.inner.couples_columns()
    }

    fn linear_pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
        let own = self.own(w.len());
        let mut pattern = self.inner.linear_pattern(lambda, &w[..own])?;
        (own..w.len()).for_each(|i| pattern.push([(i, 1.0)], 0.0));
        Some(pattern)
    }

    fn free_directions(&self) -> Vec<Vec<(usize, f64)>> {
        self.inner.free_directions()
    }

    fn candidates(&self, threshold: f64, g: &[f64]) -> Option<Vec<usize>> {
        let mut candidates = self.inner.candidates(threshold, &g[..self.own(g.len())])?;
        if self.partition.is_some() {
            candidates.insert(0, self.inner.partition().ncols());
        }
        Some(candidates)
    }

    /// The free column, if there is one, is the last of `columns`.
    fn restrict(&self, columns: &[usize]) -> Option<Box<dyn BlockPenalty>> {
        let Some((&last, others)) = columns.split_last().filter(|_| self.partition.is_some()) else {
            return self.inner.restrict(columns);
        };
        (last == self.inner.partition().ncols()).then_some(())?;
        Some(Box::new(WithFreeColumn::new(self.inner.restrict(others)?, true)))
    }
}
