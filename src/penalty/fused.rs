//! Total variation along a chain of columns, with an ℓ1 part as an option: the fused lasso
//! (Tibshirani, Saunders, Rosset, Zhu and Knight 2005).

use std::cell::RefCell;

use crate::error::{Result, check_length, check_scalar, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, Pattern};
use crate::prox::{self, ChainScratch};

/// `Ω(w) = τ‖w‖₁ + (1−τ) Σ_j ω_j |w_{j+1} − w_j|`: τ = 1 is the lasso, τ = 0 total variation alone, of which constants are free.
/// Each response has its own chain.
///
/// ```
/// use sparsereg::penalty::{Fused, Penalty, Step};
/// let penalty = Fused::new(4, 0.0)?;
/// let mut v = [1.0, 1.5, 5.0, 4.0];
/// penalty.prox(1.0, Step::Uniform(1.0), &mut v);
/// assert_eq!(v, [1.75, 1.75, 4.0, 4.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fused {
    partition: Partition,
    tau: f64,
    edges: Option<Vec<f64>>,
}

impl Fused {
    /// A chain of `ncols` columns; `tau` ∈ [0, 1] is the share of the ℓ1 norm.
    ///
    /// # Errors
    /// `tau` outside [0, 1].
    pub fn new(ncols: usize, tau: f64) -> Result<Self> {
        check_scalar("tau", tau, 0.0, 1.0, "a number in [0, 1]")?;
        Ok(Self { partition: Partition::whole(ncols), tau, edges: None })
    }

    /// One weight ω_j ∈ [0, ∞) for each edge between columns j and j + 1; 0 cuts the chain.
    ///
    /// # Errors
    /// A length that is not one less than the number of columns, a weight that is negative or not finite.
    pub fn with_edge_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("edge_weights", self.partition.ncols().saturating_sub(1), weights.len())?;
        check_weights("edge_weights", &weights, false)?;
        self.edges = Some(weights);
        Ok(self)
    }

    fn edge(&self, j: usize) -> f64 {
        self.edges.as_ref().map_or(1.0, |e| e[j])
    }

    /// (λτ, λ(1−τ)).
    fn parts(&self, lambda: f64) -> (f64, f64) {
        (lambda * self.tau, lambda * (1.0 - self.tau))
    }

    /// Calls `f` with each response's chain and writes it back.
    fn each_chain(&self, v: &mut [f64], mut f: impl FnMut(&mut [f64])) {
        let p = self.partition.ncols();
        let q = v.len() / p.max(1);
        if q <= 1 {
            f(v);
            return;
        }
        let mut chain = vec![0.0; p];
        for t in 0..q {
            chain.iter_mut().enumerate().for_each(|(j, c)| *c = v[j * q + t]);
            f(&mut chain);
            chain.iter().enumerate().for_each(|(j, c)| v[j * q + t] = *c);
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<ChainScratch> = RefCell::default();
}

impl BlockPenalty for Fused {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, _b: usize, lambda: f64, w: &[f64]) -> f64 {
        let (l1, fused) = self.parts(lambda);
        let q = w.len() / self.partition.ncols();
        let size: f64 = if l1 > 0.0 { w.iter().map(|w| w.abs()).sum() } else { 0.0 };
        let steps = |(j, (a, b)): (usize, (&[f64], &[f64]))| {
            self.edge(j) * a.iter().zip(b).map(|(a, b)| (b - a).abs()).sum::<f64>()
        };
        let variation: f64 = w.chunks_exact(q).zip(w[q..].chunks_exact(q)).enumerate().map(steps).sum();
        if size == 0.0 && variation == 0.0 { 0.0 } else { l1 * size + fused * variation }
    }

    fn prox_block(&self, _b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (l1, fused) = self.parts(lambda);
        SCRATCH.with_borrow_mut(|scratch| {
            self.each_chain(v, |v| {
                prox::total_variation(v, step * l1, step * fused, self.edges.as_deref(), scratch);
            });
        });
    }

    fn critical_lambda_block(&self, _b: usize, g: &[f64]) -> f64 {
        let mut critical = 0.0f64;
        let mut g = g.to_vec();
        self.each_chain(&mut g, |g| {
            let one = prox::total_variation_critical(g, self.tau, 1.0 - self.tau, self.edges.as_deref());
            if one > critical || one.is_nan() {
                critical = one;
            }
        });
        critical
    }

    fn couples_columns(&self) -> bool {
        self.partition.ncols() > 1
    }

    fn free_directions(&self) -> Vec<Vec<(usize, f64)>> {
        if self.tau > 0.0 {
            return Vec::new();
        }
        let p = self.partition.ncols();
        let mut directions: Vec<Vec<(usize, f64)>> = Vec::new();
        for j in 0..p {
            if j == 0 || self.edge(j - 1) == 0.0 {
                directions.push(Vec::new());
            }
            if let Some(last) = directions.last_mut() {
                last.push((j, 1.0));
            }
        }
        directions
    }

    fn linear_pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
        let (l1, fused) = self.parts(lambda);
        let p = self.partition.ncols();
        let q = w.len() / p.max(1);
        let mut pattern = Pattern::new();
        for t in 0..q {
            let at = |j: usize| w[j * q + t];
            let mut from = 0;
            while from < p {
                let linked = |j: usize| fused * self.edge(j) > 0.0;
                let mut to = from + 1;
                while to < p && linked(to - 1) && at(to) == at(from) {
                    to += 1;
                }
                let level = at(from);
                // Zero is a kink of the ℓ1 part, and no direction.
                if level != 0.0 || l1 == 0.0 {
                    let mut slope = l1 * (to - from) as f64 * level.signum();
                    if from > 0 && linked(from - 1) {
                        slope += fused * self.edge(from - 1) * (level - at(from - 1)).signum();
                    }
                    if to < p && linked(to - 1) {
                        slope += fused * self.edge(to - 1) * (level - at(to)).signum();
                    }
                    pattern.push((from..to).map(|j| (j * q + t, 1.0)), slope);
                }
                from = to;
            }
        }
        Some(pattern)
    }
}
