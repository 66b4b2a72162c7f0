//! Sorted ℓ1 (SLOPE): `Ω(W) = Σ_i ω_i |w|_(i)`, the largest coefficient with the largest weight
//! (Bogdan, van den Berg, Sabatti, Su and Candès 2015).

use std::cell::RefCell;

use crate::error::{Error, Result, check_scalar, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, Pattern};
use crate::prox::{self, SortedScratch};
use crate::ranks::normal_quantile;

/// `Ω(W) = Σ_i ω_i |w|_(i)`, ω_1 ≥ ω_2 ≥ … ≥ 0, where |w|_(1) ≥ |w|_(2) ≥ … are the sizes of the coefficients; with several
/// responses those of the rows of W, `‖W_j‖₂`. Equal weights are the lasso and the multi-task norm.
///
/// Coefficients of correlated columns come out with exactly the same size.
///
/// ```
/// use sparsereg::penalty::{Penalty, SortedL1};
/// let penalty = SortedL1::new(vec![2.0, 1.0])?;
/// assert_eq!(penalty.value(0.5, &[1.0, -3.0]), 3.5); // 0.5 · (2 · 3 + 1 · 1)
/// // The dual norm: max(3/2, (3 + 1)/3)
/// assert_eq!(penalty.critical_lambda(&[1.0, -3.0]), 1.5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SortedL1 {
    partition: Partition,
    weights: Vec<f64>,
}

impl SortedL1 {
    /// The weights ω, as many as there are columns.
    ///
    /// # Errors
    /// No weights; a weight that is negative, not finite, or larger than the one before.
    pub fn new(weights: Vec<f64>) -> Result<Self> {
        if weights.is_empty() {
            return Err(Error::Empty { argument: "weights" });
        }
        check_weights("weights", &weights, false)?;
        if let Some(i) = (1..weights.len()).find(|&i| weights[i] > weights[i - 1]) {
            return Err(Error::OutOfRange {
                argument: "weights",
                index: vec![i],
                value: weights[i],
                expected: "weights that do not increase",
            });
        }
        Ok(Self { partition: Partition::whole(weights.len()), weights })
    }

    /// The Benjamini–Hochberg sequence `ω_i = Φ⁻¹(1 − iq/(2p))` of a false discovery rate q ∈ (0, 1) (Bogdan et al. 2015,
    /// eq. 1.7). Multiplied by the noise level over √n it is meant for columns with mean square 1.
    ///
    /// # Errors
    /// `q` outside (0, 1), no columns.
    pub fn benjamini_hochberg(ncols: usize, q: f64) -> Result<Self> {
        check_scalar("q", q, f64::MIN_POSITIVE, 1.0 - f64::EPSILON, "a number in (0, 1)")?;
        let p = ncols as f64;
        // Φ⁻¹(1 − x) = −Φ⁻¹(x), which has all digits for a small x.
        Self::new((1..=ncols).map(|i| (-normal_quantile(i as f64 * q / (2.0 * p))).max(0.0)).collect())
    }

    /// OSCAR: `ω_i = l1 + pairwise·(p − i)`, that is `l1‖w‖₁ + pairwise Σ_{j<k} max(|w_j|, |w_k|)` (Bondell and Reich 2008).
    ///
    /// # Errors
    /// A number that is negative or not finite, no columns.
    pub fn oscar(ncols: usize, l1: f64, pairwise: f64) -> Result<Self> {
        check_scalar("l1", l1, 0.0, f64::MAX, "a finite number >= 0")?;
        check_scalar("pairwise", pairwise, 0.0, f64::MAX, "a finite number >= 0")?;
        Self::new((1..=ncols).map(|i| l1 + pairwise * (ncols - i) as f64).collect())
    }

    /// Equal weights: the lasso.
    ///
    /// # Errors
    /// No columns.
    pub fn lasso(ncols: usize) -> Result<Self> {
        Self::new(vec![1.0; ncols])
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    fn responses(&self, v: &[f64]) -> usize {
        v.len() / self.weights.len()
    }

    /// Calls `f` with the sizes of the rows.
    fn with_sizes<T>(&self, v: &[f64], f: impl FnOnce(&[f64], &mut SortedScratch) -> T) -> T {
        let q = self.responses(v);
        SCRATCH.with_borrow_mut(|scratch| {
            if q == 1 { f(v, scratch) } else { f(&v.chunks_exact(q).map(prox::norm2).collect::<Vec<_>>(), scratch) }
        })
    }
}

thread_local! {
    static SCRATCH: RefCell<SortedScratch> = RefCell::default();
}

impl BlockPenalty for SortedL1 {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, _b: usize, lambda: f64, w: &[f64]) -> f64 {
        let value = self.with_sizes(w, |sizes, scratch| prox::sorted_l1_value(sizes, &self.weights, scratch));
        if value == 0.0 { 0.0 } else { lambda * value }
    }

    fn prox_block(&self, _b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let q = self.responses(v);
        let t = lambda * step;
        if q == 1 {
            SCRATCH.with_borrow_mut(|scratch| prox::sorted_l1(v, t, &self.weights, scratch));
            return;
        }
        let before: Vec<f64> = v.chunks_exact(q).map(prox::norm2).collect();
        let mut after = before.clone();
        SCRATCH.with_borrow_mut(|scratch| prox::sorted_l1(&mut after, t, &self.weights, scratch));
        for ((v, before), after) in v.chunks_exact_mut(q).zip(before).zip(after) {
            let factor = if before > 0.0 { after / before } else { 0.0 };
            v.iter_mut().for_each(|v| *v *= factor);
        }
    }

    fn critical_lambda_block(&self, _b: usize, g: &[f64]) -> f64 {
        self.with_sizes(g, |sizes, scratch| prox::sorted_l1_critical(sizes, &self.weights, scratch))
    }

    fn is_free(&self, _b: usize, lambda: f64) -> bool {
        lambda == 0.0 || self.weights[0] == 0.0
    }

    fn couples_columns(&self) -> bool {
        self.weights.len() > 1
    }

    fn linear_pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
        if self.responses(w) != 1 {
            return None;
        }
        let mut order: Vec<usize> = (0..w.len()).filter(|&j| w[j] != 0.0).collect();
        order.sort_unstable_by(|&a, &b| w[b].abs().total_cmp(&w[a].abs()).then(a.cmp(&b)));
        let mut pattern = Pattern::new();
        let mut from = 0;
        while from < order.len() {
            let size = w[order[from]].abs();
            let to = from + order[from..].iter().take_while(|&&j| w[j].abs() == size).count();
            let slope = lambda * self.weights[from..to].iter().sum::<f64>();
            pattern.push(order[from..to].iter().map(|&j| (j, w[j].signum())), slope);
            from = to;
        }
        Some(pattern)
    }

    fn candidates(&self, threshold: f64, g: &[f64]) -> Option<Vec<usize>> {
        Some(self.with_sizes(g, |sizes, scratch| prox::sorted_l1_candidates(sizes, threshold, &self.weights, scratch)))
    }

    fn restrict(&self, columns: &[usize]) -> Option<Box<dyn BlockPenalty>> {
        // The others are zero: the last, with the last weights.
        let weights = self.weights.get(..columns.len())?.to_vec();
        Some(Box::new(Self { partition: Partition::whole(columns.len()), weights }))
    }
}
