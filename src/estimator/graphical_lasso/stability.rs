//! The choice of a graph by how often its edges come back on subsamples.

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result};
use crate::estimator::{GraphicalLasso, GraphicalPath, PrecisionModel};
use crate::folds::shuffle;
use crate::grid::Grid;
use crate::parallel;

const MOST: usize = 1_000_000;

/// Random subsamples, drawn without replacement from a seed.
///
/// ```
/// use sparsereg::prelude::*;
/// let subsamples = Subsamples::new(50).size(40).seed(7);
/// assert_eq!(subsamples, Subsamples::new(50).size(40).seed(7));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subsamples {
    count: usize,
    size: Option<usize>,
    seed: u64,
}

impl Subsamples {
    /// So many of them (2 to a million), each with `10√n` of n samples, or 80 % if n ≤ 144 (Liu, Roeder and Wasserman 2010).
    pub fn new(count: usize) -> Self {
        Self { count, size: None, seed: 0 }
    }

    /// Samples in each. Error bounds of [`GraphicalStability::false_edges`] are for half of all.
    pub fn size(mut self, size: usize) -> Self {
        self.size = Some(size);
        self
    }

    /// The seed, 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn draw(&self, n: usize, least: usize) -> Result<Vec<Vec<usize>>> {
        let usual = if n > 144 { (10.0 * (n as f64).sqrt()) as usize } else { 4 * n / 5 };
        let size = self.size.unwrap_or(usual.max(1));
        if size < least || size >= n {
            let expected = "at least two samples (one if means are not removed) and fewer than there are";
            return Err(Error::OutOfRange { argument: "subsample size", index: vec![], value: size as f64, expected });
        }
        if !(2..=MOST).contains(&self.count) {
            let expected = "2 to 1 000 000";
            let value = self.count as f64;
            return Err(Error::OutOfRange { argument: "subsamples", index: vec![], value, expected });
        }
        let draw = |k: usize| {
            let mut rows: Vec<usize> = (0..n).collect();
            // Seeds that follow each other would give shifted streams of one generator.
            shuffle(&mut rows, self.seed ^ (k as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03));
            rows.truncate(size);
            rows.sort_unstable();
            rows
        };
        Ok((0..self.count).map(draw).collect())
    }
}

/// How often every edge was found on subsamples, along a path.
#[derive(Debug, Clone)]
pub struct GraphicalStability {
    path: GraphicalPath,
    count: usize,
    /// For each λ and each pair i < j, in the order of j, then i: the number of subsamples with this edge.
    found: Vec<Vec<u32>>,
    instability: Vec<f64>,
    /// Mean number of penalised pairs that are edges anywhere on a subsample's path, and the number of penalised pairs.
    selected: f64,
    pairs: usize,
    /// Two subsamples fit side by side into the samples.
    halves: bool,
}

impl GraphicalStability {
    /// The models on all samples, one per λ.
    pub fn path(&self) -> &GraphicalPath {
        &self.path
    }

    /// The share of subsamples in which each pair was an edge at the k-th λ, symmetric; `None` if there is no such λ.
    pub fn frequencies(&self, k: usize) -> Option<Array2<f64>> {
        let found = self.found.get(k)?;
        let p = self.size();
        let share = |i: usize, j: usize| f64::from(found[pair(i, j)]) / self.count as f64;
        Some(Array2::from_shape_fn((p, p), |(i, j)| if i == j { 0.0 } else { share(i.min(j), i.max(j)) }))
    }

    /// `D(λ)`: the mean over all penalised pairs of `2θ(1 − θ)`, with the frequency θ of an edge, made monotone in λ: how much two
    /// subsamples disagree.
    pub fn instability(&self) -> &[f64] {
        &self.instability
    }

    /// StARS: the model at the smallest λ before which `D` stays within `limit` (usually 0.05; at most ½), the densest
    /// graph that is reproducible (Liu, Roeder and Wasserman 2010). The first model if there is none.
    pub fn stars(&self, limit: f64) -> &PrecisionModel {
        let stable = self.instability.iter().take_while(|&&d| d <= limit).count();
        &self.path.models()[stable.saturating_sub(1)]
    }

    /// Stability selection: the pairs i < j which at some λ are edges in at least a share `threshold` of the subsamples, with that
    /// share, the most frequent first (Meinshausen and Bühlmann 2010).
    pub fn stable_edges(&self, threshold: f64) -> Vec<(usize, usize, f64)> {
        let mut edges = Vec::new();
        for j in 0..self.size() {
            for i in 0..j {
                let most = self.found.iter().map(|found| found[pair(i, j)]).max().unwrap_or(0);
                let share = f64::from(most) / self.count as f64;
                if most > 0 && share >= threshold {
                    edges.push((i, j, share));
                }
            }
        }
        edges.sort_by(|a, b| b.2.total_cmp(&a.2));
        edges
    }

    /// Bound on the expected number of false edges among the [`stable_edges`](Self::stable_edges), `q² / ((2π − 1) P)` for the
    /// threshold π > ½, P pairs and q edges found along the path on average (Meinshausen and Bühlmann 2010, theorem 1: for
    /// subsamples of at most half the size, and if noise edges are exchangeable, which unequal weights prevent). Short
    /// paths, that stop where q is small, keep it small. ∞ for larger subsamples, such as the usual ones of less than 400
    /// samples, and for π ≤ ½. Pairs that a weight of 0 or ∞ decides do not count.
    pub fn false_edges(&self, threshold: f64) -> f64 {
        if self.pairs == 0 {
            0.0
        } else if threshold > 0.5 && self.halves {
            self.selected * self.selected / ((2.0 * threshold - 1.0) * self.pairs as f64)
        } else {
            f64::INFINITY
        }
    }

    fn size(&self) -> usize {
        self.path.models().first().map_or(0, |m| m.precision().ncols())
    }
}

/// Place of the pair i < j.
fn pair(i: usize, j: usize) -> usize {
    j * (j - 1) / 2 + i
}

impl GraphicalLasso {
    /// Walks the grid on all samples and on every subsample (in parallel, the same bits for any number of threads) and counts
    /// the edges.
    ///
    /// # Errors
    /// As [`path`](Self::path) and [`fit`](Self::fit), for every subsample; a number of subsamples or a size that does not fit.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// // x1 follows x0, x2 is alone
    /// let noise = |i: usize, j: usize| ((i * 7919 + j * 104729 + i * i * 31) % 1009) as f64 / 1009.0 - 0.5;
    /// let samples = Array2::from_shape_fn((80, 3), |(i, j)| noise(i, j) + if j == 1 { 2.0 * noise(i, 0) } else { 0.0 });
    /// let stability = GraphicalLasso::default()
    ///     .correlation_scale(true)
    ///     .stability(&samples, &Subsamples::new(20).seed(1), Grid::values([0.8, 0.6, 0.4, 0.3, 0.2]))?;
    /// assert_eq!(stability.stable_edges(0.9).first().map(|e| (e.0, e.1)), Some((0, 1)));
    /// assert_eq!(stability.stars(0.05).edges()[0].j, 1);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn stability<S>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        subsamples: &Subsamples,
        grid: Grid,
    ) -> Result<GraphicalStability>
    where
        S: Data<Elem = f64> + Sync,
    {
        let (n, p) = samples.dim();
        let draws = subsamples.draw(n, if self.assume_centered { 1 } else { 2 })?;
        let path = self.path(samples, grid)?;
        let lambdas = path.lambdas();
        let penalised = |i: usize, j: usize| match &self.weights {
            Some(weights) => weights[[i, j]] > 0.0 && weights[[i, j]] < f64::INFINITY,
            None => true,
        };
        let open: Vec<bool> = (0..p).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| penalised(i, j)).collect();
        let pairs = open.iter().filter(|&&open| open).count();
        let work = draws.len() * lambdas.len() * p * p * p;
        let walks = parallel::map_indexed(draws.len(), work, |k| {
            let covariance = self.moments(samples, Some(&draws[k]))?;
            // One model at a time: only its edges are kept.
            let mut last: Option<PrecisionModel> = None;
            let mut walk = Vec::with_capacity(lambdas.len());
            for &lambda in &lambdas {
                let model = self.accept(self.solve_one(&covariance, lambda, last.as_ref(), &mut ())?)?;
                let theta = model.precision();
                let below = (0..p).flat_map(|j| (0..j).map(move |i| (i, j)));
                let edges = below.filter(|&(i, j)| theta[[i, j]] != 0.0).map(|(i, j)| pair(i, j) as u32);
                walk.push(edges.collect::<Vec<_>>());
                last = Some(model);
            }
            Ok(walk)
        });
        let mut found = vec![vec![0u32; open.len()]; lambdas.len()];
        let mut selected = 0usize;
        for walk in walks {
            let mut union: Vec<u32> = Vec::new();
            for (found, edges) in found.iter_mut().zip(walk?) {
                edges.iter().for_each(|&e| found[e as usize] += 1);
                union.extend(edges.into_iter().filter(|&e| open[e as usize]));
            }
            union.sort_unstable();
            union.dedup();
            selected += union.len();
        }
        let count = draws.len();
        let mut worst = 0.0f64;
        let instability = (found.iter())
            .map(|found| {
                let share = |&c: &u32| f64::from(c) / count as f64;
                let counted = found.iter().zip(&open).filter(|(_, open)| **open);
                let sum: f64 = counted.map(|(c, _)| 2.0 * share(c) * (1.0 - share(c))).sum();
                worst = worst.max(sum / pairs.max(1) as f64);
                worst
            })
            .collect();
        let halves = draws.iter().all(|rows| 2 * rows.len() <= n);
        let selected = selected as f64 / count as f64;
        Ok(GraphicalStability { path, count, found, instability, selected, pairs, halves })
    }
}
