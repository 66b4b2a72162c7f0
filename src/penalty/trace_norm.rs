//! Trace (nuclear) norm: `Ω(W) = Σ_k σ_k(W)` (Yuan, Ekici, Lu and Monteiro 2007).

use crate::linalg;
use crate::partition::Partition;
use crate::penalty::BlockPenalty;
use crate::prox;

/// `Ω(W) = Σ_k σ_k(W)`, the sum of the singular values of the p×q matrix: answers have a low rank. With one response it is
/// `‖w‖₂`.
///
/// ```
/// use sparsereg::penalty::{Penalty, Step, TraceNorm};
/// let penalty = TraceNorm::new(2);
/// let mut w = [3.0, 0.0, 0.0, 1.0]; // singular values 3 and 1
/// assert!((penalty.value(0.5, &w) - 2.0).abs() < 1e-15);
/// penalty.prox(1.0, Step::Uniform(1.5), &mut w);
/// assert!((w[0] - 1.5).abs() < 1e-15 && w[3] == 0.0);
/// ```
#[derive(Debug, Clone)]
pub struct TraceNorm {
    partition: Partition,
}

impl TraceNorm {
    /// The norm for matrices of `ncols` rows: W has one for each column of X.
    pub fn new(ncols: usize) -> Self {
        Self { partition: Partition::whole(ncols) }
    }

    /// p and q of a matrix.
    fn shape(&self, w: &[f64]) -> (usize, usize) {
        let p = self.partition.ncols();
        (p, w.len() / p.max(1))
    }

    /// Descending; NaN for what has none.
    fn singular_values(&self, w: &[f64]) -> Vec<f64> {
        let (p, q) = self.shape(w);
        if p == 1 || q == 1 {
            return vec![prox::norm2(w)];
        }
        // W by rows is Wᵀ by columns.
        linalg::singular_values(w, q, p).unwrap_or_else(|_| vec![f64::NAN])
    }
}

impl BlockPenalty for TraceNorm {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, _b: usize, lambda: f64, w: &[f64]) -> f64 {
        let sum: f64 = self.singular_values(w).iter().sum();
        if sum == 0.0 { 0.0 } else { lambda * sum }
    }

    fn prox_block(&self, _b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (p, q) = self.shape(v);
        let t = lambda * step;
        if p == 1 || q == 1 {
            prox::block_soft_threshold(v, t);
            return;
        }
        let Ok(svd) = linalg::svd(v, q, p) else {
            v.fill(f64::NAN);
            return;
        };
        v.fill(0.0);
        for (k, &s) in svd.values.iter().enumerate().take_while(|&(_, &s)| s > t) {
            let (left, right) = (&svd.left[k * q..(k + 1) * q], &svd.right[k * p..(k + 1) * p]);
            for (row, r) in v.chunks_exact_mut(q).zip(right) {
                row.iter_mut().zip(left).for_each(|(v, l)| *v += (s - t) * r * l);
            }
        }
    }

    fn critical_lambda_block(&self, _b: usize, g: &[f64]) -> f64 {
        self.singular_values(g).first().copied().unwrap_or(0.0)
    }

    fn couples_columns(&self) -> bool {
        self.partition.ncols() > 1
    }
}
